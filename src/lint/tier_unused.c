/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "lint/checks.h"

/*
 * Rules that decide nothing for the pods of the manifests, because policies of
 * an earlier tier, or earlier rules of their own, decide everything that they
 * would match. The engine's rows tell: every connection has its author there.
 *
 * Another cluster may be another case; so these are notes, but for a
 * NetworkPolicy that allows what an Admin policy denies.
 */

static const struct wr_lint_rule unused = {
	"tier-rule-unused", WR_NOTE, false,
	"a rule of a cluster-wide policy that decides nothing for these pods"};
static const struct wr_lint_rule not_reached = {
	"baseline-not-reached", WR_NOTE, false,
	"a Baseline rule that no pod reaches: NetworkPolicies or Admin policies decide before"};
static const struct wr_lint_rule overridden = {
	"denied-by-admin", WR_WARNING, false,
	"a NetworkPolicy that allows what an Admin policy denies"};

static const char *const words[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};

static void relate_deciders(struct lint *l, const struct wr_policy *p,
			    const struct lint_deciders *d)
{
	for (uint32_t i = 0; i < d->n; i++) {
		struct wr_mark mark = lint_decider_mark(l, d->by[i]);
		if (mark.file)
			lint_relate(l, mark, "%s%s", lint_decider_text(l, d->by[i], p),
				    d->by[i]->kind == WR_BY_RULE ? " it" : "");
	}
}

/* ---- Baseline ---- */

static bool all_isolated(struct lint *l, uint32_t policy, enum wr_direction dir)
{
	uint32_t n;
	const uint32_t *rows = lint_subject_rows(l, policy, dir, &n);
	for (uint32_t i = 0; i < n; i++)
		if (!lint_row_isolated(l, rows[i]))
			return false;
	return rows && n;
}

static const struct wr_policy *isolating(const struct lint *l, uint32_t row)
{
	uint32_t n;
	enum wr_direction dir;
	const uint32_t *policies = wr_query_row(l->p, row, &n, &dir);
	for (uint32_t i = 0; i < n; i++)
		if (l->w->policies[policies[i]].tier == WR_TIER_NETWORKPOLICY)
			return &l->w->policies[policies[i]];
	return NULL;
}

static void report_isolated(struct lint *l, uint32_t policy, enum wr_direction dir)
{
	const struct wr_policy *p = &l->w->policies[policy];
	const struct wr_value *list = lint_rules_value(p->object, dir);
	uint32_t n;
	const uint32_t *rows = lint_subject_rows(l, policy, dir, &n);
	size_t pods = wr_bitset_count(wr_query_subject(l->p, policy));
	const struct wr_policy *by = rows ? isolating(l, rows[0]) : NULL;
	char title[WR_POLICY_TITLE];
	lint_report(l, &not_reached, p->object, list ? list->mark : p->mark,
		    lint_text(l, "spec.%s", words[dir]),
		    "no pod reaches these rules: NetworkPolicies isolate %s for %s, and what they "
		    "decide is final",
		    pods == 1 ? "the one pod it selects"
			      : lint_text(l, "all %zu pods it selects", pods),
		    words[dir]);
	lint_advise(l, "Baseline is for pods without NetworkPolicies; what must hold for all pods "
		       "belongs in the Admin tier");
	if (by)
		lint_relate(l, by->mark, "%s isolates the pods", wr_policy_title(by, title));
}

/* ---- rules ---- */

static bool is_dead(const struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule)
{
	uint32_t key[] = {policy, dir, (uint32_t)rule};
	return l->dead && wr_map_get(l->dead, key, sizeof(key), NULL);
}

/* "Admin/a spec.egress[0] denies it first"; of later tiers: how it comes to them. */
static const char *instead(struct lint *l, const struct wr_policy *p, const struct lint_deciders *d)
{
	const struct wr_author *by = d->by[0];
	bool later = by->kind == WR_BY_DEFAULT ||
		     (by->kind == WR_BY_ISOLATION && p->tier == WR_TIER_ADMIN) ||
		     (by->kind == WR_BY_RULE && l->w->policies[by->policy].tier > p->tier);
	return lint_text(l, "%s%s%s%s", later ? "an earlier rule passes it, and " : "",
			 lint_decider_text(l, by, p), later ? "" : " before it",
			 d->n > 1 ? "; others decide the rest" : "");
}

static void check_rule(struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule)
{
	const struct wr_policy *p = &l->w->policies[policy];
	struct lint_deciders d;
	if (is_dead(l, policy, dir, rule) || lint_decides(l, policy, dir, rule))
		return;
	lint_find_deciders(l, policy, dir, rule, &d);
	if (!d.n)
		return; /* its peers or ports hold nothing: another finding's */
	size_t n = wr_bitset_count(wr_query_subject(l->p, policy));
	lint_report(l, p->tier == WR_TIER_BASELINE ? &not_reached : &unused, p->object,
		    p->rules[dir][rule].mark, lint_rule_path(l, dir, rule),
		    "decides nothing for %s: %s",
		    n == 1 ? "the one pod it selects"
			   : lint_text(l, "any of the %zu pods it selects", n),
		    instead(l, p, &d));
	relate_deciders(l, p, &d);
}

static void check_cluster_policy(struct lint *l, uint32_t policy)
{
	const struct wr_policy *p = &l->w->policies[policy];
	if (!wr_bitset_count(wr_query_subject(l->p, policy)))
		return;
	for (int d = 0; d < 2; d++) {
		enum wr_direction dir = (enum wr_direction)d;
		if (p->tier == WR_TIER_BASELINE && p->n_rules[d] && all_isolated(l, policy, dir)) {
			report_isolated(l, policy, dir);
			continue;
		}
		for (size_t r = 0; r < p->n_rules[d] && !l->nomem; r++)
			check_rule(l, policy, dir, r);
	}
}

/* ---- NetworkPolicies ---- */

/* Whether all that a rule would allow is denied, by Admin rules alone. */
static bool all_denied(const struct lint *l, const struct lint_deciders *d)
{
	for (uint32_t i = 0; i < d->n; i++) {
		const struct wr_author *by = d->by[i];
		if (by->kind != WR_BY_RULE)
			return false;
		const struct wr_policy *p = &l->w->policies[by->policy];
		if (p->tier != WR_TIER_ADMIN || p->rules[by->dir][by->rule].action != WR_DENY)
			return false;
	}
	return d->n && d->complete && !d->more;
}

static void check_network_policy(struct lint *l, uint32_t policy, enum wr_direction dir,
				 size_t rule)
{
	const struct wr_policy *p = &l->w->policies[policy];
	struct lint_deciders d;
	if (lint_decides(l, policy, dir, rule))
		return;
	lint_find_deciders(l, policy, dir, rule, &d);
	if (!all_denied(l, &d))
		return;
	lint_report(l, &overridden, p->object, p->rules[dir][rule].mark,
		    lint_rule_path(l, dir, rule),
		    "allows nothing: %s all of it, and the Admin tier decides before "
		    "NetworkPolicies",
		    d.n == 1 ? lint_decider_text(l, d.by[0], p)
			     : lint_text(l, "%u rules of Admin policies deny", d.n));
	lint_advise(l, "remove the rule, or have the cluster's administrators pass this traffic");
	relate_deciders(l, p, &d);
}

static bool any_admin(const struct lint *l)
{
	return l->w->n_policies && l->w->policies[0].tier == WR_TIER_ADMIN; /* sorted by tier */
}

static void run(struct lint *l)
{
	bool admin = any_admin(l) && lint_on(l, &overridden);
	for (uint32_t i = 0; i < l->w->n_policies && l->knows_pods && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (!p->object)
			continue;
		if (p->tier != WR_TIER_NETWORKPOLICY)
			check_cluster_policy(l, i);
		for (int d = 0; d < 2 && p->tier == WR_TIER_NETWORKPOLICY && admin; d++)
			for (size_t r = 0; r < p->n_rules[d] && !l->nomem; r++)
				check_network_policy(l, i, (enum wr_direction)d, r);
	}
}

const struct lint_check lint_tier_unused = {LINT_RULES(&unused, &not_reached, &overridden), run};
