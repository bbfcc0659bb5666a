/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide wide */
