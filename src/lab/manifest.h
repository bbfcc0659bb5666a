/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Manifests: what the lab's commands say to its API server, and where it came from. */
#include "apiserver/json_text.h"
#include "apiserver/tree.h"
#include "lab/lab.h"

/* Notes on objects: labels that 'weir lab label' changed; addresses that a manifest asks for. */
#define WR_LAB_NOTE_LABELS "lab.weir/labels"
#define WR_LAB_NOTE_ADDRESSES "lab.weir/addresses"

/* ---- objects.c ---- */

/* An object for the server. */
struct wr_lab_sending {
	enum wr_kind kind;
	const char *ns, *name; /* ns NULL: cluster-wide */
	struct wr_value *value;
	const struct wr_object *from; /* the manifests' object */
};
struct wr_lab_sendings {
	WR_VEC(struct wr_lab_sending) v;
};

/* What is to be sent for objects, in the tree's arena. Errors in diags. */
int wr_lab_sendings(const struct wr_lab_state *s, const struct wr_objects *objects,
		    struct wr_tree *t, struct wr_lab_sendings *out, struct wr_diags *diags);

/* Gives an object the apiVersion and kind that the server has for it. */
void wr_lab_served_form(struct wr_tree *t, enum wr_kind kind, struct wr_value *o);

/* Writes down, as a note on the object, the addresses that a Pod's status in a manifest has. */
void wr_lab_keep_addresses(struct wr_tree *t, const struct wr_lab_sending *s);

/* A new uid, in the arena; NULL: out of memory or of chance. */
const char *wr_lab_uid(struct wr_arena *a);

/* ---- sources.c: where objects came from ---- */

/*
 * Notes that an object of the server (uid, generation) is that of a manifest:
 * as long as it is, messages name the manifest's file and line. 0 or -ENOMEM.
 */
int wr_lab_source_add(struct wr_lab_state *s, const struct wr_object *o, const char *uid,
		      int64_t generation);

/* Puts manifests' objects in the place of those of the server that are the same. */
int wr_lab_sources_use(struct wr_lab *lab, struct wr_object **items, size_t n);
