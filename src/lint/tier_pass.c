/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "lint/checks.h"

/*
 * Pass rules that do nothing. A Pass is an exception to what comes after it in
 * its tier: where no later rule of the tier can meet its traffic it excepts from
 * nothing. That is proved by what selectors, addresses and ports exclude. In the
 * Baseline tier nothing comes after the tier, so that Pass is another word for
 * Accept.
 */

static const struct wr_lint_rule no_effect = {"pass-without-effect", WR_NOTE, false,
					      "a Pass after which no rule of its tier could match"};
static const struct wr_lint_rule in_baseline = {"pass-in-baseline", WR_NOTE, false,
						"a Pass in the Baseline tier, which allows"};

#define LOOKS_MAX (1u << 24) /* pairs of rules that are looked at */

/* A name may be any port; other ports must overlap. */
static bool ports_may_meet(const struct wr_rule *a, const struct wr_rule *b)
{
	for (size_t i = 0; i < a->n_ports; i++)
		if (a->ports[i].kind == WR_PORTS_NAMED)
			return true;
	for (size_t i = 0; i < b->n_ports; i++)
		if (b->ports[i].kind == WR_PORTS_NAMED)
			return true;
	return lint_ports_meet(a, b);
}

static bool may_meet(const struct lint *l, const struct wr_rule *a, const struct wr_rule *b)
{
	if (!ports_may_meet(a, b))
		return false;
	if (a->any_peer || b->any_peer)
		return true;
	for (size_t i = 0; i < a->n_peers; i++)
		for (size_t k = 0; k < b->n_peers; k++)
			if (!lint_peers_apart(l, &a->peers[i], &b->peers[k]))
				return true;
	return false;
}

/* Whether a later rule of the tier could decide what a Pass passes. */
static bool has_successor(const struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule,
			  uint32_t *looks)
{
	const struct wr_policy *p = &l->w->policies[policy];
	for (uint32_t i = policy; i < l->w->n_policies; i++) {
		const struct wr_policy *o = &l->w->policies[i];
		if (o->tier != p->tier)
			break;
		if (lint_peers_apart(l, &p->subject, &o->subject))
			continue;
		for (size_t r = i == policy ? rule + 1 : 0; r < o->n_rules[dir]; r++)
			if (++*looks >= LOOKS_MAX ||
			    (o->rules[dir][r].action != WR_PASS &&
			     may_meet(l, &p->rules[dir][rule], &o->rules[dir][r])))
				return true;
	}
	return false;
}

static void check_admin(struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule,
			uint32_t *looks)
{
	const struct wr_policy *p = &l->w->policies[policy];
	uint32_t key[] = {policy, dir, (uint32_t)rule};
	if ((l->dead && wr_map_get(l->dead, key, sizeof(key), NULL)) ||
	    has_successor(l, policy, dir, rule, looks))
		return;
	lint_report(l, &no_effect, p->object, p->rules[dir][rule].mark,
		    lint_rule_path(l, dir, rule),
		    "passes what no later rule of the Admin tier is about: without this rule, too, "
		    "NetworkPolicies and the Baseline tier decide it");
	lint_advise(l, "put it before the rule that it is an exception to (policies go by "
		       "priority, lower first), or remove it");
}

static void check_baseline(struct lint *l, const struct wr_policy *p, enum wr_direction dir,
			   size_t rule)
{
	lint_report(l, &in_baseline, p->object, p->rules[dir][rule].mark,
		    lint_rule_path(l, dir, rule),
		    "passes to what comes after the Baseline tier: nothing does, so this allows, "
		    "as Accept would");
	lint_advise(l, "write action: Accept if that is meant");
	const struct wr_value *list = lint_rules_value(p->object, dir);
	const struct wr_value *action = list && rule < list->n
						? wr_value_get(list->items[rule], "action")
						: NULL;
	struct wr_edit edit;
	if (action && !wr_edit_replace(p->object->doc, action, "Accept", &edit))
		lint_fix(l, &edit, 1);
}

static void run(struct lint *l)
{
	uint32_t looks = 0;
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (p->tier == WR_TIER_NETWORKPOLICY || !p->object)
			continue;
		for (int d = 0; d < 2; d++)
			for (size_t r = 0; r < p->n_rules[d]; r++) {
				if (p->rules[d][r].action != WR_PASS)
					continue;
				if (p->tier == WR_TIER_ADMIN)
					check_admin(l, i, (enum wr_direction)d, r, &looks);
				else
					check_baseline(l, p, (enum wr_direction)d, r);
			}
	}
}

const struct lint_check lint_tier_pass = {LINT_RULES(&no_effect, &in_baseline), run};
