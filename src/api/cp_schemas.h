/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The CustomResourceDefinitions of policy.networking.k8s.io, experimental
 * channel: ClusterNetworkPolicy v1alpha2 (v0.2.0), AdminNetworkPolicy and
 * BaselineAdminNetworkPolicy v1alpha1 (v0.1.7). ClusterNetworkPolicy v1beta1, of
 * which there is no release, is v1alpha2 with two rules made stricter ("later").
 */
#include "api/schema.h"

/* Of a kind for which wr_kind_is_cluster_policy() holds. */
const struct wr_schema *wr_cp_schema(enum wr_kind kind);
