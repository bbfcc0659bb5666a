/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control: what a cluster's controllers do, as far as a lab needs it. Each turn
 * looks at everything and makes what is missing; what it makes is seen by the
 * next. Deployments have a file of their own (rollout.c), and Jobs (jobs.c).
 */
#include "lab/control.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TEMPLATE "weir/template-hash" /* of the template that a pod was made of */

/* ---- owners ---- */

static const struct wr_value *controller_of(const struct wr_value *o)
{
	const struct wr_value *refs = wr_tree_at(o, "metadata.ownerReferences");
	for (size_t i = 0; refs && refs->type == WR_LIST && i < refs->n; i++) {
		const struct wr_value *c = wr_value_get(refs->items[i], "controller");
		if (c && c->type == WR_BOOL && c->boolean)
			return refs->items[i];
	}
	return NULL;
}

static bool text_is(const struct wr_value *v, const char *key, const char *text)
{
	const char *s = wr_tree_text(v, key);
	return s && !strcmp(s, text);
}

bool wr_owner_owns(const struct wr_owner *w, const struct wr_value *o)
{
	const struct wr_value *ref = controller_of(o);
	return ref && !strcmp(wr_meta_text(o, "namespace"), w->ns) &&
	       text_is(ref, "kind", wr_kind_name(w->kind)) && text_is(ref, "name", w->name) &&
	       (text_is(ref, "uid", w->uid) || !wr_tree_text(ref, "uid"));
}

bool wr_pod_ended(const struct wr_value *pod)
{
	return text_is(pod, "status.phase", "Succeeded") || text_is(pod, "status.phase", "Failed");
}

bool wr_pod_ready(const struct wr_value *pod)
{
	return text_is(pod, "status.phase", "Running") && wr_tree_text(pod, "status.podIP");
}

void wr_owner_put(struct wr_buf *t, const struct wr_owner *w)
{
	wr_buf_printf(t, "\"ownerReferences\":[{\"apiVersion\":\"%s\",\"kind\":\"%s\",", w->api,
		      wr_kind_name(w->kind));
	wr_buf_printf(t,
		      "\"name\":\"%s\",\"uid\":\"%s\",\"controller\":true,"
		      "\"blockOwnerDeletion\":true}]",
		      w->name, w->uid);
}

/* ---- pods ---- */

struct wr_progress wr_owner_pods(const struct wr_kubelet *k, const struct wr_owner *w)
{
	const struct wr_listing_of *l = &k->lists[WR_KIND_POD];
	struct wr_progress p = {0};
	for (size_t i = 0; i < l->n; i++) {
		if (!wr_owner_owns(w, l->items[i]) || wr_pod_ended(l->items[i]))
			continue;
		p.have++;
		p.ready += wr_pod_ready(l->items[i]);
	}
	return p;
}

/* ---- templates ---- */

struct wr_value *wr_template_of(struct wr_kubelet *k, const struct wr_value *o)
{
	struct wr_value *template = wr_tree_copy(&k->tree, wr_tree_at(o, "spec.template"));
	if (template) /* creationTimestamp: null */
		wr_tree_tidy(template, true);
	return template;
}

const char *wr_template_hash(struct wr_kubelet *k, const struct wr_value *template, uint64_t salt)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	char hash[11] = "";
	uint64_t h = 14695981039346656037u ^ salt;
	if (template)
		wr_answer_value(&t, template);
	for (size_t i = 0; i < t.n; i++)
		h = (h ^ (unsigned char)t.data[i]) * 1099511628211u;
	for (size_t i = 0; i < 10; i++, h /= 27)
		hash[i] = letters[h % 27];
	return wr_arena_strdup(k->tree.arena, hash);
}

struct wr_value *wr_template_labels(struct wr_kubelet *k, const struct wr_value *template,
				    const char *key, const char *value)
{
	struct wr_value *labels = wr_tree_copy(&k->tree, wr_tree_at(template, "metadata.labels"));
	if (!labels || labels->type != WR_MAP)
		labels = wr_tree_map(&k->tree);
	if (key)
		wr_tree_set_string(&k->tree, labels, key, value);
	return labels;
}

/* ---- pods ---- */

int wr_control_pod(struct wr_kubelet *k, const struct wr_owner *w, const char *name,
		   const char *node, const char *hash)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	const struct wr_value *template = wr_tree_at(w->o, "spec.template");
	struct wr_value *spec = wr_tree_copy(&k->tree, wr_value_get(template, "spec"));
	struct wr_value *notes = wr_tree_copy(&k->tree,
					      wr_tree_at(template, "metadata.annotations"));
	bool set = w->kind == WR_KIND_STATEFULSET;
	if (!spec || spec->type != WR_MAP)
		return 0;
	if (node)
		wr_tree_set_string(&k->tree, spec, "nodeName", node);
	if (hash) {
		notes = notes && notes->type == WR_MAP ? notes : wr_tree_map(&k->tree);
		wr_tree_set_string(&k->tree, notes, TEMPLATE, hash);
	}
	wr_buf_printf(&t, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"%s\":\"%s%s\",",
		      set ? "name" : "generateName", name, set ? "" : "-");
	wr_owner_put(&t, w);
	wr_buf_text(&t, ",\"labels\":");
	wr_answer_value(&t, wr_template_labels(k, template,
					       set ? "statefulset.kubernetes.io/pod-name" : NULL,
					       name));
	if (notes) {
		wr_buf_text(&t, ",\"annotations\":");
		wr_answer_value(&t, notes);
	}
	wr_buf_text(&t, "},\"spec\":");
	wr_answer_value(&t, spec);
	wr_buf_text(&t, "}");
	return wr_kubelet_post(k, wr_kubelet_path(k, WR_KIND_POD, w->ns, NULL, NULL), &t);
}

int wr_control_remove(struct wr_kubelet *k, enum wr_kind kind, const struct wr_value *o)
{
	return wr_kubelet_delete(k, wr_kubelet_path(k, kind, wr_meta_text(o, "namespace"),
						    wr_meta_text(o, "name"), NULL));
}

/* Takes up to *n pods away, those that are ready or those that are not; the youngest first. */
static void drop_pods(struct wr_kubelet *k, const struct wr_owner *w, uint32_t *n, bool ready)
{
	const struct wr_listing_of *pods = &k->lists[WR_KIND_POD];
	for (size_t i = pods->n; i-- > 0 && *n;) {
		const struct wr_value *pod = pods->items[i];
		if (!wr_owner_owns(w, pod) || wr_pod_ended(pod) || wr_pod_ready(pod) != ready)
			continue;
		(void)wr_control_remove(k, WR_KIND_POD, pod);
		(*n)--;
	}
}

/* Pods of no name of their own: as many as wanted. */
static void count_replicas(struct wr_kubelet *k, const struct wr_owner *w)
{
	uint32_t have = wr_owner_pods(k, w).have, more = have > w->wanted ? have - w->wanted : 0;
	drop_pods(k, w, &more, false);
	drop_pods(k, w, &more, true);
	for (int rc = 0; have < w->wanted && rc >= 0 && rc < 300; have++)
		rc = wr_control_pod(k, w, w->name, NULL, NULL);
}

static const struct wr_value *find(const struct wr_kubelet *k, enum wr_kind kind, const char *ns,
				   const char *name)
{
	const struct wr_listing_of *l = &k->lists[kind];
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(wr_meta_text(l->items[i], "name"), name) &&
		    !strcmp(wr_meta_text(l->items[i], "namespace"), ns))
			return l->items[i];
	return NULL;
}

/* ---- pods that are replaced one by one when their template changes ---- */

/* Made here of another template; what came from elsewhere is left alone. */
static bool outdated(const struct wr_value *pod, const char *hash)
{
	const struct wr_value *v = wr_value_get(wr_tree_at(pod, "metadata.annotations"), TEMPLATE);
	return v && v->type == WR_STRING && strcmp(v->text, hash) != 0;
}

/* NAME-12: 12. */
static uint32_t ordinal(const struct wr_owner *w, const struct wr_value *pod)
{
	const char *name = wr_meta_text(pod, "name");
	size_t length = strlen(w->name);
	return strlen(name) > length + 1 ? (uint32_t)strtoul(name + length + 1, NULL, 10) : 0;
}

/* One pod of an old template, the last of them, when all that are there are ready. */
static void replace_one(struct wr_kubelet *k, const struct wr_owner *w, const char *hash)
{
	const struct wr_listing_of *pods = &k->lists[WR_KIND_POD];
	const struct wr_value *last = NULL;
	const char *type = wr_tree_text(w->o, "spec.updateStrategy.type");
	int64_t first = wr_tree_number(w->o, "spec.updateStrategy.rollingUpdate.partition", 0);
	if (type && !strcmp(type, "OnDelete"))
		return;
	for (size_t i = 0; i < pods->n; i++) {
		const struct wr_value *pod = pods->items[i];
		if (!wr_owner_owns(w, pod))
			continue;
		if (!wr_pod_ready(pod) && !outdated(pod, hash))
			return;
		if (outdated(pod, hash) && ordinal(w, pod) >= first &&
		    (!last || ordinal(w, pod) > ordinal(w, last)))
			last = pod;
	}
	if (last)
		(void)wr_control_remove(k, WR_KIND_POD, last);
}

static const char *hash_of(struct wr_kubelet *k, const struct wr_owner *w)
{
	const char *hash = wr_template_hash(k, wr_template_of(k, w->o), 0);
	k->tree.nomem |= !hash;
	return hash ? hash : "";
}

static uint32_t updated(struct wr_kubelet *k, const struct wr_owner *w, const char *hash)
{
	const struct wr_listing_of *pods = &k->lists[WR_KIND_POD];
	uint32_t n = 0;
	for (size_t i = 0; i < pods->n; i++)
		n += wr_owner_owns(w, pods->items[i]) && !wr_pod_ended(pods->items[i]) &&
		     !outdated(pods->items[i], hash);
	return n;
}

/* NAME-0, NAME-1 ... */
static void number_replicas(struct wr_kubelet *k, const struct wr_owner *w)
{
	const struct wr_listing_of *pods = &k->lists[WR_KIND_POD];
	const char *hash = hash_of(k, w);
	bool whole = true;
	for (uint32_t i = 0; i < w->wanted; i++) {
		const char *name = wr_arena_printf(k->tree.arena, "%s-%u", w->name, i);
		if (name && !find(k, WR_KIND_POD, w->ns, name)) {
			whole = false;
			(void)wr_control_pod(k, w, name, NULL, hash);
		}
	}
	for (size_t i = 0; i < pods->n; i++) {
		if (wr_owner_owns(w, pods->items[i]) && ordinal(w, pods->items[i]) >= w->wanted)
			(void)wr_control_remove(k, WR_KIND_POD, pods->items[i]);
	}
	if (whole)
		replace_one(k, w, hash);
}

static void one_a_node(struct wr_kubelet *k, const struct wr_owner *w, uint32_t n_nodes)
{
	const struct wr_listing_of *pods = &k->lists[WR_KIND_POD];
	const char *hash = hash_of(k, w);
	bool whole = true;
	for (uint32_t n = 0; n < n_nodes; n++) {
		char node[32];
		bool there = false;
		snprintf(node, sizeof(node), "node-%u", n + 1);
		for (size_t i = 0; i < pods->n && !there; i++)
			there = wr_owner_owns(w, pods->items[i]) &&
				text_is(pods->items[i], "spec.nodeName", node);
		if (!there)
			(void)wr_control_pod(k, w, w->name, node, hash);
		whole &= there;
	}
	if (whole)
		replace_one(k, w, hash);
}

/* ---- all of them ---- */

static const enum wr_kind workloads[] = {WR_KIND_DEPLOYMENT, WR_KIND_REPLICASET,
					 WR_KIND_STATEFULSET, WR_KIND_DAEMONSET, WR_KIND_JOB};
#define N_WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

struct wr_owner wr_owner_of(enum wr_kind kind, const struct wr_value *o)
{
	int64_t n = wr_tree_number(o, "spec.replicas", 1);
	return (struct wr_owner){
		.o = o,
		.kind = kind,
		.api = kind == WR_KIND_JOB ? "batch/v1" : "apps/v1",
		.ns = wr_meta_text(o, "namespace"),
		.name = wr_meta_text(o, "name"),
		.uid = wr_meta_text(o, "uid"),
		.wanted = n < 0             ? 0
			  : n > WR_PODS_MAX ? WR_PODS_MAX
					    : (uint32_t)n,
	};
}

/* What was made for an owner goes after it; what came without one stays. */
static void collect(struct wr_kubelet *k, enum wr_kind kind, const struct wr_map *there)
{
	const struct wr_listing_of *l = &k->lists[kind];
	for (size_t i = 0; i < l->n; i++) {
		const char *uid = wr_tree_text(controller_of(l->items[i]), "uid");
		if (uid && !wr_map_get(there, uid, strlen(uid), NULL) &&
		    wr_map_get(k->seen, uid, strlen(uid), NULL))
			(void)wr_control_remove(k, kind, l->items[i]);
	}
}

int wr_kubelet_control(struct wr_kubelet *k, uint32_t n_nodes)
{
	struct wr_map *there = wr_map_new();
	int rc = there ? 0 : -ENOMEM;
	for (size_t i = 0; i < N_WORKLOADS && !rc; i++) {
		const struct wr_listing_of *l = &k->lists[workloads[i]];
		for (size_t n = 0; n < l->n && !rc; n++) {
			struct wr_owner w = wr_owner_of(workloads[i], l->items[n]);
			rc = wr_map_put(there, w.uid, strlen(w.uid), 1);
			if (!rc)
				rc = wr_map_put(k->seen, w.uid, strlen(w.uid), 1);
			if (w.kind == WR_KIND_DEPLOYMENT)
				wr_rollout(k, &w);
			else if (w.kind == WR_KIND_REPLICASET)
				count_replicas(k, &w);
			else if (w.kind == WR_KIND_STATEFULSET)
				number_replicas(k, &w);
			else if (w.kind == WR_KIND_DAEMONSET)
				one_a_node(k, &w, n_nodes);
			else
				wr_job(k, &w);
		}
	}
	if (!rc) {
		collect(k, WR_KIND_REPLICASET, there);
		collect(k, WR_KIND_POD, there);
	}
	wr_map_free(there);
	return rc ? rc : k->tree.nomem ? -ENOMEM : 0;
}

/* ---- how far they have come ---- */

static void put_since(struct wr_buf *t, const struct wr_value *old, const char *key)
{
	const char *since = old ? wr_tree_text(old, key) : NULL;
	wr_buf_printf(t, ",\"%s\":", key);
	if (since)
		wr_answer_string(t, since);
	else
		wr_kubelet_time(t);
}

void wr_control_condition(struct wr_buf *t, const struct wr_value *o, const char *type, bool status,
			  const char *reason)
{
	const struct wr_value *list = wr_tree_at(o, "status.conditions"), *old = NULL;
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n; i++)
		if (text_is(list->items[i], "type", type) &&
		    text_is(list->items[i], "status", status ? "True" : "False"))
			old = list->items[i];
	wr_buf_printf(t, "{\"type\":\"%s\",\"status\":\"%s\",\"reason\":\"%s\"", type,
		      status ? "True" : "False", reason);
	put_since(t, old, "lastTransitionTime");
	put_since(t, old && text_is(old, "reason", reason) ? old : NULL, "lastUpdateTime");
	wr_buf_text(t, "}");
}

static void set_status(struct wr_kubelet *k, const struct wr_owner *w, struct wr_buf *t)
{
	struct wr_progress p = wr_owner_pods(k, w);
	const char *hash = hash_of(k, w), *old = wr_tree_text(w->o, "status.currentRevision");
	uint32_t now = updated(k, w, hash);
	const char *next = wr_arena_printf(k->tree.arena, "%s-%s", w->name, hash);
	if (w->kind == WR_KIND_DAEMONSET) {
		wr_buf_printf(t,
			      "\"desiredNumberScheduled\":%u,\"currentNumberScheduled\":%u,"
			      "\"numberMisscheduled\":0,\"updatedNumberScheduled\":%u,"
			      "\"numberReady\":%u,\"numberAvailable\":%u",
			      p.have, p.have, now, p.ready, p.ready);
		return;
	}
	wr_buf_printf(t, "\"replicas\":%u,\"readyReplicas\":%u,\"availableReplicas\":%u", p.have,
		      p.ready, p.ready);
	if (w->kind == WR_KIND_REPLICASET || !next)
		return;
	if (now == p.have || !old)
		old = next;
	wr_buf_printf(t,
		      ",\"updatedReplicas\":%u,\"currentReplicas\":%u,\"updateRevision\":\"%s\","
		      "\"currentRevision\":\"%s\"",
		      now, strcmp(old, next) ? p.have - now : p.have, next, old);
}

static void put_status(struct wr_kubelet *k, const struct wr_owner *w, struct wr_buf *t)
{
	wr_buf_text(t, "{\"status\":{");
	if (w->kind != WR_KIND_JOB)
		wr_buf_printf(t, "\"observedGeneration\":%lld,",
			      (long long)wr_tree_number(w->o, "metadata.generation", 1));
	if (w->kind == WR_KIND_JOB)
		wr_job_status(k, w, t);
	else if (w->kind == WR_KIND_DEPLOYMENT)
		wr_rollout_status(k, w, t);
	else
		set_status(k, w, t);
	wr_buf_text(t, "}}");
}

int wr_kubelet_workload_status(struct wr_kubelet *k)
{
	for (size_t i = 0; i < N_WORKLOADS; i++) {
		const struct wr_listing_of *l = &k->lists[workloads[i]];
		for (size_t n = 0; n < l->n; n++) {
			struct wr_owner w = wr_owner_of(workloads[i], l->items[n]);
			const char *path = wr_kubelet_path(k, w.kind, w.ns, w.name, "status");
			WR_CLEANUP(buf)
			struct wr_buf t = {0};
			uint64_t hash, old;
			put_status(k, &w, &t);
			if (t.failed || !path)
				return -ENOMEM;
			hash = wr_hash(t.data, t.n) ^ wr_hash(w.uid, strlen(w.uid));
			if (wr_map_get(k->sent, path, strlen(path), &old) && old == hash)
				continue;
			int rc = wr_kubelet_patch(k, path, &t);
			if (rc >= 200 && rc < 300 && wr_map_put(k->sent, path, strlen(path), hash))
				return -ENOMEM;
		}
	}
	return 0;
}
