/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Connectivity: all allowed connections between workloads and address ranges
 * outside.
 */
#include "base/bitset.h"
#include "engine/program.h"

struct wr_connectivity;

/* A node of the connectivity: a workload or a range of addresses outside. */
struct wr_conn_node {
	const char *ns, *name, *kind; /* workload; NULL for ranges */
	struct wr_ip first, last;     /* range: the widest that policies do not tell apart */
	const char *text;             /* "ns/name[Kind]", "a-b[External]" */
};

/* An allowed connection: allowed ranges of keys (WR_KEY), merged, sorted. */
struct wr_conn_edge {
	uint32_t src, dst; /* indices of nodes */
	uint32_t ports;    /* index of its set of ranges */
};

struct wr_key_range {
	uint32_t first, last;
};

/*
 * Computes all connections of a program (compiled for all nodes). Pods of one
 * workload are merged: a connection is allowed when it is between any of their
 * pods. Connections of a workload with itself and between ranges are left out.
 * Ranges of IPv6 appear only where a policy names IPv6 or a pod has such an
 * address. 0, -ENOMEM, -E2BIG.
 */
int wr_connectivity_new(const struct wr_program *p, struct wr_connectivity **out);

/*
 * A part of them: connections whose source is a workload with a pod of the
 * first set, or whose destination is one with a pod of the second. Sets are
 * by enum wr_direction, over indices into world.pods; NULL: nobody.
 */
struct wr_conn_focus {
	const struct wr_bitset *pods[2];
};
int wr_connectivity_of(const struct wr_program *p, const struct wr_conn_focus *focus,
		       struct wr_connectivity **out);
void wr_connectivity_free(struct wr_connectivity *c);

const struct wr_conn_node *wr_connectivity_nodes(const struct wr_connectivity *c, uint32_t *n);
/* Sorted by the text of source, then destination. */
const struct wr_conn_edge *wr_connectivity_edges(const struct wr_connectivity *c, uint64_t *n);
/* The ranges of an edge's ports number, and their text ("All Connections", "TCP 80,8000-9000,UDP 53"). */
const struct wr_key_range *wr_connectivity_ports(const struct wr_connectivity *c, uint32_t ports,
						 uint32_t *n);
const char *wr_connectivity_ports_text(const struct wr_connectivity *c, uint32_t ports);
