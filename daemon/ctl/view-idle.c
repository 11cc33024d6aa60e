/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much memory has been idle for how long. */
#include <errno.h>
#include <inttypes.h>

#include "base/stat.h"
#include "idle.h"
#include "message.h"
#include "view.h"

static const nsec_t steps[] = {
        0,
        1 * NSEC_PER_SEC,
        5 * NSEC_PER_SEC,
        10 * NSEC_PER_SEC,
        30 * NSEC_PER_SEC,
        1 * NSEC_PER_MINUTE,
        5 * NSEC_PER_MINUTE,
        15 * NSEC_PER_MINUTE,
        60 * NSEC_PER_MINUTE,
        6 * 60 * NSEC_PER_MINUTE,
        24 * 60 * NSEC_PER_MINUTE,
        7 * 24 * 60 * NSEC_PER_MINUTE,
};

static const double percents[] = { 0, 1, 25, 50, 75, 90, 99, 100 };

static double share_of(uint64_t part, uint64_t whole) {
        return whole > 0 ? (double) part / (double) whole : 0;
}

static size_t bar_columns(const Screen *screen, size_t used) {
        return screen->width > used + 10 ? MIN(screen->width - used, (size_t) 40) : 10;
}

static void print_cumulative(const Screen *screen, const IdleTimes *idle) {
        (void) fprintf(screen->out, "%15s %9s %7s\n", "IDLE AT LEAST", "SIZE", "SHARE");
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                uint64_t bytes = idle_times_at_least(idle, steps[i]);
                char time[FORMAT_MAX], size[FORMAT_MAX], share[FORMAT_MAX], bar[BAR_MAX + 1];

                (void) fprintf(
                        screen->out, "%15s %9s %7s  |%s|\n",
                        steps[i] == 0 ? "0s (all)" : format_duration(time, steps[i]),
                        format_size(size, bytes), format_share(share, share_of(bytes, idle->bytes)),
                        format_bar(bar, share_of(bytes, idle->bytes), bar_columns(screen, 38)));
                /* nothing can be idle for longer than nothing is */
                if (bytes == 0)
                        break;
        }
}

static void print_percentiles(const Screen *screen, const IdleTimes *idle) {
        double most = weighted_percentile(idle->values, idle->n, 100);

        (void) fprintf(screen->out, "\n%15s %9s\n", "SHARE OF MEMORY", "IDLE");
        for (size_t i = 0; i < ELEMENTSOF(percents); i++) {
                double t = weighted_percentile(idle->values, idle->n, percents[i]);
                char time[FORMAT_MAX], bar[BAR_MAX + 1];

                (void) fprintf(screen->out, "%14.0f%% %9s  |%s|\n", percents[i],
                               format_duration(time, (nsec_t) t),
                               format_bar(bar, most > 0 ? t / most : 0, bar_columns(screen, 30)));
        }
        (void) fputs("(so much of the memory has been idle for at most so long)\n", screen->out);
}

static void print_doubts(const Screen *screen, const Frame *frame, const IdleTimes *idle) {
        uint64_t total = idle->bytes + idle->blind_bytes;
        char size[FORMAT_MAX], share[FORMAT_MAX];

        view_apart(screen, &frame->point.working_set);
        if (idle->blind_bytes > 0)
                (void) fprintf(screen->out,
                               "left out, could not be checked: %s (%s) in %" PRIu64 " region%s\n",
                               format_size(size, idle->blind_bytes),
                               format_share(share, share_of(idle->blind_bytes, total)),
                               idle->blind_regions, PLURAL(idle->blind_regions));
        if (idle->few_bytes > 0)
                (void) fprintf(screen->out,
                               "~ %s (%s) rests on fewer than %d checks a region in this window\n",
                               format_size(size, idle->few_bytes),
                               format_share(share, share_of(idle->few_bytes, total)),
                               SAMPLES_CONFIDENT);
        if (!frame->reads_seen)
                (void) fputs("this source sees writes only: memory that is read looks idle\n",
                             screen->out);
}

int view_idle_tables(const Screen *screen, const Frame *frame) {
        _cleanup_(idle_times_deinit) IdleTimes idle = {};
        int r;

        r = idle_times_init(&idle, frame);
        if (r < 0)
                return r;
        (void) fputs("idle: mapped memory in which no check found an access, and for how long that "
                     "has been so\n\n",
                     screen->out);
        if (idle.bytes > 0) {
                print_cumulative(screen, &idle);
                print_percentiles(screen, &idle);
        }
        print_doubts(screen, frame, &idle);
        return 0;
}

int view_idle(const Screen *screen, const Frame *frame) {
        view_frame_header(screen, frame);
        return view_idle_tables(screen, frame);
}

static json_t *json_percentile(const IdleTimes *idle, double percent) {
        return json_pack("{s:f, s:I}", "percent", percent, "idle_ns",
                         (json_int_t) weighted_percentile(idle->values, idle->n, percent));
}

static json_t *json_percentiles(const IdleTimes *idle) {
        json_t *list = json_array();

        for (size_t i = 0; i < ELEMENTSOF(percents); i++)
                (void) json_array_append_new(list, json_percentile(idle, percents[i]));
        return list;
}

static json_t *json_cumulative(const IdleTimes *idle) {
        json_t *list = json_array();

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                uint64_t bytes = idle_times_at_least(idle, steps[i]);

                (void) json_array_append_new(list, json_pack("{s:I, s:I, s:f}", "idle_ns", (json_int_t) steps[i],
                                                             "bytes", (json_int_t) bytes, "share",
                                                             share_of(bytes, idle->bytes)));
        }
        return list;
}

static json_t *idle_document(const Frame *frame, const IdleTimes *idle, json_t *percentiles) {
        json_t *document = json_frame_header(frame);

        (void) json_object_set_new(document, "checked_bytes", json_bytes(idle->bytes));
        (void) json_object_set_new(document, "unchecked_bytes", json_bytes(idle->blind_bytes));
        (void) json_object_set_new(document, "idle_at_least", json_cumulative(idle));
        (void) json_object_set_new(document, "percentiles", percentiles);
        return document;
}

json_t *view_idle_json(const Frame *frame) {
        _cleanup_(idle_times_deinit) IdleTimes idle = {};

        if (idle_times_init(&idle, frame) < 0)
                return NULL;
        return idle_document(frame, &idle, json_percentiles(&idle));
}

/* ---- The whole machine ---- */

/* What was touched within one sampling interval was read or written at least once in it: so much a second, at least
 * (DAMON_STAT's estimate). */
static double bandwidth_of(const Frame *frame) {
        return frame->sample_ns > 0 ? (double) frame->point.working_set.bytes * (double) NSEC_PER_SEC /
                                              (double) frame->sample_ns
                                    : 0;
}

int view_idle_system(const Screen *screen, const Frame *frame, nsec_t observed) {
        const FrameWorkingSet *w = &frame->point.working_set;
        char size[FORMAT_MAX], error[FORMAT_MAX], rate[FORMAT_MAX], memory[FORMAT_MAX], time[FORMAT_MAX];

        view_frame_header(screen, frame);
        (void) fprintf(screen->out, "working set %s +- %s of %s in use; at least %s a second read or written\n",
                       format_size(size, w->bytes), format_size(error, w->error),
                       format_size(memory, w->total - MIN(frame_apart(w), w->total)),
                       format_size(rate, (uint64_t) bandwidth_of(frame)));
        (void) fprintf(screen->out, "observed for %s: what is idle for longer cannot be known yet\n",
                       format_duration(time, observed));
        return view_idle_tables(screen, frame);
}

json_t *view_idle_system_json(const Frame *frame, nsec_t observed) {
        _cleanup_(idle_times_deinit) IdleTimes idle = {};
        json_t *document, *percentiles;

        if (idle_times_init(&idle, frame) < 0)
                return NULL;
        percentiles = json_array();
        for (unsigned percent = 0; percent <= 100; percent++)
                (void) json_array_append_new(percentiles, json_percentile(&idle, percent));
        document = idle_document(frame, &idle, percentiles);
        (void) json_object_set_new(document, "observed_ns", json_integer((json_int_t) observed));
        (void) json_object_set_new(document, "bandwidth_bytes_per_sec", json_real(bandwidth_of(frame)));
        return document;
}
