/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fake kernel does when it is acted on: mappings, advice, swap, remote reads, splits; as Linux 6.12
 * does it. On top of fake/kernel.h, whose pages and frames it changes. And plans to be carried out on it. */
#pragma once

#include "action/actor.h"
#include "fake/kernel.h"

#define FAKE_VMAS 16
#define FAKE_BLOCK 512u /* pages of a huge page */

typedef struct FakeVma {
        unsigned first; /* page */
        unsigned end;
        const char *name; /* "": anonymous; a path: of a file */
        bool shared;
        bool locked;  /* takes no advice about the LRU lists */
        bool hidden;  /* not in maps, as if it had come into being after that was read */
} FakeVma;

typedef struct FakeAct {
        FakeVma vmas[FAKE_VMAS];
        size_t n_vmas;
        uint64_t swap_free; /* pages */
        uint32_t next_block; /* frame of the next huge page that a collapse makes */

        /* How it goes wrong. */
        int error;            /* negative: what the next calls that act return … */
        unsigned error_count; /* … so many of them */
        unsigned error_after; /* … after so many that work */
        size_t partial;       /* elements that one call does at most; 0: all */
        uint64_t partial_bytes; /* of an element; 0: whole ones only */
        void (*hook)(void);   /* before the call that acts with number hook_at, from 1 */
        unsigned hook_at;
        bool no_pageout;      /* accepted, but nothing comes of it */

        /* Time goes by. */
        nsec_t now;
        nsec_t per_look; /* … with every look at the clock */
        nsec_t per_call;
        nsec_t per_page;
        nsec_t per_wait; /* … with every call, for others to do their part */
        nsec_t waited;   /* of now */

        /* What was done. */
        unsigned calls; /* that act */
        unsigned queries;
        unsigned handed[FAKE_PAGES]; /* times that a page was inside of what was advised */
        unsigned acted[FAKE_PAGES];  /* times that this changed something */
        unsigned reads[FAKE_PAGES];
        unsigned cuts;    /* huge pages that had to be split because a range held only part of them */
        unsigned faults;  /* absent pages that were read */
        size_t widest;    /* range, in bytes */
        unsigned crossed; /* ranges that lay in more than one mapping */
        unsigned ragged;  /* ranges that are not whole pages */
        size_t longest;   /* elements in one call */
        uint64_t largest; /* bytes in one call */
} FakeAct;

extern FakeAct fake_act;
extern const ActionIo FAKE_ACT_IO;

/* After fake_kernel_init(), and before fake_kernel_deinit(). One anonymous mapping of all pages, and swap. */
void fake_act_init(void);
void fake_act_deinit(void);
/* Back to that state, but for the mappings and for files taken away: much faster. */
void fake_act_reset(void);

/* Before any call that acts: time, accidents. Negative: the call fails. */
int fake_act_begin(void);

/* Replaces the mappings. */
void fake_vmas(const FakeVma *vmas, size_t n);
/* As /proc/PID/maps shows them now. */
AddressMap *fake_address_map(void);

/* Maps pages [first, end) to frames from pfn on. */
void fake_map_range(unsigned first, unsigned end, uint32_t pfn);
/* … as one huge page; pfn is a multiple of 2^order, and first too, unless it is mapped page by page. */
void fake_map_folio(unsigned first, uint32_t pfn, unsigned order);
/* Pages of a file, or of shared memory. */
void fake_of_file(unsigned first, unsigned end);
void fake_of_others(unsigned first, unsigned end);

/* Takes a file away from the directory of the fake kernel. */
void fake_remove(const char *name);
uint64_t fake_cgroup_inode(void); /* of "/db" */

/* ---- Plans ---- */

/* One scheme, one target. Valid until the next. */
typedef struct FakePlan {
        SchemeSpec spec;
        Plan *plan;
        PlanResult *result;
        atomic_bool stop;
        FilterConfig filters[8];
        Destination destinations[8]; /* of what migrates: node 1 */
} FakePlan;

/* No limits, room for n_items items and one audit; items and audits are added below. */
void fake_plan_init(FakePlan *plan, Action action, size_t n_items);
void fake_plan_deinit(FakePlan *plan);
void fake_plan_item(FakePlan *plan, unsigned first, unsigned end);
void fake_plan_filter(FakePlan *plan, FilterConfig filter);
void fake_plan_run(FakePlan *plan, Actor *actor);

/* Whether the places of all bytes add up, and nothing was done that must not be. */
void fake_plan_check(const FakePlan *plan);
