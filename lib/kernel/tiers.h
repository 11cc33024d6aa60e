/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory tiers: which NUMA nodes there are, how far apart they lie, and which of them are fast. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

typedef struct TierNode {
        uint32_t id;
        bool cpus;
        uint64_t total; /* bytes of memory; 0: none, then it belongs to no tier */
        uint64_t free;
        int tier; /* 0: the fastest; -1: none */
        uint32_t *distance; /* to each node, by index; 10 is itself; 0: not known */
} TierNode;

/* The nodes that are online, in order of their ids. */
typedef struct Tiers {
        TierNode *nodes;
        size_t n;
        int n_tiers;
        bool of_kernel; /* as the kernel ranks them; else by CPUs and distances */
} Tiers;

/* From /sys/devices/system/node and, where the kernel tells more than one tier apart, the ranks in
 * /sys/devices/virtual/memory_tiering. Where it does not, nodes with CPUs are the fastest, the others ranked by their
 * distance from the nearest of those. 0; -ENOENT: a kernel without NUMA; -EBADMSG, -errno. */
int tiers_read(const RootFds *roots, Tiers *ret);
void tiers_deinit(Tiers *tiers);

/* NULL: no such node, or it is offline. */
const TierNode *tiers_find(const Tiers *tiers, uint32_t id);

/* The files of one node: "10 21 31". At most n numbers; returns how many there were, or -EBADMSG. */
int distances_parse(const char *text, uint32_t *ret, size_t n);
