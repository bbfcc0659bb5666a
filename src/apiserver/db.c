/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apiserver/catalog.h"

struct wr_db {
	sqlite3 *sql;
	sqlite3_stmt *put, *delete, *version;
};

/* One server at a time: the lock is taken with the first write, and kept. */
static const char schema[] =
	"PRAGMA locking_mode=EXCLUSIVE;"
	"PRAGMA journal_mode=WAL;"
	"PRAGMA synchronous=NORMAL;"
	"CREATE TABLE IF NOT EXISTS objects (resource TEXT NOT NULL, key TEXT NOT NULL,"
	" rv INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (resource, key)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS version (one INTEGER PRIMARY KEY CHECK (one = 1),"
	" rv INTEGER NOT NULL);"
	"INSERT OR IGNORE INTO version VALUES (1, 0);";

static int complain(struct wr_db *db, struct wr_diags *diags, const char *path)
{
	wr_diag_add(diags, WR_ERROR, (struct wr_mark){.file = path}, NULL, NULL,
		    "the database cannot be used: %s", sqlite3_errmsg(db->sql));
	return -EIO;
}

static bool prepare(struct wr_db *db, const char *text, sqlite3_stmt **out)
{
	return sqlite3_prepare_v2(db->sql, text, -1, out, NULL) == SQLITE_OK;
}

int wr_db_open(const char *path, struct wr_diags *diags, struct wr_db **out)
{
	struct wr_db *db = calloc(1, sizeof(*db));
	if (!db)
		return -ENOMEM;
	/* Secrets are in it: nobody else reads it, nor the files beside it */
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)close(fd);
	bool good = sqlite3_open(path, &db->sql) == SQLITE_OK &&
		    sqlite3_busy_timeout(db->sql, 2000) == SQLITE_OK &&
		    sqlite3_exec(db->sql, schema, NULL, NULL, NULL) == SQLITE_OK &&
		    prepare(db, "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", &db->put) &&
		    prepare(db, "DELETE FROM objects WHERE resource = ? AND key = ?",
			    &db->delete) &&
		    prepare(db, "UPDATE version SET rv = ?", &db->version);
	if (!good) {
		int rc = db->sql ? complain(db, diags, path) : -ENOMEM;
		wr_db_close(db);
		return rc;
	}
	*out = db;
	return 0;
}

void wr_db_close(struct wr_db *db)
{
	if (!db)
		return;
	(void)sqlite3_finalize(db->put);
	(void)sqlite3_finalize(db->delete);
	(void)sqlite3_finalize(db->version);
	(void)sqlite3_close(db->sql);
	free(db);
}

uint64_t wr_db_version(struct wr_db *db)
{
	sqlite3_stmt *q = NULL;
	uint64_t rv = 0;
	if (prepare(db, "SELECT rv FROM version", &q) && sqlite3_step(q) == SQLITE_ROW)
		rv = (uint64_t)sqlite3_column_int64(q, 0);
	(void)sqlite3_finalize(q);
	return rv;
}

#define DEFINITIONS "customresourcedefinitions.apiextensions.k8s.io"

/* Restores one row; what is of no kind that is served is passed over. */
static int restore(struct wr_store *s, sqlite3_stmt *q)
{
	const char *name = (const char *)sqlite3_column_text(q, 0);
	const char *key = (const char *)sqlite3_column_text(q, 1);
	const char *body = (const char *)sqlite3_column_text(q, 3);
	/* definitions come first: they say what the rest is */
	if (name && strcmp(name, DEFINITIONS) != 0 && wr_catalog_refresh(s) < 0)
		return -ENOMEM;
	const struct wr_resource *r = name ? wr_catalog_named(s, name) : NULL;
	if (!r || !key || !body)
		return 0;
	return wr_store_restore(s, wr_resource_place(r), key, body, strlen(body),
				(uint64_t)sqlite3_column_int64(q, 2));
}

int wr_db_load(struct wr_db *db, struct wr_store *s, struct wr_diags *diags)
{
	static const char text[] = "SELECT resource, key, rv, body FROM objects "
				   "ORDER BY resource != '" DEFINITIONS "', resource, key";
	sqlite3_stmt *q = NULL;
	int rc = 0, step = SQLITE_ERROR;
	if (prepare(db, text, &q))
		while (!rc && (step = sqlite3_step(q)) == SQLITE_ROW)
			rc = restore(s, q);
	if (!rc && step != SQLITE_DONE)
		rc = complain(db, diags, NULL);
	(void)sqlite3_finalize(q);
	return rc ? rc : wr_catalog_refresh(s);
}

/* Runs a statement whose first two values are an object's place. */
static bool run_at(sqlite3_stmt *q, const char *resource, const char *key)
{
	bool good = sqlite3_bind_text(q, 1, resource, -1, SQLITE_TRANSIENT) == SQLITE_OK &&
		    sqlite3_bind_text(q, 2, key, -1, SQLITE_STATIC) == SQLITE_OK &&
		    sqlite3_step(q) == SQLITE_DONE;
	(void)sqlite3_reset(q);
	return good;
}

static bool set_version(struct wr_db *db, uint64_t rv)
{
	bool good = sqlite3_bind_int64(db->version, 1, (sqlite3_int64)rv) == SQLITE_OK &&
		    sqlite3_step(db->version) == SQLITE_DONE;
	(void)sqlite3_reset(db->version);
	return good;
}

static bool sql(struct wr_db *db, const char *text)
{
	return sqlite3_exec(db->sql, text, NULL, NULL, NULL) == SQLITE_OK;
}

static int finish(struct wr_db *db, bool good)
{
	if (good && sql(db, "COMMIT"))
		return 0;
	(void)sql(db, "ROLLBACK");
	return -EIO;
}

int wr_db_put(struct wr_db *db, const char *resource, const char *key, const char *text,
	      size_t size, uint64_t rv)
{
	if (!sql(db, "BEGIN"))
		return -EIO;
	bool good = size <= INT32_MAX &&
		    sqlite3_bind_int64(db->put, 3, (sqlite3_int64)rv) == SQLITE_OK &&
		    sqlite3_bind_text(db->put, 4, text, (int)size, SQLITE_STATIC) == SQLITE_OK &&
		    run_at(db->put, resource, key) && set_version(db, rv);
	(void)sqlite3_clear_bindings(db->put);
	return finish(db, good);
}

int wr_db_delete(struct wr_db *db, const char *resource, const char *key, uint64_t rv)
{
	if (!sql(db, "BEGIN"))
		return -EIO;
	return finish(db, run_at(db->delete, resource, key) && set_version(db, rv));
}
