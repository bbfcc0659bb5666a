/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
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

static int forward(int from, int to)
{
	char data[CHUNK];
	ssize_t n = recv(from, data, sizeof(data), 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n ? send_all(to, data, (size_t)n) : -ECONNRESET;
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
	for (;;) {
		struct pollfd p[2] = {{.fd = s->client, .events = POLLIN},
				      {.fd = s->kubelet, .events = POLLIN}};
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents && forward(s->kubelet, s->client) < 0)
			return;
		if (p[0].revents && forward(s->client, s->kubelet) < 0)
			return;
	}
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

/* The newest of the protocols that are offered and spoken here. */
static const char *choose_protocol(const char *offered)
{
	static const char *const spoken[] = {"v5.channel.k8s.io", "v4.channel.k8s.io"};
	for (size_t i = 0; offered && i < sizeof(spoken) / sizeof(spoken[0]); i++)
		if (strstr(offered, spoken[i]))
			return spoken[i];
	return NULL;
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

static enum MHD_Result upgrade(struct MHD_Connection *connection, struct stream *s,
			       const char *protocol, const char *accept)
{
	struct MHD_Response *r = MHD_create_response_for_upgrade(on_upgrade, s);
	if (!r) {
		stream_free(s);
		return MHD_NO;
	}
	(void)MHD_add_response_header(r, MHD_HTTP_HEADER_UPGRADE, "websocket");
	(void)MHD_add_response_header(r, "Sec-WebSocket-Accept", accept);
	(void)MHD_add_response_header(r, "Sec-WebSocket-Protocol", protocol);
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

/* ---- logs ---- */

/* The last lines of a text, or all of it. */
static const char *tail(const char *text, size_t n, const char *uri)
{
	const char *wanted = strstr(uri, "tailLines=");
	unsigned long lines = wanted ? strtoul(wanted + 10, NULL, 10) : ULONG_MAX;
	const char *p = text + n;
	if (!wanted)
		return text;
	p -= lines && n && p[-1] == '\n';
	for (; lines && p > text; p--)
		if (p[-1] == '\n' && !--lines)
			break;
	return p;
}

/* What the pod's server has said so far; there is no following it. */
static enum MHD_Result send_log(struct wr_http *h, struct MHD_Connection *connection,
				const struct wr_request *q, const char *key)
{
	static char text[512 * 1024];
	char path[4096];
	const char *slash = strchr(key, '/');
	snprintf(path, sizeof(path), "%s/logs/%.*s_%s", h->kubelet, (int)(slash - key), key,
		 slash + 1);
	if (!wr_store_get(&h->server->store, WR_AS_PODS, key))
		return no_pod(connection, key);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	if (fd >= 0)
		close(fd);
	size_t size = n > 0 ? (size_t)n : 0;
	text[size] = '\0';
	const char *from = tail(text, size, q->uri);
	struct MHD_Response *r = MHD_create_response_from_buffer(
		size - (size_t)(from - text), (void *)(uintptr_t)from, MHD_RESPMEM_MUST_COPY);
	if (!r)
		return MHD_NO;
	(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
	enum MHD_Result rc = MHD_queue_response(connection, 200, r);
	MHD_destroy_response(r);
	return rc;
}

bool wr_stream_answer(struct wr_http *h, struct MHD_Connection *connection,
		      const struct wr_request *q, enum MHD_Result *rc)
{
	char key[512], accept[64];
	const char *upgrades = header(connection, MHD_HTTP_HEADER_UPGRADE);
	const char *websocket = header(connection, "Sec-WebSocket-Key");
	const char *protocol = choose_protocol(header(connection, "Sec-WebSocket-Protocol"));
	if (!h->kubelet || q->unknown)
		return false;
	if (pod_of(q->uri, "log", key)) {
		*rc = send_log(h, connection, q, key);
		return true;
	}
	if (!pod_of(q->uri, "exec", key))
		return false;
	if (!wr_store_get(&h->server->store, WR_AS_PODS, key)) {
		*rc = no_pod(connection, key);
		return true;
	}
	if (!upgrades || strcasecmp(upgrades, "websocket") != 0 || !websocket || !protocol ||
	    !accept_key(websocket, accept)) {
		*rc = refuse(connection, 400, "BadRequest",
			     "exec is spoken over WebSocket here (v5.channel.k8s.io), which "
			     "kubectl 1.31 and later do");
		return true;
	}
	struct stream *s = calloc(1, sizeof(*s));
	size_t n = strlen(q->uri) + strlen(protocol) + 3;
	if (!s || !(s->line = malloc(n))) {
		free(s);
		*rc = MHD_NO;
		return true;
	}
	snprintf(s->line, n, "%s %s\n", protocol, q->uri);
	s->h = h;
	s->kubelet = open_kubelet(h->kubelet);
	if (s->kubelet < 0) {
		stream_free(s);
		*rc = refuse(connection, 500, "InternalError",
			     "what runs the pods does not answer");
		return true;
	}
	*rc = upgrade(connection, s, protocol, accept);
	return true;
}
