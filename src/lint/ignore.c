/* SPDX-License-Identifier: Apache-2.0 */
#include "lint/internal.h"

#include <string.h>

/*
 * "# weir:ignore ID reason" silences a rule at one place: at the end of the
 * finding's line, or on lines of comment right above it; on the lines of
 * comment above an object's first line, in the whole object. "*" is every rule.
 */

#define WORD "weir:ignore"

struct line {
	const char *s;
	size_t n;
};

/* Whether a comment in the line names the rule. */
static bool names_rule(struct line line, const char *id)
{
	const char *end = line.s + line.n, *p = memchr(line.s, '#', line.n);
	p = p ? memmem(p, (size_t)(end - p), WORD, strlen(WORD)) : NULL;
	while (p) {
		p += strlen(WORD);
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		size_t n = 0;
		while (p + n < end && p[n] != ' ' && p[n] != '\t' && p[n] != '\r')
			n++;
		if ((n == 1 && *p == '*') || (n == strlen(id) && !memcmp(p, id, n)))
			return true;
		p = memmem(p, (size_t)(end - p), WORD, strlen(WORD));
	}
	return false;
}

static bool is_comment(struct line line)
{
	size_t i = 0;
	while (i < line.n && (line.s[i] == ' ' || line.s[i] == '\t'))
		i++;
	return i < line.n && line.s[i] == '#';
}

/* The line before the one that begins at byte at. False: there is none. */
static bool line_above(const char *text, size_t at, struct line *out, size_t *start)
{
	if (!at)
		return false;
	size_t end = at - 1, begin = end;
	while (begin && text[begin - 1] != '\n')
		begin--;
	*out = (struct line){text + begin, end - begin};
	*start = begin;
	return true;
}

/* The line with byte at, and lines of comment above it. */
static bool silenced_at(const struct wr_document *doc, size_t at, const char *id, bool own_line)
{
	size_t start = at, end = at;
	while (start && doc->text[start - 1] != '\n')
		start--;
	while (end < doc->size && doc->text[end] != '\n')
		end++;
	if (own_line && names_rule((struct line){doc->text + start, end - start}, id))
		return true;
	struct line line;
	while (line_above(doc->text, start, &line, &start) && is_comment(line))
		if (names_rule(line, id))
			return true;
	return false;
}

/* The documents that hold the word: most often none, and then nothing is looked for. */
struct documents {
	const struct wr_document **items;
	size_t n;
};

static void find_documents(struct lint *l, struct documents *out)
{
	size_t n = wr_input_count(l->in);
	out->items = wr_arena_array(l->arena, n, sizeof(*out->items));
	l->nomem |= !out->items;
	for (size_t i = 0; out->items && i < n; i++) {
		const struct wr_document *d = wr_input_at(l->in, i);
		if (memmem(d->text, d->size, WORD, strlen(WORD)))
			out->items[out->n++] = d;
	}
}

/* The one of them that a mark lies in, or NULL. */
static const struct wr_document *document_of(const struct documents *docs, struct wr_mark mark)
{
	for (size_t i = 0; mark.file && i < docs->n; i++) {
		const struct wr_document *d = docs->items[i];
		size_t at;
		if (!strcmp(d->file, mark.file) && !wr_edit_offset(d, mark, &at))
			return d;
	}
	return NULL;
}

static bool silenced(const struct documents *docs, const struct wr_finding *f)
{
	const struct wr_document *doc = document_of(docs, f->mark);
	size_t at;
	if (!doc)
		return false;
	if (!wr_edit_offset(doc, f->mark, &at) && silenced_at(doc, at, f->rule->id, true))
		return true;
	if (!doc->root || doc->root->type != WR_MAP || !doc->root->n)
		return false;
	return !wr_edit_offset(doc, doc->root->fields[0].mark, &at) &&
	       silenced_at(doc, at, f->rule->id, false);
}

void lint_ignore(struct lint *l)
{
	struct documents docs = {0};
	size_t kept = 0;
	find_documents(l, &docs);
	for (size_t i = 0; i < l->findings.n; i++) {
		if (silenced(&docs, &l->findings.items[i]))
			l->n_ignored++;
		else
			l->findings.items[kept++] = l->findings.items[i];
	}
	l->findings.n = kept;
}
