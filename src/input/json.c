/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader of JSON (RFC 8259).
 *
 * Of its own making, because the value tree needs what no JSON library of the
 * usual distributions gives together: the line and column of every value and
 * key, duplicate keys kept, integers exact to 64 bits, and the place where one
 * of several concatenated documents ends.
 *
 * One pass, one look at each byte. Memory per text: one buffer for all strings,
 * two stacks for the members of what is still open; values come from the arena.
 * Columns count characters: line_start moves on by one for each byte that
 * continues a character. Recursion is bounded by the depth limit.
 */
#include "input/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct wr_mark wr_json_mark(const struct wr_json *j)
{
	return (struct wr_mark){j->reading->file, j->line, (uint32_t)(j->pos - j->line_start) + 1};
}

int wr_json_fail(struct wr_json *j, struct wr_mark at, const char *advice, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(j->problem.message, sizeof(j->problem.message), fmt, ap);
	va_end(ap);
	j->problem.mark = at;
	j->problem.advice = advice;
	return -EINVAL;
}

const char *wr_json_here(const struct wr_json *j, char buf[24])
{
	const unsigned char *p = (const unsigned char *)j->text + j->pos;
	size_t n = j->pos < j->size ? wr_utf8_length(p, (const unsigned char *)j->text + j->size)
				    : 0;
	if (j->pos >= j->size)
		snprintf(buf, 24, "the end of the input");
	else if (n == 1 && (*p < 0x20 || *p == 0x7f))
		snprintf(buf, 24, "U+%04X", *p);
	else if (n)
		snprintf(buf, 24, "'%.*s'", (int)n, (const char *)p);
	else
		snprintf(buf, 24, "the byte 0x%02x", *p);
	return buf;
}

int wr_json_begin(struct wr_json *j, const struct wr_reading *r, const char *text, size_t size,
		  struct wr_mark mark)
{
	*j = (struct wr_json){.reading = r, .text = text, .size = size, .line = mark.line};
	j->strings = wr_arena_alloc(r->arena, size + 1);
	return j->strings ? 0 : -ENOMEM;
}

void wr_json_end(struct wr_json *j)
{
	wr_vec_free(&j->fields);
	wr_vec_free(&j->items);
}

static void skip_space(struct wr_json *j)
{
	for (; j->pos < j->size; j->pos++) {
		char c = j->text[j->pos];
		if (c == '\n') {
			j->line++;
			j->line_start = j->pos + 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			return;
		}
	}
}

static bool next_is(const struct wr_json *j, char c)
{
	return j->pos < j->size && j->text[j->pos] == c;
}

static int read_value(struct wr_json *j, struct wr_value **out);

static size_t digits(const struct wr_json *j, size_t pos)
{
	size_t from = pos;
	while (pos < j->size && j->text[pos] >= '0' && j->text[pos] <= '9')
		pos++;
	return pos - from;
}

/* The end of a number by JSON's grammar, and whether it has a fraction or exponent; 0: none. */
static size_t number_end(const struct wr_json *j, bool *is_float)
{
	size_t pos = j->pos + next_is(j, '-'), n = digits(j, pos);
	if (!n || (n > 1 && j->text[pos] == '0'))
		return 0;
	pos += n;
	*is_float = false;
	if (pos < j->size && j->text[pos] == '.') {
		n = digits(j, ++pos);
		pos = n ? pos + n : 0;
		*is_float = true;
	}
	if (pos && pos < j->size && (j->text[pos] | 0x20) == 'e') {
		pos++;
		pos += pos < j->size && (j->text[pos] == '-' || j->text[pos] == '+');
		n = digits(j, pos);
		pos = n ? pos + n : 0;
		*is_float = true;
	}
	return pos;
}

static int read_number(struct wr_json *j, struct wr_value *v)
{
	bool is_float, negative;
	uint64_t magnitude;
	size_t end = number_end(j, &is_float);
	if (!end)
		return wr_json_fail(j, v->mark,
				    "JSON numbers look like 80, -1 or 1.5e3; quote a string",
				    "this is no number that JSON knows");
	size_t size = end - j->pos;
	v->text = j->strings;
	memcpy(j->strings, j->text + j->pos, size);
	j->strings += size;
	*j->strings++ = '\0';
	j->pos = end;
	if (!is_float && wr_number_int(v->text, size, 10, &negative, &magnitude)) {
		wr_value_set_int(v, negative, magnitude);
		return 0;
	}
	wr_value_set_float(v, wr_number_float(v->text));
	if (!isfinite(v->number))
		return wr_json_fail(j, v->mark, NULL, "the number is too large");
	return 0;
}

/* true, false, null: as they stand, with nothing glued to them. */
static int read_word(struct wr_json *j, struct wr_value *v)
{
	static const struct {
		const char *text;
		enum wr_type type;
	} words[] = {{"true", WR_BOOL}, {"false", WR_BOOL}, {"null", WR_NULL}};
	const char *p = j->text + j->pos;
	size_t n = 0;
	while (n < j->size - j->pos && n < 32 && ((p[n] | 0x20) >= 'a' && (p[n] | 0x20) <= 'z'))
		n++;
	for (size_t i = 0; i < 3; i++) {
		if (n != strlen(words[i].text) || memcmp(p, words[i].text, n) != 0)
			continue;
		v->type = words[i].type;
		v->text = words[i].text;
		v->boolean = i == 0;
		j->pos += n;
		return 0;
	}
	char here[24];
	if (n)
		return wr_json_fail(j, v->mark, "strings stand in double quotes in JSON",
				    "'%.*s' is no JSON value", (int)n, p);
	return wr_json_fail(j, v->mark, NULL, "expected a value, found %s", wr_json_here(j, here));
}

/* After a member: true in *more where a comma follows, false at the closing bracket. */
static int read_separator(struct wr_json *j, char close, struct wr_mark open, bool *more)
{
	char here[24];
	skip_space(j);
	*more = next_is(j, ',');
	if (*more || next_is(j, close)) {
		j->pos++;
		return 0;
	}
	if (j->pos >= j->size)
		return wr_json_fail(j, open, "the input may have been cut off",
				    "the '%c' that begins here is never closed",
				    close == '}' ? '{' : '[');
	return wr_json_fail(j, wr_json_mark(j), NULL, "expected ',' or '%c', found %s", close,
			    wr_json_here(j, here));
}

static int read_list(struct wr_json *j, struct wr_value *v)
{
	size_t base = j->items.n;
	bool more = true;
	int rc = 0;
	v->type = WR_LIST;
	j->pos++;
	skip_space(j);
	if (next_is(j, ']')) {
		j->pos++;
		return 0;
	}
	while (more) {
		struct wr_value *item = NULL;
		rc = read_value(j, &item);
		if (rc < 0 || (rc = wr_vec_push(&j->items, item)) < 0 ||
		    (rc = read_separator(j, ']', v->mark, &more)) < 0)
			return rc;
	}
	v->n = j->items.n - base;
	v->items = wr_arena_array(j->reading->arena, v->n, sizeof(struct wr_value *));
	if (!v->items)
		return -ENOMEM;
	if (v->n)
		memcpy(v->items, j->items.items + base, v->n * sizeof(struct wr_value *));
	j->items.n = base;
	return 0;
}

/* A value that nobody wants. */
static int skip_value(struct wr_json *j)
{
	size_t n = wr_json_skip(j->text + j->pos, j->size - j->pos);
	if (!n)
		return wr_json_fail(j, wr_json_mark(j), "the input may have been cut off",
				    "here is no value that ends");
	j->pos += n;
	return 0;
}

static const struct wr_json_want *find_want(const struct wr_json_want *w, const char *key)
{
	while (w->key && (*w->key != *key || strcmp(w->key, key) != 0))
		w++;
	return w->key ? w : NULL;
}

/* The value after a key, where it is wanted. */
static int read_wanted(struct wr_json *j, struct wr_field *f)
{
	const struct wr_json_want *all = j->want, *w = all ? find_want(all, f->key) : NULL;
	skip_space(j);
	if (all && !w)
		return skip_value(j);
	j->want = w ? w->below : NULL;
	int rc = read_value(j, &f->value);
	j->want = all;
	return rc < 0 ? rc : wr_vec_push(&j->fields, *f);
}

static int read_field(struct wr_json *j, struct wr_mark open)
{
	char here[24];
	struct wr_field f = {0};
	skip_space(j);
	f.mark = wr_json_mark(j);
	if (j->pos >= j->size)
		return wr_json_fail(j, open, "the input may have been cut off",
				    "the '{' that begins here is never closed");
	if (!next_is(j, '"'))
		return wr_json_fail(j, f.mark,
				    next_is(j, '}') ? "remove the ',' before it"
						    : "keys stand in double quotes in JSON",
				    "expected a key, found %s", wr_json_here(j, here));
	int rc = wr_json_string(j, &f.key);
	if (rc < 0)
		return rc;
	skip_space(j);
	if (!next_is(j, ':'))
		return wr_json_fail(j, wr_json_mark(j), NULL,
				    "expected ':' after the key \"%.64s\", found %s", f.key,
				    wr_json_here(j, here));
	j->pos++;
	return read_wanted(j, &f);
}

static int read_map(struct wr_json *j, struct wr_value *v)
{
	size_t base = j->fields.n;
	bool more = true;
	v->type = WR_MAP;
	j->pos++;
	skip_space(j);
	if (next_is(j, '}')) {
		j->pos++;
		return 0;
	}
	while (more) {
		int rc = read_field(j, v->mark);
		if (rc < 0 || (rc = read_separator(j, '}', v->mark, &more)) < 0)
			return rc;
	}
	v->n = j->fields.n - base;
	v->fields = wr_arena_array(j->reading->arena, v->n, sizeof(struct wr_field));
	if (!v->fields)
		return -ENOMEM;
	if (v->n)
		memcpy(v->fields, j->fields.items + base, v->n * sizeof(struct wr_field));
	j->fields.n = base;
	return wr_fields_flag_duplicates(v->fields, v->n);
}

static int read_value(struct wr_json *j, struct wr_value **out)
{
	const struct wr_input_limits *limits = j->reading->limits;
	skip_space(j);
	struct wr_mark mark = wr_json_mark(j);
	if (++j->nodes > limits->nodes)
		return wr_json_fail(j, mark, "split it into several documents",
				    "the document has more than %zu values", limits->nodes);
	struct wr_value *v = wr_arena_alloc(j->reading->arena, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->mark = mark;
	char c = j->pos < j->size ? j->text[j->pos] : '\0';
	int rc;
	if (c == '{' || c == '[') {
		if (j->depth >= limits->depth)
			return wr_json_fail(j, mark, NULL, "nested deeper than %zu levels",
					    limits->depth);
		j->depth++;
		rc = c == '{' ? read_map(j, v) : read_list(j, v);
		j->depth--;
	} else if (c == '"') {
		v->type = WR_STRING;
		rc = wr_json_string(j, &v->text);
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		rc = read_number(j, v);
	} else {
		rc = read_word(j, v);
	}
	if (!rc)
		*out = v;
	return rc;
}

int wr_json_next(struct wr_json *j, struct wr_value **root)
{
	skip_space(j);
	if (j->pos >= j->size)
		return 0;
	j->nodes = j->depth = j->fields.n = j->items.n = 0;
	size_t pos = j->pos, line_start = j->line_start;
	uint32_t line = j->line;
	int rc = read_value(j, root);
	if (!rc)
		return 1;
	j->pos = pos;
	j->line_start = line_start;
	j->line = line;
	return rc;
}

int wr_json_parse(struct wr_arena *a, const char *text, size_t size, struct wr_mark mark,
		  struct wr_value **out, struct wr_diags *diags)
{
	return wr_json_parse_wanted(a, text, size, mark, NULL, out, diags);
}

int wr_json_parse_wanted(struct wr_arena *a, const char *text, size_t size, struct wr_mark mark,
			 const struct wr_json_want *want, struct wr_value **out,
			 struct wr_diags *diags)
{
	struct wr_reading r = {a, &wr_input_default_limits, diags, mark.file};
	struct wr_value *root = NULL;
	struct wr_json j;
	int rc = wr_json_begin(&j, &r, text, size, mark);
	j.want = want;
	if (!rc)
		rc = wr_json_next(&j, &root);
	if (!rc)
		rc = wr_json_fail(&j, wr_json_mark(&j), NULL,
				  "expected a JSON value, found nothing");
	if (rc == 1) {
		skip_space(&j);
		struct wr_mark at = wr_json_mark(&j);
		rc = j.pos < size ? wr_json_fail(&j, at, NULL, "something follows the JSON value")
				  : 0;
	}
	if (rc == -EINVAL && diags)
		wr_problem_report(&j.problem, diags);
	wr_json_end(&j);
	if (!rc)
		*out = root;
	return rc;
}
