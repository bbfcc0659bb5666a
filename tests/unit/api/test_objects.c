/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define POD(rest) "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n" rest
#define PORT(port) POD("spec: {containers: [{ports: [" port "]}]}\n")
#define SERVICE(spec) "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {" spec "}\n"
#define NODE(rest) "apiVersion: v1\nkind: Node\nmetadata: {name: a}\n" rest

static void expect_ip(const struct wr_ip *ip, const char *text)
{
	char buf[WR_IP_TEXT];
	assert_string_equal(wr_ip_format(ip, buf), text);
}

static void a_whole_pod(void **state)
{
	struct fixture f;
	(void)state;
	const struct wr_object *o = fixture_one(
		&f, POD("spec:\n"
			"  nodeName: n1\n  hostNetwork: true\n  unheard: of\n"
			"  initContainers:\n"
			"  - {name: once, ports: [{containerPort: 1}]}\n"
			"  - {name: stays, restartPolicy: Always, ports: [{containerPort: 2}]}\n"
			"  containers:\n"
			"  - name: main\n"
			"    ports:\n"
			"    - {containerPort: 80, name: http}\n"
			"    - {containerPort: 53, protocol: UDP, hostPort: 53}\n"
			"  - {name: none, ports: }\n"
			"status:\n"
			"  phase: Running\n  podIP: 10.0.0.1\n"
			"  podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]\n"
			"  hostIP: 192.0.2.1\n  hostIPs: [{ip: 192.0.2.1}]\n"));
	const struct wr_pod_object *p = &o->pod;
	assert_string_equal(p->spec.node, "n1");
	assert_true(p->spec.host_network);
	assert_int_equal(p->spec.n_ports, 3);
	assert_int_equal(p->spec.ports[0].port, 80);
	assert_string_equal(p->spec.ports[0].name, "http");
	assert_int_equal(p->spec.ports[0].proto, WR_TCP);
	assert_int_equal(p->spec.ports[0].mark.line, 14);
	assert_int_equal(p->spec.ports[1].proto, WR_UDP);
	assert_null(p->spec.ports[1].name);
	assert_int_equal(p->spec.ports[2].port, 2);
	assert_string_equal(p->phase, "Running");
	assert_int_equal(p->n_ips, 2);
	expect_ip(&p->ips[0], "10.0.0.1");
	expect_ip(&p->ips[1], "fd00::1");
	assert_int_equal(p->n_host_ips, 1);
	fixture_down(&f);
}

static void a_bare_pod(void **state)
{
	struct fixture f;
	(void)state;
	const struct wr_object *o = fixture_one(&f, POD("status: {podIP: '', podIPs: []}\n"));
	assert_null(o->pod.spec.node);
	assert_int_equal(o->pod.spec.n_ports, 0);
	assert_int_equal(o->pod.n_ips, 0);
	assert_null(o->pod.phase);
	fixture_down(&f);
}

static void workloads(void **state)
{
	static const struct {
		const char *head;
		enum wr_kind kind;
		uint32_t replicas;
	} cases[] = {
		{"apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: 3, ", WR_KIND_DEPLOYMENT,
		 3},
		{"apiVersion: extensions/v1beta1\nkind: Deployment\nspec: {", WR_KIND_DEPLOYMENT,
		 1},
		{"apiVersion: apps/v1beta2\nkind: ReplicaSet\nspec: {replicas: 0, ",
		 WR_KIND_REPLICASET, 0},
		{"apiVersion: apps/v1beta1\nkind: StatefulSet\nspec: {replicas: 2, ",
		 WR_KIND_STATEFULSET, 2},
		{"apiVersion: apps/v1\nkind: DaemonSet\nspec: {", WR_KIND_DAEMONSET, 0},
		{"apiVersion: v1\nkind: ReplicationController\nspec: {replicas: 4, ",
		 WR_KIND_REPLICATIONCONTROLLER, 4},
		{"apiVersion: batch/v1\nkind: Job\nspec: {parallelism: 5, completions: 9, ",
		 WR_KIND_JOB, 5},
		{"apiVersion: batch/v1beta1\nkind: CronJob\nspec: {jobTemplate: {spec: "
		 "{parallelism: "
		 "7, ",
		 WR_KIND_CRONJOB, 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		char text[1024];
		snprintf(text, sizeof(text),
			 "%stemplate: {metadata: {labels: {app: a}}, spec: {nodeName: n, "
			 "containers: "
			 "[{ports: [{containerPort: 80}]}]}}}%s\nmetadata: {name: w}\n",
			 cases[i].head, cases[i].kind == WR_KIND_CRONJOB ? "}}" : "");
		const struct wr_object *o = fixture_one(&f, text);
		assert_int_equal(o->kind, cases[i].kind);
		assert_int_equal(o->workload.replicas, cases[i].replicas);
		assert_int_equal(o->workload.n_labels, 1);
		assert_string_equal(o->workload.labels[0].value, "a");
		assert_int_equal(o->workload.spec.n_ports, 1);
		assert_string_equal(o->workload.spec.node, "n");
		fixture_down(&f);
	}
}

static void a_whole_node(void **state)
{
	struct fixture f;
	(void)state;
	const struct wr_object *o = fixture_one(
		&f, NODE("spec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.1.0.0/24, 'fd00:1::/64']}\n"
			 "status: {addresses: [{type: Hostname, address: a}, {type: InternalIP, "
			 "address: 192.0.2.1}, {type: ExternalIP, address: 'fd00::1'}]}\n"));
	assert_int_equal(o->node.n_ips, 2);
	expect_ip(&o->node.ips[1], "fd00::1");
	assert_int_equal(o->node.n_pod_cidrs, 2);
	assert_int_equal(o->node.pod_cidrs[1].len, 64);
	fixture_down(&f);
}

static void a_whole_service(void **state)
{
	struct fixture f;
	(void)state;
	const struct wr_object *o = fixture_one(
		&f,
		SERVICE("type: NodePort, clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, "
			"'fd00::1'], ipFamilyPolicy: PreferDualStack, selector: {b: '1', a: '2'}, "
			"ports: [{name: web, port: 80, targetPort: http, nodePort: 30080}, "
			"{port: 53, protocol: UDP}, {port: 9, targetPort: 90}]"));
	const struct wr_service_object *s = &o->service;
	assert_string_equal(s->type, "NodePort");
	assert_false(s->headless);
	assert_int_equal(s->n_cluster_ips, 2);
	assert_true(s->want_ipv4 && s->want_ipv6);
	assert_int_equal(s->n_selector, 2);
	assert_string_equal(s->selector[0].key, "a");
	assert_int_equal(s->n_ports, 3);
	assert_string_equal(s->ports[0].target_name, "http");
	assert_int_equal(s->ports[0].target_port, 0);
	assert_int_equal(s->ports[0].node_port, 30080);
	assert_string_equal(s->ports[0].name, "web");
	assert_int_equal(s->ports[1].proto, WR_UDP);
	assert_int_equal(s->ports[1].target_port, 53);
	assert_int_equal(s->ports[2].target_port, 90);
	fixture_down(&f);
}

static void services_of_other_shapes(void **state)
{
	struct fixture f;
	(void)state;
	const struct wr_object *o = fixture_one(&f, SERVICE("clusterIP: None, ports: [{port: 1}]"));
	assert_true(o->service.headless);
	assert_string_equal(o->service.type, "ClusterIP");
	assert_int_equal(o->service.n_cluster_ips, 0);
	fixture_down(&f);
	o = fixture_one(&f, SERVICE("type: ExternalName, externalName: example.com"));
	assert_string_equal(o->service.type, "ExternalName");
	assert_int_equal(o->service.n_ports, 0);
	fixture_down(&f);
	o = fixture_one(&f, SERVICE("ipFamilies: [IPv6]"));
	assert_true(o->service.want_ipv6 && !o->service.want_ipv4);
	fixture_down(&f);
}

static void what_is_needed_and_unreadable(void **state)
{
	static const char at[] = "spec.containers[0].ports[0].containerPort";
	static const struct complaint cases[] = {
		{PORT("{name: a}"), at, "a port must have a number", NULL, 4, 30},
		{PORT("{containerPort: 0}"), at, "must be between 1 and 65535, found 0", NULL, 4,
		 46},
		{PORT("{containerPort: '80'}"), at, "must be a whole number, found string (80)",
		 NULL, 4, 46},
		{PORT("{containerPort: 80, protocol: tcp}"), NULL,
		 "must be TCP, UDP or SCTP, found \"tcp\"", NULL, 4, 60},
		{PORT("80"), "spec.containers[0].ports[0]", "must be a map, found integer (80)"},
		{POD("spec: {hostNetwork: 'true'}\n"), "spec.hostNetwork",
		 "must be true or false, found string (true)"},
		{POD("status: {podIP: 10.0.0}\n"), "status.podIP",
		 "must be an IP address, found \"10.0.0\"", NULL, 4, 17},
		{NODE("spec: {podCIDR: 10.0.0.0}\n"), "spec.podCIDR",
		 "must be a CIDR, found \"10.0.0.0\""},
		{NODE("status: {addresses: [{type: InternalIP, address: x}]}\n"),
		 "status.addresses[0].address", "must be an IP address, found \"x\""},
		{SERVICE("selector: {a: 1}"), "spec.selector.a",
		 "label value must be a string, found integer (1)", "quote it: \"1\""},
		{SERVICE("ports: [{port: 99999}]"), "spec.ports[0].port",
		 "must be between 1 and 65535, found 99999"},
		{SERVICE("ports: [{port: 1, targetPort: '80'}]"), "spec.ports[0].targetPort",
		 "must be a number or the name of a port, found \"80\"", "without quotes"},
		{"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: "
		 "many}\n",
		 "spec.replicas", "must be a whole number, found string (many)"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_complaint(&cases[i]);
}

static void long_lists_of_addresses_are_bounded(void **state)
{
	char text[16384];
	size_t at = (size_t)snprintf(text, sizeof(text), POD("status: {podIPs: ["));
	struct fixture f;
	(void)state;
	for (int i = 0; i < 257; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "{ip: 10.0.%d.%d}, ", i / 250,
				       i % 250);
	snprintf(text + at, sizeof(text) - at, "]}\n");
	fixture_decode(&f, text, true);
	assert_int_equal(wr_diags_count(f.diags), 1);
	assert_string_equal(wr_diags_at(f.diags, 0)->message,
			    "must have at most 256 items, found 257");
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_pod),
		cmocka_unit_test(a_bare_pod),
		cmocka_unit_test(workloads),
		cmocka_unit_test(a_whole_node),
		cmocka_unit_test(a_whole_service),
		cmocka_unit_test(services_of_other_shapes),
		cmocka_unit_test(what_is_needed_and_unreadable),
		cmocka_unit_test(long_lists_of_addresses_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
