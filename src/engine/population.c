/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Population: everything that can be an end of a connection.
 *
 * Endpoints come first: every address of every pod (a pod without addresses
 * is one endpoint without address), then every address of every node. A
 * hostNetwork pod's addresses are its node's: it has endpoints, so that it can
 * be asked about by name, but an address leads to the node.
 *
 * Prefixes are all CIDRs that ipBlocks and excepts name, sorted so that those
 * inside a prefix follow it directly: ranges of them are found by bisection.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

struct ip_key {
	uint8_t family, pad[3];
	uint8_t b[16];
};

static struct ip_key ip_key(const struct wr_ip *ip)
{
	struct ip_key k = {.family = ip->family};
	memcpy(k.b, ip->b, sizeof(k.b));
	return k;
}

static int index_ip(struct population *pop, uint32_t endpoint)
{
	struct ip_key k = ip_key(&pop->endpoints[endpoint].ip);
	uint64_t *slot = wr_map_slot(pop->ip_index, &k, sizeof(k), endpoint, NULL);
	return slot ? 0 : -ENOMEM;
}

uint32_t population_find_ip(const struct population *pop, const struct wr_ip *ip)
{
	struct ip_key k = ip_key(ip);
	uint64_t v;
	return wr_map_get(pop->ip_index, &k, sizeof(k), &v) ? (uint32_t)v : WR_NONE;
}

static int add_endpoints(struct population *pop, const struct wr_world *w, struct wr_arena *arena)
{
	size_t n = 0;
	for (uint32_t i = 0; i < w->n_pods; i++)
		n += w->pods[i].n_ips ? w->pods[i].n_ips : 1;
	for (uint32_t i = 0; i < w->n_nodes; i++)
		n += w->nodes[i].n_ips;
	if (n > UINT32_MAX / 4)
		return -E2BIG;
	pop->endpoints = wr_arena_array(arena, n, sizeof(*pop->endpoints));
	pop->pod_endpoint = wr_arena_array(arena, w->n_pods + 1, sizeof(uint32_t));
	if (!pop->endpoints || !pop->pod_endpoint)
		return -ENOMEM;
	uint32_t at = 0;
	for (uint32_t i = 0; i < w->n_pods; i++) {
		const struct wr_pod *pod = &w->pods[i];
		pop->pod_endpoint[i] = at;
		for (size_t k = 0; k < pod->n_ips || k == 0; k++) {
			struct wr_endpoint *e = &pop->endpoints[at++];
			e->pod = i;
			e->node = pod->host_network ? pod->node : WR_NONE;
			if (k < pod->n_ips)
				e->ip = pod->ips[k];
		}
	}
	pop->pod_endpoint[w->n_pods] = at;
	for (uint32_t i = 0; i < w->n_nodes; i++)
		for (size_t k = 0; k < w->nodes[i].n_ips; k++)
			pop->endpoints[at++] = (struct wr_endpoint){
				.ip = w->nodes[i].ips[k], .pod = WR_NONE, .node = i};
	pop->n_endpoints = at;
	return 0;
}

/* Pods before nodes before hostNetwork pods: the first to claim an address has it. */
static int index_endpoints(struct population *pop, const struct wr_world *w)
{
	pop->ip_index = wr_map_new();
	if (!pop->ip_index)
		return -ENOMEM;
	for (int pass = 0; pass < 3; pass++)
		for (uint32_t i = 0; i < pop->n_endpoints; i++) {
			const struct wr_endpoint *e = &pop->endpoints[i];
			int rank = e->pod == WR_NONE ? 1 : w->pods[e->pod].host_network ? 2 : 0;
			if (rank == pass && e->ip.family && index_ip(pop, i) < 0)
				return -ENOMEM;
		}
	return 0;
}

static int compare_endpoint_ip(const void *a, const void *b, void *ctx)
{
	const struct wr_endpoint *e = ctx;
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	int c = wr_ip_compare(&e[ia].ip, &e[ib].ip);
	return c ? c : ia < ib ? -1 : ia > ib;
}

static int sort_by_ip(struct population *pop, struct wr_arena *arena)
{
	pop->by_ip = wr_arena_array(arena, pop->n_endpoints, sizeof(uint32_t));
	if (!pop->by_ip)
		return -ENOMEM;
	for (uint32_t i = 0; i < pop->n_endpoints; i++)
		if (pop->endpoints[i].ip.family)
			pop->by_ip[pop->n_by_ip++] = i;
	qsort_r(pop->by_ip, pop->n_by_ip, sizeof(uint32_t), compare_endpoint_ip, pop->endpoints);
	return 0;
}

int population_compare_cidr(const struct wr_cidr *a, const struct wr_cidr *b)
{
	int c = wr_ip_compare(&a->ip, &b->ip);
	return c ? c : (int)a->len - (int)b->len;
}

static int compare_prefix(const void *a, const void *b)
{
	return population_compare_cidr(&((const struct wr_prefix *)a)->cidr,
				       &((const struct wr_prefix *)b)->cidr);
}

typedef void peer_fn(void *ctx, const struct wr_peer *peer);

static void each_ip_block(const struct wr_world *w, peer_fn *fn, void *ctx)
{
	for (uint32_t i = 0; i < w->n_policies; i++)
		for (int d = 0; d < 2; d++)
			for (size_t r = 0; r < w->policies[i].n_rules[d]; r++) {
				const struct wr_rule *rule = &w->policies[i].rules[d][r];
				for (size_t p = 0; p < rule->n_peers; p++)
					if (rule->peers[p].kind == WR_PEER_IPBLOCK)
						fn(ctx, &rule->peers[p]);
			}
}

static void count_prefixes(void *ctx, const struct wr_peer *peer)
{
	*(size_t *)ctx += 1 + peer->n_except;
}

static void take_prefixes(void *ctx, const struct wr_peer *peer)
{
	struct population *pop = ctx;
	pop->prefixes[pop->n_prefixes++].cidr = peer->cidr;
	for (size_t i = 0; i < peer->n_except; i++)
		pop->prefixes[pop->n_prefixes++].cidr = peer->except[i];
}

/* The nearest prefix that covers each: in sorted order, one on the way up from its neighbour. */
static int link_parents(struct population *pop, struct wr_arena *arena)
{
	pop->parent = wr_arena_array(arena, pop->n_prefixes, sizeof(uint32_t));
	if (!pop->parent)
		return -ENOMEM;
	for (uint32_t i = 0; i < pop->n_prefixes; i++) {
		uint32_t up = i ? i - 1 : WR_NONE;
		while (up != WR_NONE &&
		       !wr_cidr_covers(&pop->prefixes[up].cidr, &pop->prefixes[i].cidr))
			up = pop->parent[up];
		pop->parent[i] = up;
	}
	return 0;
}

static int add_prefixes(struct population *pop, const struct wr_world *w, struct wr_arena *arena)
{
	size_t n = 0;
	each_ip_block(w, count_prefixes, &n);
	if (n > UINT32_MAX / 4)
		return -E2BIG;
	pop->prefixes = wr_arena_array(arena, n, sizeof(*pop->prefixes));
	if (!pop->prefixes)
		return -ENOMEM;
	each_ip_block(w, take_prefixes, pop);
	if (!pop->n_prefixes)
		return 0;
	qsort(pop->prefixes, pop->n_prefixes, sizeof(*pop->prefixes), compare_prefix);
	uint32_t kept = 1;
	for (uint32_t i = 1; i < pop->n_prefixes; i++)
		if (compare_prefix(&pop->prefixes[i], &pop->prefixes[kept - 1]))
			pop->prefixes[kept++] = pop->prefixes[i];
	pop->n_prefixes = kept;
	return link_parents(pop, arena);
}

int population_build(struct population *pop, const struct wr_world *w, struct wr_arena *arena)
{
	int rc = add_endpoints(pop, w, arena);
	if (!rc)
		rc = index_endpoints(pop, w);
	if (!rc)
		rc = sort_by_ip(pop, arena);
	if (!rc)
		rc = add_prefixes(pop, w, arena);
	pop->world4 = pop->n_endpoints + pop->n_prefixes;
	pop->world6 = pop->world4 + 1;
	pop->n_entities = pop->world4 + 2;
	return rc;
}

/* First place in by_ip whose address is not below ip. */
static uint32_t lower_ip(const struct population *pop, const struct wr_ip *ip)
{
	uint32_t lo = 0, hi = pop->n_by_ip;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (wr_ip_compare(&pop->endpoints[pop->by_ip[mid]].ip, ip) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void population_ip_range(const struct population *pop, const struct wr_cidr *c, uint32_t *first,
			 uint32_t *end)
{
	struct wr_ip last = wr_cidr_last(c);
	*first = lower_ip(pop, &c->ip);
	*end = pop->n_by_ip;
	if (wr_ip_next(&last))
		*end = lower_ip(pop, &last);
	else if (c->ip.family == WR_IPV4) {
		/* past the last IPv4 address come the IPv6 ones */
		struct wr_ip six = {.family = WR_IPV6};
		*end = lower_ip(pop, &six);
	}
}

/* First prefix not below (ip, len). */
static uint32_t lower_prefix(const struct population *pop, const struct wr_cidr *c)
{
	uint32_t lo = 0, hi = pop->n_prefixes;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (population_compare_cidr(&pop->prefixes[mid].cidr, c) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void population_prefix_range(const struct population *pop, const struct wr_cidr *c, uint32_t *first,
			     uint32_t *end)
{
	/* one past the longest prefix at the last address */
	struct wr_cidr beyond = {.ip = wr_cidr_last(c), .len = 255};
	*first = lower_prefix(pop, c);
	*end = lower_prefix(pop, &beyond);
}

uint32_t population_find_prefix(const struct population *pop, const struct wr_ip *ip)
{
	/*
	 * Of the prefixes that cover ip, all sort before (ip, any length). Each
	 * of them covers the last of those that do, too: climb from there.
	 */
	struct wr_cidr beyond = {.ip = *ip, .len = 255};
	uint32_t i = lower_prefix(pop, &beyond);
	for (i = i ? i - 1 : WR_NONE; i != WR_NONE; i = pop->parent[i])
		if (wr_cidr_contains(&pop->prefixes[i].cidr, ip))
			return i;
	return WR_NONE;
}
