/* SPDX-License-Identifier: Apache-2.0 */
#include "input/value.h"

#include <string.h>

struct wr_value *wr_value_get(const struct wr_value *v, const char *key)
{
	if (!v || v->type != WR_MAP)
		return NULL;
	/* from the end: the last of several wins */
	for (size_t i = v->n; i-- > 0;)
		if (!strcmp(v->fields[i].key, key))
			return v->fields[i].value;
	return NULL;
}

const char *wr_type_name(enum wr_type t)
{
	switch (t) {
	case WR_NULL:
		return "null";
	case WR_BOOL:
		return "boolean";
	case WR_INT:
		return "integer";
	case WR_FLOAT:
		return "number";
	case WR_STRING:
		return "string";
	case WR_LIST:
		return "list";
	case WR_MAP:
		return "map";
	}
	return "unknown";
}
