/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/live.h"

#include <string.h>

#include "engine/live_internal.h"

#define MOVES_KEPT 4096

/* ---- life ---- */

static void program_free(struct wr_live *l)
{
	if (!l->program)
		return;
	live_rows_free(l);
	wr_program_unref(l->program);
}

void wr_live_free(struct wr_live *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->namespaces.n; i++) {
		free(l->namespaces.items[i].labels);
		wr_vec_free(&l->namespaces.items[i].policies);
	}
	for (size_t i = 0; i < l->nodes.n; i++)
		wr_vec_free(&l->nodes.items[i].host_ips);
	for (size_t i = 0; i < l->atoms.n; i++)
		free(l->atoms.items[i].classes);
	live_index_free(&l->node_index);
	live_index_free(&l->pod_index);
	live_index_free(&l->address_index);
	live_index_free(&l->kind_index);
	live_index_free(&l->row_index);
	wr_map_free(l->label_index);
	wr_map_free(l->pod_keys);
	wr_map_free(l->ports_index);
	wr_map_free(l->cover_index);
	wr_map_free(l->port_names);
	wr_map_free(l->class_index);
	wr_map_free(l->policy_index);
	wr_vec_free(&l->namespaces);
	wr_vec_free(&l->nodes);
	wr_vec_free(&l->pods);
	wr_vec_free(&l->free_pods);
	wr_vec_free(&l->labels);
	wr_vec_free(&l->ports);
	wr_vec_free(&l->addresses);
	wr_vec_free(&l->free_addresses);
	wr_vec_free(&l->claims);
	wr_vec_free(&l->moved);
	wr_vec_free(&l->moves);
	wr_vec_free(&l->covers);
	wr_vec_free(&l->kinds);
	wr_vec_free(&l->entries);
	wr_vec_free(&l->here);
	wr_vec_free(&l->atoms);
	wr_vec_free(&l->blocks);
	wr_vec_free(&l->port_atoms);
	wr_vec_free(&l->classes);
	free(l->fresh);
	wr_vec_free(&l->signatures);
	wr_vec_free(&l->prefixes);
	wr_vec_free(&l->prefix_kinds);
	wr_vec_free(&l->cidrs);
	wr_vec_free(&l->policies);
	wr_vec_free(&l->cluster_policies);
	wr_vec_free(&l->changed);
	wr_vec_free(&l->free_rows);
	wr_vec_free(&l->changed_slots);
	program_free(l);
	for (int d = 0; d < 2; d++)
		wr_vec_free(&l->peer_atoms[d]);
	free(l->node);
	free(l->pod_cidrs);
	free(l);
}

/* A program without anything in it. */
static int program_new(struct wr_live *l)
{
	struct wr_program *p = l->program = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->refs = 1;
	p->arena = l->arena = wr_arena_new();
	p->world = wr_world_grow_new();
	p->sel.index = wr_map_new();
	p->author_index = wr_map_new();
	p->pop.world4 = WR_LIVE_WORLD4;
	p->pop.world6 = WR_LIVE_WORLD6;
	p->classes.of = l->world_class;
	if (!p->arena || !p->world || !p->sel.index || !p->author_index)
		return -ENOMEM;
	int rc = port_sets_init(&p->sets, p->arena);
	if (!rc)
		rc = painter_fixed_authors(p);
	return rc ? rc : wr_vec_push(&p->names.sample, NULL);
}

static int tables_new(struct wr_live *l)
{
	l->label_index = wr_map_new();
	l->pod_keys = wr_map_new();
	l->ports_index = wr_map_new();
	l->cover_index = wr_map_new();
	l->port_names = wr_map_new();
	l->class_index = wr_map_new();
	l->policy_index = wr_map_new();
	return l->label_index && l->pod_keys && l->ports_index && l->cover_index && l->port_names &&
			       l->class_index && l->policy_index
		       ? 0
		       : -ENOMEM;
}

/* Number 0 of what is numbered: no labels, no ports, no ipBlocks. */
static int nothings_new(struct wr_live *l)
{
	if (!wr_map_slot(l->label_index, NULL, 0, 0, NULL) ||
	    !wr_map_slot(l->cover_index, NULL, 0, 0, NULL))
		return -ENOMEM;
	int rc = wr_vec_push(&l->labels, (struct live_labels){0});
	if (!rc)
		rc = wr_vec_push(&l->covers, (struct live_cover){0});
	return rc ? rc : wr_vec_push(&l->ports, NULL);
}

static int take_options(struct wr_live *l, const struct wr_live_opts *opts)
{
	l->node = strdup(opts->node);
	l->pod_cidrs = calloc(opts->n_pod_cidrs + 1, sizeof(*l->pod_cidrs));
	if (!l->node || !l->pod_cidrs)
		return -ENOMEM;
	if (opts->n_pod_cidrs)
		memcpy(l->pod_cidrs, opts->pod_cidrs, opts->n_pod_cidrs * sizeof(*l->pod_cidrs));
	l->n_pod_cidrs = opts->n_pod_cidrs;
	return 0;
}

int wr_live_new(const struct wr_live_opts *opts, struct wr_live **out)
{
	struct wr_live *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	int rc = take_options(l, opts);
	if (!rc)
		rc = program_new(l);
	if (!rc)
		rc = tables_new(l);
	if (!rc)
		rc = nothings_new(l);
	if (!rc)
		rc = live_classes_init(l);
	if (!rc)
		rc = live_rows_init(l);
	if (rc) {
		wr_live_free(l);
		return rc;
	}
	*out = l;
	return 0;
}

/* ---- changes ---- */

int wr_live_put(struct wr_live *l, const struct wr_object *o)
{
	switch ((int)o->kind) {
	case WR_KIND_NAMESPACE:
		return live_put_namespace(l, o->meta.name, o);
	case WR_KIND_NODE:
		return live_put_node(l, o);
	case WR_KIND_POD:
		return live_put_pod(l, o);
	default:
		return wr_kind_is_policy(o->kind) ? live_put_policy(l, o) : 0;
	}
}

int wr_live_remove(struct wr_live *l, const struct wr_object *o)
{
	switch ((int)o->kind) {
	case WR_KIND_NAMESPACE:
		return live_put_namespace(l, o->meta.name, NULL);
	case WR_KIND_NODE:
		return live_remove_node(l, o);
	case WR_KIND_POD:
		return live_remove_pod(l, o);
	default:
		return wr_kind_is_policy(o->kind) ? live_remove_policy(l, o) : 0;
	}
}

static struct live_waste measure(const struct wr_live *l)
{
	const struct wr_program *p = l->program;
	return (struct live_waste){
		.kinds = l->kinds.n,
		.classes = l->classes.n,
		.atoms = l->atoms.n,
		.sets = p->sets.finals.n,
		.authors = p->authors.n,
		.slots = p->world->n_policies,
		.arena = wr_arena_size(l->arena),
	};
}

/* The program's own view of what has grown. */
static void publish(struct wr_live *l)
{
	struct wr_program *p = l->program;
	for (size_t i = 0; i < l->prefixes.n; i++)
		l->prefixes.items[i].class = l->entries.items[l->prefix_kinds.items[i]].id.class;
	p->pop.prefixes = l->prefixes.items;
	p->pop.n_prefixes = (uint32_t)l->prefixes.n;
	for (uint32_t i = 0; i < 2; i++)
		l->world_class[i] = l->entries.items[i].id.class;
}

int wr_live_update(struct wr_live *l, bool *tables)
{
	int rc = live_rows_update(l);
	if (rc)
		return rc;
	publish(l);
	*tables = l->tables;
	l->tables = false;
	if (!l->was_built) {
		l->was_built = true;
		l->built = measure(l);
	}
	return 0;
}

bool wr_live_stale(const struct wr_live *l)
{
	struct live_waste now = measure(l), was = l->built;
	if (l->unseen || !l->was_built)
		return l->unseen;
	return now.kinds > 2 * was.kinds + 1024 || now.classes > 2 * was.classes + 256 ||
	       now.atoms > 2 * was.atoms + 512 || now.sets > 2 * was.sets + 2048 ||
	       now.authors > 2 * was.authors + 2048 || now.slots > 2 * was.slots + 512 ||
	       now.arena > 2 * was.arena + ((size_t)4 << 20);
}

/* ---- what comes out ---- */

const struct wr_program *wr_live_program(const struct wr_live *l)
{
	return l->program;
}

const struct wr_kind_entry *wr_live_kinds(const struct wr_live *l, uint32_t *n)
{
	*n = (uint32_t)l->entries.n;
	return l->entries.items;
}

/* A place that nobody knows any more: for the next address. */
static void forget(struct wr_live *l, uint32_t at)
{
	live_index_remove(&l->address_index, at);
	l->addresses.items[at] = (struct live_address){.kind = WR_NONE, .slot = WR_SLOT_NONE};
	/* without memory the place is lost, and nothing else */
	(void)wr_vec_push(&l->free_addresses, at);
}

int wr_live_moves(struct wr_live *l, struct wr_move **out, size_t *n)
{
	size_t kept = 0;
	l->moves.n = 0;
	for (size_t i = 0; i < l->moved.n; i++) {
		uint32_t at = l->moved.items[i];
		struct live_address *a = &l->addresses.items[at];
		struct wr_move move = {.ip = a->ip, .kind = a->kind, .slot = a->slot};
		if (a->kind == WR_NONE && a->slot == WR_SLOT_NONE) {
			forget(l, at); /* it came and went before anybody heard of it */
			continue;
		}
		if (wr_vec_push(&l->moves, move) < 0)
			return -ENOMEM;
		l->moved.items[kept++] = at;
	}
	l->moved.n = kept;
	*out = l->moves.items;
	*n = l->moves.n;
	return 0;
}

void wr_live_moved(struct wr_live *l)
{
	for (size_t i = 0; i < l->moves.n; i++) {
		struct live_address *a = &l->addresses.items[l->moved.items[i]];
		a->slot = l->moves.items[i].slot;
		a->moved = false;
		if (a->kind == WR_NONE)
			forget(l, l->moved.items[i]);
	}
	l->moved.n = l->moves.n = 0;
	/* all of them at a time are told once */
	if (l->moves.cap > MOVES_KEPT) {
		wr_vec_free(&l->moves);
		wr_vec_free(&l->moved);
	}
}

static int list_move(struct wr_live *l, uint32_t at, uint32_t slot)
{
	struct live_address *a = &l->addresses.items[at];
	a->slot = slot;
	if (a->moved)
		return 0;
	a->moved = true;
	return wr_vec_push(&l->moved, at);
}

int wr_live_move_all(struct wr_live *l, const struct wr_live *earlier)
{
	int rc = 0;
	for (uint32_t i = 0; i < l->addresses.n && !rc; i++) {
		const struct live_address *a = &l->addresses.items[i];
		uint32_t was = earlier ? live_find_address(earlier, &a->ip) : WR_NONE;
		uint32_t slot = was == WR_NONE ? WR_SLOT_NONE : earlier->addresses.items[was].slot;
		if (a->ip.family)
			rc = list_move(l, i, slot);
	}
	for (uint32_t i = 0; earlier && i < earlier->addresses.n && !rc; i++) {
		const struct live_address *a = &earlier->addresses.items[i];
		uint32_t at;
		if (!a->ip.family || a->slot == WR_SLOT_NONE ||
		    live_find_address(l, &a->ip) != WR_NONE)
			continue;
		rc = live_address_of(l, &a->ip, &at);
		if (!rc)
			rc = list_move(l, at, a->slot);
	}
	return rc;
}

/* ---- what is known ---- */

void wr_live_count(const struct wr_live *l, struct wr_live_counts *out)
{
	*out = l->counts;
	out->kinds = (uint32_t)l->kinds.n;
	out->namespaces = (uint32_t)l->namespaces.n;
}

const struct wr_object *wr_live_owner(const struct wr_live *l, const struct wr_ip *ip,
				      const char **node)
{
	uint32_t at = live_find_address(l, ip);
	uint32_t owner = at == WR_NONE ? WR_NONE : live_winner(l, &l->addresses.items[at]);
	*node = NULL;
	if (owner == WR_NONE)
		return NULL;
	if (!(owner & LIVE_NODE_BIT))
		return l->pods.items[owner].object;
	*node = l->nodes.items[owner & ~LIVE_NODE_BIT].name;
	return l->nodes.items[owner & ~LIVE_NODE_BIT].object;
}

const struct wr_object *wr_live_namespace(const struct wr_live *l, const char *name)
{
	uint32_t i = wr_world_find_namespace(l->program->world, name);
	return i == WR_NONE || i >= l->namespaces.n ? NULL : l->namespaces.items[i].object;
}

const struct wr_object *wr_live_node(const struct wr_live *l, const char *name)
{
	uint32_t i = live_find_node(l, name);
	return i == WR_NONE ? NULL : l->nodes.items[i].object;
}

static const struct wr_object *next_of(const struct wr_live *l, const uint32_t *list, size_t n,
				       uint32_t *at)
{
	while (*at < n) {
		const struct wr_object *o = l->policies.items[list[(*at)++]].object;
		if (o)
			return o;
	}
	return NULL;
}

const struct wr_object *wr_live_next_policy_in(const struct wr_live *l, const char *ns,
					       uint32_t *at)
{
	uint32_t i = ns ? wr_world_find_namespace(l->program->world, ns) : WR_NONE;
	if (!ns)
		return next_of(l, l->cluster_policies.items, l->cluster_policies.n, at);
	if (i == WR_NONE || i >= l->namespaces.n)
		return NULL;
	const struct live_namespace *s = &l->namespaces.items[i];
	return next_of(l, s->policies.items, s->policies.n, at);
}

int wr_live_local_ips(const struct wr_live *l, struct wr_ip **out, size_t *n)
{
	WR_VEC(struct wr_ip) ips = {0};
	for (size_t i = 0; i < l->addresses.n; i++) {
		const struct live_address *a = &l->addresses.items[i];
		if (a->kind == WR_NONE || !l->kinds.items[a->kind].key.here)
			continue;
		if (wr_vec_push(&ips, a->ip) < 0) {
			wr_vec_free(&ips);
			return -ENOMEM;
		}
	}
	*out = ips.items;
	*n = ips.n;
	return 0;
}

const struct wr_object *wr_live_next_policy(const struct wr_live *l, uint32_t *at)
{
	while (*at < l->policies.n) {
		const struct wr_object *o = l->policies.items[(*at)++].object;
		if (o)
			return o;
	}
	return NULL;
}
