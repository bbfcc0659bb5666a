/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/image.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "datapath/internal.h"

static int map_cells(int fd, uint32_t id, uint32_t n_cells, bool writable, struct wr_image_map *out)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = ((size_t)n_cells * WEIR_CELL + page - 1) / page * page;
	void *at = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*out = (struct wr_image_map){fd, id, n_cells, at, size};
	return 0;
}

static int map_info(int fd, struct bpf_map_info *info)
{
	uint32_t len = sizeof(*info);
	*info = (struct bpf_map_info){0};
	return bpf_obj_get_info_by_fd(fd, info, &len) < 0 ? -errno : 0;
}

int wr_image_map_create(uint32_t half, struct wr_image_map *out)
{
	if (half > WR_HALF_MAX)
		return -E2BIG;
	if (half < WR_HALF_MIN)
		half = WR_HALF_MIN;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	uint32_t n_cells = 1 + 2 * half;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "image", sizeof(uint32_t), WEIR_CELL, n_cells,
				&opts);
	if (fd < 0)
		return -errno;
	struct bpf_map_info info;
	int rc = map_info(fd, &info);
	if (!rc)
		rc = map_cells(fd, info.id, n_cells, true, out);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	const union weir_cell nothing = {
		.half = {.counts = 2, .n_slots = WEIR_SLOT_FIRST, .tables = 2},
	};
	out->cells[0].head = (struct weir_image_head){.base = 1, .half = half};
	out->cells[1] = nothing;
	return 0;
}

/* Whether the head can be followed: a damaged one must not lead out of the map. */
static bool head_is_sane(const struct wr_image_map *m)
{
	const struct weir_image_head *h = &m->cells[0].head;
	if (h->half < 2 || h->half > WR_HALF_MAX || m->n_cells != 1 + 2 * h->half)
		return false;
	if (h->base != 1 && h->base != 1 + h->half)
		return false;
	const struct weir_half_head *half = &m->cells[h->base].half;
	return half->tables <= h->half && half->n_slots <= h->half - half->tables &&
	       half->counts <= half->tables;
}

/* ---- pins: "image_" and the map's number, beside the other maps ---- */

static bool pin_path(char *path, const char *dir, uint32_t id)
{
	int n = snprintf(path, WR_PIN_PATH, "%s/v%d/image_%u", dir, WEIR_ABI_VERSION, id);
	return n > 0 && n < WR_PIN_PATH;
}

int wr_image_map_pin(const char *pin_dir, const struct wr_image_map *m)
{
	char path[WR_PIN_PATH];
	if (!pin_path(path, pin_dir, m->id))
		return -ENAMETOOLONG;
	/* a pin keeps its map, so nobody else can have got the number */
	return bpf_obj_pin(m->fd, path) < 0 && errno != EEXIST ? -errno : 0;
}

void wr_image_map_unpin_others(const char *pin_dir, const struct wr_image_map *m)
{
	char path[WR_PIN_PATH];
	if (!pin_path(path, pin_dir, m->id))
		return;
	char *name = strrchr(path, '/');
	*name++ = '\0';
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		if (!strncmp(e->d_name, "image_", 6) && strcmp(e->d_name, name) != 0)
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

/* By its pin; by its number alone where a version of weir that made no pins left it. */
static int open_by_id(const char *dir, uint32_t id, struct bpf_map_info *info)
{
	char path[WR_PIN_PATH];
	int fd = pin_path(path, dir, id) ? bpf_obj_get(path) : -1;
	if (fd >= 0 && !map_info(fd, info) && info->id == id)
		return fd;
	if (fd >= 0)
		close(fd);
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

int wr_image_map_open(const char *pin_dir, int images_fd, bool writable, struct wr_image_map *out)
{
	uint32_t zero = 0, id;
	struct bpf_map_info info;
	if (bpf_map_lookup_elem(images_fd, &zero, &id) < 0)
		return -errno;
	int fd = open_by_id(pin_dir, id, &info);
	if (fd < 0)
		return fd;
	int rc = map_info(fd, &info);
	if (!rc && (info.value_size != WEIR_CELL || info.max_entries < 5))
		rc = -EBADMSG;
	if (!rc)
		rc = map_cells(fd, id, info.max_entries, writable, out);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	if (!head_is_sane(out)) {
		wr_image_map_close(out);
		return -EBADMSG;
	}
	return 0;
}

void wr_image_map_close(struct wr_image_map *m)
{
	if (m->cells)
		munmap(m->cells, m->size);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct wr_image_map){.fd = -1};
}

union weir_cell *wr_image_identity(const struct wr_image_map *m, uint32_t base, uint32_t slot)
{
	return m->cells + base + WEIR_IDENTITY(m->cells[0].head.half, slot);
}

uint32_t wr_image_base(const struct wr_image_map *m)
{
	return m->cells[0].head.base;
}

uint32_t wr_image_spare(const struct wr_image_map *m)
{
	return m->cells[0].head.base == 1 ? 1 + m->cells[0].head.half : 1;
}

/* Adds n cells to a running offset; false past the bound. */
static bool extend(uint64_t *at, uint64_t n)
{
	*at += n;
	return *at <= WR_HALF_MAX;
}

int wr_layout_plan(const struct wr_program *p, struct wr_layout *out)
{
	struct wr_layout l = {.n_classes = wr_program_n_classes(p),
			      .n_authors = wr_program_n_authors(p)};
	uint32_t n_rows = wr_program_n_rows(p), n_sets = wr_program_n_port_sets(p);
	uint64_t at = 2;
	if (l.n_classes > WEIR_CLASS_MAX)
		return -E2BIG;
	l.rows = (uint32_t)at;
	l.row_cells = (uint32_t)(((uint64_t)l.n_classes + 3) / 4);
	if (!extend(&at, (uint64_t)(n_rows ? n_rows - 1 : 0) * l.row_cells))
		return -E2BIG;
	l.sets = (uint32_t)at;
	l.set_at = calloc(n_sets ? n_sets : 1, sizeof(*l.set_at));
	if (!l.set_at)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_sets; i++) {
		uint32_t n;
		wr_program_port_set(p, i, &n);
		l.set_at[i] = (uint32_t)at;
		if (!extend(&at, n)) {
			wr_layout_free(&l);
			return -E2BIG;
		}
	}
	l.counts = (uint32_t)at;
	if (!extend(&at, ((uint64_t)l.n_authors * WEIR_SHARDS + 1) / 2)) {
		wr_layout_free(&l);
		return -E2BIG;
	}
	l.tables = (uint32_t)at;
	*out = l;
	return 0;
}

void wr_layout_free(struct wr_layout *l)
{
	free(l->set_at);
	*l = (struct wr_layout){0};
}

static void write_rows(const struct wr_layout *l, const struct wr_program *p, union weir_cell *half)
{
	uint32_t n_rows = wr_program_n_rows(p);
	for (uint32_t r = 1; r < n_rows; r++) {
		const uint32_t *sets = wr_program_row(p, r);
		union weir_cell *row = half + l->rows + (size_t)(r - 1) * l->row_cells;
		uint32_t *to = row->row.set;
		for (uint32_t c = 0; c < l->n_classes; c++)
			to[c] = l->set_at[sets[c]];
		for (uint32_t c = l->n_classes; c % 4; c++)
			to[c] = 0;
	}
}

static void write_sets(const struct wr_layout *l, const struct wr_program *p, union weir_cell *half)
{
	uint32_t n_sets = wr_program_n_port_sets(p);
	for (uint32_t s = 0; s < n_sets; s++) {
		uint32_t n;
		const struct wr_range *from = wr_program_port_set(p, s, &n);
		for (uint32_t i = 0; i < n; i++)
			half[l->set_at[s] + i].range = (struct weir_range){
				.first = from[i].first,
				.author = from[i].author,
				.allow = from[i].allow,
				.count = i ? 0 : n,
			};
	}
}

void wr_layout_write(const struct wr_layout *l, const struct wr_program *p, uint32_t n_slots,
		     union weir_cell *half)
{
	half[0].half = (struct weir_half_head){l->counts, l->n_authors, n_slots, l->tables};
	half[1].extent = (struct weir_half_extent){l->n_classes, l->rows, l->sets, 0};
	write_rows(l, p, half);
	write_sets(l, p, half);
	memset(half + l->counts, 0, (size_t)(l->tables - l->counts) * WEIR_CELL);
}

struct weir_identity wr_layout_identity(const struct wr_layout *l, const struct wr_identity *id,
					uint32_t flags)
{
	struct weir_identity out = {.class = id->class, .flags = flags};
	for (int dir = 0; dir < 2; dir++)
		if (id->row[dir])
			out.row[dir] = l->rows + (id->row[dir] - 1) * l->row_cells;
	if (id->self)
		out.self = l->set_at[id->self];
	return out;
}
