/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that are not the plain first one of a connection. */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dptest.h"

#define ONLY_A POLICY("let-a", "b", "Ingress", "ingress: [{from: [" PEER("a") "]}]")

static void test_fragments(void)
{
	apply(ONLY_A);
	static const char *const ips[] = {B4, B6};
	for (int i = 0; i < 2; i++) {
		int rc = udp_try(A, ips[i], 80, 3000, ALLOWED_MS, NULL);
		CHECK(rc == 0, "allowed fragments to %s: %s", ips[i], strerror(-rc));
		rc = udp_try(C, ips[i], 80, 3000, DENIED_MS, NULL);
		CHECK(rc == -ETIMEDOUT, "denied fragments to %s: %s", ips[i], strerror(-rc));
		CHECK(ping_try(A, ips[i], 2800, ALLOWED_MS) == 0, "allowed echo to %s", ips[i]);
		CHECK(ping_try(C, ips[i], 2800, DENIED_MS) == -ETIMEDOUT, "denied echo to %s",
		      ips[i]);
	}
	const struct weir_event *e = find_event(C4, B4, 80);
	CHECK(e && e->proto == IPPROTO_UDP && e->reason == WEIR_R_POLICY, "no event of the policy");
}

/* An error belongs to the connection that it is about, whatever the sender's own policies. */
static void test_port_unreachable(void)
{
	apply(ONLY_A DENY_EGRESS("b-out", "b") DENY_INGRESS("a-in", "a"));
	static const char *const ips[] = {B4, B6};
	for (int i = 0; i < 2; i++) {
		int rc = udp_try(A, ips[i], 4000, 10, ALLOWED_MS, NULL);
		CHECK(rc == -ECONNREFUSED, "to %s: %s", ips[i], strerror(-rc));
	}
	expect_udp(C, B4, 4000, DENIED);
}

/* The second datagram that is too large for the way gets the error that the first one caused. */
static int send_too_large(const char *ip)
{
	static const char data[1400];
	struct addr to = addr_of(ip, 80);
	int fd = udp_socket(A, to.family, 0), want = IP_PMTUDISC_DO, rc = 0;
	if (to.family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &want, sizeof(want));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &want, sizeof(want));
	CHECK(!connect(fd, (struct sockaddr *)to.bytes, to.len), "connect");
	for (int i = 0; i < 20 && !rc; i++) {
		rc = send(fd, data, sizeof(data), 0) < 0 ? -errno : 0;
		usleep(20000);
	}
	close(fd);
	return rc;
}

static void test_fragmentation_needed(void)
{
	ip_batch(HOST, "link set vx mtu 1300\n");
	apply(DENY_INGRESS("a-in", "a") POLICY("a-out", "a", "Egress",
					       "egress: [{ports: [{port: 80, protocol: UDP}]}]"));
	EQUAL(send_too_large(X4), -EMSGSIZE);
	EQUAL(send_too_large(X6), -EMSGSIZE);
}

/* Segments that arrive at a raw TCP socket with this port; 0 when none does in time. */
static int arrived(int fd, uint16_t dport, int patience_ms)
{
	unsigned char data[256];
	int n = 0;
	struct pollfd p = {fd, POLLIN, 0};
	while (poll(&p, 1, patience_ms) > 0) {
		ssize_t got = recv(fd, data, sizeof(data), 0);
		size_t at = (data[0] & 15u) * 4;
		if (got >= (ssize_t)at + 20 && (data[at + 2] << 8 | data[at + 3]) == dport) {
			n++;
			patience_ms = 20;
		}
	}
	return n;
}

#define XMAS 0x29

static void test_invalid(void)
{
	apply(ONLY_A DENY_EGRESS("b-out", "b"));
	int at_b = raw_socket(B, AF_INET, IPPROTO_TCP), at_c = raw_socket(C, AF_INET, IPPROTO_TCP);
	struct wr_image_stats before = stats();
	/* even from a pod that is allowed: there is nothing to judge it by */
	send_tcp_flags(A, A4, B4, 4321, 80, XMAS);
	send_tcp_flags(C, C4, B4, 4322, 80, XMAS);
	EQUAL(arrived(at_b, 80, DENIED_MS), 0);
	const struct weir_event *e = find_event(C4, B4, 80);
	CHECK(e && !e->allow && e->reason == WEIR_R_INVALID && e->proto == IPPROTO_TCP &&
		      e->sport == 4322,
	      "no event");
	/* no isolated pod is involved */
	send_tcp_flags(A, A4, C4, 4323, 80, XMAS);
	EQUAL(arrived(at_c, 80, ALLOWED_MS), 1);
	/* out of an isolated pod */
	send_tcp_flags(B, B4, C4, 4324, 80, XMAS);
	EQUAL(arrived(at_c, 80, DENIED_MS), 0);
	struct wr_image_stats after = stats();
	EQUAL(after.counters[WEIR_C_NO_CT_DROP] - before.counters[WEIR_C_NO_CT_DROP], 3);
	EQUAL(after.counters[WEIR_C_NO_CT_PASS] - before.counters[WEIR_C_NO_CT_PASS], 1);
}

/* Without conntrack, what looks like ESTABLISHED is no reason to let it in. */
static void test_conntrack_off(void)
{
	apply(ONLY_A);
	nft(HOST, "flush ruleset");
	EQUAL(stats().conntrack_kept, 0);
	expect_tcp(C, B4, 80, DENIED);
	expect_udp(C, B6, 80, DENIED);
	expect_tcp(A, C4, 80, ALLOWED);
	apply(ONLY_A);
	EQUAL(stats().conntrack_kept, 1);
	expect_tcp(C, B4, 80, DENIED);
	expect_tcp(A, B4, 80, ALLOWED);
}

static void test_untracked(void)
{
	apply(ONLY_A);
	nft(HOST, "add table inet raw\n"
		  "add chain inet raw pre { type filter hook prerouting priority -300; }\n"
		  "add rule inet raw pre udp dport 80 notrack\n");
	static const char *const to_b[] = {B4, B6}, *const to_c[] = {C4, C6};
	for (int i = 0; i < 2; i++) {
		expect_udp(C, to_b[i], 80, DENIED);
		expect_udp(A, to_b[i], 80, DENIED);
		expect_udp(A, to_c[i], 80, ALLOWED);
	}
	expect_udp(A, B4, 81, ALLOWED);
	expect_tcp(A, B6, 80, ALLOWED);
	const struct weir_event *e = find_event(A4, B4, 80);
	CHECK(e && !e->allow && e->reason == WEIR_R_UNTRACKED && e->proto == IPPROTO_UDP,
	      "no event");
}

static const char closed[] = DENY_INGRESS("b-in", "b") DENY_EGRESS("b-out", "b")
	DENY_INGRESS("c-in", "c");

static void test_neighbour_discovery(void)
{
	apply(closed);
	ip_batch(HOST, "neigh flush dev vb\n");
	ip_batch(B, "neigh flush dev eth0\n");
	uint64_t before = stats().counters[WEIR_C_NEIGHBOUR];
	expect_ping(HOST, B6, ALLOWED);
	CHECK(stats().counters[WEIR_C_NEIGHBOUR] > before, "no packet was counted");
	expect_ping(A, B6, DENIED);
}

static bool solicitation_arrives(const char *dst, enum place at, int patience_ms)
{
	unsigned char msg[24] = {ND_NEIGHBOR_SOLICIT}, data[256];
	struct addr to = addr_of(dst, 0);
	int hops = 255, tx = raw_socket(A, AF_INET6, IPPROTO_ICMPV6);
	int rx = raw_socket(at, AF_INET6, IPPROTO_ICMPV6);
	struct addr a6 = addr_of(A6, 0);
	memcpy(msg + 8, to.bytes + 8, 16);
	setsockopt(tx, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops));
	CHECK(sendto(tx, msg, sizeof(msg), 0, (struct sockaddr *)to.bytes, to.len) == sizeof(msg),
	      "send: %s", strerror(errno));
	bool found = false;
	uint64_t end = now_ms() + (uint64_t)patience_ms;
	while (!found && now_ms() < end) {
		struct sockaddr_in6 from;
		socklen_t len = sizeof(from);
		struct pollfd p = {rx, POLLIN, 0};
		if (poll(&p, 1, (int)(end - now_ms())) <= 0)
			break;
		ssize_t n = recvfrom(rx, data, sizeof(data), 0, (struct sockaddr *)&from, &len);
		found = n > 0 && data[0] == ND_NEIGHBOR_SOLICIT &&
			!memcmp(&from.sin6_addr, a6.bytes + 8, 16);
	}
	close(tx);
	close(rx);
	return found;
}

/* A solicitation that was routed is none: not a way to an isolated pod. */
static void test_forged_neighbour_discovery(void)
{
	apply(DENY_INGRESS("c-in", "c"));
	CHECK(solicitation_arrives(B6, B, ALLOWED_MS), "does not arrive where nothing forbids it");
	CHECK(!solicitation_arrives(C6, C, DENIED_MS), "arrives at an isolated pod");
}

static bool is_expecting(void)
{
	char line[256] = "";
	enum place before = go(HOST);
	FILE *f = fopen("/proc/thread-self/net/nf_conntrack_expect", "re");
	if (!f)
		skip_test("no list of expected connections in /proc");
	bool found = fgets(line, sizeof(line), f) != NULL;
	fclose(f);
	go(before);
	return found;
}

/*
 * FTP: the client announces a port, conntrack's helper expects a connection
 * from the server there and calls it RELATED. It is a new connection all the same.
 */
static void say(int fd, const char *line)
{
	char data[64];
	struct pollfd p = {fd, POLLIN, 0};
	size_t n = strlen(line);
	CHECK(send(fd, line, n, 0) == (ssize_t)n, "send: %s", strerror(errno));
	CHECK(poll(&p, 1, ALLOWED_MS) == 1 && recv(fd, data, sizeof(data), 0) > 0, "no answer");
}

static int expected_connection(uint16_t port)
{
	char line[64];
	int fd = tcp_open(A, B4, 5432);
	snprintf(line, sizeof(line), "PORT 10,1,0,1,%d,%d\r\n", port >> 8, port & 255);
	say(fd,
	    "USER x\r\n"); /* the helper reads a line only after it has seen the end of another */
	say(fd, line);
	CHECK(is_expecting(), "the helper expects nothing");
	int rc = tcp_try(B, A4, port, DENIED_MS * 2, NULL);
	close(fd);
	return rc;
}

static void test_expected_connection(void)
{
	apply("");
	nft(HOST, "table ip helped {\n"
		  "ct helper ftp { type \"ftp\" protocol tcp; }\n"
		  "chain pre { type filter hook prerouting priority 0;\n"
		  "tcp dport 5432 ct helper set \"ftp\"\n}\n}\n");
	EQUAL(expected_connection(8080), 0);
	apply(DENY_EGRESS("b-out", "b"));
	EQUAL(expected_connection(8000), -ETIMEDOUT);
	const struct weir_event *e = find_event(B4, A4, 8000);
	CHECK(e && !e->allow && !e->rejudged && e->denied_by == WEIR_EGRESS, "no event");
}

/* Pods on one bridge: seen where bridge traffic goes through the IP hooks. */
static void test_bridge(void)
{
	enum place before = go(HOST);
	if (access("/proc/sys/net/bridge/bridge-nf-call-iptables", W_OK) < 0)
		skip_test("no br_netfilter");
	go(before);
	ip_batch(HOST, "link add br0 type bridge\nlink set br0 up\n"
		       "addr flush dev va\naddr flush dev vb\n"
		       "route flush dev va\nroute flush dev vb\n"
		       "link set va master br0\nlink set vb master br0\n"
		       "addr add 10.1.0.254/24 dev br0\n");
	ip_batch(A, "addr add 10.1.0.1/24 dev eth0\n");
	ip_batch(B, "addr add 10.1.0.2/24 dev eth0\n");
	write_sysctl(HOST, "bridge/bridge-nf-call-iptables", "1");
	write_sysctl(HOST, "bridge/bridge-nf-call-ip6tables", "1");
	apply("");
	expect_tcp(A, B4, 80, ALLOWED);
	apply(POLICY("web", "b", "Ingress", "ingress: [{ports: [{port: 80}]}]"));
	expect_tcp(A, B4, 80, ALLOWED);
	expect_tcp(A, B4, 81, DENIED);
}

const struct test tests_packets[] = {
	{"fragments", test_fragments, 0},
	{"port-unreachable", test_port_unreachable, 0},
	{"fragmentation-needed", test_fragmentation_needed, 0},
	{"invalid", test_invalid, 0},
	{"conntrack-off", test_conntrack_off, 0},
	{"untracked", test_untracked, 0},
	{"neighbour-discovery", test_neighbour_discovery, 0},
	{"forged-neighbour-discovery", test_forged_neighbour_discovery, 0},
	{"expected-connection", test_expected_connection, 0},
	{"bridge", test_bridge, 0},
	{NULL, NULL, 0},
};
