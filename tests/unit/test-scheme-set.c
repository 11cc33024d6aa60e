/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of scheme sets: what is planned, and what is counted. */
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
        world_add(&w, 0, 10, 20, 0, 1000 * SEC);
        world_add(&w, 1, 0, 10, 0, 5000 * SEC);
        world_add(&w, 1, 20, 30, 0, 1000 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 4);
        world_check_item(plan, 0, 1, 0, 10);
        world_check_item(plan, 1, 0, 10, 20); /* equal scores: by target and address */
        world_check_item(plan, 2, 1, 20, 30);
        world_check_item(plan, 3, 0, 0, 10);
        ck_assert(plan->items[0].score > plan->items[1].score);
        ck_assert(plan->items[1].score == plan->items[2].score);
}
END_TEST

START_TEST(hot_first_for_hot_actions) {
        SchemeConfig config = scheme_of("x", ACTION_COLLAPSE);
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        config.quota.size = 1024 * MIB;
        config.quota.reset_interval = SEC;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0.2, 10 * SEC);
        world_add(&w, 0, 10, 20, 1, 100 * SEC);
        world_add(&w, 0, 20, 30, 1, 10 * SEC);
        world_add(&w, 0, 30, 40, 0, 100 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 4);
        world_check_item(plan, 0, 0, 10, 20);
        world_check_item(plan, 1, 0, 20, 30);
        world_check_item(plan, 2, 0, 0, 10);
        world_check_item(plan, 3, 0, 30, 40);
        ck_assert_uint_eq(plan->schemes[0].swap_max, UINT64_MAX);
}
END_TEST

START_TEST(by_address_without_a_quota) {
        const SchemeConfig config = pageout_of("x");
        _cleanup_(plan_freep) Plan *plan = NULL;
        WORLD;

        world_configure(&w, &config, 1);
        for (uint64_t i = 0; i < 10; i++)
                world_add(&w, 0, 10 * i, 10 * i + 10, 0, (60 + (i * 7) % 10 * 100) * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 10);
        for (size_t i = 0; i < 10; i++)
                world_check_item(plan, i, 0, 10 * i, 10 * i + 10);
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

/* ---- What is counted ---- */

static Plan *two_regions(World *w, const SchemeConfig *config) {
        world_configure(w, config, 1);
        world_add(w, 0, 0, 10, 0, 100 * SEC);
        world_add(w, 0, 20, 40, 0, 100 * SEC);
        return world_step(w);
}

START_TEST(statistics_add_up) {
        const SchemeConfig config = pageout_of("x");
        PlanResult *result;
        const SchemeStats *stats;
        uint64_t sum;
        Plan *plan;
        WORLD;

        plan = two_regions(&w, &config);
        result = plan_result_new(plan);
        ck_assert_uint_eq(result->items[0].others[OUTCOME_UNREACHED], 10 * PAGE);
        result->items[0] = (ItemResult) { .stopped_at = 10 * PAGE, .tried = 6 * PAGE, .applied = 5 * PAGE, .time = 7 };
        result->items[0].others[OUTCOME_SHARED] = 3 * PAGE;
        result->items[0].others[OUTCOME_FILTERED] = PAGE;
        result->items[1] = (ItemResult) { .stopped_at = 30 * PAGE, .tried = 2 * PAGE, .time = 4 };
        result->items[1].others[OUTCOME_FAILED] = 8 * PAGE;
        result->items[1].others[OUTCOME_UNREACHED] = 10 * PAGE;
        result->schemes[0].calls = 3;
        result->schemes[0].longest = 6;
        result->schemes[0].errors[0] = (ErrorCount) { EIO, 2 };
        result->schemes[0].errors[1] = (ErrorCount) { ENOMEM, 1 };
        ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
        plan_free(plan);
        plan_result_free(result);

        stats = world_view(&w, "x").stats;
        ck_assert_uint_eq(stats->tried, 8 * PAGE);
        ck_assert_uint_eq(stats->tried_regions, 2);
        ck_assert_uint_eq(stats->applied, 5 * PAGE);
        ck_assert_uint_eq(stats->applied_regions, 1);
        ck_assert_uint_eq(stats->would + stats->would_regions, 0);
        ck_assert_uint_eq(stats->time, 11);
        ck_assert_uint_eq(stats->calls, 3);
        ck_assert_uint_eq(stats->longest, 6);
        ck_assert_int_eq(stats->errors[0].error, EIO);
        ck_assert_uint_eq(stats->errors[0].count, 2);
        ck_assert_int_eq(stats->errors[1].error, ENOMEM);
        ck_assert_int_eq(stats->last_error, ENOMEM);
        ck_assert_uint_eq(stats->last_error_time, w.now);
        sum = stats->tried;
        for (Outcome i = 0; i < _OUTCOME_MAX; i++)
                sum += stats->others[i];
        ck_assert_uint_eq(sum, 30 * PAGE);

        /* what was reached rests, whatever came of it; the rest may be planned again */
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_items, 1);
        world_check_item(plan, 0, 0, 30, 40);
        plan_free(plan);
        ck_assert_uint_eq(scheme_set_view(w.set, 0, w.now).resting, 20 * PAGE);
}
END_TEST

START_TEST(more_errors_than_there_is_room_for) {
        const SchemeConfig config = pageout_of("x");
        const SchemeStats *stats;
        uint64_t sum = 0;
        WORLD;

        world_configure(&w, &config, 1);
        for (int error = 1; error <= 20; error++) {
                PlanResult *result;
                Plan *plan;

                world_clear(&w);
                world_add(&w, 0, 100 * (uint64_t) error, 100 * (uint64_t) error + 1, 0, 100 * SEC);
                plan = world_step(&w);
                result = plan_result_new(plan);
                result->schemes[0].errors[0] = (ErrorCount) { error, 1 };
                result->schemes[0].errors[1] = (ErrorCount) { 1, 1 };
                ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
                plan_free(plan);
                plan_result_free(result);
        }
        stats = world_view(&w, "x").stats;
        for (size_t i = 0; i < PLAN_ERRORS_MAX; i++)
                sum += stats->errors[i].count;
        ck_assert_uint_eq(sum, 40);
        ck_assert_uint_eq(stats->errors[0].count, 21);
        for (int i = 1; i < PLAN_ERRORS_MAX - 1; i++) {
                ck_assert_int_eq(stats->errors[i].error, i + 1);
                ck_assert_uint_eq(stats->errors[i].count, 1);
        }
        ck_assert_int_eq(stats->errors[PLAN_ERRORS_MAX - 1].error, 20);
}
END_TEST

START_TEST(dry_runs_only_would) {
        SchemeConfig config = pageout_of("x");
        const SchemeStats *stats;
        Plan *plan;
        WORLD;

        config.dry_run = true;
        plan = two_regions(&w, &config);
        ck_assert(plan->schemes[0].dry_run);
        ck_assert_uint_eq(world_settle(&w, plan), 30 * PAGE);
        stats = world_view(&w, "x").stats;
        ck_assert_uint_eq(stats->would, 30 * PAGE);
        ck_assert_uint_eq(stats->would_regions, 2);
        ck_assert_uint_eq(stats->tried + stats->tried_regions + stats->applied + stats->applied_regions, 0);
}
END_TEST

START_TEST(returns_are_counted) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        config.dry_run = true;
        world_settle(&w, two_regions(&w, &config));
        w.regions[1].hits = 10;
        w.regions[1].rate = 0.5;
        /* the window that was open while it was acted on does not count; the next one does */
        world_settle(&w, world_step(&w));
        ck_assert_uint_eq(world_view(&w, "x").stats->returned, 10 * PAGE);
        ck_assert_uint_eq(world_view(&w, "x").stats->refaulted, 0);
        world_settle(&w, world_step(&w));
        ck_assert_uint_eq(world_view(&w, "x").stats->returned, 10 * PAGE);
}
END_TEST

/* ---- The log ---- */

START_TEST(log_of_acts) {
        const SchemeConfig config = pageout_of("x");
        const ActEntry *entry;
        PlanResult *result;
        Plan *plan;
        WORLD;

        plan = two_regions(&w, &config);
        result = plan_result_new(plan);
        result->items[0] = (ItemResult) { .stopped_at = 10 * PAGE }; /* nothing there: no news */
        result->items[0].others[OUTCOME_NOTHING] = 10 * PAGE;
        result->items[1] = (ItemResult) { .stopped_at = 35 * PAGE, .tried = 5 * PAGE, .applied = 4 * PAGE };
        result->items[1].others[OUTCOME_NOTHING] = 6 * PAGE;
        result->items[1].others[OUTCOME_SHARED] = 3 * PAGE;
        result->items[1].others[OUTCOME_EDGE] = PAGE;
        result->items[1].others[OUTCOME_UNREACHED] = 5 * PAGE;
        ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now + 5), 0);
        plan_free(plan);
        plan_result_free(result);

        entry = scheme_set_log(w.set, 0);
        ck_assert_ptr_nonnull(entry);
        ck_assert_ptr_null(scheme_set_log(w.set, 1));
        ck_assert_uint_eq(entry->time, w.now + 5);
        ck_assert_int_eq(scheme_set_find_id(w.set, entry->scheme), 0);
        ck_assert_uint_eq(entry->target, 1);
        ck_assert_int_eq(entry->pid, 100);
        ck_assert_uint_eq(entry->start, 20 * PAGE);
        ck_assert_uint_eq(entry->end, 35 * PAGE);
        ck_assert_uint_eq(entry->tried, 5 * PAGE);
        ck_assert_uint_eq(entry->applied, 4 * PAGE);
        ck_assert_int_eq(entry->why, OUTCOME_SHARED);
        ck_assert(!entry->dry_run);
}
END_TEST

START_TEST(log_is_bounded_and_newest_first) {
        const SchemeConfig config = pageout_of("x");
        WORLD;

        world_configure(&w, &config, 1);
        for (uint64_t i = 0; i < 3 * ACT_LOG_MAX / 10 + 7; i++) {
                world_clear(&w);
                for (uint64_t k = 0; k < 10; k++)
                        world_add(&w, 0, 1000 * i + 10 * k, 1000 * i + 10 * k + 5, 0, 100 * SEC);
                world_settle(&w, world_step(&w));
        }
        for (size_t i = 0; i < ACT_LOG_MAX; i++)
                ck_assert_ptr_nonnull(scheme_set_log(w.set, i));
        for (size_t i = 1; i < ACT_LOG_MAX; i++)
                ck_assert_uint_lt(scheme_set_log(w.set, i)->start, scheme_set_log(w.set, i - 1)->start);
        ck_assert_ptr_null(scheme_set_log(w.set, ACT_LOG_MAX));
        ck_assert_ptr_null(scheme_set_log(w.set, SIZE_MAX));
}
END_TEST

START_TEST(every_outcome_has_a_name) {
        for (Outcome i = 0; i < _OUTCOME_MAX; i++)
                for (Outcome k = 0; k < i; k++)
                        ck_assert_str_ne(outcome_name(i), outcome_name(k));
        ck_assert_ptr_null(plan_free(NULL));
        ck_assert_ptr_null(plan_result_free(NULL));
        ck_assert_ptr_null(scheme_spec_unref(NULL));
        ck_assert_ptr_null(scheme_spec_ref(NULL));
        ck_assert_ptr_null(scheme_set_free(NULL));
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
        tcase_add_test(tests, the_earlier_one_gets_it);
        tcase_add_test(tests, dry_runs_claim_nothing);
        tcase_add_test(tests, claims_are_for_one_pass);
        tcase_add_test(tests, who_cannot_act_claims_nothing);
        tcase_add_test(tests, simulated_targets_are_never_acted_on);
        tcase_add_test(tests, apply_intervals);
        tcase_add_test(tests, many_ranges);
        tcase_add_test(tests, statistics_add_up);
        tcase_add_test(tests, more_errors_than_there_is_room_for);
        tcase_add_test(tests, dry_runs_only_would);
        tcase_add_test(tests, returns_are_counted);
        tcase_add_test(tests, log_of_acts);
        tcase_add_test(tests, log_is_bounded_and_newest_first);
        tcase_add_test(tests, every_outcome_has_a_name);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
