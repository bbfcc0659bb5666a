/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A feed: what to ask the server next.
 *
 *	            no version                       version known
 *	WAITING ──► STREAMING ── end of the list ──► WATCHING ──► WAITING (go on)
 *	   │  ▲        │ not known to the server         │
 *	   │  └────────┘                                 │ 410: version forgotten
 *	   └──► LISTING ──► LISTING ... ── last page ────┘
 *	            │ 404, of a kind that need not be there
 *	            └──► ASKING ──► WAITING (absent)
 *
 * The rules it keeps:
 * - Lists are always the newest (no resourceVersion), so that time never goes
 *   back; what they do not name is deleted at the commit, and not before.
 * - Whatever goes wrong, the owner keeps what it has. Only a complete list, an
 *   event, or the server's own word that a kind does not exist changes that.
 * - A failure is followed by a pause, which doubles up to a bound and begins
 *   anew after a success; Retry-After makes it longer. Pauses have jitter, as
 *   a thousand nodes come back at the same moment after an API server has.
 * - Every watch has an end (timeoutSeconds), kept by the server or else by us:
 *   a peer that keeps the connection up and says nothing is found by that.
 */
#include "kube/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "input/input.h"

#define SHORT_WATCH_MS 1000
#define REFUSALS 5     /* of a watch by errors of the server, after which there is a new list */
#define PAGE_MAX 10000 /* larger pages ask for all */
#define LIST_LIMIT_MS 600000 /* one page, or an answer about kinds */
#define DISCOVERY_BYTES ((size_t)4 << 20)

WR_DEFINE_CLEANUP(arena, struct wr_arena *, wr_arena_free)

static void start(struct wr_kube_feed *f);

static void tell(struct wr_kube_feed *f)
{
	if (f->on.status)
		f->on.status(f->arg, &f->status);
}

static void wait_until(struct wr_kube_feed *f, uint64_t due)
{
	f->state = WR_FEED_WAITING;
	f->due = due;
	wr_kube_wake(f->k);
}

static void forget(struct wr_kube_feed *f)
{
	free(f->version);
	free(f->token);
	f->version = f->token = NULL;
}

static void fail(struct wr_kube_feed *f, const char *why, int code, uint32_t retry)
{
	const struct wr_kube_opts *o = &f->k->opts;
	f->backoff = !f->backoff ? o->backoff_ms : f->backoff * 2;
	if (f->backoff > o->backoff_max_ms)
		f->backoff = o->backoff_max_ms;
	uint64_t pause = wr_kube_jitter(f->k, f->backoff), asked = (uint64_t)retry * 1000;
	if (asked > pause)
		pause = asked + wr_kube_jitter(f->k, f->backoff) - f->backoff;
	f->status.failures++;
	f->status.code = code;
	f->status.live = false;
	snprintf(f->status.error, sizeof(f->status.error), "%s", why);
	free(f->token);
	f->token = NULL;
	wait_until(f, wr_kube_now_ms() + pause);
	tell(f);
}

static void live(struct wr_kube_feed *f)
{
	f->status.live = true;
	f->status.code = 0;
	*f->status.error = '\0';
	tell(f);
}

/* --- URLs --- */

/* Appends text with all but letters, digits and "-._~" as %XX; bounded by the caller's room. */
static void add_escaped(char *url, size_t room, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = strlen(url);
	for (const unsigned char *p = (const unsigned char *)text; *p && n + 4 < room; p++) {
		bool plain = (*p >= '0' && *p <= '9') ||
			     ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') || strchr("-._~", *p);
		if (plain) {
			url[n++] = (char)*p;
			continue;
		}
		url[n++] = '%';
		url[n++] = hex[*p >> 4];
		url[n++] = hex[*p & 15];
	}
	url[n] = '\0';
}

/* The path of the kind with room for a query in which text stands escaped; malloc'ed. */
static char *path_of(const struct wr_kube_feed *f, const char *query, const char *text)
{
	size_t room = strlen(f->info->path) + strlen(query) + (text ? 3 * strlen(text) : 0) + 400;
	char *url = malloc(room);
	if (!url)
		return NULL;
	size_t prefix = strlen(f->info->path) - strlen(f->info->resource);
	if (f->ns && f->info->namespaced)
		snprintf(url, room, "%.*snamespaces/%s/%s%s", (int)prefix, f->info->path, f->ns,
			 f->info->resource, query);
	else
		snprintf(url, room, "%s%s", f->info->path, query);
	if (text)
		add_escaped(url, room, text);
	return url;
}

/* --- Asking --- */

static void list_done(void *arg, const struct wr_kube_result *r, const char *body, size_t size);
static void watch_done(void *arg, const struct wr_kube_result *r, const char *body, size_t size);

static int send_path(struct wr_kube_feed *f, const char *path, struct wr_kube_transfer_spec *spec)
{
	spec->path = path;
	spec->arg = f;
	f->began = wr_kube_now_ms();
	return path ? wr_kube_transfer_new(f->k, spec, &f->transfer) : -ENOMEM;
}

static int ask_page(struct wr_kube_feed *f)
{
	char query[64] = "";
	if (f->page)
		snprintf(query, sizeof(query), "?limit=%u%s", f->page,
			 f->token ? "&continue=" : "");
	WR_CLEANUP(free)
	char *path = path_of(f, query, f->token);
	struct wr_kube_transfer_spec spec = {
		.data = wr_feed_read,
		.done = list_done,
		.limit_ms = LIST_LIMIT_MS,
	};
	wr_feed_read_begin(f, true);
	f->state = WR_FEED_LISTING;
	f->due = 0;
	f->status.lists += !f->token;
	return send_path(f, path, &spec);
}

/* A watch runs as soon as its header is there: it may have nothing to tell for long. */
static void watch_opened(void *arg)
{
	struct wr_kube_feed *f = arg;
	f->opened = true;
	f->status.heard_ms = wr_kube_now_ms();
	if (f->state == WR_FEED_STREAMING) {
		f->due = f->status.heard_ms + f->k->opts.initial_ms;
	} else {
		f->due = 0;
		live(f);
	}
}

static int ask_watch(struct wr_kube_feed *f, bool initial)
{
	const struct wr_kube_opts *o = &f->k->opts;
	uint64_t seconds = wr_kube_jitter(f->k, o->watch_seconds);
	char query[256];
	snprintf(query, sizeof(query), "?watch=1&allowWatchBookmarks=true&timeoutSeconds=%llu&%s",
		 (unsigned long long)seconds,
		 initial ? "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
			 : "resourceVersion=");
	WR_CLEANUP(free)
	char *path = path_of(f, query, initial ? NULL : f->version);
	struct wr_kube_transfer_spec spec = {
		.watch = true,
		.limit_ms = seconds * 1000 + o->watch_grace_ms,
		.opened = watch_opened,
		.data = wr_feed_read,
		.done = watch_done,
	};
	wr_feed_read_begin(f, false);
	f->state = initial ? WR_FEED_STREAMING : WR_FEED_WATCHING;
	f->opened = false;
	f->due = wr_kube_now_ms() + o->connect_ms + o->stall_seconds * UINT64_C(1000);
	f->status.watches++;
	f->status.lists += initial;
	return send_path(f, path, &spec);
}

static void start(struct wr_kube_feed *f)
{
	int rc = 0;
	if (!f->version && !f->token) {
		f->items = f->pages = 0;
		rc = f->on.begin(f->arg);
	}
	bool initial = !f->version && !f->token && !f->once && !f->no_streaming;
	if (!rc)
		rc = f->version || initial ? ask_watch(f, initial) : ask_page(f);
	if (rc)
		fail(f, "out of memory", 0, 0);
}

/* --- What came --- */

static void not_there(struct wr_kube_feed *f);

/* A server that was set back to an old state may never serve this version again. */
static void count_refusal(struct wr_kube_feed *f)
{
	if (f->version && ++f->refusals >= REFUSALS) {
		f->refusals = 0;
		forget(f);
	}
}

/* An answer that is no success; true: dealt with. */
static void refused(struct wr_kube_feed *f, const struct wr_kube_result *r)
{
	if (r->status >= 500)
		count_refusal(f);
	bool again = r->status == 401 && !f->unauthorized && f->k->config->exec;
	if (r->status == 410) {
		bool twice = f->expired;
		/* pages that expire before the last has come: larger ones */
		if (f->token)
			f->page = f->page * 4 > PAGE_MAX ? 0 : f->page * 4;
		f->expired = true;
		forget(f);
		if (twice)
			fail(f, r->text, r->status, 0);
		else
			wait_until(f, wr_kube_now_ms());
		return;
	}
	if (r->status == 404 && f->info->optional) {
		not_there(f);
		return;
	}
	f->unauthorized |= r->status == 401;
	if (again)
		wait_until(f, wr_kube_now_ms());
	else
		fail(f, r->text, r->status, r->retry);
}

static void list_done(void *arg, const struct wr_kube_result *r, const char *body, size_t size)
{
	struct wr_kube_feed *f = arg;
	char *version;
	(void)body;
	(void)size;
	f->transfer = NULL;
	if (f->stop != WR_STOP_NONE || r->error) {
		fail(f, f->stop != WR_STOP_NONE ? f->why : r->text, 0, 0);
		return;
	}
	if (r->status != 200) {
		refused(f, r);
		return;
	}
	free(f->token);
	f->token = NULL;
	if (wr_feed_read_page(f, &version, &f->token)) {
		fail(f, f->why, 0, 0);
		return;
	}
	if (f->token) {
		free(version);
		if (f->items > WR_KUBE_OBJECTS || ++f->pages > WR_KUBE_OBJECTS / 100)
			fail(f, "the server sends a list without end", 0, 0);
		else
			start(f);
		return;
	}
	if (wr_feed_commit(f, version)) {
		fail(f, f->why, 0, 0);
		return;
	}
	*f->status.error = '\0';
	f->status.code = 0;
	tell(f);
	if (f->once)
		f->state = WR_FEED_ENDED;
	else
		start(f);
}

/* The server knows no streaming lists: a list in pages, at once. */
static void no_streaming(struct wr_kube_feed *f)
{
	f->no_streaming = true;
	wait_until(f, wr_kube_now_ms());
}

static void watch_stopped(struct wr_kube_feed *f)
{
	switch (f->stop) {
	case WR_STOP_NONE:
		return;
	case WR_STOP_EXPIRED:
		refused(f, &(struct wr_kube_result){.status = 410,
						    .text = "the server has no history so old"});
		return;
	case WR_STOP_RETRY:
		count_refusal(f);
		fail(f, f->why, 0, f->retry);
		return;
	case WR_STOP_BROKEN:
		forget(f);
		fail(f, f->why, 0, 0);
		return;
	case WR_STOP_REFUSED:
		no_streaming(f);
		return;
	}
}

/* A watch has ended, by the server's or the network's will. */
static void watch_over(struct wr_kube_feed *f, const struct wr_kube_result *r)
{
	bool whole = wr_kube_split_complete(&f->split);
	bool fresh = f->state == WR_FEED_STREAMING;
	uint64_t lived = wr_kube_now_ms() - f->began;
	if (lived >= SHORT_WATCH_MS)
		wr_feed_proven(f);
	if (r->error)
		fail(f, r->text, 0, 0);
	else if (!whole)
		fail(f, "the watch was cut in the middle of an event", 0, 0);
	else if (fresh && f->early_ends++)
		no_streaming(f);
	else if (fresh || (!f->heard && lived < SHORT_WATCH_MS))
		fail(f, "the server ended the watch at once", 0, 0);
	else
		wait_until(f, wr_kube_now_ms());
}

static void watch_done(void *arg, const struct wr_kube_result *r, const char *body, size_t size)
{
	struct wr_kube_feed *f = arg;
	bool initial = f->state == WR_FEED_STREAMING;
	(void)body;
	(void)size;
	f->transfer = NULL;
	f->status.live = false;
	if (f->stop != WR_STOP_NONE)
		watch_stopped(f);
	else if (!r->error && initial && (r->status == 400 || r->status == 422))
		no_streaming(f);
	else if (!r->error && r->status != 200)
		refused(f, r);
	else
		watch_over(f, r);
}

/* --- Kinds that need not be there --- */

/* The server has no such kind: all that was of it is gone. */
static void absent(struct wr_kube_feed *f)
{
	f->items = 0;
	int rc = f->on.begin(f->arg);
	if (!rc)
		rc = wr_feed_commit(f, NULL);
	if (rc) {
		fail(f, "out of memory", 0, 0);
		return;
	}
	f->status.absent = true;
	f->status.live = false;
	*f->status.error = '\0';
	if (f->once)
		f->state = WR_FEED_ENDED;
	else
		wait_until(f, wr_kube_now_ms() + wr_kube_jitter(f->k, f->k->opts.absent_ms));
	tell(f);
}

/* Whether a list of maps has one with this text under key. */
static bool lists_text(const struct wr_value *list, const char *key, const char *text)
{
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n; i++) {
		const char *its = wr_feed_text(list->items[i], key);
		if (its && !strcmp(its, text))
			return true;
	}
	return false;
}

/* Does a discovery document say that the kind exists? -EBADMSG: it is none. */
static int discovered(const struct wr_kube_feed *f, const char *body, size_t size)
{
	WR_CLEANUP(arena)
	struct wr_arena *a = wr_arena_new();
	struct wr_value *v;
	if (!a)
		return -ENOMEM;
	if (wr_json_parse(a, body, size, (struct wr_mark){0}, &v, NULL))
		return -EBADMSG;
	const char *kind = wr_feed_text(v, "kind");
	if (kind && !strcmp(kind, "APIResourceList"))
		return lists_text(wr_value_get(v, "resources"), "name", f->info->resource);
	const struct wr_value *groups = wr_value_get(v, "groups");
	if (!kind || strcmp(kind, "APIGroupList") != 0 || !groups || groups->type != WR_LIST)
		return -EBADMSG;
	for (size_t i = 0; i < groups->n; i++)
		if (lists_text(wr_value_get(groups->items[i], "versions"), "groupVersion",
			       f->info->api))
			return 1;
	return 0;
}

static int ask_discovery(struct wr_kube_feed *f, bool groups);

static void discovery_done(void *arg, const struct wr_kube_result *r, const char *body, size_t size)
{
	struct wr_kube_feed *f = arg;
	f->transfer = NULL;
	int found = !r->error && r->status == 200 ? discovered(f, body, size) : -EBADMSG;
	if (!found)
		absent(f);
	else if (r->status == 404 && !f->asked_groups && !ask_discovery(f, true))
		return;
	else
		fail(f, "the server does not find the kind, and does not say that it has none", 404,
		     0);
}

static int ask_discovery(struct wr_kube_feed *f, bool groups)
{
	char path[128];
	struct wr_kube_transfer_spec spec = {
		.collect = true,
		.max_bytes = DISCOVERY_BYTES,
		.limit_ms = LIST_LIMIT_MS,
		.done = discovery_done,
	};
	if (groups)
		snprintf(path, sizeof(path), "/apis");
	else /* the core group stands apart */
		snprintf(path, sizeof(path), "/api%s/%s", strchr(f->info->api, '/') ? "s" : "",
			 f->info->api);
	f->state = WR_FEED_ASKING;
	f->due = 0;
	f->asked_groups = groups;
	return send_path(f, path, &spec);
}

/*
 * 404. Where nothing is held it is as good as an empty list. Where something
 * is, a proxy's or a broken server's 404 must not take policies away: only
 * discovery, a document that names what there is, is believed.
 */
static void not_there(struct wr_kube_feed *f)
{
	forget(f);
	if (!f->held)
		absent(f);
	else if (ask_discovery(f, false))
		fail(f, "out of memory", 0, 0);
}

/* --- Life --- */

void wr_kube_feed_want(struct wr_kube_feed *f, const struct wr_json_want *want)
{
	f->want = want;
}

uint64_t wr_kube_feed_due(const struct wr_kube_feed *f)
{
	return f->due;
}

void wr_kube_feed_tick(struct wr_kube_feed *f, uint64_t now)
{
	if (!f->due || f->due > now)
		return;
	bool asking = f->state != WR_FEED_WAITING;
	f->due = 0;
	if (f->transfer)
		wr_kube_transfer_free(f->k, f->transfer);
	f->transfer = NULL;
	if (asking && !f->opened)
		fail(f, "the server does not answer", 0, 0);
	else if (asking) /* an old server: it took a list for a watch, and never says where it ends */
		no_streaming(f);
	else
		start(f);
}

static bool is_name(const char *ns)
{
	return *ns && strlen(ns) < 64 &&
	       strspn(ns, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(ns);
}

int wr_kube_feed_new(struct wr_kube *k, enum wr_kind kind, const char *ns, bool once,
		     const struct wr_kube_feed_handlers *handlers, void *arg,
		     struct wr_kube_feed **out)
{
	const struct wr_kube_kind *info = wr_kube_kind_of(kind);
	if (!info)
		return -ENOTSUP;
	if (ns && !is_name(ns))
		return -EINVAL;
	struct wr_kube_feed *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = (struct wr_kube_feed){.k = k, .kind = kind, .info = info, .once = once, .arg = arg};
	f->on = *handlers;
	f->page = k->opts.page;
	f->no_streaming = k->opts.no_streaming_lists;
	f->ns = ns ? strdup(ns) : NULL;
	if ((ns && !f->ns) || wr_vec_push(&k->feeds, f) < 0) {
		wr_kube_feed_free(f);
		return -ENOMEM;
	}
	wait_until(f, wr_kube_now_ms());
	*out = f;
	return 0;
}

void wr_kube_feed_free(struct wr_kube_feed *f)
{
	forget(f);
	wr_kube_split_free(&f->split);
	wr_arena_free(f->scratch);
	free(f->ns);
	free(f);
}

const struct wr_kube_status *wr_kube_feed_status(const struct wr_kube_feed *f)
{
	return &f->status;
}
