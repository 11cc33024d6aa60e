/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring of events. */
#include <check.h>
#include <stdio.h>
#include <syslog.h>

#include "event.h"
#include "log.h"

static void report(uint64_t n) {
        event_report(&(Event) { .kind = EVENT_TARGET_FOUND, .monitor = "web", .pid = (pid_t) n }, "number %d", (int) n);
}

START_TEST(every_kind_has_a_name) {
        for (EventKind a = 0; a < _EVENT_KIND_MAX; a++) {
                ck_assert_ptr_nonnull(event_kind_name(a));
                ck_assert_int_gt(event_kind_priority(a), LOG_EMERG);
                ck_assert_int_le(event_kind_priority(a), LOG_DEBUG);
                for (EventKind b = 0; b < a; b++)
                        ck_assert_str_ne(event_kind_name(a), event_kind_name(b));
        }
        for (EventUnit unit = 0; unit < _EVENT_UNIT_MAX; unit++)
                ck_assert_ptr_nonnull(event_unit_name(unit));
}
END_TEST

START_TEST(nothing_yet) {
        ck_assert_uint_gt(event_first(), event_last());
        ck_assert_ptr_null(event_get(event_first()));
        ck_assert_ptr_null(event_get(0));
}
END_TEST

START_TEST(kept_as_told) {
        char monitor[] = "web", scheme[] = "cold";
        const Event *event;

        event_report(&(Event) { .kind = EVENT_SCHEME_ACTED, .monitor = monitor, .scheme = scheme,
                                .numbers = { { "applied", EVENT_BYTES, 4096 }, { "share", EVENT_SHARE, 0.5 } } },
                     "%d%%", 50);
        /* what it was made of may go */
        monitor[0] = scheme[0] = 'X';

        ck_assert_uint_eq(event_first(), event_last());
        event = event_get(event_last());
        ck_assert_str_eq(event->monitor, "web");
        ck_assert_str_eq(event->scheme, "cold");
        ck_assert_str_eq(event->text, "50%");
        ck_assert_int_eq(event->priority, LOG_DEBUG);
        ck_assert_uint_gt(event->time, UINT64_C(1600000000) * NSEC_PER_SEC);
        ck_assert_str_eq(event->numbers[1].name, "share");
        ck_assert_double_eq(event->numbers[0].value, 4096);
        ck_assert_ptr_null(event->numbers[2].name);

        event_report(&(Event) { .kind = EVENT_SCHEME_ACTED, .priority = LOG_ERR }, "x");
        ck_assert_int_eq(event_get(event_last())->priority, LOG_ERR);
        ck_assert_ptr_null(event_get(event_last())->monitor);
}
END_TEST

START_TEST(the_oldest_go) {
        uint64_t before = event_last();

        for (uint64_t n = 1; n <= 3 * EVENTS_MAX + 7; n++)
                report(n);
        ck_assert_uint_eq(event_last() - before, 3 * EVENTS_MAX + 7);
        ck_assert_uint_eq(event_last() - event_first() + 1, EVENTS_MAX);
        ck_assert_ptr_null(event_get(event_first() - 1));
        ck_assert_ptr_null(event_get(event_last() + 1));
        for (uint64_t sequence = event_first(); sequence <= event_last(); sequence++) {
                ck_assert_uint_eq(event_get(sequence)->sequence, sequence);
                ck_assert_int_eq(event_get(sequence)->pid, (pid_t) (sequence - before));
        }
}
END_TEST

START_TEST(forgotten) {
        uint64_t before;

        report(1);
        before = event_last();
        event_clear();
        ck_assert_uint_gt(event_first(), event_last());
        report(2);
        /* numbers are not used twice */
        ck_assert_uint_eq(event_first(), before + 1);
        ck_assert_int_eq(event_get(before + 1)->pid, 2);
}
END_TEST

START_TEST(long_texts_are_cut) {
        char text[4 * EVENT_TEXT_MAX];

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        event_report(&(Event) { .kind = EVENT_MONITOR_FAILED, .monitor = text }, "%s", text);
        ck_assert_uint_eq(strlen(event_get(event_last())->text), EVENT_TEXT_MAX - 1);
}
END_TEST

static void count(void *userdata) {
        ++*(unsigned *) userdata;
}

START_TEST(listener) {
        unsigned n = 0;

        event_listen(count, &n);
        report(1);
        report(2);
        event_listen(NULL, NULL);
        report(3);
        ck_assert_uint_eq(n, 2);
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("event");
        Suite *suite = suite_create("event");
        SRunner *runner;
        int failed;

        log_set_level(LOG_EMERG);
        tcase_add_checked_fixture(tcase, NULL, event_clear);
        tcase_add_test(tcase, every_kind_has_a_name);
        tcase_add_test(tcase, nothing_yet);
        tcase_add_test(tcase, kept_as_told);
        tcase_add_test(tcase, the_oldest_go);
        tcase_add_test(tcase, forgotten);
        tcase_add_test(tcase, long_texts_are_cut);
        tcase_add_test(tcase, listener);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
