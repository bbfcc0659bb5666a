/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Trees that are changed: value trees of one request, built and edited in its
 * arena. What a reader made and what is made here can be mixed; a tree that
 * the store or another request holds must not be edited.
 *
 * Memory that runs out is noted (nomem) and the work goes on with less: a
 * request asks once, before it stores or answers. Functions take NULL values
 * and then do nothing.
 */
#include "base/arena.h"
#include "input/value.h"

struct wr_tree {
	struct wr_arena *arena;
	bool nomem;
};

struct wr_value *wr_tree_map(struct wr_tree *t);
struct wr_value *wr_tree_list(struct wr_tree *t);
struct wr_value *wr_tree_null(struct wr_tree *t);
struct wr_value *wr_tree_bool(struct wr_tree *t, bool b);
struct wr_value *wr_tree_int(struct wr_tree *t, int64_t n);
/* text is copied; NULL: null */
struct wr_value *wr_tree_string(struct wr_tree *t, const char *text);
struct wr_value *wr_tree_printf(struct wr_tree *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Sets or appends a key (copied); the value is not copied. */
void wr_tree_set(struct wr_tree *t, struct wr_value *map, const char *key, struct wr_value *value);
void wr_tree_set_string(struct wr_tree *t, struct wr_value *map, const char *key, const char *text);

/* The same, before all other keys. */
void wr_tree_set_first(struct wr_tree *t, struct wr_value *map, const char *key,
		       struct wr_value *value);

/* The map under a key, made where there is none (or something else). */
struct wr_value *wr_tree_want_map(struct wr_tree *t, struct wr_value *map, const char *key);

/* Removes all fields of that key; true when there were any. */
bool wr_tree_remove(struct wr_value *map, const char *key);

/* Inserts into a list before position at (n: at the end); removes an item. */
void wr_tree_insert(struct wr_tree *t, struct wr_value *list, size_t at, struct wr_value *item);
void wr_tree_push(struct wr_tree *t, struct wr_value *list, struct wr_value *item);
void wr_tree_cut(struct wr_value *list, size_t at);

/* A deep copy, which shares nothing. */
struct wr_value *wr_tree_copy(struct wr_tree *t, const struct wr_value *v);

/* Equal as JSON: the order of keys does not matter; 1 and 1.0 are the same. */
bool wr_tree_equal(const struct wr_value *a, const struct wr_value *b);

/* Of duplicated keys only the last stays; null fields go when nulls is set. In place. */
void wr_tree_tidy(struct wr_value *v, bool nulls);

/* What lies at a path of keys with dots between ("metadata.name"), or NULL. */
struct wr_value *wr_tree_at(const struct wr_value *v, const char *path);

/* Its text when it is a string, else NULL. */
const char *wr_tree_text(const struct wr_value *v, const char *path);

/* Its number when it is an integer, else fallback. */
int64_t wr_tree_number(const struct wr_value *v, const char *path, int64_t fallback);
