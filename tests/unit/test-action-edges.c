/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actor and huge pages: none is cut, whatever the edges of items, batches, limits and filters. */
#include "test-action.h"

#define CUTTING 3

static const Action cutting[CUTTING] = { ACTION_PAGEOUT, ACTION_COLD, ACTION_LRU_DEPRIO };

START_TEST(item_cuts_huge_pages) {
        for (size_t i = 0; i < CUTTING; i++) {
                const ItemResult *r;

                fake_map_folio(0, 512, 9);
                fake_map_folio(512, 1024, 9);
                fake_map_folio(1024, 1536, 9);
                r = run_one(cutting[i], 10, 1024 + 100);
                ck_assert_uint_eq(r->tried, HUGE);
                ck_assert_uint_eq(r->applied, HUGE);
                ck_assert_uint_eq(r->others[OUTCOME_EDGE], HUGE - 10 * PAGE + 100 * PAGE);
                ck_assert_uint_eq(fake_act.cuts, 0);
                ck_assert_uint_eq(fake_act.handed[511] + fake_act.handed[1024], 0);
        }
}
END_TEST

START_TEST(item_inside_a_huge_page) {
        fake_map_folio(0, 512, 9);
        ck_assert_uint_eq(run_one(ACTION_PAGEOUT, 100, 200)->others[OUTCOME_EDGE], 100 * PAGE);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(batch_is_extended) {
        /* the first batch is of 64 KiB, and yet nothing is lost */
        fake_map_folio(0, 512, 9);
        fake_map_folio(512, 1024, 9);
        ck_assert_uint_eq(run_one(ACTION_PAGEOUT, 0, 1024)->applied, 2 * HUGE);
        ck_assert_uint_eq(fake_act.cuts, 0);
        ck_assert_uint_ge(scheme_result()->calls, 2);
}
END_TEST

START_TEST(smaller_folios_are_kept_whole) {
        const unsigned orders[] = { 2, 4, 5, 7 };
        const ItemResult *r;

        for (unsigned i = 0, page = 0; i < ELEMENTSOF(orders); i++, page += 128)
                for (unsigned k = 0; k < 128; k += 1u << orders[i])
                        fake_map_folio(page + k, 1024 + page + k, orders[i]);
        r = run_one(ACTION_COLD, 1, 511);
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], (3 + 127) * PAGE);
        ck_assert_uint_eq(r->tried, (512 - 4 - 128) * PAGE);
        ck_assert_uint_eq(fake_act.cuts, 0);
}
END_TEST

START_TEST(neighbours_are_no_folio) {
        /* consecutive frames of small pages, and of two folios */
        fake_map_range(0, 100, 512);
        fake_map_folio(100, 1024, 2);
        fake_map_folio(104, 1028, 2);
        ck_assert_uint_eq(run_one(ACTION_COLD, 50, 104)->tried, 54 * PAGE);
        ck_assert_uint_eq(fake_act.cuts, 0);
}
END_TEST

START_TEST(rest_of_a_huge_page_counts_as_small) {
        const ItemResult *r;

        /* the process has unmapped most of it: nothing of what is left is cut by us */
        fake_map_folio(0, 512, 9);
        for (unsigned i = 0; i < 512; i++)
                if (i < 100 || i >= 110)
                        fake_unmap(i);
        r = run_one(ACTION_COLD, 0, 512);
        ck_assert_uint_eq(r->tried, 10 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], 0);
}
END_TEST

START_TEST(tails_next_to_strangers) {
        fake_map_folio(0, 512, 9);
        for (unsigned i = 0; i < 512; i++)
                if (i < 100 || i >= 110)
                        fake_unmap(i);
        fake_map(99, 2000);
        fake_map(110, 2001);
        ck_assert_uint_eq(run_one(ACTION_COLD, 100, 110)->tried, 10 * PAGE);
}
END_TEST

START_TEST(mapping_edge_in_a_huge_page) {
        const FakeVma vmas[] = { { 0, 700, "" }, { 700, 2000, "[heap]" } };
        const ItemResult *r;

        fake_vmas(vmas, 2);
        fake_map_folio(512, 1024, 9);
        r = run_one(ACTION_PAGEOUT, 0, 2000);
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], HUGE);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(partly_shared_folio_is_left) {
        const ItemResult *r;

        fake_map_folio(0, 512, 4);
        fake_of_others(3, 4);
        r = run_one(ACTION_COLD, 0, 16);
        ck_assert_uint_eq(r->others[OUTCOME_SHARED], PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], 15 * PAGE);
}
END_TEST

START_TEST(size_does_not_cut) {
        const ItemResult *r;

        fake_map_range(0, 512, 1);
        fake_map_folio(512, 1024, 9);
        fake_map_range(1024, 1100, 2048);
        plan_one(ACTION_PAGEOUT, 0, 1100);
        limits()->bytes_max = 600 * PAGE;
        r = run();
        ck_assert_uint_eq(r->tried, 512 * PAGE);
        ck_assert_uint_eq(r->stopped_at, fake_addr(512));
        ck_assert(scheme_result()->bytes_ran_out);
        ck_assert_uint_eq(fake_act.cuts, 0);
}
END_TEST

START_TEST(what_never_fits_does_not_block) {
        const ItemResult *r;

        fake_map_folio(0, 512, 9);
        fake_map_range(512, 1000, 2048);
        plan_one(ACTION_PAGEOUT, 0, 1000);
        limits()->bytes_max = 100 * PAGE;
        r = run();
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], HUGE);
        ck_assert_uint_eq(r->tried, 100 * PAGE);
        ck_assert_uint_eq(fake_act.handed[0], 0);
}
END_TEST

START_TEST(swap_rate_does_not_cut) {
        const ItemResult *r;

        fake_map_folio(0, 512, 9);
        fake_map_range(512, 612, 2048);
        plan_one(ACTION_PAGEOUT, 0, 612);
        limits()->swap_max = 50 * PAGE;
        r = run();
        ck_assert_uint_eq(r->others[OUTCOME_SWAP_RATE], HUGE + 50 * PAGE);
        ck_assert_uint_eq(r->anon, 50 * PAGE);
        ck_assert_uint_eq(fake_act.cuts, 0);
}
END_TEST

START_TEST(without_flags_what_looks_huge_is) {
        const ItemResult *r;

        fake_map_folio(0, 512, 9);
        fake_map_range(512, 1024, 1025);  /* consecutive, but not aligned */
        fake_map_range(1024, 1536, 2048); /* looks like one */
        fake_remove("proc/kpageflags");
        r = run_one(ACTION_COLD, 10, 1500);
        ck_assert_uint_eq(r->tried, 512 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], (502 + 476) * PAGE);
        ck_assert_uint_eq(fake_act.cuts, 0);
}
END_TEST

START_TEST(without_frames_full_blocks_are) {
        const ItemResult *r;

        fake_map_folio(0, 512, 9);
        fake_map_range(512, 1000, 1025);
        fake.hide_frames = true;
        r = run_one(ACTION_COLD, 10, 900);
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], 502 * PAGE);
        ck_assert_uint_eq(r->tried, 388 * PAGE);
        ck_assert_uint_eq(fake_act.cuts, 0);
}
END_TEST

START_TEST(without_frames_no_split) {
        const ItemResult *r;

        fake_map_folio(0, 512, 9);
        fake.hide_frames = true;
        r = run_one(ACTION_NOHUGEPAGE, 0, 512);
        ck_assert_uint_eq(r->others[OUTCOME_UNKNOWN], HUGE);
        ck_assert_uint_eq(fake_act.calls, 0);

        /* but huge pages can be made: where one is already, the kernel leaves it */
        r = run_one(ACTION_COLLAPSE, 0, 512);
        ck_assert_uint_eq(r->tried, HUGE);
        ck_assert_uint_eq(r->applied, HUGE);
}
END_TEST

START_TEST(hugetlb_is_left_alone) {
        const FakeVma vma = { 0, 1024, "/anon_hugepage (deleted)" };

        fake_vmas(&vma, 1);
        fake_map_folio(0, 512, 9);
        for (Action action = ACTION_PAGEOUT; action <= ACTION_LRU_DEPRIO; action++) {
                ck_assert_uint_eq(run_one(action, 0, 1024)->others[OUTCOME_UNEVICTABLE], 2 * HUGE);
                ck_assert_uint_eq(run_one(action, 5, 700)->others[OUTCOME_UNEVICTABLE], 695 * PAGE);
        }
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

int main(void) {
        TCase *cases = tcase_create("edges");

        tcase_add_test(cases, item_cuts_huge_pages);
        tcase_add_test(cases, item_inside_a_huge_page);
        tcase_add_test(cases, batch_is_extended);
        tcase_add_test(cases, smaller_folios_are_kept_whole);
        tcase_add_test(cases, neighbours_are_no_folio);
        tcase_add_test(cases, rest_of_a_huge_page_counts_as_small);
        tcase_add_test(cases, tails_next_to_strangers);
        tcase_add_test(cases, mapping_edge_in_a_huge_page);
        tcase_add_test(cases, partly_shared_folio_is_left);
        tcase_add_test(cases, size_does_not_cut);
        tcase_add_test(cases, what_never_fits_does_not_block);
        tcase_add_test(cases, swap_rate_does_not_cut);
        tcase_add_test(cases, without_flags_what_looks_huge_is);
        tcase_add_test(cases, without_frames_full_blocks_are);
        tcase_add_test(cases, without_frames_no_split);
        tcase_add_test(cases, hugetlb_is_left_alone);
        return run_suite(cases, "action-edges");
}
