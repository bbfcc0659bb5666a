/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/exposure.h"

#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "engine/query.h"

#define ANYBODY "any pod of any namespace"
#define ALL_PORTS "All Connections"

struct builder {
	const struct wr_program *p;
	const struct wr_world *w;
	struct wr_arena *arena;
	struct wr_map *seen;
	WR_VEC(struct wr_exposure) list;
};

static const char *port_words(struct wr_arena *a, const struct wr_rule *r)
{
	const char *s = r->any_port ? ALL_PORTS : "";
	for (size_t i = 0; i < r->n_ports && s; i++) {
		const struct wr_port *p = &r->ports[i];
		const char *proto = wr_proto_name(p->proto), *comma = i ? "," : "";
		if (p->kind == WR_PORTS_ALL)
			s = wr_arena_printf(a, "%s%s%s", s, comma, proto);
		else if (p->kind == WR_PORTS_NAMED)
			s = wr_arena_printf(a, "%s%s%s %s", s, comma, proto, p->name);
		else if (p->first == p->last)
			s = wr_arena_printf(a, "%s%s%s %u", s, comma, proto, p->first);
		else
			s = wr_arena_printf(a, "%s%s%s %u-%u", s, comma, proto, p->first, p->last);
	}
	return s;
}

static bool is_everything(const struct wr_world *w, uint32_t selector)
{
	return selector == WR_NONE || !w->selectors[selector].n;
}

static const char *peer_words(const struct builder *b, const struct wr_peer *peer)
{
	const char *pods = "any pod", *labels;
	if (!is_everything(b->w, peer->pod_selector)) {
		labels = wr_selector_format(b->w, peer->pod_selector, b->arena);
		pods = labels ? wr_arena_printf(b->arena, "pods with %s", labels) : NULL;
	}
	if (!pods)
		return NULL;
	if (peer->ns_index != WR_NONE)
		return wr_arena_printf(b->arena, "%s in namespace %s", pods,
				       b->w->namespaces[peer->ns_index].name);
	if (is_everything(b->w, peer->ns_selector))
		return wr_arena_printf(b->arena, "%s of any namespace", pods);
	labels = wr_selector_format(b->w, peer->ns_selector, b->arena);
	return labels ? wr_arena_printf(b->arena, "%s in namespaces with %s", pods, labels) : NULL;
}

/* Each workload, direction, peer and set of ports once, whichever policies say it. */
static int add(struct builder *b, struct wr_exposure e)
{
	bool created;
	const char *key = !e.workload || !e.peer || !e.ports
				  ? NULL
				  : wr_arena_printf(b->arena, "%s|%d|%s|%s", e.workload, (int)e.dir,
						    e.peer, e.ports);
	uint64_t *slot = key ? wr_map_slot(b->seen, key, strlen(key), 0, &created) : NULL;
	if (!slot)
		return -ENOMEM;
	return created ? wr_vec_push(&b->list, e) : 0;
}

static int add_rule(struct builder *b, struct wr_exposure e)
{
	const struct wr_rule *r = &b->w->policies[e.policy].rules[e.dir][e.rule];
	int rc = 0;
	e.ports = port_words(b->arena, r);
	e.mark = r->mark;
	e.peer = ANYBODY;
	if (r->any_peer)
		return add(b, e);
	for (size_t k = 0; k < r->n_peers && !rc; k++) {
		if (r->peers[k].kind != WR_PEER_PODS)
			continue;
		e.peer = peer_words(b, &r->peers[k]);
		e.mark = r->peers[k].mark;
		rc = add(b, e);
	}
	return rc;
}

static int add_direction(struct builder *b, const char *workload, const struct wr_side *side,
			 enum wr_direction dir)
{
	struct wr_exposure e = {.workload = workload,
				.dir = dir,
				.peer = ANYBODY,
				.ports = ALL_PORTS,
				.policy = WR_NONE,
				.rule = WR_NONE};
	enum wr_direction unused;
	uint32_t n;
	const uint32_t *policies = wr_query_row(b->p, side->id.row[dir], &n, &unused);
	bool isolated = false;
	int rc = 0;
	for (uint32_t i = 0; i < n && !rc; i++) {
		const struct wr_policy *p = &b->w->policies[policies[i]];
		if (p->tier != WR_TIER_NETWORKPOLICY)
			continue;
		isolated = true;
		e.policy = policies[i];
		for (e.rule = 0; e.rule < p->n_rules[dir] && !rc; e.rule++)
			rc = add_rule(b, e);
	}
	return rc || isolated ? rc : add(b, e);
}

static int add_pod(struct builder *b, uint32_t i)
{
	const struct wr_pod *pod = &b->w->pods[i];
	struct wr_side side;
	if (pod->completed || pod->host_network || wr_side_pod(b->p, i, 0, &side) < 0)
		return 0;
	const char *workload = wr_arena_printf(b->arena, "%s/%s[%s]", pod->ns, pod->owner_name,
					       pod->owner_kind);
	int rc = workload ? 0 : -ENOMEM;
	if (!rc)
		rc = add_direction(b, workload, &side, WR_INGRESS);
	return rc ? rc : add_direction(b, workload, &side, WR_EGRESS);
}

int wr_exposure_list(const struct wr_program *p, struct wr_arena *arena, struct wr_exposure **out,
		     size_t *n)
{
	struct builder b = {.p = p, .w = wr_program_world(p), .arena = arena, .seen = wr_map_new()};
	int rc = b.seen ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < b.w->n_pods && !rc; i++)
		rc = add_pod(&b, i);
	struct wr_exposure *list = rc ? NULL : wr_arena_array(arena, b.list.n, sizeof(*list));
	if (!rc && !list)
		rc = -ENOMEM;
	if (!rc) {
		if (b.list.n)
			memcpy(list, b.list.items, b.list.n * sizeof(*list));
		*out = list;
		*n = b.list.n;
	}
	wr_vec_free(&b.list);
	wr_map_free(b.seen);
	return rc;
}
