/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* JSON text as the API server writes it, into a growing buf. */
#include "base/buf.h"
#include "input/value.h"

/*
 * A JSON string with its quotes; <, > and & are escaped, as the API server does,
 * and what is no UTF-8 becomes U+FFFD. NULL: null.
 */
void wr_answer_string(struct wr_buf *b, const char *s);

/* A value tree as JSON on one line; of duplicated keys all are written. */
void wr_answer_value(struct wr_buf *b, const struct wr_value *v);
