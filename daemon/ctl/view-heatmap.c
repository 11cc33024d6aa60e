/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heat maps over time. Addresses go to the right, time goes down, in every form of it: a row can be
 * added below while one watches. */
#include <errno.h>
#include <inttypes.h>

#include "picture.h"
#include "message.h"
#include "view.h"

#define ROWS_DEFAULT 30
#define LABEL_WIDTH 11

/* With --follow: the axis is drawn anew when more than this share of the memory is not on it. */
#define MISSING_SHARE 0.02

static size_t map_columns(const Screen *screen) {
        return screen->width - LABEL_WIDTH - 1;
}

static size_t map_rows(const Arguments *args) {
        return args->rows > 0 ? (size_t) MIN(args->rows, UINT64_C(100000)) : ROWS_DEFAULT;
}

/* "+12s" since the beginning, or "-8s" before the end. */
static char *row_label(char buf[static FORMAT_MAX], const Picture *picture, size_t i) {
        const PictureRow *row = &picture->rows[i], *last = &picture->rows[picture->n_rows - 1];
        char text[FORMAT_MAX];
        nsec_t t = picture->reconstructed ? last->end_ns - row->end_ns
                                          : row->start_ns - picture->rows[0].start_ns;

        /* no row is shorter than a window: fractions of a second would only be noise in a long one
         */
        if (t > 10 * NSEC_PER_SEC)
                t -= t % NSEC_PER_SEC;
        if (picture->reconstructed && t == 0)
                (void) snprintf(buf, FORMAT_MAX, "now ");
        else
                (void) snprintf(buf, FORMAT_MAX, "%c%.20s ", picture->reconstructed ? '-' : '+',
                                format_duration(text, t));
        return buf;
}

static void print_head(const Screen *screen, const Picture *picture) {
        const PictureRow *first = &picture->rows[0], *last = &picture->rows[picture->n_rows - 1];
        _cleanup_free_ char *monitor = display_name(picture->monitor, 32);
        char a[TIME_MAX], b[TIME_MAX], each[FORMAT_MAX];

        if (picture->reconstructed)
                (void) fprintf(screen->out,
                               "%s: heat map at %s; addresses to the right, time down\n",
                               monitor ? monitor : "?", format_time(a, last->end_ns));
        else
                (void) fprintf(screen->out,
                               "%s: heat map of %s to %s;\naddresses to the right, time down, a "
                               "row is %s, "
                               "%" PRIu64 " snapshot%s\n",
                               monitor ? monitor : "?", format_time(a, first->start_ns),
                               format_time(b, last->end_ns),
                               format_duration(each, first->end_ns - first->start_ns),
                               picture->frames, PLURAL(picture->frames));
}

static void print_foot(const Screen *screen, const Picture *picture) {
        screen_heat_legend(screen, picture->reconstructed
                                           ? "rows above 'now' are reconstructed from ages, each "
                                             "twice as long ago as the one below;\n"
                                             "blank: it was different then, or not mapped"
                                           : "blank: not mapped then, or no snapshot");
        view_heat_areas(screen, picture->layout);
        if (picture->missed > 0)
                (void) fprintf(screen->out,
                               "missing: %" PRIu64
                               " snapshot%s that the recorder was too slow for\n",
                               picture->missed, PLURAL(picture->missed));
}

static int print_picture(const Screen *screen, const Picture *picture) {
        if (picture->n_rows == 0 || picture->layout->n_areas == 0) {
                (void) fputs("nothing to draw: no memory was mapped\n", screen->out);
                return 0;
        }
        print_head(screen, picture);
        view_heat_axis(screen, picture->layout, LABEL_WIDTH);
        for (size_t i = 0; i < picture->n_rows; i++) {
                char label[FORMAT_MAX];

                view_heat_row(screen, picture->layout, &picture->rows[i].heat,
                              row_label(label, picture, i), LABEL_WIDTH);
        }
        print_foot(screen, picture);
        return 0;
}

static json_t *json_areas(const HeatLayout *layout) {
        json_t *areas = json_array();

        for (size_t i = 0; i < layout->n_areas; i++) {
                const HeatArea *a = &layout->areas[i];
                json_t *starts = json_array();

                for (size_t k = 0; k < a->columns; k++)
                        (void) json_array_append_new(
                                starts, json_integer((json_int_t) heat_area_address(layout, a, k)));
                (void) json_array_append_new(
                        areas, json_pack("{s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "target",
                                         (json_int_t) a->target, "pid", (json_int_t) a->pid,
                                         "start", (json_int_t) a->start, "end", (json_int_t) a->end,
                                         "mapped_bytes", (json_int_t) a->bytes, "mapping", a->label,
                                         "column_starts", starts));
        }
        return areas;
}

/* Cells area by area, without the separators. */
static json_t *json_cells(const HeatLayout *layout, const HeatRow *row) {
        json_t *cells = json_array();

        for (size_t i = 0; i < layout->n_areas; i++)
                for (size_t k = 0; k < layout->areas[i].columns; k++) {
                        double cell = heat_row_cell(row, layout->areas[i].column + k);

                        (void) json_array_append_new(cells,
                                                     cell < 0 ? json_null() : json_real(cell));
                }
        return cells;
}

static json_t *picture_json(const Picture *picture) {
        json_t *rows = json_array();

        for (size_t i = 0; i < picture->n_rows; i++) {
                const PictureRow *row = &picture->rows[i];

                (void) json_array_append_new(rows,
                                             json_pack("{s:I, s:I, s:I, s:o}", "start_ns",
                                                       (json_int_t) row->start_ns, "end_ns",
                                                       (json_int_t) row->end_ns, "snapshots",
                                                       (json_int_t) row->heat.frames, "rates",
                                                       json_cells(picture->layout, &row->heat)));
        }
        return json_pack("{s:s, s:b, s:I, s:I, s:I, s:o, s:o}", "monitor", picture->monitor,
                         "reconstructed", picture->reconstructed, "snapshots",
                         (json_int_t) picture->frames, "missed_snapshots",
                         (json_int_t) picture->missed, "hidden_bytes",
                         (json_int_t) (picture->layout ? picture->layout->hidden_bytes : 0),
                         "areas", json_areas(picture->layout), "rows", rows);
}

static int show(const Screen *screen, const Arguments *args, const Picture *picture) {
        return args->json ? print_json(picture_json(picture)) : print_picture(screen, picture);
}

int view_heatmap_frame(const Screen *screen, const Arguments *args, const Frame *frame) {
        _cleanup_(picture_deinit) Picture picture = {};
        int r;

        r = picture_from_frame(&picture, frame, map_rows(args), map_columns(screen));
        return r != 0 ? r : show(screen, args, &picture);
}

int view_heatmap_recording(const Screen *screen, const Arguments *args, Recording *recording) {
        _cleanup_(picture_deinit) Picture picture = {};
        int r;

        r = picture_from_recording(&picture, recording, map_rows(args), map_columns(screen));
        return r != 0 ? r : show(screen, args, &picture);
}

json_t *view_heatmap_json(const Screen *screen, const Arguments *args, Recording *recording) {
        _cleanup_(picture_deinit) Picture picture = {};

        if (picture_from_recording(&picture, recording, map_rows(args), map_columns(screen)) != 0)
                return NULL;
        return picture_json(&picture);
}

/* A new axis, when the old one does not fit any more. */
static int follow_axis(const Screen *screen, const Frame *frame, HeatLayout **layout) {
        int r;

        if (*layout && (double) heat_layout_missing(*layout, frame) <=
                               MISSING_SHARE * (double) frame->point.working_set.total)
                return 0;
        *layout = heat_layout_free(*layout);
        r = heat_layout_new(layout);
        if (r == 0)
                r = heat_layout_add(*layout, frame);
        if (r == 0)
                r = heat_layout_finish(*layout, map_columns(screen));
        if (r < 0)
                return r;
        view_heat_areas(screen, *layout);
        view_heat_axis(screen, *layout, LABEL_WIDTH);
        return 0;
}

static int follow_frame(const Screen *screen, const Frame *frame, HeatLayout **layout) {
        _cleanup_(heat_row_deinit) HeatRow row = {};
        char time[TIME_MAX], label[TIME_MAX];
        int r;

        r = follow_axis(screen, frame, layout);
        if (r == 0)
                r = heat_row_init(&row, (*layout)->columns);
        if (r < 0)
                return r;
        heat_row_add(&row, *layout, frame, 0);
        /* the time of day will do */
        (void) snprintf(label, sizeof(label), "%.8s ",
                        format_time(time, frame->point.time_ns) + 11);
        view_heat_row(screen, *layout, &row, label, LABEL_WIDTH);
        return 0;
}

int view_heatmap_follow(const Screen *screen, const Arguments *args, Feed *feed) {
        _cleanup_(heat_layout_freep) HeatLayout *layout = NULL;
        uint64_t sequence = 0;

        screen_heat_legend(
                screen,
                "addresses to the right, time down, a row for each snapshot; blank: not mapped");
        for (;;) {
                _cleanup_(frame_freep) Frame *frame = NULL;
                int r;

                r = feed_next(feed, &frame);
                if (r != 0 || !frame)
                        return r;
                if (sequence > 0 && frame->point.sequence > sequence + 1)
                        (void) fprintf(screen->out, "%*s%" PRIu64 " snapshots missed\n",
                                       LABEL_WIDTH, "", frame->point.sequence - sequence - 1);
                sequence = frame->point.sequence;
                r = follow_frame(screen, frame, &layout);
                if (r < 0)
                        return r;
                if (fflush(screen->out) == EOF)
                        return fail(CTL_REFUSED, "cannot write to standard output");
        }
}
