/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Adds. */
int wr_add(int a, int b);
