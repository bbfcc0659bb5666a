/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration in use: a pod's own, and credentials kept up to date. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/inet.h"
#include "kube/internal.h"

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

const char *wr_kube_config_server(const struct wr_kube_config *c)
{
	return c->server;
}

const char *wr_kube_config_context(const struct wr_kube_config *c)
{
	return c->context;
}

const char *wr_kube_config_namespace(const struct wr_kube_config *c)
{
	return c->ns;
}

bool wr_kube_config_has_plugin(const struct wr_kube_config *c)
{
	return c->exec != NULL;
}

bool wr_kube_config_is_private(const char *server)
{
	if (strncmp(server, "http://", 7) != 0)
		return true;
	const char *host = server + 7;
	bool bracket = *host == '[';
	size_t n = strcspn(host += bracket, bracket ? "]" : ":/");
	char text[WR_IP_TEXT];
	struct wr_ip ip;
	if (n >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)n, host);
	if (!strcmp(text, "localhost"))
		return true;
	static const struct wr_ip one = {.family = WR_IPV6, .b = {[15] = 1}};
	return !wr_ip_parse(text, &ip) &&
	       (ip.family == WR_IPV4 ? ip.b[0] == 127 : wr_ip_equal(&ip, &one));
}

static int secret_file(struct wr_kube_config *c, const char *dir, const char *name,
		       struct wr_kube_secret *out, struct wr_diags *diags)
{
	out->path = wr_arena_printf(c->arena, "%s/%s", dir, name);
	if (!out->path)
		return -ENOMEM;
	int rc = wr_kube_secret_refresh(out);
	if (!rc || rc == -ENOMEM)
		return rc;
	wr_diag_add(diags, WR_ERROR, (struct wr_mark){out->path, 0, 0}, NULL, NULL,
		    "cannot read the pod's credentials: %s",
		    rc == -EINVAL ? "the file is empty" : strerror(-rc));
	wr_diag_advise(diags, "the pod needs automountServiceAccountToken: true");
	return -EINVAL;
}

int wr_kube_config_in_cluster(struct wr_kube_config *c, const char *dir, struct wr_diags *diags)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"),
		   *port = getenv("KUBERNETES_SERVICE_PORT");
	struct wr_ip ip;
	if (!host || !*host || !port || !*port)
		return -ENOENT;
	bool v6 = !wr_ip_parse(host, &ip) && ip.family == WR_IPV6;
	if (strspn(port, "0123456789") != strlen(port) || strpbrk(host, " /?#@\\\"")) {
		wr_diag_add(diags, WR_ERROR, (struct wr_mark){0}, NULL, NULL,
			    "$KUBERNETES_SERVICE_HOST and _PORT are no host and port");
		return -EINVAL;
	}
	dir = dir ? dir : SERVICE_ACCOUNT;
	c->server = wr_arena_printf(c->arena, v6 ? "https://[%s]:%s" : "https://%s:%s", host, port);
	if (!c->server)
		return -ENOMEM;
	int rc = secret_file(c, dir, "token", &c->token, diags);
	if (!rc)
		rc = secret_file(c, dir, "ca.crt", &c->ca, diags);
	if (rc)
		return rc;
	struct wr_kube_secret ns = {.path = wr_arena_printf(c->arena, "%s/namespace", dir)};
	if (!ns.path)
		return -ENOMEM;
	rc = wr_kube_secret_refresh(&ns); /* "default" where it is missing */
	c->ns = wr_arena_strndup(c->arena, rc ? "default" : ns.text,
				 rc ? 7 : strcspn(ns.text, " \r\n"));
	wr_kube_secret_free(&ns);
	return c->ns ? 0 : -ENOMEM;
}

int wr_kube_config_refresh(struct wr_kube_config *c, char error[WR_KUBE_ERROR])
{
	struct wr_kube_secret *all[] = {&c->ca, &c->cert, &c->key, &c->token};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		/* a file that is just being replaced: what it said before is good for a while */
		int rc = wr_kube_secret_refresh(all[i]);
		if (rc == -ENOMEM || (rc && !all[i]->text)) {
			snprintf(error, WR_KUBE_ERROR, "cannot read %.300s: %s", all[i]->path,
				 strerror(-rc));
			return rc;
		}
	}
	return c->exec ? wr_kube_exec_refresh(c->exec, error) : 0;
}

void wr_kube_config_distrust(struct wr_kube_config *c)
{
	if (c->exec)
		c->exec->stale = true;
}
