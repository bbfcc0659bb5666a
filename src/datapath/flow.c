/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/flow.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "engine/explain.h"

static const char *side_name(const struct wr_flow_context *c, const struct wr_side *side,
			     struct wr_arena *a)
{
	const struct wr_world *w = wr_program_world(c->program);
	char ip[WR_IP_TEXT];
	if (side->pod != WR_NONE)
		return wr_arena_printf(a, "%s/%s", w->pods[side->pod].ns, w->pods[side->pod].name);
	const char *name = c->outside_name ? c->outside_name(c->ctx, &side->ip) : NULL;
	if (name)
		return name;
	if (side->node != WR_NONE)
		return w->nodes[side->node].name;
	return wr_arena_strdup(a, wr_ip_format(&side->ip, ip));
}

static void put_time(struct wr_buf *out, uint64_t monotonic_ns)
{
	struct timespec mono, real;
	struct tm tm;
	char text[32];
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	int64_t ns = (int64_t)real.tv_sec * 1000000000 + real.tv_nsec -
		     ((int64_t)mono.tv_sec * 1000000000 + mono.tv_nsec) + (int64_t)monotonic_ns;
	time_t s = (time_t)(ns / 1000000000);
	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	wr_buf_printf(out, "\"%s.%06uZ\"", text, (unsigned)(ns % 1000000000 / 1000));
}

static void put(struct wr_buf *out, const char *key, const char *text)
{
	if (!text)
		return;
	wr_buf_printf(out, ",\"%s\":", key);
	wr_buf_json(out, text);
}

static const char *policy_name(const struct wr_world *w, uint32_t policy, struct wr_arena *a)
{
	const struct wr_policy *p = &w->policies[policy];
	char title[WR_POLICY_TITLE];
	return wr_arena_strdup(a, wr_policy_title(p, title));
}

/* The rule that decided, with its place. */
static void put_rule(struct wr_buf *out, const struct wr_world *w, const struct wr_reason *r,
		     struct wr_arena *a)
{
	put(out, "policy", policy_name(w, r->author.policy, a));
	wr_buf_printf(out, ",\"rule\":%u", r->author.rule + 1);
	put(out, "rule_name", w->policies[r->author.policy].rules[r->dir][r->author.rule].name);
	put(out, "file", r->mark.file);
	if (r->mark.line)
		wr_buf_printf(out, ",\"line\":%u", r->mark.line);
}

/* Who isolates, and the rule that nearly allowed it. */
static void put_isolation(struct wr_buf *out, const struct wr_world *w, const struct wr_reason *r,
			  struct wr_arena *a)
{
	wr_buf_text(out, ",\"isolating\":[");
	for (uint32_t i = 0; i < r->n_isolating; i++) {
		wr_buf_text(out, i ? "," : "");
		wr_buf_json(out, policy_name(w, r->isolating[i], a));
	}
	wr_buf_text(out, "]");
	if (!r->n_misses)
		return;
	const struct wr_near_miss *m = &r->misses[0];
	wr_buf_text(out, ",\"near_miss\":{\"policy\":");
	wr_buf_json(out, policy_name(w, m->policy, a));
	wr_buf_printf(out, ",\"rule\":%u", m->rule + 1);
	put(out, "file", m->mark.file);
	if (m->mark.line)
		wr_buf_printf(out, ",\"line\":%u", m->mark.line);
	put(out, "text", m->text);
	put(out, "mend", m->mend);
	wr_buf_text(out, "}");
}

static const char *const reasons[] = {
	[WEIR_R_POLICY] = NULL,
	[WEIR_R_INVALID] = "invalid packet: conntrack has no entry for it",
	[WEIR_R_UNTRACKED] = "untracked packet: conntrack was told not to look",
	[WEIR_R_PICKUP] = "middle of a connection whose beginning was not seen",
	[WEIR_R_UNKNOWN_POD] = "an address of the node's pod range that no pod has",
	[WEIR_R_NO_IMAGE] = "nothing is loaded: fails closed",
};

/*
 * The direction whose reason is told: the one that denied (a hairpin's event
 * does not know which), else the one that a rule allowed. Of an allowed event
 * the ingress may be denied all the same: by the destination's node.
 */
static enum wr_direction told_direction(const struct weir_event *e, const struct wr_reason why[2])
{
	if (!e->allow)
		return e->denied_by == WEIR_EGRESS || why[WR_INGRESS].allow ? WR_EGRESS
									    : WR_INGRESS;
	return why[WR_INGRESS].allow && why[WR_INGRESS].author.kind == WR_BY_RULE ? WR_INGRESS
										  : WR_EGRESS;
}

static int put_reason(const struct wr_flow_context *c, const struct weir_event *e,
		      const struct wr_side *src, const struct wr_side *dst, struct wr_arena *a,
		      struct wr_buf *out)
{
	struct wr_reason why[2];
	const char *fixed = e->reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[e->reason]
									     : NULL;
	if (fixed || e->generation != c->generation) {
		put(out, "reason", fixed ? fixed : "judged by an earlier generation of policies");
		return 0;
	}
	int rc = wr_explain(c->program, src, dst, e->proto, e->dport, a, why);
	if (rc)
		return rc;
	const struct wr_world *w = wr_program_world(c->program);
	enum wr_direction dir = told_direction(e, why);
	const struct wr_reason *r = &why[dir];
	put(out, "direction", dir == WR_EGRESS ? "egress" : "ingress");
	put(out, "reason", r->text);
	if (r->author.kind == WR_BY_RULE)
		put_rule(out, w, r, a);
	else if (r->author.kind == WR_BY_ISOLATION)
		put_isolation(out, w, r, a);
	return 0;
}

int wr_flow_write(const struct wr_flow_context *c, const struct weir_event *e, struct wr_buf *out)
{
	struct wr_arena *a = wr_arena_new();
	struct wr_ip ips[2] = {{.family = e->family}, {.family = e->family}};
	struct wr_side sides[2];
	char ip[WR_IP_TEXT];
	if (!a)
		return -ENOMEM;
	memcpy(ips[0].b, e->src, sizeof(ips[0].b));
	memcpy(ips[1].b, e->dst, sizeof(ips[1].b));
	for (int i = 0; i < 2; i++)
		wr_side_ip(c->program, &ips[i], &sides[i]);
	/* what a pod sends to its own address never leaves it: this came back by a Service */
	sides[1].by_service = true;
	wr_buf_text(out, "{\"time\":");
	put_time(out, e->time_ns);
	put(out, "node", c->node);
	put(out, "from", side_name(c, &sides[0], a));
	put(out, "from_ip", wr_ip_format(&ips[0], ip));
	put(out, "to", side_name(c, &sides[1], a));
	put(out, "to_ip", wr_ip_format(&ips[1], ip));
	put(out, "protocol", wr_proto_name(e->proto));
	if (wr_proto_has_ports(e->proto))
		wr_buf_printf(out, ",\"port\":%u", e->dport);
	put(out, "verdict", e->allow ? "allow" : "deny");
	if (e->rejudged)
		wr_buf_text(out, ",\"cut\":true");
	int rc = put_reason(c, e, &sides[0], &sides[1], a, out);
	wr_buf_text(out, "}");
	wr_arena_free(a);
	return rc ? rc : out->failed ? -ENOMEM : 0;
}
