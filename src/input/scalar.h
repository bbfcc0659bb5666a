/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * YAML scalars to values, by the rules that Kubernetes' YAML to JSON step has
 * (see scalar.c).
 */
#include "input/value.h"

#define WR_YAML_TAG_PREFIX "tag:yaml.org,2002:" /* what "!!" stands for */

struct wr_scalar {
	struct wr_value value; /* type, boolean, integer, number; text is left alone */
	bool was_float;        /* resolved as a float, though value may be an integer */
};

/*
 * Resolves a plain scalar, or one with a tag (NULL: none). text is NUL-terminated.
 * 0, or -EINVAL where the tag forbids what the text says; *kind then names
 * what it resolved to ("!!str"). NaN and infinities are WR_FLOAT.
 */
int wr_scalar_resolve(const char *tag, const char *text, struct wr_scalar *out, const char **kind);
