/* SPDX-License-Identifier: Apache-2.0 */
/* Exec: a program of the machine with a pod's network and name resolution. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "lab/internal.h"

/* A mount namespace of its own, in which /etc/resolv.conf is the pod's. */
static int use_resolv_conf(const char *path)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", "none", MS_SLAVE | MS_REC, NULL) < 0)
		return -errno;
	if (mount(path, "/etc/resolv.conf", "none", MS_BIND, NULL) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

__attribute__((noreturn)) static void child(int netns, const char *resolv_conf,
					    const char *const *argv)
{
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	int rc = wr_netns_enter(netns);
	if (!rc)
		rc = use_resolv_conf(resolv_conf);
	if (rc) {
		dprintf(STDERR_FILENO, "cannot enter the pod: %s\n", strerror(-rc));
		_exit(126);
	}
	wr_exec(argv);
	int error = errno;
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int wr_lab_exec(struct wr_lab *lab, const char *ns, const char *pod, const char *const *argv,
		struct wr_diags *diags)
{
	char name[WR_LAB_NETNS], resolv_conf[WR_LAB_PATH];
	const struct wr_lab_pod_alloc *p = wr_lab_find_pod_alloc(lab->state, ns, pod);
	if (!p)
		return wr_lab_error(diags, -ENOENT, "there is no pod %s/%s in the lab", ns, pod);
	if (p->host_network)
		wr_lab_node_netns(name, lab->state, p->node);
	else
		wr_lab_pod_netns(name, lab->state, p->id);
	int rc = wr_lab_dns_resolv_conf(lab, ns, resolv_conf, diags);
	if (rc < 0)
		return rc;
	WR_CLEANUP(fd)
	int netns = wr_netns_open(name);
	if (netns < 0)
		return wr_lab_error(diags, netns, "network namespace %s: %s", name,
				    strerror(-netns));
	/* a terminal's interrupt is for the program */
	struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
	sigaction(SIGINT, &ignore, &interrupt);
	sigaction(SIGQUIT, &ignore, &quit);
	pid_t pid = fork();
	if (!pid)
		child(netns, resolv_conf, argv);
	rc = pid < 0 ? -errno : 0;
	/* the program may run for long: others may use the lab meanwhile */
	close(lab->lock);
	lab->lock = -1;
	if (!rc)
		rc = wait_for(pid);
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGQUIT, &quit, NULL);
	return rc < 0 ? wr_lab_error(diags, rc, "%s: %s", argv[0], strerror(-rc)) : rc;
}
