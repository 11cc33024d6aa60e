/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The varlink server: no user can keep another from being served. Users are told apart by their uid, so this needs
 * root; otherwise it is skipped. */
#include "test-control.h"

#define HOSTILE 65534
#define VICTIM 65533
#define CONNECTIONS 8

static ControlLimits limits(void) {
        ControlLimits limits = CONTROL_LIMITS_DEFAULT;

        limits.accept_burst = 100000;
        return limits;
}

static void say_raw(int fd, const char *text, size_t size) {
        ck_assert_int_eq(send(fd, text, size, MSG_NOSIGNAL), (ssize_t) size);
}

#define SAY_RAW(fd, text) say_raw(fd, text, sizeof(text))

static void dial_many(Fixture *f, int fds[static CONNECTIONS], uid_t uid) {
        for (size_t i = 0; i < CONNECTIONS; i++)
                fds[i] = dial_as(f, uid);
}

static void close_many(const int fds[static CONNECTIONS]) {
        for (size_t i = 0; i < CONNECTIONS; i++)
                close(fds[i]);
}

static bool heard(int fd) {
        char byte;

        return recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
}

/* Many connections, each with a long pipeline of dear calls, take no more than every other turn. */
START_TEST(test_dear_calls) {
        _cleanup_(teardown) Fixture f;
        int fds[CONNECTIONS], victim;

        setup_with(&f, limits());
        dial_many(&f, fds, HOSTILE);
        victim = dial_as(&f, VICTIM);
        for (unsigned k = 0; k < 40; k++)
                for (size_t i = 0; i < CONNECTIONS; i++)
                        SAY_RAW(fds[i], CALL("org.test.Slow", ""));
        while (f.slow < 10)
                turn(&f);

        for (unsigned i = 0; i < 5; i++) {
                unsigned before = f.slow;

                SAY_RAW(victim, CALL("org.test.Echo", ""));
                while (!heard(victim))
                        turn(&f);
                ck_assert_uint_le(f.slow - before, 4);
                while (heard(victim))
                        ;
        }
        close_many(fds);
        close(victim);
}
END_TEST

/* As many calls as the victim likes, as long as they are cheap: users share time, not calls. */
START_TEST(test_time_is_shared) {
        _cleanup_(teardown) Fixture f;
        int fds[CONNECTIONS], victim;

        setup_with(&f, limits());
        dial_many(&f, fds, HOSTILE);
        victim = dial_as(&f, VICTIM);
        for (unsigned k = 0; k < 40; k++)
                for (size_t i = 0; i < CONNECTIONS; i++)
                        SAY_RAW(fds[i], CALL("org.test.Slow", ""));
        for (unsigned i = 0; i < 100; i++)
                SAY_RAW(victim, CALL("org.test.Count", ""));
        while (f.counted < 100)
                turn(&f);
        ck_assert_uint_lt(f.slow, 30);
        close_many(fds);
        close(victim);
}
END_TEST

/* Connections of one user take turns, too. */
START_TEST(test_own_connections) {
        _cleanup_(teardown) Fixture f;
        int fds[CONNECTIONS], other;

        setup_with(&f, limits());
        dial_many(&f, fds, HOSTILE);
        other = dial_as(&f, HOSTILE);
        for (unsigned k = 0; k < 40; k++)
                for (size_t i = 0; i < CONNECTIONS; i++)
                        SAY_RAW(fds[i], CALL("org.test.Slow", ""));
        while (f.slow < 20)
                turn(&f);
        f.slow = 0;
        SAY_RAW(other, CALL("org.test.Count", ""));
        while (f.counted == 0)
                turn(&f);
        ck_assert_uint_le(f.slow, 2 * CONNECTIONS);
        close_many(fds);
        close(other);
}
END_TEST

/* What is queued for all connections of a user together is bounded, and others do not notice. */
START_TEST(test_output_of_one_user) {
        static const char big[] = CALL("org.test.Big", ",\"parameters\":{\"size\":60000}");
        ControlLimits little = limits();
        int fds[CONNECTIONS], victim;
        _cleanup_(teardown) Fixture f;
        _cleanup_free_ char *text = NULL;
        unsigned queued = 0;

        little.output_bytes_per_uid = 100000;
        little.ready_bytes = 100000;
        setup_with(&f, little);
        dial_many(&f, fds, HOSTILE);
        victim = dial_as(&f, VICTIM);
        for (unsigned k = 0; k < 10; k++)
                for (size_t i = 0; i < CONNECTIONS; i++)
                        SAY_RAW(fds[i], big);
        for (unsigned i = 0; i < 500; i++)
                turn(&f);

        SAY_RAW(victim, big);
        text = hear(&f, victim, 1);
        ck_assert_uint_gt(strlen(text), 60000);

        /* when it reads at last, all of it comes */
        for (size_t i = 0; i < CONNECTIONS; i++) {
                _cleanup_free_ char *own = hear(&f, fds[i], 10);

                queued += strlen(own) > 600000;
        }
        ck_assert_uint_eq(queued, CONNECTIONS);
        close_many(fds);
        close(victim);
}
END_TEST

/* Others cannot lock root out. */
START_TEST(test_root_gets_in) {
        ControlLimits few = limits();
        _cleanup_(teardown) Fixture f;
        int fds[CONNECTIONS], root;

        few.connections = CONNECTIONS;
        few.connections_root = 1;
        setup_with(&f, few);
        dial_many(&f, fds, HOSTILE);
        root = dial_as(&f, VICTIM);
        assert_heard(&f, root, "EOF");
        close(root);
        root = dial_as(&f, 0);
        SAY(&f, root, CALL("org.test.Echo", ""));
        assert_heard(&f, root, REPLY(""));
        close(root);
        close_many(fds);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("control-fair");
        TCase *tests = tcase_create("fair");
        SRunner *runner;
        int failed;

        if (geteuid() != 0) {
                printf("skipped: only root can be several users\n");
                return 77;
        }
        tcase_set_timeout(tests, 60);
        tcase_add_test(tests, test_dear_calls);
        tcase_add_test(tests, test_time_is_shared);
        tcase_add_test(tests, test_own_connections);
        tcase_add_test(tests, test_output_of_one_user);
        tcase_add_test(tests, test_root_gets_in);
        suite_add_tcase(suite, tests);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
