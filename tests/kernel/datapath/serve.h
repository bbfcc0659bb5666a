/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "dptest.h"

/* A child that answers in a namespace; ready when this returns. */
void start_server(enum place where);
