/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/checks.h"

#include <string.h>

/*
 * What the API server refuses, or warns of. A warning gives way to a finding
 * at the same place, which says more.
 */

static const struct wr_lint_rule invalid = {
	"invalid",
	WR_ERROR,
	false,
	"the API server, or kubectl, refuses this",
};
static const struct wr_lint_rule api_warning = {
	"api-warning",
	WR_WARNING,
	false,
	"the API server takes this with a warning",
};

static bool found_there(const struct lint *l, size_t n, struct wr_mark mark)
{
	for (size_t i = 0; i < n; i++) {
		const struct wr_mark *m = &l->findings.items[i].mark;
		if (m->line == mark.line && m->column == mark.column && m->file && mark.file &&
		    !strcmp(m->file, mark.file))
			return true;
	}
	return false;
}

void lint_invalid_report(struct lint *l, const struct wr_diags *diags)
{
	size_t n = l->findings.n;
	for (size_t i = 0; i < wr_diags_count(diags); i++) {
		const struct wr_diag *d = wr_diags_at(diags, i);
		if (d->severity == WR_NOTE ||
		    (d->severity == WR_WARNING && found_there(l, n, d->mark)))
			continue;
		lint_report(l, d->severity == WR_ERROR ? &invalid : &api_warning, NULL, d->mark,
			    d->path, "%s", d->message);
		if (d->advice)
			lint_advise(l, "%s", d->advice);
		if (l->newest)
			l->newest->object = d->object;
	}
}

const struct lint_check lint_invalid = {LINT_RULES(&invalid, &api_warning), NULL};
