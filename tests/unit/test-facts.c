/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What schemes are told about the world outside, from recorded trees of /proc, /sys and the cgroup hierarchy. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "facts.h"

static char tree[64];
static RootFds roots;
static Facts facts;
static SchemeFacts ask;

/* ---- Trees ---- */

static void put(const char *path, const char *text) {
        char full[256];
        int fd;

        for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
                (void) snprintf(full, sizeof(full), "%s/%.*s", tree, (int) (p - path), path);
                (void) mkdir(full, 0700);
        }
        (void) snprintf(full, sizeof(full), "%s/%s", tree, path);
        fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        ck_assert_int_eq(close(fd), 0);
}

static const char *const meminfo =
        "MemTotal:       16000000 kB\nMemFree:         4000000 kB\nMemAvailable:   12000000 kB\n"
        "Active:          3000000 kB\nInactive:        1000000 kB\nActive(anon):    2000000 kB\n"
        "Inactive(anon):   500000 kB\nActive(file):    1000000 kB\nInactive(file):   500000 kB\n"
        "AnonPages:       2500000 kB\nSwapTotal:       2000000 kB\nSwapFree:        1500000 kB\n";

static const char *const numa_stat =
        "anon N0=4096 N1=8192\nfile N0=1 N1=2\nkernel_stack N0=16384 N1=0\nshmem N0=0 N1=0\n"
        "inactive_anon N0=1024000000 N1=1000\nactive_anon N0=2048000000 N1=20000\n"
        "inactive_file N0=512000000 N1=300000\nactive_file N0=512000000 N1=4000000\n"
        "unevictable N0=99999999999 N1=5\nworkingset_refault_anon N0=7 N1=7\n";

static void setup(void) {
        (void) snprintf(tree, sizeof(tree), "/var/tmp/test-facts-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(tree));
        put("proc/meminfo", meminfo);
        put("proc/pressure/memory", "some avg10=1.50 avg60=0.07 avg300=0.00 total=12345\n"
                                    "full avg10=0.00 avg60=0.00 avg300=0.25 total=99\n");
        put("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=777\n"
                                "full avg10=0.00 avg60=0.00 avg300=0.00 total=555\n");
        put("sys/devices/system/node/node0/meminfo",
            "Node 0 MemTotal:       8000000 kB\nNode 0 MemFree:        2000000 kB\n"
            "Node 0 MemUsed:        6000000 kB\nNode 0 HugePages_Total:     0\n");
        put("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:       0 kB\nNode 1 MemFree:        0 kB\n");
        put("sys/fs/cgroup/system.slice/db.service/memory.numa_stat", numa_stat);
        put("sys/fs/cgroup/system.slice/db.service/memory.pressure",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=4000000\n"
            "full avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n");
        put("sys/fs/cgroup/system.slice/db.service/io.pressure",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=20\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=10\n");
        ck_assert_int_eq(root_fds_open(&roots, tree), 0);
        facts = (Facts) { .roots = &roots };
        ask = facts_of(&facts);
}

static void teardown(void) {
        char command[128];

        root_fds_close(&roots);
        (void) snprintf(command, sizeof(command), "rm -r %s", tree);
        ck_assert_int_eq(system(command), 0);
}

#define DB "/system.slice/db.service"

static int ask_goal(GoalMetric metric, const char *cgroup, uint32_t node, GoalReading *ret) {
        GoalConfig goal = { .metric = metric, .target = 1, .cgroup = (char *) cgroup, .node = node };

        return ask.goal(ask.userdata, &goal, ret);
}

/* The answer; a failure is an error number here. */
static double goal(GoalMetric metric, const char *cgroup, uint32_t node) {
        GoalReading reading = { .value = -12345 };
        int r = ask_goal(metric, cgroup, node, &reading);

        ck_assert_int_le(r, 0);
        ck_assert(r == 0 || reading.value == -12345); /* untouched on failure */
        return r < 0 ? r : reading.value;
}

/* ---- Pressure ---- */

START_TEST(stalls) {
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, NULL, 0), 12345e3);
        ck_assert_double_eq(goal(GOAL_FULL_MEM_PSI, NULL, 0), 99e3);
        ck_assert_double_eq(goal(GOAL_SOME_IO_PSI, NULL, 0), 777e3);
        ck_assert_double_eq(goal(GOAL_FULL_IO_PSI, NULL, 0), 555e3);

        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, DB, 0), 4e9);
        ck_assert_double_eq(goal(GOAL_FULL_MEM_PSI, DB, 0), 3e9);
        ck_assert_double_eq(goal(GOAL_SOME_IO_PSI, DB, 0), 20e3);
        ck_assert_double_eq(goal(GOAL_FULL_IO_PSI, DB, 0), 10e3);
}
END_TEST

START_TEST(stalls_unknown) {
        char path[128];

        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, "/no.slice", 0), -ENOENT);
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, "/system.slice", 0), -ENOENT); /* no such file in it */
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, "/", 0), -ENOENT);
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, "/../../../proc", 0), -EINVAL);
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, "/system.slice/../system.slice", 0), -EINVAL);

        /* a file, and a link, where a directory should be */
        put("sys/fs/cgroup/file", "");
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, "/file", 0), -ENOTDIR);
        (void) snprintf(path, sizeof(path), "%s/sys/fs/cgroup/link", tree);
        ck_assert_int_eq(symlink("system.slice/db.service", path), 0);
        ck_assert_double_lt(goal(GOAL_SOME_MEM_PSI, "/link", 0), 0);

        put("proc/pressure/memory", "some avg10=1.50 avg60=0.07 avg300=0.00 total=12345\n");
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, NULL, 0), 12345e3);
        ck_assert_double_eq(goal(GOAL_FULL_MEM_PSI, NULL, 0), -ENOENT);
        put("proc/pressure/memory", "");
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, NULL, 0), -EBADMSG);
        put("proc/pressure/memory", "some avg10=1.50 avg60=0.07 avg300=0.00 total=12345x\n");
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, NULL, 0), -EBADMSG);
}
END_TEST

/* A counter of a machine that has been up for years still has all its digits. */
START_TEST(stalls_are_exact) {
        put("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=9007199254741\n"
                                    "full avg10=0.00 avg60=0.00 avg300=0.00 total=9007199254740\n");
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, NULL, 0) - goal(GOAL_FULL_MEM_PSI, NULL, 0), 1000);
}
END_TEST

/* ---- Nodes ---- */

START_TEST(nodes) {
        GoalReading reading = {};

        ck_assert_double_eq(goal(GOAL_NODE_MEM_FREE, NULL, 0), 0.25);
        ck_assert_int_eq(ask_goal(GOAL_NODE_MEM_FREE, NULL, 0, &reading), 0);
        ck_assert_double_gt(reading.whole, 0);
        ck_assert_double_eq(goal(GOAL_NODE_MEM_USED, NULL, 0), 0.75);

        /* offline or never there; without memory of its own */
        ck_assert_double_eq(goal(GOAL_NODE_MEM_USED, NULL, 7), -ENOENT);
        ck_assert_double_eq(goal(GOAL_NODE_MEM_FREE, NULL, 7), -ENOENT);
        ck_assert_double_eq(goal(GOAL_NODE_MEM_FREE, NULL, UINT32_MAX), -ENOENT);
        ck_assert_double_eq(goal(GOAL_NODE_MEM_USED, NULL, 1), -ENOENT);
        ck_assert_double_eq(goal(GOAL_NODE_MEM_FREE, NULL, 1), -ENOENT);

        put("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 5 kB\n");
        ck_assert_double_eq(goal(GOAL_NODE_MEM_FREE, NULL, 0), -EBADMSG);
}
END_TEST

START_TEST(cgroups_on_nodes) {
        double share = 4096000000.0 / (8000000.0 * 1024);

        ck_assert_double_eq_tol(goal(GOAL_NODE_MEMCG_USED, DB, 0), share, 1e-12);
        ck_assert_double_eq_tol(goal(GOAL_NODE_MEMCG_FREE, DB, 0), 1 - share, 1e-12);

        ck_assert_double_eq(goal(GOAL_NODE_MEMCG_USED, "/gone.slice", 0), -ENOENT);
        ck_assert_double_eq(goal(GOAL_NODE_MEMCG_FREE, "/gone.slice", 0), -ENOENT);
        ck_assert_double_eq(goal(GOAL_NODE_MEMCG_USED, DB, 1), -ENOENT);
        ck_assert_double_eq(goal(GOAL_NODE_MEMCG_USED, DB, 7), -ENOENT);
        ck_assert_double_eq(goal(GOAL_NODE_MEMCG_USED, NULL, 0), -ENOENT);

        put("sys/fs/cgroup/system.slice/db.service/memory.numa_stat", "anon N0=4096\n");
        ck_assert_double_eq(goal(GOAL_NODE_MEMCG_USED, DB, 0), -EBADMSG);
        /* more than the node has: pages have moved between the two readings */
        put("sys/fs/cgroup/system.slice/db.service/memory.numa_stat",
            "inactive_anon N0=9000000000000\nactive_anon N0=1\ninactive_file N0=1\nactive_file N0=1\n");
        ck_assert_double_eq(goal(GOAL_NODE_MEMCG_USED, DB, 0), 1);
        ck_assert_double_eq(goal(GOAL_NODE_MEMCG_FREE, DB, 0), 0);
}
END_TEST

START_TEST(no_cgroups_at_all) {
        RootFds without = { .proc = roots.proc, .sys = roots.sys, .cgroup = -1 };

        facts.roots = &without;
        ck_assert_double_eq(goal(GOAL_NODE_MEMCG_USED, DB, 0), -ENOENT);
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, DB, 0), -ENOENT);
        ck_assert_double_eq(goal(GOAL_SOME_MEM_PSI, NULL, 0), 12345e3);
}
END_TEST

/* ---- The whole system ---- */

START_TEST(lru_lists) {
        ck_assert_double_eq(goal(GOAL_ACTIVE_MEM, NULL, 0), 0.75);
        ck_assert_double_eq(goal(GOAL_INACTIVE_MEM, NULL, 0), 0.25);

        put("proc/meminfo", "MemTotal: 16 kB\nMemFree: 8 kB\nActive: 0 kB\nInactive: 0 kB\n");
        ck_assert_double_eq(goal(GOAL_ACTIVE_MEM, NULL, 0), -ENOENT);
        put("proc/meminfo", "");
        ck_assert_double_eq(goal(GOAL_INACTIVE_MEM, NULL, 0), -EBADMSG);
}
END_TEST

START_TEST(not_of_the_system) {
        static const GoalMetric metrics[] = { GOAL_USER_INPUT, GOAL_REFAULT_RATE, GOAL_RSS, GOAL_RSS_TO_WSS, _GOAL_METRIC_MAX };

        for (size_t i = 0; i < ELEMENTSOF(metrics); i++)
                ck_assert_double_eq(goal(metrics[i], NULL, 0), -EOPNOTSUPP);
}
END_TEST

START_TEST(watermarks) {
        double share = -1;

        ck_assert_int_eq(ask.watermark(ask.userdata, WATERMARK_FREE_MEM_RATE, &share), 0);
        ck_assert_double_eq(share, 0.25);
        share = -1;
        ck_assert_int_eq(ask.watermark(ask.userdata, WATERMARK_NONE, &share), -EOPNOTSUPP);
        put("proc/meminfo", "SwapFree: 1 kB\n");
        ck_assert_int_eq(ask.watermark(ask.userdata, WATERMARK_FREE_MEM_RATE, &share), -EBADMSG);
        put("proc/meminfo", "MemTotal: 1 kB\nMemFree: 2 kB\n");
        ck_assert_int_eq(ask.watermark(ask.userdata, WATERMARK_FREE_MEM_RATE, &share), -EBADMSG);
        put("proc/meminfo", "MemTotal: many kB\n");
        ck_assert_int_eq(ask.watermark(ask.userdata, WATERMARK_FREE_MEM_RATE, &share), -EBADMSG);
        ck_assert_double_eq(share, -1);
}
END_TEST

START_TEST(swap) {
        char path[128];
        uint64_t free = 1;

        ck_assert_int_eq(ask.swap_free(ask.userdata, &free), 0);
        ck_assert_uint_eq(free, UINT64_C(1500000) * 1024);
        put("proc/meminfo", "MemTotal: 16 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
        ck_assert_int_eq(ask.swap_free(ask.userdata, &free), 0);
        ck_assert_uint_eq(free, 0);
        free = 5;
        (void) snprintf(path, sizeof(path), "%s/proc/meminfo", tree);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(ask.swap_free(ask.userdata, &free), -ENOENT);
        ck_assert_uint_eq(free, 5);
}
END_TEST

/* Whatever this machine has, the answers are plausible or an error number. */
START_TEST(this_machine) {
        RootFds real;
        GoalReading reading = {};
        uint64_t free;
        double value;

        ck_assert_int_eq(root_fds_open(&real, ""), 0);
        facts.roots = &real;
        ck_assert_int_eq(ask.watermark(ask.userdata, WATERMARK_FREE_MEM_RATE, &value), 0);
        ck_assert(value >= 0 && value <= 1);
        ck_assert_int_eq(ask.swap_free(ask.userdata, &free), 0);
        for (int metric = 0; metric < _GOAL_METRIC_MAX; metric++) {
                int r = ask_goal((GoalMetric) metric, NULL, 0, &reading);

                ck_assert_int_le(r, 0);
                ck_assert(r < 0 || reading.value >= 0);
                ck_assert(r < 0 || metric < GOAL_NODE_MEM_USED || reading.value <= 1);
                ck_assert(r < 0 || metric < GOAL_NODE_MEM_USED || reading.whole >= 0);
        }
        root_fds_close(&real);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("facts");
        TCase *tcase = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, stalls);
        tcase_add_test(tcase, stalls_unknown);
        tcase_add_test(tcase, stalls_are_exact);
        tcase_add_test(tcase, nodes);
        tcase_add_test(tcase, cgroups_on_nodes);
        tcase_add_test(tcase, no_cgroups_at_all);
        tcase_add_test(tcase, lru_lists);
        tcase_add_test(tcase, not_of_the_system);
        tcase_add_test(tcase, watermarks);
        tcase_add_test(tcase, swap);
        tcase_add_test(tcase, this_machine);
        suite_add_tcase(suite, tcase);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
