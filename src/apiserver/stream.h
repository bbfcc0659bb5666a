/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Streams: exec, attach and port-forward. The server speaks the opening with the
 * client, WebSocket's or SPDY's, and hands the connection's bytes to whoever runs
 * the pods (the kubelet's socket); frames are theirs. A first line tells them the
 * protocol and the path with its query.
 */
#include "apiserver/http.h"

/* Whether a request is for such a stream (and answered, *rc); the caller is known. */
bool wr_stream_answer(struct wr_http *h, struct MHD_Connection *connection,
		      const struct wr_request *q, enum MHD_Result *rc);

/* Grows whenever a stream has moved bytes: the library is not told of them by itself. */
unsigned wr_stream_moved(void);

/* Ends all that run; they are gone when wr_stream_count() is 0. */
void wr_stream_end_all(struct wr_http *h);
unsigned wr_stream_count(const struct wr_http *h);
