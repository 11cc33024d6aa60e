/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The working set over time: as a distribution, or window by window. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "base/stat.h"
#include "message.h"
#include "view.h"

static const double percents[] = { 0, 25, 50, 75, 95, 100 };

typedef struct Distribution {
        WeightedValue *values;
        size_t n;
} Distribution;

static void distribution_deinit(Distribution *d) {
        free(d->values);
}

typedef uint64_t (*PointValue)(const FramePoint *point);

static uint64_t working_set_of(const FramePoint *point) {
        return point->working_set.bytes;
}

static uint64_t touched_of(const FramePoint *point) {
        return point->working_set.touched;
}

static uint64_t resident_of(const FramePoint *point) {
        return point->resident_bytes;
}

/* Each window counts for as long as it was; unknown values do not count. */
static int distribution_init(Distribution *d, const FramePoint *points, size_t n,
                             PointValue value) {
        *d = (Distribution) { .values = calloc(n + 1, sizeof(*d->values)) };
        if (!d->values)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (value(&points[i]) != FRAME_UNKNOWN)
                        d->values[d->n++] = (WeightedValue){(double) value(&points[i]),
                                                            MAX(points[i].window_ns, UINT64_C(1))};
        weighted_sort(d->values, d->n);
        return 0;
}

static double distribution_mean(const Distribution *d) {
        double sum = 0, weight = 0;

        for (size_t i = 0; i < d->n; i++) {
                sum += d->values[i].value * (double) d->values[i].weight;
                weight += (double) d->values[i].weight;
        }
        return weight > 0 ? sum / weight : 0;
}

/* The standard error of one window, root mean square over all. */
static double typical_error(const FramePoint *points, size_t n) {
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += (double) points[i].working_set.error * (double) points[i].working_set.error;
        return n > 0 ? sqrt(sum / (double) n) : 0;
}

typedef struct WssDistributions {
        Distribution working_set;
        Distribution touched;
        Distribution resident;
} WssDistributions;

static void wss_distributions_deinit(WssDistributions *d) {
        distribution_deinit(&d->working_set);
        distribution_deinit(&d->touched);
        distribution_deinit(&d->resident);
}

static int wss_distributions_init(WssDistributions *d, const FramePoint *points, size_t n) {
        int r;

        *d = (WssDistributions) {};
        r = distribution_init(&d->working_set, points, n, working_set_of);
        if (r == 0)
                r = distribution_init(&d->touched, points, n, touched_of);
        if (r == 0)
                r = distribution_init(&d->resident, points, n, resident_of);
        return r;
}

static uint64_t total_window(const FramePoint *points, size_t n) {
        uint64_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += points[i].window_ns;
        return sum;
}

static void print_head(const Screen *screen, const FramePoint *points, size_t n) {
        char time[FORMAT_MAX], a[TIME_MAX], b[TIME_MAX];

        (void) fprintf(screen->out, "working set: %zu window%s, %s in all, %s to %s\n", n,
                       PLURAL(n), format_duration(time, total_window(points, n)),
                       format_time(a, points[0].time_ns), format_time(b, points[n - 1].time_ns));
        (void) fputs("WORKING SET: estimate of what is touched within one sampling interval; "
                     "TOUCHED: all\n"
                     "regions with any access in the window (an upper bound); RESIDENT: what the "
                     "kernel holds\n",
                     screen->out);
}

static size_t bar_columns(const Screen *screen, size_t used) {
        return screen->width > used + 10 ? MIN(screen->width - used, (size_t) 40) : 10;
}

static char *format_double(char buf[static FORMAT_MAX], const Distribution *d, double percent) {
        if (d->n == 0)
                (void) snprintf(buf, FORMAT_MAX, "-");
        else
                (void) format_size(buf, (uint64_t) weighted_percentile(d->values, d->n, percent));
        return buf;
}

static void print_row(const Screen *screen, const WssDistributions *d, double percent,
                      double scale) {
        double value = weighted_percentile(d->working_set.values, d->working_set.n, percent);
        char w[FORMAT_MAX], t[FORMAT_MAX], rss[FORMAT_MAX], bar[BAR_MAX + 1];

        (void) fprintf(screen->out, "%6.0f%% %11s %9s %9s  |%s|\n", percent,
                       format_double(w, &d->working_set, percent),
                       format_double(t, &d->touched, percent),
                       format_double(rss, &d->resident, percent),
                       format_bar(bar, scale > 0 ? value / scale : 0, bar_columns(screen, 42)));
}

static void print_foot(const Screen *screen, const FramePoint *points, size_t n,
                       const WssDistributions *d) {
        char mean[FORMAT_MAX], error[FORMAT_MAX], size[FORMAT_MAX], share[FORMAT_MAX];
        const FrameWorkingSet *last = &points[n - 1].working_set;
        uint64_t missed = points[n - 1].sequence - points[0].sequence + 1 - n;

        (void) fprintf(screen->out, "mean %s; standard error of one window +- %s\n",
                       format_size(mean, (uint64_t) distribution_mean(&d->working_set)),
                       format_size(error, (uint64_t) typical_error(points, n)));
        view_apart(screen, last);
        if (last->untrackable > 0)
                (void) fprintf(screen->out, "could not be checked in the last window: %s (%s)\n",
                               format_size(size, last->untrackable),
                               format_share(share, last->total > 0 ? (double) last->untrackable /
                                                                             (double) last->total
                                                                   : 0));
        if (points[n - 1].sequence >= points[0].sequence && missed > 0 && missed < UINT32_MAX)
                (void) fprintf(screen->out, "missing: %" PRIu64 " snapshots in between\n", missed);
}

static int print_distribution(const Screen *screen, const FramePoint *points, size_t n) {
        _cleanup_(wss_distributions_deinit) WssDistributions d;
        double scale;
        int r;

        r = wss_distributions_init(&d, points, n);
        if (r < 0)
                return r;
        scale = d.working_set.values[d.working_set.n - 1].value;
        (void) fprintf(screen->out, "%7s %11s %9s %9s  (share of the time with at most so much)\n",
                       "TIME", "WORKING SET", "TOUCHED", "RESIDENT");
        for (size_t i = 0; i < ELEMENTSOF(percents); i++)
                print_row(screen, &d, percents[i], scale);
        print_foot(screen, points, n, &d);
        return 0;
}

static int print_by_time(const Screen *screen, const FramePoint *points, size_t n) {
        uint64_t most = 0;

        for (size_t i = 0; i < n; i++)
                most = MAX(most, points[i].working_set.bytes);
        (void) fprintf(screen->out, "%-19s %11s %11s %9s %9s\n", "TIME", "WORKING SET", "+-",
                       "TOUCHED", "RESIDENT");
        for (size_t i = 0; i < n; i++) {
                const FramePoint *p = &points[i];
                char time[TIME_MAX], w[FORMAT_MAX], e[FORMAT_MAX], t[FORMAT_MAX],
                        rss[FORMAT_MAX] = "-";
                char bar[BAR_MAX + 1];

                if (p->resident_bytes != FRAME_UNKNOWN)
                        (void) format_size(rss, p->resident_bytes);
                (void) fprintf(
                        screen->out, "%-19s %11s %11s %9s %9s |%s|\n",
                        format_time(time, p->time_ns), format_size(w, p->working_set.bytes),
                        format_size(e, p->working_set.error),
                        format_size(t, p->working_set.touched), rss,
                        format_bar(bar,
                                   most > 0 ? (double) p->working_set.bytes / (double) most : 0,
                                   bar_columns(screen, 66)));
        }
        return 0;
}

int view_wss(const Screen *screen, const Arguments *args, const FramePoint *points, size_t n) {
        if (n == 0) {
                (void) fputs("no window has closed yet\n", screen->out);
                return 0;
        }
        print_head(screen, points, n);
        return args->by_time ? print_by_time(screen, points, n)
                             : print_distribution(screen, points, n);
}

static json_t *json_points(const FramePoint *points, size_t n) {
        json_t *array = json_array();

        for (size_t i = 0; i < n; i++) {
                const FramePoint *p = &points[i];

                (void) json_array_append_new(
                        array,
                        json_pack("{s:I, s:I, s:I, s:o, s:o, s:I}", "sequence",
                                  (json_int_t) p->sequence, "time_ns", (json_int_t) p->time_ns,
                                  "window_ns", (json_int_t) p->window_ns, "working_set",
                                  json_working_set(&p->working_set), "resident_bytes",
                                  json_bytes(p->resident_bytes), "regions",
                                  (json_int_t) p->regions));
        }
        return array;
}

json_t *view_wss_json(const Arguments *args, const FramePoint *points, size_t n) {
        _cleanup_(wss_distributions_deinit) WssDistributions d = {};
        json_t *rows = json_array();

        if (wss_distributions_init(&d, points, n) < 0)
                return json_decref(rows), NULL;
        for (size_t i = 0; n > 0 && i < ELEMENTSOF(percents); i++) {
                double p = percents[i];

                (void) json_array_append_new(
                        rows,
                        json_pack(
                                "{s:f, s:I, s:I, s:o}", "percent", p, "working_set_bytes",
                                (json_int_t) weighted_percentile(d.working_set.values,
                                                                 d.working_set.n, p),
                                "touched_bytes",
                                (json_int_t) weighted_percentile(d.touched.values, d.touched.n, p),
                                "resident_bytes",
                                d.resident.n > 0 ? json_integer((json_int_t) weighted_percentile(
                                                           d.resident.values, d.resident.n, p))
                                                 : json_null()));
        }
        return json_pack("{s:I, s:I, s:I, s:o, s:o}", "windows", (json_int_t) n, "mean_bytes",
                         (json_int_t) distribution_mean(&d.working_set), "error_bytes",
                         (json_int_t) typical_error(points, n), "percentiles", rows, "points",
                         json_points(points, n));
}
