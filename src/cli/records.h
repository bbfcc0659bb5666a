/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Records for people: a message at a place, as compilers print it, with the
 * line of the source and a caret:
 *
 *	shop.yaml: in NetworkPolicy shop/db:
 *	shop.yaml:12:13: error: spec.ingress[0].ports[0].port: Invalid value: 0: ...
 *	   12 |       - port: 0
 *	      |               ^
 *	  hint: ...
 *
 * Whatever a file holds, the terminal gets no control characters from it.
 */
#include "base/diag.h"
#include "cli/writer.h"
#include "input/input.h"

/* Begins with out and in (may be NULL) set and the rest zero. */
struct wr_records {
	struct wr_out *out;
	const struct wr_input *in;        /* source lines come from here, or from the files */
	const char *object, *object_file; /* of the record before: said once */
	/* the file that was read again for a line last; owned */
	char *file;
	char *text;
	size_t size;
	/* where the last line was found, and in which document's file */
	struct {
		const char *text, *at;
		uint32_t line;
	} seen;
	const struct wr_document *document;
};

/* Prints a record; its object's name stands before the first of an object. */
void wr_records_print(struct wr_records *s, const struct wr_diag *d);
/* The line of a mark and a caret below, or nothing where the line cannot be had. */
void wr_records_source(struct wr_records *s, const struct wr_mark *m);
/* "shop.yaml:12:13: " */
void wr_records_place(struct wr_records *s, const struct wr_mark *m);
/* Text without control characters. */
void wr_records_text(struct wr_records *s, const char *text);
void wr_records_free(struct wr_records *s);
