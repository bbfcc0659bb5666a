/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Change: what is in force, in one step for all traffic.
 *
 * With tables:
 *
 *	1. the new generation is written into the other half
 *	2. new addresses are added with the meaning that they have anyway
 *	   (slots.h), in the half in force
 *	3. every packet is judged, also of connections that are under way
 *	4. one store puts the other half in force
 *	5. after a fence (settle.c): only connections that started before it are
 *	   judged again; addresses that nothing names any more are removed
 *
 * An address alone needs no other half: one that comes is written into a free
 * slot before its entry leads there, one that becomes another kind gets another
 * slot, one that goes loses its entry. Each is one step for all traffic, and the
 * half in force may be added to as long as no packet is judged by the other one.
 *
 * The process may be killed anywhere between. Before 4 the old generation is
 * in force, after it the new one, whole; what is left undone (entries to be
 * removed, every packet judged) costs time and changes no verdict. The next
 * process starts from what the kernel's maps hold, and a process that finds its
 * mark in the configuration replaced reads them again.
 */
#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "datapath/internal.h"

struct change {
	const struct wr_tables *t;
	struct wr_move *moves;
	size_t n;
	struct wr_layout layout;
	struct wr_plan plan;       /* of the prefixes */
	struct weir_identity *ids; /* by kind */
	struct wr_slot_list put;   /* entries that are added, or get another slot */
	struct wr_slot_list leave; /* entries that go */
	WR_VEC(uint32_t) given_up; /* slots, by addresses that got another one */
	uint64_t began_ns;
};

static void change_free(struct change *c)
{
	wr_layout_free(&c->layout);
	wr_plan_free(&c->plan);
	free(c->ids);
	wr_vec_free(&c->put);
	wr_vec_free(&c->leave);
	wr_vec_free(&c->given_up);
}

/* ---- with tables ---- */

static bool kind_is_sane(const struct wr_program *p, const struct wr_kind_entry *k)
{
	const struct wr_identity *id = &k->id;
	uint32_t rows = wr_program_n_rows(p), sets = wr_program_n_port_sets(p);
	return id->class < wr_program_n_classes(p) && (!id->row[0] || id->row[0] < rows) &&
	       (!id->row[1] || id->row[1] < rows) && (!id->self || id->self < sets) &&
	       k->flags < 16;
}

/* An identity that no address may have: no port set is there. */
#define NO_KIND UINT32_MAX

static int make_ids(struct change *c)
{
	const struct wr_tables *t = c->t;
	c->ids = calloc(t->n_kinds ? t->n_kinds : 1, sizeof(*c->ids));
	if (!c->ids)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n_kinds; i++) {
		const struct wr_kind_entry *k = &t->kinds[i];
		if (kind_is_sane(t->program, k))
			c->ids[i] = wr_layout_identity(&c->layout, &k->id, k->flags);
		else
			c->ids[i].self = NO_KIND;
	}
	return 0;
}

static int prepare(struct wr_datapath *dp, struct change *c)
{
	struct wr_wanted_list wanted = {0};
	int rc = wr_layout_plan(c->t->program, &c->layout);
	if (!rc)
		rc = make_ids(c);
	if (!rc)
		rc = wr_wanted_collect(&dp->opts, c->t->program, &wanted);
	if (!rc)
		rc = wr_plan_make(&dp->slots, wanted.list.items, wanted.list.n, wanted.world,
				  dp->opts.pod_cidrs, dp->opts.n_pod_cidrs, &c->plan);
	wr_vec_free(&wanted.list);
	return rc;
}

static struct wr_slot entry(const struct wr_ip *ip, uint32_t slot)
{
	return (struct wr_slot){wr_slot_key_host(ip), slot};
}

/* Takes a slot for an address that has none, or is to have another. */
static int take(struct wr_slots *s, struct wr_move *m, struct wr_slot_list *put)
{
	uint32_t slot;
	int rc = wr_slots_take(s, &slot);
	if (rc < 0)
		return rc;
	s->ip[slot] = m->ip;
	s->kind[slot] = m->kind;
	m->slot = slot;
	return wr_vec_push(put, entry(&m->ip, slot));
}

static int leave(struct wr_slots *s, struct wr_move *m, struct wr_slot_list *out)
{
	uint32_t slot = m->slot;
	s->kind[slot] = WR_NONE;
	m->slot = WR_SLOT_NONE;
	return wr_vec_push(out, entry(&m->ip, slot));
}

/* What is neither there nor wanted. */
static bool is_nothing(const struct wr_move *m)
{
	return m->kind == WR_NONE && m->slot == WR_SLOT_NONE;
}

/* What a move may be: its slot is the address's own, and its kind one that there is. */
static bool is_sane(const struct wr_slots *s, const struct wr_move *m, uint32_t n_kinds)
{
	if (m->slot != WR_SLOT_NONE &&
	    (!wr_slots_holds(s, m->slot, &m->ip) || s->kind[m->slot] == WR_NONE))
		return false; /* not its own, or it has moved in this call already */
	return m->kind == WR_NONE || (m->ip.family && m->kind < n_kinds);
}

/* An address keeps its slot from one half to the other. */
static int move_all(struct wr_datapath *dp, struct change *c)
{
	struct wr_slots *s = &dp->slots;
	int rc = 0;
	for (size_t i = 0; !rc && i < c->n; i++) {
		struct wr_move *m = &c->moves[i];
		if (is_nothing(m))
			continue;
		if (!is_sane(s, m, c->t->n_kinds))
			return -EINVAL;
		if (m->kind == WR_NONE)
			rc = leave(s, m, &c->leave);
		else if (m->slot == WR_SLOT_NONE)
			rc = take(s, m, &c->put);
		else
			s->kind[m->slot] = m->kind;
	}
	return rc;
}

/* The identities of a half; slot 0 is in its last cell. */
static int write_identities(struct wr_datapath *dp, const struct change *c, uint32_t base)
{
	const struct wr_slots *s = &dp->slots;
	union weir_cell *first = wr_image_identity(&dp->image, base, 0);
	const uint32_t *kind = s->kind;
	uint32_t n = s->next, n_kinds = c->t->n_kinds;
	first[0].id = c->plan.world[0];
	first[-1].id = c->plan.world[1];
	for (uint32_t i = WEIR_SLOT_FIRST; i < n; i++) {
		struct weir_identity id = {0};
		if (kind[i] < n_kinds)
			id = c->ids[kind[i]];
		else if (kind[i] != WR_NONE)
			return -EINVAL;
		if (id.self == NO_KIND)
			return -EINVAL;
		first[-(ptrdiff_t)i].id = id;
	}
	for (size_t i = 0; i < c->plan.items.n; i++) {
		const struct wr_plan_item *item = &c->plan.items.items[i];
		if (item->slot != WR_SLOT_NONE)
			first[-(ptrdiff_t)item->slot].id = item->id;
	}
	for (size_t i = 0; i < c->leave.n; i++) {
		uint32_t slot = c->leave.items[i].slot;
		if (slot != WR_SLOT_NONE)
			first[-(ptrdiff_t)slot].id = wr_plan_identity(&c->plan, &s->ip[slot]);
	}
	return 0;
}

/* Step 1. */
static int write_half(struct wr_datapath *dp, const struct change *c)
{
	uint32_t base = wr_image_spare(&dp->image);
	wr_layout_write(&c->layout, c->t->program, dp->slots.next, dp->image.cells + base);
	return write_identities(dp, c, base);
}

/* Step 2. */
static int add_entries(struct wr_datapath *dp, struct change *c)
{
	const struct wr_image_map *m = &dp->image;
	uint32_t now = wr_image_base(m);
	for (size_t i = 0; i < c->put.n; i++) {
		uint32_t slot = c->put.items[i].slot;
		*wr_image_identity(m, now, slot) =
			*wr_image_identity(m, now, wr_plan_cover(&c->plan, &dp->slots.ip[slot]));
	}
	for (size_t i = 0; i < c->plan.items.n; i++) {
		const struct wr_plan_item *item = &c->plan.items.items[i];
		if (item->wanted && !item->loaded)
			*wr_image_identity(m, now, item->slot) = *wr_image_identity(m, now,
										    item->cover);
	}
	int rc = wr_plan_added(&c->plan, &c->put);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return rc ? rc : wr_addresses_put(&dp->maps, &c->put);
}

/* Whether the half just written says the same as the one in force, of all that is loaded. */
static bool is_same(const struct wr_datapath *dp, const struct change *c)
{
	const struct wr_image_map *m = &dp->image;
	uint32_t base = wr_image_base(m), spare = wr_image_spare(m), last = dp->slots.next - 1;
	const union weir_cell *now = m->cells + base, *new = m->cells + spare;
	if (c->put.n || c->leave.n || !m->cells[0].head.generation || !dp->config->applied)
		return false;
	if (now->half.counts != new->half.counts || now->half.n_authors != new->half.n_authors ||
	    now->half.tables != new->half.tables)
		return false;
	for (size_t i = 0; i < c->plan.items.n; i++)
		if (c->plan.items.items[i].loaded != c->plan.items.items[i].wanted)
			return false;
	return !memcmp(now + 1, new + 1, ((size_t)c->layout.counts - 1) * WEIR_CELL) &&
	       !memcmp(wr_image_identity(m, base, last), wr_image_identity(m, spare, last),
		       (size_t)dp->slots.next * WEIR_CELL);
}

/* Steps 3 and 4. */
static int put_in_force(struct wr_datapath *dp)
{
	struct weir_image_head *head = &dp->image.cells[0].head;
	union {
		struct {
			uint32_t base, generation;
		};
		uint64_t both;
	} next = {.base = wr_image_spare(&dp->image), .generation = head->generation + 1};
	uint32_t zero = 0;
	if (!next.generation)
		next.generation = 1;
	wr_stricter_begin(dp);
	bool first = !head->generation;
	__atomic_store_n((uint64_t *)head, next.both, __ATOMIC_SEQ_CST);
	if (first && bpf_map_update_elem(dp->maps.fd[WR_MAP_IMAGES], &zero, &dp->image.fd, BPF_ANY))
		return -errno;
	dp->config->applied = 1;
	/* our judge may still stand beside one of another version of the ABI */
	if (wr_jump_target(dp->jump_fd) != wr_prog_id(dp->judge_fd)) {
		if (bpf_map_update_elem(dp->jump_fd, &zero, &dp->judge_fd, BPF_ANY) < 0)
			return -errno;
		wr_pin_other_versions(dp->opts.pin_dir, true);
	}
	dp->flipped = dp->stricter = ++dp->seq;
	return 0;
}

/* Notes what is loaded now, and what has to be removed when the flip is settled. */
static int commit(struct wr_datapath *dp, struct change *c)
{
	int rc = wr_plan_leaving(&c->plan, &c->leave);
	if (!rc)
		rc = wr_plan_commit(&dp->slots, &c->plan);
	if (rc < 0)
		return rc;
	free(dp->ids);
	dp->ids = WR_TAKE(c->ids);
	dp->n_ids = c->t->n_kinds;
	dp->slots.damaged.n = 0;
	wr_vec_free(&dp->leaving);
	dp->leaving = c->leave;
	c->leave = (struct wr_slot_list){0};
	return 0;
}

static int change_tables(struct wr_datapath *dp, struct change *c, bool maybe_same)
{
	int rc = prepare(dp, c);
	if (!rc)
		rc = move_all(dp, c);
	if (!rc)
		rc = wr_image_make_room(dp, c->layout.tables);
	if (!rc)
		rc = write_half(dp, c);
	if (!rc && maybe_same && is_same(dp, c)) {
		if (dp->config->stricter_since == UINT64_MAX)
			wr_stricter_end(dp);
		return commit(dp, c);
	}
	if (!rc)
		rc = add_entries(dp, c);
	if (!rc)
		rc = put_in_force(dp);
	return rc ? rc : commit(dp, c);
}

/* ---- addresses alone ---- */

static int move_alone(struct wr_datapath *dp, struct change *c)
{
	struct wr_slots *s = &dp->slots;
	int rc = 0;
	for (size_t i = 0; !rc && i < c->n; i++) {
		struct wr_move *m = &c->moves[i];
		if (is_nothing(m))
			continue;
		if (!is_sane(s, m, dp->n_ids) ||
		    (m->kind != WR_NONE && dp->ids[m->kind].self == NO_KIND))
			return -EINVAL;
		uint32_t old = m->slot;
		if (m->kind == WR_NONE) {
			rc = leave(s, m, &c->leave);
			continue;
		}
		if (old != WR_SLOT_NONE &&
		    !memcmp(&dp->ids[s->kind[old]], &dp->ids[m->kind], sizeof(*dp->ids))) {
			s->kind[old] = m->kind;
			continue;
		}
		rc = take(s, m, &c->put);
		if (rc < 0 || old == WR_SLOT_NONE)
			continue;
		s->kind[old] = WR_NONE;
		rc = wr_vec_push(&c->given_up, old);
	}
	return rc;
}

static int change_addresses(struct wr_datapath *dp, struct change *c)
{
	struct wr_slots *s = &dp->slots;
	int rc = move_alone(dp, c);
	if (!rc && !c->put.n && !c->leave.n)
		return 0;
	if (!rc)
		rc = wr_image_make_room(dp, 0);
	if (rc < 0)
		return rc;
	uint32_t now = wr_image_base(&dp->image);
	struct weir_half_head *half = &dp->image.cells[now].half;
	if (half->n_slots < s->next)
		half->n_slots = s->next;
	for (size_t i = 0; i < c->put.n; i++) {
		uint32_t slot = c->put.items[i].slot;
		wr_image_identity(&dp->image, now, slot)->id = dp->ids[s->kind[slot]];
	}
	wr_stricter_begin(dp);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	rc = wr_addresses_put(&dp->maps, &c->put);
	if (!rc)
		rc = wr_addresses_remove(&dp->maps, &c->leave);
	dp->stricter = ++dp->seq;
	for (size_t i = 0; !rc && i < c->leave.n; i++)
		rc = wr_slots_rest(s, c->leave.items[i].slot, dp->seq);
	for (size_t i = 0; !rc && i < c->given_up.n; i++)
		rc = wr_slots_rest(s, c->given_up.items[i], dp->seq);
	return rc;
}

/* ---- everything ---- */

#define SEEN (UINT64_C(1) << 32)

/* The slot of each address; of those whose entries are damaged, none. */
static int index_loaded(const struct wr_slots *s, struct wr_map *by_key)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < s->damaged.n; i++)
		rc = wr_map_put(by_key, &s->damaged.items[i].key, sizeof(struct wr_slot_key),
				WR_SLOT_NONE);
	for (uint32_t i = WEIR_SLOT_FIRST; !rc && i < s->next; i++) {
		struct wr_slot_key key = wr_slot_key_host(&s->ip[i]);
		if (s->ip[i].family)
			rc = wr_map_put(by_key, &key, sizeof(key), i);
	}
	return rc;
}

/* Finds the slots of all that are loaded already. */
static int find_slots(struct wr_slots *s, struct change *c, struct wr_map *by_key)
{
	for (size_t i = 0; i < c->n; i++) {
		struct wr_move *m = &c->moves[i];
		struct wr_slot_key key = wr_slot_key_host(&m->ip);
		m->slot = WR_SLOT_NONE;
		if (m->kind == WR_NONE)
			continue; /* goes, as all that is not named does */
		uint64_t *found = wr_map_slot(by_key, &key, sizeof(key), WR_SLOT_NONE, NULL);
		if (!found)
			return -ENOMEM;
		if (*found & SEEN)
			return -EINVAL;
		m->slot = (uint32_t)*found;
		if (m->slot != WR_SLOT_NONE)
			s->kind[m->slot] = m->kind;
		*found |= SEEN;
	}
	return 0;
}

/* What is loaded, and not among the moves, goes. */
static int compare_loaded(struct wr_slots *s, struct change *c, struct wr_map *by_key)
{
	int rc = index_loaded(s, by_key);
	size_t loaded = wr_map_count(by_key);
	if (!rc)
		rc = find_slots(s, c, by_key);
	for (size_t i = 0; !rc && i < loaded; i++) {
		const struct wr_map_entry *e = wr_map_at(by_key, i);
		struct wr_slot gone = {.slot = (uint32_t)e->value};
		if (e->value & SEEN)
			continue;
		memcpy(&gone.key, e->key, sizeof(gone.key));
		if (gone.slot != WR_SLOT_NONE)
			s->kind[gone.slot] = WR_NONE;
		rc = wr_vec_push(&c->leave, gone);
	}
	return rc;
}

static int replace(struct wr_datapath *dp, struct change *c)
{
	int rc = wr_settle_all(dp);
	struct wr_map *by_key = wr_map_new();
	if (!rc)
		rc = by_key ? compare_loaded(&dp->slots, c, by_key) : -ENOMEM;
	wr_map_free(by_key);
	return rc ? rc : change_tables(dp, c, true);
}

/* ---- for the owner ---- */

static int explain(struct wr_diags *diags, int rc)
{
	if (rc == -E2BIG || rc == -ENOSPC)
		return wr_dp_error(diags, -E2BIG,
				   "the policies and addresses do not fit into an image");
	return rc ? wr_dp_error(diags, rc, "cannot load the policies") : 0;
}

int wr_replace(struct wr_datapath *dp, const struct wr_tables *t, struct wr_move *all, size_t n,
	       struct wr_diags *diags)
{
	struct change c = {.t = t, .moves = all, .n = n, .began_ns = wr_now_ns(CLOCK_MONOTONIC)};
	int rc = dp->config->writer == dp->writer ? 0 : wr_datapath_take_over(dp, diags);
	if (rc < 0)
		return rc;
	rc = explain(diags, replace(dp, &c));
	dp->apply_ns = wr_now_ns(CLOCK_MONOTONIC) - c.began_ns;
	if (!rc) {
		rc = wr_settle_all(dp);
		if (rc < 0)
			wr_dp_error(diags, rc,
				    "the policies are in force, but cannot be cleaned up after");
	}
	if (rc < 0)
		dp->config->writer = 0; /* start from the maps next time */
	change_free(&c);
	return rc;
}

int wr_change(struct wr_datapath *dp, const struct wr_tables *t, struct wr_move *moves, size_t n,
	      struct wr_diags *diags)
{
	struct change c = {.t = t, .moves = moves, .n = n, .began_ns = wr_now_ns(CLOCK_MONOTONIC)};
	if (dp->config->writer != dp->writer || !dp->ids)
		return -ESTALE;
	if (wr_datapath_busy(dp))
		return -EBUSY;
	int rc = explain(diags, t ? change_tables(dp, &c, false) : change_addresses(dp, &c));
	dp->apply_ns = wr_now_ns(CLOCK_MONOTONIC) - c.began_ns;
	if (rc < 0)
		dp->config->writer = 0; /* start from the maps next time */
	change_free(&c);
	return rc;
}
