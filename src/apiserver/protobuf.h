/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bodies in protobuf: typed clients (kubectl create namespace, kubectl auth
 * can-i) send them and do not fall back to JSON. Only the messages of those commands
 * are known; a body with a field that is not in the tables is refused, never
 * read by half. Answers are JSON, which such clients take.
 */
#include "apiserver/tree.h"

/*
 * Reads "k8s\0" and a runtime.Unknown. 0 and *out; -ENOTSUP for a kind or a
 * field that is not known; -EINVAL for what is no protobuf.
 */
int wr_protobuf_read(struct wr_tree *t, const void *data, size_t size, struct wr_value **out);
