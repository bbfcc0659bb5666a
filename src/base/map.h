/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Map: byte strings to 64-bit numbers, open addressing, keys copied.
 * Iteration is in order of insertion, so that output never depends on hashing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr_map;

struct wr_map_entry {
	const void *key; /* owned by the map, NUL-terminated one past size */
	size_t size;
	uint64_t value;
};

/* A new map, or NULL when out of memory; free it with wr_map_free(), which takes NULL. */
struct wr_map *wr_map_new(void);
void wr_map_free(struct wr_map *m);

/* The value stored for a key: true and *value (where value is not NULL), or false. */
bool wr_map_get(const struct wr_map *m, const void *key, size_t size, uint64_t *value);

/* Stores or replaces; 0 or -ENOMEM. */
int wr_map_put(struct wr_map *m, const void *key, size_t size, uint64_t value);

/*
 * The value's place for a key, inserted with value init where it was missing
 * (*created tells; created may be NULL). NULL: out of memory. The place is
 * valid until the next insertion.
 */
uint64_t *wr_map_slot(struct wr_map *m, const void *key, size_t size, uint64_t init, bool *created);

/* Number of entries, and the i-th in order of insertion. */
size_t wr_map_count(const struct wr_map *m);
const struct wr_map_entry *wr_map_at(const struct wr_map *m, size_t i);

/* The 64-bit hash that the map uses (not for storage: it may change). */
uint64_t wr_hash(const void *data, size_t size);
