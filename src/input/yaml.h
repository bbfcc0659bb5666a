/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Shared by the files of the YAML reader (see yaml.c). */
#include <yaml.h>

#include "base/map.h"
#include "base/vec.h"
#include "input/internal.h"

/* A node and what it costs to stand for it once more. */
struct wr_yaml_node {
	struct wr_value *value;
	size_t nodes;   /* values in it, aliases expanded */
	size_t height;  /* levels of nesting in it: 1 for an empty list, 0 for a scalar */
	bool was_float; /* see struct wr_scalar */
};

/* A map or list that is still open. */
struct wr_yaml_frame {
	struct wr_yaml_node node;
	size_t base;         /* its first member on the stack of fields or items */
	size_t anchor;       /* index + 1 of the anchor that names it, or 0 */
	struct wr_field key; /* of a map: the key that waits for its value */
	bool has_key, key_is_merge, has_merge;
};

struct wr_yaml {
	const struct wr_reading *reading;
	struct wr_problem *problem; /* where the error goes, or NULL: to the list */
	yaml_parser_t parser;
	const char *text;
	size_t size;
	uint32_t first_line;
	WR_VEC(struct wr_yaml_frame) frames;
	WR_VEC(struct wr_field) fields;
	WR_VEC(struct wr_value *) items;
	WR_VEC(struct wr_yaml_node) anchors; /* value is NULL while the node is being read */
	struct wr_map *anchor_names;         /* to the index in anchors; NULL until the first */
	size_t alias_nodes;                  /* values that aliases have added so far */
	struct wr_value *root;
	bool failed; /* an error that does not hinder reading on was reported */
};

struct wr_mark wr_yaml_mark(const struct wr_yaml *y, yaml_mark_t at);

/* Reports an error and returns -EINVAL; advice may be NULL. */
int wr_yaml_fail(struct wr_yaml *y, struct wr_mark at, const char *advice, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Reports what the parser stopped at, in plain words; -EINVAL, or -ENOMEM. */
int wr_yaml_parser_problem(struct wr_yaml *y);

/* Whether the text at a place, or one character before it, begins so. */
bool wr_yaml_text_begins(const struct wr_yaml *y, yaml_mark_t at, const char *with);

/* A key from the node that stands for it. 0, -EINVAL, -ENOMEM. */
int wr_yaml_key(struct wr_yaml *y, const struct wr_yaml_node *node, struct wr_mark at,
		const char **key);

/* Closes a map: takes its fields off the stack, merges, flags duplicates. */
int wr_yaml_close_map(struct wr_yaml *y, struct wr_yaml_frame *frame);

/* Counts the values that an alias or merge adds. 0, or -EINVAL past the bound. */
int wr_yaml_count_alias(struct wr_yaml *y, struct wr_mark at, size_t nodes);
