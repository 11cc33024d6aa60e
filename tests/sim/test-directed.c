/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties of the whole loop under `directed`, in simulated worlds, at 2600 samples a second. Seeds are printed;
 * UDAMON_TEST_SEED=N runs that one alone. Where chance decides, the median and most of the seeds must be good. */
#include <check.h>
#include <stdio.h>

#include "base/stat.h"
#include "world.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define SEEDS 7
#define BUDGET 2600
#define FLOOR (BUDGET / 10)

static unsigned n_seeds(void) {
        return getenv("UDAMON_TEST_SEED") ? 1 : SEEDS;
}

static uint64_t seed_of(unsigned i) {
        const char *chosen = getenv("UDAMON_TEST_SEED");

        return chosen ? strtoull(chosen, NULL, 10) : (uint64_t) i + 1;
}

static MonitorAttrs attrs_of(nsec_t aggregate) {
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        attrs.aggregate = aggregate;
        attrs.samples_per_sec = BUDGET;
        return attrs;
}

static void run_until(World *world, nsec_t age) {
        while (world_age(world) < age)
                (void) world_next_snapshot(world);
}

/* The median of values and how many of them are as they should be; all are printed. */
static double median_of(const char *what, const double *values, unsigned n) {
        WeightedValue sorted[64];

        (void) fprintf(stderr, "%s:", what);
        for (unsigned i = 0; i < n; i++) {
                (void) fprintf(stderr, " seed %lu %.3f", (unsigned long) seed_of(i), values[i]);
                sorted[i] = (WeightedValue) { values[i], 1 };
        }
        (void) fprintf(stderr, "\n");
        weighted_sort(sorted, n);
        return weighted_percentile(sorted, n, 50);
}

/* The median being good, most are. */
static void assert_at_least(const char *what, const double *values, double bar) {
        ck_assert_double_ge(median_of(what, values, n_seeds()), bar);
}

static void assert_at_most(const char *what, const double *values, double bar) {
        ck_assert_double_le(median_of(what, values, n_seeds()), bar);
}

/* ---- Finding ---- */

/* 64 chunks of 16 MiB, each somewhere in a sixty-fourth of the whole, so that none touch by intent. */
static void make_chunks(char *text, size_t size, unsigned percent, uint64_t seed) {
        size_t at = (size_t) snprintf(text, size, "area r 62GiB\nphase 10000s\n");
        Rng rng;

        rng_init(&rng, seed);
        for (unsigned i = 0; i < 64; i++) {
                uint64_t start = i * 992 * MIB / 4 * 4 + rng_below(&rng, 976 * MIB / (4 * KIB)) * 4 * KIB;

                at += (size_t) snprintf(text + at, size - at, "touch r %luKiB 16MiB %u%%\n", (unsigned long) (start / KIB), percent);
        }
}

static const struct {
        const char *name;
        const char *pattern; /* NULL: the chunks */
        unsigned percent;
        unsigned seconds; /* until this */
        double recall, precision, f1;
} finds[] = {
        { "64 chunks, 100 %", NULL, 100, 10, 0.97, 0.95, 0.9 },
        { "64 chunks, 30 %", NULL, 30, 45, 0.90, 0.95, 0.9 },
        { "200 MiB in 160 GiB, 30 %", "area r 160GiB\nphase 10000s\ntouch r 70001MiB 200MiB 30%\n", 30, 5, 0, 0, 0.9 },
        { "10 GiB in 5 TiB, 30 %", "area r 5TiB\nphase 10000s\ntouch r 2000001MiB 10GiB 30%\n", 30, 5, 0, 0, 0.97 },
        { "1 GiB in 10 TiB, 100 %", "area r 10TiB\nphase 10000s\ntouch r 7000001MiB 1GiB 100%\n", 100, 10, 0, 0, 0.9 },
};

START_TEST(hot_memory_is_found) {
        double recall[SEEDS], precision[SEEDS], f1[SEEDS];
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);
        char text[8192];

        for (unsigned i = 0; i < n_seeds(); i++) {
                World world;
                Score score;

                make_chunks(text, sizeof(text), finds[_i].percent, seed_of(i));
                world_init(&world, finds[_i].pattern ?: text, &attrs, &ADAPT_DIRECTED, seed_of(i));
                run_until(&world, finds[_i].seconds * NSEC_PER_SEC - NSEC_PER_SEC / 2);
                score = world_score(&world, monitor_snapshot(world.monitor), finds[_i].percent / 200.0);
                recall[i] = score.recall;
                precision[i] = score.precision;
                f1[i] = score.f1;
                ck_assert_uint_le(world.source->counters.samples, BUDGET * (uint64_t) (finds[_i].seconds + 1) * 101 / 100);
                world_deinit(&world);
        }
        (void) fprintf(stderr, "%s after %u s\n", finds[_i].name, finds[_i].seconds);
        assert_at_least("recall", recall, finds[_i].recall);
        assert_at_least("precision", precision, finds[_i].precision);
        assert_at_least("F1", f1, finds[_i].f1);
}
END_TEST

/* A quarter of a region that is accessed densely but in one piece is not taken for warm as a whole. */
START_TEST(dense_pieces_are_not_spread) {
        static const char pattern[] = "area r 8GiB\nphase 1000s\ntouch r 1001MiB 250MiB 100%\ntouch r 5003MiB 1100MiB 60%\n";
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);
        double f1[SEEDS];

        for (unsigned i = 0; i < n_seeds(); i++) {
                World world;

                world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                run_until(&world, 10 * NSEC_PER_SEC);
                f1[i] = world_score(&world, monitor_snapshot(world.monitor), 0.3).f1;
                world_deinit(&world);
        }
        assert_at_least("F1", f1, 0.95);
}
END_TEST

/* Accesses that hit the TLB are not seen: three of ten here. */
START_TEST(unseen_accesses_do_not_matter) {
        static const char pattern[] = "area r 16GiB\nphase 1000s\ntouch r 3001MiB 400MiB 100%\n";
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);
        double f1[SEEDS];

        for (unsigned i = 0; i < n_seeds(); i++) {
                World world;

                world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                world.miss = 0.3;
                run_until(&world, 30 * NSEC_PER_SEC);
                f1[i] = world_score(&world, monitor_snapshot(world.monitor), 0.35).f1;
                world_deinit(&world);
        }
        assert_at_least("F1", f1, 0.95);
}
END_TEST

/* Pages without a verdict: searches that meet them end, and what can be seen is found. */
START_TEST(untrackable_memory_stops_no_search) {
        static const char pattern[] = "area r 16GiB\nphase 1000s\ntouch r 7GiB 2GiB 50%\n";
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);

        for (unsigned i = 0; i < n_seeds(); i++) {
                uint64_t hot = 0, searched = 0;
                const Target *target;
                World world;

                world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                world.untrackable = UINT64_C(0x100000000000) + 8192 * MIB;
                run_until(&world, 60 * NSEC_PER_SEC);
                target = monitor_target(world.monitor, 0);
                for (size_t k = 0; k < target->list.n; k++) {
                        const Region *region = &target->list.regions[k];

                        hot += region->rate >= 0.25 ? region_size(region) : 0;
                        searched += region->need;
                }
                (void) fprintf(stderr, "seed %lu: %lu MiB hot\n", (unsigned long) seed_of(i), (unsigned long) (hot / MIB));
                ck_assert_uint_ge(hot, 950 * MIB);
                ck_assert_uint_le(hot, 2100 * MIB);
                ck_assert_uint_le(searched, 200);
                world_deinit(&world);
        }
}
END_TEST

/* A source that sees whole mappings: nothing is searched or cut, and rates and ages are those of the mappings. */
START_TEST(whole_mappings) {
        static const char pattern[] = "area a 64MiB\narea b 64MiB\nphase 30s\ntouch a 0 64MiB 100%\n"
                                      "phase 1000s\ntouch b 0 64MiB 100%\n";
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);
        const Snapshot *snapshot;
        World world;

        world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, 1);
        world.ops.granularity = GRANULARITY_MAPPING;
        run_until(&world, 20 * NSEC_PER_SEC);
        snapshot = monitor_snapshot(world.monitor);
        ck_assert_uint_eq(snapshot->n_regions, 2);
        ck_assert_double_eq(snapshot->regions[0].rate, 1);
        ck_assert_double_eq(snapshot->regions[1].rate, 0);

        run_until(&world, 60 * NSEC_PER_SEC);
        snapshot = monitor_snapshot(world.monitor);
        ck_assert_uint_eq(snapshot->n_regions, 2);
        ck_assert_double_eq(snapshot->regions[0].rate, 0);
        ck_assert_uint_le(snapshot->regions[0].age, 32 * NSEC_PER_SEC);
        ck_assert_double_ge(snapshot->regions[1].rate, 0.95); /* the window of the change is in it */
        ck_assert_uint_le(snapshot->regions[1].age, 32 * NSEC_PER_SEC);
        ck_assert_uint_ge(snapshot->regions[1].age, 28 * NSEC_PER_SEC);
        world_deinit(&world);
}
END_TEST

/* ---- Uniformly warm memory ---- */

/* Below some 2 %, accesses are taken to be lone ones. */
static const unsigned warm[] = { 3, 5, 10, 20, 30, 50, 70, 90, 97, 100 };

#define RECOGNIZED (30 * NSEC_PER_SEC)

/* Few regions, few samples, and an age that no noise ends. */
START_TEST(warm_memory_is_left_in_peace) {
        double regions[SEEDS], rate[SEEDS], youngest[SEEDS];
        MonitorAttrs attrs = attrs_of(2 * NSEC_PER_SEC);

        for (unsigned i = 0; i < n_seeds(); i++) {
                const Snapshot *snapshot;
                char pattern[128];
                uint64_t before;
                World world;

                (void) snprintf(pattern, sizeof(pattern), "area r 8GiB\nphase 10000s\ntouch r 0 8GiB %u%%\n", warm[_i]);
                world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                run_until(&world, RECOGNIZED);
                before = world.source->counters.samples;
                regions[i] = 0;
                while (world_age(&world) < 5 * RECOGNIZED)
                        regions[i] = MAX(regions[i], (double) world_next_snapshot(&world)->n_regions);
                rate[i] = (double) (world.source->counters.samples - before) / (4.0 * RECOGNIZED / NSEC_PER_SEC);
                snapshot = monitor_snapshot(world.monitor);
                youngest[i] = (double) world_age(&world);
                for (size_t k = 0; k < snapshot->n_regions; k++)
                        youngest[i] = MIN(youngest[i], (double) snapshot->regions[k].age);
                youngest[i] /= NSEC_PER_SEC;
                world_deinit(&world);
        }
        (void) fprintf(stderr, "all accessed in %u %% of the checks\n", warm[_i]);
        assert_at_most("most regions", regions, 2 * attrs.min_regions);
        assert_at_most("samples a second", rate, 1.3 * FLOOR);
        assert_at_least("youngest, s", youngest, 4.0 * RECOGNIZED / NSEC_PER_SEC);
        for (unsigned i = 0; i < n_seeds() && warm[_i] >= 10; i++)
                ck_assert_double_ge(youngest[i], 4.0 * RECOGNIZED / NSEC_PER_SEC); /* not even once */
}
END_TEST

static const struct {
        unsigned per_mille;
        double least;
} thin[] = { { 10, 0.75 }, { 15, 0.85 }, { 20, 0.9 } };

/* What is accessed too thinly to be found is told all the same: 1 % of the checks is every page every ten seconds. */
START_TEST(thin_accesses_are_told) {
        MonitorAttrs attrs = attrs_of(2 * NSEC_PER_SEC);
        double told[SEEDS];

        for (unsigned i = 0; i < n_seeds(); i++) {
                double sum = 0;
                char pattern[128];
                World world;

                (void) snprintf(pattern, sizeof(pattern), "area r 8GiB\nphase 10000s\ntouch r 0 8GiB %u.%u%%\n",
                                thin[_i].per_mille / 10, thin[_i].per_mille % 10);
                world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                run_until(&world, 60 * NSEC_PER_SEC);
                for (unsigned k = 0; k < 30; k++)
                        sum += (double) world_next_snapshot(&world)->working_set.bytes;
                told[i] = sum / 30 / (8192.0 * MIB * thin[_i].per_mille / 1000);
                world_deinit(&world);
        }
        assert_at_least("working set / true", told, thin[_i].least);
        assert_at_most("working set / true", told, 1.1);
}
END_TEST

/* Lone accesses all over idle memory make it neither young nor many regions. */
START_TEST(lone_accesses_are_forgotten) {
        static const char pattern[] = "area r 8GiB\nphase 10000s\ntouch r 0 8GiB 0.05%\ntouch r 2001MiB 300MiB 100%\n";
        MonitorAttrs attrs = attrs_of(2 * NSEC_PER_SEC);

        for (unsigned i = 0; i < n_seeds(); i++) {
                const Snapshot *snapshot;
                uint64_t old = 0;
                World world;

                world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                run_until(&world, 120 * NSEC_PER_SEC);
                snapshot = monitor_snapshot(world.monitor);
                for (size_t k = 0; k < snapshot->n_regions; k++)
                        if (snapshot->regions[k].rate == 0 && snapshot->regions[k].age >= 100 * NSEC_PER_SEC)
                                old += snapshot->regions[k].end - snapshot->regions[k].start;
                (void) fprintf(stderr, "seed %lu: %zu regions, %lu MiB old\n", (unsigned long) seed_of(i), snapshot->n_regions,
                               (unsigned long) (old / MIB));
                ck_assert_uint_ge(old, 7500 * MIB);
                ck_assert_uint_le(snapshot->n_regions, 150);
                ck_assert_double_ge(world_score(&world, snapshot, 0.5).f1, 0.95);
                world_deinit(&world);
        }
}
END_TEST

/* ---- Change ---- */

START_TEST(working_set_of_phases) {
        static const char *const patterns[] = { WORLD_ZIGZAG, WORLD_STAIRS };
        MonitorAttrs attrs = attrs_of(500 * NSEC_PER_MSEC);
        double errors[SEEDS];

        attrs.sample = 25 * NSEC_PER_MSEC;
        for (unsigned i = 0; i < n_seeds(); i++) {
                WeightedValue of_world[60];
                World world;

                world_init(&world, patterns[_i], &attrs, &ADAPT_DIRECTED, seed_of(i));
                for (unsigned k = 0; k < 5; k++)
                        (void) world_next_snapshot(&world);
                for (unsigned k = 0; k < 60; k++)
                        of_world[k] = (WeightedValue) { world_score(&world, world_next_snapshot(&world), 0.5).wss_error, 1 };
                weighted_sort(of_world, 60);
                errors[i] = weighted_percentile(of_world, 60, 50);
                world_deinit(&world);
        }
        assert_at_most("working set error", errors, 0.02);
}
END_TEST

/* What a CPU limit leaves where a sample is dear: 120 samples a second, for two halves in turn, in windows of 2 s, beside
 * small memory that is accessed a little. */
START_TEST(working_set_from_few_samples) {
        static const char pattern[] = "area prog 60KiB\narea a 97660KiB\narea b 97660KiB\narea libs 2900KiB\n"
                                      "phase 2.5s\ntouch a 0 97660KiB 100%\ntouch prog 12KiB 48KiB 58%\n"
                                      "touch libs 1000KiB 180KiB 6%\n"
                                      "phase 2.5s\ntouch b 0 97660KiB 100%\ntouch prog 12KiB 48KiB 58%\n"
                                      "touch libs 1000KiB 180KiB 6%\n";
        MonitorAttrs attrs = attrs_of(2 * NSEC_PER_SEC);
        double medians[SEEDS], most[SEEDS];

        attrs.samples_per_sec = 120;
        for (unsigned i = 0; i < n_seeds(); i++) {
                WeightedValue of_world[40];
                World world;

                world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                run_until(&world, 5 * NSEC_PER_SEC);
                for (unsigned k = 0; k < 40; k++)
                        of_world[k] = (WeightedValue) { world_score(&world, world_next_snapshot(&world), 0.5).wss_error, 1 };
                weighted_sort(of_world, 40);
                medians[i] = weighted_percentile(of_world, 40, 50);
                most[i] = weighted_percentile(of_world, 40, 90);
                world_deinit(&world);
        }
        assert_at_most("working set error, median", medians, 0.02);
        assert_at_most("working set error, 90th percentile", most, 0.15);
}
END_TEST

/* Hot memory that only some of its pages show: its rate is known to a few per cent. */
START_TEST(working_set_of_steady_memory) {
        static const char one[] = "area r 160GiB\nphase 1000s\ntouch r 70001MiB 8GiB 30%\n";
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);
        char chunks[8192];
        double errors[SEEDS];

        for (unsigned i = 0; i < n_seeds(); i++) {
                WeightedValue of_world[40];
                World world;

                make_chunks(chunks, sizeof(chunks), 30, seed_of(i));
                world_init(&world, _i == 0 ? one : chunks, &attrs, &ADAPT_DIRECTED, seed_of(i));
                run_until(&world, 60 * NSEC_PER_SEC);
                for (unsigned k = 0; k < 40; k++)
                        of_world[k] = (WeightedValue) { world_score(&world, world_next_snapshot(&world), 0.15).wss_error, 1 };
                weighted_sort(of_world, 40);
                errors[i] = weighted_percentile(of_world, 40, 90);
                world_deinit(&world);
        }
        assert_at_most("working set error, 90th percentile", errors, 0.05);
}
END_TEST

static const struct {
        const char *pattern;
        nsec_t phase;
        nsec_t aggregate;
        double theta;
} changes[] = {
        { WORLD_ZIGZAG, 2500 * NSEC_PER_MSEC, 500 * NSEC_PER_MSEC, 0.5 },
        { WORLD_STAIRS, 2500 * NSEC_PER_MSEC, 500 * NSEC_PER_MSEC, 0.5 },
        { "area r 16GiB\nphase 20s\ntouch r 333MiB 300MiB 100%\nphase 20s\ntouch r 7001MiB 300MiB 100%\n", 20 * NSEC_PER_SEC,
          NSEC_PER_SEC, 0.5 },
        { "area r 160GiB\nphase 20s\ntouch r 333MiB 4GiB 30%\nphase 20s\ntouch r 70001MiB 4GiB 30%\n", 20 * NSEC_PER_SEC,
          NSEC_PER_SEC, 0.15 },
};

/* How long after each change of phase F1 is 0.9 again, in windows. */
START_TEST(changes_are_seen_within_two_windows) {
        nsec_t phase = changes[_i].phase, aggregate = changes[_i].aggregate;
        MonitorAttrs attrs = attrs_of(aggregate);
        double lags[SEEDS];

        for (unsigned i = 0; i < n_seeds(); i++) {
                WeightedValue of_world[6];
                World world;

                world_init(&world, changes[_i].pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                for (unsigned k = 0; k < 6; k++) {
                        nsec_t change = (k + 1) * phase;
                        const Snapshot *snapshot;

                        run_until(&world, change - aggregate / 2);
                        do
                                snapshot = world_next_snapshot(&world);
                        while (world_score_at_end(&world, snapshot, changes[_i].theta).f1 < 0.9 &&
                               world_age(&world) < change + phase - aggregate);
                        of_world[k] = (WeightedValue) { (double) (world_age(&world) - change) / (double) aggregate, 1 };
                }
                weighted_sort(of_world, 6);
                lags[i] = weighted_percentile(of_world, 6, 50);
                world_deinit(&world);
        }
        /* the windows' ends lie on a grid of sampling intervals, with jitter */
        assert_at_most("lag in windows", lags, 2 + 1.5 * (double) attrs.sample / (double) aggregate);
}
END_TEST

/* What has become idle is called idle, and never for longer than it is. */
START_TEST(idle_time_is_true) {
        static const char pattern[] = "area r 1GiB\nphase 20s\ntouch r 0 1GiB 100%\nphase 1000s\ntouch r 0 500MiB 100%\n";
        MonitorAttrs attrs = attrs_of(2 * NSEC_PER_SEC);

        for (unsigned i = 0; i < n_seeds(); i++) {
                const Snapshot *snapshot;
                uint64_t idle = 0;
                World world;

                world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                run_until(&world, 120 * NSEC_PER_SEC);
                snapshot = monitor_snapshot(world.monitor);
                for (size_t k = 0; k < snapshot->n_regions; k++) {
                        if (snapshot->regions[k].rate > 0)
                                continue;
                        ck_assert_uint_le(snapshot->regions[k].age, world_age(&world) - 20 * NSEC_PER_SEC + NSEC_PER_SEC / 5);
                        if (snapshot->regions[k].age > 90 * NSEC_PER_SEC)
                                idle += snapshot->regions[k].end - snapshot->regions[k].start;
                }
                (void) fprintf(stderr, "seed %lu: %lu MiB idle\n", (unsigned long) seed_of(i), (unsigned long) (idle / MIB));
                ck_assert_uint_ge(idle, 500 * MIB);
                ck_assert_uint_le(idle, 535 * MIB);
                world_deinit(&world);
        }
}
END_TEST

/* Areas 1, 2 and 3 come and go, each for 16 s, at different times. */
static nsec_t mapped_since(nsec_t age, size_t area) {
        nsec_t cycle = 24 * NSEC_PER_SEC, t = (age + area * 7 * NSEC_PER_SEC) % cycle;

        return t < 16 * NSEC_PER_SEC ? t : UINT64_MAX;
}

static bool comes_and_goes(const World *world, size_t area) {
        return area == 0 || mapped_since(world_age(world), area) != UINT64_MAX;
}

START_TEST(new_memory_is_new) {
        static const char pattern[] = "area a 1GiB\narea b 512MiB\narea c 1GiB\narea d 2GiB\nphase 1000s\n"
                                      "touch a 0 100MiB 100%\ntouch b 0 512MiB 40%\ntouch d 100MiB 64MiB 100%\n";
        static const uint64_t sizes[] = { 1024 * MIB, 512 * MIB, 1024 * MIB, 2048 * MIB };
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);

        attrs.update = 5 * NSEC_PER_SEC;
        for (unsigned i = 0; i < n_seeds(); i++) {
                World world;

                world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                world.is_mapped = comes_and_goes;
                while (world_age(&world) < 120 * NSEC_PER_SEC) {
                        const Snapshot *snapshot = world_next_snapshot(&world);

                        for (size_t k = 0; k < snapshot->n_regions; k++) {
                                uint64_t start = UINT64_C(0x100000000000);
                                nsec_t since = UINT64_MAX;

                                for (size_t area = 0; area < ELEMENTSOF(sizes); area++) {
                                        if (area > 0 && snapshot->regions[k].start >= start && snapshot->regions[k].start < start + sizes[area])
                                                since = mapped_since(world_age(&world), area);
                                        start += sizes[area] + UINT64_C(0x40000000);
                                }
                                if (since == UINT64_MAX)
                                        continue;
                                ck_assert_uint_le(snapshot->regions[k].age, since + attrs.sample);
                                ck_assert_uint_le(snapshot->regions[k].newest, since + attrs.sample);
                        }
                }
                world_deinit(&world);
        }
}
END_TEST

/* ---- Certainty ---- */

static const struct {
        const char *pattern;
        unsigned samples_per_sec;
} certain[] = {
        { "area r 8GiB\nphase 1000s\ntouch r 0 8GiB 10%\n", BUDGET },
        { "area r 8GiB\nphase 1000s\ntouch r 0 8GiB 60%\n", BUDGET },
        { "area r 8GiB\nphase 1000s\ntouch r 0 8GiB 10%\n", 120 }, /* mostly under search for all of the time */
        { "area r 8GiB\nphase 1000s\ntouch r 1001MiB 250MiB 100%\ntouch r 3001MiB 500MiB 20%\ntouch r 5003MiB 1100MiB 60%\n",
          BUDGET },
        { "area r 8GiB\nphase 1000s\ntouch r 1001MiB 250MiB 100%\ntouch r 3001MiB 500MiB 20%\ntouch r 5003MiB 1100MiB 60%\n",
          120 },
        { WORLD_STAIRS, BUDGET },
        { WORLD_STAIRS, 120 },
};

/* The mean of what is accessed in a region in the interval that has just ended. */
static double true_rate(const World *world, const SnapshotRegion *region) {
        uint64_t step = (region->end - region->start) / 100;
        double sum = 0;

        for (unsigned i = 0; i < 100; i++)
                sum += sim_source_share(world->source, region->start + step / 2 + i * step,
                                        world_age(world) - MONITOR_ATTRS_DEFAULT.sample / 2);
        return sum / 100;
}

/* 95 % intervals hold for nine tenths of the bytes at least, and of what is accessed 5 % at most are called surely idle. */
START_TEST(certainty_is_earned) {
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);
        double bytes = 0, covered = 0, accessed = 0, wrong = 0;

        attrs.samples_per_sec = certain[_i].samples_per_sec;
        for (unsigned i = 0; i < n_seeds(); i++) {
                World world;

                world_init(&world, certain[_i].pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                run_until(&world, 10 * NSEC_PER_SEC);
                while (world_age(&world) < 60 * NSEC_PER_SEC) {
                        const Snapshot *snapshot = world_next_snapshot(&world);

                        for (size_t k = 0; k < snapshot->n_regions; k++) {
                                const SnapshotRegion *region = &snapshot->regions[k];
                                double size = (double) (region->end - region->start), truth = true_rate(&world, region);
                                double low = 0, high = 1;

                                if (region->sure > 0)
                                        rate_interval(region->rate, region->sure, 1.96, &low, &high);
                                bytes += size;
                                covered += truth >= low - 1e-9 && truth <= high + 1e-9 ? size : 0;
                                if (truth <= RATE_SLACK)
                                        continue;
                                accessed += size;
                                if (region->rate == 0 && rate_confidence(0, region->sure, 0, RATE_SLACK) >= 0.95)
                                        wrong += size;
                        }
                }
                world_deinit(&world);
        }
        (void) fprintf(stderr, "intervals hold for %.1f %% of the bytes; of what is accessed %.2f %% is called surely idle\n",
                       100 * covered / bytes, 100 * wrong / accessed);
        ck_assert_double_ge(covered, 0.9 * bytes);
        ck_assert_double_le(wrong, 0.05 * accessed);
}
END_TEST

/* ---- Costs and bounds ---- */

START_TEST(samples_do_not_grow_with_size) {
        static const uint64_t gib[] = { 1, 16, 256, 10240 };
        MonitorAttrs attrs = attrs_of(2 * NSEC_PER_SEC);
        double low = 1e9, high = 0;

        for (unsigned i = 0; i < ELEMENTSOF(gib); i++) {
                double rate = 0;

                for (unsigned k = 0; k < n_seeds(); k++) {
                        char pattern[256];
                        World world;

                        (void) snprintf(pattern, sizeof(pattern),
                                        "area r %luGiB\nphase 15s\ntouch r %luMiB %luMiB 100%%\nphase 15s\ntouch r %luMiB %luMiB 40%%\n",
                                        (unsigned long) gib[i], (unsigned long) gib[i] * 200, (unsigned long) gib[i] * 100,
                                        (unsigned long) gib[i] * 500, (unsigned long) gib[i] * 50);
                        world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(k));
                        run_until(&world, 100 * NSEC_PER_SEC);
                        rate += (double) world.source->counters.samples / ((double) world_age(&world) / NSEC_PER_SEC) / n_seeds();
                        world_deinit(&world);
                }
                (void) fprintf(stderr, "%lu GiB: %.0f samples a second\n", (unsigned long) gib[i], rate);
                ck_assert_double_le(rate, 1.005 * BUDGET);
                low = MIN(low, rate);
                high = MAX(high, rate);
        }
        ck_assert_double_le(high, 1.1 * low);
}
END_TEST

static const struct {
        uint32_t min, max, budget;
        uint64_t max_size;
} bounds[] = { { 10, 20, 2600, 0 }, { 3, 10, 100, 0 }, { 100, 1000, 2600, 0 }, { 10, 1000, 7, 16 * MIB }, { 5, 5, 20000, 0 } };

/* Whatever the limits, they hold: of regions, of their size, of samples. */
START_TEST(bounds_hold) {
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);
        World world;

        attrs.min_regions = bounds[_i].min;
        attrs.max_regions = bounds[_i].max;
        attrs.max_region_size = bounds[_i].max_size;
        attrs.samples_per_sec = bounds[_i].budget;
        world_init(&world, "area r 1GiB\nphase 3s\ntouch r 0 300MiB 70%\nphase 3s\ntouch r 300MiB 400MiB 30%\n", &attrs,
                   &ADAPT_DIRECTED, 1);
        for (unsigned i = 0; i < 60; i++) {
                const Snapshot *snapshot = world_next_snapshot(&world);
                uint64_t at = snapshot->regions[0].start;

                ck_assert_uint_le(snapshot->n_regions, attrs.max_regions);
                ck_assert_uint_ge(snapshot->n_regions, attrs.min_regions * 2 / 3);
                for (size_t k = 0; k < snapshot->n_regions; k++) {
                        ck_assert_uint_eq(snapshot->regions[k].start, at);
                        ck_assert_uint_gt(snapshot->regions[k].end, at);
                        ck_assert_uint_eq(snapshot->regions[k].end % (4 * KIB), 0);
                        at = snapshot->regions[k].end;
                }
                ck_assert_uint_eq(at - snapshot->regions[0].start, 1024 * MIB);
        }
        ck_assert_double_le((double) world.source->counters.samples, 60.0 * 1.02 * attrs.samples_per_sec + 60);
        world_deinit(&world);
}
END_TEST

/* Two targets share one budget, and what is hot is found in both. */
START_TEST(targets_share_the_budget) {
        static const char pattern[] = "area r 8GiB\nphase 1000s\ntouch r 2001MiB 500MiB 60%\n";
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);

        for (unsigned i = 0; i < n_seeds(); i++) {
                uint64_t id, hot[2] = {};
                Space *space;
                World world;

                world_init(&world, pattern, &attrs, &ADAPT_DIRECTED, seed_of(i));
                ck_assert_int_eq(world.source->ops->attach(world.source, 2, &space), 0);
                ck_assert_int_eq(monitor_add_target(world.monitor, 2, "other", space, &id), 0);
                run_until(&world, 20 * NSEC_PER_SEC);
                ck_assert_double_le((double) world.source->counters.samples, 1.01 * 20 * BUDGET);
                for (size_t k = 0; k < 2; k++) {
                        const RegionList *list = &monitor_target(world.monitor, k)->list;

                        for (size_t j = 0; j < list->n; j++)
                                hot[k] += list->regions[j].rate >= 0.3 ? region_size(&list->regions[j]) : 0;
                }
                (void) fprintf(stderr, "seed %lu: %lu and %lu MiB hot\n", (unsigned long) seed_of(i), (unsigned long) (hot[0] / MIB),
                               (unsigned long) (hot[1] / MIB));
                ck_assert_uint_ge(MIN(hot[0], hot[1]), 470 * MIB);
                ck_assert_uint_le(MAX(hot[0], hot[1]), 550 * MIB);
                world_deinit(&world);
        }
}
END_TEST

/* Random patterns, limits and maps: the regions stay in order, whole pages, and within their limits. */
START_TEST(random_worlds) {
        for (uint64_t seed = 1; seed <= 40; seed++) {
                MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);
                size_t at = 0;
                char text[4096];
                World world;
                Rng rng;

                rng_init(&rng, seed);
                for (unsigned i = 0; i < 4; i++)
                        at += (size_t) snprintf(text + at, sizeof(text) - at, "area a%u %luKiB\n", i,
                                                (unsigned long) (4096 + rng_below(&rng, 1 << (8 + rng_below(&rng, 16))) * 4));
                for (unsigned i = 0; i < 5; i++) {
                        at += (size_t) snprintf(text + at, sizeof(text) - at, "phase %lums\n", (unsigned long) (500 + rng_below(&rng, 5000)));
                        for (unsigned k = 0; k < 4; k++)
                                at += (size_t) snprintf(text + at, sizeof(text) - at, "touch a%lu %luKiB %luKiB %lu%%\n",
                                                        (unsigned long) rng_below(&rng, 4),
                                                        (unsigned long) rng_below(&rng, 500) * 4, (unsigned long) (4 + rng_below(&rng, 500) * 4),
                                                        (unsigned long) (1 + rng_below(&rng, 100)));
                }
                attrs.min_regions = (uint32_t) (3 + rng_below(&rng, 30));
                attrs.max_regions = attrs.min_regions + (uint32_t) rng_below(&rng, 300);
                attrs.samples_per_sec = (uint32_t) (1 + rng_below(&rng, 1 << rng_below(&rng, 14)));
                world_init(&world, text, &attrs, &ADAPT_DIRECTED, seed);
                world.is_mapped = seed % 2 > 0 ? comes_and_goes : NULL;
                for (unsigned i = 0; i < 40; i++) {
                        const Snapshot *snapshot = world_next_snapshot(&world);

                        /* ranges of the map cannot be merged across */
                        ck_assert_uint_le(snapshot->n_regions, MAX(attrs.max_regions, UINT32_C(8)));
                        for (size_t k = 0; k < snapshot->n_regions; k++) {
                                const SnapshotRegion *region = &snapshot->regions[k];

                                ck_assert_uint_lt(region->start, region->end);
                                ck_assert_uint_eq((region->start | region->end) % (4 * KIB), 0);
                                ck_assert_uint_le(region->hits, region->samples);
                                ck_assert(region->rate >= 0 && region->rate <= 1 && region->weight >= 0);
                                ck_assert(k == 0 || snapshot->regions[k - 1].end <= region->start);
                        }
                        /* few regions bridge gaps; with eight, each area has its own */
                        if (attrs.max_regions >= 8)
                                ck_assert_uint_eq(snapshot->working_set.total, snapshot->targets[0].map->bytes);
                }
                world_deinit(&world);
        }
}
END_TEST

START_TEST(a_seed_replays) {
        MonitorAttrs attrs = attrs_of(NSEC_PER_SEC);
        uint64_t sum = world_fingerprint(&attrs, &ADAPT_DIRECTED, 45, 77);

        ck_assert_uint_eq(world_fingerprint(&attrs, &ADAPT_DIRECTED, 45, 77), sum);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("directed");
        TCase *tests = tcase_create("properties");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tests, 240);
        tcase_add_loop_test(tests, hot_memory_is_found, 0, ELEMENTSOF(finds));
        tcase_add_test(tests, dense_pieces_are_not_spread);
        tcase_add_test(tests, unseen_accesses_do_not_matter);
        tcase_add_test(tests, untrackable_memory_stops_no_search);
        tcase_add_test(tests, whole_mappings);
        tcase_add_loop_test(tests, warm_memory_is_left_in_peace, 0, ELEMENTSOF(warm));
        tcase_add_loop_test(tests, thin_accesses_are_told, 0, ELEMENTSOF(thin));
        tcase_add_test(tests, lone_accesses_are_forgotten);
        tcase_add_loop_test(tests, working_set_of_phases, 0, 2);
        tcase_add_test(tests, working_set_from_few_samples);
        tcase_add_loop_test(tests, working_set_of_steady_memory, 0, 2);
        tcase_add_loop_test(tests, changes_are_seen_within_two_windows, 0, ELEMENTSOF(changes));
        tcase_add_test(tests, idle_time_is_true);
        tcase_add_test(tests, new_memory_is_new);
        tcase_add_loop_test(tests, certainty_is_earned, 0, ELEMENTSOF(certain));
        tcase_add_test(tests, samples_do_not_grow_with_size);
        tcase_add_loop_test(tests, bounds_hold, 0, ELEMENTSOF(bounds));
        tcase_add_test(tests, targets_share_the_budget);
        tcase_add_test(tests, random_worlds);
        tcase_add_test(tests, a_seed_replays);
        suite_add_tcase(suite, tests);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
