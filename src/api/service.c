/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoder.h"

#include <string.h>

/* A number, or the name of a container port; the port itself when left out. */
static bool decode_target(struct wr_decoder *d, const struct wr_path *path,
			  const struct wr_value *v, struct wr_service_port *port)
{
	if (wr_dec_absent(v)) {
		port->target_port = port->port;
		return true;
	}
	if (v->type != WR_STRING) {
		/* 0 is how the API server stores "not said" */
		if (v->type == WR_INT && !v->integer)
			port->target_port = port->port;
		return port->target_port || wr_dec_port(d, path, v, &port->target_port);
	}
	if (!*v->text) {
		port->target_port = port->port;
		return true;
	}
	if (v->text[strspn(v->text, "0123456789")]) {
		port->target_name = v->text;
		return true;
	}
	wr_dec_error(d, v->mark, path, "must be a number or the name of a port, found \"%.200s\"",
		     v->text);
	wr_diag_advise(d->diags, "a number stands without quotes: %.200s", v->text);
	return false;
}

static void decode_port(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
			struct wr_service_object *svc)
{
	if (!wr_dec_map(d, path, v))
		return;
	struct wr_path at_name = WR_KEY(path, "name"), at_port = WR_KEY(path, "port"),
		       at_target = WR_KEY(path, "targetPort"), at_node = WR_KEY(path, "nodePort"),
		       at_proto = WR_KEY(path, "protocol");
	struct wr_service_port port = {.mark = v->mark};
	const struct wr_value *number = wr_value_get(v, "port");
	const char *name = wr_dec_string(d, &at_name, wr_value_get(v, "name"));
	port.name = name && *name ? name : NULL;
	if (wr_dec_absent(number)) {
		wr_dec_error(d, v->mark, &at_port, "a port must have a number");
		return;
	}
	int64_t node = 0;
	wr_dec_int(d, &at_node, wr_value_get(v, "nodePort"), 0, 65535, &node);
	port.node_port = (uint16_t)node;
	if (wr_dec_port(d, &at_port, number, &port.port) &&
	    wr_dec_proto(d, &at_proto, wr_value_get(v, "protocol"), &port.proto) &&
	    decode_target(d, &at_target, wr_value_get(v, "targetPort"), &port))
		svc->ports[svc->n_ports++] = port;
}

static bool is_none(const struct wr_value *v)
{
	return v && v->type == WR_STRING && !strcmp(v->text, "None");
}

static void decode_cluster_ips(struct wr_decoder *d, const struct wr_path *spec,
			       const struct wr_value *v, struct wr_service_object *svc)
{
	struct wr_path at_one = WR_KEY(spec, "clusterIP"), at_many = WR_KEY(spec, "clusterIPs");
	const struct wr_value *one = wr_value_get(v, "clusterIP");
	const struct wr_value *list = wr_dec_short_list(d, &at_many, wr_value_get(v, "clusterIPs"));
	svc->cluster_ips = wr_dec_array(d, 1 + (list ? list->n : 0), sizeof(*svc->cluster_ips));
	if (!svc->cluster_ips)
		return;
	svc->headless = is_none(one) || (list && list->n && is_none(list->items[0]));
	if (svc->headless)
		return;
	wr_dec_add_ip(d, &at_one, one, svc->cluster_ips, &svc->n_cluster_ips);
	for (size_t i = 0; list && i < list->n; i++) {
		struct wr_path at = WR_INDEX(&at_many, i);
		wr_dec_add_ip(d, &at, list->items[i], svc->cluster_ips, &svc->n_cluster_ips);
	}
}

static void decode_families(struct wr_decoder *d, const struct wr_path *spec,
			    const struct wr_value *v, struct wr_service_object *svc)
{
	struct wr_path at_list = WR_KEY(spec, "ipFamilies"),
		       at_rule = WR_KEY(spec, "ipFamilyPolicy");
	const struct wr_value *list = wr_dec_short_list(d, &at_list, wr_value_get(v, "ipFamilies"));
	for (size_t i = 0; list && i < list->n; i++) {
		struct wr_path at = WR_INDEX(&at_list, i);
		const char *family = wr_dec_string(d, &at, list->items[i]);
		if (family && !strcmp(family, "IPv4"))
			svc->want_ipv4 = true;
		else if (family && !strcmp(family, "IPv6"))
			svc->want_ipv6 = true;
	}
	const char *rule = wr_dec_string(d, &at_rule, wr_value_get(v, "ipFamilyPolicy"));
	if (rule && (!strcmp(rule, "PreferDualStack") || !strcmp(rule, "RequireDualStack")))
		svc->want_ipv4 = svc->want_ipv6 = true;
}

void wr_dec_service(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	struct wr_path spec = WR_KEY(NULL, "spec"), at_type = WR_KEY(&spec, "type"),
		       at_selector = WR_KEY(&spec, "selector"), at_ports = WR_KEY(&spec, "ports");
	struct wr_service_object *svc = &o->service;
	svc->type = "ClusterIP";
	const struct wr_value *s = wr_dec_map(d, &spec, wr_value_get(v, "spec"));
	if (!s)
		return;
	const char *type = wr_dec_string(d, &at_type, wr_value_get(s, "type"));
	if (type && *type)
		svc->type = type;
	wr_dec_labels(d, &at_selector, wr_value_get(s, "selector"), &svc->selector,
		      &svc->n_selector);
	decode_cluster_ips(d, &spec, s, svc);
	decode_families(d, &spec, s, svc);
	const struct wr_value *ports = wr_dec_list(d, &at_ports, wr_value_get(s, "ports"));
	if (!ports || !ports->n)
		return;
	svc->ports = wr_dec_array(d, ports->n, sizeof(*svc->ports));
	for (size_t i = 0; svc->ports && i < ports->n; i++) {
		struct wr_path at = WR_INDEX(&at_ports, i);
		decode_port(d, &at, ports->items[i], svc);
	}
}
