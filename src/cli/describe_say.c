/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/describe_say.h"

#include <stdarg.h>
#include <string.h>

#include "engine/program.h"

const char *wr_say_text(struct wr_say *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *t = wr_arena_vprintf(s->a, fmt, ap);
	va_end(ap);
	if (!t)
		s->failed = true;
	return t ? t : "";
}

void wr_say_add(struct wr_say *s, struct wr_texts *list, const char *t)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 8;
		const char **items = wr_arena_array(s->a, cap, sizeof(*items));
		if (!items) {
			s->failed = true;
			return;
		}
		if (list->n)
			memcpy(items, list->items, list->n * sizeof(*items));
		list->items = items;
		list->cap = cap;
	}
	list->items[list->n++] = t;
}

void wr_say_remark(struct wr_say *s, const char *t)
{
	wr_say_add(s, &s->out->remarks, t);
}

void wr_say_policy(struct wr_say *s, struct wr_texts *list, const struct wr_policy *p)
{
	char title[WR_POLICY_TITLE];
	wr_policy_title(p, title);
	if (p->object->kind == WR_KIND_BASELINEADMINNETWORKPOLICY)
		wr_say_add(s, list, wr_say_text(s, "%s", title));
	else
		wr_say_add(s, list, wr_say_text(s, "%s (priority %d)", title, p->priority));
}

const char *wr_say_list(struct wr_say *s, const struct wr_texts *list)
{
	const char *t = "";
	for (size_t i = 0; i < list->n && i < WR_SAY_NAMES; i++)
		t = wr_say_text(s, "%s%s%s", t,
				!i                 ? ""
				: i + 1 == list->n ? " and "
						   : ", ",
				list->items[i]);
	return list->n > WR_SAY_NAMES ? wr_say_text(s, "%s and %zu more", t, list->n - WR_SAY_NAMES)
				      : t;
}

const char *wr_say_plural(size_t n)
{
	return n == 1 ? "" : "s";
}

const char *wr_say_direction(enum wr_direction dir)
{
	return dir == WR_EGRESS ? "egress" : "ingress";
}

/* ---- pods that selectors hold ---- */

bool wr_say_selectable(const struct wr_pod *pod)
{
	return !pod->host_network && !pod->completed;
}

bool wr_say_holds(const struct wr_world *w, const struct wr_peer *peer, const struct wr_pod *pod,
		  bool any_namespace)
{
	const struct wr_namespace *ns = &w->namespaces[pod->ns_index];
	if (!any_namespace && peer->ns_index != WR_NONE && peer->ns_index != pod->ns_index)
		return false;
	if (peer->ns_selector != WR_NONE &&
	    !wr_selector_matches(w, peer->ns_selector, ns->labels, ns->n_labels))
		return false;
	return peer->pod_selector == WR_NONE ||
	       wr_selector_matches(w, peer->pod_selector, pod->labels, pod->n_labels);
}

struct wr_said_count wr_say_count(const struct wr_world *w, const struct wr_peer *peer)
{
	struct wr_said_count c = {0};
	uint32_t last = WR_NONE;
	for (uint32_t i = 0; i < w->n_pods; i++) {
		const struct wr_pod *pod = &w->pods[i];
		if (!wr_say_selectable(pod) || !wr_say_holds(w, peer, pod, false))
			continue;
		c.pods += pod->kind == WR_KIND_POD;
		c.workloads += pod->kind != WR_KIND_POD;
		c.namespaces += pod->ns_index != last;
		last = pod->ns_index;
	}
	return c;
}

const char *wr_say_count_text(struct wr_say *s, struct wr_said_count c)
{
	const char *what;
	if (!c.pods && !c.workloads)
		return "no pod";
	if (!c.workloads)
		what = wr_say_text(s, "%zu pod%s", c.pods, wr_say_plural(c.pods));
	else if (!c.pods)
		what = wr_say_text(s, "%zu workload%s", c.workloads, wr_say_plural(c.workloads));
	else
		what = wr_say_text(s, "%zu pod%s and %zu workload%s", c.pods, wr_say_plural(c.pods),
				   c.workloads, wr_say_plural(c.workloads));
	return c.namespaces > 1 ? wr_say_text(s, "%s in %zu namespaces", what, c.namespaces) : what;
}

const char *wr_say_selector(struct wr_say *s, uint32_t selector)
{
	const char *t = selector == WR_NONE ? "" : wr_selector_format(s->w, selector, s->a);
	s->failed = s->failed || !t;
	return t ? t : "";
}

/* "pods with app=web", "every pod" */
static const char *pods_text(struct wr_say *s, uint32_t selector)
{
	const char *labels = wr_say_selector(s, selector);
	return *labels ? wr_say_text(s, "pods with %s", labels) : "every pod";
}

/* "pods with app=web in namespaces with team=x" */
static const char *where_text(struct wr_say *s, const struct wr_peer *peer)
{
	const char *pods = pods_text(s, peer->pod_selector);
	if (peer->ns_index != WR_NONE)
		return wr_say_text(s, "%s in namespace %s", pods,
				   s->w->namespaces[peer->ns_index].name);
	const char *labels = wr_say_selector(s, peer->ns_selector);
	return *labels ? wr_say_text(s, "%s in namespaces with %s", pods, labels)
		       : wr_say_text(s, "%s in every namespace", pods);
}

/* ---- whom it selects ---- */

static void add_selected(struct wr_say *s, const struct wr_pod *pod)
{
	if (pod->kind == WR_KIND_POD)
		wr_say_add(s, &s->out->pods, wr_say_text(s, "%s/%s", pod->ns, pod->name));
	else
		wr_say_add(s, &s->out->pods,
			   wr_say_text(s, "%s/%s (%s)", pod->ns, pod->name,
				       wr_kind_name(pod->kind)));
}

static void remark_subject(struct wr_say *s, size_t hosts)
{
	if (!s->out->pods.n)
		wr_say_remark(
			s,
			"it selects no pod in these manifests, so that it has no effect on them");
	if (hosts)
		wr_say_remark(
			s,
			wr_say_text(
				s,
				"%zu pod%s with matching labels use%s the network of the node: no "
				"policy applies to %s",
				hosts, wr_say_plural(hosts), hosts == 1 ? "s" : "",
				hosts == 1 ? "it" : "them"));
}

void wr_say_subject(struct wr_say *s)
{
	const struct wr_peer *subject = &s->policy->subject;
	const char *names = "";
	size_t hosts = 0, n = 0;
	for (uint32_t i = 0; i < s->w->n_pods; i++) {
		const struct wr_pod *pod = &s->w->pods[i];
		if (!wr_say_holds(s->w, subject, pod, false))
			continue;
		hosts += pod->host_network;
		if (!wr_say_selectable(pod))
			continue;
		add_selected(s, pod);
		const char *comma = n ? ", " : "";
		if (n++ >= WR_SAY_NAMES)
			continue;
		names = s->policy->ns
				? wr_say_text(s, "%s%s%s", names, comma, pod->name)
				: wr_say_text(s, "%s%s%s/%s", names, comma, pod->ns, pod->name);
	}
	s->out->subject = where_text(s, subject);
	s->out->selects = "no pod in these manifests";
	if (n)
		s->out->selects = wr_say_text(
			s, "%s: %s%s", wr_say_count_text(s, wr_say_count(s->w, subject)), names,
			n > WR_SAY_NAMES ? wr_say_text(s, " and %zu more", n - WR_SAY_NAMES) : "");
	remark_subject(s, hosts);
}

bool wr_say_shares(const struct wr_world *w, const struct wr_policy *p, const struct wr_policy *q)
{
	uint32_t first = 0, end = w->n_pods;
	uint32_t ns = p->subject.ns_index != WR_NONE ? p->subject.ns_index : q->subject.ns_index;
	if (ns != WR_NONE) {
		first = w->namespaces[ns].first_pod;
		end = first + w->namespaces[ns].n_pods;
	}
	for (uint32_t i = first; i < end; i++)
		if (wr_say_selectable(&w->pods[i]) &&
		    wr_say_holds(w, &p->subject, &w->pods[i], false) &&
		    wr_say_holds(w, &q->subject, &w->pods[i], false))
			return true;
	return false;
}

/* ---- peers ---- */

static const char *except_text(struct wr_say *s, const struct wr_peer *peer)
{
	const char *list = "";
	char cidr[WR_CIDR_TEXT];
	for (size_t i = 0; i < peer->n_except; i++) {
		const char *between = !i ? " except " : i + 1 == peer->n_except ? " and " : ", ";
		list = wr_say_text(s, "%s%s%s", list, between,
				   wr_cidr_format(&peer->except[i], cidr));
	}
	return list;
}

/* "nodes with pool=edge: 2 nodes" */
static const char *nodes_text(struct wr_say *s, const struct wr_peer *peer)
{
	size_t n = 0;
	for (uint32_t i = 0; i < s->w->n_nodes; i++)
		n += wr_selector_matches(s->w, peer->node_selector, s->w->nodes[i].labels,
					 s->w->nodes[i].n_labels);
	const char *labels = wr_say_selector(s, peer->node_selector);
	return *labels ? wr_say_text(s, "nodes with %s: %zu node%s", labels, n, wr_say_plural(n))
		       : wr_say_text(s, "every node: %zu node%s", n, wr_say_plural(n));
}

static const char *domains_text(struct wr_say *s, const struct wr_peer *peer)
{
	const char *list = "";
	for (size_t i = 0; i < peer->n_domains; i++)
		list = wr_say_text(s, "%s%s%s", list, i ? ", " : "", peer->domains[i]);
	return wr_say_text(
		s, "the domain%s %s: nothing yet, for weir does not learn addresses from DNS",
		wr_say_plural(peer->n_domains), list);
}

/* "pods with app=web in namespaces with team=x: 2 pods" */
const char *wr_say_peer(struct wr_say *s, const struct wr_peer *peer)
{
	char cidr[WR_CIDR_TEXT];
	switch (peer->kind) {
	case WR_PEER_IPBLOCK:
		return wr_say_text(s, "addresses in %s%s", wr_cidr_format(&peer->cidr, cidr),
				   except_text(s, peer));
	case WR_PEER_NODES:
		return nodes_text(s, peer);
	case WR_PEER_DOMAINS:
		return domains_text(s, peer);
	case WR_PEER_NOTHING:
		return "nothing";
	case WR_PEER_PODS:
		break;
	}
	return wr_say_text(s, "%s%s: %s", where_text(s, peer),
			   peer->ns_index == WR_NONE ? "" : ", the policy's own",
			   wr_say_count_text(s, wr_say_count(s->w, peer)));
}

/* ---- ports ---- */

static bool block_holds(const struct wr_peer *peer, const struct wr_pod *pod)
{
	for (size_t i = 0; i < pod->n_ips; i++) {
		bool in = wr_cidr_contains(&peer->cidr, &pod->ips[i]);
		for (size_t k = 0; k < peer->n_except && in; k++)
			in = !wr_cidr_contains(&peer->except[k], &pod->ips[i]);
		if (in)
			return true;
	}
	return false;
}

/* Pods on which a rule's named port is looked up: the selected ones, or the peers. */
static bool resolves_port(const struct wr_say *s, enum wr_direction dir, const struct wr_rule *r,
			  const struct wr_pod *pod)
{
	if (!wr_say_selectable(pod))
		return false;
	if (dir == WR_INGRESS)
		return wr_say_holds(s->w, &s->policy->subject, pod, false);
	for (size_t i = 0; i < r->n_peers; i++) {
		const struct wr_peer *peer = &r->peers[i];
		if (peer->kind == WR_PEER_PODS
			    ? wr_say_holds(s->w, peer, pod, false)
			    : peer->kind == WR_PEER_IPBLOCK && block_holds(peer, pod))
			return true;
	}
	return r->any_peer;
}

/* The numbers that a name stands for on pods: distinct keys, the first of them kept. */
struct numbers {
	uint32_t keys[WR_SAY_NAMES];
	size_t n, have, lack; /* pods that have a port of that name, and that have none */
	bool more;
};

static void note_number(struct numbers *all, uint32_t key)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->keys[i] == key)
			return;
	if (all->n < WR_SAY_NAMES)
		all->keys[all->n++] = key;
	else
		all->more = true;
}

static void look_up(struct numbers *all, const struct wr_pod *pod, const struct wr_port *port)
{
	bool found = false;
	for (size_t i = 0; i < pod->n_ports; i++) {
		const struct wr_container_port *c = &pod->ports[i];
		if (!c->name || (port->proto && c->proto != port->proto) ||
		    strcmp(c->name, port->name) != 0)
			continue;
		found = true;
		note_number(all, WR_KEY(c->proto, c->port));
	}
	all->have += found;
	all->lack += !found;
}

/* "80, 8080", or with protocols where the port names none: "TCP 80, UDP 53" */
static const char *numbers_text(struct wr_say *s, const struct numbers *all, bool protocols)
{
	const char *list = "";
	for (size_t i = 0; i < all->n; i++)
		list = wr_say_text(s, "%s%s%s%s%u", list, i ? ", " : "",
				   protocols ? wr_proto_name((uint8_t)(all->keys[i] >> 16)) : "",
				   protocols ? " " : "", all->keys[i] & 0xffff);
	return all->more ? wr_say_text(s, "%s, ...", list) : list;
}

/* "TCP http (80, 8080; 1 of the pods has no such port)" */
static const char *named_port_text(struct wr_say *s, enum wr_direction dir, size_t rule,
				   const struct wr_port *port)
{
	const struct wr_rule *r = &s->policy->rules[dir][rule];
	const char *proto = port->proto ? wr_proto_name(port->proto) : "any protocol's";
	const char *kind = port->proto ? wr_say_text(s, "%s port", proto) : "port";
	struct numbers all = {0};
	for (uint32_t i = 0; i < s->w->n_pods; i++)
		if (resolves_port(s, dir, r, &s->w->pods[i]))
			look_up(&all, &s->w->pods[i], port);
	if (all.have)
		return wr_say_text(s, "%s %s (%s%s)", proto, port->name,
				   numbers_text(s, &all, !port->proto),
				   all.lack ? wr_say_text(s, "; %zu of the pods ha%s no such port",
							  all.lack, all.lack == 1 ? "s" : "ve")
					    : "");
	wr_say_remark(s, wr_say_text(s,
				     "%s rule %zu: none of the destination pods has a %s named %s: "
				     "it %s nothing",
				     wr_say_direction(dir), rule + 1, kind, port->name,
				     s->policy->ns ? "allows" : "matches"));
	return wr_say_text(s, "%s %s (no destination pod has it)", proto, port->name);
}

/* v1alpha1 takes ranges that begin after their end, and protocols that do not exist. */
static const char *no_port_text(struct wr_say *s, const struct wr_port *port)
{
	if (port->name)
		return wr_say_text(s, "no port: there is no protocol %s with ports", port->name);
	return wr_say_text(s, "no port: the range %s %u-%u begins after its end",
			   wr_proto_name(port->proto), port->first, port->last);
}

const char *wr_say_port(struct wr_say *s, enum wr_direction dir, size_t rule,
			const struct wr_port *port)
{
	const char *proto = wr_proto_name(port->proto);
	switch (port->kind) {
	case WR_PORTS_ALL:
		return wr_say_text(s, "every %s port", proto);
	case WR_PORTS_NAMED:
		return named_port_text(s, dir, rule, port);
	case WR_PORTS_RANGE:
		break;
	}
	if (port->last < port->first)
		return no_port_text(s, port);
	if (port->first == port->last)
		return wr_say_text(s, "%s %u", proto, port->first);
	return wr_say_text(s, "%s %u-%u", proto, port->first, port->last);
}
