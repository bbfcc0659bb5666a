/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Netns: named network namespaces, as ip-netns(8) keeps them: a file in
 * /run/netns on which the namespace is mounted.
 *
 * Names of a lab begin with "weir-LAB-"; a lab's own name has no dash in it, so
 * that no lab's prefix is another's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/diag.h"

#define WR_NETNS_DIR "/run/netns"

/*
 * Creates a namespace with its sysctls (lines "path=value" below /proc/sys/net,
 * NULL-terminated; those that the kernel does not have are left out) and its
 * loopback up. 0 or a negative errno with an error in diags.
 */
int wr_netns_create(const char *name, const char *const *sysctls, struct wr_diags *diags);

/* A file descriptor of a namespace, or a negative errno. */
int wr_netns_open(const char *name);

/* Moves the calling thread into a namespace: 0 or a negative errno. */
int wr_netns_enter(int fd);

/* The calling thread's namespace as a file descriptor, to come back to. */
int wr_netns_here(void);

bool wr_netns_exists(const char *name);

/* Takes away the name; the namespace goes with its last process. 0 when there is none, too. */
int wr_netns_remove(const char *name);

/* Calls fn for every name with a prefix; stops at and returns the first non-zero answer. */
int wr_netns_each(const char *prefix, int (*fn)(void *ctx, const char *name), void *ctx);

/*
 * Kills every process in the namespaces whose names begin with prefix (or, when
 * exact, in the one of that name) and waits until they are gone; never those
 * of the machine's own namespace. Returns how many there were, or -ETIMEDOUT.
 */
int wr_netns_kill(const char *prefix, bool exact);

/* Undoes what the first wr_netns_create() of all labs did to /run/netns, when nobody uses it. */
void wr_netns_dir_release(void);
