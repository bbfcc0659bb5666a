/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Traffic under which generations change: datagrams that are allowed and ones
 * that are denied, and TCP connections of both kinds, from children of the
 * test. Allowed datagrams are sent only as fast as they arrive, so that one
 * that is missing was dropped and not lost in a full queue.
 */
#include "dptest.h"

#define FLOOD_ALLOWED 6000
#define FLOOD_DENIED 6001

struct flood_counts {
	volatile uint64_t allowed_sent, allowed_got, denied_sent, denied_got;
	volatile uint64_t connects, connects_failed, leaks;
	volatile int stop;
};

/* From a to b (allowed: UDP 6000, TCP 80; denied: UDP 6001, TCP 81), and UDP 6001 from c, denied. */
struct flood_counts *start_flood(void);

/* Ends it and fails the test where anything leaked or was lost, or nothing went through. */
void stop_flood(struct flood_counts *f);
