/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `simulate`, with this program started anew as the udamond that answers. It holds what it is sent against the
 * interface text. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>

#include "base/clock.h"
#include "message.h"
#include "recording.h"
#include "simulation.h"
#include "test-ctl.h"
#include "view.h"
#include "wire/idl.h"

/* ---- udamond --simulate FILE ---- */

static const Field *snapshot_fields(void) {
        static char text[1 << 18];
        static Idl *idl;
        char path[512];
        FILE *file;

        if (idl)
                return idl_find(idl, IDL_TYPE, "Snapshot")->fields;
        (void) snprintf(path, sizeof(path), "%s/daemon/io.udamon.monitor.varlink",
                        getenv("SOURCE_ROOT") ? getenv("SOURCE_ROOT") : ".");
        file = fopen(path, "re");
        if (!file || fread(text, 1, sizeof(text) - 1, file) == 0 || idl_parse(text, &idl, NULL) != 0)
                abort();
        (void) fclose(file);
        return idl_find(idl, IDL_TYPE, "Snapshot")->fields;
}

static json_t *step(const char *name, uint64_t matched, uint64_t would, uint64_t returned) {
        return json_pack("{s:s, s:i, s:I, s:i, s:I, s:I}", "name", name, "matched_regions", matched > 0 ? 2 : 0,
                         "matched_bytes", (json_int_t) matched, "would_regions", would > 0 ? 1 : 0, "would_bytes",
                         (json_int_t) would, "returned_bytes", (json_int_t) returned);
}

/* A whole scheme as the interface has it. */
static json_t *final_scheme(size_t number, const char *name) {
        json_t *data = json_load_file(test_data("schemes.json"), 0, NULL),
               *scheme = json_incref(json_array_get(json_object_get(data, "schemes"), number));

        json_decref(data);
        (void) json_object_set_new(scheme, "name", json_string(name));
        return scheme;
}

static void print_line(json_t *line) {
        char *text = json_dumps(line, JSON_COMPACT);

        if (puts(text) == EOF)
                exit(9);
        free(text);
        json_decref(line);
}

static json_t *end_line(void) {
        return json_pack("{s:b, s:s, s:[o, o]}", "end", 1, "monitor", "web", "schemes", final_scheme(0, "cold"),
                         final_scheme(1, "huge"));
}

/* cold acts on every third snapshot, from the second on, 30 MiB; a third of it returns two snapshots later. */
static json_t *answer_line(size_t i, json_int_t sequence, json_t *time) {
        return json_pack("{s:O, s:I, s:[o, o]}", "time_ns", time, "sequence", sequence, "schemes",
                         step("cold", 64 * MIB, i % 3 == 1 ? 30 * MIB : 0, i % 3 == 0 && i > 0 ? 10 * MIB : 0),
                         step("huge", 0, 0, 0));
}

static int serve_line(const char *scenario, size_t i, const char *text, const Field *fields) {
        json_t *snapshot = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *answer;
        char *wrong = NULL;

        if (!snapshot || fields_check(fields, snapshot, &wrong) != 0) {
                (void) fprintf(stderr, "line %zu: %s\n", i, wrong ? wrong : "no JSON");
                return 8;
        }
        answer = answer_line(i, json_integer_value(json_object_get(snapshot, "sequence")),
                             json_object_get(snapshot, "time_ns"));
        if (streq(scenario, "renamed") && i == 1)
                (void) json_object_set_new(json_array_get(json_object_get(answer, "schemes"), 1), "name",
                                           json_string("other"));
        if (streq(scenario, "fewer") && i == 1)
                (void) json_array_remove(json_object_get(answer, "schemes"), 1);
        if (streq(scenario, "negative"))
                (void) json_object_set_new(json_array_get(json_object_get(answer, "schemes"), 1), "would_bytes",
                                           json_integer(-1));
        if (streq(scenario, "unasked"))
                (void) json_object_set_new(answer, "sequence", json_integer(77));
        /* more than any pipe holds */
        if (streq(scenario, "talkative"))
                (void) json_object_set_new(answer, "padding", json_sprintf("%*s", 300000, ""));
        print_line(answer);
        json_decref(snapshot);
        return 0;
}

static int simulator(const char *scenario, const char *file) {
        const Field *fields = snapshot_fields();
        _cleanup_free_ char *line = NULL;
        size_t size = 0, n = 0;
        int status = 0;

        if (streq(scenario, "invalid")) {
                (void) fprintf(stderr, "%s:3:7: unknown key 'sizw' (did you mean 'size'?)\n", file);
                return 3;
        }
        if (streq(scenario, "refuses"))
                return 2;
        if (streq(scenario, "garbage"))
                (void) puts("{]");
        if (streq(scenario, "endless"))
                for (;;)
                        if (fputs("                                                      ", stdout) == EOF)
                                return 9;
        /* says everything before it reads: only a client that reads while it writes gets through */
        while (status == 0 && getline(&line, &size, stdin) > 0) {
                status = serve_line(scenario, n++, line, fields);
                if (streq(scenario, "dies") && n == 2)
                        (void) raise(SIGKILL);
                if (streq(scenario, "leaves") && n == 2)
                        return 0;
                if (streq(scenario, "fails") && n == 2)
                        return 1;
        }
        if (status != 0 || streq(scenario, "breaks-off"))
                return status;
        print_line(streq(scenario, "endless-end") ? json_pack("{s:b, s:s, s:[]}", "end", 1, "monitor", "web", "schemes")
                                                  : end_line());
        if (streq(scenario, "more"))
                print_line(end_line());
        return 0;
}

/* ---- the client ---- */

static const ScriptedRegion regions[] = {
        { 0x10000, 0x10000 + 4 * MIB, 20, 20, 0, 8 * SEC, "/usr/bin/web" },
        { 0x7f0000000000, 0x7f0000000000 + 64 * MIB, 0, 20, 3, 90 * SEC, "" },
        { 0x7f1000000000, 0x7f1000000000 + MIB, 0, 0, 20, 0, "/a file, with 'quotes' and \"more\"\n" },
};

static char *record(const Scratch *scratch, const char *name, uint64_t n, uint64_t skipped) {
        _cleanup_(recording_closep) Recording *recording = NULL;
        char *path = scratch_path(scratch, name);

        ck_assert_int_eq(recording_create(path, false, &recording), 0);
        for (uint64_t i = 1; i <= n; i++) {
                _cleanup_(frame_freep) Frame *frame =
                        i == skipped ? NULL : scripted_frame(i, regions, ELEMENTSOF(regions));

                if (frame)
                        ck_assert_int_eq(recording_append(recording, frame), 0);
        }
        return path;
}

static Captured simulate_as(const char *scenario, char **argv) {
        (void) setenv("FAKE_SCENARIO", scenario, 1);
        return capture_args(argv);
}

#define SIMULATE(scenario, path, ...)                                                                         \
        simulate_as(scenario, (char *[]) { W("udamonctl"), W("simulate"), W("--scheme"), W("cold.yaml"), W("-i"), \
                                           path, __VA_ARGS__ __VA_OPT__(, ) NULL })

START_TEST(numbers) {
        _cleanup_(scratch_deinit) Scratch scratch;
        json_t *document, *cold;
        char *path;

        scratch_init(&scratch);
        path = record(&scratch, "a.db", 10, 0);
        _cleanup_(captured_deinit) Captured c = SIMULATE("good", path, W("--json"));

        ck_assert_str_eq(c.err, "");
        ck_assert_int_eq(c.status, 0);
        document = json_loads(c.out, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_str_eq(json_string_value(json_object_get(document, "monitor")), "web");
        ck_assert_uint_eq(json_number(document, "snapshots"), 10);
        ck_assert_uint_eq(json_number(document, "duration_ns"), 20 * SEC);
        ck_assert_uint_eq(json_number(document, "mapped_bytes_at_end"), 69 * MIB);
        /* what could not be checked is not called idle */
        ck_assert_uint_eq(json_number(document, "idle_bytes_at_end"), 64 * MIB);
        ck_assert_uint_eq(json_array_size(json_object_get(document, "schemes")), 2);

        cold = json_array_get(json_object_get(document, "schemes"), 0);
        ck_assert_str_eq(json_string_value(json_object_get(cold, "name")), "cold");
        /* at 1, 4 and 7 of 0 to 9; back at 3, 6 and 9 */
        ck_assert_uint_eq(json_number(cold, "would_bytes"), 90 * MIB);
        ck_assert_uint_eq(json_number(cold, "would_regions"), 3);
        ck_assert_uint_eq(json_number(cold, "windows_acting"), 3);
        ck_assert_uint_eq(json_number(cold, "bytes_at_once_max"), 30 * MIB);
        ck_assert_double_eq_tol(json_number_value(json_object_get(cold, "bytes_per_second")), 4.5 * MIB, 1);
        ck_assert_double_eq_tol(json_number_value(json_object_get(cold, "bytes_per_second_max")), 15.0 * MIB, 1);
        ck_assert_uint_eq(json_number(cold, "returned_bytes"), 30 * MIB);
        ck_assert_double_eq_tol(json_number_value(json_object_get(cold, "returned_share")), 1.0 / 3, 1e-9);
        ck_assert_uint_eq(json_number(cold, "first_return_ns"), 4 * SEC);
        ck_assert_uint_eq(json_number(cold, "windows_limited"), 12);
        ck_assert_uint_eq(json_number(cold, "matched_bytes_at_end"), 64 * MIB);
        ck_assert_uint_eq(json_array_size(json_object_get(cold, "points")), 10);
        ck_assert_str_eq(json_text(json_object_get(json_object_get(cold, "scheme"), "context"), "action"), "pageout");
        ck_assert(json_is_null(json_object_get(json_array_get(json_object_get(document, "schemes"), 1),
                                               "first_return_ns")));
        json_decref(document);
}
END_TEST

static void no_line_wider(const char *text, size_t most) {
        while (*text) {
                size_t length = strcspn(text, "\n");

                ck_assert_msg(length <= most, "%zu columns: %.*s", length, (int) length, text);
                text += length + (text[length] == '\n');
        }
}

START_TEST(picture) {
        _cleanup_(scratch_deinit) Scratch scratch;
        char *path;

        scratch_init(&scratch);
        path = record(&scratch, "a.db", 10, 4);
        _cleanup_(captured_deinit) Captured c = SIMULATE("good", path, W("--width"), W("80"));
        _cleanup_(captured_deinit) Captured narrow = SIMULATE("good", path, W("--width"), W("40"), W("--rows"), W("3"));

        ck_assert_int_eq(c.status, 0);
        ck_assert_contains(c.out, "cold.yaml on ");
        ck_assert_contains(c.out, ": 9 snapshots, 20s\n");
        ck_assert_contains(c.out, "at the end 64MiB of 69MiB mapped memory was not accessed in the last window");
        ck_assert_contains(c.out, "1 snapshot is missing");
        ck_assert_contains(c.out, "\ncold: pageout\n");
        ck_assert_contains(c.out, "  would act on  90MiB in 3 regions, in 3 of 9 windows\n");
        ck_assert_contains(c.out, "  speed         4.5MiB/s on average, 15MiB/s at most\n");
        ck_assert_contains(c.out, "  at once       at most 30MiB in 1 region, 2s after the start\n");
        ck_assert_contains(c.out, "  came back     20MiB (22.2% of it) was accessed again, in 2 windows\n");
        ck_assert_contains(c.out, "the first of it 6s after the first act");
        ck_assert_contains(c.out, "  quota         something had to wait for it in 12 quota windows\n");
        ck_assert_contains(c.out, "  at the end    64MiB in 2 regions match\n");
        ck_assert_contains(c.out, "         +2s     30MiB |");
        ck_assert_contains(c.out, "| 10MiB back\n");
        ck_assert_contains(c.out, "\nhuge: hugepage\n");
        ck_assert_lacks(c.out, "nothing had to wait for it");
        ck_assert_contains(c.out, "This is an estimate. The recording shows memory that was left alone");
        no_line_wider(c.out, 80);
        ck_assert_int_eq(narrow.status, 0);
        ck_assert_contains(narrow.out, "+0s");
        ck_assert_lacks(narrow.out, "+2s ");
}
END_TEST

/* Both pipes are full at times, in both directions; nobody waits for ever. */
START_TEST(no_deadlock) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_(recording_closep) Recording *recording = NULL;
        ScriptedRegion *many = calloc(3000, sizeof(*many));
        char *path;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        for (size_t i = 0; i < 3000; i++)
                many[i] = (ScriptedRegion) { i * MIB + MIB, i * MIB + 2 * MIB, i % 21, 20, 0, i * SEC, "" };
        ck_assert_int_eq(recording_create(path, false, &recording), 0);
        for (uint64_t n = 1; n <= 20; n++) {
                _cleanup_(frame_freep) Frame *frame = scripted_frame(n, many, 3000);

                ck_assert_int_eq(recording_append(recording, frame), 0);
        }
        recording = recording_close(recording);
        free(many);
        _cleanup_(captured_deinit) Captured c = SIMULATE("talkative", path);

        ck_assert_str_eq(c.err, "");
        ck_assert_int_eq(c.status, 0);
        ck_assert_contains(c.out, ": 20 snapshots, 40s");
}
END_TEST

START_TEST(failures) {
        static const struct {
                const char *scenario;
                const char *expected;
        } cases[] = {
                { "invalid", "cold.yaml:3:7: unknown key 'sizw' (did you mean 'size'?)\n" },
                { "refuses", "udamond --simulate failed with status 2" },
                { "garbage", "udamond's answer is malformed: " },
                { "endless", "udamond's answer is malformed: a line without an end" },
                { "dies", "udamond was killed by signal 9 in the middle of the simulation" },
                { "leaves", "udamond's answer is malformed: it breaks off" },
                { "fails", "udamond --simulate failed with status 1" },
                { "breaks-off", "udamond's answer is malformed: it breaks off" },
                { "renamed", "malformed: the schemes change" },
                { "fewer", "malformed: the number of schemes changes" },
                { "negative", "malformed: scheme 'huge': would_bytes is no number" },
                { "unasked", "malformed: an answer to what was not asked" },
                { "endless-end", "malformed: the end lacks schemes" },
                { "more", "malformed: more after the end" },
        };
        _cleanup_(scratch_deinit) Scratch scratch;
        char *path;

        scratch_init(&scratch);
        path = record(&scratch, "a.db", 200, 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(captured_deinit) Captured c = SIMULATE(cases[i].scenario, path);

                ck_assert_contains(c.err, cases[i].expected);
                ck_assert_ptr_eq(strchr(c.err, '\n'), c.err + strlen(c.err) - 1);
                ck_assert_int_eq(c.status, CTL_REFUSED);
                ck_assert_str_eq(c.out, "");
                /* nothing is left behind */
                ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
        }
}
END_TEST

START_TEST(no_recording) {
        _cleanup_(scratch_deinit) Scratch scratch;
        char *empty, *saved = strdup(getenv("UDAMOND"));

        scratch_init(&scratch);
        empty = record(&scratch, "a.db", 0, 0);
        _cleanup_(captured_deinit) Captured none = SIMULATE("good", empty);
        _cleanup_(captured_deinit) Captured absent = SIMULATE("good", W("/no/such.db"));
        _cleanup_(captured_deinit) Captured other = SIMULATE("good", W("/etc/passwd"));

        (void) setenv("UDAMOND", "/no/such/udamond", 1);
        empty = record(&scratch, "b.db", 1, 0);
        _cleanup_(captured_deinit) Captured daemon = SIMULATE("good", empty);

        (void) setenv("UDAMOND", saved, 1);
        free(saved);
        ck_assert_int_eq(none.status, CTL_GONE);
        ck_assert_contains(none.err, "holds no snapshot");
        ck_assert_int_eq(absent.status, CTL_GONE);
        ck_assert_int_eq(other.status, CTL_REFUSED);
        ck_assert_int_eq(daemon.status, CTL_NO_DAEMON);
        ck_assert_contains(daemon.err, "$UDAMOND is '/no/such/udamond', which is no program");
}
END_TEST

/* Without any of the standard descriptors the pipes take their numbers. */
START_TEST(bare_descriptors) {
        _cleanup_(scratch_deinit) Scratch scratch;
        int status;
        char *path;
        pid_t pid;

        scratch_init(&scratch);
        path = record(&scratch, "a.db", 5, 0);
        (void) setenv("FAKE_SCENARIO", "good", 1);
        (void) fflush(NULL);
        pid = fork();
        if (pid == 0) {
                char *argv[] = { W("udamonctl"), W("simulate"), W("--scheme"), W("a"), W("-i"), path, NULL };

                (void) dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
                (void) close(STDIN_FILENO);
                (void) close(STDOUT_FILENO);
                _exit(ctl_main(6, argv));
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        /* the summary cannot be written, or goes where nobody reads; but it ends, and in order */
        ck_assert(WIFEXITED(status));
        ck_assert_int_le(WEXITSTATUS(status), CTL_REFUSED);
}
END_TEST

/* Recordings come from anywhere. */
START_TEST(frames_out) {
        _cleanup_(frame_freep) Frame *frame = scripted_frame(3, regions, ELEMENTSOF(regions)), *back = NULL;
        _cleanup_free_ char *wrong = NULL;
        bool complete = false;
        json_t *json;

        json = frame_to_json(frame);
        ck_assert_msg(fields_check(snapshot_fields(), json, &wrong) == 0, "%s", wrong);
        ck_assert_int_eq(frame_add_part(&back, json, &complete, NULL), 0);
        ck_assert(complete);
        ck_assert_mem_eq(&frame->point, &back->point, sizeof(frame->point));
        ck_assert_uint_eq(back->n_regions, frame->n_regions);
        for (size_t i = 0; i < back->n_regions; i++) {
                ck_assert_uint_eq(back->regions[i].start, frame->regions[i].start);
                ck_assert_uint_eq(back->regions[i].age_ns, frame->regions[i].age_ns);
                ck_assert_double_eq(back->regions[i].rate, frame->regions[i].rate);
        }
        json_decref(json);

        free(frame->monitor);
        frame->monitor = strdup("\xff\xfe");
        frame->targets[0].resident_bytes = FRAME_UNKNOWN;
        json = frame_to_json(frame);
        ck_assert_str_eq(json_text(json, "monitor"), "?");
        ck_assert_ptr_null(json_object_get(json_array_get(json_object_get(json, "targets"), 0), "resident_bytes"));
        json_decref(json);
}
END_TEST

int main(int argc, char **argv) {
        TCase *tcase;

        if (argc > 2 && streq(argv[1], "--simulate"))
                return simulator(getenv("FAKE_SCENARIO"), argv[2]);

        (void) setenv("TZ", "UTC", 1);
        use_as_daemon();
        tcase = tcase_create("simulate");
        tcase_add_test(tcase, numbers);
        tcase_add_test(tcase, picture);
        tcase_add_test(tcase, no_deadlock);
        tcase_add_test(tcase, failures);
        tcase_add_test(tcase, no_recording);
        tcase_add_test(tcase, bare_descriptors);
        tcase_add_test(tcase, frames_out);
        return run_case("ctl-simulate", tcase);
}
