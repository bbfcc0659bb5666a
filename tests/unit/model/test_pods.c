/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* One object a macro; JSON's flow form keeps a world on few lines. */
#define OWNED(kind, name) \
	", ownerReferences: [{apiVersion: v1, kind: " kind ", name: " name ", controller: true}]"
#define POD(name, owner)                                                                        \
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: " name ", labels: {from: pod}" owner \
	"}}\n"
#define WORKLOAD(group, kind, name, replicas, owner)                                         \
	"---\n{apiVersion: " group ", kind: " kind ", metadata: {name: " name owner          \
	"}, spec: {replicas: " replicas ", template: {metadata: {labels: {from: template}}," \
	" spec: {containers: [{ports: [{name: http, containerPort: 80}]}]}}}}\n"
#define APP(kind, name, replicas, owner) WORKLOAD("apps/v1", kind, name, replicas, owner)
#define JOB(name, owner) WORKLOAD("batch/v1", "Job", name, "1", owner)
#define CRONJOB(name)                                                       \
	"---\n{apiVersion: batch/v1, kind: CronJob, metadata: {name: " name \
	"}, spec: {jobTemplate:"                                            \
	" {spec: {template: {metadata: {labels: {from: cron}}}}}}}\n"

static const struct {
	const char *what;
	const char *objects[8];
	const char *pods;
} cases[] = {
	{"every kind of workload stands for its pods",
	 {APP("Deployment", "a", "3", ""), APP("ReplicaSet", "b", "1", ""),
	  APP("StatefulSet", "c", "2", ""), APP("DaemonSet", "d", "0", ""),
	  WORKLOAD("v1", "ReplicationController", "e", "1", ""), JOB("f", ""), CRONJOB("g")},
	 "default/a[Deployment] default/b[ReplicaSet] default/c[StatefulSet] "
	 "default/d[DaemonSet] default/e[ReplicationController] default/f[Job] "
	 "default/g[CronJob] "},
	{"without replicas it stands all the same",
	 {APP("Deployment", "a", "0", "")},
	 "default/a[Deployment] "},
	{"pods replace their owner",
	 {APP("StatefulSet", "s", "2", ""), POD("s-0", OWNED("StatefulSet", "s")),
	  POD("s-1", OWNED("StatefulSet", "s"))},
	 "default/s-0[Pod] default/s-1[Pod] "},
	{"pods replace both their ReplicaSet and its Deployment",
	 {APP("Deployment", "d", "1", ""), APP("ReplicaSet", "d-1", "1", OWNED("Deployment", "d")),
	  POD("d-1-x", OWNED("ReplicaSet", "d-1"))},
	 "default/d-1-x[Pod] "},
	{"a ReplicaSet replaces its Deployment",
	 {APP("Deployment", "d", "1", ""), APP("ReplicaSet", "d-1", "1", OWNED("Deployment", "d"))},
	 "default/d-1[ReplicaSet] "},
	{"a Deployment's past does not stand",
	 {APP("Deployment", "d", "1", ""), APP("ReplicaSet", "d-0", "0", OWNED("Deployment", "d")),
	  APP("ReplicaSet", "d-1", "1", OWNED("Deployment", "d")),
	  POD("d-1-x", OWNED("ReplicaSet", "d-1"))},
	 "default/d-1-x[Pod] "},
	{"a Deployment with nothing but a past stands",
	 {APP("Deployment", "d", "0", ""), APP("ReplicaSet", "d-0", "0", OWNED("Deployment", "d"))},
	 "default/d[Deployment] "},
	{"the past without its Deployment stands",
	 {APP("ReplicaSet", "d-0", "0", OWNED("Deployment", "d"))},
	 "default/d-0[ReplicaSet] "},
	{"pods of a ReplicaSet that goes down replace it",
	 {APP("Deployment", "d", "0", ""), APP("ReplicaSet", "d-0", "0", OWNED("Deployment", "d")),
	  POD("d-0-x", OWNED("ReplicaSet", "d-0"))},
	 "default/d-0-x[Pod] "},
	{"jobs of a CronJob, and their pods",
	 {CRONJOB("c"), JOB("c-1", OWNED("CronJob", "c")), JOB("c-2", OWNED("CronJob", "c")),
	  POD("c-2-x", OWNED("Job", "c-2"))},
	 "default/c-1[Job] default/c-2-x[Pod] "},
	{"an owner of the same name but another kind is somebody else",
	 {APP("Deployment", "a", "1", ""), POD("a-0", OWNED("StatefulSet", "a"))},
	 "default/a[Deployment] default/a-0[Pod] "},
	{"one name, several kinds: a Pod first",
	 {APP("Deployment", "a", "1", ""), JOB("a", ""), POD("a", "")},
	 "default/a[Pod] default/a[Deployment] default/a[Job] "},
	{"nothing at all", {"{apiVersion: v1, kind: Namespace, metadata: {name: x}}\n"}, ""},
};

static void workloads_and_their_pods(void **state)
{
	(void)state;
	char buf[1024];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		fixture_up_all(&f, cases[i].objects);
		if (strcmp(fixture_pods(&f, buf, sizeof(buf)), cases[i].pods))
			fail_msg("%s: %s", cases[i].what, buf);
		fixture_down(&f);
	}
}

static void owners_are_of_the_same_namespace(void **state)
{
	(void)state;
	struct fixture f;
	char buf[256];
	static const char *const objects[] = {
		APP("StatefulSet", "s", "1", ", namespace: x"),
		POD("s-0", ", namespace: y" OWNED("StatefulSet", "s")), NULL};
	fixture_up_all(&f, objects);
	assert_string_equal(fixture_pods(&f, buf, sizeof(buf)), "x/s[StatefulSet] y/s-0[Pod] ");
	fixture_down(&f);
}

static void groups_by_owner(void **state)
{
	(void)state;
	static const struct {
		const char *name, *kind, *owner;
	} want[] = {
		{"alone", "Pod", "alone"},
		{"of-crd", "Widget", "w"},
		{"of-rs", "ReplicaSet", "cart-74f56fd4b"},
		{"static", "Pod", "static"},
		{"work", "Deployment", "work"},
	};
	struct fixture f;
	static const char *const objects[] = {POD("alone", ""),
					      POD("of-rs", OWNED("ReplicaSet", "cart-74f56fd4b")),
					      POD("static", OWNED("Node", "n1")),
					      POD("of-crd", OWNED("Widget", "w")),
					      APP("Deployment", "work", "1", ""),
					      NULL};
	fixture_up_all(&f, objects);
	assert_int_equal(f.world->n_pods, sizeof(want) / sizeof(want[0]));
	for (uint32_t i = 0; i < f.world->n_pods; i++) {
		assert_string_equal(f.world->pods[i].name, want[i].name);
		assert_string_equal(f.world->pods[i].owner_kind, want[i].kind);
		assert_string_equal(f.world->pods[i].owner_name, want[i].owner);
	}
	fixture_down(&f);
}

static void templates_give_labels_and_ports(void **state)
{
	(void)state;
	struct fixture f;
	char buf[256];
	static const char *const objects[] = {
		APP("Deployment", "a", "1", ", labels: {from: object}"), CRONJOB("c"), NULL};
	fixture_up_all(&f, objects);
	const struct wr_pod *a = fixture_pod(&f, "default", "a"),
			    *c = fixture_pod(&f, "default", "c");
	assert_string_equal(fixture_labels(&f, a->labels, a->n_labels, buf, sizeof(buf)),
			    "from=template ");
	assert_int_equal(a->n_ports, 1);
	assert_string_equal(a->ports[0].name, "http");
	assert_int_equal(a->n_ips, 0);
	assert_string_equal(fixture_labels(&f, c->labels, c->n_labels, buf, sizeof(buf)),
			    "from=cron ");
	fixture_down(&f);
}

static void completed_pods_have_no_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *phase;
		bool completed;
	} phases[] = {{"Pending", false}, {"Running", false}, {"Succeeded", true},
		      {"Failed", true},   {"Unknown", false}, {"\"\"", false}};
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		char manifest[512] = "";
		struct fixture f;
		fixture_add(
			manifest, sizeof(manifest),
			"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: %s},"
			" status: {phase: %s, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1},"
			" {ip: 'fd00::1'}]}}",
			i % 2 ? "true" : "false", phases[i].phase);
		fixture_up(&f, manifest);
		const struct wr_pod *pod = &f.world->pods[0];
		assert_int_equal(pod->completed, phases[i].completed);
		assert_int_equal(pod->n_ips, phases[i].completed ? 0 : 2);
		assert_int_equal(pod->host_network, i % 2);
		fixture_down(&f);
	}
}

static void looks_up_by_name_and_kind(void **state)
{
	(void)state;
	static const struct {
		const char *ns, *name;
		enum wr_kind kind;
		uint32_t at;
	} want[] = {
		{"default", "a", WR_KIND_COUNT, 0},
		{"default", "a", WR_KIND_POD, 0},
		{"default", "a", WR_KIND_DEPLOYMENT, 1},
		{"default", "a", WR_KIND_JOB, 2},
		{"default", "a", WR_KIND_CRONJOB, WR_NONE},
		{"default", "b", WR_KIND_COUNT, 3},
		{"default", "b", WR_KIND_POD, WR_NONE},
		{"default", "c", WR_KIND_COUNT, WR_NONE},
		{"other", "a", WR_KIND_COUNT, WR_NONE},
		{"", "", WR_KIND_COUNT, WR_NONE},
	};
	struct fixture f;
	static const char *const objects[] = {JOB("a", ""), APP("Deployment", "b", "1", ""),
					      POD("a", ""), APP("Deployment", "a", "1", ""), NULL};
	fixture_up_all(&f, objects);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_int_equal(wr_world_find_pod(f.world, want[i].ns, want[i].name, want[i].kind),
				 want[i].at);
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workloads_and_their_pods),
		cmocka_unit_test(owners_are_of_the_same_namespace),
		cmocka_unit_test(groups_by_owner),
		cmocka_unit_test(templates_give_labels_and_ports),
		cmocka_unit_test(completed_pods_have_no_addresses),
		cmocka_unit_test(looks_up_by_name_and_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
