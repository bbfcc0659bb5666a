/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoder.h"

#include <string.h>

/* Other types of address are names, or say nothing of where packets come from. */
static bool is_address(const struct wr_value *item)
{
	const struct wr_value *type = wr_value_get(item, "type");
	return type && type->type == WR_STRING &&
	       (!strcmp(type->text, "InternalIP") || !strcmp(type->text, "ExternalIP"));
}

static void decode_addresses(struct wr_decoder *d, const struct wr_value *v,
			     struct wr_node_object *node)
{
	struct wr_path status = WR_KEY(NULL, "status"), addresses = WR_KEY(&status, "addresses");
	const struct wr_value *s = wr_dec_map(d, &status, wr_value_get(v, "status"));
	const struct wr_value *list = wr_dec_short_list(d, &addresses,
							wr_value_get(s, "addresses"));
	if (!list || !list->n)
		return;
	node->ips = wr_dec_array(d, list->n, sizeof(*node->ips));
	for (size_t i = 0; node->ips && i < list->n; i++) {
		struct wr_path at = WR_INDEX(&addresses, i), text = WR_KEY(&at, "address");
		const struct wr_value *item = wr_dec_map(d, &at, list->items[i]);
		if (is_address(item))
			wr_dec_add_ip(d, &text, wr_value_get(item, "address"), node->ips,
				      &node->n_ips);
	}
}

static void add_cidr(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		     struct wr_node_object *node)
{
	const char *text = wr_dec_string(d, path, v);
	if (!text || !*text)
		return;
	struct wr_cidr c;
	if (wr_cidr_parse(text, &c) < 0) {
		wr_dec_error(d, v->mark, path, "must be a CIDR, found \"%.200s\"", text);
		return;
	}
	for (size_t i = 0; i < node->n_pod_cidrs; i++)
		if (node->pod_cidrs[i].len == c.len && wr_ip_equal(&node->pod_cidrs[i].ip, &c.ip))
			return;
	node->pod_cidrs[node->n_pod_cidrs++] = c;
}

void wr_dec_node(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o)
{
	struct wr_path spec = WR_KEY(NULL, "spec"), one = WR_KEY(&spec, "podCIDR"),
		       many = WR_KEY(&spec, "podCIDRs");
	decode_addresses(d, v, &o->node);
	const struct wr_value *s = wr_dec_map(d, &spec, wr_value_get(v, "spec"));
	const struct wr_value *list = wr_dec_short_list(d, &many, wr_value_get(s, "podCIDRs"));
	o->node.pod_cidrs = wr_dec_array(d, 1 + (list ? list->n : 0), sizeof(*o->node.pod_cidrs));
	if (!o->node.pod_cidrs)
		return;
	add_cidr(d, &one, wr_value_get(s, "podCIDR"), &o->node);
	for (size_t i = 0; list && i < list->n; i++) {
		struct wr_path at = WR_INDEX(&many, i);
		add_cidr(d, &at, list->items[i], &o->node);
	}
}
