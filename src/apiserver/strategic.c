/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "apiserver/list_types.h"
#include "apiserver/patch.h"

struct job {
	struct wr_tree *t;
	enum wr_as_kind kind;
	const char *why;
};

static const char order_prefix[] = "$setElementOrder/";
static const char delete_prefix[] = "$deleteFromPrimitiveList/";

static struct wr_value *merge_map(struct job *j, struct wr_value *target, struct wr_value *patch,
				  const char *field);

static struct wr_value *fail(struct job *j, const char *why)
{
	if (!j->why)
		j->why = why;
	return NULL;
}

static bool is_directive(const char *key)
{
	return *key == '$' && (!strcmp(key, "$patch") || !strcmp(key, "$retainKeys") ||
			       !strncmp(key, order_prefix, sizeof(order_prefix) - 1) ||
			       !strncmp(key, delete_prefix, sizeof(delete_prefix) - 1));
}

/* What a patch says where nothing was: without directives and what it would remove. */
static void strip(struct wr_value *v)
{
	if (v->type == WR_LIST) {
		size_t kept = 0;
		for (size_t i = 0; i < v->n; i++) {
			const char *p = wr_tree_text(v->items[i], "$patch");
			strip(v->items[i]);
			if (!p || strcmp(p, "delete") != 0)
				v->items[kept++] = v->items[i];
		}
		v->n = kept;
	}
	if (v->type != WR_MAP)
		return;
	size_t kept = 0;
	for (size_t i = 0; i < v->n; i++) {
		if (is_directive(v->fields[i].key) || v->fields[i].value->type == WR_NULL)
			continue;
		strip(v->fields[i].value);
		v->fields[kept++] = v->fields[i];
	}
	v->n = kept;
}

/* ---- lists ---- */

static size_t find_equal(const struct wr_value *list, const struct wr_value *v)
{
	for (size_t i = 0; i < list->n; i++)
		if (wr_tree_equal(list->items[i], v))
			return i;
	return SIZE_MAX;
}

static size_t find_key(const struct wr_value *list, const char *key, const struct wr_value *value)
{
	for (size_t i = 0; i < list->n; i++)
		if (value && wr_tree_equal(wr_value_get(list->items[i], key), value))
			return i;
	return SIZE_MAX;
}

static void merge_set(struct job *j, struct wr_value *list, const struct wr_value *patch)
{
	for (size_t i = 0; i < patch->n; i++)
		if (find_equal(list, patch->items[i]) == SIZE_MAX)
			wr_tree_push(j->t, list, patch->items[i]);
}

static struct wr_value *merge_keyed(struct job *j, struct wr_value *list, struct wr_value *patch,
				    const char *key, const char *field)
{
	for (size_t i = 0; i < patch->n; i++) {
		const char *p = wr_tree_text(patch->items[i], "$patch");
		if (p && !strcmp(p, "replace")) {
			wr_tree_cut(patch, i);
			strip(patch);
			return patch;
		}
	}
	for (size_t i = 0; i < patch->n; i++) {
		struct wr_value *item = patch->items[i], *value = wr_value_get(item, key);
		const char *p = wr_tree_text(item, "$patch");
		if (item->type != WR_MAP || !value)
			return fail(j, "an item of a list in the patch has no merge key");
		size_t at = find_key(list, key, value);
		if (p && !strcmp(p, "delete")) {
			for (; at != SIZE_MAX; at = find_key(list, key, value))
				wr_tree_cut(list, at);
		} else if (at == SIZE_MAX) {
			strip(item);
			wr_tree_push(j->t, list, item);
		} else {
			struct wr_value *merged = merge_map(j, list->items[at], item, field);
			if (!merged)
				return NULL;
			list->items[at] = merged;
		}
	}
	return list;
}

static struct wr_value *merge_list(struct job *j, struct wr_value *list, struct wr_value *patch,
				   const char *parent, const char *field)
{
	const char *key = NULL;
	enum wr_list_kind how = wr_list_type_of(j->kind, parent, field, &key, NULL);
	if (how == WR_LIST_KEYED)
		return merge_keyed(j, list, patch, key, field);
	if (how == WR_LIST_ATOMIC)
		return patch;
	merge_set(j, list, patch);
	return list;
}

/* Items that the order names take each other's places in that order; others stay where they are. */
static void set_order(struct job *j, struct wr_value *list, const struct wr_value *order,
		      const char *key)
{
	struct wr_value **sorted = wr_arena_array(j->t->arena, list->n, sizeof(*sorted));
	bool *named = wr_arena_array(j->t->arena, list->n, sizeof(*named));
	size_t n = 0, next = 0;
	j->t->nomem |= !sorted || !named;
	if (!sorted || !named)
		return;
	for (size_t i = 0; i < order->n; i++) {
		size_t at = key ? find_key(list, key, wr_value_get(order->items[i], key))
				: find_equal(list, order->items[i]);
		if (at != SIZE_MAX && !named[at]) {
			named[at] = true;
			sorted[n++] = list->items[at];
		}
	}
	for (size_t i = 0; i < list->n && next < n; i++)
		if (named[i])
			list->items[i] = sorted[next++];
}

static void delete_from(struct wr_value *list, const struct wr_value *values)
{
	for (size_t i = 0; values->type == WR_LIST && i < values->n; i++)
		for (size_t at = find_equal(list, values->items[i]); at != SIZE_MAX;
		     at = find_equal(list, values->items[i]))
			wr_tree_cut(list, at);
}

/* ---- maps ---- */

static void retain(struct wr_value *map, const struct wr_value *keys)
{
	size_t kept = 0;
	for (size_t i = 0; i < map->n; i++)
		for (size_t k = 0; keys->type == WR_LIST && k < keys->n; k++)
			if (keys->items[k]->type == WR_STRING &&
			    !strcmp(keys->items[k]->text, map->fields[i].key)) {
				map->fields[kept++] = map->fields[i];
				break;
			}
	map->n = kept;
}

/* Directives that come before the fields. */
static void before(struct wr_value *target, const struct wr_value *patch)
{
	const struct wr_value *keys = wr_value_get(patch, "$retainKeys");
	if (keys)
		retain(target, keys);
	for (size_t i = 0; i < patch->n; i++) {
		const char *key = patch->fields[i].key;
		if (strncmp(key, delete_prefix, sizeof(delete_prefix) - 1) != 0)
			continue;
		struct wr_value *list = wr_value_get(target, key + sizeof(delete_prefix) - 1);
		if (list && list->type == WR_LIST)
			delete_from(list, patch->fields[i].value);
	}
}

static void after(struct job *j, struct wr_value *target, const struct wr_value *patch,
		  const char *field)
{
	for (size_t i = 0; i < patch->n; i++) {
		const char *name = patch->fields[i].key, *key = NULL;
		if (strncmp(name, order_prefix, sizeof(order_prefix) - 1) != 0)
			continue;
		name += sizeof(order_prefix) - 1;
		struct wr_value *list = wr_value_get(target, name);
		(void)wr_list_type_of(j->kind, field, name, &key, NULL);
		if (list && list->type == WR_LIST && patch->fields[i].value->type == WR_LIST)
			set_order(j, list, patch->fields[i].value, key);
	}
}

static struct wr_value *merge_field(struct job *j, struct wr_value *was, struct wr_value *patch,
				    const char *parent, const char *field)
{
	if (was && was->type == WR_MAP && patch->type == WR_MAP)
		return merge_map(j, was, patch, field);
	if (was && was->type == WR_LIST && patch->type == WR_LIST)
		return merge_list(j, was, patch, parent, field);
	strip(patch);
	return patch;
}

static struct wr_value *merge_map(struct job *j, struct wr_value *target, struct wr_value *patch,
				  const char *field)
{
	const char *p = wr_tree_text(patch, "$patch");
	if (p && !strcmp(p, "replace")) {
		strip(patch);
		return patch;
	}
	if (p && !strcmp(p, "delete"))
		return wr_tree_map(j->t);
	if (p && strcmp(p, "merge") != 0)
		return fail(j, "unknown patch type: $patch is replace, delete or merge");
	before(target, patch);
	for (size_t i = 0; i < patch->n; i++) {
		const struct wr_field *f = &patch->fields[i];
		if (is_directive(f->key))
			continue;
		if (f->value->type == WR_NULL) {
			wr_tree_remove(target, f->key);
			continue;
		}
		struct wr_value *was = wr_value_get(target, f->key);
		const char *whole = wr_tree_text(f->value, "$patch");
		if (whole && !strcmp(whole, "delete")) {
			wr_tree_remove(target, f->key);
			continue;
		}
		struct wr_value *v = merge_field(j, was, f->value, field, f->key);
		if (!v)
			return NULL;
		wr_tree_set(j->t, target, f->key, v);
	}
	after(j, target, patch, field);
	return target;
}

int wr_patch_strategic(struct wr_tree *t, enum wr_as_kind kind, struct wr_value *target,
		       struct wr_value *patch, struct wr_value **out, const char **why)
{
	struct job j = {.t = t, .kind = kind};
	struct wr_value *v = NULL;
	if (patch->type == WR_MAP && target->type == WR_MAP)
		v = merge_map(&j, target, patch, "");
	else
		j.why = "a strategic merge patch is a map";
	if (v)
		*out = v;
	else
		*why = j.why ? j.why : "out of memory";
	return v ? 0 : -EINVAL;
}
