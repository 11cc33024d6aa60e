/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world for scheme sets: a clock, facts, and snapshots made by hand. */
#pragma once

#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "base/macro.h"
#include "base/rng.h"
#include "monitor/ops.h"
#include "scheme/set.h"

#define PAGE PAGE_SIZE_MIN
#define MIB (UINT64_C(1) << 20)
#define SEC NSEC_PER_SEC
#define AGGREGATE (2 * SEC)
#define WORLD_TARGETS 4
#define WORLD_REGIONS 4096

typedef struct World {
        SchemeSet *set;
        nsec_t now;
        uint64_t sequence;
        SnapshotTarget targets[WORLD_TARGETS];
        TargetFacts target_facts[WORLD_TARGETS];
        size_t n_targets;
        SnapshotRegion regions[WORLD_REGIONS]; /* by target */
        size_t n_regions;
        Snapshot *snapshot; /* the latest */

        /* facts */
        double watermark; /* negative: cannot be read */
        uint64_t swap_free;
        bool swap_unreadable;
        double goal;
        unsigned watermark_reads;
} World;

static inline int world_goal(void *userdata, const GoalConfig *goal, GoalReading *ret) {
        const World *w = userdata;

        (void) goal;
        ret->value = w->goal;
        return w->goal < 0 ? -ENODATA : 0;
}

static inline int world_watermark(void *userdata, WatermarkMetric metric, double *ret) {
        World *w = userdata;

        (void) metric;
        w->watermark_reads++;
        *ret = w->watermark;
        return w->watermark < 0 ? -ENODATA : 0;
}

static inline int world_swap_free(void *userdata, uint64_t *ret) {
        const World *w = userdata;

        *ret = w->swap_free;
        return w->swap_unreadable ? -EACCES : 0;
}

/* One running target, no region yet. */
static inline void world_init(World *w) {
        *w = (World) { .now = 1000 * SEC, .n_targets = 1, .swap_free = UINT64_C(1) << 40, .watermark = -1, .goal = -1 };
        ck_assert_int_eq(scheme_set_new(&w->set), 0);
        for (size_t i = 0; i < WORLD_TARGETS; i++)
                w->targets[i] = (SnapshotTarget) {
                        .id = i + 1, .pid = 100 + (pid_t) i, .state = TARGET_RUNNING, .address_space = 1,
                };
        for (size_t i = 0; i < WORLD_TARGETS; i++)
                w->target_facts[i] = (TargetFacts) { .start_time = 5, .index = (uint32_t) i };
}

static inline void world_deinit(World *w) {
        snapshot_unref(w->snapshot);
        scheme_set_free(w->set);
}

/* A new region behind all others, of the last target that has any, or of `target`. */
static inline SnapshotRegion *world_add(World *w, size_t target, uint64_t first, uint64_t end, double rate, nsec_t age) {
        SnapshotRegion *region = &w->regions[w->n_regions++];

        ck_assert_uint_le(w->n_regions, WORLD_REGIONS);
        *region = (SnapshotRegion) {
                .start = first * PAGE, .end = end * PAGE, .samples = 20, .hits = (uint64_t) (20 * rate + 0.5),
                .rate = rate, .age = age, .newest = NSEC_INFINITY,
        };
        w->targets[target].n_regions++;
        return region;
}

static inline void world_clear(World *w) {
        w->n_regions = 0;
        for (size_t i = 0; i < WORLD_TARGETS; i++)
                w->targets[i].n_regions = 0;
}

/* The regions as they are now become the latest snapshot. */
static inline void world_snapshot(World *w) {
        size_t first = 0;

        snapshot_unref(w->snapshot);
        w->snapshot = snapshot_new(w->n_targets, w->n_regions);
        w->snapshot->sequence = ++w->sequence;
        w->snapshot->time = w->now;
        w->snapshot->window = w->snapshot->aggregate = AGGREGATE;
        w->snapshot->sample = SEC / 10;
        for (size_t i = 0; i < w->n_targets; i++) {
                w->snapshot->targets[i] = w->targets[i];
                w->snapshot->targets[i].first_region = first;
                first += w->targets[i].n_regions;
        }
        ck_assert_uint_eq(first, w->n_regions);
        if (w->n_regions > 0)
                memcpy(w->snapshot->regions, w->regions, w->n_regions * sizeof(*w->regions));
        snapshot_estimate(w->snapshot);
}

/* Decides from the latest snapshot. */
static inline Plan *world_decide(World *w) {
        const SchemeFacts facts = { world_goal, world_watermark, world_swap_free, w };
        Plan *plan;

        ck_assert_int_eq(scheme_set_decide(w->set, w->snapshot, w->target_facts, &facts, w->now, &plan), 0);
        return plan;
}

/* An aggregation later: a new snapshot of the same regions, and what is decided from it. */
static inline Plan *world_step(World *w) {
        w->now += AGGREGATE;
        world_snapshot(w);
        return world_decide(w);
}

/* Everything that may be done is done, with success; dry or not. Frees the plan (NULL: there was nothing to do).
 * Returns the bytes. */
static inline uint64_t world_settle(World *w, Plan *plan) {
        PlanResult *result;
        uint64_t bytes = 0;

        if (!plan)
                return 0;
        result = plan_result_new(plan);
        plan_pretend(plan, result);
        for (size_t i = 0; i < plan->n_items; i++) {
                bytes += result->items[i].tried;
                if (!plan->schemes[plan->items[i].scheme].dry_run)
                        result->items[i].applied = result->items[i].tried;
        }
        ck_assert_int_eq(scheme_set_settle(w->set, plan, result, w->now), 0);
        plan_result_free(result);
        plan_free(plan);
        return bytes;
}

static inline void world_configure(World *w, const SchemeConfig *configs, size_t n) {
        ck_assert_int_eq(scheme_set_configure(w->set, configs, n), 0);
}

/* Names are not owned: such a configuration is not to be freed. */
static inline SchemeConfig scheme_of(const char *name, Action action) {
        SchemeConfig config;

        scheme_config_init(&config);
        config.name = (char *) (uintptr_t) name;
        config.action = action;
        return config;
}

/* Idle memory is paged out. */
static inline SchemeConfig pageout_of(const char *name) {
        SchemeConfig config = scheme_of(name, ACTION_PAGEOUT);

        config.pattern.rate_max = 0;
        config.pattern.age_min = 60 * SEC;
        return config;
}

static inline SchemeView world_view(const World *w, const char *name) {
        int i = scheme_set_find(w->set, name);

        ck_assert_int_ge(i, 0);
        return scheme_set_view(w->set, (size_t) i, w->now);
}

static inline uint64_t world_planned(const Plan *plan) {
        uint64_t bytes = 0;

        for (size_t i = 0; plan && i < plan->n_items; i++)
                bytes += plan->items[i].end - plan->items[i].start;
        return bytes;
}

static inline void world_check_item(const Plan *plan, size_t i, size_t target, uint64_t first, uint64_t end) {
        ck_assert_ptr_nonnull(plan);
        ck_assert_uint_lt(i, plan->n_items);
        ck_assert_uint_eq(plan->items[i].target, target);
        ck_assert_uint_eq(plan->items[i].start, first * PAGE);
        ck_assert_uint_eq(plan->items[i].end, end * PAGE);
}

static inline void plan_freep(Plan **plan) {
        plan_free(*plan);
}

static inline int run_suite(Suite *suite) {
        SRunner *runner = srunner_create(suite);
        int failed;

        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}

#define WORLD _cleanup_(world_deinit) World w; world_init(&w)
