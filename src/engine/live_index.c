/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/live_internal.h"

void live_index_free(struct live_index *ix)
{
	free(ix->heads);
	wr_vec_free(&ix->links);
	*ix = (struct live_index){0};
}

static int grow(struct live_index *ix)
{
	uint32_t size = ix->heads ? (ix->mask + 1) * 2 : 64;
	uint32_t *heads = calloc(size, sizeof(*heads));
	if (!heads)
		return -ENOMEM;
	for (uint32_t h = 0; ix->heads && h <= ix->mask; h++)
		for (uint32_t i = ix->heads[h], next; i; i = next) {
			struct live_link *link = &ix->links.items[i - 1];
			next = link->next;
			link->next = heads[link->hash & (size - 1)];
			heads[link->hash & (size - 1)] = i;
		}
	free(ix->heads);
	ix->heads = heads;
	ix->mask = size - 1;
	return 0;
}

int live_index_reserve(struct live_index *ix, uint32_t item)
{
	while (ix->links.n <= item)
		if (wr_vec_push(&ix->links, (struct live_link){0}) < 0)
			return -ENOMEM;
	return ix->heads && ix->n <= ix->mask ? 0 : grow(ix);
}

void live_index_add(struct live_index *ix, uint32_t item, uint32_t hash)
{
	uint32_t *head = &ix->heads[hash & ix->mask];
	ix->links.items[item] = (struct live_link){*head, hash};
	*head = item + 1;
	ix->n++;
}

void live_index_remove(struct live_index *ix, uint32_t item)
{
	uint32_t *at = &ix->heads[ix->links.items[item].hash & ix->mask];
	while (*at != item + 1)
		at = &ix->links.items[*at - 1].next;
	*at = ix->links.items[item].next;
	ix->n--;
}

/* The first of a chain whose hash is this, or WR_NONE. */
static uint32_t along(const struct live_index *ix, uint32_t at, uint32_t hash)
{
	while (at && ix->links.items[at - 1].hash != hash)
		at = ix->links.items[at - 1].next;
	return at ? at - 1 : WR_NONE;
}

uint32_t live_index_first(const struct live_index *ix, uint32_t hash)
{
	return ix->heads ? along(ix, ix->heads[hash & ix->mask], hash) : WR_NONE;
}

uint32_t live_index_next(const struct live_index *ix, uint32_t item)
{
	const struct live_link *link = &ix->links.items[item];
	return along(ix, link->next, link->hash);
}
