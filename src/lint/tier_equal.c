/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

/*
 * Two cluster-wide policies of one tier and one priority that decide the same
 * connection differently: the API leaves open which of them comes first. They
 * must meet in a pod that both select, in a peer, and in a port; and in neither
 * policy may earlier rules have decided that already.
 *
 * Where pods are given they are the measure: a pod that both peers hold is the
 * witness, and earlier rules are asked about it. Elsewhere, and for addresses
 * and nodes, one peer must hold the other one by what is written.
 */

static const struct wr_lint_rule equal = {
	"equal-priority", WR_WARNING, false,
	"two policies of one tier and priority that decide the same connections differently"};

#define PODS_MAX 1024
#define WITNESSES 16         /* pods that are tried for two peers */
#define LOOKS_MAX (1u << 24) /* pairs that are held against each other; then no more is said */

struct pair {
	struct lint *l;
	uint32_t policy[2]; /* in order of name */
	enum wr_direction dir;
	size_t rule[2];
	/* where the two rules meet: a pod, or (WR_NONE) a peer, NULL for everybody */
	uint32_t pod;
	const struct wr_peer *peer;
	struct lint_spans ports, other;
	uint32_t looks;
};

static const struct wr_policy *policy_of(const struct pair *m, int side)
{
	return &m->l->w->policies[m->policy[side]];
}

static bool share_a_pod(const struct wr_bitset *a, const struct wr_bitset *b)
{
	for (size_t i = 0; i < wr_bitset_words(a->bits); i++)
		if (a->words[i] & b->words[i])
			return true;
	return false;
}

static bool share_subjects(const struct pair *m)
{
	const struct lint *l = m->l;
	const struct wr_peer *a = &policy_of(m, 0)->subject, *b = &policy_of(m, 1)->subject;
	if (l->knows_pods)
		return share_a_pod(wr_query_subject(l->p, m->policy[0]),
				   wr_query_subject(l->p, m->policy[1]));
	return lint_peer_within(l, a, b) || lint_peer_within(l, b, a);
}

/* ---- whether earlier rules decide where the two meet ---- */

static bool peer_has_pod(const struct pair *m, struct wr_peer_id id, const struct wr_peer *peer)
{
	const struct wr_pod *pod = &m->l->w->pods[m->pod];
	const struct wr_bitset *pods = wr_query_peer_pods(m->l->p, id);
	for (size_t i = 0; peer->kind == WR_PEER_IPBLOCK && i < pod->n_ips; i++)
		if (wr_cidr_contains(&peer->cidr, &pod->ips[i]))
			return true;
	return pods && wr_bitset_has(pods, m->pod);
}

static bool rule_is_there(const struct pair *m, int side, size_t rule)
{
	const struct wr_rule *r = &policy_of(m, side)->rules[m->dir][rule];
	for (uint32_t k = 0; k < r->n_peers; k++) {
		struct wr_peer_id id = {m->policy[side], m->dir, (uint32_t)rule, k};
		if (m->pod != WR_NONE ? peer_has_pod(m, id, &r->peers[k])
				      : m->peer && lint_peer_within(m->l, m->peer, &r->peers[k]))
			return true;
	}
	return r->any_peer;
}

/* Whether a port is left when what earlier rules of both policies decide is taken out. */
static bool is_left(struct pair *m)
{
	struct lint *l = m->l;
	lint_spans_set(l, &m->ports, &policy_of(m, 0)->rules[m->dir][m->rule[0]]);
	lint_spans_set(l, &m->other, &policy_of(m, 1)->rules[m->dir][m->rule[1]]);
	lint_spans_keep(l, &m->ports, &m->other.left);
	for (int side = 0; side < 2; side++)
		for (size_t r = 0; r < m->rule[side] && m->ports.left.n; r++) {
			if (!rule_is_there(m, side, r))
				continue;
			lint_spans_set(l, &m->other, &policy_of(m, side)->rules[m->dir][r]);
			for (size_t i = 0; i < m->other.left.n; i++)
				lint_spans_take(l, &m->ports, m->other.left.items[i]);
		}
	return m->ports.left.n > 0;
}

/* ---- where two rules meet ---- */

static bool try_pods(struct pair *m, const struct wr_bitset *a, const struct wr_bitset *b)
{
	size_t tried = 0;
	for (size_t w = 0; w < wr_bitset_words(a->bits); w++) {
		uint64_t both = a->words[w] & b->words[w];
		for (unsigned bit = 0; bit < 64 && both >> bit; bit++) {
			if (!(both >> bit & 1))
				continue;
			m->pod = (uint32_t)(w * 64 + bit);
			if (is_left(m))
				return true;
			if (++tried == WITNESSES)
				return false;
		}
	}
	return false;
}

/* Pods of a set that have an address in a block. */
static bool try_addresses(struct pair *m, const struct wr_bitset *pods, const struct wr_cidr *c)
{
	size_t tried = 0, looked = 0;
	for (size_t i = wr_bitset_next(pods, 0);
	     i != SIZE_MAX && tried < WITNESSES && looked++ < PODS_MAX;
	     i = wr_bitset_next(pods, i + 1)) {
		const struct wr_pod *pod = &m->l->w->pods[i];
		bool in = false;
		for (size_t k = 0; k < pod->n_ips && !in; k++)
			in = wr_cidr_contains(c, &pod->ips[k]);
		m->pod = (uint32_t)i;
		tried += in;
		if (in && is_left(m))
			return true;
	}
	return false;
}

static bool try_peers(struct pair *m, uint32_t a, uint32_t b)
{
	struct lint *l = m->l;
	const struct wr_peer *x = &policy_of(m, 0)->rules[m->dir][m->rule[0]].peers[a];
	const struct wr_peer *y = &policy_of(m, 1)->rules[m->dir][m->rule[1]].peers[b];
	struct wr_peer_id of_x = {m->policy[0], m->dir, (uint32_t)m->rule[0], a},
			  of_y = {m->policy[1], m->dir, (uint32_t)m->rule[1], b};
	if (l->knows_pods && x->kind == WR_PEER_PODS && y->kind == WR_PEER_PODS)
		return try_pods(m, wr_query_peer_pods(l->p, of_x), wr_query_peer_pods(l->p, of_y));
	if (x->kind == WR_PEER_PODS && y->kind == WR_PEER_IPBLOCK)
		return try_addresses(m, wr_query_peer_pods(l->p, of_x), &y->cidr);
	if (x->kind == WR_PEER_IPBLOCK && y->kind == WR_PEER_PODS)
		return try_addresses(m, wr_query_peer_pods(l->p, of_y), &x->cidr);
	m->pod = WR_NONE;
	m->peer = lint_peer_within(l, x, y) ? x : lint_peer_within(l, y, x) ? y : NULL;
	return m->peer && is_left(m);
}

static bool try_rules(struct pair *m)
{
	const struct wr_rule *a = &policy_of(m, 0)->rules[m->dir][m->rule[0]],
			     *b = &policy_of(m, 1)->rules[m->dir][m->rule[1]];
	if (a->action == b->action || m->looks++ >= LOOKS_MAX || !lint_ports_meet(a, b))
		return false;
	m->pod = WR_NONE;
	if (a->any_peer || b->any_peer) {
		m->peer = a->n_peers ? &a->peers[0] : b->n_peers ? &b->peers[0] : NULL;
		return is_left(m);
	}
	for (uint32_t i = 0; i < a->n_peers; i++)
		for (uint32_t k = 0; k < b->n_peers && m->looks < LOOKS_MAX; k++, m->looks++)
			if (try_peers(m, i, k))
				return true;
	return false;
}

static bool try_policies(struct pair *m)
{
	for (int d = 0; d < 2; d++) {
		m->dir = (enum wr_direction)d;
		size_t n[2] = {policy_of(m, 0)->n_rules[d], policy_of(m, 1)->n_rules[d]};
		for (m->rule[0] = 0; m->rule[0] < n[0]; m->rule[0]++)
			for (m->rule[1] = 0; m->rule[1] < n[1]; m->rule[1]++)
				if (try_rules(m))
					return true;
	}
	return false;
}

/* ---- findings ---- */

static void report(struct pair *m)
{
	static const char *const verbs[] = {
		[WR_ACCEPT] = "accepts", [WR_DENY] = "denies", [WR_PASS] = "passes"};
	struct lint *l = m->l;
	const struct wr_policy *first = policy_of(m, 0), *p = policy_of(m, 1);
	const struct wr_rule *a = &first->rules[m->dir][m->rule[0]],
			     *b = &p->rules[m->dir][m->rule[1]];
	const struct wr_value *v = lint_get(p->object,
					    (const char *const[]){"spec", "priority", NULL});
	const char *mine = lint_rule_name(l, p, m->dir, m->rule[1], p),
		   *others = lint_rule_name(l, first, m->dir, m->rule[0], p);
	lint_report(l, &equal, p->object, v ? v->mark : p->mark, "spec.priority",
		    "%s %s what %s %s%s, at the same priority (%d): the API leaves open which "
		    "policy comes first; weir goes by name",
		    mine, verbs[b->action], others, verbs[a->action],
		    m->pod == WR_NONE
			    ? ""
			    : lint_text(l, " (%s pod %s/%s)", m->dir == WR_INGRESS ? "from" : "to",
					l->w->pods[m->pod].ns, l->w->pods[m->pod].name),
		    p->priority);
	lint_advise(l, "give the one that must win the lower number");
	lint_relate(l, a->mark, "%s %s it", others, verbs[a->action]);
	lint_relate(l, b->mark, "%s %s it", mine, verbs[b->action]);
}

/* One finding for a policy: with the first that it contradicts. */
static void check_policy(struct pair *m, uint32_t i, uint32_t begin)
{
	m->policy[1] = i;
	for (m->policy[0] = begin; m->policy[0] < i && !m->l->nomem; m->policy[0]++)
		if (m->looks++ < LOOKS_MAX && share_subjects(m) && try_policies(m)) {
			report(m);
			return;
		}
}

static void run(struct lint *l)
{
	struct pair m = {.l = l};
	if (!lint_on(l, &equal))
		return;
	/* sorted by tier and priority */
	for (uint32_t i = 0, begin = 0; i < l->w->n_policies && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i], *first = &l->w->policies[begin];
		if (p->tier != first->tier || p->priority != first->priority)
			begin = i;
		if (p->tier != WR_TIER_NETWORKPOLICY && p->object)
			check_policy(&m, i, begin);
	}
	lint_spans_free(&m.ports);
	lint_spans_free(&m.other);
}

const struct lint_check lint_tier_equal = {LINT_RULES(&equal), run};
