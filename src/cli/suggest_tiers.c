/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidates where a rule of a cluster-wide policy denies. What the Admin tier
 * denies no NetworkPolicy can allow: what helps is a rule in front of it, which
 * leaves the connection to NetworkPolicies or, where these would deny it,
 * accepts it. What the Baseline tier denies is denied only because no
 * NetworkPolicy isolates the pod: one that does, and allows it, has the last
 * word. But it takes away what the Baseline tier leaves open, so that a rule in
 * front may be all that does no harm.
 */
#include <string.h>

#include "cli/suggest_internal.h"

#define TEXT(w, ...) wr_yaml_printf(&(w)->y, __VA_ARGS__)

struct denial {
	const struct wr_policy *policy;
	uint32_t rule;
	enum wr_direction dir;
	const char *title;
};

static const char *rule_text(struct wr_suggest_work *w, const struct denial *d,
			     enum wr_action action)
{
	return wr_yaml_cluster_rule(&w->y, d->policy->object->kind, d->dir, action,
				    wr_suggest_peer(w, d->dir), w->q->proto, w->q->port);
}

/* A rule in front of the one that denies, in its own policy. */
static void add_in_front(struct wr_suggest_work *w, const struct denial *d, enum wr_action action)
{
	const struct wr_object *o = d->policy->object;
	const struct wr_value *rules = wr_value_get(wr_value_get(o->value, "spec"),
						    d->dir == WR_EGRESS ? "egress" : "ingress");
	const char *text = rule_text(w, d, action);
	struct wr_suggest_candidate c = {
		.s = {.dir = d->dir,
		      .what = TEXT(w, "a rule in front of rule %u of %s", d->rule + 1, d->title)},
		.rank = WR_SUGGEST_CLUSTER,
		.policy = o};
	size_t at;
	if (!o->doc || !rules || rules->type != WR_LIST || d->rule >= rules->n || !*text)
		return;
	/* the dash of the item: below that of the first */
	struct wr_mark dash = rules->items[d->rule]->mark;
	dash.column = rules->mark.column;
	if (wr_edit_offset(o->doc, dash, &at) < 0 || o->doc->text[at] != '-' ||
	    wr_edit_insert_above(o->doc, dash, text, w->y.arena, &c.edit) < 0)
		return;
	wr_suggest_add_edit(w, c);
}

static bool is_used(const struct wr_world *w, enum wr_tier tier, int32_t priority)
{
	for (uint32_t i = 0; i < w->n_policies; i++)
		if (w->policies[i].tier == tier && w->policies[i].priority == priority)
			return true;
	return false;
}

/* A policy that is asked before: with the next lower priority that nobody has. */
static void add_policy(struct wr_suggest_work *w, const struct denial *d, enum wr_action action)
{
	const struct wr_world *world = w->l->world;
	const struct wr_yaml_end *subject = wr_suggest_subject(w, d->dir);
	enum wr_kind kind = d->policy->object->kind;
	int32_t priority = d->policy->priority - 1;
	const char *rule = rule_text(w, d, action);
	while (priority >= 0 && is_used(world, d->policy->tier, priority))
		priority--;
	if (priority < 0 || kind == WR_KIND_BASELINEADMINNETWORKPOLICY || !*rule)
		return;
	const char *name = wr_yaml_cluster_name(&w->y, kind, d->dir, subject,
						wr_suggest_peer(w, d->dir));
	wr_suggest_add(w, (struct wr_suggest_candidate){
				  .s = {.dir = d->dir,
					.what = TEXT(w, "a new policy, asked before %s", d->title),
					.text = wr_yaml_cluster_policy(
						&w->y, d->policy, priority, d->dir, name,
						&world->pods[subject->pod], rule)},
				  .rank = WR_SUGGEST_CLUSTER});
}

static struct denial denial_of(struct wr_suggest_work *w, const struct wr_reason *r)
{
	char title[WR_POLICY_TITLE];
	const struct wr_policy *p = &w->l->world->policies[r->author.policy];
	return (struct denial){p, r->author.rule, r->dir, TEXT(w, "%s", wr_policy_title(p, title))};
}

void wr_suggest_find_tiers(struct wr_suggest_work *w, const struct wr_reason *r)
{
	const struct denial d = denial_of(w, r);
	const struct wr_pod *pod = &w->l->world->pods[wr_suggest_subject(w, r->dir)->pod];
	if (d.policy->tier == WR_TIER_BASELINE)
		wr_suggest_add_new(w, r->dir, wr_yaml_pod_labels(&w->y, pod, NULL, 4));
	else
		add_in_front(w, &d, WR_PASS);
	add_in_front(w, &d, WR_ACCEPT);
	if (d.policy->tier == WR_TIER_ADMIN)
		add_policy(w, &d, WR_PASS);
	add_policy(w, &d, WR_ACCEPT);
}

const char *wr_suggest_tier_note(struct wr_suggest_work *w, const struct wr_reason *r,
				 const struct wr_suggest_candidate *chosen)
{
	const char *way = r->dir == WR_EGRESS ? "egress" : "ingress";
	if (r->author.kind != WR_BY_RULE)
		return NULL;
	const struct denial d = denial_of(w, r);
	const struct wr_rule *rule = &d.policy->rules[r->dir][d.rule];
	const char *unreadable =
		!rule->fails_closed
			? ""
			: TEXT(w,
			       "; the rule denies everything only because a peer has %s: mend that "
			       "first",
			       rule->fails_closed);
	if (d.policy->tier == WR_TIER_ADMIN)
		return TEXT(w,
			    "%s denies it in the Admin tier, before NetworkPolicies are asked: no "
			    "NetworkPolicy can allow it%s",
			    d.title, unreadable);
	if (chosen && chosen->rank == WR_SUGGEST_NAMESPACED)
		return TEXT(w,
			    "%s denies it in the Baseline tier, which is asked only where no "
			    "NetworkPolicy isolates the pod for %s: a NetworkPolicy that allows it "
			    "has the last word%s",
			    d.title, way, unreadable);
	return TEXT(w,
		    "%s denies it in the Baseline tier; a NetworkPolicy that allows it would have "
		    "the last word, but would isolate the pod for %s and so deny what the "
		    "Baseline tier leaves open%s",
		    d.title, way, unreadable);
}
