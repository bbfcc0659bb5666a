/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "api/schema.h"
#include "apiserver/call.h"

/* /openapi/v2 and /openapi/v3. False: no such path. */
bool wr_openapi(struct wr_call *c);

/* A schema of the tables as OpenAPI has it. */
struct wr_value *wr_openapi_schema(struct wr_tree *t, const struct wr_schema *s);

/* What weir calls the kind of one of the cluster-wide policies' rows. */
enum wr_kind wr_openapi_policy(const struct wr_resource *r);

/* Version 2 in protobuf. */
void wr_openapi_v2(struct wr_call *c);
