/* SPDX-License-Identifier: Apache-2.0 */
#include "model/grow.h"

#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

struct wr_world *wr_world_grow_new(void)
{
	struct wr_world *w = calloc(1, sizeof(*w));
	if (w && model_private_new(w) < 0) {
		model_world_free(w);
		return NULL;
	}
	return w;
}

/* What the interning has moved. */
static void refresh(struct wr_world *w)
{
	w->selectors = w->private->selectors.items;
	w->n_selectors = (uint32_t)w->private->selectors.n;
	w->n_keys = (uint32_t)wr_map_count(w->private->keys);
	w->n_pairs = (uint32_t)wr_map_count(w->private->pairs);
}

int wr_world_grow_namespace(struct wr_world *w, const char *name, uint32_t *out)
{
	struct wr_map *index = w->private->namespace_index;
	uint64_t *slot = wr_map_slot(index, name, strlen(name), wr_map_count(index), NULL);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	return 0;
}

int wr_world_grow_labels(struct wr_world *w, const struct wr_label *labels, size_t n,
			 struct wr_label_id *out)
{
	int rc = 0;
	for (size_t i = 0; i < n && !rc; i++) {
		rc = model_intern_key(w, labels[i].key, &out[i].key);
		if (!rc)
			rc = model_intern_pair(w, labels[i].key, labels[i].value, &out[i].pair);
	}
	model_sort_labels(out, rc ? 0 : n);
	refresh(w);
	return rc;
}

int wr_world_grow_subject(struct wr_world *w, const struct wr_object *o, struct wr_peer *out)
{
	struct wr_policy p;
	uint32_t ns;
	int rc = o->meta.ns ? wr_world_grow_namespace(w, o->meta.ns, &ns) : 0;
	if (!rc)
		rc = model_policy_subject(w, o, &p);
	refresh(w);
	if (!rc)
		*out = p.subject;
	return rc;
}

int wr_world_grow_policy(struct wr_world *w, const struct wr_object *o, uint32_t *slot)
{
	struct wr_world_private *pv = w->private;
	struct wr_policy p;
	uint32_t ns;
	int rc = o->meta.ns ? wr_world_grow_namespace(w, o->meta.ns, &ns) : 0;
	if (!rc)
		rc = model_policy(w, o, &p);
	refresh(w);
	if (rc)
		return rc;
	/* authors name it when its object is gone */
	p.name = wr_arena_strdup(pv->arena, p.name);
	p.ns = p.ns ? wr_arena_strdup(pv->arena, p.ns) : NULL;
	if (!p.name || !p.ns != !o->meta.ns)
		return -ENOMEM;
	if (*slot != WR_NONE) {
		pv->policies.items[*slot] = p;
		return 0;
	}
	rc = wr_vec_push(&pv->policies, p);
	if (rc)
		return rc;
	*slot = (uint32_t)pv->policies.n - 1;
	w->policies = pv->policies.items;
	w->n_policies = (uint32_t)pv->policies.n;
	return 0;
}

/* ---- keys ---- */

struct visit {
	int (*fn)(void *ctx, const char *key);
	void *ctx;
};

static int visit_selector(const struct visit *v, const struct wr_label_selector *s)
{
	int rc = 0;
	for (size_t i = 0; s && i < s->n && !rc; i++)
		rc = v->fn(v->ctx, s->reqs[i].key);
	return rc;
}

static int visit_network_policy(const struct visit *v, const struct wr_np_object *np)
{
	int rc = visit_selector(v, &np->pod_selector);
	for (int d = 0; d < 2; d++)
		for (size_t r = 0; r < np->n_rules[d]; r++)
			for (size_t i = 0; i < np->rules[d][r].n_peers && !rc; i++)
				rc = visit_selector(v, np->rules[d][r].peers[i].pod_selector);
	return rc;
}

static int visit_cluster_peer(const struct visit *v, const struct wr_cp_peer *peer)
{
	int rc = visit_selector(v, &peer->pods);
	return rc ? rc : visit_selector(v, &peer->nodes);
}

static int visit_cluster_policy(const struct visit *v, const struct wr_cp_object *cp)
{
	int rc = visit_selector(v, &cp->subject.pods);
	for (int d = 0; d < 2; d++)
		for (size_t r = 0; r < cp->n_rules[d]; r++)
			for (size_t i = 0; i < cp->rules[d][r].n_peers && !rc; i++)
				rc = visit_cluster_peer(v, &cp->rules[d][r].peers[i]);
	return rc;
}

int wr_policy_label_keys(const struct wr_object *o, int (*fn)(void *ctx, const char *key),
			 void *ctx)
{
	struct visit v = {fn, ctx};
	return wr_kind_is_cluster_policy(o->kind) ? visit_cluster_policy(&v, &o->cp)
						  : visit_network_policy(&v, &o->np);
}
