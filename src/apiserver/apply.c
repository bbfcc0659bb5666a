/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-side apply. The manager's set of fields becomes what it applied; what
 * it applied before, does not any more, and nobody else manages, goes. A field
 * that somebody else manages with another value is a conflict, unless it is
 * forced; then the other loses it.
 */
#include "apiserver/apply.h"

#include <string.h>

#include "apiserver/field_sets.h"
#include "apiserver/managed.h"
#include "apiserver/write.h"

struct job {
	const char *manager;
	struct wr_value *applied, *set; /* the configuration, and its fields */
	struct wr_value *live;          /* edited; what is stored, or NULL */
	struct wr_value *list;          /* live's managedFields */
	bool force;
};

/* ---- conflicts ---- */

static bool is_mine(const struct wr_call *c, const struct wr_value *entry, const struct job *j)
{
	const char *m = wr_tree_text(entry, "manager"), *op = wr_tree_text(entry, "operation");
	const char *sub = wr_tree_text(entry, "subresource");
	return m && op && !strcmp(m, j->manager) && !strcmp(op, "Apply") &&
	       !strcmp(sub ? sub : "", c->sub);
}

/* Adds a cause for each field of a set; returns the text of it. */
static void add_conflicts(struct wr_call *c, const struct wr_value *entry,
			  const struct wr_value *set, struct wr_value *causes,
			  struct wr_buf *message)
{
	struct wr_tree *t = &c->t;
	struct wr_value *paths = wr_tree_list(t);
	const char *manager = wr_tree_text(entry, "manager");
	const char *api = wr_tree_text(entry, "apiVersion");
	wr_fields_paths(t, set, paths);
	if (!paths || !paths->n)
		return;
	const char *who = wr_arena_printf(t->arena, "\"%s\" using %s", manager ? manager : "",
					  api ? api : "");
	t->nomem |= !who;
	wr_buf_printf(message, "%sconflict%s with %s:", message->n ? "\n" : "",
		      paths->n > 1 ? "s" : "", who ? who : "");
	for (size_t i = 0; i < paths->n; i++) {
		struct wr_value *v = wr_tree_map(t);
		wr_buf_printf(message, paths->n > 1 ? "\n- %s" : " %s", paths->items[i]->text);
		wr_tree_set_string(t, v, "reason", "FieldManagerConflict");
		wr_tree_set(t, v, "message", wr_tree_printf(t, "conflict with %s", who ? who : ""));
		wr_tree_set_string(t, v, "field", paths->items[i]->text);
		wr_tree_push(t, causes, v);
	}
}

static int check_conflicts(struct wr_call *c, struct job *j)
{
	struct wr_value *causes = wr_tree_list(&c->t);
	/* values are compared as the server stores them, defaults filled in */
	struct wr_value *full = wr_tree_copy(&c->t, j->applied);
	wr_object_default(c, full);
	struct wr_value *other = wr_fields_changed(&c->t, c->kind, j->live, full);
	other = wr_fields_common(&c->t, other, j->set);
	struct wr_buf message = {0};
	for (size_t i = 0; i < j->list->n; i++) {
		struct wr_value *entry = j->list->items[i], *set = wr_value_get(entry, "fieldsV1");
		if (is_mine(c, entry, j))
			continue;
		struct wr_value *both = wr_fields_common(&c->t, set, other);
		if (j->force)
			wr_fields_subtract(set, both);
		else
			add_conflicts(c, entry, both, causes, &message);
	}
	int rc = 0;
	c->t.nomem |= message.failed;
	if (causes && causes->n)
		rc = wr_refuse_with(c, WR_CONFLICT, "", causes,
				    "Apply failed with %zu conflict%s: %s", causes->n,
				    causes->n > 1 ? "s" : "", message.data ? message.data : "");
	wr_buf_free(&message);
	return rc;
}

/* ---- what was applied before ---- */

static void prune_left(struct wr_call *c, struct job *j, const struct wr_value *before)
{
	struct wr_value *left = wr_tree_copy(&c->t, before);
	wr_fields_subtract(left, j->set);
	for (size_t i = 0; i < j->list->n; i++)
		if (!is_mine(c, j->list->items[i], j))
			wr_fields_subtract(left, wr_value_get(j->list->items[i], "fieldsV1"));
	wr_fields_prune(c->kind, j->live, left);
}

/* ---- the two ways ---- */

static void note(struct wr_call *c, struct job *j, struct wr_value *o)
{
	struct wr_value *meta = wr_tree_want_map(&c->t, o, "metadata");
	wr_tree_set(&c->t, meta, "managedFields", j->list);
	struct wr_value *e = wr_managed_entry(c, j->list, j->manager, "Apply", true);
	if (!wr_tree_equal(wr_value_get(e, "fieldsV1"), j->set)) {
		wr_tree_set(&c->t, e, "fieldsV1", j->set);
		wr_tree_set_string(&c->t, e, "time", wr_object_now(c));
	}
}

static void create(struct wr_call *c, struct job *j, enum wr_validation validation)
{
	j->list = wr_tree_list(&c->t);
	note(c, j, j->applied);
	wr_write_new_managed(c, j->applied, validation);
}

static void change(struct wr_call *c, struct job *j, const struct wr_blob *blob,
		   enum wr_validation validation)
{
	struct wr_value *old = wr_call_parse(c, blob);
	j->live = wr_call_parse(c, blob);
	struct wr_value *meta = wr_value_get(j->live, "metadata");
	const char *rv = wr_tree_text(j->applied, "metadata.resourceVersion");
	if (!old || !meta)
		return;
	j->list = wr_value_get(meta, "managedFields");
	if (!j->list || j->list->type != WR_LIST)
		j->list = wr_tree_list(&c->t);
	if (!j->list || check_conflicts(c, j) < 0)
		return;
	const struct wr_value *mine = wr_managed_entry(c, j->list, j->manager, "Apply", false);
	struct wr_value *before = wr_value_get(mine, "fieldsV1");
	struct wr_value *merged = wr_fields_merge(&c->t, c->kind, j->live, j->applied);
	j->live = merged;
	if (before)
		prune_left(c, j, before);
	if (!rv)
		wr_tree_remove(wr_value_get(merged, "metadata"), "resourceVersion");
	note(c, j, merged);
	wr_managed_tidy(wr_value_get(merged, "metadata"));
	wr_write_managed(c, merged, old, blob, validation);
}

static int begin(struct wr_call *c, struct job *j)
{
	const char *manager = wr_query(c, "fieldManager");
	if (!manager || !*manager)
		return wr_refuse(c, WR_INVALID,
				 "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required "
				 "value: is required for apply patch");
	j->manager = manager;
	j->force = wr_query_true(c, "force");
	j->applied = wr_object_read(c);
	if (!j->applied)
		return -1;
	if (wr_tree_at(j->applied, "metadata.managedFields"))
		return wr_refuse(c, WR_BAD_REQUEST, "metadata.managedFields must be nil");
	if (wr_object_address(c, j->applied) < 0)
		return -1;
	wr_tree_tidy(j->applied, true);
	j->set = wr_fields_of(&c->t, c->kind, j->applied);
	return 0;
}

void wr_apply(struct wr_call *c, const struct wr_blob *blob, enum wr_validation validation)
{
	struct job j = {0};
	if (begin(c, &j) < 0)
		return;
	if (blob)
		change(c, &j, blob, validation);
	else if (*c->sub)
		wr_refuse_not_found(c, c->name);
	else
		create(c, &j, validation);
}
