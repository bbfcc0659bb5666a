/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canvases: how the rules of one row are flattened.
 *
 * A canvas is the state of all ports while the rules that apply to one subject
 * and one peer class are gone through in order: open, passed to the next tier,
 * allowed or denied, the last two with their author. Painting touches what is
 * open and leaves the rest: the first rule that matches decides.
 *
 * Canvases live while one row is computed and are known by number; nobody asks
 * whether two with different pasts are equal, for only the port sets that they
 * become in the end are kept.
 */
#include "engine/internal.h"

int canvases_reset(struct canvases *cs)
{
	cs->spans.n = cs->items.n = 0;
	int rc = wr_vec_push(&cs->spans, (struct span){0, WR_AUTHOR_DEFAULT, PAINT_OPEN});
	return rc ? rc : wr_vec_push(&cs->items, (struct canvas){0, 1, true});
}

void canvases_free(struct canvases *cs)
{
	wr_vec_free(&cs->spans);
	wr_vec_free(&cs->items);
}

/* Appends to the canvas that begins at a span, merged with what is before it where they are alike. */
static int append(struct canvases *cs, size_t begin, uint32_t first, enum paint paint,
		  uint32_t author)
{
	if (cs->spans.n > begin && cs->spans.items[cs->spans.n - 1].paint == paint &&
	    cs->spans.items[cs->spans.n - 1].author == author)
		return 0;
	return wr_vec_push(&cs->spans, (struct span){first, author, paint});
}

/* The canvas of the spans from begin to the end; the old one where nothing has changed. */
static int finish(struct canvases *cs, size_t begin, bool open, uint32_t *out)
{
	if (cs->spans.n > UINT32_MAX)
		return -E2BIG;
	struct canvas new = {(uint32_t)begin, (uint32_t)(cs->spans.n - begin), open};
	*out = (uint32_t)cs->items.n;
	return wr_vec_push(&cs->items, new);
}

struct brush {
	const struct cover *cover;
	enum paint paint;
	uint32_t author;
	size_t begin;       /* of the new canvas's spans */
	bool touched, open; /* something was painted; something is still open */
};

/* The open part [first, last]: what the cover holds is painted. */
static int paint_open(struct canvases *cs, struct brush *b, uint32_t first, uint32_t last)
{
	int rc = 0;
	for (uint32_t i = 0; i < b->cover->n && !rc && first <= last; i++) {
		const struct key_span *c = &b->cover->items[i];
		if (c->last < first)
			continue;
		if (c->first > last)
			break;
		b->touched = true;
		if (c->first > first) {
			b->open = true;
			rc = append(cs, b->begin, first, PAINT_OPEN, WR_AUTHOR_DEFAULT);
		}
		if (!rc)
			rc = append(cs, b->begin, c->first > first ? c->first : first, b->paint,
				    b->author);
		first = c->last < last ? c->last + 1 : last + 1;
	}
	if (rc || first > last)
		return rc;
	b->open = true;
	return append(cs, b->begin, first, PAINT_OPEN, WR_AUTHOR_DEFAULT);
}

int canvas_paint(struct canvases *cs, uint32_t canvas, const struct cover *cover, enum paint paint,
		 uint32_t author, uint32_t *out)
{
	struct canvas old = cs->items.items[canvas];
	struct brush b = {.cover = cover, .paint = paint, .author = author, .begin = cs->spans.n};
	int rc = 0;
	for (uint32_t i = 0; i < old.n && !rc && old.open; i++) {
		struct span s = cs->spans.items[old.first + i];
		uint32_t last = i + 1 < old.n ? cs->spans.items[old.first + i + 1].first - 1
					      : WR_KEY_LAST;
		rc = s.paint == PAINT_OPEN ? paint_open(cs, &b, s.first, last)
					   : append(cs, b.begin, s.first, s.paint, s.author);
	}
	if (rc || b.touched)
		return rc ? rc : finish(cs, b.begin, b.open, out);
	cs->spans.n = b.begin;
	*out = canvas;
	return 0;
}

int canvas_reopen(struct canvases *cs, uint32_t canvas, uint32_t *out)
{
	struct canvas old = cs->items.items[canvas];
	size_t begin = cs->spans.n;
	bool any = false;
	int rc = 0;
	for (uint32_t i = 0; i < old.n && !rc; i++) {
		struct span s = cs->spans.items[old.first + i];
		bool open = s.paint == PAINT_PASSED || s.paint == PAINT_OPEN;
		any |= open;
		rc = append(cs, begin, s.first, open ? PAINT_OPEN : s.paint,
			    open ? WR_AUTHOR_DEFAULT : s.author);
	}
	return rc ? rc : finish(cs, begin, any, out);
}
