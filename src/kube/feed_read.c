/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a list or a watch brings: bytes to objects to the owner's handlers.
 *
 * An event counts once it has been handed over, and only then the version to
 * watch from moves on: a stream that is cut in the middle of an event is taken
 * up before it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/input.h"
#include "kube/feed.h"

#define SCRATCH_KEPT ((size_t)256 << 10)

const char *wr_feed_text(const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	return v && v->type == WR_STRING && *v->text ? v->text : NULL;
}

static int stop(struct wr_kube_feed *f, enum wr_feed_stop how, const char *why)
{
	f->stop = how;
	snprintf(f->why, sizeof(f->why), "%s", why);
	return -ECANCELED;
}

static int broken(struct wr_kube_feed *f, int rc, const char *why)
{
	return stop(f, WR_STOP_BROKEN, rc == -ENOMEM ? "out of memory" : why);
}

/* The tree of a text; it lives until the next one is read. */
static int parse(struct wr_kube_feed *f, const char *text, size_t size,
		 const struct wr_json_want *want, struct wr_value **out)
{
	if (f->scratch && wr_arena_size(f->scratch) > SCRATCH_KEPT) {
		wr_arena_free(f->scratch);
		f->scratch = NULL;
	}
	if (f->scratch)
		wr_arena_reset(f->scratch);
	else
		f->scratch = wr_arena_new();
	if (!f->scratch)
		return broken(f, -ENOMEM, "");
	struct wr_mark mark = {f->info->path, 1, 1};
	int rc = wr_json_parse_wanted(f->scratch, text, size, mark, want, out, NULL);
	return rc ? broken(f, rc, "the server sent something that is no JSON") : 0;
}

static const char *version_of(const struct wr_value *object)
{
	return wr_feed_text(wr_value_get(object, "metadata"), "resourceVersion");
}

static int hand_over(struct wr_kube_feed *f, int (*handler)(void *, const struct wr_value *),
		     const struct wr_value *object)
{
	if (!object || object->type != WR_MAP || !version_of(object))
		return broken(f, 0, "the server sent an object without metadata.resourceVersion");
	f->status.objects++;
	int rc = handler(f->arg, object);
	f->status.unchanged += rc == WR_KUBE_UNCHANGED;
	return rc < 0 ? broken(f, rc,
			       "the server sent an object that is none of the kind asked for")
		      : 0;
}

static int list_item(void *arg, const char *text, size_t size)
{
	struct wr_kube_feed *f = arg;
	struct wr_value *v;
	int rc = parse(f, text, size, f->want, &v);
	if (rc)
		return rc;
	f->items++;
	return hand_over(f, f->on.item, v);
}

/* An ERROR event holds a Status. */
static int error_event(struct wr_kube_feed *f, const struct wr_value *status)
{
	const struct wr_value *code = wr_value_get(status, "code"),
			      *retry = wr_value_get(wr_value_get(status, "details"),
						    "retryAfterSeconds");
	const char *message = wr_feed_text(status, "message"),
		   *reason = wr_feed_text(status, "reason");
	int64_t n = code && code->type == WR_INT ? code->integer : 0;
	char why[WR_KUBE_ERROR];
	if (n == 410 || (reason && (!strcmp(reason, "Expired") || !strcmp(reason, "Gone"))))
		return stop(f, WR_STOP_EXPIRED, "");
	if (retry && retry->type == WR_INT && retry->integer > 0)
		f->retry = retry->integer > WR_KUBE_RETRY_AFTER ? WR_KUBE_RETRY_AFTER
								: (uint32_t)retry->integer;
	snprintf(why, sizeof(why), "the server ended the watch: %.400s",
		 message ? message : "it does not say why");
	return stop(f, n == 429 || n >= 500 ? WR_STOP_RETRY : WR_STOP_BROKEN, why);
}

void wr_feed_proven(struct wr_kube_feed *f)
{
	f->backoff = f->refusals = 0;
	f->expired = false;
}

static int move_on(struct wr_kube_feed *f, const char *version)
{
	wr_feed_proven(f);
	if (f->version && !strcmp(f->version, version))
		return 0;
	char *copy = strdup(version);
	if (!copy)
		return broken(f, -ENOMEM, "");
	free(f->version);
	f->version = copy;
	return 0;
}

int wr_feed_commit(struct wr_kube_feed *f, char *version)
{
	int rc = f->on.commit(f->arg);
	if (rc) {
		free(version);
		return broken(f, rc, "the list could not be taken over");
	}
	free(f->version);
	f->version = version;
	f->held = f->items;
	f->status.synced = true;
	f->status.absent = false;
	f->early_ends = 0;
	f->unauthorized = false;
	return 0;
}

static int bookmark(struct wr_kube_feed *f, const struct wr_value *object)
{
	const char *version = version_of(object);
	const struct wr_value *meta = wr_value_get(object, "metadata");
	const char *end = wr_feed_text(wr_value_get(meta, "annotations"),
				       "k8s.io/initial-events-end");
	if (!version)
		return broken(f, 0, "the server sent a bookmark without resourceVersion");
	f->status.bookmarks++;
	if (f->state == WR_FEED_WATCHING)
		return move_on(f, version);
	if (!end || strcmp(end, "true") != 0)
		return stop(f, WR_STOP_REFUSED, "");
	char *copy = strdup(version);
	if (!copy)
		return broken(f, -ENOMEM, "");
	int rc = wr_feed_commit(f, copy);
	if (rc)
		return rc;
	f->state = WR_FEED_WATCHING;
	f->due = 0;
	f->status.live = true;
	f->status.code = 0;
	*f->status.error = '\0';
	if (f->on.status)
		f->on.status(f->arg, &f->status);
	return 0;
}

static int change(struct wr_kube_feed *f, const char *type, const struct wr_value *object)
{
	bool deleted = !strcmp(type, "DELETED"), initial = f->state == WR_FEED_STREAMING;
	if (!deleted && strcmp(type, "ADDED") != 0 && strcmp(type, "MODIFIED") != 0)
		return broken(f, 0, "the server sent an event of no type that exists");
	int rc = hand_over(f, deleted ? f->on.gone : initial ? f->on.item : f->on.put, object);
	if (rc)
		return rc;
	f->status.events++;
	if (initial) {
		f->items += !deleted;
		return f->items > WR_KUBE_OBJECTS ? broken(f, 0, "the server sent too long a list")
						  : 0;
	}
	f->held |= !deleted;
	return move_on(f, version_of(object));
}

static int watch_event(void *arg, const char *text, size_t size)
{
	struct wr_kube_feed *f = arg;
	struct wr_value *v;
	const struct wr_json_want event[] = {{"type", NULL}, {"object", f->want}, {NULL, NULL}};
	int rc = parse(f, text, size, event, &v);
	if (rc)
		return rc;
	const char *type = wr_feed_text(v, "type");
	const struct wr_value *object = wr_value_get(v, "object");
	if (!type || !object || object->type != WR_MAP)
		return broken(f, 0, "the server sent an event without a type or an object");
	if (!strcmp(type, "ERROR"))
		return error_event(f, object);
	f->heard = true;
	return !strcmp(type, "BOOKMARK") ? bookmark(f, object) : change(f, type, object);
}

void wr_feed_read_begin(struct wr_kube_feed *f, bool list)
{
	wr_kube_split_free(&f->split);
	wr_kube_split_init(&f->split, list, list ? list_item : watch_event, f);
	f->stop = WR_STOP_NONE;
	f->retry = 0;
	f->heard = false;
	*f->why = '\0';
}

int wr_feed_read(void *arg, const char *bytes, size_t n)
{
	struct wr_kube_feed *f = arg;
	char text[WR_KUBE_ERROR];
	f->status.bytes += n;
	f->status.heard_ms = wr_kube_now_ms();
	if (f->state == WR_FEED_STREAMING)
		f->due = f->status.heard_ms + f->k->opts.initial_ms;
	int rc = wr_kube_split_feed(&f->split, bytes, n);
	if (rc && f->stop == WR_STOP_NONE)
		broken(f, rc, wr_kube_split_problem(&f->split, rc, text));
	return rc ? -ECANCELED : 0;
}

int wr_feed_read_page(struct wr_kube_feed *f, char **version, char **token)
{
	struct wr_value *v;
	char want[64];
	if (!wr_kube_split_complete(&f->split)) {
		broken(f, 0, "the list ends in its middle");
		return -EBADMSG;
	}
	if (parse(f, f->split.shell.items, f->split.shell.n, NULL, &v))
		return -EBADMSG;
	snprintf(want, sizeof(want), "%sList", wr_kind_name(f->kind));
	const char *kind = wr_feed_text(v, "kind"), *at = version_of(v),
		   *next = wr_feed_text(wr_value_get(v, "metadata"), "continue");
	const struct wr_value *items = wr_value_get(v, "items");
	if (!kind || strcmp(kind, want) != 0 || !at ||
	    (items && items->type != WR_LIST && items->type != WR_NULL)) {
		broken(f, 0, "the server sent something that is no list of the kind asked for");
		return -EBADMSG;
	}
	char *v_copy = strdup(at), *t_copy = next ? strdup(next) : NULL;
	if (!v_copy || (next && !t_copy)) {
		free(v_copy);
		free(t_copy);
		broken(f, -ENOMEM, "");
		return -EBADMSG;
	}
	*version = v_copy;
	*token = t_copy;
	return 0;
}
