/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/list_view.h"
#include "cli/cmd_lab.h"
#include "cli/load.h"
#include "cli/resolve.h"
#include "cli/test_generate.h"
#include "cli/test_lab.h"
#include "cli/writer.h"
#include "engine/explain.h"
#include "expect/expect.h"

enum test_format { TEST_TEXT, TEST_TAP, TEST_JUNIT, TEST_JSON, TEST_YAML };
static const char *const formats[] = {"text", "tap", "junit", "json", "yaml", NULL};

struct run {
	const struct wr_args *args;
	struct wr_loaded l;
	struct wr_lab *lab; /* NULL: by the engine */
	const struct wr_program *program;
	struct wr_arena *arena;
	struct wr_input *tests;
	struct wr_diags *diags;
	struct wr_expect *expect;
	WR_VEC(struct wr_expect_result) results;
	size_t failed;
};

/* ---- words ---- */

static const char *side_text(const struct run *r, const struct wr_side *s, char *buf, size_t size)
{
	struct wr_target t = {.pod = s->pod, .ip = s->ip};
	return wr_target_text(wr_program_world(r->program), &t, buf, size);
}

/* "shop/web -> shop/db TCP 5432 is denied" */
static const char *failure_text(const struct run *r, const struct wr_expect_failure *f, char *buf,
				size_t size)
{
	char src[600], dst[600], port[16] = "";
	if (wr_proto_has_ports(f->proto))
		snprintf(port, sizeof(port), " %u", f->port);
	bool itself = f->src.pod != WR_NONE && f->src.pod == f->dst.pod;
	snprintf(buf, size, "%s -> %s %s%s%s is %s", side_text(r, &f->src, src, sizeof(src)),
		 side_text(r, &f->dst, dst, sizeof(dst)), wr_proto_name(f->proto), port,
		 itself ? ", through its Service," : "", f->allowed ? "allowed" : "denied");
	return buf;
}

/* Why it is so: the direction that denies, or the rules that allow. */
static const char *why_text(struct run *r, const struct wr_expect_failure *f)
{
	struct wr_reason reasons[2];
	if (wr_explain(r->program, &f->src, &f->dst, f->proto, f->port, r->arena, reasons) < 0)
		return "";
	const struct wr_reason *why = &reasons[WR_INGRESS];
	if (why->allow != f->allowed || (f->allowed && why->author.kind == WR_BY_DEFAULT))
		why = &reasons[WR_EGRESS];
	const struct wr_near_miss *miss = why->n_misses ? &why->misses[0] : NULL;
	const struct wr_mark *m = miss ? &miss->mark : &why->mark;
	const char *s = wr_arena_printf(r->arena, "%s: %s%s%s%s%s",
					why->dir == WR_EGRESS ? "egress" : "ingress", why->text,
					miss ? "; nearest miss: " : "", miss ? miss->text : "",
					m->file ? " at " : "", m->file ? m->file : "");
	if (s && m->file)
		s = wr_arena_printf(r->arena, "%s:%u", s, m->line);
	return s ? s : "";
}

/* ---- out ---- */

static void print_result(struct wr_out *o, struct run *r, const struct wr_expect_result *t)
{
	char text[2048];
	bool skipped = !t->checked;
	wr_out_printf(o, "%s%s%s %s  (%" PRIu64 " connection%s",
		      wr_out_colour(o, t->failed ? WR_RED
				       : skipped ? WR_YELLOW
						 : WR_GREEN),
		      t->failed ? "FAIL"
		      : skipped ? "skip"
				: "ok  ",
		      wr_out_colour(o, WR_PLAIN), t->name, t->checked, t->checked == 1 ? "" : "s");
	if (t->skipped)
		wr_out_printf(o, "; %" PRIu64 " skipped: %s", t->skipped,
			      t->skip_note ? t->skip_note : "packets cannot try them");
	wr_out_text(o, ")\n");
	if (!t->failed)
		return;
	wr_out_printf(o, "     %s:%u: %" PRIu64 " of %" PRIu64 " %s not as expected\n", t->file,
		      t->mark.line, t->failed, t->checked, t->failed == 1 ? "is" : "are");
	for (size_t i = 0; i < t->failed && i < 5; i++) {
		wr_out_printf(o, "     %s\n", failure_text(r, &t->failures[i], text, sizeof(text)));
		wr_out_printf(o, "       %s\n", why_text(r, &t->failures[i]));
	}
	if (t->failed > 5)
		wr_out_printf(o, "     and %" PRIu64 " more\n", t->failed - 5);
}

static void write_text(struct wr_out *o, struct run *r)
{
	for (size_t i = 0; i < r->results.n && !wr_out_failed(o); i++)
		print_result(o, r, &r->results.items[i]);
	wr_out_printf(o, "%s%zu passed, %zu failed\n", r->results.n ? "\n" : "",
		      r->results.n - r->failed, r->failed);
}

/* TAP version 14. */
static void write_tap(struct wr_out *o, struct run *r)
{
	char text[2048];
	wr_out_printf(o, "TAP version 14\n1..%zu\n", r->results.n);
	for (size_t i = 0; i < r->results.n && !wr_out_failed(o); i++) {
		const struct wr_expect_result *t = &r->results.items[i];
		wr_out_printf(o, "%sok %zu - ", t->failed ? "not " : "", i + 1);
		for (const char *p = t->name; *p; p++) { /* a # would begin a directive */
			if (*p == '#' || *p == '\\')
				wr_out_text(o, "\\");
			wr_out_bytes(o, *p == '\n' ? " " : p, 1);
		}
		wr_out_text(o, "\n");
		if (!t->failed)
			continue;
		wr_out_printf(o,
			      "  ---\n  at: '%s:%u'\n  failed: %" PRIu64 "\n  checked: %" PRIu64
			      "\n  connections:\n",
			      t->file, t->mark.line, t->failed, t->checked);
		for (size_t k = 0; k < t->failed && k < WR_EXPECT_KEPT; k++)
			wr_out_printf(o, "  - '%s'\n",
				      failure_text(r, &t->failures[k], text, sizeof(text)));
		wr_out_text(o, "  ...\n");
	}
}

static void write_junit(struct wr_out *o, struct run *r)
{
	char text[2048];
	wr_out_printf(o,
		      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<testsuites tests=\"%zu\" failures=\"%zu\">\n"
		      "<testsuite name=\"weir test\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
		      "skipped=\"0\">\n",
		      r->results.n, r->failed, r->results.n, r->failed);
	for (size_t i = 0; i < r->results.n && !wr_out_failed(o); i++) {
		const struct wr_expect_result *t = &r->results.items[i];
		wr_out_text(o, "<testcase classname=\"");
		wr_out_xml(o, t->file);
		wr_out_text(o, "\" name=\"");
		wr_out_xml(o, t->name);
		wr_out_text(o, "\">");
		if (t->failed) {
			wr_out_printf(o,
				      "<failure message=\"%" PRIu64 " of %" PRIu64
				      " connections are not as expected\">\n",
				      t->failed, t->checked);
			for (size_t k = 0; k < t->failed && k < WR_EXPECT_KEPT; k++) {
				wr_out_xml(o, failure_text(r, &t->failures[k], text, sizeof(text)));
				wr_out_text(o, "\n  ");
				wr_out_xml(o, why_text(r, &t->failures[k]));
				wr_out_text(o, "\n");
			}
			wr_out_text(o, "</failure>");
		}
		wr_out_text(o, "</testcase>\n");
	}
	wr_out_text(o, "</testsuite>\n</testsuites>\n");
}

static void write_failure(struct wr_out *o, struct run *r, const struct wr_expect_failure *f)
{
	char name[600];
	wr_out_map(o);
	wr_out_key_string(o, "from", side_text(r, &f->src, name, sizeof(name)));
	wr_out_key_string(o, "to", side_text(r, &f->dst, name, sizeof(name)));
	wr_out_key_string(o, "protocol", wr_proto_name(f->proto));
	if (wr_proto_has_ports(f->proto))
		wr_out_key_uint(o, "port", f->port);
	wr_out_key_string(o, "verdict", f->allowed ? "allow" : "deny");
	wr_out_key_string(o, "reason", why_text(r, f));
	wr_out_end(o);
}

static void write_document(struct wr_out *o, struct run *r)
{
	wr_out_map(o);
	wr_out_key(o, "tests");
	wr_out_list(o);
	for (size_t i = 0; i < r->results.n && !wr_out_failed(o); i++) {
		const struct wr_expect_result *t = &r->results.items[i];
		wr_out_map(o);
		wr_out_key_string(o, "name", t->name);
		wr_out_key_string(o, "file", t->file);
		wr_out_key_uint(o, "line", t->mark.line);
		wr_out_key_bool(o, "passed", !t->failed);
		wr_out_key_uint(o, "checked", t->checked);
		wr_out_key_uint(o, "failed", t->failed);
		wr_out_key_uint(o, "skipped", t->skipped);
		wr_out_key(o, "failures");
		wr_out_list(o);
		for (size_t k = 0; k < t->failed && k < WR_EXPECT_KEPT; k++)
			write_failure(o, r, &t->failures[k]);
		wr_out_end(o);
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_key_uint(o, "passed", r->results.n - r->failed);
	wr_out_key_uint(o, "failed", r->failed);
	wr_out_end(o);
}

static int write_results(struct run *r)
{
	enum test_format format = (enum test_format)wr_arg_choice(r->args, "output");
	struct wr_out *o = wr_out_new(1, format == TEST_JSON   ? WR_JSON
					 : format == TEST_YAML ? WR_YAML
							       : WR_TABLE);
	if (!o)
		return wr_fail(r->args, "out of memory");
	switch (format) {
	case TEST_TEXT:
		write_text(o, r);
		break;
	case TEST_TAP:
		write_tap(o, r);
		break;
	case TEST_JUNIT:
		write_junit(o, r);
		break;
	case TEST_JSON:
	case TEST_YAML:
		write_document(o, r);
		break;
	}
	return wr_out_finish(o, r->failed ? WR_EXIT_NO : WR_EXIT_OK);
}

/* ---- the run ---- */

static int read_tests(struct run *r)
{
	r->tests = wr_input_new(NULL);
	if (!r->diags)
		r->diags = wr_diags_new();
	int rc = r->tests && r->diags ? 0 : -ENOMEM;
	for (size_t i = 0; i < r->args->n_operands && rc != -ENOMEM; i++)
		rc = wr_input_path(r->tests, r->args->operands[i], r->diags);
	if (rc != -ENOMEM && !wr_diags_total(r->diags, WR_ERROR))
		rc = wr_expect_read(r->tests, r->program, r->arena, r->diags, &r->expect);
	if (rc == -ENOMEM)
		return wr_fail(r->args, "out of memory");
	wr_print_diags(r->diags, r->tests, false);
	if (wr_diags_total(r->diags, WR_ERROR))
		return WR_EXIT_ERROR;
	return wr_expect_count(r->expect) ? WR_EXIT_OK
					  : wr_fail(r->args, "there are no tests in these files");
}

static int run_in_lab(struct run *r, size_t i, struct wr_expect_result *result)
{
	int rc = wr_test_in_lab(r->lab, r->expect, i, r->diags, result);
	if (rc == -E2BIG)
		return wr_fail(r->args,
			       "%s: more than 20000 connections for packets; the engine judges "
			       "any number",
			       wr_expect_name(r->expect, i));
	if (rc == -ENOMEM)
		return wr_fail(r->args, "out of memory");
	if (rc)
		wr_print_diags(r->diags, NULL, false);
	return rc ? WR_EXIT_ERROR : WR_EXIT_OK;
}

static int run_tests(struct run *r)
{
	const char *filter = wr_arg_string(r->args, "filter");
	for (size_t i = 0; i < wr_expect_count(r->expect); i++) {
		struct wr_expect_result result;
		if (filter && fnmatch(filter, wr_expect_name(r->expect, i), 0) != 0)
			continue;
		if (r->lab) {
			int status = run_in_lab(r, i, &result);
			if (status)
				return status;
		} else {
			wr_expect_run(r->expect, i, &result);
		}
		if (wr_vec_push(&r->results, result) < 0)
			return wr_fail(r->args, "out of memory");
		r->failed += result.failed > 0;
		if (result.failed && wr_arg_flag(r->args, "fail-fast"))
			break;
	}
	if (!r->results.n)
		return wr_fail(r->args, "--filter %s: no test has such a name",
			       filter ? filter : "");
	return write_results(r);
}

/* Manifests, or an open lab: what the tests are about. */
static int open_subject(struct run *r)
{
	const char *name = wr_arg_string(r->args, "lab");
	struct wr_compile_opts opts = {
		.ipblocks_skip_pods = wr_arg_choice(r->args, "ipblock-matches-pods") == 1};
	if (!name) {
		int status = wr_load_program(r->args, &opts, &r->l);
		r->program = r->l.program;
		r->arena = r->l.arena;
		return status;
	}
	r->diags = wr_diags_new();
	if (!r->diags)
		return wr_fail(r->args, "out of memory");
	wr_lab_wait_if_it_can(name, true, r->diags);
	if (wr_lab_open(name, r->diags, &r->lab) < 0 || wr_lab_judge(r->lab, r->diags) < 0) {
		wr_print_diags(r->diags, NULL, false);
		return WR_EXIT_ERROR;
	}
	r->program = r->lab->program;
	r->arena = r->lab->arena;
	return WR_EXIT_OK;
}

static int check_usage(const struct wr_args *args)
{
	bool generate = wr_arg_flag(args, "generate"), lab = wr_arg_given(args, "lab");
	if (lab == (wr_arg_given(args, "filename") || wr_cluster_wanted(args)))
		return wr_usage_error(args, lab ? "--lab tests what is in the lab: leave -f out"
						: "-f, --filename is required (or --lab, or -A)");
	if (lab && generate)
		return wr_usage_error(args, "--generate reads manifests: give -f");
	if (generate == (args->n_operands > 0))
		return wr_usage_error(
			args, generate ? "--generate takes no test files"
				       : "which tests? Name their files, or --generate some");
	return WR_EXIT_OK;
}

static int run(const struct wr_args *args)
{
	struct run r = {.args = args};
	int status = check_usage(args);
	if (!status)
		status = open_subject(&r);
	if (!status && wr_arg_flag(args, "generate"))
		status = wr_test_generate(args, &r.l);
	else if (!status && !(status = read_tests(&r)))
		status = run_tests(&r);
	wr_vec_free(&r.results);
	wr_expect_free(r.expect);
	wr_diags_free(r.diags);
	wr_input_free(r.tests);
	wr_lab_close(r.lab);
	wr_loaded_free(&r.l);
	return status;
}

static const struct wr_option options[] = {
	{"filename", 'f', WR_OPT_STRING, .repeated = true, .value = "PATH",
	 .help = "manifests: a file, a directory (recursively), or - for stdin;\n"
		 "may be given several times"},
	WR_OPTION_CLUSTER,
	{"lab", 0, WR_OPT_STRING, .value = "NAME",
	 .help = "instead of -f: by real packets in this lab (weir lab up); root"},
	{"filter", 0, WR_OPT_STRING, .value = "PATTERN",
	 .help = "only tests whose name matches (* and ? as in a shell)"},
	{"fail-fast", 0, WR_OPT_FLAG, .help = "stop at the first test that fails"},
	{"generate", 0, WR_OPT_FLAG,
	 .help = "write tests for what the policies say now: a start of your own"},
	WR_OPTION_IPBLOCKS,
	{"output", 'o', WR_OPT_CHOICE, .value = "FORMAT", .choices = formats, .fallback = "text",
	 .help = "output format"},
	WR_OPTION_VERBOSE,
	{0},
};

const struct wr_command wr_cmd_test = {
	.name = "test",
	.summary = "check what you expect of the policies",
	.operands = "TESTS...",
	.max_operands = 10000,
	.description =
		"Reads expectations from YAML files (docs/tests.md) and checks each by the engine\n"
		"against the manifests: who may reach whom, who may not, and that nobody else "
		"may.\n"
		"A name that matches nothing is an error, not a passed test. --lab tries the same\n"
		"by real packets between the pods of a lab.\n"
		"\n"
		"Exit status: 0 all passed, 1 some failed, 2 error.\n",
	.examples = "  weir test -f manifests/ tests/\n"
		    "  weir test -f manifests/ tests/ -o junit > report.xml\n"
		    "  weir test --lab lab tests/\n"
		    "  weir test -f manifests/ --generate > tests.yaml\n",
	.options = options,
	.run = run,
};
