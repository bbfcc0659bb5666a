/* SPDX-License-Identifier: Apache-2.0 */
#include "api/fields.h"

#include <inttypes.h>
#include <string.h>

#include "api/check.h"

#define QUOTED 2048

static void duplicate(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		      const struct wr_field *field)
{
	struct wr_path at = WR_KEY(path, field->key);
	char quoted[QUOTED];
	wr_dec_error(d, field->mark, &at, "duplicate field %s",
		     wr_quote(quoted, sizeof(quoted), field->key));
	if (wr_diags_count(d->diags) >= WR_DIAG_MAX)
		return;
	for (const struct wr_field *f = v->fields; f < field; f++)
		if (!strcmp(f->key, field->key)) {
			wr_diag_advise(d->diags, "it stands already in line %u: keep one of them",
				       f->mark.line);
			return;
		}
}

static void unknown(struct wr_decoder *d, const struct wr_path *path, const struct wr_field *field,
		    const struct wr_shape *shape)
{
	struct wr_path at = WR_KEY(path, field->key);
	char quoted[QUOTED];
	wr_dec_error(d, field->mark, &at, "unknown field %s",
		     wr_quote(quoted, sizeof(quoted), field->key));
	if (wr_diags_count(d->diags) >= WR_DIAG_MAX)
		return;
	for (const struct wr_misplaced *m = shape->misplaced; m && m->field; m++)
		if (!strcmp(field->key, m->field)) {
			wr_diag_advise(d->diags, "%s", m->advice);
			return;
		}
	const char *meant = wr_typo_suggest(field->key, shape->fields);
	if (meant)
		wr_diag_advise(d->diags, "did you mean \"%s\"?", meant);
}

static bool is_known(const struct wr_shape *shape, const char *key)
{
	for (const char *const *f = shape->fields; *f; f++)
		if (!strcmp(*f, key))
			return true;
	return false;
}

void wr_dec_fields(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		   const struct wr_shape *shape)
{
	for (size_t i = 0; i < v->n; i++) {
		if (!is_known(shape, v->fields[i].key))
			unknown(d, path, &v->fields[i], shape);
		else if (v->fields[i].duplicate)
			duplicate(d, path, v, &v->fields[i]);
	}
}

void wr_dec_duplicates(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->fields[i].duplicate)
			duplicate(d, path, v, &v->fields[i]);
}

void wr_dec_invalid(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		    const char *value, const char *detail)
{
	char quoted[QUOTED];
	wr_dec_error(d, mark, path, "Invalid value: %s: %s",
		     wr_quote(quoted, sizeof(quoted), value), detail);
}

void wr_dec_invalid_int(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
			int64_t value, const char *detail)
{
	wr_dec_error(d, mark, path, "Invalid value: %" PRId64 ": %s", value, detail);
}

void wr_dec_required(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		     const char *detail)
{
	wr_dec_error(d, mark, path, "Required value%s%s", *detail ? ": " : "", detail);
}

void wr_dec_forbidden(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		      const char *detail)
{
	wr_dec_error(d, mark, path, "Forbidden: %s", detail);
}

void wr_dec_unsupported(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
			const char *value, const char *list)
{
	char quoted[QUOTED];
	wr_dec_error(d, mark, path, "Unsupported value: %s: supported values: %s",
		     wr_quote(quoted, sizeof(quoted), value), list);
}

void wr_dec_check(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		  const char *value, size_t (*check)(const char *, const char **))
{
	const char *msgs[WR_CHECK_MAX];
	size_t n = check(value, msgs);
	for (size_t i = 0; i < n; i++)
		wr_dec_invalid(d, mark, path, value, msgs[i]);
}
