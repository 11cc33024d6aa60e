/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Long output goes through a pager, where somebody looks at it. */
#pragma once

#include "options.h"

/* Starts $SYSTEMD_PAGER, $PAGER or less behind standard output, if that is a terminal; an empty one, or cat, is none.
 * Settles width and colour in *args, as standard output is no terminal from then on. Whether there is one. */
bool pager_open(Arguments *args);

/* Waits until whoever looks has seen enough. */
void pager_close(void);

/* There is one: whoever leaves it early does not make a failure of that. */
bool pager_is_open(void);
