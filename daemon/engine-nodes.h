/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On which NUMA nodes the memory is that a monitor watches. */
#pragma once

#include "engine.h"
#include "kernel/layout.h"

/* Estimates, in bytes. */
typedef struct NodeUse {
        uint32_t node;
        uint64_t hot;  /* in regions that were accessed in the last window */
        uint64_t cold; /* in regions that were not */
} NodeUse;

#define NODE_SAMPLES 1024u /* per monitor: some 2 ms */

/* Adds what the last snapshot of the monitor says to the uses of n nodes, which need not be all. Each of at most
 * NODE_SAMPLES pages, spread evenly over the regions, stands for as much as lies between two of them: its entry of
 * pagemap tells the page frame, and the layout the node of that; where it does not, the kernel is asked. */
void engine_sample_nodes(Engine *engine, const Layout *layout, NodeUse *uses, size_t n);
