/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/explain_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "engine/explain.h"

WR_DEFINE_CLEANUP(arena, struct wr_arena *, wr_arena_free)

static const char *const directions[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};

struct denial {
	const char *reason;  /* NULL: this direction allows */
	const char *nearest; /* NULL: nothing comes near */
};

struct denied {
	const char *from, *to; /* to NULL: there is one destination only */
	const char *group; /* the reasons of both directions: those who have it stand together */
	const char *no_address;  /* not the policies: the ends have no addresses in common */
	struct denial denial[2]; /* by enum wr_direction */
};

struct all {
	const struct wr_all_question *q;
	struct wr_arena *arena;
	struct wr_arena *scratch; /* of one connection: reasons are large */
	WR_VEC(struct denied) denied;
	size_t backends;
};

/* ---- finding them ---- */

/* The reason in words that last; most pods have one that another had before. */
static const char *keep(struct all *a, const char *s)
{
	if (a->denied.n) {
		const struct denied *last = &a->denied.items[a->denied.n - 1];
		for (int d = 0; d < 2; d++)
			if (last->denial[d].reason && !strcmp(last->denial[d].reason, s))
				return last->denial[d].reason;
	}
	return wr_arena_strdup(a->arena, s);
}

static int reasons(struct all *a, const struct wr_side sides[2], uint8_t proto, uint16_t port,
		   struct denied *d)
{
	struct wr_reason r[2];
	wr_arena_reset(a->scratch);
	int rc = wr_explain(a->q->program, &sides[0], &sides[1], proto, port, a->scratch, r);
	for (int i = 0; i < 2 && !rc; i++) {
		if (r[i].allow)
			continue;
		d->denial[i].reason = keep(a, r[i].text);
		if (r[i].n_misses)
			d->denial[i].nearest = wr_arena_strdup(a->arena, r[i].misses[0].text);
		if (!d->denial[i].reason || (r[i].n_misses && !d->denial[i].nearest))
			rc = -ENOMEM;
	}
	return rc;
}

static int add_denied(struct all *a, const struct wr_target *from, const struct wr_target *to,
		      struct denied d)
{
	const struct wr_world *w = wr_program_world(a->q->program);
	char name[600];
	d.from = wr_arena_strdup(a->arena, wr_target_text(w, from, name, sizeof(name)));
	if (a->q->service)
		d.to = wr_arena_strdup(a->arena, wr_target_text(w, to, name, sizeof(name)));
	const char *e = d.denial[WR_EGRESS].reason, *i = d.denial[WR_INGRESS].reason;
	d.group = d.no_address ? d.no_address
		  : !i         ? wr_arena_printf(a->arena, "egress: %s", e)
		  : !e         ? wr_arena_printf(a->arena, "ingress: %s", i)
			       : wr_arena_printf(a->arena, "egress: %s\ningress: %s", e, i);
	if (!d.from || !d.group || (a->q->service && !d.to))
		return -ENOMEM;
	return wr_vec_push(&a->denied, d);
}

static int ask(struct all *a, uint32_t pod, const struct wr_target *to, uint16_t port)
{
	struct wr_target from = {.pod = pod};
	struct wr_side sides[2];
	struct wr_problem problem;
	struct wr_verdict v;
	struct denied d = {0};
	uint8_t other;
	if (wr_target_sides(a->q->program, &from, to, a->q->family, sides, &other, &problem) < 0) {
		d.no_address = "no addresses of one family: no connection, whatever policies say";
		return add_denied(a, &from, to, d);
	}
	uint8_t family = sides[0].family ? sides[0].family : sides[1].family;
	uint8_t proto = wr_proto_of_family(a->q->proto, family);
	wr_evaluate(a->q->program, &sides[0], &sides[1], proto, port, &v);
	if (v.allow)
		return 0;
	int rc = reasons(a, sides, proto, port, &d);
	return rc ? rc : add_denied(a, &from, to, d);
}

static int ask_everybody(struct all *a, const struct wr_target *to, uint16_t port)
{
	const struct wr_world *w = wr_program_world(a->q->program);
	int rc = 0;
	a->backends++;
	for (uint32_t i = 0; i < w->n_pods && !rc; i++)
		if (i != to->pod && !w->pods[i].completed)
			rc = ask(a, i, to, port);
	return rc;
}

static int find_all(struct all *a)
{
	const struct wr_service *s = a->q->service;
	const struct wr_world *w = wr_program_world(a->q->program);
	int rc = 0;
	if (!s)
		return ask_everybody(a, &a->q->to, a->q->port);
	for (size_t i = 0; i < s->n_pods && !rc; i++) {
		struct wr_target to = {.pod = s->pods[i]};
		uint16_t port = wr_service_target(a->q->service_port, &w->pods[s->pods[i]]);
		if (port) /* without a port of that name it is no backend */
			rc = ask_everybody(a, &to, port);
	}
	return rc;
}

/* ---- writing them ---- */

static int by_group(const void *pa, const void *pb)
{
	const struct denied *a = pa, *b = pb;
	int c = strcmp(a->group, b->group);
	c = c ? c : strcmp(a->from, b->from);
	return c || !a->to ? c : strcmp(a->to, b->to);
}

static void write_json(struct wr_out *o, const struct denied *d)
{
	wr_out_map(o);
	wr_out_key_string(o, "from", d->from);
	if (d->to)
		wr_out_key_string(o, "to", d->to);
	if (d->no_address)
		wr_out_key_string(o, "reason", d->no_address);
	wr_out_key(o, "denials");
	wr_out_list(o);
	for (int i = 0; i < 2; i++) {
		if (!d->denial[i].reason)
			continue;
		wr_out_map(o);
		wr_out_key_string(o, "direction", directions[i]);
		wr_out_key_string(o, "reason", d->denial[i].reason);
		wr_out_key_string(o, "nearestMiss", d->denial[i].nearest);
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_end(o);
}

static void print_group(struct wr_out *o, const struct denied *d, bool first)
{
	wr_out_printf(o, "%s%s%s%s\n", first ? "" : "\n", wr_out_colour(o, WR_RED), d->group,
		      wr_out_colour(o, WR_PLAIN));
}

static void print_one(struct wr_out *o, const struct denied *d)
{
	wr_out_printf(o, "    %s%s%s\n", d->from, d->to ? " -> " : "", d->to ? d->to : "");
	for (int i = 0; i < 2; i++)
		if (d->denial[i].nearest)
			wr_out_printf(o, "        nearest miss%s: %s\n",
				      d->denial[!i].reason
					      ? i == WR_EGRESS ? " (egress)" : " (ingress)"
					      : "",
				      d->denial[i].nearest);
}

static void write_all(const struct all *a, struct wr_out *o)
{
	const struct denied *d = a->denied.items;
	if (wr_out_format(o) != WR_TABLE) {
		wr_out_list(o);
		for (size_t i = 0; i < a->denied.n; i++)
			write_json(o, &d[i]);
		wr_out_end(o);
		return;
	}
	for (size_t i = 0; i < a->denied.n; i++) {
		if (!i || strcmp(d[i].group, d[i - 1].group) != 0)
			print_group(o, &d[i], !i);
		print_one(o, &d[i]);
	}
	if (!a->denied.n)
		wr_out_text(o, "every pod may reach it\n");
}

int wr_explain_all(const struct wr_args *args, const struct wr_all_question *q, struct wr_out *out)
{
	WR_CLEANUP(arena)
	struct wr_arena *arena = wr_arena_new();
	WR_CLEANUP(arena)
	struct wr_arena *scratch = wr_arena_new();
	struct all a = {.q = q, .arena = arena, .scratch = scratch};
	int status;
	if (!arena || !scratch || find_all(&a) < 0) {
		status = wr_fail(args, "out of memory");
	} else if (!a.backends) {
		status = wr_fail(args, "Service %s/%s has no pods with that port", q->service->ns,
				 q->service->name);
	} else {
		if (a.denied.n)
			qsort(a.denied.items, a.denied.n, sizeof(*a.denied.items), by_group);
		write_all(&a, out);
		status = a.denied.n ? WR_EXIT_NO : WR_EXIT_OK;
	}
	wr_vec_free(&a.denied);
	return status;
}
