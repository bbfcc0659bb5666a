/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define PODS                                                                                 \
	"{apiVersion: v1, kind: Pod, metadata: {name: none}, spec: {containers: []}}\n---\n" \
	"{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {}}\n" \
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: canary, labels: {app: web,"       \
	" track: canary}}, spec: {}}\n---\n"                                                 \
	"{apiVersion: v1, kind: Pod, metadata: {name: db, labels: {app: db, tier: data}},"   \
	" spec: {}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: empty,"               \
	" labels: {app: \"\"}}, spec: {}}\n"

#define POLICY(name, selector)                                                               \
	"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " name \
	"}\nspec: {podSelector: " selector "}\n"

static const struct {
	const char *selector, *text, *pods;
} cases[] = {
	{"{}", "", "canary db empty none web "},
	{"{matchLabels: {}, matchExpressions: []}", "", "canary db empty none web "},
	{"{matchLabels: {app: web}}", "app=web", "canary web "},
	{"{matchLabels: {app: \"\"}}", "app=", "empty "},
	{"{matchLabels: {app: web, track: canary}}", "app=web,track=canary", "canary "},
	{"{matchLabels: {app: nobody}}", "app=nobody", ""},
	{"{matchExpressions: [{key: app, operator: In, values: [web, db]}]}", "app in (web,db)",
	 "canary db web "},
	{"{matchExpressions: [{key: app, operator: In, values: [db]}]}", "app=db", "db "},
	{"{matchExpressions: [{key: app, operator: NotIn, values: [web, db]}]}",
	 "app notin (web,db)", "empty none "},
	{"{matchExpressions: [{key: tier, operator: NotIn, values: [data]}]}", "tier!=data",
	 "canary empty none web "},
	{"{matchExpressions: [{key: app, operator: Exists}]}", "app", "canary db empty web "},
	{"{matchExpressions: [{key: app, operator: DoesNotExist}]}", "!app", "none "},
	{"{matchExpressions: [{key: nowhere, operator: NotIn, values: [x]}]}", "nowhere!=x",
	 "canary db empty none web "},
	{"{matchLabels: {app: web}, matchExpressions: [{key: track, operator: DoesNotExist}]}",
	 "app=web,!track", "web "},
	{"{matchExpressions: [{key: app, operator: In, values: [web]},"
	 " {key: app, operator: NotIn, values: [web]}]}",
	 "app=web,app!=web", ""},
};

static void matches_and_formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		char manifest[4096] = "", found[256] = "";
		fixture_add(manifest, sizeof(manifest), "%s", PODS);
		fixture_add(manifest, sizeof(manifest), POLICY("p", "%s"), cases[i].selector);
		fixture_up(&f, manifest);
		uint32_t id = f.world->policies[0].subject.pod_selector;
		for (uint32_t p = 0; p < f.world->n_pods; p++) {
			const struct wr_pod *pod = &f.world->pods[p];
			if (wr_selector_matches(f.world, id, pod->labels, pod->n_labels))
				fixture_add(found, sizeof(found), "%s ", pod->name);
		}
		assert_string_equal(found, cases[i].pods);
		assert_string_equal(wr_selector_format(f.world, id, f.arena), cases[i].text);
		fixture_down(&f);
	}
}

static uint32_t selector_of(const struct fixture *f, const char *policy)
{
	for (uint32_t i = 0; i < f->world->n_policies; i++)
		if (!strcmp(f->world->policies[i].name, policy))
			return f->world->policies[i].subject.pod_selector;
	fail_msg("no policy %s", policy);
	return WR_NONE;
}

static void equal_selectors_are_one(void **state)
{
	(void)state;
	static const char *const objects[] = {
		POLICY("all", "{}"),
		POLICY("a", "{matchLabels: {app: web}}"),
		POLICY("b", "{matchExpressions: [{key: app, operator: In, values: [web]}]}"),
		POLICY("c", "{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}"),
		POLICY("d", "{matchExpressions: [{key: app, operator: In, values: [x, y]}]}"),
		POLICY("e", "{matchExpressions: [{key: app, operator: In, values: [y, x]}]}"),
		POLICY("f", "{matchExpressions: [{key: app, operator: Exists}]}"),
		NULL,
	};
	struct fixture f;
	fixture_up_all(&f, objects);
	assert_int_equal(selector_of(&f, "all"), WR_NONE);
	assert_int_equal(selector_of(&f, "a"), selector_of(&f, "b"));
	assert_int_equal(selector_of(&f, "d"), selector_of(&f, "e"));
	assert_int_not_equal(selector_of(&f, "a"), selector_of(&f, "c"));
	assert_int_not_equal(selector_of(&f, "a"), selector_of(&f, "f"));
	assert_int_equal(f.world->n_selectors, 4);
	for (uint32_t i = 0; i < f.world->n_selectors; i++)
		assert_int_equal(f.world->selectors[i].id, i);
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_and_formats),
		cmocka_unit_test(equal_selectors_are_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
