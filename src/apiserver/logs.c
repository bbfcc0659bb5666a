/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "input/input.h"

#define READ_MAX ((size_t)1 << 20) /* at once; files are smaller */
#define STAMP 30                   /* bytes of a line's time, without the blank */

struct wr_log {
	struct wr_server *server;
	char path[4096], key[512];
	bool stamps, begun;
	uint64_t tail; /* lines; UINT64_MAX: all */
	uint64_t left; /* bytes that may still be said */
	int64_t since; /* nanoseconds of the epoch; 0: all */
	off_t at;      /* what was looked at */
};

/* ---- times ---- */

/* Nanoseconds since the epoch of "2026-01-02T03:04:05[.6]Z" or "...+01:00"; -1: it is none. */
static int64_t read_time(const char *text)
{
	struct tm tm = {0};
	int64_t ns = 0, scale = 100000000;
	const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!p)
		return -1;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
			ns += (*p - '0') * scale;
	int hours = 0, minutes = 0, sign = *p == '-' ? 1 : -1;
	if (*p != 'Z' && sscanf(p, "%*[+-]%2d:%2d", &hours, &minutes) != 2)
		return -1;
	return ((int64_t)timegm(&tm) + sign * (hours * 3600 + minutes * 60)) * 1000000000 + ns;
}

static bool has_stamp(const char *line, size_t n)
{
	return n > STAMP && line[STAMP] == ' ' && line[STAMP - 1] == 'Z' && line[10] == 'T' &&
	       line[4] == '-';
}

/* ---- lines ---- */

static void put_line(struct wr_log *log, const char *line, size_t n, struct wr_buf *out)
{
	char stamp[STAMP + 1];
	bool stamped = has_stamp(line, n);
	if (log->since) {
		if (!stamped)
			return;
		snprintf(stamp, sizeof(stamp), "%.*s", STAMP, line);
		if (read_time(stamp) < log->since)
			return;
	}
	if (stamped && !log->stamps) {
		line += STAMP + 1;
		n -= STAMP + 1;
	}
	n = n < log->left ? n : (size_t)log->left;
	log->left -= n;
	wr_buf_bytes(out, line, n);
}

/* Where the last lines of a text begin. */
static size_t tail_of(const char *text, size_t n, uint64_t lines)
{
	size_t at = n;
	if (lines == UINT64_MAX)
		return 0;
	at -= lines && n && text[n - 1] == '\n';
	for (; lines && at; at--)
		if (text[at - 1] == '\n' && !--lines)
			break;
	return at;
}

static void put_text(struct wr_log *log, const char *text, size_t n, struct wr_buf *out)
{
	size_t at = log->begun ? 0 : tail_of(text, n, log->tail);
	while (at < n && log->left) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t size = end ? (size_t)(end - text) - at + 1 : n - at;
		put_line(log, text + at, size, out);
		at += size;
	}
}

/* What a line's writer has not ended yet is left for the next time, where there is one. */
static int read_more(struct wr_log *log, bool last, struct wr_buf *out)
{
	struct stat st;
	WR_CLEANUP(fd)
	int fd = open(log->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return 0; /* nothing was said yet */
	if (st.st_size < log->at)
		log->at = 0; /* it began anew */
	size_t size = (size_t)(st.st_size - log->at);
	if (size > READ_MAX) {
		log->at = st.st_size - (off_t)READ_MAX;
		size = READ_MAX;
	}
	char *text = size ? malloc(size) : NULL;
	ssize_t n = text ? pread(fd, text, size, log->at) : 0;
	size_t whole = n > 0 ? (size_t)n : 0;
	while (!last && whole && text[whole - 1] != '\n')
		whole--;
	put_text(log, text, whole, out);
	log->at += (off_t)whole;
	log->begun = true;
	free(text);
	return size && !n ? -EIO : 0;
}

/* ---- pods ---- */

static bool has_ended(struct wr_log *log)
{
	struct wr_arena *a = wr_arena_new();
	struct wr_value *v = NULL;
	const struct wr_blob *pod = wr_store_get(&log->server->store, WR_AS_PODS, log->key);
	bool ended = !pod || !a;
	if (!ended && wr_json_parse(a, pod->text, pod->size, (struct wr_mark){0}, &v, NULL) == 0) {
		const char *phase = wr_tree_text(v, "status.phase");
		ended = phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
	}
	wr_arena_free(a);
	return ended;
}

bool wr_log_more(struct wr_log *log, struct wr_buf *out)
{
	bool ended = has_ended(log);
	return read_more(log, ended, out) == 0 && !ended && log->left;
}

void wr_log_free(struct wr_log *log)
{
	free(log);
}

/* ---- the request ---- */

/* "a container name must be specified for pod x, choose one of: [a b]" */
static int check_container(struct wr_call *c, const struct wr_value *pod)
{
	const char *wanted = wr_query(c, "container");
	const struct wr_value *list = wr_tree_at(pod, "spec.containers");
	WR_CLEANUP(buf)
	struct wr_buf names = {0};
	size_t n = list && list->type == WR_LIST ? list->n : 0;
	for (size_t i = 0; i < n; i++) {
		const char *name = wr_tree_text(list->items[i], "name");
		if (name && wanted && !strcmp(name, wanted))
			return 0;
		wr_buf_printf(&names, "%s%s", i ? " " : "", name ? name : "");
	}
	if (wanted && *wanted)
		return wr_refuse(c, WR_BAD_REQUEST, "container %s is not valid for pod %s", wanted,
				 c->name);
	if (n > 1)
		return wr_refuse(c, WR_BAD_REQUEST,
				 "a container name must be specified for pod %s, choose one of: "
				 "[%s]",
				 c->name, names.data ? names.data : "");
	return 0;
}

static int read_query(struct wr_call *c, struct wr_log *log)
{
	const char *time_text = wr_query(c, "sinceTime");
	uint64_t seconds = wr_query_number(c, "sinceSeconds", 0);
	log->stamps = wr_query_true(c, "timestamps");
	log->tail = wr_query_number(c, "tailLines", UINT64_MAX);
	log->left = wr_query_number(c, "limitBytes", UINT64_MAX);
	if (seconds)
		log->since = ((int64_t)time(NULL) - (int64_t)(seconds & UINT32_MAX)) * 1000000000;
	if (time_text)
		log->since = read_time(time_text);
	return log->since >= 0
		       ? 0
		       : wr_refuse(c, WR_BAD_REQUEST, "sinceTime: %s is not a time", time_text);
}

void wr_verb_log(struct wr_call *c)
{
	const char *key = wr_call_key(c, c->ns, c->name);
	const struct wr_blob *blob = wr_store_get(&c->s->store, WR_AS_PODS, key);
	const struct wr_value *pod = blob ? wr_call_parse(c, blob) : NULL;
	if (!c->s->kubelet) {
		wr_refuse(c, WR_NOT_FOUND, "nothing runs the pods of this server");
		return;
	}
	if (!blob) {
		wr_refuse_not_found(c, c->name);
		return;
	}
	if (check_container(c, pod) < 0)
		return;
	if (wr_query_true(c, "previous")) {
		wr_refuse(c, WR_BAD_REQUEST,
			  "previous terminated container in pod \"%s\" not found", c->name);
		return;
	}
	struct wr_log *log = calloc(1, sizeof(*log));
	if (!log) {
		c->t.nomem = true;
		return;
	}
	log->server = c->s;
	snprintf(log->key, sizeof(log->key), "%s", key);
	snprintf(log->path, sizeof(log->path), "%s/logs/%s_%s", c->s->kubelet, c->ns, c->name);
	if (read_query(c, log) == 0) {
		bool follow = wr_query_true(c, "follow");
		(void)read_more(log, !follow, &c->out->text);
		c->out->type = "text/plain";
		wr_answer_text(c, 200, "", 0);
		c->out->log = follow ? WR_TAKE(log) : NULL;
	}
	wr_log_free(log);
}
