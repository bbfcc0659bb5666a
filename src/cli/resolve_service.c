/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/resolve.h"

static bool is_service_word(const char *s, size_t n)
{
	static const char *const words[] = {"service", "services", "svc"};
	for (size_t i = 0; i < 3; i++)
		if (strlen(words[i]) == n && !strncmp(words[i], s, n))
			return true;
	return false;
}

static int find_address(const struct wr_world *w, const struct wr_ip *ip, uint32_t *out)
{
	for (uint32_t i = 0; i < w->n_services; i++)
		for (size_t k = 0; k < w->services[i].object->service.n_cluster_ips; k++)
			if (wr_ip_equal(&w->services[i].object->service.cluster_ips[k], ip)) {
				*out = i;
				return 0;
			}
	return -ENOENT;
}

static int find_name(const struct wr_world *w, const char *ns, size_t ns_size, const char *name,
		     uint32_t *out, struct wr_problem *problem)
{
	uint32_t found = WR_NONE;
	for (uint32_t i = 0; i < w->n_services; i++) {
		const struct wr_service *s = &w->services[i];
		if (strcmp(s->name, name) != 0 ||
		    (ns && (strlen(s->ns) != ns_size || strncmp(s->ns, ns, ns_size) != 0)))
			continue;
		if (found != WR_NONE) {
			wr_problem_set(problem,
				       "Service %s is in %s and %s: write NAMESPACE/service/%s",
				       name, w->services[found].ns, s->ns, name);
			return -EINVAL;
		}
		found = i;
	}
	if (found == WR_NONE) {
		wr_problem_set(problem, "there is no Service %.*s%s%s", (int)ns_size, ns ? ns : "",
			       ns ? "/" : "", name);
		return -EINVAL;
	}
	*out = found;
	return 0;
}

int wr_service_find(const struct wr_world *w, const char *text, uint32_t *out,
		    struct wr_problem *problem)
{
	struct wr_ip ip;
	const char *first = strchr(text, '/'), *second = first ? strchr(first + 1, '/') : NULL;
	if (!wr_ip_parse(text, &ip))
		return find_address(w, &ip, out);
	if (second && is_service_word(first + 1, (size_t)(second - first - 1)))
		return find_name(w, text, (size_t)(first - text), second + 1, out, problem);
	/* a namespace may be called so, too: then what follows is one of its pods */
	if (first && !second && is_service_word(text, (size_t)(first - text)))
		return find_name(w, NULL, 0, first + 1, out, problem);
	return -ENOENT;
}

static bool is_port(const struct wr_service_port *p, const char *text, int proto)
{
	char number[8];
	snprintf(number, sizeof(number), "%u", p->port);
	return (proto < 0 || p->proto == proto) &&
	       (!text || (p->name && !strcmp(p->name, text)) || !strcmp(number, text));
}

int wr_service_port(const struct wr_service *s, const char *text, int proto,
		    const struct wr_service_port **out, struct wr_problem *problem)
{
	const struct wr_service_object *o = &s->object->service;
	const struct wr_service_port *found = NULL;
	size_t n = 0;
	for (size_t i = 0; i < o->n_ports; i++) {
		if (!is_port(&o->ports[i], text, proto))
			continue;
		/* DNS has one number twice: TCP is what people mean who do not say */
		if (!n++ || (text && found->proto != WR_TCP && o->ports[i].proto == WR_TCP))
			found = &o->ports[i];
	}
	if (!text && n > 1) {
		wr_problem_set(problem, "Service %s/%s has %zu ports: say which by --port", s->ns,
			       s->name, n);
		return -EINVAL;
	}
	if (!found) {
		wr_problem_set(problem, "Service %s/%s has no port%s%s%s%s", s->ns, s->name,
			       text ? " " : "", text ? text : "", proto < 0 ? "" : " of protocol ",
			       proto < 0 ? "" : wr_proto_name((uint8_t)proto));
		return -EINVAL;
	}
	*out = found;
	return 0;
}
