/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoder.h"

#include <string.h>

/* An init container that goes on running beside the others. */
static bool is_sidecar(const struct wr_value *container)
{
	const struct wr_value *policy = wr_value_get(container, "restartPolicy");
	return policy && policy->type == WR_STRING && !strcmp(policy->text, "Always");
}

static size_t count_ports(const struct wr_value *containers, bool sidecars_only)
{
	size_t n = 0;
	for (size_t i = 0; i < containers->n; i++) {
		const struct wr_value *ports = wr_value_get(containers->items[i], "ports");
		if (ports && ports->type == WR_LIST &&
		    (!sidecars_only || is_sidecar(containers->items[i])))
			n += ports->n;
	}
	return n;
}

static void decode_port(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
			struct wr_pod_spec *out)
{
	if (!wr_dec_map(d, path, v))
		return;
	struct wr_container_port port = {.mark = v->mark};
	struct wr_path at_port = WR_KEY(path, "containerPort"), at_name = WR_KEY(path, "name"),
		       at_proto = WR_KEY(path, "protocol");
	const struct wr_value *number = wr_value_get(v, "containerPort");
	const char *name = wr_dec_string(d, &at_name, wr_value_get(v, "name"));
	port.name = name && *name ? name : NULL;
	if (wr_dec_absent(number))
		wr_dec_error(d, v->mark, &at_port, "a port must have a number");
	else if (wr_dec_port(d, &at_port, number, &port.port) &&
		 wr_dec_proto(d, &at_proto, wr_value_get(v, "protocol"), &port.proto))
		out->ports[out->n_ports++] = port;
}

static void decode_containers(struct wr_decoder *d, const struct wr_path *path,
			      const struct wr_value *containers, bool sidecars_only,
			      struct wr_pod_spec *out)
{
	for (size_t i = 0; i < containers->n; i++) {
		struct wr_path at = WR_INDEX(path, i), at_ports = WR_KEY(&at, "ports");
		const struct wr_value *container = wr_dec_map(d, &at, containers->items[i]);
		if (!container || (sidecars_only && !is_sidecar(container)))
			continue;
		const struct wr_value *ports = wr_dec_list(d, &at_ports,
							   wr_value_get(container, "ports"));
		for (size_t j = 0; ports && j < ports->n; j++) {
			struct wr_path at_port = WR_INDEX(&at_ports, j);
			decode_port(d, &at_port, ports->items[j], out);
		}
	}
}

void wr_dec_pod_spec(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		     struct wr_pod_spec *out)
{
	v = wr_dec_map(d, path, v);
	if (!v)
		return;
	struct wr_path at_node = WR_KEY(path, "nodeName"), at_host = WR_KEY(path, "hostNetwork"),
		       at_regular = WR_KEY(path, "containers"),
		       at_init = WR_KEY(path, "initContainers");
	const char *node = wr_dec_string(d, &at_node, wr_value_get(v, "nodeName"));
	out->node = node && *node ? node : NULL;
	wr_dec_bool(d, &at_host, wr_value_get(v, "hostNetwork"), &out->host_network);

	const struct wr_value *regular = wr_dec_list(d, &at_regular, wr_value_get(v, "containers"));
	const struct wr_value *init = wr_dec_list(d, &at_init, wr_value_get(v, "initContainers"));
	size_t n = (regular ? count_ports(regular, false) : 0) +
		   (init ? count_ports(init, true) : 0);
	out->ports = n ? wr_dec_array(d, n, sizeof(*out->ports)) : NULL;
	if (n && !out->ports)
		return;
	if (regular)
		decode_containers(d, &at_regular, regular, false, out);
	if (init)
		decode_containers(d, &at_init, init, true, out);
}

/* One address, and a list of mappings with an address each: podIP and podIPs, hostIP and hostIPs. */
static void decode_ips(struct wr_decoder *d, const struct wr_path *status, const struct wr_value *v,
		       const char *one, const char *many, struct wr_ip **ips, size_t *n)
{
	struct wr_path at_one = WR_KEY(status, one), at_many = WR_KEY(status, many);
	const struct wr_value *list = wr_dec_short_list(d, &at_many, wr_value_get(v, many));
	*ips = wr_dec_array(d, 1 + (list ? list->n : 0), sizeof(**ips));
	if (!*ips)
		return;
	wr_dec_add_ip(d, &at_one, wr_value_get(v, one), *ips, n);
	for (size_t i = 0; list && i < list->n; i++) {
		struct wr_path at = WR_INDEX(&at_many, i), at_ip = WR_KEY(&at, "ip");
		const struct wr_value *item = wr_dec_map(d, &at, list->items[i]);
		wr_dec_add_ip(d, &at_ip, wr_value_get(item, "ip"), *ips, n);
	}
}

void wr_dec_pod(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	struct wr_path spec = WR_KEY(NULL, "spec"), status = WR_KEY(NULL, "status"),
		       phase = WR_KEY(&status, "phase");
	wr_dec_pod_spec(d, &spec, wr_value_get(v, "spec"), &o->pod.spec);
	const struct wr_value *s = wr_dec_map(d, &status, wr_value_get(v, "status"));
	if (!s)
		return;
	o->pod.phase = wr_dec_string(d, &phase, wr_value_get(s, "phase"));
	decode_ips(d, &status, s, "podIP", "podIPs", &o->pod.ips, &o->pod.n_ips);
	decode_ips(d, &status, s, "hostIP", "hostIPs", &o->pod.host_ips, &o->pod.n_host_ips);
}
