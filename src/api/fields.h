/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Strict decoding: which fields a structure has, and what to say of others.
 */
#include "api/decoder.h"
#include "base/typo.h"

/* A field that people write in a place where it does not belong, and what to do. */
struct wr_misplaced {
	const char *field, *advice;
};

struct wr_shape {
	const char *const *fields;            /* ends with NULL */
	const struct wr_misplaced *misplaced; /* ends with a NULL field; or NULL */
};

/* Errors for unknown and duplicate fields of a map, at their keys, with advice. */
void wr_dec_fields(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		   const struct wr_shape *shape);

/* Errors for duplicate keys alone, for maps with free keys. */
void wr_dec_duplicates(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v);

/* The API server's errors: `Invalid value: "x": detail`, and the like. */
void wr_dec_invalid(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		    const char *value, const char *detail);
void wr_dec_invalid_int(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
			int64_t value, const char *detail);
void wr_dec_required(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		     const char *detail);
void wr_dec_forbidden(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		      const char *detail);
/* list: `"TCP", "UDP"` */
void wr_dec_unsupported(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
			const char *value, const char *list);

/* Runs a wr_check_*() and reports each of its messages as an invalid value. */
void wr_dec_check(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		  const char *value, size_t (*check)(const char *, const char **));
