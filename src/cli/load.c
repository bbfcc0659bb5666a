/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cluster.h"

static int out_of_memory(void)
{
	fprintf(stderr, "weir: out of memory\n");
	return WR_EXIT_ERROR;
}

void wr_loaded_free(struct wr_loaded *l)
{
	wr_program_unref(l->program);
	wr_world_unref(l->world);
	wr_arena_free(l->arena);
	wr_input_free(l->in);
	wr_diags_free(l->diags);
	memset(l, 0, sizeof(*l));
}

/* Documents, objects, world, as far as it goes: all errors of each stage that runs. */
static int read_all(const struct wr_args *args, const struct wr_cluster *cluster,
		    struct wr_loaded *l)
{
	size_t n;
	const char *const *paths = wr_arg_all(args, "filename", &n);
	int rc = 0;
	for (size_t i = 0; i < n; i++) {
		int r = wr_input_path(l->in, paths[i], l->diags);
		if (r == -ENOMEM)
			return r;
		rc = rc ? rc : r;
	}
	int r = wr_cluster_lay_under(cluster, l->in, l->diags);
	return rc && r != -ENOMEM ? rc : r;
}

static int resolve(struct wr_loaded *l, int rc)
{
	int r = wr_decode(l->in, l->arena, l->diags, &l->objects);
	if (r < 0)
		return rc ? rc : r;
	return rc ? rc : wr_world_new(&l->objects, l->diags, &l->world);
}

/* One line for all that is no kind of weir's. */
static void tell_skipped(const struct wr_objects *objects)
{
	size_t total = 0;
	for (size_t i = 0; i < objects->n_skipped; i++)
		total += objects->skipped[i].count;
	if (!total)
		return;
	fprintf(stderr, "note: %zu object%s of other kinds skipped:", total, total == 1 ? "" : "s");
	for (size_t i = 0; i < objects->n_skipped; i++)
		fprintf(stderr, "%s %s (%zu)", i ? "," : "", objects->skipped[i].kind,
			objects->skipped[i].count);
	fputc('\n', stderr);
}

int wr_load_world(const struct wr_args *args, struct wr_loaded *l)
{
	WR_CLEANUP(cluster)
	struct wr_cluster *cluster = NULL;
	bool verbose = wr_arg_flag(args, "verbose");
	int status = wr_cluster_read(args, &cluster);
	if (status)
		return status;
	l->diags = wr_diags_new();
	l->in = wr_input_new(NULL);
	l->arena = wr_arena_new();
	if (!l->diags || !l->in || !l->arena)
		return out_of_memory();
	int rc = read_all(args, cluster, l);
	if (rc != -ENOMEM)
		rc = resolve(l, rc);
	wr_print_diags(l->diags, l->in, verbose);
	if (verbose)
		tell_skipped(&l->objects);
	if (rc == -ENOMEM)
		return out_of_memory();
	return rc < 0 || wr_diags_total(l->diags, WR_ERROR) ? WR_EXIT_ERROR : WR_EXIT_OK;
}

bool wr_load_unreadable(const struct wr_diag *d)
{
	return d->severity == WR_ERROR && !d->mark.line;
}

int wr_load_rest(struct wr_loaded *l, const struct wr_compile_opts *opts)
{
	static const struct wr_compile_opts none = {0};
	int rc = wr_decode(l->in, l->arena, l->diags, &l->objects);
	if (rc != -ENOMEM)
		rc = wr_world_new(&l->objects, l->diags, &l->world);
	if (!rc)
		rc = wr_compile(l->world, opts ? opts : &none, &l->program);
	if (rc == -E2BIG)
		wr_diag_add(l->diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
			    "the policies exceed the bounds of the tables");
	return rc == -ENOMEM ? rc : 0;
}

int wr_load_far(const struct wr_args *args, const struct wr_compile_opts *opts, struct wr_loaded *l)
{
	WR_CLEANUP(cluster)
	struct wr_cluster *cluster = NULL;
	if (wr_cluster_read(args, &cluster))
		return -EIO;
	l->diags = wr_diags_new();
	l->in = wr_input_new(NULL);
	l->arena = wr_arena_new();
	int rc = l->diags && l->in && l->arena ? read_all(args, cluster, l) : -ENOMEM;
	return rc == -ENOMEM ? rc : wr_load_rest(l, opts);
}

int wr_load_program(const struct wr_args *args, const struct wr_compile_opts *opts,
		    struct wr_loaded *l)
{
	static const struct wr_compile_opts none = {0};
	int status = wr_load_world(args, l);
	if (status)
		return status;
	int rc = wr_compile(l->world, opts ? opts : &none, &l->program);
	if (rc == -ENOMEM)
		return out_of_memory();
	if (rc < 0)
		return wr_fail(args, "the policies cannot be compiled: %s",
			       rc == -E2BIG ? "they exceed the bounds of the tables"
					    : strerror(-rc));
	return WR_EXIT_OK;
}
