/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sync: what the source says becomes what is in force, in one step or not at
 * all. Each change is put into live tables as it is heard of; what has become
 * different in them goes into the kernel when the loop has read all that is
 * there. What fails is tried again later, from the beginning, and until then
 * what is in force stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/internal.h"
#include "base/map.h"

#define RETRY_MS 1000
#define RETRY_MAX_MS 30000

/* ---- the datapath, opened with this node's pod ranges ---- */

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
	fence_abandon(a);
	events_stop(a);
	wr_datapath_close(a->dp);
	a->dp = NULL;
}

static int open_datapath(struct agent *a, struct wr_diags *diags)
{
	struct wr_datapath_opts opts = {
		.pin_dir = a->opts->pin_dir,
		.node = a->opts->node,
		.pod_cidrs = a->pod_cidrs,
		.n_pod_cidrs = a->n_pod_cidrs,
		.unknown_pods_allow = a->opts->unknown_pods_allow,
		.keep_established = a->opts->keep_established,
		.no_allowed_events = a->opts->flow_log != WR_FLOWS_ALL,
	};
	if (a->dp)
		return 0;
	a->replace = true;
	int rc = wr_datapath_open(&opts, diags, &a->dp);
	return rc ? rc : events_start(a);
}

/* node: its own object, or NULL. */
static int take_ranges(struct agent *a, const struct wr_node_object *node)
{
	if (same_ranges(a, node))
		return 0;
	int rc = keep_ranges(a, node);
	return rc ? rc : wr_datapath_set_pod_cidrs(a->dp, a->pod_cidrs, a->n_pod_cidrs);
}

/*
 * While the source is still being read: what is pinned stays in force, or
 * nothing is. What fails will fail again, and then it is told.
 */
static void open_early(struct agent *a)
{
	struct wr_diags *diags = a->dp || a->opened_early ? NULL : wr_diags_new();
	if (!diags)
		return;
	a->opened_early = true;
	if (open_datapath(a, diags))
		close_datapath(a);
	wr_diags_free(diags);
}

/* ---- live tables ---- */

struct building {
	struct agent *agent;
	struct wr_live *live;
	const struct wr_object *own; /* this node's object */
	bool policies;               /* these now, or all others */
};

static bool is_own_node(const struct agent *a, const struct wr_object *o)
{
	return o->kind == WR_KIND_NODE && !strcmp(o->meta.name, a->opts->node);
}

static int find_own_node(void *ctx, const struct wr_object *o)
{
	struct building *b = ctx;
	if (is_own_node(b->agent, o))
		b->own = o;
	return 0;
}

static int put(void *ctx, const struct wr_object *o)
{
	struct building *b = ctx;
	return wr_kind_is_policy(o->kind) == b->policies ? wr_live_put(b->live, o) : 0;
}

/* All objects into live tables; *own: this node's. */
static int build(struct agent *a, struct building *b)
{
	const struct source *source = a->source;
	int rc = source->each(a->source_self, find_own_node, b);
	const struct wr_node_object *node = b->own ? &b->own->node : NULL;
	struct wr_live_opts opts = {
		.node = a->opts->node,
		.pod_cidrs = node ? node->pod_cidrs : NULL,
		.n_pod_cidrs = node ? (uint32_t)node->n_pod_cidrs : 0,
	};
	if (!rc)
		rc = wr_live_new(&opts, &b->live);
	for (int pass = 0; pass < 2 && !rc; pass++) {
		b->policies = !pass;
		rc = source->each(a->source_self, put, b);
	}
	return rc;
}

static int rebuild(struct agent *a, struct wr_diags *diags)
{
	struct building b = {.agent = a};
	int rc = a->source->load ? a->source->load(a->source_self, diags) : 0;
	if (rc)
		return rc;
	rc = build(a, &b);
	if (!rc)
		rc = open_datapath(a, diags);
	if (!rc)
		rc = take_ranges(a, b.own ? &b.own->node : NULL);
	/* addresses that are loaded keep their slots */
	if (!rc)
		rc = wr_live_move_all(b.live, a->live);
	if (a->source->drop)
		a->source->drop(a->source_self, !rc);
	if (rc) {
		wr_live_free(b.live);
		return rc;
	}
	totals_take(a);
	a->counted = NULL;
	wr_live_free(a->live);
	a->live = b.live;
	a->rebuild = false;
	a->tables_due = true;
	return 0;
}

/* What cannot be followed any more, for want of memory, is made anew. */
static void give_up(struct agent *a)
{
	a->counted = NULL;
	wr_live_free(a->live);
	a->live = NULL;
	a->replace = true;
}

void agent_put(struct agent *a, const struct wr_object *o)
{
	/* its pod ranges decide what is local */
	if (is_own_node(a, o) && !same_ranges(a, &o->node))
		a->rebuild = true;
	a->ahead = true;
	if (a->live && wr_live_put(a->live, o) < 0)
		give_up(a);
	agent_changed(a);
}

void agent_removed(struct agent *a, const struct wr_object *o)
{
	if (is_own_node(a, o) && !same_ranges(a, NULL))
		a->rebuild = true;
	a->ahead = true;
	if (a->live && wr_live_remove(a->live, o) < 0)
		give_up(a);
	agent_changed(a);
}

/* ---- one sync ---- */

static int replace_all(struct agent *a, const struct wr_tables *t, struct wr_diags *diags)
{
	struct wr_move *moves;
	size_t n;
	int rc = wr_live_move_all(a->live, NULL);
	if (!rc)
		rc = wr_live_moves(a->live, &moves, &n);
	return rc ? rc : wr_datapath_replace(a->dp, t, moves, n, diags);
}

/* -EBUSY: packets are under way that this has to wait for. */
static int load(struct agent *a, struct wr_diags *diags)
{
	struct wr_tables t = {.program = wr_live_program(a->live)};
	struct wr_move *moves;
	size_t n;
	t.kinds = wr_live_kinds(a->live, &t.n_kinds);
	if (a->replace || (a->tables_due && !wr_datapath_busy(a->dp)))
		totals_take(a);
	int rc = a->replace ? -ESTALE : wr_live_moves(a->live, &moves, &n);
	if (!rc && (n || a->tables_due))
		rc = wr_datapath_change(a->dp, a->tables_due ? &t : NULL, moves, n, diags);
	if (rc == -ESTALE)
		rc = replace_all(a, &t, diags);
	if (rc == -EBUSY)
		return rc;
	a->replace = rc != 0;
	if (!rc) {
		wr_live_moved(a->live);
		totals_begin(a);
		a->tables_due = false;
	}
	return rc;
}

static int step(struct agent *a, struct wr_diags *diags)
{
	bool tables = false;
	int rc = 0;
	if (!a->live || a->rebuild || !a->dp || wr_live_stale(a->live))
		rc = rebuild(a, diags);
	if (rc)
		return rc;
	rc = wr_live_update(a->live, &tables);
	a->tables_due |= tables;
	if (rc) {
		give_up(a);
		return rc;
	}
	return load(a, diags);
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

static void succeeded(struct agent *a)
{
	uint64_t ended = uv_hrtime();
	bool first = !a->now.any;
	a->now = (struct enforced){
		.any = true,
		.generation = wr_datapath_generation(a->dp),
		.since = wall_clock(),
		.took_ms = (double)(ended - a->dirty_ns) / 1e6,
	};
	a->dirty = a->ahead = false;
	a->failures = 0;
	a->problem[0] = '\0';
	a->syncs++;
	histogram_add(&a->sync_seconds, a->now.took_ms / 1e3);
	conditions_enforced(a);
	if (!first)
		return;
	struct wr_live_counts n;
	wr_live_count(a->live, &n);
	agent_log(a, WR_LOG_INFO,
		  "enforcing %u policies for %u pods in %u namespaces, generation %u", n.policies,
		  n.pods, n.namespaces, a->now.generation);
}

void sync_now(struct agent *a)
{
	if (!a->dirty || a->stopping)
		return;
	if (!a->source->synced(a->source_self)) {
		open_early(a);
		return;
	}
	struct wr_diags *diags = wr_diags_new();
	int rc = diags ? step(a, diags) : -ENOMEM;
	if (!rc)
		succeeded(a);
	else if (rc != -EBUSY && diags)
		failed(a, rc, diags);
	/* after the fence that is waited for there is another try */
	if (!rc || rc == -EBUSY)
		fence_start(a);
	wr_diags_free(diags);
}

/* ---- whether it is still so ---- */

void sync_check(struct agent *a)
{
	uint32_t links = 0;
	bool kept = false;
	int rc = a->dp ? wr_datapath_check(a->opts->pin_dir, &links, &kept) : 0;
	if (!a->dp || (!rc && links == WR_DATAPATH_HOOKS && kept))
		return;
	agent_log(a, WR_LOG_WARNING, "%s: setting it up again",
		  rc                           ? "what was loaded into the kernel cannot be read"
		  : links != WR_DATAPATH_HOOKS ? "some hooks are not attached any more"
					       : "the nft table that keeps conntrack on is gone");
	a->repairs++;
	close_datapath(a);
	agent_changed(a);
}

void sync_free(struct agent *a)
{
	close_datapath(a);
	wr_live_free(a->live);
	wr_map_free(a->totals);
	free(a->pod_cidrs);
}
