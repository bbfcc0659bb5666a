/* SPDX-License-Identifier: Apache-2.0 */
/* weir lab: a cluster of network namespaces on this machine. */
#include "cli/cmd_lab.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "lab/lab.h"

WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)
WR_DEFINE_CLEANUP(lab, struct wr_lab *, wr_lab_close)

/* The end of every command: what went wrong, and the exit status. */
static int finish(const struct wr_args *args, struct wr_diags *d, int rc)
{
	wr_print_diags(d, NULL, true);
	if (rc < 0 && !wr_diags_total(d, WR_ERROR))
		return wr_fail(args, "%s", strerror(-rc));
	return rc < 0 ? WR_EXIT_ERROR : WR_EXIT_OK;
}

static int out_of_memory(const struct wr_args *args)
{
	return wr_fail(args, "out of memory");
}

static const char *lab_name(const struct wr_args *args)
{
	return wr_arg_string(args, "name");
}

/* ---- up, down ---- */

static int run_up(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	struct wr_lab_up_opts opts = {.nodes = (uint32_t)wr_arg_uint(args, "nodes")};
	if (!d)
		return out_of_memory(args);
	opts.paths = wr_arg_all(args, "filename", &opts.n_paths);
	opts.outside = wr_arg_all(args, "outside", &opts.n_outside);
	opts.outside_ports = wr_arg_all(args, "outside-port", &opts.n_outside_ports);
	opts.no_policy_crds = wr_arg_flag(args, "no-policy-crds");
	int rc = wr_lab_up_whole(lab_name(args), &opts, d);
	return finish(args, d, rc);
}

static int run_down(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	if (!d)
		return out_of_memory(args);
	int rc = wr_lab_down(lab_name(args), d);
	return finish(args, d, rc);
}

/* ---- changes ---- */

static int run_apply(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	size_t n;
	const char *const *paths = wr_arg_all(args, "filename", &n);
	if (!d)
		return out_of_memory(args);
	int rc = wr_lab_apply(lab_name(args), paths, n, d);
	if (!rc)
		rc = wr_lab_wait(lab_name(args), d);
	return finish(args, d, rc);
}

static int run_delete(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	size_t n;
	const char *const *paths = wr_arg_all(args, "filename", &n);
	if (!d)
		return out_of_memory(args);
	int rc = wr_lab_delete(lab_name(args), paths, n, d);
	if (!rc)
		rc = wr_lab_wait(lab_name(args), d);
	return finish(args, d, rc);
}

/* "pod NS/NAME k=v", "namespace NAME k=v", and "pods NAME k=v" with --namespace. */
static int run_label(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	WR_CLEANUP(free)
	char *copy = strdup(args->operands[1]);
	if (!d || !copy)
		return out_of_memory(args);
	int kind = wr_kind_parse(args->operands[0]);
	if (kind != WR_KIND_POD && kind != WR_KIND_NAMESPACE)
		return wr_usage_error(args, "'%s': pods and namespaces can be labelled",
				      args->operands[0]);
	char *slash = strchr(copy, '/');
	const char *ns = wr_arg_string(args, "namespace"), *object = copy;
	if (slash) {
		*slash = '\0';
		ns = copy;
		object = slash + 1;
	}
	int rc = wr_lab_label(lab_name(args), (enum wr_kind)kind, kind == WR_KIND_POD ? ns : NULL,
			      object, args->operands + 2, args->n_operands - 2,
			      wr_arg_flag(args, "overwrite"), d);
	if (!rc)
		rc = wr_lab_wait(lab_name(args), d);
	return finish(args, d, rc);
}

/* ---- exec ---- */

static int run_exec(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	WR_CLEANUP(lab)
	struct wr_lab *lab = NULL;
	WR_CLEANUP(free)
	char *ns = strdup(args->operands[0]);
	WR_CLEANUP(free)
	const char **argv = calloc(args->n_operands, sizeof(*argv));
	if (!d || !ns || !argv)
		return out_of_memory(args);
	char *slash = strchr(ns, '/');
	if (!slash)
		return wr_usage_error(args, "'%s' is not NAMESPACE/POD", args->operands[0]);
	*slash = '\0';
	for (size_t i = 1; i < args->n_operands; i++)
		argv[i - 1] = args->operands[i];
	int rc = wr_lab_open(lab_name(args), d, &lab);
	if (!rc)
		rc = wr_lab_exec(lab, ns, slash + 1, argv, d);
	return rc < 0 ? finish(args, d, rc) : rc;
}

/* What the lab itself starts in a pod. */
static int run_serve(const struct wr_args *args)
{
	int rc = wr_lab_serve(args->operands[0], args->operands + 1, args->n_operands - 1);
	return rc < 0 ? wr_fail(args, "%s", strerror(-rc)) : WR_EXIT_OK;
}

/* ---- tables ---- */

static const struct wr_option up_options[] = {
	{"filename", 'f', WR_OPT_STRING, .repeated = true, .value = "PATH",
	 .help = "manifests: a file, a directory (recursively), or - for stdin;\n"
		 "may be given several times; without, the lab is empty"},
	WR_OPTION_LAB_NAME,
	{"nodes", 'k', WR_OPT_UINT, .value = "K", .fallback = "1", .min = 1,
	 .max = WR_LAB_NODES_MAX, .help = "number of nodes"},
	{"outside", 0, WR_OPT_STRING, .repeated = true, .value = "ADDR[=NAME]",
	 .help = "an address outside the cluster, with a name for the DNS;\nmay be given several "
		 "times"},
	{"outside-port", 0, WR_OPT_STRING, .repeated = true, .value = "PORT",
	 .help = "a port that answers there, over TCP and UDP (53, 80, 443, 5432);\n"
		 "may be given several times"},
	{"api", 0, WR_OPT_FLAG,
	 .help = "of no meaning any more: every lab serves the Kubernetes API"},
	{"no-policy-crds", 0, WR_OPT_FLAG,
	 .help = "leave the definitions of the cluster-wide policies out of the API;\n"
		 "install them with kubectl"},
	{0},
};
static const struct wr_option name_options[] = {WR_OPTION_LAB_NAME, {0}};
static const struct wr_option file_options[] = {WR_OPTION_FILES, WR_OPTION_LAB_NAME, {0}};
static const struct wr_option label_options[] = {
	WR_OPTION_LAB_NAME,
	{"namespace", 0, WR_OPT_STRING, .value = "NS", .fallback = "default",
	 .help = "namespace of a pod that is given without one"},
	{"overwrite", 0, WR_OPT_FLAG, .help = "change labels that are there"},
	{0},
};

static const struct wr_command up_command = {
	.name = "up",
	.summary = "build a lab from manifests and enforce its policies",
	.options = up_options,
	.run = run_up,
};
static const struct wr_command down_command = {
	.name = "down",
	.summary = "remove a lab, whatever state it is in",
	.options = name_options,
	.run = run_down,
};
static const struct wr_command apply_command = {
	.name = "apply",
	.summary = "add or change objects",
	.options = file_options,
	.run = run_apply,
};
static const struct wr_command delete_command = {
	.name = "delete",
	.summary = "remove objects",
	.options = file_options,
	.run = run_delete,
};
static const struct wr_command label_command = {
	.name = "label",
	.summary = "change labels of a pod or a namespace",
	.operands = "pod|namespace NAME KEY=VALUE|KEY-...",
	.min_operands = 3,
	.max_operands = UINT_MAX,
	.examples = "  weir lab label pod shop/web-1 app=web\n"
		    "  weir lab label namespace shop team-\n",
	.options = label_options,
	.run = run_label,
};
static const struct wr_command exec_command = {
	.name = "exec",
	.summary = "run a program of this machine in a pod",
	.operands = "NAMESPACE/POD -- COMMAND...",
	.min_operands = 2,
	.max_operands = UINT_MAX,
	.examples = "  weir lab exec shop/web -- nc -w 1 10.244.1.3 80\n",
	.options = name_options,
	.run = run_exec,
};
static const struct wr_command serve_command = {
	.name = "serve-pod",
	.summary = "answer on ports, in the current network namespace (the lab starts it)",
	.operands = "NAME PROTOCOL/PORT...",
	.min_operands = 2,
	.max_operands = UINT_MAX,
	.hidden = true,
	.run = run_serve,
};

static const struct wr_command *const commands[] = {
	&up_command,
	&down_command,
	&apply_command,
	&delete_command,
	&label_command,
	&wr_lab_get_command,
	&wr_lab_status_command,
	&exec_command,
	&wr_lab_probe_command,
	&wr_lab_flows_command,
	&serve_command,
	&wr_lab_kubeconfig_command,
	&wr_lab_kubelet_command,
	&wr_lab_relay_command,
	NULL,
};

const struct wr_command wr_cmd_lab = {
	.name = "lab",
	.summary = "a cluster of network namespaces, with its policies enforced",
	.description =
		"Builds a cluster out of network namespaces on this machine: nodes, pods, "
		"Services\n"
		"and DNS, with the policies enforced in the kernel. Nothing of the machine's own\n"
		"network is touched; 'weir lab down' leaves nothing behind.\n",
	.examples = "  weir lab up -f manifests/ --nodes 2\n"
		    "  weir lab probe --all\n"
		    "  weir lab down\n",
	.commands = commands,
};
