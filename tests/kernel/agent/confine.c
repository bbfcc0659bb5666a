/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confinement from inside: a child confines itself as the agent does, tries
 * something, and says by its exit status how the kernel answered.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/internal.h"

#define KILLED 1000 /* by SIGSYS */

static unsigned source_needs;

static unsigned needs(void *self)
{
	(void)self;
	return source_needs;
}

static void silent(void *ctx, enum wr_log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
}

/* What try() returns in a confined child: 0 or an errno, KILLED, or -1. */
static int confined(unsigned what_source_needs, int (*try)(void))
{
	int status;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		static const struct source source = {.needs = needs};
		struct wr_agent_opts opts = {.log = silent, .pin_dir = "/nowhere"};
		struct agent a = {.opts = &opts, .source = &source};
		source_needs = what_source_needs;
		_exit(confine(&a, NULL) ? 255 : try());
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : -1;
	return WEXITSTATUS(status);
}

static int of(long rc)
{
	return rc < 0 ? errno : 0;
}

/* ---- what is tried ---- */

static int try_exec(void)
{
	return of(execl("/bin/true", "true", (char *)NULL));
}

static int try_ptrace(void)
{
	return of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int try_mount(void)
{
	return of(mount("none", "/mnt", "tmpfs", 0, NULL));
}

static int try_fork(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return of(pid);
}

static void *nothing(void *arg)
{
	return arg;
}

static int try_thread(void)
{
	pthread_t t;
	int rc = pthread_create(&t, NULL, nothing, NULL);
	return rc ? rc : pthread_join(t, NULL);
}

static int try_packet_socket(void)
{
	return of(socket(AF_PACKET, SOCK_RAW, 0));
}

static int try_tcp_socket(void)
{
	return of(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int try_writable_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	return of(at == MAP_FAILED ? -1 : 0);
}

static int try_made_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return of(at == MAP_FAILED ? -1 : mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int try_file(void)
{
	return of(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
}

static int try_setuid(void)
{
	return of(setuid(1));
}

static int try_fork_setuid(void)
{
	int status, rc = 0;
	pid_t pid = fork();
	if (pid == 0)
		_exit(of(setuid(1)));
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		rc = -1;
	return rc ? of(rc) : WEXITSTATUS(status);
}

/* Whether a program that root starts has any capability at all: 0 none, 1 some. */
static int try_program_caps(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/grep", "grep", "-q", "^CapEff:.*[1-9a-f]", "/proc/self/status",
		      (char *)NULL);
		_exit(9);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return errno;
	return WEXITSTATUS(status) == 1 ? 0 : WEXITSTATUS(status) == 0 ? 1 : 9;
}

/* A line of /proc/self/status that begins so: capget() itself is refused by now. */
static int status_has(const char *start)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	int rc = 200;
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, start, strlen(start)))
			rc = 0;
	return rc;
}

static int capabilities(uint64_t expected)
{
	char line[64];
	snprintf(line, sizeof(line), "CapPrm:\t%016llx\n", (unsigned long long)expected);
	return status_has(line);
}

#define THREE (UINT64_C(1) << CAP_BPF | UINT64_C(1) << CAP_PERFMON | UINT64_C(1) << CAP_NET_ADMIN)

static int three(void)
{
	return capabilities(THREE);
}

static int four(void)
{
	return capabilities(THREE | UINT64_C(1) << CAP_DAC_READ_SEARCH);
}

static int no_new_privs(void)
{
	return status_has("NoNewPrivs:\t1\n");
}

static const struct {
	const char *name;
	unsigned needs;
	int (*try)(void);
	int expected;
} cases[] = {
	{"exec-kills", 0, try_exec, KILLED},
	{"ptrace-kills", 0, try_ptrace, KILLED},
	{"mount-kills", 0, try_mount, KILLED},
	{"fork-is-refused", 0, try_fork, EPERM},
	{"thread-is-allowed", 0, try_thread, 0},
	{"packet-socket-is-refused", 0, try_packet_socket, EPERM},
	{"tcp-socket-is-allowed", 0, try_tcp_socket, 0},
	{"writable-code-is-refused", 0, try_writable_code, EPERM},
	{"made-code-is-refused", 0, try_made_code, EPERM},
	{"file-is-allowed", 0, try_file, 0},
	{"setuid-is-refused", 0, try_setuid, EPERM},
	{"no-new-privileges", 0, no_new_privs, 0},
	{"three-capabilities", 0, three, 0},
	{"a-fourth-for-files", SOURCE_NEEDS_FILES, four, 0},
	{"plugin-may-start", SOURCE_NEEDS_PROGRAMS, try_exec, 0},
	{"plugin-is-a-process", SOURCE_NEEDS_PROGRAMS, try_fork_setuid, EPERM},
	{"plugin-has-no-capabilities", SOURCE_NEEDS_PROGRAMS, try_program_caps, 0},
	{"plugin-mount-is-refused", SOURCE_NEEDS_PROGRAMS, try_mount, EPERM},
};

int main(void)
{
	int failed = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int got = confined(cases[i].needs, cases[i].try);
		failed += got != cases[i].expected;
		if (got == cases[i].expected)
			printf("ok %s\n", cases[i].name);
		else
			printf("FAIL %s: %d instead of %d\n", cases[i].name, got,
			       cases[i].expected);
	}
	return failed != 0;
}
