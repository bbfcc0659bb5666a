/* SPDX-License-Identifier: Apache-2.0 */
/* How checks report: findings, and the texts that they have in common. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lint/internal.h"

struct effect {
	enum wr_severity severity;
	bool on;
};

static struct effect effect_of(const struct lint *l, const struct wr_lint_rule *rule)
{
	struct effect e = {rule->severity, !rule->strict || l->opts->strict};
	for (size_t i = 0; i < l->opts->n_settings; i++) {
		const struct wr_lint_setting *s = &l->opts->settings[i];
		if (strcmp(s->id, "*") != 0 && strcmp(s->id, rule->id) != 0)
			continue;
		if (s->off)
			e.on = false;
		else if (strcmp(s->id, "*") != 0)
			e = (struct effect){s->severity, true};
		else
			e.severity = s->severity;
	}
	return e;
}

bool lint_on(const struct lint *l, const struct wr_lint_rule *rule)
{
	return effect_of(l, rule).on;
}

static const char *object_text(struct lint *l, const struct wr_object *o)
{
	if (!o)
		return NULL;
	return lint_text(l, "%s %s%s%s", wr_kind_name(o->kind), o->meta.ns ? o->meta.ns : "",
			 o->meta.ns ? "/" : "", o->meta.name);
}

__attribute__((format(printf, 2, 0))) static const char *format(struct lint *l, const char *fmt,
								va_list ap)
{
	const char *s = wr_arena_vprintf(l->arena, fmt, ap);
	l->nomem |= !s;
	return s;
}

void lint_report(struct lint *l, const struct wr_lint_rule *rule, const struct wr_object *o,
		 struct wr_mark mark, const char *path, const char *fmt, ...)
{
	struct effect e = effect_of(l, rule);
	l->newest = NULL;
	if (!e.on || l->nomem)
		return;
	struct wr_finding f = {.rule = rule, .severity = e.severity, .mark = mark, .path = path};
	va_list ap;
	va_start(ap, fmt);
	f.message = format(l, fmt, ap);
	va_end(ap);
	f.object = object_text(l, o);
	if (l->nomem || wr_vec_push(&l->findings, f) < 0) {
		l->nomem = true;
		return;
	}
	l->newest = &l->findings.items[l->findings.n - 1];
}

void lint_advise(struct lint *l, const char *fmt, ...)
{
	if (!l->newest)
		return;
	va_list ap;
	va_start(ap, fmt);
	l->newest->advice = format(l, fmt, ap);
	va_end(ap);
}

void lint_relate(struct lint *l, struct wr_mark mark, const char *fmt, ...)
{
	struct wr_finding *f = l->newest;
	if (!f)
		return;
	struct wr_related *more = wr_arena_array(l->arena, f->n_related + 1, sizeof(*more));
	if (!more) {
		l->nomem = true;
		return;
	}
	if (f->n_related)
		memcpy(more, f->related, f->n_related * sizeof(*more));
	va_list ap;
	va_start(ap, fmt);
	more[f->n_related] = (struct wr_related){mark, format(l, fmt, ap)};
	va_end(ap);
	f->related = more;
	f->n_related++;
}

void lint_fix(struct lint *l, const struct wr_edit *edits, size_t n)
{
	if (!l->newest || !n)
		return;
	struct wr_edit *copy = wr_arena_array(l->arena, n, sizeof(*copy));
	l->nomem |= !copy;
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = edits[i];
		copy[i].text = wr_arena_strdup(l->arena, edits[i].text);
		l->nomem |= !copy[i].text;
	}
	l->newest->fix = copy;
	l->newest->n_fix = copy ? n : 0;
}

/* ---- texts ---- */

const char *lint_text(struct lint *l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *s = format(l, fmt, ap);
	va_end(ap);
	return s;
}

static const char *const fields[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};
static const char *const peers[] = {[WR_EGRESS] = "to", [WR_INGRESS] = "from"};

const char *lint_rule_path(struct lint *l, enum wr_direction dir, size_t rule)
{
	return lint_text(l, "spec.%s[%zu]", fields[dir], rule);
}

const char *lint_peer_path(struct lint *l, const struct wr_object *o, enum wr_direction dir,
			   size_t rule, size_t peer)
{
	struct lint_place at = lint_place(o, dir, rule, peer);
	const char *item = lint_text(l, "spec.%s[%zu].%s[%zu]", fields[dir], rule, peers[dir],
				     at.item);
	return at.is_network ? lint_text(l, "%s.networks[%zu]", item, at.network) : item;
}

const char *lint_port_path(struct lint *l, const struct wr_object *o, enum wr_direction dir,
			   size_t rule, size_t port)
{
	return lint_text(l, "spec.%s[%zu].%s[%zu]", fields[dir], rule,
			 o->kind == WR_KIND_CLUSTERNETWORKPOLICY ? "protocols" : "ports", port);
}

const char *lint_rule_name(struct lint *l, const struct wr_policy *p, enum wr_direction dir,
			   size_t rule, const struct wr_policy *reader)
{
	char title[WR_POLICY_TITLE];
	const char *name = p->rules[dir][rule].name;
	return lint_text(l, "%s%sspec.%s[%zu]%s%s%s", p == reader ? "" : wr_policy_title(p, title),
			 p == reader ? "" : " ", fields[dir], rule, name ? " (\"" : "",
			 name ? name : "", name ? "\")" : "");
}

const char *lint_count(struct lint *l, size_t n, const char *one, const char *many)
{
	if (!n)
		return lint_text(l, "no %s", one);
	return lint_text(l, "%zu %s", n, n == 1 ? one : many);
}

const char *lint_pod_names(struct lint *l, const struct wr_bitset *pods, size_t max)
{
	const char *s = NULL;
	size_t total = wr_bitset_count(pods), n = 0;
	if (!total)
		return "none";
	wr_bitset_each(pods, i)
	{
		const struct wr_pod *pod = &l->w->pods[i];
		if (n++ == max)
			return lint_text(l, "%s and %zu more", s, total - max);
		s = lint_text(l, "%s%s%s/%s", s ? s : "", s ? ", " : "", pod->ns, pod->name);
		if (!s)
			return NULL;
	}
	return s;
}
