/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine against the reference: random clusters, every pair of ends, ports
 * at and around everything that policies name.
 *
 *	test_engine_vs_reference [--seed N] [--rounds N]
 *
 * Held together are: the reference, the compiled tables (sound in themselves),
 * explain and its authors, trace; a pod with itself by way of a Service; and a
 * program compiled for one node only. A cluster that shows a difference is
 * shrunk and printed with its seed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "engine/trace.h"
#include "engine/explain.h"
#include "subject.h"

#define ROUNDS 400
#define WHY 512
#define FLOWS_OF_A_PAIR 12 /* of the probes, drawn anew for each pair */

struct trial {
	const struct cluster *c;
	const struct subject *s;
	struct end ends[ENDS_MAX];
	struct probe probes[PROBES_MAX];
	size_t n_ends, n_probes;
	struct rng rng;
	bool exhaustive; /* all probes of every pair: while a cluster is shrunk */
	struct wr_arena *scratch;
	uint64_t compared;
	char why[WHY];
};

__attribute__((format(printf, 2, 3))) static bool differs(struct trial *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return true;
}

static bool same_author(const struct wr_author *a, const struct wr_author *b)
{
	if (a->kind != b->kind || a->policy != b->policy || a->rule != b->rule || a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->policies[i] != b->policies[i])
			return false;
	return true;
}

static const char *dir_name(int d)
{
	return d == WR_EGRESS ? "egress" : "ingress";
}

/*
 * The steps of a trace must tell of the verdict: each direction ends in it, and
 * it is the last rule that matches that allows or denies.
 */
static const char *trace_lies(struct trial *t, const struct end *src, const struct end *dst,
			      struct probe f, const bool want[2])
{
	const struct wr_program *p = t->s->program;
	struct wr_trace trace;
	int ends[2] = {0}, last[2] = {-1, -1};
	if (wr_trace(p, &src->side, &dst->side, f.proto, f.port, t->scratch, &trace) < 0)
		return "trace fails";
	for (size_t i = 0; i < trace.n; i++) {
		const struct wr_step *s = &trace.steps[i];
		if (s->kind == WR_STEP_RULE && (s->matches ? s->action != WR_PASS : false))
			last[s->dir] = s->action == WR_ACCEPT;
		if (s->kind == WR_STEP_RULE && !s->matches && last[s->dir] >= 0)
			return "a rule is tried after the one that decides";
		if (s->kind != WR_STEP_END)
			continue;
		ends[s->dir]++;
		if ((s->action == WR_ACCEPT) != want[s->dir])
			return "the trace ends in another verdict";
		if (last[s->dir] >= 0 && last[s->dir] != want[s->dir])
			return "the rule that matches says something else";
		if (last[s->dir] < 0 && trace.reasons[s->dir].author.kind == WR_BY_RULE)
			return "no rule of the trace matches";
	}
	if (ends[0] != 1 || ends[1] != 1 || trace.allow != (want[0] && want[1]))
		return "the trace has no end";
	return NULL;
}

/* The tables, explain and trace against the reference. */
static bool flow_differs(struct trial *t, const struct end *src, const struct end *dst,
			 struct probe f)
{
	const struct subject *s = t->s;
	struct wr_verdict v;
	struct wr_reason r[2];
	bool want[2];
	t->compared++;
	wr_evaluate(s->program, &src->side, &dst->side, f.proto, f.port, &v);
	if (wr_explain(s->program, &src->side, &dst->side, f.proto, f.port, t->scratch, r) < 0)
		return differs(t, "explain fails");
	for (int d = 0; d < 2; d++) {
		const char *what = NULL;
		want[d] = ref_allows(&s->ref, d, &src->ref, &dst->ref, f.proto, f.port);
		if (v.dir[d].allow != want[d])
			what = "the tables differ from the reference";
		else if (r[d].allow != want[d])
			what = "explain differs from the reference";
		else if (!same_author(wr_program_author(s->program, v.dir[d].author), &r[d].author))
			what = "tables and explain name different authors";
		if (what)
			return differs(t, "%s -> %s protocol %u port %u, %s: %s, which says %s",
				       src->name, dst->name, f.proto, f.port, dir_name(d), what,
				       want[d] ? "allow" : "deny");
	}
	const char *lie = t->compared % 7 ? NULL : trace_lies(t, src, dst, f, want);
	if (lie)
		return differs(t, "%s -> %s protocol %u port %u: %s", src->name, dst->name, f.proto,
			       f.port, lie);
	if (v.allow != (want[0] && want[1]))
		return differs(t, "%s -> %s: the whole is not both directions", src->name,
			       dst->name);
	return false;
}

static bool set_allows(const struct wr_program *p, uint32_t set, uint32_t key)
{
	uint32_t n;
	const struct wr_range *r = wr_program_port_set(p, set, &n);
	while (n > 1 && r[n - 1].first > key)
		n--;
	return r[n - 1].allow;
}

/* A pod with itself by way of a Service. */
static bool hairpin_differs(struct trial *t, const struct end *e, struct probe f)
{
	if (e->side.pod == WR_NONE)
		return false;
	bool want = ref_hairpin(&t->s->ref, &e->ref, f.proto, f.port);
	t->compared++;
	uint32_t key = WR_KEY(f.proto, wr_proto_has_ports(f.proto) ? f.port : 0);
	if (set_allows(t->s->program, e->side.id.self, key) == want)
		return false;
	return differs(t, "%s by way of a Service, protocol %u port %u: reference says %s", e->name,
		       f.proto, f.port, want ? "allow" : "deny");
}

static bool same_family(const struct end *a, const struct end *b)
{
	return !a->side.family || !b->side.family || a->side.family == b->side.family;
}

typedef bool flow_fn(struct trial *t, size_t src, size_t dst, struct probe f, const void *ctx);

/* fn() for every pair of ends with probes, until it is true; pairs of outsiders rarely. */
static bool any_flow(struct trial *t, flow_fn *fn, const void *ctx)
{
	for (size_t i = 0; i < t->n_ends; i++)
		for (size_t k = 0; k < t->n_ends; k++) {
			const struct end *src = &t->ends[i], *dst = &t->ends[k];
			if (!same_family(src, dst))
				continue;
			if (src->side.pod == WR_NONE && dst->side.pod == WR_NONE &&
			    !rng_chance(&t->rng, 3))
				continue;
			wr_arena_reset(t->scratch);
			size_t n = t->exhaustive ? t->n_probes : FLOWS_OF_A_PAIR;
			for (size_t p = 0; p < n; p++) {
				size_t pick = t->exhaustive
						      ? p
						      : rng_below(&t->rng, (uint32_t)t->n_probes);
				if (fn(t, i, k, t->probes[pick], ctx))
					return true;
			}
		}
	return false;
}

static bool against_reference(struct trial *t, size_t src, size_t dst, struct probe f,
			      const void *ctx)
{
	(void)ctx;
	return flow_differs(t, &t->ends[src], &t->ends[dst], f) ||
	       (src == dst && hairpin_differs(t, &t->ends[src], f));
}

/* Port sets are total functions, ranges in order and none like the one before; rows name them. */
static bool tables_unsound(struct trial *t)
{
	const struct wr_program *p = t->s->program;
	uint32_t n_sets = wr_program_n_port_sets(p), n;
	for (uint32_t set = 0; set < n_sets; set++) {
		const struct wr_range *r = wr_program_port_set(p, set, &n);
		if (!n || r[0].first || r[n - 1].first > WR_KEY_LAST)
			return differs(t, "port set %u does not hold every key", set);
		for (uint32_t i = 0; i < n; i++) {
			if (r[i].author >= wr_program_n_authors(p))
				return differs(t, "port set %u has an unknown author", set);
			if (i && r[i].first <= r[i - 1].first)
				return differs(t, "port set %u is out of order", set);
			if (i && r[i].allow == r[i - 1].allow && r[i].author == r[i - 1].author)
				return differs(t, "port set %u has a range in two parts", set);
		}
	}
	for (uint32_t row = 0; row < wr_program_n_rows(p); row++)
		for (uint32_t c = 0; c < wr_program_n_classes(p); c++)
			if (wr_program_row(p, row)[c] >= n_sets)
				return differs(t, "row %u names a port set that is none", row);
	return false;
}

/* ---- one node's program ---- */

struct other {
	const struct wr_program *program;
	struct end ends[ENDS_MAX];
};

/* Rows of other nodes' pods are left out, and nothing else changes. */
static bool against_node(struct trial *t, size_t src, size_t dst, struct probe f, const void *ctx)
{
	const struct other *o = ctx;
	const struct wr_world *w = t->s->world;
	struct wr_verdict all, here;
	t->compared++;
	wr_evaluate(t->s->program, &t->ends[src].side, &t->ends[dst].side, f.proto, f.port, &all);
	wr_evaluate(o->program, &o->ends[src].side, &o->ends[dst].side, f.proto, f.port, &here);
	for (int d = 0; d < 2; d++) {
		uint32_t pod = t->ends[d == WR_EGRESS ? src : dst].side.pod;
		uint32_t node = pod == WR_NONE ? WR_NONE : w->pods[pod].node;
		bool local = node != WR_NONE && !strcmp(w->nodes[node].name, "n1");
		if (here.dir[d].allow != (local ? all.dir[d].allow : true))
			return differs(t, "%s -> %s %s: another verdict when compiled for n1 only",
				       t->ends[src].name, t->ends[dst].name, dir_name(d));
	}
	return false;
}

static struct wr_compile_opts options(const struct cluster *c)
{
	return (struct wr_compile_opts){.ipblocks_skip_pods = c->seed % 5 == 0};
}

/* Compiles the world in hand once more and holds the two programs together. */
static bool recompiled_differs(struct trial *t, const struct wr_compile_opts *opts, flow_fn *fn)
{
	static struct other o;
	struct wr_program *program;
	if (wr_compile(t->s->world, opts, &program) < 0)
		return differs(t, "a second compile fails");
	struct subject twin = *t->s;
	twin.program = program;
	o.program = program;
	subject_ends(&twin, o.ends);
	bool bad = any_flow(t, fn, &o);
	wr_program_unref(program);
	return bad;
}

/* ---- one cluster ---- */

static bool subject_differs(struct trial *t)
{
	struct wr_compile_opts opts = options(t->c), here = opts;
	here.node = "n1";
	t->n_ends = subject_ends(t->s, t->ends);
	t->n_probes = subject_probes(t->s, t->probes);
	bool bad = tables_unsound(t) || any_flow(t, against_reference, NULL);
	if (!bad && t->c->seed % 4 == 0)
		bad = recompiled_differs(t, &here, against_node);
	return bad;
}

/* True when this cluster shows a difference, told in t->why. */
static bool fails(struct cluster *c, struct trial *t)
{
	struct wr_compile_opts opts = options(c);
	struct subject s;
	char *text = cluster_text(c);
	if (!text)
		exit(2);
	t->c = c;
	t->s = &s;
	t->rng = (struct rng){c->seed ^ 0xf10e5};
	bool bad = subject_up(&s, text, &opts) < 0 ? differs(t, "the manifests are refused")
						   : subject_differs(t);
	subject_down(&s);
	free(text);
	return bad;
}

/* Leaves out one part after the other as long as it still fails. */
static void shrink(struct cluster *c, struct trial *t)
{
	t->exhaustive = true;
	for (bool again = true; again;) {
		again = false;
		for (unsigned i = 0; i < c->n_parts; i++) {
			if (c->dropped[i])
				continue;
			c->dropped[i] = true;
			if (fails(c, t) && !strstr(t->why, "refused"))
				again = true;
			else
				c->dropped[i] = false;
		}
	}
}

static void report(struct cluster *c, struct trial *t)
{
	printf("seed %llu: %s\n", (unsigned long long)c->seed, t->why);
	if (strstr(t->why, "refused"))
		return;
	shrink(c, t);
	(void)fails(c, t);
	char *text = cluster_text(c);
	if (text)
		printf("shrunk: %s\n%s", t->why, text);
	free(text);
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, rounds = ROUNDS;
	for (int i = 1; i < argc; i += 2) {
		bool value = i + 1 < argc;
		if (value && !strcmp(argv[i], "--seed")) {
			seed = strtoull(argv[i + 1], NULL, 0);
		} else if (value && !strcmp(argv[i], "--rounds")) {
			rounds = strtoull(argv[i + 1], NULL, 0);
		} else {
			fprintf(stderr, "usage: %s [--seed N] [--rounds N]\n", argv[0]);
			return 2;
		}
	}
	static struct cluster c;
	static struct trial t;
	t.scratch = wr_arena_new();
	bool bad = !t.scratch;
	for (uint64_t i = 0; i < rounds && !bad; i++) {
		c = (struct cluster){.seed = seed + i};
		bad = fails(&c, &t);
		if (bad)
			report(&c, &t);
	}
	if (!bad)
		printf("%llu clusters, %llu comparisons\n", (unsigned long long)rounds,
		       (unsigned long long)t.compared);
	wr_arena_free(t.scratch);
	return bad;
}
