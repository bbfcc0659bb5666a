/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remote: a session in a pod, which somebody asked the API server for: it has
 * done the opening and passes the connection on. Each has a process of its own.
 * Programs run by 'weir lab exec', as in any lab.
 */
#include "lab/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "input/input.h"
#include "lab/kubelet.h"
#include "lab/client.h"
#include "lab/run.h"

#define LINE_MAX_BYTES 65536
#define PENDING_MAX 65536 /* of standard input that the program has not taken */
#define CHUNK 16384
#define ARGUMENTS 1024
#define STREAMS_MS 30000 /* for the client to open its streams */

struct session {
	const struct wr_remote *r;
	struct wr_client client;
	const char *argv[ARGUMENTS];
	char target[520]; /* "NS/POD" */
	unsigned wanted;  /* channels that the client said it would open */
	bool tty, wants_stdin;
	struct winsize size; /* of the terminal; rows 0: not said yet */
	pid_t pid;
	int code;              /* with which it ended; -1: it did not */
	int to, from, errors;  /* the program's ends; -1: closed */
	struct wr_buf pending; /* for standard input */
	bool no_more;          /* standard input ends after that */
};

int wr_remote_listen(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	memcpy(at.sun_path, path, strlen(path));
	(void)unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || chmod(path, 0600) < 0 ||
			listen(fd, 16) < 0)) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	return fd < 0 ? -errno : fd;
}

/* ---- what is asked for ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9'                 ? c - '0'
	       : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
						    : -1;
}

static const char *unescape(struct wr_arena *a, const char *s, size_t n)
{
	char *out = wr_arena_strndup(a, s, n);
	size_t k = 0;
	for (size_t i = 0; out && i < n; i++) {
		if (s[i] == '%' && i + 2 < n && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
			out[k++] = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
			i += 2;
		} else {
			out[k++] = s[i] == '+' ? ' ' : s[i];
		}
	}
	if (out)
		out[k] = '\0';
	return out;
}

static int read_query(struct session *s, const char *query)
{
	size_t n = 0, end;
	const char *const self[] = {"weir", "lab", "exec", "--name", s->r->lab, s->target, "--"};
	bool out = false, err = false;
	for (; n < sizeof(self) / sizeof(self[0]); n++)
		s->argv[n] = self[n];
	for (size_t i = 0; s->r->argv && s->r->argv[i] && n < ARGUMENTS - 1; i++)
		s->argv[n++] = s->r->argv[i];
	for (const char *p = query; *p; p += end + (p[end] == '&')) {
		end = strcspn(p, "&");
		if (!s->r->argv && !strncmp(p, "command=", 8)) {
			if (n == ARGUMENTS - 1)
				return -E2BIG;
			s->argv[n] = unescape(s->r->arena, p + 8, end - 8);
			if (!s->argv[n++])
				return -ENOMEM;
		}
		s->tty |= end == 8 && !strncmp(p, "tty=true", end);
		s->wants_stdin |= end == 10 && !strncmp(p, "stdin=true", end);
		out |= end == 11 && !strncmp(p, "stdout=true", end);
		err |= end == 11 && !strncmp(p, "stderr=true", end);
	}
	s->argv[n] = NULL;
	s->wanted = 1U << WR_CH_ERROR | (s->wants_stdin ? 1U << WR_CH_STDIN : 0) |
		    (out ? 1U << WR_CH_STDOUT : 0) | (err && !s->tty ? 1U << WR_CH_STDERR : 0) |
		    (s->tty ? 1U << WR_CH_RESIZE : 0);
	return n > sizeof(self) / sizeof(self[0]) ? 0 : -EINVAL;
}

/* The first line: the protocol, a blank, the path with its query. */
static int read_line(struct wr_remote *r)
{
	char *line = wr_arena_array(r->arena, LINE_MAX_BYTES, 1);
	size_t n = 0;
	while (line && n < LINE_MAX_BYTES - 1 && read(r->fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	if (!line || n == LINE_MAX_BYTES - 1)
		return -EINVAL;
	line[n] = '\0';
	char *path = strchr(line, ' '), *query = path ? strchr(path, '?') : NULL;
	if (!path || sscanf(path, " /api/v1/namespaces/%253[^/]/pods/%253[^/]/%15[a-z]", r->ns,
			    r->pod, r->what) != 3)
		return -EINVAL;
	*path = '\0';
	r->protocol = line;
	r->query = query ? query + 1 : "";
	return 0;
}

/* ---- what the client says ---- */

static void resize(struct session *s, const char *text, size_t n)
{
	struct wr_value *v = NULL;
	struct wr_arena *a = wr_arena_new();
	if (a && wr_json_parse(a, text, n, (struct wr_mark){0}, &v, NULL) == 0) {
		s->size.ws_row = (unsigned short)wr_tree_number(v, "Height", 24);
		s->size.ws_col = (unsigned short)wr_tree_number(v, "Width", 80);
	}
	if (s->tty && s->to >= 0 && s->size.ws_row)
		(void)ioctl(s->to, TIOCSWINSZ, &s->size);
	wr_arena_free(a);
}

static void on_bytes(void *arg, enum wr_channel channel, const char *data, size_t n)
{
	struct session *s = arg;
	if (channel == WR_CH_STDIN && !s->no_more)
		wr_buf_bytes(&s->pending, data, n);
	else if (channel == WR_CH_RESIZE)
		resize(s, data, n);
	s->client.closed |= s->pending.failed;
}

static void on_ended(void *arg, enum wr_channel channel)
{
	struct session *s = arg;
	s->no_more |= channel == WR_CH_STDIN;
}

/* ---- the program ---- */

__attribute__((noreturn)) static void child(const struct session *s, int in, int out, int err)
{
	char **argv;
	const char *const *from = s->argv;
	setsid();
	if (s->tty)
		(void)ioctl(in, TIOCSCTTY, 0);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	close_range(3, ~0u, 0);
	unsetenv(WR_DAEMON_MARK);
	if (s->tty)
		setenv("TERM", "xterm", 0);
	signal(SIGPIPE, SIG_DFL);
	memcpy(&argv, &from, sizeof(argv));
	execv("/proc/self/exe", argv);
	_exit(126);
}

static int start_on_terminal(struct session *s)
{
	int master, slave;
	if (openpty(&master, &slave, NULL, NULL, s->size.ws_row ? &s->size : NULL) < 0)
		return -errno;
	s->pid = fork();
	if (!s->pid)
		child(s, slave, slave, slave);
	close(slave);
	s->from = master;
	s->to = fcntl(master, F_DUPFD_CLOEXEC, 3);
	return s->pid < 0 || s->to < 0 ? -EAGAIN : 0;
}

static int start(struct session *s)
{
	int in[2], out[2], err[2];
	if (s->tty)
		return start_on_terminal(s);
	/* the process ends after a failure: nothing is closed for it */
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		return -errno;
	s->pid = fork();
	if (!s->pid)
		child(s, in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	s->to = in[1];
	s->from = out[0];
	s->errors = err[0];
	if (s->pid < 0)
		return -EAGAIN;
	return fcntl(s->to, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static void read_program(struct session *s, int *fd, enum wr_channel channel)
{
	char data[CHUNK];
	ssize_t n = read(*fd, data, sizeof(data));
	if (n > 0) {
		wr_client_send(&s->client, channel, data, (size_t)n);
	} else if (!n || errno != EINTR) { /* of a terminal: EIO */
		close(*fd);
		*fd = -1;
	}
}

static void write_program(struct session *s)
{
	ssize_t n = s->pending.n ? write(s->to, s->pending.data, s->pending.n) : 0;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		s->pending.n = 0;
		s->no_more = true;
	} else if (n > 0) {
		s->pending.n -= (size_t)n;
		memmove(s->pending.data, s->pending.data + n, s->pending.n);
	}
	if (s->no_more && !s->pending.n) {
		if (s->tty) /* a terminal's end of input */
			(void)!write(s->to, "\4", 1);
		close(s->to);
		s->to = -1;
	}
}

/* Until the program's output has ended, or the client has gone. */
static void carry(struct session *s)
{
	s->no_more |= !s->wants_stdin && !s->tty;
	while (!s->client.closed && (s->from >= 0 || s->errors >= 0)) {
		bool full = s->pending.n > PENDING_MAX, write_on = s->pending.n || s->no_more;
		struct pollfd p[4] = {
			{.fd = s->client.fd, .events = full ? 0 : POLLIN},
			{.fd = s->from, .events = POLLIN},
			{.fd = s->errors, .events = POLLIN},
			{.fd = write_on ? s->to : -1, .events = POLLOUT},
		};
		if (poll(p, 4, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents)
			read_program(s, &s->from, WR_CH_STDOUT);
		if (p[2].revents)
			read_program(s, &s->errors, WR_CH_STDERR);
		if (p[3].revents)
			write_program(s);
		if (p[0].revents)
			wr_client_read(&s->client);
	}
}

/* ---- the end ---- */

static void tell_result(struct session *s, int status)
{
	WR_CLEANUP(buf)
	struct wr_buf b = {0};
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	/* who attached saw the pod end, and asks the pod how */
	if (!code || s->r->argv)
		wr_buf_text(&b, "{\"metadata\":{},\"status\":\"Success\"}");
	else
		wr_buf_printf(&b,
			      "{\"metadata\":{},\"status\":\"Failure\",\"message\":"
			      "\"command terminated with non-zero exit code\","
			      "\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":"
			      "[{\"reason\":\"ExitCode\",\"message\":\"%d\"}]}}",
			      code);
	if (!b.failed)
		wr_client_send(&s->client, WR_CH_ERROR, b.data, b.n);
}

/* Streams come one by one; a program that began before could say things to nobody. */
static int await_streams(struct session *s)
{
	struct pollfd p = {.fd = s->client.fd, .events = POLLIN};
	while ((s->client.open & s->wanted) != s->wanted) {
		if (s->client.closed || poll(&p, 1, STREAMS_MS) <= 0)
			return -ETIMEDOUT;
		wr_client_read(&s->client);
	}
	return 0;
}

static void run(struct session *s)
{
	static const char sorry[] = "{\"metadata\":{},\"status\":\"Failure\",\"reason\":"
				    "\"InternalError\",\"message\":\"cannot start it\"}";
	int status = 0;
	int rc = read_query(s, s->r->query);
	if (await_streams(s) < 0)
		return;
	if (!rc)
		rc = start(s);
	if (rc) {
		wr_client_send(&s->client, WR_CH_ERROR, sorry, sizeof(sorry) - 1);
		wr_client_goodbye(&s->client);
		return;
	}
	carry(s);
	if (s->client.closed) {
		/* whoever asked is gone: the program hears of it as from a terminal */
		kill(-s->pid, SIGHUP);
		kill(-s->pid, SIGKILL);
		(void)waitpid(s->pid, &status, 0);
		return;
	}
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	tell_result(s, status);
	wr_client_goodbye(&s->client);
	s->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int wr_remote_program(const struct wr_remote *r)
{
	struct session s = {.r = r, .to = -1, .from = -1, .errors = -1, .code = -1};
	snprintf(s.target, sizeof(s.target), "%s/%s", r->ns, r->pod);
	if (wr_client_open(&s.client, r->fd, r->protocol, NULL, &s) == 0) {
		s.client.bytes = on_bytes;
		s.client.ended = on_ended;
		run(&s);
	}
	wr_client_close(&s.client);
	wr_buf_free(&s.pending);
	return s.code;
}

void wr_remote_serve(struct wr_kubelet *k, int fd)
{
	struct wr_remote r = {.lab = k->name, .fd = fd, .arena = wr_arena_new()};
	signal(SIGPIPE, SIG_IGN);
	if (r.arena && read_line(&r) == 0) {
		if (!strcmp(r.what, "portforward"))
			wr_forward_serve(&r);
		else if (!strcmp(r.what, "attach"))
			wr_attach_serve(k, &r);
		else
			(void)wr_remote_program(&r);
	}
	wr_arena_free(r.arena);
	close(fd);
}
