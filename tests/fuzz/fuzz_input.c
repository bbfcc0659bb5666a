/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front end: any bytes through the YAML and JSON readers, and what comes
 * out held to its promises: marks inside of the input, texts where they belong,
 * no nesting or size past the limits, errors reported exactly when there are
 * some, and every document readable again from its own text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/input.h"

#define CHECK(cond)                                                                \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                   \
		}                                                                  \
	} while (0)

static const struct wr_input_limits limits = {
	.file_bytes = 1 << 20,
	.depth = 20,
	.nodes = 20000,
	.alias_nodes = 5000,
	.documents = 100,
	.files = 1,
};

struct extent {
	uint32_t first_line, last_line, columns;
	size_t nodes;
};

static void check_mark(struct wr_mark at, const struct extent *e)
{
	CHECK(at.line >= e->first_line && at.line <= e->last_line);
	CHECK(at.column >= 1 && at.column <= e->columns);
}

static void check_value(const struct wr_value *v, struct extent *e, size_t depth)
{
	bool inner = v->type == WR_LIST || v->type == WR_MAP;
	CHECK(v->type <= WR_MAP);
	CHECK(++e->nodes <= limits.nodes + limits.alias_nodes);
	CHECK(depth < limits.depth + !inner);
	check_mark(v->mark, e);
	CHECK(inner ? !v->text : v->text != NULL);
	CHECK(inner || !v->n);
	CHECK(v->type != WR_INT || (double)v->integer == v->number);
	CHECK(v->type != WR_FLOAT || (v->number - v->number == 0.0)); /* finite */
	for (size_t i = 0; v->type == WR_LIST && i < v->n; i++)
		check_value(v->items[i], e, depth + 1);
	for (size_t i = 0; v->type == WR_MAP && i < v->n; i++) {
		check_mark(v->fields[i].mark, e);
		CHECK(v->fields[i].key && wr_value_get(v, v->fields[i].key));
		check_value(v->fields[i].value, e, depth + 1);
	}
}

/* The same values, at the same lines. */
static void check_same(const struct wr_value *a, const struct wr_value *b)
{
	CHECK(a->type == b->type && a->n == b->n && a->mark.line == b->mark.line);
	CHECK(!a->text || !strcmp(a->text, b->text));
	CHECK(a->boolean == b->boolean && a->integer == b->integer);
	for (size_t i = 0; a->type == WR_LIST && i < a->n; i++)
		check_same(a->items[i], b->items[i]);
	for (size_t i = 0; a->type == WR_MAP && i < a->n; i++) {
		CHECK(!strcmp(a->fields[i].key, b->fields[i].key));
		CHECK(a->fields[i].duplicate == b->fields[i].duplicate);
		check_same(a->fields[i].value, b->fields[i].value);
	}
}

static void check_again(const struct wr_document *d)
{
	struct wr_input *in = wr_input_new(&limits);
	struct wr_diags *diags = wr_diags_new();
	CHECK(in && diags);
	CHECK(!wr_input_bytes(in, d->file, d->first_line, d->text, d->size, diags));
	CHECK(wr_input_count(in) == 1);
	check_same(d->root, wr_input_at(in, 0)->root);
	wr_diags_free(diags);
	wr_input_free(in);
}

static void check_diags(const struct wr_diags *diags, struct extent e)
{
	for (size_t i = 0; i < wr_diags_count(diags); i++) {
		const struct wr_diag *g = wr_diags_at(diags, i);
		CHECK(g->message && *g->message);
		/* the place after the last character counts as inside */
		if (g->mark.line) {
			e.columns++;
			e.last_line++;
			check_mark(g->mark, &e);
		}
	}
}

static void fuzz_stream(const uint8_t *data, size_t size)
{
	struct wr_input *in = wr_input_new(&limits);
	struct wr_diags *diags = wr_diags_new();
	CHECK(in && diags);
	struct extent e = {10, 10 + (uint32_t)size, (uint32_t)size + 1, 0};
	int rc = wr_input_bytes(in, "fuzz", 10, data, size, diags);
	CHECK(!rc == !wr_diags_total(diags, WR_ERROR));
	check_diags(diags, e);
	CHECK(wr_input_count(in) <= limits.documents);
	for (size_t i = 0; i < wr_input_count(in); i++) {
		const struct wr_document *d = wr_input_at(in, i);
		CHECK(d->index == i && d->first_line >= 10 && d->first_line <= e.last_line);
		e.nodes = 0;
		check_value(d->root, &e, 0);
		/* JSON streams may hold texts that read otherwise as YAML, but no maps */
		if (d->root->type == WR_MAP)
			check_again(d);
	}
	wr_diags_free(diags);
	wr_input_free(in);
}

static void fuzz_json(const uint8_t *data, size_t size)
{
	struct wr_arena *a = wr_arena_new();
	struct wr_diags *diags = wr_diags_new();
	char *text = malloc(size ? size : 1); /* of the exact size: nothing may be read past it */
	CHECK(a && diags && text);
	memcpy(text, data, size);
	struct wr_mark at = {"fuzz", 1, 1};
	struct wr_value *v = NULL;
	if (!wr_json_parse(a, text, size, at, &v, diags)) {
		struct extent e = {1, 1 + (uint32_t)size, (uint32_t)size + 1, 0};
		CHECK(v && !wr_diags_count(diags));
		/* wr_json_parse() has limits of its own: only the depth is near */
		if (size < limits.depth)
			check_value(v, &e, 0);
	} else {
		CHECK(!v && wr_diags_count(diags) == 1);
	}
	free(text);
	wr_diags_free(diags);
	wr_arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_stream(data, size);
	fuzz_json(data, size);
	return 0;
}
