/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "engine/diff_policies.h"
#include "engine/explain.h"

/*
 * Connections between workloads are compared by merging two sorted lists.
 * Connections with ranges are, for one workload and direction, a function from
 * addresses to ports on either side; both are walked together from the lowest
 * address up, and where they differ there is a change.
 */

#define REASONS_MAX 2000 /* changes for which somebody is asked who did it */
#define PODS_TRIED 6     /* of each workload, in search of a pair that tells */

/* A stretch of addresses for one workload and direction. */
struct stretch {
	const char *workload;
	bool outgoing; /* the workload is the source */
	unsigned side; /* 0: before, 1: after */
	struct wr_ip first, last;
	uint32_t ports;
};

typedef WR_VEC(struct stretch) stretches;

struct wr_diff {
	struct wr_arena *arena;
	WR_VEC(struct wr_change) changes;
	named_changes policies, workloads;
};

struct builder {
	struct wr_diff *d;
	const struct wr_program *p[2];
	struct wr_connectivity *c[2];
	const struct wr_conn_focus *focus; /* NULL: everybody */
	struct wr_map *nodes[2];           /* workload's text to node */
	stretches list;
	/* the change that the last stretch made, to be continued */
	struct wr_ip first, last;
	uint32_t before, after;
	const struct stretch *open; /* NULL: none */
};

#define NOTHING UINT32_MAX /* no edge at all */

/* ---- ports ---- */

static bool same_ports(const struct builder *b, uint32_t before, uint32_t after)
{
	uint32_t n, m;
	if (before == NOTHING || after == NOTHING)
		return before == after;
	const struct wr_key_range *x = wr_connectivity_ports(b->c[0], before, &n);
	const struct wr_key_range *y = wr_connectivity_ports(b->c[1], after, &m);
	return n == m && (!n || !memcmp(x, y, n * sizeof(*x)));
}

static bool holds(const struct wr_key_range *r, uint32_t n, uint32_t key)
{
	for (uint32_t i = 0; i < n; i++)
		if (key >= r[i].first && key <= r[i].last)
			return true;
	return false;
}

/* Whether a key is in the first set and not in the second; ranges of a set do not touch. */
static bool loses(const struct builder *b, uint32_t before, uint32_t after)
{
	uint32_t n = 0, m = 0;
	if (before == NOTHING || after == NOTHING)
		return before != NOTHING;
	const struct wr_key_range *x = wr_connectivity_ports(b->c[0], before, &n);
	const struct wr_key_range *y = wr_connectivity_ports(b->c[1], after, &m);
	for (uint32_t i = 0, k = 0; i < n; i++) {
		while (k < m && y[k].last < x[i].first)
			k++;
		if (k == m || y[k].first > x[i].first || y[k].last < x[i].last)
			return true;
	}
	return false;
}

/* A key that one of two sets holds and the other does not. */
static uint32_t differing_key(const struct builder *b, uint32_t before, uint32_t after)
{
	static const uint32_t usual[] = {WR_KEY(WR_TCP, 80), WR_KEY(WR_TCP, 443)};
	uint32_t n = 0, m = 0;
	const struct wr_key_range *x = NULL, *y = NULL;
	if (before != NOTHING)
		x = wr_connectivity_ports(b->c[0], before, &n);
	if (after != NOTHING)
		y = wr_connectivity_ports(b->c[1], after, &m);
	for (size_t i = 0; i < 2; i++)
		if (holds(x, n, usual[i]) != holds(y, m, usual[i]))
			return usual[i];
	for (int s = 0; s < 2; s++)
		for (uint32_t i = 0; i < (s ? m : n); i++) {
			const struct wr_key_range *r = s ? &y[i] : &x[i];
			uint32_t keys[] = {r->first, r->last, r->first + (r->first % 65536 == 0)};
			for (size_t k = 0; k < 3; k++)
				if (holds(x, n, keys[k]) != holds(y, m, keys[k]))
					return keys[k];
			/* the difference begins where a range of the other set ends */
			const struct wr_key_range *o = s ? x : y;
			for (uint32_t k = 0; k < (s ? n : m); k++) {
				uint32_t key = o[k].last + 1;
				if (key <= WR_KEY_LAST && holds(x, n, key) != holds(y, m, key))
					return key;
			}
		}
	return WR_KEY(WR_TCP, 80);
}

/* ---- who did it ---- */

static bool is_of(const struct wr_pod *pod, const struct wr_conn_node *node)
{
	return !strcmp(pod->ns, node->ns) && pod->owner_name && pod->owner_kind &&
	       !strcmp(pod->owner_name, node->name) && !strcmp(pod->owner_kind, node->kind);
}

/* Up to PODS_TRIED sides of a workload, or one of a range. */
static size_t sides_of(const struct wr_program *p, const struct wr_conn_node *node,
		       const struct wr_ip *ip, struct wr_side out[PODS_TRIED])
{
	const struct wr_world *w = wr_program_world(p);
	size_t n = 0;
	if (!node) {
		wr_side_ip(p, ip, &out[0]);
		return 1;
	}
	uint32_t ns = wr_world_find_namespace(w, node->ns);
	if (ns == WR_NONE)
		return 0;
	for (uint32_t i = w->namespaces[ns].first_pod;
	     i < w->namespaces[ns].first_pod + w->namespaces[ns].n_pods && n < PODS_TRIED; i++)
		if (is_of(&w->pods[i], node) && !wr_side_pod(p, i, 0, &out[n]))
			n++;
	return n;
}

static int explain_pair(struct builder *b, struct wr_side pair[2][2], uint32_t key,
			struct wr_change *c, bool *found)
{
	struct wr_reason r[2][2];
	uint8_t proto = (uint8_t)(key >> 16);
	uint16_t port = (uint16_t)key;
	for (int s = 0; s < 2; s++) {
		int rc = wr_explain(b->p[s], &pair[s][0], &pair[s][1], proto, port, b->d->arena,
				    r[s]);
		if (rc)
			return rc;
	}
	for (int d = 0; d < 2; d++) {
		if (r[0][d].allow == r[1][d].allow)
			continue;
		c->dir = (enum wr_direction)d;
		c->why_before = r[0][d].text;
		c->why_after = r[1][d].text;
		c->mark_before = r[0][d].mark;
		c->mark_after = r[1][d].mark;
		*found = true;
		return 0;
	}
	return 0;
}

struct ends {
	const struct wr_conn_node *node[2][2]; /* by side, then source and destination; NULL: range */
	struct wr_ip ip;
};

static int find_reason(struct builder *b, const struct ends *e, uint32_t key, struct wr_change *c)
{
	struct wr_side sides[2][2][PODS_TRIED];
	size_t n[2][2];
	bool found = false;
	for (int s = 0; s < 2; s++)
		for (int k = 0; k < 2; k++)
			n[s][k] = sides_of(b->p[s], e->node[s][k], &e->ip, sides[s][k]);
	for (size_t i = 0; i < n[0][0] && i < n[1][0]; i++)
		for (size_t k = 0; k < n[0][1] && k < n[1][1] && !found; k++) {
			struct wr_side pair[2][2] = {{sides[0][0][i], sides[0][1][k]},
						     {sides[1][0][i], sides[1][1][k]}};
			int rc = explain_pair(b, pair, key, c, &found);
			if (rc)
				return rc;
		}
	return 0;
}

/* ---- changes ---- */

static const struct wr_conn_node *find_node(const struct builder *b, int side, const char *text)
{
	uint64_t at;
	uint32_t n;
	if (!wr_map_get(b->nodes[side], text, strlen(text), &at))
		return NULL;
	return &wr_connectivity_nodes(b->c[side], &n)[at];
}

/* range: which end (0, 1) is one; 2: none. */
static int add_change(struct builder *b, const char *src, const char *dst, uint32_t before,
		      uint32_t after, unsigned range, const struct wr_ip *ip)
{
	struct wr_change c = {
		.kind = before == NOTHING  ? WR_CHANGE_ADDED
			: after == NOTHING ? WR_CHANGE_REMOVED
					   : WR_CHANGE_PORTS,
		.src = src,
		.dst = dst,
		.narrowed = loses(b, before, after),
		.before = before == NOTHING ? NULL : wr_connectivity_ports_text(b->c[0], before),
		.after = after == NOTHING ? NULL : wr_connectivity_ports_text(b->c[1], after),
	};
	struct ends e = {.ip = ip ? *ip : (struct wr_ip){0}};
	for (int s = 0; s < 2; s++)
		for (unsigned k = 0; k < 2; k++) {
			e.node[s][k] = k == range ? NULL : find_node(b, s, k ? dst : src);
			if (k != range && !e.node[s][k])
				*(s ? &c.lost_workload : &c.new_workload) = true;
		}
	c.src = wr_arena_strdup(b->d->arena, src);
	c.dst = wr_arena_strdup(b->d->arena, dst);
	c.before = c.before ? wr_arena_strdup(b->d->arena, c.before) : NULL;
	c.after = c.after ? wr_arena_strdup(b->d->arena, c.after) : NULL;
	if (!c.src || !c.dst || (before != NOTHING && !c.before) || (after != NOTHING && !c.after))
		return -ENOMEM;
	int rc = 0;
	if (!c.new_workload && !c.lost_workload && b->d->changes.n < REASONS_MAX)
		rc = find_reason(b, &e, differing_key(b, before, after), &c);
	return rc ? rc : wr_vec_push(&b->d->changes, c);
}

/* ---- between workloads ---- */

static bool is_range(const struct wr_conn_node *n)
{
	return !n->name;
}

static int compare_edges(const struct builder *b, const struct wr_conn_edge *x,
			 const struct wr_conn_edge *y)
{
	uint32_t n;
	const struct wr_conn_node *nx = wr_connectivity_nodes(b->c[0], &n);
	const struct wr_conn_node *ny = wr_connectivity_nodes(b->c[1], &n);
	int c = strcmp(nx[x->src].text, ny[y->src].text);
	return c ? c : strcmp(nx[x->dst].text, ny[y->dst].text);
}

/* The next edge between workloads from i on; n: none. Edges with ranges are put aside. */
static uint64_t next_edge(struct builder *b, int side, uint64_t i, int *rc)
{
	uint64_t n;
	uint32_t n_nodes;
	const struct wr_conn_edge *edges = wr_connectivity_edges(b->c[side], &n);
	const struct wr_conn_node *nodes = wr_connectivity_nodes(b->c[side], &n_nodes);
	for (; i < n && !*rc; i++) {
		const struct wr_conn_node *src = &nodes[edges[i].src], *dst = &nodes[edges[i].dst];
		if (!is_range(src) && !is_range(dst))
			return i;
		const struct wr_conn_node *range = is_range(src) ? src : dst;
		struct stretch s = {.workload = is_range(src) ? dst->text : src->text,
				    .outgoing = is_range(dst),
				    .side = (unsigned)side,
				    .first = range->first,
				    .last = range->last,
				    .ports = edges[i].ports};
		*rc = wr_vec_push(&b->list, s);
	}
	return n;
}

static int compare_workloads(struct builder *b)
{
	uint64_t n[2];
	uint32_t n_nodes;
	const struct wr_conn_edge *e[2];
	const struct wr_conn_node *nodes[2];
	int rc = 0;
	for (int s = 0; s < 2; s++) {
		e[s] = wr_connectivity_edges(b->c[s], &n[s]);
		nodes[s] = wr_connectivity_nodes(b->c[s], &n_nodes);
	}
	uint64_t i = next_edge(b, 0, 0, &rc), k = next_edge(b, 1, 0, &rc);
	while ((i < n[0] || k < n[1]) && !rc) {
		int order = i == n[0] ? 1 : k == n[1] ? -1 : compare_edges(b, &e[0][i], &e[1][k]);
		uint32_t before = order <= 0 ? e[0][i].ports : NOTHING;
		uint32_t after = order >= 0 ? e[1][k].ports : NOTHING;
		int s = order > 0;
		const struct wr_conn_edge *edge = s ? &e[1][k] : &e[0][i];
		if (!same_ports(b, before, after))
			rc = add_change(b, nodes[s][edge->src].text, nodes[s][edge->dst].text,
					before, after, 2, NULL);
		if (order <= 0)
			i = next_edge(b, 0, i + 1, &rc);
		if (order >= 0)
			k = next_edge(b, 1, k + 1, &rc);
	}
	return rc;
}

/* ---- with ranges ---- */

static int compare_stretches(const void *pa, const void *pb)
{
	const struct stretch *a = pa, *b = pb;
	int c = strcmp(a->workload, b->workload);
	if (!c)
		c = (int)a->outgoing - (int)b->outgoing;
	if (!c)
		c = (int)a->first.family - (int)b->first.family;
	if (!c)
		c = (int)a->side - (int)b->side;
	return c ? c : wr_ip_compare(&a->first, &b->first);
}

static bool same_group(const struct stretch *a, const struct stretch *b)
{
	return !strcmp(a->workload, b->workload) && a->outgoing == b->outgoing &&
	       a->first.family == b->first.family;
}

static int close_change(struct builder *b)
{
	char first[WR_IP_TEXT], last[WR_IP_TEXT];
	const struct stretch *s = b->open;
	b->open = NULL;
	if (!s || same_ports(b, b->before, b->after))
		return 0;
	const char *range = wr_arena_printf(b->d->arena, "%s-%s[External]",
					    wr_ip_format(&b->first, first),
					    wr_ip_format(&b->last, last));
	if (!range)
		return -ENOMEM;
	return s->outgoing ? add_change(b, s->workload, range, b->before, b->after, 1, &b->first)
			   : add_change(b, range, s->workload, b->before, b->after, 0, &b->first);
}

/* One stretch of addresses with its ports on both sides; continues the open one where it can. */
static int put(struct builder *b, const struct stretch *of, const struct wr_ip *first,
	       const struct wr_ip *last, uint32_t before, uint32_t after)
{
	struct wr_ip next = b->last;
	if (b->open && before == b->before && after == b->after && wr_ip_next(&next) &&
	    wr_ip_equal(&next, first)) {
		b->last = *last;
		return 0;
	}
	int rc = close_change(b);
	b->open = of;
	b->first = *first;
	b->last = *last;
	b->before = before;
	b->after = after;
	return rc;
}

static struct wr_ip before_ip(struct wr_ip ip)
{
	(void)wr_ip_prev(&ip);
	return ip;
}

/* The stretches x of one side and y of the other, both in order; x and y are used up. */
static int walk(struct builder *b, struct stretch *x, size_t nx, struct stretch *y, size_t ny)
{
	const struct stretch *of = nx ? x : y;
	int rc = 0;
	while ((nx || ny) && !rc) {
		int order = !nx ? 1 : !ny ? -1 : wr_ip_compare(&x->first, &y->first);
		struct stretch *low = order <= 0 ? x : y, *other = order <= 0 ? y : x;
		bool has_other = order <= 0 ? ny > 0 : nx > 0;
		struct wr_ip first = low->first, last = low->last;
		uint32_t before = order <= 0 ? x->ports : NOTHING;
		uint32_t after = order >= 0 ? y->ports : NOTHING;
		if (!order)
			last = wr_ip_compare(&x->last, &y->last) < 0 ? x->last : y->last;
		else if (has_other && wr_ip_compare(&other->first, &last) <= 0)
			last = before_ip(other->first);
		rc = put(b, of, &first, &last, before, after);
		struct wr_ip next = last;
		bool more = wr_ip_next(&next);
		if (order <= 0 && (!more || wr_ip_compare(&x->last, &last) <= 0))
			x++, nx--;
		else if (order <= 0)
			x->first = next;
		if (order >= 0 && (!more || wr_ip_compare(&y->last, &last) <= 0))
			y++, ny--;
		else if (order >= 0)
			y->first = next;
	}
	return rc ? rc : close_change(b);
}

static int compare_ranges(struct builder *b)
{
	int rc = 0;
	if (b->list.n)
		qsort(b->list.items, b->list.n, sizeof(*b->list.items), compare_stretches);
	for (size_t i = 0, end; i < b->list.n && !rc; i = end) {
		size_t middle = i;
		for (end = i; end < b->list.n && same_group(&b->list.items[i], &b->list.items[end]);
		     end++)
			middle += !b->list.items[end].side;
		rc = walk(b, &b->list.items[i], middle - i, &b->list.items[middle], end - middle);
	}
	return rc;
}

/* ---- workloads ---- */

static int note_workloads(struct builder *b, int side)
{
	uint32_t n;
	const struct wr_conn_node *nodes = wr_connectivity_nodes(b->c[side], &n);
	int rc = 0;
	for (uint32_t i = 0; i < n && !rc; i++) {
		if (is_range(&nodes[i]) || find_node(b, !side, nodes[i].text))
			continue;
		struct wr_named_change c = {.kind = side ? WR_CHANGE_ADDED : WR_CHANGE_REMOVED,
					    .name = wr_arena_strdup(b->d->arena, nodes[i].text)};
		rc = c.name ? wr_vec_push(&b->d->workloads, c) : -ENOMEM;
	}
	return rc;
}

static int index_nodes(struct builder *b, int side)
{
	uint32_t n;
	const struct wr_conn_node *nodes = wr_connectivity_nodes(b->c[side], &n);
	b->nodes[side] = wr_map_new();
	if (!b->nodes[side])
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (!is_range(&nodes[i]) &&
		    wr_map_put(b->nodes[side], nodes[i].text, strlen(nodes[i].text), i) < 0)
			return -ENOMEM;
	return 0;
}

static int build(struct builder *b)
{
	int rc = 0;
	for (int s = 0; s < 2 && !rc; s++) {
		rc = wr_connectivity_of(b->p[s], b->focus, &b->c[s]);
		if (!rc)
			rc = index_nodes(b, s);
	}
	if (!rc)
		rc = compare_workloads(b);
	if (!rc)
		rc = compare_ranges(b);
	if (!rc)
		rc = wr_compare_policies(wr_program_world(b->p[0]), wr_program_world(b->p[1]),
					 b->d->arena, &b->d->policies);
	for (int s = 0; s < 2 && !rc; s++)
		rc = note_workloads(b, s);
	return rc;
}

int wr_diff_new(const struct wr_program *before, const struct wr_program *after,
		struct wr_diff **out)
{
	return wr_diff_of(before, after, NULL, out);
}

int wr_diff_of(const struct wr_program *before, const struct wr_program *after,
	       const struct wr_conn_focus *focus, struct wr_diff **out)
{
	struct wr_diff *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	struct builder b = {.d = d, .p = {before, after}, .focus = focus};
	d->arena = wr_arena_new();
	int rc = d->arena ? build(&b) : -ENOMEM;
	for (int s = 0; s < 2; s++) {
		wr_connectivity_free(b.c[s]);
		wr_map_free(b.nodes[s]);
	}
	wr_vec_free(&b.list);
	if (rc) {
		wr_diff_free(d);
		return rc;
	}
	*out = d;
	return 0;
}

void wr_diff_free(struct wr_diff *d)
{
	if (!d)
		return;
	wr_vec_free(&d->changes);
	wr_vec_free(&d->policies);
	wr_vec_free(&d->workloads);
	wr_arena_free(d->arena);
	free(d);
}

const struct wr_change *wr_diff_changes(const struct wr_diff *d, size_t *n)
{
	*n = d->changes.n;
	return d->changes.items;
}

const struct wr_named_change *wr_diff_policies(const struct wr_diff *d, size_t *n)
{
	*n = d->policies.n;
	return d->policies.items;
}

const struct wr_named_change *wr_diff_workloads(const struct wr_diff *d, size_t *n)
{
	*n = d->workloads.n;
	return d->workloads.items;
}
