/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK 16384
#define GOODBYE_MS 2000
#define CLOSE 255 /* since v5: the next byte's channel ends */

/* ---- out ---- */

static void send_buf(struct wr_client *p, struct wr_buf *b)
{
	p->closed |= b->failed;
	for (size_t done = 0; done < b->n && !p->closed;) {
		ssize_t k = send(p->fd, b->data + done, b->n - done, MSG_NOSIGNAL);
		if (k < 0 && errno != EINTR)
			p->closed = true;
		done += k > 0 ? (size_t)k : 0;
	}
	b->n = 0;
}

void wr_client_flush(struct wr_client *p)
{
	struct wr_buf *spdy = p->spdy ? wr_spdy_out(p->spdy) : NULL;
	if (spdy && p->ws.message && spdy->n) {
		wr_websocket_put(&p->out, WR_WS_BINARY, NULL, 0, spdy->data, spdy->n);
		p->closed |= spdy->failed;
		spdy->n = 0;
	}
	if (spdy && !p->ws.message)
		send_buf(p, spdy);
	send_buf(p, &p->out);
}

void wr_client_send(struct wr_client *p, enum wr_channel channel, const void *data, size_t n)
{
	char head = (char)channel;
	if (!(p->open & 1U << channel))
		return;
	if (p->spdy)
		wr_spdy_send(p->spdy, p->streams[channel], data, n, false);
	else
		wr_websocket_put(&p->out, WR_WS_BINARY, &head, 1, data, n);
	wr_client_flush(p);
}

/* ---- channels as streams ---- */

static void on_opened(void *arg, uint32_t id, const struct wr_spdy_header *headers, size_t n)
{
	static const char *const names[WR_CHANNELS] = {"stdin", "stdout", "stderr", "error",
						       "resize"};
	struct wr_client *p = arg;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(headers[i].name, "streamtype") != 0)
			continue;
		for (size_t c = 0; c < WR_CHANNELS; c++) {
			if (strcmp(headers[i].value, names[c]) != 0 || p->open & 1U << c)
				continue;
			p->streams[c] = id;
			p->open |= 1U << c;
			wr_spdy_accept(p->spdy, id);
			return;
		}
	}
	wr_spdy_reset(p->spdy, id, WR_SPDY_REFUSED);
}

static int channel_of(const struct wr_client *p, uint32_t id)
{
	for (int c = 0; c < WR_CHANNELS; c++)
		if (p->open & 1U << c && p->streams[c] == id)
			return c;
	return -1;
}

static void on_bytes(void *arg, uint32_t id, const char *data, size_t n)
{
	struct wr_client *p = arg;
	int c = channel_of(p, id);
	if (c >= 0)
		p->bytes(p->arg, (enum wr_channel)c, data, n);
}

static void on_ended(void *arg, uint32_t id)
{
	struct wr_client *p = arg;
	int c = channel_of(p, id);
	if (c >= 0)
		p->ended(p->arg, (enum wr_channel)c);
}

static void on_reset(void *arg, uint32_t id)
{
	struct wr_client *p = arg;
	int c = channel_of(p, id);
	if (c < 0)
		return;
	p->open &= ~(1U << c);
	p->ended(p->arg, (enum wr_channel)c);
}

static void on_goodbye(void *arg)
{
	(void)arg; /* its streams go on, and the connection's end is told by its end */
}

static const struct wr_spdy_handlers channels = {on_opened, on_bytes, on_ended, on_reset,
						 on_goodbye};

/* ---- messages ---- */

static void on_message(void *arg, bool first, char *data, size_t n)
{
	struct wr_client *p = arg;
	if (first) {
		p->channel = n ? (unsigned char)data[0] : -1;
		data += n > 0;
		n -= n > 0;
	}
	if (p->channel == CLOSE && n == 1 && data[0] >= 0 && data[0] < WR_CHANNELS)
		p->ended(p->arg, (enum wr_channel)data[0]);
	else if (p->channel >= 0 && p->channel < WR_CHANNELS && n)
		p->bytes(p->arg, (enum wr_channel)p->channel, data, n);
}

static void on_tunnel(void *arg, bool first, char *data, size_t n)
{
	struct wr_client *p = arg;
	(void)first;
	p->closed |= wr_spdy_feed(p->spdy, data, n) < 0;
}

/* ---- life ---- */

int wr_client_open(struct wr_client *p, int fd, const char *protocol,
		   const struct wr_spdy_handlers *handlers, void *arg)
{
	static const char spdy[] = "SPDY/3.1";
	size_t n = sizeof(spdy) - 1;
	*p = (struct wr_client){.fd = fd, .channel = -1, .arg = arg};
	bool streams = !strncmp(protocol, spdy, n), bare = streams && protocol[n] == ':';
	if (!streams && handlers)
		return -EPROTO;
	if (streams) {
		p->spdy = wr_spdy_new(handlers ? handlers : &channels, handlers ? arg : p);
		if (!p->spdy)
			return -ENOMEM;
	} else {
		p->open = (1U << WR_CHANNELS) - 1;
	}
	p->ws.arg = p;
	p->ws.message = bare ? NULL : streams ? on_tunnel : on_message;
	return 0;
}

void wr_client_close(struct wr_client *p)
{
	wr_spdy_free(p->spdy);
	p->spdy = NULL;
	wr_buf_free(&p->out);
	wr_buf_free(&p->ws.in);
}

void wr_client_read(struct wr_client *p)
{
	char data[CHUNK];
	ssize_t n = recv(p->fd, data, sizeof(data), 0);
	if (n <= 0) {
		p->closed |= !n || errno != EINTR;
		return;
	}
	int rc = p->ws.message ? wr_websocket_feed(&p->ws, data, (size_t)n, &p->out)
			       : wr_spdy_feed(p->spdy, data, (size_t)n);
	wr_client_flush(p);
	p->closed |= rc < 0 || p->ws.goodbye;
}

static void ignore_bytes(void *arg, enum wr_channel channel, const char *data, size_t n)
{
	(void)arg;
	(void)channel;
	(void)data;
	(void)n;
}

static void ignore_end(void *arg, enum wr_channel channel)
{
	(void)arg;
	(void)channel;
}

void wr_client_goodbye(struct wr_client *p)
{
	static const unsigned char normal[] = {0x03, 0xe8}; /* 1000 */
	struct pollfd fd = {.fd = p->fd, .events = POLLIN};
	for (int c = 0; c < WR_CHANNELS && p->spdy; c++)
		if (p->open & 1U << c)
			wr_spdy_send(p->spdy, p->streams[c], NULL, 0, true);
	wr_client_flush(p);
	if (p->ws.message)
		wr_websocket_put(&p->out, WR_WS_GOODBYE, NULL, 0, normal, sizeof(normal));
	wr_client_flush(p);
	p->bytes = ignore_bytes;
	p->ended = ignore_end;
	while (!p->closed && poll(&fd, 1, GOODBYE_MS) > 0)
		wr_client_read(p);
}
