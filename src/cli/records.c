/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "cli/load.h"

#define LINE_SHOWN 160               /* characters of a source line that are shown */
#define FILE_LIMIT ((off_t)64 << 20) /* larger files are not read again for a source line */

/* Whatever a file holds, the terminal gets no control characters from it. */
static void out_safe(struct wr_out *o, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < 0x20 && c != '\t')
			wr_out_printf(o, "\\x%02x", c);
		else if (c == 0x7f)
			wr_out_text(o, "\\x7f");
		else
			wr_out_bytes(o, &s[i], 1);
	}
}

/*
 * A line of a text whose first line has the number first. Records mostly come
 * in order of their lines: the search goes on where the last one ended.
 */
static const char *find_line(struct wr_records *s, const char *text, size_t size, uint32_t first,
			     uint32_t line, size_t *n)
{
	const char *end = text + size, *p = text;
	uint32_t at = first;
	if (s->seen.text == text && s->seen.line <= line) {
		p = s->seen.at;
		at = s->seen.line;
	}
	if (line < at)
		return NULL;
	for (; at < line; at++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			return NULL;
		p = nl + 1;
	}
	s->seen.text = text;
	s->seen.at = p;
	s->seen.line = line;
	const char *nl = memchr(p, '\n', (size_t)(end - p));
	*n = (size_t)((nl ? nl : end) - p);
	if (*n && p[*n - 1] == '\r')
		--*n;
	return p < end ? p : NULL;
}

static void read_again(struct wr_records *s, const char *file)
{
	if (s->file && !strcmp(s->file, file))
		return;
	wr_records_free(s);
	s->size = 0;
	s->file = strdup(file);
	struct stat st;
	if (!strcmp(file, "-") || stat(file, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > FILE_LIMIT)
		return;
	FILE *f = fopen(file, "re");
	if (!f)
		return;
	s->text = malloc((size_t)st.st_size + 1);
	if (s->text)
		s->size = fread(s->text, 1, (size_t)st.st_size, f);
	fclose(f);
}

/* A document of the file, or NULL; the one of the record before mostly is. */
static const struct wr_document *document_of(struct wr_records *s, const char *file)
{
	if (s->document && (s->document->file == file || !strcmp(s->document->file, file)))
		return s->document;
	s->document = NULL;
	for (size_t i = 0; s->in && i < wr_input_count(s->in) && !s->document; i++)
		if (!strcmp(wr_input_at(s->in, i)->file, file))
			s->document = wr_input_at(s->in, i);
	return s->document;
}

static const char *source_line(struct wr_records *s, const struct wr_mark *m, size_t *n)
{
	const struct wr_document *d = document_of(s, m->file);
	if (d) {
		uint32_t first = d->first_line;
		for (const char *p = d->source; p < d->text; p++)
			first -= *p == '\n';
		const char *line = find_line(s, d->source, d->source_size, first, m->line, n);
		if (line)
			return line;
	}
	read_again(s, m->file);
	return s->text ? find_line(s, s->text, s->size, 1, m->line, n) : NULL;
}

/* Bytes of the first chars characters of a line of n bytes. */
static size_t skip_chars(const char *s, size_t n, size_t chars)
{
	size_t i = 0;
	while (i < n && chars) {
		i++;
		while (i < n && ((unsigned char)s[i] & 0xc0) == 0x80)
			i++;
		chars--;
	}
	return i;
}

/* The line with a caret below the column; of long lines the part around it. */
void wr_records_source(struct wr_records *s, const struct wr_mark *m)
{
	struct wr_out *o = s->out;
	size_t n = 0;
	const char *line = source_line(s, m, &n);
	if (!line || !n)
		return;
	size_t column = m->column ? m->column - 1 : 0;
	size_t from = column > LINE_SHOWN / 2 ? column - LINE_SHOWN / 2 : 0;
	size_t start = skip_chars(line, n, from);
	size_t shown = skip_chars(line + start, n - start, LINE_SHOWN);
	wr_out_printf(o, "%5u | ", m->line);
	out_safe(o, line + start, shown);
	wr_out_text(o, "\n");
	if (!m->column)
		return;
	wr_out_text(o, "      | ");
	size_t caret = skip_chars(line + start, n - start, column - from);
	for (size_t i = 0; i < caret; i++)
		if (line[start + i] == '\t')
			wr_out_text(o, "\t");
		else if (((unsigned char)line[start + i] & 0xc0) != 0x80)
			wr_out_text(o, " ");
	wr_out_printf(o, "%s^%s\n", wr_out_colour(o, WR_GREEN), wr_out_colour(o, WR_PLAIN));
}

static void print_place(struct wr_out *o, const struct wr_mark *m)
{
	if (!m->file)
		return;
	const char *name = strcmp(m->file, "-") ? m->file : "<stdin>";
	wr_out_text(o, wr_out_colour(o, WR_BOLD));
	out_safe(o, name, strlen(name));
	if (m->line)
		wr_out_printf(o, ":%u", m->line);
	if (m->line && m->column)
		wr_out_printf(o, ":%u", m->column);
	wr_out_printf(o, ":%s ", wr_out_colour(o, WR_PLAIN));
}

static void print_one(struct wr_records *s, const struct wr_diag *d)
{
	struct wr_out *o = s->out;
	static const char *const words[] = {"error", "warning", "note"};
	static const enum wr_colour colours[] = {WR_RED, WR_YELLOW, WR_CYAN};
	if (!d->mark.file)
		wr_out_text(o, "weir: ");
	print_place(o, &d->mark);
	wr_out_printf(o, "%s%s:%s ", wr_out_colour(o, colours[d->severity]), words[d->severity],
		      wr_out_colour(o, WR_PLAIN));
	if (d->path && *d->path) {
		out_safe(o, d->path, strlen(d->path));
		wr_out_text(o, ": ");
	}
	out_safe(o, d->message, strlen(d->message));
	wr_out_text(o, "\n");
	if (d->mark.file && d->mark.line)
		wr_records_source(s, &d->mark);
	if (d->advice) {
		wr_out_text(o, "  hint: ");
		out_safe(o, d->advice, strlen(d->advice));
		wr_out_text(o, "\n");
	}
}

/* "in NetworkPolicy shop/db:" once before the records of an object. */
static void print_object(struct wr_records *s, const struct wr_diag *d)
{
	if (!d->object || (s->object && !strcmp(s->object, d->object) && s->object_file &&
			   d->mark.file && !strcmp(s->object_file, d->mark.file)))
		return;
	struct wr_mark file = {d->mark.file, 0, 0};
	print_place(s->out, &file);
	wr_out_text(s->out, "in ");
	out_safe(s->out, d->object, strlen(d->object));
	wr_out_text(s->out, ":\n");
}

void wr_records_print(struct wr_records *s, const struct wr_diag *d)
{
	print_object(s, d);
	print_one(s, d);
	s->object = d->object;
	s->object_file = d->mark.file;
}

void wr_records_free(struct wr_records *s)
{
	free(s->text);
	free(s->file);
	s->text = s->file = NULL;
	s->seen.text = NULL;
}

void wr_records_place(struct wr_records *s, const struct wr_mark *m)
{
	print_place(s->out, m);
}

void wr_records_text(struct wr_records *s, const char *text)
{
	out_safe(s->out, text, strlen(text));
}
