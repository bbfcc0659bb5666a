/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

/* A policy whose podSelector selects no pod does nothing at all. */

static const struct wr_lint_rule selects_nothing = {
	"selects-nothing",
	WR_WARNING,
	false,
	"a policy that selects no pod",
};

static void run(struct lint *l)
{
	if (!l->knows_pods)
		return;
	for (uint32_t i = 0; i < l->w->n_policies; i++) {
		const struct wr_policy *policy = &l->w->policies[i];
		if (policy->tier != WR_TIER_NETWORKPOLICY || !policy->object ||
		    wr_bitset_count(wr_query_subject(l->p, i)))
			continue;
		const struct wr_label_selector *s = &policy->object->np.pod_selector;
		lint_report(l, &selects_nothing, policy->object,
			    s->mark.file ? s->mark : policy->mark, "spec.podSelector",
			    "selects 0 of %u pods", l->w->n_pods);
	}
}

const struct lint_check lint_selects = {LINT_RULES(&selects_nothing), run};
