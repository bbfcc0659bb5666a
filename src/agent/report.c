/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report: what the agent says of itself. Ready means that everything that the
 * source has said is in force in the kernel; status says since when; metrics
 * are in the text format of Prometheus, version 0.0.4.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/internal.h"

static const double bounds[HISTOGRAM_BUCKETS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
						 0.1,   0.25,   0.5,   1,    2.5,   10};

void histogram_add(struct histogram *h, double seconds)
{
	size_t i = 0;
	while (i < HISTOGRAM_BUCKETS && seconds > bounds[i])
		i++;
	h->buckets[i]++;
	h->count++;
	h->sum += seconds;
}

bool report_ready(struct agent *a, struct wr_buf *why)
{
	uint32_t links = 0;
	bool kept = false;
	const char *trouble = a->source->trouble(a->source_self);
	bool loaded = a->dp && !wr_datapath_check(a->opts->pin_dir, &links, &kept);
	const char *text = !a->source->synced(a->source_self)
				   ? "the source has not been read whole yet"
			   : *a->problem ? a->problem
			   : !a->now.any ? "nothing has been put in force yet"
			   : a->dirty    ? "a change is on its way into the kernel"
			   : !loaded     ? "what is loaded in the kernel cannot be read"
			   : links != WR_DATAPATH_HOOKS ? "not all hooks are attached"
			   : !kept                      ? "nothing keeps conntrack on"
			   : trouble                    ? trouble
							: host_trouble(a);
	if (text && why)
		wr_buf_text(why, text);
	return !text;
}

static void put_time(struct wr_buf *out, double t)
{
	char text[32];
	struct tm tm;
	time_t s = (time_t)t;
	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	wr_buf_json(out, text);
}

static const char *title_of(const struct wr_object *o, char title[WR_POLICY_TITLE])
{
	struct wr_policy p = {.ns = o->meta.ns,
			      .name = o->meta.name,
			      .tier = o->meta.ns ? WR_TIER_NETWORKPOLICY : o->cp.tier};
	return wr_policy_title(&p, title);
}

static void put_policies(struct agent *a, struct wr_buf *out)
{
	const struct wr_object *o;
	size_t n = 0;
	wr_buf_text(out, ",\"policies\":[");
	for (uint32_t at = 0; (o = wr_live_next_policy(a->live, &at)); n++) {
		char title[WR_POLICY_TITLE];
		wr_buf_text(out, n ? ",{\"policy\":" : "{\"policy\":");
		wr_buf_json(out, title_of(o, title));
		wr_buf_text(out, ",\"kind\":");
		wr_buf_json(out, wr_kind_name(o->kind));
		wr_buf_text(out, "}");
	}
	wr_buf_text(out, "]");
}

/* Rules that do not do what they say; of one policy in a world of its own. */
static void put_shortcomings_of(const struct wr_world *w, struct wr_buf *out, size_t *n)
{
	for (uint32_t i = 0; i < w->n_policies; i++)
		for (int dir = 0; dir < 2; dir++)
			for (size_t k = 0; k < w->policies[i].n_rules[dir]; k++) {
				const struct wr_rule *r = &w->policies[i].rules[dir][k];
				const char *why = wr_rule_shortcoming(r);
				char title[WR_POLICY_TITLE];
				if (!why)
					continue;
				wr_buf_text(out, (*n)++ ? ",{\"policy\":" : "{\"policy\":");
				wr_buf_json(out, wr_policy_title(&w->policies[i], title));
				wr_buf_printf(out,
					      ",\"direction\":\"%s\",\"rule\":%zu,\"message\":",
					      dir == WR_EGRESS ? "egress" : "ingress", k + 1);
				wr_buf_json(out, why);
				wr_buf_text(out, "}");
			}
}

static void put_shortcomings(struct agent *a, struct wr_buf *out)
{
	struct who who;
	size_t n = 0;
	wr_buf_text(out, ",\"shortcomings\":[");
	/* only cluster-wide policies have any: these are part of every answer */
	if (!who_is(a, (struct wr_ip[2]){{0}}, &who)) {
		put_shortcomings_of(who.world, out, &n);
		who_free(&who);
	}
	wr_buf_text(out, "]");
}

void report_status(struct agent *a, struct wr_buf *out)
{
	WR_CLEANUP(buf)
	struct wr_buf why = {0};
	bool ready = report_ready(a, &why);
	wr_buf_text(out, "{\"node\":");
	wr_buf_json(out, a->opts->node);
	wr_buf_printf(out, ",\"pid\":%d,\"ready\":%s,\"pending\":%s,\"reason\":", (int)getpid(),
		      ready ? "true" : "false", a->dirty || !a->now.any ? "true" : "false");
	wr_buf_json(out, ready ? NULL : why.data);
	a->source->describe(a->source_self, out);
	if (a->now.any && a->live) {
		struct wr_live_counts counts;
		wr_live_count(a->live, &counts);
		wr_buf_printf(out, ",\"generation\":%u,\"since\":", a->now.generation);
		put_time(out, a->now.since);
		wr_buf_printf(out, ",\"tookMilliseconds\":%.3f,\"pods\":%u,\"namespaces\":%u",
			      a->now.took_ms, counts.pods, counts.namespaces);
		put_policies(a, out);
		put_shortcomings(a, out);
	}
	wr_buf_text(out, "}");
}

/* ---- metrics ---- */

static void gauge(struct wr_buf *out, const char *name, const char *help, double value)
{
	wr_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %.17g\n", name, help, name, name,
		      value);
}

static void counter(struct wr_buf *out, const char *name, const char *help, uint64_t value)
{
	wr_buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", name, help, name, name,
		      (unsigned long long)value);
}

static void histogram(struct wr_buf *out, const char *name, const char *help,
		      const struct histogram *h)
{
	uint64_t below = 0;
	wr_buf_printf(out, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += h->buckets[i];
		wr_buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name, bounds[i],
			      (unsigned long long)below);
	}
	wr_buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9f\n%s_count %llu\n", name,
		      (unsigned long long)h->count, name, h->sum, name,
		      (unsigned long long)h->count);
}

static void datapath_metrics(struct agent *a, struct wr_buf *out)
{
	static const struct {
		enum weir_counter counter;
		const char *outcome;
	} outcomes[] = {
		{WEIR_C_ESTABLISHED, "established"},
		{WEIR_C_ALLOWED, "allowed"},
		{WEIR_C_DENIED, "denied"},
		{WEIR_C_UNRESTRICTED, "unrestricted"},
		{WEIR_C_NODE, "node"},
		{WEIR_C_SELF, "self"},
		{WEIR_C_NEIGHBOUR, "neighbour"},
		{WEIR_C_NO_CT_PASS, "no_conntrack_passed"},
		{WEIR_C_REJUDGED, "rejudged"},
		{WEIR_C_NO_CT_DROP, "no_conntrack_dropped"},
	};
	struct wr_image_stats s = {0};
	struct wr_diags *diags = wr_diags_new();
	int rc = diags && a->dp ? wr_datapath_own_stats(a->dp, diags, &s) : -1;
	wr_diags_free(diags);
	gauge(out, "weir_datapath_loaded", "1 when the datapath can be read.", rc == 0);
	if (rc)
		return;
	wr_buf_text(out, "# HELP weir_packets_total Packets by what became of them.\n"
			 "# TYPE weir_packets_total counter\n");
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		wr_buf_printf(out, "weir_packets_total{outcome=\"%s\"} %llu\n", outcomes[i].outcome,
			      (unsigned long long)s.counters[outcomes[i].counter]);
	counter(out, "weir_events_lost_total", "Events for which the ring had no room.",
		s.counters[WEIR_C_EVENTS_LOST]);
	counter(out, "weir_events_limited_total", "Events over the kernel's bound.",
		s.counters[WEIR_C_EVENTS_LIMITED]);
	gauge(out, "weir_hooks_attached", "Hooks that are attached, of 6.", s.links);
	gauge(out, "weir_addresses", "Addresses in the kernel.", s.addresses);
	gauge(out, "weir_prefixes", "Prefixes in the kernel.", s.prefixes);
	gauge(out, "weir_classes", "Classes of peers in the kernel.", s.classes);
	gauge(out, "weir_cells_used", "Cells of rows and port sets in use.", (double)s.cells);
	gauge(out, "weir_cells_capacity", "Cells of rows and port sets there are.",
	      (double)s.capacity);
	gauge(out, "weir_map_bytes", "Memory of the kernel's maps.", (double)s.memory);
}

static double resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

void report_metrics(struct agent *a, struct wr_buf *out)
{
	struct wr_live_counts counts = {0};
	if (a->live)
		wr_live_count(a->live, &counts);
	gauge(out, "weir_ready", "1 when all that the source has said is in force.",
	      report_ready(a, NULL));
	gauge(out, "weir_confined", "1 when the agent has given up what it does not need.",
	      a->confined);
	gauge(out, "weir_generation", "Generation of policies in force.", a->now.generation);
	gauge(out, "weir_policies", "Policies in force.", counts.policies);
	gauge(out, "weir_pods", "Pods known.", counts.pods);
	gauge(out, "weir_namespaces", "Namespaces known.", counts.namespaces);
	histogram(out, "weir_sync_duration_seconds",
		  "From the first change that is seen until it is in force.", &a->sync_seconds);
	counter(out, "weir_syncs_total", "Programs put in force.", a->syncs);
	counter(out, "weir_sync_errors_total", "Programs that could not be.", a->sync_errors);
	counter(out, "weir_repairs_total", "Times that hooks or tables had to be set up again.",
		a->repairs);
	counter(out, "weir_flows_total", "Events read.", a->flows_seen);
	counter(out, "weir_flow_log_limited_total", "Lines over the flow log's bound.",
		a->flows_limited);
	gauge(out, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
	a->source->metrics(a->source_self, out);
	host_metrics(a, out);
	datapath_metrics(a, out);
	totals_put(a, out);
}
