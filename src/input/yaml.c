/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML document to a value tree.
 *
 * libyaml gives events (scalar, map begins, map ends, alias, ...) with their
 * places; the tree is composed here, with a stack of the maps and lists that
 * are still open instead of recursion. Members wait on one stack for fields and
 * one for items, and move into the arena when their map or list is closed.
 *
 * An alias is the very value that its anchor names: the tree shares it. That
 * makes "billion laughs" cheap to hold but not to walk, so every node knows how
 * many values it stands for and how deep it is, and both are counted again at
 * every alias.
 *
 * An error in the syntax ends the document. An error in a value (a tag that
 * does not fit, .inf, an unknown anchor) is reported and reading goes on, so
 * that the others are reported too; the document is then dropped.
 */
#include "input/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "input/base64.h"
#include "input/scalar.h"

struct wr_mark wr_yaml_mark(const struct wr_yaml *y, yaml_mark_t at)
{
	return (struct wr_mark){y->reading->file, y->first_line + (uint32_t)at.line,
				(uint32_t)at.column + 1};
}

int wr_yaml_fail(struct wr_yaml *y, struct wr_mark at, const char *advice, const char *fmt, ...)
{
	struct wr_problem p = {.mark = at, .advice = advice};
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(p.message, sizeof(p.message), fmt, ap);
	va_end(ap);
	if (y->problem && !y->failed)
		*y->problem = p;
	else if (!y->problem && y->reading->diags)
		wr_problem_report(&p, y->reading->diags);
	y->failed = true;
	return -EINVAL;
}

int wr_yaml_count_alias(struct wr_yaml *y, struct wr_mark at, size_t nodes)
{
	y->alias_nodes += nodes;
	if (y->alias_nodes <= y->reading->limits->alias_nodes)
		return 0;
	return wr_yaml_fail(y, at, "write it out, or split the document",
			    "aliases expand to more than %zu values",
			    y->reading->limits->alias_nodes);
}

/* The innermost open map or list, or NULL. */
static struct wr_yaml_frame *top(struct wr_yaml *y)
{
	return y->frames.n ? &y->frames.items[y->frames.n - 1] : NULL;
}

static bool wants_key(const struct wr_yaml_frame *f)
{
	return f && f->node.value->type == WR_MAP && !f->has_key;
}

/* A finished node takes its place: root, list item, key, or value of the waiting key. */
static int place(struct wr_yaml *y, const struct wr_yaml_node *node, struct wr_mark at)
{
	struct wr_yaml_frame *f = top(y);
	if (!f) {
		y->root = node->value;
		return 0;
	}
	f->node.nodes += node->nodes;
	if (f->node.height < node->height + 1)
		f->node.height = node->height + 1;
	if (f->node.nodes > y->reading->limits->nodes)
		return wr_yaml_fail(y, at, "split it into several documents",
				    "the document has more than %zu values",
				    y->reading->limits->nodes);
	if (f->node.value->type == WR_LIST)
		return wr_vec_push(&y->items, node->value);
	if (!f->has_key) {
		f->key = (struct wr_field){.mark = at};
		f->has_key = true;
		/* a bad key is no reason to stop */
		return wr_yaml_key(y, node, at, &f->key.key) == -ENOMEM ? -ENOMEM : 0;
	}
	f->has_key = false;
	f->key.value = node->value;
	if (f->key_is_merge) {
		f->key.key = NULL; /* tells a merge from a field called "<<" */
		f->has_merge = true;
		f->key_is_merge = false;
	}
	return wr_vec_push(&y->fields, f->key);
}

/* Names the node to come. *index is that of the anchor + 1; 0 without one. */
static int declare_anchor(struct wr_yaml *y, const yaml_char_t *name, size_t *index)
{
	*index = 0;
	if (!name)
		return 0;
	if (!y->anchor_names)
		y->anchor_names = wr_map_new();
	if (!y->anchor_names || wr_vec_push(&y->anchors, (struct wr_yaml_node){0}) < 0 ||
	    wr_map_put(y->anchor_names, name, strlen((const char *)name), y->anchors.n - 1) < 0)
		return -ENOMEM;
	*index = y->anchors.n;
	return 0;
}

static void define_anchor(struct wr_yaml *y, size_t index, const struct wr_yaml_node *node)
{
	if (index)
		y->anchors.items[index - 1] = *node;
}

static struct wr_value *new_value(struct wr_yaml *y, enum wr_type type, yaml_mark_t at)
{
	struct wr_value *v = wr_arena_alloc(y->reading->arena, sizeof(*v));
	if (v) {
		v->type = type;
		v->mark = wr_yaml_mark(y, at);
	}
	return v;
}

static int on_binary(struct wr_yaml *y, struct wr_value *v, const char *text)
{
	char *out = wr_arena_alloc(y->reading->arena, strlen(text) + 1);
	if (!out)
		return -ENOMEM;
	v->text = out;
	if (wr_base64_decode(text, out) < 0)
		return wr_yaml_fail(y, v->mark, NULL, "this !!binary value is not valid base64");
	return 0;
}

/* Sets the value from the text of a scalar event, by its tag. */
static int resolve(struct wr_yaml *y, const yaml_event_t *e, struct wr_yaml_node *node)
{
	struct wr_value *v = node->value;
	const char *tag = (const char *)e->data.scalar.tag, *text = v->text, *kind = NULL;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (!tag && !plain)
		return 0;
	if (tag && !strcmp(tag, WR_YAML_TAG_PREFIX "binary"))
		return on_binary(y, v, text);
	struct wr_scalar s;
	if (wr_scalar_resolve(tag, text, &s, &kind) < 0)
		return wr_yaml_fail(y, v->mark, "change the value, or drop the tag",
				    "cannot read %s '%.64s' as what its tag says, !!%s", kind, text,
				    tag + strlen(WR_YAML_TAG_PREFIX));
	v->type = s.value.type;
	v->boolean = s.value.boolean;
	v->integer = s.value.integer;
	v->number = s.value.number;
	node->was_float = s.was_float;
	/* as a key it is allowed */
	if (v->type == WR_FLOAT && !isfinite(v->number) && !wants_key(top(y)))
		return wr_yaml_fail(y, v->mark, "quote it if a string is meant",
				    "%s cannot be expressed in JSON", text);
	return 0;
}

static bool is_merge_key(const struct wr_yaml *y, const yaml_event_t *e)
{
	const char *tag = (const char *)e->data.scalar.tag;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return wants_key(y->frames.n ? &y->frames.items[y->frames.n - 1] : NULL) &&
	       !strcmp((const char *)e->data.scalar.value, "<<") &&
	       (tag ? !strcmp(tag, WR_YAML_TAG_PREFIX "merge") : plain);
}

static int on_scalar(struct wr_yaml *y, const yaml_event_t *e)
{
	struct wr_yaml_node node = {.value = new_value(y, WR_STRING, e->start_mark), .nodes = 1};
	const char *text = (const char *)e->data.scalar.value;
	size_t anchor;
	if (!node.value || declare_anchor(y, e->data.scalar.anchor, &anchor) < 0)
		return -ENOMEM;
	node.value->text = wr_arena_strndup(y->reading->arena, text, e->data.scalar.length);
	if (!node.value->text)
		return -ENOMEM;
	int rc = 0;
	if (strlen(node.value->text) != e->data.scalar.length)
		rc = wr_yaml_fail(y, node.value->mark, NULL,
				  "a string cannot contain the NUL character");
	else
		rc = resolve(y, e, &node);
	if (rc == -ENOMEM)
		return rc;
	define_anchor(y, anchor, &node);
	if (is_merge_key(y, e))
		top(y)->key_is_merge = true;
	return place(y, &node, node.value->mark);
}

static int on_alias(struct wr_yaml *y, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct wr_mark at = wr_yaml_mark(y, e->start_mark);
	const struct wr_input_limits *limits = y->reading->limits;
	uint64_t index;
	struct wr_yaml_node node = {.nodes = 1};
	if (!y->anchor_names || !wr_map_get(y->anchor_names, name, strlen(name), &index)) {
		wr_yaml_fail(y, at,
			     "an anchor must stand before its aliases; quote a value that begins "
			     "with '*'",
			     "the alias *%.64s names no anchor", name);
		node.value = new_value(y, WR_NULL, e->start_mark);
		return node.value ? place(y, &node, at) : -ENOMEM;
	}
	node = y->anchors.items[index];
	if (!node.value)
		return wr_yaml_fail(y, at, NULL, "the alias *%.64s stands inside what it names",
				    name);
	int rc = wr_yaml_count_alias(y, at, node.nodes);
	if (rc < 0)
		return rc;
	if (y->frames.n + node.height > limits->depth)
		return wr_yaml_fail(y, at, NULL, "nested deeper than %zu levels", limits->depth);
	return place(y, &node, at);
}

/* Mostly no attempt at one, but "{{ .Values.name }}". */
static int collection_as_key(struct wr_yaml *y, const yaml_event_t *e, enum wr_type type)
{
	struct wr_mark outer = top(y)->node.value->mark, at = wr_yaml_mark(y, e->start_mark);
	bool right_after = at.line == outer.line && at.column <= outer.column + 1;
	if (type == WR_MAP && right_after && wr_yaml_text_begins(y, e->start_mark, "{{"))
		return wr_yaml_fail(y, outer,
				    "render templates first; quote a value that begins with '{{'",
				    "'{{' begins a template");
	return wr_yaml_fail(y, at, "quote a value that begins with '{' or '['",
			    "a map key must be a scalar, not a %s", wr_type_name(type));
}

static int open_frame(struct wr_yaml *y, const yaml_event_t *e, enum wr_type type)
{
	const yaml_char_t *name = type == WR_MAP ? e->data.mapping_start.anchor
						 : e->data.sequence_start.anchor;
	struct wr_yaml_frame f = {0};
	struct wr_mark at = wr_yaml_mark(y, e->start_mark);
	if (wants_key(top(y)))
		return collection_as_key(y, e, type);
	if (y->frames.n >= y->reading->limits->depth)
		return wr_yaml_fail(y, at, NULL, "nested deeper than %zu levels",
				    y->reading->limits->depth);
	f.node = (struct wr_yaml_node){new_value(y, type, e->start_mark), 1, 1, false};
	f.base = type == WR_MAP ? y->fields.n : y->items.n;
	if (!f.node.value || declare_anchor(y, name, &f.anchor) < 0)
		return -ENOMEM;
	return wr_vec_push(&y->frames, f);
}

static int close_list(struct wr_yaml *y, struct wr_yaml_frame *f)
{
	struct wr_value *v = f->node.value;
	v->n = y->items.n - f->base;
	v->items = wr_arena_array(y->reading->arena, v->n, sizeof(struct wr_value *));
	if (!v->items)
		return -ENOMEM;
	if (v->n)
		memcpy(v->items, y->items.items + f->base, v->n * sizeof(struct wr_value *));
	y->items.n = f->base;
	return 0;
}

static int close_frame(struct wr_yaml *y)
{
	struct wr_yaml_frame f = y->frames.items[y->frames.n - 1];
	int rc = f.node.value->type == WR_MAP ? wr_yaml_close_map(y, &f) : close_list(y, &f);
	if (rc == -ENOMEM)
		return rc;
	y->frames.n--;
	define_anchor(y, f.anchor, &f.node);
	int placed = place(y, &f.node, f.node.value->mark);
	return rc < 0 ? rc : placed;
}

/* 1: the document is over; 0: more; <0: no use to go on. */
static int on_event(struct wr_yaml *y, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(y, e);
	case YAML_ALIAS_EVENT:
		return on_alias(y, e);
	case YAML_MAPPING_START_EVENT:
		return open_frame(y, e, WR_MAP);
	case YAML_SEQUENCE_START_EVENT:
		return open_frame(y, e, WR_LIST);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return close_frame(y);
	case YAML_STREAM_END_EVENT:
		return 1;
	case YAML_DOCUMENT_START_EVENT:
		if (!y->root)
			return 0;
		/* only after one of the line breaks that YAML alone knows */
		return wr_yaml_fail(y, wr_yaml_mark(y, e->start_mark),
				    "begin the line after an ordinary line break",
				    "a document begins inside of another one");
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return 0;
}

static int read_events(struct wr_yaml *y)
{
	for (int rc = 0; !rc;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&y->parser, &event))
			return wr_yaml_parser_problem(y);
		rc = on_event(y, &event);
		yaml_event_delete(&event);
		if (rc < 0)
			return rc;
		if (rc)
			return y->failed ? -EINVAL : 0;
	}
	return 0;
}

int wr_yaml_read(const struct wr_reading *r, const char *text, size_t size, uint32_t first_line,
		 struct wr_problem *problem, struct wr_value **root)
{
	struct wr_yaml y = {.reading = r,
			    .problem = problem,
			    .text = text,
			    .size = size,
			    .first_line = first_line};
	if (!yaml_parser_initialize(&y.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y.parser, (const unsigned char *)text, size);
	int rc = read_events(&y);
	if (!rc)
		*root = y.root && y.root->type != WR_NULL ? y.root : NULL;
	yaml_parser_delete(&y.parser);
	wr_vec_free(&y.frames);
	wr_vec_free(&y.fields);
	wr_vec_free(&y.items);
	wr_vec_free(&y.anchors);
	wr_map_free(y.anchor_names);
	return rc;
}
