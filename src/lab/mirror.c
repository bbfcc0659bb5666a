/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mirror: what the API says as the lab's documents. The lists as they came are
 * documents. Where weir cannot read one object of them (the API server lets
 * more pass) the lab goes on without that one: the others are written anew.
 */
#include <errno.h>
#include <string.h>

#include "api/decode.h"
#include "input/input.h"
#include "lab/internal.h"
#include "lab/kubelet.h"

static const enum wr_kind kinds[] = {
	WR_KIND_NAMESPACE,
	WR_KIND_POD,
	WR_KIND_SERVICE,
	WR_KIND_NETWORKPOLICY,
	WR_KIND_CLUSTERNETWORKPOLICY,
	WR_KIND_ADMINNETWORKPOLICY,
	WR_KIND_BASELINEADMINNETWORKPOLICY,
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool is_readable(const struct wr_buf *t)
{
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_diags *diags = wr_diags_new();
	struct wr_objects objects = {0};
	bool good = in && arena && diags &&
		    wr_input_bytes(in, "item", 1, t->data, t->n, diags) == 0 &&
		    wr_decode(in, arena, diags, &objects) == 0;
	wr_diags_free(diags);
	wr_arena_free(arena);
	wr_input_free(in);
	return good;
}

/* An item of a list, with the kind that the list has for all. */
static void write_item(struct wr_kubelet *k, enum wr_kind kind, const struct wr_value *item,
		       struct wr_buf *t)
{
	/* "/api/v1/pods", "/apis/apps/v1/deployments" */
	const char *path = wr_kube_kind_path(kind), *api = strchr(path + 1, '/') + 1;
	const char *version = wr_arena_printf(k->tree.arena, "%.*s", (int)(strrchr(api, '/') - api),
					      api);
	struct wr_value *o = wr_tree_copy(&k->tree, item);
	wr_tree_set_string(&k->tree, o, "apiVersion", version);
	wr_tree_set_string(&k->tree, o, "kind", wr_kind_name(kind));
	wr_answer_value(t, o);
}

static void write_readable(struct wr_kubelet *k, enum wr_kind kind, struct wr_buf *out)
{
	const struct wr_listing_of *l = &k->lists[kind];
	bool first = true;
	wr_buf_text(out, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[");
	for (size_t i = 0; i < l->n; i++) {
		WR_CLEANUP(buf)
		struct wr_buf one = {0};
		write_item(k, kind, l->items[i], &one);
		if (one.failed || !is_readable(&one))
			continue;
		wr_buf_text(out, first ? "" : ",");
		wr_buf_bytes(out, one.data, one.n);
		first = false;
	}
	wr_buf_text(out, "]}");
}

static int without_unreadable(struct wr_kubelet *k, struct wr_diags *diags, struct wr_lab **out)
{
	struct wr_lab_doc docs[N_KINDS];
	struct wr_buf texts[N_KINDS] = {0};
	bool broken = false;
	for (size_t i = 0; i < N_KINDS; i++) {
		write_readable(k, kinds[i], &texts[i]);
		broken |= texts[i].failed;
		docs[i] = (struct wr_lab_doc){.file = wr_kube_kind_path(kinds[i]),
					      .text = texts[i].data,
					      .size = texts[i].n};
	}
	int rc = broken || k->tree.nomem ? -ENOMEM
					 : wr_lab_mirror(k->name, docs, N_KINDS, diags, out);
	for (size_t i = 0; i < N_KINDS; i++)
		wr_buf_free(&texts[i]);
	return rc;
}

int wr_kubelet_follow(struct wr_kubelet *k, struct wr_diags *diags, struct wr_lab **out)
{
	struct wr_lab_doc docs[N_KINDS];
	struct wr_diags *first = wr_diags_new();
	size_t n = 0;
	if (!first)
		return -ENOMEM;
	for (size_t i = 0; i < N_KINDS; i++) {
		const struct wr_listing_of *l = &k->lists[kinds[i]];
		if (l->n)
			docs[n++] = (struct wr_lab_doc){.file = wr_kube_kind_path(kinds[i]),
							.text = l->body,
							.size = strlen(l->body)};
	}
	int rc = wr_lab_mirror(k->name, docs, n, first, out);
	for (size_t i = 0; rc && i < wr_diags_count(first); i++)
		if (wr_diags_at(first, i)->severity == WR_ERROR)
			k->log(wr_diags_at(first, i)->message);
	wr_diags_free(first);
	return rc && rc != -ENOENT && rc != -ENOMEM ? without_unreadable(k, diags, out) : rc;
}
