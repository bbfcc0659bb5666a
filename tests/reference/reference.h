/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reference: the verdict of one connection, slowly and in plain sight.
 *
 * Tests hold the engine against it, so it shares nothing with the engine: no
 * tables, no interned labels, no order of policies but its own. Policies of all
 * kinds are read as their author wrote them (wr_policy.object), labels are
 * compared as text, and everything is found by looking at all there is.
 */
#include "model/world.h"

struct ref {
	const struct wr_world *world;
	bool ipblocks_skip_pods; /* ipBlocks never match a pod's address */
};

/* One end of a connection. */
struct ref_side {
	uint32_t pod;    /* index into the world's pods; WR_NONE: no pod */
	struct wr_ip ip; /* family 0: a pod without addresses */
};

/* The end that an address is: that of the pod that has it, or nobody's. */
struct ref_side ref_address(const struct ref *r, const struct wr_ip *ip);

/*
 * Whether one direction allows a new connection from src to dst: WR_EGRESS
 * asks for src's policies, WR_INGRESS for dst's. port counts for TCP, UDP and
 * SCTP only.
 */
bool ref_allows(const struct ref *r, enum wr_direction dir, const struct ref_side *src,
		const struct ref_side *dst, uint8_t proto, uint16_t port);

/* Whether a pod reaches itself by way of a Service (both directions). */
bool ref_hairpin(const struct ref *r, const struct ref_side *pod, uint8_t proto, uint16_t port);
