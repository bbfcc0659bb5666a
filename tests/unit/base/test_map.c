/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"

static int set_up(void **state)
{
	*state = wr_map_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	wr_map_free(*state);
	return 0;
}

static void test_put_and_get(void **state)
{
	uint64_t v = 99;
	assert_false(wr_map_get(*state, "a", 1, &v));
	assert_int_equal(v, 99);
	assert_int_equal(wr_map_put(*state, "a", 1, 1), 0);
	assert_int_equal(wr_map_put(*state, "ab", 2, 2), 0);
	assert_int_equal(wr_map_put(*state, "a", 1, 3), 0);
	assert_true(wr_map_get(*state, "a", 1, &v));
	assert_int_equal(v, 3);
	assert_true(wr_map_get(*state, "ab", 2, NULL));
	assert_false(wr_map_get(*state, "b", 1, NULL));
	assert_int_equal(wr_map_count(*state), 2);
}

static void test_keys_are_bytes(void **state)
{
	assert_int_equal(wr_map_put(*state, "", 0, 1), 0);
	assert_int_equal(wr_map_put(*state, "\0", 1, 2), 0);
	assert_int_equal(wr_map_put(*state, "\0\0", 2, 3), 0);
	assert_int_equal(wr_map_put(*state, "x\0y", 3, 4), 0);
	assert_int_equal(wr_map_put(*state, "x\0z", 3, 5), 0);
	uint64_t v;
	assert_int_equal(wr_map_count(*state), 5);
	assert_true(wr_map_get(*state, "x\0z", 3, &v));
	assert_int_equal(v, 5);
	assert_true(wr_map_get(*state, "", 0, &v));
	assert_int_equal(v, 1);
}

static void test_slots(void **state)
{
	bool created = false;
	uint64_t *slot = wr_map_slot(*state, "k", 1, 10, &created);
	assert_true(created);
	assert_int_equal(*slot, 10);
	*slot += 5;
	slot = wr_map_slot(*state, "k", 1, 77, &created);
	assert_false(created);
	assert_int_equal(*slot, 15);
	assert_int_equal(*wr_map_slot(*state, "k", 1, 0, NULL), 15);
}

static void test_many_in_order(void **state)
{
	enum { N = 100000 };
	char key[32];
	for (size_t i = 0; i < N; i++) {
		int n = snprintf(key, sizeof(key), "key-%zu", i * 7919 % N);
		assert_int_equal(wr_map_put(*state, key, (size_t)n, i), 0);
		memset(key, '!', sizeof(key)); /* the map has its own copy */
	}
	assert_int_equal(wr_map_count(*state), N);
	for (size_t i = 0; i < N; i++) {
		uint64_t v = 0;
		int n = snprintf(key, sizeof(key), "key-%zu", i * 7919 % N);
		const struct wr_map_entry *e = wr_map_at(*state, i);
		assert_int_equal(e->value, i);
		assert_int_equal(e->size, n);
		assert_string_equal(e->key, key);
		assert_true(wr_map_get(*state, key, (size_t)n, &v));
		assert_int_equal(v, i);
	}
}

/* Keys that differ in one bit only, of every length up to three words. */
static void test_hash_spreads(void **state)
{
	(void)state;
	unsigned char data[24] = {0};
	for (size_t size = 1; size <= sizeof(data); size++) {
		uint64_t base = wr_hash(data, size);
		for (size_t bit = 0; bit < size * 8; bit++) {
			data[bit / 8] ^= (unsigned char)(1u << bit % 8);
			assert_true(wr_hash(data, size) != base);
			data[bit / 8] = 0;
		}
		if (size > 1)
			assert_true(wr_hash(data, size - 1) != base);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_and_get, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys_are_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slots, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_in_order, set_up, tear_down),
		cmocka_unit_test(test_hash_spreads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
