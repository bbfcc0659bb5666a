/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Inside the api room: what the decoders of all kinds share.
 *
 * A decoder carries where results and messages go. Field paths are chains of
 * links on the callers' stacks, turned into text only when there is an error
 * to tell, so that a good object costs no formatting at all. Memory that runs
 * out is noted once (nomem) and the work goes on; the caller looks at the end.
 *
 * An absent field and a null one are the same to Kubernetes, and here.
 */
#include "api/decode.h"

struct wr_decoder {
	struct wr_arena *arena;
	struct wr_diags *diags;
	struct wr_decode_opts opts;
	const char *object; /* "NetworkPolicy shop/db", for messages; NULL: not known yet */
	bool failed;        /* the object has errors */
	bool nomem;
};

/* One link of a field path: a key, or an index where key is NULL. */
struct wr_path {
	const struct wr_path *up; /* NULL: the top */
	const char *key;
	size_t index;
};

#define WR_KEY(parent, name) ((struct wr_path){(parent), (name), 0})
#define WR_INDEX(parent, i) ((struct wr_path){(parent), NULL, (i)})

/* A path's text, "spec.ingress[0].from"; one that is too long ends in "...". Returns buf. */
#define WR_PATH_TEXT 1024
const char *wr_dec_path_text(const struct wr_path *path, char buf[WR_PATH_TEXT]);

/* An error, a warning or a note at a mark; the path's text is made here (path NULL: none). */
void wr_dec_error(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void wr_dec_warning(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void wr_dec_note(struct wr_decoder *d, struct wr_mark mark, const struct wr_path *path,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Zeroed memory of the arena, or NULL with nomem set. */
void *wr_dec_array(struct wr_decoder *d, size_t n, size_t size);

/* True when there is nothing: no such field, or null. */
bool wr_dec_absent(const struct wr_value *v);

/* A value's text in brackets for messages, " (yes)", shortened; "" where it has none. */
#define WR_SHOWN 48
const char *wr_dec_shown(const struct wr_value *v, char buf[WR_SHOWN]);

/*
 * The value when it has the type; NULL when it is absent, and NULL with an
 * error when it is something else.
 */
const struct wr_value *wr_dec_map(struct wr_decoder *d, const struct wr_path *path,
				  const struct wr_value *v);
const struct wr_value *wr_dec_list(struct wr_decoder *d, const struct wr_path *path,
				   const struct wr_value *v);
const char *wr_dec_string(struct wr_decoder *d, const struct wr_path *path,
			  const struct wr_value *v);

/* A list of addresses of one object: one that is longer than WR_ADDRESSES_MAX is an error. */
#define WR_ADDRESSES_MAX 256
const struct wr_value *wr_dec_short_list(struct wr_decoder *d, const struct wr_path *path,
					 const struct wr_value *v);

/* True and *out when v is that; false when absent; false with an error when not. */
bool wr_dec_bool(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		 bool *out);
bool wr_dec_int(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		int64_t min, int64_t max, int64_t *out);

/* Whole numbers, as the API server reads them: 80, also 80.0. */
bool wr_value_whole(const struct wr_value *v, int64_t *out);

/* A port number 1..65535; wr_dec_proto: TCP, UDP or SCTP, absent means TCP. */
bool wr_dec_port(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		 uint16_t *out);
bool wr_dec_proto(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		  uint8_t *out);

/* Appends an address to a list that holds it not yet; "" and absent values are passed over. */
void wr_dec_add_ip(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		   struct wr_ip *ips, size_t *n);

/* A map of strings to labels, sorted by key; of a duplicated key the last one. */
void wr_dec_labels(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		   struct wr_label **out, size_t *n);

/* The kinds. v is the object's tree (a map), o has kind, mark and meta. */
void wr_dec_meta(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o);
void wr_dec_meta_strict(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o);
void wr_dec_pod(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o);
void wr_dec_workload(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o);
void wr_dec_node(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o);
void wr_dec_service(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o);
void wr_dec_ingress(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o);
void wr_dec_networkpolicy(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o);
void wr_dec_cluster_policy(struct wr_decoder *d, const struct wr_value *v, struct wr_object *o);

/* A pod template's or pod's spec (v may be absent). */
void wr_dec_pod_spec(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		     struct wr_pod_spec *out);

/* metav1.LabelSelector, strictly; out is left empty when v is absent. */
void wr_dec_selector(struct wr_decoder *d, const struct wr_path *path, const struct wr_value *v,
		     struct wr_label_selector *out);

/* "In", "NotIn", "Exists" or "DoesNotExist"; false: another text, and *op is left alone. */
bool wr_dec_operator(const char *text, enum wr_selector_op *op);
