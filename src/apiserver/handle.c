/* SPDX-License-Identifier: Apache-2.0 */
/* From a request's path to the function that answers it. */
#include <stdio.h>
#include <string.h>

#include "apiserver/catalog.h"
#include "apiserver/logs.h"
#include "apiserver/verbs.h"

/* ---- the path and the query ---- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Unescapes size bytes; NULL when it contains an escaped NUL or memory ran out. */
static const char *unescape(struct wr_call *c, const char *s, size_t size, bool plus)
{
	char *out = wr_arena_strndup(c->t.arena, s, size);
	size_t n = 0;
	c->t.nomem |= !out;
	if (!out)
		return NULL;
	for (size_t i = 0; i < size; i++, n++) {
		out[n] = s[i];
		if (s[i] == '+' && plus) {
			out[n] = ' ';
		} else if (s[i] == '%' && i + 2 < size && hex(s[i + 1]) >= 0 &&
			   hex(s[i + 2]) >= 0) {
			out[n] = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
			i += 2;
		}
		if (!out[n])
			return NULL;
	}
	out[n] = '\0';
	return out;
}

static bool split_query(struct wr_call *c, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, "&"), key = strcspn(s, "=&");
		const char *name = unescape(c, s, key, true);
		const char *value = key < n ? unescape(c, s + key + 1, n - key - 1, true) : "";
		if (!name || !value || c->n_query == WR_QUERY_MAX)
			return false;
		if (*name) {
			c->query[c->n_query].key = name;
			c->query[c->n_query++].value = value;
		}
		s += n + (s[n] == '&');
	}
	return true;
}

static bool split_path(struct wr_call *c)
{
	const char *s = c->q->uri;
	size_t path = strcspn(s, "?"), end;
	for (size_t at = 0; at < path; at = end + 1) {
		end = at + strcspn(s + at, "/?");
		if (end == at)
			continue;
		const char *part = unescape(c, s + at, end - at, false);
		if (!part || c->n_parts == sizeof(c->parts) / sizeof(c->parts[0]))
			return false;
		c->parts[c->n_parts++] = part;
	}
	return s[path] ? split_query(c, s + path + 1) : true;
}

static bool part_is(const struct wr_call *c, size_t i, const char *text)
{
	return i < c->n_parts && !strcmp(c->parts[i], text);
}

/* What stands after the group and version: [namespaces/NS/]RESOURCE[/NAME[/SUB]]. */
static bool name_target(struct wr_call *c, const char *group, const char *version, size_t at)
{
	size_t left = c->n_parts - at;
	const char **p = c->parts + at;
	if (!left)
		return false;
	bool inside = left >= 3 && !strcmp(p[0], "namespaces") &&
		      !(!*group && left == 3 &&
			(!strcmp(p[2], "status") || !strcmp(p[2], "finalize")));
	c->r = wr_catalog_find(&c->s->store, group, version, p[inside ? 2 : 0]);
	if (!c->r)
		return false;
	c->kind = wr_resource_place(c->r);
	if (inside) {
		if (!c->r->namespaced)
			return false;
		c->ns = p[1];
		p += 2;
		left -= 2;
	}
	c->name = left > 1 ? p[1] : "";
	c->sub = left > 2 ? p[2] : "";
	return left <= 3 && !(c->r->namespaced && *c->name && !*c->ns);
}

/* ---- dispatch ---- */

static int not_found(struct wr_call *c)
{
	return wr_refuse(c, WR_NOT_FOUND, "the server could not find the requested resource");
}

static int not_allowed(struct wr_call *c)
{
	return wr_refuse(c, WR_METHOD_NOT_ALLOWED,
			 "the server does not allow this method on the requested resource");
}

static void on_object(struct wr_call *c, const char *method)
{
	if (c->kind == WR_AS_PODS && !strcmp(c->sub, "log") && !strcmp(method, "GET")) {
		wr_verb_log(c);
		return;
	}
	if (*c->sub && !wr_subresource_known(c)) {
		not_found(c);
		return;
	}
	if (!strcmp(method, "GET"))
		wr_verb_get(c);
	else if (!strcmp(method, "PUT"))
		wr_verb_update(c);
	else if (!strcmp(method, "PATCH"))
		wr_verb_patch(c);
	else if (!strcmp(method, "DELETE") && !*c->sub)
		wr_verb_delete(c);
	else if (!strcmp(method, "POST") && *c->sub)
		wr_verb_create_subresource(c);
	else
		not_allowed(c);
}

static void on_list(struct wr_call *c, const char *method)
{
	if (!strcmp(method, "GET"))
		wr_verb_list(c);
	else if (!strcmp(method, "POST"))
		wr_verb_create(c);
	else if (!strcmp(method, "DELETE"))
		wr_verb_delete_all(c);
	else
		not_allowed(c);
}

static void on_resource(struct wr_call *c)
{
	bool core = part_is(c, 0, "api");
	const char *group = core ? "" : c->parts[1];
	const char *version = c->parts[core ? 1 : 2];
	if (wr_review(c, group))
		return;
	if (!name_target(c, group, version, core ? 2 : 3))
		not_found(c);
	else if (*c->name)
		on_object(c, c->q->method);
	else
		on_list(c, c->q->method);
}

static void dispatch(struct wr_call *c)
{
	if (!split_path(c)) {
		wr_refuse(c, WR_BAD_REQUEST, "the request's path or query cannot be read");
		return;
	}
	bool api = part_is(c, 0, "api"), apis = part_is(c, 0, "apis");
	if (c->q->unknown)
		wr_refuse(c, WR_UNAUTHORIZED, "Unauthorized");
	else if ((api && c->n_parts > 2) || (apis && c->n_parts > 3))
		on_resource(c);
	else if (strcmp(c->q->method, "GET") != 0)
		not_allowed(c);
	else if (!wr_discovery(c))
		not_found(c);
}

void wr_handle(struct wr_server *s, const struct wr_request *q, struct wr_reply *out)
{
	struct wr_call c = {.s = s, .q = q, .out = out, .ns = "", .name = "", .sub = ""};
	c.t.arena = wr_arena_new();
	if (c.t.arena)
		dispatch(&c);
	c.t.nomem |= wr_catalog_refresh(&s->store) < 0; /* what changed the definitions */
	if (!c.t.arena || c.t.nomem || !c.answered || out->text.failed) {
		static const char text[] =
			"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
			"\"status\":\"Failure\",\"message\":\"out of memory\","
			"\"reason\":\"InternalError\",\"code\":500}\n";
		wr_reply_free(out);
		c.answered = false;
		wr_answer_text(&c, 500, text, sizeof(text) - 1);
	}
	wr_arena_free(c.t.arena);
}
