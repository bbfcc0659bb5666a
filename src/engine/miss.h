/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Near misses and reasons in words; parts of explain. */
#include "engine/explain.h"
#include "engine/match.h"

/* Fills out->misses from the isolating policies' rules; 0 or -ENOMEM. */
int wr_find_misses(const struct connection *c, const struct wr_side *peer, struct wr_arena *arena,
		   struct wr_reason *out);

/*
 * Whether a rule matches; where not, why not in m->text (NULL: out of memory),
 * also where more than one thing is wrong, m->mark and m->mend.
 */
bool wr_rule_tried(const struct connection *c, uint32_t policy, enum wr_direction dir,
		   uint32_t rule, const struct wr_side *side, struct wr_near_miss *m,
		   struct wr_arena *a);

/* Fills out->text; 0 or -ENOMEM. */
int wr_reason_text(const struct connection *c, struct wr_arena *arena, struct wr_reason *out);
