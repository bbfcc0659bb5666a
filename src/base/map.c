/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"

struct wr_map {
	struct wr_arena *keys;
	WR_VEC(struct wr_map_entry) entries;
	WR_VEC(uint64_t) hashes; /* of entries, to rehash without touching keys */
	uint32_t *table;         /* entry index + 1; 0: free */
	size_t mask;
};

/* wyhash-like mixing: multiply to 128 bits, fold. Not secret: inputs are bounded elsewhere. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t r = (__uint128_t)a * b;
	return (uint64_t)r ^ (uint64_t)(r >> 64);
}

uint64_t wr_hash(const void *data, size_t size)
{
	const unsigned char *p = data;
	uint64_t h = 0x9e3779b97f4a7c15u ^ size, w;
	for (; size >= 8; p += 8, size -= 8) {
		memcpy(&w, p, 8);
		h = mix(h ^ w, 0xe7037ed1a0b428dbu);
	}
	w = 0;
	if (size)
		memcpy(&w, p, size);
	return mix(h ^ w, 0x8ebc6af09c88c6e3u);
}

struct wr_map *wr_map_new(void)
{
	struct wr_map *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->keys = wr_arena_new();
	m->mask = 15;
	m->table = calloc(m->mask + 1, sizeof(*m->table));
	if (!m->keys || !m->table) {
		wr_map_free(m);
		return NULL;
	}
	return m;
}

void wr_map_free(struct wr_map *m)
{
	if (!m)
		return;
	wr_arena_free(m->keys);
	wr_vec_free(&m->entries);
	wr_vec_free(&m->hashes);
	free(m->table);
	free(m);
}

/* The table position where key is, or where it would go. */
static size_t find(const struct wr_map *m, uint64_t hash, const void *key, size_t size)
{
	for (size_t i = hash & m->mask;; i = (i + 1) & m->mask) {
		uint32_t at = m->table[i];
		if (!at)
			return i;
		const struct wr_map_entry *e = &m->entries.items[at - 1];
		if (m->hashes.items[at - 1] == hash && e->size == size &&
		    (!size || !memcmp(e->key, key, size)))
			return i;
	}
}

static int rehash(struct wr_map *m)
{
	size_t mask = m->mask * 2 + 1;
	uint32_t *table = calloc(mask + 1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (size_t e = 0; e < m->entries.n; e++) {
		size_t i = m->hashes.items[e] & mask;
		while (table[i])
			i = (i + 1) & mask;
		table[i] = (uint32_t)e + 1;
	}
	free(m->table);
	m->table = table;
	m->mask = mask;
	return 0;
}

bool wr_map_get(const struct wr_map *m, const void *key, size_t size, uint64_t *value)
{
	uint32_t at = m->table[find(m, wr_hash(key, size), key, size)];
	if (at && value)
		*value = m->entries.items[at - 1].value;
	return at != 0;
}

uint64_t *wr_map_slot(struct wr_map *m, const void *key, size_t size, uint64_t init, bool *created)
{
	uint64_t hash = wr_hash(key, size);
	size_t i = find(m, hash, key, size);
	if (created)
		*created = !m->table[i];
	if (m->table[i])
		return &m->entries.items[m->table[i] - 1].value;
	if (m->entries.n + 1 > UINT32_MAX - 1)
		return NULL;
	if ((m->entries.n + 1) * 4 > (m->mask + 1) * 3) {
		if (rehash(m) < 0)
			return NULL;
		i = find(m, hash, key, size);
	}
	char *copy = wr_arena_alloc(m->keys, size + 1);
	if (!copy)
		return NULL;
	if (size)
		memcpy(copy, key, size);
	if (wr_vec_push(&m->hashes, hash) < 0)
		return NULL;
	if (wr_vec_push(&m->entries, (struct wr_map_entry){copy, size, init}) < 0) {
		m->hashes.n--;
		return NULL;
	}
	m->table[i] = (uint32_t)m->entries.n;
	return &m->entries.items[m->entries.n - 1].value;
}

int wr_map_put(struct wr_map *m, const void *key, size_t size, uint64_t value)
{
	uint64_t *slot = wr_map_slot(m, key, size, value, NULL);
	if (!slot)
		return -ENOMEM;
	*slot = value;
	return 0;
}

size_t wr_map_count(const struct wr_map *m)
{
	return m->entries.n;
}

const struct wr_map_entry *wr_map_at(const struct wr_map *m, size_t i)
{
	return &m->entries.items[i];
}
