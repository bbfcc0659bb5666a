/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/suggest_internal.h"
#include "engine/diff.h"
#include "engine/query.h"

WR_DEFINE_CLEANUP(diff, struct wr_diff *, wr_diff_free)

/*
 * Where both ends deny, what is done at one opens nothing as long as the other
 * stands: which change at one end opens least is then asked again, with the
 * change of the other end made.
 */

#define OPENED_MAX 10000 /* connections that are named */

const char wr_suggest_new_file[] = "<suggestion>";

#define TEXT(w, ...) wr_yaml_printf(&(w)->y, __VA_ARGS__)

static const struct wr_world *world_of(const struct wr_suggest_work *w)
{
	return w->l->world;
}

/* ---- trying them ---- */

/* Changes that are made together: at most one for each direction. */
struct changes {
	const struct wr_suggest_candidate *items[2];
};

/* The bytes of one file with the changes that are edits of it; -ENOTSUP: they overlap. */
static int read_file(const struct changes *c, const struct wr_document *d, struct wr_loaded *out)
{
	struct wr_edit edits[2];
	size_t n = 0, size = d->source_size, left_out = 0;
	char *changed = NULL;
	for (int i = 0; i < 2; i++)
		if (c->items[i] && c->items[i]->edit.doc &&
		    c->items[i]->edit.doc->source == d->source)
			edits[n++] = c->items[i]->edit;
	int rc = n ? wr_edit_apply(d->source, size, edits, n, &changed, &size, &left_out) : 0;
	if (!rc && left_out)
		rc = -ENOTSUP;
	if (!rc)
		rc = wr_input_bytes(out->in, d->file, 1, changed ? changed : d->source, size,
				    out->diags);
	free(changed);
	return rc;
}

/* All files as they were, with the edits made, and the new documents. */
static int read_changed(const struct wr_suggest_work *w, const struct changes *c,
			struct wr_loaded *out)
{
	const struct wr_input *in = w->l->in;
	out->diags = wr_diags_new();
	out->in = wr_input_new(NULL);
	out->arena = wr_arena_new();
	int rc = out->diags && out->in && out->arena ? 0 : -ENOMEM;
	for (size_t i = 0; i < wr_input_count(in) && !rc; i++)
		if (!i || wr_input_at(in, i - 1)->source != wr_input_at(in, i)->source)
			rc = read_file(c, wr_input_at(in, i), out);
	for (int i = 0; i < 2 && !rc; i++)
		if (c->items[i] && !c->items[i]->edit.doc)
			rc = wr_input_bytes(out->in, wr_suggest_new_file, 1, c->items[i]->s.text,
					    strlen(c->items[i]->s.text), out->diags);
	return rc ? rc : wr_load_rest(out, w->opts);
}

static int side_of(const struct wr_program *p, const struct wr_yaml_end *end,
		   const struct wr_world *old, uint8_t family, struct wr_side *out)
{
	if (end->pod == WR_NONE) {
		wr_side_ip(p, &end->ip, out);
		return 0;
	}
	const struct wr_pod *pod = &old->pods[end->pod];
	uint32_t now = wr_world_find_pod(wr_program_world(p), pod->ns, pod->name, pod->kind);
	return now == WR_NONE ? -ENOENT : wr_side_pod(p, now, family, out);
}

/* Whether the connection is allowed in the directions that are changed. */
static bool allows(const struct wr_suggest_work *w, const struct wr_program *p,
		   const struct changes *c)
{
	struct wr_side sides[2];
	struct wr_verdict v;
	for (int i = 0; i < 2; i++)
		if (side_of(p, &w->q->ends[i], world_of(w), w->q->family, &sides[i]) < 0)
			return false;
	wr_evaluate(p, &sides[0], &sides[1], w->q->proto, w->q->port, &v);
	for (int d = 0; d < 2; d++)
		if (c->items[d] && !v.dir[d].allow)
			return false;
	return true;
}

/* Whether NetworkPolicies isolate the subjects of a row. */
static bool is_isolating(const struct wr_program *p, uint32_t row)
{
	enum wr_direction dir;
	uint32_t n;
	const uint32_t *policies = wr_query_row(p, row, &n, &dir);
	for (uint32_t i = 0; i < n; i++)
		if (wr_program_world(p)->policies[policies[i]].tier == WR_TIER_NETWORKPOLICY)
			return true;
	return false;
}

static bool is_candidate(const struct wr_policy *p, const struct wr_suggest_candidate *c)
{
	const struct wr_object *o = p->object;
	if (!c->policy)
		return o->doc && !strcmp(o->doc->file, wr_suggest_new_file) &&
		       (p->n_rules[c->s.dir] || p->isolates[c->s.dir]);
	return o->kind == c->policy->kind && !strcmp(p->name, c->policy->meta.name) &&
	       (!p->ns || !strcmp(p->ns, c->policy->meta.ns));
}

/* The policy that a candidate changed or added, in the changed world; or WR_NONE. */
static uint32_t changed_policy(const struct wr_world *now, const struct wr_suggest_candidate *c)
{
	for (uint32_t i = 0; i < now->n_policies; i++)
		if (is_candidate(&now->policies[i], c))
			return i;
	return WR_NONE;
}

/* Whether a port set allows something that no Admin rule does. */
static bool opens(const struct wr_program *p, uint32_t set)
{
	uint32_t n;
	const struct wr_range *ranges = wr_program_port_set(p, set, &n);
	for (uint32_t i = 0; i < n; i++) {
		const struct wr_author *by = wr_program_author(p, ranges[i].author);
		if (ranges[i].allow &&
		    (by->kind != WR_BY_RULE ||
		     wr_program_world(p)->policies[by->policy].tier != WR_TIER_ADMIN))
			return true;
	}
	return false;
}

/*
 * Whether nothing but Admin rules lets anybody through to the subjects of a
 * row: then NetworkPolicies that isolate them take nothing away.
 */
static bool is_closed(const struct wr_program *p, uint32_t row)
{
	const struct wr_world *w = wr_program_world(p);
	enum wr_direction dir;
	uint32_t n;
	const uint32_t *policies = wr_query_row(p, row, &n, &dir);
	for (uint32_t i = 0; i < n; i++) {
		const struct wr_policy *q = &w->policies[policies[i]];
		for (uint32_t r = 0; q->tier == WR_TIER_BASELINE && r < q->n_rules[dir]; r++)
			if (q->rules[dir][r].action != WR_DENY)
				return false;
	}
	const uint32_t *sets = wr_program_row(p, row);
	const struct wr_endpoint *e = wr_program_endpoints(p, &n);
	for (uint32_t i = 0; i < n; i++)
		if (opens(p, sets[e[i].id.class]))
			return false;
	const struct wr_prefix *prefixes = wr_program_prefixes(p, &n);
	bool covered[2] = {false, false}; /* all addresses of a family, by prefixes */
	for (uint32_t i = 0; i < n; i++) {
		covered[prefixes[i].cidr.ip.family == WR_IPV6] |= !prefixes[i].cidr.len;
		if (opens(p, sets[prefixes[i].class]))
			return false;
	}
	return (covered[0] || !opens(p, sets[wr_program_world_class(p, WR_IPV4)])) &&
	       (covered[1] || !opens(p, sets[wr_program_world_class(p, WR_IPV6)]));
}

/*
 * Whether a new NetworkPolicy selects pods that nothing isolated before, and to
 * which more than nothing was open: it would cut them off from everybody else.
 * Pods have the same numbers before and after.
 */
static bool cuts_off(const struct wr_suggest_work *w, const struct wr_program *changed,
		     const struct changes *c)
{
	uint32_t n;
	const struct wr_endpoint *e = wr_program_endpoints(w->l->program, &n);
	for (int d = 0; d < 2; d++) {
		if (!c->items[d] || c->items[d]->policy ||
		    c->items[d]->rank != WR_SUGGEST_NAMESPACED)
			continue;
		uint32_t policy = changed_policy(wr_program_world(changed), c->items[d]);
		if (policy == WR_NONE)
			return true;
		const struct wr_bitset *subject = wr_query_subject(changed, policy);
		for (uint32_t i = 0; i < n; i++)
			if (e[i].pod != WR_NONE && wr_bitset_has(subject, e[i].pod) &&
			    !is_isolating(w->l->program, e[i].id.row[d]) &&
			    !is_closed(w->l->program, e[i].id.row[d]))
				return true;
	}
	return false;
}

/* What may differ: the connections of pods that the changed policies select. */
static int compare(const struct wr_program *before, const struct wr_program *after,
		   const struct changes *c, struct wr_diff **out)
{
	struct wr_conn_focus focus = {0};
	for (int d = 0; d < 2; d++) {
		uint32_t policy = c->items[d] ? changed_policy(wr_program_world(after), c->items[d])
					      : WR_NONE;
		if (policy != WR_NONE)
			focus.pods[d] = wr_query_subject(after, policy);
	}
	return wr_diff_of(before, after, &focus, out);
}

/*
 * Makes the changes, for the caller to free. 1: they hold, and nothing but
 * what they open is changed; 0: they do not; or -ENOMEM.
 */
static int make(const struct wr_suggest_work *w, const struct changes *c, struct wr_loaded *out)
{
	int rc = read_changed(w, c, out);
	if (rc == -ENOMEM)
		return rc;
	return !rc && out->program && !wr_diags_total(out->diags, WR_ERROR) &&
	       out->world->n_pods == world_of(w)->n_pods && allows(w, out->program, c) &&
	       !cuts_off(w, out->program, c);
}

/* How many connections the changes open; SIZE_MAX: they cannot be made so. 0 or -ENOMEM. */
static int count_opened(const struct wr_suggest_work *w, const struct changes *c, size_t *out)
{
	struct wr_loaded changed = {0};
	WR_CLEANUP(diff)
	struct wr_diff *diff = NULL;
	int rc = make(w, c, &changed);
	bool holds = rc > 0;
	*out = SIZE_MAX;
	if (holds)
		rc = compare(w->l->program, changed.program, c, &diff);
	if (holds && !rc) {
		size_t n;
		const struct wr_change *all = wr_diff_changes(diff, &n);
		*out = n;
		for (size_t i = 0; i < n; i++)
			if (all[i].narrowed)
				*out = SIZE_MAX;
	}
	wr_loaded_free(&changed);
	return rc == -ENOMEM ? rc : 0;
}

/* Whether a candidate that opens so much is better than the best so far (NULL: none). */
static bool is_better(const struct wr_suggest_candidate *c, size_t opened,
		      const struct wr_suggest_candidate *best, size_t least)
{
	if (opened == SIZE_MAX || !best)
		return opened != SIZE_MAX;
	if (c->rank != best->rank)
		return c->rank < best->rank;
	if (opened != least)
		return opened < least;
	return strlen(c->s.text) < strlen(best->s.text);
}

/* The candidate of a direction that opens least, then with the shortest text, into c. */
static int choose(const struct wr_suggest_work *w, enum wr_direction dir, struct changes *c)
{
	struct changes best = *c;
	size_t least = SIZE_MAX, opened;
	best.items[dir] = NULL;
	for (size_t i = 0; i < w->n[dir]; i++) {
		struct changes with = *c;
		with.items[dir] = &w->candidates[dir][i];
		int rc = count_opened(w, &with, &opened);
		if (rc)
			return rc;
		if (is_better(with.items[dir], opened, best.items[dir], least)) {
			best = with;
			least = opened;
		}
	}
	*c = best;
	return 0;
}

/* ---- what is opened ---- */

static int list_opened(struct wr_suggest_work *w, const struct wr_program *before,
		       const struct wr_program *after, const struct changes *c,
		       struct wr_suggestion *s)
{
	WR_CLEANUP(diff)
	struct wr_diff *diff = NULL;
	int rc = compare(before, after, c, &diff);
	if (rc)
		return rc;
	const struct wr_change *all = wr_diff_changes(diff, &s->n_opened);
	s->n_listed = s->n_opened < OPENED_MAX ? s->n_opened : OPENED_MAX;
	s->opened = wr_arena_array(w->y.arena, s->n_listed, sizeof(*s->opened));
	if (!s->opened)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_listed; i++)
		s->opened[i] = TEXT(w, "%s -> %s %s%s%s%s", all[i].src, all[i].dst,
				    all[i].after ? all[i].after : "", all[i].before ? " (was " : "",
				    all[i].before ? all[i].before : "", all[i].before ? ")" : "");
	return w->y.nomem ? -ENOMEM : 0;
}

/* One change after the other, in the order in which they are shown. */
static int describe(struct wr_suggest_work *w, const struct changes *c, struct wr_suggestions *out)
{
	struct changes made = {0};
	struct wr_loaded steps[2] = {0};
	const struct wr_program *before = w->l->program;
	int rc = 0;
	for (int d = 0; d < 2 && rc >= 0; d++) {
		if (!c->items[d])
			continue;
		made.items[d] = c->items[d];
		struct wr_suggestion *s = &out->items[out->n];
		*s = c->items[d]->s;
		rc = make(w, &made, &steps[d]);
		if (rc > 0)
			rc = list_opened(w, before, steps[d].program, &made, s);
		if (rc < 0)
			break;
		before = steps[d].program;
		out->n++;
	}
	for (int d = 0; d < 2; d++)
		wr_loaded_free(&steps[d]);
	return rc < 0 ? rc : 0;
}

int wr_suggest(const struct wr_loaded *l, const struct wr_compile_opts *opts,
	       const struct wr_question *q, const struct wr_trace *trace, struct wr_arena *arena,
	       struct wr_suggestions *out)
{
	struct wr_suggest_work w = {
		.l = l, .opts = opts, .q = q, .y = {.world = l->world, .arena = arena}};
	struct changes c = {0};
	struct wr_suggestions result = {0};
	bool both = !trace->reasons[0].allow && !trace->reasons[1].allow;
	for (int d = 0; d < 2; d++)
		if (!trace->reasons[d].allow)
			wr_suggest_find(&w, &trace->reasons[d]);
	if (w.y.nomem)
		return -ENOMEM;
	int rc = choose(&w, WR_EGRESS, &c);
	if (!rc)
		rc = choose(&w, WR_INGRESS, &c);
	if (!rc && both && c.items[WR_INGRESS])
		rc = choose(&w, WR_EGRESS, &c);
	if (!rc)
		rc = describe(&w, &c, &result);
	for (int d = 0; d < 2 && !rc; d++)
		if (!trace->reasons[d].allow)
			result.notes[d] = wr_suggest_tier_note(&w, &trace->reasons[d], c.items[d]);
	if (!rc && w.y.nomem)
		rc = -ENOMEM;
	if (!rc)
		*out = result;
	return rc;
}
