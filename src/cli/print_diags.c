/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "cli/load.h"
#include "cli/records.h"

static void print_counts(struct wr_out *o, const struct wr_diags *d, size_t printed)
{
	size_t errors = wr_diags_total(d, WR_ERROR), warnings = wr_diags_total(d, WR_WARNING);
	if (!errors && !warnings)
		return;
	wr_out_printf(o, "%zu error%s", errors, errors == 1 ? "" : "s");
	if (warnings)
		wr_out_printf(o, ", %zu warning%s", warnings, warnings == 1 ? "" : "s");
	if (printed == WR_DIAG_MAX)
		wr_out_printf(o, " (the first %d are shown)", WR_DIAG_MAX);
	wr_out_text(o, "\n");
}

void wr_print_diags(struct wr_diags *d, const struct wr_input *in, bool verbose)
{
	if (!wr_diags_total(d, WR_ERROR) && !(verbose && wr_diags_count(d)))
		return;
	WR_CLEANUP(out)
	struct wr_out *o = wr_out_new(2, WR_TABLE);
	if (!o)
		return;
	struct wr_records records = {.out = o, .in = in};
	size_t n = wr_diags_count(d);
	wr_diags_sort(d);
	for (size_t i = 0; i < n; i++) {
		const struct wr_diag *r = wr_diags_at(d, i);
		if (r->severity != WR_ERROR && !verbose)
			continue;
		wr_records_print(&records, r);
	}
	print_counts(o, d, n);
	wr_records_free(&records);
}
