/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The store on disk: one SQLite database, written with every change. */
#include "apiserver/store.h"
#include "base/diag.h"

/* Opens or makes the database at a path. 0, -EIO (said in diags), -ENOMEM. */
int wr_db_open(const char *path, struct wr_diags *diags, struct wr_db **out);
void wr_db_close(struct wr_db *db); /* takes NULL */

/* The last version given out, 0 in a new database. */
uint64_t wr_db_version(struct wr_db *db);

/* All objects into a store. 0, -EIO (said in diags), -ENOMEM. */
int wr_db_load(struct wr_db *db, struct wr_store *s, struct wr_diags *diags);

/* A change and its version, in one transaction; resource is "plural.group". 0 or -EIO. */
int wr_db_put(struct wr_db *db, const char *resource, const char *key, const char *text,
	      size_t size, uint64_t rv);
int wr_db_delete(struct wr_db *db, const char *resource, const char *key, uint64_t rv);
