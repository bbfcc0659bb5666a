/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Exposure: what pods that do not exist yet could reach, and be reached by: for
 * every workload the peers that its policies name by labels, whoever carries
 * them today, and "any pod of any namespace" where nothing isolates it. What
 * cluster-wide rules deny before is taken off, and what they accept is added.
 */
#include "base/arena.h"
#include "engine/program.h"

struct wr_exposure {
	const char *workload; /* "shop/web[Deployment]" */
	enum wr_direction dir;
	const char *peer; /* "pods with app=web in namespace shop" */
	/* parts of these peers for which it does not hold: "pods with app=x ... on TCP 22" */
	const char **except;
	size_t n_except, n_more; /* n_more: further ones that are not listed */
	const char *ports;       /* "TCP 80,UDP 53", "All Connections but TCP 22" */
	uint32_t policy, rule;   /* WR_NONE: no rule; nothing isolates it in this direction */
	struct wr_mark mark;
};

/*
 * Of all workloads, each entry once, in the order of pods and of evaluation; in
 * arena memory. The other end must allow it, too. 0 or -ENOMEM.
 */
int wr_exposure_list(const struct wr_program *p, struct wr_arena *arena, struct wr_exposure **out,
		     size_t *n);
