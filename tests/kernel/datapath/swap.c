/* SPDX-License-Identifier: Apache-2.0 */
/* Generations changing under traffic: nothing leaks, nothing is lost. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dptest.h"
#include "flood.h"

/* Other classes, rows, prefixes in and around the addresses that send. */
#define OTHERS                                                                                \
	POLICY("blocks", "r", "Ingress, Egress",                                              \
	       "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/30]}}]}], "  \
	       "egress: [{to: [{ipBlock: {cidr: 10.1.0.1/32}}, {ipBlock: {cidr: "             \
	       "192.0.2.0/24}}]}]")                                                           \
	POLICY("c-in", "c", "Ingress", "ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/28}}]}]") \
	POLICY("a-in", "a", "Ingress", "ingress: [{from: [" PEER("b") "]}]")

/* The cluster without pod c: its address is then one that no pod has claimed. */
static const char *without_c(const char *policies)
{
	char *text = strdup(cluster), *all;
	char *from = strstr(text, "apiVersion: v1\nkind: Pod\nmetadata: {name: c,");
	CHECK(from, "no pod c");
	char *to = strstr(from, "---\n") + 4;
	memmove(from, to, strlen(to) + 1);
	CHECK(asprintf(&all, "%s%s", text, policies) > 0, "out of memory");
	free(text);
	return all;
}

struct wr_program *flood_program(unsigned i)
{
	switch (i) {
	case 0:
		return compile(FLOOD_POLICIES("0.0.0.0/0"));
	case 1:
		return compile(FLOOD_POLICIES("192.0.2.0/24") OTHERS);
	case 2:
		return compile_all(without_c(FLOOD_POLICIES("192.0.2.2/32") OTHERS), "n1");
	default:
		return compile_all(without_c(FLOOD_POLICIES("192.0.2.0/30")), "n1");
	}
}

#define N_PROGRAMS FLOOD_PROGRAMS
static struct wr_program *programs[N_PROGRAMS];

static void make_programs(void)
{
	for (unsigned i = 0; i < N_PROGRAMS; i++)
		programs[i] = flood_program(i);
}

static void test_swap_under_load(void)
{
	make_programs();
	open_datapath();
	apply_program(programs[0]);
	struct flood_counts *f = start_flood();
	uint64_t end = now_ms() + 3000;
	int n = 0;
	for (; now_ms() < end; n++)
		apply_program(programs[n % N_PROGRAMS]);
	stop_flood(f);
	CHECK(n >= 20, "only %d swaps", n);
}

static void check_read_back(const struct wr_program *p)
{
	static const char *const ips[] = {A4, B4, C4, R4, X4, HOST4, A6, B6};
	struct wr_image *img;
	CHECK(wr_image_read(pin_dir, diags, &img) == 0, "%s", diags_text());
	for (int i = 0; i < 64; i++) {
		struct wr_ip s, d;
		struct wr_side src, dst;
		struct wr_verdict want, got;
		CHECK(!wr_ip_parse(ips[i % 8], &s) && !wr_ip_parse(ips[i / 8], &d), "address");
		if (s.family != d.family)
			continue;
		wr_side_ip(p, &s, &src);
		wr_side_ip(p, &d, &dst);
		wr_evaluate(p, &src, &dst, 6, 80, &want);
		wr_image_evaluate(img, &s, &d, 6, 80, &got);
		CHECK(want.allow == got.allow, "%s to %s: engine %d, image %d", ips[i % 8],
		      ips[i / 8], want.allow, got.allow);
	}
	wr_image_free(img);
}

/* A process that applies is killed again and again, wherever it happens to be. */
static void test_kill(void)
{
	int generations = 0, status;
	make_programs();
	open_datapath();
	apply_program(programs[0]);
	uint32_t last = stats().generation;
	struct flood_counts *f = start_flood();
	srand(1);
	for (int round = 0; round < 40; round++) {
		pid_t pid = spawn();
		if (pid == 0) {
			struct wr_datapath *mine;
			if (wr_datapath_open(&opts, diags, &mine) < 0)
				_exit(1);
			for (int i = round;; i++)
				if (wr_datapath_apply(mine, programs[i % N_PROGRAMS], diags) < 0)
					_exit(1);
		}
		usleep((useconds_t)(1000 + rand() % 60000));
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status),
		      "the process that applies ended by itself");
		uint32_t now = stats().generation;
		generations += now != last;
		last = now;
	}
	stop_flood(f);
	CHECK(generations >= 10, "only %d of 40 processes got as far as a change", generations);
	apply_program(programs[1]);
	check_read_back(programs[1]);
	expect_tcp(A, B4, 81, DENIED);
	expect_tcp(A, B4, 80, ALLOWED);
	apply_program(programs[0]);
	check_read_back(programs[0]);
	struct wr_image_stats s = stats();
	CHECK(s.config.stricter_since != UINT64_MAX, "still judging every packet");
	EQUAL(s.addresses, 12);
	EQUAL(s.prefixes, 3);
}

/* Also one that opens: from nothing to attached, killed at any time, and opened again. */
static void test_kill_while_opening(void)
{
	int status, attached = 0;
	make_programs();
	opts.pin_dir = pin_dir;
	srand(2);
	for (int round = 0; round < 30; round++) {
		pid_t pid = spawn();
		if (pid == 0) {
			open_datapath();
			apply_program(programs[0]);
			pause();
		}
		usleep((useconds_t)(rand() % 60000));
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "opening failed");
		open_datapath();
		apply_program(programs[0]);
		attached += stats().links == 6;
		expect_tcp(A, B4, 80, ALLOWED);
		CHECK(tcp_try(A, B4, 81, 50, NULL) == -ETIMEDOUT, "not enforced after round %d",
		      round);
		wr_datapath_close(dp);
		dp = NULL;
		if (round % 2)
			CHECK(wr_datapath_detach(pin_dir, diags) == 0, "%s", diags_text());
	}
	EQUAL(attached, 30);
}

/* n ipBlocks with an exception each, a hundred to a policy: 2n prefixes, n classes and more. */
static char *many_blocks(int n)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	CHECK(f, "out of memory");
	fputs(FLOOD_POLICIES("192.0.2.2/32"), f);
	for (int i = 0; i < n; i++) {
		if (i % 100 == 0)
			fprintf(f,
				"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
				"metadata: {name: many-%d, namespace: t}\n"
				"spec: {podSelector: {matchLabels: {app: a}}, ingress: [\n",
				i);
		fprintf(f,
			" {ports: [{port: %d}], from: [{ipBlock: {cidr: 20.%d.%d.0/24, "
			"except: [20.%d.%d.1/32]}}]},\n",
			1000 + i, i / 250, i % 250, i / 250, i % 250);
		if (i % 100 == 99 || i == n - 1)
			fputs("]}\n---\n", f);
	}
	fclose(f);
	return text;
}

static void test_growth(void)
{
	make_programs();
	struct wr_program *large = compile(many_blocks(2600));
	open_datapath();
	apply_program(programs[0]);
	uint64_t before = stats().capacity;
	struct flood_counts *f = start_flood();
	apply_program(large);
	struct wr_image_stats s = stats();
	CHECK(s.capacity > before, "the image did not grow: %llu cells",
	      (unsigned long long)s.capacity);
	CHECK(s.prefixes >= 5200, "%u prefixes", s.prefixes);
	check_read_back(large);
	apply_program(programs[1]);
	apply_program(large);
	apply_program(programs[0]);
	stop_flood(f);
	check_read_back(programs[0]);
	EQUAL(stats().prefixes, 3);
}

const struct test tests_swap[] = {
	{"swap-under-load", test_swap_under_load, 0},
	{"kill-while-applying", test_kill, 0},
	{"kill-while-opening", test_kill_while_opening, 0},
	{"growth", test_growth, 0},
	{NULL, NULL, 0},
};
