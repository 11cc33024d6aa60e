/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The schemes of one monitor: what they decide from a snapshot, and what they remember of what was done.
 * Pure: time and facts are handed in. */
#pragma once

#include "monitor/snapshot.h"
#include "scheme/parts.h"
#include "scheme/plan.h"
#include "scheme/quota.h"

/* Cumulative since the scheme was first configured under its name. Bytes unless it says otherwise. */
typedef struct SchemeStats {
        uint64_t passes; /* times that it was looked at a snapshot */
        uint64_t matched_regions; /* in the last pass, after core filters */
        uint64_t matched;
        uint64_t tried_regions;
        uint64_t tried;
        uint64_t applied_regions; /* ranges with at least a page applied */
        uint64_t applied;
        uint64_t would_regions; /* the same as tried, of dry runs */
        uint64_t would;
        uint64_t refaulted; /* pages that pageout had taken and that are resident again, as pagemap says */
        uint64_t returned;  /* of what was acted on: seen to be accessed again, by the monitor's estimate */
        uint64_t others[_OUTCOME_MAX];
        ErrorCount errors[PLAN_ERRORS_MAX];
        int last_error;      /* errno; 0: none yet */
        nsec_t last_error_time;
        MoveCount moves[PLAN_MOVES_MAX];
        uint64_t ping_pong; /* of what was moved: another scheme had moved it the other way */
        uint64_t hot;   /* bytes of regions with any access in the window of the last pass */
        nsec_t time;    /* spent on it */
        nsec_t longest;        /* batch: until it was over, whoever had the CPU */
        nsec_t longest_cpu;    /* batch, by the time that our thread worked */
        nsec_t longest_lookup; /* what was learned before a batch */
        uint64_t calls;
} SchemeStats;

typedef enum SchemeState {
        SCHEME_ACTIVE,
        SCHEME_INACTIVE, /* by its watermarks */
        SCHEME_DISABLED,
} SchemeState;

/* "active", "inactive", "disabled". */
const char *scheme_state_name(SchemeState state);

/* A running scheme, for reports. */
typedef struct SchemeView {
        uint64_t id;
        const SchemeConfig *config;
        SchemeState state;
        const SchemeStats *stats;
        const QuotaState *quota;
        const WatermarkState *watermark;
        uint64_t resting;    /* bytes that were acted on and are left alone for now */
        uint64_t backed_off; /* … because they came back before */
} SchemeView;

/* One thing that was done, or would have been. */
typedef struct ActEntry {
        nsec_t time; /* CLOCK_MONOTONIC */
        uint64_t scheme; /* id; its name while it exists */
        uint64_t target;
        pid_t pid;
        uint64_t start;
        uint64_t end; /* as far as it went */
        uint64_t tried;
        uint64_t applied;
        bool dry_run;
        Outcome why; /* what kept most of the rest back; OUTCOME_NOTHING: nothing to tell */
} ActEntry;

#define ACT_LOG_MAX 256

/* The world outside. Each returns 0 or a negative error number (not known now). */
typedef struct SchemeFacts {
        goal_read_t goal; /* metrics of the system; those of the targets are known to the set itself */
        int (*watermark)(void *userdata, WatermarkMetric metric, double *ret);
        int (*swap_free)(void *userdata, uint64_t *ret); /* bytes; 0 without swap */
        void *userdata;
} SchemeFacts;

/* What is known about a target beyond the snapshot. */
typedef struct TargetFacts {
        uint64_t start_time; /* as in PidRef; 0: not known */
        bool protected_always; /* the daemon itself, a kernel thread */
        bool physical; /* physical memory, not an address space */
        uint32_t index; /* for filters by target: which entry of the configuration it comes from */
} TargetFacts;

typedef struct SchemeSet SchemeSet;

int scheme_set_new(SchemeSet **ret);
SchemeSet *scheme_set_free(SchemeSet *set);

/* Puts these schemes in force, in this order. Those whose configuration is equal go on untouched; those of the
 * same name and action keep their statistics; plans under way are unharmed. All or nothing: 0 or -ENOMEM. */
int scheme_set_configure(SchemeSet *set, const SchemeConfig *configs, size_t n);

/* Decides. *ret is NULL when there is nothing to do. `targets` tells about snapshot->targets, index by index. At
 * most one plan may be out at a time. 0 or -ENOMEM. */
int scheme_set_decide(SchemeSet *set, const Snapshot *snapshot, const TargetFacts *targets, const SchemeFacts *facts,
                      nsec_t now, Plan **ret);

/* The plan has been carried out: charges quotas, counts, remembers. */
int scheme_set_settle(SchemeSet *set, const Plan *plan, const PlanResult *result, nsec_t now);

/* When to decide again although no new snapshot has come (a quota window opens, a watermark is due …);
 * NSEC_INFINITY: not before. */
nsec_t scheme_set_next(const SchemeSet *set);

/* Feeds a value to the user_input goals of a scheme. -ENOENT: no such scheme; -EINVAL: it has no such goal. */
int scheme_set_input(SchemeSet *set, const char *name, double value);

size_t scheme_set_count(const SchemeSet *set);
SchemeView scheme_set_view(const SchemeSet *set, size_t i, nsec_t now);
/* Index of the scheme of that name, or of that id; or -ENOENT. */
int scheme_set_find(const SchemeSet *set, const char *name);
int scheme_set_find_id(const SchemeSet *set, uint64_t id);

/* The i-th newest entry of the log; NULL beyond the last. */
const ActEntry *scheme_set_log(const SchemeSet *set, size_t i);

static inline void scheme_set_freep(SchemeSet **set) {
        *set = scheme_set_free(*set);
}
