/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stores of a cluster cost: lists kinds, and says once all are there
 * how much memory and CPU that took. For store.py.
 *
 *	bench_store KUBECONFIG KIND...
 *
 * A byte on stdin asks for the figures anew; its end ends the program.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kube/kube.h"

#define KINDS 8

static struct wr_kube_store *stores[KINDS];
static size_t n_stores, n_synced;
static unsigned long changes;

static void added(void *arg, const struct wr_kube_item *item)
{
	(void)arg;
	(void)item;
	changes++;
}

static void changed(void *arg, const struct wr_kube_item *before, const struct wr_kube_item *item)
{
	(void)before;
	added(arg, item);
}

static void synced(void *arg)
{
	(void)arg;
	n_synced++;
}

/* A line of /proc/self/status in kB. */
static long status_kb(const char *key)
{
	char line[256];
	long kb = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kb = strtol(line + strlen(key) + 1, NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void tell(const struct wr_kube *k)
{
	struct rusage r;
	struct mallinfo2 m = mallinfo2();
	size_t objects = 0, size = k ? wr_kube_shared_size(k) : 0;
	uint64_t events = 0, bytes = 0, unchanged = 0;
	for (size_t i = 0; i < n_stores; i++) {
		const struct wr_kube_status *s = wr_kube_store_status(stores[i]);
		objects += wr_kube_store_count(stores[i]);
		size += wr_kube_store_size(stores[i]);
		events += s->events;
		bytes += s->bytes;
		unchanged += s->unchanged;
	}
	getrusage(RUSAGE_SELF, &r);
	printf("objects %zu size %zu rss %ld hwm %ld used %zu mapped %zu free %zu cpu %.3f user "
	       "%.3f events %llu bytes %llu changes %lu unchanged %llu\n",
	       objects, size, status_kb("VmRSS") * 1024, status_kb("VmHWM") * 1024, m.uordblks,
	       m.hblkhd, m.fordblks, seconds(r.ru_utime) + seconds(r.ru_stime), seconds(r.ru_utime),
	       (unsigned long long)events, (unsigned long long)bytes, changes,
	       (unsigned long long)unchanged);
	fflush(stdout);
}

static int follow(struct wr_kube *k)
{
	struct pollfd fds[] = {{wr_kube_fd(k), POLLIN, 0}, {0, POLLIN, 0}};
	bool told = false;
	for (;;) {
		char byte;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		int rc = fds[0].revents ? wr_kube_run(k) : 0;
		if (rc < 0)
			return rc;
		if (!told && n_synced >= n_stores) {
			told = true;
			tell(k);
		}
		if (fds[1].revents && read(0, &byte, 1) < 1)
			return 0;
		if (fds[1].revents)
			tell(k);
	}
}

int main(int argc, char **argv)
{
	static const struct wr_kube_store_handlers on = {
		.added = added, .changed = changed, .synced = synced};
	struct wr_diags *diags = wr_diags_new();
	struct wr_kube_config *config = NULL;
	struct wr_kube *k = NULL;
	struct wr_kube_source source = {.kubeconfig = argc > 2 ? argv[1] : NULL};
	int rc = diags && argc > 2 ? wr_kube_config_load(&source, diags, &config) : -EINVAL;
	if (!rc)
		rc = wr_kube_new(config, NULL, &k);
	tell(k);
	for (int i = 2; i < argc && !rc && n_stores < KINDS; i++) {
		int kind = wr_kind_parse(argv[i]);
		rc = kind < 0 ? kind
			      : wr_kube_store_new(k, (enum wr_kind)kind, NULL, &on, NULL,
						  &stores[n_stores]);
		n_stores += !rc;
	}
	if (!rc)
		rc = follow(k);
	if (rc)
		fprintf(stderr, "bench_store: %s\n", strerror(-rc));
	wr_kube_free(k);
	wr_kube_config_free(config);
	wr_diags_free(diags);
	return rc ? 1 : 0;
}
