/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A slow, obvious evaluator of one connection, written from the definition of
 * NetworkPolicy and not from the engine: it looks at every policy, rule, peer
 * and port each time. Tests compare the engine with it.
 */
#include "model/world.h"

struct ref_side {
	uint32_t pod;    /* index, or WR_NONE */
	uint32_t node;   /* the node that this side is, or WR_NONE */
	struct wr_ip ip; /* family 0: none */
};

struct ref_opts {
	bool ipblocks_skip_pods;
};

/* Whether src may connect to dst, by direction. */
void ref_evaluate(const struct wr_world *w, const struct ref_opts *opts, const struct ref_side *src,
		  const struct ref_side *dst, uint8_t proto, uint16_t port, bool allow[2]);
