/* SPDX-License-Identifier: Apache-2.0 */
/* POST, PUT and DELETE. */
#include <string.h>

#include "apiserver/filter.h"
#include "apiserver/verbs.h"
#include "apiserver/write.h"

/* ---- create ---- */

void wr_verb_create(struct wr_call *c)
{
	enum wr_validation validation;
	if (c->r->namespaced && !*c->ns) {
		wr_refuse(c, WR_METHOD_NOT_ALLOWED,
			  "the server does not allow this method on the requested resource");
		return;
	}
	if (wr_object_validation(c, &validation) < 0)
		return;
	struct wr_value *o = wr_object_read(c);
	if (o && wr_object_address(c, o) == 0)
		wr_write_new(c, o, validation);
}

/* pods/NAME/binding: a scheduler's decision. */
void wr_verb_create_subresource(struct wr_call *c)
{
	const char *key = wr_call_key(c, c->ns, c->name);
	const struct wr_blob *blob = wr_store_get(&c->s->store, c->kind, key);
	if (strcmp(c->sub, "binding") != 0) {
		wr_refuse(c, WR_METHOD_NOT_ALLOWED,
			  "the server does not allow this method on the requested resource");
		return;
	}
	if (!blob) {
		wr_refuse_not_found(c, c->name);
		return;
	}
	struct wr_value *binding = wr_object_read(c);
	struct wr_value *old = wr_call_parse(c, blob), *o = wr_call_parse(c, blob);
	const char *node = wr_tree_text(binding, "target.name");
	if (!binding || !o || !old)
		return;
	if (!node || !*node) {
		wr_refuse(c, WR_BAD_REQUEST, "a Binding names its node in target.name");
		return;
	}
	wr_tree_set_string(&c->t, wr_tree_want_map(&c->t, o, "spec"), "nodeName", node);
	wr_write_changed(c, o, old, blob, WR_VALIDATION_IGNORE);
}

/* ---- update ---- */

/* A Scale says how many replicas there shall be. */
static struct wr_value *apply_scale(struct wr_call *c, const struct wr_value *scale,
				    const struct wr_blob *blob)
{
	struct wr_value *o = wr_call_parse(c, blob);
	wr_tree_set(&c->t, wr_tree_want_map(&c->t, o, "spec"), "replicas",
		    wr_tree_int(&c->t, wr_tree_number(scale, "spec.replicas", 0)));
	return o;
}

/* Custom resources are only replaced as the version that one has seen. */
static void refuse_unversioned(struct wr_call *c)
{
	struct wr_value *causes = wr_tree_list(&c->t), *v = wr_tree_map(&c->t);
	wr_tree_set_string(&c->t, v, "reason", "FieldValueInvalid");
	wr_tree_set_string(&c->t, v, "message",
			   "Invalid value: 0x0: must be specified for an update");
	wr_tree_set_string(&c->t, v, "field", "metadata.resourceVersion");
	wr_tree_push(&c->t, causes, v);
	wr_refuse_with(
		c, WR_INVALID, c->name, causes,
		"%s.%s \"%s\" is invalid: metadata.resourceVersion: Invalid value: 0x0: must "
		"be specified for an update",
		c->r->plural, c->r->group, c->name);
}

void wr_verb_update(struct wr_call *c)
{
	enum wr_validation validation;
	if (wr_object_validation(c, &validation) < 0)
		return;
	const struct wr_blob *blob = wr_store_get(&c->s->store, c->kind,
						  wr_call_key(c, c->ns, c->name));
	struct wr_value *o = wr_object_read(c);
	if (!o)
		return;
	if (!blob) {
		wr_refuse_not_found(c, c->name);
		return;
	}
	const char *rv = wr_tree_text(o, "metadata.resourceVersion");
	if (c->r->custom && (!rv || !*rv)) {
		refuse_unversioned(c);
		return;
	}
	if (!strcmp(c->sub, "scale"))
		o = apply_scale(c, o, blob);
	else if (wr_object_address(c, o) < 0)
		return;
	struct wr_value *old = wr_call_parse(c, blob);
	if (o && old)
		wr_write_changed(c, o, old, blob, validation);
}

/* ---- delete ---- */

/* DeleteOptions of the body: only the preconditions and the grace matter here. */
static int check_preconditions(struct wr_call *c, const struct wr_blob *blob, bool *now)
{
	char buf[WR_RESOURCE_TEXT];
	struct wr_value *options = c->q->size ? wr_object_read(c) : NULL;
	struct wr_value *o = wr_call_parse(c, blob);
	const char *uid = wr_tree_text(options, "preconditions.uid");
	const char *rv = wr_tree_text(options, "preconditions.resourceVersion");
	const char *has = wr_tree_text(o, "metadata.uid");
	const char *version = wr_tree_text(o, "metadata.resourceVersion");
	if (c->answered || !o)
		return -1;
	*now = wr_tree_number(options, "gracePeriodSeconds", -1) == 0 ||
	       wr_query_number(c, "gracePeriodSeconds", 1) == 0;
	const char *what = uid && has && strcmp(uid, has) != 0         ? "UID"
			   : rv && version && strcmp(rv, version) != 0 ? "ResourceVersion"
								       : NULL;
	if (!what)
		return 0;
	return wr_refuse_with(c, WR_CONFLICT, c->name, NULL,
			      "Operation cannot be fulfilled on %s \"%s\": the %s in the "
			      "precondition (%s) does not match the %s in record (%s). The object "
			      "might have been deleted and then recreated",
			      wr_resource_name(c->r, buf), c->name, what, *what == 'U' ? uid : rv,
			      what, *what == 'U' ? has : version);
}

static void answer_success(struct wr_call *c, const char *uid)
{
	struct wr_tree *t = &c->t;
	struct wr_value *v = wr_tree_map(t), *details = wr_tree_map(t);
	wr_tree_set_string(t, v, "kind", "Status");
	wr_tree_set_string(t, v, "apiVersion", "v1");
	wr_tree_set(t, v, "metadata", wr_tree_map(t));
	wr_tree_set_string(t, v, "status", "Success");
	wr_tree_set_string(t, details, "name", c->name);
	if (*c->r->group)
		wr_tree_set_string(t, details, "group", c->r->group);
	wr_tree_set_string(t, details, "kind", c->r->plural);
	wr_tree_set_string(t, details, "uid", uid ? uid : "");
	wr_tree_set(t, v, "details", details);
	wr_answer(c, 200, v);
}

static bool is_protected(const struct wr_call *c)
{
	return c->kind == WR_AS_NAMESPACES &&
	       (!strcmp(c->name, "default") || !strcmp(c->name, "kube-system") ||
		!strcmp(c->name, "kube-public"));
}

void wr_verb_delete(struct wr_call *c)
{
	const char *key = wr_call_key(c, c->ns, c->name);
	const struct wr_blob *blob = wr_store_get(&c->s->store, c->kind, key);
	bool now = false, gone = true;
	if (!blob) {
		wr_refuse_not_found(c, c->name);
		return;
	}
	if (is_protected(c)) {
		wr_refuse_with(c, WR_FORBIDDEN, c->name, NULL,
			       "namespaces \"%s\" is forbidden: this namespace may not be deleted",
			       c->name);
		return;
	}
	if (check_preconditions(c, blob, &now) < 0)
		return;
	struct wr_value *o = wr_call_parse(c, blob);
	const char *uid = wr_tree_text(o, "metadata.uid");
	if (!wr_write_dry(c) && wr_write_delete(c, c->r, key, now, &gone) < 0)
		return;
	const struct wr_blob *left = wr_store_get(&c->s->store, c->kind, key);
	if (left && !gone)
		wr_answer_text(c, 200, left->text, left->size);
	else if (c->kind == WR_AS_PODS || c->kind == WR_AS_NAMESPACES)
		wr_answer(c, 200, o); /* the server gives the object that went */
	else
		answer_success(c, uid);
}

void wr_verb_delete_all(struct wr_call *c)
{
	struct wr_filter filter;
	struct wr_listing all = {0};
	struct wr_buf text = {0};
	const char *why = "";
	const char *prefix = wr_arena_printf(c->t.arena, *c->ns ? "%s/" : "%s", c->ns);
	if (!prefix || wr_filter_parse(wr_query(c, "labelSelector"), wr_query(c, "fieldSelector"),
				       c->t.arena, &filter, &why) < 0) {
		wr_refuse(c, WR_BAD_REQUEST, "unable to parse requirement: %s", why);
		return;
	}
	int rc = wr_store_list(&c->s->store, c->kind, prefix, "", 0, &all);
	char api[WR_RESOURCE_TEXT];
	wr_buf_printf(&text,
		      "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":{},\"items\":[",
		      c->r->kind, wr_resource_api(c->r, api));
	bool first = true;
	for (size_t i = 0; !rc && i < all.n && !c->answered; i++) {
		struct wr_value *o = wr_call_parse(c, all.items[i].blob);
		const char *key = wr_arena_strdup(c->t.arena, all.items[i].key);
		bool gone;
		if (!o || !key || !wr_filter_matches(&filter, o))
			continue;
		wr_buf_text(&text, first ? "" : ",");
		wr_buf_bytes(&text, all.items[i].blob->text, all.items[i].blob->size);
		first = false;
		if (!wr_write_dry(c))
			wr_write_delete(c, c->r, key, false, &gone);
	}
	wr_buf_text(&text, "]}\n");
	wr_vec_free(&all);
	c->t.nomem |= text.failed || rc == -ENOMEM;
	wr_answer_text(c, 200, text.data ? text.data : "", text.n);
	wr_buf_free(&text);
}
