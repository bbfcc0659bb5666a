/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How the lists of an object are merged: whole, as sets of plain values, or by the key of
 * their items (patchMergeKey and listMapKey of k8s.io/api).
 */
#include "apiserver/resources.h"

enum wr_list_kind { WR_LIST_ATOMIC, WR_LIST_SET, WR_LIST_KEYED };

/*
 * The list under a field, which lies under the field parent ("" at the top).
 * *key is the merge key of WR_LIST_KEYED; *second, where it is not NULL, the other
 * part of the key in server-side apply ("protocol"), or NULL.
 */
enum wr_list_kind wr_list_type_of(enum wr_as_kind kind, const char *parent, const char *field,
				  const char **key, const char **second);

/* True for maps that are one value to server-side apply (selectors). */
bool wr_map_is_atomic(enum wr_as_kind kind, const char *parent, const char *field);
