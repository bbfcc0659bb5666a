/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes API as a source: a store for each kind that decides verdicts.
 * Workloads and Services do not: what enforces knows pods by their addresses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"

static const enum wr_kind kinds[] = {
	WR_KIND_NAMESPACE,
	WR_KIND_NODE,
	WR_KIND_POD,
	WR_KIND_NETWORKPOLICY,
	WR_KIND_CLUSTERNETWORKPOLICY,
	WR_KIND_ADMINNETWORKPOLICY,
	WR_KIND_BASELINEADMINNETWORKPOLICY,
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

#define TELL_AGAIN_NS UINT64_C(60000000000)

struct followed {
	struct kube_source *source;
	enum wr_kind kind;
};

struct kube_source {
	struct agent *agent;
	struct wr_kube_config *config;
	struct wr_kube *kube;
	struct wr_kube_store *stores[N_KINDS];
	struct followed followed[N_KINDS];
	uv_poll_t poll;
	bool was_synced;
	char told[512]; /* the last failure that was logged, and when */
	uint64_t told_ns;
	char trouble[600];
};

/* ---- what the stores tell ---- */

static void tell_problem(struct kube_source *s, const struct wr_kube_item *item)
{
	if (item->problem)
		agent_log(s->agent, WR_LOG_WARNING, "%s%s%s: %s; what was read of it before stays",
			  item->ns ? item->ns : "", item->ns ? "/" : "", item->name, item->problem);
}

static void on_added(void *arg, const struct wr_kube_item *item)
{
	struct kube_source *s = arg;
	tell_problem(s, item);
	if (item->object)
		agent_put(s->agent, item->object);
	else
		agent_changed(s->agent);
}

static void on_changed(void *arg, const struct wr_kube_item *before,
		       const struct wr_kube_item *item)
{
	(void)before; /* one that was read once is never unread again */
	on_added(arg, item);
}

static void on_deleted(void *arg, const struct wr_kube_item *before)
{
	struct kube_source *s = arg;
	if (before->object)
		agent_removed(s->agent, before->object);
	else
		agent_changed(s->agent);
}

static bool is_synced(void *self)
{
	struct kube_source *s = self;
	for (size_t i = 0; i < N_KINDS; i++) {
		const struct wr_kube_status *status = wr_kube_store_status(s->stores[i]);
		if (!status->synced && !status->absent)
			return false;
	}
	return true;
}

/* The same failure is told once a minute: every kind meets it, again and again. */
static void tell_failure(struct kube_source *s, const char *error)
{
	uint64_t now = uv_hrtime();
	if (!strcmp(error, s->told) && now - s->told_ns < TELL_AGAIN_NS)
		return;
	snprintf(s->told, sizeof(s->told), "%s", error);
	s->told_ns = now;
	agent_log(s->agent, WR_LOG_WARNING, "the API server: %s", error);
}

/* Objects are told of by themselves; here it is whether there is enough to begin with. */
static void note_synced(struct kube_source *s)
{
	bool synced = is_synced(s);
	if (synced != s->was_synced)
		agent_changed(s->agent);
	s->was_synced = synced;
}

static void on_status(void *arg, const struct wr_kube_status *status)
{
	struct kube_source *s = arg;
	if (*status->error)
		tell_failure(s, status->error);
	note_synced(s);
}

static void on_synced(void *arg)
{
	note_synced(arg);
}

static const struct wr_kube_store_handlers handlers = {
	.added = on_added,
	.changed = on_changed,
	.deleted = on_deleted,
	.synced = on_synced,
	.status = on_status,
};

/* ---- cluster-wide policies, whose status agents write ---- */

static void on_cluster_raw(void *arg, const struct wr_value *object)
{
	struct followed *f = arg;
	conditions_seen(f->source->agent, f->kind, object);
}

static void on_cluster_added(void *arg, const struct wr_kube_item *item)
{
	struct followed *f = arg;
	on_added(f->source, item);
}

static void on_cluster_changed(void *arg, const struct wr_kube_item *before,
			       const struct wr_kube_item *item)
{
	struct followed *f = arg;
	on_changed(f->source, before, item);
}

static void on_cluster_deleted(void *arg, const struct wr_kube_item *before)
{
	struct followed *f = arg;
	conditions_gone(f->source->agent, f->kind, before->name);
	on_deleted(f->source, before);
}

static void on_cluster_synced(void *arg)
{
	struct followed *f = arg;
	on_synced(f->source);
}

static void on_cluster_status(void *arg, const struct wr_kube_status *status)
{
	struct followed *f = arg;
	on_status(f->source, status);
}

static const struct wr_kube_store_handlers cluster_handlers = {
	.raw = on_cluster_raw,
	.added = on_cluster_added,
	.changed = on_cluster_changed,
	.deleted = on_cluster_deleted,
	.synced = on_cluster_synced,
	.status = on_cluster_status,
};

/* ---- a source ---- */

static int each(void *self, object_fn fn, void *ctx)
{
	struct kube_source *s = self;
	int rc = 0;
	for (size_t i = 0; i < N_KINDS; i++) {
		const struct wr_kube_item *item;
		for (size_t at = 0; !rc && (item = wr_kube_store_next(s->stores[i], &at));)
			if (item->object)
				rc = fn(ctx, item->object);
	}
	return rc;
}

/* Names and versions of all of a kind in one number: whoever has the same has the same objects. */
static uint64_t digest(const struct wr_kube_store *store)
{
	const struct wr_kube_item *item;
	uint64_t sum = 0;
	for (size_t at = 0; (item = wr_kube_store_next(store, &at));)
		sum += wr_kube_digest(item->ns, item->name, item->version);
	return sum;
}

static void describe(void *self, struct wr_buf *out)
{
	struct kube_source *s = self;
	wr_buf_text(out, ",\"server\":");
	wr_buf_json(out, wr_kube_config_server(s->config));
	wr_buf_text(out, ",\"kinds\":[");
	for (size_t i = 0; i < N_KINDS; i++) {
		const struct wr_kube_status *st = wr_kube_store_status(s->stores[i]);
		wr_buf_printf(out,
			      "%s{\"kind\":\"%s\",\"objects\":%zu,\"synced\":%s,\"live\":%s,"
			      "\"installed\":%s,\"digest\":\"%016llx\",\"error\":",
			      i ? "," : "", wr_kind_name(kinds[i]),
			      wr_kube_store_count(s->stores[i]), st->synced ? "true" : "false",
			      st->live ? "true" : "false", st->absent ? "false" : "true",
			      (unsigned long long)digest(s->stores[i]));
		wr_buf_json(out, *st->error ? st->error : NULL);
		wr_buf_text(out, "}");
	}
	wr_buf_text(out, "]");
}

static void metric(struct kube_source *s, struct wr_buf *out, const char *name, const char *help,
		   const char *type, uint64_t (*value)(const struct wr_kube_status *))
{
	wr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
	for (size_t i = 0; i < N_KINDS; i++)
		wr_buf_printf(out, "%s{kind=\"%s\"} %llu\n", name, wr_kind_name(kinds[i]),
			      (unsigned long long)value(wr_kube_store_status(s->stores[i])));
}

static uint64_t objects_of(const struct wr_kube_status *s)
{
	return s->objects;
}

static uint64_t events_of(const struct wr_kube_status *s)
{
	return s->events;
}

static uint64_t unchanged_of(const struct wr_kube_status *s)
{
	return s->unchanged;
}

static uint64_t watches_of(const struct wr_kube_status *s)
{
	return s->watches;
}

static uint64_t lists_of(const struct wr_kube_status *s)
{
	return s->lists;
}

static uint64_t failures_of(const struct wr_kube_status *s)
{
	return s->failures;
}

static uint64_t live_of(const struct wr_kube_status *s)
{
	return s->live;
}

static void metrics(void *self, struct wr_buf *out)
{
	metric(self, out, "weir_api_objects", "Objects of a kind that the agent knows.", "gauge",
	       objects_of);
	metric(self, out, "weir_api_events_total", "Events that watches brought.", "counter",
	       events_of);
	metric(self, out, "weir_api_unchanged_total",
	       "Of the objects that came, those with nothing in them that had changed.", "counter",
	       unchanged_of);
	metric(self, out, "weir_api_lists_total", "Lists that were begun.", "counter", lists_of);
	metric(self, out, "weir_api_watches_total", "Watches that were begun.", "counter",
	       watches_of);
	metric(self, out, "weir_api_failures_total", "Requests that failed.", "counter",
	       failures_of);
	metric(self, out, "weir_api_watch_live", "1 while a watch of the kind runs.", "gauge",
	       live_of);
	struct kube_source *s = self;
	wr_buf_printf(
		out,
		"# HELP weir_conditions_written_total Conditions that this agent wrote into the "
		"status of cluster-wide policies.\n# TYPE weir_conditions_written_total counter\n"
		"weir_conditions_written_total %llu\n",
		(unsigned long long)s->agent->conditions.written);
}

/* A policy that cannot be read, and was never: nobody enforces it. */
static const char *trouble(void *self)
{
	struct kube_source *s = self;
	for (size_t i = 0; i < N_KINDS; i++) {
		const struct wr_kube_item *item;
		for (size_t at = 0; wr_kind_is_policy(kinds[i]) &&
				    (item = wr_kube_store_next(s->stores[i], &at));) {
			if (!item->problem)
				continue;
			snprintf(s->trouble, sizeof(s->trouble), "%s %s%s%s cannot be read: %s",
				 wr_kind_name(kinds[i]), item->ns ? item->ns : "",
				 item->ns ? "/" : "", item->name, item->problem);
			return s->trouble;
		}
	}
	return NULL;
}

/* A pod's own credentials are root's, and mounted for it. */
static unsigned needs(void *self)
{
	struct kube_source *s = self;
	return (wr_kube_config_context(s->config) ? SOURCE_NEEDS_FILES : 0) |
	       (wr_kube_config_has_plugin(s->config) ? SOURCE_NEEDS_PROGRAMS : 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct kube_source *s = handle->data;
	wr_kube_free(s->kube);
	wr_kube_config_free(s->config);
	free(s);
}

static void stop(void *self)
{
	struct kube_source *s = self;
	uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->poll, on_closed);
}

static const struct source source = {
	.synced = is_synced,
	.each = each,
	.describe = describe,
	.metrics = metrics,
	.trouble = trouble,
	.needs = needs,
	.stop = stop,
};

const struct wr_kube_store *source_kube_store(const struct agent *a, enum wr_kind kind)
{
	const struct kube_source *s = a->source == &source ? a->source_self : NULL;
	for (size_t i = 0; s && i < N_KINDS; i++)
		if (kinds[i] == kind)
			return s->stores[i];
	return NULL;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct kube_source *s = poll->data;
	(void)events;
	int rc = status ? status : wr_kube_run(s->kube);
	if (rc)
		agent_log(s->agent, WR_LOG_ERROR, "the API client: %s", strerror(-rc));
}

static int start(struct kube_source *s, struct wr_diags *diags)
{
	int rc = wr_kube_config_load(s->agent->opts->kube, diags, &s->config);
	if (!rc)
		rc = wr_kube_new(s->config, NULL, &s->kube);
	for (size_t i = 0; i < N_KINDS && !rc; i++) {
		bool cluster = wr_kind_is_cluster_policy(kinds[i]);
		s->followed[i] = (struct followed){s, kinds[i]};
		rc = wr_kube_store_new(s->kube, kinds[i], NULL,
				       cluster ? &cluster_handlers : &handlers,
				       cluster ? (void *)&s->followed[i] : s, &s->stores[i]);
	}
	if (!rc)
		rc = uv_poll_init(&s->agent->loop, &s->poll, wr_kube_fd(s->kube));
	if (rc)
		return rc;
	s->poll.data = s;
	conditions_start(s->agent, s->kube);
	return uv_poll_start(&s->poll, UV_READABLE, on_readable);
}

int source_kube_new(struct agent *a, const struct source **out, void **self, struct wr_diags *diags)
{
	struct kube_source *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->agent = a;
	int rc = start(s, diags);
	if (rc) {
		wr_kube_free(s->kube);
		wr_kube_config_free(s->config);
		free(s);
		return rc;
	}
	*out = &source;
	*self = s;
	return 0;
}
