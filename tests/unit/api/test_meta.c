/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define NP(meta) "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: " meta "\n"
#define POD(meta) "apiVersion: v1\nkind: Pod\nmetadata: " meta "\n"

static void metadata_of_a_pod(void **state)
{
	struct fixture f;
	(void)state;
	const struct wr_object *o =
		fixture_one(&f, "apiVersion: v1\nkind: Pod\nmetadata:\n"
				"  name: web-0\n  namespace: shop\n  uid: u-1\n  unheard: [of]\n"
				"  labels: {b: '2', a: '1', c: }\n"
				"  ownerReferences:\n"
				"  - {kind: Other, name: x, controller: false}\n"
				"  - {kind: StatefulSet, name: web, controller: true}\n"
				"  - {kind: StatefulSet, name: not-me, controller: true}\n");
	assert_string_equal(o->meta.name, "web-0");
	assert_string_equal(o->meta.ns, "shop");
	assert_string_equal(o->meta.uid, "u-1");
	assert_string_equal(o->meta.owner_kind, "StatefulSet");
	assert_string_equal(o->meta.owner_name, "web");
	assert_int_equal(o->meta.mark.line, 4);
	assert_int_equal(o->meta.n_labels, 3);
	static const char *const labels[][2] = {{"a", "1"}, {"b", "2"}, {"c", ""}};
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(o->meta.labels[i].key, labels[i][0]);
		assert_string_equal(o->meta.labels[i].value, labels[i][1]);
	}
	assert_int_equal(o->meta.labels[0].mark.column, 23);
	fixture_down(&f);
}

static void of_a_duplicate_label_the_last_counts(void **state)
{
	struct fixture f;
	(void)state;
	const struct wr_object *o =
		fixture_one(&f, POD("{name: a, labels: {z: '1', a: x, z: '2', a: y, z: '3'}}"));
	assert_int_equal(o->meta.n_labels, 2);
	assert_string_equal(o->meta.labels[0].value, "y");
	assert_string_equal(o->meta.labels[1].value, "3");
	fixture_down(&f);
}

static void scope_and_defaults(void **state)
{
	struct fixture f;
	(void)state;
	const struct wr_object *o = fixture_one(&f, POD("{name: a}"));
	assert_string_equal(o->meta.ns, "default");
	fixture_down(&f);
	o = fixture_one(&f, POD("{generateName: a-}"));
	assert_string_equal(o->meta.name, "a-");
	fixture_down(&f);
	o = fixture_one(&f, "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n");
	assert_null(o->meta.ns);
	fixture_down(&f);
	o = fixture_one(&f, "apiVersion: v1\nkind: Node\nmetadata: {name: a, namespace: b}\n");
	assert_null(o->meta.ns);
	fixture_down(&f);
}

static void what_is_needed_and_unreadable(void **state)
{
	static const struct complaint cases[] = {
		{POD("{}"), "metadata.name", "Pod must have a name", NULL, 1, 1},
		{POD("{name: 5}"), "metadata.name", "must be a string, found integer (5)",
		 "quote it: \"5\"", 3, 18},
		{POD("{name: a, namespace: [b]}"), "metadata.namespace",
		 "must be a string, found list", "", 3, 32},
		{POD("{name: a, labels: [b]}"), "metadata.labels", "must be a map, found list",
		 NULL, 3, 29},
		{POD("{name: a, labels: {b: on}}"), "metadata.labels.b",
		 "label value must be a string, found boolean (on)", "quote it: \"on\"", 3, 33},
		{POD("{name: a, labels: {b: {c: d}}}"), "metadata.labels.b",
		 "label value must be a string, found map", "", 3, 33},
		{POD("[]"), "metadata", "must be a map, found list", NULL, 3, 11},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_complaint(&cases[i]);
}

static void a_policys_metadata_is_strict(void **state)
{
	static const struct complaint cases[] = {
		{NP("{namespace: a}"), "metadata.name",
		 "Required value: name or generateName is required"},
		{NP("{name: a, lables: {}}"), "metadata.lables", "unknown field \"lables\"",
		 "did you mean \"labels\"?", 3, 21},
		{NP("{name: a, podSelector: {}}"), NULL, "unknown field \"podSelector\"",
		 "under spec", 3, 21},
		{NP("{name: a, namespace: a.b}"), "metadata.namespace",
		 "Invalid value: \"a.b\": must not contain dots", NULL, 3, 32},
		{NP("{name: a, annotations: {b: true}}"), "metadata.annotations.b",
		 "must be a string, found boolean (true)", "quote it", 3, 38},
		{NP("{name: a, annotations: {/b: x}}"), "metadata.annotations",
		 "Invalid value: \"/b\": prefix part must be non-empty", NULL, 3, 35},
		{NP("{name: a, labels: {b: c, b: d}}"), "metadata.labels.b",
		 "duplicate field \"b\"", NULL, 3, 36},
		{NP("{name: a, generation: x}"), NULL, "must be a whole number, found string (x)"},
		{NP("{name: a, finalizers: [x]}"), "metadata.finalizers[0]",
		 "Invalid value: \"x\": name is neither a standard finalizer name nor is it fully "
		 "qualified"},
		{NP("{name: a, ownerReferences: [{apiVersion: v1, kind: K, name: n}]}"),
		 "metadata.ownerReferences.uid", "Invalid value: \"\": must not be empty"},
		{NP("{name: a, managedFields: x}"), NULL, "must be a list, found string (x)"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_complaint(&cases[i]);
}

static void fields_that_the_server_sets_are_known(void **state)
{
	struct fixture f;
	(void)state;
	fixture_one(&f,
		    NP("{name: a, uid: u, resourceVersion: '7', generation: 2, selfLink: /x, "
		       "creationTimestamp: '2024-01-01T00:00:00Z', deletionTimestamp: null, "
		       "annotations: {Example.com/note: x}, finalizers: [orphan, a.io/b], "
		       "managedFields: [{manager: m, fieldsV1: {}}], ownerReferences: "
		       "[{apiVersion: v1, kind: K, name: n, uid: u, controller: true}]}") "status: "
											  "{}\n");
	fixture_down(&f);
	fixture_one(&f, NP("{generateName: a-}"));
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metadata_of_a_pod),
		cmocka_unit_test(of_a_duplicate_label_the_last_counts),
		cmocka_unit_test(scope_and_defaults),
		cmocka_unit_test(what_is_needed_and_unreadable),
		cmocka_unit_test(a_policys_metadata_is_strict),
		cmocka_unit_test(fields_that_the_server_sets_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
