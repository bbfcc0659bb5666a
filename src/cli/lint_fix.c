/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lint_fix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"

/* ---- together ---- */

static bool overlaps(const struct wr_edit *a, const struct wr_edit *b)
{
	size_t a0 = (size_t)(a->doc->text - a->doc->source) + a->at, a1 = a0 + a->size;
	size_t b0 = (size_t)(b->doc->text - b->doc->source) + b->at, b1 = b0 + b->size;
	if (a->doc->source != b->doc->source)
		return false;
	return a0 == b0 || (a0 < b1 && b0 < a1);
}

typedef WR_VEC(struct wr_edit) edit_list;

static bool fits(const edit_list *edits, const struct wr_finding *f)
{
	for (size_t i = 0; i < f->n_fix; i++)
		for (size_t k = 0; k < edits->n; k++)
			if (overlaps(&f->fix[i], &edits->items[k]))
				return false;
	return true;
}

/* The edits of one file's findings of a severity, but those that overlap earlier ones. */
static int collect(const struct lint_fixed_file *file, const struct wr_finding *findings, size_t n,
		   enum wr_severity severity, edit_list *edits, size_t *fixes)
{
	for (size_t i = 0; i < n; i++) {
		const struct wr_finding *f = &findings[i];
		if (!f->n_fix || f->severity != severity || f->fix[0].doc->source != file->source ||
		    !fits(edits, f))
			continue;
		for (size_t k = 0; k < f->n_fix; k++)
			if (wr_vec_push(edits, f->fix[k]) < 0)
				return -ENOMEM;
		++*fixes;
	}
	return 0;
}

/* Whether a text reads as documents. */
static bool parses(const char *text, size_t size)
{
	struct wr_input *in = wr_input_new(NULL);
	struct wr_diags *diags = wr_diags_new();
	bool ok = in && diags && !wr_input_bytes(in, "fixed", 1, text, size, diags);
	wr_input_free(in);
	wr_diags_free(diags);
	return ok;
}

static int fix_file(struct lint_fixed_file *file, const struct wr_finding *findings, size_t n)
{
	edit_list edits = {0};
	size_t left_out;
	int rc = 0;
	/* what is wrong is mended before what is superfluous goes */
	for (int s = WR_ERROR; s <= WR_NOTE && !rc; s++)
		rc = collect(file, findings, n, (enum wr_severity)s, &edits, &file->fixes);
	if (!rc)
		rc = wr_edit_apply(file->source, file->source_size, edits.items, edits.n,
				   &file->text, &file->size, &left_out);
	wr_vec_free(&edits);
	if (rc || !file->fixes || parses(file->text, file->size))
		return rc;
	memcpy(file->text, file->source, file->source_size);
	file->size = file->source_size;
	file->fixes = 0;
	return 0;
}

int wr_lint_fix(const struct wr_input *in, const struct wr_finding *findings, size_t n,
		struct lint_fixed *out)
{
	WR_VEC(struct lint_fixed_file) files = {0};
	int rc = 0;
	for (size_t i = 0; i < wr_input_count(in) && !rc; i++) {
		const struct wr_document *d = wr_input_at(in, i);
		if (files.n && files.items[files.n - 1].source == d->source)
			continue;
		struct lint_fixed_file file = {
			.file = d->file, .source = d->source, .source_size = d->source_size};
		rc = fix_file(&file, findings, n);
		if (!rc && wr_vec_push(&files, file) < 0) {
			free(file.text);
			rc = -ENOMEM;
		}
	}
	*out = (struct lint_fixed){files.items, files.n};
	if (rc)
		wr_lint_fixed_free(out);
	return rc;
}

void wr_lint_fixed_free(struct lint_fixed *fixed)
{
	for (size_t i = 0; i < fixed->n; i++)
		free(fixed->files[i].text);
	free(fixed->files);
	*fixed = (struct lint_fixed){0};
}

/* ---- in place ---- */

static int read_same(int fd, const struct lint_fixed_file *file)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((size_t)st.st_size != file->source_size)
		return -ESTALE;
	char buf[65536];
	for (size_t at = 0; at < file->source_size;) {
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		if (!n || (size_t)n > file->source_size - at ||
		    memcmp(buf, file->source + at, (size_t)n) != 0)
			return -ESTALE;
		at += (size_t)n;
	}
	return 0;
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			size -= (size_t)n;
		}
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_beside(const struct lint_fixed_file *file, const char *real, const struct stat *st)
{
	WR_CLEANUP(free)
	char *name = NULL;
	if (asprintf(&name, "%s.weir-XXXXXX", real) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	int fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = write_all(fd, file->text, file->size);
	if (!rc && (fchmod(fd, st->st_mode & 07777) < 0 ||
		    (fchown(fd, st->st_uid, st->st_gid) < 0 && errno != EPERM)))
		rc = -errno;
	if (close(fd) < 0 && !rc)
		rc = -errno;
	if (!rc && rename(name, real) < 0)
		rc = -errno;
	if (rc)
		unlink(name);
	return rc;
}

int wr_lint_fix_write(const struct lint_fixed_file *file)
{
	WR_CLEANUP(free)
	char *real = realpath(file->file, NULL); /* a link stays one */
	if (!real)
		return -errno;
	WR_CLEANUP(fd)
	int fd = open(real, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	int rc = read_same(fd, file);
	return rc ? rc : write_beside(file, real, &st);
}
