/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udamond.conf: what is read, what is refused and how that is said; and which files make up the configuration. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/macro.h"
#include "config/load.h"

static char *errors_text(const ConfigErrors *errors) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        for (size_t i = 0; i < errors->n; i++) {
                const ConfigError *e = &errors->errors[i];
                const char *file = config_error_file(errors, e);

                (void) fprintf(out, "%s%s%u:%u: %s\n", file ?: "", file ? ":" : "", e->line, e->column, e->text);
        }
        (void) fclose(out);
        return text;
}

static int parse(const char *text, size_t size, Settings *settings, char **ret_errors) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        int r;

        ck_assert_int_eq(settings_init(settings), 0);
        r = settings_parse(settings, text, size, &errors);
        *ret_errors = errors_text(&errors);
        return r;
}

START_TEST(everything) {
        static const char text[] = "\xef\xbb\xbf# a comment\n"
                                   "[daemon]\r\n"
                                   "  socket = /run/x/sock ; a comment\r\n"
                                   "log_level=debug\n"
                                   "\tmonitors =\t/srv/monitors.d\n"
                                   "cpu_limit = 1.5%\n"
                                   "state_directory = /srv/state\n"
                                   "; nothing\n\n"
                                   "[access]\n"
                                   "read_group = staff\n"
                                   "admin_group = wheel.x-y_z\n"
                                   "[empty-is-no-error]\n"
                                   "[limits] # behind it, too\n"
                                   "connections = 10\nconnections_per_user = 2\nstreams_per_user = 3\noutput = 8MiB\n"
                                   "unfinished = 1min 30s\nunread = 5s\n"
                                   "[daemon]";
        _cleanup_(settings_deinit) Settings s = {};
        _cleanup_free_ char *errors = NULL;
        int r = parse(text, sizeof(text) - 1, &s, &errors);

        ck_assert_str_eq(errors, "");
        ck_assert_int_eq(r, 0);
        ck_assert_str_eq(s.socket, "/run/x/sock");
        ck_assert_str_eq(s.monitors, "/srv/monitors.d");
        ck_assert_str_eq(s.state_directory, "/srv/state");
        ck_assert_uint_eq(s.log_level, 4);
        ck_assert_double_eq_tol(s.cpu_limit, 0.015, 1e-12);
        ck_assert_str_eq(s.read_group, "staff");
        ck_assert_str_eq(s.admin_group, "wheel.x-y_z");
        ck_assert_uint_eq(s.connections, 10);
        ck_assert_uint_eq(s.connections_per_user, 2);
        ck_assert_uint_eq(s.streams_per_user, 3);
        ck_assert_uint_eq(s.output, 8 << 20);
        ck_assert_uint_eq(s.unfinished, 90 * NSEC_PER_SEC);
        ck_assert_uint_eq(s.unread, 5 * NSEC_PER_SEC);
}
END_TEST

#define LONG60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

START_TEST(refusals) {
        static const struct {
                const char *text;
                const char *errors;
        } cases[] = {
                { "[daemon]\nsockett = /x\n", "2:1: unknown key 'sockett' in [daemon] (did you mean 'socket'?)\n" },
                { "[deamon]\n log_level = info\n", "2:1: unknown section [deamon] (did you mean [daemon]?)\n" },
                { "[zzz]\na = 1\n", "2:1: unknown section [zzz]\n" },
                { "socket = /x\n", "1:1: a key before the first [section]\n" },
                { "[daemon\nsocket = /x\n", "1:1: ']' is missing behind the name of a section\n"
                                            "2:1: unknown section []\n" },
                { "[daemon] x\n", "1:10: text behind the name of a section\n" },
                { "[daemon]\nsocket\n", "2:1: neither '[section]' nor 'key = value'\n" },
                { "[daemon]\nsocket: /x=1\n", "2:1: neither '[section]' nor 'key = value'\n" },
                { "[daemon]\nsocket ; = /x\n", "2:1: neither '[section]' nor 'key = value'\n" },
                { "[daemon]\n  = /x\n", "2:3: a key is missing before '='\n" },
                { "[daemon]\nsocket =\n", "2:9: socket: has no value\n" },
                { "[daemon]\nsocket = x\n", "2:10: socket: 'x' is no absolute path\n" },
                { "[daemon]\nsocket = /x # y\n",
                  "2:10: socket: a blank or a quotation mark in '/x # y'; a comment needs a line of its own\n" },
                { "[daemon]\nsocket = \"/x\"\n", "2:10: socket: '\"/x\"' is no absolute path\n" },
                { "[daemon]\nlog_level = warn\n",
                  "2:13: log_level: 'warn' is unknown, must be error, warning, notice, info or debug\n" },
                { "[daemon]\nlog_level = warnin\n",
                  "2:13: log_level: 'warnin' is unknown (did you mean 'warning'?)\n" },
                { "[daemon]\nlog_level = info\n\n  log_level = debug\n",
                  "4:3: duplicate key 'log_level' (first at 2:1)\n" },
                { "[daemon]\nlog_level = info\n[access]\n[daemon]\nlog_level = info\n",
                  "5:1: duplicate key 'log_level' (first at 2:1)\n" },
                { "[limits]\nconnections = 0\nstreams_per_user = 8s\noutput = 4\nunread = 100ms\n",
                  "2:15: connections: '0' is out of range (1 to 1024)\n"
                  "3:20: streams_per_user: '8s' is not a whole number (digits only)\n"
                  "4:10: output: '4' has no unit (did you mean '4MiB'?)\n"
                  "5:10: unread: '100ms' is out of range (1s to 1h)\n" },
                { "[access]\nread_group = a b\n",
                  "2:14: read_group: 'a b' is not a name (ASCII letters, digits, '.', '_', '-'; a letter or digit "
                  "first)\n" },
                { "[daemon]\nsocket = /x\xff\n", "2:12: not UTF-8\n" },
                { "[daemon]\nsocket = /" LONG60 LONG60 LONG60 LONG60 "\nlog_level = loud\n",
                  "2:1: the line is longer than 198 bytes\n"
                  "3:13: log_level: 'loud' is unknown, must be error, warning, notice, info or debug\n" },
                /* inih would take the second line for more of the first one's value */
                { "[limits]\nconnections = 1\n  streams_per_user = 0\n",
                  "3:22: streams_per_user: '0' is out of range (1 to 1024)\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(settings_deinit) Settings s = {};
                _cleanup_free_ char *errors = NULL;
                int r = parse(cases[i].text, strlen(cases[i].text), &s, &errors);

                ck_assert_msg(streq(errors, cases[i].errors), "%s\ngives\n%s\ninstead of\n%s", cases[i].text, errors,
                              cases[i].errors);
                ck_assert_int_eq(r, -EINVAL);
        }
}
END_TEST

START_TEST(no_text) {
        _cleanup_(settings_deinit) Settings s = {}, z = {};
        _cleanup_free_ char *errors = NULL, *nul = NULL;

        ck_assert_int_eq(parse("", 0, &s, &errors), 0);
        ck_assert_str_eq(errors, "");
        ck_assert_int_eq(parse("[daemon]\nsocket = /x\0y\n", 22, &z, &nul), -EINVAL);
        ck_assert_str_eq(nul, "2:12: a NUL character\n");
}
END_TEST

START_TEST(single_keys) {
        _cleanup_(settings_deinit) Settings a = {}, b = {};
        _cleanup_free_ char *reason = NULL;
        const char *keys[1];

        ck_assert_int_eq(settings_init(&a), 0);
        ck_assert_int_eq(settings_init(&b), 0);
        ck_assert_int_eq(settings_set(&a, "cpu_limit", "1", &reason), -EINVAL);
        ck_assert_ptr_nonnull(strstr(reason, "cpu_limit: '1' has no unit"));
        ck_assert_int_eq(settings_set(&a, "cpu_limit", "none", NULL), 0);
        ck_assert_double_eq(a.cpu_limit, 0);
        ck_assert_uint_eq(settings_fixed_differences(&a, &b, keys, 1), 0);
        ck_assert_int_eq(settings_set(&a, "log_level", "error", NULL), 0);
        ck_assert_uint_eq(settings_fixed_differences(&a, &b, keys, 1), 0);
        ck_assert_int_eq(settings_set(&b, "state_directory", "/x", NULL), 0);
        ck_assert_uint_eq(settings_fixed_differences(&a, &b, keys, 1), 1);
        ck_assert_str_eq(keys[0], "state_directory");
        ck_assert_int_eq(settings_set(&a, "socket", "/y", NULL), 0);
        ck_assert_uint_eq(settings_fixed_differences(&a, &b, keys, 1), 2);
}
END_TEST

/* What is commented out in the file that is shipped is the default. */
START_TEST(shipped_file) {
        _cleanup_(settings_deinit) Settings shipped = {}, defaults = {};
        _cleanup_free_ char *path = NULL, *errors = NULL;
        _cleanup_(buffer_deinit) Buffer text = {};

        ck_assert_int_gt(asprintf(&path, "%s/conf/udamond.conf", getenv("SOURCE_ROOT") ?: "."), 0);
        ck_assert_int_eq(read_whole_at(AT_FDCWD, path, 65536, &text), 0);
        for (char *p = text.data; (p = strstr(p, "\n#")); p++)
                if (p[2] != ' ')
                        p[1] = ' '; /* indented, it counts */
        ck_assert_int_eq(parse(text.data, strlen(text.data), &shipped, &errors), 0);
        ck_assert_str_eq(errors, "");
        ck_assert_int_eq(settings_init(&defaults), 0);
        ck_assert_ptr_null(strstr(text.data, "\n#log"));
        ck_assert_str_eq(shipped.monitors, "/etc/udamon/monitors.d");
        ck_assert_uint_eq(shipped.log_level, defaults.log_level);
        ck_assert_double_eq(shipped.cpu_limit, defaults.cpu_limit);
        ck_assert_str_eq(shipped.read_group, defaults.read_group);
        ck_assert_str_eq(shipped.admin_group, defaults.admin_group);
        ck_assert_uint_eq(shipped.connections, defaults.connections);
        ck_assert_uint_eq(shipped.connections_per_user, defaults.connections_per_user);
        ck_assert_uint_eq(shipped.streams_per_user, defaults.streams_per_user);
        ck_assert_uint_eq(shipped.output, defaults.output);
        ck_assert_uint_eq(shipped.unfinished, defaults.unfinished);
        ck_assert_uint_eq(shipped.unread, defaults.unread);
}
END_TEST

/* ---- Files ---- */

static char root[64];

static void put(const char *path, const char *text) {
        _cleanup_free_ char *whole = NULL;
        FILE *out;

        ck_assert_int_gt(asprintf(&whole, "%s%s", root, path), 0);
        for (char *p = whole + strlen(root) + 1; (p = strchr(p, '/')); p++) {
                *p = 0;
                (void) mkdir(whole, 0755);
                *p = '/';
        }
        (void) unlink(whole);
        if (!text) {
                ck_assert_int_eq(symlink("/dev/null", whole), 0);
                return;
        }
        out = fopen(whole, "we");
        ck_assert_ptr_nonnull(out);
        (void) fputs(text, out);
        (void) fclose(out);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st, (void) type, (void) ftw;
        return remove(path);
}

static void make_root(void) {
        (void) snprintf(root, sizeof(root), "/tmp/udamon-settings-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void) {
        (void) nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define MONITOR(name) "monitors:\n  - {name: " name ", source: sim}\n"

/* What is read, as "names of monitors/log level", or the errors without the root. */
static char *load_again(const Loaded *before, Loaded *loaded, const char *path) {
        LoadFrom from = { .root = root, .usual = !path, .paths = &path, .n_paths = path ? 1 : 0 };
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        char *text = NULL, *found;
        size_t size;
        FILE *out;

        if (load_configuration(&from, before, loaded, &errors) < 0) {
                text = errors_text(&errors);
                while ((found = strstr(text, root)))
                        memmove(found, found + strlen(root), strlen(found + strlen(root)) + 1);
                return text;
        }
        out = open_memstream(&text, &size);
        for (size_t i = 0; i < loaded->config->n_monitors; i++)
                (void) fprintf(out, "%s ", loaded->config->monitors[i].name);
        (void) fprintf(out, "%u", loaded->settings.log_level);
        (void) fclose(out);
        return text;
}

static char *load_once(const char *path) {
        _cleanup_(loaded_deinit) Loaded loaded = {};

        return load_again(NULL, &loaded, path);
}

#define ck_assert_loads(path, expected)                                                            \
        do {                                                                                       \
                _cleanup_free_ char *_text = load_once(path);                                      \
                ck_assert_str_eq(_text, expected);                                                 \
        } while (0)

START_TEST(usual_places) {
        ck_assert_loads(NULL, "3");

        put("/usr/lib/udamon/udamond.conf", "[daemon]\nlog_level = error\n");
        put("/usr/lib/udamon/monitors.d/50-b.yaml", MONITOR("b"));
        put("/etc/udamon/monitors.d/60-a.yaml", MONITOR("a"));
        put("/etc/udamon/monitors.d/README", "not a monitor");
        put("/etc/udamon/monitors.d/.hidden.yaml", "not one either");
        ck_assert_loads(NULL, "b a 0");

        /* the same name hides; a link to /dev/null hides and is nothing */
        put("/run/udamon/monitors.d/50-b.yaml", MONITOR("run"));
        ck_assert_loads(NULL, "run a 0");
        put("/etc/udamon/monitors.d/50-b.yaml", NULL);
        ck_assert_loads(NULL, "a 0");
        put("/etc/udamon/udamond.conf", NULL);
        ck_assert_loads(NULL, "a 3");

        /* drop-ins by name, wherever they are, over the main file */
        put("/etc/udamon/udamond.conf", "[daemon]\nlog_level = warning\n");
        put("/etc/udamon/udamond.conf.d/20.conf", "[daemon]\nlog_level = debug\n");
        put("/usr/lib/udamon/udamond.conf.d/10.conf", "[daemon]\nlog_level = error\n");
        ck_assert_loads(NULL, "a 4");
        put("/usr/lib/udamon/udamond.conf.d/30.conf", "[daemon]\nlog_level = error\n");
        ck_assert_loads(NULL, "a 0");

        /* an empty file is no mask, it is one that is just being written */
        put("/etc/udamon/monitors.d/50-b.yaml", "");
        {
                _cleanup_free_ char *text = load_once(NULL);
                ck_assert_ptr_nonnull(strstr(text, "/etc/udamon/monitors.d/50-b.yaml:"));
                ck_assert_ptr_nonnull(strstr(text, "empty"));
        }
}
END_TEST

START_TEST(elsewhere) {
        _cleanup_free_ char *conf = NULL, *etc = NULL, *text = NULL, *file = NULL;

        ck_assert_int_gt(asprintf(&etc, "%s/etc/udamon", root), 0);
        ck_assert_int_gt(asprintf(&file, "%s/etc/udamon/monitors.d/a.yaml", root), 0);
        ck_assert_int_gt(asprintf(&conf, "[daemon]\nmonitors = %s/srv\n", root), 0);
        put("/etc/udamon/udamond.conf", "[daemon]\nlog_level = debug\n");
        put("/etc/udamon/monitors.d/a.yaml", MONITOR("a"));
        put("/srv/z.yml", MONITOR("z"));
        ck_assert_loads(etc, "a 4");
        ck_assert_loads(file, "a 3");
        put("/etc/udamon/udamond.conf", conf);
        ck_assert_loads(NULL, "z 3");
        text = load_once("/nonexistent/x.yaml");
        ck_assert_str_eq(text, "/nonexistent/x.yaml:0:0: cannot be read: No such file or directory\n");
}
END_TEST

START_TEST(errors_of_all_files) {
        put("/etc/udamon/udamond.conf", "[daemon]\nlog_level = x\n");
        put("/etc/udamon/monitors.d/a.yaml", MONITOR("a"));
        put("/etc/udamon/monitors.d/b.yaml", "monitors:\n  - {name: b, source: sim, x: 1}\n");
        put("/etc/udamon/monitors.d/c.yaml", MONITOR("a"));
        ck_assert_loads(NULL, "/etc/udamon/udamond.conf:2:13: log_level: 'x' is unknown, must be error, warning, notice, "
                              "info or debug\n"
                              "/etc/udamon/monitors.d/b.yaml:2:28: unknown key 'x' in a monitor\n"
                              ""
                              "/etc/udamon/monitors.d/c.yaml:0:0: the monitor 'a' is in /etc/udamon/monitors.d/a.yaml, "
                              "too\n");
}
END_TEST

/* What has vanished is not what somebody wanted to stop. */
START_TEST(lost_directories) {
        _cleanup_(loaded_deinit) Loaded before = {}, after = {}, again = {};
        _cleanup_free_ char *first = NULL, *second = NULL, *third = NULL, *path = NULL;

        put("/etc/udamon/monitors.d/a.yaml", MONITOR("a"));
        first = load_again(NULL, &before, NULL);
        ck_assert_str_eq(first, "a 3");

        ck_assert_int_gt(asprintf(&path, "%s/etc/udamon/monitors.d", root), 0);
        (void) nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        second = load_again(&before, &after, NULL);
        ck_assert_str_eq(second, "/etc/udamon/monitors.d:0:0: cannot be read: the directory was there when the "
                                 "configuration was read before\n");
        ck_assert_int_eq(mkdir(path, 0755), 0);
        third = load_again(&before, &again, NULL);
        ck_assert_str_eq(third, "3");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("config-settings");
        TCase *texts = tcase_create("texts"), *files = tcase_create("files");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_test(texts, everything);
        tcase_add_test(texts, refusals);
        tcase_add_test(texts, no_text);
        tcase_add_test(texts, single_keys);
        tcase_add_test(texts, shipped_file);
        suite_add_tcase(suite, texts);
        tcase_add_checked_fixture(files, make_root, remove_root);
        tcase_add_test(files, usual_places);
        tcase_add_test(files, elsewhere);
        tcase_add_test(files, errors_of_all_files);
        tcase_add_test(files, lost_directories);
        suite_add_tcase(suite, files);

        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
