/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that were made small mean the same: the worlds of many manifests,
 * once of the decoder's objects and once of their copies (the decoder's memory
 * is gone by then), allow the same connections. What they share is shared, and
 * what is a change of an object and what is none is told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/decode.h"
#include "engine/connectivity.h"
#include "engine/program.h"
#include "input/input.h"
#include "kube/internal.h"

static int n_folders;
static char **folders;

/* All connections and all policies of a set of objects, as one text. */
static char *meaning(const struct wr_objects *objects)
{
	struct wr_diags *diags = wr_diags_new();
	struct wr_world *w = NULL;
	struct wr_program *p = NULL;
	struct wr_connectivity *c = NULL;
	char *text = NULL;
	size_t size;
	if (wr_world_new(objects, diags, &w) < 0 ||
	    wr_compile(w, &(struct wr_compile_opts){0}, &p) < 0 ||
	    wr_connectivity_new(p, &c) < 0) {
		wr_diags_free(diags);
		wr_program_unref(p);
		wr_world_unref(w);
		return NULL;
	}
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	uint32_t n;
	const struct wr_conn_node *nodes = wr_connectivity_nodes(c, &n);
	for (uint32_t i = 0; i < n; i++)
		fprintf(f, "%s\n", nodes[i].text);
	uint64_t edges;
	const struct wr_conn_edge *e = wr_connectivity_edges(c, &edges);
	for (uint64_t i = 0; i < edges; i++)
		fprintf(f, "%u %u %s\n", e[i].src, e[i].dst,
			wr_connectivity_ports_text(c, e[i].ports));
	for (uint32_t i = 0; i < w->n_pods; i++)
		fprintf(f, "pod %s/%s %s %s %zu labels %zu ports %zu ips\n", w->pods[i].ns,
			w->pods[i].name, w->pods[i].owner_kind ? w->pods[i].owner_kind : "",
			w->pods[i].owner_name ? w->pods[i].owner_name : "", w->pods[i].n_labels,
			w->pods[i].n_ports, w->pods[i].n_ips);
	for (uint32_t i = 0; i < w->n_policies; i++) {
		char title[WR_POLICY_TITLE];
		fprintf(f, "policy %s\n", wr_policy_title(&w->policies[i], title));
	}
	fclose(f);
	wr_connectivity_free(c);
	wr_program_unref(p);
	wr_world_unref(w);
	wr_diags_free(diags);
	return text;
}

/* Copies all; the pool goes before what is in it does. */
static void copy_all(const struct wr_objects *from, struct wr_object **items)
{
	struct wr_kube_pool *pool = wr_kube_pool_new();
	assert_non_null(pool);
	for (size_t i = 0; i < from->n; i++) {
		const struct wr_object *o = from->items[i];
		size_t size;
		items[i] = wr_kube_compact(o, 0, pool, &size);
		assert_non_null(items[i]);
		assert_null(items[i]->value);
		assert_true(size < 100000);
		assert_true(wr_kube_same(o, items[i]));
		for (size_t k = 0; k < i; k++)
			assert_false(wr_kube_same(o, items[k]));
	}
	wr_kube_pool_unref(pool);
}

static bool one_file(const char *path)
{
	struct wr_diags *diags = wr_diags_new();
	struct wr_input *in = wr_input_new(NULL);
	struct wr_arena *arena = wr_arena_new();
	struct wr_objects objects, copies = {0};
	char *before = NULL, *after = NULL;
	bool good = !wr_input_path(in, path, diags) && !wr_decode(in, arena, diags, &objects) &&
		    objects.n && (before = meaning(&objects));
	size_t n = good ? objects.n : 0;
	struct wr_object **items = calloc(n + 1, sizeof(*items));
	if (good)
		copy_all(&objects, items);
	wr_arena_free(arena);
	wr_input_free(in);
	wr_diags_free(diags);
	if (good) {
		copies.items = items;
		copies.n = n;
		after = meaning(&copies);
		assert_non_null(after);
		assert_string_equal(before, after);
	}
	for (size_t i = 0; i < n; i++) {
		wr_kube_compact_release(items[i]);
		free(items[i]);
	}
	free(items);
	free(before);
	free(after);
	return good;
}

static void same_meaning(void **state)
{
	(void)state;
	unsigned good = 0;
	for (int i = 0; i < n_folders; i++) {
		DIR *dir = opendir(folders[i]);
		assert_non_null(dir);
		for (struct dirent *e; (e = readdir(dir));) {
			char path[4096];
			snprintf(path, sizeof(path), "%s/%s", folders[i], e->d_name);
			if (strstr(e->d_name, ".yaml") && !strstr(e->d_name, ".tests."))
				good += one_file(path);
		}
		closedir(dir);
	}
	assert_true(good > 15);
}

static struct wr_label *get(struct wr_kube_pool *p, const char *key, const char *value)
{
	struct wr_label l = {.key = key, .value = value};
	struct wr_label *set = wr_kube_share_labels(p, &l, 1);
	assert_non_null(set);
	return set;
}

static void label_sets_are_shared(void **state)
{
	(void)state;
	struct wr_kube_pool *p = wr_kube_pool_new();
	size_t empty = wr_kube_pool_size(p);
	struct wr_label *a = get(p, "a", "b"), *same = get(p, "a", "b"), *other = get(p, "a", "c"),
			*shifted = get(p, "ab", "");
	assert_ptr_equal(a, same);
	assert_ptr_not_equal(a, other);
	assert_ptr_not_equal(a, shifted);
	assert_ptr_equal(a->key, other->key);
	assert_string_equal(other->value, "c");
	wr_kube_unshare(a);
	assert_string_equal(same->value, "b");
	wr_kube_unshare(same);
	wr_kube_unshare(shifted);
	struct wr_label *many[500];
	for (unsigned i = 0; i < 500; i++) {
		char value[16];
		snprintf(value, sizeof(value), "%u", i);
		many[i] = get(p, "k", value);
	}
	for (unsigned i = 0; i < 500; i += 2)
		wr_kube_unshare(many[i]);
	for (unsigned i = 1; i < 500; i += 2) {
		char value[16];
		snprintf(value, sizeof(value), "%u", i);
		struct wr_label *again = get(p, "k", value);
		assert_ptr_equal(again, many[i]);
		wr_kube_unshare(again);
		wr_kube_unshare(again);
	}
	wr_kube_unshare(other);
	assert_true(wr_kube_pool_size(p) < empty + 20000);
	struct wr_label *last = get(p, "a", "b");
	wr_kube_pool_unref(p);
	wr_kube_unshare(last); /* the last one takes the pool along */
}

static void ports_and_bytes_are_shared(void **state)
{
	(void)state;
	struct wr_kube_pool *p = wr_kube_pool_new();
	size_t empty = wr_kube_pool_size(p);
	struct wr_container_port ports[] = {{.name = "dns", .port = 53, .proto = WR_UDP},
					    {.port = 53, .proto = WR_TCP, .mark = {NULL, 7, 8}}};
	struct wr_container_port *a = wr_kube_share_ports(p, ports, 2),
				 *shorter = wr_kube_share_ports(p, ports, 1);
	ports[1].mark.line = 9;
	struct wr_container_port *same = wr_kube_share_ports(p, ports, 2);
	ports[1].proto = WR_SCTP;
	struct wr_container_port *other = wr_kube_share_ports(p, ports, 2);
	assert_ptr_equal(a, same);
	assert_ptr_not_equal(a, other);
	assert_ptr_not_equal(a, shorter);
	assert_string_equal(a[0].name, "dns");
	assert_null(a[1].name);
	const char *text = wr_kube_share_text(p, "dns");
	assert_ptr_equal(text, a[0].name);
	assert_null(wr_kube_share_text(p, NULL));
	wr_kube_unshare(text);
	wr_kube_unshare(a);
	wr_kube_unshare(same);
	wr_kube_unshare(other);
	wr_kube_unshare(shorter);
	assert_int_equal(wr_kube_pool_size(p), empty);
	wr_kube_pool_unref(p);
}

/* Whether an object and its copy are the same after one text in its JSON was replaced. */
static bool same_after(const char *json, const char *from, const char *to)
{
	struct wr_diags *diags = wr_diags_new();
	struct wr_arena *arena = wr_arena_new();
	struct wr_kube_pool *pool = wr_kube_pool_new();
	struct wr_object *o[2] = {NULL};
	char text[4096];
	size_t size;
	const char *at = strstr(json, from);
	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - json), json, to, at + strlen(from));
	for (int i = 0; i < 2; i++) {
		struct wr_value *v;
		const char *source = i ? text : json;
		assert_int_equal(wr_json_parse(arena, source, strlen(source),
					       (struct wr_mark){i ? "b" : "a", 1, 1}, &v, NULL),
				 0);
		assert_int_equal(wr_decode_value(v, NULL, arena, diags, &o[i]), 0);
		assert_non_null(o[i]);
	}
	struct wr_object *copy = wr_kube_compact(o[0], 0, pool, &size);
	assert_non_null(copy);
	bool same = wr_kube_same(copy, o[1]);
	assert_int_equal(wr_kube_same(o[1], copy), same);
	wr_kube_compact_release(copy);
	free(copy);
	wr_kube_pool_unref(pool);
	wr_arena_free(arena);
	wr_diags_free(diags);
	return same;
}

#define META "\"metadata\":{\"name\":\"n\",\"labels\":{\"a\":\"b\"},\"annotations\":{\"x\":\"y\"}}"
static const char *const pod =
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\","
	"\"labels\":{\"a\":\"b\",\"c\":\"d\"},\"annotations\":{\"x\":\"y\"},\"ownerReferences\":["
	"{\"kind\":\"ReplicaSet\",\"name\":\"r\",\"controller\":true}]},\"spec\":{\"nodeName\":"
	"\"n1\","
	"\"hostNetwork\":false,\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"ports\":["
	"{\"name\":\"http\",\"containerPort\":80,\"protocol\":\"TCP\"}]}]},\"status\":{"
	"\"phase\":\"Running\",\"podIP\":\"10.0.0.1\",\"hostIP\":\"10.1.0.1\",\"conditions\":["
	"{\"type\":\"Ready\"}]}}";
static const char *const node =
	"{\"apiVersion\":\"v1\",\"kind\":\"Node\"," META ",\"spec\":{\"podCIDR\":\"10.0.0.0/24\"},"
	"\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.1.0.1\"}],"
	"\"conditions\":[{\"type\":\"Ready\"}]}}";
static const char *const policy =
	"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\"," META ",\"spec\":{"
	"\"podSelector\":{\"matchLabels\":{\"app\":\"web\"}},\"policyTypes\":[\"Ingress\"],"
	"\"ingress\":[{\"from\":[{\"ipBlock\":{\"cidr\":\"10.0.0.0/8\",\"except\":[\"10.1.0.0/"
	"16\"]}},"
	"{\"podSelector\":{\"matchExpressions\":[{\"key\":\"k\",\"operator\":\"In\",\"values\":"
	"[\"v\",\"w\"]}]}}],\"ports\":[{\"protocol\":\"TCP\",\"port\":80,\"endPort\":90}]}]}}";
static const char *const cluster_policy =
	"{\"apiVersion\":\"policy.networking.k8s.io/"
	"v1alpha2\",\"kind\":\"ClusterNetworkPolicy\"," META
	",\"spec\":{\"tier\":\"Admin\",\"priority\":7,\"subject\":{\"namespaces\":{\"matchLabels\":"
	"{\"env\":\"prod\"}}},\"ingress\":[{\"name\":\"first\",\"action\":\"Deny\",\"from\":["
	"{\"pods\":{\"namespaceSelector\":{},\"podSelector\":{\"matchLabels\":{\"app\":\"db\"}}}}]}"
	"]},"
	"\"status\":{\"conditions\":[{\"type\":\"Accepted\",\"status\":\"True\","
	"\"reason\":\"Ok\",\"message\":\"m\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}";
static const char *const service =
	"{\"apiVersion\":\"v1\",\"kind\":\"Service\"," META ",\"spec\":{\"type\":\"NodePort\","
	"\"clusterIP\":\"10.2.0.1\",\"selector\":{\"app\":\"web\"},\"ports\":[{\"name\":\"http\","
	"\"port\":80,\"targetPort\":8080,\"nodePort\":30080}]}}";
static const char *const deployment =
	"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\"," META ",\"spec\":{\"replicas\":2,"
	"\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":["
	"{\"name\":\"c\",\"image\":\"i\",\"ports\":[{\"containerPort\":80}]}]}}},"
	"\"status\":{\"readyReplicas\":1}}";
static const char *const ingress =
	"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\"," META ",\"spec\":{"
	"\"ingressClassName\":\"nginx\",\"defaultBackend\":{\"service\":{\"name\":\"s\",\"port\":"
	"{\"number\":80}}}}}";
static const char *const namespace = "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\"," META
				     ",\"status\":{\"phase\":\"Active\"}}";

static void heartbeats_change_nothing(void **state)
{
	(void)state;
	const struct {
		const char *json, *from, *to;
	} all[] = {
		{pod, "\"x\":\"y\"", "\"x\":\"z\""},
		{pod, "\"type\":\"Ready\"", "\"type\":\"Ready\",\"status\":\"False\""},
		{pod, "\"image\":\"i\"", "\"image\":\"j\""},
		{pod, "Running", "Pending"},
		{pod, "\"conditions\"", "\"podIPs\":[{\"ip\":\"10.0.0.1\"}],\"conditions\""},
		{pod, "\"a\":\"b\",\"c\":\"d\"", "\"c\":\"d\",\"a\":\"b\""},
		{pod, "{\"apiVersion\"", "\n\n{\"apiVersion\""},
		{node, "\"type\":\"Ready\"", "\"type\":\"Ready\",\"lastHeartbeatTime\":\"now\""},
		{namespace, "Active", "Terminating"},
		{policy, "\"x\":\"y\"", "\"x\":\"z\""},
		{cluster_policy, "\"x\":\"y\"", "\"x\":\"z\""},
		{cluster_policy, "\"reason\":\"Ok\"", "\"reason\":\"Other\""},
		{deployment, "\"readyReplicas\":1", "\"readyReplicas\":2"},
		{service, "\"x\":\"y\"", "\"x\":\"z\""},
		{ingress, "\"x\":\"y\"", "\"x\":\"z\""},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!same_after(all[i].json, all[i].from, all[i].to))
			fail_msg("%s instead of %s is told as a change", all[i].to, all[i].from);
}

static void changes_are_seen(void **state)
{
	(void)state;
	const struct {
		const char *json, *from, *to;
	} all[] = {
		{pod, "\"a\":\"b\"", "\"a\":\"c\""},
		{pod, "\"a\":\"b\"", "\"ab\":\"b\""},
		{pod, ",\"c\":\"d\"", ""},
		{pod, "\"name\":\"r\"", "\"name\":\"q\""},
		{pod, "ReplicaSet", "Job"},
		{pod, "\"controller\":true", "\"controller\":false"},
		{pod, "\"n1\"", "\"n2\""},
		{pod, "\"nodeName\":\"n1\",", ""},
		{pod, "\"hostNetwork\":false", "\"hostNetwork\":true"},
		{pod, "\"http\"", "\"https\""},
		{pod, "\"name\":\"http\",", ""},
		{pod, "80", "81"},
		{pod, "\"TCP\"", "\"UDP\""},
		{pod, "\"protocol\":\"TCP\"}", "\"protocol\":\"TCP\"},{\"containerPort\":9}"},
		{pod, "Running", "Succeeded"},
		{pod, "Running", "Failed"},
		{pod, "10.0.0.1", "10.0.0.2"},
		{pod, "\"podIP\":\"10.0.0.1\",", ""},
		{pod, "10.1.0.1", "10.1.0.2"},
		{pod, "\"conditions\"", "\"podIPs\":[{\"ip\":\"fd00::1\"}],\"conditions\""},
		{node, "10.0.0.0/24", "10.0.0.0/25"},
		{node, "10.1.0.1", "fd00::1"},
		{node, "\"a\":\"b\"", "\"a\":\"\""},
		{namespace, "\"a\":\"b\"", ""},
		{policy, "\"web\"", "\"api\""},
		{policy, "[\"Ingress\"]", "[\"Ingress\",\"Egress\"]"},
		{policy, "10.0.0.0/8", "10.0.0.0/9"},
		{policy, ",\"except\":[\"10.1.0.0/16\"]", ""},
		{policy, "10.1.0.0/16", "10.2.0.0/16"},
		{policy, "{\"podSelector\":{\"matchExpr", "{\"namespaceSelector\":{\"matchExpr"},
		{policy, "{\"podSelector\":{\"matchExpr",
		 "{\"namespaceSelector\":{},\"podSelector\":{\"matchExpr"},
		{policy, "\"In\"", "\"NotIn\""},
		{policy, "\"w\"", "\"x\""},
		{policy, ",\"w\"", ""},
		{policy, "\"port\":80", "\"port\":81"},
		{policy, ",\"endPort\":90", ""},
		{policy, "80,\"endPort\":90", "\"http\""},
		{policy, "\"TCP\"", "\"SCTP\""},
		{policy, ",\"ports\"", "},{\"ports\""},
		{cluster_policy, "Admin", "Baseline"},
		{cluster_policy, "7", "8"},
		{cluster_policy, "prod", "dev"},
		{cluster_policy, "Deny", "Accept"},
		{cluster_policy, "first", "second"},
		{cluster_policy, "db", "web"},
		{cluster_policy, "{\"namespaceSelector\":{}",
		 "{\"namespaceSelector\":{\"matchLabels\":"
		 "{\"a\":\"b\"}}"},
		{service, "8080", "8081"},
		{service, "\"app\":\"web\"", ""},
		{service, "NodePort", "ClusterIP"},
		{service, "10.2.0.1", "None"},
		{service, "30080", "30081"},
		{deployment, "\"replicas\":2", "\"replicas\":3"},
		{deployment, "\"app\":\"web\"", "\"app\":\"api\""},
		{deployment, "80", "81"},
		{ingress, "nginx", "haproxy"},
		{ingress, "80", "81"},
		{ingress, "\"s\"", "\"t\""},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (same_after(all[i].json, all[i].from, all[i].to))
			fail_msg("%s instead of %s is no change", all[i].to, all[i].from);
}

static struct wr_object *decoded(struct wr_arena *arena, struct wr_diags *diags, const char *json,
				 const struct wr_json_want *want)
{
	struct wr_value *v;
	struct wr_object *o = NULL;
	assert_int_equal(wr_json_parse_wanted(arena, json, strlen(json),
					      (struct wr_mark){"f", 1, 1}, want, &v, NULL),
			 0);
	assert_int_equal(wr_decode_value(v, NULL, arena, diags, &o), 0);
	assert_non_null(o);
	return o;
}

/* Of what a store reads of an object the same is decoded as of the whole. */
static void enough_is_wanted(void **state)
{
	(void)state;
	static const char *const full_pod =
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
		"\"namespace\":\"ns\",\"uid\":\"u\",\"managedFields\":[{\"a\":{}}],\"labels\":"
		"{\"a\":\"b\"},\"ownerReferences\":[{\"kind\":\"X\",\"name\":\"x\"},"
		"{\"uid\":\"u\",\"kind\":\"Job\",\"name\":\"j\",\"controller\":true}]},\"spec\":{"
		"\"volumes\":[{}],\"hostNetwork\":true,\"nodeName\":\"n\",\"initContainers\":["
		"{\"name\":\"i\",\"ports\":[{\"containerPort\":1}]},{\"name\":\"s\","
		"\"restartPolicy\":\"Always\",\"ports\":[{\"containerPort\":2,\"name\":\"two\"}]}],"
		"\"containers\":[{\"env\":[{\"name\":\"ports\"}],\"ports\":[{\"containerPort\":3,"
		"\"protocol\":\"UDP\"}]}]},\"status\":{\"conditions\":[{}],\"phase\":\"Failed\","
		"\"hostIP\":\"10.0.0.1\",\"hostIPs\":[{\"ip\":\"fd00::1\"}],\"podIP\":\"10.1.0.1\","
		"\"podIPs\":[{\"ip\":\"10.1.0.1\"},{\"ip\":\"fd00::2\"}]}}";
	static const char *const full_node =
		"{\"apiVersion\":\"v1\",\"kind\":\"Node\"," META ",\"spec\":{\"providerID\":\"x\","
		"\"podCIDR\":\"10.0.0.0/24\",\"podCIDRs\":[\"10.0.0.0/24\",\"fd00::/64\"]},"
		"\"status\":{\"images\":[{}],\"addresses\":[{\"type\":\"InternalIP\",\"address\":"
		"\"10.1.0.1\"},{\"type\":\"Hostname\",\"address\":\"n\"}]}}";
	const char *const all[] = {full_pod, pod, full_node, node, namespace, policy};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct wr_diags *diags = wr_diags_new();
		struct wr_arena *arena = wr_arena_new();
		struct wr_object *whole = decoded(arena, diags, all[i], NULL),
				 *part = decoded(arena, diags, all[i], wr_kube_wanted(whole->kind));
		assert_true(wr_kube_same(whole, part));
		if (all[i] == full_pod) {
			assert_int_equal(part->pod.spec.n_ports, 2);
			assert_int_equal(part->pod.n_ips, 2);
			assert_int_equal(part->pod.n_host_ips, 2);
			assert_string_equal(part->meta.owner_name, "j");
			assert_null(wr_value_get(wr_value_get(part->value, "spec"), "volumes"));
		}
		wr_arena_free(arena);
		wr_diags_free(diags);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_meaning),
		cmocka_unit_test(label_sets_are_shared),
		cmocka_unit_test(ports_and_bytes_are_shared),
		cmocka_unit_test(heartbeats_change_nothing),
		cmocka_unit_test(changes_are_seen),
		cmocka_unit_test(enough_is_wanted),
	};
	n_folders = argc - 1;
	folders = argv + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
