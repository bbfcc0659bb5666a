/* SPDX-License-Identifier: Apache-2.0 */
/* Services: which pods stand behind each. */
#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

static bool has_pair(const struct wr_pod *pod, struct wr_label_id want)
{
	for (size_t i = 0; i < pod->n_labels; i++)
		if (pod->labels[i].key == want.key)
			return pod->labels[i].pair == want.pair;
	return false;
}

static bool selects(const struct wr_label_id *want, size_t n, const struct wr_pod *pod)
{
	if (pod->completed)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!has_pair(pod, want[i]))
			return false;
	return true;
}

static int resolve_service(struct wr_world *w, const struct wr_object *o, struct wr_service *out)
{
	*out = (struct wr_service){.ns = o->meta.ns, .name = o->meta.name, .object = o};
	if (!o->service.n_selector)
		return 0;
	struct wr_label_id *want;
	size_t n;
	int rc = model_intern_labels(w, o->service.selector, o->service.n_selector, &want, &n);
	if (rc)
		return rc;
	const struct wr_namespace *ns = &w->namespaces[wr_world_find_namespace(w, o->meta.ns)];
	size_t matches = 0;
	for (uint32_t i = ns->first_pod; i < ns->first_pod + ns->n_pods; i++)
		matches += selects(want, n, &w->pods[i]);
	out->pods = wr_arena_array(w->private->arena, matches, sizeof(uint32_t));
	if (!out->pods)
		return -ENOMEM;
	for (uint32_t i = ns->first_pod; i < ns->first_pod + ns->n_pods; i++)
		if (selects(want, n, &w->pods[i]))
			out->pods[out->n_pods++] = i;
	return 0;
}

static int compare(const void *pa, const void *pb)
{
	const struct wr_service *a = pa, *b = pb;
	int c = strcmp(a->ns, b->ns);
	return c ? c : strcmp(a->name, b->name);
}

int model_services(struct wr_world *w, const struct wr_objects *objects)
{
	size_t n = 0;
	for (size_t i = 0; i < objects->n; i++)
		n += objects->items[i]->kind == WR_KIND_SERVICE;
	w->services = wr_arena_array(w->private->arena, n, sizeof(*w->services));
	if (!w->services)
		return -ENOMEM;
	for (size_t i = 0; i < objects->n; i++) {
		if (objects->items[i]->kind != WR_KIND_SERVICE)
			continue;
		int rc = resolve_service(w, objects->items[i], &w->services[w->n_services]);
		if (rc)
			return rc;
		w->n_services++;
	}
	if (n)
		qsort(w->services, n, sizeof(*w->services), compare);
	return 0;
}
