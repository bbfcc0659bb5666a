/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Growing worlds: labels, selectors and policies resolved one by one, for those
 * who follow changes (engine/live.h). Such a world has no pods, nodes and
 * namespaces of its own, only their names' numbers; its policies stand in no
 * order, each in a slot that it keeps. Nothing is ever freed singly: whoever
 * grows a world begins a new one when too much of it is of no use any more.
 */
#include "model/world.h"

/* NULL: out of memory. */
struct wr_world *wr_world_grow_new(void);

/* The number of a namespace, a new one at first sight. 0 or -ENOMEM. */
int wr_world_grow_namespace(struct wr_world *w, const char *name, uint32_t *out);

/* Interned labels, sorted by key id; out has room for n. 0 or -ENOMEM. */
int wr_world_grow_labels(struct wr_world *w, const struct wr_label *labels, size_t n,
			 struct wr_label_id *out);

/* The subject of a policy of any kind; of a NetworkPolicy, its namespace has a number. */
int wr_world_grow_subject(struct wr_world *w, const struct wr_object *o, struct wr_peer *out);

/*
 * Resolves a policy into a slot: *slot, or a new one where that is WR_NONE. Its
 * names are copied; of the rest, what an object has is borrowed from it. 0 or -ENOMEM.
 */
int wr_world_grow_policy(struct wr_world *w, const struct wr_object *o, uint32_t *slot);

/* Calls fn with every label key that a policy's selectors of pods and nodes name, doubles included. */
int wr_policy_label_keys(const struct wr_object *o, int (*fn)(void *ctx, const char *key),
			 void *ctx);

/* The order of evaluation: tier, priority, namespace, name, kind. As for qsort(). */
int wr_policy_compare(const struct wr_policy *a, const struct wr_policy *b);
