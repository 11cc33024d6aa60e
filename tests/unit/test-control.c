/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The varlink server: protocol, order of replies, streams. */
#include <fcntl.h>

#include "test-control.h"

#define SERVICE "org.varlink.service."
#define INFO                                                                                       \
        REPLY("\"vendor\":\"v\",\"product\":\"p\",\"version\":\"1\",\"url\":\"u\",\"interfaces\":["\
              "\"org.varlink.service\",\"org.test\"]")
#define INVALID(field) ERROR(SERVICE "InvalidParameter", "\"parameter\":\"" field "\"")

/* What goes in, what comes out. Disconnected without a word: "EOF". */
static const struct {
        const char *in, *out;
} rows[] = {
        { CALL("org.test.Nope", ""),
          ERROR(SERVICE "MethodNotFound", "\"method\":\"org.test.Nope\"") },
        { CALL(SERVICE "Nope", ""),
          ERROR(SERVICE "MethodNotFound", "\"method\":\"org.varlink.service.Nope\"") },
        { CALL("org.nope.Echo", ""),
          ERROR(SERVICE "InterfaceNotFound", "\"interface\":\"org.nope\"") },
        { CALL("org.test.sub.Echo", ""),
          ERROR(SERVICE "InterfaceNotFound", "\"interface\":\"org.test.sub\"") },
        { CALL("Echo", ""), INVALID("method") },
        { CALL("", ""), INVALID("method") },
        { CALL("org.test.", ""), INVALID("method") },
        { CALL(SERVICE "GetInfo", ""), INFO },
        { CALL(SERVICE "GetInfo", ",\"parameters\":null"), INFO },
        { CALL(SERVICE "GetInfo", ",\"parameters\":{}"), INFO },
        { CALL(SERVICE "GetInfo", ",\"parameters\":{\"x\":1}"), INVALID("x") },
        { CALL(SERVICE "GetInfo", ",\"parameters\":{\"x\":1},\"oneway\":true"), "" },
        { CALL(SERVICE "GetInterfaceDescription", ""), INVALID("interface") },
        { CALL(SERVICE "GetInterfaceDescription", ",\"parameters\":{\"interface\":1}"),
          INVALID("interface") },
        { CALL(SERVICE "GetInterfaceDescription", ",\"parameters\":{\"interface\":null}"),
          INVALID("interface") },
        { CALL(SERVICE "GetInterfaceDescription", ",\"parameters\":{\"interface\":\"org.test\"}"),
          REPLY("\"description\":\"interface org.test\\n\"") },
        { CALL(SERVICE "GetInterfaceDescription", ",\"parameters\":{\"interface\":\"org.nope\"}"),
          ERROR(SERVICE "InterfaceNotFound", "\"interface\":\"org.nope\"") },
        { CALL("org.test.Echo", ",\"parameters\":{\"text\":1}"), INVALID("text") },
        { CALL("org.test.Echo", ",\"org.vendor\":{},\"x\":1"), REPLY("") },
        { CALL("org.test.Echo", ",\"upgrade\":false"), REPLY("") },
        { CALL("org.test.Echo", ",\"upgrade\":true"),
          ERROR(SERVICE "MethodNotImplemented", "\"method\":\"org.test.Echo\"") },
        { CALL("org.test.Echo", ",\"more\":true"), REPLY("") },
        { CALL("org.test.Echo", ",\"more\":true,\"oneway\":true"), "" },
        { CALL("org.test.Echo", ",\"oneway\":true"), "" },
        { CALL("org.test.Nope", ",\"oneway\":true"), "" },
        { CALL("org.nope.Nope", ",\"oneway\":true"), "" },
        { CALL("Nope", ",\"oneway\":true"), "" },
        { CALL("org.test.Fail", ",\"oneway\":true"), "" },
        { CALL("org.test.Denied", ",\"oneway\":true"), "" },
        { CALL("org.test.Watch", ",\"oneway\":true,\"more\":true"), "" },
        { CALL("org.test.Big", ",\"oneway\":true,\"parameters\":{\"size\":2000000}"), "" },
        { CALL("org.test.Fail", ""), ERROR("org.test.Failed", "\"reason\":\"because\"") },
        { CALL("org.test.Denied", ""), ERROR(SERVICE "PermissionDenied", "") },
        { CALL("org.test.Watch", ""), ERROR(SERVICE "ExpectedMore", "") },
        { CALL("org.test.Big", ",\"parameters\":{\"size\":2000000}"),
          ERROR("org.test.TooBig", "") },
        { " \r\n\t" CALL("org.test.Echo", "") "\n ", REPLY("") },
        { CALL("org.test.Forget", ""), "EOF" },
        { "{]", "EOF" },
        { "[]", "EOF" },
        { "", "EOF" },
        { CALL("org.test.Echo", ",\"method\":\"org.test.Echo\""), "EOF" },
        { CALL("org.test.Echo", ",\"parameters\":{\"text\":\"\xff\"}"), "EOF" },
        { CALL("org.test.Echo", ",\"parameters\":{\"text\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"),
          "EOF" },
};

START_TEST(test_rows) {
        _cleanup_(teardown) Fixture f;
        int fd;

        setup(&f);
        fd = dial(&f);
        ck_assert(say(&f, fd, rows[_i].in, strlen(rows[_i].in) + 1));
        assert_heard(&f, fd, rows[_i].out);
        ck_assert_int_eq(f.logged, strcmp(rows[_i].out, "EOF") == 0);

        /* The answer is complete, and the connection as good as before. */
        if (strcmp(rows[_i].out, "EOF") != 0) {
                SAY(&f, fd, CALL("org.test.Echo", ",\"parameters\":{\"text\":\"still\"}"));
                assert_heard(&f, fd, REPLY("\"text\":\"still\""));
        }
        close(fd);
}
END_TEST

START_TEST(test_byte_by_byte) {
        static const char text[] = CALL("org.test.Echo", ",\"parameters\":{\"text\":\"x\"}");
        _cleanup_(teardown) Fixture f;
        int fd;

        setup(&f);
        fd = dial(&f);
        for (size_t i = 0; i < sizeof(text); i++) {
                ck_assert(say(&f, fd, &text[i], 1));
                turn(&f);
        }
        assert_heard(&f, fd, REPLY("\"text\":\"x\""));
        close(fd);
}
END_TEST

START_TEST(test_pipelined) {
        static const char call[] = CALL("org.test.Count", "");
        _cleanup_(teardown) Fixture f;
        char expected[40];
        int fd;

        setup(&f);
        fd = dial(&f);
        for (unsigned i = 0; i < 1000; i++)
                SAY(&f, fd, call);
        for (unsigned i = 1; i <= 1000; i++) {
                char c;

                (void) snprintf(expected, sizeof(expected), "{\"parameters\":{\"count\":%u}}", i);
                for (size_t n = 0; n <= strlen(expected);) {
                        ssize_t got = recv(fd, &c, 1, MSG_DONTWAIT);

                        if (got < 0)
                                turn(&f);
                        else if (c != expected[n++])
                                ck_abort_msg("reply %u", i);
                }
        }
        close(fd);
}
END_TEST

/* All is answered before the connection is closed; a call that breaks off is dropped. */
START_TEST(test_half_closed) {
        static const char text[] =
                CALL("org.test.Echo", "") "\0" CALL("org.test.Fail", "") "\0{\"m";
        _cleanup_(teardown) Fixture f;
        int fd;

        setup(&f);
        fd = dial(&f);
        ck_assert(say(&f, fd, text, sizeof(text) - 1));
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
        assert_heard(&f, fd, REPLY("") ERROR("org.test.Failed", "\"reason\":\"because\"") "EOF");
        close(fd);
        while (control_n_connections(f.control) > 0)
                turn(&f);
}
END_TEST

START_TEST(test_half_closed_big) {
        _cleanup_(teardown) Fixture f;
        _cleanup_free_ char *text = NULL;
        int fd;

        setup(&f);
        fd = dial(&f);
        SAY(&f, fd, CALL("org.test.Big", ",\"parameters\":{\"size\":900000}"));
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
        text = hear(&f, fd, 2);
        ck_assert_uint_eq(strlen(text), strlen(REPLY("\"list\":[]")) + 9000 * 103 - 1 + 3);
        ck_assert_str_eq(text + strlen(text) - 7, "]}}\nEOF");
        ck_assert_uint_eq(f.logged, 0);
        close(fd);
}
END_TEST

START_TEST(test_oneway_then_gone) {
        _cleanup_(teardown) Fixture f;
        static const char call[] = CALL("org.test.Count", ",\"oneway\":true");
        int fd;

        setup(&f);
        fd = dial(&f);
        for (unsigned i = 0; i < 100; i++)
                ck_assert_int_eq(send(fd, call, sizeof(call), 0), sizeof(call));
        close(fd);
        while (f.counted < 100)
                turn(&f);
}
END_TEST

START_TEST(test_peer) {
        _cleanup_(teardown) Fixture f;
        char expected[100];
        int fd;

        setup(&f);
        fd = dial(&f);
        SAY(&f, fd, CALL("org.test.Who", ""));
        (void) snprintf(expected, sizeof(expected), REPLY("\"uid\":%u,\"in_group\":true"),
                        (unsigned) geteuid());
        assert_heard(&f, fd, expected);
        close(fd);
}
END_TEST

START_TEST(test_stream) {
        _cleanup_(teardown) Fixture f;
        int fd;

        setup(&f);
        fd = dial(&f);
        OPEN(&f, fd, CALL("org.test.Watch", ",\"more\":true") "\0" CALL("org.test.Echo", ""));
        ck_assert(control_stream_ready(f.stream));
        ck_assert_uint_eq(control_stream_peer(f.stream)->uid, geteuid());
        ck_assert_int_eq(control_stream_reply(f.stream, json_pack("{s:i}", "i", 1), true), 0);
        writer_int(control_stream_begin(f.stream), "i", 2);
        ck_assert_int_eq(control_stream_end(f.stream, true), 0);
        /* The call behind it is not answered as long as this one is open. */
        assert_heard(&f, fd, "{\"parameters\":{\"i\":1},\"continues\":true}\n"
                             "{\"parameters\":{\"i\":2},\"continues\":true}\n");
        for (unsigned i = 0; i < 20; i++)
                turn(&f);
        ck_assert_int_eq(recv(fd, f.last_log, 1, MSG_DONTWAIT), -1);
        ck_assert_int_eq(control_stream_reply(f.stream, json_pack("{s:i}", "i", 3), false), 0);
        assert_heard(&f, fd, REPLY("\"i\":3") REPLY(""));

        OPEN(&f, fd, CALL("org.test.Watch", ",\"more\":true"));
        ck_assert_int_eq(control_stream_error(f.stream, "org.test.End", NULL), 0);
        assert_heard(&f, fd, ERROR("org.test.End", ""));

        OPEN(&f, fd, CALL("org.test.Watch", ",\"more\":true"));
        ck_assert_int_eq(control_stream_reply(f.stream, NULL, true), 0);
        control_stream_close(f.stream);
        assert_heard(&f, fd, "{\"parameters\":{},\"continues\":true}\nEOF");
        ck_assert_uint_eq(f.closed, 0);
        close(fd);
}
END_TEST

/* Without `more` a call can be kept open for one late answer. */
START_TEST(test_late_answer) {
        _cleanup_(teardown) Fixture f;
        int fd;

        setup(&f);
        fd = dial(&f);
        OPEN(&f, fd, CALL("org.test.Stream", ""));
        ck_assert_int_eq(control_stream_reply(f.stream, NULL, true), -EINVAL);
        writer_int(control_stream_begin(f.stream), "i", 2);
        ck_assert_int_eq(control_stream_end(f.stream, true), -EINVAL);
        ck_assert_int_eq(control_stream_reply(f.stream, NULL, false), 0);
        assert_heard(&f, fd, REPLY(""));

        OPEN(&f, fd, CALL("org.test.Stream", ",\"oneway\":true"));
        ck_assert_int_eq(control_stream_reply(f.stream, NULL, true), 0);
        ck_assert_int_eq(control_stream_reply(f.stream, NULL, false), 0);
        SAY(&f, fd, CALL("org.test.Echo", ""));
        assert_heard(&f, fd, REPLY(""));
        close(fd);
}
END_TEST

START_TEST(test_stream_peer_gone) {
        _cleanup_(teardown) Fixture f;
        int fd;

        setup(&f);
        fd = dial(&f);
        OPEN(&f, fd, CALL("org.test.Watch", ",\"more\":true") "\0" CALL("org.test.Echo", ""));
        /* Half closed is not gone. */
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
        for (unsigned i = 0; i < 20; i++)
                turn(&f);
        ck_assert_uint_eq(f.closed, 0);
        ck_assert_int_eq(control_stream_reply(f.stream, NULL, true), 0);
        assert_heard(&f, fd, "{\"parameters\":{},\"continues\":true}\n");
        close(fd);
        while (f.closed == 0)
                turn(&f);
        ck_assert_uint_eq(control_n_connections(f.control), 0);

        /* The same when the server goes. */
        fd = dial(&f);
        OPEN(&f, fd, CALL("org.test.Watch", ",\"more\":true"));
        f.control = control_free(f.control);
        ck_assert_uint_eq(f.closed, 2);
        close(fd);
}
END_TEST

START_TEST(test_peer_gone_in_reply) {
        _cleanup_(teardown) Fixture f;
        int fd;

        setup(&f);
        fd = dial(&f);
        SAY(&f, fd, CALL("org.test.Big", ",\"parameters\":{\"size\":900000}"));
        turn(&f);
        close(fd);
        while (control_n_connections(f.control) > 0)
                turn(&f);
}
END_TEST

START_TEST(test_private) {
        _cleanup_(teardown) Fixture f;
        int pair[2];

        setup(&f);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        ck_assert_int_eq(control_add_connection(f.control, pair[0], on_closed, &f), 0);
        SAY(&f, pair[1], CALL("org.test.Echo", ""));
        assert_heard(&f, pair[1], REPLY(""));
        close(pair[1]);
        while (f.closed == 0)
                turn(&f);
        ck_assert_int_lt(control_add_connection(f.control, open("/dev/null", 0), on_closed, &f), 0);
        ck_assert_uint_eq(f.closed, 1);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("control");
        TCase *tcase = tcase_create("control");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tcase, 30);
        tcase_add_loop_test(tcase, test_rows, 0, (int) ELEMENTSOF(rows));
        tcase_add_test(tcase, test_byte_by_byte);
        tcase_add_test(tcase, test_pipelined);
        tcase_add_test(tcase, test_half_closed);
        tcase_add_test(tcase, test_half_closed_big);
        tcase_add_test(tcase, test_oneway_then_gone);
        tcase_add_test(tcase, test_peer);
        tcase_add_test(tcase, test_stream);
        tcase_add_test(tcase, test_late_answer);
        tcase_add_test(tcase, test_stream_peer_gone);
        tcase_add_test(tcase, test_peer_gone_in_reply);
        tcase_add_test(tcase, test_private);
        suite_add_tcase(suite, tcase);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
