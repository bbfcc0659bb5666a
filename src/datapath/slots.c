/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/world.h"

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

/* ---- which slot is whose ---- */

/* Makes the arrays so long that they have a slot. */
static int reach(struct wr_slots *s, uint32_t slot)
{
	uint32_t cap = s->cap ? s->cap : 64;
	while (cap <= slot)
		cap *= 2;
	if (cap == s->cap)
		return 0;
	struct wr_ip *ip = realloc(s->ip, cap * sizeof(*ip));
	if (ip)
		s->ip = ip;
	uint32_t *kind = realloc(s->kind, cap * sizeof(*kind));
	if (kind)
		s->kind = kind;
	if (!ip || !kind)
		return -ENOMEM;
	memset(ip + s->cap, 0, (cap - s->cap) * sizeof(*ip));
	memset(kind + s->cap, 0xff, (cap - s->cap) * sizeof(*kind));
	s->cap = cap;
	return 0;
}

static int compare_slots(const void *a, const void *b)
{
	return wr_slot_key_compare(&((const struct wr_slot *)a)->key,
				   &((const struct wr_slot *)b)->key);
}

/* One entry: where it belongs. */
static int load_entry(struct wr_slots *s, const struct wr_slot *e, uint8_t *used)
{
	struct wr_slot found = *e;
	if (found.slot < WEIR_SLOT_FIRST || found.slot >= WR_SLOTS_MAX || used[found.slot])
		found.slot = WR_SLOT_NONE;
	int rc = found.slot == WR_SLOT_NONE ? 0 : reach(s, found.slot);
	if (rc < 0)
		return rc;
	if (found.slot != WR_SLOT_NONE) {
		used[found.slot] = 1;
		if (found.slot >= s->next)
			s->next = found.slot + 1;
	}
	if (!found.key.host)
		return wr_vec_push(&s->prefixes, found);
	if (found.slot == WR_SLOT_NONE)
		return wr_vec_push(&s->damaged, found);
	struct wr_ip *ip = &s->ip[found.slot];
	ip->family = found.key.family;
	memcpy(ip->b, found.key.b, sizeof(ip->b));
	return 0;
}

int wr_slots_load(struct wr_slots *s, const struct wr_slot *entries, size_t n)
{
	wr_slots_free(s);
	uint8_t *used = calloc(WR_SLOTS_MAX, 1);
	int rc = used ? 0 : -ENOMEM;
	for (size_t i = 0; !rc && i < n; i++)
		rc = load_entry(s, &entries[i], used);
	for (uint32_t i = s->next; !rc && i-- > WEIR_SLOT_FIRST;)
		if (!used[i])
			rc = wr_vec_push(&s->free, i);
	if (s->prefixes.n)
		qsort(s->prefixes.items, s->prefixes.n, sizeof(*s->prefixes.items), compare_slots);
	free(used);
	return rc;
}

void wr_slots_free(struct wr_slots *s)
{
	wr_vec_free(&s->prefixes);
	wr_vec_free(&s->damaged);
	wr_vec_free(&s->free);
	wr_vec_free(&s->resting);
	free(s->ip);
	free(s->kind);
	*s = (struct wr_slots){.next = WEIR_SLOT_FIRST};
}

int wr_slots_take(struct wr_slots *s, uint32_t *out)
{
	if (s->free.n) {
		*out = s->free.items[--s->free.n];
		return 0;
	}
	if (s->next >= WR_SLOTS_MAX)
		return -E2BIG;
	int rc = reach(s, s->next);
	if (!rc)
		*out = s->next++;
	return rc;
}

bool wr_slots_holds(const struct wr_slots *s, uint32_t slot, const struct wr_ip *ip)
{
	return slot >= WEIR_SLOT_FIRST && slot < s->next && ip->family &&
	       wr_ip_equal(&s->ip[slot], ip);
}

int wr_slots_rest(struct wr_slots *s, uint32_t slot, uint64_t since)
{
	s->ip[slot] = (struct wr_ip){0};
	s->kind[slot] = WR_NONE;
	return wr_vec_push(&s->resting, ((struct wr_resting){slot, since}));
}

int wr_slots_wake(struct wr_slots *s, uint64_t since)
{
	struct wr_resting *r = s->resting.items;
	size_t n = 0;
	int rc = 0;
	for (; !rc && n < s->resting.n && r[n].since <= since; n++)
		rc = wr_vec_push(&s->free, r[n].slot);
	if (!rc && n) {
		memmove(r, r + n, (s->resting.n - n) * sizeof(*r));
		s->resting.n -= n;
	}
	return rc;
}

/* ---- prefixes ---- */

static bool covers(const struct wr_slot_key *outer, const struct wr_slot_key *inner)
{
	if (outer->family != inner->family || outer->len > inner->len)
		return false;
	unsigned bytes = outer->len / 8, bits = outer->len % 8;
	if (memcmp(outer->b, inner->b, bytes))
		return false;
	return !bits || !((outer->b[bytes] ^ inner->b[bytes]) >> (8 - bits));
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
	while (i < s->prefixes.n || j < n) {
		const struct wr_slot *old = i < s->prefixes.n ? &s->prefixes.items[i] : NULL;
		const struct wr_wanted *new = j < n ? &wanted[j] : NULL;
		int order = !old ? 1 : !new ? -1 : wr_slot_key_compare(&old->key, &new->key);
		struct wr_plan_item item = {.slot = WR_SLOT_NONE, .around = WR_NONE};
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

static bool inside_any(const struct wr_slot_key *key, const struct wr_cidr *cidrs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct wr_slot_key outer = wr_slot_key_prefix(&cidrs[i]);
		if (covers(&outer, key))
			return true;
	}
	return false;
}

/* The slot that leads to what lies in an item, before the change; WR_NONE: in no item. */
static uint32_t slot_inside(const struct wr_plan *p, uint32_t item, uint8_t family)
{
	if (item == WR_NONE)
		return family == WR_IPV6 ? WEIR_SLOT_WORLD6 : WEIR_SLOT_WORLD4;
	const struct wr_plan_item *i = &p->items.items[item];
	return i->loaded && i->slot != WR_SLOT_NONE ? i->slot : i->cover;
}

static struct weir_identity id_inside(const struct wr_plan *p, uint32_t item, uint8_t family)
{
	return item == WR_NONE ? p->world[family == WR_IPV6] : p->items.items[item].id;
}

/* The innermost of an item and those around it that covers a key. */
static uint32_t find_around(const struct wr_plan *p, uint32_t item, const struct wr_slot_key *key)
{
	while (item != WR_NONE && !covers(&p->items.items[item].key, key))
		item = p->items.items[item].around;
	return item;
}

/* Covers and identities, from the outside in. inherits[i]: the class is that of what is around. */
static void sweep(struct wr_plan *p, const bool *inherits, const struct wr_cidr *unknown,
		  size_t n_unknown)
{
	uint32_t before = WR_NONE;
	for (uint32_t i = 0; i < p->items.n; before = i++) {
		struct wr_plan_item *item = &p->items.items[i];
		item->around = find_around(p, before, &item->key);
		item->cover = slot_inside(p, item->around, item->key.family);
		struct weir_identity out = id_inside(p, item->around, item->key.family);
		if (!item->wanted)
			item->id = out;
		else if (inherits[i])
			item->id = (struct weir_identity){.class = out.class};
		if (item->wanted && inside_any(&item->key, unknown, n_unknown))
			item->id.flags |= WEIR_ADDR_UNKNOWN;
	}
}

/* Slots for what is new or damaged. */
static int allot(struct wr_slots *s, struct wr_plan *p)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < p->items.n; i++) {
		struct wr_plan_item *item = &p->items.items[i];
		if (item->wanted && item->slot == WR_SLOT_NONE) {
			item->loaded = false;
			rc = wr_slots_take(s, &item->slot);
		}
	}
	return rc;
}

int wr_plan_make(struct wr_slots *s, const struct wr_wanted *wanted, size_t n,
		 const struct weir_identity world[2], const struct wr_cidr *unknown,
		 size_t n_unknown, struct wr_plan *out)
{
	struct wr_plan p = {.world = {world[0], world[1]}};
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
		sweep(&p, inherits, unknown, n_unknown);
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

/* The innermost item that covers an address: the last that stands before it, or one around that. */
static uint32_t find_item(const struct wr_plan *p, const struct wr_ip *ip)
{
	struct wr_slot_key key = wr_slot_key_host(ip);
	size_t from = 0, to = p->items.n;
	while (from < to) {
		size_t middle = (from + to) / 2;
		if (wr_slot_key_compare(&p->items.items[middle].key, &key) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return find_around(p, from ? (uint32_t)from - 1 : WR_NONE, &key);
}

uint32_t wr_plan_cover(const struct wr_plan *p, const struct wr_ip *ip)
{
	return slot_inside(p, find_item(p, ip), ip->family);
}

struct weir_identity wr_plan_identity(const struct wr_plan *p, const struct wr_ip *ip)
{
	return id_inside(p, find_item(p, ip), ip->family);
}

static int list(const struct wr_plan *p, bool wanted, struct wr_slot_list *out)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < p->items.n; i++) {
		const struct wr_plan_item *item = &p->items.items[i];
		if (item->wanted == wanted && item->loaded != wanted)
			rc = wr_vec_push(out, ((struct wr_slot){item->key, item->slot}));
	}
	return rc;
}

int wr_plan_added(const struct wr_plan *p, struct wr_slot_list *out)
{
	return list(p, true, out);
}

int wr_plan_leaving(const struct wr_plan *p, struct wr_slot_list *out)
{
	return list(p, false, out);
}

int wr_plan_commit(struct wr_slots *s, const struct wr_plan *p)
{
	int rc = 0;
	s->prefixes.n = 0;
	for (size_t i = 0; !rc && i < p->items.n; i++) {
		const struct wr_plan_item *item = &p->items.items[i];
		if (item->wanted)
			rc = wr_vec_push(&s->prefixes, ((struct wr_slot){item->key, item->slot}));
	}
	return rc;
}
