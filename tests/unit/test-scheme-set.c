/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of scheme sets: what is planned, in which order, and by whom. */
#include "test-scheme-set.h"

/* ---- What is planned ---- */

START_TEST(nothing_without_schemes) {
        WORLD;

        world_add(&w, 0, 0, 100, 0, 100 * SEC);
        ck_assert_ptr_null(world_step(&w));
        ck_assert_uint_eq(scheme_set_next(w.set), NSEC_INFINITY);
        ck_assert_uint_eq(scheme_set_count(w.set), 0);
        ck_assert_int_eq(scheme_set_find(w.set, "x"), -ENOENT);
        ck_assert_int_eq(scheme_set_find_id(w.set, 1), -ENOENT);
        ck_assert_int_eq(scheme_set_input(w.set, "x", 1), -ENOENT);
        ck_assert_ptr_null(scheme_set_log(w.set, 0));
}
END_TEST

START_TEST(nothing_without_memory) {
        const SchemeConfig config = pageout_of("x");
        WORLD;

        world_configure(&w, &config, 1);
        ck_assert_ptr_null(world_step(&w));
        w.n_targets = 0;
        ck_assert_ptr_null(world_step(&w));
        ck_assert_uint_eq(world_view(&w, "x").stats->passes, 2);
}
END_TEST

START_TEST(only_what_matches) {
        const SchemeConfig config = pageout_of("x");
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 60 * SEC);
        world_add(&w, 0, 10, 20, 0, 60 * SEC - 1);
        world_add(&w, 0, 20, 30, 0.05, 100 * SEC);
        world_add(&w, 0, 30, 40, 0, 100 * SEC)->newest = 59 * SEC; /* young memory in an old region */
        world_add(&w, 0, 40, 50, 0, 100 * SEC)->newest = 60 * SEC;
        world_add(&w, 0, 60, 70, 0, 100 * SEC)->hits = 1; /* the average has forgotten, the window has not */
        world_add(&w, 0, 70, 80, 0, 100 * SEC)->samples = 0; /* nobody knows */
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 2);
        world_check_item(plan, 0, 0, 0, 10);
        world_check_item(plan, 1, 0, 40, 50);
        ck_assert_uint_eq(plan->n_schemes, 1);
        ck_assert_uint_eq(plan->schemes[0].bytes_max, UINT64_MAX);
        ck_assert_uint_eq(plan->schemes[0].time_max, NSEC_INFINITY);
        ck_assert_uint_eq(plan->schemes[0].deadline, w.now + AGGREGATE);
        ck_assert(!plan->schemes[0].dry_run);
        ck_assert_uint_eq(world_view(&w, "x").stats->matched_regions, 2);
        ck_assert_uint_eq(world_view(&w, "x").stats->matched, 20 * PAGE);
}
END_TEST

START_TEST(targets_are_described) {
        const SchemeConfig config = pageout_of("x");
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        world_configure(&w, &config, 1);
        w.n_targets = 2;
        w.targets[1].address_space = 3;
        w.target_facts[1].start_time = 77;
        w.targets[1].map = address_map_new();
        world_add(&w, 1, 5, 10, 0, 100 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->sequence, 1);
        ck_assert_uint_eq(plan->n_targets, 2);
        ck_assert_uint_eq(plan->targets[1].id, 2);
        ck_assert_int_eq(plan->targets[1].pid, 101);
        ck_assert_uint_eq(plan->targets[1].start_time, 77);
        ck_assert_uint_eq(plan->targets[1].address_space, 3);
        /* it is our reference and the plan's */
        ck_assert_ptr_eq(plan->targets[1].map, w.targets[1].map);
        ck_assert_uint_ge(w.targets[1].map->n_ref, 2);
        world_check_item(plan, 0, 1, 5, 10);
        /* the snapshot took over the reference that we made (address_map_new()) */
}
END_TEST

START_TEST(targets_that_are_left_alone) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        w.target_facts[0].protected_always = true;
        ck_assert_ptr_null(world_step(&w));
        ck_assert_uint_eq(world_view(&w, "x").stats->matched, 0);
        w.target_facts[0].protected_always = false;
        w.targets[0].state = TARGET_ENDED;
        ck_assert_ptr_null(world_step(&w));
        w.targets[0].state = TARGET_DENIED;
        ck_assert_ptr_null(world_step(&w));
        w.targets[0].state = TARGET_RUNNING;
        w.targets[0].pid = 1;
        ck_assert_ptr_null(world_step(&w));

        config.act_on_init = true;
        world_configure(&w, &config, 1);
        w.target_facts[0].protected_always = true;
        ck_assert_ptr_null(world_step(&w));
        w.target_facts[0].protected_always = false;
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 10 * PAGE);
}
END_TEST

START_TEST(stat_only_counts) {
        const SchemeConfig config = scheme_of("x", ACTION_STAT);
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        world_add(&w, 0, 10, 20, 1, 0);
        w.target_facts[0].protected_always = true; /* counting harms nobody */
        for (unsigned i = 1; i <= 3; i++) {
                ck_assert_ptr_null(world_step(&w));
                ck_assert_uint_eq(world_view(&w, "x").stats->passes, i);
                ck_assert_uint_eq(world_view(&w, "x").stats->matched, 20 * PAGE);
                ck_assert_uint_eq(world_view(&w, "x").stats->matched_regions, 2);
        }
}
END_TEST

START_TEST(disabled_ones_do_nothing) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        config.enabled = false;
        config.watermarks = (WatermarkConfig) { WATERMARK_FREE_MEM_RATE, SEC, 0.5, 0.4, 0.1 };
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        ck_assert_ptr_null(world_step(&w));
        ck_assert_int_eq(world_view(&w, "x").state, SCHEME_DISABLED);
        ck_assert_str_eq(scheme_state_name(SCHEME_DISABLED), "disabled");
        ck_assert_uint_eq(world_view(&w, "x").stats->passes, 0);
        ck_assert_uint_eq(scheme_set_next(w.set), NSEC_INFINITY);
}
END_TEST

START_TEST(core_filters_cut) {
        FilterConfig filters[] = {
                { .type = FILTER_ADDR, .matching = true, .allow = true, .min = 4 * PAGE, .max = 6 * PAGE },
                { .type = FILTER_ADDR, .matching = true, .allow = false, .min = 3 * PAGE, .max = 8 * PAGE },
        };
        SchemeConfig config = pageout_of("x");
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        config.filters = filters;
        config.n_filters = 2;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 3);
        world_check_item(plan, 0, 0, 0, 3);
        world_check_item(plan, 1, 0, 4, 6);
        world_check_item(plan, 2, 0, 8, 10);
        ck_assert(!plan->items[0].decided && plan->items[1].decided && !plan->items[2].decided);
        /* one region, what is left of it */
        ck_assert_uint_eq(world_view(&w, "x").stats->matched_regions, 1);
        ck_assert_uint_eq(world_view(&w, "x").stats->matched, 7 * PAGE);
}
END_TEST

START_TEST(filters_by_target) {
        FilterConfig filter = { .type = FILTER_TARGET, .matching = true, .allow = false, .index = 1 };
        SchemeConfig config = pageout_of("x");
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        config.filters = &filter;
        config.n_filters = 1;
        world_configure(&w, &config, 1);
        w.n_targets = 3;
        /* by the entry of the configuration, not by position: the first two come from the second entry */
        w.target_facts[0].index = w.target_facts[1].index = 1;
        w.target_facts[2].index = 0;
        for (size_t i = 0; i < 3; i++)
                world_add(&w, i, 0, 10, 0, 100 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 1);
        world_check_item(plan, 0, 2, 0, 10);
}
END_TEST

/* ---- Order ---- */

START_TEST(best_first_under_a_quota) {
        SchemeConfig config = pageout_of("x");
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        config.quota.size = 1024 * MIB;
        config.quota.reset_interval = SEC;
        world_configure(&w, &config, 1);
        w.n_targets = 2;
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        world_add(&w, 0, 12, 20, 0, 1000 * SEC);
        world_add(&w, 1, 0, 10, 0, 5000 * SEC);
        world_add(&w, 1, 20, 30, 0, 1000 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 4);
        world_check_item(plan, 0, 1, 0, 10);
        world_check_item(plan, 1, 0, 12, 20); /* equal scores: by target and address */
        world_check_item(plan, 2, 1, 20, 30);
        world_check_item(plan, 3, 0, 0, 10);
        ck_assert(plan->items[0].score > plan->items[1].score);
        ck_assert(plan->items[1].score == plan->items[2].score);
}
END_TEST

START_TEST(hot_first_for_hot_actions) {
        SchemeConfig config = scheme_of("x", ACTION_LRU_PRIO);
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        config.quota.size = 1024 * MIB;
        config.quota.reset_interval = SEC;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0.2, 10 * SEC);
        world_add(&w, 0, 12, 20, 1, 100 * SEC);
        world_add(&w, 0, 22, 30, 1, 10 * SEC);
        world_add(&w, 0, 32, 40, 0, 100 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 4);
        world_check_item(plan, 0, 0, 12, 20);
        world_check_item(plan, 1, 0, 22, 30);
        world_check_item(plan, 2, 0, 0, 10);
        world_check_item(plan, 3, 0, 32, 40);
        ck_assert_uint_eq(plan->schemes[0].swap_max, UINT64_MAX);
}
END_TEST

START_TEST(by_address_without_a_quota) {
        const SchemeConfig config = pageout_of("x");
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        world_configure(&w, &config, 1);
        for (uint64_t i = 0; i < 10; i++)
                world_add(&w, 0, 11 * i, 11 * i + 10, 0, (60 + (i * 7) % 10 * 100) * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 10);
        for (size_t i = 0; i < 10; i++)
                world_check_item(plan, i, 0, 11 * i, 11 * i + 10);
}
END_TEST

/* World addresses begin at one that is a multiple of a huge page, of 512 pages. */
static void add_cut_regions(World *w, nsec_t second_age) {
        world_add(w, 0, 0, 700, 0, 100 * SEC);
        world_add(w, 0, 700, 1100, 0, second_age);
        world_add(w, 0, 1100, 1200, 0, 100 * SEC);
        world_add(w, 0, 1300, 2000, 0, 100 * SEC);
}

START_TEST(borders_of_huge_pages) {
        const SchemeConfig config = pageout_of("x");
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        world_configure(&w, &config, 1);
        add_cut_regions(&w, 9000 * SEC);
        plan = world_step(&w);
        /* 700 goes up to 1024, and what begins at 1100 ends before the next border; 1300 adjoins nothing */
        ck_assert_uint_eq(plan->n_items, 3);
        world_check_item(plan, 0, 0, 0, 1024);
        world_check_item(plan, 1, 0, 1024, 1200);
        world_check_item(plan, 2, 0, 1300, 2000);
        ck_assert_uint_eq(world_view(&w, "x").stats->matched_regions, 4);
        ck_assert_uint_eq(world_view(&w, "x").stats->matched, 1900 * PAGE);
}
END_TEST

START_TEST(borders_under_a_quota) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        config.quota.size = 1024 * MIB;
        config.quota.reset_interval = SEC;
        world_configure(&w, &config, 1);
        add_cut_regions(&w, _i == 0 ? 9000 * SEC : 101 * SEC);
        {
                _cleanup_(plan_freep) Plan *plan = world_step(&w);

                /* the order counts where there is one */
                ck_assert_uint_eq(plan->n_items, _i == 0 ? 4 : 3);
                if (_i == 0)
                        world_check_item(plan, 0, 0, 700, 1100);
        }
}
END_TEST

START_TEST(borders_of_blocks) {
        SchemeConfig config = scheme_of("x", ACTION_COLLAPSE);
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        config.quota.size = 1024 * MIB;
        config.quota.reset_interval = SEC;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 300, 1, 100 * SEC);
        world_add(&w, 0, 300, 1024, 0.2, 10 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 2);
        world_check_item(plan, 0, 0, 0, 512);
        world_check_item(plan, 1, 0, 512, 1024);
}
END_TEST

#define HUGE_PAGES UINT64_C(512) /* pages of a huge page */

/* No huge page falls between two ranges that both are to be acted on. */
START_TEST(borders_keep_huge_pages_whole) {
        FilterConfig filter = { .type = FILTER_ADDR, .matching = true, .allow = true, .min = 5000 * PAGE, .max = 5100 * PAGE };
        SchemeConfig config = pageout_of("x");
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        config.filters = (FilterConfig[]) { filter, { .type = FILTER_ANON, .matching = false } };
        config.n_filters = 2;
        world_configure(&w, &config, 1);
        w.n_targets = 2;
        world_add(&w, 0, 3, 700, 0, 100 * SEC);
        world_add(&w, 0, 700, 800, 0, 90 * SEC);                    /* part of a huge page: to the one before */
        world_add(&w, 0, 800, 2 * HUGE_PAGES, 0, 80 * SEC);         /* likewise */
        world_add(&w, 0, 2 * HUGE_PAGES, 2000, 0, 70 * SEC);        /* the border is one of huge pages */
        world_add(&w, 0, 2000, 3000, 0, 60 * SEC);                  /* is moved */
        world_add(&w, 0, 3000, 3001, 0, 50 * SEC);                  /* does not match: there the range ends */
        world_add(&w, 0, 3001, 3100, 0, 60 * SEC);
        world_add(&w, 0, 4999, 5101, 0, 60 * SEC);                  /* some of it is decided */
        world_add(&w, 1, 5101, 5102, 0, 60 * SEC);                  /* another target */
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 8);
        world_check_item(plan, 0, 0, 3, 2 * HUGE_PAGES);
        world_check_item(plan, 1, 0, 2 * HUGE_PAGES, 4 * HUGE_PAGES);
        world_check_item(plan, 2, 0, 4 * HUGE_PAGES, 3000);
        world_check_item(plan, 3, 0, 3001, 3100);
        world_check_item(plan, 4, 0, 4999, 5000);
        world_check_item(plan, 5, 0, 5000, 5100);
        world_check_item(plan, 6, 0, 5100, 5101);
        world_check_item(plan, 7, 1, 5101, 5102);
}
END_TEST

/* ---- Several schemes ---- */

START_TEST(the_earlier_one_gets_it) {
        SchemeConfig configs[] = { pageout_of("a"), pageout_of("b"), scheme_of("s", ACTION_STAT) };
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        configs[0].pattern.age_min = 100 * SEC;
        configs[1].action = ACTION_COLD;
        world_configure(&w, configs, 3);
        world_add(&w, 0, 0, 10, 0, 60 * SEC);
        world_add(&w, 0, 10, 20, 0, 100 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_schemes, 2);
        ck_assert_uint_eq(plan->n_items, 2);
        world_check_item(plan, 0, 0, 10, 20);
        ck_assert_uint_eq(plan->items[0].scheme, 0);
        world_check_item(plan, 1, 0, 0, 10);
        ck_assert_uint_eq(plan->items[1].scheme, 1);
        /* it matched, though */
        ck_assert_uint_eq(world_view(&w, "b").stats->matched, 20 * PAGE);
        ck_assert_uint_eq(world_view(&w, "s").stats->matched, 20 * PAGE);
}
END_TEST

START_TEST(dry_runs_claim_nothing) {
        SchemeConfig configs[] = { pageout_of("a"), pageout_of("b"), pageout_of("c") };
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        configs[0].dry_run = configs[2].dry_run = true;
        world_configure(&w, configs, 3);
        world_add(&w, 0, 0, 10, 0, 60 * SEC);
        plan = world_step(&w);
        /* the last one is told what it would get: nothing, the second acts on all of it */
        ck_assert_uint_eq(plan->n_schemes, 2);
        ck_assert(plan->schemes[0].dry_run && !plan->schemes[1].dry_run);
        ck_assert_uint_eq(world_planned(plan), 20 * PAGE);
}
END_TEST

/* In the next pass the later one may act on it: each scheme remembers what it did itself. */
START_TEST(claims_are_for_one_pass) {
        SchemeConfig configs[] = { pageout_of("a"), pageout_of("b") };
        Plan *plan;
        WORLD;

        configs[1].action = ACTION_COLD;
        world_configure(&w, configs, 2);
        world_add(&w, 0, 0, 10, 0, 60 * SEC);
        plan = world_step(&w);
        ck_assert_str_eq(plan->schemes[0].spec->config.name, "a");
        ck_assert_uint_eq(world_settle(&w, plan), 10 * PAGE);
        plan = world_step(&w);
        ck_assert_str_eq(plan->schemes[0].spec->config.name, "b");
        ck_assert_uint_eq(world_settle(&w, plan), 10 * PAGE);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 0);
}
END_TEST

/* A scheme without quota left claims nothing: the next one may have it. */
START_TEST(who_cannot_act_claims_nothing) {
        SchemeConfig configs[] = { pageout_of("a"), pageout_of("b") };
        Plan *plan;
        WORLD;

        configs[0].quota.size = 10 * PAGE;
        configs[0].quota.reset_interval = 60 * SEC;
        configs[1].action = ACTION_COLD;
        world_configure(&w, configs, 2);
        world_add(&w, 0, 0, 10, 0, 60 * SEC);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 10 * PAGE);
        world_add(&w, 0, 20, 30, 0, 60 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_schemes, 1);
        ck_assert_str_eq(plan->schemes[0].spec->config.name, "b");
        /* schemes rest what they did themselves only */
        ck_assert_uint_eq(world_settle(&w, plan), 20 * PAGE);
}
END_TEST

START_TEST(simulated_targets_are_never_acted_on) {
        const SchemeConfig config = pageout_of("a");
        WORLD;

        w.targets[0].pid = 0;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 60 * SEC);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 10 * PAGE);
        ck_assert_uint_eq(world_view(&w, "a").stats->would, 10 * PAGE);
        ck_assert_uint_eq(world_view(&w, "a").stats->tried, 0);
        ck_assert(scheme_set_log(w.set, 0)->dry_run);
        /* and rests like everything else, without being audited */
        ck_assert_ptr_null(world_step(&w));
}
END_TEST

START_TEST(apply_intervals) {
        SchemeConfig config = scheme_of("x", ACTION_STAT);
        WORLD;

        config.apply_interval = 10 * SEC;
        world_configure(&w, &config, 1);
        for (unsigned i = 0; i < 50; i++) {
                w.now += i % 2 ? NSEC_PER_MSEC : 0; /* some jitter */
                ck_assert_ptr_null(world_step(&w));
        }
        ck_assert_uint_eq(world_view(&w, "x").stats->passes, 10);
        /* the same snapshot again is no new one */
        for (unsigned i = 0; i < 10; i++) {
                w.now += 10 * SEC;
                ck_assert_ptr_null(world_decide(&w));
        }
        ck_assert_uint_eq(world_view(&w, "x").stats->passes, 10);
}
END_TEST

/* More ranges than fit into one plan come with the next ones. */
START_TEST(many_ranges) {
        FilterConfig filters[64];
        SchemeConfig config = pageout_of("x");
        uint64_t bytes = 0;
        Plan *plan;
        WORLD;

        /* each region falls into two pieces */
        for (size_t i = 0; i < ELEMENTSOF(filters); i++)
                filters[i] = (FilterConfig) { .type = FILTER_ADDR, .matching = true,
                                              .min = (64 * i + 1) * 100 * PAGE, .max = ((64 * i + 1) * 100 + 1) * PAGE };
        config.filters = filters;
        config.n_filters = ELEMENTSOF(filters);
        config.dry_run = true;
        world_configure(&w, &config, 1);
        for (uint64_t i = 0; i < WORLD_REGIONS; i++)
                world_add(&w, 0, 100 * i, 100 * i + 100, 0, 100 * SEC);
        for (int i = 0; i < 3; i++) {
                plan = world_step(&w);
                ck_assert_uint_le(plan ? plan->n_items : 0, 8000);
                bytes += world_settle(&w, plan);
        }
        ck_assert_uint_eq(bytes, (100 * WORLD_REGIONS - 64) * PAGE);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("scheme-set");
        TCase *tests = tcase_create("scheme-set");

        tcase_add_test(tests, nothing_without_schemes);
        tcase_add_test(tests, nothing_without_memory);
        tcase_add_test(tests, only_what_matches);
        tcase_add_test(tests, targets_are_described);
        tcase_add_test(tests, targets_that_are_left_alone);
        tcase_add_test(tests, stat_only_counts);
        tcase_add_test(tests, disabled_ones_do_nothing);
        tcase_add_test(tests, core_filters_cut);
        tcase_add_test(tests, filters_by_target);
        tcase_add_test(tests, best_first_under_a_quota);
        tcase_add_test(tests, hot_first_for_hot_actions);
        tcase_add_test(tests, by_address_without_a_quota);
        tcase_add_test(tests, borders_of_huge_pages);
        tcase_add_loop_test(tests, borders_under_a_quota, 0, 2);
        tcase_add_test(tests, borders_of_blocks);
        tcase_add_test(tests, borders_keep_huge_pages_whole);
        tcase_add_test(tests, the_earlier_one_gets_it);
        tcase_add_test(tests, dry_runs_claim_nothing);
        tcase_add_test(tests, claims_are_for_one_pass);
        tcase_add_test(tests, who_cannot_act_claims_nothing);
        tcase_add_test(tests, simulated_targets_are_never_acted_on);
        tcase_add_test(tests, apply_intervals);
        tcase_add_test(tests, many_ranges);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
