/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses by kind: what changes cost their owner.
 *
 *	bench_moves MANIFESTS NODE ADDRESSES        (root)
 *
 * Works in a network and a mount namespace of its own. The tables are those of
 * the manifests, the addresses are spread over the kinds that these have.
 * Prints medians in microseconds: a replacement of everything, until it is in
 * force and until it returns; tables with one address that moves; one address
 * that becomes another kind, that goes, that comes; settling; a fence.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "datapath/datapath.h"
#include "input/input.h"

#define ROUNDS 41

static struct wr_diags *diags;
static struct wr_datapath *dp;

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void print_median(const char *name, double *times)
{
	qsort(times, ROUNDS, sizeof(*times), compare);
	printf("%s %.1f\n", name, times[ROUNDS / 2]);
}

static void must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "bench_moves: %s: %s\n", what, strerror(-rc));
	for (size_t i = 0; i < wr_diags_count(diags); i++)
		fprintf(stderr, "  %s\n", wr_diags_at(diags, i)->message);
	exit(2);
}

/* Different identities of the program's endpoints. */
static struct wr_kind_entry *make_kinds(const struct wr_program *p, uint32_t *n)
{
	uint32_t n_endpoints;
	const struct wr_endpoint *e = wr_program_endpoints(p, &n_endpoints);
	struct wr_kind_entry *kinds = calloc(n_endpoints + 2ul, sizeof(*kinds));
	must(kinds ? 0 : -ENOMEM, "kinds");
	*n = 0;
	for (uint32_t i = 0; i < n_endpoints; i++)
		if (!*n || memcmp(&kinds[*n - 1].id, &e[i].id, sizeof(e[i].id)))
			kinds[(*n)++] = (struct wr_kind_entry){e[i].id, WEIR_ADDR_POD};
	while (*n < 2) {
		kinds[*n].flags = *n;
		(*n)++;
	}
	return kinds;
}

static struct wr_move *make_moves(size_t n, uint32_t n_kinds)
{
	struct wr_move *m = calloc(n, sizeof(*m));
	must(m ? 0 : -ENOMEM, "addresses");
	for (size_t i = 0; i < n; i++) {
		m[i].ip = (struct wr_ip){.family = WR_IPV4,
					 .b = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
					       (uint8_t)i}};
		m[i].kind = (uint32_t)(i % n_kinds);
		m[i].slot = WR_SLOT_NONE;
	}
	return m;
}

static double settle(double *fence)
{
	uint64_t ticket = wr_datapath_ticket(dp);
	double t0 = now_us();
	must(wr_datapath_fence(dp), "fence");
	double t1 = now_us();
	must(wr_datapath_settle(dp, ticket), "settle");
	if (fence)
		*fence = t1 - t0;
	return now_us() - t1;
}

/* Calls with one address each; the first thousand addresses in turn. */
static void one_by_one(const char *name, struct wr_move *all, size_t n, int32_t add,
		       uint32_t n_kinds)
{
	double times[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		struct wr_move *m = &all[((size_t)i * 97) % n];
		if (add)
			m->kind = (m->kind == WR_NONE ? 0 : m->kind + (uint32_t)add) % n_kinds;
		else
			m->kind = WR_NONE;
		double t0 = now_us();
		must(wr_datapath_change(dp, NULL, m, 1, diags), name);
		times[i] = now_us() - t0;
	}
	print_median(name, times);
}

/* What an agent asks for again and again. */
static void looks(const char *pins)
{
	double stats[ROUNDS], own[ROUNDS], checks[ROUNDS];
	struct wr_image_stats s;
	uint32_t links;
	bool kept;
	for (int i = 0; i < ROUNDS; i++) {
		double t0 = now_us();
		must(wr_datapath_stats(pins, diags, &s), "stats");
		double t1 = now_us();
		must(wr_datapath_own_stats(dp, diags, &s), "stats");
		double t2 = now_us();
		must(wr_datapath_check(pins, &links, &kept), "check");
		stats[i] = t1 - t0;
		own[i] = t2 - t1;
		checks[i] = now_us() - t2;
	}
	print_median("stats_us", stats);
	print_median("own_stats_us", own);
	print_median("check_us", checks);
}

static void run(const struct wr_program *p, size_t n)
{
	uint32_t n_kinds;
	struct wr_kind_entry *kinds = make_kinds(p, &n_kinds);
	struct wr_move *all = make_moves(n, n_kinds);
	struct wr_tables t = {p, kinds, n_kinds};
	double times[ROUNDS], fences[ROUNDS], settles[ROUNDS];
	printf("kinds %u\nrows %u\n", n_kinds, wr_program_n_rows(p));
	double t0 = now_us();
	must(wr_datapath_replace(dp, &t, all, n, diags), "replace");
	printf("first_replace_us %.1f\n", now_us() - t0);
	all[0].kind = (all[0].kind + 1) % n_kinds;
	t0 = now_us();
	must(wr_datapath_replace(dp, &t, all, n, diags), "replace");
	printf("replace_in_force_us %.1f\nreplace_done_us %.1f\n",
	       (double)wr_datapath_apply_ns(dp) / 1e3, now_us() - t0);
	for (int i = 0; i < ROUNDS; i++) {
		struct wr_move *m = &all[(size_t)i * 31 % n];
		m->kind = (m->kind + 1) % n_kinds;
		t0 = now_us();
		must(wr_datapath_change(dp, &t, m, 1, diags), "change");
		times[i] = now_us() - t0;
		settles[i] = settle(&fences[i]);
	}
	print_median("tables_and_one_address_us", times);
	print_median("settle_us", settles);
	print_median("fence_us", fences);
	one_by_one("one_address_becomes_another_us", all, n, 1, n_kinds);
	settle(NULL);
	one_by_one("one_address_goes_us", all, n, 0, n_kinds);
	one_by_one("one_address_comes_us", all, n, 1, n_kinds);
	free(all);
	free(kinds);
}

static struct wr_program *load(const char *path, const char *node)
{
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_objects objects;
	struct wr_world *w;
	struct wr_program *p;
	struct wr_compile_opts opts = {.node = node};
	must(wr_input_path(in, path, diags), path);
	must(wr_decode(in, arena, diags, &objects), path);
	must(wr_world_new(&objects, diags, &w), "world");
	must(wr_compile(w, &opts, &p), "compile");
	return p; /* its world borrows the objects: they stay to the end */
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/bench-moves-XXXXXX", pins[64];
	unsigned long n = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (n < 1 || n > 200000) {
		fprintf(stderr, "usage: bench_moves MANIFESTS NODE ADDRESSES\n");
		return 2;
	}
	diags = wr_diags_new();
	struct wr_program *p = load(argv[1], argv[2]);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || !mkdtemp(dir) ||
	    mount("bpf", dir, "bpf", 0, NULL)) {
		perror("bench_moves: namespaces and a bpffs (needs root)");
		return 2;
	}
	snprintf(pins, sizeof(pins), "%s/weir", dir);
	struct wr_datapath_opts opts = {.pin_dir = pins};
	must(wr_datapath_open(&opts, diags, &dp), "open");
	run(p, n);
	looks(pins);
	wr_datapath_close(dp);
	must(wr_datapath_detach(pins, diags), "detach");
	umount(dir);
	rmdir(dir);
	wr_program_unref(p);
	wr_diags_free(diags);
	return 0;
}
