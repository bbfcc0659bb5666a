/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Arena: memory of one compile or one document, freed all at once.
 *
 * Everything allocated from an arena dies with it; nothing is freed singly.
 * All allocations are zeroed and aligned to 16 bytes. A NULL return means out
 * of memory (callers report -ENOMEM).
 */
#include <stdarg.h>
#include <stddef.h>

struct wr_arena;

/* A new, empty arena, or NULL when out of memory. Free it with wr_arena_free(). */
struct wr_arena *wr_arena_new(void);

/* Frees the arena and all that was allocated from it. Takes NULL. */
void wr_arena_free(struct wr_arena *a);

/* Frees all allocations and keeps some memory for the next ones: for loops in constant memory. */
void wr_arena_reset(struct wr_arena *a);

/* size bytes, zeroed. size 0 gives a valid pointer to nothing. NULL: out of memory. */
void *wr_arena_alloc(struct wr_arena *a, size_t size);

/* An array of n elements of size bytes, zeroed; NULL on overflow or out of memory. */
void *wr_arena_array(struct wr_arena *a, size_t n, size_t size);

/* Copies of strings. wr_arena_strndup() always NUL-terminates. */
char *wr_arena_strdup(struct wr_arena *a, const char *s);
char *wr_arena_strndup(struct wr_arena *a, const char *s, size_t n);

/* printf into the arena. */
char *wr_arena_printf(struct wr_arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
char *wr_arena_vprintf(struct wr_arena *a, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* Bytes that the arena holds from the system. */
size_t wr_arena_size(const struct wr_arena *a);
