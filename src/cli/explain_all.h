/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Everybody who cannot reach one destination, by the reason.
 */
#include "cli/cli.h"
#include "cli/resolve.h"
#include "cli/writer.h"

struct wr_all_question {
	const struct wr_program *program;
	struct wr_target to;
	/* to a Service: each of its pods, at the pod's port; NULL: to */
	const struct wr_service *service;
	const struct wr_service_port *service_port;
	uint8_t proto, family;
	uint16_t port;
};

/* Writes the answer. WR_EXIT_OK: all pods may reach it. WR_EXIT_NO. WR_EXIT_ERROR: printed. */
int wr_explain_all(const struct wr_args *args, const struct wr_all_question *q, struct wr_out *out);
