/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who decides, as the engine's rows say it for the pods of the manifests. For
 * checks that tell that a rule has no effect, and what has it instead.
 */
#include "lint/internal.h"

/*
 * Whether a rule that accepts or denies decides any connection of a pod in the
 * manifests. True also where it cannot be told: of rules that pass.
 */
bool lint_decides(struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule);

/*
 * The distinct rows of a policy's pods in one direction, until the next call. NULL: nomem.
 */
const uint32_t *lint_subject_rows(struct lint *l, uint32_t policy, enum wr_direction dir,
				  uint32_t *n);

/* Whether a NetworkPolicy isolates the pods of a row. */
bool lint_row_isolated(const struct lint *l, uint32_t row);

#define LINT_DECIDERS_MAX 4

/* The authors of what a rule would match. */
struct lint_deciders {
	const struct wr_author *by[LINT_DECIDERS_MAX]; /* each once */
	uint32_t n;
	bool more;     /* there are others */
	bool complete; /* all of the rule's rows, peers and ports were looked at */
};

void lint_find_deciders(struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule,
			struct lint_deciders *out);

/* "Admin/deny-lan spec.egress[0] denies", "shop/db isolates", "nobody denies it". */
const char *lint_decider_text(struct lint *l, const struct wr_author *by,
			      const struct wr_policy *reader);
/* Where a decider stands; a zero mark where it is nobody. */
struct wr_mark lint_decider_mark(const struct lint *l, const struct wr_author *by);
