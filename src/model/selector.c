/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors: interned by what they require, so that two that are written alike
 * are one; matching; and their text in kubectl's notation.
 */
#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static int resolve_requirement(struct wr_world *w, const struct wr_requirement *src,
			       struct wr_req *out)
{
	out->op = src->op;
	int rc = model_intern_key(w, src->key, &out->key);
	if (rc)
		return rc;
	out->pairs = wr_arena_array(w->private->arena, src->n, sizeof(uint32_t));
	if (!out->pairs)
		return -ENOMEM;
	for (size_t i = 0; i < src->n && !rc; i++)
		rc = model_intern_pair(w, src->key, src->values[i], &out->pairs[i]);
	out->n = src->n;
	if (out->n > 1)
		qsort(out->pairs, out->n, sizeof(uint32_t), compare_u32);
	return rc;
}

/* The requirements as one byte string: operator, key, count, pairs. */
static uint32_t *pack(const struct wr_req *reqs, size_t n, size_t *size)
{
	size_t words = 0;
	for (size_t i = 0; i < n; i++)
		words += 3 + reqs[i].n;
	uint32_t *out = malloc(words * sizeof(*out) + 1), *at = out;
	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		*at++ = reqs[i].op;
		*at++ = reqs[i].key;
		*at++ = (uint32_t)reqs[i].n;
		for (size_t k = 0; k < reqs[i].n; k++)
			*at++ = reqs[i].pairs[k];
	}
	*size = words * sizeof(*out);
	return out;
}

int model_intern_selector(struct wr_world *w, const struct wr_label_selector *s, uint32_t *out)
{
	struct wr_world_private *pv = w->private;
	if (!s || !s->n) {
		*out = WR_NONE;
		return 0;
	}
	struct wr_selector sel = {.id = (uint32_t)pv->selectors.n, .n = s->n, .source = s};
	sel.reqs = wr_arena_array(pv->arena, s->n, sizeof(*sel.reqs));
	if (!sel.reqs)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		int rc = resolve_requirement(w, &s->reqs[i], &sel.reqs[i]);
		if (rc)
			return rc;
	}
	size_t size;
	uint32_t *key = pack(sel.reqs, sel.n, &size);
	if (!key)
		return -ENOMEM;
	bool created;
	uint64_t *slot = wr_map_slot(pv->selector_index, key, size, sel.id, &created);
	free(key);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	return created ? wr_vec_push(&pv->selectors, sel) : 0;
}

static const struct wr_label_id *find_label(const struct wr_label_id *labels, size_t n,
					    uint32_t key)
{
	for (size_t i = 0; i < n && labels[i].key <= key; i++)
		if (labels[i].key == key)
			return &labels[i];
	return NULL;
}

static bool lists_pair(const struct wr_req *req, uint32_t pair)
{
	for (size_t i = 0; i < req->n; i++)
		if (req->pairs[i] == pair)
			return true;
	return false;
}

static bool requirement_holds(const struct wr_req *req, const struct wr_label_id *label)
{
	switch (req->op) {
	case WR_OP_IN:
		return label && lists_pair(req, label->pair);
	case WR_OP_NOT_IN:
		return !label || !lists_pair(req, label->pair);
	case WR_OP_EXISTS:
		return label != NULL;
	case WR_OP_NOT_EXISTS:
		return label == NULL;
	}
	return false;
}

bool wr_selector_matches(const struct wr_world *w, uint32_t selector,
			 const struct wr_label_id *labels, size_t n)
{
	if (selector == WR_NONE)
		return true;
	const struct wr_selector *s = &w->selectors[selector];
	for (size_t i = 0; i < s->n; i++)
		if (!requirement_holds(&s->reqs[i], find_label(labels, n, s->reqs[i].key)))
			return false;
	return true;
}

static const char *join(struct wr_arena *a, const char *const *values, size_t n)
{
	const char *text = n ? values[0] : "";
	for (size_t i = 1; i < n && text; i++)
		text = wr_arena_printf(a, "%s,%s", text, values[i]);
	return text;
}

static const char *requirement_text(const struct wr_requirement *r, struct wr_arena *a)
{
	const char *values = join(a, (const char *const *)r->values, r->n);
	if (!values)
		return NULL;
	switch (r->op) {
	case WR_OP_IN:
		return r->n == 1 ? wr_arena_printf(a, "%s=%s", r->key, values)
				 : wr_arena_printf(a, "%s in (%s)", r->key, values);
	case WR_OP_NOT_IN:
		return r->n == 1 ? wr_arena_printf(a, "%s!=%s", r->key, values)
				 : wr_arena_printf(a, "%s notin (%s)", r->key, values);
	case WR_OP_EXISTS:
		return r->key;
	case WR_OP_NOT_EXISTS:
		return wr_arena_printf(a, "!%s", r->key);
	}
	return NULL;
}

const char *wr_selector_format(const struct wr_world *w, uint32_t selector, struct wr_arena *a)
{
	const char *text = "";
	if (selector == WR_NONE)
		return text;
	const struct wr_label_selector *s = w->selectors[selector].source;
	for (size_t i = 0; i < s->n && text; i++) {
		const char *one = requirement_text(&s->reqs[i], a);
		text = one ? wr_arena_printf(a, "%s%s%s", text, i ? "," : "", one) : NULL;
	}
	return text;
}
