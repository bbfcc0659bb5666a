/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "lint/checks.h"

/* ipBlocks: addresses that no packet carries, that move, or that cover more or less than meant. */

static const struct wr_lint_rule names_service = {
	"block-names-service", WR_WARNING, false,
	"an ipBlock for a Service's address, which no packet carries when it is judged"};
static const struct wr_lint_rule names_pod = {"block-names-pod", WR_WARNING, false,
					      "an ipBlock for one pod's address"};
static const struct wr_lint_rule names_node = {"block-names-node", WR_NOTE, false,
					       "an ipBlock for one node's address"};
static const struct wr_lint_rule given_back = {"except-given-back", WR_WARNING, false,
					       "an except that another peer or rule allows"};
static const struct wr_lint_rule host_bits = {"cidr-host-bits", WR_WARNING, false,
					      "a CIDR with bits beyond its prefix"};
static const struct wr_lint_rule odd_prefix = {"suspicious-prefix", WR_WARNING, false,
					       "a prefix that was surely meant otherwise"};
static const struct wr_lint_rule everywhere = {
	"everywhere-includes-cluster", WR_NOTE, false,
	"egress to 0.0.0.0/0, which is also the pods and nodes"};
static const struct wr_lint_rule metadata = {"metadata-service", WR_NOTE, false,
					     "the cloud's metadata address left reachable"};

struct at {
	const struct wr_policy *p;
	enum wr_direction dir;
	size_t rule, peer;
	const struct wr_rule *r;
	const struct wr_peer *what;
};

/* The text of cidr, or of an except, as written. */
static const struct wr_value *written(const struct at *at, int except)
{
	const struct wr_value *peers = lint_peers_value(at->p->object, at->dir, at->rule);
	struct lint_place place = lint_place(at->p->object, at->dir, at->rule, at->peer);
	const struct wr_value *peer = peers && place.item < peers->n ? peers->items[place.item]
								     : NULL;
	if (place.is_network) {
		const struct wr_value *list = wr_value_get(peer, "networks");
		return list && list->type == WR_LIST && place.network < list->n
			       ? list->items[place.network]
			       : NULL;
	}
	const struct wr_value *block = wr_value_get(peer, "ipBlock");
	if (except < 0)
		return wr_value_get(block, "cidr");
	const struct wr_value *list = wr_value_get(block, "except");
	return list && list->type == WR_LIST && (size_t)except < list->n ? list->items[except]
									 : NULL;
}

static struct wr_mark mark_of(const struct at *at)
{
	const struct wr_value *v = written(at, -1);
	return v ? v->mark : at->what->mark;
}

static const char *path_of(struct lint *l, const struct at *at, const char *field)
{
	const char *peer = lint_peer_path(l, at->p->object, at->dir, at->rule, at->peer);
	return at->p->ns ? lint_text(l, "%s.ipBlock%s", peer, field) : peer;
}

/* ---- addresses of the cluster ---- */

static void check_services(struct lint *l, const struct at *at, uint32_t policy)
{
	const struct wr_cidr *c = &at->what->cidr;
	struct wr_peer_id id = {policy, at->dir, (uint32_t)at->rule, (uint32_t)at->peer};
	uint32_t n;
	if (c->len + 8u < wr_family_bits(c->ip.family))
		return; /* a wide block may hold such an address by the way */
	(void)wr_query_peer_endpoints(l->p, id, &n);
	if (n)
		return; /* so may one that holds pods or nodes */
	for (uint32_t i = 0; i < l->w->n_services; i++) {
		const struct wr_service *s = &l->w->services[i];
		for (size_t k = 0; k < s->object->service.n_cluster_ips; k++) {
			if (!wr_cidr_contains(c, &s->object->service.cluster_ips[k]))
				continue;
			if (at->dir == WR_EGRESS && !strcmp(s->ns, "kube-system") &&
			    lint_names_dns(at->r))
				return; /* dns-service-address says it */
			lint_report(l, &names_service, at->p->object, mark_of(at),
				    path_of(l, at, ".cidr"),
				    "this is the address of Service %s/%s; a packet is judged by "
				    "the pod that "
				    "it really goes to, so this matches nothing",
				    s->ns, s->name);
			lint_advise(l, "select the Service's pods by their labels");
			lint_relate(l, s->object->meta.mark, "the Service");
			return;
		}
	}
}

static void report_node(struct lint *l, const struct at *at, uint32_t node)
{
	lint_report(l, &names_node, at->p->object, mark_of(at), path_of(l, at, ".cidr"),
		    "this is the address of node %s alone: %s", l->w->nodes[node].name,
		    at->dir == WR_INGRESS
			    ? "a node reaches its own pods anyway, and other nodes have others"
			    : "what runs on its host may come to run on another one");
	lint_advise(l, at->p->ns
			       ? "if nodes are meant, write the block that their addresses are from"
			       : "if nodes are meant, select them by their labels: nodes: {...}");
}

static void check_endpoints(struct lint *l, const struct at *at, uint32_t policy)
{
	uint32_t n, total;
	if (at->what->cidr.len != wr_family_bits(at->what->cidr.ip.family))
		return;
	struct wr_peer_id id = {policy, at->dir, (uint32_t)at->rule, (uint32_t)at->peer};
	const uint32_t *endpoints = wr_query_peer_endpoints(l->p, id, &n);
	const struct wr_endpoint *all = wr_program_endpoints(l->p, &total);
	for (uint32_t i = 0; i < n; i++) {
		const struct wr_endpoint *e = &all[endpoints[i]];
		if (e->pod == WR_NONE && e->node != WR_NONE) {
			report_node(l, at, e->node);
			return;
		}
		if (e->pod == WR_NONE || l->w->pods[e->pod].host_network)
			continue;
		lint_report(l, &names_pod, at->p->object, mark_of(at), path_of(l, at, ".cidr"),
			    "this is the address that pod %s/%s has now; a restart gives it "
			    "another one",
			    l->w->pods[e->pod].ns, l->w->pods[e->pod].name);
		lint_advise(l, "select the pod by its labels");
		return;
	}
}

/* ---- excepts ---- */

static bool gives_back(const struct wr_peer *peer, const struct wr_cidr *except)
{
	if (peer->kind != WR_PEER_IPBLOCK || !wr_cidr_covers(&peer->cidr, except))
		return false;
	for (size_t i = 0; i < peer->n_except; i++)
		if (wr_cidr_covers(&peer->except[i], except) ||
		    wr_cidr_covers(except, &peer->except[i]))
			return false;
	return true;
}

static void check_except(struct lint *l, const struct at *at, size_t e)
{
	const struct wr_policy *p = at->p;
	const struct wr_cidr *except = &at->what->except[e];
	for (size_t r = 0; r < p->n_rules[at->dir]; r++) {
		const struct wr_rule *other = &p->rules[at->dir][r];
		bool found = other->any_peer && r != at->rule && lint_ports_meet(at->r, other);
		struct wr_mark mark = other->mark;
		for (size_t k = 0; k < other->n_peers && !found; k++) {
			found = (r != at->rule || k != at->peer) &&
				gives_back(&other->peers[k], except) &&
				lint_ports_meet(at->r, other);
			mark = other->peers[k].mark;
		}
		if (!found)
			continue;
		const struct wr_value *v = written(at, (int)e);
		char text[WR_CIDR_TEXT];
		lint_report(l, &given_back, p->object, v ? v->mark : mark_of(at),
			    path_of(l, at, lint_text(l, ".except[%zu]", e)),
			    "%s is allowed all the same, by another %s: an except cuts out of its "
			    "own block "
			    "only",
			    wr_cidr_format(except, text), r == at->rule ? "peer" : "rule");
		lint_relate(l, mark, "what allows it");
		return;
	}
}

/* ---- how it is written ---- */

static void check_written(struct lint *l, const struct at *at, const struct wr_value *v,
			  const struct wr_cidr *c, const char *path)
{
	char address[WR_IP_TEXT], canonical[WR_CIDR_TEXT];
	struct wr_ip ip;
	if (!v || v->type != WR_STRING)
		return;
	size_t n = strcspn(v->text, "/");
	if (n >= sizeof(address))
		return;
	memcpy(address, v->text, n);
	address[n] = '\0';
	if (wr_ip_parse(address, &ip) < 0 || wr_ip_equal(&ip, &c->ip))
		return;
	wr_cidr_format(c, canonical);
	lint_report(l, &host_bits, at->p->object, v->mark, path_of(l, at, path),
		    "%s means %s: bits beyond the prefix do not count%s", v->text, canonical,
		    at->p->ns ? ", and newer API servers refuse them"
			      : ", and v1beta1 refuses them");
	lint_advise(l, "write %s, or %s/%u for the one address", canonical, address,
		    wr_family_bits(c->ip.family));
	struct wr_edit edit;
	if (!wr_edit_replace(at->p->object->doc, v, canonical, &edit))
		lint_fix(l, &edit, 1);
}

static bool is_zero(const struct wr_ip *ip)
{
	static const uint8_t none[16];
	return !memcmp(ip->b, none, sizeof(none));
}

static void check_prefix(struct lint *l, const struct at *at)
{
	const struct wr_cidr *c = &at->what->cidr;
	char text[WR_CIDR_TEXT];
	/* 0.0.0.0/1 is one half of everything, of which people write two */
	if (!is_zero(&c->ip) || c->len < 4 || c->ip.family != WR_IPV4)
		return;
	lint_report(l, &odd_prefix, at->p->object, mark_of(at), path_of(l, at, ".cidr"),
		    "%s is the addresses that begin with %s: nobody has one",
		    wr_cidr_format(c, text), c->len >= 16 ? "0.0" : "0");
	lint_advise(l, "for every address write 0.0.0.0/0");
}

/* ---- everywhere ---- */

static bool rule_allows(const struct wr_rule *r, uint16_t port)
{
	for (size_t i = 0; i < r->n_ports; i++)
		if (r->ports[i].proto == WR_TCP &&
		    (r->ports[i].kind == WR_PORTS_ALL ||
		     (r->ports[i].kind == WR_PORTS_RANGE && r->ports[i].first <= port &&
		      port <= r->ports[i].last)))
			return true;
	return r->any_port;
}

static void check_metadata(struct lint *l, const struct at *at)
{
	static const struct wr_ip address = {.family = WR_IPV4, .b = {169, 254, 169, 254}};
	const struct wr_peer *peer = at->what;
	if (at->dir != WR_EGRESS || !wr_cidr_contains(&peer->cidr, &address))
		return;
	for (size_t i = 0; i < peer->n_except; i++)
		if (wr_cidr_contains(&peer->except[i], &address))
			return;
	bool alone = peer->cidr.len > 24;
	if (alone && !rule_allows(at->r, 80)) {
		lint_report(
			l, &metadata, at->p->object, mark_of(at), path_of(l, at, ".cidr"),
			"the metadata service answers on TCP 80, which this rule does not allow");
	} else if (!alone && rule_allows(at->r, 80)) {
		lint_report(l, &metadata, at->p->object, mark_of(at), path_of(l, at, ".cidr"),
			    "this also opens 169.254.169.254, where clouds hand out a node's "
			    "credentials");
		lint_advise(l, "add except: [169.254.169.254/32]");
	}
}

static void check_everywhere(struct lint *l, const struct at *at)
{
	const struct wr_peer *peer = at->what;
	if (at->dir != WR_EGRESS || peer->cidr.len || peer->n_except ||
	    peer->cidr.ip.family != WR_IPV4)
		return;
	lint_report(l, &everywhere, at->p->object, mark_of(at), path_of(l, at, ".cidr"),
		    "0.0.0.0/0 is not the outside only: it includes every pod and node%s",
		    l->knows_pods ? lint_text(l, " (%u pods here)", l->w->n_pods) : "");
	lint_advise(
		l,
		"cut the cluster out: except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16], as far "
		"as your pods and nodes have such addresses");
}

static void check_block(struct lint *l, uint32_t policy, const struct at *at)
{
	check_services(l, at, policy);
	check_endpoints(l, at, policy);
	check_prefix(l, at);
	check_written(l, at, written(at, -1), &at->what->cidr, ".cidr");
	for (size_t e = 0; e < at->what->n_except; e++) {
		check_except(l, at, e);
		check_written(l, at, written(at, (int)e), &at->what->except[e],
			      lint_text(l, ".except[%zu]", e));
	}
	if (!at->p->ns)
		return; /* what wide networks hold as well: tiers.c */
	check_metadata(l, at);
	check_everywhere(l, at);
}

static void run(struct lint *l)
{
	for (uint32_t i = 0; i < l->w->n_policies && !l->nomem; i++) {
		const struct wr_policy *p = &l->w->policies[i];
		if (!p->object)
			continue;
		for (int d = 0; d < 2; d++)
			for (size_t r = 0; r < p->n_rules[d]; r++)
				for (size_t k = 0; k < p->rules[d][r].n_peers; k++) {
					struct at at = {
						p, (enum wr_direction)d, r,
						k, &p->rules[d][r],      &p->rules[d][r].peers[k]};
					if (at.what->kind == WR_PEER_IPBLOCK)
						check_block(l, i, &at);
				}
	}
}

const struct lint_check lint_blocks = {LINT_RULES(&names_service, &names_pod, &names_node,
						  &given_back, &host_bits, &odd_prefix, &everywhere,
						  &metadata),
				       run};
