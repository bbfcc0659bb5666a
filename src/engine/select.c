/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Select: peers and subjects to sets of entities, each distinct one once.
 *
 * Labels are found by an inverted index, label pair to pods and label key to
 * pods; a selector is then algebra on bitsets. A label that is missing
 * satisfies NotIn and DoesNotExist, as Kubernetes has it.
 */
#include <string.h>

#include "engine/internal.h"

struct label_index {
	size_t population; /* pods, or namespaces */
	struct wr_bitset **by_pair, **by_key;
};

static int index_label(struct wr_bitset **slot, size_t population, size_t member,
		       struct wr_arena *arena)
{
	if (!*slot)
		*slot = wr_bitset_new(arena, population);
	if (!*slot)
		return -ENOMEM;
	wr_bitset_add(*slot, member);
	return 0;
}

static struct label_index *index_new(const struct wr_world *w, size_t population,
				     struct wr_arena *arena)
{
	struct label_index *ix = wr_arena_alloc(arena, sizeof(*ix));
	if (!ix)
		return NULL;
	ix->population = population;
	ix->by_pair = wr_arena_array(arena, w->n_pairs, sizeof(struct wr_bitset *));
	ix->by_key = wr_arena_array(arena, w->n_keys, sizeof(struct wr_bitset *));
	return ix->by_pair && ix->by_key ? ix : NULL;
}

static int index_labels(struct label_index *ix, size_t member, const struct wr_label_id *labels,
			size_t n, struct wr_arena *arena)
{
	for (size_t i = 0; i < n; i++)
		if (index_label(&ix->by_pair[labels[i].pair], ix->population, member, arena) < 0 ||
		    index_label(&ix->by_key[labels[i].key], ix->population, member, arena) < 0)
			return -ENOMEM;
	return 0;
}

/* The members that carry one of the requirement's pairs (In), or its key (Exists). */
static int carriers(const struct label_index *ix, const struct wr_req *req, struct wr_bitset *out)
{
	memset(out->words, 0, wr_bitset_words(out->bits) * sizeof(out->words[0]));
	if (req->op == WR_OP_EXISTS || req->op == WR_OP_NOT_EXISTS) {
		if (ix->by_key[req->key])
			wr_bitset_or(out, ix->by_key[req->key]);
		return 0;
	}
	for (size_t i = 0; i < req->n; i++)
		if (ix->by_pair[req->pairs[i]])
			wr_bitset_or(out, ix->by_pair[req->pairs[i]]);
	return 0;
}

static struct wr_bitset *select_labels(const struct label_index *ix, const struct wr_selector *s,
				       struct wr_arena *arena)
{
	struct wr_bitset *out = wr_bitset_new(arena, ix->population);
	struct wr_bitset *one = s->n ? wr_bitset_new(arena, ix->population) : NULL;
	if (!out || (s->n && !one))
		return NULL;
	wr_bitset_add_range(out, 0, ix->population);
	for (size_t i = 0; i < s->n; i++) {
		carriers(ix, &s->reqs[i], one);
		if (s->reqs[i].op == WR_OP_IN || s->reqs[i].op == WR_OP_EXISTS)
			wr_bitset_and(out, one);
		else
			wr_bitset_and_not(out, one);
	}
	return out;
}

/* The set of a selector, made at first use. */
static const struct wr_bitset *selector_set(const struct label_index *ix, struct wr_bitset **cache,
					    const struct wr_world *w, uint32_t selector,
					    struct wr_arena *arena)
{
	if (!cache[selector])
		cache[selector] = select_labels(ix, &w->selectors[selector], arena);
	return cache[selector];
}

static void add_namespace(struct wr_bitset *pods, const struct wr_namespace *ns)
{
	wr_bitset_add_range(pods, ns->first_pod, ns->n_pods);
}

/* Pods that a peer or subject names: namespaces, then labels, without hostNetwork pods. */
static const struct wr_bitset *peer_pods(struct selection *sel, const struct wr_world *w,
					 const struct wr_peer *peer, struct wr_arena *arena)
{
	struct wr_bitset *out = wr_bitset_new(arena, w->n_pods);
	if (!out)
		return NULL;
	if (peer->ns_index != WR_NONE) {
		add_namespace(out, &w->namespaces[peer->ns_index]);
	} else if (peer->ns_selector != WR_NONE) {
		const struct wr_bitset *ns = selector_set(sel->ns_index, sel->selector_namespaces,
							  w, peer->ns_selector, arena);
		if (!ns)
			return NULL;
		wr_bitset_each(ns, i) add_namespace(out, &w->namespaces[i]);
	} else {
		wr_bitset_add_range(out, 0, w->n_pods);
	}
	if (peer->pod_selector != WR_NONE) {
		const struct wr_bitset *pods = selector_set(sel->pod_index, sel->selector_pods, w,
							    peer->pod_selector, arena);
		if (!pods)
			return NULL;
		wr_bitset_and(out, pods);
	}
	wr_bitset_and_not(out, sel->host_network);
	return out;
}

/* An ipBlock's key: its CIDR and excepts, byte by byte. */
static void *block_key(const struct wr_peer *peer, size_t *size, struct wr_arena *arena)
{
	struct packed {
		uint8_t family, len, b[16];
	} *k = wr_arena_array(arena, 1 + peer->n_except, sizeof(*k));
	if (!k)
		return NULL;
	for (size_t i = 0; i <= peer->n_except; i++) {
		const struct wr_cidr *c = i ? &peer->except[i - 1] : &peer->cidr;
		k[i].family = c->ip.family;
		k[i].len = c->len;
		memcpy(k[i].b, c->ip.b, sizeof(k[i].b));
	}
	*size = (1 + peer->n_except) * sizeof(*k);
	return k;
}

const void *selection_key(const struct wr_peer *peer, struct peer_key *room, size_t *size,
			  struct wr_arena *arena)
{
	if (peer->kind == WR_PEER_IPBLOCK)
		return block_key(peer, size, arena);
	*room = (struct peer_key){peer->kind, peer->ns_index, peer->ns_selector, peer->pod_selector,
				  peer->node_selector};
	if (peer->kind == WR_PEER_NOTHING || peer->kind == WR_PEER_DOMAINS)
		*room = (struct peer_key){.kind = WR_PEER_NOTHING};
	*size = sizeof(*room);
	return room;
}

static int intern_atom(struct selection *sel, const struct wr_world *w, const struct wr_peer *peer,
		       struct wr_arena *arena, uint32_t *out)
{
	struct peer_key room;
	size_t size;
	const void *key = selection_key(peer, &room, &size, arena);
	if (!key)
		return -ENOMEM;
	bool created;
	uint64_t *slot = wr_map_slot(sel->index, key, size, sel->atoms.n, &created);
	if (!slot)
		return -ENOMEM;
	*out = (uint32_t)*slot;
	if (!created)
		return 0;
	struct atom atom = {.peer = peer};
	if (peer->kind == WR_PEER_PODS && !(atom.pods = peer_pods(sel, w, peer, arena)))
		return -ENOMEM;
	return wr_vec_push(&sel->atoms, atom);
}

static int intern_rules(struct selection *sel, const struct wr_world *w, uint32_t policy, int dir,
			struct wr_arena *arena)
{
	const struct wr_policy *p = &w->policies[policy];
	size_t n = 0;
	for (size_t r = 0; r < p->n_rules[dir]; r++)
		n += p->rules[dir][r].n_peers;
	uint32_t *atoms = wr_arena_array(arena, n, sizeof(*atoms));
	if (!atoms)
		return -ENOMEM;
	sel->peer_atoms[dir][policy] = atoms;
	for (size_t r = 0; r < p->n_rules[dir]; r++)
		for (size_t i = 0; i < p->rules[dir][r].n_peers; i++, atoms++) {
			int rc = intern_atom(sel, w, &p->rules[dir][r].peers[i], arena, atoms);
			if (rc)
				return rc;
			sel->atoms.items[*atoms].is_peer = true;
		}
	return 0;
}

static int index_world(struct selection *sel, const struct wr_world *w, struct wr_arena *arena)
{
	sel->pod_index = index_new(w, w->n_pods, arena);
	sel->ns_index = index_new(w, w->n_namespaces, arena);
	sel->selector_pods = wr_arena_array(arena, w->n_selectors, sizeof(struct wr_bitset *));
	sel->selector_namespaces = wr_arena_array(arena, w->n_selectors,
						  sizeof(struct wr_bitset *));
	sel->host_network = wr_bitset_new(arena, w->n_pods);
	if (!sel->pod_index || !sel->ns_index || !sel->selector_pods || !sel->selector_namespaces ||
	    !sel->host_network)
		return -ENOMEM;
	int rc = 0;
	for (uint32_t i = 0; i < w->n_pods && !rc; i++) {
		if (w->pods[i].host_network)
			wr_bitset_add(sel->host_network, i);
		rc = index_labels(sel->pod_index, i, w->pods[i].labels, w->pods[i].n_labels, arena);
	}
	for (uint32_t i = 0; i < w->n_namespaces && !rc; i++)
		rc = index_labels(sel->ns_index, i, w->namespaces[i].labels,
				  w->namespaces[i].n_labels, arena);
	return rc;
}

int selection_build(struct selection *sel, const struct wr_world *w, struct wr_arena *arena)
{
	int rc = index_world(sel, w, arena);
	if (rc)
		return rc;
	sel->index = wr_map_new();
	sel->subject = wr_arena_array(arena, w->n_policies, sizeof(uint32_t));
	for (int d = 0; d < 2; d++)
		sel->peer_atoms[d] = wr_arena_array(arena, w->n_policies, sizeof(uint32_t *));
	if (!sel->index || !sel->subject || !sel->peer_atoms[0] || !sel->peer_atoms[1])
		return -ENOMEM;
	for (uint32_t i = 0; i < w->n_policies && !rc; i++) {
		rc = intern_atom(sel, w, &w->policies[i].subject, arena, &sel->subject[i]);
		for (int d = 0; d < 2 && !rc; d++)
			rc = intern_rules(sel, w, i, d, arena);
	}
	return rc;
}

void selection_free(struct selection *sel)
{
	wr_vec_free(&sel->atoms);
	wr_map_free(sel->index);
}

static int pod_members(struct atom *atom, const struct population *pop, struct wr_arena *arena)
{
	uint32_t n = 0;
	wr_bitset_each(atom->pods, i) n += pop->pod_endpoint[i + 1] - pop->pod_endpoint[i];
	atom->members = wr_arena_array(arena, n, sizeof(uint32_t));
	if (!atom->members)
		return -ENOMEM;
	wr_bitset_each(atom->pods, i) for (uint32_t e = pop->pod_endpoint[i];
					   e < pop->pod_endpoint[i + 1]; e++)
		atom->members[atom->n_members++] = e;
	return 0;
}

bool selection_block_holds(const struct wr_peer *peer, const struct wr_ip *ip)
{
	if (!wr_cidr_contains(&peer->cidr, ip))
		return false;
	for (size_t i = 0; i < peer->n_except; i++)
		if (wr_cidr_contains(&peer->except[i], ip))
			return false;
	return true;
}

bool selection_block_covers(const struct wr_peer *peer, const struct wr_cidr *c)
{
	if (!wr_cidr_covers(&peer->cidr, c))
		return false;
	for (size_t i = 0; i < peer->n_except; i++)
		if (wr_cidr_covers(&peer->except[i], c))
			return false;
	return true;
}

/* Endpoints with an address in the block, and prefixes inside it (a /0 is a prefix of its own). */
static int block_members(struct atom *atom, const struct wr_world *w, const struct population *pop,
			 bool skip_pods, struct wr_arena *arena)
{
	const struct wr_peer *peer = atom->peer;
	uint32_t e0, e1, p0, p1;
	population_ip_range(pop, &peer->cidr, &e0, &e1);
	population_prefix_range(pop, &peer->cidr, &p0, &p1);
	atom->members = wr_arena_array(arena, e1 - e0 + p1 - p0, sizeof(uint32_t));
	if (!atom->members)
		return -ENOMEM;
	for (uint32_t i = e0; i < e1; i++) {
		uint32_t e = pop->by_ip[i], pod = pop->endpoints[e].pod;
		bool skip = skip_pods && pod != WR_NONE && !w->pods[pod].host_network;
		if (!skip && selection_block_holds(peer, &pop->endpoints[e].ip))
			atom->members[atom->n_members++] = e;
	}
	for (uint32_t i = p0; i < p1; i++)
		if (selection_block_covers(peer, &pop->prefixes[i].cidr))
			atom->members[atom->n_members++] = pop->n_endpoints + i;
	return 0;
}

/* The addresses of nodes, and the hostNetwork pods on them, which have these. */
static int node_members(struct atom *atom, const struct wr_world *w, const struct population *pop,
			struct wr_arena *arena)
{
	uint32_t n = 0;
	bool *match = wr_arena_array(arena, w->n_nodes, sizeof(*match));
	if (!match)
		return -ENOMEM;
	for (uint32_t i = 0; i < w->n_nodes; i++)
		match[i] = wr_selector_matches(w, atom->peer->node_selector, w->nodes[i].labels,
					       w->nodes[i].n_labels);
	for (uint32_t e = 0; e < pop->n_endpoints; e++)
		n += pop->endpoints[e].node != WR_NONE && match[pop->endpoints[e].node];
	atom->members = wr_arena_array(arena, n, sizeof(uint32_t));
	if (!atom->members)
		return -ENOMEM;
	for (uint32_t e = 0; e < pop->n_endpoints; e++)
		if (pop->endpoints[e].node != WR_NONE && match[pop->endpoints[e].node])
			atom->members[atom->n_members++] = e;
	return 0;
}

int selection_members(struct selection *sel, const struct wr_world *w, const struct population *pop,
		      bool ipblocks_skip_pods, struct wr_arena *arena)
{
	int rc = 0;
	for (size_t i = 0; i < sel->atoms.n && !rc; i++) {
		struct atom *atom = &sel->atoms.items[i];
		if (atom->peer->kind == WR_PEER_PODS)
			rc = pod_members(atom, pop, arena);
		else if (atom->peer->kind == WR_PEER_IPBLOCK)
			rc = block_members(atom, w, pop, ipblocks_skip_pods, arena);
		else if (atom->peer->kind == WR_PEER_NODES)
			rc = node_members(atom, w, pop, arena);
	}
	return rc;
}
