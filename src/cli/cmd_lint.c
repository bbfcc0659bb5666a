/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/lint_fix.h"
#include "cli/lint_out.h"
#include "cli/load.h"
#include "cli/records.h"
#include "cli/writer.h"
#include "lint/config.h"
#include "lint/lint.h"

#define CONFIG ".weir.yaml"

static const char *const formats[] = {"text", "json", "yaml", "sarif", "github", NULL};
static const char *const levels[] = {"error", "warning", "note", "never", NULL};
enum { FAIL_NEVER = 3 };

/* All that a run holds; freed at the end. */
struct run {
	const struct wr_args *args;
	struct wr_arena *arena;
	struct wr_input *config;
	struct wr_lint_opts opts;
	struct wr_loaded loaded;
	struct wr_lint *lint;
	struct lint_result result;
};

static int out_of_memory(const struct wr_args *args)
{
	return wr_fail(args, "out of memory");
}

/* ---- configuration ---- */

/* The nearest .weir.yaml above the working directory, not above the repository; NULL: none. */
static char *find_config(void)
{
	WR_CLEANUP(free)
	char *dir = getcwd(NULL, 0);
	while (dir) {
		char *path = NULL;
		if (asprintf(&path, "%s/" CONFIG, strcmp(dir, "/") ? dir : "") < 0)
			return NULL;
		if (!access(path, F_OK))
			return path;
		free(path);
		char *git = NULL;
		if (asprintf(&git, "%s/.git", dir) < 0)
			return NULL;
		bool top = !access(git, F_OK) || !strcmp(dir, "/");
		free(git);
		if (top)
			return NULL;
		char *slash = strrchr(dir, '/');
		slash[slash == dir] = '\0';
	}
	return NULL;
}

static int read_config(struct run *r, const char *path)
{
	struct wr_diags *diags = wr_diags_new();
	r->config = wr_input_new(NULL);
	int rc = diags && r->config ? wr_input_path(r->config, path, diags) : -ENOMEM;
	for (size_t i = 0; i < (rc ? 0 : wr_input_count(r->config)) && !rc; i++)
		rc = wr_lint_config(wr_input_at(r->config, i)->root, r->arena, diags, &r->opts);
	if (rc && rc != -ENOMEM)
		wr_print_diags(diags, r->config, false);
	wr_diags_free(diags);
	if (rc == -ENOMEM)
		return out_of_memory(r->args);
	return rc ? WR_EXIT_ERROR : WR_EXIT_OK;
}

/* "ID=SEVERITY" of --rule, after those of the file. */
static int add_rules(struct run *r)
{
	size_t n;
	const char *const *all = wr_arg_all(r->args, "rule", &n);
	struct wr_lint_setting *settings = wr_arena_array(r->arena, r->opts.n_settings + n,
							  sizeof(*settings));
	if (!settings)
		return out_of_memory(r->args);
	if (r->opts.n_settings)
		memcpy(settings, r->opts.settings, r->opts.n_settings * sizeof(*settings));
	for (size_t i = 0; i < n; i++) {
		const char *equal = strchr(all[i], '=');
		struct wr_lint_setting *s = &settings[r->opts.n_settings];
		if (!equal || wr_lint_severity(equal + 1, s) < 0)
			return wr_usage_error(
				r->args, "--rule %s: write ID=error, warning, note or off", all[i]);
		s->id = wr_arena_strndup(r->arena, all[i], (size_t)(equal - all[i]));
		if (!s->id)
			return out_of_memory(r->args);
		if (strcmp(s->id, "*") != 0 && !wr_lint_find_rule(s->id))
			return wr_usage_error(
				r->args, "there is no rule \"%s\"; weir lint --rules lists all",
				s->id);
		r->opts.n_settings++;
	}
	r->opts.settings = settings;
	return WR_EXIT_OK;
}

static int configure(struct run *r)
{
	r->arena = wr_arena_new();
	if (!r->arena)
		return out_of_memory(r->args);
	const char *path = wr_arg_string(r->args, "config");
	WR_CLEANUP(free)
	char *found = path || wr_arg_flag(r->args, "no-config") ? NULL : find_config();
	int status = path || found ? read_config(r, path ? path : found) : WR_EXIT_OK;
	r->opts.strict |= wr_arg_flag(r->args, "strict");
	return status ? status : add_rules(r);
}

/* ---- the run ---- */

/* Paths that cannot be read are no findings. */
static int check_readable(struct run *r)
{
	struct wr_diags *diags = r->loaded.diags, *unreadable = wr_diags_new();
	if (!unreadable)
		return out_of_memory(r->args);
	for (size_t i = 0; i < wr_diags_count(diags); i++) {
		const struct wr_diag *d = wr_diags_at(diags, i);
		if (!wr_load_unreadable(d))
			continue;
		wr_diag_add(unreadable, d->severity, d->mark, d->object, d->path, "%s", d->message);
		if (d->advice)
			wr_diag_advise(unreadable, "%s", d->advice);
	}
	bool any = wr_diags_count(unreadable) > 0;
	wr_print_diags(unreadable, NULL, false);
	wr_diags_free(unreadable);
	return any ? WR_EXIT_ERROR : WR_EXIT_OK;
}

static int lint_loaded(struct run *r)
{
	struct wr_lint_source source = {r->loaded.in, &r->loaded.objects, r->loaded.diags,
					r->loaded.program};
	if (wr_lint_run(&source, &r->opts, &r->lint) < 0)
		return out_of_memory(r->args);
	r->result.findings = wr_lint_findings(r->lint, &r->result.n);
	r->result.n_ignored = wr_lint_ignored(r->lint);
	r->result.in = r->loaded.in;
	return WR_EXIT_OK;
}

static int lint_paths(struct run *r)
{
	if (!wr_arg_given(r->args, "filename") && !wr_cluster_wanted(r->args))
		return wr_usage_error(r->args, "-f, --filename is required (or -A, a cluster)");
	int rc = wr_load_far(r->args, NULL, &r->loaded);
	if (rc < 0)
		return rc == -EIO ? WR_EXIT_ERROR : out_of_memory(r->args);
	int status = check_readable(r);
	return status ? status : lint_loaded(r);
}

/* Findings of the severity that --fail-on names, or a worse one. */
static int verdict(const struct run *r)
{
	unsigned least = wr_arg_choice(r->args, "fail-on");
	for (size_t i = 0; i < r->result.n && least != FAIL_NEVER; i++)
		if ((unsigned)r->result.findings[i].severity <= least)
			return WR_EXIT_NO;
	return WR_EXIT_OK;
}

static int write_findings(const struct run *r)
{
	enum lint_format format = (enum lint_format)wr_arg_choice(r->args, "output");
	struct wr_out *o = wr_out_new(1, format == LINT_JSON || format == LINT_SARIF ? WR_JSON
					 : format == LINT_YAML                       ? WR_YAML
										     : WR_TABLE);
	if (!o)
		return out_of_memory(r->args);
	wr_lint_write(o, &r->result, format);
	return wr_out_finish(o, verdict(r));
}

/* ---- fixes ---- */

static int print_fixed(const struct lint_fixed *fixed)
{
	struct wr_out *o = wr_out_new(1, WR_TABLE);
	if (!o)
		return WR_EXIT_ERROR;
	for (size_t i = 0; i < fixed->n; i++) {
		const struct lint_fixed_file *f = &fixed->files[i];
		if (fixed->n > 1)
			wr_out_printf(o, "%s# Source: %s\n", i ? "---\n" : "", f->file);
		wr_out_bytes(o, f->text, f->size);
		if (f->size && f->text[f->size - 1] != '\n' && fixed->n > 1)
			wr_out_text(o, "\n");
	}
	return wr_out_finish(o, WR_EXIT_OK);
}

static int write_fixed(const struct wr_args *args, const struct lint_fixed *fixed)
{
	for (size_t i = 0; i < fixed->n; i++) {
		const struct lint_fixed_file *f = &fixed->files[i];
		if (!f->fixes)
			continue;
		if (!strcmp(f->file, "-"))
			return wr_fail(args, "standard input cannot be edited in place; leave out "
					     "--in-place");
		int rc = wr_lint_fix_write(f);
		if (rc)
			return wr_fail(args, "%s: %s", f->file,
				       rc == -ESTALE ? "it has changed meanwhile; run again"
						     : strerror(-rc));
		fprintf(stderr, "%s: %zu mended\n", f->file, f->fixes);
	}
	return WR_EXIT_OK;
}

/* What is left is found by linting the fixed texts as if they were the files. */
static int lint_fixed(struct run *r, const struct lint_fixed *fixed, struct run *again)
{
	*again = (struct run){.args = r->args, .opts = r->opts};
	struct wr_loaded *l = &again->loaded;
	l->diags = wr_diags_new();
	l->in = wr_input_new(NULL);
	l->arena = wr_arena_new();
	if (!l->diags || !l->in || !l->arena)
		return out_of_memory(r->args);
	for (size_t i = 0; i < fixed->n; i++)
		if (wr_input_bytes(l->in, fixed->files[i].file, 1, fixed->files[i].text,
				   fixed->files[i].size, l->diags) == -ENOMEM)
			return out_of_memory(r->args);
	if (wr_load_rest(l, NULL) < 0)
		return out_of_memory(r->args);
	return lint_loaded(again);
}

static void free_run(struct run *r)
{
	wr_lint_free(r->lint);
	wr_loaded_free(&r->loaded);
	wr_input_free(r->config);
	wr_arena_free(r->arena);
}

static int fix(struct run *r)
{
	struct lint_fixed fixed;
	if (wr_lint_fix(r->loaded.in, r->result.findings, r->result.n, &fixed) < 0)
		return out_of_memory(r->args);
	bool in_place = wr_arg_flag(r->args, "in-place");
	struct run again;
	int status = lint_fixed(r, &fixed, &again);
	if (!status)
		status = in_place ? write_fixed(r->args, &fixed) : print_fixed(&fixed);
	if (!status) {
		fprintf(stderr, "%zu finding%s, %zu after the fixes\n", r->result.n,
			r->result.n == 1 ? "" : "s", again.result.n);
		status = verdict(&again);
	}
	free_run(&again);
	wr_lint_fixed_free(&fixed);
	return status;
}

static int list_rules(void)
{
	size_t n;
	const struct wr_lint_rule *const *rules = wr_lint_rules(&n);
	WR_CLEANUP(table)
	struct wr_table *t = wr_table_new(3);
	struct wr_out *o = wr_out_new(1, WR_TABLE);
	if (!t || !o) {
		(void)wr_out_close(o);
		return WR_EXIT_ERROR;
	}
	wr_table_cell(t, WR_PLAIN, "RULE");
	wr_table_cell(t, WR_PLAIN, "SEVERITY");
	wr_table_cell(t, WR_PLAIN, "WHAT IT FINDS");
	for (size_t i = 0; i < n; i++) {
		wr_table_cell(t, WR_PLAIN, "%s", rules[i]->id);
		wr_table_cell(t, WR_PLAIN, "%s%s", wr_lint_word(rules[i]->severity),
			      rules[i]->strict ? " (strict)" : "");
		wr_table_cell(t, WR_PLAIN, "%s", rules[i]->summary);
	}
	wr_table_write(t, o);
	return wr_out_finish(o, WR_EXIT_OK);
}

static int run(const struct wr_args *args)
{
	if (wr_arg_flag(args, "rules"))
		return list_rules();
	if (wr_arg_flag(args, "in-place") && !wr_arg_flag(args, "fix"))
		return wr_usage_error(args, "--in-place goes with --fix");
	if (wr_arg_flag(args, "fix") && wr_cluster_wanted(args))
		return wr_usage_error(args, "--fix mends manifests: leave the cluster out");
	struct run r = {.args = args};
	int status = configure(&r);
	if (!status)
		status = lint_paths(&r);
	if (!status)
		status = wr_arg_flag(args, "fix") ? fix(&r) : write_findings(&r);
	free_run(&r);
	return status;
}

static const struct wr_option options[] = {
	{"filename", 'f', WR_OPT_STRING, .repeated = true, .value = "PATH",
	 .help = "manifests: a file, a directory (recursively), or - for stdin;\n"
		 "may be given several times"},
	WR_OPTION_CLUSTER,
	{"output", 'o', WR_OPT_CHOICE, .value = "FORMAT", .choices = formats, .fallback = "text",
	 .help = "output format"},
	{"strict", 0, WR_OPT_FLAG, .help = "also the rules that are off by default"},
	{"rule", 'r', WR_OPT_STRING, .repeated = true, .value = "ID=SEVERITY",
	 .help = "sets a rule to error, warning, note or off; * is every rule"},
	{"fail-on", 0, WR_OPT_CHOICE, .value = "SEVERITY", .choices = levels, .fallback = "warning",
	 .help = "exit 1 from this severity on"},
	{"fix", 0, WR_OPT_FLAG, .help = "print the manifests with all fixes made"},
	{"in-place", 'i', WR_OPT_FLAG, .help = "with --fix: change the files themselves"},
	{"config", 'c', WR_OPT_STRING, .value = "FILE",
	 .help = "severities and options; default: the nearest " CONFIG ",\n"
		 "from the working directory up to the repository's top"},
	{"no-config", 0, WR_OPT_FLAG, .help = "read no " CONFIG},
	{"rules", 0, WR_OPT_FLAG, .help = "list all rules and what they find"},
	{0},
};

const struct wr_command wr_cmd_lint = {
	.name = "lint",
	.summary = "find what is valid and not what its author meant",
	.description =
		"Finds what the API server refuses, and the mistakes that it takes: policies that\n"
		"select nobody, peers that hold nobody, two list items where one was meant, a\n"
		"Service's port where the pod's is meant, lost DNS, rules without effect, and "
		"more.\n"
		"What a finding says of pods is computed from the manifests given, so give all of\n"
		"them: policies, namespaces, workloads, Services. A comment \"# weir:ignore ID "
		"reason\"\n"
		"on or above a line silences a rule there; above an object, in the whole object.\n",
	.examples = "  weir lint -f manifests/\n"
		    "  weir lint -f manifests/ -o sarif > weir.sarif\n"
		    "  weir lint -f policy.yaml --fix --in-place\n"
		    "  weir lint -f manifests/ --strict --rule dns-blocked=error --fail-on error\n",
	.options = options,
	.run = run,
};
