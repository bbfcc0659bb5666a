/* SPDX-License-Identifier: Apache-2.0 */
#include "input/base64.h"

#include <errno.h>
#include <string.h>

#include "input/internal.h"

static int sextet(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = strchr(alphabet, c);
	return p && c ? (int)(p - alphabet) : -1;
}

static bool is_text(const char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + size;
	while (p < end) {
		size_t n = wr_utf8_length(p, end);
		if (!n || !*p)
			return false;
		p += n;
	}
	return true;
}

int wr_base64_decode(const char *in, char *out)
{
	uint32_t bits = 0;
	size_t n = 0, digits = 0, padding = 0;
	for (; *in; in++) {
		if (*in == '\n' || *in == '\r')
			continue;
		int value = *in == '=' ? 0 : sextet(*in);
		padding += *in == '=';
		if (value < 0 || padding > 2 || (padding && *in != '='))
			return -EINVAL;
		bits = bits << 6 | (uint32_t)value;
		if (++digits % 4)
			continue;
		out[n++] = (char)(bits >> 16);
		out[n++] = (char)(bits >> 8);
		out[n++] = (char)bits;
		if (padding && *(in + 1) && !strchr("\r\n", in[1]))
			return -EINVAL;
	}
	if (digits % 4 || (padding && n < padding))
		return -EINVAL;
	n -= padding;
	out[n] = '\0';
	return is_text(out, n) ? 0 : -EINVAL;
}
