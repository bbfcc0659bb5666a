/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Beyond the bound nothing is near, and nothing is read out of range. */
static void test_long_names(void **state)
{
	(void)state;
	char a[300], b[300];
	memset(a, 'x', sizeof(a) - 1);
	memset(b, 'y', sizeof(b) - 1);
	a[sizeof(a) - 1] = b[sizeof(b) - 1] = 0;
	struct wr_near near = {.wanted = a};
	char buf[1024];
	wr_near_add(&near, b);
	assert_string_equal(wr_near_text(&near, buf, sizeof(buf)), "");
}

static void test_text(void **state)
{
	(void)state;
	char text[128];
	struct wr_near near = {.wanted = "web"};
	assert_string_equal(wr_near_text(&near, text, sizeof(text)), "");
	wr_near_add(&near, "database");
	assert_string_equal(wr_near_text(&near, text, sizeof(text)), "");
	wr_near_add(&near, "wen");
	wr_near_add(&near, "wen");
	assert_string_equal(wr_near_text(&near, text, sizeof(text)), "; did you mean 'wen'?");
	wr_near_add(&near, "web-1");
	wr_near_add(&near, "web");
	assert_string_equal(wr_near_text(&near, text, sizeof(text)),
			    "; did you mean 'web', 'wen' or 'web-1'?");
}

/* The nearest stay when there are more than fit. */
static void test_keeps_nearest(void **state)
{
	(void)state;
	char text[128];
	struct wr_near near = {.wanted = "abcdef"};
	wr_near_add(&near, "abcdxx");
	wr_near_add(&near, "abcxex");
	wr_near_add(&near, "abxxef");
	wr_near_add(&near, "abcdex");
	wr_near_add(&near, "abcdef");
	assert_string_equal(wr_near_text(&near, text, sizeof(text)),
			    "; did you mean 'abcdef', 'abcdex' or 'abcdxx'?");
	assert_string_equal(wr_near_text(&near, text, 10), "; did you");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_keeps_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
