/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What weir list shows: the connections of a program, those of an ingress
 * controller included, as far as the filters let them through; and the forms
 * in which it is written.
 */
#include "cli/writer.h"
#include "engine/connectivity.h"

struct list_node {
	const char *text;      /* "shop/web[Deployment]", "10.0.0.0-10.255.255.255[External]" */
	const char *ns, *name; /* of workloads; else NULL */
	const char *kind;
};

struct list_edge {
	uint32_t src, dst; /* nodes */
	const char *ports;
};

struct list_view {
	struct wr_arena *arena;
	struct wr_connectivity *c;
	struct list_node *nodes;
	uint32_t n_nodes;
	struct list_edge *edges; /* sorted by source, destination */
	uint64_t n;
};

struct list_filter {
	const char *const *focus; /* "namespace/name"; n_focus 0: everybody */
	size_t n_focus;
	bool only_in, only_out; /* of the focus */
	bool has_key;
	uint32_t key; /* only connections that allow it (WR_KEY) */
};

/*
 * Computes the view. *unknown: the first focus that is no workload here, or
 * NULL. 0; -ENOMEM; -E2BIG.
 */
int wr_list_view(const struct wr_program *p, const struct list_filter *filter,
		 struct list_view *out, const char **unknown);
void wr_list_view_free(struct list_view *v);

/* list_out.c */
void wr_list_json(struct wr_out *o, const struct list_view *v);
void wr_list_table(struct wr_out *o, const struct list_view *v);
void wr_list_csv(struct wr_out *o, const struct list_view *v);
void wr_list_markdown(struct wr_out *o, const struct list_view *v);

/* list_exposure.c: what weir list --exposure prints, in table, JSON and YAML. -ENOMEM. */
int wr_list_exposure(struct wr_out *o, const struct wr_program *p, struct wr_arena *arena);

/* draw.c: a graph with namespaces as boxes. dot is for Graphviz, mermaid for Markdown pages. */
void wr_draw_dot(struct wr_out *o, const struct list_view *v);
void wr_draw_mermaid(struct wr_out *o, const struct list_view *v);

/*
 * draw_html.c: the graph laid out by Graphviz' dot (-ENOENT: not installed,
 * -EIO: it failed), and a page with it and a matrix. message has room for 512.
 */
int wr_draw_svg(struct wr_out *o, const struct list_view *v, char *message);
int wr_draw_html(struct wr_out *o, const struct list_view *v, char *message);

/* A page's begin, with its title and style, and its end. */
void wr_draw_page_begin(struct wr_out *o, const char *title);
void wr_draw_page_end(struct wr_out *o);

/* "80", "53/UDP" to a key (WR_KEY); -EINVAL. */
int wr_list_parse_port(const char *text, uint32_t *key);

/* A text for XML and HTML. */
void wr_out_xml(struct wr_out *o, const char *s);
/* A cell for CSV (quoted as RFC 4180 has it), with the comma or newline after it. */
void wr_out_csv(struct wr_out *o, const char *s, bool last);
