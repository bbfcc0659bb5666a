/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/diff.h"
#include "engine/query.h"
#include "input/edit.h"

WR_DEFINE_CLEANUP(diff, struct wr_diff *, wr_diff_free)

/*
 * Where both ends deny, what is done at one opens nothing as long as the other
 * stands: which change at one end opens least is then asked again, with the
 * change of the other end made.
 */

#define OPENED_MAX 10000 /* connections that are named */
#define MISSES_TRIED 4
#define RULES_TRIED 3
#define CANDIDATES_MAX (MISSES_TRIED + RULES_TRIED + 3)

static const char new_file[] = "<suggestion>";

struct candidate {
	struct wr_suggestion s;
	struct wr_edit edit;            /* doc NULL: text is a document of its own */
	const struct wr_object *policy; /* that is edited; NULL: a new one */
};

struct work {
	const struct wr_loaded *l;
	const struct wr_compile_opts *opts;
	const struct wr_question *q;
	struct wr_yaml y;
	struct candidate candidates[2][CANDIDATES_MAX]; /* by enum wr_direction */
	size_t n[2];
};

#define TEXT(w, ...) wr_yaml_printf(&(w)->y, __VA_ARGS__)

static const struct wr_world *world_of(const struct work *w)
{
	return w->l->world;
}

static const struct wr_yaml_end *subject_of(const struct work *w, enum wr_direction dir)
{
	return &w->q->ends[dir == WR_EGRESS ? 0 : 1];
}

static const struct wr_yaml_end *peer_of(const struct work *w, enum wr_direction dir)
{
	return &w->q->ends[dir == WR_EGRESS ? 1 : 0];
}

/* ---- candidates ---- */

static void add(struct work *w, struct candidate c)
{
	for (size_t i = 0; i < w->n[c.s.dir]; i++) {
		const struct candidate *have = &w->candidates[c.s.dir][i];
		if (have->s.mark.line == c.s.mark.line && !strcmp(have->s.text, c.s.text))
			return;
	}
	if (w->n[c.s.dir] < CANDIDATES_MAX)
		w->candidates[c.s.dir][w->n[c.s.dir]++] = c;
}

/* spec.ingress or spec.egress as written; NULL: there is none. */
static const struct wr_value *rules_value(const struct wr_object *o, enum wr_direction dir)
{
	const struct wr_value *v = wr_value_get(wr_value_get(o->value, "spec"),
						dir == WR_EGRESS ? "egress" : "ingress");
	return v && v->type == WR_LIST ? v : NULL;
}

static const struct wr_value *rule_field(const struct wr_object *o, enum wr_direction dir,
					 uint32_t rule, const char *field)
{
	const struct wr_value *rules = rules_value(o, dir);
	return rules && rule < rules->n ? wr_value_get(rules->items[rule], field) : NULL;
}

static void add_edit(struct work *w, enum wr_direction dir, uint32_t policy,
		     const struct wr_value *below, const char *what, const char *lines)
{
	const struct wr_object *o = world_of(w)->policies[policy].object;
	struct candidate c = {.s = {.dir = dir, .what = what}, .policy = o};
	if (!below || !o->doc || !*lines ||
	    wr_edit_insert_below(o->doc, below, lines, w->y.arena, &c.edit) < 0)
		return;
	c.s.text = c.edit.text; /* as it must be indented */
	uint32_t line = o->doc->first_line;
	for (size_t i = 0; i < c.edit.at; i++)
		line += o->doc->text[i] == '\n';
	c.s.mark = (struct wr_mark){o->doc->file, line - 1, 0};
	add(w, c);
}

static void add_miss(struct work *w, enum wr_direction dir, const struct wr_near_miss *m)
{
	const struct wr_object *o = world_of(w)->policies[m->policy].object;
	const char *list = dir == WR_EGRESS ? "to" : "from";
	if (!o || o->kind != WR_KIND_NETWORKPOLICY)
		return;
	switch (m->kind) {
	case WR_MISS_PORT:
	case WR_MISS_PROTOCOL:
	case WR_MISS_NAMED_PORT:
		add_edit(w, dir, m->policy, rule_field(o, dir, m->rule, "ports"),
			 TEXT(w, "add a port to rule %u of %s/%s", m->rule + 1, o->meta.ns,
			      o->meta.name),
			 TEXT(w, "- protocol: %s\n  port: %u", wr_proto_name(w->q->proto),
			      w->q->port));
		break;
	case WR_MISS_NAMESPACE:
	case WR_MISS_LABELS:
	case WR_MISS_NS_LABELS:
	case WR_MISS_IPBLOCK:
	case WR_MISS_EXCEPT:
	case WR_MISS_NODE_LABELS: /* not of a NetworkPolicy */
		add_edit(w, dir, m->policy, rule_field(o, dir, m->rule, list),
			 TEXT(w, "add a peer to rule %u of %s/%s", m->rule + 1, o->meta.ns,
			      o->meta.name),
			 wr_yaml_peer(&w->y, peer_of(w, dir), o->meta.ns));
		break;
	case WR_MISS_NO_PORTS:
		break;
	}
}

/* A rule more in a policy that isolates the pod already. */
static void add_rule(struct work *w, enum wr_direction dir, uint32_t policy)
{
	const struct wr_object *o = world_of(w)->policies[policy].object;
	if (!o || o->kind != WR_KIND_NETWORKPOLICY)
		return;
	add_edit(w, dir, policy, rules_value(o, dir),
		 TEXT(w, "add a rule to %s/%s", o->meta.ns, o->meta.name),
		 wr_yaml_rule(&w->y, dir, peer_of(w, dir), w->q->proto, w->q->port, o->meta.ns));
}

static void add_new(struct work *w, enum wr_direction dir, const char *selector)
{
	const char *ns = world_of(w)->pods[subject_of(w, dir)->pod].ns;
	const char *name = wr_yaml_policy_name(&w->y, dir, subject_of(w, dir), peer_of(w, dir));
	const char *rule = wr_yaml_rule(&w->y, dir, peer_of(w, dir), w->q->proto, w->q->port, ns);
	add(w, (struct candidate){
		       .s = {.dir = dir,
			     .what = "a new policy",
			     .text = wr_yaml_policy(&w->y, dir, ns, name, selector, rule)}});
}

static void find_candidates(struct work *w, const struct wr_reason *r)
{
	const struct wr_yaml_end *subject = subject_of(w, r->dir), *peer = peer_of(w, r->dir);
	if (subject->pod == WR_NONE || (peer->pod == WR_NONE && !peer->ip.family))
		return;
	for (uint32_t i = 0; i < r->n_misses && i < MISSES_TRIED; i++)
		add_miss(w, r->dir, &r->misses[i]);
	for (uint32_t i = 0; i < r->n_isolating && i < RULES_TRIED; i++)
		add_rule(w, r->dir, r->isolating[i]);
	const struct wr_pod *pod = &world_of(w)->pods[subject->pod];
	add_new(w, r->dir, wr_yaml_pod_labels(&w->y, pod, NULL, 4));
	/* within a policy that isolates them: these cut nobody off */
	const struct wr_object *o = r->n_isolating ? world_of(w)->policies[r->isolating[0]].object
						   : NULL;
	if (!o || o->kind != WR_KIND_NETWORKPOLICY)
		return;
	add_new(w, r->dir, wr_yaml_pod_labels(&w->y, pod, &o->np.pod_selector, 4));
	add_new(w, r->dir, wr_yaml_selector(&w->y, &o->np.pod_selector, 4));
}

/* ---- trying them ---- */

/* Changes that are made together: at most one for each direction. */
struct changes {
	const struct candidate *items[2];
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
static int read_changed(const struct work *w, const struct changes *c, struct wr_loaded *out)
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
			rc = wr_input_bytes(out->in, new_file, 1, c->items[i]->s.text,
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
static bool allows(const struct work *w, const struct wr_program *p, const struct changes *c)
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

static bool is_candidate(const struct wr_policy *p, const struct candidate *c)
{
	const struct wr_object *o = p->object;
	if (!o || o->kind != WR_KIND_NETWORKPOLICY)
		return false;
	if (c->policy)
		return !strcmp(p->ns, c->policy->meta.ns) && !strcmp(p->name, c->policy->meta.name);
	return o->doc && !strcmp(o->doc->file, new_file) && p->isolates[c->s.dir];
}

/* The policy that a candidate changed or added, in the changed world; or WR_NONE. */
static uint32_t changed_policy(const struct wr_world *now, const struct candidate *c)
{
	for (uint32_t i = 0; i < now->n_policies; i++)
		if (is_candidate(&now->policies[i], c))
			return i;
	return WR_NONE;
}

/*
 * Whether a new policy selects pods that nothing isolated before: it would cut
 * them off from everybody else. Pods have the same numbers before and after.
 */
static bool cuts_off(const struct work *w, const struct wr_program *changed,
		     const struct changes *c)
{
	uint32_t n;
	const struct wr_endpoint *e = wr_program_endpoints(w->l->program, &n);
	for (int d = 0; d < 2; d++) {
		if (!c->items[d] || c->items[d]->policy)
			continue;
		uint32_t policy = changed_policy(wr_program_world(changed), c->items[d]);
		if (policy == WR_NONE)
			return true;
		const struct wr_bitset *subject = wr_query_subject(changed, policy);
		for (uint32_t i = 0; i < n; i++)
			if (e[i].pod != WR_NONE && wr_bitset_has(subject, e[i].pod) &&
			    !is_isolating(w->l->program, e[i].id.row[d]))
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
static int make(const struct work *w, const struct changes *c, struct wr_loaded *out)
{
	int rc = read_changed(w, c, out);
	if (rc == -ENOMEM)
		return rc;
	return !rc && out->program && !wr_diags_total(out->diags, WR_ERROR) &&
	       out->world->n_pods == world_of(w)->n_pods && allows(w, out->program, c) &&
	       !cuts_off(w, out->program, c);
}

/* How many connections the changes open; SIZE_MAX: they cannot be made so. 0 or -ENOMEM. */
static int count_opened(const struct work *w, const struct changes *c, size_t *out)
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
			if (all[i].kind == WR_CHANGE_REMOVED)
				*out = SIZE_MAX;
	}
	wr_loaded_free(&changed);
	return rc == -ENOMEM ? rc : 0;
}

/* The candidate of a direction that opens least, then with the shortest text, into c. */
static int choose(const struct work *w, enum wr_direction dir, struct changes *c)
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
		if (opened < least ||
		    (opened == least && best.items[dir] &&
		     strlen(with.items[dir]->s.text) < strlen(best.items[dir]->s.text))) {
			best = with;
			least = opened;
		}
	}
	*c = best;
	return 0;
}

/* ---- what is opened ---- */

static int list_opened(struct work *w, const struct wr_program *before,
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
static int describe(struct work *w, const struct changes *c, struct wr_suggestions *out)
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
	struct work w = {.l = l, .opts = opts, .q = q, .y = {.world = l->world, .arena = arena}};
	struct changes c = {0};
	struct wr_suggestions result = {0};
	bool both = !trace->reasons[0].allow && !trace->reasons[1].allow;
	for (int d = 0; d < 2; d++)
		if (!trace->reasons[d].allow)
			find_candidates(&w, &trace->reasons[d]);
	if (w.y.nomem)
		return -ENOMEM;
	int rc = choose(&w, WR_EGRESS, &c);
	if (!rc)
		rc = choose(&w, WR_INGRESS, &c);
	if (!rc && both && c.items[WR_INGRESS])
		rc = choose(&w, WR_EGRESS, &c);
	if (!rc)
		rc = describe(&w, &c, &result);
	if (!rc)
		*out = result;
	return rc;
}
