/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live picture of `run`. */
#include "live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/format.h"
#include "heat.h"
#include "view.h"

static void print_numbers(const Screen *screen, const Frame *frame) {
        const FrameWorkingSet *w = &frame->point.working_set;
        char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX], d[FORMAT_MAX], t[FORMAT_MAX];

        (void) fprintf(screen->out,
                       "%s #%" PRIu64
                       "  working set %s +- %s of %s mapped, %s resident; window %s\n",
                       frame->monitor, frame->point.sequence, format_size(a, w->bytes),
                       format_size(b, w->error), format_size(c, w->total),
                       frame->point.resident_bytes == FRAME_UNKNOWN
                               ? "?"
                               : format_size(d, frame->point.resident_bytes),
                       format_duration(t, frame->point.window_ns));
}

static int draw(const Screen *screen, const Frame *frame, uint64_t top) {
        const Arguments args = {
                .sort = SORT_HEAT,
                .has_top = true,
                .top = top,
                .rate = { 0, 1 },
                .age = { 0, NSEC_INFINITY },
        };
        int r;

        print_numbers(screen, frame);
        r = view_heat_strip(screen, frame, /* explain= */ false);
        return r < 0 ? r : view_regions_rows(screen, &args, frame, true);
}

void live_erase(Live *live) {
        if (live->lines > 0)
                (void) fprintf(live->screen.out, "\033[%zuA\033[J", live->lines);
        live->lines = 0;
        (void) fflush(live->screen.out);
}

int live_draw(Live *live, const Frame *frame) {
        _cleanup_free_ char *text = NULL;
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        Screen screen = live->screen;
        size_t size = 0;
        int r;

        if (now - live->last < live->interval || frame->n_regions == 0)
                return 0;
        live->last = now;

        screen.out = open_memstream(&text, &size);
        if (!screen.out)
                return -ENOMEM;
        r = draw(&screen, frame, live->top);
        if (fclose(screen.out) == EOF)
                r = -ENOMEM;
        if (r < 0)
                return r;

        live_erase(live);
        for (const char *p = text; (p = strchr(p, '\n')); p++)
                live->lines++;
        /* lines that are too long are cut, not wrapped: else the next picture would miss its place
         */
        (void) fprintf(live->screen.out, "\033[?7l%s\033[?7h", text);
        (void) fflush(live->screen.out);
        return 0;
}
