/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What schemes would have done to a recording: sums, what came back, and a time line. */
#include <inttypes.h>
#include <string.h>

#include "message.h"
#include "view.h"

#define ROWS_DEFAULT 12

static double share_of(uint64_t part, uint64_t whole) {
        return whole > 0 ? (double) part / (double) whole : 0;
}

/* "12.3MiB/s"; never "0B/s" for something. */
static char *format_speed(char buf[static FORMAT_MAX], double bytes) {
        char size[FORMAT_MAX];

        if (bytes > 0 && bytes < 1)
                (void) snprintf(buf, FORMAT_MAX, "<1B/s");
        else
                (void) snprintf(buf, FORMAT_MAX, "%.40s/s", format_size(size, (uint64_t) bytes));
        return buf;
}

static json_t *final_runtime(const Simulation *simulation, size_t scheme) {
        return json_object_get(json_array_get(json_object_get(simulation->end, "schemes"), scheme), "runtime");
}

static json_t *final_context(const Simulation *simulation, size_t scheme) {
        return json_object_get(json_array_get(json_object_get(simulation->end, "schemes"), scheme), "context");
}

static void print_head(const Screen *screen, const Arguments *args, const Recording *recording,
                       const Simulation *simulation) {
        _cleanup_free_ char *scheme = display_name(args->monitor.scheme, 40), *input = display_name(args->input, 40);
        char time[FORMAT_MAX], mapped[FORMAT_MAX], idle[FORMAT_MAX];
        uint64_t missed = recording_missed(recording);

        (void) fprintf(screen->out, "%s on %s: %zu snapshot%s, %s\n", scheme ? scheme : "?", input ? input : "?",
                       simulation->n_answered, PLURAL(simulation->n_answered),
                       format_duration(time, simulation_duration(simulation)));
        (void) fprintf(screen->out, "at the end %s of %s mapped memory was not accessed in the last window\n",
                       format_size(idle, simulation->idle_bytes), format_size(mapped, simulation->mapped_bytes));
        if (missed > 0)
                (void) fprintf(screen->out,
                               "%" PRIu64 " snapshot%s missing in between: ages stay right, sums are low\n", missed,
                               missed == 1 ? " is" : "s are");
}

static void print_returned(const Screen *screen, const SimulatedSum *sum) {
        char size[FORMAT_MAX], share[FORMAT_MAX], time[FORMAT_MAX];

        if (sum->returned_bytes == 0) {
                if (sum->would_bytes > 0)
                        print_labelled(screen, "came back", "nothing: none of it was seen accessed again");
                return;
        }
        print_labelled(screen, "came back", "%s (%s of it) was accessed again, in %zu window%s",
                       format_size(size, sum->returned_bytes),
                       format_share(share, share_of(sum->returned_bytes, sum->would_bytes)), sum->windows_returning,
                       PLURAL(sum->windows_returning));
        if (sum->first_return_ns != UINT64_MAX)
                print_labelled(screen, "", "the first of it %s after the first act",
                               format_duration(time, sum->first_return_ns));
}

static void print_sums(const Screen *screen, const Simulation *simulation, size_t scheme, const SimulatedSum *sum) {
        const SimulatedStep *peak = simulation_step(simulation, sum->peak, scheme),
                            *last = simulation_step(simulation, simulation->n_answered - 1, scheme);
        json_t *context = final_context(simulation, scheme);
        uint64_t limited = json_number(final_runtime(simulation, scheme), "quota_exceeded");
        char a[FORMAT_MAX], b[FORMAT_MAX], time[FORMAT_MAX];

        print_labelled(screen, "would act on", "%s in %" PRIu64 " region%s, in %zu of %zu windows",
                       format_size(a, sum->would_bytes), sum->would_regions, PLURAL(sum->would_regions),
                       sum->windows_acting, simulation->n_answered);
        if (sum->would_bytes > 0) {
                print_labelled(screen, "speed", "%s on average, %s at most", format_speed(a, sum->rate_mean),
                               format_speed(b, sum->rate_max));
                print_labelled(screen, "at once", "at most %s in %" PRIu64 " region%s, %s after the start",
                               format_size(a, peak->would_bytes), peak->would_regions, PLURAL(peak->would_regions),
                               format_duration(time, simulation->points[sum->peak].time_ns -
                                                             simulation->points[0].time_ns));
        }
        print_returned(screen, sum);
        if (limited > 0)
                print_labelled(screen, "quota", "something had to wait for it in %" PRIu64 " quota window%s", limited,
                               PLURAL(limited));
        else if (json_is_integer(json_object_get(context, "reset_interval_ns")))
                print_labelled(screen, "quota", "nothing had to wait for it");
        print_labelled(screen, "at the end", "%s in %" PRIu64 " region%s match",
                       format_size(a, last->matched_bytes), last->matched_regions, PLURAL(last->matched_regions));
}

/* Fractions that only say how late a timer was are noise. */
static nsec_t round_time(nsec_t t) {
        nsec_t unit = t > 10 * NSEC_PER_SEC ? NSEC_PER_SEC : 10 * NSEC_PER_MSEC;

        return (t + unit / 2) / unit * unit;
}

/* Rows of as many snapshots each; what belongs to a row is the sum over its points. */
static void print_row(const Screen *screen, const Simulation *simulation, size_t scheme, size_t first, size_t end,
                      double most) {
        uint64_t would = 0, returned = 0, start = simulation->points[0].time_ns;
        char label[FORMAT_MAX], time[FORMAT_MAX], size[FORMAT_MAX], back[FORMAT_MAX], bar[BAR_MAX + 1];
        uint64_t since = simulation->points[first].time_ns - MIN(start, simulation->points[first].time_ns);
        size_t columns = CLAMP(screen->width - 42, (size_t) 10, (size_t) 40);

        for (size_t i = first; i < end; i++) {
                would += simulation_step(simulation, i, scheme)->would_bytes;
                returned += simulation_step(simulation, i, scheme)->returned_bytes;
        }
        (void) snprintf(label, sizeof(label), "+%.20s", format_duration(time, round_time(since)));
        (void) fprintf(screen->out, "  %11s %9s |%s|", label, format_size(size, would),
                       format_bar(bar, most > 0 ? (double) would / most : 0, columns));
        if (returned > 0)
                (void) fprintf(screen->out, " %s back", format_size(back, returned));
        (void) fputc('\n', screen->out);
}

static size_t row_begin(const Simulation *simulation, size_t row, size_t rows) {
        return (size_t) ((double) simulation->n_answered * (double) row / (double) rows);
}

static void print_time_line(const Screen *screen, const Arguments *args, const Simulation *simulation,
                            size_t scheme) {
        size_t rows = args->rows > 0 ? (size_t) MIN(args->rows, UINT64_C(100000)) : ROWS_DEFAULT;
        double most = 0;

        rows = MIN(rows, simulation->n_answered);
        for (size_t row = 0; row < rows; row++) {
                double would = 0;

                for (size_t i = row_begin(simulation, row, rows); i < row_begin(simulation, row + 1, rows); i++)
                        would += (double) simulation_step(simulation, i, scheme)->would_bytes;
                most = MAX(most, would);
        }
        if (most <= 0)
                return;
        (void) fprintf(screen->out, "\n  %11s %9s\n", "TIME", "WOULD");
        for (size_t row = 0; row < rows; row++)
                print_row(screen, simulation, scheme, row_begin(simulation, row, rows),
                          row_begin(simulation, row + 1, rows), most);
}

/* What a recording cannot know. */
static void print_caveats(const Screen *screen) {
        static const char text[] =
                "This is an estimate. The recording shows memory that was left alone: had it been acted on, what "
                "came back would have cost faults, the program would have run differently, and later regions with "
                "it. Single pages (shared, locked, swapped, what page filters ask for), room in swap, free memory "
                "and pressure are not in a recording: on the machine, less may be tried, and less applied. Then "
                "try it with dry_run: true, which sees them.";

        (void) fputc('\n', screen->out);
        print_wrapped(screen, text, 0);
}

int view_simulate(const Screen *screen, const Arguments *args, const Recording *recording,
                  const Simulation *simulation) {
        print_head(screen, args, recording, simulation);
        for (size_t i = 0; i < simulation->n_schemes; i++) {
                SimulatedSum sum = simulation_sum(simulation, i);
                const char *action = json_text(final_context(simulation, i), "action"),
                           *message = json_text(final_runtime(simulation, i), "message");
                _cleanup_free_ char *name = display_name(simulation->names[i], 64),
                                    *verb = display_name(action ? action : "?", 32);

                (void) fprintf(screen->out, "\n%s: %s\n", name ? name : "?", verb ? verb : "?");
                if (message)
                        print_labelled(screen, "note", "%s", message);
                print_sums(screen, simulation, i, &sum);
                print_time_line(screen, args, simulation, i);
        }
        if (simulation->n_schemes == 0)
                (void) fputs("there is no scheme in it\n", screen->out);
        else
                print_caveats(screen);
        return 0;
}

static json_t *points_json(const Simulation *simulation, size_t scheme) {
        json_t *points = json_array();

        for (size_t i = 0; i < simulation->n_answered; i++) {
                const SimulatedStep *s = simulation_step(simulation, i, scheme);

                (void) json_array_append_new(
                        points, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sequence",
                                          (json_int_t) simulation->points[i].sequence, "time_ns",
                                          (json_int_t) simulation->points[i].time_ns, "matched_regions",
                                          (json_int_t) s->matched_regions, "matched_bytes",
                                          (json_int_t) s->matched_bytes, "would_regions", (json_int_t) s->would_regions,
                                          "would_bytes", (json_int_t) s->would_bytes, "returned_bytes",
                                          (json_int_t) s->returned_bytes));
        }
        return points;
}

static json_t *scheme_json(const Simulation *simulation, size_t scheme) {
        SimulatedSum sum = simulation_sum(simulation, scheme);
        const SimulatedStep *peak = simulation_step(simulation, sum.peak, scheme),
                            *last = simulation_step(simulation, simulation->n_answered - 1, scheme);

        return json_pack("{s:s, s:s?, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:f, s:I, s:o, s:I, s:I, s:O, s:o}",
                         "name", simulation->names[scheme], "action",
                         json_text(final_context(simulation, scheme), "action"),
                         "would_bytes", (json_int_t) sum.would_bytes, "would_regions", (json_int_t) sum.would_regions,
                         "windows_acting", (json_int_t) sum.windows_acting, "bytes_per_second", sum.rate_mean,
                         "bytes_per_second_max", sum.rate_max, "bytes_at_once_max", (json_int_t) peak->would_bytes,
                         "windows_limited",
                         (json_int_t) json_number(final_runtime(simulation, scheme), "quota_exceeded"),
                         "returned_bytes", (json_int_t) sum.returned_bytes, "returned_share",
                         share_of(sum.returned_bytes, sum.would_bytes), "windows_returning",
                         (json_int_t) sum.windows_returning, "first_return_ns",
                         sum.first_return_ns == UINT64_MAX ? json_null()
                                                           : json_integer((json_int_t) sum.first_return_ns),
                         "matched_bytes_at_end", (json_int_t) last->matched_bytes, "matched_regions_at_end",
                         (json_int_t) last->matched_regions, "scheme",
                         json_array_get(json_object_get(simulation->end, "schemes"), scheme), "points",
                         points_json(simulation, scheme));
}

json_t *view_simulate_json(const Arguments *args, const Recording *recording, const Simulation *simulation) {
        json_t *schemes = json_array();

        for (size_t i = 0; i < simulation->n_schemes; i++)
                (void) json_array_append_new(schemes, scheme_json(simulation, i));
        return json_pack("{s:s?, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "monitor", json_text(simulation->end, "monitor"),
                         "recording", args->input, "snapshots", (json_int_t) simulation->n_answered,
                         "missed_snapshots", (json_int_t) recording_missed(recording), "duration_ns",
                         (json_int_t) simulation_duration(simulation), "mapped_bytes_at_end",
                         (json_int_t) simulation->mapped_bytes, "idle_bytes_at_end",
                         (json_int_t) simulation->idle_bytes, "schemes", schemes);
}
