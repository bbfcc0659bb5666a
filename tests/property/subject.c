/* SPDX-License-Identifier: Apache-2.0 */
#include "subject.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

/* ---- tiers ---- */

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

static uint32_t any_selector(const struct wr_world *w, struct rng *r)
{
	uint32_t pick = rng_below(r, w->n_selectors + 1);
	return pick < w->n_selectors ? pick : WR_NONE;
}

static void raise_policy(const struct wr_world *w, struct wr_policy *p, struct rng *r)
{
	p->tier = rng_chance(r, 50) ? WR_TIER_ADMIN : WR_TIER_BASELINE;
	p->priority = (int32_t)rng_below(r, 3);
	p->ns = NULL;
	if (rng_chance(r, 60)) {
		p->subject.ns_index = WR_NONE;
		p->subject.ns_selector = any_selector(w, r);
	}
	p->isolates[0] = p->isolates[1] = false;
	for (int d = 0; d < 2; d++)
		for (size_t k = 0; k < p->n_rules[d]; k++) {
			struct wr_rule *rule = &p->rules[d][k];
			rule->action = (enum wr_action)rng_below(r, 3);
			for (size_t i = 0; i < rule->n_peers; i++)
				if (rng_chance(r, 5))
					rule->peers[i].kind = WR_PEER_NOTHING;
		}
}

/* By name and not by place, so that dropping one policy does not change the others. */
static void raise_tiers(struct wr_world *w, uint64_t seed)
{
	for (uint32_t i = 0; i < w->n_policies; i++) {
		const char *name = w->policies[i].name;
		struct rng r = {seed ^ (uint64_t)(unsigned char)name[strlen(name) - 1] << 32};
		if (rng_chance(&r, 50))
			raise_policy(w, &w->policies[i], &r);
	}
	if (w->n_policies)
		qsort(w->policies, w->n_policies, sizeof(*w->policies), compare_policies);
}

int subject_up(struct subject *s, const char *text, uint64_t seed,
	       const struct wr_compile_opts *opts, const struct wr_program *prev)
{
	*s = (struct subject){
		.in = wr_input_new(NULL), .arena = wr_arena_new(), .diags = wr_diags_new()};
	if (!s->in || !s->arena || !s->diags)
		return -ENOMEM;
	int rc = wr_input_bytes(s->in, "cluster.yaml", 1, text, strlen(text), s->diags);
	if (!rc)
		rc = wr_decode(s->in, s->arena, s->diags, &s->objects);
	if (!rc)
		rc = wr_world_new(&s->objects, s->diags, &s->world);
	for (size_t i = 0; i < wr_diags_count(s->diags) && i < 5 && rc; i++) {
		const struct wr_diag *d = wr_diags_at(s->diags, i);
		printf("%u: %s: %s\n", d->mark.line, d->path ? d->path : "", d->message);
	}
	if (rc)
		return rc;
	if (seed % 2)
		raise_tiers(s->world, seed);
	s->ref = (struct ref){s->world, opts && opts->ipblocks_skip_pods};
	return wr_compile(s->world, opts, prev, &s->program);
}

void subject_down(struct subject *s)
{
	wr_program_unref(s->program);
	wr_world_unref(s->world);
	wr_arena_free(s->arena);
	wr_input_free(s->in);
	wr_diags_free(s->diags);
}

void subject_print_tiers(const struct subject *s)
{
	static const char *const tiers[] = {"Admin", "NetworkPolicy", "Baseline"};
	static const char *const actions[] = {"Accept", "Deny", "Pass"};
	for (uint32_t i = 0; i < s->world->n_policies; i++) {
		const struct wr_policy *p = &s->world->policies[i];
		if (p->tier == WR_TIER_NETWORKPOLICY)
			continue;
		printf("# %s: %s tier, priority %d, subjects in ", p->name, tiers[p->tier],
		       p->priority);
		if (p->subject.ns_index != WR_NONE)
			printf("%s", s->world->namespaces[p->subject.ns_index].name);
		else
			printf("namespaces {%s}",
			       wr_selector_format(s->world, p->subject.ns_selector, s->arena));
		for (int d = 0; d < 2; d++) {
			printf("; %s:", d == WR_EGRESS ? "egress" : "ingress");
			for (size_t k = 0; k < p->n_rules[d]; k++)
				printf(" %s", actions[p->rules[d][k].action]);
		}
		printf("\n");
	}
}

/* ---- ends ---- */

static void add_address(const struct subject *s, const struct wr_ip *ip, struct end *out, size_t *n)
{
	char text[WR_IP_TEXT];
	if (*n >= ENDS_MAX)
		return;
	wr_ip_format(ip, text);
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(out[i].name, text))
			return;
	struct end *e = &out[(*n)++];
	wr_side_ip(s->program, ip, &e->side);
	e->ref = ref_address(&s->ref, ip);
	snprintf(e->name, sizeof(e->name), "%s", text);
}

static void add_pods(const struct subject *s, struct end *out, size_t *n)
{
	char ip[WR_IP_TEXT];
	for (uint32_t i = 0; i < s->world->n_pods; i++) {
		const struct wr_pod *p = &s->world->pods[i];
		for (size_t k = 0; (k < p->n_ips || k == 0) && *n < ENDS_MAX; k++) {
			struct end *e = &out[*n];
			uint8_t family = k < p->n_ips ? p->ips[k].family : 0;
			if (wr_side_pod(s->program, i, family, &e->side) < 0)
				continue;
			/* of several addresses of a family the first stands for the pod */
			e->ref = (struct ref_side){.pod = i, .ip = e->side.ip};
			snprintf(e->name, sizeof(e->name), "%s/%s (%s)", p->ns, p->name,
				 family ? wr_ip_format(&e->side.ip, ip) : "no address");
			++*n;
		}
	}
}

/* The first and last address of a prefix and those beside it. */
static void add_prefix(const struct subject *s, const struct wr_cidr *c, struct end *out, size_t *n)
{
	struct wr_ip first = wr_cidr_first(c), last = wr_cidr_last(c);
	add_address(s, &first, out, n);
	add_address(s, &last, out, n);
	if (wr_ip_prev(&first))
		add_address(s, &first, out, n);
	if (wr_ip_next(&last))
		add_address(s, &last, out, n);
}

static void add_blocks(const struct subject *s, const struct wr_rule *rule, struct end *out,
		       size_t *n)
{
	for (size_t i = 0; i < rule->n_peers; i++) {
		const struct wr_peer *p = &rule->peers[i];
		if (p->kind != WR_PEER_IPBLOCK)
			continue;
		add_prefix(s, &p->cidr, out, n);
		for (size_t k = 0; k < p->n_except; k++)
			add_prefix(s, &p->except[k], out, n);
	}
}

size_t subject_ends(const struct subject *s, struct end out[ENDS_MAX])
{
	static const char *const addresses[] = {
		"192.168.0.1",   "192.168.0.2", "192.168.0.3", "192.168.0.77", "203.0.113.9",
		"203.0.113.200", "10.0.0.1",    "10.0.1.2",    "10.1.0.1",     "10.0.0.200",
		"2001:db8::1",   "fd00::1",     "fd00::99",    "fd00:1::1",    "fd99::1",
		"fd99::3",       "::1",
	};
	size_t n = 0;
	add_pods(s, out, &n);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct wr_ip ip;
		if (!wr_ip_parse(addresses[i], &ip))
			add_address(s, &ip, out, &n);
	}
	for (uint32_t i = 0; i < s->world->n_policies; i++)
		for (int d = 0; d < 2; d++)
			for (size_t k = 0; k < s->world->policies[i].n_rules[d]; k++)
				add_blocks(s, &s->world->policies[i].rules[d][k], out, &n);
	return n;
}

/* ---- probes ---- */

static void add_probe(uint8_t proto, uint32_t port, struct probe *out, size_t *n)
{
	if (*n >= PROBES_MAX || port > 65535)
		return;
	for (size_t i = 0; i < *n; i++)
		if (out[i].proto == proto && out[i].port == port)
			return;
	out[(*n)++] = (struct probe){proto, (uint16_t)port};
}

static void add_port(uint32_t port, struct probe *out, size_t *n)
{
	add_probe(WR_TCP, port, out, n);
	add_probe(WR_UDP, port, out, n);
	add_probe(WR_SCTP, port, out, n);
}

size_t subject_probes(const struct subject *s, struct probe out[PROBES_MAX])
{
	static const uint8_t portless[] = {WR_ICMP, WR_ICMPV6, 0, 2, 47, 255};
	const struct wr_world *w = s->world;
	size_t n = 0;
	for (size_t i = 0; i < sizeof(portless); i++)
		add_probe(portless[i], 0, out, &n);
	add_probe(WR_ICMP, 80, out, &n); /* a port that does not count */
	add_port(80, out, &n);
	add_port(65535, out, &n);
	for (uint32_t i = 0; i < w->n_pods; i++)
		for (size_t k = 0; k < w->pods[i].n_ports; k++)
			add_port(w->pods[i].ports[k].port, out, &n);
	for (uint32_t i = 0; i < w->n_policies; i++)
		for (int d = 0; d < 2; d++)
			for (size_t r = 0; r < w->policies[i].n_rules[d]; r++)
				for (size_t k = 0; k < w->policies[i].rules[d][r].n_ports; k++) {
					const struct wr_port *p =
						&w->policies[i].rules[d][r].ports[k];
					if (p->kind != WR_PORTS_RANGE)
						continue;
					add_probe(p->proto, p->first - 1u, out, &n);
					add_port(p->first, out, &n);
					add_port(p->last, out, &n);
					add_probe(p->proto, p->last + 1u, out, &n);
				}
	return n;
}
