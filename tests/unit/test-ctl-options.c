/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of udamonctl. */
#include "base/clock.h"
#include "options.h"
#include "message.h"
#include "test-ctl.h"

static Arguments parse(Verb verb, int expected, const char *const *words) {
        Arguments args = { .verb = verb, .rate = { 0, 1 }, .age = { 0, NSEC_INFINITY } };
        int argc = 0, saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC), r;

        while (words[argc])
                argc++;
        (void) dup2(null, STDERR_FILENO);
        r = options_parse(&args, argc, (char **) words);
        (void) dup2(saved, STDERR_FILENO);
        (void) close(saved);
        (void) close(null);
        ck_assert_int_eq(r, expected);
        return args;
}

#define PARSE(verb, ...) parse(verb, 0, (const char *const[]) { __VA_ARGS__, NULL })
#define REFUSE(verb, ...) (void) parse(verb, CTL_USAGE, (const char *const[]) { __VA_ARGS__, NULL })

START_TEST(monitor_options) {
        Arguments a = PARSE(VERB_START, "--pid", "12", "-p", "34", "--command=nginx", "--sample",
                            "50ms", "-a1s", "--update=1min", "--regions", "20,500", "--max-region",
                            "64MiB", "--no-children", "--auto-intervals", "--seed", "42", "--name",
                            "web", "--source", "idle");

        ck_assert_uint_eq(a.monitor.n_pids, 2);
        ck_assert_int_eq(a.monitor.pids[0], 12);
        ck_assert_int_eq(a.monitor.pids[1], 34);
        ck_assert_uint_eq(a.monitor.n_selectors, 1);
        ck_assert_str_eq(a.monitor.selectors[0].value, "nginx");
        ck_assert_uint_eq(a.monitor.sample, 50 * NSEC_PER_MSEC);
        ck_assert_uint_eq(a.monitor.aggregate, NSEC_PER_SEC);
        ck_assert_uint_eq(a.monitor.update, NSEC_PER_MINUTE);
        ck_assert_uint_eq(a.monitor.min_regions, 20);
        ck_assert_uint_eq(a.monitor.max_regions, 500);
        ck_assert_uint_eq(a.monitor.max_region_bytes, 64 * MIB);
        ck_assert(a.monitor.no_children && a.monitor.auto_intervals && a.monitor.has_seed);
        ck_assert_uint_eq(a.monitor.seed, 42);
        ck_assert_str_eq(a.monitor.name, "web");
        ck_assert_str_eq(a.monitor.source, "idle");
}
END_TEST

START_TEST(intervals_at_once) {
        Arguments a = PARSE(VERB_RUN, "--intervals", "5ms,100ms,1s", "--", "true");

        ck_assert_uint_eq(a.monitor.sample, 5 * NSEC_PER_MSEC);
        ck_assert_uint_eq(a.monitor.aggregate, 100 * NSEC_PER_MSEC);
        ck_assert_uint_eq(a.monitor.update, NSEC_PER_SEC);
}
END_TEST

START_TEST(rest_is_the_command) {
        Arguments a = PARSE(VERB_RUN, "--sample", "10ms", "--", "ls", "--sample", "x");
        Arguments b = PARSE(VERB_RUN, "ls", "--help");

        ck_assert_str_eq(a.command[0], "ls");
        ck_assert_str_eq(a.command[1], "--sample");
        ck_assert_str_eq(a.command[2], "x");
        ck_assert_ptr_null(a.command[3]);
        ck_assert_str_eq(b.command[1], "--help");
        ck_assert(!b.help);
}
END_TEST

START_TEST(ranges) {
        Arguments a = PARSE(VERB_REGIONS, "web", "--rate", "5%,max", "--age", "30s,max", "--top",
                            "7", "--sort", "age", "--min-size", "4KiB");

        ck_assert_str_eq(a.operand, "web");
        ck_assert_double_eq_tol(a.rate.min, 0.05, 1e-9);
        ck_assert_double_eq_tol(a.rate.max, 1, 1e-9);
        ck_assert_uint_eq(a.age.min, 30 * NSEC_PER_SEC);
        ck_assert_uint_eq(a.age.max, NSEC_INFINITY);
        ck_assert(a.has_top);
        ck_assert_uint_eq(a.top, 7);
        ck_assert_int_eq(a.sort, SORT_AGE);
        ck_assert_uint_eq(a.min_size, 4096);
}
END_TEST

START_TEST(scheme_words) {
        Arguments a = PARSE(VERB_SCHEME, "set", "--json", "web/cold", "quotas.sz=64MiB", "dry_run=true");
        Arguments b = PARSE(VERB_SCHEME, "input", "cold", "-5.5");
        Arguments c = PARSE(VERB_SCHEME, "input", "--", "cold", "--5", "--");
        Arguments d = PARSE(VERB_RUN, "--scheme", "a.yaml", "--", "true");
        Arguments e = PARSE(VERB_SIMULATE, "--scheme=a.yaml", "-i", "b.db", "--rows", "5");
        Arguments f = PARSE(VERB_SCHEMES, "web", "-l", "--limit", "7");
        Arguments g = PARSE(VERB_REGIONS, "--", "-name-of-a-monitor");

        ck_assert_uint_eq(a.n_words, 4);
        ck_assert_str_eq(a.words[0], "set");
        ck_assert_str_eq(a.words[3], "dry_run=true");
        ck_assert(a.json);
        ck_assert_uint_eq(b.n_words, 3);
        ck_assert_str_eq(b.words[2], "-5.5");
        ck_assert_uint_eq(c.n_words, 4);
        ck_assert_str_eq(c.words[2], "--5");
        ck_assert_str_eq(c.words[3], "--");
        ck_assert_str_eq(d.monitor.scheme, "a.yaml");
        ck_assert_str_eq(e.monitor.scheme, "a.yaml");
        ck_assert_str_eq(e.input, "b.db");
        ck_assert_uint_eq(e.rows, 5);
        ck_assert(f.log);
        ck_assert_uint_eq(f.limit, 7);
        ck_assert_str_eq(g.operand, "-name-of-a-monitor");
}
END_TEST

START_TEST(too_many_words) {
        const char *words[WORDS_MAX + 2] = {};

        for (size_t i = 0; i < WORDS_MAX; i++)
                words[i] = "a=b";
        (void) parse(VERB_SCHEME, 0, words);
        words[WORDS_MAX] = "a=b";
        (void) parse(VERB_SCHEME, CTL_USAGE, words);
}
END_TEST

START_TEST(nonsense) {
        REFUSE(VERB_START, "--pid", "12", "--regions", "10,3");
        REFUSE(VERB_START, "--pid", "12", "--regions", "10");
        REFUSE(VERB_START, "--pid", "12", "--regions", "10,20,30");
        REFUSE(VERB_START, "--pid", "12", "--regions", ",20");
        REFUSE(VERB_START, "--pid", "12", "--regions", "0,20");
        REFUSE(VERB_START, "--pid", "0");
        REFUSE(VERB_START, "--pid", "-5");
        REFUSE(VERB_START, "--pid", "99999999999999999999");
        REFUSE(VERB_START, "--pid");
        REFUSE(VERB_START, "--name", "x");
        REFUSE(VERB_START, "--pid", "12", "--sample", "100");
        REFUSE(VERB_START, "--pid", "12", "--sample", "0s");
        REFUSE(VERB_START, "--pid", "12", "--sample", "max");
        REFUSE(VERB_START, "--pid", "12", "--sample", "2s", "--aggregate", "1s");
        REFUSE(VERB_START, "--pid", "12", "--no-children=yes");
        REFUSE(VERB_START, "--pid", "12", "--source", "magic");
        REFUSE(VERB_START, "--pid", "12", "--seed", "9223372036854775808");
        REFUSE(VERB_START, "1234");
        REFUSE(VERB_RUN, "--sample", "10ms");
        REFUSE(VERB_RUN, "--");
        REFUSE(VERB_STOP, "--json");
        REFUSE(VERB_STOP, "a", "b");
        REFUSE(VERB_RECORD, "web");
        REFUSE(VERB_REGIONS, "--rate", "50%,5%");
        REFUSE(VERB_REGIONS, "--rate", "5,50");
        REFUSE(VERB_REGIONS, "--rate", "0%,101%");
        REFUSE(VERB_REGIONS, "--age", "5,10");
        REFUSE(VERB_REGIONS, "--snapshot", "3");
        REFUSE(VERB_REGIONS, "web", "-i", "x.db");
        REFUSE(VERB_REGIONS, "--input", "");
        REFUSE(VERB_REGIONS, "--frobnicate");
        REFUSE(VERB_REGIONS, "-z");
        REFUSE(VERB_REGIONS, "--width", "5");
        REFUSE(VERB_HEATMAP, "--follow", "--json");
        REFUSE(VERB_HEATMAP, "--follow", "-i", "x.db");
        REFUSE(VERB_RUN, "--scheme", "", "--", "true");
        REFUSE(VERB_RUN, "--scheme", "a", "--scheme", "b", "--", "true");
        REFUSE(VERB_STATUS, "--scheme", "a");
        REFUSE(VERB_SCHEMES, "--limit", "0", "--log");
        REFUSE(VERB_SCHEMES, "--limit", "5");
        REFUSE(VERB_SCHEME, "enable", "cold", "-x");
        REFUSE(VERB_SIMULATE, "--scheme", "a", "-i", "b", "c");
        REFUSE(VERB_RELOAD, "web");
        REFUSE(VERB_STATUS, "web");
        REFUSE(VERB_STATUS, "--color", "blue");
        REFUSE(VERB_STATUS, "--pid", "12");
}
END_TEST

START_TEST(messages) {
        static const struct {
                const char *words[5];
                const char *expected;
        } cases[] = {
                {{"start", "--pid", "1", "--regions", "10,3"},
                 "--regions: the minimum (10) is above the maximum (3)"},
                {{"start", "--pid", "1", "--sample", "100"},
                 "'100' has no unit (did you mean 100ms or 100s?)"},
                {{"start", "--pid", "1", "--sampel", "100ms"},
                 "unknown option '--sampel' (did you mean --sample?)"},
                {{"regions", "--sort", "rat"},
                 "'rat' is none of: address, rate, age, size, heat (did you mean rate?)"},
                {{"region"}, "unknown verb 'region' (did you mean regions?)"},
                {{"frobnicate"}, "unknown verb 'frobnicate'; 'udamonctl --help' lists them"},
                {{"--json", "status"}, "the verb comes first: udamonctl VERB --json"},
                {{"start"}, "Give --pid, --command"},
                {{"run"}, "try 'udamonctl run -- COMMAND ARGUMENTS'"},
                {{"regions", "--rate", "5,50%"}, "'5' has no unit (did you mean 5%?)"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(captured_deinit) Captured c = {};
                char *argv[7] = { W("udamonctl") };

                for (size_t k = 0; k < 5; k++)
                        argv[k + 1] = W(cases[i].words[k]);
                c = capture_args(argv);
                ck_assert_int_eq(c.status, CTL_USAGE);
                ck_assert_contains(c.err, cases[i].expected);
                ck_assert_one_line(c.err);
                ck_assert_str_eq(c.out, "");
        }
}
END_TEST

START_TEST(help) {
        static const char *const verbs[] = { "run",  "check",  "start",   "stop",   "status", "regions", "heatmap",
                                             "wss",  "idle",   "record",  "schemes", "scheme", "config", "reload",
                                             "simulate", "nodes" };
        _cleanup_(captured_deinit) Captured all = capture(W("--help")),
                                            version = capture(W("--version"));
        _cleanup_(captured_deinit) Captured none = capture_args((char *[]){W("udamonctl"), NULL});

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                _cleanup_(captured_deinit) Captured c = capture(W(verbs[i]), W("--help"));

                ck_assert_int_eq(c.status, 0);
                ck_assert_contains(c.out, "usage: udamonctl ");
                ck_assert_contains(c.out, "examples:");
                ck_assert_contains(c.out, "--json");
                ck_assert_str_eq(c.err, "");
                ck_assert_contains(all.out, verbs[i]);
        }
        ck_assert_int_eq(all.status, 0);
        ck_assert_int_eq(none.status, CTL_USAGE);
        ck_assert_str_eq(none.out, "");
        ck_assert_contains(version.out, "udamonctl ");
}
END_TEST

/* The manual page has every option of every verb, and every verb. */
START_TEST(manual) {
        static const char *const verbs[] = { "run",  "check",  "start",   "stop",   "status", "regions", "heatmap",
                                             "wss",  "idle",   "record",  "schemes", "scheme", "config", "reload",
                                             "simulate", "nodes" };
        _cleanup_free_ char *page = NULL;
        char path[512], wanted[64];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/man/udamonctl.1", getenv("SOURCE_ROOT") ? getenv("SOURCE_ROOT") : ".");
        fd = open(path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        page = read_fd(fd);
        (void) close(fd);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                _cleanup_(captured_deinit) Captured c = capture(W(verbs[i]), W("--help"));

                (void) snprintf(wanted, sizeof(wanted), ".It Cm %s", verbs[i]);
                ck_assert_msg(strstr(page, wanted) || streq(verbs[i], "stop"), "no '%s'", wanted);
                for (char *at = strstr(c.out, "options:"); (at = strstr(at, " --")); at += 3) {
                        int length = (int) strspn(at + 3, "abcdefghijklmnopqrstuvwxyz-");

                        (void) snprintf(wanted, sizeof(wanted), "-%.*s", length, at + 3);
                        ck_assert_msg(strstr(page, wanted) != NULL, "%s: no '-%s'", verbs[i], wanted);
                }
        }
}
END_TEST

START_TEST(harmless_text) {
        char text[] = "a\033[2Jb\tc\x7f\xc2\x9b\xc3\xa9";

        ck_assert_str_eq(text_sanitize(text), "a?[2Jb?c???\xc3\xa9");
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("options");

        tcase_add_test(tcase, monitor_options);
        tcase_add_test(tcase, intervals_at_once);
        tcase_add_test(tcase, rest_is_the_command);
        tcase_add_test(tcase, ranges);
        tcase_add_test(tcase, scheme_words);
        tcase_add_test(tcase, too_many_words);
        tcase_add_test(tcase, nonsense);
        tcase_add_test(tcase, messages);
        tcase_add_test(tcase, help);
        tcase_add_test(tcase, manual);
        tcase_add_test(tcase, harmless_text);
        return run_case("ctl-options", tcase);
}
