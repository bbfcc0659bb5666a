/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clusters in which hundreds of pods are each a class of peers of their own:
 * what the engine does with sets of classes wider than a word, and with more
 * groups of them than it goes through one by one. Against the reference.
 *
 * usage: test_many_classes [SEED]
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "rng.h"
#include "subject.h"

#define PODS 230
#define ROUNDS 6
#define FLOWS 60000

static void put_pods(struct wr_buf *b)
{
	for (unsigned i = 0; i < PODS; i++)
		wr_buf_printf(
			b,
			"---\napiVersion: v1\nkind: Pod\nmetadata: {name: p%u, namespace: n%u, "
			"labels: {id: p%u, half: h%u}}\n"
			"spec: {containers: [{name: c, ports: [{name: web, containerPort: "
			"%u}]}]}\nstatus: {podIP: 10.0.%u.%u}\n",
			i, i % 3, i, i % 2, 80 + i % 3, i / 200, i % 200 + 1);
}

/* A selector of some pods by name, often of many, sometimes of half of them or all. */
static void put_selector(struct wr_buf *b, struct rng *r)
{
	uint32_t kind = rng_below(r, 10), n = rng_below(r, kind < 5 ? 8 : 120) + 1;
	if (kind == 9) {
		wr_buf_text(b, "{}");
		return;
	}
	if (kind == 8) {
		wr_buf_printf(b, "{matchLabels: {half: h%u}}", rng_below(r, 2));
		return;
	}
	wr_buf_printf(b, "{matchExpressions: [{key: id, operator: %s, values: [",
		      kind == 7 ? "NotIn" : "In");
	for (uint32_t i = 0; i < n; i++)
		wr_buf_printf(b, "%sp%u", i ? ", " : "", rng_below(r, PODS));
	wr_buf_text(b, "]}]}");
}

static void put_rule(struct wr_buf *b, struct rng *r, bool ingress)
{
	static const char *const actions[] = {"Accept", "Deny", "Pass"};
	static const char *const ports[] = {
		"", ", protocols: [{tcp: {destinationPort: {number: 80}}}]",
		", protocols: [{tcp: {destinationPort: {range: {start: 80, end: 81}}}}]",
		", protocols: [{destinationNamedPort: web}]"};
	uint32_t action = rng_below(r, 3), peers = rng_below(r, 3) + 1, port = rng_below(r, 5);
	wr_buf_printf(b, "  - {action: %s, %s: [", actions[action], ingress ? "from" : "to");
	for (uint32_t i = 0; i < peers; i++) {
		wr_buf_text(b, i ? ", {pods: {namespaceSelector: {}, podSelector: "
				 : "{pods: {namespaceSelector: {}, podSelector: ");
		put_selector(b, r);
		wr_buf_text(b, "}}");
	}
	wr_buf_printf(b, "]%s}\n", ports[port < 4 ? port : 1]);
}

static void put_cluster_policy(struct wr_buf *b, struct rng *r, unsigned i)
{
	bool baseline = rng_chance(r, 30), ingress = rng_chance(r, 50);
	uint32_t rules = rng_below(r, 6) + 1;
	wr_buf_printf(b,
		      "---\napiVersion: policy.networking.k8s.io/v1alpha2\n"
		      "kind: ClusterNetworkPolicy\nmetadata: {name: c%u}\nspec:\n  tier: %s\n"
		      "  priority: %u\n  subject: {pods: {namespaceSelector: {}, podSelector: ",
		      i, baseline ? "Baseline" : "Admin", i);
	put_selector(b, r);
	wr_buf_printf(b, "}}\n  %s:\n", ingress ? "ingress" : "egress");
	for (uint32_t k = 0; k < rules; k++)
		put_rule(b, r, ingress);
}

static void put_network_policy(struct wr_buf *b, struct rng *r, unsigned i)
{
	bool ingress = rng_chance(r, 50);
	uint32_t ns = rng_below(r, 3);
	wr_buf_printf(b,
		      "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
		      "metadata: {name: n%u, namespace: n%u}\nspec:\n  policyTypes: [%s]\n"
		      "  podSelector: ",
		      i, ns, ingress ? "Ingress" : "Egress");
	put_selector(b, r);
	wr_buf_printf(b, "\n  %s:\n  - {%s: [{namespaceSelector: {}, podSelector: ",
		      ingress ? "ingress" : "egress", ingress ? "from" : "to");
	put_selector(b, r);
	wr_buf_text(b, rng_chance(r, 50) ? "}], ports: [{port: 80}]}\n" : "}]}\n");
}

/* Some flows of some pairs; the first that differs is told. */
static int compare(const struct subject *s, struct rng *r, uint64_t seed)
{
	static const uint16_t ports[] = {80, 81, 82};
	const struct wr_world *w = s->world;
	for (unsigned i = 0; i < FLOWS; i++) {
		uint32_t src = rng_below(r, w->n_pods), dst = rng_below(r, w->n_pods);
		uint16_t port = ports[rng_below(r, 3)];
		struct ref_side ends[2] = {{src, w->pods[src].ips[0]}, {dst, w->pods[dst].ips[0]}};
		struct wr_side sides[2];
		struct wr_verdict v;
		if (src == dst)
			continue;
		if (wr_side_pod(s->program, src, WR_IPV4, &sides[0]) ||
		    wr_side_pod(s->program, dst, WR_IPV4, &sides[1]))
			return 1;
		wr_evaluate(s->program, &sides[0], &sides[1], WR_TCP, port, &v);
		bool want = ref_allows(&s->ref, WR_EGRESS, &ends[0], &ends[1], WR_TCP, port) &&
			    ref_allows(&s->ref, WR_INGRESS, &ends[0], &ends[1], WR_TCP, port);
		if (v.allow == want)
			continue;
		printf("seed %llu: %s -> %s TCP %u: reference says %s\n", (unsigned long long)seed,
		       w->pods[src].name, w->pods[dst].name, port, want ? "allow" : "deny");
		return 1;
	}
	return 0;
}

static int trial(uint64_t seed)
{
	struct rng r = {.state = seed};
	struct wr_buf text = {0};
	struct subject s;
	put_pods(&text);
	for (unsigned i = 0; i < 14; i++)
		put_cluster_policy(&text, &r, i);
	for (unsigned i = 0; i < 10; i++)
		put_network_policy(&text, &r, i);
	int rc = text.failed ? 1 : subject_up(&s, text.data, NULL);
	if (!rc && wr_program_n_classes(s.program) < 65) {
		printf("seed %llu: only %u classes\n", (unsigned long long)seed,
		       wr_program_n_classes(s.program));
		rc = 1;
	}
	if (!rc)
		rc = compare(&s, &r, seed);
	subject_down(&s);
	wr_buf_free(&text);
	return rc;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	for (uint64_t seed = first; seed < first + ROUNDS; seed++)
		if (trial(seed))
			return 1;
	printf("%d clusters\n", ROUNDS);
	return 0;
}
