/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses to kinds. A kind is made when the first address is of it, and stays
 * when the last has gone: a pod that comes back finds it.
 *
 * Which ipBlocks hold an address is part of its kind (its cover), so blocks
 * cost something when one is new, or an address, and nothing else.
 */
#include <string.h>

#include "engine/live_internal.h"

static uint32_t find_kind(const struct wr_live *l, const struct live_key *key, uint32_t hash)
{
	uint32_t i = live_index_first(&l->kind_index, hash);
	while (i != WR_NONE && memcmp(&l->kinds.items[i].key, key, sizeof(*key)) != 0)
		i = live_index_next(&l->kind_index, i);
	return i;
}

int live_kind_get(struct wr_live *l, const struct live_key *key, uint32_t *out)
{
	uint32_t hash = (uint32_t)wr_hash(key, sizeof(*key));
	*out = find_kind(l, key, hash);
	if (*out != WR_NONE)
		return 0;
	struct live_kind kind = {.key = *key, .dirty = key->here, .self_class = WR_NONE};
	struct wr_kind_entry entry = {.flags = key->flags};
	uint32_t i = (uint32_t)l->kinds.n;
	int rc = live_index_reserve(&l->kind_index, i);
	if (!rc)
		rc = wr_vec_push(&l->kinds, kind);
	if (!rc)
		rc = wr_vec_push(&l->entries, entry);
	if (!rc && key->here)
		rc = wr_vec_push(&l->here, i);
	if (rc)
		return rc;
	live_index_add(&l->kind_index, i, hash);
	l->tables = true;
	*out = i;
	return live_classify(l, i);
}

int live_refresh(struct wr_live *l, uint32_t at)
{
	uint32_t winner = live_winner(l, &l->addresses.items[at]), kind = WR_NONE;
	int rc = 0;
	if (winner != WR_NONE) {
		struct live_key key = live_key_of(l, &l->addresses.items[at], winner);
		rc = live_kind_get(l, &key, &kind);
	}
	struct live_address *a = &l->addresses.items[at];
	/* nobody's, and new: it was never told of, and its place is to be free again */
	if (rc || (a->kind == kind && kind != WR_NONE))
		return rc;
	if (a->kind != WR_NONE)
		l->kinds.items[a->kind].refs--;
	if (kind != WR_NONE)
		l->kinds.items[kind].refs++;
	l->counts.addresses += kind != WR_NONE;
	l->counts.addresses -= a->kind != WR_NONE;
	a->kind = kind;
	if (a->moved)
		return 0;
	a->moved = true;
	return wr_vec_push(&l->moved, at);
}

/* ---- covers ---- */

static int intern_cover(struct wr_live *l, const uint32_t *atoms, uint32_t n, uint32_t *out)
{
	bool created;
	uint64_t *slot = wr_map_slot(l->cover_index, atoms, n * sizeof(*atoms), l->covers.n,
				     &created);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	if (!created)
		return 0;
	uint32_t *copy = wr_arena_array(l->arena, n, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, atoms, n * sizeof(*copy));
	return wr_vec_push(&l->covers, (struct live_cover){copy, n});
}

int live_refresh_cover(struct wr_live *l, uint32_t at)
{
	struct live_address *a = &l->addresses.items[at];
	uint32_t *atoms = calloc(l->blocks.n + 1, sizeof(*atoms)), n = 0;
	if (!atoms)
		return -ENOMEM;
	for (size_t i = 0; i < l->blocks.n; i++) {
		uint32_t atom = l->blocks.items[i];
		if (selection_block_holds(l->program->sel.atoms.items[atom].peer, &a->ip))
			atoms[n++] = atom;
	}
	int rc = intern_cover(l, atoms, n, &a->cover);
	free(atoms);
	return rc;
}

/* A cover with one atom more, the highest that there is. */
static int extend_cover(struct wr_live *l, uint32_t cover, uint32_t atom, uint32_t *out)
{
	struct live_cover c = l->covers.items[cover];
	uint32_t *atoms = calloc(c.n + 1, sizeof(*atoms));
	if (!atoms)
		return -ENOMEM;
	if (c.n)
		memcpy(atoms, c.items, c.n * sizeof(*atoms));
	atoms[c.n] = atom;
	int rc = intern_cover(l, atoms, c.n + 1, out);
	free(atoms);
	return rc;
}

int live_cover_block(struct wr_live *l, uint32_t atom)
{
	const struct wr_peer *peer = l->program->sel.atoms.items[atom].peer;
	size_t n = l->covers.n;
	uint32_t *extended = calloc(n, sizeof(*extended)); /* number + 1 */
	int rc = extended ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < l->addresses.n && !rc; i++) {
		struct live_address *a = &l->addresses.items[i];
		if (!a->ip.family || !selection_block_holds(peer, &a->ip))
			continue;
		uint32_t *to = &extended[a->cover];
		if (!*to) {
			rc = extend_cover(l, a->cover, atom, to);
			++*to;
		}
		if (rc)
			break;
		a->cover = *to - 1;
		if (a->kind != WR_NONE)
			rc = live_refresh(l, i);
	}
	free(extended);
	return rc;
}

/* ---- prefixes ---- */

/* Where a prefix is in order, or would be. */
static size_t prefix_place(const struct wr_live *l, const struct wr_cidr *c)
{
	size_t lo = 0, hi = l->prefixes.n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (population_compare_cidr(&l->prefixes.items[mid].cidr, c) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int add_prefix(struct wr_live *l, const struct wr_cidr *c)
{
	size_t at = prefix_place(l, c);
	if (at < l->prefixes.n && !population_compare_cidr(&l->prefixes.items[at].cidr, c))
		return 0;
	struct live_key key = {.entity = LIVE_PREFIX, .which = (uint32_t)l->cidrs.n};
	uint32_t kind;
	int rc = wr_vec_push(&l->cidrs, *c);
	if (!rc)
		rc = live_kind_get(l, &key, &kind);
	if (!rc)
		rc = wr_vec_push(&l->prefixes, (struct wr_prefix){0});
	if (!rc)
		rc = wr_vec_push(&l->prefix_kinds, 0);
	if (rc)
		return rc;
	memmove(l->prefixes.items + at + 1, l->prefixes.items + at,
		(l->prefixes.n - 1 - at) * sizeof(*l->prefixes.items));
	memmove(l->prefix_kinds.items + at + 1, l->prefix_kinds.items + at,
		(l->prefix_kinds.n - 1 - at) * sizeof(*l->prefix_kinds.items));
	l->prefixes.items[at] = (struct wr_prefix){.cidr = *c};
	l->prefix_kinds.items[at] = kind;
	return 0;
}

int live_block_prefixes(struct wr_live *l, const struct wr_peer *peer)
{
	int rc = add_prefix(l, &peer->cidr);
	for (size_t i = 0; i < peer->n_except && !rc; i++)
		rc = add_prefix(l, &peer->except[i]);
	return rc;
}
