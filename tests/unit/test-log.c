/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log: entries for a socket that stands for the journal, when that is stuck, gone and back; lines when there is
 * none; limits; and the catalog against the table of events. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "event.h"
#include "journal.h"
#include "log.h"

typedef struct Fixture {
        char directory[32];
        char path[64];
        int journal; /* its end, or -1 */
        int file;    /* what standard error is meanwhile */
        int saved;   /* what it was */
} Fixture;

static void listen_journal(Fixture *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) strcpy(address.sun_path, f->path);
        f->journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(f->journal, 0);
        ck_assert_int_eq(bind(f->journal, (const struct sockaddr *) &address, sizeof(address)), 0);
}

static void end_journal(Fixture *f) {
        closep(&f->journal);
        f->journal = -1;
        ck_assert_int_eq(unlink(f->path), 0);
}

/* connected: $JOURNAL_STREAM names what standard error is. */
static void setup(Fixture *f, bool connected) {
        struct stat st;
        char stream[64];

        *f = (Fixture) { .directory = "/tmp/log-XXXXXX", .journal = -1 };
        ck_assert_ptr_nonnull(mkdtemp(f->directory));
        (void) snprintf(f->path, sizeof(f->path), "%s/journal", f->directory);
        f->file = open(f->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        ck_assert_int_ge(f->file, 0);
        f->saved = dup(STDERR_FILENO);
        ck_assert_int_eq(dup2(f->file, STDERR_FILENO), STDERR_FILENO);
        ck_assert_int_eq(fstat(f->file, &st), 0);
        (void) snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino + !connected);
        ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
        ck_assert_int_eq(setenv("UDAMON_JOURNAL_SOCKET", f->path, 1), 0);
        listen_journal(f);
        log_open();
}

static void teardown(Fixture *f) {
        log_close();
        event_clear();
        log_set_level(LOG_INFO);
        if (f->journal >= 0)
                end_journal(f);
        (void) dup2(f->saved, STDERR_FILENO);
        closep(&f->saved);
        closep(&f->file);
        (void) rmdir(f->directory);
        (void) unsetenv("JOURNAL_STREAM");
}

/* What came out on standard error so far. */
static const char *lines(const Fixture *f) {
        static char text[1 << 16];
        ssize_t n = pread(f->file, text, sizeof(text) - 1, 0);

        ck_assert_int_ge(n, 0);
        text[n] = '\0';
        return text;
}

/* The next entry; NULs of a binary length become dots. False: none. */
static bool receive(const Fixture *f, char text[static 8192]) {
        ssize_t n = recv(f->journal, text, 8191, 0);

        if (n < 0)
                return false;
        for (ssize_t i = 0; i < n; i++)
                if (text[i] == '\0')
                        text[i] = '.';
        text[n] = '\0';
        return true;
}

static void assert_entry(const Fixture *f, const char *expected) {
        char text[8192];

        ck_assert(receive(f, text));
        ck_assert_str_eq(text, expected);
}

START_TEST(test_entries) {
        _cleanup_(teardown) Fixture f;
        const LogField field = { "UDAMON_X", "y" };

        setup(&f, true);
        log_notice("hello %d", 5);
        assert_entry(&f, "MESSAGE=hello 5\nPRIORITY=5\nSYSLOG_IDENTIFIER=udamond\n");
        log_about(&(const LogAbout) { .message_id = "0123456789abcdef0123456789abcdef", .monitor = "m", .scheme = "s",
                                      .target_pid = 7, .fields = &field, .n_fields = 1 },
                  LOG_ERR, "a\nb");
        assert_entry(&f, "MESSAGE\n\3.......a\nb\nPRIORITY=3\nSYSLOG_IDENTIFIER=udamond\n"
                         "MESSAGE_ID=0123456789abcdef0123456789abcdef\nUDAMON_MONITOR=m\nUDAMON_SCHEME=s\n"
                         "UDAMON_TARGET_PID=7\nUDAMON_X=y\n");
        log_debug("not asked for");
        log_set_level(LOG_DEBUG);
        log_debug("asked for");
        assert_entry(&f, "MESSAGE=asked for\nPRIORITY=7\nSYSLOG_IDENTIFIER=udamond\n");
        ck_assert_str_eq(lines(&f), "");
        ck_assert_uint_eq(log_lost(), 0);
}
END_TEST

START_TEST(test_long_message) {
        _cleanup_(teardown) Fixture f;
        char long_text[5001], text[8192];

        memset(long_text, 'x', 5000);
        long_text[5000] = '\0';
        setup(&f, true);
        log_notice("%s", long_text);
        ck_assert(receive(&f, text));
        ck_assert_uint_eq(strspn(text + strlen("MESSAGE="), "x"), 2047);

        end_journal(&f);
        log_notice("%s", long_text);
        ck_assert_uint_eq(strspn(lines(&f) + strlen("<5>"), "x"), 2047);
        ck_assert_uint_eq(strlen(lines(&f)), 3 + 2047 + 1);
}
END_TEST

/* Standard error is something else: a terminal, a file, a pipe. */
START_TEST(test_without_journal) {
        _cleanup_(teardown) Fixture f;
        char text[8192];

        setup(&f, false);
        log_error("hello");
        ck_assert_str_eq(lines(&f), "udamond: hello\n");
        ck_assert(!receive(&f, text));
}
END_TEST

/* A journal that takes nothing: the daemon goes on, what was lost is counted, and told once it works again. */
START_TEST(test_stuck) {
        _cleanup_(teardown) Fixture f;
        unsigned received = 0;
        char text[8192], lost[64];
        uint64_t n;

        setup(&f, true);
        for (unsigned i = 0; i < 5000; i++)
                log_notice("message %u", i);
        n = log_lost();
        ck_assert_uint_gt(n, 0);
        ck_assert_uint_lt(n, 5000);
        ck_assert_str_eq(lines(&f), "");

        while (receive(&f, text))
                received++;
        ck_assert_uint_eq(received + n, 5000);
        log_notice("again");
        ck_assert(receive(&f, text));
        (void) snprintf(lost, sizeof(lost), "UDAMON_LOST=%ju\n", (uintmax_t) n);
        ck_assert_ptr_nonnull(strstr(text, lost));
        ck_assert_ptr_nonnull(strstr(text, "MESSAGE_ID=" LOG_LOST_ID "\n"));
        assert_entry(&f, "MESSAGE=again\nPRIORITY=5\nSYSLOG_IDENTIFIER=udamond\n");
        log_notice("and again");
        assert_entry(&f, "MESSAGE=and again\nPRIORITY=5\nSYSLOG_IDENTIFIER=udamond\n");
        ck_assert_uint_eq(log_lost(), n);
}
END_TEST

START_TEST(test_gone_and_back) {
        _cleanup_(teardown) Fixture f;

        setup(&f, true);
        log_notice("one");
        assert_entry(&f, "MESSAGE=one\nPRIORITY=5\nSYSLOG_IDENTIFIER=udamond\n");
        end_journal(&f);
        log_notice("two");
        ck_assert_str_eq(lines(&f), "<5>two\n");
        ck_assert_uint_eq(log_lost(), 0);
        listen_journal(&f);
        log_notice("three");
        assert_entry(&f, "MESSAGE=three\nPRIORITY=5\nSYSLOG_IDENTIFIER=udamond\n");
        ck_assert_str_eq(lines(&f), "<5>two\n");
}
END_TEST

/* A pipe that nobody reads, as of a container's log driver that is stuck. */
START_TEST(test_stuck_pipe) {
        _cleanup_(teardown) Fixture f;
        int pair[2];

        setup(&f, false);
        ck_assert_int_eq(_i ? pipe2(pair, O_CLOEXEC) : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        ck_assert_int_eq(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
        for (unsigned i = 0; i < 20000; i++)
                log_notice("message %u", i);
        ck_assert_uint_gt(log_lost(), 0);
        close(pair[0]);
        close(pair[1]);
        (void) signal(SIGPIPE, SIG_IGN);
        log_notice("nobody is there");
}
END_TEST

START_TEST(test_event_fields) {
        _cleanup_(teardown) Fixture f;
        char text[8192];

        setup(&f, true);
        event_report(&(Event) { .kind = EVENT_CLIENT_CALLED, .has_uid = true, .uid = 1000, .pid = 77, .method = "a.b.C",
                                .outcome = "done", .numbers = { { "some_bytes", EVENT_BYTES, 4096 },
                                                                { "share", EVENT_SHARE, 0.25 } } }, "said");
        ck_assert(receive(&f, text));
        ck_assert_ptr_nonnull(strstr(text, "MESSAGE=said\nPRIORITY=5\n"));
        ck_assert_ptr_nonnull(strstr(text, "UDAMON_EVENT=client_called\nUDAMON_METHOD=a.b.C\nUDAMON_OUTCOME=done\n"
                                           "UDAMON_PEER_UID=1000\nUDAMON_PEER_PID=77\nUDAMON_SOME_BYTES=4096\n"
                                           "UDAMON_SHARE=0.25\n"));
        ck_assert_ptr_null(strstr(text, "TARGET_PID"));
        event_report(&(Event) { .kind = EVENT_TARGET_ENDED, .monitor = "m", .pid = 77 }, "ended");
        ck_assert(receive(&f, text));
        ck_assert_ptr_nonnull(strstr(text, "MESSAGE=monitor 'm': ended\nPRIORITY=6\n"));
        ck_assert_ptr_nonnull(strstr(text, "UDAMON_MONITOR=m\nUDAMON_TARGET_PID=77\n"));
}
END_TEST

/* What peers cause at will cannot push everything else out of the log and the ring; what admins do is all told. */
START_TEST(test_limits) {
        _cleanup_(teardown) Fixture f;
        unsigned denied = 0, called = 0;
        const char *left_out;

        setup(&f, false);
        event_report(&(Event) { .kind = EVENT_MONITOR_STOPPED, .monitor = "m" }, "stopped");
        for (unsigned i = 0; i < 100000; i++)
                event_report(&(Event) { .kind = EVENT_CLIENT_DENIED }, "denied");
        for (unsigned i = 0; i < 100; i++)
                event_report(&(Event) { .kind = EVENT_CLIENT_CALLED }, "called");
        for (uint64_t i = event_first(); i <= event_last(); i++) {
                denied += event_get(i)->kind == EVENT_CLIENT_DENIED;
                called += event_get(i)->kind == EVENT_CLIENT_CALLED;
        }
        ck_assert_uint_ge(denied, 50);
        ck_assert_uint_lt(denied, 500);
        ck_assert_uint_eq(called, 100);
        ck_assert_int_eq(event_get(event_first())->kind, EVENT_MONITOR_STOPPED);
        left_out = strstr(lines(&f), "more of this kind were left out");
        /* told with the next that is let through, which on a fast machine is not here yet */
        ck_assert(left_out || denied == 50);
}
END_TEST

static unsigned occurrences(const char *text, const char *what) {
        unsigned n = 0;

        for (const char *p = text; (p = strstr(p, what)); p++)
                n++;
        return n;
}

START_TEST(test_catalog) {
        _cleanup_(buffer_deinit) Buffer catalog = {};
        _cleanup_free_ char *path = NULL;
        const char *root = getenv("SOURCE_ROOT");
        char heading[64];

        ck_assert_ptr_nonnull(root);
        ck_assert_int_gt(asprintf(&path, "%s/daemon/udamon.catalog", root), 0);
        ck_assert_int_eq(read_whole_at(-1, path, 1 << 20, &catalog), 0);
        for (EventKind kind = 0; kind < _EVENT_KIND_MAX; kind++) {
                const char *id = event_kind_message_id(kind);

                ck_assert_uint_eq(strspn(id, "0123456789abcdef"), 32);
                ck_assert_uint_eq(strlen(id), 32);
                for (EventKind other = 0; other < kind; other++)
                        ck_assert_str_ne(event_kind_message_id(other), id);
                (void) snprintf(heading, sizeof(heading), "\n-- %s\nSubject: ", id);
                ck_assert_msg(occurrences(catalog.data, heading) == 1, "the catalog lacks %s: %s",
                              event_kind_name(kind), id);
        }
        ck_assert_uint_eq(occurrences(catalog.data, "\n-- " LOG_LOST_ID "\nSubject: "), 1);
        ck_assert_uint_eq(occurrences(catalog.data, "\n-- "), _EVENT_KIND_MAX + 1);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("log");
        TCase *tests = tcase_create("log");
        SRunner *runner;
        int failed;

        tcase_add_test(tests, test_entries);
        tcase_add_test(tests, test_long_message);
        tcase_add_test(tests, test_without_journal);
        tcase_add_test(tests, test_stuck);
        tcase_add_test(tests, test_gone_and_back);
        tcase_add_loop_test(tests, test_stuck_pipe, 0, 2);
        tcase_add_test(tests, test_event_fields);
        tcase_add_test(tests, test_limits);
        tcase_add_test(tests, test_catalog);
        suite_add_tcase(suite, tests);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
