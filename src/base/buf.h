/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Buf: a growing text on the heap. Running out of memory is sticky: the buf
 * swallows what follows, and whoever uses the text asks once, at the end.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct wr_buf {
	char *data; /* NUL-terminated once something was added */
	size_t n, cap;
	bool failed;
};

void wr_buf_free(struct wr_buf *b);
void wr_buf_bytes(struct wr_buf *b, const void *data, size_t size);
void wr_buf_text(struct wr_buf *b, const char *s);
void wr_buf_printf(struct wr_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; s NULL: null. */
void wr_buf_json(struct wr_buf *b, const char *s);
void wr_buf_json_bytes(struct wr_buf *b, const char *s, size_t size);

static inline void wr_cleanup_buf(struct wr_buf *b)
{
	wr_buf_free(b);
}
