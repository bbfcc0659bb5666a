/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the kinds of sessions in pods share. */
#include "base/arena.h"
#include "lab/api.h"

struct wr_remote {
	const char *lab;
	int fd; /* the connection, after its first line */
	struct wr_arena *arena;
	char ns[254], pod[254];
	char what[16]; /* "exec", "attach", "portforward" */
	const char *protocol, *query;
};

/* ---- forward.c ---- */

/* Carries connections to ports of the pod, until the client goes. */
void wr_forward_serve(struct wr_remote *r);
