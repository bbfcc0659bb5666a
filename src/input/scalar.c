/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes reads YAML with go-yaml v2 and turns what comes out into JSON. Its
 * rules are older than YAML 1.2 and partly its own:
 *
 * - the first character decides what a text can be at all: a sign or a digit a
 *   number, a point a float, one of yYnNtTfFoO~ a word from a short list;
 *   everything else is a string;
 * - yes, no, on and off are booleans, in three spellings each (for y and n see
 *   the table of words);
 * - underscores are dropped from numbers wherever they stand;
 * - 0755 and 0o755 are octal, 0b11 binary, 0x1f hexadecimal; 08 is no octal
 *   number and thus the float 8; base 60 is not known;
 * - a date is read as one and then given back as the string that it was;
 * - what is too large for a double is a string.
 *
 * JSON knows one kind of number: 80.0 is written out as 80, so it is an integer.
 * All this but y and n was compared with kubectl.
 */
#include "input/scalar.h"

#include <math.h>
#include <errno.h>
#include <string.h>

#include "input/internal.h"

#define NUMBER_MAX 400 /* no longer text can be a number that anybody means */

enum kind { STR, BOOL, INT, FLOAT, NUL, TIMESTAMP };

static const char *const kind_names[] = {"!!str",   "!!bool", "!!int",
					 "!!float", "!!null", "!!timestamp"};

static bool tag_kind(const char *tag, enum kind *kind)
{
	size_t prefix = strlen(WR_YAML_TAG_PREFIX);
	if (strncmp(tag, WR_YAML_TAG_PREFIX, prefix) != 0)
		return false;
	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (!strcmp(tag + prefix, kind_names[i] + 2)) {
			*kind = (enum kind)i;
			return true;
		}
	}
	return false;
}

/*
 * The words, in the three spellings: word, Word, WORD. Bare y and n stay
 * strings, though go-yaml v2 calls them booleans: most emitters write them
 * bare, and "y" is a name like any other.
 */
static const struct word {
	const char *text;
	enum kind kind;
	bool boolean;
	double number;
} words[] = {
	{"yes", BOOL, true, 0},
	{"true", BOOL, true, 0},
	{"on", BOOL, true, 0},
	{"no", BOOL, false, 0},
	{"false", BOOL, false, 0},
	{"off", BOOL, false, 0},
	{"~", NUL, false, 0},
	{"null", NUL, false, 0},
	{".inf", FLOAT, false, HUGE_VAL},
	{"+.inf", FLOAT, false, HUGE_VAL},
	{"-.inf", FLOAT, false, -HUGE_VAL},
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* text is word in small letters, in capitals, or with a capital in front. */
static bool spells(const char *text, const char *word)
{
	bool first = true, all_lower = true, all_upper = true;
	for (; *text && lower(*text) == *word; text++, word++) {
		if (*word < 'a' || *word > 'z')
			continue;
		bool capital = *text != *word;
		if (!first) {
			all_lower = all_lower && !capital;
			all_upper = all_upper && capital;
		} else if (!capital) {
			all_upper = false;
		}
		first = false;
	}
	return !*text && !*word && (all_lower || all_upper);
}

static bool resolve_word(const char *text, struct wr_value *v, enum kind *kind)
{
	if (!*text) {
		*kind = NUL;
		return true;
	}
	if (!strcmp(text, ".nan") || !strcmp(text, ".NaN") || !strcmp(text, ".NAN")) {
		v->number = (double)NAN;
		*kind = FLOAT;
		return true;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (spells(text, words[i].text)) {
			v->boolean = words[i].boolean;
			v->number = words[i].number;
			*kind = words[i].kind;
			return true;
		}
	}
	return false;
}

static const char *digits(const char *p)
{
	return p + strspn(p, "0123456789");
}

/* [-+]? (.digits | digits (. digits*)?) ([eE] [-+]? digits)? and fits a double */
static bool resolve_float(const char *text, double *number)
{
	const char *p = text + (*text == '-' || *text == '+'), *q = digits(p);
	bool whole = q > p;
	if (*q == '.') {
		p = q + 1;
		q = digits(p);
		if (!whole && q == p)
			return false;
	} else if (!whole) {
		return false;
	}
	if (*q == 'e' || *q == 'E') {
		p = q + 1 + (q[1] == '-' || q[1] == '+');
		q = digits(p);
		if (q == p)
			return false;
	}
	if (*q)
		return false;
	double d = wr_number_float(text);
	if (!isfinite(d))
		return false;
	*number = d;
	return true;
}

/*
 * Copies text without its underscores. Where strict, each must stand between
 * digits. False: too long for a number, or a stray underscore.
 */
static bool drop_underscores(const char *text, bool strict, char out[NUMBER_MAX])
{
	size_t n = 0;
	for (size_t i = 0; text[i]; i++) {
		if (text[i] != '_') {
			if (n + 1 >= NUMBER_MAX)
				return false;
			out[n++] = text[i];
		} else if (strict && (!i || digits(text + i - 1) == text + i - 1 ||
				      digits(text + i + 1) == text + i + 1)) {
			return false;
		}
	}
	out[n] = '\0';
	return true;
}

static bool resolve_number(const char *text, struct wr_scalar *s, enum kind *kind)
{
	char plain[NUMBER_MAX];
	bool negative, point = *text == '.';
	uint64_t magnitude;
	double number;
	if (!drop_underscores(text, point, plain))
		return false;
	size_t size = strlen(plain);
	*kind = INT;
	if (!point && wr_number_int(plain, size, 0, &negative, &magnitude)) {
		/* past int64 only without a sign; a signed one goes on as a float */
		if (magnitude <= (uint64_t)INT64_MAX + negative ||
		    (*plain != '-' && *plain != '+')) {
			wr_value_set_int(&s->value, negative, magnitude);
			return true;
		}
	}
	if (resolve_float(plain, &number)) {
		wr_value_set_float(&s->value, number);
		s->was_float = true;
		*kind = FLOAT;
		return true;
	}
	/* "0b-11": the sign may also follow the prefix */
	if (!strncmp(plain, "0b", 2) &&
	    wr_number_int(plain + 2, size - 2, 2, &negative, &magnitude) &&
	    magnitude <= (uint64_t)INT64_MAX + negative) {
		wr_value_set_int(&s->value, negative, magnitude);
		return true;
	}
	return false;
}

/* Begins like a date, yyyy-m-d: enough to tell for an explicit !!timestamp. */
static bool is_date(const char *text)
{
	const char *p = digits(text), *q;
	for (int i = 0; i < 2; i++, p = q) {
		if ((!i && p - text != 4) || *p++ != '-')
			return false;
		q = digits(p);
		if (q == p || q - p > 2)
			return false;
	}
	return !*p || strchr("Tt ", *p);
}

static enum kind resolve(const char *text, struct wr_scalar *s)
{
	enum kind kind = STR;
	if (*text && !strchr("+-0123456789.yYnNtTfFoO~", *text))
		return STR;
	if (resolve_word(text, &s->value, &kind)) {
		s->was_float = kind == FLOAT;
		return kind;
	}
	if (strchr("+-0123456789.", *text) && resolve_number(text, s, &kind))
		return kind;
	return STR;
}

int wr_scalar_resolve(const char *tag, const char *text, struct wr_scalar *out, const char **kind)
{
	struct wr_scalar s = {.value.type = WR_STRING};
	enum kind want = STR, got = STR;
	bool tagged = tag && tag_kind(tag, &want);
	if (tagged ? want != STR : !tag)
		got = resolve(text, &s);
	if (tagged && want == TIMESTAMP && is_date(text))
		got = TIMESTAMP;
	if (tagged && want == FLOAT && got == INT && s.value.type == WR_INT) {
		s.was_float = true;
		got = FLOAT;
	}
	if (tagged && want != STR && got != want) {
		*kind = kind_names[got];
		return -EINVAL;
	}
	if (got == BOOL)
		s.value.type = WR_BOOL;
	else if (got == NUL)
		s.value.type = WR_NULL;
	else if (got == FLOAT && s.value.type == WR_STRING)
		s.value.type = WR_FLOAT;
	*out = s;
	return 0;
}
