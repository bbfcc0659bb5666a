/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "apiserver/logs.h"
#include "apiserver/stream.h"
#include "apiserver/watch.h"

#define CONNECTIONS_MAX 4000
/*
 * The library (0.9.75, epoll without a thread of its own) does not ask to be run
 * when a connection was resumed: then it is, this often, and after the first
 * ones at this distance.
 */
#define STIR_ROUNDS 20
#define STIR_AT_ONCE 4 /* the first ones without a pause */
#define STIR_MS 5
#define LOG_MS 250     /* a log that is followed is looked at this often */
#define END_ROUNDS 200 /* of STIR_MS, for streams to end */

struct wr_exchange {
	struct wr_http *h;
	struct MHD_Connection *connection;
	char *uri;
	struct wr_buf body;
	bool begun, unknown, too_large, delayed, asleep, gone, cut;
	int64_t due_ms; /* when to wake although nothing happens */
	/* of a watch, or a log that is followed */
	struct wr_watch *watch;
	struct wr_log *log;
	struct wr_buf out;
	size_t sent;
	int64_t cut_at;                 /* seconds; 0: never */
	struct wr_exchange *next, **at; /* among the sleeping */
};

static int64_t now_ms(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- sleep ---- */

static void fall_asleep(struct wr_exchange *x, int64_t due_ms)
{
	struct wr_http *h = x->h;
	x->due_ms = due_ms;
	x->asleep = true;
	x->next = h->sleeping;
	x->at = &h->sleeping;
	if (x->next)
		x->next->at = &x->next;
	h->sleeping = x;
	MHD_suspend_connection(x->connection);
}

static void wake(struct wr_exchange *x)
{
	*x->at = x->next;
	if (x->next)
		x->next->at = x->at;
	x->asleep = false;
	x->h->stir = STIR_ROUNDS;
	MHD_resume_connection(x->connection);
}

/* Wakes those that have something to do; returns when the next one is due. */
static int64_t wake_due(struct wr_http *h, bool changed)
{
	int64_t now = now_ms(), next = now + 60000;
	for (struct wr_exchange *x = h->sleeping, *after; x; x = after) {
		after = x->next;
		if ((changed && x->watch) || x->due_ms <= now || x->gone)
			wake(x);
		else if (x->due_ms < next)
			next = x->due_ms;
	}
	return next - now;
}

/* ---- who is it ---- */

static bool has_certificate(struct MHD_Connection *connection)
{
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	unsigned status = 1, n = 0;
	if (!info || !info->tls_session || !gnutls_certificate_get_peers(info->tls_session, &n) ||
	    !n)
		return false;
	return gnutls_certificate_verify_peers(info->tls_session, &purpose, 1, &status) >= 0 &&
	       !status;
}

static bool has_token(const struct wr_exchange *x)
{
	static const char scheme[] = "Bearer ";
	const char *v = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND,
						    MHD_HTTP_HEADER_AUTHORIZATION);
	return v && !strncmp(v, scheme, sizeof(scheme) - 1) &&
	       wr_credentials_token(x->h->credentials, v + sizeof(scheme) - 1);
}

/* ---- answers ---- */

static enum MHD_Result send_response(struct wr_exchange *x, struct MHD_Response *response,
				     const struct wr_reply *r)
{
	if (!response)
		return MHD_NO;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				      r->type ? r->type : "application/json");
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache, private");
	if (r->code == 429)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	for (size_t at = 0; r->warnings.data && at < r->warnings.n;
	     at += strlen(r->warnings.data + at) + 1)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_WARNING,
					      r->warnings.data + at);
	enum MHD_Result rc = MHD_queue_response(x->connection, r->code, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result send_reply(struct wr_exchange *x, struct wr_reply *r)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		r->text.n, r->text.data ? r->text.data : (void *)(uintptr_t) "",
		r->text.data ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (response)
		r->text = (struct wr_buf){0}; /* it is the response's now */
	return send_response(x, response, r);
}

static ssize_t take_out(struct wr_exchange *x, char *buf, size_t max)
{
	size_t n = x->out.n - x->sent < max ? x->out.n - x->sent : max;
	memcpy(buf, x->out.data + x->sent, n);
	x->sent += n;
	return (ssize_t)n;
}

/* The stream of a watch: what is buffered, what has come, or sleep. */
static ssize_t read_watch(void *arg, uint64_t pos, char *buf, size_t max)
{
	struct wr_exchange *x = arg;
	int64_t now = now_ms() / 1000;
	(void)pos;
	if (x->gone || (x->cut_at && now >= x->cut_at))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (x->sent == x->out.n) {
		x->out.n = x->sent = 0;
		bool ended = wr_watch_pull(x->watch, now, &x->out);
		if (x->out.failed)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (ended && !x->out.n)
			return MHD_CONTENT_READER_END_OF_STREAM;
	}
	if (x->sent == x->out.n) {
		int64_t due = wr_watch_due(x->watch);
		if (x->cut_at && x->cut_at < due)
			due = x->cut_at;
		fall_asleep(x, due * 1000);
		return 0;
	}
	return take_out(x, buf, max);
}

static ssize_t read_log(void *arg, uint64_t pos, char *buf, size_t max)
{
	struct wr_exchange *x = arg;
	(void)pos;
	if (x->gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (x->sent == x->out.n) {
		x->out.n = x->sent = 0;
		bool more = wr_log_more(x->log, &x->out);
		if (x->out.failed)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (!more && !x->out.n)
			return MHD_CONTENT_READER_END_OF_STREAM;
	}
	if (x->sent == x->out.n) {
		fall_asleep(x, now_ms() + LOG_MS);
		return 0;
	}
	return take_out(x, buf, max);
}

static enum MHD_Result send_watch(struct wr_exchange *x, struct wr_reply *r)
{
	uint32_t seconds = x->h->misbehave.cut_watch_s;
	x->watch = r->watch;
	x->cut_at = seconds ? now_ms() / 1000 + seconds : 0;
	return send_response(
		x, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 65536, read_watch, x, NULL),
		r);
}

static enum MHD_Result send_log(struct wr_exchange *x, struct wr_reply *r)
{
	x->log = r->log;
	x->out = r->text;
	r->text = (struct wr_buf){0};
	return send_response(
		x, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 65536, read_log, x, NULL),
		r);
}

static bool every(uint32_t n, uint64_t count)
{
	return n && count % n == 0;
}

/* A refusal on purpose, instead of an answer. */
static enum MHD_Result send_fault(struct wr_exchange *x, unsigned code, const char *reason)
{
	struct wr_reply r = {.code = code};
	wr_buf_printf(&r.text,
		      "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
		      "\"status\":\"Failure\",\"message\":\"on purpose\",\"reason\":\"%s\","
		      "\"code\":%u}\n",
		      reason, code);
	enum MHD_Result rc = send_reply(x, &r);
	wr_reply_free(&r);
	return rc;
}

static bool is_stream(const char *uri)
{
	return strstr(uri, "watch=1") || strstr(uri, "watch=true") || strstr(uri, "continue=");
}

static enum MHD_Result answer(struct wr_exchange *x, const char *method)
{
	const struct wr_misbehave *m = &x->h->misbehave;
	struct wr_reply r = {0};
	const struct wr_request q = {
		.method = method,
		.uri = x->uri,
		.accept = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Accept"),
		.content_type = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND,
							    "Content-Type"),
		.agent = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "User-Agent"),
		.body = x->body.data ? x->body.data : "",
		.size = x->body.n,
		.unknown = x->unknown,
	};
	x->h->requests++;
	if (every(m->cut_every, x->h->requests))
		return MHD_NO;
	if (!q.unknown && every(m->busy_every, x->h->requests))
		return send_fault(x, 429, "TooManyRequests");
	if (!q.unknown && is_stream(x->uri) && every(m->gone_every, ++x->h->watches))
		return send_fault(x, 410, "Expired");
	if (x->too_large)
		return send_fault(x, 413, "RequestEntityTooLarge");
	enum MHD_Result rc;
	if (wr_stream_answer(x->h, x->connection, &q, &rc))
		return rc;
	wr_handle(x->h->server, &q, &r);
	rc = r.watch ? send_watch(x, &r) : r.log ? send_log(x, &r) : send_reply(x, &r);
	wr_reply_free(&r);
	return rc;
}

/* ---- what the library calls ---- */

static void *on_uri(void *arg, const char *uri, struct MHD_Connection *connection)
{
	struct wr_exchange *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->h = arg;
	x->connection = connection;
	x->uri = strdup(uri);
	return x;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	struct wr_exchange *x = *state;
	struct wr_http *h = arg;
	(void)connection;
	(void)url;
	(void)version;
	if (!x || !x->uri)
		return MHD_NO;
	if (!x->begun) {
		x->begun = true;
		x->unknown = !has_certificate(x->connection) && !has_token(x);
		return MHD_YES;
	}
	if (*size) {
		x->too_large |= x->body.n + *size > WR_BODY_MAX;
		if (!x->too_large && !x->unknown) /* a stranger's body is not kept */
			wr_buf_bytes(&x->body, data, *size);
		*size = 0;
		return x->body.failed ? MHD_NO : MHD_YES;
	}
	if (h->misbehave.delay_ms && !x->delayed) {
		x->delayed = true;
		fall_asleep(x, now_ms() + h->misbehave.delay_ms);
		return MHD_YES;
	}
	return answer(x, method);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode why)
{
	struct wr_exchange *x = *state;
	(void)arg;
	(void)connection;
	(void)why;
	if (!x)
		return;
	if (x->asleep) {
		*x->at = x->next;
		if (x->next)
			x->next->at = x->at;
	}
	wr_watch_free(x->watch);
	wr_log_free(x->log);
	wr_buf_free(&x->body);
	wr_buf_free(&x->out);
	free(x->uri);
	free(x);
	*state = NULL;
}

/* ---- start, run, stop ---- */

static bool read_address(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	*out = (struct sockaddr_storage){0};
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1 &&
	    (ntohl(v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET) {
		memcpy(out, &v4, sizeof(v4));
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) {
		memcpy(out, &v6, sizeof(v6));
		return true;
	}
	return false;
}

int wr_http_open(struct wr_http *h, const char *address, uint16_t *port, struct wr_diags *diags)
{
	struct sockaddr_storage at;
	const struct wr_credentials *c = h->credentials;
	if (!read_address(address, *port, &at)) {
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
			    "'%s' is no loopback address", address);
		wr_diag_advise(diags, "the server listens on 127.0.0.1 or ::1 only: it is for this "
				      "machine alone");
		return -EACCES;
	}
	unsigned flags = MHD_USE_TLS | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
	if (h->kubelet)
		flags |= MHD_ALLOW_UPGRADE;
	if (at.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	errno = 0;
	h->daemon = MHD_start_daemon(
		flags, *port, NULL, NULL, on_request, h, MHD_OPTION_SOCK_ADDR, &at,
		MHD_OPTION_URI_LOG_CALLBACK, on_uri, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
		h, MHD_OPTION_HTTPS_MEM_KEY, c->server_key, MHD_OPTION_HTTPS_MEM_CERT, c->server,
		MHD_OPTION_HTTPS_MEM_TRUST, c->ca, MHD_OPTION_HTTPS_PRIORITIES,
		"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, 300U,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)128 * 1024, MHD_OPTION_END);
	if (!h->daemon) {
		int rc = errno ? -errno : -EIO;
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
			    "cannot listen on %s, port %u: %s", address, (unsigned)*port,
			    strerror(-rc));
		return rc;
	}
	h->epoll_fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	if (!*port)
		*port = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	return 0;
}

/* Connections that sleep in a watch are still to be noticed when their peer goes. */
static size_t add_sleepers(struct wr_http *h, struct pollfd *fds, struct wr_exchange **who,
			   size_t max)
{
	size_t n = 0;
	for (struct wr_exchange *x = h->sleeping; x && n < max; x = x->next) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		if (!info)
			continue;
		fds[n] = (struct pollfd){.fd = info->connect_fd, .events = POLLRDHUP};
		who[n++] = x;
	}
	return n;
}

int wr_http_run(struct wr_http *h, int stop_fd)
{
	struct pollfd *fds = calloc(CONNECTIONS_MAX + 2, sizeof(*fds));
	struct wr_exchange **who = calloc(CONNECTIONS_MAX, sizeof(struct wr_exchange *));
	uint64_t seen = h->server->store.rv;
	unsigned moved = 0;
	int rc = fds && who ? 0 : -ENOMEM;
	while (!rc) {
		if (MHD_run(h->daemon) != MHD_YES) {
			rc = -EIO;
			break;
		}
		int64_t wait = wake_due(h, seen != h->server->store.rv);
		MHD_UNSIGNED_LONG_LONG timeout;
		seen = h->server->store.rv;
		bool streams = h->kubelet && wr_stream_count(h);
		if (h->stir) {
			h->stir--;
			wait = h->stir > STIR_ROUNDS - STIR_AT_ONCE ? 0 : STIR_MS;
		} else if (streams) {
			/* it does not ask to be run for what streams have said, either */
			int64_t most = moved != wr_stream_moved() ? 0 : STIR_MS;
			wait = wait < most ? wait : most;
			moved = wr_stream_moved();
		}
		if (MHD_get_timeout(h->daemon, &timeout) == MHD_YES && (int64_t)timeout < wait)
			wait = (int64_t)timeout;
		fds[0] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = h->epoll_fd, .events = POLLIN};
		size_t n = add_sleepers(h, fds + 2, who, CONNECTIONS_MAX);
		int ready = poll(fds, n + 2, (int)wait);
		if (ready < 0 && errno != EINTR)
			rc = -errno;
		if (ready > 0 && fds[0].revents)
			break;
		for (size_t i = 0; i < n && ready > 0; i++)
			if (fds[i + 2].revents)
				who[i]->gone = true;
	}
	free(fds);
	free(who);
	return rc;
}

void wr_http_close(struct wr_http *h)
{
	/* a connection that sleeps cannot be closed */
	while (h->sleeping) {
		h->sleeping->gone = true;
		wake(h->sleeping);
	}
	/* nor one that is a stream */
	wr_stream_end_all(h);
	for (int i = 0; i < END_ROUNDS && h->daemon && wr_stream_count(h); i++) {
		(void)MHD_run(h->daemon);
		(void)poll(NULL, 0, STIR_MS);
	}
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	h->daemon = NULL;
}
