/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/internal.h"

int classes_count(void)
{
	return 1;
}
