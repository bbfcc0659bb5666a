/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Object: what a server does to an object between the request's body and the
 * store: reading, metadata, defaults, validation. All of them answer the call
 * with a refusal when they return -1.
 */
#include "apiserver/call.h"

enum wr_validation { WR_VALIDATION_WARN, WR_VALIDATION_IGNORE, WR_VALIDATION_STRICT };

/* The query's fieldValidation; -1: none of those. */
int wr_object_validation(struct wr_call *c, enum wr_validation *out);

/* The body, JSON or YAML. */
struct wr_value *wr_object_read(struct wr_call *c);

/* Checks that kind, apiVersion, namespace and name fit the target; fills in what is missing. */
int wr_object_address(struct wr_call *c, struct wr_value *o);

/*
 * Defaults and validation of what is to be stored. What strict decoding finds
 * is refused, warned of, or dropped, as validation says.
 */
int wr_object_admit(struct wr_call *c, struct wr_value *o, enum wr_validation validation);

/* The fields that a server sets where nobody did (defaults.c). */
void wr_object_default(struct wr_call *c, struct wr_value *o);
/* Of a new Job with its uid: the selector of its pods, and their labels. */
void wr_object_name_job(struct wr_call *c, struct wr_value *o);

/* The stored text: kind, apiVersion, metadata and then the rest, with a version. */
void wr_object_text(struct wr_call *c, struct wr_value *o, uint64_t rv, struct wr_buf *out);

/* "2026-11-21T00:12:02Z"; and what it will be in some seconds */
const char *wr_object_now(struct wr_call *c);
const char *wr_object_later(struct wr_call *c, int64_t seconds);

/* A new random uid, and n random letters as generateName has them. */
const char *wr_object_uid(struct wr_call *c);
const char *wr_object_suffix(struct wr_call *c);

/* True when all but metadata and status is the same. */
bool wr_object_same_spec(const struct wr_value *a, const struct wr_value *b);
