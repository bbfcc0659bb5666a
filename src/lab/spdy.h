/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The server's side of SPDY/3.1, as far as kubectl speaks it: frames in, frames
 * out, no sockets. kubectl before 1.30 has nothing else for exec, attach and
 * cp, and port-forward is SPDY to this day, since 1.31 inside a WebSocket.
 *
 * The client opens all streams. Windows are not kept: the library on the other
 * side (moby/spdystream) neither keeps them nor tells of its own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define WR_SPDY_HEADERS 64 /* of a stream */

struct wr_spdy_header {
	const char *name, *value; /* names in lower case */
};

/* What came. Nothing here may call wr_spdy_feed(). */
struct wr_spdy_handlers {
	/* To be answered with wr_spdy_accept() or wr_spdy_reset(). */
	void (*opened)(void *arg, uint32_t id, const struct wr_spdy_header *headers, size_t n);
	/* A piece of a stream; pieces are as they come. Of streams that are not there, too. */
	void (*bytes)(void *arg, uint32_t id, const char *data, size_t n);
	/* The client says nothing more in a stream; or gives it up, both ways. */
	void (*ended)(void *arg, uint32_t id);
	void (*reset)(void *arg, uint32_t id);
	/* It opens no more streams. */
	void (*goodbye)(void *arg);
};

enum wr_spdy_reset { WR_SPDY_PROTOCOL_ERROR = 1, WR_SPDY_REFUSED = 3, WR_SPDY_CANCEL = 5 };

struct wr_spdy;

/* NULL: out of memory. */
struct wr_spdy *wr_spdy_new(const struct wr_spdy_handlers *on, void *arg);
void wr_spdy_free(struct wr_spdy *s); /* takes NULL */

/*
 * Takes bytes of the connection. 0, or a negative errno after which the
 * connection is over: -EPROTO for what is no SPDY, -EMSGSIZE for headers beyond
 * the bounds, -ENOMEM.
 */
int wr_spdy_feed(struct wr_spdy *s, const char *data, size_t n);

/* What is to be sent to the client; the caller sends it and sets n to 0. */
struct wr_buf *wr_spdy_out(struct wr_spdy *s);

void wr_spdy_accept(struct wr_spdy *s, uint32_t id);
void wr_spdy_reset(struct wr_spdy *s, uint32_t id, enum wr_spdy_reset why);
/* n < 2^24; end: the last of this side's. */
void wr_spdy_send(struct wr_spdy *s, uint32_t id, const void *data, size_t n, bool end);
