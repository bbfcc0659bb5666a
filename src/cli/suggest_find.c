/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidates: a port or a peer more in a rule that nearly matched, a rule more
 * in a policy that isolates, a new policy.
 */
#include <string.h>

#include "cli/suggest_internal.h"

#define TEXT(w, ...) wr_yaml_printf(&(w)->y, __VA_ARGS__)

static const struct wr_world *world_of(const struct wr_suggest_work *w)
{
	return w->l->world;
}

const struct wr_yaml_end *wr_suggest_subject(const struct wr_suggest_work *w, enum wr_direction dir)
{
	return &w->q->ends[dir == WR_EGRESS ? 0 : 1];
}

const struct wr_yaml_end *wr_suggest_peer(const struct wr_suggest_work *w, enum wr_direction dir)
{
	return &w->q->ends[dir == WR_EGRESS ? 1 : 0];
}

void wr_suggest_add(struct wr_suggest_work *w, struct wr_suggest_candidate c)
{
	for (size_t i = 0; i < w->n[c.s.dir]; i++) {
		const struct wr_suggest_candidate *have = &w->candidates[c.s.dir][i];
		if (have->s.mark.line == c.s.mark.line && !strcmp(have->s.text, c.s.text))
			return;
	}
	if (w->n[c.s.dir] < WR_SUGGEST_MAX)
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

void wr_suggest_add_edit(struct wr_suggest_work *w, struct wr_suggest_candidate c)
{
	const struct wr_document *doc = c.edit.doc;
	uint32_t line = doc->first_line;
	for (size_t i = 0; i < c.edit.at; i++)
		line += doc->text[i] == '\n';
	c.s.text = c.edit.text; /* as it must be indented */
	c.s.mark = (struct wr_mark){doc->file, line - 1, 0};
	wr_suggest_add(w, c);
}

static void add_below(struct wr_suggest_work *w, enum wr_direction dir, uint32_t policy,
		      const struct wr_value *below, const char *what, const char *lines)
{
	const struct wr_object *o = world_of(w)->policies[policy].object;
	struct wr_suggest_candidate c = {.s = {.dir = dir, .what = what}, .policy = o};
	if (below && o->doc && *lines &&
	    !wr_edit_insert_below(o->doc, below, lines, w->y.arena, &c.edit))
		wr_suggest_add_edit(w, c);
}

static void add_miss(struct wr_suggest_work *w, enum wr_direction dir, const struct wr_near_miss *m)
{
	const struct wr_object *o = world_of(w)->policies[m->policy].object;
	const char *list = dir == WR_EGRESS ? "to" : "from";
	if (!o || o->kind != WR_KIND_NETWORKPOLICY)
		return;
	switch (m->kind) {
	case WR_MISS_PORT:
	case WR_MISS_PROTOCOL:
	case WR_MISS_NAMED_PORT:
		add_below(w, dir, m->policy, rule_field(o, dir, m->rule, "ports"),
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
		add_below(w, dir, m->policy, rule_field(o, dir, m->rule, list),
			  TEXT(w, "add a peer to rule %u of %s/%s", m->rule + 1, o->meta.ns,
			       o->meta.name),
			  wr_yaml_peer(&w->y, wr_suggest_peer(w, dir), o->meta.ns));
		break;
	case WR_MISS_NO_PORTS:
		break;
	}
}

/* A rule more in a policy that isolates the pod already. */
static void add_rule(struct wr_suggest_work *w, enum wr_direction dir, uint32_t policy)
{
	const struct wr_object *o = world_of(w)->policies[policy].object;
	if (!o || o->kind != WR_KIND_NETWORKPOLICY)
		return;
	add_below(w, dir, policy, rules_value(o, dir),
		  TEXT(w, "add a rule to %s/%s", o->meta.ns, o->meta.name),
		  wr_yaml_rule(&w->y, dir, wr_suggest_peer(w, dir), w->q->proto, w->q->port,
			       o->meta.ns));
}

void wr_suggest_add_new(struct wr_suggest_work *w, enum wr_direction dir, const char *selector)
{
	const char *ns = world_of(w)->pods[wr_suggest_subject(w, dir)->pod].ns;
	const char *name = wr_yaml_policy_name(&w->y, dir, wr_suggest_subject(w, dir),
					       wr_suggest_peer(w, dir));
	const char *rule = wr_yaml_rule(&w->y, dir, wr_suggest_peer(w, dir), w->q->proto,
					w->q->port, ns);
	wr_suggest_add(
		w, (struct wr_suggest_candidate){
			   .s = {.dir = dir,
				 .what = "a new policy",
				 .text = wr_yaml_policy(&w->y, dir, ns, name, selector, rule)}});
}

void wr_suggest_find(struct wr_suggest_work *w, const struct wr_reason *r)
{
	const struct wr_yaml_end *subject = wr_suggest_subject(w, r->dir),
				 *peer = wr_suggest_peer(w, r->dir);
	if (subject->pod == WR_NONE || (peer->pod == WR_NONE && !peer->ip.family))
		return;
	if (r->author.kind == WR_BY_RULE) {
		wr_suggest_find_tiers(w, r);
		return;
	}
	for (uint32_t i = 0; i < r->n_misses && i < WR_SUGGEST_MISSES_TRIED; i++)
		add_miss(w, r->dir, &r->misses[i]);
	for (uint32_t i = 0; i < r->n_isolating && i < WR_SUGGEST_RULES_TRIED; i++)
		add_rule(w, r->dir, r->isolating[i]);
	const struct wr_pod *pod = &world_of(w)->pods[subject->pod];
	wr_suggest_add_new(w, r->dir, wr_yaml_pod_labels(&w->y, pod, NULL, 4));
	/* within a policy that isolates them: these cut nobody off */
	const struct wr_object *o = r->n_isolating ? world_of(w)->policies[r->isolating[0]].object
						   : NULL;
	if (!o || o->kind != WR_KIND_NETWORKPOLICY)
		return;
	wr_suggest_add_new(w, r->dir, wr_yaml_pod_labels(&w->y, pod, &o->np.pod_selector, 4));
	wr_suggest_add_new(w, r->dir, wr_yaml_selector(&w->y, &o->np.pod_selector, 4));
}
