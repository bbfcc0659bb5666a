/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The structures of a NetworkPolicy: their fields, and the misplacements that
 * are seen in the wild, each with a line of advice.
 */
#include "api/fields.h"

extern const struct wr_shape wr_np_shape_top, wr_np_shape_spec, wr_np_shape_port,
	wr_np_shape_ip_block;

/* Indexed by enum wr_direction. */
extern const struct wr_shape wr_np_shape_rule[2], wr_np_shape_peer[2];
