/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* Three namespaces; pods with two addresses, named ports with different numbers, a node each. */
static const char cluster[] =
	"kind: Namespace\napiVersion: v1\nmetadata: {name: shop, labels: {team: red}}\n---\n"
	"kind: Namespace\napiVersion: v1\nmetadata: {name: ops}\n---\n"
	"kind: Node\napiVersion: v1\nmetadata: {name: n1}\n"
	"status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}\n---\n"
	"kind: Pod\napiVersion: v1\nmetadata: {name: web, namespace: shop, labels: {app: web}}\n"
	"spec: {nodeName: n1, containers: [{name: c, ports: [{name: http, containerPort: "
	"8080}]}]}\n"
	"status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}\n---\n"
	"kind: Pod\napiVersion: v1\nmetadata: {name: db, namespace: shop, labels: {app: db}}\n"
	"spec: {nodeName: n2, containers: [{name: c, ports: [{name: http, containerPort: "
	"9090}]}]}\n"
	"status: {podIP: 10.0.0.2, podIPs: [{ip: 10.0.0.2}, {ip: 'fd00::2'}]}\n---\n"
	"kind: Pod\napiVersion: v1\nmetadata: {name: probe, namespace: ops, labels: {app: web}}\n"
	"spec: {nodeName: n1, containers: [{name: c}]}\n"
	"status: {podIP: 10.0.1.1}\n---\n"
	"kind: Pod\napiVersion: v1\nmetadata: {name: host, namespace: ops, labels: {app: web}}\n"
	"spec: {nodeName: n1, hostNetwork: true, containers: [{name: c}]}\n"
	"status: {podIP: 192.168.0.1, hostIP: 192.168.0.1}\n---\n"
	"kind: Pod\napiVersion: v1\nmetadata: {name: done, namespace: ops, labels: {app: web}}\n"
	"spec: {containers: [{name: c}]}\n"
	"status: {phase: Succeeded, podIP: 10.0.0.2}\n---\n";

#define POLICY(spec)                                                                             \
	"kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: p, namespace: " \
	"shop}\nspec: " spec "\n"

struct flow {
	const char *from, *to;
	uint8_t family, proto;
	uint16_t port;
	bool allow;
};

static void check(const char *policies, const struct flow *flows, size_t n)
{
	char text[8192];
	snprintf(text, sizeof(text), "%s%s", cluster, policies);
	struct fixture f;
	fixture_up(&f, text, NULL);
	for (size_t i = 0; i < n; i++) {
		const struct flow *w = &flows[i];
		if (fixture_allows(&f, w->from, w->to, w->family, w->proto, w->port) != w->allow)
			fail_msg("%s -> %s %u/%u: expected %s", w->from, w->to, w->proto, w->port,
				 w->allow ? "allow" : "deny");
	}
	fixture_down(&f);
}
#define CHECK(policies, ...)                                                 \
	do {                                                                 \
		static const struct flow flows_[] = {__VA_ARGS__};           \
		check(policies, flows_, sizeof(flows_) / sizeof(flows_[0])); \
	} while (0)

static void no_policy_allows_all(void **state)
{
	(void)state;
	CHECK("", {"shop/web", "shop/db", 4, WR_TCP, 80, true},
	      {"203.0.113.9", "shop/db", 4, WR_ICMP, 0, true});
}

static void deny_all_ingress(void **state)
{
	(void)state;
	CHECK(POLICY("{podSelector: {}}"), {"shop/web", "shop/db", 4, WR_TCP, 80, false},
	      {"shop/web", "shop/db", 6, WR_TCP, 80, false},
	      {"shop/web", "shop/db", 4, WR_ICMP, 0, false},
	      {"shop/web", "ops/probe", 4, WR_TCP, 80, true},
	      /* itself, and its own node */
	      {"shop/web", "shop/web", 4, WR_TCP, 80, true},
	      {"192.168.0.1", "shop/web", 4, WR_TCP, 80, true},
	      {"ops/host", "shop/web", 4, WR_TCP, 80, true},
	      {"192.168.0.1", "shop/db", 4, WR_TCP, 80, false});
}

static void empty_egress_is_no_egress_policy(void **state)
{
	(void)state;
	CHECK(POLICY("{podSelector: {}, egress: [], ingress: [{}]}"),
	      {"shop/web", "ops/probe", 4, WR_TCP, 80, true},
	      {"ops/probe", "shop/web", 4, WR_TCP, 80, true});
	CHECK(POLICY("{podSelector: {}, policyTypes: [Egress]}"),
	      {"shop/web", "ops/probe", 4, WR_TCP, 80, false},
	      {"ops/probe", "shop/web", 4, WR_TCP, 80, true},
	      {"shop/web", "192.168.0.1", 4, WR_TCP, 80, false});
}

static void bare_pod_selector_stays_home(void **state)
{
	(void)state;
	CHECK(POLICY("{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: "
		     "{matchLabels: {app: web}}}]}]}"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, true},
	      {"shop/web", "shop/db", 4, WR_ICMP, 0, true},
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, false});
	CHECK(POLICY("{podSelector: {matchLabels: {app: db}}, ingress: [{from: "
		     "[{namespaceSelector: {}, "
		     "podSelector: {matchLabels: {app: web}}}]}]}"),
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, true},
	      {"ops/host", "shop/db", 4, WR_TCP, 80, false});
}

static void missing_labels_satisfy_not_in(void **state)
{
	(void)state;
	CHECK(POLICY("{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: "
		     "[{key: team, operator: NotIn, values: [red]}]}}]}]}"),
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, true},
	      {"shop/web", "shop/db", 4, WR_TCP, 80, false});
	CHECK(POLICY("{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: "
		     "[{key: team, operator: DoesNotExist}]}}]}]}"),
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, true},
	      {"shop/web", "shop/db", 4, WR_TCP, 80, false});
}

static void ports_and_protocols(void **state)
{
	(void)state;
	CHECK(POLICY("{podSelector: {}, ingress: [{ports: [{port: 80}, {port: 8000, endPort: "
		     "8100}, "
		     "{protocol: UDP}]}]}"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, true},
	      {"shop/web", "shop/db", 4, WR_TCP, 81, false},
	      {"shop/web", "shop/db", 4, WR_TCP, 8000, true},
	      {"shop/web", "shop/db", 4, WR_TCP, 8100, true},
	      {"shop/web", "shop/db", 4, WR_TCP, 8101, false},
	      {"shop/web", "shop/db", 4, WR_UDP, 1, true},
	      {"shop/web", "shop/db", 4, WR_UDP, 65535, true},
	      {"shop/web", "shop/db", 4, WR_SCTP, 80, false},
	      {"shop/web", "shop/db", 4, WR_ICMP, 0, false});
}

static void named_ports_are_the_destinations(void **state)
{
	(void)state;
	CHECK(POLICY("{podSelector: {}, ingress: [{ports: [{port: http}]}]}"),
	      {"ops/probe", "shop/web", 4, WR_TCP, 8080, true},
	      {"ops/probe", "shop/web", 4, WR_TCP, 9090, false},
	      {"ops/probe", "shop/db", 4, WR_TCP, 9090, true},
	      {"ops/probe", "shop/db", 4, WR_UDP, 9090, false});
	CHECK(POLICY("{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}"),
	      {"shop/web", "shop/db", 4, WR_TCP, 9090, true},
	      {"shop/db", "shop/web", 4, WR_TCP, 8080, true},
	      {"shop/db", "shop/web", 4, WR_TCP, 9090, false},
	      {"shop/web", "ops/probe", 4, WR_TCP, 8080, false},
	      {"shop/web", "203.0.113.9", 4, WR_TCP, 8080, false});
}

static void excepts_are_cut_from_their_own_block(void **state)
{
	(void)state;
	CHECK(POLICY("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: "
		     "[10.0.0.0/24, 10.9.0.0/16]}}]}, {from: [{ipBlock: {cidr: 10.9.8.0/24}}]}]}"),
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, true}, /* blocks hold pods, too */
	      {"shop/web", "shop/db", 4, WR_TCP, 80, false},
	      {"shop/web", "shop/db", 6, WR_TCP, 80, false},
	      {"10.8.0.1", "shop/db", 4, WR_TCP, 80, true},
	      {"10.9.0.1", "shop/db", 4, WR_TCP, 80, false},
	      {"10.9.8.1", "shop/db", 4, WR_TCP, 80, true},
	      {"11.0.0.1", "shop/db", 4, WR_TCP, 80, false});
	CHECK(POLICY("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: '::/0', except: "
		     "['fd00::/64']}}]}]}"),
	      {"2001:db8::1", "shop/db", 6, WR_TCP, 80, true},
	      {"shop/web", "shop/db", 6, WR_TCP, 80, false},
	      {"203.0.113.1", "shop/db", 4, WR_TCP, 80, false});
}

static void ip_blocks_may_skip_pods(void **state)
{
	(void)state;
	char text[8192];
	snprintf(text, sizeof(text), "%s%s", cluster,
		 POLICY("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"));
	struct fixture f;
	fixture_up(&f, text, &(struct wr_compile_opts){.ipblocks_skip_pods = true});
	assert_false(fixture_allows(&f, "ops/probe", "shop/db", 4, WR_TCP, 80));
	assert_true(fixture_allows(&f, "203.0.113.1", "shop/db", 4, WR_TCP, 80));
	assert_true(fixture_allows(&f, "ops/host", "shop/db", 4, WR_TCP, 80));
	fixture_down(&f);
}

static void rows_of_one_node_only(void **state)
{
	(void)state;
	char text[8192];
	snprintf(text, sizeof(text), "%s%s", cluster, POLICY("{podSelector: {}}"));
	struct fixture f;
	fixture_up(&f, text, &(struct wr_compile_opts){.node = "n1"});
	struct wr_side web = fixture_side(&f, "shop/web", 4), db = fixture_side(&f, "shop/db", 4);
	assert_int_not_equal(web.id.row[WR_INGRESS], 0);
	assert_int_equal(db.id.row[WR_INGRESS], 0);
	fixture_down(&f);
}

/* The near miss that newcomers meet first: the mend names the namespace. */
static void near_miss_names_the_namespace(void **state)
{
	(void)state;
	char text[8192];
	snprintf(text, sizeof(text), "%s%s", cluster,
		 POLICY("{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: "
			"web}}}]}]}"));
	struct fixture f;
	fixture_up(&f, text, NULL);
	struct wr_side src = fixture_side(&f, "ops/probe", 4), dst = fixture_side(&f, "shop/db", 4);
	struct wr_reason why[2];
	assert_int_equal(wr_explain(f.program, &src, &dst, WR_TCP, 80, f.arena, why), 0);
	assert_false(why[WR_INGRESS].allow);
	assert_int_equal(why[WR_INGRESS].n_isolating, 1);
	assert_int_equal(why[WR_INGRESS].n_misses, 1);
	assert_int_equal(why[WR_INGRESS].misses[0].kind, WR_MISS_NAMESPACE);
	assert_non_null(strstr(why[WR_INGRESS].misses[0].mend, "kubernetes.io/metadata.name: ops"));
	assert_int_not_equal(why[WR_INGRESS].misses[0].mark.line, 0);
	fixture_down(&f);
}

static void check_hairpin(const char *policies, uint16_t port, bool allow)
{
	char text[8192];
	snprintf(text, sizeof(text), "%s%s---\n%s", cluster, policies,
		 POLICY("{podSelector: {}, policyTypes: [Ingress, Egress]}"));
	struct fixture f;
	fixture_up(&f, text, NULL);
	struct wr_side web = fixture_side(&f, "shop/web", 4), back = web;
	struct wr_verdict v;
	struct wr_reason why[2];
	back.by_service = true;
	wr_evaluate(f.program, &web, &back, WR_TCP, port, &v);
	assert_int_equal(v.allow, allow);
	assert_int_equal(wr_explain(f.program, &web, &back, WR_TCP, port, f.arena, why), 0);
	assert_int_equal(why[0].allow && why[1].allow, allow);
	for (int d = 0; d < 2 && !allow; d++) {
		assert_int_equal(why[d].allow, v.dir[d].allow);
		if (!v.dir[d].allow)
			assert_int_equal(wr_program_author(f.program, v.dir[d].author)->rule,
					 why[d].author.rule);
	}
	/* without a Service it never leaves the pod */
	wr_evaluate(f.program, &web, &web, WR_TCP, port, &v);
	assert_true(v.allow);
	fixture_down(&f);
}

#define CLUSTER_POLICY(tier, rules)                                                   \
	"kind: ClusterNetworkPolicy\napiVersion: policy.networking.k8s.io/v1alpha2\n" \
	"metadata: {name: c}\nspec: {tier: " tier                                     \
	", priority: 1, subject: {namespaces: {matchLabels: {team: red}}}, " rules "}\n"
#define TO_SHOP "[{namespaces: {matchLabels: {team: red}}}]"
#define PORT_80 "protocols: [{tcp: {destinationPort: {number: 80}}}]"

/* Through its own Service a pod is judged by the cluster-wide tiers, never by NetworkPolicies. */
static void hairpin_is_the_tiers_business(void **state)
{
	(void)state;
	static const char *const tiers[] = {
		CLUSTER_POLICY("Admin", "egress: [{action: Deny, to: " TO_SHOP ", " PORT_80 "}]"),
		CLUSTER_POLICY("Baseline",
			       "ingress: [{action: Deny, from: " TO_SHOP ", " PORT_80 "}]"),
		CLUSTER_POLICY("Admin", "ingress: [{action: Accept, from: " TO_SHOP
					", protocols: [{tcp: {destinationPort: {number: 81}}}]},"
					"{action: Deny, from: " TO_SHOP ", " PORT_80 "}]"),
	};
	for (size_t i = 0; i < 3; i++) {
		check_hairpin(tiers[i], 80, false);
		check_hairpin(tiers[i], 81, true);
	}
	check_hairpin("", 80, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_policy_allows_all),
		cmocka_unit_test(deny_all_ingress),
		cmocka_unit_test(empty_egress_is_no_egress_policy),
		cmocka_unit_test(bare_pod_selector_stays_home),
		cmocka_unit_test(missing_labels_satisfy_not_in),
		cmocka_unit_test(ports_and_protocols),
		cmocka_unit_test(named_ports_are_the_destinations),
		cmocka_unit_test(excepts_are_cut_from_their_own_block),
		cmocka_unit_test(ip_blocks_may_skip_pods),
		cmocka_unit_test(rows_of_one_node_only),
		cmocka_unit_test(near_miss_names_the_namespace),
		cmocka_unit_test(hairpin_is_the_tiers_business),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
