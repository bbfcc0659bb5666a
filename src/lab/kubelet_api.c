/* SPDX-License-Identifier: Apache-2.0 */
/* The kubelet's way to the API: watches that wake it, lists, and single writes. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "input/input.h"
#include "lab/kubelet.h"

#define ANSWER_MAX ((size_t)64 << 20)
#define WAIT_MS 20000

static const enum wr_kind kinds[WR_KUBELET_KINDS] = {
	WR_KIND_NAMESPACE,
	WR_KIND_POD,
	WR_KIND_SERVICE,
	WR_KIND_NETWORKPOLICY,
	WR_KIND_CLUSTERNETWORKPOLICY,
	WR_KIND_ADMINNETWORKPOLICY,
	WR_KIND_BASELINEADMINNETWORKPOLICY,
	WR_KIND_DEPLOYMENT,
	WR_KIND_REPLICASET,
	WR_KIND_STATEFULSET,
	WR_KIND_DAEMONSET,
	WR_KIND_JOB,
	WR_KIND_NODE,
};

/* ---- watches ---- */

static int on_any(void *arg)
{
	((struct wr_kubelet *)arg)->dirty = true;
	return 0;
}

static int on_object(void *arg, const struct wr_value *object)
{
	(void)object;
	return on_any(arg);
}

int wr_kubelet_watch(struct wr_kubelet *k)
{
	static const struct wr_kube_feed_handlers handlers = {
		.begin = on_any,
		.item = on_object,
		.commit = on_any,
		.put = on_object,
		.gone = on_object,
	};
	struct wr_kube_feed *feed;
	int rc = 0;
	for (size_t i = 0; i < WR_KUBELET_KINDS && !rc; i++)
		rc = wr_kube_feed_new(k->kube, kinds[i], NULL, false, &handlers, k, &feed);
	return rc;
}

/* ---- requests ---- */

struct answer {
	bool done;
	int rc;     /* status, or a negative errno */
	char *body; /* of a success */
	struct wr_kubelet *k;
};

static void on_answer(void *arg, const struct wr_kube_response *r)
{
	struct answer *a = arg;
	a->done = true;
	a->rc = r->error ? r->error : r->status;
	if (r->error || r->status >= 400)
		snprintf(a->k->error, sizeof(a->k->error), "%s", r->message);
	else
		a->body = strndup(r->body ? r->body : "", r->size);
}

/* Waits for one answer; what watches bring meanwhile is noticed as ever. */
static int ask(struct wr_kubelet *k, const struct wr_kube_request *q, char **body)
{
	/* the client may answer after the time that is given to it here: never into this frame */
	struct answer *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->k = k;
	int rc = wr_kube_send(k->kube, q, on_answer, a);
	for (int waited = 0; !rc && !a->done; waited += 100) {
		struct pollfd p = {.fd = wr_kube_fd(k->kube), .events = POLLIN};
		if (waited > WAIT_MS) {
			snprintf(k->error, sizeof(k->error), "%s: no answer", q->path);
			return -ETIMEDOUT; /* a is the client's until the process ends */
		}
		if (poll(&p, 1, 100) > 0)
			waited = 0;
		rc = wr_kube_run(k->kube);
	}
	if (!rc)
		rc = a->rc;
	if (body && a->body)
		*body = WR_TAKE(a->body);
	free(a->body);
	free(a);
	return rc;
}

static int send_body(struct wr_kubelet *k, const char *method, const char *path,
		     const struct wr_buf *body, const char *type)
{
	if (!path || (body && body->failed))
		return -ENOMEM;
	int rc = ask(k,
		     &(struct wr_kube_request){.method = method,
					       .path = path,
					       .body = body ? body->data : NULL,
					       .content_type = type},
		     NULL);
	k->changes += rc >= 200 && rc < 300;
	return rc;
}

int wr_kubelet_ask(struct wr_kubelet *k, const char *method, const char *path,
		   const struct wr_buf *body, struct wr_value **answer)
{
	WR_CLEANUP(free)
	char *text = NULL;
	if (!path || (body && body->failed))
		return -ENOMEM;
	const char *type = strcmp(method, "PATCH") != 0 ? "application/json"
							: "application/merge-patch+json";
	int rc = ask(k,
		     &(struct wr_kube_request){.method = method,
					       .path = path,
					       .body = body ? body->data : NULL,
					       .content_type = body ? type : NULL,
					       .max_bytes = ANSWER_MAX},
		     &text);
	if (rc < 0 || !text)
		return rc;
	int bad = wr_json_parse(k->tree.arena, text, strlen(text), (struct wr_mark){0}, answer,
				NULL);
	return bad < 0 ? bad : rc;
}

int wr_kubelet_post(struct wr_kubelet *k, const char *path, const struct wr_buf *body)
{
	return send_body(k, "POST", path, body, "application/json");
}

int wr_kubelet_patch(struct wr_kubelet *k, const char *path, const struct wr_buf *body)
{
	return send_body(k, "PATCH", path, body, "application/merge-patch+json");
}

int wr_kubelet_delete(struct wr_kubelet *k, const char *path)
{
	return send_body(k, "DELETE", path, NULL, NULL);
}

const char *wr_kubelet_path(struct wr_kubelet *k, enum wr_kind kind, const char *ns,
			    const char *name, const char *sub)
{
	const char *path = wr_kube_kind_path(kind), *slash = strrchr(path, '/');
	const char *p = wr_arena_printf(k->tree.arena, "%.*s%s%s%s%s%s%s%s", (int)(slash - path),
					path, ns ? "/namespaces/" : "", ns ? ns : "", slash,
					name ? "/" : "", name ? name : "", sub ? "/" : "",
					sub ? sub : "");
	k->tree.nomem |= !p;
	return p;
}

const char *wr_meta_text(const struct wr_value *o, const char *key)
{
	const struct wr_value *v = wr_value_get(wr_value_get(o, "metadata"), key);
	return v && v->type == WR_STRING ? v->text : "";
}

/* ---- lists ---- */

void wr_kubelet_forget(struct wr_kubelet *k)
{
	for (size_t i = 0; i < WR_KIND_COUNT; i++) {
		free(k->lists[i].body);
		k->lists[i] = (struct wr_listing_of){0};
	}
	wr_arena_free(k->tree.arena);
	k->tree = (struct wr_tree){0};
}

static int list_kind(struct wr_kubelet *k, enum wr_kind kind)
{
	struct wr_listing_of *l = &k->lists[kind];
	struct wr_value *v = NULL;
	int rc = ask(k,
		     &(struct wr_kube_request){.path = wr_kube_kind_path(kind),
					       .max_bytes = ANSWER_MAX},
		     &l->body);
	if (rc == 404)
		return 0;
	if (rc < 0 || rc >= 300 || !l->body)
		return rc < 0 ? rc : -EPROTO;
	rc = wr_json_parse(k->tree.arena, l->body, strlen(l->body), (struct wr_mark){0}, &v, NULL);
	const struct wr_value *items = wr_value_get(v, "items");
	if (rc || !items || items->type != WR_LIST)
		return rc ? rc : -EPROTO;
	l->items = items->items;
	l->n = items->n;
	return 0;
}

int wr_kubelet_list(struct wr_kubelet *k)
{
	int rc = 0;
	wr_kubelet_forget(k);
	k->changes = 0;
	k->look_again_s = 0;
	k->tree.arena = wr_arena_new();
	if (!k->tree.arena)
		return -ENOMEM;
	for (size_t i = 0; i < WR_KUBELET_KINDS && !rc; i++)
		rc = list_kind(k, kinds[i]);
	return rc;
}
