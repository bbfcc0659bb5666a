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
 * A class on whose canvas nothing is open any more is out until the next tier:
 * after the first rules without ports few are left, however many rules follow.
 * And many classes have the same canvas: what a rule makes of it is found out
 * once.
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

/* policies is kept by the row that asks. */
static int isolation_author(struct wr_program *p, enum wr_direction dir, const uint32_t *policies,
			    uint32_t n, uint32_t *out)
{
	uint32_t *key = calloc(n + 2, sizeof(*key));
	if (!key)
		return -ENOMEM;
	key[0] = WR_BY_ISOLATION;
	key[1] = dir;
	memcpy(key + 2, policies, n * sizeof(*key));
	struct wr_author a = {.kind = WR_BY_ISOLATION,
			      .dir = dir,
			      .policy = WR_NONE,
			      .rule = WR_NONE,
			      .policies = policies,
			      .n = n};
	int rc = intern_author(p, key, (n + 2) * sizeof(*key), a, out);
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

/* What the operation in hand makes of a canvas: many classes have the same one. */
struct step {
	uint32_t cover, out;
	uint32_t next; /* step of the same canvas with another cover, or WR_NONE */
};

struct head {
	uint32_t number; /* another than the painter's: no steps yet */
	uint32_t first;
};

/* What a rule is to every row: looked up once. */
struct known_rule {
	bool known, named; /* named: its cover depends on the destination */
	uint32_t author, cover;
};

struct painter {
	struct wr_program *p;
	struct wr_arena *arena; /* of the painter itself */
	const struct row *row;
	uint32_t *state;        /* canvas by class */
	struct wr_bitset *open; /* classes on whose canvas something is open */
	struct canvases canvases;
	uint32_t *live; /* words of open that were not empty when the policy in hand began */
	uint32_t n_live;
	struct known_rule **rules[2]; /* by policy and rule */
	/* the rule in hand */
	const struct wr_rule *rule;
	enum paint paint;
	uint32_t author, cover;
	bool named;
	uint32_t *covers;          /* of a named one: by signature + 1; 0: not yet */
	uint32_t number;           /* of the operation in hand, from 1 */
	WR_VEC(struct head) heads; /* by canvas */
	WR_VEC(struct step) steps;
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

static void begin_operation(struct painter *pt)
{
	pt->number++;
	pt->steps.n = 0;
}

/* The step that is known already, or WR_NONE. */
static uint32_t find_step(const struct painter *pt, uint32_t canvas, uint32_t cover)
{
	if (canvas >= pt->heads.n || pt->heads.items[canvas].number != pt->number)
		return WR_NONE;
	uint32_t i = pt->heads.items[canvas].first;
	while (i != WR_NONE && pt->steps.items[i].cover != cover)
		i = pt->steps.items[i].next;
	return i;
}

static int note_step(struct painter *pt, uint32_t canvas, uint32_t cover, uint32_t out)
{
	while (pt->heads.n <= canvas)
		if (wr_vec_push(&pt->heads, (struct head){0}) < 0)
			return -ENOMEM;
	struct head *head = &pt->heads.items[canvas];
	uint32_t next = head->number == pt->number ? head->first : WR_NONE;
	*head = (struct head){pt->number, (uint32_t)pt->steps.n};
	return wr_vec_push(&pt->steps, (struct step){cover, out, next});
}

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

/* What the operation in hand makes of a canvas with a cover. */
static int paint_canvas(struct painter *pt, uint32_t in, uint32_t cover, uint32_t *out)
{
	uint32_t known = find_step(pt, in, cover);
	if (known != WR_NONE) {
		*out = pt->steps.items[known].out;
		return 0;
	}
	int rc = canvas_paint(&pt->canvases, in, &pt->p->sets.covers.items[cover], pt->paint,
			      pt->author, out);
	return rc ? rc : note_step(pt, in, cover, *out);
}

static int paint_class(struct painter *pt, uint32_t class)
{
	uint32_t cover = pt->cover, out;
	int rc = pt->named ? cover_of(pt, class, &cover) : 0;
	if (rc || cover == COVER_NOTHING)
		return rc;
	rc = paint_canvas(pt, pt->state[class], cover, &out);
	if (rc)
		return rc;
	pt->state[class] = out;
	if (!pt->canvases.items.items[out].open)
		wr_bitset_remove(pt->open, class);
	return 0;
}

static int paint_all(struct painter *pt)
{
	int rc = 0;
	for (size_t c = wr_bitset_next(pt->open, 0); c != SIZE_MAX && !rc;
	     c = wr_bitset_next(pt->open, c + 1))
		rc = paint_class(pt, (uint32_t)c);
	return rc;
}

/* The first live word that is not below one. */
static uint32_t first_live(const struct painter *pt, uint32_t word)
{
	uint32_t lo = 0, hi = pt->n_live;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (pt->live[mid] < word)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int paint_listed(struct painter *pt, const struct atom *atom)
{
	int rc = 0;
	for (uint32_t c = 0; c < atom->n_classes && !rc; c++)
		if (wr_bitset_has(pt->open, atom->classes[c]))
			rc = paint_class(pt, atom->classes[c]);
	return rc;
}

/* The classes of an atom that are open: by its list or by its set, whichever is the shorter way. */
static int paint_atom(struct painter *pt, const struct atom *atom)
{
	int rc = 0;
	uint32_t first = atom->class_set ? first_live(pt, atom->first_word) : 0;
	if (!atom->class_set || atom->n_classes < pt->n_live - first)
		return paint_listed(pt, atom);
	for (uint32_t i = first; i < pt->n_live && pt->live[i] <= atom->last_word && !rc; i++) {
		uint32_t w = pt->live[i];
		for (uint64_t both = pt->open->words[w] & atom->class_set->words[w]; both && !rc;
		     both &= both - 1)
			rc = paint_class(pt, w * 64 + (uint32_t)__builtin_ctzll(both));
	}
	return rc;
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
	if (rc)
		return rc;
	pt->rule = r;
	pt->paint = paint_of(r->action);
	pt->author = known->author;
	pt->cover = known->cover;
	pt->named = known->named;
	begin_operation(pt);
	if (pt->named)
		memset(pt->covers, 0, pt->p->names.sample.n * sizeof(*pt->covers));
	if (r->any_peer)
		rc = paint_all(pt);
	for (size_t i = 0; i < r->n_peers && !rc; i++)
		rc = paint_atom(pt, &pt->p->sel.atoms.items[atoms[i]]);
	return rc;
}

static void find_live(struct painter *pt)
{
	pt->n_live = 0;
	for (uint32_t i = 0; i < wr_bitset_words(pt->open->bits); i++)
		if (pt->open->words[i])
			pt->live[pt->n_live++] = i;
}

static int paint_policy(struct painter *pt, uint32_t policy)
{
	const struct wr_policy *pol = &pt->p->world->policies[policy];
	const uint32_t *atoms = pt->p->sel.peer_atoms[pt->row->dir][policy];
	int rc = 0;
	find_live(pt);
	for (uint32_t r = 0; r < pol->n_rules[pt->row->dir] && !rc && pt->n_live; r++) {
		rc = paint_rule(pt, policy, r, atoms);
		atoms += pol->rules[pt->row->dir][r].n_peers;
	}
	return rc;
}

/* The end of the NetworkPolicy tier: all that no rule allowed is denied. */
static int paint_isolation(struct painter *pt, uint32_t first, uint32_t n)
{
	int rc = isolation_author(pt->p, pt->row->dir, pt->row->policies + first, n, &pt->author);
	begin_operation(pt);
	pt->named = false;
	pt->cover = COVER_ALL;
	pt->paint = PAINT_DENY;
	return rc ? rc : paint_all(pt);
}

static int reopen_canvas(struct painter *pt, uint32_t in, uint32_t *out)
{
	uint32_t known = find_step(pt, in, COVER_ALL);
	if (known != WR_NONE) {
		*out = pt->steps.items[known].out;
		return 0;
	}
	int rc = canvas_reopen(&pt->canvases, in, out);
	return rc ? rc : note_step(pt, in, COVER_ALL, *out);
}

/* What a tier passed on is open for the next one. */
static int reopen(struct painter *pt)
{
	int rc = 0;
	begin_operation(pt);
	for (uint32_t c = 0; c < pt->p->classes.n && !rc; c++) {
		rc = reopen_canvas(pt, pt->state[c], &pt->state[c]);
		if (!rc && pt->canvases.items.items[pt->state[c]].open)
			wr_bitset_add(pt->open, c);
	}
	return rc;
}

static int settle_canvas(struct painter *pt, uint32_t in, uint32_t *out)
{
	uint32_t known = find_step(pt, in, COVER_ALL);
	if (known != WR_NONE) {
		*out = pt->steps.items[known].out;
		return 0;
	}
	const struct canvas *canvas = &pt->canvases.items.items[in];
	int rc = port_sets_final(&pt->p->sets, pt->canvases.spans.items + canvas->first, canvas->n,
				 out);
	return rc ? rc : note_step(pt, in, COVER_ALL, *out);
}

/* The canvases become port sets. */
static int settle(struct painter *pt)
{
	int rc = 0;
	begin_operation(pt);
	for (uint32_t c = 0; c < pt->p->classes.n && !rc; c++)
		rc = settle_canvas(pt, pt->state[c], &pt->state[c]);
	return rc;
}

static int paint_row(struct painter *pt)
{
	const struct wr_policy *all = pt->p->world->policies;
	int rc = canvases_reset(&pt->canvases);
	wr_bitset_add_range(pt->open, 0, pt->p->classes.n);
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
	return rc ? rc : settle(pt);
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
	pt->open = wr_bitset_new(arena, p->classes.n);
	pt->live = wr_arena_array(arena, wr_bitset_words(p->classes.n), sizeof(uint32_t));
	pt->covers = wr_arena_array(arena, p->names.sample.n, sizeof(uint32_t));
	for (int d = 0; d < 2; d++)
		pt->rules[d] = wr_arena_array(arena, n_policies, sizeof(struct known_rule *));
	if (pt->open && pt->live && pt->covers && pt->rules[0] && pt->rules[1])
		return pt;
	painter_free(pt);
	return NULL;
}

void painter_free(struct painter *pt)
{
	if (!pt)
		return;
	canvases_free(&pt->canvases);
	wr_vec_free(&pt->heads);
	wr_vec_free(&pt->steps);
	wr_arena_free(pt->arena); /* the painter is in it */
}

int painter_row(struct painter *pt, struct row *row)
{
	row->sets = wr_arena_array(pt->p->arena, pt->p->classes.n, sizeof(uint32_t));
	pt->row = row;
	pt->state = row->sets; /* zeroed: CANVAS_OPEN */
	int rc = row->sets ? paint_row(pt) : -ENOMEM;
	pt->row = NULL;
	return rc;
}
