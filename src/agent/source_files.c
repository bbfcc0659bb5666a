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

struct file_source {
	struct agent *agent;
	uv_fs_event_t watch;
	char trouble[600];
};

struct kept {
	struct wr_input *in;
	struct wr_arena *arena;
};

static void release(void *keep)
{
	struct kept *k = keep;
	wr_arena_free(k->arena);
	wr_input_free(k->in);
	free(k);
}

static bool is_synced(void *self)
{
	(void)self;
	return true;
}

static int snapshot(void *self, struct snapshot *out, struct wr_diags *diags)
{
	struct file_source *s = self;
	struct kept *k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	*out = (struct snapshot){.keep = k, .release = release};
	k->in = wr_input_new(NULL);
	k->arena = wr_arena_new();
	int rc = k->in && k->arena ? wr_input_path(k->in, s->agent->opts->manifests, diags)
				   : -ENOMEM;
	if (!rc)
		rc = wr_decode(k->in, k->arena, diags, &out->objects);
	if (rc)
		snapshot_free(out);
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
	free(handle->data);
}

static void stop(void *self)
{
	struct file_source *s = self;
	uv_close((uv_handle_t *)&s->watch, on_closed);
}

static const struct source source = {
	.synced = is_synced,
	.snapshot = snapshot,
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
