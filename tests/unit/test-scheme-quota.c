/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of quotas: windows, charging, goals. How well the tuner does its work: tests/sim/test-quota.c. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/macro.h"
#include "base/rng.h"
#include "scheme/quota.h"

#define PAGE UINT64_C(4096)
#define MIB (UINT64_C(1) << 20)
#define SEC NSEC_PER_SEC
#define GOALS_MAX 3

/* What there is to read: a value for each goal; NAN: not readable. */
typedef struct Readings {
        const GoalConfig *goals;
        double values[GOALS_MAX];
        unsigned reads;
        double whole; /* that values are a share of */
} Readings;

static int read_value(void *userdata, const GoalConfig *goal, GoalReading *ret) {
        Readings *readings = userdata;
        double value = readings->values[goal - readings->goals];

        readings->reads++;
        if (isnan(value))
                return -EIO;
        *ret = (GoalReading) { value, readings->whole };
        return 0;
}

static int read_never(void *userdata, const GoalConfig *goal, GoalReading *ret) {
        ck_abort_msg("there is no goal");
        return -EIO;
}

static void state_init(QuotaState *state, const QuotaConfig *config) {
        ck_assert_int_eq(quota_state_init(state, config), 0);
}

/* ---- Windows ---- */

START_TEST(no_quota) {
        const QuotaConfig config = {};
        QuotaState state;

        state_init(&state, &config);
        quota_advance(&state, &config, 5 * SEC, read_never, NULL);
        quota_charge(&state, &config, UINT64_MAX, UINT64_MAX, NSEC_INFINITY);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), UINT64_MAX);
        ck_assert_uint_eq(quota_time_left(&state, &config), NSEC_INFINITY);
        ck_assert_uint_eq(quota_window_end(&state, &config), NSEC_INFINITY);
        ck_assert(!state.full);
        quota_state_deinit(&state);
}
END_TEST

/* Neither before the first window nor in it is there more than in any other. */
START_TEST(first_window_is_limited) {
        const QuotaConfig config = { .size = MIB, .time = SEC / 10, .reset_interval = SEC, .fail_charge = 1 };
        QuotaState state;

        state_init(&state, &config);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), MIB);
        ck_assert_uint_eq(quota_window_end(&state, &config), NSEC_INFINITY);
        quota_advance(&state, &config, 1234, read_never, NULL);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), MIB);
        ck_assert_uint_eq(quota_time_left(&state, &config), SEC / 10);
        ck_assert_uint_eq(quota_window_end(&state, &config), SEC + 1234);
        quota_charge(&state, &config, MIB / 2, MIB / 2, SEC / 20);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), MIB / 2);
        ck_assert_uint_eq(quota_time_left(&state, &config), SEC / 20);
        ck_assert(!state.full);
        quota_charge(&state, &config, MIB, MIB, SEC); /* more than there was */
        ck_assert_uint_eq(quota_bytes_left(&state, &config), 0);
        ck_assert_uint_eq(quota_time_left(&state, &config), 0);
        ck_assert(state.full);
        quota_state_deinit(&state);
}
END_TEST

START_TEST(windows_lie_on_a_grid) {
        const QuotaConfig config = { .size = MIB, .reset_interval = SEC, .fail_charge = 1 };
        QuotaState state;

        state_init(&state, &config);
        quota_advance(&state, &config, 10 * SEC, read_never, NULL);
        quota_charge(&state, &config, MIB, MIB, 0);
        quota_advance(&state, &config, 11 * SEC - 1, read_never, NULL); /* still the same one */
        ck_assert_uint_eq(quota_bytes_left(&state, &config), 0);
        ck_assert_uint_eq(state.exceeds, 0);
        quota_advance(&state, &config, 11 * SEC + 700, read_never, NULL);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), MIB);
        ck_assert_uint_eq(quota_window_end(&state, &config), 12 * SEC); /* being late moves nothing */
        ck_assert_uint_eq(state.exceeds, 1);
        quota_charge(&state, &config, PAGE, PAGE, 0);
        quota_advance(&state, &config, 19 * SEC + 700, read_never, NULL); /* seven were missed: no eightfold helping */
        ck_assert_uint_eq(quota_bytes_left(&state, &config), MIB);
        ck_assert_uint_eq(quota_window_end(&state, &config), 20 * SEC);
        ck_assert_uint_eq(state.exceeds, 1);
        quota_advance(&state, &config, 5 * SEC, read_never, NULL); /* a clock that goes back opens nothing */
        ck_assert_uint_eq(quota_window_end(&state, &config), 20 * SEC);
        state.full = true; /* somebody else knows that something had to wait */
        quota_advance(&state, &config, 20 * SEC, read_never, NULL);
        ck_assert_uint_eq(state.exceeds, 2);
        ck_assert(!state.full);
        quota_state_deinit(&state);
}
END_TEST

/* What validation refuses must do no harm either: one window for ever. */
START_TEST(no_interval) {
        const QuotaConfig config = { .size = MIB, .fail_charge = 1 };
        QuotaState state;

        state_init(&state, &config);
        for (nsec_t now = 0; now < 10 * SEC; now += SEC) {
                quota_advance(&state, &config, now, read_never, NULL);
                quota_charge(&state, &config, MIB / 4, MIB / 4, 1);
        }
        ck_assert_uint_eq(quota_bytes_left(&state, &config), 0);
        ck_assert_uint_eq(quota_window_end(&state, &config), NSEC_INFINITY);
        quota_state_deinit(&state);
}
END_TEST

START_TEST(charges) {
        static const struct {
                double fail_charge;
                uint64_t tried, applied, charged;
        } cases[] = {
                { 0, 10 * PAGE, 4 * PAGE, 4 * PAGE },
                { 1, 10 * PAGE, 4 * PAGE, 10 * PAGE },
                { 0.5, 10 * PAGE, 4 * PAGE, 7 * PAGE },
                { 0.1, 10 * PAGE, 0, PAGE },
                { 0.3, 10, 0, 3 },
                { 0.001, 10, 0, 1 }, /* rounded up: never for nothing */
                { 0.5, 0, 0, 0 },
                { 1, PAGE, 3 * PAGE, 3 * PAGE }, /* a huge page that went as a whole */
                { 1, UINT64_MAX, 1, UINT64_MAX },
                { 1, UINT64_MAX, UINT64_MAX, UINT64_MAX },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                QuotaConfig config = { .size = MIB, .reset_interval = SEC, .fail_charge = cases[i].fail_charge };
                QuotaState state;

                state_init(&state, &config);
                quota_advance(&state, &config, SEC, read_never, NULL);
                quota_charge(&state, &config, cases[i].tried, cases[i].applied, 7);
                ck_assert_msg(state.charged == cases[i].charged, "case %zu: %lu", i, (unsigned long) state.charged);
                quota_charge(&state, &config, UINT64_MAX, UINT64_MAX, NSEC_INFINITY);
                ck_assert_uint_eq(state.charged, UINT64_MAX); /* it does not wrap around */
                ck_assert_uint_eq(state.charged_time, NSEC_INFINITY);
                quota_state_deinit(&state);
        }
}
END_TEST

START_TEST(throughput_spreads_the_time) {
        const QuotaConfig config = { .time = SEC / 100, .reset_interval = SEC };
        QuotaState state;

        state_init(&state, &config);
        quota_advance(&state, &config, 0, read_never, NULL);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), UINT64_MAX); /* nothing is known yet */
        quota_charge(&state, &config, 10 * MIB, 10 * MIB, SEC / 200);
        quota_advance(&state, &config, SEC, read_never, NULL);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), 20 * MIB);
        quota_charge(&state, &config, 10 * MIB, 10 * MIB, SEC / 100);
        quota_advance(&state, &config, 2 * SEC, read_never, NULL);
        ck_assert_uint_eq((quota_bytes_left(&state, &config) + 1) / MIB, 17); /* 20 + 0.3 (10 - 20) */
        quota_advance(&state, &config, 3 * SEC, read_never, NULL); /* idle windows say nothing */
        quota_charge(&state, &config, MIB, MIB, 0);
        quota_advance(&state, &config, 4 * SEC, read_never, NULL);
        quota_charge(&state, &config, MIB, 0, SEC / 100);
        quota_advance(&state, &config, 5 * SEC, read_never, NULL);
        ck_assert_uint_eq((quota_bytes_left(&state, &config) + 1) / MIB, 17);
        /* however slow it was: a page remains, from which it recovers */
        for (unsigned i = 6; i < 60; i++) {
                quota_charge(&state, &config, 1, 1, SEC);
                quota_advance(&state, &config, i * SEC, read_never, NULL);
        }
        ck_assert_uint_eq(quota_bytes_left(&state, &config), PAGE);
        for (unsigned i = 60; i < 120; i++) {
                quota_charge(&state, &config, quota_bytes_left(&state, &config), quota_bytes_left(&state, &config), 1000);
                quota_advance(&state, &config, i * SEC, read_never, NULL);
        }
        ck_assert_uint_gt(quota_bytes_left(&state, &config), 10 * MIB);
        quota_state_deinit(&state);
}
END_TEST

/* ---- Goals ---- */

START_TEST(goal_values) {
        static const struct {
                GoalMetric metric;
                double target, value, score;
        } cases[] = {
                { GOAL_USER_INPUT, 100, 50, 0.5 },    { GOAL_NODE_MEM_FREE, 0.5, 0.75, 1.5 },
                { GOAL_REFAULT_RATE, 0.02, 0, 0 },    { GOAL_RSS, 1e9, 2e9, 0.5 },
                { GOAL_RSS, 1e9, 5e8, 2 },            { GOAL_RSS_TO_WSS, 1.5, 3, 0.5 },
                { GOAL_RSS, 1e9, 0, GOAL_SCORE_MAX }, { GOAL_USER_INPUT, 1, 1e300, GOAL_SCORE_MAX },
                { GOAL_USER_INPUT, 0, 0, GOAL_SCORE_MAX }, /* an impossible target is never aimed at */
                { GOAL_USER_INPUT, 1, NAN, -1 },      { GOAL_USER_INPUT, 1, INFINITY, -1 },
                { GOAL_USER_INPUT, 1, -1, -1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                GoalConfig config = { .metric = cases[i].metric, .target = cases[i].target };
                Readings readings = { &config, { cases[i].value }, 0 };
                GoalState state = {};

                goal_update(&state, &config, SEC, SEC, read_value, &readings);
                ck_assert_msg(fabs(state.score - cases[i].score) < 1e-9, "case %zu: %g", i, state.score);
                ck_assert_double_eq(state.current, cases[i].score < 0 ? -1 : cases[i].value);
        }
}
END_TEST

static double psi_step(GoalState *state, const GoalConfig *config, nsec_t now, double total) {
        Readings readings = { config, { total }, 0 };

        goal_update(state, config, SEC, now, read_value, &readings);
        return state->score;
}

START_TEST(goal_counters) {
        const GoalConfig config = { .metric = GOAL_SOME_MEM_PSI, .target = 1e7 };
        GoalState state = {};

        ck_assert_double_eq(psi_step(&state, &config, SEC, 9e15), -1); /* since boot: only primes */
        ck_assert_double_eq_tol(psi_step(&state, &config, 2 * SEC, 9e15 + 5e6), 0.5, 1e-9);
        ck_assert_double_eq_tol(psi_step(&state, &config, 6 * SEC, 9e15 + 45e6), 1, 1e-9); /* four windows: scaled to one */
        ck_assert_double_eq_tol(state.current, 1e7, 1);
        ck_assert_double_eq_tol(psi_step(&state, &config, 6 * SEC + SEC / 2, 9e15 + 55e6), 2, 1e-9);
        ck_assert_double_eq(psi_step(&state, &config, 7 * SEC, NAN), -1);
        ck_assert_double_eq_tol(psi_step(&state, &config, 8 * SEC + SEC / 2, 9e15 + 75e6), 1, 1e-9); /* nothing is lost */
        ck_assert_double_eq(psi_step(&state, &config, 9 * SEC, 100), -1); /* it was reset */
        ck_assert_double_eq_tol(psi_step(&state, &config, 10 * SEC, 100 + 1e7), 1, 1e-9);
        ck_assert_double_eq(psi_step(&state, &config, 10 * SEC, 100 + 2e7), -1); /* no time has passed */
        for (int metric = 0; metric < _GOAL_METRIC_MAX; metric++)
                ck_assert_int_eq(goal_is_counter(metric), strstr(goal_metric_name(metric), "_psi_us") != NULL);
}
END_TEST

static GoalConfig goals[GOALS_MAX] = {
        { .metric = GOAL_USER_INPUT, .target = 10 },
        { .metric = GOAL_SOME_MEM_PSI, .target = 1e7 },
        { .metric = GOAL_NODE_MEM_FREE, .target = 0.5 },
};

static QuotaConfig tuned_config(size_t n_goals) {
        return (QuotaConfig) { .size = 64 * MIB, .reset_interval = SEC, .fail_charge = 1, .goals = goals, .n_goals = n_goals };
}

/* The quota is used up, and the next window opens. */
static uint64_t next_window(QuotaState *state, const QuotaConfig *config, Readings *readings, nsec_t *now) {
        uint64_t left = quota_bytes_left(state, config);

        quota_charge(state, config, left, left, 0);
        *now += SEC;
        quota_advance(state, config, *now, read_value, readings);
        return quota_bytes_left(state, config);
}

START_TEST(the_highest_score_decides) {
        QuotaConfig config = tuned_config(3);
        Readings readings = { goals, { 1, 5, 0.25 }, 0 };
        nsec_t now = SEC;
        QuotaState state;

        state_init(&state, &config);
        ck_assert_double_eq(state.score, -1);
        quota_advance(&state, &config, now, read_value, &readings);
        ck_assert_uint_eq(readings.reads, 3);
        ck_assert_double_eq(state.score, 0.5); /* PSI is not known yet */
        readings.values[1] += 2e7;
        (void) next_window(&state, &config, &readings, &now);
        ck_assert_double_eq_tol(state.score, 2, 1e-9);
        readings.values[0] = NAN;
        readings.values[1] = NAN;
        (void) next_window(&state, &config, &readings, &now);
        ck_assert_double_eq(state.score, 0.5);
        ck_assert_double_eq(state.goals[0].score, -1);
        readings.values[2] = NAN;
        (void) next_window(&state, &config, &readings, &now);
        ck_assert_double_eq(state.score, -1);
        quota_state_deinit(&state);
}
END_TEST

/* From size / 256 by doubling, once something is known; never above the size quota, never below a page. */
START_TEST(consist_start_and_bounds) {
        QuotaConfig config = tuned_config(1);
        Readings readings = { goals, { NAN }, 0 };
        nsec_t now = SEC;
        QuotaState state;

        state_init(&state, &config);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), MIB / 4);
        quota_advance(&state, &config, now, read_value, &readings);
        for (unsigned i = 0; i < 5; i++)
                ck_assert_uint_eq(next_window(&state, &config, &readings, &now), MIB / 4);
        readings.values[0] = 0;
        ck_assert_uint_eq(next_window(&state, &config, &readings, &now), MIB / 2);
        for (unsigned i = 0; i < 40; i++)
                ck_assert_uint_le(next_window(&state, &config, &readings, &now), 64 * MIB);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), 64 * MIB);
        readings.values[0] = 1e9;
        for (unsigned i = 0; i < 60; i++)
                ck_assert_uint_ge(next_window(&state, &config, &readings, &now), PAGE);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), PAGE);
        quota_state_deinit(&state);
}
END_TEST

/* A goal that cannot be read any more, such as that of a cgroup that was removed: what was found is good for a while
 * only. One reading begins the while anew. */
START_TEST(unknown_for_long) {
        for (Tuner tuner = TUNER_CONSIST; tuner <= TUNER_TEMPORAL; tuner++) {
                QuotaConfig config = tuned_config(1);
                Readings readings = { goals, { 0 }, 0 };
                nsec_t now = SEC;
                QuotaState state;

                config.tuner = tuner;
                state_init(&state, &config);
                quota_advance(&state, &config, now, read_value, &readings);
                for (unsigned i = 0; i < 40; i++)
                        (void) next_window(&state, &config, &readings, &now);
                for (unsigned k = 0; k < 2; k++) {
                        readings.values[0] = NAN;
                        for (unsigned i = 0; i < 9; i++)
                                ck_assert_uint_eq(next_window(&state, &config, &readings, &now), 64 * MIB);
                        readings.values[0] = 0;
                        if (k == 0)
                                ck_assert_uint_eq(next_window(&state, &config, &readings, &now), 64 * MIB);
                }
                readings.values[0] = NAN;
                for (unsigned i = 0; i < 20; i++)
                        ck_assert_uint_eq(next_window(&state, &config, &readings, &now), MIB / 4);
                readings.values[0] = 0;
                ck_assert_uint_eq(next_window(&state, &config, &readings, &now), tuner == TUNER_CONSIST ? MIB / 2 : 64 * MIB);
                quota_state_deinit(&state);
        }
}
END_TEST

/* The score goes on rising with nothing more being done: it is judged as what it will be. */
START_TEST(drift_is_anticipated) {
        QuotaConfig config = tuned_config(1);
        Readings readings = { goals, { 0 }, 0 };
        nsec_t now = SEC;
        QuotaState state;
        uint64_t before;

        state_init(&state, &config);
        quota_advance(&state, &config, now, read_value, &readings);
        for (unsigned i = 0; i < 40; i++)
                (void) next_window(&state, &config, &readings, &now);
        before = quota_bytes_left(&state, &config);
        readings.values[0] = goals[0].target * 0.5;
        (void) next_window(&state, &config, &readings, &now);
        readings.values[0] = goals[0].target * 0.8;
        ck_assert_uint_lt(next_window(&state, &config, &readings, &now), before);
        quota_state_deinit(&state);
}
END_TEST

START_TEST(consist_starts) {
        static const uint64_t sizes[][2] = {
                { PAGE, PAGE }, { 100 * PAGE, PAGE }, { 512 * PAGE, 2 * PAGE }, { UINT64_MAX, UINT64_MAX >> 8 }, { 0, MIB },
        };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                QuotaConfig config = tuned_config(1);
                Readings readings = { goals, { 0 }, 0 };
                QuotaState state;

                config.size = sizes[i][0];
                config.time = SEC;
                state_init(&state, &config);
                quota_advance(&state, &config, 0, read_value, &readings); /* known at once, but the first is not tuned */
                ck_assert_uint_ge(quota_bytes_left(&state, &config), sizes[i][1] / 1024 * 1023);
                ck_assert_uint_le(quota_bytes_left(&state, &config), sizes[i][1] + 1);
                for (nsec_t now = SEC; now < 300 * SEC; now += SEC) { /* no arithmetic breaks, whatever is used */
                        quota_charge(&state, &config, quota_bytes_left(&state, &config), quota_bytes_left(&state, &config), 0);
                        quota_advance(&state, &config, now, read_value, &readings);
                        ck_assert(sizes[i][0] == 0 || quota_bytes_left(&state, &config) <= sizes[i][0]);
                }
                quota_state_deinit(&state);
        }
}
END_TEST

/* A quota that is not used does not grow beyond what lets huge pages in; and not at all with nothing to do. */
START_TEST(consist_without_use) {
        QuotaConfig config = tuned_config(1);
        Readings readings = { goals, { 0 }, 0 };
        QuotaState state;
        uint64_t start;

        state_init(&state, &config);
        start = quota_bytes_left(&state, &config);
        for (unsigned i = 0; i < 50; i++)
                quota_advance(&state, &config, i * SEC, read_value, &readings);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), start);
        for (unsigned i = 50; i < 100; i++) {
                quota_advance(&state, &config, i * SEC, read_value, &readings);
                state.wanted = true;
        }
        ck_assert_uint_eq(quota_bytes_left(&state, &config), 4 * MIB);
        state.full = true; /* something had to wait, though little was charged */
        quota_advance(&state, &config, 100 * SEC, read_value, &readings);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), 8 * MIB);
        quota_state_deinit(&state);
}
END_TEST

START_TEST(temporal) {
        QuotaConfig config = tuned_config(2);
        Readings readings = { goals, { NAN, 7e9 }, 0 };
        nsec_t now = SEC;
        QuotaState state;

        config.tuner = TUNER_TEMPORAL;
        state_init(&state, &config);
        quota_advance(&state, &config, now, read_value, &readings);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), MIB / 4); /* nothing is known: carefully */
        readings.values[0] = 9;
        ck_assert_uint_eq(next_window(&state, &config, &readings, &now), 64 * MIB);
        readings.values[0] = 10;
        ck_assert_uint_eq(next_window(&state, &config, &readings, &now), 0);
        readings.values[0] = readings.values[1] = NAN;
        ck_assert_uint_eq(next_window(&state, &config, &readings, &now), 0); /* as it was */
        readings.values[0] = 0;
        ck_assert_uint_eq(next_window(&state, &config, &readings, &now), 64 * MIB);
        quota_state_deinit(&state);

        config.size = 0;
        config.time = SEC / 10;
        state_init(&state, &config);
        quota_advance(&state, &config, 0, read_value, &readings);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), UINT64_MAX); /* only the time limits it */
        readings.values[0] = 11;
        quota_advance(&state, &config, SEC, read_value, &readings);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), 0); /* not: "no quota" */
        quota_state_deinit(&state);
}
END_TEST

START_TEST(temporal_takes_no_more_than_is_missing) {
        GoalConfig goal = { .metric = GOAL_NODE_MEM_FREE, .target = 0.05 };
        QuotaConfig config = { .size = 64 * MIB, .reset_interval = SEC, .tuner = TUNER_TEMPORAL, .goals = &goal, .n_goals = 1 };
        Readings readings = { &goal, { 0.01 }, 0, 1000 * MIB };
        nsec_t now = SEC;
        QuotaState state;

        state_init(&state, &config);
        quota_advance(&state, &config, now, read_value, &readings);
        ck_assert_uint_le(quota_bytes_left(&state, &config), 40 * MIB);
        ck_assert_uint_ge(quota_bytes_left(&state, &config), 40 * MIB - 1);
        readings.values[0] = 0.0499;
        ck_assert_uint_eq(next_window(&state, &config, &readings, &now), 2 * MIB); /* a huge page fits in */
        readings.values[0] = 0.05;
        ck_assert_uint_eq(next_window(&state, &config, &readings, &now), 0);
        readings.whole = 1000000 * MIB; /* the quota is less than that */
        readings.values[0] = 0.02;
        ck_assert_uint_eq(next_window(&state, &config, &readings, &now), 64 * MIB);
        readings.whole = 0; /* no matter of bytes */
        ck_assert_uint_eq(next_window(&state, &config, &readings, &now), 64 * MIB);

        /* consist feels its way, whatever is missing */
        config.tuner = TUNER_CONSIST;
        readings.whole = 1000 * MIB;
        readings.values[0] = 0.0499;
        quota_state_deinit(&state);
        state_init(&state, &config);
        now = SEC;
        quota_advance(&state, &config, now, read_value, &readings);
        ck_assert_uint_eq(quota_bytes_left(&state, &config), MIB / 4);
        quota_state_deinit(&state);
}
END_TEST

/* Whatever the quota, the times and the charges: what is done never exceeds the limits in any window, as long as
 * nobody does more than what is left; and windows neither overlap nor leave a gap. */
START_TEST(random_walk) {
        uint64_t seed = 300 + (uint64_t) _i;
        nsec_t now, end = 0;
        QuotaConfig config;
        QuotaState state;
        Readings readings = { goals, { 5, 0, 0.25 }, 0 };
        Rng rng;

        rng_init(&rng, seed);
        config = tuned_config(rng_below(&rng, 4));
        config.size = rng_below(&rng, 4) > 0 ? PAGE << rng_below(&rng, 20) : 0;
        config.time = rng_below(&rng, 2) || config.size == 0 ? 1 + rng_below(&rng, SEC) : 0;
        config.fail_charge = rng_unit(&rng);
        config.tuner = rng_below(&rng, 2) ? TUNER_CONSIST : TUNER_TEMPORAL;
        now = rng_below(&rng, 1000 * SEC);
        state_init(&state, &config);

        for (unsigned i = 0; i < 3000; i++) {
                uint64_t bytes, tried, applied;
                nsec_t time;

                now += rng_below(&rng, rng_below(&rng, 50) ? SEC / 2 : 10 * SEC);
                readings.values[0] = rng_below(&rng, 10) ? 20 * rng_unit(&rng) : NAN;
                readings.values[1] = rng_below(&rng, 50) ? readings.values[1] + 2e7 * rng_unit(&rng) : 0;
                quota_advance(&state, &config, now, read_value, &readings);
                ck_assert(now >= state.window_start && now < quota_window_end(&state, &config));
                if (end != 0 && quota_window_end(&state, &config) != end) {
                        ck_assert_uint_ge(state.window_start, end);
                        ck_assert_uint_eq((state.window_start - end) % SEC, 0);
                        ck_assert_uint_eq(state.charged, 0);
                }
                end = quota_window_end(&state, &config);

                bytes = MIN(quota_bytes_left(&state, &config), UINT64_C(1) << 40);
                time = MIN(quota_time_left(&state, &config), SEC);
                tried = rng_below(&rng, bytes + 1);
                applied = rng_below(&rng, tried + 1);
                quota_charge(&state, &config, tried, applied, rng_below(&rng, time + 1));
                if (config.size > 0) {
                        ck_assert_msg(state.effective <= config.size, "seed %lu", (unsigned long) seed);
                        ck_assert_msg(state.charged + quota_bytes_left(&state, &config) <= state.effective, "seed %lu", (unsigned long) seed);
                }
                if (config.time > 0)
                        ck_assert_uint_le(state.charged_time + quota_time_left(&state, &config), config.time);
        }
        quota_state_deinit(&state);
}
END_TEST

/* ---- Memory ---- */

/* What was used up stays used up, in the same window and in no other. */
START_TEST(recall_window) {
        const QuotaConfig config = { .size = 64 * MIB, .time = 100 * NSEC_PER_MSEC, .reset_interval = 10 * SEC };
        QuotaState before, after, later;
        QuotaMemory memory;

        state_init(&before, &config);
        quota_advance(&before, &config, 5 * SEC, read_never, NULL);
        quota_charge(&before, &config, 48 * MIB, 48 * MIB, 30 * NSEC_PER_MSEC);
        before.exceeds = 3;
        memory = quota_remember(&before);

        state_init(&after, &config);
        quota_recall(&after, &config, &memory, 9 * SEC);
        ck_assert_uint_eq(quota_bytes_left(&after, &config), quota_bytes_left(&before, &config));
        ck_assert_uint_eq(quota_time_left(&after, &config), 70 * NSEC_PER_MSEC);
        ck_assert_uint_eq(quota_window_end(&after, &config), 15 * SEC);
        ck_assert_uint_eq(after.exceeds, 3);
        quota_advance(&after, &config, 16 * SEC, read_never, NULL);
        ck_assert_uint_eq(after.charged, 0);
        ck_assert_uint_eq(quota_window_end(&after, &config), 25 * SEC);

        /* the clock of another boot: there is no such window */
        state_init(&later, &config);
        quota_recall(&later, &config, &memory, 2 * SEC);
        ck_assert(!later.started);
        memory.has_window = false;
        quota_recall(&later, &config, &memory, 9 * SEC);
        ck_assert(!later.started);
        ck_assert_uint_eq(quota_bytes_left(&later, &config), 64 * MIB);

        /* all of it spent: it had to wait, whoever asks */
        memory = quota_remember(&before);
        memory.charged = 64 * MIB;
        quota_recall(&later, &config, &memory, 9 * SEC);
        ck_assert(later.full);
        ck_assert_uint_eq(quota_bytes_left(&later, &config), 0);
        quota_state_deinit(&before);
        quota_state_deinit(&after);
        quota_state_deinit(&later);
}
END_TEST

START_TEST(recall_tuned_size) {
        GoalConfig goal = { .metric = GOAL_USER_INPUT, .target = 1 };
        QuotaConfig config = { .size = 64 * MIB, .reset_interval = SEC, .goals = &goal, .n_goals = 1 };
        static const double cases[][2] = {
                { 5.0 * (1 << 20), 5.0 * (1 << 20) }, { 1e18, 64.0 * (1 << 20) }, { NAN, 64.0 * (1 << 12) },
                { 0, 64.0 * (1 << 12) }, { -1, 64.0 * (1 << 12) }, { INFINITY, 64.0 * (1 << 20) },
        };
        QuotaMemory memory = { .has_tuned = true, .tuned = cases[_i][0],
                               .feedback = { .gain = _i % 2 ? 50 : 0.5, .side = 100, .owed = 1e300, .judged_tuned = 4096 } };
        QuotaState state;

        state_init(&state, &config);
        quota_recall(&state, &config, &memory, SEC);
        ck_assert_double_eq(state.tuned, cases[_i][1]);
        ck_assert_uint_eq(state.effective, (uint64_t) cases[_i][1]);
        ck_assert(state.feedback.gain >= 1.0 / 32 && state.feedback.gain <= 1);
        ck_assert_int_le(state.feedback.side, 1);
        ck_assert_double_eq(state.feedback.owed, 0);
        quota_state_deinit(&state);

        memory.has_tuned = false;
        state_init(&state, &config);
        quota_recall(&state, &config, &memory, SEC);
        ck_assert_uint_eq(state.effective, 64 * MIB / 256);
        quota_state_deinit(&state);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("scheme-quota");
        TCase *tests = tcase_create("quota");
        SRunner *runner;
        int failed;

        tcase_add_test(tests, no_quota);
        tcase_add_test(tests, first_window_is_limited);
        tcase_add_test(tests, windows_lie_on_a_grid);
        tcase_add_test(tests, no_interval);
        tcase_add_test(tests, charges);
        tcase_add_test(tests, throughput_spreads_the_time);
        tcase_add_test(tests, goal_values);
        tcase_add_test(tests, goal_counters);
        tcase_add_test(tests, the_highest_score_decides);
        tcase_add_test(tests, consist_start_and_bounds);
        tcase_add_test(tests, unknown_for_long);
        tcase_add_test(tests, drift_is_anticipated);
        tcase_add_test(tests, consist_starts);
        tcase_add_test(tests, consist_without_use);
        tcase_add_test(tests, temporal);
        tcase_add_test(tests, temporal_takes_no_more_than_is_missing);
        tcase_add_loop_test(tests, random_walk, 0, 50);
        tcase_add_test(tests, recall_window);
        tcase_add_loop_test(tests, recall_tuned_size, 0, 6);
        suite_add_tcase(suite, tests);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
