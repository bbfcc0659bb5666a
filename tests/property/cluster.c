/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* splitmix64 */
static uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)(rng_next(r) % n);
}

bool rng_chance(struct rng *r, unsigned percent)
{
	return rng_below(r, 100) < percent;
}

struct gen {
	struct cluster *c;
	struct rng rng;
	FILE *out;
	bool muted; /* inside a part that is left out: random numbers are drawn all the same */
};

static void __attribute__((format(printf, 2, 3))) put(struct gen *g, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (!g->muted)
		vfprintf(g->out, fmt, ap);
	va_end(ap);
}

/* Begins a part; returns what to hand to part_end(). */
static bool part_begin(struct gen *g)
{
	bool before = g->muted;
	if (g->c->n_parts < PARTS_MAX && g->c->dropped[g->c->n_parts])
		g->muted = true;
	if (g->c->n_parts < PARTS_MAX)
		g->c->n_parts++;
	return before;
}

static void part_end(struct gen *g, bool before)
{
	g->muted = before;
}

#define PICK(g, array) ((array)[rng_below(&(g)->rng, sizeof(array) / sizeof((array)[0]))])

static const char *const namespaces[] = {"x", "y", "z"};
static const char *const keys[] = {"app", "tier", "rare"};
static const char *const values[] = {"a", "b", "c"};
static const char *const protocols[] = {"TCP", "UDP", "SCTP"};
static const char *const port_names[] = {"http", "dns", "none"};
static const int ports[] = {1, 53, 80, 81, 443, 8080, 65535};
/* Blocks inside each other, around pods, nodes and the outside. */
static const char *const blocks4[] = {"0.0.0.0/0",         "10.0.0.0/8",       "10.0.0.0/16",
				      "10.0.0.0/24",       "10.0.0.0/30",      "10.0.0.3/32",
				      "10.0.1.0/24",       "192.168.0.0/16",   "192.168.0.1/32",
				      "203.0.113.0/24",    "203.0.113.128/25", "128.0.0.0/1",
				      "255.255.255.255/32"};
static const char *const blocks6[] = {"::/0",          "fd00::/8", "fd00::/64",  "fd00::3/128",
				      "2001:db8::/32", "8000::/1", "fd00::2/127"};

static void labels(struct gen *g)
{
	put(g, "{");
	for (unsigned i = 0; i < 3; i++)
		if (rng_chance(&g->rng, i == 2 ? 15 : 70))
			put(g, "%s: %s, ", keys[i], PICK(g, values));
		else
			(void)rng_next(&g->rng);
	put(g, "}");
}

static void selector(struct gen *g)
{
	unsigned kind = rng_below(&g->rng, 10);
	if (kind < 2) {
		put(g, "{}");
	} else if (kind < 5) {
		put(g, "{matchLabels: {%s: %s}}", PICK(g, keys), PICK(g, values));
	} else {
		static const char *const ops[] = {"In", "NotIn", "Exists", "DoesNotExist"};
		const char *key = PICK(g, keys);
		unsigned op = rng_below(&g->rng, 4);
		put(g, "{matchExpressions: [{key: %s, operator: %s", key, ops[op]);
		if (op < 2)
			put(g, ", values: [%s, %s]", PICK(g, values), PICK(g, values));
		put(g, "}]}");
	}
}

static void namespace_selector(struct gen *g)
{
	if (rng_chance(&g->rng, 30))
		put(g, "{matchLabels: {kubernetes.io/metadata.name: %s}}", PICK(g, namespaces));
	else
		selector(g);
}

/* An ipBlock with excepts that lie strictly inside it: longer prefixes of its own address. */
static void ip_block(struct gen *g)
{
	static const struct {
		const char *cidr, *excepts[3];
	} cut[] = {
		{"0.0.0.0/0", {"10.0.0.0/8", "192.168.0.0/16", "203.0.113.128/25"}},
		{"10.0.0.0/8", {"10.0.0.0/24", "10.0.1.0/24", "10.0.0.3/32"}},
		{"10.0.0.0/16", {"10.0.0.0/30", "10.0.0.3/32", "10.0.0.0/24"}},
		{"203.0.113.0/24", {"203.0.113.128/25", "203.0.113.9/32", "203.0.113.0/25"}},
		{"::/0", {"fd00::/8", "2001:db8::/32", "8000::/1"}},
		{"fd00::/8", {"fd00::/64", "fd00::3/128", "fd00::2/127"}},
	};
	unsigned kind = rng_below(&g->rng, 3);
	if (kind == 0) {
		put(g, "ipBlock: {cidr: '%s'}", PICK(g, blocks4));
	} else if (kind == 1) {
		put(g, "ipBlock: {cidr: '%s'}", PICK(g, blocks6));
	} else {
		unsigned i = rng_below(&g->rng, sizeof(cut) / sizeof(cut[0]));
		unsigned a = rng_below(&g->rng, 3), b = rng_below(&g->rng, 3);
		put(g, "ipBlock: {cidr: '%s', except: ['%s', '%s']}", cut[i].cidr,
		    cut[i].excepts[a], cut[i].excepts[b]);
	}
}

static void peer(struct gen *g)
{
	unsigned kind = rng_below(&g->rng, 4);
	put(g, "{");
	if (kind == 0)
		ip_block(g);
	if (kind == 1 || kind == 2) {
		put(g, "podSelector: ");
		selector(g);
	}
	if (kind == 2)
		put(g, ", ");
	if (kind == 2 || kind == 3) {
		put(g, "namespaceSelector: ");
		namespace_selector(g);
	}
	put(g, "}");
}

static void port(struct gen *g)
{
	unsigned kind = rng_below(&g->rng, 5);
	put(g, "{");
	if (rng_chance(&g->rng, 60))
		put(g, "protocol: %s, ", PICK(g, protocols));
	int first = PICK(g, ports);
	int last = first + (int)rng_below(&g->rng, 400);
	if (kind == 1)
		put(g, "port: %s", PICK(g, port_names));
	else if (kind == 2)
		put(g, "port: %d, endPort: %d", first, last > 65535 ? 65535 : last);
	else if (kind > 2)
		put(g, "port: %d", first);
	put(g, "}");
}

/* A list that may be absent, null, or empty; what stands in it is up to item(). */
static void list(struct gen *g, const char *field, void (*item)(struct gen *g))
{
	unsigned kind = rng_below(&g->rng, 10);
	if (kind == 0)
		return;
	if (kind == 1) {
		put(g, "%s: null, ", field);
		return;
	}
	if (kind == 2) {
		put(g, "%s: [], ", field);
		return;
	}
	unsigned n = 1 + rng_below(&g->rng, 3);
	bool some = false;
	put(g, "%s: [", field);
	for (unsigned i = 0; i < n; i++) {
		/* the first stays, for an emptied list would mean everything */
		bool before = some ? part_begin(g) : g->muted;
		put(g, "%s", some ? ", " : "");
		item(g);
		part_end(g, before);
		some = true;
	}
	put(g, "], ");
}

static void rules(struct gen *g, const char *field, const char *peers)
{
	unsigned kind = rng_below(&g->rng, 8);
	if (kind == 0)
		return;
	put(g, "  %s:%s\n", field, kind == 1 ? " []" : "");
	if (kind == 1)
		return;
	unsigned n = 1 + rng_below(&g->rng, 3);
	for (unsigned i = 0; i < n; i++) {
		bool before = part_begin(g);
		put(g, "  - {");
		list(g, peers, peer);
		list(g, "ports", port);
		put(g, "}\n");
		part_end(g, before);
	}
}

static void policy(struct gen *g, unsigned number)
{
	static const char *const types[] = {"", "[]", "[Ingress]", "[Egress]", "[Ingress, Egress]"};
	bool before = part_begin(g);
	put(g,
	    "---\nkind: NetworkPolicy\napiVersion: networking.k8s.io/v1\n"
	    "metadata: {name: p%u, namespace: %s}\nspec:\n",
	    number, PICK(g, namespaces));
	const char *type = PICK(g, types);
	put(g, "  policyTypes: %s\n", type);
	put(g, "  podSelector: ");
	if (rng_chance(&g->rng, 80))
		selector(g);
	put(g, "\n");
	rules(g, "ingress", "from");
	rules(g, "egress", "to");
	part_end(g, before);
}

/* None, IPv4 only, IPv6 only, or both. */
static void put_addresses(struct gen *g, unsigned number, unsigned kind)
{
	if (!kind)
		return;
	put(g, "  podIPs: [");
	if (kind != 2)
		put(g, "{ip: 10.0.%u.%u}, ", number % 2, number + 1);
	if (kind != 1)
		put(g, "{ip: 'fd00::%x'}", number + 1);
	put(g, "]\n");
}

static void pod(struct gen *g, unsigned number)
{
	bool before = part_begin(g);
	bool host = rng_chance(&g->rng, 10), done = rng_chance(&g->rng, 8);
	unsigned node = 1 + rng_below(&g->rng, 2), addresses = rng_below(&g->rng, 5);
	put(g,
	    "---\nkind: Pod\napiVersion: v1\nmetadata:\n  name: p%u\n  namespace: %s\n  labels: ",
	    number, PICK(g, namespaces));
	labels(g);
	put(g,
	    "\nspec:\n  nodeName: n%u\n  hostNetwork: %s\n  containers:\n  - name: c\n    ports:\n",
	    node, host ? "true" : "false");
	unsigned n = rng_below(&g->rng, 4);
	for (unsigned i = 0; i < n; i++)
		put(g, "    - {name: %s, containerPort: %d, protocol: %s}\n", PICK(g, port_names),
		    PICK(g, ports), PICK(g, protocols));
	put(g, "status:\n  phase: %s\n", done ? "Succeeded" : "Running");
	if (host)
		put(g, "  hostIP: 192.168.0.%u\n  podIP: 192.168.0.%u\n", node, node);
	else
		put_addresses(g, number, addresses);
	part_end(g, before);
}

static void cluster(struct gen *g)
{
	for (unsigned i = 0; i < 2; i++)
		put(g,
		    "---\nkind: Node\napiVersion: v1\nmetadata: {name: n%u}\nstatus: {addresses: "
		    "[{type: "
		    "InternalIP, address: 192.168.0.%u}]}\n",
		    i + 1, i + 1);
	for (unsigned i = 0; i < 3; i++) {
		bool before = part_begin(g);
		if (rng_chance(&g->rng, 80)) {
			put(g, "---\nkind: Namespace\napiVersion: v1\nmetadata:\n  name: %s\n  labels: ",
			    namespaces[i]);
			labels(g);
			put(g, "\n");
		}
		part_end(g, before);
	}
	unsigned n = 2 + rng_below(&g->rng, 6);
	for (unsigned i = 0; i < n; i++)
		pod(g, i);
	n = rng_below(&g->rng, 7);
	for (unsigned i = 0; i < n; i++)
		policy(g, i);
}

char *cluster_text(struct cluster *c)
{
	char *text = NULL;
	size_t size;
	struct gen g = {.c = c, .rng = {c->seed}, .out = open_memstream(&text, &size)};
	if (!g.out)
		return NULL;
	c->n_parts = 0;
	cluster(&g);
	fclose(g.out);
	return text;
}
