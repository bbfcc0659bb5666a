/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From objects to the kernel by the price of the change: objects of random
 * clusters come, change and go, a live follows them, and what it tells is put
 * in force. Then what is loaded judges as the compiled world does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../property/cluster.h"
#include "api/decode.h"
#include "dptest.h"
#include "engine/live.h"
#include "input/input.h"

#define POOLS 5
#define EVENTS 400
#define OBJECTS 400
#define ADDRESSES 64
#define NODE "n1"

struct follower {
	struct rng rng;
	struct wr_objects pools[POOLS];
	const struct wr_object *now[OBJECTS];
	size_t n_now;
	struct wr_live *live;
	struct wr_ip ip[ADDRESSES];
	uint32_t n_ips;
	bool anew; /* everything is to be replaced */
	unsigned tables, alone, replaced, waited;
};

static void add_ip(struct follower *f, const char *fmt, unsigned a, unsigned b)
{
	char text[64];
	snprintf(text, sizeof(text), "%s.%u.%u", fmt, a, b);
	if (strchr(fmt, ':'))
		snprintf(text, sizeof(text), "%s%x", fmt, b);
	CHECK(f->n_ips < ADDRESSES && !wr_ip_parse(text, &f->ip[f->n_ips++]), "address %s", text);
}

/* Those that the random clusters use, and others. */
static void make_ips(struct follower *f)
{
	for (unsigned i = 1; i <= 8; i++) {
		add_ip(f, "10.0", (i - 1) % 2, i);
		add_ip(f, "10.1", 0, i);
		add_ip(f, "fd00::", 0, i);
		add_ip(f, "fd00:1::", 0, i);
	}
	for (unsigned i = 1; i <= 3; i++) {
		add_ip(f, "192.168", 0, i);
		add_ip(f, "fd99::", 0, i);
	}
	add_ip(f, "192.168", 0, 77);
	add_ip(f, "203.0", 113, 9);
	add_ip(f, "203.0", 113, 200);
	add_ip(f, "10.0", 1, 200);
	add_ip(f, "2001:db8::", 0, 7);
	add_ip(f, "fd01::", 0, 9);
}

static void make_pools(struct follower *f, uint64_t seed)
{
	for (unsigned i = 0; i < POOLS; i++) {
		struct cluster c = {.seed = seed * POOLS + i};
		char *text = cluster_text(&c);
		/* the objects borrow from these: they live as long as the test */
		struct wr_input *in = wr_input_new(NULL);
		struct wr_arena *arena = wr_arena_new();
		CHECK(text && in && arena, "out of memory");
		CHECK(wr_input_bytes(in, "test", 1, text, strlen(text), diags) >= 0 &&
			      wr_decode(in, arena, diags, &f->pools[i]) >= 0,
		      "%s", diags_text());
		free(text);
	}
}

/* ---- comparing ---- */

struct side {
	struct wr_side s;
	uint32_t flags;
	bool unknown;
};

/* As packets can tell: an address is nobody's pod or node beyond its flags. */
static struct side side_of(const struct wr_program *p, const struct wr_ip *ip)
{
	const struct wr_world *w = wr_program_world(p);
	struct side out = {0};
	wr_side_ip(p, ip, &out.s);
	bool inside = wr_datapath_flags(dp, ip, false, false) & WEIR_ADDR_LOCAL;
	if (out.s.endpoint == WR_NONE) {
		out.unknown = inside;
	} else if (out.s.pod != WR_NONE && !w->pods[out.s.pod].host_network) {
		out.flags = WEIR_ADDR_POD | (inside ? WEIR_ADDR_LOCAL : 0);
	} else {
		bool here = out.s.node != WR_NONE && out.s.node == wr_world_find_node(w, NODE);
		out.flags = WEIR_ADDR_NODE | (here ? WEIR_ADDR_LOCAL : 0);
	}
	out.s.pod = out.s.node = WR_NONE;
	return out;
}

static bool expected(const struct wr_program *p, const struct side *src, const struct side *dst,
		     uint8_t proto, uint16_t port)
{
	const uint32_t node = WEIR_ADDR_NODE | WEIR_ADDR_LOCAL,
		       pod = WEIR_ADDR_POD | WEIR_ADDR_LOCAL;
	struct wr_verdict v;
	if (src->unknown || dst->unknown)
		return false;
	wr_evaluate(p, &src->s, &dst->s, proto, port, &v);
	return src->flags == node && dst->flags == pod ? v.dir[WR_EGRESS].allow : v.allow;
}

static void compare(const struct follower *f, const struct wr_program *p,
		    const struct wr_image *img)
{
	static const struct {
		uint8_t proto;
		uint16_t port;
	} tries[] = {{6, 80}, {6, 81}, {6, 443}, {17, 53}, {132, 8080}, {1, 0}};
	struct side sides[ADDRESSES];
	for (uint32_t i = 0; i < f->n_ips; i++)
		sides[i] = side_of(p, &f->ip[i]);
	for (uint32_t i = 0; i < f->n_ips * f->n_ips; i++) {
		uint32_t a = i / f->n_ips, b = i % f->n_ips;
		if (a == b || f->ip[a].family != f->ip[b].family)
			continue;
		for (size_t t = 0; t < sizeof(tries) / sizeof(*tries); t++) {
			struct wr_verdict got;
			char from[WR_IP_TEXT], to[WR_IP_TEXT];
			bool want = expected(p, &sides[a], &sides[b], tries[t].proto,
					     tries[t].port);
			wr_image_evaluate(img, &f->ip[a], &f->ip[b], tries[t].proto, tries[t].port,
					  &got);
			CHECK(want == got.allow, "%s to %s, %u/%u: engine %d, image %d",
			      wr_ip_format(&f->ip[a], from), wr_ip_format(&f->ip[b], to),
			      tries[t].proto, tries[t].port, want, got.allow);
		}
	}
}

static void check(const struct follower *f)
{
	struct wr_compile_opts copts = {.node = NODE};
	const struct wr_object *items[OBJECTS];
	struct wr_objects objects = f->pools[0];
	struct wr_world *w;
	struct wr_program *p;
	struct wr_image *img;
	memcpy(items, f->now, f->n_now * sizeof(*items));
	objects.items = (void *)items;
	objects.n = f->n_now;
	CHECK(!wr_world_new(&objects, NULL, &w) && !wr_compile(w, &copts, &p), "compile");
	CHECK(wr_image_read(pin_dir, diags, &img) == 0, "%s", diags_text());
	compare(f, p, img);
	wr_image_free(img);
	wr_program_unref(p);
	wr_world_unref(w);
}

/* ---- following ---- */

static void new_live(struct follower *f)
{
	struct wr_live_opts lopts = {NODE, opts.pod_cidrs, opts.n_pod_cidrs};
	struct wr_live *live;
	CHECK(wr_live_new(&lopts, &live) == 0, "no live");
	for (size_t i = 0; i < f->n_now; i++)
		CHECK(wr_live_put(live, f->now[i]) == 0, "put");
	CHECK(wr_live_move_all(live, f->live) == 0, "move all");
	wr_live_free(f->live);
	f->live = live;
}

static void settle(void)
{
	uint64_t ticket = wr_datapath_ticket(dp);
	EQUAL(wr_datapath_fence(dp), 0);
	EQUAL(wr_datapath_settle(dp, ticket), 0);
}

static void put_in_force(struct follower *f)
{
	bool changed;
	size_t n;
	struct wr_move *moves;
	bool rebuilt = wr_live_stale(f->live);
	if (rebuilt)
		new_live(f);
	EQUAL(wr_live_update(f->live, &changed), 0);
	struct wr_tables t = {.program = wr_live_program(f->live)};
	t.kinds = wr_live_kinds(f->live, &t.n_kinds);
	if (f->anew)
		CHECK(wr_live_move_all(f->live, NULL) == 0, "move all");
	CHECK(wr_live_moves(f->live, &moves, &n) == 0, "no moves");
	changed |= rebuilt;
	if (wr_datapath_busy(dp)) {
		f->waited++;
		settle();
	}
	int rc = f->anew ? wr_datapath_replace(dp, &t, moves, n, diags)
			 : wr_datapath_change(dp, changed ? &t : NULL, moves, n, diags);
	CHECK(rc == 0, "%s: %s", strerror(-rc), diags_text());
	wr_live_moved(f->live);
	f->replaced += f->anew;
	f->tables += changed;
	f->alone += !changed && n;
	f->anew = false;
}

static bool same_name(const struct wr_object *a, const struct wr_object *b)
{
	bool ns = a->meta.ns && b->meta.ns ? !strcmp(a->meta.ns, b->meta.ns)
					   : a->meta.ns == b->meta.ns;
	return ns && a->kind == b->kind && !strcmp(a->meta.name, b->meta.name);
}

/* An object comes, takes another's place, or goes. */
static void change(struct follower *f)
{
	const struct wr_objects *pool = &f->pools[rng_below(&f->rng, POOLS)];
	const struct wr_object *o = pool->items[rng_below(&f->rng, (uint32_t)pool->n)];
	bool remove = rng_chance(&f->rng, 35);
	size_t at = 0;
	if (o->kind != WR_KIND_NAMESPACE && o->kind != WR_KIND_NODE && o->kind != WR_KIND_POD &&
	    !wr_kind_is_policy(o->kind))
		return;
	while (at < f->n_now && !same_name(f->now[at], o))
		at++;
	if (remove && at < f->n_now) {
		EQUAL(wr_live_remove(f->live, f->now[at]), 0);
		f->now[at] = f->now[--f->n_now];
	} else if (!remove) {
		CHECK(at < OBJECTS, "too many objects");
		EQUAL(wr_live_put(f->live, o), 0);
		f->now[at] = o;
		f->n_now += at == f->n_now;
	}
}

static void run(uint64_t seed)
{
	static struct follower f;
	f = (struct follower){.rng = {seed}, .anew = true};
	make_ips(&f);
	make_pools(&f, seed);
	open_datapath();
	new_live(&f);
	for (int i = 0; i < EVENTS; i++) {
		bool several = rng_chance(&f.rng, 20), reopens = rng_chance(&f.rng, 2);
		for (int k = 0; k < (several ? 8 : 1); k++)
			change(&f);
		if (reopens) {
			wr_datapath_close(dp);
			open_datapath();
			f.anew = true;
		}
		put_in_force(&f);
		check(&f);
		if (rng_chance(&f.rng, 30))
			settle();
	}
	CHECK(f.tables > 50 && f.alone > 5 && f.replaced > 2 && f.waited > 20,
	      "only %u tables, %u addresses alone, %u replaced, %u waited", f.tables, f.alone,
	      f.replaced, f.waited);
	wr_live_free(f.live);
}

static void test_1(void)
{
	run(1);
}

static void test_2(void)
{
	run(2);
}

static void test_3(void)
{
	run(3);
}

const struct test tests_follow[] = {
	{"follow-1", test_1, 0},
	{"follow-2", test_2, 0},
	{"follow-3", test_3, 0},
	{NULL, NULL, 0},
};
