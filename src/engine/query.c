/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/query.h"

#include "engine/internal.h"

const struct wr_bitset *wr_query_subject(const struct wr_program *p, uint32_t policy)
{
	return p->sel.atoms.items[p->sel.subject[policy]].pods;
}

static const struct atom *atom_of(const struct wr_program *p, struct wr_peer_id id)
{
	const struct wr_policy *policy = &p->world->policies[id.policy];
	const uint32_t *atoms = p->sel.peer_atoms[id.dir][id.policy];
	for (uint32_t r = 0; r < id.rule; r++)
		atoms += policy->rules[id.dir][r].n_peers;
	return &p->sel.atoms.items[atoms[id.peer]];
}

const struct wr_bitset *wr_query_peer_pods(const struct wr_program *p, struct wr_peer_id id)
{
	return atom_of(p, id)->pods;
}

const uint32_t *wr_query_peer_endpoints(const struct wr_program *p, struct wr_peer_id id,
					uint32_t *n)
{
	/* members are entities: endpoints come first, then prefixes (select.c adds them so) */
	const struct atom *atom = atom_of(p, id);
	*n = 0;
	while (*n < atom->n_members && atom->members[*n] < p->pop.n_endpoints)
		++*n;
	return atom->members;
}

const uint32_t *wr_query_row(const struct wr_program *p, uint32_t row, uint32_t *n,
			     enum wr_direction *dir)
{
	const struct row *r = &p->rows.rows.items[row];
	*n = r->n_policies;
	*dir = r->dir;
	return r->policies;
}
