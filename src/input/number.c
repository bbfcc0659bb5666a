/* SPDX-License-Identifier: Apache-2.0 */
#include "input/internal.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/*
 * An integer of a base with an optional sign; base 0: as its prefix says (0x,
 * 0b, 0o, 0, none). False when it is none or does not fit 64 bits.
 */
bool wr_number_int(const char *text, size_t size, unsigned base, bool *negative,
		   uint64_t *magnitude)
{
	const char *p = text, *end = text + size;
	bool minus = p < end && *p == '-';
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	if (!base) {
		base = 10;
		if (end - p > 1 && *p == '0') {
			char c = p[1] | 0x20;
			base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
			p += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
		}
	}
	if (p == end)
		return false;
	uint64_t sum = 0;
	for (; p < end; p++) {
		unsigned d = digit(*p);
		if (d >= base || __builtin_mul_overflow(sum, (uint64_t)base, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)d, &sum))
			return false;
	}
	*negative = minus;
	*magnitude = sum;
	return true;
}

double wr_number_float(const char *text)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!c)
		return (double)NAN;
	double number = strtod_l(text, NULL, c);
	freelocale(c);
	return number;
}

/*
 * The decimal digits of a float (no point, no trailing zeros) and the power of
 * ten of the first one: the fewest digits that read back as the same float.
 */
static void shortest(float f, char digits[16], int *exponent)
{
	char buf[32];
	for (int precision = 0; precision <= 8; precision++) {
		snprintf(buf, sizeof(buf), "%.*e", precision, (double)f);
		if (strtof(buf, NULL) == f)
			break;
	}
	size_t n = 0;
	const char *p = buf;
	for (; *p && *p != 'e'; p++)
		if (*p >= '0' && *p <= '9' && n < 15)
			digits[n++] = *p;
	digits[n] = '\0';
	*exponent = *p ? (int)strtol(p + 1, NULL, 10) : 0;
}

void wr_number_float_key(double number, char *buf)
{
	float f = (float)number;
	const char *sign = signbit(f) ? "-" : "";
	if (isnan(f) || isinf(f)) {
		snprintf(buf, WR_FLOAT_KEY_TEXT, "%s",
			 isnan(f)     ? ".nan"
			 : signbit(f) ? "-.inf"
				      : ".inf");
		return;
	}
	char digits[16];
	int exponent;
	shortest(fabsf(f), digits, &exponent);
	int n = (int)strlen(digits);
	if (exponent < -4 || exponent >= 6) {
		snprintf(buf, WR_FLOAT_KEY_TEXT, "%s%c%s%se%c%02d", sign, digits[0],
			 n > 1 ? "." : "", digits + 1, exponent < 0 ? '-' : '+', abs(exponent));
	} else if (exponent < 0) {
		snprintf(buf, WR_FLOAT_KEY_TEXT, "%s0.%.*s%s", sign, -exponent - 1, "0000", digits);
	} else if (n <= exponent + 1) {
		snprintf(buf, WR_FLOAT_KEY_TEXT, "%s%s%.*s", sign, digits, exponent + 1 - n,
			 "00000");
	} else {
		snprintf(buf, WR_FLOAT_KEY_TEXT, "%s%.*s.%s", sign, exponent + 1, digits,
			 digits + exponent + 1);
	}
}

void wr_value_set_int(struct wr_value *v, bool negative, uint64_t magnitude)
{
	double number = negative ? -(double)magnitude : (double)magnitude;
	uint64_t most = (uint64_t)INT64_MAX + negative;
	v->type = magnitude <= most ? WR_INT : WR_FLOAT;
	v->number = number;
	if (v->type == WR_INT)
		v->integer = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
}

void wr_value_set_float(struct wr_value *v, double number)
{
	v->type = WR_FLOAT;
	v->number = number;
	/* both bounds are exact doubles; 2^63 itself does not fit */
	if (number >= -0x1p63 && number < 0x1p63 && number == nearbyint(number)) {
		v->type = WR_INT;
		v->integer = (int64_t)number;
	}
}
