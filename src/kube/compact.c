/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoded objects in one piece of memory each.
 *
 * What a decoder makes points into the value tree of the whole object, which is
 * twenty times as large. A store keeps a hundred thousand of them: here each
 * becomes one block, with the tree left out. The copy is made twice by the same
 * code: once into room that is kept for it, to learn its size, and once into a
 * block of just that size. What many objects have alike is outside of the block
 * and shared (share.c).
 *
 * Marks lose their lines: a server's answer has none that a person could look
 * at. The file they name stays (whether it is set tells if a field was written).
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kube/internal.h"

struct pack {
	char *base;
	size_t used, size;
	bool full;
};

/* Memory of the block, or NULL where it is full. */
static void *take(struct pack *p, size_t size, size_t align)
{
	size_t at = (p->used + align - 1) & ~(align - 1);
	if (size > p->size || at > p->size - size) {
		p->full = true;
		return NULL;
	}
	p->used = at + size;
	return p->base + at;
}

static const char *pack_text(struct pack *p, const char *text)
{
	size_t n = text ? strlen(text) + 1 : 0;
	char *out = text ? take(p, n, 1) : NULL;
	return out ? memcpy(out, text, n) : NULL;
}

/* A copy of an array's own bytes; what its elements point to is still the original's. */
static void *pack_array(struct pack *p, const void *items, size_t n, size_t size)
{
	void *out = n ? take(p, n * size, 8) : NULL;
	return out ? memcpy(out, items, n * size) : NULL;
}

#define PACK(p, field, n) ((field) = pack_array((p), (field), (n), sizeof(*(field))))
#define EACH(field, n, i) for (size_t i = 0; (field) && i < (n); i++)

static void no_line(struct wr_mark *m)
{
	m->line = m->column = 0;
}

static void pack_labels(struct pack *p, struct wr_label **labels, size_t n)
{
	PACK(p, *labels, n);
	EACH(*labels, n, i)
	{
		struct wr_label *l = &(*labels)[i];
		l->key = pack_text(p, l->key);
		l->value = pack_text(p, l->value);
		no_line(&l->mark);
	}
}

static void pack_selector(struct pack *p, struct wr_label_selector *s)
{
	no_line(&s->mark);
	PACK(p, s->reqs, s->n);
	EACH(s->reqs, s->n, i)
	{
		struct wr_requirement *r = &s->reqs[i];
		r->key = pack_text(p, r->key);
		no_line(&r->mark);
		PACK(p, r->values, r->n);
		EACH(r->values, r->n, k)
		r->values[k] = pack_text(p, r->values[k]);
	}
}

static void pack_selector_at(struct pack *p, struct wr_label_selector **s)
{
	if (!*s)
		return;
	PACK(p, *s, 1);
	if (*s)
		pack_selector(p, *s);
}

static void pack_spec(struct pack *p, struct wr_pod_spec *spec)
{
	spec->node = pack_text(p, spec->node);
	PACK(p, spec->ports, spec->n_ports);
	EACH(spec->ports, spec->n_ports, i)
	{
		spec->ports[i].name = pack_text(p, spec->ports[i].name);
		no_line(&spec->ports[i].mark);
	}
}

/* The rest of a pod is shared. */
static void pack_pod(struct pack *p, struct wr_pod_object *o)
{
	PACK(p, o->ips, o->n_ips);
}

static void pack_workload(struct pack *p, struct wr_workload_object *o)
{
	pack_labels(p, &o->labels, o->n_labels);
	pack_spec(p, &o->spec);
}

static void pack_service(struct pack *p, struct wr_service_object *o)
{
	o->type = pack_text(p, o->type);
	PACK(p, o->cluster_ips, o->n_cluster_ips);
	pack_labels(p, &o->selector, o->n_selector);
	PACK(p, o->ports, o->n_ports);
	EACH(o->ports, o->n_ports, i)
	{
		o->ports[i].name = pack_text(p, o->ports[i].name);
		o->ports[i].target_name = pack_text(p, o->ports[i].target_name);
		no_line(&o->ports[i].mark);
	}
}

static void pack_ingress(struct pack *p, struct wr_ingress_object *o)
{
	o->class_name = pack_text(p, o->class_name);
	PACK(p, o->backends, o->n_backends);
	EACH(o->backends, o->n_backends, i)
	{
		struct wr_ingress_backend *b = &o->backends[i];
		b->host = pack_text(p, b->host);
		b->service = pack_text(p, b->service);
		b->port_name = pack_text(p, b->port_name);
		no_line(&b->mark);
	}
}

static void pack_ports(struct pack *p, struct wr_np_port **ports, size_t n)
{
	PACK(p, *ports, n);
	EACH(*ports, n, i)
	{
		(*ports)[i].name = pack_text(p, (*ports)[i].name);
		no_line(&(*ports)[i].mark);
	}
}

static void pack_np_rule(struct pack *p, struct wr_np_rule *r)
{
	no_line(&r->mark);
	PACK(p, r->peers, r->n_peers);
	EACH(r->peers, r->n_peers, i)
	{
		struct wr_np_peer *peer = &r->peers[i];
		no_line(&peer->mark);
		PACK(p, peer->except, peer->n_except);
		pack_selector_at(p, &peer->ns_selector);
		pack_selector_at(p, &peer->pod_selector);
	}
	pack_ports(p, &r->ports, r->n_ports);
}

static void pack_np(struct pack *p, struct wr_np_object *o)
{
	pack_selector(p, &o->pod_selector);
	for (int d = 0; d < 2; d++) {
		no_line(&o->rules_mark[d]);
		PACK(p, o->rules[d], o->n_rules[d]);
		EACH(o->rules[d], o->n_rules[d], i)
		pack_np_rule(p, &o->rules[d][i]);
	}
}

static void pack_cp_peer(struct pack *p, struct wr_cp_peer *peer)
{
	no_line(&peer->mark);
	pack_selector(p, &peer->namespaces);
	pack_selector(p, &peer->pods);
	pack_selector(p, &peer->nodes);
	PACK(p, peer->networks, peer->n_networks);
	PACK(p, peer->domains, peer->n_domains);
	EACH(peer->domains, peer->n_domains, i)
	peer->domains[i] = pack_text(p, peer->domains[i]);
	peer->unreadable = pack_text(p, peer->unreadable);
}

static void pack_cp(struct pack *p, struct wr_cp_object *o)
{
	pack_cp_peer(p, &o->subject);
	for (int d = 0; d < 2; d++) {
		PACK(p, o->rules[d], o->n_rules[d]);
		EACH(o->rules[d], o->n_rules[d], i)
		{
			struct wr_cp_rule *r = &o->rules[d][i];
			no_line(&r->mark);
			r->name = pack_text(p, r->name);
			PACK(p, r->peers, r->n_peers);
			EACH(r->peers, r->n_peers, k)
			pack_cp_peer(p, &r->peers[k]);
			pack_ports(p, &r->ports, r->n_ports);
		}
	}
}

/* The rest of the metadata is shared. */
static void pack_meta(struct pack *p, struct wr_meta *m)
{
	m->name = pack_text(p, m->name);
	m->uid = NULL;
	no_line(&m->mark);
}

static void pack_kind(struct pack *p, struct wr_object *o)
{
	switch (o->kind) {
	case WR_KIND_NAMESPACE:
	case WR_KIND_COUNT:
		return;
	case WR_KIND_POD:
		pack_pod(p, &o->pod);
		return;
	case WR_KIND_NODE:
		PACK(p, o->node.ips, o->node.n_ips);
		PACK(p, o->node.pod_cidrs, o->node.n_pod_cidrs);
		return;
	case WR_KIND_SERVICE:
		pack_service(p, &o->service);
		return;
	case WR_KIND_DEPLOYMENT:
	case WR_KIND_REPLICASET:
	case WR_KIND_STATEFULSET:
	case WR_KIND_DAEMONSET:
	case WR_KIND_REPLICATIONCONTROLLER:
	case WR_KIND_JOB:
	case WR_KIND_CRONJOB:
		pack_workload(p, &o->workload);
		return;
	case WR_KIND_NETWORKPOLICY:
		pack_np(p, &o->np);
		return;
	case WR_KIND_INGRESS:
		pack_ingress(p, &o->ingress);
		return;
	case WR_KIND_CLUSTERNETWORKPOLICY:
	case WR_KIND_ADMINNETWORKPOLICY:
	case WR_KIND_BASELINEADMINNETWORKPOLICY:
		pack_cp(p, &o->cp);
		return;
	}
}

/* Of the union only the kind's own part: the largest is three times as long as a pod's. */
static size_t size_of(enum wr_kind kind)
{
	const struct wr_object *o = NULL;
	size_t head = offsetof(struct wr_object, pod);
	if (kind == WR_KIND_NAMESPACE)
		return head;
	if (kind == WR_KIND_POD)
		return head + sizeof(o->pod);
	if (kind == WR_KIND_NODE)
		return head + sizeof(o->node);
	if (kind == WR_KIND_NETWORKPOLICY)
		return head + sizeof(o->np);
	return kind == WR_KIND_SERVICE ? head + sizeof(o->service) : sizeof(*o);
}

/* One try; false: it needs more room. */
static bool pack_object(struct pack *p, const struct wr_object *from, size_t before)
{
	p->used = before;
	p->full = false;
	struct wr_object *o = pack_array(p, from, 1, size_of(from->kind));
	if (!o)
		return false;
	o->doc = NULL;
	o->value = NULL;
	no_line(&o->mark);
	pack_meta(p, &o->meta);
	pack_kind(p, o);
	return !p->full;
}

/* Bytes that the copy takes; 0: out of memory. */
static size_t measure(const struct wr_object *o, size_t before)
{
	char room[16384]; /* all but a few objects fit */
	struct pack p = {.base = room, .size = sizeof(room)};
	char *more = NULL;
	while (!pack_object(&p, o, before)) {
		free(more);
		p.size *= 2;
		more = p.size < 4 * WR_KUBE_OBJECT_BYTES ? malloc(p.size) : NULL;
		if (!more)
			return 0;
		p.base = more;
	}
	free(more);
	return p.used;
}

/* --- What is shared --- */

static bool share_pod(struct wr_kube_pool *pool, const struct wr_pod_object *from,
		      struct wr_pod_object *to)
{
	size_t hosts = from->n_host_ips * sizeof(*from->host_ips), ports = from->spec.n_ports;
	to->spec.node = wr_kube_share_text(pool, from->spec.node);
	to->spec.ports = ports ? wr_kube_share_ports(pool, from->spec.ports, ports) : NULL;
	to->host_ips = hosts ? wr_kube_share_bytes(pool, from->host_ips, hosts) : NULL;
	to->phase = !wr_kube_is_over(from)              ? NULL
		    : !strcmp(from->phase, "Succeeded") ? "Succeeded"
							: "Failed";
	return (to->spec.node || !from->spec.node) && (to->spec.ports || !ports) &&
	       (to->host_ips || !hosts);
}

/* Puts shared parts in place of an object's own, all of them; false: out of memory. */
static bool share_parts(struct wr_kube_pool *pool, const struct wr_object *from,
			struct wr_object *to)
{
	const struct wr_meta *m = &from->meta;
	to->meta.ns = wr_kube_share_text(pool, m->ns);
	to->meta.owner_kind = wr_kube_share_text(pool, m->owner_kind);
	to->meta.owner_name = wr_kube_share_text(pool, m->owner_name);
	to->meta.labels = m->n_labels ? wr_kube_share_labels(pool, m->labels, m->n_labels) : NULL;
	bool pod = from->kind != WR_KIND_POD || share_pod(pool, &from->pod, &to->pod);
	return pod && (to->meta.ns || !m->ns) && (to->meta.owner_kind || !m->owner_kind) &&
	       (to->meta.owner_name || !m->owner_name) && (to->meta.labels || !m->n_labels);
}

void wr_kube_compact_release(const struct wr_object *o)
{
	wr_kube_unshare(o->meta.ns);
	wr_kube_unshare(o->meta.owner_kind);
	wr_kube_unshare(o->meta.owner_name);
	wr_kube_unshare(o->meta.labels);
	if (o->kind != WR_KIND_POD)
		return;
	wr_kube_unshare(o->pod.spec.node);
	wr_kube_unshare(o->pod.spec.ports);
	wr_kube_unshare(o->pod.host_ips);
}

void *wr_kube_compact(const struct wr_object *o, size_t before, struct wr_kube_pool *pool,
		      size_t *size)
{
	struct wr_object shared = *o;
	struct pack p = {0};
	before = (before + 7) & ~(size_t)7;
	if (share_parts(pool, o, &shared))
		p.size = measure(&shared, before);
	p.base = p.size ? calloc(1, p.size) : NULL;
	if (!p.base || !pack_object(&p, &shared, before)) {
		wr_kube_compact_release(&shared);
		free(p.base);
		return NULL;
	}
	*size = p.size;
	return p.base;
}
