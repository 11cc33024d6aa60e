/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of scheme sets: what is counted, and the log. */
#include "test-scheme-set.h"

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
        result->schemes[0].longest_cpu = 5;
        result->schemes[0].longest_lookup = 9;
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
        ck_assert_uint_eq(stats->longest_cpu, 5);
        ck_assert_uint_eq(stats->longest_lookup, 9);
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
        Suite *suite = suite_create("scheme-set-counts");
        TCase *tests = tcase_create("scheme-set-counts");

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
