/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control: what a cluster's controllers do, as far as a lab needs it. Each turn
 * looks at everything and makes what is missing; what it makes is seen by the
 * next. A Deployment has a ReplicaSet for each of its templates, of which one
 * has pods; there are no rolling updates.
 */
#include <stdio.h>
#include <string.h>

#include "lab/kubelet.h"

#define PODS_MAX 1000 /* of one workload */

struct workload {
	const struct wr_value *o;
	enum wr_kind kind;
	const char *ns, *name, *uid;
	uint32_t wanted;
};

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

/* By uid; manifests of a cluster that was bring owners by name only. */
static bool owns(const struct workload *w, const struct wr_value *o)
{
	const struct wr_value *ref = controller_of(o);
	return ref && !strcmp(wr_meta_text(o, "namespace"), w->ns) &&
	       text_is(ref, "kind", wr_kind_name(w->kind)) && text_is(ref, "name", w->name) &&
	       (text_is(ref, "uid", w->uid) || !wr_tree_text(ref, "uid"));
}

static bool ended(const struct wr_value *pod)
{
	return text_is(pod, "status.phase", "Succeeded") || text_is(pod, "status.phase", "Failed");
}

static bool is_ready(const struct wr_value *pod)
{
	return text_is(pod, "status.phase", "Running") && wr_tree_text(pod, "status.podIP");
}

static void put_owner(struct wr_buf *t, const struct workload *w)
{
	wr_buf_printf(t, "\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"%s\",",
		      wr_kind_name(w->kind));
	wr_buf_printf(t,
		      "\"name\":\"%s\",\"uid\":\"%s\",\"controller\":true,"
		      "\"blockOwnerDeletion\":true}]",
		      w->name, w->uid);
}

/* ---- pods ---- */

/* The template's labels, with one more. */
static struct wr_value *labels_with(struct wr_kubelet *k, const struct wr_value *template,
				    const char *key, const char *value)
{
	struct wr_value *labels = wr_tree_copy(&k->tree, wr_tree_at(template, "metadata.labels"));
	if (!labels || labels->type != WR_MAP)
		labels = wr_tree_map(&k->tree);
	if (key)
		wr_tree_set_string(&k->tree, labels, key, value);
	return labels;
}

static int make_pod(struct wr_kubelet *k, const struct workload *w, const char *name,
		    const char *node)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	const struct wr_value *template = wr_tree_at(w->o, "spec.template");
	struct wr_value *spec = wr_tree_copy(&k->tree, wr_value_get(template, "spec"));
	struct wr_value *notes = wr_tree_at(template, "metadata.annotations");
	bool set = w->kind == WR_KIND_STATEFULSET;
	if (!spec || spec->type != WR_MAP)
		return 0;
	if (node)
		wr_tree_set_string(&k->tree, spec, "nodeName", node);
	wr_buf_printf(&t, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"%s\":\"%s%s\",",
		      set ? "name" : "generateName", name, set ? "" : "-");
	put_owner(&t, w);
	wr_buf_text(&t, ",\"labels\":");
	wr_answer_value(&t, labels_with(k, template,
					set ? "statefulset.kubernetes.io/pod-name" : NULL, name));
	if (notes) {
		wr_buf_text(&t, ",\"annotations\":");
		wr_answer_value(&t, notes);
	}
	wr_buf_text(&t, "},\"spec\":");
	wr_answer_value(&t, spec);
	wr_buf_text(&t, "}");
	return wr_kubelet_post(k, wr_kubelet_path(k, WR_KIND_POD, w->ns, NULL, NULL), &t);
}

static int remove_object(struct wr_kubelet *k, enum wr_kind kind, const struct wr_value *o)
{
	return wr_kubelet_delete(k, wr_kubelet_path(k, kind, wr_meta_text(o, "namespace"),
						    wr_meta_text(o, "name"), NULL));
}

/* Pods of no name of their own: as many as wanted, the youngest go first. */
static void count_replicas(struct wr_kubelet *k, const struct workload *w)
{
	const struct wr_listing_of *pods = &k->lists[WR_KIND_POD];
	uint32_t have = 0;
	for (size_t i = 0; i < pods->n; i++) {
		if (!owns(w, pods->items[i]) || ended(pods->items[i]))
			continue;
		if (++have > w->wanted)
			(void)remove_object(k, WR_KIND_POD, pods->items[i]);
	}
	for (int rc = 0; have < w->wanted && rc >= 0 && rc < 300; have++)
		rc = make_pod(k, w, w->name, NULL);
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

/* NAME-0, NAME-1 ... */
static void number_replicas(struct wr_kubelet *k, const struct workload *w)
{
	const struct wr_listing_of *pods = &k->lists[WR_KIND_POD];
	size_t length = strlen(w->name);
	for (uint32_t i = 0; i < w->wanted; i++) {
		const char *name = wr_arena_printf(k->tree.arena, "%s-%u", w->name, i);
		if (name && !find(k, WR_KIND_POD, w->ns, name))
			(void)make_pod(k, w, name, NULL);
	}
	for (size_t i = 0; i < pods->n; i++) {
		const char *name = wr_meta_text(pods->items[i], "name");
		if (owns(w, pods->items[i]) && strlen(name) > length &&
		    strtoul(name + length + 1, NULL, 10) >= w->wanted)
			(void)remove_object(k, WR_KIND_POD, pods->items[i]);
	}
}

static void one_a_node(struct wr_kubelet *k, const struct workload *w, uint32_t n_nodes)
{
	const struct wr_listing_of *pods = &k->lists[WR_KIND_POD];
	for (uint32_t n = 0; n < n_nodes; n++) {
		char node[32];
		bool there = false;
		snprintf(node, sizeof(node), "node-%u", n + 1);
		for (size_t i = 0; i < pods->n && !there; i++)
			there = owns(w, pods->items[i]) &&
				text_is(pods->items[i], "spec.nodeName", node);
		if (!there)
			(void)make_pod(k, w, w->name, node);
	}
}

/* ---- Deployments ---- */

/* Ten characters for a template, as pod-template-hash has them. */
static const char *template_hash(struct wr_kubelet *k, const struct wr_value *template)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	char hash[11] = "";
	uint64_t h = 14695981039346656037u;
	if (template)
		wr_answer_value(&t, template);
	for (size_t i = 0; i < t.n; i++)
		h = (h ^ (unsigned char)t.data[i]) * 1099511628211u;
	for (size_t i = 0; i < 10; i++, h /= 27)
		hash[i] = letters[h % 27];
	return wr_arena_strdup(k->tree.arena, hash);
}

static int make_replicaset(struct wr_kubelet *k, const struct workload *w, const char *name,
			   const char *hash)
{
	static const char key[] = "pod-template-hash";
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	struct wr_value *template = wr_tree_copy(&k->tree, wr_tree_at(w->o, "spec.template"));
	struct wr_value *selector = wr_tree_copy(&k->tree, wr_tree_at(w->o, "spec.selector"));
	struct wr_value *labels = labels_with(k, template, key, hash);
	wr_tree_set(&k->tree, wr_tree_want_map(&k->tree, template, "metadata"), "labels", labels);
	wr_tree_set_string(&k->tree, wr_tree_want_map(&k->tree, selector, "matchLabels"), key,
			   hash);
	wr_buf_printf(&t,
		      "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"metadata\":{"
		      "\"name\":\"%s\",",
		      name);
	put_owner(&t, w);
	wr_buf_text(&t, ",\"labels\":");
	wr_answer_value(&t, labels);
	wr_buf_printf(&t, "},\"spec\":{\"replicas\":%u,\"selector\":", w->wanted);
	wr_answer_value(&t, selector ? selector : wr_tree_map(&k->tree));
	wr_buf_text(&t, ",\"template\":");
	wr_answer_value(&t, template);
	wr_buf_text(&t, "}}");
	return wr_kubelet_post(k, wr_kubelet_path(k, WR_KIND_REPLICASET, w->ns, NULL, NULL), &t);
}

static void scale(struct wr_kubelet *k, const struct wr_value *set, uint32_t wanted)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	if (wr_tree_number(set, "spec.replicas", 1) == wanted)
		return;
	wr_buf_printf(&t, "{\"spec\":{\"replicas\":%u}}", wanted);
	(void)wr_kubelet_patch(k,
			       wr_kubelet_path(k, WR_KIND_REPLICASET,
					       wr_meta_text(set, "namespace"),
					       wr_meta_text(set, "name"), NULL),
			       &t);
}

static void deploy(struct wr_kubelet *k, const struct workload *w)
{
	const struct wr_listing_of *sets = &k->lists[WR_KIND_REPLICASET];
	const char *hash = template_hash(k, wr_tree_at(w->o, "spec.template"));
	const char *name = hash ? wr_arena_printf(k->tree.arena, "%s-%s", w->name, hash) : NULL;
	bool there = false;
	if (!name || !wr_tree_at(w->o, "spec.template"))
		return;
	for (size_t i = 0; i < sets->n; i++) {
		bool current = !strcmp(wr_meta_text(sets->items[i], "name"), name);
		if (!owns(w, sets->items[i]))
			continue;
		there |= current;
		scale(k, sets->items[i], current ? w->wanted : 0);
	}
	if (!there)
		(void)make_replicaset(k, w, name, hash);
}

/* ---- all of them ---- */

static const enum wr_kind workloads[] = {WR_KIND_DEPLOYMENT, WR_KIND_REPLICASET,
					 WR_KIND_STATEFULSET, WR_KIND_DAEMONSET};
#define N_WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

static struct workload workload_of(enum wr_kind kind, const struct wr_value *o)
{
	int64_t n = wr_tree_number(o, "spec.replicas", 1);
	return (struct workload){
		.o = o,
		.kind = kind,
		.ns = wr_meta_text(o, "namespace"),
		.name = wr_meta_text(o, "name"),
		.uid = wr_meta_text(o, "uid"),
		.wanted = n < 0          ? 0
			  : n > PODS_MAX ? PODS_MAX
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
			(void)remove_object(k, kind, l->items[i]);
	}
}

int wr_kubelet_control(struct wr_kubelet *k, uint32_t n_nodes)
{
	struct wr_map *there = wr_map_new();
	int rc = there ? 0 : -ENOMEM;
	for (size_t i = 0; i < N_WORKLOADS && !rc; i++) {
		const struct wr_listing_of *l = &k->lists[workloads[i]];
		for (size_t n = 0; n < l->n && !rc; n++) {
			struct workload w = workload_of(workloads[i], l->items[n]);
			rc = wr_map_put(there, w.uid, strlen(w.uid), 1);
			if (!rc)
				rc = wr_map_put(k->seen, w.uid, strlen(w.uid), 1);
			if (w.kind == WR_KIND_DEPLOYMENT)
				deploy(k, &w);
			else if (w.kind == WR_KIND_REPLICASET)
				count_replicas(k, &w);
			else if (w.kind == WR_KIND_STATEFULSET)
				number_replicas(k, &w);
			else
				one_a_node(k, &w, n_nodes);
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

struct progress {
	uint32_t have, ready;
};

static struct progress progress_of(const struct wr_kubelet *k, const struct workload *w)
{
	const struct wr_listing_of *l =
		&k->lists[w->kind == WR_KIND_DEPLOYMENT ? WR_KIND_REPLICASET : WR_KIND_POD];
	struct progress p = {0};
	for (size_t i = 0; i < l->n; i++) {
		if (!owns(w, l->items[i]))
			continue;
		if (w->kind == WR_KIND_DEPLOYMENT) {
			p.have += (uint32_t)wr_tree_number(l->items[i], "status.replicas", 0);
			p.ready += (uint32_t)wr_tree_number(l->items[i], "status.readyReplicas", 0);
		} else if (!ended(l->items[i])) {
			p.have++;
			p.ready += is_ready(l->items[i]);
		}
	}
	return p;
}

static void put_status(struct wr_buf *t, const struct workload *w, struct progress p)
{
	bool daemon = w->kind == WR_KIND_DAEMONSET;
	wr_buf_printf(t, "{\"status\":{\"observedGeneration\":%lld,",
		      (long long)wr_tree_number(w->o, "metadata.generation", 1));
	if (daemon) {
		wr_buf_printf(t,
			      "\"desiredNumberScheduled\":%u,\"currentNumberScheduled\":%u,"
			      "\"numberMisscheduled\":0,\"updatedNumberScheduled\":%u,"
			      "\"numberReady\":%u,\"numberAvailable\":%u",
			      p.have, p.have, p.have, p.ready, p.ready);
	} else {
		wr_buf_printf(t, "\"replicas\":%u,\"readyReplicas\":%u,\"availableReplicas\":%u",
			      p.have, p.ready, p.ready);
		if (w->kind != WR_KIND_REPLICASET)
			wr_buf_printf(t, ",\"updatedReplicas\":%u", p.have);
		if (w->kind == WR_KIND_DEPLOYMENT)
			wr_buf_printf(t,
				      ",\"conditions\":[{\"type\":\"Available\",\"status\":\"%s\","
				      "\"reason\":\"MinimumReplicas%s\"}]",
				      p.ready >= w->wanted ? "True" : "False",
				      p.ready >= w->wanted ? "Available" : "Unavailable");
	}
	wr_buf_text(t, "}}");
}

int wr_kubelet_workload_status(struct wr_kubelet *k)
{
	for (size_t i = 0; i < N_WORKLOADS; i++) {
		const struct wr_listing_of *l = &k->lists[workloads[i]];
		for (size_t n = 0; n < l->n; n++) {
			struct workload w = workload_of(workloads[i], l->items[n]);
			const char *path = wr_kubelet_path(k, w.kind, w.ns, w.name, "status");
			WR_CLEANUP(buf)
			struct wr_buf t = {0};
			uint64_t hash, old;
			put_status(&t, &w, progress_of(k, &w));
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
