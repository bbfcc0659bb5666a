/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generated cluster as one v1 List in JSON, for benchmarks: namespaces,
 * nodes, pods with addresses, and NetworkPolicies of the kinds that clusters
 * have (default denies, own namespace, DNS, and rules with selectors, ipBlocks
 * and ports of all forms), and ClusterNetworkPolicies of both tiers. The same
 * options give the same bytes anywhere.
 *
 *	bench_gen [--pods N] [--policies N] [--cluster-policies N] [--cluster-rules N]
 *	          [--namespaces N] [--nodes N] [--seed N] [--unique-labels] [-o FILE]
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WIDE_NODES 250 /* so many nodes have a /16 of addresses each; more have a /23 */
#define NODES_MAX 32000
#define PODS_MAX 1000000

struct options {
	unsigned long pods, policies, cluster_policies, cluster_rules, namespaces, nodes, seed;
	bool unique_labels;
	const char *output;
};

struct gen {
	const struct options *o;
	uint64_t state;
	FILE *out;
	bool later; /* not the first item of the List */
};

static const char *const apps[] = {"web",   "api",  "db",     "cache",
				   "queue", "auth", "worker", "metrics"};
static const char *const tiers[] = {"frontend", "backend", "data"};
static const char *const versions[] = {"v0", "v1", "v2"};
static const char *const envs[] = {"prod", "staging", "dev"};
static const char *const teams[] = {"red", "blue", "green", "gold"};
static const struct named {
	const char *name, *proto;
	unsigned port;
} named[] = {{"dns", "UDP", 5353},
	     {"http", "TCP", 8080},
	     {"https", "TCP", 8443},
	     {"metrics", "TCP", 9090},
	     {"pg", "TCP", 5432}};

/* ---- chance (splitmix64) ---- */

static uint64_t next(struct gen *g)
{
	uint64_t z = (g->state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static unsigned below(struct gen *g, unsigned long n)
{
	return (unsigned)(next(g) % n);
}

/* 0..99 */
static unsigned percent(struct gen *g)
{
	return below(g, 100);
}

#define PICK(g, array) ((array)[below(g, COUNT(array))])

/* ---- writing ---- */

__attribute__((format(printf, 2, 3))) static void put(struct gen *g, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vfprintf(g->out, fmt, ap);
	va_end(ap);
}

static void item(struct gen *g)
{
	put(g, "%s", g->later ? ",\n" : "");
	g->later = true;
}

/* Two different values of a list, in its order, as JSON. */
static void put_two(struct gen *g, const char *const *values, unsigned n)
{
	unsigned a = below(g, n), b = below(g, n - 1);
	b += b >= a;
	put(g, "[\"%s\",\"%s\"]", values[a < b ? a : b], values[a < b ? b : a]);
}

/* ---- namespaces, nodes, pods ---- */

static void put_namespace(struct gen *g, unsigned i)
{
	item(g);
	put(g,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"ns-%u\","
	    "\"labels\":{\"kubernetes.io/"
	    "metadata.name\":\"ns-%u\",\"env\":\"%s\",\"team\":\"%s\"}}}",
	    i, i, envs[i % COUNT(envs)], PICK(g, teams));
}

/* The address of number k on a node: 10.node.k, or of 10.0.0.0/8 in parts of 512 addresses. */
static void put_pod_ip(struct gen *g, unsigned node, unsigned k)
{
	unsigned long at = g->o->nodes <= WIDE_NODES ? (node + 1UL) * 65536 + k : node * 512UL + k;
	put(g, "10.%lu.%lu.%lu", at >> 16, at >> 8 & 255, at & 255);
}

static void put_host_ip(struct gen *g, unsigned node)
{
	put(g, "192.168.%u.%u", 7 + (node + 10) / 256, (node + 10) % 256);
}

static void put_node(struct gen *g, unsigned i)
{
	item(g);
	put(g,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"node-%u\","
	    "\"labels\":"
	    "{\"kubernetes.io/hostname\":\"node-%u\"}},\"spec\":{\"podCIDR\":\"",
	    i, i);
	put_pod_ip(g, i, 0);
	put(g, "/%u\"},\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"",
	    g->o->nodes <= WIDE_NODES ? 16 : 23);
	put_host_ip(g, i);
	put(g, "\"}]}}");
}

/* One to three named ports; one in five has another number than usual. */
static void put_container_ports(struct gen *g)
{
	unsigned first = below(g, COUNT(named)), n = 1 + below(g, 3);
	unsigned step = 1 + below(g, COUNT(named) - 1); /* the count is prime: all differ */
	for (unsigned i = 0; i < n; i++) {
		const struct named *p = &named[(first + i * step) % COUNT(named)];
		unsigned shift = percent(g) < 20 ? below(g, 3) : 0;
		put(g, "%s{\"name\":\"%s\",\"containerPort\":%u,\"protocol\":\"%s\"}", i ? "," : "",
		    p->name, p->port + shift, p->proto);
	}
}

static void put_pod(struct gen *g, unsigned i)
{
	unsigned long ns = i % g->o->namespaces;
	if (i >= g->o->namespaces)
		ns = below(g, g->o->namespaces);
	const char *app = PICK(g, apps), *tier = PICK(g, tiers), *version = PICK(g, versions);
	unsigned node = (unsigned)(i % g->o->nodes), k = (unsigned)(i / g->o->nodes) + 10;
	item(g);
	put(g,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s-%u\","
	    "\"namespace\":\"ns-%lu\",\"labels\":{\"app\":\"%s\",\"tier\":\"%s\","
	    "\"version\":\"%s\"",
	    app, i, ns, app, tier, version);
	if (g->o->unique_labels)
		put(g, ",\"id\":\"p%u\"", i);
	put(g,
	    "}},\"spec\":{\"nodeName\":\"node-%u\",\"containers\":[{\"name\":\"c\",\"image\":"
	    "\"registry.example/app:1\",\"ports\":[",
	    node);
	put_container_ports(g);
	put(g, "]}]},\"status\":{\"phase\":\"Running\",\"hostIP\":\"");
	put_host_ip(g, node);
	put(g, "\",\"podIP\":\"");
	put_pod_ip(g, node, k);
	put(g, "\",\"podIPs\":[{\"ip\":\"");
	put_pod_ip(g, node, k);
	put(g, "\"}]}}");
}

/* ---- selectors ---- */

static void put_pod_selector(struct gen *g)
{
	static const struct {
		const char *key;
		const char *const *values;
		unsigned n;
	} keys[] = {{"app", apps, COUNT(apps)},
		    {"tier", tiers, COUNT(tiers)},
		    {"version", versions, COUNT(versions)}};
	unsigned r = percent(g);
	if (r < 15) {
		put(g, "{}");
	} else if (r < 55) {
		put(g, "{\"matchLabels\":{\"app\":\"%s\"}}", PICK(g, apps));
	} else if (r < 75) {
		put(g, "{\"matchLabels\":{\"app\":\"%s\",", PICK(g, apps));
		put(g, "\"tier\":\"%s\"}}", PICK(g, tiers));
	} else {
		static const char *const ops[] = {"In", "NotIn", "Exists", "DoesNotExist"};
		unsigned op = below(g, COUNT(ops)), key = below(g, COUNT(keys));
		put(g, "{\"matchExpressions\":[{\"key\":\"%s\",\"operator\":\"%s\"",
		    op == 3 ? "canary" : keys[key].key, ops[op]);
		if (op < 2) {
			put(g, ",\"values\":");
			put_two(g, keys[key].values, keys[key].n);
		}
		put(g, "}]}");
	}
}

static void put_namespace_selector(struct gen *g)
{
	unsigned r = percent(g);
	if (r < 10) {
		put(g, "{}");
	} else if (r < 40) {
		put(g, "{\"matchLabels\":{\"team\":\"%s\"}}", PICK(g, teams));
	} else if (r < 60) {
		put(g, "{\"matchLabels\":{\"kubernetes.io/metadata.name\":\"ns-%u\"}}",
		    below(g, g->o->namespaces));
	} else if (r < 80) {
		put(g, "{\"matchLabels\":{\"env\":\"%s\"}}", PICK(g, envs));
	} else {
		put(g, "{\"matchExpressions\":[{\"key\":\"env\",\"operator\":\"%s\",\"values\":",
		    below(g, 2) ? "In" : "NotIn");
		put_two(g, envs, COUNT(envs));
		put(g, "}]}");
	}
}

/* ---- rules ---- */

static void put_block(struct gen *g, unsigned r)
{
	if (r < 93) {
		unsigned net = 16 + below(g, 16), b = below(g, 256);
		put(g,
		    "{\"ipBlock\":{\"cidr\":\"172.%u.0.0/16\",\"except\":[\"172.%u.%u.0/24\","
		    "\"172.%u.%u.64/26\"]}}",
		    net, net, b, net, (b + 7) % 256);
	} else if (r < 97) {
		put(g, "{\"ipBlock\":{\"cidr\":\"203.0.113.%u/26\"}}", below(g, 4) * 64);
	} else {
		put(g, "{\"ipBlock\":{\"cidr\":\"0.0.0.0/0\",\"except\":[\"10.0.0.0/8\","
		       "\"192.168.0.0/16\"]}}");
	}
}

/* True: it is an ipBlock. */
static bool put_peer(struct gen *g)
{
	unsigned r = percent(g);
	if (r >= 85) {
		put_block(g, r);
		return true;
	}
	put(g, "{");
	if (r >= 40) {
		put(g, "\"namespaceSelector\":");
		put_namespace_selector(g);
	}
	if (r < 40 || r >= 65) {
		put(g, "%s\"podSelector\":", r < 40 ? "" : ",");
		put_pod_selector(g);
	}
	put(g, "}");
	return false;
}

static void put_port(struct gen *g, bool may_name)
{
	static const unsigned numbers[] = {80, 443, 5432, 8080, 8443, 9090},
			      starts[] = {1024, 8000, 30000}, spans[] = {10, 100, 1000};
	unsigned r = percent(g);
	if (r < 50) {
		put(g, "{\"protocol\":\"TCP\",\"port\":%u}", PICK(g, numbers));
	} else if (r < 65) {
		put(g, "{\"protocol\":\"UDP\",\"port\":%u}", below(g, 2) ? 53 : 5353);
	} else if (r < 80 && may_name) {
		const struct named *p = &named[below(g, COUNT(named))];
		put(g, "{\"protocol\":\"%s\",\"port\":\"%s\"}", p->proto, p->name);
	} else if (r < 95) {
		unsigned first = PICK(g, starts), span = PICK(g, spans);
		put(g, "{\"protocol\":\"TCP\",\"port\":%u,\"endPort\":%u}", first, first + span);
	} else {
		put(g, "{\"protocol\":\"TCP\"}");
	}
}

/* Names stand only where the destination is a pod, as authors mean them. */
static void put_rule(struct gen *g, bool ingress)
{
	static const unsigned counts[] = {1, 1, 2, 3};
	bool peers = percent(g) < 93, blocks = false;
	put(g, "{");
	if (peers) {
		unsigned n = PICK(g, counts);
		put(g, "\"%s\":[", ingress ? "from" : "to");
		for (unsigned i = 0; i < n; i++) {
			put(g, "%s", i ? "," : "");
			blocks |= put_peer(g);
		}
		put(g, "]");
	}
	if (percent(g) >= 25) {
		unsigned n = 1 + below(g, 3);
		put(g, "%s\"ports\":[", peers ? "," : "");
		for (unsigned i = 0; i < n; i++) {
			put(g, "%s", i ? "," : "");
			put_port(g, ingress || (peers && !blocks));
		}
		put(g, "]");
	}
	put(g, "}");
}

static void put_rules(struct gen *g, bool ingress)
{
	unsigned n = 1 + below(g, 3);
	put(g, ",\"%s\":[", ingress ? "ingress" : "egress");
	for (unsigned i = 0; i < n; i++) {
		put(g, "%s", i ? "," : "");
		put_rule(g, ingress);
	}
	put(g, "]");
}

/* ---- policies ---- */

static void put_selective(struct gen *g)
{
	static const char *const directions[] = {"I", "I", "I", "E", "IE"};
	static const char *const types[] = {"\"Ingress\"", "\"Egress\"", "\"Ingress\",\"Egress\""};
	put(g, "\"podSelector\":");
	put_pod_selector(g);
	const char *d = PICK(g, directions);
	bool in = strchr(d, 'I'), out = strchr(d, 'E');
	put(g, ",\"policyTypes\":[%s]", types[in && out ? 2 : out]);
	if (in)
		put_rules(g, true);
	if (out)
		put_rules(g, false);
}

static void put_policy(struct gen *g, unsigned i)
{
	unsigned long ns = i % g->o->namespaces;
	if (i >= g->o->namespaces)
		ns = below(g, g->o->namespaces);
	unsigned r = percent(g);
	item(g);
	put(g,
	    "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":"
	    "{\"name\":\"pol-%u\",\"namespace\":\"ns-%lu\"},\"spec\":{",
	    i, ns);
	if (i < g->o->namespaces && r < 60)
		put(g, "\"podSelector\":{},\"policyTypes\":[\"Ingress\"%s]",
		    below(g, 3) ? "" : ",\"Egress\"");
	else if (r < 25)
		put(g, "\"podSelector\":{},\"policyTypes\":[\"Ingress\"],\"ingress\":[{\"from\":"
		       "[{\"podSelector\":{}}]}]");
	else if (r < 32)
		put(g, "\"podSelector\":{},\"policyTypes\":[\"Egress\"],\"egress\":[{\"to\":"
		       "[{\"namespaceSelector\":{}}],\"ports\":[{\"protocol\":\"UDP\",\"port\":53},"
		       "{\"protocol\":\"TCP\",\"port\":53}]}]");
	else
		put_selective(g);
	put(g, "}}");
}

/* ---- cluster-wide policies ---- */

/* Whole namespaces, or pods in them. */
static void put_cluster_pods(struct gen *g)
{
	if (percent(g) < 40) {
		put(g, "\"namespaces\":");
		put_namespace_selector(g);
		return;
	}
	put(g, "\"pods\":{\"namespaceSelector\":");
	put_namespace_selector(g);
	put(g, ",\"podSelector\":");
	put_pod_selector(g);
	put(g, "}");
}

static void put_cluster_peer(struct gen *g, bool ingress)
{
	unsigned r = percent(g);
	put(g, "{");
	if (ingress || r < 70)
		put_cluster_pods(g);
	else if (r < 75)
		put(g, "\"nodes\":{\"matchLabels\":{\"kubernetes.io/hostname\":\"node-%u\"}}",
		    below(g, g->o->nodes));
	else
		put(g, "\"networks\":[\"172.%u.%u.0/24\",\"203.0.113.%u/26\"]", 16 + below(g, 16),
		    below(g, 256), below(g, 4) * 64);
	put(g, "}");
}

static void put_protocol(struct gen *g)
{
	static const unsigned numbers[] = {80, 443, 5432, 8080, 8443, 9090},
			      starts[] = {1024, 8000, 30000}, spans[] = {10, 100, 1000};
	unsigned r = percent(g), first = PICK(g, starts), span = PICK(g, spans);
	if (r < 60)
		put(g, "{\"tcp\":{\"destinationPort\":{\"number\":%u}}}", PICK(g, numbers));
	else if (r < 80)
		put(g, "{\"udp\":{\"destinationPort\":{\"number\":%u}}}", below(g, 2) ? 53 : 5353);
	else
		put(g, "{\"tcp\":{\"destinationPort\":{\"range\":{\"start\":%u,\"end\":%u}}}}",
		    first, first + span);
}

static void put_cluster_rule(struct gen *g, bool ingress)
{
	static const char *const actions[] = {"Accept", "Accept", "Deny", "Deny", "Pass"};
	put(g, "{\"action\":\"%s\",\"%s\":[", PICK(g, actions), ingress ? "from" : "to");
	for (unsigned i = 0, n = 1 + below(g, 3); i < n; i++) {
		put(g, "%s", i ? "," : "");
		put_cluster_peer(g, ingress);
	}
	put(g, "]");
	if (percent(g) < 80) {
		put(g, ",\"protocols\":[");
		put_protocol(g);
		put(g, "]");
	}
	put(g, "}");
}

/* Half of them for each direction, one in four of the Baseline tier. */
static void put_cluster_policy(struct gen *g, unsigned i)
{
	bool ingress = i % 2;
	item(g);
	put(g,
	    "{\"apiVersion\":\"policy.networking.k8s.io/v1alpha2\",\"kind\":"
	    "\"ClusterNetworkPolicy\",\"metadata\":{\"name\":\"cnp-%u\"},\"spec\":{\"tier\":"
	    "\"%s\",\"priority\":%u,\"subject\":{",
	    i, i % 4 == 3 ? "Baseline" : "Admin", i % 1001);
	put_cluster_pods(g);
	put(g, "},\"%s\":[", ingress ? "ingress" : "egress");
	for (unsigned long k = 0; k < g->o->cluster_rules; k++) {
		put(g, "%s", k ? "," : "");
		put_cluster_rule(g, ingress);
	}
	put(g, "]}}");
}

/* ---- all of it ---- */

static int generate(struct gen *g)
{
	put(g, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n");
	for (unsigned i = 0; i < g->o->namespaces; i++)
		put_namespace(g, i);
	for (unsigned i = 0; i < g->o->nodes; i++)
		put_node(g, i);
	for (unsigned i = 0; i < g->o->pods; i++)
		put_pod(g, i);
	for (unsigned i = 0; i < g->o->policies; i++)
		put_policy(g, i);
	for (unsigned i = 0; i < g->o->cluster_policies; i++)
		put_cluster_policy(g, i);
	put(g, "\n]}\n");
	return ferror(g->out) ? -EIO : 0;
}

static unsigned long number(const char *text, unsigned long min, unsigned long max)
{
	char *end;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max) {
		fprintf(stderr, "bench_gen: %s: a number from %lu to %lu, please\n", text, min,
			max);
		exit(2);
	}
	return n;
}

static struct options parse(int argc, char **argv)
{
	static const struct option known[] = {
		{"pods", required_argument, NULL, 'p'},
		{"policies", required_argument, NULL, 'n'},
		{"cluster-policies", required_argument, NULL, 'c'},
		{"cluster-rules", required_argument, NULL, 'l'},
		{"namespaces", required_argument, NULL, 's'},
		{"nodes", required_argument, NULL, 'k'},
		{"seed", required_argument, NULL, 'r'},
		{"unique-labels", no_argument, NULL, 'u'},
		{"output", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	struct options o = {
		.pods = 200, .policies = 100, .cluster_rules = 25, .nodes = 4, .seed = 1};
	for (int c; (c = getopt_long(argc, argv, "o:", known, NULL)) != -1;) {
		if (c == 'p')
			o.pods = number(optarg, 1, PODS_MAX);
		else if (c == 'n')
			o.policies = number(optarg, 0, PODS_MAX);
		else if (c == 'c')
			o.cluster_policies = number(optarg, 0, PODS_MAX);
		else if (c == 'l')
			o.cluster_rules = number(optarg, 1, 25);
		else if (c == 's')
			o.namespaces = number(optarg, 1, PODS_MAX);
		else if (c == 'k')
			o.nodes = number(optarg, 1, NODES_MAX);
		else if (c == 'r')
			o.seed = number(optarg, 0, UINT32_MAX);
		else if (c == 'u')
			o.unique_labels = true;
		else if (c == 'o')
			o.output = optarg;
		else
			exit(2);
	}
	if (!o.namespaces)
		o.namespaces = o.pods / 25 > 2 ? o.pods / 25 : 2;
	if (optind < argc || o.pods / o.nodes + 10 > (o.nodes <= WIDE_NODES ? 0xfffe : 510)) {
		fprintf(stderr, optind < argc ? "bench_gen: takes options only\n"
					      : "bench_gen: too many pods for so few nodes\n");
		exit(2);
	}
	return o;
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	struct gen g = {.o = &o, .state = o.seed, .out = stdout};
	if (o.output && !(g.out = fopen(o.output, "w"))) {
		fprintf(stderr, "bench_gen: %s: %s\n", o.output, strerror(errno));
		return 1;
	}
	int rc = generate(&g);
	if (fclose(g.out) || rc) {
		fprintf(stderr, "bench_gen: cannot write\n");
		return 1;
	}
	return 0;
}
