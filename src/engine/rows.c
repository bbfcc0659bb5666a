/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: for every distinct list of policies that apply to some subject in one
 * direction, the port set of every peer class.
 *
 * A row starts with an open canvas for every class. The policies are gone
 * through in the order of evaluation (tier, priority, name), their rules in
 * order, and each paints the classes that its peers hold:
 *
 *	Admin		Accept and Deny are final, Pass leaves the tier
 *	NetworkPolicy	rules allow; at the end all that is left is denied, for the
 *			subject is isolated
 *	Baseline	as Admin, for what is left (nothing, where a NetworkPolicy was)
 *	default		what nobody painted is allowed
 *
 * Where named ports occur, what a rule covers depends on the destination: the
 * subject for ingress (so its signature is part of the row's key), the peer's
 * class for egress.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

#define CELLS_MAX ((uint64_t)1 << 30) /* rows x classes: 4 GiB of numbers */

/* ---- authors ---- */

static int intern_author(struct wr_program *p, const void *key, size_t size, struct wr_author a,
			 uint32_t *out)
{
	bool created;
	uint64_t *slot = wr_map_slot(p->author_index, key, size, p->authors.n, &created);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	return created ? wr_vec_push(&p->authors, a) : 0;
}

static int rule_author(struct wr_program *p, enum wr_direction dir, uint32_t policy, uint32_t rule,
		       uint32_t *out)
{
	uint32_t key[] = {WR_BY_RULE, dir, policy, rule};
	struct wr_author a = {.kind = WR_BY_RULE, .dir = dir, .policy = policy, .rule = rule};
	return intern_author(p, key, sizeof(key), a, out);
}

/* policies is kept by the row that asks. */
static int isolation_author(struct wr_program *p, enum wr_direction dir, const uint32_t *policies,
			    uint32_t n, uint32_t *out)
{
	uint32_t *key = calloc(n + 2, sizeof(*key));
	if (!key)
		return -ENOMEM;
	key[0] = WR_BY_ISOLATION;
	key[1] = dir;
	memcpy(key + 2, policies, n * sizeof(*key));
	struct wr_author a = {.kind = WR_BY_ISOLATION,
			      .dir = dir,
			      .policy = WR_NONE,
			      .rule = WR_NONE,
			      .policies = policies,
			      .n = n};
	int rc = intern_author(p, key, (n + 2) * sizeof(*key), a, out);
	free(key);
	return rc;
}

static int fixed_authors(struct wr_program *p)
{
	static const enum wr_author_kind kinds[] = {WR_BY_DEFAULT, WR_BY_SELF, WR_BY_NODE};
	for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (wr_vec_push(&p->authors, (struct wr_author){
						     .kind = kinds[i],
						     .policy = WR_NONE,
						     .rule = WR_NONE,
					     }) < 0)
			return -ENOMEM;
	return 0;
}

/* ---- painting one row ---- */

/* What the rule in hand makes of a canvas, by canvas: many classes have the same. */
struct step {
	uint32_t rule; /* number of the rule in hand when this was found out */
	uint32_t cover, out;
};

struct painter {
	struct wr_program *p;
	const struct row *row;
	uint32_t *state; /* canvas by class */
	/* the rule in hand */
	const struct wr_rule *rule;
	uint32_t number; /* counts the rules of this row, from 1 */
	enum paint paint;
	uint32_t author;
	uint32_t *covers; /* by signature + 1; 0: not yet */
	WR_VEC(struct step) steps;
};

static enum paint paint_of(enum wr_action action)
{
	switch (action) {
	case WR_ACCEPT:
		return PAINT_ALLOW;
	case WR_DENY:
		return PAINT_DENY;
	case WR_PASS:
		return PAINT_PASSED;
	}
	return PAINT_DENY;
}

/* What the rule in hand covers when the destination has this signature. */
static int cover_for(struct painter *pt, uint32_t signature, uint32_t *cover)
{
	if (!pt->covers[signature]) {
		int rc = port_sets_cover(&pt->p->sets, pt->rule,
					 pt->p->names.sample.items[signature], cover);
		if (rc)
			return rc;
		pt->covers[signature] = *cover + 1;
	}
	*cover = pt->covers[signature] - 1;
	return 0;
}

/* The step of a canvas; its rule is another one when it is not known yet. NULL: out of memory. */
static struct step *step_of(struct painter *pt, uint32_t canvas)
{
	while (pt->steps.n <= canvas)
		if (wr_vec_push(&pt->steps, (struct step){0}) < 0)
			return NULL;
	return &pt->steps.items[canvas];
}

static int paint_class(struct painter *pt, uint32_t class)
{
	uint32_t signature = pt->row->dir == WR_INGRESS ? pt->row->signature
							: pt->p->classes.signature[class];
	uint32_t cover, in = pt->state[class];
	int rc = cover_for(pt, signature, &cover);
	if (rc)
		return rc;
	struct step *step = step_of(pt, in);
	if (!step)
		return -ENOMEM;
	if (step->rule != pt->number || step->cover != cover) {
		uint32_t out;
		rc = port_sets_paint(&pt->p->sets, in, cover, pt->paint, pt->author, &out);
		if (rc)
			return rc;
		*step = (struct step){pt->number, cover, out};
	}
	pt->state[class] = step->out;
	return 0;
}

static int paint_rule(struct painter *pt, uint32_t policy, uint32_t rule, const uint32_t *atoms)
{
	const struct wr_rule *r = &pt->p->world->policies[policy].rules[pt->row->dir][rule];
	int rc = rule_author(pt->p, pt->row->dir, policy, rule, &pt->author);
	pt->rule = r;
	pt->paint = paint_of(r->action);
	pt->number++;
	memset(pt->covers, 0, pt->p->names.sample.n * sizeof(*pt->covers));
	if (r->any_peer)
		for (uint32_t c = 0; c < pt->p->classes.n && !rc; c++)
			rc = paint_class(pt, c);
	for (size_t i = 0; i < r->n_peers && !rc; i++) {
		const struct atom *atom = &pt->p->sel.atoms.items[atoms[i]];
		for (uint32_t c = 0; c < atom->n_classes && !rc; c++)
			rc = paint_class(pt, atom->classes[c]);
	}
	return rc;
}

static int paint_policy(struct painter *pt, uint32_t policy)
{
	const struct wr_policy *pol = &pt->p->world->policies[policy];
	const uint32_t *atoms = pt->p->sel.peer_atoms[pt->row->dir][policy];
	int rc = 0;
	for (uint32_t r = 0; r < pol->n_rules[pt->row->dir] && !rc; r++) {
		rc = paint_rule(pt, policy, r, atoms);
		atoms += pol->rules[pt->row->dir][r].n_peers;
	}
	return rc;
}

/* The end of the NetworkPolicy tier: all that no rule allowed is denied. */
static int paint_isolation(struct painter *pt, uint32_t first, uint32_t n)
{
	int rc = isolation_author(pt->p, pt->row->dir, pt->row->policies + first, n, &pt->author);
	uint32_t in = WR_NONE, out = 0;
	for (uint32_t c = 0; c < pt->p->classes.n && !rc; c++) {
		if (pt->state[c] != in) {
			in = pt->state[c];
			rc = port_sets_paint(&pt->p->sets, in, COVER_ALL, PAINT_DENY, pt->author,
					     &out);
		}
		pt->state[c] = out;
	}
	return rc;
}

/* What a tier passed on is open for the next one. */
static int reopen(struct painter *pt)
{
	int rc = 0;
	for (uint32_t c = 0; c < pt->p->classes.n && !rc; c++)
		rc = port_sets_reopen(&pt->p->sets, pt->state[c], &pt->state[c]);
	return rc;
}

static int paint_row(struct painter *pt)
{
	const struct wr_policy *all = pt->p->world->policies;
	int rc = 0;
	for (uint32_t i = 0, end; i < pt->row->n_policies && !rc; i = end) {
		enum wr_tier tier = all[pt->row->policies[i]].tier;
		if (i)
			rc = reopen(pt);
		for (end = i; end < pt->row->n_policies && all[pt->row->policies[end]].tier == tier;
		     end++)
			if (!rc)
				rc = paint_policy(pt, pt->row->policies[end]);
		if (!rc && tier == WR_TIER_NETWORKPOLICY)
			rc = paint_isolation(pt, i, end - i);
	}
	for (uint32_t c = 0; c < pt->p->classes.n && !rc; c++)
		rc = port_sets_final(&pt->p->sets, pt->state[c], &pt->state[c]);
	return rc;
}

static int compute_row(struct wr_program *p, struct row *row)
{
	row->sets = wr_arena_array(p->arena, p->classes.n, sizeof(uint32_t));
	struct painter pt = {.p = p, .row = row, .state = row->sets};
	pt.covers = calloc(p->names.sample.n, sizeof(uint32_t));
	int rc = row->sets && pt.covers ? paint_row(&pt) : -ENOMEM;
	free(pt.covers);
	wr_vec_free(&pt.steps);
	return rc;
}

/* ---- which policies apply to which pod ---- */

static bool policy_acts(const struct wr_policy *pol, int dir)
{
	return pol->tier == WR_TIER_NETWORKPOLICY ? pol->isolates[dir] : pol->n_rules[dir] > 0;
}

static bool policy_names_ports(const struct wr_policy *pol, int dir)
{
	for (size_t r = 0; r < pol->n_rules[dir]; r++)
		for (size_t i = 0; i < pol->rules[dir][r].n_ports; i++)
			if (pol->rules[dir][r].ports[i].kind == WR_PORTS_NAMED)
				return true;
	return false;
}

/* Policies of every pod in one direction, in compressed rows: list[start[pod]..start[pod + 1]]. */
struct applied {
	uint32_t *start, *list;
};

static int applied_build(struct applied *ap, const struct wr_program *p, int dir)
{
	const struct wr_world *w = p->world;
	ap->start = wr_arena_array(p->arena, (size_t)w->n_pods + 2, sizeof(uint32_t));
	if (!ap->start)
		return -ENOMEM;
	uint64_t total = 0;
	for (uint32_t i = 0; i < w->n_policies; i++)
		if (policy_acts(&w->policies[i], dir))
			wr_bitset_each(p->sel.atoms.items[p->sel.subject[i]].pods, pod)
			{
				ap->start[pod + 2]++;
				total++;
			}
	if (total > UINT32_MAX / 2)
		return -E2BIG;
	for (uint32_t i = 0; i < w->n_pods; i++)
		ap->start[i + 2] += ap->start[i + 1];
	ap->list = wr_arena_array(p->arena, total, sizeof(uint32_t));
	if (!ap->list)
		return -ENOMEM;
	/* start[pod + 1] is where the next goes; in the end it is where the next pod begins */
	for (uint32_t i = 0; i < w->n_policies; i++)
		if (policy_acts(&w->policies[i], dir))
			wr_bitset_each(p->sel.atoms.items[p->sel.subject[i]].pods, pod)
				ap->list[ap->start[pod + 1]++] = i;
	return 0;
}

/* The row for a list of policies, computed at first use. Row 0 has none. */
static int intern_row(struct wr_program *p, struct row_table *table, const uint32_t *policies,
		      uint32_t n, enum wr_direction dir, uint32_t signature, uint32_t *out)
{
	bool named = false;
	for (uint32_t i = 0; i < n && !named && dir == WR_INGRESS; i++)
		named = policy_names_ports(&p->world->policies[policies[i]], dir);
	if (!named)
		signature = 0;
	uint32_t *key = wr_arena_array(p->arena, (size_t)n + 2, sizeof(*key));
	if (!key)
		return -ENOMEM;
	key[0] = n ? dir : 0;
	key[1] = signature;
	if (n)
		memcpy(key + 2, policies, n * sizeof(*key));
	bool created;
	uint64_t *slot = wr_map_slot(table->index, key, (n + 2) * sizeof(*key), table->rows.n,
				     &created);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	if (!created)
		return 0;
	if ((table->rows.n + 1) * (uint64_t)p->classes.n > CELLS_MAX)
		return -E2BIG;
	struct row row = {.policies = key + 2, .n_policies = n, .dir = dir, .signature = signature};
	int rc = compute_row(p, &row);
	return rc ? rc : wr_vec_push(&table->rows, row);
}

static int table_init(struct wr_program *p, struct row_table *table)
{
	uint32_t zero;
	table->index = wr_map_new();
	return table->index ? intern_row(p, table, NULL, 0, WR_EGRESS, 0, &zero) : -ENOMEM;
}

/* The port set of a pod with itself, as the Admin and Baseline tiers judge it in one direction. */
static int self_set(struct wr_program *p, const uint32_t *policies, uint32_t n,
		    enum wr_direction dir, uint32_t signature, uint32_t class, uint32_t *out)
{
	uint32_t row, kept = 0;
	uint32_t *tiers = calloc((size_t)n + 1, sizeof(*tiers));
	if (!tiers)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (p->world->policies[policies[i]].tier != WR_TIER_NETWORKPOLICY)
			tiers[kept++] = policies[i];
	int rc = intern_row(p, &p->self_rows, tiers, kept, dir, signature, &row);
	free(tiers);
	if (!rc)
		*out = p->self_rows.rows.items[row].sets[class];
	return rc;
}

static int identify(struct wr_program *p, struct wr_endpoint *e, const struct applied applied[2])
{
	uint32_t self[2], signature = p->names.signature[e->pod];
	for (int d = 0; d < 2; d++) {
		const uint32_t *list = applied[d].list + applied[d].start[e->pod];
		uint32_t n = applied[d].start[e->pod + 1] - applied[d].start[e->pod];
		int rc = intern_row(p, &p->rows, list, n, d, signature, &e->id.row[d]);
		if (!rc)
			rc = self_set(p, list, n, d, signature, e->id.class, &self[d]);
		if (rc)
			return rc;
	}
	return port_sets_both(&p->sets, self[WR_EGRESS], self[WR_INGRESS], &e->id.self);
}

static bool is_here(const struct wr_program *p, uint32_t pod)
{
	uint32_t node = p->world->pods[pod].node;
	return !p->opts.node ||
	       (node != WR_NONE && !strcmp(p->world->nodes[node].name, p->opts.node));
}

int rows_build(struct wr_program *p)
{
	struct applied applied[2] = {0};
	p->author_index = wr_map_new();
	int rc = p->author_index ? fixed_authors(p) : -ENOMEM;
	for (int d = 0; d < 2 && !rc; d++)
		rc = applied_build(&applied[d], p, d);
	if (!rc)
		rc = table_init(p, &p->rows);
	if (!rc)
		rc = table_init(p, &p->self_rows);
	for (uint32_t i = 0; i < p->pop.n_endpoints; i++)
		p->pop.endpoints[i].id.class = p->classes.of[i];
	for (uint32_t i = 0; i < p->pop.n_prefixes; i++)
		p->pop.prefixes[i].class = p->classes.of[p->pop.n_endpoints + i];
	for (uint32_t i = 0; i < p->pop.n_endpoints && !rc; i++) {
		struct wr_endpoint *e = &p->pop.endpoints[i];
		if (e->pod != WR_NONE && !p->world->pods[e->pod].host_network && is_here(p, e->pod))
			rc = identify(p, e, applied);
	}
	return rc;
}
