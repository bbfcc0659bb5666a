/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

struct record {
	struct wr_diag diag;
	uint32_t file_order, order;
};

struct wr_diags {
	struct wr_arena *arena;
	WR_VEC(struct record) records;
	WR_VEC(const char *) files;
	size_t total[WR_NOTE + 1];
	bool newest_dropped;
};

struct wr_diags *wr_diags_new(void)
{
	struct wr_diags *d = calloc(1, sizeof(*d));
	if (d)
		d->arena = wr_arena_new();
	if (d && !d->arena) {
		free(d);
		return NULL;
	}
	return d;
}

void wr_diags_free(struct wr_diags *d)
{
	if (!d)
		return;
	wr_arena_free(d->arena);
	wr_vec_free(&d->records);
	wr_vec_free(&d->files);
	free(d);
}

static const char *copy(struct wr_diags *d, const char *s)
{
	return s ? wr_arena_strdup(d->arena, s) : NULL;
}

/* File names are kept once; the index tells the order of first appearance. */
static uint32_t file_index(struct wr_diags *d, const char *file)
{
	for (size_t i = 0; i < d->files.n; i++)
		if (!strcmp(d->files.items[i], file))
			return (uint32_t)i;
	const char *kept = copy(d, file);
	if (!kept || wr_vec_push(&d->files, kept) < 0)
		return UINT32_MAX;
	return (uint32_t)d->files.n - 1;
}

void wr_diag_add(struct wr_diags *d, enum wr_severity severity, struct wr_mark mark,
		 const char *object, const char *path, const char *fmt, ...)
{
	d->total[severity]++;
	d->newest_dropped = true;
	if (d->records.n >= WR_DIAG_MAX)
		return;
	uint32_t file = mark.file ? file_index(d, mark.file) : UINT32_MAX;
	mark.file = file == UINT32_MAX ? NULL : d->files.items[file];
	va_list ap;
	va_start(ap, fmt);
	const char *message = wr_arena_vprintf(d->arena, fmt, ap);
	va_end(ap);
	struct record r = {
		.diag = {severity, mark, copy(d, object), copy(d, path), message, NULL},
		.file_order = file,
		.order = (uint32_t)d->records.n,
	};
	if (message && !wr_vec_push(&d->records, r))
		d->newest_dropped = false;
}

void wr_diag_advise(struct wr_diags *d, const char *fmt, ...)
{
	if (d->newest_dropped || !d->records.n)
		return;
	va_list ap;
	va_start(ap, fmt);
	d->records.items[d->records.n - 1].diag.advice = wr_arena_vprintf(d->arena, fmt, ap);
	va_end(ap);
}

size_t wr_diags_count(const struct wr_diags *d)
{
	return d->records.n;
}

const struct wr_diag *wr_diags_at(const struct wr_diags *d, size_t i)
{
	return &d->records.items[i].diag;
}

size_t wr_diags_total(const struct wr_diags *d, enum wr_severity severity)
{
	return d->total[severity];
}

static int compare(const void *pa, const void *pb)
{
	const struct record *a = pa, *b = pb;
	uint32_t ka[] = {a->file_order, a->diag.mark.line, a->diag.mark.column, a->order};
	uint32_t kb[] = {b->file_order, b->diag.mark.line, b->diag.mark.column, b->order};
	for (size_t i = 0; i < sizeof(ka) / sizeof(ka[0]); i++)
		if (ka[i] != kb[i])
			return ka[i] < kb[i] ? -1 : 1;
	return 0;
}

void wr_diags_sort(struct wr_diags *d)
{
	if (d->records.n)
		qsort(d->records.items, d->records.n, sizeof(struct record), compare);
}
