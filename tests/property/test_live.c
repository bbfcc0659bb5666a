/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live tables against compiled ones: objects of random clusters come, change
 * and go one by one; every few changes all addresses, and addresses outside,
 * are judged by both.
 *
 *	test_live [--seed N] [--rounds N]
 *
 * Each object is a copy of its own that is freed when it is replaced, so that
 * nothing can be kept of it unseen. Addresses are known by the moves that the
 * live tells of, as the kernel knows them. A history that shows a difference is
 * shrunk, and printed with its seed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "cluster.h"
#include "engine/live.h"
#include "kube/internal.h"
#include "subject.h"

#define ROUNDS 150
#define POOLS 4    /* clusters that objects are taken from */
#define EVENTS 120 /* changes in a history */
#define STEP 4     /* looked at after so many, on average */
#define OBJECTS 256
#define LOADED 512
#define WHY 512
#define NODE "n1"

struct history {
	uint64_t seed;
	bool dropped[EVENTS];
};

struct run {
	const struct history *h;
	struct subject pools[POOLS];
	struct wr_kube_pool *pool;      /* what copies of objects have alike */
	struct wr_object *now[OBJECTS]; /* what there is */
	size_t n_now;
	struct wr_live *live;
	struct wr_move loaded[LOADED]; /* addresses, by slot; kind WR_NONE: a free slot */
	uint64_t told;                 /* the tables when it was last told that they have changed */
	uint64_t compared, rebuilt;
	char why[WHY];
};

__attribute__((format(printf, 2, 3))) static bool differs(struct run *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_name(const struct wr_object *a, const struct wr_object *b)
{
	return a->kind == b->kind && !strcmp(a->meta.name, b->meta.name) &&
	       same_text(a->meta.ns, b->meta.ns);
}

/* ---- authors and port sets ---- */

static bool same_policy(const struct wr_program *a, uint32_t i, const struct wr_program *b,
			uint32_t k)
{
	return same_name(wr_program_world(a)->policies[i].object,
			 wr_program_world(b)->policies[k].object);
}

static bool same_author(const struct wr_program *a, uint32_t i, const struct wr_program *b,
			uint32_t k)
{
	const struct wr_author *x = wr_program_author(a, i), *y = wr_program_author(b, k);
	if (x->kind != y->kind)
		return false;
	if (x->kind == WR_BY_RULE)
		return x->rule == y->rule && x->dir == y->dir &&
		       same_policy(a, x->policy, b, y->policy);
	if (x->kind != WR_BY_ISOLATION)
		return true;
	if (x->n != y->n || x->dir != y->dir)
		return false;
	for (uint32_t p = 0; p < x->n; p++)
		if (!same_policy(a, x->policies[p], b, y->policies[p]))
			return false;
	return true;
}

/* The first key at which two port sets differ, or UINT32_MAX. */
static uint32_t first_difference(const struct wr_program *a, uint32_t i, const struct wr_program *b,
				 uint32_t k)
{
	uint32_t n, m, x = 0, y = 0, key = 0;
	const struct wr_range *ra = wr_program_port_set(a, i, &n),
			      *rb = wr_program_port_set(b, k, &m);
	for (;;) {
		if (ra[x].allow != rb[y].allow || !same_author(a, ra[x].author, b, rb[y].author))
			return key;
		uint32_t end_a = x + 1 < n ? ra[x + 1].first : WR_KEY_LAST + 1;
		uint32_t end_b = y + 1 < m ? rb[y + 1].first : WR_KEY_LAST + 1;
		key = end_a < end_b ? end_a : end_b;
		if (key > WR_KEY_LAST)
			return UINT32_MAX;
		x += end_a == key;
		y += end_b == key;
	}
}

/* ---- what an address is, as the kernel has it ---- */

static const struct wr_move *find_loaded(const struct run *r, const struct wr_ip *ip)
{
	for (size_t i = 0; i < LOADED; i++)
		if (r->loaded[i].kind != WR_NONE && wr_ip_equal(&r->loaded[i].ip, ip))
			return &r->loaded[i];
	return NULL;
}

static struct wr_identity live_identity(const struct run *r, const struct wr_ip *ip,
					uint32_t *flags)
{
	const struct wr_program *p = wr_live_program(r->live);
	const struct wr_move *m = find_loaded(r, ip);
	uint32_t n, best = WR_NONE;
	*flags = 0;
	if (m) {
		const struct wr_kind_entry *e = &wr_live_kinds(r->live, &n)[m->kind];
		*flags = e->flags;
		return e->id;
	}
	const struct wr_prefix *prefixes = wr_program_prefixes(p, &n);
	for (uint32_t i = 0; i < n; i++)
		if (wr_cidr_contains(&prefixes[i].cidr, ip) &&
		    (best == WR_NONE || prefixes[i].cidr.len > prefixes[best].cidr.len))
			best = i;
	return (struct wr_identity){.class = best == WR_NONE ? wr_program_world_class(p, ip->family)
							     : prefixes[best].class};
}

static bool sets_differ(struct run *r, const struct end *s, const struct end *q,
			const struct wr_identity *live_s, const struct wr_identity *live_q,
			const struct wr_program *p)
{
	const struct wr_program *live = wr_live_program(r->live);
	for (int d = 0; d < 2; d++) {
		uint32_t want = wr_program_row(p, s->side.id.row[d])[q->side.id.class];
		uint32_t have = wr_program_row(live, live_s->row[d])[live_q->class];
		uint32_t key = first_difference(p, want, live, have);
		r->compared++;
		if (key != UINT32_MAX)
			return differs(r,
				       "%s, %s with %s: the tables differ at protocol %u port %u",
				       s->name, d == WR_EGRESS ? "egress" : "ingress", q->name,
				       key >> 16, key & 0xffff);
	}
	return false;
}

/* One address: known or not, what it is, and its port set with itself. */
static bool end_differs(struct run *r, const struct end *e, const struct wr_program *p)
{
	const struct wr_world *w = wr_program_world(p);
	bool node = e->side.endpoint != WR_NONE &&
		    (e->side.pod == WR_NONE || w->pods[e->side.pod].host_network);
	uint32_t flags, want = e->side.endpoint == WR_NONE ? 0 : node ? WR_ADDR_NODE : WR_ADDR_POD;
	struct wr_identity id = live_identity(r, &e->side.ip, &flags);
	if (node && e->side.node != WR_NONE && !strcmp(w->nodes[e->side.node].name, NODE))
		want |= WR_ADDR_LOCAL;
	if (flags != want)
		return differs(r, "%s: flags are %u, not %u", e->name, flags, want);
	if (first_difference(p, e->side.id.self, wr_live_program(r->live), id.self) != UINT32_MAX)
		return differs(r, "%s with itself differs", e->name);
	return false;
}

static bool tables_differ(struct run *r, const struct subject *s)
{
	static struct end ends[ENDS_MAX];
	struct wr_identity ids[ENDS_MAX];
	size_t n = subject_ends(s, ends), kept = 0;
	uint32_t flags;
	for (size_t i = 0; i < n; i++) {
		if (!ends[i].side.family)
			continue; /* no address: the kernel knows nothing of it */
		/* of several that claim an address one has it */
		struct wr_ip ip = ends[i].side.ip;
		wr_side_ip(s->program, &ip, &ends[i].side);
		if (end_differs(r, &ends[i], s->program))
			return true;
		ids[kept] = live_identity(r, &ip, &flags);
		ends[kept++] = ends[i];
	}
	for (size_t i = 0; i < kept; i++)
		for (size_t k = 0; k < kept; k++)
			if (sets_differ(r, &ends[i], &ends[k], &ids[i], &ids[k], s->program))
				return true;
	return false;
}

/* ---- a history ---- */

static bool put_all(struct run *r, struct wr_live *live, bool policies)
{
	for (size_t i = 0; i < r->n_now; i++)
		if (wr_kind_is_policy(r->now[i]->kind) == policies &&
		    wr_live_put(live, r->now[i]) < 0)
			return differs(r, "an object cannot be put");
	return false;
}

static bool rebuild(struct run *r)
{
	static const struct wr_live_opts opts = {.node = NODE};
	struct wr_live *live;
	r->rebuilt++;
	if (wr_live_new(&opts, &live) < 0)
		return differs(r, "no new live");
	if (put_all(r, live, true) || put_all(r, live, false) ||
	    wr_live_move_all(live, r->live) < 0) {
		wr_live_free(live);
		return differs(r, "it cannot be built anew");
	}
	wr_live_free(r->live);
	r->live = live;
	r->told = 0;
	return false;
}

/* As the datapath does it. */
static bool carry_out(struct run *r)
{
	size_t n;
	struct wr_move *moves;
	if (wr_live_moves(r->live, &moves, &n) < 0)
		return differs(r, "no moves");
	for (size_t i = 0; i < n; i++) {
		const struct wr_move *m = find_loaded(r, &moves[i].ip);
		if ((m ? (uint32_t)(m - r->loaded) : WR_SLOT_NONE) != moves[i].slot)
			return differs(r, "a move is told with another slot");
		if (moves[i].slot == WR_SLOT_NONE && moves[i].kind != WR_NONE)
			for (moves[i].slot = 0; r->loaded[moves[i].slot].kind != WR_NONE;)
				moves[i].slot++;
		if (moves[i].slot == WR_SLOT_NONE)
			continue;
		r->loaded[moves[i].slot] = moves[i];
		if (moves[i].kind == WR_NONE)
			moves[i].slot = WR_SLOT_NONE;
	}
	wr_live_moved(r->live);
	return false;
}

static uint64_t mix(uint64_t h, const void *data, size_t size)
{
	return (h ^ wr_hash(data, size)) * 0x100000001b3u;
}

/* All that the kernel is given, as a number. */
static uint64_t checksum(const struct wr_live *live)
{
	const struct wr_program *p = wr_live_program(live);
	uint32_t n_kinds, n_prefixes, classes = wr_program_n_classes(p);
	const struct wr_kind_entry *kinds = wr_live_kinds(live, &n_kinds);
	const struct wr_prefix *prefixes = wr_program_prefixes(p, &n_prefixes);
	uint64_t h = mix(0, kinds, n_kinds * sizeof(*kinds));
	for (uint32_t i = 0; i < n_prefixes; i++) {
		h = mix(h, &prefixes[i].class, sizeof(prefixes[i].class));
		h = mix(h, prefixes[i].cidr.ip.b, sizeof(prefixes[i].cidr.ip.b));
	}
	for (uint32_t r = 1; r < wr_program_n_rows(p); r++)
		h = mix(h, wr_program_row(p, r), classes * sizeof(uint32_t));
	return h;
}

/* It must say so when its tables have changed. */
static bool changes_untold(struct run *r, bool tables)
{
	uint64_t now = checksum(r->live);
	bool untold = !tables && now != r->told;
	r->told = now;
	return untold && differs(r, "the tables have changed, which is not told");
}

static bool look(struct run *r)
{
	struct wr_compile_opts opts = {.node = NODE};
	struct subject s = {.objects = {.items = r->now, .n = r->n_now}};
	bool tables = false, bad = wr_live_stale(r->live) && rebuild(r);
	if (bad || wr_live_update(r->live, &tables) < 0 || changes_untold(r, tables) ||
	    carry_out(r))
		return *r->why ? true : differs(r, "it cannot be updated");
	if (wr_world_new(&s.objects, NULL, &s.world) < 0 ||
	    wr_compile(s.world, &opts, &s.program) < 0)
		return differs(r, "it cannot be compiled");
	s.ref = (struct ref){s.world, false};
	bad = tables_differ(r, &s);
	wr_program_unref(s.program);
	wr_world_unref(s.world);
	return bad;
}

static size_t find_now(const struct run *r, const struct wr_object *o)
{
	size_t i = 0;
	while (i < r->n_now && !same_name(r->now[i], o))
		i++;
	return i;
}

static bool is_followed(const struct wr_object *o)
{
	return o->kind == WR_KIND_NAMESPACE || o->kind == WR_KIND_NODE || o->kind == WR_KIND_POD ||
	       wr_kind_is_policy(o->kind);
}

static void drop(struct wr_object *o)
{
	wr_kube_compact_release(o);
	free(o);
}

static bool put(struct run *r, const struct wr_object *o)
{
	size_t at = find_now(r, o), size;
	struct wr_object *copy = wr_kube_compact(o, 0, r->pool, &size);
	if (!copy || at == OBJECTS)
		return differs(r, "no room");
	if (wr_live_put(r->live, copy) < 0)
		return differs(r, "an object cannot be put");
	if (at < r->n_now)
		drop(r->now[at]);
	else
		r->n_now++;
	r->now[at] = copy;
	return false;
}

static bool take(struct run *r, size_t at)
{
	if (wr_live_remove(r->live, r->now[at]) < 0)
		return differs(r, "an object cannot be removed");
	drop(r->now[at]);
	r->now[at] = r->now[--r->n_now];
	return false;
}

/* A change depends on its number only: leaving out others does not change what it does. */
static bool change(struct run *r, unsigned number, bool tell)
{
	struct rng rng = {r->h->seed * 1000003 + number};
	const struct wr_objects *pool = &r->pools[rng_below(&rng, POOLS)].objects;
	const struct wr_object *o = pool->items[rng_below(&rng, (uint32_t)pool->n)];
	bool remove = rng_chance(&rng, 30), anew = rng_chance(&rng, 3);
	size_t at = find_now(r, o);
	if (!is_followed(o) || (remove && at == r->n_now))
		return false;
	if (tell)
		printf("%s %s %s%s%s%s\n", remove ? "remove" : "put", wr_kind_name(o->kind),
		       o->meta.ns ? o->meta.ns : "", o->meta.ns ? "/" : "", o->meta.name,
		       anew ? ", and anew" : "");
	bool bad = remove ? take(r, at) : put(r, o);
	return bad || (anew && rebuild(r));
}

static bool pools_up(struct run *r)
{
	bool bad = false;
	for (unsigned i = 0; i < POOLS; i++) {
		struct cluster c = {.seed = r->h->seed * POOLS + i};
		char *text = cluster_text(&c);
		bad |= !text || subject_up(&r->pools[i], text, NULL) < 0 || !r->pools[i].objects.n;
		free(text);
	}
	return bad && differs(r, "a cluster is refused");
}

static bool fails(const struct history *h, struct run *r, bool tell)
{
	static const struct wr_live_opts opts = {.node = NODE};
	uint64_t compared = r->compared, rebuilt = r->rebuilt;
	*r = (struct run){.h = h, .compared = compared, .rebuilt = rebuilt};
	for (size_t i = 0; i < LOADED; i++)
		r->loaded[i].kind = WR_NONE;
	r->pool = wr_kube_pool_new();
	bool bad = (!r->pool && differs(r, "no pool")) || pools_up(r) ||
		   (wr_live_new(&opts, &r->live) < 0 && differs(r, "no live"));
	for (unsigned i = 0; i < EVENTS && !bad; i++) {
		struct rng rng = {h->seed + 7919 * i};
		if (!h->dropped[i])
			bad = change(r, i, tell);
		if (!bad && (i + 1 == EVENTS || rng_chance(&rng, 100 / STEP)))
			bad = look(r);
	}
	wr_live_free(r->live);
	for (size_t i = 0; i < r->n_now; i++)
		drop(r->now[i]);
	wr_kube_pool_unref(r->pool);
	for (unsigned i = 0; i < POOLS; i++)
		subject_down(&r->pools[i]);
	return bad;
}

static void report(struct history *h, struct run *r)
{
	printf("seed %llu: %s\n", (unsigned long long)h->seed, r->why);
	for (unsigned i = 0; i < EVENTS; i++) {
		h->dropped[i] = true;
		h->dropped[i] = fails(h, r, false);
	}
	(void)fails(h, r, true);
	printf("shrunk: %s\n", r->why);
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
	static struct history h;
	static struct run r;
	bool bad = false;
	for (uint64_t i = 0; i < rounds && !bad; i++) {
		h = (struct history){.seed = seed + i};
		bad = fails(&h, &r, false);
		if (bad)
			report(&h, &r);
	}
	if (!bad)
		printf("%llu histories, %llu comparisons, built anew %llu times\n",
		       (unsigned long long)rounds, (unsigned long long)r.compared,
		       (unsigned long long)r.rebuilt);
	return bad;
}
