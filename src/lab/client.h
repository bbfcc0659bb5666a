/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Client: who asked for a session in a pod, by whatever carries it. Exec and
 * attach have channels (k8s.io/apimachinery, remotecommand): in a WebSocket the
 * first byte of a message says which; in SPDY each is a stream that its headers
 * name. Port-forward is SPDY, bare or inside a WebSocket.
 */
#include "lab/spdy.h"
#include "lab/websocket.h"

enum wr_channel { WR_CH_STDIN, WR_CH_STDOUT, WR_CH_STDERR, WR_CH_ERROR, WR_CH_RESIZE, WR_CHANNELS };

struct wr_client {
	int fd;
	bool closed; /* gone, or speaks nonsense */
	/* Of channels. */
	void (*bytes)(void *arg, enum wr_channel channel, const char *data, size_t n);
	void (*ended)(void *arg, enum wr_channel channel);
	void *arg;
	int channel;                   /* of the message that is going on; -1: none */
	uint32_t streams[WR_CHANNELS]; /* of SPDY; 0: none */
	unsigned open;                 /* channels that are there, a bit each */
	struct wr_websocket ws;        /* in use where message is set */
	struct wr_spdy *spdy;          /* or NULL */
	struct wr_buf out;             /* of WebSocket: not sent yet */
};

/*
 * By the protocol of the connection's opening: "v5.channel.k8s.io" and v4 are
 * WebSocket, with "SPDY/3.1+" before them SPDY inside of one, with "SPDY/3.1:"
 * SPDY alone. handlers: of SPDY, or NULL for channels. 0 or a negative errno.
 */
int wr_client_open(struct wr_client *c, int fd, const char *protocol,
		   const struct wr_spdy_handlers *handlers, void *arg);
void wr_client_close(struct wr_client *c);

/* Takes what has come; c->closed tells of the end. */
void wr_client_read(struct wr_client *c);

/* Sends what SPDY has written. */
void wr_client_flush(struct wr_client *c);

/* To a channel; nothing where it is not open. */
void wr_client_send(struct wr_client *c, enum wr_channel channel, const void *data, size_t n);

/* Ends all channels, and waits a little for the client to go. */
void wr_client_goodbye(struct wr_client *c);
