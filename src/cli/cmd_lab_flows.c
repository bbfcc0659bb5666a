/* SPDX-License-Identifier: Apache-2.0 */
/* weir lab flows: the connections that the nodes judged, with names and reasons. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/cmd_lab.h"
#include "cli/flow_print.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "lab/lab.h"

#define FOLLOW_MS 300

/* Prints the log from *next on. */
static int turn(const char *name, uint64_t *next, struct wr_flow_printer *p, struct wr_diags *diags)
{
	struct wr_lab *lab = NULL;
	int rc = wr_lab_open(name, diags, &lab);
	if (!rc)
		rc = wr_lab_judge(lab, diags);
	if (!rc)
		rc = wr_lab_flows_read(lab, next, wr_flow_print, p);
	wr_lab_close(lab);
	wr_out_flush(p->out);
	return rc;
}

static int run_flows(const struct wr_args *args)
{
	struct wr_flow_printer p = {
		.out = wr_out_new(STDOUT_FILENO, WR_TABLE),
		.arena = wr_arena_new(),
		.json = wr_arg_choice(args, "output") == WR_JSON,
		.denied_only = wr_arg_flag(args, "denied"),
	};
	struct wr_diags *diags = wr_diags_new();
	uint64_t next = 0;
	if (!p.out || !p.arena || !diags)
		return wr_fail(args, "out of memory");
	int rc = turn(wr_arg_string(args, "name"), &next, &p, diags);
	while (!rc && wr_arg_flag(args, "follow") && !wr_out_failed(p.out)) {
		nanosleep(&(struct timespec){.tv_nsec = FOLLOW_MS * 1000000L}, NULL);
		rc = turn(wr_arg_string(args, "name"), &next, &p, diags);
	}
	wr_print_diags(diags, NULL, false);
	wr_diags_free(diags);
	wr_arena_free(p.arena);
	return wr_out_finish(p.out, rc ? WR_EXIT_ERROR : WR_EXIT_OK);
}

static const struct wr_option options[] = {
	WR_OPTION_LAB_NAME,
	{"follow", 0, WR_OPT_FLAG, .help = "go on printing as connections come, until interrupted"},
	{"denied", 0, WR_OPT_FLAG, .help = "denied connections only"},
	WR_OPTION_OUTPUT_TABLE_JSON,
	{0},
};

const struct wr_command wr_lab_flows_command = {
	.name = "flows",
	.summary = "show the connections that were judged, and why",
	.description =
		"New connections, allowed and denied, as the nodes' kernels reported them: time, "
		"source, destination, verdict, the policy, rule and line that allowed it, or the "
		"policies that isolate and the rule that nearly allowed it. Repetitions within a "
		"second are left out.",
	.examples = "weir lab flows --denied\nweir lab flows --follow -o json\n",
	.options = options,
	.run = run_flows,
};
