/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libyaml says when it stops, in words for people who do not know its
 * grammar, with a place that helps: for a quote that is never closed that is
 * where it was opened and not the end of the file.
 */
#include "input/yaml.h"

#include <errno.h>
#include <string.h>

/* Which of libyaml's two marks the message stands at, and how it is worded. */
enum place { AT_PROBLEM, AT_CONTEXT };

static const struct words {
	const char *problem, *context; /* how they begin; context NULL: any */
	enum place place;
	const char *message, *advice;
} table[] = {
	{"found unexpected end of stream", "while scanning a quoted scalar", AT_CONTEXT,
	 "a quoted string that begins here is not closed", "add the closing quote"},
	{"found unexpected document indicator", "while scanning a quoted scalar", AT_CONTEXT,
	 "a quoted string that begins here is not closed before the next document",
	 "add the closing quote"},
	{"mapping values are not allowed", NULL, AT_PROBLEM, "a ':' is not allowed here",
	 "check the indentation, and quote a value that contains ': '"},
	{"did not find expected key", "while parsing a block mapping", AT_PROBLEM,
	 "this does not continue the map above it", "indent it like the other keys of that map"},
	{"did not find expected '-' indicator", NULL, AT_PROBLEM,
	 "this does not continue the list above it",
	 "begin the item with '- ', indented like the others"},
	{"could not find expected ':'", NULL, AT_CONTEXT,
	 "this looks like a key, but no ':' follows",
	 "write 'key: value', with a space after the ':'"},
	{"did not find expected ',' or ']'", NULL, AT_CONTEXT,
	 "the '[' that opens here is not closed properly",
	 "separate the items with ',' and close with ']'"},
	{"did not find expected ',' or '}'", NULL, AT_CONTEXT,
	 "the '{' that opens here is not closed properly",
	 "separate the members with ',' and close with '}'; quote templates"},
	{"block sequence entries are not allowed", NULL, AT_PROBLEM,
	 "a list item is not allowed here", "begin the list on a line of its own, below its key"},
	{"mapping keys are not allowed", NULL, AT_PROBLEM, "a '?' key is not allowed here",
	 "quote a value that begins with '?'"},
	{"found a tab character where an indentation space", NULL, AT_PROBLEM,
	 "a tab is used for indentation", "indent with spaces"},
	{"found a tab character that violates indentation", NULL, AT_PROBLEM,
	 "a tab is used for indentation", "indent with spaces"},
	{"found unknown escape character", NULL, AT_PROBLEM, "an unknown escape in a string",
	 "a backslash in double quotes is written \\\\, or use single quotes"},
	{"did not find expected hexdecimal number", NULL, AT_PROBLEM,
	 "hexadecimal digits are missing in an escape", "write \\x41, \\u0041 or \\U00000041"},
	{"found invalid Unicode character escape code", NULL, AT_PROBLEM,
	 "the escape is no Unicode character", NULL},
	{"found undefined tag handle", NULL, AT_PROBLEM, "the tag's prefix is not known",
	 "quote a value that begins with '!'"},
	{"did not find expected <document start>", NULL, AT_PROBLEM,
	 "something follows the end of the document", "separate documents with a line '---'"},
	{"did not find expected node content", NULL, AT_PROBLEM, "a value is missing here", NULL},
	{"did not find expected alphabetic or numeric", "while scanning an a", AT_CONTEXT,
	 "the name of an anchor or alias is missing", "quote a value that begins with '*' or '&'"},
	{"did not find expected comment or line break", "while scanning a block scalar", AT_PROBLEM,
	 "only an indicator or a comment may follow '|' or '>'",
	 "begin the text on the next line, or quote it"},
	{"found incompatible YAML document", NULL, AT_PROBLEM, "the YAML version is not supported",
	 "drop the %YAML line"},
	{"block collection entries", NULL, AT_PROBLEM, "a list item is not allowed here", NULL},
};

static bool begins(const char *text, const char *with)
{
	return text && !strncmp(text, with, strlen(with));
}

static const struct words *find_words(const yaml_parser_t *p)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (begins(p->problem, table[i].problem) &&
		    (!table[i].context || begins(p->context, table[i].context)))
			return &table[i];
	return NULL;
}

/* The bytes of the document from a place on (libyaml counts characters); NULL: past the end. */
static const unsigned char *text_at(const struct wr_yaml *y, size_t index)
{
	const unsigned char *p = (const unsigned char *)y->text, *end = p + y->size;
	for (; p < end; index--) {
		size_t n = wr_utf8_length(p, end);
		if (!index || !n)
			return p;
		p += n;
	}
	return NULL;
}

bool wr_yaml_text_begins(const struct wr_yaml *y, yaml_mark_t at, const char *with)
{
	const char *p = (const char *)text_at(y, at.index), *end = y->text + y->size;
	size_t n = strlen(with);
	if (!p)
		return false;
	return ((size_t)(end - p) >= n && !memcmp(p, with, n)) ||
	       (p > y->text && (size_t)(end - p) + 1 >= n && !memcmp(p - 1, with, n));
}

/* The mark of a byte: the parser's reader is ahead of its scanner and knows no lines. */
static struct wr_mark byte_mark(const struct wr_yaml *y, size_t offset)
{
	yaml_mark_t at = {0};
	const unsigned char *p = (const unsigned char *)y->text, *end = p + y->size;
	const unsigned char *stop = offset < y->size ? p + offset : end;
	while (p < stop) {
		bool newline = *p == '\n' || (*p == '\r' && (p + 1 == end || p[1] != '\n'));
		size_t n = wr_utf8_length(p, end);
		p += n ? n : 1;
		at.column = newline ? 0 : at.column + 1;
		at.line += newline;
	}
	return wr_yaml_mark(y, at);
}

static int reader_problem(struct wr_yaml *y)
{
	const yaml_parser_t *p = &y->parser;
	struct wr_mark at = byte_mark(y, p->problem_offset);
	if (begins(p->problem, "control characters"))
		return wr_yaml_fail(y, at, "write it as an escape in double quotes, or remove it",
				    "the control character U+%04X is not allowed",
				    (unsigned)p->problem_value);
	size_t offset = p->problem_offset;
	unsigned byte = offset < y->size ? (unsigned char)y->text[offset] : 0;
	return wr_yaml_fail(y, at, "save the file as UTF-8",
			    "the byte 0x%02x is not valid UTF-8 here", byte);
}

/* "found character that cannot start any token": which one says what to do. */
static int stray_character(struct wr_yaml *y, struct wr_mark at)
{
	const unsigned char *c = text_at(y, y->parser.problem_mark.index);
	if (c && *c == '\t')
		return wr_yaml_fail(y, at, "indent with spaces", "a tab is used for indentation");
	if (c && *c > 0x20 && *c < 0x7f)
		return wr_yaml_fail(y, at, "put the value in quotes",
				    "a value cannot begin with '%c'", *c);
	return wr_yaml_fail(y, at, "put the value in quotes", "a value cannot begin like this");
}

/* A quote stands right before the place of the problem: 'it's', "a" b. */
static bool after_quote(const struct wr_yaml *y, yaml_mark_t at)
{
	const char *p = (const char *)text_at(y, at.index);
	if (!p)
		return false;
	while (p > y->text && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	return p > y->text && (p[-1] == '"' || p[-1] == '\'');
}

/* A tab among the blanks that the line begins with, up to the place of the problem. */
static bool indented_with_tab(const struct wr_yaml *y, yaml_mark_t at, struct wr_mark *tab)
{
	size_t column = 0;
	const unsigned char *p = at.index >= at.column ? text_at(y, at.index - at.column) : NULL;
	const unsigned char *end = (const unsigned char *)y->text + y->size;
	for (; p && p < end && *p == ' '; p++)
		column++;
	if (!p || p == end || *p != '\t')
		return false;
	*tab = wr_yaml_mark(y, (yaml_mark_t){.line = at.line, .column = column});
	return true;
}

int wr_yaml_parser_problem(struct wr_yaml *y)
{
	const yaml_parser_t *p = &y->parser;
	struct wr_mark at = wr_yaml_mark(y, p->problem_mark), tab;
	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR)
		return reader_problem(y);
	if (begins(p->problem, "found character that cannot start any token"))
		return stray_character(y, at);
	const struct words *w = find_words(p);
	bool unclosed = w && w->place == AT_CONTEXT;
	if (!unclosed && indented_with_tab(y, p->problem_mark, &tab))
		return wr_yaml_fail(y, tab, "indent with spaces", "a tab is used for indentation");
	if (begins(p->problem, "did not find expected key") && after_quote(y, p->problem_mark))
		return wr_yaml_fail(y, at, "put the whole value in one pair of quotes",
				    "text follows the closing quote of a value");
	if (begins(p->problem, "did not find expected node content") && y->frames.n &&
	    !text_at(y, p->problem_mark.index)) {
		const struct wr_value *open = y->frames.items[y->frames.n - 1].node.value;
		return wr_yaml_fail(y, open->mark, "the input may have been cut off",
				    "the %s that begins here is not closed",
				    wr_type_name(open->type));
	}
	if (!w)
		return wr_yaml_fail(y, at, NULL, "%s%s%s",
				    p->problem ? p->problem : "not valid YAML",
				    p->context ? " " : "", p->context ? p->context : "");
	if (w->place == AT_CONTEXT && p->context)
		at = wr_yaml_mark(y, p->context_mark);
	/* a map or list that does not go on: say also where it began */
	if (w->place == AT_PROBLEM && begins(p->context, "while parsing a block"))
		return wr_yaml_fail(y, at, w->advice, "%s (which begins on line %u)", w->message,
				    wr_yaml_mark(y, p->context_mark).line);
	return wr_yaml_fail(y, at, w->advice, "%s", w->message);
}
