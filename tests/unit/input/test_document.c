/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "show.h"

static void test_splitting(void **state)
{
	(void)state;
	expect("a: 1\n---\nb: 2\n", "{\"a\":1}\n{\"b\":2}\n", "");
	expect("---\na: 1\n---\n", "{\"a\":1}\n", "");
	expect("---\n---\n\n--- # comment\na: 1\n---   \n# nothing\n---\n", "{\"a\":1}\n", "");
	expect("null\n---\n~\n---\n{}\n", "{}\n", "");
	expect("a: 1\r\n---\r\nb: \"x\r\n  y\"\r\n", "{\"a\":1}\n{\"b\":\"x y\"}\n", "");
	expect("a: 1\n---", "{\"a\":1}\n", "");
	expect("a: |\n  x\n  ---\n  y\n", "{\"a\":\"x\\n---\\ny\\n\"}\n", "");
	expect("a: 1\n...\nb: 2\n...\n", "{\"a\":1}\n{\"b\":2}\n", "");
	expect("%YAML 1.1\n# c\n---\na: 1\n---\nb: 2\n", "{\"a\":1}\n{\"b\":2}\n", "");
	expect("", "", "");
	expect("\n \n", "", "");
	expect("# only a comment", "", "");
}

static void test_bad_separators(void **state)
{
	(void)state;
	expect("a: 1\n--- {b: 2}\nc: 3\n", "{\"a\":1}\n{\"c\":3}\n",
	       "f:2:4: only a comment may follow '---' on its line\n");
	expect("----\nc: 3\n", "{\"c\":3}\n",
	       "f:1:4: only a comment may follow '---' on its line\n");
}

static void test_errors_do_not_hide_what_follows(void **state)
{
	(void)state;
	expect("a: 1\n---\nb: [\n---\nc: 3\n---\nd: \"\n---\ne: 5\n",
	       "{\"a\":1}\n{\"c\":3}\n{\"e\":5}\n",
	       "f:3:4: the list that begins here is not closed\n"
	       "f:7:4: a quoted string that begins here is not closed\n");
	expect("a: \xff\n---\nb: 2\n", "{\"b\":2}\n",
	       "f:1:4: the byte 0xff is not valid UTF-8 here\n");
	expect("{\"a\":\n---\n{\"b\":2}\n", "{\"b\":2}\n",
	       "f:2:1: expected a value, found the end of the input\n");
}

static void test_json_streams(void **state)
{
	(void)state;
	expect("{\"a\":1}{\"b\":2}\n\n{\"c\":\n3}", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n", "");
	expect("{\"a\":1}\n---\n{\"b\":2}\n---\nc: 3\n", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n", "");
	expect("{\"a\":1}\nnull\n{}", "{\"a\":1}\n{}\n", "");
	expect("{\"a\":1}{\"b\":tru}{\"c\":1}", "{\"a\":1}\n", "f:1:13: 'tru' is no JSON value\n");
	expect("{\"a\":1,\"a\":2}", "{\"a\":1,!\"a\":2}\n", "");
	/* JSON's rules, not YAML's */
	expect("{\"a\": 010}", "", "f:1:7: this is no number that JSON knows\n");
	expect("{\"a\": yes}", "", "f:1:7: 'yes' is no JSON value\n");
	expect("{\"a\": 1,}", "", "f:1:9: expected a key, found '}'\n");
}

static void test_yaml_in_braces(void **state)
{
	(void)state;
	expect("{a: 1, b: [x, yes]}\n", "{\"a\":1,\"b\":[\"x\",true]}\n", "");
	expect("{ # comment\n  a: 1 }\n", "{\"a\":1}\n", "");
	expect("{a: *b}\n", "", "f:1:5: the alias *b names no anchor\n");
	expect("{]", "", "f:1:2: a value is missing here\n");
	expect("{\"]", "", "f:1:2: a string that begins here is not closed\n");
}

static void test_texts_and_lines(void **state)
{
	(void)state;
	static const char text[] =
		"# head\na: 1\n---\n\n# two\nb: 2\n---\n {\"c\":\n 3}\n{\"d\":4}\n...\ne: 5";
	static const struct {
		uint32_t first_line, root_line;
		const char *text;
	} docs[] = {
		{1, 2, "# head\na: 1\n"}, {4, 6, "\n# two\nb: 2\n"}, {8, 8, " {\"c\":\n 3}"},
		{9, 10, "\n{\"d\":4}"},   {12, 12, "e: 5"},
	};
	struct shown s = shown_read(text, strlen(text), NULL);
	assert_int_equal(s.rc, 0);
	assert_int_equal(wr_input_count(s.in), 5);
	for (uint32_t i = 0; i < 5; i++) {
		const struct wr_document *d = wr_input_at(s.in, i);
		assert_string_equal(d->file, "f");
		assert_int_equal(d->index, i);
		assert_int_equal(d->first_line, docs[i].first_line);
		assert_int_equal(d->root->mark.line, docs[i].root_line);
		assert_int_equal(d->size, strlen(docs[i].text));
		assert_memory_equal(d->text, docs[i].text, d->size);
	}
	shown_free(&s);
}

/* The text of a document, read again under its first line, is the same document. */
static void test_reading_again(void **state)
{
	(void)state;
	static const char text[] =
		"a: 1\n---\n\nb: {c: [1, \"x\"]}\n---\n{\"d\":\n [4]}\n\n{\"e\": 5}\n---\n"
		"f: \"\xe2\x80\xa8 x\"\n---\ng: 7\n";
	struct shown s = shown_read(text, strlen(text), NULL);
	assert_int_equal(s.rc, 0);
	assert_int_equal(wr_input_count(s.in), 6);
	for (size_t i = 0; i < 6; i++) {
		const struct wr_document *d = wr_input_at(s.in, i);
		struct wr_input *again = wr_input_new(NULL);
		assert_int_equal(wr_input_bytes(again, d->file, d->first_line, d->text, d->size,
						s.diags),
				 0);
		assert_int_equal(wr_input_count(again), 1);
		const struct wr_document *e = wr_input_at(again, 0);
		char *one = show_value(d->root), *two = show_value(e->root);
		assert_string_equal(one, two);
		assert_int_equal(e->root->mark.line, d->root->mark.line);
		assert_int_equal(e->root->mark.column, d->root->mark.column);
		assert_int_equal(e->root->fields[0].value->mark.line,
				 d->root->fields[0].value->mark.line);
		free(one);
		free(two);
		wr_input_free(again);
	}
	shown_free(&s);
}

static void test_encodings(void **state)
{
	(void)state;
	expect("\xef\xbb\xbf"
	       "a: é\n",
	       "{\"a\":\"é\"}\n", "");
	expect("\xef\xbb\xbf{\"a\": 1}", "{\"a\":1}\n", "");
	expect("\xef\xbb\xbf---\n\xef\xbb\xbf"
	       "a: 1\n",
	       "{\"a\":1}\n", "");
	static const char le[] = "\xff\xfe"
				 "a\0:\0 \0\xe9\0\x3d\xd8\x00\xde\n\0-\0-\0-\0\n\0b\0:\0 \0001\0";
	static const char be[] =
		"\xfe\xff\0a\0:\0 \0\xe9\xd8\x3d\xde\x00\0\n\0-\0-\0-\0\n\0b\0:\0 \0001";
	expect_bytes(le, sizeof(le) - 1, NULL, "{\"a\":\"é😀\"}\n{\"b\":1}\n", "");
	expect_bytes(be, sizeof(be) - 1, NULL, "{\"a\":\"é😀\"}\n{\"b\":1}\n", "");
	expect_bytes("\xff\xfe", 2, NULL, "", "");
	expect_bytes("\xff\xfe"
		     "a\0\n\0b\0\x00\xdc",
		     10, NULL, "", "f:2:2: this is not valid UTF-16\n");
	expect_bytes("\xff\xfe"
		     "a\0\n\0b",
		     7, NULL, "", "f:2:1: this is not valid UTF-16\n");
	expect_bytes("\xfe\xff\xd8\x00\0a", 6, NULL, "", "f:1:1: this is not valid UTF-16\n");
}

static void test_limits(void **state)
{
	(void)state;
	static const struct wr_input_limits limits = {30, 10, 100, 100, 3, 10};
	expect_bytes("1\n---\n2\n---\n3\n---\n4\n---\n5\n", 26, &limits, "1\n2\n3\n",
		     "f:7:1: more than 3 documents in all\n");
	expect_bytes("{}{}{}{}{}", 10, &limits, "{}\n{}\n{}\n",
		     "f:1:7: more than 3 documents in all\n");
	expect_bytes("aaaaaaaaaabbbbbbbbbbccccccccccd", 31, &limits, "",
		     "f:0:0: larger than 30 bytes\n");
	expect_bytes("aaaaaaaaaabbbbbbbbbbcccccccccc", 30, &limits,
		     "\"aaaaaaaaaabbbbbbbbbbcccccccccc\"\n", "");
}

static void test_lines_are_counted_on(void **state)
{
	(void)state;
	struct wr_input *in = wr_input_new(NULL);
	struct wr_diags *d = wr_diags_new();
	assert_int_equal(wr_input_bytes(in, "g", 100, "a: 1\n---\nb: [\n", 14, d), -EIO);
	assert_int_equal(wr_input_bytes(in, "h", 7, "{\"c\":\n x}", 9, d), -EIO);
	assert_int_equal(wr_input_at(in, 0)->first_line, 100);
	assert_int_equal(wr_input_at(in, 0)->root->mark.line, 100);
	char *errors = show_diags(d);
	assert_string_equal(errors, "g:102:4: the list that begins here is not closed\n"
				    "h:8:2: 'x' is no JSON value\n");
	free(errors);
	wr_diags_free(d);
	wr_input_free(in);
}

/* Bytes are copied; a name may be missing. */
static void test_bytes_are_copied(void **state)
{
	(void)state;
	char text[] = "a: b", name[] = "n";
	struct wr_input *in = wr_input_new(NULL);
	struct wr_diags *d = wr_diags_new();
	assert_int_equal(wr_input_bytes(in, name, 1, text, 4, d), 0);
	assert_int_equal(wr_input_bytes(in, NULL, 1, text, 4, d), 0);
	memset(text, '!', sizeof(text) - 1);
	name[0] = '!';
	assert_string_equal(wr_input_at(in, 0)->file, "n");
	assert_memory_equal(wr_input_at(in, 0)->text, "a: b", 4);
	assert_string_equal(wr_value_get(wr_input_at(in, 0)->root, "a")->text, "b");
	assert_null(wr_input_at(in, 1)->root->mark.file);
	wr_diags_free(d);
	wr_input_free(in);
	wr_input_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_splitting),
		cmocka_unit_test(test_bad_separators),
		cmocka_unit_test(test_errors_do_not_hide_what_follows),
		cmocka_unit_test(test_json_streams),
		cmocka_unit_test(test_yaml_in_braces),
		cmocka_unit_test(test_texts_and_lines),
		cmocka_unit_test(test_reading_again),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_lines_are_counted_on),
		cmocka_unit_test(test_bytes_are_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
