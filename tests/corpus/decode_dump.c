/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_dump FILE...: one line of JSON for each file: what the decoder, at its
 * strictest, has to say of every object in it, and what it read from every
 * policy. For validation.py, which holds it against an API server.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/decode.h"

static void put_string(const char *s)
{
	if (!s) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", (unsigned)(unsigned char)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

enum which { FIELD_ERRORS, DECODE_ERRORS, WARNINGS };

static enum which which_of(const struct wr_diag *d)
{
	if (d->severity == WR_WARNING)
		return WARNINGS;
	return wr_decode_is_field_error(d) ? FIELD_ERRORS : DECODE_ERRORS;
}

/* Notes are weir's own, and no server's. */
static void put_diags(const char *name, const struct wr_diags *diags, enum which which)
{
	bool first = true;
	printf(", \"%s\": [", name);
	for (size_t i = 0; i < wr_diags_count(diags); i++) {
		const struct wr_diag *d = wr_diags_at(diags, i);
		char text[8192];
		if (d->severity == WR_NOTE || which_of(d) != which)
			continue;
		snprintf(text, sizeof(text), "%s%s%s", d->path ? d->path : "", d->path ? ": " : "",
			 d->message);
		fputs(first ? "" : ", ", stdout);
		put_string(text);
		first = false;
	}
	putchar(']');
}

static void put_selector(const char *name, const struct wr_label_selector *s)
{
	static const char *const ops[] = {
		[WR_OP_IN] = "In",
		[WR_OP_NOT_IN] = "NotIn",
		[WR_OP_EXISTS] = "Exists",
		[WR_OP_NOT_EXISTS] = "DoesNotExist",
	};
	printf("\"%s\": ", name);
	if (!s) {
		fputs("null", stdout);
		return;
	}
	putchar('[');
	for (size_t i = 0; i < s->n; i++) {
		fputs(i ? ", [" : "[", stdout);
		put_string(s->reqs[i].key);
		printf(", \"%s\"", ops[s->reqs[i].op]);
		for (size_t k = 0; k < s->reqs[i].n; k++) {
			fputs(", ", stdout);
			put_string(s->reqs[i].values[k]);
		}
		putchar(']');
	}
	putchar(']');
}

static void put_cidr(const struct wr_cidr *c)
{
	char text[WR_CIDR_TEXT];
	put_string(wr_cidr_format(c, text));
}

static void put_peer(const struct wr_np_peer *p)
{
	putchar('{');
	put_selector("podSelector", p->pod_selector);
	fputs(", ", stdout);
	put_selector("namespaceSelector", p->ns_selector);
	fputs(", \"ipBlock\": ", stdout);
	if (!p->has_ip_block)
		fputs("null", stdout);
	else
		putchar('[');
	if (p->has_ip_block)
		put_cidr(&p->cidr);
	for (size_t i = 0; i < p->n_except; i++) {
		fputs(", ", stdout);
		put_cidr(&p->except[i]);
	}
	fputs(p->has_ip_block ? "]}" : "}", stdout);
}

static void put_port(const struct wr_np_port *p)
{
	printf("[\"%s\"", wr_proto_name(p->proto));
	if (p->kind == WR_PORT_RANGE)
		printf(", %u, %u", p->first, p->last);
	if (p->kind == WR_PORT_NAMED)
		fputs(", ", stdout);
	if (p->kind == WR_PORT_NAMED)
		put_string(p->name);
	putchar(']');
}

static void put_rules(const char *name, const struct wr_np_object *np, enum wr_direction dir)
{
	printf(", \"%s\": [", name);
	for (size_t i = 0; i < np->n_rules[dir]; i++) {
		const struct wr_np_rule *r = &np->rules[dir][i];
		fputs(i ? ", {\"ports\": [" : "{\"ports\": [", stdout);
		for (size_t k = 0; k < r->n_ports; k++) {
			fputs(k ? ", " : "", stdout);
			put_port(&r->ports[k]);
		}
		fputs("], \"peers\": [", stdout);
		for (size_t k = 0; k < r->n_peers; k++) {
			fputs(k ? ", " : "", stdout);
			put_peer(&r->peers[k]);
		}
		fputs("]}", stdout);
	}
	putchar(']');
}

static void put_policy(const struct wr_np_object *np)
{
	fputs(", \"spec\": {", stdout);
	put_selector("podSelector", &np->pod_selector);
	printf(", \"isolates\": [%s%s%s]", np->isolates[WR_INGRESS] ? "\"Ingress\"" : "",
	       np->isolates[WR_INGRESS] && np->isolates[WR_EGRESS] ? ", " : "",
	       np->isolates[WR_EGRESS] ? "\"Egress\"" : "");
	put_rules("ingress", np, WR_INGRESS);
	put_rules("egress", np, WR_EGRESS);
	putchar('}');
}

static void put_cp_peer(const struct wr_cp_peer *p)
{
	static const char *const kinds[] = {"pods", "nodes", "networks", "domainNames"};
	printf("{\"kind\": \"%s\"", kinds[p->kind]);
	if (p->kind == WR_CP_PODS && !p->unreadable) {
		fputs(", ", stdout);
		put_selector("namespaces", &p->namespaces);
		fputs(", ", stdout);
		put_selector("pods", &p->pods);
	} else if (p->kind == WR_CP_NODES && !p->unreadable) {
		fputs(", ", stdout);
		put_selector("nodes", &p->nodes);
	} else {
		printf(", \"list\": [");
		for (size_t i = 0; i < p->n_networks; i++) {
			fputs(i ? ", " : "", stdout);
			put_cidr(&p->networks[i]);
		}
		for (size_t i = 0; i < p->n_domains; i++) {
			fputs(i ? ", " : "", stdout);
			put_string(p->domains[i]);
		}
		putchar(']');
	}
	printf(", \"unreadable\": %s}", p->unreadable ? "true" : "false");
}

static void put_cp_port(const struct wr_np_port *p)
{
	if (p->kind == WR_PORT_RANGE && p->first > p->last && p->name) {
		putchar('[');
		put_string(p->name);
		putchar(']');
	} else if (p->kind == WR_PORT_NAMED) {
		putchar('[');
		put_string(p->name);
		fputs(", \"named\"]", stdout);
	} else {
		put_port(p);
	}
}

static void put_cp_rules(const char *name, const struct wr_cp_object *cp, enum wr_direction dir)
{
	static const char *const actions[] = {"Accept", "Deny", "Pass"};
	printf(", \"%s\": [", name);
	for (size_t i = 0; i < cp->n_rules[dir]; i++) {
		const struct wr_cp_rule *r = &cp->rules[dir][i];
		printf("%s{\"action\": \"%s\", \"name\": ", i ? ", " : "", actions[r->action]);
		put_string(r->name ? r->name : "");
		fputs(", \"peers\": [", stdout);
		for (size_t k = 0; k < r->n_peers; k++) {
			fputs(k ? ", " : "", stdout);
			put_cp_peer(&r->peers[k]);
		}
		fputs("], \"ports\": [", stdout);
		for (size_t k = 0; k < r->n_ports; k++) {
			fputs(k ? ", " : "", stdout);
			put_cp_port(&r->ports[k]);
		}
		fputs("]}", stdout);
	}
	putchar(']');
}

static void put_cluster_policy(const struct wr_cp_object *cp)
{
	printf(", \"spec\": {\"tier\": \"%s\", \"priority\": %d, \"subject\": ",
	       cp->tier == WR_TIER_ADMIN ? "Admin" : "Baseline", (int)cp->priority);
	put_cp_peer(&cp->subject);
	put_cp_rules("ingress", cp, WR_INGRESS);
	put_cp_rules("egress", cp, WR_EGRESS);
	putchar('}');
}

static void put_text_field(const char *name, const struct wr_value *map, const char *key)
{
	const struct wr_value *v = wr_value_get(map, key);
	printf("\"%s\": ", name);
	put_string(v && v->type == WR_STRING ? v->text : NULL);
}

static void put_type_field(const char *key, const struct wr_value *map, const char *inherited)
{
	const struct wr_value *v = wr_value_get(map, key);
	printf("\"%s\": ", key);
	put_string(v && v->type == WR_STRING ? v->text : inherited);
}

/* One object, decoded by itself. accepted: null where the kind is not one that weir reads. */
static int put_object(const struct wr_value *v, const struct wr_list_type *list, uint32_t line,
		      bool first)
{
	static const struct wr_decode_opts strict = {.strict_cidrs = true, .as_api_server = true};
	struct wr_arena *arena = wr_arena_new();
	struct wr_diags *diags = wr_diags_new();
	struct wr_object *o = NULL;
	int rc = arena && diags ? wr_decode_item(v, list, &strict, arena, diags, &o) : -ENOMEM;
	if (rc != -ENOMEM) {
		printf("%s{\"line\": %u, ", first ? "" : ", ", line);
		put_type_field("apiVersion", v, list ? list->api : NULL);
		fputs(", ", stdout);
		put_type_field("kind", v, list && *list->kind ? list->kind : NULL);
		fputs(", ", stdout);
		put_text_field("name", wr_value_get(v, "metadata"), "name");
		printf(", \"accepted\": %s", rc ? "false" : o ? "true" : "null");
		put_diags("field_errors", diags, FIELD_ERRORS);
		put_diags("decode_errors", diags, DECODE_ERRORS);
		put_diags("warnings", diags, WARNINGS);
		if (o && o->kind == WR_KIND_NETWORKPOLICY)
			put_policy(&o->np);
		if (o && wr_kind_is_cluster_policy(o->kind))
			put_cluster_policy(&o->cp);
		putchar('}');
	}
	wr_diags_free(diags);
	wr_arena_free(arena);
	return rc == -ENOMEM ? -ENOMEM : 0;
}

static int put_tree(const struct wr_value *v, const struct wr_list_type *list, uint32_t line,
		    bool *first)
{
	struct wr_list_type type;
	if (!wr_decode_is_list(v, &type)) {
		int rc = put_object(v, list, line, *first);
		*first = false;
		return rc;
	}
	const struct wr_value *items = wr_value_get(v, "items");
	int rc = 0;
	for (size_t i = 0; items && items->type == WR_LIST && i < items->n && !rc; i++)
		rc = put_tree(items->items[i], &type, line, first);
	return rc;
}

static int put_file(const char *path)
{
	struct wr_input *in = wr_input_new(NULL);
	struct wr_diags *diags = wr_diags_new();
	bool first = true;
	int rc = in && diags ? wr_input_path(in, path, diags) : -ENOMEM;
	if (rc != -ENOMEM) {
		rc = 0;
		fputs("{\"file\": ", stdout);
		put_string(path);
		put_diags("unreadable", diags, DECODE_ERRORS);
		fputs(", \"objects\": [", stdout);
		for (size_t i = 0; i < wr_input_count(in) && !rc; i++)
			rc = put_tree(wr_input_at(in, i)->root, NULL,
				      wr_input_at(in, i)->first_line, &first);
		fputs("]}\n", stdout);
	}
	wr_diags_free(diags);
	wr_input_free(in);
	return rc;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (put_file(argv[i]) < 0) {
			fputs("decode_dump: out of memory\n", stderr);
			return 1;
		}
	return 0;
}
