/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The summary of `run`, drawn from its recording. */
#include "run-summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "message.h"
#include "view.h"

#define ROWS_DEFAULT 16
#define TOP_DEFAULT 10

/* Something in it could be checked. */
static bool tells_something(const Frame *frame) {
        for (size_t i = 0; i < frame->n_regions; i++)
                if (!frame_region_blind(&frame->regions[i]))
                        return true;
        return false;
}

/* Some target lived to the end of the window. */
static bool is_whole(const Frame *frame) {
        for (size_t i = 0; i < frame->n_targets; i++)
                if (streq(frame->targets[i].state, "running"))
                        return true;
        return false;
}

/* The last frame that tells something. The very last one is cut off by the command's end: it is
 * taken only where there is no other. NULL when nothing could be checked in any. */
static int last_frame(Recording *recording, Frame **ret) {
        _cleanup_(frame_freep) Frame *spare = NULL;

        for (uint64_t number = recording_count(recording); number > 0; number--) {
                _cleanup_(frame_freep) Frame *frame = NULL;
                int r;

                r = recording_read(recording, number, &frame);
                if (r != 0)
                        return r;
                if (!frame || !tells_something(frame))
                        continue;
                if (is_whole(frame)) {
                        *ret = TAKE_PTR(frame);
                        return 0;
                }
                if (!spare)
                        spare = TAKE_PTR(frame);
        }
        *ret = TAKE_PTR(spare);
        return 0;
}

static Arguments summary_arguments(const Arguments *args) {
        Arguments copy = *args;

        copy.sort = SORT_HEAT;
        copy.rows = args->rows > 0 ? args->rows : ROWS_DEFAULT;
        copy.top = args->has_top ? args->top : TOP_DEFAULT;
        copy.has_top = true;
        return copy;
}

static void print_head(const Screen *screen, const RunSummary *summary) {
        _cleanup_free_ char *command = display_name(summary->args->command[0], 60);
        const char *source = recording_meta(summary->recording, "source");
        uint64_t count = recording_count(summary->recording),
                 missed = recording_missed(summary->recording);
        char time[FORMAT_MAX];
        json_t *item;
        size_t i;

        (void) fprintf(screen->out,
                       "\n%s ran for %s, exit status %d; %" PRIu64 " snapshot%s, source %s\n",
                       command ? command : "?", format_duration(time, summary->duration),
                       summary->status, count, PLURAL(count), source ? source : "?");
        if (missed > 0)
                (void) fprintf(screen->out,
                               "%" PRIu64
                               " snapshots are missing: udamonctl was too slow for them\n",
                               missed);
        if (recording_failed(summary->recording))
                (void) fputs("the recording is incomplete: so is what follows\n", screen->out);
        json_array_foreach(summary->warnings, i, item) {
                _cleanup_free_ char *text =
                        display_name(json_string_value(item) ? json_string_value(item) : "?", 1000);

                (void) fprintf(screen->out, "note: %s\n", text ? text : "?");
        }
        if (summary->args->record)
                (void) fprintf(
                        screen->out,
                        "recorded in %s: see udamonctl heatmap, wss, regions, idle with -i\n",
                        summary->args->record);
        (void) fputc('\n', screen->out);
}

static int print_sections(const Screen *screen, const Arguments *args, const RunSummary *summary,
                          const Frame *frame) {
        _cleanup_free_ FramePoint *points = NULL;
        size_t n = 0;
        int r;

        print_head(screen, summary);
        r = summary->schemes ? view_schemes_brief(screen, summary->schemes) : 0;
        if (r == 0 && summary->schemes)
                (void) fputc('\n', screen->out);
        if (r == 0)
                r = view_heatmap_recording(screen, args, summary->recording);
        if (r == 0)
                r = recording_points(summary->recording, &points, &n);
        if (r != 0)
                return r;
        (void) fputc('\n', screen->out);
        r = view_wss(screen, args, points, n);
        if (r != 0)
                return r;

        (void) fprintf(screen->out, "\nin snapshot %" PRIu64 ", the last before the end:\n",
                       frame->point.sequence);
        r = view_idle_tables(screen, frame);
        if (r != 0)
                return r;
        (void) fputc('\n', screen->out);
        return view_regions_rows(screen, args, frame, false);
}

static json_t *json_command(char **command) {
        json_t *array = json_array();

        for (; *command; command++) {
                /* not every argument is UTF-8 */
                json_t *word = json_string(*command);

                (void) json_array_append_new(array, word ? word : json_null());
        }
        return array;
}

static json_t *summary_json(const Screen *screen, const Arguments *args, const RunSummary *summary,
                            const Frame *frame) {
        _cleanup_free_ FramePoint *points = NULL;
        size_t n = 0;

        if (recording_points(summary->recording, &points, &n) != 0)
                return NULL;
        return json_pack("{s:o, s:i, s:I, s:I, s:I, s:b, s:s?, s:O, s:O, s:o, s:o, s:o, s:o}", "command",
                         json_command(args->command), "exit_status", summary->status, "duration_ns",
                         (json_int_t) summary->duration, "snapshots", (json_int_t) n,
                         "missed_snapshots", (json_int_t) recording_missed(summary->recording),
                         "complete", !recording_failed(summary->recording), "recording",
                         args->record, "warnings", summary->warnings, "schemes",
                         summary->schemes ? summary->schemes : json_null(), "heatmap",
                         n > 0 ? view_heatmap_json(screen, args, summary->recording) : json_null(),
                         "wss", view_wss_json(args, points, n), "idle",
                         frame ? view_idle_json(frame) : json_null(), "regions",
                         frame ? view_regions_json(args, frame) : json_null());
}

static void advise(const RunSummary *summary) {
        char ran[FORMAT_MAX], sample[FORMAT_MAX], aggregate[FORMAT_MAX];
        nsec_t window = MAX(summary->duration / 10, 10 * NSEC_PER_MSEC);

        window -= window % (10 * NSEC_PER_MSEC);
        tell("'%s' ended after %s, before a window closed: nothing was measured. Make the windows "
             "shorter, "
             "such as --sample %s --aggregate %s",
             summary->args->command[0], format_duration(ran, summary->duration),
             format_duration(sample, window / 10), format_duration(aggregate, window));
}

static int print_to(FILE *out, const RunSummary *summary, const Frame *frame) {
        const Arguments args = summary_arguments(summary->args);
        Screen screen = screen_for(out, &args);
        int r;

        if (args.json)
                return print_json(summary_json(&screen, &args, summary, frame));
        r = print_sections(&screen, &args, summary, frame);
        if (r == 0 && (fflush(out) == EOF || ferror(out)))
                return fail(CTL_REFUSED, "cannot write the summary");
        return r;
}

static int print_to_file(const char *path, const RunSummary *summary, const Frame *frame) {
        FILE *out = fopen(path, "we");
        int r;

        if (!out)
                return fail(CTL_REFUSED, "cannot write %s: %s", path, error_text(-errno));
        r = print_to(out, summary, frame);
        if (fclose(out) == EOF && r == 0)
                return fail(CTL_REFUSED, "cannot write %s: %s", path, error_text(-errno));
        return r;
}

int run_summary(const RunSummary *summary) {
        _cleanup_(frame_freep) Frame *frame = NULL;
        int r;

        r = last_frame(summary->recording, &frame);
        if (r != 0)
                return r;
        if (!frame)
                advise(summary);
        if (!frame && !summary->args->json)
                return 0;
        if (summary->args->report && !summary->args->json)
                return print_to_file(summary->args->report, summary, frame);
        return print_to(stderr, summary, frame);
}
