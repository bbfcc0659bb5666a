/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apiserver/catalog.h"
#include "input/input.h"

#define BOOKMARK_SECONDS 60
#define TIMEOUT_SECONDS 2700
/* One pull stops after this much: the rest comes with the next one. */
#define PULL_BYTES (1U << 20)

struct wr_watch {
	struct wr_arena *arena;   /* the filter's */
	struct wr_arena *scratch; /* of one event */
	const struct wr_store *store;
	struct wr_catalog *catalog; /* r is of */
	const struct wr_resource *r;
	enum wr_as_kind kind;
	const char *prefix;
	struct wr_filter filter;
	struct wr_form form;
	uint64_t rv;   /* sent up to this version */
	bool initial;  /* the present objects are to be sent first ... */
	bool mark_end; /* ... and a bookmark after them */
	bool bookmarks, ended;
	int64_t deadline, next_bookmark;
};

static int64_t monotonic(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

void wr_watch_free(struct wr_watch *w)
{
	if (!w)
		return;
	wr_catalog_unref(w->catalog);
	wr_arena_free(w->arena);
	wr_arena_free(w->scratch);
	free(w);
}

/* ---- events ---- */

static void put_event(struct wr_watch *w, const char *type, const struct wr_blob *blob,
		      struct wr_buf *out)
{
	struct wr_tree t = {.arena = w->scratch};
	wr_buf_printf(out, "{\"type\":\"%s\",\"object\":", type);
	wr_form_object(&t, &w->form, w->r, blob, out);
	wr_buf_text(out, "}\n");
	out->failed |= t.nomem;
}

/* An object that the filter does not take any more: as it was, with the version of the change. */
static void put_gone(struct wr_watch *w, const struct wr_past *p, struct wr_buf *out)
{
	struct wr_tree t = {.arena = w->scratch};
	struct wr_value *v = NULL;
	struct wr_buf text = {0};
	if (wr_json_parse(w->scratch, p->before->text, p->before->size, (struct wr_mark){0}, &v,
			  NULL) == 0)
		wr_tree_set(&t, wr_value_get(v, "metadata"), "resourceVersion",
			    wr_tree_printf(&t, "%" PRIu64, p->rv));
	wr_answer_value(&text, v);
	struct wr_blob *blob = malloc(sizeof(*blob) + text.n + 1);
	out->failed |= !blob || !v || text.failed || t.nomem;
	if (!out->failed) {
		*blob = (struct wr_blob){.refs = 1, .size = (uint32_t)text.n, .rv = p->rv};
		memcpy(blob->text, text.data, text.n + 1);
		put_event(w, "DELETED", blob, out);
	}
	free(blob);
	wr_buf_free(&text);
}

static bool matches(struct wr_watch *w, const struct wr_blob *blob)
{
	struct wr_value *v = NULL;
	if (!blob)
		return false;
	if (wr_filter_empty(&w->filter))
		return true;
	return wr_json_parse(w->scratch, blob->text, blob->size, (struct wr_mark){0}, &v, NULL) ==
		       0 &&
	       wr_filter_matches(&w->filter, v);
}

static void put_change(struct wr_watch *w, const struct wr_past *p, struct wr_buf *out)
{
	if (p->kind != w->kind || strncmp(p->key, w->prefix, strlen(w->prefix)) != 0)
		return;
	bool now = p->change != WR_DELETED && matches(w, p->blob), before = matches(w, p->before);
	if (now)
		put_event(w, before ? "MODIFIED" : "ADDED", p->blob, out);
	else if (before && p->change == WR_DELETED)
		put_event(w, "DELETED", p->blob, out);
	else if (before)
		put_gone(w, p, out);
	wr_arena_reset(w->scratch);
}

static void put_bookmark(struct wr_watch *w, bool end, struct wr_buf *out)
{
	char api[WR_RESOURCE_TEXT];
	wr_buf_printf(out,
		      "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\","
		      "\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"%s}}}\n",
		      w->r->kind, wr_resource_api(w->r, api), w->rv,
		      end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

static void put_expired(struct wr_watch *w, struct wr_buf *out)
{
	wr_buf_printf(out,
		      "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\","
		      "\"metadata\":{},\"status\":\"Failure\",\"message\":"
		      "\"too old resource version: %" PRIu64 " (%" PRIu64 ")\","
		      "\"reason\":\"Expired\",\"code\":410}}\n",
		      w->rv, w->store->compacted + 1);
	w->ended = true;
}

static void put_initial(struct wr_watch *w, struct wr_buf *out)
{
	struct wr_listing all = {0};
	if (wr_store_list(w->store, w->kind, w->prefix, "", 0, &all) < 0)
		out->failed = true;
	for (size_t i = 0; i < all.n && !out->failed; i++) {
		if (matches(w, all.items[i].blob))
			put_event(w, "ADDED", all.items[i].blob, out);
		wr_arena_reset(w->scratch);
	}
	wr_vec_free(&all);
	w->rv = w->store->rv;
	w->initial = false;
	if (w->mark_end)
		put_bookmark(w, true, out);
}

bool wr_watch_pull(struct wr_watch *w, int64_t now, struct wr_buf *out)
{
	if (w->ended)
		return true;
	if (w->initial)
		put_initial(w, out);
	if (w->rv < w->store->compacted || w->rv > w->store->rv) {
		put_expired(w, out);
		return false;
	}
	size_t start = out->n;
	for (size_t i = wr_store_after(w->store, w->rv);
	     i < w->store->n && out->n - start < PULL_BYTES; i++) {
		const struct wr_past *p = wr_store_past(w->store, i);
		put_change(w, p, out);
		w->rv = p->rv;
	}
	if (w->bookmarks && (now >= w->next_bookmark || now >= w->deadline)) {
		put_bookmark(w, false, out);
		w->next_bookmark = now + BOOKMARK_SECONDS;
	}
	w->ended = now >= w->deadline || out->failed ||
		   (w->rv == w->store->rv && !wr_catalog_serves(w->store, w->r));
	return w->ended && out->n == start;
}

int64_t wr_watch_due(const struct wr_watch *w)
{
	return w->bookmarks && w->next_bookmark < w->deadline ? w->next_bookmark : w->deadline;
}

/* ---- the start ---- */

static int copy_filter(struct wr_call *c, struct wr_watch *w)
{
	const char *why = "", *fields = wr_query(c, "fieldSelector");
	if (*c->name) /* the old way to watch one object */
		fields = wr_arena_printf(c->t.arena, "metadata.name=%s", c->name);
	return wr_filter_parse(wr_query(c, "labelSelector"), fields, w->arena, &w->filter, &why);
}

static struct wr_watch *watch_new(struct wr_call *c)
{
	struct wr_watch *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->arena = wr_arena_new();
	w->scratch = wr_arena_new();
	w->store = &c->s->store;
	w->catalog = wr_catalog_ref(c->s->store.catalog);
	w->r = c->r;
	w->kind = c->kind;
	if (w->arena)
		w->prefix = *c->ns ? wr_arena_printf(w->arena, "%s/", c->ns)
				   : wr_arena_strdup(w->arena, "");
	if (!w->arena || !w->scratch || !w->prefix || copy_filter(c, w) < 0) {
		wr_watch_free(w);
		return NULL;
	}
	return w;
}

/* sendInitialEvents has conditions; 0, or -1 when it was refused. */
static int check_initial(struct wr_call *c)
{
	const char *match = wr_query(c, "resourceVersionMatch");
	const char *send = wr_query(c, "sendInitialEvents");
	if (send && (!match || strcmp(match, "NotOlderThan") != 0))
		return wr_refuse(c, WR_INVALID,
				 "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: "
				 "Forbidden: sendInitialEvents requires setting "
				 "resourceVersionMatch to NotOlderThan");
	if (!send && match && *match)
		return wr_refuse(c, WR_INVALID,
				 "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: "
				 "Forbidden: resourceVersionMatch is forbidden for watch unless "
				 "sendInitialEvents is provided");
	return 0;
}

void wr_watch_start(struct wr_call *c, const struct wr_form *form)
{
	const char *rv = wr_query(c, "resourceVersion");
	uint64_t seconds = wr_query_number(c, "timeoutSeconds", 0);
	if (check_initial(c) < 0)
		return;
	struct wr_watch *w = watch_new(c);
	if (!w) {
		c->t.nomem = true;
		return;
	}
	bool send = wr_query_true(c, "sendInitialEvents");
	w->form = *form;
	w->form.api = strstr(form->api, "beta") ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1";
	w->bookmarks = wr_query_true(c, "allowWatchBookmarks");
	w->rv = wr_query_number(c, "resourceVersion", 0);
	w->initial = send || !rv || !*rv || !w->rv;
	w->mark_end = send && w->bookmarks;
	if (wr_query(c, "sendInitialEvents") && !send && !w->rv) {
		w->initial = false;
		w->rv = c->s->store.rv;
	}
	int64_t now = monotonic();
	w->deadline = now + (int64_t)(seconds && seconds < 86400 ? seconds : TIMEOUT_SECONDS);
	w->next_bookmark = now + BOOKMARK_SECONDS;
	c->out->watch = w;
	c->out->code = 200;
	c->out->type = "application/json";
	c->answered = true;
}
