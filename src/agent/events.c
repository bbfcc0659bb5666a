/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: what the kernel tells of connections, with names, to the flow log
 * and to those who follow. The kernel bounds what it tells; the log has a
 * bound of its own, and what is left out is counted.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "datapath/flow.h"

#define RECENT 1000
#define RATE 100

/* Whether the log takes one more in this second. */
static bool within_rate(struct agent *a)
{
	uint64_t second = uv_hrtime() / 1000000000;
	uint32_t most = a->opts->flow_rate ? a->opts->flow_rate : RATE;
	if (second != a->flow_second) {
		a->flow_second = second;
		a->flows_in_second = 0;
	}
	return a->flows_in_second++ < most;
}

static void keep_recent(struct agent *a, const char *line)
{
	char *copy = strdup(line);
	if (!copy)
		return;
	if (a->recent.n == RECENT) {
		free(a->recent.items[0]);
		memmove(a->recent.items, a->recent.items + 1,
			(RECENT - 1) * sizeof(*a->recent.items));
		a->recent.n--;
	}
	if (wr_vec_push(&a->recent, copy) < 0)
		free(copy);
}

/* One event as a line; nothing in it before the source has been read. */
static int write_line(struct agent *a, const struct weir_event *e, struct wr_buf *line)
{
	struct wr_ip ips[2] = {{.family = e->family}, {.family = e->family}};
	struct who who;
	memcpy(ips[0].b, e->src, sizeof(ips[0].b));
	memcpy(ips[1].b, e->dst, sizeof(ips[1].b));
	int rc = a->live ? who_is(a, ips, &who) : -ENOENT;
	if (rc)
		return rc;
	struct wr_flow_context context = {
		.program = who.program,
		/* what has changed since is not what judged */
		.generation = a->ahead ? 0 : a->now.generation,
		.node = a->opts->node,
	};
	rc = wr_flow_write(&context, e, line);
	who_free(&who);
	return rc;
}

static void on_event(void *ctx, const struct weir_event *e)
{
	struct agent *a = ctx;
	WR_CLEANUP(buf)
	struct wr_buf line = {0};
	a->flows_seen++;
	if (write_line(a, e, &line) < 0)
		return;
	keep_recent(a, line.data);
	control_flow(a, line.data);
	if (a->opts->flow_log == WR_FLOWS_NONE ||
	    (a->opts->flow_log == WR_FLOWS_DENIED && e->allow))
		return;
	if (within_rate(a))
		a->opts->flow(a->opts->ctx, line.data);
	else
		a->flows_limited++;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct agent *a = poll->data;
	(void)events;
	if (status == 0 && a->dp)
		wr_datapath_events(a->dp, 0, on_event, a);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

int events_start(struct agent *a)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));
	if (!poll)
		return -ENOMEM;
	int rc = uv_poll_init(&a->loop, poll, wr_datapath_events_fd(a->dp));
	if (rc) {
		free(poll);
		return rc;
	}
	poll->data = a;
	a->events = poll;
	return uv_poll_start(poll, UV_READABLE, on_readable);
}

void events_stop(struct agent *a)
{
	if (!a->events)
		return;
	uv_poll_stop(a->events);
	uv_close((uv_handle_t *)a->events, on_closed);
	a->events = NULL;
}

void events_free(struct agent *a)
{
	for (size_t i = 0; i < a->recent.n; i++)
		free(a->recent.items[i]);
	wr_vec_free(&a->recent);
}
