/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* All checks, in the order in which they run; ends with NULL (checks.c). */
#include "lint/internal.h"

extern const struct lint_check *const lint_checks[];

extern const struct lint_check lint_invalid;   /* what decoding said */
extern const struct lint_check lint_selects;   /* selectors that match nobody */
extern const struct lint_check lint_structure; /* dashes and policyTypes */
extern const struct lint_check lint_allow;     /* more than meant */
