/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/openapi.h"

bool wr_openapi(struct wr_call *c)
{
	(void)c;
	return false;
}
