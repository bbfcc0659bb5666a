/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Filter: the labelSelector and fieldSelector of a list or watch, as kubectl
 * writes them: "app=web,tier!=db,env in (a,b),!old", "metadata.name=x".
 * (k8s.io/apimachinery/pkg/labels/selector.go, pkg/fields/selector.go)
 */
#include "base/arena.h"
#include "input/value.h"

struct wr_filter {
	struct wr_filter_term *labels, *fields;
	size_t n_labels, n_fields;
};

/*
 * Parses both (either may be NULL or ""). Memory is the arena's. 0; -ENOMEM;
 * -EINVAL with *why, in the API server's words where it has some.
 */
int wr_filter_parse(const char *labels, const char *fields, struct wr_arena *arena,
		    struct wr_filter *out, const char **why);

/* True when the filter takes everything. */
bool wr_filter_empty(const struct wr_filter *f);

bool wr_filter_matches(const struct wr_filter *f, const struct wr_value *object);

/* The name that metadata.name must have, or NULL: then nobody needs to look at others. */
const char *wr_filter_name(const struct wr_filter *f);
