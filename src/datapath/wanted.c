/* SPDX-License-Identifier: Apache-2.0 */
/* From a program: which addresses and prefixes shall be loaded, and as what. */
#include <errno.h>
#include <string.h>

#include "datapath/internal.h"

static int compare(const void *a, const void *b)
{
	return wr_slot_key_compare(&((const struct wr_wanted *)a)->key,
				   &((const struct wr_wanted *)b)->key);
}

static bool is_local(const struct wr_datapath_opts *opts, const struct wr_ip *ip)
{
	for (uint32_t i = 0; i < opts->n_pod_cidrs; i++)
		if (wr_cidr_contains(&opts->pod_cidrs[i], ip))
			return true;
	return false;
}

/* A hostNetwork pod is its node, as far as packets can tell. */
static uint32_t flags_of(const struct wr_datapath_opts *opts, const struct wr_program *p,
			 const struct wr_side *side, uint32_t this_node)
{
	bool node = side->pod == WR_NONE || wr_program_world(p)->pods[side->pod].host_network;
	if (node)
		return WEIR_ADDR_NODE |
		       (side->node != WR_NONE && side->node == this_node ? WEIR_ADDR_LOCAL : 0);
	return WEIR_ADDR_POD | (is_local(opts, &side->ip) ? WEIR_ADDR_LOCAL : 0);
}

static int add_endpoints(const struct wr_datapath_opts *opts, const struct wr_program *p,
			 const struct wr_layout *l, struct wr_wanted_list *w)
{
	uint32_t n, node = WR_NONE;
	const struct wr_endpoint *e = wr_program_endpoints(p, &n);
	if (opts->node)
		node = wr_world_find_node(wr_program_world(p), opts->node);
	for (uint32_t i = 0; i < n; i++) {
		struct wr_side side;
		if (!e[i].ip.family)
			continue;
		/* several endpoints may have one address: the program says what it is */
		wr_side_ip(p, &e[i].ip, &side);
		uint32_t flags = flags_of(opts, p, &side, node);
		struct wr_wanted want = {.key = wr_slot_key_host(&e[i].ip),
					 .id = wr_layout_identity(l, &side.id, flags)};
		int rc = wr_vec_push(&w->list, want);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int add_prefixes(const struct wr_datapath_opts *opts, const struct wr_program *p,
			struct wr_wanted_list *w)
{
	uint32_t n;
	int rc = 0;
	const struct wr_prefix *prefixes = wr_program_prefixes(p, &n);
	for (uint32_t i = 0; !rc && i < n; i++) {
		struct wr_wanted want = {.key = wr_slot_key_prefix(&prefixes[i].cidr),
					 .id = {.class = prefixes[i].class}};
		rc = wr_vec_push(&w->list, want);
	}
	for (uint32_t i = 0; !rc && i < opts->n_pod_cidrs; i++) {
		struct wr_wanted want = {.key = wr_slot_key_prefix(&opts->pod_cidrs[i]),
					 .inherits = true};
		rc = wr_vec_push(&w->list, want);
	}
	return rc;
}

/* Of equal keys one stays: the one that knows its class. */
static void remove_doubles(struct wr_wanted_list *w)
{
	size_t n = 0;
	for (size_t i = 0; i < w->list.n; i++) {
		struct wr_wanted *items = w->list.items;
		if (n && !wr_slot_key_compare(&items[n - 1].key, &items[i].key)) {
			if (items[n - 1].inherits)
				items[n - 1] = items[i];
			continue;
		}
		items[n++] = items[i];
	}
	w->list.n = n;
}

int wr_wanted_collect(const struct wr_datapath_opts *opts, const struct wr_program *p,
		      const struct wr_layout *l, struct wr_wanted_list *out)
{
	struct wr_wanted_list w = {
		.world = {{.class = wr_program_world_class(p, WR_IPV4)},
			  {.class = wr_program_world_class(p, WR_IPV6)}},
	};
	int rc = add_endpoints(opts, p, l, &w);
	if (!rc)
		rc = add_prefixes(opts, p, &w);
	if (rc < 0) {
		wr_vec_free(&w.list);
		return rc;
	}
	if (w.list.n)
		qsort(w.list.items, w.list.n, sizeof(*w.list.items), compare);
	remove_doubles(&w);
	*out = w;
	return 0;
}
