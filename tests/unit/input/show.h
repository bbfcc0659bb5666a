/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Input and diagnostics as text, so that tests can be tables of strings. */
#include "base/diag.h"
#include "input/input.h"

struct shown {
	struct wr_input *in;
	struct wr_diags *diags;
	int rc;
};

/* Reads a text as a file "f"; limits may be NULL. shown_free() frees it. */
struct shown shown_read(const char *text, size_t size, const struct wr_input_limits *limits);
void shown_free(struct shown *s);

/*
 * Values in a JSON-like form that tells the types apart: 5 and 5f, "5", true,
 * null, [..], {"a":5}; a duplicate key has a "!" in front. free() it.
 */
char *show_value(const struct wr_value *v);

/* All documents, one a line. */
char *show_documents(const struct wr_input *in);

/* All records, one a line: "f:1:2: message". */
char *show_diags(const struct wr_diags *d);

/* Fails the test unless reading text gives these documents and errors. */
void expect(const char *text, const char *documents, const char *errors);
void expect_bytes(const char *text, size_t size, const struct wr_input_limits *limits,
		  const char *documents, const char *errors);

/*
 * Walks a tree and fails the test where it breaks a promise of value.h: marks
 * outside of the text's lines, texts missing, kinds that do not fit.
 */
void check_tree(const struct wr_value *v, uint32_t first_line, uint32_t last_line);
