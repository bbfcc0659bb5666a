/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "input/input.h"

/* What a function writes to a file, as text; the caller frees it. */
static char *written(enum wr_format format, void (*write_it)(struct wr_out *o))
{
	char path[] = "/tmp/weir-test-writer-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	struct wr_out *o = wr_out_new(fd, format);
	assert_non_null(o);
	write_it(o);
	assert_int_equal(wr_out_close(o), 0);
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(pread(fd, text, (size_t)size, 0), size);
	close(fd);
	return text;
}

static void check(enum wr_format format, void (*write_it)(struct wr_out *o), const char *expected)
{
	char *text = written(format, write_it);
	assert_string_equal(text, expected);
	free(text);
}

static void document(struct wr_out *o)
{
	wr_out_map(o);
	wr_out_key_string(o, "name", "web");
	wr_out_key(o, "empty");
	wr_out_list(o);
	wr_out_end(o);
	wr_out_key(o, "list");
	wr_out_list(o);
	wr_out_int(o, -1);
	wr_out_map(o);
	wr_out_key_uint(o, "a", UINT64_MAX);
	wr_out_key_bool(o, "b", true);
	wr_out_end(o);
	wr_out_list(o);
	wr_out_null(o);
	wr_out_double(o, 0.1);
	wr_out_end(o);
	wr_out_map(o);
	wr_out_end(o);
	wr_out_end(o);
	wr_out_key(o, "inner");
	wr_out_inline(o);
	wr_out_map(o);
	wr_out_key_string(o, "x", NULL);
	wr_out_end(o);
	wr_out_end(o);
}

static void test_document(void **state)
{
	(void)state;
	check(WR_JSON, document,
	      "{\n"
	      "  \"name\": \"web\",\n"
	      "  \"empty\": [],\n"
	      "  \"list\": [\n"
	      "    -1,\n"
	      "    {\n"
	      "      \"a\": 18446744073709551615,\n"
	      "      \"b\": true\n"
	      "    },\n"
	      "    [\n"
	      "      null,\n"
	      "      0.1\n"
	      "    ],\n"
	      "    {}\n"
	      "  ],\n"
	      "  \"inner\": {\"x\":null}\n"
	      "}\n");
	check(WR_JSON_LINES, document,
	      "{\"name\":\"web\",\"empty\":[],\"list\":[-1,{\"a\":18446744073709551615,\"b\":true},"
	      "[null,0.1],{}],\"inner\":{\"x\":null}}\n");
	check(WR_YAML, document,
	      "name: web\n"
	      "empty: []\n"
	      "list:\n"
	      "- -1\n"
	      "- a: 18446744073709551615\n"
	      "  b: true\n"
	      "- - null\n"
	      "  - 0.1\n"
	      "- {}\n"
	      "inner:\n"
	      "  x: null\n");
}

static void two(struct wr_out *o)
{
	wr_out_list(o);
	wr_out_end(o);
	wr_out_string(o, "x");
}

static void test_several_documents(void **state)
{
	(void)state;
	check(WR_JSON, two, "[]\n\"x\"\n");
	check(WR_YAML, two, "[]\n---\nx\n");
}

static void escapes(struct wr_out *o)
{
	wr_out_string(o, "\"\\/\b\f\n\r\t\v\x01\x7f \xc3\xa9 \xf0\x9f\x98\x80");
	wr_out_string(o, "\xff \xc0\x80 \xed\xa0\x80 \xe2\x82");
}

static void test_escapes(void **state)
{
	(void)state;
	check(WR_JSON, escapes,
	      "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u000b\\u0001\\u007f \xc3\xa9 \xf0\x9f\x98\x80\"\n"
	      "\"\\ufffd \\ufffd\\ufffd \\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\"\n");
}

/* Strings that YAML could take for something else. */
static const char *const nasty[] = {
	"",           "yes",     "No",   "y",    "null",  "~",     "0755",       "1.10",
	"1e3",        ".inf",    "- a",  "a: b", "a:",    "a #b",  "#x",         " lead",
	"trail ",     "[a]",     "{a",   "*a",   "&a",    "!a",    "|",          ">",
	"%a",         "@a",      "`a",   "'a'",  "\"a\"", "a\nb",  "2001-01-01", "a,b",
	"a  b",       "<<",      "=",    "?",    "-",     "--- a", "\xc3\xa9",   "x=1,y in (a,b)",
	"10.0.0.0/8", "fd00::1", "true", "on",   "0x10",  "1_000", "web-1",      "shop/web",
	"a'b",        "a;b",     "\t",
};
#define N_NASTY (sizeof(nasty) / sizeof(nasty[0]))

static void write_nasty(struct wr_out *o)
{
	wr_out_map(o);
	for (size_t i = 0; i < N_NASTY; i++)
		wr_out_key_string(o, nasty[i], nasty[i]);
	wr_out_end(o);
}

/* Whatever is written is read back as the same strings. */
static void test_round_trip(void **state)
{
	(void)state;
	static const enum wr_format formats[] = {WR_JSON, WR_YAML, WR_JSON_LINES};
	for (size_t f = 0; f < 3; f++) {
		char *text = written(formats[f], write_nasty);
		struct wr_input *in = wr_input_new(NULL);
		struct wr_diags *diags = wr_diags_new();
		assert_int_equal(wr_input_bytes(in, "x", 1, text, strlen(text), diags), 0);
		assert_int_equal(wr_input_count(in), 1);
		const struct wr_value *root = wr_input_at(in, 0)->root;
		assert_int_equal(root->n, N_NASTY);
		for (size_t i = 0; i < N_NASTY; i++) {
			assert_string_equal(root->fields[i].key, nasty[i]);
			assert_int_equal(root->fields[i].value->type, WR_STRING);
			assert_string_equal(root->fields[i].value->text, nasty[i]);
		}
		wr_diags_free(diags);
		wr_input_free(in);
		free(text);
	}
}

static const char values[] =
	"{\"a\":[1,-2,12345678901234567890,1.50,1e300,true,null,\"x\"],\"b\":{},\"c\":[]}";

static void write_values(struct wr_out *o)
{
	struct wr_arena *a = wr_arena_new();
	struct wr_value *v = NULL;
	assert_int_equal(wr_json_parse(a, values, strlen(values), (struct wr_mark){0}, &v, NULL),
			 0);
	wr_out_value(o, v);
	wr_arena_free(a);
}

/* Value trees come out as they came in, numbers with all their digits. */
static void test_values(void **state)
{
	(void)state;
	char *text = written(WR_JSON_LINES, write_values);
	text[strlen(text) - 1] = 0;
	assert_string_equal(text, values);
	free(text);
}

static void long_text(struct wr_out *o)
{
	for (int i = 0; i < 30000; i++)
		wr_out_printf(o, "%05d\n", i);
	wr_out_printf(o, "%0100000d", 7);
}

static void test_long(void **state)
{
	(void)state;
	char *text = written(WR_TABLE, long_text);
	assert_int_equal(strlen(text), 30000 * 6 + 100000);
	for (int i = 0; i < 30000; i++)
		assert_int_equal(strtol(text + (size_t)i * 6, NULL, 10), i);
	assert_int_equal(text[30000 * 6 + 99999], '7');
	free(text);
}

static void table(struct wr_out *o)
{
	struct wr_table *t = wr_table_new(3);
	static const char *const cells[] = {"NAME",           "N", "WHAT", "a", "10", "x",
					    "b\xc3\xa9-long", "7", ""};
	for (size_t i = 0; i < 9; i++)
		wr_table_cell(t, WR_RED, "%s", cells[i]);
	wr_table_write(t, o);
	wr_table_free(t);
}

static void test_table(void **state)
{
	(void)state;
	check(WR_TABLE, table, "NAME     N   WHAT\na        10  x\nb\xc3\xa9-long  7\n");
}

/* Errors stay: nothing is written after the first, and it is the one that is told. */
static void test_errors(void **state)
{
	(void)state;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct wr_out *o = wr_out_new(fd, WR_TABLE);
	wr_out_text(o, "x");
	assert_false(wr_out_failed(o));
	wr_out_flush(o);
	assert_true(wr_out_failed(o));
	long_text(o);
	assert_int_equal(wr_out_close(o), -ENOSPC);
	close(fd);
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	close(pipes[0]);
	signal(SIGPIPE, SIG_IGN);
	o = wr_out_new(pipes[1], WR_TABLE);
	wr_out_text(o, "x");
	assert_int_equal(wr_out_finish(o, 0), 2);
	close(pipes[1]);
	assert_int_equal(wr_out_close(NULL), 0);
}

static void test_no_colours(void **state)
{
	(void)state;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct wr_out *o = wr_out_new(fd, WR_TABLE);
	assert_string_equal(wr_out_colour(o, WR_RED), "");
	wr_out_close(o);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),   cmocka_unit_test(test_several_documents),
		cmocka_unit_test(test_escapes),    cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_values),     cmocka_unit_test(test_long),
		cmocka_unit_test(test_table),      cmocka_unit_test(test_errors),
		cmocka_unit_test(test_no_colours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
