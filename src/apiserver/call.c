/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/input.h"

void wr_reply_free(struct wr_reply *out)
{
	wr_buf_free(&out->text);
	wr_buf_free(&out->warnings);
}

const char *wr_query(const struct wr_call *c, const char *key)
{
	for (size_t i = 0; i < c->n_query; i++)
		if (!strcmp(c->query[i].key, key))
			return c->query[i].value;
	return NULL;
}

bool wr_query_true(const struct wr_call *c, const char *key)
{
	const char *v = wr_query(c, key);
	return v && (!strcmp(v, "true") || !strcmp(v, "1"));
}

uint64_t wr_query_number(const struct wr_call *c, const char *key, uint64_t fallback)
{
	const char *v = wr_query(c, key);
	char *end;
	if (!v || *v < '0' || *v > '9')
		return fallback;
	errno = 0;
	unsigned long long n = strtoull(v, &end, 10);
	return *end || errno ? fallback : n;
}

const char *wr_call_key(struct wr_call *c, const char *ns, const char *name)
{
	const char *key = c->r->namespaced ? wr_arena_printf(c->t.arena, "%s/%s", ns, name)
					   : wr_arena_strdup(c->t.arena, name);
	c->t.nomem |= !key;
	return key ? key : "";
}

struct wr_value *wr_call_parse(struct wr_call *c, const struct wr_blob *blob)
{
	struct wr_value *v = NULL;
	if (wr_json_parse(c->t.arena, blob->text, blob->size, (struct wr_mark){0}, &v, NULL) < 0)
		c->t.nomem = true;
	/* the version that is asked for, whatever it was stored as */
	if (v && c->r && c->r->definition) {
		char api[WR_RESOURCE_TEXT];
		wr_tree_set_string(&c->t, v, "apiVersion", wr_resource_api(c->r, api));
	}
	return v;
}

int wr_call_parse_body(struct wr_call *c, struct wr_value **out)
{
	struct wr_diags *diags = wr_diags_new();
	int rc = diags ? wr_json_parse(c->t.arena, c->q->body, c->q->size, (struct wr_mark){0}, out,
				       diags)
		       : -ENOMEM;
	c->t.nomem |= rc == -ENOMEM;
	if (rc < 0)
		(void)wr_refuse(c, WR_BAD_REQUEST, "error decoding: %s",
				diags && wr_diags_count(diags) ? wr_diags_at(diags, 0)->message
							       : "no JSON");
	wr_diags_free(diags);
	return rc < 0 ? -1 : 0;
}

void wr_answer_text(struct wr_call *c, unsigned code, const char *text, size_t size)
{
	if (c->answered)
		return;
	c->answered = true;
	c->out->code = code;
	if (!c->out->type)
		c->out->type = "application/json";
	wr_buf_bytes(&c->out->text, text, size);
}

void wr_answer(struct wr_call *c, unsigned code, const struct wr_value *v)
{
	if (c->answered || c->t.nomem)
		return;
	c->answered = true;
	c->out->code = code;
	if (!c->out->type)
		c->out->type = "application/json";
	wr_answer_value(&c->out->text, v);
	wr_buf_text(&c->out->text, "\n");
}

void wr_warn(struct wr_call *c, const char *fmt, ...)
{
	struct wr_buf quoted = {0};
	va_list ap;
	va_start(ap, fmt);
	const char *text = wr_arena_vprintf(c->t.arena, fmt, ap);
	va_end(ap);
	c->t.nomem |= !text;
	if (!text)
		return;
	/* a quoted string of HTTP: no control characters */
	wr_buf_text(&quoted, "299 - \"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			wr_buf_bytes(&quoted, "\\", 1);
		wr_buf_bytes(&quoted, (unsigned char)*text < 0x20 ? " " : text, 1);
	}
	wr_buf_text(&quoted, "\"");
	if (!quoted.failed)
		wr_buf_bytes(&c->out->warnings, quoted.data, quoted.n + 1);
	wr_buf_free(&quoted);
}

/* ---- failures ---- */

static const struct {
	unsigned code;
	const char *reason;
} reasons[] = {
	[WR_BAD_REQUEST] = {400, "BadRequest"},
	[WR_UNAUTHORIZED] = {401, "Unauthorized"},
	[WR_FORBIDDEN] = {403, "Forbidden"},
	[WR_NOT_FOUND] = {404, "NotFound"},
	[WR_METHOD_NOT_ALLOWED] = {405, "MethodNotAllowed"},
	[WR_NOT_ACCEPTABLE] = {406, "NotAcceptable"},
	[WR_CONFLICT] = {409, "Conflict"},
	[WR_ALREADY_EXISTS] = {409, "AlreadyExists"},
	[WR_EXPIRED] = {410, "Expired"},
	[WR_TOO_LARGE] = {413, "RequestEntityTooLarge"},
	[WR_UNSUPPORTED_MEDIA] = {415, "UnsupportedMediaType"},
	[WR_INVALID] = {422, "Invalid"},
	[WR_TOO_MANY] = {429, "TooManyRequests"},
	[WR_TIMEOUT] = {504, "Timeout"},
	[WR_INTERNAL] = {500, "InternalError"},
};

struct wr_value *wr_status(struct wr_tree *t, enum wr_reason reason, const char *message)
{
	struct wr_value *v = wr_tree_map(t);
	wr_tree_set_string(t, v, "kind", "Status");
	wr_tree_set_string(t, v, "apiVersion", "v1");
	wr_tree_set(t, v, "metadata", wr_tree_map(t));
	wr_tree_set_string(t, v, "status", "Failure");
	wr_tree_set_string(t, v, "message", message);
	wr_tree_set_string(t, v, "reason", reasons[reason].reason);
	return v;
}

static int refuse(struct wr_call *c, enum wr_reason reason, struct wr_value *details,
		  const char *message)
{
	struct wr_value *v = wr_status(&c->t, reason, message);
	wr_tree_set(&c->t, v, "details", details);
	wr_tree_set(&c->t, v, "code", wr_tree_int(&c->t, reasons[reason].code));
	c->out->type = NULL;
	wr_answer(c, reasons[reason].code, v);
	return -1;
}

int wr_refuse(struct wr_call *c, enum wr_reason reason, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *message = wr_arena_vprintf(c->t.arena, fmt, ap);
	va_end(ap);
	c->t.nomem |= !message;
	return message ? refuse(c, reason, NULL, message) : -1;
}

int wr_refuse_with(struct wr_call *c, enum wr_reason reason, const char *name,
		   struct wr_value *causes, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *message = wr_arena_vprintf(c->t.arena, fmt, ap);
	va_end(ap);
	c->t.nomem |= !message;
	if (!message)
		return -1;
	struct wr_value *details = wr_tree_map(&c->t);
	if (*name)
		wr_tree_set_string(&c->t, details, "name", name);
	if (*c->r->group)
		wr_tree_set_string(&c->t, details, "group", c->r->group);
	/* of an invalid object the kind is named, of all else the resource */
	wr_tree_set_string(&c->t, details, "kind",
			   reason == WR_INVALID ? c->r->kind : c->r->plural);
	wr_tree_set(&c->t, details, "causes", causes);
	return refuse(c, reason, details, message);
}

int wr_refuse_not_found(struct wr_call *c, const char *name)
{
	char buf[WR_RESOURCE_TEXT];
	return wr_refuse_with(c, WR_NOT_FOUND, name, NULL, "%s \"%s\" not found",
			      wr_resource_name(c->r, buf), name);
}
