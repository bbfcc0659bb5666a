/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define POLICY(spec)                                                                   \
	"{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, " \
	"namespace: x}, spec: {" spec "}}\n---\n"                                      \
	"{apiVersion: v1, kind: Namespace, metadata: {name: x}}\n---\n"                \
	"{apiVersion: v1, kind: Namespace, metadata: {name: y, labels: {team: red}}}\n"

/* A peer in one word: its place, "ns/labels" with * for everything. */
static const char *peer_text(const struct fixture *f, const struct wr_peer *p)
{
	char cidr[WR_CIDR_TEXT];
	if (p->kind == WR_PEER_IPBLOCK) {
		const char *text = wr_arena_printf(f->arena, "%s", wr_cidr_format(&p->cidr, cidr));
		for (size_t i = 0; i < p->n_except; i++)
			text = wr_arena_printf(f->arena, "%s-%s", text,
					       wr_cidr_format(&p->except[i], cidr));
		return text;
	}
	assert_int_equal(p->kind, WR_PEER_PODS);
	if (p->ns_index != WR_NONE)
		assert_int_equal(p->ns_selector, WR_NONE);
	const char *ns =
		p->ns_index != WR_NONE ? f->world->namespaces[p->ns_index].name
		: p->ns_selector != WR_NONE
			? wr_arena_printf(f->arena, "{%s}",
					  wr_selector_format(f->world, p->ns_selector, f->arena))
			: "*";
	const char *pods = p->pod_selector != WR_NONE
				   ? wr_selector_format(f->world, p->pod_selector, f->arena)
				   : "*";
	return wr_arena_printf(f->arena, "%s/%s", ns, pods);
}

static const char *port_text(const struct fixture *f, const struct wr_port *p)
{
	const char *proto = wr_proto_name(p->proto);
	switch (p->kind) {
	case WR_PORTS_ALL:
		return proto;
	case WR_PORTS_RANGE:
		return wr_arena_printf(f->arena, "%s:%u-%u", proto, p->first, p->last);
	case WR_PORTS_NAMED:
		return wr_arena_printf(f->arena, "%s:%s", proto, p->name);
	}
	return "?";
}

/* The rules of a direction: peers, " : ", ports, " ; ". */
static const char *rules_text(const struct fixture *f, const struct wr_policy *p,
			      enum wr_direction dir)
{
	const char *text = p->isolates[dir] ? "isolates" : "";
	for (size_t i = 0; i < p->n_rules[dir]; i++) {
		const struct wr_rule *r = &p->rules[dir][i];
		assert_int_equal(r->action, WR_ACCEPT);
		assert_int_equal(r->any_peer, r->n_peers == 0);
		assert_int_equal(r->any_port, r->n_ports == 0);
		text = wr_arena_printf(f->arena, "%s;", text);
		for (size_t k = 0; k < r->n_peers; k++)
			text = wr_arena_printf(f->arena, "%s %s", text, peer_text(f, &r->peers[k]));
		for (size_t k = 0; k < r->n_ports; k++)
			text = wr_arena_printf(f->arena, "%s %s", text, port_text(f, &r->ports[k]));
	}
	return text;
}

static const struct {
	const char *manifests, *subject, *egress, *ingress;
} cases[] = {
	{POLICY("podSelector: {}"), "x/*", "", "isolates"},
	{POLICY("podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]"), "x/app=web",
	 "isolates", ""},
	{POLICY("podSelector: {}, ingress: [{}], egress: [{}]"), "x/*", "isolates;", "isolates;"},
	{POLICY("podSelector: {}, egress: []"), "x/*", "", "isolates"},
	{POLICY("podSelector: {}, policyTypes: [Ingress], ingress: [{}], egress: [{}]"), "x/*", "",
	 "isolates;"},
	{POLICY("podSelector: {}, policyTypes: [Ingress, Egress]"), "x/*", "isolates", "isolates"},
	{POLICY("podSelector: {}, ingress: [{from: [{podSelector: {}}]}]"), "x/*", "",
	 "isolates; x/*"},
	{POLICY("podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {a: b}}},"
		" {namespaceSelector: {}}, {namespaceSelector: {matchLabels: {team: red}}},"
		" {namespaceSelector: {}, podSelector: {}},"
		" {namespaceSelector: {matchLabels: {team: red}}, podSelector:"
		" {matchLabels: {a: b}}}, {namespaceSelector: null, podSelector: {}}]}]"),
	 "x/*", "", "isolates; x/a=b */* {team=red}/* */* {team=red}/a=b x/*"},
	{POLICY("podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except:"
		" [10.1.0.0/16, 10.2.0.0/16]}}, {ipBlock: {cidr: 'fd00::/8'}}]}]"),
	 "x/*", "isolates; 10.0.0.0/8-10.1.0.0/16-10.2.0.0/16 fd00::/8", "isolates"},
	{POLICY("podSelector: {}, ingress: [{ports: [{port: 80}, {protocol: UDP}, {port: http},"
		" {protocol: SCTP, port: 7, endPort: 9}, {}]}]"),
	 "x/*", "", "isolates; TCP:80-80 UDP TCP:http SCTP:7-9 TCP"},
};

static void resolves(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		fixture_up(&f, cases[i].manifests);
		assert_int_equal(f.world->n_policies, 1);
		const struct wr_policy *p = &f.world->policies[0];
		assert_int_equal(p->tier, WR_TIER_NETWORKPOLICY);
		assert_int_equal(p->priority, 0);
		assert_string_equal(p->ns, "x");
		assert_string_equal(peer_text(&f, &p->subject), cases[i].subject);
		assert_string_equal(rules_text(&f, p, WR_EGRESS), cases[i].egress);
		assert_string_equal(rules_text(&f, p, WR_INGRESS), cases[i].ingress);
		fixture_down(&f);
	}
}

#define NAMED(ns, name)                                                                       \
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: " name \
	", namespace: " ns "}, spec: {podSelector: {}}}\n"

static void in_order_of_namespace_and_name(void **state)
{
	(void)state;
	struct fixture f;
	char buf[256] = "";
	fixture_up(&f, NAMED("b", "z") NAMED("a", "b") NAMED("b", "a") NAMED("a", "a"));
	for (uint32_t i = 0; i < f.world->n_policies; i++)
		fixture_add(buf, sizeof(buf), "%s/%s:%u ", f.world->policies[i].ns,
			    f.world->policies[i].name, f.world->policies[i].mark.line);
	assert_string_equal(buf, "a/a:8 a/b:4 b/a:6 b/z:2 ");
	fixture_down(&f);
}

static void marks_lead_to_the_lines(void **state)
{
	(void)state;
	struct fixture f;
	fixture_up(&f, "apiVersion: networking.k8s.io/v1\n"
		       "kind: NetworkPolicy\n"
		       "metadata:\n"
		       "  name: p\n"
		       "spec:\n"
		       "  podSelector: {}\n"
		       "  ingress:\n"
		       "  - from:\n"
		       "    - podSelector: {}\n"
		       "    - ipBlock:\n"
		       "        cidr: 10.0.0.0/8\n"
		       "    ports:\n"
		       "    - port: 80\n");
	const struct wr_policy *p = &f.world->policies[0];
	const struct wr_rule *r = &p->rules[WR_INGRESS][0];
	assert_int_equal(p->mark.line, 4);
	assert_int_equal(r->mark.line, 8);
	assert_int_equal(r->peers[0].mark.line, 9);
	assert_int_equal(r->peers[1].mark.line, 10);
	assert_int_equal(r->ports[0].mark.line, 13);
	assert_string_equal(r->peers[0].mark.file, "test.yaml");
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolves),
		cmocka_unit_test(in_order_of_namespace_and_name),
		cmocka_unit_test(marks_lead_to_the_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
