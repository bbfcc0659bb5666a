/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From policies to the kernel: times of the first load and of small changes.
 *
 *	bench_load MANIFESTS NODE        (root)
 *
 * Works in a network and a mount namespace of its own. Prints medians in
 * microseconds: resolving and compiling, opening (programs and maps loaded and
 * attached), the first apply; then, with one policy left out and put back in
 * turn, from the change until the new generation is in force, and until apply
 * returns (the last packet judged by the old one has left).
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "datapath/datapath.h"
#include "input/input.h"

#define CHANGES 20

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

static struct wr_diags *diags;

static void must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "bench_load: %s: %s\n", what, strerror(-rc));
	for (size_t i = 0; i < wr_diags_count(diags); i++)
		fprintf(stderr, "  %s\n", wr_diags_at(diags, i)->message);
	exit(2);
}

static struct wr_program *compile(const struct wr_objects *objects, const char *node)
{
	struct wr_world *w;
	struct wr_program *p;
	struct wr_compile_opts opts = {.node = node};
	must(wr_world_new(objects, diags, &w), "world");
	must(wr_compile(w, &opts, &p), "compile");
	wr_world_unref(w);
	return p;
}

/* Times one change: compile and apply; returns until in force, *until_done until it returned. */
static double change(struct wr_datapath *dp, const struct wr_objects *objects, const char *node,
		     double *until_done)
{
	double t0 = now_us();
	struct wr_program *p = compile(objects, node);
	double t1 = now_us();
	must(wr_datapath_apply(dp, p, diags), "apply");
	*until_done = now_us() - t0;
	wr_program_unref(p);
	return t1 - t0 + (double)wr_datapath_apply_ns(dp) / 1e3;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/bench-load-XXXXXX", pins[64];
	if (argc != 3) {
		fprintf(stderr, "usage: bench_load MANIFESTS NODE\n");
		return 2;
	}
	diags = wr_diags_new();
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_objects objects;
	must(wr_input_path(in, argv[1], diags), argv[1]);
	must(wr_decode(in, arena, diags, &objects), argv[1]);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || !mkdtemp(dir) ||
	    mount("bpf", dir, "bpf", 0, NULL)) {
		perror("bench_load: namespaces and a bpffs (needs root)");
		return 2;
	}
	snprintf(pins, sizeof(pins), "%s/weir", dir);
	struct wr_datapath_opts opts = {.pin_dir = pins};
	struct wr_datapath *dp;
	double t0 = now_us();
	struct wr_program *p = compile(&objects, argv[2]);
	double t1 = now_us();
	must(wr_datapath_open(&opts, diags, &dp), "open");
	double t2 = now_us();
	must(wr_datapath_apply(dp, p, diags), "apply");
	double t3 = now_us();
	double in_force = t2 - t0 + (double)wr_datapath_apply_ns(dp) / 1e3;
	printf("compile_us %.0f\nopen_us %.0f\nfirst_apply_us %.0f\nfrom_nothing_us %.0f\n",
	       t1 - t0, t2 - t1, t3 - t2, in_force);
	wr_program_unref(p);

	double force[CHANGES], done[CHANGES];
	struct wr_objects fewer = objects;
	fewer.n--; /* the last object is a policy */
	for (int i = 0; i < CHANGES; i++)
		force[i] = change(dp, i % 2 ? &objects : &fewer, argv[2], &done[i]);
	qsort(force, CHANGES, sizeof(*force), compare);
	qsort(done, CHANGES, sizeof(*done), compare);
	printf("one_policy_in_force_us %.0f\none_policy_done_us %.0f\n", force[CHANGES / 2],
	       done[CHANGES / 2]);
	wr_datapath_close(dp);
	must(wr_datapath_detach(pins, diags), "detach");
	umount(dir);
	rmdir(dir);
	wr_arena_free(arena);
	wr_input_free(in);
	wr_diags_free(diags);
	return 0;
}
