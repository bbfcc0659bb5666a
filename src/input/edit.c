/* SPDX-License-Identifier: Apache-2.0 */
#include "input/edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Marks count lines and characters; edits count bytes. Everything here first
 * finds a mark's byte and then looks at the text around it: what does not look
 * like plain block style is not touched.
 */

static size_t line_start(const char *text, size_t at)
{
	while (at && text[at - 1] != '\n')
		at--;
	return at;
}

/* The byte after the line's newline, or the end. */
static size_t next_line(const char *text, size_t size, size_t at)
{
	const char *nl = at < size ? memchr(text + at, '\n', size - at) : NULL;
	return nl ? (size_t)(nl - text) + 1 : size;
}

/*
 * Every look-up counts lines from the document's first: what is larger was made
 * by a program, and is mended there.
 */
#define SIZE_MAX_EDITED ((size_t)1 << 20)

int wr_edit_offset(const struct wr_document *doc, struct wr_mark mark, size_t *at)
{
	if (doc->size > SIZE_MAX_EDITED)
		return -ENOTSUP;
	if (!mark.line || mark.line < doc->first_line || !mark.column)
		return -ENOENT;
	size_t pos = 0;
	for (uint32_t line = doc->first_line; line < mark.line; line++) {
		pos = next_line(doc->text, doc->size, pos);
		if (pos == doc->size)
			return -ENOENT;
	}
	for (uint32_t column = 1; column < mark.column; column++) {
		if (pos == doc->size || doc->text[pos] == '\n')
			return -ENOENT;
		pos++;
		while (pos < doc->size && ((unsigned char)doc->text[pos] & 0xc0) == 0x80)
			pos++;
	}
	*at = pos;
	return pos < doc->size ? 0 : -ENOENT;
}

/* ---- scalars ---- */

/* Bytes of a quoted scalar on one line; 0: it does not end on its line. */
static size_t quoted_size(const char *s, size_t n)
{
	char quote = s[0];
	for (size_t i = 1; i < n && s[i] != '\n'; i++) {
		if (s[i] == '\\' && quote == '"')
			i++;
		else if (s[i] == quote && quote == '\'' && i + 1 < n && s[i + 1] == '\'')
			i++;
		else if (s[i] == quote)
			return i + 1;
	}
	return 0;
}

int wr_edit_replace(const struct wr_document *doc, const struct wr_value *scalar, const char *text,
		    struct wr_edit *out)
{
	size_t at;
	if (scalar->type == WR_LIST || scalar->type == WR_MAP || !scalar->text)
		return -ENOTSUP;
	int rc = wr_edit_offset(doc, scalar->mark, &at);
	if (rc)
		return rc;
	const char *s = doc->text + at;
	size_t left = doc->size - at, n = strlen(scalar->text);
	if (*s == '"' || *s == '\'')
		n = quoted_size(s, left);
	else if (n > left || memcmp(s, scalar->text, n) != 0)
		return -ENOTSUP; /* an alias, a tag, a block or more than one line */
	if (!n)
		return -ENOTSUP;
	*out = (struct wr_edit){.doc = doc, .at = at, .size = n, .text = text};
	return 0;
}

/* ---- lines ---- */

/* The last line that a value has something on. */
static uint32_t last_line(const struct wr_value *v)
{
	uint32_t last = v->mark.line;
	for (size_t i = 0; i < v->n && (v->type == WR_LIST || v->type == WR_MAP); i++) {
		const struct wr_value *child = v->type == WR_LIST ? v->items[i]
								  : v->fields[i].value;
		uint32_t line = last_line(child);
		last = line > last ? line : last;
	}
	return last;
}

/* Every line of lines with its indentation and a newline. */
static char *indented(const char *lines, size_t indent, bool crlf, struct wr_arena *arena)
{
	size_t count = 1;
	for (const char *p = lines; *p; p++)
		count += *p == '\n';
	char *out = wr_arena_alloc(arena, strlen(lines) + count * (indent + 2) + 1);
	char *to = out;
	while (out && *lines) {
		size_t n = strcspn(lines, "\n");
		memset(to, ' ', indent);
		memcpy(to + indent, lines, n);
		to += indent + n;
		if (crlf)
			*to++ = '\r';
		*to++ = '\n';
		lines += n + (lines[n] == '\n');
	}
	return out;
}

/*
 * Block style: nothing but blanks, and dashes of the items that begin here,
 * stand on the line before the byte.
 */
static bool opens_line(const char *text, size_t start, size_t at)
{
	for (size_t i = start; i < at; i++)
		if (text[i] != ' ' && !(text[i] == '-' && i + 1 < at && text[i + 1] == ' '))
			return false;
	return true;
}

static bool ends_crlf(const char *text, size_t start, size_t end)
{
	return end - start >= 2 && text[end - 2] == '\r';
}

static bool ends_line(const char *text, size_t end)
{
	return end && text[end - 1] == '\n';
}

int wr_edit_insert_above(const struct wr_document *doc, struct wr_mark mark, const char *lines,
			 struct wr_arena *arena, struct wr_edit *out)
{
	size_t at;
	int rc = wr_edit_offset(doc, mark, &at);
	if (rc)
		return rc;
	size_t start = line_start(doc->text, at), end = next_line(doc->text, doc->size, at);
	for (size_t i = start; i < at; i++)
		if (doc->text[i] != ' ')
			return -ENOTSUP;
	char *text = indented(lines, at - start, ends_crlf(doc->text, start, end), arena);
	if (!text)
		return -ENOMEM;
	*out = (struct wr_edit){.doc = doc, .at = start, .text = text};
	return 0;
}

int wr_edit_insert_below(const struct wr_document *doc, const struct wr_value *v, const char *lines,
			 struct wr_arena *arena, struct wr_edit *out)
{
	if ((v->type != WR_LIST && v->type != WR_MAP) || !v->n)
		return -ENOTSUP;
	struct wr_mark first = v->type == WR_LIST ? v->mark : v->fields[0].mark, last = first;
	size_t at, end;
	last.line = last_line(v);
	last.column = 1;
	int rc = wr_edit_offset(doc, first, &at);
	if (!rc)
		rc = wr_edit_offset(doc, last, &end);
	if (rc)
		return rc;
	size_t start = line_start(doc->text, at);
	char c = doc->text[at];
	if (!opens_line(doc->text, start, at) || c == '[' || c == '{' || c == '&' || c == '*')
		return -ENOTSUP;
	size_t from = end;
	end = next_line(doc->text, doc->size, end);
	if (!ends_line(doc->text, end))
		return -ENOTSUP; /* the file's last line has no newline: rare, and not worth it */
	char *text = indented(lines, at - start, ends_crlf(doc->text, from, end), arena);
	if (!text)
		return -ENOMEM;
	*out = (struct wr_edit){.doc = doc, .at = end, .text = text};
	return 0;
}

/* The byte of an item's dash, which begins its line; -ENOTSUP. */
static int item_start(const struct wr_document *doc, const struct wr_value *item, size_t *start)
{
	struct wr_mark mark = item->type == WR_MAP && item->n ? item->fields[0].mark : item->mark;
	size_t at;
	int rc = wr_edit_offset(doc, mark, &at);
	if (rc)
		return rc;
	size_t begin = line_start(doc->text, at), dash = begin;
	while (dash < at && doc->text[dash] == ' ')
		dash++;
	size_t after = dash + 1;
	while (after < at && doc->text[after] == ' ')
		after++;
	if (dash == at || doc->text[dash] != '-' || after != at)
		return -ENOTSUP;
	*start = begin;
	return 0;
}

int wr_edit_remove_item(const struct wr_document *doc, const struct wr_value *list, size_t item,
			struct wr_edit *out)
{
	if (list->type != WR_LIST || list->n < 2 || item >= list->n)
		return -ENOTSUP;
	size_t start, last;
	int rc = item_start(doc, list->items[item], &start);
	struct wr_mark mark = list->items[item]->mark;
	mark.line = last_line(list->items[item]);
	mark.column = 1;
	if (!rc)
		rc = wr_edit_offset(doc, mark, &last);
	if (rc)
		return rc;
	size_t end = next_line(doc->text, doc->size, last);
	/* a neighbour on one of these lines would go too */
	for (size_t i = 0; i < list->n; i++)
		if (i != item && list->items[i]->mark.line >= list->items[item]->mark.line &&
		    list->items[i]->mark.line <= mark.line)
			return -ENOTSUP;
	*out = (struct wr_edit){.doc = doc, .at = start, .size = end - start, .text = ""};
	return 0;
}

int wr_edit_join_item(const struct wr_document *doc, const struct wr_value *list, size_t item,
		      struct wr_edit *out)
{
	size_t start, above;
	if (list->type != WR_LIST || !item || item >= list->n)
		return -ENOTSUP;
	const struct wr_value *a = list->items[item - 1], *b = list->items[item];
	if (a->type != WR_MAP || b->type != WR_MAP || !a->n || !b->n ||
	    a->fields[0].mark.column != b->fields[0].mark.column)
		return -ENOTSUP;
	int rc = item_start(doc, a, &above);
	if (!rc)
		rc = item_start(doc, b, &start);
	if (rc)
		return rc;
	while (doc->text[start] == ' ')
		start++;
	*out = (struct wr_edit){.doc = doc, .at = start, .size = 1, .text = " "};
	return 0;
}

/* ---- files ---- */

struct placed {
	size_t at, size;
	const char *text;
	size_t order;
};

static int by_place(const void *pa, const void *pb)
{
	const struct placed *a = pa, *b = pb;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Into to, which has room; the size that it takes. */
static size_t put_together(const char *text, size_t size, const struct placed *edits, size_t n,
			   char *to, size_t *left_out)
{
	size_t at = 0, used = 0;
	*left_out = 0;
	for (size_t i = 0; i < n; i++) {
		const struct placed *e = &edits[i];
		if (e->at < at) {
			++*left_out;
			continue;
		}
		size_t len = strlen(e->text);
		memcpy(to + used, text + at, e->at - at);
		used += e->at - at;
		memcpy(to + used, e->text, len);
		used += len;
		at = e->at + e->size;
	}
	memcpy(to + used, text + at, size - at);
	return used + size - at;
}

int wr_edit_apply(const char *source, size_t size, const struct wr_edit *edits, size_t n,
		  char **out, size_t *out_size, size_t *left_out)
{
	struct placed *placed = calloc(n + 1, sizeof(*placed));
	size_t room = size + 1;
	int rc = placed ? 0 : -ENOMEM;
	for (size_t i = 0; i < n && !rc; i++) {
		const struct wr_document *doc = edits[i].doc;
		size_t at = (size_t)(doc->text - doc->source) + edits[i].at;
		if (doc->source != source || at + edits[i].size > size)
			rc = -EINVAL;
		placed[i] = (struct placed){at, edits[i].size, edits[i].text, i};
		room += strlen(edits[i].text);
	}
	char *to = rc ? NULL : malloc(room);
	if (!rc && !to)
		rc = -ENOMEM;
	if (!rc) {
		qsort(placed, n, sizeof(*placed), by_place);
		*out_size = put_together(source, size, placed, n, to, left_out);
		*out = to;
	}
	free(placed);
	return rc;
}
