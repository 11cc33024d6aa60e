/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties of the whole loop under `classic`, in simulated worlds. Every test runs under several
 * seeds; a failure names the seed, and UDAMON_TEST_SEED=N runs that one alone. */
#include <check.h>
#include <stdio.h>

#include "base/stat.h"
#include "world.h"

#define MIB (UINT64_C(1) << 20)
#define SEEDS 5

static uint64_t seed_of(int i) {
        const char *chosen = getenv("UDAMON_TEST_SEED");
        uint64_t seed = chosen ? strtoull(chosen, NULL, 10) : (uint64_t) i + 1;

        (void) fprintf(stderr, "seed %lu\n", (unsigned long) seed);
        return seed;
}

static MonitorAttrs attrs_of(nsec_t sample, nsec_t aggregate) {
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        attrs.sample = sample;
        attrs.aggregate = aggregate;
        return attrs;
}

/* Median of the working set error over n snapshots, the first `skip` left out. */
static double median_error(World *world, unsigned skip, unsigned n) {
        WeightedValue errors[256];

        for (unsigned i = 0; i < skip + n; i++) {
                const Snapshot *snapshot = world_next_snapshot(world);

                if (i >= skip)
                        errors[i - skip] = (WeightedValue) { world_score(world, snapshot, 0.5).wss_error, 1 };
        }
        weighted_sort(errors, n);
        return weighted_percentile(errors, n, 50);
}

START_TEST(working_set_of_steps) {
        MonitorAttrs attrs = attrs_of(25 * NSEC_PER_MSEC, 500 * NSEC_PER_MSEC);
        World world;

        world_init(&world, WORLD_STAIRS, &attrs, &ADAPT_CLASSIC, seed_of(_i));
        ck_assert_double_le(median_error(&world, 5, 60), 0.05);
        world_deinit(&world);
}
END_TEST

START_TEST(working_set_of_halves) {
        MonitorAttrs attrs = attrs_of(25 * NSEC_PER_MSEC, 500 * NSEC_PER_MSEC);
        World world;

        world_init(&world, WORLD_ZIGZAG, &attrs, &ADAPT_CLASSIC, seed_of(_i));
        ck_assert_double_le(median_error(&world, 5, 60), 0.03);
        world_deinit(&world);
}
END_TEST

static const char *const warm[] = {
        "area r 8GiB\nphase 1000s\ntouch r 0 8GiB 10%\n",
        "area r 8GiB\nphase 1000s\ntouch r 0 8GiB 30%\n",
        "area r 8GiB\nphase 1000s\ntouch r 0 8GiB 50%\n",
        "area r 8GiB\nphase 1000s\ntouch r 0 8GiB 100%\n",
};

/* DAMON keeps hundreds of regions alive here, for nothing. */
START_TEST(warm_memory_needs_few_regions) {
        double regions = 0;
        World world;

        world_init(&world, warm[_i % 4], &MONITOR_ATTRS_DEFAULT, &ADAPT_CLASSIC, seed_of(_i / 4));
        world_run(&world, 60 * NSEC_PER_SEC);
        for (unsigned i = 0; i < 50; i++)
                regions += (double) world_next_snapshot(&world)->n_regions;
        ck_assert_double_le(regions / 50, 3 * MONITOR_ATTRS_DEFAULT.min_regions);
        world_deinit(&world);
}
END_TEST

/* A steady rate has an age that grows: noise does not end it. */
START_TEST(age_of_steady_memory_grows) {
        WeightedValue ages[1000];
        const Snapshot *snapshot;
        World world;

        world_init(&world, warm[_i % 4], &MONITOR_ATTRS_DEFAULT, &ADAPT_CLASSIC, seed_of(_i / 4));
        world_run(&world, 400 * NSEC_PER_SEC);
        snapshot = world_next_snapshot(&world);
        for (size_t i = 0; i < snapshot->n_regions; i++)
                ages[i] = (WeightedValue) { (double) snapshot->regions[i].age,
                                            snapshot->regions[i].end - snapshot->regions[i].start };
        weighted_sort(ages, snapshot->n_regions);
        ck_assert_double_ge(weighted_percentile(ages, snapshot->n_regions, 50), 60.0 * NSEC_PER_SEC);
        world_deinit(&world);
}
END_TEST

static const char idle_half[] = "area r 1GiB\nphase 20s\ntouch r 0 1GiB 100%\nphase 1000s\ntouch r 0 500MiB 100%\n";

/* What is idle is called idle, never for longer than it is, give or take two windows. */
START_TEST(idle_time_is_true) {
        MonitorAttrs attrs = attrs_of(100 * NSEC_PER_MSEC, 2 * NSEC_PER_SEC);
        uint64_t idle = 0;
        const Snapshot *snapshot;
        World world;

        world_init(&world, idle_half, &attrs, &ADAPT_CLASSIC, seed_of(_i));
        world_run(&world, 120 * NSEC_PER_SEC);
        snapshot = world_next_snapshot(&world);
        for (size_t i = 0; i < snapshot->n_regions; i++) {
                const SnapshotRegion *region = &snapshot->regions[i];

                if (region->rate > 0)
                        continue;
                ck_assert_uint_le(region->age, 106 * NSEC_PER_SEC);
                /* a part that was cut from used memory late counts from its last access seen, so less */
                if (region->age > 45 * NSEC_PER_SEC)
                        idle += region->end - region->start;
        }
        ck_assert_uint_ge(idle, 490 * MIB);
        ck_assert_uint_le(idle, 526 * MIB);
        world_deinit(&world);
}
END_TEST

/* An access in idle memory is never overlooked once it was sampled: the region is not idle any more. */
START_TEST(an_access_ends_idleness) {
        static const char pattern[] = "area r 64MiB\nphase 60s\nphase 60s\ntouch r 0 64MiB 100%\n";
        const Snapshot *snapshot;
        World world;

        world_init(&world, pattern, &MONITOR_ATTRS_DEFAULT, &ADAPT_CLASSIC, seed_of(_i));
        world_run(&world, 66 * NSEC_PER_SEC);
        snapshot = world_next_snapshot(&world);
        for (size_t i = 0; i < snapshot->n_regions; i++) {
                ck_assert_double_ge(snapshot->regions[i].rate, 0.5);
                ck_assert_uint_le(snapshot->regions[i].age, 12 * NSEC_PER_SEC);
        }
        world_deinit(&world);
}
END_TEST

static const struct {
        uint32_t min, max;
        uint64_t max_size;
} bounds[] = { { 10, 20, 0 }, { 3, 10, 0 }, { 100, 1000, 0 }, { 10, 1000, 16 * MIB }, { 5, 5, 0 } };

START_TEST(bounds_hold) {
        MonitorAttrs attrs = attrs_of(25 * NSEC_PER_MSEC, 250 * NSEC_PER_MSEC);
        World world;

        attrs.min_regions = bounds[_i].min;
        attrs.max_regions = bounds[_i].max;
        attrs.max_region_size = bounds[_i].max_size;
        world_init(&world, "area r 1GiB\nphase 1s\ntouch r 0 300MiB 70%\nphase 1s\ntouch r 300MiB 400MiB 30%\n", &attrs,
                   &ADAPT_CLASSIC, seed_of(_i));
        for (unsigned i = 0; i < 100; i++) {
                const Snapshot *snapshot = world_next_snapshot(&world);

                ck_assert_uint_le(snapshot->n_regions, attrs.max_regions);
                /* a region may exceed the limit by half before it is cut */
                ck_assert_uint_ge(snapshot->n_regions, attrs.min_regions * 2 / 3);
                for (size_t k = 0; attrs.max_region_size > 0 && k < snapshot->n_regions; k++)
                        ck_assert_uint_le(snapshot->regions[k].end - snapshot->regions[k].start,
                                          attrs.max_region_size * 3 / 2);
        }
        world_deinit(&world);
}
END_TEST

/* A hot block in the upper part of a region of several TiB: DAMON's 32-bit offsets never reach it. */
START_TEST(ten_tebibytes) {
        static const char pattern[] = "area r 10TiB\nphase 1000s\ntouch r 7TiB 1TiB 100%\n";
        World world;
        Score score;

        world_init(&world, pattern, &MONITOR_ATTRS_DEFAULT, &ADAPT_CLASSIC, seed_of(_i));
        world_run(&world, 60 * NSEC_PER_SEC);
        score = world_score(&world, world_next_snapshot(&world), 0.5);
        ck_assert_double_ge(score.f1, 0.9);
        ck_assert_double_le(score.wss_error, 0.1);
        world_deinit(&world);
}
END_TEST

/* The number of samples depends on regions and time, not on size. */
START_TEST(samples_do_not_grow_with_size) {
        static const char *const patterns[] = {
                "area r 1GiB\nphase 1000s\ntouch r 200MiB 100MiB 100%\n",
                "area r 10TiB\nphase 1000s\ntouch r 2000GiB 1000GiB 100%\n",
        };
        uint64_t samples[2] = {};

        /* how many regions are cut is chance: the mean over some worlds is not */
        for (unsigned i = 0; i < 2 * SEEDS; i++) {
                World world;

                world_init(&world, patterns[i % 2], &MONITOR_ATTRS_DEFAULT, &ADAPT_CLASSIC, seed_of((int) i / 2));
                world_run(&world, 200 * NSEC_PER_SEC);
                samples[i % 2] += world.source->counters.samples;
                world_deinit(&world);
        }
        ck_assert_double_le((double) samples[1], 1.15 * (double) samples[0]);
        ck_assert_double_ge((double) samples[1], 0.85 * (double) samples[0]);
}
END_TEST

START_TEST(a_seed_replays) {
        uint64_t sum = world_fingerprint(&MONITOR_ATTRS_DEFAULT, &ADAPT_CLASSIC, 30, 77);

        ck_assert_uint_eq(world_fingerprint(&MONITOR_ATTRS_DEFAULT, &ADAPT_CLASSIC, 30, 77), sum);
}
END_TEST

/* The automatic intervals come to rest where about the wanted share of checks finds an access. */
START_TEST(intervals_settle) {
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;
        World world;

        attrs.goal = INTERVALS_GOAL_DEFAULT;
        world_init(&world, "area r 1GiB\nphase 100000s\ntouch r 0 64MiB 100%\n", &attrs, &ADAPT_CLASSIC, seed_of(_i));
        world_run(&world, 600 * NSEC_PER_SEC);
        /* 6.25 % are always accessed, however short the interval: it ends at the minimum */
        ck_assert_uint_le(monitor_attrs(world.monitor)->sample, 3 * attrs.goal.sample_min);
        ck_assert_uint_gt(monitor_counters(world.monitor)->tunings, 0);
        world_deinit(&world);
}
END_TEST

START_TEST(bad_patterns) {
        static const struct {
                const char *pattern;
                const char *error;
        } cases[] = {
                { "", "line 1: the pattern has no area" },
                { "area a 1GiB\n", "line 2: the pattern has no phase" },
                { "area a 1GB5\nphase 1s\n", "line 1: '1GB5' is no size" },
                { "area a 100\nphase 1s\n", "line 1: '100' is no size" },
                { "area a 1GiB\narea a 1GiB\n", "line 2: area 'a' is there already" },
                { "area a 1GiB\nphase 5\n", "line 2: '5' is no duration" },
                { "area a 1GiB\nphase 0s\n", "line 2: '0s' is no duration" },
                { "area a 1GiB\ntouch a 0 1MiB 5%\n", "line 2: a touch must stand below a phase" },
                { "area a 1GiB\nphase 1s\ntouch b 0 1MiB 5%\n", "line 3: there is no area 'b'" },
                { "area a 1GiB\nphase 1s\ntouch a 1GiB 1MiB 5%\n", "line 3: the touch reaches beyond" },
                { "area a 1GiB\nphase 1s\ntouch a 0 1MiB 5\n", "line 3: '5' is no share" },
                { "area a 1GiB\nphase 1s\narea b 1GiB\n", "line 3: areas must come before" },
                { "area a 200TiB\nphase 1s\n", "line 1: area 'a' does not fit" },
                { "# only\nnonsense\n", "line 2: expected 'area" },
        };
        _cleanup_free_ char *error = NULL;
        Source *source = NULL;

        ck_assert_int_lt(sim_source_new(cases[_i].pattern, &source, &error), 0);
        ck_assert_ptr_null(source);
        ck_assert_msg(strstr(error, cases[_i].error) == error, "'%s' does not begin with '%s'", error, cases[_i].error);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("classic");
        TCase *tests = tcase_create("properties");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tests, 120);
        tcase_add_loop_test(tests, working_set_of_steps, 0, SEEDS);
        tcase_add_loop_test(tests, working_set_of_halves, 0, SEEDS);
        tcase_add_loop_test(tests, warm_memory_needs_few_regions, 0, 4 * SEEDS);
        tcase_add_loop_test(tests, age_of_steady_memory_grows, 0, 4 * SEEDS);
        tcase_add_loop_test(tests, idle_time_is_true, 0, SEEDS);
        tcase_add_loop_test(tests, an_access_ends_idleness, 0, SEEDS);
        tcase_add_loop_test(tests, bounds_hold, 0, 5);
        tcase_add_loop_test(tests, ten_tebibytes, 0, SEEDS);
        tcase_add_test(tests, samples_do_not_grow_with_size);
        tcase_add_test(tests, a_seed_replays);
        tcase_add_loop_test(tests, intervals_settle, 0, SEEDS);
        tcase_add_loop_test(tests, bad_patterns, 0, 14);
        suite_add_tcase(suite, tests);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
