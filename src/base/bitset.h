/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bitset: a set of small numbers, dense, of a size fixed when it is made.
 * Sets over pods are a few hundred words even in large clusters, and most
 * selectors match either most pods or few of one contiguous namespace: a plain
 * array of words beats compressed bitmaps here, in speed and in simplicity.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct wr_bitset {
	size_t bits;
	uint64_t words[];
};

static inline size_t wr_bitset_words(size_t bits)
{
	return (bits + 63) / 64;
}

/* An empty set over 0..bits-1 in an arena; NULL: out of memory. */
struct wr_bitset *wr_bitset_new(struct wr_arena *a, size_t bits);

static inline void wr_bitset_add(struct wr_bitset *s, size_t i)
{
	s->words[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void wr_bitset_remove(struct wr_bitset *s, size_t i)
{
	s->words[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static inline bool wr_bitset_has(const struct wr_bitset *s, size_t i)
{
	return s->words[i / 64] >> (i % 64) & 1;
}

/* Adds first..first+n-1. */
void wr_bitset_add_range(struct wr_bitset *s, size_t first, size_t n);

/* s becomes its union, intersection, difference with other (of the same size), its complement. */
void wr_bitset_or(struct wr_bitset *s, const struct wr_bitset *other);
void wr_bitset_and(struct wr_bitset *s, const struct wr_bitset *other);
void wr_bitset_and_not(struct wr_bitset *s, const struct wr_bitset *other);
void wr_bitset_not(struct wr_bitset *s);

size_t wr_bitset_count(const struct wr_bitset *s);

/* The first member >= from, or SIZE_MAX. */
size_t wr_bitset_next(const struct wr_bitset *s, size_t from);

#define wr_bitset_each(s, i) \
	for (size_t i = wr_bitset_next((s), 0); i != SIZE_MAX; i = wr_bitset_next((s), i + 1))
