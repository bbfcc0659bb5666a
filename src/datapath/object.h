/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The embedded eBPF object: opened with libbpf and made ready for the running
 * kernel. Also where messages of libbpf end up.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

struct bpf_object;

/* Written by the build (src/bpf/embed.py): the object file, and a hash of it in hex. */
extern const unsigned char wr_bpf_bytes[];
extern const size_t wr_bpf_size;
extern const char wr_bpf_id[];

/*
 * Opens the object: program types and BTF ids set, nothing loaded. The caller
 * closes it with bpf_object__close(). with_entry: the attached program too.
 */
int wr_object_open(bool with_entry, struct wr_diags *diags, struct bpf_object **out);

/* Loads what wr_object_open() gave; on error libbpf's last messages go to diags. */
int wr_object_load(struct bpf_object *obj, struct wr_diags *diags);
