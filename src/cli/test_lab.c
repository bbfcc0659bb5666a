/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/test_lab.h"

#include <errno.h>
#include <stdlib.h>

#include "base/vec.h"
#include "lab/probe.h"

#define CONNECTIONS_MAX 20000

struct packets {
	struct wr_lab *lab;
	WR_VEC(struct wr_expect_pair) pairs;
	WR_VEC(struct wr_lab_flow) flows;
	struct wr_expect_result *out;
};

/* "shop/web-1" or an address, as the lab's probes name ends. */
static const char *end_text(struct wr_lab *lab, const struct wr_side *s)
{
	char ip[WR_IP_TEXT];
	if (s->pod == WR_NONE)
		return wr_arena_strdup(lab->arena, wr_ip_format(&s->ip, ip));
	const struct wr_pod *pod = &lab->world->pods[s->pod];
	return wr_arena_printf(lab->arena, "%s/%s", pod->ns, pod->name);
}

/* Whether the lab has both ends: not every address is somebody's there. */
static bool is_there(struct packets *p, const struct wr_lab_flow *f)
{
	struct probe_target target;
	struct wr_lab_result result = {0};
	struct wr_diags *unused = wr_diags_new();
	bool there = unused && wr_lab_probe_target(p->lab, f, &target, &result, unused) != -EINVAL;
	wr_diags_free(unused);
	return there;
}

static void skip(struct wr_expect_result *out, const char *note)
{
	if (!out->skipped++)
		out->skip_note = note;
}

static int collect(void *ctx, const struct wr_expect_pair *pair)
{
	struct packets *p = ctx;
	if (pair->src.pod != WR_NONE && pair->src.pod == pair->dst.pod) {
		skip(p->out, "which pod of a Service a packet goes to is chance: not tried for a "
			     "pod to itself");
		return 0;
	}
	struct wr_lab_flow f = {.from = end_text(p->lab, &pair->src),
				.to = end_text(p->lab, &pair->dst),
				.proto = pair->proto,
				.family = pair->src.family};
	if (wr_proto_has_ports(pair->proto))
		f.port = wr_arena_printf(p->lab->arena, "%u", pair->port);
	if (p->flows.n == CONNECTIONS_MAX)
		return -E2BIG;
	if (!f.from || !f.to || (wr_proto_has_ports(pair->proto) && !f.port))
		return -ENOMEM;
	if ((pair->src.pod == WR_NONE || pair->dst.pod == WR_NONE) && !is_there(p, &f)) {
		skip(p->out, "the lab has nobody at such an address");
		return 0;
	}
	if (wr_vec_push(&p->pairs, *pair) < 0 || wr_vec_push(&p->flows, f) < 0)
		return -ENOMEM;
	return 0;
}

static void note(const struct packets *p, const struct wr_lab_result *results,
		 struct wr_expect_result *out)
{
	for (size_t i = 0; i < p->flows.n; i++) {
		if (results[i].observed != WR_LAB_SKIPPED) {
			wr_expect_note(&p->pairs.items[i], results[i].observed == WR_LAB_ALLOW,
				       out);
			continue;
		}
		skip(out, results[i].note);
	}
}

int wr_test_in_lab(struct wr_lab *lab, const struct wr_expect *e, size_t i, struct wr_diags *diags,
		   struct wr_expect_result *out)
{
	struct packets p = {.lab = lab, .out = out};
	wr_expect_begin(e, i, out);
	int rc = wr_expect_each(e, i, collect, &p);
	struct wr_lab_result *results = rc ? NULL : calloc(p.flows.n + 1, sizeof(*results));
	if (!rc && !results)
		rc = -ENOMEM;
	if (!rc)
		rc = wr_lab_probe(lab, p.flows.items, p.flows.n, results, diags);
	if (!rc)
		note(&p, results, out);
	free(results);
	wr_vec_free(&p.pairs);
	wr_vec_free(&p.flows);
	return rc;
}
