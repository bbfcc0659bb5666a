/* SPDX-License-Identifier: Apache-2.0 */
#include "base/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int wr_ip_parse(const char *text, struct wr_ip *out)
{
	struct wr_ip ip = {0};
	if (inet_pton(AF_INET, text, ip.b) == 1)
		ip.family = WR_IPV4;
	else if (inet_pton(AF_INET6, text, ip.b) == 1)
		ip.family = WR_IPV6;
	else
		return -EINVAL;
	*out = ip;
	return 0;
}

static void mask(struct wr_ip *ip, unsigned len, uint8_t fill)
{
	unsigned bytes = wr_family_bits(ip->family) / 8;
	for (unsigned i = 0; i < bytes; i++) {
		unsigned keep = len >= (i + 1) * 8 ? 8 : len > i * 8 ? len - i * 8 : 0;
		uint8_t m = (uint8_t)(0xff00u >> keep);
		ip->b[i] = (uint8_t)((ip->b[i] & m) | (fill & (uint8_t)~m));
	}
}

int wr_cidr_parse(const char *text, struct wr_cidr *out)
{
	char addr[WR_IP_TEXT];
	const char *slash = strchr(text, '/');
	if (!slash || (size_t)(slash - text) >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = '\0';
	struct wr_cidr c = {0};
	if (wr_ip_parse(addr, &c.ip) < 0)
		return -EINVAL;
	size_t digits = strspn(slash + 1, "0123456789");
	if (digits < 1 || digits > 3 || slash[1 + digits] || (digits > 1 && slash[1] == '0'))
		return -EINVAL;
	unsigned long len = strtoul(slash + 1, NULL, 10);
	if (len > wr_family_bits(c.ip.family))
		return -EINVAL;
	c.len = (uint8_t)len;
	mask(&c.ip, c.len, 0);
	*out = c;
	return 0;
}

const char *wr_ip_format(const struct wr_ip *ip, char *buf)
{
	if (!inet_ntop(ip->family == WR_IPV4 ? AF_INET : AF_INET6, ip->b, buf, WR_IP_TEXT))
		buf[0] = '\0';
	return buf;
}

const char *wr_cidr_format(const struct wr_cidr *c, char *buf)
{
	char addr[WR_IP_TEXT];
	snprintf(buf, WR_CIDR_TEXT, "%s/%u", wr_ip_format(&c->ip, addr), c->len);
	return buf;
}

int wr_ip_compare(const struct wr_ip *a, const struct wr_ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, sizeof(a->b));
}

bool wr_ip_equal(const struct wr_ip *a, const struct wr_ip *b)
{
	return wr_ip_compare(a, b) == 0;
}

bool wr_cidr_contains(const struct wr_cidr *c, const struct wr_ip *ip)
{
	if (c->ip.family != ip->family)
		return false;
	struct wr_ip masked = *ip;
	mask(&masked, c->len, 0);
	return !memcmp(masked.b, c->ip.b, sizeof(masked.b));
}

bool wr_cidr_covers(const struct wr_cidr *outer, const struct wr_cidr *inner)
{
	return inner->len >= outer->len && wr_cidr_contains(outer, &inner->ip);
}

struct wr_ip wr_cidr_first(const struct wr_cidr *c)
{
	return c->ip;
}

struct wr_ip wr_cidr_last(const struct wr_cidr *c)
{
	struct wr_ip ip = c->ip;
	mask(&ip, c->len, 0xff);
	return ip;
}

bool wr_ip_next(struct wr_ip *ip)
{
	for (unsigned i = wr_family_bits(ip->family) / 8; i-- > 0;)
		if (++ip->b[i])
			return true;
	return false;
}

bool wr_ip_prev(struct wr_ip *ip)
{
	for (unsigned i = wr_family_bits(ip->family) / 8; i-- > 0;)
		if (ip->b[i]--)
			return true;
	return false;
}
