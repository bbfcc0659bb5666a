/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a cluster's text becomes: a world, its program, the ends that
 * connections can have, and the ports that are worth a try.
 */
#include "engine/program.h"
#include "input/input.h"
#include "reference.h"

struct subject {
	struct wr_input *in;
	struct wr_arena *arena;
	struct wr_diags *diags;
	struct wr_objects objects;
	struct wr_world *world;
	struct wr_program *program;
	struct ref ref;
};

/* Through the whole front end. 0, or an error that is printed. subject_down() in any case. */
int subject_up(struct subject *s, const char *text, const struct wr_compile_opts *opts);
void subject_down(struct subject *s);

struct end {
	struct wr_side side;
	struct ref_side ref;
	char name[96];
};

#define ENDS_MAX 128

/* Every pod with every address, and addresses in and around all that policies name. */
size_t subject_ends(const struct subject *s, struct end out[ENDS_MAX]);

struct probe {
	uint8_t proto;
	uint16_t port;
};

#define PROBES_MAX 320

/* Every boundary of a port that a policy or a pod names, in every protocol, and none. */
size_t subject_probes(const struct subject *s, struct probe out[PROBES_MAX]);
