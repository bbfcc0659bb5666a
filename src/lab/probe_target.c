/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of a probe: names to namespaces, addresses and ports, and what the
 * engine expects of the flow. A Service as destination stands for all of its
 * endpoints: they must be of one opinion for there to be an expectation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/probe.h"
#include "lab/run.h"

/* "ns/name" or "ns/kind/name" to a running pod; a workload's first replica. */
static uint32_t find_pod(const struct wr_lab *lab, const char *text)
{
	char ns[256], kind[64], name[256];
	if (sscanf(text, "%255[^/]/%63[^/]/%255s", ns, kind, name) == 3) {
		int k = wr_kind_parse(kind);
		for (uint32_t i = 0; i < lab->world->n_pods && k >= 0; i++) {
			const struct wr_pod *p = &lab->world->pods[i];
			if (!strcmp(p->ns, ns) && !strcmp(p->owner_name, name) &&
			    !strcmp(p->owner_kind, wr_kind_name(k)))
				return i;
		}
		return WR_NONE;
	}
	if (sscanf(text, "%255[^/]/%255s", ns, name) != 2)
		return WR_NONE;
	uint32_t pod = wr_world_find_pod(lab->world, ns, name, WR_KIND_COUNT);
	for (uint32_t i = 0; i < lab->world->n_pods && pod == WR_NONE; i++)
		if (!strcmp(lab->world->pods[i].ns, ns) &&
		    !strcmp(lab->world->pods[i].owner_name, name))
			pod = i;
	return pod;
}

static const struct wr_ip *pod_ip(const struct wr_pod *pod, uint8_t family)
{
	for (size_t i = 0; i < pod->n_ips; i++)
		if (!family || pod->ips[i].family == family)
			return &pod->ips[i];
	return NULL;
}

static int no_such(struct wr_diags *diags, const char *what, const char *name)
{
	return wr_lab_error(diags, -EINVAL, "%s \"%s\": no such pod, Service or address in the lab",
			    what, name);
}

/* ---- source ---- */

static bool is_node_ip(const struct wr_lab *lab, const struct wr_ip *ip, uint32_t *node)
{
	for (*node = 0; *node < lab->state->n_nodes; ++*node) {
		struct wr_ip have = wr_lab_node_ip(*node, ip->family);
		if (wr_ip_equal(&have, ip))
			return true;
	}
	return false;
}

/* An address as source: a pod's, a node's, or one outside. */
static int source_ip(struct wr_lab *lab, const struct wr_ip *ip, const char *text,
		     struct probe_target *out, struct wr_diags *diags)
{
	struct wr_side side;
	uint32_t node;
	wr_side_ip(lab->program, ip, &side);
	out->src = *ip;
	if (is_node_ip(lab, ip, &node)) {
		wr_lab_node_netns(out->netns, lab->state, node);
		return 0;
	}
	if (side.pod != WR_NONE) {
		const struct wr_pod *pod = &lab->world->pods[side.pod];
		const struct wr_lab_pod_alloc *a = wr_lab_find_pod_alloc(lab->state, pod->ns,
									 pod->name);
		if (!a)
			return no_such(diags, "from", text);
		wr_lab_pod_netns(out->netns, lab->state, a->id);
		return 0;
	}
	for (size_t i = 0; i < lab->state->outside.n; i++)
		if (wr_ip_equal(&lab->state->outside.items[i].ip, ip)) {
			wr_lab_outside_netns(out->netns, lab->state);
			return 0;
		}
	return no_such(diags, "from", text);
}

static const struct wr_ip *outside_ip(const struct wr_lab *lab, const char *name, uint8_t family)
{
	for (size_t i = 0; i < lab->state->outside.n; i++) {
		const struct wr_lab_outside *o = &lab->state->outside.items[i];
		if ((!family || o->ip.family == family) &&
		    (!strcmp(name, "outside") || (o->name && !strcmp(o->name, name))))
			return &o->ip;
	}
	return NULL;
}

static int source(struct wr_lab *lab, const struct wr_lab_flow *flow, uint8_t family,
		  struct probe_target *out, struct wr_diags *diags)
{
	struct wr_ip ip;
	if (!wr_ip_parse(flow->from, &ip))
		return source_ip(lab, &ip, flow->from, out, diags);
	const struct wr_ip *named = outside_ip(lab, flow->from, family);
	if (named)
		return source_ip(lab, named, flow->from, out, diags);
	uint32_t pod = find_pod(lab, flow->from);
	const struct wr_ip *have = pod == WR_NONE ? NULL : pod_ip(&lab->world->pods[pod], family);
	if (!have)
		return no_such(diags, "from", flow->from);
	return source_ip(lab, have, flow->from, out, diags);
}

/* ---- destination ---- */

struct destination {
	const struct wr_service *service; /* or NULL */
	uint32_t pod;                     /* or WR_NONE */
	struct wr_ip ip;
};

static const struct wr_service *find_service(const struct wr_lab *lab, const char *text,
					     const struct wr_ip *ip)
{
	char ns[256], name[256];
	bool named = text && sscanf(text, "service/%255[^/]/%255s", ns, name) == 2;
	for (uint32_t i = 0; i < lab->world->n_services; i++) {
		const struct wr_service *s = &lab->world->services[i];
		const struct wr_lab_svc_alloc *a = wr_lab_find_svc_alloc(lab->state, s->ns,
									 s->name);
		if (named && !strcmp(s->ns, ns) && !strcmp(s->name, name))
			return s;
		if (ip && a && (wr_ip_equal(&a->ip4, ip) || wr_ip_equal(&a->ip6, ip)))
			return s;
	}
	return NULL;
}

static int destination(struct wr_lab *lab, const struct wr_lab_flow *flow, uint8_t family,
		       struct destination *out, struct wr_diags *diags)
{
	*out = (struct destination){.pod = WR_NONE};
	if (!wr_ip_parse(flow->to, &out->ip)) {
		struct wr_side side;
		wr_side_ip(lab->program, &out->ip, &side);
		out->pod = side.pod;
		out->service = find_service(lab, NULL, &out->ip);
		return 0;
	}
	const struct wr_ip *named = outside_ip(lab, flow->to, family);
	if (named) {
		out->ip = *named;
		return 0;
	}
	out->service = find_service(lab, flow->to, NULL);
	if (out->service) {
		const struct wr_lab_svc_alloc *a =
			wr_lab_find_svc_alloc(lab->state, out->service->ns, out->service->name);
		if (!a || !(family == WR_IPV6 ? a->ip6 : a->ip4).family)
			return wr_lab_error(diags, -EINVAL, "%s has no address of that family",
					    flow->to);
		out->ip = family == WR_IPV6 ? a->ip6 : a->ip4;
		return 0;
	}
	out->pod = find_pod(lab, flow->to);
	const struct wr_ip *ip = out->pod == WR_NONE ? NULL
						     : pod_ip(&lab->world->pods[out->pod], family);
	if (!ip)
		return no_such(diags, "to", flow->to);
	out->ip = *ip;
	return 0;
}

static int port_number(const struct wr_lab *lab, const struct wr_lab_flow *flow,
		       const struct destination *dst, uint16_t *out, struct wr_diags *diags)
{
	*out = 0;
	if (!wr_proto_has_ports(flow->proto))
		return 0;
	if (!flow->port)
		return wr_lab_error(diags, -EINVAL, "%s -> %s: a port is needed for %s", flow->from,
				    flow->to, wr_proto_name(flow->proto));
	char *end;
	unsigned long n = strtoul(flow->port, &end, 10);
	if (!*end && n >= 1 && n <= 65535) {
		*out = (uint16_t)n;
		return 0;
	}
	const struct wr_pod *pod = dst->pod == WR_NONE ? NULL : &lab->world->pods[dst->pod];
	for (size_t i = 0; pod && i < pod->n_ports; i++)
		if (pod->ports[i].name && pod->ports[i].proto == flow->proto &&
		    !strcmp(pod->ports[i].name, flow->port)) {
			*out = pod->ports[i].port;
			return 0;
		}
	return wr_lab_error(diags, -EINVAL, "%s has no port \"%s\" for %s", flow->to, flow->port,
			    wr_proto_name(flow->proto));
}

/* ---- expectation ---- */

static enum wr_lab_outcome judge(const struct wr_lab *lab, const struct wr_ip *src,
				 const struct wr_ip *dst, uint8_t proto, uint16_t port,
				 bool by_service)
{
	struct wr_side s, d;
	struct wr_verdict v;
	wr_side_ip(lab->program, src, &s);
	wr_side_ip(lab->program, dst, &d);
	d.by_service = by_service;
	wr_evaluate(lab->program, &s, &d, proto, port, &v);
	return v.allow ? WR_LAB_ALLOW : WR_LAB_DENY;
}

static void expect_service(const struct wr_lab *lab, const struct wr_service *s,
			   const struct probe_target *t, struct wr_lab_result *r)
{
	unsigned yes = 0, no = 0;
	const struct wr_service_object *o = &s->object->service;
	for (size_t p = 0; p < o->n_ports; p++) {
		if (o->ports[p].proto != t->proto || o->ports[p].port != t->port)
			continue;
		for (size_t i = 0; i < s->n_pods; i++) {
			const struct wr_pod *pod = &lab->world->pods[s->pods[i]];
			const struct wr_ip *ip = pod_ip(pod, t->dst.family);
			uint16_t port = wr_service_target(&o->ports[p], pod);
			if (!ip || !port)
				continue;
			bool allow = judge(lab, &t->src, ip, t->proto, port, true) == WR_LAB_ALLOW;
			yes += allow;
			no += !allow;
		}
	}
	if (yes && no)
		r->note = "the Service's endpoints differ: some would allow it";
	else if (!yes && !no)
		r->note = "the Service has no such port, or no endpoints";
	r->expected = yes ? WR_LAB_ALLOW : WR_LAB_DENY;
}

int wr_lab_probe_target(struct wr_lab *lab, const struct wr_lab_flow *flow,
			struct probe_target *out, struct wr_lab_result *result,
			struct wr_diags *diags)
{
	struct wr_ip given;
	struct destination dst;
	uint8_t family = flow->family;
	if (!family && !wr_ip_parse(flow->to, &given))
		family = given.family;
	if (!family && !wr_ip_parse(flow->from, &given))
		family = given.family;
	if (!family)
		family = WR_IPV4;
	int rc = source(lab, flow, family, out, diags);
	if (!rc)
		rc = destination(lab, flow, family, &dst, diags);
	if (!rc)
		rc = port_number(lab, flow, &dst, &out->port, diags);
	if (rc)
		return rc;
	out->dst = dst.ip;
	out->proto = flow->proto;
	if (flow->proto == WR_ICMP && out->dst.family == WR_IPV6)
		out->proto = WR_ICMPV6;
	if (dst.service)
		expect_service(lab, dst.service, out, result);
	else
		result->expected = judge(lab, &out->src, &out->dst, out->proto, out->port, false);
	if (out->src.family != out->dst.family)
		result->note = "the two ends have no address of one family";
	else if (out->proto == WR_SCTP)
		result->note = "SCTP is not probed: many kernels have no sockets of it";
	else if (out->proto != WR_TCP && out->proto != WR_UDP && out->proto != WR_ICMP &&
		 out->proto != WR_ICMPV6)
		result->note = "only TCP, UDP and ICMP are probed";
	return 0;
}

/* ---- every pair ---- */

static bool is_probed(const struct wr_pod *pod)
{
	/* the lab's own DNS server takes no part: nobody asked about it */
	return !pod->host_network && !pod->completed && pod->n_ips &&
	       !(!strcmp(pod->ns, "kube-system") && !strcmp(pod->name, "kube-dns"));
}

int wr_lab_all_flows(struct wr_lab *lab, struct wr_lab_flow **flows, size_t *n)
{
	const struct wr_world *w = lab->world;
	size_t most = 0, at = 0;
	for (uint32_t i = 0; i < w->n_pods; i++)
		most += w->pods[i].n_ports * w->n_pods;
	struct wr_lab_flow *all = wr_arena_array(lab->arena, most, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (uint32_t s = 0; s < w->n_pods; s++)
		for (uint32_t d = 0; d < w->n_pods; d++) {
			if (s == d || !is_probed(&w->pods[s]) || !is_probed(&w->pods[d]))
				continue;
			for (size_t p = 0; p < w->pods[d].n_ports; p++) {
				const struct wr_container_port *port = &w->pods[d].ports[p];
				struct wr_lab_flow f = {
					.from = wr_arena_printf(lab->arena, "%s/%s", w->pods[s].ns,
								w->pods[s].name),
					.to = wr_arena_printf(lab->arena, "%s/%s", w->pods[d].ns,
							      w->pods[d].name),
					.proto = port->proto,
					.port = wr_arena_printf(lab->arena, "%u", port->port),
				};
				if (!f.from || !f.to || !f.port)
					return -ENOMEM;
				all[at++] = f;
			}
		}
	*flows = all;
	*n = at;
	return 0;
}
