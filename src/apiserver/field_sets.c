/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/field_sets.h"

#include <stdio.h>
#include <string.h>

#include "apiserver/list_types.h"
#include "apiserver/json_text.h"
#include "input/input.h"

/* Where a value stands: the field that it is, and the one above that. */
struct place {
	enum wr_as_kind kind;
	const char *parent, *field;
};

enum shape { LEAF, STRUCT, MAP, SET, KEYED };

static enum shape shape_of(const struct place *p, const struct wr_value *v, const char **key,
			   const char **second)
{
	static const char *const maps[] = {"labels", "annotations", "data", "stringData",
					   "binaryData"};
	if (v->type == WR_LIST) {
		enum wr_list_kind k = wr_list_type_of(p->kind, p->parent, p->field, key, second);
		return k == WR_LIST_ATOMIC ? LEAF : k == WR_LIST_SET ? SET : KEYED;
	}
	if (v->type != WR_MAP || wr_map_is_atomic(p->kind, p->parent, p->field) || !v->n)
		return LEAF;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (!strcmp(p->field, maps[i]))
			return MAP;
	return STRUCT;
}

static struct place below(const struct place *p, const char *field)
{
	return (struct place){p->kind, p->field, field};
}

/* An item of a list stands where its list stands. */
static struct place item_of(const struct place *p)
{
	return *p;
}

static const char *field_name(struct wr_tree *t, const char *key)
{
	const char *s = wr_arena_printf(t->arena, "f:%s", key);
	t->nomem |= !s;
	return s ? s : "f:";
}

static const char *value_name(struct wr_tree *t, const struct wr_value *v)
{
	struct wr_buf text = {0};
	wr_buf_text(&text, "v:");
	wr_answer_value(&text, v);
	const char *s = text.failed ? NULL : wr_arena_strdup(t->arena, text.data);
	wr_buf_free(&text);
	t->nomem |= !s;
	return s ? s : "v:";
}

static void put_key(struct wr_buf *text, const struct wr_value *item, const char *key)
{
	const struct wr_value *v = wr_value_get(item, key);
	wr_answer_string(text, key);
	wr_buf_text(text, ":");
	if (!v && !strcmp(key, "protocol")) /* its default */
		wr_buf_text(text, "\"TCP\"");
	else
		wr_answer_value(text, v);
}

/* k:{"containerPort":80,"protocol":"TCP"} */
static const char *item_name(struct wr_tree *t, const struct wr_value *item, const char *key,
			     const char *second)
{
	struct wr_buf text = {0};
	wr_buf_text(&text, "k:{");
	put_key(&text, item, key);
	if (second) {
		wr_buf_text(&text, ",");
		put_key(&text, item, second);
	}
	wr_buf_text(&text, "}");
	const char *s = text.failed ? NULL : wr_arena_strdup(t->arena, text.data);
	wr_buf_free(&text);
	t->nomem |= !s;
	return s ? s : "k:";
}

/* What the server owns is in nobody's set. */
static bool is_own(const struct place *p, const char *key)
{
	static const char *const meta[] = {"name",
					   "namespace",
					   "uid",
					   "resourceVersion",
					   "generation",
					   "creationTimestamp",
					   "selfLink",
					   "managedFields",
					   "deletionTimestamp",
					   "deletionGracePeriodSeconds"};
	if (!*p->field)
		return !strcmp(key, "kind") || !strcmp(key, "apiVersion");
	if (strcmp(p->field, "metadata") != 0 || *p->parent)
		return false;
	for (size_t i = 0; i < sizeof(meta) / sizeof(meta[0]); i++)
		if (!strcmp(meta[i], key))
			return true;
	return false;
}

/* ---- the set of a value ---- */

static struct wr_value *collect(struct wr_tree *t, const struct place *p, const struct wr_value *v,
				bool itself)
{
	const char *key = NULL, *second = NULL;
	enum shape shape = shape_of(p, v, &key, &second);
	struct wr_value *set = wr_tree_map(t);
	if (shape == LEAF)
		return set;
	if (shape != STRUCT || itself)
		wr_tree_set(t, set, ".", wr_tree_map(t));
	for (size_t i = 0; (shape == STRUCT || shape == MAP) && i < v->n; i++) {
		struct place q = below(p, v->fields[i].key);
		if (!is_own(p, v->fields[i].key))
			wr_tree_set(t, set, field_name(t, v->fields[i].key),
				    collect(t, &q, v->fields[i].value, false));
	}
	for (size_t i = 0; (shape == SET || shape == KEYED) && i < v->n; i++) {
		struct place q = item_of(p);
		if (shape == SET)
			wr_tree_set(t, set, value_name(t, v->items[i]), wr_tree_map(t));
		else
			wr_tree_set(t, set, item_name(t, v->items[i], key, second),
				    collect(t, &q, v->items[i], true));
	}
	return set;
}

/* Parts of the top that hold nothing but what the server owns are not in the set. */
static struct wr_value *without_empty(struct wr_value *set, const struct wr_value *object)
{
	const struct wr_value *meta = wr_value_get(object, "metadata");
	const struct wr_value *f = wr_value_get(set, "f:metadata");
	if (meta && f && !f->n)
		wr_tree_remove(set, "f:metadata");
	return set;
}

struct wr_value *wr_fields_of(struct wr_tree *t, enum wr_as_kind kind,
			      const struct wr_value *object)
{
	const struct place top = {kind, "", ""};
	return without_empty(collect(t, &top, object, false), object);
}

/* ---- differences ---- */

static const struct wr_value *find_item(struct wr_tree *t, const struct wr_value *list,
					const char *name, const char *key, const char *second)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(item_name(t, list->items[i], key, second), name))
			return list->items[i];
	return NULL;
}

static bool holds(const struct wr_value *list, const struct wr_value *v)
{
	for (size_t i = 0; i < list->n; i++)
		if (wr_tree_equal(list->items[i], v))
			return true;
	return false;
}

/* A selector that says nothing is what a policy without one has. */
static bool says_nothing(const struct place *p, const struct wr_value *v)
{
	return !strcmp(p->field, "podSelector") && !strcmp(p->parent, "spec") &&
	       v->type == WR_MAP && !v->n;
}

/*
 * What a has and b has not (presence), or has otherwise too. NULL: nothing.
 */
static struct wr_value *differ(struct wr_tree *t, const struct place *p, const struct wr_value *a,
			       const struct wr_value *b, bool presence)
{
	const char *key = NULL, *second = NULL;
	enum shape shape = shape_of(p, a, &key, &second);
	if (!b)
		return says_nothing(p, a) ? NULL : collect(t, p, a, false);
	if (shape == LEAF || b->type != a->type || shape_of(p, b, &key, &second) == LEAF) {
		if (presence && shape == LEAF)
			return NULL;
		if (b->type == a->type && b->type == WR_MAP && !a->n && !b->n)
			return NULL;
		if (shape != LEAF)
			return collect(t, p, a, false);
		return wr_tree_equal(a, b) ? NULL : wr_tree_map(t);
	}
	struct wr_value *set = wr_tree_map(t);
	for (size_t i = 0; i < a->n; i++) {
		struct wr_value *sub = NULL;
		const char *name;
		if (shape == SET) {
			name = value_name(t, a->items[i]);
			sub = holds(b, a->items[i]) ? NULL : wr_tree_map(t);
		} else if (shape == KEYED) {
			struct place q = item_of(p);
			name = item_name(t, a->items[i], key, second);
			const struct wr_value *other = find_item(t, b, name, key, second);
			q.kind = p->kind;
			sub = other ? differ(t, &q, a->items[i], other, presence)
				    : collect(t, &q, a->items[i], true);
		} else {
			struct place q = below(p, a->fields[i].key);
			if (is_own(p, a->fields[i].key))
				continue;
			name = field_name(t, a->fields[i].key);
			sub = differ(t, &q, a->fields[i].value, wr_value_get(b, a->fields[i].key),
				     presence);
		}
		if (sub)
			wr_tree_set(t, set, name, sub);
	}
	return set && set->n ? set : NULL;
}

struct wr_value *wr_fields_changed(struct wr_tree *t, enum wr_as_kind kind,
				   const struct wr_value *before, const struct wr_value *now)
{
	const struct place top = {kind, "", ""};
	struct wr_value *nothing = wr_tree_map(t);
	struct wr_value *set = before ? differ(t, &top, now, before, false) : NULL;
	if (before)
		return set ? set : nothing;
	/* all that a new object has, as if it had been empty before */
	for (size_t i = 0; i < now->n; i++) {
		struct place p = below(&top, now->fields[i].key);
		struct wr_value *empty = wr_tree_map(t), *sub;
		if (is_own(&top, now->fields[i].key))
			continue;
		if (now->fields[i].value->type == WR_MAP && now->fields[i].value->n)
			wr_tree_set_string(t, empty, "\x01", "");
		sub = differ(t, &p, now->fields[i].value,
			     now->fields[i].value->type == WR_MAP ? empty : NULL, false);
		if (sub)
			wr_tree_set(t, nothing, field_name(t, now->fields[i].key), sub);
	}
	return nothing;
}

struct wr_value *wr_fields_removed(struct wr_tree *t, enum wr_as_kind kind,
				   const struct wr_value *before, const struct wr_value *now)
{
	const struct place top = {kind, "", ""};
	struct wr_value *set = differ(t, &top, before, now, true);
	return set ? set : wr_tree_map(t);
}

/* ---- algebra ---- */

bool wr_fields_empty(const struct wr_value *set)
{
	return !set || set->type != WR_MAP || !set->n;
}

void wr_fields_add(struct wr_tree *t, struct wr_value *a, const struct wr_value *b)
{
	if (!a || !b || b->type != WR_MAP)
		return;
	for (size_t i = 0; i < b->n; i++) {
		struct wr_value *mine = wr_value_get(a, b->fields[i].key);
		const struct wr_value *other = b->fields[i].value;
		if (!mine) {
			wr_tree_set(t, a, b->fields[i].key, wr_tree_copy(t, other));
			continue;
		}
		if (!wr_fields_empty(mine) != !wr_fields_empty(other))
			wr_tree_set(t, mine, ".", wr_tree_map(t));
		wr_fields_add(t, mine, other);
	}
}

void wr_fields_subtract(struct wr_value *a, const struct wr_value *b)
{
	if (!a || !b || b->type != WR_MAP)
		return;
	for (size_t i = 0; i < b->n; i++) {
		const char *name = b->fields[i].key;
		struct wr_value *mine = wr_value_get(a, name);
		const struct wr_value *other = b->fields[i].value;
		if (!mine)
			continue;
		if (wr_fields_empty(mine)) {
			if (wr_fields_empty(other) || wr_value_get(other, "."))
				wr_tree_remove(a, name);
			continue;
		}
		if (wr_fields_empty(other))
			wr_tree_remove(mine, ".");
		wr_fields_subtract(mine, other);
		if (wr_fields_empty(mine))
			wr_tree_remove(a, name);
	}
}

struct wr_value *wr_fields_common(struct wr_tree *t, const struct wr_value *a,
				  const struct wr_value *b)
{
	struct wr_value *set = wr_tree_map(t);
	for (size_t i = 0; a && a->type == WR_MAP && i < a->n; i++) {
		const struct wr_value *mine = a->fields[i].value;
		const struct wr_value *other = wr_value_get(b, a->fields[i].key);
		bool leaf = other && (wr_fields_empty(mine) || wr_fields_empty(other));
		if (leaf) {
			wr_tree_set(t, set, a->fields[i].key, wr_tree_map(t));
		} else if (other) {
			struct wr_value *sub = wr_fields_common(t, mine, other);
			if (!wr_fields_empty(sub))
				wr_tree_set(t, set, a->fields[i].key, sub);
		}
	}
	return set;
}

/* ---- objects by sets ---- */

static bool is_named(const struct wr_value *item, const char *name)
{
	struct wr_tree t = {.arena = wr_arena_new()};
	struct wr_value *want = NULL;
	bool same = t.arena != NULL;
	if (same && name[0] == 'v') {
		same = !strcmp(value_name(&t, item), name);
	} else if (same) {
		/* the members of the key, whatever they are */
		same = wr_json_parse(t.arena, name + 2, strlen(name + 2), (struct wr_mark){0},
				     &want, NULL) == 0 &&
		       want->type == WR_MAP;
		for (size_t i = 0; same && i < want->n; i++) {
			const struct wr_value *has = wr_value_get(item, want->fields[i].key);
			same = has ? wr_tree_equal(has, want->fields[i].value)
				   : !strcmp(want->fields[i].key, "protocol");
		}
	}
	wr_arena_free(t.arena);
	return same;
}

/* Whether a set takes a value whole: a leaf, or all of it with ".". */
static bool takes_whole(const struct wr_value *set)
{
	return wr_fields_empty(set) || wr_value_get(set, ".");
}

static bool is_bare(const struct wr_value *v)
{
	return (v->type == WR_MAP || v->type == WR_LIST) && !v->n;
}

static void prune(struct wr_value *v, const struct wr_value *set)
{
	for (size_t i = 0; set->type == WR_MAP && i < set->n; i++) {
		const char *name = set->fields[i].key;
		const struct wr_value *sub = set->fields[i].value;
		if (!strncmp(name, "f:", 2)) {
			struct wr_value *child = wr_value_get(v, name + 2);
			if (!child)
				continue;
			if (!wr_fields_empty(sub))
				prune(child, sub);
			if (wr_fields_empty(sub) || (takes_whole(sub) && is_bare(child)))
				wr_tree_remove(v, name + 2);
		}
		for (size_t k = v->type == WR_LIST && *name != 'f' && *name != '.' ? v->n : 0;
		     k-- > 0;) {
			if (!is_named(v->items[k], name))
				continue;
			if (takes_whole(sub))
				wr_tree_cut(v, k);
			else
				prune(v->items[k], sub);
		}
	}
}

void wr_fields_prune(enum wr_as_kind kind, struct wr_value *object, const struct wr_value *set)
{
	(void)kind;
	prune(object, set);
}

static struct wr_value *merge(struct wr_tree *t, const struct place *p, struct wr_value *live,
			      const struct wr_value *applied)
{
	const char *key = NULL, *second = NULL;
	enum shape shape = shape_of(p, applied, &key, &second);
	if (!live || live->type != applied->type || shape == LEAF) {
		/* an empty map that is no atomic one leaves what is there */
		if (live && live->type == WR_MAP && applied->type == WR_MAP && !applied->n &&
		    !wr_map_is_atomic(p->kind, p->parent, p->field))
			return live;
		return wr_tree_copy(t, applied);
	}
	for (size_t i = 0; (shape == STRUCT || shape == MAP) && i < applied->n; i++) {
		const struct wr_field *f = &applied->fields[i];
		struct place q = below(p, f->key);
		wr_tree_set(t, live, f->key, merge(t, &q, wr_value_get(live, f->key), f->value));
	}
	for (size_t i = 0; (shape == SET || shape == KEYED) && i < applied->n; i++) {
		const struct wr_value *item = applied->items[i];
		if (shape == SET) {
			if (!holds(live, item))
				wr_tree_push(t, live, wr_tree_copy(t, item));
			continue;
		}
		const char *name = item_name(t, item, key, second);
		bool found = false;
		for (size_t k = 0; k < live->n && !found; k++)
			if (!strcmp(item_name(t, live->items[k], key, second), name)) {
				struct place q = item_of(p);
				live->items[k] = merge(t, &q, live->items[k], item);
				found = true;
			}
		if (!found)
			wr_tree_push(t, live, wr_tree_copy(t, item));
	}
	return live;
}

struct wr_value *wr_fields_merge(struct wr_tree *t, enum wr_as_kind kind, struct wr_value *live,
				 const struct wr_value *applied)
{
	const struct place top = {kind, "", ""};
	return merge(t, &top, live, applied);
}

static void put_paths(struct wr_tree *t, const struct wr_value *set, const char *path,
		      struct wr_value *list)
{
	for (size_t i = 0; set->type == WR_MAP && i < set->n; i++) {
		const char *name = set->fields[i].key, *at = path;
		if (!strncmp(name, "f:", 2))
			at = wr_arena_printf(t->arena, "%s.%s", path, name + 2);
		else if (*name == 'k' || *name == 'v')
			at = wr_arena_printf(t->arena, "%s[%s]", path, name + 2);
		t->nomem |= !at;
		if (!at)
			return;
		if (wr_fields_empty(set->fields[i].value))
			wr_tree_push(t, list, wr_tree_string(t, at));
		else
			put_paths(t, set->fields[i].value, at, list);
	}
}

void wr_fields_paths(struct wr_tree *t, const struct wr_value *set, struct wr_value *list)
{
	put_paths(t, set, "", list);
}
