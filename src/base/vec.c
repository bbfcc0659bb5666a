/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#include <stdint.h>

int wr_vec_grow(void **items, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return 0;
	size_t want = *cap ? *cap * 2 : 8, bytes;
	if (__builtin_mul_overflow(want, size, &bytes))
		return -ENOMEM;
	void *p = realloc(*items, bytes);
	if (!p)
		return -ENOMEM;
	*items = p;
	*cap = want;
	return 0;
}
