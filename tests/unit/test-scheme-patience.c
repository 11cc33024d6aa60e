/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of patience: what came back teaches about the rest of a target. */
#include "scheme/ledger.h"
#include "test-scheme-set.h"

#define PAGES_MIB 256 /* pages of 1 MiB */

/* Of target 1: so many MiB from `first` on were taken at `now`. */
static void take(Ledger *ledger, uint64_t first, uint64_t mib, nsec_t now) {
        LedgerEntry entry = {
                .target = 1, .address_space = 1, .start = first * MIB, .end = (first + mib) * MIB, .acted = now,
                .rest = 5 * SEC, .applied = mib * MIB,
        };

        ck_assert_int_eq(ledger_add(ledger, &entry, NULL), 0);
}

static void come_back(Ledger *ledger, uint64_t first, uint64_t mib, uint64_t resident, nsec_t now) {
        (void) ledger_audit(ledger, 1, first * MIB, (first + mib) * MIB, resident * MIB, now, true);
}

START_TEST(nothing_is_known_of_nothing) {
        _cleanup_(ledger_deinit) Ledger ledger = {};

        ck_assert_uint_eq(ledger_patience(&ledger, 1, 0), 0);
        take(&ledger, 0, 100, 10 * SEC);
        ck_assert_uint_eq(ledger_patience(&ledger, 1, 10 * SEC), 0);
        ck_assert_uint_eq(ledger_patience(&ledger, 1, 30 * SEC), 0); /* it stays away */
        ck_assert_uint_eq(ledger_patience(&ledger, 1, 0), 0);        /* before its time */
}
END_TEST

/* Half of 99 MiB (and 1 MiB that says nothing): idle four times as long. */
START_TEST(grows_with_the_share) {
        static const struct {
                uint64_t back; /* of 99 MiB */
                nsec_t patience;
        } cases[] = {
                { 0, 0 }, { 9, 0 }, { 10, 6172 * NSEC_PER_MSEC + 839506 }, { 50, 20 * SEC },
                { 75, 80 * SEC }, { 87, 295857 * NSEC_PER_MSEC }, { 88, 320 * SEC }, { 99, 320 * SEC },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(ledger_deinit) Ledger ledger = {};
                nsec_t patience;

                take(&ledger, 0, 99, 0);
                come_back(&ledger, 0, 99, cases[i].back, 6 * SEC);
                /* its rest may have become longer, but not what patience is counted in */
                patience = ledger_patience(&ledger, 1, 6 * SEC) / NSEC_PER_MSEC;
                ck_assert_msg(llabs((long long) patience - (long long) (cases[i].patience / NSEC_PER_MSEC)) <= 1,
                              "case %zu: %lu ms", i, (unsigned long) patience);
        }
}
END_TEST

START_TEST(what_had_no_time_yet_does_not_count) {
        _cleanup_(ledger_deinit) Ledger ledger = {};

        take(&ledger, 0, 9, 0);
        come_back(&ledger, 0, 9, 5, 2 * SEC);
        ck_assert_uint_eq(ledger_patience(&ledger, 1, 2 * SEC), 20 * SEC); /* what is back is back */
        take(&ledger, 1000, 90, 3 * SEC);
        ck_assert_uint_eq(ledger_patience(&ledger, 1, 8 * SEC - 1), 20 * SEC);
        ck_assert_uint_eq(ledger_patience(&ledger, 1, 8 * SEC), 0); /* 5 % of all that had the time */
}
END_TEST

START_TEST(of_one_target_only) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        LedgerEntry other = {
                .target = 2, .address_space = 1, .start = 0, .end = 900 * MIB, .rest = 60 * SEC, .applied = 900 * MIB,
        };

        take(&ledger, 0, 9, 0);
        come_back(&ledger, 0, 9, 5, 6 * SEC);
        ck_assert_int_eq(ledger_add(&ledger, &other, NULL), 0);
        ck_assert_uint_eq(ledger_patience(&ledger, 1, 6 * SEC), 20 * SEC);
        ck_assert_uint_eq(ledger_patience(&ledger, 2, 100 * SEC), 0);
        ck_assert_uint_eq(ledger_patience(&ledger, 3, 100 * SEC), 0);
}
END_TEST

START_TEST(little_says_little) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        LedgerEntry page = {
                .target = 1, .address_space = 1, .start = 0, .end = PAGE, .rest = 5 * SEC, .applied = PAGE,
        };

        ck_assert_int_eq(ledger_add(&ledger, &page, NULL), 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, PAGE, PAGE, SEC, true), PAGE);
        ck_assert_uint_eq(ledger_patience(&ledger, 1, SEC), 0);
}
END_TEST

START_TEST(pretended_and_forgotten_say_nothing) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        Snapshot *snapshot = snapshot_new(1, 0);
        LedgerEntry pretended = {
                .target = 1, .address_space = 1, .start = 0, .end = 90 * MIB, .rest = 5 * SEC, .applied = 90 * MIB,
                .pretended = true,
        };

        ck_assert_int_eq(ledger_add(&ledger, &pretended, NULL), 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 90 * MIB, 90 * MIB, SEC, true), 90 * MIB);
        ck_assert_uint_eq(ledger_patience(&ledger, 1, 60 * SEC), 0);

        take(&ledger, 100, 9, 0);
        come_back(&ledger, 100, 9, 5, 6 * SEC);
        ck_assert_uint_eq(ledger_patience(&ledger, 1, 6 * SEC), 20 * SEC);
        snapshot->targets[0] = (SnapshotTarget) { .id = 1, .pid = 7, .address_space = 1 };
        ledger_expire(&ledger, snapshot, 1000 * SEC);
        ck_assert_uint_eq(ledger_patience(&ledger, 1, 1000 * SEC), 0);
        snapshot_unref(snapshot);
}
END_TEST

/* In a set: once half of what it took is back, memory that has been idle for long enough by the pattern is left alone
 * until it has been idle for longer; it matches nevertheless. */
START_TEST(schemes_wait_longer) {
        SchemeConfig config = pageout_of("x");
        Plan *plan;
        PlanResult *result;
        WORLD;

        config.pattern.age_min = 5 * SEC;
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 9 * PAGES_MIB, 0, 100 * SEC);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 9 * MIB);

        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_audits, 1);
        result = plan_result_new(plan);
        result->audits[0] = (AuditResult) { true, 5 * MIB };
        ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
        plan_free(plan);
        plan_result_free(result);

        world_add(&w, 0, 100 * PAGES_MIB, 101 * PAGES_MIB, 0, 10 * SEC); /* of the 20 s that it takes now */
        plan = world_step(&w);
        ck_assert_uint_eq(world_planned(plan), 0);
        plan_free(plan);
        ck_assert_uint_eq(world_view(&w, "x").stats->matched, 10 * MIB);

        world_add(&w, 0, 200 * PAGES_MIB, 201 * PAGES_MIB, 0, 20 * SEC);
        plan = world_step(&w);
        ck_assert_uint_eq(world_planned(plan), MIB);
        plan_free(plan);
}
END_TEST

/* Of memory that came back before and has been idle for half as long as patience asks: what a goal makes of it after so
 * many snapshots. */
static uint64_t planned_with_goal(double current, unsigned snapshots) {
        GoalConfig goal = { .metric = GOAL_USER_INPUT, .target = 100, .current = current };
        SchemeConfig config = pageout_of("x");
        uint64_t planned = 0;
        PlanResult *result;
        Plan *plan;
        WORLD;

        config.pattern.age_min = 5 * SEC;
        config.quota = (QuotaConfig) { .size = 64 * MIB, .reset_interval = SEC, .goals = &goal, .n_goals = 1, .tuner = TUNER_TEMPORAL };
        world_configure(&w, &config, 1);
        world_add(&w, 0, 0, 9 * PAGES_MIB, 0, 100 * SEC);
        ck_assert_int_eq(scheme_set_input(w.set, "x", 50), 0);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 9 * MIB);
        plan = world_step(&w);
        result = plan_result_new(plan);
        result->audits[0] = (AuditResult) { true, 5 * MIB };
        ck_assert_int_eq(scheme_set_settle(w.set, plan, result, w.now), 0);
        plan_free(plan);
        plan_result_free(result);

        ck_assert_int_eq(scheme_set_input(w.set, "x", current), 0);
        world_add(&w, 0, 100 * PAGES_MIB, 101 * PAGES_MIB, 0, 10 * SEC);
        for (unsigned i = 0; i < snapshots; i++) {
                plan = world_step(&w);
                planned += world_planned(plan);
                plan_free(plan);
        }
        return planned;
}

/* Where a goal asks for more and nothing but patience is in the way, it gives way, slowly. */
START_TEST(goals_wear_patience_down) {
        ck_assert_uint_eq(planned_with_goal(50, 4), 0);
        ck_assert_uint_gt(planned_with_goal(50, 8), 0);
        ck_assert_uint_eq(planned_with_goal(100, 8), 0);
        ck_assert_uint_eq(planned_with_goal(200, 8), 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("scheme-patience");
        TCase *tests = tcase_create("patience");

        tcase_add_test(tests, nothing_is_known_of_nothing);
        tcase_add_test(tests, grows_with_the_share);
        tcase_add_test(tests, what_had_no_time_yet_does_not_count);
        tcase_add_test(tests, of_one_target_only);
        tcase_add_test(tests, little_says_little);
        tcase_add_test(tests, pretended_and_forgotten_say_nothing);
        tcase_add_test(tests, schemes_wait_longer);
        tcase_add_test(tests, goals_wear_patience_down);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
