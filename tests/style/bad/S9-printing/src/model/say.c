/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

void wr_say(void)
{
	printf("hello\n");
}
