/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* All checks, in the order in which they run; ends with NULL (checks.c). */
#include "lint/internal.h"

extern const struct lint_check *const lint_checks[];

extern const struct lint_check lint_invalid;   /* what decoding said */
extern const struct lint_check lint_selects;   /* selectors that match nobody */
extern const struct lint_check lint_structure; /* dashes and policyTypes */
extern const struct lint_check lint_allow;     /* more than meant */
extern const struct lint_check lint_writing;   /* names, comments, annotations */
extern const struct lint_check lint_pods;      /* pods that are not held */
extern const struct lint_check lint_ports;     /* ports that nobody opens */
extern const struct lint_check lint_dns;       /* egress that loses DNS or the API server */
extern const struct lint_check lint_redundant; /* what can go */
extern const struct lint_check lint_blocks;    /* ipBlocks */
extern const struct lint_check lint_sides;     /* what the other end denies */
extern const struct lint_check lint_reach;     /* who is expected and cannot come */

/* cluster-wide policies: what their schemas let pass */
extern const struct lint_check lint_tiers;
/* rules that never match */
extern const struct lint_check lint_tier_shadow;
/* and those that decide nothing for these pods */
extern const struct lint_check lint_tier_unused;
/* of equal priority, and Pass rules that do nothing */
extern const struct lint_check lint_tier_equal;
extern const struct lint_check lint_tier_pass;
