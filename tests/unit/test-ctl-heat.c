/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arithmetic of heat maps: levels, areas, columns, weighted means. */
#include "heat.h"
#include "picture.h"
#include "screen.h"
#include "test-ctl.h"

START_TEST(levels) {
        ck_assert_uint_eq(heat_level(0), 0);
        ck_assert_uint_eq(heat_level(1e-6), 1); /* never none for what was accessed */
        ck_assert_uint_eq(heat_level(1.0 / 9), 1);
        ck_assert_uint_eq(heat_level(0.12), 2);
        ck_assert_uint_eq(heat_level(0.5), 5);
        ck_assert_uint_eq(heat_level(8.0 / 9), 8);
        ck_assert_uint_eq(heat_level(0.9), 9);
        ck_assert_uint_eq(heat_level(1), 9);
        ck_assert_uint_eq(heat_level(1 + 1e-12), 9);
}
END_TEST

START_TEST(bars) {
        char bar[BAR_MAX + 1];

        ck_assert_str_eq(format_bar(bar, 0, 4), "    ");
        ck_assert_str_eq(format_bar(bar, 0.001, 4), "#   ");
        ck_assert_str_eq(format_bar(bar, 0.5, 4), "##  ");
        ck_assert_str_eq(format_bar(bar, 0.999, 4), "### ");
        ck_assert_str_eq(format_bar(bar, 1, 4), "####");
        ck_assert_uint_eq(strlen(format_bar(bar, 2, 1000)), BAR_MAX);
}
END_TEST

static HeatLayout *layout_of(const Frame *frame, size_t columns) {
        HeatLayout *layout = NULL;

        ck_assert_int_eq(heat_layout_new(&layout), 0);
        ck_assert_int_eq(heat_layout_add(layout, frame), 0);
        ck_assert_int_eq(heat_layout_finish(layout, columns), 0);
        return layout;
}

/* 3 MiB at 100 % and 1 MiB at 0 % in one column make 75 %: weighted by bytes, not by regions. */
START_TEST(weighted_mean) {
        const ScriptedRegion regions[] = {
                { 0, 3 * MIB, 20, 20, 0, 0, "a" },
                { 3 * MIB, 4 * MIB, 0, 20, 0, 0, "a" },
        };
        _cleanup_(frame_freep) Frame *frame = scripted_frame(1, regions, 2);
        _cleanup_(heat_layout_freep) HeatLayout *layout = layout_of(frame, 1);
        _cleanup_(heat_row_deinit) HeatRow row = {};

        ck_assert_int_eq(heat_row_init(&row, layout->columns), 0);
        heat_row_add(&row, layout, frame, 0);
        ck_assert_uint_eq(layout->columns, 1);
        ck_assert_double_eq_tol(heat_row_cell(&row, 0), 0.75, 1e-12);
}
END_TEST

/* A region that ends in the middle of a cell: 4 columns of 1 MiB, the first 1.5 MiB hot. */
START_TEST(partial_cells) {
        const ScriptedRegion regions[] = {
                { 0, 3 * MIB / 2, 20, 20, 0, 0, "a" },
                { 3 * MIB / 2, 4 * MIB, 0, 20, 0, 0, "a" },
        };
        _cleanup_(frame_freep) Frame *frame = scripted_frame(1, regions, 2);
        _cleanup_(heat_layout_freep) HeatLayout *layout = layout_of(frame, 4);
        _cleanup_(heat_row_deinit) HeatRow row = {};
        const double expected[] = { 1, 0.5, 0, 0 };

        ck_assert_int_eq(heat_row_init(&row, layout->columns), 0);
        heat_row_add(&row, layout, frame, 0);
        for (size_t i = 0; i < 4; i++)
                ck_assert_double_eq_tol(heat_row_cell(&row, i), expected[i], 1e-12);
}
END_TEST

/* A window twice as long counts twice: 100 % for 2 s and 0 % for 4 s make a third. */
START_TEST(weighted_by_time) {
        const ScriptedRegion hot = {0, MIB, 20, 20, 0, 0, "a"}, cold = {0, MIB, 0, 20, 0, 0, "a"};
        _cleanup_(frame_freep) Frame *one = scripted_frame(1, &hot, 1),
                                     *two = scripted_frame(2, &cold, 1);
        _cleanup_(heat_layout_freep) HeatLayout *layout = layout_of(one, 1);
        _cleanup_(heat_row_deinit) HeatRow row = {};

        two->point.window_ns = 4 * SEC;
        ck_assert_int_eq(heat_row_init(&row, layout->columns), 0);
        heat_row_add(&row, layout, one, 0);
        heat_row_add(&row, layout, two, 0);
        ck_assert_double_eq_tol(heat_row_cell(&row, 0), 1.0 / 3, 1e-12);
}
END_TEST

/* What could not be checked is neither hot nor cold, and does not thin out what could. */
START_TEST(blind_cells) {
        const ScriptedRegion regions[] = {
                { 0, MIB, 20, 20, 0, 0, "a" },
                { MIB, 2 * MIB, 0, 0, 20, 0, "a" },
                { 2 * MIB, 4 * MIB, 0, 0, 20, 0, "a" },
        };
        _cleanup_(frame_freep) Frame *frame = scripted_frame(1, regions, 3);
        _cleanup_(heat_layout_freep) HeatLayout *layout = layout_of(frame, 2);
        _cleanup_(heat_row_deinit) HeatRow row = {};

        ck_assert_int_eq(heat_row_init(&row, layout->columns), 0);
        ck_assert_double_eq(heat_row_cell(&row, 0), HEAT_NO_DATA);
        heat_row_add(&row, layout, frame, 0);
        ck_assert_double_eq(heat_row_cell(&row, 0), 1);
        ck_assert_double_eq(heat_row_cell(&row, 1), HEAT_BLIND);
}
END_TEST

/* Gaps are left out, large ones become boundaries, and every area has its column. */
START_TEST(areas) {
        const ScriptedRegion regions[] = {
                { 0x1000, 0x2000, 20, 20, 0, 0, "prog" },
                { 0x40000000, 0x40000000 + 30 * MIB, 0, 20, 0, 0, "[heap]" },
                { 0x40000000 + 30 * MIB + 4096, 0x40000000 + 60 * MIB, 0, 20, 0, 0, "[heap]" },
                { 0x7fff00000000, 0x7fff00000000 + MIB, 20, 20, 0, 0, "[stack]" },
        };
        _cleanup_(frame_freep) Frame *frame = scripted_frame(1, regions, 4);
        _cleanup_(heat_layout_freep) HeatLayout *layout = layout_of(frame, 40);
        size_t columns = 0;

        ck_assert_uint_eq(layout->n_areas, 3);
        ck_assert_uint_eq(layout->columns, 40);
        for (size_t i = 0; i < 3; i++) {
                ck_assert_uint_ge(layout->areas[i].columns, 1);
                ck_assert_uint_eq(layout->areas[i].column, columns);
                columns += layout->areas[i].columns + 1;
        }
        ck_assert_uint_eq(layout->areas[0].columns, 1);
        ck_assert_str_eq(layout->areas[0].label, "prog");
        ck_assert_str_eq(layout->areas[1].label, "[heap]");
        ck_assert_uint_eq(layout->areas[1].bytes, 60 * MIB - 4096);
        ck_assert_uint_eq(layout->areas[1].start, 0x40000000);
        ck_assert_uint_eq(layout->areas[1].end, 0x40000000 + 60 * MIB);
        ck_assert_uint_eq(heat_area_address(layout, &layout->areas[1], 0), 0x40000000);
        ck_assert_uint_eq(heat_layout_missing(layout, frame), 0);
}
END_TEST

/* However scattered the memory: as many areas as there is room for, and every byte on the axis. */
START_TEST(many_areas) {
        ScriptedRegion regions[200];
        uint64_t bytes = 0;

        for (size_t i = 0; i < ELEMENTSOF(regions); i++)
                regions[i] = (ScriptedRegion){
                        (i + 1) * 1000 * MIB, ((i + 1) * 1000 + 1) * MIB, 20, 20, 0, 0, "x"};
        _cleanup_(frame_freep) Frame *frame = scripted_frame(1, regions, ELEMENTSOF(regions));
        _cleanup_(heat_layout_freep) HeatLayout *layout = layout_of(frame, 80);
        _cleanup_(heat_row_deinit) HeatRow row = {};

        ck_assert_uint_le(layout->n_areas, 10);
        ck_assert_uint_eq(layout->columns, 80);
        for (size_t i = 0; i < layout->n_areas; i++)
                bytes += layout->areas[i].bytes;
        ck_assert_uint_eq(bytes + layout->hidden_bytes, 200 * MIB);
        ck_assert_uint_eq(layout->hidden_bytes, 0);
        ck_assert_int_eq(heat_row_init(&row, layout->columns), 0);
        heat_row_add(&row, layout, frame, 0);
        ck_assert_uint_eq(heat_level(heat_row_cell(&row, 0)), 9);
}
END_TEST

/* The union over time: what appears later has its place from the beginning. */
START_TEST(growing) {
        const ScriptedRegion small = {0, 4 * MIB, 20, 20, 0, 0, "a"},
                             large = {MIB, 8 * MIB, 20, 20, 0, 0, "a"};
        _cleanup_(frame_freep) Frame *one = scripted_frame(1, &small, 1),
                                     *two = scripted_frame(2, &large, 1);
        _cleanup_(heat_layout_freep) HeatLayout *layout = NULL;
        _cleanup_(heat_row_deinit) HeatRow row = {};

        ck_assert_int_eq(heat_layout_new(&layout), 0);
        ck_assert_int_eq(heat_layout_add(layout, one), 0);
        ck_assert_uint_eq(heat_layout_missing(layout, two), 4 * MIB);
        ck_assert_int_eq(heat_layout_add(layout, two), 0);
        ck_assert_uint_eq(heat_layout_missing(layout, two), 0);
        ck_assert_uint_eq(layout->n_spans, 1);
        ck_assert_int_eq(heat_layout_finish(layout, 8), 0);
        ck_assert_int_eq(heat_row_init(&row, layout->columns), 0);
        heat_row_add(&row, layout, one, 0);
        ck_assert_double_eq(heat_row_cell(&row, 3), 1);
        ck_assert_double_eq(heat_row_cell(&row, 4), HEAT_NO_DATA);
}
END_TEST

/* Rows at now, 1, 2, 4 and 8 windows ago; a region is known for as long as its age. */
START_TEST(reconstructed) {
        const ScriptedRegion regions[] = {
                { 0, MIB, 20, 20, 0, 17 * SEC, "a" },
                { MIB, 2 * MIB, 0, 20, 0, 5 * SEC, "a" },
        };
        _cleanup_(frame_freep) Frame *frame = scripted_frame(1, regions, 2);
        _cleanup_(picture_deinit) Picture picture = {};

        ck_assert_int_eq(picture_from_frame(&picture, frame, 30, 2), 0);
        ck_assert_uint_eq(picture.n_rows, 5);
        ck_assert_uint_eq(picture.rows[4].end_ns - picture.rows[0].end_ns, 16 * SEC);
        for (size_t i = 0; i < 5; i++)
                ck_assert_double_eq(heat_row_cell(&picture.rows[i].heat, 0), 1);
        ck_assert_double_eq(heat_row_cell(&picture.rows[4].heat, 1), 0);
        ck_assert_double_eq(heat_row_cell(&picture.rows[2].heat, 1), 0);
        ck_assert_double_eq(heat_row_cell(&picture.rows[1].heat, 1), HEAT_NO_DATA);
}
END_TEST

static void append_window(Recording *recording, uint64_t sequence, uint64_t hits) {
        const ScriptedRegion region = { 0, MIB, hits, 20, 0, 0, "a" };
        _cleanup_(frame_freep) Frame *frame = scripted_frame(sequence, &region, 1);

        ck_assert_int_eq(recording_append(recording, frame), 0);
}

/* Windows 1 to 4 and 7 and 8 of 2 s: eight rows, of which two have no data. Asked for four rows,
 * each is the mean of two windows. */
START_TEST(from_recording) {
        _cleanup_(recording_closep) Recording *recording = NULL;
        _cleanup_(picture_deinit) Picture picture = {}, small = {};
        const uint64_t hits[] = { 0, 20, 0, 10, 20, 20 }, sequences[] = { 1, 2, 3, 4, 7, 8 };
        const double expected[] = { 0, 1, 0, 0.5, HEAT_NO_DATA, HEAT_NO_DATA, 1, 1 };

        ck_assert_int_eq(recording_create(NULL, false, &recording), 0);
        for (size_t i = 0; i < ELEMENTSOF(hits); i++)
                append_window(recording, sequences[i], hits[i]);

        ck_assert_int_eq(picture_from_recording(&picture, recording, 30, 1), 0);
        ck_assert_uint_eq(picture.n_rows, 8);
        ck_assert_uint_eq(picture.missed, 2);
        for (size_t i = 0; i < 8; i++)
                ck_assert_double_eq(heat_row_cell(&picture.rows[i].heat, 0), expected[i]);

        ck_assert_int_eq(picture_from_recording(&small, recording, 4, 1), 0);
        ck_assert_uint_eq(small.n_rows, 4);
        ck_assert_double_eq_tol(heat_row_cell(&small.rows[0].heat, 0), 0.5, 1e-12);
        ck_assert_double_eq_tol(heat_row_cell(&small.rows[1].heat, 0), 0.25, 1e-12);
        ck_assert_double_eq(heat_row_cell(&small.rows[2].heat, 0), HEAT_NO_DATA);
        ck_assert_double_eq(heat_row_cell(&small.rows[3].heat, 0), 1);
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("heat");

        tcase_add_test(tcase, levels);
        tcase_add_test(tcase, bars);
        tcase_add_test(tcase, weighted_mean);
        tcase_add_test(tcase, partial_cells);
        tcase_add_test(tcase, weighted_by_time);
        tcase_add_test(tcase, blind_cells);
        tcase_add_test(tcase, areas);
        tcase_add_test(tcase, many_areas);
        tcase_add_test(tcase, growing);
        tcase_add_test(tcase, reconstructed);
        tcase_add_test(tcase, from_recording);
        return run_case("ctl-heat", tcase);
}
