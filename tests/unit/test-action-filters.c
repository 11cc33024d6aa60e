/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actor and page-level filters: where each fact comes from, and what happens without it. */
#include "test-action.h"

#define REJECT(type_) ((FilterConfig) { .type = (type_), .matching = true })

/* A plan with a filter, for 40 pages. */
static void plan_filtered(FilterConfig filter) {
        plan_one(ACTION_COLD, 0, 40);
        fake_plan_filter(&plan, filter);
}

static void expect(uint64_t tried, uint64_t filtered, uint64_t unknown) {
        const ItemResult *r = run();

        ck_assert_uint_eq(r->tried, tried * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_FILTERED], filtered * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_UNKNOWN], unknown * PAGE);
}

START_TEST(by_kind_of_memory) {
        fake_map_range(0, 40, 100);
        fake_of_file(0, 10);
        plan_filtered(REJECT(FILTER_FILE));
        expect(30, 10, 0);
        plan_filtered(REJECT(FILTER_ANON));
        expect(10, 30, 0);
        for (unsigned i = 0; i < 40; i++)
                ck_assert_uint_eq(fake_act.handed[i], 1);
}
END_TEST

START_TEST(by_activity) {
        fake_map_range(0, 40, 100);
        for (uint32_t pfn = 100; pfn < 115; pfn++)
                fake.frames[pfn].extra = KPAGE_ACTIVE;
        plan_filtered(REJECT(FILTER_ACTIVE));
        expect(25, 15, 0);
}
END_TEST

START_TEST(by_activity_not_known) {
        fake_map_range(0, 40, 100);
        fake_remove("proc/kpageflags");
        plan_filtered(REJECT(FILTER_ACTIVE));
        expect(0, 0, 40);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(frames_hidden) {
        const FilterType types[] = { FILTER_ACTIVE, FILTER_MEMCG, FILTER_YOUNG, FILTER_HUGEPAGE_SIZE };
        char cgroup[] = "/db";

        fake_map_range(0, 40, 100);
        fake.hide_frames = true;
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                plan_filtered(REJECT(types[i]));
                plan.filters[0].cgroup = cgroup;
                plan.filters[0].max = UINT64_MAX;
                expect(0, 0, 40);
        }
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(by_size_of_folio) {
        FilterConfig filter = REJECT(FILTER_HUGEPAGE_SIZE);

        fake_map_range(0, 8, 100);
        fake_map_folio(8, 1024, 3);
        fake_map_folio(16, 1040, 4);
        fake_map_range(32, 40, 200);
        filter.min = 8 * PAGE;
        filter.max = 8 * PAGE;
        plan_filtered(filter);
        expect(32, 8, 0);
        filter.min = 1;
        filter.max = PAGE;
        plan_filtered(filter);
        expect(24, 16, 0);
        filter.max = 16 * PAGE;
        plan_filtered(filter);
        expect(0, 40, 0);
}
END_TEST

START_TEST(by_cgroup) {
        char db[] = "/db", none[] = "/none";
        FilterConfig filter = REJECT(FILTER_MEMCG);

        fake_map_range(0, 20, 100);
        fake_map_folio(32, 1024, 3);
        for (uint32_t pfn = 100; pfn < 120; pfn++)
                fake.frames[pfn].memcg = pfn < 110 ? fake_cgroup_inode() : 1;
        fake.frames[1024].memcg = fake_cgroup_inode();

        filter.cgroup = db;
        plan_filtered(filter);
        expect(10, 18, 0);
        filter.cgroup = none; /* no page is in it */
        plan_filtered(filter);
        expect(28, 0, 0);

        fake_remove("proc/kpagecgroup");
        teardown();
        setup();
        fake_map_range(0, 20, 100);
        fake_remove("proc/kpagecgroup");
        filter.cgroup = db;
        plan_filtered(filter);
        expect(0, 0, 20);
}
END_TEST

START_TEST(by_access) {
        fake_map_range(0, 40, 100);
        /* nobody has marked them: they are now, and count as young */
        plan_filtered(REJECT(FILTER_YOUNG));
        expect(0, 40, 0);
        for (uint32_t pfn = 100; pfn < 140; pfn++)
                ck_assert(fake.frames[pfn].idle);

        /* some were touched since; those stay young, and are marked anew the time after */
        for (unsigned i = 0; i < 12; i++)
                fake_touch(i);
        plan_filtered(REJECT(FILTER_YOUNG));
        expect(28, 12, 0);
        plan_filtered(REJECT(FILTER_YOUNG));
        expect(28, 12, 0);
        plan_filtered(REJECT(FILTER_YOUNG));
        expect(40, 0, 0);
        ck_assert_uint_le(fake.max_bits, 1);
}
END_TEST

START_TEST(by_access_to_a_folio) {
        unsigned writes = 0;

        fake_map_folio(0, 1024, 5);
        fake_map_range(32, 40, 100);
        fake.frames[101].lru = false; /* cannot be marked */
        plan_filtered(REJECT(FILTER_YOUNG));
        expect(0, 39, 1);
        for (uint32_t pfn = 1024; pfn < 1056; pfn++)
                writes += fake.frames[pfn].writes;
        ck_assert_uint_eq(writes, 1); /* the head, once */
        fake_touch(5);
        plan_filtered(REJECT(FILTER_YOUNG));
        expect(7, 32, 1);
}
END_TEST

START_TEST(by_access_to_the_rest_of_a_folio) {
        fake_map_folio(0, 1024, 5);
        plan_one(ACTION_LRU_PRIO, 5, 20);
        fake_plan_filter(&plan, REJECT(FILTER_YOUNG));
        expect(0, 15, 0);
        ck_assert_uint_eq(fake.frames[1024].writes, 1);
        ck_assert_uint_eq(fake.frames[1029].writes, 0);
        expect(15, 0, 0);
}
END_TEST

START_TEST(by_access_not_known) {
        fake_map_range(0, 40, 100);
        fake_remove("sys/kernel/mm/page_idle/bitmap");
        plan_filtered(REJECT(FILTER_YOUNG));
        expect(0, 0, 40);
}
END_TEST

START_TEST(by_node) {
        FilterConfig filter = REJECT(FILTER_NODE);

        fake_map_range(0, 20, 100);
        fake_map_range(20, 40, FAKE_FRAMES / 2);
        filter.index = 1;
        plan_filtered(filter);
        expect(20, 20, 0);
        filter.index = 0;
        plan_filtered(filter);
        expect(20, 20, 0);
        ck_assert_uint_ge(fake_act.queries, 2);
}
END_TEST

static int no_nodes(pid_t pid, size_t n, void **pages, int *status) {
        return -EPERM;
}

START_TEST(by_node_not_known) {
        _cleanup_(actor_freep) Actor *own = NULL;
        ActionIo io = FAKE_ACT_IO;

        io.nodes = no_nodes;
        ck_assert_int_eq(actor_new(&fake.roots, &FAKE_IO, &io, &own), 0);
        fake_map_range(0, 40, 100);
        plan_filtered(REJECT(FILTER_NODE));
        fake_plan_run(&plan, own);
        ck_assert_uint_eq(plan.result->items[0].others[OUTCOME_UNKNOWN], 40 * PAGE);
}
END_TEST

START_TEST(by_sharing) {
        fake_map_range(0, 40, 100);
        fake_of_others(0, 10);
        plan_one(ACTION_LRU_PRIO, 0, 40);
        fake_plan_filter(&plan, REJECT(FILTER_SHARED));
        expect(30, 10, 0);
}
END_TEST

START_TEST(by_place_in_swap) {
        for (unsigned i = 0; i < 40; i++)
                if (i < 20)
                        fake_swap_out(i, i);
                else
                        fake_map(i, 100 + i);
        plan_one(ACTION_STAT, 0, 40);
        fake_plan_filter(&plan, REJECT(FILTER_SWAPPED));
        expect(20, 20, 0);
        plan_one(ACTION_WILLNEED, 0, 40);
        fake_plan_filter(&plan, REJECT(FILTER_SWAPPED));
        expect(0, 20, 0);
}
END_TEST

START_TEST(first_hit_decides) {
        fake_map_range(0, 40, 100);
        fake_of_file(0, 10);
        for (uint32_t pfn = 105; pfn < 120; pfn++)
                fake.frames[pfn].extra = KPAGE_ACTIVE;
        plan_filtered((FilterConfig) { .type = FILTER_FILE, .matching = true, .allow = true });
        fake_plan_filter(&plan, REJECT(FILTER_ACTIVE));
        expect(30, 10, 0);
        plan_filtered((FilterConfig) { .type = FILTER_FILE, .matching = true, .allow = true });
        expect(10, 30, 0); /* the last one allows: nothing else passes */
}
END_TEST

START_TEST(decided_items_are_not_asked) {
        fake_map_range(0, 40, 100);
        plan_filtered(REJECT(FILTER_ANON));
        plan.plan->items[0].decided = true;
        expect(40, 0, 0);
}
END_TEST

START_TEST(core_filters_are_done_with) {
        fake_map_range(0, 40, 100);
        plan_filtered((FilterConfig) { .type = FILTER_ADDR, .matching = true, .max = UINT64_MAX });
        expect(40, 0, 0);
}
END_TEST

START_TEST(filters_do_not_cut_folios) {
        const ItemResult *r;

        fake_map_folio(0, 1024, 5);
        fake.pages[3] |= PAGEMAP_FILE; /* a fact that differs within a folio */
        plan_filtered(REJECT(FILTER_FILE));
        r = run();
        ck_assert_uint_eq(r->others[OUTCOME_FILTERED], PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_EDGE], 31 * PAGE);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(blocks_pass_as_a_whole) {
        const ItemResult *r;

        for (unsigned i = 0; i < 1024; i += 2)
                fake_map(i, 100 + i);
        fake.frames[100 + 600].extra = KPAGE_ACTIVE;
        plan_one(ACTION_COLLAPSE, 0, 1536);
        fake_plan_filter(&plan, REJECT(FILTER_ACTIVE));
        r = run();
        ck_assert_uint_eq(r->applied, HUGE);
        ck_assert_uint_eq(r->others[OUTCOME_FILTERED], HUGE);
        ck_assert_uint_eq(r->others[OUTCOME_NOTHING], HUGE);
        ck_assert_uint_eq(fake_act.acted[0], 1);
}
END_TEST

int main(void) {
        TCase *cases = tcase_create("filters");

        tcase_add_test(cases, by_kind_of_memory);
        tcase_add_test(cases, by_activity);
        tcase_add_test(cases, by_activity_not_known);
        tcase_add_test(cases, frames_hidden);
        tcase_add_test(cases, by_size_of_folio);
        tcase_add_test(cases, by_cgroup);
        tcase_add_test(cases, by_access);
        tcase_add_test(cases, by_access_to_a_folio);
        tcase_add_test(cases, by_access_to_the_rest_of_a_folio);
        tcase_add_test(cases, by_access_not_known);
        tcase_add_test(cases, by_node);
        tcase_add_test(cases, by_node_not_known);
        tcase_add_test(cases, by_sharing);
        tcase_add_test(cases, by_place_in_swap);
        tcase_add_test(cases, first_hit_decides);
        tcase_add_test(cases, decided_items_are_not_asked);
        tcase_add_test(cases, core_filters_are_done_with);
        tcase_add_test(cases, filters_do_not_cut_folios);
        tcase_add_test(cases, blocks_pass_as_a_whole);
        return run_suite(cases, "action-filters");
}
