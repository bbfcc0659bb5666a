/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoder.h"

#include <string.h>

#include "api/check.h"
#include "api/np_shapes.h"

/*
 * NetworkPolicy: one pass that decodes strictly, judges what it could read in
 * the API server's order (metadata, podSelector, rules with their ports before
 * their peers, policyTypes), and fills in the defaults. A value that could not
 * be read at all is not judged any further.
 */

#define ONE_ITEM "put \"- \" before the first field: it is a list"

/* A value that holds nothing, for list items that are null. */
static const struct wr_value nothing = {.type = WR_MAP};

/* A list item that is a structure; null means one with no fields. */
static const struct wr_value *item_map(struct wr_decoder *d, const struct wr_path *path,
				       const struct wr_value *v, const char *advice)
{
	if (wr_dec_absent(v))
		return &nothing;
	const struct wr_value *map = wr_dec_map(d, path, v);
	if (!map)
		wr_diag_advise(d->diags, "%s", advice);
	return map;
}

static const struct wr_value *list_of(struct wr_decoder *d, const struct wr_path *path,
				      const struct wr_value *v, const char *advice)
{
	const struct wr_value *list = wr_dec_list(d, path, v);
	if (!list && !wr_dec_absent(v))
		wr_diag_advise(d->diags, "%s", advice);
	return list;
}

/* int32 as the API types have it: what does not fit cannot be read. */
static bool read_int32(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		       int64_t *out)
{
	return wr_dec_int(d, path, v, INT32_MIN, INT32_MAX, out);
}

static void decode_protocol(struct wr_decoder *d, const struct wr_path *path,
			    const struct wr_value *v, struct wr_np_port *out)
{
	static const char *const names[] = {"TCP", "UDP", "SCTP", NULL};
	out->proto = WR_TCP;
	const char *text = wr_dec_string(d, path, v);
	if (!text)
		return;
	int proto = wr_proto_parse(text);
	bool has_ports = proto >= 0 && wr_proto_has_ports((uint8_t)proto);
	if (has_ports && !strcmp(text, wr_proto_name((uint8_t)proto))) {
		out->proto = (uint8_t)proto;
		return;
	}
	wr_dec_unsupported(d, v->mark, path, text, "\"TCP\", \"UDP\", \"SCTP\"");
	const char *meant = wr_typo_suggest(text, names);
	if (has_ports)
		wr_diag_advise(d->diags, "write it in capitals: %s", wr_proto_name((uint8_t)proto));
	else if (proto >= 0)
		wr_diag_advise(d->diags, "%s has no ports: only a rule without ports allows it",
			       wr_proto_name((uint8_t)proto));
	else if (meant)
		wr_diag_advise(d->diags, "did you mean \"%s\"?", meant);
}

static void number_port(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
			int64_t port, const struct wr_value *end, struct wr_np_port *out)
{
	struct wr_path at_port = WR_KEY(path, "port"), at_end = WR_KEY(path, "endPort");
	int64_t last = port;
	if (port < 1 || port > 65535)
		wr_dec_invalid_int(d, v->mark, &at_port, port, WR_PORT_NUM_MSG);
	if (read_int32(d, &at_end, end, &last)) {
		if (last < port) {
			wr_dec_invalid_int(d, end->mark, &at_end, port,
					   "must be greater than or equal to `port`");
			wr_diag_advise(d->diags, "the range goes from port to endPort");
		}
		if (last < 1 || last > 65535)
			wr_dec_invalid_int(d, end->mark, &at_end, last, WR_PORT_NUM_MSG);
	}
	out->kind = WR_PORT_RANGE;
	out->first = (uint16_t)port;
	out->last = (uint16_t)last;
}

static void named_port(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		       const struct wr_value *end, struct wr_np_port *out)
{
	struct wr_path at_port = WR_KEY(path, "port"), at_end = WR_KEY(path, "endPort");
	int64_t last;
	if (read_int32(d, &at_end, end, &last)) {
		wr_dec_invalid_int(d, end->mark, &at_end, last,
				   "may not be specified when `port` is non-numeric");
		wr_diag_advise(d->diags, "a range needs numbers: port: 8000 and endPort: 8010");
	}
	wr_dec_check(d, v->mark, &at_port, v->text, wr_check_port_name);
	size_t digits = strspn(v->text, "0123456789");
	if (digits && !v->text[digits])
		wr_diag_advise(d->diags, "a number stands without quotes: port: %.16s", v->text);
	else if (digits && v->text[digits] == '-' &&
		 !v->text[digits + 1 + strspn(v->text + digits + 1, "0123456789")])
		wr_diag_advise(d->diags, "a range is written as port: %.*s and endPort: %.16s",
			       (int)(digits < 16 ? digits : 16), v->text, v->text + digits + 1);
	out->kind = WR_PORT_NAMED;
	out->name = v->text;
}

static void decode_port(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
			struct wr_np_port *out)
{
	const struct wr_value *map = item_map(d, path, v,
					      "an item of ports is written as - port: 80");
	out->mark = v->mark;
	if (!map)
		return;
	wr_dec_fields(d, path, map, &wr_np_shape_port);
	struct wr_path at_proto = WR_KEY(path, "protocol"), at_port = WR_KEY(path, "port"),
		       at_end = WR_KEY(path, "endPort");
	const struct wr_value *port = wr_value_get(map, "port"),
			      *end = wr_value_get(map, "endPort");
	int64_t n;
	decode_protocol(d, &at_proto, wr_value_get(map, "protocol"), out);
	if (wr_dec_absent(port)) {
		out->kind = WR_PORT_ALL;
		if (read_int32(d, &at_end, end, &n)) {
			wr_dec_invalid_int(d, end->mark, &at_end, n,
					   "may not be specified when `port` is not specified");
			wr_diag_advise(d->diags, "add port, the first of the range");
		}
	} else if (port->type == WR_STRING) {
		named_port(d, path, port, end, out);
	} else if (port->type == WR_LIST) {
		wr_dec_error(d, port->mark, &at_port, "must be a number or a name, found a list");
		wr_diag_advise(d->diags, "write an item of ports for each: - port: ...");
	} else if (read_int32(d, &at_port, port, &n)) {
		number_port(d, path, port, n, end, out);
	}
}

/* What the API server of today refuses, and older ones took. */
static void judge_cidr(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		       const struct wr_cidr_check *c)
{
	char text[WR_CIDR_TEXT], address[WR_IP_TEXT];
	wr_cidr_format(&c->cidr, text);
	if (d->opts.strict_cidrs) {
		const char *what = c->leading_zeros
					   ? "must not have leading 0s in IP or prefix length"
				   : c->mapped ? "must not have an IPv4-mapped IPv6 address"
				   : c->host_bits
					   ? "must not have bits set beyond the prefix length"
					   : NULL;
		if (what)
			wr_dec_invalid(d, v->mark, path, v->text, what);
		if (what)
			wr_diag_advise(d->diags, "write \"%s\"", text);
	} else if (c->host_bits) {
		wr_dec_warning(d, v->mark, path,
			       "CIDR value \"%s\" is ambiguous in this context (should be \"%s\" "
			       "or \"%s/%u\"?)",
			       v->text, text, wr_ip_format(&c->address, address),
			       wr_family_bits(c->address.family));
		wr_diag_advise(d->diags, "read as \"%s\"; new API servers refuse it", text);
	} else if (c->leading_zeros || c->mapped) {
		wr_dec_warning(d, v->mark, path,
			       "non-standard CIDR value \"%s\" will be considered invalid in a "
			       "future Kubernetes release: use \"%s\"",
			       v->text, text);
	}
	if (!c->canonical && !c->mapped && !c->host_bits && !c->leading_zeros)
		wr_dec_warning(d, v->mark, path,
			       "IPv6 CIDR value \"%s\" should be in RFC 5952 canonical format "
			       "(\"%s\")",
			       v->text, text);
}

static bool decode_cidr(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
			struct wr_cidr *out)
{
	struct wr_cidr_check c;
	struct wr_ip ip;
	if (wr_check_cidr(v->text, &c) < 0) {
		wr_dec_invalid(d, v->mark, path, v->text, WR_CIDR_MSG);
		if (!wr_ip_parse(v->text, &ip))
			wr_diag_advise(d->diags, "a single address is written as \"%s/%u\"",
				       v->text, wr_family_bits(ip.family));
		return false;
	}
	judge_cidr(d, path, v, &c);
	*out = c.cidr;
	return true;
}

static void decode_except(struct wr_decoder *d, const struct wr_path *path,
			  const struct wr_value *list, struct wr_np_peer *out)
{
	static const struct wr_value empty = {.type = WR_STRING, .text = ""};
	if (!list->n)
		return;
	out->except = wr_dec_array(d, list->n, sizeof(*out->except));
	for (size_t i = 0; out->except && i < list->n; i++) {
		struct wr_path at = WR_INDEX(path, i);
		struct wr_value blank = empty;
		blank.mark = list->items[i]->mark;
		const struct wr_value *v = wr_dec_absent(list->items[i]) ? &blank : list->items[i];
		struct wr_cidr c;
		if (!wr_dec_string(d, &at, v) || !decode_cidr(d, &at, v, &c))
			continue;
		if (!wr_cidr_covers(&out->cidr, &c) || c.len == out->cidr.len) {
			wr_dec_invalid(d, v->mark, &at, v->text,
				       "must be a strict subset of `cidr`");
			wr_diag_advise(d->diags,
				       "except cuts a part out of its own cidr; what lies "
				       "outside of it is not allowed anyway");
		}
		out->except[out->n_except++] = c;
	}
}

static void decode_ip_block(struct wr_decoder *d, const struct wr_path *path,
			    const struct wr_value *v, struct wr_np_peer *out)
{
	struct wr_path at_cidr = WR_KEY(path, "cidr"), at_except = WR_KEY(path, "except");
	if (!wr_dec_map(d, path, v)) {
		wr_diag_advise(d->diags, "write ipBlock: {cidr: ...}");
		return;
	}
	wr_dec_fields(d, path, v, &wr_np_shape_ip_block);
	const struct wr_value *cidr = wr_value_get(v, "cidr");
	const char *text = wr_dec_string(d, &at_cidr, cidr);
	if (cidr && cidr->type == WR_LIST)
		wr_diag_advise(d->diags, "one ipBlock has one cidr: write a peer for each");
	const struct wr_value *except = list_of(d, &at_except, wr_value_get(v, "except"),
						"write a list: except: [...]");
	if (!wr_dec_absent(cidr) && !text)
		return;
	if (!text || !*text)
		wr_dec_required(d, cidr ? cidr->mark : v->mark, &at_cidr, "");
	else if (decode_cidr(d, &at_cidr, cidr, &out->cidr) && except)
		decode_except(d, &at_except, except, out);
}

static struct wr_label_selector *peer_selector(struct wr_decoder *d, const struct wr_path *path,
					       const struct wr_value *v)
{
	if (wr_dec_absent(v))
		return NULL;
	struct wr_label_selector *s = wr_dec_array(d, 1, sizeof(*s));
	if (s)
		wr_dec_selector(d, path, v, s);
	return s;
}

static void decode_peer(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
			enum wr_direction dir, struct wr_np_peer *out)
{
	const struct wr_value *map =
		item_map(d, path, v,
			 "a peer is written as - podSelector: ..., namespaceSelector or ipBlock");
	out->mark = v->mark;
	if (!map)
		return;
	struct wr_path at_pods = WR_KEY(path, "podSelector"),
		       at_ns = WR_KEY(path, "namespaceSelector"),
		       at_block = WR_KEY(path, "ipBlock");
	bool failed = d->failed;
	d->failed = false;
	wr_dec_fields(d, path, map, &wr_np_shape_peer[dir]);
	bool readable = !d->failed;
	d->failed |= failed;
	out->pod_selector = peer_selector(d, &at_pods, wr_value_get(map, "podSelector"));
	out->ns_selector = peer_selector(d, &at_ns, wr_value_get(map, "namespaceSelector"));
	const struct wr_value *block = wr_value_get(map, "ipBlock");
	out->has_ip_block = !wr_dec_absent(block);
	if (out->has_ip_block)
		decode_ip_block(d, &at_block, block, out);
	bool pods_or_ns = out->pod_selector || out->ns_selector;
	/* a peer whose only field is misspelt is not also empty */
	if (!pods_or_ns && !out->has_ip_block && readable) {
		wr_dec_required(d, v->mark, path, "must specify a peer");
		wr_diag_advise(d->diags, "for everybody leave from or to out; for every pod write "
					 "namespaceSelector: {}");
	} else if (pods_or_ns && out->has_ip_block) {
		wr_dec_forbidden(d, v->mark, path, "may not specify both ipBlock and another peer");
		wr_diag_advise(d->diags, "put \"- \" before ipBlock: two peers, each of which is "
					 "allowed");
	}
}

static void decode_rule(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
			enum wr_direction dir, struct wr_np_rule *out)
{
	const char *peers_key = dir == WR_INGRESS ? "from" : "to";
	const struct wr_value *map = item_map(d, path, v,
					      "a rule is written as - from: [...] (egress: "
					      "to) and ports: [...]; - {} allows all");
	out->mark = v->mark;
	if (!map)
		return;
	wr_dec_fields(d, path, map, &wr_np_shape_rule[dir]);
	struct wr_path at_ports = WR_KEY(path, "ports"), at_peers = WR_KEY(path, peers_key);
	const struct wr_value *ports = list_of(d, &at_ports, wr_value_get(map, "ports"), ONE_ITEM);
	const struct wr_value *peers = list_of(d, &at_peers, wr_value_get(map, peers_key),
					       ONE_ITEM);
	out->ports = wr_dec_array(d, ports ? ports->n : 0, sizeof(*out->ports));
	out->peers = wr_dec_array(d, peers ? peers->n : 0, sizeof(*out->peers));
	for (size_t i = 0; ports && out->ports && i < ports->n; i++) {
		struct wr_path at = WR_INDEX(&at_ports, i);
		decode_port(d, &at, ports->items[i], &out->ports[out->n_ports++]);
	}
	for (size_t i = 0; peers && out->peers && i < peers->n; i++) {
		struct wr_path at = WR_INDEX(&at_peers, i);
		decode_peer(d, &at, peers->items[i], dir, &out->peers[out->n_peers++]);
	}
}

static void decode_rules(struct wr_decoder *d, const struct wr_path *spec,
			 const struct wr_value *map, enum wr_direction dir,
			 struct wr_np_object *out)
{
	const char *key = dir == WR_INGRESS ? "ingress" : "egress";
	struct wr_path path = WR_KEY(spec, key);
	const struct wr_value *v = wr_value_get(map, key);
	for (size_t i = 0; i < map->n && !wr_dec_absent(v); i++)
		if (!strcmp(map->fields[i].key, key))
			out->rules_mark[dir] = map->fields[i].mark;
	const struct wr_value *list = list_of(d, &path, v,
					      "it is a list of rules: [] allows nothing, [{}] "
					      "allows all; put \"- \" before a rule's first field");
	if (!list || !list->n)
		return;
	out->rules[dir] = wr_dec_array(d, list->n, sizeof(*out->rules[dir]));
	for (size_t i = 0; out->rules[dir] && i < list->n; i++) {
		struct wr_path at = WR_INDEX(&path, i);
		decode_rule(d, &at, list->items[i], dir, &out->rules[dir][out->n_rules[dir]++]);
	}
}

/* The whole list as JSON, for the one error that shows it. */
static void too_many_types(struct wr_decoder *d, const struct wr_path *path,
			   const struct wr_value *list)
{
	char text[1024], quoted[256];
	size_t at = 0;
	for (size_t i = 0; i < list->n && at + sizeof(quoted) + 8 < sizeof(text); i++) {
		const struct wr_value *v = list->items[i];
		text[at++] = i ? ',' : '[';
		wr_quote(quoted, sizeof(quoted), v->type == WR_STRING ? v->text : "");
		memcpy(text + at, quoted, strlen(quoted));
		at += strlen(quoted);
	}
	text[at++] = ']';
	text[at] = '\0';
	wr_dec_error(d, list->mark, path,
		     "Invalid value: %s: may not specify more than two policyTypes", text);
}

static void decode_types(struct wr_decoder *d, const struct wr_path *spec,
			 const struct wr_value *map, struct wr_np_object *out)
{
	static const char *const names[] = {"Ingress", "Egress", NULL};
	struct wr_path path = WR_KEY(spec, "policyTypes");
	const struct wr_value *v = wr_value_get(map, "policyTypes");
	const struct wr_value *list = list_of(d, &path, v, "write a list: policyTypes: [Ingress]");
	if (!list || !list->n) {
		out->isolates[WR_INGRESS] = true;
		out->isolates[WR_EGRESS] = out->n_rules[WR_EGRESS] > 0;
		return;
	}
	bool readable = true;
	for (size_t i = 0; i < list->n; i++) {
		struct wr_path at = WR_INDEX(&path, i);
		readable &= wr_dec_absent(list->items[i]) || wr_dec_string(d, &at, list->items[i]);
	}
	if (list->n > 2 && readable) {
		too_many_types(d, &path, list);
		return;
	}
	for (size_t i = 0; readable && i < list->n; i++) {
		struct wr_path at = WR_INDEX(&path, i);
		const char *text = wr_dec_absent(list->items[i]) ? "" : list->items[i]->text;
		if (!strcmp(text, "Ingress")) {
			out->isolates[WR_INGRESS] = true;
		} else if (!strcmp(text, "Egress")) {
			out->isolates[WR_EGRESS] = true;
		} else {
			wr_dec_unsupported(d, list->items[i]->mark, &at, text,
					   "\"Ingress\", \"Egress\"");
			const char *meant = wr_typo_suggest(text, names);
			if (meant)
				wr_diag_advise(d->diags, "did you mean \"%s\"?", meant);
		}
	}
}

void wr_dec_networkpolicy(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	struct wr_path path = WR_KEY(NULL, "spec"), at_pods = WR_KEY(&path, "podSelector");
	struct wr_np_object *np = &o->np;
	wr_dec_fields(d, NULL, v, &wr_np_shape_top);
	wr_dec_meta_strict(d, v, o);
	const struct wr_value *s = wr_value_get(v, "spec");
	const struct wr_value *spec = wr_dec_absent(s) ? &nothing : wr_dec_map(d, &path, s);
	np->pod_selector.mark = o->mark;
	if (!spec)
		return;
	if (spec != &nothing) {
		np->pod_selector.mark = spec->mark;
		wr_dec_fields(d, &path, spec, &wr_np_shape_spec);
	}
	wr_dec_selector(d, &at_pods, wr_value_get(spec, "podSelector"), &np->pod_selector);
	decode_rules(d, &path, spec, WR_INGRESS, np);
	decode_rules(d, &path, spec, WR_EGRESS, np);
	decode_types(d, &path, spec, np);
}
