/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 character at s, 0 where it is none. */
static size_t character(const unsigned char *s)
{
	size_t n = *s < 0x80                 ? 1
		   : *s >= 0xc2 && *s < 0xe0 ? 2
		   : *s >= 0xe0 && *s < 0xf0 ? 3
		   : *s >= 0xf0 && *s < 0xf5 ? 4
					     : 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && c != 0x7f;
}

void wr_answer_string(struct wr_buf *b, const char *s)
{
	if (!s) {
		wr_buf_text(b, "null");
		return;
	}
	wr_buf_bytes(b, "\"", 1);
	for (const char *from = s;; s++) {
		unsigned char c = (unsigned char)*s;
		size_t size = character((const unsigned char *)s);
		if (size && is_plain(c)) {
			s += size - 1;
			continue;
		}
		wr_buf_bytes(b, from, (size_t)(s - from));
		from = s + 1;
		if (!c)
			break;
		if (!size)
			wr_buf_text(b, "\xef\xbf\xbd"); /* as Go has it: U+FFFD */
		else if (c == '"' || c == '\\')
			wr_buf_printf(b, "\\%c", c);
		else if (c == '\n')
			wr_buf_text(b, "\\n");
		else if (c == '\t')
			wr_buf_text(b, "\\t");
		else if (c == '\r')
			wr_buf_text(b, "\\r");
		else
			wr_buf_printf(b, "\\u%04x", c);
	}
	wr_buf_bytes(b, "\"", 1);
}

/* The shortest text that reads back as the same number. */
static void put_number(struct wr_buf *b, double number)
{
	char buf[40];
	if (!isfinite(number)) {
		wr_buf_text(b, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(buf, sizeof(buf), "%.*g", digits, number);
		if (!(strtod(buf, NULL) < number) && !(strtod(buf, NULL) > number))
			break;
	}
	wr_buf_text(b, buf);
}

static void put_list(struct wr_buf *b, const struct wr_value *v)
{
	wr_buf_bytes(b, "[", 1);
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			wr_buf_bytes(b, ",", 1);
		wr_answer_value(b, v->items[i]);
	}
	wr_buf_bytes(b, "]", 1);
}

static void put_map(struct wr_buf *b, const struct wr_value *v)
{
	wr_buf_bytes(b, "{", 1);
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			wr_buf_bytes(b, ",", 1);
		wr_answer_string(b, v->fields[i].key);
		wr_buf_bytes(b, ":", 1);
		wr_answer_value(b, v->fields[i].value);
	}
	wr_buf_bytes(b, "}", 1);
}

void wr_answer_value(struct wr_buf *b, const struct wr_value *v)
{
	switch (v ? v->type : WR_NULL) {
	case WR_NULL:
		wr_buf_text(b, "null");
		break;
	case WR_BOOL:
		wr_buf_text(b, v->boolean ? "true" : "false");
		break;
	case WR_INT:
		wr_buf_printf(b, "%" PRId64, v->integer);
		break;
	case WR_FLOAT:
		put_number(b, v->number);
		break;
	case WR_STRING:
		wr_answer_string(b, v->text);
		break;
	case WR_LIST:
		put_list(b, v);
		break;
	case WR_MAP:
		put_map(b, v);
		break;
	}
}
