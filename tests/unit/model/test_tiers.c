/* SPDX-License-Identifier: Apache-2.0 */
/* Cluster-wide policies as the world has them: their order, peers, and how rules fail closed. */
#include "fixture.h"

#define CNP(name, tier, priority, rules)                                                       \
	"---\n{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, "    \
	"metadata: {name: " name "}, spec: {tier: " tier ", priority: " priority ", subject: " \
	"{namespaces: {}}" rules "}}\n"
#define ANP(name, priority)                                                                 \
	"---\n{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, "   \
	"metadata: {name: " name "}, spec: {priority: " priority ", subject: {namespaces: " \
	"{}}}}\n"
#define BANP                                                                                   \
	"---\n{apiVersion: policy.networking.k8s.io/v1alpha1, kind: "                          \
	"BaselineAdminNetworkPolicy, metadata: {name: default}, spec: {subject: {namespaces: " \
	"{}}}}\n"
#define NP(ns, name)                                                                          \
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: " name \
	", namespace: " ns "}, spec: {podSelector: {}}}\n"

/* The policies by title, each with the line it stands in, that is its kind. */
static void expect_order(const char *manifests, const char *want)
{
	char got[1024] = "", title[WR_POLICY_TITLE];
	struct fixture f;
	fixture_up(&f, manifests);
	for (uint32_t i = 0; i < f.world->n_policies; i++)
		fixture_add(got, sizeof(got), "%s:%u ",
			    wr_policy_title(&f.world->policies[i], title),
			    f.world->policies[i].mark.line);
	assert_string_equal(got, want);
	fixture_down(&f);
}

static void tiers_then_priorities(void **state)
{
	(void)state;
	expect_order(BANP NP("y", "a") CNP("a", "Baseline", "1", "") CNP("b", "Admin", "1000", "")
			     NP("x", "z") ANP("z", "999") CNP("c", "Admin", "2", ""),
		     "Admin/c:14 Admin/z:12 Admin/b:8 x/z:10 y/a:4 Baseline/default:2 "
		     "Baseline/a:6 ");
}

/* Of equal priorities the name decides, byte by byte, then the kind: the newer API first. */
static void ties(void **state)
{
	(void)state;
	expect_order(ANP("a", "5") CNP("b", "Admin", "5", "") CNP("a", "Admin", "5", "")
			     ANP("b", "5") CNP("a-b", "Admin", "5", "") CNP("a.b", "Admin", "5", "")
				     CNP("z", "Admin", "4", ""),
		     "Admin/z:14 Admin/a:6 Admin/a:2 Admin/a-b:10 Admin/a.b:12 Admin/b:4 "
		     "Admin/b:8 ");
	expect_order(BANP CNP("default", "Baseline", "0", "") CNP("a", "Baseline", "0", "")
			     CNP("z", "Baseline", "0", ""),
		     "Baseline/a:6 Baseline/default:4 Baseline/default:2 Baseline/z:8 ");
}

/* ---- rules ---- */

static const char *peer_text(const struct fixture *f, const struct wr_peer *p)
{
	char cidr[WR_CIDR_TEXT];
	assert_int_equal(p->ns_index, WR_NONE);
	assert_int_equal(p->n_except, 0);
	switch (p->kind) {
	case WR_PEER_PODS:
		return wr_arena_printf(f->arena, "pods{%s}{%s}",
				       wr_selector_format(f->world, p->ns_selector, f->arena),
				       wr_selector_format(f->world, p->pod_selector, f->arena));
	case WR_PEER_IPBLOCK:
		return wr_arena_printf(f->arena, "%s", wr_cidr_format(&p->cidr, cidr));
	case WR_PEER_NODES:
		return wr_arena_printf(f->arena, "nodes{%s}",
				       wr_selector_format(f->world, p->node_selector, f->arena));
	case WR_PEER_DOMAINS:
		return wr_arena_printf(f->arena, "%zu domains from %s", p->n_domains,
				       p->domains[0]);
	case WR_PEER_NOTHING:
		break;
	}
	return "nothing";
}

static const char *rule_text(const struct fixture *f, const struct wr_rule *r)
{
	static const char *const actions[] = {"accept", "deny", "pass"};
	const char *text = wr_arena_printf(f->arena, "%s%s%s", actions[r->action],
					   r->any_peer ? " any-peer" : "",
					   r->any_port ? " any-port" : "");
	for (size_t i = 0; i < r->n_peers; i++)
		text = wr_arena_printf(f->arena, "%s %s", text, peer_text(f, &r->peers[i]));
	for (size_t i = 0; i < r->n_ports; i++)
		text = wr_arena_printf(f->arena, "%s %u/%u-%u%s%s", text, r->ports[i].proto,
				       r->ports[i].first, r->ports[i].last,
				       r->ports[i].kind == WR_PORTS_NAMED ? "=" : "",
				       r->ports[i].name ? r->ports[i].name : "");
	return wr_arena_printf(f->arena, "%s%s%s", text, r->fails_closed ? " closed: " : "",
			       r->fails_closed ? r->fails_closed : "");
}

#define IN ", operator: in, values: [b]"
#define NO_OPERATOR " closed: an operator that is none of In, NotIn, Exists and DoesNotExist"

static const struct {
	const char *rule, *want;
} rules[] = {
	{"{action: Accept, to: [{namespaces: {}}]}", "accept any-port pods{}{}"},
	{"{action: Deny, to: [{namespaces: {matchLabels: {a: b}}}, {pods: {namespaceSelector: "
	 "{matchLabels: {a: b}}, podSelector: {matchLabels: {c: d}}}}, {pods: {podSelector: "
	 "{matchLabels: {c: d}}}}]}",
	 "deny any-port pods{a=b}{} pods{a=b}{c=d} pods{}{c=d}"},
	/* a list of networks is several peers, in its place among the others */
	{"{action: Pass, to: [{nodes: {}}, {networks: [10.1.2.3/8, 'fd00::/8', 0.0.0.0/0]}, "
	 "{nodes: {matchLabels: {a: b}}}]}",
	 "pass any-port nodes{} 10.0.0.0/8 fd00::/8 0.0.0.0/0 nodes{a=b}"},
	{"{action: Accept, to: [{domainNames: [a.b, c.d]}, {namespaces: {}}]}",
	 "accept any-port 2 domains from a.b pods{}{}"},
	{"{action: Accept, to: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: "
	 "80}}}, {sctp: {destinationPort: {range: {start: 1, end: 9}}}}, {destinationNamedPort: "
	 "http}]}",
	 "accept pods{}{} 6/80-80 132/1-9 0/0-0=http"},
	/* one peer that nobody can read closes the rule, whatever else it has */
	{"{action: Accept, to: [{namespaces: {}}, {nodes: {matchExpressions: [{key: a" IN "}]}}], "
	 "protocols: [{tcp: {destinationPort: {number: 80}}}]}",
	 "accept" NO_OPERATOR},
	{"{action: Accept, to: [{nodes: {matchExpressions: [{key: a" IN "}]}}]}",
	 "accept any-port" NO_OPERATOR},
	{"{action: Deny, to: [{namespaces: {}}, {nodes: {matchExpressions: [{key: a" IN "}]}}], "
	 "protocols: [{tcp: {destinationPort: {number: 80}}}]}",
	 "deny any-peer any-port" NO_OPERATOR},
	{"{action: Pass, to: [{pods: {podSelector: {matchLabels: {a: 'b c'}}}}]}",
	 "deny any-peer any-port closed: a value that cannot be a label's"},
	{"{action: Pass, to: [{pods: {podSelector: {matchLabels: {a: 'b.c'}}}}]}",
	 "pass any-port pods{}{a=b.c}"},
};

static void resolves(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct fixture f;
		char text[2048] = "";
		fixture_add(text, sizeof(text),
			    CNP("p", "Admin", "3",
				", egress: [{name: first, action: Deny, to: "
				"[{nodes: {}}]}, %s]"),
			    rules[i].rule);
		fixture_up(&f, text);
		const struct wr_policy *p = &f.world->policies[0];
		assert_int_equal(f.world->n_policies, 1);
		assert_null(p->ns);
		assert_int_equal(p->priority, 3);
		assert_string_equal(peer_text(&f, &p->subject), "pods{}{}");
		assert_false(p->isolates[WR_EGRESS] || p->isolates[WR_INGRESS]);
		assert_int_equal(p->n_rules[WR_INGRESS], 0);
		assert_int_equal(p->n_rules[WR_EGRESS], 2);
		assert_string_equal(rule_text(&f, &p->rules[WR_EGRESS][0]),
				    "deny any-port nodes{}");
		assert_string_equal(p->rules[WR_EGRESS][0].name, "first");
		assert_string_equal(rule_text(&f, &p->rules[WR_EGRESS][1]), rules[i].want);
		assert_null(p->rules[WR_EGRESS][1].name);
		fixture_down(&f);
	}
}

static void subjects(void **state)
{
	struct fixture f;
	(void)state;
	fixture_up(&f,
		   "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: "
		   "ClusterNetworkPolicy, metadata: {name: p}, spec: {tier: Admin, priority: 0, "
		   "subject: {pods: {namespaceSelector: {matchLabels: {a: b}}, podSelector: "
		   "{matchExpressions: [{key: c, operator: NotIn, values: [d, e]}]}}}}}\n");
	assert_string_equal(peer_text(&f, &f.world->policies[0].subject),
			    "pods{a=b}{c notin (d,e)}");
	fixture_down(&f);
}

/* Their labels, which nodes peers select by; a node that pods only mention has none. */
static void nodes_have_labels(void **state)
{
	struct fixture f;
	char buf[256];
	(void)state;
	fixture_up(&f, "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {role: worker, "
		       "zone: a}}}\n---\n"
		       "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {nodeName: n0, "
		       "containers: []}}\n");
	assert_int_equal(f.world->n_nodes, 2);
	assert_int_equal(f.world->nodes[0].n_labels, 0);
	assert_string_equal(fixture_labels(&f, f.world->nodes[1].labels, f.world->nodes[1].n_labels,
					   buf, sizeof(buf)),
			    "role=worker zone=a ");
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiers_then_priorities),
		cmocka_unit_test(ties),
		cmocka_unit_test(resolves),
		cmocka_unit_test(subjects),
		cmocka_unit_test(nodes_have_labels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
