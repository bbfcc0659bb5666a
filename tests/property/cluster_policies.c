/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random policies of the cluster-wide kinds, of which a server would take every
 * one: what is written in two ways in v1alpha1 and v1alpha2 is picked by kind.
 * Names and priorities are few, so that ties are many.
 */
#include <string.h>

#include "gen.h"

#define ITEMS_MAX 4

/* What differs from kind to kind. */
struct kind {
	const char *name, *version, *accept, *named_port, *ports;
	bool can_pass, has_domains, is_old;
};

static const struct kind cluster = {"ClusterNetworkPolicy",
				    "v1alpha2",
				    "Accept",
				    "destinationNamedPort",
				    "protocols",
				    true,
				    true,
				    false};
static const struct kind admin = {
	"AdminNetworkPolicy", "v1alpha1", "Allow", "namedPort", "ports", true, true, true};
static const struct kind baseline = {"BaselineAdminNetworkPolicy",
				     "v1alpha1",
				     "Allow",
				     "namedPort",
				     "ports",
				     false,
				     false,
				     true};

/* ---- peers ---- */

/* Now and then with an expression that the schemas let pass and nobody can read. */
static void peer_selector(struct gen *g, bool of_namespaces)
{
	static const char *const unreadable[] = {"{key: app, operator: in, values: [a]}",
						 "{key: app, operator: In}",
						 "{key: app, operator: NotIn, values: []}",
						 "{key: app, operator: Exists, values: [a]}",
						 "{key: -app, operator: Exists}",
						 "{key: app, operator: In, values: ['a b']}"};
	bool bad = rng_chance(&g->rng, 3), before = gen_part_begin(g);
	const char *more = PICK(g, unreadable);
	bad &= !g->muted;
	gen_part_end(g, before);
	gen_selector(g, of_namespaces, bad ? more : "");
}

/* pods: and namespaces:, which subjects have, too. Those have a selector that can be read. */
static void pods(struct gen *g, const struct kind *k, bool is_subject)
{
	bool whole = rng_chance(&g->rng, 40), any = rng_chance(&g->rng, 25);
	bool null = rng_chance(&g->rng, 10);
	if (whole) {
		gen_put(g, "%snamespaces: ", null ? "pods: null, " : "");
	} else if (any && !k->is_old) {
		gen_put(g, "pods: {%spodSelector: ", null ? "namespaceSelector: null, " : "");
	} else {
		gen_put(g, "pods: {namespaceSelector: ");
		if (is_subject)
			gen_selector(g, true, "");
		else
			peer_selector(g, true);
		gen_put(g, ", podSelector: ");
	}
	if (is_subject)
		gen_selector(g, whole, "");
	else
		peer_selector(g, whole);
	gen_put(g, "%s", whole ? "" : "}");
}

/* One to ITEMS_MAX items, the first of which is always there; none twice. */
static void set(struct gen *g, const char *field, void (*draw)(struct gen *g, char *text))
{
	char seen[ITEMS_MAX][GEN_CIDR];
	unsigned n = 1 + rng_below(&g->rng, ITEMS_MAX);
	gen_put(g, "%s: [", field);
	for (unsigned i = 0; i < n; i++) {
		bool repeated = false, before = g->muted;
		draw(g, seen[i]);
		for (unsigned j = 0; j < i; j++)
			repeated |= !strcmp(seen[i], seen[j]);
		if (i)
			gen_part_begin(g);
		if (!repeated)
			gen_put(g, "'%s', ", seen[i]);
		gen_part_end(g, before);
	}
	gen_put(g, "]");
}

static void draw_network(struct gen *g, char *text)
{
	bool host_bits = rng_chance(&g->rng, 15);
	gen_cidr(g, host_bits, text);
}

static void draw_domain(struct gen *g, char *text)
{
	static const char *const names[] = {"example.com", "*.example.com", "a.example.com.",
					    "*.b.example.org"};
	snprintf(text, GEN_CIDR, "%s", PICK(g, names));
}

/* addresses: peers that name no pods, for which ports have no names. */
static void peer(struct gen *g, const struct kind *k, bool addresses)
{
	unsigned kind = rng_below(&g->rng, 8);
	gen_put(g, "{");
	if (!addresses || kind > 5) {
		pods(g, k, false);
	} else if (kind > 2) {
		set(g, "networks", draw_network);
	} else if (kind || !k->has_domains) {
		gen_put(g, "nodes: ");
		peer_selector(g, false);
	} else {
		set(g, "domainNames", draw_domain);
	}
	gen_put(g, "}");
}

/* ---- ports ---- */

static void new_port(struct gen *g, unsigned form, const char *proto, int first, int last)
{
	gen_put(g, "%s: {destinationPort: {",
		!strcmp(proto, "TCP")   ? "tcp"
		: !strcmp(proto, "UDP") ? "udp"
					: "sctp");
	/* a range has two ports or more */
	if (form == 0 && first < last)
		gen_put(g, "range: {start: %d, end: %d}}}", first, last);
	else
		gen_put(g, "number: %d}}", first);
}

/* Ranges may be reversed and protocols unknown: v1alpha1 does not look. */
static void old_port(struct gen *g, unsigned form, const char *proto, int first, int last)
{
	static const char *const unknown[] = {"ICMP", "tcp", "''", "'6'"};
	bool odd = rng_chance(&g->rng, 8), silent = rng_chance(&g->rng, 20);
	bool reversed = rng_chance(&g->rng, 25);
	const char *odd_proto = PICK(g, unknown);
	gen_put(g, "%s: {", form == 0 ? "portRange" : "portNumber");
	if (!silent)
		gen_put(g, "protocol: %s, ", odd ? odd_proto : proto);
	if (form == 0)
		gen_put(g, "start: %d, end: %d}", reversed ? last : first, reversed ? first : last);
	else
		gen_put(g, "port: %d}", first);
}

static void port(struct gen *g, const struct kind *k, bool names)
{
	unsigned form = rng_below(&g->rng, 3);
	int first = PICK(g, gen_ports), last = first + (int)rng_below(&g->rng, 400);
	const char *proto = PICK(g, gen_protocols), *name = PICK(g, gen_port_names);
	if (last > 65535)
		last = 65535;
	gen_put(g, "{");
	if (form == 1 && names)
		gen_put(g, "%s: %s", k->named_port, name);
	else if (k->is_old)
		old_port(g, form, proto, first, last);
	else
		new_port(g, form, proto, first, last);
	gen_put(g, "}");
}

/* ---- rules ---- */

static void rule(struct gen *g, const struct kind *k, bool is_egress)
{
	bool addresses = rng_chance(&g->rng, 50) && is_egress;
	unsigned action = rng_below(&g->rng, 3), n = 1 + rng_below(&g->rng, 3);
	unsigned n_ports = rng_below(&g->rng, 4), named = rng_below(&g->rng, 5);
	gen_put(g, "   {%saction: %s, %s: [", named ? "" : "name: 'a name', ",
		action == 0                   ? k->accept
		: action == 1 || !k->can_pass ? "Deny"
					      : "Pass",
		is_egress ? "to" : "from");
	for (unsigned i = 0; i < n; i++) {
		bool before = g->muted;
		if (i)
			gen_part_begin(g);
		peer(g, k, addresses);
		gen_put(g, ", ");
		gen_part_end(g, before);
	}
	gen_put(g, "]");
	for (unsigned i = 0; i < n_ports; i++) {
		bool before = g->muted;
		if (i)
			gen_part_begin(g);
		else
			gen_put(g, ", %s: [", k->ports);
		port(g, k, !addresses);
		gen_put(g, ", ");
		gen_part_end(g, before);
	}
	gen_put(g, "%s},\n", n_ports ? "]" : "");
}

static void rules(struct gen *g, const struct kind *k, bool is_egress)
{
	unsigned n = rng_below(&g->rng, 5);
	if (n == 4 && rng_chance(&g->rng, 50))
		return; /* without the field, which may also be there and empty */
	gen_put(g, "  %s: [\n", is_egress ? "egress" : "ingress");
	for (unsigned i = 0; i < n; i++) {
		bool before = gen_part_begin(g);
		rule(g, k, is_egress);
		gen_part_end(g, before);
	}
	gen_put(g, "  ]\n");
}

/* ---- policies ---- */

static void policy(struct gen *g, const struct kind *k, unsigned number)
{
	static const int priorities[] = {0, 0, 0, 7, 1000};
	static const char *const names[] = {"c", "a", "d", "b"};
	bool before = gen_part_begin(g), is_baseline = rng_chance(&g->rng, 50);
	int priority = PICK(g, priorities);
	gen_put(g, "---\nkind: %s\napiVersion: policy.networking.k8s.io/%s\nmetadata: {name: ",
		k->name, k->version);
	if (k == &baseline)
		gen_put(g, "default}\nspec:\n");
	else /* not in the order of the text, and two kinds have policies of one name */
		gen_put(g, "%s}\nspec:\n  priority: %d\n", names[number], priority);
	if (k == &cluster)
		gen_put(g, "  tier: %s\n", is_baseline ? "Baseline" : "Admin");
	gen_put(g, "  subject: {");
	pods(g, k, true);
	gen_put(g, "}\n");
	rules(g, k, false);
	rules(g, k, true);
	gen_part_end(g, before);
}

void gen_cluster_policies(struct gen *g)
{
	bool none = rng_chance(&g->rng, 30);
	unsigned n_cluster = rng_below(&g->rng, 5), n_admin = rng_below(&g->rng, 4);
	bool has_baseline = rng_chance(&g->rng, 35);
	if (none)
		return;
	for (unsigned i = 0; i < n_cluster || i < n_admin; i++) {
		if (i < n_cluster)
			policy(g, &cluster, i);
		if (i < n_admin)
			policy(g, &admin, i);
	}
	if (has_baseline)
		policy(g, &baseline, 0);
}
