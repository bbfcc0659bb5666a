/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI version 2 in the protobuf that old clients ask for (gnostic's
 * openapi.v2.Document), as much as kubectl 1.20 looks at: of every kind that it can be
 * patched, and that this takes dryRun. Without definitions such a client
 * leaves validation to the server.
 */
#include "apiserver/openapi.h"

#include <string.h>

#include "apiserver/catalog.h"

/* A field of bytes: its tag, its length, and what it holds. */
static void put_bytes(struct wr_buf *t, unsigned number, const void *data, size_t size)
{
	unsigned char head[8];
	size_t n = 0, left = size;
	head[n++] = (unsigned char)(number << 3 | 2);
	for (; left >= 0x80; left >>= 7)
		head[n++] = (unsigned char)(left | 0x80);
	head[n++] = (unsigned char)left;
	wr_buf_bytes(t, head, n);
	wr_buf_bytes(t, data, size);
}

static void put_string(struct wr_buf *t, unsigned number, const char *s)
{
	put_bytes(t, number, s, strlen(s));
}

/* The inner message becomes a field of the outer one, and is gone. */
static void put_message(struct wr_buf *t, unsigned number, struct wr_buf *inner)
{
	put_bytes(t, number, inner->data ? inner->data : "", inner->n);
	t->failed |= inner->failed;
	wr_buf_free(inner);
}

/* ParametersItem.parameter.non_body_parameter.query_parameter_sub_schema */
static void put_dry_run(struct wr_buf *operation)
{
	struct wr_buf query = {0}, non_body = {0}, parameter = {0}, item = {0};
	put_string(&query, 2, "query");
	put_string(&query, 4, "dryRun");
	put_message(&non_body, 3, &query);
	put_message(&parameter, 2, &non_body);
	put_message(&item, 1, &parameter);
	put_message(operation, 8, &item);
}

/* NamedAny: what kind an operation is of. */
static void put_gvk(struct wr_buf *operation, const struct wr_resource *r)
{
	struct wr_buf any = {0}, named = {0}, yaml = {0};
	wr_buf_printf(&yaml, "group: \"%s\"\nkind: %s\nversion: %s\n", r->group, r->kind,
		      r->version);
	put_message(&any, 2, &yaml);
	put_string(&named, 1, "x-kubernetes-group-version-kind");
	put_message(&named, 2, &any);
	put_message(operation, 13, &named);
}

static void put_path(struct wr_buf *paths, const struct wr_resource *r)
{
	struct wr_buf operation = {0}, item = {0}, named = {0}, path = {0};
	char api[WR_RESOURCE_TEXT];
	put_dry_run(&operation);
	put_gvk(&operation, r);
	put_message(&item, 8, &operation); /* patch */
	wr_buf_printf(&path, "/%s/%s%s/%s/{name}", *r->group ? "apis" : "api",
		      wr_resource_api(r, api), r->namespaced ? "/namespaces/{namespace}" : "",
		      r->plural);
	put_message(&named, 1, &path);
	put_message(&named, 2, &item);
	put_message(paths, 2, &named);
}

void wr_openapi_v2(struct wr_call *c)
{
	struct wr_buf info = {0}, paths = {0}, document = {0};
	put_string(&document, 1, "2.0");
	put_string(&info, 1, "Kubernetes");
	put_string(&info, 2, "1.36");
	put_message(&document, 2, &info);
	const struct wr_resource *r;
	for (size_t at = 0; (r = wr_catalog_next(&c->s->store, &at));)
		put_path(&paths, r);
	put_message(&document, 8, &paths);
	c->t.nomem |= document.failed;
	c->out->type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
	wr_answer_text(c, 200, document.data ? document.data : "", document.n);
	wr_buf_free(&document);
}
