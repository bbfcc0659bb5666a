/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Another program (git, dot), run without a shell: text in, text out. */
#include <stddef.h>

/*
 * Runs argv[0] from the PATH with input on its standard input and waits. *out
 * (malloc'ed, the caller frees) is what it printed, up to max bytes. On failure
 * what it said on stderr, or why it could not be run, is in message.
 * 0; -ENOENT: there is no such program; -EIO: it failed; -EFBIG; -ENOMEM.
 */
int wr_child_run(const char *const *argv, const char *input, size_t input_size, size_t max,
		 char **out, size_t *size, char message[512]);
