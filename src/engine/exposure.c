/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that do not exist yet have no verdict; what can be told is what rules
 * say of labels. Every rule that accepts is a claim on the pods of its peers,
 * and what is asked before it takes away from that claim: a Deny (or, in its
 * own tier, a Pass) that holds all of the peer takes ports, one that may hold
 * some of it is an exception, and one whose labels exclude the peer's takes
 * nothing. Selectors are related by what they say (model/relate.h).
 *
 * A Pass rule of the Admin tier leads its peers past the Denies after it. What
 * later tiers accept is therefore claimed once for everybody and once for the
 * peers of every Pass rule that a later Deny could have hit.
 *
 * All subjects of a row have the same claims; they are made once.
 */
#include "engine/exposure.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "engine/exposure_ports.h"
#include "engine/internal.h"
#include "engine/query.h"
#include "model/relate.h"

#define ANYBODY "any pod of any namespace"
#define EXCEPTIONS_MAX 50

/* One rule of a row, in the order of evaluation. */
struct step {
	uint32_t policy, rule;
	enum wr_tier tier;
	const struct wr_rule *r;
};

struct claim_span {
	size_t first, n;
};

/* A claim as it is listed; id: a number for all that say the same, whichever row they are of. */
struct claimed {
	struct wr_exposure e;
	uint64_t id;
};

struct builder {
	const struct wr_program *p;
	const struct wr_world *w;
	struct wr_arena *arena;
	struct wr_map *ids;      /* claims by their text */
	struct wr_map *seen;     /* claims of a workload */
	struct claim_span *rows; /* claims of no policies by direction, then by row */
	WR_VEC(struct claimed) claims;
	WR_VEC(struct wr_exposure) list;
	/* of the row in hand */
	WR_VEC(struct step) steps;
	size_t n_admin; /* steps of the Admin tier, which come first */
	enum wr_direction dir;
};

/*
 * How one gets past the Admin tier: everybody whom no rule there stops, or the
 * peer of a Pass rule. NULL: any peer, any port.
 */
struct way {
	const struct wr_peer *peer;
	const struct wr_rule *ports;
	size_t end; /* Admin steps from here on are not asked */
};

/* Who is accepted, where, by which step (NULL: by default), and by which way. */
struct claim {
	const struct wr_peer *peer;
	const struct step *by;
	struct way way;
	/* what is taken away: parts of the peers, and ports */
	const char *except[EXCEPTIONS_MAX];
	size_t n_except, n_more;
	const char *but;
};

/* ---- how peers relate; NULL: any pod of any namespace ---- */

static bool is_block(const struct wr_peer *p)
{
	return p && p->kind == WR_PEER_IPBLOCK;
}

static bool within(const struct builder *b, const struct wr_peer *x, const struct wr_peer *y)
{
	if (is_block(y))
		return is_block(x) && wr_cidr_covers(&y->cidr, &x->cidr);
	return wr_peer_pods_within(b->w, is_block(x) ? NULL : x, y);
}

static bool apart(const struct builder *b, const struct wr_peer *x, const struct wr_peer *y)
{
	if (is_block(x) && is_block(y))
		return !within(b, x, y) && !within(b, y, x);
	return !is_block(x) && !is_block(y) && wr_peer_pods_apart(b->w, x, y);
}

/* ---- words ---- */

static bool is_everything(const struct wr_world *w, uint32_t selector)
{
	return selector == WR_NONE || !w->selectors[selector].n;
}

static const char *peer_words(const struct builder *b, const struct wr_peer *peer)
{
	const char *pods = "any pod", *labels;
	char cidr[WR_CIDR_TEXT];
	if (!peer)
		return ANYBODY;
	if (peer->kind == WR_PEER_IPBLOCK)
		return wr_arena_printf(b->arena, "addresses in %s",
				       wr_cidr_format(&peer->cidr, cidr));
	if (!is_everything(b->w, peer->pod_selector)) {
		labels = wr_selector_format(b->w, peer->pod_selector, b->arena);
		pods = labels ? wr_arena_printf(b->arena, "pods with %s", labels) : NULL;
	}
	if (!pods)
		return NULL;
	if (peer->ns_index != WR_NONE)
		return wr_arena_printf(b->arena, "%s in namespace %s", pods,
				       b->w->namespaces[peer->ns_index].name);
	if (is_everything(b->w, peer->ns_selector))
		return wr_arena_printf(b->arena, "%s of any namespace", pods);
	labels = wr_selector_format(b->w, peer->ns_selector, b->arena);
	return labels ? wr_arena_printf(b->arena, "%s in namespaces with %s", pods, labels) : NULL;
}

/* The peers of a claim: both its own and the way's must hold the pod. */
static const char *claim_peer(const struct builder *b, const struct claim *c)
{
	const struct wr_peer *x = c->peer, *y = c->way.peer;
	if (within(b, x, y))
		return peer_words(b, x);
	if (within(b, y, x))
		return peer_words(b, y);
	const char *first = peer_words(b, x), *second = peer_words(b, y);
	return first && second ? wr_arena_printf(b->arena, "%s that are also %s", first, second)
			       : NULL;
}

static const char *claim_ports(const struct builder *b, const struct claim *c)
{
	const struct wr_rule *x = c->by ? c->by->r : NULL, *y = c->way.ports;
	if (wr_ports_cover(y, x))
		return wr_ports_words(b->arena, x);
	if (wr_ports_cover(x, y))
		return wr_ports_words(b->arena, y);
	const char *first = wr_ports_words(b->arena, x), *second = wr_ports_words(b->arena, y);
	return first && second ? wr_arena_printf(b->arena, "%s that is also %s", first, second)
			       : NULL;
}

/* ---- what is taken away ---- */

/* Whether no pod can be a peer, whatever its labels: they contradict each other. */
static bool is_nobody(const struct builder *b, const struct wr_peer *peer)
{
	return !is_block(peer) && wr_peer_pods_apart(b->w, peer, peer);
}

/* Whether a peer can hold a pod at all. */
static bool counts(const struct builder *b, const struct wr_peer *peer)
{
	return peer->kind == WR_PEER_PODS ||
	       (peer->kind == WR_PEER_IPBLOCK && !b->p->opts.ipblocks_skip_pods);
}

/* Whether a rule holds every pod: by its peers together, addresses of both families included. */
static bool holds_everybody(const struct builder *b, const struct wr_rule *r)
{
	bool four = false, six = false;
	for (size_t i = 0; i < r->n_peers; i++) {
		const struct wr_peer *p = &r->peers[i];
		if (p->kind != WR_PEER_IPBLOCK || p->cidr.len || b->p->opts.ipblocks_skip_pods)
			continue;
		four |= p->cidr.ip.family == WR_IPV4;
		six |= p->cidr.ip.family == WR_IPV6;
	}
	return r->any_peer || (four && six);
}

static bool holds_all(const struct builder *b, const struct wr_rule *r, const struct claim *c)
{
	if (holds_everybody(b, r))
		return true;
	for (size_t i = 0; i < r->n_peers; i++)
		if (counts(b, &r->peers[i]) &&
		    (within(b, c->peer, &r->peers[i]) || within(b, c->way.peer, &r->peers[i])))
			return true;
	return false;
}

static bool may_hold(const struct builder *b, const struct wr_peer *peer, const struct claim *c)
{
	return counts(b, peer) && !is_nobody(b, peer) && !apart(b, peer, c->peer) &&
	       !apart(b, peer, c->way.peer);
}

static int add_exception(struct claim *c, const char *words)
{
	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_except; i++)
		if (!strcmp(c->except[i], words))
			return 0;
	if (c->n_except < EXCEPTIONS_MAX)
		c->except[c->n_except++] = words;
	else
		c->n_more++;
	return 0;
}

static int add_exceptions(const struct builder *b, struct claim *c, const struct wr_rule *r,
			  bool all_ports)
{
	const char *ports = all_ports ? "" : wr_ports_words(b->arena, r);
	int rc = ports ? 0 : -ENOMEM;
	for (size_t i = 0; i < r->n_peers && !rc; i++) {
		if (!may_hold(b, &r->peers[i], c))
			continue;
		const char *words = peer_words(b, &r->peers[i]);
		if (words && !all_ports)
			words = wr_arena_printf(b->arena, "%s on %s", words, ports);
		rc = add_exception(c, words);
	}
	return rc;
}

/* What one earlier rule takes from a claim. 1: all of it; 0, or -ENOMEM. */
static int take_away(const struct builder *b, struct claim *c, const struct wr_rule *r)
{
	const struct wr_rule *own = c->by ? c->by->r : NULL;
	if (!wr_ports_meet(r, own) || !wr_ports_meet(r, c->way.ports))
		return 0;
	bool all_ports = wr_ports_cover(r, own) || wr_ports_cover(r, c->way.ports);
	if (!holds_all(b, r, c))
		return add_exceptions(b, c, r, all_ports);
	if (all_ports)
		return 1;
	const char *ports = wr_ports_words(b->arena, r);
	c->but = ports ? wr_arena_printf(b->arena, "%s%s%s", c->but ? c->but : "",
					 c->but ? "," : "", ports)
		       : NULL;
	return c->but ? 0 : -ENOMEM;
}

/*
 * Steps before the one that accepts: Denies, and in the Admin tier's own claims
 * Passes, which lead elsewhere. (A Pass of the Baseline tier leads to the
 * default, which allows.)
 */
static int take_all(const struct builder *b, struct claim *c)
{
	size_t end = c->by ? (size_t)(c->by - b->steps.items) : b->steps.n;
	bool own_tier = c->by && c->by->tier == WR_TIER_ADMIN;
	int rc = 0;
	for (size_t i = 0; i < end && !rc; i++) {
		const struct step *s = &b->steps.items[i];
		if (s->tier == WR_TIER_ADMIN && i >= c->way.end)
			continue;
		if (s->r->action == WR_DENY || (own_tier && s->r->action == WR_PASS))
			rc = take_away(b, c, s->r);
	}
	return rc;
}

/* ---- claims ---- */

/* The number of what a claim says. */
static int number(struct builder *b, struct claimed *c)
{
	const struct wr_exposure *e = &c->e;
	const char *text = wr_arena_printf(b->arena, "%d|%s|%s", (int)e->dir, e->peer, e->ports);
	for (size_t i = 0; i < e->n_except && text; i++)
		text = wr_arena_printf(b->arena, "%s|%s", text, e->except[i]);
	const uint64_t *slot = text ? wr_map_slot(b->ids, text, strlen(text), b->claims.n, NULL)
				    : NULL;
	if (!slot)
		return -ENOMEM;
	c->id = *slot;
	return 0;
}

/* Words of a claim; -ENOMEM. */
static int put_into_words(struct builder *b, const struct claim *c, struct claimed *out)
{
	struct wr_exposure *e = &out->e;
	e->peer = claim_peer(b, c);
	e->ports = claim_ports(b, c);
	if (e->ports && c->but)
		e->ports = wr_arena_printf(b->arena, "%s but %s", e->ports, c->but);
	e->except = wr_arena_array(b->arena, c->n_except, sizeof(*e->except));
	if (!e->peer || !e->ports || !e->except)
		return -ENOMEM;
	for (; e->n_except < c->n_except; e->n_except++)
		e->except[e->n_except] = c->except[e->n_except];
	e->n_more = c->n_more;
	return number(b, out);
}

static int add_claim(struct builder *b, struct claim c)
{
	struct claimed out = {.e = {.dir = b->dir, .policy = WR_NONE, .rule = WR_NONE}};
	if (apart(b, c.peer, c.way.peer) || !wr_ports_meet(c.by ? c.by->r : NULL, c.way.ports))
		return 0;
	int rc = take_all(b, &c);
	if (rc)
		return rc < 0 ? rc : 0;
	if (c.by) {
		out.e.policy = c.by->policy;
		out.e.rule = c.by->rule;
		out.e.mark = c.peer ? c.peer->mark : c.by->r->mark;
	}
	rc = put_into_words(b, &c, &out);
	return rc ? rc : wr_vec_push(&b->claims, out);
}

/*
 * Whether a peer makes a claim. What an ipBlock of a NetworkPolicy allows is a
 * matter of addresses, mostly outside, and not of labels; the networks of
 * cluster-wide policies are often the only word on pods inside.
 */
static bool is_claim(const struct builder *b, const struct step *s, const struct wr_peer *peer)
{
	return peer->kind == WR_PEER_PODS || (s->tier != WR_TIER_NETWORKPOLICY &&
					      peer->kind == WR_PEER_IPBLOCK && counts(b, peer));
}

/* The claims of one step by one way. */
static int add_step(struct builder *b, const struct step *s, struct way way)
{
	bool accepts = s->r->action == WR_ACCEPT ||
		       (s->r->action == WR_PASS && s->tier == WR_TIER_BASELINE);
	int rc = 0;
	if (accepts && s->r->any_peer)
		return add_claim(b, (struct claim){.by = s, .way = way});
	for (size_t k = 0; k < s->r->n_peers && accepts && !rc; k++)
		if (is_claim(b, s, &s->r->peers[k]))
			rc = add_claim(
				b, (struct claim){.peer = &s->r->peers[k], .by = s, .way = way});
	return rc;
}

static int add_later_tiers(struct builder *b, struct way way, bool isolated)
{
	int rc = 0;
	for (size_t i = b->n_admin; i < b->steps.n && !rc; i++)
		rc = add_step(b, &b->steps.items[i], way);
	return rc || isolated ? rc : add_claim(b, (struct claim){.way = way});
}

/* Whether a peer of a Pass rule is spared something: a Deny after it could have hit it. */
static bool is_spared(const struct builder *b, size_t pass, const struct wr_peer *peer)
{
	const struct claim c = {.peer = peer};
	for (size_t i = pass + 1; i < b->n_admin; i++) {
		const struct wr_rule *r = b->steps.items[i].r;
		if (r->action != WR_DENY || !wr_ports_meet(r, b->steps.items[pass].r))
			continue;
		if (holds_all(b, r, &c))
			return true;
		for (size_t k = 0; k < r->n_peers; k++)
			if (may_hold(b, &r->peers[k], &c))
				return true;
	}
	return false;
}

static int add_passed(struct builder *b, size_t pass, bool isolated)
{
	const struct wr_rule *r = b->steps.items[pass].r;
	int rc = 0;
	for (size_t k = 0; k < r->n_peers && !rc; k++)
		if (counts(b, &r->peers[k]) && is_spared(b, pass, &r->peers[k]))
			rc = add_later_tiers(b, (struct way){&r->peers[k], r, pass}, isolated);
	return rc;
}

/* The steps of a row that count: where NetworkPolicies isolate, Baseline is not asked. */
static int collect_steps(struct builder *b, uint32_t row, enum wr_direction dir, bool *isolated)
{
	uint32_t n = 0;
	enum wr_direction unused;
	const uint32_t *policies = row ? wr_query_row(b->p, row, &n, &unused) : NULL;
	b->dir = dir;
	b->steps.n = b->n_admin = 0;
	*isolated = false;
	for (uint32_t i = 0; i < n; i++) {
		const struct wr_policy *p = &b->w->policies[policies[i]];
		*isolated |= p->tier == WR_TIER_NETWORKPOLICY;
		if (*isolated && p->tier == WR_TIER_BASELINE)
			break;
		for (uint32_t r = 0; r < p->n_rules[b->dir]; r++)
			if (wr_vec_push(&b->steps, (struct step){policies[i], r, p->tier,
								 &p->rules[b->dir][r]}) < 0)
				return -ENOMEM;
		if (p->tier == WR_TIER_ADMIN)
			b->n_admin = b->steps.n;
	}
	return 0;
}

static int make_claims(struct builder *b, uint32_t row, enum wr_direction dir)
{
	const struct way everybody = {.end = SIZE_MAX};
	bool isolated;
	int rc = collect_steps(b, row, dir, &isolated);
	for (size_t i = 0; i < b->n_admin && !rc; i++)
		rc = add_step(b, &b->steps.items[i], everybody);
	for (size_t i = 0; i < b->n_admin && !rc; i++)
		if (b->steps.items[i].r->action == WR_PASS)
			rc = add_passed(b, i, isolated);
	return rc ? rc : add_later_tiers(b, everybody, isolated);
}

/* ---- workloads ---- */

/* Each workload, direction, peer and set of ports once, whichever policies say it. */
static int add(struct builder *b, const char *workload, const struct claimed *c)
{
	bool created;
	struct wr_exposure e = c->e;
	const char *key = wr_arena_printf(b->arena, "%s|%" PRIu64, workload, c->id);
	uint64_t *slot = key ? wr_map_slot(b->seen, key, strlen(key), 0, &created) : NULL;
	if (!slot)
		return -ENOMEM;
	e.workload = workload;
	return created ? wr_vec_push(&b->list, e) : 0;
}

/* The claims of a row; of row 0, which has no policies, that everybody may. */
static int claims_of(struct builder *b, uint32_t row, enum wr_direction dir)
{
	struct claim_span *span = &b->rows[row ? 1 + row : (uint32_t)dir];
	if (span->first != SIZE_MAX)
		return 0;
	size_t first = b->claims.n;
	int rc = make_claims(b, row, dir);
	span->first = first;
	span->n = b->claims.n - first;
	return rc;
}

static int add_direction(struct builder *b, const char *workload, const struct wr_side *side,
			 enum wr_direction dir)
{
	uint32_t row = side->id.row[dir];
	int rc = claims_of(b, row, dir);
	const struct claim_span *span = &b->rows[row ? 1 + row : (uint32_t)dir];
	for (size_t i = 0; i < span->n && !rc; i++)
		rc = add(b, workload, &b->claims.items[span->first + i]);
	return rc;
}

static int add_pod(struct builder *b, uint32_t i)
{
	const struct wr_pod *pod = &b->w->pods[i];
	struct wr_side side;
	if (pod->completed || pod->host_network || wr_side_pod(b->p, i, 0, &side) < 0)
		return 0;
	const char *workload = wr_arena_printf(b->arena, "%s/%s[%s]", pod->ns, pod->owner_name,
					       pod->owner_kind);
	int rc = workload ? 0 : -ENOMEM;
	if (!rc)
		rc = add_direction(b, workload, &side, WR_INGRESS);
	return rc ? rc : add_direction(b, workload, &side, WR_EGRESS);
}

static int build(struct builder *b)
{
	uint32_t n_rows = 1 + wr_program_n_rows(b->p);
	b->ids = wr_map_new();
	b->seen = wr_map_new();
	b->rows = wr_arena_array(b->arena, n_rows, sizeof(*b->rows));
	int rc = b->ids && b->seen && b->rows ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < n_rows && !rc; i++)
		b->rows[i].first = SIZE_MAX;
	for (uint32_t i = 0; i < b->w->n_pods && !rc; i++)
		rc = add_pod(b, i);
	return rc;
}

int wr_exposure_list(const struct wr_program *p, struct wr_arena *arena, struct wr_exposure **out,
		     size_t *n)
{
	struct builder b = {.p = p, .w = wr_program_world(p), .arena = arena};
	int rc = build(&b);
	struct wr_exposure *list = rc ? NULL : wr_arena_array(arena, b.list.n, sizeof(*list));
	if (!rc && !list)
		rc = -ENOMEM;
	if (!rc) {
		if (b.list.n)
			memcpy(list, b.list.items, b.list.n * sizeof(*list));
		*out = list;
		*n = b.list.n;
	}
	wr_vec_free(&b.steps);
	wr_vec_free(&b.claims);
	wr_vec_free(&b.list);
	wr_map_free(b.ids);
	wr_map_free(b.seen);
	return rc;
}
