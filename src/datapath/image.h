/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Image: the cells that the eBPF program judges by. See bpf/abi.h for the
 * layout. Here: the map in memory, and a program's tables in a half of it.
 */
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "engine/program.h"

/* Bounds of a half, well below what 28 bits and the kernel's largest array hold. */
#define WR_HALF_MIN (1u << 14)
#define WR_HALF_MAX (1u << 26)

struct wr_image_map {
	int fd; /* -1: none */
	uint32_t id;
	uint32_t n_cells;       /* 1 + two halves */
	union weir_cell *cells; /* mapped */
	size_t size;
};

/* A new map of at least WR_HALF_MIN with nothing in it, writable. 0 or negative errno. */
int wr_image_map_create(uint32_t half, struct wr_image_map *out);
/* The map that is in force. -ENOENT: there is none; -EBADMSG: it is damaged. */
int wr_image_map_open(const char *pin_dir, int images_fd, bool writable, struct wr_image_map *out);
/*
 * Pins a map by its number, so that wr_image_map_open() finds it: before it is
 * in force. Opening by number alone takes CAP_SYS_ADMIN, which an agent does
 * not have. 0, also when it is pinned already, or negative errno.
 */
int wr_image_map_pin(const char *pin_dir, const struct wr_image_map *m);
/* Removes the pins of all others: when it is in force. */
void wr_image_map_unpin_others(const char *pin_dir, const struct wr_image_map *m);
void wr_image_map_close(struct wr_image_map *m);

/* Cell of the half that begins at base where a slot's identity is. */
union weir_cell *wr_image_identity(const struct wr_image_map *m, uint32_t base, uint32_t slot);

/* Base of the half in force, and of the other one. */
uint32_t wr_image_base(const struct wr_image_map *m);
uint32_t wr_image_spare(const struct wr_image_map *m);

/* Where the parts of a program lie in a half. */
struct wr_layout {
	uint32_t n_classes, n_authors;
	uint32_t row_cells;          /* of one row */
	uint32_t rows, sets, counts; /* offsets */
	uint32_t tables;             /* cells of all but the identities */
	uint32_t *set_at;            /* port set number to offset; owned */
};

/* 0, -ENOMEM, -E2BIG. */
int wr_layout_plan(const struct wr_program *p, struct wr_layout *out);
void wr_layout_free(struct wr_layout *l);

/* Writes everything but the identities into a half. */
void wr_layout_write(const struct wr_layout *l, const struct wr_program *p, uint32_t n_slots,
		     union weir_cell *half);

/* An identity as the image has it. */
struct weir_identity wr_layout_identity(const struct wr_layout *l, const struct wr_identity *id,
					uint32_t flags);
