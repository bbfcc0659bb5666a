/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Schemas: what a CustomResourceDefinition says of a structure, as tables, and
 * what an API server says of a tree that breaks them, in its own words
 * (k8s.io/kube-openapi/pkg/validation and k8s.io/apiextensions-apiserver).
 */
#include "api/fields.h"

enum wr_schema_type {
	WR_SCHEMA_OBJECT,
	WR_SCHEMA_ARRAY,
	WR_SCHEMA_STRING,
	WR_SCHEMA_INT32,
	WR_SCHEMA_STRINGS, /* a map with free keys and strings */
	WR_SCHEMA_ANY
};

struct wr_property {
	const char *name;
	const struct wr_schema *schema;
	bool required;
};

struct wr_schema {
	enum wr_schema_type type;
	const struct wr_property *props; /* objects; ends with a NULL name */
	const struct wr_schema *items;   /* arrays */
	/* least and most: properties, items, or a number's value; most 0: no bound; of strings bytes */
	int64_t least, most;
	bool set;                   /* arrays: no item twice */
	const char *const *choices; /* strings, ends with NULL */
	bool (*matches)(const char *text);
	const char *pattern; /* the regular expression that matches() stands for */
	/* The rule in CEL: what it says of a value that breaks it, or NULL. */
	const char *(*rule)(const struct wr_value *v);
	const struct wr_misplaced *misplaced; /* advice for unknown fields, or NULL */
	const char *advice;                   /* for a value that breaks the schema, or NULL */
	const struct wr_schema *later; /* what a later version has in its place; NULL: the same */
};

/*
 * Strict decoding: unknown and duplicate fields of v, a tree at the top of its
 * object, are added to d. A server that finds some does not go on.
 */
void wr_schema_fields(struct wr_decoder *d, const struct wr_value *v, const struct wr_schema *s);

/*
 * Validates v against a schema. All field errors are added to d; rules in CEL
 * are left out where the server leaves them out, which as_api_server records:
 * after an error of the schema that blocks, or of the metadata (blocked). later:
 * with what the kind's later version has in place of parts of the schema.
 */
void wr_schema_check(struct wr_decoder *d, const struct wr_value *v, const struct wr_schema *s,
		     bool blocked, bool later);
