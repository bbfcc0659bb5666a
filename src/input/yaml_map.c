/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps: keys that are not strings, and the merge key.
 *
 * go-yaml v2, and with it kubectl, puts members into a map in the order of
 * writing: "<<: *base" overrides what stands before it, and is overridden by
 * what stands after it. In a list of maps to merge the first one wins.
 */
#include "input/yaml.h"

#include <errno.h>
#include <string.h>

int wr_yaml_key(struct wr_yaml *y, const struct wr_yaml_node *node, struct wr_mark at,
		const char **key)
{
	const struct wr_value *v = node->value;
	char number[WR_FLOAT_KEY_TEXT];
	*key = v->text ? v->text : "";
	switch (v->type) {
	case WR_STRING:
		return 0;
	case WR_BOOL:
		*key = v->boolean ? "true" : "false";
		return 0;
	case WR_INT:
	case WR_FLOAT:
		if (node->was_float) {
			wr_number_float_key(v->number, number);
			*key = wr_arena_strdup(y->reading->arena, number);
		} else if (v->type == WR_INT) {
			*key = wr_arena_printf(y->reading->arena, "%lld", (long long)v->integer);
		} else {
			return wr_yaml_fail(y, at, "quote it", "the map key %.64s is too large",
					    v->text);
		}
		return *key ? 0 : -ENOMEM;
	case WR_NULL:
		return wr_yaml_fail(y, at, "quote it if a string is meant",
				    "null cannot be the key of a map");
	case WR_LIST:
	case WR_MAP:
		break;
	}
	return wr_yaml_fail(y, at, NULL, "a map key must be a scalar, not a %s",
			    wr_type_name(v->type));
}

/* The fields of the map that is being put together, by key. */
struct merged {
	WR_VEC(struct wr_field) fields;
	WR_VEC(bool) from_merge;
	struct wr_map *index; /* key to its last place */
};

/* A field that stands in the map itself: replaces a merged one, else comes on top. */
static int put_own(struct merged *m, const struct wr_field *f)
{
	bool created;
	uint64_t *slot = wr_map_slot(m->index, f->key, strlen(f->key), m->fields.n, &created);
	if (!slot)
		return -ENOMEM;
	if (!created && m->from_merge.items[*slot]) {
		m->fields.items[*slot] = *f;
		m->from_merge.items[*slot] = false;
		return 0;
	}
	*slot = m->fields.n;
	int rc = wr_vec_push(&m->fields, *f);
	return rc < 0 ? rc : wr_vec_push(&m->from_merge, false);
}

/* A field out of a merged map: replaces whatever there is. */
static int put_merged(struct merged *m, const struct wr_field *f)
{
	bool created;
	uint64_t *slot = wr_map_slot(m->index, f->key, strlen(f->key), m->fields.n, &created);
	if (!slot)
		return -ENOMEM;
	if (!created) {
		m->fields.items[*slot].value = f->value;
		return 0;
	}
	int rc = wr_vec_push(&m->fields, *f);
	if (!rc)
		rc = wr_vec_push(&m->from_merge, true);
	if (!rc)
		m->fields.items[m->fields.n - 1].duplicate = false;
	return rc;
}

static int merge_map(struct wr_yaml *y, struct merged *m, const struct wr_field *merge,
		     const struct wr_value *from)
{
	if (from->type != WR_MAP)
		return wr_yaml_fail(y, merge->mark, NULL,
				    "'<<' merges a map or a list of maps; this is of type %s",
				    wr_type_name(from->type));
	int rc = wr_yaml_count_alias(y, merge->mark, from->n);
	for (size_t i = 0; !rc && i < from->n; i++)
		rc = put_merged(m, &from->fields[i]);
	return rc;
}

static int merge(struct wr_yaml *y, struct merged *m, const struct wr_field *merge_field)
{
	const struct wr_value *from = merge_field->value;
	if (from->type != WR_LIST)
		return merge_map(y, m, merge_field, from);
	int rc = wr_yaml_count_alias(y, merge_field->mark, from->n);
	for (size_t i = from->n; !rc && i-- > 0;)
		rc = merge_map(y, m, merge_field, from->items[i]);
	return rc;
}

static int merge_all(struct wr_yaml *y, struct wr_yaml_frame *frame, struct merged *m)
{
	m->index = wr_map_new();
	int rc = m->index ? 0 : -ENOMEM;
	for (size_t i = frame->base; !rc && i < y->fields.n; i++) {
		const struct wr_field *f = &y->fields.items[i];
		rc = f->key ? put_own(m, f) : merge(y, m, f);
	}
	/* the members that the merge brought are this map's as well */
	frame->node.nodes += m->fields.n;
	y->fields.n = frame->base;
	for (size_t i = 0; rc != -ENOMEM && i < m->fields.n; i++)
		if (wr_vec_push(&y->fields, m->fields.items[i]) < 0)
			rc = -ENOMEM;
	return rc;
}

int wr_yaml_close_map(struct wr_yaml *y, struct wr_yaml_frame *frame)
{
	struct wr_value *v = frame->node.value;
	int rc = 0;
	if (frame->has_merge) {
		struct merged m = {0};
		rc = merge_all(y, frame, &m);
		wr_vec_free(&m.fields);
		wr_vec_free(&m.from_merge);
		wr_map_free(m.index);
		if (rc == -ENOMEM)
			return rc;
	}
	v->n = y->fields.n - frame->base;
	v->fields = wr_arena_array(y->reading->arena, v->n, sizeof(struct wr_field));
	if (!v->fields)
		return -ENOMEM;
	if (v->n)
		memcpy(v->fields, y->fields.items + frame->base, v->n * sizeof(struct wr_field));
	y->fields.n = frame->base;
	int flagged = wr_fields_flag_duplicates(v->fields, v->n);
	return flagged < 0 ? flagged : rc;
}
