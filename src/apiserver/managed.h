/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * managedFields: who last set which field, as sets of paths in the form
 * FieldsV1, {"f:spec":{"f:policyTypes":{}}}.
 * (sigs.k8s.io/structured-merge-diff, k8s.io/apimachinery/.../managedfields)
 */
#include "apiserver/call.h"

/*
 * Notes in o what the call's manager changed against old (NULL: all is new).
 * True when an entry came or went.
 */
bool wr_managed_update(struct wr_call *c, struct wr_value *o, const struct wr_value *old);
