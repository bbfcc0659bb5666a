/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Suggest: the smallest change of the manifests that allows one connection.
 *
 * Candidates are made from the near misses (a port or a peer more in one rule),
 * as a rule more in a policy that isolates the pod, and as a new policy for
 * exactly this. Where a rule of the Admin or Baseline tier denies, they are a
 * rule in front of it and a policy in front of its policy. Each is put into the
 * text of the manifests, which are read and compiled anew: what counts is what
 * the engine then says. Of those that allow the connection and deny nothing that
 * was allowed, NetworkPolicies are taken before others, then the one that opens
 * least, then the one with the shortest text.
 */
#include "cli/load.h"
#include "cli/suggest_yaml.h"
#include "engine/trace.h"

struct wr_suggestion {
	enum wr_direction dir;
	struct wr_mark mark; /* where the text goes: below this line; line 0: a file of its own */
	const char *what;    /* "add a port to rule 1 of shop/db", "a new policy" */
	const char *text;    /* the lines, indented as they must be */
	/* connections that this allows, "a -> b TCP 80", the one asked for included; n_listed of them */
	const char **opened;
	size_t n_opened, n_listed;
};

/*
 * One for each direction that denies, egress first. What the second opens it
 * opens with the first made; line numbers are those of the files as they are.
 */
struct wr_suggestions {
	struct wr_suggestion items[2];
	size_t n;
	const char *notes[2]; /* by enum wr_direction: what the tiers have to do with it, or NULL */
};

struct wr_question {
	struct wr_yaml_end ends[2];
	uint8_t proto;
	uint16_t port;
	uint8_t family;
};

/*
 * For a denied connection. Memory comes from the arena. Where no candidate of a
 * direction holds, there is none in out. 0, -ENOMEM, or -E2BIG.
 */
int wr_suggest(const struct wr_loaded *l, const struct wr_compile_opts *opts,
	       const struct wr_question *q, const struct wr_trace *trace, struct wr_arena *arena,
	       struct wr_suggestions *out);
