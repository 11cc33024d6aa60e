/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regions: half-open ranges whose pages are taken to be accessed alike, kept in address order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "monitor/map.h"

#define REGION_PARTS 4

typedef struct Region {
        uint64_t start;
        uint64_t end;

        /* the window that is being sampled */
        uint64_t samples;
        uint64_t hits;
        uint64_t untrackable;

        /* exponential moving average of the access rate and the number of samples that it is worth:
         * both decay alike, so `weight` bounds how far one window can move `rate` */
        double rate;
        double weight;

        nsec_t since;    /* when the region took up the rate that it has */
        nsec_t born;     /* when the youngest memory in it was first seen: merging never makes memory older */
        nsec_t last_hit; /* end of the last window in which an access was seen; at first: its birth */
        uint8_t strange; /* windows in a row that deviated from `rate` */

        /* of the policy `directed` */
        bool gallop;          /* the boundary at `start` still moves outward */
        uint64_t uncertainty; /* how far the boundary at `start` may be off, in bytes; 0: as exact as it gets */
        uint32_t need;        /* a cell of a search: so many probes decide it; 0: it is none */
        uint32_t probes;      /* so far */
        uint32_t probe_hits;
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

void region_list_deinit(RegionList *list);
int region_list_reserve(RegionList *list, size_t n);

/* Appends an empty region that begins its life at `now`. */
int region_list_append(RegionList *list, uint64_t start, uint64_t end, nsec_t now);

/* Cuts region i at addr (page-aligned, strictly inside): both parts keep its history, divided counts
 * excepted: the counts of the open window stay with neither. -ENOMEM. */
int region_list_split(RegionList *list, size_t i, uint64_t addr);

/* Merges right into left (they must touch): rate and age are weighted by size, counts add up. The caller
 * closes the gap in the list. */
void region_absorb(Region *left, const Region *right);

/* Fits the list to the given ranges (ascending, disjoint): parts outside vanish, parts inside keep
 * their history, and what was not covered before becomes regions of its own, of age zero. */
int region_list_fit(RegionList *list, const Range *ranges, size_t n_ranges, nsec_t now);

uint64_t region_list_bytes(const RegionList *list);
