/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: libcurl's sockets and all timers behind one epoll descriptor.
 *
 * libcurl tells which sockets it waits for and when it wants to be called; both
 * go into an epoll instance, the latter by a timerfd that is always set to the
 * earliest thing due, of libcurl or of a feed. An epoll descriptor can be
 * polled like any other, so the owner needs to know nothing of this.
 *
 * Requests that handlers start are queued and begin in the loop: libcurl may
 * not be called from its own callbacks.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "kube/internal.h"

#define EVENTS 32

uint64_t wr_kube_now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t wr_kube_jitter(struct wr_kube *k, uint64_t ms)
{
	/* xorshift: nothing depends on its being secret */
	k->random ^= k->random << 13;
	k->random ^= k->random >> 7;
	k->random ^= k->random << 17;
	return ms + (ms ? k->random % ms : 0);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct wr_kube *k = arg;
	struct epoll_event ev = {.data.fd = fd};
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(k->epoll, EPOLL_CTL_DEL, fd, NULL);
		curl_multi_assign(k->multi, fd, NULL);
		return 0;
	}
	int how = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	curl_multi_assign(k->multi, fd, k);
	if (!epoll_ctl(k->epoll, how, fd, &ev))
		return 0;
	/* closed and opened again under the same number */
	how = known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
	return epoll_ctl(k->epoll, how, fd, &ev) ? -1 : 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct wr_kube *k = arg;
	(void)multi;
	k->curl_due = ms < 0 ? 0 : wr_kube_now_ms() + (uint64_t)ms + !ms;
	return 0;
}

static uint64_t first(uint64_t a, uint64_t b)
{
	return !a ? b : !b || a < b ? a : b;
}

static int set_timer(struct wr_kube *k)
{
	uint64_t due = k->queued ? 1 : k->curl_due;
	for (size_t i = 0; i < k->feeds.n; i++)
		due = first(due, wr_kube_feed_due(k->feeds.items[i]));
	struct itimerspec at = {.it_value = {(time_t)(due / 1000), (long)(due % 1000) * 1000000}};
	return timerfd_settime(k->timer, TFD_TIMER_ABSTIME, &at, NULL) < 0 ? -errno : 0;
}

void wr_kube_wake(struct wr_kube *k)
{
	if (!k->running)
		set_timer(k);
}

static void defaults(struct wr_kube_opts *o)
{
	const struct {
		uint32_t *value, fallback;
	} all[] = {
		{&o->page, 500},          {&o->connect_ms, 10000},     {&o->stall_seconds, 30},
		{&o->watch_seconds, 300}, {&o->watch_grace_ms, 15000}, {&o->keepalive_seconds, 15},
		{&o->initial_ms, 10000},  {&o->backoff_ms, 800},       {&o->backoff_max_ms, 30000},
		{&o->absent_ms, 30000},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!*all[i].value)
			*all[i].value = all[i].fallback;
}

static int open_loop(struct wr_kube *k)
{
	k->epoll = epoll_create1(EPOLL_CLOEXEC);
	k->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (k->epoll < 0 || k->timer < 0)
		return -errno;
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = k->timer};
	if (epoll_ctl(k->epoll, EPOLL_CTL_ADD, k->timer, &ev) < 0)
		return -errno;
	/* thread-safe in every libcurl that has the blobs used here, and counted */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	k->multi = curl_multi_init();
	if (!k->multi) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	curl_multi_setopt(k->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(k->multi, CURLMOPT_SOCKETDATA, k);
	curl_multi_setopt(k->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(k->multi, CURLMOPT_TIMERDATA, k);
	return 0;
}

int wr_kube_new(struct wr_kube_config *config, const struct wr_kube_opts *opts,
		struct wr_kube **out)
{
	struct wr_kube *k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->config = config;
	k->epoll = k->timer = -1;
	if (opts)
		k->opts = *opts;
	defaults(&k->opts);
	k->user_agent = strdup(k->opts.user_agent ? k->opts.user_agent : "weir");
	if (getrandom(&k->random, sizeof(k->random), GRND_NONBLOCK) != sizeof(k->random))
		k->random = wr_kube_now_ms();
	k->random |= 1;
	int rc = k->user_agent ? open_loop(k) : -ENOMEM;
	if (rc) {
		wr_kube_free(k);
		return rc;
	}
	*out = k;
	return 0;
}

void wr_kube_free(struct wr_kube *k)
{
	if (!k)
		return;
	while (k->queued)
		wr_kube_transfer_free(k, k->queued);
	while (k->active)
		wr_kube_transfer_free(k, k->active);
	for (size_t i = 0; i < k->feeds.n; i++)
		wr_kube_feed_free(k->feeds.items[i]);
	for (size_t i = 0; i < k->stores.n; i++)
		wr_kube_store_free(k->stores.items[i]);
	wr_vec_free(&k->feeds);
	wr_vec_free(&k->stores);
	wr_kube_pool_unref(k->pool);
	if (k->multi) {
		curl_multi_cleanup(k->multi);
		curl_global_cleanup();
	}
	if (k->timer >= 0)
		close(k->timer);
	if (k->epoll >= 0)
		close(k->epoll);
	free(k->user_agent);
	free(k);
}

int wr_kube_fd(const struct wr_kube *k)
{
	return k->epoll;
}

static void end_finished(struct wr_kube *k)
{
	int left;
	for (CURLMsg *m; (m = curl_multi_info_read(k->multi, &left));) {
		void *t = NULL;
		int code = (int)m->data.result;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		wr_kube_transfer_end(k, t, code);
	}
}

static void begin_queued(struct wr_kube *k)
{
	/* no more than there are now: a handler may queue the next as one fails */
	for (size_t n = wr_kube_transfers_queued(k); n && k->queued; n--) {
		struct wr_kube_transfer *t = k->queued;
		if (wr_kube_transfer_begin(k, t))
			wr_kube_transfer_end(k, t, CURLE_OUT_OF_MEMORY);
	}
}

static void do_sockets(struct wr_kube *k)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(k->epoll, events, EVENTS, 0), running;
	for (int i = 0; i < n; i++) {
		uint32_t e = events[i].events;
		int what = (e & EPOLLIN ? CURL_CSELECT_IN : 0) |
			   (e & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			   (e & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
		if (events[i].data.fd != k->timer)
			curl_multi_socket_action(k->multi, events[i].data.fd, what, &running);
	}
}

int wr_kube_run(struct wr_kube *k)
{
	int running;
	uint64_t now = wr_kube_now_ms();
	k->running = true;
	do_sockets(k);
	if (k->curl_due && k->curl_due <= now) {
		k->curl_due = 0;
		curl_multi_socket_action(k->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	end_finished(k);
	for (size_t i = 0; i < k->feeds.n; i++)
		wr_kube_feed_tick(k->feeds.items[i], now);
	begin_queued(k);
	end_finished(k); /* what failed at once */
	k->running = false;
	return set_timer(k);
}

/* A request of the owner's. */
struct single {
	void (*done)(void *arg, const struct wr_kube_response *response);
	void *arg;
};

static void single_done(void *arg, const struct wr_kube_result *result, const char *body,
			size_t size)
{
	struct single s = *(struct single *)arg;
	struct wr_kube_response r = {result->error, result->status, body, size, result->text};
	free(arg);
	s.done(s.arg, &r);
}

static void single_dropped(void *arg)
{
	free(arg);
}

int wr_kube_send(struct wr_kube *k, const struct wr_kube_request *request,
		 void (*done)(void *arg, const struct wr_kube_response *response), void *arg)
{
	struct single *s = calloc(1, sizeof(*s));
	struct wr_kube_transfer *t;
	if (!s)
		return -ENOMEM;
	*s = (struct single){done, arg};
	struct wr_kube_transfer_spec spec = {
		.path = request->path,
		.method = request->method,
		.body = request->body,
		.content_type = request->content_type,
		.collect = true,
		.max_bytes = request->max_bytes ? request->max_bytes : (size_t)1 << 20,
		.limit_ms = 60000,
		.done = single_done,
		.dropped = single_dropped,
		.arg = s,
	};
	int rc = wr_kube_transfer_new(k, &spec, &t);
	if (rc)
		free(s);
	return rc;
}
