/* SPDX-License-Identifier: Apache-2.0 */
#include "base/typo.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 63 /* the longest label, and most names */

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Optimal string alignment over three rows. */
unsigned wr_typo_distance(const char *a, const char *b)
{
	size_t na = strnlen(a, WORD_MAX + 1), nb = strnlen(b, WORD_MAX + 1);
	if (na > WORD_MAX || nb > WORD_MAX)
		return UINT32_MAX;
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];
	for (unsigned j = 0; j <= nb; j++)
		last[j] = before[j] = j;
	for (unsigned i = 1; i <= na; i++) {
		row[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			unsigned best = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		unsigned *free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[nb];
}

bool wr_typo_likely(unsigned distance, const char *meant)
{
	/* one error in three letters is the most that still looks alike */
	return distance <= WORD_MAX && distance * 3 <= strlen(meant);
}

const char *wr_typo_suggest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	unsigned least = UINT32_MAX;
	for (; *candidates; candidates++) {
		unsigned distance = wr_typo_distance(word, *candidates);
		if (distance < least && wr_typo_likely(distance, *candidates)) {
			least = distance;
			best = *candidates;
		}
	}
	return best;
}
