/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connectivity: the whole of a program's verdicts, by workloads and ranges.
 *
 * Every pod belongs to a workload; every class of addresses outside becomes
 * ranges. A pair's ports are the intersection of an egress and an ingress port
 * set, remembered by the two sets' numbers, so that a pair costs two look-ups
 * whatever the policies are.
 */
#include "engine/connectivity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

struct key_ranges {
	const struct wr_key_range *items;
	uint32_t n;
	const char *text;
};

struct wr_connectivity {
	struct wr_arena *arena;
	WR_VEC(struct wr_conn_node) nodes;
	WR_VEC(struct wr_conn_edge) edges;
	WR_VEC(struct key_ranges) ports; /* 0: nothing */
	struct wr_map *ports_index;
	struct wr_map *both;   /* (port set, port set) to ports */
	struct wr_map *merged; /* (ports, ports) to their union */
};

/*
 * What one node is to the engine: endpoints of a workload, or a class outside.
 * A range is a source or a destination, not both: ingress rules tell apart
 * where connections come from, egress rules where they go, and each cuts the
 * addresses in its own way.
 */
struct member {
	uint32_t node;
	struct wr_identity id;
	uint32_t pod, host;        /* WR_NONE: none; host: the node that it is */
	enum wr_direction told_by; /* ranges: sources are told apart by ingress rows */
};

struct builder {
	struct wr_connectivity *c;
	const struct wr_program *p;
	WR_VEC(struct member) members;     /* of one node contiguous */
	uint32_t *first;                   /* member of every node; n + 1 */
	const struct wr_conn_focus *focus; /* NULL: everybody */
	bool six;
};

/* ---- port sets without authors ---- */

static int intern_ports(struct wr_connectivity *c, const struct wr_key_range *items, uint32_t n,
			uint32_t *out)
{
	bool created;
	uint64_t *slot = wr_map_slot(c->ports_index, items, n * sizeof(*items), c->ports.n,
				     &created);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	if (!created)
		return 0;
	struct wr_key_range *copy = wr_arena_array(c->arena, n, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, items, n * sizeof(*items));
	return wr_vec_push(&c->ports, (struct key_ranges){copy, n, NULL});
}

typedef WR_VEC(struct wr_key_range) key_vec;

static int append_allowed(key_vec *out, uint32_t first, uint32_t last)
{
	if (out->n && out->items[out->n - 1].last + 1 == first) {
		out->items[out->n - 1].last = last;
		return 0;
	}
	return wr_vec_push(out, (struct wr_key_range){first, last});
}

/* The keys that two port sets both allow. */
static int both_ports(struct builder *b, uint32_t x, uint32_t y, uint32_t *out)
{
	uint32_t key[] = {x, y};
	bool created;
	uint64_t *slot = wr_map_slot(b->c->both, key, sizeof(key), 0, &created);
	if (!slot)
		return -ENOMEM;
	if (!created) {
		*out = (uint32_t)*slot;
		return 0;
	}
	struct final_set s = b->p->sets.finals.items[x], t = b->p->sets.finals.items[y];
	key_vec keys = {0};
	int rc = 0;
	for (uint32_t i = 0, k = 0, at = 0; !rc && at <= WR_KEY_LAST;) {
		uint32_t end_s = i + 1 < s.n ? s.items[i + 1].first : WR_KEY_LAST + 1;
		uint32_t end_t = k + 1 < t.n ? t.items[k + 1].first : WR_KEY_LAST + 1;
		uint32_t end = end_s < end_t ? end_s : end_t;
		if (s.items[i].allow && t.items[k].allow)
			rc = append_allowed(&keys, at, end - 1);
		at = end;
		i += end_s == end;
		k += end_t == end;
	}
	if (!rc)
		rc = intern_ports(b->c, keys.items, (uint32_t)keys.n, out);
	wr_vec_free(&keys);
	return rc ? rc : wr_map_put(b->c->both, key, sizeof(key), *out);
}

static int compare_key_range(const void *pa, const void *pb)
{
	const struct wr_key_range *a = pa, *b = pb;
	return a->first < b->first ? -1 : a->first > b->first;
}

/* The keys that at least one of two sets of ranges holds. */
static int union_ports(struct wr_connectivity *c, uint32_t x, uint32_t y, uint32_t *out)
{
	uint32_t key[] = {x, y};
	uint64_t known;
	if (x == y || wr_map_get(c->merged, key, sizeof(key), &known)) {
		*out = x == y ? x : (uint32_t)known;
		return 0;
	}
	struct key_ranges s = c->ports.items[x], t = c->ports.items[y];
	struct wr_key_range *all = calloc((size_t)s.n + t.n + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (s.n)
		memcpy(all, s.items, s.n * sizeof(*all));
	if (t.n)
		memcpy(all + s.n, t.items, t.n * sizeof(*all));
	uint32_t n = s.n + t.n, kept = 0;
	qsort(all, n, sizeof(*all), compare_key_range);
	for (uint32_t i = 1; i < n; i++) {
		if (all[i].first > all[kept].last + 1)
			all[++kept] = all[i];
		else if (all[i].last > all[kept].last)
			all[kept].last = all[i].last;
	}
	int rc = intern_ports(c, all, n ? kept + 1 : 0, out);
	free(all);
	return rc ? rc : wr_map_put(c->merged, key, sizeof(key), *out);
}

/* ---- nodes ---- */

static const char *workload_text(struct wr_arena *a, const char *ns, const char *name,
				 const char *kind)
{
	return wr_arena_printf(a, "%s/%s[%s]", ns, name, kind);
}

static int add_workload(struct builder *b, struct wr_map *seen, const struct wr_pod *pod,
			uint32_t *node)
{
	struct wr_connectivity *c = b->c;
	const char *kind = pod->owner_kind ? pod->owner_kind : wr_kind_name(pod->kind);
	const char *name = pod->owner_name ? pod->owner_name : pod->name;
	const char *text = workload_text(c->arena, pod->ns, name, kind);
	if (!text)
		return -ENOMEM;
	bool created;
	uint64_t *slot = wr_map_slot(seen, text, strlen(text), c->nodes.n, &created);
	if (!slot)
		return -ENOMEM;
	*node = (uint32_t)*slot;
	if (!created)
		return 0;
	return wr_vec_push(
		&c->nodes,
		(struct wr_conn_node){.ns = pod->ns, .name = name, .kind = kind, .text = text});
}

static int compare_member(const void *pa, const void *pb)
{
	const struct member *a = pa, *b = pb;
	return a->node < b->node ? -1 : a->node > b->node;
}

static int add_workloads(struct builder *b)
{
	struct wr_map *seen = wr_map_new();
	int rc = seen ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < b->p->pop.n_endpoints && !rc; i++) {
		const struct wr_endpoint *e = &b->p->pop.endpoints[i];
		if (e->pod == WR_NONE)
			continue;
		struct member m = {.id = e->id, .pod = e->pod, .host = e->node};
		rc = add_workload(b, seen, &b->p->world->pods[e->pod], &m.node);
		if (!rc)
			rc = wr_vec_push(&b->members, m);
		b->six |= e->ip.family == WR_IPV6;
	}
	wr_map_free(seen);
	return rc;
}

/* ---- ranges outside ---- */

/* True when no row of that direction tells the two classes apart. */
static bool alike(const struct builder *b, uint32_t x, uint32_t y, enum wr_direction dir)
{
	if (x == y)
		return true;
	for (size_t i = 0; i < b->p->rows.rows.n; i++) {
		const struct row *r = &b->p->rows.rows.items[i];
		if (r->dir == dir && r->sets[x] != r->sets[y])
			return false;
	}
	return true;
}

/* True when the newest node is a range that this one may be joined to. */
static bool continues(const struct builder *b, enum wr_direction dir)
{
	const struct member *m = b->members.n ? &b->members.items[b->members.n - 1] : NULL;
	return m && m->pod == WR_NONE && m->told_by == dir;
}

static int add_range(struct builder *b, const struct wr_ip *first, const struct wr_ip *last,
		     uint32_t class, enum wr_direction dir)
{
	struct wr_connectivity *c = b->c;
	if (continues(b, dir)) {
		struct wr_conn_node *prev = &c->nodes.items[c->nodes.n - 1];
		struct wr_ip next = prev->last;
		if (wr_ip_next(&next) && wr_ip_equal(&next, first) &&
		    alike(b, b->members.items[b->members.n - 1].id.class, class, dir)) {
			prev->last = *last;
			return 0;
		}
	}
	struct member m = {.node = (uint32_t)c->nodes.n,
			   .id = {.class = class},
			   .pod = WR_NONE,
			   .host = WR_NONE,
			   .told_by = dir};
	int rc = wr_vec_push(&c->nodes, (struct wr_conn_node){.first = *first, .last = *last});
	return rc ? rc : wr_vec_push(&b->members, m);
}

/*
 * The addresses of one family in order: walks the sorted prefixes with the
 * stack of those that are open, and gives each gap to the innermost.
 */
static int add_family(struct builder *b, uint8_t family, enum wr_direction dir)
{
	const struct population *pop = &b->p->pop;
	struct wr_ip at = {.family = family};
	uint32_t open = WR_NONE; /* innermost prefix that holds  */
	bool more = true;
	int rc = 0;
	for (uint32_t i = 0; !rc && more;) {
		while (i < pop->n_prefixes && pop->prefixes[i].cidr.ip.family != family)
			i++;
		bool have = i < pop->n_prefixes;
		if (have && wr_ip_equal(&pop->prefixes[i].cidr.ip, &at)) {
			open = i++;
			continue;
		}
		struct wr_ip end = {.family = family}; /* last address before the next change */
		memset(end.b, 0xff, wr_family_bits(family) / 8);
		if (open != WR_NONE)
			end = wr_cidr_last(&pop->prefixes[open].cidr);
		if (have && wr_ip_compare(&pop->prefixes[i].cidr.ip, &end) <= 0) {
			end = pop->prefixes[i].cidr.ip;
			wr_ip_prev(&end);
		}
		uint32_t class = open == WR_NONE ? wr_program_world_class(b->p, family)
						 : pop->prefixes[open].class;
		rc = add_range(b, &at, &end, class, dir);
		at = end;
		more = wr_ip_next(&at);
		while (more && open != WR_NONE && !wr_cidr_contains(&pop->prefixes[open].cidr, &at))
			open = pop->parent[open];
	}
	return rc;
}

static int name_ranges(struct builder *b)
{
	char first[WR_IP_TEXT], last[WR_IP_TEXT];
	for (size_t i = 0; i < b->c->nodes.n; i++) {
		struct wr_conn_node *n = &b->c->nodes.items[i];
		if (n->text)
			continue;
		n->text = wr_arena_printf(b->c->arena, "%s-%s[External]",
					  wr_ip_format(&n->first, first),
					  wr_ip_format(&n->last, last));
		if (!n->text)
			return -ENOMEM;
	}
	return 0;
}

static int add_ranges(struct builder *b)
{
	for (uint32_t i = 0; i < b->p->pop.n_prefixes; i++)
		b->six |= b->p->pop.prefixes[i].cidr.ip.family == WR_IPV6;
	int rc = 0;
	for (int d = 0; d < 2 && !rc; d++) {
		rc = add_family(b, WR_IPV4, d);
		if (!rc && b->six)
			rc = add_family(b, WR_IPV6, d);
	}
	return rc ? rc : name_ranges(b);
}

/* ---- order ---- */

static int compare_text(const void *a, const void *b, void *ctx)
{
	const struct wr_conn_node *nodes = ctx;
	return strcmp(nodes[*(const uint32_t *)a].text, nodes[*(const uint32_t *)b].text);
}

/* Renumbers the nodes by their text, so that edges come out sorted. */
static int sort_nodes(struct builder *b)
{
	struct wr_connectivity *c = b->c;
	size_t n = c->nodes.n;
	uint32_t *order = wr_arena_array(c->arena, n, sizeof(*order));
	uint32_t *rank = wr_arena_array(c->arena, n, sizeof(*rank));
	struct wr_conn_node *sorted = calloc(n + 1, sizeof(*sorted));
	b->first = wr_arena_array(c->arena, n + 1, sizeof(uint32_t));
	if (!order || !rank || !sorted || !b->first) {
		free(sorted);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), compare_text, c->nodes.items);
	for (uint32_t i = 0; i < n; i++) {
		rank[order[i]] = i;
		sorted[i] = c->nodes.items[order[i]];
	}
	if (n)
		memcpy(c->nodes.items, sorted, n * sizeof(*sorted));
	free(sorted);
	for (size_t i = 0; i < b->members.n; i++) {
		b->members.items[i].node = rank[b->members.items[i].node];
		b->first[b->members.items[i].node + 1]++;
	}
	for (size_t i = 0; i < n; i++)
		b->first[i + 1] += b->first[i];
	if (b->members.n)
		qsort(b->members.items, b->members.n, sizeof(struct member), compare_member);
	return 0;
}

/* ---- edges ---- */

static int member_ports(struct builder *b, const struct member *src, const struct member *dst,
			uint32_t *out)
{
	const struct row *egress = &b->p->rows.rows.items[src->id.row[WR_EGRESS]];
	const struct row *ingress = &b->p->rows.rows.items[dst->id.row[WR_INGRESS]];
	uint32_t in = ingress->sets[src->id.class];
	if (src->host != WR_NONE && dst->pod != WR_NONE &&
	    b->p->world->pods[dst->pod].node == src->host)
		in = 0; /* a node and its own pods */
	return both_ports(b, egress->sets[dst->id.class], in, out);
}

static int add_edge(struct builder *b, uint32_t src, uint32_t dst)
{
	uint32_t all = 0, one;
	for (uint32_t s = b->first[src]; s < b->first[src + 1]; s++)
		for (uint32_t d = b->first[dst]; d < b->first[dst + 1]; d++) {
			int rc = member_ports(b, &b->members.items[s], &b->members.items[d], &one);
			if (!rc && one != all)
				rc = union_ports(b->c, all, one, &all);
			if (rc)
				return rc;
		}
	return all ? wr_vec_push(&b->c->edges, (struct wr_conn_edge){src, dst, all}) : 0;
}

/* A range is an end of a connection with a workload, in its own role only. */
static bool may_connect(const struct builder *b, uint32_t src, uint32_t dst)
{
	bool from_range = !b->c->nodes.items[src].name, to_range = !b->c->nodes.items[dst].name;
	if (src == dst || (from_range && to_range))
		return false;
	if (from_range)
		return b->members.items[b->first[src]].told_by == WR_INGRESS;
	return !to_range || b->members.items[b->first[dst]].told_by == WR_EGRESS;
}

/* For every node whether it is of the focus as a source, and as a destination; NULL: no memory. */
static bool *focused_nodes(const struct builder *b, enum wr_direction dir)
{
	const struct wr_bitset *pods = b->focus ? b->focus->pods[dir] : NULL;
	bool *in = wr_arena_array(b->c->arena, b->c->nodes.n, sizeof(*in));
	for (size_t i = 0; in && i < b->members.n; i++) {
		const struct member *m = &b->members.items[i];
		if (!b->focus || (pods && m->pod != WR_NONE && wr_bitset_has(pods, m->pod)))
			in[m->node] = true;
	}
	return in;
}

static int add_edges(struct builder *b)
{
	const bool *as_src = focused_nodes(b, WR_EGRESS), *as_dst = focused_nodes(b, WR_INGRESS);
	if (!as_src || !as_dst)
		return -ENOMEM;
	uint32_t n = (uint32_t)b->c->nodes.n;
	int rc = 0;
	for (uint32_t s = 0; s < n && !rc; s++)
		for (uint32_t d = 0; d < n && !rc; d++)
			if ((as_src[s] || as_dst[d]) && may_connect(b, s, d))
				rc = add_edge(b, s, d);
	return rc;
}

/* ---- text ---- */

/* The part of some ranges that one protocol has, appended to text. */
static const char *protocol_text(struct wr_arena *a, const char *text, const struct key_ranges *r,
				 uint8_t proto)
{
	const char *separator = *text ? "," : "";
	const char *name = wr_proto_name(proto);
	for (uint32_t i = 0; i < r->n && text; i++) {
		uint32_t first = r->items[i].first, last = r->items[i].last;
		if (last < WR_KEY(proto, 1) || first > WR_KEY(proto, 0xffff))
			continue;
		first = first < WR_KEY(proto, 1) ? 1 : first & 0xffff;
		last = last > WR_KEY(proto, 0xffff) ? 0xffff : last & 0xffff;
		const char *space = *name ? " " : "";
		text = first == last ? wr_arena_printf(a, "%s%s%s%s%u", text, separator, name,
						       space, first)
				     : wr_arena_printf(a, "%s%s%s%s%u-%u", text, separator, name,
						       space, first, last);
		separator = ",";
		name = "";
	}
	return text;
}

static const char *ports_text(struct wr_arena *a, const struct key_ranges *r)
{
	if (r->n == 1 && r->items[0].first == 0 && r->items[0].last == WR_KEY_LAST)
		return "All Connections";
	static const uint8_t sorted[] = {WR_SCTP, WR_TCP, WR_UDP};
	const char *text = "";
	for (size_t i = 0; i < sizeof(sorted) && text; i++)
		text = protocol_text(a, text, r, sorted[i]);
	return text && !*text ? "other protocols" : text;
}

static int name_ports(struct wr_connectivity *c)
{
	for (size_t i = 0; i < c->ports.n; i++) {
		c->ports.items[i].text = ports_text(c->arena, &c->ports.items[i]);
		if (!c->ports.items[i].text)
			return -ENOMEM;
	}
	return 0;
}

/* ---- life ---- */

int wr_connectivity_new(const struct wr_program *p, struct wr_connectivity **out)
{
	return wr_connectivity_of(p, NULL, out);
}

int wr_connectivity_of(const struct wr_program *p, const struct wr_conn_focus *focus,
		       struct wr_connectivity **out)
{
	struct wr_connectivity *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	struct builder b = {.c = c, .p = p, .focus = focus};
	uint32_t nothing;
	c->arena = wr_arena_new();
	c->ports_index = wr_map_new();
	c->both = wr_map_new();
	c->merged = wr_map_new();
	int rc = c->arena && c->ports_index && c->both && c->merged ? 0 : -ENOMEM;
	if (!rc)
		rc = intern_ports(c, NULL, 0, &nothing);
	if (!rc)
		rc = add_workloads(&b);
	if (!rc)
		rc = add_ranges(&b);
	if (!rc)
		rc = sort_nodes(&b);
	if (!rc)
		rc = add_edges(&b);
	if (!rc)
		rc = name_ports(c);
	wr_vec_free(&b.members);
	if (rc) {
		wr_connectivity_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void wr_connectivity_free(struct wr_connectivity *c)
{
	if (!c)
		return;
	wr_arena_free(c->arena);
	wr_vec_free(&c->nodes);
	wr_vec_free(&c->edges);
	wr_vec_free(&c->ports);
	wr_map_free(c->ports_index);
	wr_map_free(c->both);
	wr_map_free(c->merged);
	free(c);
}

const struct wr_conn_node *wr_connectivity_nodes(const struct wr_connectivity *c, uint32_t *n)
{
	*n = (uint32_t)c->nodes.n;
	return c->nodes.items;
}

const struct wr_conn_edge *wr_connectivity_edges(const struct wr_connectivity *c, uint64_t *n)
{
	*n = c->edges.n;
	return c->edges.items;
}

const struct wr_key_range *wr_connectivity_ports(const struct wr_connectivity *c, uint32_t ports,
						 uint32_t *n)
{
	*n = c->ports.items[ports].n;
	return c->ports.items[ports].items;
}

const char *wr_connectivity_ports_text(const struct wr_connectivity *c, uint32_t ports)
{
	return c->ports.items[ports].text;
}
