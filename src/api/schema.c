/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server goes over a custom resource four times: strict decoding (fields that
 * the schema does not know), the schema itself, lists that are sets, and the
 * rules in CEL, the last only when no error of a kind that "blocks" was found.
 * A null in an object is as if the field was not there; in a list it is not.
 */
#include "api/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/check.h"
#include "api/value_text.h"

#define PROPS_MAX 16
#define VALUE_TEXT 512
#define SET_MAX 1000 /* items of a set that are compared; far more than any schema lets pass */

struct checker {
	struct wr_decoder *d;
	bool blocked; /* an error after which the server does not look at CEL */
	bool later;   /* the kind's later version */
};

static const struct wr_schema *in_version(const struct checker *c, const struct wr_schema *s)
{
	return c->later && s->later ? s->later : s;
}

static void advise(struct checker *c, const struct wr_schema *s)
{
	if (s->advice)
		wr_diag_advise(c->d->diags, "%s", s->advice);
}

/* ---- strict decoding ---- */

static void known_fields(struct checker *c, const struct wr_path *path, const struct wr_value *v,
			 const struct wr_schema *s)
{
	const char *names[PROPS_MAX + 1];
	size_t n = 0;
	for (const struct wr_property *p = s->props; p->name && n < PROPS_MAX; p++)
		names[n++] = p->name;
	names[n] = NULL;
	wr_dec_fields(c->d, path, v, &(struct wr_shape){names, s->misplaced});
}

static void walk_fields(struct checker *c, const struct wr_path *path, const struct wr_value *v,
			const struct wr_schema *s)
{
	if (wr_dec_absent(v))
		return;
	if (s->type == WR_SCHEMA_STRINGS && v->type == WR_MAP)
		wr_dec_duplicates(c->d, path, v);
	if (s->type == WR_SCHEMA_OBJECT && v->type == WR_MAP) {
		known_fields(c, path, v, s);
		for (const struct wr_property *p = s->props; p->name; p++) {
			struct wr_path at = WR_KEY(path, p->name);
			walk_fields(c, &at, wr_value_get(v, p->name), p->schema);
		}
	}
	for (size_t i = 0; s->type == WR_SCHEMA_ARRAY && v->type == WR_LIST && i < v->n; i++) {
		struct wr_path at = WR_INDEX(path, i);
		walk_fields(c, &at, v->items[i], s->items);
	}
}

/* ---- the schema ---- */

/* What the server calls the type of a value that was read from JSON. */
static const char *type_name(const struct wr_value *v)
{
	static const char *const names[] = {
		[WR_NULL] = "null",    [WR_BOOL] = "boolean",  [WR_INT] = "integer",
		[WR_FLOAT] = "number", [WR_STRING] = "string", [WR_LIST] = "array",
		[WR_MAP] = "object",
	};
	return names[v->type];
}

static void wrong_type(struct checker *c, const struct wr_path *path, const struct wr_value *v,
		       const char *wanted, const char *found, const struct wr_schema *s)
{
	char text[WR_PATH_TEXT];
	wr_dec_error(c->d, v->mark, path,
		     "Invalid value: \"%s\": %s in body must be of type %s: \"%s\"", found,
		     wr_dec_path_text(path, text), wanted, found);
	c->blocked = true;
	if (s->type == WR_SCHEMA_STRING && v->type != WR_LIST && v->type != WR_MAP &&
	    v->type != WR_NULL)
		wr_diag_advise(c->d->diags, "quote it: \"%.200s\"", v->text);
	else if (s->type == WR_SCHEMA_INT32 && v->type == WR_STRING)
		wr_diag_advise(c->d->diags, "write a whole number, without quotes");
	else if (s->type == WR_SCHEMA_ARRAY && v->type == WR_MAP)
		wr_diag_advise(c->d->diags, "put \"- \" before the first field: it is a list");
	else
		advise(c, s);
}

/* True when the value has the schema's type. */
static bool check_type(struct checker *c, const struct wr_path *path, const struct wr_value *v,
		       const struct wr_schema *s)
{
	static const struct {
		enum wr_type type;
		const char *name;
	} wanted[] = {
		[WR_SCHEMA_OBJECT] = {WR_MAP, "object"},    [WR_SCHEMA_ARRAY] = {WR_LIST, "array"},
		[WR_SCHEMA_STRING] = {WR_STRING, "string"}, [WR_SCHEMA_INT32] = {WR_INT, "integer"},
		[WR_SCHEMA_STRINGS] = {WR_MAP, "object"},   [WR_SCHEMA_ANY] = {WR_NULL, ""},
	};
	int64_t whole;
	if (s->type == WR_SCHEMA_ANY || v->type == wanted[s->type].type)
		return true;
	if (s->type != WR_SCHEMA_INT32) {
		wrong_type(c, path, v, wanted[s->type].name, type_name(v), s);
		return false;
	}
	if (wr_value_whole(v, &whole))
		return true;
	/* a number's format is looked at first, and has no name for what is no number */
	if (v->type == WR_FLOAT)
		wrong_type(c, path, v, "int32", "float64", s);
	else if (v->type == WR_BOOL || v->type == WR_MAP)
		wrong_type(c, path, v, "int32", "", s);
	else
		wrong_type(c, path, v, "integer", type_name(v), s);
	return v->type == WR_FLOAT;
}

static void out_of_format(struct checker *c, const struct wr_path *path, const struct wr_value *v)
{
	char text[WR_PATH_TEXT];
	struct wr_path none = WR_KEY(NULL, "<nil>");
	if (!c->d->opts.as_api_server)
		return; /* the server's second word on a number that is none */
	wr_dec_error(c->d, v->mark, &none,
		     "Invalid value: \"\": Checked value must be of type integer with format int32 "
		     "in %s",
		     wr_dec_path_text(path, text));
}

static void check_number(struct checker *c, const struct wr_path *path, const struct wr_value *v,
			 const struct wr_schema *s)
{
	char text[WR_PATH_TEXT], shown[VALUE_TEXT];
	int64_t n;
	bool whole = wr_value_whole(v, &n);
	double value = whole ? (double)n : v->number;
	const char *bound = value < (double)s->least             ? "greater"
			    : s->most && value > (double)s->most ? "less"
								 : NULL;
	if (!whole || n < INT32_MIN || n > INT32_MAX)
		out_of_format(c, path, v);
	if (!bound)
		return;
	wr_dec_error(c->d, v->mark, path,
		     "Invalid value: %s: %s in body should be %s than or equal to %" PRId64,
		     wr_value_text(v, shown, sizeof(shown)), wr_dec_path_text(path, text), bound,
		     *bound == 'g' ? s->least : s->most);
	advise(c, s);
}

static void check_choice(struct checker *c, const struct wr_path *path, const struct wr_value *v,
			 const struct wr_schema *s)
{
	char list[256], shown[VALUE_TEXT];
	size_t at = 0;
	for (const char *const *k = s->choices; *k; k++) {
		if (v->type == WR_STRING && !strcmp(v->text, *k))
			return;
		int n = snprintf(list + at, sizeof(list) - at, "%s\"%s\"", at ? ", " : "", *k);
		at += n > 0 && (size_t)n < sizeof(list) - at ? (size_t)n : 0;
	}
	wr_dec_error(c->d, v->mark, path, "Unsupported value: %s: supported values: %s",
		     wr_value_text(v, shown, sizeof(shown)), list);
	c->blocked = true;
	const char *meant = v->type == WR_STRING ? wr_typo_suggest(v->text, s->choices) : NULL;
	if (meant)
		wr_diag_advise(c->d->diags, "did you mean \"%s\"?", meant);
	else
		advise(c, s);
}

static size_t characters(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void check_string(struct checker *c, const struct wr_path *path, const struct wr_value *v,
			 const struct wr_schema *s)
{
	char text[WR_PATH_TEXT], quoted[VALUE_TEXT];
	if (s->most && characters(v->text) > (size_t)s->most) {
		wr_dec_error(c->d, v->mark, path,
			     "Too long: may not be more than %" PRId64 " bytes", s->most);
		c->blocked = true;
	}
	if (!s->matches || s->matches(v->text))
		return;
	wr_dec_error(c->d, v->mark, path, "Invalid value: %s: %s in body should match '%s'",
		     wr_quote(quoted, sizeof(quoted), v->text), wr_dec_path_text(path, text),
		     s->pattern);
	advise(c, s);
}

/* How many properties or items there are, against the bounds. True: within them. */
static bool check_count(struct checker *c, const struct wr_path *path, const struct wr_value *v,
			size_t n, const char *what, const struct wr_schema *s)
{
	char text[WR_PATH_TEXT];
	if ((int64_t)n < s->least) {
		wr_dec_error(c->d, v->mark, path,
			     "Invalid value: %zu: %s in body should have at least %" PRId64 " %s",
			     n, wr_dec_path_text(path, text), s->least, what);
		advise(c, s);
		return false;
	}
	if (!s->most || (int64_t)n <= s->most)
		return true;
	wr_dec_error(c->d, v->mark, path, "Too many: %zu: must have at most %" PRId64 " item%s", n,
		     s->most, s->most == 1 ? "" : "s");
	c->blocked = true;
	advise(c, s);
	return false;
}

static void check_value(struct checker *c, const struct wr_path *path, const struct wr_value *v,
			const struct wr_schema *s);

static bool is_known(const struct wr_schema *s, const char *name)
{
	for (const struct wr_property *p = s->props; p->name; p++)
		if (!strcmp(p->name, name))
			return true;
	return false;
}

static void check_object(struct checker *c, const struct wr_path *path, const struct wr_value *v,
			 const struct wr_schema *s)
{
	size_t n = 0, unknown = 0;
	for (size_t i = 0; i < v->n; i++) {
		n += !wr_dec_absent(v->fields[i].value) && !v->fields[i].duplicate;
		unknown += !is_known(s, v->fields[i].key);
	}
	/* one error for an unknown field is enough, and a server says no more */
	if (!unknown && !check_count(c, path, v, n, "properties", s))
		return;
	for (const struct wr_property *p = s->props; p->name; p++) {
		struct wr_path at = WR_KEY(path, p->name);
		const struct wr_value *f = wr_value_get(v, p->name);
		if (!wr_dec_absent(f)) {
			check_value(c, &at, f, p->schema);
		} else if (p->required) {
			wr_dec_required(c->d, f ? f->mark : v->mark, &at, "");
			c->blocked = true;
			advise(c, p->schema);
		}
	}
}

static void check_strings(struct checker *c, const struct wr_path *path, const struct wr_value *v)
{
	static const struct wr_schema string = {.type = WR_SCHEMA_STRING};
	for (size_t i = 0; i < v->n; i++) {
		struct wr_path at = WR_KEY(path, v->fields[i].key);
		if (!wr_dec_absent(v->fields[i].value))
			check_value(c, &at, v->fields[i].value, &string);
	}
}

/* Depth is bounded by the schema's, which has no cycles. */
static void check_value(struct checker *c, const struct wr_path *path, const struct wr_value *v,
			const struct wr_schema *s)
{
	s = in_version(c, s);
	bool typed = check_type(c, path, v, s);
	if (s->choices)
		check_choice(c, path, v, s);
	if (!typed)
		return;
	switch (s->type) {
	case WR_SCHEMA_STRING:
		check_string(c, path, v, s);
		break;
	case WR_SCHEMA_INT32:
		check_number(c, path, v, s);
		break;
	case WR_SCHEMA_OBJECT:
		check_object(c, path, v, s);
		break;
	case WR_SCHEMA_STRINGS:
		check_strings(c, path, v);
		break;
	case WR_SCHEMA_ARRAY:
		for (size_t i = 0; i < v->n; i++) {
			struct wr_path at = WR_INDEX(path, i);
			check_value(c, &at, v->items[i], s->items);
		}
		check_count(c, path, v, v->n, "items", s);
		break;
	case WR_SCHEMA_ANY:
		break;
	}
}

/* ---- sets and rules: both go over all values below one ---- */

typedef void visit_fn(struct checker *c, const struct wr_path *path, const struct wr_value *v,
		      const struct wr_schema *s);

static void each_value(struct checker *c, const struct wr_path *path, const struct wr_value *v,
		       const struct wr_schema *s, visit_fn *fn)
{
	if (wr_dec_absent(v))
		return;
	s = in_version(c, s);
	fn(c, path, v, s);
	if (s->type == WR_SCHEMA_OBJECT && v->type == WR_MAP)
		for (const struct wr_property *p = s->props; p->name; p++) {
			struct wr_path at = WR_KEY(path, p->name);
			each_value(c, &at, wr_value_get(v, p->name), p->schema, fn);
		}
	for (size_t i = 0; s->type == WR_SCHEMA_ARRAY && v->type == WR_LIST && i < v->n; i++) {
		struct wr_path at = WR_INDEX(path, i);
		each_value(c, &at, v->items[i], s->items, fn);
	}
}

/* How often an item stands before its own place. */
static size_t repeats(const struct wr_value *list, size_t i)
{
	size_t n = 0;
	for (size_t k = 0; k < i; k++)
		n += wr_scalar_equal(list->items[k], list->items[i]);
	return n;
}

/* Of each value that repeats, a server names the second appearance only. */
static void check_set(struct checker *c, const struct wr_path *path, const struct wr_value *v,
		      const struct wr_schema *s)
{
	char shown[VALUE_TEXT];
	if (!s->set || v->type != WR_LIST)
		return;
	for (size_t i = 1; i < v->n && i < SET_MAX; i++) {
		struct wr_path at = WR_INDEX(path, i);
		if (repeats(v, i) != 1)
			continue;
		wr_dec_error(c->d, v->items[i]->mark, &at, "Duplicate value: %s",
			     wr_value_text(v->items[i], shown, sizeof(shown)));
		wr_diag_advise(c->d->diags, "remove it: the list has it already");
	}
}

static void check_rule(struct checker *c, const struct wr_path *path, const struct wr_value *v,
		       const struct wr_schema *s)
{
	char shown[VALUE_TEXT];
	struct wr_path top = WR_KEY(NULL, "<nil>");
	const char *said = s->rule ? s->rule(v) : NULL;
	if (!said)
		return;
	if (v->type == WR_STRING)
		wr_dec_error(c->d, v->mark, path, "Invalid value: %s: %s",
			     wr_value_text(v, shown, sizeof(shown)), said);
	else
		wr_dec_error(c->d, v->mark, path ? path : &top, "Invalid value: %s", said);
	advise(c, s);
}

void wr_schema_fields(struct wr_decoder *d, const struct wr_value *v, const struct wr_schema *s)
{
	struct checker c = {.d = d};
	walk_fields(&c, NULL, v, s);
}

void wr_schema_check(struct wr_decoder *d, const struct wr_value *v, const struct wr_schema *s,
		     bool blocked, bool later)
{
	struct checker c = {.d = d, .blocked = blocked, .later = later};
	struct wr_path top = WR_KEY(NULL, "<nil>");
	check_value(&c, NULL, v, s);
	each_value(&c, NULL, v, s, check_set);
	if (!c.blocked)
		each_value(&c, NULL, v, s, check_rule);
	else if (d->opts.as_api_server)
		wr_dec_error(d, v->n ? v->fields[0].mark : v->mark, &top,
			     "Invalid value: null: some validation rules were not checked because "
			     "the object was invalid; correct the existing errors to complete "
			     "validation");
}
