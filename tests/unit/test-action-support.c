/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said to be supported: on this very kernel, and as other kernels and privileges would have it. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "action/support.h"
#include "base/macro.h"

static RootFds roots;
static int answer_madvise, answer_readv, answer_split; /* negative: what the call returns */
static int answer_move;
static bool needs_nice; /* only what nobody else maps may be moved */
static int wrong_advice = -1; /* the only one that fails, unless -1 */
static pid_t last_pid;

static ssize_t answer(int pidfd, const struct iovec *ranges, size_t n, int advice) {
        ck_assert_int_ge(pidfd, 0);
        ck_assert_uint_eq(n, 1);
        if (answer_madvise < 0 && (wrong_advice == -1 || wrong_advice == advice))
                return answer_madvise;
        return (ssize_t) ranges->iov_len;
}

static ssize_t answer_read(pid_t pid, const struct iovec *local, size_t n_local, const struct iovec *remote,
                           size_t n_remote) {
        last_pid = pid;
        return answer_readv < 0 ? answer_readv : 1;
}

static int answer_to_split(int fd, pid_t pid, uint64_t start, uint64_t end) {
        ck_assert_int_eq(pid, last_pid);
        ck_assert_uint_lt(start, end);
        return answer_split;
}

static int answer_nodes(pid_t pid, size_t n, void **pages, int *status) {
        ck_assert_uint_eq(n, 1);
        ck_assert_ptr_nonnull(pages[0]);
        status[0] = 0;
        return answer_move == -ENOSYS ? -ENOSYS : 0;
}

static int answer_to_move(pid_t pid, size_t n, void **pages, const int *nodes, int *status, bool shared) {
        ck_assert_uint_eq(n, 1);
        ck_assert_int_eq(nodes[0], 0);
        return shared && needs_nice ? -EPERM : answer_move;
}

static const ActionIo answers = {
        .nodes = answer_nodes,
        .move = answer_to_move,
        .madvise = answer,
        .vm_readv = answer_read,
        .split = answer_to_split,
};

static void setup(void) {
        answer_madvise = answer_readv = answer_split = answer_move = 0;
        needs_nice = false;
        wrong_advice = -1;
        ck_assert_int_eq(root_fds_open(&roots, ""), 0);
}

static void teardown(void) {
        /* No child is left, running or dead. */
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
        ck_assert_int_eq(errno, ECHILD);
        root_fds_close(&roots);
}

static ActionSupport *probe(void) {
        ActionSupport *support = NULL;

        ck_assert_int_eq(action_support_probe_with(&roots, &answers, &support), 0);
        for (Action a = 0; a < _ACTION_MAX; a++)
                ck_assert_msg(support->actions[a].reason != NULL, "%s", action_name(a));
        return support;
}

static void expect(const ActionSupport *support, Action action, bool usable, const char *words) {
        const ActionFinding *finding = &support->actions[action];

        ck_assert_msg(finding->usable == usable && strstr(finding->reason, words), "%s: %d, %s", action_name(action),
                      finding->usable, finding->reason);
}

static unsigned count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        ck_assert_ptr_nonnull(dir);
        while (readdir(dir))
                n++;
        (void) closedir(dir);
        return n;
}

START_TEST(everything_works) {
        _cleanup_(action_support_freep) ActionSupport *support = probe();

        expect(support, ACTION_STAT, true, "");
        expect(support, ACTION_COLD, true, "");
        expect(support, ACTION_PAGEOUT, true, "");
        expect(support, ACTION_COLLAPSE, true, "");
        expect(support, ACTION_HUGEPAGE, true, "MADV_COLLAPSE");
        expect(support, ACTION_LRU_DEPRIO, true, "cold");
        expect(support, ACTION_LRU_PRIO, true, "reading");
}
END_TEST

/* A machine with this many nodes of memory. */
static void make_nodes(char path[static 64], unsigned n) {
        char command[600];

        (void) snprintf(path, 64, "/tmp/udamon-test-support.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(path));
        (void) snprintf(command, sizeof(command),
                        "cd %s && mkdir -p proc sys/devices/system/node && echo 0-%u >sys/devices/system/node/online && "
                        "for i in $(seq 0 %u); do mkdir sys/devices/system/node/node$i && "
                        "printf 'Node %%d MemTotal: 1000 kB\\nNode %%d MemFree: 10 kB\\n' $i $i "
                        ">sys/devices/system/node/node$i/meminfo; done",
                        path, n - 1, n - 1);
        ck_assert_int_eq(system(command), 0);
        root_fds_close(&roots);
        ck_assert_int_eq(root_fds_open(&roots, path), 0);
}

static void remove_nodes(const char *path) {
        char command[100];

        (void) snprintf(command, sizeof(command), "rm -rf %s", path);
        ck_assert_int_eq(system(command), 0);
}

START_TEST(migration) {
        static const struct {
                unsigned nodes;
                int answer;
                bool needs_nice;
                bool usable;
                const char *words;
        } cases[] = {
                { 2, 0, false, true, "" },
                { 3, 0, true, true, "" },
                { 1, 0, false, false, "one NUMA node with memory" },
                { 2, -ENOSYS, false, false, "move_pages" },
                { 2, -EPERM, false, false, "CAP_SYS_NICE" },
                { 2, -EIO, false, false, "Input/output error" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(action_support_freep) ActionSupport *support = NULL;
                char path[64];

                make_nodes(path, cases[i].nodes);
                answer_move = cases[i].answer;
                needs_nice = cases[i].needs_nice;
                support = probe();
                expect(support, ACTION_MIGRATE_HOT, cases[i].usable, cases[i].words);
                expect(support, ACTION_MIGRATE_COLD, cases[i].usable, cases[i].words);
                remove_nodes(path);
        }
}
END_TEST

START_TEST(kernel_without_the_call) {
        _cleanup_(action_support_freep) ActionSupport *support = NULL;
        const Action actions[] = { ACTION_PAGEOUT, ACTION_COLD, ACTION_WILLNEED, ACTION_HUGEPAGE, ACTION_COLLAPSE };

        answer_madvise = answer_readv = -ENOSYS;
        support = probe();
        for (size_t i = 0; i < ELEMENTSOF(actions); i++)
                expect(support, actions[i], false, "5.10");
        expect(support, ACTION_LRU_PRIO, false, "process_vm_readv");
        expect(support, ACTION_STAT, true, "");
}
END_TEST

START_TEST(not_privileged) {
        _cleanup_(action_support_freep) ActionSupport *support = NULL;

        answer_madvise = answer_readv = -EPERM;
        support = probe();
        expect(support, ACTION_PAGEOUT, false, "CAP_SYS_NICE");
        expect(support, ACTION_LRU_DEPRIO, false, "CAP_SYS_NICE");
        expect(support, ACTION_LRU_PRIO, false, "CAP_SYS_PTRACE");
}
END_TEST

START_TEST(kernel_without_collapse) {
        _cleanup_(action_support_freep) ActionSupport *support = NULL;

        answer_madvise = -EINVAL;
        wrong_advice = 25;
        support = probe();
        expect(support, ACTION_COLLAPSE, false, "6.1");
        expect(support, ACTION_HUGEPAGE, false, "6.1");
        expect(support, ACTION_COLD, true, "");
}
END_TEST

START_TEST(kernel_without_willneed) {
        _cleanup_(action_support_freep) ActionSupport *support = NULL;

        answer_madvise = -EINVAL;
        wrong_advice = 3;
        support = probe();
        expect(support, ACTION_WILLNEED, false, "5.15");
        expect(support, ACTION_PAGEOUT, true, "");
}
END_TEST

START_TEST(a_bad_moment_is_no_lack_of_support) {
        const int errors[] = { -EAGAIN, -EBUSY, -ENOMEM, -EBADF };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                _cleanup_(action_support_freep) ActionSupport *support = NULL;

                answer_madvise = errors[i];
                support = probe();
                expect(support, ACTION_COLLAPSE, true, "");
                expect(support, ACTION_WILLNEED, true, "");
        }
        answer_madvise = -EIO;
        answer_readv = -EIO;
        _cleanup_(action_support_freep) ActionSupport *support = probe();
        expect(support, ACTION_COLD, false, "nput/output");
        expect(support, ACTION_LRU_PRIO, false, "nput/output");
}
END_TEST

/* A tree with the files that matter. */
typedef struct Tree {
        char path[64];
        RootFds roots;
} Tree;

static const char *const tree_directories[] = { "proc", "sys", "sys/kernel", "sys/kernel/debug" };

static void tree_path(const Tree *tree, char path[static 160], const char *name) {
        (void) snprintf(path, 160, "%s/%s", tree->path, name);
}

static void tree_write(const Tree *tree, const char *name, const char *text) {
        char path[160];
        FILE *f;

        tree_path(tree, path, name);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        (void) fputs(text, f);
        (void) fclose(f);
}

static void tree_init(Tree *tree) {
        char path[160];

        *tree = (Tree) { .path = "/var/tmp/udamon-support-XXXXXX" };
        ck_assert_ptr_nonnull(mkdtemp(tree->path));
        for (size_t i = 0; i < ELEMENTSOF(tree_directories); i++) {
                tree_path(tree, path, tree_directories[i]);
                ck_assert_int_eq(mkdir(path, 0700), 0);
        }
        ck_assert_int_eq(root_fds_open(&tree->roots, tree->path), 0);
}

static void tree_deinit(Tree *tree) {
        char path[160];

        root_fds_close(&tree->roots);
        tree_path(tree, path, "sys/kernel/debug/split_huge_pages");
        (void) unlink(path);
        tree_path(tree, path, "proc/meminfo");
        (void) unlink(path);
        for (size_t i = ELEMENTSOF(tree_directories); i-- > 0;) {
                tree_path(tree, path, tree_directories[i]);
                (void) rmdir(path);
        }
        (void) rmdir(tree->path);
}

START_TEST(substitute_for_nohugepage) {
        ActionSupport *support = NULL;
        Tree tree;

        tree_init(&tree);
        ck_assert_int_eq(action_support_probe_with(&tree.roots, &answers, &support), 0);
        expect(support, ACTION_NOHUGEPAGE, false, "debugfs");
        support = action_support_free(support);

        tree_write(&tree, "sys/kernel/debug/split_huge_pages", "");
        ck_assert_int_eq(action_support_probe_with(&tree.roots, &answers, &support), 0);
        expect(support, ACTION_NOHUGEPAGE, true, "split_huge_pages");
        support = action_support_free(support);

        answer_split = -EPERM;
        ck_assert_int_eq(action_support_probe_with(&tree.roots, &answers, &support), 0);
        expect(support, ACTION_NOHUGEPAGE, false, "lockdown");
        support = action_support_free(support);

        answer_split = -EINVAL; /* a kernel that takes only "1": the whole machine */
        ck_assert_int_eq(action_support_probe_with(&tree.roots, &answers, &support), 0);
        expect(support, ACTION_NOHUGEPAGE, false, "ranges");
        support = action_support_free(support);
        tree_deinit(&tree);
}
END_TEST

START_TEST(pageout_without_swap) {
        static const char rest[] = "MemTotal: 100 kB\nMemFree: 50 kB\n";
        ActionSupport *support = NULL;
        char text[200];
        Tree tree;

        tree_init(&tree);
        (void) snprintf(text, sizeof(text), "%sSwapTotal: 0 kB\nSwapFree: 0 kB\n", rest);
        tree_write(&tree, "proc/meminfo", text);
        ck_assert_int_eq(action_support_probe_with(&tree.roots, &answers, &support), 0);
        expect(support, ACTION_PAGEOUT, true, "only file-backed memory can be paged out");
        expect(support, ACTION_WILLNEED, true, "only file-backed");
        support = action_support_free(support);

        (void) snprintf(text, sizeof(text), "%sSwapTotal: 100 kB\nSwapFree: 0 kB\n", rest);
        tree_write(&tree, "proc/meminfo", text);
        ck_assert_int_eq(action_support_probe_with(&tree.roots, &answers, &support), 0);
        ck_assert_str_eq(support->actions[ACTION_PAGEOUT].reason, "");
        support = action_support_free(support);
        tree_deinit(&tree);
}
END_TEST

START_TEST(this_kernel) {
        unsigned fds = count_fds();

        for (unsigned i = 0; i < 3; i++) {
                _cleanup_(action_support_freep) ActionSupport *support = NULL;

                ck_assert_int_eq(action_support_probe(&roots, &support), 0);
                for (Action a = 0; a < _ACTION_MAX; a++) {
                        const ActionFinding *finding = &support->actions[a];

                        ck_assert_ptr_nonnull(finding->reason);
                        /* who cannot is told why */
                        ck_assert(finding->usable || *finding->reason);
                        if (i == 0)
                                printf("%-13s %-3s %s\n", action_name(a), finding->usable ? "yes" : "no", finding->reason);
                }
                ck_assert(support->actions[ACTION_STAT].usable);
                ck_assert_int_eq(support->actions[ACTION_COLD].usable, support->actions[ACTION_LRU_DEPRIO].usable);
                ck_assert_int_eq(support->actions[ACTION_COLLAPSE].usable, support->actions[ACTION_HUGEPAGE].usable);
        }
        ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

int main(void) {
        TCase *cases = tcase_create("support");
        Suite *suite = suite_create("action-support");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(cases, setup, teardown);
        tcase_add_test(cases, everything_works);
        tcase_add_test(cases, migration);
        tcase_add_test(cases, kernel_without_the_call);
        tcase_add_test(cases, not_privileged);
        tcase_add_test(cases, kernel_without_collapse);
        tcase_add_test(cases, kernel_without_willneed);
        tcase_add_test(cases, a_bad_moment_is_no_lack_of_support);
        tcase_add_test(cases, substitute_for_nohugepage);
        tcase_add_test(cases, pageout_without_swap);
        tcase_add_test(cases, this_kernel);
        suite_add_tcase(suite, cases);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
