/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Streams: exec in a pod. The server speaks WebSocket's opening with the client
 * and hands the connection's bytes to whoever runs the pods (the kubelet's
 * socket); frames are theirs. A first line tells them the path with its query.
 * Logs are files in the kubelet's folder.
 */
#include "apiserver/http.h"

/* Whether a request is for exec or logs (and answered, *rc); the caller is known. */
bool wr_stream_answer(struct wr_http *h, struct MHD_Connection *connection,
		      const struct wr_request *q, enum MHD_Result *rc);

/* Ends all that run; they are gone when wr_stream_count() is 0. */
void wr_stream_end_all(struct wr_http *h);
unsigned wr_stream_count(const struct wr_http *h);
