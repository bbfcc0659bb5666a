/* SPDX-License-Identifier: Apache-2.0 */
/* weir apiserver: a small Kubernetes API server on this machine. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "apiserver/apiserver.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/writer.h"

WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)
WR_DEFINE_CLEANUP(apiserver, struct wr_apiserver *, wr_apiserver_close)

/* "127.0.0.1:6443", "[::1]:0" or "127.0.0.1": the port is cut off in place. */
static bool split_address(char *text, uint16_t *port)
{
	char *colon = strrchr(text, ':'), *end;
	*port = 6443;
	if (*text == '[') {
		char *close = strchr(text, ']');
		if (!close || (close[1] && close[1] != ':'))
			return false;
		colon = close[1] ? close + 1 : NULL;
		*close = '\0';
		memmove(text, text + 1, strlen(text + 1) + 1);
	} else if (colon && strchr(text, ':') != colon) {
		return true; /* an IPv6 address without a port */
	}
	if (!colon)
		return true;
	unsigned long n = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end || n > 65535)
		return false;
	*colon = '\0';
	*port = (uint16_t)n;
	return true;
}

static int finish(const struct wr_args *args, struct wr_diags *d, int rc)
{
	wr_print_diags(d, NULL, true);
	if (rc < 0 && !wr_diags_total(d, WR_ERROR))
		return wr_fail(args, "%s", strerror(-rc));
	return rc < 0 ? WR_EXIT_ERROR : WR_EXIT_OK;
}

/* SIGINT and SIGTERM end the server in good order. */
static int stop_signals(void)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static struct wr_misbehave misbehave(const struct wr_args *args)
{
	return (struct wr_misbehave){
		.delay_ms = (uint32_t)wr_arg_uint(args, "delay"),
		.cut_every = (uint32_t)wr_arg_uint(args, "cut-every"),
		.cut_watch_s = (uint32_t)wr_arg_uint(args, "cut-watch"),
		.gone_every = (uint32_t)wr_arg_uint(args, "gone-every"),
		.busy_every = (uint32_t)wr_arg_uint(args, "busy-every"),
	};
}

static void announce(const struct wr_args *args, const struct wr_apiserver *s)
{
	struct wr_out *o = wr_out_new(1, WR_TABLE);
	const char *config = wr_arg_string(args, "kubeconfig");
	if (!o)
		return;
	wr_out_printf(o, "serving %s with %zu objects\n", wr_apiserver_url(s),
		      wr_apiserver_objects(s));
	if (config)
		wr_out_printf(o, "export KUBECONFIG=%s\n", config);
	(void)wr_out_close(o);
}

static int run(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	WR_CLEANUP(apiserver)
	struct wr_apiserver *s = NULL;
	WR_CLEANUP(free)
	char *address = strdup(wr_arg_string(args, "listen"));
	WR_CLEANUP(fd)
	int stop = stop_signals();
	struct wr_apiserver_opts opts = {
		.data = wr_arg_string(args, "data"),
		.kubeconfig = wr_arg_string(args, "kubeconfig"),
		.history = (size_t)wr_arg_uint(args, "history"),
		.kubelet = wr_arg_string(args, "kubelet"),
		.policy_crds = wr_arg_flag(args, "policy-crds"),
		.graceful = wr_arg_flag(args, "graceful-pods"),
		.misbehave = misbehave(args),
	};
	if (!d || !address || stop < 0)
		return wr_fail(args, stop < 0 ? "signals cannot be read" : "out of memory");
	if (!split_address(address, &opts.port))
		return wr_usage_error(args, "'%s' is not ADDRESS:PORT",
				      wr_arg_string(args, "listen"));
	opts.address = address;
	opts.load = wr_arg_all(args, "load", &opts.n_load);
	int rc = wr_apiserver_open(&opts, d, &s);
	if (rc < 0)
		return finish(args, d, rc);
	announce(args, s);
	return finish(args, d, wr_apiserver_run(s, stop));
}

static const struct wr_option options[] = {
	{"listen", 0, WR_OPT_STRING, .value = "ADDRESS:PORT", .fallback = "127.0.0.1:6443",
	 .help = "where to listen; loopback only, port 0: any that is free"},
	{"data", 0, WR_OPT_STRING, .value = "DIR",
	 .help = "keep objects and credentials here; without it nothing survives"},
	{"kubeconfig", 0, WR_OPT_STRING, .value = "FILE",
	 .help = "write a kubeconfig for this server"},
	{"load", 0, WR_OPT_STRING, .repeated = true, .value = "PATH",
	 .help = "manifests to begin with; may be given several times"},
	{"policy-crds", 0, WR_OPT_FLAG,
	 .help = "a new server begins with the definitions of the cluster-wide policies"},
	{"history", 0, WR_OPT_UINT, .value = "N", .fallback = "10000", .min = 1, .max = 10000000,
	 .help = "changes that are remembered for watches and chunked lists"},
	{"graceful-pods", 0, WR_OPT_FLAG,
	 .help = "pods on a node stay, terminating, until their node deletes them"},
	{"kubelet", 0, WR_OPT_STRING, .value = "DIR",
	 .help = "exec and logs of pods, from a lab's directory"},
	{"delay", 0, WR_OPT_UINT, .value = "MS", .fallback = "0", .max = 600000,
	 .help = "misbehave: answer this much later"},
	{"cut-every", 0, WR_OPT_UINT, .value = "N", .fallback = "0", .max = UINT32_MAX,
	 .help = "misbehave: cut the connection of every Nth request"},
	{"cut-watch", 0, WR_OPT_UINT, .value = "SECONDS", .fallback = "0", .max = 86400,
	 .help = "misbehave: cut watches after this time"},
	{"gone-every", 0, WR_OPT_UINT, .value = "N", .fallback = "0", .max = UINT32_MAX,
	 .help = "misbehave: answer every Nth watch or continued list with 410"},
	{"busy-every", 0, WR_OPT_UINT, .value = "N", .fallback = "0", .max = UINT32_MAX,
	 .help = "misbehave: answer every Nth request with 429"},
	{0},
};

const struct wr_command wr_cmd_apiserver = {
	.name = "apiserver",
	.summary = "serve a small Kubernetes API on this machine, for kubectl",
	.description =
		"Serves Namespaces, Pods, Nodes, Services, workloads, NetworkPolicies and custom\n"
		"resources over TLS, as a Kubernetes API server does: kubectl works with it. It\n"
		"listens on loopback only, and lets in whoever has the kubeconfig.\n"
		"\n"
		"Cluster-wide policies (ClusterNetworkPolicy and its elders) are served while\n"
		"their CustomResourceDefinitions are there: install these with kubectl, or begin\n"
		"with --policy-crds.\n",
	.examples =
		"  weir apiserver --kubeconfig /tmp/kubeconfig --load manifests/\n"
		"  weir apiserver --listen 127.0.0.1:0 --data state/ --kubeconfig state/config\n",
	.options = options,
	.run = run,
};
