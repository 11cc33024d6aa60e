/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From physical memory to addresses of processes: an index, built for the ranges that are to be acted on and for
 * nothing else, and thrown away with the plan. The kernel has no such interface; so the pages' cgroups are asked for,
 * then the processes of these cgroups for their address spaces, and, if pages are still not found, all others'. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/file.h"
#include "kernel/cgroup.h"
#include "monitor/map.h"

/* Physical memory that one index covers, in bytes. */
#define REVERSE_BYTES_MAX (UINT64_C(1) << 30)

/* Consecutive pages in consecutive frames, in one aligned block of frames. */
typedef struct ReverseRun {
        uint64_t pfn;
        uint64_t addr;
        uint32_t n;
        uint32_t owner; /* index into owners */
} ReverseRun;

typedef struct ReverseOwner {
        pid_t pid;
        uint64_t start_time; /* as in PidRef */
} ReverseOwner;

/* A range of frames, and where the states of its pages are. */
typedef struct ReverseRange {
        uint64_t first; /* pfn */
        uint64_t n;
        size_t states;
} ReverseRange;

typedef struct Reverse {
        ReverseRange *ranges; /* by pfn */
        size_t n_ranges;
        uint8_t *states; /* one per page: an Outcome; or PAGE_SELECTED, until it is found */
        size_t n_wanted; /* pages that are not found yet */

        ReverseRun *runs; /* by pfn */
        size_t n_runs;
        size_t runs_allocated;
        ReverseOwner *owners;
        size_t n_owners;
        size_t owners_allocated;

        uint32_t scheme; /* of the plan, that it was built for */
} Reverse;

void reverse_clear(Reverse *reverse);

/* What is known of a frame, NULL where it is not covered. */
uint8_t *reverse_state(const Reverse *reverse, uint64_t pfn);

/* The first run that ends behind pfn; n_runs: none. */
size_t reverse_find(const Reverse *reverse, uint64_t pfn);

/* ---- Who may own pages (reverse-owners.c) ---- */

/* Adds the processes of the cgroups with these inodes. 0 or -ENOMEM; what vanishes meanwhile is left out. */
int owners_of_cgroups(const RootFds *roots, const uint64_t *inodes, size_t n, PidList *list);

/* Adds all processes. Likewise. */
int owners_all(const RootFds *roots, PidList *list);
