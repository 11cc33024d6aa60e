/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A snapshot: an immutable view of all regions of a monitor at one aggregation. Shared by reference;
 * reading one never disturbs monitoring. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "monitor/map.h"
#include "monitor/ops.h"

typedef enum TargetState {
        TARGET_RUNNING,
        TARGET_ENDED,  /* the process has gone */
        TARGET_DENIED, /* it may not be looked at */
        TARGET_LEFT,   /* it lives, but is not what is to be watched any more */
} TargetState;

/* "running", "ended", "denied", "left". */
const char *target_state_name(TargetState state);

#define TARGET_COMMAND_MAX 64

typedef struct SnapshotTarget {
        uint64_t id; /* never used again within a monitor */
        pid_t pid;
        char command[TARGET_COMMAND_MAX];
        TargetState state;
        uint32_t address_space; /* 1, and one more after every exec */
        uint64_t resident;      /* bytes; 0 where not known */
        bool hidden;            /* addresses of its regions are not the true ones (copies for who may not see them) */
        AddressMap *map;        /* NULL before the first update */
        size_t first_region;    /* its regions are snapshot->regions[first_region …] */
        size_t n_regions;
} SnapshotTarget;

typedef struct SnapshotRegion {
        uint64_t start;
        uint64_t end;
        uint64_t samples;     /* pages checked with a verdict in this window */
        uint64_t hits;        /* … that had been accessed: the access rate is hits / samples, exactly */
        uint64_t untrackable; /* checks without a verdict in this window */
        double apart[_USE_MAX]; /* shares of it that are no memory of programs; zeros in address spaces */
        double rate;          /* moving average of the access rate over the last windows, 0 to 1 */
        double weight;        /* the number of samples that `rate` is worth */
        double sure;          /* … as far as it is certain: of what is taken to be idle, those since the last access */
        double before;        /* the rate that the region had before this age */
        nsec_t age;           /* for how long the region has kept its rate */
        nsec_t newest;        /* age of the youngest memory in it */
} SnapshotRegion;

/* What was in use. `bytes` estimates how much was touched within one sampling interval: the sum over
 * the regions of size × trackable share × access rate, unbiased whatever the regions' shapes; `error` is its standard
 * error (of a stratified sample: the strata are the regions). `touched` is DAMON's figure: the size of all regions
 * with at least one hit; never less than the truth of one window, often more. */
typedef struct WorkingSet {
        uint64_t bytes;
        uint64_t error;
        uint64_t touched;
        uint64_t untrackable; /* bytes of regions from which no sample had a verdict */
        uint64_t total;       /* bytes of all regions */
        uint64_t apart[_USE_MAX]; /* of physical memory: how much of `total` is free, the kernel's … (estimate) */
} WorkingSet;

typedef struct Snapshot {
        unsigned n_ref;
        uint64_t sequence; /* 1, 2, 3 … per monitor */
        nsec_t time;       /* end of the window, CLOCK_MONOTONIC */
        nsec_t window;     /* its real length */
        nsec_t sample;     /* sampling interval during the window */
        nsec_t aggregate;  /* configured length of the window */
        bool by_average;   /* the policy ends averages where rates change: they say more than one window does */
        WorkingSet working_set;
        SnapshotTarget *targets;
        size_t n_targets;
        SnapshotRegion *regions; /* by target, in address order */
        size_t n_regions;
} Snapshot;

/* Allocates a snapshot with room for so many targets and regions; counts are set, contents zero. */
Snapshot *snapshot_new(size_t n_targets, size_t n_regions);
Snapshot *snapshot_ref(Snapshot *snapshot);
Snapshot *snapshot_unref(Snapshot *snapshot); /* returns NULL; accepts NULL */

/* The part of the total that is memory of programs. */
uint64_t working_set_trackable(const WorkingSet *set);

/* Fills snapshot->working_set from its regions. */
void snapshot_estimate(Snapshot *snapshot);

static inline void snapshot_unrefp(Snapshot **snapshot) {
        *snapshot = snapshot_unref(*snapshot);
}
