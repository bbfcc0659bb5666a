/* SPDX-License-Identifier: Apache-2.0 */
/* What is expected here was taken from kubectl, but for y and n (see scalar.c). */
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

struct scalar {
	const char *yaml, *shown;
};

static void check(const struct scalar *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[512], shown[600];
		snprintf(text, sizeof(text), "a: %s\n", table[i].yaml);
		snprintf(shown, sizeof(shown), "{\"a\":%s}\n", table[i].shown);
		expect(text, shown, "");
	}
}

static void test_words(void **state)
{
	(void)state;
	static const struct scalar table[] = {
		{"true", "true"},     {"True", "true"},     {"TRUE", "true"},
		{"tRUE", "\"tRUE\""}, {"false", "false"},   {"FALSE", "false"},
		{"yes", "true"},      {"Yes", "true"},      {"YES", "true"},
		{"yEs", "\"yEs\""},   {"no", "false"},      {"NO", "false"},
		{"on", "true"},       {"On", "true"},       {"ON", "true"},
		{"oN", "\"oN\""},     {"off", "false"},     {"OFF", "false"},
		{"OfF", "\"OfF\""},   {"null", "null"},     {"Null", "null"},
		{"NULL", "null"},     {"nULL", "\"nULL\""}, {"~", "null"},
		{"", "null"},         {"~~", "\"~~\""},     {"yes please", "\"yes please\""},
		{"y", "\"y\""},       {"Y", "\"Y\""},       {"n", "\"n\""},
		{"N", "\"N\""},       {"none", "\"none\""}, {"trueish", "\"trueish\""},
		{"<<", "\"<<\""},     {"=", "\"=\""},
	};
	check(table, COUNT(table));
}

static void test_integers(void **state)
{
	(void)state;
	static const struct scalar table[] = {
		{"0", "0"},
		{"-0", "0"},
		{"+12", "12"},
		{"80", "80"},
		{"1_000", "1000"},
		{"1__2", "12"},
		{"12_", "12"},
		{"_12", "\"_12\""},
		{"0755", "493"},
		{"+0755", "493"},
		{"-0755", "-493"},
		{"0o755", "493"},
		{"0O17", "15"},
		{"0o9", "\"0o9\""},
		{"0x1F", "31"},
		{"0X1f", "31"},
		{"-0x1F", "-31"},
		{"0x", "\"0x\""},
		{"0xg", "\"0xg\""},
		{"0x_1F", "31"},
		{"0b11", "3"},
		{"0B11", "3"},
		{"-0b11", "-3"},
		{"0b-11", "-3"},
		{"0b", "\"0b\""},
		{"0b12", "\"0b12\""},
		{"08", "8"},
		{"1:30", "\"1:30\""},
		{"190:20:30", "\"190:20:30\""},
		{"+", "\"+\""},
		{"+-1", "\"+-1\""},
		{"--1", "\"--1\""},
		{"1 2", "\"1 2\""},
		{"12a", "\"12a\""},
		{"9223372036854775807", "9223372036854775807"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"9223372036854775808", "9.22337203685478e+18f"},
		{"-9223372036854775809", "-9223372036854775808"}, /* through a float, as there */
		{"18446744073709551615", "1.84467440737096e+19f"},
		{"18446744073709551616", "1.84467440737096e+19f"},
		{"+18446744073709551615", "1.84467440737096e+19f"},
		{"0xFFFFFFFFFFFFFFFFFF", "\"0xFFFFFFFFFFFFFFFFFF\""},
	};
	check(table, COUNT(table));
}

static void test_floats(void **state)
{
	(void)state;
	static const struct scalar table[] = {
		{"1.10", "1.1f"},
		{"1.0", "1"},
		{"80.0", "80"},
		{"1.", "1"},
		{".5", "0.5f"},
		{"-.5", "-0.5f"},
		{"+.5e-3", "0.0005f"},
		{"1e3", "1000"},
		{"12e03", "12000"},
		{"1E3", "1000"},
		{"1.5e1", "15"},
		{"1_000.5", "1000.5f"},
		{"1_.5", "1.5f"},
		{".5_5", "0.55f"},
		{"._5", "\"._5\""},
		{".5_", "\".5_\""},
		{".e3", "\".e3\""},
		{".", "\".\""},
		{"1e", "\"1e\""},
		{"1e+", "\"1e+\""},
		{"e5", "\"e5\""},
		{"1.2.3", "\"1.2.3\""},
		{"10.0.0.1", "\"10.0.0.1\""},
		{"1e400", "\"1e400\""},
		{"1e-7", "1e-07f"},
		{"1.0e21", "1e+21f"},
		{"-0.0", "0"},
		{"1e18", "1000000000000000000"},
		{"1e19", "1e+19f"},
		{"0x1p3", "\"0x1p3\""},
		{"99999999999999999999999999999", "1e+29f"},
		{"nan", "\"nan\""},
		{"inf", "\"inf\""},
	};
	check(table, COUNT(table));
}

static void test_dates_stay_strings(void **state)
{
	(void)state;
	static const struct scalar table[] = {
		{"2001-12-14", "\"2001-12-14\""},
		{"2001-12-14T21:59:43.10Z", "\"2001-12-14T21:59:43.10Z\""},
		{"2001-12-14 21:59:43.10", "\"2001-12-14 21:59:43.10\""},
		{"!!timestamp 2001-01-01", "\"2001-01-01\""},
	};
	check(table, COUNT(table));
}

static void test_quotes_and_blocks(void **state)
{
	(void)state;
	static const struct scalar table[] = {
		{"\"12\"", "\"12\""},
		{"'yes'", "\"yes\""},
		{"''", "\"\""},
		{"\"\"", "\"\""},
		{"'it''s'", "\"it's\""},
		{"\"\\u00e9\\x41\\t\"", "\"éA\\x09\""},
		{"|\n  12\n  x\n", "\"12\\nx\\n\""},
		{">-\n  12\n  x\n", "\"12 x\""},
		{"|-\n  yes", "\"yes\""},
		{"x # not y", "\"x\""},
		{"x#y", "\"x#y\""},
	};
	check(table, COUNT(table));
}

static void test_tags(void **state)
{
	(void)state;
	static const struct scalar table[] = {
		{"!!str 12", "\"12\""},
		{"!!str yes", "\"yes\""},
		{"!!str", "\"\""},
		{"!!str ~", "\"~\""},
		{"!!int \"12\"", "12"},
		{"!!int 0x10", "16"},
		{"!!float 12", "12"},
		{"!!float 1.5", "1.5f"},
		{"!!bool yes", "true"},
		{"!!null \"\"", "null"},
		{"!!null ~", "null"},
		{"!!binary aGVsbG8=", "\"hello\""},
		{"!!binary aGVsbG8h", "\"hello!\""},
		{"!!binary \"\"", "\"\""},
		{"!!binary |\n  aGVs\n  bG8=\n", "\"hello\""},
		{"!foo bar", "\"bar\""},
		{"!foo 12", "\"12\""},
		{"!!other 12", "\"12\""},
		{"!!map {}", "{}"},
		{"!!seq {}", "{}"},
		{"!!str {}", "{}"},
		{"! \"12\"", "\"12\""},
		{"!<tag:yaml.org,2002:str> 5", "\"5\""},
	};
	check(table, COUNT(table));
}

static void test_tags_that_do_not_fit(void **state)
{
	(void)state;
	static const struct scalar table[] = {
		{"!!int x", "!!str 'x' as what its tag says, !!int"},
		{"!!int 1.5", "!!float '1.5' as what its tag says, !!int"},
		{"!!int \"\"", "!!null '' as what its tag says, !!int"},
		{"!!float x", "!!str 'x' as what its tag says, !!float"},
		{"!!bool 1", "!!int '1' as what its tag says, !!bool"},
		{"!!null x", "!!str 'x' as what its tag says, !!null"},
		{"!!timestamp 12", "!!int '12' as what its tag says, !!timestamp"},
	};
	for (size_t i = 0; i < COUNT(table); i++) {
		char text[128], error[256];
		snprintf(text, sizeof(text), "a: %s\n", table[i].yaml);
		snprintf(error, sizeof(error), "f:1:4: cannot read %s\n", table[i].shown);
		expect(text, "", error);
	}
	static const char *const bad_base64[] = {"@",    "aGVsbG8", "aGVs=bG8", "aGVsbG8=aGVs", "=",
						 "====", "a===",    "AA==",     "//8="};
	for (size_t i = 0; i < COUNT(bad_base64); i++) {
		char text[128];
		snprintf(text, sizeof(text), "a: !!binary \"%s\"\n", bad_base64[i]);
		expect(text, "", "f:1:4: this !!binary value is not valid base64\n");
	}
}

static void test_what_json_cannot_say(void **state)
{
	(void)state;
	static const char *const words[] = {".inf", "-.Inf", "+.INF", ".nan", ".NaN"};
	for (size_t i = 0; i < COUNT(words); i++) {
		char text[64], error[128];
		snprintf(text, sizeof(text), "a:\n- %s\n", words[i]);
		snprintf(error, sizeof(error), "f:2:3: %s cannot be expressed in JSON\n", words[i]);
		expect(text, "", error);
	}
}

static void test_keys(void **state)
{
	(void)state;
	static const struct scalar table[] = {
		{"1", "1"},
		{"0x1F", "31"},
		{"-5", "-5"},
		{"1.5", "1.5"},
		{"1.10", "1.1"},
		{"1.0", "1"},
		{"1000000.0", "1e+06"},
		{"100000.0", "100000"},
		{"0.0001", "0.0001"},
		{"0.00001", "1e-05"},
		{"-1.5", "-1.5"},
		{"123456.789", "123456.79"},
		{"16777217.0", "1.6777216e+07"},
		{"99999999999999999999", "1e+20"},
		{"1e100", ".inf"},
		{".inf", ".inf"},
		{"-.inf", "-.inf"},
		{".nan", ".nan"},
		{"0.0", "0"},
		{"1e3", "1000"},
		{"yes", "true"},
		{"off", "false"},
		{"y", "y"},
		{"2001-01-01", "2001-01-01"},
		{"\"1\"", "1"},
		{"!!str 1.10", "1.10"},
		{"? |\n  x\n", "x\\n"},
		{"a b", "a b"},
		{"\"\"", ""},
	};
	for (size_t i = 0; i < COUNT(table); i++) {
		char text[128], shown[128];
		snprintf(text, sizeof(text), "%s: 7\n", table[i].yaml);
		snprintf(shown, sizeof(shown), "{\"%s\":7}\n", table[i].shown);
		expect(text, shown, "");
	}
	expect("~: 1\n", "", "f:1:1: null cannot be the key of a map\n");
	expect("a:\n  ? null\n  : 1\n", "", "f:2:5: null cannot be the key of a map\n");
	expect("18446744073709551615: 1\n", "",
	       "f:1:1: the map key 18446744073709551615 is too large\n");
}

static void test_text_is_as_written(void **state)
{
	(void)state;
	static const char text[] = "[0755, yes, 1.10, ~, 1_0, 'q']";
	static const char *const written[] = {"0755", "yes", "1.10", "~", "1_0", "q"};
	struct shown s = shown_read(text, strlen(text), NULL);
	const struct wr_value *list = wr_input_at(s.in, 0)->root;
	assert_int_equal(list->n, COUNT(written));
	for (size_t i = 0; i < list->n; i++)
		assert_string_equal(list->items[i]->text, written[i]);
	assert_true(list->items[0]->number == 493.0);
	shown_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_dates_stay_strings),
		cmocka_unit_test(test_quotes_and_blocks),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_tags_that_do_not_fit),
		cmocka_unit_test(test_what_json_cannot_say),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_text_is_as_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
