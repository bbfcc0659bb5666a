/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/judge.h"
