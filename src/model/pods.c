/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods: those that are given, and workloads that stand for theirs.
 *
 * A workload's entry is left out when its pods are there: Pods that it owns,
 * or that a workload owns which it owns (a Deployment's ReplicaSet, a
 * CronJob's Job). Who owns whom is read off the controller references by kind
 * and name; a ReplicaSet named by Pods counts as its Deployment's where the
 * ReplicaSet is given, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

#define OWNER_KEY 768

/* "ns\nKind\nname"; cut where it is longer than any valid name. */
static size_t owner_key(char *buf, const char *ns, const char *kind, const char *name)
{
	int n = snprintf(buf, OWNER_KEY, "%s\n%s\n%s", ns, kind, name);
	return n < 0 ? 0 : (size_t)n < OWNER_KEY ? (size_t)n : OWNER_KEY - 1;
}

enum { GIVEN = 1, HAS_DEPENDANTS = 2 };

static uint64_t standing_of(const struct wr_map *workloads, const struct wr_object *o)
{
	char key[OWNER_KEY];
	uint64_t flags = 0;
	wr_map_get(workloads, key, owner_key(key, o->meta.ns, wr_kind_name(o->kind), o->meta.name),
		   &flags);
	return flags;
}

static bool owner_given(const struct wr_map *workloads, const struct wr_object *o)
{
	char key[OWNER_KEY];
	uint64_t flags = 0;
	if (!o->meta.owner_kind)
		return false;
	wr_map_get(workloads, key,
		   owner_key(key, o->meta.ns, o->meta.owner_kind, o->meta.owner_name), &flags);
	return flags & GIVEN;
}

static int mark_owner(struct wr_map *workloads, const struct wr_object *o)
{
	char key[OWNER_KEY];
	if (!o->meta.owner_kind)
		return 0;
	size_t n = owner_key(key, o->meta.ns, o->meta.owner_kind, o->meta.owner_name);
	uint64_t *flags = wr_map_slot(workloads, key, n, 0, NULL);
	if (!flags)
		return -ENOMEM;
	*flags |= HAS_DEPENDANTS;
	return 0;
}

/* A Deployment keeps the ReplicaSets of its past, scaled to nothing: nobody stands for them. */
static bool is_past(const struct wr_map *workloads, const struct wr_object *o)
{
	return o->kind == WR_KIND_REPLICASET && !o->workload.replicas &&
	       owner_given(workloads, o) && !(standing_of(workloads, o) & HAS_DEPENDANTS);
}

/*
 * Notes the workloads that are given, and those that have something below
 * them. Pods and workloads name their owners; the owner of an owner is noted
 * by its own object.
 */
static int note_workloads(struct wr_map *workloads, const struct wr_objects *objects)
{
	char key[OWNER_KEY];
	int rc = 0;
	for (size_t i = 0; i < objects->n && !rc; i++) {
		const struct wr_object *o = objects->items[i];
		if (!wr_kind_is_workload(o->kind))
			continue;
		size_t n = owner_key(key, o->meta.ns, wr_kind_name(o->kind), o->meta.name);
		rc = wr_map_put(workloads, key, n, GIVEN);
	}
	for (size_t i = 0; i < objects->n && !rc; i++)
		if (objects->items[i]->kind == WR_KIND_POD)
			rc = mark_owner(workloads, objects->items[i]);
	for (size_t i = 0; i < objects->n && !rc; i++) {
		const struct wr_object *o = objects->items[i];
		if (wr_kind_is_workload(o->kind) && !is_past(workloads, o))
			rc = mark_owner(workloads, o);
	}
	return rc;
}

static bool stands(const struct wr_map *workloads, const struct wr_object *o)
{
	return o->kind == WR_KIND_POD || (wr_kind_is_workload(o->kind) && !is_past(workloads, o) &&
					  !(standing_of(workloads, o) & HAS_DEPENDANTS));
}

static bool is_completed(const struct wr_object *o)
{
	return o->kind == WR_KIND_POD && o->pod.phase &&
	       (!strcmp(o->pod.phase, "Succeeded") || !strcmp(o->pod.phase, "Failed"));
}

static int resolve_pod(struct wr_world *w, const struct wr_object *o, struct wr_pod *out)
{
	bool pod = o->kind == WR_KIND_POD;
	/* static pods are owned by their Node, which is no workload */
	bool owned = pod && o->meta.owner_kind && strcmp(o->meta.owner_kind, "Node");
	const struct wr_pod_spec *spec = pod ? &o->pod.spec : &o->workload.spec;
	*out = (struct wr_pod){
		.ns = o->meta.ns,
		.name = o->meta.name,
		.kind = o->kind,
		.ns_index = wr_world_find_namespace(w, o->meta.ns),
		.node = spec->node ? wr_world_find_node(w, spec->node) : WR_NONE,
		.ports = spec->ports,
		.n_ports = spec->n_ports,
		.host_network = spec->host_network,
		.completed = is_completed(o),
		.owner_kind = owned ? o->meta.owner_kind : wr_kind_name(o->kind),
		.owner_name = owned ? o->meta.owner_name : o->meta.name,
		.object = o,
	};
	if (pod && !out->completed) {
		out->ips = o->pod.ips;
		out->n_ips = o->pod.n_ips;
	}
	return pod ? model_intern_labels(w, o->meta.labels, o->meta.n_labels, &out->labels,
					 &out->n_labels)
		   : model_intern_labels(w, o->workload.labels, o->workload.n_labels, &out->labels,
					 &out->n_labels);
}

static int compare_pods(const void *pa, const void *pb)
{
	const struct wr_pod *a = pa, *b = pb;
	if (a->ns_index != b->ns_index)
		return a->ns_index < b->ns_index ? -1 : 1;
	int c = strcmp(a->name, b->name);
	return c ? c : (int)a->kind - (int)b->kind;
}

static int index_pods(struct wr_world *w)
{
	char key[OWNER_KEY];
	for (uint32_t i = 0; i < w->n_pods; i++) {
		const struct wr_pod *pod = &w->pods[i];
		struct wr_namespace *ns = &w->namespaces[pod->ns_index];
		if (!ns->n_pods++)
			ns->first_pod = i;
		size_t n = owner_key(key, pod->ns, "", pod->name);
		if (!wr_map_slot(w->private->pod_index, key, n, i, NULL))
			return -ENOMEM;
	}
	return 0;
}

int model_pods(struct wr_world *w, const struct wr_objects *objects)
{
	struct wr_map *workloads = wr_map_new();
	int rc = workloads ? note_workloads(workloads, objects) : -ENOMEM;
	size_t n = 0;
	for (size_t i = 0; i < objects->n && !rc; i++)
		n += stands(workloads, objects->items[i]);
	w->pods = rc ? NULL : wr_arena_array(w->private->arena, n, sizeof(*w->pods));
	if (!rc && !w->pods)
		rc = -ENOMEM;
	for (size_t i = 0; i < objects->n && !rc; i++)
		if (stands(workloads, objects->items[i]))
			rc = resolve_pod(w, objects->items[i], &w->pods[w->n_pods++]);
	wr_map_free(workloads);
	if (rc)
		return rc;
	if (w->n_pods)
		qsort(w->pods, w->n_pods, sizeof(*w->pods), compare_pods);
	return index_pods(w);
}

uint32_t wr_world_find_pod(const struct wr_world *w, const char *ns, const char *name,
			   enum wr_kind kind)
{
	char key[OWNER_KEY];
	uint64_t at;
	size_t n = owner_key(key, ns, "", name);
	if (!wr_map_get(w->private->pod_index, key, n, &at))
		return WR_NONE;
	/* those of one name follow each other, a Pod first for its kind is the lowest */
	for (uint32_t i = (uint32_t)at;
	     i < w->n_pods && !strcmp(w->pods[i].name, name) && !strcmp(w->pods[i].ns, ns); i++)
		if (kind == WR_KIND_COUNT || w->pods[i].kind == kind)
			return i;
	return WR_NONE;
}
