/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the views print, against files that were checked by hand (tests/data/ctl). With
 * UPDATE_GOLDEN set they are written anew: read the difference before it is kept. */
#include <time.h>

#include "test-ctl.h"
#include "view.h"
#include "wire/idl.h"

static json_t *load_json(const char *name) {
        json_error_t error;
        json_t *json = json_load_file(test_data(name), JSON_REJECT_DUPLICATES, &error);

        ck_assert_msg(json != NULL, "%s: %s", name, error.text);
        return json;
}

static Frame *load_frame(void) {
        json_t *json = load_json("snapshot.json");
        Frame *frame = NULL;
        bool complete = false;

        ck_assert_int_eq(frame_add_part(&frame, json, &complete, NULL), 0);
        ck_assert(complete);
        json_decref(json);
        return frame;
}

static FramePoint *load_points(size_t *ret_n) {
        json_t *json = load_json("history.json"), *points = json_object_get(json, "points"), *item;
        FramePoint *all = calloc(json_array_size(points), sizeof(*all));
        size_t i;

        json_array_foreach(points, i, item)
                ck_assert_int_eq(frame_point_from_json(item, &all[i], NULL), 0);
        *ret_n = json_array_size(points);
        json_decref(json);
        return all;
}

typedef struct Page {
        Screen screen;
        char *text;
        size_t size;
} Page;

static void page_init(Page *page, size_t width) {
        page->text = NULL;
        page->screen = (Screen) { .width = width };
        page->screen.out = open_memstream(&page->text, &page->size);
        ck_assert_ptr_nonnull(page->screen.out);
}

/* Compares with the file. */
static void page_check(Page *page, const char *name) {
        _cleanup_free_ char *expected = NULL;
        int fd;

        ck_assert_int_eq(fclose(page->screen.out), 0);
        if (getenv("UPDATE_GOLDEN")) {
                fd = open(test_data(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
                ck_assert_int_eq(write(fd, page->text, page->size), (ssize_t) page->size);
                (void) close(fd);
        }
        fd = open(test_data(name), O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        expected = read_fd(fd);
        (void) close(fd);
        ck_assert_str_eq(page->text, expected);
        free(page->text);
}

static const Arguments everything = { .rate = { 0, 1 }, .age = { 0, NSEC_INFINITY } };

START_TEST(regions) {
        _cleanup_(frame_freep) Frame *frame = load_frame();
        Page page;

        page_init(&page, 80);
        ck_assert_int_eq(view_regions(&page.screen, &everything, frame), 0);
        page_check(&page, "regions.txt");
}
END_TEST

START_TEST(regions_wide) {
        _cleanup_(frame_freep) Frame *frame = load_frame();
        Arguments args = everything;
        Page page;

        args.sort = SORT_HEAT;
        args.has_top = true;
        args.top = 4;
        args.min_size = 64 * 1024;
        page_init(&page, 120);
        ck_assert_int_eq(view_regions(&page.screen, &args, frame), 0);
        page_check(&page, "regions-wide.txt");
}
END_TEST

START_TEST(idle) {
        _cleanup_(frame_freep) Frame *frame = load_frame();
        Page page;

        page_init(&page, 80);
        ck_assert_int_eq(view_idle(&page.screen, frame), 0);
        page_check(&page, "idle.txt");
}
END_TEST

START_TEST(heatmap) {
        _cleanup_(frame_freep) Frame *frame = load_frame();
        Page page;

        page_init(&page, 80);
        ck_assert_int_eq(view_heatmap_frame(&page.screen, &everything, frame), 0);
        page_check(&page, "heatmap.txt");
}
END_TEST

START_TEST(heatmap_recorded) {
        static const uint64_t hits[] = { 0, 5, 20, 20, 1 };
        _cleanup_(recording_closep) Recording *recording = NULL;
        Page page;

        ck_assert_int_eq(recording_create(NULL, false, &recording), 0);
        for (size_t i = 0; i < ELEMENTSOF(hits); i++) {
                const ScriptedRegion r[] = {
                        {0x10000000, 0x10000000 + 10 * MIB, hits[i], 20, 0, 0, "[heap]"},
                        {0x10000000 + 10 * MIB, 0x10000000 + 20 * MIB, 20 - hits[i], 20, 0, 0,
                         "[heap]"},
                        {0x7fff00000000, 0x7fff00000000 + MIB, 0, i == 3 ? 0 : 20, 0, 0, "[stack]"},
                };
                _cleanup_(frame_freep) Frame *frame =
                        scripted_frame(i < 3 ? i + 1 : i + 2, r, i == 0 ? 2 : 3);

                ck_assert_int_eq(recording_append(recording, frame), 0);
        }
        page_init(&page, 60);
        ck_assert_int_eq(view_heatmap_recording(&page.screen, &everything, recording), 0);
        page_check(&page, "heatmap-recorded.txt");
}
END_TEST

START_TEST(wss) {
        _cleanup_free_ FramePoint *points = NULL;
        Arguments args = everything;
        size_t n = 0;
        Page page;

        points = load_points(&n);
        page_init(&page, 80);
        ck_assert_int_eq(view_wss(&page.screen, &args, points, n), 0);
        (void) fputc('\n', page.screen.out);
        args.by_time = true;
        ck_assert_int_eq(view_wss(&page.screen, &args, points, n), 0);
        page_check(&page, "wss.txt");
}
END_TEST

START_TEST(status) {
        json_t *json = load_json("status.json");
        Page page;

        page_init(&page, 80);
        ck_assert_int_eq(view_status(&page.screen, json), 0);
        page_check(&page, "status.txt");
        json_decref(json);
}
END_TEST

/* What has ended holds nothing, and its unknown size does not hide that of the others. */
START_TEST(resident) {
        static const struct {
                const char *targets;
                uint64_t expected;
        } cases[] = {
                { "[]", FRAME_UNKNOWN },
                { "[{\"state\":\"running\",\"resident_bytes\":4096}]", 4096 },
                { "[{\"state\":\"running\",\"resident_bytes\":4096},{\"state\":\"ended\",\"resident_bytes\":9}]", 4096 },
                { "[{\"state\":\"running\",\"resident_bytes\":4096},{\"state\":\"ended\"}]", 4096 },
                { "[{\"state\":\"running\",\"resident_bytes\":4096},{\"state\":\"running\"}]", FRAME_UNKNOWN },
                { "[{\"state\":\"ended\",\"resident_bytes\":4096}]", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                json_t *targets = json_loads(cases[i].targets, 0, NULL);
                json_t *monitor = json_pack("{s:{s:o}}", "runtime", "targets", targets);

                ck_assert_uint_eq(monitor_resident(monitor), cases[i].expected);
                json_decref(monitor);
        }
}
END_TEST

START_TEST(check) {
        json_t *json = load_json("capabilities.json");
        Page page;

        page_init(&page, 80);
        ck_assert_int_eq(view_check(&page.screen, json, true), 0);
        page_check(&page, "check.txt");
        json_decref(json);
}
END_TEST

/* Colours repeat the digits and are taken back at the end of every line. */
START_TEST(colors) {
        _cleanup_(frame_freep) Frame *frame = load_frame();
        Page page;

        page_init(&page, 80);
        page.screen.color = true;
        ck_assert_int_eq(view_heat_strip(&page.screen, frame, true), 0);
        ck_assert_int_eq(fclose(page.screen.out), 0);
        ck_assert_contains(page.text, "\033[48;5;220m\033[38;5;16m9");
        ck_assert_contains(page.text, "\033[0m\n");
        free(page.text);
}
END_TEST

START_TEST(rates) {
        static const struct {
                FrameRegion region;
                const char *expected;
        } cases[] = {
                { { .hits = 0, .samples = 0 }, "?" },
                { { .hits = 0, .samples = 20 }, "0%" },
                { { .hits = 1, .samples = 20 }, "5%" },
                { { .hits = 1, .samples = 3 }, "~33%" },
                { { .hits = 1, .samples = 500 }, "<1%" },
                { { .hits = 499, .samples = 500 }, ">99%" },
                { { .hits = 20, .samples = 20 }, "100%" },
                { { .hits = 1, .samples = 100000 }, "<0.1%" },
                { { .hits = 123, .samples = 1000 }, "12.3%" },
        };
        char buf[FORMAT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                ck_assert_str_eq(format_rate(buf, &cases[i].region), cases[i].expected);
}
END_TEST

START_TEST(names) {
        char *a = display_name("/usr/lib/libexample.so", 14), *b = display_name("short", 14),
             *c = display_name("e\033[1m", 14);

        ck_assert_str_eq(a, "...b" "example.so");
        ck_assert_str_eq(b, "short");
        ck_assert_str_eq(c, "e?[1m");
        free(a);
        free(b);
        free(c);
}
END_TEST

/* 76.19 MiB are checked; of those idle: 32 MiB for 45 s, 8 MiB for 400 s, and the region
 * whose rate is 0.05 % is not. */
START_TEST(idle_numbers) {
        _cleanup_(frame_freep) Frame *frame = load_frame();
        json_t *json = view_idle_json(frame), *item;
        size_t i;

        json_array_foreach(json_object_get(json, "idle_at_least"), i, item) {
                json_int_t t = json_integer_value(json_object_get(item, "idle_ns"));
                json_int_t bytes = json_integer_value(json_object_get(item, "bytes"));

                if (t == 30 * (json_int_t) SEC)
                        ck_assert_int_eq(bytes, 40 * (json_int_t) MIB);
                if (t == 60 * (json_int_t) SEC)
                        ck_assert_int_eq(bytes, 8 * (json_int_t) MIB);
                if (t == 900 * (json_int_t) SEC)
                        ck_assert_int_eq(bytes, 0);
        }
        ck_assert_int_eq(json_integer_value(json_object_get(json, "unchecked_bytes")), MIB);
        json_decref(json);
}
END_TEST

/* Windows of 2, 2, 2, 4 and 2 s: half of the time is reached within the third. */
START_TEST(wss_numbers) {
        _cleanup_free_ FramePoint *points = NULL;
        size_t n = 0, i;
        json_t *json, *item;

        points = load_points(&n);
        json = view_wss_json(&everything, points, n);
        /* (2 × 10 + 2 × 20 + 2 × 30 + 4 × 40 + 2 × 50) / 12 */
        ck_assert_int_eq(json_integer_value(json_object_get(json, "mean_bytes")), 33204906);
        ck_assert_int_eq(json_integer_value(json_object_get(json, "error_bytes")), MIB);
        json_array_foreach(json_object_get(json, "percentiles"), i,
                           item) if (json_real_value(json_object_get(item, "percent")) == 50)
                ck_assert_int_eq(json_integer_value(json_object_get(item, "working_set_bytes")),
                                 30 * (json_int_t) MIB);
        json_decref(json);
}
END_TEST

/* The data itself must be what the interface promises. */
static json_t *load_reply(const char *name, const char *method) {
        static Idl *idl;
        _cleanup_free_ char *text = NULL, *wrong = NULL;
        json_t *json = load_json(name);
        char path[512];
        int fd;

        if (!idl) {
                (void) snprintf(path, sizeof(path), "%s/daemon/io.udamon.monitor.varlink",
                                getenv("SOURCE_ROOT") ? getenv("SOURCE_ROOT") : ".");
                fd = open(path, O_RDONLY | O_CLOEXEC);
                ck_assert_int_ge(fd, 0);
                text = read_fd(fd);
                (void) close(fd);
                ck_assert_int_eq(idl_parse(text, &idl, NULL), 0);
        }
        ck_assert_msg(fields_check(idl_find(idl, IDL_METHOD, method)->reply, json, &wrong) == 0, "%s: %s", name,
                      wrong);
        return json;
}

static void widest_line(const char *text, size_t most) {
        while (*text) {
                size_t length = strcspn(text, "\n");

                ck_assert_msg(length <= most, "%zu columns: %.*s", length, (int) length, text);
                text += length + (text[length] == '\n');
        }
}

START_TEST(schemes) {
        json_t *reply = load_reply("schemes.json", "GetSchemes");
        Page page;

        page_init(&page, 80);
        ck_assert_int_eq(view_schemes(&page.screen, reply), 0);
        (void) fputc('\n', page.screen.out);
        ck_assert_int_eq(view_schemes_brief(&page.screen, json_object_get(reply, "schemes")), 0);
        (void) fflush(page.screen.out);
        widest_line(page.text, 80);
        page_check(&page, "schemes.txt");
        json_decref(reply);
}
END_TEST

START_TEST(scheme_log) {
        json_t *reply = load_reply("scheme-log.json", "GetSchemeLog");
        Page page;

        page_init(&page, 80);
        ck_assert_int_eq(view_scheme_log(&page.screen, reply), 0);
        (void) fflush(page.screen.out);
        widest_line(page.text, 80);
        page_check(&page, "scheme-log.txt");
        json_decref(reply);
}
END_TEST

/* Nothing that the daemon leaves out, or says wrongly, may bring the views down. */
START_TEST(schemes_mutilated) {
        json_t *reply = load_json("schemes.json"), *runtime, *context, *value;
        json_t *copy;
        const char *key;
        Page page;

        runtime = json_object_get(json_array_get(json_object_get(reply, "schemes"), 0), "runtime");
        context = json_object_get(json_array_get(json_object_get(reply, "schemes"), 0), "context");
        page_init(&page, 80);
        json_object_foreach(runtime, key, value) {
                static const char *const wrong[] = { "null", "-1", "\"\\u001b[2J\"", "[]", "[7, null, {}]", "{}", "1e300" };

                for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                        copy = json_deep_copy(reply);
                        (void) json_object_set_new(json_object_get(json_array_get(json_object_get(copy, "schemes"), 0),
                                                                   "runtime"),
                                                   key, json_loads(wrong[i], JSON_DECODE_ANY, NULL));
                        ck_assert_int_eq(view_schemes(&page.screen, copy), 0);
                        ck_assert_int_eq(view_schemes_brief(&page.screen, json_object_get(copy, "schemes")), 0);
                        json_decref(copy);
                }
        }
        (void) json_object_clear(runtime);
        (void) json_object_clear(context);
        ck_assert_int_eq(view_schemes(&page.screen, reply), 0);
        ck_assert_int_eq(fclose(page.screen.out), 0);
        ck_assert_ptr_null(strchr(page.text, '\033'));
        free(page.text);
        json_decref(reply);
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("views");

        (void) setenv("TZ", "UTC", 1);
        tzset();
        tcase_add_test(tcase, regions);
        tcase_add_test(tcase, regions_wide);
        tcase_add_test(tcase, idle);
        tcase_add_test(tcase, heatmap);
        tcase_add_test(tcase, heatmap_recorded);
        tcase_add_test(tcase, wss);
        tcase_add_test(tcase, resident);
        tcase_add_test(tcase, status);
        tcase_add_test(tcase, check);
        tcase_add_test(tcase, colors);
        tcase_add_test(tcase, rates);
        tcase_add_test(tcase, names);
        tcase_add_test(tcase, idle_numbers);
        tcase_add_test(tcase, wss_numbers);
        tcase_add_test(tcase, schemes);
        tcase_add_test(tcase, scheme_log);
        tcase_add_test(tcase, schemes_mutilated);
        return run_case("ctl-views", tcase);
}
