/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client of exec and port-forward sends: any bytes as SPDY, as WebSocket,
 * and as headers that are packed as they should be. What is taken must be the
 * same however it is cut, and what is answered must be whole frames.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lab/spdy.h"
#include "lab/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                   \
		}                                                                  \
	} while (0)

struct seen {
	struct wr_spdy *spdy;
	uint64_t sum, bytes; /* of what came; pieces of streams count as one */
	bool over;
};

static void add(struct seen *s, uint64_t v)
{
	s->sum = (s->sum ^ v) * 1099511628211u;
}

static void add_text(struct seen *s, const char *text)
{
	for (; *text; text++)
		add(s, (unsigned char)*text);
}

static void on_opened(void *arg, uint32_t id, const struct wr_spdy_header *headers, size_t n)
{
	struct seen *s = arg;
	CHECK(id & 1 && n <= WR_SPDY_HEADERS);
	add(s, id);
	for (size_t i = 0; i < n; i++) {
		add_text(s, headers[i].name);
		add_text(s, headers[i].value);
	}
	if (n & 1) {
		wr_spdy_accept(s->spdy, id);
		wr_spdy_send(s->spdy, id, "hello", 5, n > 2);
	} else {
		wr_spdy_reset(s->spdy, id, WR_SPDY_REFUSED);
	}
}

static void on_bytes(void *arg, uint32_t id, const char *data, size_t n)
{
	struct seen *s = arg;
	CHECK(n);
	for (size_t i = 0; i < n; i++)
		add(s, id ^ (unsigned char)data[i]);
	s->bytes += n;
}

static void on_number(void *arg, uint32_t id)
{
	add(arg, id ^ 0xe0000000u);
}

static void on_goodbye(void *arg)
{
	add(arg, 7);
}

static const struct wr_spdy_handlers handlers = {on_opened, on_bytes, on_number, on_number,
						 on_goodbye};

/* Answers are whole frames; what is unpacked is bounded. */
static void check_out(const struct wr_buf *out)
{
	for (size_t at = 0; at < out->n;) {
		const uint8_t *p = (const uint8_t *)out->data + at;
		CHECK(out->n - at >= 8);
		at += 8 + ((size_t)p[5] << 16 | (size_t)p[6] << 8 | p[7]);
		CHECK(at <= out->n);
	}
}

static struct seen feed_spdy(const uint8_t *data, size_t size, size_t piece)
{
	struct seen s = {.spdy = wr_spdy_new(&handlers, &s)};
	CHECK(s.spdy);
	for (size_t at = 0; at < size && !s.over; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		char *copy = malloc(n);
		CHECK(copy);
		memcpy(copy, data + at, n);
		s.over = wr_spdy_feed(s.spdy, copy, n) < 0;
		free(copy);
	}
	check_out(wr_spdy_out(s.spdy));
	wr_spdy_free(s.spdy);
	return s;
}

static void try_spdy(const uint8_t *data, size_t size, size_t piece)
{
	struct seen whole = feed_spdy(data, size, size ? size : 1),
		    cut = feed_spdy(data, size, piece);
	CHECK(whole.sum == cut.sum && whole.bytes == cut.bytes && whole.over == cut.over);
}

/* The input as headers that were packed well, of a stream. */
static void try_headers(const uint8_t *data, size_t size, size_t piece)
{
	static uint8_t frame[16384];
	z_stream z = {0};
	CHECK(deflateInit(&z, 1) == Z_OK);
	z.next_in = (uint8_t *)(uintptr_t)data;
	z.avail_in = (uInt)size;
	z.next_out = frame + 18;
	z.avail_out = sizeof(frame) - 18;
	if (deflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_out) {
		size_t n = sizeof(frame) - z.avail_out;
		memcpy(frame, "\x80\3\0\1\1\0\0\0\0\0\0\1\0\0\0\0\0\0", 18);
		frame[6] = (uint8_t)((n - 8) >> 8);
		frame[7] = (uint8_t)(n - 8);
		try_spdy(frame, n, piece);
	}
	(void)deflateEnd(&z);
}

static void on_message(void *arg, bool first, char *data, size_t n)
{
	add(arg, first);
	for (size_t i = 0; i < n; i++)
		add(arg, (unsigned char)data[i]);
}

static struct seen feed_websocket(const uint8_t *data, size_t size, size_t piece)
{
	struct seen s = {0};
	struct wr_buf out = {0};
	struct wr_websocket ws = {.message = on_message, .arg = &s};
	for (size_t at = 0; at < size && !s.over && !ws.goodbye; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		s.over = wr_websocket_feed(&ws, (const char *)data + at, n, &out) < 0;
		CHECK(s.over || ws.in.n <= size);
	}
	wr_buf_free(&ws.in);
	wr_buf_free(&out);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t piece = 1 + data[1];
	int way = data[0] % 3;
	data += 2;
	size -= 2;
	if (way == 0) {
		try_spdy(data, size, piece);
	} else if (way == 1) {
		try_headers(data, size, piece);
	} else {
		struct seen whole = feed_websocket(data, size, size ? size : 1),
			    cut = feed_websocket(data, size, piece);
		CHECK(whole.sum == cut.sum && whole.over == cut.over);
	}
	return 0;
}
