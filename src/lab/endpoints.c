/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints of Services, twice: as EndpointSlices, which agents and newer
 * clients read, and as Endpoints, which kubectl describe reads up to 1.30.
 */
#include <string.h>

#include "lab/internal.h"
#include "lab/kubelet.h"

#define SLICES "/apis/discovery.k8s.io/v1/namespaces/%s/endpointslices"
#define ENDPOINTS "/api/v1/namespaces/%s/endpoints"

/* The endpoints of a slice. */
static void put_endpoints(struct wr_buf *t, const struct wr_lab *lab, const struct wr_service *s)
{
	bool first = true;
	for (size_t i = 0; i < s->n_pods; i++) {
		const struct wr_pod *pod = &lab->world->pods[s->pods[i]];
		const struct wr_lab_pod_alloc *p = wr_lab_find_pod_alloc(lab->state, pod->ns,
									 pod->name);
		char ip[WR_IP_TEXT];
		for (size_t n = 0; n < pod->n_ips; n++) {
			if (pod->ips[n].family != WR_IPV4)
				continue;
			wr_buf_printf(t,
				      "%s{\"addresses\":[\"%s\"],\"conditions\":{\"ready\":true,"
				      "\"serving\":true,\"terminating\":false},",
				      first ? "" : ",", wr_ip_format(&pod->ips[n], ip));
			if (p)
				wr_buf_printf(t, "\"nodeName\":\"node-%u\",", p->node + 1);
			wr_buf_printf(t,
				      "\"targetRef\":{\"kind\":\"Pod\",\"namespace\":\"%s\","
				      "\"name\":\"%s\"}}",
				      pod->ns, pod->name);
			first = false;
		}
	}
}

/* A port by name has the number that the first pod behind it gives it. */
static uint16_t target_port(const struct wr_lab *lab, const struct wr_service *s,
			    const struct wr_service_port *port)
{
	if (!port->target_name)
		return port->target_port;
	for (size_t i = 0; i < s->n_pods; i++) {
		const struct wr_pod *pod = &lab->world->pods[s->pods[i]];
		for (size_t n = 0; n < pod->n_ports; n++)
			if (pod->ports[n].name && !strcmp(pod->ports[n].name, port->target_name))
				return pod->ports[n].port;
	}
	return port->port;
}

static void put_ports(struct wr_buf *t, const struct wr_lab *lab, const struct wr_service *s)
{
	const struct wr_service_object *o = &s->object->service;
	wr_buf_text(t, "\"ports\":[");
	for (size_t i = 0; i < o->n_ports; i++) {
		wr_buf_printf(t, "%s{\"name\":", i ? "," : "");
		wr_answer_string(t, o->ports[i].name ? o->ports[i].name : "");
		wr_buf_printf(t, ",\"protocol\":\"%s\",\"port\":%u}",
			      wr_proto_name(o->ports[i].proto), target_port(lab, s, &o->ports[i]));
	}
	wr_buf_text(t, "]");
}

static void put_slice(struct wr_buf *t, const struct wr_lab *lab, const struct wr_service *s)
{
	wr_buf_printf(t,
		      "{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\","
		      "\"metadata\":{\"name\":\"%s-lab\",\"labels\":{"
		      "\"kubernetes.io/service-name\":\"%s\"}},\"addressType\":\"IPv4\","
		      "\"endpoints\":[",
		      s->name, s->name);
	put_endpoints(t, lab, s);
	wr_buf_text(t, "],");
	put_ports(t, lab, s);
	wr_buf_text(t, "}");
}

/* The same in the older form: all addresses, then all ports. */
static void put_old(struct wr_buf *t, const struct wr_lab *lab, const struct wr_service *s)
{
	size_t n = 0;
	wr_buf_printf(
		t,
		"{\"apiVersion\":\"v1\",\"kind\":\"Endpoints\",\"metadata\":{\"name\":\"%s\"},"
		"\"subsets\":[",
		s->name);
	for (size_t i = 0; i < s->n_pods; i++) {
		const struct wr_pod *pod = &lab->world->pods[s->pods[i]];
		char ip[WR_IP_TEXT];
		for (size_t k = 0; k < pod->n_ips; k++) {
			if (pod->ips[k].family != WR_IPV4)
				continue;
			wr_buf_printf(t,
				      "%s{\"ip\":\"%s\",\"targetRef\":{\"kind\":\"Pod\","
				      "\"namespace\":\"%s\",\"name\":\"%s\"}}",
				      n++ ? "," : "{\"addresses\":[",
				      wr_ip_format(&pod->ips[k], ip), pod->ns, pod->name);
		}
	}
	if (n) {
		wr_buf_text(t, "],");
		put_ports(t, lab, s);
		wr_buf_text(t, "}");
	}
	wr_buf_text(t, "]}");
}

static int write_one(struct wr_kubelet *k, const char *list, const char *path,
		     const struct wr_buf *t)
{
	uint64_t old;
	if (t->failed || !list || !path)
		return -ENOMEM;
	uint64_t hash = wr_hash(t->data, t->n);
	if (wr_map_get(k->sent, path, strlen(path), &old) && old == hash)
		return 0;
	int rc = wr_kubelet_patch(k, path, t);
	if (rc == 404)
		rc = wr_kubelet_post(k, list, t);
	if (rc < 0 || rc >= 300)
		return rc < 0 ? rc : 0;
	return wr_map_put(k->sent, path, strlen(path), hash);
}

static const char *slice_path(struct wr_kubelet *k, const struct wr_service *s)
{
	return wr_arena_printf(k->tree.arena, SLICES "/%s-lab", s->ns, s->name);
}

static const char *old_path(struct wr_kubelet *k, const struct wr_service *s)
{
	return wr_arena_printf(k->tree.arena, ENDPOINTS "/%s", s->ns, s->name);
}

/* Endpoints of a Service without a selector are their author's. */
static int write_service(struct wr_kubelet *k, const struct wr_lab *lab, const struct wr_service *s)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0}, old = {0};
	struct wr_arena *a = k->tree.arena;
	put_slice(&t, lab, s);
	int rc = write_one(k, wr_arena_printf(a, SLICES, s->ns), slice_path(k, s), &t);
	if (rc < 0 || !s->object->service.n_selector)
		return rc;
	put_old(&old, lab, s);
	return write_one(k, wr_arena_printf(a, ENDPOINTS, s->ns), old_path(k, s), &old);
}

/* Those of Services that went go, too. */
static int drop(struct wr_kubelet *k, const struct wr_lab *lab)
{
	int rc = 0;
	for (size_t i = 0; i < wr_map_count(k->sent) && rc >= 0; i++) {
		const struct wr_map_entry *e = wr_map_at(k->sent, i);
		bool ours = strstr(e->key, "/endpointslices/") || strstr(e->key, "/endpoints/");
		bool there = !e->value || !ours;
		for (uint32_t s = 0; s < lab->world->n_services && !there; s++) {
			const char *slice = slice_path(k, &lab->world->services[s]),
				   *old = old_path(k, &lab->world->services[s]);
			there = !slice || !old || !strcmp(slice, e->key) || !strcmp(old, e->key);
		}
		if (there)
			continue;
		rc = wr_kubelet_delete(k, e->key);
		if (rc >= 0)
			rc = wr_map_put(k->sent, e->key, e->size, 0);
	}
	return rc;
}

int wr_kubelet_endpoints(struct wr_kubelet *k, const struct wr_lab *lab)
{
	int rc = 0;
	for (uint32_t i = 0; i < lab->world->n_services && rc >= 0; i++)
		if (lab->world->services[i].object)
			rc = write_service(k, lab, &lab->world->services[i]);
	return rc < 0 ? rc : drop(k, lab);
}
