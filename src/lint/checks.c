/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

const struct lint_check *const lint_checks[] = {
	&lint_invalid,    &lint_selects,     &lint_structure,
	&lint_allow,      &lint_writing,     &lint_pods,
	&lint_ports,      &lint_dns,         &lint_redundant,
	&lint_blocks,     &lint_sides,       &lint_reach,
	&lint_tiers,      &lint_tier_shadow, &lint_tier_unused,
	&lint_tier_equal, &lint_tier_pass,   NULL,
};
