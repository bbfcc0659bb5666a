/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/internal.h"

#define CHECK_MS 10000
#define LOG_TEXT 2048

void agent_log(struct agent *a, enum wr_log_level level, const char *fmt, ...)
{
	char text[LOG_TEXT];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	a->opts->log(a->opts->ctx, level, text);
}

void agent_log_diags(struct agent *a, const struct wr_diags *diags)
{
	for (size_t i = 0; i < wr_diags_count(diags) && i < 20; i++) {
		const struct wr_diag *d = wr_diags_at(diags, i);
		if (d->severity == WR_NOTE)
			continue;
		agent_log(a, d->severity == WR_ERROR ? WR_LOG_ERROR : WR_LOG_WARNING,
			  "%s%s%s%s%s%s%s", d->mark.file ? d->mark.file : "",
			  d->mark.file ? ": " : "", d->object ? d->object : "",
			  d->object ? ": " : "", d->path ? d->path : "", d->path ? ": " : "",
			  d->message);
	}
}

/* ---- change ---- */

static void on_sync(uv_timer_t *timer)
{
	sync_now(timer->data);
}

/*
 * Whatever else is already known is taken along: the timer runs when the loop
 * has read all that is there. After failures the retry's pause is left alone.
 */
void agent_changed(struct agent *a)
{
	if (a->stopping)
		return;
	if (!a->dirty) {
		a->dirty = true;
		a->dirty_ns = uv_hrtime();
	}
	if (!a->failures && !uv_is_active((uv_handle_t *)&a->sync_timer))
		uv_timer_start(&a->sync_timer, on_sync, 0, 0);
	else if (a->failures && !uv_is_active((uv_handle_t *)&a->sync_timer))
		uv_timer_start(&a->sync_timer, on_sync, 1000, 0);
}

static void on_check(uv_timer_t *timer)
{
	sync_check(timer->data);
	host_check(timer->data);
}

/* ---- one agent a node ---- */

/* The descriptor that holds the lock, or negative errno. */
static int take_lock(const struct wr_agent_opts *opts, struct wr_diags *diags)
{
	char path[WR_AGENT_PATH], pid[32] = "";
	struct wr_mark none = {0};
	snprintf(path, sizeof(path), "%s/agent.lock", opts->run_dir);
	if (mkdir(opts->run_dir, 0755) && errno != EEXIST) {
		int rc = -errno;
		wr_diag_add(diags, WR_ERROR, none, NULL, NULL, "%s: %s", opts->run_dir,
			    strerror(-rc));
		return rc;
	}
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0) {
		int rc = -errno;
		wr_diag_add(diags, WR_ERROR, none, NULL, NULL, "%s: %s", path, strerror(-rc));
		return rc;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
		wr_diag_add(diags, WR_ERROR, none, NULL, NULL,
			    "another agent%s%s enforces on this node: %s is locked",
			    *pid ? " with process id " : "", pid, path);
		wr_diag_advise(diags, "stop it first, or give this one a --run-dir and a --pin-dir "
				      "of its own");
		close(fd);
		return -EBUSY;
	}
	if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0)
		wr_diag_add(diags, WR_WARNING, none, NULL, NULL, "%s: %s", path, strerror(errno));
	return fd;
}

/* ---- the loop ---- */

/* Those that came to ask, before what they stand on is closed. */
static void close_guest(uv_handle_t *handle, void *arg)
{
	struct agent *a = arg;
	if (uv_is_closing(handle))
		return;
	if (handle->type == UV_TCP && handle != (uv_handle_t *)&a->http)
		http_end(handle);
	if (handle->type == UV_NAMED_PIPE && handle != (uv_handle_t *)&a->control)
		control_end(handle);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct agent *a = handle->data;
	agent_log(a, WR_LOG_INFO, "%s: stopping; what is in force stays",
		  number == SIGTERM ? "SIGTERM" : "SIGINT");
	a->stopping = true;
	uv_stop(&a->loop);
}

static int prepare(struct agent *a, struct wr_diags *diags)
{
	uv_timer_init(&a->loop, &a->sync_timer);
	uv_timer_init(&a->loop, &a->check_timer);
	uv_signal_init(&a->loop, &a->sigterm);
	uv_signal_init(&a->loop, &a->sigint);
	a->sync_timer.data = a->check_timer.data = a->sigterm.data = a->sigint.data = a;
	int rc = uv_signal_start(&a->sigterm, on_signal, SIGTERM);
	if (!rc)
		rc = uv_signal_start(&a->sigint, on_signal, SIGINT);
	if (!rc)
		rc = uv_timer_start(&a->check_timer, on_check, CHECK_MS, CHECK_MS);
	if (!rc)
		rc = fence_init(a);
	if (!rc)
		rc = control_start(a, diags);
	if (!rc)
		rc = http_start(a, diags);
	if (!rc)
		rc = a->opts->kube ? source_kube_new(a, &a->source, &a->source_self, diags)
				   : source_files_new(a, &a->source, &a->source_self, diags);
	if (!rc)
		rc = confine(a, diags);
	return rc;
}

/* Handles that free themselves when closed have to run once more. */
static void wind_up(struct agent *a)
{
	char path[WR_AGENT_PATH];
	a->stopping = true;
	if (a->source)
		a->source->stop(a->source_self);
	sync_free(a);
	uv_walk(&a->loop, close_guest, a);
	uv_walk(&a->loop, close_handle, NULL);
	uv_run(&a->loop, UV_RUN_DEFAULT);
	uv_loop_close(&a->loop);
	events_free(a);
	conditions_free(a);
	wr_vec_free(&a->followers);
	unlink(wr_agent_socket(a->opts->run_dir, path));
}

int wr_agent_run(const struct wr_agent_opts *opts, struct wr_diags *diags)
{
	struct agent a = {.opts = opts};
	int lock = take_lock(opts, diags);
	if (lock < 0)
		return lock;
	int rc = uv_loop_init(&a.loop);
	if (!rc) {
		rc = prepare(&a, diags);
		if (!rc)
			uv_run(&a.loop, UV_RUN_DEFAULT);
		wind_up(&a);
	}
	close(lock);
	return rc;
}

int wr_agent_cleanup(const struct wr_agent_opts *opts, struct wr_diags *diags)
{
	char path[WR_AGENT_PATH];
	int lock = take_lock(opts, diags);
	if (lock < 0)
		return lock;
	int rc = wr_datapath_detach(opts->pin_dir, diags);
	unlink(wr_agent_socket(opts->run_dir, path));
	snprintf(path, sizeof(path), "%s/agent.lock", opts->run_dir);
	unlink(path);
	close(lock);
	/* a container's mount stays: it is busy, in a root that is read-only */
	if (rmdir(opts->run_dir) && errno != ENOENT && errno != ENOTEMPTY && errno != EBUSY &&
	    errno != EROFS && !rc)
		rc = -errno;
	return rc;
}
