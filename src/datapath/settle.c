/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to wait until no packet is judged any more by what was before.
 *
 *	after a flip	entries that the new generation does without are removed
 *			(nothing changes by it, see slots.h), and the other half
 *			may be written again
 *	any change	only connections that started before the change are judged
 *			again, no longer every packet
 *	slots		given up: may be given out again
 *
 * Each of these notes the number of what it has to wait for. A ticket is such a
 * number, too, taken before a fence is begun: after the fence everything up to
 * the ticket is settled.
 *
 * The fence has maps of its own, that nothing else uses and that stay from
 * opening to closing: so another thread can wait in it.
 *
 * Times. Conntrack notes the wall clock's time when a connection's first
 * packet has passed all hooks. A connection that the old generation let in
 * has passed them when the fence returns, so a time taken after it, plus a
 * margin, is after all of those. If the wall clock was set back since the last
 * change, connections may bear times of its old, faster reading: that much is
 * added.
 */
#include <errno.h>

#include "datapath/internal.h"

#define MARGIN_NS 10000000ull
#define EVERY_PACKET UINT64_MAX

uint64_t wr_now_ns(clockid_t clock)
{
	struct timespec t = {0};
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int64_t clock_offset(void)
{
	return (int64_t)(wr_now_ns(CLOCK_REALTIME) - wr_now_ns(CLOCK_BOOTTIME));
}

int wr_fence_open(struct wr_fence *f)
{
	int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_fence", sizeof(uint32_t),
				   sizeof(uint32_t), 1, NULL);
	if (inner < 0)
		return -errno;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = (uint32_t)inner);
	int outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "weir_fences", sizeof(uint32_t),
				   sizeof(uint32_t), 1, &opts);
	if (outer < 0) {
		int rc = -errno;
		close(inner);
		return rc;
	}
	*f = (struct wr_fence){outer, inner};
	return 0;
}

void wr_fence_close(struct wr_fence *f)
{
	if (f->outer >= 0)
		close(f->outer);
	if (f->inner >= 0)
		close(f->inner);
	*f = (struct wr_fence){-1, -1};
}

/* An update of an array-of-maps returns after an RCU grace period. */
int wr_datapath_fence(const struct wr_datapath *dp)
{
	uint32_t zero = 0;
	return bpf_map_update_elem(dp->fence.outer, &zero, &dp->fence.inner, BPF_ANY) < 0 ? -errno
											  : 0;
}

uint64_t wr_datapath_ticket(const struct wr_datapath *dp)
{
	return dp->seq;
}

bool wr_datapath_busy(const struct wr_datapath *dp)
{
	return dp->flipped;
}

bool wr_datapath_unsettled(const struct wr_datapath *dp)
{
	return dp->flipped || dp->stricter || dp->slots.resting.n;
}

void wr_stricter_begin(struct wr_datapath *dp)
{
	if (!dp->opts.keep_established)
		dp->config->stricter_since = EVERY_PACKET;
}

void wr_stricter_end(struct wr_datapath *dp)
{
	volatile struct weir_config *config = dp->config;
	int64_t offset = clock_offset();
	uint64_t since = wr_now_ns(CLOCK_REALTIME) + MARGIN_NS;
	if (config->clock_offset > offset)
		since += (uint64_t)(config->clock_offset - offset);
	config->clock_offset = offset;
	if (dp->opts.evaluate_every)
		since = EVERY_PACKET;
	else if (dp->opts.keep_established)
		since = 0;
	else if (!dp->clock_usable)
		since = EVERY_PACKET;
	config->stricter_since = since;
	dp->stricter = 0;
}

/* The slots of what has been removed rest until another fence. */
static int remove_leaving(struct wr_datapath *dp)
{
	struct wr_slot_list *l = &dp->leaving;
	int rc = wr_addresses_remove(&dp->maps, l);
	if (l->n)
		dp->seq++;
	for (size_t i = 0; !rc && i < l->n; i++)
		if (l->items[i].slot != WR_SLOT_NONE)
			rc = wr_slots_rest(&dp->slots, l->items[i].slot, dp->seq);
	l->n = 0;
	return rc;
}

int wr_settle(struct wr_datapath *dp, uint64_t ticket)
{
	int rc = wr_slots_wake(&dp->slots, ticket);
	if (!rc && dp->stricter && dp->stricter <= ticket)
		wr_stricter_end(dp);
	if (!rc && dp->flipped && dp->flipped <= ticket) {
		dp->flipped = 0;
		rc = remove_leaving(dp);
	}
	if (rc < 0)
		dp->config->writer = 0; /* start from the maps next time */
	return rc;
}

int wr_settle_all(struct wr_datapath *dp)
{
	int rc = 0;
	while (!rc && wr_datapath_unsettled(dp)) {
		uint64_t ticket = wr_datapath_ticket(dp);
		rc = wr_datapath_fence(dp);
		if (!rc)
			rc = wr_settle(dp, ticket);
	}
	return rc;
}

int wr_datapath_settle(struct wr_datapath *dp, uint64_t ticket)
{
	int rc = wr_pin_relock(dp->opts.pin_dir, dp->dir_fd, NULL);
	if (rc < 0)
		return rc;
	rc = dp->config->writer == dp->writer ? wr_settle(dp, ticket) : -ESTALE;
	wr_pin_unlock(dp->dir_fd);
	return rc;
}
