/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `idle` against a fake kernel: every way in which a bit of the bitmap can mislead. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/macro.h"
#include "fake/kernel.h"
#include "kernel/kpage.h"
#include "kernel/pagemap.h"
#include "probe/idle.h"

typedef enum Expect {
        HOT,
        COLD,
        UNTRACKED,
} Expect;

static Source *source;
static Space *space;

static void setup(void) {
        char *error = NULL;

        fake_kernel_init();
        ck_assert_msg(idle_source_new(&fake.roots, &FAKE_IO, &source, &error) == 0, "%s", error);
        ck_assert_int_eq(source->ops->attach(source, FAKE_PID, &space), 0);
}

static void teardown(void) {
        /* Whatever happened, nobody else's pages were ever marked. */
        ck_assert_uint_le(fake.max_bits, 1);
        source->ops->detach(source, space);
        source = source_free(source);
        fake_kernel_deinit();
}

static Sample sample_of(unsigned page) {
        return (Sample) { .addr = fake_addr(page) + 123, .trials = 99, .hits = 99 };
}

static void prepare(Sample *samples, size_t n) {
        ck_assert_int_eq(source->ops->prepare(source, space, samples, n), 0);
}

static void check(Sample *samples, size_t n) {
        ck_assert_int_eq(source->ops->check(source, space, samples, n), 0);
}

static void expect(const Sample *sample, Expect what) {
        ck_assert_uint_eq(sample->trials, what != UNTRACKED);
        ck_assert_uint_eq(sample->hits, what == HOT);
}

static void update(void) {
        _cleanup_(address_map_unrefp) AddressMap *map = NULL;

        ck_assert_int_eq(source->ops->map(source, space, &map), 0);
}

/* One sample in a page that is left alone. */
static Sample sample_untouched(unsigned page) {
        Sample sample = sample_of(page);

        prepare(&sample, 1);
        check(&sample, 1);
        return sample;
}

static Sample sample_touched(unsigned page) {
        Sample sample = sample_of(page);

        prepare(&sample, 1);
        fake_touch(page);
        check(&sample, 1);
        return sample;
}

START_TEST(cold_page_costs_three_calls) {
        fake_map(7, 1000);
        fake_touch(7); /* before the mark: old evidence does not count */

        Sample sample = sample_untouched(7);
        expect(&sample, COLD);
        ck_assert_uint_eq(source->counters.cold, 1);
        ck_assert_uint_eq(source->counters.samples, 1);
        ck_assert_uint_eq(source->counters.syscalls, 3);
        ck_assert_uint_eq(source->counters.syscalls_max_cold, 3);
        ck_assert_uint_eq(fake.n_pread + fake.n_pwrite, 3);
}
END_TEST

START_TEST(hot_page_costs_five_calls) {
        fake_map(7, 1000);

        Sample sample = sample_touched(7);
        expect(&sample, HOT);
        ck_assert_uint_eq(source->counters.hot, 1);
        ck_assert_uint_eq(source->counters.syscalls, 5);
        ck_assert_uint_eq(source->counters.syscalls_max_hot, 5);
        ck_assert_uint_eq(fake.n_pread + fake.n_pwrite, 5);
}
END_TEST

START_TEST(cost_does_not_depend_on_size) {
        Sample samples[64];

        for (unsigned i = 0; i < ELEMENTSOF(samples); i++) {
                fake_map(i * 60, 64 + i * 120);
                samples[i] = sample_of(i * 60);
        }
        prepare(samples, ELEMENTSOF(samples));
        for (unsigned i = 0; i < ELEMENTSOF(samples); i += 2)
                fake_touch(i * 60);
        check(samples, ELEMENTSOF(samples));

        for (unsigned i = 0; i < ELEMENTSOF(samples); i++)
                expect(&samples[i], i % 2 ? COLD : HOT);
        ck_assert_uint_eq(source->counters.syscalls, 32 * 3 + 32 * 5);
        ck_assert_uint_eq(source->counters.syscalls_max_cold, 3);
        ck_assert_uint_eq(source->counters.syscalls_max_hot, 5);
}
END_TEST

START_TEST(others_marks_are_left_alone) {
        fake_map(1, 1000);
        fake_map(2, 1001);
        fake.frames[1001].idle = true; /* another tool's */

        Sample sample = sample_untouched(1);
        expect(&sample, COLD);
        ck_assert_uint_eq(fake.frames[1001].writes, 0);
        ck_assert(fake.frames[1001].idle);
        ck_assert_uint_eq(fake.frames[1000].writes, 1);
}
END_TEST

START_TEST(absent_page_is_accessed_if_it_appears) {
        Sample sample = sample_untouched(3);
        expect(&sample, COLD);
        ck_assert_uint_eq(source->counters.absent, 1);
        ck_assert_uint_eq(source->counters.cold, 0);
        ck_assert_uint_eq(source->counters.syscalls, 2);

        sample = sample_of(3);
        prepare(&sample, 1);
        fake_map(3, 1500);
        check(&sample, 1);
        expect(&sample, HOT);
}
END_TEST

START_TEST(vanished_page_is_not_accessed) {
        Sample sample = sample_of(3);

        fake_map(3, 1500);
        prepare(&sample, 1);
        fake_touch(3);
        fake.frames[1500].idle = false;
        fake_unmap(3);
        check(&sample, 1);
        expect(&sample, COLD);
        ck_assert_uint_eq(source->counters.absent, 1);
}
END_TEST

START_TEST(swap_offset_is_no_frame_number) {
        fake_map(9, 2000);
        fake_swap_out(3, 2000);

        Sample sample = sample_untouched(3);
        expect(&sample, COLD);
        ck_assert_uint_eq(source->counters.absent, 1);
        ck_assert_uint_eq(fake.n_pwrite, 0);
        ck_assert_uint_eq(fake.frames[2000].writes, 0);

        /* Swapped out during the interval. */
        sample = sample_of(9);
        prepare(&sample, 1);
        fake.frames[2000].idle = false;
        fake_swap_out(9, 2000);
        check(&sample, 1);
        expect(&sample, COLD);
        ck_assert_uint_eq(source->counters.absent, 2);

        /* Swapped in. */
        sample = sample_of(3);
        prepare(&sample, 1);
        fake_map(3, 2001);
        check(&sample, 1);
        expect(&sample, HOT);
}
END_TEST

START_TEST(page_off_the_lru_is_never_hot) {
        fake_map(3, 1500);
        fake.frames[1500].lru = false;

        Sample sample = sample_touched(3);
        expect(&sample, UNTRACKED);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_NOT_ON_LRU], 1);
        ck_assert_uint_eq(source->counters.hot, 0);
}
END_TEST

START_TEST(hugetlb_and_zero_page_are_never_hot) {
        fake_map(3, 1500);
        fake.frames[1500].extra = KPAGE_HUGE;
        fake_map(4, 1600);
        fake.frames[1600].lru = false;
        fake.frames[1600].extra = KPAGE_ZERO_PAGE;
        fake_map(5, 1700);
        fake.frames[1700].lru = false;
        fake.frames[1700].extra = KPAGE_NOPAGE;

        for (unsigned page = 3; page <= 5; page++) {
                Sample sample = sample_touched(page);
                expect(&sample, UNTRACKED);
        }
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_HUGETLB], 1);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_ZERO_PAGE], 1);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_BEYOND], 1);
}
END_TEST

START_TEST(hidden_frame_numbers_are_said) {
        fake.hide_frames = true;
        fake_map(3, 1500);

        Sample sample = sample_touched(3);
        expect(&sample, UNTRACKED);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_PFN_HIDDEN], 1);
        ck_assert_uint_eq(fake.n_pwrite, 0);
}
END_TEST

START_TEST(bitmap_ends_before_the_page) {
        fake.n_frames = 4096 + 10;
        fake_map(3, 4096 + 5); /* in the last, partial word */
        fake_map(4, 5000);     /* behind it */
        fake_map(5, 4095);     /* the last frame of the last whole word */

        for (unsigned page = 3; page <= 4; page++) {
                Sample sample = sample_touched(page);
                expect(&sample, UNTRACKED);
        }
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_BEYOND], 2);

        Sample sample = sample_untouched(5);
        expect(&sample, COLD);
}
END_TEST

START_TEST(memory_unplugged_during_the_interval) {
        Sample sample = sample_of(3);

        fake_map(3, 5000);
        prepare(&sample, 1);
        fake.n_frames = 4096;
        check(&sample, 1);
        expect(&sample, UNTRACKED);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_BEYOND], 1);
}
END_TEST

START_TEST(unknown_tail_loses_one_sample_then_its_head_is_marked) {
        fake_folio(1024, 9);
        for (unsigned i = 0; i < 512; i++)
                fake_map(512 + i, 1024 + i);

        Sample sample = sample_touched(512 + 77);
        expect(&sample, UNTRACKED);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_TAIL], 1);
        ck_assert_uint_eq(source->counters.hot, 0);

        source->counters = (SourceCounters) {};
        sample = sample_untouched(512 + 99);
        expect(&sample, COLD);
        ck_assert_uint_eq(fake.frames[1024].writes, 1);
        ck_assert_uint_eq(fake.frames[1024 + 99].writes, 0);
        ck_assert_uint_eq(source->counters.syscalls_max_cold, 3);

        sample = sample_touched(512 + 100);
        expect(&sample, HOT);
        ck_assert_uint_eq(source->counters.syscalls_max_hot, 5);
}
END_TEST

START_TEST(other_huge_pages_are_found_before_they_are_marked) {
        for (uint32_t pfn = 1024; pfn < 1024 + 4 * 512; pfn += 512)
                fake_folio(pfn, 9);
        for (unsigned i = 0; i < 4 * 512; i++)
                fake_map(512 + i, 1024 + i);

        Sample sample = sample_untouched(512 + 7);
        expect(&sample, UNTRACKED);

        /* Blocks never seen: one call more, no verdict lost. */
        sample = sample_untouched(1024 + 7);
        expect(&sample, COLD);
        ck_assert_uint_eq(source->counters.syscalls_max_cold, 4);
        sample = sample_touched(1536 + 7);
        expect(&sample, HOT);
        ck_assert_uint_eq(source->counters.syscalls_max_hot, 5);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_TAIL], 1);
}
END_TEST

START_TEST(lookups_end_where_there_are_no_huge_pages) {
        fake_folio(1024, 9);
        fake_map(0, 1024 + 5);
        (void) sample_untouched(0);

        /* 12 blocks of small pages over and over, each forgotten at once. */
        for (unsigned i = 0; i < 200; i++) {
                fake_map(1 + i, 2048 + (i * 64) % 4096);
                update();
                source->counters = (SourceCounters) {};
                Sample sample = sample_untouched(1 + i);
                expect(&sample, COLD);
        }
        ck_assert_uint_eq(source->counters.syscalls_max_cold, 3);
}
END_TEST

START_TEST(small_folios_in_one_block) {
        /* Orders 4, 2 and 0 beside each other in one block. */
        fake_folio(2048, 4);
        fake_folio(2048 + 16, 2);
        for (unsigned i = 0; i < 24; i++)
                fake_map(i, 2048 + i);

        Sample sample = sample_untouched(3);
        expect(&sample, UNTRACKED);

        sample = sample_untouched(15);
        expect(&sample, COLD);
        sample = sample_untouched(18);
        expect(&sample, COLD);
        sample = sample_touched(19);
        expect(&sample, HOT);
        sample = sample_untouched(21);
        expect(&sample, COLD);
        ck_assert_uint_eq(fake.frames[2048].writes, 1);
        ck_assert_uint_eq(fake.frames[2048 + 16].writes, 2);
        ck_assert_uint_eq(fake.frames[2048 + 21].writes, 1);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_TAIL], 1);
}
END_TEST

START_TEST(learned_heads_expire_at_update) {
        fake_folio(1024, 9);
        for (unsigned i = 0; i < 512; i++)
                fake_map(512 + i, 1024 + i);
        (void) sample_untouched(512 + 7);

        /* Split, and only the sampled page in use: what was learned would say "cold". */
        fake_split(1024, 9);
        update();
        Sample sample = sample_touched(512 + 7);
        expect(&sample, HOT);
        ck_assert_uint_eq(fake.frames[1024 + 7].writes, 1);
}
END_TEST

START_TEST(stale_head_is_dropped_when_it_shows) {
        fake_folio(1024, 9);
        for (unsigned i = 0; i < 512; i++)
                fake_map(512 + i, 1024 + i);
        (void) sample_untouched(512 + 7);
        fake_split(1024, 9);

        Sample sample = sample_of(512 + 7);
        prepare(&sample, 1);
        fake_touch(512);
        check(&sample, 1);
        expect(&sample, UNTRACKED);

        sample = sample_touched(512 + 7);
        expect(&sample, HOT);
        sample = sample_untouched(512 + 8);
        expect(&sample, COLD);
}
END_TEST

START_TEST(small_page_became_a_tail) {
        for (unsigned i = 0; i < 512; i++)
                fake_map(512 + i, 4096 + i);
        Sample sample = sample_untouched(512 + 7);
        expect(&sample, COLD);

        /* Collapsed into a huge page elsewhere, during the interval. */
        fake_folio(1024, 9);
        sample = sample_of(512 + 7);
        prepare(&sample, 1);
        fake.frames[4096 + 7].idle = false;
        for (unsigned i = 0; i < 512; i++)
                fake_map(512 + i, 1024 + i);
        check(&sample, 1);
        expect(&sample, UNTRACKED);
        ck_assert_uint_eq(source->counters.hot, 0);

        sample = sample_untouched(512 + 8);
        expect(&sample, COLD);
}
END_TEST

START_TEST(migrated_page_keeps_its_verdict) {
        Sample sample = sample_of(3);

        fake_map(3, 1500);
        prepare(&sample, 1);
        fake_migrate(3, 3000);
        fake.frames[1500] = (FakeFrame) {};
        check(&sample, 1);
        expect(&sample, COLD);

        sample = sample_of(3);
        prepare(&sample, 1);
        fake_migrate(3, 1500);
        fake.frames[3000] = (FakeFrame) {};
        fake_touch(3);
        check(&sample, 1);
        expect(&sample, HOT);
}
END_TEST

START_TEST(migrated_huge_page_keeps_its_verdict) {
        fake_folio(1024, 9);
        fake_map(512 + 7, 1024 + 7);
        (void) sample_untouched(512 + 7);

        Sample sample = sample_of(512 + 7);
        prepare(&sample, 1);
        fake_folio(2048, 9);
        fake_migrate(512 + 7, 2048 + 7);
        memset(&fake.frames[1024], 0, 512 * sizeof(FakeFrame));
        check(&sample, 1);
        expect(&sample, COLD);
}
END_TEST

START_TEST(copy_on_write_is_an_access) {
        Sample sample = sample_of(3);

        fake_map(3, 1500);
        prepare(&sample, 1);
        fake_map(3, 3000);
        fake.frames[1500] = (FakeFrame) {};
        check(&sample, 1);
        expect(&sample, HOT);
        ck_assert_uint_eq(source->counters.syscalls_max_hot, 5);
}
END_TEST

START_TEST(moved_to_a_page_off_the_lru) {
        Sample sample = sample_of(3);

        fake_map(3, 1500);
        prepare(&sample, 1);
        fake_map(3, 3000);
        fake.frames[1500] = (FakeFrame) {};
        fake.frames[3000].lru = false;
        check(&sample, 1);
        expect(&sample, UNTRACKED);
}
END_TEST

START_TEST(locked_folio_is_hot_rather_than_wrong) {
        fake_map(3, 1500);
        fake_touch(3);
        fake.frames[1500].locked = true;

        /* The mark could not clear the accessed bit: old evidence counts as new. */
        Sample sample = sample_untouched(3);
        expect(&sample, HOT);
}
END_TEST

START_TEST(same_page_and_same_folio_share_a_verdict) {
        Sample samples[5];

        fake_folio(1024, 9);
        for (unsigned i = 0; i < 512; i++)
                fake_map(512 + i, 1024 + i);
        (void) sample_untouched(512 + 7);
        fake_map(3, 3000);
        source->counters = (SourceCounters) {};

        samples[0] = sample_of(3);
        samples[1] = sample_of(3);
        samples[1].addr += 1000;
        samples[2] = sample_of(512 + 10);
        samples[3] = sample_of(512 + 10);
        samples[4] = sample_of(512 + 400);
        prepare(samples, ELEMENTSOF(samples));
        fake_touch(512 + 200);
        check(samples, ELEMENTSOF(samples));

        for (size_t i = 0; i < ELEMENTSOF(samples); i++)
                expect(&samples[i], i < 2 ? COLD : HOT);
        ck_assert_uint_eq(fake.frames[3000].writes, 1);
        ck_assert_uint_eq(fake.frames[1024].writes, 1);
        ck_assert_uint_eq(source->counters.samples, 5);
        /* The small page with a look at its block, the first of the folio, the last one's pagemap.
         */
        ck_assert_uint_eq(source->counters.syscalls, 4 + 5 + 1);
}
END_TEST

START_TEST(shared_frame_is_seen_through_either_page) {
        Sample samples[2] = { sample_of(3), sample_of(300) };

        fake_map(3, 3000);
        fake_map(300, 3000);
        prepare(samples, 2);
        fake_touch(300);
        check(samples, 2);
        expect(&samples[0], HOT);
        expect(&samples[1], HOT);

        prepare(samples, 2);
        check(samples, 2);
        expect(&samples[0], COLD);
        expect(&samples[1], COLD);
}
END_TEST

START_TEST(neighbours_in_one_word) {
        Sample samples[3] = { sample_of(3), sample_of(4), sample_of(5) };

        for (unsigned i = 3; i <= 5; i++)
                fake_map(i, 3000 + i);
        prepare(samples, 3);
        fake_touch(4);
        check(samples, 3);
        expect(&samples[0], COLD);
        expect(&samples[1], HOT);
        expect(&samples[2], COLD);
}
END_TEST

START_TEST(address_outside_of_the_address_space) {
        Sample sample = { .addr = FAKE_END + 4096 };

        prepare(&sample, 1);
        check(&sample, 1);
        expect(&sample, COLD);
        ck_assert_uint_eq(source->counters.absent, 1);
}
END_TEST

START_TEST(exec_is_noticed) {
        Sample sample = sample_of(3);

        fake_map(3, 1500);
        prepare(&sample, 1);
        fake_exec();
        ck_assert_int_eq(source->ops->prepare(source, space, &sample, 1), OPS_E_REPLACED);

        /* The space has moved along: now it just works. */
        fake_map(3, 1600);
        sample = sample_untouched(3);
        expect(&sample, COLD);
}
END_TEST

START_TEST(exec_is_noticed_at_check) {
        Sample sample = sample_of(3);

        /* While the mark holds nobody looks at the address space; the next prepare will. */
        fake_map(3, 1500);
        prepare(&sample, 1);
        fake.frames[1500] = (FakeFrame) {};
        fake_exec();
        ck_assert_int_eq(source->ops->check(source, space, &sample, 1), OPS_E_REPLACED);
}
END_TEST

START_TEST(exec_is_noticed_at_update) {
        _cleanup_(address_map_unrefp) AddressMap *map = NULL;

        fake_exec();
        ck_assert_int_eq(source->ops->map(source, space, &map), OPS_E_REPLACED);
        ck_assert_ptr_null(map);
        ck_assert_int_eq(source->ops->map(source, space, &map), 0);
        ck_assert_uint_eq(map->n_mappings, 1);
}
END_TEST

START_TEST(end_is_noticed) {
        AddressMap *map = NULL;
        Sample sample = sample_of(3);
        Space *other;

        fake_map(3, 1500);
        prepare(&sample, 1);
        fake_exit();
        ck_assert_int_eq(source->ops->prepare(source, space, &sample, 1), OPS_E_GONE);
        ck_assert_int_eq(source->ops->map(source, space, &map), OPS_E_GONE);
        ck_assert_int_eq(source->ops->attach(source, FAKE_PID, &other), OPS_E_GONE);
        ck_assert_uint_eq(source->ops->size(source, space).resident, 0);
}
END_TEST

START_TEST(resident_is_read) {
        ck_assert_uint_eq(source->ops->size(source, space).resident, UINT64_C(100) << page_shift());
}
END_TEST

START_TEST(missing_bitmap_is_explained) {
        _cleanup_free_ char *error = NULL;
        Source *other = NULL;

        ck_assert_int_eq(unlinkat(fake.roots.sys, "kernel/mm/page_idle/bitmap", 0), 0);
        ck_assert_int_eq(idle_source_new(&fake.roots, &FAKE_IO, &other, &error), -ENOENT);
        ck_assert_ptr_null(other);
        ck_assert_ptr_nonnull(strstr(error, "CONFIG_IDLE_PAGE_TRACKING"));
}
END_TEST

/* Random life of pages; the verdict must be the truth wherever there is one. */
START_TEST(random_pages_never_get_a_wrong_verdict) {
        Sample samples[256];
        bool touched[256];

        srand(12345);
        for (unsigned i = 0; i < 256; i++)
                fake_map(i, 512 + 16 * i);
        for (unsigned round = 0; round < 50; round++) {
                for (unsigned i = 0; i < 256; i++) {
                        samples[i] = sample_of(i);
                        touched[i] = false;
                        fake.frames[512 + 16 * i].lru = rand() % 4 != 0;
                }
                prepare(samples, 256);
                for (unsigned i = 0; i < 256; i++)
                        if (rand() % 2) {
                                touched[i] = true;
                                fake_touch(i);
                        }
                check(samples, 256);
                for (unsigned i = 0; i < 256; i++)
                        expect(&samples[i], !fake.frames[512 + 16 * i].lru ? UNTRACKED
                                            : touched[i]                   ? HOT
                                                                           : COLD);
        }
}
END_TEST

#define ADD(name) tcase_add_test(tcase, name)

static void add_verdicts(TCase *tcase) {
        ADD(cold_page_costs_three_calls);
        ADD(hot_page_costs_five_calls);
        ADD(cost_does_not_depend_on_size);
        ADD(others_marks_are_left_alone);
        ADD(absent_page_is_accessed_if_it_appears);
        ADD(vanished_page_is_not_accessed);
        ADD(swap_offset_is_no_frame_number);
        ADD(page_off_the_lru_is_never_hot);
        ADD(hugetlb_and_zero_page_are_never_hot);
        ADD(hidden_frame_numbers_are_said);
        ADD(bitmap_ends_before_the_page);
        ADD(memory_unplugged_during_the_interval);
        ADD(migrated_page_keeps_its_verdict);
        ADD(copy_on_write_is_an_access);
        ADD(moved_to_a_page_off_the_lru);
        ADD(locked_folio_is_hot_rather_than_wrong);
        ADD(shared_frame_is_seen_through_either_page);
        ADD(neighbours_in_one_word);
        ADD(random_pages_never_get_a_wrong_verdict);
}

static void add_folios(TCase *tcase) {
        ADD(unknown_tail_loses_one_sample_then_its_head_is_marked);
        ADD(other_huge_pages_are_found_before_they_are_marked);
        ADD(lookups_end_where_there_are_no_huge_pages);
        ADD(small_folios_in_one_block);
        ADD(learned_heads_expire_at_update);
        ADD(stale_head_is_dropped_when_it_shows);
        ADD(small_page_became_a_tail);
        ADD(migrated_huge_page_keeps_its_verdict);
        ADD(same_page_and_same_folio_share_a_verdict);
}

static void add_life(TCase *tcase) {
        ADD(address_outside_of_the_address_space);
        ADD(exec_is_noticed);
        ADD(exec_is_noticed_at_check);
        ADD(exec_is_noticed_at_update);
        ADD(end_is_noticed);
        ADD(resident_is_read);
        ADD(missing_bitmap_is_explained);
}

static void add_case(Suite *suite, const char *name, void (*add)(TCase *tcase)) {
        TCase *tcase = tcase_create(name);

        tcase_add_checked_fixture(tcase, setup, teardown);
        add(tcase);
        suite_add_tcase(suite, tcase);
}

int main(void) {
        Suite *suite = suite_create("probe-idle");
        SRunner *runner = srunner_create(suite);
        int failed;

        add_case(suite, "verdicts", add_verdicts);
        add_case(suite, "folios", add_folios);
        add_case(suite, "life", add_life);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
