/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The files of an input with the fixes of findings in them. */
#include <sys/types.h>

#include "input/input.h"
#include "lint/lint.h"

struct lint_fixed_file {
	const char *file;   /* as named; "-": standard input */
	const char *source; /* before */
	size_t source_size;
	char *text; /* after; malloc'ed */
	size_t size;
	size_t fixes; /* findings that were mended in it */
};

struct lint_fixed {
	struct lint_fixed_file *files; /* in order of reading, also those without fixes */
	size_t n;
};

/*
 * Puts the fixes into the files. A fix whose edits overlap those of one before
 * it waits for the next run. Every file that changes is read again: one that
 * would not parse any more stays as it was. 0 or -ENOMEM.
 */
int wr_lint_fix(const struct wr_input *in, const struct wr_finding *findings, size_t n,
		struct lint_fixed *out);
void wr_lint_fixed_free(struct lint_fixed *fixed);

/*
 * Writes a changed file in its place, in one step (a new file is renamed over
 * it; mode and owner stay). -ESTALE: it has changed since it was read; or
 * another negative errno.
 */
int wr_lint_fix_write(const struct lint_fixed_file *file);
