/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects: what manifests say as the API server takes it: in the version that
 * it serves, with a namespace, without what only a server can know. With
 * workloads that nobody looks after (ReplicationControllers) come their pods.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "apiserver/resources.h"
#include "kube/kube.h"
#include "lab/manifest.h"
#include "lab/internal.h"

static bool is_known_to_server(enum wr_kind kind)
{
	for (int k = 0; k < WR_AS_RESOURCES; k++)
		if (!strcmp(wr_resources[k].kind, wr_kind_name(kind)))
			return true;
	return false;
}

/* Workloads that no controller of the lab looks after. */
static bool is_given_as_pods(enum wr_kind kind)
{
	return kind == WR_KIND_REPLICATIONCONTROLLER;
}

/* Nodes are the lab's own; the cluster-wide policies' kinds come with their definitions. */
static bool is_served(enum wr_kind kind)
{
	return kind != WR_KIND_NODE && (is_known_to_server(kind) || wr_kind_is_policy(kind));
}

/* "/apis/apps/v1/deployments": the part that says the version. */
static const char *api_version(struct wr_tree *t, enum wr_kind kind)
{
	const char *path = wr_kube_kind_path(kind), *api = strchr(path + 1, '/') + 1;
	const char *text = wr_arena_printf(t->arena, "%.*s", (int)(strrchr(api, '/') - api), api);
	t->nomem |= !text;
	return text ? text : "";
}

void wr_lab_served_form(struct wr_tree *t, enum wr_kind kind, struct wr_value *o)
{
	wr_tree_set_first(t, o, "kind", wr_tree_string(t, wr_kind_name(kind)));
	wr_tree_set_first(t, o, "apiVersion", wr_tree_string(t, api_version(t, kind)));
}

static int add(struct wr_lab_sendings *out, struct wr_tree *t, struct wr_lab_sending s)
{
	static const char *const servers[] = {"resourceVersion",   "uid",
					      "generation",        "managedFields",
					      "creationTimestamp", "deletionTimestamp",
					      "selfLink",          "deletionGracePeriodSeconds"};
	struct wr_value *meta = wr_tree_want_map(t, s.value, "metadata");
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
		wr_tree_remove(meta, servers[i]);
	wr_tree_set_string(t, meta, "name", s.name);
	if (s.ns)
		wr_tree_set_string(t, meta, "namespace", s.ns);
	wr_lab_served_form(t, s.kind, s.value);
	return t->nomem ? -ENOMEM : wr_vec_push(&out->v, s);
}

/* A pod of a workload that nobody looks after. */
static int add_pod(struct wr_lab_sendings *out, struct wr_tree *t, const struct wr_lab_want *w)
{
	struct wr_value *pod = wr_tree_map(t), *meta = wr_tree_want_map(t, pod, "metadata");
	struct wr_value *labels = wr_tree_want_map(t, meta, "labels"), *owner = wr_tree_map(t);
	struct wr_value *refs = wr_tree_list(t);
	for (size_t i = 0; i < w->n_labels; i++)
		wr_tree_set_string(t, labels, w->labels[i].key, w->labels[i].value);
	wr_tree_set_string(t, owner, "apiVersion", api_version(t, w->source->kind));
	wr_tree_set_string(t, owner, "kind", w->owner_kind);
	wr_tree_set_string(t, owner, "name", w->owner_name);
	wr_tree_set(t, owner, "controller", wr_tree_bool(t, true));
	wr_tree_push(t, refs, owner);
	wr_tree_set(t, meta, "ownerReferences", refs);
	wr_tree_set(t, pod, "spec",
		    wr_tree_copy(t, wr_tree_at(w->source->value, "spec.template.spec")));
	return add(out, t,
		   (struct wr_lab_sending){.kind = WR_KIND_POD,
					   .ns = w->ns,
					   .name = w->name,
					   .value = pod,
					   .from = w->source});
}

static int add_object(struct wr_lab_sendings *out, struct wr_tree *t, const struct wr_object *o)
{
	return add(out, t,
		   (struct wr_lab_sending){.kind = o->kind,
					   .ns = o->meta.ns,
					   .name = o->meta.name,
					   .value = wr_tree_copy(t, o->value),
					   .from = o});
}

int wr_lab_sendings(const struct wr_lab_state *s, const struct wr_objects *objects,
		    struct wr_tree *t, struct wr_lab_sendings *out, struct wr_diags *diags)
{
	struct wr_lab_wants wants = {0};
	int rc = wr_lab_expand(s, objects, t->arena, &wants, diags);
	/* namespaces first: the others need them */
	for (int first = 1; first >= 0; first--)
		for (size_t i = 0; i < objects->n && !rc; i++) {
			const struct wr_object *o = objects->items[i];
			if (is_served(o->kind) && (o->kind == WR_KIND_NAMESPACE) == first)
				rc = add_object(out, t, o);
		}
	for (size_t i = 0; i < wants.v.n && !rc; i++)
		if (is_given_as_pods(wants.v.items[i].source->kind))
			rc = add_pod(out, t, &wants.v.items[i]);
	wr_vec_free(&wants.v);
	return rc ? rc : t->nomem ? -ENOMEM : 0;
}

/* ---- what a pod's status in a manifest asks for ---- */

void wr_lab_keep_addresses(struct wr_tree *t, const struct wr_lab_sending *s)
{
	WR_CLEANUP(buf)
	struct wr_buf text = {0};
	if (s->kind != WR_KIND_POD || s->from->kind != WR_KIND_POD || !s->from->pod.n_ips)
		return;
	for (size_t i = 0; i < s->from->pod.n_ips; i++) {
		char ip[WR_IP_TEXT];
		wr_buf_printf(&text, "%s%s", i ? "," : "", wr_ip_format(&s->from->pod.ips[i], ip));
	}
	t->nomem |= text.failed;
	if (!text.failed)
		wr_tree_set_string(t,
				   wr_tree_want_map(t, wr_tree_want_map(t, s->value, "metadata"),
						    "annotations"),
				   WR_LAB_NOTE_ADDRESSES, text.data);
}

/* ---- new names for new objects ---- */

const char *wr_lab_uid(struct wr_arena *a)
{
	unsigned char b[16];
	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return NULL;
	b[6] = (unsigned char)((b[6] & 15) | 64);
	b[8] = (unsigned char)((b[8] & 63) | 128);
	return wr_arena_printf(a,
			       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
			       "%02x%02x%02x%02x%02x%02x",
			       b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
			       b[11], b[12], b[13], b[14], b[15]);
}
