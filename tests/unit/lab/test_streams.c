/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/spdy.h"
#include "lab/websocket.h"

/* ---- SPDY ---- */

/*
 * Streams 1 and 3 with the headers that kubectl gives them, packed with the
 * dictionary of the draft: "streamtype: error" and "streamtype: stdin".
 */
static const uint8_t opening[] = {
	0x80, 0x03, 0x00, 0x01, 0x01, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0x02, 0xa6, 0x23, 0x46,
	0x70, 0x3a, 0x2b, 0x29, 0x4a, 0x4d, 0xcc, 0x85, 0x16, 0x25, 0xac, 0xa9, 0xa0, 0x80,
	0x06, 0x00, 0x00, 0x00, 0xff, 0xff, 0x80, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00, 0x17,
	0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc2, 0x2e, 0x55, 0x5c,
	0x02, 0xcc, 0x2e, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
};

struct seen {
	struct wr_spdy *spdy;
	char text[512];
	size_t n;
};

static void say(struct seen *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	s->n += (size_t)vsnprintf(s->text + s->n, sizeof(s->text) - s->n, fmt, ap);
	va_end(ap);
	assert_true(s->n < sizeof(s->text));
}

static void on_opened(void *arg, uint32_t id, const struct wr_spdy_header *headers, size_t n)
{
	struct seen *s = arg;
	say(s, "open %u", id);
	for (size_t i = 0; i < n; i++)
		say(s, " %s=%s", headers[i].name, headers[i].value);
	say(s, "|");
	wr_spdy_accept(s->spdy, id);
}

static void on_bytes(void *arg, uint32_t id, const char *data, size_t n)
{
	say(arg, "%u:%.*s|", id, (int)n, data);
}

static void on_ended(void *arg, uint32_t id)
{
	say(arg, "end %u|", id);
}

static void on_reset(void *arg, uint32_t id)
{
	say(arg, "reset %u|", id);
}

static void on_goodbye(void *arg)
{
	say(arg, "goodbye|");
}

static const struct wr_spdy_handlers handlers = {on_opened, on_bytes, on_ended, on_reset,
						 on_goodbye};

static void begin(struct seen *s)
{
	*s = (struct seen){.spdy = wr_spdy_new(&handlers, s)};
	assert_non_null(s->spdy);
}

static void *copy_of(const void *data, size_t n)
{
	void *copy = malloc(n);
	assert_non_null(copy);
	memcpy(copy, data, n);
	return copy;
}

/* A buffer of the exact size, so that the sanitizer sees every overrun. */
static int feed(struct seen *s, const void *data, size_t n)
{
	void *copy = copy_of(data, n);
	int rc = wr_spdy_feed(s->spdy, copy, n);
	free(copy);
	return rc;
}

static void streams_open(void **state)
{
	struct seen s;
	(void)state;
	for (size_t piece = 1; piece <= sizeof(opening); piece += 7) {
		begin(&s);
		for (size_t at = 0; at < sizeof(opening); at += piece)
			assert_int_equal(feed(&s, opening + at,
					      sizeof(opening) - at < piece ? sizeof(opening) - at
									   : piece),
					 0);
		assert_string_equal(s.text, "open 1 streamtype=error|end 1|"
					    "open 3 streamtype=stdin|");
		/* two answers, of which the first begins its zlib stream */
		const uint8_t *out = (const uint8_t *)wr_spdy_out(s.spdy)->data;
		assert_memory_equal(out, "\x80\3\0\2\0\0\0", 7);
		assert_memory_equal(out + 8, "\0\0\0\1\x78", 5);
		wr_spdy_free(s.spdy);
	}
}

static void data_and_the_rest(void **state)
{
	static const uint8_t frames[] = "\0\0\0\3\0\0\0\5hello"      /* data */
					"\0\0\0\3\1\0\0\2!!"         /* the last */
					"\0\0\0\1\1\0\0\0"           /* no bytes, and the end */
					"\x80\3\0\4\0\0\0\4\0\0\0\0" /* settings */
					"\x80\3\0\11\0\0\0\10\0\0\0\3\0\0\0\1" /* a window */
					"\x80\3\0\3\0\0\0\10\0\0\0\5\0\0\0\5"  /* reset */
					"\x80\3\0\7\0\0\0\10\0\0\0\0\0\0\0\0"; /* goaway */
	struct seen s;
	(void)state;
	begin(&s);
	assert_int_equal(feed(&s, frames, sizeof(frames) - 1), 0);
	assert_string_equal(s.text, "3:hello|3:!!|end 3|end 1|reset 5|goodbye|");
	assert_int_equal(wr_spdy_out(s.spdy)->n, 0);
	wr_spdy_free(s.spdy);
}

static void pings_come_back(void **state)
{
	static const uint8_t ping[] = {0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7},
			     mine[] = {0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 8};
	struct seen s;
	(void)state;
	begin(&s);
	assert_int_equal(feed(&s, ping, sizeof(ping)), 0);
	assert_int_equal(feed(&s, mine, sizeof(mine)), 0);
	assert_int_equal(wr_spdy_out(s.spdy)->n, sizeof(ping));
	assert_memory_equal(wr_spdy_out(s.spdy)->data, ping, sizeof(ping));
	wr_spdy_free(s.spdy);
}

static void nonsense_ends_it(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		int rc;
	} cases[] = {
		{"\x80\2\0\6\0\0\0\4\0\0\0\1", 12, -EPROTO}, /* SPDY/2 */
		{"\x80\3\0\1\1\x10\0\0", 8, -EMSGSIZE},      /* a megabyte of headers */
		{"\x80\3\0\1\0\0\0\4\0\0\0\1", 12, -EPROTO}, /* no headers at all */
		{"\x80\3\0\1\0\0\0\14\0\0\0\1\0\0\0\0\0\0\1\1", 20, -EPROTO}, /* not packed */
		{"\x80\3\0\2\0\0\0\4\0\0\0\1", 12, -EPROTO},   /* an answer to nothing */
		{"\x80\3\0\6\0\0\0\5\0\0\0\1\0", 13, -EPROTO}, /* a ping too long */
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen s;
		begin(&s);
		assert_int_equal(feed(&s, cases[i].bytes, cases[i].n), cases[i].rc);
		wr_spdy_free(s.spdy);
	}
}

static void stream_numbers_grow(void **state)
{
	struct seen s;
	uint8_t *twice = copy_of(opening, sizeof(opening));
	(void)state;
	begin(&s);
	twice[11] = 4; /* servers have the even ones */
	assert_int_equal(feed(&s, twice, sizeof(opening)), -EPROTO);
	assert_string_equal(s.text, "");
	wr_spdy_free(s.spdy);
	free(twice);
}

static void what_is_sent(void **state)
{
	struct seen s;
	(void)state;
	begin(&s);
	wr_spdy_send(s.spdy, 5, "out", 3, false);
	wr_spdy_send(s.spdy, 5, NULL, 0, true);
	wr_spdy_reset(s.spdy, 7, WR_SPDY_REFUSED);
	assert_int_equal(wr_spdy_out(s.spdy)->n, 11 + 8 + 16);
	assert_memory_equal(wr_spdy_out(s.spdy)->data,
			    "\0\0\0\5\0\0\0\3out"
			    "\0\0\0\5\1\0\0\0"
			    "\x80\3\0\3\0\0\0\10\0\0\0\7\0\0\0\3",
			    35);
	wr_spdy_free(s.spdy);
}

/* ---- WebSocket ---- */

static void on_message(void *arg, bool first, char *data, size_t n)
{
	say(arg, "%s%.*s|", first ? "" : "+", (int)n, data);
}

static void messages(void **state)
{
	/* masked with 1 2 3 4: "ab", a ping "p", a second part "c", goodbye */
	static const char frames[] = "\x02\x82\1\2\3\4\x60\x60"
				     "\x89\x81\1\2\3\4\x71"
				     "\x80\x81\1\2\3\4\x62"
				     "\x88\x80\1\2\3\4";
	(void)state;
	for (size_t piece = 1; piece < sizeof(frames); piece++) {
		struct seen s = {0};
		struct wr_buf out = {0};
		struct wr_websocket ws = {.message = on_message, .arg = &s};
		for (size_t at = 0; at < sizeof(frames) - 1; at += piece) {
			size_t left = sizeof(frames) - 1 - at;
			assert_int_equal(wr_websocket_feed(&ws, frames + at,
							   left < piece ? left : piece, &out),
					 0);
		}
		assert_string_equal(s.text, "ab|+c|");
		assert_true(ws.goodbye);
		assert_int_equal(out.n, 3);
		assert_memory_equal(out.data, "\x8a\1p", 3);
		wr_buf_free(&ws.in);
		wr_buf_free(&out);
	}
}

static void bad_frames(void **state)
{
	struct seen s = {0};
	struct wr_buf out = {0};
	struct wr_websocket open = {.message = on_message, .arg = &s}, huge = open;
	(void)state;
	assert_int_equal(wr_websocket_feed(&open, "\x82\1a", 3, &out), -EPROTO);
	assert_int_equal(wr_websocket_feed(&huge, "\x82\xff\0\0\1\0\0\0\0\0\1\2\3\4", 14, &out),
			 -EMSGSIZE);
	wr_buf_free(&open.in);
	wr_buf_free(&huge.in);
}

static void long_messages(void **state)
{
	static char data[70000];
	struct wr_buf out = {0};
	(void)state;
	wr_websocket_put(&out, WR_WS_BINARY, "\1", 1, data, 300);
	assert_int_equal(out.n, 4 + 301);
	assert_memory_equal(out.data, "\x82\x7e\1\x2d\1", 5);
	out.n = 0;
	wr_websocket_put(&out, WR_WS_BINARY, NULL, 0, data, sizeof(data));
	assert_int_equal(out.n, 10 + sizeof(data));
	assert_memory_equal(out.data, "\x82\x7f\0\0\0\0\0\1\x11\x70", 10);
	wr_buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_open),
		cmocka_unit_test(data_and_the_rest),
		cmocka_unit_test(pings_come_back),
		cmocka_unit_test(nonsense_ends_it),
		cmocka_unit_test(stream_numbers_grow),
		cmocka_unit_test(what_is_sent),
		cmocka_unit_test(messages),
		cmocka_unit_test(bad_frames),
		cmocka_unit_test(long_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
