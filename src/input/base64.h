/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Base64 with padding to text; line breaks are passed over. out has room for
 * strlen(in) + 1 bytes. 0, or -EINVAL: bad base64, or what it encodes is no UTF-8
 * text, or contains NUL.
 */
int wr_base64_decode(const char *in, char *out);
