/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoder.h"

#include <string.h>

#include "api/check.h"
#include "api/cp_schemas.h"

/*
 * Cluster-wide policies: first what an API server says of them by their
 * schema; a policy that passes is then read, and types need no second look.
 *
 * What the schema lets pass and nobody can read (an operator "in", In without
 * values) is kept with the peer: the API wants such a peer to fail closed. A
 * subject that nobody can read has no closed side, so the policy is refused.
 */

/* Why nobody can read a requirement (metav1.LabelSelectorAsSelector refuses it), or NULL. */
static const char *requirement_flaw(const struct wr_requirement *r, const char *op)
{
	const char *msgs[WR_CHECK_MAX];
	enum wr_selector_op known;
	if (!wr_dec_operator(op, &known))
		return "an operator that is none of In, NotIn, Exists and DoesNotExist";
	bool wants_values = known == WR_OP_IN || known == WR_OP_NOT_IN;
	if (wants_values != (r->n > 0))
		return wants_values ? "operator In or NotIn without values"
				    : "operator Exists or DoesNotExist with values";
	if (wr_check_label_key(r->key, msgs))
		return "a key that cannot be a label's";
	for (size_t i = 0; i < r->n; i++)
		if (wr_check_label_value(r->values[i], msgs))
			return "a value that cannot be a label's";
	return NULL;
}

static void read_expression(struct wr_decoder *d, const struct wr_value *v,
			    struct wr_requirement *r, const char **flaw)
{
	const struct wr_value *values = wr_value_get(v, "values");
	const char *op = wr_value_get(v, "operator")->text;
	r->key = wr_value_get(v, "key")->text;
	r->mark = v->mark;
	if (!wr_dec_absent(values) && values->n)
		r->values = wr_dec_array(d, values->n, sizeof(*r->values));
	for (size_t i = 0; r->values && i < values->n; i++)
		r->values[r->n++] = values->items[i]->text;
	const char *found = requirement_flaw(r, op);
	if (!found)
		wr_dec_operator(op, &r->op);
	else if (!*flaw)
		*flaw = found;
}

/* A null is as if the label was not there, unlike in kinds without a schema. */
static void tell_null(struct wr_decoder *d, const struct wr_label *l)
{
	static const char text[] = "the label %.200s has no value (null): a server leaves it out, "
				   "so the selector does not ask for it";
	if (d->opts.as_api_server)
		wr_dec_note(d, l->mark, NULL, text, l->key);
	else
		wr_dec_warning(d, l->mark, NULL, text, l->key);
	wr_diag_advise(d->diags, "write a value (\"\" is the empty one), or remove the label");
}

/* v may be absent: then everything is selected. */
static void read_selector(struct wr_decoder *d, const struct wr_value *v,
			  struct wr_label_selector *out, const char **flaw)
{
	if (wr_dec_absent(v))
		return;
	const struct wr_value *map = wr_value_get(v, "matchLabels"),
			      *list = wr_value_get(v, "matchExpressions");
	struct wr_label *labels = NULL;
	size_t n_labels = 0;
	out->mark = v->mark;
	wr_dec_labels(d, NULL, map, &labels, &n_labels);
	size_t n = n_labels + (wr_dec_absent(list) ? 0 : list->n);
	out->reqs = n ? wr_dec_array(d, n, sizeof(*out->reqs)) : NULL;
	const char **values = n_labels ? wr_dec_array(d, n_labels, sizeof(*values)) : NULL;
	if (!out->reqs || d->nomem)
		return;
	for (size_t i = 0; i < n_labels; i++) {
		if (wr_dec_absent(wr_value_get(map, labels[i].key))) {
			tell_null(d, &labels[i]);
			continue;
		}
		struct wr_requirement *r = &out->reqs[out->n++];
		values[i] = labels[i].value;
		*r = (struct wr_requirement){labels[i].key, WR_OP_IN, &values[i], 1,
					     labels[i].mark};
		const char *found = requirement_flaw(r, "In");
		if (found && !*flaw)
			*flaw = found;
	}
	for (size_t i = 0; i < n - n_labels; i++)
		read_expression(d, list->items[i], &out->reqs[out->n++], flaw);
}

static void read_networks(struct wr_decoder *d, const struct wr_value *list, struct wr_cp_peer *out)
{
	out->networks = wr_dec_array(d, list->n, sizeof(*out->networks));
	for (size_t i = 0; out->networks && i < list->n; i++) {
		struct wr_cidr_check c;
		if (!wr_check_cidr(list->items[i]->text, &c))
			out->networks[out->n_networks++] = c.cidr;
	}
}

static void read_domains(struct wr_decoder *d, const struct wr_value *list, struct wr_cp_peer *out)
{
	out->domains = wr_dec_array(d, list->n, sizeof(*out->domains));
	for (size_t i = 0; out->domains && i < list->n; i++)
		out->domains[out->n_domains++] = list->items[i]->text;
}

static void read_peer(struct wr_decoder *d, const struct wr_value *v, struct wr_cp_peer *out)
{
	const struct wr_value *ns = wr_value_get(v, "namespaces"), *pods = wr_value_get(v, "pods"),
			      *nodes = wr_value_get(v, "nodes"),
			      *networks = wr_value_get(v, "networks"),
			      *domains = wr_value_get(v, "domainNames");
	out->mark = v->mark;
	if (!wr_dec_absent(ns)) {
		out->kind = WR_CP_PODS;
		read_selector(d, ns, &out->namespaces, &out->unreadable);
	} else if (!wr_dec_absent(pods)) {
		out->kind = WR_CP_PODS;
		read_selector(d, wr_value_get(pods, "namespaceSelector"), &out->namespaces,
			      &out->unreadable);
		read_selector(d, wr_value_get(pods, "podSelector"), &out->pods, &out->unreadable);
	} else if (!wr_dec_absent(nodes)) {
		out->kind = WR_CP_NODES;
		read_selector(d, nodes, &out->nodes, &out->unreadable);
	} else if (!wr_dec_absent(networks)) {
		out->kind = WR_CP_NETWORKS;
		read_networks(d, networks, out);
	} else if (!wr_dec_absent(domains)) {
		out->kind = WR_CP_DOMAINS;
		read_domains(d, domains, out);
	}
}

static void read_number(const struct wr_value *v, uint16_t *out)
{
	int64_t n = 0;
	if (wr_value_whole(v, &n))
		*out = (uint16_t)n;
}

/* A port of v1alpha2: {tcp: {destinationPort: {number: 80}}}. */
static void read_protocol(const struct wr_value *v, struct wr_np_port *out)
{
	static const struct {
		const char *key;
		uint8_t proto;
	} transports[] = {{"tcp", WR_TCP}, {"udp", WR_UDP}, {"sctp", WR_SCTP}};
	const struct wr_value *name = wr_value_get(v, "destinationNamedPort");
	if (!wr_dec_absent(name)) {
		out->kind = WR_PORT_NAMED;
		out->name = name->text;
	}
	for (size_t i = 0; i < 3; i++) {
		const struct wr_value *t = wr_value_get(v, transports[i].key);
		if (wr_dec_absent(t))
			continue;
		const struct wr_value *port = wr_value_get(t, "destinationPort"),
				      *number = wr_value_get(port, "number"),
				      *range = wr_value_get(port, "range");
		out->proto = transports[i].proto;
		out->kind = WR_PORT_RANGE;
		read_number(wr_dec_absent(range) ? number : wr_value_get(range, "start"),
			    &out->first);
		read_number(wr_dec_absent(range) ? number : wr_value_get(range, "end"), &out->last);
	}
}

/* v1alpha1's protocols are any text; one that does not exist has no ports. */
static void read_transport(const struct wr_value *v, struct wr_np_port *out)
{
	int proto = wr_dec_absent(v) ? WR_TCP : wr_proto_parse(v->text);
	bool exact = proto >= 0 && wr_proto_has_ports((uint8_t)proto) &&
		     (wr_dec_absent(v) || !strcmp(v->text, wr_proto_name((uint8_t)proto)));
	out->proto = exact ? (uint8_t)proto : 0;
	if (exact)
		return;
	out->name = v->text;
	out->first = 1;
	out->last = 0;
}

/* A port of v1alpha1: {portNumber: {protocol: TCP, port: 80}}. */
static void read_port(const struct wr_value *v, struct wr_np_port *out)
{
	const struct wr_value *number = wr_value_get(v, "portNumber"),
			      *range = wr_value_get(v, "portRange"),
			      *name = wr_value_get(v, "namedPort");
	if (!wr_dec_absent(name)) {
		out->kind = WR_PORT_NAMED;
		out->name = name->text;
		return;
	}
	bool one = !wr_dec_absent(number);
	out->kind = WR_PORT_RANGE;
	read_number(one ? wr_value_get(number, "port") : wr_value_get(range, "start"), &out->first);
	read_number(one ? wr_value_get(number, "port") : wr_value_get(range, "end"), &out->last);
	read_transport(wr_value_get(one ? number : range, "protocol"), out);
}

static void read_rule(struct wr_decoder *d, const struct wr_value *v, enum wr_direction dir,
		      struct wr_cp_rule *out)
{
	const struct wr_value *name = wr_value_get(v, "name"),
			      *peers = wr_value_get(v, dir == WR_INGRESS ? "from" : "to"),
			      *protocols = wr_value_get(v, "protocols"),
			      *ports = wr_value_get(v, "ports");
	const char *action = wr_value_get(v, "action")->text;
	out->name = wr_dec_absent(name) || !*name->text ? NULL : name->text;
	out->action = !strcmp(action, "Deny")   ? WR_DENY
		      : !strcmp(action, "Pass") ? WR_PASS
						: WR_ACCEPT;
	out->mark = v->mark;
	out->peers = wr_dec_array(d, peers->n, sizeof(*out->peers));
	for (size_t i = 0; out->peers && i < peers->n; i++)
		read_peer(d, peers->items[i], &out->peers[out->n_peers++]);
	const struct wr_value *list = wr_dec_absent(protocols) ? ports : protocols;
	if (wr_dec_absent(list))
		return;
	out->ports = wr_dec_array(d, list->n, sizeof(*out->ports));
	for (size_t i = 0; out->ports && i < list->n; i++) {
		struct wr_np_port *p = &out->ports[out->n_ports++];
		p->mark = list->items[i]->mark;
		if (list == protocols)
			read_protocol(list->items[i], p);
		else
			read_port(list->items[i], p);
	}
}

static void read_rules(struct wr_decoder *d, const struct wr_value *spec, enum wr_direction dir,
		       struct wr_cp_object *out)
{
	const struct wr_value *list = wr_value_get(spec, dir == WR_INGRESS ? "ingress" : "egress");
	if (wr_dec_absent(list) || !list->n)
		return;
	out->rules[dir] = wr_dec_array(d, list->n, sizeof(*out->rules[dir]));
	for (size_t i = 0; out->rules[dir] && i < list->n; i++)
		read_rule(d, list->items[i], dir, &out->rules[dir][out->n_rules[dir]++]);
}

/* How unreadable peers fail closed (apis/v1alpha2/clusternetworkpolicy_types.go). */
static void tell_unreadable(struct wr_decoder *d, const struct wr_cp_rule *r)
{
	for (size_t i = 0; i < r->n_peers; i++) {
		const struct wr_cp_peer *p = &r->peers[i];
		const char *then = r->action == WR_ACCEPT ? "the rule matches nothing"
							  : "the rule denies everything";
		if (p->unreadable && d->opts.as_api_server)
			wr_dec_note(d, p->mark, NULL,
				    "the peer has %s: no server checks it, but %s", p->unreadable,
				    then);
		else if (p->unreadable)
			wr_dec_warning(d, p->mark, NULL,
				       "the peer has %s: nobody can read it, so %s", p->unreadable,
				       then);
	}
}

static void judge_subject(struct wr_decoder *d, const struct wr_cp_peer *subject)
{
	struct wr_path spec = WR_KEY(NULL, "spec"), path = WR_KEY(&spec, "subject");
	if (!subject->unreadable)
		return;
	if (d->opts.as_api_server)
		wr_dec_note(d, subject->mark, &path,
			    "the subject has %s: no server checks it, but nobody can tell whom "
			    "the policy is for, and weir enforces none such",
			    subject->unreadable);
	else
		wr_dec_error(d, subject->mark, &path,
			     "the subject has %s: nobody can tell whom the policy is for",
			     subject->unreadable);
	wr_diag_advise(d->diags, "write it as the selector of a NetworkPolicy");
}

/* Whether errors of the metadata, from a record on, are of a kind that leaves out the rules in CEL. */
static bool blocks_rules(const struct wr_decoder *d, size_t first)
{
	static const char *const kinds[] = {"Required value", "Too long"};
	for (size_t i = first; i < wr_diags_count(d->diags); i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (!strncmp(wr_diags_at(d->diags, i)->message, kinds[k], strlen(kinds[k])))
				return true;
	return false;
}

void wr_dec_cluster_policy(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	const struct wr_schema *schema = wr_cp_schema(o->kind);
	struct wr_cp_object *cp = &o->cp;
	wr_schema_fields(d, v, schema);
	size_t first = wr_diags_count(d->diags);
	wr_dec_meta_strict(d, v, o);
	const struct wr_value *api = wr_value_get(v, "apiVersion");
	bool beta = api && api->type == WR_STRING && strstr(api->text, "/v1beta1");
	wr_schema_check(d, v, schema, blocks_rules(d, first), beta);
	if (d->failed || d->nomem)
		return;
	const struct wr_value *spec = wr_value_get(v, "spec"), *tier = wr_value_get(spec, "tier"),
			      *priority = wr_value_get(spec, "priority");
	bool is_baseline = o->kind == WR_KIND_BASELINEADMINNETWORKPOLICY ||
			   (!wr_dec_absent(tier) && !strcmp(tier->text, "Baseline"));
	int64_t n = 0;
	cp->tier = is_baseline ? WR_TIER_BASELINE : WR_TIER_ADMIN;
	if (!wr_dec_absent(priority) && wr_value_whole(priority, &n))
		cp->priority = (int32_t)n;
	read_peer(d, wr_value_get(spec, "subject"), &cp->subject);
	read_rules(d, spec, WR_INGRESS, cp);
	read_rules(d, spec, WR_EGRESS, cp);
	judge_subject(d, &cp->subject);
	for (int dir = 0; dir < 2; dir++)
		for (size_t i = 0; i < cp->n_rules[dir]; i++)
			tell_unreadable(d, &cp->rules[dir][i]);
}
