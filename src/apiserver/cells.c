/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/cells.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/json_text.h"
#include "base/cleanup.h"

/* A text as a value; empty: none. */
static struct wr_value *take(struct wr_tree *t, struct wr_buf *text, const char *none)
{
	t->nomem |= text->failed;
	struct wr_value *v = wr_tree_string(t, text->n ? text->data : none);
	wr_buf_free(text);
	return v;
}

static void comma(struct wr_buf *text)
{
	if (text->n)
		wr_buf_text(text, ",");
}

static const char *plain(const struct wr_value *v)
{
	return v && v->text ? v->text : "";
}

static size_t length(const struct wr_value *v)
{
	return v && v->type == WR_LIST ? v->n : 0;
}

struct wr_value *wr_cell_none(struct wr_tree *t, const struct wr_value *o)
{
	(void)o;
	return wr_tree_string(t, "<none>");
}

/* One field of every item of a list, with commas between. */
static struct wr_value *joined(struct wr_tree *t, const struct wr_value *list, const char *field,
			       const char *none)
{
	struct wr_buf text = {0};
	for (size_t i = 0; i < length(list); i++) {
		const char *s = plain(wr_value_get(list->items[i], field));
		if (!*s)
			continue;
		comma(&text);
		wr_buf_text(&text, s);
	}
	return take(t, &text, none);
}

struct wr_value *wr_cell_containers(struct wr_tree *t, const struct wr_value *o)
{
	return joined(t, wr_tree_at(o, "spec.template.spec.containers"), "name", "<none>");
}

struct wr_value *wr_cell_images(struct wr_tree *t, const struct wr_value *o)
{
	return joined(t, wr_tree_at(o, "spec.template.spec.containers"), "image", "<none>");
}

/* ---- selectors ---- */

static int compare_fields(const void *a, const void *b)
{
	return strcmp(((const struct wr_field *)a)->key, ((const struct wr_field *)b)->key);
}

/* "a=b,c=d", sorted by key. */
static void put_labels(struct wr_tree *t, struct wr_buf *text, const struct wr_value *map)
{
	size_t n = map && map->type == WR_MAP ? map->n : 0;
	struct wr_field *sorted = wr_arena_array(t->arena, n, sizeof(*sorted));
	t->nomem |= !sorted;
	if (!sorted || !n)
		return;
	memcpy(sorted, map->fields, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_fields);
	for (size_t i = 0; i < n; i++) {
		comma(text);
		wr_buf_printf(text, "%s=%s", sorted[i].key, plain(sorted[i].value));
	}
}

static void put_requirement(struct wr_buf *text, const struct wr_value *r)
{
	const char *op = plain(wr_value_get(r, "operator"));
	const char *key = plain(wr_value_get(r, "key"));
	const struct wr_value *values = wr_value_get(r, "values");
	comma(text);
	if (!strcmp(op, "DoesNotExist"))
		wr_buf_printf(text, "!%s", key);
	else
		wr_buf_text(text, key);
	if (strcmp(op, "In") != 0 && strcmp(op, "NotIn") != 0)
		return;
	wr_buf_text(text, !strcmp(op, "In") ? " in (" : " notin (");
	for (size_t i = 0; i < length(values); i++)
		wr_buf_printf(text, "%s%s", i ? "," : "", plain(values->items[i]));
	wr_buf_text(text, ")");
}

/* metav1.FormatLabelSelector */
static struct wr_value *selector(struct wr_tree *t, const struct wr_value *s)
{
	struct wr_buf text = {0};
	const struct wr_value *expressions = wr_value_get(s, "matchExpressions");
	put_labels(t, &text, wr_value_get(s, "matchLabels"));
	for (size_t i = 0; i < length(expressions); i++)
		put_requirement(&text, expressions->items[i]);
	return take(t, &text, "<none>");
}

struct wr_value *wr_cell_selector(struct wr_tree *t, const struct wr_value *o)
{
	return selector(t, wr_tree_at(o, "spec.selector"));
}

struct wr_value *wr_cell_pod_selector(struct wr_tree *t, const struct wr_value *o)
{
	return selector(t, wr_tree_at(o, "spec.podSelector"));
}

static struct wr_value *labels(struct wr_tree *t, const struct wr_value *map)
{
	struct wr_buf text = {0};
	put_labels(t, &text, map);
	return take(t, &text, "<none>");
}

struct wr_value *wr_cell_plain_selector(struct wr_tree *t, const struct wr_value *o)
{
	return labels(t, wr_tree_at(o, "spec.selector"));
}

struct wr_value *wr_cell_node_selector(struct wr_tree *t, const struct wr_value *o)
{
	return labels(t, wr_tree_at(o, "spec.template.spec.nodeSelector"));
}

/* ---- pods ---- */

struct wr_value *wr_cell_pod_ready(struct wr_tree *t, const struct wr_value *o)
{
	const struct wr_value *states = wr_tree_at(o, "status.containerStatuses");
	size_t ready = 0;
	for (size_t i = 0; i < length(states); i++) {
		const struct wr_value *v = wr_value_get(states->items[i], "ready");
		ready += v && v->boolean;
	}
	return wr_tree_printf(t, "%zu/%zu", ready, length(wr_tree_at(o, "spec.containers")));
}

/* Why a container waits or has ended, or NULL. */
static const char *state_reason(const struct wr_value *status)
{
	const char *s = wr_tree_text(status, "state.waiting.reason");
	return s ? s : wr_tree_text(status, "state.terminated.reason");
}

struct wr_value *wr_cell_pod_status(struct wr_tree *t, const struct wr_value *o)
{
	const struct wr_value *states = wr_tree_at(o, "status.containerStatuses");
	const char *reason = wr_tree_text(o, "status.reason");
	if (!reason)
		reason = wr_tree_text(o, "status.phase");
	for (size_t i = 0; i < length(states); i++) {
		const char *s = state_reason(states->items[i]);
		if (s)
			reason = s;
	}
	if (wr_tree_at(o, "metadata.deletionTimestamp"))
		reason = "Terminating";
	return wr_tree_string(t, reason ? reason : "Unknown");
}

struct wr_value *wr_cell_pod_restarts(struct wr_tree *t, const struct wr_value *o)
{
	const struct wr_value *states = wr_tree_at(o, "status.containerStatuses");
	int64_t n = 0;
	for (size_t i = 0; i < length(states); i++)
		n += wr_tree_number(states->items[i], "restartCount", 0) & INT32_MAX;
	return wr_tree_printf(t, "%lld", (long long)n);
}

/* ---- nodes ---- */

struct wr_value *wr_cell_node_status(struct wr_tree *t, const struct wr_value *o)
{
	const struct wr_value *conditions = wr_tree_at(o, "status.conditions");
	const struct wr_value *cordoned = wr_tree_at(o, "spec.unschedulable");
	const char *status = "Unknown";
	for (size_t i = 0; i < length(conditions); i++)
		if (!strcmp(plain(wr_value_get(conditions->items[i], "type")), "Ready"))
			status = !strcmp(plain(wr_value_get(conditions->items[i], "status")),
					 "True")
					 ? "Ready"
					 : "NotReady";
	return wr_tree_printf(t, "%s%s", status,
			      cordoned && cordoned->boolean ? ",SchedulingDisabled" : "");
}

struct wr_value *wr_cell_node_roles(struct wr_tree *t, const struct wr_value *o)
{
	static const char prefix[] = "node-role.kubernetes.io/";
	const struct wr_value *map = wr_tree_at(o, "metadata.labels");
	struct wr_buf text = {0};
	for (size_t i = 0; map && map->type == WR_MAP && i < map->n; i++)
		if (!strncmp(map->fields[i].key, prefix, sizeof(prefix) - 1)) {
			comma(&text);
			wr_buf_text(&text, map->fields[i].key + sizeof(prefix) - 1);
		}
	return take(t, &text, "<none>");
}

static struct wr_value *address(struct wr_tree *t, const struct wr_value *o, const char *type)
{
	const struct wr_value *list = wr_tree_at(o, "status.addresses");
	for (size_t i = 0; i < length(list); i++)
		if (!strcmp(plain(wr_value_get(list->items[i], "type")), type))
			return wr_tree_string(t, plain(wr_value_get(list->items[i], "address")));
	return wr_tree_string(t, "<none>");
}

struct wr_value *wr_cell_internal_ip(struct wr_tree *t, const struct wr_value *o)
{
	return address(t, o, "InternalIP");
}

struct wr_value *wr_cell_external_ip(struct wr_tree *t, const struct wr_value *o)
{
	return address(t, o, "ExternalIP");
}

/* ---- Services and what stands behind them ---- */

struct wr_value *wr_cell_balancer(struct wr_tree *t, const struct wr_value *o)
{
	return joined(t, wr_tree_at(o, "status.loadBalancer.ingress"), "ip", "");
}

struct wr_value *wr_cell_external(struct wr_tree *t, const struct wr_value *o)
{
	const char *type = wr_tree_text(o, "spec.type");
	const struct wr_value *ips = wr_tree_at(o, "spec.externalIPs");
	struct wr_buf text = {0};
	if (type && !strcmp(type, "ExternalName"))
		return wr_tree_string(t, wr_tree_text(o, "spec.externalName"));
	if (type && !strcmp(type, "LoadBalancer"))
		return joined(t, wr_tree_at(o, "status.loadBalancer.ingress"), "ip", "<pending>");
	for (size_t i = 0; i < length(ips); i++) {
		comma(&text);
		wr_buf_text(&text, plain(ips->items[i]));
	}
	return take(t, &text, "<none>");
}

struct wr_value *wr_cell_service_ports(struct wr_tree *t, const struct wr_value *o)
{
	const struct wr_value *list = wr_tree_at(o, "spec.ports");
	struct wr_buf text = {0};
	for (size_t i = 0; i < length(list); i++) {
		const struct wr_value *p = list->items[i];
		const char *protocol = wr_tree_text(p, "protocol");
		int64_t node = wr_tree_number(p, "nodePort", 0);
		comma(&text);
		wr_buf_text(&text, plain(wr_value_get(p, "port")));
		if (node > 0)
			wr_buf_printf(&text, ":%lld", (long long)node);
		wr_buf_printf(&text, "/%s", protocol ? protocol : "TCP");
	}
	return take(t, &text, "<none>");
}

/* At most three, then "+ N more...", as formatEndpoints does. */
static void put_endpoint(struct wr_buf *text, size_t *n, const char *ip, const struct wr_value *p)
{
	if ((*n)++ >= 3)
		return;
	comma(text);
	wr_buf_printf(text, strchr(ip, ':') ? "[%s]:%s" : "%s:%s", ip,
		      plain(wr_value_get(p, "port")));
}

struct wr_value *wr_cell_endpoints(struct wr_tree *t, const struct wr_value *o)
{
	const struct wr_value *sets = wr_tree_at(o, "subsets");
	struct wr_buf text = {0};
	size_t n = 0;
	for (size_t i = 0; i < length(sets); i++) {
		const struct wr_value *ports = wr_value_get(sets->items[i], "ports");
		const struct wr_value *ips = wr_value_get(sets->items[i], "addresses");
		for (size_t p = 0; p < length(ports); p++)
			for (size_t a = 0; a < length(ips); a++)
				put_endpoint(&text, &n, plain(wr_value_get(ips->items[a], "ip")),
					     ports->items[p]);
	}
	if (n > 3)
		wr_buf_printf(&text, " + %zu more...", n - 3);
	return take(t, &text, "<none>");
}

struct wr_value *wr_cell_slice_ports(struct wr_tree *t, const struct wr_value *o)
{
	return joined(t, wr_tree_at(o, "ports"), "port", "<unset>");
}

struct wr_value *wr_cell_slice_endpoints(struct wr_tree *t, const struct wr_value *o)
{
	const struct wr_value *list = wr_tree_at(o, "endpoints");
	struct wr_buf text = {0};
	size_t n = 0;
	for (size_t i = 0; i < length(list); i++) {
		const struct wr_value *ips = wr_value_get(list->items[i], "addresses");
		for (size_t a = 0; a < length(ips); a++) {
			if (n++ >= 3)
				continue;
			comma(&text);
			wr_buf_text(&text, plain(ips->items[a]));
		}
	}
	if (n > 3)
		wr_buf_printf(&text, " + %zu more...", n - 3);
	return take(t, &text, "<unset>");
}

/* ---- others ---- */

struct wr_value *wr_cell_involved(struct wr_tree *t, const struct wr_value *o)
{
	const char *kind = wr_tree_text(o, "involvedObject.kind");
	const char *object = wr_tree_text(o, "involvedObject.name");
	struct wr_buf text = {0};
	for (const char *s = kind ? kind : ""; *s; s++) {
		char lower = *s >= 'A' && *s <= 'Z' ? (char)(*s | 0x20) : *s;
		wr_buf_bytes(&text, &lower, 1);
	}
	wr_buf_printf(&text, "/%s", object ? object : "");
	return take(t, &text, "");
}

struct wr_value *wr_cell_hosts(struct wr_tree *t, const struct wr_value *o)
{
	return joined(t, wr_tree_at(o, "spec.rules"), "host", "*");
}

struct wr_value *wr_cell_ingress_ports(struct wr_tree *t, const struct wr_value *o)
{
	return wr_tree_string(t, length(wr_tree_at(o, "spec.tls")) ? "80, 443" : "80");
}
