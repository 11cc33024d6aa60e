/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What several views share: the header over a frame, rates, parts of JSON documents. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "message.h"
#include "view.h"

/* Enough checks to tell tenths of a percent apart. */
#define SAMPLES_FINE 1000

/* "  applied       " */
#define LABEL_WIDTH 16

char *format_rate(char buf[static FORMAT_MAX], const FrameRegion *region) {
        const char *mark = region->samples < SAMPLES_CONFIDENT ? "~" : "";
        double percent = frame_region_rate(region) * 100;

        if (region->samples == 0)
                (void) snprintf(buf, FORMAT_MAX, "?");
        else if (region->samples >= SAMPLES_FINE)
                (void) format_share(buf, percent / 100);
        else if (region->hits > 0 && percent < 1)
                (void) snprintf(buf, FORMAT_MAX, "<1%%");
        else if (region->hits < region->samples && percent > 99)
                (void) snprintf(buf, FORMAT_MAX, ">99%%");
        else
                (void) snprintf(buf, FORMAT_MAX, "%s%.0f%%", mark, percent);
        return buf;
}

static void print_targets(const Screen *screen, const Frame *frame) {
        for (size_t i = 0; i < frame->n_targets; i++) {
                const FrameTarget *target = &frame->targets[i];
                _cleanup_free_ char *command = display_name(target->command, 32);
                char size[FORMAT_MAX];

                (void) fprintf(screen->out, "target %" PRIi64 " %s: %s", target->pid,
                               command ? command : "?", target->state);
                if (target->resident_bytes != FRAME_UNKNOWN)
                        (void) fprintf(screen->out, ", %s resident",
                                       format_size(size, target->resident_bytes));
                (void) fputc('\n', screen->out);
        }
}

void view_frame_header(const Screen *screen, const Frame *frame) {
        _cleanup_free_ char *monitor = display_name(frame->monitor, 32);
        char time[TIME_MAX], window[FORMAT_MAX], sample[FORMAT_MAX];

        (void) fprintf(screen->out, "%s: snapshot %" PRIu64 " of %s, window %s, checks every %s\n",
                       monitor ? monitor : "?", frame->point.sequence,
                       format_time(time, frame->point.time_ns),
                       format_duration(window, frame->point.window_ns),
                       format_duration(sample, frame->sample_ns));
        (void) fprintf(screen->out, "source %s: %s, %s\n", frame->source,
                       streq(frame->granularity, "page")
                               ? "single pages"
                               : "whole mappings only, addresses are coarse",
                       frame->reads_seen ? "reads and writes"
                                         : "writes only, what is merely read looks idle");
        print_targets(screen, frame);
}

json_t *json_bytes(uint64_t bytes) {
        return bytes == FRAME_UNKNOWN ? json_null() : json_integer((json_int_t) bytes);
}

json_t *json_working_set(const FrameWorkingSet *w) {
        json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:I}", "bytes", (json_int_t) w->bytes, "error_bytes",
                                 (json_int_t) w->error, "touched_bytes", (json_int_t) w->touched,
                                 "untrackable_bytes", (json_int_t) w->untrackable, "total_bytes",
                                 (json_int_t) w->total);

        json_t *apart;

        if (!json || frame_apart(w) == 0)
                return json;
        apart = json_pack("{s:I, s:I, s:I, s:I}", "free_bytes", (json_int_t) w->free, "kernel_bytes",
                          (json_int_t) w->kernel, "hugetlb_bytes", (json_int_t) w->hugetlb, "offline_bytes",
                          (json_int_t) w->offline);
        (void) json_object_update_new(json, apart);
        return json;
}

void view_apart(const Screen *screen, const FrameWorkingSet *w) {
        const struct {
                const char *name;
                uint64_t bytes;
        } uses[] = {
                { "free", w->free }, { "kernel", w->kernel }, { "hugetlb", w->hugetlb }, { "offline", w->offline },
        };
        const char *before = "apart, neither accessed nor idle:";
        char size[FORMAT_MAX], share[FORMAT_MAX];

        if (frame_apart(w) == 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(uses); i++) {
                if (uses[i].bytes == 0)
                        continue;
                (void) fprintf(screen->out, "%s %s %s (%s)", before, uses[i].name, format_size(size, uses[i].bytes),
                               format_share(share, w->total > 0 ? (double) uses[i].bytes / (double) w->total : 0));
                before = ",";
        }
        (void) fputs(" of the memory, about\n", screen->out);
}

static json_t *json_targets(const Frame *frame) {
        json_t *targets = json_array();

        for (size_t i = 0; i < frame->n_targets; i++) {
                const FrameTarget *t = &frame->targets[i];

                (void) json_array_append_new(
                        targets,
                        json_pack("{s:I, s:I, s:s, s:s, s:I, s:o}", "id", (json_int_t) t->id, "pid",
                                  (json_int_t) t->pid, "command", t->command, "state", t->state,
                                  "address_space", (json_int_t) t->address_space, "resident_bytes",
                                  json_bytes(t->resident_bytes)));
        }
        return targets;
}

json_t *json_frame_header(const Frame *frame) {
        return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:b, s:o, s:o, s:o}", "monitor",
                         frame->monitor, "sequence", (json_int_t) frame->point.sequence, "time_ns",
                         (json_int_t) frame->point.time_ns, "window_ns",
                         (json_int_t) frame->point.window_ns, "sample_ns",
                         (json_int_t) frame->sample_ns, "aggregate_ns",
                         (json_int_t) frame->aggregate_ns, "source", frame->source, "granularity",
                         frame->granularity, "reads_seen", frame->reads_seen, "working_set",
                         json_working_set(&frame->point.working_set), "resident_bytes",
                         json_bytes(frame->point.resident_bytes), "targets", json_targets(frame));
}

uint64_t json_number(json_t *object, const char *key) {
        json_int_t value = json_integer_value(json_object_get(object, key));

        return value > 0 ? (uint64_t) value : 0;
}

const char *json_text(json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key));
}

void print_wrapped(const Screen *screen, const char *text, size_t indent) {
        size_t room = screen->width > indent + 20 ? screen->width - indent : 20, at = 0;
        _cleanup_free_ char *safe = display_name(text, 4096);

        for (char *word = safe ? strtok(safe, " ") : NULL; word; word = strtok(NULL, " ")) {
                size_t length = strlen(word);

                if (at > 0 && at + 1 + length > room) {
                        (void) fprintf(screen->out, "\n%*s", (int) indent, "");
                        at = 0;
                }
                (void) fprintf(screen->out, "%s%s", at > 0 ? " " : "", word);
                at += length + (at > 0);
        }
        (void) fputc('\n', screen->out);
}

void print_labelled(const Screen *screen, const char *label, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list args;

        va_start(args, format);
        text = text_vformat(format, args);
        va_end(args);
        if (!text)
                return;
        (void) fprintf(screen->out, "  %-*s", LABEL_WIDTH - 2, label);
        print_wrapped(screen, text, LABEL_WIDTH);
}

int print_json(json_t *document) {
        _cleanup_json_ json_t *owned = document;

        if (!owned)
                return -ENOMEM;
        if (json_dumpf(owned, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10)) < 0 ||
            fputc('\n', stdout) == EOF || fflush(stdout) == EOF)
                return fail(CTL_REFUSED, "cannot write to standard output");
        return 0;
}
