/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The regions of one frame: a heat strip over all of it, then a row for each. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "base/stat.h"
#include "message.h"
#include "select.h"
#include "view.h"

#define Z_95 1.959964 /* standard errors, two-sided */
#define WIDE 100 /* columns from which on there is room for everything */

typedef struct Columns {
        size_t address; /* hexadecimal digits of one */
        bool pid;
        bool physical; /* targets have no pids, but names of ours: nodes */
        bool wide;
        size_t bar;
        size_t mapping;
} Columns;

static size_t hex_digits(uint64_t value) {
        size_t n = 1;

        while (value >>= 4)
                n++;
        return n;
}

static Columns choose_columns(const Screen *screen, const Frame *frame) {
        Columns c = { .address = 8, .pid = frame->n_targets > 1,
                      .physical = frame_apart(&frame->point.working_set) > 0,
                      .wide = screen->width >= WIDE };
        size_t used;

        for (size_t i = 0; i < frame->n_regions; i++)
                c.address = MAX(c.address, hex_digits(frame->regions[i].end));
        c.bar = c.wide ? 10 : 5;
        used = 2 * c.address + 1 + 9 + 7 + 5 + 10 + 5 + 1 + c.bar + 1 + (c.pid ? 8 : 0) +
               (c.wide ? 10 : 0);
        c.mapping = screen->width > used + 12 ? screen->width - used : 12;
        return c;
}

static void print_head(const Screen *screen, const Columns *c, bool brief) {
        if (!brief)
                (void) fputs("RATE: share of checks that found an access, +- standard error in "
                             "percent (~ fewer than 10\n"
                             "checks, ? none); AGE: for how long the region has kept its rate, SURE: how sure "
                             "it is that its\nmoving average is right, give or take 5 percentage points\n",
                             screen->out);
        if (c->pid)
                (void) fprintf(screen->out, "%7s ", c->physical ? "TARGET" : "PID");
        (void) fprintf(screen->out, "%-*s %8s %6s %4s ", (int) (2 * c->address + 1), "ADDRESSES",
                       "SIZE", "RATE", "+-");
        if (c->wide)
                (void) fprintf(screen->out, "%9s ", "SEEN");
        (void) fprintf(screen->out, "%9s %4s %-*s MAPPING\n", "AGE", "SURE", (int) c->bar, "RATE");
}

/* Rounded down: what is shown is not to be trusted more than it may be. */
static const char *format_confidence(char buf[static FORMAT_MAX], const FrameRegion *region) {
        double confidence = frame_region_confidence(region);

        if (confidence < 0)
                return "?";
        (void) snprintf(buf, FORMAT_MAX, "%.0f%%", floor(confidence * 100));
        return buf;
}

static int print_row(const Screen *screen, const Columns *c, const Frame *frame,
                     const FrameRegion *region) {
        const char *mapping = frame->mappings[region->mapping];
        const char *nameless = frame->targets[region->target].hidden ? "[hidden]" : "[anonymous]";
        _cleanup_free_ char *name = display_name(*mapping ? mapping : nameless, c->mapping);
        char size[FORMAT_MAX], rate[FORMAT_MAX], age[FORMAT_MAX], error[FORMAT_MAX] = "", seen[48];
        char sure[FORMAT_MAX];
        char bar[BAR_MAX + 1];

        if (!name)
                return -ENOMEM;
        if (region->samples > 0)
                (void) snprintf(error, sizeof(error), "%.0f",
                                fmax(frame_region_error(region) * 100, 1));
        (void) snprintf(seen, sizeof(seen), "%" PRIu64 "/%" PRIu64, region->hits, region->samples);

        if (c->pid && c->physical)
                (void) fprintf(screen->out, "%7.7s ", frame->targets[region->target].command);
        else if (c->pid)
                (void) fprintf(screen->out, "%7" PRIi64 " ", frame->targets[region->target].pid);
        (void) fprintf(screen->out, "%0*" PRIx64 "-%0*" PRIx64 " %8s %6s %4s ", (int) c->address,
                       region->start, (int) c->address, region->end,
                       format_size(size, frame_region_bytes(region)), format_rate(rate, region),
                       error);
        if (c->wide)
                (void) fprintf(screen->out, "%9s ", seen);
        (void) fprintf(screen->out, "%9s %4s %s %s\n", format_duration(age, region->age_ns),
                       format_confidence(sure, region), format_bar(bar, frame_region_rate(region), c->bar), name);
        return 0;
}

static void print_hidden(const Screen *screen, const Frame *frame) {
        size_t n = 0;

        for (size_t i = 0; i < frame->n_targets; i++)
                n += frame->targets[i].hidden;
        if (n > 0)
                (void) fprintf(screen->out,
                               "hidden: where regions of %zu process%s of other users lie; they are "
                               "counted from 0\n",
                               n, n == 1 ? "" : "es");
}

static void print_total(const Screen *screen, const Frame *frame, const Selection *selection) {
        const FrameWorkingSet *w = &frame->point.working_set;
        char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX];
        size_t filtered = frame->n_regions - selection->n_matching;

        (void) fprintf(screen->out, "total %s in %zu region%s; working set %s +- %s",
                       format_size(a, w->total), frame->n_regions, PLURAL(frame->n_regions),
                       format_size(b, w->bytes), format_size(c, w->error));
        if (frame->point.resident_bytes != FRAME_UNKNOWN)
                (void) fprintf(screen->out, "; resident %s",
                               format_size(a, frame->point.resident_bytes));
        (void) fputc('\n', screen->out);
        print_hidden(screen, frame);
        view_apart(screen, w);
        if (w->untrackable > 0)
                (void) fprintf(screen->out, "could not be checked: %s (%s)\n",
                               format_size(a, w->untrackable),
                               format_share(b, w->total > 0
                                                       ? (double) w->untrackable / (double) w->total
                                                       : 0));
        if (filtered > 0)
                (void) fprintf(screen->out, "not shown, outside of the filters: %zu region%s, %s\n",
                               filtered, PLURAL(filtered),
                               format_size(a, w->total - MIN(w->total, selection->matching_bytes)));
        if (selection->n < selection->n_matching)
                (void) fprintf(screen->out, "not shown, beyond --top: %zu region%s, %s\n",
                               selection->n_matching - selection->n,
                               PLURAL(selection->n_matching - selection->n),
                               format_size(a, selection->matching_bytes - selection->shown_bytes));
}

int view_regions_rows(const Screen *screen, const Arguments *args, const Frame *frame, bool brief) {
        _cleanup_(selection_deinit) Selection selection = {};
        Columns columns = choose_columns(screen, frame);
        int r;

        r = selection_init(&selection, args, frame);
        if (r < 0)
                return r;
        print_head(screen, &columns, brief);
        for (size_t i = 0; i < selection.n; i++) {
                r = print_row(screen, &columns, frame, selection.regions[i]);
                if (r < 0)
                        return r;
        }
        if (!brief)
                print_total(screen, frame, &selection);
        return 0;
}

int view_regions(const Screen *screen, const Arguments *args, const Frame *frame) {
        int r;

        view_frame_header(screen, frame);
        if (frame->n_regions == 0) {
                (void) fputs("no regions: nothing of the targets is mapped (any more)\n",
                             screen->out);
                return 0;
        }
        (void) fputc('\n', screen->out);
        r = view_heat_strip(screen, frame, /* explain= */ true);
        if (r != 0)
                return r;
        (void) fputc('\n', screen->out);
        return view_regions_rows(screen, args, frame, false);
}

/* How sure the moving average is: what a scheme's `confidence` is compared with, and the interval for 95 %. */
static void add_confidence(json_t *json, const FrameRegion *region) {
        double low = 0, high = 1;

        if (region->rate_samples < 0)
                return;
        if (region->rate_samples > 0)
                rate_interval(region->rate, region->rate_samples, Z_95, &low, &high);
        (void) json_object_set_new(json, "rate_samples", json_real(region->rate_samples));
        (void) json_object_set_new(json, "rate_low", json_real(low));
        (void) json_object_set_new(json, "rate_high", json_real(high));
        (void) json_object_set_new(json, "confidence", json_real(frame_region_confidence(region)));
}

static json_t *json_region(const Frame *frame, const FrameRegion *region) {
        bool blind = frame_region_blind(region);
        const FrameTarget *target = &frame->targets[region->target];
        json_t *json;

        json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:f, s:I, s:s}",
                         "target", (json_int_t) target->id, "pid", (json_int_t) target->pid,
                         "start", (json_int_t) region->start, "end", (json_int_t) region->end,
                         "bytes", (json_int_t) frame_region_bytes(region), "hits",
                         (json_int_t) region->hits, "samples", (json_int_t) region->samples,
                         "untrackable", (json_int_t) region->untrackable, "rate",
                         blind ? json_null() : json_real(frame_region_rate(region)), "rate_error",
                         blind ? json_null() : json_real(frame_region_error(region)),
                         "rate_average", region->rate, "age_ns", (json_int_t) region->age_ns,
                         "mapping", frame->mappings[region->mapping]);
        add_confidence(json, region);
        if (json && region->apart > 0)
                (void) json_object_set_new(json, "trackable", json_real(1 - region->apart));
        return json;
}

json_t *view_regions_json(const Arguments *args, const Frame *frame) {
        _cleanup_(selection_deinit) Selection selection = {};
        json_t *document, *regions;

        if (selection_init(&selection, args, frame) < 0)
                return NULL;
        document = json_frame_header(frame);
        regions = json_array();
        for (size_t i = 0; i < selection.n; i++)
                (void) json_array_append_new(regions, json_region(frame, selection.regions[i]));
        (void) json_object_set_new(document, "regions_total",
                                   json_integer((json_int_t) frame->n_regions));
        (void) json_object_set_new(document, "regions", regions);
        return document;
}
