/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The one way of a changed object into the store. */
#include "apiserver/object.h"

/*
 * Stores a new object and answers 201 with it (name and generateName, uid,
 * times and generation are set here); -1: refused.
 */
int wr_write_new(struct wr_call *c, struct wr_value *o, enum wr_validation validation);

/* Both for an object whose managedFields are as they shall be. */
int wr_write_new_managed(struct wr_call *c, struct wr_value *o, enum wr_validation validation);
int wr_write_managed(struct wr_call *c, struct wr_value *o, struct wr_value *old,
		     const struct wr_blob *blob, enum wr_validation validation);

/* The same for an object that is loaded at the start: it keeps its status and its uid. */
int wr_write_new_loaded(struct wr_call *c, struct wr_value *o);

/*
 * Stores what an object has become: o is a whole object, old and blob what was
 * there. Fields that clients cannot change are put back. Answers 200.
 */
int wr_write_changed(struct wr_call *c, struct wr_value *o, struct wr_value *old,
		     const struct wr_blob *blob, enum wr_validation validation);

/* Deletes one object, or marks it as going where finalizers hold it. *gone tells. -1: refused. */
int wr_write_delete(struct wr_call *c, const struct wr_resource *r, const char *key, bool now,
		    bool *gone);

/* True with dryRun=All. */
bool wr_write_dry(const struct wr_call *c);

/* 500 for what the store said. */
int wr_refuse_store(struct wr_call *c, int rc);
