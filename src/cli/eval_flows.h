/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Evaluation of a stream of flows: one JSON object a line in, one a line out,
 * in constant memory.
 */
#include "cli/cli.h"
#include "engine/program.h"

/*
 * Reads flows from a file ("-": stdin) and answers on stdout; stats: prints
 * counts and times to stderr. family: 0 or the family for flows that do not
 * say. Returns the exit status.
 */
int wr_eval_flows(const struct wr_args *args, const struct wr_program *p, const char *file,
		  uint8_t family, bool stats);
