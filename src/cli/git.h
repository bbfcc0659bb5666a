/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Files of a git revision, read by running git (no shell) in the working directory. */
#include <stdbool.h>

#include "input/input.h"

/*
 * Whether a path is to be read from git: "REVISION:PATH", and there is no file
 * of that name.
 */
bool wr_git_is_revision(const char *path);

/*
 * Reads REVISION:PATH, a file, or a directory as wr_input_path() reads one.
 * Places are named REVISION:PATH/NAME. 0; -EIO with errors in diags; -ENOMEM.
 */
int wr_git_read(struct wr_input *in, const char *path, struct wr_diags *diags);
