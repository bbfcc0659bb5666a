/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/decoder.h"
#include "api/fields.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "base/vec.h"

/*
 * Documents to objects: lists are opened, each item goes by apiVersion and
 * kind to its decoder. A document of another kind, or one that is no
 * Kubernetes object at all, is counted and passed over, because a directory of
 * manifests holds such things. A built-in kind under a wrong apiVersion is an
 * error all the same: to pass it over would change verdicts without a word.
 */

#define NP_API "networking.k8s.io/v1"
#define CP_GROUP "policy.networking.k8s.io"

WR_DEFINE_CLEANUP(map, struct wr_map *, wr_map_free)

struct sink {
	WR_VEC(struct wr_object *) objects;
	struct wr_map *names;   /* "kind/namespace/name" -> index in objects */
	struct wr_map *skipped; /* kind -> count */
	const struct wr_document *doc;
};

static const struct {
	enum wr_kind kind;
	const char *api; /* the one to write today first */
} apis[] = {
	{WR_KIND_NAMESPACE, "v1"},
	{WR_KIND_POD, "v1"},
	{WR_KIND_NODE, "v1"},
	{WR_KIND_SERVICE, "v1"},
	{WR_KIND_REPLICATIONCONTROLLER, "v1"},
	{WR_KIND_DEPLOYMENT, "apps/v1"},
	{WR_KIND_DEPLOYMENT, "apps/v1beta2"},
	{WR_KIND_DEPLOYMENT, "apps/v1beta1"},
	{WR_KIND_DEPLOYMENT, "extensions/v1beta1"},
	{WR_KIND_REPLICASET, "apps/v1"},
	{WR_KIND_REPLICASET, "apps/v1beta2"},
	{WR_KIND_REPLICASET, "extensions/v1beta1"},
	{WR_KIND_STATEFULSET, "apps/v1"},
	{WR_KIND_STATEFULSET, "apps/v1beta2"},
	{WR_KIND_STATEFULSET, "apps/v1beta1"},
	{WR_KIND_DAEMONSET, "apps/v1"},
	{WR_KIND_DAEMONSET, "apps/v1beta2"},
	{WR_KIND_DAEMONSET, "extensions/v1beta1"},
	{WR_KIND_JOB, "batch/v1"},
	{WR_KIND_CRONJOB, "batch/v1"},
	{WR_KIND_CRONJOB, "batch/v1beta1"},
	{WR_KIND_CRONJOB, "batch/v2alpha1"},
	{WR_KIND_NETWORKPOLICY, NP_API},
	{WR_KIND_INGRESS, "networking.k8s.io/v1"},
	{WR_KIND_CLUSTERNETWORKPOLICY, CP_GROUP "/v1alpha2"},
	{WR_KIND_CLUSTERNETWORKPOLICY, CP_GROUP "/v1beta1"}, /* in no release of the API so far */
	{WR_KIND_ADMINNETWORKPOLICY, CP_GROUP "/v1alpha1"},
	{WR_KIND_BASELINEADMINNETWORKPOLICY, CP_GROUP "/v1alpha1"},
};
#define N_APIS (sizeof(apis) / sizeof(apis[0]))

static const char *current_api(enum wr_kind kind)
{
	for (size_t i = 0; i < N_APIS; i++)
		if (apis[i].kind == kind)
			return apis[i].api;
	return "v1";
}

static bool serves(const char *api, enum wr_kind kind)
{
	for (size_t i = 0; i < N_APIS; i++)
		if (apis[i].kind == kind && !strcmp(apis[i].api, api))
			return true;
	return false;
}

/* The kind of an exact name, or -1. */
static int kind_of(const char *name)
{
	for (int i = 0; i < WR_KIND_COUNT; i++)
		if (!strcmp(name, wr_kind_name((enum wr_kind)i)))
			return i;
	return -1;
}

static const char *text_of(const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	return v && v->type == WR_STRING ? v->text : NULL;
}

bool wr_decode_is_field_error(const struct wr_diag *d)
{
	static const char *const types[] = {"Invalid value",  "Required value", "Unsupported value",
					    "Forbidden",      "Too long",       "Too many",
					    "Duplicate value"};
	for (size_t i = 0; d->severity == WR_ERROR && i < sizeof(types) / sizeof(types[0]); i++)
		if (!strncmp(d->message, types[i], strlen(types[i])))
			return true;
	return false;
}

static struct wr_mark mark_of(const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	return v ? v->mark : map->mark;
}

/*
 * Groups of Kubernetes itself that hold, or held, kinds that weir reads. Others
 * have a ClusterNetworkPolicy of their own, which is not ours.
 */
static bool is_builtin_api(const char *api)
{
	static const char *const groups[] = {"apps", "batch", "extensions", "networking.k8s.io",
					     CP_GROUP};
	size_t n = strcspn(api, "/");
	if (!api[n])
		return true; /* "v1" and the like: the core group */
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strlen(groups[i]) == n && !strncmp(groups[i], api, n))
			return true;
	return false;
}

static bool in_networking(const char *api)
{
	size_t n = strlen("networking.k8s.io");
	return !strncmp(api, "networking.k8s.io", n) && (!api[n] || api[n] == '/');
}

static bool in_cluster_policy_group(const char *api)
{
	size_t n = strlen(CP_GROUP);
	return !strncmp(api, CP_GROUP, n) && (!api[n] || api[n] == '/');
}

/* "networkng.k8s.io/v1": a group that was meant to be ours. */
static bool looks_like_ours(const char *api, enum wr_kind kind)
{
	return wr_kind_is_policy(kind) && wr_typo_distance(api, current_api(kind)) <= 3;
}

static int skip(struct wr_decoder *d, struct sink *s, const char *kind, const char *api)
{
	/* another's kind of the same name is told apart by its group, as kubectl does */
	if (api && strchr(api, '/') && kind_of(kind) >= 0)
		kind = wr_arena_printf(d->arena, "%s.%.*s", kind, (int)strcspn(api, "/"), api);
	if (!kind)
		return -ENOMEM;
	uint64_t *count = s ? wr_map_slot(s->skipped, kind, strlen(kind), 0, NULL) : NULL;
	if (count)
		++*count;
	return s && !count ? -ENOMEM : 0;
}

/* What messages call the object: "NetworkPolicy shop/db", as far as it says so itself. */
static void name_object(struct wr_decoder *d, const struct wr_value *v, enum wr_kind kind)
{
	const struct wr_value *meta = wr_value_get(v, "metadata");
	const char *name = text_of(meta, "name"), *ns = text_of(meta, "namespace");
	if (!name || !*name)
		name = text_of(meta, "generateName");
	bool has_ns = ns && *ns;
	d->object = !name || !*name
			    ? wr_kind_name(kind)
			    : wr_arena_printf(d->arena, "%s %.300s%s%.300s", wr_kind_name(kind),
					      has_ns ? ns : "", has_ns ? "/" : "", name);
	d->nomem |= !d->object;
}

static void decode_kind(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	if (o->kind == WR_KIND_NETWORKPOLICY) {
		wr_dec_networkpolicy(d, v, o);
		return;
	}
	if (wr_kind_is_cluster_policy(o->kind)) {
		wr_dec_cluster_policy(d, v, o);
		return;
	}
	wr_dec_meta(d, v, o);
	if (wr_kind_is_workload(o->kind))
		wr_dec_workload(d, v, o);
	else if (o->kind == WR_KIND_POD)
		wr_dec_pod(d, v, o);
	else if (o->kind == WR_KIND_NODE)
		wr_dec_node(d, v, o);
	else if (o->kind == WR_KIND_SERVICE)
		wr_dec_service(d, v, o);
	else if (o->kind == WR_KIND_INGRESS)
		wr_dec_ingress(d, v, o);
}

/* An object under its kind's apiVersion; NULL when it has errors. */
static struct wr_object *decode_object(struct wr_decoder *d, const struct wr_value *v,
				       enum wr_kind kind)
{
	struct wr_object *o = wr_dec_array(d, 1, sizeof(*o));
	if (!o)
		return NULL;
	o->kind = kind;
	o->value = v;
	o->mark = v->n ? v->fields[0].mark : v->mark;
	decode_kind(d, v, o);
	return d->failed || d->nomem ? NULL : o;
}

static void defined_twice(struct wr_decoder *d, const struct wr_object *o,
			  const struct wr_mark *first)
{
	struct wr_path path = WR_KEY(NULL, "metadata"), at = WR_KEY(&path, "name");
	const char *ns = o->meta.ns;
	wr_dec_error(d, o->meta.mark, &at, "%s %.300s%s%.300s is already defined at %.500s:%u",
		     wr_kind_name(o->kind), ns ? ns : "", ns ? "/" : "", o->meta.name,
		     first->file ? first->file : "", first->line);
	wr_diag_advise(d->diags, "kubectl would keep the last one only: rename or remove one");
}

/* The second object of one kind, namespace and name is an error. */
static int keep(struct wr_decoder *d, struct sink *s, struct wr_object *o)
{
	const char *name = text_of(wr_value_get(o->value, "metadata"), "name");
	o->doc = s->doc;
	if (name && *name) { /* not for generateName: those never clash */
		WR_CLEANUP(free)
		char *key = NULL;
		bool created;
		int n = asprintf(&key, "%d/%s/%s", (int)o->kind, o->meta.ns ? o->meta.ns : "",
				 name);
		if (n < 0) {
			key = NULL;
			return -ENOMEM;
		}
		uint64_t *slot = wr_map_slot(s->names, key, (size_t)n, s->objects.n, &created);
		if (!slot)
			return -ENOMEM;
		if (!created) {
			defined_twice(d, o, &s->objects.items[*slot]->meta.mark);
			return 0;
		}
	}
	return wr_vec_push(&s->objects, o);
}

/* A built-in kind whose apiVersion is not one that serves it. */
static void wrong_api(struct wr_decoder *d, const struct wr_value *v, const char *api,
		      enum wr_kind kind)
{
	struct wr_path path = WR_KEY(NULL, "apiVersion");
	if (kind == WR_KIND_NETWORKPOLICY && !strcmp(api, "extensions/v1beta1"))
		wr_dec_error(d, mark_of(v, "apiVersion"), &path,
			     "NetworkPolicy of extensions/v1beta1 is gone since Kubernetes 1.16");
	else
		wr_dec_error(d, mark_of(v, "apiVersion"), &path,
			     "no kind \"%s\" in apiVersion \"%.200s\"", wr_kind_name(kind), api);
	wr_diag_advise(d->diags, "write apiVersion: %s", current_api(kind));
}

static void missing_api(struct wr_decoder *d, const struct wr_value *v, enum wr_kind kind)
{
	struct wr_path path = WR_KEY(NULL, "apiVersion");
	struct wr_mark mark = v->n ? v->fields[0].mark : v->mark;
	if (wr_kind_is_policy(kind))
		wr_dec_error(d, mark, &path, "a %s must say its apiVersion", wr_kind_name(kind));
	else
		wr_dec_warning(d, mark, &path, "apiVersion is not set; kubectl refuses this");
	wr_diag_advise(d->diags, "write apiVersion: %s", current_api(kind));
}

/* The policy kind of an apiVersion's group that a name is almost; NULL: none. */
static const char *meant_policy(const char *api, const char *kind)
{
	const char *best = NULL;
	unsigned least = 5;
	if (in_networking(api))
		return wr_typo_distance(kind, "NetworkPolicy") < least ? "NetworkPolicy" : NULL;
	for (int k = 0; in_cluster_policy_group(api) && k < WR_KIND_COUNT; k++) {
		const char *name = wr_kind_name((enum wr_kind)k);
		unsigned distance = wr_kind_is_cluster_policy((enum wr_kind)k)
					    ? wr_typo_distance(kind, name)
					    : least;
		if (distance < least) {
			least = distance;
			best = name;
		}
	}
	return best;
}

/* A kind that is almost one of the policies of its group. True when it was one. */
static bool misspelt_policy(struct wr_decoder *d, const struct wr_value *v, const char *api,
			    const char *kind)
{
	struct wr_path path = WR_KEY(NULL, "kind");
	const char *meant = meant_policy(api, kind);
	if (!meant)
		return false;
	wr_dec_error(d, mark_of(v, "kind"), &path, "no kind \"%.200s\" in apiVersion \"%.200s\"",
		     kind, api);
	wr_diag_advise(d->diags, "did you mean \"%s\"?", meant);
	return true;
}

/* No kind where only network policies and their like are: nobody would take it. */
static bool missing_kind(struct wr_decoder *d, const struct wr_value *v, const char *api)
{
	struct wr_path path = WR_KEY(NULL, "kind");
	const struct wr_value *kind = wr_value_get(v, "kind");
	if (!api || !(in_networking(api) || in_cluster_policy_group(api)))
		return false;
	if (wr_dec_absent(kind))
		wr_dec_error(d,
			     kind   ? kind->mark
			     : v->n ? v->fields[0].mark
				    : v->mark,
			     &path, "an object of %.200s must say its kind", api);
	else
		wr_dec_string(d, &path, kind);
	wr_diag_advise(d->diags, "write kind: %s",
		       in_networking(api)         ? "NetworkPolicy"
		       : strstr(api, "/v1alpha1") ? "AdminNetworkPolicy or "
						    "BaselineAdminNetworkPolicy"
						  : "ClusterNetworkPolicy");
	return true;
}

static bool inherited_or_metadata(const struct wr_value *v, const struct wr_list_type *list)
{
	const struct wr_value *meta = wr_value_get(v, "metadata");
	return list || (meta && meta->type == WR_MAP);
}

static int decode_item(struct wr_decoder *d, struct sink *s, const struct wr_value *v,
		       const struct wr_list_type *list, struct wr_object **out)
{
	const char *kind_text = text_of(v, "kind"), *api = text_of(v, "apiVersion");
	if (!kind_text && list)
		kind_text = list->kind;
	if (!api && list)
		api = list->api;
	d->failed = false;
	d->object = NULL;
	if (!kind_text)
		return missing_kind(d, v, api) ? 0 : skip(d, s, "(no kind)", NULL);
	int kind = kind_of(kind_text);
	if (kind < 0) {
		if (api && misspelt_policy(d, v, api, kind_text))
			return 0;
		return skip(d, s, kind_text, NULL);
	}
	if (!api && !inherited_or_metadata(v, list) && !wr_kind_is_policy((enum wr_kind)kind))
		return skip(d, s, "(no object)", NULL);
	/* an Ingress of an older version has another shape, and decides no verdict */
	if (api && !serves(api, (enum wr_kind)kind) &&
	    (!is_builtin_api(api) || kind == WR_KIND_INGRESS) &&
	    !looks_like_ours(api, (enum wr_kind)kind))
		return skip(d, s, kind_text, api);

	name_object(d, v, (enum wr_kind)kind);
	if (!api)
		missing_api(d, v, (enum wr_kind)kind);
	else if (!serves(api, (enum wr_kind)kind))
		wrong_api(d, v, api, (enum wr_kind)kind);
	struct wr_object *o = decode_object(d, v, (enum wr_kind)kind);
	if (d->nomem)
		return -ENOMEM;
	if (out)
		*out = o;
	return o && s ? keep(d, s, o) : 0;
}

bool wr_decode_is_list(const struct wr_value *value, struct wr_list_type *out)
{
	const char *kind = text_of(value, "kind");
	const struct wr_value *items = wr_value_get(value, "items");
	size_t n = kind ? strlen(kind) : 0;
	if (n < 4 || strcmp(kind + n - 4, "List") != 0)
		return false;
	if (n > 4 && !(items && (items->type == WR_LIST || items->type == WR_NULL)))
		return false;
	*out = (struct wr_list_type){.api = n > 4 ? text_of(value, "apiVersion") : NULL};
	if (n - 4 < sizeof(out->kind))
		memcpy(out->kind, kind, n - 4);
	return true;
}

static int decode_tree(struct wr_decoder *d, struct sink *s, const struct wr_value *v,
		       const struct wr_list_type *list)
{
	struct wr_list_type type;
	if (v->type != WR_MAP)
		return skip(d, s, "(no object)", NULL);
	if (!wr_decode_is_list(v, &type))
		return decode_item(d, s, v, list, NULL);
	struct wr_path path = WR_KEY(NULL, "items");
	d->object = NULL;
	const struct wr_value *items = wr_dec_list(d, &path, wr_value_get(v, "items"));
	/* the depth is that of the tree, which the reader has bounded */
	for (size_t i = 0; items && i < items->n; i++) {
		int rc = decode_tree(d, s, items->items[i], *type.kind ? &type : NULL);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int finish(struct wr_decoder *d, const struct sink *s, struct wr_objects *out)
{
	struct wr_objects r = {.n = s->objects.n, .n_skipped = wr_map_count(s->skipped)};
	r.items = wr_arena_array(d->arena, r.n, sizeof(*r.items));
	r.skipped = wr_arena_array(d->arena, r.n_skipped, sizeof(*r.skipped));
	if (!r.items || !r.skipped)
		return -ENOMEM;
	if (r.n)
		memcpy(r.items, s->objects.items, r.n * sizeof(*r.items));
	for (size_t i = 0; i < r.n_skipped; i++) {
		const struct wr_map_entry *e = wr_map_at(s->skipped, i);
		r.skipped[i].kind = wr_arena_strdup(d->arena, e->key);
		r.skipped[i].count = e->value;
		if (!r.skipped[i].kind)
			return -ENOMEM;
	}
	*out = r;
	return 0;
}

int wr_decode_with(const struct wr_input *in, const struct wr_decode_opts *opts,
		   struct wr_arena *arena, struct wr_diags *diags, struct wr_objects *out)
{
	struct wr_decoder d = {.arena = arena, .diags = diags};
	WR_CLEANUP(map)
	struct wr_map *names = wr_map_new();
	WR_CLEANUP(map)
	struct wr_map *skipped = wr_map_new();
	struct sink s = {.names = names, .skipped = skipped};
	if (!names || !skipped)
		return -ENOMEM;
	if (opts)
		d.opts = *opts;
	size_t errors = wr_diags_total(diags, WR_ERROR);
	int rc = 0;
	for (size_t i = 0; i < wr_input_count(in) && !rc; i++) {
		s.doc = wr_input_at(in, i);
		rc = decode_tree(&d, &s, s.doc->root, NULL);
	}
	if (!rc)
		rc = finish(&d, &s, out);
	wr_vec_free(&s.objects);
	if (rc)
		return rc;
	return wr_diags_total(diags, WR_ERROR) > errors ? -EINVAL : 0;
}

int wr_decode(const struct wr_input *in, struct wr_arena *arena, struct wr_diags *diags,
	      struct wr_objects *out)
{
	return wr_decode_with(in, NULL, arena, diags, out);
}

int wr_decode_item(const struct wr_value *value, const struct wr_list_type *list,
		   const struct wr_decode_opts *opts, struct wr_arena *arena,
		   struct wr_diags *diags, struct wr_object **out)
{
	struct wr_decoder d = {.arena = arena, .diags = diags};
	struct wr_object *o = NULL;
	if (opts)
		d.opts = *opts;
	size_t errors = wr_diags_total(diags, WR_ERROR);
	if (list && !*list->kind)
		list = NULL;
	int rc = value->type == WR_MAP ? decode_item(&d, NULL, value, list, &o) : 0;
	if (rc < 0)
		return rc;
	if (wr_diags_total(diags, WR_ERROR) > errors)
		return -EINVAL;
	*out = o;
	return 0;
}

int wr_decode_value(const struct wr_value *value, const struct wr_decode_opts *opts,
		    struct wr_arena *arena, struct wr_diags *diags, struct wr_object **out)
{
	return wr_decode_item(value, NULL, opts, arena, diags, out);
}
