/* SPDX-License-Identifier: Apache-2.0 */
#include "input/internal.h"

#include <errno.h>

size_t wr_utf8_length(const unsigned char *p, const unsigned char *end)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (!n || p[0] > 0xf4 || (size_t)(end - p) < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* no overlong forms, no surrogates, nothing past U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

size_t wr_utf8_encode(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = n; i-- > 1; code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(lead[n] | code);
	return n;
}

static uint32_t unit(const unsigned char *p, bool big)
{
	return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

int wr_utf16_decode(struct wr_arena *a, const char **text, size_t *size, uint32_t *line,
		    uint32_t *column)
{
	const unsigned char *p = (const unsigned char *)*text, *end = p + *size;
	bool big = p[0] == 0xfe;
	char *out = wr_arena_array(a, *size / 2 + 1, 3); /* 2 bytes become at most 3 */
	if (!out)
		return -ENOMEM;
	size_t n = 0;
	uint32_t at_line = 1, at_column = 1;
	for (p += 2; p < end; p += 2, at_column++) {
		uint32_t low = 0, code = end - p < 2 ? 0xdfff : unit(p, big);
		if (code >= 0xd800 && code < 0xdc00 && end - p >= 4)
			low = unit(p + 2, big);
		if (low >= 0xdc00 && low < 0xe000) {
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
			p += 2;
		}
		if (code >= 0xd800 && code < 0xe000) {
			*line = at_line;
			*column = at_column;
			return -EILSEQ;
		}
		n += wr_utf8_encode(code, out + n);
		if (code == '\n') {
			at_line++;
			at_column = 0;
		}
	}
	*text = out;
	*size = n;
	return 0;
}
