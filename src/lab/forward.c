/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forward: kubectl port-forward. For every connection the client opens two
 * streams with the same request's number: one for errors, then one for the
 * data, which becomes a connection to the port on the pod's own loopback, as
 * kubelets do it. So no policy is asked.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lab/internal.h"
#include "lab/client.h"
#include "lab/remote.h"

#define LINKS 128
#define CHUNK 16384
#define PENDING_MAX 65536

struct link {
	uint32_t error, data;  /* streams; error 0: free, data 0: not there yet */
	char request[24];      /* the number that joins them */
	int fd;                /* -1: not connected */
	bool ended;            /* the client has said all */
	struct wr_buf pending; /* for the pod */
};

struct forward {
	struct wr_client client;
	struct link links[LINKS];
};

static void finish(struct forward *f, struct link *l)
{
	if (l->data)
		wr_spdy_send(f->client.spdy, l->data, NULL, 0, true);
	wr_spdy_send(f->client.spdy, l->error, NULL, 0, true);
	if (l->fd >= 0)
		close(l->fd);
	wr_buf_free(&l->pending);
	*l = (struct link){.fd = -1};
}

/* ---- connections ---- */

static int dial_family(int family, uint16_t port)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(port),
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in a4 = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0              ? -1
		 : family == AF_INET ? connect(fd, (struct sockaddr *)&a4, sizeof(a4))
				     : connect(fd, (struct sockaddr *)&a6, sizeof(a6));
	if (rc < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	return fd;
}

static void dial(struct forward *f, struct link *l, uint16_t port)
{
	char text[128];
	l->fd = dial_family(AF_INET, port);
	if (l->fd == -ECONNREFUSED) {
		int v6 = dial_family(AF_INET6, port);
		l->fd = v6 >= 0 ? v6 : l->fd;
	}
	if (l->fd >= 0)
		return;
	int n = snprintf(text, sizeof(text), "failed to connect to localhost:%u in the pod: %s",
			 port, strerror(-l->fd));
	l->fd = -1;
	wr_spdy_send(f->client.spdy, l->error, text, (size_t)n, false);
	finish(f, l);
}

static void read_pod(struct forward *f, struct link *l)
{
	char data[CHUNK];
	ssize_t n = recv(l->fd, data, sizeof(data), 0);
	if (n > 0)
		wr_spdy_send(f->client.spdy, l->data, data, (size_t)n, false);
	else if (!n || (errno != EAGAIN && errno != EINTR))
		finish(f, l);
	wr_client_flush(&f->client);
}

static void write_pod(struct forward *f, struct link *l)
{
	ssize_t n = l->pending.n ? send(l->fd, l->pending.data, l->pending.n, MSG_NOSIGNAL) : 0;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		finish(f, l);
		wr_client_flush(&f->client);
		return;
	}
	if (n > 0) {
		l->pending.n -= (size_t)n;
		memmove(l->pending.data, l->pending.data + n, l->pending.n);
	}
	if (!l->pending.n && l->ended)
		(void)shutdown(l->fd, SHUT_WR);
}

/* ---- streams ---- */

static const char *value(const struct wr_spdy_header *headers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(headers[i].name, name))
			return headers[i].value;
	return "";
}

/* The link of a request; or a free one, where it is new. */
static struct link *link_of(struct forward *f, const char *request)
{
	struct link *empty = NULL;
	for (size_t i = 0; i < LINKS; i++) {
		struct link *l = &f->links[i];
		if (l->error && !strcmp(l->request, request))
			return l;
		empty = !l->error && !empty ? l : empty;
	}
	return empty;
}

static void on_opened(void *arg, uint32_t id, const struct wr_spdy_header *headers, size_t n)
{
	struct forward *f = arg;
	const char *type = value(headers, n, "streamtype"),
		   *request = value(headers, n, "requestid");
	unsigned long port = strtoul(value(headers, n, "port"), NULL, 10);
	struct link *l = strlen(request) < sizeof(l->request) ? link_of(f, request) : NULL;
	bool error = !strcmp(type, "error"), data = !strcmp(type, "data");
	bool fits = l && port && port < 65536 &&
		    ((error && !l->error) || (data && l->error && !l->data));
	if (!fits) {
		wr_spdy_reset(f->client.spdy, id, WR_SPDY_REFUSED);
		return;
	}
	wr_spdy_accept(f->client.spdy, id);
	if (error) {
		*l = (struct link){.error = id, .fd = -1};
		snprintf(l->request, sizeof(l->request), "%s", request);
		return;
	}
	l->data = id;
	dial(f, l, (uint16_t)port);
}

static struct link *by_stream(struct forward *f, uint32_t id)
{
	for (size_t i = 0; i < LINKS; i++)
		if (f->links[i].error && (f->links[i].data == id || f->links[i].error == id))
			return &f->links[i];
	return NULL;
}

static void on_bytes(void *arg, uint32_t id, const char *data, size_t n)
{
	struct forward *f = arg;
	struct link *l = by_stream(f, id);
	if (!l || l->data != id)
		return;
	wr_buf_bytes(&l->pending, data, n);
	f->client.closed |= l->pending.failed;
}

static void on_ended(void *arg, uint32_t id)
{
	struct forward *f = arg;
	struct link *l = by_stream(f, id);
	if (!l || l->data != id)
		return; /* the stream of errors is closed at once: nothing is said in it */
	l->ended = true;
	if (!l->pending.n)
		(void)shutdown(l->fd, SHUT_WR);
}

static void on_reset(void *arg, uint32_t id)
{
	struct forward *f = arg;
	struct link *l = by_stream(f, id);
	if (l)
		finish(f, l);
}

static void on_goodbye(void *arg)
{
	(void)arg;
}

static const struct wr_spdy_handlers handlers = {on_opened, on_bytes, on_ended, on_reset,
						 on_goodbye};

/* ---- the session ---- */

static void carry(struct forward *f)
{
	struct pollfd p[LINKS + 1];
	while (!f->client.closed) {
		bool full = false;
		for (size_t i = 0; i < LINKS; i++) {
			struct link *l = &f->links[i];
			full |= l->pending.n > PENDING_MAX;
			p[i] = (struct pollfd){.fd = l->fd,
					       .events = l->pending.n ? POLLIN | POLLOUT : POLLIN};
		}
		p[LINKS] = (struct pollfd){.fd = f->client.fd, .events = full ? 0 : POLLIN};
		if (poll(p, LINKS + 1, -1) < 0 && errno != EINTR)
			return;
		for (size_t i = 0; i < LINKS; i++) {
			struct link *l = &f->links[i];
			if (p[i].revents & POLLOUT)
				write_pod(f, l);
			if (p[i].revents & ~POLLOUT && l->fd == p[i].fd)
				read_pod(f, l);
		}
		if (p[LINKS].revents)
			wr_client_read(&f->client);
	}
}

static int enter(const struct wr_remote *r)
{
	char name[WR_LAB_NETNS];
	struct wr_diags *diags = wr_diags_new();
	struct wr_lab_state *s = NULL;
	const struct wr_lab_pod_alloc *p = NULL;
	int rc = diags ? wr_lab_state_load(r->lab, diags, &s) : -ENOMEM;
	if (!rc)
		p = wr_lab_find_pod_alloc(s, r->ns, r->pod);
	if (p && p->host_network)
		wr_lab_node_netns(name, s, p->node);
	else if (p)
		wr_lab_pod_netns(name, s, p->id);
	WR_CLEANUP(fd)
	int fd = p ? wr_netns_open(name) : -ENOENT;
	wr_lab_state_free(s);
	wr_diags_free(diags);
	return rc ? rc : fd < 0 ? fd : wr_netns_enter(fd);
}

void wr_forward_serve(struct wr_remote *r)
{
	struct forward *f = calloc(1, sizeof(*f));
	int rc = f ? enter(r) : -ENOMEM;
	for (size_t i = 0; f && i < LINKS; i++)
		f->links[i].fd = -1;
	if (!rc)
		rc = wr_client_open(&f->client, r->fd, r->protocol, &handlers, f);
	if (!rc)
		carry(f);
	if (!f)
		return;
	for (size_t i = 0; i < LINKS; i++)
		wr_buf_free(&f->links[i].pending);
	wr_client_close(&f->client); /* connections end with the process */
	free(f);
}
