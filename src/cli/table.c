/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "cli/writer.h"

struct cell {
	const char *text;
	unsigned width;
	enum wr_colour colour;
};

struct wr_table {
	struct wr_arena *arena;
	unsigned columns;
	bool broken; /* out of memory */
	WR_VEC(struct cell) cells;
};

struct wr_table *wr_table_new(unsigned columns)
{
	struct wr_table *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->columns = columns;
	t->arena = wr_arena_new();
	if (!t->arena) {
		free(t);
		return NULL;
	}
	return t;
}

void wr_table_free(struct wr_table *t)
{
	if (!t)
		return;
	wr_arena_free(t->arena);
	wr_vec_free(&t->cells);
	free(t);
}

/* Characters, as far as UTF-8 goes: bytes that do not continue one. */
static unsigned width(const char *s)
{
	unsigned n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void wr_table_cell(struct wr_table *t, enum wr_colour c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *text = wr_arena_vprintf(t->arena, fmt, ap);
	va_end(ap);
	if (!text || wr_vec_push(&t->cells, ((struct cell){text, width(text), c})) < 0)
		t->broken = true;
}

static void write_row(const struct wr_table *t, struct wr_out *o, size_t row,
		      const unsigned *widths)
{
	const struct cell *cells = t->cells.items + row * t->columns;
	unsigned columns = t->columns; /* without the empty ones at the end */
	while (columns > 1 && !*cells[columns - 1].text)
		columns--;
	for (unsigned i = 0; i < columns; i++) {
		enum wr_colour c = row ? cells[i].colour : WR_BOLD;
		if (c != WR_PLAIN)
			wr_out_text(o, wr_out_colour(o, c));
		wr_out_text(o, cells[i].text);
		if (c != WR_PLAIN)
			wr_out_text(o, wr_out_colour(o, WR_PLAIN));
		if (i + 1 < columns)
			wr_out_printf(o, "%*s", (int)(widths[i] - cells[i].width + 2), "");
	}
	wr_out_text(o, "\n");
}

void wr_table_write(const struct wr_table *t, struct wr_out *o)
{
	unsigned *widths = calloc(t->columns, sizeof(*widths));
	size_t rows = t->cells.n / t->columns;
	if (!widths || t->broken) {
		free(widths);
		wr_out_out_of_memory(o);
		return;
	}
	for (size_t i = 0; i < rows * t->columns; i++)
		if (t->cells.items[i].width > widths[i % t->columns])
			widths[i % t->columns] = t->cells.items[i].width;
	for (size_t r = 0; r < rows; r++)
		write_row(t, o, r, widths);
	free(widths);
}
