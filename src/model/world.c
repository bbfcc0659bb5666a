/* SPDX-License-Identifier: Apache-2.0 */
/*
 * World: puts a snapshot together, in the order in which things depend on each
 * other: places, pods, what selects pods.
 */
#include "model/world.h"

#include <stdlib.h>

#include "model/internal.h"

int model_private_new(struct wr_world *w)
{
	struct wr_world_private *pv = calloc(1, sizeof(*pv));
	w->private = pv;
	if (!pv)
		return -ENOMEM;
	pv->refs = 1;
	pv->arena = wr_arena_new();
	pv->keys = wr_map_new();
	pv->pairs = wr_map_new();
	pv->selector_index = wr_map_new();
	pv->namespace_index = wr_map_new();
	pv->pod_index = wr_map_new();
	pv->node_index = wr_map_new();
	return pv->arena && pv->keys && pv->pairs && pv->selector_index && pv->namespace_index &&
			       pv->pod_index && pv->node_index
		       ? 0
		       : -ENOMEM;
}

void model_world_free(struct wr_world *w)
{
	struct wr_world_private *pv = w->private;
	if (pv) {
		wr_arena_free(pv->arena);
		wr_map_free(pv->keys);
		wr_map_free(pv->pairs);
		wr_map_free(pv->selector_index);
		wr_map_free(pv->namespace_index);
		wr_map_free(pv->pod_index);
		wr_map_free(pv->node_index);
		wr_vec_free(&pv->selectors);
		wr_vec_free(&pv->policies);
		free(pv);
	}
	free(w);
}

struct wr_world *wr_world_ref(struct wr_world *w)
{
	__atomic_add_fetch(&w->private->refs, 1, __ATOMIC_RELAXED);
	return w;
}

void wr_world_unref(struct wr_world *w)
{
	if (w && !__atomic_sub_fetch(&w->private->refs, 1, __ATOMIC_ACQ_REL))
		model_world_free(w);
}

int wr_world_new(const struct wr_objects *objects, struct wr_diags *diags, struct wr_world **out)
{
	(void)diags; /* every object resolves; what is missing is made */
	struct wr_world *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	int rc = model_private_new(w);
	if (!rc)
		rc = model_namespaces(w, objects);
	if (!rc)
		rc = model_nodes(w, objects);
	if (!rc)
		rc = model_pods(w, objects);
	if (!rc)
		rc = model_services(w, objects);
	if (!rc)
		rc = model_ingresses(w, objects);
	if (!rc)
		rc = model_policies(w, objects);
	if (rc) {
		model_world_free(w);
		return rc;
	}
	w->selectors = w->private->selectors.items;
	w->n_selectors = (uint32_t)w->private->selectors.n;
	w->n_keys = (uint32_t)wr_map_count(w->private->keys);
	w->n_pairs = (uint32_t)wr_map_count(w->private->pairs);
	*out = w;
	return 0;
}
