/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Near names: "did you mean". Names are compared by edit distance (insertion,
 * deletion, substitution, swap of neighbours).
 */
#include <stddef.h>

#define WR_NEAR_MAX 3

/* The nearest names seen so far, nearest first; starts zeroed. Borrows the candidates. */
struct wr_near {
	const char *wanted;
	const char *names[WR_NEAR_MAX];
	unsigned distances[WR_NEAR_MAX];
	size_t n;
};

/* Takes a candidate into account, where it is near enough to be meant. */
void wr_near_add(struct wr_near *near, const char *candidate);

/* "; did you mean 'a' or 'b'?", or "" when nothing is near; in buf. */
const char *wr_near_text(const struct wr_near *near, char *buf, size_t size);
