/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Checks of single values, with the API server's own words.
 *
 * Each wr_check_*() writes what is wrong with a text to msgs (room for
 * WR_CHECK_MAX) in the API server's order and returns how many; 0: valid.
 * The messages are constants.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"

#define WR_CHECK_MAX 6

size_t wr_check_dns_subdomain(const char *s, const char *msgs[WR_CHECK_MAX]);
size_t wr_check_dns_label(const char *s, const char *msgs[WR_CHECK_MAX]);
size_t wr_check_label_key(const char *s, const char *msgs[WR_CHECK_MAX]);
size_t wr_check_label_value(const char *s, const char *msgs[WR_CHECK_MAX]);
size_t wr_check_port_name(const char *s, const char *msgs[WR_CHECK_MAX]);

#define WR_PORT_NUM_MSG "must be between 1 and 65535, inclusive"
#define WR_CIDR_MSG "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"

/*
 * A CIDR read as generously as API servers ever did: decimal octets and
 * lengths with leading zeros, IPv4-mapped addresses (they count as IPv4),
 * host bits. What was generous about it is told in the flags.
 */
struct wr_cidr_check {
	struct wr_cidr cidr;  /* masked; IPv4-mapped: the IPv4 prefix */
	struct wr_ip address; /* with its host bits */
	uint8_t written_len;  /* the length as written */
	bool leading_zeros, mapped, host_bits;
	bool canonical; /* IPv6 text is as RFC 5952 has it; true for IPv4 */
};

/* 0, or -EINVAL when no API server ever took it. */
int wr_check_cidr(const char *text, struct wr_cidr_check *out);

/* Text in double quotes with Go's escapes, cut to fit size (at least 16). Returns buf. */
const char *wr_quote(char *buf, size_t size, const char *text);
