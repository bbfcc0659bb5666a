/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who: the kernel tells of a connection by addresses and numbers. Why it was
 * judged so is a question for the engine, which answers it from a world of its
 * own: the two ends, where they are, and the policies that can concern them.
 */
#include <string.h>

#include "agent/internal.h"

void who_free(struct who *w)
{
	wr_program_unref(w->program);
	wr_world_unref(w->world);
	wr_vec_free(&w->objects);
}

/* Each once; a world only reads them. */
static int add(struct who *w, const struct wr_object *o)
{
	union {
		const struct wr_object *in;
		struct wr_object *out;
	} object = {.in = o};
	for (size_t i = 0; i < w->objects.n; i++)
		if (w->objects.items[i] == o)
			return 0;
	return o ? wr_vec_push(&w->objects, object.out) : 0;
}

static int add_policies(const struct agent *a, const char *ns, struct who *w)
{
	const struct wr_object *o;
	int rc = 0;
	for (uint32_t at = 0; !rc && (o = wr_live_next_policy_in(a->live, ns, &at));)
		rc = add(w, o);
	return rc;
}

static int add_end(const struct agent *a, const struct wr_ip *ip, struct who *w)
{
	const char *node;
	const struct wr_object *o = wr_live_owner(a->live, ip, &node);
	int rc = add(w, o);
	if (rc || !o || o->kind != WR_KIND_POD)
		return rc;
	rc = add(w, wr_live_namespace(a->live, o->meta.ns));
	if (!rc && o->pod.spec.node)
		rc = add(w, wr_live_node(a->live, o->pod.spec.node));
	return rc ? rc : add_policies(a, o->meta.ns, w);
}

int who_is(const struct agent *a, const struct wr_ip ips[2], struct who *out)
{
	struct wr_compile_opts opts = {.node = a->opts->node};
	struct who w = {0};
	int rc = add_policies(a, NULL, &w);
	for (int i = 0; i < 2 && !rc; i++)
		rc = add_end(a, &ips[i], &w);
	struct wr_objects objects = {.items = w.objects.items, .n = w.objects.n};
	if (!rc)
		rc = wr_world_new(&objects, NULL, &w.world);
	if (!rc)
		rc = wr_compile(w.world, &opts, &w.program);
	if (rc) {
		who_free(&w);
		return rc;
	}
	*out = w;
	return 0;
}
