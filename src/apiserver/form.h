/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Form: how the client wants objects (Accept): whole, as metadata only, or as
 * a table with the columns that the API server prints.
 */
#include "apiserver/call.h"

struct wr_form {
	enum { WR_FORM_OBJECT, WR_FORM_METADATA, WR_FORM_TABLE } as;
	const char *api; /* of metadata and tables: "meta.k8s.io/v1" or v1beta1 */
	enum { WR_INCLUDE_METADATA, WR_INCLUDE_OBJECT, WR_INCLUDE_NONE } include;
};

/* What the request accepts. -1: nothing that is to be had (answered with 406). */
int wr_form_of(struct wr_call *c, struct wr_form *out);

/* One object by itself; whole objects are the store's text as it is. */
void wr_form_object(struct wr_tree *t, const struct wr_form *f, const struct wr_resource *r,
		    const struct wr_blob *blob, struct wr_buf *out);

/* A list: its head with what goes into metadata, then items, then wr_form_end(). */
void wr_form_begin(struct wr_tree *t, const struct wr_form *f, const struct wr_resource *r,
		   uint64_t rv, const char *token, size_t remaining, struct wr_buf *out);
void wr_form_item(struct wr_tree *t, const struct wr_form *f, const struct wr_resource *r,
		  const struct wr_blob *blob, bool first, struct wr_buf *out);
void wr_form_end(struct wr_buf *out);
