/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Lint: manifests that are valid, and do not do what their author meant.
 *
 * A check is a pure function over what has been read and compiled. It reports
 * findings; each has a rule (a stable id), a place, what it means for these
 * pods, and, where there is one, the mend as advice or as a fix. What the
 * engine can prove it proves first: a false alarm is a bug. Where the manifests
 * do not say (no pods, no namespaces are given) checks that need them are
 * silent.
 */
#include "api/decode.h"
#include "base/diag.h"
#include "engine/program.h"
#include "input/edit.h"
#include "input/input.h"

struct wr_lint_rule {
	const char *id; /* "peer-matches-nothing": stable, lower case, also the page's anchor */
	enum wr_severity severity; /* unless set otherwise */
	bool strict;               /* off unless asked for */
	const char *summary;       /* one line without a full stop */
};

/* Another place that belongs to a finding: "the rule that allows it again". */
struct wr_related {
	struct wr_mark mark;
	const char *text;
};

struct wr_finding {
	const struct wr_lint_rule *rule;
	enum wr_severity severity; /* as set by the options */
	struct wr_mark mark;
	const char *object;  /* "NetworkPolicy shop/db", or NULL */
	const char *path;    /* field path, or NULL */
	const char *message; /* what is so, in numbers of these pods */
	const char *advice;  /* the mend in one line, or NULL */
	struct wr_related *related;
	size_t n_related;
	const struct wr_edit *fix; /* all of them mend it; n_fix 0: not by machine */
	size_t n_fix;
};

/* A rule set to another severity, or off. The last one for an id counts. */
struct wr_lint_setting {
	const char *id; /* a rule's id; "*": every rule */
	enum wr_severity severity;
	bool off;
};

struct wr_lint_opts {
	bool strict; /* also the rules that are off by default */
	const struct wr_lint_setting *settings;
	size_t n_settings;
};

struct wr_lint; /* the findings of one run */

/* What was read, and what became of it. All must outlive the result. */
struct wr_lint_source {
	const struct wr_input *in;
	const struct wr_objects *objects;
	/* Of reading and decoding: findings, too. NULL: none. */
	const struct wr_diags *diags;
	/* Compiled for all nodes. NULL: it could not be; only diags become findings. */
	struct wr_program *program;
};

/*
 * Lints. Findings that a comment "# weir:ignore ID reason" (on the line, or on
 * lines of comment right above it or above the object) silences are left out.
 * 0, -ENOMEM.
 */
int wr_lint_run(const struct wr_lint_source *source, const struct wr_lint_opts *opts,
		struct wr_lint **out);
void wr_lint_free(struct wr_lint *l); /* takes NULL */

/* In order of file (as read), line, column, id. */
const struct wr_finding *wr_lint_findings(const struct wr_lint *l, size_t *n);

/* How many findings comments silenced. */
size_t wr_lint_ignored(const struct wr_lint *l);

/* All rules, in order of id; the rule of an id, or NULL. */
const struct wr_lint_rule *const *wr_lint_rules(size_t *n);
const struct wr_lint_rule *wr_lint_find_rule(const char *id);
