/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From -f to a world or a program, with everything that is wrong on the way
 * printed to stderr. Any error stops: nothing is evaluated half.
 */
#include "api/decode.h"
#include "base/diag.h"
#include "cli/cli.h"
#include "engine/program.h"
#include "input/input.h"
#include "model/world.h"

/* Starts zeroed; wr_loaded_free() frees whatever is there. */
struct wr_loaded {
	struct wr_diags *diags;
	struct wr_input *in;
	struct wr_arena *arena; /* of the objects */
	struct wr_objects objects;
	struct wr_world *world;
	struct wr_program *program; /* NULL after wr_load_world() */
};

/*
 * Reads, decodes and resolves what --filename names and the cluster, where the
 * command has the options and one is given (cli/cluster.h). Prints all errors, and with verbose
 * the warnings and what was skipped, to stderr. WR_EXIT_OK or WR_EXIT_ERROR.
 */
int wr_load_world(const struct wr_args *args, struct wr_loaded *out);

/* The same, and compiles; opts may be NULL. */
int wr_load_program(const struct wr_args *args, const struct wr_compile_opts *opts,
		    struct wr_loaded *out);

/*
 * The same as far as it goes, and nothing is printed: errors stay in
 * out->diags, what has errors is left out of the objects, and the world and
 * the program are NULL where they cannot be made. 0; -ENOMEM; -EIO: the cluster
 * cannot be read, which is printed.
 */
int wr_load_far(const struct wr_args *args, const struct wr_compile_opts *opts,
		struct wr_loaded *out);
/* The second half, for documents that are read already: out has diags, in and an arena. */
int wr_load_rest(struct wr_loaded *out, const struct wr_compile_opts *opts);
/* Of the records those that say that a path could not be read at all. */
bool wr_load_unreadable(const struct wr_diag *d);

void wr_loaded_free(struct wr_loaded *l);

/*
 * Prints records to stderr in order of their places, as compilers do:
 *
 *	shop.yaml: in NetworkPolicy shop/db:
 *	shop.yaml:12:13: error: spec.ingress[0].ports[0].port: Invalid value: 0: ...
 *	   12 |       - port: 0
 *	      |               ^
 *	  hint: ...
 *
 * and ends with the counts. Source lines come from in (may be NULL) or from
 * the files. Only errors, without verbose.
 */
void wr_print_diags(struct wr_diags *d, const struct wr_input *in, bool verbose);
