/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Credentials: a certificate authority of the server's own, its certificate
 * for the loopback addresses, a client certificate and a token. Whoever has the
 * kubeconfig gets in; nobody else.
 */
#include <stdint.h>

#include "apiserver/json_text.h"
#include "base/diag.h"

struct wr_credentials {
	/* PEM, NUL-terminated */
	char *ca, *ca_key, *server, *server_key, *client, *client_key;
	char token[65];
};

/*
 * Reads them from a directory, or makes and writes them there (files 0600). dir NULL:
 * only in memory. 0, or a negative errno (said in diags).
 */
int wr_credentials_get(const char *dir, struct wr_diags *diags, struct wr_credentials *out);
void wr_credentials_free(struct wr_credentials *c);

/* Writes a kubeconfig for a server's address "https://127.0.0.1:6443" (0600, replaced whole). */
int wr_credentials_kubeconfig(const struct wr_credentials *c, const char *url, const char *path,
			      struct wr_diags *diags);

/* Compares a token in constant time. */
bool wr_credentials_token(const struct wr_credentials *c, const char *token);
