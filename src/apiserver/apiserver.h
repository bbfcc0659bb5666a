/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A small Kubernetes API server on loopback: enough for kubectl, for agents
 * that list and watch, and for tests that need a server which misbehaves.
 *
 * One thread, one event loop. State lives in memory and, with a data
 * directory, in an SQLite database that survives restarts.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/* What goes wrong on purpose; all 0: nothing. */
struct wr_misbehave {
	uint32_t delay_ms;    /* every answer comes this much later */
	uint32_t cut_every;   /* every n-th request: the connection is cut instead of an answer */
	uint32_t cut_watch_s; /* watches are cut, without an end, after this many seconds */
	uint32_t gone_every;  /* every n-th watch and continued list is answered with 410 */
	uint32_t busy_every;  /* every n-th request is answered with 429 and Retry-After: 1 */
};

struct wr_apiserver_opts {
	const char *address;    /* loopback; NULL: 127.0.0.1 */
	uint16_t port;          /* 0: any that is free */
	const char *data;       /* directory, made where it is not; NULL: nothing is kept */
	const char *kubeconfig; /* file to write, or NULL */
	const char *const *load;
	size_t n_load;       /* manifests to begin with; what is there already stays */
	size_t history;      /* changes that watches can be behind; 0: 10000 */
	const char *kubelet; /* folder: kubelet.sock for exec, logs/NS_POD; or NULL */
	bool policy_crds;    /* a new server begins with those of the cluster-wide policies */
	bool graceful;       /* pods with a node wait for its agent when they are deleted */
	struct wr_misbehave misbehave;
};

struct wr_apiserver;

/*
 * Starts to listen. 0, or a negative errno, said in diags: -EACCES for an
 * address that is not loopback's, -EADDRINUSE, -EIO, -ENOMEM.
 */
int wr_apiserver_open(const struct wr_apiserver_opts *opts, struct wr_diags *diags,
		      struct wr_apiserver **out);
void wr_apiserver_close(struct wr_apiserver *s); /* takes NULL */

/* "https://127.0.0.1:6443" */
const char *wr_apiserver_url(const struct wr_apiserver *s);

/* Objects at the start, and those of manifests that were loaded now. */
size_t wr_apiserver_objects(const struct wr_apiserver *s);

/* Serves until stop_fd becomes readable. 0 or a negative errno. */
int wr_apiserver_run(struct wr_apiserver *s, int stop_fd);
