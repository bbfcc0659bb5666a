/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* nftables, by libnftables: commands as nft(8) reads them, one transaction for each call. */
#include "base/diag.h"

/*
 * Runs commands in the current network namespace. On error nothing was
 * changed, nft's own message goes to diags (which may be NULL), and the result
 * is -EINVAL; -ENOMEM.
 */
int wr_nft_run(const char *commands, struct wr_diags *diags);
