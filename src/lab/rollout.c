/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rollout: Deployments. Each of their templates has a ReplicaSet; a new one
 * takes over pod by pod, as the cluster's controller does it: never more pods
 * than maxSurge beyond what is wanted, never fewer that are ready than
 * maxUnavailable below. Nothing is remembered between two turns: what is there
 * says what comes next.
 */
#include <stdio.h>
#include <string.h>

#include "lab/control.h"

#define REVISION "deployment.kubernetes.io/revision"
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define HASH_KEY "pod-template-hash"

struct set {
	const struct wr_value *o;
	uint32_t wanted, have, ready; /* pods */
	uint32_t next;                /* what is to be wanted */
	uint64_t revision;
};

struct rollout {
	const struct wr_owner *w;
	struct set *sets;
	size_t n;
	struct set *current; /* of the template that is; NULL: not made yet */
	const char *hash;    /* for its name, where it is to be made */
	uint32_t surge, unavailable;
	bool recreate, paused;
};

/* ---- what is there ---- */

static const struct wr_value *note(const struct wr_value *o, const char *key)
{
	return wr_value_get(wr_tree_at(o, "metadata.annotations"), key);
}

static uint64_t revision_of(const struct wr_value *o)
{
	const struct wr_value *v = note(o, REVISION);
	return v && v->type == WR_STRING ? strtoull(v->text, NULL, 10) : 0;
}

/* A number, or a part of the wanted pods: "25%". */
static uint32_t share(const struct wr_value *v, uint32_t of, bool up)
{
	uint64_t n = 25, whole = of;
	if (v && v->type == WR_INT)
		return v->integer < 0             ? 0
		       : v->integer > WR_PODS_MAX ? WR_PODS_MAX
						  : (uint32_t)v->integer;
	if (v && v->type == WR_STRING)
		n = strtoul(v->text, NULL, 10);
	n = n > 1000 ? 1000 : n;
	return (uint32_t)((whole * n + (up ? 99 : 0)) / 100);
}

static void read_strategy(struct rollout *r)
{
	const struct wr_value *o = r->w->o, *paused = wr_tree_at(o, "spec.paused");
	const char *type = wr_tree_text(o, "spec.strategy.type");
	r->recreate = type && !strcmp(type, "Recreate");
	r->paused = paused && paused->type == WR_BOOL && paused->boolean;
	r->surge = share(wr_tree_at(o, "spec.strategy.rollingUpdate.maxSurge"), r->w->wanted, true);
	r->unavailable = share(wr_tree_at(o, "spec.strategy.rollingUpdate.maxUnavailable"),
			       r->w->wanted, false);
	if (!r->surge && !r->unavailable)
		r->unavailable = 1; /* else nothing could ever move */
}

/* The template of a set, without the label that makes its pods its own. */
static struct wr_value *template_of_set(struct wr_kubelet *k, const struct wr_value *set)
{
	struct wr_value *template = wr_template_of(k, set);
	struct wr_value *labels = wr_tree_at(template, "metadata.labels");
	if (labels)
		wr_tree_remove(labels, HASH_KEY);
	return template;
}

static bool look(struct wr_kubelet *k, const struct wr_owner *w, struct rollout *r)
{
	const struct wr_listing_of *l = &k->lists[WR_KIND_REPLICASET];
	const struct wr_value *template = wr_template_of(k, w->o);
	*r = (struct rollout){.w = w,
			      .sets = wr_arena_array(k->tree.arena, l->n + 1, sizeof(struct set))};
	k->tree.nomem |= !r->sets;
	if (!template || !r->sets)
		return false;
	for (size_t i = 0; i < l->n; i++) {
		const struct wr_value *o = l->items[i];
		if (!wr_owner_owns(w, o))
			continue;
		struct wr_owner own = wr_owner_of(WR_KIND_REPLICASET, o);
		struct wr_progress p = wr_owner_pods(k, &own);
		struct set *s = &r->sets[r->n++];
		*s = (struct set){o, own.wanted, p.have, p.ready, own.wanted, revision_of(o)};
		if (!r->current && wr_tree_equal(template_of_set(k, o), template))
			r->current = s;
	}
	read_strategy(r);
	return true;
}

/* ---- what comes next ---- */

static uint32_t wanted_of_all(const struct rollout *r)
{
	uint32_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += r->sets[i].next;
	return n;
}

/* How many pods the current template may have now. */
static uint32_t grow(const struct rollout *r)
{
	uint32_t has = r->current ? r->current->next : 0, all = wanted_of_all(r),
		 most = r->w->wanted + r->surge;
	for (size_t i = 0; i < r->n && r->recreate; i++)
		if (&r->sets[i] != r->current && (r->sets[i].have || r->sets[i].wanted))
			return has;
	if (r->recreate || has >= r->w->wanted)
		return r->w->wanted;
	if (all >= most)
		return has;
	return has + (most - all) < r->w->wanted ? has + (most - all) : r->w->wanted;
}

/* Takes up to *n pods from older sets; those that are not ready are no loss. */
static void take_from_old(struct rollout *r, uint32_t *n, bool ready)
{
	for (size_t i = 0; i < r->n && *n; i++) {
		struct set *s = &r->sets[i];
		uint32_t spare = ready ? s->next : s->next > s->ready ? s->next - s->ready : 0;
		uint32_t k = s == r->current ? 0 : spare < *n ? spare : *n;
		s->next -= k;
		*n -= k;
	}
}

static void shrink(struct rollout *r)
{
	uint32_t least = r->w->wanted > r->unavailable ? r->w->wanted - r->unavailable : 0;
	uint32_t ready = 0, waiting = 0, all = wanted_of_all(r);
	if (r->recreate) {
		least = 0;
	} else if (r->current) {
		uint32_t now = r->current->ready;
		waiting = r->current->next > now ? r->current->next - now : 0;
	}
	if (all <= least + waiting && !r->recreate)
		return;
	uint32_t room = r->recreate ? all : all - least - waiting;
	take_from_old(r, &room, false);
	for (size_t i = 0; i < r->n; i++)
		ready += r->sets[i].ready < r->sets[i].next ? r->sets[i].ready : r->sets[i].next;
	uint32_t down = r->recreate ? all : ready > least ? ready - least : 0;
	down = down < room || r->recreate ? down : room;
	take_from_old(r, &down, true);
}

/* While it is paused: what is wanted more or less goes to the largest set. */
static void hold(struct rollout *r)
{
	uint32_t all = wanted_of_all(r);
	struct set *largest = NULL;
	for (size_t i = 0; i < r->n; i++)
		if (!largest || r->sets[i].wanted > largest->wanted)
			largest = &r->sets[i];
	if (!largest || all == r->w->wanted)
		return;
	uint32_t others = all - largest->next;
	largest->next = r->w->wanted > others ? r->w->wanted - others : 0;
}

/* ---- writes ---- */

/* What people noted on the Deployment (why it changed) belongs to its template. */
static struct wr_value *notes_of_set(struct wr_kubelet *k, const struct wr_value *o,
				     uint64_t revision)
{
	struct wr_value *notes = wr_tree_copy(&k->tree, wr_tree_at(o, "metadata.annotations"));
	if (!notes || notes->type != WR_MAP)
		notes = wr_tree_map(&k->tree);
	wr_tree_remove(notes, LAST_APPLIED);
	wr_tree_set(&k->tree, notes, REVISION,
		    wr_tree_printf(&k->tree, "%llu", (unsigned long long)revision));
	return notes;
}

static const char *free_name(struct wr_kubelet *k, struct rollout *r)
{
	const struct wr_listing_of *l = &k->lists[WR_KIND_REPLICASET];
	const struct wr_value *template = wr_template_of(k, r->w->o);
	for (uint64_t salt = 0; salt < 100; salt++) {
		r->hash = wr_template_hash(k, template, salt);
		const char *name = r->hash ? wr_arena_printf(k->tree.arena, "%s-%s", r->w->name,
							     r->hash)
					   : NULL;
		bool taken = false;
		for (size_t i = 0; name && i < l->n && !taken; i++)
			taken = !strcmp(wr_meta_text(l->items[i], "name"), name) &&
				!strcmp(wr_meta_text(l->items[i], "namespace"), r->w->ns);
		if (!taken)
			return name;
	}
	return NULL;
}

static void make_set(struct wr_kubelet *k, struct rollout *r, uint32_t replicas, uint64_t revision)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	const char *name = free_name(k, r);
	struct wr_value *template = wr_tree_copy(&k->tree, wr_tree_at(r->w->o, "spec.template"));
	struct wr_value *selector = wr_tree_copy(&k->tree, wr_tree_at(r->w->o, "spec.selector"));
	if (!name || !template)
		return;
	struct wr_value *labels = wr_template_labels(k, template, HASH_KEY, r->hash);
	wr_tree_set(&k->tree, wr_tree_want_map(&k->tree, template, "metadata"), "labels", labels);
	if (!selector || selector->type != WR_MAP)
		selector = wr_tree_map(&k->tree);
	wr_tree_set_string(&k->tree, wr_tree_want_map(&k->tree, selector, "matchLabels"), HASH_KEY,
			   r->hash);
	wr_buf_printf(&t,
		      "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"metadata\":{"
		      "\"name\":\"%s\",",
		      name);
	wr_owner_put(&t, r->w);
	wr_buf_text(&t, ",\"labels\":");
	wr_answer_value(&t, labels);
	wr_buf_text(&t, ",\"annotations\":");
	wr_answer_value(&t, notes_of_set(k, r->w->o, revision));
	wr_buf_printf(&t, "},\"spec\":{\"replicas\":%u,\"selector\":", replicas);
	wr_answer_value(&t, selector);
	wr_buf_text(&t, ",\"template\":");
	wr_answer_value(&t, template);
	wr_buf_text(&t, "}}");
	(void)wr_kubelet_post(k, wr_kubelet_path(k, WR_KIND_REPLICASET, r->w->ns, NULL, NULL), &t);
}

static void write_set(struct wr_kubelet *k, const struct rollout *r, const struct set *s,
		      uint64_t revision)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	const char *path = wr_kubelet_path(k, WR_KIND_REPLICASET, r->w->ns,
					   wr_meta_text(s->o, "name"), NULL);
	struct wr_value *notes = s == r->current ? notes_of_set(k, r->w->o, revision) : NULL;
	const struct wr_value *has = wr_tree_at(s->o, "metadata.annotations");
	if (notes && has && wr_tree_equal(notes, has))
		notes = NULL;
	if (s->next == s->wanted && !notes)
		return;
	wr_buf_printf(&t, "{\"spec\":{\"replicas\":%u}", s->next);
	if (notes) {
		wr_buf_text(&t, ",\"metadata\":{\"annotations\":");
		wr_answer_value(&t, notes);
		wr_buf_text(&t, "}");
	}
	wr_buf_text(&t, "}");
	(void)wr_kubelet_patch(k, path, &t);
}

static void note_revision(struct wr_kubelet *k, const struct wr_owner *w, uint64_t revision)
{
	WR_CLEANUP(buf)
	struct wr_buf t = {0};
	if (revision_of(w->o) == revision)
		return;
	wr_buf_printf(&t, "{\"metadata\":{\"annotations\":{\"" REVISION "\":\"%llu\"}}}",
		      (unsigned long long)revision);
	(void)wr_kubelet_patch(k, wr_kubelet_path(k, w->kind, w->ns, w->name, NULL), &t);
}

/* Sets that are long past go, the oldest first. */
static void forget_old(struct wr_kubelet *k, const struct rollout *r)
{
	int64_t keep = wr_tree_number(r->w->o, "spec.revisionHistoryLimit", 10);
	int64_t n = 0;
	const struct set *oldest = NULL;
	for (size_t i = 0; i < r->n; i++) {
		const struct set *s = &r->sets[i];
		if (s == r->current || s->wanted || s->have)
			continue;
		n++;
		oldest = !oldest || s->revision < oldest->revision ? s : oldest;
	}
	if (n > keep && oldest)
		(void)wr_control_remove(k, WR_KIND_REPLICASET, oldest->o);
}

void wr_rollout(struct wr_kubelet *k, const struct wr_owner *w)
{
	struct rollout r;
	uint64_t newest = 0;
	if (!look(k, w, &r))
		return;
	for (size_t i = 0; i < r.n; i++)
		newest = newest > r.sets[i].revision ? newest : r.sets[i].revision;
	/* a template that comes back gets a new number */
	uint64_t revision = r.current && r.current->revision && r.current->revision == newest
				    ? newest
				    : newest + 1;
	if (r.paused) {
		hold(&r);
	} else {
		uint32_t now = grow(&r);
		if (r.current)
			r.current->next = now;
		else
			make_set(k, &r, now, revision);
		shrink(&r);
		note_revision(k, w, revision);
	}
	for (size_t i = 0; i < r.n; i++)
		write_set(k, &r, &r.sets[i], r.paused ? r.sets[i].revision : revision);
	forget_old(k, &r);
}

/* ---- how far it has come ---- */

void wr_rollout_status(struct wr_kubelet *k, const struct wr_owner *w, struct wr_buf *t)
{
	struct rollout r;
	uint32_t have = 0, ready = 0;
	if (!look(k, w, &r))
		return;
	for (size_t i = 0; i < r.n; i++) {
		have += r.sets[i].have;
		ready += r.sets[i].ready;
	}
	uint32_t updated = r.current ? r.current->have : 0;
	uint32_t least = w->wanted > r.unavailable ? w->wanted - r.unavailable : 0;
	bool enough = ready >= least;
	bool done = r.current && updated == w->wanted && have == updated && ready >= w->wanted;
	wr_buf_printf(t,
		      "\"replicas\":%u,\"updatedReplicas\":%u,\"readyReplicas\":%u,"
		      "\"availableReplicas\":%u,\"unavailableReplicas\":%u,\"conditions\":[",
		      have, updated, ready, ready, w->wanted > ready ? w->wanted - ready : 0);
	wr_control_condition(t, w->o, "Available", enough,
			     enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable");
	wr_buf_text(t, ",");
	wr_control_condition(t, w->o, "Progressing", true,
			     done ? "NewReplicaSetAvailable" : "ReplicaSetUpdated");
	wr_buf_text(t, "]");
}
