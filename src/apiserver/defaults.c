/* SPDX-License-Identifier: Apache-2.0 */
/* What a server fills in where the author left it out (k8s.io/kubernetes/pkg/apis/.../defaults.go). */
#include <string.h>

#include "apiserver/definition.h"
#include "apiserver/object.h"

static void want_string(struct wr_call *c, struct wr_value *map, const char *key, const char *text)
{
	if (map && !wr_value_get(map, key))
		wr_tree_set_string(&c->t, map, key, text);
}

static void want_int(struct wr_call *c, struct wr_value *map, const char *key, int64_t n)
{
	if (map && !wr_value_get(map, key))
		wr_tree_set(&c->t, map, key, wr_tree_int(&c->t, n));
}

static size_t length(const struct wr_value *v)
{
	return v && v->type == WR_LIST ? v->n : 0;
}

/* A map under a key, made where nothing is. What is something else stays. */
static struct wr_value *want_map(struct wr_call *c, struct wr_value *map, const char *key)
{
	struct wr_value *v = wr_value_get(map, key);
	return v ? (v->type == WR_MAP ? v : NULL) : wr_tree_want_map(&c->t, map, key);
}

/* protocol: TCP in every item of a list of ports */
static void ports(struct wr_call *c, struct wr_value *list)
{
	for (size_t i = 0; i < length(list); i++)
		if (list->items[i]->type == WR_MAP)
			want_string(c, list->items[i], "protocol", "TCP");
}

/* ---- NetworkPolicy ---- */

/* The server stores no empty lists here, and no empty matchLabels (omitempty in Go). */
static void drop_empty(struct wr_value *v)
{
	size_t kept = 0;
	for (size_t i = 0; v->type == WR_LIST && i < v->n; i++)
		drop_empty(v->items[i]);
	if (v->type != WR_MAP)
		return;
	for (size_t i = 0; i < v->n; i++) {
		struct wr_field f = v->fields[i];
		drop_empty(f.value);
		if (f.value->n || (f.value->type != WR_LIST &&
				   (f.value->type != WR_MAP || strcmp(f.key, "matchLabels") != 0)))
			v->fields[kept++] = f;
	}
	v->n = kept;
}

static void networkpolicy(struct wr_call *c, struct wr_value *o)
{
	static const char *const rules[] = {"ingress", "egress"};
	struct wr_value *spec = want_map(c, o, "spec");
	if (!spec)
		return;
	for (size_t d = 0; d < 2; d++) {
		struct wr_value *list = wr_value_get(spec, rules[d]);
		for (size_t i = 0; i < length(list); i++)
			ports(c, wr_value_get(list->items[i], "ports"));
	}
	drop_empty(spec);
	want_map(c, spec, "podSelector");
	if (wr_value_get(spec, "policyTypes"))
		return;
	struct wr_value *types = wr_tree_list(&c->t);
	wr_tree_push(&c->t, types, wr_tree_string(&c->t, "Ingress"));
	if (length(wr_value_get(spec, "egress")))
		wr_tree_push(&c->t, types, wr_tree_string(&c->t, "Egress"));
	wr_tree_set(&c->t, spec, "policyTypes", types);
}

/* ---- Namespace ---- */

static void namespace(struct wr_call *c, struct wr_value *o)
{
	const char *name = wr_tree_text(o, "metadata.name");
	struct wr_value *meta = wr_value_get(o, "metadata");
	struct wr_value *labels = want_map(c, meta, "labels");
	if (name && *name)
		wr_tree_set_string(&c->t, labels, "kubernetes.io/metadata.name", name);
	struct wr_value *spec = want_map(c, o, "spec");
	if (spec && !wr_value_get(spec, "finalizers")) {
		struct wr_value *list = wr_tree_list(&c->t);
		wr_tree_push(&c->t, list, wr_tree_string(&c->t, "kubernetes"));
		wr_tree_set(&c->t, spec, "finalizers", list);
	}
	want_string(c, want_map(c, o, "status"), "phase", "Active");
}

/* ---- pods and their templates ---- */

static void containers(struct wr_call *c, struct wr_value *list)
{
	for (size_t i = 0; i < length(list); i++) {
		struct wr_value *one = list->items[i];
		if (one->type != WR_MAP)
			continue;
		const char *image = wr_tree_text(one, "image");
		bool tagged = image && strchr(image, ':') && !strstr(image, ":latest");
		ports(c, wr_value_get(one, "ports"));
		want_map(c, one, "resources");
		want_string(c, one, "terminationMessagePath", "/dev/termination-log");
		want_string(c, one, "terminationMessagePolicy", "File");
		want_string(c, one, "imagePullPolicy", tagged ? "IfNotPresent" : "Always");
	}
}

static void pod_spec(struct wr_call *c, struct wr_value *spec)
{
	if (!spec)
		return;
	containers(c, wr_value_get(spec, "containers"));
	containers(c, wr_value_get(spec, "initContainers"));
	want_string(c, spec, "restartPolicy", "Always");
	want_int(c, spec, "terminationGracePeriodSeconds", 30);
	want_string(c, spec, "dnsPolicy", "ClusterFirst");
	want_map(c, spec, "securityContext");
	want_string(c, spec, "schedulerName", "default-scheduler");
}

static void pod(struct wr_call *c, struct wr_value *o)
{
	struct wr_value *spec = want_map(c, o, "spec"), *status = want_map(c, o, "status");
	pod_spec(c, spec);
	if (spec && !wr_value_get(spec, "enableServiceLinks"))
		wr_tree_set(&c->t, spec, "enableServiceLinks", wr_tree_bool(&c->t, true));
	want_string(c, status, "phase", "Pending");
	want_string(c, status, "qosClass", "BestEffort");
}

/* How pods of a changed template replace the others. */
static void update_strategy(struct wr_call *c, struct wr_value *spec)
{
	bool deployment = c->kind == WR_AS_DEPLOYMENTS, daemon = c->kind == WR_AS_DAEMONSETS;
	if (c->kind == WR_AS_REPLICASETS)
		return;
	struct wr_value *s = want_map(c, spec, deployment ? "strategy" : "updateStrategy");
	want_int(c, spec, "revisionHistoryLimit", 10);
	if (deployment)
		want_int(c, spec, "progressDeadlineSeconds", 600);
	else if (!daemon)
		want_string(c, spec, "podManagementPolicy", "OrderedReady");
	want_string(c, s, "type", "RollingUpdate");
	const char *type = s ? wr_tree_text(s, "type") : NULL;
	if (!type || strcmp(type, "RollingUpdate") != 0)
		return;
	struct wr_value *r = want_map(c, s, "rollingUpdate");
	if (deployment) {
		want_string(c, r, "maxUnavailable", "25%");
		want_string(c, r, "maxSurge", "25%");
	} else if (daemon) {
		want_int(c, r, "maxUnavailable", 1);
		want_int(c, r, "maxSurge", 0);
	} else {
		want_int(c, r, "partition", 0);
	}
}

static void workload(struct wr_call *c, struct wr_value *o)
{
	struct wr_value *spec = want_map(c, o, "spec");
	if (!spec)
		return;
	if (c->kind != WR_AS_DAEMONSETS)
		want_int(c, spec, "replicas", 1);
	update_strategy(c, spec);
	struct wr_value *template = wr_value_get(spec, "template");
	if (template && template->type == WR_MAP)
		pod_spec(c, want_map(c, template, "spec"));
	want_map(c, o, "status");
}

/* Jobs and replication controllers have pods too. */
static void other_workload(struct wr_call *c, struct wr_value *o)
{
	struct wr_value *template = wr_tree_at(
		o, c->kind == WR_AS_CRONJOBS ? "spec.jobTemplate.spec.template" : "spec.template");
	if (template && template->type == WR_MAP)
		pod_spec(c, want_map(c, template, "spec"));
	if (c->kind == WR_AS_REPLICATIONCONTROLLERS)
		want_int(c, want_map(c, o, "spec"), "replicas", 1);
	if (c->kind != WR_AS_JOBS)
		return;
	struct wr_value *spec = want_map(c, o, "spec");
	if (spec && !wr_value_get(spec, "completions") && !wr_value_get(spec, "parallelism"))
		want_int(c, spec, "completions", 1);
	want_int(c, spec, "parallelism", 1);
	want_int(c, spec, "backoffLimit", 6);
	want_string(c, spec, "completionMode", "NonIndexed");
	if (spec && !wr_value_get(spec, "suspend"))
		wr_tree_set(&c->t, spec, "suspend", wr_tree_bool(&c->t, false));
}

void wr_object_name_job(struct wr_call *c, struct wr_value *o)
{
	static const char by_uid[] = "batch.kubernetes.io/controller-uid",
			  by_name[] = "batch.kubernetes.io/job-name";
	struct wr_value *spec = want_map(c, o, "spec"), *template = want_map(c, spec, "template"),
			*labels = want_map(c, want_map(c, template, "metadata"), "labels");
	const char *uid = wr_tree_text(o, "metadata.uid"), *name = wr_tree_text(o, "metadata.name");
	struct wr_value *manual = wr_value_get(spec, "manualSelector");
	if (!labels || !uid || !name || (manual && manual->type == WR_BOOL && manual->boolean))
		return;
	want_string(c, want_map(c, want_map(c, spec, "selector"), "matchLabels"), by_uid, uid);
	want_string(c, labels, by_uid, uid);
	want_string(c, labels, "controller-uid", uid);
	want_string(c, labels, by_name, name);
	want_string(c, labels, "job-name", name);
}

/* ---- Service ---- */

/* An address of 10.96.0.0/16 that no Service has, from its uid; "" when none was found. */
static const char *free_address(struct wr_call *c)
{
	for (unsigned i = 1; i < 65535; i++) {
		unsigned n = (unsigned)(c->s->store.rv * 7 + i) % 65534 + 1;
		const char *ip = wr_arena_printf(c->t.arena, "10.96.%u.%u", n / 256, n % 256);
		const char *field = wr_arena_printf(c->t.arena, "\"clusterIP\":\"%s\"",
						    ip ? ip : "");
		bool taken = false;
		c->t.nomem |= !ip || !field;
		if (c->t.nomem)
			return "";
		for (size_t k = 0; k < c->s->store.items[WR_AS_SERVICES].n && !taken; k++)
			taken = strstr(c->s->store.items[WR_AS_SERVICES].items[k].blob->text,
				       field);
		if (!taken)
			return ip;
	}
	return "";
}

static void cluster_ip(struct wr_call *c, struct wr_value *spec)
{
	struct wr_value *ips = wr_tree_list(&c->t);
	const char *ip = wr_tree_text(spec, "clusterIP");
	if (!ip || !*ip)
		wr_tree_set_string(&c->t, spec, "clusterIP", free_address(c));
	if (wr_value_get(spec, "clusterIPs"))
		return;
	wr_tree_push(&c->t, ips, wr_tree_string(&c->t, wr_tree_text(spec, "clusterIP")));
	wr_tree_set(&c->t, spec, "clusterIPs", ips);
}

/* One family, where nobody asked for another: the one that addresses are given from. */
static void ip_families(struct wr_call *c, struct wr_value *spec)
{
	const char *ip = wr_tree_text(spec, "clusterIP");
	struct wr_value *families = wr_tree_list(&c->t);
	if (wr_value_get(spec, "ipFamilies") || wr_value_get(spec, "ipFamilyPolicy") || !ip ||
	    strchr(ip, ':'))
		return;
	wr_tree_push(&c->t, families, wr_tree_string(&c->t, "IPv4"));
	wr_tree_set(&c->t, spec, "ipFamilies", families);
	wr_tree_set_string(&c->t, spec, "ipFamilyPolicy", "SingleStack");
}

static void service(struct wr_call *c, struct wr_value *o)
{
	struct wr_value *spec = want_map(c, o, "spec");
	struct wr_value *list = wr_value_get(spec, "ports");
	if (!spec)
		return;
	want_string(c, spec, "type", "ClusterIP");
	want_string(c, spec, "sessionAffinity", "None");
	ports(c, list);
	for (size_t i = 0; i < length(list); i++)
		if (list->items[i]->type == WR_MAP && !wr_value_get(list->items[i], "targetPort"))
			wr_tree_set(&c->t, list->items[i], "targetPort",
				    wr_value_get(list->items[i], "port"));
	const char *type = wr_tree_text(spec, "type");
	if (type && strcmp(type, "ExternalName") != 0) {
		want_string(c, spec, "internalTrafficPolicy", "Cluster");
		cluster_ip(c, spec);
		ip_families(c, spec);
	}
	want_map(c, want_map(c, o, "status"), "loadBalancer");
}

static void ingress(struct wr_call *c, struct wr_value *o)
{
	want_map(c, want_map(c, o, "status"), "loadBalancer");
}

void wr_object_default(struct wr_call *c, struct wr_value *o)
{
	if (c->kind == WR_AS_NETWORKPOLICIES)
		networkpolicy(c, o);
	else if (c->kind == WR_AS_NAMESPACES)
	namespace(c, o);
	else if (c->kind == WR_AS_PODS) pod(c, o);
	else if (c->kind >= WR_AS_DEPLOYMENTS && c->kind <= WR_AS_DAEMONSETS) workload(c, o);
	else if (c->kind == WR_AS_JOBS || c->kind == WR_AS_CRONJOBS ||
		 c->kind == WR_AS_REPLICATIONCONTROLLERS) other_workload(c, o);
	else if (c->kind == WR_AS_SERVICES) service(c, o);
	else if (c->kind == WR_AS_INGRESSES) ingress(c, o);
	else if (c->kind == WR_AS_CUSTOMRESOURCEDEFINITIONS) wr_definition_default(c, o);
}
