/* SPDX-License-Identifier: Apache-2.0 */
/* The image map grows: a larger one with the same contents takes its place. */
#include <errno.h>
#include <string.h>

#include "datapath/internal.h"

static int create(const struct wr_datapath *dp, uint64_t need, struct wr_image_map *out)
{
	struct wr_image_map m;
	if (need > WR_HALF_MAX)
		return -E2BIG;
	need += need / 2;
	int rc = wr_image_map_create(need > WR_HALF_MAX ? WR_HALF_MAX : (uint32_t)need, &m);
	if (rc < 0)
		return rc;
	rc = wr_image_map_pin(dp->opts.pin_dir, &m);
	if (rc < 0)
		wr_image_map_close(&m);
	else
		*out = m;
	return rc;
}

/* The half in force: its tables, and all identities that there is room for. */
static void copy(const struct wr_image_map *from, const struct wr_image_map *to)
{
	const union weir_cell *now = from->cells + wr_image_base(from);
	uint32_t slots = from->cells[0].head.half - now->half.tables;
	memcpy(to->cells + 1, now, (size_t)now->half.tables * WEIR_CELL);
	memcpy(wr_image_identity(to, 1, slots - 1),
	       wr_image_identity(from, wr_image_base(from), slots - 1), (size_t)slots * WEIR_CELL);
	to->cells[0].head.generation = from->cells[0].head.generation;
}

int wr_image_make_room(struct wr_datapath *dp, uint32_t tables)
{
	struct wr_image_map *m = &dp->image, larger;
	uint64_t need = (uint64_t)tables + dp->slots.next;
	uint32_t zero = 0;
	if (m->fd < 0)
		return create(dp, need, m);
	uint64_t need_now = (uint64_t)m->cells[wr_image_base(m)].half.tables + dp->slots.next;
	if (need_now > need)
		need = need_now;
	if (need <= m->cells[0].head.half)
		return 0;
	int rc = create(dp, need, &larger);
	if (rc < 0)
		return rc;
	copy(m, &larger);
	if (bpf_map_update_elem(dp->maps.fd[WR_MAP_IMAGES], &zero, &larger.fd, BPF_ANY) < 0) {
		rc = -errno;
		wr_image_map_close(&larger);
		return rc;
	}
	wr_image_map_close(m);
	*m = larger;
	wr_image_map_unpin_others(dp->opts.pin_dir, m);
	return 0;
}
