/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream of a watch, and a list, cut into objects.
 *
 * A watch is a row of JSON objects; a list is one object, whose member "items"
 * may be a hundred thousand objects. In neither may the whole be held in
 * memory, and both come cut at any byte. So one scanner counts brackets outside
 * of strings and hands out each object as text when its last bracket has come.
 *
 * A list's shell, all that is not an item, is kept aside: its metadata may
 * stand before the items or behind them. "items" is known by the text of the
 * shell before a '[' at depth 1: there it can only be a key.
 *
 * The scanner need not judge grammar: a text with balanced brackets that is no
 * JSON is refused by the reader that gets it. It must not be fooled about where
 * an object ends, so brackets are matched by kind, and quotes and backslashes
 * outside of strings follow JSON's rules.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kube/internal.h"

#define SHELL_BYTES ((size_t)1 << 20)
#define KEEP_BYTES ((size_t)256 << 10) /* a larger buffer is given back after use */

void wr_kube_split_init(struct wr_kube_split *s, bool list,
			int (*object)(void *arg, const char *text, size_t size), void *arg)
{
	*s = (struct wr_kube_split){
		.list = list,
		.object = object,
		.arg = arg,
		.max_bytes = WR_KUBE_OBJECT_BYTES,
		.max_values = WR_KUBE_OBJECT_VALUES,
		.max_objects = list ? WR_KUBE_OBJECTS : SIZE_MAX,
	};
}

void wr_kube_split_free(struct wr_kube_split *s)
{
	wr_vec_free(&s->shell);
	wr_vec_free(&s->object_text);
}

bool wr_kube_split_complete(const struct wr_kube_split *s)
{
	return s->list ? s->complete : !s->depth && !s->in_string;
}

const char *wr_kube_split_problem(const struct wr_kube_split *s, int error, char buf[WR_KUBE_ERROR])
{
	if (error != -EMSGSIZE)
		snprintf(buf, WR_KUBE_ERROR, "the server sent something that is no JSON object");
	else if (s->objects > s->max_objects)
		snprintf(buf, WR_KUBE_ERROR, "the server sent a list of more than %zu objects",
			 s->max_objects);
	else
		snprintf(buf, WR_KUBE_ERROR,
			 "the server sent an object of more than %zu bytes, %zu values or %d "
			 "levels of nesting",
			 s->max_bytes, s->max_values, WR_KUBE_OBJECT_DEPTH);
	return buf;
}

/* True while bytes belong to an object, and not to a list's shell. */
static bool in_object(const struct wr_kube_split *s)
{
	return !s->list || s->in_items;
}

static int append(struct wr_kube_split *s, const char *bytes, size_t n)
{
	__auto_type v = in_object(s) ? &s->object_text : &s->shell;
	if (n > (in_object(s) ? s->max_bytes : SHELL_BYTES) - v->n)
		return -EMSGSIZE;
	if (v->n + n > v->cap) {
		size_t cap = v->cap ? v->cap : 4096;
		while (cap < v->n + n)
			cap *= 2;
		char *more = realloc(v->items, cap);
		if (!more)
			return -ENOMEM;
		v->items = more;
		v->cap = cap;
	}
	memcpy(v->items + v->n, bytes, n);
	v->n += n;
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Whether the shell ends with the key "items" and a colon. */
static bool after_items_key(const struct wr_kube_split *s)
{
	static const char key[] = "\"items\"";
	size_t n = s->shell.n, k = sizeof(key) - 1;
	const char *p = s->shell.items;
	while (n && is_space(p[n - 1]))
		n--;
	if (!n || p[--n] != ':')
		return false;
	while (n && is_space(p[n - 1]))
		n--;
	return n > k && !memcmp(p + n - k, key, k) && p[n - k - 1] != '\\';
}

/* An object is whole. */
static int emit(struct wr_kube_split *s, const char *text, size_t size)
{
	if (++s->objects > s->max_objects)
		return -EMSGSIZE;
	int rc = s->object(s->arg, text, size);
	s->object_text.n = 0;
	s->values = 0;
	if (s->object_text.cap > KEEP_BYTES)
		wr_vec_free(&s->object_text);
	return rc;
}

/* The rest of a string, or as much of it as there is: bytes taken. */
static size_t skip_string(struct wr_kube_split *s, const char *p, size_t n)
{
	size_t i = 0;
	if (s->escaped) {
		s->escaped = false;
		i = 1;
	}
	for (;;) {
		while (i < n && p[i] != '"' && p[i] != '\\')
			i++;
		if (i >= n)
			return n;
		if (p[i++] == '"') {
			s->in_string = false;
			return i;
		}
		s->escaped = i == n;
		i++;
	}
}

/* Bytes at which nothing happens: neither a string begins nor a bracket nor a new value. */
static size_t skip_plain(const char *p, size_t n)
{
	static const bool matters[256] = {['"'] = true, ['{'] = true, ['}'] = true, ['['] = true,
					  [']'] = true, [','] = true, ['\\'] = true};
	size_t i = 0;
	while (i < n && !matters[(unsigned char)p[i]])
		i++;
	return i;
}

static int open_bracket(struct wr_kube_split *s, char c)
{
	if (s->depth >= WR_KUBE_OBJECT_DEPTH)
		return -EMSGSIZE;
	s->closers[s->depth++] = c == '{' ? '}' : ']';
	return ++s->values > s->max_values && in_object(s) ? -EMSGSIZE : 0;
}

static int close_bracket(struct wr_kube_split *s, char c)
{
	if (!s->depth || s->closers[s->depth - 1] != c)
		return -EBADMSG;
	s->depth--;
	return 0;
}

/* One byte that means something, at a place where an object is open. */
static int step(struct wr_kube_split *s, char c)
{
	switch (c) {
	case '"':
		s->in_string = true;
		return 0;
	case '{':
	case '[':
		return open_bracket(s, c);
	case '}':
	case ']':
		return close_bracket(s, c);
	case ',':
		return ++s->values > s->max_values && in_object(s) ? -EMSGSIZE : 0;
	default:
		return -EBADMSG; /* a backslash outside of a string */
	}
}

/*
 * In an object, or at its first bracket: its bytes up to its end, or to the end of
 * what is there. One that lies in the buffer as a whole is handed out from there.
 */
static int take_object(struct wr_kube_split *s, const char *p, size_t n, size_t *taken)
{
	unsigned bottom = s->list ? 2 : 0;
	size_t i = 0;
	int rc = 0;
	do {
		if (s->in_string) {
			i += skip_string(s, p + i, n - i);
			continue;
		}
		i += skip_plain(p + i, n - i);
		if (i < n)
			rc = step(s, p[i++]);
	} while (i < n && !rc && s->depth > bottom);
	*taken = i;
	if (rc)
		return rc;
	if (s->depth > bottom)
		return append(s, p, i);
	s->before = '}';
	if (!s->object_text.n)
		return i > s->max_bytes ? -EMSGSIZE : emit(s, p, i);
	rc = append(s, p, i);
	return rc ? rc : emit(s, s->object_text.items, s->object_text.n);
}

/* Within the brackets of "items", between the items. */
static int between_items(struct wr_kube_split *s, const char *p, size_t n, size_t *taken)
{
	char c = *p;
	if (is_space(c))
		return 0;
	if (c == ']' && s->before != ',') {
		s->in_items = false;
		int rc = close_bracket(s, c);
		return rc ? rc : append(s, &c, 1);
	}
	if ((c == ',') != (s->before == '}') || (c != ',' && c != '{'))
		return -EBADMSG;
	s->before = c;
	return c == ',' ? 0 : take_object(s, p, n, taken);
}

/* At the top: before the first byte of an object, or behind the last of a list. */
static int at_top(struct wr_kube_split *s, const char *p, size_t n, size_t *taken)
{
	char c = *p;
	if (is_space(c))
		return 0;
	if (c != '{' || s->complete)
		return -EBADMSG;
	s->values = 0;
	if (!s->list)
		return take_object(s, p, n, taken);
	int rc = open_bracket(s, c);
	return rc ? rc : append(s, &c, 1);
}

/* A byte of a shell that means something. */
static int shell_byte(struct wr_kube_split *s, char c)
{
	bool items = !s->in_items && s->depth == 1 && c == '[' && after_items_key(s);
	int rc = append(s, &c, 1);
	if (!rc)
		rc = step(s, c);
	if (rc)
		return rc;
	if (items) {
		s->in_items = true;
		s->before = '[';
		s->values = 0;
	}
	s->complete = !s->depth;
	return 0;
}

/* In a shell: the next run of bytes, or the byte that stands behind it. */
static int take_shell(struct wr_kube_split *s, const char *p, size_t n, size_t *taken)
{
	size_t run = s->in_string ? skip_string(s, p, n) : skip_plain(p, n);
	*taken = run ? run : 1;
	return run ? append(s, p, run) : shell_byte(s, *p);
}

int wr_kube_split_feed(struct wr_kube_split *s, const char *bytes, size_t n)
{
	for (size_t at = 0, taken; at < n; at += taken) {
		const char *p = bytes + at;
		int rc;
		taken = 1;
		if (!s->depth)
			rc = at_top(s, p, n - at, &taken);
		else if (s->in_items && s->depth == 2)
			rc = between_items(s, p, n - at, &taken);
		else if (in_object(s))
			rc = take_object(s, p, n - at, &taken);
		else
			rc = take_shell(s, p, n - at, &taken);
		if (rc)
			return rc;
	}
	return 0;
}
