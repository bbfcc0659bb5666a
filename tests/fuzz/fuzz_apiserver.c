/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of any kind against a server with a few objects. Input: a byte for
 * the method, one for the path, one for the kind of body, then lines: the rest
 * of the path and query, and the body. Whatever comes, the answer has a code,
 * a body that is JSON, and the store holds what can be parsed again.
 */
#include <stdlib.h>
#include <string.h>

#include "apiserver/call.h"
#include "apiserver/load.h"
#include "apiserver/watch.h"
#include "input/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
static const char *const paths[] = {
	"/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/a",
	"/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
	"/api/v1/namespaces/default/pods/a",
	"/api/v1/namespaces/default/pods/a/status",
	"/api/v1/namespaces/default/pods",
	"/apis/apps/v1/namespaces/default/deployments/a",
	"/apis/apps/v1/namespaces/default/deployments/a/scale",
	"/api/v1/namespaces",
	"/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies",
	"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
	"/",
	"/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
	"/apis/example.com/v1/widgets",
};
static const char *const types[] = {
	"application/json",
	"application/merge-patch+json",
	"application/json-patch+json",
	"application/strategic-merge-patch+json",
	"application/apply-patch+yaml",
	"application/vnd.kubernetes.protobuf",
	"application/yaml",
};

static const char first[] =
	"{\"kind\":\"NetworkPolicy\",\"apiVersion\":\"networking.k8s.io/"
	"v1\",\"metadata\":{\"name\":"
	"\"a\",\"labels\":{\"x\":\"y\"}},\"spec\":{\"podSelector\":{},\"ingress\":[{\"ports\":"
	"[{\"port\":80}]}]}}";
static const char pod[] = "{\"metadata\":{\"name\":\"a\",\"finalizers\":[\"a/"
			  "b\"]},\"spec\":{\"containers\":[{\"name\":"
			  "\"c\",\"ports\":[{\"containerPort\":80}]},{\"name\":\"d\"}]}}";
static const char deployment[] =
	"{\"metadata\":{\"name\":\"a\"},\"spec\":{\"replicas\":1,\"template\":{\"spec\":"
	"{\"containers\":[{\"name\":\"c\"}]}}}}";

static void ask(struct wr_server *s, const char *method, const char *uri, const char *type,
		const char *body, size_t size)
{
	struct wr_reply r = {0};
	struct wr_buf stream = {0};
	const struct wr_request q = {
		.method = method,
		.uri = uri,
		.content_type = type,
		.agent = "fuzz/1",
		.accept = strstr(uri, "table") ? "application/json;as=Table;v=v1" : NULL,
		.body = body,
		.size = size};
	wr_handle(s, &q, &r);
	if (r.code < 200 || r.code > 599)
		abort();
	if (r.watch)
		(void)wr_watch_pull(r.watch, 0, &stream);
	wr_watch_free(r.watch);
	wr_buf_free(&stream);
	wr_reply_free(&r);
}

/* All that is stored can be read again. */
static void check(const struct wr_server *s)
{
	struct wr_arena *a = wr_arena_new();
	for (int k = 0; a && k < WR_AS_KINDS; k++)
		for (size_t i = 0; i < s->store.items[k].n; i++) {
			const struct wr_blob *b = s->store.items[k].items[i].blob;
			struct wr_value *v = NULL;
			if (wr_json_parse(a, b->text, b->size, (struct wr_mark){0}, &v, NULL) < 0 ||
			    !wr_tree_text(v, "metadata.name") || !wr_tree_text(v, "metadata.uid"))
				abort();
		}
	wr_arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wr_server s = {0};
	struct wr_diags *d = wr_diags_new();
	if (size < 4 || !d || wr_store_init(&s.store, 20, 1) < 0 || wr_load(&s, NULL, 0, d) < 0) {
		wr_store_free(&s.store);
		wr_diags_free(d);
		return 0;
	}
	ask(&s, "POST", paths[1], types[0], first, sizeof(first) - 1);
	ask(&s, "POST", paths[4], types[0], pod, sizeof(pod) - 1);
	ask(&s, "POST", "/apis/apps/v1/namespaces/default/deployments", types[0], deployment,
	    sizeof(deployment) - 1);
	const char *rest = (const char *)data + 3, *end = (const char *)data + size;
	const char *line = memchr(rest, '\n', (size_t)(end - rest));
	size_t uri_size = line ? (size_t)(line - rest) : 0;
	const char *body = line ? line + 1 : rest;
	const char *path = paths[data[1] % (sizeof(paths) / sizeof(paths[0]))];
	if (strstr(path, "policy.networking")) /* they are large */
		(void)wr_load_policy_definitions(&s, d);
	char *uri = calloc(1, strlen(path) + uri_size + 1);
	char *copy = malloc((size_t)(end - body) + 1);
	if (uri && copy) {
		memcpy(uri, path, strlen(path));
		memcpy(uri + strlen(path), rest, uri_size);
		memcpy(copy, body, (size_t)(end - body));
		copy[end - body] = '\0';
		for (int i = 0; i < 2; i++) /* the second time meets what the first one made */
			ask(&s, methods[data[0] % 5], uri, types[data[2] % 7], copy,
			    (size_t)(end - body));
		check(&s);
	}
	free(uri);
	free(copy);
	wr_store_free(&s.store);
	wr_diags_free(d);
	return 0;
}
