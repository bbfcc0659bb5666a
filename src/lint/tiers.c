/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "lint/checks.h"

/*
 * What a single rule of a cluster-wide policy says, and the schemas of these
 * kinds let pass: peers that nobody can read, ports that cannot be, domain
 * names, networks that hold more or less than meant.
 */

static const struct wr_lint_rule old_api = {
	"old-policy-api", WR_NOTE, false,
	"AdminNetworkPolicy and BaselineAdminNetworkPolicy, which ClusterNetworkPolicy replaces"};
static const struct wr_lint_rule unreadable = {
	"peer-unreadable", WR_WARNING, false,
	"a peer with a selector that nobody can read: the rule fails closed"};
static const struct wr_lint_rule domains = {"domain-names", WR_WARNING, false,
					    "peers by domain name, which match nothing"};
static const struct wr_lint_rule reversed = {"reversed-port-range", WR_WARNING, false,
					     "a range of ports that ends before it begins"};
static const struct wr_lint_rule protocol = {"unknown-protocol", WR_WARNING, false,
					     "a port of a protocol that has no ports"};
static const struct wr_lint_rule one_family = {
	"deny-one-family", WR_WARNING, false,
	"a Deny for 0.0.0.0/0 without ::/0 where there is IPv6"};
static const struct wr_lint_rule include_cluster = {
	"networks-include-cluster", WR_NOTE, false,
	"networks that hold the pods of the cluster, too"};

static const char *const verbs[] = {
	[WR_ACCEPT] = "accepts", [WR_DENY] = "denies", [WR_PASS] = "passes"};

/* A rule in hand, as written and as resolved. */
struct at {
	uint32_t policy;
	const struct wr_policy *p;
	enum wr_direction dir;
	size_t rule;
	const struct wr_cp_rule *written;
	const struct wr_rule *r;
};

/* ---- the API ---- */

static void check_api(struct lint *l, const struct wr_object *o)
{
	bool admin = o->kind == WR_KIND_ADMINNETWORKPOLICY;
	if (o->kind == WR_KIND_CLUSTERNETWORKPOLICY)
		return;
	lint_report(l, &old_api, o, o->mark, NULL,
		    "%s is of v1alpha1: ClusterNetworkPolicy of v1alpha2, with tier: %s, has taken "
		    "its place",
		    wr_kind_name(o->kind), admin ? "Admin" : "Baseline");
	lint_advise(l,
		    "as soon as the cluster has the new kind: Allow is Accept there, ports are "
		    "protocols%s",
		    admin ? "" : ", and a priority is needed");
}

/* ---- peers ---- */

static const char *peer_path(struct lint *l, const struct at *at, size_t peer)
{
	return lint_text(l, "%s.%s[%zu]", lint_rule_path(l, at->dir, at->rule),
			 at->dir == WR_EGRESS ? "to" : "from", peer);
}

static void check_unreadable(struct lint *l, const struct at *at, size_t peer)
{
	const struct wr_cp_peer *p = &at->written->peers[peer];
	if (!p->unreadable)
		return;
	lint_report(l, &unreadable, at->p->object, p->mark, peer_path(l, at, peer),
		    "the selector has %s: no API server checks that, and nobody can read it, so %s",
		    p->unreadable,
		    at->written->action == WR_ACCEPT
			    ? "the rule accepts nothing"
			    : "the rule fails closed: it denies everything, whatever its peers "
			      "and ports");
	lint_advise(l, "write it as the selector of a NetworkPolicy: operator In, NotIn (with "
		       "values), Exists or DoesNotExist (without)");
}

static void check_domains(struct lint *l, const struct at *at, size_t peer)
{
	const struct wr_cp_peer *p = &at->written->peers[peer];
	if (p->kind != WR_CP_DOMAINS || !p->n_domains)
		return;
	if (at->written->action != WR_ACCEPT) {
		lint_report(l, &domains, at->p->object, p->mark, peer_path(l, at, peer),
			    "the API has domainNames for Accept rules only, and this one %s: "
			    "nothing is held by \"%s\"",
			    verbs[at->written->action], p->domains[0]);
		lint_advise(l, "accept the names that are allowed, and deny the rest by networks "
			       "in a later rule");
		return;
	}
	lint_report(l, &domains, at->p->object, p->mark, peer_path(l, at, peer),
		    "weir does not learn yet which addresses \"%s\" has: this peer matches "
		    "nothing, and later rules decide",
		    p->domains[0]);
	lint_advise(l, "where its addresses are known, name them by networks as well");
}

/* ---- ports ---- */

static void check_port(struct lint *l, const struct at *at, size_t port)
{
	const struct wr_np_port *p = &at->written->ports[port];
	const char *path = lint_port_path(l, at->p->object, at->dir, at->rule, port);
	static const char *const known[] = {"TCP", "UDP", "SCTP"};
	if (p->kind != WR_PORT_RANGE || p->first <= p->last)
		return;
	if (p->proto) {
		lint_report(l, &reversed, at->p->object, p->mark, path,
			    "the range ends (%u) before it begins (%u): it holds no port, so this "
			    "matches nothing",
			    p->last, p->first);
		lint_advise(l, "write start: %u and end: %u", p->last, p->first);
		return;
	}
	lint_report(l, &protocol, at->p->object, p->mark, path,
		    "protocol \"%s\" has no ports: only TCP, UDP and SCTP have, so this matches "
		    "nothing",
		    p->name);
	for (size_t i = 0; i < 3; i++)
		if (!strcasecmp(p->name, known[i])) {
			lint_advise(l, "write %s, in capitals", known[i]);
			return;
		}
	lint_advise(l, "a rule without ports is for every protocol");
}

/* ---- networks ---- */

static bool is_everything(const struct wr_peer *p, uint8_t family)
{
	return p->kind == WR_PEER_IPBLOCK && !p->cidr.len && p->cidr.ip.family == family;
}

static bool any_ipv6(const struct wr_ip *ips, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ips[i].family == WR_IPV6)
			return true;
	return false;
}

static bool rules_name_ipv6(const struct wr_policy *p)
{
	for (int d = 0; d < 2; d++)
		for (size_t r = 0; r < p->n_rules[d]; r++)
			for (size_t k = 0; k < p->rules[d][r].n_peers; k++)
				if (p->rules[d][r].peers[k].kind == WR_PEER_IPBLOCK &&
				    p->rules[d][r].peers[k].cidr.ip.family == WR_IPV6)
					return true;
	return false;
}

/* Whether anything in the manifests has an IPv6 address, or speaks of one. */
static bool knows_ipv6(const struct lint *l)
{
	for (uint32_t i = 0; i < l->w->n_pods; i++)
		if (any_ipv6(l->w->pods[i].ips, l->w->pods[i].n_ips))
			return true;
	for (uint32_t i = 0; i < l->w->n_nodes; i++)
		if (any_ipv6(l->w->nodes[i].ips, l->w->nodes[i].n_ips))
			return true;
	for (uint32_t i = 0; i < l->w->n_services; i++) {
		const struct wr_service_object *s = &l->w->services[i].object->service;
		if (s->want_ipv6 || any_ipv6(s->cluster_ips, s->n_cluster_ips))
			return true;
	}
	for (uint32_t i = 0; i < l->w->n_policies; i++)
		if (rules_name_ipv6(&l->w->policies[i]))
			return true;
	return false;
}

/* Whether any rule of the policy denies all IPv6 for the ports that a rule has. */
static bool denies_ipv6(const struct at *at)
{
	for (size_t r = 0; r < at->p->n_rules[at->dir]; r++) {
		const struct wr_rule *o = &at->p->rules[at->dir][r];
		if (o->action != WR_DENY || (o != at->r && !lint_ports_within(at->r, o)))
			continue;
		for (size_t k = 0; k < o->n_peers; k++)
			if (is_everything(&o->peers[k], WR_IPV6))
				return true;
		if (o->any_peer)
			return true;
	}
	return false;
}

static void check_family(struct lint *l, const struct at *at)
{
	for (size_t k = 0; k < at->r->n_peers && at->r->action == WR_DENY; k++) {
		if (!is_everything(&at->r->peers[k], WR_IPV4))
			continue;
		if (denies_ipv6(at))
			return;
		lint_report(l, &one_family, at->p->object,
			    lint_peer_mark(at->p, at->dir, at->rule, k),
			    lint_peer_path(l, at->p->object, at->dir, at->rule, k),
			    "denies IPv4 only: 0.0.0.0/0 holds no IPv6 address, and there is IPv6 "
			    "in these manifests");
		lint_advise(l, "add \"::/0\" beside it");
		return;
	}
}

/* ---- networks that hold pods ---- */

/* Whether a rule decides anything of its pods' connections with a class. */
static bool decides_class(const struct lint *l, const struct at *at, const uint32_t *rows,
			  uint32_t n_rows, uint32_t class)
{
	for (uint32_t i = 0; i < n_rows; i++) {
		uint32_t n, set = wr_program_row(l->p, rows[i])[class];
		const struct wr_range *ranges = wr_program_port_set(l->p, set, &n);
		for (uint32_t k = 0; k < n; k++) {
			const struct wr_author *by = wr_program_author(l->p, ranges[k].author);
			if (by->kind == WR_BY_RULE && by->dir == at->dir &&
			    by->policy == at->policy && by->rule == at->rule)
				return true;
		}
	}
	return false;
}

#define CELLS_MAX 4096 /* port sets of rows and pods that are looked at */

/* A pod in a network whose connections the rule decides, or WR_NONE. */
static uint32_t pod_within(struct lint *l, const struct at *at, uint32_t peer)
{
	uint32_t n, total, n_rows, looked = 0;
	struct wr_peer_id id = {at->policy, at->dir, (uint32_t)at->rule, peer};
	const uint32_t *held = wr_query_peer_endpoints(l->p, id, &n);
	const struct wr_endpoint *all = wr_program_endpoints(l->p, &total);
	const uint32_t *rows = lint_subject_rows(l, at->policy, at->dir, &n_rows);
	if (!lint_decides(l, at->policy, at->dir, at->rule))
		return WR_NONE;
	for (uint32_t i = 0; rows && i < n && looked < CELLS_MAX; i++) {
		const struct wr_endpoint *e = &all[held[i]];
		if (e->pod == WR_NONE || l->w->pods[e->pod].host_network)
			continue;
		looked += n_rows;
		if (decides_class(l, at, rows, n_rows, e->id.class))
			return e->pod;
	}
	return WR_NONE;
}

/* Whether an earlier rule of the tier takes all pods out before, or DNS at least. */
static bool has_exception(const struct lint *l, const struct at *at, bool dns)
{
	for (uint32_t i = 0; i <= at->policy; i++) {
		const struct wr_policy *o = &l->w->policies[i];
		if (o->tier != at->p->tier || !lint_peer_within(l, &at->p->subject, &o->subject))
			continue;
		size_t n = i == at->policy ? at->rule : o->n_rules[at->dir];
		for (size_t r = 0; r < n; r++) {
			const struct wr_rule *e = &o->rules[at->dir][r];
			if (dns && lint_names_dns(e))
				return true;
			for (size_t k = 0; k < e->n_peers; k++)
				if (e->peers[k].kind == WR_PEER_PODS &&
				    e->peers[k].ns_selector == WR_NONE &&
				    e->peers[k].pod_selector == WR_NONE &&
				    lint_ports_within(at->r, e))
					return true;
		}
	}
	return false;
}

static bool knows_addresses(const struct lint *l)
{
	for (uint32_t i = 0; i < l->w->n_pods; i++)
		if (l->w->pods[i].n_ips && !l->w->pods[i].host_network)
			return true;
	return false;
}

static void check_network(struct lint *l, const struct at *at, uint32_t peer, bool addresses)
{
	const struct wr_peer *p = &at->r->peers[peer];
	char text[WR_CIDR_TEXT];
	uint32_t pod = addresses ? pod_within(l, at, peer) : WR_NONE;
	if (addresses ? pod == WR_NONE : p->cidr.len || has_exception(l, at, false))
		return;
	bool dns = at->r->action == WR_DENY && !addresses && !has_exception(l, at, true);
	lint_report(l, &include_cluster, at->p->object,
		    lint_peer_mark(at->p, at->dir, at->rule, peer),
		    lint_peer_path(l, at->p->object, at->dir, at->rule, peer),
		    "%s is not the outside only: the rule also %s connections between pods%s%s",
		    wr_cidr_format(&p->cidr, text), verbs[at->r->action],
		    pod == WR_NONE ? ""
				   : lint_text(l, ", to %s/%s say", l->w->pods[pod].ns,
					       l->w->pods[pod].name),
		    dns ? ", those to the cluster's DNS included" : "");
	lint_advise(l, "if only the outside is meant, put a rule before it that passes all pods: "
		       "action: Pass, to: [{namespaces: {}}]");
}

/* One finding for a rule. Accept for a narrower network is as it was meant. */
static void check_networks(struct lint *l, const struct at *at, bool addresses)
{
	size_t before = l->findings.n;
	for (uint32_t k = 0; k < at->r->n_peers && l->findings.n == before; k++) {
		const struct wr_peer *p = &at->r->peers[k];
		bool wide = !p->cidr.len || (at->r->action == WR_DENY &&
					     p->cidr.len < wr_family_bits(p->cidr.ip.family));
		if (p->kind == WR_PEER_IPBLOCK && at->r->action != WR_PASS && wide)
			check_network(l, at, k, addresses);
	}
}

static void check_rule(struct lint *l, const struct at *at, bool ipv6, bool addresses)
{
	for (size_t k = 0; k < at->written->n_peers; k++) {
		check_unreadable(l, at, k);
		check_domains(l, at, k);
	}
	for (size_t i = 0; i < at->written->n_ports; i++)
		check_port(l, at, i);
	if (at->r->fails_closed)
		return;
	if (ipv6)
		check_family(l, at);
	check_networks(l, at, addresses);
}

static void run(struct lint *l)
{
	bool ipv6 = knows_ipv6(l), addresses = knows_addresses(l);
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (p->tier == WR_TIER_NETWORKPOLICY || !p->object)
			continue;
		check_api(l, p->object);
		for (int d = 0; d < 2; d++)
			for (size_t r = 0; r < p->n_rules[d] && !l->nomem; r++) {
				struct at at = {i,
						p,
						(enum wr_direction)d,
						r,
						&p->object->cp.rules[d][r],
						&p->rules[d][r]};
				check_rule(l, &at, ipv6, addresses);
			}
	}
}

const struct lint_check lint_tiers = {LINT_RULES(&old_api, &unreadable, &domains, &reversed,
						 &protocol, &one_family, &include_cluster),
				      run};
