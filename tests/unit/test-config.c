/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration files: what is accepted, and every word of what is said about the rest.
 *
 * tests/data/config/bad/NAME.yaml begins with the errors it must cause, all of them and in order,
 * as comments "# expect: LINE:COLUMN: text" ("# expect: +N" for those only counted). Where a
 * comment would change the case, they stand in NAME.expect. Found below $SOURCE_ROOT, or the
 * working directory. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/macro.h"
#include "config/config.h"

#define BAD "tests/data/config/bad"
#define GOOD "tests/data/config/good"

typedef struct Files {
        struct dirent **entries;
        int n;
} Files;

static const char *arg_root;
static Files bad_files, good_files;

/* ---- Helpers ---- */

static char *source_path(const char *directory, const char *name) {
        char *path;

        if (asprintf(&path, "%s/%s/%s", arg_root, directory, name) < 0)
                abort();
        return path;
}

static int is_yaml(const struct dirent *entry) {
        size_t length = strlen(entry->d_name);

        return length > 5 && streq(entry->d_name + length - 5, ".yaml");
}

static void list_files(const char *directory, Files *files) {
        _cleanup_free_ char *path = source_path(directory, "");

        files->n = scandir(path, &files->entries, is_yaml, alphasort);
        if (files->n < 0) {
                perror(path);
                exit(EXIT_FAILURE);
        }
}

static void free_files(Files *files) {
        for (int i = 0; i < files->n; i++)
                free(files->entries[i]);
        free(files->entries);
}

/* The errors as text, one on a line. */
static char *errors_text(const ConfigErrors *errors) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        ck_assert_ptr_nonnull(out);
        for (size_t i = 0; i < errors->n; i++)
                fprintf(out, "%u:%u: %s\n", errors->errors[i].line, errors->errors[i].column,
                        errors->errors[i].text);
        if (errors->n_more > 0)
                fprintf(out, "+%zu\n", errors->n_more);
        ck_assert_int_eq(fclose(out), 0);
        return text;
}

/* The expectations: the leading comments of the file, or all lines of its sidecar. */
static char *read_expected(const char *path, const char *prefix) {
        FILE *in = fopen(path, "re"), *out;
        _cleanup_free_ char *line = NULL;
        size_t size = 0, text_size, n = strlen(prefix);
        char *text = NULL;

        if (!in)
                return NULL;
        out = open_memstream(&text, &text_size);
        ck_assert_ptr_nonnull(out);
        while (getline(&line, &size, in) > 0 && strncmp(line, prefix, n) == 0)
                fputs(line + n, out);
        fclose(in);
        ck_assert_int_eq(fclose(out), 0);
        return text;
}

static Config *load_good(const char *directory, const char *name) {
        _cleanup_free_ char *path = source_path(directory, name), *text = NULL;
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        Config *config = NULL;
        int r = config_load(path, &config, &errors);

        text = errors_text(&errors);
        ck_assert_msg(r == 0, "%s: %s", name, text);
        ck_assert_uint_eq(errors.n, 0);
        ck_assert_ptr_nonnull(config);
        return config;
}

static void assert_errors(const char *text, size_t size, const char *expected) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_free_ char *found = NULL;
        Config *config = NULL;

        ck_assert_int_eq(config_parse(text, size, &config, &errors), -EINVAL);
        ck_assert_ptr_null(config);
        found = errors_text(&errors);
        ck_assert_str_eq(found, expected);
}

/* Generous: what these guard against costs seconds and gigabytes. */
#define CPU_MAX (100 * NSEC_PER_MSEC)
#define MEMORY_MAX_KIB (32 * 1024)

static long max_rss(void) {
        struct rusage usage;

        ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
        return usage.ru_maxrss;
}

/* ---- Files ---- */

START_TEST(bad_file) {
        const char *name = bad_files.entries[_i]->d_name;
        _cleanup_free_ char *path = source_path(BAD, name), *sidecar = NULL;
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_free_ char *expected = NULL, *found = NULL;
        Config *config = NULL;

        ck_assert_int_ge(asprintf(&sidecar, "%.*s.expect", (int) strlen(path) - 5, path), 0);
        expected = read_expected(sidecar, "") ?: read_expected(path, "# expect: ");
        ck_assert_msg(expected && *expected, "%s: nothing is expected", name);

        ck_assert_msg(config_load(path, &config, &errors) == -EINVAL, "%s is accepted", name);
        ck_assert_ptr_null(config);
        found = errors_text(&errors);
        ck_assert_msg(streq(found, expected), "%s:\n%sinstead of\n%s", name, found, expected);
}
END_TEST

/* What is read from it means the same when it has been written and read again. */
START_TEST(good_file) {
        const char *name = good_files.entries[_i]->d_name;
        _cleanup_(config_freep) Config *config = load_good(GOOD, name), *again = NULL;
        const MonitorConfig **list = calloc(config->n_monitors, sizeof(*list));
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < config->n_monitors; i++)
                list[i] = &config->monitors[i];
        ck_assert_int_eq(config_format(list, config->n_monitors, &text), 0);
        free(list);
        ck_assert_msg(config_parse(text, strlen(text), &again, &errors) == 0, "%s:\n%s", name, text);
        ck_assert_uint_eq(again->n_monitors, config->n_monitors);
        for (size_t i = 0; i < config->n_monitors; i++) {
                const MonitorConfig *a = &config->monitors[i], *b = &again->monitors[i];

                ck_assert_msg(monitor_config_equal(a, b), "%s: another monitor:\n%s", name, text);
                ck_assert_uint_eq(a->n_schemes, b->n_schemes);
                for (size_t j = 0; j < a->n_schemes; j++)
                        ck_assert_msg(scheme_config_equal(&a->schemes[j], &b->schemes[j]), "%s: another scheme:\n%s",
                                      name, text);
        }
}
END_TEST

/* So that a wrong path does not pass for success. */
START_TEST(enough_files) {
        ck_assert_int_ge(bad_files.n, 80);
        ck_assert_int_ge(good_files.n, 8);
}
END_TEST

/* ---- Values ---- */

static void assert_default_attrs(const MonitorAttrs *attrs) {
        const MonitorAttrs *expected = &MONITOR_ATTRS_DEFAULT;

        ck_assert_uint_eq(attrs->sample, expected->sample);
        ck_assert_uint_eq(attrs->aggregate, expected->aggregate);
        ck_assert_uint_eq(attrs->update, expected->update);
        ck_assert_uint_eq(attrs->min_regions, expected->min_regions);
        ck_assert_uint_eq(attrs->max_regions, expected->max_regions);
        ck_assert_uint_eq(attrs->max_region_size, expected->max_region_size);
}

static void assert_goal(const IntervalsGoal *goal, const IntervalsGoal *expected) {
        ck_assert(goal->enabled);
        ck_assert(goal->access_share == expected->access_share);
        ck_assert_uint_eq(goal->aggregations, expected->aggregations);
        ck_assert_uint_eq(goal->sample_min, expected->sample_min);
        ck_assert_uint_eq(goal->sample_max, expected->sample_max);
}

START_TEST(minimal_has_defaults) {
        _cleanup_(config_freep) Config *config = load_good(GOOD, "minimal.yaml");
        const MonitorConfig *m = &config->monitors[0];

        ck_assert_uint_eq(config->n_monitors, 1);
        ck_assert_str_eq(m->name, "a");
        ck_assert_str_eq(m->source, "auto");
        ck_assert_str_eq(m->policy, "directed");
        ck_assert_uint_eq(m->n_targets, 1);
        ck_assert_int_eq(m->targets[0].pid, 1);
        ck_assert_ptr_null(m->targets[0].command);
        ck_assert(m->targets[0].children);
        ck_assert_ptr_null(m->sim_pattern);
        ck_assert_uint_eq(m->seed, 0);
        assert_default_attrs(&m->attrs);
        ck_assert(!m->attrs.goal.enabled);
}
END_TEST

START_TEST(example_states_defaults) {
        _cleanup_(config_freep) Config *config = load_good("conf", "example.yaml");
        const MonitorConfig *m = &config->monitors[0];
        MonitorConfig plain;

        ck_assert_int_eq(monitor_config_init(&plain, "example"), 0);
        ck_assert_str_eq(m->name, plain.name);
        ck_assert_str_eq(m->source, plain.source);
        ck_assert_str_eq(m->policy, plain.policy);
        ck_assert_uint_eq(m->seed, plain.seed);
        ck_assert_ptr_null(m->sim_pattern);
        assert_default_attrs(&m->attrs);
        assert_goal(&m->attrs.goal, &INTERVALS_GOAL_DEFAULT);
        ck_assert_uint_eq(m->n_targets, 2);
        ck_assert(m->targets[0].children && m->targets[1].children);
        ck_assert_str_eq(m->targets[1].command, "postgres");
        monitor_config_deinit(&plain);
}
END_TEST

START_TEST(demo_is_simulated) {
        _cleanup_(config_freep) Config *config = load_good("conf", "sim.yaml");

        ck_assert_str_eq(config->monitors[0].source, "sim");
        ck_assert_uint_eq(config->monitors[0].n_targets, 0);
        ck_assert_ptr_null(config->monitors[0].targets);
        ck_assert_uint_eq(config->monitors[0].seed, 42);
        ck_assert_uint_eq(config->monitors[0].attrs.sample, 5 * NSEC_PER_MSEC);
        ck_assert_uint_eq(config->monitors[0].attrs.max_regions, 100);
}
END_TEST

START_TEST(units_are_read) {
        _cleanup_(config_freep) Config *config = load_good(GOOD, "units.yaml");
        const MonitorConfig *m = &config->monitors[0];

        ck_assert_str_eq(m->name, "units.1_a-b");
        ck_assert_str_eq(m->source, "softdirty");
        ck_assert_uint_eq(m->attrs.sample, 500 * NSEC_PER_MSEC);
        ck_assert_uint_eq(m->attrs.aggregate, 90 * NSEC_PER_SEC);
        ck_assert_uint_eq(m->attrs.update, 60 * NSEC_PER_MINUTE);
        assert_goal(&m->attrs.goal,
                    &(IntervalsGoal){true, 0.005, 1000, NSEC_PER_MSEC, 24 * 60 * NSEC_PER_MINUTE});
        ck_assert_uint_eq(m->attrs.min_regions, 3);
        ck_assert_uint_eq(m->attrs.max_regions, MONITOR_REGIONS_LIMIT);
        ck_assert_uint_eq(m->attrs.max_region_size, UINT64_C(3) << 29);
        ck_assert_uint_eq(m->seed, UINT64_MAX);
        ck_assert(!m->targets[0].children);
}
END_TEST

START_TEST(norway_is_a_text) {
        _cleanup_(config_freep) Config *config = load_good(GOOD, "norway.yaml");

        ck_assert_str_eq(config->monitors[0].name, "no");
        ck_assert_str_eq(config->monitors[0].targets[0].command, "off");
        ck_assert_str_eq(config->monitors[1].name, "1.0");
        ck_assert_str_eq(config->monitors[1].targets[0].command, "true");
        ck_assert_str_eq(config->monitors[2].name, "12e3");
}
END_TEST

START_TEST(goal_is_read) {
        _cleanup_(config_freep) Config *config = load_good(GOOD, "goal-auto.yaml");
        _cleanup_(config_freep) Config *part = load_good(GOOD, "goal-part.yaml");
        IntervalsGoal expected = INTERVALS_GOAL_DEFAULT;

        assert_goal(&config->monitors[0].attrs.goal, &expected);
        expected.sample_min = 20 * NSEC_PER_MSEC;
        assert_goal(&part->monitors[0].attrs.goal, &expected);
        ck_assert_uint_eq(part->monitors[0].attrs.sample, 20 * NSEC_PER_MSEC);
        ck_assert_uint_eq(part->monitors[0].attrs.min_regions, MONITOR_ATTRS_DEFAULT.min_regions);
        ck_assert_uint_eq(part->monitors[0].attrs.max_regions, 500);
}
END_TEST

START_TEST(sim_takes_a_pattern) {
        _cleanup_(config_freep) Config *config = load_good(GOOD, "sim.yaml");

        ck_assert_uint_eq(config->n_monitors, 2);
        ck_assert_str_eq(config->monitors[0].sim_pattern, "./patterns/two hot.pattern");
        ck_assert_uint_eq(config->monitors[0].n_targets, 0);
        ck_assert_uint_eq(config->monitors[1].n_targets, 1);
}
END_TEST

/* What the tables let through, the attributes' own check lets through too. */
START_TEST(bounds_agree_with_attrs) {
        static const char *const texts[] = {
                "intervals: {sample: 1ms, aggregate: 1ms, update: 1ms}",
                "intervals: {sample: 1d, aggregate: 1d, update: 1d}",
                "intervals: {goal: {access_rate: 1bp, aggregations: 1}}",
                "intervals: {goal: {sample_min: 1ms, sample_max: 1d}}",
                "intervals: {goal: {access_rate: 100%, aggregations: 1000}}",
                "nr_regions: {min: 3, max: 3}",
                "nr_regions: {min: 100000, max: 100000}",
                "max_region_size: 4KiB",
                "max_region_size: max",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(config_errors_deinit) ConfigErrors errors = {};
                _cleanup_(config_freep) Config *config = NULL;
                _cleanup_free_ char *text = NULL, *found = NULL;
                int n = asprintf(&text, "monitors: [{name: a, source: sim, %s}]", texts[i]);
                int r = config_parse(text, (size_t) n, &config, &errors);

                found = errors_text(&errors);
                ck_assert_msg(r == 0, "%s: %s", texts[i], found);
        }
}
END_TEST

/* ---- Reading ---- */

START_TEST(unreadable_files) {
        _cleanup_(config_errors_deinit) ConfigErrors missing = {}, directory = {}, device = {};
        Config *config = NULL;

        ck_assert_int_eq(config_load("/nonexistent/a.yaml", &config, &missing), -EINVAL);
        ck_assert_uint_eq(missing.n, 1);
        ck_assert_uint_eq(missing.errors[0].line, 0);
        ck_assert_str_eq(missing.errors[0].text, "cannot be read: No such file or directory");

        ck_assert_int_eq(config_load("/", &config, &directory), -EINVAL);
        ck_assert_str_eq(directory.errors[0].text, "cannot be read: Is a directory");

        ck_assert_int_eq(config_load("/dev/null", &config, &device), -EINVAL);
        ck_assert_str_eq(device.errors[0].text, "not a regular file");
        ck_assert_ptr_null(config);
}
END_TEST

START_TEST(fifo_does_not_block) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        char directory[] = "/tmp/test-config-XXXXXX", path[64];
        Config *config = NULL;

        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/a.yaml", directory);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
        ck_assert_int_eq(config_load(path, &config, &errors), -EINVAL);
        ck_assert_str_eq(errors.errors[0].text, "not a regular file");
        unlink(path);
        rmdir(directory);
}
END_TEST

/* A file is not read further than it may be long, however long it is. */
START_TEST(large_file_is_refused) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        char path[] = "/tmp/test-config-XXXXXX";
        int fd = mkostemp(path, O_CLOEXEC);
        Config *config = NULL;
        long memory = max_rss();

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ftruncate(fd, INT64_C(10) << 30), 0);
        ck_assert_int_eq(config_load(path, &config, &errors), -EINVAL);
        ck_assert_uint_eq(errors.n, 1);
        ck_assert_str_eq(errors.errors[0].text, "the file is larger than 256 KiB");
        ck_assert_int_lt(max_rss() - memory, MEMORY_MAX_KIB);
        unlink(path);
        close(fd);
}
END_TEST

/* The text need not end with a NUL, and every beginning of a file is read without harm. */
START_TEST(every_prefix) {
        static const char text[] =
                "monitors:\n  - name: \"a\\u00e9\"\n    targets: [{pid: 1}]\n"
                "    intervals: {sample: 5ms, goal: {access_rate: 4%}}\n    seed: 5\n";

        for (size_t n = 0; n < sizeof(text); n++) {
                _cleanup_(config_errors_deinit) ConfigErrors errors = {};
                _cleanup_(config_freep) Config *config = NULL;
                _cleanup_free_ char *copy = memcpy(malloc(n + 1), text, n);
                char *exact = realloc(copy, n ?: 1);
                int r;

                copy = exact;
                r = config_parse(exact, n, &config, &errors);
                ck_assert(r == 0 || r == -EINVAL);
                ck_assert((r == 0) == (config != NULL));
                ck_assert((r == 0) == (errors.n == 0));
        }
}
END_TEST

/* ---- Limits ---- */

typedef struct Bomb {
        const char *what;
        const char *head;
        const char *unit; /* repeated up to the size */
        size_t size;
        const char *expected; /* the first error */
} Bomb;

#define MIB ((size_t) 1024 * 1024)
#define LARGEST ((size_t) CONFIG_FILE_MAX)

static const Bomb bombs[] = {
        {"10 MiB", "", "a: 1\n", 10 * MIB, "0:0: the file is larger than 256 KiB"},
        {"one byte too many", "#", "x", LARGEST + 1, "0:0: the file is larger than 256 KiB"},
        {"the largest comment", "#", "x", LARGEST, "1:1: the file is empty"},
        {"10,000 levels of flow lists", "", "[", 10000, "1:17: nested deeper than 16 levels"},
        {"the most levels of flow lists", "", "[", LARGEST, "1:17: nested deeper than 16 levels"},
        {"levels on lines of their own", "", "[\n", LARGEST, "17:1: nested deeper than 16 levels"},
        {"flow mappings", "", "{a: ", LARGEST, "1:65: nested deeper than 16 levels"},
        {"block lists", "", "- ", LARGEST, "1:33: nested deeper than 16 levels"},
        {"explicit keys", "", "? ", LARGEST,
         "1:3: a key must be a plain word, not a list or mapping"},
        {"too many values", "", "- \n", LARGEST,
         "20000:2: more than 20000 keys and values in one file"},
        {"too many keys", "", "a: 1\n", LARGEST,
         "10000:4: more than 20000 keys and values in one file"},
        {"directives", "", "%TAG !a! a:\n", LARGEST,
         "1:1: directives are not supported: no line may begin with '%'"},
        {"directives behind a document", "a: 1\n...\n", "%TAG !a! a:\n", LARGEST,
         "3:1: directives are not supported: no line may begin with '%'"},
        {"merge keys", "", "<<: *a\n", LARGEST, "1:1: merge keys ('<<') are not supported"},
        {"a long text", "monitors: ", "x ", LARGEST,
         "1:11: monitors: must be a list (each item after '- ')"},
        {"an open text", "\"", "x", LARGEST, NULL},
        {"quotes", "", "\"", LARGEST, NULL},
        {"flow separators", "[", "a,", LARGEST,
         "1:40000: more than 20000 keys and values in one file"},
        {"tabs", "", "\t", LARGEST, NULL},
        {"carriage returns", "", "\r", LARGEST, "1:1: the file is empty"},
};

static char *bomb_text(const Bomb *bomb) {
        char *text = malloc(bomb->size);
        size_t head = strlen(bomb->head), unit = strlen(bomb->unit);

        ck_assert_ptr_nonnull(text);
        for (size_t i = 0; i < bomb->size; i++)
                text[i] = i < head ? bomb->head[i] : bomb->unit[(i - head) % unit];
        return text;
}

START_TEST(bombs_are_cheap) {
        const Bomb *bomb = &bombs[_i];
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_free_ char *text = bomb_text(bomb), *found = NULL;
        Config *config = NULL;
        long memory = max_rss();
        nsec_t used = clock_nsec(CLOCK_PROCESS_CPUTIME_ID);

        ck_assert_int_eq(config_parse(text, bomb->size, &config, &errors), -EINVAL);
        used = clock_nsec(CLOCK_PROCESS_CPUTIME_ID) - used;
        ck_assert_msg(used < CPU_MAX, "%s: %" PRIu64 " ns", bomb->what, used);
        ck_assert_msg(max_rss() - memory < MEMORY_MAX_KIB, "%s: %ld KiB", bomb->what,
                      max_rss() - memory);

        found = errors_text(&errors);
        if (bomb->expected)
                ck_assert_msg(strncmp(found, bomb->expected, strlen(bomb->expected)) == 0, "%s: %s",
                              bomb->what, found);
}
END_TEST

/* Eight lines that would unfold to 9^8 values. */
START_TEST(alias_bomb_is_cheap) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_free_ char *text = NULL;
        Config *config = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        nsec_t used;

        fputs("a: &a [x]\n", out);
        for (char c = 'b'; c <= 'i'; c++) {
                fprintf(out, "%c: &%c [", c, c);
                for (int i = 0; i < 9; i++)
                        fprintf(out, "*%c,", c - 1);
                fputs("]\n", out);
        }
        fputs("monitors: *i\n", out);
        fclose(out);

        used = clock_nsec(CLOCK_PROCESS_CPUTIME_ID);
        ck_assert_int_eq(config_parse(text, size, &config, &errors), -EINVAL);
        ck_assert_uint_lt(clock_nsec(CLOCK_PROCESS_CPUTIME_ID) - used, CPU_MAX);
        ck_assert_uint_eq(errors.n, CONFIG_ERRORS_MAX);
        /* nine keys unknown, nine anchors, 73 aliases */
        ck_assert_uint_eq(errors.n + errors.n_more, 9 + 9 + 73);
}
END_TEST

/* The largest legal file is still quick. */
START_TEST(many_targets_are_cheap) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        nsec_t used;

        fputs("monitors:\n", out);
        for (int i = 0; i < 24; i++) {
                fprintf(out, "  - {name: m%d, targets: [", i);
                for (int j = 0; j < 256; j++)
                        fprintf(out, "{command: c%d}, ", j);
                fputs("]}\n", out);
        }
        fclose(out);

        used = clock_nsec(CLOCK_PROCESS_CPUTIME_ID);
        ck_assert_int_eq(config_parse(text, size, &config, &errors), 0);
        ck_assert_uint_lt(clock_nsec(CLOCK_PROCESS_CPUTIME_ID) - used, CPU_MAX);
        ck_assert_uint_eq(config->n_monitors, 24);
        ck_assert_uint_eq(config->monitors[23].n_targets, 256);
}
END_TEST

START_TEST(depth_is_exact) {
        char text[64];

        snprintf(text, sizeof(text), "%.16s%.16s", "[[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]]");
        assert_errors(text, strlen(text), "1:1: must be a mapping that begins with 'monitors:'\n");
        snprintf(text, sizeof(text), "[%.16s%.16s]", "[[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]]");
        assert_errors(text, strlen(text), "1:17: nested deeper than 16 levels\n");
}
END_TEST

/* ---- All ---- */

static Suite *config_suite(void) {
        Suite *suite = suite_create("config");
        TCase *files = tcase_create("files"), *values = tcase_create("values");
        TCase *reading = tcase_create("reading"), *limits = tcase_create("limits");

        tcase_add_loop_test(files, bad_file, 0, bad_files.n);
        tcase_add_loop_test(files, good_file, 0, good_files.n);
        tcase_add_test(files, enough_files);

        tcase_add_test(values, minimal_has_defaults);
        tcase_add_test(values, example_states_defaults);
        tcase_add_test(values, demo_is_simulated);
        tcase_add_test(values, units_are_read);
        tcase_add_test(values, norway_is_a_text);
        tcase_add_test(values, goal_is_read);
        tcase_add_test(values, sim_takes_a_pattern);
        tcase_add_test(values, bounds_agree_with_attrs);

        tcase_add_test(reading, unreadable_files);
        tcase_add_test(reading, fifo_does_not_block);
        tcase_add_test(reading, large_file_is_refused);
        tcase_add_test(reading, every_prefix);

        tcase_add_loop_test(limits, bombs_are_cheap, 0, (int) ELEMENTSOF(bombs));
        tcase_add_test(limits, alias_bomb_is_cheap);
        tcase_add_test(limits, many_targets_are_cheap);
        tcase_add_test(limits, depth_is_exact);

        suite_add_tcase(suite, files);
        suite_add_tcase(suite, values);
        suite_add_tcase(suite, reading);
        suite_add_tcase(suite, limits);
        return suite;
}

int main(void) {
        SRunner *runner;
        int n_failed;

        arg_root = getenv("SOURCE_ROOT") ?: ".";
        list_files(BAD, &bad_files);
        list_files(GOOD, &good_files);

        runner = srunner_create(config_suite());
        srunner_run_all(runner, CK_ENV);
        n_failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        free_files(&bad_files);
        free_files(&good_files);
        return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
