/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/apply.h"

void wr_apply(struct wr_call *c, const struct wr_blob *blob, enum wr_validation validation)
{
	(void)blob;
	(void)validation;
	wr_refuse(c, WR_UNSUPPORTED_MEDIA, "no server-side apply yet");
}
