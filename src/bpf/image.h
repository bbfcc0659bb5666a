/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_BPF_IMAGE_H
#define WEIR_BPF_IMAGE_H
/*
 * Look-ups in the half that is in force. The head is read once for a packet:
 * base and generation in one load, everything else relative to that base.
 */
#include "maps.h"

/* Address of either family; IPv4 in the first word. */
struct ip {
	__u32 word[4];
};

struct view {
	void *image;
	__u32 base, generation;
	__u32 half;
};

static __always_inline union weir_cell *cell(const struct view *v, __u32 offset)
{
	__u32 index = v->base + offset;

	return bpf_map_lookup_elem(v->image, &index);
}

/* False: there is no image. */
static __always_inline bool view_open(struct view *v)
{
	union weir_cell *c;
	__u64 in_force;
	__u32 zero = 0;

	v->image = bpf_map_lookup_elem(&images, &zero);
	if (!v->image)
		return false;
	c = bpf_map_lookup_elem(v->image, &zero);
	if (!c)
		return false;
	in_force = *(volatile __u64 *)&c->head;
	v->base = (__u32)in_force;
	v->generation = in_force >> 32;
	v->half = c->head.half;
	return true;
}

/*
 * Functions that are not static are checked by the verifier once, not once
 * for every way that leads to them: that makes loading fast.
 */
__noinline __u32 slot4(__u32 ip)
{
	struct weir_net4 net = {.len = 32};
	struct weir_addr *a = bpf_map_lookup_elem(&addr4, &ip);

	if (!a) {
		__builtin_memcpy(net.ip, &ip, sizeof(ip));
		a = bpf_map_lookup_elem(&net4, &net);
	}
	return a ? a->slot : WEIR_SLOT_WORLD4;
}

__noinline __u32 slot6(const struct ip *ip)
{
	struct weir_net6 net = {.len = 128};
	struct weir_addr *a;

	if (!ip)
		return WEIR_SLOT_WORLD6;
	__builtin_memcpy(net.ip, ip, sizeof(net.ip));
	a = bpf_map_lookup_elem(&addr6, net.ip);
	if (!a)
		a = bpf_map_lookup_elem(&net6, &net);
	return a ? a->slot : WEIR_SLOT_WORLD6;
}

static __always_inline struct weir_identity *identity(const struct view *v, const struct ip *ip,
						      bool ipv4)
{
	__u32 slot = ipv4 ? slot4(ip->word[0]) : slot6(ip);
	union weir_cell *c = cell(v, WEIR_IDENTITY(v->half, slot));

	return c ? &c->id : NULL;
}

/* A set covers 2^24 keys. */
#define WEIR_SEARCH_STEPS 24

struct search {
	const struct view *view;
	__u32 set, n, key;
	union weir_cell *found;
};

/* One step of a binary search among n ranges from set on; 1: done. */
static __always_inline long search(struct search *s)
{
	__u32 half = s->n / 2;
	union weir_cell *c;

	if (!half)
		return 1;
	c = cell(s->view, s->set + half);
	if (!c) {
		s->found = NULL;
		return 1;
	}
	if (c->range.first <= s->key) {
		s->set += half;
		s->n -= half;
		s->found = c;
	} else {
		s->n = half;
	}
	return 0;
}

static long search_step(__u32 step __attribute__((unused)), struct search *s)
{
	return search(s);
}

/*
 * The range of a port set that holds a key: the last that begins at or before
 * it. Most sets are found without a loop: they have four ranges or fewer.
 */
static __always_inline struct weir_range *set_find(const struct view *v, __u32 set, __u32 key)
{
	struct search s = {.view = v, .set = set, .key = key, .found = cell(v, set)};

	if (!s.found)
		return NULL;
	s.n = s.found->range.count;
	if (!search(&s) && !search(&s) && s.n > 1)
		bpf_loop(WEIR_SEARCH_STEPS, search_step, &s, 0);
	return s.found ? &s.found->range : NULL;
}

/* What a row says of a class of peers; row is not 0. NULL: damaged tables. */
static __always_inline struct weir_range *row_find(const struct view *v, __u32 row, __u32 class,
						   __u32 key)
{
	union weir_cell *c = cell(v, row + class / 4);
	__u32 set;

	if (!c)
		return NULL;
	set = c->row.set[class & 3];
	return set ? set_find(v, set, key) : NULL;
}

static __always_inline void count_author(const struct view *v, __u32 author)
{
	__u32 shard = bpf_get_smp_processor_id() % WEIR_SHARDS, n;
	union weir_cell *c = cell(v, 0);

	if (!c || author >= c->half.n_authors)
		return;
	n = shard * c->half.n_authors + author;
	c = cell(v, c->half.counts + n / 2);
	if (c)
		__sync_fetch_and_add(&c->count[n & 1], 1);
}

#endif
