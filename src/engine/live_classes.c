/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds to classes. Two kinds are of one class when every atom (a peer of some
 * rule) holds both or neither, as in classes.c; here the partition is kept
 * while atoms and kinds come.
 *
 * Every atom has a random token of 128 bits, and the signature of a kind is the
 * exclusive or of the tokens of those that hold it. So the class of a new kind
 * is one look-up, and that of a kind whose namespace has other labels, too.
 * That two different sets of atoms have one signature is as likely as that two
 * files have one git hash; the tokens are not known outside.
 *
 * A new atom cuts the classes that it holds in part in two, and both halves
 * have what the whole had in every row. Only a class that a kind brings by
 * itself has no column yet: it is fresh, and rows.c paints it.
 */
#include <string.h>
#include <sys/random.h>

#include "engine/live_internal.h"

#define FIRST_ROOM 64

/* ---- tokens and signatures (splitmix64, from a seed that nobody knows) ---- */

static uint64_t next_random(struct wr_live *l)
{
	uint64_t z = (l->random += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static struct live_sig new_token(struct wr_live *l)
{
	return (struct live_sig){next_random(l), next_random(l)};
}

static void toggle(struct live_sig *sig, const struct live_sig *token)
{
	sig->a ^= token->a;
	sig->b ^= token->b;
}

/* ---- what holds what ---- */

bool live_selects(const struct wr_live *l, const struct wr_peer *peer, const struct live_key *key)
{
	const struct wr_world *w = l->program->world;
	const struct live_namespace *ns = &l->namespaces.items[key->ns];
	const struct live_labels *labels = &l->labels.items[key->labels];
	if (peer->ns_index != WR_NONE
		    ? peer->ns_index != key->ns
		    : !wr_selector_matches(w, peer->ns_selector, ns->labels, ns->n_labels))
		return false;
	return wr_selector_matches(w, peer->pod_selector, labels->items, labels->n);
}

static bool block_holds(const struct wr_live *l, uint32_t atom, const struct live_key *key)
{
	if (key->entity == LIVE_PREFIX)
		return selection_block_covers(l->program->sel.atoms.items[atom].peer,
					      &l->cidrs.items[key->which]);
	const struct live_cover *c = &l->covers.items[key->cover];
	for (uint32_t i = 0; i < c->n; i++)
		if (c->items[i] == atom)
			return true;
	return false;
}

static bool holds(const struct wr_live *l, uint32_t atom, const struct live_key *key)
{
	const struct wr_peer *peer = l->program->sel.atoms.items[atom].peer;
	const struct live_labels *labels = &l->labels.items[key->labels];
	switch (peer->kind) {
	case WR_PEER_PODS:
		return key->entity == LIVE_POD && live_selects(l, peer, key);
	case WR_PEER_NODES:
		return key->entity == LIVE_NODE && key->ns != WR_NONE &&
		       wr_selector_matches(l->program->world, peer->node_selector, labels->items,
					   labels->n);
	case WR_PEER_IPBLOCK:
		return block_holds(l, atom, key);
	case WR_PEER_DOMAINS:
	case WR_PEER_NOTHING:
		return false;
	}
	return false;
}

static bool has_port(const struct wr_live *l, const struct live_port_atom *atom,
		     const struct live_key *key)
{
	const struct wr_pod *pod = key->entity == LIVE_POD && key->ports
					   ? &l->ports.items[key->ports]->sample
					   : NULL;
	for (size_t i = 0; pod && i < pod->n_ports; i++)
		if (WR_KEY(pod->ports[i].proto, pod->ports[i].port) == atom->key &&
		    !strcmp(pod->ports[i].name, atom->name))
			return true;
	return false;
}

/* ---- classes ---- */

static struct wr_bitset *resize(struct wr_bitset *old, uint32_t room)
{
	size_t had = old ? wr_bitset_words(old->bits) : 0, words = wr_bitset_words(room);
	struct wr_bitset *new = realloc(old, sizeof(*new) + words * sizeof(new->words[0]));
	if (!new)
		return NULL;
	memset(new->words + had, 0, (words - had) * sizeof(new->words[0]));
	new->bits = room;
	return new;
}

static int make_room(struct wr_live *l)
{
	uint32_t room = l->class_room ? l->class_room * 2 : FIRST_ROOM;
	if (room > WR_KEY_LAST)
		return -E2BIG;
	for (size_t i = 0; i < l->atoms.n; i++) {
		struct wr_bitset *set = resize(l->atoms.items[i].classes, room);
		if (!set)
			return -ENOMEM;
		l->atoms.items[i].classes = set;
		l->program->sel.atoms.items[i].class_set = set;
	}
	struct wr_bitset *fresh = resize(l->fresh, room);
	if (!fresh)
		return -ENOMEM;
	l->fresh = fresh;
	int rc = live_rows_room(l, room);
	if (!rc)
		l->class_room = room;
	return rc;
}

static uint32_t find_class(const struct wr_live *l, const struct live_sig *sig)
{
	uint64_t c;
	if (!wr_map_get(l->class_index, sig, sizeof(*sig), &c) ||
	    memcmp(&l->classes.items[c].sig, sig, sizeof(*sig)) != 0)
		return WR_NONE;
	return (uint32_t)c;
}

/* A class of its own, without entities; parent: that it is cut from, or WR_NONE. */
static int new_class(struct wr_live *l, const struct live_sig *sig, uint32_t ports, uint32_t parent,
		     uint32_t *out)
{
	uint32_t c = (uint32_t)l->classes.n;
	int rc = c < l->class_room ? 0 : make_room(l);
	if (!rc)
		rc = wr_vec_push(&l->classes, (struct live_class){.sig = *sig});
	if (!rc)
		rc = wr_vec_push(&l->signatures, ports);
	if (!rc)
		rc = wr_map_put(l->class_index, sig, sizeof(*sig), c);
	if (rc)
		return rc;
	l->program->classes.n = c + 1;
	l->program->classes.signature = l->signatures.items;
	live_rows_column(l, c, parent);
	if (parent == WR_NONE || wr_bitset_has(l->fresh, parent)) {
		wr_bitset_add(l->fresh, c);
		l->any_fresh = true;
	}
	for (size_t i = 0; i < l->atoms.n && parent != WR_NONE; i++)
		if (wr_bitset_has(l->atoms.items[i].classes, parent))
			wr_bitset_add(l->atoms.items[i].classes, c);
	l->tables = true;
	*out = c;
	return 0;
}

/* The class of a kind by its signature; *kind is no member of it yet. */
static int class_of(struct wr_live *l, uint32_t kind, uint32_t *out)
{
	const struct live_key key = l->kinds.items[kind].key;
	*out = find_class(l, &l->kinds.items[kind].sig);
	if (*out != WR_NONE)
		return 0;
	int rc = new_class(l, &l->kinds.items[kind].sig, key.ports, WR_NONE, out);
	for (uint32_t i = 0; i < l->atoms.n && !rc; i++)
		if (holds(l, i, &key))
			wr_bitset_add(l->atoms.items[i].classes, *out);
	return rc;
}

static int enter_class(struct wr_live *l, uint32_t kind)
{
	uint32_t c, ports = l->kinds.items[kind].key.ports;
	int rc = class_of(l, kind, &c);
	if (rc)
		return rc;
	/* an empty one may have been painted for ports that nobody has any more */
	if (!l->classes.items[c].n++ && l->signatures.items[c] != ports) {
		l->signatures.items[c] = ports;
		wr_bitset_add(l->fresh, c);
		l->any_fresh = true;
	}
	l->entries.items[kind].id.class = c;
	l->tables = true;
	return 0;
}

int live_classify(struct wr_live *l, uint32_t kind)
{
	const struct live_key key = l->kinds.items[kind].key;
	struct live_sig sig = {0};
	for (uint32_t i = 0; i < l->atoms.n; i++)
		if (holds(l, i, &key))
			toggle(&sig, &l->atoms.items[i].token);
	for (size_t i = 0; i < l->port_atoms.n; i++)
		if (has_port(l, &l->port_atoms.items[i], &key))
			toggle(&sig, &l->port_atoms.items[i].token);
	l->kinds.items[kind].sig = sig;
	return enter_class(l, kind);
}

/* ---- a new atom ---- */

struct refinement {
	bool *member;    /* by kind */
	uint32_t *hits;  /* by class: members */
	uint32_t *split; /* by class: what its members are of from now on */
};

/* A class with members that are new to an atom: as a whole, or a part of it, which is cut off. */
static int cut(struct wr_live *l, const struct refinement *r, uint32_t c,
	       const struct live_sig *token, uint32_t atom)
{
	struct live_sig sig = l->classes.items[c].sig;
	uint32_t to = c;
	int rc = 0;
	toggle(&sig, token);
	if (r->hits[c] == l->classes.items[c].n) {
		l->classes.items[c].sig = sig;
		rc = wr_map_put(l->class_index, &sig, sizeof(sig), c);
	} else {
		rc = new_class(l, &sig, l->signatures.items[c], c, &to);
		if (!rc) {
			l->classes.items[c].n -= r->hits[c];
			l->classes.items[to].n = r->hits[c];
		}
	}
	r->split[c] = to;
	if (!rc && atom != WR_NONE)
		wr_bitset_add(l->atoms.items[atom].classes, to);
	return rc;
}

static int cut_classes(struct wr_live *l, const struct refinement *r, const struct live_sig *token,
		       uint32_t atom)
{
	uint32_t n = (uint32_t)l->classes.n;
	int rc = 0;
	for (size_t k = 0; k < l->kinds.n; k++)
		r->hits[l->entries.items[k].id.class] += r->member[k];
	for (uint32_t c = 0; c < n && !rc; c++)
		if (r->hits[c])
			rc = cut(l, r, c, token, atom);
	for (size_t k = 0; k < l->kinds.n && !rc; k++) {
		if (!r->member[k])
			continue;
		toggle(&l->kinds.items[k].sig, token);
		l->entries.items[k].id.class = r->split[l->entries.items[k].id.class];
	}
	return rc;
}

typedef void (*member_fn)(const struct wr_live *l, uint32_t atom, bool *member);

/* Classes that hold only some of an atom's members are cut; atom: see member_fn. */
static int refine(struct wr_live *l, const struct live_sig *token, uint32_t atom, member_fn fn,
		  uint32_t set)
{
	struct refinement r = {
		.member = calloc(l->kinds.n + 1, sizeof(bool)),
		.hits = calloc(l->classes.n + 1, sizeof(uint32_t)),
		.split = calloc(l->classes.n + 1, sizeof(uint32_t)),
	};
	int rc = r.member && r.hits && r.split ? 0 : -ENOMEM;
	if (!rc) {
		fn(l, atom, r.member);
		rc = cut_classes(l, &r, token, set);
	}
	free(r.member);
	free(r.hits);
	free(r.split);
	return rc;
}

/* Each namespace and each set of labels is asked about once. */
static void pod_members(const struct wr_live *l, uint32_t atom, bool *member)
{
	enum { UNKNOWN, NO, YES };
	const struct wr_peer *peer = l->program->sel.atoms.items[atom].peer;
	const struct wr_world *w = l->program->world;
	unsigned char *ns = calloc(l->namespaces.n + l->labels.n + 1, 1),
		      *labels = ns ? ns + l->namespaces.n : NULL;
	for (size_t k = 0; k < l->kinds.n; k++) {
		const struct live_key *key = &l->kinds.items[k].key;
		if (key->entity != LIVE_POD)
			continue;
		if (!ns) { /* no memory for remembering */
			member[k] = live_selects(l, peer, key);
			continue;
		}
		if (ns[key->ns] == UNKNOWN) {
			const struct live_namespace *s = &l->namespaces.items[key->ns];
			bool yes = peer->ns_index != WR_NONE
					   ? peer->ns_index == key->ns
					   : wr_selector_matches(w, peer->ns_selector, s->labels,
								 s->n_labels);
			ns[key->ns] = yes ? YES : NO;
		}
		if (ns[key->ns] == NO)
			continue;
		if (labels[key->labels] == UNKNOWN) {
			const struct live_labels *s = &l->labels.items[key->labels];
			labels[key->labels] =
				wr_selector_matches(w, peer->pod_selector, s->items, s->n) ? YES
											   : NO;
		}
		member[k] = labels[key->labels] == YES;
	}
	free(ns);
}

static void other_members(const struct wr_live *l, uint32_t atom, bool *member)
{
	for (size_t k = 0; k < l->kinds.n; k++)
		member[k] = holds(l, atom, &l->kinds.items[k].key);
}

/* An ipBlock's prefixes are entities, and the addresses that it holds become other kinds. */
static int add_block(struct wr_live *l, uint32_t atom)
{
	int rc = wr_vec_push(&l->blocks, atom);
	if (!rc)
		rc = live_block_prefixes(l, l->program->sel.atoms.items[atom].peer);
	return rc ? rc : live_cover_block(l, atom);
}

/* A peer lives as long as its policy; an atom stays. */
static const struct wr_peer *keep_peer(struct wr_live *l, const struct wr_peer *peer)
{
	struct wr_peer *copy = wr_arena_alloc(l->arena, sizeof(*copy));
	struct wr_cidr *except = wr_arena_array(l->arena, peer->n_except, sizeof(*except));
	if (!copy || !except)
		return NULL;
	*copy = *peer;
	if (peer->n_except)
		memcpy(except, peer->except, peer->n_except * sizeof(*except));
	copy->except = except;
	copy->domains = NULL;
	copy->n_domains = 0;
	return copy;
}

static int add_atom(struct wr_live *l, const struct wr_peer *of, uint32_t i)
{
	const struct wr_peer *peer = keep_peer(l, of);
	struct live_atom atom = {.token = new_token(l)};
	atom.classes = peer ? resize(NULL, l->class_room) : NULL;
	if (!atom.classes)
		return -ENOMEM;
	int rc = wr_vec_push(&l->atoms, atom);
	if (rc) {
		free(atom.classes);
		return rc;
	}
	rc = wr_vec_push(&l->program->sel.atoms,
			 ((struct atom){.peer = peer, .is_peer = true, .class_set = atom.classes}));
	if (!rc && (peer->kind == WR_PEER_PODS || peer->kind == WR_PEER_NODES ||
		    peer->kind == WR_PEER_IPBLOCK))
		rc = refine(l, &atom.token, i,
			    peer->kind == WR_PEER_PODS ? pod_members : other_members, i);
	return rc || peer->kind != WR_PEER_IPBLOCK ? rc : add_block(l, i);
}

int live_atom(struct wr_live *l, const struct wr_peer *peer, uint32_t *out)
{
	struct peer_key room;
	size_t size;
	const void *key = selection_key(peer, &room, &size, l->arena);
	bool created;
	uint64_t *slot = key ? wr_map_slot(l->program->sel.index, key, size, l->atoms.n, &created)
			     : NULL;
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	return created ? add_atom(l, peer, *out) : 0;
}

/* ---- named ports ---- */

static void port_members(const struct wr_live *l, uint32_t atom, bool *member)
{
	for (size_t k = 0; k < l->kinds.n; k++)
		member[k] = has_port(l, &l->port_atoms.items[atom], &l->kinds.items[k].key);
}

static int port_atom(struct wr_live *l, const struct wr_container_port *p)
{
	uint32_t key = WR_KEY(p->proto, p->port);
	for (size_t i = 0; i < l->port_atoms.n; i++)
		if (l->port_atoms.items[i].key == key &&
		    !strcmp(l->port_atoms.items[i].name, p->name))
			return 0;
	struct live_port_atom atom = {p->name, key, new_token(l)};
	int rc = wr_vec_push(&l->port_atoms, atom);
	if (!rc)
		rc = refine(l, &atom.token, (uint32_t)l->port_atoms.n - 1, port_members, WR_NONE);
	/* all of a class agree about this port, but who it had its signature of need not */
	for (size_t k = 0; k < l->kinds.n && !rc; k++)
		l->signatures.items[l->entries.items[k].id.class] = l->kinds.items[k].key.ports;
	return rc;
}

int live_port_list(struct wr_live *l, const struct wr_pod *sample)
{
	int rc = 0;
	for (size_t i = 0; i < sample->n_ports && !rc; i++) {
		const char *name = sample->ports[i].name;
		if (wr_map_get(l->port_names, name, strlen(name), NULL))
			rc = port_atom(l, &sample->ports[i]);
	}
	return rc;
}

int live_port_name(struct wr_live *l, const char *name)
{
	bool created;
	if (!wr_map_slot(l->port_names, name, strlen(name), 0, &created))
		return -ENOMEM;
	int rc = 0;
	for (size_t i = 1; i < l->ports.n && created && !rc; i++) {
		const struct wr_pod *sample = &l->ports.items[i]->sample;
		for (size_t k = 0; k < sample->n_ports && !rc; k++)
			if (!strcmp(sample->ports[k].name, name))
				rc = port_atom(l, &sample->ports[k]);
	}
	return rc;
}

/* ---- a namespace's labels ---- */

/* Atoms whose namespace selector says something else of these labels than of the namespace's. */
static int changed_atoms(const struct wr_live *l, uint32_t ns, const struct wr_label_id *before,
			 uint32_t n, uint32_t *out, uint32_t *n_out)
{
	const struct live_namespace *now = &l->namespaces.items[ns];
	const struct wr_world *w = l->program->world;
	for (uint32_t i = 0; i < l->atoms.n; i++) {
		const struct wr_peer *peer = l->program->sel.atoms.items[i].peer;
		if (peer->kind != WR_PEER_PODS || peer->ns_index != WR_NONE)
			continue;
		if (wr_selector_matches(w, peer->ns_selector, before, n) !=
		    wr_selector_matches(w, peer->ns_selector, now->labels, now->n_labels))
			out[(*n_out)++] = i;
	}
	return 0;
}

int live_relabel(struct wr_live *l, uint32_t ns, const struct wr_label_id *before, uint32_t n)
{
	uint32_t *atoms = calloc(l->atoms.n + 1, sizeof(*atoms)), n_atoms = 0;
	int rc = atoms ? changed_atoms(l, ns, before, n, atoms, &n_atoms) : -ENOMEM;
	for (uint32_t k = 0; k < l->kinds.n && !rc; k++) {
		const struct live_key key = l->kinds.items[k].key;
		bool other = false;
		if (key.entity != LIVE_POD || key.ns != ns)
			continue;
		for (uint32_t i = 0; i < n_atoms; i++) {
			const struct wr_peer *peer = l->program->sel.atoms.items[atoms[i]].peer;
			const struct live_labels *labels = &l->labels.items[key.labels];
			if (!wr_selector_matches(l->program->world, peer->pod_selector,
						 labels->items, labels->n))
				continue;
			toggle(&l->kinds.items[k].sig, &l->atoms.items[atoms[i]].token);
			other = true;
		}
		/* cluster-wide policies may have it as a subject now, or not any more */
		l->kinds.items[k].dirty |= key.here && l->cluster_policies.n;
		if (!other)
			continue;
		l->classes.items[l->entries.items[k].id.class].n--;
		rc = enter_class(l, k);
	}
	free(atoms);
	return rc;
}

int live_classes_init(struct wr_live *l)
{
	if (getrandom(&l->random, sizeof(l->random), 0) != (ssize_t)sizeof(l->random))
		return -errno;
	int rc = make_room(l);
	for (uint32_t i = 0; i < 2 && !rc; i++) {
		struct live_key key = {.entity = LIVE_WORLD, .which = i};
		uint32_t kind;
		rc = live_kind_get(l, &key, &kind);
	}
	return rc;
}
