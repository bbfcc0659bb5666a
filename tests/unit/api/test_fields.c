/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "api/fields.h"

static void typing_errors_are_counted(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} cases[] = {
		{"podSelector", "podSelector", 0},
		{"podselector", "podSelector", 0},
		{"podSelecter", "podSelector", 1},
		{"podSelctor", "podSelector", 1},
		{"podSSelector", "podSelector", 1},
		{"podSelectro", "podSelector", 1},
		{"form", "from", 1},
		{"", "to", 2},
		{"egress", "ingress", 2},
		{"abc", "xyz", 3},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(wr_typo_distance(cases[i].a, cases[i].b), cases[i].distance);
		assert_int_equal(wr_typo_distance(cases[i].b, cases[i].a), cases[i].distance);
	}
	char longest[64], longer[65];
	memset(longest, 'x', sizeof(longest));
	memset(longer, 'x', sizeof(longer));
	longest[63] = longer[64] = '\0';
	assert_int_equal(wr_typo_distance(longest, "x"), 62);
	assert_int_equal(wr_typo_distance(longer, "x"), UINT32_MAX);
}

static void only_likenesses_are_suggested(void **state)
{
	static const char *const fields[] = {"from", "ports", "namespaceSelector", NULL};
	(void)state;
	assert_string_equal(wr_typo_suggest("form", fields), "from");
	assert_string_equal(wr_typo_suggest("port", fields), "ports");
	assert_string_equal(wr_typo_suggest("nameSpaceSelectors", fields), "namespaceSelector");
	assert_null(wr_typo_suggest("to", fields));
	assert_null(wr_typo_suggest("selector", fields));
	assert_null(wr_typo_suggest("", fields));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typing_errors_are_counted),
		cmocka_unit_test(only_likenesses_are_suggested),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
