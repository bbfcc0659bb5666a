/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack of frames, one for each map or list that is open, tells where the
 * next value goes. YAML is written in block style as kubectl writes it: lists
 * in a map stand at the indentation of their key. Whether a map or list is
 * empty ({} or []) is known only at its end, so that what comes before the
 * first element is written with that element.
 */
#include "cli/writer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/cli.h"

#define BUFFER ((size_t)64 << 10)
#define DEPTH 160

enum lead { LEAD_TOP, LEAD_KEY, LEAD_ITEM }; /* what stands before the frame's first element */

struct frame {
	bool list, has, one_line;
	enum lead lead;
	unsigned indent; /* YAML: column of its elements */
};

struct wr_out {
	int fd, error;
	enum wr_format format;
	bool colours, inline_next;
	size_t documents, used;
	unsigned depth;
	struct frame frames[DEPTH];
	char buffer[BUFFER];
};

/* ---- bytes ---- */

struct wr_out *wr_out_new(int fd, enum wr_format format)
{
	struct wr_out *o = malloc(sizeof(*o));
	if (!o)
		return NULL;
	memset(o, 0, offsetof(struct wr_out, frames));
	o->fd = fd;
	o->format = format;
	o->colours = wr_colours(fd);
	return o;
}

enum wr_format wr_out_format(const struct wr_out *o)
{
	return o->format;
}

bool wr_out_failed(const struct wr_out *o)
{
	return o->error != 0;
}

void wr_out_out_of_memory(struct wr_out *o)
{
	o->error = o->error ? o->error : -ENOMEM;
}

static void write_all(struct wr_out *o, const char *p, size_t n)
{
	while (n && !o->error) {
		ssize_t w = write(o->fd, p, n);
		if (w < 0 && errno != EINTR)
			o->error = -errno;
		if (w > 0) {
			p += w;
			n -= (size_t)w;
		}
	}
}

void wr_out_flush(struct wr_out *o)
{
	write_all(o, o->buffer, o->used);
	o->used = 0;
}

int wr_out_close(struct wr_out *o)
{
	if (!o)
		return 0;
	wr_out_flush(o);
	int error = o->error;
	free(o);
	return error;
}

int wr_out_finish(struct wr_out *o, int status)
{
	int error = wr_out_close(o);
	if (!error)
		return status;
	if (error != -EPIPE)
		fprintf(stderr, "weir: cannot write the output: %s\n", strerror(-error));
	return WR_EXIT_ERROR;
}

void wr_out_bytes(struct wr_out *o, const void *data, size_t size)
{
	if (size > BUFFER - o->used) {
		wr_out_flush(o);
		if (size > BUFFER) {
			write_all(o, data, size);
			return;
		}
	}
	memcpy(o->buffer + o->used, data, size);
	o->used += size;
}

void wr_out_text(struct wr_out *o, const char *s)
{
	wr_out_bytes(o, s, strlen(s));
}

static void put(struct wr_out *o, char c)
{
	if (o->used == BUFFER)
		wr_out_flush(o);
	o->buffer[o->used++] = c;
}

static void blanks(struct wr_out *o, size_t n)
{
	while (n--)
		put(o, ' ');
}

void wr_out_printf(struct wr_out *o, const char *fmt, ...)
{
	char small[512], *text = small;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(small)) {
		va_start(ap, fmt);
		if (vasprintf(&text, fmt, ap) < 0) {
			text = NULL;
			wr_out_out_of_memory(o);
		}
		va_end(ap);
	}
	if (text)
		wr_out_bytes(o, text, (size_t)n);
	if (text != small)
		free(text);
}

bool wr_colours(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return !(no && *no) && term && strcmp(term, "dumb") != 0 && isatty(fd);
}

const char *wr_out_colour(const struct wr_out *o, enum wr_colour c)
{
	static const char *const codes[] = {
		[WR_PLAIN] = "\033[0m",  [WR_BOLD] = "\033[1m",    [WR_RED] = "\033[31m",
		[WR_GREEN] = "\033[32m", [WR_YELLOW] = "\033[33m", [WR_CYAN] = "\033[36m",
		[WR_DIM] = "\033[2m",
	};
	return o->colours ? codes[c] : "";
}

/* ---- documents ---- */

static struct frame *top(struct wr_out *o)
{
	return o->depth ? &o->frames[o->depth - 1] : NULL;
}

static void json_newline(struct wr_out *o, const struct frame *f)
{
	if (f->one_line)
		return;
	put(o, '\n');
	blanks(o, (size_t)o->depth * 2);
}

/* Before an element of a map (its key) or list (its value). */
static void next_element(struct wr_out *o, struct frame *f)
{
	if (o->format != WR_YAML) {
		if (f->has)
			put(o, ',');
		json_newline(o, f);
	} else if (f->has || f->lead == LEAD_KEY) {
		if (!f->has)
			put(o, '\n');
		blanks(o, f->indent);
	}
	f->has = true;
}

/* Before a value; container: it will be a map or list. */
static void before_value(struct wr_out *o, bool container)
{
	struct frame *f = top(o);
	if (!f) {
		if (o->format == WR_YAML && o->documents++)
			wr_out_text(o, "---\n");
	} else if (f->list) {
		next_element(o, f);
		if (o->format == WR_YAML)
			wr_out_text(o, "- ");
	} else if (o->format == WR_YAML && !container) {
		put(o, ' ');
	}
}

static void after_value(struct wr_out *o)
{
	if (!o->depth || o->format == WR_YAML)
		put(o, '\n');
}

static void open_frame(struct wr_out *o, bool list)
{
	const struct frame *up = top(o);
	before_value(o, true);
	struct frame f = {.list = list};
	f.one_line = o->format == WR_JSON_LINES || o->inline_next || (up && up->one_line);
	o->inline_next = false;
	if (up) {
		f.lead = up->list ? LEAD_ITEM : LEAD_KEY;
		f.indent = up->indent + (up->list || !list ? 2 : 0);
	}
	if (o->format != WR_YAML)
		put(o, list ? '[' : '{');
	if (o->depth == DEPTH)
		abort(); /* value trees have a bound below this */
	o->frames[o->depth++] = f;
}

void wr_out_map(struct wr_out *o)
{
	open_frame(o, false);
}

void wr_out_list(struct wr_out *o)
{
	open_frame(o, true);
}

void wr_out_end(struct wr_out *o)
{
	struct frame f = o->frames[--o->depth];
	if (o->format != WR_YAML) {
		if (f.has)
			json_newline(o, &f);
		put(o, f.list ? ']' : '}');
		if (!o->depth)
			put(o, '\n');
	} else if (!f.has) {
		wr_out_text(o, f.lead == LEAD_KEY ? " " : "");
		wr_out_text(o, f.list ? "[]\n" : "{}\n");
	}
}

void wr_out_inline(struct wr_out *o)
{
	o->inline_next = true;
}

/* Length of the valid UTF-8 sequence at s (of n bytes), or 0. */
static size_t utf8(const unsigned char *s, size_t n)
{
	size_t size = s[0] < 0x80   ? 1
		      : s[0] < 0xc2 ? 0
		      : s[0] < 0xe0 ? 2
		      : s[0] < 0xf0 ? 3
		      : s[0] < 0xf5 ? 4
				    : 0;
	if (!size || size > n)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return size;
}

/* A JSON string, which is a double-quoted YAML scalar as well. Bytes that are not UTF-8: U+FFFD. */
static void quoted(struct wr_out *o, const char *text)
{
	static const char names[] = "btn\0fr"; /* from \b (8) to \r (13) */
	const unsigned char *s = (const unsigned char *)text;
	size_t n = strlen(text), run = 0;
	put(o, '"');
	for (size_t i = 0; i < n;) {
		unsigned char c = s[i];
		size_t size = c >= 0x20 && c < 0x7f ? 1 : utf8(s + i, n - i);
		if (size && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
			i += size;
			continue;
		}
		wr_out_bytes(o, s + run, i - run);
		if (!size)
			wr_out_text(o, "\\ufffd");
		else if (c == '"' || c == '\\')
			wr_out_printf(o, "\\%c", c);
		else if (c >= 8 && c <= 13 && names[c - 8])
			wr_out_printf(o, "\\%c", names[c - 8]);
		else
			wr_out_printf(o, "\\u%04x", c);
		run = ++i;
	}
	wr_out_bytes(o, s + run, n - run);
	put(o, '"');
}

/* Whether YAML 1.1 and 1.2 both read the text, as it stands, as this string. */
static bool plain(const char *s)
{
	static const char *const words[] = {"y",   "n",    "yes",   "no",  "on",
					    "off", "true", "false", "null"};
	if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '/' || *s == '_'))
		return false;
	for (const char *c = s; *c; c++) {
		bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			    (*c >= '0' && *c <= '9');
		bool colon = *c == ':' && c[1] && c[1] != ' ';
		bool blank = *c == ' ' && c[1] && c[1] != ' ';
		if (!word && !colon && !blank && !strchr("-_./()=+,;'", *c))
			return false;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(s, words[i]))
			return false;
	return true;
}

static void string(struct wr_out *o, const char *s)
{
	if (o->format == WR_YAML && plain(s))
		wr_out_text(o, s);
	else
		quoted(o, s);
}

void wr_out_key(struct wr_out *o, const char *key)
{
	struct frame *f = top(o);
	next_element(o, f);
	string(o, key);
	put(o, ':');
	if (o->format != WR_YAML && !f->one_line)
		put(o, ' ');
}

static void scalar(struct wr_out *o, const char *text)
{
	before_value(o, false);
	wr_out_text(o, text);
	after_value(o);
}

void wr_out_string(struct wr_out *o, const char *s)
{
	if (!s) {
		wr_out_null(o);
		return;
	}
	before_value(o, false);
	string(o, s);
	after_value(o);
}

void wr_out_int(struct wr_out *o, int64_t v)
{
	char text[32];
	snprintf(text, sizeof(text), "%lld", (long long)v);
	scalar(o, text);
}

void wr_out_uint(struct wr_out *o, uint64_t v)
{
	char text[32], *p = text + sizeof(text) - 1;
	*p = 0;
	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	scalar(o, p);
}

void wr_out_double(struct wr_out *o, double v)
{
	char text[40];
	if (!isfinite(v)) {
		wr_out_null(o);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		double back = strtod(text, NULL);
		if (!memcmp(&back, &v, sizeof(v)))
			break;
	}
	scalar(o, text);
}

void wr_out_bool(struct wr_out *o, bool v)
{
	scalar(o, v ? "true" : "false");
}

void wr_out_null(struct wr_out *o)
{
	scalar(o, "null");
}

/* A number as it was written, where JSON takes it so: large ones keep their digits. */
static bool json_number(const char *s)
{
	s += *s == '-';
	if (*s == '0')
		s++;
	else if (*s >= '1' && *s <= '9')
		s += strspn(s, "0123456789");
	else
		return false;
	if (*s == '.') {
		size_t n = strspn(s + 1, "0123456789");
		if (!n)
			return false;
		s += n + 1;
	}
	if (*s == 'e' || *s == 'E') {
		s += 1 + (s[1] == '+' || s[1] == '-');
		size_t n = strspn(s, "0123456789");
		if (!n)
			return false;
		s += n;
	}
	return !*s;
}

static void children(struct wr_out *o, const struct wr_value *v)
{
	for (size_t i = 0; i < v->n; i++) {
		if (v->type == WR_MAP)
			wr_out_key(o, v->fields[i].key);
		wr_out_value(o, v->type == WR_MAP ? v->fields[i].value : v->items[i]);
	}
	wr_out_end(o);
}

void wr_out_value(struct wr_out *o, const struct wr_value *v)
{
	switch (v->type) {
	case WR_NULL:
		wr_out_null(o);
		break;
	case WR_BOOL:
		wr_out_bool(o, v->boolean);
		break;
	case WR_INT:
		wr_out_int(o, v->integer);
		break;
	case WR_FLOAT:
		if (v->text && json_number(v->text))
			scalar(o, v->text);
		else
			wr_out_double(o, v->number);
		break;
	case WR_STRING:
		wr_out_string(o, v->text);
		break;
	case WR_LIST:
		wr_out_list(o);
		children(o, v);
		break;
	case WR_MAP:
		wr_out_map(o);
		children(o, v);
		break;
	}
}

void wr_out_key_string(struct wr_out *o, const char *key, const char *s)
{
	wr_out_key(o, key);
	wr_out_string(o, s);
}

void wr_out_key_uint(struct wr_out *o, const char *key, uint64_t v)
{
	wr_out_key(o, key);
	wr_out_uint(o, v);
}

void wr_out_key_bool(struct wr_out *o, const char *key, bool v)
{
	wr_out_key(o, key);
	wr_out_bool(o, v);
}
