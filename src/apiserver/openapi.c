/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI, as small as clients need it. Version 3 says which parameters the
 * server takes (kubectl apply asks for fieldValidation and dryRun there) and has
 * the policies' schemas, for kubectl explain; other kinds are objects of free
 * form. Version 2 has no definitions (openapi_v2.c).
 */
#include "apiserver/openapi.h"

#include <stdio.h>
#include <string.h>

#include "api/cp_schemas.h"
#include "apiserver/catalog.h"
#include "apiserver/np_schema.h"

#define REF "#/components/schemas/"

/* ---- schemas ---- */

static struct wr_value *typed(struct wr_tree *t, const char *type)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "type", type);
	return v;
}

static void add_gvk(struct wr_tree *t, struct wr_value *v, const struct wr_resource *r, bool list)
{
	struct wr_value *gvk = wr_tree_map(t), *all = wr_tree_list(t);
	wr_tree_set_string(t, gvk, "group", r->group);
	wr_tree_set_string(t, gvk, "kind", r->kind);
	wr_tree_set_string(t, gvk, "version", r->version);
	wr_tree_push(t, all, gvk);
	wr_tree_set(t, v, "x-kubernetes-group-version-kind", list ? all : gvk);
}

/* What a definition of a custom resource says, from the tables that validate it. */
struct wr_value *wr_openapi_schema(struct wr_tree *t, const struct wr_schema *s)
{
	static const char *const types[] = {
		[WR_SCHEMA_OBJECT] = "object",  [WR_SCHEMA_ARRAY] = "array",
		[WR_SCHEMA_STRING] = "string",  [WR_SCHEMA_INT32] = "integer",
		[WR_SCHEMA_STRINGS] = "object", [WR_SCHEMA_ANY] = "object"};
	struct wr_value *v = typed(t, types[s->type]);
	if (s->type == WR_SCHEMA_OBJECT) {
		struct wr_value *props = wr_tree_map(t), *required = wr_tree_list(t);
		for (const struct wr_property *p = s->props; p && p->name; p++) {
			wr_tree_set(t, props, p->name, wr_openapi_schema(t, p->schema));
			if (p->required)
				wr_tree_push(t, required, wr_tree_string(t, p->name));
		}
		wr_tree_set(t, v, "properties", props);
		if (required && required->n)
			wr_tree_set(t, v, "required", required);
	}
	if (s->type == WR_SCHEMA_ARRAY && s->items)
		wr_tree_set(t, v, "items", wr_openapi_schema(t, s->items));
	if (s->type == WR_SCHEMA_STRINGS)
		wr_tree_set(t, v, "additionalProperties", typed(t, "string"));
	if (s->type == WR_SCHEMA_INT32)
		wr_tree_set_string(t, v, "format", "int32");
	if (s->choices) {
		struct wr_value *list = wr_tree_list(t);
		for (const char *const *w = s->choices; *w; w++)
			wr_tree_push(t, list, wr_tree_string(t, *w));
		wr_tree_set(t, v, "enum", list);
	}
	return v;
}

static struct wr_value *reference(struct wr_tree *t, const char *name)
{
	struct wr_value *v = wr_tree_map(t), *all = wr_tree_list(t), *ref = wr_tree_map(t);
	wr_tree_set(t, ref, "$ref", wr_tree_printf(t, REF "%s", name));
	wr_tree_push(t, all, ref);
	wr_tree_set(t, v, "allOf", all);
	wr_tree_set(t, v, "default", wr_tree_map(t));
	return v;
}

/* The value of one field of the tables in np_schema.h. */
static struct wr_value *field_schema(struct wr_tree *t, const struct wr_np_field *f)
{
	bool list = !strncmp(f->type, "[]", 2), map = !strncmp(f->type, "map:", 4);
	const char *type = f->type + (list ? 2 : map ? 4 : 0);
	bool plain = !strcmp(type, "string") || !strcmp(type, "integer");
	struct wr_value *one = plain ? typed(t, type) : reference(t, type), *v = one;
	if (!strcmp(type, "io.k8s.apimachinery.pkg.util.intstr.IntOrString"))
		wr_tree_remove(one, "default");
	if (list || map) {
		v = typed(t, list ? "array" : "object");
		wr_tree_set(t, v, list ? "items" : "additionalProperties", one);
	}
	wr_tree_set_first(t, v, "description", wr_tree_string(t, f->description));
	return v;
}

static void add_np_types(struct wr_tree *t, struct wr_value *schemas)
{
	for (const struct wr_np_type *type = wr_np_types; type->name; type++) {
		struct wr_value *v = typed(t, "object"), *props = wr_tree_map(t);
		struct wr_value *required = wr_tree_list(t);
		wr_tree_set_first(t, v, "description", wr_tree_string(t, type->description));
		for (const struct wr_np_field *f = type->fields; f->name; f++) {
			wr_tree_set(t, props, f->name, field_schema(t, f));
			if (f->required)
				wr_tree_push(t, required, wr_tree_string(t, f->name));
		}
		wr_tree_set(t, v, "properties", props);
		if (required && required->n)
			wr_tree_set(t, v, "required", required);
		wr_tree_set(t, schemas, type->name, v);
	}
	struct wr_value *either = typed(t, "string");
	wr_tree_set_string(t, either, "format", "int-or-string");
	wr_tree_set(t, schemas, "io.k8s.apimachinery.pkg.util.intstr.IntOrString", either);
}

enum wr_kind wr_openapi_policy(const struct wr_resource *r)
{
	enum wr_as_kind kind = wr_resource_place(r);
	return kind == WR_AS_CLUSTERNETWORKPOLICIES ? WR_KIND_CLUSTERNETWORKPOLICY
	       : kind == WR_AS_ADMINNETWORKPOLICIES ? WR_KIND_ADMINNETWORKPOLICY
						    : WR_KIND_BASELINEADMINNETWORKPOLICY;
}

/* What its definition says of a foreign kind, or NULL. */
static struct wr_value *foreign_schema(struct wr_call *c, const struct wr_resource *r)
{
	char name[WR_RESOURCE_TEXT];
	const struct wr_blob *blob = wr_store_get(&c->s->store, WR_AS_CUSTOMRESOURCEDEFINITIONS,
						  wr_resource_name(r, name));
	struct wr_value *o = r->definition && blob ? wr_call_parse(c, blob) : NULL;
	const struct wr_value *versions = wr_tree_at(o, "spec.versions");
	for (size_t i = 0; versions && versions->type == WR_LIST && i < versions->n; i++) {
		const char *version = wr_tree_text(versions->items[i], "name");
		struct wr_value *v = wr_tree_at(versions->items[i], "schema.openAPIV3Schema");
		if (version && !strcmp(version, r->version) && v && v->type == WR_MAP)
			return v;
	}
	return NULL;
}

static void add_kind(struct wr_call *c, struct wr_value *schemas, const struct wr_resource *r)
{
	struct wr_tree *t = &c->t;
	if (r == &wr_resources[WR_AS_NETWORKPOLICIES]) {
		add_np_types(t, schemas);
		add_gvk(t, wr_value_get(schemas, WR_NP_TYPE), r, true);
		return;
	}
	struct wr_value *v = r->validated ? NULL : foreign_schema(c, r);
	if (r->custom && r->validated) {
		v = wr_openapi_schema(t, wr_cp_schema(wr_openapi_policy(r)));
	} else if (!v) {
		v = typed(t, "object");
		wr_tree_set(t, v, "x-kubernetes-preserve-unknown-fields", wr_tree_bool(t, true));
	}
	add_gvk(t, v, r, true);
	const char *name = wr_arena_printf(t->arena, "io.weir.%s.%s", r->version, r->kind);
	t->nomem |= !name;
	wr_tree_set(t, schemas, name ? name : "", v);
}

/* ---- paths ---- */

static struct wr_value *parameter(struct wr_tree *t, const char *name)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "name", name);
	wr_tree_set_string(t, v, "in", "query");
	wr_tree_set(t, v, "schema", typed(t, "string"));
	return v;
}

static struct wr_value *operation(struct wr_tree *t, const struct wr_resource *r,
				  const char *action, bool writes)
{
	static const char *const names[] = {"dryRun", "fieldManager", "fieldValidation"};
	struct wr_value *v = wr_tree_map(t), *responses = wr_tree_map(t), *ok = wr_tree_map(t);
	wr_tree_set_string(t, ok, "description", "OK");
	wr_tree_set(t, responses, "200", ok);
	wr_tree_set_string(t, v, "x-kubernetes-action", action);
	add_gvk(t, v, r, false);
	wr_tree_set(t, v, "responses", responses);
	if (writes) {
		struct wr_value *list = wr_tree_list(t);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			wr_tree_push(t, list, parameter(t, names[i]));
		wr_tree_set(t, v, "parameters", list);
	}
	return v;
}

static void add_paths(struct wr_tree *t, struct wr_value *paths, const struct wr_resource *r)
{
	char api[WR_RESOURCE_TEXT];
	const char *list = wr_arena_printf(t->arena, "/%s/%s%s/%s", *r->group ? "apis" : "api",
					   wr_resource_api(r, api),
					   r->namespaced ? "/namespaces/{namespace}" : "",
					   r->plural);
	const char *one = list ? wr_arena_printf(t->arena, "%s/{name}", list) : NULL;
	struct wr_value *a = wr_tree_map(t), *b = wr_tree_map(t);
	t->nomem |= !one;
	if (!one)
		return;
	wr_tree_set(t, a, "get", operation(t, r, "list", false));
	wr_tree_set(t, a, "post", operation(t, r, "post", true));
	wr_tree_set(t, b, "get", operation(t, r, "get", false));
	wr_tree_set(t, b, "put", operation(t, r, "put", true));
	wr_tree_set(t, b, "patch", operation(t, r, "patch", true));
	wr_tree_set(t, b, "delete", operation(t, r, "delete", true));
	wr_tree_set(t, paths, list, a);
	wr_tree_set(t, paths, one, b);
}

static bool document(struct wr_call *c, const char *group, const char *version)
{
	struct wr_tree *t = &c->t;
	struct wr_value *v = wr_tree_map(t), *info = wr_tree_map(t), *paths = wr_tree_map(t);
	struct wr_value *components = wr_tree_map(t), *schemas = wr_tree_map(t);
	wr_tree_set_string(t, v, "openapi", "3.0.0");
	wr_tree_set_string(t, info, "title", "Kubernetes");
	wr_tree_set_string(t, info, "version", "1.36");
	wr_tree_set(t, v, "info", info);
	const struct wr_resource *r;
	for (size_t at = 0; (r = wr_catalog_next(&c->s->store, &at));)
		if (!strcmp(r->group, group) && !strcmp(r->version, version)) {
			add_paths(t, paths, r);
			add_kind(c, schemas, r);
		}
	wr_tree_set(t, v, "paths", paths);
	wr_tree_set(t, components, "schemas", schemas);
	wr_tree_set(t, v, "components", components);
	if (!paths || !paths->n)
		return false;
	wr_answer(c, 200, v);
	return true;
}

static void index_of_documents(struct wr_call *c)
{
	struct wr_tree *t = &c->t;
	struct wr_value *v = wr_tree_map(t), *paths = wr_tree_map(t);
	const struct wr_resource *r;
	/* clients keep documents by their address: with other definitions it is another */
	unsigned long long hash = wr_catalog_hash(&c->s->store);
	for (size_t at = 0; (r = wr_catalog_next(&c->s->store, &at));) {
		char api[WR_RESOURCE_TEXT], name[WR_RESOURCE_TEXT + 8];
		struct wr_value *one = wr_tree_map(t);
		(void)snprintf(name, sizeof(name), "%s/%s", *r->group ? "apis" : "api",
			       wr_resource_api(r, api));
		wr_tree_set(t, one, "serverRelativeURL",
			    wr_tree_printf(t, "/openapi/v3/%s?hash=weir1-%llx", name, hash));
		wr_tree_set(t, paths, name, one);
	}
	wr_tree_set(t, v, "paths", paths);
	wr_answer(c, 200, v);
}

static void version_2(struct wr_call *c)
{
	static const char json[] = "{\"swagger\":\"2.0\",\"info\":{\"title\":\"Kubernetes\","
				   "\"version\":\"1.36\"},\"paths\":{},\"definitions\":{}}\n";
	if (c->q->accept && strstr(c->q->accept, "protobuf"))
		wr_openapi_v2(c);
	else
		wr_answer_text(c, 200, json, sizeof(json) - 1);
}

bool wr_openapi(struct wr_call *c)
{
	if (c->n_parts == 2 && !strcmp(c->parts[1], "v2"))
		version_2(c);
	else if (c->n_parts == 2 && !strcmp(c->parts[1], "v3"))
		index_of_documents(c);
	else if (c->n_parts == 4 && !strcmp(c->parts[2], "api"))
		return document(c, "", c->parts[3]);
	else if (c->n_parts == 5 && !strcmp(c->parts[2], "apis"))
		return document(c, c->parts[3], c->parts[4]);
	else
		return false;
	return true;
}
