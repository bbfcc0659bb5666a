/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/apiserver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apiserver/db.h"
#include "apiserver/http.h"
#include "apiserver/load.h"

#define HISTORY 10000

struct wr_apiserver {
	struct wr_server server;
	struct wr_credentials credentials;
	struct wr_http http;
	char url[80];
};

static int complain(struct wr_diags *diags, const char *path, const char *what, int rc)
{
	wr_diag_add(diags, WR_ERROR, (struct wr_mark){.file = path}, NULL, NULL, "%s: %s", what,
		    strerror(-rc));
	return rc;
}

static int open_store(struct wr_apiserver *s, const struct wr_apiserver_opts *opts,
		      struct wr_diags *diags)
{
	size_t history = opts->history ? opts->history : HISTORY;
	char path[4096];
	struct wr_db *db = NULL;
	int rc;
	if (!opts->data)
		return wr_store_init(&s->server.store, history, 1);
	if (mkdir(opts->data, 0700) < 0 && errno != EEXIST)
		return complain(diags, opts->data, "making the data directory", -errno);
	if (snprintf(path, sizeof(path), "%s/objects.db", opts->data) >= (int)sizeof(path))
		return complain(diags, opts->data, "the data directory", -ENAMETOOLONG);
	rc = wr_db_open(path, diags, &db);
	if (rc)
		return rc;
	uint64_t rv = wr_db_version(db);
	rc = wr_store_init(&s->server.store, history, rv ? rv : 1);
	s->server.store.db = db;
	return rc ? rc : wr_db_load(db, &s->server.store, diags);
}

static int open_all(struct wr_apiserver *s, const struct wr_apiserver_opts *opts,
		    struct wr_diags *diags)
{
	const char *address = opts->address ? opts->address : "127.0.0.1";
	uint16_t port = opts->port;
	int rc = open_store(s, opts, diags);
	/* of one that has been there before, they may have been deleted */
	if (!rc && opts->policy_crds && s->server.store.rv == 1)
		rc = wr_load_policy_definitions(&s->server, diags);
	if (!rc)
		rc = wr_load(&s->server, opts->load, opts->n_load, diags);
	if (!rc)
		rc = wr_credentials_get(opts->data, diags, &s->credentials);
	if (rc)
		return rc;
	s->server.graceful = opts->graceful;
	s->http.server = &s->server;
	s->http.credentials = &s->credentials;
	s->http.kubelet = s->server.kubelet = opts->kubelet;
	s->http.misbehave = opts->misbehave;
	rc = wr_http_open(&s->http, address, &port, diags);
	if (rc)
		return rc;
	(void)snprintf(s->server.host, sizeof(s->server.host),
		       strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, (unsigned)port);
	(void)snprintf(s->url, sizeof(s->url), "https://%s", s->server.host);
	return opts->kubeconfig
		       ? wr_credentials_kubeconfig(&s->credentials, s->url, opts->kubeconfig, diags)
		       : 0;
}

int wr_apiserver_open(const struct wr_apiserver_opts *opts, struct wr_diags *diags,
		      struct wr_apiserver **out)
{
	struct wr_apiserver *s = calloc(1, sizeof(*s));
	int rc = s ? open_all(s, opts, diags) : -ENOMEM;
	if (rc)
		wr_apiserver_close(s);
	else
		*out = s;
	return rc;
}

void wr_apiserver_close(struct wr_apiserver *s)
{
	if (!s)
		return;
	struct wr_db *db = s->server.store.db;
	wr_http_close(&s->http);
	wr_store_free(&s->server.store);
	wr_db_close(db);
	wr_credentials_free(&s->credentials);
	free(s);
}

const char *wr_apiserver_url(const struct wr_apiserver *s)
{
	return s->url;
}

size_t wr_apiserver_objects(const struct wr_apiserver *s)
{
	size_t n = 0;
	for (int k = 0; k < WR_AS_KINDS; k++)
		n += s->server.store.items[k].n;
	return n;
}

int wr_apiserver_run(struct wr_apiserver *s, int stop_fd)
{
	return wr_http_run(&s->http, stop_fd);
}
