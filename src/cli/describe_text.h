/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A policy in plain words. Sentences carry no trailing full stop; all memory
 * belongs to the arena given.
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
	/* of cluster-wide policies, else NULL */
	const char *name;         /* also NULL: it has none */
	const char *action;       /* "Accept"; "Allow" in the older kinds */
	const char *does;         /* "accepts, and nothing after it is asked" */
	const char *fails_closed; /* why, or NULL; then it has no peers and ports */
};

struct wr_said_direction {
	bool isolates;       /* NetworkPolicies */
	const char *summary; /* what the policy does in this direction */
	struct wr_said_rule *rules;
	size_t n_rules;
	const char *denied; /* what stays denied; NULL where the policy does not isolate */
	const char *rest;   /* cluster-wide policies: what becomes of what no rule matches */
};

struct wr_description {
	const char *kind; /* "NetworkPolicy" */
	const char *name; /* "shop/db", "Admin/deny-metadata" */
	enum wr_tier tier;
	uint32_t priority; /* cluster-wide policies but the one kind that has none */
	bool has_priority;
	struct wr_mark mark;
	const char *subject;  /* "pods with app=db in namespace shop" */
	const char *selects;  /* "2 pods: db-0, db-1" */
	struct wr_texts pods; /* "shop/db-0", workloads as "shop/db (Deployment)" */
	struct wr_said_direction directions[2]; /* by enum wr_direction */
	/* of cluster-wide policies: when it is asked, and who of its tier before and after */
	const char *order;
	struct wr_texts earlier, later;
	struct wr_texts remarks;
};

/* The order in which directions are shown. */
extern const enum wr_direction wr_said_order[2];

/* Describes one policy of any kind. 0 or -ENOMEM. */
int wr_describe(const struct wr_world *w, uint32_t policy, struct wr_arena *a,
		struct wr_description *out);
