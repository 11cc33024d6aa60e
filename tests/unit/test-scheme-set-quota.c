/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of scheme sets: how much at a time, and when not at all. */
#include "test-scheme-set.h"

#define WINDOW (60 * SEC)

/* Of an action that is not audited: a plan is about acting. */
static SchemeConfig limited(const char *name, uint64_t pages, nsec_t window) {
        SchemeConfig config = pageout_of(name);

        config.action = ACTION_COLD;
        config.pattern.age_min = 600 * SEC;
        config.quota.size = pages * PAGE;
        config.quota.reset_interval = window;
        return config;
}

/* ---- Windows ---- */

START_TEST(the_first_window_is_limited) {
        const SchemeConfig config = limited("x", 25, WINDOW);
        Plan *plan;
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 100, 0, 1000 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->schemes[0].bytes_max, 25 * PAGE);
        ck_assert_uint_eq(plan->schemes[0].deadline, w.now + AGGREGATE);
        ck_assert_uint_eq(world_settle(&w, plan), 25 * PAGE);
        ck_assert_uint_eq(world_view(&w, "x").quota->charged, 25 * PAGE);
        ck_assert_ptr_null(world_step(&w));
}
END_TEST

START_TEST(windows_go_on_from_where_it_stopped) {
        const SchemeConfig config = limited("x", 25, WINDOW);
        nsec_t opened;
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 90, 0, 1000 * SEC);
        world_settle(&w, world_step(&w));
        opened = w.now;
        for (uint64_t i = 1; i < 4; i++) {
                Plan *plan;

                /* no snapshot needed: it is due when the window opens, and not before */
                ck_assert_uint_eq(scheme_set_next(w.set), opened + i * WINDOW);
                w.now = opened + i * WINDOW - 1;
                ck_assert_ptr_null(world_decide(&w));
                w.now = opened + i * WINDOW;
                plan = world_decide(&w);
                ck_assert_uint_eq(plan->items[0].start, (i == 3 ? 75 : 25 * i) * PAGE);
                ck_assert_uint_eq(world_settle(&w, plan), (i == 3 ? 15 : 25) * PAGE);
        }
        ck_assert_uint_eq(scheme_set_next(w.set), NSEC_INFINITY);
        w.now += WINDOW;
        ck_assert_ptr_null(world_decide(&w));
        ck_assert_uint_eq(world_view(&w, "x").quota->exceeds, 3);
}
END_TEST

START_TEST(several_plans_in_a_window) {
        const SchemeConfig config = limited("x", 25, WINDOW);
        uint64_t bytes = 0;
        WORLD;

        world_configure(&w, &config, 1);
        for (uint64_t i = 0; i < 10; i++) {
                world_add(&w, 0, 100 * i, 100 * i + 4, 0, 1000 * SEC);
                bytes += world_settle(&w, world_step(&w));
                ck_assert_uint_eq(bytes, MIN(UINT64_C(25), 4 * (i + 1)) * PAGE);
        }
}
END_TEST

START_TEST(failures_are_charged_in_part) {
        SchemeConfig config = limited("x", 100, WINDOW);
        PlanResult *result;
        Plan *plan;
        WORLD;

        config.quota.fail_charge = 0.5;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 100, 0, 1000 * SEC);
        plan = world_step(&w);
        result = plan_result_new(plan);
        result->items[0] = (ItemResult) { .stopped_at = 100 * PAGE, .tried = 100 * PAGE, .applied = 40 * PAGE };
        ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
        plan_free(plan);
        plan_result_free(result);
        ck_assert_uint_eq(world_view(&w, "x").quota->charged, 70 * PAGE);
}
END_TEST

START_TEST(time_is_limited) {
        SchemeConfig config = limited("x", 0, WINDOW);
        PlanResult *result;
        Plan *plan;
        WORLD;

        config.quota.time = 10 * NSEC_PER_MSEC;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 100, 0, 1000 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->schemes[0].time_max, 10 * NSEC_PER_MSEC);
        ck_assert_uint_eq(plan->schemes[0].bytes_max, UINT64_MAX);
        result = plan_result_new(plan);
        result->items[0] = (ItemResult) { .stopped_at = 50 * PAGE, .tried = 50 * PAGE, .applied = 50 * PAGE,
                                          .time = 10 * NSEC_PER_MSEC };
        result->items[0].others[OUTCOME_UNREACHED] = 50 * PAGE;
        result->schemes[0].time_ran_out = true;
        ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
        plan_free(plan);
        plan_result_free(result);

        ck_assert_ptr_null(world_step(&w));
        ck_assert_uint_eq(scheme_set_next(w.set), w.now - AGGREGATE + WINDOW);
        w.now = scheme_set_next(w.set);
        plan = world_decide(&w);
        world_check_item(plan, 0, 0, 50, 100);
        ck_assert_uint_eq(plan->schemes[0].time_max, 10 * NSEC_PER_MSEC);
        plan_free(plan);
}
END_TEST

/* Nothing begins in one window and is paid for by the next. */
START_TEST(deadlines_end_with_the_window) {
        const SchemeConfig config = limited("x", 25, WINDOW);
        nsec_t opened;
        Plan *plan;
        WORLD;

        world_configure(&w, &config, 1);
        world_settle(&w, world_step(&w));
        opened = w.now;
        world_add(&w, 0, 0, 90, 0, 1000 * SEC);
        w.now = opened + WINDOW - SEC - AGGREGATE;
        plan = world_step(&w);
        ck_assert_uint_eq(plan->schemes[0].deadline, opened + WINDOW - 4 * NSEC_PER_MSEC); /* a batch and some */
        ck_assert_uint_eq(world_settle(&w, plan), 25 * PAGE);
}
END_TEST

START_TEST(late_ones_go_on_in_the_next_window) {
        const SchemeConfig config = limited("x", 50, WINDOW);
        PlanResult *result;
        Plan *plan;
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 40, 0, 1000 * SEC);
        plan = world_step(&w);
        result = plan_result_new(plan);
        result->items[0].stopped_at = 10 * PAGE;
        result->items[0].tried = result->items[0].applied = 10 * PAGE;
        result->items[0].others[OUTCOME_UNREACHED] = 30 * PAGE;
        result->schemes[0].late = true;
        ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
        plan_free(plan);
        plan_result_free(result);
        ck_assert_uint_eq(world_view(&w, "x").quota->exceeds, 0);
        w.now = scheme_set_next(w.set);
        plan = world_decide(&w);
        world_check_item(plan, 0, 0, 10, 40);
        plan_free(plan);
}
END_TEST

/* ---- A change buys no second helping ---- */

START_TEST(changes_in_the_middle_of_a_window) {
        SchemeConfig config = limited("x", 25, WINDOW);
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 1000, 0, 10000 * SEC);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 25 * PAGE);

        config.pattern.age_min = 601 * SEC;
        world_configure(&w, &config, 1);
        ck_assert_ptr_null(world_step(&w));
        config.quota.size = 30 * PAGE; /* more: the difference */
        world_configure(&w, &config, 1);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 5 * PAGE);
        config.quota.size = 10 * PAGE; /* less than is spent */
        world_configure(&w, &config, 1);
        ck_assert_ptr_null(world_step(&w));
        config.quota.size = 30 * PAGE;
        config.quota.reset_interval = WINDOW + SEC;
        world_configure(&w, &config, 1);
        ck_assert_ptr_null(world_step(&w));
        config.quota.reset_interval = WINDOW / 2;
        world_configure(&w, &config, 1);
        ck_assert_ptr_null(world_step(&w));
        w.now += WINDOW;
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 30 * PAGE);
}
END_TEST

START_TEST(changes_while_a_plan_is_out) {
        SchemeConfig config = limited("x", 25, WINDOW);
        Plan *plan;
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 1000, 0, 10000 * SEC);
        plan = world_step(&w);
        config.pattern.age_min = 601 * SEC;
        world_configure(&w, &config, 1);
        ck_assert_uint_eq(world_settle(&w, plan), 25 * PAGE);
        ck_assert_uint_eq(world_view(&w, "x").quota->charged, 25 * PAGE);
        ck_assert_uint_eq(world_view(&w, "x").stats->applied, 25 * PAGE);
        ck_assert_ptr_null(world_step(&w));
}
END_TEST

/* ---- Watermarks ---- */

START_TEST(watermarks) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        config.watermarks = (WatermarkConfig) { WATERMARK_FREE_MEM_RATE, 5 * SEC, 0.5, 0.4, 0.1 };
        config.dry_run = true;
        world_configure(&w, &config, 1);
        w.watermark = 0.6;
        for (uint64_t i = 0; i < 20; i++) {
                world_add(&w, 0, 100 * i, 100 * i + 10, 0, 100 * SEC);
                ck_assert_ptr_null(world_step(&w));
        }
        ck_assert_int_eq(world_view(&w, "x").state, SCHEME_INACTIVE);
        ck_assert_uint_eq(world_view(&w, "x").stats->passes, 0);
        ck_assert_uint_le(w.watermark_reads, 15);
        ck_assert_uint_gt(scheme_set_next(w.set), w.now);
        ck_assert_uint_le(scheme_set_next(w.set), w.now + 5 * SEC);

        w.watermark = 0.45; /* not yet */
        w.now += 5 * SEC;
        ck_assert_ptr_null(world_step(&w));
        w.watermark = 0.39;
        w.now += 5 * SEC;
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 200 * PAGE);
        ck_assert_int_eq(world_view(&w, "x").state, SCHEME_ACTIVE);
        w.watermark = -1; /* cannot be read */
        w.now += 5 * SEC;
        world_add(&w, 0, 10000, 10010, 0, 100 * SEC);
        ck_assert_ptr_null(world_step(&w));
        ck_assert_int_eq(world_view(&w, "x").state, SCHEME_INACTIVE);
        w.watermark = 0.05; /* the kernel's own reclaim has it now */
        w.now += 5 * SEC;
        ck_assert_ptr_null(world_step(&w));
        w.watermark = 0.1;
        w.now += 5 * SEC;
        ck_assert_uint_ge(world_settle(&w, world_step(&w)), 10 * PAGE);
}
END_TEST

/* ---- Swap ---- */

START_TEST(no_room_in_swap) {
        const SchemeConfig config = pageout_of("x");
        Plan *plan;
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        w.swap_free = 4 * MIB;
        plan = world_step(&w);
        ck_assert_uint_eq(plan->schemes[0].swap_max, 0);
        plan_free(plan);
        w.swap_free = 0;
        plan = world_step(&w);
        ck_assert_uint_eq(plan->schemes[0].swap_max, 0);
        plan_free(plan);
        w.swap_free = UINT64_C(1) << 40;
        w.swap_unreadable = true;
        plan = world_step(&w);
        ck_assert_uint_eq(plan->schemes[0].swap_max, 0);
        plan_free(plan);
        w.swap_unreadable = false;
        w.swap_free = 4 * MIB + 3 * PAGE;
        plan = world_step(&w);
        ck_assert_uint_eq(plan->schemes[0].swap_max, 3 * PAGE);
        plan_free(plan);
        w.swap_free = UINT64_MAX;
        plan = world_step(&w);
        ck_assert_uint_eq(plan->schemes[0].swap_max, SCHEME_SWAP_OUT_DEFAULT);
        plan_free(plan);
}
END_TEST

/* Over any run: rate x time, and a second's worth to begin with. */
START_TEST(swap_rate) {
        SchemeConfig config = pageout_of("x");
        nsec_t began, steps = 1500;
        uint64_t sum = 0;
        Rng rng;
        WORLD;

        rng_init(&rng, (uint64_t) _i);
        config.pattern.age_min = 0;
        config.swap_out_max = MIB;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 100000, 0, 100 * SEC);
        began = w.now;
        while (steps-- > 0) {
                PlanResult *result;
                Plan *plan;

                w.now += rng_below(&rng, 10) ? rng_below(&rng, 3 * SEC) : rng_below(&rng, 3000 * SEC);
                w.swap_free = rng_below(&rng, 10) ? UINT64_C(1) << 40 : rng_below(&rng, 8 * MIB);
                plan = world_step(&w);
                if (rng_below(&rng, 20) == 0) { /* in the middle of it all, and with a plan out */
                        config.pattern.size_max--;
                        world_configure(&w, &config, 1);
                }
                if (!plan)
                        continue;
                result = plan_result_new(plan);
                if (plan->n_items > 0 && plan->schemes[0].swap_max >= PAGE) {
                        ck_assert_uint_le(plan->schemes[0].swap_max, MIB);
                        result->items[0].anon = rng_below(&rng, plan->schemes[0].swap_max + 1) / PAGE * PAGE;
                        result->items[0].tried = result->items[0].applied = result->items[0].anon;
                        result->items[0].stopped_at += result->items[0].anon;
                        sum += result->items[0].anon;
                }
                ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
                plan_free(plan);
                plan_result_free(result);
                ck_assert_uint_le(sum, (w.now - began) / SEC * MIB + 2 * MIB);
        }
        ck_assert_uint_gt(sum, 500 * MIB);
}
END_TEST

/* However seldom it applies: a second's worth at once, and on it goes a second later with the same snapshot, as long as
 * that is recent. */
START_TEST(swap_rate_is_for_every_second) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        config.pattern.age_min = 20 * SEC;
        config.apply_interval = 3600 * SEC;
        config.swap_out_max = MIB;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 100000, 0, 100 * SEC);
        for (unsigned i = 0; i < 40; i++) {
                Plan *plan = i == 0 ? world_step(&w) : world_decide(&w);
                PlanResult *result;

                if (i > 20) {
                        ck_assert_ptr_null(plan);
                        ck_assert_uint_eq(scheme_set_next(w.set), NSEC_INFINITY);
                        continue;
                }
                ck_assert_uint_eq(plan->n_items, 1);
                ck_assert_uint_eq(plan->schemes[0].swap_max, MIB);
                result = plan_result_new(plan);
                result->items[0].tried = result->items[0].applied = result->items[0].anon = MIB;
                result->items[0].others[OUTCOME_SWAP_RATE] = 100000 * PAGE - MIB;
                result->items[0].others[OUTCOME_UNREACHED] = 0;
                ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
                plan_free(plan);
                plan_result_free(result);
                ck_assert_uint_eq(scheme_set_next(w.set), w.now + SEC);
                w.now = scheme_set_next(w.set);
        }
}
END_TEST

/* What a snapshot said is acted on from window to window, but not for ever. */
START_TEST(old_snapshots_are_not_acted_on) {
        SchemeConfig config = limited("x", 1, SEC);
        unsigned plans = 0;
        WORLD;

        config.pattern.age_min = 5 * SEC;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 90, 0, 1000 * SEC);
        world_settle(&w, world_step(&w));
        for (unsigned i = 0; i < 30; i++) {
                Plan *plan;

                w.now += SEC;
                plan = world_decide(&w);
                plans += plan != NULL;
                if (plan)
                        world_settle(&w, plan);
                ck_assert_uint_gt(scheme_set_next(w.set), w.now);
        }
        ck_assert_uint_ge(plans, 9);
        ck_assert_uint_le(plans, 10);
        world_settle(&w, world_step(&w));
        w.now += SEC;
        world_settle(&w, world_decide(&w));
}
END_TEST

START_TEST(swap_forbidden_by_rate) {
        SchemeConfig config = pageout_of("x");
        Plan *plan;
        WORLD;

        config.swap_out_max = 0;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        plan = world_step(&w);
        ck_assert_uint_lt(plan->schemes[0].swap_max, PAGE);
        plan_free(plan);
}
END_TEST

/* ---- Goals ---- */

static SchemeConfig with_goal(GoalConfig *goal) {
        SchemeConfig config = limited("x", 256 * 100, 10 * SEC);

        config.quota.goals = goal;
        config.quota.n_goals = 1;
        return config;
}

/* The score after the next window has opened. */
static double score(World *w) {
        w->now += 10 * SEC;
        world_settle(w, world_step(w));
        return world_view(w, "x").quota->score;
}

START_TEST(goal_from_users) {
        GoalConfig goal = { .metric = GOAL_USER_INPUT, .target = 10, .current = 5 };
        SchemeConfig config = with_goal(&goal);
        uint64_t first;
        WORLD;

        world_configure(&w, &config, 1);
        ck_assert_uint_eq(world_view(&w, "x").quota->effective, 100 * PAGE);
        ck_assert_double_eq_tol(score(&w), 0.5, 1e-9);
        first = world_view(&w, "x").quota->effective;
        ck_assert_int_eq(scheme_set_input(w.set, "x", 20), 0);
        ck_assert_int_eq(scheme_set_input(w.set, "y", 20), -ENOENT);
        ck_assert_double_eq_tol(score(&w), 2, 1e-9);
        ck_assert_uint_lt(world_view(&w, "x").quota->effective, first);
        /* unchanged schemes keep what was fed in */
        world_configure(&w, &config, 1);
        ck_assert_double_eq_tol(score(&w), 2, 1e-9);
        ck_assert_double_eq_tol(world_view(&w, "x").quota->goals[0].current, 20, 1e-9);
}
END_TEST

START_TEST(input_for_schemes_without_such_a_goal) {
        GoalConfig goal = { .metric = GOAL_RSS, .target = 10 };
        SchemeConfig configs[] = { with_goal(&goal), pageout_of("y") };
        WORLD;

        world_configure(&w, configs, 2);
        ck_assert_int_eq(scheme_set_input(w.set, "x", 1), -EINVAL);
        ck_assert_int_eq(scheme_set_input(w.set, "y", 1), -EINVAL);
}
END_TEST

START_TEST(goal_of_the_resident_size) {
        GoalConfig goal = { .metric = GOAL_RSS, .target = 100 * MIB };
        SchemeConfig config = with_goal(&goal);
        WORLD;

        world_configure(&w, &config, 1);
        ck_assert_double_lt(score(&w), 0); /* not known */
        w.n_targets = 2;
        w.targets[0].resident = 150 * MIB;
        w.targets[1].resident = 50 * MIB;
        ck_assert_double_eq_tol(score(&w), 0.5, 1e-9);
        w.targets[1].resident = 0;
        w.targets[0].resident = 50 * MIB;
        ck_assert_double_eq_tol(score(&w), 2, 1e-9);
}
END_TEST

START_TEST(goal_of_the_resident_size_over_the_working_set) {
        GoalConfig goal = { .metric = GOAL_RSS_TO_WSS, .target = 1.5 };
        SchemeConfig config = with_goal(&goal);
        WORLD;

        world_configure(&w, &config, 1);
        w.targets[0].resident = 300 * PAGE;
        ck_assert_double_lt(score(&w), 0);
        world_add(&w, 0, 0, 100, 1, 0);
        ck_assert_double_eq_tol(score(&w), 0.5, 1e-9);
        ck_assert_double_eq_tol(world_view(&w, "x").quota->goals[0].current, 3, 1e-9);
}
END_TEST

START_TEST(goal_of_what_comes_back) {
        GoalConfig goal = { .metric = GOAL_REFAULT_RATE, .target = 0.25 };
        SchemeConfig config = with_goal(&goal);
        PlanResult *result;
        Plan *plan;
        WORLD;

        config.action = ACTION_PAGEOUT;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 50, 0, 1000 * SEC);
        ck_assert_double_eq_tol(score(&w), 0, 1e-9); /* nothing done yet */
        w.now += 10 * SEC - AGGREGATE;
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_audits, 1);
        result = plan_result_new(plan);
        result->audits[0] = (AuditResult) { true, 25 * PAGE };
        ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
        plan_free(plan);
        plan_result_free(result);
        /* half of it came back: twice the target, a little more as what was done is longer ago */
        ck_assert_double_eq_tol(score(&w), 2, 0.3);
        w.now += 1000 * SEC;
        world_clear(&w);
        ck_assert_double_ge(score(&w), 0);
}
END_TEST

START_TEST(what_comes_back_to_physical_memory) {
        SchemeConfig config = pageout_of("x");
        PlanResult *result;
        Plan *plan;
        WORLD;

        w.targets[0].pid = 0;
        w.target_facts[0] = (TargetFacts) { .physical = true };
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 50, 0, 1000 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_audits, 0); /* nothing was taken yet */
        ck_assert_uint_eq(world_settle(&w, plan), 50 * PAGE);

        /* by the scheme alone: the actor knows what was there */
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_audits, 1);
        ck_assert(plan->targets[plan->audits[0].target].physical);
        ck_assert_uint_eq(plan->audits[0].cookie, world_view(&w, "x").id);
        result = plan_result_new(plan);
        result->audits[0] = (AuditResult) { .known = true, .back = 20 * PAGE };
        ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
        plan_free(plan);
        plan_result_free(result);
        ck_assert_uint_eq(world_view(&w, "x").stats->refaulted, 20 * PAGE);
}
END_TEST

START_TEST(goals_of_the_system) {
        GoalConfig goal = { .metric = GOAL_NODE_MEM_FREE, .target = 0.5 };
        SchemeConfig config = with_goal(&goal);
        WORLD;

        world_configure(&w, &config, 1);
        ck_assert_double_lt(score(&w), 0);
        w.goal = 0.25;
        ck_assert_double_eq_tol(score(&w), 0.5, 1e-9);
}
END_TEST

/* All or nothing, and "nothing" is not "no limit". */
START_TEST(goals_that_are_met_stop_it) {
        GoalConfig goal = { .metric = GOAL_USER_INPUT, .target = 1, .current = 2 };
        SchemeConfig config = with_goal(&goal);
        WORLD;

        config.quota.tuner = TUNER_TEMPORAL;
        config.quota.size = 0;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 50, 0, 1000 * SEC);
        for (int i = 0; i < 10; i++)
                ck_assert_ptr_null(world_step(&w));
        ck_assert_uint_gt(scheme_set_next(w.set), w.now);
        ck_assert_int_eq(scheme_set_input(w.set, "x", 0.5), 0);
        w.now = scheme_set_next(w.set);
        ck_assert_uint_eq(world_settle(&w, world_decide(&w)), 50 * PAGE);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("scheme-set-quota");
        TCase *tests = tcase_create("scheme-set-quota");

        tcase_add_test(tests, the_first_window_is_limited);
        tcase_add_test(tests, windows_go_on_from_where_it_stopped);
        tcase_add_test(tests, several_plans_in_a_window);
        tcase_add_test(tests, failures_are_charged_in_part);
        tcase_add_test(tests, time_is_limited);
        tcase_add_test(tests, deadlines_end_with_the_window);
        tcase_add_test(tests, late_ones_go_on_in_the_next_window);
        tcase_add_test(tests, changes_in_the_middle_of_a_window);
        tcase_add_test(tests, changes_while_a_plan_is_out);
        tcase_add_test(tests, watermarks);
        tcase_add_test(tests, no_room_in_swap);
        tcase_add_loop_test(tests, swap_rate, 0, 10);
        tcase_add_test(tests, swap_rate_is_for_every_second);
        tcase_add_test(tests, old_snapshots_are_not_acted_on);
        tcase_add_test(tests, swap_forbidden_by_rate);
        tcase_add_test(tests, goal_from_users);
        tcase_add_test(tests, input_for_schemes_without_such_a_goal);
        tcase_add_test(tests, goal_of_the_resident_size);
        tcase_add_test(tests, goal_of_the_resident_size_over_the_working_set);
        tcase_add_test(tests, goal_of_what_comes_back);
        tcase_add_test(tests, what_comes_back_to_physical_memory);
        tcase_add_test(tests, goals_of_the_system);
        tcase_add_test(tests, goals_that_are_met_stop_it);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
