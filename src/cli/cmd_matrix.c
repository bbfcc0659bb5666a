/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/list_view.h"
#include "cli/load.h"
#include "cli/writer.h"

/*
 * Matrix: pods times pods. Pods of a namespace that policies do not tell apart,
 * neither as source nor as destination, are one row and one column, so that a
 * large cluster stays readable.
 */

enum matrix_format {
	MATRIX_TABLE,
	MATRIX_JSON,
	MATRIX_YAML,
	MATRIX_CSV,
	MATRIX_MARKDOWN,
	MATRIX_HTML
};
static const char *const formats[] = {"table", "json", "yaml", "csv", "markdown", "html", NULL};

/* What may pass: nothing, something, everything. For one port only the first and the last. */
enum cell { NONE, SOME, ALL };
static const char *const cell_words[] = {[NONE] = "none", [SOME] = "some", [ALL] = "all"};

struct group {
	struct wr_side side, other; /* of two of its pods; the same where it has but one */
	size_t n;                   /* pods */
	const char *label;          /* "shop/{web,api}" */
	WR_VEC(uint32_t) pods;
};

struct matrix {
	const struct wr_program *p;
	struct wr_arena *arena;
	WR_VEC(struct group) groups;
	struct wr_map *memo; /* (port set, port set) to cell */
	bool has_key;
	uint32_t key;
};

/* ---- groups ---- */

static int add_pod(struct matrix *m, struct wr_map *index, uint32_t pod)
{
	const struct wr_pod *p = &wr_program_world(m->p)->pods[pod];
	struct wr_side side;
	if (p->completed || wr_side_pod(m->p, pod, 0, &side) < 0)
		return 0;
	/* hostNetwork pods are their node: each for itself */
	uint32_t key[] = {p->ns_index, side.id.class, side.id.row[0], side.id.row[1],
			  p->host_network ? pod : WR_NONE};
	bool created;
	uint64_t *slot = wr_map_slot(index, key, sizeof(key), m->groups.n, &created);
	if (!slot || (created && wr_vec_push(&m->groups, (struct group){.side = side}) < 0))
		return -ENOMEM;
	struct group *g = &m->groups.items[*slot];
	g->other = side;
	g->n++;
	return wr_vec_push(&g->pods, pod);
}

#define NAMES_SHOWN 4

static int name_group(struct matrix *m, struct group *g)
{
	const struct wr_pod *pods = wr_program_world(m->p)->pods;
	const char *s = pods[g->pods.items[0]].name;
	for (size_t i = 1; i < g->n && i < NAMES_SHOWN && s; i++)
		s = wr_arena_printf(m->arena, "%s,%s", s, pods[g->pods.items[i]].name);
	if (s && g->n > NAMES_SHOWN)
		s = wr_arena_printf(m->arena, "%s,+%zu", s, g->n - NAMES_SHOWN);
	const char *ns = pods[g->pods.items[0]].ns;
	g->label = !s          ? NULL
		   : g->n == 1 ? wr_arena_printf(m->arena, "%s/%s", ns, s)
			       : wr_arena_printf(m->arena, "%s/{%s}", ns, s);
	return g->label ? 0 : -ENOMEM;
}

static int build(struct matrix *m)
{
	struct wr_map *index = wr_map_new();
	m->memo = wr_map_new();
	int rc = index && m->memo ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < wr_program_world(m->p)->n_pods && !rc; i++)
		rc = add_pod(m, index, i);
	for (size_t i = 0; i < m->groups.n && !rc; i++)
		rc = name_group(m, &m->groups.items[i]);
	wr_map_free(index);
	return rc;
}

/* ---- cells ---- */

/* What two port sets both allow. */
static enum cell both(const struct matrix *m, uint32_t x, uint32_t y)
{
	uint32_t key[] = {x, y}, n, k, i = 0, j = 0;
	uint64_t known;
	if (wr_map_get(m->memo, key, sizeof(key), &known))
		return (enum cell)known;
	const struct wr_range *a = wr_program_port_set(m->p, x, &n);
	const struct wr_range *b = wr_program_port_set(m->p, y, &k);
	bool any = false, all = true;
	while (i < n && j < k) {
		uint32_t end_a = i + 1 < n ? a[i + 1].first : WR_KEY_LAST + 1;
		uint32_t end_b = j + 1 < k ? b[j + 1].first : WR_KEY_LAST + 1;
		bool allow = a[i].allow && b[j].allow;
		any |= allow;
		all &= allow;
		i += end_a <= end_b;
		j += end_b <= end_a;
	}
	enum cell c = all ? ALL : any ? SOME : NONE;
	(void)wr_map_put(m->memo, key, sizeof(key), c); /* only to save time */
	return c;
}

static enum cell judge(const struct matrix *m, const struct wr_side *src, const struct wr_side *dst)
{
	struct wr_verdict v;
	if (m->has_key) {
		wr_evaluate(m->p, src, dst, (uint8_t)(m->key >> 16), (uint16_t)m->key, &v);
		return v.allow ? ALL : NONE;
	}
	if (src->pod == dst->pod)
		return ALL;
	uint32_t out = wr_program_row(m->p, src->id.row[WR_EGRESS])[dst->id.class];
	uint32_t in = wr_program_row(m->p, dst->id.row[WR_INGRESS])[src->id.class];
	const struct wr_pod *pod = &wr_program_world(m->p)->pods[dst->pod];
	if (src->node != WR_NONE && pod->node == src->node)
		in = 0; /* a node reaches its own pods */
	return both(m, out, in);
}

/* Between two groups, or two pods of one; a pod alone with itself is always allowed. */
static enum cell cell_of(const struct matrix *m, size_t src, size_t dst)
{
	const struct group *a = &m->groups.items[src], *b = &m->groups.items[dst];
	return judge(m, &a->side, src == dst ? &b->other : &b->side);
}

/* ---- out ---- */

static void print_head(struct wr_out *o, const struct matrix *m, size_t width)
{
	size_t n = m->groups.n, digits = n > 99 ? 3 : n > 9 ? 2 : 1;
	for (size_t d = 0, divisor = digits == 3   ? 100
				     : digits == 2 ? 10
						   : 1;
	     d < digits; d++, divisor /= 10) {
		wr_out_printf(o, "%*s", (int)(width + 6), "");
		for (size_t i = 1; i <= n; i++)
			wr_out_printf(o, "%c ",
				      i >= divisor || divisor == 1 ? (char)('0' + i / divisor % 10)
								   : ' ');
		wr_out_text(o, "\n");
	}
}

static void print_table(struct wr_out *o, const struct matrix *m)
{
	static const char *const signs[] = {[NONE] = ".", [SOME] = "+", [ALL] = "#"};
	static const enum wr_colour colours[] = {
		[NONE] = WR_RED, [SOME] = WR_YELLOW, [ALL] = WR_GREEN};
	size_t width = 0;
	for (size_t i = 0; i < m->groups.n; i++)
		if (strlen(m->groups.items[i].label) > width)
			width = strlen(m->groups.items[i].label);
	print_head(o, m, width);
	for (size_t i = 0; i < m->groups.n && !wr_out_failed(o); i++) {
		wr_out_printf(o, "%3zu  %-*s ", i + 1, (int)width, m->groups.items[i].label);
		for (size_t k = 0; k < m->groups.n; k++) {
			enum cell c = cell_of(m, i, k);
			bool self = i == k && m->groups.items[i].n == 1;
			wr_out_printf(o, "%s%s%s ", wr_out_colour(o, self ? WR_DIM : colours[c]),
				      self ? "-" : signs[c], wr_out_colour(o, WR_PLAIN));
		}
		wr_out_text(o, "\n");
	}
	wr_out_printf(o, "\nrows: sources, columns: destinations; # %s, . denied%s\n",
		      m->has_key ? "allowed" : "everything", m->has_key ? "" : ", + some ports");
}

static void write_document(struct wr_out *o, const struct matrix *m)
{
	const struct wr_pod *pods = wr_program_world(m->p)->pods;
	wr_out_map(o);
	if (m->has_key) {
		wr_out_key_string(o, "protocol", wr_proto_name((uint8_t)(m->key >> 16)));
		wr_out_key_uint(o, "port", m->key & 0xffff);
	}
	wr_out_key(o, "groups");
	wr_out_list(o);
	for (size_t i = 0; i < m->groups.n; i++) {
		const struct group *g = &m->groups.items[i];
		wr_out_inline(o);
		wr_out_list(o);
		for (size_t k = 0; k < g->n; k++) {
			char name[600];
			snprintf(name, sizeof(name), "%s/%s", pods[g->pods.items[k]].ns,
				 pods[g->pods.items[k]].name);
			wr_out_string(o, name);
		}
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_key(o, "matrix");
	wr_out_list(o);
	for (size_t i = 0; i < m->groups.n && !wr_out_failed(o); i++) {
		wr_out_inline(o);
		wr_out_list(o);
		for (size_t k = 0; k < m->groups.n; k++)
			wr_out_string(o, cell_words[cell_of(m, i, k)]);
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_end(o);
}

static void write_csv(struct wr_out *o, const struct matrix *m)
{
	size_t n = m->groups.n;
	wr_out_csv(o, "from \\ to", !n);
	for (size_t k = 0; k < n; k++)
		wr_out_csv(o, m->groups.items[k].label, k + 1 == n);
	for (size_t i = 0; i < n && !wr_out_failed(o); i++) {
		wr_out_csv(o, m->groups.items[i].label, false);
		for (size_t k = 0; k < n; k++)
			wr_out_csv(o, cell_words[cell_of(m, i, k)], k + 1 == n);
	}
}

static void write_markdown(struct wr_out *o, const struct matrix *m)
{
	wr_out_text(o, "| from \\ to |");
	for (size_t k = 0; k < m->groups.n; k++)
		wr_out_printf(o, " `%s` |", m->groups.items[k].label);
	wr_out_text(o, "\n|---|");
	for (size_t k = 0; k < m->groups.n; k++)
		wr_out_text(o, "---|");
	wr_out_text(o, "\n");
	for (size_t i = 0; i < m->groups.n && !wr_out_failed(o); i++) {
		wr_out_printf(o, "| `%s` |", m->groups.items[i].label);
		for (size_t k = 0; k < m->groups.n; k++)
			wr_out_printf(o, " %s |", cell_words[cell_of(m, i, k)]);
		wr_out_text(o, "\n");
	}
}

static void write_html(struct wr_out *o, const struct matrix *m)
{
	wr_draw_page_begin(o, "Who may reach whom");
	wr_out_text(o, "<table>\n<tr><th>from \\ to</th>");
	for (size_t k = 0; k < m->groups.n; k++) {
		wr_out_text(o, "<th class=\"col\" scope=\"col\">");
		wr_out_xml(o, m->groups.items[k].label);
		wr_out_text(o, "</th>");
	}
	wr_out_text(o, "</tr>\n");
	for (size_t i = 0; i < m->groups.n && !wr_out_failed(o); i++) {
		wr_out_text(o, "<tr><th scope=\"row\">");
		wr_out_xml(o, m->groups.items[i].label);
		wr_out_text(o, "</th>");
		for (size_t k = 0; k < m->groups.n; k++) {
			enum cell c = cell_of(m, i, k);
			wr_out_printf(o, "<td class=\"%s\" title=\"", cell_words[c]);
			wr_out_xml(o, m->groups.items[i].label);
			wr_out_text(o, " \xe2\x86\x92 ");
			wr_out_xml(o, m->groups.items[k].label);
			wr_out_printf(o, "\">%s</td>", c == NONE ? "" : cell_words[c]);
		}
		wr_out_text(o, "</tr>\n");
	}
	wr_out_text(o, "</table>\n");
	wr_draw_page_end(o);
}

static void write_matrix(struct wr_out *o, const struct matrix *m, enum matrix_format format)
{
	switch (format) {
	case MATRIX_TABLE:
		print_table(o, m);
		break;
	case MATRIX_JSON:
	case MATRIX_YAML:
		write_document(o, m);
		break;
	case MATRIX_CSV:
		write_csv(o, m);
		break;
	case MATRIX_MARKDOWN:
		write_markdown(o, m);
		break;
	case MATRIX_HTML:
		write_html(o, m);
		break;
	}
}

/* ---- the run ---- */

static int show(const struct wr_args *args, struct matrix *m)
{
	enum matrix_format format = (enum matrix_format)wr_arg_choice(args, "output");
	if (build(m) < 0)
		return wr_fail(args, "out of memory");
	struct wr_out *o = wr_out_new(1, format == MATRIX_JSON   ? WR_JSON
					 : format == MATRIX_YAML ? WR_YAML
								 : WR_TABLE);
	if (!o)
		return wr_fail(args, "out of memory");
	write_matrix(o, m, format);
	return wr_out_finish(o, WR_EXIT_OK);
}

static int run(const struct wr_args *args)
{
	struct wr_loaded l = {0};
	struct matrix m = {0};
	struct wr_compile_opts opts = {
		.ipblocks_skip_pods = wr_arg_choice(args, "ipblock-matches-pods") == 1};
	const char *port = wr_arg_string(args, "port");
	int status = WR_EXIT_OK;
	if (port) {
		m.has_key = true;
		if (wr_list_parse_port(port, &m.key) < 0)
			return wr_usage_error(args, "--port %s: write a number, or 53/UDP", port);
	}
	status = wr_load_program(args, &opts, &l);
	m.p = l.program;
	m.arena = l.arena;
	if (!status)
		status = show(args, &m);
	for (size_t i = 0; i < m.groups.n; i++)
		wr_vec_free(&m.groups.items[i].pods);
	wr_vec_free(&m.groups);
	wr_map_free(m.memo);
	wr_loaded_free(&l);
	return status;
}

static const struct wr_option options[] = {
	WR_OPTION_FILES,
	WR_OPTION_CLUSTER,
	{"port", 'p', WR_OPT_STRING, .value = "PORT[/PROTOCOL]",
	 .help = "one port (TCP where nothing is said); without it, all of them"},
	WR_OPTION_IPBLOCKS,
	{"output", 'o', WR_OPT_CHOICE, .value = "FORMAT", .choices = formats, .fallback = "table",
	 .help = "output format"},
	WR_OPTION_VERBOSE,
	{0},
};

const struct wr_command wr_cmd_matrix = {
	.name = "matrix",
	.summary = "show which pod may reach which, as a matrix",
	.description =
		"Sources are rows, destinations columns. Pods of a namespace that the policies do\n"
		"not tell apart share a row and a column: shop/{web,api}. Between two pods of\n"
		"such a group what is shown on the diagonal holds.\n",
	.examples = "  weir matrix -f manifests/ --port 80\n"
		    "  weir matrix -f manifests/ -o html > matrix.html\n",
	.options = options,
	.run = run,
};
