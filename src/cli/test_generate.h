/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Tests made from policies: for each rule something that must pass and, where
 * there is somebody whom no rule lets in, something that must not.
 */
#include "cli/cli.h"
#include "cli/load.h"

/* Prints a test file; the exit status. */
int wr_test_generate(const struct wr_args *args, const struct wr_loaded *l);
