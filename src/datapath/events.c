/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

#include "datapath/internal.h"

static int on_record(void *ctx, void *data, size_t size)
{
	struct wr_datapath *dp = ctx;
	struct weir_event e;
	if (wr_event_read(data, size, &e) < 0) {
		dp->bad_events++;
		return 0;
	}
	dp->event_fn(dp->event_ctx, &e);
	return 0;
}

int wr_datapath_events(struct wr_datapath *dp, int timeout_ms, wr_event_fn fn, void *ctx)
{
	if (!dp->ring)
		dp->ring = ring_buffer__new(dp->maps.fd[WR_MAP_EVENTS], on_record, dp, NULL);
	if (!dp->ring)
		return -errno;
	dp->event_fn = fn;
	dp->event_ctx = ctx;
	int n = ring_buffer__consume(dp->ring);
	if (n < 0 || !timeout_ms)
		return n;
	int more = ring_buffer__poll(dp->ring, timeout_ms);
	if (more == -EINTR)
		more = 0;
	return more < 0 ? more : n + more;
}

uint64_t wr_datapath_bad_events(const struct wr_datapath *dp)
{
	return dp->bad_events;
}

int wr_datapath_events_fd(struct wr_datapath *dp)
{
	return dp->maps.fd[WR_MAP_EVENTS];
}

void wr_events_close(struct wr_datapath *dp)
{
	ring_buffer__free(dp->ring);
	dp->ring = NULL;
}
