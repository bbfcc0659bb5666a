/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Totals: new connections by the rule that judged them, over all generations.
 *
 * The kernel counts by author, in the half that is in force, and begins with
 * nothing in each new one. So before another generation what has been counted
 * is taken along, under the rule's name. What comes between the look and the
 * change, some microseconds, is not counted.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "base/map.h"

#define KEPT 10000

static void put_escaped(struct wr_buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '"')
			wr_buf_bytes(out, "\\", 1);
		wr_buf_bytes(out, *s == '\n' ? " " : s, 1);
	}
}

/* The labels of a rule; false where the author is none, or its policy has lost the rule. */
static bool labels_of(const struct wr_program *p, uint32_t author, struct wr_buf *out)
{
	const struct wr_author *by = wr_program_author(p, author);
	char title[WR_POLICY_TITLE];
	if (by->kind != WR_BY_RULE)
		return false;
	const struct wr_policy *pol = &wr_program_world(p)->policies[by->policy];
	if (by->rule >= pol->n_rules[by->dir])
		return false;
	wr_buf_text(out, "policy=\"");
	put_escaped(out, wr_policy_title(pol, title));
	wr_buf_printf(out, "\",direction=\"%s\",rule=\"%u\",verdict=\"%s\"",
		      by->dir == WR_EGRESS ? "egress" : "ingress", by->rule + 1,
		      pol->rules[by->dir][by->rule].action == WR_DENY ? "deny" : "allow");
	return !out->failed;
}

/* Adds what the generation in force has counted; out of memory some of it is lost. */
static void add_now(struct agent *a, struct wr_map *totals)
{
	const struct wr_program *p = wr_live_program(a->live);
	uint32_t n = wr_program_n_authors(p);
	uint64_t *counts = calloc(n + 1, sizeof(*counts));
	if (counts)
		wr_datapath_own_counts(a->dp, counts, n);
	for (uint32_t i = 0; counts && i < n; i++) {
		WR_CLEANUP(buf)
		struct wr_buf labels = {0};
		if (!counts[i] || !labels_of(p, i, &labels))
			continue;
		uint64_t *total = wr_map_slot(totals, labels.data, labels.n, 0, NULL);
		if (total)
			*total += counts[i];
	}
	free(counts);
}

/* Whether the numbers of the half in force are those of the live tables. */
static bool is_known(const struct agent *a)
{
	return a->dp && a->live && a->counted == wr_live_program(a->live);
}

void totals_take(struct agent *a)
{
	/* policies that come and go all day: those of the past are not kept for ever */
	if (a->totals && wr_map_count(a->totals) > KEPT) {
		wr_map_free(a->totals);
		a->totals = NULL;
	}
	if (!a->totals)
		a->totals = wr_map_new();
	if (a->totals && is_known(a)) {
		add_now(a, a->totals);
		a->counted = NULL;
	}
}

void totals_begin(struct agent *a)
{
	a->counted = wr_live_program(a->live);
}

void totals_put(struct agent *a, struct wr_buf *out)
{
	struct wr_map *all = wr_map_new();
	wr_buf_text(out, "# HELP weir_rule_connections_total New connections by the rule that "
			 "judged them.\n"
			 "# TYPE weir_rule_connections_total counter\n");
	for (size_t i = 0; all && a->totals && i < wr_map_count(a->totals); i++) {
		const struct wr_map_entry *e = wr_map_at(a->totals, i);
		if (wr_map_put(all, e->key, e->size, e->value))
			break;
	}
	if (all && is_known(a))
		add_now(a, all);
	for (size_t i = 0; all && i < wr_map_count(all); i++) {
		const struct wr_map_entry *e = wr_map_at(all, i);
		wr_buf_printf(out, "weir_rule_connections_total{%s} %llu\n", (const char *)e->key,
			      (unsigned long long)e->value);
	}
	wr_map_free(all);
}
