/* SPDX-License-Identifier: Apache-2.0 */
#include "input/json.h"

#include <errno.h>
#include <string.h>

/*
 * Strings of one text lie packed in one buffer of the text's size: escapes only
 * shrink, and the two quotes leave room for the NUL.
 */

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static int hex4(const char *p, const char *end, uint32_t *out)
{
	bool negative;
	uint64_t unit;
	if (end - p < 4 || *p == '-' || *p == '+' || !wr_number_int(p, 4, 16, &negative, &unit))
		return -EINVAL;
	*out = (uint32_t)unit;
	return 0;
}

/* The four digits after \u at pos; for a high surrogate the low one with them. */
static int unicode_escape(struct wr_json *j, struct wr_mark at, uint32_t *out)
{
	const char *p = j->text + j->pos, *end = j->text + j->size;
	uint32_t code, low;
	if (hex4(p, end, &code) < 0)
		return wr_json_fail(j, at, NULL, "\\u must be followed by four hexadecimal digits");
	if (!code)
		return wr_json_fail(j, at, NULL, "a string cannot contain the NUL character");
	j->pos += 4;
	if (code < 0xd800 || code > 0xdfff) {
		*out = code;
		return 0;
	}
	if (code > 0xdbff || end - p < 10 || p[4] != '\\' || p[5] != 'u' ||
	    hex4(p + 6, end, &low) < 0 || low < 0xdc00 || low > 0xdfff)
		return wr_json_fail(j, at, NULL, "\\u%.4s is one half of a surrogate pair", p);
	j->pos += 6;
	*out = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

static int escape(struct wr_json *j)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	struct wr_mark at = wr_json_mark(j);
	char here[24];
	j->pos++;
	const char *name = j->pos < j->size && j->text[j->pos] ? strchr(names, j->text[j->pos])
							       : NULL;
	if (name) {
		*j->strings++ = values[name - names];
		j->pos++;
		return 0;
	}
	if (j->pos >= j->size || j->text[j->pos] != 'u')
		return wr_json_fail(j, at, "a backslash itself is written \\\\",
				    "%s is no escape character", wr_json_here(j, here));
	j->pos++;
	uint32_t code = 0;
	int rc = unicode_escape(j, at, &code);
	if (!rc)
		j->strings += wr_utf8_encode(code, j->strings);
	return rc;
}

static int other_character(struct wr_json *j, struct wr_mark start)
{
	const unsigned char *p = (const unsigned char *)j->text + j->pos;
	char here[24];
	if (j->pos >= j->size || *p == '\n' || *p == '\r')
		return wr_json_fail(j, start, "close it with '\"' on the same line",
				    "a string that begins here is not closed");
	if (*p < 0x20)
		return wr_json_fail(j, wr_json_mark(j), "write it as an escape: \\t, \\n, \\u0007",
				    "a control character, %s, in a string", wr_json_here(j, here));
	size_t n = wr_utf8_length(p, (const unsigned char *)j->text + j->size);
	if (!n)
		return wr_json_fail(j, wr_json_mark(j), "save the file as UTF-8",
				    "the byte 0x%02x is not valid UTF-8 here", *p);
	memcpy(j->strings, p, n);
	j->strings += n;
	j->pos += n;
	j->line_start += n - 1;
	return 0;
}

int wr_json_string(struct wr_json *j, const char **out)
{
	struct wr_mark start = wr_json_mark(j);
	char *begin = j->strings;
	j->pos++;
	for (;;) {
		size_t from = j->pos;
		while (j->pos < j->size && is_plain((unsigned char)j->text[j->pos]))
			j->pos++;
		memcpy(j->strings, j->text + from, j->pos - from);
		j->strings += j->pos - from;
		char c = j->pos < j->size ? j->text[j->pos] : '\0';
		if (c == '"')
			break;
		int rc = c == '\\' ? escape(j) : other_character(j, start);
		if (rc < 0)
			return rc;
	}
	j->pos++;
	*j->strings++ = '\0';
	*out = begin;
	return 0;
}
