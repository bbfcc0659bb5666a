/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What users name, to what the engine evaluates: "shop/web" or 10.0.0.7 to the
 * sides of a connection, "http" to a port number.
 *
 * All functions return 0, or -EINVAL with a sentence in the problem.
 */
#include "engine/program.h"

struct wr_problem {
	char text[512];
};

void wr_problem_set(struct wr_problem *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* One end as named: a pod (or a workload that stands for its pods), or an address. */
struct wr_target {
	uint32_t pod; /* WR_NONE: ip */
	struct wr_ip ip;
};

/*
 * "namespace/pod", "namespace/kind/name" with any workload kind as kubectl
 * spells it, or an address. Where no pod has the name, a workload is found by
 * it; where a workload is there by its pods only, the first of them that is
 * not completed stands for it.
 */
int wr_target_find(const struct wr_world *w, const char *text, struct wr_target *out,
		   struct wr_problem *problem);

/*
 * The two sides with addresses of one family. family 0: the one that the ends
 * prefer and both have. *other is the other family where both ends have
 * addresses of it, too, and the choice was free; else 0.
 */
int wr_target_sides(const struct wr_program *p, const struct wr_target *from,
		    const struct wr_target *to, uint8_t family, struct wr_side sides[2],
		    uint8_t *other, struct wr_problem *problem);

/* The number of a named port on the destination. */
int wr_target_named_port(const struct wr_world *w, const struct wr_side *dst, uint8_t proto,
			 const char *name, uint16_t *port, struct wr_problem *problem);

/* ICMP is one protocol for users and two for the families. */
uint8_t wr_proto_of_family(uint8_t proto, uint8_t family);

/* "10.0.0.7", "shop/web", or "shop/web (Deployment)", in buf; returns buf. */
const char *wr_target_text(const struct wr_world *w, const struct wr_target *t, char *buf,
			   size_t size);

/*
 * A Service as named: "namespace/service/name" (or svc), "service/name" where
 * only one namespace has it, or one of its cluster addresses. -ENOENT: the text
 * names no Service, and says so only in passing (it may name something else).
 */
int wr_service_find(const struct wr_world *w, const char *text, uint32_t *out,
		    struct wr_problem *problem);

/*
 * The port of a Service by number or name; text NULL: its only one. proto -1:
 * any, TCP where both have the number.
 */
int wr_service_port(const struct wr_service *s, const char *text, int proto,
		    const struct wr_service_port **out, struct wr_problem *problem);
