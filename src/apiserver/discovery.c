/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery: what the server is and has. Clients ask for /api and /apis in the
 * aggregated form (APIGroupDiscoveryList) and fall back to one list per group.
 */
#include <stdio.h>
#include <string.h>

#include "apiserver/catalog.h"
#include "apiserver/openapi.h"
#include "apiserver/verbs.h"

#define GIT_VERSION "v1.36.2"
#define VERSIONS_MAX 16 /* of a group */

static const char *const all_verbs[] = {
	"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch", NULL};
static const char *const sub_verbs[] = {"get", "patch", "update", NULL};

static struct wr_value *strings(struct wr_tree *t, const char *const *words)
{
	struct wr_value *list = wr_tree_list(t);
	for (; *words; words++)
		wr_tree_push(t, list, wr_tree_string(t, *words));
	return list;
}

static struct wr_value *typed(struct wr_tree *t, const char *kind, const char *api)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "kind", kind);
	if (api)
		wr_tree_set_string(t, v, "apiVersion", api);
	return v;
}

/* ---- version ---- */

static void version(struct wr_call *c)
{
	struct wr_tree *t = &c->t;
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "major", "1");
	wr_tree_set_string(t, v, "minor", "36");
	wr_tree_set_string(t, v, "gitVersion", GIT_VERSION "+weir");
	wr_tree_set_string(t, v, "gitCommit", "");
	wr_tree_set_string(t, v, "gitTreeState", "");
	wr_tree_set_string(t, v, "buildDate", "1970-01-01T00:00:00Z");
	wr_tree_set_string(t, v, "goVersion", "");
	wr_tree_set_string(t, v, "compiler", "gcc");
	wr_tree_set_string(t, v, "platform", "linux");
	wr_answer(c, 200, v);
}

/* ---- the old form ---- */

static void add_subresource(struct wr_tree *t, struct wr_value *list, const struct wr_resource *r,
			    const char *sub, const char *kind)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set(t, v, "name", wr_tree_printf(t, "%s/%s", r->plural, sub));
	wr_tree_set_string(t, v, "singularName", "");
	wr_tree_set(t, v, "namespaced", wr_tree_bool(t, r->namespaced));
	wr_tree_set_string(t, v, "kind", kind);
	wr_tree_set(t, v, "verbs", strings(t, sub_verbs));
	wr_tree_push(t, list, v);
}

static void add_resource(struct wr_tree *t, struct wr_value *list, const struct wr_resource *r)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "name", r->plural);
	wr_tree_set_string(t, v, "singularName", r->singular);
	wr_tree_set(t, v, "namespaced", wr_tree_bool(t, r->namespaced));
	wr_tree_set_string(t, v, "kind", r->kind);
	wr_tree_set(t, v, "verbs", strings(t, all_verbs));
	if (r->short_names[0])
		wr_tree_set(t, v, "shortNames", strings(t, r->short_names));
	if (r->category) {
		const char *const words[] = {r->category, NULL};
		wr_tree_set(t, v, "categories", strings(t, words));
	}
	wr_tree_push(t, list, v);
	if (r->status)
		add_subresource(t, list, r, "status", r->kind);
	if (r->scale)
		add_subresource(t, list, r, "scale", "Scale");
}

static bool resource_list(struct wr_call *c, const char *group, const char *ver)
{
	struct wr_tree *t = &c->t;
	struct wr_value *v = typed(t, "APIResourceList", *group ? "v1" : NULL);
	struct wr_value *list = wr_tree_list(t);
	wr_tree_set(t, v, "groupVersion",
		    wr_tree_printf(t, "%s%s%s", group, *group ? "/" : "", ver));
	wr_tree_set(t, v, "resources", list);
	const struct wr_resource *r;
	for (size_t at = 0; (r = wr_catalog_next(&c->s->store, &at));)
		if (!strcmp(r->group, group) && !strcmp(r->version, ver))
			add_resource(t, list, r);
	if (!strcmp(group, "authorization.k8s.io") && !strcmp(ver, "v1")) {
		static const char *const create[] = {"create", NULL};
		static const struct wr_resource review = {.plural = "selfsubjectaccessreviews",
							  .singular = "selfsubjectaccessreview",
							  .kind = "SelfSubjectAccessReview"};
		add_resource(t, list, &review);
		wr_tree_set(t, list->n ? list->items[0] : NULL, "verbs", strings(t, create));
	}
	if (!list->n)
		return false;
	wr_answer(c, 200, v);
	return true;
}

/* The versions of a group, the preferred first. */
static size_t versions(const struct wr_store *s, const char *group, const char *out[VERSIONS_MAX])
{
	const struct wr_resource *r;
	size_t n = 0;
	for (size_t at = 0; n < VERSIONS_MAX && (r = wr_catalog_next(s, &at));) {
		bool known = strcmp(r->group, group) != 0;
		for (size_t i = 0; i < n && !known; i++)
			known = !strcmp(out[i], r->version);
		if (!known)
			out[n++] = r->version;
	}
	if (!n && !strcmp(group, "authorization.k8s.io"))
		out[n++] = "v1";
	return n;
}

static struct wr_value *group_version(struct wr_tree *t, const char *group, const char *ver)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set(t, v, "groupVersion", wr_tree_printf(t, "%s/%s", group, ver));
	wr_tree_set_string(t, v, "version", ver);
	return v;
}

static struct wr_value *group_entry(struct wr_call *c, const char *group)
{
	struct wr_tree *t = &c->t;
	const char *names[VERSIONS_MAX] = {NULL};
	size_t n = versions(&c->s->store, group, names);
	struct wr_value *v = wr_tree_map(t), *list = wr_tree_list(t);
	wr_tree_set_string(t, v, "name", group);
	for (size_t i = 0; i < n; i++)
		wr_tree_push(t, list, group_version(t, group, names[i]));
	wr_tree_set(t, v, "versions", list);
	if (n)
		wr_tree_set(t, v, "preferredVersion", group_version(t, group, names[0]));
	return v;
}

static bool group_alone(struct wr_call *c, const char *group)
{
	const char *names[VERSIONS_MAX];
	if (!*group || !versions(&c->s->store, group, names))
		return false;
	struct wr_value *v = group_entry(c, group);
	wr_tree_set_first(&c->t, v, "apiVersion", wr_tree_string(&c->t, "v1"));
	wr_tree_set_first(&c->t, v, "kind", wr_tree_string(&c->t, "APIGroup"));
	wr_answer(c, 200, v);
	return true;
}

static void group_list(struct wr_call *c)
{
	struct wr_tree *t = &c->t;
	struct wr_value *v = typed(t, "APIGroupList", "v1"), *list = wr_tree_list(t);
	const char *group;
	for (size_t i = 0; (group = wr_catalog_group(&c->s->store, i)); i++)
		wr_tree_push(t, list, group_entry(c, group));
	wr_tree_set(t, v, "groups", list);
	wr_answer(c, 200, v);
}

static void core_versions(struct wr_call *c)
{
	static const char *const v1[] = {"v1", NULL};
	struct wr_tree *t = &c->t;
	struct wr_value *v = typed(t, "APIVersions", NULL), *list = wr_tree_list(t);
	struct wr_value *address = wr_tree_map(t);
	wr_tree_set_string(t, address, "clientCIDR", "0.0.0.0/0");
	wr_tree_set_string(t, address, "serverAddress", c->s->host);
	wr_tree_push(t, list, address);
	wr_tree_set(t, v, "versions", strings(t, v1));
	wr_tree_set(t, v, "serverAddressByClientCIDRs", list);
	wr_answer(c, 200, v);
}

/* ---- the aggregated form ---- */

static struct wr_value *response_kind(struct wr_tree *t, const char *group, const char *kind)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "group", group);
	wr_tree_set_string(t, v, "version", "");
	wr_tree_set_string(t, v, "kind", kind);
	return v;
}

static void add_aggregated_sub(struct wr_tree *t, struct wr_value *list, const char *sub,
			       const char *group, const char *kind)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "subresource", sub);
	wr_tree_set(t, v, "responseKind", response_kind(t, group, kind));
	wr_tree_set(t, v, "verbs", strings(t, sub_verbs));
	wr_tree_push(t, list, v);
}

static struct wr_value *aggregated_resource(struct wr_tree *t, const struct wr_resource *r)
{
	struct wr_value *v = wr_tree_map(t), *subs = wr_tree_list(t);
	wr_tree_set_string(t, v, "resource", r->plural);
	wr_tree_set(t, v, "responseKind", response_kind(t, "", r->kind));
	wr_tree_set_string(t, v, "scope", r->namespaced ? "Namespaced" : "Cluster");
	wr_tree_set_string(t, v, "singularResource", r->singular);
	wr_tree_set(t, v, "verbs", strings(t, all_verbs));
	if (r->short_names[0])
		wr_tree_set(t, v, "shortNames", strings(t, r->short_names));
	if (r->category) {
		const char *const words[] = {r->category, NULL};
		wr_tree_set(t, v, "categories", strings(t, words));
	}
	if (r->status)
		add_aggregated_sub(t, subs, "status", "", r->kind);
	if (r->scale)
		add_aggregated_sub(t, subs, "scale", "autoscaling", "Scale");
	if (r->status || r->scale)
		wr_tree_set(t, v, "subresources", subs);
	return v;
}

static struct wr_value *aggregated_group(struct wr_call *c, const char *group)
{
	struct wr_tree *t = &c->t;
	const struct wr_resource *r;
	const char *names[VERSIONS_MAX] = {NULL};
	size_t n = versions(&c->s->store, group, names);
	struct wr_value *v = wr_tree_map(t), *meta = wr_tree_map(t), *list = wr_tree_list(t);
	if (*group)
		wr_tree_set_string(t, meta, "name", group);
	wr_tree_set(t, v, "metadata", meta);
	for (size_t i = 0; i < n; i++) {
		struct wr_value *one = wr_tree_map(t), *resources = wr_tree_list(t);
		wr_tree_set_string(t, one, "version", names[i]);
		for (size_t at = 0; (r = wr_catalog_next(&c->s->store, &at));)
			if (!strcmp(r->group, group) && !strcmp(r->version, names[i]))
				wr_tree_push(t, resources, aggregated_resource(t, r));
		wr_tree_set(t, one, "resources", resources);
		wr_tree_set_string(t, one, "freshness", "Current");
		wr_tree_push(t, list, one);
	}
	wr_tree_set(t, v, "versions", list);
	return v;
}

/* The version of the aggregated form that the client takes, or NULL. */
static const char *aggregated(const struct wr_call *c)
{
	const char *accept = c->q->accept;
	if (!accept || !strstr(accept, "as=APIGroupDiscoveryList"))
		return NULL;
	return strstr(accept, "v=v2;") || strstr(accept, "v=v2,") ? "v2" : "v2beta1";
}

static void aggregated_list(struct wr_call *c, const char *ver, bool core)
{
	struct wr_tree *t = &c->t;
	struct wr_value *list = wr_tree_list(t), *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "kind", "APIGroupDiscoveryList");
	wr_tree_set(t, v, "apiVersion", wr_tree_printf(t, "apidiscovery.k8s.io/%s", ver));
	wr_tree_set(t, v, "metadata", wr_tree_map(t));
	if (core)
		wr_tree_push(t, list, aggregated_group(c, ""));
	const char *group;
	for (size_t i = 0; !core && (group = wr_catalog_group(&c->s->store, i)); i++)
		wr_tree_push(t, list, aggregated_group(c, group));
	wr_tree_set(t, v, "items", list);
	c->out->type = !strcmp(ver, "v2") ? "application/json;g=apidiscovery.k8s.io;v=v2;"
					    "as=APIGroupDiscoveryList"
					  : "application/json;g=apidiscovery.k8s.io;v=v2beta1;"
					    "as=APIGroupDiscoveryList";
	wr_answer(c, 200, v);
}

/* ---- all that is no object ---- */

static void paths(struct wr_call *c)
{
	static const char *const known[] = {"/api",        "/api/v1", "/apis",    "/healthz",
					    "/livez",      "/readyz", "/version", "/openapi/v2",
					    "/openapi/v3", NULL};
	struct wr_value *v = wr_tree_map(&c->t);
	wr_tree_set(&c->t, v, "paths", strings(&c->t, known));
	wr_answer(c, 200, v);
}

static bool health(struct wr_call *c, const char *path)
{
	if (strcmp(path, "healthz") != 0 && strcmp(path, "livez") != 0 &&
	    strcmp(path, "readyz") != 0)
		return false;
	c->out->type = "text/plain; charset=utf-8";
	wr_answer_text(c, 200, "ok", 2);
	return true;
}

bool wr_discovery(struct wr_call *c)
{
	const char *first = c->n_parts ? c->parts[0] : "", *ver = aggregated(c);
	bool api = !strcmp(first, "api"), apis = !strcmp(first, "apis");
	if (!c->n_parts)
		paths(c);
	else if (health(c, first))
		return true;
	else if (!strcmp(first, "version") && c->n_parts == 1)
		version(c);
	else if ((api || apis) && c->n_parts == 1 && ver)
		aggregated_list(c, ver, api);
	else if (api && c->n_parts == 1)
		core_versions(c);
	else if (apis && c->n_parts == 1)
		group_list(c);
	else if (api)
		return resource_list(c, "", c->parts[1]);
	else if (apis && c->n_parts == 2)
		return group_alone(c, c->parts[1]);
	else if (apis)
		return resource_list(c, c->parts[1], c->parts[2]);
	else if (!strcmp(first, "openapi"))
		return wr_openapi(c);
	else
		return false;
	return true;
}
