/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define CNP(spec)                                                                     \
	"apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n" \
	"metadata: {name: p}\nspec:\n" spec
#define HEAD "  tier: Baseline\n  priority: 7\n  subject: {namespaces: {}}\n"

/* Requirements in one text: "key op values". */
static const char *selector_text(struct fixture *f, const struct wr_label_selector *s)
{
	static const char *const ops[] = {"in", "notin", "exists", "absent"};
	const char *text = "";
	for (size_t i = 0; i < s->n; i++) {
		text = wr_arena_printf(f->arena, "%s%s%s %s", text, i ? ", " : "", s->reqs[i].key,
				       ops[s->reqs[i].op]);
		for (size_t k = 0; k < s->reqs[i].n; k++)
			text = wr_arena_printf(f->arena, "%s %s", text, s->reqs[i].values[k]);
	}
	return text;
}

static const char *peer_text(struct fixture *f, const struct wr_cp_peer *p)
{
	char cidr[WR_CIDR_TEXT];
	const char *text = "";
	switch (p->kind) {
	case WR_CP_PODS:
		return wr_arena_printf(f->arena, "pods [%s] [%s]", selector_text(f, &p->namespaces),
				       selector_text(f, &p->pods));
	case WR_CP_NODES:
		return wr_arena_printf(f->arena, "nodes [%s]", selector_text(f, &p->nodes));
	case WR_CP_NETWORKS:
		for (size_t i = 0; i < p->n_networks; i++)
			text = wr_arena_printf(f->arena, "%s %s", text,
					       wr_cidr_format(&p->networks[i], cidr));
		return wr_arena_printf(f->arena, "networks%s", text);
	case WR_CP_DOMAINS:
		for (size_t i = 0; i < p->n_domains; i++)
			text = wr_arena_printf(f->arena, "%s %s", text, p->domains[i]);
		return wr_arena_printf(f->arena, "domains%s", text);
	}
	return "?";
}

static const char *port_text(struct fixture *f, const struct wr_np_port *p)
{
	if (p->kind == WR_PORT_NAMED)
		return wr_arena_printf(f->arena, "%u name %s", p->proto, p->name);
	assert_int_equal(p->kind, WR_PORT_RANGE);
	return wr_arena_printf(f->arena, "%u %u-%u%s%s", p->proto, p->first, p->last,
			       p->name ? " " : "", p->name ? p->name : "");
}

/* A rule: its line, action and name, then peers and ports, all with their lines. */
static const char *rule_text(struct fixture *f, const struct wr_cp_rule *r)
{
	static const char *const actions[] = {"accept", "deny", "pass"};
	const char *text = wr_arena_printf(f->arena, "%u: %s '%s'", r->mark.line,
					   actions[r->action], r->name ? r->name : "-");
	for (size_t i = 0; i < r->n_peers; i++)
		text = wr_arena_printf(f->arena, "%s; %u: %s", text, r->peers[i].mark.line,
				       peer_text(f, &r->peers[i]));
	for (size_t i = 0; i < r->n_ports; i++)
		text = wr_arena_printf(f->arena, "%s; %u: %s", text, r->ports[i].mark.line,
				       port_text(f, &r->ports[i]));
	return text;
}

static void expect_rules(struct fixture *f, const struct wr_object *o, enum wr_direction dir,
			 const char *const *want, size_t n)
{
	assert_int_equal(o->cp.n_rules[dir], n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(rule_text(f, &o->cp.rules[dir][i]), want[i]);
}
#define EXPECT_RULES(f, o, dir, want) \
	expect_rules(f, o, dir, want, sizeof(want) / sizeof((want)[0]))

static void a_whole_cluster_network_policy(void **state)
{
	static const char *const ingress[] = {
		"13: accept 'from the mesh'; 16: pods [a in b] []; 17: pods [] [x in y, c exists]; "
		"18: pods [n in m] []; 20: 6 80-80; 21: 17 1-65535; 22: 132 7-8; 23: 0 name http",
		"24: deny '-'; 24: pods [] []",
	};
	static const char *const egress[] = {
		"26: pass '-'; 27: nodes [role in worker]; 28: networks 10.0.0.0/8 fd00::/8; "
		"29: domains example.com *.example.org; 30: pods [] []",
	};
	struct fixture f;
	(void)state;
	const struct wr_object *o = fixture_one(
		&f,
		"apiVersion: policy.networking.k8s.io/v1alpha2\n"
		"kind: ClusterNetworkPolicy\n"
		"metadata: {name: mesh, labels: {team: a}}\n"
		"spec:\n"
		"  tier: Admin\n"
		"  priority: 1000\n"
		"  subject:\n"
		"    pods:\n"
		"      namespaceSelector: {matchExpressions: [{key: k, operator: NotIn, values: "
		"[v, w]}, {key: l, operator: DoesNotExist}]}\n"
		"      podSelector:\n"
		"        matchLabels: {z: '2', a: '1'}\n"
		"  ingress:\n"
		"  - action: Accept\n"
		"    name: from the mesh\n"
		"    from:\n"
		"    - namespaces: {matchLabels: {a: b}}\n"
		"    - pods: {podSelector: {matchLabels: {x: y}, matchExpressions: [{key: c, "
		"operator: Exists}]}}\n"
		"    - pods: {namespaceSelector: {matchLabels: {n: m}}, podSelector: {}}\n"
		"    protocols:\n"
		"    - tcp: {destinationPort: {number: 80}}\n"
		"    - udp: {destinationPort: {range: {start: 1, end: 65535}}}\n"
		"    - sctp: {destinationPort: {range: {end: 8, start: 7}}}\n"
		"    - destinationNamedPort: http\n"
		"  - {action: Deny, name: '', from: [{namespaces: {}}]}\n"
		"  egress:\n"
		"  - action: Pass\n"
		"    to: [{nodes: {matchLabels: {role: worker}}},\n"
		"      {networks: [10.1.2.3/8, 'FD00::/8']},\n"
		"      {domainNames: [example.com, '*.example.org']},\n"
		"      {namespaces: {}}]\n");
	assert_int_equal(o->kind, WR_KIND_CLUSTERNETWORKPOLICY);
	assert_string_equal(o->meta.name, "mesh");
	assert_null(o->meta.ns);
	assert_int_equal(o->meta.n_labels, 1);
	assert_int_equal(o->meta.mark.line, 3);
	assert_int_equal(o->cp.tier, WR_TIER_ADMIN);
	assert_int_equal(o->cp.priority, 1000);
	assert_string_equal(peer_text(&f, &o->cp.subject),
			    "pods [k notin v w, l absent] [a in 1, z in 2]");
	assert_null(o->cp.subject.unreadable);
	EXPECT_RULES(&f, o, WR_INGRESS, ingress);
	EXPECT_RULES(&f, o, WR_EGRESS, egress);
	fixture_down(&f);
}

static void a_whole_admin_network_policy(void **state)
{
	static const char *const ingress[] = {
		"8: accept 'r'; 9: pods [] [a in b]; 10: 6 80-80; 11: 17 53-53; 12: 6 1-2; "
		"13: 132 3-3; 14: 0 name dns",
	};
	static const char *const egress[] = {
		"16: pass '-'; 16: networks 0.0.0.0/0",
		"17: deny '-'; 17: domains a.b",
	};
	struct fixture f;
	(void)state;
	const struct wr_object *o =
		fixture_one(&f, "apiVersion: policy.networking.k8s.io/v1alpha1\n"
				"kind: AdminNetworkPolicy\n"
				"metadata: {name: p}\n"
				"spec:\n"
				"  priority: 0\n"
				"  subject: {namespaces: {matchLabels: {a: b}}}\n"
				"  ingress:\n"
				"  - {action: Allow, name: r,\n"
				"     from: [{pods: {namespaceSelector: {}, podSelector: "
				"{matchLabels: {a: b}}}}],\n"
				"     ports: [{portNumber: {port: 80}},\n"
				"       {portNumber: {protocol: UDP, port: 53}},\n"
				"       {portRange: {start: 1, end: 2}},\n"
				"       {portRange: {protocol: SCTP, start: 3, end: 3}},\n"
				"       {namedPort: dns}]}\n"
				"  egress:\n"
				"  - {action: Pass, to: [{networks: [0.0.0.0/0]}]}\n"
				"  - {action: Deny, to: [{domainNames: [a.b]}]}\n");
	assert_int_equal(o->kind, WR_KIND_ADMINNETWORKPOLICY);
	assert_int_equal(o->cp.tier, WR_TIER_ADMIN);
	assert_int_equal(o->cp.priority, 0);
	assert_string_equal(peer_text(&f, &o->cp.subject), "pods [a in b] []");
	EXPECT_RULES(&f, o, WR_INGRESS, ingress);
	EXPECT_RULES(&f, o, WR_EGRESS, egress);
	fixture_down(&f);
}

static void a_whole_baseline_admin_network_policy(void **state)
{
	static const char *const ingress[] = {"8: deny '-'; 8: pods [] []"};
	static const char *const egress[] = {"10: accept '-'; 10: nodes []; 10: 6 443-443"};
	struct fixture f;
	(void)state;
	const struct wr_object *o = fixture_one(
		&f, "apiVersion: policy.networking.k8s.io/v1alpha1\n"
		    "kind: BaselineAdminNetworkPolicy\n"
		    "metadata:\n"
		    "  name: default\n"
		    "spec:\n"
		    "  subject: {namespaces: {}}\n"
		    "  ingress:\n"
		    "  - {action: Deny, from: [{namespaces: {}}]}\n"
		    "  egress:\n"
		    "  - {action: Allow, to: [{nodes: {}}], ports: [{portNumber: {port: 443}}]}\n");
	assert_int_equal(o->kind, WR_KIND_BASELINEADMINNETWORKPOLICY);
	assert_int_equal(o->cp.tier, WR_TIER_BASELINE);
	assert_int_equal(o->cp.priority, 0);
	EXPECT_RULES(&f, o, WR_INGRESS, ingress);
	EXPECT_RULES(&f, o, WR_EGRESS, egress);
	fixture_down(&f);
}

/* What v1alpha1 takes and what then holds no port: the protocol is kept for messages. */
static void ports_that_hold_nothing(void **state)
{
	static const struct {
		const char *port, *want;
	} cases[] = {
		{"{portRange: {start: 9, end: 8}}", "6 9-8"},
		{"{portNumber: {port: 80, protocol: ICMP}}", "0 1-0 ICMP"},
		{"{portNumber: {port: 80, protocol: tcp}}", "0 1-0 tcp"},
		{"{portNumber: {port: 80, protocol: '6'}}", "0 1-0 6"},
		{"{portNumber: {port: 80, protocol: ''}}", "0 1-0 "},
		{"{portRange: {start: 1, end: 9, protocol: GRE}}", "0 1-0 GRE"},
		{"{portNumber: {port: 80, protocol: null}}", "6 80-80"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		char text[1024];
		snprintf(text, sizeof(text),
			 "apiVersion: policy.networking.k8s.io/v1alpha1\n"
			 "kind: AdminNetworkPolicy\nmetadata: {name: p}\n"
			 "spec: {priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, "
			 "from: [{namespaces: {}}], ports: [%s]}]}\n",
			 cases[i].port);
		const struct wr_object *o = fixture_one(&f, text);
		assert_string_equal(port_text(&f, &o->cp.rules[WR_INGRESS][0].ports[0]),
				    cases[i].want);
		fixture_down(&f);
	}
}

/* ---- selectors that schemas let pass and nobody can read ---- */

static const struct {
	const char *selector, *flaw;
} flaws[] = {
	{"{matchExpressions: [{key: a, operator: in, values: [b]}]}",
	 "an operator that is none of In, NotIn, Exists and DoesNotExist"},
	{"{matchExpressions: [{key: a, operator: ''}]}",
	 "an operator that is none of In, NotIn, Exists and DoesNotExist"},
	{"{matchExpressions: [{key: a, operator: In}]}", "operator In or NotIn without values"},
	{"{matchExpressions: [{key: a, operator: NotIn, values: []}]}",
	 "operator In or NotIn without values"},
	{"{matchExpressions: [{key: a, operator: Exists, values: [b]}]}",
	 "operator Exists or DoesNotExist with values"},
	{"{matchExpressions: [{key: a, operator: DoesNotExist, values: [b]}]}",
	 "operator Exists or DoesNotExist with values"},
	{"{matchExpressions: [{key: '', operator: Exists}]}", "a key that cannot be a label's"},
	{"{matchExpressions: [{key: a/b/c, operator: Exists}]}", "a key that cannot be a label's"},
	{"{matchExpressions: [{key: a, operator: In, values: [b, -c]}]}",
	 "a value that cannot be a label's"},
	{"{matchLabels: {a: 'b c'}}", "a value that cannot be a label's"},
	{"{matchLabels: {'a b': c}}", "a key that cannot be a label's"},
	/* the first one is told */
	{"{matchLabels: {a: b, 'c d': e}, matchExpressions: [{key: a, operator: like}]}",
	 "a key that cannot be a label's"},
};

static void decode_server(struct fixture *f, const char *text)
{
	fixture_decode_with(f, text, &(struct wr_decode_opts){.as_api_server = true});
}

static void unreadable_peers(void **state)
{
	static const struct {
		const char *action, *then;
	} actions[] = {{"Accept", "matches nothing"},
		       {"Deny", "denies everything"},
		       {"Pass", "denies everything"}};
	static const char *const peers[] = {"{namespaces: %s}", "{nodes: %s}",
					    "{pods: {namespaceSelector: %s, podSelector: {}}}",
					    "{pods: {podSelector: %s}}"};
	(void)state;
	for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++) {
		struct fixture f;
		char text[1024], want[256];
		const char *before = strchr(peers[i % 4], '%');
		snprintf(text, sizeof(text),
			 CNP(HEAD
			     "  egress:\n  - {action: %s, to: [{namespaces: {}}, %.*s%s%s]}\n"),
			 actions[i % 3].action, (int)(before - peers[i % 4]), peers[i % 4],
			 flaws[i].selector, before + 2);
		fixture_decode(&f, text, true);
		assert_int_equal(f.rc, 0);
		assert_int_equal(f.objects.n, 1);
		const struct wr_cp_rule *r = &f.objects.items[0]->cp.rules[WR_EGRESS][0];
		assert_null(r->peers[0].unreadable);
		assert_string_equal(r->peers[1].unreadable, flaws[i].flaw);
		assert_int_equal(wr_diags_count(f.diags), 1);
		const struct wr_diag *d = wr_diags_at(f.diags, 0);
		snprintf(want, sizeof(want), "the peer has %s: nobody can read it, so the rule %s",
			 flaws[i].flaw, actions[i % 3].then);
		assert_int_equal(d->severity, WR_WARNING);
		assert_string_equal(d->message, want);
		assert_int_equal(d->mark.line, 9);
		fixture_down(&f);
		decode_server(&f, text);
		snprintf(want, sizeof(want),
			 "the peer has %s: no server checks it, but the rule %s", flaws[i].flaw,
			 actions[i % 3].then);
		assert_int_equal(wr_diags_count(f.diags), 1);
		assert_int_equal(wr_diags_at(f.diags, 0)->severity, WR_NOTE);
		assert_string_equal(wr_diags_at(f.diags, 0)->message, want);
		fixture_down(&f);
	}
}

/* Nobody knows whom it is for, and no side of it is closed: no policy at all. */
static void unreadable_subjects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++) {
		struct fixture f;
		char text[1024], want[256];
		snprintf(text, sizeof(text),
			 CNP("  tier: Admin\n  priority: 0\n  subject: {%s: %s}%s\n"),
			 i % 2 ? "namespaces" : "pods: {podSelector", flaws[i].selector,
			 i % 2 ? "" : "}");
		snprintf(want, sizeof(want),
			 "the subject has %s: nobody can tell whom the policy is for",
			 flaws[i].flaw);
		const struct complaint c = {text, "spec.subject",
					    want, "write it as the selector of a NetworkPolicy",
					    7,    12};
		expect_complaint(&c);
		decode_server(&f, text);
		assert_int_equal(f.rc, 0);
		assert_int_equal(wr_diags_count(f.diags), 1);
		assert_int_equal(wr_diags_at(f.diags, 0)->severity, WR_NOTE);
		fixture_down(&f);
	}
}

static void selectors_that_are_almost_unreadable(void **state)
{
	static const char *const good[] = {
		"{matchExpressions: [{key: a, operator: Exists, values: []}]}",
		"{matchExpressions: [{key: a, operator: DoesNotExist, values: null}]}",
		"{matchExpressions: [{key: a.b/c, operator: In, values: ['']}]}",
		"{matchExpressions: [{key: a, operator: In, values: [b, b]}]}",
		"{matchLabels: {a: ''}}",
		"{matchLabels: null, matchExpressions: null}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct fixture f;
		char text[1024];
		snprintf(text, sizeof(text),
			 CNP("  tier: Admin\n  priority: 0\n  subject: {namespaces: %s}\n"),
			 good[i]);
		assert_null(fixture_one(&f, text)->cp.subject.unreadable);
		fixture_down(&f);
	}
}

/* A server drops a label that is null, which makes the selector wider. */
static void labels_that_are_null(void **state)
{
	static const char text[] = CNP("  tier: Admin\n  priority: 0\n"
				       "  subject: {namespaces: {matchLabels: {a: null, b: c}}}\n");
	struct fixture f;
	(void)state;
	fixture_decode(&f, text, true);
	assert_int_equal(f.rc, 0);
	assert_string_equal(selector_text(&f, &f.objects.items[0]->cp.subject.namespaces),
			    "b in c");
	assert_int_equal(wr_diags_count(f.diags), 1);
	const struct wr_diag *d = wr_diags_at(f.diags, 0);
	assert_int_equal(d->severity, WR_WARNING);
	assert_string_equal(d->message, "the label a has no value (null): a server leaves it out, "
					"so the selector does not ask for it");
	assert_int_equal(d->mark.line, 7);
	assert_int_equal(d->mark.column, 43);
	fixture_down(&f);
	decode_server(&f, text);
	assert_int_equal(wr_diags_at(f.diags, 0)->severity, WR_NOTE);
	fixture_down(&f);
}

/* ---- kinds and groups ---- */

static void kinds_and_groups(void **state)
{
#define KIND(api, kind)                                                                            \
	"apiVersion: " api "\nkind: " kind "\nmetadata: {name: p}\nspec: {tier: Admin, priority: " \
	"1, subject: {namespaces: {}}}\n"
	static const struct complaint cases[] = {
		{KIND("policy.networking.k8s.io/v1alpha1", "ClusterNetworkPolicy"), "apiVersion",
		 "no kind \"ClusterNetworkPolicy\" in apiVersion "
		 "\"policy.networking.k8s.io/v1alpha1\"",
		 "write apiVersion: policy.networking.k8s.io/v1alpha2", 1, 13},
		{KIND("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolcy"), "kind",
		 "no kind \"ClusterNetworkPolcy\" in apiVersion "
		 "\"policy.networking.k8s.io/v1alpha2\"",
		 "did you mean \"ClusterNetworkPolicy\"?", 2, 7},
		{KIND("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicies"), "kind",
		 "no kind \"AdminNetworkPolicies\" in apiVersion "
		 "\"policy.networking.k8s.io/v1alpha1\"",
		 "did you mean \"AdminNetworkPolicy\"?", 2, 7},
		{"apiVersion: policy.networking.k8s.io/v1alpha2\nmetadata: {name: p}\n", "kind",
		 "an object of policy.networking.k8s.io/v1alpha2 must say its kind",
		 "write kind: ClusterNetworkPolicy", 1, 1},
		{"apiVersion: policy.networking.k8s.io/v1alpha1\nkind:\n", "kind",
		 "an object of policy.networking.k8s.io/v1alpha1 must say its kind",
		 "write kind: AdminNetworkPolicy or Baseline", 2, 6},
	};
	struct fixture f;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_complaint(&cases[i]);
	/* others have kinds of these names: they are not ours */
	fixture_decode(&f, KIND("policy.example.com/v1", "ClusterNetworkPolicy"), true);
	assert_int_equal(f.rc, 0);
	assert_int_equal(f.objects.n, 0);
	assert_int_equal(f.objects.n_skipped, 1);
	fixture_down(&f);
	/* the same name in two kinds is no clash, in one kind it is, whatever the namespace */
	fixture_decode(&f,
		       CNP(HEAD) "---\n"
				 "apiVersion: policy.networking.k8s.io/v1alpha1\n"
				 "kind: AdminNetworkPolicy\nmetadata: {name: p}\n"
				 "spec: {priority: 1, subject: {namespaces: {}}}\n---\n"
				 "apiVersion: policy.networking.k8s.io/v1alpha2\n"
				 "kind: ClusterNetworkPolicy\nmetadata: {name: p, namespace: x}\n"
				 "spec: {tier: Admin, priority: 1, subject: {namespaces: {}}}\n",
		       true);
	assert_int_equal(f.objects.n, 2);
	assert_int_equal(wr_diags_count(f.diags), 1);
	assert_string_equal(wr_diags_at(f.diags, 0)->message,
			    "ClusterNetworkPolicy p is already defined at t.yaml:3");
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_cluster_network_policy),
		cmocka_unit_test(a_whole_admin_network_policy),
		cmocka_unit_test(a_whole_baseline_admin_network_policy),
		cmocka_unit_test(ports_that_hold_nothing),
		cmocka_unit_test(unreadable_peers),
		cmocka_unit_test(unreadable_subjects),
		cmocka_unit_test(selectors_that_are_almost_unreadable),
		cmocka_unit_test(labels_that_are_null),
		cmocka_unit_test(kinds_and_groups),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
