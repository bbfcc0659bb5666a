/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "apiserver/call.h"

/* /openapi/v2 and /openapi/v3. False: no such path. */
bool wr_openapi(struct wr_call *c);

/* Version 2 in protobuf. */
void wr_openapi_v2(struct wr_call *c);
