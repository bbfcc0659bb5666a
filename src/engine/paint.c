/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paint: the policies of one row, flattened.
 *
 * A row starts with an open canvas for every class. The policies are gone
 * through in the order of evaluation (tier, priority, name), their rules in
 * order, and each paints the classes that its peers hold:
 *
 *	Admin		Accept and Deny are final, Pass leaves the tier
 *	NetworkPolicy	rules allow; at the end all that is left is denied, for the
 *			subject is isolated
 *	Baseline	as Admin, for what is left (nothing, where a NetworkPolicy was)
 *	default		what nobody painted is allowed
 *
 * Classes that have been painted alike so far are a group, with one canvas: at
 * first all of them. A rule splits a group into those that its peers hold, which
 * get the canvas with the rule painted on it, and the rest. A group on whose
 * canvas nothing is open any more is out until the next tier: after the first
 * rules without ports few are left, however many rules follow.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

/* ---- authors ---- */

static int intern_author(struct wr_program *p, const void *key, size_t size, struct wr_author a,
			 uint32_t *out)
{
	bool created;
	uint64_t *slot = wr_map_slot(p->author_index, key, size, p->authors.n, &created);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	return created ? wr_vec_push(&p->authors, a) : 0;
}

static int rule_author(struct wr_program *p, enum wr_direction dir, uint32_t policy, uint32_t rule,
		       uint32_t *out)
{
	uint32_t key[] = {WR_BY_RULE, dir, policy, rule};
	struct wr_author a = {.kind = WR_BY_RULE, .dir = dir, .policy = policy, .rule = rule};
	return intern_author(p, key, sizeof(key), a, out);
}

static int isolation_author(struct wr_program *p, enum wr_direction dir, const uint32_t *policies,
			    uint32_t n, uint32_t *out)
{
	uint32_t *key = calloc(n + 2, sizeof(*key));
	if (!key)
		return -ENOMEM;
	key[0] = WR_BY_ISOLATION;
	key[1] = dir;
	memcpy(key + 2, policies, n * sizeof(*key));
	struct wr_author a = {
		.kind = WR_BY_ISOLATION, .dir = dir, .policy = WR_NONE, .rule = WR_NONE, .n = n};
	bool known = wr_map_get(p->author_index, key, (n + 2) * sizeof(*key), NULL);
	uint32_t *copy = known ? NULL : wr_arena_array(p->arena, n, sizeof(*copy));
	int rc = known || copy ? 0 : -ENOMEM;
	if (copy)
		a.policies = memcpy(copy, policies, n * sizeof(*copy));
	if (!rc)
		rc = intern_author(p, key, (n + 2) * sizeof(*key), a, out);
	free(key);
	return rc;
}

int painter_fixed_authors(struct wr_program *p)
{
	static const enum wr_author_kind kinds[] = {WR_BY_DEFAULT, WR_BY_SELF, WR_BY_NODE};
	for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (wr_vec_push(&p->authors, (struct wr_author){
						     .kind = kinds[i],
						     .policy = WR_NONE,
						     .rule = WR_NONE,
					     }) < 0)
			return -ENOMEM;
	return 0;
}

/* ---- painting one row ---- */

/* What a rule is to every row: looked up once. */
struct known_rule {
	bool known, named; /* named: its cover depends on the destination */
	uint32_t author, cover;
};

struct group {
	uint32_t canvas, size; /* size: number of classes */
	uint32_t at;           /* its place in the list of open ones */
	struct wr_bitset *classes;
};

/* How the rule in hand's peers hold a group; zero between rules. */
struct hit {
	uint32_t n;      /* how many of its classes */
	uint32_t target; /* the group that these are going to be, or 0 */
};

struct painter {
	struct wr_program *p;
	struct wr_arena *arena; /* of the painter itself */
	const struct row *row;
	const struct wr_bitset *only; /* the classes to be painted; NULL: all */
	struct canvases canvases;
	WR_VEC(struct group) groups;
	uint32_t *group_of;                /* by class */
	WR_VEC(uint32_t) open;             /* groups on whose canvas something is open */
	struct wr_bitset *is_open;         /* their classes */
	WR_VEC(struct wr_bitset *) unused; /* sets of groups of earlier rows */
	uint32_t *live; /* words of is_open that are not empty, as the policy in hand began */
	uint32_t n_live;
	struct wr_bitset *held; /* open classes that the rule in hand's peers hold; in live words */
	bool by_groups;         /* how they were found */
	struct hit *hit;        /* by group */
	size_t n_hit;           /* room in hit */
	WR_VEC(uint32_t) touched; /* groups that the rule in hand's peers hold in part or whole */
	struct known_rule **rules[2]; /* by policy and rule */
	/* the rule in hand */
	const struct wr_rule *rule;
	enum paint paint;
	uint32_t author, cover;
	uint32_t *covers; /* of one with named ports: by signature + 1; 0: not yet */
};

static enum paint paint_of(enum wr_action action)
{
	switch (action) {
	case WR_ACCEPT:
		return PAINT_ALLOW;
	case WR_DENY:
		return PAINT_DENY;
	case WR_PASS:
		return PAINT_PASSED;
	}
	return PAINT_DENY;
}

/* ---- groups ---- */

static void clear(struct wr_bitset *s)
{
	memset(s->words, 0, wr_bitset_words(s->bits) * sizeof(*s->words));
}

/* An empty group; *id is its number. */
static int new_group(struct painter *pt, uint32_t canvas, uint32_t *id)
{
	struct wr_bitset *set = pt->unused.n ? pt->unused.items[--pt->unused.n]
					     : wr_bitset_new(pt->arena, pt->p->classes.n);
	if (!set)
		return -ENOMEM;
	clear(set);
	*id = (uint32_t)pt->groups.n;
	return wr_vec_push(&pt->groups, (struct group){canvas, 0, WR_NONE, set});
}

static bool is_open(const struct painter *pt, uint32_t group)
{
	return pt->canvases.items.items[pt->groups.items[group].canvas].open;
}

static int list_open(struct painter *pt, uint32_t group)
{
	pt->groups.items[group].at = (uint32_t)pt->open.n;
	return wr_vec_push(&pt->open, group);
}

static int open_group(struct painter *pt, uint32_t group)
{
	wr_bitset_or(pt->is_open, pt->groups.items[group].classes);
	return list_open(pt, group);
}

/* Takes a group out of the open ones when the rule in hand has closed it. */
static void close_group(struct painter *pt, uint32_t group)
{
	struct group *g = &pt->groups.items[group];
	if (is_open(pt, group))
		return;
	wr_bitset_and_not(pt->is_open, g->classes);
	uint32_t last = pt->open.items[--pt->open.n];
	pt->open.items[g->at] = last;
	pt->groups.items[last].at = g->at;
}

/* Those that the rule in hand has touched, and those that it has made. */
static void close_groups(struct painter *pt, uint32_t first_new)
{
	for (size_t i = 0; i < pt->touched.n; i++)
		close_group(pt, pt->touched.items[i]);
	for (uint32_t g = first_new; g < pt->groups.n; g++)
		close_group(pt, g);
}

static int paint_canvas(struct painter *pt, uint32_t in, uint32_t cover, uint32_t *out)
{
	return canvas_paint(&pt->canvases, in, &pt->p->sets.covers.items[cover], pt->paint,
			    pt->author, out);
}

/* ---- which groups a rule's peers hold ---- */

static int touch(struct painter *pt, uint32_t group, uint32_t n)
{
	if (group >= pt->n_hit) {
		size_t room = pt->groups.n + pt->groups.n / 2 + 64;
		struct hit *hit = realloc(pt->hit, room * sizeof(*hit));
		if (!hit)
			return -ENOMEM;
		memset(hit + pt->n_hit, 0, (room - pt->n_hit) * sizeof(*hit));
		pt->hit = hit;
		pt->n_hit = room;
	}
	int rc = pt->hit[group].n ? 0 : wr_vec_push(&pt->touched, group);
	pt->hit[group].n += n;
	return rc;
}

#define FEW_GROUPS 16

/* By going through the groups: the shorter way while they are few. */
static int touch_groups(struct painter *pt)
{
	int rc = 0;
	for (size_t i = 0; i < pt->open.n && !rc; i++) {
		const struct group *g = &pt->groups.items[pt->open.items[i]];
		uint64_t in = 0, out = 0;
		for (uint32_t k = 0; k < pt->n_live; k++) {
			uint32_t w = pt->live[k];
			in |= g->classes->words[w] & pt->held->words[w];
			out |= g->classes->words[w] & ~pt->held->words[w];
		}
		/* how many they are is known when they are moved */
		if (in)
			rc = touch(pt, pt->open.items[i], out ? 1 : g->size);
	}
	return rc;
}

/* By going through the classes. */
static int touch_classes(struct painter *pt)
{
	int rc = 0;
	for (uint32_t k = 0; k < pt->n_live; k++) {
		uint32_t w = pt->live[k];
		for (uint64_t left = pt->held->words[w]; left && !rc; left &= left - 1)
			rc = touch(pt, pt->group_of[w * 64 + (unsigned)__builtin_ctzll(left)], 1);
	}
	return rc;
}

/* Fills touched and hit. */
static int find_touched(struct painter *pt)
{
	pt->touched.n = 0;
	pt->by_groups = pt->open.n <= FEW_GROUPS;
	return pt->by_groups ? touch_groups(pt) : touch_classes(pt);
}

static void forget_touched(struct painter *pt)
{
	for (size_t i = 0; i < pt->touched.n; i++)
		pt->hit[pt->touched.items[i]] = (struct hit){0};
}

/* ---- a rule that covers the same for all that it holds ---- */

/* Moves the held classes of one group to another, word by word. */
static void move_words(struct painter *pt, uint32_t from, uint32_t to)
{
	struct group *old = &pt->groups.items[from], *new = &pt->groups.items[to];
	for (uint32_t k = 0; k < pt->n_live; k++) {
		uint32_t w = pt->live[k];
		uint64_t moved = old->classes->words[w] & pt->held->words[w];
		new->classes->words[w] = moved;
		old->classes->words[w] &= ~moved;
		for (; moved; moved &= moved - 1) {
			pt->group_of[w * 64 + (unsigned)__builtin_ctzll(moved)] = to;
			new->size++;
			old->size--;
		}
	}
}

static void move_class(struct painter *pt, uint32_t class, uint32_t to)
{
	struct group *old = &pt->groups.items[pt->group_of[class]], *new = &pt->groups.items[to];
	wr_bitset_remove(old->classes, class);
	wr_bitset_add(new->classes, class);
	old->size--;
	new->size++;
	pt->group_of[class] = to;
}

/* The held classes of a group become a group of their own, now or with those of others. */
static int split(struct painter *pt, uint32_t group, uint32_t canvas)
{
	uint32_t id;
	int rc = new_group(pt, canvas, &id);
	if (rc)
		return rc;
	if (pt->by_groups)
		move_words(pt, group, id);
	else
		pt->hit[group].target = id;
	return list_open(pt, id);
}

static void move_targets(struct painter *pt)
{
	for (uint32_t k = 0; k < pt->n_live; k++) {
		uint32_t w = pt->live[k];
		for (uint64_t left = pt->held->words[w]; left; left &= left - 1) {
			uint32_t class = w * 64 + (uint32_t)__builtin_ctzll(left);
			uint32_t from = pt->group_of[class];
			if (from < pt->n_hit && pt->hit[from].target)
				move_class(pt, class, pt->hit[from].target);
		}
	}
}

/* *later: classes of it are still to be moved. */
static int paint_group(struct painter *pt, uint32_t group, bool *later)
{
	uint32_t in = pt->groups.items[group].canvas, out;
	int rc = paint_canvas(pt, in, pt->cover, &out);
	if (rc || out == in)
		return rc;
	if (pt->hit[group].n == pt->groups.items[group].size) {
		pt->groups.items[group].canvas = out;
		return 0;
	}
	rc = split(pt, group, out);
	*later |= pt->hit[group].target != 0;
	return rc;
}

static int paint_held(struct painter *pt)
{
	uint32_t first_new = (uint32_t)pt->groups.n;
	bool later = false;
	int rc = find_touched(pt);
	for (size_t i = 0; i < pt->touched.n && !rc; i++)
		rc = paint_group(pt, pt->touched.items[i], &later);
	if (later)
		move_targets(pt);
	forget_touched(pt);
	close_groups(pt, first_new);
	return rc;
}

/* ---- named ports ---- */

/* What the rule in hand covers for a class. */
static int cover_of(struct painter *pt, uint32_t class, uint32_t *cover)
{
	uint32_t signature = pt->row->dir == WR_INGRESS ? pt->row->signature
							: pt->p->classes.signature[class];
	if (!pt->covers[signature]) {
		int rc = port_sets_cover(&pt->p->sets, pt->rule,
					 pt->p->names.sample.items[signature], cover);
		if (rc)
			return rc;
		pt->covers[signature] = *cover + 1;
	}
	*cover = pt->covers[signature] - 1;
	return 0;
}

/* Moves a class to the new group of its cover, of those from first on. */
static int move_to_cover(struct painter *pt, uint32_t group, uint32_t first, uint32_t *group_cover,
			 uint32_t class, uint32_t cover)
{
	uint32_t id = first;
	while (id < pt->groups.n && group_cover[id - first] != cover)
		id++;
	if (id == pt->groups.n) {
		uint32_t out;
		int rc = paint_canvas(pt, pt->groups.items[group].canvas, cover, &out);
		if (!rc)
			rc = new_group(pt, out, &id);
		if (!rc)
			rc = list_open(pt, id);
		if (rc)
			return rc;
		group_cover[id - first] = cover;
	}
	move_class(pt, class, id);
	return 0;
}

static int split_by_cover(struct painter *pt, uint32_t group, uint32_t *group_cover)
{
	uint32_t first = (uint32_t)pt->groups.n;
	int rc = 0;
	for (uint32_t k = 0; k < pt->n_live && !rc; k++) {
		uint32_t w = pt->live[k];
		uint64_t both = pt->groups.items[group].classes->words[w] & pt->held->words[w];
		for (; both && !rc; both &= both - 1) {
			uint32_t class = w * 64 + (uint32_t)__builtin_ctzll(both), cover;
			rc = cover_of(pt, class, &cover);
			if (!rc && cover != COVER_NOTHING)
				rc = move_to_cover(pt, group, first, group_cover, class, cover);
		}
	}
	return rc;
}

/* A rule whose cover depends on the destination: class by class. */
static int paint_named(struct painter *pt)
{
	uint32_t first_new = (uint32_t)pt->groups.n;
	uint32_t *group_cover = calloc(pt->p->names.sample.n + 1, sizeof(*group_cover));
	int rc = group_cover ? find_touched(pt) : -ENOMEM;
	memset(pt->covers, 0, pt->p->names.sample.n * sizeof(*pt->covers));
	for (size_t i = 0; i < pt->touched.n && !rc; i++)
		rc = split_by_cover(pt, pt->touched.items[i], group_cover);
	free(group_cover);
	forget_touched(pt);
	close_groups(pt, first_new);
	return rc;
}

/* ---- rules ---- */

/* The words of is_open that are not empty: the others hold nothing for the policy in hand. */
static void find_live(struct painter *pt)
{
	pt->n_live = 0;
	for (uint32_t i = 0; i < wr_bitset_words(pt->is_open->bits); i++)
		if (pt->is_open->words[i])
			pt->live[pt->n_live++] = i;
}

static void hold_listed(struct painter *pt, const struct atom *atom)
{
	for (uint32_t c = 0; c < atom->n_classes; c++)
		if (wr_bitset_has(pt->is_open, atom->classes[c]))
			wr_bitset_add(pt->held, atom->classes[c]);
}

/* Adds an atom's open classes. */
static void hold(struct painter *pt, const struct atom *atom)
{
	if (!atom->class_set) {
		hold_listed(pt, atom);
		return;
	}
	for (uint32_t k = 0; k < pt->n_live; k++) {
		uint32_t w = pt->live[k];
		pt->held->words[w] |= atom->class_set->words[w] & pt->is_open->words[w];
	}
}

static void hold_none(struct painter *pt)
{
	for (uint32_t k = 0; k < pt->n_live; k++)
		pt->held->words[pt->live[k]] = 0;
}

static void hold_all(struct painter *pt)
{
	for (uint32_t k = 0; k < pt->n_live; k++)
		pt->held->words[pt->live[k]] = pt->is_open->words[pt->live[k]];
}

bool painter_names_ports(const struct wr_rule *r)
{
	for (size_t i = 0; i < r->n_ports; i++)
		if (r->ports[i].kind == WR_PORTS_NAMED)
			return true;
	return false;
}

static int know_rule(struct painter *pt, uint32_t policy, uint32_t rule,
		     const struct known_rule **out)
{
	enum wr_direction dir = pt->row->dir;
	const struct wr_policy *pol = &pt->p->world->policies[policy];
	struct known_rule **rules = &pt->rules[dir][policy];
	if (!*rules)
		*rules = wr_arena_array(pt->arena, pol->n_rules[dir], sizeof(**rules));
	if (!*rules)
		return -ENOMEM;
	struct known_rule *k = &(*rules)[rule];
	*out = k;
	if (k->known)
		return 0;
	k->known = true;
	k->named = painter_names_ports(&pol->rules[dir][rule]);
	int rc = rule_author(pt->p, dir, policy, rule, &k->author);
	if (!rc && !k->named)
		rc = port_sets_cover(&pt->p->sets, &pol->rules[dir][rule], NULL, &k->cover);
	return rc;
}

static int paint_rule(struct painter *pt, uint32_t policy, uint32_t rule, const uint32_t *atoms)
{
	const struct wr_rule *r = &pt->p->world->policies[policy].rules[pt->row->dir][rule];
	const struct known_rule *known;
	int rc = know_rule(pt, policy, rule, &known);
	if (rc || (!known->named && known->cover == COVER_NOTHING))
		return rc;
	pt->rule = r;
	pt->paint = paint_of(r->action);
	pt->author = known->author;
	pt->cover = known->cover;
	hold_none(pt);
	if (r->any_peer)
		hold_all(pt);
	for (size_t i = 0; i < r->n_peers; i++)
		hold(pt, &pt->p->sel.atoms.items[atoms[i]]);
	return known->named ? paint_named(pt) : paint_held(pt);
}

static int paint_policy(struct painter *pt, uint32_t policy)
{
	const struct wr_policy *pol = &pt->p->world->policies[policy];
	const uint32_t *atoms = pt->p->sel.peer_atoms[pt->row->dir][policy];
	int rc = 0;
	find_live(pt);
	for (uint32_t r = 0; r < pol->n_rules[pt->row->dir] && !rc && pt->open.n; r++) {
		rc = paint_rule(pt, policy, r, atoms);
		atoms += pol->rules[pt->row->dir][r].n_peers;
	}
	return rc;
}

/* ---- tiers ---- */

/* The end of the NetworkPolicy tier: all that no rule allowed is denied. */
static int paint_isolation(struct painter *pt, uint32_t first, uint32_t n)
{
	int rc = isolation_author(pt->p, pt->row->dir, pt->row->policies + first, n, &pt->author);
	pt->cover = COVER_ALL;
	pt->paint = PAINT_DENY;
	find_live(pt);
	hold_all(pt);
	return rc ? rc : paint_held(pt);
}

/* What a tier passed on is open for the next one. */
static int reopen(struct painter *pt)
{
	int rc = 0;
	pt->open.n = 0;
	clear(pt->is_open);
	for (uint32_t g = 0; g < pt->groups.n && !rc; g++) {
		rc = canvas_reopen(&pt->canvases, pt->groups.items[g].canvas,
				   &pt->groups.items[g].canvas);
		if (!rc && pt->groups.items[g].size && is_open(pt, g))
			rc = open_group(pt, g);
	}
	return rc;
}

/* The canvases become port sets: first by group, then by class. */
static int settle(struct painter *pt, uint32_t *sets)
{
	int rc = 0;
	for (uint32_t g = 0; g < pt->groups.n && !rc; g++) {
		uint32_t *canvas = &pt->groups.items[g].canvas;
		const struct canvas *c = &pt->canvases.items.items[*canvas];
		if (pt->groups.items[g].size)
			rc = port_sets_final(&pt->p->sets, pt->canvases.spans.items + c->first,
					     c->n, canvas);
	}
	if (rc)
		return rc;
	for (uint32_t c = 0; c < pt->p->classes.n && !pt->only; c++)
		sets[c] = pt->groups.items[pt->group_of[c]].canvas;
	if (pt->only)
		wr_bitset_each(pt->only, c) sets[c] = pt->groups.items[pt->group_of[c]].canvas;
	return 0;
}

/* The classes that a row is painted for, in the group that all begin in. */
static void fill_first_group(struct painter *pt, struct group *g)
{
	if (!pt->only) {
		wr_bitset_add_range(g->classes, 0, pt->p->classes.n);
		g->size = pt->p->classes.n;
		return;
	}
	memcpy(g->classes->words, pt->only->words,
	       wr_bitset_words(pt->p->classes.n) * sizeof(*g->classes->words));
	g->size = (uint32_t)wr_bitset_count(g->classes);
}

/* One group with everything open. */
static int begin_row(struct painter *pt)
{
	uint32_t id;
	int rc = canvases_reset(&pt->canvases);
	for (size_t i = 0; i < pt->groups.n && !rc; i++)
		rc = wr_vec_push(&pt->unused, pt->groups.items[i].classes);
	pt->groups.n = pt->open.n = 0;
	clear(pt->is_open);
	if (!rc)
		rc = new_group(pt, CANVAS_OPEN, &id);
	if (rc)
		return rc;
	fill_first_group(pt, &pt->groups.items[id]);
	memset(pt->group_of, 0, pt->p->classes.n * sizeof(*pt->group_of));
	return open_group(pt, id);
}

static int paint_row(struct painter *pt)
{
	const struct wr_policy *all = pt->p->world->policies;
	int rc = begin_row(pt);
	for (uint32_t i = 0, end; i < pt->row->n_policies && !rc; i = end) {
		enum wr_tier tier = all[pt->row->policies[i]].tier;
		if (i)
			rc = reopen(pt);
		for (end = i; end < pt->row->n_policies && all[pt->row->policies[end]].tier == tier;
		     end++)
			if (!rc)
				rc = paint_policy(pt, pt->row->policies[end]);
		if (!rc && tier == WR_TIER_NETWORKPOLICY)
			rc = paint_isolation(pt, i, end - i);
	}
	return rc ? rc : settle(pt, pt->row->sets);
}

struct painter *painter_new(struct wr_program *p)
{
	uint32_t n_policies = p->world->n_policies;
	struct wr_arena *arena = wr_arena_new();
	struct painter *pt = arena ? wr_arena_alloc(arena, sizeof(*pt)) : NULL;
	if (!pt) {
		wr_arena_free(arena);
		return NULL;
	}
	*pt = (struct painter){.p = p, .arena = arena};
	pt->held = wr_bitset_new(arena, p->classes.n);
	pt->is_open = wr_bitset_new(arena, p->classes.n);
	pt->live = wr_arena_array(arena, wr_bitset_words(p->classes.n), sizeof(uint32_t));
	pt->group_of = wr_arena_array(arena, p->classes.n, sizeof(uint32_t));
	pt->covers = wr_arena_array(arena, p->names.sample.n, sizeof(uint32_t));
	for (int d = 0; d < 2; d++)
		pt->rules[d] = wr_arena_array(arena, n_policies, sizeof(struct known_rule *));
	if (pt->held && pt->is_open && pt->live && pt->group_of && pt->covers && pt->rules[0] &&
	    pt->rules[1])
		return pt;
	painter_free(pt);
	return NULL;
}

void painter_free(struct painter *pt)
{
	if (!pt)
		return;
	canvases_free(&pt->canvases);
	wr_vec_free(&pt->groups);
	wr_vec_free(&pt->open);
	wr_vec_free(&pt->touched);
	free(pt->hit);
	wr_vec_free(&pt->unused);
	wr_arena_free(pt->arena); /* the painter is in it */
}

int painter_row(struct painter *pt, struct row *row, const struct wr_bitset *only)
{
	pt->row = row;
	pt->only = only;
	int rc = paint_row(pt);
	pt->row = NULL;
	return rc;
}
