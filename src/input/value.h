/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The value tree: what a YAML or JSON document says, each value with its mark.
 *
 * Scalars are resolved as Kubernetes' own YAML to JSON step does it
 * (sigs.k8s.io/yaml, YAML 1.1 core as go-yaml v2 reads it): yes/no/on/off are
 * booleans, 0755 is an octal integer, 1.10 a float, ~ is null, quoted scalars
 * are strings. Non-string map keys become their JSON text. Anchors and aliases
 * are expanded (shared subtrees: the tree may be a DAG, never a cycle), merge
 * keys (<<) applied.
 *
 * All memory belongs to the arena that the document was read into; trees are
 * immutable after reading.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

enum wr_type { WR_NULL, WR_BOOL, WR_INT, WR_FLOAT, WR_STRING, WR_LIST, WR_MAP };

struct wr_value;

struct wr_field {
	const char *key;
	struct wr_mark mark; /* of the key */
	struct wr_value *value;
	bool duplicate; /* the same key stands earlier in this map */
};

struct wr_value {
	enum wr_type type;
	bool boolean; /* WR_BOOL */
	struct wr_mark mark;
	/*
	 * Scalars: the text, NUL-terminated and without NUL inside. For strings
	 * the contents; for the others as it was written ("0755", "yes").
	 */
	const char *text;
	int64_t integer; /* WR_INT; out of int64 range: WR_FLOAT instead, as JSON has it */
	double number;   /* WR_FLOAT, and WR_INT as double */
	union {
		struct wr_value **items; /* WR_LIST: n elements */
		struct wr_field *fields; /* WR_MAP: n fields in order of writing, duplicates kept */
	};
	size_t n;
};

/*
 * The value of a key: the last one where it is duplicated (as JSON decoders
 * do), NULL when v is NULL, not a map, or has no such key.
 */
struct wr_value *wr_value_get(const struct wr_value *v, const char *key);

/* Name of a type for messages: "string", "integer", "list", ... */
const char *wr_type_name(enum wr_type t);
