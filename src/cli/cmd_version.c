/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/writer.h"
#include "datapath/datapath.h"

static void write_text(struct wr_out *o, const char *kernel, const struct wr_feature *features,
		       uint32_t n, bool all)
{
	wr_out_printf(o, "weir %s\nkernel %s: ", WR_VERSION, kernel);
	wr_out_text(o, all ? "has all that the datapath needs\n"
			   : "lacks features that the datapath needs\n");
	for (uint32_t i = 0; i < n; i++) {
		const struct wr_feature *f = &features[i];
		wr_out_printf(o, "  %s%-3s%s  %s", wr_out_colour(o, f->found ? WR_GREEN : WR_RED),
			      f->found ? "yes" : "no", wr_out_colour(o, WR_PLAIN), f->name);
		if (!f->found)
			wr_out_printf(o, " (%s%s%s)", f->needs ? f->needs : "",
				      f->error ? "; " : "", f->error ? f->error : "");
		wr_out_text(o, "\n");
	}
}

static void write_document(struct wr_out *o, const char *kernel, const struct wr_feature *features,
			   uint32_t n, bool all)
{
	wr_out_map(o);
	wr_out_key_string(o, "version", WR_VERSION);
	wr_out_key_string(o, "kernel", kernel);
	wr_out_key_bool(o, "datapath", all);
	wr_out_key(o, "features");
	wr_out_list(o);
	for (uint32_t i = 0; i < n; i++) {
		wr_out_map(o);
		wr_out_key_string(o, "name", features[i].name);
		wr_out_key_string(o, "needs", features[i].needs);
		wr_out_key_bool(o, "found", features[i].found);
		if (!features[i].found && features[i].error)
			wr_out_key_string(o, "error", features[i].error);
		wr_out_end(o);
	}
	wr_out_end(o);
	wr_out_end(o);
}

static int run_version(const struct wr_args *args)
{
	const struct wr_feature *features = NULL;
	uint32_t n = 0;
	struct utsname u;
	int rc = wr_datapath_probe(&features, &n);
	const char *kernel = uname(&u) < 0 ? "unknown" : u.release;
	struct wr_out *o = wr_out_new(1, (enum wr_format)wr_arg_choice(args, "output"));
	if (!o)
		return wr_fail(args, "out of memory");
	if (wr_out_format(o) == WR_TABLE)
		write_text(o, kernel, features, n, rc == 0);
	else
		write_document(o, kernel, features, n, rc == 0);
	return wr_out_finish(o, WR_EXIT_OK);
}

static const struct wr_option options[] = {WR_OPTION_OUTPUT, {0}};

const struct wr_command wr_cmd_version = {
	.name = "version",
	.summary = "print the version and which features of the kernel were found",
	.options = options,
	.run = run_version,
};
