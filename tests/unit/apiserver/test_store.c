/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>

#include "apiserver/store.h"

static void put(struct wr_store *s, const char *key, const char *text)
{
	assert_int_equal(wr_store_put(s, WR_AS_PODS, key, text, strlen(text)), 0);
}

static void expect(const struct wr_store *s, uint64_t rv, const char *want)
{
	struct wr_listing all = {0};
	struct wr_buf text = {0};
	assert_int_equal(wr_store_list(s, WR_AS_PODS, "", "", rv, &all), 0);
	wr_buf_text(&text, "");
	for (size_t i = 0; i < all.n; i++)
		wr_buf_printf(&text, "%s=%s ", all.items[i].key, all.items[i].blob->text);
	assert_string_equal(text.data, want);
	wr_buf_free(&text);
	wr_vec_free(&all);
}

/* The state at every version, as it was then. */
static void test_past_lists(void **state)
{
	struct wr_store s;
	(void)state;
	assert_int_equal(wr_store_init(&s, 100, 10), 0);
	put(&s, "b", "1");
	put(&s, "a", "1");
	put(&s, "b", "2");
	assert_int_equal(wr_store_delete(&s, WR_AS_PODS, "b", "2", 1), 0);
	put(&s, "b", "3");
	assert_int_equal(s.rv, 15);
	expect(&s, 10, "");
	expect(&s, 11, "b=1 ");
	expect(&s, 12, "a=1 b=1 ");
	expect(&s, 13, "a=1 b=2 ");
	expect(&s, 14, "a=1 ");
	expect(&s, 15, "a=1 b=3 ");
	expect(&s, 0, "a=1 b=3 ");
	assert_int_equal(wr_store_delete(&s, WR_AS_PODS, "none", "", 0), -ENOENT);
	wr_store_free(&s);
}

static void test_compaction(void **state)
{
	struct wr_store s;
	struct wr_listing all = {0};
	char key[16];
	(void)state;
	assert_int_equal(wr_store_init(&s, 4, 1), 0);
	for (int i = 0; i < 10; i++) {
		(void)snprintf(key, sizeof(key), "p%d", i);
		put(&s, key, "x");
	}
	assert_int_equal(s.n, 4);
	assert_int_equal(s.compacted, 7);
	assert_int_equal(wr_store_past(&s, 0)->rv, 8);
	assert_int_equal(wr_store_after(&s, 9), 2);
	assert_int_equal(wr_store_after(&s, 11), 4);
	assert_int_equal(wr_store_list(&s, WR_AS_PODS, "", "", 6, &all), -ESTALE);
	assert_int_equal(wr_store_list(&s, WR_AS_PODS, "", "", 7, &all), 0);
	assert_int_equal(all.n, 6);
	wr_vec_free(&all);
	wr_store_free(&s);
}

static void test_prefixes(void **state)
{
	struct wr_store s;
	struct wr_listing all = {0};
	(void)state;
	assert_int_equal(wr_store_init(&s, 4, 1), 0);
	put(&s, "a-b/x", "1");
	put(&s, "a/x", "1");
	put(&s, "a/y", "1");
	put(&s, "ab/x", "1");
	assert_int_equal(wr_store_list(&s, WR_AS_PODS, "a/", "", 0, &all), 0);
	assert_int_equal(all.n, 2);
	all.n = 0;
	assert_int_equal(wr_store_list(&s, WR_AS_PODS, "a/", "a/y", 0, &all), 0);
	assert_int_equal(all.n, 1);
	wr_vec_free(&all);
	wr_store_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_past_lists),
		cmocka_unit_test(test_compaction),
		cmocka_unit_test(test_prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
