/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Words that were likely meant: for "did you mean". */
#include <stdbool.h>

/*
 * The distance of two words in typing errors (a letter wrong, missing, too
 * much, or two swapped), letters' case aside; large when they have nothing to
 * do with each other.
 */
unsigned wr_typo_distance(const char *a, const char *b);

/* Whether a word at this distance may well have been meant. */
bool wr_typo_likely(unsigned distance, const char *meant);

/* The candidate that the word was likely meant to be, or NULL. */
const char *wr_typo_suggest(const char *word, const char *const *candidates);
