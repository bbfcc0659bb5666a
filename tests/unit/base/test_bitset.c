/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bitset.h"

/* Sizes around the words' borders. */
static const size_t sizes[] = {0, 1, 63, 64, 65, 127, 128, 129, 1000};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* The same operations on an array of bool, and every bit compared. */
static void compare(const struct wr_bitset *s, const bool *model)
{
	size_t count = 0, next = SIZE_MAX;
	for (size_t i = s->bits; i-- > 0;) {
		assert_int_equal(wr_bitset_has(s, i), model[i]);
		count += model[i];
		if (model[i])
			next = i;
		assert_int_equal(wr_bitset_next(s, i), next);
	}
	assert_int_equal(wr_bitset_count(s), count);
	size_t seen = 0;
	wr_bitset_each(s, i)
	{
		assert_true(model[i]);
		seen++;
	}
	assert_int_equal(seen, count);
	assert_int_equal(wr_bitset_next(s, s->bits), SIZE_MAX);
}

static void fill(struct wr_bitset *s, bool *model, unsigned *seed)
{
	for (size_t i = 0; i < s->bits; i++) {
		model[i] = rand_r(seed) % 3 == 0;
		if (model[i])
			wr_bitset_add(s, i);
	}
}

static void test_algebra(void **state)
{
	(void)state;
	unsigned seed = 7;
	for (size_t k = 0; k < SIZES * 4; k++) {
		size_t n = sizes[k % SIZES];
		bool a[1000] = {0}, b[1000] = {0};
		struct wr_arena *arena = wr_arena_new();
		struct wr_bitset *x = wr_bitset_new(arena, n), *y = wr_bitset_new(arena, n);
		fill(x, a, &seed);
		fill(y, b, &seed);
		compare(x, a);
		switch (k / SIZES) {
		case 0:
			wr_bitset_or(x, y);
			for (size_t i = 0; i < n; i++)
				a[i] = a[i] || b[i];
			break;
		case 1:
			wr_bitset_and(x, y);
			for (size_t i = 0; i < n; i++)
				a[i] = a[i] && b[i];
			break;
		case 2:
			wr_bitset_and_not(x, y);
			for (size_t i = 0; i < n; i++)
				a[i] = a[i] && !b[i];
			break;
		default:
			wr_bitset_not(x);
			for (size_t i = 0; i < n; i++)
				a[i] = !a[i];
		}
		compare(x, a);
		compare(y, b);
		wr_arena_free(arena);
	}
}

static void test_ranges(void **state)
{
	(void)state;
	for (size_t first = 0; first < 140; first += 7) {
		for (size_t n = 0; first + n <= 260; n += 13) {
			bool model[260] = {0};
			struct wr_arena *arena = wr_arena_new();
			struct wr_bitset *s = wr_bitset_new(arena, 260);
			wr_bitset_add_range(s, first, n);
			memset(model + first, true, n);
			compare(s, model);
			if (n) {
				wr_bitset_remove(s, first);
				model[first] = false;
				compare(s, model);
			}
			wr_arena_free(arena);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_algebra),
		cmocka_unit_test(test_ranges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
