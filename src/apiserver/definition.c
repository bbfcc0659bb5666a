/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/definition.h"

#include <stdio.h>
#include <string.h>

#include "api/check.h"
#include "api/cp_schemas.h"
#include "apiserver/catalog.h"
#include "apiserver/object.h"
#include "apiserver/openapi.h"

#define APPROVAL "api-approved.kubernetes.io"
#define APPROVED_BY "https://github.com/kubernetes-sigs/network-policy-api/pull/30"

static const char *text_of(const struct wr_value *o, const char *path)
{
	const char *s = wr_tree_text(o, path);
	return s ? s : "";
}

static bool is_true(const struct wr_value *v, const char *key)
{
	const struct wr_value *at = wr_value_get(v, key);
	return at && at->type == WR_BOOL && at->boolean;
}

/* ---- defaults ---- */

static const char *lower_case(struct wr_tree *t, const char *text)
{
	char *lower = wr_arena_strdup(t->arena, text);
	t->nomem |= !lower;
	for (char *s = lower; s && *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s | 0x20);
	return lower ? lower : "";
}

void wr_definition_default(struct wr_call *c, struct wr_value *o)
{
	struct wr_tree *t = &c->t;
	struct wr_value *spec = wr_tree_want_map(t, o, "spec");
	struct wr_value *names = wr_tree_want_map(t, spec, "names");
	const char *kind = text_of(names, "kind");
	if (*kind && !*text_of(names, "singular"))
		wr_tree_set_string(t, names, "singular", lower_case(t, kind));
	if (*kind && !*text_of(names, "listKind"))
		wr_tree_set(t, names, "listKind", wr_tree_printf(t, "%sList", kind));
	struct wr_value *conversion = wr_tree_want_map(t, spec, "conversion");
	if (!*text_of(conversion, "strategy"))
		wr_tree_set_string(t, conversion, "strategy", "None");
}

/* ---- validation ---- */

static void wrong(struct wr_diags *diags, const char *path, const char *message)
{
	wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, path, "%s", message);
}

static void require(const struct wr_value *o, const char *path, struct wr_diags *diags)
{
	if (!*text_of(o, path))
		wrong(diags, path, "Required value");
}

static bool is_protected(const char *group)
{
	static const char *const ends[] = {".k8s.io", ".kubernetes.io"};
	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(group), end = strlen(ends[i]);
		if (!strcmp(group, ends[i] + 1) || (n > end && !strcmp(group + n - end, ends[i])))
			return true;
	}
	return false;
}

/* A DNS label but for its case: it stands in stored texts as it is. */
static bool is_word(struct wr_call *c, const char *kind, const char *msgs[WR_CHECK_MAX])
{
	return !*kind || !wr_check_dns_label(lower_case(&c->t, kind), msgs);
}

static void check_names(struct wr_call *c, const struct wr_value *o, struct wr_diags *diags)
{
	char want[512], quoted[600];
	const char *msgs[WR_CHECK_MAX];
	const char *group = text_of(o, "spec.group"), *name = text_of(o, "metadata.name");
	const char *plural = text_of(o, "spec.names.plural");
	snprintf(want, sizeof(want), "%.200s.%.253s", plural, group);
	if (*name && strcmp(name, want) != 0)
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "metadata.name",
			    "Invalid value: %s: must be spec.names.plural+\".\"+spec.group",
			    wr_quote(quoted, sizeof(quoted), name));
	require(o, "spec.group", diags);
	if (*group && wr_check_dns_subdomain(group, msgs))
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "spec.group",
			    "Invalid value: %s: %s", wr_quote(quoted, sizeof(quoted), group),
			    msgs[0]);
	else if (*group && !strchr(group, '.'))
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "spec.group",
			    "Invalid value: %s: should be a domain with at least one dot",
			    wr_quote(quoted, sizeof(quoted), group));
	require(o, "spec.names.plural", diags);
	require(o, "spec.names.kind", diags);
	if (*plural && wr_check_dns_label(plural, msgs))
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "spec.names.plural",
			    "Invalid value: %s: %s", wr_quote(quoted, sizeof(quoted), plural),
			    msgs[0]);
	if (!is_word(c, text_of(o, "spec.names.kind"), msgs))
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "spec.names.kind",
			    "Invalid value: %s: may have mixed case, but should otherwise match: "
			    "%s",
			    wr_quote(quoted, sizeof(quoted), text_of(o, "spec.names.kind")),
			    msgs[0]);
	const struct wr_value *notes = wr_tree_at(o, "metadata.annotations");
	if (is_protected(group) && !wr_value_get(notes, APPROVAL))
		wrong(diags, "metadata.annotations[" APPROVAL "]",
		      "Required value: protected groups must have approval annotation \"" APPROVAL
		      "\", see https://github.com/kubernetes/enhancements/pull/1111");
}

static void check_versions(const struct wr_value *o, struct wr_diags *diags)
{
	const struct wr_value *list = wr_tree_at(o, "spec.versions");
	const char *msgs[WR_CHECK_MAX];
	char path[96], quoted[600];
	size_t n = list && list->type == WR_LIST ? list->n : 0, stored = 0;
	for (size_t i = 0; i < n; i++) {
		const struct wr_value *v = list->items[i];
		const char *name = text_of(v, "name");
		stored += is_true(v, "storage");
		snprintf(path, sizeof(path), "spec.versions[%zu].name", i);
		if (wr_check_dns_label(name, msgs))
			wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, path,
				    "Invalid value: %s: %s", wr_quote(quoted, sizeof(quoted), name),
				    msgs[0]);
		snprintf(path, sizeof(path), "spec.versions[%zu].schema.openAPIV3Schema", i);
		const struct wr_value *schema = wr_tree_at(v, "schema.openAPIV3Schema");
		if (!schema || schema->type != WR_MAP)
			wrong(diags, path, "Required value: schemas are required");
	}
	if (!n)
		wrong(diags, "spec.versions", "Required value");
	else if (stored != 1)
		wrong(diags, "spec.versions",
		      "Invalid value: must have exactly one version marked as storage version");
}

static void check_unchanged(const struct wr_value *o, const struct wr_value *old, const char *path,
			    struct wr_diags *diags)
{
	char quoted[600];
	const char *now = text_of(o, path);
	if (old && strcmp(now, text_of(old, path)) != 0)
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, path,
			    "Invalid value: %s: field is immutable",
			    wr_quote(quoted, sizeof(quoted), now));
}

void wr_definition_check(struct wr_call *c, const struct wr_value *o, struct wr_diags *diags)
{
	char text[128];
	const char *scope = text_of(o, "spec.scope"), *name = text_of(o, "metadata.name");
	const struct wr_blob *blob = wr_store_get(&c->s->store, c->kind, name);
	size_t most = WR_AS_KINDS - WR_AS_RESOURCES;
	check_names(c, o, diags);
	if (!*scope)
		wrong(diags, "spec.scope", "Required value");
	else if (strcmp(scope, "Cluster") != 0 && strcmp(scope, "Namespaced") != 0)
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "spec.scope",
			    "Unsupported value: %s: supported values: \"Cluster\", \"Namespaced\"",
			    wr_quote(text, sizeof(text), scope));
	check_versions(o, diags);
	if (!blob && c->s->store.items[c->kind].n >= most)
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, "spec",
			    "Forbidden: this server has at most %zu definitions", most);
	const struct wr_value *old = blob ? wr_call_parse(c, blob) : NULL;
	check_unchanged(o, old, "spec.scope", diags);
	check_unchanged(o, old, "spec.names.kind", diags);
}

/* ---- status ---- */

static bool takes(const struct wr_resource *r, const char *word)
{
	if (!strcmp(r->plural, word) || !strcmp(r->singular, word))
		return true;
	for (size_t i = 0; r->short_names[i]; i++)
		if (!strcmp(r->short_names[i], word))
			return true;
	return false;
}

/* The name that another resource of the group has; *reason says which. */
static const char *conflict(struct wr_call *c, const struct wr_value *o, const char **reason)
{
	const struct wr_value *names = wr_tree_at(o, "spec.names");
	const struct wr_value *short_names = wr_value_get(names, "shortNames");
	const char *group = text_of(o, "spec.group"), *plural = text_of(names, "plural");
	const struct wr_resource *r;
	for (size_t at = 0; (r = wr_catalog_next(&c->s->store, &at));) {
		if (strcmp(r->group, group) != 0 || !strcmp(r->plural, plural))
			continue;
		*reason = "KindConflict";
		if (!strcmp(r->kind, text_of(names, "kind")))
			return r->kind;
		*reason = "SingularConflict";
		if (takes(r, text_of(names, "singular")))
			return text_of(names, "singular");
		*reason = "PluralConflict";
		if (takes(r, plural))
			return plural;
		*reason = "ShortNamesConflict";
		for (size_t i = 0;
		     short_names && short_names->type == WR_LIST && i < short_names->n; i++)
			if (short_names->items[i]->type == WR_STRING &&
			    takes(r, short_names->items[i]->text))
				return short_names->items[i]->text;
	}
	return NULL;
}

static void set_condition(struct wr_call *c, struct wr_value *list, const char *type, bool status,
			  const char *reason, const char *message)
{
	struct wr_tree *t = &c->t;
	struct wr_value *found = NULL;
	const char *word = status ? "True" : "False";
	for (size_t i = 0; list && i < list->n && !found; i++)
		if (!strcmp(text_of(list->items[i], "type"), type))
			found = list->items[i];
	if (!found) {
		found = wr_tree_map(t);
		wr_tree_push(t, list, found);
	}
	if (strcmp(text_of(found, "status"), word) != 0)
		wr_tree_set_string(t, found, "lastTransitionTime", wr_object_now(c));
	wr_tree_set_string(t, found, "message", message);
	wr_tree_set_string(t, found, "reason", reason);
	wr_tree_set_string(t, found, "status", word);
	wr_tree_set_string(t, found, "type", type);
}

static struct wr_value *want_list(struct wr_tree *t, struct wr_value *map, const char *key)
{
	struct wr_value *list = wr_value_get(map, key);
	if (list && list->type == WR_LIST)
		return list;
	list = wr_tree_list(t);
	wr_tree_set(t, map, key, list);
	return list;
}

static void note_stored(struct wr_tree *t, const struct wr_value *o, struct wr_value *stored)
{
	const struct wr_value *list = wr_tree_at(o, "spec.versions");
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n; i++) {
		const char *name = text_of(list->items[i], "name");
		bool known = !is_true(list->items[i], "storage");
		for (size_t k = 0; stored && k < stored->n; k++)
			known |= stored->items[k]->text && !strcmp(stored->items[k]->text, name);
		if (!known)
			wr_tree_push(t, stored, wr_tree_string(t, name));
	}
}

void wr_definition_settle(struct wr_call *c, struct wr_value *o)
{
	struct wr_tree *t = &c->t;
	struct wr_value *status = wr_tree_want_map(t, o, "status");
	struct wr_value *conditions = want_list(t, status, "conditions");
	const char *reason = "", *taken = conflict(c, o, &reason);
	const char *message = taken ? wr_arena_printf(t->arena, "\"%s\" is already in use", taken)
				    : "no conflicts found";
	t->nomem |= !message;
	set_condition(c, conditions, "NamesAccepted", !taken, taken ? reason : "NoConflicts",
		      message ? message : "");
	set_condition(c, conditions, "Established", !taken,
		      taken ? "NotAccepted" : "InitialNamesAccepted",
		      taken ? "not all names are accepted"
			    : "the initial names have been accepted");
	if (!taken)
		wr_tree_set(t, status, "acceptedNames",
			    wr_tree_copy(t, wr_tree_at(o, "spec.names")));
	note_stored(t, o, want_list(t, status, "storedVersions"));
}

/* ---- those of the cluster-wide policies ---- */

static void add_printer(struct wr_tree *t, struct wr_value *list, const char *name,
			const char *type, const char *path)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "jsonPath", path);
	wr_tree_set_string(t, v, "name", name);
	wr_tree_set_string(t, v, "type", type);
	wr_tree_push(t, list, v);
}

static struct wr_value *policy_version(struct wr_tree *t, const struct wr_resource *r)
{
	struct wr_value *v = wr_tree_map(t), *schema = wr_tree_map(t), *sub = wr_tree_map(t);
	struct wr_value *columns = wr_tree_list(t), *status = wr_tree_map(t);
	enum wr_kind kind = wr_openapi_policy(r);
	struct wr_value *top = wr_openapi_schema(t, wr_cp_schema(kind));
	wr_tree_set_string(t, status, "type", "object");
	wr_tree_set(t, status, "x-kubernetes-preserve-unknown-fields", wr_tree_bool(t, true));
	wr_tree_set(t, wr_value_get(top, "properties"), "status", status);
	if (kind == WR_KIND_CLUSTERNETWORKPOLICY)
		add_printer(t, columns, "Tier", "string", ".spec.tier");
	if (kind != WR_KIND_BASELINEADMINNETWORKPOLICY)
		add_printer(t, columns, "Priority", "string", ".spec.priority");
	add_printer(t, columns, "Age", "date", ".metadata.creationTimestamp");
	wr_tree_set(t, v, "additionalPrinterColumns", columns);
	wr_tree_set_string(t, v, "name", r->version);
	wr_tree_set(t, schema, "openAPIV3Schema", top);
	wr_tree_set(t, v, "schema", schema);
	wr_tree_set(t, v, "served", wr_tree_bool(t, true));
	wr_tree_set(t, v, "storage", wr_tree_bool(t, true));
	wr_tree_set(t, sub, "status", wr_tree_map(t));
	wr_tree_set(t, v, "subresources", sub);
	return v;
}

struct wr_value *wr_definition_of_policy(struct wr_tree *t, const struct wr_resource *r)
{
	char name[WR_RESOURCE_TEXT];
	struct wr_value *o = wr_tree_map(t), *meta = wr_tree_map(t), *notes = wr_tree_map(t);
	struct wr_value *spec = wr_tree_map(t), *names = wr_tree_map(t);
	struct wr_value *versions = wr_tree_list(t), *short_names = wr_tree_list(t);
	wr_tree_set_string(t, o, "kind", "CustomResourceDefinition");
	wr_tree_set_string(t, o, "apiVersion", "apiextensions.k8s.io/v1");
	wr_tree_set_string(t, notes, APPROVAL, APPROVED_BY);
	wr_tree_set_string(t, notes, "policy.networking.k8s.io/channel", "experimental");
	wr_tree_set(t, meta, "annotations", notes);
	wr_tree_set_string(t, meta, "name", wr_resource_name(r, name));
	wr_tree_set(t, o, "metadata", meta);
	wr_tree_set_string(t, spec, "group", r->group);
	wr_tree_set_string(t, names, "kind", r->kind);
	wr_tree_set_string(t, names, "plural", r->plural);
	for (size_t i = 0; r->short_names[i]; i++)
		wr_tree_push(t, short_names, wr_tree_string(t, r->short_names[i]));
	wr_tree_set(t, names, "shortNames", short_names);
	wr_tree_set(t, spec, "names", names);
	wr_tree_set_string(t, spec, "scope", "Cluster");
	wr_tree_push(t, versions, policy_version(t, r));
	wr_tree_set(t, spec, "versions", versions);
	wr_tree_set(t, o, "spec", spec);
	return o;
}
