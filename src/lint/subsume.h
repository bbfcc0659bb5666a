/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Subsume: whether all that one peer, port or rule allows is allowed by another
 * one, whatever pods and labels there are.
 */
#include "lint/internal.h"

bool lint_peer_within(const struct lint *l, const struct wr_peer *a, const struct wr_peer *b);
bool lint_port_within(const struct wr_port *a, const struct wr_port *b);
/* Whether a rule's ports are all within another rule's. */
bool lint_ports_within(const struct wr_rule *a, const struct wr_rule *b);
bool lint_rule_within(const struct lint *l, const struct wr_rule *a, const struct wr_rule *b);
/* Whether two rules have a port in common; named ports: only with the same name. */
bool lint_ports_meet(const struct wr_rule *a, const struct wr_rule *b);
