/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/list_view.h"
#include "engine/exposure.h"

#define EXCEPTIONS_SHOWN 8 /* in a table; documents have them all */

static const char *const directions[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};

/* "shop/db ingress rule 1", or that nothing isolates. */
static void source_text(const struct wr_world *w, const struct wr_exposure *e, char *buf,
			size_t size)
{
	char title[WR_POLICY_TITLE];
	if (e->policy == WR_NONE)
		snprintf(buf, size, "not isolated");
	else
		snprintf(buf, size, "%s rule %u", wr_policy_title(&w->policies[e->policy], title),
			 e->rule + 1);
}

/* One line of the table: a part of the peers for which it does not hold. */
static void write_exception(struct wr_table *t, const char *first, const char *text)
{
	wr_table_cell(t, WR_PLAIN, "%s", "");
	wr_table_cell(t, WR_PLAIN, "%s", "");
	wr_table_cell(t, WR_PLAIN, "%s%s", first, text);
	wr_table_cell(t, WR_PLAIN, "%s", "");
	wr_table_cell(t, WR_PLAIN, "%s", "");
}

static void write_exceptions(struct wr_table *t, const struct wr_exposure *e)
{
	char text[64];
	size_t more = e->n_more;
	for (size_t i = 0; i < e->n_except; i++)
		if (i < EXCEPTIONS_SHOWN)
			write_exception(t, i ? "         " : "  except ", e->except[i]);
		else
			more++;
	snprintf(text, sizeof(text), "and %zu more", more);
	if (more)
		write_exception(t, "         ", text);
}

static int write_table(struct wr_out *o, const struct wr_world *w, const struct wr_exposure *all,
		       size_t n)
{
	static const char *const head[] = {"WORKLOAD", "DIRECTION", "PEER", "CONNECTIONS", "BY"};
	WR_CLEANUP(table)
	struct wr_table *t = wr_table_new(5);
	if (!t)
		return -ENOMEM;
	for (size_t i = 0; i < 5; i++)
		wr_table_cell(t, WR_BOLD, "%s", head[i]);
	for (size_t i = 0; i < n; i++) {
		char by[600];
		source_text(w, &all[i], by, sizeof(by));
		wr_table_cell(t, WR_PLAIN, "%s", all[i].workload);
		wr_table_cell(t, WR_PLAIN, "%s", directions[all[i].dir]);
		wr_table_cell(t, all[i].policy == WR_NONE ? WR_YELLOW : WR_PLAIN, "%s",
			      all[i].peer);
		wr_table_cell(t, WR_PLAIN, "%s", all[i].ports);
		wr_table_cell(t, WR_PLAIN, "%s", by);
		write_exceptions(t, &all[i]);
	}
	wr_table_write(t, o);
	return 0;
}

static void write_except(struct wr_out *o, const struct wr_exposure *e)
{
	if (!e->n_except)
		return;
	wr_out_key(o, "except");
	wr_out_list(o);
	for (size_t i = 0; i < e->n_except; i++)
		wr_out_string(o, e->except[i]);
	wr_out_end(o);
	if (e->n_more)
		wr_out_key_uint(o, "exceptMore", e->n_more);
}

static void write_document(struct wr_out *o, const struct wr_world *w,
			   const struct wr_exposure *all, size_t n)
{
	wr_out_list(o);
	for (size_t i = 0; i < n && !wr_out_failed(o); i++) {
		char name[WR_POLICY_TITLE];
		const struct wr_exposure *e = &all[i];
		wr_out_map(o);
		wr_out_key_string(o, "workload", e->workload);
		wr_out_key_string(o, "direction", directions[e->dir]);
		wr_out_key_string(o, "peer", e->peer);
		write_except(o, e);
		wr_out_key_string(o, "conn", e->ports);
		if (e->policy != WR_NONE) {
			wr_out_key_string(o, "policy",
					  wr_policy_title(&w->policies[e->policy], name));
			wr_out_key_uint(o, "rule", e->rule + 1);
			wr_out_key_string(o, "file", e->mark.file);
			wr_out_key_uint(o, "line", e->mark.line);
		}
		wr_out_end(o);
	}
	wr_out_end(o);
}

int wr_list_exposure(struct wr_out *o, const struct wr_program *p, struct wr_arena *arena)
{
	struct wr_exposure *all;
	size_t n;
	int rc = wr_exposure_list(p, arena, &all, &n);
	if (rc)
		return rc;
	if (wr_out_format(o) == WR_TABLE)
		return write_table(o, wr_program_world(p), all, n);
	write_document(o, wr_program_world(p), all, n);
	return 0;
}
