/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "engine/connectivity.h"

WR_DEFINE_CLEANUP(connectivity, struct wr_connectivity *, wr_connectivity_free)

/* One connection a line, so that long lists stay readable and can be compared by line. */
static void write_json(struct wr_out *o, const struct wr_connectivity *c)
{
	uint32_t n_nodes;
	uint64_t n;
	const struct wr_conn_node *nodes = wr_connectivity_nodes(c, &n_nodes);
	const struct wr_conn_edge *edges = wr_connectivity_edges(c, &n);
	wr_out_list(o);
	for (uint64_t i = 0; i < n && !wr_out_failed(o); i++) {
		wr_out_inline(o);
		wr_out_map(o);
		wr_out_key_string(o, "src", nodes[edges[i].src].text);
		wr_out_key_string(o, "dst", nodes[edges[i].dst].text);
		wr_out_key_string(o, "conn", wr_connectivity_ports_text(c, edges[i].ports));
		wr_out_end(o);
	}
	wr_out_end(o);
}

static void cell(struct wr_out *o, const char *text, size_t width)
{
	static const char blanks[] = "                                ";
	size_t n = strlen(text);
	wr_out_text(o, text);
	for (width += 2; n < width;) {
		size_t part = width - n < sizeof(blanks) - 1 ? width - n : sizeof(blanks) - 1;
		wr_out_bytes(o, blanks, part);
		n += part;
	}
}

/* The names of nodes are all that the widths depend on: no need to keep a table of the edges. */
static void write_table(struct wr_out *o, const struct wr_connectivity *c)
{
	uint32_t n_nodes;
	uint64_t n;
	const struct wr_conn_node *nodes = wr_connectivity_nodes(c, &n_nodes);
	const struct wr_conn_edge *edges = wr_connectivity_edges(c, &n);
	size_t width = strlen("DESTINATION");
	for (uint32_t i = 0; i < n_nodes; i++)
		if (strlen(nodes[i].text) > width)
			width = strlen(nodes[i].text);
	if (!n) {
		wr_out_text(o, "no connections are allowed\n");
		return;
	}
	wr_out_text(o, wr_out_colour(o, WR_BOLD));
	cell(o, "SOURCE", width);
	cell(o, "DESTINATION", width);
	wr_out_printf(o, "CONNECTIONS%s\n", wr_out_colour(o, WR_PLAIN));
	for (uint64_t i = 0; i < n && !wr_out_failed(o); i++) {
		cell(o, nodes[edges[i].src].text, width);
		cell(o, nodes[edges[i].dst].text, width);
		wr_out_text(o, wr_connectivity_ports_text(c, edges[i].ports));
		wr_out_text(o, "\n");
	}
}

static int list(const struct wr_args *args, const struct wr_program *p)
{
	WR_CLEANUP(connectivity)
	struct wr_connectivity *c = NULL;
	int rc = wr_connectivity_new(p, &c);
	if (rc < 0)
		return wr_fail(args, "the connections cannot be listed: %s",
			       rc == -E2BIG ? "there are too many" : strerror(-rc));
	struct wr_out *o = wr_out_new(1, (enum wr_format)wr_arg_choice(args, "output"));
	if (!o)
		return wr_fail(args, "out of memory");
	if (wr_out_format(o) == WR_TABLE)
		write_table(o, c);
	else
		write_json(o, c);
	return wr_out_finish(o, WR_EXIT_OK);
}

static int run_list(const struct wr_args *args)
{
	struct wr_loaded l = {0};
	struct wr_compile_opts opts = {
		.ipblocks_skip_pods = wr_arg_choice(args, "ipblock-matches-pods") == 1};
	int status = wr_load_program(args, &opts, &l);
	if (!status)
		status = list(args, l.program);
	wr_loaded_free(&l);
	return status;
}

static const struct wr_option options[] = {
	WR_OPTION_FILES, WR_OPTION_IPBLOCKS, WR_OPTION_OUTPUT_TABLE_JSON, WR_OPTION_VERBOSE, {0},
};

const struct wr_command wr_cmd_list = {
	.name = "list",
	.summary = "list all allowed connections",
	.description =
		"Lists what the policies of the manifests allow: connections between workloads,\n"
		"and between workloads and ranges of addresses outside the cluster. The ranges\n"
		"are the widest that no policy tells apart. Connections of a workload with\n"
		"itself are left out.\n",
	.examples = "  weir list -f manifests/\n"
		    "  weir list -f manifests/ -o json\n",
	.options = options,
	.run = run_list,
};
