/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Searches of the policy `directed`: how far does reach what was found? */
#pragma once

#include "monitor/adapt.h"

/* The policy's state. */
typedef struct SearchState {
        bool changed; /* accesses began somewhere in this tick */
        bool busy;    /* a quarter of a tick or more is under search */
        double quiet; /* samples explored since something new was found */
        double dear;  /* a step of a search that needs more probes is not worth it */
        double wholes; /* moving share: of surprises, those of which all of the region was part */
        double expected; /* samples per byte in a tick, when there is nothing to search */
} SearchState;

#define SEARCH_DECAY 0.7     /* of averages, per window */
/* The samples that an average remembers at least, however many windows they take. */
#define SEARCH_WEIGHT_KEPT 1024.0
#define SEARCH_Z_STRANGE 3.5 /* standard errors beyond which a rate has changed, if it does so twice */
#define SEARCH_Z_CERTAIN 5.0 /* … and at once */

/* The block around a surprise, and the probes that tell its rate. */
#define SEARCH_SPOT_SIZE (16 * PAGE_SIZE_MIN)
#define SEARCH_SPOT_NEED 24

/* Idle memory in which so many samples, and this share of them, found an access is accessed as a whole. */
#define SEARCH_DENSE_HITS 8
#define SEARCH_DENSE_SHARE 0.05
/* … or so many, of nearly all samples. */
#define SEARCH_PLAIN_HITS 4
#define SEARCH_PLAIN_SHARE 0.8
bool search_is_dense(double hits, double n);

/* Whether accesses to idle memory began so recently that they may be of the same change. */
bool search_is_lately(const AdaptContext *context, const Region *region);

/* When accesses to idle memory began. */
nsec_t search_met(const AdaptContext *context, const Region *region);

/* -ln of the probability that memory of a region's rate, known from so many samples, shows no access to one of them;
 * the rate is lowered by so many standard errors first. */
double search_miss_log(const Region *region, double lowered);

/* The probes that tell idle memory from memory that is accessed as this region is. */
uint32_t search_need(const AdaptContext *context, const Region *region);

/* … surely, whatever else is under search: what was long known is at stake. */
uint32_t search_need_surely(const Region *region);

/* Whether a region with a surprise turned out to be accessed as a whole. */
void search_count_whole(SearchState *d, bool whole);

/* Begins to ask; need 0 ends it. */
void search_ask(Region *region, RegionSearch search, uint32_t need);

/* How many probes of a region under search come next, and from where. */
size_t search_next_probes(const Region *region);
void search_slice(const Region *region, uint64_t *ret_start, uint64_t *ret_end);

/* What the next probes of region i, which is under search, decide about. */
typedef struct SearchWorth {
        size_t region;
        size_t probes;
        double worth; /* accessed bytes that they may find or lose, each */
} SearchWorth;

SearchWorth search_worth(const RegionList *list, size_t i);

/* What the last windows said of all quarters together; takes so much of it, evenly. */
void search_recent(const Region *region, double *ret_hits, double *ret_n);
void search_set_recent(Region *region, double hits, double n);

/* Moves the average on by so many samples. */
void search_average_in(Region *region, double hits, double n);

/* Cuts region i at addr, if that lies inside: both parts know what the whole knew, each for its share. -ENOMEM. */
int search_split(RegionList *list, size_t i, uint64_t addr);

bool search_has_room(const AdaptContext *context, size_t n);

/* A surprise: the block around it is asked. -ENOMEM. */
int search_follow(const AdaptContext *context, RegionList *list, uint64_t addr);

/* Looks on both sides of region i, which is accessed, how far that goes on. -ENOMEM. */
int search_open_gaps(const AdaptContext *context, RegionList *list, size_t i, uint64_t size);

/* Draws the conclusions from what has been answered. *ret_pending: the probes that are still needed. How many searches
 * were answered, or -ENOMEM. */
int search_conclude(const AdaptContext *context, RegionList *list, double *ret_pending);
