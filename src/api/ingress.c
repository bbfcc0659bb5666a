/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoder.h"

/*
 * networking.k8s.io/v1 Ingress, as far as it tells which Services an ingress
 * controller sends to: the default backend and the backend of every path.
 * Backends that are not Services (resource) are passed over.
 */

static void decode_backend(struct wr_decoder *d, const struct wr_path *path,
			   const struct wr_value *v, const char *host,
			   struct wr_ingress_object *ing)
{
	struct wr_path at_service = WR_KEY(path, "service"), at_name = WR_KEY(&at_service, "name"),
		       at_port = WR_KEY(&at_service, "port"),
		       at_number = WR_KEY(&at_port, "number"),
		       at_port_name = WR_KEY(&at_port, "name");
	const struct wr_value *service =
		wr_dec_map(d, &at_service, wr_value_get(wr_dec_map(d, path, v), "service"));
	if (!service)
		return;
	struct wr_ingress_backend backend = {.host = host, .mark = service->mark};
	const char *name = wr_dec_string(d, &at_name, wr_value_get(service, "name"));
	if (!name || !*name) {
		wr_dec_error(d, service->mark, &at_name, "a backend must name a Service");
		return;
	}
	backend.service = name;
	const struct wr_value *port = wr_dec_map(d, &at_port, wr_value_get(service, "port"));
	const struct wr_value *number = wr_value_get(port, "number");
	if (!wr_dec_absent(number) && !wr_dec_port(d, &at_number, number, &backend.port))
		return;
	const char *port_name = wr_dec_string(d, &at_port_name, wr_value_get(port, "name"));
	backend.port_name = port_name && *port_name ? port_name : NULL;
	ing->backends[ing->n_backends++] = backend;
}

/* The paths of a rule, or NULL. */
static const struct wr_value *paths_of(struct wr_decoder *d, const struct wr_path *rule,
				       const struct wr_value *v)
{
	struct wr_path at_http = WR_KEY(rule, "http"), at_paths = WR_KEY(&at_http, "paths");
	const struct wr_value *http = wr_dec_map(d, &at_http,
						 wr_value_get(wr_dec_map(d, rule, v), "http"));
	return wr_dec_list(d, &at_paths, wr_value_get(http, "paths"));
}

static size_t count_paths(const struct wr_value *rules)
{
	size_t n = 0;
	for (size_t i = 0; rules && i < rules->n; i++) {
		const struct wr_value *http = wr_value_get(rules->items[i], "http");
		const struct wr_value *paths = http ? wr_value_get(http, "paths") : NULL;
		if (paths && paths->type == WR_LIST)
			n += paths->n;
	}
	return n;
}

static void decode_rule(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
			struct wr_ingress_object *ing)
{
	struct wr_path at_host = WR_KEY(path, "host"), at_http = WR_KEY(path, "http"),
		       at_paths = WR_KEY(&at_http, "paths");
	const struct wr_value *paths = paths_of(d, path, v);
	const char *host = wr_dec_string(d, &at_host, wr_value_get(v, "host"));
	for (size_t i = 0; paths && i < paths->n; i++) {
		struct wr_path at = WR_INDEX(&at_paths, i), at_backend = WR_KEY(&at, "backend");
		const struct wr_value *item = wr_dec_map(d, &at, paths->items[i]);
		decode_backend(d, &at_backend, wr_value_get(item, "backend"), host, ing);
	}
}

void wr_dec_ingress(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	struct wr_path spec = WR_KEY(NULL, "spec"), at_rules = WR_KEY(&spec, "rules"),
		       at_default = WR_KEY(&spec, "defaultBackend"),
		       at_class = WR_KEY(&spec, "ingressClassName");
	const struct wr_value *s = wr_dec_map(d, &spec, wr_value_get(v, "spec"));
	if (!s)
		return;
	struct wr_ingress_object *ing = &o->ingress;
	ing->class_name = wr_dec_string(d, &at_class, wr_value_get(s, "ingressClassName"));
	const struct wr_value *rules = wr_dec_list(d, &at_rules, wr_value_get(s, "rules"));
	ing->backends = wr_dec_array(d, 1 + count_paths(rules), sizeof(*ing->backends));
	if (!ing->backends)
		return;
	decode_backend(d, &at_default, wr_value_get(s, "defaultBackend"), NULL, ing);
	for (size_t i = 0; rules && i < rules->n; i++) {
		struct wr_path at = WR_INDEX(&at_rules, i);
		decode_rule(d, &at, rules->items[i], ing);
	}
}
