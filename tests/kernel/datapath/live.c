/* SPDX-License-Identifier: Apache-2.0 */
#include "dptest.h"

const struct test tests_live[] = {
	{0},
};
