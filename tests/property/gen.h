/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the generators of manifests share. */
#include <stdio.h>

#include "cluster.h"

struct gen {
	struct cluster *c;
	struct rng rng;
	FILE *out;
	bool muted; /* inside a part that is left out: random numbers are drawn all the same */
};

#define PICK(g, array) ((array)[rng_below(&(g)->rng, sizeof(array) / sizeof((array)[0]))])

extern const char *const gen_protocols[3], *const gen_port_names[3];
extern const int gen_ports[7];

__attribute__((format(printf, 2, 3))) void gen_put(struct gen *g, const char *fmt, ...);

/* Begins a part; returns what to hand to gen_part_end(). */
bool gen_part_begin(struct gen *g);
void gen_part_end(struct gen *g, bool before);

/* first: labels that are there already, "" or each with a comma behind it. */
void gen_labels(struct gen *g, const char *first);

/*
 * A selector of any number of requirements; none selects everything. more: what
 * follows the expressions, "" or a further one.
 */
void gen_selector(struct gen *g, bool of_namespaces, const char *more);

/* A prefix, maybe with host bits, to text. */
#define GEN_CIDR 64
void gen_cidr(struct gen *g, bool host_bits, char text[GEN_CIDR]);

/* cluster_policies.c: policies of the three cluster-wide kinds, or none. */
void gen_cluster_policies(struct gen *g);
