/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heat maps from recordings and from single frames. */
#include "picture.h"

#include <errno.h>

#include "base/stat.h"
#include "feed.h"
#include "progress.h"

void picture_deinit(Picture *picture) {
        for (size_t i = 0; i < picture->n_rows; i++)
                heat_row_deinit(&picture->rows[i].heat);
        free(picture->rows);
        free(picture->monitor);
        picture->layout = heat_layout_free(picture->layout);
        *picture = (Picture) {};
}

static int allocate_rows(Picture *picture, size_t n) {
        int r;

        picture->rows = calloc(n + 1, sizeof(*picture->rows));
        if (!picture->rows)
                return -ENOMEM;
        for (; picture->n_rows < n; picture->n_rows++) {
                r = heat_row_init(&picture->rows[picture->n_rows].heat, picture->layout->columns);
                if (r < 0)
                        return r;
        }
        return 0;
}

typedef int (*FrameVisitor)(Picture *picture, const Frame *frame);

static int for_each_frame(Picture *picture, Recording *recording, const char *what,
                          FrameVisitor visit) {
        _cleanup_(feed_freep) Feed *feed = NULL;
        Progress progress;
        uint64_t n = 0;
        int r;

        progress_init(&progress);
        r = feed_open_recording(recording, 1, &feed);
        while (r == 0) {
                _cleanup_(frame_freep) Frame *frame = NULL;

                r = feed_next(feed, &frame);
                if (r != 0 || !frame)
                        break;
                r = visit(picture, frame);
                progress_tick(&progress, "%s: snapshot %llu of %llu", what,
                              (unsigned long long) ++n,
                              (unsigned long long) recording_count(recording));
        }
        progress_done(&progress);
        return r;
}

static int visit_layout(Picture *picture, const Frame *frame) {
        return heat_layout_add(picture->layout, frame);
}

static int visit_row(Picture *picture, const Frame *frame) {
        uint64_t start = picture->rows[0].start_ns, end = picture->rows[picture->n_rows - 1].end_ns;
        uint64_t middle =
                frame->point.time_ns - MIN(frame->point.window_ns / 2, frame->point.time_ns);
        size_t row = 0;

        if (middle > start && end > start)
                row = (size_t) ((double) (middle - start) * (double) picture->n_rows /
                                (double) (end - start));
        heat_row_add(&picture->rows[MIN(row, picture->n_rows - 1)].heat, picture->layout, frame, 0);
        picture->frames++;
        return 0;
}

static uint64_t median_window(const FramePoint *points, size_t n) {
        _cleanup_free_ WeightedValue *values = calloc(n + 1, sizeof(*values));

        if (!values)
                return 1;
        for (size_t i = 0; i < n; i++)
                values[i] = (WeightedValue) { (double) points[i].window_ns, 1 };
        weighted_sort(values, n);
        return MAX((uint64_t) weighted_percentile(values, n, 50), UINT64_C(1));
}

/* As many rows as windows fit into the time, if there may be so many. */
static int set_times(Picture *picture, const FramePoint *points, size_t n, size_t most) {
        uint64_t start = points[0].time_ns - MIN(points[0].window_ns, points[0].time_ns);
        uint64_t end = MAX(points[n - 1].time_ns, start + 1), window = median_window(points, n);
        size_t rows =
                (size_t) CLAMP((end - start + window / 2) / window, UINT64_C(1), (uint64_t) most);
        int r;

        r = allocate_rows(picture, rows);
        for (size_t i = 0; r == 0 && i < rows; i++) {
                picture->rows[i].start_ns =
                        start + (uint64_t) ((double) (end - start) * (double) i / (double) rows);
                picture->rows[i].end_ns = start + (uint64_t) ((double) (end - start) *
                                                              (double) (i + 1) / (double) rows);
        }
        return r;
}

int picture_from_recording(Picture *picture, Recording *recording, size_t rows, size_t columns) {
        _cleanup_free_ FramePoint *points = NULL;
        const char *monitor = recording_meta(recording, "monitor");
        size_t n = 0;
        int r;

        *picture = (Picture) { .missed = recording_missed(recording) };
        picture->monitor = strdup(monitor ? monitor : "?");
        if (!picture->monitor)
                return -ENOMEM;
        r = recording_points(recording, &points, &n);
        if (r == 0)
                r = heat_layout_new(&picture->layout);
        if (r == 0)
                r = for_each_frame(picture, recording, "reading addresses", visit_layout);
        if (r == 0)
                r = heat_layout_finish(picture->layout, columns);
        if (r != 0 || n == 0)
                return r;
        r = set_times(picture, points, n, rows);
        if (r != 0)
                return r;
        return for_each_frame(picture, recording, "drawing", visit_row);
}

static uint64_t oldest(const Frame *frame) {
        uint64_t age = 0;

        for (size_t i = 0; i < frame->n_regions; i++)
                age = MAX(age, frame->regions[i].age_ns);
        return age;
}

int picture_from_frame(Picture *picture, const Frame *frame, size_t rows, size_t columns) {
        uint64_t window = MAX(frame->point.window_ns, UINT64_C(1)), age = oldest(frame);
        size_t n = 1;
        int r;

        *picture = (Picture){.reconstructed = true, .frames = 1, .monitor = strdup(frame->monitor)};
        if (!picture->monitor)
                return -ENOMEM;
        r = heat_layout_new(&picture->layout);
        if (r == 0)
                r = heat_layout_add(picture->layout, frame);
        if (r == 0)
                r = heat_layout_finish(picture->layout, columns);
        /* one row more for each doubling that some age reaches */
        while (n < rows && n < 48 && window << (n - 1) <= age)
                n++;
        if (r == 0)
                r = allocate_rows(picture, n);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n; i++) {
                PictureRow *row = &picture->rows[n - 1 - i];
                uint64_t ago = i == 0 ? 0 : window << (i - 1);

                row->start_ns = row->end_ns = frame->point.time_ns - MIN(ago, frame->point.time_ns);
                heat_row_add(&row->heat, picture->layout, frame, ago);
        }
        return 0;
}
