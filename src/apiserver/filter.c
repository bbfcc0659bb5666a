/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/check.h"
#include "apiserver/tree.h"

#define TERMS_MAX 256
#define VALUES_MAX 1024

enum op { IS, IS_NOT, IN, NOT_IN, EXISTS, NOT_EXISTS, GREATER, LESS };

struct wr_filter_term {
	enum op op;
	const char *key;
	const char **values;
	size_t n;
};

struct parser {
	struct wr_arena *arena;
	const char *at;
	const char **why;
	bool nomem;
};

static int fail(struct parser *p, const char *why)
{
	*p->why = why;
	return p->nomem ? -ENOMEM : -EINVAL;
}

static void blanks(struct parser *p)
{
	p->at += strspn(p->at, " \t\r\n");
}

/* A word: up to a blank or one of the language's signs. */
static const char *word(struct parser *p)
{
	blanks(p);
	size_t n = strcspn(p->at, " \t\r\n,=!()<>");
	const char *w = wr_arena_strndup(p->arena, p->at, n);
	p->nomem |= !w;
	p->at += n;
	blanks(p);
	return w ? w : "";
}

static bool sign(struct parser *p, const char *s)
{
	if (strncmp(p->at, s, strlen(s)) != 0)
		return false;
	p->at += strlen(s);
	return true;
}

static int add_value(struct parser *p, struct wr_filter_term *t, const char *value)
{
	const char *msgs[WR_CHECK_MAX];
	if (!t->values)
		t->values = wr_arena_array(p->arena, VALUES_MAX, sizeof(*t->values));
	p->nomem |= !t->values;
	if (p->nomem)
		return -ENOMEM;
	if (t->n == VALUES_MAX)
		return fail(p, "too many values in the label selector");
	if (*value && wr_check_label_value(value, msgs))
		return fail(p, msgs[0]);
	t->values[t->n++] = value;
	return 0;
}

/* "(a, b)" after in or notin */
static int values(struct parser *p, struct wr_filter_term *t)
{
	if (!sign(p, "("))
		return fail(p, "found '', expected: '('");
	for (;;) {
		int rc = add_value(p, t, word(p));
		if (rc < 0)
			return rc;
		if (sign(p, ")"))
			return 0;
		if (!sign(p, ","))
			return fail(p, "found '', expected: ',' or ')'");
	}
}

static int label_term(struct parser *p, struct wr_filter_term *t)
{
	const char *msgs[WR_CHECK_MAX];
	blanks(p);
	bool negated = sign(p, "!");
	t->key = word(p);
	if (!*t->key || wr_check_label_key(t->key, msgs))
		return fail(p, *t->key ? msgs[0] : "found '', expected: identifier");
	t->op = negated ? NOT_EXISTS : EXISTS;
	if (negated || !*p->at || *p->at == ',')
		return 0;
	if (sign(p, "==") || sign(p, "=")) {
		t->op = IS;
		return add_value(p, t, word(p));
	}
	if (sign(p, "!=")) {
		t->op = IS_NOT;
		return add_value(p, t, word(p));
	}
	if (sign(p, ">") || sign(p, "<")) {
		t->op = p->at[-1] == '>' ? GREATER : LESS;
		return add_value(p, t, word(p));
	}
	const char *op = word(p);
	if (strcmp(op, "in") != 0 && strcmp(op, "notin") != 0)
		return fail(p, "unable to parse requirement: expected an operator: '=', '!=', "
			       "'==', 'in', 'notin'");
	t->op = *op == 'i' ? IN : NOT_IN;
	return values(p, t);
}

static int field_term(struct parser *p, struct wr_filter_term *t)
{
	size_t key = strcspn(p->at, "=!,"), n = strcspn(p->at, ",");
	t->key = wr_arena_strndup(p->arena, p->at, key);
	t->values = wr_arena_array(p->arena, 1, sizeof(*t->values));
	p->at += key;
	t->op = *p->at == '!' ? IS_NOT : IS;
	if (!sign(p, "==") && !sign(p, "!=") && !sign(p, "="))
		return fail(p, "invalid field selector; can't understand it");
	n = strcspn(p->at, ",");
	const char *value = wr_arena_strndup(p->arena, p->at, n);
	p->at += n;
	p->nomem |= !t->key || !t->values || !value;
	if (p->nomem)
		return -ENOMEM;
	t->values[0] = value;
	t->n = 1;
	return 0;
}

static int terms(struct parser *p, const char *text,
		 int (*one)(struct parser *p, struct wr_filter_term *t),
		 struct wr_filter_term **out, size_t *n)
{
	p->at = text ? text : "";
	blanks(p);
	if (!*p->at)
		return 0;
	*out = wr_arena_array(p->arena, TERMS_MAX, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (;;) {
		if (*n == TERMS_MAX)
			return fail(p, "too many terms in the selector");
		int rc = one(p, &(*out)[(*n)++]);
		if (rc < 0)
			return rc;
		blanks(p);
		if (!*p->at)
			return p->nomem ? -ENOMEM : 0;
		if (!sign(p, ","))
			return fail(p, "found something, expected: ',' or 'end of string'");
	}
}

int wr_filter_parse(const char *labels, const char *fields, struct wr_arena *arena,
		    struct wr_filter *out, const char **why)
{
	struct parser p = {.arena = arena, .why = why};
	struct wr_filter f = {0};
	int rc = terms(&p, labels, label_term, &f.labels, &f.n_labels);
	if (!rc)
		rc = terms(&p, fields, field_term, &f.fields, &f.n_fields);
	if (!rc)
		*out = f;
	return rc;
}

bool wr_filter_empty(const struct wr_filter *f)
{
	return !f->n_labels && !f->n_fields;
}

static bool among(const struct wr_filter_term *t, const char *value)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->values[i], value))
			return true;
	return false;
}

/* Both must be whole numbers. */
static bool ordered(const struct wr_filter_term *t, const char *value)
{
	char *end_a, *end_b;
	long long a = strtoll(value, &end_a, 10), b = strtoll(t->values[0], &end_b, 10);
	if (!*value || *end_a || *end_b)
		return false;
	return t->op == GREATER ? a > b : a < b;
}

static bool holds(const struct wr_filter_term *t, const char *value)
{
	switch (t->op) {
	case EXISTS:
		return value;
	case NOT_EXISTS:
		return !value;
	case IS:
	case IN:
		return value && among(t, value);
	case IS_NOT:
	case NOT_IN:
		return !value || !among(t, value);
	case GREATER:
	case LESS:
		return value && ordered(t, value);
	}
	return false;
}

bool wr_filter_matches(const struct wr_filter *f, const struct wr_value *object)
{
	const struct wr_value *labels = wr_tree_at(object, "metadata.labels");
	for (size_t i = 0; i < f->n_labels; i++) {
		const struct wr_value *v = wr_value_get(labels, f->labels[i].key);
		if (!holds(&f->labels[i], v && v->type == WR_STRING ? v->text : NULL))
			return false;
	}
	for (size_t i = 0; i < f->n_fields; i++) {
		const struct wr_value *v = wr_tree_at(object, f->fields[i].key);
		if (!holds(&f->fields[i], v && v->text ? v->text : ""))
			return false;
	}
	return true;
}

const char *wr_filter_name(const struct wr_filter *f)
{
	for (size_t i = 0; i < f->n_fields; i++)
		if (f->fields[i].op == IS && !strcmp(f->fields[i].key, "metadata.name"))
			return f->fields[i].values[0];
	return NULL;
}
