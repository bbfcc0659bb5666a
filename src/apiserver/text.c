/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wr_text_free(struct wr_text *t)
{
	free(t->bytes);
	*t = (struct wr_text){0};
}

/* Room for more bytes and a NUL. */
static bool grow(struct wr_text *t, size_t more)
{
	if (t->broken)
		return false;
	if (t->cap - t->n > more)
		return true;
	size_t cap = t->cap ? t->cap : 256;
	while (cap - t->n <= more) {
		if (cap > SIZE_MAX / 2) {
			t->broken = true;
			return false;
		}
		cap *= 2;
	}
	char *bytes = realloc(t->bytes, cap);
	t->broken = !bytes;
	if (!bytes)
		return false;
	t->bytes = bytes;
	t->cap = cap;
	return true;
}

void wr_text_add(struct wr_text *t, const void *data, size_t size)
{
	if (!grow(t, size))
		return;
	if (size)
		memcpy(t->bytes + t->n, data, size);
	t->n += size;
	t->bytes[t->n] = '\0';
}

void wr_text_put(struct wr_text *t, const char *s)
{
	wr_text_add(t, s, strlen(s));
}

void wr_text_printf(struct wr_text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		t->broken = true;
	if (n < 0 || !grow(t, (size_t)n))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(t->bytes + t->n, t->cap - t->n, fmt, ap);
	va_end(ap);
	t->n += (size_t)n;
}

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

void wr_text_string(struct wr_text *t, const char *s)
{
	if (!s) {
		wr_text_put(t, "null");
		return;
	}
	wr_text_add(t, "\"", 1);
	for (const char *from = s;; s++) {
		unsigned char c = (unsigned char)*s;
		size_t size = character((const unsigned char *)s);
		if (size && is_plain(c)) {
			s += size - 1;
			continue;
		}
		wr_text_add(t, from, (size_t)(s - from));
		from = s + 1;
		if (!c)
			break;
		if (!size)
			wr_text_put(t, "\xef\xbf\xbd"); /* as Go has it: U+FFFD */
		else if (c == '"' || c == '\\')
			wr_text_printf(t, "\\%c", c);
		else if (c == '\n')
			wr_text_put(t, "\\n");
		else if (c == '\t')
			wr_text_put(t, "\\t");
		else if (c == '\r')
			wr_text_put(t, "\\r");
		else
			wr_text_printf(t, "\\u%04x", c);
	}
	wr_text_add(t, "\"", 1);
}

/* The shortest text that reads back as the same number. */
static void put_number(struct wr_text *t, double number)
{
	char buf[40];
	if (!isfinite(number)) {
		wr_text_put(t, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(buf, sizeof(buf), "%.*g", digits, number);
		if (!(strtod(buf, NULL) < number) && !(strtod(buf, NULL) > number))
			break;
	}
	wr_text_put(t, buf);
}

static void put_list(struct wr_text *t, const struct wr_value *v)
{
	wr_text_add(t, "[", 1);
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			wr_text_add(t, ",", 1);
		wr_text_value(t, v->items[i]);
	}
	wr_text_add(t, "]", 1);
}

static void put_map(struct wr_text *t, const struct wr_value *v)
{
	wr_text_add(t, "{", 1);
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			wr_text_add(t, ",", 1);
		wr_text_string(t, v->fields[i].key);
		wr_text_add(t, ":", 1);
		wr_text_value(t, v->fields[i].value);
	}
	wr_text_add(t, "}", 1);
}

void wr_text_value(struct wr_text *t, const struct wr_value *v)
{
	switch (v ? v->type : WR_NULL) {
	case WR_NULL:
		wr_text_put(t, "null");
		break;
	case WR_BOOL:
		wr_text_put(t, v->boolean ? "true" : "false");
		break;
	case WR_INT:
		wr_text_printf(t, "%" PRId64, v->integer);
		break;
	case WR_FLOAT:
		put_number(t, v->number);
		break;
	case WR_STRING:
		wr_text_string(t, v->text);
		break;
	case WR_LIST:
		put_list(t, v);
		break;
	case WR_MAP:
		put_map(t, v);
		break;
	}
}
