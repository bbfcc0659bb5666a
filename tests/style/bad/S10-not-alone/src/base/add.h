/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Adds. */
size_t wr_add(size_t a);
