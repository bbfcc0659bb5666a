/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expand: from objects to the pods that a cluster would run for them.
 *
 * A workload becomes its replicas unless its pods (or a workload below it) are
 * given themselves. Names of replicas are derived from the workload's, so that
 * applying a document again finds the same pods.
 */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "lab/internal.h"

#define OWNER_KEY 768

static size_t owner_key(char *buf, const char *ns, const char *kind, const char *name)
{
	int n = snprintf(buf, OWNER_KEY, "%s\n%s\n%s", ns, kind, name);
	return n < 0 ? 0 : (size_t)n < OWNER_KEY ? (size_t)n : OWNER_KEY - 1;
}

static bool has_owner(const struct wr_object *o)
{
	return (o->kind == WR_KIND_POD || wr_kind_is_workload(o->kind)) && o->meta.owner_kind;
}

/* ---- labels ---- */

static void set_label(struct wr_label *labels, size_t *n, const struct wr_label *change)
{
	size_t i = 0;
	while (i < *n && strcmp(labels[i].key, change->key) < 0)
		i++;
	if (i == *n || strcmp(labels[i].key, change->key) != 0)
		memmove(&labels[i + 1], &labels[i], ((*n)++ - i) * sizeof(*labels));
	labels[i] = *change;
}

/* ---- pods ---- */

/* Five characters as Kubernetes' own random ones, but always the same for the same replica. */
static const char *replica_suffix(char *buf, const struct wr_object *o, uint32_t i)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	char text[OWNER_KEY];
	snprintf(text, sizeof(text), "%u %s/%s/%s", i, wr_kind_name(o->kind), o->meta.ns,
		 o->meta.name);
	uint64_t h = 14695981039346656037u;
	for (const char *p = text; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	h ^= h >> 29;
	for (int k = 0; k < 5; k++, h /= 27)
		buf[k] = letters[h % 27];
	buf[5] = '\0';
	return buf;
}

/* "node-2" is the lab's second node; pods of another name share a node, too. */
static uint32_t wanted_node(const struct wr_lab_state *s, const char *name)
{
	unsigned n;
	char rest;
	if (!name)
		return WR_NONE;
	if (sscanf(name, "node-%u%c", &n, &rest) == 1 && n >= 1 && n <= s->n_nodes)
		return n - 1;
	uint32_t h = 2166136261u;
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h % s->n_nodes;
}

static int add(struct wr_lab_want w, const struct wr_label *extra, struct wr_arena *a,
	       struct wr_lab_wants *out, struct wr_diags *diags)
{
	if (!w.name || !w.name[0])
		return wr_lab_error(diags, w.name ? -EINVAL : -ENOMEM, "a pod of %s/%s has no name",
				    w.ns, w.source->meta.name);
	if (out->v.n >= WR_LAB_PODS_MAX)
		return wr_lab_error(diags, -E2BIG, "more than %d pods", WR_LAB_PODS_MAX);
	struct wr_label *labels = wr_arena_array(a, w.n_labels + 1, sizeof(*labels));
	if (!labels)
		return -ENOMEM;
	if (w.n_labels)
		memcpy(labels, w.labels, w.n_labels * sizeof(*labels));
	if (extra && extra->key)
		set_label(labels, &w.n_labels, extra);
	w.labels = labels;
	return wr_vec_push(&out->v, w);
}

struct owner {
	const char *kind, *name;
};

/* A pod of a Deployment's ReplicaSet, which is named by the template's hash, is the Deployment's. */
static struct owner owner_of(const struct wr_object *o, struct wr_arena *a)
{
	struct owner owner = {o->meta.owner_kind, o->meta.owner_name};
	if (!owner.kind || strcmp(owner.kind, wr_kind_name(WR_KIND_REPLICASET)) != 0)
		return owner;
	for (size_t i = 0; i < o->meta.n_labels; i++) {
		const struct wr_label *l = &o->meta.labels[i];
		size_t n = strlen(owner.name), m = strlen(l->value);
		if (strcmp(l->key, "pod-template-hash") != 0 || !m || n < m + 2 ||
		    owner.name[n - m - 1] != '-' || strcmp(owner.name + n - m, l->value) != 0)
			continue;
		const char *name = wr_arena_strndup(a, owner.name, n - m - 1);
		return name ? (struct owner){wr_kind_name(WR_KIND_DEPLOYMENT), name} : owner;
	}
	return owner;
}

static int add_pod(const struct wr_lab_state *s, const struct wr_object *o, struct wr_arena *a,
		   struct wr_lab_wants *out, struct wr_diags *diags)
{
	const char *phase = o->pod.phase;
	struct owner owner = owner_of(o, a);
	return add(
		(struct wr_lab_want){
			.ns = o->meta.ns,
			.name = o->meta.name,
			.source = o,
			.spec = &o->pod.spec,
			.labels = o->meta.labels,
			.n_labels = o->meta.n_labels,
			.owner_kind = owner.kind,
			.owner_name = owner.name,
			.node = wanted_node(s, o->pod.spec.node),
			.completed = phase &&
				     (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed")),
		},
		NULL, a, out, diags);
}

static int add_workload(const struct wr_lab_state *s, const struct wr_object *o, struct wr_arena *a,
			struct wr_lab_wants *out, struct wr_diags *diags)
{
	bool daemon = o->kind == WR_KIND_DAEMONSET, set = o->kind == WR_KIND_STATEFULSET;
	uint32_t n = daemon ? s->n_nodes : o->kind == WR_KIND_JOB ? 1 : o->workload.replicas;
	if (o->kind == WR_KIND_CRONJOB)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		char suffix[8];
		const char *name = set ? wr_arena_printf(a, "%s-%u", o->meta.name, i)
				       : wr_arena_printf(a, "%s-%s", o->meta.name,
							 replica_suffix(suffix, o, i));
		struct wr_label extra = {0};
		if (set)
			extra = (struct wr_label){.key = "statefulset.kubernetes.io/pod-name",
						  .value = name};
		else if (o->kind == WR_KIND_JOB)
			extra = (struct wr_label){.key = "batch.kubernetes.io/job-name",
						  .value = o->meta.name};
		struct wr_lab_want w = {
			.ns = o->meta.ns,
			.name = name,
			.source = o,
			.spec = &o->workload.spec,
			.labels = o->workload.labels,
			.n_labels = o->workload.n_labels,
			.owner_kind = wr_kind_name(o->kind),
			.owner_name = o->meta.name,
			.node = daemon ? i : wanted_node(s, o->workload.spec.node),
		};
		int rc = add(w, &extra, a, out, diags);
		if (rc)
			return rc;
	}
	return 0;
}

int wr_lab_expand(const struct wr_lab_state *s, const struct wr_objects *objects,
		  struct wr_arena *a, struct wr_lab_wants *out, struct wr_diags *diags)
{
	char key[OWNER_KEY];
	struct wr_map *owners = wr_map_new();
	int rc = owners ? 0 : -ENOMEM;
	for (size_t i = 0; i < objects->n && !rc; i++) {
		const struct wr_meta *m = &objects->items[i]->meta;
		if (has_owner(objects->items[i]))
			rc = wr_map_put(owners, key,
					owner_key(key, m->ns, m->owner_kind, m->owner_name), 1);
	}
	for (size_t i = 0; i < objects->n && !rc; i++) {
		const struct wr_object *o = objects->items[i];
		if (o->kind == WR_KIND_POD)
			rc = add_pod(s, o, a, out, diags);
		else if (wr_kind_is_workload(o->kind) &&
			 !wr_map_get(owners, key,
				     owner_key(key, o->meta.ns, wr_kind_name(o->kind),
					       o->meta.name),
				     NULL))
			rc = add_workload(s, o, a, out, diags);
	}
	wr_map_free(owners);
	return rc;
}

/* ---- to JSON ---- */

static void put(struct wr_buf *b, const char *before, const char *text)
{
	wr_buf_text(b, before);
	wr_buf_json(b, text);
}

static void put_ports(struct wr_buf *b, const struct wr_pod_spec *spec)
{
	wr_buf_text(b, "\"containers\":[{\"name\":\"main\",\"ports\":[");
	for (size_t i = 0; i < spec->n_ports; i++) {
		const struct wr_container_port *p = &spec->ports[i];
		wr_buf_printf(b, "%s{\"containerPort\":%u,\"protocol\":\"%s\"", i ? "," : "",
			      p->port, wr_proto_name(p->proto));
		if (p->name)
			put(b, ",\"name\":", p->name);
		wr_buf_text(b, "}");
	}
	wr_buf_text(b, "]}]");
}

static void put_ips(struct wr_buf *b, const char *one, const char *many, const struct wr_ip *ip4,
		    const struct wr_ip *ip6)
{
	char t4[WR_IP_TEXT], t6[WR_IP_TEXT];
	wr_ip_format(ip4, t4);
	wr_ip_format(ip6, t6);
	wr_buf_printf(b, ",\"%s\":\"%s\",\"%s\":[{\"ip\":\"%s\"},{\"ip\":\"%s\"}]", one, t4, many,
		      t4, t6);
}

static void put_status(const struct wr_lab_state *s, const struct wr_lab_want *w, struct wr_buf *b)
{
	if (w->completed) {
		put(b, ",\"status\":{\"phase\":", w->source->pod.phase);
		wr_buf_text(b, "}");
		return;
	}
	const struct wr_lab_pod_alloc *p = &s->pods.items[w->alloc];
	struct wr_ip host4 = wr_lab_node_ip(p->node, WR_IPV4),
		     host6 = wr_lab_node_ip(p->node, WR_IPV6);
	wr_buf_text(b, ",\"status\":{\"phase\":\"Running\"");
	put_ips(b, "podIP", "podIPs", p->host_network ? &host4 : &p->ip4,
		p->host_network ? &host6 : &p->ip6);
	put_ips(b, "hostIP", "hostIPs", &host4, &host6);
	wr_buf_text(b, "}");
}

void wr_lab_pod_json(const struct wr_lab_state *s, const struct wr_lab_want *w, struct wr_buf *b)
{
	wr_buf_text(b, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{");
	put(b, "\"name\":", w->name);
	put(b, ",\"namespace\":", w->ns);
	wr_buf_text(b, ",\"labels\":{");
	for (size_t i = 0; i < w->n_labels; i++) {
		put(b, i ? "," : "", w->labels[i].key);
		put(b, ":", w->labels[i].value);
	}
	wr_buf_text(b, "}");
	if (w->owner_kind) {
		put(b, ",\"ownerReferences\":[{\"controller\":true,\"kind\":", w->owner_kind);
		put(b, ",\"name\":", w->owner_name);
		wr_buf_text(b, "}]");
	}
	wr_buf_text(b, "},\"spec\":{");
	if (!w->completed)
		wr_buf_printf(b, "\"nodeName\":\"node-%u\",", s->pods.items[w->alloc].node + 1);
	if (w->spec->host_network)
		wr_buf_text(b, "\"hostNetwork\":true,");
	put_ports(b, w->spec);
	wr_buf_text(b, "}");
	put_status(s, w, b);
	wr_buf_text(b, "}\n");
}

void wr_lab_node_json(uint32_t node, struct wr_buf *b)
{
	char ip4[WR_IP_TEXT], ip6[WR_IP_TEXT], net4[WR_CIDR_TEXT], net6[WR_CIDR_TEXT];
	struct wr_ip a4 = wr_lab_node_ip(node, WR_IPV4), a6 = wr_lab_node_ip(node, WR_IPV6);
	struct wr_cidr c4 = wr_lab_pod_cidr(node, WR_IPV4), c6 = wr_lab_pod_cidr(node, WR_IPV6);
	wr_buf_printf(b,
		      "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"node-%u\","
		      "\"labels\":{\"kubernetes.io/hostname\":\"node-%u\","
		      "\"kubernetes.io/os\":\"linux\"}},"
		      "\"spec\":{\"podCIDR\":\"%s\",\"podCIDRs\":[\"%s\",\"%s\"]},"
		      "\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"%s\"},"
		      "{\"type\":\"InternalIP\",\"address\":\"%s\"}]}}\n",
		      node + 1, node + 1, wr_cidr_format(&c4, net4), net4,
		      wr_cidr_format(&c6, net6), wr_ip_format(&a4, ip4), wr_ip_format(&a6, ip6));
}
