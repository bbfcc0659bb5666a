/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/child.h"
#include "cli/list_view.h"

#define SVG_MAX ((size_t)256 << 20)

/* What a drawing function writes, as text (malloc'ed). */
static int to_text(void (*draw)(struct wr_out *, const struct list_view *),
		   const struct list_view *v, char **text, size_t *size)
{
	WR_CLEANUP(fd)
	int fd = memfd_create("weir-draw", MFD_CLOEXEC);
	struct wr_out *o = fd < 0 ? NULL : wr_out_new(fd, WR_TABLE);
	if (!o)
		return -ENOMEM;
	draw(o, v);
	int rc = wr_out_close(o);
	off_t n = rc ? -1 : lseek(fd, 0, SEEK_END);
	char *buf = n < 0 ? NULL : malloc((size_t)n + 1);
	if (!buf)
		return rc ? rc : -ENOMEM;
	for (off_t at = 0; at < n;) {
		ssize_t got = pread(fd, buf + at, (size_t)(n - at), at);
		if (got <= 0)
			break;
		at += got;
	}
	*text = buf;
	*size = (size_t)n;
	return 0;
}

/* The svg element, without what stands before it in a file of its own. */
static int layout(const struct list_view *v, char **svg, const char **element, char *message)
{
	static const char *const argv[] = {"dot", "-Tsvg", NULL};
	WR_CLEANUP(free)
	char *dot = NULL;
	size_t size;
	int rc = to_text(wr_draw_dot, v, &dot, &size);
	if (!rc)
		rc = wr_child_run(argv, dot, size, SVG_MAX, svg, &size, message);
	if (rc)
		return rc;
	*element = strstr(*svg, "<svg");
	return *element ? 0 : -EIO;
}

int wr_draw_svg(struct wr_out *o, const struct list_view *v, char *message)
{
	WR_CLEANUP(free)
	char *svg = NULL;
	const char *element;
	int rc = layout(v, &svg, &element, message);
	if (!rc)
		wr_out_text(o, svg);
	return rc;
}

/* ---- the page ---- */

static const char style[] =
	":root{color-scheme:light dark}"
	"body{font:15px/1.45 system-ui,sans-serif;margin:2rem;background:#fff;color:#111827}"
	"h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}"
	".graph{overflow:auto;border:1px solid "
	"#d1d5db;border-radius:8px;padding:1rem;background:#fff}"
	".graph svg{max-width:100%;height:auto}"
	"table{border-collapse:collapse;font-size:12px}"
	"th{font-weight:600;text-align:left;padding:2px 6px;white-space:nowrap}"
	"th.col{writing-mode:vertical-rl;transform:rotate(180deg);padding:6px 2px}"
	"td{border:1px solid #d1d5db;min-width:1.4rem;text-align:center;padding:2px}"
	"td.all{background:#86efac;color:#14532d}td.some{background:#bfdbfe;color:#1e3a8a}"
	"td.self{background:#e5e7eb}"
	"@media(prefers-color-scheme:dark){body{background:#111827;color:#e5e7eb}"
	"td{border-color:#374151}td.all{background:#166534;color:#dcfce7}"
	"td.some{background:#1e40af;color:#dbeafe}td.self{background:#374151}}";

static void matrix_head(struct wr_out *o, const struct list_view *v, const bool *is_dst)
{
	wr_out_text(o, "<tr><th>from \\ to</th>");
	for (uint32_t i = 0; i < v->n_nodes; i++) {
		if (!is_dst[i])
			continue;
		wr_out_text(o, "<th class=\"col\" scope=\"col\">");
		wr_out_xml(o, v->nodes[i].text);
		wr_out_text(o, "</th>");
	}
	wr_out_text(o, "</tr>\n");
}

static void matrix_cell(struct wr_out *o, const struct list_view *v, uint32_t src, uint32_t dst,
			const char *ports)
{
	if (!ports) {
		wr_out_text(o, src == dst ? "<td class=\"self\"></td>" : "<td></td>");
		return;
	}
	bool all = !strcmp(ports, "All Connections");
	wr_out_printf(o, "<td class=\"%s\" title=\"", all ? "all" : "some");
	wr_out_xml(o, v->nodes[src].text);
	wr_out_text(o, " \xe2\x86\x92 ");
	wr_out_xml(o, v->nodes[dst].text);
	wr_out_text(o, ": ");
	wr_out_xml(o, ports);
	wr_out_text(o, "\">");
	wr_out_xml(o, all ? "all" : ports);
	wr_out_text(o, "</td>");
}

/* Edges are in order of the source's text; those of one source fill one row. */
static void matrix(struct wr_out *o, const struct list_view *v)
{
	bool *is_dst = wr_arena_array(v->arena, v->n_nodes, sizeof(bool));
	const char **row = wr_arena_array(v->arena, v->n_nodes, sizeof(*row));
	if (!is_dst || !row) {
		wr_out_out_of_memory(o);
		return;
	}
	for (uint64_t i = 0; i < v->n; i++)
		is_dst[v->edges[i].dst] = true;
	wr_out_text(o, "<table>\n");
	matrix_head(o, v, is_dst);
	for (uint64_t i = 0, end; i < v->n && !wr_out_failed(o); i = end) {
		uint32_t src = v->edges[i].src;
		memset(row, 0, v->n_nodes * sizeof(*row));
		for (end = i; end < v->n && v->edges[end].src == src; end++)
			row[v->edges[end].dst] = v->edges[end].ports;
		wr_out_text(o, "<tr><th scope=\"row\">");
		wr_out_xml(o, v->nodes[src].text);
		wr_out_text(o, "</th>");
		for (uint32_t k = 0; k < v->n_nodes; k++)
			if (is_dst[k])
				matrix_cell(o, v, src, k, row[k]);
		wr_out_text(o, "</tr>\n");
	}
	wr_out_text(o, "</table>\n");
}

void wr_draw_page_begin(struct wr_out *o, const char *title)
{
	wr_out_text(o, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
		       "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>");
	wr_out_xml(o, title);
	wr_out_text(o, "</title>\n<style>");
	wr_out_text(o, style);
	wr_out_text(o, "</style>\n</head>\n<body>\n<h1>");
	wr_out_xml(o, title);
	wr_out_text(o, "</h1>\n");
}

void wr_draw_page_end(struct wr_out *o)
{
	wr_out_text(o, "</body>\n</html>\n");
}

int wr_draw_html(struct wr_out *o, const struct list_view *v, char *message)
{
	WR_CLEANUP(free)
	char *svg = NULL;
	const char *element;
	int rc = layout(v, &svg, &element, message);
	if (rc)
		return rc;
	wr_draw_page_begin(o, "Allowed connections");
	wr_out_printf(o,
		      "<p>%llu connections that the network policies allow.</p>\n"
		      "<div class=\"graph\">\n",
		      (unsigned long long)v->n);
	wr_out_text(o, element);
	wr_out_text(o, "</div>\n<h2>Who may reach whom</h2>\n");
	matrix(o, v);
	wr_draw_page_end(o);
	return 0;
}
