/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Trace: the way of one connection through the policies, step by step: every
 * policy that applies to an end, every rule of it that is tried, and the one
 * thing that makes the rule miss. Walks as explain does, and comes to the same
 * verdict; a property test holds both together.
 */
#include "engine/explain.h"

enum wr_step_kind {
	WR_STEP_POLICY, /* a policy applies to the subject */
	WR_STEP_RULE,   /* a rule of that policy is tried */
	WR_STEP_END     /* the direction's verdict */
};

struct wr_step {
	enum wr_step_kind kind;
	enum wr_direction dir;
	uint32_t policy, rule; /* WR_NONE where the kind has none */
	bool matches;          /* WR_STEP_RULE */
	enum wr_action action; /* WR_STEP_RULE that matches; WR_STEP_END: WR_ACCEPT or WR_DENY */
	struct wr_mark mark;   /* the line to look at */
	const char *text;      /* one sentence without a full stop */
	const char *mend;      /* WR_STEP_RULE that misses: what would make it match, or NULL */
};

struct wr_trace {
	struct wr_step *steps;
	size_t n;
	struct wr_reason reasons[2]; /* as wr_explain() gives them */
	bool allow;
};

/* The trace in arena memory. 0 or -ENOMEM. */
int wr_trace(const struct wr_program *p, const struct wr_side *src, const struct wr_side *dst,
	     uint8_t proto, uint16_t port, struct wr_arena *arena, struct wr_trace *out);
