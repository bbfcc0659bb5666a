/* SPDX-License-Identifier: Apache-2.0 */
/* What another process, or this one before an error, has left loaded. */
#include <errno.h>
#include <string.h>

#include "datapath/internal.h"

static int note_entry(void *ctx, const struct wr_slot_key *key, uint32_t slot)
{
	struct wr_slot_list *found = ctx;
	return wr_vec_push(found, ((struct wr_slot){*key, slot}));
}

static int load_slots(struct wr_datapath *dp)
{
	struct wr_slot_list found = {0};
	int rc = wr_addresses_each(&dp->maps, note_entry, &found);
	if (!rc)
		rc = wr_slots_load(&dp->slots, found.items, found.n);
	wr_vec_free(&found);
	return rc;
}

/* What this process knew of the kinds and had still to do. */
static void forget(struct wr_datapath *dp)
{
	free(dp->ids);
	dp->ids = NULL;
	dp->n_ids = 0;
	dp->leaving.n = 0;
	dp->flipped = dp->stricter = 0;
	dp->seq++;
	wr_slots_free(&dp->slots);
	wr_image_map_close(&dp->image);
}

int wr_datapath_take_over(struct wr_datapath *dp, struct wr_diags *diags)
{
	forget(dp);
	int rc = wr_image_map_open(dp->opts.pin_dir, dp->maps.fd[WR_MAP_IMAGES], true, &dp->image);
	/* none yet, or one that nobody can read: the next apply makes another */
	if (rc < 0 && rc != -ENOENT && rc != -EBADMSG)
		return wr_dp_error(diags, rc, "cannot read the image in force");
	rc = load_slots(dp);
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot read the addresses that are loaded");
	if (dp->image.fd >= 0) {
		/* whoever changed something last may have been killed before its fence */
		rc = wr_datapath_fence(dp);
		if (rc < 0)
			return wr_dp_error(diags, rc, "cannot wait for packets under way");
		rc = wr_image_map_pin(dp->opts.pin_dir, &dp->image);
		if (rc < 0)
			return wr_dp_error(diags, rc, "cannot pin the image in force");
		wr_image_map_unpin_others(dp->opts.pin_dir, &dp->image);
	}
	dp->config->writer = dp->writer;
	return 0;
}
