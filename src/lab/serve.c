/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serve: what answers in a pod. One thread and one epoll; connections get
 * their line at once and are then listened to until the client closes them or
 * a few seconds have passed, so that no reply is lost to a reset.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lab/internal.h"

#define LOG_MAX (256 * 1024) /* bytes of a pod's log; then it begins anew */
#define LINGER 10            /* seconds */
#define CONNECTIONS 1024
#define SOCKETS 1024

enum what { LISTENER, DATAGRAMS, CONNECTION };
struct end {
	enum what what;
	int fd;
	time_t since;
};

struct server {
	const char *name;
	bool logs; /* its standard error is a file */
	int epoll;
	struct end sockets[SOCKETS];
	size_t n_sockets;
	struct end connections[CONNECTIONS]; /* fd 0: free */
	size_t n_connections;
};

static time_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static struct wr_ip ip_of(const struct sockaddr_storage *sa)
{
	struct wr_ip ip = {.family = sa->ss_family == AF_INET ? WR_IPV4 : WR_IPV6};
	if (sa->ss_family == AF_INET)
		memcpy(ip.b, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	else
		memcpy(ip.b, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
	return ip;
}

static size_t reply(const struct server *s, const struct sockaddr_storage *from, char *buf,
		    size_t size)
{
	char text[WR_IP_TEXT];
	struct wr_ip ip = ip_of(from);
	int n = snprintf(buf, size, "%s %s\n", s->name, wr_ip_format(&ip, text));
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* "2026-01-02T03:04:05.000000006Z": what the log's readers expect before every line. */
static const char *stamp(char when[40])
{
	struct timespec t;
	struct tm tm;
	char seconds[24];
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(when, 40, "%s.%09ldZ", seconds, t.tv_nsec);
	return when;
}

/* The port that somebody came to. */
static void note(const struct server *s, const char *what, int fd,
		 const struct sockaddr_storage *from)
{
	struct sockaddr_storage at = {0};
	socklen_t size = sizeof(at);
	char text[WR_IP_TEXT];
	char when[40];
	struct wr_ip ip = ip_of(from);
	if (!s->logs || getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		return;
	/* the port lies at the same place in both families */
	in_port_t port = ((const struct sockaddr_in *)&at)->sin_port;
	if (lseek(STDERR_FILENO, 0, SEEK_END) > LOG_MAX && ftruncate(STDERR_FILENO, 0) < 0)
		return;
	dprintf(STDERR_FILENO, "%s %s %u from %s\n", stamp(when), what, ntohs(port),
		wr_ip_format(&ip, text));
}

static int watch(struct server *s, struct end *e)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = e};
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, e->fd, &ev) < 0 ? -errno : 0;
}

static void hang_up(struct server *s, struct end *e)
{
	close(e->fd);
	e->fd = 0;
	s->n_connections--;
}

static void take_connection(struct server *s, int listener)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	char line[512];
	int fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	note(s, "connection to port", fd, &from);
	size_t n = reply(s, &from, line, sizeof(line));
	struct end *e = NULL;
	for (size_t i = 0; s->n_connections < CONNECTIONS && i < CONNECTIONS && !e; i++)
		if (!s->connections[i].fd)
			e = &s->connections[i];
	if (send(fd, line, n, MSG_NOSIGNAL) < 0 || !e) {
		close(fd);
		return;
	}
	shutdown(fd, SHUT_WR);
	*e = (struct end){CONNECTION, fd, now()};
	s->n_connections++;
	if (watch(s, e) < 0)
		hang_up(s, e);
}

/* Answers from the address that was asked: the outside has many. */
static void answer_datagram(struct server *s, int fd)
{
	struct sockaddr_storage from;
	char data[2048], line[512];
	union {
		char buf[256];
		struct cmsghdr align;
	} control;
	struct iovec in = {data, sizeof(data)};
	struct msghdr m = {.msg_name = &from,
			   .msg_namelen = sizeof(from),
			   .msg_iov = &in,
			   .msg_iovlen = 1,
			   .msg_control = control.buf,
			   .msg_controllen = sizeof(control.buf)};
	if (recvmsg(fd, &m, 0) < 0)
		return;
	note(s, "datagram to port", fd, &from);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		/* by address, not by the interface that it came in on */
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo *p = (struct in_pktinfo *)CMSG_DATA(c);
			p->ipi_ifindex = 0;
			p->ipi_spec_dst = p->ipi_addr;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex = 0;
		}
	}
	struct iovec out = {line, reply(s, &from, line, sizeof(line))};
	m.msg_iov = &out;
	m.msg_flags = 0;
	if (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
		return; /* the client went, or a policy stopped the answer */
}

static void drain(struct server *s, struct end *e)
{
	char data[4096];
	ssize_t n = recv(e->fd, data, sizeof(data), 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		hang_up(s, e);
}

static int open_socket(struct server *s, uint8_t proto, uint16_t port, int family)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	const struct sockaddr *sa = family == AF_INET ? (const struct sockaddr *)&a4
						      : (const struct sockaddr *)&a6;
	socklen_t size = family == AF_INET ? sizeof(a4) : sizeof(a6);
	int yes = 1, type = proto == WR_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
	if (fd < 0 || s->n_sockets >= SOCKETS) {
		int rc = fd < 0 ? -errno : -E2BIG;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (proto == WR_UDP)
		setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
			   family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO, &yes, sizeof(yes));
	struct end *e = &s->sockets[s->n_sockets];
	*e = (struct end){proto == WR_UDP ? DATAGRAMS : LISTENER, fd, 0};
	if (bind(fd, sa, size) < 0 || (proto != WR_UDP && listen(fd, 256) < 0) || watch(s, e) < 0) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	s->n_sockets++;
	return 0;
}

static int open_port(struct server *s, const char *text)
{
	char name[16];
	const char *slash = strchr(text, '/');
	snprintf(name, sizeof(name), "%.*s", (int)(slash ? slash - text : 0), text);
	int proto = wr_proto_parse(name);
	long port = slash ? strtol(slash + 1, NULL, 10) : 0;
	if (proto < 0 || !wr_proto_has_ports((uint8_t)proto) || port < 1 || port > 65535)
		return -EINVAL;
	int rc4 = open_socket(s, (uint8_t)proto, (uint16_t)port, AF_INET);
	int rc6 = open_socket(s, (uint8_t)proto, (uint16_t)port, AF_INET6);
	return rc4 && rc6 ? rc4 : 0;
}

static void sweep(struct server *s)
{
	time_t t = now();
	for (size_t i = 0; s->n_connections && i < CONNECTIONS; i++)
		if (s->connections[i].fd && t - s->connections[i].since > LINGER)
			hang_up(s, &s->connections[i]);
}

int wr_lab_serve(const char *name, const char *const *ports, size_t n)
{
	static struct server s;
	int rc = 0;
	s = (struct server){.name = name, .epoll = epoll_create1(EPOLL_CLOEXEC)};
	if (s.epoll < 0)
		return -errno;
	struct stat st;
	s.logs = fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode);
	for (size_t i = 0; i < n; i++) {
		int r = open_port(&s, ports[i]);
		rc = rc ? rc : r;
	}
	if (!s.n_sockets)
		return rc ? rc : -EINVAL;
	/* whoever started this waits for its output to end: all ports are open now */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDOUT_FILENO);
	for (;;) {
		struct epoll_event ev[64];
		int k = epoll_wait(s.epoll, ev, 64, s.n_connections ? 1000 : -1);
		if (k < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < k; i++) {
			struct end *e = ev[i].data.ptr;
			if (e->what == LISTENER)
				take_connection(&s, e->fd);
			else if (e->what == DATAGRAMS)
				answer_datagram(&s, e->fd);
			else if (e->fd)
				drain(&s, e);
		}
		sweep(&s);
	}
}
