/* SPDX-License-Identifier: Apache-2.0 */
/* The ways in: each change holds the lock of the pin directory. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "base/map.h"
#include "datapath/internal.h"

/*
 * Conntrack must be on, and another agent's "flush ruleset" switches it off.
 * The calling thread may have gone to another network namespace meanwhile.
 */
static int check_conntrack(const struct wr_datapath *dp, struct wr_diags *diags)
{
	WR_CLEANUP(fd)
	int home = -1;
	if (wr_netns_cookie() != dp->netns) {
		home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (home < 0 || setns(dp->netns_fd, CLONE_NEWNET) < 0)
			return wr_dp_error(diags, -errno, "cannot look after conntrack");
	}
	int rc = wr_conntrack_kept() ? 0 : wr_conntrack_keep(diags);
	if (home >= 0 && setns(home, CLONE_NEWNET) < 0)
		rc = wr_dp_error(diags, -errno, "cannot return to the thread's network namespace");
	return rc;
}

int wr_datapath_replace(struct wr_datapath *dp, const struct wr_tables *t, struct wr_move *all,
			size_t n, struct wr_diags *diags)
{
	int rc = wr_pin_relock(dp->opts.pin_dir, dp->dir_fd, diags);
	if (rc < 0)
		return rc;
	rc = wr_replace(dp, t, all, n, diags);
	if (!rc)
		rc = check_conntrack(dp, diags);
	wr_pin_unlock(dp->dir_fd);
	return rc;
}

int wr_datapath_change(struct wr_datapath *dp, const struct wr_tables *t, struct wr_move *moves,
		       size_t n, struct wr_diags *diags)
{
	int rc = wr_pin_relock(dp->opts.pin_dir, dp->dir_fd, diags);
	if (rc < 0)
		return rc;
	rc = wr_change(dp, t, moves, n, diags);
	wr_pin_unlock(dp->dir_fd);
	return rc;
}

/* ---- a program with its endpoints ---- */

uint32_t wr_datapath_flags(const struct wr_datapath *dp, const struct wr_ip *ip, bool node,
			   bool this_node)
{
	if (node)
		return WEIR_ADDR_NODE | (this_node ? WEIR_ADDR_LOCAL : 0);
	for (uint32_t i = 0; i < dp->opts.n_pod_cidrs; i++)
		if (wr_cidr_contains(&dp->opts.pod_cidrs[i], ip))
			return WEIR_ADDR_POD | WEIR_ADDR_LOCAL;
	return WEIR_ADDR_POD;
}

/* Every address is a kind of its own. */
struct endpoints {
	struct wr_move *moves;
	struct wr_kind_entry *kinds;
	uint32_t n;
};

/* A hostNetwork pod is its node, as far as packets can tell. */
static void add_endpoint(const struct wr_datapath *dp, const struct wr_program *p,
			 const struct wr_ip *ip, uint32_t this_node, struct endpoints *out)
{
	struct wr_side side;
	/* several endpoints may have one address: the program says what it is */
	wr_side_ip(p, ip, &side);
	bool node = side.pod == WR_NONE || wr_program_world(p)->pods[side.pod].host_network;
	bool here = side.node != WR_NONE && side.node == this_node;
	out->kinds[out->n] = (struct wr_kind_entry){side.id,
						    wr_datapath_flags(dp, &side.ip, node, here)};
	out->moves[out->n] = (struct wr_move){*ip, out->n, WR_SLOT_NONE};
	out->n++;
}

static int collect(const struct wr_datapath *dp, const struct wr_program *p, struct endpoints *out)
{
	uint32_t n, node = WR_NONE;
	const struct wr_endpoint *e = wr_program_endpoints(p, &n);
	struct wr_map *seen = wr_map_new();
	out->moves = calloc(n + 1ul, sizeof(*out->moves));
	out->kinds = calloc(n + 1ul, sizeof(*out->kinds));
	int rc = seen && out->moves && out->kinds ? 0 : -ENOMEM;
	if (dp->opts.node)
		node = wr_world_find_node(wr_program_world(p), dp->opts.node);
	for (uint32_t i = 0; !rc && i < n; i++) {
		bool first;
		if (!e[i].ip.family)
			continue;
		if (!wr_map_slot(seen, &e[i].ip, sizeof(e[i].ip), 0, &first))
			rc = -ENOMEM;
		else if (first)
			add_endpoint(dp, p, &e[i].ip, node, out);
	}
	wr_map_free(seen);
	return rc;
}

int wr_datapath_apply(struct wr_datapath *dp, const struct wr_program *p, struct wr_diags *diags)
{
	struct endpoints e = {0};
	int rc = collect(dp, p, &e);
	struct wr_tables t = {.program = p, .kinds = e.kinds, .n_kinds = e.n};
	if (!rc)
		rc = wr_datapath_replace(dp, &t, e.moves, e.n, diags);
	else
		wr_dp_error(diags, rc, "cannot load the policies");
	free(e.moves);
	free(e.kinds);
	return rc;
}

uint64_t wr_datapath_apply_ns(const struct wr_datapath *dp)
{
	return dp->apply_ns;
}

uint32_t wr_datapath_generation(const struct wr_datapath *dp)
{
	return dp->image.fd >= 0 ? dp->image.cells[0].head.generation : 0;
}
