/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include <string.h>

/* The connection and the direction in question: whose policies, and who is the other end. */
struct question {
	const struct ref *r;
	enum wr_direction dir;
	const struct ref_side *subject, *peer, *dst;
	uint8_t proto;
	uint16_t port;
};

/* ---- labels and selectors, as text ---- */

struct labels {
	const struct wr_label *items;
	size_t n;
	const char *namespace_name; /* the label that every namespace has; NULL: these are a pod's */
};

static const char *label(const struct labels *l, const char *key)
{
	if (l->namespace_name && !strcmp(key, "kubernetes.io/metadata.name"))
		return l->namespace_name;
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->items[i].key, key))
			return l->items[i].value;
	return NULL;
}

static bool is_one_of(const char *value, const struct wr_requirement *req)
{
	for (size_t i = 0; i < req->n; i++)
		if (!strcmp(value, req->values[i]))
			return true;
	return false;
}

/* NotIn and DoesNotExist hold for an object without the label, In and Exists do not. */
static bool selects(const struct wr_label_selector *s, const struct labels *l)
{
	for (size_t i = 0; i < s->n; i++) {
		const char *value = label(l, s->reqs[i].key);
		bool holds = false;
		switch (s->reqs[i].op) {
		case WR_OP_IN:
			holds = value && is_one_of(value, &s->reqs[i]);
			break;
		case WR_OP_NOT_IN:
			holds = !value || !is_one_of(value, &s->reqs[i]);
			break;
		case WR_OP_EXISTS:
			holds = value;
			break;
		case WR_OP_NOT_EXISTS:
			holds = !value;
			break;
		}
		if (!holds)
			return false;
	}
	return true;
}

static struct labels pod_labels(const struct wr_pod *pod)
{
	const struct wr_object *o = pod->object;
	if (o->kind == WR_KIND_POD)
		return (struct labels){o->meta.labels, o->meta.n_labels, NULL};
	return (struct labels){o->workload.labels, o->workload.n_labels, NULL};
}

static struct labels namespace_labels(const struct wr_world *w, const char *name)
{
	for (uint32_t i = 0; i < w->n_namespaces; i++)
		if (!strcmp(w->namespaces[i].name, name) && w->namespaces[i].object)
			return (struct labels){w->namespaces[i].object->meta.labels,
					       w->namespaces[i].object->meta.n_labels, name};
	return (struct labels){NULL, 0, name};
}

/* ---- who is who ---- */

/* The pod that an end is to policies: hostNetwork pods are their nodes, and none. */
static const struct wr_pod *pod_of(const struct ref *r, const struct ref_side *side)
{
	if (side->pod == WR_NONE || r->world->pods[side->pod].host_network)
		return NULL;
	return &r->world->pods[side->pod];
}

static bool has_ip(const struct wr_ip *ips, size_t n, const struct wr_ip *ip)
{
	for (size_t i = 0; i < n; i++)
		if (wr_ip_equal(&ips[i], ip))
			return true;
	return false;
}

struct ref_side ref_address(const struct ref *r, const struct wr_ip *ip)
{
	for (uint32_t i = 0; i < r->world->n_pods; i++) {
		const struct wr_pod *pod = &r->world->pods[i];
		if (!pod->host_network && !pod->completed && has_ip(pod->ips, pod->n_ips, ip))
			return (struct ref_side){i, *ip};
	}
	return (struct ref_side){WR_NONE, *ip};
}

/* The node that an end is: by its address, or because the pod lives on the host's network. */
static uint32_t node_of(const struct ref *r, const struct ref_side *side)
{
	const struct wr_world *w = r->world;
	if (side->pod != WR_NONE)
		return w->pods[side->pod].host_network ? w->pods[side->pod].node : WR_NONE;
	for (uint32_t i = 0; i < w->n_nodes; i++)
		if (has_ip(w->nodes[i].ips, w->nodes[i].n_ips, &side->ip))
			return i;
	for (uint32_t i = 0; i < w->n_pods; i++)
		if (w->pods[i].host_network && !w->pods[i].completed &&
		    has_ip(w->pods[i].ips, w->pods[i].n_ips, &side->ip))
			return w->pods[i].node;
	return WR_NONE;
}

/* ---- peers ---- */

/* Bit by bit: whether an address begins with a prefix. */
static bool in_prefix(const struct wr_cidr *c, const struct wr_ip *ip)
{
	if (c->ip.family != ip->family)
		return false;
	for (unsigned bit = 0; bit < c->len; bit++)
		if ((c->ip.b[bit / 8] ^ ip->b[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static bool in_block(const struct question *q, const struct wr_cidr *cidr,
		     const struct wr_cidr *except, size_t n)
{
	const struct wr_ip *ip = &q->peer->ip;
	if (!ip->family || (q->r->ipblocks_skip_pods && pod_of(q->r, q->peer)))
		return false;
	for (size_t i = 0; i < n; i++)
		if (in_prefix(&except[i], ip))
			return false;
	return in_prefix(cidr, ip);
}

/* A peer of a NetworkPolicy in namespace ns. */
static bool peer_matches(const struct question *q, const char *ns, const struct wr_np_peer *peer)
{
	if (peer->has_ip_block)
		return in_block(q, &peer->cidr, peer->except, peer->n_except);
	const struct wr_pod *pod = pod_of(q->r, q->peer);
	if (!pod)
		return false;
	struct labels of_ns = namespace_labels(q->r->world, pod->ns), of_pod = pod_labels(pod);
	if (peer->ns_selector ? !selects(peer->ns_selector, &of_ns) : strcmp(pod->ns, ns) != 0)
		return false;
	return !peer->pod_selector || selects(peer->pod_selector, &of_pod);
}

/* A peer or the subject of a cluster-wide policy, of pods. */
static bool cp_pods(const struct wr_world *w, const struct wr_cp_peer *peer,
		    const struct wr_pod *pod)
{
	struct labels of_ns = namespace_labels(w, pod->ns), of_pod = pod_labels(pod);
	return selects(&peer->namespaces, &of_ns) && selects(&peer->pods, &of_pod);
}

static bool cp_node(const struct question *q, const struct wr_cp_peer *peer)
{
	const struct wr_world *w = q->r->world;
	uint32_t node = node_of(q->r, q->peer);
	if (node == WR_NONE)
		return false;
	const struct wr_object *o = w->nodes[node].object;
	struct labels labels = {o ? o->meta.labels : NULL, o ? o->meta.n_labels : 0, NULL};
	return selects(&peer->nodes, &labels);
}

static bool cp_peer_matches(const struct question *q, const struct wr_cp_peer *peer)
{
	const struct wr_pod *pod = pod_of(q->r, q->peer);
	switch (peer->kind) {
	case WR_CP_PODS:
		return pod && cp_pods(q->r->world, peer, pod);
	case WR_CP_NODES:
		return cp_node(q, peer);
	case WR_CP_NETWORKS:
		for (size_t i = 0; i < peer->n_networks; i++)
			if (in_block(q, &peer->networks[i], NULL, 0))
				return true;
		return false;
	case WR_CP_DOMAINS:
		break; /* nobody knows the addresses of a name */
	}
	return false;
}

/* ---- ports ---- */

static bool has_ports(uint8_t proto)
{
	return proto == WR_TCP || proto == WR_UDP || proto == WR_SCTP;
}

/* A name means what the destination pod calls so; towards anything else it means nothing. */
static bool name_matches(const struct question *q, const char *name)
{
	const struct wr_pod *pod = pod_of(q->r, q->dst);
	for (size_t i = 0; pod && i < pod->n_ports; i++)
		if (pod->ports[i].name && !strcmp(pod->ports[i].name, name) &&
		    pod->ports[i].proto == q->proto && pod->ports[i].port == q->port)
			return true;
	return false;
}

static bool port_matches(const struct question *q, const struct wr_np_port *p)
{
	if (!has_ports(q->proto) || p->proto != q->proto)
		return false;
	switch (p->kind) {
	case WR_PORT_ALL:
		return true;
	case WR_PORT_RANGE:
		return q->port >= p->first && q->port <= p->last;
	case WR_PORT_NAMED:
		return name_matches(q, p->name);
	}
	return false;
}

/*
 * A port of a cluster-wide policy. Its names are of any protocol; a range from
 * a higher to a lower port, and one of an unknown protocol, hold nothing.
 */
static bool cp_port_matches(const struct question *q, const struct wr_np_port *p)
{
	if (!has_ports(q->proto))
		return false;
	if (p->kind == WR_PORT_NAMED)
		return name_matches(q, p->name);
	return p->proto == q->proto && q->port >= p->first && q->port <= p->last;
}

/* ---- rules ---- */

static bool rule_matches(const struct question *q, const char *ns, const struct wr_np_rule *rule)
{
	bool peer = !rule->n_peers, port = !rule->n_ports;
	for (size_t i = 0; i < rule->n_peers; i++)
		peer |= peer_matches(q, ns, &rule->peers[i]);
	for (size_t i = 0; i < rule->n_ports; i++)
		port |= port_matches(q, &rule->ports[i]);
	return peer && port;
}

static bool cp_rule_matches(const struct question *q, const struct wr_cp_rule *rule)
{
	bool peer = false, port = !rule->n_ports;
	for (size_t i = 0; i < rule->n_peers; i++)
		peer |= cp_peer_matches(q, &rule->peers[i]);
	for (size_t i = 0; i < rule->n_ports; i++)
		port |= cp_port_matches(q, &rule->ports[i]);
	return peer && port;
}

static bool is_readable(const struct wr_cp_rule *rule)
{
	for (size_t i = 0; i < rule->n_peers; i++)
		if (rule->peers[i].unreadable)
			return false;
	return true;
}

/* ---- tiers ---- */

enum decision { UNDECIDED, ALLOWED, DENIED, PASSED };

/* What a rule makes of the connection; UNDECIDED: the next rule is asked. */
static enum decision ask_rule(const struct question *q, const struct wr_cp_rule *rule)
{
	/* with a peer that nobody can read: to accept nothing, or else to deny everything */
	if (!is_readable(rule))
		return rule->action == WR_ACCEPT ? UNDECIDED : DENIED;
	if (!cp_rule_matches(q, rule))
		return UNDECIDED;
	return rule->action == WR_ACCEPT ? ALLOWED : rule->action == WR_DENY ? DENIED : PASSED;
}

/* Of equal priorities the smaller name is first, then the newer API. */
static bool is_before(const struct wr_object *a, const struct wr_object *b)
{
	if (a->cp.priority != b->cp.priority)
		return a->cp.priority < b->cp.priority;
	int c = strcmp(a->meta.name, b->meta.name);
	return c ? c < 0
		 : a->kind == WR_KIND_CLUSTERNETWORKPOLICY &&
			       b->kind != WR_KIND_CLUSTERNETWORKPOLICY;
}

/* The policy of a tier that comes next after one (NULL: the first), whatever the world's order. */
static const struct wr_object *next_of_tier(const struct wr_world *w, enum wr_tier tier,
					    const struct wr_object *after)
{
	const struct wr_object *next = NULL;
	for (uint32_t i = 0; i < w->n_policies; i++) {
		const struct wr_object *o = w->policies[i].object;
		if (o->kind == WR_KIND_NETWORKPOLICY || o->cp.tier != tier)
			continue;
		if ((!after || is_before(after, o)) && (!next || is_before(o, next)))
			next = o;
	}
	return next;
}

/* The first rule that matches decides; Pass, and no rule, leave it to the next tier. */
static enum decision ask_tier(const struct question *q, const struct wr_pod *subject,
			      enum wr_tier tier)
{
	const struct wr_world *w = q->r->world;
	const struct wr_object *o = NULL;
	while ((o = next_of_tier(w, tier, o))) {
		if (!cp_pods(w, &o->cp.subject, subject))
			continue;
		for (size_t k = 0; k < o->cp.n_rules[q->dir]; k++) {
			enum decision d = ask_rule(q, &o->cp.rules[q->dir][k]);
			if (d != UNDECIDED)
				return d == PASSED ? UNDECIDED : d;
		}
	}
	return UNDECIDED;
}

/* Final for a pod that any policy of this direction selects: some rule matches, or it is denied. */
static enum decision ask_network_policies(const struct question *q, const struct wr_pod *subject)
{
	const struct wr_world *w = q->r->world;
	enum decision decision = UNDECIDED;
	struct labels of_subject = pod_labels(subject);
	for (uint32_t i = 0; i < w->n_policies; i++) {
		const struct wr_object *o = w->policies[i].object;
		if (o->kind != WR_KIND_NETWORKPOLICY || !o->np.isolates[q->dir] ||
		    strcmp(o->meta.ns, subject->ns) != 0 ||
		    !selects(&o->np.pod_selector, &of_subject))
			continue;
		for (size_t k = 0; k < o->np.n_rules[q->dir]; k++)
			if (rule_matches(q, o->meta.ns, &o->np.rules[q->dir][k]))
				return ALLOWED;
		decision = DENIED;
	}
	return decision;
}

static struct question ask(const struct ref *r, enum wr_direction dir, const struct ref_side *src,
			   const struct ref_side *dst, uint8_t proto, uint16_t port)
{
	return (struct question){
		.r = r,
		.dir = dir,
		.subject = dir == WR_EGRESS ? src : dst,
		.peer = dir == WR_EGRESS ? dst : src,
		.dst = dst,
		.proto = proto,
		.port = port,
	};
}

bool ref_allows(const struct ref *r, enum wr_direction dir, const struct ref_side *src,
		const struct ref_side *dst, uint8_t proto, uint16_t port)
{
	struct question q = ask(r, dir, src, dst, proto, port);
	const struct wr_pod *subject = pod_of(r, q.subject);
	/* a Pod and its own address; a workload's entry stands for several pods */
	if (src->pod != WR_NONE && src->pod == dst->pod &&
	    r->world->pods[src->pod].kind == WR_KIND_POD)
		return true;
	if (!subject)
		return true;
	uint32_t from = node_of(r, src);
	if (dir == WR_INGRESS && from != WR_NONE && from == subject->node)
		return true;
	enum decision d = ask_tier(&q, subject, WR_TIER_ADMIN);
	if (d == UNDECIDED)
		d = ask_network_policies(&q, subject);
	if (d == UNDECIDED)
		d = ask_tier(&q, subject, WR_TIER_BASELINE);
	return d != DENIED;
}

bool ref_hairpin(const struct ref *r, const struct ref_side *pod, uint8_t proto, uint16_t port)
{
	for (int dir = 0; dir < 2; dir++) {
		struct question q = ask(r, dir, pod, pod, proto, port);
		const struct wr_pod *subject = pod_of(r, pod);
		if (!subject)
			return true;
		enum decision d = ask_tier(&q, subject, WR_TIER_ADMIN);
		if (d == UNDECIDED)
			d = ask_tier(&q, subject, WR_TIER_BASELINE);
		if (d == DENIED)
			return false;
	}
	return true;
}
