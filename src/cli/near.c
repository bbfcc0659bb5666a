/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/near.h"

#include <stdio.h>
#include <string.h>

#include "base/typo.h"

#define LONGEST 63

/* A name that begins with what was typed is near, too. */
static unsigned nearness(const char *wanted, const char *candidate)
{
	size_t n = strlen(wanted);
	unsigned d = wr_typo_distance(wanted, candidate);
	if (n >= 3 && !strncmp(wanted, candidate, n) && d > 1)
		return 1;
	return d;
}

void wr_near_add(struct wr_near *near, const char *candidate)
{
	unsigned limit = (unsigned)(strnlen(near->wanted, LONGEST) + 2) / 3;
	unsigned d = nearness(near->wanted, candidate);
	if (d > limit || (near->n == WR_NEAR_MAX && d >= near->distances[WR_NEAR_MAX - 1]))
		return;
	for (size_t k = 0; k < near->n; k++)
		if (!strcmp(near->names[k], candidate))
			return;
	size_t i = near->n < WR_NEAR_MAX ? near->n++ : WR_NEAR_MAX - 1;
	for (; i > 0 && near->distances[i - 1] > d; i--) {
		near->names[i] = near->names[i - 1];
		near->distances[i] = near->distances[i - 1];
	}
	near->names[i] = candidate;
	near->distances[i] = d;
}

const char *wr_near_text(const struct wr_near *near, char *buf, size_t size)
{
	size_t used = 0;
	buf[0] = 0;
	for (size_t i = 0; i < near->n && used < size; i++) {
		const char *before = i == 0 ? "; did you mean " : i + 1 == near->n ? " or " : ", ";
		int n = snprintf(buf + used, size - used, "%s'%s'%s", before, near->names[i],
				 i + 1 == near->n ? "?" : "");
		used += n > 0 ? (size_t)n : 0;
	}
	return buf;
}
