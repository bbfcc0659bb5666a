/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sync: a snapshot of the source becomes a world, a program, and what is in
 * force; in one step, or not at all. What fails is tried again later, and until
 * then the last program stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/internal.h"

#define RETRY_MS 1000
#define RETRY_MAX_MS 30000

void snapshot_free(struct snapshot *s)
{
	if (s->release)
		s->release(s->keep);
	*s = (struct snapshot){0};
}

static void enforced_free(struct enforced *e)
{
	wr_program_unref(e->program);
	wr_world_unref(e->world);
	snapshot_free(&e->snapshot);
	*e = (struct enforced){0};
}

/* ---- the datapath, opened with this node's pod ranges ---- */

static const struct wr_node *own_node(const struct agent *a, const struct wr_world *w)
{
	uint32_t i = wr_world_find_node(w, a->opts->node);
	return i == WR_NONE ? NULL : &w->nodes[i];
}

static bool same_ranges(const struct agent *a, const struct wr_node_object *node)
{
	if (a->n_pod_cidrs != (node ? node->n_pod_cidrs : 0))
		return false;
	for (uint32_t i = 0; i < a->n_pod_cidrs; i++)
		if (!wr_ip_equal(&a->pod_cidrs[i].ip, &node->pod_cidrs[i].ip) ||
		    a->pod_cidrs[i].len != node->pod_cidrs[i].len)
			return false;
	return true;
}

static int keep_ranges(struct agent *a, const struct wr_node_object *node)
{
	size_t n = node ? node->n_pod_cidrs : 0;
	struct wr_cidr *copy = calloc(n + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, node->pod_cidrs, n * sizeof(*copy));
	free(a->pod_cidrs);
	a->pod_cidrs = copy;
	a->n_pod_cidrs = (uint32_t)n;
	return 0;
}

static void close_datapath(struct agent *a)
{
	events_stop(a);
	wr_datapath_close(a->dp);
	a->dp = NULL;
}

static int open_datapath(struct agent *a, const struct wr_world *w, struct wr_diags *diags)
{
	const struct wr_node *node = own_node(a, w);
	const struct wr_node_object *object = node && node->object ? &node->object->node : NULL;
	if (a->dp && same_ranges(a, object))
		return 0;
	close_datapath(a);
	int rc = keep_ranges(a, object);
	if (rc)
		return rc;
	struct wr_datapath_opts opts = {
		.pin_dir = a->opts->pin_dir,
		.node = a->opts->node,
		.pod_cidrs = a->pod_cidrs,
		.n_pod_cidrs = a->n_pod_cidrs,
		.unknown_pods_allow = a->opts->unknown_pods_allow,
		.keep_established = a->opts->keep_established,
		.no_allowed_events = a->opts->flow_log != WR_FLOWS_ALL,
	};
	rc = wr_datapath_open(&opts, diags, &a->dp);
	return rc ? rc : events_start(a);
}

/* ---- one sync ---- */

static int build(struct agent *a, struct enforced *next, struct wr_diags *diags)
{
	struct wr_compile_opts opts = {.node = a->opts->node};
	int rc = a->source->snapshot(a->source_self, &next->snapshot, diags);
	if (!rc)
		rc = wr_world_new(&next->snapshot.objects, diags, &next->world);
	if (!rc)
		rc = wr_compile(next->world, &opts, a->now.program, &next->program);
	if (!rc)
		rc = open_datapath(a, next->world, diags);
	if (!rc)
		rc = wr_datapath_apply(a->dp, next->program, diags);
	return rc;
}

static double wall_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_retry(uv_timer_t *timer)
{
	struct agent *a = timer->data;
	sync_now(a);
}

/* What failed is tried again: at once could only fail at once. */
static void failed(struct agent *a, int rc, const struct wr_diags *diags)
{
	uint64_t wait = RETRY_MS << (a->failures < 5 ? a->failures : 5);
	const struct wr_diag *first = NULL;
	for (size_t i = 0; i < wr_diags_count(diags) && !first; i++)
		if (wr_diags_at(diags, i)->severity == WR_ERROR)
			first = wr_diags_at(diags, i);
	snprintf(a->problem, sizeof(a->problem), "%s", first ? first->message : strerror(-rc));
	a->failures++;
	a->sync_errors++;
	agent_log_diags(a, diags);
	agent_log(a, WR_LOG_ERROR,
		  "what has changed is not in force: %s; the policies before it are", a->problem);
	uv_timer_start(&a->sync_timer, on_retry, wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS, 0);
}

static void succeeded(struct agent *a, struct enforced *next)
{
	uint64_t ended = uv_hrtime();
	next->generation = wr_datapath_generation(a->dp);
	next->since = wall_clock();
	next->took_ms = (double)(ended - a->dirty_ns) / 1e6;
	bool first = !a->now.program;
	enforced_free(&a->now);
	a->now = *next;
	a->dirty = false;
	a->failures = 0;
	a->problem[0] = '\0';
	a->syncs++;
	histogram_add(&a->sync_seconds, next->took_ms / 1e3);
	if (first)
		agent_log(a, WR_LOG_INFO,
			  "enforcing %u policies for %u pods in %u namespaces, generation %u",
			  next->world->n_policies, next->world->n_pods, next->world->n_namespaces,
			  next->generation);
}

void sync_now(struct agent *a)
{
	struct enforced next = {0};
	if (!a->dirty || a->stopping || !a->source->synced(a->source_self))
		return;
	struct wr_diags *diags = wr_diags_new();
	int rc = diags ? build(a, &next, diags) : -ENOMEM;
	if (!rc) {
		succeeded(a, &next);
	} else {
		enforced_free(&next);
		if (diags)
			failed(a, rc, diags);
	}
	wr_diags_free(diags);
}

/* ---- whether it is still so ---- */

void sync_check(struct agent *a)
{
	struct wr_image_stats stats;
	if (!a->dp)
		return;
	struct wr_diags *diags = wr_diags_new();
	int rc = diags ? wr_datapath_stats(a->opts->pin_dir, diags, &stats) : -ENOMEM;
	wr_diags_free(diags);
	if (!rc && stats.links == 6 && stats.conntrack_kept)
		return;
	agent_log(a, WR_LOG_WARNING, "%s: setting it up again",
		  rc                 ? "what was loaded into the kernel cannot be read"
		  : stats.links != 6 ? "some hooks are not attached any more"
				     : "the nft table that keeps conntrack on is gone");
	a->repairs++;
	close_datapath(a);
	agent_changed(a);
}

void sync_free(struct agent *a)
{
	close_datapath(a);
	enforced_free(&a->now);
	free(a->pod_cidrs);
}
