/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Diff: what two programs allow differently, between workloads and towards
 * ranges of addresses outside. Ranges that the two cut differently are cut
 * anew, so that equal verdicts never show as a difference.
 */
#include "engine/connectivity.h"

enum wr_change_kind { WR_CHANGE_ADDED, WR_CHANGE_REMOVED, WR_CHANGE_PORTS };

struct wr_change {
	enum wr_change_kind kind;
	const char *src, *dst;            /* as in wr_conn_node.text */
	const char *before, *after;       /* ports; NULL: nothing was, or is, allowed */
	bool narrowed;                    /* something that was allowed is not any more */
	bool new_workload, lost_workload; /* an end is on one side only: no policy's doing */
	/* who did it; only where both ends are on both sides */
	enum wr_direction dir;
	const char *why_before, *why_after; /* reasons, NULL: not known */
	struct wr_mark mark_before, mark_after;
};

struct wr_diff;

/* Compares (both compiled for all nodes). 0, -ENOMEM, -E2BIG. */
int wr_diff_new(const struct wr_program *before, const struct wr_program *after,
		struct wr_diff **out);
/*
 * The same for a part of the connections, where both have the same pods: what a
 * change of some policies changes, for the pods that they select.
 */
int wr_diff_of(const struct wr_program *before, const struct wr_program *after,
	       const struct wr_conn_focus *focus, struct wr_diff **out);
void wr_diff_free(struct wr_diff *d); /* takes NULL */

/* Sorted by source and destination; workloads first, then ranges. */
const struct wr_change *wr_diff_changes(const struct wr_diff *d, size_t *n);

/* What became of a policy, or a workload, by its name. */
struct wr_named_change {
	enum wr_change_kind kind; /* WR_CHANGE_PORTS: it is another now */
	const char *name;         /* "shop/db", "Admin/guard", "shop/web[Deployment]" */
	const char *policy_kind;  /* "NetworkPolicy"; NULL: a workload */
	/* cluster-wide policies that are others now: "priority from 10 to 30, subject"; or NULL */
	const char *what;
	struct wr_mark before, after;
};
const struct wr_named_change *wr_diff_policies(const struct wr_diff *d, size_t *n);
const struct wr_named_change *wr_diff_workloads(const struct wr_diff *d, size_t *n);
