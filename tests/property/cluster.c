/* SPDX-License-Identifier: Apache-2.0 */
#include "gen.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void gen_put(struct gen *g, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (!g->muted)
		vfprintf(g->out, fmt, ap);
	va_end(ap);
}

bool gen_part_begin(struct gen *g)
{
	bool before = g->muted;
	if (g->c->n_parts < PARTS_MAX && g->c->dropped[g->c->n_parts])
		g->muted = true;
	if (g->c->n_parts < PARTS_MAX)
		g->c->n_parts++;
	return before;
}

void gen_part_end(struct gen *g, bool before)
{
	g->muted = before;
}

static const char *const namespaces[] = {"x", "y", "z"};
static const char *const keys[] = {"app", "tier", "rare"};
static const char *const values[] = {"a", "b", "c", "''"};
const char *const gen_protocols[3] = {"TCP", "UDP", "SCTP"};
const char *const gen_port_names[3] = {"http", "dns", "none"};
const int gen_ports[7] = {1, 53, 80, 81, 443, 8080, 65535};

/* ---- labels and selectors ---- */

void gen_labels(struct gen *g, const char *first)
{
	gen_put(g, "{%s", first);
	for (unsigned i = 0; i < 3; i++) {
		bool has = rng_chance(&g->rng, i == 2 ? 15 : 70), before = gen_part_begin(g);
		const char *value = PICK(g, values);
		if (has)
			gen_put(g, "%s: %s, ", keys[i], value);
		gen_part_end(g, before);
	}
	gen_put(g, "}");
}

static void expression(struct gen *g, const char *key)
{
	static const char *const ops[] = {"In", "NotIn", "Exists", "DoesNotExist"};
	unsigned op = rng_below(&g->rng, 4), n = 1 + rng_below(&g->rng, 3);
	gen_put(g, "{key: %s, operator: %s", key, ops[op]);
	for (unsigned i = 0; i < n; i++) {
		const char *value = PICK(g, values);
		if (op < 2)
			gen_put(g, "%s%s", i ? ", " : ", values: [", value);
	}
	gen_put(g, "%s}, ", op < 2 ? "]" : "");
}

void gen_selector(struct gen *g, bool of_namespaces, const char *more)
{
	unsigned n_labels = rng_below(&g->rng, 3), n_expressions = rng_below(&g->rng, 3);
	if (rng_chance(&g->rng, 15))
		n_labels = n_expressions = 0;
	gen_put(g, "{matchLabels: {");
	for (unsigned i = 0; i < n_labels; i++) {
		bool before = gen_part_begin(g), by_name = rng_chance(&g->rng, 25);
		const char *value = PICK(g, values), *name = PICK(g, namespaces);
		if (of_namespaces && by_name && !i)
			gen_put(g, "kubernetes.io/metadata.name: %s, ", name);
		else
			gen_put(g, "%s: %s, ", keys[i], value);
		gen_part_end(g, before);
	}
	gen_put(g, "}, matchExpressions: [");
	for (unsigned i = 0; i < n_expressions; i++) {
		bool before = gen_part_begin(g), by_name = rng_chance(&g->rng, 20);
		const char *key = PICK(g, keys);
		expression(g, of_namespaces && by_name ? "kubernetes.io/metadata.name" : key);
		gen_part_end(g, before);
	}
	gen_put(g, "%s]}", more);
}

/* ---- ipBlocks ---- */

/* Addresses that blocks are cut around: pods', nodes', reused ones, outside; the ends. */
static const char *const pool4[] = {"10.0.0.1",      "10.0.0.2",    "10.0.1.3",       "10.0.0.4",
				    "10.0.1.200",    "192.168.0.1", "192.168.0.2",    "203.0.113.9",
				    "203.0.113.200", "0.0.0.0",     "255.255.255.255"};
static const char *const pool6[] = {"fd00::1",     "fd00::2", "fd00::3", "fd00::4",
				    "fd00:1::1",   "fd99::1", "fd99::2", "2001:db8::1",
				    "2001:db8::7", "::",      "ffff::1"};
static const unsigned lengths4[] = {0, 1, 7, 8, 16, 23, 24, 25, 28, 29, 30, 31, 32};
static const unsigned lengths6[] = {0, 1, 8, 16, 32, 64, 112, 124, 126, 127, 128};

/* Masks an address (network byte order) to its first bits. */
static void mask(unsigned char *b, unsigned len, unsigned bits)
{
	for (unsigned i = len; i < bits; i++)
		b[i / 8] &= (unsigned char)~(0x80u >> i % 8);
}

static bool begins_with(const unsigned char *b, const unsigned char *prefix, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		if ((b[i / 8] ^ prefix[i / 8]) & 0x80u >> i % 8)
			return false;
	return true;
}

static void put_cidr(struct gen *g, int family, const unsigned char *b, unsigned len)
{
	char text[INET6_ADDRSTRLEN];
	inet_ntop(family, b, text, sizeof(text));
	gen_put(g, "'%s/%u'", text, len);
}

/* Excepts that lie strictly inside the block: longer prefixes around addresses that it holds. */
static void excepts(struct gen *g, int family, const unsigned char *block, unsigned len)
{
	unsigned bits = family == AF_INET ? 32 : 128, n = rng_below(&g->rng, 5);
	gen_put(g, ", except: [");
	for (unsigned i = 0; i < n; i++) {
		unsigned char b[16] = {0};
		const char *four = PICK(g, pool4), *six = PICK(g, pool6);
		unsigned len4 = PICK(g, lengths4), len6 = PICK(g, lengths6);
		unsigned longer = family == AF_INET ? len4 : len6;
		inet_pton(family, family == AF_INET ? four : six, b);
		if (!begins_with(b, block, len))
			memcpy(b, block, sizeof(b));
		if (longer <= len)
			longer = bits;
		mask(b, longer, bits);
		bool before = gen_part_begin(g);
		if (longer > len) {
			put_cidr(g, family, b, longer);
			gen_put(g, ", ");
		}
		gen_part_end(g, before);
	}
	gen_put(g, "]");
}

/* A prefix around one of the addresses; its length is returned. */
static unsigned draw_prefix(struct gen *g, bool host_bits, int *family, unsigned char b[16])
{
	*family = rng_chance(&g->rng, 65) ? AF_INET : AF_INET6;
	const char *four = PICK(g, pool4), *six = PICK(g, pool6);
	unsigned len4 = PICK(g, lengths4), len6 = PICK(g, lengths6);
	unsigned len = *family == AF_INET ? len4 : len6;
	inet_pton(*family, *family == AF_INET ? four : six, b);
	if (!host_bits)
		mask(b, len, *family == AF_INET ? 32 : 128);
	return len;
}

void gen_cidr(struct gen *g, bool host_bits, char text[GEN_CIDR])
{
	unsigned char b[16] = {0};
	int family;
	unsigned len = draw_prefix(g, host_bits, &family, b);
	char ip[INET6_ADDRSTRLEN];
	inet_ntop(family, b, ip, sizeof(ip));
	snprintf(text, GEN_CIDR, "%s/%u", ip, len);
}

static void ip_block(struct gen *g)
{
	unsigned char b[16] = {0};
	int family;
	unsigned len = draw_prefix(g, false, &family, b);
	gen_put(g, "ipBlock: {cidr: ");
	put_cidr(g, family, b, len);
	if (rng_chance(&g->rng, 60))
		excepts(g, family, b, len);
	gen_put(g, "}");
}

/* ---- rules ---- */

static void peer(struct gen *g)
{
	unsigned kind = rng_below(&g->rng, 5);
	gen_put(g, "{");
	if (kind < 2)
		ip_block(g);
	if (kind == 2 || kind == 3) {
		gen_put(g, "podSelector: ");
		gen_selector(g, false, "");
		gen_put(g, ", ");
	}
	if (kind == 3 || kind == 4) {
		gen_put(g, "namespaceSelector: ");
		gen_selector(g, true, "");
		gen_put(g, ", ");
	}
	/* a field that is null is not there */
	if (kind == 4 && rng_chance(&g->rng, 20))
		gen_put(g, "podSelector: null");
	if (kind == 2 && rng_chance(&g->rng, 20))
		gen_put(g, "namespaceSelector: null");
	gen_put(g, "}");
}

static void port(struct gen *g)
{
	unsigned kind = rng_below(&g->rng, 6);
	int first = PICK(g, gen_ports), last = first + (int)rng_below(&g->rng, 400);
	const char *proto = PICK(g, gen_protocols), *name = PICK(g, gen_port_names);
	gen_put(g, "{");
	if (rng_chance(&g->rng, 60))
		gen_put(g, "protocol: %s, ", proto);
	if (kind == 1 || kind == 2)
		gen_put(g, "port: %s", name);
	else if (kind == 3)
		gen_put(g, "port: %d, endPort: %d", first, last > 65535 ? 65535 : last);
	else if (kind > 3)
		gen_put(g, "port: %d", first);
	gen_put(g, "}");
}

/* A list that may be absent, null, or empty; what stands in it is up to item(). */
static void list(struct gen *g, const char *field, void (*item)(struct gen *g))
{
	unsigned kind = rng_below(&g->rng, 10), n = 1 + rng_below(&g->rng, 3);
	if (kind == 0)
		return;
	if (kind == 1) {
		gen_put(g, "%s: null, ", field);
		return;
	}
	if (kind == 2) {
		gen_put(g, "%s: [], ", field);
		return;
	}
	gen_put(g, "%s: [", field);
	for (unsigned i = 0; i < n; i++) {
		bool before = gen_part_begin(g);
		item(g);
		gen_put(g, ", ");
		gen_part_end(g, before);
	}
	gen_put(g, "], ");
}

static void rules(struct gen *g, const char *field, const char *peers)
{
	unsigned kind = rng_below(&g->rng, 8), n = 1 + rng_below(&g->rng, 3);
	if (kind == 0)
		return;
	gen_put(g, "  %s: [\n", field);
	for (unsigned i = 0; i < n && kind > 1; i++) {
		bool before = gen_part_begin(g);
		gen_put(g, "   {");
		list(g, peers, peer);
		list(g, "ports", port);
		gen_put(g, "},\n");
		gen_part_end(g, before);
	}
	gen_put(g, "  ]\n");
}

static void policy(struct gen *g, unsigned number)
{
	static const char *const types[] = {
		"", "[]", "[Ingress]", "[Egress]", "[Ingress, Egress]", "[Ingress, Ingress]"};
	bool before = gen_part_begin(g);
	const char *ns = PICK(g, namespaces), *type = PICK(g, types);
	gen_put(g,
		"---\nkind: NetworkPolicy\napiVersion: networking.k8s.io/v1\n"
		"metadata: {name: p%u, namespace: %s}\nspec:\n  policyTypes: %s\n  podSelector: ",
		number, ns, type);
	if (rng_chance(&g->rng, 90))
		gen_selector(g, false, "");
	gen_put(g, "\n");
	rules(g, "ingress", "from");
	rules(g, "egress", "to");
	gen_part_end(g, before);
}

/* ---- pods ---- */

static void container_ports(struct gen *g, const char *indent)
{
	unsigned n = rng_below(&g->rng, 4);
	gen_put(g, "%scontainers:\n%s- name: c\n%s  ports:\n", indent, indent, indent);
	for (unsigned i = 0; i < n; i++) {
		const char *name = PICK(g, gen_port_names), *proto = PICK(g, gen_protocols);
		int number = PICK(g, gen_ports);
		bool before = gen_part_begin(g);
		gen_put(g, "%s  - {name: %s, containerPort: %d, protocol: %s}\n", indent, name,
			number, proto);
		gen_part_end(g, before);
	}
}

/* None, IPv4 only, IPv6 only, both, or both with two of a family. */
static void put_addresses(struct gen *g, unsigned number, unsigned kind)
{
	if (!kind)
		return;
	gen_put(g, "  podIPs: [");
	if (kind != 2)
		gen_put(g, "{ip: 10.0.%u.%u}, ", number % 2, number + 1);
	if (kind != 1)
		gen_put(g, "{ip: 'fd00::%x'}, ", number + 1);
	if (kind == 4)
		gen_put(g, "{ip: 'fd00:1::%x'}, {ip: 10.1.0.%u}", number + 1, number + 1);
	gen_put(g, "]\n");
}

static void pod_status(struct gen *g, unsigned number, unsigned node, bool host, bool done)
{
	unsigned addresses = rng_below(&g->rng, 5), stale = rng_below(&g->rng, 4);
	gen_put(g, "status:\n  phase: %s\n", done ? stale % 2 ? "Failed" : "Succeeded" : "Running");
	if (node)
		gen_put(g, "  hostIP: 192.168.0.%u\n  hostIPs: [{ip: 192.168.0.%u}, {ip: 'fd99::%u'}]\n",
			node, node, node);
	if (host && node)
		gen_put(g, "  podIPs: [{ip: 192.168.0.%u}, {ip: 'fd99::%u'}]\n", node, node);
	else if (host)
		gen_put(g, "  podIP: 192.168.0.77\n");
	else
		/* the address of a completed pod may be another's by now */
		put_addresses(g, done ? stale : number, addresses);
}

static void pod(struct gen *g, unsigned number)
{
	bool before = gen_part_begin(g);
	bool host = rng_chance(&g->rng, 12), done = rng_chance(&g->rng, 10);
	unsigned node = rng_below(&g->rng, 4);
	const char *ns = PICK(g, namespaces);
	gen_put(g, "---\nkind: Pod\napiVersion: v1\nmetadata:\n  name: p%u\n  namespace: %s\n  labels: ",
		number, ns);
	gen_labels(g, "");
	gen_put(g, "\nspec:\n  hostNetwork: %s\n", host ? "true" : "false");
	if (node)
		gen_put(g, "  nodeName: n%u\n", node);
	container_ports(g, "  ");
	pod_status(g, number, node, host, done);
	gen_part_end(g, before);
}

static void deployment(struct gen *g, unsigned number)
{
	bool before = gen_part_begin(g);
	const char *ns = PICK(g, namespaces);
	bool host = rng_chance(&g->rng, 10);
	gen_put(g,
		"---\nkind: Deployment\napiVersion: apps/v1\nmetadata: {name: d%u, namespace: %s}\n"
		"spec:\n  template:\n    metadata:\n      labels: ",
		number, ns);
	gen_labels(g, "");
	gen_put(g, "\n    spec:\n      hostNetwork: %s\n", host ? "true" : "false");
	container_ports(g, "      ");
	gen_part_end(g, before);
}

/* ---- all of it ---- */

/* n1 and n2 are given, n3 is only mentioned by pods. */
static void nodes(struct gen *g)
{
	for (unsigned i = 1; i <= 2; i++) {
		bool before = gen_part_begin(g);
		gen_put(g,
			"---\nkind: Node\napiVersion: v1\nmetadata:\n  name: n%u\n  labels: ", i);
		gen_labels(g, "");
		gen_put(g,
			"\nstatus: {addresses: [{type: InternalIP, address: 192.168.0.%u}, "
			"{type: InternalIP, address: 'fd99::%u'}]}\n",
			i, i);
		gen_part_end(g, before);
	}
}

static void cluster(struct gen *g)
{
	nodes(g);
	for (unsigned i = 0; i < 3; i++) {
		bool before = gen_part_begin(g), lies = rng_chance(&g->rng, 10);
		if (rng_chance(&g->rng, 80)) {
			gen_put(g,
				"---\nkind: Namespace\napiVersion: v1\nmetadata:\n  name: %s\n  "
				"labels: ",
				namespaces[i]);
			/* the API server does not let a namespace call itself something else */
			gen_labels(g, lies ? "kubernetes.io/metadata.name: y, " : "");
			gen_put(g, "\n");
		}
		gen_part_end(g, before);
	}
	unsigned n = 1 + rng_below(&g->rng, 6);
	for (unsigned i = 0; i < n; i++)
		pod(g, i);
	n = rng_below(&g->rng, 3);
	for (unsigned i = 0; i < n; i++)
		deployment(g, i);
	n = rng_below(&g->rng, 7);
	for (unsigned i = 0; i < n; i++)
		policy(g, i);
	gen_cluster_policies(g);
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
	if (fclose(g.out)) {
		free(text);
		return NULL;
	}
	return text;
}
