/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

const struct lint_check *const lint_checks[] = {
	&lint_invalid, &lint_selects, &lint_structure, &lint_allow, NULL,
};
