/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decode: documents to objects. Lists are opened, kinds that weir does not
 * know are counted, and of two objects with one name the second is an error.
 */
#include "api/decode.h"

#include <stdio.h>
#include <string.h>

#include "api/decoder.h"
#include "api/fields.h"
#include "base/map.h"
#include "base/vec.h"

#define LIST_DEPTH 4 /* a List within a List within ... */

struct decoding {
	struct wr_decoder d;
	const struct wr_document *doc; /* NULL: none */
	WR_VEC(struct wr_object *) objects;
	WR_VEC(struct wr_skipped) skipped;
	struct wr_map *skipped_index; /* kind to its number */
	struct wr_map *names;         /* "kind\nns\nname" to object number */
	bool any_failed;
};

/* ---- kinds ---- */

static const char *const groups_core[] = {"v1", NULL};
static const char *const groups_apps[] = {"apps/v1", "apps/v1beta1", "apps/v1beta2",
					  "extensions/v1beta1", NULL};
static const char *const groups_batch[] = {"batch/v1", "batch/v1beta1", "batch/v2alpha1", NULL};
static const char *const groups_net[] = {"networking.k8s.io/v1", NULL};

static const char *const *const versions[] = {
	[WR_KIND_NAMESPACE] = groups_core,
	[WR_KIND_POD] = groups_core,
	[WR_KIND_NODE] = groups_core,
	[WR_KIND_SERVICE] = groups_core,
	[WR_KIND_DEPLOYMENT] = groups_apps,
	[WR_KIND_REPLICASET] = groups_apps,
	[WR_KIND_STATEFULSET] = groups_apps,
	[WR_KIND_DAEMONSET] = groups_apps,
	[WR_KIND_REPLICATIONCONTROLLER] = groups_core,
	[WR_KIND_JOB] = groups_batch,
	[WR_KIND_CRONJOB] = groups_batch,
	[WR_KIND_NETWORKPOLICY] = groups_net,
};
_Static_assert(sizeof(versions) / sizeof(versions[0]) == WR_KIND_COUNT, "versions of every kind");

static int find_kind(const char *kind, const char *api_version)
{
	for (int k = 0; k < WR_KIND_COUNT; k++) {
		if (strcmp(kind, wr_kind_name(k)))
			continue;
		for (const char *const *v = versions[k]; *v; v++)
			if (!strcmp(*v, api_version))
				return k;
	}
	return -1;
}

static int skip(struct decoding *dc, const char *kind)
{
	bool created;
	uint64_t *slot = wr_map_slot(dc->skipped_index, kind, strlen(kind), dc->skipped.n,
				     &created);
	if (!slot)
		return -ENOMEM;
	size_t at = *slot;
	if (created && wr_vec_push(&dc->skipped, (struct wr_skipped){kind, 0}) < 0)
		return -ENOMEM;
	dc->skipped.items[at].count++;
	return 0;
}

/* A kind that is nearly a NetworkPolicy is a policy that would silently not be there. */
static bool is_misspelt_policy(struct decoding *dc, const struct wr_value *v, const char *kind,
			       const char *api_version)
{
	const struct wr_value *at = wr_value_get(v, "kind");
	struct wr_path path = WR_KEY(NULL, "kind"), version = WR_KEY(NULL, "apiVersion");
	if (!strcmp(kind, "NetworkPolicy")) {
		static const char *const foreign[] = {"projectcalico.org", "crd.antrea.io",
						      "cilium.io"};
		for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
			if (strstr(api_version, foreign[i]))
				return false;
		at = wr_value_get(v, "apiVersion");
		wr_dec_error(&dc->d, at ? at->mark : v->mark, &version,
			     "no kind NetworkPolicy in \"%.200s\"", api_version);
		wr_diag_advise(dc->d.diags, "write apiVersion: networking.k8s.io/v1");
		return true;
	}
	static const char *const others[] = {"Ingress", "IngressClass", "NetworkPolicyList", NULL};
	for (const char *const *o = others; *o; o++)
		if (!strcmp(kind, *o))
			return false;
	if (strncmp(api_version, "networking.k8s.io/", 18) ||
	    wr_typo_distance(kind, "NetworkPolicy") > 3)
		return false;
	wr_dec_error(&dc->d, at->mark, &path, "no kind \"%.200s\" in %.200s", kind, api_version);
	wr_diag_advise(dc->d.diags, "did you mean \"NetworkPolicy\"?");
	return true;
}

/* ---- one object ---- */

static void decode_kind(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	if (o->kind == WR_KIND_NETWORKPOLICY) {
		wr_dec_networkpolicy(d, v, o);
		return;
	}
	wr_dec_meta(d, v, o);
	if (o->kind == WR_KIND_POD)
		wr_dec_pod(d, v, o);
	else if (wr_kind_is_workload(o->kind))
		wr_dec_workload(d, v, o);
	else if (o->kind == WR_KIND_NODE)
		wr_dec_node(d, v, o);
	else if (o->kind == WR_KIND_SERVICE)
		wr_dec_service(d, v, o);
}

static const char *text_of(const struct wr_value *v, const char *key)
{
	const struct wr_value *t = wr_value_get(v, key);
	return t && t->type == WR_STRING ? t->text : NULL;
}

/* What messages call an object: "NetworkPolicy shop/db". */
static const char *object_text(struct wr_decoder *d, enum wr_kind kind, const struct wr_value *v)
{
	const struct wr_value *meta = wr_value_get(v, "metadata");
	const char *name = text_of(meta, "name"), *ns = text_of(meta, "namespace");
	if (!name)
		return wr_kind_name(kind);
	const char *text = ns ? wr_arena_printf(d->arena, "%s %s/%s", wr_kind_name(kind), ns, name)
			      : wr_arena_printf(d->arena, "%s %s", wr_kind_name(kind), name);
	d->nomem |= !text;
	return text;
}

/* A second object of the same kind, namespace and name. */
static void check_name(struct decoding *dc, const struct wr_object *o)
{
	char key[1024];
	int n = snprintf(key, sizeof(key), "%d\n%s\n%s", o->kind, o->meta.ns ? o->meta.ns : "",
			 o->meta.name);
	bool created;
	if (n < 0 || !*o->meta.name)
		return;
	uint64_t *slot = wr_map_slot(dc->names, key,
				     (size_t)n < sizeof(key) ? (size_t)n : sizeof(key) - 1,
				     dc->objects.n, &created);
	dc->d.nomem |= !slot;
	if (!slot || created)
		return;
	const struct wr_object *first = dc->objects.items[*slot];
	struct wr_path path = WR_KEY(NULL, "metadata"), at = WR_KEY(&path, "name");
	wr_dec_error(&dc->d, o->meta.mark, &at, "%s %s%s%s is already defined at %s:%u",
		     wr_kind_name(o->kind), o->meta.ns ? o->meta.ns : "", o->meta.ns ? "/" : "",
		     o->meta.name, first->meta.mark.file ? first->meta.mark.file : "",
		     first->meta.mark.line);
	wr_diag_advise(dc->d.diags, "kubectl would keep the last one only: rename or remove one");
}

static int decode_object(struct decoding *dc, const struct wr_value *v, enum wr_kind kind,
			 struct wr_object **out)
{
	struct wr_decoder *d = &dc->d;
	struct wr_object *o = wr_dec_array(d, 1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->kind = kind;
	o->mark = v->mark;
	o->doc = dc->doc;
	o->value = v;
	d->object = object_text(d, kind, v);
	d->failed = false;
	decode_kind(d, v, o);
	if (!d->failed)
		check_name(dc, o);
	d->object = NULL;
	dc->any_failed |= d->failed;
	if (d->nomem)
		return -ENOMEM;
	*out = d->failed ? NULL : o;
	return 0;
}

/* ---- documents and lists ---- */

static int decode_value(struct decoding *dc, const struct wr_value *v, const char *item_kind,
			const char *item_version, unsigned depth);

/* The items of List, or of a typed list (PodList), whose items may leave their kind out. */
static int decode_list(struct decoding *dc, const struct wr_value *v, const char *kind,
		       const char *api_version, unsigned depth)
{
	const struct wr_value *items = wr_value_get(v, "items");
	struct wr_path path = WR_KEY(NULL, "items");
	char *item_kind = NULL;
	if (depth >= LIST_DEPTH) {
		wr_dec_error(&dc->d, v->mark, NULL, "more than %d Lists inside each other",
			     LIST_DEPTH);
		dc->any_failed = true;
		return 0;
	}
	if (strcmp(kind, "List") &&
	    !(item_kind = wr_arena_strndup(dc->d.arena, kind, strlen(kind) - 4)))
		return -ENOMEM;
	dc->d.failed = false;
	items = wr_dec_list(&dc->d, &path, items);
	dc->any_failed |= dc->d.failed;
	int rc = 0;
	for (size_t i = 0; items && i < items->n && !rc; i++)
		rc = decode_value(dc, items->items[i], item_kind, item_kind ? api_version : NULL,
				  depth + 1);
	return rc;
}

/* A policy that kubectl would refuse must not count as one of the kinds that are left out. */
static int no_version(struct decoding *dc, const struct wr_value *v)
{
	struct wr_path path = WR_KEY(NULL, "apiVersion");
	wr_dec_error(&dc->d, v->mark, &path, "a NetworkPolicy must say its apiVersion");
	wr_diag_advise(dc->d.diags, "write apiVersion: networking.k8s.io/v1");
	dc->any_failed = true;
	return 0;
}

static bool is_list(const struct wr_value *v, const char *kind)
{
	size_t n = strlen(kind);
	return n >= 4 && !strcmp(kind + n - 4, "List") && wr_value_get(v, "items");
}

static int decode_value(struct decoding *dc, const struct wr_value *v, const char *item_kind,
			const char *item_version, unsigned depth)
{
	if (!v || v->type != WR_MAP)
		return skip(dc, "(no object)");
	const char *kind = text_of(v, "kind"), *api_version = text_of(v, "apiVersion");
	kind = kind ? kind : item_kind;
	api_version = api_version ? api_version : item_version;
	if (kind && !api_version && !strcmp(kind, "NetworkPolicy"))
		return no_version(dc, v);
	if (!kind || !api_version)
		return skip(dc, kind ? kind : "(no kind)");
	if (is_list(v, kind))
		return decode_list(dc, v, kind, api_version, depth);
	int k = find_kind(kind, api_version);
	if (k < 0) {
		dc->d.failed = false;
		if (is_misspelt_policy(dc, v, kind, api_version)) {
			dc->any_failed = true;
			return 0;
		}
		return skip(dc, kind);
	}
	struct wr_object *o;
	int rc = decode_object(dc, v, k, &o);
	return rc || !o ? rc : wr_vec_push(&dc->objects, o);
}

/* Moves what was found into the arena. */
static int finish(struct decoding *dc, struct wr_objects *out)
{
	struct wr_objects r = {.n = dc->objects.n, .n_skipped = dc->skipped.n};
	r.items = wr_arena_array(dc->d.arena, r.n, sizeof(*r.items));
	r.skipped = wr_arena_array(dc->d.arena, r.n_skipped, sizeof(*r.skipped));
	if (!r.items || !r.skipped)
		return -ENOMEM;
	if (r.n)
		memcpy(r.items, dc->objects.items, r.n * sizeof(*r.items));
	if (r.n_skipped)
		memcpy(r.skipped, dc->skipped.items, r.n_skipped * sizeof(*r.skipped));
	*out = r;
	return 0;
}

static int begin(struct decoding *dc, const struct wr_decode_opts *opts, struct wr_arena *arena,
		 struct wr_diags *diags)
{
	*dc = (struct decoding){.d = {.arena = arena, .diags = diags}};
	if (opts)
		dc->d.opts = *opts;
	dc->skipped_index = wr_map_new();
	dc->names = wr_map_new();
	return dc->skipped_index && dc->names ? 0 : -ENOMEM;
}

static void end(struct decoding *dc)
{
	wr_vec_free(&dc->objects);
	wr_vec_free(&dc->skipped);
	wr_map_free(dc->skipped_index);
	wr_map_free(dc->names);
}

int wr_decode_with(const struct wr_input *in, const struct wr_decode_opts *opts,
		   struct wr_arena *arena, struct wr_diags *diags, struct wr_objects *out)
{
	struct decoding dc;
	int rc = begin(&dc, opts, arena, diags);
	for (size_t i = 0; i < wr_input_count(in) && !rc; i++) {
		dc.doc = wr_input_at(in, i);
		rc = decode_value(&dc, dc.doc->root, NULL, NULL, 0);
	}
	if (!rc)
		rc = finish(&dc, out);
	if (!rc && dc.any_failed)
		rc = -EINVAL;
	end(&dc);
	return rc;
}

int wr_decode(const struct wr_input *in, struct wr_arena *arena, struct wr_diags *diags,
	      struct wr_objects *out)
{
	return wr_decode_with(in, NULL, arena, diags, out);
}

int wr_decode_value(const struct wr_value *value, const struct wr_decode_opts *opts,
		    struct wr_arena *arena, struct wr_diags *diags, struct wr_object **out)
{
	struct decoding dc;
	int rc = begin(&dc, opts, arena, diags);
	if (!rc)
		rc = decode_value(&dc, value, NULL, NULL, LIST_DEPTH);
	if (!rc && dc.any_failed)
		rc = -EINVAL;
	if (!rc)
		*out = dc.objects.n ? dc.objects.items[0] : NULL;
	end(&dc);
	return rc;
}
