/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "input/edit.h"
#include "input/input.h"

/* Edits of a document's own text: what is edited, and what is left alone. */

struct fixture {
	struct wr_input *in;
	struct wr_diags *diags;
	struct wr_arena *arena;
};

static const struct wr_document *read_text(struct fixture *f, const char *text)
{
	f->in = wr_input_new(NULL);
	f->diags = wr_diags_new();
	f->arena = wr_arena_new();
	assert_non_null(f->in);
	assert_int_equal(wr_input_bytes(f->in, "t", 1, text, strlen(text), f->diags), 0);
	return wr_input_at(f->in, wr_input_count(f->in) - 1);
}

static void done(struct fixture *f)
{
	wr_input_free(f->in);
	wr_diags_free(f->diags);
	wr_arena_free(f->arena);
}

static void assert_applied(const struct wr_edit *edits, size_t n, const char *want)
{
	char *out;
	size_t size, left_out;
	assert_int_equal(wr_edit_apply(edits[0].doc->source, edits[0].doc->source_size, edits, n,
				       &out, &size, &left_out),
			 0);
	assert_int_equal(size, strlen(want));
	assert_memory_equal(out, want, size);
	free(out);
}

static void replaces_scalars(void **state)
{
	(void)state;
	static const struct {
		const char *text, *with, *want;
		int rc;
	} cases[] = {
		{"a: b # c\nd: e\n", "x", "a: x # c\nd: e\n", 0},
		{"a: 'it''s' # c\n", "x", "a: x # c\n", 0},
		{"a: \"q\\\"s\" # c\n", "x", "a: x # c\n", 0},
		{"x: 1\n---\n# é\na: b\n", "x", "x: 1\n---\n# é\na: x\n", 0},
		{"{a: b}\n", "x", "{a: x}\n", 0},
		{"\"é\": 1\na: 80\r\n", "81", "\"é\": 1\na: 81\r\n", 0},
		{"a: |\n  b\n", "x", NULL, -ENOTSUP},
		{"z: &z b\na: *z\n", "x", NULL, -ENOTSUP},
		{"a: >-\n  b\n  c\n", "x", NULL, -ENOTSUP},
		{"a: 'b\n  c'\n", "x", NULL, -ENOTSUP},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		struct wr_edit edit;
		const struct wr_document *doc = read_text(&f, cases[i].text);
		int rc = wr_edit_replace(doc, wr_value_get(doc->root, "a"), cases[i].with, &edit);
		if (rc != cases[i].rc)
			print_message("case %zu: %d\n", i, rc);
		assert_int_equal(rc, cases[i].rc);
		if (!rc)
			assert_applied(&edit, 1, cases[i].want);
		done(&f);
	}
}

static void inserts_lines(void **state)
{
	(void)state;
	static const struct {
		const char *text, *below, *above; /* the edit below and above the value of a */
	} cases[] = {
		{"a:\n  - b: 1 # c\n    d: 2\nz: 1\n",
		 "a:\n  - b: 1 # c\n    d: 2\n  x\n    y\nz: 1\n",
		 "a:\n  x\n    y\n  - b: 1 # c\n    d: 2\nz: 1\n"},
		{"a:\n- b\nz: 1\n", "a:\n- b\nx\n  y\nz: 1\n", "a:\nx\n  y\n- b\nz: 1\n"},
		{"a:\r\n  b: 1\r\n", "a:\r\n  b: 1\r\n  x\r\n    y\r\n",
		 "a:\r\n  x\r\n    y\r\n  b: 1\r\n"},
		{"a: [b]\n", NULL, NULL},
		{"a: {b: 1}\n", NULL, NULL},
		{"a: &k\n  b: 1\n", "a: &k\n  b: 1\n  x\n    y\n", "a: &k\n  x\n    y\n  b: 1\n"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		struct wr_edit edit;
		const struct wr_document *doc = read_text(&f, cases[i].text);
		const struct wr_value *a = wr_value_get(doc->root, "a");
		struct wr_mark mark = a->type == WR_MAP ? a->fields[0].mark : a->mark;
		int rc = wr_edit_insert_below(doc, a, "x\n  y", f.arena, &edit);
		assert_int_equal(rc, cases[i].below ? 0 : -ENOTSUP);
		if (!rc)
			assert_applied(&edit, 1, cases[i].below);
		rc = wr_edit_insert_above(doc, mark, "x\n  y", f.arena, &edit);
		assert_int_equal(rc, cases[i].above ? 0 : -ENOTSUP);
		if (!rc)
			assert_applied(&edit, 1, cases[i].above);
		done(&f);
	}
}

static void removes_items(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
		size_t item;
	} cases[] = {
		{"a:\n  - b: 1\n    c: 2 # x\n  - d\n", "a:\n  - d\n", 0},
		{"a:\n  - b: 1\n    c: 2 # x\n  - d\n", "a:\n  - b: 1\n    c: 2 # x\n", 1},
		{"a:\n- b\n- c\nz: 1\n", "a:\n- b\nz: 1\n", 1},
		{"a:\n- b\n", NULL, 0},
		{"a: [b, c]\n", NULL, 0},
		{"a:\n- - b\n  - c\n- d\n", "a:\n- d\n", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		struct wr_edit edit;
		const struct wr_document *doc = read_text(&f, cases[i].text);
		int rc = wr_edit_remove_item(doc, wr_value_get(doc->root, "a"), cases[i].item,
					     &edit);
		if (rc != (cases[i].want ? 0 : -ENOTSUP))
			print_message("case %zu: %d\n", i, rc);
		assert_int_equal(rc, cases[i].want ? 0 : -ENOTSUP);
		if (!rc)
			assert_applied(&edit, 1, cases[i].want);
		done(&f);
	}
}

static void puts_edits_together(void **state)
{
	(void)state;
	struct fixture f;
	const struct wr_document *doc = read_text(&f, "a: 1\nb: 2\nc: 3\n");
	struct wr_edit edits[] = {
		{doc, 13, 1, "z"}, {doc, 3, 1, "x"}, {doc, 3, 4, "overlaps"}, {doc, 5, 0, "# n\n"}};
	char *out;
	size_t size, left_out;
	assert_int_equal(
		wr_edit_apply(doc->source, doc->source_size, edits, 4, &out, &size, &left_out), 0);
	assert_int_equal(left_out, 1);
	assert_int_equal(size, strlen("a: x\n# n\nb: 2\nc: z\n"));
	assert_memory_equal(out, "a: x\n# n\nb: 2\nc: z\n", size);
	free(out);
	assert_int_equal(wr_edit_apply("other", 5, edits, 4, &out, &size, &left_out), -EINVAL);
	done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_scalars),
		cmocka_unit_test(inserts_lines),
		cmocka_unit_test(removes_items),
		cmocka_unit_test(puts_edits_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
