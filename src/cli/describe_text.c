/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words must be exact about what null and empty mean: no peers is any
 * peer, inside the cluster and outside; no ports is every port and every
 * protocol; an empty selector is everything, a missing one is not there; a
 * podSelector alone stays in the policy's namespace.
 */
#include "cli/describe_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAMES_SHOWN 8

struct say {
	const struct wr_world *w;
	struct wr_arena *a;
	const struct wr_policy *policy;
	struct wr_description *out;
	bool failed; /* out of memory */
};

__attribute__((format(printf, 2, 3))) static const char *text(struct say *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *t = wr_arena_vprintf(s->a, fmt, ap);
	va_end(ap);
	if (!t)
		s->failed = true;
	return t ? t : "";
}

static void add(struct say *s, struct wr_texts *list, const char *t)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 8;
		const char **items = wr_arena_array(s->a, cap, sizeof(*items));
		if (!items) {
			s->failed = true;
			return;
		}
		if (list->n)
			memcpy(items, list->items, list->n * sizeof(*items));
		list->items = items;
		list->cap = cap;
	}
	list->items[list->n++] = t;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static const char *direction_name(enum wr_direction dir)
{
	return dir == WR_EGRESS ? "egress" : "ingress";
}

/* ---- pods that selectors hold ---- */

/* What policies can select: a pod of the host's network is its node. */
static bool selectable(const struct wr_pod *pod)
{
	return !pod->host_network && !pod->completed;
}

static bool peer_holds(const struct wr_world *w, const struct wr_peer *peer,
		       const struct wr_pod *pod, bool any_namespace)
{
	const struct wr_namespace *ns = &w->namespaces[pod->ns_index];
	if (!any_namespace && peer->ns_index != WR_NONE && peer->ns_index != pod->ns_index)
		return false;
	if (peer->ns_selector != WR_NONE &&
	    !wr_selector_matches(w, peer->ns_selector, ns->labels, ns->n_labels))
		return false;
	return peer->pod_selector == WR_NONE ||
	       wr_selector_matches(w, peer->pod_selector, pod->labels, pod->n_labels);
}

struct count {
	size_t pods, workloads, namespaces;
};

static struct count count_peer(const struct wr_world *w, const struct wr_peer *peer)
{
	struct count c = {0};
	uint32_t last = WR_NONE;
	for (uint32_t i = 0; i < w->n_pods; i++) {
		const struct wr_pod *pod = &w->pods[i];
		if (!selectable(pod) || !peer_holds(w, peer, pod, false))
			continue;
		c.pods += pod->kind == WR_KIND_POD;
		c.workloads += pod->kind != WR_KIND_POD;
		c.namespaces += pod->ns_index != last;
		last = pod->ns_index;
	}
	return c;
}

static const char *count_text(struct say *s, struct count c)
{
	const char *what;
	if (!c.pods && !c.workloads)
		return "no pod";
	if (!c.workloads)
		what = text(s, "%zu pod%s", c.pods, plural(c.pods));
	else if (!c.pods)
		what = text(s, "%zu workload%s", c.workloads, plural(c.workloads));
	else
		what = text(s, "%zu pod%s and %zu workload%s", c.pods, plural(c.pods), c.workloads,
			    plural(c.workloads));
	return c.namespaces > 1 ? text(s, "%s in %zu namespaces", what, c.namespaces) : what;
}

/* "pods with app=web", "every pod" */
static const char *pods_text(struct say *s, uint32_t selector)
{
	const char *t = selector == WR_NONE ? "" : wr_selector_format(s->w, selector, s->a);
	if (!t) {
		s->failed = true;
		return "";
	}
	return *t ? text(s, "pods with %s", t) : "every pod";
}

/* ---- whom it selects ---- */

static void say_subject(struct say *s)
{
	const struct wr_peer *subject = &s->policy->subject;
	const char *names = "";
	size_t hosts = 0;
	for (uint32_t i = 0; i < s->w->n_pods; i++) {
		const struct wr_pod *pod = &s->w->pods[i];
		if (!peer_holds(s->w, subject, pod, false))
			continue;
		hosts += pod->host_network;
		if (!selectable(pod))
			continue;
		size_t n = s->out->pods.n;
		if (n < NAMES_SHOWN)
			names = text(s, "%s%s%s", names, n ? ", " : "", pod->name);
		if (pod->kind == WR_KIND_POD)
			add(s, &s->out->pods, text(s, "%s/%s", pod->ns, pod->name));
		else
			add(s, &s->out->pods,
			    text(s, "%s/%s (%s)", pod->ns, pod->name, wr_kind_name(pod->kind)));
	}
	size_t n = s->out->pods.n;
	s->out->subject = text(s, "%s in namespace %s", pods_text(s, subject->pod_selector),
			       s->policy->ns);
	if (n)
		s->out->selects =
			text(s, "%s: %s%s", count_text(s, count_peer(s->w, subject)), names,
			     n > NAMES_SHOWN ? text(s, " and %zu more", n - NAMES_SHOWN) : "");
	else
		s->out->selects = "no pod in these manifests";
	if (!n)
		add(s, &s->out->remarks,
		    "it selects no pod in these manifests, so that it has no effect on them");
	if (hosts)
		add(s, &s->out->remarks,
		    text(s,
			 "%zu pod%s with matching labels use%s the network of the node: no policy "
			 "applies to %s",
			 hosts, plural(hosts), hosts == 1 ? "s" : "", hosts == 1 ? "it" : "them"));
}

/* ---- peers ---- */

static const char *except_text(struct say *s, const struct wr_peer *peer)
{
	const char *list = "";
	char cidr[WR_CIDR_TEXT];
	for (size_t i = 0; i < peer->n_except; i++) {
		const char *between = !i ? " except " : i + 1 == peer->n_except ? " and " : ", ";
		list = text(s, "%s%s%s", list, between, wr_cidr_format(&peer->except[i], cidr));
	}
	return list;
}

/* "nodes with pool=edge: 2 nodes" */
static const char *nodes_text(struct say *s, const struct wr_peer *peer)
{
	size_t n = 0;
	for (uint32_t i = 0; i < s->w->n_nodes; i++)
		n += wr_selector_matches(s->w, peer->node_selector, s->w->nodes[i].labels,
					 s->w->nodes[i].n_labels);
	const char *labels = peer->node_selector == WR_NONE
				     ? ""
				     : wr_selector_format(s->w, peer->node_selector, s->a);
	s->failed = s->failed || !labels;
	return labels && *labels ? text(s, "nodes with %s: %zu node%s", labels, n, plural(n))
				 : text(s, "every node: %zu node%s", n, plural(n));
}

static const char *domains_text(struct say *s, const struct wr_peer *peer)
{
	const char *list = "";
	for (size_t i = 0; i < peer->n_domains; i++)
		list = text(s, "%s%s%s", list, i ? ", " : "", peer->domains[i]);
	return text(s, "the domains %s: nothing yet, for weir does not learn addresses from DNS",
		    list);
}

/* "pods with app=web in namespaces with team=x: 2 pods" */
static const char *peer_text(struct say *s, const struct wr_peer *peer)
{
	char cidr[WR_CIDR_TEXT];
	const char *pods, *where, *ns;
	switch (peer->kind) {
	case WR_PEER_IPBLOCK:
		return text(s, "addresses in %s%s", wr_cidr_format(&peer->cidr, cidr),
			    except_text(s, peer));
	case WR_PEER_NODES:
		return nodes_text(s, peer);
	case WR_PEER_DOMAINS:
		return domains_text(s, peer);
	case WR_PEER_NOTHING:
		return "nothing";
	case WR_PEER_PODS:
		break;
	}
	pods = pods_text(s, peer->pod_selector);
	if (peer->ns_index != WR_NONE) {
		where = text(s, "in namespace %s, the policy's own",
			     s->w->namespaces[peer->ns_index].name);
	} else {
		ns = peer->ns_selector == WR_NONE
			     ? ""
			     : wr_selector_format(s->w, peer->ns_selector, s->a);
		s->failed = s->failed || !ns;
		where = ns && *ns ? text(s, "in namespaces with %s", ns) : "in every namespace";
	}
	return text(s, "%s %s: %s", pods, where, count_text(s, count_peer(s->w, peer)));
}

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
static void remark_peer(struct say *s, enum wr_direction dir, size_t rule, size_t index)
{
	const struct wr_rule *r = &s->policy->rules[dir][rule];
	const struct wr_peer *peer = &r->peers[index];
	const char *list = dir == WR_EGRESS ? "to" : "from";
	size_t elsewhere = 0;
	if (peer->kind != WR_PEER_PODS)
		return;
	struct count here = count_peer(s->w, peer);
	for (uint32_t i = 0; bare_pod_selector(peer) && i < s->w->n_pods; i++) {
		const struct wr_pod *pod = &s->w->pods[i];
		elsewhere += selectable(pod) && pod->ns_index != peer->ns_index &&
			     peer_holds(s->w, peer, pod, true);
	}
	if (elsewhere && selects_everything(s->w, peer->pod_selector))
		add(s, &s->out->remarks,
		    text(s,
			 "%s rule %zu: podSelector: {} is every pod of namespace %s only; pods of "
			 "other namespaces would need a namespaceSelector",
			 direction_name(dir), rule + 1, s->policy->ns));
	else if (elsewhere)
		add(s, &s->out->remarks,
		    text(s,
			 "%s rule %zu: a podSelector alone stays in namespace %s; the %zu pod%s "
			 "with these labels in other namespaces %s not meant, and would need a "
			 "namespaceSelector in the same item",
			 direction_name(dir), rule + 1, s->policy->ns, elsewhere, plural(elsewhere),
			 elsewhere == 1 ? "is" : "are"));
	else if (!here.pods && !here.workloads)
		add(s, &s->out->remarks,
		    text(s, "%s rule %zu: %s[%zu] matches no pod in these manifests",
			 direction_name(dir), rule + 1, list, index));
	if (index + 1 < r->n_peers &&
	    ((bare_ns_selector(peer) && bare_pod_selector(&r->peers[index + 1])) ||
	     (bare_pod_selector(peer) && bare_ns_selector(&r->peers[index + 1]))))
		add(s, &s->out->remarks,
		    text(s,
			 "%s rule %zu: %s[%zu] and %s[%zu] are two items, and either is enough; "
			 "to demand both, write the two selectors in one item",
			 direction_name(dir), rule + 1, list, index, list, index + 1));
}

/* ---- ports ---- */

static bool block_holds(const struct wr_peer *peer, const struct wr_pod *pod)
{
	for (size_t i = 0; i < pod->n_ips; i++) {
		bool in = wr_cidr_contains(&peer->cidr, &pod->ips[i]);
		for (size_t k = 0; k < peer->n_except && in; k++)
			in = !wr_cidr_contains(&peer->except[k], &pod->ips[i]);
		if (in)
			return true;
	}
	return false;
}

/* Pods on which a rule's named port is looked up: the selected ones, or the peers. */
static bool resolves_port(const struct say *s, enum wr_direction dir, const struct wr_rule *r,
			  const struct wr_pod *pod)
{
	if (!selectable(pod))
		return false;
	if (dir == WR_INGRESS)
		return peer_holds(s->w, &s->policy->subject, pod, false);
	for (size_t i = 0; i < r->n_peers; i++) {
		const struct wr_peer *peer = &r->peers[i];
		if (peer->kind == WR_PEER_PODS
			    ? peer_holds(s->w, peer, pod, false)
			    : peer->kind == WR_PEER_IPBLOCK && block_holds(peer, pod))
			return true;
	}
	return r->any_peer;
}

static bool pod_has_port(const struct wr_pod *pod, const struct wr_port *port, uint16_t *number)
{
	for (size_t i = 0; i < pod->n_ports; i++)
		if (pod->ports[i].name && pod->ports[i].proto == port->proto &&
		    !strcmp(pod->ports[i].name, port->name)) {
			*number = pod->ports[i].port;
			return true;
		}
	return false;
}

/* "TCP http, which is 80, 8080 (1 pod has no such port)" */
static const char *named_port_text(struct say *s, enum wr_direction dir, size_t rule,
				   const struct wr_port *port)
{
	const struct wr_rule *r = &s->policy->rules[dir][rule];
	uint8_t seen[65536 / 8] = {0};
	size_t have = 0, lack = 0, numbers = 0;
	const char *list = "";
	for (uint32_t i = 0; i < s->w->n_pods; i++) {
		uint16_t number;
		if (!resolves_port(s, dir, r, &s->w->pods[i]))
			continue;
		if (!pod_has_port(&s->w->pods[i], port, &number)) {
			lack++;
			continue;
		}
		have++;
		if (seen[number / 8] & 1 << number % 8)
			continue;
		seen[number / 8] |= (uint8_t)(1 << number % 8);
		if (numbers++ < NAMES_SHOWN)
			list = text(s, "%s%s%u", list, numbers > 1 ? ", " : "", number);
	}
	const char *proto = wr_proto_name(port->proto);
	if (have) {
		const char *rest = lack ? text(s, "; %zu of the pods ha%s no such port", lack,
					       lack == 1 ? "s" : "ve")
					: "";
		return text(s, "%s %s (%s%s%s)", proto, port->name, list,
			    numbers > NAMES_SHOWN ? ", ..." : "", rest);
	}
	add(s, &s->out->remarks,
	    text(s,
		 "%s rule %zu: none of the destination pods has a %s port named %s: it allows "
		 "nothing",
		 direction_name(dir), rule + 1, proto, port->name));
	return text(s, "%s %s (no destination pod has it)", proto, port->name);
}

static const char *port_text(struct say *s, enum wr_direction dir, size_t rule,
			     const struct wr_port *port)
{
	const char *proto = wr_proto_name(port->proto);
	switch (port->kind) {
	case WR_PORTS_ALL:
		return text(s, "every %s port", proto);
	case WR_PORTS_NAMED:
		return named_port_text(s, dir, rule, port);
	case WR_PORTS_RANGE:
		break;
	}
	if (port->first == port->last)
		return text(s, "%s %u", proto, port->first);
	return text(s, "%s %u-%u", proto, port->first, port->last);
}

/* ---- rules and directions ---- */

static void say_rule(struct say *s, enum wr_direction dir, size_t index)
{
	const struct wr_rule *r = &s->policy->rules[dir][index];
	struct wr_said_rule *out = &s->out->directions[dir].rules[index];
	out->mark = r->mark;
	if (r->any_peer)
		add(s, &out->peers, "anywhere, inside the cluster and outside");
	for (size_t i = 0; i < r->n_peers; i++) {
		add(s, &out->peers, peer_text(s, &r->peers[i]));
		remark_peer(s, dir, index, i);
	}
	if (r->any_port)
		add(s, &out->ports, "every port and protocol");
	for (size_t i = 0; i < r->n_ports; i++)
		add(s, &out->ports, port_text(s, dir, index, &r->ports[i]));
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
static const char *others_text(struct say *s, enum wr_direction dir)
{
	const struct wr_policy *p = s->policy;
	const char *list = "";
	size_t n = 0;
	for (uint32_t k = 0; k < s->w->n_policies; k++) {
		const struct wr_policy *q = &s->w->policies[k];
		if (q == p || q->tier != WR_TIER_NETWORKPOLICY || !q->isolates[dir] ||
		    !q->n_rules[dir] || q->subject.ns_index != p->subject.ns_index)
			continue;
		const struct wr_namespace *ns = &s->w->namespaces[p->subject.ns_index];
		bool shared = false;
		for (uint32_t i = ns->first_pod; i < ns->first_pod + ns->n_pods && !shared; i++)
			shared = selectable(&s->w->pods[i]) &&
				 peer_holds(s->w, &p->subject, &s->w->pods[i], false) &&
				 peer_holds(s->w, &q->subject, &s->w->pods[i], false);
		if (shared && n++ < NAMES_SHOWN)
			list = text(s, "%s%s%s", list, n > 1 ? ", " : "", q->name);
	}
	if (n > NAMES_SHOWN)
		list = text(s, "%s and %zu more", list, n - NAMES_SHOWN);
	return list;
}

static const char *denied_text(struct say *s, enum wr_direction dir)
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
		*others ? text(s, ", unless another policy that selects some of them allows it: %s",
			       others)
			: "";
	return text(s, "%s %s these pods%s%s", what, way, ping, unless);
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

static void remark_direction(struct say *s, enum wr_direction dir)
{
	const struct wr_policy *p = s->policy;
	bool written = p->object && p->object->np.rules_mark[dir].file;
	const char *name = direction_name(dir);
	const char *type = dir == WR_EGRESS ? "Egress" : "Ingress";
	if (!p->isolates[dir] && p->object && p->object->np.n_rules[dir])
		add(s, &s->out->remarks,
		    text(s,
			 "it has %s rules, but policyTypes does not name %s: they have no effect",
			 name, type));
	else if (!p->isolates[dir] && written)
		add(s, &s->out->remarks,
		    text(s, "an empty %s list does not restrict %s unless policyTypes names %s",
			 name, name, type));
	if (dir == WR_EGRESS && p->isolates[dir] && p->n_rules[dir] && !allows_dns(p))
		add(s, &s->out->remarks,
		    "no egress rule allows UDP port 53: unless another policy does, these pods "
		    "cannot "
		    "resolve names");
}

static void say_direction(struct say *s, enum wr_direction dir)
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
		out->summary = text(s, "only what a rule allows may go %s", way);
	else
		out->summary = text(s, "nothing is allowed %s", way);
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

int wr_describe(const struct wr_world *w, uint32_t policy, struct wr_arena *a,
		struct wr_description *out)
{
	struct wr_description d = {0};
	struct say s = {.w = w, .a = a, .policy = &w->policies[policy], .out = &d};
	d.name = text(&s, "%s/%s", s.policy->ns, s.policy->name);
	d.mark = s.policy->mark;
	say_subject(&s);
	say_direction(&s, WR_INGRESS);
	say_direction(&s, WR_EGRESS);
	if (s.failed)
		return -ENOMEM;
	*out = d;
	return 0;
}
