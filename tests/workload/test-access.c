/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of what is accessed: walks, zipf, pacing, mapped regions, the truth log. */
#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "pattern.h"
#include "phase.h"
#include "region.h"
#include "truth.h"

#define PAGES 16

static char memory[PAGES * 4096];

START_TEST(sequential_visits_every_stride_and_wraps)
{
        PatternSpec spec = { .stride = 4096, .mode = ACCESS_WO };
        Walk walk;

        walk_init(&walk, &spec, memory, 10000, 1);
        ck_assert_uint_eq(walk_pages(&walk), 3);
        for (uint64_t i = 0; i < 7; i++)
                ck_assert_uint_eq(walk_next(&walk), i % 3 * 4096);
}
END_TEST

START_TEST(short_strides_are_kept_at_full_speed_only)
{
        PatternSpec spec = { .stride = 64, .mode = ACCESS_WO };
        Walk walk;

        walk_init(&walk, &spec, memory, sizeof(memory), 1);
        ck_assert_uint_eq(walk.n_stops, sizeof(memory) / 64);
        ck_assert_uint_eq(walk_pages(&walk), PAGES);
        ck_assert(walk_pages_per_access(&walk) == 64.0 / 4096);

        spec.rate_hz = 1;
        walk_init(&walk, &spec, memory, sizeof(memory), 1);
        ck_assert_uint_eq(walk.n_stops, PAGES);
        ck_assert(walk_pages_per_access(&walk) == 1);
}
END_TEST

START_TEST(random_stays_inside_and_is_uniform)
{
        PatternSpec spec = { .stride = 4096, .random = true, .mode = ACCESS_WO };
        unsigned counts[PAGES] = { 0 };
        Walk walk;

        walk_init(&walk, &spec, memory, sizeof(memory), 42);
        for (unsigned i = 0; i < PAGES * 10000; i++) {
                uint64_t offset = walk_next(&walk);

                ck_assert_uint_lt(offset, sizeof(memory));
                counts[offset / 4096]++;
        }
        /* Six standard deviations of about 97. */
        for (unsigned i = 0; i < PAGES; i++)
                ck_assert_uint_lt((unsigned)abs((int)counts[i] - 10000), 600);
}
END_TEST

START_TEST(seed_replays)
{
        PatternSpec spec = { .stride = 64, .random = true, .mode = ACCESS_WO };
        Walk a, b;

        walk_init(&a, &spec, memory, sizeof(memory), 5);
        walk_init(&b, &spec, memory, sizeof(memory), 5);
        for (unsigned i = 0; i < 1000; i++)
                ck_assert_uint_eq(walk_next(&a), walk_next(&b));
}
END_TEST

START_TEST(window_moves_and_wraps)
{
        PatternSpec spec = { .stride = 4096, .mode = ACCESS_WO, .window = 8192, .step = 4096 };
        Walk walk;

        walk_init(&walk, &spec, memory, sizeof(memory), 1);
        ck_assert_uint_eq(walk_pages(&walk), 2);
        walk_move(&walk, (PAGES - 1) * 4096);
        ck_assert_uint_eq(walk_next(&walk), (PAGES - 1) * 4096);
        ck_assert_uint_eq(walk_next(&walk), 0);
        walk_move(&walk, PAGES * 4096 + 4096);
        ck_assert_uint_eq(walk_next(&walk), 4096);
}
END_TEST

START_TEST(modes_touch_as_they_say)
{
        PatternSpec spec = { .stride = 4096, .mode = ACCESS_RO };
        Walk walk;

        memset(memory, 7, sizeof(memory));
        walk_init(&walk, &spec, memory, sizeof(memory), 1);
        walk_run(&walk, PAGES);
        ck_assert_int_eq(memory[4096], 7);
        walk.mode = ACCESS_RW;
        walk_run(&walk, PAGES);
        ck_assert_int_eq(memory[4096], 8);
        walk.mode = ACCESS_WO;
        walk_run(&walk, PAGES);
        ck_assert_int_eq(memory[4096], 1);
        ck_assert_int_eq(memory[4097], 7);
        ck_assert_uint_eq(walk.accesses, 3 * PAGES);
}
END_TEST

START_TEST(zipf_has_the_right_slope)
{
        static const double exponents[] = { 0.5, 0.9, 1.0, 2.0 };
        const unsigned n = 50, draws = 200000;
        double s = exponents[_i], sum = 0;
        unsigned counts[50] = { 0 };
        Random random = { .state = 3 };
        Zipf zipf;

        zipf_init(&zipf, n, s);
        for (unsigned i = 0; i < draws; i++) {
                uint64_t rank = zipf_next(&zipf, &random);

                ck_assert_uint_lt(rank, n);
                counts[rank]++;
        }
        for (unsigned k = 1; k <= n; k++)
                sum += pow(k, -s);
        for (unsigned k = 1; k <= n; k++) {
                double expected = draws * pow(k, -s) / sum;

                ck_assert_double_lt(fabs(counts[k - 1] - expected), 6 * sqrt(expected) + 1);
        }
}
END_TEST

START_TEST(one_rank_only)
{
        Random random = { .state = 3 };
        Zipf zipf;

        zipf_init(&zipf, 1, 1);
        for (unsigned i = 0; i < 100; i++)
                ck_assert_uint_eq(zipf_next(&zipf, &random), 0);
}
END_TEST

START_TEST(pacing_formula)
{
        ck_assert_uint_eq(phase_due(1000, NSEC_PER_SEC / 2, 0), 500);
        ck_assert_uint_eq(phase_due(1000, NSEC_PER_SEC / 2, 499), 1);
        ck_assert_uint_eq(phase_due(1000, NSEC_PER_SEC / 2, 600), 0);
        ck_assert_uint_eq(phase_due(0.5, NSEC_PER_SEC, 0), 0);
}
END_TEST

static bool is_mapped(const char *p)
{
        unsigned char vec;

        return mincore((void *)(uintptr_t)p, 4096, &vec) == 0;
}

START_TEST(regions_stand_apart)
{
        RegionSpec specs[] = {
                { .len = 5000, .node = -1 },
                { .len = UINT64_C(4) << 20, .node = -1, .thp = THP_NEVER },
                { .name = (char[]){ "m" }, .len = 4096, .node = -1, .backing = BACKING_MEMFD },
                { .len = 4096, .node = -1, .backing = BACKING_SHARED },
        };
        Regions regions = REGIONS_NULL;
        RegionError error;

        ck_assert_int_eq(regions_map(specs, 4, &regions, &error), 0);
        for (size_t i = 0; i < regions.n; i++) {
                const Region *region = &regions.items[i];

                region_populate(region);
                ck_assert(is_mapped(region->addr));
                ck_assert(!is_mapped(region->addr - 4096));
                ck_assert(!is_mapped(region->addr + region->mapped));
                ck_assert(i == 0 || region->addr > regions.items[i - 1].addr);
        }
        ck_assert_uint_eq(regions.items[0].mapped, 8192);
        ck_assert_uint_eq((uintptr_t)regions.items[1].addr % (2 << 20), 0);
        regions_deinit(&regions);
}
END_TEST

START_TEST(files_are_made_and_removed)
{
        char path[] = "/tmp/test-workload-XXXXXX";
        RegionSpec spec = { .len = 10000, .node = -1, .backing = BACKING_FILE, .path = path,
                            .written = true };
        Regions regions = REGIONS_NULL;
        RegionError error;
        int fd = mkstemp(path);

        /* One that was there stays, with its content. */
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq((int)write(fd, "hello", 5), 5);
        close(fd);
        ck_assert_int_eq(regions_map(&spec, 1, &regions, &error), 0);
        region_populate(&regions.items[0]);
        ck_assert_mem_eq(regions.items[0].addr, "hello", 6);
        regions_deinit(&regions);
        ck_assert_int_eq(access(path, F_OK), 0);

        /* One that is made goes. */
        unlink(path);
        ck_assert_int_eq(regions_map(&spec, 1, &regions, &error), 0);
        ck_assert_int_eq(access(path, F_OK), 0);
        regions_deinit(&regions);
        ck_assert_int_lt(access(path, F_OK), 0);

        spec.path = (char[]){ "/nonexistent/file" };
        ck_assert_int_lt(regions_map(&spec, 1, &regions, &error), 0);
        ck_assert_str_eq(error.field, "backing");
}
END_TEST

START_TEST(truth_lines)
{
        TruthAccess access = { .name = "a\"b", .addr = 4096, .len = 8192, .mode = ACCESS_RO,
                               .stride = 64, .probability = 1, .pages = 2, .accesses = 5,
                               .page_visits = 5 };
        TruthPhase phase = { .index = 1, .name = "p", .start_ns = clock_ns(CLOCK_MONOTONIC),
                             .accesses = &access, .n_accesses = 1 };
        Truth none = TRUTH_NULL, truth = TRUTH_NULL;
        char text[2048] = "";
        int pipes[2];

        ck_assert_int_eq(truth_phase(&none, &phase), 0);
        ck_assert_int_eq(pipe(pipes), 0);
        truth.fd = pipes[1];
        ck_assert_int_eq(truth_phase(&truth, &phase), 0);
        ck_assert_int_eq(truth_phase_end(&truth, &phase), 0);
        ck_assert_int_eq(truth_end(&truth, false), 0);
        ck_assert_int_gt((int)read(pipes[0], text, sizeof(text) - 1), 0);
        ck_assert_ptr_nonnull(strstr(text, "{\"name\":\"a\\\"b\",\"addr\":4096,\"len\":8192,"
                                           "\"mode\":\"ro\",\"rate_hz\":null"));
        ck_assert_ptr_nonnull(strstr(text, "\"accesses\":5,\"pages\":2,\"pages_per_sec\":"));
        ck_assert_ptr_nonnull(strstr(text, "\"interrupted\":false}\n"));
        truth_close(&truth);
        close(pipes[0]);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("workload access");
        TCase *tcase = tcase_create("access");
        SRunner *runner;
        int failed;

        tcase_add_test(tcase, sequential_visits_every_stride_and_wraps);
        tcase_add_test(tcase, short_strides_are_kept_at_full_speed_only);
        tcase_add_test(tcase, random_stays_inside_and_is_uniform);
        tcase_add_test(tcase, seed_replays);
        tcase_add_test(tcase, window_moves_and_wraps);
        tcase_add_test(tcase, modes_touch_as_they_say);
        tcase_add_loop_test(tcase, zipf_has_the_right_slope, 0, 4);
        tcase_add_test(tcase, one_rank_only);
        tcase_add_test(tcase, pacing_formula);
        tcase_add_test(tcase, regions_stand_apart);
        tcase_add_test(tcase, files_are_made_and_removed);
        tcase_add_test(tcase, truth_lines);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
