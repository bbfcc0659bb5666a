/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/list_view.h"

/*
 * The connections as a graph: a box for each namespace, a node for each
 * workload, ranges of addresses outside of all boxes. Only nodes that have a
 * connection are drawn, and of two connections between the same two that say
 * the same, one arrow with two heads.
 */

/* In a dot string: quotes and backslashes. */
static void dot_text(struct wr_out *o, const char *s)
{
	wr_out_text(o, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			wr_out_text(o, "\\");
		wr_out_bytes(o, s, 1);
	}
	wr_out_text(o, "\"");
}

static bool *used_nodes(const struct list_view *v)
{
	bool *used = wr_arena_array(v->arena, v->n_nodes, sizeof(*used));
	for (uint64_t i = 0; used && i < v->n; i++)
		used[v->edges[i].src] = used[v->edges[i].dst] = true;
	return used;
}

static int by_ends(const void *pa, const void *pb)
{
	const struct list_edge *a = pa, *b = pb;
	if (a->src != b->src)
		return a->src < b->src ? -1 : 1;
	return a->dst < b->dst ? -1 : a->dst > b->dst;
}

/* The edge back that says the same, among edges sorted by the numbers of their ends; or NULL. */
static const struct list_edge *back(const struct list_edge *sorted, uint64_t n,
				    const struct list_edge *e)
{
	struct list_edge key = {e->dst, e->src, NULL};
	const struct list_edge *b = bsearch(&key, sorted, n, sizeof(key), by_ends);
	return b && !strcmp(b->ports, e->ports) ? b : NULL;
}

/* A copy that can be searched; NULL: out of memory, which the writer then knows. */
static struct list_edge *sort_edges(struct wr_out *o, const struct list_view *v)
{
	struct list_edge *sorted = wr_arena_array(v->arena, v->n, sizeof(*sorted));
	if (!sorted) {
		wr_out_out_of_memory(o);
		return NULL;
	}
	if (v->n) {
		memcpy(sorted, v->edges, v->n * sizeof(*sorted));
		qsort(sorted, v->n, sizeof(*sorted), by_ends);
	}
	return sorted;
}

/* ---- dot ---- */

static void dot_node(struct wr_out *o, const struct list_node *n, uint32_t i)
{
	wr_out_printf(o, "n%u [label=", i);
	if (n->name) {
		wr_out_text(o, "<<b>");
		wr_out_xml(o, n->name);
		wr_out_text(o, "</b><br/><font point-size=\"9\" color=\"#6b7280\">");
		wr_out_xml(o, n->kind);
		wr_out_text(o, "</font>>");
	} else {
		size_t size = strcspn(n->text, "[");
		char *label = strndup(n->text, size);
		dot_text(o, label ? label : n->text);
		free(label);
		wr_out_text(o, ", shape=ellipse, fillcolor=\"#fef3c7\", color=\"#b45309\"");
	}
	wr_out_text(o, ", tooltip=");
	dot_text(o, n->text);
	wr_out_text(o, "];\n");
}

/* Nodes are sorted by text, so those of a namespace stand together. */
static void dot_nodes(struct wr_out *o, const struct list_view *v, const bool *used)
{
	const char *open = NULL;
	uint32_t cluster = 0;
	for (uint32_t i = 0; i < v->n_nodes; i++) {
		const struct list_node *n = &v->nodes[i];
		if (!used[i])
			continue;
		if (open && (!n->ns || strcmp(n->ns, open) != 0)) {
			wr_out_text(o, "  }\n");
			open = NULL;
		}
		if (n->ns && !open) {
			open = n->ns;
			wr_out_printf(o, "  subgraph cluster_%u {\n    label=", cluster++);
			dot_text(o, open);
			wr_out_text(o, ";\n");
		}
		wr_out_text(o, open ? "    " : "  ");
		dot_node(o, n, i);
	}
	if (open)
		wr_out_text(o, "  }\n");
}

static void dot_edge(struct wr_out *o, const struct list_view *v, const struct list_edge *e,
		     bool both)
{
	bool all = !strcmp(e->ports, "All Connections");
	wr_out_printf(o, "  n%u -> n%u [", e->src, e->dst);
	if (!all) {
		wr_out_text(o, "label=");
		dot_text(o, e->ports);
		wr_out_text(o, ", ");
	}
	wr_out_printf(o, "color=\"%s\"%s, tooltip=", all ? "#9ca3af" : "#2563eb",
		      both ? ", dir=both" : "");
	char *tip = wr_arena_printf(v->arena, "%s %s %s: %s", v->nodes[e->src].text,
				    both ? "<->" : "->", v->nodes[e->dst].text, e->ports);
	dot_text(o, tip ? tip : "");
	wr_out_text(o, "];\n");
}

void wr_draw_dot(struct wr_out *o, const struct list_view *v)
{
	bool *used = used_nodes(v);
	struct list_edge *sorted = sort_edges(o, v);
	if (!used || !sorted) {
		wr_out_out_of_memory(o);
		return;
	}
	wr_out_text(o, "digraph connections {\n"
		       "  graph [rankdir=LR, fontname=\"Helvetica\", fontsize=13, nodesep=0.3, "
		       "ranksep=1.0,\n"
		       "    style=\"rounded,filled\", fillcolor=\"#f3f4f6\", color=\"#d1d5db\", "
		       "labeljust=l];\n"
		       "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", "
		       "color=\"#374151\",\n"
		       "    fontname=\"Helvetica\", fontsize=11, margin=\"0.15,0.08\"];\n"
		       "  edge [fontname=\"Helvetica\", fontsize=9, arrowsize=0.7, "
		       "fontcolor=\"#1f2937\"];\n");
	dot_nodes(o, v, used);
	for (uint64_t i = 0; i < v->n && !wr_out_failed(o); i++) {
		const struct list_edge *b = back(sorted, v->n, &v->edges[i]);
		if (b && v->edges[i].src > v->edges[i].dst)
			continue; /* drawn with the one that goes the other way */
		dot_edge(o, v, &v->edges[i], b != NULL);
	}
	wr_out_text(o, "}\n");
}

/* ---- mermaid ---- */

static void mermaid_text(struct wr_out *o, const char *s)
{
	wr_out_text(o, "\"");
	for (; *s; s++)
		if (*s == '"')
			wr_out_text(o, "#quot;");
		else
			wr_out_bytes(o, s, 1);
	wr_out_text(o, "\"");
}

static void mermaid_nodes(struct wr_out *o, const struct list_view *v, const bool *used)
{
	const char *open = NULL;
	uint32_t box = 0;
	for (uint32_t i = 0; i < v->n_nodes; i++) {
		const struct list_node *n = &v->nodes[i];
		if (!used[i])
			continue;
		if (open && (!n->ns || strcmp(n->ns, open) != 0)) {
			wr_out_text(o, "  end\n");
			open = NULL;
		}
		if (n->ns && !open) {
			open = n->ns;
			wr_out_printf(o, "  subgraph ns%u [", box++);
			mermaid_text(o, open);
			wr_out_text(o, "]\n");
		}
		wr_out_printf(o, "%s  n%u%s", open ? "  " : "", i, n->name ? "[" : "([");
		mermaid_text(o, n->name ? n->name : n->text);
		wr_out_text(o, n->name ? "]\n" : "])\n");
	}
	if (open)
		wr_out_text(o, "  end\n");
}

void wr_draw_mermaid(struct wr_out *o, const struct list_view *v)
{
	bool *used = used_nodes(v);
	struct list_edge *sorted = sort_edges(o, v);
	if (!used || !sorted) {
		wr_out_out_of_memory(o);
		return;
	}
	wr_out_text(o, "graph LR\n");
	mermaid_nodes(o, v, used);
	for (uint64_t i = 0; i < v->n && !wr_out_failed(o); i++) {
		const struct list_edge *e = &v->edges[i], *b = back(sorted, v->n, e);
		if (b && e->src > e->dst)
			continue;
		wr_out_printf(o, "  n%u %s", e->src, b ? "<-->" : "-->");
		if (strcmp(e->ports, "All Connections") != 0) {
			wr_out_text(o, "|");
			mermaid_text(o, e->ports);
			wr_out_text(o, "|");
		}
		wr_out_printf(o, " n%u\n", e->dst);
	}
}
