/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/managed.h"

#include <string.h>

#include "apiserver/field_sets.h"
#include "apiserver/object.h"

#define ENTRIES_MAX 64

const char *wr_managed_name(struct wr_call *c)
{
	const char *name = wr_query(c, "fieldManager"), *agent = c->q->agent;
	if (name && *name)
		return name;
	if (!agent || !*agent)
		return "unknown";
	name = wr_arena_strndup(c->t.arena, agent, strcspn(agent, "/"));
	c->t.nomem |= !name;
	return name ? name : "unknown";
}

static bool is(const struct wr_value *entry, const char *key, const char *text)
{
	const char *s = wr_tree_text(entry, key);
	return !strcmp(s ? s : "", text);
}

struct wr_value *wr_managed_entry(struct wr_call *c, struct wr_value *list, const char *manager,
				  const char *operation, bool make)
{
	char api[WR_RESOURCE_TEXT];
	struct wr_tree *t = &c->t;
	wr_resource_api(c->r, api);
	for (size_t i = 0; list && i < list->n; i++) {
		struct wr_value *e = list->items[i];
		if (is(e, "manager", manager) && is(e, "operation", operation) &&
		    is(e, "apiVersion", api) && is(e, "subresource", c->sub))
			return e;
	}
	if (!make || !list || list->n >= ENTRIES_MAX)
		return NULL;
	struct wr_value *e = wr_tree_map(t);
	wr_tree_set_string(t, e, "manager", manager);
	wr_tree_set_string(t, e, "operation", operation);
	wr_tree_set_string(t, e, "apiVersion", api);
	wr_tree_set_string(t, e, "time", wr_object_now(c));
	wr_tree_set_string(t, e, "fieldsType", "FieldsV1");
	wr_tree_set(t, e, "fieldsV1", wr_tree_map(t));
	if (*c->sub)
		wr_tree_set_string(t, e, "subresource", c->sub);
	/* those who apply stand before those who update */
	wr_tree_insert(t, list, *operation == 'A' ? 0 : list->n, e);
	return e;
}

void wr_managed_tidy(struct wr_value *meta)
{
	struct wr_value *list = wr_value_get(meta, "managedFields");
	for (size_t i = list && list->type == WR_LIST ? list->n : 0; i-- > 0;)
		if (wr_fields_empty(wr_value_get(list->items[i], "fieldsV1")))
			wr_tree_cut(list, i);
	if (list && (list->type != WR_LIST || !list->n))
		wr_tree_remove(meta, "managedFields");
}

/* The entries to begin with, as a list of the object's own. */
static struct wr_value *begin(struct wr_call *c, struct wr_value *o, const struct wr_value *old)
{
	struct wr_value *meta = wr_tree_want_map(&c->t, o, "metadata");
	struct wr_value *list = wr_value_get(meta, "managedFields");
	if (!list || list->type != WR_LIST) {
		const struct wr_value *was = wr_tree_at(old, "metadata.managedFields");
		list = was && was->type == WR_LIST ? wr_tree_copy(&c->t, was) : wr_tree_list(&c->t);
		wr_tree_set(&c->t, meta, "managedFields", list);
	}
	return list;
}

/* The same managers with the same fields, whenever that was. */
static bool same_entries(const struct wr_value *a, const struct wr_value *b)
{
	size_t n = a && a->type == WR_LIST ? a->n : 0, m = b && b->type == WR_LIST ? b->n : 0;
	for (size_t i = 0; i < n && n == m; i++)
		if (!wr_tree_equal(wr_value_get(a->items[i], "fieldsV1"),
				   wr_value_get(b->items[i], "fieldsV1")) ||
		    !wr_tree_equal(wr_value_get(a->items[i], "manager"),
				   wr_value_get(b->items[i], "manager")))
			return false;
	return n == m;
}

bool wr_managed_update(struct wr_call *c, struct wr_value *o, const struct wr_value *old)
{
	struct wr_value *list = begin(c, o, old), *meta = wr_value_get(o, "metadata");
	if (!*c->q->uri) { /* loaded, by nobody */
		wr_managed_tidy(meta);
		return false;
	}
	struct wr_value *changed = wr_fields_changed(&c->t, c->kind, old, o);
	if (strcmp(c->sub, "status") != 0 && c->r->status)
		wr_tree_remove(changed, "f:status"); /* the server's, not the client's */
	if (c->kind == WR_AS_NAMESPACES)
		wr_tree_remove(changed, "f:spec");
	struct wr_value *removed = old ? wr_fields_removed(&c->t, c->kind, old, o) : NULL;
	if (!wr_fields_empty(changed) || !wr_fields_empty(removed)) {
		for (size_t i = 0; list && i < list->n; i++) {
			struct wr_value *set = wr_value_get(list->items[i], "fieldsV1");
			wr_fields_subtract(set, changed);
			wr_fields_subtract(set, removed);
		}
	}
	if (!wr_fields_empty(changed)) {
		struct wr_value *e = wr_managed_entry(c, list, wr_managed_name(c), "Update", true);
		wr_fields_add(&c->t, wr_value_get(e, "fieldsV1"), changed);
		wr_tree_set_string(&c->t, e, "time", wr_object_now(c));
	}
	wr_managed_tidy(meta);
	return !same_entries(wr_value_get(meta, "managedFields"),
			     wr_tree_at(old, "metadata.managedFields"));
}
