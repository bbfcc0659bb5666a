/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "api/decode.h"
#include "base/map.h"
#include "base/vec.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "kube/kube.h"

/*
 * One feed a kind, each listing once. A kind that the user may not read is an
 * error where verdicts would be wrong without it, and a note where they would
 * only lose a name; of a single namespace (-n) what is cluster-wide may be
 * missing.
 */

#define RETRIES 4 /* of answers that ask to come again: 429 and 5xx */

WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)
WR_DEFINE_CLEANUP(map, struct wr_map *, wr_map_free)
WR_DEFINE_CLEANUP(kube, struct wr_kube *, wr_kube_free)
WR_DEFINE_CLEANUP(config, struct wr_kube_config *, wr_kube_config_free)

/* An object: where its text lies in its kind's. */
struct entry {
	const char *key;  /* "kind/namespace/name" */
	const char *file; /* what it is called in messages */
	size_t at, size;
};

struct kind {
	struct wr_cluster *c;
	enum wr_kind kind;
	const char *path; /* the API's */
	char *api;
	struct wr_kube_feed *feed;
	bool ended;
	int memory; /* a memfd that the writer fills, or -1 */
	struct wr_out *out;
	WR_VEC(struct entry) entries;
	char *text; /* of all objects, when ended */
	size_t size;
};

struct wr_cluster {
	const struct wr_args *args;
	struct wr_arena *arena;
	const char *ns; /* the one that is read, or NULL: all */
	const char *default_ns;
	struct kind kinds[WR_KIND_COUNT];
	size_t left; /* kinds that are not read yet */
	int status;  /* exit status, when something failed */
};

bool wr_cluster_wanted(const struct wr_args *args)
{
	return wr_arg_known(args, "context") &&
	       (wr_arg_given(args, "context") || wr_arg_given(args, "kubeconfig") ||
		wr_arg_given(args, "namespace") || wr_arg_given(args, "all-namespaces"));
}

/* Shown by the lines of its text in messages. */
static bool has_lines(enum wr_kind kind)
{
	return wr_kind_is_policy(kind) || kind == WR_KIND_INGRESS;
}

static int fail(struct wr_cluster *c, const char *kind, const char *why)
{
	if (c->status == WR_EXIT_OK)
		c->status = wr_fail(c->args, "the cluster cannot be read%s%s: %s", kind ? ": " : "",
				    kind ? kind : "", why);
	return -EIO;
}

/* --- Objects that come --- */

static int on_begin(void *arg)
{
	struct kind *k = arg;
	wr_out_close(k->out);
	if (k->memory >= 0)
		close(k->memory);
	k->out = NULL;
	k->entries.n = 0;
	k->memory = memfd_create("weir-cluster", MFD_CLOEXEC);
	if (k->memory < 0)
		return -errno;
	k->out = wr_out_new(k->memory, has_lines(k->kind) ? WR_YAML : WR_JSON_LINES);
	return k->out ? 0 : -ENOMEM;
}

static const char *text_of(const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	return v && v->type == WR_STRING && *v->text ? v->text : NULL;
}

static int on_item(void *arg, const struct wr_value *object)
{
	struct kind *k = arg;
	struct wr_arena *a = k->c->arena;
	const struct wr_value *meta = wr_value_get(object, "metadata");
	const char *name = text_of(meta, "name"), *ns = text_of(meta, "namespace"),
		   *resource = strrchr(k->path, '/') + 1;
	if (!name)
		return -EINVAL;
	struct entry e = {
		.key = wr_arena_printf(a, "%s/%s/%s", wr_kind_name(k->kind), ns ? ns : "", name),
		.file = wr_arena_printf(a, "cluster:%s/%s%s%s", resource, ns ? ns : "",
					ns ? "/" : "", name),
	};
	wr_out_flush(k->out);
	e.at = (size_t)lseek(k->memory, 0, SEEK_CUR);
	wr_cluster_write(k->out, object, k->api, wr_kind_name(k->kind));
	wr_out_flush(k->out);
	e.size = (size_t)lseek(k->memory, 0, SEEK_CUR) - e.at;
	return !e.key || !e.file || wr_out_failed(k->out) ? -ENOMEM : wr_vec_push(&k->entries, e);
}

static int on_commit(void *arg)
{
	struct kind *k = arg;
	k->size = (size_t)lseek(k->memory, 0, SEEK_END);
	if (k->size) {
		k->text = mmap(NULL, k->size, PROT_READ, MAP_PRIVATE, k->memory, 0);
		if (k->text == MAP_FAILED) {
			k->text = NULL;
			return -ENOMEM;
		}
	}
	k->ended = true;
	k->c->left--;
	return 0;
}

/* A list has no changes; the feed wants the handlers all the same. */
static int on_change(void *arg, const struct wr_value *object)
{
	(void)arg;
	(void)object;
	return 0;
}

/* Whether verdicts are right without a kind that the user may not read. */
static bool can_do_without(const struct wr_cluster *c, enum wr_kind kind)
{
	if (kind == WR_KIND_POD || kind == WR_KIND_NETWORKPOLICY || kind == WR_KIND_SERVICE)
		return false;
	return c->ns || kind == WR_KIND_INGRESS || wr_kind_is_workload(kind);
}

static void give_up(struct kind *k, const struct wr_kube_status *s)
{
	struct wr_cluster *c = k->c;
	const char *resource = strrchr(k->path, '/') + 1;
	if (s->code == 403 && can_do_without(c, k->kind)) {
		fprintf(stderr, "note: %s were not read: %s\n", resource, s->error);
		k->ended = true;
		k->entries.n = 0;
		c->left--;
		return;
	}
	fail(c, resource, s->error);
	if (s->code == 403 && !c->ns)
		fprintf(stderr, "hint: -n NAMESPACE reads one namespace only\n");
	if (s->code == 401)
		fprintf(stderr, "hint: does `kubectl get pods` work with this context?\n");
}

static void on_status(void *arg, const struct wr_kube_status *s)
{
	struct kind *k = arg;
	bool again = (s->code == 429 || s->code >= 500) && s->failures <= RETRIES;
	if (!k->ended && s->failures && *s->error && !again)
		give_up(k, s);
}

/* --- The run --- */

static void start(struct wr_cluster *c, struct wr_kube *kube)
{
	static const struct wr_kube_feed_handlers on = {on_begin,  on_item,   on_commit,
							on_change, on_change, on_status};
	for (int i = 0; i < WR_KIND_COUNT && c->status == WR_EXIT_OK; i++) {
		struct kind *k = &c->kinds[i];
		k->path = wr_kube_kind_path((enum wr_kind)i);
		const char *rest = strchr(k->path + 1, '/') + 1, *last = strrchr(rest, '/');
		k->api = wr_arena_strndup(c->arena, rest, (size_t)(last - rest));
		c->left++;
		int rc = k->api ? wr_kube_feed_new(kube, k->kind, c->ns, true, &on, k, &k->feed)
				: -ENOMEM;
		if (rc)
			fail(c, NULL,
			     rc == -EINVAL ? "-n is no name of a namespace" : strerror(-rc));
	}
}

static void fetch(struct wr_cluster *c, struct wr_kube_config *config)
{
	WR_CLEANUP(kube)
	struct wr_kube *kube = NULL;
	struct wr_kube_opts opts = {.user_agent = "weir", .backoff_max_ms = 5000};
	int rc = wr_kube_new(config, &opts, &kube);
	if (rc) {
		fail(c, NULL, strerror(-rc));
		return;
	}
	start(c, kube);
	while (c->left && c->status == WR_EXIT_OK) {
		struct pollfd p = {wr_kube_fd(kube), POLLIN, 0};
		rc = poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : wr_kube_run(kube);
		if (rc < 0)
			fail(c, NULL, strerror(-rc));
	}
}

static int load_config(const struct wr_args *args, struct wr_kube_config **out)
{
	WR_CLEANUP(diags)
	struct wr_diags *diags = wr_diags_new();
	struct wr_kube_source source = {.kubeconfig = wr_arg_string(args, "kubeconfig"),
					.context = wr_arg_string(args, "context")};
	if (wr_arg_given(args, "namespace") && wr_arg_given(args, "all-namespaces"))
		return wr_usage_error(args, "-n and -A exclude each other");
	if (!diags)
		return wr_fail(args, "out of memory");
	int rc = wr_kube_config_load(&source, diags, out);
	if (rc == -ENOMEM)
		return wr_fail(args, "out of memory");
	if (rc)
		wr_print_diags(diags, NULL, false);
	return rc ? WR_EXIT_ERROR : WR_EXIT_OK;
}

int wr_cluster_read(const struct wr_args *args, struct wr_cluster **out)
{
	WR_CLEANUP(config)
	struct wr_kube_config *config = NULL;
	*out = NULL;
	if (!wr_cluster_wanted(args))
		return WR_EXIT_OK;
	int status = load_config(args, &config);
	if (status)
		return status;
	WR_CLEANUP(cluster)
	struct wr_cluster *c = calloc(1, sizeof(*c));
	if (c)
		c->arena = wr_arena_new();
	if (!c || !c->arena)
		return wr_fail(args, "out of memory");
	for (int i = 0; i < WR_KIND_COUNT; i++)
		c->kinds[i] = (struct kind){.c = c, .kind = (enum wr_kind)i, .memory = -1};
	c->args = args;
	c->ns = wr_arg_string(args, "namespace");
	c->default_ns = wr_arena_strdup(c->arena, c->ns ? c->ns : wr_kube_config_namespace(config));
	if (!c->default_ns)
		return wr_fail(args, "out of memory");
	fetch(c, config);
	if (c->status)
		return c->status;
	if (c->ns)
		fprintf(stderr,
			"note: of namespaces only %s was read: pods and policies of others are "
			"not known here\n",
			c->ns);
	*out = WR_TAKE(c);
	return WR_EXIT_OK;
}

void wr_cluster_free(struct wr_cluster *c)
{
	for (int i = 0; c && i < WR_KIND_COUNT; i++) {
		struct kind *k = &c->kinds[i];
		wr_out_close(k->out);
		if (k->text)
			munmap(k->text, k->size);
		if (k->memory >= 0)
			close(k->memory);
		wr_vec_free(&k->entries);
	}
	if (c)
		wr_arena_free(c->arena);
	free(c);
}

/* --- Manifests over the cluster --- */

/* What is to be known of manifests: who is in them, and where those without a namespace go. */
struct overlay {
	const char *ns;
	struct wr_arena *arena; /* of the trees */
	struct wr_map *keys;
};

static bool is_namespaced(int kind)
{
	return kind >= 0 && kind != WR_KIND_NAMESPACE && kind != WR_KIND_NODE &&
	       !wr_kind_is_cluster_policy((enum wr_kind)kind);
}

static int kind_of(const char *name)
{
	for (int i = 0; name && i < WR_KIND_COUNT; i++)
		if (!strcmp(name, wr_kind_name((enum wr_kind)i)))
			return i;
	return -1;
}

/* metadata.namespace as kubectl would set it. */
static int add_namespace(struct overlay *o, struct wr_value *meta)
{
	struct wr_field *fields = wr_arena_array(o->arena, meta->n + 1, sizeof(*fields));
	struct wr_value *v = wr_arena_alloc(o->arena, sizeof(*v));
	char *text = wr_arena_strdup(o->arena, o->ns);
	if (!fields || !v || !text)
		return -ENOMEM;
	if (meta->n)
		memcpy(fields, meta->fields, meta->n * sizeof(*fields));
	*v = (struct wr_value){.type = WR_STRING, .mark = meta->mark, .text = text};
	fields[meta->n] = (struct wr_field){.key = "namespace", .mark = meta->mark, .value = v};
	meta->fields = fields;
	meta->n++;
	return 0;
}

static int note_object(struct overlay *o, const struct wr_value *v, const char *list_kind)
{
	const char *kind_name = text_of(v, "kind");
	int kind = kind_of(kind_name ? kind_name : list_kind);
	struct wr_value *meta = wr_value_get(v, "metadata");
	const char *name = text_of(meta, "name"), *ns = text_of(meta, "namespace");
	if (kind < 0 || !meta || meta->type != WR_MAP)
		return 0;
	if (is_namespaced(kind) && !ns && !wr_value_get(meta, "namespace")) {
		int rc = add_namespace(o, meta);
		if (rc)
			return rc;
		ns = o->ns;
	}
	if (!name)
		return 0;
	char key[1024];
	int n = snprintf(key, sizeof(key), "%s/%s/%s", wr_kind_name((enum wr_kind)kind),
			 is_namespaced(kind) && ns ? ns : "", name);
	return n < (int)sizeof(key) ? wr_map_put(o->keys, key, (size_t)n, 1) : 0;
}

static int note_tree(struct overlay *o, const struct wr_value *v, const char *list_kind)
{
	struct wr_list_type type;
	if (v->type != WR_MAP)
		return 0;
	if (!wr_decode_is_list(v, &type))
		return note_object(o, v, list_kind);
	const struct wr_value *items = wr_value_get(v, "items");
	for (size_t i = 0; items && items->type == WR_LIST && i < items->n; i++) {
		int rc = note_tree(o, items->items[i], *type.kind ? type.kind : NULL);
		if (rc)
			return rc;
	}
	return 0;
}

/* The entries that no manifest replaces: policies each as a file, others all as one. */
static int add_kind(const struct kind *k, const struct wr_map *replaced, struct wr_input *in,
		    struct wr_diags *diags)
{
	char name[128], *all = NULL;
	size_t n = 0, dashes;
	int rc = 0;
	bool each = has_lines(k->kind);
	if (!each && k->size && !(all = malloc(k->size)))
		return -ENOMEM;
	for (size_t i = 0; i < k->entries.n && rc != -ENOMEM; i++) {
		const struct entry *e = &k->entries.items[i];
		if (wr_map_get(replaced, e->key, strlen(e->key), NULL))
			continue;
		if (!each) {
			memcpy(all + n, k->text + e->at, e->size);
			n += e->size;
			continue;
		}
		/* between documents: it is no line of this one */
		dashes = e->size > 4 && !memcmp(k->text + e->at, "---\n", 4) ? 4 : 0;
		int r = wr_input_bytes(in, e->file, 1, k->text + e->at + dashes, e->size - dashes,
				       diags);
		rc = rc ? rc : r;
	}
	snprintf(name, sizeof(name), "cluster:%s", strrchr(k->path, '/') + 1);
	if (n)
		rc = wr_input_bytes(in, name, 1, all, n, diags);
	free(all);
	return rc;
}

int wr_cluster_lay_under(const struct wr_cluster *c, struct wr_input *in, struct wr_diags *diags)
{
	if (!c)
		return 0;
	WR_CLEANUP(map)
	struct wr_map *keys = wr_map_new();
	if (!keys)
		return -ENOMEM;
	struct overlay o = {c->default_ns, wr_input_arena(in), keys};
	int rc = 0;
	for (size_t i = 0; i < wr_input_count(in) && !rc; i++)
		rc = note_tree(&o, wr_input_at(in, i)->root, NULL);
	if (rc)
		return rc;
	for (int i = 0; i < WR_KIND_COUNT && rc != -ENOMEM; i++) {
		int r = add_kind(&c->kinds[i], keys, in, diags);
		rc = rc ? rc : r;
	}
	return rc;
}
