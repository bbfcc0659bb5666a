/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words must be exact about what null and empty mean: no peers is any
 * peer, inside the cluster and outside; no ports is every port and every
 * protocol; an empty selector is everything, a missing one is not there; a
 * podSelector alone stays in the policy's namespace.
 */
#include "cli/describe_text.h"

#include <errno.h>

#include "cli/describe_say.h"

/* ---- peers ---- */

static bool selects_everything(const struct wr_world *w, uint32_t selector)
{
	return selector == WR_NONE || !w->selectors[selector].n;
}

static bool bare_pod_selector(const struct wr_peer *peer)
{
	return peer->kind == WR_PEER_PODS && peer->ns_index != WR_NONE;
}

static bool bare_ns_selector(const struct wr_peer *peer)
{
	return peer->kind == WR_PEER_PODS && peer->ns_index == WR_NONE &&
	       peer->pod_selector == WR_NONE;
}

/* What authors of peers often did not mean. */
static void remark_peer(struct wr_say *s, enum wr_direction dir, size_t rule, size_t index)
{
	const struct wr_rule *r = &s->policy->rules[dir][rule];
	const struct wr_peer *peer = &r->peers[index];
	const char *list = dir == WR_EGRESS ? "to" : "from";
	size_t elsewhere = 0;
	if (peer->kind != WR_PEER_PODS)
		return;
	struct wr_said_count here = wr_say_count(s->w, peer);
	for (uint32_t i = 0; bare_pod_selector(peer) && i < s->w->n_pods; i++) {
		const struct wr_pod *pod = &s->w->pods[i];
		elsewhere += wr_say_selectable(pod) && pod->ns_index != peer->ns_index &&
			     wr_say_holds(s->w, peer, pod, true);
	}
	if (elsewhere && selects_everything(s->w, peer->pod_selector))
		wr_say_remark(s, wr_say_text(s,
					     "%s rule %zu: podSelector: {} is every pod of "
					     "namespace %s only; pods of "
					     "other namespaces would need a namespaceSelector",
					     wr_say_direction(dir), rule + 1, s->policy->ns));
	else if (elsewhere)
		wr_say_remark(s,
			      wr_say_text(s,
					  "%s rule %zu: a podSelector alone stays in namespace %s; "
					  "the %zu pod%s "
					  "with these labels in other namespaces %s not meant, and "
					  "would need a "
					  "namespaceSelector in the same item",
					  wr_say_direction(dir), rule + 1, s->policy->ns, elsewhere,
					  wr_say_plural(elsewhere), elsewhere == 1 ? "is" : "are"));
	else if (!here.pods && !here.workloads)
		wr_say_remark(
			s, wr_say_text(s, "%s rule %zu: %s[%zu] matches no pod in these manifests",
				       wr_say_direction(dir), rule + 1, list, index));
	if (index + 1 < r->n_peers &&
	    ((bare_ns_selector(peer) && bare_pod_selector(&r->peers[index + 1])) ||
	     (bare_pod_selector(peer) && bare_ns_selector(&r->peers[index + 1]))))
		wr_say_remark(s, wr_say_text(s,
					     "%s rule %zu: %s[%zu] and %s[%zu] are two items, and "
					     "either is enough; "
					     "to demand both, write the two selectors in one item",
					     wr_say_direction(dir), rule + 1, list, index, list,
					     index + 1));
}

/* ---- rules and directions ---- */

static void say_rule(struct wr_say *s, enum wr_direction dir, size_t index)
{
	const struct wr_rule *r = &s->policy->rules[dir][index];
	struct wr_said_rule *out = &s->out->directions[dir].rules[index];
	out->mark = r->mark;
	if (r->any_peer)
		wr_say_add(s, &out->peers, "anywhere, inside the cluster and outside");
	for (size_t i = 0; i < r->n_peers; i++) {
		wr_say_add(s, &out->peers, wr_say_peer(s, &r->peers[i]));
		remark_peer(s, dir, index, i);
	}
	if (r->any_port)
		wr_say_add(s, &out->ports, "every port and protocol");
	for (size_t i = 0; i < r->n_ports; i++)
		wr_say_add(s, &out->ports, wr_say_port(s, dir, index, &r->ports[i]));
}

/* Whether a rule leaves nothing denied; and whether one lets protocols without ports through. */
static bool allows_everything(const struct wr_policy *p, enum wr_direction dir)
{
	for (size_t i = 0; i < p->n_rules[dir]; i++)
		if (p->rules[dir][i].any_peer && p->rules[dir][i].any_port)
			return true;
	return false;
}

static bool only_ports(const struct wr_policy *p, enum wr_direction dir)
{
	for (size_t i = 0; i < p->n_rules[dir]; i++)
		if (p->rules[dir][i].any_port)
			return false;
	return p->n_rules[dir] > 0;
}

/* Other policies that select some of the same pods and have rules: these count, too. */
static const char *others_text(struct wr_say *s, enum wr_direction dir)
{
	const struct wr_policy *p = s->policy;
	const char *list = "";
	size_t n = 0;
	for (uint32_t k = 0; k < s->w->n_policies; k++) {
		const struct wr_policy *q = &s->w->policies[k];
		if (q == p || q->tier != WR_TIER_NETWORKPOLICY || !q->isolates[dir] ||
		    !q->n_rules[dir] || q->subject.ns_index != p->subject.ns_index)
			continue;
		bool shared = wr_say_shares(s->w, p, q);
		if (shared && n++ < WR_SAY_NAMES)
			list = wr_say_text(s, "%s%s%s", list, n > 1 ? ", " : "", q->name);
	}
	if (n > WR_SAY_NAMES)
		list = wr_say_text(s, "%s and %zu more", list, n - WR_SAY_NAMES);
	return list;
}

static const char *denied_text(struct wr_say *s, enum wr_direction dir)
{
	const struct wr_policy *p = s->policy;
	const char *way = dir == WR_EGRESS ? "out of" : "into";
	if (allows_everything(p, dir))
		return "nothing";
	const char *others = others_text(s, dir);
	const char *what = !p->n_rules[dir] ? "everything" : "everything else";
	const char *ping = only_ports(p, dir) ? " (ping, too: rules with ports do not allow ICMP)"
					      : "";
	const char *unless =
		*others ? wr_say_text(
				  s,
				  ", unless another policy that selects some of them allows it: %s",
				  others)
			: "";
	return wr_say_text(s, "%s %s these pods%s%s", what, way, ping, unless);
}

static bool allows_dns(const struct wr_policy *p)
{
	for (size_t i = 0; i < p->n_rules[WR_EGRESS]; i++) {
		const struct wr_rule *r = &p->rules[WR_EGRESS][i];
		bool found = r->any_port;
		for (size_t k = 0; k < r->n_ports; k++) {
			const struct wr_port *port = &r->ports[k];
			found = found || (port->proto == WR_UDP &&
					  (port->kind != WR_PORTS_RANGE ||
					   (port->first <= 53 && port->last >= 53)));
		}
		if (found)
			return true;
	}
	return false;
}

static void remark_direction(struct wr_say *s, enum wr_direction dir)
{
	const struct wr_policy *p = s->policy;
	bool written = p->object && p->object->np.rules_mark[dir].file;
	const char *name = wr_say_direction(dir);
	const char *type = dir == WR_EGRESS ? "Egress" : "Ingress";
	if (!p->isolates[dir] && p->object && p->object->np.n_rules[dir])
		wr_say_remark(s, wr_say_text(s,
					     "it has %s rules, but policyTypes does not name %s: "
					     "they have no effect",
					     name, type));
	else if (!p->isolates[dir] && written)
		wr_say_remark(
			s,
			wr_say_text(
				s,
				"an empty %s list does not restrict %s unless policyTypes names %s",
				name, name, type));
	if (dir == WR_EGRESS && p->isolates[dir] && p->n_rules[dir] && !allows_dns(p))
		wr_say_remark(
			s, "no egress rule allows UDP port 53: unless another policy does, these "
			   "pods cannot resolve names");
}

static void say_direction(struct wr_say *s, enum wr_direction dir)
{
	const struct wr_policy *p = s->policy;
	struct wr_said_direction *out = &s->out->directions[dir];
	const char *way = dir == WR_EGRESS ? "out" : "in";
	out->isolates = p->isolates[dir];
	remark_direction(s, dir);
	if (!out->isolates) {
		out->summary = "not restricted by this policy";
		return;
	}
	size_t n = p->n_rules[dir];
	if (n)
		out->summary = wr_say_text(s, "only what a rule allows may go %s", way);
	else
		out->summary = wr_say_text(s, "nothing is allowed %s", way);
	out->rules = wr_arena_array(s->a, n, sizeof(*out->rules));
	if (!out->rules) {
		s->failed = true;
		return;
	}
	out->n_rules = n;
	for (size_t i = 0; i < n; i++)
		say_rule(s, dir, i);
	out->denied = denied_text(s, dir);
}

/*
 * What the Admin tier decides, this policy never hears of. Only rules that
 * accept or deny take something away from it.
 */
static void remark_admin(struct wr_say *s, enum wr_direction dir)
{
	const struct wr_policy *p = s->policy;
	struct wr_texts names = {0};
	if (!p->isolates[dir])
		return;
	for (uint32_t i = 0; i < s->w->n_policies; i++) {
		const struct wr_policy *q = &s->w->policies[i];
		bool decides = false;
		for (size_t r = 0; q->tier == WR_TIER_ADMIN && r < q->n_rules[dir]; r++)
			decides = decides || q->rules[dir][r].action != WR_PASS;
		if (decides && wr_say_shares(s->w, p, q))
			wr_say_policy(s, &names, q);
	}
	if (names.n)
		wr_say_remark(s,
			      wr_say_text(s,
					  "%s: before it %s %s asked for some of these pods; "
					  "what %s accept%s is allowed and what %s den%s is "
					  "denied, whatever this policy says",
					  wr_say_direction(dir), wr_say_list(s, &names),
					  names.n == 1 ? "is" : "are", names.n == 1 ? "it" : "they",
					  names.n == 1 ? "s" : "", names.n == 1 ? "it" : "they",
					  names.n == 1 ? "ies" : "y"));
}

static void say_networkpolicy(struct wr_say *s)
{
	s->out->name = wr_say_text(s, "%s/%s", s->policy->ns, s->policy->name);
	wr_say_subject(s);
	for (int i = 0; i < 2; i++)
		say_direction(s, wr_said_order[i]);
	for (int i = 0; i < 2; i++)
		remark_admin(s, wr_said_order[i]);
}

const enum wr_direction wr_said_order[2] = {WR_INGRESS, WR_EGRESS};

int wr_describe(const struct wr_world *w, uint32_t policy, struct wr_arena *a,
		struct wr_description *out)
{
	const struct wr_policy *p = &w->policies[policy];
	struct wr_description d = {.kind = wr_kind_name(p->object->kind),
				   .tier = p->tier,
				   .priority = (uint32_t)p->priority,
				   .mark = p->mark};
	struct wr_say s = {.w = w, .a = a, .policy = p, .out = &d};
	if (p->tier == WR_TIER_NETWORKPOLICY)
		say_networkpolicy(&s);
	else
		wr_say_cluster_policy(&s);
	if (s.failed)
		return -ENOMEM;
	*out = d;
	return 0;
}
