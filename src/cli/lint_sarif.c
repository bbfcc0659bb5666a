/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "cli/lint_out.h"

/*
 * SARIF 2.1.0: what code scanners read. One run, every rule of weir as the
 * tool's, every finding as a result with its place and its fix. Files are
 * relative URI references; columns count Unicode characters, as weir's do.
 */

#define SCHEMA                                                                \
	"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/" \
	"sarif-schema-2.1.0.json"

static void message(struct wr_out *o, const char *key, const char *text)
{
	wr_out_key(o, key);
	wr_out_map(o);
	wr_out_key_string(o, "text", text);
	wr_out_end(o);
}

/* A path as a URI reference (RFC 3986). */
static void artifact(struct wr_out *o, const char *file)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~/";
	struct wr_arena *arena = wr_arena_new();
	char *uri = arena ? wr_arena_alloc(arena, 3 * strlen(file) + 8) : NULL, *to = uri;
	if (!uri) {
		wr_out_out_of_memory(o);
		wr_arena_free(arena);
		return;
	}
	if (!strcmp(file, "-"))
		file = "stdin";
	if (file[0] == '/') {
		memcpy(to, "file://", 7);
		to += 7;
	}
	for (; *file; file++) {
		static const char hex[] = "0123456789ABCDEF";
		unsigned char c = (unsigned char)*file;
		if (strchr(plain, *file)) {
			*to++ = *file;
			continue;
		}
		*to++ = '%';
		*to++ = hex[c >> 4];
		*to++ = hex[c & 15];
	}
	wr_out_key(o, "artifactLocation");
	wr_out_map(o);
	wr_out_key_string(o, "uri", uri);
	wr_out_end(o);
	wr_arena_free(arena);
}

static void physical(struct wr_out *o, struct wr_mark mark)
{
	wr_out_key(o, "physicalLocation");
	wr_out_map(o);
	artifact(o, mark.file);
	if (mark.line) {
		wr_out_key(o, "region");
		wr_out_map(o);
		wr_out_key_uint(o, "startLine", mark.line);
		if (mark.column)
			wr_out_key_uint(o, "startColumn", mark.column);
		wr_out_end(o);
	}
	wr_out_end(o);
}

static void rules(struct wr_out *o)
{
	static const char *const levels[] = {
		[WR_ERROR] = "error", [WR_WARNING] = "warning", [WR_NOTE] = "note"};
	size_t n;
	const struct wr_lint_rule *const *all = wr_lint_rules(&n);
	wr_out_key(o, "rules");
	wr_out_list(o);
	for (size_t i = 0; i < n; i++) {
		wr_out_map(o);
		wr_out_key_string(o, "id", all[i]->id);
		message(o, "shortDescription", all[i]->summary);
		wr_out_key(o, "defaultConfiguration");
		wr_out_map(o);
		wr_out_key_bool(o, "enabled", !all[i]->strict);
		wr_out_key_string(o, "level", levels[all[i]->severity]);
		wr_out_end(o);
		wr_out_end(o);
	}
	wr_out_end(o);
}

static void locations(struct wr_out *o, const struct wr_finding *f)
{
	if (!f->mark.file)
		return;
	wr_out_key(o, "locations");
	wr_out_list(o);
	wr_out_map(o);
	physical(o, f->mark);
	if (f->object) {
		wr_out_key(o, "logicalLocations");
		wr_out_list(o);
		wr_out_map(o);
		wr_out_key_string(o, "fullyQualifiedName", f->object);
		wr_out_end(o);
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_end(o);
}

static void related(struct wr_out *o, const struct wr_finding *f)
{
	if (!f->n_related)
		return;
	wr_out_key(o, "relatedLocations");
	wr_out_list(o);
	for (size_t i = 0; i < f->n_related; i++) {
		if (!f->related[i].mark.file)
			continue;
		wr_out_map(o);
		physical(o, f->related[i].mark);
		message(o, "message", f->related[i].text);
		wr_out_end(o);
	}
	wr_out_end(o);
}

/* Edits as bytes of the file: charOffset would need the whole file counted. */
static void fixes(struct wr_out *o, const struct wr_finding *f)
{
	if (!f->n_fix)
		return;
	wr_out_key(o, "fixes");
	wr_out_list(o);
	wr_out_map(o);
	wr_out_key(o, "artifactChanges");
	wr_out_list(o);
	wr_out_map(o);
	artifact(o, f->fix[0].doc->file);
	wr_out_key(o, "replacements");
	wr_out_list(o);
	for (size_t i = 0; i < f->n_fix; i++) {
		const struct wr_edit *e = &f->fix[i];
		wr_out_map(o);
		wr_out_key(o, "deletedRegion");
		wr_out_map(o);
		wr_out_key_uint(o, "byteOffset", (uint64_t)(e->doc->text - e->doc->source) + e->at);
		wr_out_key_uint(o, "byteLength", e->size);
		wr_out_end(o);
		message(o, "insertedContent", e->text);
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_end(o);
	wr_out_end(o);
	wr_out_end(o);
	wr_out_end(o);
}

static uint64_t index_of(const struct wr_lint_rule *rule)
{
	size_t n;
	const struct wr_lint_rule *const *all = wr_lint_rules(&n);
	for (size_t i = 0; i < n; i++)
		if (all[i] == rule)
			return i;
	return 0;
}

static void result(struct wr_out *o, const struct wr_finding *f)
{
	wr_out_map(o);
	wr_out_key_string(o, "ruleId", f->rule->id);
	wr_out_key_uint(o, "ruleIndex", index_of(f->rule));
	wr_out_key_string(o, "level", wr_lint_word(f->severity));
	struct wr_arena *arena = wr_arena_new();
	const char *text = arena ? wr_arena_printf(arena, "%s%s%s%s%s", f->object ? f->object : "",
						   f->object ? ": " : "", f->message,
						   f->advice ? "\n" : "",
						   f->advice ? f->advice : "")
				 : NULL;
	if (text)
		message(o, "message", text);
	else
		wr_out_out_of_memory(o);
	wr_arena_free(arena);
	locations(o, f);
	related(o, f);
	fixes(o, f);
	wr_out_end(o);
}

void wr_lint_write_sarif(struct wr_out *o, const struct lint_result *r)
{
	wr_out_map(o);
	wr_out_key_string(o, "$schema", SCHEMA);
	wr_out_key_string(o, "version", "2.1.0");
	wr_out_key(o, "runs");
	wr_out_list(o);
	wr_out_map(o);
	wr_out_key(o, "tool");
	wr_out_map(o);
	wr_out_key(o, "driver");
	wr_out_map(o);
	wr_out_key_string(o, "name", "weir");
	wr_out_key_string(o, "version", WR_VERSION);
	rules(o);
	wr_out_end(o);
	wr_out_end(o);
	wr_out_key_string(o, "columnKind", "unicodeCodePoints");
	wr_out_key(o, "results");
	wr_out_list(o);
	for (size_t i = 0; i < r->n && !wr_out_failed(o); i++)
		result(o, &r->findings[i]);
	wr_out_end(o);
	wr_out_end(o);
	wr_out_end(o);
	wr_out_end(o);
}
