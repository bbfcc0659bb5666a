/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The ports of rules as they are written, for exposure: named ports stay names,
 * because the pods that would resolve them do not exist. NULL for a rule: every
 * port and protocol.
 */
#include "base/arena.h"
#include "model/world.h"

/* "TCP 80,UDP 53", "All Connections"; NULL: no memory. */
const char *wr_ports_words(struct wr_arena *a, const struct wr_rule *r);
/* Whether a certainly has all ports of b. */
bool wr_ports_cover(const struct wr_rule *a, const struct wr_rule *b);
/* Whether some port may be of both: a name may mean any number. */
bool wr_ports_meet(const struct wr_rule *a, const struct wr_rule *b);
