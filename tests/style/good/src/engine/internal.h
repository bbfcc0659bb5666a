/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For this room only. */
int classes_count(void);
