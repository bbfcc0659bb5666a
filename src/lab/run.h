/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Run: other programs (ip, nft, dnsmasq), started without a shell in a network
 * namespace, many at once. They die with the process that started them.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "base/diag.h"

struct wr_run {
	pid_t pid;        /* 0: not started */
	int output;       /* memfd with what it printed */
	const char *what; /* for messages; borrowed */
	const char *where;
};

/*
 * Starts argv (looked up in PATH, then in /usr/sbin and /sbin) in a network
 * namespace by name (NULL: the current one) with input as standard input.
 * where is borrowed. 0 or a negative errno with an error in diags.
 */
int wr_run_start(struct wr_run *r, const char *netns, const char *const *argv, const char *input,
		 size_t size, struct wr_diags *diags);

/* Waits; 0 when it ended with 0, else -EIO and an error with what it printed. */
int wr_run_wait(struct wr_run *r, struct wr_diags *diags);

/* Both. */
int wr_run(const char *netns, const char *const *argv, const char *input, size_t size,
	   struct wr_diags *diags);

/* Runs execvp(argv) also from the system directories that PATH may lack. Returns only on failure. */
void wr_exec(const char *const *argv);

/* An error without a place. Always returns rc. */
int wr_lab_error(struct wr_diags *diags, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
