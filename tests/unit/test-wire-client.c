/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The blocking client against a peer that follows a script. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/macro.h"
#include "wire/client.h"

typedef struct Fixture {
        WireClient *client;
        int peer;
} Fixture;

static void setup(Fixture *f) {
        int pair[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        ck_assert_int_eq(wire_client_new_fd(pair[0], &f->client), 0);
        wire_client_set_timeout(f->client, 5000);
        f->peer = pair[1];
}

static void teardown(Fixture *f) {
        f->client = wire_client_free(f->client);
        closep(&f->peer);
}

/* The socket buffers it until the client reads: for most scripts no thread is needed. */
static void peer_says(Fixture *f, const char *text, size_t size) {
        ck_assert_int_eq(send(f->peer, text, size, MSG_NOSIGNAL), (ssize_t) size);
}

#define SAYS(f, text) peer_says(f, text, sizeof(text))

static void peer_hears(Fixture *f, const char *expected) {
        char buf[1000] = "";

        ck_assert_int_eq(recv(f->peer, buf, sizeof(buf), 0), (ssize_t) strlen(expected) + 1);
        ck_assert_str_eq(buf, expected);
}

START_TEST(test_call) {
        _cleanup_(teardown) Fixture f;
        _cleanup_free_ char *error = NULL;
        json_auto_t *reply = NULL;

        setup(&f);
        SAYS(&f, "{\"parameters\":{\"x\":1}}");
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", json_pack("{s:i}", "y", 2), &reply,
                                          &error),
                         0);
        ck_assert_ptr_null(error);
        ck_assert_int_eq(json_integer_value(json_object_get(reply, "x")), 1);
        peer_hears(&f, "{\"method\":\"a.b.C\",\"parameters\":{\"y\":2}}");

        /* Nobody needs to take what comes back. */
        SAYS(&f, "{}");
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), 0);
        peer_hears(&f, "{\"method\":\"a.b.C\",\"parameters\":{}}");
}
END_TEST

START_TEST(test_error) {
        _cleanup_(teardown) Fixture f;
        _cleanup_free_ char *error = NULL;
        json_auto_t *reply = NULL;

        setup(&f);
        SAYS(&f, "{\"error\":\"a.b.Bad\",\"parameters\":{\"why\":\"x\"}}");
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, &reply, &error), WIRE_E_ERROR);
        ck_assert_str_eq(error, "a.b.Bad");
        ck_assert_str_eq(json_string_value(json_object_get(reply, "why")), "x");

        /* An error ends the call, not the connection. */
        SAYS(&f, "{}");
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), 0);
}
END_TEST

START_TEST(test_stream) {
        _cleanup_(teardown) Fixture f;
        _cleanup_free_ char *error = NULL;
        bool continues;

        setup(&f);
        ck_assert_int_eq(wire_client_next(f.client, &continues, NULL, NULL), -EINVAL);
        ck_assert_int_eq(wire_client_start(f.client, "a.b.C", NULL), 0);
        peer_hears(&f, "{\"method\":\"a.b.C\",\"parameters\":{},\"more\":true}");
        ck_assert_int_eq(wire_client_call(f.client, "a.b.D", NULL, NULL, NULL), -EBUSY);

        ck_assert(!wire_client_pending(f.client));
        SAYS(&f, "{\"parameters\":{\"i\":1},\"continues\":true}\0{\"continues\":true}");
        ck_assert_int_eq(wire_client_next(f.client, &continues, NULL, NULL), 0);
        ck_assert(continues && wire_client_pending(f.client));
        ck_assert_int_eq(wire_client_next(f.client, &continues, NULL, NULL), 0);
        ck_assert(continues && !wire_client_pending(f.client));
        SAYS(&f, "{\"error\":\"a.b.End\"}");
        ck_assert_int_eq(wire_client_next(f.client, &continues, NULL, &error), WIRE_E_ERROR);
        ck_assert(!continues);
        ck_assert_int_eq(wire_client_next(f.client, NULL, NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(test_timeout) {
        _cleanup_(teardown) Fixture f;
        bool continues;

        setup(&f);
        wire_client_set_timeout(f.client, 20);
        peer_says(&f, "{\"param", 7);
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), WIRE_E_TIMEOUT);
        /* The reply is still due, and nothing can be asked before it came. */
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), -EBUSY);
        SAYS(&f, "eters\":{}}");
        ck_assert_int_eq(wire_client_next(f.client, &continues, NULL, NULL), 0);
        SAYS(&f, "{}");
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), 0);
}
END_TEST

/* A peer that does not read. */
START_TEST(test_timeout_sending) {
        _cleanup_(teardown) Fixture f;
        _cleanup_free_ char *text = calloc(1, 4 << 20);

        setup(&f);
        wire_client_set_timeout(f.client, 20);
        memset(text, 'x', (4 << 20) - 1);
        ck_assert_int_eq(wire_client_start(f.client, "a.b.C", json_pack("{s:s}", "x", text)),
                         WIRE_E_TIMEOUT);
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), WIRE_E_CLOSED);
}
END_TEST

START_TEST(test_closed) {
        static const char *const before[] = { "", "{\"parameters\":{\"x\":", "{}" };
        _cleanup_(teardown) Fixture f;

        setup(&f);
        ck_assert_int_eq(wire_client_start(f.client, "a.b.C", NULL), 0);
        peer_hears(&f, "{\"method\":\"a.b.C\",\"parameters\":{},\"more\":true}");
        peer_says(&f, before[_i], strlen(before[_i]));
        closep(&f.peer);
        f.peer = -1;
        ck_assert_int_eq(wire_client_next(f.client, NULL, NULL, NULL), WIRE_E_CLOSED);
        ck_assert_int_eq(wire_client_next(f.client, NULL, NULL, NULL), WIRE_E_CLOSED);
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), WIRE_E_CLOSED);
}
END_TEST

START_TEST(test_oneway) {
        _cleanup_(teardown) Fixture f;

        setup(&f);
        ck_assert_int_eq(wire_client_send(f.client, "a.b.C", NULL), 0);
        peer_hears(&f, "{\"method\":\"a.b.C\",\"parameters\":{},\"oneway\":true}");
        ck_assert_int_eq(wire_client_next(f.client, NULL, NULL, NULL), -EINVAL);
        SAYS(&f, "{}");
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), 0);
}
END_TEST

/* The peer closes with our call unread: the kernel says "connection reset", which is closed. */
START_TEST(test_reset) {
        _cleanup_(teardown) Fixture f;

        setup(&f);
        ck_assert_int_eq(wire_client_start(f.client, "a.b.C", NULL), 0);
        closep(&f.peer);
        f.peer = -1;
        ck_assert_int_eq(wire_client_next(f.client, NULL, NULL, NULL), WIRE_E_CLOSED);
}
END_TEST

START_TEST(test_closed_before) {
        _cleanup_(teardown) Fixture f;

        setup(&f);
        closep(&f.peer);
        f.peer = -1;
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), WIRE_E_CLOSED);
}
END_TEST

START_TEST(test_nonsense) {
        static const char *const replies[] = {
                "", "x", "[]", "{\"error\":1}", "{\"continues\":true}",
                "{\"error\":\"a.B\",\"continues\":true}", "{\"parameters\":[]}",
        };
        _cleanup_(teardown) Fixture f;
        json_t *reply = NULL;

        setup(&f);
        peer_says(&f, replies[_i], strlen(replies[_i]) + 1);
        SAYS(&f, "{}");
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, &reply, NULL), -EBADMSG);
        ck_assert_ptr_null(reply);
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), WIRE_E_CLOSED);
}
END_TEST

static void *send_endless(void *userdata) {
        static const char text[65536] = "{\"parameters\":{\"x\":\"";
        static char more[65536];
        int fd = *(int *) userdata;

        memset(more, 'x', sizeof(more));
        if (send(fd, text, strlen(text), MSG_NOSIGNAL) > 0)
                while (send(fd, more, sizeof(more), MSG_NOSIGNAL) > 0)
                        ;
        return NULL;
}

/* A reply without an end is given up at 16 MiB, and long ones are not scanned over and over. */
START_TEST(test_endless) {
        Fixture f;
        pthread_t thread;

        setup(&f);
        ck_assert_int_eq(pthread_create(&thread, NULL, send_endless, &f.peer), 0);
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), -EMSGSIZE);
        f.client = wire_client_free(f.client);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        teardown(&f);
}
END_TEST

static void on_alarm(int signal) {
}

/* A stream can be left on a signal; a call goes on. */
START_TEST(test_signal) {
        const struct itimerval soon = { .it_value.tv_usec = 20000, .it_interval.tv_usec = 20000 };
        const struct itimerval never = {};
        _cleanup_(teardown) Fixture f;

        setup(&f);
        signal(SIGALRM, on_alarm);
        ck_assert_int_eq(wire_client_start(f.client, "a.b.C", NULL), 0);
        setitimer(ITIMER_REAL, &soon, NULL);
        ck_assert_int_eq(wire_client_next(f.client, NULL, NULL, NULL), -EINTR);
        SAYS(&f, "{}");
        ck_assert_int_eq(wire_client_next(f.client, NULL, NULL, NULL), 0);

        wire_client_set_timeout(f.client, 100);
        ck_assert_int_eq(wire_client_call(f.client, "a.b.C", NULL, NULL, NULL), WIRE_E_TIMEOUT);
        setitimer(ITIMER_REAL, &never, NULL);
}
END_TEST

START_TEST(test_connect) {
        _cleanup_free_ char *error = NULL;
        char longer[200];
        WireClient *client = NULL;

        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        ck_assert_int_eq(wire_client_connect("/does/not/exist", &client, &error), -ENOENT);
        ck_assert_ptr_nonnull(strstr(error, "/does/not/exist"));
        ck_assert_int_eq(wire_client_connect("unix:/does/not/exist", &client, NULL), -ENOENT);
        ck_assert_int_eq(wire_client_connect("/dev/null", &client, NULL), -ECONNREFUSED);
        ck_assert_int_eq(wire_client_connect(longer, &client, NULL), -ENAMETOOLONG);
        ck_assert_int_eq(wire_client_connect("", &client, NULL), -EINVAL);
        ck_assert_ptr_null(client);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("wire-client");
        TCase *tcase = tcase_create("client");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tcase, 30);
        tcase_add_test(tcase, test_call);
        tcase_add_test(tcase, test_error);
        tcase_add_test(tcase, test_stream);
        tcase_add_test(tcase, test_oneway);
        tcase_add_test(tcase, test_timeout);
        tcase_add_test(tcase, test_timeout_sending);
        tcase_add_loop_test(tcase, test_closed, 0, 3);
        tcase_add_test(tcase, test_reset);
        tcase_add_test(tcase, test_closed_before);
        tcase_add_loop_test(tcase, test_nonsense, 0, 7);
        tcase_add_test(tcase, test_endless);
        tcase_add_test(tcase, test_signal);
        tcase_add_test(tcase, test_connect);
        suite_add_tcase(suite, tcase);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
