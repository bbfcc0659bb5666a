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

/* wr_lab_up(), and the processes of the lab, until all is made and in force. */
struct wr_lab_up_opts;
struct wr_diags;
int wr_lab_up_whole(const char *name, const struct wr_lab_up_opts *opts, struct wr_diags *diags);

/* ---- lab_wait.c ---- */

struct wr_lab_agent {
	bool answers, ready, in_force;
	uint32_t generation; /* 0: none */
	char reason[300];    /* why it is not ready */
};
void wr_lab_ask_agent(const char *name, uint32_t node, struct wr_lab_agent *out);

/* Until the agents have put something in force. 0, or an error in diags. */
int wr_lab_wait_agents(const char *name, uint32_t n_nodes, struct wr_diags *d);

/* Until all that the API says is made, and in force on all nodes. 0, or an error in diags. */
int wr_lab_wait(const char *name, struct wr_diags *d);

/* The same, or (in_force false) only until it is made; what is in the way is a warning. */
void wr_lab_wait_if_it_can(const char *name, bool in_force, struct wr_diags *d);
