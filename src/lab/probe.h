/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Inside probe: what a flow's names come down to. */
#include "lab/lab.h"

struct probe_target {
	char netns[WR_LAB_NETNS]; /* of the source */
	struct wr_ip src, dst;
	uint16_t port;
	uint8_t proto;
};

/*
 * Resolves a flow and fills in what the engine expects. A flow that cannot be
 * tried gets a note in result. Names that do not exist are errors (-EINVAL).
 */
int wr_lab_probe_target(struct wr_lab *lab, const struct wr_lab_flow *flow,
			struct probe_target *out, struct wr_lab_result *result,
			struct wr_diags *diags);
