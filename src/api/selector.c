/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoder.h"

#include <stdlib.h>
#include <string.h>

#include "api/check.h"
#include "api/fields.h"

static const char *const selector_fields[] = {"matchLabels", "matchExpressions", NULL};
static const struct wr_misplaced selector_misplaced[] = {
	{"podSelector", "podSelector stands beside namespaceSelector, at the same depth"},
	{"namespaceSelector", "namespaceSelector stands beside podSelector, at the same depth"},
	{"key", "write it under matchExpressions as a list item: - key: ..."},
	{"operator", "write it under matchExpressions, in the list item with its key"},
	{"values", "write it under matchExpressions, in the list item with its key"},
	{NULL, NULL},
};
static const struct wr_shape selector_shape = {selector_fields, selector_misplaced};

static const char *const expression_fields[] = {"key", "operator", "values", NULL};
static const struct wr_misplaced expression_misplaced[] = {
	{"value", "values is a list: values: [...]"},
	{NULL, NULL},
};
static const struct wr_shape expression_shape = {expression_fields, expression_misplaced};

static int compare_fields(const void *pa, const void *pb)
{
	const struct wr_field *a = *(const struct wr_field *const *)pa;
	const struct wr_field *b = *(const struct wr_field *const *)pb;
	int c = strcmp(a->key, b->key);
	return c ? c : a < b ? -1 : a > b;
}

static bool is_sorted(const struct wr_value *map)
{
	for (size_t i = 1; i < map->n; i++)
		if (strcmp(map->fields[i - 1].key, map->fields[i].key) >= 0)
			return false;
	return true;
}

/* A label's value: null is the empty string, as in the API server. */
static const char *label_value(struct wr_decoder *d, const struct wr_path *path,
			       const struct wr_field *f)
{
	char shown[WR_SHOWN];
	if (wr_dec_absent(f->value))
		return "";
	if (f->value->type == WR_STRING)
		return f->value->text;
	struct wr_path at = WR_KEY(path, f->key);
	wr_dec_error(d, f->value->mark, &at, "label value must be a string, found %s%s",
		     wr_type_name(f->value->type), wr_dec_shown(f->value, shown));
	if (*shown)
		wr_diag_advise(d->diags, "quote it: \"%.200s\"", f->value->text);
	return NULL;
}

void wr_dec_labels(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		   struct wr_label **out, size_t *n)
{
	v = wr_dec_map(d, path, v);
	if (!v || !v->n)
		return;
	struct wr_label *labels = wr_dec_array(d, v->n, sizeof(*labels));
	const struct wr_field **order = NULL;
	if (!is_sorted(v)) {
		order = wr_dec_array(d, v->n, sizeof(struct wr_field *));
		for (size_t i = 0; order && i < v->n; i++)
			order[i] = &v->fields[i];
		if (order)
			qsort(order, v->n, sizeof(struct wr_field *), compare_fields);
	}
	if (d->nomem)
		return;
	size_t kept = 0;
	for (size_t i = 0; i < v->n; i++) {
		const struct wr_field *f = order ? order[i] : &v->fields[i];
		const char *value = label_value(d, path, f);
		if (!value)
			continue;
		if (kept && !strcmp(labels[kept - 1].key, f->key))
			kept--;
		labels[kept++] = (struct wr_label){f->key, value,
						   f->value ? f->value->mark : f->mark};
	}
	*out = labels;
	*n = kept;
}

static void add_match_labels(struct wr_decoder *d, const struct wr_path *path,
			     const struct wr_value *v, struct wr_label_selector *out)
{
	struct wr_label *labels = NULL;
	size_t n = 0;
	wr_dec_labels(d, path, v, &labels, &n);
	if (v && v->type == WR_LIST)
		wr_diag_advise(d->diags, "write key: value without the \"- \"");
	else if (v && v->type == WR_MAP)
		wr_dec_duplicates(d, path, v);
	const char **values = n ? wr_dec_array(d, n, sizeof(*values)) : NULL;
	for (size_t i = 0; values && i < n; i++) {
		wr_dec_check(d, labels[i].mark, path, labels[i].key, wr_check_label_key);
		wr_dec_check(d, labels[i].mark, path, labels[i].value, wr_check_label_value);
		values[i] = labels[i].value;
		out->reqs[out->n++] = (struct wr_requirement){labels[i].key, WR_OP_IN, &values[i],
							      1, labels[i].mark};
	}
}

bool wr_dec_operator(const char *text, enum wr_selector_op *op)
{
	static const char *const names[] = {"In", "NotIn", "Exists", "DoesNotExist"};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i])) {
			*op = (enum wr_selector_op)i;
			return true;
		}
	return false;
}

static struct wr_mark mark_of(const struct wr_value *v, const struct wr_value *parent)
{
	return v ? v->mark : parent->mark;
}

/* The values' texts into r; their own checks come later, as in the API server. */
static void read_values(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
			struct wr_requirement *r)
{
	const struct wr_value *list = wr_dec_list(d, path, v);
	if (!wr_dec_absent(v) && !list)
		wr_diag_advise(d->diags, "write a list: values: [...]");
	if (!list || !list->n)
		return;
	r->values = wr_dec_array(d, list->n, sizeof(*r->values));
	for (size_t i = 0; r->values && i < list->n; i++) {
		struct wr_path at = WR_INDEX(path, i);
		const char *text = wr_dec_string(d, &at, list->items[i]);
		r->values[r->n++] = text ? text : "";
	}
}

static void check_values(struct wr_decoder *d, const struct wr_path *path,
			 const struct wr_value *list, const struct wr_requirement *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct wr_path at = WR_INDEX(path, i);
		wr_dec_check(d, list->items[i]->mark, &at, r->values[i], wr_check_label_value);
	}
}

static void add_expression(struct wr_decoder *d, const struct wr_path *path,
			   const struct wr_value *v, struct wr_label_selector *out)
{
	struct wr_path at_key = WR_KEY(path, "key"), at_op = WR_KEY(path, "operator"),
		       at_values = WR_KEY(path, "values");
	static const struct wr_value empty = {.type = WR_MAP};
	struct wr_mark mark = v->mark;
	bool failed = d->failed;
	d->failed = false;
	const struct wr_value *map = wr_dec_absent(v) ? &empty : wr_dec_map(d, path, v);
	if (!map)
		return;
	wr_dec_fields(d, path, map, &expression_shape);
	struct wr_requirement r = {.mark = mark};
	const struct wr_value *key = wr_value_get(map, "key"), *op = wr_value_get(map, "operator"),
			      *values = wr_value_get(map, "values");
	const char *key_text = wr_dec_string(d, &at_key, key);
	const char *op_text = wr_dec_string(d, &at_op, op);
	read_values(d, &at_values, values, &r);
	bool readable = !d->failed;
	d->failed |= failed;
	if (!readable) /* what was not read cannot be judged */
		return;
	r.key = key_text ? key_text : "";
	op_text = op_text ? op_text : "";
	if (!wr_dec_operator(op_text, &r.op)) {
		wr_dec_invalid(d, mark_of(op, v), &at_op, op_text, "not a valid selector operator");
		wr_diag_advise(d->diags, "write In, NotIn, Exists or DoesNotExist");
	} else if ((r.op == WR_OP_IN || r.op == WR_OP_NOT_IN) && !r.n) {
		wr_dec_required(d, mark_of(values, v), &at_values,
				"must be specified when `operator` is 'In' or 'NotIn'");
		wr_diag_advise(d->diags, "to ask for the label whatever its value, write operator: "
					 "Exists or DoesNotExist");
	} else if ((r.op == WR_OP_EXISTS || r.op == WR_OP_NOT_EXISTS) && r.n) {
		wr_dec_forbidden(
			d, mark_of(values, v), &at_values,
			"may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
		wr_diag_advise(d->diags, "remove values, or write operator: In or NotIn");
	}
	wr_dec_check(d, mark_of(key, v), &at_key, r.key, wr_check_label_key);
	check_values(d, &at_values, values, &r);
	out->reqs[out->n++] = r;
}

void wr_dec_selector(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		     struct wr_label_selector *out)
{
	struct wr_path at_labels = WR_KEY(path, "matchLabels"),
		       at_exprs = WR_KEY(path, "matchExpressions");
	const struct wr_value *map = wr_dec_map(d, path, v);
	if (!map) {
		if (!wr_dec_absent(v))
			wr_diag_advise(d->diags, "a selector says what labels must match: "
						 "{matchLabels: {key: value}}; {} selects all");
		return;
	}
	out->mark = v->mark;
	wr_dec_fields(d, path, map, &selector_shape);
	const struct wr_value *labels = wr_value_get(map, "matchLabels");
	const struct wr_value *exprs = wr_value_get(map, "matchExpressions");
	size_t n = (labels && labels->type == WR_MAP ? labels->n : 0) +
		   (exprs && exprs->type == WR_LIST ? exprs->n : 0);
	out->reqs = n ? wr_dec_array(d, n, sizeof(*out->reqs)) : NULL;
	if (n && !out->reqs)
		return;
	add_match_labels(d, &at_labels, labels, out);
	const struct wr_value *list = wr_dec_list(d, &at_exprs, exprs);
	if (!wr_dec_absent(exprs) && !list)
		wr_diag_advise(d->diags, "put \"- \" before key:");
	for (size_t i = 0; list && i < list->n; i++) {
		struct wr_path at = WR_INDEX(&at_exprs, i);
		add_expression(d, &at, list->items[i], out);
	}
}
