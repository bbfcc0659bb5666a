/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Columns: what kubectl get shows of each kind, as the API server prints it
 * (k8s.io/kubernetes/pkg/printers/internalversion/printers.go; of custom
 * resources the additionalPrinterColumns of their definitions).
 */
#include "apiserver/resources.h"
#include "apiserver/tree.h"

/* The columnDefinitions of a kind. */
struct wr_value *wr_columns_heads(struct wr_tree *t, const struct wr_resource *r);

/* The cells of an object, as many as there are columns. */
struct wr_value *wr_columns_cells(struct wr_tree *t, const struct wr_resource *r,
				  const struct wr_value *object);

/* A duration as kubectl shows ages: "8s", "3m12s", "5d". */
const char *wr_columns_duration(int64_t seconds, char buf[32]);
