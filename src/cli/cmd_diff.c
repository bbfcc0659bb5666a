/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/git.h"
#include "cli/list_view.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "engine/diff.h"

WR_DEFINE_CLEANUP(diff, struct wr_diff *, wr_diff_free)

enum diff_format { DIFF_TEXT, DIFF_JSON, DIFF_YAML, DIFF_CSV, DIFF_MARKDOWN };
static const char *const formats[] = {"text", "json", "yaml", "csv", "markdown", NULL};
enum fail_on { FAIL_NONE, FAIL_ADDED, FAIL_REMOVED, FAIL_ANY };
static const char *const fail_choices[] = {"none", "added", "removed", "any", NULL};

struct view {
	const struct wr_change *changes;
	const struct wr_named_change *policies, *workloads;
	size_t n, n_policies, n_workloads;
	size_t count[3];       /* by enum wr_change_kind; those of policies only */
	size_t with_workloads; /* changes that new or lost workloads brought */
};

static bool by_policy(const struct wr_change *c)
{
	return !c->new_workload && !c->lost_workload;
}

/* ---- text ---- */

static const char *const signs[] = {
	[WR_CHANGE_ADDED] = "+", [WR_CHANGE_REMOVED] = "-", [WR_CHANGE_PORTS] = "~"};
static const enum wr_colour colours[] = {
	[WR_CHANGE_ADDED] = WR_GREEN, [WR_CHANGE_REMOVED] = WR_RED, [WR_CHANGE_PORTS] = WR_YELLOW};

static void place(struct wr_out *o, struct wr_mark m)
{
	if (m.file)
		wr_out_printf(o, "  %s%s:%u%s", wr_out_colour(o, WR_DIM),
			      strcmp(m.file, "-") ? m.file : "<stdin>", m.line,
			      wr_out_colour(o, WR_PLAIN));
}

static void print_reasons(struct wr_out *o, const struct wr_change *c)
{
	static const char *const words[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};
	if (!c->why_before)
		return;
	wr_out_printf(o, "      %s was %s", words[c->dir], c->why_before);
	place(o, c->mark_before);
	wr_out_printf(o, "\n      %*s is %s", (int)strlen(words[c->dir]) + 1, "", c->why_after);
	place(o, c->mark_after);
	wr_out_text(o, "\n");
}

static void print_change(struct wr_out *o, const struct wr_change *c)
{
	wr_out_printf(o, "%s%s %s -> %s%s  ", wr_out_colour(o, colours[c->kind]), signs[c->kind],
		      c->src, c->dst, wr_out_colour(o, WR_PLAIN));
	if (c->kind == WR_CHANGE_PORTS)
		wr_out_printf(o, "%s  =>  %s\n", c->before, c->after);
	else
		wr_out_printf(o, "%s\n", c->after ? c->after : c->before);
	print_reasons(o, c);
}

/* "policy" for a NetworkPolicy; two kinds of cluster-wide ones may have one name. */
static const char *kind_of(const struct wr_named_change *c, const char *what)
{
	return c->policy_kind && strcmp(c->policy_kind, "NetworkPolicy") ? c->policy_kind : what;
}

static void print_named(struct wr_out *o, const char *what, const struct wr_named_change *all,
			size_t n)
{
	static const char *const words[] = {
		[WR_CHANGE_ADDED] = "new", [WR_CHANGE_REMOVED] = "gone", [WR_CHANGE_PORTS] = "changed"};
	for (size_t i = 0; i < n; i++) {
		wr_out_printf(o, "%s%s %s %s%s", wr_out_colour(o, colours[all[i].kind]),
			      signs[all[i].kind], kind_of(&all[i], what), all[i].name,
			      wr_out_colour(o, WR_PLAIN));
		wr_out_printf(o, "  %s", words[all[i].kind]);
		if (all[i].what)
			wr_out_printf(o, ": %s", all[i].what);
		place(o, all[i].after.file ? all[i].after : all[i].before);
		wr_out_text(o, "\n");
	}
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_summary(struct wr_out *o, const struct view *v)
{
	if (!v->n) {
		wr_out_printf(o, "no connection changes%s\n",
			      v->n_policies ? ": the policies mean the same" : "");
		return;
	}
	wr_out_printf(o, "%zu connection%s became allowed, %zu became denied, %zu changed ports",
		      v->count[WR_CHANGE_ADDED], plural(v->count[WR_CHANGE_ADDED]),
		      v->count[WR_CHANGE_REMOVED], v->count[WR_CHANGE_PORTS]);
	if (v->with_workloads)
		wr_out_printf(o, "; %zu with new or lost workloads", v->with_workloads);
	wr_out_text(o, "\n");
}

static void write_text(struct wr_out *o, const struct view *v)
{
	print_named(o, "policy", v->policies, v->n_policies);
	print_named(o, "workload", v->workloads, v->n_workloads);
	if (v->n_policies || v->n_workloads)
		wr_out_text(o, "\n");
	for (int workloads = 0; workloads < 2; workloads++)
		for (size_t i = 0; i < v->n && !wr_out_failed(o); i++)
			if (by_policy(&v->changes[i]) == !workloads)
				print_change(o, &v->changes[i]);
	if (v->n)
		wr_out_text(o, "\n");
	print_summary(o, v);
}

/* ---- documents ---- */

static const char *const kind_words[] = {
	[WR_CHANGE_ADDED] = "added", [WR_CHANGE_REMOVED] = "removed", [WR_CHANGE_PORTS] = "changed"};

static void key_mark(struct wr_out *o, const char *key, struct wr_mark m)
{
	if (!m.file)
		return;
	wr_out_key(o, key);
	wr_out_map(o);
	wr_out_key_string(o, "file", m.file);
	wr_out_key_uint(o, "line", m.line);
	wr_out_end(o);
}

static void write_change(struct wr_out *o, const struct wr_change *c)
{
	wr_out_map(o);
	wr_out_key_string(o, "change", kind_words[c->kind]);
	wr_out_key_string(o, "src", c->src);
	wr_out_key_string(o, "dst", c->dst);
	wr_out_key_string(o, "before", c->before);
	wr_out_key_string(o, "after", c->after);
	if (!by_policy(c))
		wr_out_key_string(o, "workload", c->new_workload ? "new" : "lost");
	if (c->why_before) {
		wr_out_key_string(o, "direction", c->dir == WR_EGRESS ? "egress" : "ingress");
		wr_out_key_string(o, "reasonBefore", c->why_before);
		key_mark(o, "placeBefore", c->mark_before);
		wr_out_key_string(o, "reasonAfter", c->why_after);
		key_mark(o, "placeAfter", c->mark_after);
	}
	wr_out_end(o);
}

static void write_named(struct wr_out *o, const char *key, const struct wr_named_change *all,
			size_t n)
{
	wr_out_key(o, key);
	wr_out_list(o);
	for (size_t i = 0; i < n; i++) {
		wr_out_map(o);
		wr_out_key_string(o, "change", kind_words[all[i].kind]);
		wr_out_key_string(o, "name", all[i].name);
		if (all[i].policy_kind)
			wr_out_key_string(o, "kind", all[i].policy_kind);
		if (all[i].what)
			wr_out_key_string(o, "what", all[i].what);
		key_mark(o, "before", all[i].before);
		key_mark(o, "after", all[i].after);
		wr_out_end(o);
	}
	wr_out_end(o);
}

static void write_document(struct wr_out *o, const struct view *v)
{
	wr_out_map(o);
	wr_out_key(o, "connections");
	wr_out_list(o);
	for (size_t i = 0; i < v->n && !wr_out_failed(o); i++)
		write_change(o, &v->changes[i]);
	wr_out_end(o);
	write_named(o, "policies", v->policies, v->n_policies);
	write_named(o, "workloads", v->workloads, v->n_workloads);
	wr_out_key(o, "counts");
	wr_out_map(o);
	for (int k = 0; k < 3; k++)
		wr_out_key_uint(o, kind_words[k], v->count[k]);
	wr_out_key_uint(o, "withNewOrLostWorkloads", v->with_workloads);
	wr_out_end(o);
	wr_out_end(o);
}

static void write_csv(struct wr_out *o, const struct view *v)
{
	static const char *const head[] = {"change", "source", "destination",
					   "before", "after",  "workload"};
	for (int i = 0; i < 6; i++)
		wr_out_csv(o, head[i], i == 5);
	for (size_t i = 0; i < v->n && !wr_out_failed(o); i++) {
		const struct wr_change *c = &v->changes[i];
		wr_out_csv(o, kind_words[c->kind], false);
		wr_out_csv(o, c->src, false);
		wr_out_csv(o, c->dst, false);
		wr_out_csv(o, c->before, false);
		wr_out_csv(o, c->after, false);
		wr_out_csv(o, c->new_workload ? "new" : c->lost_workload ? "lost" : "", true);
	}
}

/* Names are code; what would end a cell or a span is written otherwise. */
static void md_code(struct wr_out *o, const char *s)
{
	wr_out_text(o, "`");
	for (; s && *s; s++)
		wr_out_text(o, *s == '|' ? "\\|" : *s == '`' ? "'" : (const char[]){*s, '\0'});
	wr_out_text(o, "`");
}

static void md_row(struct wr_out *o, const struct wr_change *c)
{
	static const char *const words[] = {[WR_CHANGE_ADDED] = "allowed now",
					    [WR_CHANGE_REMOVED] = "**denied now**",
					    [WR_CHANGE_PORTS] = "other ports"};
	wr_out_printf(o, "| %s | ", words[c->kind]);
	md_code(o, c->src);
	wr_out_text(o, " | ");
	md_code(o, c->dst);
	wr_out_printf(o, " | %s | %s | ", c->before ? c->before : "", c->after ? c->after : "");
	if (c->why_before)
		md_code(o, c->why_after);
	else
		wr_out_text(o, c->new_workload    ? "new workload"
			       : c->lost_workload ? "workload gone"
						  : "");
	wr_out_text(o, " |\n");
}

static void write_markdown(struct wr_out *o, const struct view *v)
{
	wr_out_text(o, "### Network policies: ");
	print_summary(o, v);
	if (!v->n)
		return;
	wr_out_text(o, "\n<details><summary>All changes</summary>\n\n"
		       "| | from | to | before | after | why |\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < v->n && !wr_out_failed(o); i++)
		md_row(o, &v->changes[i]);
	wr_out_text(o, "\n</details>\n");
}

/* ---- the run ---- */

static int load_side(const struct wr_args *args, const char *option,
		     const struct wr_cluster *cluster, struct wr_loaded *l)
{
	struct wr_compile_opts opts = {
		.ipblocks_skip_pods = wr_arg_choice(args, "ipblock-matches-pods") == 1};
	size_t n;
	const char *const *paths = wr_arg_all(args, option, &n);
	l->diags = wr_diags_new();
	l->in = wr_input_new(NULL);
	l->arena = wr_arena_new();
	int rc = l->diags && l->in && l->arena ? 0 : -ENOMEM;
	for (size_t i = 0; i < n && rc != -ENOMEM; i++)
		rc = wr_git_is_revision(paths[i]) ? wr_git_read(l->in, paths[i], l->diags)
						  : wr_input_path(l->in, paths[i], l->diags);
	if (rc != -ENOMEM)
		rc = wr_cluster_lay_under(cluster, l->in, l->diags);
	if (rc != -ENOMEM)
		rc = wr_load_rest(l, &opts);
	if (rc == -ENOMEM)
		return wr_fail(args, "out of memory");
	wr_print_diags(l->diags, l->in, wr_arg_flag(args, "verbose"));
	return wr_diags_total(l->diags, WR_ERROR) || !l->program ? WR_EXIT_ERROR : WR_EXIT_OK;
}

static struct view view_of(const struct wr_diff *d)
{
	struct view v = {0};
	v.changes = wr_diff_changes(d, &v.n);
	v.policies = wr_diff_policies(d, &v.n_policies);
	v.workloads = wr_diff_workloads(d, &v.n_workloads);
	for (size_t i = 0; i < v.n; i++) {
		if (by_policy(&v.changes[i]))
			v.count[v.changes[i].kind]++;
		else
			v.with_workloads++;
	}
	return v;
}

/* A change of ports may be either: both count. */
static int verdict(const struct wr_args *args, const struct view *v)
{
	enum fail_on on = (enum fail_on)wr_arg_choice(args, "fail-on");
	size_t n = on == FAIL_NONE ? 0 : v->count[WR_CHANGE_PORTS];
	if (on == FAIL_ADDED || on == FAIL_ANY)
		n += v->count[WR_CHANGE_ADDED];
	if (on == FAIL_REMOVED || on == FAIL_ANY)
		n += v->count[WR_CHANGE_REMOVED];
	return n ? WR_EXIT_NO : WR_EXIT_OK;
}

static int write_view(const struct wr_args *args, const struct view *v)
{
	enum diff_format format = (enum diff_format)wr_arg_choice(args, "output");
	struct wr_out *o = wr_out_new(1, format == DIFF_JSON   ? WR_JSON
					 : format == DIFF_YAML ? WR_YAML
							       : WR_TABLE);
	if (!o)
		return wr_fail(args, "out of memory");
	switch (format) {
	case DIFF_TEXT:
		write_text(o, v);
		break;
	case DIFF_JSON:
	case DIFF_YAML:
		write_document(o, v);
		break;
	case DIFF_CSV:
		write_csv(o, v);
		break;
	case DIFF_MARKDOWN:
		write_markdown(o, v);
		break;
	}
	return wr_out_finish(o, verdict(args, v));
}

static int compare(const struct wr_args *args, const struct wr_loaded l[2])
{
	WR_CLEANUP(diff)
	struct wr_diff *d = NULL;
	int rc = wr_diff_new(l[0].program, l[1].program, &d);
	if (rc)
		return wr_fail(args, "the versions cannot be compared: %s",
			       rc == -E2BIG ? "there are too many connections" : strerror(-rc));
	struct view v = view_of(d);
	return write_view(args, &v);
}

static int run(const struct wr_args *args)
{
	struct wr_loaded l[2] = {{0}, {0}};
	WR_CLEANUP(cluster)
	struct wr_cluster *cluster = NULL;
	int status = wr_cluster_read(args, &cluster);
	if (!status)
		status = load_side(args, "filename", cluster, &l[0]);
	if (!status)
		status = load_side(args, "to", cluster, &l[1]);
	if (!status)
		status = compare(args, l);
	wr_loaded_free(&l[0]);
	wr_loaded_free(&l[1]);
	return status;
}

static const struct wr_option options[] = {
	{"filename", 'f', WR_OPT_STRING, .repeated = true, .required = true, .value = "PATH",
	 .help = "the version before: files, directories, - for stdin, or REVISION:PATH\n"
		 "of the git repository of the working directory; may be given several times"},
	{"to", 't', WR_OPT_STRING, .repeated = true, .required = true, .value = "PATH",
	 .help = "the version after, likewise; with a cluster: laid over it"},
	WR_OPTION_CLUSTER,
	{"fail-on", 0, WR_OPT_CHOICE, .value = "WHAT", .choices = fail_choices, .fallback = "none",
	 .help = "exit 1 when connections were added, removed, or either"},
	WR_OPTION_IPBLOCKS,
	{"output", 'o', WR_OPT_CHOICE, .value = "FORMAT", .choices = formats, .fallback = "text",
	 .help = "output format"},
	WR_OPTION_VERBOSE,
	{0},
};

const struct wr_command wr_cmd_diff = {
	.name = "diff",
	.summary = "compare what two versions of the manifests allow",
	.description =
		"Lists the connections that became allowed, became denied, or changed ports\n"
		"between two versions of the manifests, with the policy that did it. Policies\n"
		"that were written otherwise and mean the same make no difference.\n"
		"\n"
		"A connection whose ports changed counts as added and as removed for --fail-on.\n"
		"Connections of workloads that are new or gone are told apart and never fail.\n"
		"\n"
		"Exit status: 0, or 1 as --fail-on has it, or 2 on errors.\n",
	.examples = "  weir diff -f old/ --to new/\n"
		    "  weir diff -f main:manifests/ --to manifests/ --fail-on removed\n"
		    "  weir diff -f HEAD~1:k8s --to HEAD:k8s -o markdown\n"
		    "  weir diff -A --to manifests/\n",
	.options = options,
	.run = run,
};
