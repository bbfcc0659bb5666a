/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/vec.h"

struct wide {
	uint64_t a, b, c;
};

static void test_push_and_free(void **state)
{
	(void)state;
	WR_VEC(struct wide) v = {0};
	for (uint64_t i = 0; i < 10000; i++)
		assert_int_equal(wr_vec_push(&v, (struct wide){i, i * 2, i * 3}), 0);
	assert_int_equal(v.n, 10000);
	assert_true(v.cap >= v.n);
	for (uint64_t i = 0; i < v.n; i++) {
		assert_int_equal(v.items[i].a, i);
		assert_int_equal(v.items[i].c, i * 3);
	}
	wr_vec_free(&v);
	assert_null(v.items);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.cap, 0);
	assert_int_equal(wr_vec_push(&v, (struct wide){1, 2, 3}), 0);
	assert_int_equal(v.n, 1);
	wr_vec_free(&v);
}

static void test_room_is_not_taken_twice(void **state)
{
	(void)state;
	int *items = NULL;
	size_t cap = 0;
	assert_int_equal(wr_vec_grow((void **)&items, 0, &cap, sizeof(int)), 0);
	int *first = items;
	size_t had = cap;
	assert_int_equal(wr_vec_grow((void **)&items, cap - 1, &cap, sizeof(int)), 0);
	assert_ptr_equal(items, first);
	assert_int_equal(cap, had);
	free(items);
}

static void test_overflow(void **state)
{
	(void)state;
	void *items = NULL;
	size_t cap = SIZE_MAX / 4;
	assert_int_equal(wr_vec_grow(&items, cap, &cap, 64), -ENOMEM);
	assert_null(items);
	assert_int_equal(cap, SIZE_MAX / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_push_and_free),
		cmocka_unit_test(test_room_is_not_taken_twice),
		cmocka_unit_test(test_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
