/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Watch: a stream of changes. A watch is a position in the store's history
 * and a filter; it holds no queue, so that a slow client costs nothing and
 * one that falls too far behind is told "410 Gone", as an API server does.
 */
#include "apiserver/call.h"
#include "apiserver/filter.h"
#include "apiserver/form.h"

/* Starts the watch that a list call with watch=1 asks for: into c->out, or a refusal. */
void wr_watch_start(struct wr_call *c, const struct wr_form *form);
void wr_watch_free(struct wr_watch *w); /* takes NULL */

/*
 * Appends what is to be sent by now (seconds, monotonic); true: the stream has
 * ended. wr_watch_due(): when to ask again though nothing changes.
 */
bool wr_watch_pull(struct wr_watch *w, int64_t now, struct wr_buf *out);
int64_t wr_watch_due(const struct wr_watch *w);
