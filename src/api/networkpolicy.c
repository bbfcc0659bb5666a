/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NetworkPolicy (networking.k8s.io/v1): strict decoding, defaults, and the API
 * server's validation in its own words and order: podSelector, then each
 * ingress rule's ports and peers, egress likewise, then policyTypes.
 */
#include "api/decoder.h"

#include <string.h>

#include "api/check.h"
#include "api/fields.h"

static const char *const object_fields[] = {"apiVersion", "kind",   "metadata",
					    "spec",       "status", NULL};
static const struct wr_misplaced object_misplaced[] = {
	{"podSelector", "it belongs under spec: indent it by two spaces more"},
	{"ingress", "it belongs under spec: indent it by two spaces more"},
	{"egress", "it belongs under spec: indent it by two spaces more"},
	{"policyTypes", "it belongs under spec: indent it by two spaces more"},
	{"labels", "it belongs under metadata"},
	{"name", "it belongs under metadata"},
	{"namespace", "it belongs under metadata"},
	{NULL, NULL},
};
static const struct wr_shape object_shape = {object_fields, object_misplaced};

static const char *const spec_fields[] = {"podSelector", "ingress", "egress", "policyTypes", NULL};
static const struct wr_misplaced spec_misplaced[] = {
	{"from", "from belongs to a rule: ingress: [{from: ...}]"},
	{"to", "to belongs to a rule: egress: [{to: ...}]"},
	{"ports", "ports belongs to a rule, beside from or to"},
	{"matchLabels", "matchLabels belongs under podSelector"},
	{"namespaceSelector",
	 "a policy applies to its own namespace only; namespaceSelector belongs to a peer"},
	{"selector", "the field is podSelector"},
	{NULL, NULL},
};
static const struct wr_shape spec_shape = {spec_fields, spec_misplaced};

static const struct wr_misplaced rule_misplaced[] = {
	{"podSelector",
	 "a peer is a list item: put it under from (ingress) or to (egress), after \"- \""},
	{"namespaceSelector",
	 "a peer is a list item: put it under from (ingress) or to (egress), after \"- \""},
	{"ipBlock",
	 "a peer is a list item: put it under from (ingress) or to (egress), after \"- \""},
	{"to", "an ingress rule has from; to belongs to egress"},
	{"from", "an egress rule has to; from belongs to ingress"},
	{"port", "ports is a list: write ports, and put \"- \" before port"},
	{"protocol", "ports is a list: write ports, and put \"- \" before protocol"},
	{NULL, NULL},
};
static const char *const ingress_fields[] = {"from", "ports", NULL};
static const char *const egress_fields[] = {"to", "ports", NULL};
static const struct wr_shape rule_shapes[] = {
	[WR_EGRESS] = {egress_fields, rule_misplaced},
	[WR_INGRESS] = {ingress_fields, rule_misplaced},
};

static const char *const peer_fields[] = {"podSelector", "namespaceSelector", "ipBlock", NULL};
static const struct wr_misplaced peer_misplaced[] = {
	{"ports", "ports stands beside from and to, not inside a peer"},
	{"matchLabels", "write podSelector or namespaceSelector above matchLabels"},
	{"matchExpressions", "write podSelector or namespaceSelector above matchExpressions"},
	{"cidr", "cidr belongs under ipBlock"},
	{NULL, NULL},
};
static const struct wr_shape peer_shape = {peer_fields, peer_misplaced};

static const char *const block_fields[] = {"cidr", "except", NULL};
static const struct wr_shape block_shape = {block_fields, NULL};

static const char *const port_fields[] = {"protocol", "port", "endPort", NULL};
static const struct wr_misplaced port_misplaced[] = {
	{"targetPort", "a policy names the pod's port: port"},
	{"containerPort", "the field is port"},
	{"name", "a port's name is written in port"},
	{NULL, NULL},
};
static const struct wr_shape port_shape = {port_fields, port_misplaced};

static struct wr_mark mark_of(const struct wr_value *v, const struct wr_value *parent)
{
	return v ? v->mark : parent->mark;
}

/* The map that a list item is; a null item counts as an empty one. */
static const struct wr_value *item_map(struct wr_decoder *d, const struct wr_path *path,
				       const struct wr_value *v)
{
	static const struct wr_value empty = {.type = WR_MAP};
	return wr_dec_absent(v) ? &empty : wr_dec_map(d, path, v);
}

/* ---- ports ---- */

/* The protocol's number; an unknown one is told and read as TCP. */
static uint8_t port_protocol(struct wr_decoder *d, const struct wr_path *path,
			     const struct wr_value *v)
{
	const char *text = wr_dec_string(d, path, v);
	if (!text)
		return WR_TCP;
	static const uint8_t known[] = {WR_TCP, WR_UDP, WR_SCTP};
	for (size_t i = 0; i < sizeof(known); i++)
		if (!strcmp(text, wr_proto_name(known[i])))
			return known[i];
	wr_dec_unsupported(d, v->mark, path, text, "\"TCP\", \"UDP\", \"SCTP\"");
	int proto = wr_proto_parse(text);
	if (proto > 0 && wr_proto_has_ports((uint8_t)proto))
		wr_diag_advise(d->diags, "write it in capitals: %s", wr_proto_name((uint8_t)proto));
	else if (proto > 0)
		wr_diag_advise(d->diags, "%s has no ports: only a rule without ports allows it",
			       wr_proto_name((uint8_t)proto));
	return WR_TCP;
}

static bool in_port_range(int64_t n)
{
	return n >= 1 && n <= 65535;
}

/* endPort beside a numeric port. */
static void check_end_port(struct wr_decoder *d, const struct wr_path *path,
			   const struct wr_value *v, int64_t port, int64_t end)
{
	if (end < port)
		wr_dec_invalid_int(d, v->mark, path, end,
				   "must be greater than or equal to `port`");
	if (!in_port_range(end))
		wr_dec_invalid_int(d, v->mark, path, end, WR_PORT_NUM_MSG);
}

static void read_number(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *m,
			int64_t number, const int64_t *end, struct wr_np_port *out)
{
	struct wr_path at_port = WR_KEY(path, "port"), at_end = WR_KEY(path, "endPort");
	if (!in_port_range(number))
		wr_dec_invalid_int(d, wr_value_get(m, "port")->mark, &at_port, number,
				   WR_PORT_NUM_MSG);
	if (end)
		check_end_port(d, &at_end, wr_value_get(m, "endPort"), number, *end);
	out->kind = WR_PORT_RANGE;
	out->first = (uint16_t)number;
	out->last = (uint16_t)(end ? *end : number);
}

static void read_port(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		      struct wr_np_port *out)
{
	struct wr_path at_proto = WR_KEY(path, "protocol"), at_port = WR_KEY(path, "port"),
		       at_end = WR_KEY(path, "endPort");
	const struct wr_value *m = item_map(d, path, v);
	out->proto = WR_TCP;
	out->mark = v->mark;
	if (!m) {
		wr_diag_advise(d->diags, "write - port: and the number");
		return;
	}
	wr_dec_fields(d, path, m, &port_shape);
	const struct wr_value *port = wr_value_get(m, "port"), *end = wr_value_get(m, "endPort");
	out->proto = port_protocol(d, &at_proto, wr_value_get(m, "protocol"));
	int64_t number, last = 0;
	bool has_end = wr_dec_int(d, &at_end, end, INT32_MIN, INT32_MAX, &last);
	if (wr_dec_absent(port)) {
		out->kind = WR_PORT_ALL;
		if (has_end)
			wr_dec_invalid_int(d, end->mark, &at_end, last,
					   "may not be specified when `port` is not specified");
	} else if (port->type == WR_STRING) {
		out->kind = WR_PORT_NAMED;
		out->name = port->text;
		if (has_end)
			wr_dec_invalid_int(d, end->mark, &at_end, last,
					   "may not be specified when `port` is non-numeric");
		wr_dec_check(d, port->mark, &at_port, port->text, wr_check_port_name);
		if (d->failed && strspn(port->text, "0123456789") == strlen(port->text) &&
		    *port->text)
			wr_diag_advise(d->diags, "a port number is written without quotes");
	} else if (wr_dec_int(d, &at_port, port, INT32_MIN, INT32_MAX, &number)) {
		read_number(d, path, m, number, has_end ? &last : NULL, out);
	}
}

/* ---- peers ---- */

/* What API servers of today say of a CIDR that they still take. */
static void warn_cidr(struct wr_decoder *d, const struct wr_value *v, const struct wr_path *path,
		      const struct wr_cidr_check *c)
{
	char masked[WR_CIDR_TEXT], address[WR_IP_TEXT];
	wr_cidr_format(&c->cidr, masked);
	if (c->host_bits)
		wr_dec_warning(
			d, v->mark, path,
			"CIDR value \"%.64s\" is ambiguous in this context (should be \"%s\" or "
			"\"%s/%u\"?)",
			v->text, masked, wr_ip_format(&c->address, address),
			wr_family_bits(c->address.family));
	else if (c->leading_zeros || c->mapped)
		wr_dec_warning(d, v->mark, path,
			       "non-standard CIDR value \"%.64s\" will be considered invalid in a "
			       "future Kubernetes release: use \"%s\"",
			       v->text, masked);
	else if (!c->canonical)
		wr_dec_warning(d, v->mark, path,
			       "IPv6 CIDR value \"%.64s\" should be in RFC 5952 canonical format "
			       "(\"%s\")",
			       v->text, masked);
}

/* Reads a CIDR; false when there is none to go on with. */
static bool read_cidr(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		      const char *text, struct wr_cidr *out)
{
	struct wr_cidr_check c;
	if (wr_check_cidr(text, &c) < 0) {
		wr_dec_invalid(d, v->mark, path, text, WR_CIDR_MSG);
		return false;
	}
	bool failed = false;
	if (d->opts.strict_cidrs) {
		failed = c.leading_zeros || c.mapped || c.host_bits;
		if (c.leading_zeros)
			wr_dec_invalid(d, v->mark, path, text,
				       "must not have leading 0s in IP or prefix length");
		if (c.mapped)
			wr_dec_invalid(d, v->mark, path, text,
				       "must not have an IPv4-mapped IPv6 address");
		if (c.host_bits)
			wr_dec_invalid(d, v->mark, path, text,
				       "must not have bits set beyond the prefix length");
	}
	if (!failed)
		warn_cidr(d, v, path, &c);
	*out = c.cidr;
	return true;
}

static void read_excepts(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
			 bool have_cidr, struct wr_np_peer *out)
{
	const struct wr_value *list = wr_dec_list(d, path, v);
	if (!wr_dec_absent(v) && !list)
		wr_diag_advise(d->diags, "except is a list: put \"- \" before the CIDR");
	out->except = list && list->n ? wr_dec_array(d, list->n, sizeof(*out->except)) : NULL;
	for (size_t i = 0; out->except && i < list->n; i++) {
		struct wr_path at = WR_INDEX(path, i);
		const struct wr_value *item = list->items[i];
		const char *text = wr_dec_string(d, &at, item);
		struct wr_cidr c;
		if (!text && !wr_dec_absent(item))
			continue;
		text = text ? text : "";
		if (!read_cidr(d, &at, item, text, &c))
			continue;
		if (have_cidr && (!wr_cidr_covers(&out->cidr, &c) || c.len <= out->cidr.len))
			wr_dec_invalid(d, item->mark, &at, text,
				       "must be a strict subset of `cidr`");
		out->except[out->n_except++] = c;
	}
}

static void read_block(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		       struct wr_np_peer *out)
{
	struct wr_path at_cidr = WR_KEY(path, "cidr"), at_except = WR_KEY(path, "except");
	const struct wr_value *m = wr_dec_map(d, path, v);
	if (!m)
		return;
	wr_dec_fields(d, path, m, &block_shape);
	const struct wr_value *cidr = wr_value_get(m, "cidr");
	bool typed = wr_dec_absent(cidr) || cidr->type == WR_STRING;
	const char *text = wr_dec_string(d, &at_cidr, cidr);
	if (!typed)
		return;
	if (!text || !*text) {
		wr_dec_required(d, mark_of(cidr, v), &at_cidr, "");
		return;
	}
	bool have = read_cidr(d, &at_cidr, cidr, text, &out->cidr);
	read_excepts(d, &at_except, wr_value_get(m, "except"), have, out);
}

static struct wr_label_selector *read_selector(struct wr_decoder *d, const struct wr_path *path,
					       const struct wr_value *v)
{
	if (wr_dec_absent(v))
		return NULL;
	struct wr_label_selector *s = wr_dec_array(d, 1, sizeof(*s));
	if (s)
		wr_dec_selector(d, path, v, s);
	return s;
}

static void read_peer(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		      struct wr_np_peer *out)
{
	struct wr_path at_pods = WR_KEY(path, "podSelector"),
		       at_ns = WR_KEY(path, "namespaceSelector"),
		       at_block = WR_KEY(path, "ipBlock");
	const struct wr_value *m = item_map(d, path, v);
	out->mark = v->mark;
	if (!m)
		return;
	wr_dec_fields(d, path, m, &peer_shape);
	const struct wr_value *block = wr_value_get(m, "ipBlock");
	out->has_ip_block = !wr_dec_absent(block);
	out->pod_selector = read_selector(d, &at_pods, wr_value_get(m, "podSelector"));
	out->ns_selector = read_selector(d, &at_ns, wr_value_get(m, "namespaceSelector"));
	if (out->has_ip_block)
		read_block(d, &at_block, block, out);
	if (!out->has_ip_block && !out->pod_selector && !out->ns_selector)
		wr_dec_required(d, v->mark, path, "must specify a peer");
	else if (out->has_ip_block && (out->pod_selector || out->ns_selector))
		wr_dec_forbidden(d, v->mark, path, "may not specify both ipBlock and another peer");
}

/* ---- rules ---- */

static void read_rule(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		      enum wr_direction dir, struct wr_np_rule *out)
{
	const char *peers_field = dir == WR_INGRESS ? "from" : "to";
	struct wr_path at_ports = WR_KEY(path, "ports"), at_peers = WR_KEY(path, peers_field);
	const struct wr_value *m = item_map(d, path, v);
	out->mark = v->mark;
	if (!m)
		return;
	wr_dec_fields(d, path, m, &rule_shapes[dir]);
	const struct wr_value *ports = wr_value_get(m, "ports"),
			      *peers = wr_value_get(m, peers_field);
	const struct wr_value *list = wr_dec_list(d, &at_ports, ports);
	if (!wr_dec_absent(ports) && !list)
		wr_diag_advise(d->diags, "ports is a list: put \"- \" before port");
	out->ports = list && list->n ? wr_dec_array(d, list->n, sizeof(*out->ports)) : NULL;
	for (; out->ports && out->n_ports < list->n; out->n_ports++) {
		struct wr_path at = WR_INDEX(&at_ports, out->n_ports);
		read_port(d, &at, list->items[out->n_ports], &out->ports[out->n_ports]);
	}
	list = wr_dec_list(d, &at_peers, peers);
	if (!wr_dec_absent(peers) && !list)
		wr_diag_advise(d->diags, "%s is a list: put \"- \" before the peer", peers_field);
	out->peers = list && list->n ? wr_dec_array(d, list->n, sizeof(*out->peers)) : NULL;
	for (; out->peers && out->n_peers < list->n; out->n_peers++) {
		struct wr_path at = WR_INDEX(&at_peers, out->n_peers);
		read_peer(d, &at, list->items[out->n_peers], &out->peers[out->n_peers]);
	}
}

static void read_rules(struct wr_decoder *d, const struct wr_path *spec, const struct wr_value *m,
		       enum wr_direction dir, struct wr_np_object *np)
{
	struct wr_path path = WR_KEY(spec, dir == WR_INGRESS ? "ingress" : "egress");
	const struct wr_value *v = wr_value_get(m, path.key);
	const struct wr_value *list = wr_dec_list(d, &path, v);
	if (!wr_dec_absent(v)) {
		np->rules_mark[dir] = v->mark;
		if (!list)
			wr_diag_advise(d->diags, "%s is a list of rules: put \"- \" before each",
				       path.key);
	}
	np->rules[dir] = list && list->n ? wr_dec_array(d, list->n, sizeof(struct wr_np_rule))
					 : NULL;
	for (size_t i = 0; np->rules[dir] && i < list->n; i++, np->n_rules[dir]++) {
		struct wr_path at = WR_INDEX(&path, i);
		read_rule(d, &at, list->items[i], dir, &np->rules[dir][i]);
	}
}

/* ---- policyTypes ---- */

static void read_types(struct wr_decoder *d, const struct wr_path *spec, const struct wr_value *m,
		       struct wr_np_object *np)
{
	struct wr_path path = WR_KEY(spec, "policyTypes");
	const struct wr_value *v = wr_value_get(m, "policyTypes");
	const struct wr_value *list = wr_dec_list(d, &path, v);
	if (!wr_dec_absent(v) && !list)
		wr_diag_advise(d->diags,
			       "policyTypes is a list: [Ingress], [Egress] or [Ingress, Egress]");
	if (!list || !list->n) {
		np->isolates[WR_INGRESS] = true;
		np->isolates[WR_EGRESS] = np->n_rules[WR_EGRESS] > 0;
		return;
	}
	if (list->n > 2) {
		/* the API server shows the whole list as its value */
		wr_dec_error(d, v->mark, &path,
			     "Invalid value: %s: may not specify more than two policyTypes",
			     "[...]");
		return;
	}
	for (size_t i = 0; i < list->n; i++) {
		struct wr_path at = WR_INDEX(&path, i);
		const char *text = wr_dec_string(d, &at, list->items[i]);
		if (text && !strcmp(text, "Ingress"))
			np->isolates[WR_INGRESS] = true;
		else if (text && !strcmp(text, "Egress"))
			np->isolates[WR_EGRESS] = true;
		else if (text)
			wr_dec_unsupported(d, list->items[i]->mark, &at, text,
					   "\"Ingress\", \"Egress\"");
	}
}

void wr_dec_networkpolicy(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	struct wr_path spec = WR_KEY(NULL, "spec"), at_pods = WR_KEY(&spec, "podSelector");
	struct wr_np_object *np = &o->np;
	wr_dec_fields(d, NULL, v, &object_shape);
	wr_dec_meta_strict(d, v, o);
	const struct wr_value *m = wr_dec_map(d, &spec, wr_value_get(v, "spec"));
	if (m) {
		wr_dec_fields(d, &spec, m, &spec_shape);
		wr_dec_selector(d, &at_pods, wr_value_get(m, "podSelector"), &np->pod_selector);
		read_rules(d, &spec, m, WR_INGRESS, np);
		read_rules(d, &spec, m, WR_EGRESS, np);
	}
	read_types(d, &spec, m, np);
}
