/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remote: kubectl exec. The API server passes a WebSocket on, its opening done;
 * messages are channels (k8s.io/apimachinery, remotecommand): their first byte
 * says standard input (0), output (1), error output (2), how it ended (3), the
 * size of the terminal (4), or, since v5, that a channel is closed (255).
 * The program runs by 'weir lab exec', as in any lab.
 */
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
#include "lab/run.h"

#define LINE_MAX_BYTES 65536
#define MESSAGE_MAX ((size_t)4 << 20)
#define PENDING_MAX 65536 /* of standard input that the program has not taken */
#define CHUNK 16384
#define ARGUMENTS 1024
#define GOODBYE_MS 2000

enum { STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 255 };
enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, GOODBYE = 8, PING = 9, PONG = 10 };

struct session {
	const char *lab;
	int ws; /* the client */
	struct wr_arena *arena;
	const char *argv[ARGUMENTS];
	char target[520]; /* "NS/POD" */
	bool tty, wants_stdin;
	struct wr_buf in; /* bytes of frames */
	int channel;      /* of the message that is going on; -1: none */
	bool closed;      /* the client has said goodbye, or gone */
	pid_t pid;
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
	const char *const self[] = {"weir", "lab", "exec", "--name", s->lab, s->target, "--"};
	for (; n < sizeof(self) / sizeof(self[0]); n++)
		s->argv[n] = self[n];
	for (const char *p = query; *p; p += end + (p[end] == '&')) {
		end = strcspn(p, "&");
		if (!strncmp(p, "command=", 8)) {
			if (n == ARGUMENTS - 1)
				return -E2BIG;
			s->argv[n] = unescape(s->arena, p + 8, end - 8);
			if (!s->argv[n++])
				return -ENOMEM;
		}
		s->tty |= end == 8 && !strncmp(p, "tty=true", end);
		s->wants_stdin |= end == 10 && !strncmp(p, "stdin=true", end);
	}
	s->argv[n] = NULL;
	return n > sizeof(self) / sizeof(self[0]) ? 0 : -EINVAL;
}

/* The first line: the protocol, a blank, the path with its query. */
static int read_line(struct session *s)
{
	char *line = wr_arena_array(s->arena, LINE_MAX_BYTES, 1), ns[254], pod[254];
	size_t n = 0;
	while (line && n < LINE_MAX_BYTES - 1 && read(s->ws, line + n, 1) == 1 && line[n] != '\n')
		n++;
	if (!line || n == LINE_MAX_BYTES - 1)
		return -EINVAL;
	line[n] = '\0';
	const char *path = strchr(line, ' '), *query = path ? strchr(path, '?') : NULL;
	if (!query || sscanf(path, " /api/v1/namespaces/%253[^/]/pods/%253[^/]/", ns, pod) != 2)
		return -EINVAL;
	snprintf(s->target, sizeof(s->target), "%s/%s", ns, pod);
	return read_query(s, query + 1);
}

/* ---- frames ---- */

static int send_all(int fd, const void *data, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = send(fd, (const char *)data + done, n - done, MSG_NOSIGNAL);
		if (k < 0 && errno != EINTR)
			return -errno;
		done += k > 0 ? (size_t)k : 0;
	}
	return 0;
}

/* channel -1: the payload is all there is. */
static int send_frame(struct session *s, int opcode, int channel, const void *data, size_t n)
{
	unsigned char head[12];
	size_t size = n + (channel >= 0), h = 2;
	head[0] = (unsigned char)(0x80 | opcode);
	if (size < 126) {
		head[1] = (unsigned char)size;
	} else {
		head[1] = size < 65536 ? 126 : 127;
		for (int shift = size < 65536 ? 8 : 56; shift >= 0; shift -= 8)
			head[h++] = (unsigned char)((uint64_t)size >> shift);
	}
	if (channel >= 0)
		head[h++] = (unsigned char)channel;
	int rc = send_all(s->ws, head, h);
	return rc ? rc : send_all(s->ws, data, n);
}

static void resize(const struct session *s, const char *text, size_t n)
{
	struct wr_value *v = NULL;
	struct wr_arena *a = wr_arena_new();
	if (a && s->tty && s->to >= 0 &&
	    wr_json_parse(a, text, n, (struct wr_mark){0}, &v, NULL) == 0) {
		struct winsize size = {
			.ws_row = (unsigned short)wr_tree_number(v, "Height", 24),
			.ws_col = (unsigned short)wr_tree_number(v, "Width", 80),
		};
		(void)ioctl(s->to, TIOCSWINSZ, &size);
	}
	wr_arena_free(a);
}

/* A message, or a part of it. */
static void take(struct session *s, int opcode, const char *data, size_t n)
{
	if (opcode == GOODBYE)
		s->closed = true;
	if (opcode == PING)
		s->closed |= send_frame(s, PONG, -1, data, n) < 0;
	if (opcode > BINARY)
		return;
	if (opcode != CONTINUATION) {
		s->channel = n ? (unsigned char)data[0] : -1;
		data += n > 0;
		n -= n > 0;
	}
	if (s->channel == STDIN && !s->no_more)
		wr_buf_bytes(&s->pending, data, n);
	else if (s->channel == RESIZE)
		resize(s, data, n);
	else if (s->channel == CLOSE && n == 1 && data[0] == STDIN)
		s->no_more = true;
}

/* The first whole frame of what has come: its size, 0 when it is not whole, -1: nobody speaks so. */
static ssize_t take_frame(struct session *s)
{
	unsigned char *p = (unsigned char *)s->in.data;
	size_t have = s->in.n, at = 2;
	if (have < 2)
		return 0;
	uint64_t size = p[1] & 127;
	size_t wide = size == 126 ? 2 : size == 127 ? 8 : 0;
	if (!(p[1] & 128)) /* clients mask */
		return -1;
	if (have < at + wide + 4)
		return 0;
	if (wide)
		size = 0;
	for (size_t i = 0; i < wide; i++)
		size = size << 8 | p[at++];
	const unsigned char *mask = p + at;
	at += 4;
	if (size > MESSAGE_MAX)
		return -1;
	if (have - at < size)
		return 0;
	for (size_t i = 0; i < size; i++)
		p[at + i] ^= mask[i & 3];
	take(s, p[0] & 15, (char *)p + at, (size_t)size);
	return (ssize_t)(at + size);
}

static void read_client(struct session *s)
{
	char data[CHUNK];
	ssize_t n = recv(s->ws, data, sizeof(data), 0), size;
	if (n <= 0) {
		s->closed |= !n || errno != EINTR;
		return;
	}
	wr_buf_bytes(&s->in, data, (size_t)n);
	while ((size = take_frame(s)) > 0) {
		s->in.n -= (size_t)size;
		memmove(s->in.data, s->in.data + size, s->in.n);
	}
	s->closed |= size < 0 || s->in.failed || s->pending.failed;
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
	if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
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

static void read_program(struct session *s, int *fd, int channel)
{
	char data[CHUNK];
	ssize_t n = read(*fd, data, sizeof(data));
	if (n > 0) {
		s->closed |= send_frame(s, BINARY, channel, data, (size_t)n) < 0;
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
	s->no_more = !s->wants_stdin && !s->tty;
	while (!s->closed && (s->from >= 0 || s->errors >= 0)) {
		bool full = s->pending.n > PENDING_MAX, write_on = s->pending.n || s->no_more;
		struct pollfd p[4] = {
			{.fd = s->ws, .events = full ? 0 : POLLIN},
			{.fd = s->from, .events = POLLIN},
			{.fd = s->errors, .events = POLLIN},
			{.fd = write_on ? s->to : -1, .events = POLLOUT},
		};
		if (poll(p, 4, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents)
			read_program(s, &s->from, STDOUT);
		if (p[2].revents)
			read_program(s, &s->errors, STDERR);
		if (p[3].revents)
			write_program(s);
		if (p[0].revents)
			read_client(s);
	}
}

/* ---- the end ---- */

static void tell_result(struct session *s, int status)
{
	WR_CLEANUP(buf)
	struct wr_buf b = {0};
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (!code)
		wr_buf_text(&b, "{\"metadata\":{},\"status\":\"Success\"}");
	else
		wr_buf_printf(&b,
			      "{\"metadata\":{},\"status\":\"Failure\",\"message\":"
			      "\"command terminated with non-zero exit code\","
			      "\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":"
			      "[{\"reason\":\"ExitCode\",\"message\":\"%d\"}]}}",
			      code);
	if (!b.failed)
		(void)send_frame(s, BINARY, ERROR, b.data, b.n);
}

static void say_goodbye(struct session *s)
{
	static const unsigned char normal[] = {0x03, 0xe8}; /* 1000 */
	struct pollfd p = {.fd = s->ws, .events = POLLIN};
	(void)send_frame(s, GOODBYE, -1, normal, sizeof(normal));
	s->pending.n = 0;
	while (!s->closed && poll(&p, 1, GOODBYE_MS) > 0)
		read_client(s);
}

static void run(struct session *s)
{
	static const char sorry[] = "{\"metadata\":{},\"status\":\"Failure\",\"reason\":"
				    "\"InternalError\",\"message\":\"cannot start it\"}";
	int status = 0;
	int rc = read_line(s);
	if (!rc)
		rc = start(s);
	if (rc) {
		(void)send_frame(s, BINARY, ERROR, sorry, sizeof(sorry) - 1);
		say_goodbye(s);
		return;
	}
	carry(s);
	if (s->closed) {
		/* whoever asked is gone: the program hears of it as from a terminal */
		kill(-s->pid, SIGHUP);
		kill(-s->pid, SIGKILL);
		(void)waitpid(s->pid, &status, 0);
		return;
	}
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	tell_result(s, status);
	say_goodbye(s);
}

void wr_remote_serve(const char *lab, int fd)
{
	struct session s = {
		.lab = lab, .ws = fd, .channel = -1, .to = -1, .from = -1, .errors = -1};
	signal(SIGPIPE, SIG_IGN);
	s.arena = wr_arena_new();
	if (s.arena)
		run(&s);
	wr_arena_free(s.arena);
	wr_buf_free(&s.in);
	wr_buf_free(&s.pending);
	close(fd);
}
