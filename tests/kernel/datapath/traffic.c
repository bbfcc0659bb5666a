/* SPDX-License-Identifier: Apache-2.0 */
/* Packets from and to the namespaces. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dptest.h"

struct addr addr_of(const char *ip, uint16_t port)
{
	struct addr a = {0};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
		memcpy(a.bytes, &v4, sizeof(v4));
		a.len = sizeof(v4);
		a.family = AF_INET;
	} else if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1) {
		memcpy(a.bytes, &v6, sizeof(v6));
		a.len = sizeof(v6);
		a.family = AF_INET6;
	} else {
		FAIL("no address: %s", ip);
	}
	return a;
}

uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int new_socket(enum place where, int family, int type, int proto)
{
	enum place before = go(where);
	int fd = socket(family, type | SOCK_CLOEXEC, proto);
	if (fd < 0)
		FAIL("socket: %s", strerror(errno));
	go(before);
	return fd;
}

int udp_socket(enum place where, int family, uint16_t port)
{
	int fd = new_socket(where, family, SOCK_DGRAM, 0);
	struct addr a = addr_of(family == AF_INET ? "0.0.0.0" : "::", port);
	if (port && bind(fd, (struct sockaddr *)a.bytes, a.len) < 0)
		FAIL("bind: %s", strerror(errno));
	return fd;
}

int raw_socket(enum place where, int family, int proto)
{
	return new_socket(where, family, SOCK_RAW, proto);
}

/* Waits for an answer and reads it as text. 0 or -errno. */
static int answer(int fd, int patience_ms, char text[64])
{
	char data[64];
	struct pollfd p = {fd, POLLIN, 0};
	int rc = poll(&p, 1, patience_ms);
	if (rc <= 0)
		return rc < 0 ? -errno : -ETIMEDOUT;
	ssize_t n = recv(fd, data, sizeof(data) - 1, 0);
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	data[n] = '\0';
	if (text)
		memcpy(text, data, (size_t)n + 1);
	return 0;
}

/* A connected socket, or -errno. */
static int connect_in_time(enum place from, const char *ip, uint16_t port, int patience_ms)
{
	struct addr a = addr_of(ip, port);
	int fd = new_socket(from, a.family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int rc = connect(fd, (struct sockaddr *)a.bytes, a.len) < 0 ? -errno : 0;
	if (rc == -EINPROGRESS) {
		struct pollfd p = {fd, POLLOUT, 0};
		socklen_t len = sizeof(rc);
		rc = 0;
		if (poll(&p, 1, patience_ms) <= 0)
			rc = -ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &rc, &len) == 0)
			rc = -rc;
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int tcp_try(enum place from, const char *ip, uint16_t port, int patience_ms, char text[64])
{
	struct linger reset = {1, 0};
	int fd = connect_in_time(from, ip, port, patience_ms);
	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	int rc = send(fd, "?", 1, MSG_NOSIGNAL) == 1 ? answer(fd, patience_ms, text) : -errno;
	close(fd);
	return rc;
}

int udp_try(enum place from, const char *ip, uint16_t port, size_t size, int patience_ms,
	    char text[64])
{
	static const char data[8192];
	struct addr a = addr_of(ip, port);
	int fd = udp_socket(from, a.family, 0);
	int rc = connect(fd, (struct sockaddr *)a.bytes, a.len) < 0 ? -errno : 0;
	if (!rc)
		rc = send(fd, data, size, 0) < 0 ? -errno : answer(fd, patience_ms, text);
	close(fd);
	return rc;
}

static uint16_t checksum(const void *data, size_t size, uint32_t sum)
{
	const unsigned char *b = data;
	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)(b[i] << 8 | b[i + 1]);
	if (size % 2)
		sum += (uint32_t)(b[size - 1] << 8);
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return htons((uint16_t)~sum);
}

static int await_echo(int fd, bool v4, uint16_t id, int patience_ms)
{
	static unsigned char data[8192];
	uint64_t end = now_ms() + (uint64_t)patience_ms;
	for (;;) {
		struct pollfd p = {fd, POLLIN, 0};
		int64_t left = (int64_t)(end - now_ms());
		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return -ETIMEDOUT;
		ssize_t n = recv(fd, data, sizeof(data), 0);
		size_t at = v4 ? (data[0] & 15u) * 4 : 0;
		struct icmphdr h;
		if (n < (ssize_t)(at + sizeof(h)))
			continue;
		memcpy(&h, data + at, sizeof(h));
		if (h.type == (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) && h.un.echo.id == id)
			return 0;
	}
}

int ping_try(enum place from, const char *ip, size_t size, int patience_ms)
{
	static uint16_t next_id = 100;
	static unsigned char data[8192];
	struct addr a = addr_of(ip, 0);
	bool v4 = a.family == AF_INET;
	struct icmphdr h = {.type = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST};
	h.un.echo.id = htons(next_id++);
	memcpy(data, &h, sizeof(h));
	if (v4) {
		h.checksum = checksum(data, sizeof(h) + size, 0);
		memcpy(data, &h, sizeof(h));
	}
	int fd = raw_socket(from, a.family, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	int rc = 0;
	if (sendto(fd, data, sizeof(h) + size, 0, (struct sockaddr *)a.bytes, a.len) < 0)
		rc = -errno;
	if (!rc)
		rc = await_echo(fd, v4, h.un.echo.id, patience_ms);
	close(fd);
	return rc;
}

static const char *names[PLACES] = {"node", "a", "b", "c", "outside"};

static void expect(const char *what, enum place from, const char *ip, uint16_t port, bool allowed,
		   int rc)
{
	if (allowed && rc < 0)
		FAIL("%s from %s to %s port %u: %s, expected an answer", what, names[from], ip,
		     port, strerror(-rc));
	if (!allowed && rc != -ETIMEDOUT)
		FAIL("%s from %s to %s port %u: %s, expected nothing", what, names[from], ip, port,
		     rc ? strerror(-rc) : "an answer");
}

void expect_tcp(enum place from, const char *ip, uint16_t port, bool allowed)
{
	expect("TCP", from, ip, port, allowed,
	       tcp_try(from, ip, port, allowed ? ALLOWED_MS : DENIED_MS, NULL));
}

void expect_udp(enum place from, const char *ip, uint16_t port, bool allowed)
{
	expect("UDP", from, ip, port, allowed,
	       udp_try(from, ip, port, 10, allowed ? ALLOWED_MS : DENIED_MS, NULL));
}

void expect_ping(enum place from, const char *ip, bool allowed)
{
	expect("ping", from, ip, 0, allowed,
	       ping_try(from, ip, 56, allowed ? ALLOWED_MS : DENIED_MS));
}

int tcp_open(enum place from, const char *ip, uint16_t port)
{
	int fd = connect_in_time(from, ip, port, ALLOWED_MS), one = 1;
	if (fd < 0)
		FAIL("connect to %s port %u: %s", ip, port, strerror(-fd));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int tcp_echo(int fd, int patience_ms)
{
	char text[64];
	if (send(fd, "?", 1, MSG_NOSIGNAL) != 1)
		return -errno;
	return answer(fd, patience_ms, text);
}

void send_tcp_flags(enum place from, const char *src, const char *dst, uint16_t sport,
		    uint16_t dport, uint8_t flags)
{
	struct {
		struct in_addr src, dst;
		uint16_t proto, len;
		struct tcphdr tcp;
	} packet = {.proto = htons(IPPROTO_TCP), .len = htons(sizeof(struct tcphdr))};
	struct addr a = addr_of(dst, 0);
	inet_pton(AF_INET, src, &packet.src);
	inet_pton(AF_INET, dst, &packet.dst);
	packet.tcp.source = htons(sport);
	packet.tcp.dest = htons(dport);
	packet.tcp.seq = htonl(1000);
	packet.tcp.ack_seq = htonl(2000);
	packet.tcp.doff = 5;
	packet.tcp.window = htons(1000);
	((unsigned char *)&packet.tcp)[13] = flags;
	packet.tcp.check = checksum(&packet, sizeof(packet), 0);
	int fd = raw_socket(from, AF_INET, IPPROTO_TCP);
	if (sendto(fd, &packet.tcp, sizeof(packet.tcp), 0, (struct sockaddr *)a.bytes, a.len) < 0)
		FAIL("raw send: %s", strerror(errno));
	close(fd);
}

void flush_conntrack(void)
{
	char buf[4096];
	enum place before = go(HOST);
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = 1;
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->version = NFNETLINK_V0;
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		FAIL("netlink: %s", strerror(errno));
	ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (n < 0 || mnl_cb_run(buf, (size_t)n, 1, mnl_socket_get_portid(nl), NULL, NULL) < 0)
		FAIL("flush of conntrack: %s", strerror(errno));
	mnl_socket_close(nl);
	go(before);
}
