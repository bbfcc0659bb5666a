/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What finding candidates for suggestions and trying them share. */
#include "cli/suggest.h"
#include "input/edit.h"

#define WR_SUGGEST_MISSES_TRIED 4
#define WR_SUGGEST_RULES_TRIED 3
#define WR_SUGGEST_MAX (WR_SUGGEST_MISSES_TRIED + WR_SUGGEST_RULES_TRIED + 3)

/* The file of a suggestion that is a document of its own. */
extern const char wr_suggest_new_file[];

/* What is taken first where several hold: what the pod's own namespace can do. */
enum wr_suggest_rank {
	WR_SUGGEST_NAMESPACED, /* a NetworkPolicy, changed or new */
	WR_SUGGEST_CLUSTER     /* a cluster-wide policy, changed or new */
};

struct wr_suggest_candidate {
	struct wr_suggestion s;
	enum wr_suggest_rank rank;
	struct wr_edit edit;            /* doc NULL: text is a document of its own */
	const struct wr_object *policy; /* that is edited; NULL: a new one */
};

struct wr_suggest_work {
	const struct wr_loaded *l;
	const struct wr_compile_opts *opts;
	const struct wr_question *q;
	struct wr_yaml y;
	struct wr_suggest_candidate candidates[2][WR_SUGGEST_MAX]; /* by enum wr_direction */
	size_t n[2];
};

/* The pod that a direction's policies are about, and who is at the other end. */
const struct wr_yaml_end *wr_suggest_subject(const struct wr_suggest_work *w,
					     enum wr_direction dir);
const struct wr_yaml_end *wr_suggest_peer(const struct wr_suggest_work *w, enum wr_direction dir);

/* Adds a candidate, once. */
void wr_suggest_add(struct wr_suggest_work *w, struct wr_suggest_candidate c);
/* Adds the edit as a candidate: where its text goes is taken from it. */
void wr_suggest_add_edit(struct wr_suggest_work *w, struct wr_suggest_candidate c);
/* A new NetworkPolicy for the pods of a selector (as wr_yaml_pod_labels() gives it). */
void wr_suggest_add_new(struct wr_suggest_work *w, enum wr_direction dir, const char *selector);

/* suggest_find.c: all candidates for a direction that denies. */
void wr_suggest_find(struct wr_suggest_work *w, const struct wr_reason *r);

/* suggest_tiers.c: those for a denial by a rule of a cluster-wide policy. */
void wr_suggest_find_tiers(struct wr_suggest_work *w, const struct wr_reason *r);
/*
 * What must be known of a denial by such a rule, or NULL where it is by others;
 * chosen: what is suggested, or NULL.
 */
const char *wr_suggest_tier_note(struct wr_suggest_work *w, const struct wr_reason *r,
				 const struct wr_suggest_candidate *chosen);
