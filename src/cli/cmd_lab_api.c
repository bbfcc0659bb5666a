/* SPDX-License-Identifier: Apache-2.0 */
/* weir lab up to its end, weir lab kubeconfig, and the processes of a lab. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cmd_lab.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "lab/api.h"

WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)
WR_DEFINE_CLEANUP(lab, struct wr_lab *, wr_lab_close)

static int finish(const struct wr_args *args, struct wr_diags *d, int rc)
{
	wr_print_diags(d, NULL, true);
	if (rc < 0 && !wr_diags_total(d, WR_ERROR))
		return wr_fail(args, "%s", strerror(-rc));
	return rc < 0 ? WR_EXIT_ERROR : WR_EXIT_OK;
}

int wr_lab_up_whole(const char *name, const struct wr_lab_up_opts *opts, struct wr_diags *d)
{
	int rc = wr_lab_up(name, opts, d);
	if (rc)
		return rc; /* also when a lab of that name was there before */
	rc = wr_lab_api_start(name, !opts->no_policy_crds, d);
	/* agents first: until they know a pod, nothing passes to it */
	if (!rc)
		rc = wr_lab_wait_agents(name, opts->nodes, d);
	if (!rc)
		rc = wr_lab_api_pods(name, d);
	if (!rc)
		rc = wr_lab_wait(name, d);
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
