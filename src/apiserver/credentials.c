/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver/credentials.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DAYS (24 * 60 * 60)
#define LIFE (3650L * DAYS)

struct pair {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

static int complain(struct wr_diags *diags, const char *path, const char *what, int rc)
{
	wr_diag_add(diags, WR_ERROR, (struct wr_mark){.file = path}, NULL, NULL, "%s: %s", what,
		    rc < 0 ? strerror(-rc) : "failed");
	return rc < 0 ? rc : -EIO;
}

/* ---- making ---- */

static void pair_free(struct pair *p)
{
	if (p->crt)
		gnutls_x509_crt_deinit(p->crt);
	if (p->key)
		gnutls_x509_privkey_deinit(p->key);
}

static bool good(int rc)
{
	return rc >= 0;
}

static bool set_name(struct pair *p, const char *cn, const char *organization)
{
	return good(gnutls_x509_crt_set_dn_by_oid(p->crt, GNUTLS_OID_X520_COMMON_NAME, 0, cn,
						  (unsigned)strlen(cn))) &&
	       good(gnutls_x509_crt_set_dn_by_oid(p->crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0,
						  organization, (unsigned)strlen(organization)));
}

static bool begin(struct pair *p, const char *cn, const char *organization)
{
	unsigned char serial[16];
	time_t now = time(NULL);
	if (gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)) < 0)
		return false;
	serial[0] &= 0x7f;
	return good(gnutls_x509_privkey_init(&p->key)) &&
	       good(gnutls_x509_privkey_generate(p->key, GNUTLS_PK_ECDSA,
						 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
						 0)) &&
	       good(gnutls_x509_crt_init(&p->crt)) &&
	       good(gnutls_x509_crt_set_version(p->crt, 3)) &&
	       good(gnutls_x509_crt_set_serial(p->crt, serial, sizeof(serial))) &&
	       good(gnutls_x509_crt_set_activation_time(p->crt, now - DAYS)) &&
	       good(gnutls_x509_crt_set_expiration_time(p->crt, now + LIFE)) &&
	       good(gnutls_x509_crt_set_key(p->crt, p->key)) && set_name(p, cn, organization);
}

static bool make_ca(struct pair *p)
{
	return begin(p, "weir-ca", "weir") &&
	       good(gnutls_x509_crt_set_basic_constraints(p->crt, 1, 0)) &&
	       good(gnutls_x509_crt_set_key_usage(p->crt, GNUTLS_KEY_KEY_CERT_SIGN)) &&
	       good(gnutls_x509_crt_sign2(p->crt, p->crt, p->key, GNUTLS_DIG_SHA256, 0));
}

static bool set_names(struct pair *p)
{
	static const char *const names[] = {"localhost", "kubernetes", "kubernetes.default",
					    "kubernetes.default.svc"};
	struct in_addr v4 = {.s_addr = htonl(INADDR_LOOPBACK)};
	bool ok = good(gnutls_x509_crt_set_subject_alt_name(p->crt, GNUTLS_SAN_IPADDRESS, &v4,
							    sizeof(v4), GNUTLS_FSAN_SET)) &&
		  good(gnutls_x509_crt_set_subject_alt_name(
			  p->crt, GNUTLS_SAN_IPADDRESS, &in6addr_loopback, sizeof(in6addr_loopback),
			  GNUTLS_FSAN_APPEND));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && ok; i++)
		ok = good(gnutls_x509_crt_set_subject_alt_name(p->crt, GNUTLS_SAN_DNSNAME, names[i],
							       (unsigned)strlen(names[i]),
							       GNUTLS_FSAN_APPEND));
	return ok;
}

static bool make_leaf(struct pair *p, const struct pair *ca, bool server)
{
	return begin(p, server ? "weir-apiserver" : "kubernetes-admin",
		     server ? "weir" : "system:masters") &&
	       good(gnutls_x509_crt_set_basic_constraints(p->crt, 0, -1)) &&
	       good(gnutls_x509_crt_set_key_usage(p->crt, GNUTLS_KEY_DIGITAL_SIGNATURE)) &&
	       good(gnutls_x509_crt_set_key_purpose_oid(
		       p->crt, server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT, 0)) &&
	       (!server || set_names(p)) &&
	       good(gnutls_x509_crt_sign2(p->crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0));
}

/* A datum of GnuTLS as text of our own. */
static char *own(gnutls_datum_t *d)
{
	char *s = d->data ? strndup((const char *)d->data, d->size) : NULL;
	gnutls_free(d->data);
	return s;
}

static bool export(const struct pair *p, char **crt, char **key)
{
	gnutls_datum_t d = {0};
	if (gnutls_x509_crt_export2(p->crt, GNUTLS_X509_FMT_PEM, &d) < 0 || !(*crt = own(&d)))
		return false;
	d = (gnutls_datum_t){0};
	return gnutls_x509_privkey_export2_pkcs8(p->key, GNUTLS_X509_FMT_PEM, NULL,
						 GNUTLS_PKCS_PLAIN, &d) >= 0 &&
	       (*key = own(&d));
}

static bool make_token(struct wr_credentials *c)
{
	unsigned char b[32];
	if (gnutls_rnd(GNUTLS_RND_KEY, b, sizeof(b)) < 0)
		return false;
	for (size_t i = 0; i < sizeof(b); i++)
		(void)snprintf(c->token + 2 * i, 3, "%02x", b[i]);
	return true;
}

static int make(struct wr_credentials *c, struct wr_diags *diags)
{
	struct pair ca = {0}, server = {0}, client = {0};
	bool ok = make_ca(&ca) && make_leaf(&server, &ca, true) && make_leaf(&client, &ca, false) &&
		  export(&ca, &c->ca, &c->ca_key) && export(&server, &c->server, &c->server_key) &&
		  export(&client, &c->client, &c->client_key) && make_token(c);
	pair_free(&ca);
	pair_free(&server);
	pair_free(&client);
	return ok ? 0 : complain(diags, NULL, "making certificates", -EIO);
}

/* ---- files ---- */

static int write_file(const char *path, const char *text)
{
	char temp[4096];
	if (snprintf(temp, sizeof(temp), "%s.new", path) >= (int)sizeof(temp))
		return -ENAMETOOLONG;
	(void)unlink(temp);
	int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t size = strlen(text);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, size);
	int rc = n < 0 ? -errno : (size_t)n < size ? -ENOSPC : 0;
	if (close(fd) < 0 && !rc)
		rc = -errno;
	if (!rc && rename(temp, path) < 0)
		rc = -errno;
	return rc;
}

/* The whole of a small file, or NULL. */
static char *read_file(const char *path)
{
	WR_CLEANUP(fd)
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[16384];
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return NULL;
	buf[n] = '\0';
	return strdup(buf);
}

struct file {
	const char *name;
	char **text;
};

static int each_file(const char *dir, struct wr_credentials *c, bool write_them)
{
	char *token = write_them ? c->token : NULL;
	const struct file files[] = {
		{"ca.crt", &c->ca},         {"ca.key", &c->ca_key},
		{"server.crt", &c->server}, {"server.key", &c->server_key},
		{"client.crt", &c->client}, {"client.key", &c->client_key},
		{"token", &token},
	};
	int rc = 0;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !rc; i++) {
		char path[4096];
		if (snprintf(path, sizeof(path), "%s/%s", dir, files[i].name) >= (int)sizeof(path))
			return -ENAMETOOLONG;
		if (write_them)
			rc = write_file(path, *files[i].text);
		else
			rc = (*files[i].text = read_file(path)) ? 0 : -ENOENT;
	}
	if (!write_them && token) {
		if (strlen(token) == 64)
			memcpy(c->token, token, sizeof(c->token));
		else
			rc = -ENOENT;
		free(token);
	}
	return rc;
}

int wr_credentials_get(const char *dir, struct wr_diags *diags, struct wr_credentials *out)
{
	struct wr_credentials c = {0};
	int rc = 0;
	if (dir && each_file(dir, &c, false) == 0) {
		*out = c;
		return 0;
	}
	wr_credentials_free(&c);
	rc = make(&c, diags);
	if (!rc && dir && (rc = each_file(dir, &c, true)) < 0)
		(void)complain(diags, dir, "writing certificates", rc);
	if (rc)
		wr_credentials_free(&c);
	else
		*out = c;
	return rc;
}

void wr_credentials_free(struct wr_credentials *c)
{
	free(c->ca);
	free(c->ca_key);
	free(c->server);
	free(c->server_key);
	free(c->client);
	free(c->client_key);
	*c = (struct wr_credentials){0};
}

/* ---- kubeconfig ---- */

static void put_base64(struct wr_buf *t, const char *text)
{
	gnutls_datum_t in = {(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)}, out = {0};
	t->failed |= gnutls_base64_encode2(&in, &out) < 0;
	if (out.data)
		wr_buf_bytes(t, out.data, out.size);
	gnutls_free(out.data);
}

int wr_credentials_kubeconfig(const struct wr_credentials *c, const char *url, const char *path,
			      struct wr_diags *diags)
{
	struct wr_buf t = {0};
	wr_buf_text(&t, "apiVersion: v1\nkind: Config\nclusters:\n- name: weir\n  cluster:\n");
	wr_buf_printf(&t, "    server: %s\n    certificate-authority-data: ", url);
	put_base64(&t, c->ca);
	wr_buf_text(&t, "\nusers:\n- name: weir-admin\n  user:\n    client-certificate-data: ");
	put_base64(&t, c->client);
	wr_buf_text(&t, "\n    client-key-data: ");
	put_base64(&t, c->client_key);
	wr_buf_printf(&t,
		      "\n- name: weir-token\n  user:\n    token: %s\n"
		      "contexts:\n"
		      "- name: weir\n  context:\n    cluster: weir\n    user: weir-admin\n"
		      "- name: weir-token\n  context:\n    cluster: weir\n    user: weir-token\n"
		      "current-context: weir\n",
		      c->token);
	int rc = t.failed ? -ENOMEM : write_file(path, t.data);
	wr_buf_free(&t);
	return rc ? complain(diags, path, "writing the kubeconfig", rc) : 0;
}

bool wr_credentials_token(const struct wr_credentials *c, const char *token)
{
	size_t n = strlen(c->token);
	return n == 64 && strlen(token) == n && !gnutls_memcmp(token, c->token, n);
}
