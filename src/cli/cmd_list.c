/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/list_view.h"
#include "cli/load.h"
#include "cli/writer.h"

enum list_format {
	LIST_TABLE,
	LIST_JSON,
	LIST_YAML,
	LIST_CSV,
	LIST_MARKDOWN,
	LIST_DOT,
	LIST_MERMAID,
	LIST_SVG,
	LIST_HTML
};
static const char *const formats[] = {"table", "json",    "yaml", "csv",  "markdown",
				      "dot",   "mermaid", "svg",  "html", NULL};
static const char *const directions[] = {"both", "ingress", "egress", NULL};

static int write_view(const struct wr_args *args, struct wr_out *o, const struct list_view *v,
		      enum list_format format)
{
	char message[512] = "";
	int rc = 0;
	switch (format) {
	case LIST_TABLE:
		wr_list_table(o, v);
		break;
	case LIST_JSON:
	case LIST_YAML:
		wr_list_json(o, v);
		break;
	case LIST_CSV:
		wr_list_csv(o, v);
		break;
	case LIST_MARKDOWN:
		wr_list_markdown(o, v);
		break;
	case LIST_DOT:
		wr_draw_dot(o, v);
		break;
	case LIST_MERMAID:
		wr_draw_mermaid(o, v);
		break;
	case LIST_SVG:
		rc = wr_draw_svg(o, v, message);
		break;
	case LIST_HTML:
		rc = wr_draw_html(o, v, message);
		break;
	}
	if (rc == -ENOENT)
		return wr_fail(args,
			       "Graphviz lays out the graph, and its program dot is not "
			       "installed (package graphviz); -o dot and -o mermaid do without");
	return rc ? wr_fail(args, "the graph cannot be laid out: %s",
			    *message ? message : strerror(-rc))
		  : WR_EXIT_OK;
}

/* "80", "80/TCP", "53/UDP". */
static int parse_port(const struct wr_args *args, struct list_filter *f)
{
	const char *text = wr_arg_string(args, "port");
	if (!text)
		return WR_EXIT_OK;
	if (wr_list_parse_port(text, &f->key) < 0)
		return wr_usage_error(args, "--port %s: write a number, or 53/UDP", text);
	f->has_key = true;
	return WR_EXIT_OK;
}

static int list(const struct wr_args *args, const struct wr_program *p)
{
	enum list_format format = (enum list_format)wr_arg_choice(args, "output");
	unsigned direction = wr_arg_choice(args, "direction");
	struct list_filter f = {.only_in = direction == 1, .only_out = direction == 2};
	struct list_view v;
	const char *unknown = NULL;
	int status = parse_port(args, &f);
	if (status)
		return status;
	f.focus = wr_arg_all(args, "focus", &f.n_focus);
	if (direction && !f.n_focus)
		return wr_usage_error(args, "--direction is seen from a workload: add --focus");
	int rc = wr_list_view(p, &f, &v, &unknown);
	if (rc < 0)
		return wr_fail(args, "the connections cannot be listed: %s",
			       rc == -E2BIG ? "there are too many" : strerror(-rc));
	if (unknown) {
		wr_list_view_free(&v);
		return wr_fail(args, "--focus %s: there is no workload of that name", unknown);
	}
	struct wr_out *o = wr_out_new(1, format == LIST_JSON   ? WR_JSON
					 : format == LIST_YAML ? WR_YAML
							       : WR_TABLE);
	status = o ? write_view(args, o, &v, format) : wr_fail(args, "out of memory");
	if (o)
		status = wr_out_finish(o, status);
	wr_list_view_free(&v);
	return status;
}

static int expose(const struct wr_args *args, const struct wr_loaded *l)
{
	enum list_format format = (enum list_format)wr_arg_choice(args, "output");
	if (format > LIST_YAML)
		return wr_usage_error(args, "--exposure is written as table, json or yaml");
	if (wr_arg_given(args, "focus") || wr_arg_given(args, "port"))
		return wr_usage_error(args, "--exposure goes without --focus and --port");
	struct wr_out *o = wr_out_new(1, (enum wr_format)format);
	int rc = o ? wr_list_exposure(o, l->program, l->arena) : -ENOMEM;
	int status = o ? wr_out_finish(o, WR_EXIT_OK) : WR_EXIT_ERROR;
	return rc ? wr_fail(args, "out of memory") : status;
}

static int run_list(const struct wr_args *args)
{
	struct wr_loaded l = {0};
	struct wr_compile_opts opts = {
		.ipblocks_skip_pods = wr_arg_choice(args, "ipblock-matches-pods") == 1};
	int status = wr_load_program(args, &opts, &l);
	if (!status)
		status = wr_arg_flag(args, "exposure") ? expose(args, &l) : list(args, l.program);
	wr_loaded_free(&l);
	return status;
}

static const struct wr_option options[] = {
	WR_OPTION_FILES,
	WR_OPTION_CLUSTER,
	{"focus", 0, WR_OPT_STRING, .repeated = true, .value = "NS/NAME",
	 .help = "only connections of this workload; may be given several times"},
	{"direction", 0, WR_OPT_CHOICE, .value = "DIRECTION", .choices = directions,
	 .fallback = "both", .help = "with --focus: what comes in, or goes out"},
	{"port", 'p', WR_OPT_STRING, .value = "PORT[/PROTOCOL]",
	 .help = "only connections that this port (TCP where nothing is said) may be used for"},
	{"exposure", 0, WR_OPT_FLAG,
	 .help = "instead: whom the policies of each workload would let in and out that does\n"
		 "not exist yet, by labels"},
	WR_OPTION_IPBLOCKS,
	{"output", 'o', WR_OPT_CHOICE, .value = "FORMAT", .choices = formats, .fallback = "table",
	 .help = "output format"},
	WR_OPTION_VERBOSE,
	{0},
};

const struct wr_command wr_cmd_list = {
	.name = "list",
	.summary = "list all allowed connections",
	.description =
		"Lists what the policies of the manifests allow: connections between workloads,\n"
		"and between workloads and ranges of addresses outside the cluster. The ranges\n"
		"are the widest that no policy tells apart. Connections of a workload with\n"
		"itself are left out. Where there are Ingress resources, {ingress-controller}\n"
		"stands for a controller that is any pod of any namespace.\n"
		"\n"
		"svg and html are drawn by Graphviz (the program dot), html with a matrix.\n",
	.examples = "  weir list -f manifests/\n"
		    "  weir list -f manifests/ --focus shop/db --direction ingress --port 5432\n"
		    "  weir list -f manifests/ -o html > connections.html\n"
		    "  weir list --context prod -n shop\n",
	.options = options,
	.run = run_list,
};
