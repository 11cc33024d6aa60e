/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actor on this kernel, against a child of the test's own. What the kernel or the privileges do not allow
 * is skipped, with the reason. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "action/actor.h"
#include "action/support.h"
#include "base/macro.h"
#include "kernel/maps.h"
#include "kernel/process.h"
#include "kernel/system.h"

#define PAGE ((size_t) 4096)
#define N_PAGES ((size_t) 1024)
#define SIZE (N_PAGES * PAGE)
#define HUGE ((size_t) 2 << 20)

/* What the child has made for us, at addresses that it tells. */
typedef struct Areas {
        char *anon;   /* all pages written to */
        char *file;   /* private, of a file of SIZE, all pages read */
        char *locked; /* one page of mlocked memory; NULL: not permitted */
        char *block;  /* of HUGE bytes, aligned to that, small pages all written to */
} Areas;

static RootFds roots;
static Actor *actor;
static ActionSupport *support;
static Areas areas;
static pid_t child;
static int to_child = -1;
static Plan *plan;
static PlanResult *result;
static SchemeSpec spec;
static atomic_bool stop;
static volatile char sink;

static void *map_pages(size_t size, int prot, int fd) {
        void *p = mmap(NULL, size, prot, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

        if (p == MAP_FAILED)
                _exit(3);
        return p;
}

/* Sleeps until it is told to exec, or to end. */
static void child_main(int out, int in) {
        char path[] = "/var/tmp/udamon-action-XXXXXX", byte;
        int fd = mkstemp(path);
        Areas a = {};

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) unlink(path);
        a.anon = map_pages(SIZE, PROT_READ | PROT_WRITE, -1);
        (void) madvise(a.anon, SIZE, MADV_NOHUGEPAGE);
        memset(a.anon, 1, SIZE);
        /* clean, or nothing of it could be dropped */
        if (fd < 0 || write(fd, a.anon, SIZE) != (ssize_t) SIZE || fsync(fd) < 0)
                _exit(3);
        a.file = map_pages(SIZE, PROT_READ, fd);
        for (size_t i = 0; i < SIZE; i += PAGE)
                sink = a.file[i];
        a.locked = map_pages(PAGE, PROT_READ | PROT_WRITE, -1);
        /* the sanitizers' own mlock() does nothing */
        if (syscall(SYS_mlock, a.locked, PAGE) < 0)
                a.locked = NULL;

        a.block = map_pages(2 * HUGE, PROT_READ | PROT_WRITE, -1);
        a.block += HUGE - (uintptr_t) a.block % HUGE;
        (void) prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
        memset(a.block, 1, HUGE);
        (void) prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);

        if (write(out, &a, sizeof(a)) != (ssize_t) sizeof(a) || read(in, &byte, 1) != 1)
                _exit(0);
        (void) execl("/bin/sleep", "sleep", "100", (char *) NULL);
        _exit(3);
}

static void child_start(void) {
        int out[2], in[2];

        ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
        ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
                /* The other end must close when the parent ends, whatever becomes of it. */
                (void) close(in[1]);
                child_main(out[1], in[0]);
        }
        (void) close(out[1]);
        (void) close(in[0]);
        to_child = in[1];
        ck_assert_int_eq(read(out[0], &areas, sizeof(areas)), sizeof(areas));
        (void) close(out[0]);
}

static void child_stop(void) {
        if (child <= 0)
                return;
        closep(&to_child);
        to_child = -1;
        (void) kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        child = 0;
}

static void setup(void) {
        ck_assert_int_eq(root_fds_open(&roots, ""), 0);
        ck_assert_int_eq(actor_new(&roots, &KERNEL_IO_REAL, &ACTION_IO_REAL, &actor), 0);
        ck_assert_int_eq(action_support_probe(&roots, &support), 0);
        child_start();
}

static void drop_plan(void) {
        result = plan_result_free(result);
        plan = plan_free(plan);
}

static void teardown(void) {
        drop_plan();
        child_stop();
        support = action_support_free(support);
        actor = actor_free(actor);
        root_fds_close(&roots);
}

static bool can(Action action) {
        if (support->actions[action].usable)
                return true;
        printf("skipped: %s: %s\n", action_name(action), support->actions[action].reason);
        return false;
}

static void plan_for(Action action, const char *start, size_t n_pages) {
        Process process = PROCESS_NONE;
        Io io = { .kernel = &KERNEL_IO_REAL };

        drop_plan();
        spec = (SchemeSpec) { .n_ref = 2, .config.action = action };
        plan = plan_new(1, 1, 1, 1);
        ck_assert_ptr_nonnull(plan);
        ck_assert_int_eq(process_open(&process, &roots, child), 0);
        plan->targets[0] = (PlanTarget) { .pid = child, .start_time = process.ref.start_time };
        ck_assert_int_eq(process_map(&process, &io, NULL, &plan->targets[0].map), 0);
        process_close(&process);
        plan->schemes[0] = (PlanScheme) {
                .spec = &spec,
                .bytes_max = UINT64_MAX,
                .time_max = NSEC_INFINITY,
                .swap_max = UINT64_MAX / 2,
                .deadline = NSEC_INFINITY,
        };
        plan->items[0].start = (uintptr_t) start;
        plan->items[0].end = (uintptr_t) start + n_pages * PAGE;
        plan->audits[0] = (PlanAudit) { .start = plan->items[0].start, .end = plan->items[0].end };
}

static const ItemResult *run(void) {
        const ItemResult *r;
        uint64_t sum;

        result = plan_result_free(result);
        result = plan_result_new(plan);
        ck_assert_ptr_nonnull(result);
        actor_run(actor, plan, &stop, result);
        ck_assert_int_eq(result->error, 0);
        r = &result->items[0];
        sum = r->tried;
        for (size_t i = 0; i < _OUTCOME_MAX; i++)
                sum += r->others[i];
        ck_assert_uint_eq(sum, plan->items[0].end - plan->items[0].start);
        return r;
}

START_TEST(cold_on_a_child) {
        const ItemResult *r;

        if (!can(ACTION_COLD))
                return;
        plan_for(ACTION_COLD, areas.anon, N_PAGES);
        r = run();
        ck_assert(result->audits[0].known);
        ck_assert_uint_eq(result->audits[0].resident, SIZE);
        ck_assert_uint_eq(r->tried, SIZE);
        ck_assert_uint_eq(r->applied, SIZE);
        ck_assert_uint_eq(r->left, SIZE);
        ck_assert_uint_ge(result->schemes[0].calls, 2);
}
END_TEST

START_TEST(dry_run_on_a_child) {
        const ItemResult *r;

        plan_for(ACTION_PAGEOUT, areas.file, N_PAGES);
        plan->schemes[0].dry_run = true;
        r = run();
        ck_assert_uint_eq(r->tried + r->others[OUTCOME_SHARED] + r->others[OUTCOME_NOTHING] + r->others[OUTCOME_EDGE],
                          SIZE);
        ck_assert_uint_eq(r->applied, 0);
        ck_assert_uint_eq(result->schemes[0].calls, 0);
}
END_TEST

START_TEST(pageout_of_a_file) {
        const ItemResult *r;
        uint64_t before, left;

        if (!can(ACTION_PAGEOUT))
                return;
        plan_for(ACTION_PAGEOUT, areas.file, N_PAGES);
        r = run();
        before = result->audits[0].resident;
        left = r->left;
        ck_assert_uint_gt(r->tried, 0);
        ck_assert_uint_eq(r->anon, 0);
        ck_assert_uint_gt(r->applied, 0);
        ck_assert_uint_eq(r->left, before - r->applied);

        /* the audit of another plan sees the same */
        plan_for(ACTION_STAT, areas.file, N_PAGES);
        (void) run();
        ck_assert_uint_le(result->audits[0].resident, left);
}
END_TEST

START_TEST(willneed_of_a_file) {
        if (!can(ACTION_WILLNEED))
                return;
        plan_for(ACTION_WILLNEED, areas.file, N_PAGES);
        ck_assert_uint_eq(run()->others[OUTCOME_FAILED], 0);
}
END_TEST

START_TEST(touching_a_child) {
        if (!can(ACTION_LRU_PRIO))
                return;
        plan_for(ACTION_LRU_PRIO, areas.anon, N_PAGES);
        ck_assert_uint_eq(run()->applied, SIZE);
}
END_TEST

START_TEST(locked_memory_of_a_child) {
        if (!can(ACTION_COLD) || !areas.locked)
                return;
        plan_for(ACTION_COLD, areas.locked, 1);
        ck_assert_uint_eq(run()->others[OUTCOME_UNEVICTABLE], PAGE);
}
END_TEST

START_TEST(collapse_is_refused_where_forbidden) {
        const ItemResult *r;

        /* the child has said MADV_NOHUGEPAGE, and that stands */
        if (!can(ACTION_COLLAPSE))
                return;
        plan_for(ACTION_COLLAPSE, areas.anon, N_PAGES);
        r = run();
        ck_assert_uint_eq(r->applied, 0);
        ck_assert_uint_eq(r->others[OUTCOME_FAILED] + r->others[OUTCOME_EDGE], SIZE);
}
END_TEST

START_TEST(pageout_to_swap) {
        const ItemResult *r;
        Swaps swaps = {};

        if (!can(ACTION_PAGEOUT))
                return;
        if (swaps_read(&roots, &swaps) < 0 || swaps.n == 0) {
                printf("skipped: pageout to swap: there is no swap\n");
                return;
        }
        plan_for(ACTION_PAGEOUT, areas.anon, N_PAGES);
        plan->schemes[0].bytes_max = SIZE / 2;
        r = run();
        ck_assert_uint_eq(r->tried, SIZE / 2);
        ck_assert_uint_eq(r->anon, SIZE / 2);
        ck_assert_uint_ge(r->applied, SIZE / 2 / 10 * 9);
        ck_assert(result->schemes[0].bytes_ran_out);

        plan_for(ACTION_WILLNEED, areas.anon, N_PAGES);
        r = run();
        ck_assert_uint_ge(r->applied, SIZE / 2 / 10 * 9);
        ck_assert_uint_ge(r->others[OUTCOME_NOTHING], SIZE / 2);
}
END_TEST

START_TEST(huge_page_of_a_child) {
        const ItemResult *r;

        if (!can(ACTION_COLLAPSE) || !can(ACTION_COLD))
                return;
        plan_for(ACTION_COLLAPSE, areas.block, HUGE / PAGE);
        r = run();
        if (r->applied == 0) {
                printf("skipped: huge pages: none to be had\n");
                return;
        }
        ck_assert_uint_eq(r->applied, HUGE);
        /* there is one now */
        ck_assert_uint_eq(run()->others[OUTCOME_NOTHING], HUGE);

        /* which is not cut */
        plan_for(ACTION_COLD, areas.block, HUGE / PAGE - 1);
        ck_assert_uint_eq(run()->others[OUTCOME_EDGE], HUGE - PAGE);
        plan_for(ACTION_COLD, areas.block, HUGE / PAGE);
        ck_assert_uint_eq(run()->tried, HUGE);
        plan_for(ACTION_COLLAPSE, areas.block, HUGE / PAGE);
        ck_assert_uint_eq(run()->others[OUTCOME_NOTHING], HUGE);

        /* but split when that is what is wanted */
        if (!can(ACTION_NOHUGEPAGE))
                return;
        plan_for(ACTION_NOHUGEPAGE, areas.block, HUGE / PAGE);
        r = run();
        ck_assert_uint_eq(r->tried, HUGE);
        ck_assert_uint_eq(r->applied, HUGE);
        ck_assert_uint_eq(run()->others[OUTCOME_NOTHING], HUGE);
}
END_TEST

START_TEST(young_pages_of_a_child) {
        FilterConfig filter = { .type = FILTER_YOUNG, .matching = true };
        const ItemResult *r;

        if (!can(ACTION_COLD))
                return;
        plan_for(ACTION_COLD, areas.anon, N_PAGES);
        spec.config.filters = &filter;
        spec.config.n_filters = 1;
        r = run();
        if (r->others[OUTCOME_UNKNOWN] == SIZE) {
                printf("skipped: young: this kernel has no idle page tracking\n");
                return;
        }
        /* marked now; the child sleeps, so none was touched since */
        ck_assert_uint_ge(r->others[OUTCOME_FILTERED], SIZE / 10 * 9);
        ck_assert_uint_ge(run()->tried, SIZE / 10 * 9);
}
END_TEST

START_TEST(node_of_a_child) {
        FilterConfig filter = { .type = FILTER_NODE, .matching = true, .index = 1000 };
        const ItemResult *r;

        if (!can(ACTION_COLD))
                return;
        plan_for(ACTION_COLD, areas.anon, N_PAGES);
        spec.config.filters = &filter;
        spec.config.n_filters = 1;
        r = run();
        /* known to be elsewhere; or not known: kernels without NUMA */
        ck_assert_uint_eq(r->tried + r->others[OUTCOME_UNKNOWN], SIZE);
        ck_assert(r->tried == 0 || r->others[OUTCOME_UNKNOWN] == 0);
        printf("nodes are%s known\n", r->tried ? "" : " not");
}
END_TEST

START_TEST(nothing_where_nothing_is_mapped) {
        plan_for(ACTION_COLD, (char *) 0x10000, 16);
        ck_assert_uint_eq(run()->others[OUTCOME_UNMAPPED], 16 * PAGE);
        ck_assert_uint_eq(result->schemes[0].calls, 0);
}
END_TEST

START_TEST(child_has_ended) {
        plan_for(ACTION_COLD, areas.anon, N_PAGES);
        child_stop();
        ck_assert_uint_eq(run()->others[OUTCOME_GONE], SIZE);
        ck_assert_uint_eq(result->schemes[0].calls, 0);
}
END_TEST

/* A zombie still has its number, but no memory. */
START_TEST(child_is_a_zombie) {
        siginfo_t info;

        plan_for(ACTION_COLD, areas.anon, N_PAGES);
        (void) kill(child, SIGKILL);
        ck_assert_int_eq(waitid(P_PID, (id_t) child, &info, WEXITED | WNOWAIT), 0);
        ck_assert_uint_eq(run()->others[OUTCOME_GONE], SIZE);
}
END_TEST

START_TEST(child_is_another_program) {
        const ItemResult *r;

        plan_for(ACTION_COLD, areas.anon, N_PAGES);
        ck_assert_int_eq(write(to_child, "x", 1), 1);
        /* sleep(1) is there when its name is */
        for (unsigned i = 0; i < 1000; i++) {
                ProcStat stat;

                if (proc_stat_read(&roots, child, &stat) == 0 && streq(stat.comm, "sleep"))
                        break;
                (void) usleep(5000);
        }
        r = run();
        /* its stack lies elsewhere; where addresses are not randomized, at least its memory does */
        ck_assert_uint_eq(r->tried, 0);
        ck_assert_uint_eq(r->others[OUTCOME_REPLACED] + r->others[OUTCOME_UNMAPPED], SIZE);
}
END_TEST

static unsigned looks;

static nsec_t exec_at_look(void) {
        if (++looks == 12) {
                ck_assert_int_eq(write(to_child, "x", 1), 1);
                for (unsigned i = 0; i < 1000; i++) {
                        ProcStat stat;

                        if (proc_stat_read(&roots, child, &stat) == 0 && streq(stat.comm, "sleep"))
                                break;
                        (void) usleep(5000);
                }
        }
        return ACTION_IO_REAL.now();
}

START_TEST(child_becomes_another_program) {
        _cleanup_(actor_freep) Actor *own = NULL;
        ActionIo io = ACTION_IO_REAL;
        const ItemResult *r;

        if (!can(ACTION_COLD))
                return;
        io.now = exec_at_look;
        ck_assert_int_eq(actor_new(&roots, &KERNEL_IO_REAL, &io, &own), 0);
        plan_for(ACTION_COLD, areas.anon, N_PAGES);
        result = plan_result_new(plan);
        looks = 0;
        actor_run(own, plan, &stop, result);
        r = &result->items[0];
        ck_assert_uint_gt(r->tried, 0);
        ck_assert_uint_gt(r->others[OUTCOME_REPLACED], 0);
        ck_assert_uint_eq(r->tried + r->others[OUTCOME_REPLACED], SIZE);
}
END_TEST

START_TEST(never_ourselves) {
        plan_for(ACTION_COLD, areas.anon, N_PAGES);
        plan->targets[0].pid = getpid();
        plan->targets[0].start_time = 0;
        ck_assert_uint_eq(run()->others[OUTCOME_PROTECTED], SIZE);
}
END_TEST

START_TEST(kernel_threads) {
        ProcStat stat;

        /* kthreadd, where processes have the machine's own numbers */
        if (proc_stat_read(&roots, 2, &stat) != 0 || !(stat.flags & PROC_STAT_KTHREAD))
                return;
        plan_for(ACTION_COLD, areas.anon, N_PAGES);
        plan->targets[0].pid = 2;
        plan->targets[0].start_time = 0;
        ck_assert_uint_eq(run()->others[OUTCOME_PROTECTED], SIZE);
}
END_TEST

int main(void) {
        TCase *cases = tcase_create("real");
        Suite *suite = suite_create("action-real");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(cases, setup, teardown);
        tcase_set_timeout(cases, 60);
        tcase_add_test(cases, cold_on_a_child);
        tcase_add_test(cases, dry_run_on_a_child);
        tcase_add_test(cases, pageout_of_a_file);
        tcase_add_test(cases, willneed_of_a_file);
        tcase_add_test(cases, touching_a_child);
        tcase_add_test(cases, locked_memory_of_a_child);
        tcase_add_test(cases, collapse_is_refused_where_forbidden);
        tcase_add_test(cases, pageout_to_swap);
        tcase_add_test(cases, huge_page_of_a_child);
        tcase_add_test(cases, young_pages_of_a_child);
        tcase_add_test(cases, node_of_a_child);
        tcase_add_test(cases, nothing_where_nothing_is_mapped);
        tcase_add_test(cases, child_has_ended);
        tcase_add_test(cases, child_is_a_zombie);
        tcase_add_test(cases, child_is_another_program);
        tcase_add_test(cases, child_becomes_another_program);
        tcase_add_test(cases, never_ourselves);
        tcase_add_test(cases, kernel_threads);
        suite_add_tcase(suite, cases);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
