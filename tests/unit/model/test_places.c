/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static const struct wr_namespace *find_ns(const struct fixture *f, const char *name)
{
	uint32_t i = wr_world_find_namespace(f->world, name);
	if (i == WR_NONE)
		fail_msg("no namespace %s", name);
	return &f->world->namespaces[i];
}

static void namespaces_given_and_mentioned(void **state)
{
	(void)state;
	struct fixture f;
	char buf[256];
	fixture_up(&f,
		   "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: red,"
		   " kubernetes.io/metadata.name: shop}}}\n---\n"
		   "{apiVersion: v1, kind: Namespace, metadata: {name: bare}}\n---\n"
		   "{apiVersion: v1, kind: Namespace, metadata: {name: liar, labels: "
		   "{kubernetes.io/metadata.name: shop}}}\n---\n"
		   "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: mentioned}}\n"
		   "---\n{apiVersion: v1, kind: Pod, metadata: {name: b}}\n---\n"
		   "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: behind}}\n"
		   "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: "
		   "{name: p, namespace: policed}, spec: {podSelector: {}}}\n");
	static const struct {
		const char *name, *labels;
		bool given;
		uint32_t pods;
	} want[] = {
		{"bare", "kubernetes.io/metadata.name=bare ", true, 0},
		{"behind", "kubernetes.io/metadata.name=behind ", false, 0},
		{"default", "kubernetes.io/metadata.name=default ", false, 1},
		{"liar", "kubernetes.io/metadata.name=liar ", true, 0},
		{"mentioned", "kubernetes.io/metadata.name=mentioned ", false, 1},
		{"policed", "kubernetes.io/metadata.name=policed ", false, 0},
		{"shop", "kubernetes.io/metadata.name=shop team=red ", true, 0},
	};
	assert_int_equal(f.world->n_namespaces, sizeof(want) / sizeof(want[0]));
	for (uint32_t i = 0; i < f.world->n_namespaces; i++) {
		const struct wr_namespace *ns = &f.world->namespaces[i];
		assert_string_equal(ns->name, want[i].name);
		assert_ptr_equal(ns, find_ns(&f, want[i].name));
		assert_string_equal(fixture_labels(&f, ns->labels, ns->n_labels, buf, sizeof(buf)),
				    want[i].labels);
		assert_int_equal(ns->object != NULL, want[i].given);
		assert_int_equal(ns->n_pods, want[i].pods);
	}
	assert_int_equal(wr_world_find_namespace(f.world, "nowhere"), WR_NONE);
	fixture_down(&f);
}

static void pods_of_a_namespace_are_together(void **state)
{
	(void)state;
	struct fixture f;
	fixture_up(&f, "{apiVersion: v1, kind: Pod, metadata: {name: z, namespace: b}}\n---\n"
		       "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: c}}\n---\n"
		       "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}}\n---\n"
		       "{apiVersion: v1, kind: Pod, metadata: {name: m, namespace: a}}\n");
	static const char *const names[] = {"a", "b", "c"};
	static const uint32_t first[] = {0, 1, 3}, n[] = {1, 2, 1};
	for (int i = 0; i < 3; i++) {
		const struct wr_namespace *ns = find_ns(&f, names[i]);
		assert_int_equal(ns->first_pod, first[i]);
		assert_int_equal(ns->n_pods, n[i]);
		for (uint32_t k = 0; k < n[i]; k++)
			assert_ptr_equal(&f.world->namespaces[f.world->pods[first[i] + k].ns_index],
					 ns);
	}
	fixture_down(&f);
}

static void nodes_given_and_mentioned(void **state)
{
	(void)state;
	struct fixture f;
	char buf[256] = "";
	fixture_up(
		&f,
		"{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: "
		"[{type: InternalIP, address: 10.0.0.1}, {type: Hostname, address: n1},"
		" {type: ExternalIP, address: 203.0.113.1}, {type: InternalIP, address: "
		"'fd00::1'}]}}\n---\n"
		"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {nodeName: n1}, status: "
		"{hostIP: 10.99.0.1}}\n---\n"
		"{apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {nodeName: n2}, status: "
		"{hostIP: 10.0.0.2, hostIPs: [{ip: 10.0.0.2}, {ip: 'fd00::2'}]}}\n---\n"
		"{apiVersion: v1, kind: Pod, metadata: {name: c}, spec: {nodeName: n2}, status: "
		"{hostIP: 10.0.0.2}}\n---\n"
		"{apiVersion: v1, kind: Pod, metadata: {name: d}, spec: {nodeName: n0}}\n---\n"
		"{apiVersion: v1, kind: Pod, metadata: {name: e}, status: {hostIP: 10.0.0.9}}\n");
	for (uint32_t i = 0; i < f.world->n_nodes; i++) {
		const struct wr_node *n = &f.world->nodes[i];
		char ip[WR_IP_TEXT];
		fixture_add(buf, sizeof(buf), "%s%s", n->name, n->object ? "*" : "");
		for (size_t k = 0; k < n->n_ips; k++)
			fixture_add(buf, sizeof(buf), ",%s", wr_ip_format(&n->ips[k], ip));
		fixture_add(buf, sizeof(buf), " ");
	}
	/* an object's word counts more than its pods' */
	assert_string_equal(buf, "n0 n1*,10.0.0.1,203.0.113.1,fd00::1 n2,10.0.0.2,fd00::2 ");
	assert_int_equal(fixture_pod(&f, "default", "a")->node, wr_world_find_node(f.world, "n1"));
	assert_int_equal(fixture_pod(&f, "default", "d")->node, wr_world_find_node(f.world, "n0"));
	assert_int_equal(fixture_pod(&f, "default", "e")->node, WR_NONE);
	assert_int_equal(wr_world_find_node(f.world, "n9"), WR_NONE);
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespaces_given_and_mentioned),
		cmocka_unit_test(pods_of_a_namespace_are_together),
		cmocka_unit_test(nodes_given_and_mentioned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
