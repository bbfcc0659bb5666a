/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fence: what a change leaves to be done when the last packet that was
 * judged before it has gone. That takes the kernel 10 to 20 ms, in which the
 * loop has better things to do: a thread of libuv's waits.
 */
#include <string.h>

#include "agent/internal.h"

int fence_init(struct agent *a)
{
	return uv_sem_init(&a->fence.done, 0);
}

static void wait_for_packets(uv_work_t *work)
{
	struct agent *a = work->data;
	a->fence.rc = wr_datapath_fence(a->fence.dp);
	uv_sem_post(&a->fence.done);
}

static void on_waited(uv_work_t *work, int status)
{
	struct agent *a = work->data;
	struct fence *f = &a->fence;
	f->running = false;
	if (f->abandoned) {
		f->abandoned = false;
		fence_start(a);
		return;
	}
	uv_sem_wait(&f->done);
	int rc = status ? status : f->rc;
	if (!rc)
		rc = wr_datapath_settle(a->dp, f->ticket);
	if (rc) {
		agent_log(a, WR_LOG_WARNING, "what is in force has to be loaded anew: %s",
			  strerror(-rc));
		a->replace = true;
		agent_changed(a);
		return;
	}
	fence_start(a);
	/* what had to wait for this one */
	if (a->dirty)
		agent_changed(a);
}

void fence_start(struct agent *a)
{
	struct fence *f = &a->fence;
	if (f->running || !a->dp || a->stopping || !wr_datapath_unsettled(a->dp))
		return;
	f->work.data = a;
	f->dp = a->dp;
	f->ticket = wr_datapath_ticket(a->dp);
	int rc = uv_queue_work(&a->loop, &f->work, wait_for_packets, on_waited);
	f->running = !rc;
	if (rc)
		agent_log(a, WR_LOG_ERROR, "no thread can be started: %s", uv_strerror(rc));
}

void fence_abandon(struct agent *a)
{
	struct fence *f = &a->fence;
	if (!f->running || f->abandoned)
		return;
	uv_sem_wait(&f->done);
	f->abandoned = true;
}
