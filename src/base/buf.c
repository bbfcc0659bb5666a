/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wr_buf_free(struct wr_buf *b)
{
	free(b->data);
	*b = (struct wr_buf){0};
}

/* Room for size bytes and a NUL. */
static bool reserve(struct wr_buf *b, size_t size)
{
	if (b->failed)
		return false;
	if (size < b->cap - b->n)
		return true;
	size_t cap = b->cap ? b->cap : 256;
	while (cap <= SIZE_MAX / 2 && cap - b->n <= size)
		cap *= 2;
	char *data = cap - b->n > size ? realloc(b->data, cap) : NULL;
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void wr_buf_bytes(struct wr_buf *b, const void *data, size_t size)
{
	if (!reserve(b, size))
		return;
	if (size)
		memcpy(b->data + b->n, data, size);
	b->n += size;
	b->data[b->n] = '\0';
}

void wr_buf_text(struct wr_buf *b, const char *s)
{
	wr_buf_bytes(b, s, strlen(s));
}

void wr_buf_printf(struct wr_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0 && reserve(b, (size_t)n)) {
		vsnprintf(b->data + b->n, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void wr_buf_json_bytes(struct wr_buf *b, const char *s, size_t size)
{
	wr_buf_text(b, "\"");
	size_t plain = 0; /* bytes not yet added, that need no escape */
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		wr_buf_bytes(b, s + plain, i - plain);
		plain = i + 1;
		if (c == '\n')
			wr_buf_text(b, "\\n");
		else if (c == '"' || c == '\\')
			wr_buf_printf(b, "\\%c", c);
		else
			wr_buf_printf(b, "\\u%04x", c);
	}
	wr_buf_bytes(b, s + plain, size - plain);
	wr_buf_text(b, "\"");
}

void wr_buf_json(struct wr_buf *b, const char *s)
{
	if (s)
		wr_buf_json_bytes(b, s, strlen(s));
	else
		wr_buf_text(b, "null");
}
