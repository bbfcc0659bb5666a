/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include <string.h>

/* The labels as text, and not as the numbers that the model has made of them. */
static const char *label(const struct wr_world *w, const struct wr_label_id *labels, size_t n,
			 const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(wr_world_key_text(w, labels[i].key), key))
			return strchr(wr_world_pair_text(w, labels[i].pair), '=') + 1;
	return NULL;
}

static bool requirement(const struct wr_requirement *r, const char *have)
{
	bool listed = false;
	for (size_t i = 0; i < r->n; i++)
		listed = listed || (have && !strcmp(r->values[i], have));
	if (r->op == WR_OP_IN)
		return have && listed;
	if (r->op == WR_OP_NOT_IN)
		return !have || !listed; /* a missing label is in no list */
	if (r->op == WR_OP_EXISTS)
		return have != NULL;
	return have == NULL;
}

static bool selected(const struct wr_world *w, uint32_t selector, const struct wr_label_id *labels,
		     size_t n)
{
	if (selector == WR_NONE)
		return true; /* no requirements: everything */
	const struct wr_label_selector *s = w->selectors[selector].source;
	for (size_t i = 0; i < s->n; i++)
		if (!requirement(&s->reqs[i], label(w, labels, n, s->reqs[i].key)))
			return false;
	return true;
}

/* A pod by namespace and labels; hostNetwork pods are never selected. */
static bool pod_selected(const struct wr_world *w, const struct wr_peer *p, uint32_t pod)
{
	if (pod == WR_NONE || w->pods[pod].host_network)
		return false;
	const struct wr_pod *x = &w->pods[pod];
	const struct wr_namespace *ns = &w->namespaces[x->ns_index];
	if (p->ns_index != WR_NONE && p->ns_index != x->ns_index)
		return false;
	if (p->ns_index == WR_NONE && !selected(w, p->ns_selector, ns->labels, ns->n_labels))
		return false;
	return selected(w, p->pod_selector, x->labels, x->n_labels);
}

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

static bool in_block(const struct wr_world *w, const struct ref_opts *opts, const struct wr_peer *p,
		     const struct ref_side *side)
{
	if (!side->ip.family || !in_prefix(&p->cidr, &side->ip))
		return false;
	if (opts->ipblocks_skip_pods && side->pod != WR_NONE && !w->pods[side->pod].host_network)
		return false;
	for (size_t i = 0; i < p->n_except; i++)
		if (in_prefix(&p->except[i], &side->ip))
			return false;
	return true;
}

static bool peer_matches(const struct wr_world *w, const struct ref_opts *opts,
			 const struct wr_peer *p, const struct ref_side *side)
{
	if (p->kind == WR_PEER_PODS)
		return pod_selected(w, p, side->pod);
	return p->kind == WR_PEER_IPBLOCK && in_block(w, opts, p, side);
}

static bool has_ports(uint8_t proto)
{
	return proto == 6 || proto == 17 || proto == 132;
}

static bool port_matches(const struct wr_world *w, const struct wr_port *p,
			 const struct ref_side *dst, uint8_t proto, uint16_t port)
{
	if (!has_ports(proto) || p->proto != proto)
		return false;
	if (p->kind == WR_PORTS_ALL)
		return true;
	if (p->kind == WR_PORTS_RANGE)
		return port >= p->first && port <= p->last;
	if (dst->pod == WR_NONE || w->pods[dst->pod].host_network)
		return false;
	for (size_t i = 0; i < w->pods[dst->pod].n_ports; i++) {
		const struct wr_container_port *have = &w->pods[dst->pod].ports[i];
		if (have->name && !strcmp(have->name, p->name) && have->proto == proto &&
		    have->port == port)
			return true;
	}
	return false;
}

static bool rule_matches(const struct wr_world *w, const struct ref_opts *opts,
			 const struct wr_rule *r, const struct ref_side *peer,
			 const struct ref_side *dst, uint8_t proto, uint16_t port)
{
	bool by_peer = r->any_peer, by_port = r->any_port;
	for (size_t i = 0; i < r->n_peers; i++)
		by_peer = by_peer || peer_matches(w, opts, &r->peers[i], peer);
	for (size_t i = 0; i < r->n_ports; i++)
		by_port = by_port || port_matches(w, &r->ports[i], dst, proto, port);
	return by_peer && by_port;
}

enum answer { OPEN, YES, NO };

/* Admin or Baseline: the first rule that matches, by priority and order. */
static enum answer ordered_tier(const struct wr_world *w, const struct ref_opts *opts,
				enum wr_tier tier, int dir, const struct ref_side *subject,
				const struct ref_side *peer, const struct ref_side *dst,
				uint8_t proto, uint16_t port)
{
	for (uint32_t i = 0; i < w->n_policies; i++) {
		const struct wr_policy *p = &w->policies[i];
		if (p->tier != tier || !pod_selected(w, &p->subject, subject->pod))
			continue;
		for (size_t r = 0; r < p->n_rules[dir]; r++)
			if (rule_matches(w, opts, &p->rules[dir][r], peer, dst, proto, port))
				return p->rules[dir][r].action == WR_ACCEPT ? YES
				       : p->rules[dir][r].action == WR_DENY ? NO
									    : OPEN;
	}
	return OPEN;
}

/* NetworkPolicies: isolated when one selects the pod; then any rule of any of them may allow. */
static enum answer network_policies(const struct wr_world *w, const struct ref_opts *opts, int dir,
				    const struct ref_side *subject, const struct ref_side *peer,
				    const struct ref_side *dst, uint8_t proto, uint16_t port)
{
	bool isolated = false, allowed = false;
	for (uint32_t i = 0; i < w->n_policies; i++) {
		const struct wr_policy *p = &w->policies[i];
		if (p->tier != WR_TIER_NETWORKPOLICY || !p->isolates[dir] ||
		    !pod_selected(w, &p->subject, subject->pod))
			continue;
		isolated = true;
		for (size_t r = 0; r < p->n_rules[dir]; r++)
			allowed = allowed ||
				  rule_matches(w, opts, &p->rules[dir][r], peer, dst, proto, port);
	}
	return !isolated ? OPEN : allowed ? YES : NO;
}

void ref_evaluate(const struct wr_world *w, const struct ref_opts *opts, const struct ref_side *src,
		  const struct ref_side *dst, uint8_t proto, uint16_t port, bool allow[2])
{
	allow[0] = allow[1] = true;
	if (src->pod != WR_NONE && src->pod == dst->pod && w->pods[src->pod].kind == WR_KIND_POD)
		return;
	for (int dir = 0; dir < 2; dir++) {
		const struct ref_side *subject = dir == WR_EGRESS ? src : dst;
		const struct ref_side *peer = dir == WR_EGRESS ? dst : src;
		if (dir == WR_INGRESS && src->node != WR_NONE && dst->pod != WR_NONE &&
		    w->pods[dst->pod].node == src->node)
			continue; /* a node and its own pods */
		enum answer a = ordered_tier(w, opts, WR_TIER_ADMIN, dir, subject, peer, dst, proto,
					     port);
		if (a == OPEN)
			a = network_policies(w, opts, dir, subject, peer, dst, proto, port);
		if (a == OPEN)
			a = ordered_tier(w, opts, WR_TIER_BASELINE, dir, subject, peer, dst, proto,
					 port);
		allow[dir] = a != NO;
	}
}
