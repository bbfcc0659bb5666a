/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port sets, and how rules are flattened onto them.
 *
 * A port is a 24-bit key, protocol << 16 | number; protocols without ports
 * have number 0. A rule without ports covers every key, a rule with ports only
 * those of TCP, UDP and SCTP that it names: so ICMP is covered by the former
 * alone, as it should be.
 *
 * A canvas is the state of all keys while the rules that apply to one subject
 * and one peer class are gone through in order: open, passed to the next tier,
 * allowed or denied, the last two with their author. Painting touches what is
 * open and leaves the rest: the first rule that matches decides. Canvases are
 * interned and painting is remembered, so a row costs one look-up for each
 * rule and class.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

static int intern(struct wr_map *index, const void *key, size_t size, size_t next, uint32_t *out,
		  bool *created)
{
	uint64_t *slot = wr_map_slot(index, key, size, next, created);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	return 0;
}

static void *keep(struct port_sets *ps, const void *items, size_t size)
{
	void *copy = wr_arena_alloc(ps->arena, size);
	if (copy && size)
		memcpy(copy, items, size);
	return copy;
}

static int intern_canvas(struct port_sets *ps, const struct span *items, uint32_t n, uint32_t *out)
{
	bool created;
	int rc = intern(ps->canvas_index, items, n * sizeof(*items), ps->canvases.n, out, &created);
	if (rc || !created)
		return rc;
	const struct span *copy = keep(ps, items, n * sizeof(*items));
	if (!copy || wr_vec_push(&ps->canvases, (struct spans){copy, n}) < 0 ||
	    wr_vec_push(&ps->final_of, 0) < 0)
		return -ENOMEM;
	return 0;
}

static int intern_cover(struct port_sets *ps, const struct key_span *items, uint32_t n,
			uint32_t *out)
{
	bool created;
	int rc = intern(ps->cover_index, items, n * sizeof(*items), ps->covers.n, out, &created);
	if (rc || !created)
		return rc;
	const struct key_span *copy = keep(ps, items, n * sizeof(*items));
	return copy ? wr_vec_push(&ps->covers, (struct cover){copy, n}) : -ENOMEM;
}

static int intern_final(struct port_sets *ps, const struct wr_range *items, uint32_t n,
			uint32_t *out)
{
	bool created;
	int rc = intern(ps->final_index, items, n * sizeof(*items), ps->finals.n, out, &created);
	if (rc || !created)
		return rc;
	const struct wr_range *copy = keep(ps, items, n * sizeof(*items));
	return copy ? wr_vec_push(&ps->finals, (struct final_set){copy, n}) : -ENOMEM;
}

int port_sets_init(struct port_sets *ps, struct wr_arena *arena)
{
	ps->arena = arena;
	ps->canvas_index = wr_map_new();
	ps->cover_index = wr_map_new();
	ps->memo = wr_map_new();
	ps->final_index = wr_map_new();
	if (!ps->canvas_index || !ps->cover_index || !ps->memo || !ps->final_index)
		return -ENOMEM;
	/* the numbers that have names: CANVAS_OPEN, COVER_NOTHING, COVER_ALL, port set 0 */
	static const struct span open = {0, WR_AUTHOR_DEFAULT, PAINT_OPEN};
	static const struct key_span all = {0, WR_KEY_LAST};
	uint32_t id;
	int rc = intern_canvas(ps, &open, 1, &id);
	if (!rc)
		rc = intern_cover(ps, &all, 0, &id);
	if (!rc)
		rc = intern_cover(ps, &all, 1, &id);
	if (!rc)
		rc = port_sets_final(ps, CANVAS_OPEN, &id);
	return rc;
}

void port_sets_free(struct port_sets *ps)
{
	wr_vec_free(&ps->canvases);
	wr_vec_free(&ps->covers);
	wr_vec_free(&ps->final_of);
	wr_vec_free(&ps->finals);
	wr_map_free(ps->canvas_index);
	wr_map_free(ps->cover_index);
	wr_map_free(ps->memo);
	wr_map_free(ps->final_index);
}

/* ---- covers ---- */

static int compare_key_span(const void *pa, const void *pb)
{
	const struct key_span *a = pa, *b = pb;
	return a->first < b->first ? -1 : a->first > b->first;
}

/* Sorts and merges overlapping and adjacent spans; returns how many are left. */
static uint32_t merge_key_spans(struct key_span *s, uint32_t n)
{
	if (!n)
		return 0;
	qsort(s, n, sizeof(*s), compare_key_span);
	uint32_t kept = 0;
	for (uint32_t i = 1; i < n; i++) {
		if (s[i].first <= s[kept].last + 1) {
			if (s[i].last > s[kept].last)
				s[kept].last = s[i].last;
		} else {
			s[++kept] = s[i];
		}
	}
	return kept + 1;
}

static size_t named_count(const struct wr_pod *dst)
{
	return dst ? dst->n_ports : 0;
}

/* Adds the numbers that a named port has on the destination; several, or none. */
static uint32_t add_named(struct key_span *s, uint32_t n, const struct wr_port *port,
			  const struct wr_pod *dst)
{
	for (size_t i = 0; i < named_count(dst); i++) {
		const struct wr_container_port *have = &dst->ports[i];
		bool proto = !port->proto || have->proto == port->proto;
		if (have->name && proto && !strcmp(have->name, port->name))
			s[n++] = (struct key_span){WR_KEY(have->proto, have->port),
						   WR_KEY(have->proto, have->port)};
	}
	return n;
}

static uint32_t rule_spans(struct key_span *s, const struct wr_rule *r, const struct wr_pod *dst)
{
	uint32_t n = 0;
	for (size_t i = 0; i < r->n_ports; i++) {
		const struct wr_port *port = &r->ports[i];
		switch (port->kind) {
		case WR_PORTS_ALL:
			s[n++] = (struct key_span){WR_KEY(port->proto, 0),
						   WR_KEY(port->proto, 0xffff)};
			break;
		case WR_PORTS_RANGE:
			if (port->first <= port->last)
				s[n++] = (struct key_span){WR_KEY(port->proto, port->first),
							   WR_KEY(port->proto, port->last)};
			break;
		case WR_PORTS_NAMED:
			n = add_named(s, n, port, dst);
			break;
		}
	}
	return merge_key_spans(s, n);
}

int port_sets_cover(struct port_sets *ps, const struct wr_rule *r, const struct wr_pod *dst,
		    uint32_t *cover)
{
	if (r->any_port) {
		*cover = COVER_ALL;
		return 0;
	}
	size_t most = r->n_ports * (1 + named_count(dst)) + 1;
	struct key_span *s = calloc(most, sizeof(*s));
	if (!s)
		return -ENOMEM;
	uint32_t n = rule_spans(s, r, dst);
	int rc = intern_cover(ps, s, n, cover);
	free(s);
	return rc;
}

/* ---- painting ---- */

typedef WR_VEC(struct span) span_vec;

/* Appends, merged with the span before it where they are alike. */
static int append(span_vec *out, uint32_t first, enum paint paint, uint32_t author)
{
	if (out->n && out->items[out->n - 1].paint == paint &&
	    out->items[out->n - 1].author == author)
		return 0;
	return wr_vec_push(out, (struct span){first, author, paint});
}

/* Appends the part [first, last] of a span that is all of one paint, painting what the cover holds. */
static int append_painted(span_vec *out, const struct span *old, uint32_t first, uint32_t last,
			  const struct cover *cover, enum paint paint, uint32_t author)
{
	int rc = 0;
	if (old->paint != PAINT_OPEN)
		return append(out, first, old->paint, old->author);
	for (uint32_t i = 0; i < cover->n && !rc && first <= last; i++) {
		const struct key_span *c = &cover->items[i];
		if (c->last < first)
			continue;
		if (c->first > last)
			break;
		if (c->first > first)
			rc = append(out, first, old->paint, old->author);
		if (!rc)
			rc = append(out, c->first > first ? c->first : first, paint, author);
		first = c->last < last ? c->last + 1 : last + 1;
	}
	if (!rc && first <= last)
		rc = append(out, first, old->paint, old->author);
	return rc;
}

static int paint_spans(struct port_sets *ps, uint32_t canvas, uint32_t cover, enum paint paint,
		       uint32_t author, uint32_t *out)
{
	struct spans old = ps->canvases.items[canvas];
	span_vec new = {0};
	int rc = 0;
	for (uint32_t i = 0; i < old.n && !rc; i++) {
		uint32_t last = i + 1 < old.n ? old.items[i + 1].first - 1 : WR_KEY_LAST;
		rc = append_painted(&new, &old.items[i], old.items[i].first, last,
				    &ps->covers.items[cover], paint, author);
	}
	if (!rc)
		rc = intern_canvas(ps, new.items, (uint32_t) new.n, out);
	wr_vec_free(&new);
	return rc;
}

int port_sets_paint(struct port_sets *ps, uint32_t canvas, uint32_t cover, enum paint paint,
		    uint32_t author, uint32_t *out)
{
	if (cover == COVER_NOTHING) {
		*out = canvas;
		return 0;
	}
	uint32_t key[] = {canvas, cover, paint, author};
	bool created;
	uint64_t *slot = wr_map_slot(ps->memo, key, sizeof(key), 0, &created);
	if (!slot)
		return -ENOMEM;
	if (!created) {
		*out = (uint32_t)*slot;
		return 0;
	}
	int rc = paint_spans(ps, canvas, cover, paint, author, out);
	return rc ? rc : wr_map_put(ps->memo, key, sizeof(key), *out);
}

int port_sets_reopen(struct port_sets *ps, uint32_t canvas, uint32_t *out)
{
	struct spans old = ps->canvases.items[canvas];
	span_vec new = {0};
	int rc = 0;
	for (uint32_t i = 0; i < old.n && !rc; i++) {
		bool open = old.items[i].paint == PAINT_PASSED || old.items[i].paint == PAINT_OPEN;
		rc = append(&new, old.items[i].first, open ? PAINT_OPEN : old.items[i].paint,
			    open ? WR_AUTHOR_DEFAULT : old.items[i].author);
	}
	if (!rc)
		rc = intern_canvas(ps, new.items, (uint32_t) new.n, out);
	wr_vec_free(&new);
	return rc;
}

/* ---- final port sets ---- */

typedef WR_VEC(struct wr_range) range_vec;

static int append_range(range_vec *out, uint32_t first, bool allow, uint32_t author)
{
	if (out->n && out->items[out->n - 1].allow == allow &&
	    out->items[out->n - 1].author == author)
		return 0;
	int rc = wr_vec_push(out, (struct wr_range){0});
	if (rc)
		return rc;
	/* sets are interned byte by byte: padding must be zero */
	struct wr_range *r = &out->items[out->n - 1];
	memset(r, 0, sizeof(*r));
	r->first = first;
	r->author = author;
	r->allow = allow;
	return 0;
}

int port_sets_final(struct port_sets *ps, uint32_t canvas, uint32_t *out)
{
	if (ps->final_of.items[canvas]) {
		*out = ps->final_of.items[canvas] - 1;
		return 0;
	}
	struct spans old = ps->canvases.items[canvas];
	range_vec new = {0};
	int rc = 0;
	for (uint32_t i = 0; i < old.n && !rc; i++) {
		const struct span *s = &old.items[i];
		bool decided = s->paint == PAINT_ALLOW || s->paint == PAINT_DENY;
		rc = append_range(&new, s->first, s->paint != PAINT_DENY,
				  decided ? s->author : WR_AUTHOR_DEFAULT);
	}
	if (!rc)
		rc = intern_final(ps, new.items, (uint32_t) new.n, out);
	if (!rc)
		ps->final_of.items[canvas] = *out + 1;
	wr_vec_free(&new);
	return rc;
}

int port_sets_both(struct port_sets *ps, uint32_t a, uint32_t b, uint32_t *out)
{
	struct final_set x = ps->finals.items[a], y = ps->finals.items[b];
	range_vec new = {0};
	int rc = 0;
	for (uint32_t i = 0, k = 0, at = 0; !rc;) {
		const struct wr_range *r = &x.items[i], *s = &y.items[k];
		const struct wr_range *by = r->allow ? s : r; /* the one that denies, if any */
		rc = append_range(&new, at, r->allow && s->allow, by->author);
		uint32_t end_r = i + 1 < x.n ? x.items[i + 1].first : WR_KEY_LAST + 1;
		uint32_t end_s = k + 1 < y.n ? y.items[k + 1].first : WR_KEY_LAST + 1;
		at = end_r < end_s ? end_r : end_s;
		if (at > WR_KEY_LAST)
			break;
		i += end_r == at;
		k += end_s == at;
	}
	if (!rc)
		rc = intern_final(ps, new.items, (uint32_t) new.n, out);
	wr_vec_free(&new);
	return rc;
}
