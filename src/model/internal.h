/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the model's files share: the world while it is being built. Each file
 * resolves one thing; world.c puts them in order.
 */
#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "model/world.h"

struct wr_world_private {
	unsigned refs;
	struct wr_arena *arena;
	struct wr_map *keys, *pairs;    /* label key and "key=value" to number */
	struct wr_map *selector_index;  /* packed requirements to selector id */
	struct wr_map *namespace_index; /* name to index */
	struct wr_map *pod_index;       /* "ns/name" to index of the first so named */
	struct wr_map *node_index;      /* name to index */
	WR_VEC(struct wr_selector) selectors;
	WR_VEC(struct wr_policy) policies; /* of a growing world (grow.h) */
};

/* world.c */
int model_private_new(struct wr_world *w);
void model_world_free(struct wr_world *w);

/* intern.c */
int model_intern_labels(struct wr_world *w, const struct wr_label *labels, size_t n,
			struct wr_label_id **out, size_t *n_out);
int model_intern_key(struct wr_world *w, const char *key, uint32_t *out);
int model_intern_pair(struct wr_world *w, const char *key, const char *value, uint32_t *out);
void model_sort_labels(struct wr_label_id *labels, size_t n);

/* selector.c: the number of a selector; WR_NONE where it has no requirements. */
int model_intern_selector(struct wr_world *w, const struct wr_label_selector *s, uint32_t *out);

/* Namespaces, nodes and pods; namespaces and nodes that are only mentioned included. */
int model_namespaces(struct wr_world *w, const struct wr_objects *objects);
int model_nodes(struct wr_world *w, const struct wr_objects *objects);
int model_pods(struct wr_world *w, const struct wr_objects *objects);
int model_services(struct wr_world *w, const struct wr_objects *objects);
int model_ingresses(struct wr_world *w, const struct wr_objects *objects); /* after the Services */
int model_policies(struct wr_world *w, const struct wr_objects *objects);

/* policies.c: a peer that names nothing but its kind; a port. */
struct wr_peer model_peer(enum wr_peer_kind kind, struct wr_mark mark);
void model_port(const struct wr_np_port *src, struct wr_port *out);
/* A policy of any kind; and only its names and its subject. */
int model_policy(struct wr_world *w, const struct wr_object *o, struct wr_policy *out);
int model_policy_subject(struct wr_world *w, const struct wr_object *o, struct wr_policy *out);
/* cluster_policies.c */
int model_cluster_policy(struct wr_world *w, const struct wr_object *o, struct wr_policy *out);
int model_cluster_subject(struct wr_world *w, const struct wr_object *o, struct wr_policy *out);
