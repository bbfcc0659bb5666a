/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "input/json.h"
#include "show.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct wr_mark mark = {"f", 1, 1};

/* Parses from memory of exactly the text's size, so that a read past it is seen. */
static int parse(struct wr_arena *a, const char *text, size_t size, struct wr_value **out,
		 struct wr_diags *diags)
{
	char *exact = malloc(size ? size : 1);
	assert_non_null(exact);
	memcpy(exact, text, size);
	int rc = wr_json_parse(a, exact, size, mark, out, diags);
	free(exact);
	return rc;
}

static void good(const char *text, const char *shown)
{
	struct wr_arena *a = wr_arena_new();
	struct wr_diags *d = wr_diags_new();
	struct wr_value *v = NULL;
	int rc = parse(a, text, strlen(text), &v, d);
	char *diags = show_diags(d), *got = rc ? NULL : show_value(v);
	if (rc || strcmp(got, shown) != 0)
		fail_msg("%s\nexpected: %s\ngot %d: %s %s", text, shown, rc, got ? got : "", diags);
	assert_int_equal(wr_diags_count(d), 0);
	free(diags);
	free(got);
	wr_arena_free(a);
	wr_diags_free(d);
}

static void bad_bytes(const char *text, size_t size, const char *error)
{
	struct wr_arena *a = wr_arena_new();
	struct wr_diags *d = wr_diags_new();
	struct wr_value *v = (void *)a;
	int rc = parse(a, text, size, &v, d);
	char *diags = show_diags(d);
	if (rc != -EINVAL || strcmp(diags, error) != 0)
		fail_msg("%s\nexpected: %sgot %d: %s", text, error, rc, diags);
	assert_ptr_equal(v, a); /* written only on success */
	assert_int_equal(parse(a, text, size, &v, NULL), -EINVAL);
	free(diags);
	wr_arena_free(a);
	wr_diags_free(d);
}

static void bad(const char *text, const char *error)
{
	bad_bytes(text, strlen(text), error);
}

static void test_values(void **state)
{
	(void)state;
	good("{}", "{}");
	good("[]", "[]");
	good(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } }\n", "{\"a\":[1,2],\"b\":{}}");
	good("null", "null");
	good("true", "true");
	good("[true,false,null]", "[true,false,null]");
	good("\"\"", "\"\"");
	good("[[[[]]]]", "[[[[]]]]");
	good("{\"\":{\"\":\"\"}}", "{\"\":{\"\":\"\"}}");
}

static void test_numbers(void **state)
{
	(void)state;
	static const char *const table[][2] = {
		{"0", "0"},
		{"-0", "0"},
		{"80", "80"},
		{"-1", "-1"},
		{"80.0", "80"},
		{"1e3", "1000"},
		{"1E+3", "1000"},
		{"1.5", "1.5f"},
		{"-1.5e-3", "-0.0015f"},
		{"0.5", "0.5f"},
		{"0e1", "0"},
		{"9223372036854775807", "9223372036854775807"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"9007199254740993", "9007199254740993"},
		{"9223372036854775808", "9.22337203685478e+18f"},
		{"123456789012345678901234567890", "1.23456789012346e+29f"},
	};
	for (size_t i = 0; i < COUNT(table); i++)
		good(table[i][0], table[i][1]);
	static const char *const none[] = {"01", "-",   "-a", "1.",  "1.e3",
					   "1e", "1e+", "00", "-01", "1.x"};
	for (size_t i = 0; i < COUNT(none); i++)
		bad(none[i], "f:1:1: this is no number that JSON knows\n");
	bad("+1", "f:1:1: expected a value, found '+'\n");
	bad(".5", "f:1:1: expected a value, found '.'\n");
	bad("0x1f", "f:1:2: something follows the JSON value\n");
	bad("1e400", "f:1:1: the number is too large\n");
	bad("[NaN]", "f:1:2: 'NaN' is no JSON value\n");
	bad("[-Infinity]", "f:1:2: this is no number that JSON knows\n");
}

static void test_strings(void **state)
{
	(void)state;
	good("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "\"a\\\"\\\\/\\x08\\x0c\\n\\x0d\\x09z\"");
	good("\"\\u0041\\u00e9\\u20ac\\uD83D\\ude00\"", "\"Aé€😀\"");
	good("\"é€😀\"", "\"é€😀\"");
	good("\"\x7f\"", "\"\x7f\"");
	bad("\"abc", "f:1:1: a string that begins here is not closed\n");
	bad("[\"abc\n\"]", "f:1:2: a string that begins here is not closed\n");
	bad("\"a\\", "f:1:3: the end of the input is no escape character\n");
	bad("\"a\\x\"", "f:1:3: 'x' is no escape character\n");
	bad("\"a\\u12\"", "f:1:3: \\u must be followed by four hexadecimal digits\n");
	bad("\"a\\u+123\"", "f:1:3: \\u must be followed by four hexadecimal digits\n");
	bad("\"a\\u12", "f:1:3: \\u must be followed by four hexadecimal digits\n");
	bad("\"a\\ud800\"", "f:1:3: \\ud800 is one half of a surrogate pair\n");
	bad("\"a\\ud800x12345\"", "f:1:3: \\ud800 is one half of a surrogate pair\n");
	bad("\"a\\ud800\\u0041\"", "f:1:3: \\ud800 is one half of a surrogate pair\n");
	bad("\"a\\udc00\"", "f:1:3: \\udc00 is one half of a surrogate pair\n");
	bad("\"a\\u0000\"", "f:1:3: a string cannot contain the NUL character\n");
	bad("\"a\tb\"", "f:1:3: a control character, U+0009, in a string\n");
	bad_bytes("\"a\0b\"", 5, "f:1:3: a control character, U+0000, in a string\n");
}

static void test_utf8(void **state)
{
	(void)state;
	static const char *const wrong[] = {"\x80",
					    "\xc0\x80",
					    "\xc1\xbf",
					    "\xe0\x80\x80",
					    "\xe2\x82",
					    "\xed\xa0\x80",
					    "\xf0\x80\x80\x80",
					    "\xf4\x90\x80\x80",
					    "\xf5\x80\x80\x80",
					    "\xff"};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		char text[16], error[128];
		snprintf(text, sizeof(text), "\"é%s\"", wrong[i]);
		snprintf(error, sizeof(error), "f:1:3: the byte 0x%02x is not valid UTF-8 here\n",
			 (unsigned char)wrong[i][0]);
		bad(text, error);
	}
	bad("\xc3", "f:1:1: expected a value, found the byte 0xc3\n");
	bad("é", "f:1:1: expected a value, found 'é'\n");
}

static void test_structure_errors(void **state)
{
	(void)state;
	bad("", "f:1:1: expected a JSON value, found nothing\n");
	bad(" \n ", "f:2:2: expected a JSON value, found nothing\n");
	bad("{", "f:1:1: the '{' that begins here is never closed\n");
	bad("[", "f:1:2: expected a value, found the end of the input\n");
	bad("[1", "f:1:1: the '[' that begins here is never closed\n");
	bad("\n {\"a\":1", "f:2:2: the '{' that begins here is never closed\n");
	bad("{\"a\":1,}", "f:1:8: expected a key, found '}'\n");
	bad("{a:1}", "f:1:2: expected a key, found 'a'\n");
	bad("{\"a\" 1}", "f:1:6: expected ':' after the key \"a\", found '1'\n");
	bad("{\"a\"}", "f:1:5: expected ':' after the key \"a\", found '}'\n");
	bad("{\"a\":}", "f:1:6: expected a value, found '}'\n");
	bad("{\"a\":1 \"b\":2}", "f:1:8: expected ',' or '}', found '\"'\n");
	bad("[1,]", "f:1:4: expected a value, found ']'\n");
	bad("[1 2]", "f:1:4: expected ',' or ']', found '2'\n");
	bad("[1}", "f:1:3: expected ',' or ']', found '}'\n");
	bad("]", "f:1:1: expected a value, found ']'\n");
	bad("1 2", "f:1:3: something follows the JSON value\n");
	bad("{} // x", "f:1:4: something follows the JSON value\n");
	bad("[truth]", "f:1:2: 'truth' is no JSON value\n");
	bad("[True]", "f:1:2: 'True' is no JSON value\n");
}

static void test_marks(void **state)
{
	(void)state;
	static const char text[] = "{\"é€\": 1, \"b\":\n  [\"😀\", 2,\r\n\t{\"c\": null}]}";
	struct wr_arena *a = wr_arena_new();
	struct wr_value *v;
	struct wr_mark from = {"flows.jsonl", 17, 1};
	assert_int_equal(wr_json_parse(a, text, strlen(text), from, &v, NULL), 0);
	static const struct {
		uint32_t line, column;
	} key[] = {{17, 2}, {17, 11}}, value[] = {{17, 8}, {18, 3}},
	  item[] = {{18, 4}, {18, 9}, {19, 2}};
	assert_ptr_equal(v->mark.file, from.file);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(v->fields[i].mark.line, key[i].line);
		assert_int_equal(v->fields[i].mark.column, key[i].column);
		assert_int_equal(v->fields[i].value->mark.line, value[i].line);
		assert_int_equal(v->fields[i].value->mark.column, value[i].column);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(v->fields[1].value->items[i]->mark.line, item[i].line);
		assert_int_equal(v->fields[1].value->items[i]->mark.column, item[i].column);
	}
	wr_arena_free(a);
}

static void test_duplicates(void **state)
{
	(void)state;
	good("{\"a\":1,\"b\":2,\"a\":3,\"a\":4,\"b\":5}",
	     "{\"a\":1,\"b\":2,!\"a\":3,!\"a\":4,!\"b\":5}");
}

/* n members, every tenth of them a second "k7". */
static char *large_map(size_t n, size_t *size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, size);
	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%c\"k%zu\":%zu", i ? ',' : '{', i % 10 == 9 ? 7 : i, i);
	fputc('}', f);
	fclose(f);
	return text;
}

static void test_duplicates_in_large_maps(void **state)
{
	(void)state;
	enum { N = 200000 };
	size_t size;
	char *text = large_map(N, &size);
	struct wr_arena *a = wr_arena_new();
	struct wr_value *v;
	assert_int_equal(parse(a, text, size, &v, NULL), 0);
	assert_int_equal(v->n, N);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(v->fields[i].duplicate, i % 10 == 9);
	assert_int_equal(wr_value_get(v, "k7")->integer, N - 1); /* the last one */
	assert_int_equal(wr_value_get(v, "k8")->integer, 8);
	assert_null(wr_value_get(v, "k9"));
	assert_null(wr_value_get(NULL, "k9"));
	assert_null(wr_value_get(v->fields[0].value, "k9"));
	free(text);
	wr_arena_free(a);
}

static void test_depth(void **state)
{
	(void)state;
	char text[4096];
	for (size_t depth = 99; depth <= 101; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = '\0';
		if (depth <= 100)
			good(text, text);
		else
			bad(text, "f:1:101: nested deeper than 100 levels\n");
	}
	memset(text, '[', sizeof(text));
	bad_bytes(text, sizeof(text), "f:1:101: nested deeper than 100 levels\n");
}

/* Every prefix of a text, so that each state meets the end of the input. */
static void test_cut_off_anywhere(void **state)
{
	(void)state;
	static const char text[] =
		"{\"a\\n\\u00e9é\":[1.5e+3,true,null,{\"b\":-7}],\"c\":\"\\ud83d\\ude00\"}";
	struct wr_arena *a = wr_arena_new();
	struct wr_value *v;
	for (size_t n = 0; n < strlen(text); n++)
		assert_int_equal(parse(a, text, n, &v, NULL), -EINVAL);
	assert_int_equal(parse(a, text, strlen(text), &v, NULL), 0);
	wr_arena_free(a);
}

/* One long line, and one long string: time must grow with the size and no faster. */
static void test_no_quadratic_time(void **state)
{
	(void)state;
	enum { N = 8 << 20 };
	char *text = malloc(N);
	assert_non_null(text);
	memset(text, 'x', N);
	text[0] = text[N - 1] = '"';
	struct wr_arena *a = wr_arena_new();
	struct wr_value *v;
	assert_int_equal(wr_json_parse(a, text, N, mark, &v, NULL), 0);
	assert_int_equal(strlen(v->text), N - 2);
	text[0] = '[';
	text[1] = '1';
	for (size_t i = 2; i < N; i++)
		text[i] = i % 2 ? '1' : ',';
	text[N - 1] = ']';
	text[N - 2] = ' ';
	clock_t start = clock();
	assert_int_equal(wr_json_parse(a, text, N, mark, &v, NULL), 0);
	assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
	assert_int_equal(v->n, (N - 2) / 2);
	assert_int_equal(v->items[v->n - 1]->mark.column, N - 2);
	free(text);
	wr_arena_free(a);
}

/* However long a value is, and wherever in 64 bytes its brackets and strings stand. */
static void values_of_any_length_are_skipped(void **state)
{
	(void)state;
	static const char *const parts[] = {"\"", "\\\"", "\\\\", "{", "}", "[]", ",", "x", "1"};
	uint64_t random = 1;
	for (int round = 0; round < 20000; round++) {
		char text[512] = "{", *exact;
		size_t n = 1, depth = 1;
		bool in_string = false;
		while (depth && n < 400) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			/* mostly what changes nothing, so that some get long */
			size_t which = random >> 40 & 3 ? 7 : (random >> 33) % COUNT(parts);
			const char *part = parts[which];
			if (!in_string && *part == '\\')
				continue;
			if (!in_string && *part == '}' && random >> 50 & 1)
				continue;
			in_string ^= which == 0;
			depth += !in_string && *part == '{';
			depth -= !in_string && *part == '}';
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", part);
		}
		size_t more = random >> 60 & 7 ? 70 : 0;
		memset(text + n, ' ', more);
		exact = malloc(n + more);
		assert_non_null(exact);
		memcpy(exact, text, n + more);
		assert_int_equal(wr_json_skip(exact, n + more), depth ? 0 : n);
		free(exact);
	}
}

/* What is wanted of a text, from memory of exactly its size; NULL: refused. */
static char *wanted(const char *text, size_t size)
{
	static const struct wr_json_want below[] = {{"c", NULL}, {NULL, NULL}},
					 want[] = {{"a", NULL}, {"b", below}, {NULL, NULL}};
	struct wr_arena *a = wr_arena_new();
	struct wr_value *v;
	char *exact = malloc(size ? size : 1);
	assert_non_null(exact);
	memcpy(exact, text, size);
	int rc = wr_json_parse_wanted(a, exact, size, mark, want, &v, NULL);
	assert_true(!rc || rc == -EINVAL);
	char *shown = rc ? NULL : show_value(v);
	free(exact);
	wr_arena_free(a);
	return shown;
}

static void what_is_not_wanted_is_left_out(void **state)
{
	(void)state;
	static const struct {
		const char *text, *same; /* NULL: refused */
	} all[] = {
		{"{}", "{}"},
		{"{\"x\":1,\"a\":2}", "{\"a\":2}"},
		{"{\"x\" : {\"a\":[1,{\"a\":\"}]\"}]} , \"a\" : 2 }", "{\"a\":2}"},
		{"{\"a\":{\"x\":1,\"a\":[{\"y\":2}]},\"x\":null}",
		 "{\"a\":{\"x\":1,\"a\":[{\"y\":2}]}}"},
		{"{\"b\":{\"a\":1,\"c\":{\"x\":2},\"d\":[]}}", "{\"b\":{\"c\":{\"x\":2}}}"},
		{"{\"b\":[{\"c\":1,\"d\":2},3,{\"d\":4}]}", "{\"b\":[{\"c\":1},3,{}]}"},
		{"{\"b\":\"c\",\"xx\":\"\\\"},\\\\\"}", "{\"b\":\"c\"}"},
		{"{\"x\":\n[1,\n2],\"aa\":-1.5e3}", "{}"},
		{"[{\"x\":1,\"a\":2}]", "[{\"a\":2}]"},
		{"{\"x\":{\"y\":tru},\"a\":1}", "{\"a\":1}"}, /* nobody looks at it */
		{"{\"x\":,\"a\":1}", NULL},
		{"{\"x\":}", NULL},
		{"{\"x\":]", NULL},
		{"{\"x\":1", NULL},
		{"{\"x\":{\"y\":1}", NULL},
		{"{\"x\":\"\\", NULL},
		{"{\"x\":\"\\\"", NULL},
		{"{\"x\":1,}", NULL},
		{"{\"x\":[1}", NULL},
		{"{\"x\":1 \"a\":2}", NULL},
		{"{\"x\":1}{", NULL},
		{"{\"a\":tru}", NULL},
	};
	for (size_t i = 0; i < COUNT(all); i++) {
		size_t n = strlen(all[i].text);
		char *got = wanted(all[i].text, n);
		if (all[i].same) {
			struct wr_arena *a = wr_arena_new();
			struct wr_value *v;
			assert_int_equal(parse(a, all[i].same, strlen(all[i].same), &v, NULL), 0);
			char *shown = show_value(v);
			if (!got || strcmp(got, shown) != 0)
				fail_msg("%s: %s", all[i].text, got ? got : "refused");
			free(shown);
			wr_arena_free(a);
		} else if (got) {
			fail_msg("%s is not refused: %s", all[i].text, got);
		}
		free(got);
		for (size_t cut = 0; all[i].same && cut < n; cut++)
			if ((got = wanted(all[i].text, cut)))
				fail_msg("%.*s is not refused", (int)cut, all[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_any_length_are_skipped),
		cmocka_unit_test(what_is_not_wanted_is_left_out),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_structure_errors),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_duplicates_in_large_maps),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_cut_off_anywhere),
		cmocka_unit_test(test_no_quadratic_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
