/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "show.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_structures(void **state)
{
	(void)state;
	expect("a: 1\nb:\n- x\n- y: z\n  w: [1, {k: v}]\n-\n",
	       "{\"a\":1,\"b\":[\"x\",{\"y\":\"z\",\"w\":[1,{\"k\":\"v\"}]},null]}\n", "");
	expect("[]", "[]\n", "");
	expect("just text", "\"just text\"\n", "");
	expect("a: {}\nb: []\nc:\n", "{\"a\":{},\"b\":[],\"c\":null}\n", "");
	expect("? a\n: b\n? c\n", "{\"a\":\"b\",\"c\":null}\n", "");
	expect("a: |\n  x\n   y\n\nb: >\n  p\n  q\n", "{\"a\":\"x\\n y\\n\",\"b\":\"p q\\n\"}\n",
	       "");
	expect("{a: 1, \"b\":2}", "{\"a\":1,\"b\":2}\n", "");
}

static void test_marks(void **state)
{
	(void)state;
	static const char text[] = "# c\n\nspec:\n  é: {b: \"x\"}\n  c:\n  - 1\n  -  !!str 2\n";
	struct shown s = shown_read(text, strlen(text), NULL);
	assert_int_equal(wr_input_count(s.in), 1);
	const struct wr_value *root = wr_input_at(s.in, 0)->root;
	const struct wr_value *spec = wr_value_get(root, "spec");
	const struct wr_field *key[] = {&root->fields[0], &spec->fields[0],
					&spec->fields[0].value->fields[0], &spec->fields[1]};
	static const uint32_t key_at[][2] = {{3, 1}, {4, 3}, {4, 7}, {5, 3}};
	static const uint32_t value_at[][2] = {{4, 3}, {4, 6}, {4, 10}, {6, 3}};
	for (size_t i = 0; i < COUNT(key); i++) {
		assert_int_equal(key[i]->mark.line, key_at[i][0]);
		assert_int_equal(key[i]->mark.column, key_at[i][1]);
		assert_int_equal(key[i]->value->mark.line, value_at[i][0]);
		assert_int_equal(key[i]->value->mark.column, value_at[i][1]);
		assert_string_equal(key[i]->mark.file, "f");
	}
	assert_int_equal(spec->fields[1].value->items[1]->mark.line, 7);
	assert_int_equal(spec->fields[1].value->items[1]->mark.column, 6);
	shown_free(&s);
}

static void test_duplicates(void **state)
{
	(void)state;
	expect("a: 1\nb: 2\na: 3\n", "{\"a\":1,\"b\":2,!\"a\":3}\n", "");
	expect("1: 1\n\"1\": 2\n", "{\"1\":1,!\"1\":2}\n", "");
}

static void test_aliases(void **state)
{
	(void)state;
	expect("a: &x {k: 1}\nb: *x\nc: [*x, *x]\n",
	       "{\"a\":{\"k\":1},\"b\":{\"k\":1},\"c\":[{\"k\":1},{\"k\":1}]}\n", "");
	expect("a: &x 1\nb: *x\nc: &x two\nd: *x\n",
	       "{\"a\":1,\"b\":1,\"c\":\"two\",\"d\":\"two\"}\n", "");
	expect("a: &x key\n*x : 5\n", "{\"a\":\"key\",\"key\":5}\n", "");
	expect("&x a: *x\n", "{\"a\":\"a\"}\n", "");
	expect("a: &x 1.50\n*x : 5\n", "{\"a\":1.5f,\"1.5\":5}\n", "");
	expect("a: &x\nb: *x\n", "{\"a\":null,\"b\":null}\n", "");
	expect("a: *x\nb: *y\n", "",
	       "f:1:4: the alias *x names no anchor\nf:2:4: the alias *y names no anchor\n");
	expect("a: &x [1, *x]\n", "", "f:1:11: the alias *x stands inside what it names\n");
	expect("a: &x [1]\n*x : 2\n", "", "f:2:1: a map key must be a scalar, not a list\n");
	/* anchors end with their document */
	expect("a: &x 1\n---\nb: *x\n", "{\"a\":1}\n", "f:3:4: the alias *x names no anchor\n");
}

static void test_merge_keys(void **state)
{
	(void)state;
	expect("{<<: {a: 2}, a: 1}", "{\"a\":1}\n", "");
	expect("{a: 1, <<: {a: 2}}", "{\"a\":2}\n", "");
	expect("{<<: [{a: 2}, {a: 3, b: 3}], c: 1}", "{\"a\":2,\"b\":3,\"c\":1}\n", "");
	expect("{<<: {a: 2}, <<: {a: 3}}", "{\"a\":3}\n", "");
	expect("{<<: {}, a: 1}", "{\"a\":1}\n", "");
	expect("{<<: [], a: 1}", "{\"a\":1}\n", "");
	expect("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n",
	       "{\"x\":{\"a\":1,\"b\":2},\"y\":{\"a\":1,\"b\":3}}\n", "");
	expect("x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: {<<: *y}\n",
	       "{\"x\":{\"a\":1},\"y\":{\"a\":1,\"b\":2},\"z\":{\"a\":1,\"b\":2}}\n", "");
	/* what is written twice stays a duplicate, what a merge brings is none */
	expect("{<<: {a: 1}, a: 2, a: 3}", "{\"a\":2,!\"a\":3}\n", "");
	expect("{a: 1, a: 2, <<: {a: 3}}", "{\"a\":1,!\"a\":3}\n", "");
	expect("{!!merge <<: {a: 2}}", "{\"a\":2}\n", "");
	expect("\"<<\": {a: 2}", "{\"<<\":{\"a\":2}}\n", "");
	expect("[<<]", "[\"<<\"]\n", "");
	expect("{<<: 1}", "",
	       "f:1:2: '<<' merges a map or a list of maps; this is of type integer\n");
	expect("{<<: [{a: 1}, x]}", "",
	       "f:1:2: '<<' merges a map or a list of maps; this is of type string\n");
}

static void test_syntax_errors(void **state)
{
	(void)state;
	static const char *const table[][2] = {
		{"a:\n\tb: 1\n", "2:1: a tab is used for indentation"},
		{"a:\n  b: 1\n\tc: 1\n", "3:1: a tab is used for indentation"},
		{"a:\n  b: 1\n  \tc: 1\n", "3:3: a tab is used for indentation"},
		{"a:\n  b: 1\n   c: 1\n", "3:5: a ':' is not allowed here"},
		{"a:\n  b: 1\n c: 1\n",
		 "3:2: this does not continue the map above it (which begins on line 1)"},
		{"- a\nb: 1\n",
		 "2:1: this does not continue the list above it (which begins on line 1)"},
		{"a: \"x\nb: 1\n", "1:4: a quoted string that begins here is not closed"},
		{"a:\n  - 'x\n", "2:5: a quoted string that begins here is not closed"},
		{"a: \"x\" y\n", "1:8: text follows the closing quote of a value"},
		{"key: 'it's'\n", "1:10: text follows the closing quote of a value"},
		{"a: [1, 2\nb: 3\n", "1:4: the '[' that opens here is not closed properly"},
		{"a: {b: 1\nc: 3\n", "1:4: the '{' that opens here is not closed properly"},
		{"a: [1,\n", "1:4: the list that begins here is not closed"},
		{"a: {\n", "1:4: the map that begins here is not closed"},
		{"a: @x\n", "1:4: a value cannot begin with '@'"},
		{"a: `x`\n", "1:4: a value cannot begin with '`'"},
		{"a: %x\n", "1:4: a value cannot begin with '%'"},
		{"a: b: c\n", "1:5: a ':' is not allowed here"},
		{"a: - b\n", "1:4: a list item is not allowed here"},
		{"a: \"\\q\"\n", "1:5: an unknown escape in a string"},
		{"a: \"\\ud800\"\n", "1:7: the escape is no Unicode character"},
		{"a: \"\\xg0\"\n", "1:7: hexadecimal digits are missing in an escape"},
		{"a: !x!y z\n", "1:4: the tag's prefix is not known"},
		{"a: >x\n", "1:5: only an indicator or a comment may follow '|' or '>'"},
		{"a: * b\n", "1:4: the name of an anchor or alias is missing"},
		{"a: {{ .Values.x }}\n", "1:4: '{{' begins a template"},
		{"{{ .Values.x }}: 1\n", "1:1: '{{' begins a template"},
		{"{{- if .x }}\na: 1\n", "1:1: '{{' begins a template"},
		{"? [a]\n: b\n", "1:3: a map key must be a scalar, not a list"},
		{"? {a: b}\n: b\n", "1:3: a map key must be a scalar, not a map"},
		{"a: x\xff\n", "1:5: the byte 0xff is not valid UTF-8 here"},
		{"a: 1\né: x\xc3", "2:5: the byte 0xc3 is not valid UTF-8 here"},
		{"é: x\x01\n", "1:5: the control character U+0001 is not allowed"},
		{"a: \"x\\0\"\n", "1:4: a string cannot contain the NUL character"},
		{"%YAML 9.9\n---\na: 1\n", "1:1: the YAML version is not supported"},
	};
	for (size_t i = 0; i < COUNT(table); i++) {
		char error[256];
		snprintf(error, sizeof(error), "f:%s\n", table[i][1]);
		expect(table[i][0], "", error);
	}
	expect_bytes("a: x\0y\n", 7, NULL, "",
		     "f:1:5: the control character U+0000 is not allowed\n");
}

/* Errors in values do not hide each other, and all of them have advice or speak for themselves. */
static void test_all_errors_of_a_document(void **state)
{
	(void)state;
	expect("a: *x\nb: .inf\nc: !!int x\n~: 1\nd: \"\\0\"\n", "",
	       "f:1:4: the alias *x names no anchor\n"
	       "f:2:4: .inf cannot be expressed in JSON\n"
	       "f:3:4: cannot read !!str 'x' as what its tag says, !!int\n"
	       "f:4:1: null cannot be the key of a map\n"
	       "f:5:4: a string cannot contain the NUL character\n");
}

static void test_depth(void **state)
{
	(void)state;
	static const struct wr_input_limits limits = {1 << 20, 4, 1000, 1000, 10, 10};
	expect_bytes("[[[[1]]]]", 9, &limits, "[[[[1]]]]\n", "");
	expect_bytes("[[[[[1]]]]]", 11, &limits, "", "f:1:5: nested deeper than 4 levels\n");
	expect_bytes("a:\n b:\n  c:\n   d:\n    e: 1\n", 27, &limits, "",
		     "f:5:5: nested deeper than 4 levels\n");
	/* what an alias brings counts too */
	expect_bytes("[&a [[1]], [*a]]", 16, &limits, "[[[1]],[[[1]]]]\n", "");
	expect_bytes("[&a [[1]], [[*a]]]", 18, &limits, "",
		     "f:1:14: nested deeper than 4 levels\n");
}

static void test_nodes(void **state)
{
	(void)state;
	static const struct wr_input_limits limits = {1 << 20, 10, 6, 1000, 10, 10};
	expect_bytes("[1, 2, 3, 4, 5]", 15, &limits, "[1,2,3,4,5]\n", "");
	expect_bytes("[1, 2, 3, 4, 5, 6]", 18, &limits, "",
		     "f:1:17: the document has more than 6 values\n");
	expect_bytes("[&a [1, 2], *a]", 15, &limits, "",
		     "f:1:13: the document has more than 6 values\n");
	/* JSON alike */
	expect_bytes("{\"a\":[1,2,3,4]}", 15, &limits, "{\"a\":[1,2,3,4]}\n", "");
	expect_bytes("{\"a\":[1,2,3,4,5]}", 17, &limits, "",
		     "f:1:15: the document has more than 6 values\n");
}

/* Ten levels of ten aliases each: 10^10 values in a kilobyte. */
static void test_billion_laughs(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	fputs("a0: &a0 lol\n", f);
	for (int level = 1; level <= 10; level++) {
		fprintf(f, "a%d: &a%d [", level, level);
		for (int i = 0; i < 10; i++)
			fprintf(f, "*a%d,", level - 1);
		fputs("]\n", f);
	}
	fclose(f);
	expect_bytes(text, size, NULL, "", "f:7:38: aliases expand to more than 1000000 values\n");
	free(text);
}

/* The same with merge keys: the values are few, the fields are many. */
static void test_merge_bomb(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	fputs("a: &a {", f);
	for (int i = 0; i < 2000; i++)
		fprintf(f, "k%d: 1,", i);
	fputs("}\nb:\n", f);
	for (int i = 0; i < 2000; i++)
		fputs("- <<: *a\n", f);
	fclose(f);
	struct shown s = shown_read(text, size, NULL);
	assert_int_equal(wr_input_count(s.in), 0);
	assert_int_equal(wr_diags_count(s.diags), 1);
	assert_string_equal(wr_diags_at(s.diags, 0)->message,
			    "aliases expand to more than 1000000 values");
	shown_free(&s);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structures),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_merge_keys),
		cmocka_unit_test(test_syntax_errors),
		cmocka_unit_test(test_all_errors_of_a_document),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_billion_laughs),
		cmocka_unit_test(test_merge_bomb),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
