/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What schemes ask about the world outside: pressure, NUMA nodes, free memory, swap. */
#pragma once

#include "base/file.h"
#include "scheme/set.h"

/* One is enough for all monitors. Keeps nothing: each question reads the kernel's file anew. */
typedef struct Facts {
        const RootFds *roots; /* borrowed */
} Facts;

/* The functions that a scheme set calls; the facts must outlive them.
 *
 * goal: stalls as the total in ns since boot, shares of a node's memory or of the LRU lists as 0 to 1.
 * -EOPNOTSUPP for metrics that are not facts of the system (user_input, refault_rate, rss, rss_to_wss); -ENOENT
 * where there is no such node, cgroup or pressure information: DAMON takes such memory as unused, here it is
 * not known, and a quota does not move by what is not known. */
SchemeFacts facts_of(Facts *facts);
