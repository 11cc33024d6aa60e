/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of the configuration parser and its numbers. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "config.h"
#include "number.h"

#define VALID_REGIONS "a, 1MiB\n"
#define VALID_PHASE   "\np\n100\na, 0, 64, 1\n"

static Config *parse(const char *text)
{
        CLEANUP(cleanup_free) char *errors = NULL;
        Config *config = NULL;
        int r;

        r = config_parse("test.cfg", text, strlen(text), &config, &errors);
        ck_assert_msg(r == 0, "unexpected: %s", errors ? errors : "(no message)");
        return config;
}

static void assert_error(const char *text, const char *expected)
{
        CLEANUP(cleanup_free) char *errors = NULL;
        Config *config = NULL;

        ck_assert_int_eq(config_parse("test.cfg", text, strlen(text), &config, &errors), -EINVAL);
        ck_assert_ptr_null(config);
        ck_assert_ptr_nonnull(errors);
        ck_assert_str_eq(errors, expected);
}

START_TEST(masim_file)
{
        CLEANUP(cleanup_config) Config *config =
                parse("#regions\n# name, length\nfoo, 10485760\nbar, 20971520, none\n\n"
                      "# phases\nwarm up\n1000\nfoo, 1, 64, 3\nbar, 0, 4096, 7, ro\n"
                      "\n\nsecond\n2500\n# not this\nbar, 1, 8, 1, rw\n");

        ck_assert_uint_eq(config->n_regions, 2);
        ck_assert_str_eq(config->regions[0].name, "foo");
        ck_assert_uint_eq(config->regions[0].len, 10485760);
        ck_assert_uint_eq(config->regions[0].line, 3);
        ck_assert_int_eq(config->regions[0].node, -1);
        ck_assert_int_eq(config->regions[0].backing, BACKING_ANON);
        ck_assert_ptr_null(config->regions[1].init_file);

        ck_assert_uint_eq(config->n_phases, 2);
        ck_assert_str_eq(config->phases[0].name, "warm up");
        ck_assert_uint_eq(config->phases[0].duration_ns, NSEC_PER_SEC);
        ck_assert_uint_eq(config->phases[0].n_patterns, 2);
        ck_assert(config->phases[0].patterns[0].random);
        ck_assert_uint_eq(config->phases[0].patterns[0].stride, 64);
        ck_assert_uint_eq(config->phases[0].patterns[0].weight, 3);
        ck_assert_int_eq(config->phases[0].patterns[0].mode, ACCESS_UNSET);
        ck_assert_uint_eq(config->phases[0].patterns[1].region, 1);
        ck_assert_int_eq(config->phases[0].patterns[1].mode, ACCESS_RO);
        ck_assert_uint_eq(config->phases[1].n_patterns, 1);
        ck_assert_int_eq(config->phases[1].patterns[0].mode, ACCESS_RW);
}
END_TEST

/* As masim's own default configuration does. */
START_TEST(stride_beyond_the_region)
{
        CLEANUP(cleanup_config) Config *config =
                parse("b, 64, none\n\np\n10\nb, 0, 4096, 50, rw\n");

        ck_assert_uint_eq(config->phases[0].patterns[0].stride, 4096);
}
END_TEST

START_TEST(windows_line_ends_and_no_last_newline)
{
        CLEANUP(cleanup_config) Config *config =
                parse("a, 4096\r\n\r\np\r\n10\r\na, 0, 64, 1");

        ck_assert_uint_eq(config->phases[0].n_patterns, 1);
}
END_TEST

START_TEST(extensions)
{
        CLEANUP(cleanup_config) Config *config =
                parse("a, 100MiB, thp=always, node=2, lock=1\nb, 1G, backing=file:/x=y/z\n"
                      "c, 8K, some.file, backing = memfd, thp=never\nd, 2MiB, backing=hugetlb\n"
                      "e, 4096, backing=shared\nf, 4096, backing=anon\n"
                      "\np\n5s, fork=3\na, 1, 4096, 1, ro, rate=2.5, zipf=0.9\n"
                      "a, 0, 4096, 1, window=32MiB/8MiB\n");
        const PatternSpec *patterns = config->phases[0].patterns;

        ck_assert_int_eq(config->regions[0].thp, THP_ALWAYS);
        ck_assert_int_eq(config->regions[0].node, 2);
        ck_assert(config->regions[0].lock);
        ck_assert_uint_eq(config->regions[1].len, 1u << 30);
        ck_assert_int_eq(config->regions[1].backing, BACKING_FILE);
        ck_assert_str_eq(config->regions[1].path, "/x=y/z");
        ck_assert_str_eq(config->regions[2].init_file, "some.file");
        ck_assert_int_eq(config->regions[2].backing, BACKING_MEMFD);
        ck_assert_int_eq(config->regions[3].backing, BACKING_HUGETLB);
        ck_assert_int_eq(config->regions[4].backing, BACKING_SHARED);
        ck_assert_uint_eq(config->phases[0].duration_ns, 5 * NSEC_PER_SEC);
        ck_assert_uint_eq(config->phases[0].forks, 3);
        ck_assert(patterns[0].rate_hz == 2.5 && patterns[0].zipf == 0.9);
        ck_assert_uint_eq(patterns[1].window, 32u << 20);
        ck_assert_uint_eq(patterns[1].step, 8u << 20);
}
END_TEST

START_TEST(settling)
{
        CLEANUP(cleanup_config) Config *config =
                parse("a, 4096\nb, 4096\n\np\n100\na, 0, 64, 1\nb, 0, 64, 1, ro\n");

        config_settle(config, ACCESS_RW, 0.5);
        ck_assert_uint_eq(config->phases[0].duration_ns, 50 * NSEC_PER_MSEC);
        ck_assert_uint_eq(config->phases[0].step_ns, NSEC_PER_SEC / 2);
        ck_assert_int_eq(config->phases[0].patterns[0].mode, ACCESS_RW);
        ck_assert(config->regions[0].written);
        ck_assert(!config->regions[1].written);
}
END_TEST

/* One wrong thing each, and exactly one message. */
static const struct {
        const char *text;
        const char *error;
} malformed[] = {
        { "", "test.cfg:1: regions: there are none\n" },
        { "# only a comment\n\n", "test.cfg:3: regions: there are none\n" },
        { "a, 4096\n", "test.cfg:2: phases: there are none after the regions\n" },
        { "a\n" VALID_PHASE,
          "test.cfg:1: size: is missing (want: name, bytes[, key=value...])\n" },
        { ", 4096\n", "test.cfg:1: name: is empty\n" },
        { "a\tb, 4096\n", "test.cfg:1: name: has a character that is not printable ASCII\n" },
        { "a, 4096\na, 4096\n" VALID_PHASE, "test.cfg:2: name: region 'a' is defined twice\n" },
        { "a, 0\n" VALID_PHASE, "test.cfg:1: size: must not be 0\n" },
        { "a, -1\n" VALID_PHASE,
          "test.cfg:1: size: '-1' is not a size (bytes, or such as 100MiB)\n" },
        { "a, 10MB\n" VALID_PHASE,
          "test.cfg:1: size: '10MB' is not a size (bytes, or such as 100MiB)\n" },
        { "a, 99999999999999999999\n" VALID_PHASE,
          "test.cfg:1: size: '99999999999999999999' is too large"
          " (at most 70368744177664 bytes)\n" },
        { "a, 100T\n" VALID_PHASE,
          "test.cfg:1: size: '100T' is too large (at most 70368744177664 bytes)\n" },
        { "a, 1M, backing=disk\n" VALID_PHASE,
          "test.cfg:1: backing: 'disk' is not anon, file:PATH, shared, memfd or hugetlb\n" },
        { "a, 1M, backing=file:\n" VALID_PHASE,
          "test.cfg:1: backing: 'file:' is not anon, file:PATH, shared, memfd or hugetlb\n" },
        { "a, 1M, backing=file\n" VALID_PHASE,
          "test.cfg:1: backing: 'file' is not anon, file:PATH, shared, memfd or hugetlb\n" },
        { "a, 1M, thp=maybe\n" VALID_PHASE, "test.cfg:1: thp: 'maybe' is not always or never\n" },
        { "a, 1M, thp=\n" VALID_PHASE, "test.cfg:1: thp: has no value\n" },
        { "a, 1M, thp=always, thp=never\n" VALID_PHASE, "test.cfg:1: thp: is given twice\n" },
        { "a, 2M, backing=hugetlb, thp=always\n" VALID_PHASE,
          "test.cfg:1: thp: means nothing for backing=hugetlb\n" },
        { "a, 1M, x, backing=file:y\n" VALID_PHASE,
          "test.cfg:1: file: an initial content cannot be copied into backing=file\n" },
        { "a, 1M, node=1024\n" VALID_PHASE, "test.cfg:1: node: '1024' is not in 0..1023\n" },
        { "a, 1M, node=x\n" VALID_PHASE, "test.cfg:1: node: 'x' is not a whole number\n" },
        { "a, 1M, lock=2\n" VALID_PHASE, "test.cfg:1: lock: '2' is not in 0..1\n" },
        { "a, 1M, colour=red\n" VALID_PHASE,
          "test.cfg:1: field: unknown key 'colour' (known: backing, thp, node, lock)\n" },
        { "a, 1M, none, nonsense\n" VALID_PHASE,
          "test.cfg:1: field: 'nonsense' is not a key=value field\n" },
        { "a, 1M,\n" VALID_PHASE, "test.cfg:1: file: is empty (want a path or none)\n" },
        { "a, 1M,,,,,,,,,,,,,,,,,\n", "test.cfg:1: line: more than 16 fields\n" },
        { VALID_REGIONS "\np\n",
          "test.cfg:3: time: is missing: a phase is a name, a time and its patterns\n" },
        { VALID_REGIONS "\np\n100\n", "test.cfg:3: pattern: the phase has none\n" },
        { VALID_REGIONS "\np\nsoon\na, 0, 64, 1\n",
          "test.cfg:4: time: 'soon' is not a time (milliseconds, or such as 5s)\n" },
        { VALID_REGIONS "\np\n0\na, 0, 64, 1\n",
          "test.cfg:4: time: '0' is not above 0 and at most 1000000s\n" },
        { VALID_REGIONS "\np\n9999999999s\na, 0, 64, 1\n",
          "test.cfg:4: time: '9999999999s' is not above 0 and at most 1000000s\n" },
        { VALID_REGIONS "\np\n100, fork=many\na, 0, 64, 1\n",
          "test.cfg:4: fork: 'many' is not a whole number\n" },
        { VALID_REGIONS "\np\n100, 3\na, 0, 64, 1\n",
          "test.cfg:4: field: '3' is not a key=value field\n" },
        { VALID_REGIONS "\np\n100\nb, 0, 64, 1\n", "test.cfg:5: region: 'b' is not defined\n" },
        { VALID_REGIONS "\np\n100\na, 0, 64\n",
          "test.cfg:5: pattern: 3 fields (want: region, random, stride, probability"
          "[, ro|wo|rw][, key=value...])\n" },
        { VALID_REGIONS "\np\n100\na, 2, 64, 1\n", "test.cfg:5: random: '2' is not in 0..1\n" },
        { VALID_REGIONS "\np\n100\na, 0, 0, 1\n", "test.cfg:5: stride: must not be 0\n" },
        { VALID_REGIONS "\np\n100\na, 0, 64, -1\n",
          "test.cfg:5: probability: '-1' is not a whole number\n" },
        { VALID_REGIONS "\np\n100\na, 0, 64, 0\n",
          "test.cfg:3: probability: every pattern of the phase has probability 0\n" },
        { VALID_REGIONS "\np\n100\na, 0, 64, 1, xo\n",
          "test.cfg:5: mode: 'xo' is not ro, wo or rw\n" },
        { VALID_REGIONS "\np\n100\na, 0, 64, 1, rate=nan\n",
          "test.cfg:5: rate: 'nan' is not a decimal number\n" },
        { VALID_REGIONS "\np\n100\na, 0, 64, 1, rate=0\n",
          "test.cfg:5: rate: '0' is not above 0 and at most 1e+06\n" },
        { VALID_REGIONS "\np\n100\na, 0, 64, 1, zipf=1\n",
          "test.cfg:5: zipf: needs random access (second field 1)\n" },
        { VALID_REGIONS "\np\n100\na, 0, 64, 1, window=4096\n",
          "test.cfg:5: window: want BYTES/STEP, such as 32MiB/8MiB\n" },
        { VALID_REGIONS "\np\n100\na, 0, 64, 1, window=4095/4096\n",
          "test.cfg:5: window: both sizes must be multiples of 4096\n" },
        { VALID_REGIONS "\np\n100\na, 0, 64, 1, window=2M/4096\n",
          "test.cfg:5: window: is larger than region 'a' (1048576 bytes)\n" },
        { VALID_REGIONS "\np\n100\na, 0, 8192, 1, window=4096/4096\n",
          "test.cfg:5: stride: is larger than the window\n" },
};

START_TEST(malformed_input)
{
        assert_error(malformed[_i].text, malformed[_i].error);
}
END_TEST

START_TEST(every_error_is_reported)
{
        assert_error("a, 0\nb, x\n\np\nnever\nc, 0, 64, 1\na, 5, 64, 1\n",
                     "test.cfg:1: size: must not be 0\n"
                     "test.cfg:2: size: 'x' is not a size (bytes, or such as 100MiB)\n"
                     "test.cfg:5: time: 'never' is not a time (milliseconds, or such as 5s)\n"
                     "test.cfg:6: region: 'c' is not defined\n"
                     "test.cfg:7: random: '5' is not in 0..1\n");
}
END_TEST

START_TEST(nul_byte)
{
        static const char text[] = "a, 4096\nb\0, 1\n";
        CLEANUP(cleanup_free) char *errors = NULL;
        Config *config = NULL;

        ck_assert_int_eq(config_parse("t", text, sizeof(text) - 1, &config, &errors), -EINVAL);
        ck_assert_str_eq(errors, "t:2: line: has a NUL byte: this is not a text file\n");
}
END_TEST

/* A long unprintable value must neither overflow a message nor reach a terminal raw. */
START_TEST(hostile_value)
{
        CLEANUP(cleanup_free) char *errors = NULL;
        Config *config = NULL;
        char text[4096];

        memset(text, '\x1b', sizeof(text));
        memcpy(text, "a, ", 3);
        ck_assert_int_eq(config_parse("t", text, sizeof(text), &config, &errors), -EINVAL);
        ck_assert_ptr_null(strchr(errors, '\x1b'));
        ck_assert_uint_lt(strlen(errors), 200);
}
END_TEST

/* Every prefix of a valid file is either valid or refused; sanitizers watch. */
START_TEST(truncated_input)
{
        static const char text[] = "a, 1MiB, x, thp=always\nb, 64K, backing=file:p\n\n"
                                   "p q\n5s, fork=2\n"
                                   "a, 1, 64, 3, ro, rate=1.5, zipf=1\nb, 0, 64, 1, window=8K/4K\n";

        for (size_t len = 0; len < sizeof(text); len++) {
                CLEANUP(cleanup_config) Config *config = NULL;
                CLEANUP(cleanup_free) char *errors = NULL;
                CLEANUP(cleanup_free) char *part = malloc(len + 1);
                int r;

                memcpy(part, text, len);
                r = config_parse("t", part, len, &config, &errors);
                ck_assert(r == 0 || r == -EINVAL);
                ck_assert((r == 0) == (config != NULL) && (r < 0) == (errors != NULL));
        }
}
END_TEST

START_TEST(missing_file)
{
        CLEANUP(cleanup_free) char *errors = NULL;
        Config *config = NULL;

        ck_assert_int_eq(config_load("/nonexistent/x.cfg", &config, &errors), -ENOENT);
        ck_assert_int_eq(config_load("/", &config, &errors), -EISDIR);
        ck_assert_ptr_null(errors);
}
END_TEST

START_TEST(numbers)
{
        static const char *const bad_fractions[] = { "", ".", "1.2.3", "-1", " 1", "1e3", "0x1",
                                                     "inf", "1 " };
        uint64_t n = 7;
        double d = 7;

        ck_assert_int_eq(number_parse_count("18446744073709551615", &n), 0);
        ck_assert_uint_eq(n, UINT64_MAX);
        ck_assert_int_eq(number_parse_count("18446744073709551616", &n), -ERANGE);
        ck_assert_int_eq(number_parse_count("+1", &n), -EINVAL);
        ck_assert_int_eq(number_parse_count("", &n), -EINVAL);
        ck_assert_int_eq(number_parse_size("16777216T", &n), -ERANGE);
        ck_assert_uint_eq(n, UINT64_MAX);
        ck_assert_int_eq(number_parse_size("3KiB", &n), 0);
        ck_assert_uint_eq(n, 3072);
        ck_assert_int_eq(number_parse_size("3 KiB", &n), -EINVAL);
        ck_assert_int_eq(number_parse_time("250", &n), 0);
        ck_assert_uint_eq(n, 250 * NSEC_PER_MSEC);
        for (size_t i = 0; i < sizeof(bad_fractions) / sizeof(bad_fractions[0]); i++)
                ck_assert_int_eq(number_parse_fraction(bad_fractions[i], &d), -EINVAL);
        ck_assert(d == 7);
        ck_assert_int_eq(number_parse_fraction(".5", &d), 0);
        ck_assert(d == 0.5);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("workload config");
        TCase *tcase = tcase_create("config");
        SRunner *runner;
        int failed;

        tcase_add_test(tcase, masim_file);
        tcase_add_test(tcase, stride_beyond_the_region);
        tcase_add_test(tcase, windows_line_ends_and_no_last_newline);
        tcase_add_test(tcase, extensions);
        tcase_add_test(tcase, settling);
        tcase_add_loop_test(tcase, malformed_input, 0,
                            (int)(sizeof(malformed) / sizeof(malformed[0])));
        tcase_add_test(tcase, every_error_is_reported);
        tcase_add_test(tcase, nul_byte);
        tcase_add_test(tcase, hostile_value);
        tcase_add_test(tcase, truncated_input);
        tcase_add_test(tcase, missing_file);
        tcase_add_test(tcase, numbers);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
