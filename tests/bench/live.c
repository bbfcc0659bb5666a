/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change costs the live tables of one node (engine/live.h), beside what
 * compiling anew costs: bench_live MANIFESTS NODE
 *
 * Medians in microseconds, one "name value" a line.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/live.h"
#include "input/input.h"

#define REPEATS 101

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

static void must(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "bench_live: %s: error %d\n", what, -rc);
	exit(2);
}

static void put_all(struct wr_live *l, const struct wr_objects *objects, bool policies)
{
	for (size_t i = 0; i < objects->n; i++)
		if (wr_kind_is_policy(objects->items[i]->kind) == policies)
			must(wr_live_put(l, objects->items[i]), "put");
}

static void settle(struct wr_live *l)
{
	size_t n;
	bool tables;
	must(wr_live_update(l, &tables), "update");
	struct wr_move *moves;
	must(wr_live_moves(l, &moves, &n), "moves");
	for (size_t i = 0; i < n; i++)
		moves[i].slot = moves[i].kind == WR_NONE ? WR_SLOT_NONE : 1;
	wr_live_moved(l);
}

/* Objects take turns; the last one stays. */
static void bench(struct wr_live *l, const char *name, const struct wr_object *a,
		  const struct wr_object *b)
{
	double times[REPEATS];
	for (size_t i = 0; i < REPEATS; i++) {
		double began = now_us();
		if (i % 2)
			must(b ? wr_live_put(l, b) : wr_live_remove(l, a), "change");
		else
			must(wr_live_put(l, a), "change");
		settle(l);
		times[i] = now_us() - began;
	}
	qsort(times, REPEATS, sizeof(*times), compare);
	printf("%s %.1f\n%s_p99 %.1f\n", name, times[REPEATS / 2], name, times[REPEATS - 2]);
}

static const struct wr_object *find(const struct wr_objects *objects, enum wr_kind kind,
				    const char *node)
{
	for (size_t i = 0; i < objects->n; i++)
		if (objects->items[i]->kind == kind &&
		    (!node || !strcmp(objects->items[i]->pod.spec.node, node)))
			return objects->items[i];
	must(-ENOENT, "no such object");
	return NULL;
}

int main(int argc, char **argv)
{
	struct wr_objects objects;
	struct wr_live *l;
	if (argc != 3) {
		fprintf(stderr, "usage: bench_live MANIFESTS NODE\n");
		return 2;
	}
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_diags *diags = wr_diags_new();
	if (!in || !arena || !diags)
		must(-ENOMEM, "begin");
	must(wr_input_path(in, argv[1], diags), argv[1]);
	must(wr_decode(in, arena, diags, &objects), argv[1]);
	struct mallinfo2 before = mallinfo2();
	double began = now_us();
	must(wr_live_new(&(struct wr_live_opts){.node = argv[2]}, &l), "new");
	put_all(l, &objects, true);
	put_all(l, &objects, false);
	settle(l);
	printf("first %.1f\n", now_us() - began);
	struct mallinfo2 after = mallinfo2();
	printf("kilobytes %.1f\n",
	       (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / 1024);

	struct wr_object policy = *find(&objects, WR_KIND_NETWORKPOLICY, NULL);
	struct wr_object pod = *find(&objects, WR_KIND_POD, argv[2]);
	struct wr_object ns = *find(&objects, WR_KIND_NAMESPACE, NULL), other = ns;
	policy.meta.name = pod.meta.name = "added";
	policy.meta.ns = pod.meta.ns;
	bench(l, "policy", &policy, NULL);
	struct wr_ip ip;
	must(wr_ip_parse("10.99.99.99", &ip), "address");
	pod.pod.ips = &ip;
	pod.pod.n_ips = 1;
	bench(l, "pod", &pod, NULL);
	struct wr_label labels[] = {{.key = "env", .value = "dev"},
				    {.key = "team", .value = "gold"}};
	other.meta.labels = labels;
	other.meta.n_labels = 2;
	bench(l, "namespace", &other, &ns);
	struct wr_live_counts counts;
	wr_live_count(l, &counts);
	const struct wr_program *p = wr_live_program(l);
	printf("kinds %u\nclasses %u\nrows %u\nsets %u\nstale %d\n", counts.kinds,
	       wr_program_n_classes(p), wr_program_n_rows(p), wr_program_n_port_sets(p),
	       wr_live_stale(l));
	wr_live_free(l);
	wr_diags_free(diags);
	wr_arena_free(arena);
	wr_input_free(in);
	return 0;
}
