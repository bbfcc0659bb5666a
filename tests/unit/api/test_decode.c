/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define POD(name) "apiVersion: v1\nkind: Pod\nmetadata: {name: " name "}\n"

static void lists_are_opened(void **state)
{
	static const char *const cases[] = {
		"apiVersion: v1\nkind: List\nitems:\n"
		"- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
		"- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n",
		"apiVersion: v1\nkind: PodList\nitems:\n"
		"- {metadata: {name: a}}\n"
		"- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n",
		"{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{\"apiVersion\": \"v1\", "
		"\"kind\": \"PodList\", \"items\": [{\"metadata\": {\"name\": \"a\"}}, "
		"{\"metadata\": {\"name\": \"b\"}}]}]}",
		"kind: List\nitems:\n"
		"- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
		"- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: "
		"{name: b}}]}\n",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		fixture_decode(&f, cases[i], true);
		fixture_print(&f);
		assert_int_equal(f.rc, 0);
		assert_int_equal(f.objects.n, 2);
		assert_int_equal(f.objects.n_skipped, 0);
		assert_string_equal(f.objects.items[0]->meta.name, "a");
		assert_string_equal(f.objects.items[1]->meta.name, "b");
		assert_ptr_equal(f.objects.items[1]->doc, wr_input_at(f.in, 0));
		assert_ptr_not_equal(f.objects.items[1]->value, wr_input_at(f.in, 0)->root);
		fixture_down(&f);
	}
}

static void typed_lists_of_policies_are_strict(void **state)
{
	struct fixture f;
	(void)state;
	fixture_decode(&f,
		       "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nitems:\n"
		       "- metadata: {name: a}\n  spec: {podSelectors: {}}\n"
		       "- metadata: {name: b}\n",
		       true);
	assert_int_equal(wr_diags_count(f.diags), 1);
	assert_string_equal(wr_diags_at(f.diags, 0)->path, "spec.podSelectors");
	assert_int_equal(wr_diags_at(f.diags, 0)->mark.line, 5);
	assert_int_equal(f.objects.n, 1);
	assert_string_equal(f.objects.items[0]->meta.name, "b");
	fixture_down(&f);
}

static void other_kinds_are_counted(void **state)
{
	static const struct {
		const char *kind;
		size_t count;
	} want[] = {
		{"ConfigMap", 2},
		{"(no kind)", 1},
		{"(no object)", 2},
		{"NetworkPolicy.projectcalico.org", 1},
		{"Service.serving.knative.dev", 1},
		{"NameList", 1},
		{"Ingress.networking.k8s.io", 1}, /* of an older version */
	};
	struct fixture f;
	(void)state;
	fixture_decode(
		&f,
		"apiVersion: v1\nkind: ConfigMap\n---\n"
		"apiVersion: v1\nkind: ConfigMapList\nitems: [{data: {}}]\n---\n"
		"replicaCount: 2\nimage: {tag: 1.10}\n---\n"
		"[a, b]\n---\n"
		"plain\n---\n"
		"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nspec: {order: 1}\n---\n"
		"apiVersion: serving.knative.dev/v1\nkind: Service\n---\n"
		"apiVersion: example.com/v1\nkind: NameList\nspec: {}\n---\n"
		"apiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata: {name: i}\n",
		true);
	fixture_print(&f);
	assert_int_equal(f.rc, 0);
	assert_int_equal(f.objects.n, 0);
	assert_int_equal(f.objects.n_skipped, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < f.objects.n_skipped; i++) {
		assert_string_equal(f.objects.skipped[i].kind, want[i].kind);
		assert_int_equal(f.objects.skipped[i].count, want[i].count);
	}
	fixture_down(&f);
}

static void wrong_kinds_and_versions_are_errors(void **state)
{
	static const struct complaint cases[] = {
		{"apiVersion: networking.k8s.io/v1\nkind: NetworkPolcy\nmetadata: {name: a}\n",
		 "kind", "no kind \"NetworkPolcy\" in apiVersion \"networking.k8s.io/v1\"",
		 "did you mean \"NetworkPolicy\"?", 2, 7},
		{"apiVersion: networking.k8s.io/v1\nkind: networkpolicy\nmetadata: {name: a}\n",
		 NULL, "no kind \"networkpolicy\" in apiVersion \"networking.k8s.io/v1\"",
		 "did you mean \"NetworkPolicy\"?", 2, 7},
		{"apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: a}\n",
		 "apiVersion", "NetworkPolicy of extensions/v1beta1 is gone since Kubernetes 1.16",
		 "write apiVersion: networking.k8s.io/v1", 1, 13},
		{"apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata: {name: "
		 "a}\n",
		 NULL, "no kind \"NetworkPolicy\" in apiVersion \"networking.k8s.io/v1beta1\"",
		 "networking.k8s.io/v1"},
		{"apiVersion: networkng.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n",
		 NULL, "no kind \"NetworkPolicy\" in apiVersion \"networkng.k8s.io/v1\"",
		 "networking.k8s.io/v1"},
		{"apiVersion: networking.k8s.io/v1\nmetadata: {name: a}\n", "kind",
		 "an object of networking.k8s.io/v1 must say its kind", "write kind: NetworkPolicy",
		 1, 1},
		{"apiVersion: networking.k8s.io/v1\nkind: [a]\n", "kind",
		 "must be a string, found list", "write kind: NetworkPolicy", 2, 7},
		{"kind: NetworkPolicy\nmetadata: {name: a}\n", "apiVersion",
		 "a NetworkPolicy must say its apiVersion", "networking.k8s.io/v1", 1, 1},
		{"apiVersion: v1\nkind: Deployment\nmetadata: {name: a}\n", "apiVersion",
		 "no kind \"Deployment\" in apiVersion \"v1\"", "apps/v1", 1, 13},
		{"apiVersion: v1\nkind: List\nitems: {}\n", "items", "must be a list, found map",
		 NULL, 3, 8},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_complaint(&cases[i]);
}

static void a_kind_without_api_version(void **state)
{
	struct fixture f;
	(void)state;
	fixture_decode(&f, "kind: Pod\nmetadata: {name: a}\n", true);
	assert_int_equal(f.rc, 0);
	assert_int_equal(f.objects.n, 1);
	assert_int_equal(wr_diags_total(f.diags, WR_WARNING), 1);
	fixture_down(&f);
	fixture_decode(&f, "kind: DaemonSet\nreplicaCount: 2\n", true);
	assert_int_equal(f.rc, 0);
	assert_int_equal(f.objects.n_skipped, 1);
	fixture_down(&f);
}

static void a_second_object_of_one_name_is_an_error(void **state)
{
	struct fixture f;
	(void)state;
	fixture_decode(&f,
		       POD("a, namespace: x") "---\n" POD("a") "---\n" POD(
			       "a, namespace: default") "---\napiVersion: v1\nkind: Service\n"
							"metadata: {name: a}\n",
		       true);
	assert_int_equal(f.objects.n, 3);
	assert_int_equal(wr_diags_count(f.diags), 1);
	const struct wr_diag *d = wr_diags_at(f.diags, 0);
	assert_string_equal(d->message, "Pod default/a is already defined at t.yaml:7");
	assert_int_equal(d->mark.line, 11);
	fixture_down(&f);
	fixture_decode(&f,
		       "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n---\n"
		       "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n",
		       true);
	assert_int_equal(f.objects.n, 2);
	fixture_down(&f);
}

static void one_value_by_itself(void **state)
{
	struct fixture f;
	struct wr_object *o = NULL;
	(void)state;
	fixture_decode(&f, POD("a") "---\napiVersion: v1\nkind: Secret\n---\n" POD("[]"), true);
	assert_int_equal(wr_decode_value(wr_input_at(f.in, 0)->root, NULL, f.arena, f.diags, &o),
			 0);
	assert_non_null(o);
	assert_string_equal(o->meta.name, "a");
	assert_int_equal(wr_decode_value(wr_input_at(f.in, 1)->root, NULL, f.arena, f.diags, &o),
			 0);
	assert_null(o);
	o = (struct wr_object *)&f;
	assert_int_equal(wr_decode_value(wr_input_at(f.in, 2)->root, NULL, f.arena, f.diags, &o),
			 -EINVAL);
	assert_ptr_equal(o, &f);
	fixture_down(&f);
}

/* Work per object must not grow with their number. */
static void an_item_inherits_from_its_list(void **state)
{
	struct fixture f;
	struct wr_object *o = NULL;
	struct wr_list_type type;
	(void)state;
	fixture_decode(&f,
		       "apiVersion: v1\nkind: PodList\nitems: [{metadata: {name: a}}]\n---\n"
		       "kind: List\nitems: [{metadata: {name: a}}]\n---\n"
		       "kind: PodList\nitems: {}\n---\n"
		       "apiVersion: v1\nkind: "
		       "AKindWithANameThatIsLongerThanThatOfAnyOtherKindWhichThereIsToday_List\n"
		       "items: []\n",
		       true);
	const struct wr_value *root = wr_input_at(f.in, 0)->root;
	const struct wr_value *item = wr_value_get(root, "items")->items[0];
	assert_true(wr_decode_is_list(root, &type));
	assert_string_equal(type.kind, "Pod");
	assert_string_equal(type.api, "v1");
	assert_int_equal(wr_decode_item(item, &type, NULL, f.arena, f.diags, &o), 0);
	assert_non_null(o);
	assert_int_equal(o->kind, WR_KIND_POD);
	assert_true(wr_decode_is_list(wr_input_at(f.in, 1)->root, &type));
	assert_string_equal(type.kind, "");
	assert_null(type.api);
	assert_int_equal(wr_decode_item(item, &type, NULL, f.arena, f.diags, &o), 0);
	assert_null(o);
	assert_false(wr_decode_is_list(wr_input_at(f.in, 2)->root, &type));
	assert_false(wr_decode_is_list(item, &type));
	assert_true(wr_decode_is_list(wr_input_at(f.in, 3)->root, &type));
	assert_string_equal(type.kind, "");
	fixture_down(&f);
}

static void many_objects(void **state)
{
	enum { N = 20000 };
	size_t size = (size_t)N * 80 + 100, at = 0;
	char *text = test_malloc(size);
	struct wr_arena *arena = wr_arena_new();
	struct wr_diags *diags = wr_diags_new();
	struct wr_input *in = wr_input_new(NULL);
	struct wr_objects objects;
	(void)state;
	at += (size_t)snprintf(text, size,
			       "{\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"items\":[");
	for (int i = 0; i < N; i++)
		at += (size_t)snprintf(text + at, size - at,
				       "%s{\"metadata\":{\"name\":\"pod-%d\"}}", i ? "," : "", i);
	at += (size_t)snprintf(text + at, size - at, "]}");
	assert_int_equal(wr_input_bytes(in, "many.json", 1, text, at, diags), 0);
	assert_int_equal(wr_decode(in, arena, diags, &objects), 0);
	assert_int_equal(objects.n, N);
	assert_string_equal(objects.items[N - 1]->meta.name, "pod-19999");
	wr_input_free(in);
	wr_diags_free(diags);
	wr_arena_free(arena);
	test_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_opened),
		cmocka_unit_test(typed_lists_of_policies_are_strict),
		cmocka_unit_test(other_kinds_are_counted),
		cmocka_unit_test(wrong_kinds_and_versions_are_errors),
		cmocka_unit_test(a_kind_without_api_version),
		cmocka_unit_test(a_second_object_of_one_name_is_an_error),
		cmocka_unit_test(one_value_by_itself),
		cmocka_unit_test(an_item_inherits_from_its_list),
		cmocka_unit_test(many_objects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
