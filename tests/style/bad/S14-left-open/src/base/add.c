/* SPDX-License-Identifier: Apache-2.0 */
/* TODO: add */
int wr_add(int a);
