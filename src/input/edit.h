/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Edit: changes of a document's own text, so that comments and layout stay.
 *
 * An edit replaces bytes of a document by text. Functions here make edits from
 * values and their marks; wr_edit_apply() puts many into the text of a file.
 * Only block style YAML is edited line by line; where the text is not what a
 * function can edit safely (flow style, aliases, a scalar over many lines) it
 * returns -ENOTSUP and there is no fix.
 */
#include "base/arena.h"
#include "input/input.h"

struct wr_edit {
	const struct wr_document *doc;
	size_t at, size;  /* bytes of doc->text that go */
	const char *text; /* what comes in their place */
};

/* The byte of a mark in its document's text. -ENOENT: not in it. -ENOTSUP: larger than 1 MiB. */
int wr_edit_offset(const struct wr_document *doc, struct wr_mark mark, size_t *at);

/* Replaces a scalar by text, which is YAML (quoted where needed by the caller). */
int wr_edit_replace(const struct wr_document *doc, const struct wr_value *scalar, const char *text,
		    struct wr_edit *out);

/*
 * Inserts whole lines above the line of a mark, or below the last line of a
 * value, each indented as the line of the mark (of the value's first entry) is.
 * Where a line begins with "- ", what is inserted
 * above or below an item begins in the column of its dash, and beside an item's
 * first key in the column of that key. lines: without a last newline;
 * memory for the text comes from the arena.
 */
int wr_edit_insert_above(const struct wr_document *doc, struct wr_mark mark, const char *lines,
			 struct wr_arena *arena, struct wr_edit *out);
int wr_edit_insert_below(const struct wr_document *doc, const struct wr_value *v, const char *lines,
			 struct wr_arena *arena, struct wr_edit *out);

/*
 * Removes the lines of one item of a list in block style. -ENOTSUP when it is
 * the only one, shares its line, or is written in flow style.
 */
int wr_edit_remove_item(const struct wr_document *doc, const struct wr_value *list, size_t item,
			struct wr_edit *out);

/*
 * Makes one item of a list in block style and the item before it one: its dash
 * goes, and its fields belong to the one above. -ENOTSUP: the first item, no
 * maps, or their fields do not begin in the same column.
 */
int wr_edit_join_item(const struct wr_document *doc, const struct wr_value *list, size_t item,
		      struct wr_edit *out);

/*
 * Applies edits of documents of one file to its source (malloc'ed; the caller
 * frees). Edits that overlap one before them in the text are left out and
 * counted. -EINVAL: a document is of another file.
 */
int wr_edit_apply(const char *source, size_t size, const struct wr_edit *edits, size_t n,
		  char **out, size_t *out_size, size_t *left_out);
