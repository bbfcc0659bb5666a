/* SPDX-License-Identifier: Apache-2.0 */
/* Until what the API says is made, and in force on all nodes: the kubelet and the agents say so. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "base/cleanup.h"
#include "cli/cmd_lab.h"
#include "input/input.h"
#include "lab/api.h"

WR_DEFINE_CLEANUP(arena, struct wr_arena *, wr_arena_free)
WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)

#define WAIT_MS 60000
#define POLL_MS 2
#define ASK_AGAIN_MS 100 /* meanwhile somebody may have changed more */
#define BEGIN_MS 1000    /* one that has just been started is not to be seen at once */

static int64_t now_ms(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- what an agent says ---- */

static const char *text_of(const struct wr_value *v, const char *key)
{
	const struct wr_value *f = wr_value_get(v, key);
	return f && f->type == WR_STRING ? f->text : "";
}

static bool is_true(const struct wr_value *v, const char *key)
{
	const struct wr_value *f = wr_value_get(v, key);
	return f && f->type == WR_BOOL && f->boolean;
}

struct hearing {
	struct wr_lab_agent *agent;
	const struct wr_settled *want; /* or NULL */
};

static bool has_all(const struct wr_value *kinds, const struct wr_settled *want)
{
	size_t same = 0;
	for (size_t i = 0; kinds && kinds->type == WR_LIST && i < kinds->n; i++)
		for (size_t k = 0; k < WR_SETTLED_KINDS; k++)
			same += !strcmp(text_of(kinds->items[i], "kind"), want->kinds[k].name) &&
				!strcmp(text_of(kinds->items[i], "digest"), want->kinds[k].digest);
	return same == WR_SETTLED_KINDS;
}

static int take_status(void *ctx, const char *line)
{
	struct hearing *h = ctx;
	struct wr_value *v = NULL;
	WR_CLEANUP(arena)
	struct wr_arena *a = wr_arena_new();
	if (!a || wr_json_parse(a, line, strlen(line), (struct wr_mark){0}, &v, NULL) < 0)
		return 0;
	const struct wr_value *g = wr_value_get(v, "generation");
	h->agent->answers = true;
	h->agent->ready = is_true(v, "ready");
	h->agent->generation = g && g->type == WR_INT ? (uint32_t)g->integer : 0;
	h->agent->in_force = !is_true(v, "pending") && h->agent->generation &&
			     (!h->want || has_all(wr_value_get(v, "kinds"), h->want));
	snprintf(h->agent->reason, sizeof(h->agent->reason), "%s", text_of(v, "reason"));
	return 0;
}

static void ask(const char *name, uint32_t node, const struct wr_settled *want,
		struct wr_lab_agent *out)
{
	char dir[WR_LAB_PATH];
	struct hearing h = {out, want};
	*out = (struct wr_lab_agent){.reason = "it does not answer"};
	(void)wr_agent_ask(wr_lab_agent_dir(dir, name, node), "status", take_status, &h);
}

void wr_lab_ask_agent(const char *name, uint32_t node, struct wr_lab_agent *out)
{
	ask(name, node, NULL, out);
}

/* ---- waiting ---- */

static int gave_up(const char *name, uint32_t node, const struct wr_lab_agent *a, int rc,
		   struct wr_diags *d)
{
	wr_diag_add(d, WR_ERROR, (struct wr_mark){0}, NULL, NULL, "the agent of node-%u %s: %s",
		    node + 1, rc == -ESRCH ? "does not run" : "has not put all in force",
		    rc == -ESRCH ? "what was in force there stays" : a->reason);
	wr_diag_advise(d, "'weir lab status --name %s' tells what runs", name);
	return rc;
}

/* -EAGAIN: not until the time was over; -ESRCH: it has not run for the time of grace. */
static int wait_agent(const char *name, uint32_t node, const struct wr_settled *want, int64_t until,
		      int64_t grace, struct wr_lab_agent *a)
{
	int64_t seen = now_ms();
	for (;;) {
		struct wr_lab_runs runs = {0};
		ask(name, node, want, a);
		if (a->in_force)
			return 0;
		int64_t now = now_ms();
		if (a->answers || wr_daemon_look(name, &runs) < 0 || runs.agents[node])
			seen = now;
		if (now != seen && now - seen >= grace)
			return -ESRCH;
		if (now >= until)
			return -EAGAIN;
		nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
	}
}

int wr_lab_wait_agents(const char *name, uint32_t n_nodes, struct wr_diags *d)
{
	for (uint32_t i = 0; i < n_nodes; i++) {
		struct wr_lab_agent a;
		int rc = wait_agent(name, i, NULL, now_ms() + WAIT_MS, BEGIN_MS, &a);
		if (rc)
			return gave_up(name, i, &a, rc, d);
	}
	return 0;
}

/* Without the relay an agent waits for ever. */
static int relay_runs(const char *name, struct wr_diags *d)
{
	struct wr_lab_runs runs = {0};
	if (wr_daemon_look(name, &runs) < 0 || runs.relay)
		return 0;
	wr_diag_add(d, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
		    "the relay of lab '%s' does not run: agents do not hear of changes", name);
	wr_diag_advise(d, "'weir lab status --name %s' tells what runs", name);
	return -ESRCH;
}

static int wait_all(const char *name, uint32_t n_nodes, struct wr_diags *d)
{
	int64_t end = now_ms() + WAIT_MS;
	struct wr_lab_agent a;
	for (;;) {
		struct wr_settled want;
		int rc = wr_lab_settle(name, WAIT_MS, &want, d);
		if (rc)
			return rc;
		int64_t until = now_ms() + ASK_AGAIN_MS;
		uint32_t i = 0;
		while (i < n_nodes && !rc) {
			rc = wait_agent(name, i, &want, until, 0, &a);
			i += !rc;
		}
		if (!rc)
			return 0;
		if (rc != -EAGAIN || now_ms() >= end)
			return gave_up(name, i, &a, rc, d);
		rc = relay_runs(name, d);
		if (rc)
			return rc;
	}
}

int wr_lab_wait(const char *name, struct wr_diags *d)
{
	struct wr_lab_state *s = NULL;
	int rc = wr_lab_check(name, d, &s);
	uint32_t n_nodes = rc ? 0 : s->n_nodes;
	wr_lab_state_free(s);
	return rc ? rc : wait_all(name, n_nodes, d);
}

/* What went wrong, as a warning: what there is can be looked at all the same. */
static void warn(struct wr_diags *to, const struct wr_diags *from)
{
	for (size_t i = 0; i < wr_diags_count(from); i++) {
		const struct wr_diag *g = wr_diags_at(from, i);
		wr_diag_add(to, WR_WARNING, g->mark, NULL, NULL, "%s", g->message);
		if (g->advice)
			wr_diag_advise(to, "%s", g->advice);
	}
}

void wr_lab_wait_if_it_can(const char *name, bool in_force, struct wr_diags *d)
{
	WR_CLEANUP(diags)
	struct wr_diags *own = wr_diags_new();
	struct wr_lab_state *s = NULL;
	struct wr_settled ignored;
	if (!own || wr_lab_check(name, own, &s))
		return; /* whoever opens the lab will tell */
	wr_lab_state_free(s);
	int rc = in_force ? wr_lab_wait(name, own) : wr_lab_settle(name, WAIT_MS, &ignored, own);
	if (rc)
		warn(d, own);
}
