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

/*
 * Notes every workload that has something below it. Pods and workloads name
 * their owners; the owner of an owner is noted by its own object.
 */
static int note_owners(struct wr_map *owners, const struct wr_objects *objects)
{
	char key[OWNER_KEY];
	for (size_t i = 0; i < objects->n; i++) {
		const struct wr_object *o = objects->items[i];
		if ((o->kind != WR_KIND_POD && !wr_kind_is_workload(o->kind)) || !o->meta.owner_kind)
			continue;
		size_t n = owner_key(key, o->meta.ns, o->meta.owner_kind, o->meta.owner_name);
		if (wr_map_put(owners, key, n, 1) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool has_dependants(const struct wr_map *owners, const struct wr_object *o)
{
	char key[OWNER_KEY];
	size_t n = owner_key(key, o->meta.ns, wr_kind_name(o->kind), o->meta.name);
	return wr_map_get(owners, key, n, NULL);
}

static bool stands(const struct wr_map *owners, const struct wr_object *o)
{
	return o->kind == WR_KIND_POD ||
	       (wr_kind_is_workload(o->kind) && !has_dependants(owners, o));
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
	struct wr_map *owners = wr_map_new();
	int rc = owners ? note_owners(owners, objects) : -ENOMEM;
	size_t n = 0;
	for (size_t i = 0; i < objects->n && !rc; i++)
		n += stands(owners, objects->items[i]);
	w->pods = rc ? NULL : wr_arena_array(w->private->arena, n, sizeof(*w->pods));
	if (!rc && !w->pods)
		rc = -ENOMEM;
	for (size_t i = 0; i < objects->n && !rc; i++)
		if (stands(owners, objects->items[i]))
			rc = resolve_pod(w, objects->items[i], &w->pods[w->n_pods++]);
	wr_map_free(owners);
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
	for (uint32_t i = (uint32_t)at; i < w->n_pods && !strcmp(w->pods[i].name, name) &&
					!strcmp(w->pods[i].ns, ns);
	     i++)
		if (kind == WR_KIND_COUNT || w->pods[i].kind == kind)
			return i;
	return WR_NONE;
}
