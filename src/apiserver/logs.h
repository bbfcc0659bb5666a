/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Logs of pods: files in the kubelet's folder, logs/NS_POD, of lines that begin
 * with their time ("2026-01-02T03:04:05.000000006Z "; a line without one is
 * from before all of them). Such a file starts anew when it has grown too large.
 */
#include "apiserver/call.h"

/* Answers GET of a pod's log; one that is followed becomes the reply's log. */
void wr_verb_log(struct wr_call *c);

/*
 * Appends what has come since the last call, in whole lines. false: no more will
 * come, because its limit is reached, or the pod is gone or has ended.
 */
bool wr_log_more(struct wr_log *log, struct wr_buf *out);
void wr_log_free(struct wr_log *log); /* takes NULL */
