/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Configuration: what a project says of lint's rules in its .weir.yaml.
 *
 *	lint:
 *	  strict: true
 *	  rules:
 *	    selects-nothing: error     # error, warning, note or off
 *	    "*": note
 */
#include "lint/lint.h"

/*
 * Reads a document into opts (settings in arena memory, in the order of
 * writing). Sections of other commands are passed over. 0; -EINVAL with errors
 * in diags; -ENOMEM.
 */
int wr_lint_config(const struct wr_value *root, struct wr_arena *arena, struct wr_diags *diags,
		   struct wr_lint_opts *opts);

/* "error", "warning", "note" or "off" into a setting; -EINVAL. */
int wr_lint_severity(const char *text, struct wr_lint_setting *out);
