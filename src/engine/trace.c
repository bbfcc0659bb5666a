/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/trace.h"

#include <string.h>

#include "engine/internal.h"
#include "engine/match.h"
#include "engine/miss.h"

struct tracer {
	struct connection c;
	struct wr_arena *arena;
	WR_VEC(struct wr_step) steps;
};

static int push(struct tracer *t, struct wr_step step)
{
	return step.text ? wr_vec_push(&t->steps, step) : -ENOMEM;
}

static int policy_step(struct tracer *t, enum wr_direction dir, uint32_t policy)
{
	const struct wr_policy *p = &t->c.p->world->policies[policy];
	const char *way = dir == WR_EGRESS ? "egress" : "ingress";
	size_t n = p->n_rules[dir];
	const char *text =
		p->tier == WR_TIER_NETWORKPOLICY
			? wr_arena_printf(t->arena,
					  "isolates it for %s: only what a rule allows may pass%s",
					  way, n ? "" : ", and it has no rules")
			: wr_arena_printf(t->arena, "applies to it (%s tier, priority %d)",
					  wr_tier_name(p->tier), p->priority);
	return push(t, (struct wr_step){.kind = WR_STEP_POLICY,
					.dir = dir,
					.policy = policy,
					.rule = WR_NONE,
					.mark = p->mark,
					.text = text});
}

static int rule_step(struct tracer *t, enum wr_direction dir, uint32_t policy, uint32_t rule,
		     const struct wr_side *peer, bool *matches)
{
	const struct wr_rule *r = &t->c.p->world->policies[policy].rules[dir][rule];
	struct wr_near_miss m = {.policy = policy, .rule = rule, .peer = WR_NONE, .port = WR_NONE};
	static const char *const words[] = {[WR_ACCEPT] = "matches: it allows the connection",
					    [WR_DENY] = "matches: it denies the connection",
					    [WR_PASS] = "matches: it passes to the next tier"};
	m.mark = r->mark;
	*matches = wr_rule_tried(&t->c, policy, dir, rule, peer, &m, t->arena);
	return push(t, (struct wr_step){.kind = WR_STEP_RULE,
					.dir = dir,
					.policy = policy,
					.rule = rule,
					.matches = *matches,
					.action = r->action,
					.mark = m.mark,
					.text = *matches ? words[r->action] : m.text,
					.mend = *matches ? NULL : m.mend});
}

/* What becomes of a policy: its first rule that matches, if any. */
static int walk_policy(struct tracer *t, enum wr_direction dir, uint32_t policy,
		       const struct wr_side *peer, bool *decided, bool *passed)
{
	const struct wr_policy *p = &t->c.p->world->policies[policy];
	int rc = policy_step(t, dir, policy);
	for (uint32_t r = 0; r < p->n_rules[dir] && !rc && !*decided && !*passed; r++) {
		bool matches;
		rc = rule_step(t, dir, policy, r, peer, &matches);
		*passed = matches && p->rules[dir][r].action == WR_PASS;
		*decided = matches && !*passed;
	}
	return rc;
}

static int end_step(struct tracer *t, const struct wr_reason *reason)
{
	return push(t, (struct wr_step){.kind = WR_STEP_END,
					.dir = reason->dir,
					.policy = reason->author.policy,
					.rule = reason->author.rule,
					.action = reason->allow ? WR_ACCEPT : WR_DENY,
					.mark = reason->mark,
					.text = reason->text});
}

static bool applies(const struct tracer *t, uint32_t policy, enum wr_direction dir,
		    const struct wr_side *subject)
{
	const struct wr_policy *p = &t->c.p->world->policies[policy];
	bool acts = p->tier == WR_TIER_NETWORKPOLICY ? p->isolates[dir] && !wr_is_to_itself(&t->c)
						     : p->n_rules[dir] > 0;
	return acts && wr_match_subject(t->c.p, p, subject);
}

static int walk_direction(struct tracer *t, const struct wr_reason *reason)
{
	const struct wr_world *w = t->c.p->world;
	enum wr_direction dir = reason->dir;
	const struct wr_side *subject = dir == WR_EGRESS ? t->c.src : t->c.dst;
	const struct wr_side *peer = dir == WR_EGRESS ? t->c.dst : t->c.src;
	bool decided = reason->author.kind == WR_BY_SELF || reason->author.kind == WR_BY_NODE;
	bool passed = false, isolated = false;
	int rc = 0;
	for (uint32_t i = 0; i < w->n_policies && !rc && !decided; i++) {
		enum wr_tier tier = w->policies[i].tier;
		if (i && tier != w->policies[i - 1].tier) {
			passed = false;
			if (isolated)
				break; /* NetworkPolicies have the last word on a pod they isolate */
		}
		if (passed || !applies(t, i, dir, subject))
			continue;
		isolated |= tier == WR_TIER_NETWORKPOLICY;
		rc = walk_policy(t, dir, i, peer, &decided, &passed);
	}
	return rc ? rc : end_step(t, reason);
}

int wr_trace(const struct wr_program *p, const struct wr_side *src, const struct wr_side *dst,
	     uint8_t proto, uint16_t port, struct wr_arena *arena, struct wr_trace *out)
{
	struct tracer t = {
		.c = {.p = p,
		      .src = src,
		      .dst = dst,
		      .proto = proto,
		      .port = wr_proto_has_ports(proto) ? port : 0},
		.arena = arena,
	};
	struct wr_trace result = {0};
	int rc = wr_explain(p, src, dst, proto, port, arena, result.reasons);
	for (int d = 0; d < 2 && !rc; d++)
		rc = walk_direction(&t, &result.reasons[d]);
	result.n = t.steps.n;
	result.steps = rc ? NULL : wr_arena_array(arena, t.steps.n, sizeof(*result.steps));
	if (!rc && !result.steps)
		rc = -ENOMEM;
	if (!rc) {
		memcpy(result.steps, t.steps.items, t.steps.n * sizeof(*result.steps));
		result.allow = result.reasons[0].allow && result.reasons[1].allow;
		*out = result;
	}
	wr_vec_free(&t.steps);
	return rc;
}
