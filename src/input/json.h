/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The JSON reader (see json.c): a cursor over a text of any number of values. */
#include "base/vec.h"
#include "input/internal.h"

struct wr_json {
	const struct wr_reading *reading;
	const char *text;
	size_t pos, size;
	uint32_t line;
	size_t line_start; /* so that pos - line_start counts characters, not bytes */
	char *strings;     /* where the next string goes; strings never outgrow their source */
	size_t nodes;      /* values of the current document */
	size_t depth;
	const struct wr_json_want *want; /* of the next map; NULL: all */
	WR_VEC(struct wr_field) fields;  /* of the maps not yet closed */
	WR_VEC(struct wr_value *) items; /* of the lists not yet closed */
	struct wr_problem problem;       /* what the last -EINVAL was about */
};

/* 0 or -ENOMEM; wr_json_end() after either. The reading must outlive the cursor. */
int wr_json_begin(struct wr_json *j, const struct wr_reading *r, const char *text, size_t size,
		  struct wr_mark mark);
void wr_json_end(struct wr_json *j);

/*
 * The next value: 1 and *root, or 0 at the end of the text. -EINVAL (nothing is
 * reported: j->problem tells) or -ENOMEM; the cursor then stays where it was.
 */
int wr_json_next(struct wr_json *j, struct wr_value **root);

/* Within the reader. */
struct wr_mark wr_json_mark(const struct wr_json *j);
int wr_json_fail(struct wr_json *j, struct wr_mark at, const char *advice, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The string at pos, which is its opening quote, unescaped and NUL-terminated. */
int wr_json_string(struct wr_json *j, const char **out);

/* The character at pos for a message: "'x'", "U+0007", "the end of the input". */
const char *wr_json_here(const struct wr_json *j, char buf[24]);

/*
 * Bytes of the value that text begins with, known by its strings and brackets
 * alone; 0: it does not end here.
 */
size_t wr_json_skip(const char *text, size_t n);
