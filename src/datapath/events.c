/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

#include "datapath/internal.h"

int wr_event_read(const void *data, size_t size, struct weir_event *out)
{
	struct weir_event e;
	if (size != sizeof(e))
		return -EBADMSG;
	memcpy(&e, data, sizeof(e));
	if (e.family != WR_IPV4 && e.family != WR_IPV6)
		return -EBADMSG;
	if (e.allow > 1 || e.denied_by > WEIR_INGRESS || e.rejudged > 1)
		return -EBADMSG;
	if (e.reason >= WEIR_R_MAX || e.hook >= NF_INET_NUMHOOKS)
		return -EBADMSG;
	if (e.family == WR_IPV4)
		for (size_t i = 4; i < sizeof(e.src); i++)
			if (e.src[i] || e.dst[i])
				return -EBADMSG;
	*out = e;
	return 0;
}

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
