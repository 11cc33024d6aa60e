/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The NUMA nodes of the fake kernel: its frames divided among them, and move_pages() as Linux 6.12 does it
 * (mm/migrate.c, do_pages_move(): what it says of each page, and what it leaves unsaid when it breaks off). */
#pragma once

#include "fake/act.h"

#define FAKE_NODES 4

typedef struct FakeNuma {
        unsigned n; /* nodes; each has as many frames */
        bool offline[FAKE_NODES];  /* no memory there (any more) */
        uint64_t held[FAKE_NODES]; /* pages that others use */
        unsigned mems; /* nodes that the cpuset of the process allows, each a bit */

        /* How it goes wrong. */
        int status[FAKE_PAGES];  /* negative: what a page cannot be taken off the lists for */
        bool stuck[FAKE_PAGES];  /* taken off, but not moved */
        bool no_nice;            /* no CAP_SYS_NICE */
        unsigned fits[FAKE_NODES]; /* pages that the node really takes; UINT_MAX: as many as are free */

        uint64_t left[FAKE_NODES]; /* free pages, within a call */

        /* What was done. */
        unsigned calls;
        unsigned tails;  /* addresses that were not those of a folio's first page */
        unsigned mixed;  /* calls for more than one node */
        unsigned useless; /* pages that were there already */
        uint64_t moved[FAKE_NODES][FAKE_NODES]; /* pages */
} FakeNuma;

extern FakeNuma fake_numa;

/* After fake_act_init() or fake_act_reset(): n nodes, of which the first has the CPUs, each 10 farther than the one
 * before. Nobody uses them yet. */
void fake_numa_init(unsigned n);
void fake_numa_deinit(void);
/* Back to that state, but for tiers. */
void fake_numa_reset(void);
/* Its files, when what is free has changed. */
void fake_numa_write(void);
/* memory_tierN with these nodes, such as "0-1". */
void fake_numa_tier(unsigned rank, const char *nodes);

unsigned fake_node_of(uint64_t pfn);
/* Pages. */
uint64_t fake_node_free(unsigned node);
/* The first frame of a node. */
uint32_t fake_node_start(unsigned node);
/* The node of a page; -1: it is not there. */
int fake_page_node(unsigned page);

/* (ActionIo) */
int fake_numa_nodes(pid_t pid, size_t n, void **pages, int *status);
int fake_numa_move(pid_t pid, size_t n, void **pages, const int *nodes, int *status, bool shared);
