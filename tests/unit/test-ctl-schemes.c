/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs about schemes and the configuration, against a scripted service that holds every call and every reply
 * against the interface text. */
#include <errno.h>

#include "message.h"
#include "scheme-file.h"
#include "settings.h"
#include "test-ctl-service.h"
#include "wire/idl.h"

/* ---- the service ---- */

static const Idl *interface(void) {
        static Idl *idl;
        _cleanup_free_ char *text = NULL, *error = NULL;
        const char *root = getenv("SOURCE_ROOT");
        char path[512];
        int fd;

        if (idl)
                return idl;
        (void) snprintf(path, sizeof(path), "%s/daemon/io.udamon.monitor.varlink", root ? root : ".");
        fd = open(path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        text = read_fd(fd);
        (void) close(fd);
        ck_assert_msg(idl_parse(text, &idl, &error) == 0, "%s", error);
        return idl;
}

/* NULL, or what of it is not as the interface says. */
static char *wrong_with(const Field *fields, json_t *object) {
        char *path = NULL;

        return fields_check(fields, object, &path) == 0 ? NULL : path;
}

static bool answer_with(Service *service, const char *method, json_t *reply) {
        _cleanup_free_ char *wrong = wrong_with(idl_find(interface(), IDL_METHOD, method)->reply, reply);

        if (wrong) {
                json_decref(reply);
                return send_reply(service, json_pack("{s:s, s:s}", "parameter", "reply", "reason", wrong),
                                  "io.udamon.monitor.RequestInvalid", false);
        }
        return send_reply(service, reply, NULL, false);
}

/* What SetScheme was asked for comes back as the last error of the scheme: so the tests see it. */
static bool set_scheme(Service *service, json_t *parameters) {
        json_t *data = load_data("schemes.json"),
               *scheme = json_incref(json_array_get(json_object_get(data, "schemes"), 0));

        json_decref(data);
        (void) json_object_set(scheme, "name", json_object_get(parameters, "scheme"));
        (void) json_object_set(json_object_get(scheme, "runtime"), "last_error",
                               json_object_get(parameters, "settings"));
        (void) json_object_set(json_object_get(scheme, "runtime"), "message", json_object_get(parameters, "name"));
        (void) json_object_set_new(json_object_get(scheme, "context"), "dry_run", json_true());
        return answer_with(service, "SetScheme", json_pack("{s:s, s:o}", "monitor", "web", "scheme", scheme));
}

/* GetStatus names two monitors; "gone" has vanished meanwhile. */
static json_t *status(void) {
        json_t *reply = load_data("status.json"),
               *monitors = json_object_get(json_object_get(reply, "runtime"), "monitors"),
               *gone = json_deep_copy(json_array_get(monitors, 0));

        (void) json_object_set_new(gone, "name", json_string("gone"));
        (void) json_array_insert_new(monitors, 0, gone);
        return reply;
}

static bool schemes_of(Service *service, const char *method, json_t *parameters) {
        const char *name = json_string_value(json_object_get(parameters, "name"));
        json_t *reply, *limit = json_object_get(parameters, "limit");

        if (name && streq(name, "gone"))
                return send_reply(service, json_pack("{s:s, s:[s]}", "name", name, "monitors", "web"),
                                  "io.udamon.monitor.NoSuchMonitor", false);
        if (streq(service->scenario, "bare"))
                reply = json_pack("{s:s, s:[]}", "monitor", "web", streq(method, "GetSchemes") ? "schemes" : "acts");
        else
                reply = load_data(streq(method, "GetSchemes") ? "schemes.json" : "scheme-log.json");
        while (limit && json_array_size(json_object_get(reply, "acts")) > (size_t) json_integer_value(limit))
                (void) json_array_remove(json_object_get(reply, "acts"), 0);
        return answer_with(service, method, reply);
}

static bool reload(Service *service) {
        if (streq(service->scenario, "empty"))
                return answer_with(service, "Reload", json_pack("{s:[], s:[], s:[], s:[], s:[]}", "started", "changed",
                                                                "stopped", "unchanged", "restart_needed"));
        return answer_with(service, "Reload", json_pack("{s:[s, s], s:[s], s:[], s:[s], s:[s]}", "started", "a",
                                                        "b\033[2J", "changed", "web", "stopped", "unchanged", "db",
                                                        "restart_needed", "socket"));
}

static bool start_monitor(Service *service, json_t *parameters) {
        json_t *data = load_data("status.json");
        json_t *monitor = json_incref(
                json_array_get(json_object_get(json_object_get(data, "runtime"), "monitors"), 0));
        json_t *schemes = json_object_get(json_object_get(parameters, "context"), "schemes");

        json_decref(data);
        (void) json_object_set(json_object_get(monitor, "runtime"), "message", schemes);
        return answer_with(service, "StartMonitor", json_pack("{s:s, s:o}", "name", "web", "monitor", monitor));
}

static const struct {
        const char *scenario;
        const char *error;
        const char *parameters;
} errors[] = {
        { "denied", "org.varlink.service.PermissionDenied", "{}" },
        { "many", "io.udamon.monitor.NameNeeded", "{\"monitors\": [\"a\", \"b\"]}" },
        { "none", "io.udamon.monitor.NoSuchMonitor", "{\"name\": \"web\", \"monitors\": []}" },
        { "near", "io.udamon.monitor.NoSuchScheme",
          "{\"monitor\": \"web\", \"scheme\": \"colt\", \"schemes\": [\"cold\", \"huge\"]}" },
        { "far", "io.udamon.monitor.NoSuchScheme",
          "{\"monitor\": \"web\", \"scheme\": \"nothing-like-it\", \"schemes\": [\"cold\", \"hu\\u001bge\"]}" },
        { "unschemed", "io.udamon.monitor.NoSuchScheme", "{\"monitor\": \"web\", \"scheme\": \"cold\", \"schemes\": []}" },
        { "unavailable", "io.udamon.monitor.ActionUnavailable",
          "{\"scheme\": \"huge\", \"action\": \"collapse\", \"reason\": \"Linux 5.10 cannot do it for another process\"}" },
        { "invalid", "io.udamon.monitor.ConfigInvalid",
          "{\"problems\": [{\"line\": 3, \"column\": 7, \"text\": \"unknown key 'sizw' (did you mean 'size'?)\"}, "
          "{\"line\": 9, \"column\": 0, \"text\": \"a\\u001b[2Jb\"}, {\"line\": 0, \"column\": 0, \"text\": \"all\"}]}" },
        { "invalid-file", "io.udamon.monitor.ConfigInvalid",
          "{\"file\": \"/etc/udamon/web.yaml\", \"problems\": [{\"line\": 3, \"column\": 7, \"text\": \"wrong\"}]}" },
        { "invalid-empty", "io.udamon.monitor.ConfigInvalid", "{\"problems\": []}" },
        { "no-file", "io.udamon.monitor.NoConfigFile", "{}" },
        { "new", "io.udamon.monitor.InventedLater", "{}" },
};

static bool answer(Service *service, json_t *call) {
        const char *method = strrchr(json_string_value(json_object_get(call, "method")), '.') + 1;
        json_t *parameters = json_object_get(call, "parameters");
        _cleanup_free_ char *wrong = wrong_with(idl_find(interface(), IDL_METHOD, method)->fields, parameters);

        if (wrong)
                return send_reply(service, json_pack("{s:s}", "parameter", wrong), "org.varlink.service.InvalidParameter",
                                  false);
        for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                if (streq(service->scenario, errors[i].scenario))
                        return send_reply(service, json_loads(errors[i].parameters, 0, NULL), errors[i].error, false);
        if (streq(service->scenario, "malformed"))
                return send_reply(service, json_pack("{s:s, s:[{s:s}], s:{s:s}}", "monitor", "web", "schemes", "name",
                                                     "x", "scheme", "name", "x"),
                                  NULL, false);
        if (streq(method, "GetStatus"))
                return answer_with(service, method, status());
        if (streq(method, "GetSchemes") || streq(method, "GetSchemeLog"))
                return schemes_of(service, method, parameters);
        if (streq(method, "SetScheme"))
                return set_scheme(service, parameters);
        if (streq(method, "GetConfig"))
                return answer_with(service, method, json_pack("{s:s}", "yaml", "monitors:\n  - name: web"));
        if (streq(method, "Reload"))
                return reload(service);
        if (streq(method, "StartMonitor"))
                return start_monitor(service, parameters);
        return answer_with(service, method, json_object());
}

#define ASK(daemon, ...) capture(__VA_ARGS__, W("--socket"), (daemon).socket)

/* ---- settings ---- */

static char *compose(int expected, char **ret_error, const char *const *words) {
        char *text = NULL;
        size_t n = 0;

        while (words[n])
                n++;
        ck_assert_int_eq(settings_compose(words, n, &text, ret_error), expected);
        return text;
}

START_TEST(settings) {
        static const struct {
                const char *words[5];
                const char *expected;
        } cases[] = {
                { { "dry_run=true" }, "{dry_run: true}" },
                { { "quotas.sz=64MiB" }, "{quotas: {sz: 64MiB}}" },
                { { "quotas.sz=64MiB", "enabled=false", "quotas.reset_interval=1s" },
                  "{quotas: {sz: 64MiB, reset_interval: 1s}, enabled: false}" },
                { { "access_pattern.age.min=1min 30s" }, "{access_pattern: {age: {min: 1min 30s}}}" },
                { { "watermarks.high=50%", "watermarks.low=0.5%" }, "{watermarks: {high: 50%, low: 0.5%}}" },
                { { "a=/sys/x-1_2.y" }, "{a: /sys/x-1_2.y}" },
                { { "access_pattern.age=[5s,max]", "b=[ 1 , x: y ]", "c=[]", "d=[x]" },
                  "{access_pattern: {age: [5s, max]}, b: [1, \"x: y\"], c: [], d: [x]}" },
                { { "a=[,]" }, "{a: [\"\", \"\"]}" },
                { { "a=x=y" }, "{a: \"x=y\"}" },
                /* everything that YAML would take for more than a word */
                { { "a=x: y" }, "{a: \"x: y\"}" },
                { { "a=x #y" }, "{a: \"x #y\"}" },
                { { "a=1, b: 2" }, "{a: \"1, b: 2\"}" },
                { { "a=x}" }, "{a: \"x}\"}" },
                { { "a=%" }, "{a: \"%\"}" },
                { { "a=*x", "b=&y", "c=!z" }, "{a: \"*x\", b: \"&y\", c: \"!z\"}" },
                { { "a=-5" }, "{a: \"-5\"}" },
                { { "a=~", "b=|" }, "{a: \"~\", b: \"|\"}" },
                { { "a=x ", "b= x" }, "{a: \"x \", b: \" x\"}" },
                { { "a='q'" }, "{a: \"'q'\"}" },
                { { "a=\"q\\" }, "{a: \"\\\"q\\\\\"}" },
                { { "a=x\ny\t\x7f" }, "{a: \"x\\x0ay\\x09\\x7f\"}" },
                { { "a=\xc3\xa9" }, "{a: \"\xc3\xa9\"}" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *error = NULL, *text = compose(0, &error, cases[i].words);

                ck_assert_str_eq(text, cases[i].expected);
        }
}
END_TEST

START_TEST(settings_refused) {
        static const struct {
                const char *words[3];
                const char *expected;
        } cases[] = {
                { { "dry_run" }, "'dry_run' is not KEY=VALUE" },
                { { "=5" }, "'' is no key" },
                { { ".a=5" }, "'.a' is no key" },
                { { "a.=5" }, "'a.' is no key" },
                { { "a..b=5" }, "'a..b' is no key" },
                { { "a b=5" }, "'a b' is no key" },
                { { "A=5" }, "'A' is no key" },
                { { "a: {b=5" }, "is no key" },
                { { "a=" }, "'a=' lacks a value" },
                { { "a=\xff" }, "the value of 'a' is not UTF-8" },
                { { "quotas={sz: 1MiB}" }, "give one KEY=VALUE for each, such as quotas.sz=64MiB" },
                { { "filters=[{type: anon}]" }, "'filters=[{type: anon}]': only plain lists such as [5s, max]" },
                { { "a=[1" }, "only plain lists" },
                { { "a=[[1]]" }, "only plain lists" },
                { { "a=[1]x" }, "only plain lists" },
                { { "a=[1],b: [2]" }, "only plain lists" },
                { { "a=[\"]" }, "only plain lists" },
                { { "quotas.goals.0.target=5" }, "lists are changed in the configuration file" },
                { { "a=1", "a=2" }, "'a' is given twice" },
                { { "a=1", "a.b=2" }, "'a.b' is given twice, or both as a whole and in part" },
                { { "a.b=1", "a=2" }, "'a' is given twice" },
                { { "a.b.c.d.e.f.g.h.i=1" }, "deeper than any setting" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *error = NULL, *text = compose(-EINVAL, &error, cases[i].words);

                ck_assert_ptr_null(text);
                ck_assert_contains(error, cases[i].expected);
        }
}
END_TEST

/* ---- files ---- */

static char *file_of(const Scratch *scratch, const char *text, size_t size) {
        char *path = scratch_path(scratch, "schemes.yaml");
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        ck_assert_int_eq(write(fd, text, size), (ssize_t) size);
        (void) close(fd);
        return path;
}

START_TEST(files) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_free_ char *large = malloc(SCHEME_FILE_MAX + 1), *text = NULL;
        char *path;

        scratch_init(&scratch);
        memset(large, '#', SCHEME_FILE_MAX + 1);
        path = file_of(&scratch, large, SCHEME_FILE_MAX);
        ck_assert_int_eq(scheme_file_read(path, &text), 0);
        ck_assert_uint_eq(strlen(text), SCHEME_FILE_MAX);

        DAEMON(daemon, "web");
        (void) file_of(&scratch, large, SCHEME_FILE_MAX + 1);
        _cleanup_(captured_deinit) Captured a = ASK(daemon, W("start"), W("--pid"), W("1"), W("--scheme"), path);
        (void) file_of(&scratch, "", 0);
        _cleanup_(captured_deinit) Captured b = ASK(daemon, W("start"), W("--pid"), W("1"), W("--scheme"), path);
        (void) file_of(&scratch, "a\0b", 3);
        _cleanup_(captured_deinit) Captured c = ASK(daemon, W("start"), W("--pid"), W("1"), W("--scheme"), path);
        (void) file_of(&scratch, "\xff\xfe", 2);
        _cleanup_(captured_deinit) Captured d = ASK(daemon, W("start"), W("--pid"), W("1"), W("--scheme"), path);
        _cleanup_(captured_deinit) Captured e =
                ASK(daemon, W("start"), W("--pid"), W("1"), W("--scheme"), scratch.path);
        _cleanup_(captured_deinit) Captured f =
                ASK(daemon, W("start"), W("--pid"), W("1"), W("--scheme"), W("/no/such/file"));
        const Captured *all[] = { &a, &b, &c, &d, &e, &f };
        static const char *const expected[] = { "longer than the 256 KiB", "is empty", "is not a text in UTF-8",
                                                "is not a text in UTF-8", "Is a directory", "No such file" };

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                ck_assert_int_eq(all[i]->status, CTL_REFUSED);
                ck_assert_contains(all[i]->err, expected[i]);
                ck_assert_one_line(all[i]->err);
                ck_assert_str_eq(all[i]->out, "");
        }
}
END_TEST

START_TEST(starting_with_schemes) {
        static const char text[] = "schemes:\n  - name: cold\n    action: pageout  # \xc3\xa9\n";
        _cleanup_(scratch_deinit) Scratch scratch;
        json_t *reply;
        char *path;

        scratch_init(&scratch);
        path = file_of(&scratch, text, sizeof(text) - 1);
        DAEMON(daemon, "web");
        _cleanup_(captured_deinit) Captured json =
                ASK(daemon, W("start"), W("--pid"), W("1"), W("--scheme"), path, W("--json"));
        _cleanup_(captured_deinit) Captured plain = ASK(daemon, W("start"), W("--pid"), W("1"), W("--scheme"), path);
        _cleanup_(captured_deinit) Captured twice =
                ASK(daemon, W("start"), W("--pid"), W("1"), W("--scheme"), path, W("--scheme"), W("b.yaml"));

        ck_assert_int_eq(json.status, 0);
        reply = json_loads(json.out, 0, NULL);
        /* the service sends what it got as the monitor's message */
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(json_object_get(reply, "monitor"), "runtime"),
                                                           "message")),
                         text);
        json_decref(reply);
        ck_assert_int_eq(plain.status, 0);
        ck_assert_contains(plain.out, "'udamonctl schemes web' tells what they do");
        ck_assert_int_eq(twice.status, CTL_USAGE);
        ck_assert_contains(twice.err, "given twice; one file may hold many schemes");
}
END_TEST

/* FILE:line:column: text for what was wrong in a file of ours. */
START_TEST(starting_with_wrong_schemes) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_free_ char *expected = NULL;
        char *path;

        scratch_init(&scratch);
        path = file_of(&scratch, "schemes: 5\n", 11);
        DAEMON(daemon, "invalid");
        DAEMON(other, "unavailable");
        _cleanup_(captured_deinit) Captured c = ASK(daemon, W("start"), W("--pid"), W("1"), W("--scheme"), path);
        _cleanup_(captured_deinit) Captured u = ASK(other, W("start"), W("--pid"), W("1"), W("--scheme"), path);

        ck_assert_int_gt(asprintf(&expected,
                                  "%s:3:7: unknown key 'sizw' (did you mean 'size'?)\n%s:9: a?[2Jb\n%s: all\n"
                                  "udamonctl: 3 problems in %s: nothing was changed\n",
                                  path, path, path, path),
                         0);
        ck_assert_int_eq(c.status, CTL_REFUSED);
        ck_assert_str_eq(c.err, expected);
        ck_assert_str_eq(c.out, "");
        ck_assert_int_eq(u.status, CTL_REFUSED);
        ck_assert_one_line(u.err);
        ck_assert_contains(u.err, "scheme 'huge' asks for collapse, which cannot be done here: Linux 5.10 cannot");
        ck_assert_contains(u.err, "'udamonctl check' tells");
}
END_TEST

/* ---- looking ---- */

START_TEST(looking) {
        DAEMON(daemon, "web");
        _cleanup_(captured_deinit) Captured one = ASK(daemon, W("schemes"), W("web"));
        _cleanup_(captured_deinit) Captured all = ASK(daemon, W("schemes"));
        _cleanup_(captured_deinit) Captured color = ASK(daemon, W("schemes"), W("--color"), W("always"));
        _cleanup_(captured_deinit) Captured gone = ASK(daemon, W("schemes"), W("gone"));

        ck_assert_int_eq(one.status, 0);
        ck_assert_contains(one.out, "monitor web: 5 schemes\n\ncold: pageout, active\n");
        ck_assert_contains(one.out, "3.32GiB in 120 regions (handed to the kernel)");
        ck_assert_contains(one.out, "3.03GiB in 118 regions, 91.2% (what the kernel did)");
        ck_assert_contains(one.out, "night: pageout, inactive\n  why           free memory 61% is above 50%");
        ck_assert_contains(one.out, "huge: hugepage, active, dry run: nothing is done, only counted");
        ck_assert_lacks(one.out, "\033");
        /* the monitor that has gone meanwhile is no failure */
        ck_assert_str_eq(all.out, one.out);
        ck_assert_int_eq(all.status, 0);
        ck_assert_contains(color.out, "\033[32mactive\033[0m");
        ck_assert_int_eq(gone.status, CTL_GONE);
        ck_assert_contains(gone.err, "no monitor is called 'gone'; there is: web");
}
END_TEST

START_TEST(looking_json) {
        DAEMON(daemon, "web");
        _cleanup_(captured_deinit) Captured c = ASK(daemon, W("schemes"), W("--json"));
        _cleanup_(captured_deinit) Captured l = ASK(daemon, W("schemes"), W("web"), W("--log"), W("-j"));
        json_t *schemes = json_loads(c.out, JSON_REJECT_DUPLICATES, NULL), *acts = json_loads(l.out, 0, NULL);
        json_t *first = json_array_get(json_object_get(schemes, "monitors"), 0);

        ck_assert_uint_eq(json_array_size(json_object_get(schemes, "monitors")), 1);
        ck_assert_str_eq(json_string_value(json_object_get(first, "monitor")), "web");
        ck_assert_uint_eq(json_array_size(json_object_get(first, "schemes")), 5);
        first = json_array_get(json_object_get(acts, "monitors"), 0);
        ck_assert_uint_eq(json_array_size(json_object_get(first, "acts")), 3);
        json_decref(schemes);
        json_decref(acts);
}
END_TEST

START_TEST(looking_back) {
        DAEMON(daemon, "web");
        DAEMON(bare, "bare");
        _cleanup_(captured_deinit) Captured c = ASK(daemon, W("schemes"), W("--log"));
        _cleanup_(captured_deinit) Captured one = ASK(daemon, W("schemes"), W("web"), W("-l"), W("--limit"), W("1"));
        _cleanup_(captured_deinit) Captured useless = ASK(daemon, W("schemes"), W("web"), W("--limit"), W("1"));
        _cleanup_(captured_deinit) Captured none = ASK(bare, W("schemes"), W("web"), W("--log"));
        _cleanup_(captured_deinit) Captured schemeless = ASK(bare, W("schemes"), W("web"));

        ck_assert_int_eq(c.status, 0);
        ck_assert_contains(c.out, "monitor web: 3 ranges, newest first");
        ck_assert_contains(one.out, "monitor web: 1 range, newest first");
        ck_assert_int_eq(useless.status, CTL_USAGE);
        ck_assert_contains(useless.err, "--limit is for --log");
        ck_assert_str_eq(none.out, "monitor web: the schemes did nothing lately\n");
        ck_assert_str_eq(schemeless.out, "monitor web: no schemes, it only watches\n");
}
END_TEST

/* ---- changing ---- */

START_TEST(changing) {
        static const struct {
                const char *words[4];
                const char *monitor;
                const char *settings;
        } cases[] = {
                { { "enable", "cold" }, NULL, "{enabled: true}" },
                { { "disable", "web/cold" }, "web", "{enabled: false}" },
                { { "dry-run", "web/cold" }, "web", "{dry_run: true}" },
                { { "dry-run", "web/cold", "on" }, "web", "{dry_run: true}" },
                { { "dry-run", "cold", "off" }, NULL, "{dry_run: false}" },
                { { "set", "cold", "quotas.sz=64MiB", "quotas.time=5ms" }, NULL, "{quotas: {sz: 64MiB, time: 5ms}}" },
        };
        DAEMON(daemon, "web");

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *argv[10] = { W("udamonctl"), W("scheme"), W("--socket"), daemon.socket };
                _cleanup_(captured_deinit) Captured plain = {}, json = {};
                json_t *reply, *scheme;
                size_t n = 4;

                for (size_t k = 0; k < 4 && cases[i].words[k]; k++)
                        argv[n++] = W(cases[i].words[k]);
                plain = capture_args(argv);
                ck_assert_int_eq(plain.status, 0);
                ck_assert_contains(plain.out, "web/cold: pageout, active, dry run, at most 64MiB and 100ms per 1s");
                ck_assert_ptr_eq(strchr(plain.out, '\n'), plain.out + strlen(plain.out) - 1);

                (void) setenv("UDAMON_SOCKET", daemon.socket, 1);
                argv[2] = W("--color=never");
                argv[3] = W("--json");
                json = capture_args(argv);
                (void) unsetenv("UDAMON_SOCKET");
                reply = json_loads(json.out, 0, NULL);
                scheme = json_object_get(json_object_get(reply, "scheme"), "runtime");
                ck_assert_str_eq(json_string_value(json_object_get(scheme, "last_error")), cases[i].settings);
                if (cases[i].monitor)
                        ck_assert_str_eq(json_string_value(json_object_get(scheme, "message")), cases[i].monitor);
                else
                        ck_assert(!json_is_string(json_object_get(scheme, "message")));
                json_decref(reply);
        }
}
END_TEST

START_TEST(feeding) {
        DAEMON(daemon, "web");
        _cleanup_(captured_deinit) Captured c = ASK(daemon, W("scheme"), W("input"), W("web/cold"), W("0.85"));
        _cleanup_(captured_deinit) Captured e = ASK(daemon, W("scheme"), W("input"), W("cold"), W("-1.5e3"));
        _cleanup_(captured_deinit) Captured j = ASK(daemon, W("scheme"), W("input"), W("cold"), W("7"), W("--json"));

        ck_assert_int_eq(c.status, 0);
        ck_assert_str_eq(c.out, "cold: the input is 0.85 now\n");
        ck_assert_str_eq(e.out, "cold: the input is -1500 now\n");
        ck_assert_str_eq(j.out, "{\"monitor\":null,\"scheme\":\"cold\",\"value\":7.0}\n");
}
END_TEST

START_TEST(typed_wrongly) {
        static const struct {
                const char *words[5];
                const char *expected;
        } cases[] = {
                { { "scheme" }, "what is to be done? enable, disable, dry-run, set or input" },
                { { "scheme", "enabel", "cold" }, "unknown word 'enabel' (did you mean enable?)" },
                { { "scheme", "dryrun", "cold" }, "(did you mean dry-run?)" },
                { { "scheme", "frobnicate" }, "there is: enable, disable, dry-run, set, input" },
                { { "scheme", "enable" }, "which scheme? 'udamonctl schemes' lists them" },
                { { "scheme", "enable", "a", "b" }, "'b': one scheme at a time" },
                { { "scheme", "enable", "" }, "'' is not the name of a scheme" },
                { { "scheme", "enable", "/cold" }, "write SCHEME or MONITOR/SCHEME" },
                { { "scheme", "enable", "web/" }, "write SCHEME or MONITOR/SCHEME" },
                { { "scheme", "enable", "a/b/c" }, "write SCHEME or MONITOR/SCHEME" },
                { { "scheme", "enable", "\xff" }, "is not the name of a scheme" },
                { { "scheme", "dry-run", "cold", "maybe" }, "'maybe' is neither on nor off" },
                { { "scheme", "dry-run", "cold", "on", "off" }, "'off': one scheme at a time" },
                { { "scheme", "set", "cold" }, "which setting? Give KEY=VALUE" },
                { { "scheme", "set", "cold", "dry_run" }, "scheme set: 'dry_run' is not KEY=VALUE" },
                { { "scheme", "input", "cold" }, "which value?" },
                { { "scheme", "input", "cold", "5%" }, "'5%' is not a number" },
                { { "scheme", "input", "cold", "nan" }, "'nan' is not a number" },
                { { "scheme", "input", "cold", "0x10" }, "'0x10' is not a number" },
                { { "scheme", "input", "cold", "1e999" }, "'1e999' is not a number" },
                { { "scheme", "input", "cold", "" }, "'' is not a number" },
                { { "scheme", "input", "cold", "1", "2" }, "'2': one scheme at a time" },
                { { "schemes", "web", "db" }, "'db': one monitor at a time; 'udamonctl scheme' changes one" },
                { { "schemes", "--lgo" }, "(did you mean --log?)" },
                { { "shcemes" }, "unknown verb 'shcemes' (did you mean schemes?)" },
                { { "config" }, "'udamonctl config show' prints it" },
                { { "config", "shwo" }, "(did you mean show?)" },
                { { "config", "frobnicate" }, "there is: show" },
                { { "config", "show", "web" }, "'config show' takes no operand" },
                { { "reload", "web" }, "'web': this command takes no operand" },
                { { "simulate" }, "which schemes? Give --scheme FILE" },
                { { "simulate", "--scheme", "a" }, "on what? Give -i RECORDING" },
                { { "simulate", "a", "-i", "b" }, "schemes are given by --scheme, a recording by -i" },
                { { "simulate", "--scheme", "a", "--socket", "b" }, "unknown option '--socket'" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *argv[7] = { W("udamonctl") };
                _cleanup_(captured_deinit) Captured c = {};

                for (size_t k = 0; k < 5; k++)
                        argv[k + 1] = W(cases[i].words[k]);
                c = capture_args(argv);
                ck_assert_contains(c.err, cases[i].expected);
                ck_assert_one_line(c.err);
                ck_assert_int_eq(c.status, CTL_USAGE);
                ck_assert_str_eq(c.out, "");
        }
}
END_TEST

START_TEST(refusals) {
        static const struct {
                const char *scenario;
                int status;
                const char *expected;
        } cases[] = {
                { "denied", CTL_DENIED, "does not permit this to you" },
                { "many", CTL_USAGE, "there are several monitors: write MONITOR/cold, where MONITOR is one of: a, b" },
                { "none", CTL_GONE, "no monitor runs" },
                { "near", CTL_GONE, "monitor 'web' has no scheme 'colt' (did you mean cold?)" },
                { "far", CTL_GONE, "has no scheme 'nothing-like-it'; there is: cold, hu?ge" },
                { "unschemed", CTL_GONE, "monitor 'web' has no scheme at all" },
                { "unavailable", CTL_REFUSED, "scheme 'huge' asks for collapse, which cannot be done here: Linux 5.10" },
                { "invalid-empty", CTL_REFUSED, "does not accept that setting" },
                { "no-file", CTL_REFUSED, "without a configuration" },
                { "new", CTL_REFUSED, "the daemon refused: InventedLater" },
                { "malformed", CTL_REFUSED, "the daemon's reply is malformed" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                DAEMON(daemon, cases[i].scenario);
                _cleanup_(captured_deinit) Captured c = ASK(daemon, W("scheme"), W("enable"), W("cold"));

                ck_assert_contains(c.err, cases[i].expected);
                ck_assert_one_line(c.err);
                ck_assert_int_eq(c.status, cases[i].status);
                ck_assert_str_eq(c.out, "");
        }
}
END_TEST

/* A setting has no place in any file: the texts alone, each from us. */
START_TEST(wrong_settings) {
        DAEMON(daemon, "invalid");
        _cleanup_(captured_deinit) Captured c = ASK(daemon, W("scheme"), W("set"), W("cold"), W("sizw=1"));

        ck_assert_int_eq(c.status, CTL_REFUSED);
        ck_assert_str_eq(c.err, "udamonctl: unknown key 'sizw' (did you mean 'size'?)\nudamonctl: a?[2Jb\n"
                                "udamonctl: all\n");
}
END_TEST

/* ---- the configuration ---- */

START_TEST(configuration) {
        DAEMON(daemon, "web");
        _cleanup_(captured_deinit) Captured c = ASK(daemon, W("config"), W("show"));
        _cleanup_(captured_deinit) Captured j = ASK(daemon, W("config"), W("show"), W("--json"));

        ck_assert_int_eq(c.status, 0);
        ck_assert_str_eq(c.out, "monitors:\n  - name: web\n");
        ck_assert_str_eq(j.out, "{\"yaml\":\"monitors:\\n  - name: web\"}\n");
}
END_TEST

START_TEST(reloading) {
        DAEMON(daemon, "web");
        DAEMON(empty, "empty");
        DAEMON(invalid, "invalid-file");
        DAEMON(without, "no-file");
        DAEMON(malformed, "malformed");
        _cleanup_(captured_deinit) Captured c = ASK(daemon, W("reload"));
        _cleanup_(captured_deinit) Captured j = ASK(daemon, W("reload"), W("--json"));
        _cleanup_(captured_deinit) Captured e = ASK(empty, W("reload"));
        _cleanup_(captured_deinit) Captured i = ASK(invalid, W("reload"));
        _cleanup_(captured_deinit) Captured n = ASK(without, W("reload"));
        _cleanup_(captured_deinit) Captured m = ASK(malformed, W("reload"));
        json_t *reply = json_loads(j.out, 0, NULL);

        ck_assert_int_eq(c.status, 0);
        ck_assert_str_eq(c.out, "started   a, b?[2J\nchanged   web\nunchanged db\n"
                                "socket has changed, which counts only when the daemon starts again\n");
        ck_assert_uint_eq(json_array_size(json_object_get(reply, "started")), 2);
        json_decref(reply);
        ck_assert_str_eq(e.out, "the configuration holds no monitor, and none was stopped\n");
        ck_assert_int_eq(i.status, CTL_REFUSED);
        ck_assert_str_eq(i.err, "/etc/udamon/web.yaml:3:7: wrong\n"
                                "udamonctl: 1 problem in /etc/udamon/web.yaml: nothing was changed\n");
        ck_assert_int_eq(n.status, CTL_REFUSED);
        ck_assert_contains(n.err, "without a configuration: there is nothing to load again");
        ck_assert_int_eq(m.status, CTL_REFUSED);
        ck_assert_contains(m.err, "malformed: no started");
}
END_TEST

START_TEST(nobody_there) {
        _cleanup_(captured_deinit) Captured a = capture(W("schemes"), W("--socket"), W("/no/such/socket"));
        _cleanup_(captured_deinit) Captured b = capture(W("reload"), W("--socket"), W("/no/such/socket"));

        ck_assert_int_eq(a.status, CTL_NO_DAEMON);
        ck_assert_int_eq(b.status, CTL_NO_DAEMON);
        ck_assert_one_line(a.err);
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("schemes");

        (void) setenv("TZ", "UTC", 1);
        (void) unsetenv("UDAMON_SOCKET");
        tcase_add_test(tcase, settings);
        tcase_add_test(tcase, settings_refused);
        tcase_add_test(tcase, files);
        tcase_add_test(tcase, starting_with_schemes);
        tcase_add_test(tcase, starting_with_wrong_schemes);
        tcase_add_test(tcase, looking);
        tcase_add_test(tcase, looking_json);
        tcase_add_test(tcase, looking_back);
        tcase_add_test(tcase, changing);
        tcase_add_test(tcase, feeding);
        tcase_add_test(tcase, typed_wrongly);
        tcase_add_test(tcase, refusals);
        tcase_add_test(tcase, wrong_settings);
        tcase_add_test(tcase, configuration);
        tcase_add_test(tcase, reloading);
        tcase_add_test(tcase, nobody_there);
        return run_case("ctl-schemes", tcase);
}
