/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/list_view.h"

/* One connection a line, so that long lists stay readable and can be compared by line. */
void wr_list_json(struct wr_out *o, const struct list_view *v)
{
	wr_out_list(o);
	for (uint64_t i = 0; i < v->n && !wr_out_failed(o); i++) {
		wr_out_inline(o);
		wr_out_map(o);
		wr_out_key_string(o, "src", v->nodes[v->edges[i].src].text);
		wr_out_key_string(o, "dst", v->nodes[v->edges[i].dst].text);
		wr_out_key_string(o, "conn", v->edges[i].ports);
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

/* Two columns of one width: no need to keep a table of the edges. */
void wr_list_table(struct wr_out *o, const struct list_view *v)
{
	size_t width = strlen("DESTINATION");
	size_t *widths = wr_arena_array(v->arena, v->n_nodes, sizeof(*widths));
	for (uint32_t i = 0; widths && i < v->n_nodes; i++)
		widths[i] = strlen(v->nodes[i].text);
	for (uint64_t i = 0; widths && i < v->n; i++) {
		size_t a = widths[v->edges[i].src], b = widths[v->edges[i].dst];
		width = a > width ? a : width;
		width = b > width ? b : width;
	}
	if (!v->n) {
		wr_out_text(o, "no connections are allowed\n");
		return;
	}
	wr_out_text(o, wr_out_colour(o, WR_BOLD));
	cell(o, "SOURCE", width);
	cell(o, "DESTINATION", width);
	wr_out_printf(o, "CONNECTIONS%s\n", wr_out_colour(o, WR_PLAIN));
	for (uint64_t i = 0; i < v->n && !wr_out_failed(o); i++) {
		cell(o, v->nodes[v->edges[i].src].text, width);
		cell(o, v->nodes[v->edges[i].dst].text, width);
		wr_out_text(o, v->edges[i].ports);
		wr_out_text(o, "\n");
	}
}

void wr_out_csv(struct wr_out *o, const char *s, bool last)
{
	s = s ? s : "";
	if (s[strcspn(s, ",\"\r\n")]) {
		wr_out_text(o, "\"");
		for (; *s; s++) {
			if (*s == '"')
				wr_out_text(o, "\"");
			wr_out_bytes(o, s, 1);
		}
		wr_out_text(o, "\"");
	} else {
		wr_out_text(o, s);
	}
	wr_out_text(o, last ? "\n" : ",");
}

void wr_list_csv(struct wr_out *o, const struct list_view *v)
{
	wr_out_csv(o, "source", false);
	wr_out_csv(o, "destination", false);
	wr_out_csv(o, "connections", true);
	for (uint64_t i = 0; i < v->n && !wr_out_failed(o); i++) {
		wr_out_csv(o, v->nodes[v->edges[i].src].text, false);
		wr_out_csv(o, v->nodes[v->edges[i].dst].text, false);
		wr_out_csv(o, v->edges[i].ports, true);
	}
}

void wr_list_markdown(struct wr_out *o, const struct list_view *v)
{
	wr_out_text(o, "| source | destination | connections |\n|---|---|---|\n");
	for (uint64_t i = 0; i < v->n && !wr_out_failed(o); i++)
		wr_out_printf(o, "| `%s` | `%s` | %s |\n", v->nodes[v->edges[i].src].text,
			      v->nodes[v->edges[i].dst].text, v->edges[i].ports);
}

void wr_out_xml(struct wr_out *o, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			wr_out_text(o, "&amp;");
			break;
		case '<':
			wr_out_text(o, "&lt;");
			break;
		case '>':
			wr_out_text(o, "&gt;");
			break;
		case '"':
			wr_out_text(o, "&quot;");
			break;
		default:
			wr_out_bytes(o, s, 1);
		}
	}
}
