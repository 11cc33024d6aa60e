/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Acting on physical memory, against a fake kernel: whose pages are found, what cannot be reached, and what happens when
 * a frame changes hands before it is acted on. */
#include "test-action.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/rng.h"

#define OWNED (KPAGE_MMAP | KPAGE_ANON | KPAGE_SWAPBACKED | KPAGE_UPTODATE)
#define PROCS "sys/fs/cgroup/db/cgroup.procs"

/* The fake kernel's calls, with something that happens before the n-th read. */
static void (*happening)(void);
static unsigned happens_at, n_reads;

static ssize_t watched_pread(int fd, void *buf, size_t size, uint64_t offset) {
        if (++n_reads == happens_at && happening)
                happening();
        return FAKE_IO.pread(fd, buf, size, offset);
}

static ssize_t watched_pwrite(int fd, const void *buf, size_t size, uint64_t offset) {
        return FAKE_IO.pwrite(fd, buf, size, offset);
}

static const KernelIo watched_io = { .pread = watched_pread, .pwrite = watched_pwrite };

/* The process is in the cgroup "/db". */
static void put_procs(const char *text) {
        char path[160];
        FILE *file;

        (void) snprintf(path, sizeof(path), "%s/" PROCS, fake.path);
        file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
}

static void setup_physical(void) {
        fake_kernel_init();
        fake_act_init();
        put_procs("4321\n");
        happening = NULL;
        happens_at = n_reads = 0;
        ck_assert_int_eq(actor_new(&fake.roots, &watched_io, &FAKE_ACT_IO, &actor), 0);
}

static void teardown_physical(void) {
        fake_remove(PROCS);
        teardown();
}

/* Pages [first, end) in frames from pfn on, charged to "/db". */
static void own(unsigned first, unsigned end, uint32_t pfn) {
        fake_map_range(first, end, pfn);
        for (uint32_t i = pfn; i < pfn + (end - first); i++) {
                fake.frames[i].extra = OWNED;
                fake.frames[i].memcg = fake_cgroup_inode();
        }
}

static void reset_all(void) {
        fake_act_reset();
        fake_vmas(&(FakeVma) { .end = FAKE_PAGES, .name = "" }, 1);
}

/* A plan for frames. */
static void plan_frames(Action action, uint64_t first, uint64_t end) {
        plan_one(action, 0, 1);
        plan.plan->targets[0].physical = true;
        plan.plan->targets[0].pid = 0;
        plan.plan->items[0] = (PlanItem) { .start = first * PAGE, .end = end * PAGE };
}

/* Every byte is in one place. */
static const ItemResult *run_frames(void) {
        const ItemResult *r = run();
        const PlanItem *item = &plan.plan->items[0];
        uint64_t all = r->tried;

        for (Outcome i = 0; i < _OUTCOME_MAX; i++)
                all += r->others[i];
        ck_assert_uint_eq(all, item->end - item->start);
        ck_assert_uint_le(r->applied, r->tried);
        ck_assert_uint_eq(fake_act.ragged, 0);
        ck_assert_uint_eq(fake_act.crossed, 0);
        ck_assert_int_eq(plan.result->error, 0);
        return r;
}

START_TEST(pages_are_found_and_taken) {
        const ItemResult *r;

        own(0, 100, 1000);
        own(200, 250, 1100);
        own(300, 320, 2000); /* elsewhere */
        plan_frames(ACTION_PAGEOUT, 1000, 1200);
        r = run_frames();

        ck_assert_uint_eq(r->tried, 150 * PAGE);
        ck_assert_uint_eq(r->applied, 150 * PAGE);
        ck_assert_uint_eq(r->anon, 150 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_NOTHING], 50 * PAGE);
        ck_assert_uint_eq(r->stopped_at, 1200 * PAGE);
        for (unsigned i = 0; i < 400; i++)
                ck_assert_uint_eq(fake_act.acted[i], i < 100 || (i >= 200 && i < 250));
}
END_TEST

/* An audit of what the scheme took: bytes that came back since the last one. */
static uint64_t audit(void) {
        plan.plan->n_items = 0;
        plan.plan->n_audits = 1;
        plan.plan->audits[0] = (PlanAudit) { .cookie = 7 };
        fake_plan_run(&plan, actor);
        ck_assert(plan.result->audits[0].known);
        return plan.result->audits[0].back;
}

START_TEST(what_comes_back_is_counted_once) {
        own(0, 100, 1000);
        own(100, 200, 3000);
        fake_of_file(50, 100);
        plan_frames(ACTION_PAGEOUT, 1000, 1100);
        plan.plan->schemes[0].id = 7;
        ck_assert_uint_eq(run_frames()->applied, 100 * PAGE);
        ck_assert_uint_eq(audit(), 0);

        /* to other frames, and others get the ones that it had */
        own(20, 30, 5000);
        own(70, 75, 5100);
        own(200, 260, 1000);
        ck_assert_uint_eq(audit(), 15 * PAGE);
        ck_assert_uint_eq(audit(), 0);

        /* what the process gave up, and mapped anew later, is none of it */
        fake_unmap(40);
        ck_assert_uint_eq(audit(), 0);
        own(40, 41, 5200);
        ck_assert_uint_eq(audit(), 0);
        own(0, 10, 5300);
        plan.plan->schemes[0].id = 8; /* that of another scheme */
        plan.plan->audits[0].cookie = 8;
        fake_plan_run(&plan, actor);
        ck_assert_uint_eq(plan.result->audits[0].back, 0);
        ck_assert_uint_eq(audit(), 10 * PAGE);
}
END_TEST

START_TEST(another_program_brings_nothing_back) {
        own(0, 100, 1000);
        plan_frames(ACTION_PAGEOUT, 1000, 1100);
        plan.plan->schemes[0].id = 7;
        ck_assert_uint_eq(run_frames()->applied, 100 * PAGE);
        fake_exec();
        own(0, 100, 5000);
        ck_assert_uint_eq(audit(), 0);
        ck_assert_uint_eq(audit(), 0);
}
END_TEST

START_TEST(what_was_taken_in_pieces_is_found) {
        for (unsigned page = 0; page < 4000; page += 2)
                own(page, page + 1, 1000 + page / 2);
        plan_frames(ACTION_PAGEOUT, 1000, 3000);
        plan.plan->schemes[0].id = 7;
        ck_assert_uint_eq(run_frames()->applied, 2000 * PAGE);
        for (unsigned page = 0; page < 4000; page += 4)
                own(page, page + 1, 4000 + page / 4);
        ck_assert_uint_eq(audit(), 1000 * PAGE);
        ck_assert_uint_eq(audit(), 0);
}
END_TEST

START_TEST(what_cannot_be_reached_has_a_name) {
        const ItemResult *r;

        for (uint32_t i = 0; i < 10; i++) {
                fake.frames[1000 + i].extra = KPAGE_BUDDY;
                fake.frames[1010 + i].extra = KPAGE_SLAB;
                fake.frames[1020 + i].extra = KPAGE_HUGE;
                fake.frames[1030 + i].extra = KPAGE_UPTODATE; /* cache that nobody maps */
                fake.frames[1030 + i].lru = true;
                fake.frames[1040 + i].extra = OWNED; /* mapped, by somebody who cannot be found */
                fake.frames[1040 + i].lru = true;
        }
        own(0, 10, 1050);
        for (uint32_t i = 1050; i < 1060; i++)
                fake.frames[i].extra |= KPAGE_UNEVICTABLE;
        own(10, 20, 1060);
        fake_of_others(10, 20);
        plan_frames(ACTION_PAGEOUT, 1000, 1070);
        r = run_frames();

        ck_assert_uint_eq(r->others[OUTCOME_NOTHING], 20 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_UNEVICTABLE], 20 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_NO_MAPPING], 10 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_NOT_FOUND], 10 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_SHARED], 10 * PAGE);
        ck_assert_uint_eq(r->tried, 0);
        ck_assert_uint_eq(sum(fake_act.handed), 0);
}
END_TEST

/* Memory stays charged to where it was first touched: its process may be in another cgroup by now. */
START_TEST(a_process_that_has_moved_on_is_found) {
        const ItemResult *r;

        put_procs("");
        own(0, 50, 1000);
        plan_frames(ACTION_PAGEOUT, 1000, 1050);
        r = run_frames();
        ck_assert_uint_eq(r->applied, 50 * PAGE);
}
END_TEST

START_TEST(without_cgroups_all_processes_are_searched) {
        const ItemResult *r;

        fake_remove("proc/kpagecgroup");
        own(0, 50, 1000);
        plan_frames(ACTION_PAGEOUT, 1000, 1050);
        r = run_frames();
        ck_assert_uint_eq(r->applied, 50 * PAGE);
}
END_TEST

/* A search that finds nothing is not repeated with every plan. */
START_TEST(searches_in_vain_become_rare) {
        unsigned reads[12];

        own(0, 50, 1000);
        put_procs("");
        for (unsigned i = 0; i < ELEMENTSOF(reads); i++) {
                memset(fake.pages, 0, sizeof(fake.pages)); /* mapped, it seems, but by nobody */
                n_reads = 0;
                plan_frames(ACTION_PAGEOUT, 1000, 1050);
                ck_assert_uint_eq(run_frames()->others[OUTCOME_NOT_FOUND], 50 * PAGE);
                reads[i] = n_reads;
        }
        ck_assert_uint_gt(reads[0], reads[1]);
        ck_assert_uint_eq(reads[4], reads[11]);
}
END_TEST

static void another_page(void) {
        /* pages 0 to 9 have other frames now, and theirs belong to other pages */
        own(0, 10, 3000);
        own(500, 510, 1000);
}

/* Between the search and the action, frames change hands: whoever has them then is left alone. */
START_TEST(frames_that_change_hands) {
        const ItemResult *r;
        unsigned last;

        /* once to learn how many reads there are before the look that precedes the action */
        own(0, 20, 1000);
        plan_frames(ACTION_COLD, 1000, 1020);
        ck_assert_uint_eq(run_frames()->tried, 20 * PAGE);
        last = n_reads;
        ck_assert_uint_gt(last, 3);

        for (happens_at = 1; happens_at <= last; happens_at++) {
                reset_all();
                own(0, 20, 1000);
                happening = another_page;
                n_reads = 0;
                plan_frames(ACTION_COLD, 1000, 1020);
                r = run_frames();
                for (unsigned i = 500; i < 510; i++)
                        /* these have been found only if they were there when it was searched */
                        ck_assert(fake_act.handed[i] == 0 || r->tried == 20 * PAGE);
                for (unsigned i = 0; i < 10; i++)
                        if (r->others[OUTCOME_MOVED] > 0)
                                ck_assert_uint_eq(fake_act.handed[i], 0);
                for (unsigned i = 10; i < 20; i++)
                        ck_assert_uint_eq(fake_act.handed[i], 1);
        }
}
END_TEST

static bool moved_was_seen;

START_TEST(moved_is_counted) {
        own(0, 20, 1000);
        plan_frames(ACTION_PAGEOUT, 1000, 1020);
        (void) run_frames();
        unsigned last = n_reads;

        for (happens_at = 1; happens_at <= last; happens_at++) {
                reset_all();
                own(0, 20, 1000);
                happening = another_page;
                n_reads = 0;
                plan_frames(ACTION_PAGEOUT, 1000, 1020);
                moved_was_seen |= run_frames()->others[OUTCOME_MOVED] == 10 * PAGE;
        }
        ck_assert(moved_was_seen);
}
END_TEST

static FilterConfig of_cgroup(const char *path, bool matching, bool allow) {
        return (FilterConfig) { .type = FILTER_MEMCG, .matching = matching, .allow = allow, .cgroup = (char *) path };
}

START_TEST(filters_by_cgroup) {
        const ItemResult *r;

        own(0, 50, 1000);
        own(50, 80, 1050);
        for (uint32_t i = 1050; i < 1080; i++)
                fake.frames[i].memcg = 99; /* another one's */
        plan_frames(ACTION_PAGEOUT, 1000, 1080);
        fake_plan_filter(&plan, of_cgroup("/db", false, false));
        r = run_frames();
        ck_assert_uint_eq(r->applied, 50 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_FILTERED], 30 * PAGE);

        reset_all();
        own(0, 50, 1000);
        plan_frames(ACTION_PAGEOUT, 1000, 1050);
        fake_plan_filter(&plan, of_cgroup("/none", true, true));
        r = run_frames();
        ck_assert_uint_eq(r->others[OUTCOME_FILTERED], 50 * PAGE);
}
END_TEST

/* Where a core filter has decided, no other is asked, whatever the items beside it. */
START_TEST(decided_items_pass) {
        own(0, 100, 1000);
        fake_plan_deinit(&plan);
        fake_plan_init(&plan, ACTION_COLD, 2);
        plan.plan->targets[0].physical = true;
        plan.plan->targets[0].pid = 0;
        plan.plan->n_items = 2;
        plan.plan->items[0] = (PlanItem) { .start = 1000 * PAGE, .end = 1050 * PAGE };
        plan.plan->items[1] = (PlanItem) { .start = 1050 * PAGE, .end = 1100 * PAGE, .decided = true };
        fake_plan_filter(&plan, of_cgroup("/none", true, true));
        fake_plan_run(&plan, actor);
        ck_assert_uint_eq(plan.result->items[0].others[OUTCOME_FILTERED], 50 * PAGE);
        ck_assert_uint_eq(plan.result->items[1].applied, 50 * PAGE);
}
END_TEST

/* What a frame does not tell is asked at the address. */
START_TEST(other_filters) {
        const ItemResult *r;

        own(0, 50, 1000);
        fake_of_file(20, 50);
        plan_frames(ACTION_PAGEOUT, 1000, 1050);
        fake_plan_filter(&plan, (FilterConfig) { .type = FILTER_SHARED, .matching = true, .allow = false });
        fake_plan_filter(&plan, (FilterConfig) { .type = FILTER_FILE, .matching = true, .allow = false });
        r = run_frames();
        ck_assert_uint_eq(r->applied, 20 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_FILTERED], 30 * PAGE);
}
END_TEST

/* Scattered in physical memory, side by side for the process: one range. */
START_TEST(pieces_are_joined) {
        const ItemResult *r;

        for (unsigned i = 0; i < 16; i++) /* no more than the first batch takes */
                own(i, i + 1, 1000 + (i * 7) % 16);
        plan_frames(ACTION_COLD, 1000, 1016);
        r = run_frames();
        ck_assert_uint_eq(r->applied, 16 * PAGE);
        ck_assert_uint_eq(fake_act.calls, 1);
        ck_assert_uint_eq(fake_act.widest, 16 * PAGE);
}
END_TEST

START_TEST(a_quota_ends_it) {
        const ItemResult *r;

        own(0, 2000, 1000);
        plan_frames(ACTION_COLD, 1000, 3000);
        limits()->bytes_max = 700 * PAGE;
        r = run_frames();
        ck_assert_uint_eq(r->tried, 700 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_UNREACHED], 1300 * PAGE);
        ck_assert(scheme_result()->bytes_ran_out);
        ck_assert_uint_gt(r->stopped_at, 1000 * PAGE);
        ck_assert_uint_lt(r->stopped_at, 3000 * PAGE);
}
END_TEST

START_TEST(no_time_nothing_done) {
        const ItemResult *r;

        own(0, 100, 1000);
        plan_frames(ACTION_COLD, 1000, 1100);
        limits()->time_max = 1000; /* the clock goes on by 100 with every look */
        r = run_frames();
        ck_assert_uint_lt(r->tried, 100 * PAGE);

        plan_frames(ACTION_COLD, 1000, 1100);
        limits()->time_max = 0;
        r = run_frames();
        ck_assert_uint_eq(r->others[OUTCOME_UNREACHED], 100 * PAGE);
        ck_assert_uint_eq(r->stopped_at, 1000 * PAGE);
        ck_assert(scheme_result()->time_ran_out);
}
END_TEST

START_TEST(dry_runs_do_nothing) {
        const ItemResult *r;

        own(0, 100, 1000);
        plan_frames(ACTION_PAGEOUT, 1000, 1100);
        limits()->dry_run = true;
        r = run_frames();
        ck_assert_uint_eq(r->tried, 100 * PAGE);
        ck_assert_uint_eq(r->applied, 0);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(the_process_ends) {
        const ItemResult *r;

        own(0, 100, 1000);
        happening = fake_exit;
        happens_at = 3;
        plan_frames(ACTION_PAGEOUT, 1000, 1100);
        r = run_frames();
        ck_assert_uint_eq(r->tried, 0);
}
END_TEST

START_TEST(a_huge_page_is_taken_whole) {
        const ItemResult *r;

        fake_map_folio(512, 1024, 9);
        for (uint32_t i = 1024; i < 1536; i++) {
                fake.frames[i].extra = OWNED;
                fake.frames[i].memcg = fake_cgroup_inode();
        }
        plan_frames(ACTION_COLD, 1024, 1536);
        r = run_frames();
        ck_assert_uint_eq(r->applied, HUGE);
        ck_assert_uint_eq(fake_act.cuts, 0);

        plan_frames(ACTION_COLD, 1024 + 100, 1536); /* a part of it: an edge */
        r = run_frames();
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], 412 * PAGE);
        ck_assert_uint_eq(fake_act.cuts, 0);
}
END_TEST

/* Several items, in the order of their scores and not of their addresses. */
START_TEST(several_items) {
        own(0, 300, 1000);
        fake_plan_deinit(&plan);
        fake_plan_init(&plan, ACTION_COLD, 3);
        plan.plan->targets[0].physical = true;
        plan.plan->targets[0].pid = 0;
        for (unsigned i = 0; i < 3; i++)
                plan.plan->items[i] = (PlanItem) { .start = (1200 - i * 100) * PAGE, .end = (1300 - i * 100) * PAGE };
        plan.plan->n_items = 3;
        fake_plan_run(&plan, actor);
        for (unsigned i = 0; i < 3; i++)
                ck_assert_uint_eq(plan.result->items[i].applied, 100 * PAGE);
}
END_TEST

/* Whatever the frames are, all bytes have a place, and nothing but what was planned is handed over. */
START_TEST(random_memory) {
        static const uint64_t kinds[] = { KPAGE_BUDDY, 0, KPAGE_SLAB, OWNED, OWNED, OWNED, KPAGE_UPTODATE };
        Rng rng;

        rng_init(&rng, (uint64_t) _i + 1);
        for (uint32_t pfn = 1000; pfn < 3000; pfn++) {
                fake.frames[pfn].extra = kinds[rng_below(&rng, ELEMENTSOF(kinds))];
                fake.frames[pfn].lru = fake.frames[pfn].extra & (OWNED | KPAGE_UPTODATE);
                fake.frames[pfn].memcg = rng_below(&rng, 2) ? fake_cgroup_inode() : 77;
        }
        for (unsigned i = 0; i < 1500; i++)
                if (rng_below(&rng, 3) > 0)
                        own(i, i + 1, 1000 + (uint32_t) rng_below(&rng, 2000));
        plan_frames(ACTION_PAGEOUT, 1200, 2500);
        limits()->bytes_max = rng_below(&rng, 2) ? UINT64_MAX : (1 + rng_below(&rng, 900)) * PAGE;

        uint64_t frames[FAKE_PAGES];
        for (unsigned i = 0; i < FAKE_PAGES; i++)
                frames[i] = pagemap_pfn(fake.pages[i]);
        (void) run_frames();
        for (unsigned i = 0; i < FAKE_PAGES; i++)
                ck_assert(fake_act.handed[i] == 0 || (frames[i] >= 1200 && frames[i] < 2500));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("action-physical");
        TCase *cases = tcase_create("physical");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(cases, setup_physical, teardown_physical);
        tcase_add_test(cases, pages_are_found_and_taken);
        tcase_add_test(cases, what_comes_back_is_counted_once);
        tcase_add_test(cases, another_program_brings_nothing_back);
        tcase_add_test(cases, what_was_taken_in_pieces_is_found);
        tcase_add_test(cases, what_cannot_be_reached_has_a_name);
        tcase_add_test(cases, a_process_that_has_moved_on_is_found);
        tcase_add_test(cases, without_cgroups_all_processes_are_searched);
        tcase_add_test(cases, searches_in_vain_become_rare);
        tcase_add_test(cases, frames_that_change_hands);
        tcase_add_test(cases, moved_is_counted);
        tcase_add_test(cases, filters_by_cgroup);
        tcase_add_test(cases, other_filters);
        tcase_add_test(cases, decided_items_pass);
        tcase_add_test(cases, pieces_are_joined);
        tcase_add_test(cases, a_quota_ends_it);
        tcase_add_test(cases, no_time_nothing_done);
        tcase_add_test(cases, dry_runs_do_nothing);
        tcase_add_test(cases, the_process_ends);
        tcase_add_test(cases, a_huge_page_is_taken_whole);
        tcase_add_test(cases, several_items);
        tcase_add_loop_test(cases, random_memory, 0, 40);
        suite_add_tcase(suite, cases);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
