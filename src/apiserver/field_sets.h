/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Field sets: which fields of an object are meant, as a tree in the form
 * FieldsV1. A member "f:x" is the field x, k:{"name":"c"} the item of a list
 * with that key, v:"x" a value of a set, "." the thing itself where its parts
 * are named too. {} is a leaf.
 * (sigs.k8s.io/structured-merge-diff/v4/fieldpath)
 */
#include "apiserver/resources.h"
#include "apiserver/tree.h"

/* All leaves of an object, but for what the server owns (name, uid, versions ...). */
struct wr_value *wr_fields_of(struct wr_tree *t, enum wr_as_kind kind,
			      const struct wr_value *object);

/* What is in now and not the same in before; and what is in before and not in now. */
struct wr_value *wr_fields_changed(struct wr_tree *t, enum wr_as_kind kind,
				   const struct wr_value *before, const struct wr_value *now);
struct wr_value *wr_fields_removed(struct wr_tree *t, enum wr_as_kind kind,
				   const struct wr_value *before, const struct wr_value *now);

/* a becomes the union with, or the difference of, b. b is not shared. */
void wr_fields_add(struct wr_tree *t, struct wr_value *a, const struct wr_value *b);
void wr_fields_subtract(struct wr_value *a, const struct wr_value *b);

/* The common leaves, or an empty set. */
struct wr_value *wr_fields_common(struct wr_tree *t, const struct wr_value *a,
				  const struct wr_value *b);

bool wr_fields_empty(const struct wr_value *set);

/* Removes from an object what a set names. */
void wr_fields_prune(enum wr_as_kind kind, struct wr_value *object, const struct wr_value *set);

/* Lays an applied configuration over an object: lists by their keys, atomic parts whole. */
struct wr_value *wr_fields_merge(struct wr_tree *t, enum wr_as_kind kind, struct wr_value *live,
				 const struct wr_value *applied);

/* Appends the leaves as strings, ".spec.ports[name=\"web\"].port", to a list. */
void wr_fields_paths(struct wr_tree *t, const struct wr_value *set, struct wr_value *list);
