/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STREAMS_MAX 64
#define CHUNK 32768
#define WEBSOCKET_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */

struct stream {
	struct wr_http *h;
	char *line; /* for the kubelet: the path, and a newline */
	struct MHD_UpgradeResponseHandle *handle;
	char *early; /* bytes that came with the request */
	size_t n_early;
	int client, kubelet;
};

/* ---- bytes both ways ---- */

static int send_all(int fd, const char *data, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = send(fd, data + done, n - done, MSG_NOSIGNAL);
		if (k < 0 && errno != EINTR)
			return -errno;
		done += k > 0 ? (size_t)k : 0;
	}
	return 0;
}

static atomic_uint moved;

unsigned wr_stream_moved(void)
{
	return atomic_load_explicit(&moved, memory_order_relaxed);
}

/* One direction: what has come and is not yet passed on. */
struct way {
	int from, to;
	size_t at, n;
	char data[CHUNK];
};

static bool take(struct way *w)
{
	ssize_t n = recv(w->from, w->data, sizeof(w->data), MSG_DONTWAIT);
	w->at = 0;
	w->n = n > 0 ? (size_t)n : 0;
	atomic_fetch_add_explicit(&moved, n > 0, memory_order_relaxed);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static bool give(struct way *w)
{
	ssize_t n = send(w->to, w->data + w->at, w->n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	w->at += (size_t)n;
	w->n -= (size_t)n;
	return true;
}

/* Neither direction waits for the other: both ends may speak before they listen. */
static void exchange(int client, int kubelet)
{
	struct way ways[2] = {{.from = kubelet, .to = client}, {.from = client, .to = kubelet}};
	for (;;) {
		struct pollfd p[2] = {{.fd = kubelet}, {.fd = client}};
		for (size_t i = 0; i < 2; i++) {
			p[i].events |= ways[i].n ? 0 : POLLIN;
			p[!i].events |= ways[i].n ? POLLOUT : 0;
		}
		/* an end that is gone and not read from would be told of without pause */
		for (size_t i = 0; i < 2; i++)
			p[i].fd = p[i].events ? p[i].fd : -1;
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		for (size_t i = 0; i < 2; i++) {
			struct way *w = &ways[i];
			if (w->n && p[!i].revents && !give(w))
				return;
			if (!w->n && p[i].revents && !take(w))
				return;
		}
	}
}

static int open_kubelet(const char *folder)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s/kubelet.sock", folder);
	if (n < 0 || (size_t)n >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static void pump(const struct stream *s)
{
	if (send_all(s->kubelet, s->line, strlen(s->line)) < 0 ||
	    send_all(s->kubelet, s->early, s->n_early) < 0)
		return;
	exchange(s->client, s->kubelet);
}

static void stream_free(struct stream *s)
{
	if (s->kubelet >= 0)
		close(s->kubelet);
	free(s->early);
	free(s->line);
	free(s);
}

/* ---- a thread for each: what it shares with the server is this list ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stream *running[STREAMS_MAX];

unsigned wr_stream_count(const struct wr_http *h)
{
	unsigned n = 0;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < STREAMS_MAX; i++)
		n += running[i] && running[i]->h == h;
	pthread_mutex_unlock(&lock);
	return n;
}

void wr_stream_end_all(struct wr_http *h)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (running[i] && running[i]->h == h)
			shutdown(running[i]->kubelet, SHUT_RDWR);
	pthread_mutex_unlock(&lock);
}

static bool enlist(struct stream *s)
{
	bool done = false;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < STREAMS_MAX && !done; i++) {
		if (running[i])
			continue;
		running[i] = s;
		done = true;
	}
	pthread_mutex_unlock(&lock);
	return done;
}

static void leave(const struct stream *s)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (running[i] == s)
			running[i] = NULL;
	pthread_mutex_unlock(&lock);
}

static void *carry(void *arg)
{
	struct stream *s = arg;
	pump(s);
	(void)MHD_upgrade_action(s->handle, MHD_UPGRADE_ACTION_CLOSE);
	leave(s);
	stream_free(s);
	return NULL;
}

/* The library has answered 101: from here on the connection is the stream's. */
static void on_upgrade(void *arg, struct MHD_Connection *connection, void *state, const char *early,
		       size_t n_early, MHD_socket client, struct MHD_UpgradeResponseHandle *handle)
{
	struct stream *s = arg;
	pthread_t thread;
	int flags = fcntl(client, F_GETFL);
	(void)connection;
	(void)state;
	s->handle = handle;
	s->client = client;
	s->early = n_early ? malloc(n_early) : NULL;
	if (s->early) {
		memcpy(s->early, early, n_early);
		s->n_early = n_early;
	}
	if ((n_early && !s->early) || flags < 0 ||
	    fcntl(client, F_SETFL, flags & ~O_NONBLOCK) < 0 || !enlist(s)) {
		(void)MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
		stream_free(s);
		return;
	}
	if (pthread_create(&thread, NULL, carry, s)) {
		leave(s);
		(void)MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
		stream_free(s);
		return;
	}
	pthread_detach(thread);
}

/* ---- the opening ---- */

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned code, const char *reason,
			      const char *message)
{
	char text[600];
	int n = snprintf(
		text, sizeof(text),
		"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
		"\"status\":\"Failure\",\"message\":\"%s\",\"reason\":\"%s\",\"code\":%u}\n",
		message, reason, code);
	struct MHD_Response *r = MHD_create_response_from_buffer((size_t)n, text,
								 MHD_RESPMEM_MUST_COPY);
	if (!r)
		return MHD_NO;
	(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	enum MHD_Result rc = MHD_queue_response(connection, code, r);
	MHD_destroy_response(r);
	return rc;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* How a stream begins: what the answer says, and what the kubelet is told. */
struct opening {
	const char *upgrade; /* or NULL: no way that is spoken here */
	const char *protocol;
	char told[64];
	char accept[64]; /* of WebSocket */
};

struct offer {
	const char *header, *protocol;
	bool there;
};

static enum MHD_Result look(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct offer *o = arg;
	(void)kind;
	o->there |= value && !strcasecmp(key, o->header) && strstr(value, o->protocol);
	return o->there ? MHD_NO : MHD_YES;
}

/* Whether a header, which may come more than once, names a protocol. */
static bool offers(struct MHD_Connection *connection, const char *header, const char *protocol)
{
	struct offer o = {header, protocol, false};
	(void)MHD_get_connection_values(connection, MHD_HEADER_KIND, look, &o);
	return o.there;
}

static bool accept_key(const char *key, char out[64])
{
	char text[128];
	unsigned char digest[20];
	gnutls_datum_t in = {digest, sizeof(digest)}, encoded = {0};
	int n = snprintf(text, sizeof(text), "%.60s" WEBSOCKET_GUID, key);
	if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, (size_t)n, digest) < 0 ||
	    gnutls_base64_encode2(&in, &encoded) < 0)
		return false;
	snprintf(out, 64, "%.*s", (int)encoded.size, (const char *)encoded.data);
	gnutls_free(encoded.data);
	return true;
}

/* The newest of the protocols that are offered and spoken here; WebSocket before SPDY. */
static struct opening choose(struct MHD_Connection *connection, bool ports)
{
	static const char ws[] = "Sec-WebSocket-Protocol", spdy[] = "X-Stream-Protocol-Version";
	static const char *const channels[] = {"v5.channel.k8s.io", "v4.channel.k8s.io"};
	static const char *const forwards[] = {"SPDY/3.1+portforward.k8s.io"};
	struct opening o = {0};
	const char *upgrade = header(connection, MHD_HTTP_HEADER_UPGRADE),
		   *key = header(connection, "Sec-WebSocket-Key");
	bool web = upgrade && !strcasecmp(upgrade, "websocket") && key && accept_key(key, o.accept);
	for (size_t i = 0; web && !o.protocol && i < (ports ? 1 : 2); i++)
		if (offers(connection, ws, ports ? forwards[i] : channels[i]))
			o.protocol = ports ? forwards[i] : channels[i];
	if (o.protocol) {
		o.upgrade = "websocket";
		snprintf(o.told, sizeof(o.told), "%s", o.protocol);
	} else if (upgrade && !strcasecmp(upgrade, "SPDY/3.1")) {
		o.protocol = ports ? "portforward.k8s.io" : channels[1];
		o.upgrade = offers(connection, spdy, o.protocol) ? "SPDY/3.1" : NULL;
		snprintf(o.told, sizeof(o.told), "SPDY/3.1:%s", o.protocol);
	}
	return o;
}

static enum MHD_Result upgrade(struct MHD_Connection *connection, struct stream *s,
			       const struct opening *o)
{
	struct MHD_Response *r = MHD_create_response_for_upgrade(on_upgrade, s);
	bool web = !strcmp(o->upgrade, "websocket");
	if (!r) {
		stream_free(s);
		return MHD_NO;
	}
	(void)MHD_add_response_header(r, MHD_HTTP_HEADER_UPGRADE, o->upgrade);
	if (web)
		(void)MHD_add_response_header(r, "Sec-WebSocket-Accept", o->accept);
	(void)MHD_add_response_header(
		r, web ? "Sec-WebSocket-Protocol" : "X-Stream-Protocol-Version", o->protocol);
	enum MHD_Result rc = MHD_queue_response(connection, MHD_HTTP_SWITCHING_PROTOCOLS, r);
	MHD_destroy_response(r);
	return rc;
}

/* "/api/v1/namespaces/NS/pods/NAME/SUB": the key of the pod, or false. */
static bool pod_of(const char *uri, const char *sub, char key[512])
{
	char ns[254], name[254];
	int end = 0;
	if (sscanf(uri, "/api/v1/namespaces/%253[^/?]/pods/%253[^/?]/%n", ns, name, &end) != 2 ||
	    !end || strncmp(uri + end, sub, strlen(sub)) != 0)
		return false;
	end += (int)strlen(sub);
	snprintf(key, 512, "%s/%s", ns, name);
	return !uri[end] || uri[end] == '?';
}

static enum MHD_Result no_pod(struct MHD_Connection *connection, const char *key)
{
	char message[600];
	snprintf(message, sizeof(message), "pods \\\"%s\\\" not found", strchr(key, '/') + 1);
	return refuse(connection, 404, "NotFound", message);
}

static enum MHD_Result open_stream(struct wr_http *h, struct MHD_Connection *connection,
				   const char *uri, bool ports)
{
	struct opening o = choose(connection, ports);
	if (!o.upgrade)
		return refuse(connection, 400, "BadRequest",
			      ports ? "port-forward is spoken over SPDY/3.1 (portforward.k8s.io) "
				      "here, alone or inside a WebSocket"
				    : "exec and attach are spoken over WebSocket and SPDY/3.1 here "
				      "(v4.channel.k8s.io, v5.channel.k8s.io)");
	struct stream *s = calloc(1, sizeof(*s));
	size_t n = strlen(uri) + strlen(o.told) + 3;
	if (!s || !(s->line = malloc(n))) {
		free(s);
		return MHD_NO;
	}
	snprintf(s->line, n, "%s %s\n", o.told, uri);
	s->h = h;
	s->kubelet = open_kubelet(h->kubelet);
	if (s->kubelet >= 0)
		return upgrade(connection, s, &o);
	stream_free(s);
	return refuse(connection, 500, "InternalError", "what runs the pods does not answer");
}

bool wr_stream_answer(struct wr_http *h, struct MHD_Connection *connection,
		      const struct wr_request *q, enum MHD_Result *rc)
{
	char key[512];
	if (!h->kubelet || q->unknown)
		return false;
	bool ports = pod_of(q->uri, "portforward", key);
	if (!ports && !pod_of(q->uri, "exec", key) && !pod_of(q->uri, "attach", key))
		return false;
	*rc = wr_store_get(&h->server->store, WR_AS_PODS, key)
		      ? open_stream(h, connection, q->uri, ports)
		      : no_pod(connection, key);
	return true;
}
