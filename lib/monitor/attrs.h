/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a monitor watches: intervals, bounds on the number and size of regions, interval goal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* Automatic intervals (DAMON's intervals_goal, Linux 6.15): aim at access_share of all (page, check)
 * pairs being accesses, by scaling both intervals, once every `aggregations` aggregations. */
typedef struct IntervalsGoal {
        bool enabled;
        double access_share;   /* 0.04 is DAMON's recommendation */
        uint32_t aggregations; /* 3 */
        nsec_t sample_min;     /* 5 ms */
        nsec_t sample_max;     /* 10 s */
} IntervalsGoal;

typedef struct MonitorAttrs {
        nsec_t sample;    /* sampling interval */
        nsec_t aggregate; /* aggregation interval, >= sample */
        nsec_t update;    /* how often the address map is read again */
        IntervalsGoal goal;
        uint32_t min_regions; /* 3 at least; bounds are over all targets of the monitor */
        uint32_t max_regions;
        uint64_t max_region_size; /* bytes; 0: total size / min_regions */
        uint32_t samples_per_sec; /* what a policy with a budget may take; 0: its default */
} MonitorAttrs;

/* What every interval of a configuration keeps to. Below a millisecond a timer's own cost and the TLB make every figure
 * worthless; beyond a day arithmetic on deadlines would need care that nobody needs. */
#define INTERVAL_MIN NSEC_PER_MSEC
#define INTERVAL_MAX (24 * 60 * NSEC_PER_MINUTE)

/* 0, or -EINVAL with a reason that names it: "the sampling interval must lie between …". */
int interval_validate(const char *what, nsec_t interval, char **ret_error);

#define MONITOR_REGIONS_LIMIT UINT32_C(100000)

/* 100 ms, 2 s, 10 s, 10 to 1000 regions, fixed intervals. */
extern const MonitorAttrs MONITOR_ATTRS_DEFAULT;

/* 4 %, 3 aggregations, 5 ms to 10 s. */
extern const IntervalsGoal INTERVALS_GOAL_DEFAULT;

/* Checks the attributes as a whole. 0, or -EINVAL with the reason. */
int monitor_attrs_validate(const MonitorAttrs *attrs, char **ret_error);
