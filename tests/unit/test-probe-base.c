/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files below injected roots, and references to processes. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/pidref.h"

static RootFds roots;

static int scratch_file(const char *text, size_t size) {
        char path[] = "/var/tmp/probe-base-XXXXXX";
        int fd = mkstemp(path);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(write(fd, text, size), (ssize_t) size);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

START_TEST(whole_files) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        _cleanup_free_ char *big = malloc(100000);
        _cleanup_close_ int fd = -1, empty = scratch_file("", 0);

        memset(big, 'x', 100000);
        fd = scratch_file(big, 100000);
        ck_assert_int_eq(read_whole(fd, 100000, &buffer), 0);
        ck_assert_uint_eq(buffer.size, 100000);
        ck_assert_int_eq(buffer.data[100000], '\0');
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        ck_assert_int_eq(read_whole(fd, 99999, &buffer), -EFBIG);

        ck_assert_int_eq(read_whole(empty, 0, &buffer), 0);
        ck_assert_uint_eq(buffer.size, 0);
        ck_assert_str_eq(buffer.data, "");
        ck_assert_int_eq(read_whole_at(roots.proc, "no/such", 10, &buffer), -ENOENT);
        ck_assert_int_eq(read_whole_at(roots.proc, "self/status", 1 << 20, &buffer), 0);
        ck_assert_ptr_nonnull(strstr(buffer.data, "CapEff:"));
}
END_TEST

START_TEST(positioned_reads) {
        _cleanup_close_ int fd = scratch_file("0123456789", 10);
        char buf[8] = {};

        ck_assert_int_eq(pread_full(fd, buf, 4, 3), 4);
        ck_assert_int_eq(memcmp(buf, "3456", 4), 0);
        ck_assert_int_eq(pread_full(fd, buf, 8, 8), 2);
        ck_assert_int_eq(pread_full(fd, buf, 8, 100), 0);
        ck_assert_int_eq(pread_full(-1, buf, 8, 0), -EBADF);
}
END_TEST

START_TEST(buffers) {
        _cleanup_(buffer_deinit) Buffer buffer = {};

        ck_assert_int_eq(buffer_append(&buffer, NULL, 0), 0);
        ck_assert_str_eq(buffer.data, "");
        for (unsigned i = 0; i < 1000; i++)
                ck_assert_int_eq(buffer_append(&buffer, "abc", 3), 0);
        ck_assert_uint_eq(buffer.size, 3000);
        ck_assert_uint_eq(strlen(buffer.data), 3000);
        ck_assert_int_eq(buffer_reserve(&buffer, SIZE_MAX - 5), -ENOMEM);
        ck_assert_int_eq(buffer_append(&buffer, "", SIZE_MAX - 5), -ENOMEM);
}
END_TEST

START_TEST(roots_below_a_prefix) {
        char path[] = "/var/tmp/probe-root-XXXXXX", sub[64];
        RootFds other = ROOT_FDS_NONE;

        ck_assert_ptr_nonnull(mkdtemp(path));
        ck_assert_int_eq(root_fds_open(&other, path), -ENOENT);
        ck_assert_int_eq(other.proc, -1);
        (void) snprintf(sub, sizeof(sub), "%s/proc", path);
        ck_assert_int_eq(mkdir(sub, 0700), 0);
        (void) snprintf(sub, sizeof(sub), "%s/sys", path);
        ck_assert_int_eq(mkdir(sub, 0700), 0);
        ck_assert_int_eq(root_fds_open(&other, path), 0);
        ck_assert_int_ge(other.proc, 0);
        ck_assert_int_ge(other.sys, 0);
        ck_assert_int_eq(other.cgroup, -1);
        root_fds_close(&other);
        ck_assert_int_eq(other.proc, -1);
        ck_assert_int_eq(rmdir(sub), 0);
        (void) snprintf(sub, sizeof(sub), "%s/proc", path);
        ck_assert_int_eq(rmdir(sub), 0);
        ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(stat_texts) {
        static const char text[] =
                "77 (a) (b c)) R 5 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 -20 0 1 0 123456 99 4242 "
                "18446744073709551615 1 1\n";
        ProcStat stat;

        ck_assert_int_eq(proc_stat_parse(text, &stat), 0);
        ck_assert_int_eq(stat.pid, 77);
        ck_assert_int_eq(stat.ppid, 5);
        ck_assert_str_eq(stat.comm, "a) (b c)");
        ck_assert_int_eq(stat.state, 'R');
        ck_assert_uint_eq(stat.flags, 4194560);
        ck_assert_uint_eq(stat.start_time, 123456);
        ck_assert_uint_eq(stat.rss_pages, 4242);
}
END_TEST

START_TEST(malformed_stat_texts) {
        static const char *const texts[] = {
                "", "77", "77 ", "77 (a", "77 a R 1", "77 (a)", "77 (a) ", "77 (a) R",
                "77 (a) R 1 2 3\n",
                "x (a) R 5 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 99 4242 1\n",
                "99999999999 (a) R 5 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 99 4242 1\n",
                "77 (a) R 5 77 77 0 -1 4194560 1 2 3 4 5 6 x 8 20 0 1 0 123456 99 4242 1\n",
        };
        ProcStat stat;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                ck_assert_msg(proc_stat_parse(texts[i], &stat) == -EINVAL, "%s", texts[i]);
}
END_TEST

START_TEST(own_process) {
        PidRef ref;
        ProcStat stat;

        ck_assert_int_eq(pidref_open(&ref, &roots, getpid(), &stat), 0);
        ck_assert(pidref_alive(&ref, &roots));
        ck_assert_int_eq(stat.ppid, getppid());
        ck_assert_uint_eq(stat.start_time, ref.start_time);
        ck_assert_int_eq(proc_stat_read(&roots, getpid(), &stat), 0);
        ck_assert_uint_eq(stat.start_time, ref.start_time);

        /* Without a pidfd: another process with the same pid. */
        closep(&ref.fd);
        ref.fd = -1;
        ck_assert(pidref_alive(&ref, &roots));
        ref.start_time++;
        ck_assert(!pidref_alive(&ref, &roots));
        pidref_close(&ref);
        ck_assert_int_eq(ref.fd, -1);
}
END_TEST

START_TEST(ended_processes) {
        PidRef ref, other = PIDREF_NONE;
        ProcStat stat;
        pid_t pid = fork();

        if (pid == 0)
                for (;;)
                        (void) pause();
        ck_assert_int_eq(pidref_open(&ref, &roots, pid, NULL), 0);
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitid(P_PID, (id_t) pid, &(siginfo_t) {}, WEXITED | WNOWAIT), 0);
        ck_assert(!pidref_alive(&ref, &roots));
        ck_assert_int_eq(pidref_open(&other, &roots, pid, NULL), PIDREF_E_GONE);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert(!pidref_alive(&ref, &roots));
        ck_assert_int_eq(pidref_open(&other, &roots, pid, NULL), PIDREF_E_GONE);
        ck_assert_int_eq(proc_stat_read(&roots, pid, &stat), PIDREF_E_GONE);
        ck_assert_int_eq(other.fd, -1);
        pidref_close(&ref);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("probe-base");
        TCase *tcase = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        if (root_fds_open(&roots, "") < 0)
                return 1;
        tcase_add_test(tcase, whole_files);
        tcase_add_test(tcase, positioned_reads);
        tcase_add_test(tcase, buffers);
        tcase_add_test(tcase, roots_below_a_prefix);
        tcase_add_test(tcase, stat_texts);
        tcase_add_test(tcase, malformed_stat_texts);
        tcase_add_test(tcase, own_process);
        tcase_add_test(tcase, ended_processes);
        suite_add_tcase(suite, tcase);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        root_fds_close(&roots);
        return failed > 0;
}
