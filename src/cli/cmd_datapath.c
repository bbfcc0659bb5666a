/* SPDX-License-Identifier: Apache-2.0 */
/* weir datapath: what is loaded in the kernel, read back, and removed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/inet.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/writer.h"
#include "datapath/datapath.h"

WR_DEFINE_CLEANUP(diags, struct wr_diags *, wr_diags_free)
WR_DEFINE_CLEANUP(image, struct wr_image *, wr_image_free)

static const char *counter_name(enum weir_counter c)
{
	static const char *const names[] = {
		[WEIR_C_ESTABLISHED] = "established",
		[WEIR_C_REJUDGED] = "rejudged",
		[WEIR_C_ALLOWED] = "allowed",
		[WEIR_C_DENIED] = "denied",
		[WEIR_C_UNRESTRICTED] = "unrestricted",
		[WEIR_C_NODE] = "node",
		[WEIR_C_SELF] = "self",
		[WEIR_C_NEIGHBOUR] = "neighbour",
		[WEIR_C_NO_CT_PASS] = "noConntrackPassed",
		[WEIR_C_NO_CT_DROP] = "noConntrackDropped",
		[WEIR_C_EVENTS_LOST] = "eventsLost",
		[WEIR_C_EVENTS_LIMITED] = "eventsLimited",
	};
	_Static_assert(sizeof(names) / sizeof(names[0]) == WEIR_C_MAX, "a name for every counter");
	return names[c];
}

/* Errors of the datapath in words, and the exit status. */
static int failed(const struct wr_args *args, struct wr_diags *d, int rc)
{
	wr_print_diags(d, NULL, false);
	if (!wr_diags_total(d, WR_ERROR))
		return wr_fail(args, "%s: %s", wr_arg_string(args, "pin-dir"), strerror(-rc));
	return WR_EXIT_ERROR;
}

/* ---- status ---- */

static void status_text(struct wr_out *o, const struct wr_image_stats *s)
{
	wr_out_printf(o, "hooks attached    %u of 6\n", s->links);
	wr_out_printf(o, "conntrack kept    %s\n",
		      s->conntrack_kept ? "yes" : "no, in this network namespace");
	if (s->generation)
		wr_out_printf(o, "generation        %u\n", s->generation);
	else
		wr_out_text(o, "generation        none applied yet: everything is let through\n");
	wr_out_printf(o, "addresses         %u\n", s->addresses);
	wr_out_printf(o, "prefixes          %u\n", s->prefixes);
	wr_out_printf(o, "slots             %u\n", s->slots);
	wr_out_printf(o, "classes           %u\n", s->classes);
	wr_out_printf(o, "cells             %llu of %llu\n", (unsigned long long)s->cells,
		      (unsigned long long)s->capacity);
	wr_out_printf(o, "memory            %llu KiB\n", (unsigned long long)(s->memory / 1024));
	wr_out_text(o, "\npackets\n");
	for (unsigned i = 0; i < WEIR_C_MAX; i++)
		wr_out_printf(o, "  %-20s %llu\n", counter_name(i),
			      (unsigned long long)s->counters[i]);
}

static void status_document(struct wr_out *o, const struct wr_image_stats *s)
{
	wr_out_map(o);
	wr_out_key_uint(o, "hooks", s->links);
	wr_out_key_bool(o, "conntrackKept", s->conntrack_kept);
	wr_out_key_uint(o, "generation", s->generation);
	wr_out_key_uint(o, "addresses", s->addresses);
	wr_out_key_uint(o, "prefixes", s->prefixes);
	wr_out_key_uint(o, "slots", s->slots);
	wr_out_key_uint(o, "classes", s->classes);
	wr_out_key_uint(o, "cells", s->cells);
	wr_out_key_uint(o, "capacity", s->capacity);
	wr_out_key_uint(o, "memoryBytes", s->memory);
	wr_out_key(o, "config");
	wr_out_map(o);
	wr_out_key_bool(o, "evaluateEvery", s->config.stricter_since == UINT64_MAX);
	wr_out_key_uint(o, "stricterSince", s->config.stricter_since);
	wr_out_key_bool(o, "unknownPodsAllow", s->config.unknown_allow != 0);
	wr_out_key_uint(o, "eventsPerSecond", s->config.events_per_sec);
	wr_out_key_bool(o, "allowedEvents", s->config.events_allowed != 0);
	wr_out_end(o);
	wr_out_key(o, "counters");
	wr_out_map(o);
	for (unsigned i = 0; i < WEIR_C_MAX; i++)
		wr_out_key_uint(o, counter_name(i), s->counters[i]);
	wr_out_end(o);
	wr_out_end(o);
}

static int run_status(const struct wr_args *args)
{
	struct wr_image_stats s;
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	if (!d)
		return wr_fail(args, "out of memory");
	int rc = wr_datapath_stats(wr_arg_string(args, "pin-dir"), d, &s);
	if (rc < 0)
		return failed(args, d, rc);
	struct wr_out *o = wr_out_new(1, (enum wr_format)wr_arg_choice(args, "output"));
	if (!o)
		return wr_fail(args, "out of memory");
	if (wr_out_format(o) == WR_TABLE)
		status_text(o, &s);
	else
		status_document(o, &s);
	return wr_out_finish(o, WR_EXIT_OK);
}

/* ---- dump ---- */

struct dump {
	struct wr_out *out;
	struct wr_table *table; /* NULL: documents */
};

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
	{WEIR_ADDR_POD, "pod"},
	{WEIR_ADDR_LOCAL, "local"},
	{WEIR_ADDR_NODE, "node"},
	{WEIR_ADDR_UNKNOWN, "unknown"},
};
#define N_FLAGS (sizeof(flag_names) / sizeof(flag_names[0]))

/* An address without its prefix length, a prefix with it. */
static const char *cidr_text(const struct wr_cidr *c, char *buf)
{
	if (c->len == wr_family_bits(c->ip.family))
		return wr_ip_format(&c->ip, buf);
	return wr_cidr_format(c, buf);
}

static void dump_row(struct dump *d, const char *address, const struct weir_addr *addr,
		     const struct weir_identity *id)
{
	char flags[64] = "-";
	for (size_t i = 0, used = 0; i < N_FLAGS; i++)
		if (id->flags & flag_names[i].flag)
			used += (size_t)snprintf(flags + used, sizeof(flags) - used, "%s%s",
						 used ? "," : "", flag_names[i].name);
	wr_table_cell(d->table, WR_PLAIN, "%s", address);
	wr_table_cell(d->table, WR_PLAIN, "%u", addr->slot);
	wr_table_cell(d->table, WR_PLAIN, "%s", flags);
	wr_table_cell(d->table, WR_PLAIN, "%u", id->class);
	wr_table_cell(d->table, WR_PLAIN, "%u", id->row[WEIR_EGRESS]);
	wr_table_cell(d->table, WR_PLAIN, "%u", id->row[WEIR_INGRESS]);
}

static void dump_document(struct dump *d, const char *address, const struct weir_addr *addr,
			  const struct weir_identity *id)
{
	struct wr_out *o = d->out;
	wr_out_inline(o);
	wr_out_map(o);
	wr_out_key_string(o, "address", address);
	wr_out_key_uint(o, "slot", addr->slot);
	wr_out_key(o, "flags");
	wr_out_list(o);
	for (size_t i = 0; i < N_FLAGS; i++)
		if (id->flags & flag_names[i].flag)
			wr_out_string(o, flag_names[i].name);
	wr_out_end(o);
	wr_out_key_uint(o, "class", id->class);
	wr_out_key_uint(o, "egressRow", id->row[WEIR_EGRESS]);
	wr_out_key_uint(o, "ingressRow", id->row[WEIR_INGRESS]);
	wr_out_end(o);
}

static int dump_address(void *ctx, const struct wr_cidr *cidr, const struct weir_addr *addr,
			const struct weir_identity *id)
{
	struct dump *d = ctx;
	char text[WR_CIDR_TEXT];
	cidr_text(cidr, text);
	if (d->table)
		dump_row(d, text, addr, id);
	else
		dump_document(d, text, addr, id);
	return wr_out_failed(d->out) ? -EIO : 0;
}

static void dump_head(struct wr_table *t)
{
	static const char *const heads[] = {"ADDRESS", "SLOT",       "FLAGS",
					    "CLASS",   "EGRESS ROW", "INGRESS ROW"};
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		wr_table_cell(t, WR_PLAIN, "%s", heads[i]);
}

static int run_dump(const struct wr_args *args)
{
	WR_CLEANUP(diags)
	struct wr_diags *diags = wr_diags_new();
	WR_CLEANUP(image)
	struct wr_image *image = NULL;
	WR_CLEANUP(table)
	struct wr_table *table = NULL;
	if (!diags)
		return wr_fail(args, "out of memory");
	int rc = wr_image_read(wr_arg_string(args, "pin-dir"), diags, &image);
	if (rc < 0)
		return failed(args, diags, rc);
	struct wr_out *o = wr_out_new(1, (enum wr_format)wr_arg_choice(args, "output"));
	if (!o)
		return wr_fail(args, "out of memory");
	struct dump d = {.out = o};
	if (wr_out_format(o) == WR_TABLE) {
		d.table = table = wr_table_new(6);
		if (!table)
			wr_out_out_of_memory(o);
		else
			dump_head(table);
	} else {
		wr_out_list(o);
	}
	rc = wr_out_failed(o) ? 0 : wr_image_each_addr(image, dump_address, &d);
	if (d.table)
		wr_table_write(d.table, o);
	else if (wr_out_format(o) != WR_TABLE)
		wr_out_end(o);
	int status = rc < 0 && !wr_out_failed(o) ? wr_fail(args, "%s", strerror(-rc)) : WR_EXIT_OK;
	return wr_out_finish(o, status);
}

/* ---- detach ---- */

static int run_detach(const struct wr_args *args)
{
	const char *dir = wr_arg_string(args, "pin-dir");
	WR_CLEANUP(diags)
	struct wr_diags *d = wr_diags_new();
	if (!d)
		return wr_fail(args, "out of memory");
	int rc = wr_datapath_detach(dir, d);
	if (rc < 0)
		return failed(args, d, rc);
	struct wr_out *o = wr_out_new(1, (enum wr_format)wr_arg_choice(args, "output"));
	if (!o)
		return wr_fail(args, "out of memory");
	if (wr_out_format(o) == WR_TABLE) {
		wr_out_printf(o, "nothing of weir is loaded at %s any more\n", dir);
	} else {
		wr_out_map(o);
		wr_out_key_string(o, "pinDir", dir);
		wr_out_key_bool(o, "detached", true);
		wr_out_end(o);
	}
	return wr_out_finish(o, WR_EXIT_OK);
}

static const struct wr_option options[] = {WR_OPTION_PIN_DIR, WR_OPTION_OUTPUT, {0}};

static const struct wr_command status_command = {
	.name = "status",
	.summary = "show what is loaded, and the counters",
	.description =
		"Counters count packets; \"established\" ones belong to connections that were\n"
		"judged before.\n",
	.options = options,
	.run = run_status,
};

static const struct wr_command dump_command = {
	.name = "dump",
	.summary = "list the addresses that are loaded, read back from the kernel",
	.options = options,
	.run = run_dump,
};

static const struct wr_command detach_command = {
	.name = "detach",
	.summary = "stop enforcing, and remove everything that is loaded",
	.options = options,
	.run = run_detach,
};

static const struct wr_command *const commands[] = {
	&status_command,
	&dump_command,
	&detach_command,
	NULL,
};

const struct wr_command wr_cmd_datapath = {
	.name = "datapath",
	.summary = "look at what is loaded in the kernel, and remove it",
	.examples = "  weir datapath status -o json\n"
		    "  weir datapath detach --pin-dir /sys/fs/bpf/weir\n",
	.commands = commands,
};
