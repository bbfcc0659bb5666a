/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * CustomResourceDefinitions: their defaults, their validation, and the status
 * from which the catalog takes what is served. A real server's controllers
 * need a moment for the status; here it is there with the object.
 */
#include "apiserver/call.h"

void wr_definition_default(struct wr_call *c, struct wr_value *o);

/* Adds what is wrong with a definition, in the API server's words. */
void wr_definition_check(struct wr_call *c, const struct wr_value *o, struct wr_diags *diags);

/* status: accepted names, stored versions, NamesAccepted, Established. */
void wr_definition_settle(struct wr_call *c, struct wr_value *o);

/*
 * The definition of one of the cluster-wide policies' resources, as upstream's
 * experimental channel has it, with weir's own schema.
 */
struct wr_value *wr_definition_of_policy(struct wr_tree *t, const struct wr_resource *r);
