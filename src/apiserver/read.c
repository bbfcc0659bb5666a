/* SPDX-License-Identifier: Apache-2.0 */
/* GET: one object, a list in chunks, or a watch. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/filter.h"
#include "apiserver/form.h"
#include "apiserver/verbs.h"
#include "apiserver/watch.h"
#include "input/base64.h"
#include "input/input.h"

/* ---- one ---- */

bool wr_subresource_known(const struct wr_call *c)
{
	return (!strcmp(c->sub, "status") && c->r->status) ||
	       (!strcmp(c->sub, "scale") && c->r->scale) ||
	       (!strcmp(c->sub, "finalize") && c->kind == WR_AS_NAMESPACES) ||
	       (!strcmp(c->sub, "binding") && c->kind == WR_AS_PODS);
}

/* autoscaling/v1 Scale of a workload. */
void wr_answer_scale(struct wr_call *c, const struct wr_value *o)
{
	struct wr_tree *t = &c->t;
	struct wr_value *v = wr_tree_map(t), *meta = wr_tree_map(t);
	struct wr_value *spec = wr_tree_map(t), *status = wr_tree_map(t);
	static const char *const kept[] = {"name", "namespace", "uid", "resourceVersion",
					   "creationTimestamp"};
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		wr_tree_set(t, meta, kept[i], wr_value_get(wr_value_get(o, "metadata"), kept[i]));
	wr_tree_set(t, spec, "replicas", wr_tree_int(t, wr_tree_number(o, "spec.replicas", 1)));
	wr_tree_set(t, status, "replicas", wr_tree_int(t, wr_tree_number(o, "status.replicas", 0)));
	wr_tree_set_string(t, v, "kind", "Scale");
	wr_tree_set_string(t, v, "apiVersion", "autoscaling/v1");
	wr_tree_set(t, v, "metadata", meta);
	wr_tree_set(t, v, "spec", spec);
	wr_tree_set(t, v, "status", status);
	wr_answer(c, 200, v);
}

void wr_verb_get(struct wr_call *c)
{
	struct wr_form form;
	if (wr_query_true(c, "watch")) {
		wr_verb_list(c);
		return;
	}
	if (wr_form_of(c, &form) < 0)
		return;
	const struct wr_blob *blob = wr_store_get(&c->s->store, c->kind,
						  wr_call_key(c, c->ns, c->name));
	if (!blob) {
		wr_refuse_not_found(c, c->name);
	} else if (!strcmp(c->sub, "scale")) {
		wr_answer_scale(c, wr_call_parse(c, blob));
	} else {
		wr_form_object(&c->t, &form, c->r, blob, &c->out->text);
		wr_answer_text(c, 200, "\n", 1);
	}
}

/* ---- continue ---- */

/* Base64 of {"v":...,"rv":625,"start":"shop/web-2"}: the version, and the first key to come. */
static const char *token_of(struct wr_call *c, uint64_t rv, const char *start)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *text = wr_arena_printf(c->t.arena,
					   "{\"v\":\"meta.k8s.io/v1\",\"rv\":%" PRIu64
					   ",\"start\":\"%s\"}",
					   rv, start);
	size_t size = text ? strlen(text) : 0, n = 0;
	char *out = wr_arena_alloc(c->t.arena, size / 3 * 4 + 8);
	c->t.nomem |= !text || !out;
	if (!text || !out)
		return "";
	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t bits = (uint32_t)(unsigned char)text[i] << 16;
		bits |= left > 1 ? (uint32_t)(unsigned char)text[i + 1] << 8 : 0;
		bits |= left > 2 ? (unsigned char)text[i + 2] : 0;
		out[n++] = digits[bits >> 18];
		out[n++] = digits[bits >> 12 & 63];
		out[n++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		out[n++] = left > 2 ? digits[bits & 63] : '=';
	}
	return out;
}

static int read_token(struct wr_call *c, const char *token, uint64_t *rv, const char **start)
{
	struct wr_value *v = NULL;
	char *text = wr_arena_alloc(c->t.arena, strlen(token) + 1);
	c->t.nomem |= !text;
	if (!text)
		return -1;
	if (wr_base64_decode(token, text) < 0 ||
	    wr_json_parse(c->t.arena, text, strlen(text), (struct wr_mark){0}, &v, NULL) < 0 ||
	    !wr_tree_text(v, "start") || wr_tree_number(v, "rv", -1) < 0)
		return wr_refuse(c, WR_BAD_REQUEST,
				 "invalid continue token: continue key is not valid: it is not one "
				 "that this server gave");
	*rv = (uint64_t)wr_tree_number(v, "rv", 0);
	*start = wr_tree_text(v, "start");
	return 0;
}

/* ---- lists ---- */

struct list {
	struct wr_form form;
	struct wr_filter filter;
	uint64_t rv;       /* 0: now */
	const char *start; /* "": the first */
	uint64_t limit;    /* 0: all */
	bool continued;
};

static int refuse_expired(struct wr_call *c, const struct list *l)
{
	static const char text[] =
		"The provided continue parameter is too old to display a consistent list result. "
		"You can start a new list without the continue parameter, or use the continue "
		"token in this response to retrieve the remainder of the results. Continuing with "
		"the provided token results in an inconsistent list - objects that were created, "
		"modified, or deleted between the time the first chunk was returned and now may "
		"show up in the list.";
	if (!l->continued)
		return wr_refuse(c, WR_EXPIRED,
				 "The resourceVersion for the provided list is too old.");
	struct wr_value *v = wr_status(&c->t, WR_EXPIRED, text);
	wr_tree_set_string(&c->t, wr_value_get(v, "metadata"), "continue",
			   token_of(c, 0, l->start));
	wr_tree_set(&c->t, v, "code", wr_tree_int(&c->t, 410));
	wr_answer(c, 410, v);
	return -1;
}

static int read_options(struct wr_call *c, struct list *l)
{
	const char *token = wr_query(c, "continue"), *why = "", *labels, *fields;
	const char *match = wr_query(c, "resourceVersionMatch");
	uint64_t rv = wr_query_number(c, "resourceVersion", 0);
	labels = wr_query(c, "labelSelector");
	fields = wr_query(c, "fieldSelector");
	if (wr_form_of(c, &l->form) < 0)
		return -1;
	int rc = wr_filter_parse(labels, fields, c->t.arena, &l->filter, &why);
	c->t.nomem |= rc == -ENOMEM;
	if (rc < 0)
		return wr_refuse(c, WR_BAD_REQUEST, "unable to parse requirement: %s", why);
	l->limit = wr_query_number(c, "limit", 0);
	l->start = "";
	if (token && *token) {
		l->continued = true;
		return read_token(c, token, &l->rv, &l->start);
	}
	if (rv > c->s->store.rv && !wr_query_true(c, "watch"))
		return wr_refuse(c, WR_TIMEOUT,
				 "Too large resource version: %" PRIu64 ", current: %" PRIu64, rv,
				 c->s->store.rv);
	if (match && !strcmp(match, "Exact"))
		l->rv = rv;
	return 0;
}

static bool passes(struct list *l, struct wr_arena *scratch, const struct wr_blob *blob)
{
	struct wr_value *v = NULL;
	if (wr_filter_empty(&l->filter))
		return true;
	return wr_json_parse(scratch, blob->text, blob->size, (struct wr_mark){0}, &v, NULL) == 0 &&
	       wr_filter_matches(&l->filter, v);
}

/* Keeps what passes, up to the limit; returns the index where the next chunk begins. */
static size_t choose(struct list *l, struct wr_arena *scratch, struct wr_listing *all)
{
	size_t kept = 0, i = 0;
	for (; i < all->n; i++) {
		if (l->limit && kept == l->limit)
			break;
		if (passes(l, scratch, all->items[i].blob)) {
			struct entry swapped = all->items[kept];
			all->items[kept++] = all->items[i];
			all->items[i] = swapped;
		}
		wr_arena_reset(scratch);
	}
	/* what is not wanted of the part that was seen lies behind what is */
	l->limit = kept;
	return i;
}

static void answer_list(struct wr_call *c, struct list *l, struct wr_listing *all)
{
	struct wr_tree scratch = {.arena = wr_arena_new()};
	uint64_t rv = l->rv ? l->rv : c->s->store.rv;
	struct wr_buf *out = &c->out->text;
	c->t.nomem |= !scratch.arena;
	if (!scratch.arena)
		return;
	size_t next = choose(l, scratch.arena, all);
	const char *token = next < all->n ? token_of(c, rv, all->items[next].key) : NULL;
	wr_form_begin(&c->t, &l->form, c->r, rv, token,
		      wr_filter_empty(&l->filter) ? all->n - next : 0, out);
	for (size_t i = 0; i < l->limit; i++) {
		wr_form_item(&scratch, &l->form, c->r, all->items[i].blob, !i, out);
		wr_arena_reset(scratch.arena);
	}
	wr_form_end(out);
	c->t.nomem |= scratch.nomem;
	wr_arena_free(scratch.arena);
	wr_answer_text(c, 200, "", 0);
}

void wr_verb_list(struct wr_call *c)
{
	struct list l = {0};
	struct wr_listing all = {0};
	if (read_options(c, &l) < 0)
		return;
	if (wr_query_true(c, "watch")) {
		wr_watch_start(c, &l.form);
		return;
	}
	const char *prefix = *c->ns ? wr_arena_printf(c->t.arena, "%s/", c->ns) : "";
	c->t.nomem |= !prefix;
	int rc = prefix ? wr_store_list(&c->s->store, c->kind, prefix, l.start, l.rv, &all)
			: -ENOMEM;
	c->t.nomem |= rc == -ENOMEM;
	if (rc == -ESTALE)
		refuse_expired(c, &l);
	else if (!rc)
		answer_list(c, &l, &all);
	wr_vec_free(&all);
}
