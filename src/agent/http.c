/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /healthz, /readyz and /metrics, for the kubelet and Prometheus. One request
 * a connection, GET only, a bounded request: what more an HTTP server can do
 * nobody asks of this one. It is as open as the address that it listens on; it
 * tells names of policies and counts, and takes no orders.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"

#define REQUEST_MAX 8192
#define IDLE_MS 10000

struct request {
	struct agent *agent;
	uv_tcp_t tcp;
	uv_timer_t idle;
	uv_write_t write;
	unsigned closing; /* handles that are still to be closed */
	char text[REQUEST_MAX];
	size_t n;
	struct wr_buf answer;
	bool answered;
};

static void on_closed(uv_handle_t *handle)
{
	struct request *r = handle->data;
	if (--r->closing)
		return;
	wr_buf_free(&r->answer);
	free(r);
}

static void end(struct request *r)
{
	if (r->closing)
		return;
	r->closing = 2;
	uv_close((uv_handle_t *)&r->tcp, on_closed);
	uv_close((uv_handle_t *)&r->idle, on_closed);
}

void http_end(uv_handle_t *connection)
{
	end(connection->data);
}

static void on_written(uv_write_t *write, int status)
{
	(void)status;
	end(write->data);
}

static void respond(struct request *r, int status, const char *type, const struct wr_buf *body)
{
	const char *words = status == 200   ? "OK"
			    : status == 503 ? "Service Unavailable"
			    : status == 404 ? "Not Found"
			    : status == 405 ? "Method Not Allowed"
					    : "Bad Request";
	wr_buf_printf(&r->answer,
		      "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		      "Connection: close\r\n\r\n",
		      status, words, type, body->n);
	wr_buf_bytes(&r->answer, body->data, body->n);
	r->answered = true;
	if (r->answer.failed || r->answer.n > UINT32_MAX) {
		end(r);
		return;
	}
	uv_buf_t buf = uv_buf_init(r->answer.data, (unsigned)r->answer.n);
	r->write.data = r;
	if (uv_write(&r->write, (uv_stream_t *)&r->tcp, &buf, 1, on_written))
		end(r);
}

static void answer(struct request *r, const char *path)
{
	static const char text[] = "text/plain; charset=utf-8";
	WR_CLEANUP(buf)
	struct wr_buf body = {0};
	if (!strcmp(path, "/healthz")) {
		wr_buf_text(&body, "ok\n");
		respond(r, 200, text, &body);
	} else if (!strcmp(path, "/readyz")) {
		bool ready = report_ready(r->agent, &body);
		wr_buf_text(&body, ready ? "ok\n" : "\n");
		respond(r, ready ? 200 : 503, text, &body);
	} else if (!strcmp(path, "/metrics")) {
		report_metrics(r->agent, &body);
		respond(r, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
	} else {
		wr_buf_text(&body, "there are /healthz, /readyz and /metrics\n");
		respond(r, 404, text, &body);
	}
}

/* The request is whole when its headers are: GET has no body. */
static void look(struct request *r)
{
	WR_CLEANUP(buf)
	struct wr_buf body = {0};
	char path[256];
	r->text[r->n] = '\0';
	if (r->answered || !strstr(r->text, "\r\n\r\n"))
		return;
	if (strncmp(r->text, "GET ", 4) != 0) {
		wr_buf_text(&body, "only GET\n");
		respond(r, 405, "text/plain", &body);
		return;
	}
	size_t n = strcspn(r->text + 4, " ?\r\n");
	snprintf(path, sizeof(path), "%.*s", (int)(n < 255 ? n : 255), r->text + 4);
	answer(r, path);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct request *r = handle->data;
	(void)suggested;
	*buf = uv_buf_init(r->text + r->n, (unsigned)(REQUEST_MAX - 1 - r->n));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct request *r = stream->data;
	(void)buf;
	if (n < 0) {
		end(r); /* also ENOBUFS: a request that is too long */
		return;
	}
	r->n += (size_t)n;
	look(r);
}

static void on_idle(uv_timer_t *timer)
{
	end(timer->data);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct agent *a = server->data;
	struct request *r = status ? NULL : calloc(1, sizeof(*r));
	if (!r)
		return;
	r->agent = a;
	r->tcp.data = r->idle.data = r;
	uv_tcp_init(&a->loop, &r->tcp);
	uv_timer_init(&a->loop, &r->idle);
	if (uv_accept(server, (uv_stream_t *)&r->tcp) ||
	    uv_timer_start(&r->idle, on_idle, IDLE_MS, 0) ||
	    uv_read_start((uv_stream_t *)&r->tcp, on_alloc, on_read))
		end(r);
}

/* "127.0.0.1:9464", "[::1]:9464", ":9464"; and "::1:9464", as a pod's field for its node gives it. */
static int parse_address(const char *text, struct sockaddr_storage *out)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	char *rest;
	unsigned long port = strtoul(colon + 1, &rest, 10);
	if (!colon[1] || *rest || port > 65535)
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	size_t n = strlen(host);
	if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		return uv_ip6_addr(host + 1, (int)port, (struct sockaddr_in6 *)out);
	}
	if (strchr(host, ':'))
		return uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)out);
	return uv_ip4_addr(n ? host : "0.0.0.0", (int)port, (struct sockaddr_in *)out);
}

int http_start(struct agent *a, struct wr_diags *diags)
{
	struct sockaddr_storage address = {0};
	int rc = uv_tcp_init(&a->loop, &a->http);
	a->http.data = a;
	if (rc || !a->opts->listen)
		return rc;
	rc = parse_address(a->opts->listen, &address);
	if (!rc)
		rc = uv_tcp_bind(&a->http, (struct sockaddr *)&address, 0);
	if (!rc)
		rc = uv_listen((uv_stream_t *)&a->http, 64, on_connection);
	if (rc)
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
			    "cannot listen on %s: %s", a->opts->listen, uv_strerror(rc));
	return rc;
}
