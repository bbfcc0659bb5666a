/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Text: growing bytes on the heap, for answers. Running out of memory is
 * sticky: the text swallows what follows, and its owner asks once, at the end.
 */
#include <stdbool.h>
#include <stddef.h>

#include "input/value.h"

struct wr_text {
	char *bytes; /* NUL-terminated once something was added */
	size_t n, cap;
	bool broken;
};

void wr_text_free(struct wr_text *t);
void wr_text_add(struct wr_text *t, const void *data, size_t size);
void wr_text_put(struct wr_text *t, const char *s);
void wr_text_printf(struct wr_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * A JSON string with its quotes; <, > and & are escaped, as the API server does,
 * and what is no UTF-8 becomes U+FFFD. NULL: null.
 */
void wr_text_string(struct wr_text *t, const char *s);

/* A value tree as JSON on one line; of duplicated keys all are written. */
void wr_text_value(struct wr_text *t, const struct wr_value *v);

static inline void wr_cleanup_text(struct wr_text *t)
{
	wr_text_free(t);
}
