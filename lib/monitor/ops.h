/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operations that the monitoring core needs: how to learn whether a page was touched.
 *
 * A source (`idle`, `softdirty`, `referenced`, `sim`) implements SourceOps. Sampling has two phases:
 * prepare() clears the evidence of access for every sample's page, time passes (the sampling
 * interval), check() reads the evidence. The core draws the addresses and credits the verdicts; it
 * never knows what an accessed bit is.
 *
 * A Space is a source's hold on one target's address space. All functions of one source are called
 * from one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "monitor/map.h"

#define PAGE_SIZE_MIN UINT64_C(4096)

/* Expected outcomes of every SourceOps function but detach(). */
enum {
        OPS_E_GONE = 1,     /* the target has ended; the Space only waits for detach() */
        OPS_E_REPLACED = 2, /* exec: the address space is another one now. The Space has already moved
                             * to it; nothing learned before is true of it. Samples are void. */
        OPS_E_DENIED = 3,   /* the privileges to look at this target are missing */
};

/* What a page frame of physical memory is used for. What is no memory of programs has no accesses to be seen, so it is
 * kept apart: it counts neither as accessed nor as idle. */
typedef enum PageUse {
        USE_PROGRAM, /* memory of programs and the contents of files; all that address spaces are made of */
        USE_FREE,
        USE_KERNEL,  /* slab, page tables, reserved, and all else that belongs to the kernel */
        USE_HUGETLB, /* of programs, but its accesses cannot be seen */
        USE_OFFLINE, /* no memory there, or taken away (hot-unplug, a balloon) */
        _USE_MAX,
} PageUse;

/* "program", "free" … as in the interface. */
const char *page_use_name(PageUse use);

/* The share of memory that accesses can be seen of; `apart` are the shares of the other uses. */
static inline double page_use_trackable(const double apart[static _USE_MAX]) {
        double share = 1;

        for (PageUse use = USE_FREE; use < _USE_MAX; use++)
                share -= apart[use];
        return share > 0 ? share : 0;
}

typedef struct Sample {
        uint64_t addr;   /* core: the byte drawn, in [start, end) of its region */
        uint32_t region; /* core: index of that region in its target */
        uint32_t state;  /* source: its own note between prepare and check */
        uint64_t token;  /* source: likewise */
        uint64_t trials; /* source, at check: pages the verdict speaks for (1, or more where a source sees
                          * only whole mappings); 0: untrackable, no verdict */
        uint64_t hits;   /* source, at check: how many of them were accessed; <= trials */
        PageUse use;     /* source, at check, where trials is 0: what the page is used for instead */
} Sample;

typedef enum Granularity {
        GRANULARITY_PAGE,    /* verdicts are about the very page */
        GRANULARITY_MAPPING, /* verdicts are about the whole mapping around it */
} Granularity;

/* Why a sample had no verdict. */
typedef enum Untrackable {
        UNTRACKABLE_NOT_ON_LRU,  /* still in a per-CPU batch, isolated, slab, device memory … */
        UNTRACKABLE_TAIL,        /* tail of a huge page whose head was not known yet */
        UNTRACKABLE_HUGETLB,
        UNTRACKABLE_ZERO_PAGE,
        UNTRACKABLE_BEYOND,      /* the bitmap ends before this page (last partial word, hot-unplug) */
        UNTRACKABLE_PFN_HIDDEN,  /* pagemap shows no page frame numbers to these privileges */
        UNTRACKABLE_FREE,        /* of physical memory: nobody's page */
        UNTRACKABLE_KERNEL,      /* … the kernel's own */
        UNTRACKABLE_OTHER,
        _UNTRACKABLE_MAX,
} Untrackable;

/* "not_on_lru", "tail" … as in the interface. */
const char *untrackable_name(Untrackable reason);

typedef struct SourceCounters {
        uint64_t syscalls;    /* system calls made by prepare() and check() */
        uint64_t samples;     /* samples checked */
        uint64_t hot;         /* … that were accessed */
        uint64_t cold;        /* … that were not, page present */
        uint64_t absent;      /* … that were not, no page there */
        uint64_t untrackable[_UNTRACKABLE_MAX];
        uint32_t syscalls_max_cold; /* the most system calls that one cold sample took */
        uint32_t syscalls_max_hot;
} SourceCounters;

typedef struct Source Source;
typedef struct Space Space;

/* In bytes. */
typedef struct SpaceSize {
        uint64_t mapped;
        uint64_t resident;
} SpaceSize;

/* Whose a page of private memory is. */
typedef enum PageShare {
        SHARE_NOTHING, /* no page there */
        SHARE_OWN,
        SHARE_SHARED,  /* others have it as well: after a fork, before a write */
} PageShare;

typedef struct SourceOps {
        const char *name;
        Granularity granularity;
        bool sees_reads;          /* false: only writes are seen */
        bool page_cost;           /* false: a pass costs O(RSS) whatever the number of samples */
        nsec_t sample_min;        /* no shorter sampling interval makes sense */

        /* Takes hold of a process (sim ignores pid). Returns 0, OPS_E_GONE, OPS_E_DENIED or -errno. */
        int (*attach)(Source *source, pid_t pid, Space **ret);
        void (*detach)(Source *source, Space *space);

        /* Reads the address map anew; *ret gets a reference. An empty map is a valid answer. */
        int (*map)(Source *source, Space *space, AddressMap **ret);

        /* Samples are in address order. Verdicts are written by check(); a sample whose page vanished,
         * appeared or moved is an outcome, never an error. */
        int (*prepare)(Source *source, Space *space, Sample *samples, size_t n);
        int (*check)(Source *source, Space *space, Sample *samples, size_t n);

        /* How large the address space is; zeros where that is not known. Cheap: one small file. */
        SpaceSize (*size)(Source *source, Space *space);

        /* Whose the page at this address is. NULL: not known. */
        int (*share)(Source *source, Space *space, uint64_t addr, PageShare *ret);

        void (*free)(Source *source);
} SourceOps;

/* The head of every source's own structure. */
struct Source {
        const SourceOps *ops;
        SourceCounters counters;
};

static inline Source *source_free(Source *source) {
        if (source)
                source->ops->free(source);
        return NULL;
}

static inline void source_freep(Source **source) {
        *source = source_free(*source);
}
