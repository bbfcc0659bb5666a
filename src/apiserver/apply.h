/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Server-side apply: what one manager wants an object to be (see managed.h). */
#include "apiserver/object.h"

/* blob: what is stored, or NULL. Answers the call. */
void wr_apply(struct wr_call *c, const struct wr_blob *blob, enum wr_validation validation);
