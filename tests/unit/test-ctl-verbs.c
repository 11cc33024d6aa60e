/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs end to end, against a scripted service: on a socket, and as the private daemon of `run`
 * and `check`, which is this program started anew. */
#include <errno.h>

#include "recording.h"
#include "message.h"
#include "test-ctl-service.h"

/* ---- the service ---- */

/* One snapshot in two parts. */
static bool send_snapshot(Service *service) {
        for (int part = 0; part < 2; part++) {
                json_t *snapshot = load_data("snapshot.json"),
                       *all = json_object_get(snapshot, "regions"), *half = json_array();

                for (size_t i = part == 0 ? 0 : 4; i < (part == 0 ? 4 : json_array_size(all)); i++)
                        (void) json_array_append(half, json_array_get(all, i));
                (void) json_object_set_new(snapshot, "regions", half);
                (void) json_object_set_new(snapshot, "part", json_integer(part));
                (void) json_object_set_new(snapshot, "parts", json_integer(2));
                (void) json_object_set_new(snapshot, "sequence",
                                           json_integer((json_int_t) service->sequence));
                (void) json_object_set_new(
                        snapshot, "time_ns",
                        json_integer(
                                (json_int_t) (1767225600 * SEC + service->sequence * 2 * SEC)));
                if (!send_reply(service, json_pack("{s:o}", "snapshot", snapshot), NULL, true))
                        return false;
        }
        return true;
}

/* Each snapshot twice, as a heartbeat does; number 3 is never sent. */
static bool stream(Service *service) {
        if (streq(service->scenario, "malformed"))
                return send_reply(service, json_pack("{s:{s:s}}", "snapshot", "monitor", "web"),
                                  NULL, true);
        for (;;) {
                if (++service->sequence == 3)
                        service->sequence++;
                if (!send_snapshot(service) || !send_snapshot(service))
                        return false;
                if (streq(service->scenario, "ends") && service->sequence == 5)
                        return send_reply(
                                service, json_pack("{s:o}", "snapshot", load_data("snapshot.json")),
                                NULL, false);
                if (streq(service->scenario, "dies") && service->sequence == 5)
                        return false;
                nap(20 * NSEC_PER_MSEC);
        }
}

static bool get_snapshot(Service *service, json_t *call) {
        if (!json_is_true(json_object_get(call, "more")))
                return streq(service->scenario, "late")
                               ? send_reply(service,
                                            json_pack("{s:s, s:I}", "name", "web", "wait_ns",
                                                      (json_int_t) (2 * SEC)),
                                            "io.udamon.monitor.NoSnapshotYet", false)
                               : send_reply(service, json_object(),
                                            "org.varlink.service.ExpectedMore", false);
        if (streq(service->scenario, "late")) {
                service->scenario = "web";
                return send_reply(
                        service,
                        json_pack("{s:s, s:I}", "name", "web", "wait_ns", (json_int_t) (SEC / 10)),
                        "io.udamon.monitor.NoSnapshotYet", false);
        }
        if (streq(service->scenario, "never"))
                return send_reply(service, json_pack("{s:s, s:i}", "name", "web", "wait_ns", 0),
                                  "io.udamon.monitor.NoSnapshotYet", false);
        return stream(service);
}

static bool start_monitor(Service *service, json_t *call) {
        json_t *parameters = json_object_get(call, "parameters"),
               *context = json_object_get(parameters, "context");
        const char *name = json_string_value(json_object_get(parameters, "name"));

        return send_reply(service,
                          json_pack("{s:s, s:{s:s, s:O, s:{s:[s]}}}", "name",
                                    name ? name : "unnamed", "monitor", "name",
                                    name ? name : "unnamed", "context", context, "runtime",
                                    "warnings", "a warning"),
                          NULL, false);
}

/* Scenarios in which every call has the same answer. */
static bool answer_always(Service *service, bool *ret_sent) {
        static const struct {
                const char *scenario;
                const char *error;
                const char *parameters;
        } errors[] = {
                {"denied", "org.varlink.service.PermissionDenied", "{}"},
                {"none", "io.udamon.monitor.NoSuchMonitor",
                 "{\"name\": \"web\", \"monitors\": []}"},
                {"other", "io.udamon.monitor.NoSuchMonitor",
                 "{\"name\": \"web\", \"monitors\": [\"a\", \"b\\u001b[2J\"]}"},
                {"many", "io.udamon.monitor.NameNeeded", "{\"monitors\": [\"a\", \"b\"]}"},
                {"exists", "io.udamon.monitor.MonitorExists", "{\"name\": \"web\"}"},
                {"target", "io.udamon.monitor.TargetInvalid",
                 "{\"target\": \"pid 77\", \"reason\": \"there is no such process\"}"},
                {"source", "io.udamon.monitor.SourceUnavailable",
                 "{\"source\": \"idle\", \"reason\": \"no bitmap\"}"},
                {"request", "io.udamon.monitor.RequestInvalid",
                 "{\"parameter\": \"context\", \"reason\": \"too many\"}"},
                {"limit", "io.udamon.monitor.TooManyMonitors", "{\"limit\": 16}"},
                {"stranger", "org.varlink.service.InterfaceNotFound",
                 "{\"interface\": \"io.udamon.monitor\"}"},
        };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                if (streq(service->scenario, errors[i].scenario)) {
                        *ret_sent = send_reply(service, json_loads(errors[i].parameters, 0, NULL),
                                               errors[i].error, false);
                        return true;
                }
        if (streq(service->scenario, "garbage")) {
                *ret_sent = send(service->fd, "{]", 3, MSG_NOSIGNAL) == 3;
                return true;
        }
        *ret_sent = false;
        return streq(service->scenario, "closed");
}

static bool answer(Service *service, json_t *call) {
        const char *method = json_string_value(json_object_get(call, "method"));
        bool sent;

        if (answer_always(service, &sent))
                return sent;
        method = strrchr(method, '.') + 1;
        if (streq(method, "GetStatus"))
                return send_reply(service, load_data("status.json"), NULL, false);
        if (streq(method, "GetCapabilities"))
                return send_reply(service, load_data("capabilities.json"), NULL, false);
        if (streq(method, "GetHistory"))
                return send_reply(service, load_data("history.json"), NULL, false);
        if (streq(method, "GetSchemes"))
                return send_reply(service, load_data("schemes.json"), NULL, false);
        if (streq(method, "StartMonitor"))
                return start_monitor(service, call);
        if (streq(method, "StopMonitor"))
                return send_reply(service, json_object(), NULL, false);
        return get_snapshot(service, call);
}

/* ---- the tests ---- */

START_TEST(asking) {
        static const struct {
                const char *verb;
                const char *expected;
                const char *key;
        } cases[] = {
                { "status", "monitor web: running", "runtime" },
                { "check", "asked the running udamond", "capabilities" },
                { "regions", "[heap]", "regions" },
                { "heatmap", "reconstructed from ages", "rows" },
                { "wss", "working set: 5 windows", "percentiles" },
                { "idle", "IDLE AT LEAST", "idle_at_least" },
        };

        DAEMON(daemon, "web");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(captured_deinit) Captured text =
                        capture(W(cases[i].verb), W("--socket"), daemon.socket);
                _cleanup_(captured_deinit) Captured json =
                        capture(W(cases[i].verb), W("--socket"), daemon.socket, W("--json"));
                json_t *document;

                ck_assert_int_eq(text.status, 0);
                ck_assert_str_eq(text.err, "");
                ck_assert_contains(text.out, cases[i].expected);
                ck_assert_lacks(text.out, "\033");
                ck_assert_int_eq(json.status, 0);
                document = json_loads(json.out, JSON_REJECT_DUPLICATES, NULL);
                ck_assert_ptr_nonnull(document);
                ck_assert_ptr_nonnull(json_object_get(document, cases[i].key));
                json_decref(document);
        }
}
END_TEST

START_TEST(environment) {
        DAEMON(daemon, "web");
        (void) setenv("UDAMON_SOCKET", daemon.socket, 1);
        {
                _cleanup_(captured_deinit) Captured c = capture(W("status"));

                ck_assert_int_eq(c.status, 0);
        }
        (void) unsetenv("UDAMON_SOCKET");
}
END_TEST

START_TEST(starting_and_stopping) {
        DAEMON(daemon, "web");
        _cleanup_(captured_deinit) Captured start =
                capture(W("start"), W("--socket"), daemon.socket, W("--pid"), W("1"), W("--name"),
                        W("web"), W("--source"), W("sim"), W("--auto-intervals"), W("--json"));
        _cleanup_(captured_deinit) Captured stop =
                capture(W("stop"), W("web"), W("--socket"), daemon.socket);
        json_t *context;
        json_t *reply = json_loads(start.out, 0, NULL);

        ck_assert_int_eq(start.status, 0);
        context = json_object_get(json_object_get(reply, "monitor"), "context");
        ck_assert_str_eq(json_string_value(json_object_get(context, "source")), "sim");
        ck_assert_ptr_null(json_object_get(context, "sample_ns"));
        ck_assert_double_eq_tol(
                json_real_value(json_object_get(json_object_get(context, "goal"), "access_share")),
                0.04, 1e-9);
        ck_assert_int_eq(json_integer_value(json_object_get(
                                 json_array_get(json_object_get(context, "targets"), 0), "pid")),
                         1);
        ck_assert_int_eq(stop.status, 0);
        ck_assert_str_eq(stop.out, "");
        json_decref(reply);
}
END_TEST

START_TEST(refusals) {
        static const struct {
                const char *scenario;
                int status;
                const char *expected;
        } cases[] = {
                { "denied", CTL_DENIED, "does not permit this to you" },
                { "none", CTL_GONE, "no monitor runs: start one" },
                { "other", CTL_GONE, "no monitor is called 'web'; there is: a, b?[2J" },
                { "many", CTL_USAGE, "name one of: a, b" },
                { "exists", CTL_REFUSED, "a monitor called 'web' runs already" },
                { "target", CTL_GONE, "pid 77 cannot be watched: there is no such process" },
                { "source", CTL_REFUSED, "the source 'idle' cannot be used here: no bitmap" },
                { "request", CTL_REFUSED, "the value of 'context': too many" },
                { "limit", CTL_REFUSED, "limit of 16 monitors" },
                { "stranger", CTL_REFUSED, "is no udamond" },
                { "garbage", CTL_REFUSED, "talking to the daemon failed" },
                { "closed", CTL_NO_DAEMON, "the daemon closed the connection" },
                { "malformed", CTL_REFUSED, "the daemon's reply is malformed" },
                { "never", CTL_GONE, "ended without a snapshot" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                DAEMON(daemon, cases[i].scenario);
                _cleanup_(captured_deinit) Captured c =
                        capture(W("regions"), W("web"), W("--socket"), daemon.socket);

                ck_assert_contains(c.err, cases[i].expected);
                ck_assert_one_line(c.err);
                ck_assert_int_eq(c.status, cases[i].status);
                ck_assert_str_eq(c.out, "");
        }
}
END_TEST

START_TEST(no_daemon) {
        _cleanup_(scratch_deinit) Scratch scratch;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        scratch_init(&scratch);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/dead", scratch.path);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        (void) close(fd);

        _cleanup_(captured_deinit) Captured absent =
                capture(W("status"), W("--socket"), scratch_path(&scratch, "absent"));
        _cleanup_(captured_deinit) Captured dead =
                capture(W("status"), W("--socket"), scratch_path(&scratch, "dead"));

        ck_assert_int_eq(absent.status, CTL_NO_DAEMON);
        ck_assert_contains(absent.err, "(no such file): start one as root with 'udamond --socket");
        ck_assert_one_line(absent.err);
        ck_assert_int_eq(dead.status, CTL_NO_DAEMON);
        ck_assert_contains(dead.err, "(connection refused)");
}
END_TEST

START_TEST(waiting) {
        DAEMON(daemon, "late");
        _cleanup_(captured_deinit) Captured impatient =
                capture(W("regions"), W("--no-wait"), W("--socket"), daemon.socket);
        _cleanup_(captured_deinit) Captured patient =
                capture(W("regions"), W("--socket"), daemon.socket);

        ck_assert_int_eq(impatient.status, CTL_GONE);
        ck_assert_contains(impatient.err, "closes in about 2s");
        ck_assert_int_eq(patient.status, 0);
        ck_assert_contains(patient.out, "[stack]");
}
END_TEST

/* Sequences 1, 2, 4 and 5: each came twice, and is kept once. */
START_TEST(recording_until_the_end) {
        _cleanup_(recording_closep) Recording *recording = NULL;
        char *path;

        DAEMON(daemon, "ends");
        path = scratch_path(&daemon.scratch, "a.db");
        _cleanup_(captured_deinit) Captured c =
                capture(W("record"), W("web"), W("-o"), path, W("--socket"), daemon.socket);
        _cleanup_(captured_deinit) Captured again =
                capture(W("record"), W("web"), W("-o"), path, W("--socket"), daemon.socket);

        ck_assert_int_eq(c.status, 0);
        ck_assert_contains(c.err, "5 snapshots");
        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_uint_eq(recording_count(recording),
                          5); /* 1, 2, 4, 5 and the last word, number 42 */
        ck_assert_int_eq(again.status, CTL_REFUSED);
        ck_assert_contains(again.err, "exists; --force replaces it");
}
END_TEST

START_TEST(recording_for_a_while) {
        char *path;

        DAEMON(daemon, "web");
        path = scratch_path(&daemon.scratch, "a.db");
        _cleanup_(captured_deinit) Captured c =
                capture(W("record"), W("-o"), path, W("-d"), W("300ms"), W("--socket"),
                        daemon.socket, W("--json"));
        _cleanup_(captured_deinit) Captured text = capture(W("heatmap"), W("-i"), path);
        _cleanup_(captured_deinit) Captured one =
                capture(W("regions"), W("-i"), path, W("--snapshot"), W("1"), W("--json"));
        json_t *summary = json_loads(c.out, 0, NULL), *frame = json_loads(one.out, 0, NULL);

        ck_assert_int_eq(c.status, 0);
        ck_assert_int_ge(json_integer_value(json_object_get(summary, "snapshots")), 3);
        ck_assert_int_eq(json_integer_value(json_object_get(summary, "missed_snapshots")), 1);
        ck_assert(json_is_true(json_object_get(summary, "complete")));
        ck_assert_int_eq(text.status, 0);
        ck_assert_contains(text.out, "missing: 1 snapshot ");
        ck_assert_int_eq(json_integer_value(json_object_get(frame, "sequence")), 1);
        ck_assert_uint_eq(json_array_size(json_object_get(frame, "regions")), 9);
        json_decref(summary);
        json_decref(frame);
}
END_TEST

START_TEST(nothing_recorded) {
        char *path;

        DAEMON(daemon, "none");
        path = scratch_path(&daemon.scratch, "a.db");
        _cleanup_(captured_deinit) Captured c =
                capture(W("record"), W("web"), W("-o"), path, W("--socket"), daemon.socket);

        ck_assert_int_eq(c.status, CTL_GONE);
        ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

/* A daemon that dies in the middle: what came is kept, the status tells. */
START_TEST(recording_cut_off) {
        _cleanup_(recording_closep) Recording *recording = NULL;
        char *path;

        DAEMON(daemon, "dies");
        path = scratch_path(&daemon.scratch, "a.db");
        _cleanup_(captured_deinit) Captured c =
                capture(W("record"), W("web"), W("-o"), path, W("--socket"), daemon.socket);

        ck_assert_int_eq(c.status, CTL_NO_DAEMON);
        ck_assert_contains(c.err, "the daemon closed the connection");
        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_uint_eq(recording_count(recording), 4);
}
END_TEST

static Captured run_with(const char *scenario, char **argv) {
        (void) setenv("FAKE_SCENARIO", scenario, 1);
        return capture_args(argv);
}

#define RUN(scenario, ...)                                                                         \
        run_with(scenario, (char *[]) { W("udamonctl"), W("run"), __VA_ARGS__, NULL })

START_TEST(running) {
        _cleanup_(captured_deinit) Captured c =
                RUN("web", W("--"), W("sh"), W("-c"), W("echo out; sleep 0.3; exit 7"));
        _cleanup_(captured_deinit) Captured killed =
                RUN("web", W("sh"), W("-c"), W("sleep 0.2; kill -9 $$"));

        ck_assert_int_eq(c.status, 7);
        ck_assert_str_eq(c.out, "out\n");
        ck_assert_contains(c.err, "sh ran for ");
        ck_assert_contains(c.err, "exit status 7");
        ck_assert_contains(c.err, "note: a warning");
        ck_assert_contains(c.err, "heat map of");
        ck_assert_contains(c.err, "IDLE AT LEAST");
        ck_assert_contains(c.err, "WORKING SET");
        ck_assert_contains(c.err, "[heap]");
        ck_assert_int_eq(killed.status, 137);
}
END_TEST

START_TEST(running_json) {
        _cleanup_(captured_deinit) Captured c =
                RUN("web", W("--json"), W("--"), W("sh"), W("-c"), W("echo out; sleep 0.2"));
        json_t *document = json_loads(c.out, JSON_REJECT_DUPLICATES, NULL);

        ck_assert_int_eq(c.status, 0);
        ck_assert_str_eq(c.err, "out\n");
        ck_assert_ptr_nonnull(document);
        ck_assert_int_eq(json_integer_value(json_object_get(document, "exit_status")), 0);
        ck_assert_uint_eq(json_array_size(json_object_get(document, "command")), 3);
        ck_assert_ptr_nonnull(json_object_get(json_object_get(document, "heatmap"), "rows"));
        json_decref(document);
}
END_TEST

START_TEST(running_recorded) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_(recording_closep) Recording *recording = NULL;
        char *path, *report;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        report = scratch_path(&scratch, "report");
        _cleanup_(captured_deinit) Captured c = RUN("web", W("--record"), path, W("--report"),
                                                    report, W("--"), W("sleep"), W("0.2"));

        ck_assert_int_eq(c.status, 0);
        ck_assert_str_eq(c.err, "");
        ck_assert_int_eq(access(report, R_OK), 0);
        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_uint_ge(recording_count(recording), 2);
        ck_assert_str_eq(recording_meta(recording, "command"), "sleep");
        ck_assert_str_eq(recording_meta(recording, "exit_status"), "0");
        ck_assert_contains(recording_meta(recording, "context"), "targets");
}
END_TEST

START_TEST(running_failures) {
        _cleanup_(captured_deinit) Captured absent = RUN("web", W("--"), W("/no/such/program"));
        _cleanup_(captured_deinit) Captured forbidden = RUN("web", W("--"), W("/etc/passwd"));
        _cleanup_(captured_deinit) Captured refused =
                RUN("source", W("--"), W("sh"), W("-c"), W("echo ran"));
        _cleanup_(captured_deinit) Captured quick = RUN("never", W("--"), W("true"));
        _cleanup_(captured_deinit) Captured cut = RUN("dies", W("--"), W("sleep"), W("0.5"));
        _cleanup_(captured_deinit) Captured file = RUN("web", W("--record"), W("/no/such/dir/a.db"),
                                                       W("--"), W("sh"), W("-c"), W("echo ran"));

        ck_assert_int_eq(absent.status, CTL_NO_COMMAND);
        ck_assert_contains(absent.err, "cannot run '/no/such/program': No such file or directory");
        ck_assert_one_line(absent.err);
        ck_assert_int_eq(forbidden.status, CTL_CANNOT_EXEC);
        ck_assert_int_eq(refused.status, CTL_RUN);
        ck_assert_str_eq(refused.out, "");
        ck_assert_contains(refused.err, "the source 'idle' cannot be used here");
        ck_assert_int_eq(quick.status, 0);
        ck_assert_contains(quick.err,
                           "nothing was measured. Make the windows shorter, such as --sample");
        /* the command is not disturbed by the daemon's end, but the status says that something
         * failed */
        ck_assert_int_eq(cut.status, CTL_RUN);
        ck_assert_contains(cut.err, "sleep ran for");
        ck_assert_int_eq(file.status, CTL_RUN);
        ck_assert_str_eq(file.out, "");
}
END_TEST

static char *scheme_file(const Scratch *scratch) {
        char *path = scratch_path(scratch, "cold.yaml");
        FILE *file = fopen(path, "we");

        ck_assert_int_ge(fputs("schemes: [{name: cold, action: pageout}]\n", file), 0);
        ck_assert_int_eq(fclose(file), 0);
        return path;
}

/* When the stream has ended, the daemon is asked what the schemes did. */
START_TEST(running_with_schemes) {
        _cleanup_(scratch_deinit) Scratch scratch;
        json_t *document;
        char *path;

        scratch_init(&scratch);
        path = scheme_file(&scratch);
        _cleanup_(captured_deinit) Captured c = RUN("ends", W("--scheme"), path, W("--"), W("sleep"), W("0.1"));
        _cleanup_(captured_deinit) Captured j =
                RUN("ends", W("--json"), W("--scheme"), path, W("--"), W("sleep"), W("0.1"));
        _cleanup_(captured_deinit) Captured without = RUN("ends", W("--json"), W("--"), W("sleep"), W("0.1"));

        ck_assert_int_eq(c.status, 0);
        ck_assert_contains(c.err, "what the schemes did (tried: handed to the kernel, applied: what the kernel did)");
        ck_assert_contains(c.err, "  cold (pageout): tried 3.32GiB, applied 3.03GiB; 12MiB of it refaulted");
        ck_assert_contains(c.err, "  huge (hugepage): dry run, would have tried 400MiB\n");
        ck_assert_int_eq(j.status, 0);
        document = json_loads(j.out, 0, NULL);
        ck_assert_uint_eq(json_array_size(json_object_get(document, "schemes")), 5);
        json_decref(document);
        document = json_loads(without.out, 0, NULL);
        ck_assert(json_is_null(json_object_get(document, "schemes")));
        json_decref(document);
}
END_TEST

START_TEST(running_with_schemes_failures) {
        _cleanup_(scratch_deinit) Scratch scratch;
        char *path;

        scratch_init(&scratch);
        path = scheme_file(&scratch);
        /* its stream never ends: the question goes beside it */
        _cleanup_(captured_deinit) Captured busy = RUN("web", W("--scheme"), path, W("--"), W("sleep"), W("0.1"));
        _cleanup_(captured_deinit) Captured dead = RUN("dies", W("--scheme"), path, W("--"), W("sleep"), W("0.3"));
        _cleanup_(captured_deinit) Captured absent =
                RUN("web", W("--scheme"), W("/no/such.yaml"), W("--"), W("echo"), W("ran"));
        _cleanup_(captured_deinit) Captured twice =
                RUN("web", W("--scheme"), path, W("--scheme=b"), W("--"), W("echo"), W("ran"));

        ck_assert_int_eq(busy.status, 0);
        ck_assert_contains(busy.err, "what the schemes did");
        ck_assert_contains(busy.err, "sleep ran for");
        ck_assert_int_eq(dead.status, CTL_RUN);
        ck_assert_contains(dead.err, "sleep ran for");
        ck_assert_int_eq(absent.status, CTL_RUN);
        ck_assert_str_eq(absent.out, "");
        ck_assert_contains(absent.err, "cannot read /no/such.yaml: No such file");
        ck_assert_one_line(absent.err);
        ck_assert_int_eq(twice.status, CTL_USAGE);
        ck_assert_str_eq(twice.out, "");
}
END_TEST

/* Ctrl-C reaches the command, and the summary still comes. */
START_TEST(running_interrupted) {
        _cleanup_(captured_deinit) Captured c =
                RUN("web", W("--"), W("sh"), W("-c"),
                    W("trap 'exit 3' INT; kill -INT $PPID; sleep 0.2; kill -INT $$; sleep 5"));

        ck_assert_int_eq(c.status, 3);
        ck_assert_contains(c.err, "exit status 3");
}
END_TEST

START_TEST(running_terminated) {
        _cleanup_(captured_deinit) Captured c = RUN(
                "web", W("--"), W("sh"), W("-c"),
                W("trap 'exit 4' TERM; sleep 0.1; kill -TERM $PPID; while :; do sleep 0.05; done"));

        ck_assert_int_eq(c.status, 4);
}
END_TEST

START_TEST(private_check) {
        _cleanup_(captured_deinit) Captured c = {};

        (void) setenv("FAKE_SCENARIO", "web", 1);
        c = capture(W("check"), W("--private"));
        ck_assert_int_eq(c.status, 0);
        ck_assert_contains(c.out, "asked a private udamond");
}
END_TEST

int main(int argc, char **argv) {
        TCase *tcase;

        if (argc > 1 && streq(argv[1], "--connection-fd=3")) {
                const char *scenario = getenv("FAKE_SCENARIO");

                /* the second connection is for questions beside a stream */
                if (fork() == 0) {
                        (void) close(3);
                        serve(4, scenario ? scenario : "web");
                        _exit(0);
                }
                (void) close(4);
                serve(3, scenario ? scenario : "web");
                return 0;
        }

        (void) setenv("TZ", "UTC", 1);
        (void) unsetenv("UDAMON_SOCKET");
        use_as_daemon();
        tcase = tcase_create("verbs");
        tcase_add_test(tcase, asking);
        tcase_add_test(tcase, environment);
        tcase_add_test(tcase, starting_and_stopping);
        tcase_add_test(tcase, refusals);
        tcase_add_test(tcase, no_daemon);
        tcase_add_test(tcase, waiting);
        tcase_add_test(tcase, recording_until_the_end);
        tcase_add_test(tcase, recording_for_a_while);
        tcase_add_test(tcase, nothing_recorded);
        tcase_add_test(tcase, recording_cut_off);
        tcase_add_test(tcase, running);
        tcase_add_test(tcase, running_json);
        tcase_add_test(tcase, running_recorded);
        tcase_add_test(tcase, running_failures);
        tcase_add_test(tcase, running_with_schemes);
        tcase_add_test(tcase, running_with_schemes_failures);
        tcase_add_test(tcase, running_interrupted);
        tcase_add_test(tcase, running_terminated);
        tcase_add_test(tcase, private_check);
        return run_case("ctl-verbs", tcase);
}
