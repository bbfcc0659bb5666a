/* SPDX-License-Identifier: Apache-2.0 */
#include "input/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Up to here comparing all pairs is faster than sorting, and needs no memory. */
#define FEW 24

/* Most keys of a map differ in their first byte: no call for those. */
static bool same(const char *a, const char *b)
{
	return *a == *b && !strcmp(a, b);
}

static int compare(const void *pa, const void *pb)
{
	const struct wr_field *a = *(struct wr_field *const *)pa,
			      *b = *(struct wr_field *const *)pb;
	int order = strcmp(a->key, b->key);
	if (order)
		return order;
	return a < b ? -1 : a > b; /* the fields lie in one array: the order of writing */
}

int wr_fields_flag_duplicates(struct wr_field *fields, size_t n)
{
	if (n <= FEW) {
		for (size_t i = 1; i < n; i++)
			for (size_t j = 0; j < i && !fields[i].duplicate; j++)
				fields[i].duplicate = same(fields[i].key, fields[j].key);
		return 0;
	}
	/* sorted and not hashed: no choice of keys makes this slow */
	struct wr_field **sorted = malloc(n * sizeof(struct wr_field *));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &fields[i];
	qsort(sorted, n, sizeof(struct wr_field *), compare);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(sorted[i]->key, sorted[i - 1]->key))
			sorted[i]->duplicate = true;
	free(sorted);
	return 0;
}
