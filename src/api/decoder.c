/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_TEXT 4096

/* Appends the links from the top down; a path that is too long ends in "...". */
static size_t path_text(const struct wr_path *path, char *buf, size_t size)
{
	size_t at = path->up ? path_text(path->up, buf, size) : 0;
	if (at >= size - 1)
		return at;
	int n = path->key ? snprintf(buf + at, size - at, "%s%s", at ? "." : "", path->key)
			  : snprintf(buf + at, size - at, "[%zu]", path->index);
	if (n < 0)
		return at;
	if ((size_t)n < size - at)
		return at + (size_t)n;
	memcpy(buf + size - 4, "...", 4);
	return size - 1;
}

const char *wr_dec_path_text(const struct wr_path *path, char buf[WR_PATH_TEXT])
{
	buf[0] = '\0';
	path_text(path, buf, WR_PATH_TEXT);
	return buf;
}

__attribute__((format(printf, 5, 0), nonnull(5))) static void report(struct wr_decoder *d,
								     enum wr_severity severity,
								     struct wr_mark mark,
								     const struct wr_path *path,
								     const char *fmt, va_list ap)
{
	char where[WR_PATH_TEXT], message[MESSAGE_TEXT];
	where[0] = message[0] = '\0';
	/* past the bound a record is only counted: no work for its text */
	if (wr_diags_count(d->diags) < WR_DIAG_MAX) {
		if (path)
			path_text(path, where, sizeof(where));
		vsnprintf(message, sizeof(message), fmt, ap);
	}
	wr_diag_add(d->diags, severity, mark, d->object, path ? where : NULL, "%s", message);
}

void wr_dec_error(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		  const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	report(d, WR_ERROR, mark, path, fmt, ap);
	va_end(ap);
	d->failed = true;
}

void wr_dec_warning(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		    const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	report(d, WR_WARNING, mark, path, fmt, ap);
	va_end(ap);
}

void wr_dec_note(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		 const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	report(d, WR_NOTE, mark, path, fmt, ap);
	va_end(ap);
}

void *wr_dec_array(struct wr_decoder *d, size_t n, size_t size)
{
	void *p = wr_arena_array(d->arena, n, size);
	if (!p)
		d->nomem = true;
	return p;
}

bool wr_dec_absent(const struct wr_value *v)
{
	return !v || v->type == WR_NULL;
}

const char *wr_dec_shown(const struct wr_value *v, char buf[WR_SHOWN])
{
	buf[0] = '\0';
	if (v->type == WR_LIST || v->type == WR_MAP || v->type == WR_NULL || !v->text)
		return buf;
	size_t n = strnlen(v->text, WR_SHOWN);
	bool whole = n < WR_SHOWN - 6;
	snprintf(buf, WR_SHOWN, " (%.*s%s)", (int)(whole ? n : WR_SHOWN - 7), v->text,
		 whole ? "" : "...");
	return buf;
}

static void wrong_type(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		       const char *expected)
{
	char shown[WR_SHOWN];
	wr_dec_error(d, v->mark, path, "must be %s, found %s%s", expected, wr_type_name(v->type),
		     wr_dec_shown(v, shown));
}

const struct wr_value *wr_dec_map(struct wr_decoder *d, const struct wr_path *path,
				  const struct wr_value *v)
{
	if (wr_dec_absent(v))
		return NULL;
	if (v->type == WR_MAP)
		return v;
	wrong_type(d, path, v, "a map");
	return NULL;
}

const struct wr_value *wr_dec_list(struct wr_decoder *d, const struct wr_path *path,
				   const struct wr_value *v)
{
	if (wr_dec_absent(v))
		return NULL;
	if (v->type == WR_LIST)
		return v;
	wrong_type(d, path, v, "a list");
	return NULL;
}

const struct wr_value *wr_dec_short_list(struct wr_decoder *d, const struct wr_path *path,
					 const struct wr_value *v)
{
	v = wr_dec_list(d, path, v);
	if (!v || v->n <= WR_ADDRESSES_MAX)
		return v;
	wr_dec_error(d, v->mark, path, "must have at most %d items, found %zu", WR_ADDRESSES_MAX,
		     v->n);
	return NULL;
}

const char *wr_dec_string(struct wr_decoder *d, const struct wr_path *path,
			  const struct wr_value *v)
{
	if (wr_dec_absent(v))
		return NULL;
	if (v->type == WR_STRING)
		return v->text;
	wrong_type(d, path, v, "a string");
	if (v->type != WR_LIST && v->type != WR_MAP)
		wr_diag_advise(d->diags, "quote it: \"%.200s\"", v->text);
	return NULL;
}

bool wr_dec_bool(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		 bool *out)
{
	if (wr_dec_absent(v))
		return false;
	if (v->type != WR_BOOL) {
		wrong_type(d, path, v, "true or false");
		return false;
	}
	*out = v->boolean;
	return true;
}

bool wr_value_whole(const struct wr_value *v, int64_t *out)
{
	if (v->type == WR_INT) {
		*out = v->integer;
		return true;
	}
	/* 2^53: past it a double does not tell whole numbers apart */
	if (v->type != WR_FLOAT || !(fabs(v->number) <= 9007199254740992.0) ||
	    v->number != trunc(v->number))
		return false;
	*out = (int64_t)v->number;
	return true;
}

bool wr_dec_int(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		int64_t min, int64_t max, int64_t *out)
{
	if (wr_dec_absent(v))
		return false;
	int64_t n;
	if (!wr_value_whole(v, &n)) {
		wrong_type(d, path, v, "a whole number");
		return false;
	}
	if (n < min || n > max) {
		wr_dec_error(d, v->mark, path, "must be between %lld and %lld, found %s",
			     (long long)min, (long long)max, v->text);
		return false;
	}
	*out = n;
	return true;
}

bool wr_dec_port(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		 uint16_t *out)
{
	int64_t n;
	if (!wr_dec_int(d, path, v, 1, 65535, &n))
		return false;
	*out = (uint16_t)n;
	return true;
}

bool wr_dec_proto(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		  uint8_t *out)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} known[] = {{"TCP", WR_TCP}, {"UDP", WR_UDP}, {"SCTP", WR_SCTP}};

	if (wr_dec_absent(v)) {
		*out = WR_TCP;
		return true;
	}
	const char *text = wr_dec_string(d, path, v);
	if (!text)
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(text, known[i].name)) {
			*out = known[i].proto;
			return true;
		}
	wr_dec_error(d, v->mark, path, "must be TCP, UDP or SCTP, found \"%.200s\"", text);
	return false;
}

void wr_dec_add_ip(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		   struct wr_ip *ips, size_t *n)
{
	const char *text = wr_dec_string(d, path, v);
	if (!text || !*text)
		return;
	struct wr_ip ip;
	if (wr_ip_parse(text, &ip) < 0) {
		wr_dec_error(d, v->mark, path, "must be an IP address, found \"%.200s\"", text);
		return;
	}
	for (size_t i = 0; i < *n; i++)
		if (wr_ip_equal(&ips[i], &ip))
			return;
	ips[(*n)++] = ip;
}
