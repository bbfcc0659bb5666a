/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The network side: libmicrohttpd with TLS in one event loop. Requests become
 * wr_request, replies go out; watches are connections that sleep until the
 * store has changed, their time is up, or the peer has gone.
 */
#include <microhttpd.h>

#include "apiserver/apiserver.h"
#include "apiserver/call.h"
#include "apiserver/credentials.h"

struct wr_exchange; /* one request and its answer */

struct wr_http {
	struct MHD_Daemon *daemon;
	struct wr_server *server;
	const struct wr_credentials *credentials;
	struct wr_misbehave misbehave;
	const char *kubelet;          /* folder of what runs the pods, or NULL: no exec, no logs */
	struct wr_exchange *sleeping; /* a list of those that are suspended */
	uint64_t requests, watches;
	int epoll_fd;
	unsigned stir; /* rounds in which the library is run without being asked to */
};

/* Listens on an address; *port is 0 for any and becomes the one that it is. */
int wr_http_open(struct wr_http *h, const char *address, uint16_t *port, struct wr_diags *diags);
void wr_http_close(struct wr_http *h);

/* Serves until stop_fd is readable. 0 or a negative errno. */
int wr_http_run(struct wr_http *h, int stop_fd);
