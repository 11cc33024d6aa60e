/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of lib/base: strict parsing, formatting that parses back, random numbers, percentiles. */
#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/format.h"
#include "base/macro.h"
#include "base/parse.h"
#include "base/rng.h"
#include "base/stat.h"

typedef struct ParseCase {
        const char *text;
        int result;
        uint64_t value;
} ParseCase;

static const ParseCase integers[] = {
        { "0", 0, 0 },
        { "18446744073709551615", 0, UINT64_MAX },
        { "18446744073709551616", -ERANGE, 0 },
        { "99999999999999999999999", -ERANGE, 0 },
        { "", -EINVAL, 0 },
        { "-1", -EINVAL, 0 },
        { "+1", -EINVAL, 0 },
        { " 1", -EINVAL, 0 },
        { "1 ", -EINVAL, 0 },
        { "0x10", -EINVAL, 0 },
        { "1,000", -EINVAL, 0 },
        { "1e3", -EINVAL, 0 },
};

START_TEST(integer) {
        uint64_t value = 7;

        ck_assert_int_eq(parse_u64(integers[_i].text, &value), integers[_i].result);
        ck_assert_uint_eq(value, integers[_i].result == 0 ? integers[_i].value : 7);
}
END_TEST

static const ParseCase sizes[] = {
        { "0", 0, 0 },
        { "4096B", 0, 4096 },
        { "4KiB", 0, 4096 },
        { "4K", 0, 4096 },
        { "4KB", 0, 4096 },
        { "1.5GiB", 0, UINT64_C(1536) << 20 },
        { "128 MiB", 0, UINT64_C(128) << 20 },
        { "10TiB", 0, UINT64_C(10) << 40 },
        { "15EiB", 0, UINT64_C(15) << 60 },
        { "16EiB", -ERANGE, 0 },
        { "max", 0, UINT64_MAX },
        { "4096", PARSE_E_NO_UNIT, 0 },
        { "0.5", PARSE_E_NO_UNIT, 0 },
        { "4kib", -EINVAL, 0 },
        { "4KiBs", -EINVAL, 0 },
        { "4 K B", -EINVAL, 0 },
        { ".5GiB", -EINVAL, 0 },
        { "1.GiB", -EINVAL, 0 },
        { "MiB", -EINVAL, 0 },
        { "-4KiB", -EINVAL, 0 },
        { "4%", -EINVAL, 0 },
};

START_TEST(size) {
        uint64_t value = 7;

        ck_assert_int_eq(parse_size(sizes[_i].text, &value), sizes[_i].result);
        ck_assert_uint_eq(value, sizes[_i].result == 0 ? sizes[_i].value : 7);
}
END_TEST

static const ParseCase durations[] = {
        { "0", 0, 0 },
        { "5ms", 0, 5 * NSEC_PER_MSEC },
        { "100us", 0, 100 * NSEC_PER_USEC },
        { "10ns", 0, 10 },
        { "2s", 0, 2 * NSEC_PER_SEC },
        { "1.5min", 0, 90 * NSEC_PER_SEC },
        { "1min 30s", 0, 90 * NSEC_PER_SEC },
        { "1m30s", 0, 90 * NSEC_PER_SEC },
        { "2h", 0, 120 * NSEC_PER_MINUTE },
        { "1d", 0, 1440 * NSEC_PER_MINUTE },
        { "max", 0, NSEC_INFINITY },
        { "5", PARSE_E_NO_UNIT, 0 },
        { "5s 3", PARSE_E_NO_UNIT, 0 },
        { "300000d", -ERANGE, 0 },
        { "", -EINVAL, 0 },
        { "5 seconds", -EINVAL, 0 },
        { "-5s", -EINVAL, 0 },
        { "5s,", -EINVAL, 0 },
        { "5KiB", -EINVAL, 0 },
};

START_TEST(duration) {
        uint64_t value = 7;

        ck_assert_int_eq(parse_duration(durations[_i].text, &value), durations[_i].result);
        ck_assert_uint_eq(value, durations[_i].result == 0 ? durations[_i].value : 7);
}
END_TEST

static const struct {
        const char *text;
        int result;
        double value;
} shares[] = {
        { "4%", 0, 0.04 },     { "0.5%", 0, 0.005 },      { "100%", 0, 1 },        { "max", 0, 1 },
        { "12bp", 0, 0.0012 }, { "5permil", 0, 0.005 },   { "0", 0, 0 },           { "101%", -ERANGE, 0 },
        { "4", PARSE_E_NO_UNIT, 0 }, { "4%%", -EINVAL, 0 }, { "four%", -EINVAL, 0 }, { "-1%", -EINVAL, 0 },
};

START_TEST(share) {
        double value = 7;

        ck_assert_int_eq(parse_share(shares[_i].text, &value), shares[_i].result);
        ck_assert_double_eq_tol(value, shares[_i].result == 0 ? shares[_i].value : 7, 1e-12);
}
END_TEST

START_TEST(others) {
        bool truth = false;
        pid_t pid = 7;

        ck_assert_int_eq(parse_bool("true", &truth), 0);
        ck_assert(truth);
        ck_assert_int_eq(parse_bool("yes", &truth), -EINVAL);
        ck_assert_int_eq(parse_pid("1234", &pid), 0);
        ck_assert_int_eq(pid, 1234);
        ck_assert_int_eq(parse_pid("0", &pid), -ERANGE);
        ck_assert_int_eq(parse_pid("2147483648", &pid), -ERANGE);
        ck_assert_int_eq(pid, 1234);
}
END_TEST

static const struct {
        uint64_t bytes;
        const char *text;
} formatted_sizes[] = {
        { 0, "0B" },
        { 1023, "1023B" },
        { 1024, "1KiB" },
        { 10244096, "9.77MiB" },
        { UINT64_C(1) << 30, "1GiB" },
        { (UINT64_C(1) << 30) - 1, "1GiB" },
        { UINT64_C(10) << 40, "10TiB" },
        { UINT64_MAX - 1, "16EiB" },
        { UINT64_MAX, "max" },
};

START_TEST(size_format) {
        char buf[FORMAT_MAX];

        ck_assert_str_eq(format_size(buf, formatted_sizes[_i].bytes), formatted_sizes[_i].text);
}
END_TEST

static const struct {
        nsec_t t;
        const char *text;
} formatted_durations[] = {
        { 0, "0s" },
        { 999, "999ns" },
        { 350 * NSEC_PER_USEC, "350us" },
        { 1250 * NSEC_PER_MSEC, "1.25s" },
        { 59999 * NSEC_PER_MSEC, "59.9s" },
        { 125 * NSEC_PER_SEC, "2min 5s" },
        { 200 * NSEC_PER_MINUTE, "3h 20min" },
        { 48 * 60 * NSEC_PER_MINUTE, "2d" },
        { NSEC_INFINITY, "max" },
};

START_TEST(duration_format) {
        char buf[FORMAT_MAX];

        ck_assert_str_eq(format_duration(buf, formatted_durations[_i].t), formatted_durations[_i].text);
}
END_TEST

/* What is printed can be written into a configuration, and means nearly the same. */
START_TEST(formats_parse_back) {
        char buf[FORMAT_MAX];
        Rng rng;

        rng_init(&rng, 1);
        for (unsigned i = 0; i < 20000; i++) {
                uint64_t value = rng_next(&rng) >> (1 + rng_below(&rng, 62)), back;

                ck_assert_int_eq(parse_size(format_size(buf, value), &back), 0);
                ck_assert_double_eq_tol((double) back, (double) value, (double) value * 0.006 + 1);
                ck_assert_int_eq(parse_duration(format_duration(buf, value), &back), 0);
                ck_assert_double_eq_tol((double) back, (double) value, (double) value * 0.05 + 1);
        }
}
END_TEST

START_TEST(share_format) {
        char buf[FORMAT_MAX];

        ck_assert_str_eq(format_share(buf, 0), "0%");
        ck_assert_str_eq(format_share(buf, 1), "100%");
        ck_assert_str_eq(format_share(buf, 0.123), "12.3%");
        ck_assert_str_eq(format_share(buf, 1e-9), "<0.1%");
        ck_assert_str_eq(format_share(buf, 0.99999), ">99.9%");
}
END_TEST

START_TEST(random_numbers) {
        unsigned buckets[10] = {};
        Rng a, b;

        rng_init(&a, 42);
        rng_init(&b, 42);
        for (unsigned i = 0; i < 100000; i++) {
                uint64_t x = rng_below(&a, 10);

                ck_assert_uint_eq(x, rng_below(&b, 10));
                buckets[x]++;
        }
        /* 10,000 expected each, standard deviation 95 */
        for (unsigned i = 0; i < ELEMENTSOF(buckets); i++)
                ck_assert_uint_lt((unsigned) abs((int) buckets[i] - 10000), 500);

        /* bounds beyond 32 bits are drawn in full */
        for (unsigned i = 0; i < 1000; i++)
                if (rng_below(&a, UINT64_C(1) << 44) >> 40 == 15)
                        return;
        ck_abort_msg("the upper part of a large bound is never drawn");
}
END_TEST

/* Against tables of Wilson's interval, and one against the other. */
START_TEST(rates) {
        double low, high;

        rate_interval(0.5, 10, 1.959964, &low, &high);
        ck_assert_double_eq_tol(low, 0.2366, 1e-4);
        ck_assert_double_eq_tol(high, 0.7634, 1e-4);
        rate_interval(0, 20, 1.959964, &low, &high);
        ck_assert_double_eq(low, 0);
        ck_assert_double_eq_tol(high, 0.1611, 1e-4);
        rate_interval(1, 20, 1.959964, &low, &high);
        ck_assert_double_eq_tol(low, 0.8389, 1e-4);
        ck_assert_double_eq(high, 1);

        for (double n = 0.5; n < 5000; n *= 3)
                for (double rate = 0; rate <= 1; rate += 0.125) {
                        rate_interval(rate, n, 1.644854, &low, &high); /* 95 %, one-sided */
                        ck_assert(rate_confidence(rate, n, low + 1e-6, 2) < 0.95 + 1e-4 || low <= 0);
                        ck_assert(rate_confidence(rate, n, low - 1e-6, high + 1e-6) >= 0.95 - 1e-4);
                        ck_assert(rate_confidence(rate, n, -1, high - 1e-6) < 0.95 + 1e-4 || high >= 1);
                }
        ck_assert_double_eq(rate_confidence(0, 0, -0.05, 0.05), 0.5); /* nothing is known */
        ck_assert_double_eq(rate_confidence(0.5, 1000, 0, 1), 1);
        ck_assert_double_eq(rate_confidence(0.5, 1000, 0.6, 1), 0);
}
END_TEST

START_TEST(percentiles) {
        WeightedValue values[] = { { 5, 10 }, { 1, 80 }, { 9, 10 }, { 100, 0 } };

        weighted_sort(values, ELEMENTSOF(values));
        ck_assert_double_eq(weighted_percentile(values, ELEMENTSOF(values), 0), 1);
        ck_assert_double_eq(weighted_percentile(values, ELEMENTSOF(values), 80), 1);
        ck_assert_double_eq(weighted_percentile(values, ELEMENTSOF(values), 81), 5);
        ck_assert_double_eq(weighted_percentile(values, ELEMENTSOF(values), 100), 9);
        ck_assert_double_eq(weighted_percentile(values, 0, 50), 0);
}
END_TEST

START_TEST(error_texts) {
        _cleanup_free_ char *error = NULL;

        ck_assert_int_eq(error_setf(&error, -ENOENT, "no %s", "file"), -ENOENT);
        ck_assert_str_eq(error, "no file");
        ck_assert_int_eq(error_setf(NULL, 3, "ignored"), 3);
        ck_assert_str_eq(error_text(-ENOENT), "No such file or directory");
        ck_assert_str_eq(error_text(-100000), "unknown error");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("base");
        TCase *tests = tcase_create("base");
        SRunner *runner;
        int failed;

        tcase_add_loop_test(tests, integer, 0, ELEMENTSOF(integers));
        tcase_add_loop_test(tests, size, 0, ELEMENTSOF(sizes));
        tcase_add_loop_test(tests, duration, 0, ELEMENTSOF(durations));
        tcase_add_loop_test(tests, share, 0, ELEMENTSOF(shares));
        tcase_add_test(tests, others);
        tcase_add_loop_test(tests, size_format, 0, ELEMENTSOF(formatted_sizes));
        tcase_add_loop_test(tests, duration_format, 0, ELEMENTSOF(formatted_durations));
        tcase_add_test(tests, formats_parse_back);
        tcase_add_test(tests, share_format);
        tcase_add_test(tests, random_numbers);
        tcase_add_test(tests, rates);
        tcase_add_test(tests, percentiles);
        tcase_add_test(tests, error_texts);
        suite_add_tcase(suite, tests);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
