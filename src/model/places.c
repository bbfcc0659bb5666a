/* SPDX-License-Identifier: Apache-2.0 */
/* Places: namespaces and nodes, those that are only mentioned included. */
#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

#define METADATA_NAME "kubernetes.io/metadata.name"

struct names {
	const char **items;
	size_t n, cap;
};

static int note(struct wr_map *seen, struct names *list, const char *name)
{
	bool created;
	if (!name || !*name)
		return 0;
	if (!wr_map_slot(seen, name, strlen(name), 0, &created))
		return -ENOMEM;
	return created ? wr_vec_push(list, name) : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_names(struct names *list)
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare_names);
}

static int index_name(struct wr_map *index, const char *name, uint32_t i)
{
	return wr_map_put(index, name, strlen(name), i);
}

static uint32_t find_name(const struct wr_map *index, const char *name)
{
	uint64_t at;
	return wr_map_get(index, name, strlen(name), &at) ? (uint32_t)at : WR_NONE;
}

uint32_t wr_world_find_namespace(const struct wr_world *w, const char *name)
{
	return find_name(w->private->namespace_index, name);
}

uint32_t wr_world_find_node(const struct wr_world *w, const char *name)
{
	return find_name(w->private->node_index, name);
}

/* ---- namespaces ---- */

/* The labels, and the one that the API server gives every namespace. */
static int namespace_labels(struct wr_world *w, struct wr_namespace *ns)
{
	const struct wr_object *o = ns->object;
	size_t have = o ? o->meta.n_labels : 0, n = 0;
	struct wr_label *labels = wr_arena_array(w->private->arena, have + 1, sizeof(*labels));
	if (!labels)
		return -ENOMEM;
	for (size_t i = 0; i < have; i++)
		if (strcmp(o->meta.labels[i].key, METADATA_NAME))
			labels[n++] = o->meta.labels[i];
	labels[n++] = (struct wr_label){.key = METADATA_NAME, .value = ns->name};
	return model_intern_labels(w, labels, n, &ns->labels, &ns->n_labels);
}

int model_namespaces(struct wr_world *w, const struct wr_objects *objects)
{
	struct names list = {0};
	struct wr_map *seen = wr_map_new();
	int rc = seen ? 0 : -ENOMEM;
	for (size_t i = 0; i < objects->n && !rc; i++) {
		const struct wr_object *o = objects->items[i];
		rc = note(seen, &list, o->kind == WR_KIND_NAMESPACE ? o->meta.name : o->meta.ns);
	}
	wr_map_free(seen);
	sort_names(&list);
	w->namespaces = rc ? NULL
			   : wr_arena_array(w->private->arena, list.n, sizeof(*w->namespaces));
	if (!rc && !w->namespaces)
		rc = -ENOMEM;
	for (size_t i = 0; i < list.n && !rc; i++) {
		w->namespaces[w->n_namespaces++].name = list.items[i];
		rc = index_name(w->private->namespace_index, list.items[i], (uint32_t)i);
	}
	wr_vec_free(&list);
	for (size_t i = 0; i < objects->n && !rc; i++)
		if (objects->items[i]->kind == WR_KIND_NAMESPACE && *objects->items[i]->meta.name)
			w->namespaces[wr_world_find_namespace(w, objects->items[i]->meta.name)]
				.object = objects->items[i];
	for (uint32_t i = 0; i < w->n_namespaces && !rc; i++)
		rc = namespace_labels(w, &w->namespaces[i]);
	return rc;
}

/* ---- nodes ---- */

static const char *node_name(const struct wr_object *o)
{
	if (o->kind == WR_KIND_NODE)
		return o->meta.name;
	return o->kind == WR_KIND_POD ? o->pod.spec.node : NULL;
}

static bool has_ip(const struct wr_node *n, const struct wr_ip *ip)
{
	for (size_t i = 0; i < n->n_ips; i++)
		if (wr_ip_equal(&n->ips[i], ip))
			return true;
	return false;
}

/* Addresses of a node without its object: the hostIPs of its pods. */
static int guess_addresses(struct wr_world *w, const struct wr_objects *objects)
{
	for (size_t i = 0; i < objects->n; i++) {
		const struct wr_object *o = objects->items[i];
		if (o->kind != WR_KIND_POD || !o->pod.spec.node)
			continue;
		struct wr_node *n = &w->nodes[wr_world_find_node(w, o->pod.spec.node)];
		for (size_t k = 0; k < o->pod.n_host_ips && !n->object; k++) {
			if (has_ip(n, &o->pod.host_ips[k]))
				continue;
			/* rarely more than one of each family */
			struct wr_ip *ips = wr_arena_array(w->private->arena, n->n_ips + 1,
							   sizeof(*ips));
			if (!ips)
				return -ENOMEM;
			if (n->n_ips)
				memcpy(ips, n->ips, n->n_ips * sizeof(*ips));
			ips[n->n_ips++] = o->pod.host_ips[k];
			n->ips = ips;
		}
	}
	return 0;
}

int model_nodes(struct wr_world *w, const struct wr_objects *objects)
{
	struct names list = {0};
	struct wr_map *seen = wr_map_new();
	int rc = seen ? 0 : -ENOMEM;
	for (size_t i = 0; i < objects->n && !rc; i++)
		rc = note(seen, &list, node_name(objects->items[i]));
	wr_map_free(seen);
	sort_names(&list);
	w->nodes = rc ? NULL : wr_arena_array(w->private->arena, list.n, sizeof(*w->nodes));
	if (!rc && !w->nodes)
		rc = -ENOMEM;
	for (size_t i = 0; i < list.n && !rc; i++) {
		w->nodes[w->n_nodes++].name = list.items[i];
		rc = index_name(w->private->node_index, list.items[i], (uint32_t)i);
	}
	wr_vec_free(&list);
	for (size_t i = 0; i < objects->n && !rc; i++) {
		const struct wr_object *o = objects->items[i];
		if (o->kind != WR_KIND_NODE || !*o->meta.name)
			continue;
		struct wr_node *n = &w->nodes[wr_world_find_node(w, o->meta.name)];
		n->object = o;
		n->ips = o->node.ips;
		n->n_ips = o->node.n_ips;
		rc = model_intern_labels(w, o->meta.labels, o->meta.n_labels, &n->labels,
					 &n->n_labels);
	}
	return rc ? rc : guess_addresses(w, objects);
}
