/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actor when it goes wrong: every error number, half-done calls, processes that end or change. */
#include "test-action.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Small pages with gaps: 2 of 4. */
static void map_fragments(unsigned first, unsigned end) {
        for (; first < end; first++)
                if (first % 4 < 2)
                        fake_map(first, 100 + first);
}

static void fail_once(int error, unsigned after) {
        fake_act.error = -error;
        fake_act.error_count = 1;
        fake_act.error_after = after;
}

START_TEST(one_call_fails) {
        const int errors[] = { EBADF, EFAULT, EIO, EBUSY, ENOSPC, EOVERFLOW };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                const ItemResult *r;

                map_fragments(0, 64);
                plan_one(ACTION_COLD, 0, 64);
                fail_once(errors[i], 0);
                r = run();
                /* the first range of the first call, the rest goes on */
                ck_assert_uint_eq(r->others[OUTCOME_FAILED], 2 * PAGE);
                ck_assert_uint_eq(r->tried, 30 * PAGE);
                ck_assert_uint_eq(error_count(errors[i]), 1);
                ck_assert_uint_eq(fake_act.handed[0], 0);
                ck_assert_uint_eq(fake_act.handed[4], i + 1);
        }
}
END_TEST

START_TEST(every_call_fails) {
        const ItemResult *r;

        map_fragments(0, 64);
        plan_one(ACTION_PAGEOUT, 0, 64);
        fake_act.error = -EIO;
        fake_act.error_count = UINT32_MAX;
        r = run();
        ck_assert_uint_eq(r->others[OUTCOME_FAILED], 32 * PAGE);
        ck_assert_uint_eq(r->tried, 0);
        ck_assert_uint_eq(error_count(EIO), 16);
        ck_assert_uint_eq(r->left, 32 * PAGE);
}
END_TEST

START_TEST(no_such_call) {
        const ItemResult *r;

        map_fragments(0, 4000);
        plan_one(ACTION_PAGEOUT, 0, 4000);
        fake_act.error = -ENOSYS;
        fake_act.error_count = UINT32_MAX;
        r = run();
        ck_assert_uint_gt(r->others[OUTCOME_FAILED], 3900 * PAGE);
        ck_assert_uint_eq(r->tried, 0);
        ck_assert_uint_eq(fake_act.calls, 1);
        ck_assert_uint_eq(error_count(ENOSYS), 1);
}
END_TEST

START_TEST(not_permitted) {
        const int errors[] = { EPERM, EACCES };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                const ItemResult *r;

                map_fragments(0, 400);
                fake_act.calls = 0;
                plan_one(i ? ACTION_LRU_PRIO : ACTION_COLD, 0, 400);
                fake_act.error = -errors[i];
                fake_act.error_count = UINT32_MAX;
                r = run();
                ck_assert_uint_gt(r->others[OUTCOME_DENIED], 380 * PAGE);
                ck_assert_uint_eq(r->tried, 0);
                ck_assert_uint_eq(fake_act.calls, 1);
                ck_assert_uint_eq(error_count(errors[i]), 1);
        }
}
END_TEST

START_TEST(denied_bytes_are_not_charged) {
        fake_map_range(0, 200, 100);
        fake_plan_init(&plan, ACTION_COLD, 2);
        fake_plan_item(&plan, 0, 100);
        fake_plan_item(&plan, 100, 200);
        limits()->bytes_max = 100 * PAGE;
        fail_once(EPERM, 0);
        fake_plan_run(&plan, actor);
        ck_assert_uint_eq(plan.result->items[0].others[OUTCOME_DENIED], 100 * PAGE);
        ck_assert_uint_eq(plan.result->items[1].tried, 100 * PAGE);
}
END_TEST

START_TEST(asked_to_repeat) {
        const int errors[] = { EAGAIN, EINTR };
        const Action actions[] = { ACTION_COLD, ACTION_LRU_PRIO };

        for (size_t i = 0; i < ELEMENTSOF(errors) * ELEMENTSOF(actions); i++) {
                int error = errors[i % 2];

                map_fragments(0, 16);
                plan_one(actions[i / 2], 0, 16);
                fake_act.error = -error;
                fake_act.error_count = 3;
                ck_assert_uint_eq(run()->tried, 8 * PAGE);
                ck_assert_uint_eq(error_count(error), 0);

                /* but not for ever */
                plan_one(actions[i / 2], 0, 16);
                fake_act.error = -error;
                fake_act.error_count = UINT32_MAX;
                ck_assert_uint_eq(run()->others[OUTCOME_FAILED], 8 * PAGE);
                ck_assert_uint_ge(error_count(error), 4);
                fake_act.error_count = 0;
        }
}
END_TEST

START_TEST(no_progress_is_an_error) {
        map_fragments(0, 16);
        plan_one(ACTION_COLD, 0, 16);
        fake_act.error = 0;
        fake_act.partial_bytes = 1; /* less than a page: nothing */
        ck_assert_uint_eq(run()->others[OUTCOME_FAILED], 8 * PAGE);
        ck_assert_uint_eq(error_count(EIO), 4);
}
END_TEST

START_TEST(locked_memory) {
        const FakeVma vmas[] = { { 0, 1000, "", .locked = true }, { 1000, 2000, "[heap]" } };
        const ItemResult *r;

        fake_vmas(vmas, 2);
        map_fragments(0, 2000);
        r = run_one(ACTION_COLD, 0, 2000);
        ck_assert_uint_eq(r->others[OUTCOME_UNEVICTABLE], 500 * PAGE);
        ck_assert_uint_eq(r->tried, 500 * PAGE);
        ck_assert_uint_eq(r->left, 1000 * PAGE);
        ck_assert_uint_eq(error_count(EINVAL), 0);
        /* one batch has learned it */
        ck_assert_uint_lt(scheme_result()->calls, 30);
}
END_TEST

static void lock_the_middle(void) {
        const FakeVma vmas[] = { { 0, 300, "" }, { 300, 400, "", .locked = true }, { 400, 2000, "" } };

        fake_vmas(vmas, 3);
}

START_TEST(locked_meanwhile) {
        const FakeVma vma = { 0, 2000, "" };
        const ItemResult *r;

        /* the map that was read shows one mapping, a part of which is locked now: ranges do not know */
        fake_vmas(&vma, 1);
        map_fragments(0, 2000);
        plan_one(ACTION_COLD, 0, 2000);
        fake_act.hook = lock_the_middle;
        fake_act.hook_at = 1;
        r = run();
        ck_assert_uint_eq(r->tried, 950 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_UNEVICTABLE], 50 * PAGE);
}
END_TEST

START_TEST(locked_bytes_are_not_charged) {
        const FakeVma vmas[] = { { 0, 100, "", .locked = true }, { 100, 200, "[heap]" } };
        const ItemResult *r;

        fake_vmas(vmas, 2);
        fake_map_range(0, 200, 100);
        plan_one(ACTION_PAGEOUT, 0, 200);
        limits()->bytes_max = 100 * PAGE;
        limits()->swap_max = 100 * PAGE;
        r = run();
        ck_assert_uint_eq(r->others[OUTCOME_UNEVICTABLE], 100 * PAGE);
        ck_assert_uint_eq(r->applied, 100 * PAGE);
}
END_TEST

static void unmap_some(void) {
        const FakeVma vmas[] = { { 0, 8, "" }, { 12, 100, "" } };

        fake_vmas(vmas, 2);
        for (unsigned i = 8; i < 12; i++)
                fake_unmap(i);
}

START_TEST(hole_in_a_range) {
        const Action actions[] = { ACTION_PAGEOUT, ACTION_COLD };

        for (size_t i = 0; i < ELEMENTSOF(actions); i++) {
                const FakeVma vma = { 0, 100, "" };
                const ItemResult *r;

                fake_vmas(&vma, 1);
                fake_map_range(0, 100, 100);
                fake_act.calls = 0;
                plan_one(actions[i], 0, 100);
                fake_act.hook = unmap_some;
                fake_act.hook_at = 1;
                r = run();
                /* what is mapped was done all the same, and what comes after it, too */
                ck_assert_uint_eq(r->tried, 96 * PAGE);
                ck_assert_uint_eq(r->applied, 96 * PAGE);
                ck_assert_uint_eq(r->others[OUTCOME_UNMAPPED], 4 * PAGE);
        }
}
END_TEST

START_TEST(hole_in_a_vector) {
        const ItemResult *r;
        unsigned twice = 0;

        map_fragments(0, 100);
        plan_one(ACTION_PAGEOUT, 0, 100);
        fake_act.hook = unmap_some; /* pages 8, 9: the third range */
        fake_act.hook_at = 1;
        r = run();
        ck_assert_uint_eq(r->tried, 48 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_UNMAPPED], 2 * PAGE);
        for (unsigned i = 0; i < 100; i++)
                twice += fake_act.acted[i] > 1;
        ck_assert_uint_eq(twice, 0);
}
END_TEST

START_TEST(calls_that_do_a_part) {
        const size_t parts[] = { 1, 2, 7 };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                const ItemResult *r;

                map_fragments(0, 400);
                fake_act.partial = parts[i];
                r = run_one(i % 2 ? ACTION_LRU_PRIO : ACTION_PAGEOUT, 0, 400);
                ck_assert_uint_eq(r->tried, 200 * PAGE);
                ck_assert_uint_eq(r->applied, 200 * PAGE);
                for (unsigned k = 0; k < 400; k++)
                        ck_assert_uint_le(fake_act.reads[k], 2);
        }
}
END_TEST

START_TEST(ranges_done_in_part) {
        const ItemResult *r;

        fake_map_range(0, 400, 100);
        fake_act.partial_bytes = 3 * PAGE;
        r = run_one(ACTION_PAGEOUT, 0, 400);
        ck_assert_uint_eq(r->applied, 400 * PAGE);
        for (unsigned i = 0; i < 400; i++)
                ck_assert_uint_eq(fake_act.handed[i], 1);
}
END_TEST

START_TEST(more_ranges_than_a_call_takes) {
        const ItemResult *r;

        for (unsigned i = 0; i < 4000; i += 2)
                fake_map(i, 100 + i);
        (void) run_one(ACTION_COLD, 0, 4000); /* now batches are large */
        r = run_one(ACTION_COLD, 0, 4000);
        ck_assert_uint_eq(r->tried, 2000 * PAGE);
        ck_assert_uint_eq(fake_act.longest, 1024);
}
END_TEST

START_TEST(collapse_fails) {
        const int errors[] = { ENOMEM, EBUSY, EINVAL };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                const ItemResult *r;

                fake_map_range(0, 1024, 1);
                fake_map_range(1024, 1536, 1025);
                plan_one(ACTION_COLLAPSE, 0, 1024);
                fail_once(errors[i], 0);
                r = run();
                ck_assert_uint_eq(r->others[OUTCOME_FAILED], HUGE);
                ck_assert_uint_eq(r->applied, HUGE);
                ck_assert_uint_eq(error_count(errors[i]), 1);
        }
}
END_TEST

START_TEST(process_has_ended) {
        fake_map_range(0, 10, 100);
        plan_one(ACTION_COLD, 0, 10);
        plan.plan->n_audits = 1;
        plan.plan->audits[0] = (PlanAudit) { .start = fake_addr(0), .end = fake_addr(10) };
        fake_exit();
        ck_assert_uint_eq(run()->others[OUTCOME_GONE], 10 * PAGE);
        ck_assert(!plan.result->audits[0].known);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(process_ends_under_way) {
        for (unsigned at = 1; at <= 3; at++) {
                const Action actions[] = { ACTION_COLD, ACTION_LRU_PRIO, ACTION_PAGEOUT };
                const ItemResult *r;

                if (at > 1) {
                        teardown();
                        setup();
                }
                fake_map_range(0, 1000, 100);
                fake_plan_deinit(&plan);
                fake_plan_init(&plan, actions[at - 1], 2);
                fake_plan_item(&plan, 0, 900);
                fake_plan_item(&plan, 900, 1000);
                fake_act.hook = fake_exit;
                fake_act.hook_at = at;
                r = run();
                ck_assert_uint_eq(r->tried + r->others[OUTCOME_GONE], 900 * PAGE);
                ck_assert_uint_gt(r->others[OUTCOME_GONE], 0);
                ck_assert_uint_lt(r->stopped_at, fake_addr(900));
                ck_assert_uint_eq(plan.result->items[1].others[OUTCOME_GONE], 100 * PAGE);
                ck_assert_uint_eq(fake_act.calls, at);
        }
}
END_TEST

START_TEST(another_process_has_the_number) {
        fake_map_range(0, 10, 100);
        plan_one(ACTION_COLD, 0, 10);
        plan.plan->targets[0].start_time = 778;
        ck_assert_uint_eq(run()->others[OUTCOME_GONE], 10 * PAGE);
        ck_assert_uint_eq(fake_act.calls, 0);

        plan_one(ACTION_COLD, 0, 10);
        plan.plan->targets[0].start_time = 0; /* not known */
        ck_assert_uint_eq(run()->tried, 10 * PAGE);
}
END_TEST

static void exec_now(void) {
        fake_exec();
        fake_map_range(0, 4000, 200); /* the new program's */
}

START_TEST(another_program_under_way) {
        const ItemResult *r;
        unsigned at;

        fake_map_range(0, 4000, 100);
        fake_plan_init(&plan, ACTION_COLD, 2);
        fake_plan_item(&plan, 0, 3000);
        fake_plan_item(&plan, 3000, 4000);
        fake_act.hook = exec_now;
        fake_act.hook_at = at = 3;
        r = run();
        /* the call that it happened in could not know; no other follows */
        ck_assert_uint_eq(fake_act.calls, at);
        ck_assert_uint_gt(r->others[OUTCOME_REPLACED], 2000 * PAGE);
        ck_assert_uint_eq(plan.result->items[1].others[OUTCOME_REPLACED], 1000 * PAGE);
        ck_assert_uint_eq(plan.result->items[1].stopped_at, fake_addr(3000));
}
END_TEST

static unsigned looks, calls_before;

static nsec_t exec_at_look(void) {
        fake_act.now += 100;
        if (looks > 0 && --looks == 0) {
                calls_before = fake_act.calls;
                exec_now();
        }
        return fake_act.now;
}

START_TEST(another_program_at_any_moment) {
        ActionIo io = FAKE_ACT_IO;

        /* between any two steps: the new program is never touched by a call that begins later */
        io.now = exec_at_look;
        for (unsigned when = 3; when < 30; when++) { /* the first two come before it is opened */
                _cleanup_(actor_freep) Actor *own = NULL;
                const ItemResult *r = NULL;

                teardown();
                setup();
                fake_map_range(0, 4000, 100);
                ck_assert_int_eq(actor_new(&fake.roots, &FAKE_IO, &io, &own), 0);
                looks = 0;
                plan_one(ACTION_COLD, 0, 4000);
                looks = when;
                fake_plan_run(&plan, own);
                r = &plan.result->items[0];
                if (looks == 0) {
                        ck_assert_uint_eq(fake_act.calls, calls_before);
                        ck_assert_uint_eq(r->tried + r->others[OUTCOME_REPLACED], 4000 * PAGE);
                        ck_assert_uint_eq(sum(fake_act.handed) * PAGE, r->tried);
                }
        }
}
END_TEST

static void set_stat(pid_t pid, uint32_t flags) {
        char path[160];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/proc/%d/stat", fake.path, (int) pid);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        (void) fprintf(f, "%d (fake) S 1 1 1 0 -1 %u 1 2 3 4 5 6 7 8 20 0 1 0 777 8192 100 1\n", (int) pid, flags);
        (void) fclose(f);
}

START_TEST(protected_processes) {
        const pid_t pids[] = { -1, 0, 1, getpid() };

        fake_map_range(0, 10, 100);
        for (size_t i = 0; i < ELEMENTSOF(pids); i++)
                for (unsigned dry = 0; dry < 2; dry++) {
                        plan_one(ACTION_COLD, 0, 10);
                        plan.plan->targets[0].pid = pids[i];
                        limits()->dry_run = dry;
                        ck_assert_uint_eq(run()->others[OUTCOME_PROTECTED], 10 * PAGE);
                }
        set_stat(FAKE_PID, 0x00200000); /* a kernel thread */
        ck_assert_uint_eq(run_one(ACTION_COLD, 0, 10)->others[OUTCOME_PROTECTED], 10 * PAGE);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(init_only_when_told) {
        /* process 1 of the fake tree does not exist: it is looked for, which is all that matters */
        plan_one(ACTION_COLD, 0, 10);
        plan.plan->targets[0].pid = 1;
        plan.spec.config.act_on_init = true;
        ck_assert_uint_eq(run()->others[OUTCOME_GONE], 10 * PAGE);
}
END_TEST

START_TEST(one_target_of_two) {
        AddressMap *map = fake_address_map();

        fake_map_range(0, 10, 100);
        fake_plan_deinit(&plan);
        fake_plan_init(&plan, ACTION_COLD, 2);
        fake_plan_item(&plan, 0, 10);
        fake_plan_item(&plan, 0, 10);
        address_map_unref(plan.plan->targets[0].map);
        free(plan.plan->targets);
        plan.plan->targets = calloc(2, sizeof(*plan.plan->targets));
        plan.plan->n_targets = 2;
        plan.plan->targets[0] = (PlanTarget) { .pid = 99999, .map = address_map_ref(map) };
        plan.plan->targets[1] = (PlanTarget) { .pid = FAKE_PID, .map = map };
        plan.plan->items[1].target = 1;
        fake_plan_run(&plan, actor);
        ck_assert_uint_eq(plan.result->items[0].others[OUTCOME_GONE], 10 * PAGE);
        ck_assert_uint_eq(plan.result->items[1].tried, 10 * PAGE);
        ck_assert_uint_eq(map->n_ref, 2); /* the actor took none */
}
END_TEST

START_TEST(map_without_sense) {
        char path[160];
        int fd;

        fake_map_range(0, 10, 100);
        plan_one(ACTION_COLD, 0, 10);
        (void) snprintf(path, sizeof(path), "%s/proc/4321/maps", fake.path);
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        ck_assert_int_eq(write(fd, "gibberish\n", 10), 10);
        (void) close(fd);
        ck_assert_uint_eq(run()->others[OUTCOME_FAILED], 10 * PAGE);
        ck_assert_uint_eq(error_count(EBADMSG), 1);
        ck_assert_uint_eq(fake_act.calls, 0);
}
END_TEST

START_TEST(errors_beyond_the_table) {
        map_fragments(0, 64);
        plan_one(ACTION_COLD, 0, 64);
        for (int i = 0; i < 12; i++) {
                fake_act.error = -(EOVERFLOW + i);
                fake_act.error_count = 1;
                (void) run();
        }
        ck_assert_uint_eq(scheme_result()->errors[PLAN_ERRORS_MAX - 1].error, 0);
}
END_TEST

int main(void) {
        TCase *cases = tcase_create("errors");

        tcase_add_test(cases, one_call_fails);
        tcase_add_test(cases, every_call_fails);
        tcase_add_test(cases, no_such_call);
        tcase_add_test(cases, not_permitted);
        tcase_add_test(cases, denied_bytes_are_not_charged);
        tcase_add_test(cases, asked_to_repeat);
        tcase_add_test(cases, no_progress_is_an_error);
        tcase_add_test(cases, locked_memory);
        tcase_add_test(cases, locked_meanwhile);
        tcase_add_test(cases, locked_bytes_are_not_charged);
        tcase_add_test(cases, hole_in_a_range);
        tcase_add_test(cases, hole_in_a_vector);
        tcase_add_test(cases, calls_that_do_a_part);
        tcase_add_test(cases, ranges_done_in_part);
        tcase_add_test(cases, more_ranges_than_a_call_takes);
        tcase_add_test(cases, collapse_fails);
        tcase_add_test(cases, process_has_ended);
        tcase_add_test(cases, process_ends_under_way);
        tcase_add_test(cases, another_process_has_the_number);
        tcase_add_test(cases, another_program_under_way);
        tcase_add_test(cases, another_program_at_any_moment);
        tcase_add_test(cases, protected_processes);
        tcase_add_test(cases, init_only_when_told);
        tcase_add_test(cases, one_target_of_two);
        tcase_add_test(cases, map_without_sense);
        tcase_add_test(cases, errors_beyond_the_table);
        return run_suite(cases, "action-errors");
}
