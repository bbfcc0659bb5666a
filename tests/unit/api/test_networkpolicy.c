/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define HEAD "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n"
#define POLICY(spec) HEAD "spec:\n" spec
#define INGRESS(rule) POLICY("  ingress:\n" rule)
#define PORTS(ports) INGRESS("  - ports: " ports "\n")
#define FROM(peers) INGRESS("  - from: " peers "\n")
#define CIDR(cidr) FROM("[{ipBlock: {cidr: " cidr "}}]")

static void expect_all(const struct complaint *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_complaint(&cases[i]);
}
#define EXPECT_ALL(cases) expect_all(cases, sizeof(cases) / sizeof((cases)[0]))

static void a_whole_policy(void **state)
{
	struct fixture f;
	(void)state;
	const struct wr_object *o = fixture_one(
		&f, "apiVersion: networking.k8s.io/v1\n"
		    "kind: NetworkPolicy\n"
		    "metadata: {name: db, namespace: shop, labels: {team: a}}\n"
		    "spec:\n"
		    "  podSelector:\n"
		    "    matchExpressions:\n"
		    "    - {key: tier, operator: NotIn, values: [x, y]}\n"
		    "    - {key: env, operator: Exists}\n"
		    "    matchLabels: {b: '2', a: '1'}\n"
		    "  policyTypes: [Ingress, Egress]\n"
		    "  ingress:\n"
		    "  - from:\n"
		    "    - podSelector: {}\n"
		    "    - namespaceSelector: {matchLabels: {n: m}}\n"
		    "      podSelector:\n"
		    "    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.0.0/16]}\n"
		    "    ports:\n"
		    "    - port: 80\n"
		    "    - {port: 8000, endPort: 9000, protocol: SCTP}\n"
		    "    - {port: http, protocol: UDP}\n"
		    "    - {protocol: UDP}\n"
		    "  - {}\n");
	const struct wr_np_object *np = &o->np;
	assert_int_equal(o->kind, WR_KIND_NETWORKPOLICY);
	assert_string_equal(o->meta.ns, "shop");
	assert_int_equal(o->meta.n_labels, 1);
	assert_int_equal(o->mark.line, 1);
	assert_int_equal(o->meta.mark.line, 3);
	assert_int_equal(np->rules_mark[WR_INGRESS].line, 11);
	assert_int_equal(np->rules_mark[WR_INGRESS].column, 3);
	assert_null(np->rules_mark[WR_EGRESS].file);

	assert_int_equal(np->pod_selector.n, 4);
	static const char *const keys[] = {"a", "b", "tier", "env"};
	static const enum wr_selector_op ops[] = {WR_OP_IN, WR_OP_IN, WR_OP_NOT_IN, WR_OP_EXISTS};
	static const size_t values[] = {1, 1, 2, 0};
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(np->pod_selector.reqs[i].key, keys[i]);
		assert_int_equal(np->pod_selector.reqs[i].op, ops[i]);
		assert_int_equal(np->pod_selector.reqs[i].n, values[i]);
	}
	assert_string_equal(np->pod_selector.reqs[2].values[1], "y");

	assert_true(np->isolates[WR_INGRESS] && np->isolates[WR_EGRESS]);
	assert_int_equal(np->n_rules[WR_EGRESS], 0);
	assert_int_equal(np->n_rules[WR_INGRESS], 2);
	const struct wr_np_rule *r = &np->rules[WR_INGRESS][0];
	assert_int_equal(r->mark.line, 12);
	assert_int_equal(r->n_peers, 3);
	assert_non_null(r->peers[0].pod_selector);
	assert_int_equal(r->peers[0].pod_selector->n, 0);
	assert_null(r->peers[0].ns_selector);
	assert_null(r->peers[1].pod_selector);
	assert_int_equal(r->peers[1].ns_selector->n, 1);
	assert_true(r->peers[2].has_ip_block);
	assert_int_equal(r->peers[2].cidr.len, 8);
	assert_int_equal(r->peers[2].n_except, 2);
	assert_int_equal(r->peers[2].except[1].ip.b[1], 2);
	assert_int_equal(r->n_ports, 4);
	assert_int_equal(r->ports[0].proto, WR_TCP);
	assert_int_equal(r->ports[0].first, 80);
	assert_int_equal(r->ports[0].last, 80);
	assert_int_equal(r->ports[1].proto, WR_SCTP);
	assert_int_equal(r->ports[1].last, 9000);
	assert_int_equal(r->ports[2].kind, WR_PORT_NAMED);
	assert_string_equal(r->ports[2].name, "http");
	assert_int_equal(r->ports[3].kind, WR_PORT_ALL);
	assert_int_equal(np->rules[WR_INGRESS][1].n_peers, 0);
	assert_int_equal(np->rules[WR_INGRESS][1].n_ports, 0);
	fixture_down(&f);
}

static void defaults(void **state)
{
	static const struct {
		const char *spec;
		bool ingress, egress;
		size_t rules[2];
	} cases[] = {
		{HEAD, true, false, {0, 0}},
		{HEAD "spec:\n", true, false, {0, 0}},
		{HEAD "spec: {}\n", true, false, {0, 0}},
		{POLICY("  podSelector:\n"), true, false, {0, 0}},
		{POLICY("  egress: []\n"), true, false, {0, 0}},
		{POLICY("  egress: [{}]\n"), true, true, {1, 0}},
		{POLICY("  egress: [null]\n"), true, true, {1, 0}},
		{POLICY("  egress: [{}]\n  policyTypes:\n"), true, true, {1, 0}},
		{POLICY("  egress: [{}]\n  policyTypes: []\n"), true, true, {1, 0}},
		{POLICY("  egress: [{}]\n  policyTypes: [Ingress]\n"), true, false, {1, 0}},
		{POLICY("  policyTypes: [Egress]\n"), false, true, {0, 0}},
		{POLICY("  policyTypes: [Egress, Egress]\n"), false, true, {0, 0}},
		{POLICY("  ingress: [{from: [], ports: []}]\n"), true, false, {0, 1}},
		{POLICY("  ingress: [{from: , ports: }]\n"), true, false, {0, 1}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		const struct wr_object *o = fixture_one(&f, cases[i].spec);
		assert_string_equal(o->meta.ns, "default");
		assert_int_equal(o->np.isolates[WR_INGRESS], cases[i].ingress);
		assert_int_equal(o->np.isolates[WR_EGRESS], cases[i].egress);
		for (int d = 0; d < 2; d++)
			assert_int_equal(o->np.n_rules[d], cases[i].rules[d]);
		fixture_down(&f);
	}
}

static void null_items_are_empty_ones(void **state)
{
	struct fixture f;
	(void)state;
	const struct wr_object *o = fixture_one(&f, PORTS("[null]"));
	const struct wr_np_rule *r = &o->np.rules[WR_INGRESS][0];
	assert_int_equal(r->n_ports, 1);
	assert_int_equal(r->ports[0].kind, WR_PORT_ALL);
	assert_int_equal(r->ports[0].proto, WR_TCP);
	fixture_down(&f);
	o = fixture_one(&f, POLICY("  podSelector: {matchLabels: {a: null}}\n"));
	assert_string_equal(o->np.pod_selector.reqs[0].values[0], "");
	fixture_down(&f);
}

static void values_of_the_wrong_type(void **state)
{
	static const struct complaint cases[] = {
		{POLICY("  podSelector: {matchLabels: {a: yes}}\n"),
		 "spec.podSelector.matchLabels.a",
		 "label value must be a string, found boolean (yes)", "quote it: \"yes\"", 5, 34},
		{POLICY("  podSelector: {matchLabels: {a: 0755}}\n"),
		 "spec.podSelector.matchLabels.a",
		 "label value must be a string, found integer (0755)", "quote it: \"0755\"", 5, 34},
		{POLICY("  podSelector: {matchLabels: {a: 1.10}}\n"), NULL,
		 "label value must be a string, found number (1.10)", "quote it: \"1.10\"", 5, 34},
		{POLICY("  podSelector: {matchLabels: [a]}\n"), "spec.podSelector.matchLabels",
		 "must be a map, found list", "without the \"- \"", 5, 30},
		{POLICY("  podSelector: db\n"), "spec.podSelector",
		 "must be a map, found string (db)", "{matchLabels: {key: value}}", 5, 16},
		{POLICY("  policyTypes: Ingress\n"), "spec.policyTypes",
		 "must be a list, found string (Ingress)", "policyTypes: [Ingress]", 5, 16},
		{POLICY("  ingress: {}\n"), "spec.ingress", "must be a list, found map",
		 "[{}] allows all", 5, 12},
		{PORTS("{port: 80}"), "spec.ingress[0].ports", "must be a list, found map",
		 "put \"- \" before", 6, 12},
		{PORTS("[80]"), "spec.ingress[0].ports[0]", "must be a map, found integer (80)",
		 "- port: 80", 6, 13},
		{PORTS("[{port: [80, 81]}]"), "spec.ingress[0].ports[0].port",
		 "must be a number or a name, found a list", "for each", 6, 20},
		{PORTS("[{port: 80, endPort: '90'}]"), "spec.ingress[0].ports[0].endPort",
		 "must be a whole number, found string (90)", NULL, 6, 33},
		{PORTS("[{port: 80.5}]"), NULL, "must be a whole number, found number (80.5)",
		 NULL},
		{PORTS("[{protocol: 6}]"), NULL, "must be a string, found integer (6)", NULL},
		{FROM("{podSelector: {}}"), "spec.ingress[0].from", "must be a list, found map",
		 "put \"- \" before", 6, 11},
		{FROM("[db]"), "spec.ingress[0].from[0]", "must be a map, found string (db)",
		 "- podSelector", 6, 12},
		{CIDR("[10.0.0.0/8]"), "spec.ingress[0].from[0].ipBlock.cidr",
		 "must be a string, found list", "a peer for each", 6, 29},
		{FROM("[{ipBlock: {cidr: 10.0.0.0/8, except: 10.1.0.0/16}}]"),
		 "spec.ingress[0].from[0].ipBlock.except",
		 "must be a list, found string (10.1.0.0/16)", "except: [...]", 6, 49},
		{HEAD "spec: []\n", "spec", "must be a map, found list", NULL, 4, 7},
	};
	(void)state;
	EXPECT_ALL(cases);
}

static void unknown_and_misplaced_fields(void **state)
{
	static const struct complaint cases[] = {
		{POLICY("  podselector: {}\n"), "spec.podselector", "unknown field \"podselector\"",
		 "did you mean \"podSelector\"?", 5, 3},
		{POLICY("  ports: []\n"), "spec.ports", "unknown field \"ports\"",
		 "belongs to a rule", 5, 3},
		{POLICY("  from: []\n"), NULL, "unknown field \"from\"", "under ingress", 5, 3},
		{POLICY("  zzz: []\n"), NULL, "unknown field \"zzz\"", "", 5, 3},
		{HEAD "podSelector: {}\n", "podSelector", "unknown field \"podSelector\"",
		 "under spec", 4, 1},
		{HEAD "specs: {}\n", "specs", "unknown field \"specs\"", "did you mean \"spec\"?",
		 4, 1},
		{INGRESS("  - podSelector: {}\n"), "spec.ingress[0].podSelector",
		 "unknown field \"podSelector\"", "under from", 6, 5},
		{INGRESS("  - port: 80\n"), NULL, "unknown field \"port\"", "under ports", 6, 5},
		{INGRESS("  - to: []\n"), NULL, "unknown field \"to\"", "an ingress rule has from",
		 6, 5},
		{POLICY("  egress:\n  - from: []\n"), "spec.egress[0].from",
		 "unknown field \"from\"", "an egress rule has to", 6, 5},
		{INGRESS("  - policyTypes: [Ingress]\n"), NULL, "unknown field \"policyTypes\"",
		 "belongs to spec", 6, 5},
		{FROM("[{podSelector: {}, ports: []}]"), "spec.ingress[0].from[0].ports",
		 "unknown field \"ports\"", "beside from", 6, 30},
		{FROM("[{serviceSelector: {}}]"), NULL, "unknown field \"serviceSelector\"",
		 "select its pods", 6, 13},
		{FROM("[{matchLabels: {}}]"), NULL, "unknown field \"matchLabels\"", "podSelector",
		 6, 13},
		{FROM("[{podSelector: {app: db}}]"), "spec.ingress[0].from[0].podSelector.app",
		 "unknown field \"app\"", "", 6, 27},
		{FROM("[{podSelector: {matchLabel: {}}}]"), NULL, "unknown field \"matchLabel\"",
		 "did you mean \"matchLabels\"?", 6, 27},
		{PORTS("[{port: 80, protcol: TCP}]"), NULL, "unknown field \"protcol\"",
		 "did you mean \"protocol\"?", 6, 24},
		{FROM("[{ipBlock: {cidr: 10.0.0.0/8, excepts: []}}]"), NULL,
		 "unknown field \"excepts\"", "did you mean \"except\"?", 6, 41},
		{POLICY("  podSelector: {}\n  podSelector: {}\n"), "spec.podSelector",
		 "duplicate field \"podSelector\"", "in line 5", 6, 3},
		{POLICY("  podSelector: {matchLabels: {a: b, a: b}}\n"),
		 "spec.podSelector.matchLabels.a", "duplicate field \"a\"", "in line 5", 5, 37},
		{POLICY("  podSelector: {matchExpressions: [{key: a, operator: In, value: b, "
			"values: [b]}]}\n"),
		 NULL, "unknown field \"value\"", "values is a list", 5, 59},
	};
	(void)state;
	EXPECT_ALL(cases);
}

static void values_that_the_server_refuses(void **state)
{
	static const char range[] = "Invalid value: 0: must be between 1 and 65535, inclusive";
	static const struct complaint cases[] = {
		{PORTS("[{port: 0}]"), "spec.ingress[0].ports[0].port", range, NULL, 6, 20},
		{PORTS("[{port: '80'}]"), NULL,
		 "Invalid value: \"80\": must contain at least one letter (a-z)", "without quotes",
		 6, 20},
		{PORTS("[{port: 80-90}]"), NULL,
		 "Invalid value: \"80-90\": must contain at least one letter (a-z)",
		 "port: 80 and endPort: 90", 6, 20},
		{PORTS("[{port: 90, endPort: 80}]"), "spec.ingress[0].ports[0].endPort",
		 "Invalid value: 90: must be greater than or equal to `port`", NULL, 6, 33},
		{PORTS("[{endPort: 80}]"), "spec.ingress[0].ports[0].endPort",
		 "Invalid value: 80: may not be specified when `port` is not specified", NULL, 6,
		 23},
		{PORTS("[{port: 80, protocol: tcp}]"), "spec.ingress[0].ports[0].protocol",
		 "Unsupported value: \"tcp\": supported values: \"TCP\", \"UDP\", \"SCTP\"",
		 "capitals: TCP", 6, 34},
		{PORTS("[{protocol: ICMP}]"), NULL,
		 "Unsupported value: \"ICMP\": supported values: \"TCP\", \"UDP\", \"SCTP\"",
		 "a rule without ports", 6, 24},
		{FROM("[{}]"), "spec.ingress[0].from[0]", "Required value: must specify a peer",
		 NULL, 6, 12},
		{FROM("[null]"), "spec.ingress[0].from[0]", "Required value: must specify a peer"},
		{FROM("[{podSelector: null}]"), NULL, "Required value: must specify a peer"},
		{FROM("[{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]"),
		 "spec.ingress[0].from[0]",
		 "Forbidden: may not specify both ipBlock and another peer", NULL, 6, 12},
		{FROM("[{ipBlock: {}}]"), "spec.ingress[0].from[0].ipBlock.cidr", "Required value",
		 NULL, 6, 22},
		{CIDR("10.0.0.1"), "spec.ingress[0].from[0].ipBlock.cidr",
		 "Invalid value: \"10.0.0.1\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or "
		 "2001:db8::/64)",
		 "10.0.0.1/32", 6, 29},
		{CIDR("10.0.0.1/8"), NULL,
		 "Invalid value: \"10.0.0.1/8\": must not have bits set beyond the prefix length",
		 "10.0.0.0/8", 6, 29},
		{CIDR("010.0.0.0/8"), NULL,
		 "Invalid value: \"010.0.0.0/8\": must not have leading 0s in IP or prefix length"},
		{FROM("[{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]"),
		 "spec.ingress[0].from[0].ipBlock.except[0]",
		 "Invalid value: \"10.0.0.0/8\": must be a strict subset of `cidr`", NULL, 6, 50},
		{POLICY("  policyTypes: [ingress]\n"), "spec.policyTypes[0]",
		 "Unsupported value: \"ingress\": supported values: \"Ingress\", \"Egress\"",
		 "did you mean \"Ingress\"?", 5, 17},
		{POLICY("  policyTypes: [Ingress, Egress, Ingress]\n"), "spec.policyTypes",
		 "Invalid value: [\"Ingress\",\"Egress\",\"Ingress\"]: may not specify more than "
		 "two "
		 "policyTypes",
		 NULL, 5, 16},
		{POLICY("  podSelector: {matchExpressions: [{key: a, operator: In}]}\n"),
		 "spec.podSelector.matchExpressions[0].values",
		 "Required value: must be specified when `operator` is 'In' or 'NotIn'"},
		{POLICY("  podSelector: {matchExpressions: [{key: a, operator: Gt}]}\n"),
		 "spec.podSelector.matchExpressions[0].operator",
		 "Invalid value: \"Gt\": not a valid selector operator", NULL, 5, 55},
	};
	(void)state;
	EXPECT_ALL(cases);
}

/* Older servers took these: without strict_cidrs they are read, with a warning. */
static void cidrs_of_older_servers(void **state)
{
	static const struct {
		const char *text, *cidr, *warning;
	} cases[] = {
		{CIDR("10.1.2.3/8"), "10.0.0.0/8",
		 "CIDR value \"10.1.2.3/8\" is ambiguous in this context (should be \"10.0.0.0/8\" "
		 "or \"10.1.2.3/32\"?)"},
		{CIDR("010.0.0.0/8"), "10.0.0.0/8",
		 "non-standard CIDR value \"010.0.0.0/8\" will be considered invalid in a future "
		 "Kubernetes release: use \"10.0.0.0/8\""},
		{CIDR("'::ffff:10.0.0.0/104'"), "10.0.0.0/8",
		 "non-standard CIDR value \"::ffff:10.0.0.0/104\" will be considered invalid in a "
		 "future Kubernetes release: use \"10.0.0.0/8\""},
		{CIDR("2001:DB8::/32"), "2001:db8::/32",
		 "IPv6 CIDR value \"2001:DB8::/32\" should be in RFC 5952 canonical format "
		 "(\"2001:db8::/32\")"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		char text[WR_CIDR_TEXT];
		fixture_decode(&f, cases[i].text, false);
		assert_int_equal(f.objects.n, 1);
		assert_int_equal(wr_diags_count(f.diags), 1);
		assert_int_equal(wr_diags_at(f.diags, 0)->severity, WR_WARNING);
		assert_string_equal(wr_diags_at(f.diags, 0)->message, cases[i].warning);
		const struct wr_np_peer *p = f.objects.items[0]->np.rules[WR_INGRESS][0].peers;
		assert_string_equal(wr_cidr_format(&p->cidr, text), cases[i].cidr);
		fixture_down(&f);
	}
}

/* All errors are told, in the API server's order, under the object's name. */
static void all_errors_in_order(void **state)
{
	static const char *const paths[] = {
		"spec.podSelector.matchLabels",
		"spec.ingress[0].ports[0].port",
		"spec.ingress[0].ports[1].endPort",
		"spec.ingress[0].from[0]",
		"spec.egress[0].ports[0].protocol",
		"spec.egress[0].to[0].ipBlock.cidr",
		"spec.egress[0].to[0]",
		"spec.policyTypes[1]",
	};
	struct fixture f;
	(void)state;
	fixture_decode(&f,
		       "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
		       "metadata: {name: p, namespace: shop}\n"
		       "spec:\n  policyTypes: [Ingress, Foo]\n"
		       "  egress: [{to: [{ipBlock: {cidr: nope}, podSelector: {}}], ports: "
		       "[{protocol: ICMP}]}]\n"
		       "  ingress: [{from: [{}], ports: [{port: 0}, {port: http, endPort: 3}]}]\n"
		       "  podSelector: {matchLabels: {a: x y}}\n",
		       true);
	size_t n = sizeof(paths) / sizeof(paths[0]);
	assert_int_equal(wr_diags_count(f.diags), n);
	for (size_t i = 0; i < n; i++) {
		const struct wr_diag *d = wr_diags_at(f.diags, i);
		assert_string_equal(d->path, paths[i]);
		assert_string_equal(d->object, "NetworkPolicy shop/p");
	}
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_policy),
		cmocka_unit_test(defaults),
		cmocka_unit_test(null_items_are_empty_ones),
		cmocka_unit_test(values_of_the_wrong_type),
		cmocka_unit_test(unknown_and_misplaced_fields),
		cmocka_unit_test(values_that_the_server_refuses),
		cmocka_unit_test(cidrs_of_older_servers),
		cmocka_unit_test(all_errors_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
