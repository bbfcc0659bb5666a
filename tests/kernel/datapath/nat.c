/* SPDX-License-Identifier: Apache-2.0 */
#include "dptest.h"

const struct test tests_nat[] = {
	{0},
};
