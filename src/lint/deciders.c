/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/internal.h"

#include <stdlib.h>
#include <string.h>

#define LOOKS_MAX 16384 /* pods and addresses that are looked at for one rule */
#define CELLS_MAX 4096  /* port sets that are looked at for one rule */

/* ---- rules that decide anything ---- */

struct lint_authors {
	uint32_t *first[2]; /* by direction and policy: where its rules begin in decides */
	bool *decides;
	struct wr_bitset *rows, *classes; /* scratch */
	/* the rows of the policy that was asked for last */
	uint32_t policy, dir, *list, n_list;
};

static void mark_set(struct lint *l, struct lint_authors *a, bool *seen, uint32_t set)
{
	uint32_t n;
	if (seen[set])
		return;
	seen[set] = true;
	const struct wr_range *ranges = wr_program_port_set(l->p, set, &n);
	for (uint32_t i = 0; i < n; i++) {
		const struct wr_author *by = wr_program_author(l->p, ranges[i].author);
		if (by->kind == WR_BY_RULE)
			a->decides[a->first[by->dir][by->policy] + by->rule] = true;
	}
}

/* A port set decides only where it is in a row of some pod, or for a pod and itself. */
static void mark_all(struct lint *l, struct lint_authors *a, bool *seen)
{
	uint32_t n;
	for (uint32_t r = 1; r < wr_program_n_rows(l->p); r++) {
		const uint32_t *row = wr_program_row(l->p, r);
		for (uint32_t c = 0; c < wr_program_n_classes(l->p); c++)
			mark_set(l, a, seen, row[c]);
	}
	const struct wr_endpoint *e = wr_program_endpoints(l->p, &n);
	for (uint32_t i = 0; i < n; i++)
		mark_set(l, a, seen, e[i].id.self);
}

static struct lint_authors *authors(struct lint *l)
{
	if (l->authors)
		return l->authors;
	struct lint_authors *a = wr_arena_alloc(l->arena, sizeof(*a));
	bool *seen = calloc(wr_program_n_port_sets(l->p) + 1, sizeof(*seen));
	uint32_t n = 0;
	for (int d = 0; d < 2 && a; d++) {
		a->first[d] = wr_arena_array(l->arena, l->w->n_policies, sizeof(uint32_t));
		for (uint32_t i = 0; i < l->w->n_policies && a->first[d]; i++) {
			a->first[d][i] = n;
			n += (uint32_t)l->w->policies[i].n_rules[d];
		}
	}
	if (a) {
		a->policy = WR_NONE;
		a->decides = wr_arena_array(l->arena, n, sizeof(bool));
		a->rows = wr_bitset_new(l->arena, wr_program_n_rows(l->p));
		a->classes = wr_bitset_new(l->arena, wr_program_n_classes(l->p));
		a->list = wr_arena_array(l->arena, wr_program_n_rows(l->p), sizeof(uint32_t));
	}
	if (a && seen && a->first[0] && a->first[1] && a->decides && a->rows && a->classes &&
	    a->list) {
		mark_all(l, a, seen);
		l->authors = a;
	} else {
		l->nomem = true;
	}
	free(seen);
	return l->authors;
}

bool lint_decides(struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule)
{
	if (l->w->policies[policy].rules[dir][rule].action == WR_PASS)
		return true;
	const struct lint_authors *a = authors(l);
	return !a || a->decides[a->first[dir][policy] + rule];
}

/* ---- rows ---- */

static void clear(struct wr_bitset *s)
{
	memset(s->words, 0, wr_bitset_words(s->bits) * sizeof(s->words[0]));
}

const uint32_t *lint_subject_rows(struct lint *l, uint32_t policy, enum wr_direction dir,
				  uint32_t *n)
{
	struct lint_authors *a = authors(l);
	*n = 0;
	if (!a)
		return NULL;
	if (a->policy != policy || a->dir != dir) {
		a->policy = policy;
		a->dir = dir;
		a->n_list = 0;
		clear(a->rows);
		wr_bitset_each(wr_query_subject(l->p, policy), i)
		{
			struct wr_side side;
			if (!wr_side_pod(l->p, (uint32_t)i, 0, &side))
				wr_bitset_add(a->rows, side.id.row[dir]);
		}
		wr_bitset_each(a->rows, row) a->list[a->n_list++] = (uint32_t)row;
	}
	*n = a->n_list;
	return a->list;
}

bool lint_row_isolated(const struct lint *l, uint32_t row)
{
	uint32_t n;
	enum wr_direction dir;
	const uint32_t *policies = wr_query_row(l->p, row, &n, &dir);
	for (uint32_t i = 0; i < n; i++)
		if (l->w->policies[policies[i]].tier == WR_TIER_NETWORKPOLICY)
			return true;
	return false;
}

/* ---- who decides instead of a rule ---- */

struct search {
	struct lint *l;
	const struct wr_rule *r;
	const uint32_t *rows;
	uint32_t n_rows, cells, looked;
	struct wr_bitset *classes; /* looked at */
	struct lint_deciders *out;
};

static bool rule_has(const struct wr_rule *r, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < r->n_ports; i++) {
		const struct wr_port *p = &r->ports[i];
		uint32_t from = WR_KEY(p->proto, p->kind == WR_PORTS_RANGE ? p->first : 0);
		uint32_t to = WR_KEY(p->proto, p->kind == WR_PORTS_RANGE ? p->last : 65535);
		if (from <= to && from <= last && first <= to)
			return true;
	}
	return r->any_port;
}

static void add_author(struct search *s, const struct wr_author *by)
{
	for (uint32_t i = 0; i < s->out->n; i++)
		if (s->out->by[i] == by)
			return;
	if (s->out->n < LINT_DECIDERS_MAX)
		s->out->by[s->out->n++] = by;
	else
		s->out->more = true;
}

static void add_class(struct search *s, uint32_t class)
{
	if (wr_bitset_has(s->classes, class))
		return;
	wr_bitset_add(s->classes, class);
	for (uint32_t i = 0; i < s->n_rows; i++) {
		if (s->cells++ >= CELLS_MAX) {
			s->out->complete = false;
			return;
		}
		uint32_t n, set = wr_program_row(s->l->p, s->rows[i])[class];
		const struct wr_range *ranges = wr_program_port_set(s->l->p, set, &n);
		for (uint32_t k = 0; k < n; k++)
			if (rule_has(s->r, ranges[k].first,
				     k + 1 < n ? ranges[k + 1].first - 1 : WR_KEY_LAST))
				add_author(s, wr_program_author(s->l->p, ranges[k].author));
	}
}

/* Addresses outside that a block holds: the prefixes in it, or everything else. */
static void add_prefixes(struct search *s, const struct wr_peer *peer)
{
	uint32_t n, lo = 0;
	const struct wr_prefix *prefixes = wr_program_prefixes(s->l->p, &n);
	/* sorted by address and length: those in the block are together */
	for (uint32_t hi = n; lo < hi;) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = wr_ip_compare(&prefixes[mid].cidr.ip, &peer->cidr.ip);
		if (c < 0 || (!c && prefixes[mid].cidr.len < peer->cidr.len))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n && s->out->complete && wr_cidr_covers(&peer->cidr, &prefixes[lo].cidr); lo++)
		add_class(s, prefixes[lo].class);
	if (!peer->cidr.len)
		add_class(s, wr_program_world_class(s->l->p, peer->cidr.ip.family));
}

static void add_peer(struct search *s, struct wr_peer_id id, const struct wr_peer *peer)
{
	uint32_t n, total;
	const uint32_t *held = wr_query_peer_endpoints(s->l->p, id, &n);
	const struct wr_endpoint *all = wr_program_endpoints(s->l->p, &total);
	for (uint32_t i = 0; i < n && s->out->complete; i++) {
		s->out->complete = s->looked++ < LOOKS_MAX;
		add_class(s, all[held[i]].id.class);
	}
	if (peer->kind == WR_PEER_IPBLOCK)
		add_prefixes(s, peer);
}

void lint_find_deciders(struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule,
			struct lint_deciders *out)
{
	const struct wr_rule *r = &l->w->policies[policy].rules[dir][rule];
	struct search s = {.l = l, .r = r, .out = out};
	*out = (struct lint_deciders){.complete = true};
	s.rows = lint_subject_rows(l, policy, dir, &s.n_rows);
	for (size_t i = 0; i < r->n_ports; i++)
		out->complete &= r->ports[i].kind != WR_PORTS_NAMED;
	if (!s.rows || !out->complete)
		return;
	s.classes = l->authors->classes;
	clear(s.classes);
	for (uint32_t c = 0; r->any_peer && c < wr_program_n_classes(l->p); c++)
		add_class(&s, c);
	for (size_t k = 0; k < r->n_peers; k++)
		add_peer(&s, (struct wr_peer_id){policy, dir, (uint32_t)rule, (uint32_t)k},
			 &r->peers[k]);
}

/* ---- texts ---- */

const char *lint_decider_text(struct lint *l, const struct wr_author *by,
			      const struct wr_policy *reader)
{
	static const char *const verbs[] = {
		[WR_ACCEPT] = "accepts", [WR_DENY] = "denies", [WR_PASS] = "passes"};
	char title[WR_POLICY_TITLE];
	if (by->kind == WR_BY_ISOLATION)
		return lint_text(l, "%s isolates the pods",
				 wr_policy_title(&l->w->policies[by->policies[0]], title));
	if (by->kind != WR_BY_RULE)
		return "nobody denies it";
	const struct wr_policy *p = &l->w->policies[by->policy];
	return lint_text(l, "%s %s", lint_rule_name(l, p, by->dir, by->rule, reader),
			 verbs[p->rules[by->dir][by->rule].action]);
}

struct wr_mark lint_decider_mark(const struct lint *l, const struct wr_author *by)
{
	if (by->kind == WR_BY_ISOLATION)
		return l->w->policies[by->policies[0]].mark;
	if (by->kind == WR_BY_RULE)
		return l->w->policies[by->policy].rules[by->dir][by->rule].mark;
	return (struct wr_mark){0};
}
