/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/exposure_ports.h"

#include <string.h>

const char *wr_ports_words(struct wr_arena *a, const struct wr_rule *r)
{
	const char *s = !r || r->any_port ? "All Connections" : "";
	for (size_t i = 0; r && i < r->n_ports && s; i++) {
		const struct wr_port *p = &r->ports[i];
		const char *proto = wr_proto_name(p->proto), *comma = i ? "," : "";
		if (p->kind == WR_PORTS_ALL)
			s = wr_arena_printf(a, "%s%s%s", s, comma, proto);
		else if (p->kind == WR_PORTS_NAMED && !p->proto)
			s = wr_arena_printf(a, "%s%sport %s", s, comma, p->name);
		else if (p->kind == WR_PORTS_NAMED)
			s = wr_arena_printf(a, "%s%s%s %s", s, comma, proto, p->name);
		else if (p->last < p->first)
			s = wr_arena_printf(a, "%s%sno port", s, comma);
		else if (p->first == p->last)
			s = wr_arena_printf(a, "%s%s%s %u", s, comma, proto, p->first);
		else
			s = wr_arena_printf(a, "%s%s%s %u-%u", s, comma, proto, p->first, p->last);
	}
	return s;
}

static bool is_empty(const struct wr_port *p)
{
	return p->kind == WR_PORTS_RANGE && p->last < p->first;
}

/* Whether a has all of b, which is not empty. */
static bool covers(const struct wr_port *a, const struct wr_port *b)
{
	if (a->kind == WR_PORTS_NAMED)
		return b->kind == WR_PORTS_NAMED && (!a->proto || a->proto == b->proto) &&
		       !strcmp(a->name, b->name);
	if (a->proto != b->proto)
		return false;
	if (a->kind == WR_PORTS_ALL)
		return true;
	/* a range of all numbers has every name's, too */
	bool all = a->first <= 1 && a->last == UINT16_MAX;
	if (b->kind != WR_PORTS_RANGE)
		return all;
	return a->first <= b->first && b->last <= a->last;
}

static bool meets(const struct wr_port *a, const struct wr_port *b)
{
	if (is_empty(a) || is_empty(b))
		return false;
	if (a->proto && b->proto && a->proto != b->proto)
		return false;
	if (a->kind != WR_PORTS_RANGE || b->kind != WR_PORTS_RANGE)
		return true;
	return a->first <= b->last && b->first <= a->last;
}

bool wr_ports_cover(const struct wr_rule *a, const struct wr_rule *b)
{
	if (!a || a->any_port)
		return true;
	if (!b || b->any_port)
		return false;
	for (size_t i = 0; i < b->n_ports; i++) {
		bool found = is_empty(&b->ports[i]);
		for (size_t k = 0; k < a->n_ports && !found; k++)
			found = covers(&a->ports[k], &b->ports[i]);
		if (!found)
			return false;
	}
	return true;
}

bool wr_ports_meet(const struct wr_rule *a, const struct wr_rule *b)
{
	bool all_a = !a || a->any_port, all_b = !b || b->any_port;
	if (all_a && all_b)
		return true;
	for (size_t i = 0; !all_a && i < a->n_ports; i++) {
		if (all_b && !is_empty(&a->ports[i]))
			return true;
		for (size_t k = 0; !all_b && k < b->n_ports; k++)
			if (meets(&a->ports[i], &b->ports[k]))
				return true;
	}
	for (size_t k = 0; all_a && k < b->n_ports; k++)
		if (!is_empty(&b->ports[k]))
			return true;
	return false;
}
