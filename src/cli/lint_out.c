/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lint_out.h"

#include <string.h>

#include "cli/records.h"

size_t wr_lint_count(const struct lint_result *r, enum wr_severity severity)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += r->findings[i].severity == severity;
	return n;
}

const char *wr_lint_word(enum wr_severity severity)
{
	static const char *const words[] = {
		[WR_ERROR] = "error", [WR_WARNING] = "warning", [WR_NOTE] = "note"};
	return words[severity];
}

/* ---- text ---- */

static void print_related(struct wr_records *records, const struct wr_related *related)
{
	wr_out_text(records->out, "  see ");
	wr_records_place(records, &related->mark);
	wr_records_text(records, related->text);
	wr_out_text(records->out, "\n");
}

static void print_finding(struct wr_records *records, const struct wr_finding *f)
{
	struct wr_arena *arena = wr_arena_new();
	struct wr_diag d = {.severity = f->severity,
			    .mark = f->mark,
			    .object = f->object,
			    .path = f->path,
			    .advice = f->advice};
	d.message = arena ? wr_arena_printf(arena, "%s [%s]", f->message, f->rule->id) : NULL;
	if (!d.message)
		wr_out_out_of_memory(records->out);
	else
		wr_records_print(records, &d);
	for (size_t i = 0; i < f->n_related; i++)
		print_related(records, &f->related[i]);
	wr_arena_free(arena);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_counts(struct wr_out *o, const struct lint_result *r)
{
	size_t errors = wr_lint_count(r, WR_ERROR), warnings = wr_lint_count(r, WR_WARNING),
	       notes = wr_lint_count(r, WR_NOTE), fixes = 0;
	for (size_t i = 0; i < r->n; i++)
		fixes += r->findings[i].n_fix > 0;
	if (!r->n)
		wr_out_text(o, "no findings");
	else
		wr_out_printf(o, "%zu error%s, %zu warning%s, %zu note%s", errors, plural(errors),
			      warnings, plural(warnings), notes, plural(notes));
	if (r->n_ignored)
		wr_out_printf(o, "; %zu silenced by comments", r->n_ignored);
	if (fixes)
		wr_out_printf(o, "; --fix mends %zu", fixes);
	wr_out_text(o, "\n");
}

static void write_text(struct wr_out *o, const struct lint_result *r)
{
	struct wr_records records = {.out = o, .in = r->in};
	for (size_t i = 0; i < r->n && !wr_out_failed(o); i++)
		print_finding(&records, &r->findings[i]);
	print_counts(o, r);
	wr_records_free(&records);
}

/* ---- json and yaml ---- */

static void write_place(struct wr_out *o, struct wr_mark mark)
{
	wr_out_key_string(o, "file", mark.file);
	wr_out_key_uint(o, "line", mark.line);
	wr_out_key_uint(o, "column", mark.column);
}

static void write_finding(struct wr_out *o, const struct wr_finding *f)
{
	wr_out_map(o);
	wr_out_key_string(o, "rule", f->rule->id);
	wr_out_key_string(o, "severity", wr_lint_word(f->severity));
	write_place(o, f->mark);
	wr_out_key_string(o, "object", f->object);
	wr_out_key_string(o, "path", f->path);
	wr_out_key_string(o, "message", f->message);
	wr_out_key_string(o, "advice", f->advice);
	wr_out_key(o, "related");
	wr_out_list(o);
	for (size_t i = 0; i < f->n_related; i++) {
		wr_out_map(o);
		write_place(o, f->related[i].mark);
		wr_out_key_string(o, "message", f->related[i].text);
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_key_bool(o, "fixable", f->n_fix > 0);
	wr_out_end(o);
}

static void write_document(struct wr_out *o, const struct lint_result *r)
{
	wr_out_map(o);
	wr_out_key(o, "findings");
	wr_out_list(o);
	for (size_t i = 0; i < r->n && !wr_out_failed(o); i++)
		write_finding(o, &r->findings[i]);
	wr_out_end(o);
	wr_out_key(o, "counts");
	wr_out_map(o);
	wr_out_key_uint(o, "error", wr_lint_count(r, WR_ERROR));
	wr_out_key_uint(o, "warning", wr_lint_count(r, WR_WARNING));
	wr_out_key_uint(o, "note", wr_lint_count(r, WR_NOTE));
	wr_out_key_uint(o, "silenced", r->n_ignored);
	wr_out_end(o);
	wr_out_end(o);
}

/* ---- GitHub's workflow commands ---- */

/* Properties end at a comma or colon, messages at the line's end. */
static void github_text(struct wr_out *o, const char *s, bool property)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '%' || c < 0x20 || c == 0x7f || (property && (c == ',' || c == ':')))
			wr_out_printf(o, "%%%02X", c);
		else
			wr_out_bytes(o, s, 1);
	}
}

static void write_github(struct wr_out *o, const struct lint_result *r)
{
	static const char *const commands[] = {
		[WR_ERROR] = "error", [WR_WARNING] = "warning", [WR_NOTE] = "notice"};
	for (size_t i = 0; i < r->n && !wr_out_failed(o); i++) {
		const struct wr_finding *f = &r->findings[i];
		wr_out_printf(o, "::%s ", commands[f->severity]);
		if (f->mark.file) {
			wr_out_text(o, "file=");
			github_text(o, f->mark.file, true);
			wr_out_printf(o, ",line=%u,col=%u,", f->mark.line, f->mark.column);
		}
		wr_out_printf(o, "title=weir %s::", f->rule->id);
		if (f->object) {
			github_text(o, f->object, false);
			wr_out_text(o, ": ");
		}
		github_text(o, f->message, false);
		if (f->advice) {
			wr_out_text(o, "%0A");
			github_text(o, f->advice, false);
		}
		wr_out_text(o, "\n");
	}
}

void wr_lint_write(struct wr_out *o, const struct lint_result *r, enum lint_format format)
{
	switch (format) {
	case LINT_TEXT:
		write_text(o, r);
		break;
	case LINT_JSON:
	case LINT_YAML:
		write_document(o, r);
		break;
	case LINT_SARIF:
		wr_lint_write_sarif(o, r);
		break;
	case LINT_GITHUB:
		write_github(o, r);
		break;
	}
}
