/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Input: files, directories and standard input to documents.
 *
 * Paths are taken as kubectl takes -f: a file; a directory, in which the files
 * ending in .yaml, .yml and .json are read, recursively, in the order of their
 * names; "-" is standard input. A stream holds any number of YAML documents
 * or concatenated JSON documents. Empty documents are left out.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "input/value.h"

/* Bounds; past each there is an error that names it. */
struct wr_input_limits {
	size_t file_bytes;  /* default 256 MiB */
	size_t depth;       /* default 100 levels of nesting */
	size_t nodes;       /* values of one document, aliases expanded; default 20 million */
	size_t alias_nodes; /* values that aliases of one document may add; default 1 million */
	size_t documents;   /* default 1 million in all */
	size_t files;       /* default 100 000 */
};

struct wr_document {
	const char *file;     /* as named: the path, or "-" */
	uint32_t index;       /* position in its file, from 0 */
	uint32_t first_line;  /* line of the document's first byte, from 1 */
	const char *text;     /* the document's own bytes, not NUL-terminated */
	size_t size;
	struct wr_value *root;
	/* the whole file that text lies in, as UTF-8; like text, it lives as long as the input */
	const char *source;
	size_t source_size;
};

struct wr_input;

/* A new reader. limits NULL: the defaults. NULL: out of memory. */
struct wr_input *wr_input_new(const struct wr_input_limits *limits);
void wr_input_free(struct wr_input *in); /* frees all documents; takes NULL */

/*
 * Reads a path (see above). A file that cannot be read or parsed adds errors
 * to diags; the documents before the error in it are kept. Returns 0, or
 * -EIO when any error was added, or -ENOMEM.
 */
int wr_input_path(struct wr_input *in, const char *path, struct wr_diags *diags);

/*
 * Reads bytes as if from a file of that name; first_line numbers its first
 * line (1 normally). The bytes are copied.
 */
int wr_input_bytes(struct wr_input *in, const char *name, uint32_t first_line, const void *data,
		   size_t size, struct wr_diags *diags);

/* The documents read so far, in order. */
size_t wr_input_count(const struct wr_input *in);
const struct wr_document *wr_input_at(const struct wr_input *in, size_t i);

/* Arena that the documents live in. */
struct wr_arena *wr_input_arena(struct wr_input *in);

/*
 * One JSON value from text of size bytes (the whole text must be it) into an
 * arena; used for streams of lines. mark gives file and line for errors.
 * 0, -EINVAL with an error in diags (which may be NULL), -ENOMEM.
 */
int wr_json_parse(struct wr_arena *a, const char *text, size_t size, struct wr_mark mark,
		  struct wr_value **out, struct wr_diags *diags);

/*
 * Which keys of a map are wanted, a list that ends with a NULL key; below: which
 * of the map that stands there, or of the maps in a list there; NULL: all.
 */
struct wr_json_want {
	const char *key;
	const struct wr_json_want *below;
};

/*
 * The same, and what is not wanted is left out. It is passed over by its strings
 * and brackets alone: that it is JSON is not looked at, nor are its lines counted.
 * want NULL: all.
 */
int wr_json_parse_wanted(struct wr_arena *a, const char *text, size_t size, struct wr_mark mark,
			 const struct wr_json_want *want, struct wr_value **out,
			 struct wr_diags *diags);
