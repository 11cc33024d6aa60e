/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of scheme sets: how long what was acted on is left alone, and what comes back. */
#include "test-scheme-set.h"

START_TEST(nothing_is_done_twice) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 10 * PAGE);
        for (int i = 0; i < 29; i++) {
                Plan *plan = world_step(&w);

                ck_assert_uint_eq(world_planned(plan), 0); /* but it is looked at: audits */
                plan_free(plan);
        }
        ck_assert_uint_eq(world_planned(NULL), 0);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 10 * PAGE);
}
END_TEST

START_TEST(rests_are_as_long_as_the_longest_of_both) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        config.pattern.age_min = 0;
        config.apply_interval = 30 * SEC;
        config.dry_run = true;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        world_settle(&w, world_step(&w));
        ck_assert_uint_eq(world_view(&w, "x").resting, 10 * PAGE);
        w.now += 30 * SEC - 1;
        ck_assert_uint_eq(world_view(&w, "x").resting, 10 * PAGE);
        w.now++;
        ck_assert_uint_eq(world_view(&w, "x").resting, 0);
}
END_TEST

/* A plan of audits only, of which this share is resident. */
static void audit(World *w, double share) {
        Plan *plan = world_step(w);
        PlanResult *result;

        ck_assert_ptr_nonnull(plan);
        ck_assert_uint_eq(plan->n_items, 0);
        ck_assert_uint_eq(plan->n_audits, 1);
        result = plan_result_new(plan);
        result->audits[0] = (AuditResult) {
                true, (uint64_t) (share * (double) (plan->audits[0].end - plan->audits[0].start)),
        };
        ck_assert_int_eq(scheme_set_settle(w->set, plan, result, w->now), 0);
        plan_free(plan);
        plan_result_free(result);
}

START_TEST(audits_find_what_came_back) {
        SchemeConfig config = pageout_of("x");
        nsec_t rest = 60 * SEC;
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        for (uint64_t i = 1; i <= 9; i++) {
                ck_assert_uint_eq(world_settle(&w, world_step(&w)), 10 * PAGE);
                audit(&w, 1);
                rest = MIN(2 * rest, 60 * NSEC_PER_MINUTE);
                ck_assert_uint_eq(world_view(&w, "x").stats->refaulted, i * 10 * PAGE);
                ck_assert_uint_eq(world_view(&w, "x").backed_off, 10 * PAGE);
                ck_assert_ptr_null(world_step(&w)); /* all is back: nothing more to look for */
                w.now += rest - 2 * AGGREGATE - 1;
                ck_assert_ptr_null(world_step(&w));
                ck_assert_uint_eq(world_view(&w, "x").resting, 10 * PAGE);
        }
}
END_TEST

START_TEST(audits_that_know_nothing) {
        SchemeConfig config = pageout_of("x");
        PlanResult *result;
        Plan *plan;
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        world_settle(&w, world_step(&w));
        plan = world_step(&w);
        result = plan_result_new(plan);
        result->audits[0].resident = 10 * PAGE; /* not known */
        ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
        plan_free(plan);
        plan_result_free(result);
        ck_assert_uint_eq(world_view(&w, "x").stats->refaulted, 0);
}
END_TEST

START_TEST(only_pageout_is_audited) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        config.action = ACTION_COLD;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        world_settle(&w, world_step(&w));
        ck_assert_ptr_null(world_step(&w));
}
END_TEST

START_TEST(ended_targets_are_not_audited) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        world_settle(&w, world_step(&w));
        w.targets[0].state = TARGET_ENDED;
        ck_assert_ptr_null(world_step(&w));
}
END_TEST

START_TEST(exec_begins_anew) {
        SchemeConfig config = pageout_of("x");
        WORLD;

        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        world_settle(&w, world_step(&w));
        w.targets[0].address_space = 2;
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 10 * PAGE);
}
END_TEST

START_TEST(the_monitor_sees_what_came_back) {
        SchemeConfig configs[] = { pageout_of("cold"), scheme_of("hot", ACTION_WILLNEED) };
        WORLD;

        configs[0].action = ACTION_COLD;
        configs[1].pattern.age_min = 60 * SEC;
        configs[1].pattern.rate_min = 0.5;
        world_configure(&w, configs, 2);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        world_add(&w, 0, 10, 20, 1, 100 * SEC);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 20 * PAGE);
        w.regions[0].hits = 20;
        ck_assert_ptr_null(world_step(&w));
        ck_assert_uint_eq(world_view(&w, "cold").backed_off, 10 * PAGE);
        ck_assert_uint_eq(world_view(&w, "cold").stats->returned, 10 * PAGE);
        /* for this one it is success */
        ck_assert_uint_eq(world_view(&w, "hot").backed_off, 0);
        w.regions[0].hits = 0;
        w.now += 60 * SEC;
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 10 * PAGE);
        w.now += 60 * SEC;
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 20 * PAGE);
}
END_TEST

/* What was only pretended to be done is all there, of course: that is no return. */
START_TEST(from_dry_run_to_deed) {
        SchemeConfig config = pageout_of("x");
        Plan *plan;
        WORLD;

        config.dry_run = true;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 10, 0, 100 * SEC);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 10 * PAGE);
        w.regions[0].end = 20 * PAGE;
        plan = world_step(&w); /* still pretending when … */
        world_check_item(plan, 0, 0, 10, 20);

        config.dry_run = false; /* … it becomes serious */
        world_configure(&w, &config, 1);
        world_settle(&w, plan);
        plan = world_step(&w);
        ck_assert_ptr_nonnull(plan);
        ck_assert_uint_eq(plan->n_audits, 0);
        ck_assert_uint_eq(plan->n_items, 1);
        world_check_item(plan, 0, 0, 0, 20);
        ck_assert_uint_eq(world_settle(&w, plan), 20 * PAGE);
        ck_assert_uint_eq(world_view(&w, "x").stats->would, 20 * PAGE);
        ck_assert_uint_eq(world_view(&w, "x").stats->tried, 20 * PAGE);

        /* and back: what was done rests on, and is not looked at any more */
        config.dry_run = true;
        world_configure(&w, &config, 1);
        ck_assert_ptr_null(world_step(&w));
        config.dry_run = false;
        world_configure(&w, &config, 1);
        audit(&w, 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("scheme-set-rests");
        TCase *tests = tcase_create("scheme-set-rests");

        tcase_add_test(tests, nothing_is_done_twice);
        tcase_add_test(tests, rests_are_as_long_as_the_longest_of_both);
        tcase_add_test(tests, audits_find_what_came_back);
        tcase_add_test(tests, audits_that_know_nothing);
        tcase_add_test(tests, only_pageout_is_audited);
        tcase_add_test(tests, ended_targets_are_not_audited);
        tcase_add_test(tests, exec_begins_anew);
        tcase_add_test(tests, the_monitor_sees_what_came_back);
        tcase_add_test(tests, from_dry_run_to_deed);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
