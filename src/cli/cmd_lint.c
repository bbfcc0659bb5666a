/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "lint/lint.h"

static int run(const struct wr_args *args)
{
	struct wr_loaded loaded = {0};
	int status = wr_load_program(args, NULL, &loaded);
	struct wr_lint_opts opts = {.strict = wr_arg_flag(args, "strict")};
	struct wr_lint *lint = NULL;
	struct wr_lint_source source = {loaded.in, &loaded.objects, loaded.diags, loaded.program};
	if (!status && wr_lint_run(&source, &opts, &lint) < 0)
		status = wr_fail(args, "out of memory");
	size_t n = 0;
	const struct wr_finding *f = lint ? wr_lint_findings(lint, &n) : NULL;
	struct wr_diags *diags = wr_diags_new();
	for (size_t i = 0; diags && i < n; i++) {
		wr_diag_add(diags, f[i].severity, f[i].mark, f[i].object, f[i].path, "%s [%s]",
			    f[i].message, f[i].rule->id);
		if (f[i].advice)
			wr_diag_advise(diags, "%s", f[i].advice);
	}
	if (!status && n)
		status = WR_EXIT_NO;
	if (diags)
		wr_print_diags(diags, loaded.in, true);
	wr_diags_free(diags);
	wr_lint_free(lint);
	wr_loaded_free(&loaded);
	return status;
}

static const struct wr_option options[] = {
	WR_OPTION_FILES,
	{"strict", 0, WR_OPT_FLAG, .help = "also the rules that are off by default"},
	WR_OPTION_VERBOSE,
	{0},
};

const struct wr_command wr_cmd_lint = {
	.name = "lint",
	.summary = "find the mistakes that are valid",
	.options = options,
	.run = run,
};
