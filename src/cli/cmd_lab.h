/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of weir lab share. */
#include "cli/cli.h"

#define WR_OPTION_LAB_NAME                                                                \
	{                                                                                 \
		"name", 'n', WR_OPT_STRING, .value = "NAME", .fallback = "lab",           \
					    .help = "name of the lab: letters and digits" \
	}

extern const struct wr_command wr_lab_probe_command, wr_lab_flows_command;
extern const struct wr_command wr_lab_get_command, wr_lab_status_command;
extern const struct wr_command wr_lab_kubeconfig_command, wr_lab_kubelet_command,
	wr_lab_relay_command;

/* What a node's agent has in force; 0: it does not answer. */
uint32_t wr_lab_agent_generation(const char *name, uint32_t node);

/* wr_lab_up() with an API server, and agents that enforce what it says. */
struct wr_lab_up_opts;
struct wr_diags;
int wr_lab_up_api(const char *name, const struct wr_lab_up_opts *opts, struct wr_diags *diags);
