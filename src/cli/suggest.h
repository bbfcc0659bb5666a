/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Suggest: the smallest change of the manifests that allows one connection.
 *
 * Candidates are made from the near misses (a port or a namespace more in one
 * rule), and as a new policy for exactly this. Each is put into the text of the
 * manifests, which are read and compiled anew: what counts is what the engine
 * then says, and all that is opened besides is found by comparing all
 * connections before and after.
 */
#include "cli/load.h"
#include "engine/trace.h"

struct wr_suggestion {
	enum wr_direction dir;
	struct wr_mark mark; /* where the text goes: below this line; line 0: a file of its own */
	const char *what;    /* "add to rule 1 of shop/db", "a new policy" */
	const char *text;    /* the lines, indented as they must be */
	const char **opened; /* other connections that this allows, "a -> b TCP 80" */
	size_t n_opened;
};

struct wr_suggestions {
	struct wr_suggestion items[2]; /* one for each direction that denies */
	size_t n;
};

struct wr_question {
	struct wr_target_pair {
		uint32_t pod; /* WR_NONE: ip */
		struct wr_ip ip;
	} ends[2];
	uint8_t proto;
	uint16_t port;
	uint8_t family;
};

/*
 * For a denied connection. Memory comes from the arena. Where no candidate of a
 * direction holds, there is none in out. 0 or -ENOMEM.
 */
int wr_suggest(const struct wr_loaded *l, const struct wr_compile_opts *opts,
	       const struct wr_question *q, const struct wr_trace *trace, struct wr_arena *arena,
	       struct wr_suggestions *out);
