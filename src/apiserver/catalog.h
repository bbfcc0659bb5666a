/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Catalog: what is served now. The built-in resources, but for those that
 * need a definition, and one row for each served version of every
 * CustomResourceDefinition that is established.
 *
 * A catalog is immutable and counted: a watch keeps the one it began with, and
 * sees from the next one whether its resource is still there. Objects of a
 * custom resource are stored once, under the place of its plural and group,
 * whatever version they came as (conversion by strategy None).
 */
#include "apiserver/store.h"

struct wr_catalog;

struct wr_catalog *wr_catalog_ref(struct wr_catalog *c);
void wr_catalog_unref(struct wr_catalog *c); /* takes NULL */

/*
 * Makes the store's catalog fit its definitions; does nothing where it does.
 * 0, -ENOMEM: the old one stays.
 */
int wr_catalog_refresh(struct wr_store *s);

/* The rows in the order of discovery: from *at = 0 on; NULL at the end. */
const struct wr_resource *wr_catalog_next(const struct wr_store *s, size_t *at);

/* The groups in the order of discovery, without the core; NULL at the end. */
const char *wr_catalog_group(const struct wr_store *s, size_t i);

/* The row of a plural name, or NULL. */
const struct wr_resource *wr_catalog_find(const struct wr_store *s, const char *group,
					  const char *version, const char *plural);

/* Any row of a kind by its definition's name ("plural.group"), or NULL. */
const struct wr_resource *wr_catalog_named(const struct wr_store *s, const char *name);

/* Whether the resource of a row, of an older catalog perhaps, is still served. */
bool wr_catalog_serves(const struct wr_store *s, const struct wr_resource *r);

/* Changes whenever definitions do. */
uint64_t wr_catalog_hash(const struct wr_store *s);
