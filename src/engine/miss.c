/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Near misses: of the rules that do not allow a connection, those that fail in
 * one thing only. A rule with the right peer and the wrong port is near; so is
 * one with the right port whose peer fails in its labels, its namespace, or by
 * an except. What fails in two things says nothing.
 */
#include "engine/miss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

#define MISSES_MAX 8

/* The nearest first: what is cheapest to mend, and most often meant. */
static const uint8_t nearness[] = {
	[WR_MISS_NAMESPACE] = 0,   [WR_MISS_PORT] = 1,     [WR_MISS_PROTOCOL] = 2,
	[WR_MISS_NAMED_PORT] = 3,  [WR_MISS_NO_PORTS] = 4, [WR_MISS_LABELS] = 5,
	[WR_MISS_NS_LABELS] = 6,   [WR_MISS_EXCEPT] = 7,   [WR_MISS_IPBLOCK] = 8,
	[WR_MISS_NODE_LABELS] = 9,
};

/* What a name means on the destination: "8080", or that it has none. */
static const char *named_words(const struct connection *c, const struct wr_port *port,
			       struct wr_arena *a)
{
	const struct wr_pod *pod = c->dst->pod == WR_NONE ? NULL : &c->p->world->pods[c->dst->pod];
	const char *proto = port->proto ? wr_proto_name(port->proto) : "port";
	for (size_t i = 0; pod && i < pod->n_ports; i++)
		if (pod->ports[i].name && !strcmp(pod->ports[i].name, port->name) &&
		    (!port->proto || pod->ports[i].proto == port->proto))
			return wr_arena_printf(a, "%s %s (%s%s%u here)", proto, port->name,
					       port->proto ? ""
							   : wr_proto_name(pod->ports[i].proto),
					       port->proto ? "" : " ", pod->ports[i].port);
	return wr_arena_printf(a, "%s %s (which the destination does not name)", proto, port->name);
}

static const char *port_words(const struct connection *c, const struct wr_port *port,
			      struct wr_arena *a)
{
	const char *proto = wr_proto_name(port->proto);
	if (port->kind == WR_PORTS_RANGE && port->first > port->last)
		return wr_arena_printf(a, "no port at all");
	switch (port->kind) {
	case WR_PORTS_ALL:
		return wr_arena_printf(a, "%s", proto);
	case WR_PORTS_NAMED:
		return named_words(c, port, a);
	case WR_PORTS_RANGE:
		break;
	}
	if (port->first == port->last)
		return wr_arena_printf(a, "%s %u", proto, port->first);
	return wr_arena_printf(a, "%s %u-%u", proto, port->first, port->last);
}

static const char *connection_words(const struct connection *c, struct wr_arena *a)
{
	if (!wr_proto_has_ports(c->proto))
		return wr_arena_printf(a, "%s", wr_proto_name(c->proto));
	return wr_arena_printf(a, "%s %u", wr_proto_name(c->proto), c->port);
}

static const char *pod_words(const struct connection *c, const struct wr_side *side,
			     struct wr_arena *a)
{
	const struct wr_pod *pod = &c->p->world->pods[side->pod];
	return wr_arena_printf(a, "%s/%s", pod->ns, pod->name);
}

/* ---- the port is wrong ---- */

static bool port_miss(const struct connection *c, const struct wr_rule *r, struct wr_near_miss *m,
		      struct wr_arena *a)
{
	static const struct {
		enum port_match match;
		enum wr_miss_kind kind;
	} order[] = {{PORT_NUMBER, WR_MISS_PORT},
		     {PORT_PROTOCOL, WR_MISS_PROTOCOL},
		     {PORT_NAME, WR_MISS_NAMED_PORT},
		     {PORT_NO_PORTS, WR_MISS_NO_PORTS},
		     {PORT_NO, WR_MISS_PORT}};
	static const char *const verb[] = {
		[WR_ACCEPT] = "allows", [WR_DENY] = "denies", [WR_PASS] = "passes"};
	for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++)
		for (uint32_t i = 0; i < r->n_ports; i++)
			if (wr_match_port(c, &r->ports[i]) == order[o].match) {
				m->kind = order[o].kind;
				m->port = i;
				m->mark = r->ports[i].mark;
				const char *rule = port_words(c, &r->ports[i], a);
				const char *conn = connection_words(c, a);
				m->text = rule && conn
						  ? wr_arena_printf(a,
								    "the peer matches, but it "
								    "%s %s%s, not %s",
								    verb[r->action], rule,
								    r->n_ports > 1
									    ? " and other ports"
									    : "",
								    conn)
						  : NULL;
				return true;
			}
	return false;
}

static const char *port_mend(const struct connection *c, const struct wr_policy *pol,
			     const struct wr_near_miss *m, struct wr_arena *a)
{
	static const char *const lower[] = {[WR_TCP] = "tcp", [WR_UDP] = "udp", [WR_SCTP] = "sctp"};
	enum wr_kind kind = pol->object ? pol->object->kind : WR_KIND_NETWORKPOLICY;
	const char *field = kind == WR_KIND_CLUSTERNETWORKPOLICY ? "protocols" : "ports";
	const char *proto = wr_proto_name(c->proto);
	if (m->kind == WR_MISS_NO_PORTS)
		return wr_arena_printf(a, "%s has no ports: only a rule without `%s` allows it",
				       proto, field);
	if (kind == WR_KIND_CLUSTERNETWORKPOLICY)
		return wr_arena_printf(
			a, "add to its protocols: - {%s: {destinationPort: {number: %u}}}",
			lower[c->proto], c->port);
	if (kind != WR_KIND_NETWORKPOLICY)
		return wr_arena_printf(a,
				       "add to its ports: - {portNumber: {protocol: %s, port: %u}}",
				       proto, c->port);
	return wr_arena_printf(a, "add to its ports: - {protocol: %s, port: %u}", proto, c->port);
}

/* ---- the peer is wrong ---- */

static const char *namespace_mend(const struct connection *c, const struct wr_side *side,
				  struct wr_arena *a)
{
	const struct wr_pod *pod = &c->p->world->pods[side->pod];
	return wr_arena_printf(a,
			       "add to this peer: namespaceSelector: {matchLabels: "
			       "{kubernetes.io/metadata.name: %s}}",
			       pod->ns);
}

/* The first requirement that the labels fail, in words for a mend. */
static const char *labels_mend(const struct wr_world *w, uint32_t selector, const char *whose,
			       const struct wr_label_id *labels, size_t n, struct wr_arena *a)
{
	const struct wr_selector *s = &w->selectors[selector];
	for (size_t i = 0; i < s->n && i < s->source->n; i++) {
		struct wr_req req = s->reqs[i];
		bool has = false;
		for (size_t k = 0; k < n; k++)
			has |= labels[k].key == req.key;
		const struct wr_requirement *src = &s->source->reqs[i];
		if (req.op == WR_OP_EXISTS && !has)
			return wr_arena_printf(a, "%s has no label %s", whose, src->key);
		if (req.op == WR_OP_NOT_EXISTS && has)
			return wr_arena_printf(a, "%s must not have the label %s", whose, src->key);
		if (req.op != WR_OP_IN)
			continue;
		bool in = false;
		for (size_t k = 0; k < n; k++)
			for (size_t v = 0; v < req.n; v++)
				in |= labels[k].pair == req.pairs[v];
		if (!in && src->n)
			return wr_arena_printf(a, "%s needs the label %s: \"%s\"%s", whose,
					       src->key, src->values[0],
					       src->n > 1 ? " (or another that it lists)" : "");
	}
	return NULL;
}

static const char *blocks_words(const struct wr_peer *peer, struct wr_arena *a)
{
	char text[WR_CIDR_TEXT];
	return wr_arena_printf(a, "%s", wr_cidr_format(&peer->cidr, text));
}

static const char *selector_words(const struct wr_world *w, uint32_t selector, struct wr_arena *a)
{
	const char *s = selector == WR_NONE ? "" : wr_selector_format(w, selector, a);
	return s && *s ? s : "everything";
}

static void peer_words(const struct connection *c, const struct wr_policy *pol,
		       const struct wr_peer *peer, const struct wr_side *side,
		       struct wr_near_miss *m, struct wr_arena *a)
{
	const struct wr_world *w = c->p->world;
	char ip[WR_IP_TEXT];
	const char *who = side->pod != WR_NONE
				  ? pod_words(c, side, a)
				  : wr_arena_printf(a, "%s", wr_ip_format(&side->ip, ip));
	const struct wr_pod *pod = side->pod != WR_NONE ? &w->pods[side->pod] : NULL;
	switch (m->kind) {
	case WR_MISS_NAMESPACE:
		m->text = wr_arena_printf(a,
					  "its podSelector matches the labels of %s, but without a "
					  "namespaceSelector it stays in its own namespace %s",
					  who, pol->ns ? pol->ns : "");
		m->mend = namespace_mend(c, side, a);
		break;
	case WR_MISS_NS_LABELS:
		m->text = wr_arena_printf(a,
					  "the labels of %s match, but namespace %s is not in %s",
					  who, pod->ns, selector_words(w, peer->ns_selector, a));
		m->mend = labels_mend(w, peer->ns_selector,
				      wr_arena_printf(a, "namespace %s", pod->ns),
				      w->namespaces[pod->ns_index].labels,
				      w->namespaces[pod->ns_index].n_labels, a);
		break;
	case WR_MISS_LABELS:
		m->text = wr_arena_printf(a, "it allows pods with %s, which %s is not",
					  selector_words(w, peer->pod_selector, a), who);
		m->mend = labels_mend(w, peer->pod_selector, who, pod->labels, pod->n_labels, a);
		break;
	case WR_MISS_EXCEPT:
		m->text = wr_arena_printf(a, "%s lies in its ipBlock %s, but in an except of it",
					  who, blocks_words(peer, a));
		break;
	case WR_MISS_IPBLOCK:
		m->text = wr_arena_printf(a, "%s does not lie in its ipBlock %s", who,
					  blocks_words(peer, a));
		break;
	case WR_MISS_NODE_LABELS:
		m->text = wr_arena_printf(a, "it is for nodes with %s, which %s is not",
					  selector_words(w, peer->node_selector, a),
					  w->nodes[side->node].name);
		m->mend = labels_mend(w, peer->node_selector,
				      wr_arena_printf(a, "node %s", w->nodes[side->node].name),
				      w->nodes[side->node].labels, w->nodes[side->node].n_labels,
				      a);
		break;
	case WR_MISS_PORT:
	case WR_MISS_PROTOCOL:
	case WR_MISS_NAMED_PORT:
	case WR_MISS_NO_PORTS:
		break;
	}
}

static bool peer_miss(const struct connection *c, const struct wr_policy *pol,
		      const struct wr_rule *r, const struct wr_side *side, struct wr_near_miss *m,
		      struct wr_arena *a)
{
	static const struct {
		enum peer_match match;
		enum wr_miss_kind kind;
	} order[] = {{MATCH_NAMESPACE, WR_MISS_NAMESPACE},     {MATCH_EXCEPT, WR_MISS_EXCEPT},
		     {MATCH_LABELS, WR_MISS_LABELS},           {MATCH_NS_LABELS, WR_MISS_NS_LABELS},
		     {MATCH_NODE_LABELS, WR_MISS_NODE_LABELS}, {MATCH_OUTSIDE, WR_MISS_IPBLOCK}};
	for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++)
		for (uint32_t i = 0; i < r->n_peers; i++)
			if (wr_match_peer(c, &r->peers[i], side) == order[o].match) {
				m->kind = order[o].kind;
				m->peer = i;
				m->mark = r->peers[i].mark;
				peer_words(c, pol, &r->peers[i], side, m, a);
				return true;
			}
	return false;
}

/* ---- collecting ---- */

static bool any_peer_matches(const struct connection *c, const struct wr_rule *r,
			     const struct wr_side *side)
{
	for (uint32_t i = 0; i < r->n_peers; i++)
		if (wr_match_peer(c, &r->peers[i], side) == MATCH_YES)
			return true;
	return r->any_peer;
}

static bool any_port_matches(const struct connection *c, const struct wr_rule *r)
{
	for (uint32_t i = 0; i < r->n_ports; i++)
		if (wr_match_port(c, &r->ports[i]) == PORT_YES)
			return true;
	return r->any_port;
}

static bool rule_miss(const struct connection *c, const struct wr_policy *pol,
		      const struct wr_rule *r, const struct wr_side *side, struct wr_near_miss *m,
		      struct wr_arena *a)
{
	bool peer = any_peer_matches(c, r, side), port = any_port_matches(c, r);
	if (r->action != WR_ACCEPT || peer == port)
		return false;
	if (port)
		return peer_miss(c, pol, r, side, m, a);
	if (!port_miss(c, r, m, a))
		return false;
	m->mend = port_mend(c, pol, m, a);
	return true;
}

/* The first peer of a rule in words: "pods with app=web in namespaces with team=a". */
static const char *first_peer_words(const struct connection *c, const struct wr_rule *r,
				    struct wr_arena *a)
{
	const struct wr_world *w = c->p->world;
	const struct wr_peer *p = &r->peers[0];
	const char *more = r->n_peers > 1 ? " and others" : "";
	if (!r->n_peers)
		return "nobody";
	if (p->kind == WR_PEER_NODES)
		return wr_arena_printf(a, "nodes with %s%s", selector_words(w, p->node_selector, a),
				       more);
	if (p->kind == WR_PEER_DOMAINS)
		return wr_arena_printf(a, "the domain %s%s, of which no address is known",
				       p->domains[0], p->n_domains > 1 ? " and others" : more);
	if (p->kind == WR_PEER_IPBLOCK)
		return wr_arena_printf(a, "addresses in %s%s", blocks_words(p, a), more);
	if (p->kind == WR_PEER_NOTHING)
		return wr_arena_printf(a, "a peer that matches nothing%s", more);
	const char *pods = p->pod_selector == WR_NONE
				   ? "pods"
				   : wr_arena_printf(a, "pods with %s",
						     selector_words(w, p->pod_selector, a));
	if (p->ns_index != WR_NONE)
		return wr_arena_printf(a, "%s in namespace %s%s", pods,
				       w->namespaces[p->ns_index].name, more);
	if (p->ns_selector == WR_NONE || !w->selectors[p->ns_selector].n)
		return wr_arena_printf(a, "%s in any namespace%s", pods, more);
	return wr_arena_printf(a, "%s in namespaces with %s%s", pods,
			       selector_words(w, p->ns_selector, a), more);
}

static const char *side_words(const struct connection *c, const struct wr_side *side,
			      struct wr_arena *a)
{
	char ip[WR_IP_TEXT];
	return side->pod != WR_NONE ? pod_words(c, side, a)
				    : wr_arena_printf(a, "%s", wr_ip_format(&side->ip, ip));
}

bool wr_rule_tried(const struct connection *c, uint32_t policy, enum wr_direction dir,
		   uint32_t rule, const struct wr_side *side, struct wr_near_miss *m,
		   struct wr_arena *a)
{
	const struct wr_policy *pol = &c->p->world->policies[policy];
	const struct wr_rule *r = &pol->rules[dir][rule];
	bool peer = any_peer_matches(c, r, side), port = any_port_matches(c, r);
	if (peer && port)
		return true;
	if (peer && port_miss(c, r, m, a)) {
		m->mend = port_mend(c, pol, m, a);
		return false;
	}
	if (port && peer_miss(c, pol, r, side, m, a))
		return false;
	if (r->fails_closed) {
		m->text = wr_arena_printf(a, "one of its peers has %s, so it matches nothing",
					  r->fails_closed);
		return false;
	}
	m->text = wr_arena_printf(a, "it is for %s; %s is none of these%s",
				  first_peer_words(c, r, a), side_words(c, side, a),
				  port ? "" : "; nor does the port match");
	return false;
}

static int compare_misses(const void *pa, const void *pb)
{
	const struct wr_near_miss *a = pa, *b = pb;
	uint32_t ka[] = {nearness[a->kind], a->policy, a->rule};
	uint32_t kb[] = {nearness[b->kind], b->policy, b->rule};
	for (size_t i = 0; i < 3; i++)
		if (ka[i] != kb[i])
			return ka[i] < kb[i] ? -1 : 1;
	return 0;
}

int wr_find_misses(const struct connection *c, const struct wr_side *peer, struct wr_arena *arena,
		   struct wr_reason *out)
{
	WR_VEC(struct wr_near_miss) all = {0};
	int rc = 0;
	for (uint32_t i = 0; i < out->n_isolating && !rc; i++) {
		const struct wr_policy *pol = &c->p->world->policies[out->isolating[i]];
		for (uint32_t r = 0; r < pol->n_rules[out->dir] && !rc; r++) {
			struct wr_near_miss m = {.policy = out->isolating[i],
						 .rule = r,
						 .peer = WR_NONE,
						 .port = WR_NONE};
			if (!rule_miss(c, pol, &pol->rules[out->dir][r], peer, &m, arena))
				continue;
			rc = m.text ? wr_vec_push(&all, m) : -ENOMEM;
		}
	}
	if (!rc && all.n) {
		qsort(all.items, all.n, sizeof(*all.items), compare_misses);
		out->n_misses = all.n < MISSES_MAX ? (uint32_t)all.n : MISSES_MAX;
		out->misses = wr_arena_array(arena, out->n_misses, sizeof(*out->misses));
		if (out->misses)
			memcpy(out->misses, all.items, out->n_misses * sizeof(*out->misses));
		else
			rc = -ENOMEM;
	}
	wr_vec_free(&all);
	return rc;
}

/* ---- reasons in words ---- */

static const char *policy_words(const struct wr_policy *p, struct wr_arena *a)
{
	char title[WR_POLICY_TITLE];
	return wr_arena_strdup(a, wr_policy_title(p, title));
}

static const char *isolation_words(const struct connection *c, const struct wr_reason *out,
				   struct wr_arena *a)
{
	const struct wr_policy *all = c->p->world->policies;
	const char *list = policy_words(&all[out->isolating[0]], a);
	for (uint32_t i = 1; i < out->n_isolating && i < 5 && list; i++)
		list = wr_arena_printf(a, "%s, %s", list, policy_words(&all[out->isolating[i]], a));
	if (list && out->n_isolating > 5)
		list = wr_arena_printf(a, "%s and %u more", list, out->n_isolating - 5);
	return list ? wr_arena_printf(a, "isolated by %s, and no rule allows it", list) : NULL;
}

/* Nobody decides: because no policy selects the subject, or because none can. */
static const char *default_words(const struct connection *c, enum wr_direction dir,
				 struct wr_arena *a)
{
	const struct wr_side *subject = dir == WR_EGRESS ? c->src : c->dst;
	const char *end = dir == WR_EGRESS ? "source" : "destination";
	if (subject->pod != WR_NONE && c->p->world->pods[subject->pod].host_network)
		return wr_arena_printf(
			a, "the %s is on its node's network, where policies do not select it", end);
	if (subject->pod == WR_NONE)
		return wr_arena_printf(a, "the %s is %s, and policies select pods only", end,
				       subject->node != WR_NONE ? "a node" : "not a pod");
	const char *way = dir == WR_EGRESS ? "egress" : "ingress";
	for (uint32_t i = 0; i < c->p->world->n_policies; i++) {
		const struct wr_policy *p = &c->p->world->policies[i];
		if (p->tier != WR_TIER_NETWORKPOLICY && p->n_rules[dir] &&
		    wr_match_subject(c->p, p, subject))
			return wr_arena_printf(a,
					       "no policy decides: none isolates the %s for %s, "
					       "and no rule that applies to it accepts or denies",
					       end, way);
	}
	return wr_arena_printf(a, "no policy selects the %s for %s", end, way);
}

int wr_reason_text(const struct connection *c, struct wr_arena *arena, struct wr_reason *out)
{
	const char *way = out->dir == WR_EGRESS ? "egress" : "ingress";
	const struct wr_policy *pol;
	const char *name, *rule;
	switch (out->author.kind) {
	case WR_BY_DEFAULT:
		out->text = default_words(c, out->dir, arena);
		break;
	case WR_BY_SELF:
		out->text = wr_arena_printf(arena, "a pod may always reach itself");
		break;
	case WR_BY_NODE:
		out->text = wr_arena_printf(arena, "a node may always reach its own pods");
		break;
	case WR_BY_ISOLATION:
		out->text = isolation_words(c, out, arena);
		break;
	case WR_BY_RULE:
		pol = &c->p->world->policies[out->author.policy];
		name = policy_words(pol, arena);
		rule = pol->rules[out->dir][out->author.rule].name;
		out->text = name ? wr_arena_printf(arena, "%s by %s, %s rule %u%s%s%s",
						   out->allow ? "allowed" : "denied", name, way,
						   out->author.rule + 1, rule ? " (" : "",
						   rule ? rule : "", rule ? ")" : "")
				 : NULL;
		break;
	}
	return out->text ? 0 : -ENOMEM;
}
