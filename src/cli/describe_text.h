/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A NetworkPolicy in plain words. Sentences carry no trailing full stop; all
 * memory belongs to the arena given.
 */
#include "base/arena.h"
#include "model/world.h"

struct wr_texts {
	const char **items;
	size_t n, cap;
};

struct wr_said_rule {
	struct wr_mark mark;
	struct wr_texts peers; /* "pods with app=web in namespace shop, the policy's own: 3 pods" */
	struct wr_texts ports; /* "TCP 80", "every TCP port" */
};

struct wr_said_direction {
	bool isolates;
	const char *summary; /* what the policy does in this direction */
	struct wr_said_rule *rules;
	size_t n_rules;
	const char *denied; /* what stays denied; NULL where the policy does not isolate */
};

struct wr_description {
	const char *name; /* "shop/db" */
	struct wr_mark mark;
	const char *subject;  /* "pods with app=db in namespace shop" */
	const char *selects;  /* "2 pods: db-0, db-1" */
	struct wr_texts pods; /* "shop/db-0", workloads as "shop/db (Deployment)" */
	struct wr_said_direction directions[2]; /* by enum wr_direction */
	struct wr_texts remarks;
};

/* Describes one policy of tier WR_TIER_NETWORKPOLICY. 0 or -ENOMEM. */
int wr_describe(const struct wr_world *w, uint32_t policy, struct wr_arena *a,
		struct wr_description *out);
