/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confinement: what the agent will not need any more, it gives up when all is
 * open, for good. An agent that somebody has taken over through the bytes of an
 * API server can then still do to this node's policies what it likes, and
 * little else: not read other processes, start programs, mount, load modules.
 *
 * Capabilities that stay, found by leaving out one after the other:
 *
 *	CAP_BPF			load programs, make, read and write maps
 *	CAP_PERFMON		the verifier lets the program read conntrack's entries
 *	CAP_NET_ADMIN		netfilter programs and links, the nft table, sysctls of
 *				the network
 *	CAP_DAC_READ_SEARCH	only where the source is a folder or a kubeconfig, whose
 *				files may be somebody else's
 *
 * System calls: those that the agent makes are allowed. A few that would only
 * be made by somebody else end the process, and what is in force stays; all
 * others fail with EPERM and not with death, since a library's next version
 * may try a new one and go on without it. The kernel logs every refusal.
 *
 * A filter is inherited: where a kubeconfig names a credential plugin, whose
 * needs nobody knows, there is none, and the plugin starts without capabilities.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/internal.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

/* ---- capabilities ---- */

#define BIT(cap) (UINT64_C(1) << (cap))
#define NEEDED (BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_NET_ADMIN))

static const struct {
	int cap;
	const char *name;
} names[] = {
	{CAP_BPF, "CAP_BPF"},
	{CAP_PERFMON, "CAP_PERFMON"},
	{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
};

static void put_names(uint64_t caps, struct wr_buf *out)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (caps & BIT(names[i].cap))
			wr_buf_printf(out, "%s%s", out->n ? ", " : "", names[i].name);
}

static int get_caps(uint64_t *permitted)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &head, data))
		return -errno;
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)caps, .permitted = (uint32_t)caps},
		{.effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32)},
	};
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

/*
 * What a program that we start could get. Without CAP_SETPCAP, as in a
 * container, these cannot be set, and no_new_privs alone holds them.
 */
static void bound_caps(uint64_t keep)
{
	for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(keep & BIT(cap)))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static int drop_caps(struct agent *a, unsigned needs, struct wr_buf *kept)
{
	WR_CLEANUP(buf)
	struct wr_buf missing = {0};
	uint64_t permitted = 0, keep = NEEDED;
	int rc = get_caps(&permitted);
	if (rc)
		return rc;
	if (needs & SOURCE_NEEDS_FILES)
		keep |= BIT(CAP_DAC_READ_SEARCH);
	put_names(NEEDED & ~permitted, &missing);
	if (missing.n)
		agent_log(a, WR_LOG_WARNING, "the agent was started without %s, which it needs",
			  missing.data);
	bound_caps(keep);
	put_names(keep & permitted, kept);
	return set_caps(keep & permitted);
}

/* ---- system calls ---- */

/* By name: this library or machine may not know one of them, and needs none it does not know. */
static const char *const allowed[] = {
	/* memory */
	"brk", "madvise", "mremap", "munmap",
	/* files, and what the datapath does below its bpffs */
	"access", "close", "close_range", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fcntl",
	"fcntl64", "flock", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "ftruncate",
	"getcwd", "getdents", "getdents64", "llseek", "_llseek", "lseek", "lstat", "lstat64",
	"mkdir", "mkdirat", "newfstatat", "open", "openat", "openat2", "pread64", "preadv",
	"pwrite64", "pwritev", "read", "readlink", "readlinkat", "readv", "rename", "renameat",
	"renameat2", "rmdir", "stat", "stat64", "statfs", "statfs64", "statx", "umask", "unlink",
	"unlinkat", "write", "writev",
	/* the datapath */
	"bpf",
	/* waiting */
	"clock_getres", "clock_gettime", "clock_gettime64", "clock_nanosleep",
	"clock_nanosleep_time64", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "eventfd2", "futex", "futex_time64", "gettimeofday",
	"inotify_add_watch", "inotify_init1", "inotify_rm_watch", "nanosleep", "pipe", "pipe2",
	"poll", "ppoll", "ppoll_time64", "pselect6", "restart_syscall", "sched_yield", "select",
	"timerfd_create", "timerfd_gettime", "timerfd_settime", "timerfd_settime64",
	/* the network; of which kinds, see below */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt",
	"listen", "recv", "recvfrom", "recvmmsg", "recvmsg", "send", "sendmmsg", "sendmsg",
	"sendto", "setsockopt", "shutdown", "socketpair",
	/* threads and signals of its own: names are looked up by a thread */
	"exit", "exit_group", "getegid", "geteuid", "getgid", "getpid", "getppid", "getrandom",
	"getrlimit", "getrusage", "gettid", "getuid", "membarrier", "prlimit64", "rseq",
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
	"sched_getaffinity", "set_robust_list", "set_tid_address", "sigaltstack", "sigreturn",
	"sysinfo", "tgkill", "times", "uname"};

/* Nothing that the agent is made of ever makes these. */
static const char *const deadly[] = {
	"execve",          "execveat",    "ptrace",       "process_vm_readv", "process_vm_writev",
	"mount",           "umount2",     "pivot_root",   "chroot",           "setns",
	"unshare",         "init_module", "finit_module", "delete_module",    "kexec_load",
	"kexec_file_load", "reboot",      "userfaultfd",  "perf_event_open",  "open_by_handle_at"};

static int add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *list, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && !rc; i++) {
		int number = seccomp_syscall_resolve_name(list[i]);
		if (number != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(ctx, action, number, 0);
		if (rc == -EDOM)
			rc = 0; /* none of this architecture */
	}
	return rc;
}

/* One call with one argument that decides: (argument & mask) == value. */
static int add_if(scmp_filter_ctx ctx, int call, unsigned arg, uint64_t mask, uint64_t value)
{
	struct scmp_arg_cmp compare = {arg, SCMP_CMP_MASKED_EQ, mask, value};
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &compare);
}

/* Nothing is ever writable and executable; a resolver's module may be mapped as a library is. */
static int add_memory(scmp_filter_ctx ctx)
{
	int rc = add_if(ctx, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	if (!rc)
		rc = add_if(ctx, SCMP_SYS(mmap), 2, PROT_EXEC | PROT_WRITE, PROT_EXEC);
	if (!rc)
		rc = add_if(ctx, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	return rc;
}

static int add_arguments(scmp_filter_ctx ctx)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	static const uint32_t controls[] = {0x5401 /* TCGETS */, 0x5421 /* FIONBIO */,
					    0x541b /* FIONREAD */, 0x5451 /* FIOCLEX */};
	int rc = add_memory(ctx);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && !rc; i++)
		rc = add_if(ctx, SCMP_SYS(socket), 0, UINT32_MAX, (uint64_t)families[i]);
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]) && !rc; i++)
		rc = add_if(ctx, SCMP_SYS(ioctl), 1, UINT32_MAX, controls[i]);
	if (!rc)
		rc = add_if(ctx, SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME);
	/* threads and no processes; clone3 says its flags where no filter can look */
	if (!rc)
		rc = add_if(ctx, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return rc;
}

static int filter_calls(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx)
		return -ENOMEM;
	int rc = add_names(ctx, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(allowed[0]));
	if (!rc)
		rc = add_names(ctx, SCMP_ACT_KILL_PROCESS, deadly,
			       sizeof(deadly) / sizeof(deadly[0]));
	if (!rc)
		rc = add_arguments(ctx);
	if (!rc)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!rc)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1);
	if (!rc)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}

/* ---- all of it ---- */

/* What takes CAP_SYS_ADMIN and has to be there before the datapath is opened. */
static void prepare(const struct agent *a)
{
	static const char usual[] = "/sys/fs/bpf";
	struct wr_diags *diags = wr_diags_new();
	/* where it cannot be mounted, opening the datapath says so */
	if (diags && !strncmp(a->opts->pin_dir, usual, strlen(usual)))
		wr_bpffs_mount(usual, diags);
	wr_diags_free(diags);
}

int confine(struct agent *a, struct wr_diags *diags)
{
	WR_CLEANUP(buf)
	struct wr_buf kept = {0};
	unsigned needs = a->source->needs(a->source_self);
#ifdef SANITIZED
	agent_log(a, WR_LOG_WARNING,
		  "not confined: sanitizers, with which this was built, need "
		  "what would be given up");
	return 0;
#endif
	if (a->opts->no_confine) {
		agent_log(a, WR_LOG_WARNING, "not confined, as was asked for");
		return 0;
	}
	prepare(a);
	int rc = drop_caps(a, needs, &kept);
	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		rc = -errno;
	if (!rc && !(needs & SOURCE_NEEDS_PROGRAMS))
		rc = filter_calls();
	if (rc) {
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
			    "the agent cannot give up the privileges that it does not need: %s",
			    strerror(-rc));
		wr_diag_advise(diags, "--no-confine runs it with all of them");
		return rc;
	}
	a->confined = true;
	agent_log(a, WR_LOG_INFO, "confined: capabilities %s; %s", kept.n ? kept.data : "none",
		  needs & SOURCE_NEEDS_PROGRAMS
			  ? "system calls as they are, for the kubeconfig's credential plugin"
			  : "system calls by a list");
	return 0;
}
