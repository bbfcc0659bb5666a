/* SPDX-License-Identifier: Apache-2.0 */
/* Live connections when policies change. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dptest.h"

#define PUSH_PORT 9999
#define A_AND_C POLICY("in", "b", "Ingress", "ingress: [{from: [" PEER("a") ", " PEER("c") "]}]")
#define ONLY_C POLICY("in", "b", "Ingress", "ingress: [{from: [" PEER("c") "]}]")

/* Whether bytes keep coming: none within the time means no. Takes what is there first. */
static bool is_pushed(int fd)
{
	char data[4096];
	struct pollfd p = {fd, POLLIN, 0};
	usleep(50000);
	while (recv(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	return poll(&p, 1, 500) == 1 && recv(fd, data, sizeof(data), 0) > 0;
}

static int udp_open(enum place from, const char *ip, uint16_t port)
{
	struct addr a = addr_of(ip, port);
	int fd = udp_socket(from, a.family, 0);
	CHECK(!connect(fd, (struct sockaddr *)a.bytes, a.len), "connect: %s", strerror(errno));
	return fd;
}

/* Both kinds of connections of a pod that will lose its way, and one that will not. */
static void check_cut(void)
{
	apply(A_AND_C);
	int client = tcp_open(A, B4, 80), client6 = tcp_open(A, B6, 80);
	int pushed = tcp_open(A, B4, PUSH_PORT), udp = udp_open(A, B4, 53);
	int stays = tcp_open(C, B4, 80), stays_pushed = tcp_open(C, B4, PUSH_PORT);
	EQUAL(tcp_echo(client, ALLOWED_MS), 0);
	EQUAL(tcp_echo(client6, ALLOWED_MS), 0);
	EQUAL(tcp_echo(udp, ALLOWED_MS), 0);
	EQUAL(tcp_echo(stays, ALLOWED_MS), 0);
	CHECK(is_pushed(pushed) && is_pushed(stays_pushed), "nothing is pushed");
	usleep(50000);
	forget_events();
	apply(ONLY_C);
	EQUAL(tcp_echo(client, DENIED_MS), -ETIMEDOUT);
	EQUAL(tcp_echo(client6, DENIED_MS), -ETIMEDOUT);
	EQUAL(tcp_echo(udp, DENIED_MS), -ETIMEDOUT);
	CHECK(!is_pushed(pushed), "the server still pushes");
	EQUAL(tcp_echo(stays, ALLOWED_MS), 0);
	CHECK(is_pushed(stays_pushed), "an allowed connection was cut");
	const struct weir_event *e = find_event(A4, B4, 80);
	CHECK(e && e->rejudged && !e->allow && e->reason == WEIR_R_POLICY, "no event of the cut");
	CHECK(find_event(A4, B4, PUSH_PORT), "no event of the cut server");
	expect_tcp(A, B4, 80, DENIED);
	expect_tcp(C, B4, 80, ALLOWED);
}

static void test_cut(void)
{
	check_cut();
	struct wr_image_stats s = stats();
	CHECK(s.config.stricter_since != 0 && s.config.stricter_since != UINT64_MAX,
	      "timestamps are not used");
	CHECK(s.counters[WEIR_C_REJUDGED] > 0, "nothing was judged again");
	/* connections since then need no second look */
	int fd = tcp_open(C, B4, 80);
	EQUAL(tcp_echo(fd, ALLOWED_MS), 0);
	close(fd);
	int udp = udp_open(C, B4, 53);
	EQUAL(tcp_echo(udp, ALLOWED_MS), 0);
	uint64_t before = stats().counters[WEIR_C_ESTABLISHED];
	for (int i = 0; i < 50; i++)
		EQUAL(tcp_echo(udp, ALLOWED_MS), 0);
	CHECK(stats().counters[WEIR_C_ESTABLISHED] >= before + 100,
	      "a connection younger than the change is judged again");
}

static void test_cut_evaluating_every_packet(void)
{
	opts.evaluate_every = true;
	check_cut();
	CHECK(stats().config.stricter_since == UINT64_MAX, "not every packet is judged");
}

static void test_cut_egress(void)
{
	apply(POLICY("out", "a", "Egress", "egress: [{}]"));
	int client = tcp_open(A, X4, 80), pushed = tcp_open(A, X4, PUSH_PORT);
	int to_node = tcp_open(A, HOST4, 80);
	EQUAL(tcp_echo(client, ALLOWED_MS), 0);
	EQUAL(tcp_echo(to_node, ALLOWED_MS), 0);
	apply(DENY_EGRESS("out", "a"));
	EQUAL(tcp_echo(client, DENIED_MS), -ETIMEDOUT);
	EQUAL(tcp_echo(to_node, DENIED_MS), -ETIMEDOUT);
	CHECK(!is_pushed(pushed), "the server still pushes");
}

/* The first policy of all cuts what was there before it, and what the datapath never saw start. */
static void test_cut_by_first_policy(void)
{
	int unseen = tcp_open(A, B4, PUSH_PORT);
	CHECK(is_pushed(unseen), "nothing is pushed");
	open_datapath();
	int fd = tcp_open(A, B4, 80), pushed = tcp_open(A, B4, PUSH_PORT);
	EQUAL(tcp_echo(fd, ALLOWED_MS), 0);
	CHECK(is_pushed(unseen), "opening the datapath cut a connection");
	apply(DENY_INGRESS("in", "b"));
	EQUAL(tcp_echo(fd, DENIED_MS), -ETIMEDOUT);
	CHECK(!is_pushed(pushed), "the server still pushes");
	CHECK(!is_pushed(unseen), "the server still pushes to the older connection");
}

static void test_keep_established(void)
{
	opts.keep_established = true;
	apply(A_AND_C);
	int client = tcp_open(A, B4, 80), pushed = tcp_open(A, B4, PUSH_PORT);
	EQUAL(tcp_echo(client, ALLOWED_MS), 0);
	apply(ONLY_C);
	EQUAL(tcp_echo(client, ALLOWED_MS), 0);
	CHECK(is_pushed(pushed), "a live connection was cut");
	expect_tcp(A, B4, 80, DENIED);
}

/* The node's own connections to its pods go on, whatever changes. */
static void test_node_connections_stay(void)
{
	apply("");
	int client = tcp_open(HOST, B4, 80), pushed = tcp_open(HOST, B4, PUSH_PORT);
	EQUAL(tcp_echo(client, ALLOWED_MS), 0);
	apply(DENY_INGRESS("in", "b") DENY_EGRESS("out", "b"));
	EQUAL(tcp_echo(client, ALLOWED_MS), 0);
	CHECK(is_pushed(pushed), "a connection of the node was cut");
}

/* Conntrack forgets a connection and takes it up again in its middle, from either end. */
static void test_pickup_allowed(void)
{
	apply(A_AND_C);
	int client = tcp_open(A, B4, 80), pushed = tcp_open(A, B4, PUSH_PORT);
	EQUAL(tcp_echo(client, ALLOWED_MS), 0);
	flush_conntrack();
	EQUAL(tcp_echo(client, ALLOWED_MS), 0);
	CHECK(is_pushed(pushed), "an allowed connection was cut");
	apply(A_AND_C DENY_INGRESS("other", "c"));
	EQUAL(tcp_echo(client, ALLOWED_MS), 0);
	CHECK(is_pushed(pushed), "an allowed connection was cut later");
}

/* The server's packet looks like a connection from it, which nothing forbids. */
static void test_pickup_denied(void)
{
	opts.keep_established = true;
	apply(A_AND_C);
	int pushed = tcp_open(A, B4, PUSH_PORT);
	apply(ONLY_C);
	CHECK(is_pushed(pushed), "a live connection was cut");
	forget_events();
	flush_conntrack();
	CHECK(!is_pushed(pushed), "the server's packets opened the way again");
	read_events();
	bool found = false;
	for (size_t i = 0; i < events.n; i++)
		found |= events.e[i].reason == WEIR_R_PICKUP && events.e[i].sport == PUSH_PORT;
	CHECK(found, "no event");
}

/* Picked up while it was allowed, reversed; then policies get stricter. */
static void test_pickup_then_stricter(void)
{
	apply(A_AND_C);
	int pushed = tcp_open(A, B4, PUSH_PORT);
	flush_conntrack();
	CHECK(is_pushed(pushed), "an allowed connection was cut");
	forget_events();
	apply(ONLY_C);
	CHECK(!is_pushed(pushed), "the server still pushes");
	read_events();
	bool found = false;
	for (size_t i = 0; i < events.n; i++)
		found |= events.e[i].reason == WEIR_R_PICKUP && events.e[i].rejudged;
	CHECK(found, "no event");
}

const struct test tests_live[] = {
	{"cut", test_cut, 0},
	{"cut-evaluating-every-packet", test_cut_evaluating_every_packet, 0},
	{"cut-egress", test_cut_egress, 0},
	{"cut-by-first-policy", test_cut_by_first_policy, 0},
	{"keep-established", test_keep_established, 0},
	{"node-connections-stay", test_node_connections_stay, 0},
	{"pickup-allowed", test_pickup_allowed, 0},
	{"pickup-denied", test_pickup_denied, 0},
	{"pickup-then-stricter", test_pickup_then_stricter, 0},
	{NULL, NULL, 0},
};
