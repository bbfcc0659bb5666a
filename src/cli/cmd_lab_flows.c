/* SPDX-License-Identifier: Apache-2.0 */
/* weir lab flows: the connections that the nodes judged, with names and reasons. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/cmd_lab.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "input/input.h"
#include "lab/lab.h"

#define FOLLOW_MS 300

struct printing {
	struct wr_out *out;
	struct wr_arena *arena; /* of one line */
	bool json, denied_only;
};

static const char *text_of(const struct wr_value *v, const char *key)
{
	const struct wr_value *f = wr_value_get(v, key);
	return f && (f->type == WR_STRING || f->type == WR_INT) ? f->text : "";
}

/* Two lines for people: the connection, and why. */
static void print_line(struct printing *p, const struct wr_value *v)
{
	bool deny = !strcmp(text_of(v, "verdict"), "deny");
	const struct wr_value *near = wr_value_get(v, "near_miss");
	const char *time = text_of(v, "time"), *clock = strchr(time, 'T');
	wr_out_printf(p->out, "%.12s  %s  %s%-5s%s  %s -> %s  %s %s%s\n", clock ? clock + 1 : time,
		      text_of(v, "node"), wr_out_colour(p->out, deny ? WR_RED : WR_GREEN),
		      text_of(v, "verdict"), wr_out_colour(p->out, WR_PLAIN), text_of(v, "from"),
		      text_of(v, "to"), text_of(v, "protocol"), text_of(v, "port"),
		      wr_value_get(v, "cut") ? "  (live connection cut)" : "");
	wr_out_printf(p->out, "      %s%s%s", wr_out_colour(p->out, WR_DIM),
		      text_of(v, "direction"), *text_of(v, "direction") ? ": " : "");
	wr_out_text(p->out, text_of(v, "reason"));
	if (*text_of(v, "file"))
		wr_out_printf(p->out, " (%s:%s)", text_of(v, "file"), text_of(v, "line"));
	if (near) {
		wr_out_printf(p->out, "\n      near miss: %s rule %s at %s:%s: %s",
			      text_of(near, "policy"), text_of(near, "rule"), text_of(near, "file"),
			      text_of(near, "line"), text_of(near, "text"));
		if (*text_of(near, "mend"))
			wr_out_printf(p->out, "\n      to allow it: %s", text_of(near, "mend"));
	}
	wr_out_printf(p->out, "%s\n", wr_out_colour(p->out, WR_PLAIN));
}

static void on_line(void *ctx, const char *line)
{
	struct printing *p = ctx;
	struct wr_value *v;
	wr_arena_reset(p->arena);
	if (wr_json_parse(p->arena, line, strlen(line), (struct wr_mark){0}, &v, NULL) < 0)
		return; /* cut short by a full disk: the next line is whole again */
	if (p->denied_only && strcmp(text_of(v, "verdict"), "deny"))
		return;
	if (p->json)
		wr_out_printf(p->out, "%s\n", line);
	else
		print_line(p, v);
}

/* Takes what waits in the kernel, then prints the log from *next on. */
static int turn(const char *name, uint64_t *next, struct printing *p, struct wr_diags *diags)
{
	struct wr_lab *lab = NULL;
	int rc = wr_lab_open(name, diags, &lab);
	if (!rc)
		rc = wr_lab_flows_drain(lab, diags);
	if (!rc)
		rc = wr_lab_flows_read(name, next, on_line, p);
	wr_lab_close(lab);
	wr_out_flush(p->out);
	return rc;
}

static int run_flows(const struct wr_args *args)
{
	struct printing p = {
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
