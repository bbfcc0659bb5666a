/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Which policies are new, gone, or say something else. */
#include "base/vec.h"
#include "engine/diff.h"

typedef WR_VEC(struct wr_named_change) named_changes;

/* Appends to out, by kind, namespace and name; text is in the arena. 0 or -ENOMEM. */
int wr_compare_policies(const struct wr_world *before, const struct wr_world *after,
			struct wr_arena *arena, named_changes *out);
