/* SPDX-License-Identifier: Apache-2.0 */
/* The tiers: which of them decides, and what the rules of cluster-wide policies match. */
#include "fixture.h"

/* Two namespaces, one pod of which has its node beside it; two nodes, one with labels. */
static const char cluster[] =
	"kind: Namespace\napiVersion: v1\nmetadata: {name: shop, labels: {team: red}}\n---\n"
	"kind: Namespace\napiVersion: v1\nmetadata: {name: ops}\n---\n"
	"kind: Node\napiVersion: v1\nmetadata: {name: n1, labels: {role: worker}}\n"
	"status: {addresses: [{type: InternalIP, address: 192.168.0.1}, {type: ExternalIP, "
	"address: 203.0.113.1}]}\n---\n"
	"kind: Node\napiVersion: v1\nmetadata: {name: n2}\n"
	"status: {addresses: [{type: InternalIP, address: 192.168.0.2}]}\n---\n"
	"kind: Pod\napiVersion: v1\nmetadata: {name: web, namespace: shop, labels: {app: web}}\n"
	"spec: {nodeName: n1, containers: [{name: c, ports: [{name: http, containerPort: 8080}, "
	"{name: http, containerPort: 8081, protocol: UDP}]}]}\n"
	"status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}\n---\n"
	"kind: Pod\napiVersion: v1\nmetadata: {name: db, namespace: shop, labels: {app: db}}\n"
	"spec: {nodeName: n2, containers: [{name: c, ports: [{name: http, containerPort: "
	"9090}]}]}\n"
	"status: {podIP: 10.0.0.2, podIPs: [{ip: 10.0.0.2}, {ip: 'fd00::2'}]}\n---\n"
	"kind: Pod\napiVersion: v1\nmetadata: {name: probe, namespace: ops, labels: {app: web}}\n"
	"spec: {nodeName: n2, containers: [{name: c}]}\n"
	"status: {podIP: 10.0.1.1}\n---\n"
	"kind: Pod\napiVersion: v1\nmetadata: {name: host, namespace: ops, labels: {app: web}}\n"
	"spec: {nodeName: n1, hostNetwork: true, containers: [{name: c}]}\n"
	"status: {podIP: 192.168.0.1, hostIP: 192.168.0.1}\n";

#define CNP(name, tier, priority, subject, rules)                                           \
	"---\n{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, " \
	"metadata: {name: " name "}, spec: {tier: " tier ", priority: " priority            \
	", subject: {" subject "}, " rules "}}\n"
#define ALL "namespaces: {}"
#define SHOP "namespaces: {matchLabels: {team: red}}"
#define ADMIN(rules) CNP("a", "Admin", "5", ALL, rules)
#define BASELINE(rules) CNP("b", "Baseline", "5", ALL, rules)
#define NP(spec)                                                                           \
	"---\nkind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: p, " \
	"namespace: "                                                                      \
	"shop}\nspec: " spec "\n"
#define FROM_ALL(action) "{action: " action ", from: [{namespaces: {}}]}"
#define TO_ALL(action) "{action: " action ", to: [{namespaces: {}}]}"

struct flow {
	const char *from, *to;
	uint8_t family, proto;
	uint16_t port;
	bool allow;
};

static void up(struct fixture *f, const char *policies)
{
	char text[8192];
	assert_true(snprintf(text, sizeof(text), "%s%s", cluster, policies) < (int)sizeof(text));
	fixture_up(f, text, NULL);
}

static void check(const char *policies, const struct flow *flows, size_t n)
{
	struct fixture f;
	up(&f, policies);
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

/* ---- which tier decides ---- */

enum { NONE, ACCEPT, DENY, PASS };
enum { NP_NONE, NP_ALLOWS, NP_ISOLATES };

/* A allow, D deny: by Admin, NetworkPolicy and, in the text, Baseline. */
static const char *const verdicts[4][3] = {
	[NONE] = {[NP_NONE] = "AADA", [NP_ALLOWS] = "AAAA", [NP_ISOLATES] = "DDDD"},
	[ACCEPT] = {[NP_NONE] = "AAAA", [NP_ALLOWS] = "AAAA", [NP_ISOLATES] = "AAAA"},
	[DENY] = {[NP_NONE] = "DDDD", [NP_ALLOWS] = "DDDD", [NP_ISOLATES] = "DDDD"},
	[PASS] = {[NP_NONE] = "AADA", [NP_ALLOWS] = "AAAA", [NP_ISOLATES] = "DDDD"},
};

/* One combination, with all its rules in one direction. */
static void combine(unsigned admin, unsigned np, unsigned baseline, bool egress)
{
	static const char *const actions[] = {"", "Accept", "Deny", "Pass"};
	static const char *const policies[2][3] = {
		{"", NP("{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}"),
		 NP("{podSelector: {}, policyTypes: [Ingress]}")},
		{"", NP("{podSelector: {}, policyTypes: [Egress], egress: [{}]}"),
		 NP("{podSelector: {}, policyTypes: [Egress]}")},
	};
	char tier[2][512] = {"", ""}, text[4096];
	const char *dir = egress ? "egress" : "ingress", *peers = egress ? "to" : "from";
	if (admin)
		snprintf(tier[0], sizeof(tier[0]), ADMIN("%s: [{action: %s, %s: [{" ALL "}]}]"),
			 dir, actions[admin], peers);
	if (baseline)
		snprintf(tier[1], sizeof(tier[1]), BASELINE("%s: [{action: %s, %s: [{" ALL "}]}]"),
			 dir, actions[baseline], peers);
	snprintf(text, sizeof(text), "%s%s%s", tier[1], policies[egress][np], tier[0]);
	struct fixture f;
	up(&f, text);
	bool want = verdicts[admin][np][baseline] == 'A';
	if (fixture_allows(&f, "shop/web", "shop/db", 4, WR_TCP, 80) != want)
		fail_msg("Admin %s, NetworkPolicy %u, Baseline %s, %s: expected %s", actions[admin],
			 np, actions[baseline], dir, want ? "allow" : "deny");
	/* the other way round nothing differs, and without ports ICMP is like TCP */
	assert_int_equal(fixture_allows(&f, "shop/db", "shop/web", 6, WR_ICMPV6, 0), want);
	fixture_down(&f);
}

static void every_combination(void **state)
{
	(void)state;
	for (unsigned admin = NONE; admin <= PASS; admin++)
		for (unsigned np = NP_NONE; np <= NP_ISOLATES; np++)
			for (unsigned baseline = NONE; baseline <= PASS; baseline++)
				for (unsigned egress = 0; egress < 2; egress++)
					combine(admin, np, baseline, egress);
}

/* A pod that policies isolate for egress goes on to Baseline for ingress. */
static void finality_is_per_direction(void **state)
{
	(void)state;
	CHECK(NP("{podSelector: {}, policyTypes: [Egress], egress: [{}]}")
		      BASELINE("ingress: [" FROM_ALL("Deny") "], egress: [" TO_ALL("Deny") "]"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, false},
	      /* for egress the policy has the last word, and a node is no pod to Baseline */
	      {"shop/web", "203.0.113.9", 4, WR_TCP, 80, true},
	      {"shop/web", "ops/host", 4, WR_TCP, 80, true},
	      {"ops/probe", "203.0.113.9", 4, WR_TCP, 80, true},
	      {"203.0.113.9", "shop/db", 4, WR_TCP, 80, true});
}

/* What a rule for some ports leaves goes on, port by port. */
static void each_port_by_itself(void **state)
{
	(void)state;
#define PORT(proto, n) "protocols: [{" proto ": {destinationPort: {number: " n "}}}]"
	CHECK(ADMIN("ingress: [{action: Pass, from: [{" ALL "}], " PORT(
		      "tcp", "81") "}, "
				   "{action: Deny, from: [{" ALL
				   "}], protocols: [{tcp: {destinationPort: {range: "
				   "{start: 80, end: 90}}}}]}, {action: Accept, from: [{" ALL
				   "}], " PORT("udp", "53") "}]")
		      NP("{podSelector: {}, ingress: [{ports: [{port: 81}, {port: 82}, {port: "
			 "443}]}]}") BASELINE("ingress: [{action: Deny, from: [{" ALL
					      "}], " PORT("tcp", "81") "}]"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, false},
	      {"shop/web", "shop/db", 4, WR_TCP, 81, true},
	      {"shop/web", "shop/db", 4, WR_TCP, 82, false},
	      {"shop/web", "shop/db", 4, WR_TCP, 90, false},
	      {"shop/web", "shop/db", 4, WR_TCP, 91, false},
	      {"shop/web", "shop/db", 4, WR_TCP, 443, true},
	      {"shop/web", "shop/db", 4, WR_UDP, 53, true},
	      {"shop/web", "shop/db", 4, WR_UDP, 54, false},
	      {"shop/web", "shop/db", 4, WR_ICMP, 0, false},
	      /* in ops there is no NetworkPolicy */
	      {"shop/web", "ops/probe", 4, WR_TCP, 80, false},
	      {"shop/web", "ops/probe", 4, WR_TCP, 81, false},
	      {"shop/web", "ops/probe", 4, WR_TCP, 91, true},
	      {"shop/web", "ops/probe", 4, WR_ICMP, 0, true});
}

/* ---- which policy and rule decides ---- */

static void the_lower_priority_is_first(void **state)
{
	(void)state;
	CHECK(CNP("a", "Admin", "6", ALL, "ingress: [" FROM_ALL("Deny") "]")
		      CNP("z", "Admin", "5", SHOP, "ingress: [" FROM_ALL("Accept") "]"),
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, true},
	      {"shop/web", "ops/probe", 4, WR_TCP, 80, false});
	/* of equal ones the name */
	CHECK(CNP("z", "Admin", "5", ALL, "ingress: [" FROM_ALL("Accept") "]")
		      CNP("a", "Admin", "5", ALL, "ingress: [" FROM_ALL("Deny") "]"),
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, false});
	/* Admin comes first whatever the numbers are */
	CHECK(CNP("a", "Baseline", "0", ALL, "ingress: [" FROM_ALL("Deny") "]")
		      CNP("z", "Admin", "1000", ALL, "ingress: [" FROM_ALL("Accept") "]"),
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, true});
}

static void the_first_rule_that_matches(void **state)
{
	(void)state;
	CHECK(ADMIN("ingress: [{action: Deny, from: [{" SHOP
		    "}]}, " FROM_ALL("Accept") ", " FROM_ALL("Deny") "]"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, false},
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, true},
	      /* an address outside is no pod in any namespace */
	      {"203.0.113.9", "shop/db", 4, WR_TCP, 80, true});
	/* Pass leaves the tier and not only the policy */
	CHECK(CNP("a", "Admin", "1", ALL, "ingress: [{action: Pass, from: [{" SHOP "}]}]")
		      CNP("b", "Admin", "2", ALL, "ingress: [" FROM_ALL("Deny") "]"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, true},
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, false});
}

/* A policy says nothing of a direction that it has no rules for. */
static void no_rules_no_effect(void **state)
{
	(void)state;
	CHECK(ADMIN("egress: [" TO_ALL("Deny") "], ingress: []"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, false},
	      {"ops/host", "shop/db", 4, WR_TCP, 80, true},
	      {"203.0.113.9", "shop/db", 4, WR_TCP, 80, true});
}

static void the_older_kinds(void **state)
{
	(void)state;
	CHECK("---\n{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, "
	      "metadata: {name: a}, spec: {priority: 1, subject: {" ALL
	      "}, ingress: [{action: Allow, from: [{" SHOP
	      "}], ports: [{portNumber: {port: 80}}, {portRange: {protocol: UDP, start: 9, end: "
	      "8}}, {portNumber: {protocol: ICMP, port: 7}}]}]}}\n"
	      "---\n{apiVersion: policy.networking.k8s.io/v1alpha1, kind: "
	      "BaselineAdminNetworkPolicy, metadata: {name: default}, spec: {subject: {" ALL
	      "}, ingress: [{action: Deny, from: [{" ALL "}]}]}}\n",
	      {"shop/web", "shop/db", 4, WR_TCP, 80, true},
	      {"ops/probe", "shop/db", 4, WR_TCP, 80, false},
	      {"shop/web", "shop/db", 4, WR_TCP, 81, false},
	      /* a range from 9 to 8, and ports of ICMP, hold nothing */
	      {"shop/web", "shop/db", 4, WR_UDP, 8, false},
	      {"shop/web", "shop/db", 4, WR_UDP, 9, false},
	      {"shop/web", "shop/db", 4, WR_ICMP, 0, false},
	      {"shop/web", "shop/db", 4, WR_TCP, 7, false});
}

/* ---- peers ---- */

static void pods_of_the_host_network_are_no_pods(void **state)
{
	(void)state;
	CHECK(ADMIN("ingress: [" FROM_ALL("Deny") "], egress: [" TO_ALL("Deny") "]"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, false},
	      {"ops/host", "shop/db", 4, WR_TCP, 80, true},
	      {"shop/web", "ops/host", 4, WR_TCP, 80, true},
	      {"ops/host", "203.0.113.9", 4, WR_TCP, 80, true});
}

static void nodes(void **state)
{
	(void)state;
#define WORKERS "{action: Deny, to: [{nodes: {matchLabels: {role: worker}}}]}"
	CHECK(ADMIN("egress: [" WORKERS "]"), {"shop/web", "192.168.0.1", 4, WR_TCP, 80, false},
	      {"shop/db", "203.0.113.1", 4, WR_ICMP, 0, false},
	      {"shop/db", "ops/host", 4, WR_TCP, 80, false},
	      {"shop/web", "192.168.0.2", 4, WR_TCP, 80, true},
	      {"shop/web", "192.168.0.3", 4, WR_TCP, 80, true},
	      {"shop/db", "shop/web", 4, WR_TCP, 80, true});
	CHECK(ADMIN("egress: [{action: Deny, to: [{nodes: {}}]}]"),
	      {"shop/web", "192.168.0.1", 4, WR_TCP, 80, false},
	      {"shop/web", "192.168.0.2", 4, WR_TCP, 80, false},
	      {"shop/web", "192.168.0.3", 4, WR_TCP, 80, true},
	      {"shop/web", "ops/probe", 4, WR_TCP, 80, true});
	/* two selectors that one peer each has are not mixed up */
	CHECK(ADMIN("egress: [{action: Accept, to: [{nodes: {matchExpressions: [{key: role, "
		    "operator: DoesNotExist}]}}]}, {action: Deny, to: [{nodes: {}}]}]"),
	      {"shop/web", "192.168.0.1", 4, WR_TCP, 80, false},
	      {"shop/web", "192.168.0.2", 4, WR_TCP, 80, true});
}

static void networks(void **state)
{
	(void)state;
	CHECK(ADMIN("egress: [{action: Pass, to: [{networks: [10.0.0.2/32]}]}, {action: Deny, to: "
		    "[{networks: [10.9.9.9/8, 192.168.0.1/32, 'fd00::/64']}]}]"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, true},
	      /* they hold pods, nodes, and all that has no ports */
	      {"shop/web", "ops/probe", 4, WR_TCP, 80, false},
	      {"shop/web", "ops/probe", 4, WR_ICMP, 0, false},
	      {"shop/web", "ops/host", 4, WR_TCP, 80, false},
	      {"shop/web", "shop/db", 6, WR_TCP, 80, false},
	      {"shop/web", "11.0.0.1", 4, WR_TCP, 80, true},
	      {"shop/web", "fd00:0:0:1::1", 6, WR_TCP, 80, true});
	/* all that is IPv4, and nothing else */
	CHECK(ADMIN("egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, false},
	      {"shop/web", "shop/db", 6, WR_TCP, 80, true});
}

/* Nobody learns yet which addresses a name has. */
static void domain_names_match_nothing(void **state)
{
	(void)state;
	CHECK(ADMIN("egress: [{action: Accept, to: [{domainNames: [example.com]}]}, {action: Deny, "
		    "to: [{networks: [0.0.0.0/0]}]}]"),
	      {"shop/web", "203.0.113.9", 4, WR_TCP, 443, false});
	CHECK(ADMIN("egress: [{action: Deny, to: [{domainNames: ['*.a.com']}]}]"),
	      {"shop/web", "203.0.113.9", 4, WR_TCP, 443, true});
}

/* A name means what the destination calls so, in whichever protocol. */
static void named_ports(void **state)
{
	(void)state;
#define HTTP "protocols: [{destinationNamedPort: http}]"
	CHECK(ADMIN("ingress: [{action: Deny, from: [{" ALL "}], " HTTP "}]"),
	      {"ops/probe", "shop/web", 4, WR_TCP, 8080, false},
	      {"ops/probe", "shop/web", 4, WR_UDP, 8081, false},
	      {"ops/probe", "shop/web", 4, WR_UDP, 8080, true},
	      {"ops/probe", "shop/web", 4, WR_TCP, 8081, true},
	      {"ops/probe", "shop/web", 4, WR_TCP, 9090, true},
	      {"ops/probe", "shop/db", 4, WR_TCP, 9090, false},
	      {"shop/web", "ops/probe", 4, WR_TCP, 8080, true});
	CHECK(ADMIN("egress: [{action: Deny, to: [{" ALL "}], " HTTP "}]"),
	      {"ops/probe", "shop/web", 4, WR_TCP, 8080, false},
	      {"ops/probe", "shop/web", 4, WR_UDP, 8081, false},
	      {"ops/probe", "shop/web", 4, WR_TCP, 9090, true},
	      {"ops/probe", "shop/db", 4, WR_TCP, 9090, false},
	      {"ops/probe", "shop/db", 4, WR_UDP, 8081, true},
	      {"ops/probe", "shop/web", 4, WR_ICMP, 0, true});
}

/* ---- peers that nobody can read ---- */

static void rules_fail_closed(void **state)
{
	(void)state;
#define UNREADABLE "{namespaces: {matchExpressions: [{key: a, operator: in, values: [b]}]}}"
#define CLOSED(action) \
	"{action: " action ", from: [{" ALL "}, " UNREADABLE "], " PORT("tcp", "80") "}"
	CHECK(ADMIN("ingress: [" CLOSED("Accept") "]") BASELINE("ingress: [" FROM_ALL("Deny") "]"),
	      {"shop/web", "shop/db", 4, WR_TCP, 80, false},
	      {"203.0.113.9", "shop/db", 4, WR_TCP, 80, true});
	CHECK(ADMIN("ingress: [" CLOSED("Deny") "]"), {"shop/web", "shop/db", 4, WR_TCP, 80, false},
	      {"shop/web", "shop/db", 4, WR_UDP, 53, false},
	      {"203.0.113.9", "shop/db", 4, WR_ICMP, 0, false},
	      {"shop/db", "203.0.113.9", 4, WR_TCP, 80, true});
	CHECK(ADMIN("ingress: [{action: Accept, from: [{" SHOP "}]}, " CLOSED("Pass") "]"),
	      {"shop/web", "shop/db", 4, WR_TCP, 81, true},
	      {"ops/probe", "shop/db", 4, WR_TCP, 81, false},
	      {"203.0.113.9", "shop/db", 4, WR_TCP, 80, false});
}

/* ---- a pod with itself ---- */

/* Whether a pod may reach itself by way of a Service. */
static bool hairpin(const struct fixture *f, const char *who, uint8_t proto, uint16_t port)
{
	struct wr_side side = fixture_side(f, who, 4);
	uint32_t n;
	const struct wr_range *r = wr_program_port_set(f->program, side.id.self, &n);
	while (n > 1 && r[n - 1].first > WR_KEY(proto, port))
		n--;
	return r[n - 1].allow;
}

static void a_pod_with_itself(void **state)
{
	static const struct {
		const char *policies;
		bool web, web_udp, probe;
	} cases[] = {
		{"", true, true, true},
		/* NetworkPolicy never denies it, and decides nothing of it */
		{NP("{podSelector: {}, policyTypes: [Ingress, Egress]}"), true, true, true},
		{NP("{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: "
		    "[{}]}") BASELINE("ingress: [" FROM_ALL("Deny") "]"),
		 false, false, false},
		{ADMIN("ingress: [" FROM_ALL("Deny") "]"), false, false, false},
		{ADMIN("egress: [" TO_ALL("Deny") "]"), false, false, false},
		{ADMIN("egress: [" TO_ALL("Pass") "]") BASELINE("egress: [" TO_ALL("Deny") "]"),
		 false, false, false},
		{ADMIN("egress: [" TO_ALL("Accept") "]") BASELINE("egress: [" TO_ALL("Deny") "]"),
		 true, true, true},
		{CNP("a", "Admin", "1", SHOP,
		     "ingress: [{action: Deny, from: [{" ALL "}], " PORT("tcp", "80") "}]"),
		 false, true, true},
		{ADMIN("egress: [{action: Deny, to: [{networks: [10.0.0.1/32]}]}]"), false, false,
		 true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		up(&f, cases[i].policies);
		assert_int_equal(hairpin(&f, "shop/web", WR_TCP, 80), cases[i].web);
		assert_int_equal(hairpin(&f, "shop/web", WR_UDP, 80), cases[i].web_udp);
		assert_int_equal(hairpin(&f, "ops/probe", WR_TCP, 80), cases[i].probe);
		/* by its own address it never leaves the pod */
		assert_true(fixture_allows(&f, "shop/web", "shop/web", 4, WR_TCP, 80));
		fixture_down(&f);
	}
}

/* A node reaches its own pods, whatever the tiers say; others' pods it does not. */
static void a_node_and_its_pods(void **state)
{
	(void)state;
	CHECK(CNP("a", "Admin", "1", ALL, "ingress: [{action: Deny, from: [" UNREADABLE "]}]"),
	      {"192.168.0.1", "shop/web", 4, WR_TCP, 80, true},
	      {"203.0.113.1", "shop/web", 4, WR_TCP, 80, true},
	      {"ops/host", "shop/web", 4, WR_TCP, 80, true},
	      {"192.168.0.1", "shop/db", 4, WR_TCP, 80, false},
	      {"192.168.0.2", "shop/web", 4, WR_TCP, 80, false});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination),
		cmocka_unit_test(finality_is_per_direction),
		cmocka_unit_test(each_port_by_itself),
		cmocka_unit_test(the_lower_priority_is_first),
		cmocka_unit_test(the_first_rule_that_matches),
		cmocka_unit_test(no_rules_no_effect),
		cmocka_unit_test(the_older_kinds),
		cmocka_unit_test(pods_of_the_host_network_are_no_pods),
		cmocka_unit_test(nodes),
		cmocka_unit_test(networks),
		cmocka_unit_test(domain_names_match_nothing),
		cmocka_unit_test(named_ports),
		cmocka_unit_test(rules_fail_closed),
		cmocka_unit_test(a_pod_with_itself),
		cmocka_unit_test(a_node_and_its_pods),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
