/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static const char shop[] =
	"kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web, namespace: shop}\n"
	"spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}}\n---\n"
	"kind: StatefulSet\napiVersion: apps/v1\nmetadata: {name: db, namespace: shop}\n"
	"spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, ports: "
	"[{name: pg, containerPort: 5432}]}]}}}\n---\n"
	"kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: db, namespace: "
	"shop}\n"
	"spec:\n  podSelector: {matchLabels: {app: db}}\n  policyTypes: [Ingress, Egress]\n"
	"  ingress:\n  - from: [{podSelector: {matchLabels: {app: web}}}]\n"
	"    ports: [{port: pg}, {port: 9000, endPort: 9001}, {port: 9002}, {protocol: UDP, port: "
	"53}]\n"
	"  - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]\n    ports: [{port: "
	"80}]\n";

static const char *const expected[] = {
	"0.0.0.0-9.255.255.255[External] => shop/web[Deployment] : All Connections",
	"10.0.0.0-10.0.255.255[External] => shop/db[StatefulSet] : TCP 80",
	"10.0.0.0-10.0.255.255[External] => shop/web[Deployment] : All Connections",
	"10.1.0.0-10.1.255.255[External] => shop/web[Deployment] : All Connections",
	"10.2.0.0-10.255.255.255[External] => shop/db[StatefulSet] : TCP 80",
	"10.2.0.0-10.255.255.255[External] => shop/web[Deployment] : All Connections",
	"11.0.0.0-255.255.255.255[External] => shop/web[Deployment] : All Connections",
	"shop/web[Deployment] => 0.0.0.0-255.255.255.255[External] : All Connections",
	"shop/web[Deployment] => shop/db[StatefulSet] : TCP 5432,9000-9002,UDP 53",
};

static void lists_workloads_and_ranges(void **state)
{
	(void)state;
	struct fixture f;
	struct wr_connectivity *c;
	fixture_up(&f, shop, NULL);
	assert_int_equal(wr_connectivity_new(f.program, &c), 0);
	uint64_t n;
	uint32_t n_nodes;
	const struct wr_conn_edge *e = wr_connectivity_edges(c, &n);
	const struct wr_conn_node *nodes = wr_connectivity_nodes(c, &n_nodes);
	for (uint64_t i = 0; i < n; i++) {
		char line[256];
		snprintf(line, sizeof(line), "%s => %s : %s", nodes[e[i].src].text,
			 nodes[e[i].dst].text, wr_connectivity_ports_text(c, e[i].ports));
		if (i < sizeof(expected) / sizeof(expected[0]))
			assert_string_equal(line, expected[i]);
	}
	assert_int_equal(n, sizeof(expected) / sizeof(expected[0]));
	wr_connectivity_free(c);
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lists_workloads_and_ranges)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
