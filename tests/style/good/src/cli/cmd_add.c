/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/add.h"

int wr_cmd_add(void)
{
	printf("%d\n", wr_add(1, 2));
	return 0;
}
