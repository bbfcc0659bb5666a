/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame is 8 bytes and a body. The first bit tells control frames (version,
 * type, flags, length) from data (stream, flags, length). Headers are pairs of
 * texts with their lengths, through one zlib stream for each direction that
 * lasts as long as the connection, so that the headers of refused streams have
 * to be unpacked, too. Bodies of data are passed on as they come, and of
 * control frames kept until they are whole.
 */
#include "lab/spdy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FRAME_HEAD 8
#define CONTROL_MAX 16384 /* bytes of a control frame */
#define HEADERS_MAX 65536 /* bytes of headers, unpacked */
#define VERSION 3

enum { SYN_STREAM = 1, SYN_REPLY, RST_STREAM, SETTINGS, PING = 6, GOAWAY, HEADERS };
enum { FLAG_END = 1 };

struct wr_spdy {
	const struct wr_spdy_handlers *on;
	void *arg;
	struct wr_buf out;
	z_stream in_z, out_z;
	bool in_ready, out_ready;
	uint32_t last; /* stream that was opened; their numbers grow */
	/* the data frame that is going on */
	uint32_t id;
	size_t left;
	bool end;
	/* the frame that is gathered */
	unsigned char frame[FRAME_HEAD + CONTROL_MAX];
	size_t have;
	unsigned char headers[HEADERS_MAX + 1];
};

/* ---- the dictionary: words with their lengths before them, then a text without ---- */

static const char *const words[] = {"options",
				    "head",
				    "post",
				    "put",
				    "delete",
				    "trace",
				    "accept",
				    "accept-charset",
				    "accept-encoding",
				    "accept-language",
				    "accept-ranges",
				    "age",
				    "allow",
				    "authorization",
				    "cache-control",
				    "connection",
				    "content-base",
				    "content-encoding",
				    "content-language",
				    "content-length",
				    "content-location",
				    "content-md5",
				    "content-range",
				    "content-type",
				    "date",
				    "etag",
				    "expect",
				    "expires",
				    "from",
				    "host",
				    "if-match",
				    "if-modified-since",
				    "if-none-match",
				    "if-range",
				    "if-unmodified-since",
				    "last-modified",
				    "location",
				    "max-forwards",
				    "pragma",
				    "proxy-authenticate",
				    "proxy-authorization",
				    "range",
				    "referer",
				    "retry-after",
				    "server",
				    "te",
				    "trailer",
				    "transfer-encoding",
				    "upgrade",
				    "user-agent",
				    "vary",
				    "via",
				    "warning",
				    "www-authenticate",
				    "method",
				    "get",
				    "status",
				    "200 OK",
				    "version",
				    "HTTP/1.1",
				    "url",
				    "public",
				    "set-cookie",
				    "keep-alive",
				    "origin"};
static const char text[] =
	"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
	"203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 "
	"Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 "
	"Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, "
	"Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/"
	"xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,"
	"sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

#define DICTIONARY 1423

static void dictionary(unsigned char out[DICTIONARY])
{
	size_t at = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);
		memset(out + at, 0, 3);
		out[at + 3] = (unsigned char)n;
		memcpy(out + at + 4, words[i], n);
		at += 4 + n;
	}
	memcpy(out + at, text, DICTIONARY - at);
}

_Static_assert(sizeof(text) - 1 < DICTIONARY, "the dictionary's text is a part of it");

/* ---- out ---- */

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (24 - 8 * i));
}

static void put_head(struct wr_spdy *s, uint32_t first, int flags, size_t size)
{
	unsigned char head[FRAME_HEAD];
	put32(head, first);
	put32(head + 4, (uint32_t)size);
	head[4] = (unsigned char)flags;
	wr_buf_bytes(&s->out, head, sizeof(head));
}

static void put_control(struct wr_spdy *s, int type, const void *body, size_t size)
{
	put_head(s, 0x80000000u | VERSION << 16 | (uint32_t)type, 0, size);
	wr_buf_bytes(&s->out, body, size);
}

void wr_spdy_accept(struct wr_spdy *s, uint32_t id)
{
	static unsigned char none[4]; /* pairs of headers */
	unsigned char body[256];
	put32(body, id);
	s->out_z.next_in = none;
	s->out_z.avail_in = sizeof(none);
	s->out_z.next_out = body + 4;
	s->out_z.avail_out = sizeof(body) - 4;
	if (deflate(&s->out_z, Z_SYNC_FLUSH) != Z_OK || !s->out_z.avail_out)
		s->out.failed = true;
	put_control(s, SYN_REPLY, body, sizeof(body) - s->out_z.avail_out);
}

void wr_spdy_reset(struct wr_spdy *s, uint32_t id, enum wr_spdy_reset why)
{
	unsigned char body[8];
	put32(body, id);
	put32(body + 4, why);
	put_control(s, RST_STREAM, body, sizeof(body));
}

void wr_spdy_send(struct wr_spdy *s, uint32_t id, const void *data, size_t n, bool end)
{
	put_head(s, id, end ? FLAG_END : 0, n);
	wr_buf_bytes(&s->out, data, n);
}

struct wr_buf *wr_spdy_out(struct wr_spdy *s)
{
	return &s->out;
}

/* ---- headers ---- */

/* Unpacks into s->headers. Their size, or a negative errno. */
static ssize_t unpack(struct wr_spdy *s, unsigned char *packed, size_t size)
{
	z_stream *z = &s->in_z;
	z->next_in = packed;
	z->avail_in = (uInt)size;
	z->next_out = s->headers;
	z->avail_out = HEADERS_MAX;
	for (;;) {
		int rc = inflate(z, Z_SYNC_FLUSH);
		if (rc == Z_NEED_DICT) {
			unsigned char d[DICTIONARY];
			dictionary(d);
			rc = inflateSetDictionary(z, d, sizeof(d));
			if (rc == Z_OK)
				continue;
		}
		if (!z->avail_out)
			return -EMSGSIZE;
		if (rc == Z_MEM_ERROR)
			return -ENOMEM;
		if (rc != Z_OK && rc != Z_BUF_ERROR)
			return -EPROTO;
		if (!z->avail_in)
			return HEADERS_MAX - (ssize_t)z->avail_out;
	}
}

/* A text at *at, which gets its end; the byte that this takes was read before. */
static char *take_text(struct wr_spdy *s, size_t *at, size_t size)
{
	if (size - *at < 4)
		return NULL;
	size_t n = get32(s->headers + *at);
	if (n > size - *at - 4)
		return NULL;
	/* one byte to the front, over its length: what follows it stays whole */
	char *p = (char *)s->headers + *at + 3;
	memmove(p, p + 1, n);
	p[n] = '\0';
	*at += 4 + n;
	return p;
}

static int read_headers(struct wr_spdy *s, unsigned char *packed, size_t packed_size,
			struct wr_spdy_header *out, size_t *n_out)
{
	ssize_t size = unpack(s, packed, packed_size);
	if (size < 0)
		return (int)size;
	if (size < 4)
		return -EPROTO;
	size_t at = 4, n = get32(s->headers);
	if (n > WR_SPDY_HEADERS)
		return -EMSGSIZE;
	for (size_t i = 0; i < n; i++) {
		char *name = take_text(s, &at, (size_t)size);
		char *value = name ? take_text(s, &at, (size_t)size) : NULL;
		if (!value)
			return -EPROTO;
		for (char *c = name; *c; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 32) : *c;
		out[i] = (struct wr_spdy_header){name, value};
	}
	*n_out = n;
	return 0;
}

/* ---- in ---- */

static int open_stream(struct wr_spdy *s, unsigned char *body, size_t size, int flags)
{
	struct wr_spdy_header headers[WR_SPDY_HEADERS];
	size_t n = 0;
	if (size < 10)
		return -EPROTO;
	uint32_t id = get32(body) & 0x7fffffff;
	int rc = read_headers(s, body + 10, size - 10, headers, &n);
	if (rc)
		return rc;
	if (!(id & 1) || id <= s->last)
		return -EPROTO;
	s->last = id;
	s->on->opened(s->arg, id, headers, n);
	if (flags & FLAG_END)
		s->on->ended(s->arg, id);
	return 0;
}

static int more_headers(struct wr_spdy *s, unsigned char *body, size_t size, int flags)
{
	struct wr_spdy_header headers[WR_SPDY_HEADERS];
	size_t n;
	if (size < 4)
		return -EPROTO;
	int rc = read_headers(s, body + 4, size - 4, headers, &n);
	if (!rc && flags & FLAG_END)
		s->on->ended(s->arg, get32(body) & 0x7fffffff);
	return rc;
}

static int take_control(struct wr_spdy *s)
{
	unsigned char *body = s->frame + FRAME_HEAD;
	size_t size = s->have - FRAME_HEAD;
	switch (s->frame[2] << 8 | s->frame[3]) {
	case SYN_STREAM:
		return open_stream(s, body, size, s->frame[4]);
	case SYN_REPLY:
		return -EPROTO; /* to nothing */
	case HEADERS:
		return more_headers(s, body, size, s->frame[4]);
	case RST_STREAM:
		if (size < 8)
			return -EPROTO;
		s->on->reset(s->arg, get32(body) & 0x7fffffff);
		return 0;
	case PING:
		if (size != 4)
			return -EPROTO;
		if (body[3] & 1) /* the client's */
			put_control(s, PING, body, size);
		return 0;
	case GOAWAY:
		s->on->goodbye(s->arg);
		return 0;
	default: /* settings, windows, and what does not exist yet */
		return 0;
	}
}

/* Bytes of the frame's beginning. How many were taken, or a negative errno. */
static ssize_t gather(struct wr_spdy *s, const char *data, size_t n)
{
	size_t whole = FRAME_HEAD;
	if (s->have >= FRAME_HEAD)
		whole += get32(s->frame + 4) & 0xffffff;
	size_t k = whole - s->have < n ? whole - s->have : n;
	memcpy(s->frame + s->have, data, k);
	s->have += k;
	if (s->have < whole)
		return (ssize_t)k;
	size_t size = get32(s->frame + 4) & 0xffffff;
	bool control = s->frame[0] & 0x80;
	if (control && (get32(s->frame) >> 16 & 0x7fff) != VERSION)
		return -EPROTO;
	if (control && size > CONTROL_MAX)
		return -EMSGSIZE;
	if (control && s->have < FRAME_HEAD + size)
		return (ssize_t)k;
	int rc = 0;
	if (control) {
		rc = take_control(s);
	} else {
		s->id = get32(s->frame);
		s->left = size;
		s->end = s->frame[4] & FLAG_END;
		if (!size && s->end)
			s->on->ended(s->arg, s->id);
	}
	s->have = 0;
	return rc ? rc : (ssize_t)k;
}

static size_t pass(struct wr_spdy *s, const char *data, size_t n)
{
	size_t k = s->left < n ? s->left : n;
	s->left -= k;
	s->on->bytes(s->arg, s->id, data, k);
	if (!s->left && s->end)
		s->on->ended(s->arg, s->id);
	return k;
}

int wr_spdy_feed(struct wr_spdy *s, const char *data, size_t n)
{
	while (n) {
		ssize_t k = s->left ? (ssize_t)pass(s, data, n) : gather(s, data, n);
		if (k < 0)
			return (int)k;
		data += k;
		n -= (size_t)k;
	}
	return s->out.failed ? -ENOMEM : 0;
}

/* ---- life ---- */

struct wr_spdy *wr_spdy_new(const struct wr_spdy_handlers *on, void *arg)
{
	unsigned char d[DICTIONARY];
	struct wr_spdy *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->on = on;
	s->arg = arg;
	dictionary(d);
	s->in_ready = inflateInit(&s->in_z) == Z_OK;
	s->out_ready = deflateInit(&s->out_z, Z_DEFAULT_COMPRESSION) == Z_OK;
	if (s->in_ready && s->out_ready && deflateSetDictionary(&s->out_z, d, sizeof(d)) == Z_OK)
		return s;
	wr_spdy_free(s);
	return NULL;
}

void wr_spdy_free(struct wr_spdy *s)
{
	if (!s)
		return;
	if (s->in_ready)
		(void)inflateEnd(&s->in_z);
	if (s->out_ready)
		(void)deflateEnd(&s->out_z);
	wr_buf_free(&s->out);
	free(s);
}
