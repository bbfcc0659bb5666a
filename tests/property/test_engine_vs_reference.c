/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine against the reference: random clusters, every pair of ends, ports
 * at and around everything that policies name. A failing cluster is shrunk and
 * printed with its seed.
 *
 *	test_engine_vs_reference [--seed N] [--rounds N]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "engine/explain.h"
#include "engine/program.h"
#include "reference.h"

#define ROUNDS 400

struct ends {
	struct wr_side side;
	struct ref_side ref;
	char name[96];
};

struct subject {
	struct wr_input *in;
	struct wr_arena *arena;
	struct wr_diags *diags;
	struct wr_objects objects;
	struct wr_world *world;
	struct wr_program *program;
};

static void down(struct subject *s)
{
	wr_program_unref(s->program);
	wr_world_unref(s->world);
	wr_arena_free(s->arena);
	wr_input_free(s->in);
	wr_diags_free(s->diags);
}

/* ---- tiers: no kind is read as one yet, so some policies are turned into them ---- */

static int compare_policies(const void *pa, const void *pb)
{
	const struct wr_policy *a = pa, *b = pb;
	if (a->tier != b->tier)
		return (int)a->tier - (int)b->tier;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	int c = strcmp(a->ns ? a->ns : "", b->ns ? b->ns : "");
	return c ? c : strcmp(a->name, b->name);
}

static void raise_tiers(struct wr_world *w, uint64_t seed)
{
	struct rng r = {seed ^ 0x5eed};
	for (uint32_t i = 0; i < w->n_policies; i++) {
		struct wr_policy *p = &w->policies[i];
		if (!rng_chance(&r, 40))
			continue;
		p->tier = rng_chance(&r, 50) ? WR_TIER_ADMIN : WR_TIER_BASELINE;
		p->priority = (int32_t)rng_below(&r, 3);
		p->ns = NULL;
		if (rng_chance(&r, 50))
			p->subject.ns_index = WR_NONE;
		p->isolates[0] = p->isolates[1] = false;
		for (int d = 0; d < 2; d++)
			for (size_t k = 0; k < p->n_rules[d]; k++)
				p->rules[d][k].action = (enum wr_action)rng_below(&r, 3);
	}
	if (w->n_policies)
		qsort(w->policies, w->n_policies, sizeof(*w->policies), compare_policies);
}

static int up(struct subject *s, const char *text, uint64_t seed,
	      const struct wr_compile_opts *opts)
{
	*s = (struct subject){
		.in = wr_input_new(NULL), .arena = wr_arena_new(), .diags = wr_diags_new()};
	int rc = wr_input_bytes(s->in, "cluster.yaml", 1, text, strlen(text), s->diags);
	if (!rc)
		rc = wr_decode(s->in, s->arena, s->diags, &s->objects);
	if (!rc)
		rc = wr_world_new(&s->objects, s->diags, &s->world);
	if (rc) {
		for (size_t i = 0; i < wr_diags_count(s->diags) && i < 5; i++)
			printf("%u: %s: %s\n", wr_diags_at(s->diags, i)->mark.line,
			       wr_diags_at(s->diags, i)->path ? wr_diags_at(s->diags, i)->path : "",
			       wr_diags_at(s->diags, i)->message);
		return rc;
	}
	if (seed % 2)
		raise_tiers(s->world, seed);
	return wr_compile(s->world, opts, NULL, &s->program);
}

/* ---- the ends of connections ---- */

static size_t add_address(const struct subject *s, const char *text, struct ends *out)
{
	struct wr_ip ip;
	if (wr_ip_parse(text, &ip) < 0)
		return 0;
	wr_side_ip(s->program, &ip, &out->side);
	out->ref = (struct ref_side){.pod = WR_NONE, .node = WR_NONE, .ip = ip};
	for (uint32_t i = 0; i < s->world->n_nodes; i++)
		for (size_t k = 0; k < s->world->nodes[i].n_ips; k++)
			if (wr_ip_equal(&s->world->nodes[i].ips[k], &ip))
				out->ref.node = i;
	snprintf(out->name, sizeof(out->name), "%s", text);
	return 1;
}

static size_t collect(const struct subject *s, struct ends *out, size_t most)
{
	static const char *const addresses[] = {
		"192.168.0.1", "192.168.0.2", "203.0.113.9", "203.0.113.200",
		"10.0.0.200",  "10.9.9.9",    "11.0.0.1",    "255.255.255.255",
		"0.0.0.0",     "2001:db8::1", "fd00::99",    "fd12::1",
		"::1",         "ffff::1",
	};
	size_t n = 0;
	char ip[WR_IP_TEXT];
	for (uint32_t i = 0; i < s->world->n_pods; i++) {
		const struct wr_pod *p = &s->world->pods[i];
		for (size_t k = 0; (k < p->n_ips || k == 0) && n < most; k++) {
			uint8_t family = k < p->n_ips ? p->ips[k].family : 0;
			if (wr_side_pod(s->program, i, family, &out[n].side) < 0)
				continue;
			out[n].ref = (struct ref_side){.pod = i,
						       .node = p->host_network ? p->node : WR_NONE};
			if (k < p->n_ips)
				out[n].ref.ip = p->ips[k];
			snprintf(out[n].name, sizeof(out[n].name), "%s/%s (%s)", p->ns, p->name,
				 family ? wr_ip_format(&p->ips[k], ip) : "no address");
			n++;
		}
	}
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]) && n < most; i++)
		n += add_address(s, addresses[i], &out[n]);
	return n;
}

/* ---- comparing ---- */

static const struct {
	uint8_t proto;
	uint16_t port;
} probes[] = {
	{WR_TCP, 1},    {WR_TCP, 2},    {WR_TCP, 52},    {WR_TCP, 53},  {WR_TCP, 80},
	{WR_TCP, 81},   {WR_TCP, 100},  {WR_TCP, 443},   {WR_TCP, 500}, {WR_TCP, 8080},
	{WR_TCP, 8081}, {WR_TCP, 8300}, {WR_TCP, 65535}, {WR_UDP, 53},  {WR_UDP, 80},
	{WR_UDP, 8080}, {WR_SCTP, 80},  {WR_SCTP, 443},  {WR_ICMP, 0},  {WR_ICMPV6, 0},
	{47, 0},
};

static bool same_family(const struct ends *a, const struct ends *b)
{
	return !a->side.family || !b->side.family || a->side.family == b->side.family;
}

/* What is wrong with one connection, in why; false: nothing. */
static bool differs(const struct subject *s, const struct ref_opts *ropts, const struct ends *src,
		    const struct ends *dst, uint8_t proto, uint16_t port, struct wr_arena *scratch,
		    char *why, size_t size)
{
	bool want[2];
	struct wr_verdict v;
	struct wr_reason r[2];
	ref_evaluate(s->world, ropts, &src->ref, &dst->ref, proto, port, want);
	wr_evaluate(s->program, &src->side, &dst->side, proto, port, &v);
	if (wr_explain(s->program, &src->side, &dst->side, proto, port, scratch, r) < 0)
		return false;
	for (int d = 0; d < 2; d++) {
		const struct wr_author *a = wr_program_author(s->program, v.dir[d].author);
		const char *what = NULL;
		if (v.dir[d].allow != want[d])
			what = "the tables differ from the reference";
		else if (r[d].allow != want[d])
			what = "explain differs from the reference";
		else if (a->kind != r[d].author.kind || a->policy != r[d].author.policy ||
			 a->rule != r[d].author.rule)
			what = "tables and explain name different authors";
		if (!what)
			continue;
		snprintf(why, size, "%s -> %s protocol %u port %u, %s: %s (reference says %s)",
			 src->name, dst->name, proto, port, d == WR_EGRESS ? "egress" : "ingress",
			 what, want[d] ? "allow" : "deny");
		return true;
	}
	return v.allow != (want[0] && want[1]);
}

static bool compare(const struct subject *s, const struct ref_opts *ropts, char *why, size_t size,
		    uint64_t *compared)
{
	static struct ends ends[64];
	size_t n = collect(s, ends, sizeof(ends) / sizeof(ends[0]));
	struct wr_arena *scratch = wr_arena_new();
	bool bad = false;
	for (size_t i = 0; i < n && !bad; i++)
		for (size_t k = 0; k < n && !bad; k++) {
			if (!same_family(&ends[i], &ends[k]))
				continue;
			wr_arena_reset(scratch);
			for (size_t p = 0; p < sizeof(probes) / sizeof(probes[0]) && !bad;
			     p++, ++*compared)
				bad = differs(s, ropts, &ends[i], &ends[k], probes[p].proto,
					      probes[p].port, scratch, why, size);
		}
	wr_arena_free(scratch);
	return bad;
}

/* Rows of other nodes' pods are left out, and nothing else changes. */
static bool compare_node(const struct subject *all, const struct subject *here, char *why,
			 size_t size)
{
	static struct ends a[64], b[64];
	size_t n = collect(all, a, 64);
	collect(here, b, 64);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			for (size_t p = 0; p < sizeof(probes) / sizeof(probes[0]); p++) {
				struct wr_verdict x, y;
				if (!same_family(&a[i], &a[k]))
					continue;
				wr_evaluate(all->program, &a[i].side, &a[k].side, probes[p].proto,
					    probes[p].port, &x);
				wr_evaluate(here->program, &b[i].side, &b[k].side, probes[p].proto,
					    probes[p].port, &y);
				for (int d = 0; d < 2; d++) {
					uint32_t pod = d == WR_EGRESS ? a[i].side.pod
								      : a[k].side.pod;
					uint32_t node = pod == WR_NONE ? WR_NONE
								       : all->world->pods[pod].node;
					bool local = node != WR_NONE &&
						     !strcmp(all->world->nodes[node].name, "n1");
					if (y.dir[d].allow == (local ? x.dir[d].allow : true))
						continue;
					snprintf(why, size,
						 "%s -> %s: differs when compiled for n1 only",
						 a[i].name, a[k].name);
					return true;
				}
			}
	return false;
}

/* True when this cluster shows a difference. */
static bool fails(struct cluster *c, char *why, size_t size, uint64_t *compared)
{
	struct wr_compile_opts opts = {.ipblocks_skip_pods = c->seed % 5 == 0};
	struct wr_compile_opts node_opts = {.node = "n1", .ipblocks_skip_pods = c->seed % 5 == 0};
	struct ref_opts ropts = {.ipblocks_skip_pods = opts.ipblocks_skip_pods};
	struct subject s, here;
	char *text = cluster_text(c);
	if (!text)
		exit(2);
	bool bad = true;
	snprintf(why, size, "the manifests are refused");
	if (!up(&s, text, c->seed, &opts)) {
		bad = compare(&s, &ropts, why, size, compared);
		if (!bad && !up(&here, text, c->seed, &node_opts)) {
			bad = compare_node(&s, &here, why, size);
			down(&here);
		}
	}
	down(&s);
	free(text);
	return bad;
}

/* Leaves out one part after the other as long as it still fails. */
static void shrink(struct cluster *c)
{
	char why[512];
	uint64_t compared = 0;
	for (bool again = true; again;) {
		again = false;
		for (unsigned i = 0; i < c->n_parts; i++) {
			if (c->dropped[i])
				continue;
			c->dropped[i] = true;
			if (fails(c, why, sizeof(why), &compared) &&
			    strcmp(why, "the manifests are refused"))
				again = true;
			else
				c->dropped[i] = false;
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, rounds = ROUNDS, compared = 0;
	char why[512];
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--rounds"))
			rounds = strtoull(argv[i + 1], NULL, 0);
	}
	for (uint64_t i = 0; i < rounds; i++) {
		static struct cluster c;
		c = (struct cluster){.seed = seed + i};
		if (!fails(&c, why, sizeof(why), &compared))
			continue;
		printf("seed %llu: %s\n", (unsigned long long)c.seed, why);
		shrink(&c);
		(void)fails(&c, why, sizeof(why), &compared);
		char *text = cluster_text(&c);
		printf("shrunk: %s\n%s", why, text ? text : "");
		free(text);
		return 1;
	}
	printf("%llu clusters, %llu connections compared\n", (unsigned long long)rounds,
	       (unsigned long long)compared);
	return 0;
}
