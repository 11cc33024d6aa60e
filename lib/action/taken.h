/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was paged out by its place in physical memory: whose it was, and where, so as to see whether it comes back. It
 * comes back to other frames; so the addresses are remembered that it had in its process.
 *
 * Bounded: where there are too many processes, that one is forgotten which was taken from least recently. What is
 * forgotten is not seen to come back. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/process.h"

typedef struct TakenRun {
        uint64_t addr;
        uint64_t n;   /* pages, all of them away when last looked at */
        bool swapped; /* to swap: what is neither there nor in memory any more, the process has given up */
} TakenRun;

/* What one scheme took from one process. */
typedef struct TakenOwner {
        Process process; /* its address space, too: that of another program is not taken for it */
        uint64_t scheme; /* id */
        uint64_t used;   /* when something was added last, by `calls`; 0: no owner */
        TakenRun *runs;  /* in the order in which they are looked at */
        size_t n;
        size_t allocated;
} TakenOwner;

#define TAKEN_OWNERS 64
#define TAKEN_RUNS ((size_t) 4096) /* for each */

typedef struct Taken {
        TakenOwner owners[TAKEN_OWNERS];
        uint64_t calls;
        size_t next; /* owner to begin with */
} Taken;

void taken_deinit(Taken *taken);
