/* SPDX-License-Identifier: Apache-2.0 */
/*
 * World of a lab: the API server's lists, read again from their text, with the
 * Node and Pod objects that the lab makes in place of Nodes, Pods and workloads.
 */
#include <stdio.h>
#include <string.h>

#include "api/check.h"
#include "lab/manifest.h"
#include "lab/internal.h"

void wr_lab_unbuild(struct wr_lab *lab)
{
	wr_program_unref(lab->program);
	wr_world_unref(lab->world);
	wr_arena_free(lab->arena);
	for (size_t i = 0; i < lab->inputs.n; i++)
		wr_input_free(lab->inputs.items[i]);
	wr_vec_free(&lab->inputs);
	lab->program = NULL;
	lab->world = NULL;
	lab->arena = NULL;
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

int wr_lab_check(const char *name, struct wr_diags *diags, struct wr_lab_state **out)
{
	struct wr_lab_state *s = NULL;
	if (!wr_lab_name_valid(name))
		return wr_lab_error(
			diags, -EINVAL,
			"'%s' is not a lab's name: 1 to %d lower case letters and digits", name,
			WR_LAB_NAME_MAX);
	int rc = wr_lab_state_load(name, diags, &s);
	if (rc)
		return rc;
	if (!s->running) {
		wr_lab_state_free(s);
		wr_lab_error(diags, -EBUSY, "lab '%s' was not built to its end", name);
		wr_diag_advise(diags, "'weir lab down --name %s' removes what there is of it",
			       name);
		return -EBUSY;
	}
	*out = s;
	return 0;
}

int wr_lab_open(const char *name, struct wr_diags *diags, struct wr_lab **out)
{
	struct wr_lab *lab = calloc(1, sizeof(*lab));
	if (!lab)
		return -ENOMEM;
	lab->lock = wr_lab_name_valid(name) ? wr_lab_lock(name, false, diags) : -1;
	int rc = lab->lock < 0 && wr_lab_name_valid(name) ? lab->lock
							  : wr_lab_check(name, diags, &lab->state);
	if (!rc)
		rc = wr_lab_build(lab, NULL, diags);
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

static struct wr_input *new_input(struct wr_lab *lab)
{
	struct wr_input *in = wr_input_new(NULL);
	if (in && wr_vec_push(&lab->inputs, in) < 0) {
		wr_input_free(in);
		return NULL;
	}
	return in;
}

/* Whether one of them has the name of another object. */
static bool has(const struct wr_objects *all, const struct wr_object *like)
{
	for (size_t i = 0; all && i < all->n; i++) {
		const struct wr_meta *m = &all->items[i]->meta, *n = &like->meta;
		if (all->items[i]->kind == like->kind && !strcmp(m->name, n->name) &&
		    !m->ns == !n->ns && (!m->ns || !strcmp(m->ns, n->ns)))
			return true;
	}
	return false;
}

static int read_all(struct wr_lab *lab, const struct wr_objects *with, struct sources *out,
		    struct wr_diags *diags)
{
	struct wr_lab_state *s = lab->state;
	struct wr_objects objects = {0};
	struct wr_input *in = new_input(lab);
	int rc = in ? 0 : -ENOMEM;
	for (size_t i = 0; i < s->docs.n && !rc; i++)
		rc = wr_input_bytes(in, s->docs.items[i].file, s->docs.items[i].line,
				    s->docs.items[i].text, s->docs.items[i].size, diags);
	if (!rc)
		rc = wr_decode(in, lab->arena, diags, &objects);
	for (size_t i = 0; i < objects.n && !rc; i++)
		if (!has(with, objects.items[i]))
			rc = wr_vec_push(&out->v, objects.items[i]);
	if (!rc)
		rc = wr_lab_sources_use(lab, out->v.items, out->v.n);
	for (size_t i = 0; with && i < with->n && !rc; i++)
		rc = wr_vec_push(&out->v, with->items[i]);
	for (size_t i = 0; i < out->v.n && !rc; i++)
		rc = check_names(out->v.items[i], diags);
	return rc;
}

/* ---- the objects of the world ---- */

static bool is_kept(const struct wr_object *o)
{
	return o->kind == WR_KIND_NAMESPACE || o->kind == WR_KIND_SERVICE ||
	       wr_kind_is_policy(o->kind);
}

/* The lab's own objects, by way of their JSON: they are no different from others. */
static int make_objects(struct wr_lab *lab, const struct wr_lab_wants *wants,
			struct wr_objects *out, struct wr_diags *diags)
{
	WR_CLEANUP(buf)
	struct wr_buf text = {0};
	for (uint32_t i = 0; i < lab->state->n_nodes; i++)
		wr_lab_node_json(i, &text);
	for (size_t i = 0; i < wants->v.n; i++)
		wr_lab_pod_json(lab->state, &wants->v.items[i], &text);
	struct wr_input *in = new_input(lab);
	if (!in || text.failed)
		return -ENOMEM;
	int rc = wr_input_bytes(in, "lab.json", 1, text.data, text.n, diags);
	return rc ? rc : wr_decode(in, lab->arena, diags, out);
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
	return 0;
}

static int build(struct wr_lab *lab, const struct wr_objects *with, struct sources *src,
		 struct wr_lab_wants *wants, struct wr_diags *diags)
{
	struct wr_objects made = {0};
	int rc = read_all(lab, with, src, diags);
	struct wr_objects read = {.items = src->v.items, .n = src->v.n};
	if (!rc)
		rc = wr_lab_expand(lab->state, &read, lab->arena, wants, diags);
	if (!rc)
		rc = wr_lab_alloc(lab->state, wants, diags);
	if (!rc)
		rc = make_objects(lab, wants, &made, diags);
	if (!rc)
		rc = join(lab, src, &made);
	if (!rc)
		rc = wr_world_new(&lab->objects, diags, &lab->world);
	return rc ? rc : wr_lab_services_assign(lab, diags);
}

int wr_lab_build(struct wr_lab *lab, const struct wr_objects *with, struct wr_diags *diags)
{
	struct sources src = {0};
	struct wr_lab_wants wants = {0};
	wr_lab_unbuild(lab);
	lab->arena = wr_arena_new();
	int rc = lab->arena ? build(lab, with, &src, &wants, diags) : -ENOMEM;
	wr_vec_free(&src.v);
	wr_vec_free(&wants.v);
	return rc;
}

int wr_lab_judge(struct wr_lab *lab, struct wr_diags *diags)
{
	static const struct wr_compile_opts all_nodes = {0};
	int rc = lab->program ? 0 : wr_compile(lab->world, &all_nodes, &lab->program);
	return rc ? wr_lab_error(diags, rc, "the policies cannot be compiled: %s", strerror(-rc))
		  : 0;
}
