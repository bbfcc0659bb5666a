/* SPDX-License-Identifier: Apache-2.0 */
/* Services and masquerade: the original source and the real destination count. */
#include <string.h>

#include "dptest.h"

#define SERVICE4 "10.96.0.1"
#define SERVICE6 "fd96::1"

static void make_services(void)
{
	nft(HOST, "table inet nat {\n"
		  "chain services {\n"
		  "ip daddr " SERVICE4 " tcp dport 80 dnat ip to " B4 ":8080\n"
		  "ip daddr " SERVICE4 " udp dport 53 dnat ip to " B4 ":53\n"
		  "ip6 daddr " SERVICE6 " tcp dport 80 dnat ip6 to [" B6 "]:8080\n"
		  "ip daddr " HOST4 " tcp dport 30080 dnat ip to " B4 ":8080\n"
		  "}\n"
		  "chain pre { type nat hook prerouting priority -100;\njump services\n}\n"
		  "chain out { type nat hook output priority -100;\njump services\n}\n"
		  "chain post { type nat hook postrouting priority 100;\n"
		  "ip saddr 10.1.0.0/24 oifname \"vx\" masquerade\n"
		  "ip saddr " B4 " ip daddr " B4 " masquerade\n"
		  "ip6 saddr " B6 " ip6 daddr " B6 " masquerade\n"
		  "}\n}\n");
}

static void test_service(void)
{
	make_services();
	apply(POLICY("in", "b", "Ingress",
		     "ingress: [{from: [" PEER(
			     "a") "], ports: [{port: 8080}, {port: 53, protocol: UDP}]}]"));
	expect_tcp(A, SERVICE4, 80, ALLOWED);
	expect_tcp(A, SERVICE6, 80, ALLOWED);
	expect_udp(A, SERVICE4, 53, ALLOWED);
	expect_tcp(C, SERVICE4, 80, DENIED);
	expect_tcp(C, SERVICE6, 80, DENIED);
	const struct weir_event *e = find_event(C4, B4, 8080);
	CHECK(e && !e->allow && e->denied_by == WEIR_INGRESS, "no event with the backend");
	CHECK(find_event(C6, B6, 8080), "no event with the IPv6 backend");
	/* the Service's port is not the backend's */
	apply(POLICY("in", "b", "Ingress", "ingress: [{ports: [{port: 80}]}]"));
	expect_tcp(A, SERVICE4, 80, DENIED);
	expect_tcp(A, B4, 80, ALLOWED);
}

static void test_service_egress(void)
{
	make_services();
	apply(POLICY("out", "a", "Egress", "egress: [{to: [" PEER("b") "], ports: [{port: 8080}]}]")
		      POLICY("out-c", "c", "Egress",
			     "egress: [{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}]"));
	expect_tcp(A, SERVICE4, 80, ALLOWED);
	/* a Service's address is not where packets go */
	expect_tcp(C, SERVICE4, 80, DENIED);
}

static void test_node_to_service(void)
{
	make_services();
	apply(DENY_INGRESS("in", "b"));
	expect_tcp(HOST, SERVICE4, 80, ALLOWED);
	expect_tcp(HOST, SERVICE6, 80, ALLOWED);
	expect_tcp(A, SERVICE4, 80, DENIED);
}

static void test_node_port(void)
{
	make_services();
	apply(POLICY("in", "b", "Ingress", "ingress: [{from: [{ipBlock: {cidr: " X4 "/32}}]}]"));
	expect_tcp(X, HOST4, 30080, ALLOWED);
	expect_tcp(A, HOST4, 30080, DENIED);
	apply(POLICY("in", "b", "Ingress",
		     "ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24, except: [" X4 "/32]}}]}]"));
	expect_tcp(X, HOST4, 30080, DENIED);
	const struct weir_event *e = find_event(X4, B4, 8080);
	CHECK(e && !e->allow, "no event");
}

static void test_masquerade(void)
{
	char seen[64] = "";
	make_services();
	apply(POLICY("out", "a", "Egress", "egress: [{to: [{ipBlock: {cidr: " X4 "/32}}]}]")
		      DENY_EGRESS("none", "c"));
	CHECK(tcp_try(A, X4, 80, ALLOWED_MS, seen) == 0, "no way out for the pod that is allowed");
	CHECK(!strcmp(seen, HOST4), "the server saw %s", seen);
	expect_udp(A, X4, 53, ALLOWED);
	expect_tcp(C, X4, 80, DENIED);
	const struct weir_event *e = find_event(C4, X4, 80);
	CHECK(e && e->denied_by == WEIR_EGRESS, "no event with the pod's own address");
}

/* A pod that reaches itself through its own Service. */
static void test_hairpin(void)
{
	make_services();
	apply(DENY_INGRESS("in", "b") DENY_EGRESS("out", "b"));
	uint64_t before = stats().counters[WEIR_C_SELF];
	expect_tcp(B, SERVICE4, 80, ALLOWED);
	expect_tcp(B, SERVICE6, 80, ALLOWED);
	EQUAL(stats().counters[WEIR_C_SELF] - before, 2);
	expect_tcp(B, A4, 80, DENIED);
	expect_tcp(A, SERVICE4, 80, DENIED);
}

const struct test tests_nat[] = {
	{"service", test_service, 0},
	{"service-egress", test_service_egress, 0},
	{"node-to-service", test_node_to_service, 0},
	{"node-port", test_node_port, 0},
	{"masquerade", test_masquerade, 0},
	{"hairpin", test_hairpin, 0},
	{NULL, NULL, 0},
};
