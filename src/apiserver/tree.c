/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays of a tree that the reader made are exactly as long as their contents;
 * those grown here have room to spare, which the otherwise unused mark tells:
 * its file is grown_here and its line the capacity.
 */
#include "apiserver/tree.h"

#include <stdio.h>
#include <string.h>

static const char grown_here[] = "";

static struct wr_value *node(struct wr_tree *t, enum wr_type type)
{
	struct wr_value *v = wr_arena_alloc(t->arena, sizeof(*v));
	t->nomem |= !v;
	if (v)
		v->type = type;
	return v;
}

struct wr_value *wr_tree_map(struct wr_tree *t)
{
	return node(t, WR_MAP);
}

struct wr_value *wr_tree_list(struct wr_tree *t)
{
	return node(t, WR_LIST);
}

struct wr_value *wr_tree_null(struct wr_tree *t)
{
	struct wr_value *v = node(t, WR_NULL);
	if (v)
		v->text = "null";
	return v;
}

struct wr_value *wr_tree_bool(struct wr_tree *t, bool b)
{
	struct wr_value *v = node(t, WR_BOOL);
	if (v) {
		v->boolean = b;
		v->text = b ? "true" : "false";
	}
	return v;
}

struct wr_value *wr_tree_int(struct wr_tree *t, int64_t n)
{
	struct wr_value *v = node(t, WR_INT);
	if (!v)
		return NULL;
	v->integer = n;
	v->number = (double)n;
	v->text = wr_arena_printf(t->arena, "%lld", (long long)n);
	t->nomem |= !v->text;
	return v->text ? v : NULL;
}

struct wr_value *wr_tree_string(struct wr_tree *t, const char *text)
{
	if (!text)
		return wr_tree_null(t);
	struct wr_value *v = node(t, WR_STRING);
	if (!v)
		return NULL;
	v->text = wr_arena_strdup(t->arena, text);
	t->nomem |= !v->text;
	return v->text ? v : NULL;
}

struct wr_value *wr_tree_printf(struct wr_tree *t, const char *fmt, ...)
{
	struct wr_value *v = node(t, WR_STRING);
	va_list ap;
	va_start(ap, fmt);
	const char *text = wr_arena_vprintf(t->arena, fmt, ap);
	va_end(ap);
	t->nomem |= !text;
	if (v)
		v->text = text;
	return text ? v : NULL;
}

/* Room for one more element of size bytes at the end of a map or list. */
static bool grow(struct wr_tree *t, struct wr_value *v, void **array, size_t size)
{
	size_t cap = v->mark.file == grown_here ? v->mark.line : v->n;
	if (v->n < cap)
		return true;
	size_t wanted = v->n < 4 ? 8 : v->n * 2;
	void *more = wanted < UINT32_MAX ? wr_arena_array(t->arena, wanted, size) : NULL;
	if (!more) {
		t->nomem = true;
		return false;
	}
	if (v->n)
		memcpy(more, *array, v->n * size);
	*array = more;
	v->mark = (struct wr_mark){grown_here, (uint32_t)wanted, 0};
	return true;
}

static struct wr_field *append(struct wr_tree *t, struct wr_value *map, const char *key)
{
	void *array = map->fields;
	const char *copy = wr_arena_strdup(t->arena, key);
	t->nomem |= !copy;
	if (!copy || !grow(t, map, &array, sizeof(*map->fields)))
		return NULL;
	map->fields = array;
	struct wr_field *f = &map->fields[map->n++];
	*f = (struct wr_field){.key = copy};
	return f;
}

void wr_tree_set(struct wr_tree *t, struct wr_value *map, const char *key, struct wr_value *value)
{
	if (!map || map->type != WR_MAP || !value)
		return;
	for (size_t i = map->n; i-- > 0;)
		if (!strcmp(map->fields[i].key, key)) {
			map->fields[i].value = value;
			return;
		}
	struct wr_field *f = append(t, map, key);
	if (f)
		f->value = value;
}

void wr_tree_set_string(struct wr_tree *t, struct wr_value *map, const char *key, const char *text)
{
	wr_tree_set(t, map, key, wr_tree_string(t, text));
}

void wr_tree_set_first(struct wr_tree *t, struct wr_value *map, const char *key,
		       struct wr_value *value)
{
	if (!map || map->type != WR_MAP || !value)
		return;
	wr_tree_remove(map, key);
	struct wr_field *f = append(t, map, key);
	if (!f)
		return;
	struct wr_field added = *f;
	added.value = value;
	memmove(map->fields + 1, map->fields, (map->n - 1) * sizeof(*map->fields));
	map->fields[0] = added;
}

struct wr_value *wr_tree_want_map(struct wr_tree *t, struct wr_value *map, const char *key)
{
	struct wr_value *v = wr_value_get(map, key);
	if (v && v->type == WR_MAP)
		return v;
	v = wr_tree_map(t);
	wr_tree_set(t, map, key, v);
	return v;
}

bool wr_tree_remove(struct wr_value *map, const char *key)
{
	if (!map || map->type != WR_MAP)
		return false;
	size_t kept = 0, n = map->n;
	for (size_t i = 0; i < n; i++)
		if (strcmp(map->fields[i].key, key) != 0)
			map->fields[kept++] = map->fields[i];
	map->n = kept;
	return kept < n;
}

void wr_tree_insert(struct wr_tree *t, struct wr_value *list, size_t at, struct wr_value *item)
{
	if (!list || list->type != WR_LIST || !item)
		return;
	void *array = list->items;
	if (!grow(t, list, &array, sizeof(*list->items)))
		return;
	list->items = array;
	if (at > list->n)
		at = list->n;
	memmove(list->items + at + 1, list->items + at, (list->n - at) * sizeof(*list->items));
	list->items[at] = item;
	list->n++;
}

void wr_tree_push(struct wr_tree *t, struct wr_value *list, struct wr_value *item)
{
	wr_tree_insert(t, list, SIZE_MAX, item);
}

void wr_tree_cut(struct wr_value *list, size_t at)
{
	if (!list || list->type != WR_LIST || at >= list->n)
		return;
	list->n--;
	memmove(list->items + at, list->items + at + 1, (list->n - at) * sizeof(*list->items));
}

struct wr_value *wr_tree_copy(struct wr_tree *t, const struct wr_value *v)
{
	struct wr_value *c = v ? node(t, v->type) : NULL;
	if (!c)
		return NULL;
	*c = *v;
	c->mark = (struct wr_mark){0}; /* its file's name may not live as long */
	if (v->text) {
		c->text = wr_arena_strdup(t->arena, v->text);
		t->nomem |= !c->text;
		if (!c->text)
			return NULL;
	}
	if (v->type == WR_LIST || v->type == WR_MAP) {
		c->n = 0;
		c->items = NULL;
	}
	for (size_t i = 0; v->type == WR_LIST && i < v->n; i++)
		wr_tree_push(t, c, wr_tree_copy(t, v->items[i]));
	for (size_t i = 0; v->type == WR_MAP && i < v->n; i++) {
		struct wr_value *value = wr_tree_copy(t, v->fields[i].value);
		struct wr_field *f = value ? append(t, c, v->fields[i].key) : NULL;
		if (!f)
			continue;
		f->value = value;
		f->duplicate = v->fields[i].duplicate;
	}
	return c;
}

static bool is_number(const struct wr_value *v)
{
	return v->type == WR_INT || v->type == WR_FLOAT;
}

static bool equal_maps(const struct wr_value *a, const struct wr_value *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		/* mostly the same order */
		const struct wr_value *other = !strcmp(a->fields[i].key, b->fields[i].key)
						       ? b->fields[i].value
						       : wr_value_get(b, a->fields[i].key);
		if (!other || !wr_tree_equal(a->fields[i].value, other))
			return false;
	}
	return true;
}

bool wr_tree_equal(const struct wr_value *a, const struct wr_value *b)
{
	if (!a || !b)
		return a == b;
	if (a->type == WR_INT && b->type == WR_INT)
		return a->integer == b->integer;
	if (is_number(a) && is_number(b))
		return !(a->number < b->number) && !(a->number > b->number);
	if (a->type != b->type)
		return false;
	if (a->type == WR_NULL)
		return true;
	if (a->type == WR_BOOL)
		return a->boolean == b->boolean;
	if (a->type == WR_STRING)
		return !strcmp(a->text, b->text);
	if (a->type == WR_MAP)
		return equal_maps(a, b);
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!wr_tree_equal(a->items[i], b->items[i]))
			return false;
	return true;
}

static bool repeated_later(const struct wr_value *map, size_t i)
{
	for (size_t k = i + 1; k < map->n; k++)
		if (map->fields[k].duplicate && !strcmp(map->fields[i].key, map->fields[k].key))
			return true;
	return false;
}

void wr_tree_tidy(struct wr_value *v, bool nulls)
{
	if (!v)
		return;
	for (size_t i = 0; v->type == WR_LIST && i < v->n; i++)
		wr_tree_tidy(v->items[i], nulls);
	if (v->type != WR_MAP)
		return;
	bool any = false;
	for (size_t i = 0; i < v->n; i++)
		any |= v->fields[i].duplicate;
	size_t kept = 0;
	for (size_t i = 0; i < v->n; i++) {
		struct wr_field f = v->fields[i];
		if ((nulls && f.value->type == WR_NULL) || (any && repeated_later(v, i)))
			continue;
		wr_tree_tidy(f.value, nulls);
		v->fields[kept++] = f;
	}
	v->n = kept;
	for (size_t i = 0; i < kept; i++)
		v->fields[i].duplicate = false;
}

struct wr_value *wr_tree_at(const struct wr_value *v, const char *path)
{
	char key[128];
	struct wr_value *found = NULL;
	for (;;) {
		const char *dot = strchr(path, '.');
		size_t n = dot ? (size_t)(dot - path) : strlen(path);
		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		v = found = wr_value_get(v, key);
		if (!found || !dot)
			break;
		path = dot + 1;
	}
	return found;
}

const char *wr_tree_text(const struct wr_value *v, const char *path)
{
	const struct wr_value *at = wr_tree_at(v, path);
	return at && at->type == WR_STRING ? at->text : NULL;
}

int64_t wr_tree_number(const struct wr_value *v, const char *path, int64_t fallback)
{
	const struct wr_value *at = wr_tree_at(v, path);
	return at && at->type == WR_INT ? at->integer : fallback;
}
