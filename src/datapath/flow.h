/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Flow: an event of the kernel with names. The kernel decides by numbers; what
 * they mean is known to the program that judged.
 */
#include "base/buf.h"
#include "datapath/datapath.h"

struct wr_flow_context {
	const struct wr_program *program;
	uint32_t generation; /* that the program is; events of others keep their numbers */
	const char *node;    /* the node whose datapath judged */
	/* the name of an address outside, or NULL; may be NULL */
	const char *(*outside_name)(void *ctx, const struct wr_ip *ip);
	void *ctx;
};

/* Appends the event as one JSON object, without a line's end. 0 or -ENOMEM. */
int wr_flow_write(const struct wr_flow_context *c, const struct weir_event *e, struct wr_buf *out);
