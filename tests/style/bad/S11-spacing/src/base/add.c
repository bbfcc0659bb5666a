/* SPDX-License-Identifier: Apache-2.0 */
int wr_add(int a, int b)
{
	return a+b;
}
