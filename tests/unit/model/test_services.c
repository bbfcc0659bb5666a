/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define POD(ns, name, labels, more)                                                  \
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: " name ", namespace: " ns \
	", labels: {" labels "}}" more "}\n"
#define SERVICE(ns, name, spec)                                                          \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: " name ", namespace: " ns \
	"}, spec: {" spec "}}\n"

static const char *const objects[] = {
	POD("x", "web-1", "app: web, track: stable", ""),
	POD("x", "web-2", "app: web", ""),
	POD("x", "done", "app: web", ", status: {phase: Succeeded}"),
	POD("x", "failed", "app: web", ", status: {phase: Failed}"),
	POD("x", "db", "app: db", ""),
	POD("y", "web-3", "app: web", ""),
	SERVICE("x", "web", "selector: {app: web}"),
	SERVICE("x", "stable", "selector: {app: web, track: stable}"),
	SERVICE("y", "web", "selector: {app: web}"),
	SERVICE("x", "manual", "ports: []"),
	SERVICE("x", "nobody", "selector: {app: nobody}"),
	NULL,
};

static void selects_pods_of_its_namespace(void **state)
{
	(void)state;
	static const struct {
		const char *service, *pods;
	} want[] = {
		{"x/manual", ""},         {"x/nobody", ""},
		{"x/stable", "x/web-1 "}, {"x/web", "x/web-1 x/web-2 "},
		{"y/web", "y/web-3 "},
	};
	struct fixture f;
	fixture_up_all(&f, objects);
	assert_int_equal(f.world->n_services, sizeof(want) / sizeof(want[0]));
	for (uint32_t i = 0; i < f.world->n_services; i++) {
		const struct wr_service *s = &f.world->services[i];
		char name[64] = "", pods[256] = "";
		fixture_add(name, sizeof(name), "%s/%s", s->ns, s->name);
		for (size_t k = 0; k < s->n_pods; k++) {
			const struct wr_pod *pod = &f.world->pods[s->pods[k]];
			fixture_add(pods, sizeof(pods), "%s/%s ", pod->ns, pod->name);
		}
		assert_string_equal(name, want[i].service);
		assert_string_equal(pods, want[i].pods);
		assert_non_null(s->object);
	}
	fixture_down(&f);
}

static void workloads_stand_behind_services(void **state)
{
	(void)state;
	struct fixture f;
	fixture_up(&f, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: "
		       "{replicas: 0, template: {metadata: {labels: {app: web}}}}}\n"
		       "---\n{apiVersion: v1, kind: Service, metadata: {name: s}, spec: "
		       "{selector: {app: web}}}\n");
	assert_int_equal(f.world->services[0].n_pods, 1);
	assert_string_equal(f.world->pods[f.world->services[0].pods[0]].name, "web");
	fixture_down(&f);
}

static void ingresses_find_their_services(void **state)
{
	(void)state;
	struct fixture f;
	fixture_up(&f,
		   "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: a}}\n"
		   "---\n{apiVersion: v1, kind: Service, metadata: {name: api, namespace: a}}\n"
		   "---\n{apiVersion: v1, kind: Service, metadata: {name: web, namespace: b}}\n"
		   "---\n{apiVersion: extensions/v1beta1, kind: Ingress, metadata: {name: old}}\n"
		   "---\n{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i, "
		   "namespace: a}, spec: {ingressClassName: nginx, defaultBackend: {service: "
		   "{name: web, port: {number: 80}}}, rules: [{host: x.org, http: {paths: ["
		   "{backend: {service: {name: api, port: {name: http}}}}, {backend: {resource: "
		   "{}}}, {backend: {service: {name: none, port: {number: 1}}}}]}}, {host: y}]}}");
	assert_int_equal(f.world->n_ingresses, 1);
	const struct wr_ingress *i = &f.world->ingresses[0];
	const struct wr_ingress_object *o = &i->object->ingress;
	assert_string_equal(o->class_name, "nginx");
	assert_int_equal(o->n_backends, 3);
	assert_string_equal(f.world->services[i->services[0]].name, "web");
	assert_string_equal(f.world->services[i->services[0]].ns, "a");
	assert_int_equal(o->backends[0].port, 80);
	assert_null(o->backends[0].host);
	assert_string_equal(f.world->services[i->services[1]].name, "api");
	assert_string_equal(o->backends[1].port_name, "http");
	assert_string_equal(o->backends[1].host, "x.org");
	assert_int_equal(i->services[2], WR_NONE);
	assert_int_equal(wr_world_find_service(f.world, "c", "web"), WR_NONE);
	fixture_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selects_pods_of_its_namespace),
		cmocka_unit_test(ingresses_find_their_services),
		cmocka_unit_test(workloads_stand_behind_services),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
