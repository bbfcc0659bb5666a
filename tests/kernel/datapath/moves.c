/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses by kind: random sequences of changes, and after every one of them
 * what is loaded judges as the engine does, for all pairs of addresses.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../property/cluster.h"
#include "dptest.h"

#define ADDRESSES 40
#define KINDS 12
#define PROGRAMS 12
#define STEPS 400

/* The owner: what it thinks is loaded. */
struct owner {
	struct rng rng;
	struct wr_ip ip[ADDRESSES];
	uint32_t kind[ADDRESSES], slot[ADDRESSES]; /* WR_NONE, WR_SLOT_NONE: not loaded */
	const struct wr_program *program;
	struct wr_kind_entry kinds[KINDS + ADDRESSES];
	uint32_t n_kinds;
	bool exact; /* every address is what the program's world says */
	bool stale; /* a replacement is due */
	unsigned changes, tables, busy, reopened;
};

static struct wr_program *programs[PROGRAMS];

static void make_addresses(struct owner *o)
{
	static const char *const outside[] = {"203.0.113.9", "203.0.113.200", "10.1.0.2",
					      "10.1.0.99",   "fd01::9",       "2001:db8::7",
					      "192.168.0.1", "192.168.0.2",   "fd99::1"};
	unsigned n = 0;
	char text[64];
	for (unsigned i = 0; i < sizeof(outside) / sizeof(*outside); i++)
		CHECK(!wr_ip_parse(outside[i], &o->ip[n++]), "address");
	for (unsigned i = 0; n < ADDRESSES; i++) {
		if (i % 2)
			snprintf(text, sizeof(text), "fd00::%x", i / 2 + 1);
		else
			snprintf(text, sizeof(text), "10.0.%u.%u", i / 2 % 2, i / 2 + 1);
		CHECK(!wr_ip_parse(text, &o->ip[n++]), "address");
	}
	memset(o->kind, 0xff, sizeof(o->kind));
	memset(o->slot, 0xff, sizeof(o->slot));
}

static void make_random_programs(uint64_t seed)
{
	for (unsigned i = 0; i < PROGRAMS; i++) {
		struct cluster c = {.seed = seed + i};
		char *text = cluster_text(&c);
		CHECK(text, "out of memory");
		programs[i] = compile_all(text, "n1");
		free(text);
	}
}

/* ---- what ought to be ---- */

static bool is_unknown(const struct owner *o, unsigned i)
{
	bool inside = false;
	for (uint32_t k = 0; k < opts.n_pod_cidrs; k++)
		inside |= wr_cidr_contains(&opts.pod_cidrs[k], &o->ip[i]);
	return inside && o->kind[i] == WR_NONE;
}

/* An address that is not loaded has the class of the most specific prefix. */
static struct wr_side side_of(const struct owner *o, unsigned i)
{
	struct wr_side s = {.endpoint = WR_NONE,
			    .pod = WR_NONE,
			    .node = WR_NONE,
			    .family = o->ip[i].family,
			    .ip = o->ip[i]};
	uint32_t n;
	const struct wr_prefix *p = wr_program_prefixes(o->program, &n);
	if (o->exact) {
		wr_side_ip(o->program, &o->ip[i], &s);
		return s;
	}
	if (o->kind[i] != WR_NONE) {
		s.id = o->kinds[o->kind[i]].id;
		return s;
	}
	s.id.class = wr_program_world_class(o->program, s.family);
	int longest = -1;
	for (uint32_t k = 0; k < n; k++)
		if (wr_cidr_contains(&p[k].cidr, &s.ip) && p[k].cidr.len > longest) {
			longest = p[k].cidr.len;
			s.id.class = p[k].class;
		}
	return s;
}

static uint32_t flags_at(const struct owner *o, unsigned i)
{
	return o->kind[i] == WR_NONE ? 0 : o->kinds[o->kind[i]].flags;
}

static bool expected(const struct owner *o, unsigned from, unsigned to, uint8_t proto,
		     uint16_t port)
{
	struct wr_side src = side_of(o, from), dst = side_of(o, to);
	const uint32_t node = WEIR_ADDR_NODE | WEIR_ADDR_LOCAL,
		       pod = WEIR_ADDR_POD | WEIR_ADDR_LOCAL;
	struct wr_verdict v;
	if (is_unknown(o, from) || is_unknown(o, to))
		return false;
	wr_evaluate(o->program, &src, &dst, proto, port, &v);
	if ((flags_at(o, from) & node) == node && (flags_at(o, to) & pod) == pod)
		return v.dir[WR_EGRESS].allow;
	return v.allow;
}

static bool same_pod(const struct owner *o, unsigned i, unsigned k)
{
	struct wr_side a = side_of(o, i), b = side_of(o, k);
	return a.pod != WR_NONE && a.pod == b.pod;
}

static void check_pair(const struct owner *o, const struct wr_image *img, unsigned i, unsigned k)
{
	static const uint16_t ports[] = {80, 53, 443};
	for (int n = 0; n < 6; n++) {
		uint8_t proto = n < 3 ? 6 : 17;
		struct wr_verdict got;
		wr_image_evaluate(img, &o->ip[i], &o->ip[k], proto, ports[n % 3], &got);
		char a[WR_IP_TEXT], b[WR_IP_TEXT];
		bool want = expected(o, i, k, proto, ports[n % 3]);
		CHECK(got.allow == want, "%s to %s, %u/%u: engine %d, image %d (%u changes)",
		      wr_ip_format(&o->ip[i], a), wr_ip_format(&o->ip[k], b), proto, ports[n % 3],
		      want, got.allow, o->changes + o->tables);
	}
}

static void check_all(const struct owner *o)
{
	struct wr_image *img;
	CHECK(wr_image_read(pin_dir, diags, &img) == 0, "%s", diags_text());
	for (unsigned i = 0; i < ADDRESSES; i++)
		for (unsigned k = 0; k < ADDRESSES; k++)
			if (i != k && o->ip[i].family == o->ip[k].family &&
			    !(o->exact && same_pod(o, i, k)))
				check_pair(o, img, i, k);
	for (unsigned i = 0; i < ADDRESSES; i++)
		for (unsigned k = 0; k < i; k++)
			CHECK(o->slot[i] == WR_SLOT_NONE || o->slot[i] != o->slot[k],
			      "two addresses have slot %u", o->slot[i]);
	wr_image_free(img);
}

/* ---- changes ---- */

/* Kinds that any program has: of some of its endpoints, with any flags. */
static void draw_kinds(struct owner *o)
{
	static const uint32_t flags[] = {WEIR_ADDR_POD, WEIR_ADDR_POD | WEIR_ADDR_LOCAL,
					 WEIR_ADDR_NODE, WEIR_ADDR_NODE | WEIR_ADDR_LOCAL};
	uint32_t n;
	const struct wr_endpoint *e = wr_program_endpoints(o->program, &n);
	o->n_kinds = KINDS;
	for (unsigned i = 0; i < KINDS; i++) {
		o->kinds[i] = (struct wr_kind_entry){.flags = flags[rng_below(&o->rng, 4)]};
		if (n)
			o->kinds[i].id = e[rng_below(&o->rng, n)].id;
	}
}

/* All that the world has, each of its own kind; KINDS on, so that all of them move. */
static void exact_kinds(struct owner *o, uint32_t kind[ADDRESSES])
{
	const struct wr_world *w = wr_program_world(o->program);
	uint32_t n1 = wr_world_find_node(w, "n1");
	o->n_kinds = KINDS;
	for (unsigned i = 0; i < ADDRESSES; i++) {
		struct wr_side s;
		wr_side_ip(o->program, &o->ip[i], &s);
		kind[i] = WR_NONE;
		if (s.endpoint == WR_NONE)
			continue;
		bool node = s.pod == WR_NONE || w->pods[s.pod].host_network;
		uint32_t at = node ? s.node : w->pods[s.pod].node;
		uint32_t flags = node ? WEIR_ADDR_NODE : WEIR_ADDR_POD;
		if (at != WR_NONE && at == n1)
			flags |= WEIR_ADDR_LOCAL;
		kind[i] = o->n_kinds++;
		o->kinds[kind[i]] = (struct wr_kind_entry){s.id, flags};
	}
}

static size_t moves_to(const struct owner *o, const uint32_t kind[ADDRESSES], bool all,
		       struct wr_move *out)
{
	size_t n = 0;
	for (unsigned i = 0; i < ADDRESSES; i++)
		if (all ? kind[i] != WR_NONE : kind[i] != o->kind[i])
			out[n++] = (struct wr_move){o->ip[i], kind[i], all ? 7 : o->slot[i]};
	return n;
}

static void note(struct owner *o, const uint32_t kind[ADDRESSES], const struct wr_move *moves,
		 size_t n, bool all)
{
	for (unsigned i = 0; i < ADDRESSES; i++) {
		if (all && kind[i] == WR_NONE)
			o->slot[i] = WR_SLOT_NONE;
		for (size_t k = 0; k < n; k++)
			if (wr_ip_equal(&o->ip[i], &moves[k].ip))
				o->slot[i] = moves[k].slot;
		o->kind[i] = kind[i];
		CHECK((o->slot[i] == WR_SLOT_NONE) == (kind[i] == WR_NONE), "slot of a kind");
	}
}

/* Random kinds for some addresses; 100: for all. */
static void draw_moves(struct owner *o, unsigned percent, uint32_t kind[ADDRESSES])
{
	for (unsigned i = 0; i < ADDRESSES; i++) {
		bool moves = rng_chance(&o->rng, percent), goes = rng_chance(&o->rng, 30);
		uint32_t to = rng_below(&o->rng, KINDS);
		kind[i] = !moves ? o->kind[i] : goes ? WR_NONE : to;
		if (kind[i] != WR_NONE && kind[i] >= o->n_kinds)
			kind[i] = WR_NONE;
	}
}

static void change(struct owner *o, bool with_tables, bool all)
{
	uint32_t kind[ADDRESSES];
	struct wr_move moves[ADDRESSES];
	struct owner before = *o;
	bool exact = with_tables && rng_chance(&o->rng, 30);
	if (with_tables) {
		o->program = programs[rng_below(&o->rng, PROGRAMS)];
		draw_kinds(o);
	}
	if (exact)
		exact_kinds(o, kind);
	else
		draw_moves(o, all || before.exact ? 100 : 10, kind);
	if (!with_tables && before.exact)
		/* kinds of an exact program stay in use by some */
		for (unsigned i = 0; i < ADDRESSES; i++)
			kind[i] = i % 3 ? o->kind[i] : kind[i];
	size_t n = moves_to(o, kind, all, moves);
	struct wr_tables t = {o->program, o->kinds, o->n_kinds};
	bool busy = wr_datapath_busy(dp);
	int rc = all ? wr_datapath_replace(dp, &t, moves, n, diags)
		     : wr_datapath_change(dp, with_tables ? &t : NULL, moves, n, diags);
	if (!all && (o->stale || busy)) {
		EQUAL(rc, o->stale ? -ESTALE : -EBUSY);
		struct rng rng = o->rng;
		*o = before;
		o->rng = rng;
		o->busy++;
		return;
	}
	CHECK(rc == 0, "%s: %s", strerror(-rc), diags_text());
	CHECK(!all || !wr_datapath_unsettled(dp), "unsettled after a replacement");
	o->stale = false;
	o->exact = exact;
	o->tables += with_tables;
	o->changes += !with_tables;
	note(o, kind, moves, n, all);
	check_all(o);
}

/* Sometimes with a change between the ticket and the fence: it may wait no less. */
static void settle(struct owner *o)
{
	uint64_t ticket = wr_datapath_ticket(dp);
	if (rng_chance(&o->rng, 30))
		change(o, false, false);
	EQUAL(wr_datapath_fence(dp), 0);
	EQUAL(wr_datapath_settle(dp, ticket), 0);
	CHECK(!wr_datapath_busy(dp), "still busy");
	check_all(o);
}

/* Another process's turn, as far as the maps can tell; addresses keep their slots. */
static void reopen(struct owner *o)
{
	wr_datapath_close(dp);
	open_datapath();
	o->stale = true;
	o->reopened++;
	check_all(o);
	uint32_t slot[ADDRESSES];
	memcpy(slot, o->slot, sizeof(slot));
	bool was[ADDRESSES];
	for (unsigned i = 0; i < ADDRESSES; i++)
		was[i] = o->kind[i] != WR_NONE;
	if (rng_chance(&o->rng, 50))
		change(o, false, false);
	change(o, true, true);
	for (unsigned i = 0; i < ADDRESSES; i++)
		CHECK(!was[i] || o->kind[i] == WR_NONE || o->slot[i] == slot[i],
		      "an address has lost its slot");
}

static void run_random(uint64_t seed)
{
	struct owner o = {.rng = {seed}, .stale = true};
	make_random_programs(seed * 100);
	make_addresses(&o);
	open_datapath();
	EQUAL(wr_datapath_change(dp, NULL, NULL, 0, diags), -ESTALE);
	change(&o, true, true);
	for (int i = 0; i < STEPS; i++) {
		uint32_t what = rng_below(&o.rng, 100);
		if (what < 60)
			change(&o, false, false);
		else if (what < 75)
			change(&o, true, false);
		else if (what < 96)
			settle(&o);
		else if (what < 98)
			change(&o, true, true);
		else
			reopen(&o);
	}
	while (wr_datapath_unsettled(dp))
		settle(&o);
	unsigned loaded = 0;
	for (unsigned i = 0; i < ADDRESSES; i++)
		loaded += o.kind[i] != WR_NONE;
	struct wr_image_stats all = stats(), own;
	EQUAL(wr_datapath_own_stats(dp, diags, &own), 0);
	EQUAL(all.addresses, loaded);
	EQUAL(own.addresses, loaded);
	EQUAL(own.prefixes, all.prefixes);
	EQUAL(own.slots, all.slots);
	CHECK(stats().config.stricter_since != UINT64_MAX, "still judging every packet");
	CHECK(o.changes > 60 && o.tables > 20 && o.busy > 5 && o.reopened > 1,
	      "only %u changes, %u tables, %u refused, %u reopened", o.changes, o.tables, o.busy,
	      o.reopened);
}

static void test_random_1(void)
{
	run_random(1);
}

static void test_random_2(void)
{
	run_random(2);
}

static void test_random_3(void)
{
	opts.keep_established = true;
	run_random(3);
}

const struct test tests_moves[] = {
	{"moves-random-1", test_random_1, 0},
	{"moves-random-2", test_random_2, 0},
	{"moves-random-3", test_random_3, 0},
	{NULL, NULL, 0},
};
