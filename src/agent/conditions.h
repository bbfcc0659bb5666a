/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the agents write into status.conditions of cluster-wide policies: whether
 * weir can enforce all of a policy's rules as they are written.
 *
 * Every agent of a cluster would write the same: what is wrong with a rule does
 * not depend on the node. So there is one condition for all, and nobody is
 * elected to write it. An agent that sees a policy whose condition is missing,
 * or is about an older generation, waits for a random time that grows with the
 * number of nodes, looks again, and writes only if nobody has. Whatever the
 * numbers of nodes and policies are, the API server gets about five writes a
 * second from all of them together, and one or two for a change.
 *
 * What is a node's own (it is behind, its kernel refuses) is not written: with
 * a row for each node, a policy would be as large as the cluster, and change as
 * often as its nodes do. weir status and /metrics tell that.
 */
#include <uv.h>

#include "api/object.h"
#include "base/vec.h"

struct agent;
struct condition_record;
struct wr_kube;

#define CONDITION_TYPE "AcceptedByWeir"

struct conditions {
	struct wr_kube *kube; /* NULL: there is no API to write to */
	uv_timer_t timer;
	WR_VEC(struct condition_record *) records; /* by kind and name */
	bool busy;                                 /* a write is under way */
	bool off;                                  /* the server does not let us */
	uint32_t failures;                         /* in a row */
	uint64_t random, written;
	/* the write that is under way */
	enum wr_kind kind;
	char name[256];
	int64_t generation;
	uint64_t uid;
};
