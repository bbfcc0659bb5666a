/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's socket: one line asks ("status", "flows", "follow"), lines of
 * JSON answer. Only the agent's own user gets in (mode 0600); a follower that
 * does not read is cut, so that it can hold nobody up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/internal.h"

#define QUESTION_MAX 64
#define QUEUE_MAX ((size_t)4 << 20)

struct client {
	struct agent *agent;
	uv_pipe_t pipe;
	char question[QUESTION_MAX];
	size_t n;
	bool closing, follows, asked;
};

struct answer {
	uv_write_t write;
	struct wr_buf text;
	bool last;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void end(struct client *c)
{
	struct agent *a = c->agent;
	if (c->closing)
		return;
	c->closing = true;
	for (size_t i = 0; i < a->followers.n; i++)
		if (a->followers.items[i] == c)
			a->followers.items[i--] = a->followers.items[--a->followers.n];
	uv_close((uv_handle_t *)&c->pipe, on_closed);
}

void control_end(uv_handle_t *connection)
{
	end(connection->data);
}

static void on_written(uv_write_t *write, int status)
{
	struct answer *w = write->data;
	struct client *c = write->handle->data;
	bool last = w->last || status;
	wr_buf_free(&w->text);
	free(w);
	if (last)
		end(c);
}

/* Takes the text. */
static void send_text(struct client *c, struct wr_buf *text, bool last)
{
	struct answer *w = calloc(1, sizeof(*w));
	size_t queued = uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe);
	if (!w || text->failed || text->n > UINT32_MAX || queued > QUEUE_MAX) {
		wr_buf_free(text);
		free(w);
		end(c);
		return;
	}
	*w = (struct answer){.text = *text, .last = last};
	w->write.data = w;
	*text = (struct wr_buf){0};
	uv_buf_t buf = uv_buf_init(w->text.data, (unsigned)w->text.n);
	if (uv_write(&w->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written)) {
		wr_buf_free(&w->text);
		free(w);
		end(c);
	}
}

static void send_recent(struct client *c, bool last)
{
	struct wr_buf text = {0};
	for (size_t i = 0; i < c->agent->recent.n; i++) {
		wr_buf_text(&text, c->agent->recent.items[i]);
		wr_buf_text(&text, "\n");
	}
	if (text.n)
		send_text(c, &text, last);
	else if (last)
		end(c);
}

static void answer(struct client *c)
{
	struct wr_buf text = {0};
	if (!strcmp(c->question, "status")) {
		report_status(c->agent, &text);
		wr_buf_text(&text, "\n");
		send_text(c, &text, true);
	} else if (!strcmp(c->question, "flows")) {
		send_recent(c, true);
	} else if (!strcmp(c->question, "follow")) {
		c->follows = true;
		if (wr_vec_push(&c->agent->followers, c) < 0)
			end(c);
		else
			send_recent(c, false);
	} else {
		end(c);
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *c = handle->data;
	(void)suggested;
	*buf = uv_buf_init(c->question + c->n, (unsigned)(QUESTION_MAX - 1 - c->n));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = stream->data;
	(void)buf;
	if (n < 0) {
		if (n != UV_EOF || !c->asked || c->follows)
			end(c);
		return;
	}
	c->n += (size_t)n;
	c->question[c->n] = '\0';
	char *line = strchr(c->question, '\n');
	if (!line || c->asked)
		return;
	*line = '\0';
	c->asked = true;
	answer(c);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct agent *a = server->data;
	struct client *c = status ? NULL : calloc(1, sizeof(*c));
	if (!c)
		return;
	c->agent = a;
	c->pipe.data = c;
	uv_pipe_init(&a->loop, &c->pipe, 0);
	if (uv_accept(server, (uv_stream_t *)&c->pipe) ||
	    uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read))
		end(c);
}

void control_flow(struct agent *a, const char *line)
{
	for (size_t i = a->followers.n; i-- > 0;) {
		struct wr_buf text = {0};
		wr_buf_text(&text, line);
		wr_buf_text(&text, "\n");
		send_text(a->followers.items[i], &text, false);
	}
}

const char *wr_agent_socket(const char *run_dir, char buf[WR_AGENT_PATH])
{
	snprintf(buf, WR_AGENT_PATH, "%s/agent.sock", run_dir);
	return buf;
}

int control_start(struct agent *a, struct wr_diags *diags)
{
	char path[WR_AGENT_PATH];
	int rc = uv_pipe_init(&a->loop, &a->control, 0);
	a->control.data = a;
	if (rc)
		return rc;
	/* the lock is ours: a socket that is there is a dead agent's */
	unlink(wr_agent_socket(a->opts->run_dir, path));
	mode_t old = umask(0177);
	rc = uv_pipe_bind(&a->control, path);
	umask(old);
	if (!rc)
		rc = uv_listen((uv_stream_t *)&a->control, 16, on_connection);
	if (rc)
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL, "%s: %s", path,
			    uv_strerror(rc));
	return rc;
}

/* ---- the other end ---- */

int wr_agent_ask(const char *run_dir, const char *question, int (*fn)(void *ctx, const char *line),
		 void *ctx)
{
	char path[WR_AGENT_PATH];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	wr_agent_socket(run_dir, path);
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	FILE *f = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? NULL
									    : fdopen(fd, "r+");
	if (!f) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = fprintf(f, "%s\n", question) < 0 || fflush(f) ? -errno : 0;
	while (!rc && (n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		rc = fn(ctx, line);
	}
	free(line);
	fclose(f);
	return rc;
}
