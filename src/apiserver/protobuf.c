/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/protobuf.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "apiserver/protobuf_types.h"

#define DEPTH_MAX 32

struct reader {
	struct wr_tree *t;
	const unsigned char *at, *end;
};

/* ---- the wire ---- */

static int varint(struct reader *r, uint64_t *out)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		unsigned char b = *r->at++;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*out = v;
			return 0;
		}
	}
	return -EINVAL;
}

/* One field: its number, and its value as a number or as bytes. */
struct wire {
	uint64_t number;
	bool is_bytes;
	uint64_t value;
	const unsigned char *bytes;
	size_t size;
};

static int next(struct reader *r, struct wire *w)
{
	uint64_t tag = 0, size = 0;
	int rc = varint(r, &tag);
	if (rc)
		return rc;
	*w = (struct wire){.number = tag >> 3, .is_bytes = (tag & 7) == 2};
	switch (tag & 7) {
	case 0:
		return varint(r, &w->value);
	case 2:
		rc = varint(r, &size);
		if (rc || size > (uint64_t)(r->end - r->at))
			return -EINVAL;
		w->bytes = r->at;
		w->size = (size_t)size;
		r->at += size;
		return 0;
	default: /* no message of ours has fixed-width numbers */
		return -ENOTSUP;
	}
}

static struct reader inside(const struct reader *r, const struct wire *w)
{
	return (struct reader){r->t, w->bytes, w->bytes + w->size};
}

/* ---- values ---- */

static struct wr_value *text(struct wr_tree *t, const unsigned char *bytes, size_t size)
{
	const char *s = wr_arena_strndup(t->arena, (const char *)bytes, size);
	t->nomem |= !s;
	return s ? wr_tree_string(t, s) : NULL;
}

static struct wr_value *base64(struct wr_tree *t, const unsigned char *b, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = wr_arena_alloc(t->arena, size / 3 * 4 + 8);
	size_t n = 0;
	t->nomem |= !out;
	for (size_t i = 0; out && i < size; i += 3) {
		size_t left = size - i;
		uint32_t bits = (uint32_t)b[i] << 16;
		bits |= left > 1 ? (uint32_t)b[i + 1] << 8 : 0;
		bits |= left > 2 ? b[i + 2] : 0;
		out[n++] = digits[bits >> 18];
		out[n++] = digits[bits >> 12 & 63];
		out[n++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		out[n++] = left > 2 ? digits[bits & 63] : '=';
	}
	return out ? wr_tree_string(t, out) : NULL;
}

/* An entry of a map: key = 1, value = 2. */
static int read_entry(struct reader *r, bool bytes, struct wr_value *map)
{
	struct wire w;
	const char *key = "";
	struct wr_value *value = wr_tree_string(r->t, "");
	while (r->at < r->end) {
		int rc = next(r, &w);
		if (rc || !w.is_bytes)
			return rc ? rc : -EINVAL;
		if (w.number == 1)
			key = wr_arena_strndup(r->t->arena, (const char *)w.bytes, w.size);
		else
			value = bytes ? base64(r->t, w.bytes, w.size) : text(r->t, w.bytes, w.size);
		if (!key)
			return -ENOMEM;
	}
	wr_tree_set(r->t, map, key, value);
	return 0;
}

/* metav1.Time: seconds = 1; the zero time is Go's, in the year 1. */
static int read_time(struct reader *r, struct wr_value *map, const char *name)
{
	struct wire w;
	int64_t seconds = 0;
	char buf[32];
	struct tm tm;
	while (r->at < r->end) {
		int rc = next(r, &w);
		if (rc)
			return rc;
		if (w.number == 1)
			seconds = (int64_t)w.value;
	}
	time_t at = (time_t)seconds;
	if (seconds > 0 && seconds < INT64_C(253402300800) && gmtime_r(&at, &tm) &&
	    strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm))
		wr_tree_set_string(r->t, map, name, buf);
	return 0;
}

/* IntOrString: type = 1, intVal = 2, strVal = 3. */
static int read_either(struct reader *r, struct wr_value *map, const char *name)
{
	struct wire w;
	bool is_text = false;
	int64_t number = 0;
	struct wr_value *s = NULL;
	while (r->at < r->end) {
		int rc = next(r, &w);
		if (rc)
			return rc;
		if (w.number == 1)
			is_text = w.value == 1;
		else if (w.number == 2)
			number = (int32_t)w.value;
		else if (w.number == 3 && w.is_bytes)
			s = text(r->t, w.bytes, w.size);
	}
	if (is_text && s)
		wr_tree_set(r->t, map, name, s);
	else if (number)
		wr_tree_set(r->t, map, name, wr_tree_int(r->t, number));
	return 0;
}

/* ---- messages ---- */

static int read_message(struct reader *r, const struct wr_pb_field *fields, unsigned depth,
			struct wr_value *out);

static struct wr_value *list_of(struct wr_tree *t, struct wr_value *map, const char *name)
{
	struct wr_value *list = wr_value_get(map, name);
	if (!list) {
		list = wr_tree_list(t);
		wr_tree_set(t, map, name, list);
	}
	return list;
}

static int read_sub(struct reader *r, const struct wire *w, const struct wr_pb_field *f,
		    unsigned depth, struct wr_value *out)
{
	struct reader in = inside(r, w);
	struct wr_value *v = f->name ? wr_tree_map(r->t) : out;
	int rc = v ? read_message(&in, f->sub, depth + 1, v) : -ENOMEM;
	if (rc || !f->name)
		return rc;
	if (f->type == WR_PB_LIST)
		wr_tree_push(r->t, list_of(r->t, out, f->name), v);
	else if (v->n || f->keep)
		wr_tree_set(r->t, out, f->name, v);
	return 0;
}

static int read_bytes(struct reader *r, const struct wire *w, const struct wr_pb_field *f,
		      unsigned depth, struct wr_value *out)
{
	struct reader in = inside(r, w);
	switch (f->type) {
	case WR_PB_STRING:
		if (w->size || f->keep)
			wr_tree_set(r->t, out, f->name, text(r->t, w->bytes, w->size));
		return 0;
	case WR_PB_STRINGS:
		wr_tree_push(r->t, list_of(r->t, out, f->name), text(r->t, w->bytes, w->size));
		return 0;
	case WR_PB_MAP:
	case WR_PB_BYTES_MAP:
		return read_entry(&in, f->type == WR_PB_BYTES_MAP,
				  wr_tree_want_map(r->t, out, f->name));
	case WR_PB_TIME:
		return read_time(&in, out, f->name);
	case WR_PB_EITHER:
		return read_either(&in, out, f->name);
	case WR_PB_MESSAGE:
	case WR_PB_LIST:
		return read_sub(r, w, f, depth, out);
	case WR_PB_SKIP:
		return 0;
	case WR_PB_INT:
	case WR_PB_BOOL:
		break;
	}
	return -EINVAL;
}

static int read_field(struct reader *r, const struct wire *w, const struct wr_pb_field *f,
		      unsigned depth, struct wr_value *out)
{
	if (w->is_bytes)
		return read_bytes(r, w, f, depth, out);
	if (f->type == WR_PB_INT && (w->value || f->keep))
		wr_tree_set(r->t, out, f->name, wr_tree_int(r->t, (int64_t)w->value));
	else if (f->type == WR_PB_BOOL && (w->value || f->keep))
		wr_tree_set(r->t, out, f->name, wr_tree_bool(r->t, w->value != 0));
	else if (f->type != WR_PB_INT && f->type != WR_PB_BOOL && f->type != WR_PB_SKIP)
		return -EINVAL;
	return 0;
}

static int read_message(struct reader *r, const struct wr_pb_field *fields, unsigned depth,
			struct wr_value *out)
{
	if (depth > DEPTH_MAX)
		return -EINVAL;
	while (r->at < r->end) {
		struct wire w;
		int rc = next(r, &w);
		if (rc)
			return rc;
		const struct wr_pb_field *f = fields;
		while (f->number && f->number != w.number)
			f++;
		if (f->number)
			rc = read_field(r, &w, f, depth, out);
		else if (w.is_bytes ? w.size : w.value)
			rc = -ENOTSUP;
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- the envelope ---- */

static const struct wr_pb_field *fields_of(const char *kind, const char *api)
{
	for (const struct wr_pb_kind *k = wr_pb_kinds; kind && api && k->kind; k++)
		if (!strcmp(k->kind, kind) && (!k->api || !strcmp(k->api, api)))
			return k->fields;
	return NULL;
}

int wr_protobuf_read(struct wr_tree *t, const void *data, size_t size, struct wr_value **out)
{
	static const char magic[4] = {'k', '8', 's', 0};
	const unsigned char *bytes = data;
	struct reader r = {t, bytes + sizeof(magic), bytes + size}, raw = {t, bytes, bytes};
	struct wr_value *o = wr_tree_map(t);
	if (size < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
		return -EINVAL;
	while (r.at < r.end) {
		struct wire w;
		int rc = next(&r, &w);
		if (rc || !w.is_bytes)
			return rc ? rc : -EINVAL;
		struct reader in = inside(&r, &w);
		if (w.number == 1)
			rc = read_message(&in, wr_pb_type_meta, 0, o);
		else if (w.number == 2)
			raw = in;
		if (rc)
			return rc;
	}
	const struct wr_pb_field *fields = fields_of(wr_tree_text(o, "kind"),
						     wr_tree_text(o, "apiVersion"));
	int rc = fields ? read_message(&raw, fields, 0, o) : -ENOTSUP;
	if (!rc && t->nomem)
		rc = -ENOMEM;
	if (!rc)
		*out = o;
	return rc;
}
