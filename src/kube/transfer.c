/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer, by libcurl.
 *
 * Nothing here weakens TLS but the kubeconfig's own insecure-skip-tls-verify:
 * certificates are checked against the cluster's CA (and only that, where one
 * is given), names always. Redirects are not followed: they would carry the
 * credentials to wherever the answer says. An answer's status decides where its
 * bytes go: of a 200 to the receiver, of anything else into a bounded buffer,
 * as it is a Status with a message.
 *
 * A peer that has gone without a word is found by TCP: keepalive on an idle
 * connection, TCP_USER_TIMEOUT for bytes that nobody acknowledges. An idle watch
 * costs nothing but these probes, and is left alone.
 */
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "input/input.h"
#include "kube/internal.h"

#define ERROR_BODY_BYTES ((size_t)64 << 10)
#define HEADER_BYTES ((size_t)256 << 10) /* of an answer */
#define RECEIVE_BYTES (64L << 10)

WR_DEFINE_CLEANUP(arena, struct wr_arena *, wr_arena_free)

struct wr_kube_transfer {
	struct wr_kube_transfer *next;
	struct wr_kube *k;
	struct wr_kube_transfer_spec spec;
	char *path, *method, *payload, *content_type;
	CURL *easy; /* NULL: not begun */
	struct curl_slist *headers, *connect_to;
	WR_VEC(char) body;
	size_t header_bytes;
	bool ended;
	int stopped; /* -errno of what stopped it on our side */
	char failure[WR_KUBE_ERROR];
	char curl_error[CURL_ERROR_SIZE];
};

static void unlink_from(struct wr_kube_transfer **list, struct wr_kube_transfer *t)
{
	for (; *list; list = &(*list)->next) {
		if (*list == t) {
			*list = t->next;
			return;
		}
	}
}

/* A slist grows only by replacing it; NULL is out of memory and frees the old one. */
static bool add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = line ? curl_slist_append(*list, line) : NULL;
	if (more)
		*list = more;
	return more;
}

static long status_of(struct wr_kube_transfer *t)
{
	long status = 0;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static int keep_body(struct wr_kube_transfer *t, const char *bytes, size_t n, size_t most)
{
	if (n > most - t->body.n)
		return -EMSGSIZE;
	if (t->body.n + n + 1 > t->body.cap) {
		size_t cap = (t->body.n + n + 1) * 2;
		char *more = realloc(t->body.items, cap);
		if (!more)
			return -ENOMEM;
		t->body.items = more;
		t->body.cap = cap;
	}
	memcpy(t->body.items + t->body.n, bytes, n);
	t->body.n += n;
	t->body.items[t->body.n] = '\0';
	return 0;
}

static size_t on_bytes(char *bytes, size_t one, size_t n, void *arg)
{
	struct wr_kube_transfer *t = arg;
	n *= one;
	if (t->spec.collect)
		t->stopped = keep_body(t, bytes, n, t->spec.max_bytes);
	else if (status_of(t) == 200)
		t->stopped = t->spec.data(t->spec.arg, bytes, n);
	else
		t->stopped = keep_body(t, bytes, n, ERROR_BODY_BYTES);
	return t->stopped ? 0 : n;
}

/* Their end is of interest, and their size: libcurl of Debian 12 bounds a line, not all of them. */
static size_t on_header(char *bytes, size_t one, size_t n, void *arg)
{
	struct wr_kube_transfer *t = arg;
	n *= one;
	t->header_bytes += n;
	if (t->header_bytes > HEADER_BYTES)
		t->stopped = -EMSGSIZE;
	else if (n == 2 && !memcmp(bytes, "\r\n", 2) && t->spec.opened && status_of(t) == 200)
		t->spec.opened(t->spec.arg);
	return t->stopped ? 0 : n;
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	struct wr_kube_transfer *t = arg;
	unsigned ms = t->k->opts.keepalive_seconds * 3000;
	if (purpose == CURLSOCKTYPE_IPCXN)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

/* Sets options until one fails. */
#define SET(option, value)                                                         \
	do {                                                                       \
		if (rc == CURLE_OK)                                                \
			rc = curl_easy_setopt(t->easy, CURLOPT_##option, (value)); \
	} while (0)

static CURLcode set_blob(struct wr_kube_transfer *t, CURLoption option, const char *text)
{
	/* libcurl's struct has no const; it copies */
	union {
		const char *in;
		void *out;
	} data = {.in = text};
	struct curl_blob blob = {data.out, strlen(text), CURL_BLOB_COPY};
	return curl_easy_setopt(t->easy, option, &blob);
}

static CURLcode set_tls(struct wr_kube_transfer *t)
{
	struct wr_kube_config *c = t->k->config;
	const char *cert = c->exec && c->exec->cert ? c->exec->cert : c->cert.text,
		   *key = c->exec && c->exec->cert ? c->exec->key : c->key.text;
	CURLcode rc = CURLE_OK;
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(SSL_VERIFYPEER, c->insecure ? 0L : 1L);
	SET(SSL_VERIFYHOST, c->insecure ? 0L : 2L);
	if (c->ca.text) {
		/* the cluster's CA and no other */
		SET(CAINFO, NULL);
		SET(CAPATH, NULL);
		if (rc == CURLE_OK)
			rc = set_blob(t, CURLOPT_CAINFO_BLOB, c->ca.text);
	}
	if (cert && key) {
		SET(SSLCERTTYPE, "PEM");
		SET(SSLKEYTYPE, "PEM");
		if (rc == CURLE_OK)
			rc = set_blob(t, CURLOPT_SSLCERT_BLOB, cert);
		if (rc == CURLE_OK)
			rc = set_blob(t, CURLOPT_SSLKEY_BLOB, key);
	}
	return rc;
}

/*
 * The URL. tls-server-name is another name for the server's certificate: the
 * URL says that name, and CONNECT_TO where it really is.
 */
static char *url_of(struct wr_kube_transfer *t, struct wr_arena *a)
{
	struct wr_kube_config *c = t->k->config;
	if (!c->tls_name || strncmp(c->server, "https://", 8) != 0)
		return wr_arena_printf(a, "%s%s", c->server, t->path);
	const char *host = c->server + 8;
	size_t n = strcspn(host, "/");
	const char *bracket = memchr(host, ']', n), *from = bracket ? bracket : host,
		   *colon = memchr(from, ':', n - (size_t)(from - host));
	int port_size = colon ? (int)(n - (size_t)(colon - host)) : 4, name = (int)n;
	const char *port = colon ? colon : ":443";
	bool v6 = strchr(c->tls_name, ':');
	if (colon)
		name -= port_size;
	if (!add_line(&t->connect_to,
		      wr_arena_printf(a, "::%.*s%.*s", name, host, port_size, port)) ||
	    !add_line(&t->headers, wr_arena_printf(a, "Host: %.*s", (int)n, host)))
		return NULL;
	return wr_arena_printf(a, "https://%s%s%s%.*s%s%s", v6 ? "[" : "", c->tls_name,
			       v6 ? "]" : "", port_size, port, host + n, t->path);
}

static bool set_headers(struct wr_kube_transfer *t, struct wr_arena *a)
{
	struct wr_kube_config *c = t->k->config;
	const char *token = c->exec && c->exec->token ? c->exec->token : c->token.text;
	bool ok = add_line(&t->headers, "Accept: application/json") &&
		  add_line(&t->headers, "Expect:");
	if (token)
		ok = ok &&
		     add_line(&t->headers, wr_arena_printf(a, "Authorization: Bearer %.*s",
							   (int)strcspn(token, "\r\n"), token));
	if (c->as)
		ok = ok && add_line(&t->headers, wr_arena_printf(a, "Impersonate-User: %s", c->as));
	if (c->as_uid)
		ok = ok &&
		     add_line(&t->headers, wr_arena_printf(a, "Impersonate-Uid: %s", c->as_uid));
	for (size_t i = 0; i < c->n_as_groups; i++)
		ok = ok && add_line(&t->headers,
				    wr_arena_printf(a, "Impersonate-Group: %s", c->as_groups[i]));
	if (t->payload)
		ok = ok &&
		     add_line(&t->headers, wr_arena_printf(a, "Content-Type: %s",
							   t->content_type ? t->content_type
									   : "application/json"));
	return ok;
}

static CURLcode set_request(struct wr_kube_transfer *t, struct wr_arena *a)
{
	struct wr_kube_config *c = t->k->config;
	const struct wr_kube_opts *o = &t->k->opts;
	CURLcode rc = CURLE_OK;
	char *url = url_of(t, a);
	if (!url || !set_headers(t, a))
		return CURLE_OUT_OF_MEMORY;
	SET(URL, url);
	SET(HTTPHEADER, t->headers);
	SET(CONNECT_TO, t->connect_to);
	SET(USERAGENT, t->k->user_agent);
	SET(PROTOCOLS_STR, "http,https");
	SET(FOLLOWLOCATION, 0L);
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CONNECTTIMEOUT_MS, (long)o->connect_ms);
	if (!c->no_compression)
		SET(ACCEPT_ENCODING, "gzip");
	if (t->method)
		SET(CUSTOMREQUEST, t->method);
	if (t->payload)
		SET(COPYPOSTFIELDS, t->payload);
	if (t->spec.limit_ms)
		SET(TIMEOUT_MS, (long)t->spec.limit_ms);
	if (!t->spec.watch) {
		SET(LOW_SPEED_LIMIT, 1L);
		SET(LOW_SPEED_TIME, (long)o->stall_seconds);
	}
	if (c->basic) {
		SET(HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(USERPWD, c->basic);
	}
	if (c->proxy) {
		/* as Go does, a SOCKS proxy resolves the names */
		bool socks = !strncmp(c->proxy, "socks5://", 9);
		SET(PROXY, socks ? wr_arena_printf(a, "socks5h://%s", c->proxy + 9) : c->proxy);
		SET(NOPROXY, "");
	}
	return rc;
}

static CURLcode set_all(struct wr_kube_transfer *t, struct wr_arena *a)
{
	CURLcode rc = CURLE_OK;
	SET(PRIVATE, t);
	SET(ERRORBUFFER, t->curl_error);
	SET(NOSIGNAL, 1L);
	SET(WRITEFUNCTION, on_bytes);
	SET(WRITEDATA, t);
	SET(HEADERFUNCTION, on_header);
	SET(HEADERDATA, t);
	SET(SOCKOPTFUNCTION, on_socket);
	SET(SOCKOPTDATA, t);
	SET(BUFFERSIZE, RECEIVE_BYTES);
	SET(TCP_KEEPALIVE, 1L);
	SET(TCP_KEEPIDLE, (long)t->k->opts.keepalive_seconds);
	SET(TCP_KEEPINTVL, (long)(t->k->opts.keepalive_seconds / 3 + 1));
	if (rc == CURLE_OK)
		rc = set_tls(t);
	return rc == CURLE_OK ? set_request(t, a) : rc;
}

int wr_kube_transfer_new(struct wr_kube *k, const struct wr_kube_transfer_spec *spec,
			 struct wr_kube_transfer **out)
{
	struct wr_kube_transfer *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->k = k;
	t->spec = *spec;
	t->path = strdup(spec->path);
	t->method = spec->method ? strdup(spec->method) : NULL;
	t->payload = spec->body ? strdup(spec->body) : NULL;
	t->content_type = spec->content_type ? strdup(spec->content_type) : NULL;
	struct wr_kube_transfer **last = &k->queued;
	while (*last)
		last = &(*last)->next;
	*last = t;
	if (!t->path || (spec->method && !t->method) || (spec->body && !t->payload) ||
	    (spec->content_type && !t->content_type)) {
		t->ended = true;
		wr_kube_transfer_free(k, t);
		return -ENOMEM;
	}
	wr_kube_wake(k);
	*out = t;
	return 0;
}

size_t wr_kube_transfers_queued(const struct wr_kube *k)
{
	size_t n = 0;
	for (const struct wr_kube_transfer *t = k->queued; t; t = t->next)
		n++;
	return n;
}

int wr_kube_transfer_begin(struct wr_kube *k, struct wr_kube_transfer *t)
{
	WR_CLEANUP(arena)
	struct wr_arena *a = wr_arena_new();
	if (!a)
		return -ENOMEM;
	unlink_from(&k->queued, t);
	t->next = k->active;
	k->active = t;
	t->stopped = wr_kube_config_refresh(k->config, t->failure);
	if (t->stopped)
		return t->stopped;
	t->easy = curl_easy_init();
	if (!t->easy)
		return -ENOMEM;
	CURLcode rc = set_all(t, a);
	if (rc == CURLE_OK && curl_multi_add_handle(k->multi, t->easy) != CURLM_OK)
		rc = CURLE_OUT_OF_MEMORY;
	if (rc == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (rc != CURLE_OK) {
		snprintf(t->failure, sizeof(t->failure), "%s", curl_easy_strerror(rc));
		t->stopped = -EINVAL;
	}
	return t->stopped;
}

/* The message of a Status, or the answer's first line. */
static void read_status(struct wr_kube_transfer *t, int status)
{
	WR_CLEANUP(arena)
	struct wr_arena *a = wr_arena_new();
	struct wr_value *v = NULL;
	const char *body = t->body.n ? t->body.items : "";
	if (a && t->body.n)
		wr_json_parse(a, body, t->body.n, (struct wr_mark){0}, &v, NULL);
	const struct wr_value *message = wr_value_get(v, "message");
	if (message && message->type == WR_STRING && *message->text)
		snprintf(t->failure, sizeof(t->failure), "the server says %d: %.400s", status,
			 message->text);
	else
		snprintf(t->failure, sizeof(t->failure), "the server says %d%s%.*s", status,
			 *body && *body != '<' ? ": " : "",
			 *body != '<' ? (int)strcspn(body, "\r\n") % 400 : 0, body);
	for (char *p = t->failure; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' '; /* it ends on somebody's terminal */
}

static int errno_of(CURLcode code)
{
	if (code == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return -ETIMEDOUT;
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
	    code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE)
		return -EACCES;
	return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ? -ECONNREFUSED
										   : -EPROTO;
}

static struct wr_kube_result result_of(struct wr_kube_transfer *t, CURLcode code)
{
	struct wr_kube_result r = {.text = t->failure, .body = t->body.n ? t->body.items : ""};
	curl_off_t retry = 0;
	if (t->easy) {
		r.status = (int)status_of(t);
		curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry);
	}
	r.retry = retry > WR_KUBE_RETRY_AFTER ? WR_KUBE_RETRY_AFTER : (uint32_t)retry;
	if (t->stopped) {
		r.error = t->stopped;
		if (!*t->failure)
			snprintf(t->failure, sizeof(t->failure), "%s", strerror(-t->stopped));
	} else if (code != CURLE_OK) {
		r.error = errno_of(code);
		snprintf(t->failure, sizeof(t->failure), "%.200s: %.256s", t->k->config->server,
			 *t->curl_error ? t->curl_error : curl_easy_strerror(code));
	} else if (r.status < 200 || r.status > 299) {
		read_status(t, r.status);
	}
	return r;
}

void wr_kube_transfer_end(struct wr_kube *k, struct wr_kube_transfer *t, int curl_code)
{
	struct wr_kube_result r = result_of(t, (CURLcode)curl_code);
	if (r.status == 401)
		wr_kube_config_distrust(k->config);
	if (t->easy) /* before done(), which may start the next one on the same connection */
		curl_multi_remove_handle(k->multi, t->easy);
	unlink_from(&k->active, t);
	t->ended = true;
	t->spec.done(t->spec.arg, &r, t->body.n ? t->body.items : "", t->body.n);
	wr_kube_transfer_free(k, t);
}

void wr_kube_transfer_free(struct wr_kube *k, struct wr_kube_transfer *t)
{
	unlink_from(&k->queued, t);
	unlink_from(&k->active, t);
	if (!t->ended && t->spec.dropped)
		t->spec.dropped(t->spec.arg);
	if (t->easy) {
		curl_multi_remove_handle(k->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->connect_to);
	wr_vec_free(&t->body);
	free(t->path);
	free(t->method);
	free(t->payload);
	free(t->content_type);
	free(t);
}
