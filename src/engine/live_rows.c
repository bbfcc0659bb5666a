/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies to rows, for the kinds of this node.
 *
 * A policy that selects none of them costs its subject, and nothing else. One
 * that does is resolved, its peers become atoms, and the rows that it is part
 * of are painted anew; where only classes are new, their columns are.
 *
 * A policy keeps its slot in the world when it changes or comes back, so that
 * rows, authors and port sets that say the same as before are the same. Rows
 * are shared by the kinds to which the same policies apply, and free when none
 * has them.
 */
#include <stdio.h>
#include <string.h>

#include "engine/live_internal.h"

/* ---- which policies there are ---- */

static int note_key(void *ctx, const char *key)
{
	struct wr_live *l = ctx;
	bool created;
	if (!wr_map_slot(l->pod_keys, key, strlen(key), 0, &created))
		return -ENOMEM;
	l->unseen |= created && l->begun;
	return 0;
}

static int new_policy(struct wr_live *l, const struct wr_object *o)
{
	struct live_policy p = {.ns = WR_NONE, .slot = WR_NONE};
	uint32_t i = (uint32_t)l->policies.n;
	int rc = o->meta.ns ? live_namespace_of(l, o->meta.ns, &p.ns) : 0;
	if (!rc)
		rc = wr_vec_push(&l->policies, p);
	if (rc)
		return rc;
	return p.ns == WR_NONE ? wr_vec_push(&l->cluster_policies, i)
			       : wr_vec_push(&l->namespaces.items[p.ns].policies, i);
}

/* The policy of a kind and name, made where it is new and make says so; NULL: none (*rc: why). */
static struct live_policy *policy_of(struct wr_live *l, const struct wr_object *o, bool make,
				     int *rc)
{
	char key[768];
	uint64_t at;
	int n = snprintf(key, sizeof(key), "%d/%s/%s", (int)o->kind, o->meta.ns ? o->meta.ns : "",
			 o->meta.name);
	size_t size = n < 0 ? 0 : (size_t)n < sizeof(key) ? (size_t)n : sizeof(key) - 1;
	*rc = 0;
	if (wr_map_get(l->policy_index, key, size, &at))
		return &l->policies.items[at];
	if (!make)
		return NULL;
	at = l->policies.n;
	*rc = new_policy(l, o);
	if (!*rc)
		*rc = wr_map_put(l->policy_index, key, size, at);
	return *rc ? NULL : &l->policies.items[at];
}

/* Keeps what the policy was, as the tables have it. */
static int note_change(struct wr_live *l, struct live_policy *p)
{
	p->current = false;
	if (p->changed)
		return 0;
	p->changed = true;
	p->had_before = p->object != NULL;
	p->before = p->subject;
	return wr_vec_push(&l->changed, (uint32_t)(p - l->policies.items));
}

int live_put_policy(struct wr_live *l, const struct wr_object *o)
{
	int rc = wr_policy_label_keys(o, note_key, l);
	struct live_policy *p = rc ? NULL : policy_of(l, o, true, &rc);
	if (!rc)
		rc = note_change(l, p);
	if (rc)
		return rc;
	l->counts.policies += !p->object;
	p->object = o;
	return wr_world_grow_subject(l->program->world, o, &p->subject);
}

int live_remove_policy(struct wr_live *l, const struct wr_object *o)
{
	int rc;
	struct live_policy *p = policy_of(l, o, false, &rc);
	if (!p || !p->object)
		return 0;
	rc = note_change(l, p);
	l->counts.policies--;
	p->object = NULL;
	return rc;
}

/* ---- which apply to a kind ---- */

static void mark_subjects(struct wr_live *l, const struct live_policy *p)
{
	for (size_t i = 0; i < l->here.n; i++) {
		struct live_kind *kind = &l->kinds.items[l->here.items[i]];
		if ((p->had_before && live_selects(l, &p->before, &kind->key)) ||
		    (p->object && live_selects(l, &p->subject, &kind->key)))
			kind->dirty = true;
	}
}

static int take_changes(struct wr_live *l)
{
	int rc = 0;
	for (size_t i = 0; i < l->changed.n && !rc; i++) {
		struct live_policy *p = &l->policies.items[l->changed.items[i]];
		mark_subjects(l, p);
		p->changed = p->had_before = false;
		if (p->slot != WR_NONE)
			rc = wr_vec_push(&l->changed_slots, p->slot);
	}
	l->changed.n = 0;
	return rc;
}

/* The atoms of a policy's peers in one direction, in order of rules and peers. */
static int take_peers(struct wr_live *l, uint32_t slot, int dir)
{
	const struct wr_policy *pol = &l->program->world->policies[slot];
	size_t n = 0;
	int rc = 0;
	for (size_t r = 0; r < pol->n_rules[dir]; r++)
		n += pol->rules[dir][r].n_peers;
	uint32_t *atoms = wr_arena_array(l->arena, n, sizeof(*atoms));
	if (!atoms)
		return -ENOMEM;
	l->peer_atoms[dir].items[slot] = atoms;
	for (size_t r = 0; r < pol->n_rules[dir] && !rc; r++) {
		const struct wr_rule *rule = &pol->rules[dir][r];
		for (size_t i = 0; i < rule->n_peers && !rc; i++)
			rc = live_atom(l, &rule->peers[i], atoms++);
		for (size_t i = 0; i < rule->n_ports && !rc; i++)
			if (rule->ports[i].kind == WR_PORTS_NAMED)
				rc = live_port_name(l, rule->ports[i].name);
	}
	return rc;
}

/* Resolves a policy that selects a kind of this node. */
static int activate(struct wr_live *l, struct live_policy *p)
{
	int rc = wr_world_grow_policy(l->program->world, p->object, &p->slot);
	for (int d = 0; d < 2 && !rc; d++) {
		if (l->peer_atoms[d].n <= p->slot)
			rc = wr_vec_push(&l->peer_atoms[d], NULL);
		l->program->sel.peer_atoms[d] = l->peer_atoms[d].items;
		if (!rc)
			rc = take_peers(l, p->slot, d);
	}
	if (!rc)
		rc = wr_vec_push(&l->changed_slots, p->slot);
	p->current = !rc;
	return rc;
}

typedef int (*policy_fn)(struct wr_live *l, struct live_policy *p, void *ctx);

/* For every policy that selects a kind of pods. */
static int each_policy(struct wr_live *l, uint32_t kind, policy_fn fn, void *ctx)
{
	const struct live_key key = l->kinds.items[kind].key;
	int rc = 0;
	for (int wide = 0; wide < 2; wide++) {
		const struct live_namespace *ns = &l->namespaces.items[key.ns];
		size_t n = wide ? l->cluster_policies.n : ns->policies.n;
		for (size_t i = 0; i < n && !rc; i++) {
			uint32_t at = wide ? l->cluster_policies.items[i]
					   : l->namespaces.items[key.ns].policies.items[i];
			struct live_policy *p = &l->policies.items[at];
			if (p->object && live_selects(l, &p->subject, &key))
				rc = fn(l, p, ctx);
		}
	}
	return rc;
}

static int make_current(struct wr_live *l, struct live_policy *p, void *ctx)
{
	(void)ctx;
	return p->current ? 0 : activate(l, p);
}

/* Kinds that come with the atoms of an ipBlock are added at the end, and are their turn. */
static int activate_all(struct wr_live *l)
{
	int rc = 0;
	for (size_t i = 0; i < l->here.n && !rc; i++)
		if (l->kinds.items[l->here.items[i]].dirty)
			rc = each_policy(l, l->here.items[i], make_current, NULL);
	return rc;
}

/* ---- rows ---- */

struct list {
	WR_VEC(uint32_t) dir[2]; /* slots of policies */
};

static void list_free(struct list *list)
{
	for (int d = 0; d < 2; d++)
		wr_vec_free(&list->dir[d]);
}

static int take_slot(struct wr_live *l, struct live_policy *p, void *ctx)
{
	struct list *list = ctx;
	int rc = 0;
	for (int d = 0; d < 2 && !rc; d++)
		if (rows_policy_acts(&l->program->world->policies[p->slot], d))
			rc = wr_vec_push(&list->dir[d], p->slot);
	return rc;
}

static int compare_slots(const void *a, const void *b, void *ctx)
{
	const struct wr_policy *policies = ctx;
	return wr_policy_compare(&policies[*(const uint32_t *)a], &policies[*(const uint32_t *)b]);
}

int live_rows_room(struct wr_live *l, uint32_t room)
{
	for (size_t r = 0; r < l->rows.n; r++) {
		uint32_t **sets = &l->program->rows.rows.items[r].sets;
		uint32_t *bigger = realloc(*sets, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		memset(bigger + l->class_room, 0, (room - l->class_room) * sizeof(*bigger));
		*sets = bigger;
	}
	return 0;
}

void live_rows_column(struct wr_live *l, uint32_t class, uint32_t parent)
{
	for (size_t r = 0; r < l->rows.n; r++) {
		uint32_t *sets = l->program->rows.rows.items[r].sets;
		sets[class] = parent == WR_NONE ? 0 : sets[parent];
	}
}

static int add_row(struct wr_live *l, uint32_t *out)
{
	uint32_t *sets = calloc(l->class_room, sizeof(*sets));
	int rc = sets ? wr_vec_push(&l->rows, (struct live_row){0}) : -ENOMEM;
	if (!rc) {
		rc = wr_vec_push(&l->program->rows.rows, ((struct row){.sets = sets}));
		l->rows.n -= rc != 0;
	}
	if (rc) {
		free(sets);
		return rc;
	}
	*out = (uint32_t)l->rows.n - 1;
	return 0;
}

static uint32_t row_hash(const uint32_t *policies, uint32_t n, int dir, uint32_t signature)
{
	return (uint32_t)wr_hash(policies, n * sizeof(*policies)) ^ ((uint32_t)dir << 31) ^
	       signature * 0x9e3779b9u;
}

static uint32_t find_row(const struct wr_live *l, const uint32_t *policies, uint32_t n, int dir,
			 uint32_t signature)
{
	uint32_t i = live_index_first(&l->row_index, row_hash(policies, n, dir, signature));
	for (; i != WR_NONE; i = live_index_next(&l->row_index, i)) {
		const struct row *row = &l->program->rows.rows.items[i];
		if (row->n_policies == n && (int)row->dir == dir && row->signature == signature &&
		    !memcmp(row->policies, policies, n * sizeof(*policies)))
			break;
	}
	return i;
}

/* A row that nobody has, for a list that no row has. */
static int new_row(struct wr_live *l, const uint32_t *policies, uint32_t n, int dir,
		   uint32_t signature, uint32_t *out)
{
	bool again = l->free_rows.n;
	uint32_t *copy = calloc(n, sizeof(*copy));
	int rc = copy ? 0 : -ENOMEM;
	if (!rc && again)
		*out = l->free_rows.items[l->free_rows.n - 1];
	else if (!rc)
		rc = add_row(l, out);
	if (!rc)
		rc = live_index_reserve(&l->row_index, *out);
	if (rc) {
		free(copy);
		return rc;
	}
	l->free_rows.n -= again;
	memcpy(copy, policies, n * sizeof(*copy));
	struct row *row = &l->program->rows.rows.items[*out];
	*row = (struct row){copy, n, dir, signature, row->sets};
	free(l->rows.items[*out].policies);
	l->rows.items[*out] = (struct live_row){.policies = copy, .repaint = true};
	live_index_add(&l->row_index, *out, row_hash(policies, n, dir, signature));
	return 0;
}

static int release_row(struct wr_live *l, uint32_t row)
{
	if (!row || --l->rows.items[row].refs)
		return 0;
	live_index_remove(&l->row_index, row);
	l->rows.items[row].repaint = false;
	return wr_vec_push(&l->free_rows, row);
}

static int row_of(struct wr_live *l, const uint32_t *policies, uint32_t n, int dir, uint32_t ports,
		  uint32_t *out)
{
	bool named = false;
	for (uint32_t i = 0; i < n && !named && dir == WR_INGRESS; i++)
		named = rows_policy_names_ports(&l->program->world->policies[policies[i]], dir);
	*out = 0;
	if (!n)
		return 0;
	*out = find_row(l, policies, n, dir, named ? ports : 0);
	int rc = *out == WR_NONE ? new_row(l, policies, n, dir, named ? ports : 0, out) : 0;
	l->rows.items[*out].refs += !rc;
	return rc;
}

/* ---- a kind's identity ---- */

/* The policies of a kind in order of evaluation, in both directions. */
static int list_policies(struct wr_live *l, uint32_t kind, struct list *list)
{
	int rc = each_policy(l, kind, take_slot, list);
	for (int d = 0; d < 2 && !rc; d++)
		if (list->dir[d].n > 1)
			qsort_r(list->dir[d].items, list->dir[d].n, sizeof(uint32_t), compare_slots,
				l->program->world->policies);
	return rc;
}

static int identify(struct wr_live *l, uint32_t kind)
{
	struct live_kind *k = &l->kinds.items[kind];
	struct wr_identity *id = &l->entries.items[kind].id;
	struct list list = {0};
	int rc = list_policies(l, kind, &list);
	k->tiers = false;
	for (int d = 0; d < 2 && !rc; d++) {
		uint32_t row, n = (uint32_t)list.dir[d].n;
		const uint32_t *slots = list.dir[d].items;
		for (uint32_t i = 0; i < n; i++)
			k->tiers |= l->program->world->policies[slots[i]].tier !=
				    WR_TIER_NETWORKPOLICY;
		rc = row_of(l, slots, n, d, k->key.ports, &row);
		if (!rc)
			rc = release_row(l, id->row[d]);
		if (rc)
			break;
		l->tables |= id->row[d] != row;
		id->row[d] = row;
	}
	list_free(&list);
	k->self_class = WR_NONE;
	return rc;
}

static int identify_all(struct wr_live *l)
{
	int rc = 0;
	for (size_t i = 0; i < l->here.n && !rc; i++)
		if (l->kinds.items[l->here.items[i]].dirty)
			rc = identify(l, l->here.items[i]);
	return rc;
}

/* ---- painting ---- */

static bool has_changed_slot(const struct wr_live *l, const struct row *row)
{
	for (size_t i = 0; i < l->changed_slots.n; i++)
		for (uint32_t k = 0; k < row->n_policies; k++)
			if (row->policies[k] == l->changed_slots.items[i])
				return true;
	return false;
}

static int paint_all(struct wr_live *l, struct painter *pt)
{
	int rc = 0;
	for (uint32_t r = 1; r < l->rows.n && !rc; r++) {
		struct row *row = &l->program->rows.rows.items[r];
		if (!l->rows.items[r].refs)
			continue;
		if (l->rows.items[r].repaint || has_changed_slot(l, row))
			rc = painter_row(pt, row, NULL);
		else if (l->any_fresh)
			rc = painter_row(pt, row, l->fresh);
		else
			continue;
		l->rows.items[r].repaint = false;
		l->tables = true;
	}
	return rc;
}

/* What the Admin and Baseline tiers say of a kind's connections with itself in one direction. */
static int self_set(struct wr_live *l, struct painter *pt, uint32_t kind, int dir, uint32_t *out)
{
	const struct wr_kind_entry *e = &l->entries.items[kind];
	const struct row *of = &l->program->rows.rows.items[e->id.row[dir]];
	uint32_t *tiers = calloc((size_t)of->n_policies + 1, sizeof(*tiers));
	uint32_t *sets = calloc(l->class_room, sizeof(*sets));
	struct wr_arena *a = wr_arena_new();
	struct wr_bitset *only = a ? wr_bitset_new(a, l->class_room) : NULL;
	struct row row = {.policies = tiers,
			  .dir = dir,
			  .signature = l->kinds.items[kind].key.ports,
			  .sets = sets};
	int rc = tiers && sets && only ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < of->n_policies && !rc; i++)
		if (l->program->world->policies[of->policies[i]].tier != WR_TIER_NETWORKPOLICY)
			tiers[row.n_policies++] = of->policies[i];
	if (!rc) {
		wr_bitset_add(only, e->id.class);
		rc = painter_row(pt, &row, only);
	}
	if (!rc)
		*out = sets[e->id.class];
	wr_arena_free(a);
	free(tiers);
	free(sets);
	return rc;
}

static int paint_selves(struct wr_live *l, struct painter *pt)
{
	int rc = 0;
	for (size_t i = 0; i < l->here.n && !rc; i++) {
		struct live_kind *k = &l->kinds.items[l->here.items[i]];
		struct wr_identity *id = &l->entries.items[l->here.items[i]].id;
		uint32_t self[2] = {0}, both = 0;
		k->dirty = false;
		if (k->self_class == id->class)
			continue;
		for (int d = 0; d < 2 && k->tiers && !rc; d++)
			rc = self_set(l, pt, l->here.items[i], d, &self[d]);
		if (!rc && k->tiers)
			rc = port_sets_both(&l->program->sets, self[WR_EGRESS], self[WR_INGRESS],
					    &both);
		l->tables |= id->self != both;
		id->self = both;
		k->self_class = id->class;
	}
	return rc;
}

/* Something that was not there when the rows were painted. */
static bool is_due(const struct wr_live *l)
{
	bool due = l->any_fresh || l->changed_slots.n;
	for (size_t i = 0; i < l->here.n && !due; i++)
		due = l->kinds.items[l->here.items[i]].dirty ||
		      l->kinds.items[l->here.items[i]].self_class !=
			      l->entries.items[l->here.items[i]].id.class;
	return due;
}

int live_rows_update(struct wr_live *l)
{
	int rc = take_changes(l);
	if (!rc)
		rc = activate_all(l);
	if (rc || !is_due(l))
		return rc;
	rc = identify_all(l);
	struct painter *pt = rc ? NULL : painter_new(l->program);
	if (!rc && !pt)
		rc = -ENOMEM;
	if (!rc)
		rc = paint_all(l, pt);
	if (!rc)
		rc = paint_selves(l, pt);
	painter_free(pt);
	if (rc)
		return rc;
	memset(l->fresh->words, 0, wr_bitset_words(l->fresh->bits) * sizeof(l->fresh->words[0]));
	l->any_fresh = false;
	l->changed_slots.n = 0;
	return 0;
}

int live_rows_init(struct wr_live *l)
{
	uint32_t none;
	return add_row(l, &none);
}

void live_rows_free(struct wr_live *l)
{
	for (size_t r = 0; r < l->rows.n; r++) {
		free(l->rows.items[r].policies);
		free(l->program->rows.rows.items[r].sets);
	}
	wr_vec_free(&l->rows);
}
