/* SPDX-License-Identifier: Apache-2.0 */
#include "api/value_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/check.h"
#include "api/decoder.h"

#define NUMBER_TEXT 400 /* the longest that %f makes of a double, and more */

struct text {
	char *buf;
	size_t size, at;
	bool full; /* something was left out */
	bool json; /* inside a list or a map */
};

static void put(struct text *t, const char *s, size_t n)
{
	if (t->full || n >= t->size - t->at) {
		t->full = true;
		return;
	}
	memcpy(t->buf + t->at, s, n);
	t->at += n;
	t->buf[t->at] = '\0';
}

static void put_text(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

/* The fewest digits that read back as the number, with Go's thresholds for an exponent. */
static void put_float(struct text *t, double number)
{
	char s[NUMBER_TEXT];
	int digits = 1;
	for (; digits < 17; digits++) {
		snprintf(s, sizeof(s), "%.*e", digits - 1, number);
		if (strtod(s, NULL) == number)
			break;
	}
	snprintf(s, sizeof(s), "%.*e", digits - 1, number);
	const char *e = strchr(s, 'e');
	int exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
	if (e && exponent >= (t->json ? -6 : -4) && exponent < (t->json ? 21 : 6))
		snprintf(s, sizeof(s), "%.*f", digits - 1 > exponent ? digits - 1 - exponent : 0,
			 number);
	put_text(t, s);
}

static void put_number(struct text *t, const struct wr_value *v)
{
	char s[32];
	int64_t n;
	if (!wr_value_whole(v, &n)) {
		put_float(t, v->number);
		return;
	}
	snprintf(s, sizeof(s), "%" PRId64, n);
	put_text(t, s);
}

/* JSON as Go's encoder writes it: also <, > and & are escaped, for HTML. */
static void put_json_string(struct text *t, const char *s)
{
	static const char plain[] = "\b\f\n\r\t\\\"", names[] = "bfnrt\\\"";
	put_text(t, "\"");
	for (; *s && !t->full; s++) {
		const char *escape = strchr(plain, *s);
		char out[8] = {*s};
		if (escape)
			snprintf(out, sizeof(out), "\\%c", names[escape - plain]);
		else if ((unsigned char)*s < 0x20 || strchr("<>&", *s))
			snprintf(out, sizeof(out), "\\u00%02x", (unsigned char)*s);
		put_text(t, out);
	}
	put_text(t, "\"");
}

/* The field that comes next after a key (NULL: the first); of duplicates the last. */
static const struct wr_field *next_field(const struct wr_value *v, const char *after)
{
	const struct wr_field *next = NULL;
	for (size_t i = 0; i < v->n; i++) {
		const struct wr_field *f = &v->fields[i];
		if ((!after || strcmp(f->key, after) > 0) &&
		    (!next || strcmp(f->key, next->key) <= 0))
			next = f;
	}
	return next;
}

/* Depth is bounded by the tree's, which the reader has bounded. */
static void put_json(struct text *t, const struct wr_value *v)
{
	const struct wr_field *f = NULL;
	switch (v ? v->type : WR_NULL) {
	case WR_NULL:
		put_text(t, "null");
		break;
	case WR_BOOL:
		put_text(t, v->boolean ? "true" : "false");
		break;
	case WR_INT:
	case WR_FLOAT:
		put_number(t, v);
		break;
	case WR_STRING:
		put_json_string(t, v->text);
		break;
	case WR_LIST:
		t->json = true;
		put_text(t, "[");
		for (size_t i = 0; i < v->n && !t->full; i++) {
			put_text(t, i ? "," : "");
			put_json(t, v->items[i]);
		}
		put_text(t, "]");
		break;
	case WR_MAP:
		t->json = true;
		put_text(t, "{");
		while (!t->full && (f = next_field(v, f ? f->key : NULL))) {
			put_text(t, t->buf[t->at - 1] == '{' ? "" : ",");
			put_json_string(t, f->key);
			put_text(t, ":");
			put_json(t, f->value);
		}
		put_text(t, "}");
		break;
	}
}

const char *wr_value_text(const struct wr_value *v, char *buf, size_t size)
{
	struct text t = {.buf = buf, .size = size - 3};
	buf[0] = '\0';
	if (v && v->type == WR_STRING)
		return wr_quote(buf, size, v->text);
	put_json(&t, v);
	if (t.full)
		memcpy(buf + t.at, "...", 4);
	return buf;
}

bool wr_scalar_equal(const struct wr_value *a, const struct wr_value *b)
{
	int64_t x, y;
	if (wr_dec_absent(a) || wr_dec_absent(b))
		return wr_dec_absent(a) && wr_dec_absent(b);
	if (wr_value_whole(a, &x) && wr_value_whole(b, &y))
		return x == y;
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case WR_NULL:
		return true;
	case WR_BOOL:
		return a->boolean == b->boolean;
	case WR_INT:
	case WR_FLOAT:
		return a->number == b->number;
	case WR_STRING:
		return !strcmp(a->text, b->text);
	case WR_LIST:
	case WR_MAP:
		return false;
	}
	return false;
}
