/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the kinds of sessions in pods share. */
#include "base/arena.h"
#include "lab/kubelet.h"

struct wr_remote {
	const char *lab;
	int fd; /* the connection, after its first line */
	struct wr_arena *arena;
	char ns[254], pod[254];
	char what[16]; /* "exec", "attach", "portforward" */
	const char *protocol, *query;
	const char *const *argv; /* the program; NULL: the query's */
};

/* ---- remote.c ---- */

/* Runs a program for the client. How it ended; -1: it did not, or was not begun. */
int wr_remote_program(const struct wr_remote *r);

/* ---- attach.c ---- */

/* What the pod says from now on; or the pod's own program, where its input is open. */
void wr_attach_serve(struct wr_kubelet *k, struct wr_remote *r);

/* ---- forward.c ---- */

/* Carries connections to ports of the pod, until the client goes. */
void wr_forward_serve(struct wr_remote *r);
