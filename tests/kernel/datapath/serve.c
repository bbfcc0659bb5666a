/* SPDX-License-Identifier: Apache-2.0 */
/* The server of a namespace: answers everything with the address of who asks. */
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const uint16_t served[] = {53, 80, 81, 443, 5432, 7999, 8000, 8005, 8010, 8011, 8080, 0};

/* Whoever connects here gets a byte every 20 ms without asking. */
#define PUSH_PORT 9999

#define FDS 512
static struct pollfd fds[FDS];
static enum { LISTENER, PUSHER, DATAGRAM, CONNECTION, PUSHED } kinds[FDS];
static int n_fds;

static void add(int fd, int kind)
{
	if (n_fds >= FDS) {
		close(fd);
		return;
	}
	fds[n_fds] = (struct pollfd){fd, POLLIN, 0};
	kinds[n_fds++] = kind;
}

static int bound(int family, int type, uint16_t port)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	struct addr a = addr_of(family == AF_INET ? "0.0.0.0" : "::", port);
	if (fd < 0)
		FAIL("socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)a.bytes, a.len) < 0)
		FAIL("bind: %s", strerror(errno));
	if (type == SOCK_STREAM && listen(fd, 64) < 0)
		FAIL("listen: %s", strerror(errno));
	return fd;
}

static size_t peer_text(const struct sockaddr_storage *peer, char *text, size_t size)
{
	const void *ip = peer->ss_family == AF_INET
				 ? (const void *)&((const struct sockaddr_in *)peer)->sin_addr
				 : (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr;
	if (!inet_ntop(peer->ss_family, ip, text, (socklen_t)size))
		return 0;
	return strlen(text);
}

static void answer_datagram(int fd)
{
	static char data[65536];
	char text[64];
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	while (recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&peer, &len) >= 0) {
		size_t n = peer_text(&peer, text, sizeof(text));
		if (sendto(fd, text, n, 0, (struct sockaddr *)&peer, len) < 0)
			continue;
		len = sizeof(peer);
	}
}

/* False: the connection is over. */
static bool answer_connection(int fd)
{
	char data[4096], text[64];
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	ssize_t n = recv(fd, data, sizeof(data), 0);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return false;
	return send(fd, text, peer_text(&peer, text, sizeof(text)), MSG_NOSIGNAL) > 0;
}

static void serve_one(int i)
{
	if (kinds[i] == DATAGRAM) {
		answer_datagram(fds[i].fd);
	} else if (kinds[i] == LISTENER || kinds[i] == PUSHER) {
		int fd = accept4(fds[i].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			add(fd, kinds[i] == LISTENER ? CONNECTION : PUSHED);
	} else if (kinds[i] == PUSHED || !answer_connection(fds[i].fd)) {
		close(fds[i].fd);
		fds[i] = fds[--n_fds];
		kinds[i] = kinds[n_fds];
	}
}

static _Noreturn void serve(void)
{
	for (;;) {
		poll(fds, (nfds_t)n_fds, 20);
		for (int i = n_fds; i-- > 0;) {
			if (fds[i].revents)
				serve_one(i);
			else if (kinds[i] == PUSHED)
				send(fds[i].fd, "p", 1, MSG_NOSIGNAL);
		}
	}
}

void start_server(enum place where)
{
	int ready[2];
	char c;
	if (pipe(ready) < 0)
		FAIL("pipe: %s", strerror(errno));
	if (spawn() == 0) {
		go(where);
		for (const uint16_t *port = served; *port; port++) {
			add(bound(AF_INET, SOCK_STREAM, *port), LISTENER);
			add(bound(AF_INET6, SOCK_STREAM, *port), LISTENER);
			add(bound(AF_INET, SOCK_DGRAM, *port), DATAGRAM);
			add(bound(AF_INET6, SOCK_DGRAM, *port), DATAGRAM);
		}
		add(bound(AF_INET, SOCK_STREAM, PUSH_PORT), PUSHER);
		if (write(ready[1], "r", 1) == 1)
			serve();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		FAIL("a server did not start");
	close(ready[0]);
}
