/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actor against a fake kernel: what each action hands over, what it leaves, and what it counts. */
#include "test-action.h"

START_TEST(pageout_takes_what_is_there) {
        const FakeVma vmas[] = { { 0, 50, "" }, { 50, 400, "/data" } };
        const ItemResult *r;

        fake_vmas(vmas, 2);
        fake_map_range(0, 100, 100);
        fake_of_file(50, 100);
        r = run_one(ACTION_PAGEOUT, 0, 300);

        ck_assert_uint_eq(r->tried, 100 * PAGE);
        ck_assert_uint_eq(r->applied, 100 * PAGE);
        ck_assert_uint_eq(r->anon, 50 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_NOTHING], 200 * PAGE);
        ck_assert_uint_eq(r->left, 0);
        ck_assert_uint_eq(r->stopped_at, fake_addr(300));
        ck_assert_uint_gt(r->time, 0);
        ck_assert_uint_gt(scheme_result()->longest, 0);
        ck_assert_uint_eq(scheme_result()->calls, fake_act.calls);
        ck_assert(!scheme_result()->bytes_ran_out && !scheme_result()->time_ran_out && !scheme_result()->late);
        ck_assert(!plan.result->cancelled);
        for (unsigned i = 0; i < 300; i++) {
                ck_assert_uint_eq(fake_act.acted[i], i < 100);
                ck_assert_uint_eq(fake_act.handed[i], i < 100);
        }
}
END_TEST

START_TEST(what_stays_is_not_applied) {
        const ItemResult *r;

        fake_map_range(0, 100, 100);
        fake_act.no_pageout = true;
        r = run_one(ACTION_PAGEOUT, 0, 100);

        ck_assert_uint_eq(r->tried, 100 * PAGE);
        ck_assert_uint_eq(r->applied, 0);
        ck_assert_uint_eq(r->left, 100 * PAGE);
}
END_TEST

START_TEST(shared_pages_are_left_alone) {
        const Action actions[] = { ACTION_PAGEOUT, ACTION_COLD, ACTION_LRU_DEPRIO };

        fake_map_range(0, 60, 100);
        fake_of_others(10, 20);
        fake_of_file(30, 60);
        fake_of_others(40, 50); /* a library that others use, too */
        for (size_t i = 0; i < ELEMENTSOF(actions); i++) {
                const ItemResult *r;

                fake_map_range(0, 10, 100);
                r = run_one(actions[ELEMENTSOF(actions) - 1 - i], 0, 60);
                ck_assert_uint_eq(r->others[OUTCOME_SHARED], 20 * PAGE);
                ck_assert_uint_eq(r->tried, 40 * PAGE);
                ck_assert_uint_eq(r->applied, 40 * PAGE);
                for (unsigned k = 10; k < 20; k++)
                        ck_assert_uint_eq(fake_act.handed[k], 0);
        }
}
END_TEST

START_TEST(cold_is_accepted_not_moved) {
        const ItemResult *r;

        fake_map_range(0, 20, 100);
        r = run_one(ACTION_COLD, 0, 40);
        ck_assert_uint_eq(r->tried, 20 * PAGE);
        ck_assert_uint_eq(r->applied, 20 * PAGE);
        ck_assert_uint_eq(r->anon, 0);
        ck_assert_uint_eq(r->left, 20 * PAGE);
        ck_assert_uint_eq(sum(fake_act.acted), 20);
}
END_TEST

START_TEST(willneed_wants_what_is_away) {
        const FakeVma vmas[] = { { 0, 100, "" }, { 100, 200, "/data" } };
        const ItemResult *r;

        fake_vmas(vmas, 2);
        fake_map_range(0, 10, 100);
        for (unsigned i = 10; i < 30; i++)
                fake_swap_out(i, i);
        fake_map_range(100, 110, 200);
        fake_of_file(100, 110);
        r = run_one(ACTION_WILLNEED, 0, 200);

        /* swapped, and whatever of the file is not mapped; nothing of what was never there */
        ck_assert_uint_eq(r->tried, (20 + 90) * PAGE);
        ck_assert_uint_eq(r->applied, r->tried);
        ck_assert_uint_eq(r->others[OUTCOME_NOTHING], (10 + 70 + 10) * PAGE);
        ck_assert_uint_eq(r->left, 20 * PAGE);
}
END_TEST

START_TEST(willneed_goes_in_pieces) {
        const FakeVma vmas[] = { { 0, 800, "/data" } };
        const ItemResult *r;

        /* more than the kernel reads ahead per range it would leave without a word */
        fake_vmas(vmas, 1);
        r = run_one(ACTION_WILLNEED, 0, 800);
        ck_assert_uint_eq(r->tried, 800 * PAGE);
        ck_assert_uint_eq(fake_act.widest, 32 * PAGE);
}
END_TEST

START_TEST(lru_prio_reads_twice) {
        const ItemResult *r;

        for (unsigned i = 0; i < 4000; i += 2)
                fake_map(i, 100 + i);
        fake_of_others(0, 100);
        r = run_one(ACTION_LRU_PRIO, 0, 4000);

        ck_assert_uint_eq(r->tried, 2000 * PAGE);
        ck_assert_uint_eq(r->applied, 2000 * PAGE);
        for (unsigned i = 0; i < 4000; i++)
                ck_assert_uint_eq(fake_act.reads[i], i % 2 ? 0 : 2);
}
END_TEST

START_TEST(collapse_makes_blocks) {
        const Action actions[] = { ACTION_COLLAPSE, ACTION_HUGEPAGE };

        for (size_t i = 0; i < ELEMENTSOF(actions); i++) {
                unsigned first = (unsigned) i * 4 * FAKE_BLOCK;
                const ItemResult *r;

                fake_map_range(first + 10, first + 2 * FAKE_BLOCK, 10 + (unsigned) i * 1024);
                fake_map_folio(first + 2 * FAKE_BLOCK, 4 * FAKE_BLOCK + (unsigned) i * FAKE_BLOCK, 9);
                r = run_one(actions[i], first + 5, first + 4 * FAKE_BLOCK - 5);

                /* the first is cut by the item, the third is huge, the last is empty and cut */
                ck_assert_uint_eq(r->others[OUTCOME_EDGE], 2 * HUGE - 10 * PAGE);
                ck_assert_uint_eq(r->tried, HUGE);
                ck_assert_uint_eq(r->applied, HUGE);
                ck_assert_uint_eq(r->others[OUTCOME_NOTHING], HUGE);
                ck_assert_uint_eq(fake_act.acted[first + FAKE_BLOCK], 1);
                ck_assert_uint_eq(sum(fake_act.acted), i + 1);
        }
        ck_assert_uint_eq(fake_act.longest, 1);
}
END_TEST

START_TEST(collapse_leaves_empty_blocks) {
        const ItemResult *r = run_one(ACTION_COLLAPSE, 0, 2 * FAKE_BLOCK);

        ck_assert_uint_eq(r->others[OUTCOME_NOTHING], 2 * HUGE);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(nohugepage_splits) {
        const ItemResult *r;

        fake_map_folio(0, FAKE_BLOCK, 9);
        fake_map_range(FAKE_BLOCK, 2 * FAKE_BLOCK, 4 * FAKE_BLOCK); /* adjacent, but no huge page */
        fake_map_folio(2 * FAKE_BLOCK, 5 * FAKE_BLOCK, 9);
        r = run_one(ACTION_NOHUGEPAGE, 0, 3 * FAKE_BLOCK - 1);

        ck_assert_uint_eq(r->tried, HUGE);
        ck_assert_uint_eq(r->applied, HUGE);
        ck_assert_uint_eq(r->others[OUTCOME_NOTHING], HUGE);
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], HUGE - PAGE);
        ck_assert(!fake.frames[FAKE_BLOCK + 1].tail);
        ck_assert(fake.frames[5 * FAKE_BLOCK].large);
}
END_TEST

START_TEST(nohugepage_needs_debugfs) {
        const ItemResult *r;

        fake_map_folio(0, FAKE_BLOCK, 9);
        fake_remove("sys/kernel/debug/split_huge_pages");
        r = run_one(ACTION_NOHUGEPAGE, 0, FAKE_BLOCK);
        ck_assert_uint_eq(r->others[OUTCOME_FAILED], HUGE);
        ck_assert_uint_eq(error_count(ENOENT), 1);
}
END_TEST

START_TEST(stat_does_nothing) {
        const ItemResult *r;

        fake_map_range(0, 20, 100);
        fake_swap_out(20, 1);
        r = run_one(ACTION_STAT, 0, 40);
        ck_assert_uint_eq(r->tried, 21 * PAGE);
        ck_assert_uint_eq(r->applied, 0);
        ck_assert_uint_eq(r->others[OUTCOME_NOTHING], 19 * PAGE);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(dry_runs_only_look) {
        for (Action action = 0; action < _ACTION_MAX; action++) {
                const ItemResult *r;

                fake_map_range(0, 400, 100);
                fake_map_folio(512, 1024, 9);
                fake_swap_out(450, 1);
                plan_one(action, 0, 1024);
                limits()->dry_run = true;
                r = run();
                ck_assert_uint_gt(r->tried, 0);
                ck_assert_uint_eq(r->applied, 0);
                ck_assert_uint_eq(r->left, 912 * PAGE);
                ck_assert_uint_eq(scheme_result()->calls, 0);
                ck_assert_uint_eq(fake_act.calls, 0);
        }
}
END_TEST

START_TEST(size_is_never_exceeded) {
        const ItemResult *r;

        fake_map_range(0, 100, 100);
        plan_one(ACTION_PAGEOUT, 0, 100);
        limits()->bytes_max = 10 * PAGE + 100; /* not even by a part of a page */
        r = run();
        ck_assert_uint_eq(r->tried, 10 * PAGE);
        ck_assert_uint_eq(r->stopped_at, fake_addr(10));
        ck_assert_uint_eq(r->others[OUTCOME_UNREACHED], 90 * PAGE);
        ck_assert(scheme_result()->bytes_ran_out);
        ck_assert_uint_eq(sum(fake_act.acted), 10);
}
END_TEST

START_TEST(size_is_shared_by_all_items) {
        fake_map_range(0, 300, 100);
        fake_plan_init(&plan, ACTION_COLD, 3);
        for (unsigned i = 0; i < 3; i++)
                fake_plan_item(&plan, i * 100, i * 100 + 100);
        limits()->bytes_max = 150 * PAGE;
        fake_plan_run(&plan, actor);

        ck_assert_uint_eq(plan.result->items[0].tried, 100 * PAGE);
        ck_assert_uint_eq(plan.result->items[1].tried, 50 * PAGE);
        ck_assert_uint_eq(plan.result->items[2].tried, 0);
        ck_assert_uint_eq(plan.result->items[2].stopped_at, fake_addr(200));
        ck_assert_uint_eq(sum(fake_act.handed), 150);
}
END_TEST

START_TEST(absent_pages_cost_nothing) {
        const ItemResult *r;

        for (unsigned i = 0; i < 400; i += 4)
                fake_map(i, 100 + i);
        plan_one(ACTION_COLD, 0, 400);
        limits()->bytes_max = 50 * PAGE;
        r = run();
        ck_assert_uint_eq(r->tried, 50 * PAGE);
        /* up to the page that did not fit any more, or where the last batch ended */
        ck_assert_uint_ge(r->stopped_at, fake_addr(197));
        ck_assert_uint_le(r->stopped_at, fake_addr(200));
}
END_TEST

START_TEST(no_size_nothing_done) {
        fake_map_range(0, 10, 100);
        plan_one(ACTION_COLD, 0, 10);
        limits()->bytes_max = 0;
        ck_assert_uint_eq(run()->others[OUTCOME_UNREACHED], 10 * PAGE);
        ck_assert(scheme_result()->bytes_ran_out);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(swap_rate_is_kept) {
        const FakeVma vma = { 0, 100, "/data" }; /* private: pages that were written to are no file's */
        const ItemResult *r;

        fake_vmas(&vma, 1);
        fake_map_range(0, 100, 100);
        fake_of_file(50, 60);
        plan_one(ACTION_PAGEOUT, 0, 100);
        limits()->swap_max = 20 * PAGE;
        r = run();
        ck_assert_uint_eq(r->anon, 20 * PAGE);
        ck_assert_uint_eq(r->tried, 30 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_SWAP_RATE], 70 * PAGE);
        ck_assert_uint_eq(fake_act.swap_free, (1 << 20) - 20);
}
END_TEST

START_TEST(without_swap_only_files) {
        const FakeVma vmas[] = { { 0, 100, "" }, { 100, 120, "/memfd:x", .shared = true }, { 120, 140, "/data" } };
        const ItemResult *r;

        fake_vmas(vmas, 3);
        fake_map_range(0, 140, 100);
        fake_of_file(100, 140);
        plan_one(ACTION_PAGEOUT, 0, 140);
        limits()->swap_max = 0;
        r = run();
        ck_assert_uint_eq(r->anon, 0);
        ck_assert_uint_eq(r->tried, 20 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_NO_SWAP], 120 * PAGE);
}
END_TEST

START_TEST(swap_fills_up) {
        const ItemResult *r;

        fake_map_range(0, 3000, 100);
        fake_act.swap_free = 500;
        r = run_one(ACTION_PAGEOUT, 0, 3000);
        ck_assert_uint_eq(r->applied, 500 * PAGE);
        ck_assert_uint_eq(r->left, 2500 * PAGE);
        /* once a batch came to nothing, no other is tried */
        ck_assert_uint_gt(r->others[OUTCOME_NO_SWAP], 1500 * PAGE);
        ck_assert_uint_eq(sum(fake_act.acted), 500);
}
END_TEST

START_TEST(time_runs_out) {
        const ItemResult *r;

        fake_map_range(0, 4000, 100);
        fake_act.per_page = 100 * NSEC_PER_USEC;
        plan_one(ACTION_COLD, 0, 4000);
        limits()->time_max = 20 * NSEC_PER_MSEC;
        r = run();
        ck_assert(scheme_result()->time_ran_out);
        ck_assert_uint_gt(r->tried, 100 * PAGE);
        ck_assert_uint_lt(r->tried, 230 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_UNREACHED], 4000 * PAGE - r->tried);
}
END_TEST

START_TEST(deadline_passes) {
        const ItemResult *r;

        fake_map_range(0, 4000, 100);
        fake_act.per_page = 100 * NSEC_PER_USEC;
        plan_one(ACTION_COLD, 0, 4000);
        limits()->deadline = fake_act.now + 20 * NSEC_PER_MSEC;
        r = run();
        ck_assert(scheme_result()->late);
        ck_assert_uint_gt(r->tried, 0);
        ck_assert_uint_lt(r->tried, 300 * PAGE);

        plan_one(ACTION_COLD, 0, 4000);
        limits()->deadline = fake_act.now; /* now */
        r = run();
        ck_assert_uint_eq(r->tried, 0);
        ck_assert_uint_eq(r->stopped_at, fake_addr(0));
}
END_TEST

START_TEST(batches_are_short) {
        fake_map_range(0, 4000, 100);
        fake_act.per_page = 20 * NSEC_PER_USEC;
        ck_assert_uint_eq(run_one(ACTION_COLD, 0, 4000)->tried, 4000 * PAGE);
        ck_assert_uint_le(scheme_result()->longest, ACTOR_BATCH_TIME);
        /* … and no shorter than need be: 75 pages take the time of acting */
        ck_assert_uint_ge(fake_act.largest, 60 * PAGE);
        ck_assert_uint_le(fake_act.largest, 75 * PAGE);
}
END_TEST

static size_t largest_growth;
static uint64_t last_largest;

static void note_growth(void) {
        if (last_largest > 0)
                largest_growth = MAX(largest_growth, (size_t) (fake_act.largest / last_largest));
        last_largest = fake_act.largest;
        fake_act.hook_at = fake_act.calls + 1;
}

START_TEST(batches_grow_slowly) {
        fake_map_range(0, 4000, 100);
        last_largest = largest_growth = 0;
        fake_act.hook = note_growth;
        fake_act.hook_at = 1;
        ck_assert_uint_eq(run_one(ACTION_COLD, 0, 4000)->tried, 4000 * PAGE);
        ck_assert_uint_eq(largest_growth, 2);
        ck_assert_uint_le(scheme_result()->calls, 10);
}
END_TEST

START_TEST(slow_device_shrinks_batches) {
        fake_map_range(0, 4000, 100);
        ck_assert_uint_eq(run_one(ACTION_PAGEOUT, 0, 2000)->applied, 2000 * PAGE);
        fake_act.per_page = 5 * NSEC_PER_MSEC;
        ck_assert_uint_eq(run_one(ACTION_PAGEOUT, 2000, 2100)->applied, 100 * PAGE);
        ck_assert_uint_eq(scheme_result()->calls, 1);
        ck_assert_uint_eq(run_one(ACTION_PAGEOUT, 2100, 2150)->applied, 50 * PAGE);
        ck_assert_uint_eq(scheme_result()->calls, 50);
}
END_TEST

static void stop_now(void) {
        atomic_store(&plan.stop, true);
}

START_TEST(stops_when_told) {
        const ItemResult *r;

        fake_map_range(0, 4000, 100);
        plan_one(ACTION_COLD, 0, 4000);
        fake_act.hook = stop_now;
        fake_act.hook_at = 2;
        r = run();
        ck_assert(plan.result->cancelled);
        ck_assert_uint_eq(fake_act.calls, 2);
        ck_assert_uint_eq(r->tried + r->others[OUTCOME_UNREACHED], 4000 * PAGE);
        ck_assert_uint_eq(r->stopped_at, fake_addr((unsigned) (r->tried / PAGE)));
}
END_TEST

START_TEST(stopped_before_it_began) {
        fake_map_range(0, 40, 100);
        plan_one(ACTION_COLD, 0, 40);
        plan.plan->n_audits = 1;
        plan.plan->audits[0] = (PlanAudit) { .start = fake_addr(0), .end = fake_addr(40) };
        stop_now();
        ck_assert_uint_eq(run()->others[OUTCOME_UNREACHED], 40 * PAGE);
        ck_assert(plan.result->cancelled);
        ck_assert(!plan.result->audits[0].known);
}
END_TEST

START_TEST(audits_count_residents) {
        fake_map_range(0, 1000, 100);
        fake_swap_out(5, 1);
        plan_one(ACTION_COLD, 2000, 2001);
        plan.plan->n_audits = 1;
        plan.plan->audits[0] = (PlanAudit) { .start = fake_addr(0), .end = fake_addr(4000), .cookie = 3 };
        (void) run();
        ck_assert(plan.result->audits[0].known);
        ck_assert_uint_eq(plan.result->audits[0].resident, 999 * PAGE);
}
END_TEST

START_TEST(only_what_is_mapped_as_planned) {
        const FakeVma before[] = { { 0, 100, "" }, { 100, 200, "/a" }, { 200, 300, "/b" }, { 300, 400, "" } };
        const FakeVma now[] = {
                { 0, 50, "" }, { 60, 100, "" }, { 100, 150, "/a" }, { 150, 250, "/b" },
                { 250, 300, "/b", .shared = true }, { 350, 500, "" },
        };
        const ItemResult *r;

        fake_vmas(before, ELEMENTSOF(before));
        plan_one(ACTION_COLD, 0, 500);
        fake_vmas(now, ELEMENTSOF(now));
        fake_map_range(0, 500, 100);
        r = run();

        /* the same are [0, 50) [60, 100) [100, 150) [200, 250) [350, 400) */
        ck_assert_uint_eq(r->tried, 240 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_UNMAPPED], 260 * PAGE);
        ck_assert_uint_eq(sum(fake_act.handed), 240);
        ck_assert_uint_eq(fake_act.handed[55] + fake_act.handed[170] + fake_act.handed[270] + fake_act.handed[450], 0);
}
END_TEST

START_TEST(mappings_may_merge_and_part) {
        const FakeVma before[] = { { 0, 100, "" }, { 100, 512, "" }, { 512, 2000, "" } };
        const FakeVma now[] = { { 0, 1024, "" }, { 1024, 2000, "" } };

        fake_vmas(before, ELEMENTSOF(before));
        plan_one(ACTION_COLLAPSE, 0, 2000);
        fake_vmas(now, ELEMENTSOF(now));
        fake_map_range(0, 1024, 1);
        ck_assert_uint_eq(run()->applied, 2 * HUGE);
}
END_TEST

START_TEST(parts_of_pages_are_left_alone) {
        const ItemResult *r;

        fake_map_range(0, 10, 100);
        plan_one(ACTION_COLD, 0, 10);
        plan.plan->items[0].start += 1;
        plan.plan->items[0].end -= 1;
        r = run();
        ck_assert_uint_eq(r->tried, 8 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], 2 * PAGE - 2);
        ck_assert_uint_eq(r->stopped_at, plan.plan->items[0].end);
}
END_TEST

int main(void) {
        TCase *cases = tcase_create("action");

        tcase_add_test(cases, pageout_takes_what_is_there);
        tcase_add_test(cases, what_stays_is_not_applied);
        tcase_add_test(cases, shared_pages_are_left_alone);
        tcase_add_test(cases, cold_is_accepted_not_moved);
        tcase_add_test(cases, willneed_wants_what_is_away);
        tcase_add_test(cases, willneed_goes_in_pieces);
        tcase_add_test(cases, lru_prio_reads_twice);
        tcase_add_test(cases, collapse_makes_blocks);
        tcase_add_test(cases, collapse_leaves_empty_blocks);
        tcase_add_test(cases, nohugepage_splits);
        tcase_add_test(cases, nohugepage_needs_debugfs);
        tcase_add_test(cases, stat_does_nothing);
        tcase_add_test(cases, dry_runs_only_look);
        tcase_add_test(cases, size_is_never_exceeded);
        tcase_add_test(cases, size_is_shared_by_all_items);
        tcase_add_test(cases, absent_pages_cost_nothing);
        tcase_add_test(cases, no_size_nothing_done);
        tcase_add_test(cases, swap_rate_is_kept);
        tcase_add_test(cases, without_swap_only_files);
        tcase_add_test(cases, swap_fills_up);
        tcase_add_test(cases, time_runs_out);
        tcase_add_test(cases, deadline_passes);
        tcase_add_test(cases, batches_are_short);
        tcase_add_test(cases, batches_grow_slowly);
        tcase_add_test(cases, slow_device_shrinks_batches);
        tcase_add_test(cases, stops_when_told);
        tcase_add_test(cases, stopped_before_it_began);
        tcase_add_test(cases, audits_count_residents);
        tcase_add_test(cases, only_what_is_mapped_as_planned);
        tcase_add_test(cases, mappings_may_merge_and_part);
        tcase_add_test(cases, parts_of_pages_are_left_alone);
        return run_suite(cases, "action");
}
