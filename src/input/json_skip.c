/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passing over a JSON value.
 *
 * Most bytes that an API server sends are of no use to weir: this is where they
 * go. Of 64 bytes at a time there are masks, a bit for each byte: quotes,
 * brackets. That a byte lies in a string is the parity of the quotes up to it,
 * which is a prefix of exclusive ors; then the brackets outside of strings only
 * have to be counted. Blocks with a backslash, the last ones, and machines
 * without SSE2 go byte by byte.
 */
#include <stdint.h>
#include <string.h>

#include "input/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK 64

/* Where we are: always outside of an escape. */
struct skip {
	size_t depth; /* of brackets */
	bool in_string;
};

#ifdef __SSE2__
struct block {
	__m128i v[BLOCK / 16];
};

static inline uint64_t bytes_equal(const struct block *b, char c)
{
	uint64_t mask = 0;
	for (unsigned i = 0; i < BLOCK / 16; i++) {
		__m128i same = _mm_cmpeq_epi8(b->v[i], _mm_set1_epi8(c));
		mask |= (uint64_t)(uint16_t)_mm_movemask_epi8(same) << (i * 16);
	}
	return mask;
}

static inline uint64_t parity_up_to(uint64_t bits)
{
	for (unsigned shift = 1; shift < 64; shift *= 2)
		bits ^= bits << shift;
	return bits;
}

/* Takes a block, unless the value may end in it. */
static inline bool take_block(const char *p, struct skip *s)
{
	struct block b;
	for (unsigned i = 0; i < BLOCK / 16; i++)
		b.v[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + i * 16));
	if (bytes_equal(&b, '\\'))
		return false;
	uint64_t in = parity_up_to(bytes_equal(&b, '"')) ^ (s->in_string ? UINT64_MAX : 0);
	for (unsigned i = 0; i < BLOCK / 16; i++) /* '[' is '{' and ']' is '}' but for a bit */
		b.v[i] = _mm_or_si128(b.v[i], _mm_set1_epi8(0x20));
	size_t closed = (size_t)__builtin_popcountll(bytes_equal(&b, '}') & ~in);
	if (closed >= s->depth)
		return false;
	s->depth += (size_t)__builtin_popcountll(bytes_equal(&b, '{') & ~in) - closed;
	s->in_string = in >> 63;
	return true;
}
#else
static inline bool take_block(const char *p, struct skip *s)
{
	(void)p;
	(void)s;
	return false;
}
#endif

/* Takes some bytes, at least one, or up to the value's end; true: that was it. */
static bool take_bytes(const char *text, size_t n, size_t *at, struct skip *s)
{
	size_t end = n - *at > BLOCK ? *at + BLOCK : n;
	for (size_t i = *at; i < end; i++) {
		char c = text[i];
		if (c == '"')
			s->in_string = !s->in_string;
		else if (s->in_string)
			i += c == '\\';
		else if (c == '{' || c == '[')
			s->depth++;
		else if (c == '}' || c == ']')
			s->depth--;
		*at = i + 1;
		if (!s->depth)
			return true;
	}
	return false;
}

static size_t skip_brackets(const char *text, size_t n)
{
	struct skip s = {.depth = 1};
	size_t at = 1;
	while (at < n) {
		if (n - at >= BLOCK && take_block(text + at, &s))
			at += BLOCK;
		else if (take_bytes(text, n, &at, &s))
			return at;
	}
	return 0;
}

static size_t skip_string(const char *text, size_t n)
{
	size_t at = 1;
	while (at < n && text[at] != '"')
		at += text[at] == '\\' ? 2 : 1;
	return at < n ? at + 1 : 0;
}

size_t wr_json_skip(const char *text, size_t n)
{
	if (n && (*text == '{' || *text == '['))
		return skip_brackets(text, n);
	if (n && *text == '"')
		return skip_string(text, n);
	size_t at = 0;
	while (at < n && !memchr("\"[]{},: \t\r\n", text[at], 11))
		at++;
	return at < n ? at : 0;
}
