/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exposure claims of pods that are not there, by hand-written rules: the
 * pod of namespace n listens on http, 8080. Every claim of its ingress is one
 * line "PEER except PART | PORTS | BY".
 */
#include "fixture.h"

#include "engine/exposure.h"

#define PODS                                                                                   \
	"{apiVersion: v1, kind: Namespace, metadata: {name: n, labels: {team: x}}}\n---\n"     \
	"{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: n}, spec: {containers:"    \
	" [{name: c, ports: [{name: http, containerPort: 8080}]}]}, status: {podIP: 10.0.0.1}" \
	"}\n"
#define CNP(name, tier, priority, rules)                                                   \
	"---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n" \
	"metadata: {name: " name "}\nspec: {tier: " tier ", priority: " priority           \
	", subject: {namespaces: {}}, ingress: [" rules "]}\n"
#define ADMIN(rules) CNP("adm", "Admin", "1", rules)
#define BASE(rules) CNP("base", "Baseline", "1", rules)
#define NP(from)                                                                            \
	"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: np, " \
	"namespace: n}\nspec: {podSelector: {}, ingress: [" from "]}\n"
#define ALL "{namespaces: {}}"
#define TEAM(t) "{namespaces: {matchLabels: {team: " t "}}}"
#define RULE(action, from) "{action: " action ", from: [" from "]}"
#define PORT(action, from, port)                \
	"{action: " action ", from: [" from "]" \
	", protocols: [{tcp: {destinationPort: {number: " port "}}}]}"
#define ANY "any pod of any namespace"

static const struct {
	const char *policies, *claims;
} cases[] = {
	{"", ANY " | All Connections | -\n"},
	/* an Admin Deny of all, of a part, of other ports, and of nobody */
	{ADMIN(RULE("Deny", ALL)), ""},
	{ADMIN(RULE("Deny", TEAM("y"))),
	 ANY " except any pod in namespaces with team=y | All Connections | -\n"},
	{ADMIN(PORT("Deny", ALL, "22")), ANY " | All Connections but TCP 22 | -\n"},
	{ADMIN(PORT("Deny", TEAM("y"), "22")),
	 ANY " except any pod in namespaces with team=y on TCP 22 | All Connections | -\n"},
	{ADMIN(RULE("Deny", TEAM("y"))) NP("{from: [{namespaceSelector: {matchLabels:"
					   " {team: z}}}]}"),
	 "any pod in namespaces with team=z | All Connections | n/np 1\n"},
	{ADMIN(RULE("Deny", TEAM("y"))) NP("{from: [{namespaceSelector: {matchLabels:"
					   " {team: y}}}]}"),
	 ""},
	{ADMIN(PORT("Deny", ALL, "22")) NP("{ports: [{port: 22}]}"), ""},
	{ADMIN(PORT("Deny", ALL, "23")) NP("{ports: [{port: 22}]}"), ANY " | TCP 22 | n/np 1\n"},
	/* a name may be any number */
	{ADMIN(PORT("Deny", ALL, "22")) NP("{ports: [{port: http}]}"),
	 ANY " | TCP http but TCP 22 | n/np 1\n"},
	/* an Accept opens what NetworkPolicies and Baseline would not */
	{ADMIN(PORT("Accept", TEAM("y"), "9")) NP(""),
	 "any pod in namespaces with team=y | TCP 9 | Admin/adm 1\n"},
	{ADMIN(RULE("Deny", TEAM("y")) "," RULE("Accept", ALL)) NP(""),
	 ANY " except any pod in namespaces with team=y | All Connections | Admin/adm 2\n"},
	{ADMIN(RULE("Accept", TEAM("y")) "," RULE("Deny", ALL)),
	 "any pod in namespaces with team=y | All Connections | Admin/adm 1\n"},
	/* a Pass keeps its peers from a later Accept, and from a later Deny */
	{ADMIN(RULE("Pass", TEAM("y")) "," RULE("Accept", ALL)) NP(""),
	 ANY " except any pod in namespaces with team=y | All Connections | Admin/adm 2\n"},
	{ADMIN(RULE("Pass", TEAM("y")) "," RULE("Deny", ALL)),
	 "any pod in namespaces with team=y | All Connections | -\n"},
	{ADMIN(PORT("Pass", TEAM("y"), "80") "," RULE("Deny", ALL)) NP("{}"),
	 "any pod in namespaces with team=y | TCP 80 | n/np 1\n"},
	{ADMIN(RULE("Pass", TEAM("y")) "," RULE("Deny", ALL))
		 NP("{from: [{namespaceSelector: {matchLabels: {a: b}}}]}"),
	 "any pod in namespaces with a=b that are also any pod in namespaces with team=y |"
	 " All Connections | n/np 1\n"},
	{ADMIN(RULE("Pass", TEAM("y")) "," RULE("Deny", TEAM("z"))),
	 ANY " except any pod in namespaces with team=z | All Connections | -\n"},
	/* Baseline: rules in order, asked only where nothing isolates */
	{BASE(RULE("Accept", TEAM("y")) "," RULE("Deny", ALL)),
	 "any pod in namespaces with team=y | All Connections | Baseline/base 1\n"},
	{BASE(RULE("Pass", TEAM("y")) "," RULE("Deny", ALL)),
	 "any pod in namespaces with team=y | All Connections | Baseline/base 1\n"},
	{BASE(RULE("Deny", ALL)) NP("{}"), ANY " | All Connections | n/np 1\n"},
	/* labels that contradict each other hold nobody */
	{ADMIN(RULE("Deny", "{namespaces: {matchLabels: {a: b}, matchExpressions:"
			    " [{key: a, operator: DoesNotExist}]}}")),
	 ANY " | All Connections | -\n"},
	/* what cannot be read */
	{ADMIN(RULE("Deny", "{namespaces: {matchExpressions: [{key: a, operator: in}]}}")), ""},
	{ADMIN(RULE("Accept", "{namespaces: {matchExpressions: [{key: a, operator: in}]}}")),
	 ANY " | All Connections | -\n"},
};

static void claims_are(const char *policies, const struct wr_compile_opts *opts,
		       enum wr_direction dir, const char *expected)
{
	struct fixture f;
	char manifest[8192], found[4096] = "";
	struct wr_exposure *all;
	size_t n, used = 0;
	snprintf(manifest, sizeof(manifest), "%s%s", PODS, policies);
	fixture_up(&f, manifest, opts);
	assert_int_equal(wr_exposure_list(f.program, f.arena, &all, &n), 0);
	for (size_t i = 0; i < n; i++) {
		char title[WR_POLICY_TITLE] = "-", rule[16] = "";
		if (all[i].dir != dir)
			continue;
		if (all[i].policy != WR_NONE) {
			wr_policy_title(&f.world->policies[all[i].policy], title);
			snprintf(rule, sizeof(rule), " %u", all[i].rule + 1);
		}
		used += (size_t)snprintf(found + used, sizeof(found) - used, "%s", all[i].peer);
		for (size_t k = 0; k < all[i].n_except; k++)
			used += (size_t)snprintf(found + used, sizeof(found) - used, "%s%s",
						 k ? ", " : " except ", all[i].except[k]);
		used += (size_t)snprintf(found + used, sizeof(found) - used, " | %s | %s%s\n",
					 all[i].ports, title, rule);
		assert_true(used < sizeof(found));
	}
	if (strcmp(found, expected) != 0)
		fail_msg("%s\ngives\n%s", policies, found);
	fixture_down(&f);
}

static void tiers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		claims_are(cases[i].policies, NULL, WR_INGRESS, cases[i].claims);
}

#define EGRESS(name, tier, rules)                                                          \
	"---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n" \
	"metadata: {name: " name "}\nspec: {tier: " tier ", priority: 1,"                  \
	" subject: {namespaces: {}}, egress: [" rules "]}\n"
#define NETWORKS(action, list) "{action: " action ", to: [{networks: [" list "]}]}"

static void networks(void **state)
{
	static const struct wr_compile_opts outside = {.ipblocks_skip_pods = true};
	static const char all[] = EGRESS(
		"e", "Baseline",
		NETWORKS("Accept", "10.0.0.0/8") "," NETWORKS("Deny", "0.0.0.0/0, \"::/0\""));
	static const char four[] = EGRESS("e", "Admin", NETWORKS("Deny", "0.0.0.0/0"));
	static const char ten[] = EGRESS("e", "Admin", NETWORKS("Deny", "10.0.0.0/8"))
		EGRESS("f", "Baseline", NETWORKS("Accept", "10.1.0.0/16"));
	(void)state;
	claims_are(all, NULL, WR_EGRESS,
		   "addresses in 10.0.0.0/8 | All Connections | Baseline/e 1\n");
	claims_are(all, &outside, WR_EGRESS, ANY " | All Connections | -\n");
	claims_are(four, NULL, WR_EGRESS,
		   ANY " except addresses in 0.0.0.0/0 | All Connections | -\n");
	claims_are(ten, NULL, WR_EGRESS,
		   ANY " except addresses in 10.0.0.0/8 | All Connections | -\n");
}

/* Nodes and names are no pods: they open and close nothing here. */
static void no_pods(void **state)
{
	(void)state;
	claims_are(EGRESS("e", "Admin",
			  "{action: Deny, to: [{nodes: {}}]},"
			  "{action: Accept, to: [{domainNames: [a.example]}]}"),
		   NULL, WR_EGRESS, ANY " | All Connections | -\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiers),
		cmocka_unit_test(networks),
		cmocka_unit_test(no_pods),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
