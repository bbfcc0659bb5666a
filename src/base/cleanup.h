/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Clean-up by attribute: a local marked WR_CLEANUP(type) is freed when it goes
 * out of scope; ownership leaves by WR_TAKE(). Each type's header defines its
 * own with WR_DEFINE_CLEANUP(name, type *, free function).
 */
#include <stdlib.h>
#include <unistd.h>

#define WR_DEFINE_CLEANUP(name, type, fn)             \
	static inline void wr_cleanup_##name(type *p) \
	{                                             \
		if (*p)                               \
			fn(*p);                       \
	}
#define WR_CLEANUP(name) __attribute__((cleanup(wr_cleanup_##name)))

/* The pointer's value; the variable is NULL from now on. */
#define WR_TAKE(p)                        \
	({                                \
		__auto_type taken_ = (p); \
		(p) = NULL;               \
		taken_;                   \
	})

static inline void wr_cleanup_free(void *p)
{
	free(*(void **)p);
}

/* File descriptors start at -1. */
static inline void wr_cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
