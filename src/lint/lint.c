/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/lint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "lint/checks.h"

struct wr_lint {
	struct lint run;
};

/* ---- rules ---- */

/* Every rule of every check, once, by id. */
static struct {
	const struct wr_lint_rule *items[128];
	size_t n;
} all;

static int by_id(const void *pa, const void *pb)
{
	const struct wr_lint_rule *const *a = pa, *const *b = pb;
	return strcmp((*a)->id, (*b)->id);
}

const struct wr_lint_rule *const *wr_lint_rules(size_t *n)
{
	if (!all.n) {
		size_t count = 0;
		for (size_t i = 0; lint_checks[i]; i++)
			for (size_t k = 0; lint_checks[i]->rules[k]; k++)
				if (count < sizeof(all.items) / sizeof(all.items[0]))
					all.items[count++] = lint_checks[i]->rules[k];
		qsort(all.items, count, sizeof(all.items[0]), by_id);
		all.n = count;
	}
	*n = all.n;
	return all.items;
}

const struct wr_lint_rule *wr_lint_find_rule(const char *id)
{
	size_t n;
	const struct wr_lint_rule *const *rules = wr_lint_rules(&n);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(rules[i]->id, id))
			return rules[i];
	return NULL;
}

/* ---- the run ---- */

static bool any_of_kind(const struct wr_objects *objects, enum wr_kind kind)
{
	for (size_t i = 0; i < objects->n; i++)
		if (objects->items[i]->kind == kind)
			return true;
	return false;
}

/* Numbers of the files in order of reading. */
static struct wr_map *number_files(const struct wr_input *in)
{
	struct wr_map *out = wr_map_new();
	for (size_t i = 0; out && i < wr_input_count(in); i++) {
		const char *file = wr_input_at(in, i)->file;
		if (i && wr_input_at(in, i - 1)->file == file)
			continue;
		if (!wr_map_slot(out, file, strlen(file), i, NULL)) {
			wr_map_free(out);
			return NULL;
		}
	}
	return out;
}

struct sorted {
	struct wr_finding finding;
	uint64_t file;
};

static int by_place(const void *pa, const void *pb)
{
	const struct sorted *a = pa, *b = pb;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	const struct wr_mark *ma = &a->finding.mark, *mb = &b->finding.mark;
	if (ma->line != mb->line)
		return ma->line < mb->line ? -1 : 1;
	if (ma->column != mb->column)
		return ma->column < mb->column ? -1 : 1;
	int c = strcmp(a->finding.rule->id, b->finding.rule->id);
	return c ? c : strcmp(a->finding.message, b->finding.message);
}

static int sort_findings(struct lint *l)
{
	struct sorted *s = calloc(l->findings.n + 1, sizeof(*s));
	struct wr_map *files = number_files(l->in);
	if (!s || !files) {
		free(s);
		wr_map_free(files);
		return -ENOMEM;
	}
	for (size_t i = 0; i < l->findings.n; i++) {
		s[i].finding = l->findings.items[i];
		const char *file = s[i].finding.mark.file;
		if (file && !wr_map_get(files, file, strlen(file), &s[i].file))
			s[i].file = UINT64_MAX;
	}
	qsort(s, l->findings.n, sizeof(*s), by_place);
	for (size_t i = 0; i < l->findings.n; i++)
		l->findings.items[i] = s[i].finding;
	free(s);
	wr_map_free(files);
	return 0;
}

static void run_checks(struct lint *l)
{
	l->w = wr_program_world(l->p);
	l->knows_pods = l->w->n_pods > 0;
	l->knows_namespaces = any_of_kind(l->objects, WR_KIND_NAMESPACE);
	for (size_t i = 0; lint_checks[i] && !l->nomem; i++)
		if (lint_checks[i]->run)
			lint_checks[i]->run(l);
}

int wr_lint_run(const struct wr_lint_source *source, const struct wr_lint_opts *opts,
		struct wr_lint **out)
{
	struct wr_lint *lint = calloc(1, sizeof(*lint));
	if (!lint)
		return -ENOMEM;
	struct lint *l = &lint->run;
	*l = (struct lint){.in = source->in,
			   .objects = source->objects,
			   .p = source->program,
			   .arena = wr_arena_new(),
			   .opts = opts};
	l->nomem = !l->arena;
	if (l->p && !l->nomem)
		run_checks(l);
	if (source->diags && !l->nomem)
		lint_invalid_report(l, source->diags);
	if (!l->nomem)
		lint_ignore(l);
	if (l->nomem || sort_findings(l) < 0) {
		wr_lint_free(lint);
		return -ENOMEM;
	}
	*out = lint;
	return 0;
}

void wr_lint_free(struct wr_lint *l)
{
	if (!l)
		return;
	wr_vec_free(&l->run.findings);
	wr_map_free(l->run.dead);
	wr_map_free(l->run.port_names);
	wr_arena_free(l->run.arena);
	free(l);
}

const struct wr_finding *wr_lint_findings(const struct wr_lint *l, size_t *n)
{
	*n = l->run.findings.n;
	return l->run.findings.items;
}

size_t wr_lint_ignored(const struct wr_lint *l)
{
	return l->run.n_ignored;
}
