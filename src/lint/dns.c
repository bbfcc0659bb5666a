/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

#include <string.h>

/*
 * Egress isolation that loses DNS, or the API server. A policy that allows
 * some egress wants names resolved; one that allows none is a default deny,
 * and others add to it. Where the DNS pods are in the manifests the engine
 * says who can reach them; else a rule for port 53 of this policy, or of
 * another one for the same pods or all of them, is taken for it.
 */

static const struct wr_lint_rule blocked = {"dns-blocked", WR_WARNING, false,
					    "egress that allows something, but not DNS"};
static const struct wr_lint_rule udp_only = {"dns-udp-only", WR_NOTE, false,
					     "DNS over UDP only: large answers come over TCP"};
static const struct wr_lint_rule service_address = {
	"dns-service-address", WR_WARNING, false,
	"DNS allowed to the Service's address, which no packet carries when it is judged"};
static const struct wr_lint_rule api_server = {
	"api-server-blocked", WR_NOTE, false,
	"pods with a service account of their own that cannot reach the API server"};

/* ---- what rules say ---- */

static bool rule_has_port(const struct wr_rule *r, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < r->n_ports; i++)
		if (r->ports[i].proto == proto &&
		    (r->ports[i].kind == WR_PORTS_ALL ||
		     (r->ports[i].kind == WR_PORTS_NAMED && !strncmp(r->ports[i].name, "dns", 3)) ||
		     (r->ports[i].kind == WR_PORTS_RANGE && r->ports[i].first <= port &&
		      r->ports[i].last >= port)))
			return true;
	return r->any_port;
}

bool lint_names_dns(const struct wr_rule *r)
{
	return !r->any_port && rule_has_port(r, WR_UDP, 53);
}

/* Whether the peers could be the DNS pods: any selector with namespaces, or everybody. */
static bool may_hold_dns(const struct lint *l, const struct wr_policy *p, const struct wr_rule *r)
{
	for (size_t i = 0; i < r->n_peers; i++) {
		const struct wr_peer *peer = &r->peers[i];
		const char *name;
		if (peer->kind == WR_PEER_IPBLOCK)
			return true; /* an address that serves DNS, as far as can be told */
		/* a bare podSelector stays in its own namespace, whatever it asks for */
		if (peer->ns_index != WR_NONE && strcmp(p->ns, "kube-system") != 0)
			continue;
		if (lint_requirement(l, peer->pod_selector, "k8s-app"))
			return true;
		if (lint_is_pair(l, peer->ns_selector, "kubernetes.io/metadata.name", &name))
			/* port 53 of another namespace: perhaps a DNS of its own */
			return !r->any_port || !strcmp(name, "kube-system");
		if (!r->any_port || peer->ns_selector == WR_NONE ||
		    !l->w->selectors[peer->ns_selector].n)
			return true;
	}
	return r->any_peer;
}

static bool allows(const struct lint *l, const struct wr_policy *p, uint8_t proto)
{
	for (size_t r = 0; r < p->n_rules[WR_EGRESS]; r++)
		if (p->rules[WR_EGRESS][r].action == WR_ACCEPT &&
		    rule_has_port(&p->rules[WR_EGRESS][r], proto, 53) &&
		    may_hold_dns(l, p, &p->rules[WR_EGRESS][r]))
			return true;
	return false;
}

/* Policies whose subjects are all that another's are: of the same namespace, the same or no selector. */
struct group {
	bool udp, tcp;
};

/*
 * An Accept of the Admin tier is final, whatever isolates the pods. Deny and
 * Pass rules before it are not looked at: then DNS may still be blocked.
 */
static void allowed_by_admin(const struct lint *l, const struct wr_policy *p, struct group *g)
{
	/* sorted by tier */
	for (uint32_t i = 0; i < l->w->n_policies && (!g->udp || !g->tcp); i++) {
		const struct wr_policy *o = &l->w->policies[i];
		if (o->tier != WR_TIER_ADMIN)
			break;
		if (!lint_peer_within(l, &p->subject, &o->subject))
			continue;
		g->udp |= allows(l, o, WR_UDP);
		g->tcp |= allows(l, o, WR_TCP);
	}
}

static struct group allowed_to(const struct lint *l, uint32_t policy)
{
	const struct wr_policy *p = &l->w->policies[policy];
	struct group g = {allows(l, p, WR_UDP), allows(l, p, WR_TCP)};
	allowed_by_admin(l, p, &g);
	/* policies are sorted by namespace: the others stand around this one */
	for (int step = -1; step <= 1; step += 2)
		for (uint32_t i = policy + (uint32_t)step;
		     i < l->w->n_policies && (!g.udp || !g.tcp); i += (uint32_t)step) {
			const struct wr_policy *o = &l->w->policies[i];
			if (o->tier != p->tier || o->subject.ns_index != p->subject.ns_index)
				break;
			if (!lint_implies(l, p->subject.pod_selector, o->subject.pod_selector))
				continue;
			g.udp |= allows(l, o, WR_UDP);
			g.tcp |= allows(l, o, WR_TCP);
		}
	return g;
}

/* ---- what the engine says ---- */

struct dns {
	struct wr_side side;     /* one of the cluster's DNS pods, if they are in the manifests */
	const char *key, *value; /* a label that the DNS pods have */
};

static void find_dns(struct lint *l, struct dns *dns)
{
	for (uint32_t i = 0; i < l->w->n_services && dns->side.endpoint == WR_NONE; i++) {
		const struct wr_service *s = &l->w->services[i];
		if (!strcmp(s->ns, "kube-system") &&
		    (!strcmp(s->name, "kube-dns") || !strcmp(s->name, "coredns")) && s->n_pods &&
		    !wr_side_pod(l->p, s->pods[0], 0, &dns->side) &&
		    s->object->service.n_selector) {
			dns->key = s->object->service.selector[0].key;
			dns->value = s->object->service.selector[0].value;
		}
	}
	uint32_t ns = wr_world_find_namespace(l->w, "kube-system");
	for (uint32_t i = 0; ns != WR_NONE && i < l->w->namespaces[ns].n_pods; i++) {
		uint32_t pod = l->w->namespaces[ns].first_pod + i;
		for (size_t k = 0; k < l->w->pods[pod].n_labels; k++)
			if (dns->side.endpoint == WR_NONE &&
			    !strcmp(wr_world_pair_text(l->w, l->w->pods[pod].labels[k].pair),
				    "k8s-app=kube-dns"))
				(void)wr_side_pod(l->p, pod, 0, &dns->side);
	}
}

/*
 * Pods of a policy that cannot reach DNS over a protocol because they are
 * isolated; each row is asked once. What a cluster-wide policy denies is that
 * policy's matter.
 */
static size_t count_blocked(struct lint *l, uint32_t policy, const struct dns *dns, uint8_t proto,
			    uint8_t *row_known, size_t *all)
{
	size_t n = 0;
	*all = 0;
	wr_bitset_each(wr_query_subject(l->p, policy), i)
	{
		struct wr_side src;
		struct wr_verdict v;
		if (wr_side_pod(l->p, (uint32_t)i, 0, &src) < 0)
			continue;
		++*all;
		uint8_t *known = &row_known[2 * src.id.row[WR_EGRESS] + (proto == WR_TCP)];
		if (!*known) {
			wr_evaluate(l->p, &src, &dns->side, proto, 53, &v);
			const struct wr_author *by = wr_program_author(l->p,
								       v.dir[WR_EGRESS].author);
			*known = v.dir[WR_EGRESS].allow || by->kind == WR_BY_RULE ? 1 : 2;
		}
		n += *known == 2;
	}
	return n;
}

/* ---- findings ---- */

/* Whether YAML reads a label's value as text when nothing quotes it. */
static bool is_plain(const char *value)
{
	return !strcmp(value, "kube-dns") || !strcmp(value, "coredns");
}

static void fix_dns(struct lint *l, const struct wr_policy *p, const struct dns *dns)
{
	const struct wr_value *rules = lint_rules_value(p->object, WR_EGRESS);
	const char *quote = is_plain(dns->value) ? "" : "\"";
	const char *lines = lint_text(l,
				      "- to:\n"
				      "  - namespaceSelector:\n"
				      "      matchLabels:\n"
				      "        kubernetes.io/metadata.name: kube-system\n"
				      "    podSelector:\n"
				      "      matchLabels:\n"
				      "        %s: %s%s%s\n"
				      "  ports:\n"
				      "  - protocol: UDP\n"
				      "    port: 53\n"
				      "  - protocol: TCP\n"
				      "    port: 53",
				      dns->key, quote, dns->value, quote);
	struct wr_edit edit;
	if (rules && lines && !wr_edit_insert_below(p->object->doc, rules, lines, l->arena, &edit))
		lint_fix(l, &edit, 1);
}

static struct wr_mark egress_mark(const struct wr_policy *p)
{
	struct wr_mark mark = p->object->np.rules_mark[WR_EGRESS];
	return mark.file ? mark : p->mark;
}

/* l->newest is what this reported, or NULL. */
static void report(struct lint *l, const struct wr_policy *p, const struct dns *dns, bool udp,
		   bool tcp, const char *who)
{
	l->newest = NULL;
	if (!udp) {
		lint_report(
			l, &blocked, p->object, egress_mark(p), "spec.egress",
			"egress is isolated and DNS is not allowed%s: names cannot be resolved%s",
			tcp ? " over UDP" : "", who);
		lint_advise(l, "allow UDP and TCP 53 to the pods of kube-system with %s: %s",
			    dns->key, dns->value);
		fix_dns(l, p, dns);
	} else if (!tcp) {
		lint_report(
			l, &udp_only, p->object, egress_mark(p), "spec.egress",
			"DNS is allowed over UDP only%s: an answer that is too large for it comes "
			"over TCP, and fails",
			who);
		lint_advise(l, "allow TCP 53 beside UDP 53");
	}
}

static void check_policy(struct lint *l, uint32_t i, const struct dns *dns, uint8_t *row_known)
{
	const struct wr_policy *p = &l->w->policies[i];
	if (!p->n_rules[WR_EGRESS])
		return;
	if (dns->side.endpoint == WR_NONE) {
		struct group g = allowed_to(l, i);
		report(l, p, dns, g.udp, g.tcp,
		       l->knows_pods ? "" : ", as far as these manifests say");
		/* policies alone are often a part of what is applied */
		if (!l->knows_pods && l->newest && l->newest->rule == &blocked &&
		    l->newest->severity == WR_WARNING)
			l->newest->severity = WR_NOTE;
		return;
	}
	size_t all, udp = count_blocked(l, i, dns, WR_UDP, row_known, &all),
		    tcp = count_blocked(l, i, dns, WR_TCP, row_known, &all);
	if (!udp && !tcp)
		return;
	report(l, p, dns, !udp, !tcp,
	       lint_text(l, " (%zu of %s)", udp ? udp : tcp, lint_count(l, all, "pod", "pods")));
}

/* ---- denied by cluster-wide policies ---- */

/* Whether the pods of a row can reach anything at all. */
static bool reaches_anything(const struct lint *l, uint32_t row)
{
	const uint32_t *sets = wr_program_row(l->p, row);
	for (uint32_t c = 0; c < wr_program_n_classes(l->p); c++) {
		uint32_t n;
		const struct wr_range *ranges = wr_program_port_set(l->p, sets[c], &n);
		for (uint32_t i = 0; i < n; i++)
			if (ranges[i].allow)
				return true;
	}
	return false;
}

/* The rule of the Admin tier that denies a pod DNS, or NULL. */
static const struct wr_author *denied_by(const struct lint *l, uint32_t pod, const struct dns *dns)
{
	struct wr_side src;
	struct wr_verdict v;
	if (wr_side_pod(l->p, pod, 0, &src) < 0 || !src.id.row[WR_EGRESS] ||
	    src.endpoint == dns->side.endpoint)
		return NULL;
	wr_evaluate(l->p, &src, &dns->side, WR_UDP, 53, &v);
	const struct wr_author *by = wr_program_author(l->p, v.dir[WR_EGRESS].author);
	if (v.dir[WR_EGRESS].allow || by->kind != WR_BY_RULE ||
	    l->w->policies[by->policy].tier != WR_TIER_ADMIN)
		return NULL;
	return reaches_anything(l, src.id.row[WR_EGRESS]) ? by : NULL;
}

static void report_denied(struct lint *l, const struct wr_author *by, const struct dns *dns,
			  const struct wr_bitset *pods)
{
	const struct wr_policy *p = &l->w->policies[by->policy];
	size_t n = wr_bitset_count(pods);
	lint_report(l, &blocked, p->object, p->rules[WR_EGRESS][by->rule].mark,
		    lint_rule_path(l, WR_EGRESS, by->rule),
		    "denies DNS, too: %s cannot resolve names (%s), and in the Admin tier that is "
		    "final",
		    lint_count(l, n, "pod", "pods"), lint_pod_names(l, pods, 3));
	lint_advise(l,
		    "put a rule before it that passes, or accepts, UDP and TCP 53 to the pods of "
		    "kube-system with %s: %s",
		    dns->key, dns->value);
}

/* One finding for a rule, with all of its pods. */
static void check_denied(struct lint *l, const struct dns *dns)
{
	const struct wr_author **by = wr_arena_array(l->arena, l->w->n_pods, sizeof(*by));
	struct wr_bitset *told = wr_bitset_new(l->arena, l->w->n_pods);
	l->nomem |= !by || !told;
	for (uint32_t i = 0; i < l->w->n_pods && !l->nomem; i++)
		by[i] = denied_by(l, i, dns);
	for (uint32_t i = 0; i < l->w->n_pods && !l->nomem; i++) {
		if (!by[i] || wr_bitset_has(told, i))
			continue;
		struct wr_bitset *pods = wr_bitset_new(l->arena, l->w->n_pods);
		l->nomem |= !pods;
		for (uint32_t k = i; k < l->w->n_pods && pods; k++)
			if (by[k] == by[i])
				wr_bitset_add(pods, k);
		if (pods) {
			wr_bitset_or(told, pods);
			report_denied(l, by[i], dns, pods);
		}
	}
}

/* Whether a block holds one of a Service's pods as well: then DNS is allowed by it. */
static bool holds_pod(const struct lint *l, struct wr_peer_id id, const struct wr_service *s)
{
	uint32_t n, total;
	const uint32_t *held = wr_query_peer_endpoints(l->p, id, &n);
	const struct wr_endpoint *all = wr_program_endpoints(l->p, &total);
	for (uint32_t i = 0; i < n; i++)
		for (size_t k = 0; k < s->n_pods; k++)
			if (all[held[i]].pod == s->pods[k])
				return true;
	return false;
}

/*
 * Whether a block means a Service by its address. The pods' addresses are often
 * not in the manifests; a block as wide as 10.0.0.0/8 may well hold them, too.
 */
static bool means_service(const struct lint *l, struct wr_peer_id id, const struct wr_peer *peer,
			  const struct wr_service *s)
{
	const struct wr_service_object *o = &s->object->service;
	if (peer->kind != WR_PEER_IPBLOCK || peer->cidr.len < 12)
		return false;
	for (size_t a = 0; a < o->n_cluster_ips; a++)
		if (wr_cidr_contains(&peer->cidr, &o->cluster_ips[a]))
			return !holds_pod(l, id, s);
	return false;
}

/* A rule for port 53 whose block is the address of a Service of kube-system. */
static void check_address(struct lint *l, uint32_t policy, uint32_t rule)
{
	const struct wr_policy *p = &l->w->policies[policy];
	const struct wr_rule *r = &p->rules[WR_EGRESS][rule];
	if (!lint_names_dns(r))
		return;
	for (uint32_t i = 0; i < l->w->n_services; i++) {
		const struct wr_service *s = &l->w->services[i];
		if (strcmp(s->ns, "kube-system") != 0)
			continue;
		for (uint32_t k = 0; k < r->n_peers; k++) {
			struct wr_peer_id id = {policy, WR_EGRESS, rule, k};
			if (!means_service(l, id, &r->peers[k], s))
				continue;
			lint_report(l, &service_address, p->object, r->peers[k].mark,
				    lint_peer_path(l, p->object, WR_EGRESS, rule, k),
				    "%s the address of Service %s/%s; a packet is judged by the "
				    "pod that it really goes to",
				    r->peers[k].cidr.len <
						    wr_family_bits(r->peers[k].cidr.ip.family)
					    ? "this block holds"
					    : "this is",
				    s->ns, s->name);
			lint_advise(l, "select the pods: namespaceSelector "
				       "kubernetes.io/metadata.name: kube-system and "
				       "podSelector k8s-app: kube-dns");
		}
	}
}

/* ---- the API server ---- */

static const char *service_account(const struct wr_object *o)
{
	static const char *const pod[] = {"spec", "serviceAccountName", NULL};
	static const char *const tmpl[] = {"spec", "template", "spec", "serviceAccountName", NULL};
	const struct wr_value *v = lint_get(o, o->kind == WR_KIND_POD ? pod : tmpl);
	return v && v->type == WR_STRING && *v->text && strcmp(v->text, "default") != 0 ? v->text
											: NULL;
}

static bool no_token(const struct wr_object *o)
{
	static const char *const pod[] = {"spec", "automountServiceAccountToken", NULL};
	static const char *const tmpl[] = {"spec", "template", "spec",
					   "automountServiceAccountToken", NULL};
	const struct wr_value *v = lint_get(o, o->kind == WR_KIND_POD ? pod : tmpl);
	return v && v->type == WR_BOOL && !v->boolean;
}

static bool allows_api(const struct lint *l, uint32_t set)
{
	static const uint16_t ports[] = {443, 6443};
	uint32_t n;
	const struct wr_range *ranges = wr_program_port_set(l->p, set, &n);
	for (size_t k = 0; k < 2; k++) {
		uint32_t at = 0;
		while (at + 1 < n && ranges[at + 1].first <= WR_KEY(WR_TCP, ports[k]))
			at++;
		if (ranges[at].allow)
			return true;
	}
	return false;
}

/* Whether a rule accepts nodes by their labels, of which manifests seldom have the addresses. */
static bool accepts_nodes(const struct lint *l, uint32_t row)
{
	uint32_t n;
	enum wr_direction dir;
	const uint32_t *policies = wr_query_row(l->p, row, &n, &dir);
	for (uint32_t i = 0; i < n; i++) {
		const struct wr_policy *p = &l->w->policies[policies[i]];
		for (size_t r = 0; r < p->n_rules[dir]; r++)
			for (size_t k = 0; k < p->rules[dir][r].n_peers; k++)
				if (p->rules[dir][r].action == WR_ACCEPT &&
				    p->rules[dir][r].peers[k].kind == WR_PEER_NODES)
					return true;
	}
	return false;
}

/* Whether a pod can reach any address outside, or any node, on the API server's usual ports. */
static bool reaches_api(struct lint *l, const struct wr_side *src)
{
	uint32_t n;
	const struct wr_prefix *prefixes = wr_program_prefixes(l->p, &n);
	const uint32_t *row = wr_program_row(l->p, src->id.row[WR_EGRESS]);
	for (uint32_t i = 0; i < n; i++)
		if (allows_api(l, row[prefixes[i].class]))
			return true;
	const struct wr_endpoint *e = wr_program_endpoints(l->p, &n);
	for (uint32_t i = 0; i < n; i++)
		if (e[i].pod == WR_NONE && allows_api(l, row[e[i].id.class]))
			return true;
	return allows_api(l, row[wr_program_world_class(l->p, WR_IPV4)]) ||
	       allows_api(l, row[wr_program_world_class(l->p, WR_IPV6)]) ||
	       accepts_nodes(l, src->id.row[WR_EGRESS]);
}

/* One finding for a namespace: what holds for one of its pods mostly holds for its neighbours. */
static void check_api_of(struct lint *l, const struct wr_namespace *ns)
{
	struct wr_bitset *pods = NULL;
	const char *account = NULL;
	for (uint32_t i = ns->first_pod; i < ns->first_pod + ns->n_pods && !l->nomem; i++) {
		const struct wr_object *o = l->w->pods[i].object;
		const char *name = o ? service_account(o) : NULL;
		struct wr_side src;
		if (!name || no_token(o) || wr_side_pod(l->p, i, 0, &src) < 0 ||
		    !src.id.row[WR_EGRESS] || reaches_api(l, &src))
			continue;
		account = account ? account : name;
		pods = pods ? pods : wr_bitset_new(l->arena, l->w->n_pods);
		l->nomem |= !pods;
		if (pods)
			wr_bitset_add(pods, i);
	}
	if (!pods)
		return;
	const struct wr_object *o = l->w->pods[wr_bitset_next(pods, 0)].object;
	size_t n = wr_bitset_count(pods);
	lint_report(
		l, &api_server, o, o->meta.mark, NULL,
		"%s with a service account of %s own (%s: \"%s\"), but policies let nothing out to "
		"TCP 443 or 6443 outside of the pods: %s cannot reach the API server",
		lint_count(l, n, "pod", "pods"), n == 1 ? "its" : "their",
		lint_pod_names(l, pods, 3), account, n == 1 ? "it" : "they");
	lint_advise(l, "if they need it, allow the API server's addresses by an ipBlock; if not, "
		       "automountServiceAccountToken: false");
}

static void check_api(struct lint *l)
{
	for (uint32_t i = 0; i < l->w->n_namespaces && lint_on(l, &api_server) && !l->nomem; i++)
		check_api_of(l, &l->w->namespaces[i]);
}

static void run(struct lint *l)
{
	struct dns dns = {.side.endpoint = WR_NONE, .key = "k8s-app", .value = "kube-dns"};
	uint8_t *row_known = wr_arena_array(l->arena, 2 * (size_t)wr_program_n_rows(l->p), 1);
	if (!row_known) {
		l->nomem = true;
		return;
	}
	find_dns(l, &dns);
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (p->tier != WR_TIER_NETWORKPOLICY || !p->object || !p->isolates[WR_EGRESS])
			continue;
		check_policy(l, i, &dns, row_known);
		for (uint32_t r = 0; r < p->n_rules[WR_EGRESS]; r++)
			check_address(l, i, r);
	}
	if (dns.side.endpoint != WR_NONE && l->w->n_policies &&
	    l->w->policies[0].tier == WR_TIER_ADMIN)
		check_denied(l, &dns);
	check_api(l);
}

const struct lint_check lint_dns = {LINT_RULES(&blocked, &udp_only, &service_address, &api_server),
				    run};
