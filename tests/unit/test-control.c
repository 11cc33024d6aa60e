/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The varlink server on a real event loop and real sockets: protocol, order, streams, limits. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "control.h"

typedef struct Fixture {
        char directory[32];
        char path[64];
        sd_event *event;
        Control *control;
        ControlConfig config;
        ControlStream *stream;
        unsigned closed; /* streams and private connections that ended */
        unsigned counted;
        unsigned logged;
        char last_log[200];
} Fixture;

static int handle_echo(ControlCall *call, json_t *parameters, void *userdata) {
        return control_reply(call, json_incref(parameters));
}

static int handle_fail(ControlCall *call, json_t *parameters, void *userdata) {
        return control_error(call, "org.test.Failed", json_pack("{s:s}", "reason", "because"));
}

static int handle_forget(ControlCall *call, json_t *parameters, void *userdata) {
        writer_string(control_reply_begin(call), "half", "way");
        return -EIO;
}

static int handle_count(ControlCall *call, json_t *parameters, void *userdata) {
        Fixture *f = userdata;

        return control_reply(call, json_pack("{s:i}", "count", (int) ++f->counted));
}

static int handle_who(ControlCall *call, json_t *parameters, void *userdata) {
        const ControlPeer *peer = control_call_peer(call);

        return control_reply(call, json_pack("{s:i,s:b}", "uid", (int) peer->uid, "in_group",
                                             control_peer_in_group(peer, getegid())));
}

static void fill(Writer *w, int64_t bytes) {
        char line[101];

        memset(line, 'x', 100);
        line[100] = '\0';
        writer_open_array(w, "list");
        for (int64_t i = 0; i < bytes / 100; i++)
                writer_string(w, NULL, line);
        writer_close(w);
}

static int handle_big(ControlCall *call, json_t *parameters, void *userdata) {
        int r;

        fill(control_reply_begin(call), field_int(parameters, "size", 0));
        r = control_reply_end(call);
        return r == CONTROL_E_FULL ? control_error(call, "org.test.TooBig", NULL) : r;
}

static void on_closed(void *userdata) {
        Fixture *f = userdata;

        f->closed++;
        f->stream = NULL;
}

static int handle_stream(ControlCall *call, json_t *parameters, void *userdata) {
        Fixture *f = userdata;
        int r;

        r = control_stream_open(call, on_closed, f, &f->stream);
        return r == CONTROL_E_LIMIT ? control_error(call, "org.test.TooMany", NULL) : r;
}

static int handle_watch(ControlCall *call, json_t *parameters, void *userdata) {
        return control_call_wants_more(call) ? handle_stream(call, parameters, userdata)
                                             : control_error_expected_more(call);
}

static int handle_denied(ControlCall *call, json_t *parameters, void *userdata) {
        return control_error_denied(call);
}

static const Field echo_fields[] = {
        { "text", FIELD_STRING, FIELD_NULLABLE },
        FIELD_END,
};
static const Field big_fields[] = { { "size", FIELD_INT }, FIELD_END };

static const ControlMethod methods[] = {
        { "org.test.Echo", echo_fields, handle_echo }, { "org.test.Fail", NULL, handle_fail },
        { "org.test.Forget", NULL, handle_forget },    { "org.test.Count", NULL, handle_count },
        { "org.test.Who", NULL, handle_who },          { "org.test.Big", big_fields, handle_big },
        { "org.test.Stream", NULL, handle_stream },    { "org.test.Watch", NULL, handle_watch },
        { "org.test.Denied", NULL, handle_denied },
};
static const ServiceInterface interfaces[] = { { "org.test", "interface org.test\n" } };
static const ServiceInfo info = {
        .vendor = "v", .product = "p", .version = "1", .url = "u",
        .interfaces = interfaces, .n_interfaces = 1,
};

static void on_log(void *userdata, int priority, const char *text) {
        Fixture *f = userdata;

        f->logged++;
        (void) snprintf(f->last_log, sizeof(f->last_log), "%s", text);
}

static void setup_with(Fixture *f, ControlLimits limits) {
        *f = (Fixture) { .directory = "/tmp/control-XXXXXX" };
        f->config = (ControlConfig) {
                .info = &info,
                .methods = methods,
                .n_methods = ELEMENTSOF(methods),
                .limits = limits,
                .log = on_log,
                .userdata = f,
        };
        ck_assert_ptr_nonnull(mkdtemp(f->directory));
        ck_assert_int_eq(chmod(f->directory, 0755), 0);
        ck_assert_int_lt(snprintf(f->path, sizeof(f->path), "%s/socket", f->directory), 64);
        ck_assert_int_ge(sd_event_new(&f->event), 0);
        ck_assert_int_eq(control_new(f->event, &f->config, &f->control), 0);
        ck_assert_int_eq(control_listen_path(f->control, f->path, 0666, (gid_t) -1, NULL), 0);
}

static void setup(Fixture *f) {
        setup_with(f, CONTROL_LIMITS_DEFAULT);
}

static void teardown(Fixture *f) {
        f->control = control_free(f->control);
        sd_event_unref(f->event);
        (void) unlink(f->path);
        (void) rmdir(f->directory);
}

/* One turn of the loop, without waiting longer than a moment. */
static void turn(Fixture *f) {
        ck_assert_int_ge(sd_event_run(f->event, 1000), 0);
}

static int dial(Fixture *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        (void) strcpy(address.sun_path, f->path);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(connect(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        return fd;
}

/* Sends everything, letting the server work; false when it would not take it. */
static bool say(Fixture *f, int fd, const char *text, size_t size) {
        ssize_t n;

        while (size > 0) {
                n = send(fd, text, size, MSG_NOSIGNAL);
                if (n < 0 && errno != EAGAIN)
                        return false;
                if (n > 0) {
                        text += n;
                        size -= (size_t) n;
                }
                turn(f);
        }
        return true;
}

/* Reads until `messages` have come or the server closed; NULs become newlines, the end "EOF". */
static char *hear(Fixture *f, int fd, unsigned messages) {
        size_t length = 0, allocated = 3 << 20;
        char *text = malloc(allocated);
        ssize_t n;

        for (unsigned idle = 0; messages > 0; idle++) {
                ck_assert_uint_lt(idle, 5000);
                n = recv(fd, text + length, allocated - length - 4, MSG_DONTWAIT);
                if (n == 0 || (n < 0 && errno == ECONNRESET)) {
                        length = (size_t) (stpcpy(text + length, "EOF") - text);
                        break;
                }
                if (n < 0) {
                        turn(f);
                        continue;
                }
                idle = 0;
                for (; n > 0; n--, length++)
                        if (text[length] == '\0') {
                                text[length] = '\n';
                                messages -= messages > 0;
                        }
        }
        text[length] = '\0';
        return text;
}

static void assert_heard(Fixture *f, int fd, const char *expected) {
        _cleanup_free_ char *text = NULL;
        unsigned messages = 0;

        for (const char *p = expected; *p; p++)
                messages += *p == '\n';
        text = hear(f, fd, messages + (strstr(expected, "EOF") != NULL));
        ck_assert_str_eq(text, expected);
}

#define SAY(f, fd, text) ck_assert(say(f, fd, text, sizeof(text)))

/* Says something that keeps a call open. */
#define OPEN(f, fd, text)                                                                          \
        do {                                                                                       \
                (f)->stream = NULL;                                                                \
                SAY(f, fd, text);                                                                  \
                while (!(f)->stream)                                                               \
                        turn(f);                                                                   \
        } while (false)

#define CALL(name, rest) "{\"method\":\"" name "\"" rest "}"
#define REPLY(parameters) "{\"parameters\":{" parameters "}}\n"
#define ERROR(name, parameters) "{\"error\":\"" name "\",\"parameters\":{" parameters "}}\n"
#define SERVICE "org.varlink.service."
#define INFO                                                                                       \
        REPLY("\"vendor\":\"v\",\"product\":\"p\",\"version\":\"1\",\"url\":\"u\",\"interfaces\":["   \
              "\"org.varlink.service\",\"org.test\"]")
#define INVALID(field) ERROR(SERVICE "InvalidParameter", "\"parameter\":\"" field "\"")

/* What goes in, what comes out. Disconnected without a word: "EOF". */
static const struct {
        const char *in, *out;
} rows[] = {
        { CALL("org.test.Nope", ""), ERROR(SERVICE "MethodNotFound", "\"method\":\"org.test.Nope\"") },
        { CALL(SERVICE "Nope", ""),
          ERROR(SERVICE "MethodNotFound", "\"method\":\"org.varlink.service.Nope\"") },
        { CALL("org.nope.Echo", ""), ERROR(SERVICE "InterfaceNotFound", "\"interface\":\"org.nope\"") },
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
        { CALL("org.test.Big", ",\"parameters\":{\"size\":2000000}"), ERROR("org.test.TooBig", "") },
        { " \r\n\t" CALL("org.test.Echo", "") "\n ", REPLY("") },
        { CALL("org.test.Forget", ""), "EOF" },
        { "{]", "EOF" },
        { "[]", "EOF" },
        { "", "EOF" },
        { CALL("org.test.Echo", ",\"method\":\"org.test.Echo\""), "EOF" },
        { CALL("org.test.Echo", ",\"parameters\":{\"text\":\"\xff\"}"), "EOF" },
        { CALL("org.test.Echo", ",\"parameters\":{\"text\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"), "EOF" },
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
        static const char text[] = CALL("org.test.Echo", "") "\0" CALL("org.test.Fail", "") "\0{\"m";
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
