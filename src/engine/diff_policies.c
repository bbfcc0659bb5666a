/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy is the one of the same kind, namespace and name, whatever its tier
 * and priority are now. Of a cluster-wide policy it is told what changed: its
 * order is half of its meaning, and a change of it shows in no rule.
 */
#include "engine/diff_policies.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool same_value(const struct wr_value *a, const struct wr_value *b)
{
	if (!a || !b || a->type != b->type)
		return a == b;
	if (a->type == WR_LIST || a->type == WR_MAP) {
		if (a->n != b->n)
			return false;
		for (size_t i = 0; i < a->n; i++) {
			const struct wr_value *x = a->type == WR_LIST ? a->items[i]
								      : a->fields[i].value;
			const struct wr_value *y = a->type == WR_LIST
							   ? b->items[i]
							   : wr_value_get(b, a->fields[i].key);
			if (!same_value(x, y))
				return false;
		}
		return true;
	}
	return (!a->text && !b->text) || (a->text && b->text && !strcmp(a->text, b->text));
}

/* ---- what changed ---- */

struct words {
	struct wr_arena *arena;
	const char *text; /* NULL: no memory */
	size_t n;
};

#define WORDS_SHOWN 6

__attribute__((format(printf, 2, 3))) static void say(struct words *w, const char *fmt, ...)
{
	va_list ap;
	if (w->n++ >= WORDS_SHOWN || !w->text)
		return;
	va_start(ap, fmt);
	const char *t = wr_arena_vprintf(w->arena, fmt, ap);
	va_end(ap);
	w->text = t ? wr_arena_printf(w->arena, "%s%s%s", w->text, w->n > 1 ? ", " : "", t) : NULL;
}

static size_t count(const struct wr_value *list)
{
	return list && list->type == WR_LIST ? list->n : 0;
}

static const char *action_of(const struct wr_value *rule)
{
	const struct wr_value *action = wr_value_get(rule, "action");
	return action && action->text ? action->text : "";
}

/* Whether the same rules stand in another order. */
static bool is_reordered(const struct wr_value *x, const struct wr_value *y)
{
	for (size_t i = 0; i < x->n; i++) {
		size_t here = 0, there = 0;
		for (size_t k = 0; k < x->n; k++) {
			here += same_value(x->items[i], x->items[k]);
			there += same_value(x->items[i], y->items[k]);
		}
		if (here != there)
			return false;
	}
	return true;
}

static void say_rule(struct words *w, const char *way, size_t i, const struct wr_value *x,
		     const struct wr_value *y)
{
	const char *before = action_of(x), *after = action_of(y);
	if (strcmp(before, after) != 0)
		say(w, "%s rule %zu from %s to %s", way, i + 1, before, after);
	else
		say(w, "%s rule %zu", way, i + 1);
}

static void say_rules(struct words *w, const char *way, const struct wr_value *x,
		      const struct wr_value *y)
{
	size_t n = count(x), m = count(y);
	if (n != m) {
		say(w, "%s rules, %zu before and %zu now", way, n, m);
		return;
	}
	if (!n || same_value(x, y))
		return;
	if (is_reordered(x, y)) {
		say(w, "the order of the %s rules", way);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!same_value(x->items[i], y->items[i]))
			say_rule(w, way, i, x->items[i], y->items[i]);
}

/* NULL: no memory. */
static const char *what_changed(const struct wr_policy *x, const struct wr_policy *y,
				struct wr_arena *arena)
{
	const struct wr_value *sx = wr_value_get(x->object->value, "spec"),
			      *sy = wr_value_get(y->object->value, "spec");
	struct words w = {.arena = arena, .text = ""};
	if (x->tier != y->tier)
		say(&w, "tier from %s to %s", wr_tier_name(x->tier), wr_tier_name(y->tier));
	if (x->priority != y->priority)
		say(&w, "priority from %d to %d", x->priority, y->priority);
	if (!same_value(wr_value_get(sx, "subject"), wr_value_get(sy, "subject")))
		say(&w, "subject");
	say_rules(&w, "ingress", wr_value_get(sx, "ingress"), wr_value_get(sy, "ingress"));
	say_rules(&w, "egress", wr_value_get(sx, "egress"), wr_value_get(sy, "egress"));
	return w.text && w.n > WORDS_SHOWN
		       ? wr_arena_printf(arena, "%s and %zu more", w.text, w.n - WORDS_SHOWN)
		       : w.text;
}

/* ---- policies by name ---- */

static int compare_policy(const struct wr_policy *a, const struct wr_policy *b)
{
	int c = (int)a->object->kind - (int)b->object->kind;
	if (!c)
		c = strcmp(a->ns ? a->ns : "", b->ns ? b->ns : "");
	return c ? c : strcmp(a->name, b->name);
}

static int compare_pointers(const void *a, const void *b)
{
	return compare_policy(*(const struct wr_policy *const *)a,
			      *(const struct wr_policy *const *)b);
}

/* The policies by name: their own order is by priority, which may be what changed. NULL: no memory. */
static const struct wr_policy **by_name(const struct wr_world *w, struct wr_arena *a)
{
	const struct wr_policy **all = wr_arena_array(a, w->n_policies, sizeof(*all));
	for (uint32_t i = 0; all && i < w->n_policies; i++)
		all[i] = &w->policies[i];
	if (all && w->n_policies)
		qsort(all, w->n_policies, sizeof(*all), compare_pointers);
	return all;
}

static int note_policy(const struct wr_policy *x, const struct wr_policy *y, struct wr_arena *arena,
		       named_changes *out)
{
	const struct wr_policy *p = y ? y : x;
	if (!p || (x && y &&
		   same_value(wr_value_get(x->object->value, "spec"),
			      wr_value_get(y->object->value, "spec"))))
		return 0;
	struct wr_named_change c = {.kind = !x   ? WR_CHANGE_ADDED
					    : !y ? WR_CHANGE_REMOVED
						 : WR_CHANGE_PORTS};
	char title[WR_POLICY_TITLE];
	c.name = wr_arena_strdup(arena, wr_policy_title(p, title));
	c.before = x ? x->mark : (struct wr_mark){0};
	c.after = y ? y->mark : (struct wr_mark){0};
	c.policy_kind = wr_kind_name(p->object->kind);
	if (x && y && !p->ns) {
		c.what = what_changed(x, y, arena);
		if (!c.what)
			return -ENOMEM;
		c.what = *c.what ? c.what : NULL;
	}
	return c.name ? wr_vec_push(out, c) : -ENOMEM;
}

int wr_compare_policies(const struct wr_world *before, const struct wr_world *after,
			struct wr_arena *arena, named_changes *out)
{
	const struct wr_policy **px = by_name(before, arena), **py = by_name(after, arena);
	uint32_t i = 0, k = 0;
	int rc = px && py ? 0 : -ENOMEM;
	while ((i < before->n_policies || k < after->n_policies) && !rc) {
		int order = i == before->n_policies  ? 1
			    : k == after->n_policies ? -1
						     : compare_policy(px[i], py[k]);
		rc = note_policy(order <= 0 ? px[i] : NULL, order >= 0 ? py[k] : NULL, arena, out);
		i += order <= 0;
		k += order >= 0;
	}
	return rc;
}
