/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Tests by real packets between the pods of a lab. */
#include "expect/expect.h"
#include "lab/lab.h"

/*
 * Runs one test in an open lab whose program the expectations were resolved
 * against. Connections that packets cannot try (SCTP, an address that the lab
 * does not have) are counted as skipped. 0; -E2BIG past 20 000 connections;
 * -ENOMEM; another negative errno with errors in diags.
 */
int wr_test_in_lab(struct wr_lab *lab, const struct wr_expect *e, size_t i, struct wr_diags *diags,
		   struct wr_expect_result *out);
