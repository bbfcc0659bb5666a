/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/load.h"

#include <errno.h>
#include <string.h>

#include "api/decode.h"
#include "apiserver/catalog.h"
#include "apiserver/definition.h"
#include "apiserver/write.h"
#include "base/cleanup.h"
#include "input/input.h"

WR_DEFINE_CLEANUP(input, struct wr_input *, wr_input_free)

/* A policy that a server without its definition would not take must not be lost in silence. */
static void say_undefined(const struct wr_value *o, const char *kind, const char *api,
			  struct wr_mark mark, struct wr_diags *diags)
{
	const char *name = wr_tree_text(o, "metadata.name");
	for (int k = 0; kind && k < WR_AS_RESOURCES; k++) {
		const struct wr_resource *r = &wr_resources[k];
		if (!r->defined || strcmp(r->kind, kind) != 0 ||
		    (api && strncmp(api, r->group, strlen(r->group)) != 0))
			continue;
		wr_diag_add(diags, WR_ERROR, mark, NULL, NULL,
			    "%s %s is not taken: no CustomResourceDefinition %s.%s serves it", kind,
			    name ? name : "", r->plural, r->group);
		wr_diag_advise(diags, "weir apiserver --policy-crds installs it");
	}
}

/* One object through the same door as a request's, its status put back behind it. */
static void load_object(struct wr_server *s, const struct wr_value *object,
			const struct wr_list_type *list, struct wr_arena *arena,
			struct wr_diags *diags)
{
	struct wr_reply reply = {0};
	const struct wr_request q = {.method = "POST", .uri = "", .body = ""};
	struct wr_call c = {
		.s = s, .q = &q, .out = &reply, .ns = "", .name = "", .sub = "", .t.arena = arena};
	struct wr_value *o = wr_tree_copy(&c.t, object);
	const char *kind = wr_tree_text(o, "kind"), *api = wr_tree_text(o, "apiVersion");
	if (list && !kind) {
		kind = list->kind;
		api = list->api;
	}
	const struct wr_resource *r;
	for (size_t at = 0; kind && (r = wr_catalog_next(&s->store, &at));) {
		char buf[WR_RESOURCE_TEXT];
		if (!strcmp(r->kind, kind) && (!api || !strcmp(wr_resource_api(r, buf), api)))
			c.kind = wr_resource_place(r), c.r = r;
	}
	if (!c.r) {
		say_undefined(o, kind, api, object->mark, diags);
		return; /* kinds that are not served are passed over */
	}
	const char *ns = wr_tree_text(o, "metadata.namespace");
	c.ns = !c.r->namespaced ? "" : ns && *ns ? ns : "default";
	const char *name = wr_tree_text(o, "metadata.name");
	c.name = name ? name : "";
	if (*c.name && wr_store_get(&s->store, c.kind, wr_call_key(&c, c.ns, c.name)))
		return;
	wr_tree_remove(wr_value_get(o, "metadata"), "resourceVersion");
	if (wr_object_address(&c, o) == 0)
		wr_write_new_loaded(&c, o);
	if (reply.code >= 400)
		wr_diag_add(diags, WR_ERROR, object->mark, NULL, NULL, "%s %s was refused: %s",
			    kind, c.name, reply.text.data ? reply.text.data : "");
	wr_reply_free(&reply);
	if (wr_catalog_refresh(&s->store) < 0)
		wr_diag_add(diags, WR_ERROR, object->mark, NULL, NULL, "%s", strerror(ENOMEM));
}

static void load_value(struct wr_server *s, const struct wr_value *v,
		       const struct wr_list_type *outer, struct wr_arena *arena,
		       struct wr_diags *diags)
{
	struct wr_list_type type;
	const struct wr_value *items = wr_value_get(v, "items");
	if (!wr_decode_is_list(v, &type)) {
		wr_arena_reset(arena);
		if (v->type == WR_MAP)
			load_object(s, v, outer, arena, diags);
		return;
	}
	for (size_t i = 0; items && items->type == WR_LIST && i < items->n; i++)
		load_value(s, items->items[i], &type, arena, diags);
}

static bool is_kind(const struct wr_value *v, const char *kind)
{
	const char *k = wr_tree_text(v, "kind");
	return k && !strcmp(k, kind);
}

static int load_documents(struct wr_server *s, struct wr_input *in, struct wr_arena *arena,
			  struct wr_diags *diags)
{
	/* what others need first, wherever it stands */
	for (size_t i = 0; i < wr_input_count(in); i++)
		if (is_kind(wr_input_at(in, i)->root, "Namespace") ||
		    is_kind(wr_input_at(in, i)->root, "CustomResourceDefinition"))
			load_value(s, wr_input_at(in, i)->root, NULL, arena, diags);
	for (size_t i = 0; i < wr_input_count(in); i++)
		load_value(s, wr_input_at(in, i)->root, NULL, arena, diags);
	return wr_diags_total(diags, WR_ERROR) ? -EINVAL : 0;
}

static int load_bytes(struct wr_server *s, const char *text, struct wr_arena *arena,
		      struct wr_diags *diags)
{
	WR_CLEANUP(input)
	struct wr_input *in = wr_input_new(NULL);
	int rc = in ? wr_input_bytes(in, "start", 1, text, strlen(text), diags) : -ENOMEM;
	return rc ? rc : load_documents(s, in, arena, diags);
}

static const char first[] =
	"{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"default\"}}\n"
	"{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"kube-system\"}}\n"
	"{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"kube-public\"}}\n";

int wr_load_policy_definitions(struct wr_server *s, struct wr_diags *diags)
{
	struct wr_tree t = {.arena = wr_arena_new()};
	struct wr_arena *scratch = wr_arena_new();
	for (int k = 0; t.arena && scratch && k < WR_AS_RESOURCES; k++) {
		wr_arena_reset(scratch);
		if (wr_resources[k].defined)
			load_object(s, wr_definition_of_policy(&t, &wr_resources[k]), NULL, scratch,
				    diags);
	}
	bool nomem = !t.arena || !scratch || t.nomem;
	wr_arena_free(t.arena);
	wr_arena_free(scratch);
	return nomem ? -ENOMEM : wr_diags_total(diags, WR_ERROR) ? -EINVAL : 0;
}

int wr_load(struct wr_server *s, const char *const *paths, size_t n, struct wr_diags *diags)
{
	struct wr_arena *arena = wr_arena_new();
	int rc = arena ? load_bytes(s, first, arena, diags) : -ENOMEM;
	for (size_t i = 0; i < n && !rc; i++) {
		WR_CLEANUP(input)
		struct wr_input *in = wr_input_new(NULL);
		rc = in ? wr_input_path(in, paths[i], diags) : -ENOMEM;
		if (!rc)
			rc = load_documents(s, in, arena, diags);
	}
	wr_arena_free(arena);
	return rc;
}
