/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes: the coarsest partition of the entities such that every peer of
 * every rule holds all of a class or none of it.
 *
 * It starts from the port-name signatures (two pods on which a named port
 * means different numbers are never one destination) and is split by one atom
 * after the other. An atom costs as much as it has members, so the whole is
 * linear in the policies' total matches.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

/* ---- port names ---- */

static int take_name(struct port_names *pn, struct wr_map *seen, const char *name)
{
	bool created;
	if (!wr_map_slot(seen, name, strlen(name), 0, &created))
		return -ENOMEM;
	return created ? wr_vec_push(&pn->names, name) : 0;
}

static int collect_names(struct port_names *pn, const struct wr_world *w)
{
	struct wr_map *seen = wr_map_new();
	int rc = seen ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < w->n_policies; i++)
		for (int d = 0; d < 2; d++)
			for (size_t r = 0; r < w->policies[i].n_rules[d]; r++) {
				const struct wr_rule *rule = &w->policies[i].rules[d][r];
				for (size_t k = 0; k < rule->n_ports && !rc; k++)
					if (rule->ports[k].kind == WR_PORTS_NAMED)
						rc = take_name(pn, seen, rule->ports[k].name);
			}
	wr_map_free(seen);
	return rc;
}

/* What the used names are on a pod: (name number, protocol, port) triples, sorted. */
static int pod_signature(const struct port_names *pn, const struct wr_pod *pod, uint64_t *out,
			 uint32_t *n)
{
	for (size_t i = 0; i < pod->n_ports; i++) {
		if (!pod->ports[i].name)
			continue;
		for (size_t k = 0; k < pn->names.n; k++)
			if (!strcmp(pn->names.items[k], pod->ports[i].name))
				out[(*n)++] = (uint64_t)k << 32 |
					      WR_KEY(pod->ports[i].proto, pod->ports[i].port);
	}
	return 0;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static int sign_pods(struct port_names *pn, const struct wr_world *w, struct wr_map *index)
{
	size_t most = 0;
	for (uint32_t i = 0; i < w->n_pods; i++)
		if (w->pods[i].n_ports > most)
			most = w->pods[i].n_ports;
	uint64_t *sig = calloc(most + 1, sizeof(*sig));
	int rc = sig ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < w->n_pods && !rc; i++) {
		uint32_t n = 0;
		pod_signature(pn, &w->pods[i], sig, &n);
		if (!n || w->pods[i].host_network)
			continue; /* signature 0 */
		qsort(sig, n, sizeof(*sig), compare_u64);
		bool created;
		uint64_t *slot = wr_map_slot(index, sig, n * sizeof(*sig), pn->sample.n, &created);
		if (!slot) {
			rc = -ENOMEM;
			break;
		}
		pn->signature[i] = (uint32_t)*slot;
		if (created)
			rc = wr_vec_push(&pn->sample, &w->pods[i]);
	}
	free(sig);
	return rc;
}

int port_names_build(struct port_names *pn, const struct wr_world *w, struct wr_arena *arena)
{
	pn->signature = wr_arena_array(arena, w->n_pods, sizeof(uint32_t));
	if (!pn->signature || wr_vec_push(&pn->sample, NULL) < 0)
		return -ENOMEM;
	int rc = collect_names(pn, w);
	if (rc || !pn->names.n)
		return rc;
	struct wr_map *index = wr_map_new();
	rc = index ? sign_pods(pn, w, index) : -ENOMEM;
	wr_map_free(index);
	return rc;
}

void port_names_free(struct port_names *pn)
{
	wr_vec_free(&pn->names);
	wr_vec_free(&pn->sample);
}

/* ---- partition ---- */

struct partition {
	uint32_t *of, n;                        /* class of every entity; number of classes */
	uint32_t *size, *hit, *split, *touched; /* by class; scratch of one split */
};

static int partition_init(struct partition *pt, uint32_t n_entities, struct wr_arena *arena)
{
	pt->of = wr_arena_array(arena, n_entities, sizeof(uint32_t));
	uint32_t *scratch = wr_arena_array(arena, (size_t)n_entities * 4, sizeof(uint32_t));
	if (!pt->of || !scratch)
		return -ENOMEM;
	pt->size = scratch;
	pt->hit = scratch + n_entities;
	pt->split = scratch + (size_t)n_entities * 2;
	pt->touched = scratch + (size_t)n_entities * 3;
	return 0;
}

/* Classes that are partly hit by the members are cut in two. */
static void partition_split(struct partition *pt, const uint32_t *members, uint32_t n)
{
	uint32_t n_touched = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t c = pt->of[members[i]];
		if (!pt->hit[c]++)
			pt->touched[n_touched++] = c;
	}
	for (uint32_t i = 0; i < n_touched; i++) {
		uint32_t c = pt->touched[i];
		pt->split[c] = c;
		if (pt->hit[c] < pt->size[c]) {
			uint32_t new = pt->n++;
			pt->split[c] = new;
			pt->size[new] = pt->hit[c];
			pt->size[c] -= pt->hit[c];
		}
	}
	for (uint32_t i = 0; i < n; i++)
		pt->of[members[i]] = pt->split[pt->of[members[i]]];
	for (uint32_t i = 0; i < n_touched; i++)
		pt->hit[pt->touched[i]] = 0;
}

/* The first partition: by port-name signature. */
static void partition_start(struct partition *pt, const struct population *pop,
			    const struct port_names *pn)
{
	pt->n = (uint32_t)pn->sample.n;
	for (uint32_t i = 0; i < pop->n_entities; i++) {
		uint32_t pod = i < pop->n_endpoints ? pop->endpoints[i].pod : WR_NONE;
		pt->of[i] = pod == WR_NONE ? 0 : pn->signature[pod];
		pt->size[pt->of[i]]++;
	}
}

/* Pods' classes get the lower numbers: peers that are pods then have no word for the rest. */
static void number_pods_first(struct partition *pt, const struct population *pop)
{
	uint32_t *has_pod = pt->hit, *number = pt->split, next = 0;
	memset(has_pod, 0, pt->n * sizeof(*has_pod));
	for (uint32_t i = 0; i < pop->n_endpoints; i++)
		has_pod[pt->of[i]] |= pop->endpoints[i].pod != WR_NONE;
	for (uint32_t pass = 0; pass < 2; pass++)
		for (uint32_t c = 0; c < pt->n; c++)
			if (has_pod[c] == !pass)
				number[c] = next++;
	for (uint32_t i = 0; i < pop->n_entities; i++)
		pt->of[i] = number[pt->of[i]];
	memset(pt->hit, 0, pt->n * sizeof(*pt->hit));
}

/* The classes that an atom's members are of, each once. */
static int atom_classes(struct atom *atom, const struct partition *pt, struct wr_arena *arena)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < atom->n_members; i++)
		if (!pt->hit[pt->of[atom->members[i]]]++)
			pt->touched[n++] = pt->of[atom->members[i]];
	for (uint32_t i = 0; i < n; i++)
		pt->hit[pt->touched[i]] = 0;
	atom->classes = wr_arena_array(arena, n, sizeof(uint32_t));
	if (!atom->classes)
		return -ENOMEM;
	if (n)
		memcpy(atom->classes, pt->touched, n * sizeof(uint32_t));
	atom->n_classes = n;
	/* to be met with other sets word by word; a short list is as quickly gone through */
	if (n < 32)
		return 0;
	struct wr_bitset *set = wr_bitset_new(arena, pt->n);
	atom->first_word = UINT32_MAX;
	for (uint32_t i = 0; set && i < n; i++) {
		uint32_t word = atom->classes[i] / 64;
		wr_bitset_add(set, atom->classes[i]);
		atom->first_word = word < atom->first_word ? word : atom->first_word;
		atom->last_word = word > atom->last_word ? word : atom->last_word;
	}
	atom->class_set = set;
	return set ? 0 : -ENOMEM;
}

int classes_build(struct classes *cl, const struct population *pop, struct selection *sel,
		  const struct port_names *pn, struct wr_arena *arena)
{
	struct partition pt = {0};
	/* never more classes than entities, but for signatures that only hostNetwork pods have */
	if (partition_init(&pt, pop->n_entities + (uint32_t)pn->sample.n, arena) < 0)
		return -ENOMEM;
	partition_start(&pt, pop, pn);
	for (size_t i = 0; i < sel->atoms.n; i++)
		if (sel->atoms.items[i].is_peer)
			partition_split(&pt, sel->atoms.items[i].members,
					sel->atoms.items[i].n_members);
	number_pods_first(&pt, pop);
	for (size_t i = 0; i < sel->atoms.n; i++)
		if (sel->atoms.items[i].is_peer &&
		    atom_classes(&sel->atoms.items[i], &pt, arena) < 0)
			return -ENOMEM;
	cl->of = pt.of;
	cl->n = pt.n;
	cl->signature = wr_arena_array(arena, cl->n, sizeof(uint32_t));
	if (!cl->signature)
		return -ENOMEM;
	for (uint32_t i = 0; i < pop->n_endpoints; i++)
		if (pop->endpoints[i].pod != WR_NONE)
			cl->signature[cl->of[i]] = pn->signature[pop->endpoints[i].pod];
	return 0;
}
