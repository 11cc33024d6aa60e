/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scheme as people write it: which memory, what to do with it, how much at a time, and when not. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "monitor/map.h"

/* In the order of the configuration's table of choices. */
typedef enum Action {
        ACTION_STAT, /* only count what matches */
        ACTION_PAGEOUT,
        ACTION_COLD,
        ACTION_WILLNEED,
        ACTION_HUGEPAGE,
        ACTION_COLLAPSE,
        ACTION_NOHUGEPAGE,
        ACTION_LRU_PRIO,
        ACTION_LRU_DEPRIO,
        ACTION_MIGRATE_HOT,
        ACTION_MIGRATE_COLD,
        _ACTION_MAX,
} Action;

/* "stat", "pageout" … as DAMON names them. */
const char *action_name(Action action);

/* Which memory is served first under a quota. */
typedef enum Preference {
        PREFER_NONE, /* stat: address order */
        PREFER_COLD, /* pageout, cold, nohugepage, lru_deprio, migrate_cold */
        PREFER_HOT,  /* willneed, hugepage, collapse, lru_prio, migrate_hot */
} Preference;

Preference action_preference(Action action);

static inline bool action_migrates(Action action) {
        return action == ACTION_MIGRATE_HOT || action == ACTION_MIGRATE_COLD;
}

/* Closed intervals; all must hold. */
typedef struct AccessPattern {
        uint64_t size_min; /* bytes */
        uint64_t size_max; /* UINT64_MAX: no limit */
        double rate_min;   /* share of the samples that found an access, 0 to 1 */
        double rate_max;
        nsec_t age_min;
        nsec_t age_max; /* NSEC_INFINITY: no limit */
        double confidence; /* how sure the rate must be, 0.5 to below 1; 0: as sure as it happens to be */
} AccessPattern;

/* What a goal is measured by. Each comes with the unit of its target. In the order of the configuration's
 * table of choices. */
typedef enum GoalMetric {
        GOAL_USER_INPUT,        /* a number that users feed in; target: likewise */
        GOAL_SOME_MEM_PSI,      /* stall time per reset interval of the quota (ns) */
        GOAL_FULL_MEM_PSI,
        GOAL_SOME_IO_PSI,
        GOAL_FULL_IO_PSI,
        GOAL_NODE_MEM_USED,     /* share of a node's memory */
        GOAL_NODE_MEM_FREE,
        GOAL_NODE_MEMCG_USED,   /* share of a node's memory that a cgroup uses, or leaves */
        GOAL_NODE_MEMCG_FREE,
        GOAL_ACTIVE_MEM,        /* share of the LRU lists */
        GOAL_INACTIVE_MEM,
        GOAL_REFAULT_RATE,      /* share of the bytes acted on that came back */
        GOAL_RSS,               /* resident bytes of all targets: the goal is to get down to it */
        GOAL_RSS_TO_WSS,        /* resident / working set: likewise */
        _GOAL_METRIC_MAX,
} GoalMetric;

/* "user_input", "some_mem_psi_us" … as in files. */
const char *goal_metric_name(GoalMetric metric);

/* What targets and values are in. */
typedef enum GoalUnit {
        GOAL_UNIT_NUMBER,
        GOAL_UNIT_TIME,  /* ns; the metrics of pressure, which are read as counters */
        GOAL_UNIT_SHARE, /* 0 to 1 */
        GOAL_UNIT_BYTES,
        GOAL_UNIT_RATIO, /* a share that may exceed 1 */
} GoalUnit;

GoalUnit goal_metric_unit(GoalMetric metric);

/* Whether a NUMA node goes with it, and whether a cgroup must. */
bool goal_metric_is_of_node(GoalMetric metric);
bool goal_metric_is_of_memcg(GoalMetric metric);

typedef struct GoalConfig {
        GoalMetric metric;
        double target;    /* > 0, in the unit of the metric: ns, a share, bytes, or just a number */
        double current;   /* of user_input: its value until a new one is fed in */
        char *cgroup;     /* below the cgroup root, such as "/system.slice/db.service"; NULL: the whole system */
        uint32_t node;    /* NUMA node of the node_ metrics */
} GoalConfig;

typedef enum Tuner {
        TUNER_CONSIST,  /* proportional, bounded both ways */
        TUNER_TEMPORAL, /* all or nothing */
} Tuner;

/* How much per window. 0: no such limit. A goal needs a window and works inside the limits. */
typedef struct QuotaConfig {
        nsec_t time;           /* that the action may take */
        uint64_t size;         /* bytes */
        nsec_t reset_interval; /* length of the windows */
        double fail_charge;    /* share of the bytes that were tried in vain which counts against `size`, 0 to 1 */
        uint32_t weight_size;  /* how much size, access rate and age say about who comes first */
        uint32_t weight_rate;
        uint32_t weight_age;
        Tuner tuner;
        GoalConfig *goals; /* the one that is closest to its target decides */
        size_t n_goals;
} QuotaConfig;

static inline bool quota_is_set(const QuotaConfig *quota) {
        return quota->time > 0 || quota->size > 0 || quota->n_goals > 0;
}

typedef enum WatermarkMetric {
        WATERMARK_NONE,
        WATERMARK_FREE_MEM_RATE, /* MemFree / MemTotal */
} WatermarkMetric;

typedef struct WatermarkConfig {
        WatermarkMetric metric;
        nsec_t interval;
        double high; /* above: off */
        double mid;  /* below: on */
        double low;  /* below: off again, the kernel's own reclaim has it now */
} WatermarkConfig;

/* In the order of the configuration's table of choices. The first two are about regions, the rest about
 * single pages. */
typedef enum FilterType {
        FILTER_ADDR,
        FILTER_TARGET,
        FILTER_ANON,
        FILTER_FILE,
        FILTER_MEMCG,
        FILTER_YOUNG,
        FILTER_ACTIVE,
        FILTER_HUGEPAGE_SIZE,
        FILTER_UNMAPPED,
        FILTER_SWAPPED,
        FILTER_SHARED,
        FILTER_NODE,
        _FILTER_TYPE_MAX,
} FilterType;

const char *filter_type_name(FilterType type);

static inline bool filter_is_core(FilterType type) {
        return type <= FILTER_TARGET;
}

typedef struct FilterConfig {
        FilterType type;
        bool matching; /* it hits memory that is (true) or is not (false) of the type */
        bool allow;    /* what is hit is acted on (true) or left alone (false) */
        uint64_t min;  /* addr: first byte; hugepage_size: least size in bytes */
        uint64_t max;  /* addr: end (exclusive); hugepage_size: largest size */
        uint32_t index; /* target: in the order of the configuration, from 0; node: its number */
        char *cgroup;  /* memcg: below the cgroup root */
} FilterConfig;

/* A destination of migrate_hot and migrate_cold. */
typedef struct Destination {
        uint32_t node;
        uint32_t weight; /* 1 and more */
} Destination;

/* Destinations by their speed. From TIER_FAST on in the order of the configuration's table of choices. */
typedef enum TierWord {
        TIER_LISTED, /* none: nodes by number */
        TIER_FAST,   /* any node of the fastest tier */
        TIER_SLOW,   /* … of the slowest */
        TIER_LOWER,  /* … of the next slower tier than the one where a page is */
        TIER_UPPER,  /* … of the next faster one */
        _TIER_WORD_MAX,
} TierWord;

/* "fast", "slow", "lower", "upper". */
const char *tier_word_name(TierWord word);

typedef struct SchemeConfig {
        char *name; /* unique within its monitor */
        Action action;
        bool enabled;
        bool dry_run;
        bool act_on_init; /* process 1 may be acted on, too */
        AccessPattern pattern;
        nsec_t apply_interval; /* 0: the monitor's aggregation interval */
        QuotaConfig quota;
        uint64_t swap_out_max; /* bytes of anonymous memory that may be handed to swap per second */
        WatermarkConfig watermarks;
        FilterConfig *filters;
        size_t n_filters;
        TierWord to; /* of the actions that migrate; TIER_LISTED: */
        Destination *destinations;
        size_t n_destinations;
        unsigned line; /* where its file says so; 0: nowhere */
        unsigned column;
} SchemeConfig;

#define SCHEMES_MAX 32 /* per monitor */
#define SCHEME_SWAP_OUT_DEFAULT (UINT64_C(256) << 20)

/* Enabled, everything matches, no quota, no filter; name NULL. Once there is a quota, rate and age weigh alike and
 * size does not (as in DAMON, which has a weight of size but ignores it), and a tenth of what was tried in vain is
 * charged: it must not eat up the quota, nor go on without end. Cannot fail. */
void scheme_config_init(SchemeConfig *config);
void scheme_config_deinit(SchemeConfig *config); /* leaves it all zero */

/* A deep copy. 0 or -ENOMEM (then *ret is empty). */
int scheme_config_copy(const SchemeConfig *config, SchemeConfig *ret);

/* Whether they mean the same; places in files do not count. */
bool scheme_config_equal(const SchemeConfig *a, const SchemeConfig *b);

/* The goals and the tuner alone. */
bool quota_goals_equal(const QuotaConfig *a, const QuotaConfig *b);

/* Rules about the whole that any source of configurations must keep (half-given safety …). 0, or -EINVAL
 * with the reason: the first that was found, with the names of keys as files have them. Intervals lie between
 * a millisecond and a day, as those of monitors do. */
int scheme_config_validate(const SchemeConfig *config, char **ret_error);
