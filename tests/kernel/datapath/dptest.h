/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Packet tests of the datapath. Every test runs in a process of its own, with
 * a mount namespace, a bpffs and network namespaces that have no names: when
 * the process ends, however it ends, nothing is left.
 *
 *	       node (host): 192.0.2.1, 2001:db8::1
 *	      /   |   \   \
 *	     a    b    c   x (outside): 192.0.2.2, 2001:db8::2;
 *	                      also pod r of another node: 10.2.0.1, fd02::1
 *
 * Pods a, b, c: 10.1.0.1 .. 3, fd01::1 .. 3, labels app=a .. c, namespace t.
 * The node's pod ranges are 10.1.0.0/24 and fd01::/64. Every namespace runs a
 * server that answers on TCP and UDP at the ports of SERVED with the address
 * of who asks.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "datapath/datapath.h"

#define FAIL(...) fail_test(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(cond, ...)                   \
	do {                               \
		if (!(cond))               \
			FAIL(__VA_ARGS__); \
	} while (0)
#define EQUAL(a, b)                                                     \
	do {                                                            \
		long long a_ = (long long)(a), b_ = (long long)(b);     \
		if (a_ != b_)                                           \
			FAIL("%s is %lld, %s is %lld", #a, a_, #b, b_); \
	} while (0)

_Noreturn void fail_test(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void skip_test(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct test {
	const char *name;
	void (*run)(void);
	int seconds; /* 0: 60 */
};
extern const struct test tests_verdicts[], tests_packets[], tests_nat[], tests_live[], tests_swap[],
	tests_state[], tests_moves[],
	tests_churn[], tests_follow[];

/* ---- the node and its pods ---- */

enum place { HOST, A, B, C, X, PLACES };
extern int netns[PLACES];
extern struct wr_diags *diags;

#define POD_CIDR4 "10.1.0.0/24"
#define POD_CIDR6 "fd01::/64"
#define HOST4 "192.0.2.1"
#define HOST6 "2001:db8::1"
#define X4 "192.0.2.2"
#define X6 "2001:db8::2"
#define A4 "10.1.0.1"
#define A6 "fd01::1"
#define B4 "10.1.0.2"
#define B6 "fd01::2"
#define C4 "10.1.0.3"
#define C6 "fd01::3"
#define R4 "10.2.0.1"

/* Makes namespaces, links and servers; the thread is in HOST afterwards. */
void make_node(void);
/* Enters a namespace; returns the one that the thread was in. */
enum place go(enum place where);
/* Runs lines for ip(8), and nft commands, in a namespace. */
void ip_batch(enum place where, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void nft(enum place where, const char *commands);
void write_sysctl(enum place where, const char *name, const char *value);
/* A child that dies with the test. Returns as fork(2) does. */
int spawn(void);

/* ---- the datapath ---- */

extern const char *pin_dir;
extern struct wr_datapath *dp;
extern struct wr_datapath_opts opts; /* for open_datapath(); set before it */

void open_datapath(void);
/* Compiles pods and the given policies (YAML documents), for node n1. */
struct wr_program *compile(const char *policies);
/* The same for a whole manifest. */
struct wr_program *compile_all(const char *manifest, const char *node);
extern const char cluster[]; /* the manifest of node and pods */
void apply_program(const struct wr_program *p);
/* Opens where that has not been done, compiles, applies; the program that is in force. */
const struct wr_program *apply(const char *policies);
struct wr_image_stats stats(void);
/* What is in diags, as one line. */
const char *diags_text(void);

/* A NetworkPolicy in namespace t: name, app label selected ("" for all), types, and the rest of its spec. */
#define POLICY(name, app, types, ...)                                             \
	"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"                 \
	"metadata: {name: " name ", namespace: t}\n"                              \
	"spec: {podSelector: {matchLabels: {app: " app "}}, policyTypes: [" types \
	"], " __VA_ARGS__ "}\n---\n"
#define DENY_INGRESS(name, app) POLICY(name, app, "Ingress", "ingress: []")
#define DENY_EGRESS(name, app) POLICY(name, app, "Egress", "egress: []")
#define PEER(app) "{podSelector: {matchLabels: {app: " app "}}}"

/* ---- events ---- */

struct events {
	struct weir_event e[8192];
	size_t n;
};
extern struct events events;
/* Takes what is there; events.e[] grows. */
void read_events(void);
void forget_events(void);
/* The newest event from src to dst (text) and port, or NULL. */
const struct weir_event *find_event(const char *src, const char *dst, uint16_t port);
/* Author of a denied or allowed event, in words: "isolation t/deny", "rule t/allow", "default". */
const char *author_text(const struct wr_program *p, uint32_t author);

/* ---- packets ---- */

#define ALLOWED_MS 3000 /* patience where an answer is due */
#define DENIED_MS 250   /* and where none should come */
extern const uint16_t served[];

struct addr {
	union {
		unsigned char bytes[128];
		unsigned long long align;
	};
	unsigned len;
	int family;
};
struct addr addr_of(const char *ip, uint16_t port);

uint64_t now_ms(void);

/* Sockets in a namespace, bound or not; the test ends when that fails. */
int udp_socket(enum place where, int family, uint16_t port);
int raw_socket(enum place where, int family, int proto);

/* Connects, sends, and waits for the answer, which goes to text where it is not NULL. 0 or -errno. */
int tcp_try(enum place from, const char *ip, uint16_t port, int patience_ms, char text[64]);
int udp_try(enum place from, const char *ip, uint16_t port, size_t size, int patience_ms,
	    char text[64]);
int ping_try(enum place from, const char *ip, size_t size, int patience_ms);

#define ALLOWED true
#define DENIED false
void expect_tcp(enum place from, const char *ip, uint16_t port, bool allowed);
void expect_udp(enum place from, const char *ip, uint16_t port, bool allowed);
void expect_ping(enum place from, const char *ip, bool allowed);

/* A TCP connection that stays: 0 when a byte to and fro gets through in time. */
int tcp_open(enum place from, const char *ip, uint16_t port);
int tcp_echo(int fd, int patience_ms);

/* Sends a bare TCP segment with these flags from a raw socket. */
void send_tcp_flags(enum place from, const char *src, const char *dst, uint16_t sport,
		    uint16_t dport, uint8_t flags);

/* Forgets all connections of the node. */
void flush_conntrack(void);
