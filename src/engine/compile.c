/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compile and evaluate: a world to its program, and a program's answer for one
 * connection. See internal.h for the steps.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

/* ---- life ---- */

struct wr_program *wr_program_ref(struct wr_program *p)
{
	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void wr_program_unref(struct wr_program *p)
{
	if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL))
		return;
	wr_map_free(p->pop.ip_index);
	selection_free(&p->sel);
	port_names_free(&p->names);
	port_sets_free(&p->sets);
	wr_vec_free(&p->authors);
	wr_map_free(p->author_index);
	wr_vec_free(&p->rows.rows);
	wr_map_free(p->rows.index);
	wr_vec_free(&p->self_rows.rows);
	wr_map_free(p->self_rows.index);
	wr_world_unref(p->world);
	wr_arena_free(p->arena);
	free(p);
}

static int build(struct wr_program *p)
{
	int rc = population_build(&p->pop, p->world, p->arena);
	if (!rc)
		rc = selection_build(&p->sel, p->world, p->arena);
	if (!rc)
		rc = selection_members(&p->sel, p->world, &p->pop, p->opts.ipblocks_skip_pods,
				       p->arena);
	if (!rc)
		rc = port_names_build(&p->names, p->world, p->arena);
	if (!rc)
		rc = classes_build(&p->classes, &p->pop, &p->sel, &p->names, p->arena);
	if (!rc)
		rc = port_sets_init(&p->sets, p->arena);
	if (!rc)
		rc = rows_build(p);
	return rc;
}

int wr_compile(struct wr_world *w, const struct wr_compile_opts *opts, struct wr_program **out)
{
	struct wr_program *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->refs = 1;
	p->world = wr_world_ref(w);
	p->arena = wr_arena_new();
	int rc = p->arena ? 0 : -ENOMEM;
	if (!rc && opts) {
		p->opts = *opts;
		if (opts->node && !(p->opts.node = wr_arena_strdup(p->arena, opts->node)))
			rc = -ENOMEM;
	}
	if (!rc)
		rc = build(p);
	if (rc) {
		wr_program_unref(p);
		return rc;
	}
	*out = p;
	return 0;
}

/* ---- the tables ---- */

const struct wr_world *wr_program_world(const struct wr_program *p)
{
	return p->world;
}

uint32_t wr_program_n_classes(const struct wr_program *p)
{
	return p->classes.n;
}

uint32_t wr_program_n_rows(const struct wr_program *p)
{
	return (uint32_t)p->rows.rows.n;
}

uint32_t wr_program_n_port_sets(const struct wr_program *p)
{
	return (uint32_t)p->sets.finals.n;
}

uint32_t wr_program_n_authors(const struct wr_program *p)
{
	return (uint32_t)p->authors.n;
}

const struct wr_endpoint *wr_program_endpoints(const struct wr_program *p, uint32_t *n)
{
	*n = p->pop.n_endpoints;
	return p->pop.endpoints;
}

const struct wr_prefix *wr_program_prefixes(const struct wr_program *p, uint32_t *n)
{
	*n = p->pop.n_prefixes;
	return p->pop.prefixes;
}

uint32_t wr_program_world_class(const struct wr_program *p, uint8_t family)
{
	return p->classes.of[family == WR_IPV4 ? p->pop.world4 : p->pop.world6];
}

const uint32_t *wr_program_row(const struct wr_program *p, uint32_t row)
{
	return p->rows.rows.items[row].sets;
}

const struct wr_range *wr_program_port_set(const struct wr_program *p, uint32_t set, uint32_t *n)
{
	*n = p->sets.finals.items[set].n;
	return p->sets.finals.items[set].items;
}

const struct wr_author *wr_program_author(const struct wr_program *p, uint32_t author)
{
	return &p->authors.items[author];
}

/* ---- evaluation ---- */

static void side_of(const struct wr_program *p, uint32_t endpoint, struct wr_side *out)
{
	const struct wr_endpoint *e = &p->pop.endpoints[endpoint];
	*out = (struct wr_side){.id = e->id,
				.endpoint = endpoint,
				.pod = e->pod,
				.node = e->node,
				.family = e->ip.family,
				.ip = e->ip};
}

int wr_side_pod(const struct wr_program *p, uint32_t pod, uint8_t family, struct wr_side *out)
{
	for (uint32_t e = p->pop.pod_endpoint[pod]; e < p->pop.pod_endpoint[pod + 1]; e++) {
		uint8_t have = p->pop.endpoints[e].ip.family;
		if (!family || !have || have == family) {
			side_of(p, e, out);
			return 0;
		}
	}
	return -ENOENT;
}

void wr_side_ip(const struct wr_program *p, const struct wr_ip *ip, struct wr_side *out)
{
	uint32_t e = population_find_ip(&p->pop, ip);
	if (e != WR_NONE) {
		side_of(p, e, out);
		return;
	}
	uint32_t prefix = population_find_prefix(&p->pop, ip);
	uint32_t class = prefix == WR_NONE ? wr_program_world_class(p, ip->family)
					   : p->pop.prefixes[prefix].class;
	*out = (struct wr_side){.id = {.class = class},
				.endpoint = WR_NONE,
				.pod = WR_NONE,
				.node = WR_NONE,
				.family = ip->family,
				.ip = *ip};
}

/* The range of a port set that holds a key: the last that begins at it or before. */
static inline const struct wr_range *find_range(const struct final_set *set, uint32_t key)
{
	uint32_t lo = 0, hi = set->n;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (set->items[mid].first <= key)
			lo = mid;
		else
			hi = mid;
	}
	return &set->items[lo];
}

static inline void judge(const struct wr_program *p, const struct wr_side *subject,
			 const struct wr_side *peer, enum wr_direction dir, uint32_t key,
			 struct wr_verdict *out)
{
	uint32_t set = p->rows.rows.items[subject->id.row[dir]].sets[peer->id.class];
	const struct wr_range *r = find_range(&p->sets.finals.items[set], key);
	out->dir[dir].allow = r->allow;
	out->dir[dir].author = r->author;
}

/* A Pod reaches itself without leaving; a workload's entry stands for several. */
static bool is_self(const struct wr_program *p, const struct wr_side *src,
		    const struct wr_side *dst)
{
	return src->pod != WR_NONE && src->pod == dst->pod &&
	       p->world->pods[src->pod].kind == WR_KIND_POD;
}

static bool is_own_node(const struct wr_program *p, const struct wr_side *src,
			const struct wr_side *dst)
{
	return src->node != WR_NONE && dst->pod != WR_NONE &&
	       p->world->pods[dst->pod].node == src->node;
}

/* Back to itself through its own Service: the two tiers' verdict is the endpoint's own port set. */
static void judge_hairpin(const struct wr_program *p, const struct wr_side *side, uint32_t key,
			  struct wr_verdict *out)
{
	if (!side->id.self)
		return;
	const struct wr_range *r = find_range(&p->sets.finals.items[side->id.self], key);
	const struct wr_author *author = wr_program_author(p, r->author);
	if (author->kind != WR_BY_RULE)
		return;
	out->allow = r->allow;
	out->dir[author->dir].allow = r->allow;
	out->dir[author->dir].author = r->author;
}

void wr_evaluate(const struct wr_program *p, const struct wr_side *src, const struct wr_side *dst,
		 uint8_t proto, uint16_t port, struct wr_verdict *out)
{
	uint32_t key = WR_KEY(proto, wr_proto_has_ports(proto) ? port : 0);
	if (is_self(p, src, dst)) {
		*out = (struct wr_verdict){.allow = true,
					   .dir = {{true, WR_AUTHOR_SELF}, {true, WR_AUTHOR_SELF}}};
		if (dst->by_service)
			judge_hairpin(p, dst, key, out);
		return;
	}
	judge(p, src, dst, WR_EGRESS, key, out);
	if (is_own_node(p, src, dst)) {
		out->dir[WR_INGRESS].allow = true;
		out->dir[WR_INGRESS].author = WR_AUTHOR_NODE;
	} else {
		judge(p, dst, src, WR_INGRESS, key, out);
	}
	out->allow = out->dir[WR_EGRESS].allow && out->dir[WR_INGRESS].allow;
}
