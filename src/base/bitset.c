/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bitset.h"

struct wr_bitset *wr_bitset_new(struct wr_arena *a, size_t bits)
{
	struct wr_bitset *s =
		wr_arena_alloc(a, sizeof(*s) + wr_bitset_words(bits) * sizeof(s->words[0]));
	if (s)
		s->bits = bits;
	return s;
}

void wr_bitset_add_range(struct wr_bitset *s, size_t first, size_t n)
{
	for (size_t i = first; i < first + n;) {
		if (i % 64 == 0 && first + n - i >= 64) {
			s->words[i / 64] = ~UINT64_C(0);
			i += 64;
		} else {
			wr_bitset_add(s, i++);
		}
	}
}

void wr_bitset_or(struct wr_bitset *s, const struct wr_bitset *other)
{
	for (size_t i = 0; i < wr_bitset_words(s->bits); i++)
		s->words[i] |= other->words[i];
}

void wr_bitset_and(struct wr_bitset *s, const struct wr_bitset *other)
{
	for (size_t i = 0; i < wr_bitset_words(s->bits); i++)
		s->words[i] &= other->words[i];
}

void wr_bitset_and_not(struct wr_bitset *s, const struct wr_bitset *other)
{
	for (size_t i = 0; i < wr_bitset_words(s->bits); i++)
		s->words[i] &= ~other->words[i];
}

void wr_bitset_not(struct wr_bitset *s)
{
	for (size_t i = 0; i < wr_bitset_words(s->bits); i++)
		s->words[i] = ~s->words[i];
	if (s->bits % 64)
		s->words[s->bits / 64] &= (UINT64_C(1) << (s->bits % 64)) - 1;
}

size_t wr_bitset_count(const struct wr_bitset *s)
{
	size_t n = 0;
	for (size_t i = 0; i < wr_bitset_words(s->bits); i++)
		n += (size_t)__builtin_popcountll(s->words[i]);
	return n;
}

size_t wr_bitset_next(const struct wr_bitset *s, size_t from)
{
	if (from >= s->bits)
		return SIZE_MAX;
	size_t w = from / 64;
	uint64_t word = s->words[w] >> (from % 64);
	if (word)
		return from + (size_t)__builtin_ctzll(word);
	while (++w < wr_bitset_words(s->bits))
		if (s->words[w])
			return w * 64 + (size_t)__builtin_ctzll(s->words[w]);
	return SIZE_MAX;
}
