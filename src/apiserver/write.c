/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/write.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "apiserver/catalog.h"
#include "apiserver/managed.h"
#include "apiserver/verbs.h"

#define OBJECT_MAX (3U * 1024 * 1024)

bool wr_write_dry(const struct wr_call *c)
{
	const char *v = wr_query(c, "dryRun");
	return v && *v;
}

int wr_refuse_store(struct wr_call *c, int rc)
{
	c->t.nomem |= rc == -ENOMEM;
	return wr_refuse(c, WR_INTERNAL, "the object could not be stored: %s", strerror(-rc));
}

/* Puts the text into the store, unless this is a dry run, and answers with it. */
static int commit(struct wr_call *c, struct wr_value *o, const char *key, unsigned code)
{
	struct wr_buf text = {0};
	int rc = 0;
	wr_object_text(c, o, wr_write_dry(c) ? 0 : c->s->store.rv + 1, &text);
	if (text.failed || c->t.nomem)
		rc = -ENOMEM;
	else if (text.n > OBJECT_MAX)
		rc = -EFBIG;
	if (!rc && !wr_write_dry(c))
		rc = wr_store_put(&c->s->store, c->kind, key, text.data, text.n);
	if (rc == -EFBIG)
		wr_refuse(c, WR_TOO_LARGE, "Request entity too large: limit is %u", OBJECT_MAX);
	else if (rc)
		wr_refuse_store(c, rc);
	else if (!strcmp(c->sub, "scale"))
		wr_answer_scale(c, o);
	else
		wr_answer_text(c, code, text.data, text.n);
	wr_buf_free(&text);
	return rc ? -1 : 0;
}

/* Where an object comes from. */
enum origin { SENT, APPLIED, LOADED };

/* ---- new ---- */

static void name_it(struct wr_call *c, struct wr_value *meta)
{
	const char *name = wr_tree_text(meta, "name"), *prefix = wr_tree_text(meta, "generateName");
	if ((!name || !*name) && prefix && *prefix)
		wr_tree_set(&c->t, meta, "name",
			    wr_tree_printf(&c->t, "%.57s%s", prefix, wr_object_suffix(c)));
}

/* What clients cannot choose, and what comes with a new object. */
static void new_metadata(struct wr_call *c, struct wr_value *meta, bool loaded)
{
	static const char *const own[] = {"resourceVersion",   "creationTimestamp",
					  "deletionTimestamp", "deletionGracePeriodSeconds",
					  "generation",        "selfLink"};
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		wr_tree_remove(meta, own[i]);
	if (!loaded || !wr_tree_text(meta, "uid"))
		wr_tree_set_string(&c->t, meta, "uid", wr_object_uid(c));
	if (c->r->generation)
		wr_tree_set(&c->t, meta, "generation", wr_tree_int(&c->t, 1));
	wr_tree_set_string(&c->t, meta, "creationTimestamp", wr_object_now(c));
}

/* Objects need their namespace, and it must not be going. */
static int check_namespace(struct wr_call *c, const char *name)
{
	char buf[WR_RESOURCE_TEXT];
	if (!c->r->namespaced)
		return 0;
	const struct wr_blob *ns = wr_store_get(&c->s->store, WR_AS_NAMESPACES, c->ns);
	const struct wr_resource *own = c->r;
	if (!ns) {
		c->r = &wr_resources[WR_AS_NAMESPACES];
		int rc = wr_refuse_not_found(c, c->ns);
		c->r = own;
		return rc;
	}
	if (strstr(ns->text, "\"deletionTimestamp\""))
		return wr_refuse_with(c, WR_FORBIDDEN, name, NULL,
				      "%s \"%s\" is forbidden: unable to create new content in "
				      "namespace %s because it is being terminated",
				      wr_resource_name(c->r, buf), name, c->ns);
	return 0;
}

static int write_new(struct wr_call *c, struct wr_value *o, enum wr_validation validation,
		     enum origin origin)
{
	bool loaded = origin == LOADED;
	char buf[WR_RESOURCE_TEXT];
	struct wr_value *meta = wr_tree_want_map(&c->t, o, "metadata");
	const char *rv = wr_tree_text(meta, "resourceVersion");
	bool versioned = rv && *rv && strcmp(rv, "0") != 0;
	name_it(c, meta);
	const char *name = wr_tree_text(meta, "name");
	if (check_namespace(c, name ? name : "") < 0)
		return -1;
	if (c->r->status && !loaded)
		wr_tree_remove(o, "status");
	new_metadata(c, meta, loaded);
	if (c->kind == WR_AS_JOBS)
		wr_object_name_job(c, o);
	if (wr_object_admit(c, o, validation) < 0)
		return -1;
	if (versioned && !loaded)
		return wr_refuse(c, WR_BAD_REQUEST,
				 "resourceVersion should not be set on objects to be created");
	name = wr_tree_text(meta, "name");
	if (!name || c->t.nomem)
		return -1;
	const char *key = wr_call_key(c, c->ns, name);
	if (wr_store_get(&c->s->store, c->kind, key))
		return wr_refuse_with(c, WR_ALREADY_EXISTS, name, NULL, "%s \"%s\" already exists",
				      wr_resource_name(c->r, buf), name);
	if (origin != APPLIED)
		wr_managed_update(c, o, NULL);
	return commit(c, o, key, 201);
}

int wr_write_new(struct wr_call *c, struct wr_value *o, enum wr_validation validation)
{
	return write_new(c, o, validation, SENT);
}

int wr_write_new_loaded(struct wr_call *c, struct wr_value *o)
{
	return write_new(c, o, WR_VALIDATION_IGNORE, LOADED);
}

int wr_write_new_managed(struct wr_call *c, struct wr_value *o, enum wr_validation validation)
{
	return write_new(c, o, validation, APPLIED);
}

/* ---- changed ---- */

static int conflict(struct wr_call *c, const char *name, const char *why)
{
	char buf[WR_RESOURCE_TEXT];
	return wr_refuse_with(c, WR_CONFLICT, name, NULL,
			      "Operation cannot be fulfilled on %s \"%s\": %s",
			      wr_resource_name(c->r, buf), name, why);
}

static int check_versions(struct wr_call *c, const struct wr_value *o, const struct wr_value *old,
			  const struct wr_blob *blob)
{
	const char *rv = wr_tree_text(o, "metadata.resourceVersion");
	const char *uid = wr_tree_text(o, "metadata.uid"), *was = wr_tree_text(old, "metadata.uid");
	const char *now = wr_arena_printf(c->t.arena, "%" PRIu64, blob->rv);
	c->t.nomem |= !now;
	if (uid && *uid && was && strcmp(uid, was) != 0)
		return conflict(c, c->name,
				wr_arena_printf(c->t.arena,
						"Precondition failed: UID in precondition: %s, UID "
						"in object meta: %s",
						uid, was));
	if (rv && *rv && now && strcmp(rv, now) != 0)
		return conflict(c, c->name,
				"the object has been modified; please apply your changes to the "
				"latest version and try again");
	return 0;
}

static void keep(struct wr_call *c, struct wr_value *to, const struct wr_value *from,
		 const char *key)
{
	struct wr_value *v = wr_value_get(from, key);
	if (v)
		wr_tree_set(&c->t, to, key, v);
	else
		wr_tree_remove(to, key);
}

static void keep_metadata(struct wr_call *c, struct wr_value *o, const struct wr_value *old)
{
	static const char *const own[] = {"uid",
					  "creationTimestamp",
					  "deletionTimestamp",
					  "deletionGracePeriodSeconds",
					  "generation",
					  "selfLink",
					  "name",
					  "namespace",
					  "generateName"};
	struct wr_value *to = wr_tree_want_map(&c->t, o, "metadata");
	const struct wr_value *from = wr_value_get(old, "metadata");
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		keep(c, to, from, own[i]);
}

/* With a status subresource each of the two ways changes its part only. */
static void keep_other_part(struct wr_call *c, struct wr_value *o, const struct wr_value *old)
{
	if (!c->r->status)
		return;
	if (strcmp(c->sub, "status") != 0) {
		keep(c, o, old, "status");
		return;
	}
	for (size_t i = 0; i < old->n; i++)
		if (strcmp(old->fields[i].key, "status") != 0 &&
		    strcmp(old->fields[i].key, "metadata") != 0)
			wr_tree_set(&c->t, o, old->fields[i].key, old->fields[i].value);
}

/* The same but for its version and who manages what. */
static bool unchanged(const struct wr_value *a, const struct wr_value *b)
{
	const struct wr_value *m = wr_value_get(a, "metadata"), *n = wr_value_get(b, "metadata");
	if (!wr_object_same_spec(a, b) ||
	    !wr_tree_equal(wr_value_get(a, "status"), wr_value_get(b, "status")))
		return false;
	for (size_t i = 0; m && i < m->n; i++) {
		const char *key = m->fields[i].key;
		if (strcmp(key, "resourceVersion") != 0 && strcmp(key, "managedFields") != 0 &&
		    !wr_tree_equal(m->fields[i].value, wr_value_get(n, key)))
			return false;
	}
	for (size_t i = 0; n && i < n->n; i++)
		if (strcmp(n->fields[i].key, "resourceVersion") != 0 &&
		    strcmp(n->fields[i].key, "managedFields") != 0 &&
		    !wr_value_get(m, n->fields[i].key))
			return false;
	return true;
}

/* An object that only waited for its finalizers, and has none any more. */
static bool may_go(const struct wr_value *o)
{
	const struct wr_value *f = wr_tree_at(o, "metadata.finalizers");
	return wr_tree_at(o, "metadata.deletionTimestamp") && !(f && f->type == WR_LIST && f->n) &&
	       wr_tree_number(o, "metadata.deletionGracePeriodSeconds", 0) == 0;
}

/* The same fields are everybody's, whenever that was. */
static bool same_managers(const struct wr_value *o, const struct wr_value *old)
{
	const struct wr_value *a = wr_tree_at(o, "metadata.managedFields");
	const struct wr_value *b = wr_tree_at(old, "metadata.managedFields");
	if (!a || !b || a->type != WR_LIST || b->type != WR_LIST || a->n != b->n)
		return a == b;
	for (size_t i = 0; i < a->n; i++)
		if (!wr_tree_equal(wr_value_get(a->items[i], "fieldsV1"),
				   wr_value_get(b->items[i], "fieldsV1")))
			return false;
	return true;
}

static int write_changed(struct wr_call *c, struct wr_value *o, struct wr_value *old,
			 const struct wr_blob *blob, enum wr_validation validation,
			 enum origin origin)
{
	if (check_versions(c, o, old, blob) < 0)
		return -1;
	keep_metadata(c, o, old);
	keep_other_part(c, o, old);
	if (wr_object_admit(c, o, validation) < 0)
		return -1;
	if (c->r->generation && !wr_object_same_spec(o, old))
		wr_tree_set(&c->t, wr_value_get(o, "metadata"), "generation",
			    wr_tree_int(&c->t, wr_tree_number(old, "metadata.generation", 0) + 1));
	const char *key = wr_call_key(c, c->ns, c->name);
	bool managed = origin == APPLIED ? !same_managers(o, old) : wr_managed_update(c, o, old);
	if (c->t.nomem)
		return -1;
	if (unchanged(o, old) && !managed) {
		if (!strcmp(c->sub, "scale"))
			wr_answer_scale(c, old);
		else
			wr_answer_text(c, 200, blob->text, blob->size);
		return 0;
	}
	if (commit(c, o, key, 200) < 0)
		return -1;
	if (may_go(o) && !wr_write_dry(c)) {
		bool gone;
		return wr_write_delete(c, c->r, key, true, &gone);
	}
	return 0;
}

int wr_write_changed(struct wr_call *c, struct wr_value *o, struct wr_value *old,
		     const struct wr_blob *blob, enum wr_validation validation)
{
	return write_changed(c, o, old, blob, validation, SENT);
}

int wr_write_managed(struct wr_call *c, struct wr_value *o, struct wr_value *old,
		     const struct wr_blob *blob, enum wr_validation validation)
{
	return write_changed(c, o, old, blob, validation, APPLIED);
}

/* ---- gone ---- */

/* Stores an object as going; with rv the next version. */
static int mark(struct wr_call *c, enum wr_as_kind kind, const char *key, struct wr_value *o,
		int64_t grace)
{
	struct wr_buf text = {0};
	struct wr_value *meta = wr_value_get(o, "metadata");
	wr_tree_set_string(&c->t, meta, "deletionTimestamp", wr_object_later(c, grace));
	wr_tree_set(&c->t, meta, "deletionGracePeriodSeconds", wr_tree_int(&c->t, grace));
	if (c->r->generation)
		wr_tree_set(&c->t, meta, "generation",
			    wr_tree_int(&c->t, wr_tree_number(meta, "generation", 0) + 1));
	if (kind == WR_AS_NAMESPACES)
		wr_tree_set_string(&c->t, wr_tree_want_map(&c->t, o, "status"), "phase",
				   "Terminating");
	wr_object_text(c, o, c->s->store.rv + 1, &text);
	int rc = text.failed || c->t.nomem
			 ? -ENOMEM
			 : wr_store_put(&c->s->store, kind, key, text.data, text.n);
	wr_buf_free(&text);
	return rc;
}

static int erase(struct wr_call *c, enum wr_as_kind kind, const char *key, struct wr_value *o)
{
	struct wr_buf text = {0};
	wr_object_text(c, o, c->s->store.rv + 1, &text);
	int rc = text.failed || c->t.nomem
			 ? -ENOMEM
			 : wr_store_delete(&c->s->store, kind, key, text.data, text.n);
	wr_buf_free(&text);
	return rc;
}

/* All objects of a resource whose keys begin so. */
static int erase_all(struct wr_call *c, const struct wr_resource *r, const char *prefix)
{
	const struct wr_resource *own = c->r;
	enum wr_as_kind kind = wr_resource_place(r);
	int rc = 0;
	c->r = r;
	while (!rc) {
		size_t i = wr_store_lower(&c->s->store, kind, prefix);
		if (i == c->s->store.items[kind].n)
			break;
		const struct wr_item *item = &c->s->store.items[kind].items[i];
		if (strncmp(item->key, prefix, strlen(prefix)) != 0)
			break;
		const char *key = wr_arena_strdup(c->t.arena, item->key);
		struct wr_value *o = wr_call_parse(c, item->blob);
		rc = key && o ? erase(c, kind, key, o) : -ENOMEM;
	}
	c->r = own;
	return rc;
}

/* What a namespace or a definition holds goes before it. */
static int erase_held(struct wr_call *c, enum wr_as_kind kind, const char *name)
{
	const struct wr_resource *r = wr_catalog_named(&c->s->store, name);
	if (kind == WR_AS_CUSTOMRESOURCEDEFINITIONS)
		return r && r->definition ? erase_all(c, r, "") : 0;
	const char *prefix = wr_arena_printf(c->t.arena, "%s/", name);
	int rc = prefix ? 0 : -ENOMEM;
	for (size_t at = 0; !rc && (r = wr_catalog_next(&c->s->store, &at));)
		if (r->namespaced)
			rc = erase_all(c, r, prefix);
	return rc;
}

static int64_t grace_of(struct wr_call *c, const struct wr_value *o, bool now)
{
	uint64_t asked = wr_query_number(c, "gracePeriodSeconds", UINT64_MAX);
	const char *node = wr_tree_text(o, "spec.nodeName");
	if (now || !c->s->graceful || c->r != &wr_resources[WR_AS_PODS] || !node || !*node)
		return 0;
	return asked <= INT32_MAX ? (int64_t)asked
				  : wr_tree_number(o, "spec.terminationGracePeriodSeconds", 30);
}

int wr_write_delete(struct wr_call *c, const struct wr_resource *r, const char *key, bool now,
		    bool *gone)
{
	enum wr_as_kind kind = wr_resource_place(r);
	const struct wr_blob *blob = wr_store_get(&c->s->store, kind, key);
	const char *own_key = wr_arena_strdup(c->t.arena, key);
	struct wr_value *o = blob ? wr_call_parse(c, blob) : NULL;
	c->t.nomem |= !own_key;
	if (!o || !own_key)
		return -1;
	const struct wr_value *f = wr_tree_at(o, "metadata.finalizers");
	bool held = f && f->type == WR_LIST && f->n;
	bool marked = wr_tree_at(o, "metadata.deletionTimestamp");
	int64_t grace = grace_of(c, o, now);
	int rc = 0;
	*gone = !held && !grace;
	bool holds = kind == WR_AS_NAMESPACES || kind == WR_AS_CUSTOMRESOURCEDEFINITIONS;
	if (!*gone || holds || kind == WR_AS_PODS)
		if (!marked)
			rc = mark(c, kind, own_key, o, grace);
	if (!rc && *gone && holds)
		rc = erase_held(c, kind, own_key);
	if (!rc && *gone)
		rc = erase(c, kind, own_key, o);
	return rc ? wr_refuse_store(c, rc) : 0;
}
