/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port sets: sets of ranges of protocols and ports.
 *
 * A port is a 24-bit key, protocol << 16 | number; protocols without ports
 * have number 0. A rule without ports covers every key, a rule with ports only
 * those of TCP, UDP and SCTP that it names: so ICMP is covered by the former
 * alone, as it should be.
 *
 * What a rule's ports cover, and the sets that rows are made of in the end, are
 * interned: of equal ones there is one.
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
	ps->cover_index = wr_map_new();
	ps->final_index = wr_map_new();
	if (!ps->cover_index || !ps->final_index)
		return -ENOMEM;
	/* the numbers that have names: COVER_NOTHING, COVER_ALL, port set 0 */
	static const struct span open = {0, WR_AUTHOR_DEFAULT, PAINT_OPEN};
	static const struct key_span all = {0, WR_KEY_LAST};
	uint32_t id;
	int rc = intern_cover(ps, &all, 0, &id);
	if (!rc)
		rc = intern_cover(ps, &all, 1, &id);
	if (!rc)
		rc = port_sets_final(ps, &open, 1, &id);
	return rc;
}

void port_sets_free(struct port_sets *ps)
{
	wr_vec_free(&ps->covers);
	wr_vec_free(&ps->finals);
	wr_map_free(ps->cover_index);
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

int port_sets_final(struct port_sets *ps, const struct span *spans, uint32_t n, uint32_t *out)
{
	range_vec new = {0};
	int rc = 0;
	for (uint32_t i = 0; i < n && !rc; i++) {
		bool decided = spans[i].paint == PAINT_ALLOW || spans[i].paint == PAINT_DENY;
		rc = append_range(&new, spans[i].first, spans[i].paint != PAINT_DENY,
				  decided ? spans[i].author : WR_AUTHOR_DEFAULT);
	}
	if (!rc)
		rc = intern_final(ps, new.items, (uint32_t) new.n, out);
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
