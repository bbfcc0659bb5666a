/* SPDX-License-Identifier: Apache-2.0 */
#include "api/fields.h"

#include <inttypes.h>
#include <string.h>

#include "api/check.h"

#define QUOTED 2048
#define WORD_MAX 40

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Optimal string alignment over three rows. */
unsigned wr_typo_distance(const char *a, const char *b)
{
	size_t na = strnlen(a, WORD_MAX + 1), nb = strnlen(b, WORD_MAX + 1);
	if (na > WORD_MAX || nb > WORD_MAX)
		return UINT32_MAX;
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];
	for (unsigned j = 0; j <= nb; j++)
		last[j] = before[j] = j;
	for (unsigned i = 1; i <= na; i++) {
		row[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			unsigned best = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		unsigned *free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[nb];
}

const char *wr_typo_suggest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	unsigned least = UINT32_MAX;
	for (; *candidates; candidates++) {
		unsigned distance = wr_typo_distance(word, *candidates);
		/* one error in three letters is the most that still looks alike */
		if (distance < least && distance * 3 <= strlen(*candidates)) {
			least = distance;
			best = *candidates;
		}
	}
	return best;
}

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
