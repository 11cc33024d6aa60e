/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regions: half-open ranges whose pages are taken to be accessed alike, kept in address order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "monitor/map.h"
#include "monitor/ops.h"

#define REGION_PARTS 4

/* What a region is asked for (policy `directed`). */
typedef enum RegionSearch {
        SEARCH_CELL,    /* its rate */
        SEARCH_WHOLE,   /* of idle memory with a surprise: is all of it accessed? */
        SEARCH_SPOT,    /* likewise a cell, the block around a surprise */
        SEARCH_OUTWARD, /* a gap beside what is accessed: does that reach to its far end? */
        SEARCH_INWARD,  /* a gap between what is accessed and what is idle: where in it is the boundary? */
} RegionSearch;

typedef struct Region {
        uint64_t start;
        uint64_t end;

        /* the window that is being sampled */
        uint64_t samples;
        uint64_t hits;
        uint64_t untrackable;
        uint64_t apart[_USE_MAX]; /* samples of what is no program's; they are in no other count */

        /* moving averages of the share of its pages that is not memory of programs, by use, and the number of samples
         * that they are worth: always 0 where an address space is watched */
        double apart_share[_USE_MAX];
        double apart_weight;

        /* exponential moving average of the access rate and the number of samples that it is worth:
         * both decay alike, so `weight` bounds how far one window can move `rate` */
        double rate;
        double weight;

        nsec_t since;    /* when the region took up the rate that it has */
        double before;   /* the rate that it had until then */
        nsec_t born;     /* when the youngest memory in it was first seen: merging never makes memory older */
        nsec_t last_hit; /* end of the last window in which an access was seen; at first: its birth */
        double clear;    /* samples in a row without an access, evenly over all of it */
        uint8_t strange; /* windows in a row that deviated from `rate` */

        /* of the policy `directed` */
        nsec_t asked;        /* when it was last sampled */
        nsec_t met;          /* about when accesses began (idle memory), or ended (other), as seen lately */
        uint64_t surprise;   /* of idle memory: an access that may have to be followed; 0: none */
        RegionSearch search;
        bool hot_left;       /* of a gap: what is accessed lies to its left */
        uint64_t edge;       /* of a gap: the access farthest from there, as a boundary; 0: none so far */
        uint32_t need;       /* under search: so many probes decide; 0: it is not */
        uint32_t probes;     /* so far; where nothing is searched: misses in a row */
        uint32_t probe_hits;
        double lone_samples; /* of memory taken to be idle, by moving windows: samples, and … */
        double lone_hits;    /* … accesses among them that led to nothing */
        float part_samples[REGION_PARTS]; /* moving sums by quarter of the region: do its parts differ? */
        float part_hits[REGION_PARTS];
} Region;

/* A growing, ordered array of regions. */
typedef struct RegionList {
        Region *regions;
        size_t n;
        size_t allocated;
} RegionList;

static inline uint64_t region_size(const Region *region) {
        return region->end - region->start;
}

/* Hardly anything there that could be accessed. */
static inline bool region_is_bare(const Region *region) {
        return page_use_trackable(region->apart_share) < 0.01;
}

static inline bool region_is_idle(const Region *region) {
        return region->rate == 0;
}

/* What is taken to be idle may be accessed thinly, all over. From so many accesses on that led to nothing, and such a
 * rate, that is told; below it each page is accessed no more than once in 250 intervals. */
#define REGION_LONE_HITS 8
#define REGION_LONE_RATE 0.004

static inline double region_known_rate(const Region *region) {
        if (region->rate > 0 || region->lone_hits < REGION_LONE_HITS ||
            region->lone_hits < REGION_LONE_RATE * region->lone_samples)
                return region->rate;
        return region->lone_hits / region->lone_samples;
}

static inline bool region_touches(const Region *left, const Region *right) {
        return left->end == right->start;
}

void region_list_deinit(RegionList *list);
int region_list_reserve(RegionList *list, size_t n);

/* Appends an empty region that begins its life at `now`. */
int region_list_append(RegionList *list, uint64_t start, uint64_t end, nsec_t now);

/* Begins to count anew. */
void region_reset_window(Region *region);

/* Moves the averages of what is apart on by the window. */
void region_learn_apart(Region *region);

/* Cuts region i at addr (page-aligned, strictly inside): both parts keep its history, divided counts
 * excepted: the counts of the open window stay with neither. -ENOMEM. */
int region_list_split(RegionList *list, size_t i, uint64_t addr);

/* Merges right into left (they must touch): rate and age are weighted by (trackable) size, counts add up. The caller
 * closes the gap in the list. */
void region_absorb(Region *left, const Region *right);

/* Fits the list to the given ranges (ascending, disjoint): parts outside vanish, parts inside keep
 * their history, and what was not covered before becomes regions of its own, of age zero. */
int region_list_fit(RegionList *list, const Range *ranges, size_t n_ranges, nsec_t now);

uint64_t region_list_bytes(const RegionList *list);
