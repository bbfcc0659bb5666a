/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define POD(name, labels)                                                              \
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: " name ", labels: {" labels \
	"}}, spec: {containers: []}}\n"

static void equal_labels_have_one_number(void **state)
{
	(void)state;
	struct fixture f;
	fixture_up(&f, POD("a", "app: web, tier: front") POD("b", "tier: front, app: db"));
	const struct wr_pod *a = fixture_pod(&f, "default", "a"),
			    *b = fixture_pod(&f, "default", "b");
	assert_int_equal(a->n_labels, 2);
	assert_int_equal(b->n_labels, 2);
	for (int i = 0; i < 2; i++) {
		/* both are sorted by key number, whatever the order of writing */
		assert_int_equal(a->labels[i].key, b->labels[i].key);
		bool tier = !strcmp(wr_world_key_text(f.world, a->labels[i].key), "tier");
		assert_int_equal(a->labels[i].pair == b->labels[i].pair, tier);
		assert_true(a->labels[i].key < f.world->n_keys);
		assert_true(a->labels[i].pair < f.world->n_pairs);
	}
	assert_true(a->labels[0].key < a->labels[1].key);
	fixture_down(&f);
}

static void key_and_value_do_not_run_together(void **state)
{
	(void)state;
	struct fixture f;
	char buf[256];
	fixture_up(&f,
		   POD("a", "ab: c") POD("b", "a: bc") POD("c", "ab: \"\"") POD("d", "ab.c: \"\""));
	assert_string_equal(fixture_labels(&f, fixture_pod(&f, "default", "c")->labels, 1, buf,
					   sizeof(buf)),
			    "ab= ");
	uint32_t pairs[4];
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(f.world->pods[i].n_labels, 1);
		pairs[i] = f.world->pods[i].labels[0].pair;
		for (uint32_t k = 0; k < i; k++)
			assert_int_not_equal(pairs[i], pairs[k]);
	}
	assert_int_equal(f.world->pods[0].labels[0].key, f.world->pods[2].labels[0].key);
	fixture_down(&f);
}

static void long_labels_are_whole(void **state)
{
	(void)state;
	char manifest[4096] = "", value[1001];
	memset(value, 'v', 1000);
	value[1000] = '\0';
	fixture_add(manifest, sizeof(manifest), POD("a", "k: %sA"), value);
	fixture_add(manifest, sizeof(manifest), POD("b", "k: %sB"), value);
	struct fixture f;
	fixture_up(&f, manifest);
	const struct wr_label_id *a = f.world->pods[0].labels, *b = f.world->pods[1].labels;
	assert_int_not_equal(a->pair, b->pair);
	assert_int_equal(strlen(wr_world_pair_text(f.world, a->pair)), 2 + 1001);
	fixture_down(&f);
}

static void no_number_has_no_text(void **state)
{
	(void)state;
	struct fixture f;
	fixture_up(&f, POD("a", ""));
	assert_null(wr_world_pair_text(f.world, WR_NONE));
	assert_null(wr_world_key_text(f.world, WR_NONE));
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_labels_have_one_number),
		cmocka_unit_test(key_and_value_do_not_run_together),
		cmocka_unit_test(long_labels_are_whole),
		cmocka_unit_test(no_number_has_no_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
