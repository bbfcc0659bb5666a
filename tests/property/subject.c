/* SPDX-License-Identifier: Apache-2.0 */
#include "subject.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int subject_up(struct subject *s, const char *text, const struct wr_compile_opts *opts)
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
	s->ref = (struct ref){s->world, opts && opts->ipblocks_skip_pods};
	return wr_compile(s->world, opts, &s->program);
}

void subject_down(struct subject *s)
{
	wr_program_unref(s->program);
	wr_world_unref(s->world);
	wr_arena_free(s->arena);
	wr_input_free(s->in);
	wr_diags_free(s->diags);
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
