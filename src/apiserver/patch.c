/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/verbs.h"

void wr_verb_patch(struct wr_call *c)
{
	wr_refuse(c, WR_UNSUPPORTED_MEDIA, "no patches yet");
}
