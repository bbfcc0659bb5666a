/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster-wide policy in words: when it is asked, what each rule does with
 * what it matches, and where everything else goes. Order is all in these: of
 * tiers, of policies in a tier, of rules in a policy.
 */
#include <string.h>

#include "cli/describe_say.h"

/* ---- order ---- */

static bool has_priority(const struct wr_policy *p)
{
	return p->object->kind != WR_KIND_BASELINEADMINNETWORKPOLICY;
}

static void say_order(struct wr_say *s)
{
	const struct wr_policy *p = s->policy;
	s->out->has_priority = has_priority(p);
	const char *priority = has_priority(p) ? wr_say_text(s, "priority %d (lower goes first)",
							     p->priority)
					       : "without a priority (weir: as if 0)";
	const char *when =
		p->tier == WR_TIER_ADMIN
			? "asked before NetworkPolicies, which cannot change what it accepts or "
			  "denies"
			: "asked last, and only for pods that no NetworkPolicy isolates in that "
			  "direction";
	s->out->order = wr_say_text(s, "%s tier, %s: %s", wr_tier_name(p->tier), priority, when);
}

/* Whether what one of them decides may be about what the other is asked, too. */
static bool meets(const struct wr_say *s, const struct wr_policy *q)
{
	const struct wr_policy *p = s->policy;
	bool direction = (p->n_rules[0] && q->n_rules[0]) || (p->n_rules[1] && q->n_rules[1]);
	return q != p && q->tier == p->tier && direction && wr_say_shares(s->w, p, q);
}

static void say_others(struct wr_say *s)
{
	struct wr_texts same = {0};
	for (uint32_t i = 0; i < s->w->n_policies; i++) {
		const struct wr_policy *q = &s->w->policies[i];
		if (!meets(s, q))
			continue;
		wr_say_policy(s, q < s->policy ? &s->out->earlier : &s->out->later, q);
		if (q->priority == s->policy->priority)
			wr_say_policy(s, &same, q);
	}
	if (same.n)
		wr_say_remark(
			s,
			wr_say_text(s,
				    "%s ha%s the same priority and select%s some of the same pods: "
				    "which goes first is not defined; weir goes by the names",
				    wr_say_list(s, &same), same.n == 1 ? "s" : "ve",
				    same.n == 1 ? "s" : ""));
}

/* ---- rules ---- */

/* Networks of one item are peers each: they are one line. Returns the index after them. */
static size_t say_networks(struct wr_say *s, const struct wr_rule *r, size_t i,
			   struct wr_texts *out)
{
	char cidr[WR_CIDR_TEXT];
	const struct wr_mark mark = r->peers[i].mark;
	const char *list = "";
	size_t k = i;
	for (; k < r->n_peers && r->peers[k].kind == WR_PEER_IPBLOCK &&
	       r->peers[k].mark.line == mark.line && r->peers[k].mark.column == mark.column;
	     k++)
		list = wr_say_text(s, "%s%s%s", list, k > i ? ", " : "",
				   wr_cidr_format(&r->peers[k].cidr, cidr));
	wr_say_add(s, out, wr_say_text(s, "addresses in %s", list));
	return k;
}

static void say_peers(struct wr_say *s, enum wr_direction dir, size_t index, struct wr_texts *out)
{
	const struct wr_rule *r = &s->policy->rules[dir][index];
	size_t item = 0;
	for (size_t i = 0; i < r->n_peers; item++) {
		const struct wr_peer *peer = &r->peers[i];
		if (peer->kind == WR_PEER_IPBLOCK) {
			i = say_networks(s, r, i, out);
			continue;
		}
		i++;
		wr_say_add(s, out, wr_say_peer(s, peer));
		struct wr_said_count c = {0};
		if (peer->kind == WR_PEER_PODS)
			c = wr_say_count(s->w, peer);
		if (peer->kind == WR_PEER_PODS && !c.pods && !c.workloads)
			wr_say_remark(
				s,
				wr_say_text(
					s, "%s rule %zu: %s[%zu] matches no pod in these manifests",
					wr_say_direction(dir), index + 1,
					dir == WR_EGRESS ? "to" : "from", item));
	}
}

static const char *action_text(const struct wr_policy *p, enum wr_action action)
{
	switch (action) {
	case WR_ACCEPT:
		return "accepts, and nothing after it is asked";
	case WR_DENY:
		return "denies, and nothing after it is asked";
	case WR_PASS:
		break;
	}
	return p->tier == WR_TIER_ADMIN
		       ? "leaves it to NetworkPolicies; no later Admin policy is asked"
		       : "leaves the Baseline tier; nothing comes after it, so that it is allowed";
}

/* As the kind writes it. */
static const char *action_name(const struct wr_policy *p, enum wr_action action)
{
	if (action != WR_ACCEPT)
		return action == WR_DENY ? "Deny" : "Pass";
	return p->object->kind == WR_KIND_CLUSTERNETWORKPOLICY ? "Accept" : "Allow";
}

static void say_rule(struct wr_say *s, enum wr_direction dir, size_t index)
{
	const struct wr_rule *r = &s->policy->rules[dir][index];
	enum wr_action written = s->policy->object->cp.rules[dir][index].action;
	struct wr_said_rule *out = &s->out->directions[dir].rules[index];
	out->mark = r->mark;
	out->name = r->name;
	out->action = action_name(s->policy, written);
	out->does = action_text(s->policy, r->action);
	if (r->fails_closed) {
		out->fails_closed = r->fails_closed;
		out->does = wr_say_text(s, "fails closed, for a peer has %s: %s", r->fails_closed,
					r->action == WR_ACCEPT ? "it matches nothing"
							       : "it denies everything");
		return;
	}
	say_peers(s, dir, index, &out->peers);
	if (r->any_port)
		wr_say_add(s, &out->ports, "every port and protocol");
	for (size_t i = 0; i < r->n_ports; i++)
		wr_say_add(s, &out->ports, wr_say_port(s, dir, index, &r->ports[i]));
}

/* ---- the rest ---- */

/* Where what no rule matches goes: the later policies of the tier, then the later tiers. */
static const char *rest_text(struct wr_say *s, enum wr_direction dir)
{
	const struct wr_policy *p = s->policy;
	bool admin = p->tier == WR_TIER_ADMIN;
	struct wr_texts later = {0};
	for (size_t i = 0; i < p->n_rules[dir]; i++)
		if (p->rules[dir][i].any_peer && p->rules[dir][i].any_port)
			return wr_say_text(s, "nothing: rule %zu matches everything", i + 1);
	for (const struct wr_policy *q = p + 1; q < s->w->policies + s->w->n_policies; q++)
		if (q->tier == p->tier && q->n_rules[dir] && wr_say_shares(s->w, p, q))
			wr_say_policy(s, &later, q);
	const char *names = wr_say_list(s, &later);
	if (admin)
		return wr_say_text(s, "goes on to %s%sNetworkPolicies, then to the Baseline tier",
				   names, later.n ? ", then to " : "");
	return later.n ? wr_say_text(s, "goes on to %s, and is allowed where these do not deny it",
				     names)
		       : "is allowed: nothing comes after it";
}

/* Of the selected pods those that NetworkPolicies isolate: they never come to the Baseline tier. */
static size_t count_isolated(struct wr_say *s, enum wr_direction dir)
{
	bool *isolated = wr_arena_array(s->a, s->w->n_pods, sizeof(*isolated));
	size_t n = 0;
	s->failed = s->failed || !isolated;
	for (uint32_t k = 0; k < s->w->n_policies && isolated; k++) {
		const struct wr_policy *q = &s->w->policies[k];
		if (q->tier != WR_TIER_NETWORKPOLICY || !q->isolates[dir])
			continue;
		const struct wr_namespace *ns = &s->w->namespaces[q->subject.ns_index];
		for (uint32_t i = ns->first_pod; i < ns->first_pod + ns->n_pods; i++)
			isolated[i] = isolated[i] ||
				      wr_say_holds(s->w, &q->subject, &s->w->pods[i], false);
	}
	for (uint32_t i = 0; i < s->w->n_pods && isolated; i++)
		n += isolated[i] && wr_say_selectable(&s->w->pods[i]) &&
		     wr_say_holds(s->w, &s->policy->subject, &s->w->pods[i], false);
	return n;
}

static void remark_isolated(struct wr_say *s, enum wr_direction dir)
{
	const char *way = wr_say_direction(dir);
	if (s->policy->tier != WR_TIER_BASELINE || !s->policy->n_rules[dir])
		return;
	size_t n = count_isolated(s, dir), all = s->out->pods.n;
	if (n && n == all)
		wr_say_remark(s, wr_say_text(s,
					     "NetworkPolicies isolate all of these pods for %s: "
					     "its %s rules are never asked",
					     way, way));
	else if (n)
		wr_say_remark(s, wr_say_text(s,
					     "NetworkPolicies isolate %zu of these %zu pods for "
					     "%s: its %s rules are not asked for %s",
					     n, all, way, way, n == 1 ? "it" : "them"));
}

static void say_direction(struct wr_say *s, enum wr_direction dir)
{
	const struct wr_policy *p = s->policy;
	struct wr_said_direction *out = &s->out->directions[dir];
	size_t n = p->n_rules[dir];
	if (!n) {
		out->summary = "left alone by this policy";
		return;
	}
	out->summary = n == 1 ? "the rule decides about what it matches"
			      : "the first rule that matches decides";
	out->rules = wr_arena_array(s->a, n, sizeof(*out->rules));
	if (!out->rules) {
		s->failed = true;
		return;
	}
	out->n_rules = n;
	for (size_t i = 0; i < n; i++)
		say_rule(s, dir, i);
	out->rest = rest_text(s, dir);
	remark_isolated(s, dir);
}

void wr_say_cluster_policy(struct wr_say *s)
{
	const struct wr_policy *p = s->policy;
	char title[WR_POLICY_TITLE];
	s->out->name = wr_say_text(s, "%s", wr_policy_title(p, title));
	say_order(s);
	wr_say_subject(s);
	say_others(s);
	for (int i = 0; i < 2; i++)
		say_direction(s, wr_said_order[i]);
	if (!p->n_rules[0] && !p->n_rules[1])
		wr_say_remark(s, "it has no rules, so that it does nothing");
}
