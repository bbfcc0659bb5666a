/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/nft.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <string.h>

int wr_nft_run(const char *commands, struct wr_diags *diags)
{
	struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!ctx)
		return -ENOMEM;
	int rc = 0;
	if (nft_ctx_buffer_error(ctx) || nft_ctx_buffer_output(ctx))
		rc = -ENOMEM;
	else if (nft_run_cmd_from_buffer(ctx, commands))
		rc = -EINVAL;
	if (rc == -EINVAL && diags) {
		const char *text = nft_ctx_get_error_buffer(ctx);
		size_t len = strcspn(text, "\n");
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL, "nft: %.*s", (int)len,
			    *text ? text : "failed without a message");
	}
	nft_ctx_free(ctx);
	return rc;
}
