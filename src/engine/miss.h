/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Near misses and reasons in words; parts of explain. */
#include "engine/explain.h"
#include "engine/match.h"

/* Fills out->misses from the isolating policies' rules; 0 or -ENOMEM. */
int wr_find_misses(const struct connection *c, const struct wr_side *peer, struct wr_arena *arena,
		   struct wr_reason *out);

/* Fills out->text; 0 or -ENOMEM. */
int wr_reason_text(const struct connection *c, struct wr_arena *arena, struct wr_reason *out);
