/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* /openapi/v2 and /openapi/v3. False: no such path. */
#include "apiserver/call.h"

bool wr_openapi(struct wr_call *c);
