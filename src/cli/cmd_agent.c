/* SPDX-License-Identifier: Apache-2.0 */
/* weir agent: enforces on this node; weir status and weir flows ask it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/flow_print.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "input/input.h"

WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)
WR_DEFINE_CLEANUP(arena, struct wr_arena *, wr_arena_free)

#define RUN_DIR                                                                              \
	{                                                                                    \
		"run-dir", 0, WR_OPT_STRING, .value = "DIR", .fallback = "/run/weir",        \
					     .help = "where the agent's lock and socket are" \
	}

/* ---- weir agent ---- */

static void log_line(void *ctx, enum wr_log_level level, const char *text)
{
	static const char *const levels[] = {"info", "warning", "error"};
	(void)ctx;
	fprintf(stderr, "weir agent: %s: %s\n", levels[level], text);
}

/* One write a line: whoever reads along sees whole lines. */
static void flow_line(void *ctx, const char *line)
{
	(void)ctx;
	if (printf("%s\n", line) < 0 || fflush(stdout))
		log_line(ctx, WR_LOG_ERROR, "the flow log cannot be written");
}

static const char *node_name(const struct wr_args *args, char host[HOST_NAME_MAX + 1])
{
	const char *name = wr_arg_string(args, "node-name");
	if (!name)
		name = getenv("NODE_NAME");
	if (name && *name)
		return name;
	return gethostname(host, HOST_NAME_MAX + 1) ? NULL : host;
}

static int run_agent(const struct wr_args *args)
{
	static const char reserved[] = "--manifests and --kubeconfig, --context or --in-cluster "
				       "are two sources; an agent has one";
	char host[HOST_NAME_MAX + 1];
	const char *manifests = wr_arg_string(args, "manifests");
	struct wr_kube_source kube = {
		.kubeconfig = wr_arg_string(args, "kubeconfig"),
		.context = wr_arg_string(args, "context"),
		.in_cluster = wr_arg_flag(args, "in-cluster"),
	};
	struct wr_agent_opts opts = {
		.kube = manifests ? NULL : &kube,
		.manifests = manifests,
		.node = node_name(args, host),
		.pin_dir = wr_arg_string(args, "pin-dir"),
		.run_dir = wr_arg_string(args, "run-dir"),
		.listen = wr_arg_string(args, "listen"),
		.unknown_pods_allow = wr_arg_choice(args, "unknown-pods") == 0,
		.keep_established = wr_arg_flag(args, "keep-established"),
		.no_confine = wr_arg_flag(args, "no-confine"),
		.flow_log = (enum wr_flow_log)wr_arg_choice(args, "flow-log"),
		.flow_rate = (uint32_t)wr_arg_uint(args, "flow-rate"),
		.log = log_line,
		.flow = flow_line,
	};
	if (manifests && (kube.kubeconfig || kube.context || kube.in_cluster))
		return wr_usage_error(args, "%s", reserved);
	if (!opts.node)
		return wr_fail(args, "the host has no name: give --node-name");
	WR_CLEANUP(diags)
	struct wr_diags *diags = wr_diags_new();
	if (!diags)
		return wr_fail(args, "out of memory");
	int rc = wr_arg_flag(args, "cleanup") ? wr_agent_cleanup(&opts, diags)
					      : wr_agent_run(&opts, diags);
	wr_print_diags(diags, NULL, false);
	if (rc && !wr_diags_total(diags, WR_ERROR))
		return wr_fail(args, "%s", strerror(-rc));
	return rc ? WR_EXIT_ERROR : WR_EXIT_OK;
}

static const char *const unknown_pods[] = {"allow", "deny", NULL};
static const char *const flow_logs[] = {"none", "denied", "all", NULL};
static const struct wr_option agent_options[] = {
	{"kubeconfig", 0, WR_OPT_STRING, .value = "FILE",
	 .help = "the API server and who we are; without it $KUBECONFIG, ~/.kube/config,\n"
		 "or what a pod is given"},
	{"context", 0, WR_OPT_STRING, .value = "NAME", .help = "a context of the kubeconfig"},
	{"in-cluster", 0, WR_OPT_FLAG, .help = "what a pod is given, whatever files there are"},
	{"manifests", 0, WR_OPT_STRING, .value = "DIR",
	 .help = "a folder of manifests instead of an API server, read again when it changes"},
	{"node-name", 0, WR_OPT_STRING, .value = "NAME",
	 .help = "this node; without it $NODE_NAME, or the host's name"},
	{"unknown-pods", 0, WR_OPT_CHOICE, .value = "WHAT", .choices = unknown_pods,
	 .fallback = "deny",
	 .help = "what becomes of addresses of this node's pod range that no pod has claimed"},
	{"keep-established", 0, WR_OPT_FLAG,
	 .help = "leave live connections alone that a change forbids"},
	{"flow-log", 0, WR_OPT_CHOICE, .value = "WHICH", .choices = flow_logs, .fallback = "none",
	 .help = "new connections on stdout, a line of JSON each"},
	{"flow-rate", 0, WR_OPT_UINT, .value = "N", .fallback = "100", .min = 1, .max = 100000,
	 .help = "at most so many of them a second"},
	{"listen", 0, WR_OPT_STRING, .value = "ADDRESS:PORT",
	 .help = "serve /healthz, /readyz and /metrics there"},
	{"no-confine", 0, WR_OPT_FLAG,
	 .help = "keep all privileges, and do not filter system calls"},
	{"cleanup", 0, WR_OPT_FLAG, .help = "end enforcement, remove every trace of it, and exit"},
	RUN_DIR,
	WR_OPTION_PIN_DIR,
	{0},
};

const struct wr_command wr_cmd_agent = {
	.name = "agent",
	.summary = "enforce on this node what the Kubernetes API says",
	.description =
		"Follows namespaces, nodes, pods and policies and keeps the kernel's tables like "
		"them. "
		"Until all of it has been read once, what an agent before it left in force stays; "
		"when the agent ends, however it ends, so does what it left.",
	.examples = "weir agent --in-cluster --listen 127.0.0.1:9464\n"
		    "weir agent --manifests /etc/weir/manifests --node-name node-1\n"
		    "weir agent --cleanup\n",
	.options = agent_options,
	.run = run_agent,
};

/* ---- asking it ---- */

static int no_agent(const struct wr_args *args, int rc)
{
	char path[WR_AGENT_PATH];
	wr_agent_socket(wr_arg_string(args, "run-dir"), path);
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return wr_fail(args, "no agent answers at %s", path);
	return wr_fail(args, "%s: %s", path, strerror(-rc));
}

/* ---- weir status ---- */

struct answer {
	struct wr_arena *arena;
	struct wr_value *value;
};

static int take_answer(void *ctx, const char *line)
{
	struct answer *a = ctx;
	const char *copy = wr_arena_strdup(a->arena, line);
	if (!copy)
		return -ENOMEM;
	return wr_json_parse(a->arena, copy, strlen(copy), (struct wr_mark){0}, &a->value, NULL);
}

static const char *text_of(const struct wr_value *v, const char *key)
{
	const struct wr_value *f = wr_value_get(v, key);
	return f && f->type != WR_NULL && f->text ? f->text : "";
}

static bool is_true(const struct wr_value *v, const char *key)
{
	const struct wr_value *f = wr_value_get(v, key);
	return f && f->type == WR_BOOL && f->boolean;
}

static void print_kinds(struct wr_out *o, const struct wr_value *kinds)
{
	for (size_t i = 0; kinds && i < kinds->n; i++) {
		const struct wr_value *k = kinds->items[i];
		const char *state = !is_true(k, "installed") ? "not installed"
				    : !is_true(k, "synced")  ? "not read yet"
				    : is_true(k, "live")     ? "live"
							     : "the watch is down";
		wr_out_printf(o, "  %-28s %8s  %s%s%s\n", text_of(k, "kind"), text_of(k, "objects"),
			      state, *text_of(k, "error") ? ": " : "", text_of(k, "error"));
	}
}

static void print_shortcomings(struct wr_out *o, const struct wr_value *all)
{
	for (size_t i = 0; all && i < all->n; i++)
		wr_out_printf(o, "%s %s rule %s %s\n", text_of(all->items[i], "policy"),
			      text_of(all->items[i], "direction"), text_of(all->items[i], "rule"),
			      text_of(all->items[i], "message"));
}

static void print_status(struct wr_out *o, const struct wr_value *v, const char *only)
{
	const struct wr_value *policies = wr_value_get(v, "policies");
	bool ready = is_true(v, "ready");
	wr_out_printf(o, "node        %s\nagent       %s%s%s%s%s\n", text_of(v, "node"),
		      wr_out_colour(o, ready ? WR_GREEN : WR_RED), ready ? "ready" : "not ready",
		      wr_out_colour(o, WR_PLAIN), ready ? "" : ": ", text_of(v, "reason"));
	if (*text_of(v, "generation"))
		wr_out_printf(o, "in force    generation %s since %s, %s ms after the change\n",
			      text_of(v, "generation"), text_of(v, "since"),
			      text_of(v, "tookMilliseconds"));
	wr_out_printf(o, "source      %s%s\n", text_of(v, "server"), text_of(v, "manifests"));
	print_kinds(o, wr_value_get(v, "kinds"));
	wr_out_printf(o, "policies    %zu\n", policies ? policies->n : 0);
	for (size_t i = 0; policies && i < policies->n; i++)
		if (!only || !strcmp(only, text_of(policies->items[i], "policy")))
			wr_out_printf(o, "  %-28s %s\n", text_of(policies->items[i], "policy"),
				      text_of(policies->items[i], "kind"));
	print_shortcomings(o, wr_value_get(v, "shortcomings"));
}

static bool has_policy(const struct wr_value *v, const char *name)
{
	const struct wr_value *policies = wr_value_get(v, "policies");
	for (size_t i = 0; policies && i < policies->n; i++)
		if (!strcmp(text_of(policies->items[i], "policy"), name))
			return true;
	return false;
}

static int run_status(const struct wr_args *args)
{
	WR_CLEANUP(arena)
	struct wr_arena *arena = wr_arena_new();
	struct answer a = {.arena = arena};
	const char *only = args->n_operands ? args->operands[0] : NULL;
	int rc = arena ? wr_agent_ask(wr_arg_string(args, "run-dir"), "status", take_answer, &a)
		       : -ENOMEM;
	if (rc)
		return no_agent(args, rc);
	struct wr_out *o = wr_out_new(1, (enum wr_format)wr_arg_choice(args, "output"));
	if (!o || !a.value)
		return wr_fail(args, o ? "the agent gave no answer" : "out of memory");
	if (wr_out_format(o) == WR_TABLE)
		print_status(o, a.value, only);
	else
		wr_out_value(o, a.value);
	bool good = is_true(a.value, "ready") && (!only || has_policy(a.value, only));
	if (only && !has_policy(a.value, only))
		fprintf(stderr, "weir status: no policy '%s' is in force here\n", only);
	return wr_out_finish(o, good ? WR_EXIT_OK : WR_EXIT_NO);
}

static const struct wr_option status_options[] = {RUN_DIR, WR_OPTION_OUTPUT, {0}};

const struct wr_command wr_cmd_status = {
	.name = "status",
	.summary = "ask this node's agent what is in force, and since when",
	.operands = "[POLICY]",
	.max_operands = 1,
	.description =
		"POLICY is NAMESPACE/NAME, or TIER/NAME for a cluster-wide one. The exit status "
		"is 0 when everything that the agent has seen is in force, POLICY included, and "
		"1 when it is not.",
	.examples = "weir status\nweir status shop/db\nweir status -o json\n",
	.options = status_options,
	.run = run_status,
};

/* ---- weir flows ---- */

static int take_flow(void *ctx, const char *line)
{
	struct wr_flow_printer *p = ctx;
	wr_flow_print(p, line);
	wr_out_flush(p->out);
	return wr_out_failed(p->out) ? -EPIPE : 0;
}

static int run_flows(const struct wr_args *args)
{
	WR_CLEANUP(arena)
	struct wr_arena *arena = wr_arena_new();
	struct wr_flow_printer p = {
		.out = wr_out_new(STDOUT_FILENO, WR_TABLE),
		.arena = arena,
		.json = wr_arg_choice(args, "output") == WR_JSON,
		.denied_only = wr_arg_flag(args, "denied"),
		.from = wr_arg_string(args, "from"),
		.to = wr_arg_string(args, "to"),
	};
	if (!p.out || !arena)
		return wr_fail(args, "out of memory");
	int rc = wr_agent_ask(wr_arg_string(args, "run-dir"),
			      wr_arg_flag(args, "follow") ? "follow" : "flows", take_flow, &p);
	if (rc && rc != -EPIPE) {
		wr_out_finish(p.out, WR_EXIT_OK);
		return no_agent(args, rc);
	}
	return wr_out_finish(p.out, WR_EXIT_OK);
}

static const struct wr_option flows_options[] = {
	{"follow", 0, WR_OPT_FLAG, .help = "go on printing as connections come, until interrupted"},
	{"denied", 0, WR_OPT_FLAG, .help = "denied connections only"},
	{"from", 0, WR_OPT_STRING, .value = "X",
	 .help = "of this source: NAMESPACE/POD, or an address"},
	{"to", 0, WR_OPT_STRING, .value = "Y", .help = "to this destination, likewise"},
	RUN_DIR,
	WR_OPTION_OUTPUT_TABLE_JSON,
	{0},
};

const struct wr_command wr_cmd_flows = {
	.name = "flows",
	.summary = "ask this node's agent for the connections that were judged, and why",
	.description =
		"The last thousand new connections that the kernel told of, with the policy, "
		"rule and line that allowed or denied them. Allowed ones are told only by an "
		"agent with --flow-log all.",
	.examples = "weir flows --denied\nweir flows --follow --to shop/db -o json\n",
	.options = flows_options,
	.run = run_flows,
};
