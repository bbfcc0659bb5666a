/* SPDX-License-Identifier: Apache-2.0 */
/* Services: which pods stand behind each; Ingresses: which Services. */
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

uint32_t wr_world_find_service(const struct wr_world *w, const char *ns, const char *name)
{
	const struct wr_service key = {.ns = ns, .name = name};
	const struct wr_service *found = w->n_services ? bsearch(&key, w->services, w->n_services,
								 sizeof(key), compare)
						       : NULL;
	return found ? (uint32_t)(found - w->services) : WR_NONE;
}

static int resolve_ingress(struct wr_world *w, const struct wr_object *o, struct wr_ingress *out)
{
	*out = (struct wr_ingress){.ns = o->meta.ns, .name = o->meta.name, .object = o};
	out->services = wr_arena_array(w->private->arena, o->ingress.n_backends, sizeof(uint32_t));
	if (!out->services)
		return -ENOMEM;
	for (size_t i = 0; i < o->ingress.n_backends; i++)
		out->services[i] = wr_world_find_service(w, o->meta.ns,
							 o->ingress.backends[i].service);
	return 0;
}

static int compare_ingresses(const void *pa, const void *pb)
{
	const struct wr_ingress *a = pa, *b = pb;
	int c = strcmp(a->ns, b->ns);
	return c ? c : strcmp(a->name, b->name);
}

int model_ingresses(struct wr_world *w, const struct wr_objects *objects)
{
	size_t n = 0;
	for (size_t i = 0; i < objects->n; i++)
		n += objects->items[i]->kind == WR_KIND_INGRESS;
	w->ingresses = wr_arena_array(w->private->arena, n, sizeof(*w->ingresses));
	if (!w->ingresses)
		return -ENOMEM;
	for (size_t i = 0; i < objects->n; i++) {
		if (objects->items[i]->kind != WR_KIND_INGRESS)
			continue;
		int rc = resolve_ingress(w, objects->items[i], &w->ingresses[w->n_ingresses]);
		if (rc)
			return rc;
		w->n_ingresses++;
	}
	if (n)
		qsort(w->ingresses, n, sizeof(*w->ingresses), compare_ingresses);
	return 0;
}

uint16_t wr_service_target(const struct wr_service_port *port, const struct wr_pod *pod)
{
	if (!port->target_name)
		return port->target_port;
	for (size_t i = 0; i < pod->n_ports; i++)
		if (pod->ports[i].name && !strcmp(pod->ports[i].name, port->target_name) &&
		    pod->ports[i].proto == port->proto)
			return pod->ports[i].port;
	return 0;
}

const struct wr_service_port *wr_service_backend_port(const struct wr_service *s,
						      const struct wr_ingress_backend *b)
{
	const struct wr_service_object *o = &s->object->service;
	for (size_t i = 0; i < o->n_ports; i++)
		if (b->port_name ? o->ports[i].name && !strcmp(o->ports[i].name, b->port_name)
				 : o->ports[i].port == b->port)
			return &o->ports[i];
	return NULL;
}
