/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "apiserver/json_text.h"
#include "apiserver/tree.h"
#include "input/input.h"

struct fixture {
	struct wr_tree t;
	struct wr_buf text;
};

static inline int setup(void **state)
{
	static struct fixture f;
	f = (struct fixture){.t.arena = wr_arena_new()};
	*state = &f;
	return f.t.arena ? 0 : -1;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	wr_arena_free(f->t.arena);
	wr_buf_free(&f->text);
	return 0;
}

/* JSON with ' for " */
static inline struct wr_value *json(struct fixture *f, const char *text)
{
	struct wr_value *v = NULL;
	char *copy = wr_arena_strdup(f->t.arena, text);
	assert_non_null(copy);
	for (char *s = copy; *s; s++)
		if (*s == '\'')
			*s = '"';
	assert_int_equal(
		wr_json_parse(f->t.arena, copy, strlen(copy), (struct wr_mark){0}, &v, NULL), 0);
	return v;
}

static inline void same(struct fixture *f, const struct wr_value *got, const char *want)
{
	wr_buf_free(&f->text);
	wr_answer_value(&f->text, got);
	if (!wr_tree_equal(got, json(f, want)))
		fail_msg("got %s, wanted %s", f->text.data, want);
	assert_false(f->t.nomem);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
