/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/form.h"

#include <inttypes.h>
#include <string.h>

#include "apiserver/columns.h"
#include "input/input.h"

/* One media range of Accept, "application/json;as=Table;v=v1;g=meta.k8s.io". */
static bool take(const char *range, size_t size, struct wr_form *out)
{
	char buf[256];
	if (size >= sizeof(buf))
		return false;
	memcpy(buf, range, size);
	buf[size] = '\0';
	if (strncmp(buf, "application/json", 16) != 0 && strncmp(buf, "*/*", 3) != 0 &&
	    strncmp(buf, "application/*", 13) != 0)
		return false;
	struct wr_form f = {.api = strstr(buf, "v=v1beta1") ? "meta.k8s.io/v1beta1"
							    : "meta.k8s.io/v1"};
	if (strstr(buf, "as=Table"))
		f.as = WR_FORM_TABLE;
	else if (strstr(buf, "as=PartialObjectMetadata"))
		f.as = WR_FORM_METADATA;
	else if (strstr(buf, "as="))
		return false;
	*out = f;
	return true;
}

int wr_form_of(struct wr_call *c, struct wr_form *out)
{
	const char *accept = c->q->accept, *include = wr_query(c, "includeObject");
	bool found = !accept || !*accept;
	*out = (struct wr_form){.api = "meta.k8s.io/v1"};
	while (!found && *accept) {
		accept += strspn(accept, ", \t");
		size_t n = strcspn(accept, ",");
		found = n && take(accept, n, out);
		accept += n;
	}
	if (!found)
		return wr_refuse(c, WR_NOT_ACCEPTABLE,
				 "only the following media types are accepted: application/json");
	if (include && !strcmp(include, "Object"))
		out->include = WR_INCLUDE_OBJECT;
	else if (include && !strcmp(include, "None"))
		out->include = WR_INCLUDE_NONE;
	return 0;
}

/* ---- items ---- */

/* The length of {"kind":"K","apiVersion":"A", at the begin of stored texts. */
static size_t head_size(const struct wr_resource *r)
{
	char api[WR_RESOURCE_TEXT];
	return strlen("{\"kind\":\"\",\"apiVersion\":\"\",") + strlen(r->kind) +
	       strlen(wr_resource_api(r, api));
}

/* The text of an object, of which another version of its kind may be stored. */
static void put_object(const struct wr_resource *r, const struct wr_blob *blob, struct wr_buf *out)
{
	char api[WR_RESOURCE_TEXT];
	size_t at = strlen("{\"kind\":\"\",\"apiVersion\":\"") + strlen(r->kind);
	const char *end = r->definition && at < blob->size ? strchr(blob->text + at, '"') : NULL;
	if (end) {
		wr_buf_printf(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s", r->kind,
			      wr_resource_api(r, api));
		wr_buf_bytes(out, end, blob->size - (size_t)(end - blob->text));
	} else {
		wr_buf_bytes(out, blob->text, blob->size);
	}
}

static void put_metadata(const struct wr_form *f, const struct wr_value *object, struct wr_buf *out)
{
	wr_buf_printf(
		out,
		"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"%s\",\"metadata\":", f->api);
	wr_answer_value(out, wr_value_get(object, "metadata"));
	wr_buf_text(out, "}");
}

static void put_row(struct wr_tree *t, const struct wr_form *f, const struct wr_resource *r,
		    const struct wr_value *object, const struct wr_blob *blob, struct wr_buf *out)
{
	wr_buf_text(out, "{\"cells\":");
	wr_answer_value(out, wr_columns_cells(t, r, object));
	wr_buf_text(out, ",\"object\":");
	if (f->include == WR_INCLUDE_OBJECT)
		put_object(r, blob, out);
	else if (f->include == WR_INCLUDE_METADATA)
		put_metadata(f, object, out);
	else
		wr_buf_text(out, "null");
	wr_buf_text(out, "}");
}

void wr_form_item(struct wr_tree *t, const struct wr_form *f, const struct wr_resource *r,
		  const struct wr_blob *blob, bool first, struct wr_buf *out)
{
	struct wr_value *object = NULL;
	if (!first)
		wr_buf_text(out, ",");
	if (f->as == WR_FORM_OBJECT) {
		size_t head = r->custom ? 0 : head_size(r);
		if (head && head < blob->size) {
			wr_buf_text(out, "{");
			wr_buf_bytes(out, blob->text + head, blob->size - head);
		} else {
			put_object(r, blob, out);
		}
		return;
	}
	if (wr_json_parse(t->arena, blob->text, blob->size, (struct wr_mark){0}, &object, NULL) <
	    0) {
		t->nomem = true;
		return;
	}
	if (f->as == WR_FORM_METADATA)
		put_metadata(f, object, out);
	else
		put_row(t, f, r, object, blob, out);
}

/* ---- lists ---- */

void wr_form_begin(struct wr_tree *t, const struct wr_form *f, const struct wr_resource *r,
		   uint64_t rv, const char *token, size_t remaining, struct wr_buf *out)
{
	char api[WR_RESOURCE_TEXT];
	if (f->as == WR_FORM_OBJECT)
		wr_buf_printf(out, "{\"kind\":\"%sList\",\"apiVersion\":\"%s\"", r->kind,
			      wr_resource_api(r, api));
	else
		wr_buf_printf(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s\"",
			      f->as == WR_FORM_TABLE ? "Table" : "PartialObjectMetadataList",
			      f->api);
	wr_buf_printf(out, ",\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"", rv);
	if (token)
		wr_buf_printf(out, ",\"continue\":\"%s\"", token);
	if (token && remaining)
		wr_buf_printf(out, ",\"remainingItemCount\":%zu", remaining);
	wr_buf_text(out, "}");
	if (f->as == WR_FORM_TABLE) {
		wr_buf_text(out, ",\"columnDefinitions\":");
		wr_answer_value(out, wr_columns_heads(t, r));
	}
	wr_buf_text(out, f->as == WR_FORM_TABLE ? ",\"rows\":[" : ",\"items\":[");
}

void wr_form_end(struct wr_buf *out)
{
	wr_buf_text(out, "]}\n");
}

void wr_form_object(struct wr_tree *t, const struct wr_form *f, const struct wr_resource *r,
		    const struct wr_blob *blob, struct wr_buf *out)
{
	if (f->as == WR_FORM_OBJECT) {
		put_object(r, blob, out);
		return;
	}
	if (f->as == WR_FORM_METADATA) {
		wr_form_item(t, f, r, blob, true, out);
		return;
	}
	wr_form_begin(t, f, r, blob->rv, NULL, 0, out);
	wr_form_item(t, f, r, blob, true, out);
	wr_buf_text(out, "]}");
}
