/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The flow records of labs and agents, for people or as they are. */
#include "base/arena.h"
#include "cli/writer.h"

struct wr_flow_printer {
	struct wr_out *out;
	struct wr_arena *arena; /* of one line */
	bool json, denied_only;
	const char *from, *to; /* NAMESPACE/POD or an address; NULL: any */
};

/* Prints one record, a line of JSON; ctx is the printer. Lines that are none are passed over. */
void wr_flow_print(void *ctx, const char *line);
