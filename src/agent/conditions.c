/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conditions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/internal.h"
#include "base/map.h"
#include "input/value.h"
#include "model/world.h"

#define PACE_MS 200 /* between two writes of all agents of a cluster, about */
#define LEAST_MS 50
#define AFTER_FAILURE_MS 10000
#define AFTER_FAILURE_MAX_MS 600000
#define MANAGER "weir" /* the same on every node: they own one set of fields */

/* What a policy's newest version says of itself. */
struct condition_record {
	enum wr_kind kind;
	uint64_t uid;         /* a hash */
	uint64_t version;     /* and of the resourceVersion that all this is of */
	int64_t generation;   /* 0: the server does not count */
	int64_t told;         /* observedGeneration of the condition that is there; 0: none is */
	bool told_true;       /* and its status */
	char since[24];       /* and its lastTransitionTime */
	int64_t written;      /* the generation that this agent has written of */
	uint64_t written_uid; /* and of which object */
	char name[];
};

static void wait_turn(struct agent *a);

/* ---- records ---- */

static int compare(const struct condition_record *r, enum wr_kind kind, const char *name)
{
	return r->kind != kind ? (int)r->kind - (int)kind : strcmp(r->name, name);
}

static size_t place_of(const struct conditions *c, enum wr_kind kind, const char *name)
{
	size_t low = 0, high = c->records.n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(c->records.items[mid], kind, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct condition_record *find(const struct conditions *c, enum wr_kind kind,
				     const char *name)
{
	size_t at = place_of(c, kind, name);
	struct condition_record *r = at < c->records.n ? c->records.items[at] : NULL;
	return r && !compare(r, kind, name) ? r : NULL;
}

/* Out of memory there is no record, and nothing is written: the policy is enforced all the same. */
static struct condition_record *want(struct conditions *c, enum wr_kind kind, const char *name)
{
	struct condition_record *r = find(c, kind, name);
	size_t at = place_of(c, kind, name), size = strlen(name) + 1;
	if (r)
		return r;
	r = calloc(1, sizeof(*r) + size);
	if (!r || wr_vec_push(&c->records, r) < 0) {
		free(r);
		return NULL;
	}
	r->kind = kind;
	memcpy(r->name, name, size);
	struct condition_record **items = c->records.items;
	memmove(items + at + 1, items + at,
		(c->records.n - 1 - at) * sizeof(struct condition_record *));
	items[at] = r;
	return r;
}

static const char *text_of(const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	return v && v->type == WR_STRING ? v->text : "";
}

static int64_t number_of(const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	return v && v->type == WR_INT ? v->integer : 0;
}

/* A time that can be sent back as it came. */
static bool is_time(const char *s)
{
	size_t n = strlen(s);
	return n && n < sizeof(((struct condition_record *)0)->since) &&
	       strspn(s, "0123456789TZ:.+-") == n;
}

static void read_condition(struct condition_record *r, const struct wr_value *condition)
{
	const char *since = text_of(condition, "lastTransitionTime");
	r->told = number_of(condition, "observedGeneration");
	r->told_true = !strcmp(text_of(condition, "status"), "True");
	snprintf(r->since, sizeof(r->since), "%s", is_time(since) ? since : "");
}

void conditions_seen(struct agent *a, enum wr_kind kind, const struct wr_value *object)
{
	struct conditions *c = &a->conditions;
	const struct wr_value *meta = wr_value_get(object, "metadata");
	const struct wr_value *list = wr_value_get(wr_value_get(object, "status"), "conditions");
	struct condition_record *r = c->kube ? want(c, kind, text_of(meta, "name")) : NULL;
	if (!r)
		return;
	const char *uid = text_of(meta, "uid");
	const char *version = text_of(meta, "resourceVersion");
	r->uid = wr_hash(uid, strlen(uid));
	r->version = wr_hash(version, strlen(version));
	r->generation = number_of(meta, "generation");
	r->told = 0;
	r->told_true = false;
	*r->since = '\0';
	for (size_t i = 0; list && list->type == WR_LIST && i < list->n; i++)
		if (!strcmp(text_of(list->items[i], "type"), CONDITION_TYPE))
			read_condition(r, list->items[i]);
	/* a generation whose rules are the same as before comes without a sync */
	if (r->told != r->generation)
		wait_turn(a);
}

void conditions_gone(struct agent *a, enum wr_kind kind, const char *name)
{
	struct conditions *c = &a->conditions;
	size_t at = place_of(c, kind, name);
	if (!find(c, kind, name))
		return;
	free(c->records.items[at]);
	memmove(c->records.items + at, c->records.items + at + 1,
		(c->records.n - 1 - at) * sizeof(struct condition_record *));
	c->records.n--;
}

/* ---- what there is to say ---- */

/* In the words of weir status. */
static const char *shortcoming(const struct wr_cp_rule *rule)
{
	struct wr_peer domains = {.kind = WR_PEER_DOMAINS};
	struct wr_rule r = {.action = rule->action, .peers = &domains};
	for (size_t i = 0; i < rule->n_peers; i++) {
		if (rule->peers[i].unreadable)
			r.fails_closed = rule->peers[i].unreadable;
		if (rule->peers[i].kind == WR_CP_DOMAINS)
			r.n_peers = 1;
	}
	return wr_rule_shortcoming(&r);
}

bool condition_text(const struct wr_kube_item *item, char text[1024], const char **reason)
{
	static const char *const words[] = {[WR_EGRESS] = "egress", [WR_INGRESS] = "ingress"};
	size_t used = 0, more = 0;
	*text = '\0';
	if (item->problem) {
		*reason = "Unreadable";
		snprintf(text, 1024, "it cannot be read: %.600s%s", item->problem,
			 item->object ? "; what was read of it before stays in force" : "");
		return false;
	}
	const struct wr_cp_object *cp = &item->object->cp;
	for (int d = 1; d >= 0; d--)
		for (size_t i = 0; i < cp->n_rules[d]; i++) {
			const struct wr_cp_rule *r = &cp->rules[d][i];
			const char *why = shortcoming(r);
			bool named = r->name && *r->name;
			if (why && used < 700)
				used += (size_t)snprintf(text + used, 1024 - used,
							 "%s%s rule %zu%s%.100s%s %s",
							 used ? "; " : "", words[d], i + 1,
							 named ? " (" : "", named ? r->name : "",
							 named ? ")" : "", why);
			else
				more += why != NULL;
		}
	if (more)
		snprintf(text + used, 1024 - used, "; and %zu more", more);
	*reason = used ? "RulesNotEnforced" : "Accepted";
	if (!used)
		snprintf(text, 1024, "every rule is enforced as it is written");
	return !used;
}

/* The item of a record, where something is to be told that nobody has told. */
static const struct wr_kube_item *pending(struct agent *a, const struct condition_record *r)
{
	const struct wr_kube_store *s = source_kube_store(a, r->kind);
	const struct wr_kube_item *item = s ? wr_kube_store_get(s, NULL, r->name) : NULL;
	const char *reason;
	char text[1024];
	if (!item || !r->generation || (!item->object && !item->problem))
		return NULL;
	/* of a list that is under way more has been seen than the store has */
	if (wr_hash(item->version, strlen(item->version)) != r->version)
		return NULL;
	if (r->written == r->generation && r->written_uid == r->uid)
		return NULL;
	if (r->told == r->generation && r->told_true == condition_text(item, text, &reason))
		return NULL;
	return item;
}

/* ---- writing ---- */

static uint64_t next_random(struct conditions *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random;
}

uint64_t condition_wait(size_t nodes, uint32_t failures, uint64_t random)
{
	uint64_t mean = (nodes ? nodes : 1) * (uint64_t)PACE_MS;
	uint64_t pause = !failures
				 ? LEAST_MS
				 : (uint64_t)AFTER_FAILURE_MS << (failures < 7 ? failures - 1 : 6);
	return (pause < AFTER_FAILURE_MAX_MS ? pause : AFTER_FAILURE_MAX_MS) + random % (2 * mean);
}

static void on_timer(uv_timer_t *timer);

static void wait_turn(struct agent *a)
{
	struct conditions *c = &a->conditions;
	const struct wr_kube_store *nodes = source_kube_store(a, WR_KIND_NODE);
	if (a->stopping || c->off || c->busy || uv_is_active((uv_handle_t *)&c->timer))
		return;
	uint64_t wait = condition_wait(nodes ? wr_kube_store_count(nodes) : 1, c->failures,
				       next_random(c));
	uv_timer_start(&c->timer, on_timer, wait, 0);
}

static void on_answer(void *arg, const struct wr_kube_response *response)
{
	struct agent *a = arg;
	struct conditions *c = &a->conditions;
	struct condition_record *r = find(c, c->kind, c->name);
	bool good = !response->error && response->status >= 200 && response->status < 300;
	bool again = response->error || response->status >= 500 || response->status == 409 ||
		     response->status == 429 || response->status == 401;
	c->busy = false;
	if (!again && response->status == 403) {
		c->off = true;
		agent_log(a, WR_LOG_INFO,
			  "conditions of cluster-wide policies are not written, since the server "
			  "does not let this agent: %s",
			  response->message);
		return;
	}
	c->failures = again ? c->failures + 1 : 0;
	c->written += good;
	if (!again && r) {
		r->written = c->generation;
		r->written_uid = c->uid;
	}
	/* gone meanwhile, or no status to write: nothing to be told of */
	if (!again && !good && response->status != 404)
		agent_log(a, WR_LOG_WARNING, "the condition of %s %s cannot be written: %s",
			  wr_kind_name(c->kind), c->name, response->message);
	wait_turn(a);
}

static const char *now_text(char buf[32])
{
	time_t now = time(NULL);
	struct tm tm;
	if (!gmtime_r(&now, &tm) || !strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(buf, 32, "1970-01-01T00:00:00Z");
	return buf;
}

static void put_body(const struct condition_record *r, const struct wr_kube_item *item,
		     struct wr_buf *out)
{
	const char *path = wr_kube_kind_path(r->kind) + strlen("/apis/"), *reason;
	const char *end = strrchr(path, '/');
	char text[1024], now[32];
	bool is_true = condition_text(item, text, &reason);
	bool kept = r->told && *r->since && r->told_true == is_true;
	wr_buf_printf(out, "{\"apiVersion\":\"%.*s\",\"kind\":\"%s\",\"metadata\":{\"name\":",
		      (int)(end - path), path, wr_kind_name(r->kind));
	wr_buf_json(out, r->name);
	wr_buf_printf(out,
		      "},\"status\":{\"conditions\":[{\"type\":\"" CONDITION_TYPE
		      "\",\"status\":\"%s\",\"reason\":\"%s\",\"observedGeneration\":%lld,"
		      "\"lastTransitionTime\":\"%s\",\"message\":",
		      is_true ? "True" : "False", reason, (long long)r->generation,
		      kept ? r->since : now_text(now));
	wr_buf_json(out, text);
	wr_buf_text(out, "}]}}");
}

/* Server-side apply: the others' conditions stay, and the same again changes nothing. */
static int write_condition(struct agent *a, const struct condition_record *r,
			   const struct wr_kube_item *item)
{
	struct conditions *c = &a->conditions;
	WR_CLEANUP(buf)
	struct wr_buf body = {0};
	char path[512];
	put_body(r, item, &body);
	snprintf(path, sizeof(path), "%s/%s/status?fieldManager=" MANAGER "&force=true",
		 wr_kube_kind_path(r->kind), r->name);
	struct wr_kube_request request = {.method = "PATCH",
					  .path = path,
					  .body = body.data,
					  .content_type = "application/apply-patch+yaml"};
	int rc = body.failed ? -ENOMEM : wr_kube_send(c->kube, &request, on_answer, a);
	if (rc)
		return rc;
	c->busy = true;
	c->kind = r->kind;
	c->generation = r->generation;
	c->uid = r->uid;
	snprintf(c->name, sizeof(c->name), "%s", r->name);
	return 0;
}

/* A name that can stand in a path as it is. */
static bool is_plain(const char *name)
{
	size_t n = strlen(name);
	return n && n < 254 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == n;
}

/* One of those that are pending, so that agents who wait for the same do not meet. */
static void on_timer(uv_timer_t *timer)
{
	struct agent *a = timer->data;
	struct conditions *c = &a->conditions;
	size_t start = c->records.n ? next_random(c) % c->records.n : 0;
	if (a->stopping || a->dirty)
		return; /* conditions_enforced() comes again */
	for (size_t i = 0; i < c->records.n; i++) {
		const struct condition_record *r = c->records.items[(start + i) % c->records.n];
		const struct wr_kube_item *item = is_plain(r->name) ? pending(a, r) : NULL;
		if (!item)
			continue;
		if (write_condition(a, r, item))
			wait_turn(a);
		return;
	}
}

void conditions_enforced(struct agent *a)
{
	if (a->conditions.records.n)
		wait_turn(a);
}

/* ---- life ---- */

void conditions_start(struct agent *a, struct wr_kube *kube)
{
	struct conditions *c = &a->conditions;
	c->kube = kube;
	c->random = (uv_hrtime() ^ wr_hash(a->opts->node, strlen(a->opts->node))) | 1;
	uv_timer_init(&a->loop, &c->timer);
	c->timer.data = a;
}

void conditions_free(struct agent *a)
{
	struct conditions *c = &a->conditions;
	for (size_t i = 0; i < c->records.n; i++)
		free(c->records.items[i]);
	wr_vec_free(&c->records);
}
