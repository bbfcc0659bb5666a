/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Findings on their way out: for people, programs, code scanners and GitHub. */
#include "cli/writer.h"
#include "input/input.h"
#include "lint/lint.h"

enum lint_format { LINT_TEXT, LINT_JSON, LINT_YAML, LINT_SARIF, LINT_GITHUB };

struct lint_result {
	const struct wr_finding *findings;
	size_t n, n_ignored;
	const struct wr_input *in; /* for the lines of the source */
};

/* How many findings have a severity. */
size_t wr_lint_count(const struct lint_result *r, enum wr_severity severity);
/* "error", "warning", "note" */
const char *wr_lint_word(enum wr_severity severity);

void wr_lint_write(struct wr_out *o, const struct lint_result *r, enum lint_format format);

/* lint_sarif.c: SARIF 2.1.0 (OASIS), one run. */
void wr_lint_write_sarif(struct wr_out *o, const struct lint_result *r);
