/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

#include <string.h>

/*
 * Where a dash or a policyTypes entry changes the meaning: two peers for one,
 * two rules for one, rules of a direction that is not in policyTypes, and a
 * direction that is isolated because policyTypes was left out.
 */

static const struct wr_lint_rule split_peer = {
	"split-peer", WR_WARNING, false,
	"namespaceSelector and podSelector as two peers (or) where one (and) was meant"};
static const struct wr_lint_rule split_rule = {"split-rule", WR_WARNING, false,
					       "ports and peers as two rules where one was meant"};
static const struct wr_lint_rule no_effect = {"rules-without-effect", WR_WARNING, false,
					      "rules of a direction that policyTypes leaves out"};
static const struct wr_lint_rule cut_by_default = {
	"ingress-cut-by-default", WR_WARNING, false,
	"an egress policy that isolates ingress, too, for want of policyTypes"};

static const char *const fields[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};
static const char *const types[] = {[WR_EGRESS] = "Egress", [WR_INGRESS] = "Ingress"};

static void fix_join(struct lint *l, const struct wr_object *o, const struct wr_value *list,
		     size_t item)
{
	struct wr_edit edit;
	if (list && !wr_edit_join_item(o->doc, list, item, &edit))
		lint_fix(l, &edit, 1);
}

/* ---- peers ---- */

static bool only_namespaces(const struct wr_peer *p)
{
	return p->kind == WR_PEER_PODS && p->ns_selector != WR_NONE && p->pod_selector == WR_NONE;
}

static bool only_pods(const struct wr_peer *p)
{
	return p->kind == WR_PEER_PODS && p->ns_index != WR_NONE && p->pod_selector != WR_NONE;
}

/* Pods that the namespaces of one peer and the labels of the other one name together. */
static size_t count_both(const struct lint *l, const struct wr_peer *ns, const struct wr_peer *pods)
{
	size_t n = 0;
	for (uint32_t i = 0; i < l->w->n_namespaces; i++) {
		const struct wr_namespace *in = &l->w->namespaces[i];
		if (!wr_selector_matches(l->w, ns->ns_selector, in->labels, in->n_labels))
			continue;
		for (uint32_t p = in->first_pod; p < in->first_pod + in->n_pods; p++)
			n += !l->w->pods[p].host_network &&
			     wr_selector_matches(l->w, pods->pod_selector, l->w->pods[p].labels,
						 l->w->pods[p].n_labels);
	}
	return n;
}

/* How sure it is that two peers were meant as one. */
enum sureness { NOT_MEANT, PERHAPS, SURELY };

static bool names_dns(const struct lint *l, const struct wr_peer *pods)
{
	const char *app;
	return lint_is_pair(l, pods->pod_selector, "k8s-app", &app) && !strcmp(app, "kube-dns");
}

static enum sureness judge(const struct lint *l, const struct wr_policy *p,
			   const struct wr_peer *ns, const struct wr_peer *pods, size_t n_peers,
			   size_t alone, size_t both)
{
	if (names_dns(l, pods) && strcmp(p->ns, "kube-system") != 0)
		return SURELY; /* the DNS pods are in kube-system, never in one's own */
	if (l->knows_pods && !alone && both)
		return SURELY;
	if (l->knows_pods && alone)
		return NOT_MEANT; /* both readings make sense */
	const struct wr_selector *s = &l->w->selectors[ns->ns_selector];
	return n_peers == 2 && s->n && !strstr(p->name, "-or-") ? PERHAPS : NOT_MEANT;
}

static void check_pair(struct lint *l, uint32_t policy, enum wr_direction dir, size_t rule,
		       size_t peer)
{
	const struct wr_policy *p = &l->w->policies[policy];
	const struct wr_rule *r = &p->rules[dir][rule];
	const struct wr_peer *a = &r->peers[peer - 1], *b = &r->peers[peer];
	bool order = only_namespaces(a) && only_pods(b);
	if (!order && !(only_pods(a) && only_namespaces(b)))
		return;
	const struct wr_peer *ns = order ? a : b, *pods = order ? b : a;
	struct wr_peer_id ids[2] = {{policy, dir, (uint32_t)rule, (uint32_t)peer - 1},
				    {policy, dir, (uint32_t)rule, (uint32_t)peer}};
	size_t alone = wr_bitset_count(wr_query_peer_pods(l->p, ids[order]));
	size_t all = wr_bitset_count(wr_query_peer_pods(l->p, ids[!order]));
	size_t both = l->knows_pods ? count_both(l, ns, pods) : 0;
	enum sureness sure = judge(l, p, ns, pods, r->n_peers, alone, both);
	if (sure == NOT_MEANT)
		return;
	lint_report(l, &split_peer, p->object, b->mark,
		    lint_peer_path(l, p->object, dir, rule, peer),
		    "two peers: every pod of the selected namespaces, or the labelled pods of %s "
		    "itself%s",
		    p->ns,
		    !l->knows_pods
			    ? ""
			    : lint_text(l, " (%zu and %zu pods); as one peer it would be %zu", all,
					alone, both));
	lint_advise(l,
		    "for \"these pods in these namespaces\" remove the \"- \" before %s: one peer "
		    "with both selectors",
		    order ? "podSelector" : "namespaceSelector");
	lint_relate(l, a->mark, "the other peer");
	fix_join(l, p->object, lint_peers_value(p->object, dir, rule), peer);
	if (sure == PERHAPS && l->newest)
		l->newest->severity = l->newest->severity == WR_ERROR ? WR_ERROR : WR_NOTE;
}

/* ---- rules ---- */

/* DNS is for everybody: a rule with its port is rarely meant for the peers of another one. */
static bool holds_dns(const struct wr_rule *r)
{
	for (size_t i = 0; i < r->n_ports; i++)
		if (r->ports[i].kind == WR_PORTS_RANGE && r->ports[i].first == 53 &&
		    r->ports[i].last == 53)
			return true;
	return false;
}

static void check_rules(struct lint *l, const struct wr_policy *p, enum wr_direction dir,
			size_t rule)
{
	const struct wr_rule *a = &p->rules[dir][rule - 1], *b = &p->rules[dir][rule];
	bool order = a->any_peer && !a->any_port && b->any_port && !b->any_peer;
	if (!order && !(a->any_port && !a->any_peer && b->any_peer && !b->any_port))
		return;
	const struct wr_rule *ports = order ? a : b;
	if (dir == WR_EGRESS && holds_dns(ports))
		return;
	lint_report(l, &split_rule, p->object, b->mark, lint_rule_path(l, dir, rule),
		    "two rules: the ports are open %s, and these peers may use every port",
		    dir == WR_INGRESS ? "to everyone" : "towards everyone");
	lint_advise(l,
		    "for \"these peers on these ports\" remove the \"- \" before %s: one rule with "
		    "both",
		    order ? (dir == WR_INGRESS ? "from" : "to") : "ports");
	lint_relate(l, a->mark, "the other rule");
	fix_join(l, p->object, lint_rules_value(p->object, dir), rule);
}

/* ---- policyTypes ---- */

/* Adds a type to policyTypes where that is a list of lines, or the field itself. */
static void fix_types(struct lint *l, const struct wr_object *o, const char *item,
		      const char *whole)
{
	static const char *const at_spec[] = {"spec", NULL};
	static const char *const at_types[] = {"spec", "policyTypes", NULL};
	const struct wr_value *list = lint_get(o, at_types), *spec = lint_get(o, at_spec);
	struct wr_edit edit;
	int rc;
	if (list && list->type == WR_LIST)
		rc = wr_edit_insert_below(o->doc, list, item, l->arena, &edit);
	else
		rc = !list && spec ? wr_edit_insert_below(o->doc, spec, whole, l->arena, &edit)
				   : -1;
	if (!rc)
		lint_fix(l, &edit, 1);
}

static void check_types(struct lint *l, const struct wr_policy *p)
{
	static const char *const at_types[] = {"spec", "policyTypes", NULL};
	const struct wr_np_object *np = &p->object->np;
	const struct wr_value *list = lint_get(p->object, at_types);
	for (int d = 0; d < 2; d++) {
		if (!np->rules_mark[d].file || np->isolates[d])
			continue;
		const char *what = np->n_rules[d] ? lint_count(l, np->n_rules[d], "rule", "rules")
						  : "an empty list";
		lint_report(l, &no_effect, p->object, np->rules_mark[d],
			    lint_text(l, "spec.%s", fields[d]),
			    "%s (%s) has no effect: policyTypes %s %s", fields[d], what,
			    list ? "does not hold" : "is left out, and that alone does not mean",
			    types[d]);
		lint_advise(l,
			    np->n_rules[d] ? "add %s to policyTypes"
					   : "to deny all, add %s to policyTypes; else remove it",
			    types[d]);
		if (np->n_rules[d] || !list)
			fix_types(l, p->object, lint_text(l, "- %s", types[d]),
				  "policyTypes:\n- Ingress\n- Egress");
	}
}

/* Whether other policies isolate all pods that this one selects for ingress anyway. */
static bool isolated_anyway(struct lint *l, uint32_t policy)
{
	const struct wr_bitset *mine = wr_query_subject(l->p, policy);
	struct wr_bitset *left = wr_bitset_new(l->arena, l->w->n_pods);
	if (!left) {
		l->nomem = true;
		return true;
	}
	wr_bitset_or(left, mine);
	for (uint32_t i = 0; i < l->w->n_policies; i++)
		if (i != policy && l->w->policies[i].tier == WR_TIER_NETWORKPOLICY &&
		    l->w->policies[i].isolates[WR_INGRESS] &&
		    l->w->policies[i].subject.ns_index == l->w->policies[policy].subject.ns_index)
			wr_bitset_and_not(left, wr_query_subject(l->p, i));
	return wr_bitset_count(mine) && !wr_bitset_count(left);
}

static void check_cut(struct lint *l, uint32_t policy)
{
	static const char *const at_types[] = {"spec", "policyTypes", NULL};
	const struct wr_policy *p = &l->w->policies[policy];
	const struct wr_np_object *np = &p->object->np;
	if (lint_get(p->object, at_types) || !np->n_rules[WR_EGRESS] ||
	    np->rules_mark[WR_INGRESS].file || isolated_anyway(l, policy))
		return;
	lint_report(l, &cut_by_default, p->object, np->rules_mark[WR_EGRESS], "spec.policyTypes",
		    "policyTypes is left out, so it is [Ingress, Egress]: nothing may reach the "
		    "selected pods%s",
		    l->knows_pods ? lint_text(l, " (%zu)",
					      wr_bitset_count(wr_query_subject(l->p, policy)))
				  : "");
	lint_advise(l, "where only egress is meant write policyTypes: [Egress]");
	fix_types(l, p->object, "", "policyTypes:\n- Egress");
}

static void run(struct lint *l)
{
	for (uint32_t i = 0; i < l->w->n_policies; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (p->tier != WR_TIER_NETWORKPOLICY || !p->object)
			continue;
		check_types(l, p);
		check_cut(l, i);
		for (int d = 0; d < 2; d++)
			for (size_t r = 0; r < p->n_rules[d]; r++) {
				if (r)
					check_rules(l, p, (enum wr_direction)d, r);
				for (size_t k = 1; k < p->rules[d][r].n_peers; k++)
					check_pair(l, i, (enum wr_direction)d, r, k);
			}
	}
}

const struct lint_check lint_structure = {
	LINT_RULES(&split_peer, &split_rule, &no_effect, &cut_by_default), run};
