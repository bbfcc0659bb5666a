/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Random clusters as manifests, by seed. What is generated can be thinned out:
 * every part has a number, and parts in the mask are left out; that is how a
 * failing cluster is shrunk.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTS_MAX 512

struct cluster {
	uint64_t seed;
	bool dropped[PARTS_MAX]; /* by part */
	unsigned n_parts;        /* of the last text made */
};

/* The manifests as YAML; free() them. NULL: out of memory. */
char *cluster_text(struct cluster *c);

/* A stream of random numbers. */
struct rng {
	uint64_t state;
};
uint32_t rng_below(struct rng *r, uint32_t n);
bool rng_chance(struct rng *r, unsigned percent);
