/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Query: what a compiled program knows of its policies one by one: whom a
 * policy selects, whom a peer holds, which policies make a row. For those who
 * judge policies and not connections.
 *
 * Sets belong to the program. Sets of pods are over indices into world.pods
 * and never hold hostNetwork pods.
 */
#include "base/bitset.h"
#include "engine/program.h"

/* Pods that a policy selects. */
const struct wr_bitset *wr_query_subject(const struct wr_program *p, uint32_t policy);

/* One peer of a rule. */
struct wr_peer_id {
	uint32_t policy;
	enum wr_direction dir;
	uint32_t rule, peer;
};

/* Pods that a peer holds by selectors; NULL for ipBlocks and peers that hold nobody. */
const struct wr_bitset *wr_query_peer_pods(const struct wr_program *p, struct wr_peer_id id);

/*
 * Endpoints (indices into wr_program_endpoints()) that a peer holds, ipBlocks
 * included; *n their number. In no particular order.
 */
const uint32_t *wr_query_peer_endpoints(const struct wr_program *p, struct wr_peer_id id,
					uint32_t *n);

/* Policies that make a row, in the order of evaluation, and its direction. Row 0 has none. */
const uint32_t *wr_query_row(const struct wr_program *p, uint32_t row, uint32_t *n,
			     enum wr_direction *dir);
