/* SPDX-License-Identifier: Apache-2.0 */
/* weir lab up --api, weir lab kubeconfig, and the processes of such a lab. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "base/cleanup.h"
#include "cli/cmd_lab.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "input/input.h"
#include "lab/api.h"

WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)
WR_DEFINE_CLEANUP(lab, struct wr_lab *, wr_lab_close)
WR_DEFINE_CLEANUP(arena, struct wr_arena *, wr_arena_free)

#define AGENT_WAIT_MS 60000
#define AGENT_POLL_MS 20

static int finish(const struct wr_args *args, struct wr_diags *d, int rc)
{
	wr_print_diags(d, NULL, true);
	if (rc < 0 && !wr_diags_total(d, WR_ERROR))
		return wr_fail(args, "%s", strerror(-rc));
	return rc < 0 ? WR_EXIT_ERROR : WR_EXIT_OK;
}

/* ---- agents get ready ---- */

struct agent_state {
	bool ready;
	int64_t pods, generation;
	char reason[300];
};

static int take_status(void *ctx, const char *line)
{
	struct agent_state *s = ctx;
	struct wr_value *v = NULL;
	WR_CLEANUP(arena)
	struct wr_arena *a = wr_arena_new();
	if (!a || wr_json_parse(a, line, strlen(line), (struct wr_mark){0}, &v, NULL) < 0)
		return 0;
	const struct wr_value *ready = wr_value_get(v, "ready"), *pods = wr_value_get(v, "pods"),
			      *reason = wr_value_get(v, "reason");
	s->ready = ready && ready->type == WR_BOOL && ready->boolean;
	s->pods = pods && pods->type == WR_INT ? pods->integer : 0;
	const struct wr_value *g = wr_value_get(v, "generation");
	s->generation = g && g->type == WR_INT ? g->integer : 0;
	if (reason && reason->type == WR_STRING)
		snprintf(s->reason, sizeof(s->reason), "%s", reason->text);
	return 0;
}

uint32_t wr_lab_agent_generation(const char *name, uint32_t node)
{
	char dir[WR_LAB_PATH];
	struct agent_state s = {0};
	(void)wr_agent_ask(wr_lab_agent_dir(dir, name, node), "status", take_status, &s);
	return (uint32_t)s.generation;
}

/* Until every agent has in force what the API says, and knows so many pods. */
static int wait_for_agents(const char *name, uint32_t n_nodes, size_t pods, struct wr_diags *d)
{
	for (uint32_t i = 0, waited = 0; i < n_nodes;) {
		char dir[WR_LAB_PATH];
		struct agent_state s = {.reason = "it does not answer"};
		(void)wr_agent_ask(wr_lab_agent_dir(dir, name, i), "status", take_status, &s);
		if (s.ready && s.pods >= (int64_t)pods) {
			i++;
			continue;
		}
		if (waited >= AGENT_WAIT_MS) {
			wr_diag_add(d, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
				    "the agent of node-%u does not get ready: %s", i + 1, s.reason);
			return -ETIMEDOUT;
		}
		nanosleep(&(struct timespec){.tv_nsec = AGENT_POLL_MS * 1000000L}, NULL);
		waited += AGENT_POLL_MS;
	}
	return 0;
}

int wr_lab_up_api(const char *name, const struct wr_lab_up_opts *opts, struct wr_diags *d)
{
	int rc = wr_lab_up(name, opts, d);
	if (rc)
		return rc; /* also when a lab of that name was there before */
	struct wr_lab *lab = NULL;
	rc = wr_lab_api_start(name, !opts->no_policy_crds, d);
	/* agents first: until they know a pod, nothing passes to it */
	if (!rc)
		rc = wait_for_agents(name, opts->nodes, 0, d);
	if (!rc)
		rc = wr_lab_api_pods(name, d);
	if (!rc)
		rc = wr_lab_open(name, d, &lab);
	if (!rc)
		rc = wait_for_agents(name, opts->nodes, lab->world->n_pods, d);
	wr_lab_close(lab);
	if (rc)
		(void)wr_lab_down(name, d);
	return rc;
}

/* ---- commands ---- */

static int run_kubeconfig(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	WR_CLEANUP(lab)
	struct wr_lab *lab = NULL;
	const char *name = wr_arg_string(args, "name");
	char path[WR_LAB_PATH];
	int rc = d ? wr_lab_open(name, d, &lab) : -ENOMEM;
	if (rc)
		return d ? finish(args, d, rc) : wr_fail(args, "out of memory");
	if (!lab->state->api)
		return wr_fail(args, "lab '%s' has no API server: 'weir lab up --api' starts one",
			       name);
	struct wr_out *o = wr_out_new(1, WR_TABLE);
	if (!o)
		return wr_fail(args, "out of memory");
	wr_lab_kubeconfig(path, name);
	if (wr_arg_choice(args, "output") == 0) {
		wr_out_printf(o, "%s\n", path);
		return wr_out_finish(o, WR_EXIT_OK);
	}
	char line[8192];
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		wr_out_printf(o, "%s", line);
	if (f)
		fclose(f);
	return wr_out_finish(o, f ? WR_EXIT_OK : WR_EXIT_ERROR);
}

static void log_line(const char *text)
{
	fprintf(stderr, "weir lab kubelet: %s\n", text);
}

static int run_kubelet(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	if (!d)
		return wr_fail(args, "out of memory");
	return finish(args, d, wr_lab_kubelet(wr_arg_string(args, "name"), log_line, d));
}

static int run_relay(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	if (!d)
		return wr_fail(args, "out of memory");
	return finish(args, d, wr_lab_relay(wr_arg_string(args, "name"), d));
}

static const char *const outputs[] = {"path", "content", NULL};
static const struct wr_option name_options[] = {WR_OPTION_LAB_NAME, {0}};
static const struct wr_option kubeconfig_options[] = {
	WR_OPTION_LAB_NAME,
	{"output", 'o', WR_OPT_CHOICE, .value = "WHAT", .choices = outputs, .fallback = "path",
	 .help = "the file's path, or what is in it"},
	{0},
};

const struct wr_command wr_lab_kubeconfig_command = {
	.name = "kubeconfig",
	.summary = "print where kubectl finds the API server of a lab",
	.examples = "  export KUBECONFIG=$(weir lab kubeconfig)\n"
		    "  weir lab kubeconfig --name test -o content\n",
	.options = kubeconfig_options,
	.run = run_kubeconfig,
};
const struct wr_command wr_lab_kubelet_command = {
	.name = "kubelet",
	.summary = "make the pods that the lab's API server tells of (the lab starts it)",
	.options = name_options,
	.hidden = true,
	.run = run_kubelet,
};
const struct wr_command wr_lab_relay_command = {
	.name = "relay",
	.summary = "carry the lab's API server to its nodes (the lab starts it)",
	.options = name_options,
	.hidden = true,
	.run = run_relay,
};
