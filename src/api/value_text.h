/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Values in an API server's messages, and whether two are the same to it. */
#include "input/value.h"

/*
 * A value as the server's field errors show it (apimachinery's field.Error):
 * strings in quotes with Go's escapes, numbers as Go prints them whatever their
 * spelling was, lists and maps as JSON with sorted keys. What does not fit is
 * cut and ends in "...". size is at least 64. Returns buf.
 */
const char *wr_value_text(const struct wr_value *v, char *buf, size_t size);

/* Whether two values are the same scalar (null included); 1 and 1.0 are. */
bool wr_scalar_equal(const struct wr_value *a, const struct wr_value *b);
