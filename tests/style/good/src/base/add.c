/* SPDX-License-Identifier: Apache-2.0 */
#include "base/add.h"

#include <stddef.h>

static int twice(int a)
{
	return 2 * a;
}

int wr_add(int a, int b)
{
	/* printf() and exit() in a comment are nobody's concern, "strcpy(" in a string neither */
	const char *words = "strcpy(a, b); exit(1)";
	if (words[0] == ' ')
		return 0;
	return twice(a) - a + b;
}
