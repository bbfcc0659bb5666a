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

static void check_host_network(struct lint *l, uint32_t policy, const struct wr_bitset *host)
{
	const struct wr_policy *p = &l->w->policies[policy];
	const struct wr_namespace *ns = &l->w->namespaces[p->subject.ns_index];
	struct wr_bitset *hit = NULL;
	for (size_t i = wr_bitset_next(host, ns->first_pod);
	     i != SIZE_MAX && i < ns->first_pod + ns->n_pods; i = wr_bitset_next(host, i + 1)) {
		const struct wr_pod *pod = &l->w->pods[i];
		if (!wr_selector_matches(l->w, p->subject.pod_selector, pod->labels, pod->n_labels))
			continue;
		if (!hit && !(hit = wr_bitset_new(l->arena, l->w->n_pods))) {
			l->nomem = true;
			return;
		}
		wr_bitset_add(hit, i);
	}
	size_t n = hit ? wr_bitset_count(hit) : 0;
	bool named = p->subject.pod_selector != WR_NONE;
	if (!n || (!named && wr_bitset_count(wr_query_subject(l->p, policy))))
		return; /* "every pod" does not mean these */
	lint_report(l, &host_network, p->object, p->mark, "spec.podSelector",
		    "selects %s with hostNetwork (%s): policies are not enforced on %s",
		    lint_count(l, n, "pod", "pods"), lint_pod_names(l, hit, 3),
		    n == 1 ? "it" : "them");
	lint_advise(l,
		    "such a pod has the node's addresses; only an ipBlock of other pods' policies "
		    "can name it");
}

static void check_completed(struct lint *l, uint32_t policy)
{
	const struct wr_policy *p = &l->w->policies[policy];
	const struct wr_bitset *subject = wr_query_subject(l->p, policy);
	wr_bitset_each(subject, i) if (!l->w->pods[i].completed) return;
	size_t n = wr_bitset_count(subject);
	if (n)
		lint_report(l, &completed, p->object, p->mark, "spec.podSelector",
			    "all that it selects has ended (%s)", lint_pod_names(l, subject, 3));
}

/* ---- what no policy selects ---- */

static struct wr_bitset *not_isolated(struct lint *l, uint32_t ns, enum wr_direction dir)
{
	struct wr_bitset *out = wr_bitset_new(l->arena, l->w->n_pods);
	const struct wr_namespace *in = &l->w->namespaces[ns];
	l->nomem |= !out;
	for (uint32_t i = in->first_pod; out && i < in->first_pod + in->n_pods; i++) {
		struct wr_side side;
		if (!l->w->pods[i].host_network && !wr_side_pod(l->p, i, 0, &side) &&
		    !side.id.row[dir])
			wr_bitset_add(out, i);
	}
	return out;
}

static bool has_default_deny(const struct lint *l, uint32_t ns, enum wr_direction dir)
{
	for (uint32_t i = 0; i < l->w->n_policies; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (p->tier == WR_TIER_NETWORKPOLICY && p->subject.ns_index == ns &&
		    p->isolates[dir] && p->subject.pod_selector == WR_NONE)
			return true;
	}
	return false;
}

static void check_namespace(struct lint *l, uint32_t ns, enum wr_direction dir)
{
	const struct wr_namespace *in = &l->w->namespaces[ns];
	const struct wr_object *o = in->object ? in->object : l->w->pods[in->first_pod].object;
	if (!in->n_pods || !o)
		return;
	struct wr_bitset *open = not_isolated(l, ns, dir);
	size_t n = open ? wr_bitset_count(open) : 0;
	if (n)
		lint_report(l, &unselected, l->w->pods[wr_bitset_next(open, 0)].object,
			    l->w->pods[wr_bitset_next(open, 0)].object->meta.mark, NULL,
			    "no policy selects %s of namespace %s for %s (%s): all %s is allowed",
			    lint_count(l, n, "pod", "pods"), in->name, words[dir],
			    lint_pod_names(l, open, 3), words[dir]);
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
		if (l->w->policies[i].tier != WR_TIER_NETWORKPOLICY || !l->w->policies[i].object)
			continue;
		check_host_network(l, i, host);
		check_completed(l, i);
	}
	if (!lint_on(l, &unselected) && !lint_on(l, &no_default))
		return;
	for (uint32_t i = 0; i < l->w->n_namespaces && !l->nomem; i++)
		for (int d = 0; d < 2; d++)
			check_namespace(l, i, (enum wr_direction)d);
}

const struct lint_check lint_pods = {
	LINT_RULES(&host_network, &completed, &unselected, &no_default), run};
