/* SPDX-License-Identifier: Apache-2.0 */
#include "input/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/internal.h"

#define SIZE_LIMIT_MAX ((size_t)1 << 31) /* lines and columns are 32 bits wide */

const struct wr_input_limits wr_input_default_limits = {
	.file_bytes = (size_t)256 << 20,
	.depth = 100,
	.nodes = 20000000,
	.alias_nodes = 1000000,
	.documents = 1000000,
	.files = 100000,
};

void wr_problem_report(const struct wr_problem *p, struct wr_diags *diags)
{
	wr_diag_add(diags, WR_ERROR, p->mark, NULL, NULL, "%s", p->message);
	if (p->advice)
		wr_diag_advise(diags, "%s", p->advice);
}

struct wr_input *wr_input_new(const struct wr_input_limits *limits)
{
	struct wr_input *in = calloc(1, sizeof(*in));
	if (!in)
		return NULL;
	in->limits = limits ? *limits : wr_input_default_limits;
	if (in->limits.file_bytes > SIZE_LIMIT_MAX)
		in->limits.file_bytes = SIZE_LIMIT_MAX;
	if (in->limits.depth > WR_DEPTH_MAX)
		in->limits.depth = WR_DEPTH_MAX;
	in->arena = wr_arena_new();
	if (!in->arena) {
		free(in);
		return NULL;
	}
	return in;
}

void wr_input_free(struct wr_input *in)
{
	if (!in)
		return;
	for (size_t i = 0; i < in->buffers.n; i++)
		free(in->buffers.items[i]);
	wr_vec_free(&in->buffers);
	wr_vec_free(&in->documents);
	wr_arena_free(in->arena);
	free(in);
}

size_t wr_input_count(const struct wr_input *in)
{
	return in->documents.n;
}

const struct wr_document *wr_input_at(const struct wr_input *in, size_t i)
{
	return &in->documents.items[i];
}

struct wr_arena *wr_input_arena(struct wr_input *in)
{
	return in->arena;
}

const char *wr_input_size_words(size_t bytes, char buf[32])
{
	if (bytes && bytes % ((size_t)1 << 20) == 0)
		snprintf(buf, 32, "%zu MiB", bytes >> 20);
	else
		snprintf(buf, 32, "%zu bytes", bytes);
	return buf;
}

/* One text in reading. */
struct reading {
	struct wr_input *in;
	struct wr_reading r;
	uint32_t index;
	const char *source;
	size_t source_size;
};

static int add_document(void *arg, const char *text, size_t size, uint32_t first_line,
			struct wr_value *root)
{
	struct reading *reading = arg;
	struct wr_input *in = reading->in;
	if (in->documents.n >= in->limits.documents) {
		wr_diag_add(reading->r.diags, WR_ERROR, root->mark, NULL, NULL,
			    "more than %zu documents in all", in->limits.documents);
		return -E2BIG;
	}
	struct wr_document doc = {.file = reading->r.file,
				  .index = reading->index++,
				  .first_line = first_line,
				  .text = text,
				  .size = size,
				  .root = root,
				  .source = reading->source,
				  .source_size = reading->source_size};
	return wr_vec_push(&in->documents, doc);
}

static int decode_utf16(struct reading *reading, const char **text, size_t *size,
			uint32_t first_line)
{
	uint32_t line, column;
	int rc = wr_utf16_decode(reading->in->arena, text, size, &line, &column);
	if (rc != -EILSEQ)
		return rc;
	struct wr_mark at = {reading->r.file, first_line + line - 1, column};
	wr_diag_add(reading->r.diags, WR_ERROR, at, NULL, NULL, "this is not valid UTF-16");
	wr_diag_advise(reading->r.diags, "save the file as UTF-8");
	return -EINVAL;
}

/* The bytes' encoding is told by their first ones; without a mark it is UTF-8. */
static int read_text(struct reading *reading, const char *text, size_t size, uint32_t first_line)
{
	struct wr_documents d = {&reading->r, add_document, reading};
	if (size >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2))) {
		int rc = decode_utf16(reading, &text, &size, first_line);
		if (rc < 0)
			return rc;
	}
	reading->source = text;
	reading->source_size = size;
	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		size -= 3;
	}
	return wr_documents_read(&d, text, size, first_line);
}

int wr_input_take(struct wr_input *in, const char *name, uint32_t first_line, char *bytes,
		  size_t size, struct wr_diags *diags)
{
	if (wr_vec_push(&in->buffers, bytes) < 0) {
		free(bytes);
		return -ENOMEM;
	}
	const char *kept = name ? wr_arena_strdup(in->arena, name) : NULL;
	if (name && !kept)
		return -ENOMEM;
	struct reading reading = {.in = in, .r = {in->arena, &in->limits, diags, kept}};
	int rc = read_text(&reading, bytes, size, first_line);
	return !rc || rc == -ENOMEM ? rc : -EIO;
}

int wr_input_bytes(struct wr_input *in, const char *name, uint32_t first_line, const void *data,
		   size_t size, struct wr_diags *diags)
{
	if (size > in->limits.file_bytes) {
		char words[32];
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){name, 0, 0}, NULL, NULL,
			    "larger than %s", wr_input_size_words(in->limits.file_bytes, words));
		return -EIO;
	}
	char *copy = malloc(size + 1);
	if (!copy)
		return -ENOMEM;
	if (size)
		memcpy(copy, data, size);
	return wr_input_take(in, name, first_line, copy, size, diags);
}
