/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports of rules as spans of numbers (WR_KEY), named ones as numbers beyond
 * all of these: what a name stands for is the pods' business, but a name is
 * always the same as itself, and every port is any port.
 */
#include <string.h>

#include "base/map.h"
#include "lint/internal.h"

#define NAMED (WR_KEY_LAST + 1)

static void push(struct lint *l, struct lint_span_list *out, uint32_t first, uint32_t last)
{
	struct lint_span span = {first, last};
	if (wr_vec_push(out, span) < 0)
		l->nomem = true;
}

static uint32_t number_of(struct lint *l, const char *name)
{
	if (!l->port_names)
		l->port_names = wr_map_new();
	uint64_t *slot = l->port_names ? wr_map_slot(l->port_names, name, strlen(name),
						     NAMED + wr_map_count(l->port_names), NULL)
				       : NULL;
	l->nomem |= !slot;
	return slot ? (uint32_t)*slot : NAMED;
}

void lint_spans_set(struct lint *l, struct lint_spans *s, const struct wr_rule *r)
{
	s->left.n = 0;
	if (r->any_port)
		push(l, &s->left, 0, UINT32_MAX);
	for (size_t i = 0; i < r->n_ports; i++) {
		const struct wr_port *p = &r->ports[i];
		if (p->kind == WR_PORTS_RANGE && p->first <= p->last)
			push(l, &s->left, WR_KEY(p->proto, p->first), WR_KEY(p->proto, p->last));
		if (p->kind == WR_PORTS_ALL)
			push(l, &s->left, WR_KEY(p->proto, 0), WR_KEY(p->proto, 65535));
		if (p->kind == WR_PORTS_NAMED) {
			uint32_t n = number_of(l, p->name);
			push(l, &s->left, n, n);
		}
	}
}

static void swap(struct lint_spans *s)
{
	struct lint_span_list left = s->left;
	s->left = s->next;
	s->next = left;
}

bool lint_spans_take(struct lint *l, struct lint_spans *s, struct lint_span out)
{
	bool hit = false;
	s->next.n = 0;
	for (size_t i = 0; i < s->left.n; i++) {
		struct lint_span in = s->left.items[i];
		if (in.last < out.first || out.last < in.first) {
			push(l, &s->next, in.first, in.last);
			continue;
		}
		hit = true;
		if (in.first < out.first)
			push(l, &s->next, in.first, out.first - 1);
		if (in.last > out.last)
			push(l, &s->next, out.last + 1, in.last);
	}
	swap(s);
	return hit;
}

void lint_spans_keep(struct lint *l, struct lint_spans *s, const struct lint_span_list *with)
{
	s->next.n = 0;
	for (size_t i = 0; i < s->left.n; i++)
		for (size_t k = 0; k < with->n; k++) {
			struct lint_span a = s->left.items[i], b = with->items[k];
			uint32_t first = a.first > b.first ? a.first : b.first;
			uint32_t last = a.last < b.last ? a.last : b.last;
			if (first <= last)
				push(l, &s->next, first, last);
		}
	swap(s);
}

void lint_spans_free(struct lint_spans *s)
{
	wr_vec_free(&s->left);
	wr_vec_free(&s->next);
}
