/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct wr_slot_key wr_slot_key_host(const struct wr_ip *ip)
{
	struct wr_slot_key key = {
		.family = ip->family, .len = (uint8_t)wr_family_bits(ip->family), .host = 1};
	memcpy(key.b, ip->b, sizeof(key.b));
	return key;
}

struct wr_slot_key wr_slot_key_prefix(const struct wr_cidr *c)
{
	struct wr_slot_key key = {.family = c->ip.family, .len = c->len};
	memcpy(key.b, c->ip.b, sizeof(key.b));
	return key;
}

/* A prefix stands before all that lies in it. */
int wr_slot_key_compare(const struct wr_slot_key *a, const struct wr_slot_key *b)
{
	return memcmp(a, b, sizeof(*a));
}

static bool covers(const struct wr_slot_key *outer, const struct wr_slot_key *inner)
{
	if (outer->family != inner->family || outer->len > inner->len)
		return false;
	unsigned bytes = outer->len / 8, bits = outer->len % 8;
	if (memcmp(outer->b, inner->b, bytes))
		return false;
	return !bits || !((outer->b[bytes] ^ inner->b[bytes]) >> (8 - bits));
}

static int compare_slots(const void *a, const void *b)
{
	return wr_slot_key_compare(&((const struct wr_slot *)a)->key,
				   &((const struct wr_slot *)b)->key);
}

int wr_slots_settle(struct wr_slots *s)
{
	uint8_t *used = calloc(WR_SLOTS_MAX, 1);
	if (!used)
		return -ENOMEM;
	if (s->loaded.n)
		qsort(s->loaded.items, s->loaded.n, sizeof(*s->loaded.items), compare_slots);
	s->free.n = 0;
	s->next = WEIR_SLOT_FIRST;
	for (size_t i = 0; i < s->loaded.n; i++) {
		uint32_t *slot = &s->loaded.items[i].slot;
		if (*slot < WEIR_SLOT_FIRST || *slot >= WR_SLOTS_MAX || used[*slot]) {
			*slot = WR_SLOT_NONE;
			continue;
		}
		used[*slot] = 1;
		if (*slot >= s->next)
			s->next = *slot + 1;
	}
	int rc = 0;
	for (uint32_t i = s->next; !rc && i-- > WEIR_SLOT_FIRST;)
		if (!used[i])
			rc = wr_vec_push(&s->free, i);
	free(used);
	return rc;
}

void wr_slots_free(struct wr_slots *s)
{
	wr_vec_free(&s->loaded);
	wr_vec_free(&s->free);
	s->next = WEIR_SLOT_FIRST;
}

void wr_plan_free(struct wr_plan *p)
{
	wr_vec_free(&p->items);
}

/* Both are sorted: what is in one, in the other, or in both. */
static int merge(const struct wr_slots *s, const struct wr_wanted *wanted, size_t n,
		 struct wr_plan *p)
{
	size_t i = 0, j = 0;
	while (i < s->loaded.n || j < n) {
		const struct wr_slot *old = i < s->loaded.n ? &s->loaded.items[i] : NULL;
		const struct wr_wanted *new = j < n ? &wanted[j] : NULL;
		int order = !old ? 1 : !new ? -1 : wr_slot_key_compare(&old->key, &new->key);
		struct wr_plan_item item = {.slot = WR_SLOT_NONE};
		if (order <= 0) {
			item.key = old->key;
			item.slot = old->slot;
			item.loaded = true;
			i++;
		}
		if (order >= 0) {
			item.key = new->key;
			item.id = new->id;
			item.wanted = true;
			j++;
		}
		int rc = wr_vec_push(&p->items, item);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A prefix around the items that come next, with what it stands for before and after. */
struct around {
	struct wr_slot_key key;
	uint32_t loaded;         /* slot of the nearest that is loaded */
	struct weir_identity id; /* of the nearest that is wanted */
};

#define DEPTH 130 /* lengths 0 to 128, and the world */

static bool inside_any(const struct wr_slot_key *key, const struct wr_cidr *cidrs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct wr_slot_key outer = wr_slot_key_prefix(&cidrs[i]);
		if (covers(&outer, key))
			return true;
	}
	return false;
}

/*
 * Walks the items in order with the prefixes around them on a stack; settles
 * covers and identities. inherits[i]: the item's class is that of its cover.
 */
static void sweep(struct wr_plan *p, const bool *inherits, const struct weir_identity world[2],
		  const struct wr_cidr *unknown, size_t n_unknown)
{
	struct around stack[DEPTH];
	size_t depth = 0;
	for (size_t i = 0; i < p->items.n; i++) {
		struct wr_plan_item *item = &p->items.items[i];
		bool ipv6 = item->key.family == WR_IPV6;
		if (!depth || stack[0].key.family != item->key.family) {
			stack[0] = (struct around){.key = {.family = item->key.family},
						   .loaded = ipv6 ? WEIR_SLOT_WORLD6
								  : WEIR_SLOT_WORLD4,
						   .id = world[ipv6]};
			depth = 1;
		}
		while (depth > 1 && !covers(&stack[depth - 1].key, &item->key))
			depth--;
		const struct around *out = &stack[depth - 1];
		item->cover = out->loaded;
		if (!item->wanted)
			item->id = out->id;
		else if (inherits[i])
			item->id = (struct weir_identity){.class = out->id.class};
		if (item->key.host)
			continue;
		if (item->wanted && inside_any(&item->key, unknown, n_unknown))
			item->id.flags |= WEIR_ADDR_UNKNOWN;
		struct around in = {.key = item->key, .loaded = out->loaded, .id = item->id};
		if (item->loaded && item->slot != WR_SLOT_NONE)
			in.loaded = item->slot;
		if (depth < DEPTH)
			stack[depth++] = in;
	}
}

/* Slots for what is new or damaged. */
static int allot(struct wr_slots *s, struct wr_plan *p)
{
	p->n_slots = WEIR_SLOT_FIRST;
	for (size_t i = 0; i < p->items.n; i++) {
		struct wr_plan_item *item = &p->items.items[i];
		if (item->wanted && item->slot == WR_SLOT_NONE) {
			item->loaded = false;
			if (s->free.n)
				item->slot = s->free.items[--s->free.n];
			else if (s->next < WR_SLOTS_MAX)
				item->slot = s->next++;
			else
				return -E2BIG;
		}
		p->n_add += item->wanted && !item->loaded;
		p->n_remove += item->loaded && !item->wanted;
		if (item->slot != WR_SLOT_NONE && item->slot >= p->n_slots)
			p->n_slots = item->slot + 1;
	}
	return 0;
}

int wr_plan_make(struct wr_slots *s, const struct wr_wanted *wanted, size_t n,
		 const struct weir_identity world[2], const struct wr_cidr *unknown,
		 size_t n_unknown, struct wr_plan *out)
{
	struct wr_plan p = {0};
	bool *inherits = NULL;
	int rc = merge(s, wanted, n, &p);
	if (!rc && p.items.n) {
		inherits = calloc(p.items.n, sizeof(*inherits));
		rc = inherits ? 0 : -ENOMEM;
	}
	for (size_t i = 0, j = 0; !rc && i < p.items.n; i++)
		if (p.items.items[i].wanted)
			inherits[i] = wanted[j++].inherits;
	if (!rc) {
		sweep(&p, inherits, world, unknown, n_unknown);
		rc = allot(s, &p);
	}
	free(inherits);
	if (rc < 0) {
		wr_plan_free(&p);
		return rc;
	}
	*out = p;
	return 0;
}

int wr_plan_commit(struct wr_slots *s, const struct wr_plan *p)
{
	s->loaded.n = 0;
	for (size_t i = 0; i < p->items.n; i++) {
		const struct wr_plan_item *item = &p->items.items[i];
		int rc = 0;
		if (item->wanted)
			rc = wr_vec_push(&s->loaded, ((struct wr_slot){item->key, item->slot}));
		else if (item->slot != WR_SLOT_NONE)
			rc = wr_vec_push(&s->free, item->slot);
		if (rc < 0)
			return rc;
	}
	return 0;
}
