/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Value trees to objects: policies strictly (unknown, duplicate and
 * misplaced fields, wrong types and values are errors, validated with the API
 * server's own messages), every other kind tolerantly (what weir does not need
 * is not looked at; what it needs and cannot read is an error).
 */
#include "api/object.h"
#include "input/input.h"

struct wr_objects {
	struct wr_object **items; /* in order of reading */
	size_t n;
	/* kinds that were skipped: names "Kind" in order of first appearance, with counts */
	struct wr_skipped {
		const char *kind;
		size_t count;
	} * skipped;
	size_t n_skipped;
};

struct wr_decode_opts {
	/*
	 * Off: CIDRs with host bits, leading zeros or IPv4-mapped addresses are
	 * read as older API servers did (host bits masked), with a warning. On:
	 * they are errors, as they are for a new object on a current API server.
	 */
	bool strict_cidrs;
	/*
	 * What an API server takes although nobody can read it (a selector of a
	 * cluster-wide policy with an operator that does not exist) is a note, and
	 * no warning or error: to judge as the server does, not to enforce.
	 */
	bool as_api_server;
};

/*
 * Decodes all documents of in; List kinds are opened. Objects with errors are
 * left out. Two objects of one kind, namespace and name are an error (it names
 * both places). Memory comes from arena, which must not outlive in: the
 * objects point into its trees. Returns 0, -EINVAL when errors were added to
 * diags, -ENOMEM.
 */
int wr_decode(const struct wr_input *in, struct wr_arena *arena, struct wr_diags *diags,
	      struct wr_objects *out);

/* The same with options; opts NULL: the defaults. */
int wr_decode_with(const struct wr_input *in, const struct wr_decode_opts *opts,
		   struct wr_arena *arena, struct wr_diags *diags, struct wr_objects *out);

/*
 * Whether a record is an error in the server's own form ("Required value: ..."),
 * of an object that it could decode; other errors are of decoding.
 */
bool wr_decode_is_field_error(const struct wr_diag *d);

/* What a typed list (NetworkPolicyList) says of items that do not say it themselves. */
struct wr_list_type {
	const char *api; /* points into the list's tree, or NULL */
	char kind[64];   /* "": the items must say it */
};

/* True for List and the typed lists, which is then described in *out. */
bool wr_decode_is_list(const struct wr_value *value, struct wr_list_type *out);

/*
 * Decodes one value tree, without a document: a watch event's object or a test's.
 * list: what wr_decode_is_list() told of the list that it is an item of, or NULL.
 * *out is NULL when the kind is one that is skipped. 0, -EINVAL, -ENOMEM as above.
 */
int wr_decode_item(const struct wr_value *value, const struct wr_list_type *list,
		   const struct wr_decode_opts *opts, struct wr_arena *arena,
		   struct wr_diags *diags, struct wr_object **out);

/* The same of a value that stands by itself. */
int wr_decode_value(const struct wr_value *value, const struct wr_decode_opts *opts,
		    struct wr_arena *arena, struct wr_diags *diags, struct wr_object **out);
