/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * managedFields: who last set which field, as field sets (field_sets.h).
 * (k8s.io/apimachinery/pkg/util/managedfields)
 */
#include "apiserver/call.h"

/*
 * Notes in o what the call's manager changed against old (NULL: all is new).
 * The entries to begin with are o's, else old's. True when somebody's fields
 * are others than in old.
 */
bool wr_managed_update(struct wr_call *c, struct wr_value *o, const struct wr_value *old);

/* The manager of a call: fieldManager, else the begin of its User-Agent. */
const char *wr_managed_name(struct wr_call *c);

/* An entry of the list that metadata has, or NULL; made where make is true. */
struct wr_value *wr_managed_entry(struct wr_call *c, struct wr_value *list, const char *manager,
				  const char *operation, bool make);

/* Removes entries without fields; an empty list goes as a whole. */
void wr_managed_tidy(struct wr_value *meta);
