/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's times on one cluster: reading, resolving, compiling, evaluating.
 *
 *	bench_engine [--compile] MANIFESTS [NODE]
 *
 * Every step is repeated; the median is printed, in microseconds, one "name
 * value" a line. --compile: only as far as compiling, for clusters that are
 * large.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/connectivity.h"
#include "engine/program.h"
#include "input/input.h"

#define REPEATS 15
#define REPEATS_LEAST 3
#define ENOUGH_US 5e6
#define FLOWS 2000000u

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

static void report(const char *name, double *times, size_t n)
{
	qsort(times, n, sizeof(*times), compare);
	printf("%s %.1f\n", name, times[n / 2]);
}

static void must(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "bench_engine: %s: error %d\n", what, -rc);
	exit(2);
}

struct cluster {
	struct wr_input *in;
	struct wr_arena *arena;
	struct wr_diags *diags;
	struct wr_objects objects;
};

static void read_cluster(struct cluster *c, const char *path)
{
	*c = (struct cluster){wr_input_new(NULL), wr_arena_new(), wr_diags_new(), {0}};
	must(wr_input_path(c->in, path, c->diags), path);
	must(wr_decode(c->in, c->arena, c->diags, &c->objects), path);
}

static void free_cluster(struct cluster *c)
{
	wr_arena_free(c->arena);
	wr_input_free(c->in);
	wr_diags_free(c->diags);
}

static void bench_compile(const struct cluster *c, const char *node)
{
	double resolve[REPEATS], all[REPEATS], local[REPEATS], begun = now_us();
	size_t n = 0;
	for (; n < REPEATS && (n < REPEATS_LEAST || now_us() - begun < ENOUGH_US); n++) {
		struct wr_world *w;
		struct wr_program *p;
		struct wr_compile_opts opts = {.node = node};
		double t0 = now_us();
		must(wr_world_new(&c->objects, c->diags, &w), "world");
		double t1 = now_us();
		must(wr_compile(w, NULL, &p), "compile");
		double t2 = now_us();
		wr_program_unref(p);
		double t3 = now_us();
		must(wr_compile(w, &opts, &p), "compile");
		double t4 = now_us();
		resolve[n] = t1 - t0;
		all[n] = t2 - t1;
		local[n] = t4 - t3;
		wr_program_unref(p);
		wr_world_unref(w);
	}
	report("resolve_us", resolve, n);
	report("compile_all_us", all, n);
	report("compile_one_node_us", local, n);
}

static void bench_evaluate(const struct cluster *c)
{
	struct wr_world *w;
	struct wr_program *p;
	struct wr_verdict v;
	static const uint16_t ports[] = {80, 443, 5432, 8080};
	must(wr_world_new(&c->objects, c->diags, &w), "world");
	must(wr_compile(w, NULL, &p), "compile");
	struct wr_side *sides = calloc(w->n_pods + 1, sizeof(*sides));
	must(sides ? 0 : -12, "memory");
	for (uint32_t i = 0; i < w->n_pods; i++)
		must(wr_side_pod(p, i, 0, &sides[i]), "side");
	uint32_t state = 1, allowed = 0;
	double t0 = now_us();
	for (uint32_t i = 0; i < FLOWS; i++) {
		state = state * 1664525u + 1013904223u;
		uint32_t src = (state >> 8) % w->n_pods;
		state = state * 1664525u + 1013904223u;
		uint32_t dst = (state >> 8) % w->n_pods;
		wr_evaluate(p, &sides[src], &sides[dst], WR_TCP, ports[i & 3], &v);
		allowed += v.allow;
	}
	double t1 = now_us();
	printf("evaluate_ns %.1f\n", (t1 - t0) * 1e3 / FLOWS);
	printf("allowed_share %.3f\n", (double)allowed / FLOWS);
	printf("classes %u\nrows %u\nport_sets %u\n", wr_program_n_classes(p), wr_program_n_rows(p),
	       wr_program_n_port_sets(p));
	struct wr_connectivity *conn;
	t0 = now_us();
	must(wr_connectivity_new(p, &conn), "connectivity");
	printf("connectivity_us %.1f\n", now_us() - t0);
	wr_connectivity_free(conn);
	free(sides);
	wr_program_unref(p);
	wr_world_unref(w);
}

int main(int argc, char **argv)
{
	struct cluster c;
	bool compile_only = argc > 1 && !strcmp(argv[1], "--compile");
	argc -= compile_only;
	argv += compile_only;
	if (argc < 2) {
		fprintf(stderr, "usage: bench_engine [--compile] MANIFESTS [NODE]\n");
		return 2;
	}
	double t0 = now_us();
	read_cluster(&c, argv[1]);
	printf("read_us %.1f\n", now_us() - t0);
	bench_compile(&c, argc > 2 ? argv[2] : "node-0");
	if (!compile_only)
		bench_evaluate(&c);
	free_cluster(&c);
	return 0;
}
