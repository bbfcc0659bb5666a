/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and tables changing under traffic, as an agent does it: changes as
 * they come, fences in another thread, settling when they have returned.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../property/rng.h"
#include "dptest.h"
#include "flood.h"

static const char *const known[] = {A4, A6, B4, B6, C4, C6, R4, "fd02::1", HOST4, HOST6};
#define KNOWN ((uint32_t)(sizeof(known) / sizeof(*known)))
#define EXTRAS 300
#define ADDRESSES (KNOWN + EXTRAS)

/* Kind 2i: what the i-th known address is; 2i + 1: the same, said otherwise. */
struct owner {
	struct rng rng;
	struct wr_ip ip[ADDRESSES];
	uint32_t kind[ADDRESSES], slot[ADDRESSES];
	struct wr_kind_entry kinds[2 * KNOWN];
	bool there[KNOWN]; /* in the program's world */
	const struct wr_program *program;
	unsigned changes, tables;
};

static struct wr_program *programs[FLOOD_PROGRAMS];

static void make_owner(struct owner *o, uint64_t seed)
{
	char text[64];
	*o = (struct owner){.rng = {seed}};
	memset(o->kind, 0xff, sizeof(o->kind));
	memset(o->slot, 0xff, sizeof(o->slot));
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		snprintf(text, sizeof(text), "10.3.%u.%u", i / 250, i % 250 + 1);
		CHECK(!wr_ip_parse(i < KNOWN ? known[i] : text, &o->ip[i]), "address");
	}
}

static void use_program(struct owner *o, const struct wr_program *p)
{
	const struct wr_world *w = wr_program_world(p);
	uint32_t n1 = wr_world_find_node(w, "n1");
	o->program = p;
	memset(o->kinds, 0, sizeof(o->kinds));
	for (uint32_t i = 0; i < KNOWN; i++) {
		struct wr_side s;
		wr_side_ip(p, &o->ip[i], &s);
		o->there[i] = s.endpoint != WR_NONE;
		if (!o->there[i])
			continue;
		bool node = s.pod == WR_NONE;
		uint32_t flags = wr_datapath_flags(dp, &o->ip[i], node, node && s.node == n1);
		o->kinds[2 * i] = (struct wr_kind_entry){s.id, flags};
		if (!node)
			flags &= ~(uint32_t)WEIR_ADDR_LOCAL;
		o->kinds[2 * i + 1] = (struct wr_kind_entry){s.id, flags};
	}
}

/* One of the pods' addresses as itself or nearly so; others as anybody, or gone. */
static uint32_t draw_kind(struct owner *o, uint32_t i)
{
	uint32_t other = rng_below(&o->rng, 2), whose = rng_below(&o->rng, KNOWN);
	bool gone = rng_chance(&o->rng, 40);
	if (i < KNOWN)
		return o->there[i] ? 2 * i + other : WR_NONE;
	return gone ? WR_NONE : 2 * whose + other;
}

/* Those that must move, and some more. */
static size_t draw_moves(struct owner *o, unsigned more, bool all, struct wr_move *out)
{
	bool moves[ADDRESSES] = {0};
	size_t n = 0;
	for (unsigned i = 0; i < more; i++)
		moves[rng_below(&o->rng, rng_chance(&o->rng, 30) ? KNOWN : ADDRESSES)] = true;
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		bool must = i < KNOWN && o->there[i] != (o->kind[i] != WR_NONE);
		uint32_t kind = all || must || moves[i] ? draw_kind(o, i) : o->kind[i];
		if (all ? kind != WR_NONE : kind != o->kind[i])
			out[n++] = (struct wr_move){o->ip[i], kind, all ? 0 : o->slot[i]};
	}
	return n;
}

static void note(struct owner *o, const struct wr_move *moves, size_t n)
{
	for (size_t k = 0, i = 0; k < n; i++)
		if (wr_ip_equal(&o->ip[i], &moves[k].ip)) {
			o->kind[i] = moves[k].kind;
			o->slot[i] = moves[k].slot;
			k++;
		}
}

static void replace_all(struct owner *o)
{
	struct wr_move moves[ADDRESSES];
	use_program(o, programs[rng_below(&o->rng, FLOOD_PROGRAMS)]);
	size_t n = draw_moves(o, 0, true, moves);
	struct wr_tables t = {o->program, o->kinds, 2 * KNOWN};
	CHECK(wr_datapath_replace(dp, &t, moves, n, diags) == 0, "%s", diags_text());
	memset(o->kind, 0xff, sizeof(o->kind));
	memset(o->slot, 0xff, sizeof(o->slot));
	note(o, moves, n);
}

/* True: done; false: it has to wait. */
static bool change(struct owner *o)
{
	struct wr_move moves[ADDRESSES];
	struct wr_tables t = {.kinds = o->kinds, .n_kinds = 2 * KNOWN};
	bool with_tables = rng_chance(&o->rng, 10);
	if (wr_datapath_busy(dp))
		return false;
	if (with_tables)
		use_program(o, programs[rng_below(&o->rng, FLOOD_PROGRAMS)]);
	t.program = o->program;
	size_t n = draw_moves(o, 1 + rng_below(&o->rng, 6), false, moves);
	int rc = wr_datapath_change(dp, with_tables ? &t : NULL, moves, n, diags);
	CHECK(rc == 0, "%s: %s", strerror(-rc), diags_text());
	note(o, moves, n);
	o->tables += with_tables;
	o->changes += !with_tables;
	return true;
}

/* ---- the other thread ---- */

struct waiter {
	pthread_t thread;
	int wanted, done, stop; /* numbers of fences */
	uint64_t ticket;
};

static void *wait_for_packets(void *ctx)
{
	struct waiter *w = ctx;
	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		int wanted = __atomic_load_n(&w->wanted, __ATOMIC_ACQUIRE);
		if (wanted == w->done)
			usleep(200);
		else if (wr_datapath_fence(dp) == 0)
			__atomic_store_n(&w->done, wanted, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Settles what a fence has ended for, and asks for the next one. */
static void look_after(struct waiter *w)
{
	if (__atomic_load_n(&w->done, __ATOMIC_ACQUIRE) != w->wanted)
		return;
	if (w->wanted)
		EQUAL(wr_datapath_settle(dp, w->ticket), 0);
	if (!wr_datapath_unsettled(dp)) {
		w->ticket = 0;
		return;
	}
	w->ticket = wr_datapath_ticket(dp);
	__atomic_store_n(&w->wanted, w->wanted + 1, __ATOMIC_RELEASE);
}

/* Changes for so long, 0: until killed. */
static void churn(struct owner *o, uint64_t ms)
{
	struct waiter w = {0};
	uint64_t end = now_ms() + ms;
	CHECK(!pthread_create(&w.thread, NULL, wait_for_packets, &w), "no thread");
	while (!ms || now_ms() < end) {
		if (!change(o))
			usleep(200);
		look_after(&w);
	}
	w.stop = 1;
	pthread_join(w.thread, NULL);
}

static void make_programs(void)
{
	for (unsigned i = 0; i < FLOOD_PROGRAMS; i++)
		programs[i] = flood_program(i);
}

static void test_under_load(void)
{
	static struct owner o;
	make_programs();
	open_datapath();
	make_owner(&o, 1);
	replace_all(&o);
	struct flood_counts *f = start_flood();
	churn(&o, 4000);
	stop_flood(f);
	CHECK(o.changes > 300 && o.tables > 30, "only %u changes and %u tables", o.changes,
	      o.tables);
	apply_program(programs[0]);
	EQUAL(stats().addresses, 12);
	expect_tcp(A, B4, 80, ALLOWED);
	expect_tcp(A, B4, 81, DENIED);
	CHECK(stats().config.stricter_since != UINT64_MAX, "still judging every packet");
}

/* An owner is killed again and again, wherever it happens to be. */
static void test_kill(void)
{
	static struct owner o;
	int status, generations = 0;
	make_programs();
	open_datapath();
	apply_program(programs[0]);
	uint32_t last = stats().generation;
	struct flood_counts *f = start_flood();
	struct rng rng = {5};
	for (int round = 0; round < 40; round++) {
		pid_t pid = spawn();
		if (pid == 0) {
			dp = NULL;
			open_datapath();
			make_owner(&o, (uint64_t)round + 10);
			replace_all(&o);
			churn(&o, 0);
		}
		usleep((useconds_t)(5000 + rng_below(&rng, 90000)));
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status),
		      "the owner ended by itself");
		uint32_t now = stats().generation;
		generations += now - last > 1;
		last = now;
	}
	/* this process has been here all the time, and notices */
	EQUAL(wr_datapath_change(dp, NULL, NULL, 0, diags), -ESTALE);
	EQUAL(wr_datapath_settle(dp, 0), -ESTALE);
	stop_flood(f);
	CHECK(generations >= 10, "only %d of 40 owners got as far as a change", generations);
	apply_program(programs[1]);
	EQUAL(stats().addresses, 12);
	expect_tcp(A, B4, 80, ALLOWED);
	expect_tcp(A, B4, 81, DENIED);
	CHECK(stats().config.stricter_since != UINT64_MAX, "still judging every packet");
}

/* More addresses than the image has room for, one call, no tables. */
#define MANY 40000
static void test_growth(void)
{
	static struct owner o;
	static struct wr_move moves[MANY];
	char text[64];
	make_programs();
	open_datapath();
	make_owner(&o, 3);
	use_program(&o, programs[0]);
	replace_all(&o);
	uint64_t before = stats().capacity;
	uint32_t had = stats().addresses;
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "10.9.%u.%u", i / 250, i % 250);
		CHECK(!wr_ip_parse(text, &moves[i].ip), "address");
		moves[i].kind = 2 * (i % KNOWN);
		moves[i].slot = WR_SLOT_NONE;
	}
	struct flood_counts *f = start_flood();
	CHECK(wr_datapath_change(dp, NULL, moves, MANY, diags) == 0, "%s", diags_text());
	CHECK(stats().capacity > before, "the image did not grow");
	EQUAL(stats().addresses, had + MANY);
	churn(&o, 500);
	while (wr_datapath_busy(dp)) {
		uint64_t ticket = wr_datapath_ticket(dp);
		EQUAL(wr_datapath_fence(dp), 0);
		EQUAL(wr_datapath_settle(dp, ticket), 0);
	}
	for (uint32_t i = 0; i < MANY; i++)
		moves[i].kind = WR_NONE;
	CHECK(wr_datapath_change(dp, NULL, moves, MANY, diags) == 0, "%s", diags_text());
	stop_flood(f);
	CHECK(stats().addresses < 400, "%u addresses are left", stats().addresses);
}

/* A live connection is cut when its address becomes one that may not, by itself. */
static void test_cut(void)
{
	static struct owner o;
	make_programs();
	open_datapath();
	make_owner(&o, 4);
	use_program(&o, programs[0]);
	struct wr_move moves[ADDRESSES];
	struct wr_tables t = {o.program, o.kinds, 2 * KNOWN};
	size_t n = draw_moves(&o, 0, false, moves);
	CHECK(wr_datapath_replace(dp, &t, moves, n, diags) == 0, "%s", diags_text());
	note(&o, moves, n);
	int fd = tcp_open(A, B4, 80);
	EQUAL(tcp_echo(fd, ALLOWED_MS), 0);
	usleep(50000);
	struct wr_move move = {o.ip[0], 2 * 6, o.slot[0]}; /* a as r, whom b does not let in */
	CHECK(wr_datapath_change(dp, NULL, &move, 1, diags) == 0, "%s", diags_text());
	CHECK(stats().config.stricter_since == UINT64_MAX, "not every packet is judged");
	EQUAL(tcp_echo(fd, DENIED_MS), -ETIMEDOUT);
	expect_tcp(A, B4, 80, DENIED);
	uint64_t ticket = wr_datapath_ticket(dp);
	EQUAL(wr_datapath_fence(dp), 0);
	EQUAL(wr_datapath_settle(dp, ticket), 0);
	CHECK(!wr_datapath_unsettled(dp), "something is unsettled");
	CHECK(stats().config.stricter_since != UINT64_MAX, "still judging every packet");
	EQUAL(tcp_echo(fd, DENIED_MS), -ETIMEDOUT);
	move.kind = 0;
	CHECK(wr_datapath_change(dp, NULL, &move, 1, diags) == 0, "%s", diags_text());
	expect_tcp(A, B4, 80, ALLOWED);
	/* gone, it is one that no pod has claimed */
	move.kind = WR_NONE;
	CHECK(wr_datapath_change(dp, NULL, &move, 1, diags) == 0, "%s", diags_text());
	EQUAL(move.slot, WR_SLOT_NONE);
	expect_tcp(A, B4, 80, DENIED);
}

/* Entries of the kernel's maps that lead to each other's slots, or nowhere: mended. */
static void test_damaged(void)
{
	char path[256];
	uint32_t a, b, stray, slot_b = 0, far = 1u << 30;
	open_datapath();
	make_programs();
	apply_program(programs[0]);
	wr_datapath_close(dp);
	snprintf(path, sizeof(path), "%s/v1/addr4", pin_dir);
	int fd = bpf_obj_get(path);
	CHECK(fd >= 0 && inet_pton(AF_INET, A4, &a) && inet_pton(AF_INET, B4, &b) &&
		      inet_pton(AF_INET, "10.7.7.7", &stray),
	      "map");
	CHECK(!bpf_map_lookup_elem(fd, &b, &slot_b) &&
		      !bpf_map_update_elem(fd, &a, &slot_b, BPF_ANY) &&
		      !bpf_map_update_elem(fd, &stray, &far, BPF_ANY),
	      "map: %s", strerror(errno));
	expect_tcp(A, B4, 80, DENIED);
	open_datapath();
	apply_program(programs[0]);
	expect_tcp(A, B4, 80, ALLOWED);
	expect_tcp(A, B4, 81, DENIED);
	expect_tcp(C, A4, 80, DENIED);
	EQUAL(stats().addresses, 12);
	CHECK(bpf_map_lookup_elem(fd, &stray, &slot_b) < 0, "the stray entry is still there");
	close(fd);
}

/* What an owner may not say. */
static void test_bad_moves(void)
{
	static struct owner o;
	make_programs();
	for (int i = 0; i < 6; i++) {
		open_datapath();
		make_owner(&o, 6);
		use_program(&o, programs[0]);
		struct wr_move moves[ADDRESSES];
		struct wr_tables t = {o.program, o.kinds, 2 * KNOWN};
		size_t n = draw_moves(&o, 0, false, moves);
		CHECK(wr_datapath_replace(dp, &t, moves, n, diags) == 0, "%s", diags_text());
		note(&o, moves, n);
		struct wr_move bad[2] = {{o.ip[0], 2, o.slot[0]}, {o.ip[0], 4, o.slot[0]}};
		struct wr_move other[] = {
			{o.ip[0], 2, o.slot[1]},         /* another's slot */
			{o.ip[0], 2 * KNOWN, o.slot[0]}, /* no such kind */
			{o.ip[20], WR_NONE, 2},
			{o.ip[20], 2, 100000},
		};
		struct wr_move nothing = {o.ip[20], WR_NONE, WR_SLOT_NONE};
		EQUAL(wr_datapath_change(dp, NULL, &nothing, 1, diags), 0);
		CHECK(!wr_datapath_unsettled(dp), "something came of nothing");
		int rc = i < 4   ? wr_datapath_change(dp, NULL, &other[i], 1, diags)
			 : i < 5 ? wr_datapath_change(dp, NULL, bad, 2, diags)
				 : wr_datapath_replace(dp, &t, bad, 2, diags);
		EQUAL(rc, -EINVAL);
		/* nothing of it is in force, and it has to begin anew */
		expect_tcp(A, B4, 80, ALLOWED);
		EQUAL(wr_datapath_change(dp, NULL, NULL, 0, diags), -ESTALE);
		wr_datapath_close(dp);
		dp = NULL;
	}
}

const struct test tests_churn[] = {
	{"churn-under-load", test_under_load, 0},
	{"churn-kill", test_kill, 0},
	{"churn-growth", test_growth, 0},
	{"churn-cut", test_cut, 0},
	{"churn-damaged", test_damaged, 0},
	{"churn-bad-moves", test_bad_moves, 0},
	{NULL, NULL, 0},
};
