/* SPDX-License-Identifier: Apache-2.0 */
/* Allowed and denied, by protocol, family, port, direction. */
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dptest.h"

static void test_nothing_applied(void)
{
	open_datapath();
	EQUAL(stats().generation, 0);
	EQUAL(stats().links, 6);
	expect_tcp(A, B4, 80, ALLOWED);
	expect_tcp(A, B6, 80, ALLOWED);
	expect_tcp(HOST, B4, 80, ALLOWED);
	expect_udp(A, X4, 53, ALLOWED);
	expect_ping(A, B4, ALLOWED);
}

static void test_thin_line(void)
{
	const struct wr_program *p = apply(DENY_INGRESS("deny", "b") POLICY(
		"let-a", "b", "Ingress", "ingress: [{from: [" PEER("a") "]}]"));
	EQUAL(stats().generation, 1);
	expect_tcp(C, B4, 80, DENIED);
	const struct weir_event *e = find_event(C4, B4, 80);
	CHECK(e, "no event");
	CHECK(!e->allow && e->reason == WEIR_R_POLICY && e->denied_by == WEIR_INGRESS,
	      "allow %u reason %u", e->allow, e->reason);
	CHECK(!strcmp(author_text(p, e->author[WEIR_INGRESS]), "isolation t/deny"), "author %s",
	      author_text(p, e->author[WEIR_INGRESS]));
	EQUAL(e->generation, 1);
	EQUAL(e->proto, 6);
	expect_tcp(A, B4, 80, ALLOWED);
	e = find_event(A4, B4, 80);
	CHECK(e && e->allow, "no event for the allowed connection");
	CHECK(!strcmp(author_text(p, e->author[WEIR_INGRESS]), "rule t/let-a"), "author %s",
	      author_text(p, e->author[WEIR_INGRESS]));
}

static void expect_all(enum place from, const char *ip4, const char *ip6, bool allowed)
{
	const char *ips[] = {ip4, ip6};
	for (int i = 0; i < 2; i++) {
		expect_tcp(from, ips[i], 80, allowed);
		expect_udp(from, ips[i], 80, allowed);
		expect_ping(from, ips[i], allowed);
	}
}

static void test_ingress_every_protocol(void)
{
	apply(POLICY("let-a", "b", "Ingress", "ingress: [{from: [" PEER("a") "]}]"));
	expect_all(A, B4, B6, ALLOWED);
	expect_all(C, B4, B6, DENIED);
	expect_all(X, B4, B6, DENIED);
	expect_all(B, A4, A6, ALLOWED);
	expect_all(B, X4, X6, ALLOWED);
	struct wr_image_stats s = stats();
	CHECK(s.counters[WEIR_C_DENIED] >= 12, "denied %llu",
	      (unsigned long long)s.counters[WEIR_C_DENIED]);
	CHECK(s.counters[WEIR_C_ALLOWED] >= 6 && s.counters[WEIR_C_UNRESTRICTED] >= 6 &&
		      s.counters[WEIR_C_ESTABLISHED] > 0,
	      "counters");
}

static void test_egress_every_protocol(void)
{
	apply(POLICY("to-b", "a", "Egress", "egress: [{to: [" PEER("b") "]}]"));
	expect_all(A, B4, B6, ALLOWED);
	expect_all(A, C4, C6, DENIED);
	expect_all(A, X4, X6, DENIED);
	expect_all(C, A4, A6, ALLOWED);
	expect_all(X, A4, A6, ALLOWED);
	const struct weir_event *e = find_event(A4, X4, 80);
	CHECK(e && e->denied_by == WEIR_EGRESS, "no event, or not of egress");
}

static void test_both_must_allow(void)
{
	apply(POLICY("to-b", "a", "Egress", "egress: [{to: [" PEER("b") "," PEER("c") "]}]")
		      DENY_INGRESS("closed", "b"));
	expect_tcp(A, B4, 80, DENIED);
	expect_tcp(A, C4, 80, ALLOWED);
	const struct weir_event *e = find_event(A4, B4, 80);
	CHECK(e && e->denied_by == WEIR_INGRESS, "no event, or not of ingress");
}

static void test_ports(void)
{
	apply(POLICY("ports", "b", "Ingress",
		     "ingress: [{ports: [{port: 80}, {port: 8000, endPort: 8010}, "
		     "{port: 53, protocol: UDP}]}]"));
	static const struct {
		uint16_t port;
		bool tcp, udp;
	} cases[] = {{80, true, false},    {81, false, false},   {53, false, true},
		     {7999, false, false}, {8000, true, false},  {8005, true, false},
		     {8010, true, false},  {8011, false, false}, {443, false, false}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		expect_tcp(A, B4, cases[i].port, cases[i].tcp);
		expect_udp(A, B6, cases[i].port, cases[i].udp);
	}
	/* what has no ports matches no rule that has some */
	expect_ping(A, B4, DENIED);
	expect_ping(A, B6, DENIED);
}

static void test_named_port(void)
{
	apply(POLICY("web", "b", "Ingress", "ingress: [{ports: [{port: web}]}]"));
	expect_tcp(A, B4, 80, ALLOWED);
	expect_tcp(A, B4, 81, DENIED);
	expect_udp(A, B4, 80, DENIED);
}

/* Prefixes inside prefixes, pods inside prefixes. */
static void test_ip_blocks(void)
{
	apply(POLICY("in", "b", "Ingress",
		     "ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/29, except: [10.1.0.1/32]}}, "
		     "{ipBlock: {cidr: 'fd01::/64', except: ['fd01::1/128']}}]}]")
		      POLICY("out", "c", "Egress",
			     "egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: "
			     "[192.0.2.0/24]}}]},"
			     "{to: [{ipBlock: {cidr: 192.0.2.2/32}}], ports: [{port: 443}]}]"));
	expect_tcp(A, B4, 80, DENIED);
	expect_tcp(C, B4, 80, ALLOWED);
	expect_tcp(A, B6, 80, DENIED);
	expect_tcp(X, B4, 80, DENIED);
	expect_tcp(C, A4, 80, ALLOWED);
	expect_tcp(C, X4, 80, DENIED);
	expect_tcp(C, X4, 443, ALLOWED);
	expect_tcp(C, R4, 80, ALLOWED);
	expect_tcp(C, HOST4, 80, DENIED);
	/* 0.0.0.0/0 is no IPv6 */
	expect_tcp(C, X6, 80, DENIED);
	expect_tcp(C, B6, 80, DENIED);
}

/* The node reaches its own pods whatever policies say; a pod's egress is judged at the node, too. */
static void test_node(void)
{
	apply(DENY_INGRESS("in", "b") DENY_EGRESS("out", "a"));
	expect_all(HOST, B4, B6, ALLOWED);
	expect_all(HOST, A4, A6, ALLOWED);
	expect_all(A, HOST4, HOST6, DENIED);
	expect_all(B, HOST4, HOST6, ALLOWED);
	CHECK(stats().counters[WEIR_C_NODE] >= 12, "the node's packets are not counted");
	expect_tcp(HOST, X4, 80, ALLOWED);
	expect_tcp(X, HOST4, 80, ALLOWED);
}

/* A pod of another node: judged by its labels, guarded by its own node. */
static void test_remote_pod(void)
{
	apply(POLICY("let-r", "b", "Ingress", "ingress: [{from: [" PEER("r") "]}]")
		      DENY_INGRESS("closed", "r"));
	int fd = udp_socket(X, 2, 0);
	struct addr from = addr_of(R4, 4444), to = addr_of(B4, 80);
	enum place before = go(X);
	char c;
	CHECK(!bind(fd, (struct sockaddr *)from.bytes, from.len), "bind");
	CHECK(!connect(fd, (struct sockaddr *)to.bytes, to.len), "connect");
	CHECK(send(fd, "?", 1, 0) == 1, "send");
	struct pollfd p = {fd, POLLIN, 0};
	CHECK(poll(&p, 1, ALLOWED_MS) == 1 && recv(fd, &c, 1, 0) == 1, "no answer from b to r");
	go(before);
	close(fd);
	expect_tcp(X, B4, 80, DENIED);
	expect_tcp(A, R4, 80, ALLOWED);
}

static void send_sctp_init(enum place from, const char *dst, uint16_t port)
{
	/* common header with CRC32c, INIT chunk */
	unsigned char b[32] = {0x15, 0xb3, (unsigned char)(port >> 8), (unsigned char)port};
	static const unsigned char init[20] = {1, 0, 0, 20, 0, 0, 0x12, 0x34, 0, 1,
					       0, 0, 0, 1,  0, 1, 0,    0,    0, 1};
	uint32_t crc = 0xffffffff;
	memcpy(b + 12, init, sizeof(init));
	for (size_t i = 0; i < sizeof(b); i++) {
		crc ^= b[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	crc = ~crc;
	memcpy(b + 8, &crc, 4);
	struct addr a = addr_of(dst, 0);
	int fd = raw_socket(from, AF_INET, 132);
	CHECK(sendto(fd, b, sizeof(b), 0, (struct sockaddr *)a.bytes, a.len) == sizeof(b), "send");
	close(fd);
}

/* The kernel need not speak SCTP for its packets to be judged. */
static void test_sctp(void)
{
	apply(POLICY("sctp", "b", "Ingress", "ingress: [{ports: [{port: 80, protocol: SCTP}]}]"));
	int rx = raw_socket(B, AF_INET, 132);
	struct pollfd p = {rx, POLLIN, 0};
	unsigned char data[256];
	send_sctp_init(A, B4, 81);
	CHECK(poll(&p, 1, DENIED_MS) == 0, "a denied port was reached");
	send_sctp_init(A, B4, 80);
	CHECK(poll(&p, 1, ALLOWED_MS) == 1 && recv(rx, data, sizeof(data), 0) > 32 &&
		      data[23] == 80,
	      "an allowed port was not reached");
	expect_tcp(A, B4, 80, DENIED);
	expect_udp(A, B4, 80, DENIED);
	const struct weir_event *e = find_event(A4, B4, 81);
	CHECK(e && e->proto == 132 && !e->allow, "no event");
}

/* Every pair, protocol and port: the maps read back say what the engine says. */
static void test_read_back(void)
{
	const struct wr_program *p = apply(
		POLICY("in", "b", "Ingress",
		       "ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/29, except: "
		       "[10.1.0.1/32]}}, " PEER("r") "], ports: [{port: 80}, {port: 8000, endPort: "
						     "8010}, {port: 5, protocol: SCTP}]}, "
						     "{from: [" PEER("a") "]}]")
			POLICY("out", "a", "Egress",
			       "egress: [{to: [" PEER(
				       "b") "], ports: [{port: web}]}, "
					    "{to: [{ipBlock: {cidr: '2001:db8::/32'}}, {ipBlock: "
					    "{cidr: 8.8.8.0/24}}]}]")
				POLICY("both", "c", "Ingress, Egress",
				       "egress: [{}], ingress: [{ports: [{port: 443}]}]"));
	static const char *const ips[] = {
		A4,    B4,       C4,    R4,    A6,        B6,        C6,
		X4,    X6,       HOST4, HOST6, "8.8.8.8", "8.8.9.8", "255.255.255.255",
		"::1", "0.0.0.0"};
	static const struct {
		uint8_t proto;
		uint16_t port;
	} flows[] = {{6, 80},  {6, 79},    {6, 81},  {6, 8000}, {6, 8010}, {6, 8011},
		     {6, 443}, {6, 65535}, {6, 0},   {17, 80},  {17, 53},  {1, 0},
		     {58, 0},  {132, 5},   {132, 6}, {47, 0},   {255, 0}};
	const size_t n = sizeof(ips) / sizeof(*ips);
	struct wr_image *img;
	CHECK(wr_image_read(pin_dir, diags, &img) == 0, "%s", diags_text());
	for (size_t i = 0; i < n * n * sizeof(flows) / sizeof(*flows); i++) {
		struct wr_ip s, d;
		struct wr_side src, dst;
		struct wr_verdict want, got;
		const char *from = ips[i % n], *to = ips[i / n % n];
		uint8_t proto = flows[i / n / n].proto;
		uint16_t port = flows[i / n / n].port;
		CHECK(!wr_ip_parse(from, &s) && !wr_ip_parse(to, &d), "address");
		if (s.family != d.family || wr_ip_equal(&s, &d))
			continue;
		wr_side_ip(p, &s, &src);
		wr_side_ip(p, &d, &dst);
		wr_evaluate(p, &src, &dst, proto, port, &want);
		wr_image_evaluate(img, &s, &d, proto, port, &got);
		CHECK(!memcmp(&want, &got, sizeof(want)) ||
			      (want.allow == got.allow && want.dir[0].allow == got.dir[0].allow &&
			       want.dir[1].allow == got.dir[1].allow &&
			       want.dir[0].author == got.dir[0].author &&
			       want.dir[1].author == got.dir[1].author),
		      "%s to %s proto %u port %u: engine %d/%d by %u/%u, image %d/%d by %u/%u",
		      from, to, proto, port, want.dir[0].allow, want.dir[1].allow,
		      want.dir[0].author, want.dir[1].author, got.dir[0].allow, got.dir[1].allow,
		      got.dir[0].author, got.dir[1].author);
	}
	wr_image_free(img);
}

const struct test tests_verdicts[] = {
	{"nothing-applied", test_nothing_applied, 0},
	{"thin-line", test_thin_line, 0},
	{"ingress-every-protocol", test_ingress_every_protocol, 0},
	{"egress-every-protocol", test_egress_every_protocol, 0},
	{"both-must-allow", test_both_must_allow, 0},
	{"ports", test_ports, 0},
	{"named-port", test_named_port, 0},
	{"ip-blocks", test_ip_blocks, 0},
	{"node", test_node, 0},
	{"remote-pod", test_remote_pod, 0},
	{"sctp", test_sctp, 0},
	{"read-back", test_read_back, 0},
	{NULL, NULL, 0},
};
