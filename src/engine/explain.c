/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explain: the verdict of one connection from the policies as they are
 * written, in the order of evaluation that rows.c flattens.
 */
#include "engine/explain.h"

#include <string.h>

#include "engine/internal.h"
#include "engine/match.h"
#include "engine/miss.h"

/* Which peer (WR_NONE: any) of a rule holds the side; false: none. */
static bool rule_peer(const struct connection *c, const struct wr_rule *r,
		      const struct wr_side *side, uint32_t *peer)
{
	*peer = WR_NONE;
	if (r->any_peer)
		return true;
	for (uint32_t i = 0; i < r->n_peers; i++)
		if (wr_match_peer(c, &r->peers[i], side) == MATCH_YES) {
			*peer = i;
			return true;
		}
	return false;
}

static bool rule_port(const struct connection *c, const struct wr_rule *r, uint32_t *port)
{
	*port = WR_NONE;
	if (r->any_port)
		return true;
	for (uint32_t i = 0; i < r->n_ports; i++)
		if (wr_match_port(c, &r->ports[i]) == PORT_YES) {
			*port = i;
			return true;
		}
	return false;
}

/* The most telling place of what matched: the port, the peer, or the rule. */
static struct wr_mark rule_mark(const struct wr_rule *r, uint32_t peer, uint32_t port)
{
	if (peer != WR_NONE && r->peers[peer].mark.file)
		return r->peers[peer].mark;
	if (port != WR_NONE && r->ports[port].mark.file)
		return r->ports[port].mark;
	return r->mark;
}

enum outcome { UNDECIDED, PASSED, DECIDED };

/* The first rule of a policy that matches, if any, decides or passes. */
static enum outcome walk_policy(const struct connection *c, uint32_t policy,
				const struct wr_side *peer_side, struct wr_reason *out)
{
	const struct wr_policy *pol = &c->p->world->policies[policy];
	for (uint32_t i = 0; i < pol->n_rules[out->dir]; i++) {
		const struct wr_rule *r = &pol->rules[out->dir][i];
		uint32_t peer, port;
		if (!rule_peer(c, r, peer_side, &peer) || !rule_port(c, r, &port))
			continue;
		if (r->action == WR_PASS)
			return PASSED;
		out->allow = r->action == WR_ACCEPT;
		out->author = (struct wr_author){
			.kind = WR_BY_RULE, .dir = out->dir, .policy = policy, .rule = i};
		out->peer = peer;
		out->port = port;
		out->mark = rule_mark(r, peer, port);
		return DECIDED;
	}
	return UNDECIDED;
}

static int note_isolating(struct wr_reason *out, uint32_t policy, uint32_t most,
			  struct wr_arena *arena)
{
	if (!out->isolating)
		out->isolating = wr_arena_array(arena, most, sizeof(uint32_t));
	if (!out->isolating)
		return -ENOMEM;
	out->isolating[out->n_isolating++] = policy;
	return 0;
}

/* The policies of one tier, beginning with the first; *next is the first of the next tier. */
static int walk_tier(const struct connection *c, uint32_t first, uint32_t *next,
		     const struct wr_side *subject, const struct wr_side *peer,
		     struct wr_reason *out, enum outcome *outcome, struct wr_arena *arena)
{
	const struct wr_world *w = c->p->world;
	enum wr_tier tier = w->policies[first].tier;
	*outcome = UNDECIDED;
	uint32_t i = first;
	for (; i < w->n_policies && w->policies[i].tier == tier; i++) {
		const struct wr_policy *pol = &w->policies[i];
		if (!wr_match_subject(c->p, pol, subject))
			continue;
		if (tier == WR_TIER_NETWORKPOLICY) {
			if (!pol->isolates[out->dir] || wr_is_to_itself(c))
				continue;
			int rc = note_isolating(out, i, w->n_policies, arena);
			if (rc)
				return rc;
		}
		if (*outcome == UNDECIDED)
			*outcome = walk_policy(c, i, peer, out);
	}
	*next = i;
	if (tier != WR_TIER_NETWORKPOLICY || !out->n_isolating || *outcome == DECIDED)
		return 0;
	out->allow = false;
	out->author = (struct wr_author){.kind = WR_BY_ISOLATION,
					 .dir = out->dir,
					 .policy = WR_NONE,
					 .rule = WR_NONE,
					 .policies = out->isolating,
					 .n = out->n_isolating};
	*outcome = DECIDED;
	return 0;
}

bool wr_is_to_itself(const struct connection *c)
{
	return c->src->pod != WR_NONE && c->src->pod == c->dst->pod &&
	       c->p->world->pods[c->src->pod].kind == WR_KIND_POD;
}

static bool own_node(const struct connection *c)
{
	return c->src->node != WR_NONE && c->dst->pod != WR_NONE &&
	       c->p->world->pods[c->dst->pod].node == c->src->node;
}

static int explain_direction(const struct connection *c, enum wr_direction dir,
			     struct wr_arena *arena, struct wr_reason *out)
{
	const struct wr_side *subject = dir == WR_EGRESS ? c->src : c->dst;
	const struct wr_side *peer = dir == WR_EGRESS ? c->dst : c->src;
	*out = (struct wr_reason){.dir = dir, .allow = true, .peer = WR_NONE, .port = WR_NONE};
	out->author = (struct wr_author){
		.kind = WR_BY_DEFAULT, .dir = dir, .policy = WR_NONE, .rule = WR_NONE};
	if (wr_is_to_itself(c)) {
		out->author.kind = WR_BY_SELF;
		if (!c->dst->by_service)
			return wr_reason_text(c, arena, out);
	}
	if (dir == WR_INGRESS && own_node(c)) {
		out->author.kind = WR_BY_NODE;
		return wr_reason_text(c, arena, out);
	}
	enum outcome outcome = UNDECIDED;
	int rc = 0;
	for (uint32_t i = 0, next; i < c->p->world->n_policies && outcome != DECIDED && !rc;
	     i = next)
		rc = walk_tier(c, i, &next, subject, peer, out, &outcome, arena);
	if (!rc && out->author.kind == WR_BY_ISOLATION)
		rc = wr_find_misses(c, peer, arena, out);
	return rc ? rc : wr_reason_text(c, arena, out);
}

int wr_explain(const struct wr_program *p, const struct wr_side *src, const struct wr_side *dst,
	       uint8_t proto, uint16_t port, struct wr_arena *arena, struct wr_reason out[2])
{
	struct connection c = {
		.p = p,
		.src = src,
		.dst = dst,
		.proto = proto,
		.port = wr_proto_has_ports(proto) ? port : 0,
	};
	struct wr_reason r[2];
	for (int d = 0; d < 2; d++) {
		int rc = explain_direction(&c, d, arena, &r[d]);
		if (rc)
			return rc;
	}
	out[0] = r[0];
	out[1] = r[1];
	return 0;
}
