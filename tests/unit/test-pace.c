/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeping to a share of a CPU, against a model of what looking costs. */
#include <check.h>

#include "base/macro.h"
#include "base/rng.h"
#include "pace.h"

#define LOOK (2 * NSEC_PER_SEC)

/* What a daemon costs: a wake-up, a sample, and something that has nothing to do with either. */
typedef struct Model {
        double wakeup; /* ns */
        double sample; /* ns */
        double rest;   /* ns per second */
        double wanted; /* samples per second that the policy asks for; 0: all that the budget allows */
        uint32_t regions; /* one sample each per interval, where there is no budget */
} Model;

static unsigned windows; /* that ended in the last run() */

/* Runs for n looks under the limit; what the last half used of a CPU on average. */
static double run(const Model *model, bool budget, double limit, unsigned n, MonitorAttrs *attrs) {
        MonitorAttrs asked = *attrs;
        Pace pace = PACE_INITIAL;
        double sum = 0, average = 0;
        nsec_t open = 0;
        Rng rng;

        windows = 0;
        rng_init(&rng, 1);
        for (unsigned i = 0; i < n; i++) {
                double seconds = (double) LOOK / (double) NSEC_PER_SEC;
                double ticks = (double) LOOK / (double) attrs->sample, samples, cpu, noise = 0.9 + 0.2 * rng_unit(&rng);
                bool restart;

                samples = budget ? (double) attrs->samples_per_sec * seconds : model->regions * ticks;
                if (budget && attrs->samples_per_sec == 0)
                        samples = 50 * seconds;
                if (budget && model->wanted > 0)
                        samples = MIN(samples, model->wanted * seconds);
                cpu = (ticks * model->wakeup + samples * model->sample) * noise;
                pace_spent(&pace, (nsec_t) cpu, (uint64_t) samples);
                cpu += model->rest * seconds;
                average = average > 0 ? (average + cpu / (double) LOOK) / 2 : cpu / (double) LOOK;
                (void) pace_adjust(&pace, &asked, budget, average / limit, LOOK, attrs, &restart);
                open = restart ? 0 : open + LOOK;
                windows += (unsigned) (open / attrs->aggregate);
                open %= attrs->aggregate;
                ck_assert_int_eq(monitor_attrs_validate(attrs, NULL), 0);
                ck_assert_uint_ge(attrs->sample, asked.sample);
                ck_assert_uint_ge(attrs->aggregate, attrs->sample);
                if (i >= n / 2)
                        sum += cpu / (double) LOOK;
        }
        return sum / (n - n / 2);
}

static const Model models[] = {
        { .wakeup = 15e3, .sample = 3e3, .rest = 200e3, .regions = 1000 },
        { .wakeup = 150e3, .sample = 60e3, .rest = 500e3, .regions = 300 },
        { .wakeup = 15e3, .sample = 1e6, .rest = 100e3, .regions = 5 },
};

static const double limits[] = { 0.002, 0.01, 0.05 };

START_TEST(limit_is_kept) {
        const Model *model = &models[_i % 3];
        double limit = limits[_i / 3 % 3];

        for (unsigned budget = 0; budget < 2; budget++) {
                MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;
                double share, most;

                attrs.sample = 5 * NSEC_PER_MSEC;
                attrs.aggregate = 100 * NSEC_PER_MSEC;
                share = run(model, budget, limit, 400, &attrs);
                ck_assert_double_le(share, 1.1 * limit);

                /* and what may be used is used, where it is wanted */
                most = model->rest / 1e9 + model->wakeup / 5e6 +
                       model->sample / 1e9 * (budget ? PACE_SAMPLES_MAX : model->regions / 0.005);
                ck_assert_double_ge(share, 0.85 * MIN(limit, most));
        }
}
END_TEST

/* Without pressure everything is as it was asked for. */
START_TEST(nothing_to_limit) {
        const Model model = { .wakeup = 10e3, .sample = 3e3, .rest = 50e3, .regions = 20 };
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        ck_assert_double_le(run(&model, false, 0.05, 100, &attrs), 0.01);
        ck_assert_uint_eq(attrs.sample, MONITOR_ATTRS_DEFAULT.sample);
        ck_assert_uint_eq(attrs.aggregate, MONITOR_ATTRS_DEFAULT.aggregate);
}
END_TEST

/* A policy that wants little for long does not find a huge budget when it wants more again. */
START_TEST(no_wind_up) {
        const Model model = { .wakeup = 15e3, .sample = 3e3, .rest = 200e3, .wanted = 150 };
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        (void) run(&model, true, 0.01, 400, &attrs);
        ck_assert_uint_le(attrs.samples_per_sec, 300);
}
END_TEST

/* A limit below what waking up costs: intervals grow until it fits. */
START_TEST(tiny_limit) {
        const Model model = { .wakeup = 150e3, .sample = 60e3, .rest = 0 };
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        ck_assert_double_le(run(&model, true, 0.0005, 400, &attrs), 0.0006);
        ck_assert_uint_ge(attrs.sample, 500 * NSEC_PER_MSEC);
}
END_TEST

/* However dear a source is: intervals that are looked for begin no window anew before it has ended. */
START_TEST(windows_end) {
        const Model model = { .wakeup = 15e3, .sample = 8e6, .regions = 1 };
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        attrs.sample = 200 * NSEC_PER_MSEC;
        attrs.aggregate = NSEC_PER_SEC;
        (void) run(&model, false, 0.01, 30, &attrs);
        ck_assert_uint_ge(windows, 8);
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("pace");
        Suite *suite = suite_create("pace");
        SRunner *runner;
        int failed;

        tcase_add_loop_test(tcase, limit_is_kept, 0, 9);
        tcase_add_test(tcase, windows_end);
        tcase_add_test(tcase, nothing_to_limit);
        tcase_add_test(tcase, no_wind_up);
        tcase_add_test(tcase, tiny_limit);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
