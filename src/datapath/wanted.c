/* SPDX-License-Identifier: Apache-2.0 */
/* From a program: which prefixes shall be loaded, and as what. */
#include <errno.h>
#include <string.h>

#include "datapath/internal.h"

static int compare(const void *a, const void *b)
{
	return wr_slot_key_compare(&((const struct wr_wanted *)a)->key,
				   &((const struct wr_wanted *)b)->key);
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
		      struct wr_wanted_list *out)
{
	struct wr_wanted_list w = {
		.world = {{.class = wr_program_world_class(p, WR_IPV4)},
			  {.class = wr_program_world_class(p, WR_IPV6)}},
	};
	int rc = add_prefixes(opts, p, &w);
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
