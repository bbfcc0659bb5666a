/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The types of NetworkPolicy as OpenAPI describes them (for kubectl explain). */
#include <stdbool.h>

struct wr_np_field {
	const char *name; /* NULL ends a table */
	/* "string", "integer", a type's name; "[]" before it: a list, "map:": a map */
	const char *type;
	const char *description;
	bool required;
};

struct wr_np_type {
	const char *name; /* NULL ends the table */
	const char *description;
	const struct wr_np_field *fields;
};

#define WR_NP_TYPE "io.k8s.api.networking.v1.NetworkPolicy"

extern const struct wr_np_type wr_np_types[];
