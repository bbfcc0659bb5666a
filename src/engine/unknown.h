/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Unknown: whether a pod admits a peer of which nothing is known: a pod without
 * labels in a namespace without labels, such as an ingress controller that is
 * not in the manifests.
 */
#include "engine/program.h"

/* Whether a connection from such a pod to dst is allowed by the policies at dst. */
bool wr_admits_unknown(const struct wr_program *p, const struct wr_side *dst, uint8_t proto,
		       uint16_t port);
