/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Patches: the three ways to say a change. Each takes a tree of the request,
 * which it may edit in place, and gives the tree that came of it. Parts of the
 * patch become parts of the result.
 */
#include "apiserver/resources.h"
#include "apiserver/tree.h"

/* RFC 7386: null removes, maps merge, all else replaces. target may be NULL. */
struct wr_value *wr_patch_merge(struct wr_tree *t, struct wr_value *target, struct wr_value *patch);

/*
 * RFC 6902. 0 and *out; -EINVAL with *why (in the arena, or constant): the list of
 * operations is none, or one of them cannot be done.
 */
int wr_patch_json(struct wr_tree *t, struct wr_value *target, const struct wr_value *ops,
		  struct wr_value **out, const char **why);

/*
 * Kubernetes' strategic merge patch: lists with a merge key merge item by
 * item, with the directives $patch, $retainKeys, $setElementOrder and
 * $deleteFromPrimitiveList. 0 and *out, or -EINVAL with *why.
 * (k8s.io/apimachinery/pkg/util/strategicpatch)
 */
int wr_patch_strategic(struct wr_tree *t, enum wr_as_kind kind, struct wr_value *target,
		       struct wr_value *patch, struct wr_value **out, const char **why);

/* Nested deeper than this is refused, whoever asks for it. */
#define WR_PATCH_DEPTH 100
