/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A frame: one decoded snapshot, whatever it came from. Every view reads frames and nothing else.
 *
 * Regions are in the order of their targets and, within one, of their addresses; they do not
 * overlap. Sizes in bytes, times in nanoseconds, rates 0 to 1. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

#define FRAME_UNKNOWN UINT64_MAX

typedef struct FrameTarget {
        uint64_t id;
        int64_t pid;
        char *command;
        char *state; /* running, ended, denied */
        uint64_t address_space;
        uint64_t resident_bytes; /* FRAME_UNKNOWN where nobody knows */
        bool hidden; /* addresses of its regions count from 0: the true ones are not for us */
} FrameTarget;

typedef struct FrameRegion {
        uint32_t target;  /* index into targets */
        uint32_t mapping; /* index into mappings */
        uint64_t start;
        uint64_t end;
        uint64_t hits; /* the access rate of this window is hits / samples, exactly */
        uint64_t samples;
        uint64_t untrackable;
        double rate; /* moving average */
        double rate_samples; /* that it rests on: of idle memory those since the last access; below 0: not known */
        double apart; /* share of it that is no memory of programs: 0 in address spaces */
        uint64_t age_ns;
} FrameRegion;

typedef struct FrameWorkingSet {
        uint64_t bytes;
        uint64_t error;
        uint64_t touched;
        uint64_t untrackable;
        uint64_t total;
        /* of physical memory: what of the total is no memory of programs */
        uint64_t free;
        uint64_t kernel;
        uint64_t hugetlb;
        uint64_t offline;
} FrameWorkingSet;

static inline uint64_t frame_apart(const FrameWorkingSet *w) {
        return w->free + w->kernel + w->hugetlb + w->offline;
}

/* The working set at one aggregation, without the regions: what the daemon's history holds. */
typedef struct FramePoint {
        uint64_t sequence;
        uint64_t time_ns; /* end of the window, CLOCK_REALTIME */
        uint64_t window_ns;
        FrameWorkingSet working_set;
        uint64_t resident_bytes; /* of all targets; FRAME_UNKNOWN where nobody knows */
        uint64_t regions;
} FramePoint;

typedef struct Frame {
        FramePoint point;
        char *monitor;
        uint64_t sample_ns;
        uint64_t aggregate_ns;
        char *source;
        char *granularity; /* page or mapping */
        bool reads_seen;

        FrameTarget *targets;
        size_t n_targets;
        FrameRegion *regions;
        size_t n_regions;
        size_t regions_allocated;
        char **mappings; /* names; "" is other anonymous memory */
        size_t n_mappings;

        uint64_t parts_seen; /* while it is put together */
} Frame;

Frame *frame_new(void);
Frame *frame_free(Frame *frame); /* returns NULL; accepts NULL */

static inline void frame_freep(Frame **frame) {
        *frame = frame_free(*frame);
}

/* Adds one part of a snapshot (the value of `snapshot` in a reply) to *frame, which is created by
 * the first part. *ret_complete says whether it was the last. -EBADMSG with a text when the reply
 * is not what the interface promises; *frame is then freed. */
int frame_add_part(Frame **frame, json_t *snapshot, bool *ret_complete, char **ret_error);

/* Decodes an element of GetHistory's points. -EBADMSG with a text. */
int frame_point_from_json(json_t *json, FramePoint *ret, char **ret_error);

/* The frame as the interface's Snapshot, part 0 of 1. NULL when out of memory. */
json_t *frame_to_json(const Frame *frame);

/* Building by hand (recordings). Strings are copied. */
int frame_add_target(Frame *frame, const FrameTarget *target);
int frame_add_region(Frame *frame, const FrameRegion *region);
/* Finds or adds a name, and gives its index. */
int frame_add_mapping(Frame *frame, const char *name, uint32_t *ret);
/* Index of the target with this id, or -ENOENT. */
int frame_find_target(const Frame *frame, uint64_t id);

/* Sums up what the targets hold; FRAME_UNKNOWN when nothing is known of any. */
uint64_t frame_resident(const Frame *frame);

static inline uint64_t frame_region_bytes(const FrameRegion *region) {
        return region->end - region->start;
}

/* Without what is no memory of programs. */
static inline uint64_t frame_region_memory(const FrameRegion *region) {
        return (uint64_t) ((double) frame_region_bytes(region) * (1 - region->apart) + 0.5);
}

/* The access rate in this window; 0 without samples, see frame_region_blind(). */
static inline double frame_region_rate(const FrameRegion *region) {
        return region->samples > 0 ? (double) region->hits / (double) region->samples : 0;
}

/* No check of this window had a verdict: neither hot nor cold. */
static inline bool frame_region_blind(const FrameRegion *region) {
        return region->samples == 0;
}

/* Standard error of the access rate: the posterior deviation under a uniform prior, so that 0 of 5
 * and 5 of 5 are not taken for certainties. */
double frame_region_error(const FrameRegion *region);

/* How sure it is that the moving average is right, give or take RATE_SLACK; below 0: not known. */
double frame_region_confidence(const FrameRegion *region);

/* For how long nothing was seen to touch the region. Below this moving average its age is idle
 * time: an average that only decays never becomes zero. */
#define FRAME_IDLE_RATE 0.001
uint64_t frame_region_idle(const FrameRegion *region, uint64_t window_ns);
