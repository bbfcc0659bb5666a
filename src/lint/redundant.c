/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/map.h"
#include "lint/checks.h"

/*
 * Peers, rules and policies that can go: all that they allow is allowed by
 * another one for the same pods, whatever pods and labels there will be.
 * NetworkPolicies only add, so what is within another can be taken away.
 */

static const struct wr_lint_rule peer_rule = {"redundant-peer", WR_NOTE, false,
					      "a peer that another one of its rule holds"};
static const struct wr_lint_rule rule_rule = {"redundant-rule", WR_NOTE, false,
					      "a rule that another one of the policy holds"};
static const struct wr_lint_rule policy_rule = {"redundant-policy", WR_WARNING, false,
						"a policy without which connectivity is the same"};

#define RULES_MAX 64 /* of policies with more only equal ones would be worth the time */

/* ---- within a policy ---- */

/* Of networks only such as another one of their list holds: fixes together must leave one. */
static void fix_peer(struct lint *l, const struct wr_policy *p, enum wr_direction dir, size_t rule,
		     size_t peer, size_t holder)
{
	struct lint_place at = lint_place(p->object, dir, rule, peer);
	struct lint_place kept = lint_place(p->object, dir, rule, holder);
	const struct wr_value *list = lint_peers_value(p->object, dir, rule);
	size_t item = at.item;
	if (at.is_network) {
		list = list && item < list->n ? wr_value_get(list->items[item], "networks") : NULL;
		item = at.network;
	}
	struct wr_edit edit;
	if (list && (!at.is_network || kept.item == at.item) &&
	    !wr_edit_remove_item(p->object->doc, list, item, &edit))
		lint_fix(l, &edit, 1);
}

static void check_peers(struct lint *l, const struct wr_policy *p, enum wr_direction dir,
			size_t rule)
{
	const struct wr_rule *r = &p->rules[dir][rule];
	for (size_t a = 0; a < r->n_peers && r->n_peers <= RULES_MAX; a++)
		for (size_t b = 0; b < r->n_peers; b++) {
			/* of two equal ones the later can go */
			if (a == b || !lint_peer_within(l, &r->peers[a], &r->peers[b]) ||
			    (a < b && lint_peer_within(l, &r->peers[b], &r->peers[a])))
				continue;
			lint_report(l, &peer_rule, p->object, lint_peer_mark(p, dir, rule, a),
				    lint_peer_path(l, p->object, dir, rule, a),
				    "adds nothing: all that it matches is matched by %s",
				    lint_peer_path(l, p->object, dir, rule, b));
			lint_advise(l,
				    "remove it, or make the other one narrower if that was meant");
			lint_relate(l, lint_peer_mark(p, dir, rule, b), "the peer that holds it");
			fix_peer(l, p, dir, rule, a, b);
			break;
		}
}

static bool allows_all(const struct wr_rule *r)
{
	return r->any_peer && r->any_port;
}

static void check_rules(struct lint *l, const struct wr_policy *p, enum wr_direction dir)
{
	const struct wr_rule *rules = p->rules[dir];
	for (size_t a = 0; a < p->n_rules[dir] && p->n_rules[dir] <= RULES_MAX; a++)
		for (size_t b = 0; b < p->n_rules[dir]; b++) {
			if (a == b || allows_all(&rules[b]) ||
			    !lint_rule_within(l, &rules[a], &rules[b]) ||
			    (a < b && lint_rule_within(l, &rules[b], &rules[a])))
				continue;
			lint_report(l, &rule_rule, p->object, rules[a].mark,
				    lint_rule_path(l, dir, a),
				    "adds nothing: all that it allows is allowed by %s",
				    lint_rule_path(l, dir, b));
			lint_advise(l,
				    "remove it, or make the other one narrower if that was meant");
			lint_relate(l, rules[b].mark, "the rule that holds it");
			struct wr_edit edit;
			const struct wr_value *list = lint_rules_value(p->object, dir);
			if (list && !wr_edit_remove_item(p->object->doc, list, a, &edit))
				lint_fix(l, &edit, 1);
			break;
		}
}

/* ---- between policies ---- */

/* Whether one policy selects, isolates and allows all that another one does. */
static bool policy_within(const struct lint *l, const struct wr_policy *a,
			  const struct wr_policy *b)
{
	if (!lint_implies(l, a->subject.pod_selector, b->subject.pod_selector))
		return false;
	for (int d = 0; d < 2; d++) {
		if (a->isolates[d] && !b->isolates[d])
			return false;
		for (size_t i = 0; i < a->n_rules[d]; i++) {
			bool found = false;
			for (size_t k = 0; k < b->n_rules[d] && !found; k++)
				found = lint_rule_within(l, &a->rules[d][i], &b->rules[d][k]);
			if (!found)
				return false;
		}
	}
	return true;
}

static bool is_default_deny(const struct wr_policy *p)
{
	return !p->n_rules[0] && !p->n_rules[1];
}

static void report_policy(struct lint *l, const struct wr_policy *a, const struct wr_policy *b)
{
	lint_report(
		l, &policy_rule, a->object, a->mark, NULL,
		"connectivity is the same without this policy: %s/%s selects these pods and allows "
		"all that this one does",
		b->ns, b->name);
	lint_advise(l, "remove it");
	lint_relate(l, b->mark, "the policy that holds it");
}

/*
 * The first policy of the list that holds policies[a]. Of equal ones the later
 * can go. A default deny beside others is no waste but a safeguard: it is held
 * only by another default deny.
 */
static bool find_holder(struct lint *l, uint32_t a, const uint32_t *list, size_t n)
{
	const struct wr_policy *pa = &l->w->policies[a];
	for (size_t i = 0; i < n; i++) {
		const struct wr_policy *pb = &l->w->policies[list[i]];
		if (list[i] == a || is_default_deny(pa) != is_default_deny(pb) ||
		    !policy_within(l, pa, pb) || (a < list[i] && policy_within(l, pb, pa)))
			continue;
		report_policy(l, pa, pb);
		return true;
	}
	return false;
}

typedef WR_VEC(uint32_t) number_list;

/* Policies by subject: namespace and selector. */
static int group(struct lint *l, struct wr_map *index, number_list **lists, uint32_t i,
		 uint64_t *out)
{
	const struct wr_policy *p = &l->w->policies[i];
	uint32_t key[2] = {p->subject.ns_index, p->subject.pod_selector};
	uint64_t *slot = wr_map_slot(index, key, sizeof(key), wr_map_count(index), NULL);
	if (!slot)
		return -ENOMEM;
	*out = *slot;
	return wr_vec_push(&(*lists)[*slot], i);
}

#define GROUP_MAX 200 /* compared with each other; more for the same pods is another trouble */

static void check_policy(struct lint *l, uint32_t i, const struct wr_map *index,
			 const number_list *lists)
{
	const struct wr_policy *p = &l->w->policies[i];
	uint32_t own[2] = {p->subject.ns_index, p->subject.pod_selector};
	uint32_t all[2] = {p->subject.ns_index, WR_NONE};
	uint64_t at;
	if (wr_map_get(index, own, sizeof(own), &at) && lists[at].n <= GROUP_MAX &&
	    find_holder(l, i, lists[at].items, lists[at].n))
		return;
	if (p->subject.pod_selector != WR_NONE && wr_map_get(index, all, sizeof(all), &at) &&
	    lists[at].n <= GROUP_MAX)
		(void)find_holder(l, i, lists[at].items, lists[at].n);
}

static void check_policies(struct lint *l)
{
	struct wr_map *index = wr_map_new();
	number_list *lists = calloc(l->w->n_policies + 1, sizeof(*lists));
	uint64_t at;
	l->nomem |= !index || !lists;
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++)
		if (l->w->policies[i].tier == WR_TIER_NETWORKPOLICY && l->w->policies[i].object)
			l->nomem |= group(l, index, &lists, i, &at) < 0;
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++)
		if (l->w->policies[i].tier == WR_TIER_NETWORKPOLICY && l->w->policies[i].object)
			check_policy(l, i, index, lists);
	for (uint32_t i = 0; lists && i < l->w->n_policies; i++)
		wr_vec_free(&lists[i]);
	free(lists);
	wr_map_free(index);
}

static void run(struct lint *l)
{
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (!p->object)
			continue;
		for (int d = 0; d < 2; d++) {
			/* rules that go by order: tier_shadow.c */
			if (p->tier == WR_TIER_NETWORKPOLICY)
				check_rules(l, p, (enum wr_direction)d);
			for (size_t r = 0; r < p->n_rules[d]; r++)
				check_peers(l, p, (enum wr_direction)d, r);
		}
	}
	if (!l->nomem && lint_on(l, &policy_rule))
		check_policies(l);
}

const struct lint_check lint_redundant = {LINT_RULES(&peer_rule, &rule_rule, &policy_rule), run};
