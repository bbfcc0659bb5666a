/* SPDX-License-Identifier: Apache-2.0 */
/* Intern: label keys and key=value pairs to small numbers. */
#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

static int intern(struct wr_map *m, const char *text, uint32_t *out)
{
	uint64_t *slot = wr_map_slot(m, text, strlen(text), wr_map_count(m), NULL);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	return 0;
}

int model_intern_key(struct wr_world *w, const char *key, uint32_t *out)
{
	return intern(w->private->keys, key, out);
}

int model_intern_pair(struct wr_world *w, const char *key, const char *value, uint32_t *out)
{
	char small[512], *text = small;
	size_t k = strlen(key), v = strlen(value);
	if (k + v + 2 > sizeof(small) && !(text = malloc(k + v + 2)))
		return -ENOMEM;
	memcpy(text, key, k);
	text[k] = '=';
	memcpy(text + k + 1, value, v + 1);
	int rc = intern(w->private->pairs, text, out);
	if (text != small)
		free(text);
	return rc;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = ((const struct wr_label_id *)a)->key, y = ((const struct wr_label_id *)b)->key;
	return x < y ? -1 : x > y;
}

void model_sort_labels(struct wr_label_id *labels, size_t n)
{
	if (n > 1)
		qsort(labels, n, sizeof(*labels), compare);
}

int model_intern_labels(struct wr_world *w, const struct wr_label *labels, size_t n,
			struct wr_label_id **out, size_t *n_out)
{
	struct wr_label_id *ids = wr_arena_array(w->private->arena, n, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int rc = model_intern_key(w, labels[i].key, &ids[i].key);
		if (!rc)
			rc = model_intern_pair(w, labels[i].key, labels[i].value, &ids[i].pair);
		if (rc)
			return rc;
	}
	model_sort_labels(ids, n);
	*out = ids;
	*n_out = n;
	return 0;
}

const char *wr_world_pair_text(const struct wr_world *w, uint32_t pair)
{
	return pair == WR_NONE ? NULL : wr_map_at(w->private->pairs, pair)->key;
}

const char *wr_world_key_text(const struct wr_world *w, uint32_t key)
{
	return key == WR_NONE ? NULL : wr_map_at(w->private->keys, key)->key;
}
