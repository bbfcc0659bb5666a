/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

/* In the order of weir --help; clang-format would put them on one line. */
/* clang-format off */
static const struct wr_command *const commands[] = {
	&wr_cmd_validate,
	&wr_cmd_lint,
	&wr_cmd_eval,
	&wr_cmd_explain,
	&wr_cmd_list,
	&wr_cmd_matrix,
	&wr_cmd_diff,
	&wr_cmd_describe,
	&wr_cmd_profile,
	&wr_cmd_test,
	&wr_cmd_lab,
	&wr_cmd_agent,
	&wr_cmd_status,
	&wr_cmd_flows,
	&wr_cmd_apiserver,
	&wr_cmd_datapath,
	&wr_cmd_version,
	&wr_cmd_help,
	&wr_cmd_completion,
	NULL,
};
/* clang-format on */

const struct wr_command wr_cmd_weir = {
	.name = "weir",
	.summary = "Kubernetes network policies: answered from manifests, enforced in the kernel",
	.description =
		"weir compiles the policies of Kubernetes manifests once, NetworkPolicies and\n"
		"cluster-wide ones, answers questions from the result, and enforces the very same\n"
		"result in the kernel.\n",
	.examples = "  weir eval -f manifests/ --from shop/web --to shop/db --port 5432\n"
		    "  weir list -f manifests/ -o json\n"
		    "  weir describe -f manifests/ shop/allow-web\n",
	.commands = commands,
};

int main(int argc, char **argv)
{
	return wr_cli_main(&wr_cmd_weir, argc, argv);
}
