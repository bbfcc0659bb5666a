/* SPDX-License-Identifier: Apache-2.0 */
/* What is loaded, who owns it, and what is left. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath/nft.h"
#include "dptest.h"
#include "flood.h"

#define ONLY_A POLICY("let-a", "b", "Ingress", "ingress: [{from: [" PEER("a") "]}]")

static void test_probe(void)
{
	const struct wr_feature *f;
	uint32_t n;
	int rc = wr_datapath_probe(&f, &n);
	CHECK(n >= 10, "only %u features", n);
	for (uint32_t i = 0; i < n; i++)
		CHECK(f[i].found, "%s: %s", f[i].name, f[i].error);
	EQUAL(rc, 0);
	/* nothing of it stays behind */
	enum place before = go(HOST);
	CHECK(wr_datapath_stats(pin_dir, diags, &(struct wr_image_stats){0}) == -ENOENT, "stats");
	go(before);
}

static bool exists(const char *name)
{
	char path[256];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", pin_dir, name);
	return stat(path, &st) == 0;
}

/* The kernel object of a pin: its program or map id. */
static uint32_t id_of(const char *name, bool program)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", pin_dir, name);
	int fd = bpf_obj_get(path);
	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	struct bpf_prog_info prog = {0};
	struct bpf_map_info map = {0};
	uint32_t len = program ? sizeof(prog) : sizeof(map);
	CHECK(bpf_obj_get_info_by_fd(fd, program ? (void *)&prog : (void *)&map, &len) == 0,
	      "info");
	close(fd);
	return program ? prog.id : map.id;
}

static bool is_gone(uint32_t id, bool program)
{
	for (int i = 0; i < 100; i++) {
		int fd = program ? bpf_prog_get_fd_by_id(id) : bpf_map_get_fd_by_id(id);
		if (fd < 0)
			return errno == ENOENT;
		close(fd);
		usleep(20000);
	}
	return false;
}

static bool has_nft_table(void)
{
	enum place before = go(HOST);
	struct wr_diags *ignored = wr_diags_new();
	bool found = wr_nft_run("list table inet weir\n", ignored) == 0;
	wr_diags_free(ignored);
	go(before);
	return found;
}

static void test_detach(void)
{
	EQUAL(wr_datapath_detach(pin_dir, diags), 0);
	apply(ONLY_A);
	expect_tcp(C, B4, 80, DENIED);
	CHECK(has_nft_table(), "no nft table");
	uint32_t entry = id_of("entry", true), jump = id_of("jump", false);
	uint32_t net4 = id_of("v1/net4", false);
	wr_datapath_close(dp);
	dp = NULL;
	expect_tcp(C, B4, 80, DENIED);
	CHECK(wr_datapath_detach(pin_dir, diags) == 0, "%s", diags_text());
	CHECK(access(pin_dir, F_OK) < 0, "the pin directory is still there");
	expect_tcp(C, B4, 80, ALLOWED);
	CHECK(is_gone(entry, true) && is_gone(jump, false) && is_gone(net4, false),
	      "programs or maps are still there");
	CHECK(!has_nft_table(), "the nft table is still there");
	EQUAL(wr_datapath_detach(pin_dir, diags), 0);
}

/* The process that applied dies; another takes over. */
static void test_take_over(void)
{
	int status;
	pid_t pid = spawn();
	if (pid == 0) {
		apply(ONLY_A);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "the first process failed");
	expect_tcp(C, B4, 80, DENIED);
	expect_tcp(A, B4, 80, ALLOWED);
	uint32_t entry = id_of("entry", true);
	open_datapath();
	EQUAL(wr_datapath_generation(dp), 1);
	EQUAL(id_of("entry", true), entry);
	expect_tcp(C, B4, 80, DENIED);
	/* the same again changes nothing */
	apply(ONLY_A);
	EQUAL(stats().generation, 1);
	apply("");
	EQUAL(stats().generation, 2);
	expect_tcp(C, B4, 80, ALLOWED);
}

/* Two processes take turns: each notices what the other did. */
static void test_two_processes(void)
{
	int status;
	apply(ONLY_A);
	for (int i = 0; i < 4; i++) {
		pid_t pid = spawn();
		if (pid == 0) {
			dp = NULL;
			apply(i % 2 ? ONLY_A
				    : POLICY("blocks", "b", "Ingress",
					     "ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/24, "
					     "except: [10.1.0.1/32, 10.1.0.128/25]}}]}]"));
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0, "the other process failed");
		expect_tcp(A, B4, 80, i % 2 ? ALLOWED : DENIED);
		apply(DENY_INGRESS("in", "b"));
		expect_tcp(A, B4, 80, DENIED);
		expect_tcp(C, B4, 80, DENIED);
		EQUAL(stats().prefixes, 2);
		EQUAL(stats().addresses, 12);
	}
}

/* The name of the judge's pin. */
static char *find_judge(void)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/v1", pin_dir);
	DIR *d = opendir(path);
	char *name = NULL;
	for (struct dirent *e; d && !name && (e = readdir(d));)
		if (!strncmp(e->d_name, "judge_", 6))
			name = strdup(e->d_name);
	CHECK(name, "no judge is pinned");
	closedir(d);
	return name;
}

/* Another build of weir with the same ABI: the program is replaced under traffic. */
static void test_upgrade(void)
{
	char from[512], to[512];
	apply(FLOOD_POLICIES("192.0.2.0/24"));
	char *judge = find_judge();
	snprintf(from, sizeof(from), "%s/v1/%s", pin_dir, judge);
	free(judge);
	snprintf(to, sizeof(to), "%s/v1/judge_0000000000000000", pin_dir);
	uint32_t old = id_of(from + strlen(pin_dir) + 1, true);
	CHECK(rename(from, to) == 0, "rename: %s", strerror(errno));
	wr_datapath_close(dp);
	struct flood_counts *f = start_flood();
	open_datapath();
	CHECK(!exists("v1/judge_0000000000000000"), "the old judge is still pinned");
	CHECK(id_of(from + strlen(pin_dir) + 1, true) != old, "not another judge");
	usleep(300000);
	stop_flood(f);
	CHECK(is_gone(old, true), "the old judge is still there");
	EQUAL(stats().generation, 1);
}

/* A version with another ABI: stays in force until the new maps are filled. */
static void test_other_abi(void)
{
	char from[256], to[256];
	const char *policies = FLOOD_POLICIES("192.0.2.0/24");
	apply(policies);
	snprintf(from, sizeof(from), "%s/v1", pin_dir);
	snprintf(to, sizeof(to), "%s/v999", pin_dir);
	uint32_t old = id_of("v1/net4", false);
	CHECK(rename(from, to) == 0, "rename: %s", strerror(errno));
	wr_datapath_close(dp);
	dp = NULL;
	enum place before = go(HOST);
	CHECK(wr_datapath_stats(pin_dir, diags, &(struct wr_image_stats){0}) == -ENOENT,
	      "another version's maps were read");
	go(before);
	struct flood_counts *f = start_flood();
	open_datapath();
	expect_tcp(C, B4, 80, DENIED);
	apply(policies);
	stop_flood(f);
	expect_tcp(C, B4, 80, DENIED);
	EQUAL(stats().generation, 1);
	CHECK(!exists("v999"), "the other version is still pinned");
	CHECK(is_gone(old, false), "the other version's maps are still there");
}

static void test_other_netns(void)
{
	struct wr_datapath *other;
	apply(ONLY_A);
	go(X);
	EQUAL(wr_datapath_open(&opts, diags, &other), -EBUSY);
	CHECK(strstr(diags_text(), "another network namespace"), "says: %s", diags_text());
	/* a thread that has gone elsewhere still changes its own node */
	apply("");
	expect_tcp(C, B4, 80, ALLOWED);
	apply(ONLY_A);
	expect_tcp(C, B4, 80, DENIED);
	nft(HOST, "flush ruleset");
	go(X);
	apply("");
	EQUAL(stats().conntrack_kept, 1);
}

/* Without a judge nothing passes; opening again mends it. */
static void test_no_judge(void)
{
	char path[256];
	uint32_t zero = 0;
	apply("");
	snprintf(path, sizeof(path), "%s/jump", pin_dir);
	int fd = bpf_obj_get(path);
	CHECK(fd >= 0 && bpf_map_delete_elem(fd, &zero) == 0, "%s", strerror(errno));
	expect_tcp(A, B4, 80, DENIED);
	expect_tcp(A, C6, 80, DENIED);
	wr_datapath_close(dp);
	open_datapath();
	expect_tcp(A, B4, 80, ALLOWED);
	EQUAL(stats().generation, 1);
}

static void test_no_image(void)
{
	char path[256];
	uint32_t zero = 0;
	apply("");
	snprintf(path, sizeof(path), "%s/v1/images", pin_dir);
	int fd = bpf_obj_get(path);
	CHECK(fd >= 0 && bpf_map_delete_elem(fd, &zero) == 0, "%s", strerror(errno));
	expect_tcp(A, B4, 80, DENIED);
	const struct weir_event *e = find_event(A4, B4, 80);
	CHECK(e && e->reason == WEIR_R_NO_IMAGE, "no event");
}

/* Somebody detaches a link or removes a pin: opening attaches again. */
static void test_lost_hooks(void)
{
	char path[256];
	apply(ONLY_A);
	snprintf(path, sizeof(path), "%s/link_ipv4_forward", pin_dir);
	int fd = bpf_obj_get(path);
	CHECK(fd >= 0 && bpf_link_detach(fd) == 0, "%s", strerror(errno));
	close(fd);
	snprintf(path, sizeof(path), "%s/link_ipv6_forward", pin_dir);
	CHECK(unlink(path) == 0, "unlink");
	expect_tcp(C, B4, 80, ALLOWED);
	expect_tcp(C, B6, 80, ALLOWED);
	EQUAL(stats().links, 5);
	uint32_t links;
	bool kept;
	go(HOST);
	EQUAL(wr_datapath_check(pin_dir, &links, &kept), 0);
	EQUAL(links, 5);
	EQUAL(kept, true);
	nft(HOST, "flush ruleset");
	EQUAL(wr_datapath_check(pin_dir, &links, &kept), 0);
	EQUAL(kept, false);
	/* by a process that ends: what it did not pin goes with it */
	int status;
	pid_t pid = spawn();
	if (pid == 0) {
		open_datapath();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "opening failed");
	EQUAL(stats().links, 6);
	expect_tcp(C, B4, 80, DENIED);
	expect_tcp(C, B6, 80, DENIED);
}

/* An address of the node's range that no pod has claimed is no way in or out. */
static void test_unknown_pod(void)
{
	ip_batch(HOST, "route add 10.1.0.77/32 dev vc\n");
	ip_batch(C, "addr add 10.1.0.77/32 dev eth0\n");
	apply("");
	expect_tcp(A, "10.1.0.77", 80, DENIED);
	const struct weir_event *e = find_event(A4, "10.1.0.77", 80);
	CHECK(e && !e->allow && e->reason == WEIR_R_UNKNOWN_POD, "no event");
	/* the node may try whether it is ready */
	expect_tcp(HOST, "10.1.0.77", 80, ALLOWED);
	ip_batch(C, "route replace default via 169.254.1.1 dev eth0 src 10.1.0.77\n");
	expect_tcp(C, B4, 80, DENIED);
	expect_tcp(C, HOST4, 80, DENIED);
	/* the node's own address on the pods' side is no pod */
	ip_batch(HOST, "addr add 10.1.0.254/32 dev va\n");
	expect_tcp(A, "10.1.0.254", 80, ALLOWED);
	nft(HOST, "add table inet raw\n"
		  "add chain inet raw out { type filter hook output priority -300; }\n"
		  "add rule inet raw out udp dport 81 notrack\n");
	int fd = udp_socket(HOST, AF_INET, 0);
	struct addr from = addr_of("10.1.0.254", 0), to = addr_of(A4, 81);
	CHECK(!bind(fd, (struct sockaddr *)from.bytes, from.len) &&
		      !connect(fd, (struct sockaddr *)to.bytes, to.len),
	      "bind: %s", strerror(errno));
	EQUAL(tcp_echo(fd, ALLOWED_MS), 0);
	/* inside an ipBlock, too */
	apply(POLICY("blocks", "b", "Ingress",
		     "ingress: [{from: [{ipBlock: {cidr: 10.1.0.64/26}}]}]"));
	expect_tcp(C, B4, 80, DENIED);
	wr_datapath_close(dp);
	opts.unknown_pods_allow = true;
	open_datapath();
	expect_tcp(C, B4, 80, ALLOWED);
	expect_tcp(A, "10.1.0.77", 80, ALLOWED);
	expect_tcp(A, B4, 80, DENIED);
}

static void test_event_bounds(void)
{
	opts.events_per_sec = 20;
	apply(DENY_INGRESS("in", "b"));
	forget_events();
	struct wr_image_stats before = stats();
	int fd = udp_socket(A, AF_INET, 0);
	for (int i = 0; i < 2000; i++) {
		struct addr to = addr_of(B4, (uint16_t)(10000 + i));
		CHECK(sendto(fd, "x", 1, 0, (struct sockaddr *)to.bytes, to.len) == 1, "send");
	}
	struct wr_image_stats after = stats();
	read_events();
	EQUAL(after.counters[WEIR_C_DENIED] - before.counters[WEIR_C_DENIED], 2000);
	/* two windows of a second may have begun, on every CPU */
	size_t bound = 2 * 20 * (size_t)sysconf(_SC_NPROCESSORS_CONF);
	CHECK(events.n > 0 && events.n <= bound, "%zu events", events.n);
	EQUAL(after.counters[WEIR_C_EVENTS_LIMITED] - before.counters[WEIR_C_EVENTS_LIMITED],
	      2000 - events.n);
}

static void test_event_repeats(void)
{
	apply(DENY_INGRESS("in", "b"));
	forget_events();
	int fd = udp_socket(A, AF_INET, 0);
	struct addr to = addr_of(B4, 80);
	for (int i = 0; i < 100; i++)
		CHECK(sendto(fd, "x", 1, 0, (struct sockaddr *)to.bytes, to.len) == 1, "send");
	read_events();
	EQUAL(events.n, 1);
	EQUAL(events.e[0].repeats, 0);
	usleep(1100000);
	CHECK(sendto(fd, "x", 1, 0, (struct sockaddr *)to.bytes, to.len) == 1, "send");
	read_events();
	EQUAL(events.n, 2);
	EQUAL(events.e[1].repeats, 99);
}

static void ignore_event(void *ctx, const struct weir_event *e)
{
	(void)e;
	++*(int *)ctx;
}

/* Waiting for an event ends when there is one, and only denied ones may be wanted. */
static void test_event_wait(void)
{
	int n = 0;
	opts.no_allowed_events = true;
	apply(DENY_INGRESS("in", "b"));
	expect_tcp(A, C4, 80, ALLOWED);
	EQUAL(wr_datapath_events(dp, 100, ignore_event, &n), 0);
	if (spawn() == 0) {
		usleep(200000);
		udp_try(A, B4, 80, 1, 1, NULL);
		_exit(0);
	}
	uint64_t before = now_ms();
	EQUAL(wr_datapath_events(dp, 5000, ignore_event, &n), 1);
	CHECK(now_ms() - before < 4000, "woken late");
	EQUAL(n, 1);
}

static uint32_t author_named(const struct wr_program *p, const char *text)
{
	for (uint32_t i = 0; i < wr_program_n_authors(p); i++)
		if (!strcmp(author_text(p, i), text))
			return i;
	FAIL("no author %s", text);
}

static void test_author_counts(void)
{
	uint64_t counts[64];
	const struct wr_program *p = apply(ONLY_A);
	int fd = udp_socket(C, AF_INET, 0);
	struct addr to = addr_of(B4, 80);
	for (int i = 0; i < 10; i++)
		CHECK(sendto(fd, "x", 1, 0, (struct sockaddr *)to.bytes, to.len) == 1, "send");
	for (int i = 0; i < 3; i++)
		expect_tcp(A, B4, 80, ALLOWED);
	EQUAL(wr_datapath_author_counts(pin_dir, counts, 64), 0);
	EQUAL(counts[author_named(p, "isolation t/let-a")], 10);
	EQUAL(counts[author_named(p, "rule t/let-a")], 3);
	/* a new generation counts anew */
	p = apply(ONLY_A DENY_INGRESS("c-in", "c"));
	EQUAL(wr_datapath_author_counts(pin_dir, counts, 64), 0);
	for (int i = 0; i < 64; i++)
		EQUAL(counts[i], 0);
}

static void test_apply_time(void)
{
	apply("");
	apply(ONLY_A);
	uint64_t ns = wr_datapath_apply_ns(dp);
	CHECK(ns > 0 && ns < 100000000, "%llu ns", (unsigned long long)ns);
}

const struct test tests_state[] = {
	{"probe", test_probe, 0},
	{"detach", test_detach, 0},
	{"take-over", test_take_over, 0},
	{"two-processes", test_two_processes, 0},
	{"upgrade", test_upgrade, 0},
	{"other-abi", test_other_abi, 0},
	{"other-netns", test_other_netns, 0},
	{"no-judge", test_no_judge, 0},
	{"no-image", test_no_image, 0},
	{"lost-hooks", test_lost_hooks, 0},
	{"unknown-pod", test_unknown_pod, 0},
	{"event-bounds", test_event_bounds, 0},
	{"event-repeats", test_event_repeats, 0},
	{"event-wait", test_event_wait, 0},
	{"author-counts", test_author_counts, 0},
	{"apply-time", test_apply_time, 0},
	{NULL, NULL, 0},
};
