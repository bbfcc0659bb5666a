/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Vec: a growable array of any type on the heap.
 *
 *	WR_VEC(int) v = {0};
 *	if (wr_vec_push(&v, 7) < 0) return -ENOMEM;
 *	for (size_t i = 0; i < v.n; i++) use(v.items[i]);
 *	wr_vec_free(&v);
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define WR_VEC(T)              \
	struct {               \
		T *items;      \
		size_t n, cap; \
	}

/* Makes room for one more element of size bytes; 0 or -ENOMEM (the vec stays as it was). */
int wr_vec_grow(void **items, size_t n, size_t *cap, size_t size);

/* Appends a copy of its argument; 0 or -ENOMEM. */
#define wr_vec_push(v, ...)                                                       \
	({                                                                        \
		__auto_type vec_ = (v);                                           \
		int rc_ = wr_vec_grow((void **)&vec_->items, vec_->n, &vec_->cap, \
				      sizeof(*vec_->items));                      \
		if (!rc_)                                                         \
			vec_->items[vec_->n++] = (__VA_ARGS__);                   \
		rc_;                                                              \
	})

/* Frees the elements' memory and leaves the vec empty. */
#define wr_vec_free(v)                   \
	do {                             \
		__auto_type vec_ = (v);  \
		free(vec_->items);       \
		vec_->items = NULL;      \
		vec_->n = vec_->cap = 0; \
	} while (0)
