/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Traffic under which generations change: datagrams that are allowed and ones
 * that are denied, and TCP connections of both kinds, from children of the
 * test. Allowed datagrams are sent only as fast as they arrive, so that one
 * that is missing was dropped and not lost in a full queue.
 */
#include "dptest.h"

struct flood_flow {
	enum place from, to;
	const char *ip; /* of to */
	uint16_t port;
	bool allowed;
};

/* The policies of whoever starts a flood must say so. */
#define FLOOD_FLOWS 5
extern const struct flood_flow flood_flows[FLOOD_FLOWS];

/*
 * Policies that make it so for datagrams, and for TCP from a to b: port 80 is
 * allowed, 81 is not. The outside is allowed by the ipBlock given.
 */
#define FLOOD_POLICIES(block)                                                                  \
	POLICY("in", "b", "Ingress",                                                           \
	       "ingress: [{from: [" PEER("a") "], ports: [{port: 80}, {port: 6000, protocol: " \
					      "UDP}]}, {from: [{ipBlock: {cidr: " block        \
					      "}}], ports: [{port: 6002, "                     \
					      "protocol: UDP}]}]")                             \
	DENY_EGRESS("c-out", "c")

/* Programs that allow and deny the same of it and are otherwise as different as can be. */
#define FLOOD_PROGRAMS 4
struct wr_program *flood_program(unsigned i);

struct flood_counts {
	struct {
		volatile uint64_t sent, got;
	} flow[FLOOD_FLOWS];
	volatile uint64_t connects, connects_failed, leaks;
	volatile int stop;
};

struct flood_counts *start_flood(void);

/* Ends it and fails the test where anything leaked or was lost, or nothing went through. */
void stop_flood(struct flood_counts *f);
