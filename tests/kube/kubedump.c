/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows kinds of a cluster and says on stdout what the stores say, one line a
 * call; lines on stdin are orders ("dump", "quit", a path to GET, "PATCH PATH
 * BODY"). For tests/kube/run.py.
 *
 *	kubedump [OPTION=VALUE]... KIND...
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/kube.h"

#define KINDS 8

static struct wr_kube_store *stores[KINDS];
static const char *names[KINDS];
static size_t n_stores;

static void item_line(const char *what, size_t of, const struct wr_kube_item *i)
{
	const struct wr_object *o = i->object;
	char ip[WR_IP_TEXT] = "-";
	if (o && o->kind == WR_KIND_POD && o->pod.n_ips)
		wr_ip_format(&o->pod.ips[0], ip);
	printf("%s %s %s%s%s %s labels=%zu ip=%s problem=%s\n", what, names[of], i->ns ? i->ns : "",
	       i->ns ? "/" : "", i->name, i->version, o ? o->meta.n_labels : 0, ip,
	       i->problem ? i->problem : "-");
}

static void added(void *arg, const struct wr_kube_item *i)
{
	item_line("added", (size_t)(uintptr_t)arg, i);
}

static void changed(void *arg, const struct wr_kube_item *before, const struct wr_kube_item *i)
{
	(void)before;
	item_line("changed", (size_t)(uintptr_t)arg, i);
}

static void deleted(void *arg, const struct wr_kube_item *i)
{
	item_line("deleted", (size_t)(uintptr_t)arg, i);
}

static void synced(void *arg)
{
	size_t of = (size_t)(uintptr_t)arg;
	printf("synced %s %zu\n", names[of],
	       stores[of] ? wr_kube_store_count(stores[of]) : (size_t)0);
}

static void status(void *arg, const struct wr_kube_status *s)
{
	printf("status %s live=%d absent=%d failures=%llu lists=%llu watches=%llu code=%d "
	       "error=%s\n",
	       names[(size_t)(uintptr_t)arg], s->live, s->absent, (unsigned long long)s->failures,
	       (unsigned long long)s->lists, (unsigned long long)s->watches, s->code, s->error);
}

static void dump(void)
{
	for (size_t k = 0; k < n_stores; k++) {
		const struct wr_kube_item *i;
		for (size_t at = 0; (i = wr_kube_store_next(stores[k], &at));)
			item_line("item", k, i);
		printf("size %s %zu unchanged %llu\n", names[k], wr_kube_store_size(stores[k]),
		       (unsigned long long)wr_kube_store_status(stores[k])->unchanged);
	}
	printf("end\n");
}

static void answered(void *arg, const struct wr_kube_response *r)
{
	(void)arg;
	printf("answer %d %d %s\n", r->error, r->status, r->message);
}

/* "PATH BODY" */
static void patch(struct wr_kube *k, char *text)
{
	char *blank = strchr(text, ' ');
	if (!blank)
		return;
	*blank = '\0';
	struct wr_kube_request r = {.method = "PATCH",
				    .path = text,
				    .body = blank + 1,
				    .content_type = "application/merge-patch+json"};
	wr_kube_send(k, &r, answered, NULL);
}

/* false: it is to end. */
static bool obey(struct wr_kube *k)
{
	char line[256];
	if (!fgets(line, sizeof(line), stdin) || !strcmp(line, "quit\n"))
		return false;
	line[strcspn(line, "\n")] = '\0';
	if (!strcmp(line, "dump"))
		dump();
	else if (!strncmp(line, "PATCH ", 6))
		patch(k, line + 6);
	else
		wr_kube_send(k, &(struct wr_kube_request){.path = line}, answered, NULL);
	return true;
}

static int follow(struct wr_kube *k)
{
	struct pollfd fds[] = {{wr_kube_fd(k), POLLIN, 0}, {0, POLLIN, 0}};
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		int rc = fds[0].revents ? wr_kube_run(k) : 0;
		if (rc < 0)
			return rc;
		if (fds[1].revents && !obey(k))
			return 0;
	}
}

struct options {
	struct wr_kube_source source;
	struct wr_kube_opts kube;
	const char *ns;
};

static void set(struct options *o, char *name, const char *value)
{
	uint32_t n = (uint32_t)strtoul(value, NULL, 10);
	const struct {
		const char *name, **text;
		uint32_t *number;
	} all[] = {
		{"kubeconfig", &o->source.kubeconfig, NULL},
		{"context", &o->source.context, NULL},
		{"in-cluster", &o->source.in_cluster_dir, NULL},
		{"ns", &o->ns, NULL},
		{"page", NULL, &o->kube.page},
		{"connect", NULL, &o->kube.connect_ms},
		{"stall", NULL, &o->kube.stall_seconds},
		{"watch", NULL, &o->kube.watch_seconds},
		{"grace", NULL, &o->kube.watch_grace_ms},
		{"keepalive", NULL, &o->kube.keepalive_seconds},
		{"initial", NULL, &o->kube.initial_ms},
		{"backoff", NULL, &o->kube.backoff_ms},
		{"backoff-max", NULL, &o->kube.backoff_max_ms},
		{"absent", NULL, &o->kube.absent_ms},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].name, name) != 0)
			continue;
		if (all[i].text)
			*all[i].text = value;
		else
			*all[i].number = n;
		return;
	}
	if (!strcmp(name, "paged"))
		o->kube.no_streaming_lists = true;
	else
		fprintf(stderr, "kubedump: no option %s\n", name);
}

static void say(const struct wr_diags *diags)
{
	for (size_t i = 0; i < wr_diags_count(diags); i++) {
		const struct wr_diag *d = wr_diags_at(diags, i);
		printf("error %s:%u:%u: %s: %s\n", d->mark.file ? d->mark.file : "", d->mark.line,
		       d->mark.column, d->path ? d->path : "", d->message);
	}
}

static int start(struct wr_kube *k, const struct options *o, const char *kind)
{
	static const struct wr_kube_store_handlers on = {added, changed, deleted, synced, status};
	int parsed = wr_kind_parse(kind);
	if (parsed < 0 || n_stores == KINDS)
		return -EINVAL;
	names[n_stores] = wr_kind_name((enum wr_kind)parsed);
	int rc = wr_kube_store_new(k, (enum wr_kind)parsed, o->ns, &on, (void *)(uintptr_t)n_stores,
				   &stores[n_stores]);
	n_stores += !rc;
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct wr_diags *diags = wr_diags_new();
	struct wr_kube_config *config = NULL;
	struct wr_kube *k = NULL;
	int first = 1;
	for (char *equals; first < argc && (equals = strchr(argv[first], '=')); first++) {
		*equals = '\0';
		set(&o, argv[first], equals + 1);
	}
	o.source.in_cluster = o.source.in_cluster_dir;
	int rc = diags ? wr_kube_config_load(&o.source, diags, &config) : -ENOMEM;
	if (!rc) {
		printf("server %s context %s namespace %s\n", wr_kube_config_server(config),
		       wr_kube_config_context(config) ? wr_kube_config_context(config) : "-",
		       wr_kube_config_namespace(config));
		rc = wr_kube_new(config, &o.kube, &k);
	}
	for (int i = first; i < argc && !rc; i++)
		rc = start(k, &o, argv[i]);
	if (!rc)
		rc = follow(k);
	if (diags)
		say(diags);
	wr_kube_free(k);
	wr_kube_config_free(config);
	wr_diags_free(diags);
	return rc ? 1 : 0;
}
