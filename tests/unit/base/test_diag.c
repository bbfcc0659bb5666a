/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"

static int set_up(void **state)
{
	*state = wr_diags_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	wr_diags_free(*state);
	return 0;
}

static void test_strings_are_copied(void **state)
{
	char file[] = "a.yaml", object[] = "Pod x/y", path[] = "spec.a";
	struct wr_mark at = {file, 3, 7};
	wr_diag_add(*state, WR_ERROR, at, object, path, "bad %d", 5);
	wr_diag_advise(*state, "do %s", "this");
	file[0] = object[0] = path[0] = '!';
	const struct wr_diag *d = wr_diags_at(*state, 0);
	assert_int_equal(wr_diags_count(*state), 1);
	assert_int_equal(d->severity, WR_ERROR);
	assert_string_equal(d->mark.file, "a.yaml");
	assert_int_equal(d->mark.line, 3);
	assert_int_equal(d->mark.column, 7);
	assert_string_equal(d->object, "Pod x/y");
	assert_string_equal(d->path, "spec.a");
	assert_string_equal(d->message, "bad 5");
	assert_string_equal(d->advice, "do this");
}

static void test_nothing_but_a_message(void **state)
{
	wr_diag_advise(*state, "advice without a record");
	wr_diag_add(*state, WR_NOTE, (struct wr_mark){0}, NULL, NULL, "only this");
	const struct wr_diag *d = wr_diags_at(*state, 0);
	assert_null(d->mark.file);
	assert_null(d->object);
	assert_null(d->path);
	assert_null(d->advice);
	assert_string_equal(d->message, "only this");
}

static void test_totals_by_severity(void **state)
{
	for (int i = 0; i < 6; i++)
		wr_diag_add(*state,
			    i < 3   ? WR_ERROR
			    : i < 5 ? WR_WARNING
				    : WR_NOTE,
			    (struct wr_mark){0}, NULL, NULL, "%d", i);
	assert_int_equal(wr_diags_total(*state, WR_ERROR), 3);
	assert_int_equal(wr_diags_total(*state, WR_WARNING), 2);
	assert_int_equal(wr_diags_total(*state, WR_NOTE), 1);
}

static void test_the_bound(void **state)
{
	for (int i = 0; i < WR_DIAG_MAX + 10; i++)
		wr_diag_add(*state, WR_ERROR, (struct wr_mark){"f", 1, 1}, NULL, NULL, "%d", i);
	wr_diag_advise(*state, "for a record that was dropped");
	assert_int_equal(wr_diags_count(*state), WR_DIAG_MAX);
	assert_int_equal(wr_diags_total(*state, WR_ERROR), WR_DIAG_MAX + 10);
	assert_null(wr_diags_at(*state, WR_DIAG_MAX - 1)->advice);
}

static void test_sorting(void **state)
{
	static const struct wr_mark marks[] = {
		{"b", 2, 1},  {"a", 9, 9}, {"b", 1, 5}, {"a", 1, 1},
		{NULL, 0, 0}, {"b", 2, 1}, {"b", 1, 4}, {"a", 9, 1},
	};
	/* b first: it appeared first; without a file: last */
	static const char expected[] = "6,2,0,5,3,7,1,4,";
	char got[64] = "";
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		wr_diag_add(*state, WR_ERROR, marks[i], NULL, NULL, "%zu", i);
	wr_diags_sort(*state);
	for (size_t i = 0, n = 0; i < wr_diags_count(*state); i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s,",
				      wr_diags_at(*state, i)->message);
	assert_string_equal(got, expected);
}

static void test_sorting_nothing(void **state)
{
	wr_diags_sort(*state);
	assert_int_equal(wr_diags_count(*state), 0);
	wr_diags_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_strings_are_copied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_but_a_message, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_totals_by_severity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_bound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sorting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sorting_nothing, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
