/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

/*
 * One-sided connections: a rule allows one direction, and at the other end no
 * policy lets it through. The engine's rows tell: of all pods at either end
 * only the distinct rows and classes are looked at, since pods that share them
 * get the same answers.
 */

static const struct wr_lint_rule one_sided = {"one-sided", WR_WARNING, false,
					      "a rule whose connections the other end denies"};

#define PAIRS_MAX 4096 /* (row, class) pairs that are looked at for one rule */

struct ends {
	uint32_t *rows, *classes; /* of the far ends, and of the near ones; each once */
	uint32_t n_rows, n_classes, n_far;
	bool open; /* some far end is not isolated in its direction */
};

struct scratch {
	uint32_t *seen_row, *seen_class; /* number of the rule that saw it last */
	uint32_t number;
	struct ends e;
};

static bool rule_has_key(const struct wr_rule *r, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < r->n_ports; i++) {
		const struct wr_port *p = &r->ports[i];
		uint32_t from = WR_KEY(p->proto, p->kind == WR_PORTS_RANGE ? p->first : 0);
		uint32_t to = WR_KEY(p->proto, p->kind == WR_PORTS_RANGE ? p->last : 65535);
		if (from <= last && first <= to)
			return true;
	}
	return r->any_port;
}

/* Whether a port set allows any of a rule's ports. A named port counts as all of its protocol. */
static bool allows_any(const struct lint *l, uint32_t set, const struct wr_rule *r)
{
	uint32_t n;
	const struct wr_range *ranges = wr_program_port_set(l->p, set, &n);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t last = i + 1 < n ? ranges[i + 1].first - 1 : WR_KEY_LAST;
		if (ranges[i].allow && rule_has_key(r, ranges[i].first, last))
			return true;
	}
	return false;
}

static void add_far(struct lint *l, struct scratch *s, uint32_t pod, enum wr_direction far)
{
	struct wr_side side;
	if (wr_side_pod(l->p, pod, 0, &side) < 0)
		return;
	uint32_t row = side.id.row[far];
	s->e.n_far++;
	s->e.open |= !row;
	if (s->seen_row[row] != s->number) {
		s->seen_row[row] = s->number;
		s->e.rows[s->e.n_rows++] = row;
	}
}

static void add_near(struct lint *l, struct scratch *s, uint32_t pod)
{
	struct wr_side side;
	if (wr_side_pod(l->p, pod, 0, &side) < 0 || s->seen_class[side.id.class] == s->number)
		return;
	s->seen_class[side.id.class] = s->number;
	s->e.classes[s->e.n_classes++] = side.id.class;
}

/* The rows at the far end of all peers, the classes at the near one. False: not only pods. */
static bool gather(struct lint *l, struct scratch *s, uint32_t policy, enum wr_direction dir,
		   uint32_t rule)
{
	const struct wr_rule *r = &l->w->policies[policy].rules[dir][rule];
	enum wr_direction far = dir == WR_INGRESS ? WR_EGRESS : WR_INGRESS;
	s->number++;
	s->e.n_rows = s->e.n_classes = s->e.n_far = 0;
	s->e.open = false;
	for (uint32_t k = 0; k < r->n_peers && !s->e.open; k++) {
		const struct wr_bitset *pods =
			wr_query_peer_pods(l->p, (struct wr_peer_id){policy, dir, rule, k});
		if (!pods)
			return false;
		/* the first open end settles it */
		for (size_t i = wr_bitset_next(pods, 0); i != SIZE_MAX && !s->e.open;
		     i = wr_bitset_next(pods, i + 1))
			add_far(l, s, (uint32_t)i, far);
	}
	if (s->e.open || !s->e.n_rows)
		return false;
	wr_bitset_each(wr_query_subject(l->p, policy), i) add_near(l, s, (uint32_t)i);
	return s->e.n_classes && (uint64_t)s->e.n_rows * s->e.n_classes <= PAIRS_MAX;
}

static bool any_allowed(const struct lint *l, const struct ends *e, const struct wr_rule *r)
{
	for (uint32_t i = 0; i < e->n_rows; i++) {
		const uint32_t *row = wr_program_row(l->p, e->rows[i]);
		for (uint32_t k = 0; k < e->n_classes; k++)
			if (allows_any(l, row[e->classes[k]], r))
				return true;
	}
	return false;
}

/* Who denies the rule's ports at the far end, for the first pair of ends. */
static const struct wr_author *denying(const struct lint *l, const struct ends *e,
				       const struct wr_rule *r)
{
	uint32_t n;
	const uint32_t *row = wr_program_row(l->p, e->rows[0]);
	const struct wr_range *ranges = wr_program_port_set(l->p, row[e->classes[0]], &n);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t last = i + 1 < n ? ranges[i + 1].first - 1 : WR_KEY_LAST;
		if (!ranges[i].allow && rule_has_key(r, ranges[i].first, last))
			return wr_program_author(l->p, ranges[i].author);
	}
	return NULL;
}

static void tell_denying(struct lint *l, const struct wr_author *by, const struct wr_policy *p,
			 enum wr_direction dir)
{
	char title[WR_POLICY_TITLE];
	if (by && by->kind == WR_BY_RULE) {
		lint_advise(l, "both ends must allow a connection: a cluster-wide policy denies it "
			       "at the other one");
		lint_relate(l, lint_decider_mark(l, by), "%s it", lint_decider_text(l, by, p));
		return;
	}
	lint_advise(l, "both ends must allow a connection: add %s",
		    dir == WR_INGRESS ? "an egress rule at the source"
				      : "an ingress rule at the destination");
	if (by && by->kind == WR_BY_ISOLATION)
		lint_relate(l, lint_decider_mark(l, by), "%s isolates the other end",
			    wr_policy_title(&l->w->policies[by->policies[0]], title));
}

static void check_rule(struct lint *l, struct scratch *s, uint32_t policy, enum wr_direction dir,
		       uint32_t rule)
{
	const struct wr_policy *p = &l->w->policies[policy];
	const struct wr_rule *r = &p->rules[dir][rule];
	if (!gather(l, s, policy, dir, rule) || any_allowed(l, &s->e, r))
		return;
	lint_report(
		l, &one_sided, p->object, r->mark, lint_rule_path(l, dir, rule),
		dir == WR_INGRESS
			? "lets %s in whose egress policies do not let them out to here, so it has "
			  "no "
			  "effect"
			: "lets out to %s whose ingress policies do not let these in, so it has no "
			  "effect",
		lint_count(l, s->e.n_far, "pod", "pods"));
	tell_denying(l, denying(l, &s->e, r), p, dir);
}

static bool prepare(struct lint *l, struct scratch *s)
{
	uint32_t rows = wr_program_n_rows(l->p), classes = wr_program_n_classes(l->p);
	s->seen_row = wr_arena_array(l->arena, rows, sizeof(uint32_t));
	s->seen_class = wr_arena_array(l->arena, classes, sizeof(uint32_t));
	s->e.rows = wr_arena_array(l->arena, rows, sizeof(uint32_t));
	s->e.classes = wr_arena_array(l->arena, classes, sizeof(uint32_t));
	l->nomem |= !s->seen_row || !s->seen_class || !s->e.rows || !s->e.classes;
	return !l->nomem;
}

static void run(struct lint *l)
{
	struct scratch s = {0};
	if (!lint_on(l, &one_sided) || !prepare(l, &s))
		return;
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (p->tier != WR_TIER_NETWORKPOLICY || !p->object)
			continue;
		for (int d = 0; d < 2; d++)
			for (uint32_t r = 0; r < p->n_rules[d]; r++)
				check_rule(l, &s, i, (enum wr_direction)d, r);
	}
}

const struct lint_check lint_sides = {LINT_RULES(&one_sided), run};
