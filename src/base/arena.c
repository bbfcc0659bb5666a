/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MIN ((size_t)16 << 10)
#define CHUNK_MAX ((size_t)1 << 20)
#define ALIGN ((size_t)16)

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(16) unsigned char data[];
};

struct wr_arena {
	struct chunk *head;
	size_t total;
};

struct wr_arena *wr_arena_new(void)
{
	return calloc(1, sizeof(struct wr_arena));
}

void wr_arena_free(struct wr_arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->head, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void wr_arena_reset(struct wr_arena *a)
{
	if (!a->head)
		return;
	for (struct chunk *c = a->head->next, *next; c; c = next) {
		next = c->next;
		a->total -= c->size + sizeof(*c);
		free(c);
	}
	/* the newest chunk is kept; allocations are promised to be zeroed */
	a->head->next = NULL;
	memset(a->head->data, 0, a->head->used);
	a->head->used = 0;
}

/* Chunks double up to CHUNK_MAX; a larger request gets a chunk of its own. */
static struct chunk *grow(struct wr_arena *a, size_t need)
{
	size_t size = a->head ? a->head->size * 2 : CHUNK_MIN;
	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	if (size < need)
		size = need;
	/* calloc: large chunks come zeroed from the system at no cost */
	struct chunk *c = calloc(1, sizeof(*c) + size);
	if (!c)
		return NULL;
	c->size = size;
	c->next = a->head;
	a->head = c;
	a->total += size + sizeof(*c);
	return c;
}

void *wr_arena_alloc(struct wr_arena *a, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGN - 1) & ~(ALIGN - 1);
	if (!size)
		size = ALIGN;
	struct chunk *c = a->head;
	if (!c || c->size - c->used < size) {
		c = grow(a, size);
		if (!c)
			return NULL;
	}
	void *p = c->data + c->used;
	c->used += size;
	return p;
}

void *wr_arena_array(struct wr_arena *a, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return wr_arena_alloc(a, bytes);
}

char *wr_arena_strndup(struct wr_arena *a, const char *s, size_t n)
{
	n = strnlen(s, n);
	char *p = wr_arena_alloc(a, n + 1);
	if (p)
		memcpy(p, s, n);
	return p;
}

char *wr_arena_strdup(struct wr_arena *a, const char *s)
{
	return wr_arena_strndup(a, s, strlen(s));
}

char *wr_arena_vprintf(struct wr_arena *a, const char *fmt, va_list ap)
{
	va_list measure;
	va_copy(measure, ap);
	int n = vsnprintf(NULL, 0, fmt, measure);
	va_end(measure);
	if (n < 0)
		return NULL;
	char *p = wr_arena_alloc(a, (size_t)n + 1);
	if (p)
		vsnprintf(p, (size_t)n + 1, fmt, ap);
	return p;
}

char *wr_arena_printf(struct wr_arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *p = wr_arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

size_t wr_arena_size(const struct wr_arena *a)
{
	return a->total;
}
