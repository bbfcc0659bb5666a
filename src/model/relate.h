/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Relate: what two selectors, or two peers, say of each other for whatever
 * labels there may be, not only those of the pods that are there. Where it
 * cannot be told (a rule of three selectors together), the answer is false.
 */
#include "model/world.h"

/* Whether all that a matches is matched by b (ids; WR_NONE: everything). */
bool wr_selector_implies(const struct wr_world *w, uint32_t a, uint32_t b);
/* Whether nothing is matched by both. */
bool wr_selector_excludes(const struct wr_world *w, uint32_t a, uint32_t b);

/* The same of peers of kind WR_PEER_PODS; NULL: any pod of any namespace. */
bool wr_peer_pods_within(const struct wr_world *w, const struct wr_peer *a,
			 const struct wr_peer *b);
bool wr_peer_pods_apart(const struct wr_world *w, const struct wr_peer *a, const struct wr_peer *b);
