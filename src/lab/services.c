/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services: what kube-proxy would do on each node, in one nft table.
 *
 * A Service's port is a rule that jumps, by chance, to the chain of one of its
 * endpoints; the chain rewrites the destination. Hairpin connections, those by
 * way of a NodePort and those that leave the cluster get the node's address as
 * their source. The table is replaced as a whole, in one transaction.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "lab/lab.h"
#include "lab/run.h"

#define NODE_PORT_FIRST 30000
#define NODE_PORT_LAST 32767

static const char *proto_word(uint8_t proto)
{
	return proto == WR_UDP ? "udp" : proto == WR_SCTP ? "sctp" : "tcp";
}

static const char *family_word(uint8_t family)
{
	return family == WR_IPV4 ? "ip" : "ip6";
}

/* ---- addresses and node ports ---- */

static bool has_cluster_ip(const struct wr_service_object *s)
{
	return !s->headless && strcmp(s->type, "ExternalName");
}

static bool has_node_ports(const struct wr_service_object *s)
{
	return !strcmp(s->type, "NodePort") || !strcmp(s->type, "LoadBalancer");
}

static bool ip_taken(const struct wr_lab_state *st, const struct wr_ip *ip)
{
	for (size_t i = 0; i < st->services.n; i++)
		if (wr_ip_equal(&st->services.items[i].ip4, ip) ||
		    wr_ip_equal(&st->services.items[i].ip6, ip))
			return true;
	return false;
}

/* The first free address of the Services' range above those kept for the cluster's own. */
static int free_ip(const struct wr_lab_state *st, uint8_t family, struct wr_ip *out)
{
	struct wr_cidr net;
	int rc = wr_cidr_parse(family == WR_IPV4 ? WR_LAB_SVC_NET4 : WR_LAB_SVC_NET6, &net);
	struct wr_ip ip = net.ip;
	for (unsigned i = 0; i < 100; i++)
		wr_ip_next(&ip);
	for (; !rc && wr_cidr_contains(&net, &ip); wr_ip_next(&ip))
		if (!ip_taken(st, &ip)) {
			*out = ip;
			return 0;
		}
	return rc ? rc : -ENOSPC;
}

static bool in_service_net(const struct wr_ip *ip)
{
	struct wr_cidr net;
	return !wr_cidr_parse(ip->family == WR_IPV4 ? WR_LAB_SVC_NET4 : WR_LAB_SVC_NET6, &net) &&
	       wr_cidr_contains(&net, ip);
}

/* An address of a family for a Service: the one that it asks for, or a free one. */
static int assign_ip(struct wr_lab_state *st, const struct wr_service_object *s, uint8_t family,
		     struct wr_ip *out)
{
	for (size_t i = 0; i < s->n_cluster_ips; i++)
		if (s->cluster_ips[i].family == family && in_service_net(&s->cluster_ips[i]) &&
		    !ip_taken(st, &s->cluster_ips[i])) {
			*out = s->cluster_ips[i];
			return 0;
		}
	return free_ip(st, family, out);
}

static bool node_port_taken(const struct wr_lab_state *st, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < st->services.n; i++)
		for (size_t k = 0; k < st->services.items[i].ports.n; k++)
			if (st->services.items[i].ports.items[k].proto == proto &&
			    st->services.items[i].ports.items[k].node_port == port)
				return true;
	return false;
}

static uint16_t find_node_port(const struct wr_lab_svc_alloc *a, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < a->ports.n; i++)
		if (a->ports.items[i].proto == proto && a->ports.items[i].port == port)
			return a->ports.items[i].node_port;
	return 0;
}

static int assign_node_port(struct wr_lab_state *st, struct wr_lab_svc_alloc *a,
			    const struct wr_service_port *p)
{
	if (find_node_port(a, p->proto, p->port))
		return 0;
	uint32_t port = p->node_port;
	if (!port || node_port_taken(st, p->proto, (uint16_t)port))
		for (port = NODE_PORT_FIRST; port <= NODE_PORT_LAST; port++)
			if (!node_port_taken(st, p->proto, (uint16_t)port))
				break;
	if (port > 65535)
		return -ENOSPC;
	return wr_vec_push(&a->ports, (struct wr_lab_node_port){p->proto, p->port, (uint16_t)port});
}

static int assign_service(struct wr_lab_state *st, const struct wr_service *svc)
{
	const struct wr_service_object *s = &svc->object->service;
	struct wr_lab_svc_alloc *a = wr_lab_find_svc_alloc(st, svc->ns, svc->name);
	if (!a) {
		struct wr_lab_svc_alloc new = {.ns = wr_arena_strdup(st->arena, svc->ns),
					       .name = wr_arena_strdup(st->arena, svc->name)};
		if (!new.ns || !new.name || wr_vec_push(&st->services, new) < 0)
			return -ENOMEM;
		a = &st->services.items[st->services.n - 1];
	}
	bool want4 = s->want_ipv4 || !s->want_ipv6;
	int rc = 0;
	if (want4 && !a->ip4.family)
		rc = assign_ip(st, s, WR_IPV4, &a->ip4);
	if (!rc && s->want_ipv6 && !a->ip6.family)
		rc = assign_ip(st, s, WR_IPV6, &a->ip6);
	for (size_t i = 0; i < s->n_ports && !rc && has_node_ports(s); i++)
		rc = assign_node_port(st, a, &s->ports[i]);
	return rc;
}

int wr_lab_services_assign(struct wr_lab *lab, struct wr_diags *diags)
{
	for (uint32_t i = 0; i < lab->world->n_services; i++) {
		const struct wr_service *svc = &lab->world->services[i];
		if (!has_cluster_ip(&svc->object->service))
			continue;
		int rc = assign_service(lab->state, svc);
		if (rc)
			return wr_lab_error(diags, rc,
					    "no address or node port for Service %s/%s: %s",
					    svc->ns, svc->name, strerror(-rc));
	}
	return 0;
}

/* ---- endpoints ---- */

static const struct wr_ip *pod_ip(const struct wr_pod *pod, uint8_t family)
{
	for (size_t i = 0; i < pod->n_ips; i++)
		if (pod->ips[i].family == family)
			return &pod->ips[i];
	return NULL;
}

/* Writes the chains of a port's endpoints; returns how many there are. */
static unsigned endpoint_chains(const struct wr_lab *lab, uint32_t svc, size_t port, uint8_t family,
				struct wr_buf *out)
{
	const struct wr_service *s = &lab->world->services[svc];
	const struct wr_service_port *p = &s->object->service.ports[port];
	unsigned n = 0;
	char ip[WR_IP_TEXT];
	for (size_t i = 0; i < s->n_pods; i++) {
		const struct wr_pod *pod = &lab->world->pods[s->pods[i]];
		const struct wr_ip *addr = pod_ip(pod, family);
		uint16_t target = wr_service_target(p, pod);
		if (!addr || !target)
			continue;
		wr_buf_printf(out, "\tchain ep_%u_%zu_%u_%u {\n", svc, port, family, n++);
		wr_buf_printf(out,
			      family == WR_IPV4 ? "\t\tip protocol %s dnat ip to %s:%u\n"
						: "\t\tmeta l4proto %s dnat ip6 to [%s]:%u\n",
			      proto_word(p->proto), wr_ip_format(addr, ip), target);
		wr_buf_text(out, "\t}\n");
	}
	return n;
}

static void jump_to_endpoints(uint32_t svc, size_t port, uint8_t family, unsigned n,
			      struct wr_buf *out)
{
	if (n == 1) {
		wr_buf_printf(out, "goto ep_%u_%zu_%u_0\n", svc, port, family);
		return;
	}
	wr_buf_printf(out, "numgen random mod %u vmap { ", n);
	for (unsigned i = 0; i < n; i++)
		wr_buf_printf(out, "%s%u : goto ep_%u_%zu_%u_%u", i ? ", " : "", i, svc, port,
			      family, i);
	wr_buf_text(out, " }\n");
}

/* What goes to a port's chains, or is refused where there are no endpoints. */
struct ruleset {
	struct wr_buf *chains;
	struct wr_buf jumps, refusals;
};

static void port_rules(const struct wr_lab *lab, uint32_t node, uint32_t svc, size_t port,
		       uint8_t family, struct ruleset *rs)
{
	const struct wr_service *s = &lab->world->services[svc];
	const struct wr_service_port *p = &s->object->service.ports[port];
	const struct wr_lab_svc_alloc *a = wr_lab_find_svc_alloc(lab->state, s->ns, s->name);
	const struct wr_ip *cluster = !a ? NULL : family == WR_IPV4 ? &a->ip4 : &a->ip6;
	if (!cluster || !cluster->family)
		return;
	unsigned n = endpoint_chains(lab, svc, port, family, rs->chains);
	uint16_t node_port = find_node_port(a, p->proto, p->port);
	struct wr_ip node_ip = wr_lab_node_ip(node, family);
	const struct wr_ip *ips[] = {cluster, &node_ip};
	uint16_t ports[] = {p->port, node_port};
	char ip[WR_IP_TEXT];
	for (int i = 0; i < 2; i++) {
		if (!ports[i])
			continue;
		struct wr_buf *to = n ? &rs->jumps : &rs->refusals;
		wr_buf_printf(to, "\t\t%s daddr %s %s dport %u ", family_word(family),
			      wr_ip_format(ips[i], ip), proto_word(p->proto), ports[i]);
		if (n)
			jump_to_endpoints(svc, port, family, n, to);
		else
			wr_buf_text(to, "reject\n");
	}
}

/* ---- sources ---- */

/* The addresses of all pods, as a set; those of one family. */
static void pod_set(const struct wr_lab *lab, uint8_t family, struct wr_buf *out)
{
	char ip[WR_IP_TEXT];
	bool any = false;
	wr_buf_printf(out, "\tset pods%u {\n\t\ttype %s\n", family,
		      family == WR_IPV4 ? "ipv4_addr" : "ipv6_addr");
	for (uint32_t i = 0; i < lab->world->n_pods; i++) {
		const struct wr_pod *pod = &lab->world->pods[i];
		const struct wr_ip *addr = pod->host_network ? NULL : pod_ip(pod, family);
		if (!addr)
			continue;
		wr_buf_printf(out, "%s%s", any ? ", " : "\t\telements = { ",
			      wr_ip_format(addr, ip));
		any = true;
	}
	wr_buf_text(out, any ? " }\n\t}\n" : "\t}\n");
}

static void masquerade(const struct wr_lab *lab, uint32_t node, uint8_t family, struct wr_buf *out)
{
	const char *f = family_word(family);
	const char *node_net = family == WR_IPV4 ? WR_LAB_NODE_NET4 : WR_LAB_NODE_NET6;
	struct wr_ip node_ip = wr_lab_node_ip(node, family);
	char ip[WR_IP_TEXT];
	for (uint32_t i = 0; i < lab->world->n_pods; i++) {
		const struct wr_ip *addr = pod_ip(&lab->world->pods[i], family);
		if (addr && !lab->world->pods[i].host_network) {
			wr_ip_format(addr, ip);
			wr_buf_printf(out,
				      "\t\tct status dnat %s saddr %s %s daddr %s masquerade\n", f,
				      ip, f, ip);
		}
	}
	wr_buf_printf(out, "\t\tct status dnat ct original %s daddr %s masquerade\n", f,
		      wr_ip_format(&node_ip, ip));
	wr_buf_printf(out, "\t\t%s saddr @pods%u %s daddr != @pods%u %s daddr != %s masquerade\n",
		      f, family, f, family, f, node_net);
}

static const uint8_t families[] = {WR_IPV4, WR_IPV6};

void wr_lab_services_nft(const struct wr_lab *lab, uint32_t node, struct wr_buf *out)
{
	struct ruleset rs = {.chains = out};
	wr_buf_text(out,
		    "table inet weir_lab\ndelete table inet weir_lab\ntable inet weir_lab {\n");
	for (size_t f = 0; f < sizeof(families); f++)
		pod_set(lab, families[f], out);
	for (uint32_t i = 0; i < lab->world->n_services; i++)
		for (size_t p = 0; p < lab->world->services[i].object->service.n_ports; p++)
			for (size_t f = 0; f < sizeof(families); f++)
				port_rules(lab, node, i, p, families[f], &rs);
	wr_buf_text(out, "\tchain services {\n");
	wr_buf_bytes(out, rs.jumps.data, rs.jumps.n);
	wr_buf_text(out, "\t}\n\tchain prerouting {\n\t\ttype nat hook prerouting priority -100\n"
			 "\t\tjump services\n\t}\n\tchain output {\n"
			 "\t\ttype nat hook output priority -100\n\t\tjump services\n\t}\n"
			 "\tchain refuse {\n");
	wr_buf_bytes(out, rs.refusals.data, rs.refusals.n);
	wr_buf_text(out, "\t}\n\tchain forward {\n\t\ttype filter hook forward priority -10\n"
			 "\t\tjump refuse\n\t}\n\tchain local {\n"
			 "\t\ttype filter hook output priority -10\n\t\tjump refuse\n\t}\n"
			 "\tchain postrouting {\n\t\ttype nat hook postrouting priority 100\n");
	for (size_t f = 0; f < sizeof(families); f++)
		masquerade(lab, node, families[f], out);
	wr_buf_text(out, "\t}\n}\n");
	out->failed |= rs.jumps.failed || rs.refusals.failed;
	wr_buf_free(&rs.jumps);
	wr_buf_free(&rs.refusals);
}
