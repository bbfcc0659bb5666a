/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "lint/checks.h"

/*
 * Rules of cluster-wide policies that can never match. In a tier the first rule
 * that matches decides, so a rule is dead when earlier rules of its tier, of
 * policies whose subjects hold all of its own, hold its peers and ports. That is
 * proved by what the selectors say (subsume.c), for any pods and labels; ports
 * may be held by several earlier rules together.
 *
 * Rules are gone through in the order of evaluation. All earlier rules with
 * equal subjects and equal peers are one group, with the ports that they claim.
 * Groups are found by one requirement that a holder must share with what it
 * holds (an address by its prefixes), so that no rule is held against every
 * other one.
 */

static const struct wr_lint_rule shadowed = {"tier-rule-shadowed", WR_WARNING, false,
					     "a rule, or a peer of it, that can never match"};
static const struct wr_lint_rule skipped = {"pass-skips-rule", WR_WARNING, false,
					    "a rule that an earlier Pass of its tier skips"};

#define CLAIMS_MAX 20000 /* claims that are looked at for one peer */
#define TOLD_MAX 4       /* rules that a finding names */

/* Ports that a rule matches for the subjects and the peer of its group. */
struct claim {
	struct lint_span span;
	uint32_t policy, rule;
};

struct group {
	const struct wr_peer *subject, *peer; /* peer NULL: everybody */
	WR_VEC(struct claim) claims; /* in order of ports, apart: the first one keeps a port */
};

typedef WR_VEC(uint32_t) number_list;

struct holders {
	struct claim told[TOLD_MAX]; /* each rule once */
	uint32_t n;
	bool more;
	bool by_pass, by_other; /* a Pass, another action is among them */
	bool by_equal;          /* another action of another policy of equal priority */
};

struct shadow {
	struct lint *l;
	enum wr_direction dir;
	struct wr_map *index;   /* group by subject and peer */
	struct wr_map *buckets; /* list of groups by what they ask for */
	WR_VEC(struct group) groups;
	WR_VEC(number_list) lists;
	WR_VEC(struct claim) found; /* claims on the peer in hand */
	struct lint_spans ports;    /* its ports that nobody has claimed */
	struct holders by;
};

/* ---- where groups are found ---- */

enum bucket_kind { EVERYBODY, ANY_PODS, ANY_NODES, NS_PAIR, NS_KEY, POD_PAIR, POD_KEY, BLOCK };

struct bucket {
	uint32_t kind, number;
	uint8_t family, len, address[16], zero[2];
};

static number_list *bucket_list(struct shadow *s, struct bucket b, bool make)
{
	uint64_t at;
	if (!make)
		return wr_map_get(s->buckets, &b, sizeof(b), &at) ? &s->lists.items[at] : NULL;
	bool created;
	uint64_t *slot = wr_map_slot(s->buckets, &b, sizeof(b), s->lists.n, &created);
	if (!slot || (created && wr_vec_push(&s->lists, (number_list){0}) < 0)) {
		s->l->nomem = true;
		return NULL;
	}
	return &s->lists.items[*slot];
}

static struct bucket block_bucket(const struct wr_cidr *c)
{
	struct bucket b = {.kind = BLOCK, .family = c->ip.family, .len = c->len};
	memcpy(b.address, c->ip.b, c->ip.family == WR_IPV4 ? 4 : 16);
	return b;
}

static void put(struct shadow *s, struct bucket b, uint32_t group)
{
	number_list *list = bucket_list(s, b, true);
	if (list && wr_vec_push(list, group) < 0)
		s->l->nomem = true;
}

/* A group is found by one requirement: whoever it holds meets that one, too. */
static bool put_requirement(struct shadow *s, uint32_t selector, enum bucket_kind pair,
			    enum bucket_kind key, uint32_t group)
{
	if (selector == WR_NONE || !s->l->w->selectors[selector].n)
		return false;
	const struct wr_req *req = &s->l->w->selectors[selector].reqs[0];
	if (req->op != WR_OP_IN)
		put(s, (struct bucket){.kind = key, .number = req->key}, group);
	for (size_t i = 0; req->op == WR_OP_IN && i < req->n; i++)
		put(s, (struct bucket){.kind = pair, .number = req->pairs[i]}, group);
	return true;
}

static void register_group(struct shadow *s, uint32_t group)
{
	const struct wr_peer *p = s->groups.items[group].peer;
	if (!p)
		put(s, (struct bucket){.kind = EVERYBODY}, group);
	else if (p->kind == WR_PEER_IPBLOCK)
		put(s, block_bucket(&p->cidr), group);
	else if (p->kind == WR_PEER_NODES &&
		 !put_requirement(s, p->node_selector, POD_PAIR, POD_KEY, group))
		put(s, (struct bucket){.kind = ANY_NODES}, group);
	else if (p->kind == WR_PEER_PODS &&
		 !put_requirement(s, p->ns_selector, NS_PAIR, NS_KEY, group) &&
		 !put_requirement(s, p->pod_selector, POD_PAIR, POD_KEY, group))
		put(s, (struct bucket){.kind = ANY_PODS}, group);
}

/* The group of a subject and a peer, made at first use; NULL: nomem. */
static struct group *group_of(struct shadow *s, const struct wr_peer *subject,
			      const struct wr_peer *peer)
{
	struct {
		uint32_t subject[2], kind, selectors[3];
		struct bucket block;
	} key;
	memset(&key, 0, sizeof(key));
	key.subject[0] = subject->ns_selector;
	key.subject[1] = subject->pod_selector;
	if (peer) {
		key.kind = 1 + peer->kind;
		key.selectors[0] = peer->ns_selector;
		key.selectors[1] = peer->pod_selector;
		key.selectors[2] = peer->node_selector;
		if (peer->kind == WR_PEER_IPBLOCK)
			key.block = block_bucket(&peer->cidr);
	}
	bool created;
	uint64_t *slot = wr_map_slot(s->index, &key, sizeof(key), s->groups.n, &created);
	struct group group = {.subject = subject, .peer = peer};
	if (!slot || (created && wr_vec_push(&s->groups, group) < 0)) {
		s->l->nomem = true;
		return NULL;
	}
	uint32_t at = (uint32_t)*slot;
	if (created)
		register_group(s, at);
	return &s->groups.items[at];
}

/* ---- whether a peer is held ---- */

/* The first claim of a group that ends at a port or later. */
static size_t claim_at(const struct group *g, uint32_t port)
{
	size_t lo = 0, hi = g->claims.n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (g->claims.items[mid].span.last < port)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void find_in(struct shadow *s, const struct group *g, struct lint_span ports)
{
	for (size_t i = claim_at(g, ports.first);
	     i < g->claims.n && g->claims.items[i].span.first <= ports.last; i++)
		if (wr_vec_push(&s->found, g->claims.items[i]) < 0)
			s->l->nomem = true;
}

static void find_claims(struct shadow *s, const struct wr_peer *subject, const struct wr_peer *peer,
			struct bucket b)
{
	const number_list *list = bucket_list(s, b, false);
	for (size_t i = 0; list && i < list->n && s->found.n < CLAIMS_MAX; i++) {
		const struct group *g = &s->groups.items[list->items[i]];
		if (!lint_peer_within(s->l, subject, g->subject) ||
		    (g->peer && !lint_peer_within(s->l, peer, g->peer)))
			continue;
		for (size_t k = 0; k < s->ports.left.n; k++)
			find_in(s, g, s->ports.left.items[k]);
	}
}

static void find_by_selector(struct shadow *s, const struct wr_peer *subject,
			     const struct wr_peer *peer, uint32_t selector, enum bucket_kind pair,
			     enum bucket_kind key)
{
	const struct wr_selector *sel = selector == WR_NONE ? NULL : &s->l->w->selectors[selector];
	for (size_t i = 0; sel && i < sel->n; i++) {
		const struct wr_req *req = &sel->reqs[i];
		/* a holder with In has all of these values */
		if (req->op == WR_OP_IN && req->n)
			find_claims(s, subject, peer,
				    (struct bucket){.kind = pair, .number = req->pairs[0]});
		find_claims(s, subject, peer, (struct bucket){.kind = key, .number = req->key});
	}
}

static void find_by_address(struct shadow *s, const struct wr_peer *subject,
			    const struct wr_peer *peer)
{
	struct wr_cidr c = peer->cidr;
	for (int len = c.len; len >= 0; len--) {
		c.len = (uint8_t)len;
		find_claims(s, subject, peer, block_bucket(&c));
		if (len)
			c.ip.b[(len - 1) / 8] &= (uint8_t) ~(0x80u >> ((len - 1) % 8));
	}
}

static int by_order(const void *pa, const void *pb)
{
	const struct claim *a = pa, *b = pb;
	if (a->policy != b->policy)
		return a->policy < b->policy ? -1 : 1;
	return a->rule < b->rule ? -1 : a->rule > b->rule;
}

/* What is known of the rules that hold a rule, or one of its peers. */
static void note_holder(struct shadow *s, const struct claim *c, const struct wr_policy *p,
			enum wr_action own, struct holders *h)
{
	const struct wr_policy *by = &s->l->w->policies[c->policy];
	enum wr_action action = by->rules[s->dir][c->rule].action;
	h->by_equal |= by != p && by->priority == p->priority && action != own;
	h->by_pass |= action == WR_PASS;
	h->by_other |= action != own;
	for (uint32_t i = 0; i < h->n; i++)
		if (!by_order(&h->told[i], c))
			return;
	if (h->n < TOLD_MAX)
		h->told[h->n++] = *c;
	else
		h->more = true;
}

/* Whether all ports of a rule are claimed for a peer (NULL: everybody); notes by whom. */
static bool is_held(struct shadow *s, const struct wr_policy *p, const struct wr_rule *r,
		    const struct wr_peer *peer)
{
	const struct wr_peer *subject = &p->subject;
	lint_spans_set(s->l, &s->ports, r);
	s->found.n = 0;
	find_claims(s, subject, peer, (struct bucket){.kind = EVERYBODY});
	if (peer && peer->kind == WR_PEER_PODS) {
		find_claims(s, subject, peer, (struct bucket){.kind = ANY_PODS});
		find_by_selector(s, subject, peer, peer->ns_selector, NS_PAIR, NS_KEY);
		find_by_selector(s, subject, peer, peer->pod_selector, POD_PAIR, POD_KEY);
	} else if (peer && peer->kind == WR_PEER_NODES) {
		find_claims(s, subject, peer, (struct bucket){.kind = ANY_NODES});
		find_by_selector(s, subject, peer, peer->node_selector, POD_PAIR, POD_KEY);
	} else if (peer && peer->kind == WR_PEER_IPBLOCK) {
		find_by_address(s, subject, peer);
	}
	if (!s->ports.left.n || !s->found.n || s->l->nomem)
		return false;
	qsort(s->found.items, s->found.n, sizeof(struct claim), by_order);
	struct holders h = s->by; /* what holds only a part is not told */
	for (size_t i = 0; i < s->found.n && s->ports.left.n; i++)
		if (lint_spans_take(s->l, &s->ports, s->found.items[i].span))
			note_holder(s, &s->found.items[i], p, r->action, &h);
	if (!s->ports.left.n)
		s->by = h;
	return !s->ports.left.n;
}

/* ---- findings ---- */

static const char *const verbs[] = {
	[WR_ACCEPT] = "accepts", [WR_DENY] = "denies", [WR_PASS] = "passes"};

/* "spec.egress[0] denies", of the first holder; "... and 2 more rules decide". */
static const char *who(struct shadow *s, const struct wr_policy *p)
{
	struct lint *l = s->l;
	const struct wr_policy *by = &l->w->policies[s->by.told[0].policy];
	const char *first = lint_rule_name(l, by, s->dir, s->by.told[0].rule, p);
	if (s->by.n == 1)
		return lint_text(l, "%s %s all of it first", first,
				 verbs[by->rules[s->dir][s->by.told[0].rule].action]);
	return lint_text(l, "%s and %s decide all of it first", first,
			 s->by.more ? "other rules"
				    : lint_count(l, s->by.n - 1, "more rule", "more rules"));
}

static void relate_holders(struct shadow *s, const struct wr_policy *p)
{
	struct lint *l = s->l;
	for (uint32_t i = 0; i < s->by.n; i++) {
		const struct wr_policy *by = &l->w->policies[s->by.told[i].policy];
		const struct wr_rule *r = &by->rules[s->dir][s->by.told[i].rule];
		lint_relate(l, r->mark, "%s %s it",
			    lint_rule_name(l, by, s->dir, s->by.told[i].rule, p), verbs[r->action]);
	}
}

static void fix_rule(struct lint *l, const struct wr_policy *p, enum wr_direction dir, size_t rule)
{
	const struct wr_value *list = lint_rules_value(p->object, dir);
	struct wr_edit edit;
	/* the first one stays, so that fixes together never empty the list */
	if (list && rule && !wr_edit_remove_item(p->object->doc, list, rule, &edit))
		lint_fix(l, &edit, 1);
}

/* path and mark: of the rule, or of the one peer of it that is dead. */
static void report(struct shadow *s, const struct wr_policy *p, size_t rule, struct wr_mark mark,
		   const char *path, bool whole)
{
	struct lint *l = s->l;
	const struct wr_rule *r = &p->rules[s->dir][rule];
	const char *what = whole ? "" : "this peer ";
	bool own = s->by.told[0].policy == (uint32_t)(p - l->w->policies);
	if (s->by.by_equal)
		return; /* who comes first is open: equal-priority says it */
	if (s->by.by_pass && r->action != WR_PASS) {
		lint_report(l, &skipped, p->object, mark, path,
			    "%snever matches: %s, and what is passed leaves the %s tier%s", what,
			    who(s, p), wr_tier_name(p->tier),
			    p->tier == WR_TIER_ADMIN ? " for NetworkPolicies and Baseline"
						     : "; nothing follows, so it is allowed");
		lint_advise(l, own ? "put it before the Pass, or make the Pass narrower"
				   : "give this policy a lower priority number than that of the "
				     "Pass, or make the Pass narrower");
	} else {
		lint_report(l, &shadowed, p->object, mark, path, "%snever matches: %s%s", what,
			    who(s, p), s->by.by_other ? "" : ", to the same end");
		lint_advise(l, !s->by.by_other ? "remove it, or make the earlier one narrower"
			       : own ? "in a policy the first rule that matches decides: put it "
				       "before that one, or remove it"
				     : "the policy of lower priority number decides first: give "
				       "this one a lower number, or remove the rule");
		if (!s->by.by_other && whole)
			fix_rule(l, p, s->dir, rule);
	}
	relate_holders(s, p);
}

/* What is dead need not be found again by looking at the pods. */
static void note_dead(struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule)
{
	uint32_t key[] = {policy, dir, (uint32_t)rule};
	if (!l->dead)
		l->dead = wr_map_new();
	l->nomem |= !l->dead || wr_map_put(l->dead, key, sizeof(key), 1) < 0;
}

static void check_rule(struct shadow *s, uint32_t policy, size_t rule)
{
	struct lint *l = s->l;
	const struct wr_policy *p = &l->w->policies[policy];
	const struct wr_rule *r = &p->rules[s->dir][rule];
	size_t n = r->any_peer ? 1 : r->n_peers, held = 0;
	s->by = (struct holders){0};
	for (size_t k = 0; k < n; k++)
		held += is_held(s, p, r, r->any_peer ? NULL : &r->peers[k]);
	if (n && held == n) {
		note_dead(l, policy, s->dir, rule);
		report(s, p, rule, r->mark, lint_rule_path(l, s->dir, rule), true);
		return;
	}
	for (size_t k = 0; k < n && held; k++) {
		s->by = (struct holders){0};
		if (is_held(s, p, r, &r->peers[k]))
			report(s, p, rule, lint_peer_mark(p, s->dir, rule, k),
			       lint_peer_path(l, p->object, s->dir, rule, k), false);
	}
}

/* ---- the walk ---- */

static void insert_claim(struct shadow *s, struct group *g, size_t at, struct claim c)
{
	if (wr_vec_push(&g->claims, c) < 0) {
		s->l->nomem = true;
		return;
	}
	memmove(&g->claims.items[at + 1], &g->claims.items[at], (g->claims.n - 1 - at) * sizeof(c));
	g->claims.items[at] = c;
}

/* Adds to a group's claims, which are in order and apart, what of a claim is new. */
static void add_claim(struct shadow *s, struct group *g, struct claim c)
{
	for (size_t i = claim_at(g, c.span.first); !s->l->nomem; i++) {
		bool end = i == g->claims.n || g->claims.items[i].span.first > c.span.last;
		struct claim part = c;
		struct lint_span old = end ? c.span : g->claims.items[i].span;
		if (!end && old.first <= c.span.first) {
			if (old.last >= c.span.last)
				return;
			c.span.first = old.last + 1;
			continue;
		}
		if (!end)
			part.span.last = old.first - 1;
		insert_claim(s, g, i, part);
		if (end)
			return;
		c.span.first = old.first;
	}
}

static void claim_rule(struct shadow *s, uint32_t policy, size_t rule)
{
	const struct wr_policy *p = &s->l->w->policies[policy];
	const struct wr_rule *r = &p->rules[s->dir][rule];
	lint_spans_set(s->l, &s->ports, r);
	for (size_t k = 0; k < (r->any_peer ? 1 : r->n_peers); k++) {
		const struct wr_peer *peer = r->any_peer ? NULL : &r->peers[k];
		if (peer && (peer->kind == WR_PEER_DOMAINS || peer->kind == WR_PEER_NOTHING))
			continue;
		struct group *g = group_of(s, &p->subject, peer);
		for (size_t i = 0; g && i < s->ports.left.n; i++)
			add_claim(s, g,
				  (struct claim){s->ports.left.items[i], policy, (uint32_t)rule});
	}
}

static void shadow_free(struct shadow *s)
{
	for (size_t i = 0; i < s->groups.n; i++)
		wr_vec_free(&s->groups.items[i].claims);
	for (size_t i = 0; i < s->lists.n; i++)
		wr_vec_free(&s->lists.items[i]);
	wr_vec_free(&s->groups);
	wr_vec_free(&s->lists);
	wr_vec_free(&s->found);
	lint_spans_free(&s->ports);
	wr_map_free(s->index);
	wr_map_free(s->buckets);
}

static void check_tier(struct lint *l, enum wr_tier tier, enum wr_direction dir)
{
	struct shadow s = {.l = l, .dir = dir, .index = wr_map_new()};
	s.buckets = wr_map_new();
	l->nomem |= !s.index || !s.buckets;
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (p->tier != tier || !p->object)
			continue;
		for (size_t r = 0; r < p->n_rules[dir] && !l->nomem; r++) {
			check_rule(&s, i, r);
			claim_rule(&s, i, r);
		}
	}
	shadow_free(&s);
}

static void run(struct lint *l)
{
	if (!lint_on(l, &shadowed) && !lint_on(l, &skipped))
		return;
	for (int d = 0; d < 2; d++) {
		check_tier(l, WR_TIER_ADMIN, (enum wr_direction)d);
		check_tier(l, WR_TIER_BASELINE, (enum wr_direction)d);
	}
}

const struct lint_check lint_tier_shadow = {LINT_RULES(&shadowed, &skipped), run};
