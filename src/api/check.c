/* SPDX-License-Identifier: Apache-2.0 */
#include "api/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SUBDOMAIN_RULE                                                                        \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, " \
	"'-' or '.', and must start and end with an alphanumeric character (e.g. "            \
	"'example.com', regex used for validation is "                                        \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define LABEL_RULE                                                                          \
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or " \
	"'-', and must start and end with an alphanumeric character (e.g. 'my-name',  or "  \
	"'123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define KEY_RULE                                                                              \
	"must consist of alphanumeric characters, '-', '_' or '.', and must start and end "   \
	"with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex " \
	"used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define VALUE_RULE                                                                             \
	"a valid label must be an empty string or consist of alphanumeric characters, '-', "   \
	"'_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  " \
	"or 'my_value',  or '12345', regex used for validation is "                            \
	"'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_alnum(char c)
{
	return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? */
static bool is_dns_label(const char *s, size_t n)
{
	if (!n || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_lower(s[i]) && !is_digit(s[i]) && s[i] != '-')
			return false;
	return true;
}

/* Such labels with dots between them. */
static bool is_dns_subdomain(const char *s, size_t n)
{
	for (size_t from = 0, i = 0;; i++) {
		if (i < n && s[i] != '.')
			continue;
		if (!is_dns_label(s + from, i - from))
			return false;
		if (i == n)
			return true;
		from = i + 1;
	}
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
static bool is_name(const char *s, size_t n)
{
	if (!n || !is_alnum(s[0]) || !is_alnum(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
			return false;
	return true;
}

size_t wr_check_dns_subdomain(const char *s, const char *msgs[WR_CHECK_MAX])
{
	size_t len = strlen(s), n = 0;
	if (len > 253)
		msgs[n++] = "must be no more than 253 bytes";
	if (!is_dns_subdomain(s, len))
		msgs[n++] = SUBDOMAIN_RULE;
	return n;
}

size_t wr_check_dns_label(const char *s, const char *msgs[WR_CHECK_MAX])
{
	size_t len = strlen(s), n = 0;
	if (len > 63)
		msgs[n++] = "must be no more than 63 bytes";
	if (!is_dns_label(s, len))
		msgs[n++] = is_dns_subdomain(s, len) ? "must not contain dots" : LABEL_RULE;
	return n;
}

size_t wr_check_label_key(const char *s, const char *msgs[WR_CHECK_MAX])
{
	size_t n = 0;
	const char *slash = strchr(s, '/');
	if (slash && strchr(slash + 1, '/')) {
		msgs[n++] = "a valid label key " KEY_RULE
			    " with an optional DNS subdomain prefix and '/' (e.g. "
			    "'example.com/MyName')";
		return n;
	}
	if (slash == s)
		msgs[n++] = "prefix part must be non-empty";
	else if (slash) {
		if (slash - s > 253)
			msgs[n++] = "prefix part must be no more than 253 bytes";
		if (!is_dns_subdomain(s, (size_t)(slash - s)))
			msgs[n++] = "prefix part " SUBDOMAIN_RULE;
	}
	const char *name = slash ? slash + 1 : s;
	size_t len = strlen(name);
	if (!len)
		msgs[n++] = "name part must be non-empty";
	else if (len > 63)
		msgs[n++] = "name part must be no more than 63 bytes";
	if (!is_name(name, len))
		msgs[n++] = "name part " KEY_RULE;
	return n;
}

size_t wr_check_label_value(const char *s, const char *msgs[WR_CHECK_MAX])
{
	size_t len = strlen(s), n = 0;
	if (len > 63)
		msgs[n++] = "must be no more than 63 bytes";
	if (len && !is_name(s, len))
		msgs[n++] = VALUE_RULE;
	return n;
}

size_t wr_check_port_name(const char *s, const char *msgs[WR_CHECK_MAX])
{
	size_t len = strlen(s), n = 0;
	bool letter = false, other = !len;
	for (size_t i = 0; i < len; i++) {
		letter |= is_lower(s[i]);
		other |= !is_lower(s[i]) && !is_digit(s[i]) && s[i] != '-';
	}
	if (len > 15)
		msgs[n++] = "must be no more than 15 characters";
	if (other)
		msgs[n++] =
			"must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
	if (!letter)
		msgs[n++] = "must contain at least one letter (a-z)";
	if (strstr(s, "--"))
		msgs[n++] = "must not contain consecutive hyphens";
	if (len && (s[0] == '-' || s[len - 1] == '-'))
		msgs[n++] = "must not begin or end with a hyphen";
	return n;
}

/*
 * Decimal number up to max at *p, leading zeros allowed and noted; *p moves
 * past it. Go's old parsers take any number of zeros; so does this.
 */
static bool number(const char **p, unsigned max, unsigned *out, bool *zeros)
{
	const char *start = *p;
	unsigned n = 0;
	for (; is_digit(**p); ++*p) {
		n = n * 10 + (unsigned)(**p - '0');
		if (n > max)
			return false;
	}
	*zeros |= *p - start > 1 && *start == '0';
	*out = n;
	return *p > start;
}

static bool parse_ipv4(const char *p, const char *end, struct wr_ip *ip, bool *zeros)
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned octet;
		if ((i && *p++ != '.') || !number(&p, 255, &octet, zeros))
			return false;
		ip->b[i] = (uint8_t)octet;
	}
	ip->family = WR_IPV4;
	return p == end;
}

static bool is_mapped(const struct wr_ip *ip)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	return ip->family == WR_IPV6 && !memcmp(ip->b, prefix, sizeof(prefix));
}

/* Of the prefix's own text, so that "2001:DB8::/32" and "::0/0" are found out. */
static bool is_canonical(const struct wr_cidr_check *c, const char *text)
{
	char ip[WR_IP_TEXT], whole[WR_CIDR_TEXT];
	if (c->address.family == WR_IPV4)
		return true;
	snprintf(whole, sizeof(whole), "%s/%u", wr_ip_format(&c->address, ip), c->written_len);
	return !strcmp(whole, text);
}

static void set_prefix(struct wr_cidr_check *c)
{
	char ip[WR_IP_TEXT], text[WR_CIDR_TEXT];
	snprintf(text, sizeof(text), "%s/%u", wr_ip_format(&c->address, ip), c->written_len);
	/* cannot fail: the text was made from an address and a length in range */
	if (wr_cidr_parse(text, &c->cidr) < 0)
		return;
	c->host_bits = !wr_ip_equal(&c->cidr.ip, &c->address);
	/* a mapped prefix that covers more than mapped addresses stays an IPv6 one */
	if (!is_mapped(&c->cidr.ip) || c->written_len < 96)
		return;
	memmove(c->cidr.ip.b, c->cidr.ip.b + 12, 4);
	memset(c->cidr.ip.b + 4, 0, 12);
	c->cidr.ip.family = WR_IPV4;
	c->cidr.len = (uint8_t)(c->written_len - 96);
}

int wr_check_cidr(const char *text, struct wr_cidr_check *out)
{
	struct wr_cidr_check c = {0};
	const char *slash = strchr(text, '/');
	if (!slash)
		return -EINVAL;
	size_t n = (size_t)(slash - text);
	if (memchr(text, ':', n)) {
		char addr[WR_IP_TEXT];
		if (n >= sizeof(addr))
			return -EINVAL;
		memcpy(addr, text, n);
		addr[n] = '\0';
		if (wr_ip_parse(addr, &c.address) < 0)
			return -EINVAL;
	} else if (!parse_ipv4(text, slash, &c.address, &c.leading_zeros)) {
		return -EINVAL;
	}
	const char *p = slash + 1;
	unsigned len;
	if (!number(&p, wr_family_bits(c.address.family), &len, &c.leading_zeros) || *p)
		return -EINVAL;
	c.written_len = (uint8_t)len;
	c.mapped = is_mapped(&c.address);
	set_prefix(&c);
	c.canonical = is_canonical(&c, text);
	*out = c;
	return 0;
}

/* Length of a printable UTF-8 sequence at s, 0 when it must be escaped. */
static size_t printable(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	if (*s < 0x80)
		return *s >= 0x20 && *s != 0x7f;
	for (size_t f = 0; f < 3; f++) {
		if ((*s & forms[f].mask) != forms[f].lead)
			continue;
		uint32_t c = *s & (unsigned char)~forms[f].mask;
		for (size_t i = 1; i <= f + 1; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[i] & 0x3f);
		}
		bool hidden = c < 0xa1 || c == 0xad || (c >= 0x2000 && c <= 0x200f) ||
			      (c >= 0x2028 && c <= 0x202f) || (c >= 0xd800 && c <= 0xf8ff) ||
			      c == 0xfeff || c > 0x10ffff || c < forms[f].least;
		return hidden ? 0 : f + 2;
	}
	return 0;
}

const char *wr_quote(char *buf, size_t size, const char *text)
{
	static const char plain[] = "\a\b\f\n\r\t\v\\\"", names[] = "abfnrtv\\\"";
	size_t at = 0;
	buf[at++] = '"';
	for (const unsigned char *s = (const unsigned char *)text; *s;) {
		if (at + 10 > size) { /* room for an escape, "..." and the end */
			memcpy(buf + at, "...", 3);
			at += 3;
			break;
		}
		const char *escape = strchr(plain, *s);
		size_t n = printable(s);
		if (escape) {
			buf[at++] = '\\';
			buf[at++] = names[escape - plain];
			s++;
		} else if (n) {
			memcpy(buf + at, s, n);
			at += n;
			s += n;
		} else {
			at += (size_t)snprintf(buf + at, 5, "\\x%02x", *s++);
		}
	}
	buf[at++] = '"';
	buf[at] = '\0';
	return buf;
}
