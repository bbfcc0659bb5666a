/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The messages that protobuf.c can read (generated.proto of k8s.io/api and apimachinery). */
#include <stdbool.h>

enum wr_pb_type {
	WR_PB_STRING,
	WR_PB_INT,
	WR_PB_BOOL,
	WR_PB_MESSAGE, /* without a name: its fields are those of what it is in */
	WR_PB_STRINGS,
	WR_PB_LIST,      /* of messages */
	WR_PB_MAP,       /* strings to strings */
	WR_PB_BYTES_MAP, /* strings to bytes, in base64 */
	WR_PB_TIME,
	WR_PB_EITHER, /* IntOrString */
	WR_PB_SKIP    /* known, and not for clients to say */
};

struct wr_pb_field {
	unsigned number; /* 0 ends a table */
	enum wr_pb_type type;
	const char *name;
	const struct wr_pb_field *sub;
	bool keep; /* a pointer in Go: what is empty or zero was said */
};

struct wr_pb_kind {
	const char *kind, *api; /* api NULL: any; kind NULL ends the table */
	const struct wr_pb_field *fields;
};

extern const struct wr_pb_field wr_pb_type_meta[];
extern const struct wr_pb_kind wr_pb_kinds[];
