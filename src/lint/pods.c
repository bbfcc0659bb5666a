/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

/* Pods that policies do not hold although it looks so, and pods that none selects. */

static const struct wr_lint_rule host_network = {
	"host-network-selected", WR_WARNING, false,
	"a policy for hostNetwork pods, on which it is not enforced"};
static const struct wr_lint_rule completed = {"completed-selected", WR_NOTE, false,
					      "a policy that selects completed pods only"};
static const struct wr_lint_rule unselected = {"pod-not-isolated", WR_WARNING, true,
					       "pods that no policy selects in one direction"};
static const struct wr_lint_rule no_default = {"no-default-deny", WR_WARNING, true,
					       "a namespace without a default deny"};

static const char *const words[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};

/* ---- hostNetwork and completed ---- */

static const char *subject_path(const struct wr_policy *p)
{
	return p->ns ? "spec.podSelector" : "spec.subject";
}

static void check_host_network(struct lint *l, uint32_t policy, const struct wr_bitset *host)
{
	const struct wr_policy *p = &l->w->policies[policy];
	struct wr_bitset *hit = NULL;
	wr_bitset_each(host, i)
	{
		if (!lint_names_pod(l, &p->subject, (uint32_t)i))
			continue;
		if (!hit && !(hit = wr_bitset_new(l->arena, l->w->n_pods))) {
			l->nomem = true;
			return;
		}
		wr_bitset_add(hit, i);
	}
	size_t n = hit ? wr_bitset_count(hit) : 0;
	bool named = p->subject.pod_selector != WR_NONE;
	if (!n || (!named && (!p->ns || wr_bitset_count(wr_query_subject(l->p, policy)))))
		return; /* "every pod" does not mean these */
	lint_report(l, &host_network, p->object, p->mark, subject_path(p),
		    "selects %s with hostNetwork (%s): policies are not enforced on %s",
		    lint_count(l, n, "pod", "pods"), lint_pod_names(l, hit, 3),
		    n == 1 ? "it" : "them");
	lint_advise(l, "such a pod has the node's addresses; only an ipBlock (or networks) of "
		       "other pods' policies can name it");
}

static void check_completed(struct lint *l, uint32_t policy)
{
	const struct wr_policy *p = &l->w->policies[policy];
	const struct wr_bitset *subject = wr_query_subject(l->p, policy);
	wr_bitset_each(subject, i) if (!l->w->pods[i].completed) return;
	size_t n = wr_bitset_count(subject);
	if (n)
		lint_report(l, &completed, p->object, p->mark, subject_path(p),
			    "all that it selects has ended (%s)", lint_pod_names(l, subject, 3));
}

/* ---- what no policy selects ---- */

/*
 * Whether a cluster-wide policy denies by default in a direction: a Deny for
 * every pod, or every address, at every port. What it accepts or passes before
 * are its exceptions.
 */
static bool denies_by_default(const struct wr_policy *p, enum wr_direction dir)
{
	if (p->tier == WR_TIER_NETWORKPOLICY)
		return false;
	for (size_t r = 0; r < p->n_rules[dir]; r++) {
		const struct wr_rule *rule = &p->rules[dir][r];
		if (rule->action != WR_DENY || !rule->any_port)
			continue;
		for (size_t k = 0; k < rule->n_peers; k++) {
			const struct wr_peer *peer = &rule->peers[k];
			if ((peer->kind == WR_PEER_PODS && peer->ns_selector == WR_NONE &&
			     peer->pod_selector == WR_NONE) ||
			    (peer->kind == WR_PEER_IPBLOCK && !peer->cidr.len))
				return true;
		}
		if (rule->any_peer)
			return true;
	}
	return false;
}

/* Whether the pods of a row are closed but for what some rule lets in. */
static bool row_closed(const struct lint *l, uint32_t row)
{
	uint32_t n;
	enum wr_direction dir;
	const uint32_t *policies = wr_query_row(l->p, row, &n, &dir);
	for (uint32_t i = 0; i < n; i++) {
		const struct wr_policy *p = &l->w->policies[policies[i]];
		if (p->tier == WR_TIER_NETWORKPOLICY || denies_by_default(p, dir))
			return true;
	}
	return false;
}

/* known: by row, 1 or 2 once it has been asked. */
static bool is_closed(const struct lint *l, uint32_t row, uint8_t *known)
{
	if (!known[row])
		known[row] = row_closed(l, row) ? 1 : 2;
	return known[row] == 1;
}

/* Pods of a namespace that are open; *selected: cluster-wide policies apply to some of them. */
static struct wr_bitset *not_isolated(struct lint *l, uint32_t ns, enum wr_direction dir,
				      uint8_t *known, bool *selected)
{
	struct wr_bitset *out = wr_bitset_new(l->arena, l->w->n_pods);
	const struct wr_namespace *in = &l->w->namespaces[ns];
	*selected = false;
	l->nomem |= !out;
	for (uint32_t i = in->first_pod; out && i < in->first_pod + in->n_pods; i++) {
		struct wr_side side;
		if (l->w->pods[i].host_network || wr_side_pod(l->p, i, 0, &side) < 0 ||
		    is_closed(l, side.id.row[dir], known))
			continue;
		*selected |= side.id.row[dir] != 0;
		wr_bitset_add(out, i);
	}
	return out;
}

static bool has_default_deny(const struct lint *l, uint32_t ns, enum wr_direction dir)
{
	const struct wr_namespace *in = &l->w->namespaces[ns];
	for (uint32_t i = 0; i < l->w->n_policies; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (p->subject.pod_selector != WR_NONE)
			continue;
		if (p->tier == WR_TIER_NETWORKPOLICY
			    ? p->subject.ns_index == ns && p->isolates[dir]
			    : denies_by_default(p, dir) &&
				      wr_selector_matches(l->w, p->subject.ns_selector, in->labels,
							  in->n_labels))
			return true;
	}
	return false;
}

static void check_namespace(struct lint *l, uint32_t ns, enum wr_direction dir, uint8_t *known)
{
	const struct wr_namespace *in = &l->w->namespaces[ns];
	const struct wr_object *o = in->object ? in->object : l->w->pods[in->first_pod].object;
	if (!in->n_pods || !o)
		return;
	bool selected;
	struct wr_bitset *open = not_isolated(l, ns, dir, known, &selected);
	size_t n = open ? wr_bitset_count(open) : 0;
	if (n)
		lint_report(l, &unselected, l->w->pods[wr_bitset_next(open, 0)].object,
			    l->w->pods[wr_bitset_next(open, 0)].object->meta.mark, NULL,
			    "no policy %s %s of namespace %s for %s (%s): all %s%s is allowed",
			    selected ? "isolates" : "selects", lint_count(l, n, "pod", "pods"),
			    in->name, words[dir], lint_pod_names(l, open, 3), words[dir],
			    selected ? " that no rule of a cluster-wide policy denies" : "");
	if (!has_default_deny(l, ns, dir)) {
		lint_report(
			l, &no_default, o, o->meta.mark, NULL,
			"namespace %s has no default deny for %s: a new pod is open until a policy "
			"selects it",
			in->name, words[dir]);
		lint_advise(l, "add a policy with podSelector: {} and policyTypes: [%s]",
			    dir == WR_EGRESS ? "Egress" : "Ingress");
	}
}

static void run(struct lint *l)
{
	struct wr_bitset *host = wr_bitset_new(l->arena, l->w->n_pods);
	if (!host) {
		l->nomem = true;
		return;
	}
	for (uint32_t i = 0; i < l->w->n_pods; i++)
		if (l->w->pods[i].host_network)
			wr_bitset_add(host, i);
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
		if (!l->w->policies[i].object)
			continue;
		check_host_network(l, i, host);
		check_completed(l, i);
	}
	if (!lint_on(l, &unselected) && !lint_on(l, &no_default))
		return;
	uint8_t *known = wr_arena_array(l->arena, wr_program_n_rows(l->p), 1);
	l->nomem |= !known;
	for (uint32_t i = 0; i < l->w->n_namespaces && !l->nomem; i++)
		for (int d = 0; d < 2; d++)
			check_namespace(l, i, (enum wr_direction)d, known);
}

const struct lint_check lint_pods = {
	LINT_RULES(&host_network, &completed, &unselected, &no_default), run};
