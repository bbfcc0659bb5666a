/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Call: one request and its answer, while it is worked on. Nothing here knows
 * of sockets: http.c fills a wr_request and sends the wr_reply, tests and the
 * fuzzer do the same without a network.
 */
#include "apiserver/store.h"
#include "apiserver/json_text.h"
#include "apiserver/tree.h"

#define WR_BODY_MAX (3U * 1024 * 1024) /* as the API server's limit */
#define WR_QUERY_MAX 64

/* What all requests work on. */
struct wr_server {
	struct wr_store store;
	char host[64]; /* "127.0.0.1:6443", for clients that ask */
	const char *kubelet; /* folder of what runs the pods, or NULL: nothing does */
	bool graceful; /* pods on a node wait for their node's agent when they are deleted */
};

struct wr_request {
	const char *method;
	const char *uri;          /* path and query, as sent */
	const char *accept;       /* or NULL */
	const char *content_type; /* or NULL */
	const char *agent;        /* User-Agent, or NULL */
	const char *body;         /* NUL-terminated */
	size_t size;
	bool unknown; /* the caller gave no valid credentials */
};

struct wr_watch;
struct wr_log;

struct wr_reply {
	unsigned code;
	const char *type; /* of the content: a constant */
	struct wr_buf text;
	struct wr_buf warnings; /* each with a NUL at its end */
	struct wr_watch *watch; /* a stream follows; to be freed with wr_watch_free() */
	struct wr_log *log;     /* another, after the text; with wr_log_free() */
};

struct wr_call {
	struct wr_server *s;
	const struct wr_request *q;
	struct wr_reply *out;
	struct wr_tree t;
	struct {
		const char *key, *value;
	} query[WR_QUERY_MAX];
	size_t n_query;
	/* the path, split and unescaped */
	const char *parts[12];
	size_t n_parts;
	/* what it names */
	const struct wr_resource *r;
	enum wr_as_kind kind;
	const char *ns, *name, *sub; /* "" where not named */
	bool answered;
};

/* Answers a request. The reply is all zero before; text and warnings are the caller's after. */
void wr_handle(struct wr_server *s, const struct wr_request *q, struct wr_reply *out);
void wr_reply_free(struct wr_reply *out);

/* ---- for the handlers ---- */

/* A parameter of the query, or NULL; whether it is "true" or "1"; a number, or fallback. */
const char *wr_query(const struct wr_call *c, const char *key);
bool wr_query_true(const struct wr_call *c, const char *key);
uint64_t wr_query_number(const struct wr_call *c, const char *key, uint64_t fallback);

/* The store's key of an object: "namespace/name" or "name". */
const char *wr_call_key(struct wr_call *c, const char *ns, const char *name);

/* Parses a stored text. NULL: out of memory (noted). */
struct wr_value *wr_call_parse(struct wr_call *c, const struct wr_blob *blob);

/* Parses the body as JSON of any kind. -1: refused. */
int wr_call_parse_body(struct wr_call *c, struct wr_value **out);

/* Answers with a tree, or with a text of the store. */
void wr_answer(struct wr_call *c, unsigned code, const struct wr_value *v);
void wr_answer_text(struct wr_call *c, unsigned code, const char *text, size_t size);

/* Adds a Warning header. */
void wr_warn(struct wr_call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Answers with a Status of failure, unless something was answered already;
 * returns -1. The first form takes the code's reason from WR_STATUS_*; its
 * details name the call's resource when about is true.
 */
enum wr_reason {
	WR_BAD_REQUEST,
	WR_UNAUTHORIZED,
	WR_FORBIDDEN,
	WR_NOT_FOUND,
	WR_METHOD_NOT_ALLOWED,
	WR_NOT_ACCEPTABLE,
	WR_CONFLICT,
	WR_ALREADY_EXISTS,
	WR_EXPIRED,
	WR_TOO_LARGE,
	WR_UNSUPPORTED_MEDIA,
	WR_INVALID,
	WR_TOO_MANY,
	WR_TIMEOUT,
	WR_INTERNAL
};
int wr_refuse(struct wr_call *c, enum wr_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with details: the name, and causes (a list, or NULL). */
int wr_refuse_with(struct wr_call *c, enum wr_reason reason, const char *name,
		   struct wr_value *causes, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* A Status as a tree. */
struct wr_value *wr_status(struct wr_tree *t, enum wr_reason reason, const char *message);

/* "pods \"x\" not found" of the call's resource. */
int wr_refuse_not_found(struct wr_call *c, const char *name);
