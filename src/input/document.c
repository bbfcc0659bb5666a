/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text to its documents, split as kubectl splits it: at lines that begin with
 * "---", before anything is parsed. Each part is then read by itself, so that
 * an error in one does not hide those in the next. A part whose first
 * character is '{' holds JSON documents, any number of them; where no quote
 * follows the brace it may be one of YAML's maps, which begin alike.
 *
 * Beyond kubectl: a line "..." ends a document as YAML has it (kubectl drops
 * what follows it without a word), and %YAML lines may stand before "---".
 */
#include "input/internal.h"

#include <errno.h>
#include <string.h>

#include "input/json.h"

enum line { CONTENT, SEPARATOR, BAD_SEPARATOR, END };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* line ends before its line feed */
static enum line classify(const char *line, size_t size)
{
	bool dashes = size >= 3 && !memcmp(line, "---", 3);
	bool dots = size >= 3 && !memcmp(line, "...", 3);
	size_t i = 3;
	if (!dashes && !dots)
		return CONTENT;
	while (i < size && is_blank(line[i]))
		i++;
	if (i == size || line[i] == '#')
		return dashes ? SEPARATOR : END;
	return dashes ? BAD_SEPARATOR : CONTENT;
}

/* The line feed that ends the line at p, or end. */
static const char *line_end(const char *p, const char *end)
{
	const char *newline = memchr(p, '\n', (size_t)(end - p));
	return newline ? newline : end;
}

/* Nothing but %YAML and %TAG lines, comments and blanks: belongs to the document below. */
static bool is_prologue(const char *p, const char *end)
{
	bool directive = false;
	for (const char *next; p < end; p = next + (next < end)) {
		next = line_end(p, end);
		if (*p == '%') {
			directive = true;
			continue;
		}
		while (p < next && is_blank(*p))
			p++;
		if (p < next && *p != '#')
			return false;
	}
	return directive;
}

/* Line breaks that YAML counts and the splitting above does not. */
static uint32_t other_breaks(const char *text, size_t size)
{
	const char *end = text + size;
	uint32_t n = 0;
	for (const char *p = text; (p = memchr(p, '\r', (size_t)(end - p))); p++)
		n += p + 1 < end && p[1] != '\n';
	static const char *const breaks[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
	for (size_t i = 0; i < 3; i++) {
		size_t k = strlen(breaks[i]);
		for (const char *p = text; (p = memmem(p, (size_t)(end - p), breaks[i], k)); p += k)
			n++;
	}
	return n;
}

/* '{' and no key in quotes: never JSON. */
static bool is_yaml_map(const char *text, size_t size)
{
	const char *p = text, *end = text + size;
	bool brace = false;
	for (; p < end && (is_blank(*p) || *p == '\n' || (*p == '{' && !brace)); p++)
		brace |= *p == '{';
	return p < end && *p != '"';
}

/* Where the first JSON document fails: YAML may know better. */
static int read_braces(const struct wr_documents *d, const char *text, size_t size,
		       uint32_t first_line, const struct wr_problem *json)
{
	struct wr_value *root = NULL;
	struct wr_problem yaml = {0};
	int rc = wr_yaml_read(d->reading, text, size, first_line, &yaml, &root);
	if (!rc && root)
		return d->add(d->arg, text, size, first_line, root);
	if (rc != -EINVAL)
		return rc;
	/* whichever came further was the right guess; "{{" is a template in either */
	bool further = yaml.mark.line != json->mark.line ? yaml.mark.line > json->mark.line
							 : yaml.mark.column >= json->mark.column;
	further |= memmem(text, size < 64 ? size : 64, "{{", 2) != NULL;
	if (d->reading->diags)
		wr_problem_report(further ? &yaml : json, d->reading->diags);
	return -EINVAL;
}

static int read_json(const struct wr_documents *d, const char *text, size_t size,
		     uint32_t first_line)
{
	struct wr_json j;
	struct wr_mark mark = {d->reading->file, first_line, 1};
	size_t from = 0, n = 0;
	uint32_t line = first_line;
	int rc = wr_json_begin(&j, d->reading, text, size, mark);
	for (struct wr_value *root = NULL; !rc; n++) {
		rc = wr_json_next(&j, &root);
		if (rc <= 0)
			break;
		rc = 0;
		if (root->type != WR_NULL)
			rc = d->add(d->arg, text + from, j.pos - from, line, root);
		from = j.pos;
		line = j.line;
	}
	struct wr_problem problem = j.problem;
	wr_json_end(&j);
	if (rc != -EINVAL)
		return rc;
	if (!n && is_yaml_map(text, size))
		return read_braces(d, text, size, first_line, &problem);
	if (d->reading->diags)
		wr_problem_report(&problem, d->reading->diags);
	return rc;
}

static int read_part(const struct wr_documents *d, const char *text, size_t size,
		     uint32_t first_line)
{
	size_t i = 0;
	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		size -= 3;
	}
	while (i < size && (is_blank(text[i]) || text[i] == '\n'))
		i++;
	if (i == size)
		return 0;
	if (text[i] == '{')
		return read_json(d, text, size, first_line);
	struct wr_value *root = NULL;
	int rc = wr_yaml_read(d->reading, text, size, first_line, NULL, &root);
	return rc < 0 || !root ? rc : d->add(d->arg, text, size, first_line, root);
}

static void bad_separator(const struct wr_documents *d, uint32_t line)
{
	struct wr_problem p = {.mark = {d->reading->file, line, 4},
			       .message = "only a comment may follow '---' on its line",
			       .advice = "begin the document on the next line"};
	if (d->reading->diags)
		wr_problem_report(&p, d->reading->diags);
}

int wr_documents_read(const struct wr_documents *d, const char *text, size_t size,
		      uint32_t first_line)
{
	const char *end = text + size, *part = text;
	uint32_t line = first_line, part_line = first_line;
	int failed = 0;
	bool last = false;
	for (const char *p = text, *next; !last; p = next, line++) {
		last = p == end;
		next = line_end(p, end);
		enum line kind = last ? END : classify(p, (size_t)(next - p));
		next += next < end; /* past the line feed */
		if (kind == CONTENT || (kind == SEPARATOR && is_prologue(part, p)))
			continue;
		int rc = read_part(d, part, (size_t)(p - part), part_line);
		if (rc < 0 && rc != -EINVAL)
			return rc;
		if (kind == BAD_SEPARATOR)
			bad_separator(d, line);
		failed |= rc < 0 || kind == BAD_SEPARATOR;
		if (!last)
			line += other_breaks(part, (size_t)(p - part));
		part = next;
		part_line = line + 1;
	}
	return failed ? -EINVAL : 0;
}
