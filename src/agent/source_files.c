/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of manifests as a source: read whole whenever something in it
 * changes. A folder that cannot be read, or holds an error, changes nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "input/input.h"

/* The folder as it was read once. */
struct reading {
	struct wr_input *in;
	struct wr_arena *arena;
	struct wr_objects objects;
};

struct file_source {
	struct agent *agent;
	uv_fs_event_t watch;
	struct reading now, before;
	char trouble[600];
};

static void reading_free(struct reading *r)
{
	wr_arena_free(r->arena);
	wr_input_free(r->in);
	*r = (struct reading){0};
}

static bool is_synced(void *self)
{
	(void)self;
	return true;
}

static int load(void *self, struct wr_diags *diags)
{
	struct file_source *s = self;
	struct reading r = {.in = wr_input_new(NULL), .arena = wr_arena_new()};
	int rc = r.in && r.arena ? wr_input_path(r.in, s->agent->opts->manifests, diags) : -ENOMEM;
	if (!rc)
		rc = wr_decode(r.in, r.arena, diags, &r.objects);
	if (rc) {
		reading_free(&r);
		return rc;
	}
	s->before = s->now;
	s->now = r;
	return 0;
}

static void drop(void *self, bool used)
{
	struct file_source *s = self;
	struct reading dropped = used ? s->before : s->now;
	if (!used)
		s->now = s->before;
	s->before = (struct reading){0};
	reading_free(&dropped);
}

static int each(void *self, object_fn fn, void *ctx)
{
	struct file_source *s = self;
	int rc = 0;
	for (size_t i = 0; i < s->now.objects.n && !rc; i++)
		rc = fn(ctx, s->now.objects.items[i]);
	return rc;
}

static void describe(void *self, struct wr_buf *out)
{
	struct file_source *s = self;
	wr_buf_text(out, ",\"manifests\":");
	wr_buf_json(out, s->agent->opts->manifests);
}

static void metrics(void *self, struct wr_buf *out)
{
	(void)self;
	(void)out;
}

static const char *trouble(void *self)
{
	(void)self;
	return NULL;
}

static unsigned needs(void *self)
{
	(void)self;
	return SOURCE_NEEDS_FILES;
}

static void on_closed(uv_handle_t *handle)
{
	struct file_source *s = handle->data;
	reading_free(&s->now);
	free(s);
}

static void stop(void *self)
{
	struct file_source *s = self;
	uv_close((uv_handle_t *)&s->watch, on_closed);
}

static const struct source source = {
	.synced = is_synced,
	.load = load,
	.drop = drop,
	.each = each,
	.describe = describe,
	.metrics = metrics,
	.trouble = trouble,
	.needs = needs,
	.stop = stop,
};

static void on_event(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct file_source *s = watch->data;
	(void)name;
	(void)events;
	if (status)
		agent_log(s->agent, WR_LOG_ERROR, "%s: %s", s->agent->opts->manifests,
			  uv_strerror(status));
	s->agent->rebuild = true;
	agent_changed(s->agent);
}

int source_files_new(struct agent *a, const struct source **out, void **self,
		     struct wr_diags *diags)
{
	struct file_source *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->agent = a;
	int rc = uv_fs_event_init(&a->loop, &s->watch);
	s->watch.data = s;
	if (!rc)
		rc = uv_fs_event_start(&s->watch, on_event, a->opts->manifests, 0);
	if (rc) {
		struct wr_mark mark = {.file = a->opts->manifests};
		wr_diag_add(diags, WR_ERROR, mark, NULL, NULL, "cannot be watched: %s",
			    uv_strerror(rc));
		free(s);
		return rc;
	}
	*out = &source;
	*self = s;
	agent_changed(a);
	return 0;
}
