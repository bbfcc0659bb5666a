/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/websocket.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define MESSAGE_MAX ((size_t)4 << 20)

void wr_websocket_put(struct wr_buf *out, enum wr_ws_opcode opcode, const void *head, size_t n_head,
		      const void *data, size_t n)
{
	unsigned char h[10];
	size_t size = n_head + n, k = 2;
	h[0] = (unsigned char)(0x80 | opcode);
	if (size < 126) {
		h[1] = (unsigned char)size;
	} else {
		h[1] = size < 65536 ? 126 : 127;
		for (int shift = size < 65536 ? 8 : 56; shift >= 0; shift -= 8)
			h[k++] = (unsigned char)((uint64_t)size >> shift);
	}
	wr_buf_bytes(out, h, k);
	wr_buf_bytes(out, head, n_head);
	wr_buf_bytes(out, data, n);
}

static void take(struct wr_websocket *ws, int opcode, char *data, size_t n, struct wr_buf *out)
{
	if (opcode == WR_WS_GOODBYE)
		ws->goodbye = true;
	else if (opcode == WR_WS_PING)
		wr_websocket_put(out, WR_WS_PONG, NULL, 0, data, n);
	else if (opcode <= WR_WS_BINARY)
		ws->message(ws->arg, opcode != WR_WS_CONTINUATION, data, n);
}

/* The whole frame at the beginning of n bytes: its size, 0 when it is not whole; or an errno. */
static ssize_t take_frame(struct wr_websocket *ws, unsigned char *p, size_t have,
			  struct wr_buf *out)
{
	size_t at = 2;
	if (have < 2)
		return 0;
	uint64_t size = p[1] & 127;
	size_t wide = size == 126 ? 2 : size == 127 ? 8 : 0;
	if (!(p[1] & 128)) /* clients mask */
		return -EPROTO;
	if (have < at + wide + 4)
		return 0;
	if (wide)
		size = 0;
	for (size_t i = 0; i < wide; i++)
		size = size << 8 | p[at++];
	const unsigned char *mask = p + at;
	at += 4;
	if (size > MESSAGE_MAX)
		return -EMSGSIZE;
	if (have - at < size)
		return 0;
	for (size_t i = 0; i < size; i++)
		p[at + i] ^= mask[i & 3];
	take(ws, p[0] & 15, (char *)p + at, (size_t)size, out);
	return (ssize_t)(at + size);
}

int wr_websocket_feed(struct wr_websocket *ws, const char *data, size_t n, struct wr_buf *out)
{
	ssize_t size = 0;
	size_t at = 0;
	wr_buf_bytes(&ws->in, data, n);
	if (ws->in.failed)
		return -ENOMEM;
	while (at < ws->in.n && !ws->goodbye &&
	       (size = take_frame(ws, (unsigned char *)ws->in.data + at, ws->in.n - at, out)) > 0)
		at += (size_t)size;
	ws->in.n -= at;
	if (at)
		memmove(ws->in.data, ws->in.data + at, ws->in.n);
	return size < 0 ? (int)size : out->failed ? -ENOMEM : 0;
}
