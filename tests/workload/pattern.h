/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A walk: one pattern going over one mapped region. */
#pragma once

#include <stdint.h>

#include "config.h"
#include "random.h"
#include "zipf.h"

#define WALK_PAGE UINT64_C(4096)

typedef enum WalkOrder {
        WALK_SEQUENTIAL,
        WALK_RANDOM,
        WALK_ZIPF,
} WalkOrder;

typedef struct Walk {
        char *base;
        WalkOrder order;
        AccessMode mode;
        uint64_t stop;    /* bytes between two places that may be touched */
        uint64_t n_stops; /* in the window, or in the region when there is no window */
        uint64_t wrap;    /* mapped bytes, where a moving window wraps around */
        uint64_t origin;  /* where the window starts */
        uint64_t span;    /* bytes of the window or the region */
        uint64_t cursor;  /* next sequential stop */
        uint64_t accesses;
        Random random;
        Zipf zipf;
} Walk;

/*
 * base points to len bytes in mapped pages. Full-speed walks stop at every stride, as masim's.
 * Paced and zipf walks count in pages: they stop once a page, or every stride if that is longer.
 */
void walk_init(Walk *walk, const PatternSpec *spec, void *base, uint64_t len, uint64_t seed);

/* Where the next access goes, as an offset from base; walk_run() does n of them. */
uint64_t walk_next(Walk *walk);
void walk_run(Walk *walk, uint64_t n);

/* Moves the window so that it starts at this offset of the region, modulo its length. */
void walk_move(Walk *walk, uint64_t origin);

/* Distinct pages that the walk can touch while its window stands still. */
uint64_t walk_pages(const Walk *walk);

/* How many accesses make one visit to a page: below 1 where a short stride stays in a page. */
double walk_pages_per_access(const Walk *walk);
