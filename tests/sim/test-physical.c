/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical memory in simulated worlds: free and kernel memory between what programs use, under both policies. */
#include <check.h>
#include <math.h>
#include <stdio.h>

#include "base/stat.h"
#include "world.h"

#define MIB (UINT64_C(1) << 20)
#define SEEDS 4
#define HOT (64 * MIB)

static uint64_t seed_of(int i) {
        const char *chosen = getenv("UDAMON_TEST_SEED");
        uint64_t seed = chosen ? strtoull(chosen, NULL, 10) : (uint64_t) i + 1;

        (void) fprintf(stderr, "seed %lu\n", (unsigned long) seed);
        return seed;
}

/* 1 GiB; between 100 and 164 MiB it is accessed, wherever a program has it. */
static const char memory[] = "area ram 1GiB\nphase 10s\ntouch ram 100MiB 64MiB 100%\n";

static uint64_t base; /* address of the area */

static uint64_t offset_of(uint64_t addr) {
        return addr - base;
}

/* A page in eight is the kernel's, here and there. */
static bool is_kernels(uint64_t offset) {
        return (offset / 4096 * UINT64_C(0x9e3779b97f4a7c15)) >> 61 == 0;
}

/* The upper half is free. */
static PageUse half_free(const World *world, uint64_t addr) {
        (void) world;
        if (offset_of(addr) >= 512 * MIB)
                return USE_FREE;
        return is_kernels(offset_of(addr)) ? USE_KERNEL : USE_PROGRAM;
}

/* After a minute the memory that is accessed is given back. */
static PageUse freed_later(const World *world, uint64_t addr) {
        uint64_t offset = offset_of(addr);

        if (world_age(world) > 60 * NSEC_PER_SEC && offset >= 100 * MIB && offset < 164 * MIB)
                return USE_FREE;
        return half_free(world, addr);
}

static void begin(World *world, const AdaptPolicy *policy, uint64_t seed,
                  PageUse (*use)(const World *world, uint64_t addr)) {
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        world_init(world, memory, &attrs, policy, seed);
        world->use = use;
        base = 0;
        base = world_next_snapshot(world)->targets[0].map->mappings[0].start;
}

static const AdaptPolicy *policy_of(int i) {
        return i % 2 ? &ADAPT_DIRECTED : &ADAPT_CLASSIC;
}

/* With default settings: the working set within 10 % at the median, and what is apart within 5 % of the whole. */
START_TEST(working_set_between_others) {
        double truth = (double) HOT * 7 / 8;
        WeightedValue errors[40];
        World world;

        begin(&world, policy_of(_i), seed_of(_i / 2), half_free);
        for (unsigned i = 0; i < 10 + ELEMENTSOF(errors); i++) {
                const WorkingSet *set = &world_next_snapshot(&world)->working_set;

                if (i < 10)
                        continue;
                errors[i - 10] = (WeightedValue) { fabs((double) set->bytes - truth) / truth, 1 };
                ck_assert_uint_eq(set->total, 1024 * MIB);
                ck_assert_double_le(fabs((double) set->apart[USE_FREE] - 512.0 * MIB), 51.0 * MIB);
                ck_assert_double_le(fabs((double) set->apart[USE_KERNEL] - 64.0 * MIB), 51.0 * MIB);
        }
        weighted_sort(errors, ELEMENTSOF(errors));
        ck_assert_double_le(weighted_percentile(errors, ELEMENTSOF(errors), 50), 0.10);
        world_deinit(&world);
}
END_TEST

/* Whatever a region is taken for, memory that is idle adds up to no more than what programs have and do not use. */
START_TEST(nothing_free_is_cold) {
        double most = (512.0 - 64.0) * MIB * 7 / 8;
        World world;

        begin(&world, policy_of(_i), seed_of(_i / 2), half_free);
        world_run(&world, 40 * NSEC_PER_SEC);
        for (unsigned i = 0; i < 20; i++) {
                const Snapshot *snapshot = world_next_snapshot(&world);
                double idle = 0;

                for (size_t k = 0; k < snapshot->n_regions; k++) {
                        const SnapshotRegion *region = &snapshot->regions[k];

                        if (region->rate == 0 && region->samples + (uint64_t) region->weight > 0)
                                idle += (double) (region->end - region->start) * page_use_trackable(region->apart);
                }
                ck_assert_double_le(idle, most * 1.15);
                ck_assert_double_ge(idle, most * 0.75);
        }
        world_deinit(&world);
}
END_TEST

/* Memory that is given back is in use no longer. */
START_TEST(freed_is_not_used) {
        World world;

        begin(&world, policy_of(_i), seed_of(_i / 2), freed_later);
        world_run(&world, 50 * NSEC_PER_SEC);
        ck_assert_uint_ge(world_next_snapshot(&world)->working_set.bytes, HOT / 2);
        world_run(&world, 60 * NSEC_PER_SEC);
        ck_assert_uint_le(world_next_snapshot(&world)->working_set.bytes, HOT / 8);
        world_deinit(&world);
}
END_TEST

/* Automatic intervals aim at a share of what can be accessed, whatever else there is. */
START_TEST(intervals_look_at_programs) {
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;
        double share = 64.0 / 512;
        World world;

        attrs.goal = INTERVALS_GOAL_DEFAULT;
        attrs.goal.enabled = true;
        attrs.goal.access_share = share; /* as it is: nothing is to be changed */
        world_init(&world, memory, &attrs, policy_of(_i), seed_of(_i / 2));
        world.use = half_free;
        base = world_next_snapshot(&world)->targets[0].map->mappings[0].start;
        world_run(&world, 120 * NSEC_PER_SEC);
        ck_assert_uint_ge(monitor_attrs(world.monitor)->sample, attrs.sample / 2);
        ck_assert_uint_le(monitor_attrs(world.monitor)->sample, attrs.sample * 2);
        world_deinit(&world);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("physical");
        TCase *tcase = tcase_create("physical");
        SRunner *runner;
        int failed;

        tcase_add_loop_test(tcase, working_set_between_others, 0, 2 * SEEDS);
        tcase_add_loop_test(tcase, nothing_free_is_cold, 0, 2 * SEEDS);
        tcase_add_loop_test(tcase, freed_is_not_used, 0, 2 * SEEDS);
        tcase_add_loop_test(tcase, intervals_look_at_programs, 0, 2 * SEEDS);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
