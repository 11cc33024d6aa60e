/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trying out kernel interfaces on the calling process's own memory. */
#pragma once

#include <stdbool.h>

#include "base/file.h"

/* Whether pagemap shows the frame of a page of ours. 0 or -errno. */
int own_pfn_visible(const RootFds *roots, bool *ret);

/* Whether a soft-dirty bit, once cleared, comes back with a write and not before. Clears the
 * soft-dirty bits of the whole calling process. 0 or -errno. */
int own_soft_dirty(const RootFds *roots, bool *ret);

/* MADV_COLD on a page of ours through process_madvise(2). 0 or -errno. */
int own_process_madvise(void);

/* Asks move_pages(2) on which node a page of ours is. 0 or -errno. */
int own_move_pages(void);
