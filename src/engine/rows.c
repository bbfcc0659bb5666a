/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: for every distinct list of policies that apply to some subject in one
 * direction, the port set of every peer class (paint.c).
 *
 * Where named ports occur, what a rule covers depends on the destination: the
 * subject for ingress (so its signature is part of the row's key), the peer's
 * class for egress.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

#define CELLS_MAX ((uint64_t)1 << 30) /* rows x classes: 4 GiB of numbers */

/* ---- which policies apply to which pod ---- */

bool rows_policy_acts(const struct wr_policy *pol, int dir)
{
	return pol->tier == WR_TIER_NETWORKPOLICY ? pol->isolates[dir] : pol->n_rules[dir] > 0;
}

bool rows_policy_names_ports(const struct wr_policy *pol, int dir)
{
	for (size_t r = 0; r < pol->n_rules[dir]; r++)
		if (painter_names_ports(&pol->rules[dir][r]))
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
		if (rows_policy_acts(&w->policies[i], dir))
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
		if (rows_policy_acts(&w->policies[i], dir))
			wr_bitset_each(p->sel.atoms.items[p->sel.subject[i]].pods, pod)
				ap->list[ap->start[pod + 1]++] = i;
	return 0;
}

/* The row for a list of policies, computed at first use. Row 0 has none. */
static int intern_row(struct wr_program *p, struct painter *pt, struct row_table *table,
		      const uint32_t *policies, uint32_t n, enum wr_direction dir,
		      uint32_t signature, uint32_t *out)
{
	bool named = false;
	for (uint32_t i = 0; i < n && !named && dir == WR_INGRESS; i++)
		named = rows_policy_names_ports(&p->world->policies[policies[i]], dir);
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
	row.sets = wr_arena_array(p->arena, p->classes.n, sizeof(uint32_t));
	int rc = row.sets ? painter_row(pt, &row, NULL) : -ENOMEM;
	return rc ? rc : wr_vec_push(&table->rows, row);
}

static int table_init(struct wr_program *p, struct painter *pt, struct row_table *table)
{
	uint32_t zero;
	table->index = wr_map_new();
	return table->index ? intern_row(p, pt, table, NULL, 0, WR_EGRESS, 0, &zero) : -ENOMEM;
}

/* The port set of a pod with itself, as the Admin and Baseline tiers judge it in one direction. */
static int self_set(struct wr_program *p, struct painter *pt, const uint32_t *policies, uint32_t n,
		    enum wr_direction dir, uint32_t signature, uint32_t class, uint32_t *out)
{
	uint32_t row, kept = 0;
	uint32_t *tiers = calloc((size_t)n + 1, sizeof(*tiers));
	if (!tiers)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (p->world->policies[policies[i]].tier != WR_TIER_NETWORKPOLICY)
			tiers[kept++] = policies[i];
	int rc = intern_row(p, pt, &p->self_rows, tiers, kept, dir, signature, &row);
	free(tiers);
	if (!rc)
		*out = p->self_rows.rows.items[row].sets[class];
	return rc;
}

static int identify(struct wr_program *p, struct painter *pt, struct wr_endpoint *e,
		    const struct applied applied[2])
{
	uint32_t self[2], signature = p->names.signature[e->pod];
	for (int d = 0; d < 2; d++) {
		const uint32_t *list = applied[d].list + applied[d].start[e->pod];
		uint32_t n = applied[d].start[e->pod + 1] - applied[d].start[e->pod];
		int rc = intern_row(p, pt, &p->rows, list, n, d, signature, &e->id.row[d]);
		if (!rc)
			rc = self_set(p, pt, list, n, d, signature, e->id.class, &self[d]);
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
	struct painter *pt = NULL;
	p->author_index = wr_map_new();
	int rc = p->author_index ? painter_fixed_authors(p) : -ENOMEM;
	for (int d = 0; d < 2 && !rc; d++)
		rc = applied_build(&applied[d], p, d);
	if (!rc)
		rc = (pt = painter_new(p)) ? 0 : -ENOMEM;
	if (!rc)
		rc = table_init(p, pt, &p->rows);
	if (!rc)
		rc = table_init(p, pt, &p->self_rows);
	for (uint32_t i = 0; i < p->pop.n_endpoints; i++)
		p->pop.endpoints[i].id.class = p->classes.of[i];
	for (uint32_t i = 0; i < p->pop.n_prefixes; i++)
		p->pop.prefixes[i].class = p->classes.of[p->pop.n_endpoints + i];
	for (uint32_t i = 0; i < p->pop.n_endpoints && !rc; i++) {
		struct wr_endpoint *e = &p->pop.endpoints[i];
		if (e->pod != WR_NONE && !p->world->pods[e->pod].host_network && is_here(p, e->pod))
			rc = identify(p, pt, e, applied);
	}
	painter_free(pt);
	return rc;
}
