/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

/* Input, objects, world, as far as it goes: all errors of each stage that runs. */
static int read_all(const char *const *paths, size_t n, struct wr_loaded *l)
{
	int rc = 0;
	for (size_t i = 0; i < n; i++) {
		int r = wr_input_path(l->in, paths[i], l->diags);
		if (r == -ENOMEM)
			return r;
		rc = rc ? rc : r;
	}
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

int wr_load_world(const char *const *paths, size_t n, bool verbose, struct wr_loaded *l)
{
	l->diags = wr_diags_new();
	l->in = wr_input_new(NULL);
	l->arena = wr_arena_new();
	if (!l->diags || !l->in || !l->arena)
		return out_of_memory();
	int rc = read_all(paths, n, l);
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
		rc = wr_compile(l->world, opts ? opts : &none, NULL, &l->program);
	if (rc == -E2BIG)
		wr_diag_add(l->diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
			    "the policies exceed the bounds of the tables");
	return rc == -ENOMEM ? rc : 0;
}

int wr_load_far(const char *const *paths, size_t n, const struct wr_compile_opts *opts,
		struct wr_loaded *l)
{
	l->diags = wr_diags_new();
	l->in = wr_input_new(NULL);
	l->arena = wr_arena_new();
	int rc = l->diags && l->in && l->arena ? 0 : -ENOMEM;
	for (size_t i = 0; i < n && rc != -ENOMEM; i++)
		rc = wr_input_path(l->in, paths[i], l->diags);
	return rc == -ENOMEM ? rc : wr_load_rest(l, opts);
}

int wr_load_program(const struct wr_args *args, const struct wr_compile_opts *opts,
		    struct wr_loaded *l)
{
	static const struct wr_compile_opts none = {0};
	size_t n;
	const char *const *paths = wr_arg_all(args, "filename", &n);
	int status = wr_load_world(paths, n, wr_arg_flag(args, "verbose"), l);
	if (status)
		return status;
	int rc = wr_compile(l->world, opts ? opts : &none, NULL, &l->program);
	if (rc == -ENOMEM)
		return out_of_memory();
	if (rc < 0)
		return wr_fail(args, "the policies cannot be compiled: %s",
			       rc == -E2BIG ? "they exceed the bounds of the tables"
					    : strerror(-rc));
	return WR_EXIT_OK;
}
