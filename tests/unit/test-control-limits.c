/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The varlink server: limits on peers, and how they come in. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "test-control.h"

#define OTHER_USER 65534

static ControlLimits limits(void) {
        ControlLimits limits = CONTROL_LIMITS_DEFAULT;

        limits.accept_burst = 100000;
        return limits;
}

/* Runs the loop for about this long. */
static void run(Fixture *f, nsec_t time) {
        nsec_t end = clock_nsec(CLOCK_MONOTONIC) + time;

        while (clock_nsec(CLOCK_MONOTONIC) < end)
                turn(f);
}

static void assert_closed(Fixture *f, int fd) {
        assert_heard(f, fd, "EOF");
}

static unsigned count_fds(void) {
        DIR *directory = opendir("/proc/self/fd");
        unsigned n = 0;

        ck_assert_ptr_nonnull(directory);
        while (readdir(directory))
                n++;
        closedir(directory);
        return n;
}

/* Pushes until the peer counts as behind, and on until nothing fits any more. */
START_TEST(test_slow_reader) {
        ControlLimits short_limits = limits();
        _cleanup_(teardown) Fixture f;
        unsigned pushed = 0, ready = 0;
        int fd, r;

        short_limits.unread = NSEC_PER_SEC;
        setup_with(&f, short_limits);
        fd = dial(&f);
        OPEN(&f, fd, CALL("org.test.Watch", ",\"more\":true"));
        do {
                ready += control_stream_ready(f.stream);
                fill(control_stream_begin(f.stream), 50000);
                r = control_stream_end(f.stream, true);
                pushed += r == 0;
                if (ready == pushed)
                        run(&f, NSEC_PER_MSEC);
        } while (r == 0);
        ck_assert_int_eq(r, CONTROL_E_FULL);
        ck_assert_uint_gt(ready, 1);
        ck_assert_uint_gt(pushed, ready);
        ck_assert_uint_ge(pushed, short_limits.output_bytes / 52000);
        ck_assert_uint_lt(control_stream_room(f.stream), 52000);
        ck_assert_int_eq(control_stream_reply(f.stream, NULL, true), 0);

        /* It stays as long as it reads, and is dropped when it stops. (The kernel lets a writer go
         * on only once three quarters of the socket buffer are free.) */
        for (unsigned i = 0; i < 10; i++) {
                char buf[20000];

                while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
                        ;
                run(&f, 140 * NSEC_PER_MSEC);
                ck_assert_uint_eq(f.closed, 0);
        }
        while (f.closed == 0)
                turn(&f);
        ck_assert_uint_eq(control_n_connections(f.control), 0);
        ck_assert_ptr_nonnull(strstr(f.last_log, "does not read"));
        close(fd);
}
END_TEST

/* A peer that asks and asks and never reads: its calls wait, the queue does not grow. */
START_TEST(test_asks_without_reading) {
        static const char call[] = CALL("org.test.Big", ",\"parameters\":{\"size\":60000}");
        _cleanup_(teardown) Fixture f;
        _cleanup_free_ char *text = NULL;
        unsigned asked = 0;
        int fd;

        setup_with(&f, limits());
        fd = dial(&f);
        for (unsigned i = 0; i < 5000; i++) {
                asked += send(fd, call, sizeof(call), MSG_NOSIGNAL) == sizeof(call);
                turn(&f);
        }
        ck_assert_uint_lt(asked, 5000);
        ck_assert_uint_gt(asked, 20);
        ck_assert_uint_eq(f.logged, 0);
        text = hear(&f, fd, 20);
        ck_assert_uint_ge(strlen(text), 20 * 60000);
        close(fd);
}
END_TEST

START_TEST(test_unfinished) {
        ControlLimits short_limits = limits();
        _cleanup_(teardown) Fixture f;
        int fd, idle;

        short_limits.unfinished = 200 * NSEC_PER_MSEC;
        setup_with(&f, short_limits);
        fd = dial(&f);
        idle = dial(&f);
        /* A byte now and then does not help. */
        while (send(fd, " ", 1, MSG_NOSIGNAL) == 1)
                run(&f, 20 * NSEC_PER_MSEC);
        assert_closed(&f, fd);
        ck_assert_ptr_nonnull(strstr(f.last_log, "did not finish"));

        /* Who says nothing at all may stay. */
        SAY(&f, idle, CALL("org.test.Echo", ""));
        assert_heard(&f, idle, REPLY(""));

        /* Nor is it late as long as it is not its turn. */
        OPEN(&f, idle, CALL("org.test.Watch", ",\"more\":true") "\0{");
        run(&f, 300 * NSEC_PER_MSEC);
        ck_assert_uint_eq(f.closed, 0);
        close(fd);
        close(idle);
}
END_TEST

START_TEST(test_request_size) {
        static const char head[] = "{\"method\":\"org.test.Echo\",\"parameters\":{\"text\":\"";
        static const char tail[] = "\"}}";
        _cleanup_(teardown) Fixture f;
        _cleanup_free_ char *text = malloc((64 << 10) + 2), *reply = NULL;
        size_t size = (64 << 10) + (size_t) _i;
        int fd;

        setup_with(&f, limits());
        fd = dial(&f);
        memset(text, 'x', size);
        memcpy(text, head, strlen(head));
        memcpy(text + size - strlen(tail), tail, sizeof(tail));
        (void) say(&f, fd, text, size + 1);
        reply = hear(&f, fd, 1);
        if (_i == 0)
                ck_assert_uint_gt(strlen(reply), 65000);
        else
                ck_assert_str_eq(reply, "EOF");
        close(fd);
}
END_TEST

START_TEST(test_17_mib) {
        _cleanup_(teardown) Fixture f;
        size_t size = 17 << 20;
        _cleanup_free_ char *text = malloc(size);
        int fd;

        setup_with(&f, limits());
        fd = dial(&f);
        memset(text, ' ', size);
        ck_assert(!say(&f, fd, text, size));
        assert_closed(&f, fd);
        ck_assert_ptr_nonnull(strstr(f.last_log, "too long"));
        ck_assert_uint_eq(control_n_connections(f.control), 0);
        close(fd);
}
END_TEST

START_TEST(test_connections_per_user) {
        _cleanup_(teardown) Fixture f;
        int fds[18];

        setup_with(&f, limits());
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = dial_as(&f, OTHER_USER);
        ck_assert_uint_eq(control_n_connections(f.control), 16);
        assert_closed(&f, fds[16]);
        assert_closed(&f, fds[17]);
        /* Two refusals within a second, one message. */
        ck_assert_uint_eq(f.logged, 1);
        SAY(&f, fds[15], CALL("org.test.Echo", ""));
        assert_heard(&f, fds[15], REPLY(""));

        /* One goes, one may come. */
        close(fds[0]);
        run(&f, 10 * NSEC_PER_MSEC);
        fds[0] = dial_as(&f, OTHER_USER);
        ck_assert_uint_eq(control_n_connections(f.control), 16);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
}
END_TEST

START_TEST(test_connections_total) {
        _cleanup_(teardown) Fixture f;
        ControlLimits all = limits();
        int fds[18];

        all.connections = geteuid() == 0 ? 12 : 16;
        all.connections_root = 4;
        /* Root is counted in the total only; others need the limit per user out of the way. */
        all.connections_per_uid = 100;
        setup_with(&f, all);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = dial_as(&f, geteuid());
        ck_assert_uint_eq(control_n_connections(f.control), 16);
        assert_closed(&f, fds[16]);
        assert_closed(&f, fds[17]);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
}
END_TEST

START_TEST(test_streams_per_user) {
        _cleanup_(teardown) Fixture f;
        int fds[9];

        setup_with(&f, limits());
        for (size_t i = 0; i < 8; i++) {
                fds[i] = dial_as(&f, OTHER_USER);
                OPEN(&f, fds[i], CALL("org.test.Watch", ",\"more\":true"));
        }
        fds[8] = dial_as(&f, OTHER_USER);
        SAY(&f, fds[8], CALL("org.test.Watch", ",\"more\":true"));
        assert_heard(&f, fds[8], "{\"error\":\"org.test.TooMany\",\"parameters\":{}}\n");
        close(fds[0]);
        run(&f, 10 * NSEC_PER_MSEC);
        OPEN(&f, fds[8], CALL("org.test.Watch", ",\"more\":true"));
        for (size_t i = 1; i < 9; i++)
                close(fds[i]);
}
END_TEST

START_TEST(test_accept_ratelimit) {
        ControlLimits slow = limits();
        _cleanup_(teardown) Fixture f;
        int fds[6];

        slow.accept_interval = 2 * NSEC_PER_SEC;
        slow.accept_burst = 3;
        slow.accept_batch = 1;
        setup_with(&f, slow);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = dial(&f);
        run(&f, 50 * NSEC_PER_MSEC);
        ck_assert_uint_eq(control_n_connections(f.control), 3);
        while (control_n_connections(f.control) < 6)
                turn(&f);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
}
END_TEST

/* Without descriptors the loop must not spin; afterwards the peer is let in. */
START_TEST(test_no_descriptors) {
        ControlLimits soon = limits();
        struct rlimit before, none;
        _cleanup_(teardown) Fixture f;
        unsigned turns = 0;
        nsec_t end;
        int fd;

        soon.accept_pause = 200 * NSEC_PER_MSEC;
        setup_with(&f, soon);
        fd = dial(&f);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = before;
        none.rlim_cur = (rlim_t) fd + 1;
        /* Holes below count as free descriptors. */
        for (int hole = dup(fd); hole < fd; hole = dup(fd))
                ck_assert_int_ge(hole, 0);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        for (end = clock_nsec(CLOCK_MONOTONIC) + 100 * NSEC_PER_MSEC;
             clock_nsec(CLOCK_MONOTONIC) < end; turns++)
                ck_assert_int_ge(sd_event_run(f.event, 20000), 0);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        ck_assert_uint_lt(turns, 12);
        ck_assert_uint_eq(f.logged, 1);
        ck_assert_uint_eq(control_n_connections(f.control), 0);
        while (control_n_connections(f.control) == 0)
                turn(&f);
        close(fd);
}
END_TEST

START_TEST(test_1000_connects) {
        _cleanup_(teardown) Fixture f;
        unsigned before;

        setup_with(&f, limits());
        before = count_fds();
        for (unsigned i = 0; i < 1000; i++) {
                int fd = dial(&f);

                if (i % 4 == 0)
                        (void) send(fd, "{", 1, MSG_NOSIGNAL);
                else if (i % 4 == 1)
                        (void) send(fd, "{]", 3, MSG_NOSIGNAL);
                else if (i % 4 == 2) {
                        SAY(&f, fd, CALL("org.test.Echo", ""));
                        assert_heard(&f, fd, REPLY(""));
                }
                close(fd);
                turn(&f);
        }
        while (control_n_connections(f.control) > 0)
                turn(&f);
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

/* Descriptors that a peer passes along are dropped by the kernel. */
START_TEST(test_passed_descriptors) {
        static char call[] = CALL("org.test.Echo", "");
        char buf[CMSG_SPACE(sizeof(int))] = {};
        struct iovec iov = { call, sizeof(call) };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf),
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        _cleanup_(teardown) Fixture f;
        unsigned before;
        int fd;

        setup_with(&f, limits());
        fd = dial(&f);
        run(&f, 10 * NSEC_PER_MSEC);
        before = count_fds();
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
        ck_assert_int_eq(sendmsg(fd, &message, 0), sizeof(call));
        assert_heard(&f, fd, REPLY(""));
        ck_assert_uint_eq(count_fds(), before);
        close(fd);
}
END_TEST

START_TEST(test_path) {
        _cleanup_(teardown) Fixture f;
        _cleanup_free_ char *error = NULL;
        char parent[64], path[80];
        struct stat st;
        Control *second;
        mode_t before;
        int fd;

        setup_with(&f, limits());
        (void) snprintf(parent, sizeof(parent), "%s/new", f.directory);
        (void) snprintf(path, sizeof(path), "%s/socket", parent);
        ck_assert_int_eq(control_new(f.event, &f.config, &second), 0);

        /* Rights do not depend on the umask, neither way. */
        before = umask(_i == 0 ? 0777 : 0);
        ck_assert_int_eq(control_listen_path(second, path, 0660, getegid(), &error), 0);
        umask(before);
        ck_assert_int_eq(stat(parent, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0755);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode, S_IFSOCK | 0660);

        /* The living are left alone, and what is no socket, too. */
        ck_assert_int_eq(control_listen_path(second, f.path, 0660, (gid_t) -1, &error),
                         CONTROL_E_IN_USE);
        ck_assert_ptr_nonnull(strstr(error, f.path));
        second = control_free(second);
        ck_assert_int_lt(stat(path, &st), 0);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        ck_assert_int_eq(control_listen_path(f.control, path, 0660, (gid_t) -1, &error), -EEXIST);
        close(fd);
        ck_assert_int_eq(unlink(path), 0);

        /* A socket that has replaced ours is left. */
        ck_assert_int_eq(control_new(f.event, &f.config, &second), 0);
        ck_assert_int_eq(control_listen_path(second, path, 0660, (gid_t) -1, &error), 0);
        ck_assert_int_eq(rename(f.path, path), 0);
        second = control_free(second);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(rmdir(parent), 0);
}
END_TEST

START_TEST(test_stale_path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(teardown) Fixture f;
        int fd;

        setup_with(&f, limits());
        f.control = control_free(f.control);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void) strcpy(address.sun_path, f.path);
        ck_assert_int_eq(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        close(fd);

        ck_assert_int_eq(control_new(f.event, &f.config, &f.control), 0);
        ck_assert_int_eq(control_listen_path(f.control, f.path, 0660, (gid_t) -1, NULL), 0);
        fd = dial(&f);
        SAY(&f, fd, CALL("org.test.Echo", ""));
        assert_heard(&f, fd, REPLY(""));
        close(fd);
}
END_TEST

/* In a process of its own, since descriptor 3 is where the service manager puts it. */
static int inherit(Fixture *f, bool listening) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char pid[20];
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
        (void) unlink(f->path);
        if (fd < 0 || bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            (listening && listen(fd, 5) < 0) || (fd != 3 && dup2(fd, 3) < 0))
                return 100;
        (void) snprintf(pid, sizeof(pid), "%d", (int) getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "1", 1);
        setenv("LISTEN_FDNAMES", "varlink", 1);
        if (control_listen_inherited(f->control, "other", NULL) != CONTROL_E_NONE)
                return 101;
        return -control_listen_inherited(f->control, "varlink", NULL);
}

START_TEST(test_inherited) {
        _cleanup_(teardown) Fixture f;
        int fd, status, ready[2];
        char byte;
        pid_t pid;

        setup_with(&f, limits());
        ck_assert_int_eq(pipe(ready), 0);
        /* It must not lie where the inherited socket goes. */
        ready[1] = fcntl(ready[1], F_DUPFD_CLOEXEC, 10);
        ck_assert_int_ge(ready[1], 0);
        ck_assert_int_eq(control_listen_inherited(f.control, "varlink", NULL), CONTROL_E_NONE);
        pid = fork();
        if (pid == 0) {
                /* The copy of the event loop is of no use in another process. */
                sd_event_new(&f.event);
                control_new(f.event, &f.config, &f.control);
                status = inherit(&f, _i == 0);
                (void) !write(ready[1], "x", 1);
                while (status == 0)
                        sd_event_run(f.event, UINT64_MAX);
                _exit(status);
        }
        if (_i == 0) {
                ck_assert_int_eq(read(ready[0], &byte, 1), 1);
                fd = dial(&f);
                SAY(&f, fd, CALL("org.test.Echo", ""));
                assert_heard(&f, fd, REPLY(""));
                close(fd);
                kill(pid, SIGKILL);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        if (_i == 1)
                ck_assert_int_eq(WEXITSTATUS(status), ENOTSOCK);
        close(ready[0]);
        close(ready[1]);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("control-limits");
        TCase *tcase = tcase_create("limits");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, test_slow_reader);
        tcase_add_test(tcase, test_asks_without_reading);
        tcase_add_test(tcase, test_unfinished);
        tcase_add_loop_test(tcase, test_request_size, 0, 2);
        tcase_add_test(tcase, test_17_mib);
        tcase_add_test(tcase, test_connections_per_user);
        tcase_add_test(tcase, test_connections_total);
        tcase_add_test(tcase, test_streams_per_user);
        tcase_add_test(tcase, test_accept_ratelimit);
        tcase_add_test(tcase, test_no_descriptors);
        tcase_add_test(tcase, test_1000_connects);
        tcase_add_test(tcase, test_passed_descriptors);
        tcase_add_loop_test(tcase, test_path, 0, 2);
        tcase_add_test(tcase, test_stale_path);
        tcase_add_loop_test(tcase, test_inherited, 0, 2);
        suite_add_tcase(suite, tcase);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
