/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Internet addresses and prefixes of both families, in network byte order.
 * An IPv4 address uses the first 4 bytes; the others are zero, so that two
 * addresses are equal when their bytes and families are.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wr_family { WR_IPV4 = 4, WR_IPV6 = 6 };

struct wr_ip {
	uint8_t family; /* enum wr_family; 0: no address */
	uint8_t pad[3];
	uint8_t b[16];
};

struct wr_cidr {
	struct wr_ip ip; /* host bits masked */
	uint8_t len;     /* prefix length in bits */
};

#define WR_IP_TEXT 46 /* longest text of an address with its NUL */
#define WR_CIDR_TEXT 50

/*
 * Text to address. Exactly what inet_pton(3) takes: no zone, no leading zeros.
 * 0 or -EINVAL.
 */
int wr_ip_parse(const char *text, struct wr_ip *out);

/* Text "address/length"; host bits are masked off. 0 or -EINVAL. */
int wr_cidr_parse(const char *text, struct wr_cidr *out);

/* Canonical text (RFC 5952 for IPv6) into buf of at least WR_IP_TEXT/WR_CIDR_TEXT; returns buf. */
const char *wr_ip_format(const struct wr_ip *ip, char *buf);
const char *wr_cidr_format(const struct wr_cidr *c, char *buf);

/* Bits of an address of that family: 32 or 128. */
static inline unsigned wr_family_bits(uint8_t family)
{
	return family == WR_IPV4 ? 32 : 128;
}

bool wr_ip_equal(const struct wr_ip *a, const struct wr_ip *b);

/* Orders by family, then bytes: <0, 0, >0. */
int wr_ip_compare(const struct wr_ip *a, const struct wr_ip *b);

/* True when the address lies in the prefix (the same family). */
bool wr_cidr_contains(const struct wr_cidr *c, const struct wr_ip *ip);

/* True when inner is equal to outer or lies inside it. */
bool wr_cidr_covers(const struct wr_cidr *outer, const struct wr_cidr *inner);

/* First and last address of a prefix. */
struct wr_ip wr_cidr_first(const struct wr_cidr *c);
struct wr_ip wr_cidr_last(const struct wr_cidr *c);

/* The address after (before) this one; false when there is none. */
bool wr_ip_next(struct wr_ip *ip);
bool wr_ip_prev(struct wr_ip *ip);
