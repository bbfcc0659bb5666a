/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/patch.h"

struct wr_value *wr_patch_merge(struct wr_tree *t, struct wr_value *target, struct wr_value *patch)
{
	if (!patch || patch->type != WR_MAP)
		return patch;
	if (!target || target->type != WR_MAP)
		target = wr_tree_map(t);
	for (size_t i = 0; i < patch->n && target; i++) {
		const struct wr_field *f = &patch->fields[i];
		if (f->value->type == WR_NULL)
			wr_tree_remove(target, f->key);
		else
			wr_tree_set(t, target, f->key,
				    wr_patch_merge(t, wr_value_get(target, f->key), f->value));
	}
	return target;
}
