/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

#include <string.h>

/* Rules that allow more than their neighbours suggest: everything, everybody, or by what is missing. */

static const struct wr_lint_rule pointless = {
	"allow-all-rule", WR_WARNING, false, "a rule that allows everything, beside narrower ones"};
static const struct wr_lint_rule undoes = {"undoes-default-deny", WR_WARNING, false,
					   "an allow-all policy beside a default deny"};
static const struct wr_lint_rule empty_list = {"empty-list-means-all", WR_NOTE, false,
					       "an empty from or to: everybody"};
static const struct wr_lint_rule negation = {
	"negation-matches-unlabelled", WR_WARNING, false,
	"NotIn or DoesNotExist that also matches what lacks the label"};

static const char *const peers_field[] = {[WR_EGRESS] = "to", [WR_INGRESS] = "from"};
static const char *const words[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};

static bool allows_all(const struct wr_rule *r)
{
	return r->any_peer && r->any_port;
}

static void check_pointless(struct lint *l, const struct wr_policy *p, enum wr_direction dir)
{
	for (size_t r = 0; r < p->n_rules[dir]; r++) {
		if (!allows_all(&p->rules[dir][r]) || p->n_rules[dir] < 2)
			continue;
		lint_report(l, &pointless, p->object, p->rules[dir][r].mark,
			    lint_rule_path(l, dir, r),
			    "allows all %s: the %s of this policy %s nothing", words[dir],
			    p->n_rules[dir] == 2
				    ? "other rule"
				    : lint_text(l, "%zu other rules", p->n_rules[dir] - 1),
			    p->n_rules[dir] == 2 ? "adds" : "add");
		lint_advise(l, "remove it, or say whom it is for");
		struct wr_edit edit;
		const struct wr_value *rules = lint_rules_value(p->object, dir);
		if (rules && !wr_edit_remove_item(p->object->doc, rules, r, &edit))
			lint_fix(l, &edit, 1);
		return;
	}
}

/* An empty list where a rule's peers stand. */
static void check_empty(struct lint *l, const struct wr_policy *p, enum wr_direction dir)
{
	for (size_t r = 0; r < p->n_rules[dir]; r++) {
		const struct wr_value *list = lint_peers_value(p->object, dir, r);
		if (!list || list->n)
			continue;
		lint_report(l, &empty_list, p->object, list->mark,
			    lint_text(l, "spec.%s[%zu].%s", words[dir], r, peers_field[dir]),
			    "an empty list means everybody, inside of the cluster and outside");
		lint_advise(l, "to allow nobody remove the rule; to mean everybody leave %s out",
			    peers_field[dir]);
	}
}

/* ---- default deny ---- */

static bool is_default_deny(const struct wr_policy *p, enum wr_direction dir)
{
	return p->tier == WR_TIER_NETWORKPOLICY && p->isolates[dir] && !p->n_rules[dir] &&
	       p->subject.pod_selector == WR_NONE;
}

static bool is_allow_all(const struct wr_policy *p, enum wr_direction dir)
{
	if (p->tier != WR_TIER_NETWORKPOLICY || p->subject.pod_selector != WR_NONE)
		return false;
	for (size_t r = 0; r < p->n_rules[dir]; r++)
		if (allows_all(&p->rules[dir][r]))
			return true;
	return false;
}

/* Policies are sorted by namespace: deny[ns] is the first default deny of each. */
static void check_undone(struct lint *l, enum wr_direction dir)
{
	uint32_t *deny = wr_arena_array(l->arena, l->w->n_namespaces, sizeof(*deny));
	if (!deny) {
		l->nomem = true;
		return;
	}
	for (uint32_t i = 0; i < l->w->n_policies; i++)
		if (is_default_deny(&l->w->policies[i], dir))
			deny[l->w->policies[i].subject.ns_index] = i + 1;
	for (uint32_t i = 0; i < l->w->n_policies; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (!p->object || !is_allow_all(p, dir) || !deny[p->subject.ns_index])
			continue;
		const struct wr_policy *d = &l->w->policies[deny[p->subject.ns_index] - 1];
		lint_report(
			l, &undoes, p->object, p->mark, lint_text(l, "spec.%s", words[dir]),
			"allows all %s of every pod in %s, so the default deny %s/%s does nothing",
			words[dir], p->ns, d->ns, d->name);
		lint_advise(l, "policies only add: remove one of the two");
		lint_relate(l, d->mark, "the default deny");
	}
}

/* ---- negation ---- */

static size_t unlabelled(struct lint *l, uint32_t key, bool namespaces)
{
	const struct lint_labels *have = namespaces ? lint_namespace_labels(l) : lint_pod_labels(l);
	size_t all = namespaces ? l->w->n_namespaces : l->w->n_pods;
	return have ? all - have->keys[key] : 0;
}

static void check_requirement(struct lint *l, const struct wr_policy *p, const struct wr_peer *peer,
			      const char *path, const struct wr_req *req, bool namespaces)
{
	const char *key = wr_world_key_text(l->w, req->key);
	bool known = namespaces ? l->knows_namespaces : l->knows_pods;
	if (req->op != WR_OP_NOT_IN || !strcmp(key, "kubernetes.io/metadata.name") ||
	    (!known && !namespaces))
		return;
	size_t n = unlabelled(l, req->key, namespaces);
	if (known && !n)
		return;
	const char *what = namespaces ? "namespace" : "pod";
	lint_report(l, &negation, p->object, peer->mark, path,
		    "NotIn also matches every %s without a label \"%s\"%s", what, key,
		    !known ? ": no namespace has it by itself, so this may well be all of them"
			   : lint_text(l, ": %zu of %u here", n,
				       namespaces ? l->w->n_namespaces : l->w->n_pods));
	lint_advise(l,
		    namespaces
			    ? "use the label that every namespace has: kubernetes.io/metadata.name"
			    : "add {key: %s, operator: Exists} where the label is needed, too",
		    key);
}

static void check_selector(struct lint *l, const struct wr_policy *p, const struct wr_peer *peer,
			   const char *path, uint32_t selector, bool namespaces)
{
	if (selector == WR_NONE)
		return;
	const struct wr_selector *s = &l->w->selectors[selector];
	for (size_t i = 0; i < s->n; i++)
		check_requirement(l, p, peer, path, &s->reqs[i], namespaces);
}

static void check_negation(struct lint *l, const struct wr_policy *p, enum wr_direction dir)
{
	for (size_t r = 0; r < p->n_rules[dir]; r++)
		for (size_t k = 0; k < p->rules[dir][r].n_peers; k++) {
			const struct wr_peer *peer = &p->rules[dir][r].peers[k];
			/* to deny all that lack a label is how one denies by default */
			if (peer->kind != WR_PEER_PODS || p->rules[dir][r].action == WR_DENY)
				continue;
			const char *path = lint_peer_path(l, p->object, dir, r, k);
			check_selector(l, p, peer, path, peer->ns_selector, true);
			check_selector(l, p, peer, path, peer->pod_selector, false);
		}
}

static void run(struct lint *l)
{
	for (int d = 0; d < 2; d++) {
		check_undone(l, (enum wr_direction)d);
		for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
			const struct wr_policy *p = &l->w->policies[i];
			if (!p->object)
				continue;
			check_negation(l, p, (enum wr_direction)d);
			if (p->tier != WR_TIER_NETWORKPOLICY)
				continue;
			check_pointless(l, p, (enum wr_direction)d);
			check_empty(l, p, (enum wr_direction)d);
		}
	}
}

const struct lint_check lint_allow = {LINT_RULES(&pointless, &undoes, &empty_list, &negation), run};
