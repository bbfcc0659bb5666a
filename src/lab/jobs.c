/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs. Images are not run, so something has to say when a pod's work is done:
 * it is after a few seconds, in which its connections can be looked at, or
 * after as many as the template's annotation says. Pods that end otherwise
 * (somebody attached, and the program ended) count as they ended.
 */
#include <string.h>
#include <time.h>

#include "lab/control.h"

#define RUNS_FOR "weir/runs-for" /* seconds, in the template's annotations */
#define RUNS_FOR_S 5

struct count {
	uint32_t active, ready, succeeded, failed;
};

static bool is_phase(const struct wr_value *pod, const char *phase)
{
	const char *has = wr_tree_text(pod, "status.phase");
	return has && !strcmp(has, phase);
}

static struct count count_pods(const struct wr_kubelet *k, const struct wr_owner *w)
{
	const struct wr_listing_of *l = &k->lists[WR_KIND_POD];
	struct count c = {0};
	for (size_t i = 0; i < l->n; i++) {
		const struct wr_value *pod = l->items[i];
		if (!wr_owner_owns(w, pod))
			continue;
		c.succeeded += is_phase(pod, "Succeeded");
		c.failed += is_phase(pod, "Failed");
		c.active += !wr_pod_ended(pod);
		c.ready += wr_pod_ready(pod);
	}
	return c;
}

/* A pod whose time has come ends; of the others the loop is told when to look again. */
static void end_pod(struct wr_kubelet *k, const struct wr_value *pod)
{
	const struct wr_value *note = wr_value_get(wr_tree_at(pod, "metadata.annotations"),
						   RUNS_FOR);
	const char *start = wr_tree_text(pod, "status.startTime");
	long runs = note && note->type == WR_STRING ? strtol(note->text, NULL, 10) : RUNS_FOR_S;
	struct tm tm = {0};
	if (!start || !strptime(start, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return;
	runs = runs < 0 ? 0 : runs;
	int64_t left = (int64_t)timegm(&tm) + runs - (int64_t)time(NULL);
	if (left <= 0)
		(void)wr_kubelet_pod_ended(k, pod, 0);
	else if (!k->look_again_s || left < k->look_again_s)
		k->look_again_s = left;
}

static bool has_condition(const struct wr_value *o, const char *type)
{
	const struct wr_value *list = wr_tree_at(o, "status.conditions");
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n; i++) {
		const char *has = wr_tree_text(list->items[i], "type"),
			   *status = wr_tree_text(list->items[i], "status");
		if (has && status && !strcmp(has, type) && !strcmp(status, "True"))
			return true;
	}
	return false;
}

static bool is_suspended(const struct wr_owner *w)
{
	const struct wr_value *v = wr_tree_at(w->o, "spec.suspend");
	return v && v->type == WR_BOOL && v->boolean;
}

static bool has_failed(const struct wr_owner *w, const struct count *c)
{
	return has_condition(w->o, "Failed") ||
	       c->failed > (uint64_t)wr_tree_number(w->o, "spec.backoffLimit", 6);
}

static uint32_t completions(const struct wr_owner *w)
{
	int64_t n = wr_tree_number(w->o, "spec.completions", 1);
	return n < 0 ? 0 : n > WR_PODS_MAX ? WR_PODS_MAX : (uint32_t)n;
}

void wr_job(struct wr_kubelet *k, const struct wr_owner *w)
{
	const struct wr_listing_of *l = &k->lists[WR_KIND_POD];
	struct count c = count_pods(k, w);
	int64_t side_by_side = wr_tree_number(w->o, "spec.parallelism", 1);
	uint32_t wanted = c.succeeded < completions(w) ? completions(w) - c.succeeded : 0;
	bool over = has_condition(w->o, "Complete") || has_failed(w, &c);
	if (side_by_side < 0 || is_suspended(w) || over)
		side_by_side = 0;
	wanted = wanted > side_by_side ? (uint32_t)side_by_side : wanted;
	for (size_t i = 0; i < l->n; i++) {
		const struct wr_value *pod = l->items[i];
		if (!wr_owner_owns(w, pod) || wr_pod_ended(pod))
			continue;
		if (c.active > wanted) {
			(void)wr_control_remove(k, WR_KIND_POD, pod);
			c.active--;
		} else if (wr_pod_ready(pod)) {
			end_pod(k, pod);
		}
	}
	for (int rc = 0; c.active < wanted && rc >= 0 && rc < 300; c.active++)
		rc = wr_control_pod(k, w, w->name, NULL, NULL);
}

static void put_time(struct wr_buf *t, const struct wr_value *o, const char *key)
{
	const char *at = wr_tree_text(wr_tree_at(o, "status"), key);
	wr_buf_printf(t, ",\"%s\":", key);
	if (at)
		wr_answer_string(t, at);
	else
		wr_kubelet_time(t);
}

void wr_job_status(struct wr_kubelet *k, const struct wr_owner *w, struct wr_buf *t)
{
	struct count c = count_pods(k, w);
	bool complete = has_condition(w->o, "Complete") || c.succeeded >= completions(w);
	wr_buf_printf(t, "\"active\":%u,\"ready\":%u,\"succeeded\":%u,\"failed\":%u", c.active,
		      c.ready, c.succeeded, c.failed);
	put_time(t, w->o, "startTime");
	if (complete)
		put_time(t, w->o, "completionTime");
	wr_buf_text(t, ",\"conditions\":[");
	if (complete) {
		wr_control_condition(t, w->o, "SuccessCriteriaMet", true, "CompletionsReached");
		wr_buf_text(t, ",");
		wr_control_condition(t, w->o, "Complete", true, "CompletionsReached");
	} else if (has_failed(w, &c)) {
		wr_control_condition(t, w->o, "Failed", true, "BackoffLimitExceeded");
	} else if (is_suspended(w)) {
		wr_control_condition(t, w->o, "Suspended", true, "JobSuspended");
	}
	wr_buf_text(t, "]");
}
