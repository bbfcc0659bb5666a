/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static int set_up(void **state)
{
	*state = wr_arena_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	wr_arena_free(*state);
	return 0;
}

static void is_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], 0);
}

static void test_zeroed_and_aligned(void **state)
{
	static const size_t sizes[] = {1, 15, 16, 17, 100, 4096, 16 << 10, 100000, 3 << 20, 8};
	for (size_t round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			unsigned char *p = wr_arena_alloc(*state, sizes[i]);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 16, 0);
			is_zero(p, sizes[i]);
			memset(p, 0xa5, sizes[i]);
		}
		if (round % 10 == 9)
			wr_arena_reset(*state);
	}
}

static void test_allocations_do_not_overlap(void **state)
{
	enum { N = 5000 };
	static unsigned char *p[N];
	for (size_t i = 0; i < N; i++) {
		p[i] = wr_arena_alloc(*state, i % 97 + 1);
		assert_non_null(p[i]);
		memset(p[i], (int)(i % 251), i % 97 + 1);
	}
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k <= i % 97; k++)
			assert_int_equal(p[i][k], i % 251);
}

static void test_nothing_is_a_pointer(void **state)
{
	assert_non_null(wr_arena_alloc(*state, 0));
	assert_non_null(wr_arena_array(*state, 0, 8));
	assert_ptr_not_equal(wr_arena_alloc(*state, 0), wr_arena_alloc(*state, 0));
}

static void test_absurd_sizes_fail(void **state)
{
	assert_null(wr_arena_alloc(*state, SIZE_MAX));
	assert_null(wr_arena_alloc(*state, SIZE_MAX - 15));
	assert_null(wr_arena_array(*state, SIZE_MAX / 2, 3));
	assert_non_null(wr_arena_alloc(*state, 8)); /* and it goes on */
}

static void test_strings(void **state)
{
	char source[] = "abcdef";
	char *copy = wr_arena_strdup(*state, source);
	source[0] = 'x';
	assert_string_equal(copy, "abcdef");
	assert_string_equal(wr_arena_strndup(*state, source, 3), "xbc");
	assert_string_equal(wr_arena_strndup(*state, source, 100), "xbcdef");
	assert_string_equal(wr_arena_strndup(*state, source, 0), "");
	assert_string_equal(wr_arena_printf(*state, "%s-%d", "a", -7), "a--7");
	char *longer = wr_arena_printf(*state, "%0*d", 50000, 1);
	assert_int_equal(strlen(longer), 50000);
}

static void test_size_counts_what_is_held(void **state)
{
	size_t before = wr_arena_size(*state);
	assert_non_null(wr_arena_alloc(*state, 1 << 20));
	assert_true(wr_arena_size(*state) >= before + (1 << 20));
}

static void test_reset_keeps_memory_constant(void **state)
{
	size_t after_first = 0;
	for (size_t round = 0; round < 200; round++) {
		for (size_t i = 0; i < 100; i++)
			assert_non_null(wr_arena_alloc(*state, 1000));
		wr_arena_reset(*state);
		if (round == 5)
			after_first = wr_arena_size(*state);
	}
	assert_true(wr_arena_size(*state) <= after_first);
}

static void test_free_takes_null(void **state)
{
	(void)state;
	wr_arena_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_zeroed_and_aligned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_allocations_do_not_overlap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_is_a_pointer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_absurd_sizes_fail, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_size_counts_what_is_held, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reset_keeps_memory_constant, set_up,
						tear_down),
		cmocka_unit_test(test_free_takes_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
