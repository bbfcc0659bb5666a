/* SPDX-License-Identifier: Apache-2.0 */
/* weir lab probe: what the engine expects beside what real packets do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/cmd_lab.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "lab/lab.h"

struct probing {
	const struct wr_args *args;
	struct wr_diags *diags;
	struct wr_lab *lab;
	WR_VEC(struct wr_lab_flow) flows;
	uint8_t families[2];
	unsigned n_families;
};

static const char *const families[] = {"ipv4", "ipv6", "both", NULL};

static int add_flow(struct probing *pr, struct wr_lab_flow f)
{
	for (unsigned i = 0; i < pr->n_families || i == 0; i++) {
		f.family = pr->n_families ? pr->families[i] : 0;
		if (wr_vec_push(&pr->flows, f) < 0)
			return -ENOMEM;
	}
	return 0;
}

static const char *text_of(const struct wr_value *v, const char *key)
{
	const struct wr_value *f = wr_value_get(v, key);
	return f && (f->type == WR_STRING || f->type == WR_INT) ? f->text : NULL;
}

/* One line of --flows. */
static int add_line(struct probing *pr, const char *file, uint32_t number, const char *line,
		    size_t size)
{
	struct wr_mark mark = {file, number, 1};
	struct wr_value *v;
	int rc = wr_json_parse(pr->lab->arena, line, size, mark, &v, pr->diags);
	if (rc)
		return rc;
	const char *proto = text_of(v, "protocol");
	int number_of = wr_proto_parse(proto ? proto : "TCP");
	struct wr_lab_flow f = {.from = text_of(v, "from"),
				.to = text_of(v, "to"),
				.port = text_of(v, "port"),
				.proto = (uint8_t)number_of};
	if (!f.from || !f.to || number_of < 0) {
		wr_diag_add(pr->diags, WR_ERROR, mark, NULL, NULL,
			    "a flow needs \"from\", \"to\" and a known \"protocol\"");
		return -EINVAL;
	}
	return add_flow(pr, f);
}

static int add_file(struct probing *pr, const char *path)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
	if (!in) {
		wr_diag_add(pr->diags, WR_ERROR, (struct wr_mark){path, 0, 0}, NULL, NULL, "%s",
			    strerror(errno));
		return -EINVAL;
	}
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;
	for (uint32_t number = 1; !rc && (n = getline(&line, &cap, in)) > 0; number++)
		if (strspn(line, " \t\r\n") < (size_t)n)
			rc = add_line(pr, path, number, line, (size_t)n);
	free(line);
	if (in != stdin)
		fclose(in);
	return rc;
}

static int add_all(struct probing *pr)
{
	struct wr_lab_flow *all;
	size_t n;
	int rc = wr_lab_all_flows(pr->lab, &all, &n);
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_flow(pr, all[i]);
	return rc;
}

static int collect(struct probing *pr)
{
	const char *from = wr_arg_string(pr->args, "from"), *to = wr_arg_string(pr->args, "to");
	const char *file = wr_arg_string(pr->args, "flows"),
		   *proto = wr_arg_string(pr->args, "protocol");
	if (wr_arg_given(pr->args, "family")) {
		unsigned choice = wr_arg_choice(pr->args, "family");
		if (choice != 1)
			pr->families[pr->n_families++] = WR_IPV4;
		if (choice != 0)
			pr->families[pr->n_families++] = WR_IPV6;
	}
	if (file)
		return add_file(pr, file);
	if (wr_arg_flag(pr->args, "all") || !from)
		return add_all(pr);
	int number = wr_proto_parse(proto);
	if (number < 0) {
		wr_diag_add(pr->diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
			    "unknown protocol \"%s\": TCP, UDP, ICMP or a number", proto);
		return -EINVAL;
	}
	return add_flow(pr, (struct wr_lab_flow){.from = from,
						 .to = to,
						 .port = wr_arg_string(pr->args, "port"),
						 .proto = (uint8_t)number});
}

/* ---- output ---- */

static const char *outcome_text(enum wr_lab_outcome o)
{
	return o == WR_LAB_ALLOW ? "allow" : o == WR_LAB_DENY ? "deny" : NULL;
}

static bool disagrees(const struct wr_lab_result *r)
{
	return r->observed != WR_LAB_SKIPPED && r->observed != r->expected;
}

static void write_json(struct probing *pr, const struct wr_lab_result *results)
{
	struct wr_out *o = wr_out_new(STDOUT_FILENO, WR_JSON_LINES);
	for (size_t i = 0; o && i < pr->flows.n; i++) {
		const struct wr_lab_flow *f = &pr->flows.items[i];
		const struct wr_lab_result *r = &results[i];
		wr_out_map(o);
		wr_out_key_string(o, "from", f->from);
		wr_out_key_string(o, "to", f->to);
		wr_out_key_string(o, "protocol", wr_proto_name(f->proto));
		if (f->port && strspn(f->port, "0123456789") == strlen(f->port))
			wr_out_key_uint(o, "port", strtoul(f->port, NULL, 10));
		else if (f->port)
			wr_out_key_string(o, "port", f->port);
		if (f->family)
			wr_out_key_string(o, "family", f->family == WR_IPV4 ? "ipv4" : "ipv6");
		wr_out_key_string(o, "expected", outcome_text(r->expected));
		wr_out_key_string(o, "observed", outcome_text(r->observed));
		if (r->note)
			wr_out_key_string(o, "note", r->note);
		if (r->reply && *r->reply)
			wr_out_key_string(o, "reply", r->reply);
		wr_out_end(o);
	}
	(void)wr_out_finish(o, 0);
}

static void write_table(struct probing *pr, const struct wr_lab_result *results)
{
	static const char *const head[] = {"FROM",     "TO",       "PROTOCOL", "PORT",
					   "EXPECTED", "OBSERVED", ""};
	WR_CLEANUP(table)
	struct wr_table *t = wr_table_new(7);
	struct wr_out *o = wr_out_new(STDOUT_FILENO, WR_TABLE);
	size_t same = 0, skipped = 0;
	if (!t || !o)
		return;
	for (size_t i = 0; i < 7; i++)
		wr_table_cell(t, WR_BOLD, "%s", head[i]);
	for (size_t i = 0; i < pr->flows.n; i++) {
		const struct wr_lab_flow *f = &pr->flows.items[i];
		const struct wr_lab_result *r = &results[i];
		const char *seen = outcome_text(r->observed);
		wr_table_cell(t, WR_PLAIN, "%s", f->from);
		wr_table_cell(t, WR_PLAIN, "%s", f->to);
		wr_table_cell(t, WR_PLAIN, "%s%s", wr_proto_name(f->proto),
			      f->family == WR_IPV6 ? " (IPv6)" : "");
		wr_table_cell(t, WR_PLAIN, "%s", f->port ? f->port : "");
		wr_table_cell(t, WR_PLAIN, "%s", outcome_text(r->expected));
		wr_table_cell(t, disagrees(r) ? WR_RED : WR_GREEN, "%s", seen ? seen : "skipped");
		wr_table_cell(t, WR_DIM, "%s", disagrees(r) ? "DISAGREES" : r->note ? r->note : "");
		same += seen && !disagrees(r);
		skipped += !seen;
	}
	wr_table_write(t, o);
	wr_out_printf(o, "%zu agree, %zu disagree, %zu skipped\n", same,
		      pr->flows.n - same - skipped, skipped);
	(void)wr_out_finish(o, 0);
}

static int probe(struct probing *pr)
{
	const char *name = wr_arg_string(pr->args, "name");
	wr_lab_wait_if_it_can(name, true, pr->diags);
	int rc = wr_lab_open(name, pr->diags, &pr->lab);
	if (!rc)
		rc = wr_lab_judge(pr->lab, pr->diags);
	if (!rc)
		rc = collect(pr);
	struct wr_lab_result *results = rc ? NULL : calloc(pr->flows.n + 1, sizeof(*results));
	if (!rc && !results)
		rc = -ENOMEM;
	if (!rc)
		rc = (wr_arg_flag(pr->args, "maps") ? wr_lab_probe_maps : wr_lab_probe)(
			pr->lab, pr->flows.items, pr->flows.n, results, pr->diags);
	int status = WR_EXIT_OK;
	for (size_t i = 0; !rc && i < pr->flows.n; i++)
		if (disagrees(&results[i]))
			status = WR_EXIT_NO;
	if (!rc && wr_arg_choice(pr->args, "output") == WR_JSON)
		write_json(pr, results);
	else if (!rc)
		write_table(pr, results);
	free(results);
	if (rc == -ENOMEM)
		return wr_fail(pr->args, "out of memory");
	return rc ? WR_EXIT_ERROR : status;
}

static int run_probe(const struct wr_args *args)
{
	struct probing pr = {.args = args, .diags = wr_diags_new()};
	if (!pr.diags)
		return wr_fail(args, "out of memory");
	if (!wr_arg_string(args, "from") != !wr_arg_string(args, "to")) {
		wr_diags_free(pr.diags);
		return wr_usage_error(args, "--from and --to go together");
	}
	int status = probe(&pr);
	wr_print_diags(pr.diags, NULL, false);
	wr_lab_close(pr.lab);
	wr_vec_free(&pr.flows);
	wr_diags_free(pr.diags);
	return status;
}

static const struct wr_option options[] = {
	WR_OPTION_LAB_NAME,
	{"from", 0, WR_OPT_STRING, .value = "X",
	 .help = "source: namespace/pod, namespace/kind/name, outside, or an address of the lab"},
	{"to", 0, WR_OPT_STRING, .value = "Y",
	 .help = "destination: as --from, or service/namespace/name"},
	{"port", 0, WR_OPT_STRING, .value = "N|NAME", .help = "destination port"},
	{"protocol", 0, WR_OPT_STRING, .value = "PROTO", .fallback = "TCP",
	 .help = "TCP, UDP or ICMP"},
	{"flows", 0, WR_OPT_STRING, .value = "FILE",
	 .help = "flows to try, one JSON object a line, as weir eval --flows; - for stdin"},
	{"all", 0, WR_OPT_FLAG,
	 .help = "every pair of pods, with the ports that are declared (the default)"},
	{"family", 0, WR_OPT_CHOICE, .value = "FAMILY", .choices = families,
	 .help = "ipv4, ipv6 or both; else IPv4, or as the addresses say"},
	{"maps", 0, WR_OPT_FLAG,
	 .help = "send nothing: judge by the maps that are loaded, read back from the kernel"},
	WR_OPTION_OUTPUT_TABLE_JSON,
	{0},
};

const struct wr_command wr_lab_probe_command = {
	.name = "probe",
	.summary = "send real packets and compare with what the engine expects",
	.description =
		"Tries all flows at once and prints for each what the engine expects and what was "
		"observed. Exit status: 0 all agree, 1 some do not, 2 error.",
	.examples = "weir lab probe\n"
		    "weir lab probe --from shop/web --to shop/db --port 5432\n"
		    "weir lab probe --from utils/ping --to service/shop/web --port 80 -o json\n",
	.options = options,
	.run = run_probe,
};
