/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "model/relate.h"

#define POLICY(name, selector)                                                               \
	"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " name \
	"}\nspec: {podSelector: " selector "}\n"
#define IN(values) "{matchExpressions: [{key: k, operator: In, values: [" values "]}]}"
#define NOT_IN(values) "{matchExpressions: [{key: k, operator: NotIn, values: [" values "]}]}"
#define EXISTS "{matchExpressions: [{key: k, operator: Exists}]}"
#define NONE "{matchExpressions: [{key: k, operator: DoesNotExist}]}"

static const struct {
	const char *a, *b;
	bool implies, excludes;
} cases[] = {
	{"{}", "{}", true, false},
	{IN("x"), "{}", true, false},
	{"{}", IN("x"), false, false},
	{IN("x"), IN("x, y"), true, false},
	{IN("x, y"), IN("x"), false, false},
	{IN("x"), IN("y"), false, true},
	{IN("x, y"), IN("y, z"), false, false},
	{IN("x"), NOT_IN("y"), true, false},
	{IN("x, y"), NOT_IN("y"), false, false},
	{IN("x"), NOT_IN("x, y"), false, true},
	{NOT_IN("x, y"), IN("x"), false, true},
	{NOT_IN("x"), IN("x, y"), false, false},
	{NOT_IN("x, y"), NOT_IN("x"), true, false},
	{NOT_IN("x"), NOT_IN("x, y"), false, false},
	{IN("x"), EXISTS, true, false},
	{NOT_IN("x"), EXISTS, false, false},
	{EXISTS, NONE, false, true},
	{NONE, EXISTS, false, true},
	{NONE, IN("x"), false, true},
	{IN("x"), NONE, false, true},
	{NONE, NOT_IN("x"), true, false},
	{NOT_IN("x"), NONE, false, false},
	{"{matchLabels: {k: x, l: y}}", IN("x"), true, false},
	{"{matchLabels: {k: x, l: y}}", "{matchLabels: {l: z}}", false, true},
	{"{matchLabels: {k: x}}", "{matchLabels: {l: x}}", false, false},
};

static void selectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		char manifest[4096] = "";
		fixture_add(manifest, sizeof(manifest), POLICY("a", "%s"), cases[i].a);
		fixture_add(manifest, sizeof(manifest), POLICY("b", "%s"), cases[i].b);
		fixture_up(&f, manifest);
		uint32_t a = f.world->policies[0].subject.pod_selector;
		uint32_t b = f.world->policies[1].subject.pod_selector;
		if (wr_selector_implies(f.world, a, b) != cases[i].implies ||
		    wr_selector_excludes(f.world, a, b) != cases[i].excludes ||
		    wr_selector_excludes(f.world, b, a) != cases[i].excludes)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
		fixture_down(&f);
	}
}

/* Peers of a policy in namespace n; its first two peers are asked about. */
static void peers_are(const char *peers, bool within, bool apart)
{
	struct fixture f;
	char manifest[4096] = "{apiVersion: v1, kind: Namespace, metadata: {name: n,"
			      " labels: {team: x}}}\n";
	fixture_add(manifest, sizeof(manifest),
		    "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
		    "metadata: {name: p, namespace: n}\n"
		    "spec: {podSelector: {}, ingress: [{from: [%s]}]}\n",
		    peers);
	fixture_up(&f, manifest);
	const struct wr_peer *p = f.world->policies[0].rules[WR_INGRESS][0].peers;
	if (wr_peer_pods_within(f.world, &p[0], &p[1]) != within ||
	    wr_peer_pods_apart(f.world, &p[0], &p[1]) != apart ||
	    wr_peer_pods_apart(f.world, &p[1], &p[0]) != apart)
		fail_msg("%s", peers);
	assert_true(wr_peer_pods_within(f.world, &p[0], NULL));
	assert_false(wr_peer_pods_apart(f.world, &p[0], NULL));
	fixture_down(&f);
}

static void peers(void **state)
{
	(void)state;
	/* the namespace's own labels are known */
	peers_are("{podSelector: {}}, {namespaceSelector: {matchLabels: {team: x}}}", true, false);
	peers_are("{podSelector: {}}, {namespaceSelector: {matchLabels: {team: y}}}", false, true);
	peers_are("{namespaceSelector: {matchLabels: {team: x}}}, {podSelector: {}}", false, false);
	peers_are("{podSelector: {}}, {namespaceSelector: {}}", true, false);
	peers_are("{namespaceSelector: {}}, {podSelector: {}}", false, false);
	peers_are("{podSelector: {matchLabels: {a: b}}}, {podSelector: {}}", true, false);
	peers_are("{podSelector: {matchLabels: {a: b}}}, {podSelector: {matchLabels: {a: c}}}",
		  false, true);
	peers_are("{namespaceSelector: {matchLabels: {team: x}}},"
		  " {namespaceSelector: {matchLabels: {team: y}}}",
		  false, true);
	peers_are(
		"{namespaceSelector: {matchLabels: {team: x}}, podSelector: {matchLabels: {a: b}}},"
		" {namespaceSelector: {matchLabels: {team: x}}}",
		true, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selectors),
		cmocka_unit_test(peers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
