/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The answers: each takes a call whose target is named, and answers it. */
#include "apiserver/call.h"

void wr_verb_get(struct wr_call *c);
void wr_verb_list(struct wr_call *c); /* and watch */
void wr_verb_create(struct wr_call *c);
void wr_verb_create_subresource(struct wr_call *c);
void wr_verb_update(struct wr_call *c);
void wr_verb_patch(struct wr_call *c);
void wr_verb_delete(struct wr_call *c);
void wr_verb_delete_all(struct wr_call *c);

/* Answers with the autoscaling/v1 Scale of a workload. */
void wr_answer_scale(struct wr_call *c, const struct wr_value *o);

/* Whether the call's subresource is one that its resource has. */
bool wr_subresource_known(const struct wr_call *c);

/* Version, health, groups, resources, OpenAPI. False: no such path. */
bool wr_discovery(struct wr_call *c);

/* Reviews of access rights, which are answered and not stored. False: it is none. */
bool wr_review(struct wr_call *c, const char *group);
