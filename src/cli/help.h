/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Help texts from the command tables. */
#include "cli/cli.h"

/* The help of a command or group to stdout; path is "weir lab up". Returns the exit status. */
int wr_help_command(const struct wr_command *c, const char *path);

/* What stands in a group, to stderr: for a line that ends too early. */
void wr_help_group_brief(const struct wr_command *group, const char *path);

/* A direct subcommand by name, or NULL. */
const struct wr_command *wr_command_find(const struct wr_command *group, const char *name);

/* The error for a name that wr_command_find() does not find. Returns WR_EXIT_ERROR. */
int wr_command_unknown(const struct wr_command *group, const struct wr_args *args,
		       const char *name);
