/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of address maps, region lists and estimates. */
#include <check.h>
#include <errno.h>

#include "base/rng.h"
#include "monitor/map.h"
#include "monitor/region.h"
#include "monitor/snapshot.h"

#define MIB (UINT64_C(1) << 20)

static AddressMap *map_of(const uint64_t (*areas)[2], size_t n) {
        AddressMap *map = address_map_new();

        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(address_map_add(map, areas[i][0] * MIB, areas[i][1] * MIB, i % 2 ? "b" : "a", 0), 0);
        return map;
}

START_TEST(map_basics) {
        static const uint64_t areas[][2] = { { 1, 3 }, { 3, 4 }, { 10, 20 } };
        _cleanup_(address_map_unrefp) AddressMap *map = map_of(areas, 3);

        ck_assert_uint_eq(map->bytes, 13 * MIB);
        ck_assert_ptr_null(address_map_find(map, 0));
        ck_assert_ptr_null(address_map_find(map, 4 * MIB));
        ck_assert_ptr_null(address_map_find(map, 20 * MIB));
        ck_assert_uint_eq(address_map_find(map, 3 * MIB)->start, 3 * MIB);
        ck_assert_uint_eq(address_map_find(map, 20 * MIB - 1)->start, 10 * MIB);
        ck_assert_str_eq(address_map_name(map, MIB, 4 * MIB), "a");
        ck_assert_str_eq(address_map_name(map, 5 * MIB, 6 * MIB), "");
        /* overlapping and empty areas are refused, and change nothing */
        ck_assert_int_eq(address_map_add(map, 19 * MIB, 30 * MIB, "c", 0), -EINVAL);
        ck_assert_int_eq(address_map_add(map, 30 * MIB, 30 * MIB, "c", 0), -EINVAL);
        ck_assert_uint_eq(map->n_mappings, 3);
}
END_TEST

START_TEST(map_ranges) {
        static const uint64_t areas[][2] = { { 1, 3 }, { 3, 4 }, { 10, 20 }, { 21, 22 }, { 24, 25 } };
        _cleanup_(address_map_unrefp) AddressMap *map = map_of(areas, 5);
        static const size_t wanted[] = { 1, 2, 3, 4, 4 }; /* by maximum 1 to 5: four separate ones exist */

        for (size_t max = 1; max <= 5; max++) {
                _cleanup_free_ Range *ranges = NULL;
                size_t n;

                ck_assert_int_eq(address_map_ranges(map, max, 0, &ranges, &n), 0);
                ck_assert_uint_eq(n, wanted[max - 1]);
                ck_assert_uint_eq(ranges[0].start, MIB);
                ck_assert_uint_eq(ranges[n - 1].end, 25 * MIB);
        }
}
END_TEST

START_TEST(map_slack) {
        /* small mappings with small gaps, like libraries; one far away; and a tiny one in a hole */
        static const uint64_t areas[][2] = { { 1, 3 }, { 4, 6 }, { 7, 40 }, { 41, 42 }, { 80, 90 } };
        _cleanup_(address_map_unrefp) AddressMap *map = map_of(areas, 5);
        _cleanup_free_ Range *ranges = NULL;
        size_t n;

        ck_assert_int_eq(address_map_ranges(map, 10, 2 * MIB, &ranges, &n), 0);
        ck_assert_uint_eq(n, 3);
        ck_assert_uint_eq(ranges[0].end, 40 * MIB);
        ck_assert_uint_eq(ranges[1].start, 41 * MIB); /* the gap is as large as the mapping itself */
        ck_assert_uint_eq(ranges[2].start, 80 * MIB);
}
END_TEST

START_TEST(map_empty) {
        _cleanup_(address_map_unrefp) AddressMap *map = address_map_new();
        _cleanup_free_ Range *ranges = NULL;
        size_t n = 7;

        ck_assert_int_eq(address_map_ranges(map, 10, 0, &ranges, &n), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_str_eq(address_map_name(map, 0, MIB), "");
}
END_TEST

/* 100,000 areas are bridged down to the maximum, and still cover everything. */
START_TEST(map_many) {
        _cleanup_(address_map_unrefp) AddressMap *map = address_map_new();
        _cleanup_free_ Range *ranges = NULL;
        size_t n, k = 0;
        Rng rng;

        rng_init(&rng, 3);
        for (uint64_t i = 0, at = MIB; i < 100000; i++) {
                uint64_t size = 4096 * (1 + rng_below(&rng, 4));

                ck_assert_int_eq(address_map_add(map, at, at + size, "x", 0), 0);
                at += size + 4096 * (1 + rng_below(&rng, 1000));
        }

        ck_assert_int_eq(address_map_ranges(map, 500, 0, &ranges, &n), 0);
        ck_assert_uint_le(n, 500);
        ck_assert_uint_ge(n, 400);
        for (size_t i = 0; i < map->n_mappings; i++) {
                while (ranges[k].end <= map->mappings[i].start)
                        k++;
                ck_assert(ranges[k].start <= map->mappings[i].start && ranges[k].end >= map->mappings[i].end);
        }
}
END_TEST

static void check_order(const RegionList *list) {
        for (size_t i = 0; i < list->n; i++) {
                ck_assert_uint_lt(list->regions[i].start, list->regions[i].end);
                if (i > 0)
                        ck_assert_uint_le(list->regions[i - 1].end, list->regions[i].start);
        }
}

START_TEST(fit_keeps_history) {
        _cleanup_(region_list_deinit) RegionList list = {};
        const Range first[] = { { 10 * MIB, 20 * MIB } };
        const Range grown[] = { { 5 * MIB, 7 * MIB }, { 10 * MIB, 25 * MIB } };
        const Range shrunk[] = { { 12 * MIB, 14 * MIB }, { 16 * MIB, 18 * MIB } };

        ck_assert_int_eq(region_list_fit(&list, first, 1, 100), 0);
        list.regions[0].rate = 0.5;
        ck_assert_int_eq(region_list_fit(&list, first, 1, 200), 0);
        ck_assert_uint_eq(list.n, 1);
        ck_assert_uint_eq(list.regions[0].since, 100);

        /* new memory is new: it gets regions of its own and their age begins now */
        ck_assert_int_eq(region_list_fit(&list, grown, 2, 300), 0);
        ck_assert_uint_eq(list.n, 3);
        check_order(&list);
        ck_assert_uint_eq(list.regions[0].since, 300);
        ck_assert_uint_eq(list.regions[1].since, 100);
        ck_assert_double_eq(list.regions[1].rate, 0.5);
        ck_assert_uint_eq(list.regions[2].start, 20 * MIB);
        ck_assert_uint_eq(list.regions[2].since, 300);

        /* a hole cuts a region in two, both with its history */
        ck_assert_int_eq(region_list_fit(&list, shrunk, 2, 400), 0);
        ck_assert_uint_eq(list.n, 2);
        ck_assert_uint_eq(list.regions[1].since, 100);
        ck_assert_uint_eq(region_list_bytes(&list), 4 * MIB);

        ck_assert_int_eq(region_list_fit(&list, NULL, 0, 500), 0);
        ck_assert_uint_eq(list.n, 0);
}
END_TEST

/* Whatever the maps do, the list covers exactly the ranges, in order. */
START_TEST(fit_random) {
        _cleanup_(region_list_deinit) RegionList list = {};
        Rng rng;

        rng_init(&rng, (uint64_t) _i);
        for (unsigned round = 0; round < 200; round++) {
                Range ranges[20];
                uint64_t bytes = 0;
                size_t n = rng_below(&rng, 20);

                for (uint64_t i = 0, at = 0; i < n; i++) {
                        ranges[i].start = at += 4096 * (1 + rng_below(&rng, 5));
                        ranges[i].end = at += 4096 * (1 + rng_below(&rng, 9));
                        bytes += ranges[i].end - ranges[i].start;
                }
                ck_assert_int_eq(region_list_fit(&list, ranges, n, round), 0);
                check_order(&list);
                ck_assert_uint_eq(region_list_bytes(&list), bytes);

                for (size_t i = 0; i < list.n; i++)
                        if (region_size(&list.regions[i]) >= 8192 && rng_below(&rng, 2))
                                ck_assert_int_eq(region_list_split(&list, i, list.regions[i].start + 4096), 0);
                check_order(&list);
        }
}
END_TEST

START_TEST(absorb_weights_by_size) {
        Region left = { .start = 0, .end = 3 * MIB, .rate = 1, .weight = 30, .since = 100, .last_hit = 7, .samples = 3, .hits = 3 };
        Region right = { .start = 3 * MIB, .end = 4 * MIB, .rate = 0, .weight = 10, .since = 200, .samples = 1 };

        region_absorb(&left, &right);
        ck_assert_uint_eq(left.end, 4 * MIB);
        ck_assert_double_eq_tol(left.rate, 0.75, 1e-12);
        ck_assert_uint_eq(left.since, 125);
        ck_assert_uint_eq(left.last_hit, 7);
        ck_assert_uint_eq(left.samples, 4);
        ck_assert_uint_eq(left.hits, 3);
}
END_TEST

START_TEST(estimate) {
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = snapshot_new(1, 4);

        snapshot->regions[0] = (SnapshotRegion) { .start = 0, .end = 100 * MIB, .samples = 20, .hits = 20 };
        snapshot->regions[1] = (SnapshotRegion) { .start = 100 * MIB, .end = 200 * MIB, .samples = 20, .hits = 10 };
        snapshot->regions[2] = (SnapshotRegion) { .start = 200 * MIB, .end = 300 * MIB, .samples = 20 };
        snapshot->regions[3] = (SnapshotRegion) { .start = 300 * MIB, .end = 310 * MIB, .untrackable = 20 };
        snapshot_estimate(snapshot);

        ck_assert_uint_eq(snapshot->working_set.bytes, 150 * MIB);
        ck_assert_uint_eq(snapshot->working_set.touched, 200 * MIB);
        ck_assert_uint_eq(snapshot->working_set.untrackable, 10 * MIB);
        ck_assert_uint_eq(snapshot->working_set.total, 310 * MIB);
        /* sqrt(0.25 / 20) of 100 MiB is 11.2 MiB; the certain ones add a little */
        ck_assert_uint_ge(snapshot->working_set.error, 11 * MIB);
        ck_assert_uint_le(snapshot->working_set.error, 14 * MIB);
}
END_TEST

/* What is no memory of programs counts as neither: of half a region that is free, half is hot. */
START_TEST(estimate_apart) {
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = snapshot_new(1, 3);

        snapshot->regions[0] = (SnapshotRegion) { .start = 0, .end = 100 * MIB, .samples = 20, .hits = 10 };
        snapshot->regions[0].apart[USE_FREE] = 0.5;
        snapshot->regions[1] = (SnapshotRegion) { .start = 100 * MIB, .end = 200 * MIB };
        snapshot->regions[1].apart[USE_FREE] = 0.25;
        snapshot->regions[1].apart[USE_KERNEL] = 0.75;
        snapshot->regions[2] = (SnapshotRegion) { .start = 200 * MIB, .end = 300 * MIB, .untrackable = 5 };
        snapshot->regions[2].apart[USE_HUGETLB] = 0.9;
        snapshot_estimate(snapshot);

        ck_assert_uint_eq(snapshot->working_set.bytes, 25 * MIB);
        ck_assert_uint_eq(snapshot->working_set.touched, 50 * MIB);
        ck_assert_uint_eq(snapshot->working_set.untrackable, 10 * MIB);
        ck_assert_uint_eq(snapshot->working_set.total, 300 * MIB);
        ck_assert_uint_eq(snapshot->working_set.apart[USE_FREE], 75 * MIB);
        ck_assert_uint_eq(snapshot->working_set.apart[USE_KERNEL], 75 * MIB);
        ck_assert_uint_eq(snapshot->working_set.apart[USE_HUGETLB], 90 * MIB);
        ck_assert_uint_eq(snapshot->working_set.apart[USE_OFFLINE], 0);
        ck_assert_uint_eq(working_set_trackable(&snapshot->working_set), 60 * MIB);
        ck_assert_uint_gt(snapshot->working_set.error, 0);
}
END_TEST

/* Shares are weighted by size, rates and ages by what there is to be seen. */
START_TEST(absorb_apart) {
        Region left = { .start = 0, .end = 3 * MIB, .rate = 1, .weight = 10, .since = 100 };
        Region right = { .start = 3 * MIB, .end = 4 * MIB, .rate = 0, .weight = 10, .since = 200 };

        left.apart_share[USE_FREE] = 2.0 / 3; /* 1 MiB is left */
        region_absorb(&left, &right);
        ck_assert_double_eq_tol(left.apart_share[USE_FREE], 0.5, 1e-9);
        ck_assert_double_eq_tol(left.rate, 0.5, 1e-9);
        ck_assert_uint_ge(left.since, 149);
        ck_assert_uint_le(left.since, 151);
}
END_TEST

START_TEST(apart_is_learned) {
        Region region = { .start = 0, .end = MIB, .samples = 5 };

        region.apart[USE_FREE] = 15;
        region_learn_apart(&region);
        ck_assert_double_eq_tol(region.apart_share[USE_FREE], 0.75, 1e-9);
        ck_assert(!region_is_bare(&region));

        /* it becomes the kernel's: soon that is what it is taken for */
        for (unsigned i = 0; i < 30; i++) {
                region_reset_window(&region);
                ck_assert_uint_eq(region.apart[USE_FREE], 0);
                region.apart[USE_KERNEL] = 20;
                region_learn_apart(&region);
        }
        ck_assert_double_ge(region.apart_share[USE_KERNEL], 0.95);
        region.apart_share[USE_KERNEL] = 1;
        region.apart_share[USE_FREE] = 0;
        ck_assert(region_is_bare(&region));

        /* nothing learned, nothing changed */
        region_reset_window(&region);
        region_learn_apart(&region);
        ck_assert_double_eq(region.apart_share[USE_KERNEL], 1);
}
END_TEST

/* 10 TiB and beyond: no overflow anywhere. */
START_TEST(estimate_large) {
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = snapshot_new(1, 1);

        snapshot->regions[0] = (SnapshotRegion) {
                .end = UINT64_C(100) << 40,
                .samples = UINT64_C(25) << 30,
                .hits = UINT64_C(25) << 29,
        };
        snapshot_estimate(snapshot);
        ck_assert_uint_eq(snapshot->working_set.bytes, UINT64_C(50) << 40);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("region");
        TCase *tests = tcase_create("region");
        SRunner *runner;
        int failed;

        tcase_add_test(tests, map_basics);
        tcase_add_test(tests, map_ranges);
        tcase_add_test(tests, map_slack);
        tcase_add_test(tests, map_empty);
        tcase_add_test(tests, map_many);
        tcase_add_test(tests, fit_keeps_history);
        tcase_add_loop_test(tests, fit_random, 0, 5);
        tcase_add_test(tests, absorb_weights_by_size);
        tcase_add_test(tests, estimate);
        tcase_add_test(tests, estimate_large);
        tcase_add_test(tests, estimate_apart);
        tcase_add_test(tests, absorb_apart);
        tcase_add_test(tests, apart_is_learned);
        suite_add_tcase(suite, tests);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
