/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a server begins with: the namespaces that every cluster has, and
 * manifests. Status is taken from manifests as it is written, so that pods have their
 * addresses. Objects that are there already stay as they are.
 */
#include "apiserver/call.h"
#include "base/diag.h"

/* 0, or a negative errno, said in diags. */
int wr_load_policy_definitions(struct wr_server *s, struct wr_diags *diags);
int wr_load(struct wr_server *s, const char *const *paths, size_t n, struct wr_diags *diags);
