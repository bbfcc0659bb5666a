/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* WebSocket (RFC 6455), the server's side, on a connection whose opening is done. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

enum wr_ws_opcode {
	WR_WS_CONTINUATION,
	WR_WS_TEXT,
	WR_WS_BINARY,
	WR_WS_GOODBYE = 8,
	WR_WS_PING,
	WR_WS_PONG
};

struct wr_websocket {
	struct wr_buf in; /* bytes of frames */
	/* A message, or a part of it: first is false from the second frame on. */
	void (*message)(void *arg, bool first, char *data, size_t n);
	void *arg;
	bool goodbye; /* the client has said it */
};

/* Appends a frame to out: head, then data, as one. */
void wr_websocket_put(struct wr_buf *out, enum wr_ws_opcode opcode, const void *head, size_t n_head,
		      const void *data, size_t n);

/*
 * Takes bytes of the connection; answers to pings are appended to out. 0, or
 * -EPROTO, -EMSGSIZE (more than 4 MiB in a frame), -ENOMEM: the connection is over.
 */
int wr_websocket_feed(struct wr_websocket *ws, const char *data, size_t n, struct wr_buf *out);
