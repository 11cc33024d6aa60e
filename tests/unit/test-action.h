/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An actor on a fake kernel, for the tests of lib/action. */
#pragma once

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"
#include "fake/act.h"
#include "kernel/kpage.h"
#include "kernel/pagemap.h"

#define PAGE UINT64_C(4096)
#define HUGE (FAKE_BLOCK * PAGE)

static Actor *actor;
static FakePlan plan;

static _unused_ void setup(void) {
        fake_kernel_init();
        fake_act_init();
        ck_assert_int_eq(actor_new(&fake.roots, &FAKE_IO, &FAKE_ACT_IO, &actor), 0);
}

static _unused_ void teardown(void) {
        fake_plan_deinit(&plan);
        actor = actor_free(actor);
        fake_act_deinit();
        fake_kernel_deinit();
}

/* A plan for one item. */
static _unused_ void plan_one(Action action, unsigned first, unsigned end) {
        fake_plan_deinit(&plan);
        fake_plan_init(&plan, action, 1);
        fake_plan_item(&plan, first, end);
}

static _unused_ PlanScheme *limits(void) {
        return &plan.plan->schemes[0];
}

static _unused_ const ItemResult *run(void) {
        fake_plan_run(&plan, actor);
        return &plan.result->items[0];
}

static _unused_ const SchemeResult *scheme_result(void) {
        return &plan.result->schemes[0];
}

static _unused_ const ItemResult *run_one(Action action, unsigned first, unsigned end) {
        plan_one(action, first, end);
        return run();
}

static _unused_ uint64_t error_count(int error) {
        for (size_t i = 0; i < PLAN_ERRORS_MAX; i++)
                if (scheme_result()->errors[i].error == error)
                        return scheme_result()->errors[i].count;
        return 0;
}

static _unused_ unsigned sum(const unsigned *counts) {
        unsigned all = 0;

        for (unsigned i = 0; i < FAKE_PAGES; i++)
                all += counts[i];
        return all;
}

static _unused_ int run_suite(TCase *cases, const char *name) {
        Suite *suite = suite_create(name);
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(cases, setup, teardown);
        suite_add_tcase(suite, cases);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
