/* SPDX-License-Identifier: Apache-2.0 */
/*
 * World of a lab: the applied documents read again from their text, batch by
 * batch (a name may occur once in each), with the Node and Pod objects that
 * the lab makes in place of Nodes, Pods and workloads.
 */
#include <stdio.h>
#include <string.h>

#include "api/check.h"
#include "base/map.h"
#include "lab/internal.h"

void wr_lab_unbuild(struct wr_lab *lab)
{
	wr_program_unref(lab->program);
	wr_world_unref(lab->world);
	wr_arena_free(lab->arena);
	wr_input_free(lab->input);
	for (size_t i = 0; i < lab->n_batches; i++)
		wr_input_free(lab->batches[i]);
	free(lab->batches);
	free(lab->live);
	wr_map_free(lab->where);
	lab->where = NULL;
	lab->program = NULL;
	lab->world = NULL;
	lab->arena = NULL;
	lab->input = NULL;
	lab->batches = NULL;
	lab->live = NULL;
	lab->n_batches = 0;
	lab->objects = (struct wr_objects){0};
}

void wr_lab_close(struct wr_lab *lab)
{
	if (!lab)
		return;
	wr_lab_unbuild(lab);
	wr_lab_state_free(lab->state);
	if (lab->lock >= 0)
		close(lab->lock);
	free(lab);
}

int wr_lab_open(const char *name, struct wr_diags *diags, struct wr_lab **out)
{
	if (!wr_lab_name_valid(name))
		return wr_lab_error(
			diags, -EINVAL,
			"'%s' is not a lab's name: 1 to %d lower case letters and digits", name,
			WR_LAB_NAME_MAX);
	struct wr_lab *lab = calloc(1, sizeof(*lab));
	if (!lab)
		return -ENOMEM;
	lab->lock = wr_lab_lock(name, false, diags);
	int rc = lab->lock < 0 ? lab->lock : wr_lab_state_load(name, diags, &lab->state);
	if (!rc && !lab->state->running) {
		rc = wr_lab_error(diags, -EBUSY, "lab '%s' was not built to its end", name);
		wr_diag_advise(diags, "'weir lab down --name %s' removes what there is of it",
			       name);
	}
	if (!rc)
		rc = wr_lab_build(lab, diags);
	if (rc < 0) {
		wr_lab_close(lab);
		return rc;
	}
	*out = lab;
	return 0;
}

/* ---- documents ---- */

struct sources {
	WR_VEC(struct wr_object *) v;
};

static bool is_dropped(const struct wr_lab_doc *d, const char *key)
{
	for (size_t i = 0; i < d->dropped.n; i++)
		if (!strcmp(d->dropped.items[i], key))
			return true;
	return false;
}

/* Index in the state of an object's document: documents of a batch are read in their order. */
static size_t doc_index(const struct wr_lab *lab, uint32_t batch, const struct wr_input *in,
			const struct wr_document *doc)
{
	size_t at = 0;
	for (size_t i = 0; i < lab->state->docs.n; i++) {
		if (lab->state->docs.items[i].batch != batch)
			continue;
		if (at < wr_input_count(in) && wr_input_at(in, at) == doc)
			return i;
		at++;
	}
	return SIZE_MAX;
}

/* Names become names of files, hosts and processes: they have to be what an API server takes. */
static int check_names(const struct wr_object *o, struct wr_diags *diags)
{
	const char *msgs[WR_CHECK_MAX], *bad = NULL;
	if (o->meta.ns && wr_check_dns_label(o->meta.ns, msgs))
		bad = o->meta.ns;
	else if (wr_check_dns_subdomain(o->meta.name, msgs))
		bad = o->meta.name;
	if (!bad)
		return 0;
	wr_diag_add(diags, WR_ERROR, o->meta.mark.file ? o->meta.mark : o->mark, NULL, NULL,
		    "'%.100s' cannot name a %s: %s", bad, wr_kind_name(o->kind), msgs[0]);
	return -EINVAL;
}

static int read_batch(struct wr_lab *lab, uint32_t batch, struct sources *out,
		      struct wr_diags *diags)
{
	struct wr_lab_state *s = lab->state;
	struct wr_input *in = wr_input_new(NULL);
	if (!in)
		return -ENOMEM;
	lab->batches[lab->n_batches++] = in;
	for (size_t i = 0; i < s->docs.n; i++) {
		const struct wr_lab_doc *d = &s->docs.items[i];
		int rc = d->batch == batch
				 ? wr_input_bytes(in, d->file, d->line, d->text, d->size, diags)
				 : 0;
		if (rc < 0)
			return rc;
	}
	struct wr_objects objects = {0};
	int rc = wr_decode(in, lab->arena, diags, &objects);
	for (size_t i = 0; i < objects.n && !rc; i++) {
		struct wr_object *o = objects.items[i];
		const char *key = wr_lab_key(lab->arena, o->kind, o->meta.ns, o->meta.name);
		size_t doc = doc_index(lab, batch, in, o->doc);
		if (!key)
			return -ENOMEM;
		rc = check_names(o, diags);
		if (rc)
			return rc;
		if (doc != SIZE_MAX && is_dropped(&s->docs.items[doc], key))
			continue;
		if (doc != SIZE_MAX) {
			lab->live[doc]++;
			rc = wr_map_put(lab->where, key, strlen(key), doc);
		}
		if (!rc)
			rc = wr_vec_push(&out->v, o);
	}
	return rc;
}

static int read_all(struct wr_lab *lab, struct sources *out, struct wr_diags *diags)
{
	struct wr_lab_state *s = lab->state;
	lab->batches = calloc(s->docs.n + 1, sizeof(*lab->batches));
	lab->live = calloc(s->docs.n + 1, sizeof(*lab->live));
	lab->where = wr_map_new();
	if (!lab->batches || !lab->live || !lab->where)
		return -ENOMEM;
	for (size_t i = 0; i < s->docs.n; i++) {
		/* documents of a batch follow each other */
		if (i && s->docs.items[i].batch == s->docs.items[i - 1].batch)
			continue;
		int rc = read_batch(lab, s->docs.items[i].batch, out, diags);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- the objects of the world ---- */

static bool is_kept(const struct wr_object *o)
{
	return o->kind == WR_KIND_NAMESPACE || o->kind == WR_KIND_SERVICE ||
	       wr_kind_is_policy(o->kind);
}

/* Namespaces that only a label command knows get an object to carry the labels. */
static void put_namespaces(const struct wr_lab_state *s, const struct sources *src,
			   struct wr_buf *b)
{
	for (size_t i = 0; i < s->labels.n; i++) {
		const struct wr_lab_label *l = &s->labels.items[i];
		bool there = l->ns != NULL;
		for (size_t k = 0; k < i && !there; k++)
			there = !s->labels.items[k].ns && !strcmp(s->labels.items[k].name, l->name);
		for (size_t k = 0; k < src->v.n && !there; k++)
			there = src->v.items[k]->kind == WR_KIND_NAMESPACE &&
				!strcmp(src->v.items[k]->meta.name, l->name);
		if (there)
			continue;
		wr_buf_text(
			b, "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":");
		wr_buf_json(b, l->name);
		wr_buf_text(b, "}}\n");
	}
}

/* The lab's own objects, by way of their JSON: they are no different from others. */
static int make_objects(struct wr_lab *lab, const struct sources *src,
			const struct wr_lab_wants *wants, struct wr_objects *out,
			struct wr_diags *diags)
{
	WR_CLEANUP(buf)
	struct wr_buf text = {0};
	for (uint32_t i = 0; i < lab->state->n_nodes; i++)
		wr_lab_node_json(i, &text);
	for (size_t i = 0; i < wants->v.n; i++)
		wr_lab_pod_json(lab->state, &wants->v.items[i], &text);
	put_namespaces(lab->state, src, &text);
	lab->input = wr_input_new(NULL);
	if (!lab->input || text.failed)
		return -ENOMEM;
	int rc = wr_input_bytes(lab->input, "lab.json", 1, text.data, text.n, diags);
	return rc ? rc : wr_decode(lab->input, lab->arena, diags, out);
}

static int join(struct wr_lab *lab, const struct sources *src, const struct wr_objects *made)
{
	struct wr_objects *all = &lab->objects;
	all->items = wr_arena_array(lab->arena, src->v.n + made->n, sizeof(*all->items));
	if (!all->items)
		return -ENOMEM;
	for (size_t i = 0; i < src->v.n; i++)
		if (is_kept(src->v.items[i]))
			all->items[all->n++] = src->v.items[i];
	for (size_t i = 0; i < made->n; i++)
		all->items[all->n++] = made->items[i];
	for (size_t i = 0; i < all->n; i++) {
		struct wr_object *o = all->items[i];
		if (o->kind != WR_KIND_NAMESPACE)
			continue;
		o->meta.labels = wr_lab_labels(lab->state, NULL, o->meta.name, o->meta.labels,
					       o->meta.n_labels, lab->arena, &o->meta.n_labels);
		if (!o->meta.labels)
			return -ENOMEM;
	}
	return 0;
}

static int build(struct wr_lab *lab, struct sources *src, struct wr_lab_wants *wants,
		 struct wr_diags *diags)
{
	static const struct wr_compile_opts all_nodes = {0};
	struct wr_objects made = {0};
	int rc = read_all(lab, src, diags);
	struct wr_objects read = {.items = src->v.items, .n = src->v.n};
	if (!rc)
		rc = wr_lab_expand(lab->state, &read, lab->arena, wants, diags);
	if (!rc)
		rc = wr_lab_alloc(lab->state, wants, diags);
	if (!rc)
		rc = make_objects(lab, src, wants, &made, diags);
	if (!rc)
		rc = join(lab, src, &made);
	if (!rc)
		rc = wr_world_new(&lab->objects, diags, &lab->world);
	if (rc)
		return rc;
	rc = wr_compile(lab->world, &all_nodes, NULL, &lab->program);
	if (rc)
		return wr_lab_error(diags, rc, "the policies cannot be compiled: %s",
				    strerror(-rc));
	return wr_lab_services_assign(lab, diags);
}

int wr_lab_build(struct wr_lab *lab, struct wr_diags *diags)
{
	struct sources src = {0};
	struct wr_lab_wants wants = {0};
	wr_lab_unbuild(lab);
	lab->arena = wr_arena_new();
	int rc = lab->arena ? build(lab, &src, &wants, diags) : -ENOMEM;
	wr_vec_free(&src.v);
	wr_vec_free(&wants.v);
	return rc;
}
