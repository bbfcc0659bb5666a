/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The cells of kubectl's tables that take more than a look at one field (see columns.h). */
#include "apiserver/tree.h"

struct wr_value *wr_cell_none(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_containers(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_images(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_selector(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_plain_selector(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_pod_selector(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_node_selector(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_pod_ready(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_pod_status(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_pod_restarts(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_node_status(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_node_roles(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_internal_ip(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_external_ip(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_external(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_service_ports(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_endpoints(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_slice_ports(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_slice_endpoints(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_involved(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_hosts(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_balancer(struct wr_tree *t, const struct wr_value *o);
struct wr_value *wr_cell_ingress_ports(struct wr_tree *t, const struct wr_value *o);
