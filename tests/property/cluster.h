/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Random clusters as manifests, by seed. What is generated can be thinned out:
 * every part (a pod, a policy, a rule, a peer, a port, a label, a requirement)
 * has a number, and dropped parts are left out; that is how a failing cluster
 * is shrunk.
 */
#include "rng.h"

#define PARTS_MAX 2048

struct cluster {
	uint64_t seed;
	bool dropped[PARTS_MAX]; /* by part */
	unsigned n_parts;        /* of the last text made */
};

/* The manifests as YAML; free() them. NULL: out of memory. */
char *cluster_text(struct cluster *c);
