/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apiserver/cells.h"

struct column {
	const char *name; /* NULL ends a table */
	struct wr_value *(*cell)(struct wr_tree *t, const struct wr_value *o);
	const char *type; /* NULL: string */
	bool wide;
};

/* ---- cells that many kinds have ---- */

static struct wr_value *name(struct wr_tree *t, const struct wr_value *o)
{
	const char *s = wr_tree_text(o, "metadata.name");
	return wr_tree_string(t, s ? s : "");
}

const char *wr_columns_duration(int64_t s, char buf[32])
{
	/* k8s.io/apimachinery/pkg/util/duration: HumanDuration */
	int64_t m = s / 60, h = m / 60, d = h / 24, y = d / 365;
	long long a, b = 0;
	const char *fmt = "%llds";
	if (s < 0) {
		a = 0;
	} else if (s < 120) {
		a = s;
	} else if (m < 10) {
		a = m, b = s % 60, fmt = b ? "%lldm%llds" : "%lldm";
	} else if (m < 180) {
		a = m, fmt = "%lldm";
	} else if (h < 8) {
		a = h, b = m % 60, fmt = b ? "%lldh%lldm" : "%lldh";
	} else if (h < 48) {
		a = h, fmt = "%lldh";
	} else if (h < 192) {
		a = d, b = h % 24, fmt = b ? "%lldd%lldh" : "%lldd";
	} else if (d < 730) {
		a = d, fmt = "%lldd";
	} else if (d < 2920) {
		a = y, b = d % 365, fmt = b ? "%lldy%lldd" : "%lldy";
	} else {
		a = y, fmt = "%lldy";
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(buf, 32, fmt, a, b);
#pragma GCC diagnostic pop
	return buf;
}

static struct wr_value *since(struct wr_tree *t, const struct wr_value *o, const char *path)
{
	char buf[32];
	struct tm tm = {0};
	const char *s = wr_tree_text(o, path);
	if (!s || !strptime(s, "%Y-%m-%dT%H:%M:%S", &tm))
		return wr_tree_string(t, "<unknown>");
	return wr_tree_string(t, wr_columns_duration(time(NULL) - timegm(&tm), buf));
}

static struct wr_value *age(struct wr_tree *t, const struct wr_value *o)
{
	return since(t, o, "metadata.creationTimestamp");
}

static struct wr_value *job_status(struct wr_tree *t, const struct wr_value *o)
{
	static const char *const ends[] = {"Complete", "Failed", "Suspended"};
	const struct wr_value *list = wr_tree_at(o, "status.conditions");
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n; i++) {
		const char *type = wr_tree_text(list->items[i], "type"),
			   *status = wr_tree_text(list->items[i], "status");
		for (size_t e = 0; type && status && e < sizeof(ends) / sizeof(ends[0]); e++)
			if (!strcmp(type, ends[e]) && !strcmp(status, "True"))
				return wr_tree_string(t, type);
	}
	return wr_tree_string(t, "Running");
}

static struct wr_value *job_duration(struct wr_tree *t, const struct wr_value *o)
{
	char buf[32];
	struct tm from = {0}, to = {0};
	const char *start = wr_tree_text(o, "status.startTime"),
		   *end = wr_tree_text(o, "status.completionTime");
	if (!start || !strptime(start, "%Y-%m-%dT%H:%M:%S", &from))
		return wr_tree_string(t, "");
	if (!end)
		return since(t, o, "status.startTime");
	if (!strptime(end, "%Y-%m-%dT%H:%M:%S", &to))
		return wr_tree_string(t, "");
	return wr_tree_string(t, wr_columns_duration(timegm(&to) - timegm(&from), buf));
}

static struct wr_value *last_seen(struct wr_tree *t, const struct wr_value *o)
{
	return since(t, o, "lastTimestamp");
}

static struct wr_value *created(struct wr_tree *t, const struct wr_value *o)
{
	return wr_tree_string(t, wr_tree_text(o, "metadata.creationTimestamp"));
}

static struct wr_value *text_at(struct wr_tree *t, const struct wr_value *o, const char *path,
				const char *none)
{
	const struct wr_value *v = wr_tree_at(o, path);
	return wr_tree_string(t, v && v->text && *v->text ? v->text : none);
}

/* A field as it is, by macro: one function each, for the tables. */
#define FIELD(fn, path, none)                                                   \
	static struct wr_value *fn(struct wr_tree *t, const struct wr_value *o) \
	{                                                                       \
		return text_at(t, o, path, none);                               \
	}
#define NUMBER(fn, path, none)                                                  \
	static struct wr_value *fn(struct wr_tree *t, const struct wr_value *o) \
	{                                                                       \
		return wr_tree_int(t, wr_tree_number(o, path, none));           \
	}
#define RATIO(fn, path, of)                                                                  \
	static struct wr_value *fn(struct wr_tree *t, const struct wr_value *o)              \
	{                                                                                    \
		return wr_tree_printf(t, "%lld/%lld", (long long)wr_tree_number(o, path, 0), \
				      (long long)wr_tree_number(o, of, 1));                  \
	}
FIELD(phase, "status.phase", "")
FIELD(version, "status.nodeInfo.kubeletVersion", "<unknown>")
FIELD(os_image, "status.nodeInfo.osImage", "<unknown>")
FIELD(kernel, "status.nodeInfo.kernelVersion", "<unknown>")
FIELD(runtime, "status.nodeInfo.containerRuntimeVersion", "<unknown>")
FIELD(pod_ip, "status.podIP", "<none>")
FIELD(pod_node, "spec.nodeName", "<none>")
FIELD(nominated, "status.nominatedNodeName", "<none>")
FIELD(service_type, "spec.type", "ClusterIP")
FIELD(cluster_ip, "spec.clusterIP", "<none>")
FIELD(address_type, "addressType", "<unset>")
FIELD(secret_type, "type", "Opaque")
FIELD(event_type, "type", "")
FIELD(event_reason, "reason", "")
FIELD(event_message, "message", "")
FIELD(ingress_class, "spec.ingressClassName", "<none>")
FIELD(role, "roleRef.name", "")
FIELD(schedule, "spec.schedule", "")
FIELD(zone, "spec.timeZone", "<none>")
FIELD(suspend, "spec.suspend", "False")
RATIO(completions, "status.succeeded", "spec.completions")
NUMBER(up_to_date, "status.updatedReplicas", 0)
NUMBER(available, "status.availableReplicas", 0)
NUMBER(desired, "spec.replicas", 1)
NUMBER(current, "status.replicas", 0)
NUMBER(ready, "status.readyReplicas", 0)
NUMBER(ds_desired, "status.desiredNumberScheduled", 0)
NUMBER(ds_current, "status.currentNumberScheduled", 0)
NUMBER(ds_ready, "status.numberReady", 0)
NUMBER(ds_updated, "status.updatedNumberScheduled", 0)
NUMBER(ds_available, "status.numberAvailable", 0)
RATIO(ready_of, "status.readyReplicas", "spec.replicas")

static struct wr_value *count_of(struct wr_tree *t, const struct wr_value *v)
{
	return wr_tree_int(t, v && (v->type == WR_MAP || v->type == WR_LIST) ? (int64_t)v->n : 0);
}

static struct wr_value *data(struct wr_tree *t, const struct wr_value *o)
{
	return count_of(t, wr_tree_at(o, "data"));
}

static struct wr_value *secrets(struct wr_tree *t, const struct wr_value *o)
{
	return count_of(t, wr_tree_at(o, "secrets"));
}

/* ---- the tables ---- */

#define NAME                 \
	{                    \
		"Name", name \
	}
#define AGE                \
	{                  \
		"Age", age \
	}
#define CONTAINERS                                        \
	{"Containers", wr_cell_containers, .wide = true}, \
	{                                                 \
		"Images", wr_cell_images, .wide = true    \
	}
#define SELECTOR                                           \
	{                                                  \
		"Selector", wr_cell_selector, .wide = true \
	}

static const struct column namespaces[] = {NAME, {"Status", phase}, AGE, {0}};
static const struct column pods[] = {
	NAME,
	{"Ready", wr_cell_pod_ready},
	{"Status", wr_cell_pod_status},
	{"Restarts", wr_cell_pod_restarts},
	AGE,
	{"IP", pod_ip, .wide = true},
	{"Node", pod_node, .wide = true},
	{"Nominated Node", nominated, .wide = true},
	{"Readiness Gates", wr_cell_none, .wide = true},
	{0},
};
static const struct column nodes[] = {
	NAME,
	{"Status", wr_cell_node_status},
	{"Roles", wr_cell_node_roles},
	AGE,
	{"Version", version},
	{"Internal-IP", wr_cell_internal_ip, .wide = true},
	{"External-IP", wr_cell_external_ip, .wide = true},
	{"OS-Image", os_image, .wide = true},
	{"Kernel-Version", kernel, .wide = true},
	{"Container-Runtime", runtime, .wide = true},
	{0},
};
static const struct column services[] = {
	NAME,
	{"Type", service_type},
	{"Cluster-IP", cluster_ip},
	{"External-IP", wr_cell_external},
	{"Port(s)", wr_cell_service_ports},
	AGE,
	{"Selector", wr_cell_plain_selector, .wide = true},
	{0},
};
static const struct column endpoints[] = {NAME, {"Endpoints", wr_cell_endpoints}, AGE, {0}};
static const struct column serviceaccounts[] = {NAME, {"Secrets", secrets, "integer"}, AGE, {0}};
static const struct column configmaps[] = {NAME, {"Data", data, "integer"}, AGE, {0}};
static const struct column secret_columns[] = {
	NAME, {"Type", secret_type}, {"Data", data, "integer"}, AGE, {0}};
static const struct column events[] = {{"Last Seen", last_seen},   {"Type", event_type},
				       {"Reason", event_reason},   {"Object", wr_cell_involved},
				       {"Message", event_message}, {0}};
static const struct column deployments[] = {
	NAME,
	{"Ready", ready_of},
	{"Up-to-date", up_to_date, "integer"},
	{"Available", available, "integer"},
	AGE,
	CONTAINERS,
	SELECTOR,
	{0},
};
static const struct column replicasets[] = {
	NAME,
	{"Desired", desired, "integer"},
	{"Current", current, "integer"},
	{"Ready", ready, "integer"},
	AGE,
	CONTAINERS,
	SELECTOR,
	{0},
};
static const struct column jobs[] = {NAME,
				     {"Status", job_status},
				     {"Completions", completions},
				     {"Duration", job_duration},
				     AGE,
				     CONTAINERS,
				     {0}};
static const struct column cronjobs[] = {
	NAME, {"Schedule", schedule}, {"Timezone", zone}, {"Suspend", suspend}, AGE, {0}};
static const struct column controllers[] = {
	NAME,
	{"Desired", desired, "integer"},
	{"Current", current, "integer"},
	{"Ready", ready, "integer"},
	AGE,
	CONTAINERS,
	{"Selector", wr_cell_plain_selector, .wide = true},
	{0},
};
static const struct column bindings[] = {NAME, {"Role", role}, AGE, {0}};
static const struct column plain[] = {NAME, AGE, {0}};
static const struct column statefulsets[] = {NAME, {"Ready", ready_of}, AGE, CONTAINERS, {0}};
static const struct column daemonsets[] = {
	NAME,
	{"Desired", ds_desired, "integer"},
	{"Current", ds_current, "integer"},
	{"Ready", ds_ready, "integer"},
	{"Up-to-date", ds_updated, "integer"},
	{"Available", ds_available, "integer"},
	{"Node Selector", wr_cell_node_selector},
	AGE,
	CONTAINERS,
	SELECTOR,
	{0},
};
static const struct column endpointslices[] = {
	NAME,
	{"AddressType", address_type},
	{"Ports", wr_cell_slice_ports},
	{"Endpoints", wr_cell_slice_endpoints},
	AGE,
	{0},
};
static const struct column ingresses[] = {
	NAME,
	{"Class", ingress_class},
	{"Hosts", wr_cell_hosts},
	{"Address", wr_cell_balancer},
	{"Ports", wr_cell_ingress_ports},
	AGE,
	{0},
};
static const struct column networkpolicies[] = {
	NAME, {"Pod-Selector", wr_cell_pod_selector}, AGE, {0}};
static const struct column crds[] = {NAME, {"Created At", created}, {0}};

static const struct column *const tables[WR_AS_RESOURCES] = {
	[WR_AS_NAMESPACES] = namespaces,
	[WR_AS_PODS] = pods,
	[WR_AS_NODES] = nodes,
	[WR_AS_SERVICES] = services,
	[WR_AS_ENDPOINTS] = endpoints,
	[WR_AS_SERVICEACCOUNTS] = serviceaccounts,
	[WR_AS_CONFIGMAPS] = configmaps,
	[WR_AS_SECRETS] = secret_columns,
	[WR_AS_EVENTS] = events,
	[WR_AS_DEPLOYMENTS] = deployments,
	[WR_AS_REPLICASETS] = replicasets,
	[WR_AS_STATEFULSETS] = statefulsets,
	[WR_AS_DAEMONSETS] = daemonsets,
	[WR_AS_REPLICATIONCONTROLLERS] = controllers,
	[WR_AS_JOBS] = jobs,
	[WR_AS_CRONJOBS] = cronjobs,
	[WR_AS_ENDPOINTSLICES] = endpointslices,
	[WR_AS_INGRESSES] = ingresses,
	[WR_AS_NETWORKPOLICIES] = networkpolicies,
	[WR_AS_CUSTOMRESOURCEDEFINITIONS] = crds,
	[WR_AS_ROLES] = crds,
	[WR_AS_ROLEBINDINGS] = bindings,
	[WR_AS_CLUSTERROLES] = crds,
	[WR_AS_CLUSTERROLEBINDINGS] = bindings,
	[WR_AS_SERVICEMONITORS] = plain,
};

static struct wr_value *head(struct wr_tree *t, const char *name, const char *type, bool wide)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "name", name);
	wr_tree_set_string(t, v, "type", type ? type : "string");
	wr_tree_set_string(t, v, "format", !strcmp(name, "Name") ? "name" : "");
	wr_tree_set_string(t, v, "description", "");
	wr_tree_set(t, v, "priority", wr_tree_int(t, wide));
	return v;
}

struct wr_value *wr_columns_heads(struct wr_tree *t, const struct wr_resource *r)
{
	struct wr_value *list = wr_tree_list(t);
	if (r->definition)
		wr_tree_push(t, list, head(t, "Name", NULL, false));
	for (const struct wr_printer *p = r->definition ? r->printers : NULL; p && p->name; p++)
		wr_tree_push(t, list, head(t, p->name, p->type, p->wide));
	if (r->definition)
		return list;
	for (const struct column *c = tables[wr_resource_place(r)]; c->name; c++)
		wr_tree_push(t, list, head(t, c->name, c->type, c->wide));
	return list;
}

/* What a definition's column shows: of JSONPath, keys with dots between. */
static struct wr_value *printed(struct wr_tree *t, const struct wr_printer *p,
				const struct wr_value *object)
{
	const char *path = *p->path == '.' ? p->path + 1 : p->path;
	const struct wr_value *v = wr_tree_at(object, path);
	if (!strcmp(p->type, "date"))
		return v ? since(t, object, path) : wr_tree_null(t);
	return v && v->type != WR_MAP && v->type != WR_LIST ? wr_tree_copy(t, v) : wr_tree_null(t);
}

struct wr_value *wr_columns_cells(struct wr_tree *t, const struct wr_resource *r,
				  const struct wr_value *object)
{
	struct wr_value *list = wr_tree_list(t);
	if (r->definition)
		wr_tree_push(t, list, name(t, object));
	for (const struct wr_printer *p = r->definition ? r->printers : NULL; p && p->name; p++)
		wr_tree_push(t, list, printed(t, p, object));
	if (r->definition)
		return list;
	for (const struct column *c = tables[wr_resource_place(r)]; c->name; c++)
		wr_tree_push(t, list, c->cell(t, object));
	return list;
}
