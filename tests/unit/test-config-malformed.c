/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 500 malformed configurations (tests/data/config/malformed/generate.py), each refused with a position; and bombs,
 * each refused in a child that may use little memory and a second of CPU time. */
#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/macro.h"
#include "config/config.h"

#define CASES "tests/data/config/malformed/cases.txt"
#define N_CASES 500
#define N_KNOWN 60 /* of them, at least, say all that must be said about them */

/* ---- The file of cases ---- */

typedef struct Case {
        char *name;
        char *expected; /* one error on a line; "" when only a refusal is expected */
        char *text;
        size_t size;
} Case;

static Case arg_cases[N_CASES + 1];
static size_t arg_n_cases;

/* Outside of any test, where a failure could not be reported as one. */
static void must(bool condition, const char *what) {
        if (condition)
                return;
        fprintf(stderr, CASES ": %s\n", what);
        exit(EXIT_FAILURE);
}

/* Decodes \xNN and \\ in place. Returns the size. */
static size_t unescape(char *text) {
        char *out = text;

        for (const char *p = text; *p; p++) {
                if (*p != '\\')
                        *out++ = *p;
                else if (p[1] == '\\')
                        *out++ = *++p;
                else {
                        char digits[3] = { p[2], p[3], 0 };

                        must(p[1] == 'x' && isxdigit((unsigned char) p[2]) && isxdigit((unsigned char) p[3]), "escape");
                        *out++ = (char) strtoul(digits, NULL, 16);
                        p += 3;
                }
        }
        return (size_t) (out - text);
}

/* The text with its line of this number (from 1) replaced. Allocated. */
static char *replace_line(const char *text, unsigned long number, const char *with) {
        const char *begin = text, *end;
        char *whole;

        for (; number > 1; number--)
                begin = strchr(begin, '\n') + 1;
        end = strchr(begin, '\n') + 1;
        must(asprintf(&whole, "%.*s%s%s", (int) (begin - text), text, with, end) > 0, "memory");
        return whole;
}

/* One case, from behind "=== " up to the next; cut up in place. */
static void take_case(char *p) {
        Case *c = &arg_cases[arg_n_cases++];
        size_t size;
        FILE *expected = open_memstream(&c->expected, &size);
        char *rest;

        c->name = strndup(p, strcspn(p, "\n"));
        for (p += strcspn(p, "\n") + 1; *p == '!'; p += strcspn(p, "\n") + 1)
                fprintf(expected, "%.*s\n", (int) strcspn(p + 2, "\n"), p + 2);
        must(fclose(expected) == 0, "memory");
        if (*p == '~') {
                unsigned long number = strtoul(p + 1, &rest, 10);

                c->text = replace_line(arg_cases[0].text, number, rest + 1);
        } else
                c->text = strdup(p);
        c->size = unescape(c->text);
}

static void read_cases(void) {
        _cleanup_(buffer_deinit) Buffer file = {};
        _cleanup_free_ char *path = NULL;
        char *next;

        if (asprintf(&path, "%s/" CASES, getenv("SOURCE_ROOT") ?: ".") < 0 ||
            read_whole_at(AT_FDCWD, path, 1024 * 1024, &file) < 0) {
                fprintf(stderr, CASES " cannot be read\n");
                exit(EXIT_FAILURE);
        }
        for (char *p = strstr(file.data, "\n=== "); p && arg_n_cases < ELEMENTSOF(arg_cases); p = next) {
                next = strstr(p + 1, "\n=== ");
                if (next)
                        next[1] = 0;
                take_case(p + 5);
                if (next)
                        next[1] = '=';
        }
}

static void free_cases(void) {
        for (size_t i = 0; i < arg_n_cases; i++) {
                free(arg_cases[i].name);
                free(arg_cases[i].expected);
                free(arg_cases[i].text);
        }
}

/* ---- The corpus ---- */

static char *errors_text(const ConfigErrors *errors) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        for (size_t i = 0; i < errors->n; i++)
                fprintf(out, "%u:%u: %s\n", errors->errors[i].line, errors->errors[i].column, errors->errors[i].text);
        ck_assert_int_eq(fclose(out), 0);
        return text;
}

static unsigned count_lines(const Case *c) {
        unsigned n = 1;

        for (size_t i = 0; i < c->size; i++)
                n += c->text[i] == '\n';
        return n;
}

/* Every error has a place that is in the file, and a text that is fit to print. */
static void assert_errors_are_sound(const Case *c, const ConfigErrors *errors) {
        unsigned n_lines = count_lines(c);

        ck_assert_uint_ge(errors->n, 1);
        for (size_t i = 0; i < errors->n; i++) {
                const ConfigError *e = &errors->errors[i];

                ck_assert_msg(e->line >= 1 && e->line <= n_lines, "%s: line %u of %u", c->name, e->line, n_lines);
                ck_assert_msg(e->column >= 1, "%s: column %u", c->name, e->column);
                ck_assert_msg(strlen(e->text) > 5, "%s: '%s'", c->name, e->text);
                for (const char *p = e->text; *p; p++)
                        ck_assert_msg((unsigned char) *p >= 0x20 && *p != 0x7f, "%s: unprintable", c->name);
        }
}

START_TEST(base_is_right) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *found = NULL;
        int r = config_parse(arg_cases[0].text, arg_cases[0].size, &config, &errors);

        found = errors_text(&errors);
        ck_assert_msg(r == 0, "%s", found);
}
END_TEST

START_TEST(malformed_is_refused) {
        const Case *c = &arg_cases[_i];
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_free_ char *found = NULL;
        Config *config = NULL;

        ck_assert_msg(config_parse(c->text, c->size, &config, &errors) == -EINVAL, "%s is accepted:\n%s", c->name,
                      c->text);
        ck_assert_ptr_null(config);
        assert_errors_are_sound(c, &errors);
        found = errors_text(&errors);
        ck_assert_msg(!*c->expected || streq(found, c->expected), "%s:\n%sinstead of\n%sfor\n%s", c->name, found,
                      c->expected, c->text);
}
END_TEST

START_TEST(enough_cases) {
        size_t n_known = 0;

        for (size_t i = 1; i < arg_n_cases; i++)
                n_known += *arg_cases[i].expected != 0;
        ck_assert_uint_eq(arg_n_cases, N_CASES + 1);
        ck_assert_uint_ge(n_known, N_KNOWN);
        printf("%d malformed configurations refused, %zu with exactly the expected errors\n", N_CASES, n_known);
}
END_TEST

/* ---- Bombs ---- */

#define MIB ((size_t) 1024 * 1024)
#define MEMORY_MAX (32 * MIB)
#define CPU_MAX_SECONDS 1

typedef struct Figures {
        int r;
        nsec_t cpu;
        size_t memory; /* address space that was needed beyond the text */
        char error[160];
} Figures;

typedef struct Bomb {
        const char *what;
        void (*write)(FILE *out);
        const char *expected;
} Bomb;

/* Whether a sanitizer, which maps terabytes, stands in the way of a limit. */
#if defined(__SANITIZE_ADDRESS__)
#define LIMITED false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LIMITED false
#else
#define LIMITED true
#endif
#else
#define LIMITED true
#endif

static size_t address_space(void) {
        FILE *in = fopen("/proc/self/statm", "re");
        unsigned long pages = 0;

        if (!in || fscanf(in, "%lu", &pages) != 1)
                _exit(EXIT_FAILURE);
        fclose(in);
        return pages * (size_t) sysconf(_SC_PAGESIZE);
}

static nsec_t cpu_time(void) {
        struct rusage usage;

        (void) getrusage(RUSAGE_SELF, &usage);
        return ((nsec_t) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)) * NSEC_PER_SEC +
               (nsec_t) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * NSEC_PER_USEC;
}

static void limit(int resource, rlim_t value) {
        struct rlimit l = { value, value };

        if (setrlimit(resource, &l) < 0)
                _exit(EXIT_FAILURE);
}

/* In the child. Memory that was freed stays mapped, so what there is at the end tells what was needed; and beyond
 * the limit the parser would have said -ENOMEM. */
static void defuse(const char *path, const char *text, size_t size, Figures *ret) {
        ConfigErrors errors = {};
        Config *config = NULL;
        size_t before = address_space();
        nsec_t start = cpu_time();

        limit(RLIMIT_CPU, CPU_MAX_SECONDS);
        if (LIMITED)
                limit(RLIMIT_AS, before + MEMORY_MAX);
        ret->r = path ? config_load(path, &config, &errors) : config_parse(text, size, &config, &errors);
        ret->cpu = cpu_time() - start;
        ret->memory = address_space() - before;
        if (errors.n > 0)
                (void) snprintf(ret->error, sizeof(ret->error), "%u:%u: %s", errors.errors[0].line,
                                errors.errors[0].column, errors.errors[0].text);
        _exit(EXIT_SUCCESS);
}

static void assert_defused(const char *what, const char *path, const char *text, size_t size, const char *expected) {
        Figures *figures = mmap(NULL, sizeof(*figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        int status;
        pid_t pid;

        ck_assert_ptr_ne(figures, MAP_FAILED);
        fflush(stdout);
        pid = fork();
        if (pid == 0)
                defuse(path, text, size, figures);
        ck_assert_int_gt(pid, 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: ended with %#x", what, (unsigned) status);
        ck_assert_msg(figures->r == -EINVAL, "%s: %d", what, figures->r);
        ck_assert_msg(strncmp(figures->error, expected, strlen(expected)) == 0, "%s: %s", what, figures->error);
        printf("%-26s %-6s %9zu bytes: %6.1f ms of CPU, %5zu KiB\n", what, path ? "(file)" : "(text)", size,
               (double) figures->cpu / NSEC_PER_MSEC, figures->memory / 1024);
        munmap(figures, sizeof(*figures));
}

static void repeat(FILE *out, const char *text, size_t n) {
        for (; n > 0; n--)
                fputs(text, out);
}

/* Eight lines that would unfold to 9^9 values. */
static void write_aliases(FILE *out) {
        fputs("a: &a [x]\n", out);
        for (char c = 'b'; c <= 'i'; c++) {
                fprintf(out, "%c: &%c [", c, c);
                for (int i = 0; i < 9; i++)
                        fprintf(out, "*%c,", c - 1);
                fputs("]\n", out);
        }
        fputs("monitors: *i\n", out);
}

/* Merge keys that each double what they take in. */
static void write_merges(FILE *out) {
        fputs("a0: &a0 {x: 1}\n", out);
        for (int i = 1; i < 200; i++)
                fprintf(out, "a%d: &a%d\n  <<: [*a%d, *a%d]\n", i, i, i - 1, i - 1);
}

static void write_levels(FILE *out) {
        repeat(out, "[", 10000);
        repeat(out, "]", 10000);
}

static void write_scheme_levels(FILE *out) {
        fputs("monitors: [{name: a, source: sim, schemes: [{name: a, action: stat, filters: ", out);
        repeat(out, "[", 10000);
}

static void write_mapping_levels(FILE *out) {
        repeat(out, "{a: ", 10000);
}

static void write_block_levels(FILE *out) {
        for (int i = 0; i < 600; i++)
                fprintf(out, "%*sa:\n", i, "");
}

static void write_large(FILE *out) {
        fputs("monitors:\n", out);
        repeat(out, "  - {name: a, source: sim}       \n", 10 * MIB / 34);
}

static void write_many_goals(FILE *out) {
        fputs("monitors: [{name: a, source: sim, schemes: [{name: a, action: stat, quotas: {goals: [", out);
        repeat(out, "{metric: x},", 4000);
        fputs("]}}]}]", out);
}

static void write_wrong_keys(FILE *out) {
        fputs("monitors: [{name: a, source: sim, schemes: [{name: a, action: stat", out);
        for (int i = 0; i < 9000; i++)
                fprintf(out, ",\nk%d: 1", i);
        fputs("}]}]", out);
}

static void write_same_names(FILE *out) {
        fputs("monitors: [{name: a, source: sim, schemes: [", out);
        repeat(out, "{name: a},", 4000);
        fputs("]}]", out);
}

static const Bomb bombs[] = {
        { "aliases of aliases", write_aliases, "1:1: unknown key 'a' at the top level" },
        { "merges of merges", write_merges, "1:1: unknown key 'a0' at the top level" },
        { "10,000 levels of lists", write_levels, "1:17: nested deeper than 16 levels" },
        { "10,000 levels in a scheme", write_scheme_levels, "1:89: nested deeper than 16 levels" },
        { "10,000 levels of mappings", write_mapping_levels, "1:65: nested deeper than 16 levels" },
        { "600 levels of indentation", write_block_levels, "17:17: nested deeper than 16 levels" },
        { "10 MiB of monitors", write_large, "0:0: the file is larger than 256 KiB" },
        { "4,000 wrong goals", write_many_goals, "1:85: goals: more than 16 items" },
        { "9,000 wrong keys", write_wrong_keys, "2:1: unknown key 'k0' in a scheme" },
        { "4,000 schemes of one name", write_same_names, "1:44: schemes: more than 32 items" },
};

START_TEST(bombs_are_defused) {
        const Bomb *bomb = &bombs[_i];
        _cleanup_free_ char *text = NULL;
        char path[] = "/tmp/test-config-XXXXXX";
        size_t size;
        FILE *out = open_memstream(&text, &size), *file;
        int fd = mkostemp(path, O_CLOEXEC);

        bomb->write(out);
        ck_assert_int_eq(fclose(out), 0);
        ck_assert_int_ge(fd, 0);
        file = fdopen(fd, "w");
        ck_assert_uint_eq(fwrite(text, 1, size, file), size);
        ck_assert_int_eq(fclose(file), 0);

        assert_defused(bomb->what, NULL, text, size, bomb->expected);
        assert_defused(bomb->what, path, text, size, bomb->expected);
        unlink(path);
}
END_TEST

/* ---- All ---- */

static Suite *malformed_suite(void) {
        Suite *suite = suite_create("config-malformed");
        TCase *corpus = tcase_create("corpus"), *limits = tcase_create("limits");

        tcase_add_test(corpus, base_is_right);
        tcase_add_loop_test(corpus, malformed_is_refused, 1, (int) arg_n_cases);
        tcase_add_test(corpus, enough_cases);
        tcase_add_loop_test(limits, bombs_are_defused, 0, (int) ELEMENTSOF(bombs));
        tcase_set_timeout(limits, 60);
        suite_add_tcase(suite, corpus);
        suite_add_tcase(suite, limits);
        return suite;
}

int main(void) {
        SRunner *runner;
        int n_failed;

        read_cases();
        runner = srunner_create(malformed_suite());
        srunner_run_all(runner, CK_ENV);
        n_failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        free_cases();
        return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
