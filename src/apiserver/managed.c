/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/managed.h"

bool wr_managed_update(struct wr_call *c, struct wr_value *o, const struct wr_value *old)
{
	(void)c;
	(void)o;
	(void)old;
	return false;
}
