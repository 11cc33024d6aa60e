/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoding of frames, and the numbers derived from a region. */
#include <errno.h>
#include <jansson.h>

#include "test-ctl.h"

static json_t *region_json(int64_t start, int64_t end, int64_t hits, int64_t samples) {
        return json_pack("{s:i, s:I, s:I, s:I, s:I, s:i, s:f, s:i, s:s}", "target", 7, "start",
                         (json_int_t) start, "end", (json_int_t) end, "hits", (json_int_t) hits,
                         "samples", (json_int_t) samples, "untrackable", 0, "rate", 0.5, "age_ns",
                         2000000000, "mapping", "[heap]");
}

/* One part of a snapshot with the regions given (stolen). */
static json_t *part_json(int sequence, int part, int parts, json_t *regions) {
        return json_pack(
                "{s:s, s:i, s:i, s:i, s:I, s:i, s:i, s:i, s:s, s:s, s:b, s:{s:i, s:i, s:i, s:i, "
                "s:i}, "
                "s:[{s:i, s:i, s:s, s:s, s:i, s:i, s:i}], s:o}",
                "monitor", "web", "sequence", sequence, "part", part, "parts", parts, "time_ns",
                (json_int_t) 1767225600000000000, "window_ns", 2000000000, "sample_ns", 100000000,
                "aggregate_ns", 2000000000, "source", "idle", "granularity", "page", "reads_seen",
                1, "working_set", "bytes", 100, "error", 10, "touched", 200, "untrackable", 0,
                "total", 300, "targets", "id", 7, "pid", 1234, "command", "web", "state", "running",
                "address_space", 2, "resident_bytes", 4096, "regions", 1, "regions", regions);
}

START_TEST(one_part) {
        json_t *json = part_json(5, 0, 1,
                                 json_pack("[o, o]", region_json(0x1000, 0x3000, 1, 20),
                                           region_json(0x3000, 0x4000, 0, 20)));
        _cleanup_(frame_freep) Frame *frame = NULL;
        char *error = NULL;
        bool complete = false;

        ck_assert_int_eq(frame_add_part(&frame, json, &complete, &error), 0);
        ck_assert(complete);
        ck_assert_uint_eq(frame->point.sequence, 5);
        ck_assert_uint_eq(frame->n_regions, 2);
        ck_assert_uint_eq(frame->n_mappings, 1);
        ck_assert_uint_eq(frame->regions[0].end, 0x3000);
        ck_assert_uint_eq(frame->targets[0].resident_bytes, 4096);
        ck_assert_uint_eq(frame->point.resident_bytes, 4096);
        ck_assert_str_eq(frame->mappings[frame->regions[1].mapping], "[heap]");
        json_decref(json);
}
END_TEST

START_TEST(several_parts) {
        _cleanup_(frame_freep) Frame *frame = NULL;
        bool complete = false;

        for (int part = 0; part < 3; part++) {
                json_t *json = part_json(5, part, 3,
                                         json_pack("[o]", region_json(0x1000 * (part + 1),
                                                                      0x1000 * (part + 2), 1, 20)));

                ck_assert_int_eq(frame_add_part(&frame, json, &complete, NULL), 0);
                ck_assert_int_eq(complete, part == 2);
                json_decref(json);
        }
        ck_assert_uint_eq(frame->n_regions, 3);
        ck_assert_uint_eq(frame->n_targets, 1);
}
END_TEST

START_TEST(broken_off) {
        _cleanup_(frame_freep) Frame *frame = NULL;
        _cleanup_free_ char *error = NULL;
        json_t *one = part_json(5, 0, 2, json_array()), *two = part_json(6, 0, 2, json_array());
        bool complete = false;

        ck_assert_int_eq(frame_add_part(&frame, one, &complete, NULL), 0);
        ck_assert_int_eq(frame_add_part(&frame, two, &complete, &error), -EBADMSG);
        ck_assert_contains(error, "snapshot 5 broke off in the middle");
        ck_assert_ptr_null(frame);
        json_decref(one);
        json_decref(two);
}
END_TEST

/* Nullable fields may be absent, null or new. */
START_TEST(tolerated) {
        _cleanup_(frame_freep) Frame *frame = NULL;
        json_t *json = part_json(5, 0, 1, json_array());
        json_t *target = json_array_get(json_object_get(json, "targets"), 0);
        bool complete = false;

        (void) json_object_set_new(target, "resident_bytes", json_null());
        (void) json_object_set_new(json, "new_field", json_integer(1));
        ck_assert_int_eq(frame_add_part(&frame, json, &complete, NULL), 0);
        ck_assert_uint_eq(frame->targets[0].resident_bytes, FRAME_UNKNOWN);
        ck_assert_uint_eq(frame->point.resident_bytes, FRAME_UNKNOWN);
        json_decref(json);
}
END_TEST

/* The reason for which a part with this region, or with `key` replaced, is refused. */
static char *refusal(json_t *region, const char *key, json_t *value) {
        _cleanup_(frame_freep) Frame *frame = NULL;
        json_t *json = part_json(5, 0, 1, region ? json_pack("[o]", region) : json_array());
        char *error = NULL;
        bool complete = false;

        if (key && value)
                (void) json_object_set_new(json, key, value);
        else if (key)
                (void) json_object_del(json, key);
        ck_assert_int_eq(frame_add_part(&frame, json, &complete, &error), -EBADMSG);
        ck_assert_ptr_null(frame);
        json_decref(json);
        return error;
}

#define REFUSED(part, region, key, value)                                                          \
        do {                                                                                       \
                _cleanup_free_ char *_e = refusal(region, key, value);                             \
                ck_assert_contains(_e, "the daemon's reply is malformed");                         \
                ck_assert_contains(_e, part);                                                      \
        } while (0)

START_TEST(malformed) {
        json_t *region;

        REFUSED("sequence", NULL, "sequence", NULL);
        REFUSED("parts", NULL, "parts", json_integer(0));
        REFUSED("parts", NULL, "parts", json_integer(1000000000));
        REFUSED("regions is not an array", NULL, "regions", json_string("x"));
        REFUSED("working_set", NULL, "working_set", json_object());
        REFUSED("window_ns is negative", NULL, "window_ns", json_integer(-1));
        REFUSED("snapshot", NULL, "source", json_integer(1));
        REFUSED("targets", NULL, "targets", json_pack("[{s:i}]", "id", 7));
        REFUSED("more hits than samples", region_json(0x1000, 0x2000, 21, 20), NULL, NULL);
        REFUSED("empty", region_json(0x1000, 0x1000, 1, 20), NULL, NULL);
        REFUSED("empty", region_json(0x2000, 0x1000, 1, 20), NULL, NULL);
        REFUSED("start is negative", region_json(-1, 0x1000, 1, 20), NULL, NULL);

        region = region_json(0x1000, 0x2000, 1, 20);
        (void) json_object_set_new(region, "target", json_integer(8));
        REFUSED("target 8 is not among the targets", region, NULL, NULL);
        region = region_json(0x1000, 0x2000, 1, 20);
        (void) json_object_set_new(region, "rate", json_real(1.5));
        REFUSED("rate", region, NULL, NULL);
        region = region_json(0x1000, 0x2000, 1, 20);
        (void) json_object_del(region, "mapping");
        REFUSED("mapping", region, NULL, NULL);
        REFUSED("overlapping", NULL, "regions",
                json_pack("[o, o]", region_json(0x1000, 0x3000, 1, 20),
                          region_json(0x2000, 0x4000, 1, 20)));
}
END_TEST

START_TEST(not_an_object) {
        _cleanup_(frame_freep) Frame *frame = NULL;
        _cleanup_free_ char *error = NULL;
        bool complete = false;

        ck_assert_int_eq(frame_add_part(&frame, NULL, &complete, &error), -EBADMSG);
        ck_assert_ptr_nonnull(error);
}
END_TEST

START_TEST(points) {
        json_t *json = json_pack(
                "{s:i, s:I, s:I, s:{s:i, s:i, s:i, s:i, s:i}, s:i, s:i}", "sequence", 3, "time_ns",
                (json_int_t) 5, "window_ns", (json_int_t) 6, "working_set", "bytes", 1, "error", 2,
                "touched", 3, "untrackable", 4, "total", 5, "resident_bytes", 7, "regions", 8);
        _cleanup_free_ char *error = NULL;
        FramePoint point;

        ck_assert_int_eq(frame_point_from_json(json, &point, NULL), 0);
        ck_assert_uint_eq(point.working_set.touched, 3);
        ck_assert_uint_eq(point.resident_bytes, 7);
        (void) json_object_del(json, "regions");
        ck_assert_int_eq(frame_point_from_json(json, &point, &error), -EBADMSG);
        ck_assert_contains(error, "regions");
        json_decref(json);
}
END_TEST

/* Beta(h + 1, n - h + 1): variance of the uniform prior is 1/12; 0 of 20: (1/22)(21/22)/23. */
START_TEST(errors) {
        ck_assert_double_eq_tol(frame_region_error(&(FrameRegion) {}), 0.288675, 1e-6);
        ck_assert_double_eq_tol(frame_region_error(&(FrameRegion){.samples = 20}), 0.043433, 1e-6);
        ck_assert_double_eq_tol(frame_region_error(&(FrameRegion){.samples = 20, .hits = 20}),
                                0.043433, 1e-6);
        ck_assert_double_eq_tol(frame_region_error(&(FrameRegion){.samples = 20, .hits = 10}),
                                0.104257, 1e-6);
}
END_TEST

START_TEST(idle) {
        FrameRegion region = { .samples = 20, .age_ns = 60 * SEC };

        ck_assert_uint_eq(frame_region_idle(&region, 2 * SEC), 60 * SEC);
        region.rate = 0.0001;
        ck_assert_uint_eq(frame_region_idle(&region, 2 * SEC), 60 * SEC);
        region.rate = 0.02; /* its average remembers an access not long ago */
        ck_assert_uint_eq(frame_region_idle(&region, 2 * SEC), 2 * SEC);
        region.hits = 1;
        ck_assert_uint_eq(frame_region_idle(&region, 2 * SEC), 0);
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("frame");

        tcase_add_test(tcase, one_part);
        tcase_add_test(tcase, several_parts);
        tcase_add_test(tcase, broken_off);
        tcase_add_test(tcase, tolerated);
        tcase_add_test(tcase, malformed);
        tcase_add_test(tcase, not_an_object);
        tcase_add_test(tcase, points);
        tcase_add_test(tcase, errors);
        tcase_add_test(tcase, idle);
        return run_case("ctl-frame", tcase);
}
