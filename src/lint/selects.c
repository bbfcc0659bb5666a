/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

#include <string.h>

#include "base/typo.h"

/*
 * Selectors that match nobody: a policy's subject, a peer's pods, a peer's
 * namespaces. Without pods (or Namespaces) in the manifests only what can never
 * be is reported: labels that nodes have and namespaces do not.
 */

#define METADATA_NAME "kubernetes.io/metadata.name"

static const struct wr_lint_rule selects_nothing = {"selects-nothing", WR_WARNING, false,
						    "a policy that selects no pod"};
static const struct wr_lint_rule peer_nothing = {"peer-matches-nothing", WR_WARNING, false,
						 "a peer that matches no pod"};
static const struct wr_lint_rule other_namespace = {
	"peer-in-other-namespace", WR_WARNING, false,
	"a bare podSelector whose pods are in another namespace"};
static const struct wr_lint_rule namespace_label = {
	"namespace-label-missing", WR_WARNING, false,
	"a namespaceSelector that matches no namespace"};
static const struct wr_lint_rule unknown_namespace = {"unknown-namespace", WR_NOTE, false,
						      "a namespace that the manifests do not know"};
static const struct wr_lint_rule node_label = {"node-label-on-namespace", WR_WARNING, false,
					       "a namespaceSelector by a label that nodes have"};
static const struct wr_lint_rule handmade_label = {
	"handmade-namespace-label", WR_NOTE, false,
	"a namespaceSelector by a label that somebody must set"};

/* ---- subjects ---- */

static struct wr_mark selector_mark(const struct wr_policy *policy)
{
	struct wr_mark mark = policy->object->np.pod_selector.mark;
	return mark.file ? mark : policy->mark;
}

static void advise_meant(struct lint *l, const char *meant)
{
	if (meant)
		lint_advise(l, "did you mean %s?", meant);
}

/* How many pods a selector matches outside of a namespace, and where the first of them is. */
static uint32_t count_elsewhere(const struct lint *l, uint32_t selector, uint32_t ns,
				uint32_t *where)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < l->w->n_pods; i++) {
		const struct wr_pod *pod = &l->w->pods[i];
		if (pod->ns_index == ns || pod->host_network ||
		    !wr_selector_matches(l->w, selector, pod->labels, pod->n_labels))
			continue;
		if (!n++)
			*where = pod->ns_index;
	}
	return n;
}

static void report_subject(struct lint *l, const struct wr_policy *policy)
{
	uint32_t own = policy->subject.ns_index, elsewhere = 0;
	uint32_t in_ns = l->w->namespaces[own].n_pods, where = WR_NONE;
	const char *meant, *why = lint_why_nobody(l, policy->subject.pod_selector,
						  lint_pod_labels(l), "pod", &meant);
	if (!why && policy->subject.pod_selector != WR_NONE)
		elsewhere = count_elsewhere(l, policy->subject.pod_selector, own, &where);
	lint_report(
		l, &selects_nothing, policy->object, selector_mark(policy), "spec.podSelector",
		"selects 0 of %s: %s", lint_count(l, l->w->n_pods, "pod", "pods"),
		!in_ns && !why ? lint_text(l, "namespace %s has no pods here", policy->ns)
		: why          ? why
		: elsewhere
			? lint_text(l,
				    "the %s with these labels %s in namespace %s, a policy stays "
				    "in its own (%s)",
				    elsewhere == 1 ? "pod"
						   : lint_count(l, elsewhere, "pod", "pods"),
				    elsewhere == 1 ? "is" : "are", l->w->namespaces[where].name,
				    policy->ns)
			: "no pod has all of these labels");
	if (elsewhere)
		lint_advise(l, "write metadata.namespace: %s", l->w->namespaces[where].name);
	else
		advise_meant(l, meant);
}

/* Whether a subject names hostNetwork pods only: that is another finding's. */
static bool names_host_network(const struct lint *l, const struct wr_policy *p)
{
	for (uint32_t i = 0; i < l->w->n_pods; i++)
		if (l->w->pods[i].host_network && lint_names_pod(l, &p->subject, i))
			return true;
	return false;
}

static void check_subject(struct lint *l, uint32_t i)
{
	const struct wr_policy *policy = &l->w->policies[i];
	if (l->knows_pods && !wr_bitset_count(wr_query_subject(l->p, i)) &&
	    !names_host_network(l, policy))
		report_subject(l, policy);
}

/* ---- a peer's namespaces ---- */

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool is_node_label(const char *key)
{
	return has_prefix(key, "topology.kubernetes.io/") ||
	       has_prefix(key, "node-role.kubernetes.io/") ||
	       has_prefix(key, "node.kubernetes.io/") ||
	       has_prefix(key, "failure-domain.beta.kubernetes.io/") ||
	       !strcmp(key, "kubernetes.io/hostname") || !strcmp(key, "kubernetes.io/os") ||
	       !strcmp(key, "kubernetes.io/arch");
}

/* A label that can be had without anybody setting it, or is set by what installs the thing. */
static bool is_given(const char *key)
{
	return strchr(key, '/') != NULL;
}

static bool namespace_carries(struct lint *l, uint32_t key)
{
	const struct lint_labels *have = lint_namespace_labels(l);
	return have && have->keys[key];
}

/* A peer, or the subject of a cluster-wide policy. */
struct at {
	uint32_t policy;
	enum wr_direction dir;
	size_t rule, peer;
	const struct wr_policy *p;
	const struct wr_peer *what;
	bool is_subject;
};

static void report_at(struct lint *l, const struct wr_lint_rule *rule, const struct at *at,
		      const char *message)
{
	lint_report(l, rule, at->p->object, at->what->mark,
		    at->is_subject ? "spec.subject"
				   : lint_peer_path(l, at->p->object, at->dir, at->rule, at->peer),
		    "%s", message);
}

/* What follows when nobody is selected. */
static const char *then_nothing(const struct at *at)
{
	return at->is_subject ? "this policy is for nobody" : "this peer matches nothing";
}

/* Namespaces that every cluster has: nobody writes them into manifests. */
static bool always_there(const char *ns)
{
	return !strcmp(ns, "kube-system") || !strcmp(ns, "default") || !strcmp(ns, "kube-public") ||
	       !strcmp(ns, "kube-node-lease");
}

/* What can be said of labels when the manifests hold no Namespaces. */
static void check_unknown_labels(struct lint *l, const struct at *at, const struct wr_req *req)
{
	const char *key = wr_world_key_text(l->w, req->key);
	if (req->op == WR_OP_NOT_IN || req->op == WR_OP_NOT_EXISTS)
		return;
	if (is_node_label(key) && !namespace_carries(l, req->key)) {
		report_at(l, &node_label, at,
			  lint_text(l,
				    "\"%s\" is a label of nodes; no namespace has it by itself, "
				    "so %s",
				    key, then_nothing(at)));
		lint_advise(l, "policies cannot select by where a pod runs; name the "
			       "namespace: " METADATA_NAME);
	} else if (!l->knows_namespaces && !is_given(key) && at->p->ns) {
		/* who writes cluster-wide policies is who labels namespaces */
		const char *text = wr_selector_format(l->w, at->what->ns_selector, l->arena);
		report_at(
			l, &handmade_label, at,
			lint_text(
				l,
				"no namespace has the label \"%s\" by itself: until somebody sets "
				"%s, this peer matches nothing",
				key, text ? text : ""));
		lint_advise(l, "every namespace has " METADATA_NAME ": its name");
	}
}

/* True when a name is asked for that the manifests do not know; then it has been said. */
static bool check_name(struct lint *l, const struct at *at)
{
	const char *name;
	if (!lint_is_pair(l, at->what->ns_selector, METADATA_NAME, &name) ||
	    wr_world_find_namespace(l->w, name) != WR_NONE)
		return false;
	if (!l->knows_namespaces || always_there(name))
		return true;
	report_at(l, &unknown_namespace, at,
		  lint_text(l, "namespace \"%s\" is not in these manifests", name));
	const char *best = NULL;
	unsigned least = UINT32_MAX;
	for (uint32_t i = 0; i < l->w->n_namespaces; i++) {
		unsigned d = wr_typo_distance(name, l->w->namespaces[i].name);
		if (d < least && wr_typo_likely(d, l->w->namespaces[i].name)) {
			least = d;
			best = l->w->namespaces[i].name;
		}
	}
	if (best)
		lint_advise(l, "did you mean \"%s\"?", best);
	return true;
}

/* A namespace whose name is the value that the selector asks of another label. */
static const char *named_like(const struct lint *l, uint32_t selector)
{
	const struct wr_selector *s = &l->w->selectors[selector];
	for (size_t i = 0; i < s->n; i++) {
		const struct wr_req *req = &s->reqs[i];
		if (req->op != WR_OP_IN || req->n != 1)
			continue;
		const char *value = wr_world_pair_text(l->w, req->pairs[0]) +
				    strlen(wr_world_key_text(l->w, req->key)) + 1;
		if (wr_world_find_namespace(l->w, value) != WR_NONE)
			return value;
	}
	return NULL;
}

static size_t count_namespaces(const struct lint *l, uint32_t selector, size_t *pods)
{
	size_t n = 0;
	*pods = 0;
	for (uint32_t i = 0; i < l->w->n_namespaces; i++) {
		const struct wr_namespace *ns = &l->w->namespaces[i];
		if (!wr_selector_matches(l->w, selector, ns->labels, ns->n_labels))
			continue;
		n++;
		*pods += ns->n_pods;
	}
	return n;
}

/* True: nothing is left to say of the peer's pods. */
static bool check_namespaces(struct lint *l, const struct at *at)
{
	uint32_t selector = at->what->ns_selector;
	size_t pods, before = l->findings.n;
	if (selector == WR_NONE)
		return false;
	if (check_name(l, at))
		return true;
	const struct wr_selector *s = &l->w->selectors[selector];
	for (size_t i = 0; i < s->n; i++)
		check_unknown_labels(l, at, &s->reqs[i]);
	if (l->findings.n > before || !l->knows_namespaces)
		return true;
	if (count_namespaces(l, selector, &pods))
		return !pods; /* namespaces of which no pods are given */
	const char *meant,
		*why = lint_why_nobody(l, selector, lint_namespace_labels(l), "namespace", &meant);
	report_at(l, &namespace_label, at,
		  lint_text(l, "matches 0 of %s: %s",
			    lint_count(l, l->w->n_namespaces, "namespace", "namespaces"),
			    why ? why : "no namespace has all of these labels"));
	const char *name = named_like(l, selector);
	if (name)
		lint_advise(l, "select it by name: " METADATA_NAME ": %s", name);
	else
		advise_meant(l, meant);
	return true;
}

/* ---- a peer's pods ---- */

/* Adds a namespaceSelector beside the podSelector. */
static void fix_namespace(struct lint *l, const struct at *at, const char *ns)
{
	const struct wr_value *peers = lint_peers_value(at->p->object, at->dir, at->rule);
	struct wr_edit edit;
	if (!peers || at->peer >= peers->n)
		return;
	const char *lines =
		lint_text(l, "namespaceSelector:\n  matchLabels:\n    " METADATA_NAME ": %s", ns);
	if (lines && !wr_edit_insert_below(at->p->object->doc, peers->items[at->peer], lines,
					   l->arena, &edit))
		lint_fix(l, &edit, 1);
}

/* Parts of the system (k8s-app) live in kube-system, which manifests seldom hold. */
static bool is_system_part(const struct lint *l, const struct wr_peer *peer)
{
	uint32_t ns = wr_world_find_namespace(l->w, "kube-system");
	return peer->ns_index == WR_NONE && (ns == WR_NONE || !l->w->namespaces[ns].n_pods) &&
	       lint_requirement(l, peer->pod_selector, "k8s-app");
}

static void check_nodes(struct lint *l, const struct at *at)
{
	uint32_t known = 0;
	for (uint32_t i = 0; i < l->w->n_nodes; i++) {
		const struct wr_node *node = &l->w->nodes[i];
		known += node->object != NULL;
		if (wr_selector_matches(l->w, at->what->node_selector, node->labels,
					node->n_labels))
			return;
	}
	if (!known)
		return;
	const char *text = wr_selector_format(l->w, at->what->node_selector, l->arena);
	report_at(l, &peer_nothing, at,
		  lint_text(l, "matches 0 of %s: no node's labels are %s",
			    lint_count(l, known, "node", "nodes"), text ? text : ""));
}

static void check_peer(struct lint *l, const struct at *at)
{
	struct wr_peer_id id = {at->policy, at->dir, (uint32_t)at->rule, (uint32_t)at->peer};
	const struct wr_peer *peer = at->what;
	if (peer->kind == WR_PEER_NODES)
		check_nodes(l, at);
	if (peer->kind != WR_PEER_PODS || check_namespaces(l, at) || !l->knows_pods)
		return;
	const struct wr_bitset *pods = wr_query_peer_pods(l->p, id);
	if (wr_bitset_count(pods) || peer->pod_selector == WR_NONE || is_system_part(l, peer))
		return;
	const char *meant,
		*why = lint_why_nobody(l, peer->pod_selector, lint_pod_labels(l), "pod", &meant);
	uint32_t where = WR_NONE, n = 0;
	if (!why && peer->ns_index != WR_NONE)
		n = count_elsewhere(l, peer->pod_selector, peer->ns_index, &where);
	if (n) {
		const char *ns = l->w->namespaces[where].name;
		report_at(
			l, &other_namespace, at,
			lint_text(
				l,
				"the %s with these labels %s in namespace %s; a podSelector alone "
				"stays in the policy's own (%s) and matches nothing there",
				n == 1 ? "pod" : lint_count(l, n, "pod", "pods"),
				n == 1 ? "is" : "are", ns, at->p->ns));
		lint_advise(l,
			    "add to the same peer: namespaceSelector: {matchLabels: "
			    "{" METADATA_NAME ": %s}}",
			    ns);
		fix_namespace(l, at, ns);
		return;
	}
	report_at(l, &peer_nothing, at,
		  lint_text(l, "matches 0 of %s: %s", lint_count(l, l->w->n_pods, "pod", "pods"),
			    why ? why : "no pod there has all of these labels"));
	advise_meant(l, meant);
}

/* ---- cluster-wide policies ---- */

static void check_cluster_subject(struct lint *l, uint32_t i)
{
	const struct wr_policy *p = &l->w->policies[i];
	struct at at = {.policy = i, .p = p, .what = &p->subject, .is_subject = true};
	if (check_namespaces(l, &at) || !l->knows_pods ||
	    wr_bitset_count(wr_query_subject(l->p, i)) || names_host_network(l, p) ||
	    is_system_part(l, &p->subject))
		return;
	const char *meant, *why = lint_why_nobody(l, p->subject.pod_selector, lint_pod_labels(l),
						  "pod", &meant);
	lint_report(l, &selects_nothing, p->object, p->subject.mark, "spec.subject",
		    "selects 0 of %s: %s", lint_count(l, l->w->n_pods, "pod", "pods"),
		    why ? why : "no pod there has all of these labels");
	advise_meant(l, meant);
}

static void run(struct lint *l)
{
	for (uint32_t i = 0; i < l->w->n_policies; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (!p->object)
			continue;
		if (p->tier == WR_TIER_NETWORKPOLICY)
			check_subject(l, i);
		else
			check_cluster_subject(l, i);
		for (int d = 0; d < 2; d++)
			for (size_t r = 0; r < p->n_rules[d]; r++)
				for (size_t k = 0; k < p->rules[d][r].n_peers; k++)
					check_peer(l,
						   &(struct at){i, (enum wr_direction)d, r, k, p,
								&p->rules[d][r].peers[k], false});
	}
}

const struct lint_check lint_selects = {
	LINT_RULES(&selects_nothing, &peer_nothing, &other_namespace, &namespace_label,
		   &unknown_namespace, &node_label, &handmade_label),
	run};
